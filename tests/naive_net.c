/* SPDX-License-Identifier: BSD-2-Clause */
/* Random weights for small networks, and their naive evaluation in double
 * precision, which shares no code with the library's.  Nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "naive_net.h"

static uint32_t seed = 1;

float naive_noise(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (float)(seed >> 8) * 0x1p-23f - 1.0f;
}

/* ----------------------------------------------------------------- weights */

static void add_tensor(naive_weights *w, const char *name, const size_t *dims,
                       size_t n_dims, float centre, float spread)
{
    assert_true(w->n < NAIVE_TENSORS);
    nenc_st_tensor *t = &w->tensors[w->n++];
    memset(t, 0, sizeof *t);
    t->name = nenc_arena_strdup(&w->arena, name, strlen(name));
    t->dtype = NENC_F32;
    t->n_dims = n_dims;
    t->n_items = 1;
    for (size_t i = 0; i < n_dims; i++)
        t->n_items *= t->dims[i] = dims[i];
    t->size = 4 * t->n_items;
    uint8_t *data = nenc_arena_zalloc(&w->arena, t->n_items, 4);
    assert_true(t->name && data);
    for (size_t i = 0; i < t->n_items; i++) {
        const float v = centre + spread * naive_noise();
        uint32_t word;
        memcpy(&word, &v, 4);
        nenc_bytes_put_u32(data + 4 * i, word);
    }
    t->data = data;
}

/* "g.NAME.weight" [a, b, k, k] and the bias of c channels */
static void add_conv(naive_weights *w, const char *name, size_t a, size_t b,
                     size_t k, size_t c)
{
    const size_t dims[4] = { a, b, k, k };
    char full[64];
    snprintf(full, sizeof full, "g.%s.weight", name);
    add_tensor(w, full, dims, 4, 0, 0.5f);
    snprintf(full, sizeof full, "g.%s.bias", name);
    add_tensor(w, full, &c, 1, 0, 0.5f);
}

static void add_gdn(naive_weights *w, const char *name, size_t c)
{
    const size_t dims[2] = { c, c };
    char full[64];
    snprintf(full, sizeof full, "g.%s.gamma", name);
    add_tensor(w, full, dims, 2, 0.3f, 0.2f);
    snprintf(full, sizeof full, "g.%s.beta", name);
    add_tensor(w, full, dims, 1, 1, 0.3f);
}

static void add_norm(naive_weights *w, const char *name, size_t c)
{
    char full[64];
    snprintf(full, sizeof full, "g.%s.weight", name);
    add_tensor(w, full, &c, 1, 1, 0.5f);
    snprintf(full, sizeof full, "g.%s.bias", name);
    add_tensor(w, full, &c, 1, 0, 0.5f);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nenc_st_tensor *)a)->name,
                  ((const nenc_st_tensor *)b)->name);
}

void naive_weights_init(naive_weights *w)
{
    const size_t eight = 8;
    w->n = 0;
    seed = 77;
    nenc_arena_init(&w->arena, 1 << 22);
    add_conv(w, "c3", 8, 6, 3, 8);
    add_conv(w, "c3b", 8, 8, 3, 8);
    add_conv(w, "c1", 8, 8, 1, 8);
    add_conv(w, "c5", 8, 6, 5, 8);
    add_conv(w, "c2", 8, 6, 2, 8);
    add_conv(w, "grp", 8, 4, 3, 8);
    add_conv(w, "dw", 8, 1, 3, 8);
    add_conv(w, "t5", 6, 8, 5, 8);
    add_conv(w, "t2", 6, 4, 2, 4);
    add_conv(w, "q", 8, 2, 1, 8);
    add_conv(w, "big", 32, 6, 3, 32);
    add_conv(w, "bigger", 32, 32, 3, 32);
    add_conv(w, "k8", 8, 8, 1, 8);
    add_conv(w, "v8", 8, 8, 1, 8);
    add_conv(w, "v4", 4, 8, 1, 4);
    add_conv(w, "flow", 2, 6, 3, 2);
    add_conv(w, "v40", 40, 6, 1, 40);
    add_norm(w, "l6", 6);
    add_norm(w, "l8", 8);
    add_norm(w, "l8b", 8);
    add_norm(w, "l40", 40);
    add_gdn(w, "n8", 8);
    add_tensor(w, "g.s8.weight", &eight, 1, 0, 2);
    qsort(w->tensors, w->n, sizeof *w->tensors, by_name);
}

/* -------------------------------------------------------- naive evaluation */

static double *at(const naive_tensor *t, size_t n, size_t y, size_t x, size_t c)
{
    return &t->v[((n * t->s.h + y) * t->s.w + x) * t->s.c + c];
}

static void set_shape(naive_tensor *t, size_t n, size_t h, size_t w, size_t c)
{
    t->s = (nenc_shape){ n, h, w, c };
    t->v = calloc(n * h * w * c, sizeof *t->v);
    assert_non_null(t->v);
}

/* One product of a convolution, by scattering: other loops than the code's. */
static void naive_conv(const nenc_op *op, const naive_values *values,
                       const naive_tensor *x, naive_tensor *d, bool square)
{
    const nenc_conv_shape *c = &op->conv;
    const size_t gi = c->cin / c->groups, go = c->cout / c->groups;
    const size_t h = c->transposed ? x->s.h * c->stride
                     : (x->s.h + 2 * c->pad - c->k) / c->stride + 1;
    const size_t w = c->transposed ? x->s.w * c->stride
                     : (x->s.w + 2 * c->pad - c->k) / c->stride + 1;
    set_shape(d, x->s.n, h, w, c->cout);
    for (size_t n = 0; n < x->s.n; n++)
        for (size_t i = 0; i < h * w * c->cout; i++)
            d->v[n * h * w * c->cout + i] =
                values->bias[i % c->cout];
    const double *weight = values->kernel;
    for (size_t n = 0; n < x->s.n; n++)
        for (size_t o = 0; o < c->cout; o++)
            for (size_t i = 0; i < gi; i++)
                for (size_t ky = 0; ky < c->k; ky++)
                    for (size_t kx = 0; kx < c->k; kx++) {
                        const size_t in = o / go * gi + i;
                        const size_t k = ky * c->k + kx, kk = c->k * c->k;
                        const double wt = c->transposed
                            ? weight[(in * go + o % go) * kk + k]
                            : weight[(o * gi + i) * kk + k];
                        const size_t small_h = c->transposed ? x->s.h : h;
                        const size_t small_w = c->transposed ? x->s.w : w;
                        for (size_t y = 0; y < small_h; y++)
                            for (size_t q = 0; q < small_w; q++) {
                                const size_t by = y * c->stride + ky - c->pad;
                                const size_t bx = q * c->stride + kx - c->pad;
                                const naive_tensor *big = c->transposed ? d : x;
                                if (by >= big->s.h || bx >= big->s.w)
                                    continue;    /* also what wrapped */
                                const double v = c->transposed
                                    ? *at(x, n, y, q, in)
                                    : *at(x, n, by, bx, in);
                                double *to = c->transposed
                                    ? at(d, n, by, bx, o) : at(d, n, y, q, o);
                                *to += wt * (square ? v * v : v);
                            }
                    }
}

static double naive_point(nenc_point p, double x, double slope)
{
    switch (p) {
    case NENC_POINT_RELU: return x > 0 ? x : 0;
    case NENC_POINT_LRELU: return x > 0 ? x : x * slope;
    case NENC_POINT_GELU: return x * 0.5 * erfc(-x / sqrt(2));
    case NENC_POINT_SILU: return x / (1 + exp(-x));
    case NENC_POINT_SIGMOID: return 1 / (1 + exp(-x));
    case NENC_POINT_TANH: return tanh(x);
    case NENC_POINT_SOFTPLUS: return log1p(exp(x));
    case NENC_POINT_EXP: return exp(x);
    case NENC_POINT_ABS: return fabs(x);
    case NENC_POINT_SSQRT: return x / sqrt(1 + fabs(x));
    default: fail(); return 0;
    }
}

static size_t naive_source(nenc_pad_mode mode, ptrdiff_t i, ptrdiff_t size)
{
    if (i >= 0 && i < size)
        return (size_t)i;
    switch (mode) {
    case NENC_PAD_REPLICATE: return i < 0 ? 0 : (size_t)size - 1;
    case NENC_PAD_REFLECT: return (size_t)(i < 0 ? -i : 2 * size - 2 - i);
    case NENC_PAD_SYMMETRIC:
        return (size_t)(i < 0 ? -1 - i : 2 * size - 1 - i);
    default: return SIZE_MAX;
    }
}

/* Layers that pick each value of dst from a source. */
static void naive_move(const nenc_op *op, const naive_tensor *const *src,
                       naive_tensor *d)
{
    const naive_tensor *x = src[0];
    const char *kind = op->layer->name;
    const size_t a = op->arg[0];
    size_t h = x->s.h, w = x->s.w;
    if (!strcmp(kind, "shuffle"))
        h *= a, w *= a;
    else if (!strcmp(kind, "unshuffle"))
        h /= a, w /= a;
    else if (!strcmp(kind, "pad"))
        h += 2 * a, w += 2 * a;
    else if (!strcmp(kind, "crop"))
        h -= 2 * a, w -= 2 * a;
    set_shape(d, x->s.n, h, w, op->cout);
    for (size_t n = 0; n < x->s.n; n++)
        for (size_t y = 0; y < h; y++)
            for (size_t q = 0; q < w; q++)
                for (size_t c = 0; c < op->cout; c++) {
                    double v = 0;
                    if (!strcmp(kind, "shuffle")) {
                        v = *at(x, n, y / a, q / a,
                                (c * a + y % a) * a + q % a);
                    } else if (!strcmp(kind, "unshuffle")) {
                        v = *at(x, n, y * a + c / a % a, q * a + c % a,
                                c / a / a);
                    } else if (!strcmp(kind, "pad")) {
                        const size_t sy = naive_source(
                            op->pad, (ptrdiff_t)(y - a), (ptrdiff_t)x->s.h);
                        const size_t sx = naive_source(
                            op->pad, (ptrdiff_t)(q - a), (ptrdiff_t)x->s.w);
                        if (sy != SIZE_MAX && sx != SIZE_MAX)
                            v = *at(x, n, sy, sx, c);
                    } else if (!strcmp(kind, "crop")) {
                        v = *at(x, n, y + a, q + a, c);
                    } else if (!strcmp(kind, "slice")) {
                        v = *at(x, n, y, q, c + a);
                    } else {                           /* concat */
                        size_t s = 0, k = c;
                        while (k >= src[s]->s.c)
                            k -= src[s++]->s.c;
                        v = *at(src[s], n, y, q, k);
                    }
                    *at(d, n, y, q, c) = v;
                }
}

/* Mean and variance in two passes. */
static void naive_norm(const naive_tensor *x, const naive_values *values,
                       double eps, naive_tensor *d)
{
    const size_t c = x->s.c;
    set_shape(d, x->s.n, x->s.h, x->s.w, c);
    for (size_t i = 0; i < x->s.n * x->s.h * x->s.w; i++) {
        const double *v = x->v + i * c;
        double mean = 0, variance = 0;
        for (size_t k = 0; k < c; k++)
            mean += v[k] / (double)c;
        for (size_t k = 0; k < c; k++)
            variance += (v[k] - mean) * (v[k] - mean) / (double)c;
        for (size_t k = 0; k < c; k++)
            d->v[i * c + k] = (v[k] - mean) / sqrt(variance + eps)
                              * values->kernel[k] + values->bias[k];
    }
}

/* A tent of width 1 around each position; edges repeat without end. */
static double naive_sample(const naive_tensor *t, size_t n, double y, double x,
                           size_t c)
{
    const double low_y = floor(y), low_x = floor(x);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        const double py = low_y + i / 2, px = low_x + i % 2;
        const double cy = fmin(fmax(py, 0), (double)t->s.h - 1);
        const double cx = fmin(fmax(px, 0), (double)t->s.w - 1);
        sum += (1 - fabs(y - py)) * (1 - fabs(x - px))
               * *at(t, n, (size_t)cy, (size_t)cx, c);
    }
    return sum;
}

static double naive_resampled(const nenc_op *op, const naive_tensor *const *src,
                              size_t n, size_t y, size_t x, size_t c)
{
    const char *kind = op->layer->name;
    const size_t r = op->arg[0];
    const double dr = (double)r, dy = (double)y, dx = (double)x;
    double sum = 0;
    if (!strcmp(kind, "warp"))
        return naive_sample(src[0], n, dy + *at(src[1], n, y, x, 1),
                            dx + *at(src[1], n, y, x, 0), c);
    if (!strcmp(kind, "resize"))
        return op->bilinear ? naive_sample(src[0], n, (dy + 0.5) / dr - 0.5,
                                           (dx + 0.5) / dr - 0.5, c)
                            : *at(src[0], n, y / r, x / r, c);
    for (size_t i = 0; i < r * r; i++)
        sum += *at(src[0], n, y * r + i % r, x * r + i / r, c);
    return sum / (double)(r * r);
}

static bool naive_resamples(const nenc_op *op)
{
    const char *kind = op->layer->name;
    return !strcmp(kind, "warp") || !strcmp(kind, "resize")
        || !strcmp(kind, "mean");
}

static void naive_resize(const nenc_op *op, const naive_tensor *const *src,
                         naive_tensor *d)
{
    const nenc_shape *s = &src[0]->s;
    const bool up = !strcmp(op->layer->name, "resize");
    const bool down = !strcmp(op->layer->name, "mean");
    const size_t r = up || down ? op->arg[0] : 1;
    set_shape(d, s->n, up ? s->h * r : s->h / r, up ? s->w * r : s->w / r, s->c);
    for (size_t n = 0; n < s->n; n++)
        for (size_t y = 0; y < d->s.h; y++)
            for (size_t x = 0; x < d->s.w; x++)
                for (size_t c = 0; c < s->c; c++)
                    *at(d, n, y, x, c) = naive_resampled(op, src, n, y, x, c);
}

/* One query against all keys that it sees. */
static void naive_query(const nenc_op *op, const naive_tensor *const *src,
                        naive_tensor *to, size_t n, size_t y, size_t x,
                        size_t head)
{
    const size_t size = op->window, d = src[0]->s.c / op->heads;
    const size_t dv = to->s.c / op->heads;
    double sum = 0;
    for (size_t i = 0; i < size * size; i++) {
        const size_t ky = y / size * size + i / size;
        const size_t kx = x / size * size + i % size;
        double score = 0;
        for (size_t c = head * d; c < (head + 1) * d; c++)
            score += *at(src[0], n, y, x, c) * *at(src[1], n, ky, kx, c);
        const double e = exp(score / sqrt((double)d));
        sum += e;
        for (size_t c = head * dv; c < (head + 1) * dv; c++)
            *at(to, n, y, x, c) += e * *at(src[2], n, ky, kx, c);
    }
    for (size_t c = head * dv; c < (head + 1) * dv; c++)
        *at(to, n, y, x, c) /= sum;
}

/* Linear attention as a quadratic one: all weights are products. */
static void naive_linear(const nenc_op *op, const naive_tensor *const *src,
                         naive_tensor *to, size_t n, size_t at_q, size_t head)
{
    const size_t w = to->s.w, positions = to->s.h * w;
    const size_t d = src[0]->s.c / op->heads, dv = to->s.c / op->heads;
    double all_q = 0;
    for (size_t a = head * d; a < (head + 1) * d; a++)
        all_q += exp(*at(src[0], n, at_q / w, at_q % w, a));
    for (size_t a = head * d; a < (head + 1) * d; a++) {
        const double q = exp(*at(src[0], n, at_q / w, at_q % w, a)) / all_q;
        double all_k = 0;
        for (size_t p = 0; p < positions; p++)
            all_k += exp(*at(src[1], n, p / w, p % w, a));
        for (size_t p = 0; p < positions; p++)
            for (size_t b = head * dv; b < (head + 1) * dv; b++)
                *at(to, n, at_q / w, at_q % w, b) +=
                    q * exp(*at(src[1], n, p / w, p % w, a)) / all_k
                    * *at(src[2], n, p / w, p % w, b);
    }
}

static void naive_attend(const nenc_op *op, const naive_tensor *const *src,
                         naive_tensor *d)
{
    const nenc_shape *s = &src[0]->s;
    set_shape(d, s->n, s->h, s->w, src[2]->s.c);
    for (size_t n = 0; n < s->n; n++)
        for (size_t i = 0; i < s->h * s->w; i++)
            for (size_t head = 0; head < op->heads; head++)
                if (op->window)
                    naive_query(op, src, d, n, i / s->w, i % s->w, head);
                else
                    naive_linear(op, src, d, n, i, head);
}

static void naive_op(const nenc_op *op, const naive_values *values,
                     const naive_tensor *const *src, naive_tensor *d)
{
    const naive_tensor *x = src[0];
    const char *kind = op->layer->name;
    const bool gdn = !strcmp(kind, "gdn"), igdn = !strcmp(kind, "igdn");
    if (op->conv.cin) {
        naive_conv(op, values, x, d, gdn || igdn);
        for (size_t i = 0; (gdn || igdn) && i < x->s.n * x->s.h * x->s.w
                                                * x->s.c; i++)
            d->v[i] = igdn ? x->v[i] * sqrt(d->v[i]) : x->v[i] / sqrt(d->v[i]);
        return;
    }
    if (!strcmp(kind, "lnorm")) {
        naive_norm(x, values, (double)op->slope, d);
        return;
    }
    if (naive_resamples(op)) {
        naive_resize(op, src, d);
        return;
    }
    if (op->heads) {
        naive_attend(op, src, d);
        return;
    }
    if (!op->layer->elementwise) {
        naive_move(op, src, d);
        return;
    }
    set_shape(d, x->s.n, x->s.h, x->s.w, x->s.c);
    for (size_t n = 0; n < x->s.n; n++)
        for (size_t y = 0; y < x->s.h; y++)
            for (size_t q = 0; q < x->s.w; q++)
                for (size_t c = 0; c < x->s.c; c++) {
                    const double v = *at(x, n, y, q, c);
                    double *to = at(d, n, y, q, c);
                    if (op->n_src == 2) {
                        const naive_tensor *b = src[1];
                        const double u = *at(b, n, b->s.h > 1 ? y : 0,
                                             b->s.w > 1 ? q : 0, c);
                        *to = !strcmp(kind, "add") ? v + u : v * u;
                    } else if (!strcmp(kind, "scale")) {
                        *to = v * values->kernel[c];
                    } else {
                        *to = naive_point(op->point, v, op->slope);
                    }
                }
}

/* ---------------------------------------------------------------- networks */

static double *doubles_of(const float *from, size_t n)
{
    double *to = calloc(n, sizeof *to);
    assert_non_null(to);
    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
    return to;
}

naive_values *naive_values_of(const nenc_net *net)
{
    naive_values *values = calloc(net->n_ops, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < net->n_ops; i++) {
        const nenc_op *op = &net->ops[i];
        if (op->weight)
            values[i].kernel = doubles_of(op->weight, op->cin);
        if (op->weight && op->bias)
            values[i].bias = doubles_of(op->bias, op->cin);
        if (!op->kernel)
            continue;
        float *weight = malloc(op->kernel->n_items * sizeof *weight);
        assert_non_null(weight);
        nenc_st_expand(weight, op->kernel);
        values[i].kernel = doubles_of(weight, op->kernel->n_items);
        values[i].bias = doubles_of(op->bias, op->cout);
        free(weight);
    }
    return values;
}

void naive_values_free(naive_values *values, const nenc_net *net)
{
    for (size_t i = 0; i < net->n_ops; i++) {
        free(values[i].kernel);
        free(values[i].bias);
    }
    free(values);
}

naive_tensor naive_run(const nenc_net *net, const naive_values *values,
                       const nenc_shape *dims, double *const *inputs)
{
    const size_t n = net->n_inputs + net->n_ops;
    naive_tensor *all = calloc(n, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < net->n_inputs; i++) {
        all[i].s = dims[i];
        all[i].v = inputs[i];
    }
    for (size_t i = 0; i < net->n_ops; i++) {
        const naive_tensor *src[NENC_OP_MAX_SRC];
        for (size_t s = 0; s < net->ops[i].n_src; s++)
            src[s] = &all[net->ops[i].src[s]];
        naive_op(&net->ops[i], &values[i], src, &all[net->n_inputs + i]);
    }
    const naive_tensor last = all[n - 1];
    for (size_t i = net->n_inputs; i + 1 < n; i++)
        free(all[i].v);
    free(all);
    return last;
}
