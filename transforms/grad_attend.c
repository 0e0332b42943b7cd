/* SPDX-License-Identifier: BSD-2-Clause */
/* Backward passes of attention: attend and lattend.  Weights are found again
 * rather than kept.  Not here: the layers (net_layer_attend.c).
 *
 * attend: p = softmax(a q k^T), y = p v; dv = p^T dy, dp = dy v^T, ds = a p
 * (dp - sum(p dp)), dq = ds k, dk = ds^T q. */
#include <string.h>

#include "grad_internal.h"
#include "net_attend.h"

static float *scratch_of(const nenc_grad *g, int worker)
{
    return g->scratch + (size_t)worker * g->scratch_floats;
}

/* dx of x = softmax(...) for rows of n numbers: in place of dx. */
static void back_softmax(float *dx, const float *x, size_t rows, size_t n,
                         float scale)
{
    for (size_t i = 0; i < rows; i++, dx += n, x += n) {
        const float sum = nenc_row_product_sum(x, dx, n);
        for (size_t k = 0; k < n; k++)
            dx[k] = x[k] * (dx[k] - sum) * scale;
    }
}

/* ------------------------------------------------------------------- attend */

/* One head of one window. */
typedef struct window {
    const nenc_grad *g;
    const grad_step *s;
    nenc_window n;
    nenc_matrix score, back, keys;   /* q to s, dy to dp, ds to dq */
    float *share, *dshare;           /* [window][tokens] */
    float *sum;                      /* [tokens][d or dv] */
    size_t top, col, head;
} window;

static size_t attend_scratch(const grad_step *s, const nenc_kernels *k)
{
    const nenc_window n = nenc_window_of(s->op);
    return nenc_matrix_floats(k, n.d, n.tokens)
         + nenc_matrix_floats(k, n.dv, n.tokens)
         + nenc_matrix_floats(k, n.tokens, n.d)
         + 2 * s->op->window * n.tokens + n.tokens * NENC_MAX(n.d, n.dv);
}

static const nenc_shape *shape_of(const nenc_grad *g, const nenc_op *op,
                                  size_t k)
{
    return &g->values[op->src[k]].shape;
}

static nenc_tokens tokens_of(const window *w, size_t k)
{
    const nenc_op *op = w->s->op;
    return nenc_window_tokens(op, grad_value_data(w->g, op->src[k]),
                              shape_of(w->g, op, k), 0, w->top, w->col,
                              w->head);
}

static void open_window(window *w, float *room)
{
    const nenc_kernels *k = w->g->kernels;
    const nenc_tokens keys = tokens_of(w, 1), values = tokens_of(w, 2);
    w->score = nenc_matrix_across(k, room, &keys);
    room += nenc_matrix_floats(k, w->n.d, w->n.tokens);
    w->back = nenc_matrix_across(k, room, &values);
    room += nenc_matrix_floats(k, w->n.dv, w->n.tokens);
    w->keys = nenc_matrix_down(k, room, &keys);
    room += nenc_matrix_floats(k, w->n.tokens, w->n.d);
    w->share = room;
    w->dshare = w->share + w->s->op->window * w->n.tokens;
    w->sum = w->dshare + w->s->op->window * w->n.tokens;
    memset(w->sum, 0, w->n.tokens * NENC_MAX(w->n.d, w->n.dv)
                      * sizeof *w->sum);
}

/* What one row of queries gives the keys, or the values. */
static void add_outer(const window *w, const float *weights, const float *b,
                      size_t step, size_t n)
{
    const nenc_outer_run run = {
        .a = weights, .b = b, .dst = w->sum, .rows = 1,
        .cols = w->s->op->window, .a_step = w->n.tokens, .b_step = step,
        .n_a = w->n.tokens, .n_b = n, .dst_step = n,
    };
    w->g->kernels->outer(&run);
}

static void window_row(const window *w, size_t row)
{
    const grad_step *s = w->s;
    const nenc_op *op = s->op;
    const nenc_kernels *k = w->g->kernels;
    const size_t size = op->window, tokens = w->n.tokens;
    const size_t at = row * s->dy_shape.w + w->col;
    const float *q = grad_value_data(w->g, op->src[0]) + at * op->cin
                   + w->head * w->n.d;
    const float *dy = grad_data(w->g, s->dy) + at * op->cout
                    + w->head * w->n.dv;
    nenc_matrix_run(k, &w->score, q, op->cin, size, w->share, tokens);
    for (size_t i = 0; i < size; i++)
        nenc_row_softmax(w->share + i * tokens, tokens, w->n.scale, k);
    if (s->source == 2) {
        add_outer(w, w->share, dy, op->cout, w->n.dv);
        return;
    }
    nenc_matrix_run(k, &w->back, dy, op->cout, size, w->dshare, tokens);
    back_softmax(w->dshare, w->share, size, tokens, w->n.scale);
    if (s->source == 1)
        add_outer(w, w->dshare, q, op->cin, w->n.d);
    else
        nenc_matrix_run(k, &w->keys, w->dshare, tokens, size,
                        grad_data(w->g, s->to) + at * op->cin
                        + w->head * w->n.d, op->cin);
}

/* The sums of keys, or values, to where these are. */
static void put_sums(const window *w)
{
    const size_t size = w->s->op->window, c = w->s->shape.c;
    const size_t n = w->s->source == 1 ? w->n.d : w->n.dv;
    for (size_t i = 0; i < w->n.tokens; i++) {
        const size_t row = w->top + i / size, col = w->col + i % size;
        memcpy(grad_data(w->g, w->s->to) + (row * w->s->shape.w + col) * c
               + w->head * n, w->sum + i * n, n * sizeof *w->sum);
    }
}

/* Whole windows: that is how rows are shared out. */
static void attend_rows(const nenc_grad *g, const grad_step *s, int worker,
                        size_t row0, size_t row1)
{
    const size_t size = s->op->window;
    window w = { .g = g, .s = s, .n = nenc_window_of(s->op) };
    for (w.top = row0; w.top < row1; w.top += size)
        for (w.col = 0; w.col < s->shape.w; w.col += size)
            for (w.head = 0; w.head < s->op->heads; w.head++) {
                open_window(&w, scratch_of(g, worker));
                for (size_t row = w.top; row < w.top + size; row++)
                    window_row(&w, row);
                if (s->source > 0)
                    put_sums(&w);
            }
}

/* ------------------------------------------------------------------ lattend

 * With p and r the softmaxes of q and k, and m = r^T v: y = p m, dm = p^T dy,
 * dp = dy m^T, dr = v dm^T, dv = r dm; the sum over positions of r dr is that
 * over v's channels of m dm. */

size_t grad_attend_prepared(const nenc_op *op)
{
    return 2 * op->cin + 2 * op->cin * (op->cout / op->heads);
}

typedef struct head_back {
    nenc_summary sum;
    float *dproduct;             /* [d][dv] */
    size_t d, dv;
} head_back;

static head_back head_of(const nenc_grad *g, const grad_step *s, int block,
                    size_t part)
{
    const nenc_op *op = s->op;
    head_back h = { .d = op->cin / op->heads, .dv = op->cout / op->heads };
    float *at = grad_data(g, block)
              + part * (grad_attend_prepared(op) / op->heads);
    h.sum = (nenc_summary){ at, at + h.d, at + 2 * h.d };
    h.dproduct = at + 2 * h.d + h.d * h.dv;
    return h;
}

/* [w][d]: the softmax of a row of queries. */
static void soft_queries(float *dst, const nenc_grad *g, const grad_step *s,
                         size_t row, size_t index)
{
    const nenc_op *op = s->op;
    const size_t w = s->dy_shape.w, d = op->cin / op->heads;
    const float *q = grad_value_data(g, op->src[0]) + row * w * op->cin
                   + index * d;
    for (size_t x = 0; x < w; x++) {
        memcpy(dst + x * d, q + x * op->cin, d * sizeof *dst);
        nenc_row_softmax(dst + x * d, d, 1, g->kernels);
    }
}

/* [w][d]: the softmax of a row of keys. */
static void soft_keys(float *dst, const nenc_grad *g, const grad_step *s,
                      size_t row, size_t index, const head_back *h)
{
    const nenc_op *op = s->op;
    const size_t w = s->dy_shape.w;
    nenc_summary_exp(dst, grad_value_data(g, op->src[1]) + row * w * op->cin
                          + index * h->d, op->cin, w, h->d, h->sum.greatest,
                     g->kernels);
    for (size_t x = 0; x < w; x++)
        for (size_t a = 0; a < h->d; a++)
            dst[x * h->d + a] /= h->sum.sum[a];
}

static void prepare_parts(void *user, int worker, size_t first, size_t end)
{
    const grad_job *j = user;
    const grad_step *s = j->s;
    const nenc_op *op = s->op;
    const nenc_grad *g = j->g;
    const size_t rows = s->dy_shape.h, w = s->dy_shape.w;
    float *scratch = scratch_of(g, worker);
    for (size_t part = first; part < end; part++) {
        const size_t image = part / op->heads, index = part % op->heads;
        const head_back h = head_of(g, s, s->to, part);
        nenc_summary_make(&h.sum, op, shape_of(g, op, 1),
                          grad_value_data(g, op->src[1]), shape_of(g, op, 2),
                          grad_value_data(g, op->src[2]), part, scratch,
                          g->kernels);
        memset(h.dproduct, 0, h.d * h.dv * sizeof *h.dproduct);
        for (size_t y = image * rows; y < (image + 1) * rows; y++) {
            soft_queries(scratch, g, s, y, index);
            const nenc_outer_run run = {
                .a = scratch, .b = grad_data(g, s->dy) + y * w * op->cout
                                   + index * h.dv,
                .dst = h.dproduct, .rows = 1, .cols = w, .a_step = h.d,
                .b_step = op->cout, .n_a = h.d, .n_b = h.dv, .dst_step = h.dv,
            };
            g->kernels->outer(&run);
        }
    }
}

void grad_attend_prepare(const nenc_grad *g, const grad_step *s)
{
    grad_job j = { .g = g, .s = s };
    nenc_pool_run(g->pool, s->dy_shape.n * s->op->heads, 1, prepare_parts,
                  &j);
}

static size_t lattend_scratch(const grad_step *s, const nenc_kernels *k)
{
    const nenc_op *op = s->op;
    const size_t d = op->cin / op->heads, dv = op->cout / op->heads;
    return nenc_matrix_floats(k, d, dv) + nenc_matrix_floats(k, dv, d)
         + 2 * nenc_summary_scratch(op, &s->dy_shape) + d;
}

/* The matrix that dy, or v, or the keys' softmax is multiplied by. */
static nenc_matrix back_matrix(const nenc_grad *g, const grad_step *s,
                               const head_back *h, float *room)
{
    const nenc_tokens rows = {
        .at = s->source == 0 ? h->sum.product : h->dproduct,
        .rows = 1, .cols = h->d, .channels = h->dv, .step = h->dv,
    };
    return s->source == 2 ? nenc_matrix_down(g->kernels, room, &rows)
                          : nenc_matrix_across(g->kernels, room, &rows);
}

/* Each channel of keys: r (dr - sum of r dr). */
static void back_keys(float *dr, const float *r, size_t w, const head_back *h,
                      float *sum)
{
    for (size_t a = 0; a < h->d; a++)
        sum[a] = nenc_row_product_sum(h->sum.product + a * h->dv,
                                      h->dproduct + a * h->dv, h->dv);
    for (size_t x = 0; x < w; x++)
        for (size_t a = 0; a < h->d; a++)
            dr[x * h->d + a] = r[x * h->d + a] * (dr[x * h->d + a] - sum[a]);
}

static void lattend_row(const nenc_grad *g, const grad_step *s,
                        const nenc_matrix *m, const head_back *h, size_t row,
                        size_t index, float *scratch)
{
    const nenc_op *op = s->op;
    const size_t w = s->dy_shape.w, c = s->shape.c;
    float *soft = scratch, *back = soft + w * h->d, *sum = back + w * h->d;
    float *to = grad_data(g, s->to) + row * w * c;
    const float *from = s->source == 0
        ? grad_data(g, s->dy) : grad_value_data(g, op->src[2]);
    if (s->source == 0)
        soft_queries(soft, g, s, row, index);
    else
        soft_keys(soft, g, s, row, index, h);
    if (s->source == 2) {
        nenc_matrix_run(g->kernels, m, soft, h->d, w, to + index * h->dv, c);
        return;
    }
    nenc_matrix_run(g->kernels, m, from + row * w * op->cout + index * h->dv,
                    op->cout, w, back, h->d);
    if (s->source == 0)
        back_softmax(back, soft, w, h->d, 1);
    else
        back_keys(back, soft, w, h, sum);
    for (size_t x = 0; x < w; x++)
        memcpy(to + x * c + index * h->d, back + x * h->d,
               h->d * sizeof *to);
}

static void lattend_rows(const nenc_grad *g, const grad_step *s, int worker,
                         size_t row0, size_t row1)
{
    const size_t rows = s->shape.h, heads = s->op->heads;
    size_t end;
    for (size_t row = row0; row < row1; row = end) {
        end = NENC_MIN(row1, (row / rows + 1) * rows);
        for (size_t index = 0; index < heads; index++) {
            float *room = scratch_of(g, worker);
            const head_back h = head_of(g, s, s->prepared,
                                   row / rows * heads + index);
            const nenc_matrix m = back_matrix(g, s, &h, room);
            room += NENC_MAX(nenc_matrix_floats(g->kernels, h.d, h.dv),
                             nenc_matrix_floats(g->kernels, h.dv, h.d));
            for (size_t i = row; i < end; i++)
                lattend_row(g, s, &m, &h, i, index, room);
        }
    }
}

/* --------------------------------------------------------------------- both */

size_t grad_attend_scratch(const grad_step *s, const nenc_kernels *k)
{
    return s->op->layer->moves == NENC_MOVES_WINDOW ? attend_scratch(s, k)
                                                    : lattend_scratch(s, k);
}

void grad_attend_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1)
{
    if (s->op->layer->moves == NENC_MOVES_WINDOW)
        attend_rows(g, s, worker, row0, row1);
    else
        lattend_rows(g, s, worker, row0, row1);
}
