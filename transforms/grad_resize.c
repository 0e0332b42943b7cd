/* SPDX-License-Identifier: BSD-2-Clause */
/* Backward passes of layers that resample: resize, mean, warp.  Each row of a
 * source takes what it gave, in the order of the result's positions, so that
 * sums do not depend on threads.  Not here: layers that move (net_move.c). */
#include <string.h>

#include "exact_sum.h"
#include "grad_internal.h"

static void add_scaled(float *to, const float *from, float by, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] += from[k] * by;
}

/* ------------------------------------------------------------ resize, mean */

/* What one row of the result gives, times `by`. */
static void take_row(const grad_step *s, float *to, const float *dy, float by)
{
    const size_t c = s->shape.c, f = s->op->arg[0];
    for (size_t x = 0; x < s->dy_shape.w; x++, dy += c) {
        if (!s->op->bilinear) {
            add_scaled(to + x / f * c, dy, by, c);
            continue;
        }
        const nenc_between b = nenc_resize_at(f, x, s->shape.w);
        add_scaled(to + b.first * c, dy, by * (1 - b.share), c);
        add_scaled(to + b.second * c, dy, by * b.share, c);
    }
}

static float share_of(const grad_step *s, size_t y, size_t dst_y)
{
    const size_t f = s->op->arg[0];
    if (!s->op->bilinear)
        return dst_y / f == y;
    const nenc_between b = nenc_resize_at(f, dst_y, s->shape.h);
    return (b.first == y ? 1 - b.share : 0) + (b.second == y ? b.share : 0);
}

static void resize_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                        size_t row1)
{
    const nenc_shape *d = &s->dy_shape;
    const size_t n = s->shape.w * s->shape.c, f = s->op->arg[0];
    for (size_t row = row0; row < row1; row++) {
        const size_t image = row / s->shape.h, y = row % s->shape.h;
        const size_t end = NENC_MIN((y + 2) * f, d->h);
        float *to = grad_data(g, s->to) + row * n;
        memset(to, 0, n * sizeof *to);
        for (size_t i = y ? (y - 1) * f : 0; i < end; i++) {
            const float by = share_of(s, y, i);
            if (by > 0)
                take_row(s, to, grad_data(g, s->dy)
                                + (image * d->h + i) * d->w * d->c, by);
        }
    }
}

static void mean_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                      size_t row1)
{
    const size_t w = s->shape.w, c = s->shape.c, f = s->op->arg[0];
    const float count = (float)(f * f);
    for (size_t row = row0; row < row1; row++)
        for (size_t x = 0; x < w; x++) {
            const float *dy = grad_data(g, s->dy)
                            + (row / f * s->dy_shape.w + x / f) * c;
            float *to = grad_data(g, s->to) + (row * w + x) * c;
            for (size_t k = 0; k < c; k++)
                to[k] = dy[k] / count;
        }
}

/* --------------------------------------------------------------------- warp */

typedef struct corners {
    nenc_between x, y;
} corners;

static corners corners_of(const grad_step *s, const float *flow, size_t row,
                          size_t x)
{
    const float *f = flow + (row * s->dy_shape.w + x) * 2;
    return (corners){ nenc_warp_at(x, f[0], s->dy_shape.w),
                      nenc_warp_at(row % s->dy_shape.h, f[1],
                                   s->dy_shape.h) };
}

/* The part of rows [y0, y1) of a picture; all of dy is looked at. */
static void warped_rows(const nenc_grad *g, const grad_step *s, size_t image,
                        size_t y0, size_t y1)
{
    const size_t h = s->shape.h, w = s->shape.w, c = s->shape.c;
    const float *flow = grad_value_data(g, s->op->src[1]);
    float *to = grad_data(g, s->to) + image * h * w * c;
    memset(to + y0 * w * c, 0, (y1 - y0) * w * c * sizeof *to);
    for (size_t i = 0; i < h * w; i++) {
        const size_t row = image * h + i / w;
        const corners p = corners_of(s, flow, row, i % w);
        const float *dy = grad_data(g, s->dy) + (row * w + i % w) * c;
        for (int below = 0; below < 2; below++) {
            const size_t y = below ? p.y.second : p.y.first;
            const float by = below ? p.y.share : 1 - p.y.share;
            if (y < y0 || y >= y1)
                continue;
            add_scaled(to + (y * w + p.x.first) * c, dy,
                       by * (1 - p.x.share), c);
            add_scaled(to + (y * w + p.x.second) * c, dy, by * p.x.share, c);
        }
    }
}

/* Where a position is moved to an edge, the flow has no say. */
static bool is_inside(size_t i, float flow, size_t n)
{
    const float at = (float)i + flow;
    return at > 0 && at < (float)(n - 1);
}

static void flow_row(const nenc_grad *g, const grad_step *s, float *scratch,
                     size_t row)
{
    const nenc_shape *d = &s->dy_shape;
    const size_t h = d->h, w = d->w, c = d->c;
    const float *image = grad_value_data(g, s->op->src[0])
                       + row / h * h * w * c;
    const float *flow = grad_value_data(g, s->op->src[1]);
    float *dx = scratch, *dy = scratch + c;
    for (size_t x = 0; x < w; x++) {
        const corners p = corners_of(s, flow, row, x);
        const float *a = image + p.y.first * w * c, *b = image
                                                      + p.y.second * w * c;
        const size_t x0 = p.x.first * c, x1 = p.x.second * c;
        for (size_t k = 0; k < c; k++) {
            const float upper = a[x1 + k] - a[x0 + k];
            const float lower = b[x1 + k] - b[x0 + k];
            dx[k] = upper + (lower - upper) * p.y.share;
            dy[k] = b[x0 + k] + lower * p.x.share
                  - (a[x0 + k] + upper * p.x.share);
        }
        const float *seed = grad_data(g, s->dy) + (row * w + x) * c;
        const float *f = flow + (row * w + x) * 2;
        float *to = grad_data(g, s->to) + (row * w + x) * 2;
        to[0] = is_inside(x, f[0], w) ? nenc_row_product_sum(seed, dx, c) : 0;
        to[1] = is_inside(row % h, f[1], h)
              ? nenc_row_product_sum(seed, dy, c) : 0;
    }
}

static void warp_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1)
{
    float *scratch = g->scratch + (size_t)worker * g->scratch_floats;
    const size_t h = s->shape.h;
    size_t end;
    for (size_t row = row0; row < row1; row = end) {
        end = NENC_MIN(row1, (row / h + 1) * h);
        if (s->source == 0)
            warped_rows(g, s, row / h, row % h, (end - 1) % h + 1);
        for (size_t i = row; s->source == 1 && i < end; i++)
            flow_row(g, s, scratch, i);
    }
}

/* --------------------------------------------------------------------- all */

size_t grad_resize_scratch(const grad_step *s)
{
    return 2 * s->dy_shape.c;
}

void grad_resize_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1)
{
    if (s->op->layer->moves == NENC_MOVES_RESIZE)
        resize_rows(g, s, row0, row1);
    else if (s->op->layer->moves == NENC_MOVES_MEAN)
        mean_rows(g, s, row0, row1);
    else
        warp_rows(g, s, worker, row0, row1);
}
