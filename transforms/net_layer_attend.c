/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Attention: attend within windows, lattend over all of a picture.
 * Not here: the projections before and after (linear). */
#include <math.h>
#include <string.h>

#include "net_attend.h"

enum { MAX_HEADS = 1024, MAX_WINDOW = 32 };

/* ----------------------------------------------------------------- matrices */

static size_t times(size_t a, size_t b)
{
    size_t v;
    return nenc_size_mul(&v, a, b) && v < SIZE_MAX / 16 ? v : SIZE_MAX / 16;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* In whole cache lines: weights, then the zeros. */
size_t nenc_matrix_floats(const nenc_kernels *k, size_t n_in, size_t n_out)
{
    const size_t out = round_up(n_out, k->block);
    return round_up(times(out, n_in + 1), NENC_ALIGN / sizeof(float));
}

static nenc_matrix matrix_of(const nenc_kernels *k, float *room, size_t n_in,
                             size_t n_out)
{
    const size_t out = round_up(n_out, k->block);
    float *bias = room + out * n_in;
    memset(bias, 0, out * sizeof *bias);
    return (nenc_matrix){ room, bias, n_in, n_out, n_in * k->block };
}

nenc_matrix nenc_matrix_down(const nenc_kernels *k, float *room,
                             const nenc_tokens *t)
{
    const size_t n = t->rows * t->cols, block = k->block;
    const nenc_matrix m = matrix_of(k, room, n, t->channels);
    for (size_t c = 0; c < t->channels; c += block) {
        const size_t some = NENC_MIN(block, t->channels - c);
        float *to = room + c * n;
        for (size_t y = 0; y < t->rows; y++)
            for (size_t x = 0; x < t->cols; x++, to += block) {
                memcpy(to, t->at + y * t->pitch + x * t->step + c,
                       some * sizeof *to);
                memset(to + some, 0, (block - some) * sizeof *to);
            }
    }
    return m;
}

nenc_matrix nenc_matrix_across(const nenc_kernels *k, float *room,
                               const nenc_tokens *t)
{
    const size_t n = t->rows * t->cols, block = k->block;
    const nenc_matrix m = matrix_of(k, room, t->channels, n);
    size_t i = 0;
    for (; i < n; i++) {
        const float *from = t->at + i / t->cols * t->pitch
                          + i % t->cols * t->step;
        float *to = room + i / block * m.pitch + i % block;
        for (size_t c = 0; c < t->channels; c++)
            to[c * block] = from[c];
    }
    for (; i % block; i++)
        for (size_t c = 0; c < t->channels; c++)
            room[i / block * m.pitch + c * block + i % block] = 0;
    return m;
}

void nenc_matrix_run(const nenc_kernels *k, const nenc_matrix *m,
                     const float *src, size_t src_step, size_t n, float *dst,
                     size_t dst_step)
{
    const nenc_conv_run run = {
        .src = src, .weight = m->weight, .bias = m->bias, .dst = dst,
        .src_step = src_step, .dst_step = dst_step, .block_pitch = m->pitch,
        .n_pixels = n, .rows = 1, .run = m->n_in, .cout = m->n_out,
    };
    k->conv(&run);
}

/* -------------------------------------------------------------------- both */

/* Heads have channels side by side; cout is the values'. */
static nenc_status read_heads(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_key(a, "heads", 1, 1, MAX_HEADS, &op->heads));
    op->cout = op->src_c[2];
    if (op->src_c[1] != op->cin)
        return nenc_args_fail(a, "queries of %zu channels, keys of %zu",
                              op->cin, op->src_c[1]);
    if (op->cin % op->heads || op->cout % op->heads)
        return nenc_args_fail(a, "%zu and %zu channels for %zu heads", op->cin,
                              op->cout, op->heads);
    return NENC_OK;
}

static nenc_status same_dims(const nenc_op *op, const nenc_shape *src,
                             nenc_shape *dst, nenc_diag *diag)
{
    *dst = src[0];
    dst->c = op->cout;
    for (size_t i = 1; i < 3; i++)
        if (src[i].n != dst->n || src[i].h != dst->h || src[i].w != dst->w)
            return nenc_fail(diag, NENC_EMODEL,
                             "network line %d: %s of %zux%zu and %zux%zu",
                             op->line, op->layer->name, dst->h, dst->w,
                             src[i].h, src[i].w);
    return NENC_OK;
}

/* ------------------------------------------------------------------- attend */

/* attend K V heads=H window=W: softmax(q k^T / sqrt d) v, in windows */

static nenc_status attend_open(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_key(a, "window", 8, 1, MAX_WINDOW, &op->window));
    return read_heads(op, a);
}

static nenc_status attend_shape(const nenc_op *op, const nenc_shape *src,
                                nenc_shape *dst, nenc_diag *diag)
{
    if (src->h % op->window || src->w % op->window)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu has no windows of %zux%zu",
                         op->line, src->h, src->w, op->window, op->window);
    return same_dims(op, src, dst, diag);
}

nenc_window nenc_window_of(const nenc_op *op)
{
    const size_t d = op->cin / op->heads;
    return (nenc_window){ op->window * op->window, d, op->cout / op->heads,
                          1 / sqrtf((float)d) };
}

nenc_tokens nenc_window_tokens(const nenc_op *op, const float *data,
                               const nenc_shape *s, size_t first, size_t row,
                               size_t col, size_t head)
{
    const size_t d = s->c / op->heads;
    return (nenc_tokens){
        .at = data + ((row - first) * s->w + col) * s->c + head * d,
        .rows = op->window, .cols = op->window, .channels = d,
        .pitch = s->w * s->c, .step = s->c,
    };
}

/* Keys, values, and the weights of a row of queries. */
static size_t attend_scratch(const nenc_op_run *r)
{
    const nenc_window n = nenc_window_of(r->op);
    return nenc_matrix_floats(r->kernels, n.d, n.tokens)
         + nenc_matrix_floats(r->kernels, n.tokens, n.dv)
         + r->op->window * n.tokens;
}

/* Rows [row0, row1) of a window, which begins with row `top`. */
static void attend_window(const nenc_op_run *r, size_t row0, size_t row1,
                          size_t top, size_t col, size_t head)
{
    const nenc_op *op = r->op;
    const nenc_kernels *k = r->kernels;
    const nenc_window n = nenc_window_of(op);
    const nenc_shape *q = &r->src_shape[0], *d = &r->dst_shape;
    const nenc_tokens keys = nenc_window_tokens(
        op, r->src[1], &r->src_shape[1], r->src_first[1], top, col, head);
    const nenc_tokens values = nenc_window_tokens(
        op, r->src[2], &r->src_shape[2], r->src_first[2], top, col, head);
    float *room = r->scratch;
    const nenc_matrix score = nenc_matrix_across(k, room, &keys);
    room += nenc_matrix_floats(k, n.d, n.tokens);
    const nenc_matrix mix = nenc_matrix_down(k, room, &values);
    float *share = room + nenc_matrix_floats(k, n.tokens, n.dv);
    for (size_t row = row0; row < row1; row++) {
        const float *src = r->src[0] + head * n.d
                         + ((row - r->src_first[0]) * q->w + col) * q->c;
        nenc_matrix_run(k, &score, src, q->c, op->window, share, n.tokens);
        for (size_t i = 0; i < op->window; i++)
            nenc_row_softmax(share + i * n.tokens, n.tokens, n.scale, k);
        nenc_matrix_run(k, &mix, share, n.tokens, op->window,
                        r->dst + ((row - r->dst_first) * d->w + col) * d->c
                        + head * n.dv, d->c);
    }
}

static void attend_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t window = r->op->window;
    size_t end;
    for (size_t row = row0; row < row1; row = end) {
        const size_t top = row / window * window;
        end = NENC_MIN(top + window, row1);
        for (size_t col = 0; col < r->dst_shape.w; col += window)
            for (size_t head = 0; head < r->op->heads; head++)
                attend_window(r, row, end, top, col, head);
    }
}

static double attend_macs(const nenc_op_run *r)
{
    const nenc_shape *d = &r->dst_shape;
    return (double)d->n * (double)d->h * (double)d->w
           * (double)(r->op->window * r->op->window)
           * (double)(r->op->cin + r->op->cout);
}

/* ------------------------------------------------------------------ lattend */

/* lattend K V heads=H: softmax of q over a head's channels, of each channel of
 * k over all positions; then q (k^T v) (Shen et al., arXiv:1812.01243) */

static nenc_status lattend_open(nenc_op *op, nenc_args *a)
{
    return read_heads(op, a);
}

size_t nenc_summary_scratch(const nenc_op *op, const nenc_shape *s)
{
    const size_t d = op->cin / op->heads;
    return times(s->w + 1, d);
}

void nenc_summary_exp(float *dst, const float *k, size_t step, size_t w,
                      size_t d, const float *greatest,
                      const nenc_kernels *kernels)
{
    for (size_t x = 0; x < w; x++)
        for (size_t a = 0; a < d; a++)
            dst[x * d + a] = k[x * step + a] - greatest[a];
    kernels->point(NENC_POINT_EXP, dst, dst, w * d, 0);
}

static void find_greatest(float *greatest, const float *k, size_t n,
                          size_t step, size_t d)
{
    memcpy(greatest, k, d * sizeof *greatest);
    for (size_t i = 1; i < n; i++)
        for (size_t a = 0; a < d; a++) {
            const float v = k[i * step + a];
            greatest[a] = v > greatest[a] ? v : greatest[a];
        }
}

void nenc_summary_make(const nenc_summary *to, const nenc_op *op,
                       const nenc_shape *k_shape, const float *k,
                       const nenc_shape *v_shape, const float *v, size_t part,
                       float *scratch, const nenc_kernels *kernels)
{
    const size_t image = part / op->heads, head = part % op->heads;
    const size_t h = k_shape->h, w = k_shape->w, ck = k_shape->c;
    const size_t cv = v_shape->c, d = ck / op->heads, dv = cv / op->heads;
    float *line = scratch + w * d;
    k += image * h * w * ck + head * d;
    v += image * h * w * cv + head * dv;
    find_greatest(to->greatest, k, h * w, ck, d);
    memset(to->sum, 0, d * sizeof *to->sum);
    memset(to->product, 0, d * dv * sizeof *to->product);
    for (size_t y = 0; y < h; y++) {
        nenc_summary_exp(scratch, k + y * w * ck, ck, w, d, to->greatest,
                         kernels);
        memset(line, 0, d * sizeof *line);
        for (size_t x = 0; x < w; x++)
            for (size_t a = 0; a < d; a++)
                line[a] += scratch[x * d + a];
        for (size_t a = 0; a < d; a++)
            to->sum[a] += line[a];
        const nenc_outer_run run = {
            .a = scratch, .b = v + y * w * cv, .dst = to->product, .rows = 1,
            .cols = w, .a_step = d, .b_step = cv, .n_a = d, .n_b = dv,
            .dst_step = dv,
        };
        kernels->outer(&run);
    }
    for (size_t i = 0; i < d * dv; i++)
        to->product[i] /= to->sum[i / dv];
}

/* Of one head of one picture, as its rows are multiplied by it. */
static size_t product_floats(const nenc_op_run *r)
{
    return nenc_matrix_floats(r->kernels, r->op->cin / r->op->heads,
                              r->op->cout / r->op->heads);
}

static size_t lattend_shared(const nenc_op_run *r)
{
    return times(times(r->dst_shape.n, r->op->heads), product_floats(r));
}

static size_t lattend_scratch(const nenc_op_run *r)
{
    const nenc_op *op = r->op;
    const size_t d = op->cin / op->heads;
    return nenc_summary_scratch(op, &r->src_shape[0]) + 2 * d
         + times(d, op->cout / op->heads);
}

static void lattend_prepare(const nenc_op_run *r, size_t part)
{
    const nenc_op *op = r->op;
    const size_t d = op->cin / op->heads, dv = op->cout / op->heads;
    float *at = r->scratch;
    const nenc_summary s = { at, at + d, at + 2 * d };
    at += 2 * d + d * dv;
    nenc_summary_make(&s, op, &r->src_shape[1], r->src[1], &r->src_shape[2],
                      r->src[2], part, at, r->kernels);
    const nenc_tokens rows = { .at = s.product, .rows = 1, .cols = d,
                               .channels = dv, .step = dv };
    nenc_matrix_down(r->kernels, r->shared + part * product_floats(r), &rows);
}

static void lattend_row(const nenc_op_run *r, size_t row, size_t head)
{
    const nenc_op *op = r->op;
    const size_t w = r->dst_shape.w, part = row / r->dst_shape.h * op->heads
                                          + head;
    const size_t d = op->cin / op->heads, dv = op->cout / op->heads;
    float *share = r->scratch, *room = r->shared + part * product_floats(r);
    const size_t padded = round_up(dv, r->kernels->block);
    const nenc_matrix m = { room, room + padded * d, d, dv,
                            d * r->kernels->block };
    const float *q = r->src[0] + (row - r->src_first[0]) * w * op->cin
                   + head * d;
    for (size_t x = 0; x < w; x++) {
        memcpy(share + x * d, q + x * op->cin, d * sizeof *share);
        nenc_row_softmax(share + x * d, d, 1, r->kernels);
    }
    nenc_matrix_run(r->kernels, &m, share, d, w,
                    r->dst + (row - r->dst_first) * w * op->cout + head * dv,
                    op->cout);
}

static void lattend_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    for (size_t row = row0; row < row1; row++)
        for (size_t head = 0; head < r->op->heads; head++)
            lattend_row(r, row, head);
}

static double lattend_macs(const nenc_op_run *r)
{
    const nenc_shape *d = &r->dst_shape;
    return (double)d->n * (double)d->h * (double)d->w * 2
           * (double)(r->op->cin / r->op->heads) * (double)d->c;
}

const nenc_layer nenc_layers_attend[] = {
    { .name = "attend", .min_args = 2, .max_args = 2, .taps_follow = true,
      .moves = NENC_MOVES_WINDOW, .open = attend_open, .shape = attend_shape,
      .scratch = attend_scratch, .macs = attend_macs, .run = attend_run },
    { .name = "lattend", .min_args = 2, .max_args = 2, .taps_follow = true,
      .moves = NENC_MOVES_ALL, .open = lattend_open, .shape = same_dims,
      .scratch = lattend_scratch, .shared = lattend_shared,
      .macs = lattend_macs, .prepare = lattend_prepare, .run = lattend_run },
    { 0 }
};
