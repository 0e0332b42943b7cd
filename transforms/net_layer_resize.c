/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Layers that resample: resize, mean, warp.
 * Not here: what only moves values (net_layer_move.c). */
#include <string.h>

#include "exact_sum.h"
#include "net_internal.h"

enum { MAX_FACTOR = 64, MAX_WARP = 1 << 24 };

/* ------------------------------------------------------------------- resize */

/* resize R nearest, resize R bilinear: R times as many positions each way */

static nenc_status resize_open(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_int(a, a->word[0], 1, MAX_FACTOR, &op->arg[0]));
    op->bilinear = !strcmp(a->word[1], "bilinear");
    if (!op->bilinear && strcmp(a->word[1], "nearest"))
        return nenc_args_fail(a, "no resizing is called \"%s\"", a->word[1]);
    return NENC_OK;
}

static nenc_status resize_shape(const nenc_op *op, const nenc_shape *src,
                                nenc_shape *dst, nenc_diag *diag)
{
    const size_t r = op->arg[0];
    *dst = *src;
    if (!nenc_size_mul(&dst->h, src->h, r) || !nenc_size_mul(&dst->w, src->w, r))
        return nenc_fail(diag, NENC_ELIMIT, "network line %d: too large",
                         op->line);
    return NENC_OK;
}

nenc_between nenc_resize_at(size_t r, size_t i, size_t n)
{
    const size_t phase = 2 * (i % r) + 1;   /* of 2 r, and r is our centre */
    const bool before = phase < r;
    const size_t first = i / r - before;    /* -1 wraps, and is cut to 0 */
    return (nenc_between){
        .first = before && i < r ? 0 : first,
        .second = NENC_MIN(first + 1, n - 1),
        .share = (float)(before ? phase + r : phase - r) / (float)(2 * r),
    };
}

/* Between p and q, then between what is above and below. */
static void blend(float *d, const float *const p[4], float across, float down,
                  size_t c)
{
    for (size_t k = 0; k < c; k++) {
        const float a = p[0][k] + (p[1][k] - p[0][k]) * across;
        const float b = p[2][k] + (p[3][k] - p[2][k]) * across;
        d[k] = nenc_canonical(a + (b - a) * down);
    }
}

static void bilinear_row(float *d, const float *above, const float *below,
                         float down, const nenc_op_run *r)
{
    const size_t c = r->dst_shape.c, f = r->op->arg[0];
    for (size_t x = 0; x < r->dst_shape.w; x++, d += c) {
        const nenc_between b = nenc_resize_at(f, x, r->src_shape[0].w);
        const float *const p[4] = { above + b.first * c, above + b.second * c,
                                    below + b.first * c, below + b.second * c };
        blend(d, p, b.share, down, c);
    }
}

static void nearest_row(float *d, const float *s, const nenc_op_run *r)
{
    const size_t c = r->dst_shape.c, f = r->op->arg[0];
    for (size_t x = 0; x < r->dst_shape.w; x++)
        memcpy(d + x * c, s + x / f * c, c * sizeof *d);
}

static void resize_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const nenc_shape *s = &r->src_shape[0], *d = &r->dst_shape;
    const size_t src_row = s->w * s->c, dst_row = d->w * d->c;
    for (size_t row = row0; row < row1; row++) {
        const size_t y = row % d->h, f = r->op->arg[0];
        const size_t top = row / d->h * s->h - r->src_first[0];
        float *to = r->dst + (row - r->dst_first) * dst_row;
        if (!r->op->bilinear) {
            nearest_row(to, r->src[0] + (top + y / f) * src_row, r);
            continue;
        }
        const nenc_between b = nenc_resize_at(f, y, s->h);
        bilinear_row(to, r->src[0] + (top + b.first) * src_row,
                     r->src[0] + (top + b.second) * src_row, b.share, r);
    }
}

/* --------------------------------------------------------------------- mean */

/* mean R: of R x R positions each */

static nenc_status mean_open(nenc_op *op, nenc_args *a)
{
    return nenc_args_int(a, a->word[0], 1, MAX_FACTOR, &op->arg[0]);
}

static nenc_status mean_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    const size_t r = op->arg[0];
    if (src->h % r || src->w % r)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu has no means of %zux%zu",
                         op->line, src->h, src->w, r, r);
    *dst = (nenc_shape){ src->n, src->h / r, src->w / r, src->c };
    return NENC_OK;
}

static void mean_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t f = r->op->arg[0], c = r->dst_shape.c, w = r->dst_shape.w;
    const size_t src_row = r->src_shape[0].w * c;
    const float count = (float)(f * f);
    for (size_t row = row0; row < row1; row++)
        for (size_t x = 0; x < w; x++) {
            const float *s = r->src[0] + (row * f - r->src_first[0]) * src_row
                           + x * f * c;
            float *d = r->dst + ((row - r->dst_first) * w + x) * c;
            memset(d, 0, c * sizeof *d);
            for (size_t i = 0; i < f * f; i++) {
                const float *v = s + i / f * src_row + i % f * c;
                for (size_t k = 0; k < c; k++)
                    d[k] += v[k];
            }
            for (size_t k = 0; k < c; k++)
                d[k] = nenc_canonical(d[k] / count);
        }
}

/* --------------------------------------------------------------------- warp */

/* warp FLOW: dst[y][x] = src at (x + flow[y][x][0], y + flow[y][x][1]), what
 * lies between positions by blend(), what lies beyond an edge the edge's */

static nenc_status warp_open(nenc_op *op, nenc_args *a)
{
    if (op->src_c[1] != 2)
        return nenc_args_fail(a, "a flow of %zu channels, not 2",
                              op->src_c[1]);
    return NENC_OK;
}

static nenc_status warp_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    const nenc_shape *a = &src[0], *b = &src[1];
    *dst = *a;
    if (a->n != b->n || a->h != b->h || a->w != b->w)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: warp of %zux%zu by %zux%zu",
                         op->line, a->h, a->w, b->h, b->w);
    if (a->h > MAX_WARP || a->w > MAX_WARP)
        return nenc_fail(diag, NENC_ELIMIT,
                         "network line %d: warp of %zux%zu, at most %d",
                         op->line, a->h, a->w, MAX_WARP);
    return NENC_OK;
}

nenc_between nenc_warp_at(size_t i, float flow, size_t n)
{
    const float last = (float)(n - 1);
    float at = (float)i + flow;
    at = at > 0 ? at : 0;                   /* NaN too */
    at = at < last ? at : last;
    const size_t first = (size_t)at;
    return (nenc_between){ .first = first, .second = NENC_MIN(first + 1, n - 1),
                           .share = at - (float)first };
}

static void warp_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t h = r->dst_shape.h, w = r->dst_shape.w, c = r->dst_shape.c;
    for (size_t row = row0; row < row1; row++) {
        const float *flow = r->src[1] + (row - r->src_first[1]) * w * 2;
        const float *s = r->src[0]
                       + (row / h * h - r->src_first[0]) * w * c;
        float *d = r->dst + (row - r->dst_first) * w * c;
        for (size_t x = 0; x < w; x++, d += c) {
            const nenc_between bx = nenc_warp_at(x, flow[2 * x], w);
            const nenc_between by = nenc_warp_at(row % h, flow[2 * x + 1], h);
            const float *a = s + by.first * w * c, *b = s + by.second * w * c;
            const float *const p[4] = { a + bx.first * c, a + bx.second * c,
                                        b + bx.first * c, b + bx.second * c };
            blend(d, p, bx.share, by.share, c);
        }
    }
}

const nenc_layer nenc_layers_resize[] = {
    { .name = "resize", .min_args = 2, .max_args = 2,
      .moves = NENC_MOVES_RESIZE, .open = resize_open,
      .shape = resize_shape, .run = resize_run },
    { .name = "mean", .min_args = 1, .max_args = 1, .moves = NENC_MOVES_MEAN,
      .open = mean_open, .shape = mean_shape, .run = mean_run },
    { .name = "warp", .min_args = 1, .max_args = 1, .taps_follow = true,
      .moves = NENC_MOVES_WARP, .open = warp_open, .shape = warp_shape,
      .run = warp_run },
    { 0 }
};
