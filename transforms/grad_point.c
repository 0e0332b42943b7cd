/* SPDX-License-Identifier: BSD-2-Clause */
/* Backward passes of layers that treat values one by one or only move them, and
 * what all layers' passes end with.  Not here: convolutions (grad_conv.c),
 * resampling (grad_resize.c), attention (grad_attend.c). */
#include <math.h>
#include <string.h>

#include "grad_internal.h"

bool grad_is_gdn(const nenc_op *op)
{
    return op->conv.cin && !op->layer->is_conv;
}

static bool is_function(const nenc_op *op)
{
    return op->layer->elementwise && op->n_src == 1 && !op->weight;
}

bool grad_needs_sources(const nenc_op *op)
{
    const nenc_moves m = op->layer->moves;
    return m == NENC_MOVES_WARP || m == NENC_MOVES_WINDOW
        || m == NENC_MOVES_ALL;
}

bool grad_needs_x(const nenc_op *op)
{
    if (grad_is_gdn(op) || grad_is_norm(op))
        return true;
    return is_function(op)
        && (op->point == NENC_POINT_GELU || op->point == NENC_POINT_SILU
            || op->point == NENC_POINT_SOFTPLUS || op->point == NENC_POINT_ABS
            || op->point == NENC_POINT_SSQRT);
}

bool grad_needs_y(const nenc_op *op)
{
    return is_function(op) && !grad_needs_x(op);
}

/* One row: a piece of memory that fits the first cache. */
typedef struct piece {
    const float *dy, *x, *y;
    float *to, *work;
    size_t n;
} piece;

/* -------------------------------------------------------------- derivatives

 * Loops have no branches and no two names for one array: they become vectors.
 * So what a function's gradient is multiplied by goes to an array first. */

/* to = dy by; to may be dy */
static void multiply(float *to, const float *dy, const float *restrict by,
                     size_t n)
{
    if (to == dy)
        for (size_t i = 0; i < n; i++)
            to[i] *= by[i];
    else
        for (size_t i = 0; i < n; i++)
            to[i] = dy[i] * by[i];
}

static void of_act(float *restrict d, const float *restrict y, size_t n,
                   float slope)
{
    for (size_t i = 0; i < n; i++)
        d[i] = y[i] > 0 ? 1 : slope;
}

/* Phi(x) + x phi(x), where Phi(x) is gelu(x) / x; d has room for 2 n */
static void of_gelu(float *restrict d, const float *restrict x, size_t n,
                    const nenc_kernels *k)
{
    const float root = 0.3989422804f;    /* of 1 / 2 pi */
    float *restrict gelu = d + n;
    k->point(NENC_POINT_GELU, gelu, x, n, 0);
    for (size_t i = 0; i < n; i++)
        d[i] = -0.5f * x[i] * x[i];
    k->point(NENC_POINT_EXP, d, d, n, 0);
    for (size_t i = 0; i < n; i++) {
        const bool small = fabsf(x[i]) <= 1e-3f;
        const float part = gelu[i] / (small ? 1 : x[i]);
        d[i] = (small ? 0.5f + x[i] * root : part) + x[i] * (d[i] * root);
    }
}

static void of_silu(float *restrict d, const float *restrict x, size_t n,
                    const nenc_kernels *k)
{
    k->point(NENC_POINT_SIGMOID, d, x, n, 0);
    for (size_t i = 0; i < n; i++)
        d[i] = d[i] * (1 + x[i] * (1 - d[i]));
}

static void of_abs(float *restrict d, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = (x[i] > 0 ? 1.0f : 0) - (x[i] < 0 ? 1.0f : 0);
}

/* x / sqrt(1 + |x|): (1 + |x| / 2) / (1 + |x|)^1.5; d has room for 2 n */
static void of_ssqrt(float *restrict d, const float *restrict x, size_t n,
                     const nenc_kernels *k)
{
    float *restrict a = d + n;
    for (size_t i = 0; i < n; i++)
        a[i] = 1 + fabsf(x[i]);
    k->point(NENC_POINT_SQRT, d, a, n, 0);
    for (size_t i = 0; i < n; i++)
        d[i] = (0.5f + 0.5f * a[i]) / (a[i] * d[i]);
}

static void of_sigmoid(float *restrict d, const float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = y[i] * (1 - y[i]);
}

static void of_tanh(float *restrict d, const float *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = 1 - y[i] * y[i];
}

/* @return the derivative, in p->work or elsewhere */
static const float *derivative(const nenc_op *op, const piece *p,
                               const nenc_kernels *k)
{
    float *d = p->work;
    switch (op->point) {
    case NENC_POINT_RELU:
        of_act(d, p->y, p->n, 0);
        break;
    case NENC_POINT_LRELU:
        of_act(d, p->y, p->n, op->slope);
        break;
    case NENC_POINT_GELU:
        of_gelu(d, p->x, p->n, k);
        break;
    case NENC_POINT_SILU:
        of_silu(d, p->x, p->n, k);
        break;
    case NENC_POINT_SOFTPLUS:
        k->point(NENC_POINT_SIGMOID, d, p->x, p->n, 0);
        break;
    case NENC_POINT_ABS:
        of_abs(d, p->x, p->n);
        break;
    case NENC_POINT_SSQRT:
        of_ssqrt(d, p->x, p->n, k);
        break;
    case NENC_POINT_SIGMOID:
        of_sigmoid(d, p->y, p->n);
        break;
    case NENC_POINT_TANH:
        of_tanh(d, p->y, p->n);
        break;
    case NENC_POINT_EXP:
        return p->y;
    case NENC_POINT_SQRT:        /* no layer has these */
    case NENC_POINT_N:
        break;
    }
    return d;
}

static void function_rows(const nenc_grad *g, const grad_step *s, int worker,
                          size_t row0, size_t row1)
{
    const size_t n = s->shape.w * s->shape.c;
    for (size_t row = row0; row < row1; row++) {
        const size_t at = row * n;
        const piece p = {
            .dy = grad_data(g, s->dy) + at, .to = grad_data(g, s->to) + at,
            .x = s->x < 0 ? NULL : grad_value_data(g, s->x) + at,
            .y = s->y < 0 ? NULL : grad_value_data(g, s->y) + at,
            .work = g->scratch + (size_t)worker * g->scratch_floats, .n = n,
        };
        if (p.x || p.y)
            multiply(p.to, p.dy, derivative(s->op, &p, g->kernels), n);
        else if (p.to != p.dy)   /* the mask has been through it */
            memcpy(p.to, p.dy, n * sizeof *p.to);
    }
}

/* ---------------------------------------------------------------- two sources */

static bool is_spread(const nenc_shape *s)
{
    return s->h == 1 && s->w == 1;
}

/* A source that was used for all pixels of a picture: images [row0, row1). */
static void spread_rows(const nenc_grad *g, const grad_step *s, int worker,
                        size_t row0, size_t row1)
{
    const size_t c = s->shape.c, w = s->dy_shape.w, h = s->dy_shape.h;
    const float *other = s->other < 0 ? NULL : grad_value_data(g, s->other);
    float *line = g->scratch + (size_t)worker * g->scratch_floats;
    for (size_t image = row0; image < row1; image++) {
        float *to = grad_data(g, s->to) + image * c;
        memset(to, 0, c * sizeof *to);
        for (size_t y = image * h; y < (image + 1) * h; y++) {
            const float *dy = grad_data(g, s->dy) + y * w * c;
            const float *x = other ? other + y * w * c : NULL;
            memset(line, 0, c * sizeof *line);
            for (size_t i = 0; i < w * c; i += c)
                for (size_t k = 0; k < c; k++)
                    line[k] += x ? dy[i + k] * x[i + k] : dy[i + k];
            for (size_t k = 0; k < c; k++)
                to[k] += line[k];
        }
    }
}

static void product_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                         size_t row1)
{
    const size_t c = s->shape.c, w = s->shape.w, h = s->shape.h;
    const bool spread = is_spread(&s->other_shape) && !is_spread(&s->shape);
    const float *dy = grad_data(g, s->dy), *x = grad_value_data(g, s->other);
    float *to = grad_data(g, s->to);
    if (!spread) {
        const size_t at = row0 * w * c;
        multiply(to + at, dy + at, x + at, row1 * w * c - at);
        return;
    }
    for (size_t row = row0; row < row1; row++)
        for (size_t i = row * w * c; i < (row + 1) * w * c; i += c)
            multiply(to + i, dy + i, x + row / h * c, c);
}

static void scale_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                       size_t row1)
{
    const size_t c = s->shape.c, w = s->shape.w;
    const float *dy = grad_data(g, s->dy), *by = s->params->kernel->value;
    float *to = grad_data(g, s->to);
    for (size_t i = row0 * w * c; i < row1 * w * c; i += c)
        multiply(to + i, dy + i, by, c);
}

static void copy_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                      size_t row1)
{
    const size_t n = s->shape.w * s->shape.c;
    const float *dy = grad_data(g, s->dy) + row0 * n;
    float *to = grad_data(g, s->to) + row0 * n;
    if (to != dy)
        memcpy(to, dy, (row1 - row0) * n * sizeof *to);
}

/* --------------------------------------------------------- concat and slice */

static void channel_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                         size_t row1)
{
    const size_t w = s->shape.w, c = s->shape.c, all = s->dy_shape.c;
    const float *dy = grad_data(g, s->dy);
    float *to = grad_data(g, s->to);
    if (c <= all && s->op->n_src > 1) {                 /* concat */
        size_t first = 0;
        for (size_t k = 0; k < s->source; k++)
            first += g->values[s->op->src[k]].shape.c;
        for (size_t i = row0 * w; i < row1 * w; i++)
            memcpy(to + i * c, dy + i * all + first, c * sizeof *to);
        return;
    }
    memset(to + row0 * w * c, 0, (row1 - row0) * w * c * sizeof *to);
    for (size_t i = row0 * w; i < row1 * w; i++)
        memcpy(to + i * c + s->op->arg[0], dy + i * all, all * sizeof *to);
}

/* ------------------------------------------------------------------- all layers */

static bool is_attention(const nenc_op *op)
{
    return op->layer->moves == NENC_MOVES_WINDOW
        || op->layer->moves == NENC_MOVES_ALL;
}

static bool resamples(const nenc_op *op)
{
    const nenc_moves m = op->layer->moves;
    return m == NENC_MOVES_RESIZE || m == NENC_MOVES_MEAN
        || m == NENC_MOVES_WARP;
}

size_t grad_step_scratch(const grad_step *s, const nenc_kernels *kernels)
{
    const size_t row = s->shape.w * s->shape.c;
    if (grad_is_gdn(s->op))
        return 4 * row;
    if (grad_is_norm(s->op))
        return grad_norm_scratch(s);
    if (is_attention(s->op))
        return grad_attend_scratch(s, kernels);
    if (resamples(s->op))
        return grad_resize_scratch(s);
    if (s->op->layer->elementwise)
        return NENC_MAX(2 * row, s->dy_shape.c);
    return 0;
}

static void compute_rows(const nenc_grad *g, const grad_step *s, int worker,
                         size_t row0, size_t row1)
{
    const nenc_op *op = s->op;
    if (grad_is_gdn(op))
        grad_gdn_rows(g, s, worker, row0, row1);
    else if (op->conv.cin)
        grad_conv_rows(g, s, row0, row1);
    else if (grad_is_norm(op))
        grad_norm_rows(g, s, worker, row0, row1);
    else if (is_attention(op))
        grad_attend_rows(g, s, worker, row0, row1);
    else if (resamples(op))
        grad_resize_rows(g, s, worker, row0, row1);
    else if (s->move)
        nenc_move_run_back(s->move, s->map_rows, grad_data(g, s->dy),
                           grad_data(g, s->to), row0, row1);
    else if (!op->layer->elementwise)
        channel_rows(g, s, row0, row1);
    else if (op->weight)
        scale_rows(g, s, row0, row1);
    else if (op->n_src == 1)
        function_rows(g, s, worker, row0, row1);
    else if (is_spread(&s->shape) && !is_spread(&s->dy_shape))
        spread_rows(g, s, worker, row0, row1);
    else if (op->layer->is_add)
        copy_rows(g, s, row0, row1);
    else
        product_rows(g, s, row0, row1);
}

void grad_source_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1)
{
    const size_t n = s->shape.w * s->shape.c;
    float *to = grad_data(g, s->to);
    compute_rows(g, s, worker, row0, row1);
    if (s->plus >= 0 && !s->op->conv.cin) {
        const float *plus = grad_data(g, s->plus);
        for (size_t i = row0 * n; i < row1 * n; i++)
            to[i] += plus[i];
    }
    if (s->mask >= 0) {
        const float *y = grad_value_data(g, s->mask), slope = s->mask_slope;
        for (size_t i = row0 * n; i < row1 * n; i++)
            to[i] *= y[i] > 0 ? 1 : slope;
    }
}
