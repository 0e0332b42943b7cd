/* SPDX-License-Identifier: BSD-2-Clause */
/* Backward passes of convolutions and gdn, and gradients of weights.
 *
 * A convolution's adjoint is a (transposed) convolution with the same weights,
 * and runs as one wherever its dims come out right.  A gradient of weights is
 * for each tap of the kernel a product of two matrices whose rows are pixels;
 * its terms are taken in the order of pictures, rows, pixels, a fixed number of
 * them at a time, so that sums do not depend on threads. */
#include <math.h>
#include <string.h>

#include "grad_internal.h"

/* ---------------------------------------------------------- of the source */

/* Where no convolution is the adjoint: pixel by pixel. */
static void gather_row(const grad_step *s, const float *dy, float *to,
                       size_t row)
{
    const nenc_conv_shape *c = &s->op->conv;
    const size_t gi = c->cin / c->groups, go = c->cout / c->groups;
    const size_t kk = c->k * c->k;
    const float *weight = s->params->kernel->value;
    memset(to, 0, s->shape.w * c->cin * sizeof *to);
    for (size_t x = 0; x < s->shape.w; x++)
        for (size_t t = 0; t < kk; t++) {
            const size_t ky = t / c->k, kx = t % c->k;
            const size_t py = row + c->pad - ky, px = x + c->pad - kx;
            const size_t oy = py / c->stride, ox = px / c->stride;
            if (row + c->pad < ky || x + c->pad < kx || py % c->stride
                || px % c->stride || oy >= s->dy_shape.h
                || ox >= s->dy_shape.w)
                continue;
            const float *d = dy + (oy * s->dy_shape.w + ox) * c->cout;
            for (size_t o = 0; o < c->cout; o++) {
                const size_t g = o / go;
                for (size_t i = 0; i < gi; i++)
                    to[x * c->cin + g * gi + i] +=
                        d[o] * weight[(o * gi + i) * kk + t];
            }
        }
}

void grad_conv_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                    size_t row1)
{
    const nenc_shape *d = &s->dy_shape, *x = &s->shape;
    const nenc_conv *back = &s->params->back;
    const bool fits = s->params->has_back
        && nenc_conv_extent(&back->shape, d->h) == x->h
        && nenc_conv_extent(&back->shape, d->w) == x->w;
    const float *plus = s->plus < 0 ? NULL : grad_data(g, s->plus);
    const bool fused = fits && !back->is_depthwise;
    const size_t n = x->w * x->c;
    while (row0 < row1) {
        const size_t image = row0 / x->h, first = row0 % x->h;
        const size_t end = NENC_MIN(row1 - row0 + first, x->h);
        float *to = grad_data(g, s->to) + image * x->h * n;
        const nenc_conv_io io = {
            .src = grad_data(g, s->dy) + image * d->h * d->w * d->c,
            .dst = to, .h = d->h, .w = d->w, .src_step = d->c,
            .dst_step = x->c,
            .add = plus && fused ? plus + image * x->h * n : NULL,
        };
        if (fits)
            nenc_conv_rows(back, &io, first, end, NENC_ACT_NONE, 0);
        for (size_t y = first; !fits && y < end; y++)
            gather_row(s, io.src, to + y * n, y);
        for (size_t i = first * n; plus && !fused && i < end * n; i++)
            to[i] += plus[image * x->h * n + i];
        row0 += end - first;
    }
}

/* -------------------------------------------------------------------- gdn

 * y = x n^p with n = beta + gamma x^2 and p = -1/2, or 1/2 inverse, so
 * dn = dy x p n^(p - 1), dx = dy n^p + 2 x (gamma^T dn). */

typedef struct gdn_row {
    float *square, *norm, *power, *dn;   /* power: n^p */
} gdn_row;

static void gdn_norm(const grad_step *s, const float *x, const float *dy,
                     const gdn_row *r)
{
    const size_t c = s->shape.c, n = s->shape.w * c;
    const bool inverse = s->op->layer->name[0] == 'i';
    for (size_t i = 0; i < n; i++)
        r->square[i] = x[i] * x[i];
    const nenc_conv_io io = { .src = r->square, .dst = r->norm, .h = 1,
                              .w = s->shape.w, .src_step = c, .dst_step = c };
    nenc_conv_rows(&s->params->forward, &io, 0, 1, NENC_ACT_NONE, 0);
    for (size_t i = 0; i < n; i++) {
        const float root = sqrtf(r->norm[i]);
        r->power[i] = inverse ? root : 1 / root;
        r->dn[i] = dy[i] * x[i] * (inverse ? 0.5f : -0.5f) * r->power[i]
                   / r->norm[i];
    }
}

static gdn_row gdn_scratch(const nenc_grad *g, const grad_step *s, int worker)
{
    const size_t n = s->shape.w * s->shape.c;
    float *at = g->scratch + (size_t)worker * g->scratch_floats;
    return (gdn_row){ at, at + n, at + 2 * n, at + 3 * n };
}

void grad_gdn_rows(const nenc_grad *g, const grad_step *s, int worker,
                   size_t row0, size_t row1)
{
    const size_t c = s->shape.c, n = s->shape.w * c;
    const gdn_row r = gdn_scratch(g, s, worker);
    const float *plus = s->plus < 0 ? NULL : grad_data(g, s->plus);
    for (size_t row = row0; row < row1; row++) {
        const float *x = grad_value_data(g, s->x) + row * n;
        const float *dy = grad_data(g, s->dy) + row * n;
        float *to = grad_data(g, s->to) + row * n;
        const nenc_conv_io io = { .src = r.dn, .dst = r.norm, .h = 1,
                                  .w = s->shape.w, .src_step = c,
                                  .dst_step = c };
        gdn_norm(s, x, dy, &r);
        nenc_conv_rows(&s->params->back, &io, 0, 1, NENC_ACT_NONE, 0);
        for (size_t i = 0; i < n; i++)
            to[i] = dy[i] * r.power[i] + 2 * x[i] * r.norm[i]
                    + (plus ? plus[row * n + i] : 0);
    }
}

static void gdn_prepare_rows(void *user, int worker, size_t row0, size_t row1)
{
    const grad_job *j = user;
    const grad_step *s = j->s;
    const size_t n = s->shape.w * s->shape.c;
    const gdn_row scratch = gdn_scratch(j->g, s, worker);
    for (size_t row = row0; row < row1; row++) {
        gdn_row r = scratch;
        r.dn = grad_data(j->g, s->to) + row * n;
        r.square = grad_data(j->g, s->plus) + row * n;
        gdn_norm(s, grad_value_data(j->g, s->x) + row * n,
                 grad_data(j->g, s->dy) + row * n, &r);
    }
}

void grad_gdn_prepare(const nenc_grad *g, const grad_step *s)
{
    grad_job j = { .g = g, .s = s };
    nenc_pool_run(g->pool, s->shape.n * s->shape.h, s->grain,
                  gdn_prepare_rows, &j);
}

/* ------------------------------------------------------------- of the weights */

/* The gradient of weight (a, b, tap) is the sum over positions p of the small
 * tensor of small[p, a] big[p stride - pad + tap, b]: small is dy, and big the
 * source; of a transposed convolution, the other way round. */
typedef struct pair {
    const float *small, *big;
    const nenc_shape *s, *b;
    const nenc_conv_shape *conv;
    size_t n_a, n_b;             /* channels of a group */
} pair;

static pair pair_of(const nenc_grad *g, const grad_step *s)
{
    const nenc_conv_shape *c = &s->op->conv;
    const float *dy = grad_data(g, s->dy);
    const float *x = s->plus >= 0 ? grad_data(g, s->plus)
                                  : grad_value_data(g, s->x);
    pair p = { .conv = c };
    p.small = c->transposed ? x : dy;
    p.big = c->transposed ? dy : x;
    p.s = c->transposed ? &s->shape : &s->dy_shape;
    p.b = c->transposed ? &s->dy_shape : &s->shape;
    p.n_a = p.s->c / c->groups;
    p.n_b = p.b->c / c->groups;
    return p;
}

/* Positions [*first, *end) of n for which the tap falls within the other's. */
static void valid(const nenc_conv_shape *c, size_t tap, size_t n, size_t other,
                  size_t *first, size_t *end)
{
    *first = tap < c->pad ? (c->pad - tap + c->stride - 1) / c->stride : 0;
    *end = other + c->pad > tap
        ? (other + c->pad - tap - 1) / c->stride + 1 : 0;
    *end = NENC_MIN(*end, n);
    *first = NENC_MIN(*first, *end);
}

/* Rows of terms that are taken at once: as many as stay in a cache. */
static size_t some_rows(size_t cols, size_t channels)
{
    enum { FLOATS = 1 << 15 };
    return NENC_MAX(1, FLOATS / (cols * channels + 1));
}

/* Channels [a0, a1) of a group's small tensor with all of its big one. */
static void multiply(const pair *p, const nenc_kernels *kernels, size_t group,
                     size_t tap, size_t a0, size_t a1, float *dst)
{
    const nenc_conv_shape *c = p->conv;
    const size_t ky = tap / c->k, kx = tap % c->k;
    size_t y0, y1, x0, x1;
    valid(c, ky, p->s->h, p->b->h, &y0, &y1);
    valid(c, kx, p->s->w, p->b->w, &x0, &x1);
    if (x0 == x1)
        return;
    const size_t some = some_rows(x1 - x0, p->n_a + p->n_b);
    for (size_t n = 0; n < p->s->n; n++)
        for (size_t y = y0; y < y1; y += some) {
            const size_t by = y * c->stride + ky - c->pad;
            const size_t bx = x0 * c->stride + kx - c->pad;
            const nenc_outer_run run = {
                .a = p->small + ((n * p->s->h + y) * p->s->w + x0) * p->s->c
                     + group * p->n_a + a0,
                .b = p->big + ((n * p->b->h + by) * p->b->w + bx) * p->b->c
                     + group * p->n_b,
                .dst = dst, .rows = NENC_MIN(some, y1 - y), .cols = x1 - x0,
                .a_pitch = p->s->w * p->s->c, .a_step = p->s->c,
                .b_pitch = c->stride * p->b->w * p->b->c,
                .b_step = c->stride * p->b->c,
                .n_a = a1 - a0, .n_b = p->n_b, .dst_step = p->n_b,
            };
            kernels->outer(&run);
        }
}

enum { SUM_CHANNELS = 64 };

/* Of a bias, or of a weight for each channel: over channels [first, end). */
static void channel_sums(void *user, int worker, size_t first, size_t end)
{
    const grad_job *j = user;
    const grad_step *s = j->s;
    const nenc_shape *d = &s->dy_shape;
    const float *x = j->x;
    (void)worker;
    for (size_t k0 = first; k0 < end; k0 += SUM_CHANNELS) {
        const size_t n = NENC_MIN(end - k0, SUM_CHANNELS);
        for (size_t row = 0; row < d->n * d->h; row++) {
            float line[SUM_CHANNELS] = { 0 };
            const size_t at = row * d->w * d->c + k0;
            const float *dy = grad_data(j->g, s->dy) + at;
            for (size_t i = 0; i < d->w * d->c; i += d->c)
                for (size_t k = 0; k < n; k++)
                    line[k] += x ? dy[i + k] * x[at + i + k] : dy[i + k];
            for (size_t k = 0; k < n; k++)
                j->to[k0 + k] += line[k];
        }
    }
}

/* One group, tap and share of the channels after the other, then the bias. */
static void weight_jobs(void *user, int worker, size_t first, size_t end)
{
    const grad_job *j = user;
    const pair p = pair_of(j->g, j->s);
    const size_t kk = p.conv->k * p.conv->k;
    const size_t n = j->splits * kk * p.conv->groups;
    for (size_t i = first; i < end; i++) {
        if (i >= n) {
            const size_t c = (i - n) * SUM_CHANNELS;
            channel_sums(user, worker, c, NENC_MIN(c + SUM_CHANNELS,
                                                   p.conv->cout));
            continue;
        }
        const size_t split = i % j->splits, tap = i / j->splits % kk;
        const size_t group = i / j->splits / kk;
        const size_t a0 = split * p.n_a / j->splits;
        const size_t a1 = (split + 1) * p.n_a / j->splits;
        float *dst = kk == 1 ? j->s->params->kernel->grad
                             : j->g->taps + tap * p.n_a * p.n_b
                                            * p.conv->groups;
        dst += (group * p.n_a + a0) * p.n_b;
        if (kk > 1)
            memset(dst, 0, (a1 - a0) * p.n_b * sizeof *dst);
        multiply(&p, j->g->kernels, group, tap, a0, a1, dst);
    }
}

/* From [tap][a][b] to what models have, [a][b][tap]. */
static void collect_taps(void *user, int worker, size_t first, size_t end)
{
    const grad_job *j = user;
    const nenc_param *to = j->s->params->kernel;
    const size_t kk = j->s->op->conv.k * j->s->op->conv.k, n = to->n / kk;
    (void)worker;
    for (size_t i = first; i < end; i++)
        for (size_t tap = 0; tap < kk; tap++)
            to->grad[i * kk + tap] += j->g->taps[tap * n + i];
}

/* Depthwise: all channels of a tap side by side. */
static void depthwise_jobs(void *user, int worker, size_t first, size_t end)
{
    const grad_job *j = user;
    const pair p = pair_of(j->g, j->s);
    const nenc_conv_shape *c = p.conv;
    (void)worker;
    for (size_t tap = first; tap < end; tap++) {
        float *dst = j->g->taps + tap * c->cin;
        size_t y0, y1, x0, x1;
        memset(dst, 0, c->cin * sizeof *dst);
        valid(c, tap / c->k, p.s->h, p.b->h, &y0, &y1);
        valid(c, tap % c->k, p.s->w, p.b->w, &x0, &x1);
        for (size_t n = 0; n < p.s->n; n++)
            for (size_t y = y0; y < y1; y++)
                for (size_t x = x0; x < x1; x++) {
                    const size_t by = y * c->stride + tap / c->k - c->pad;
                    const size_t bx = x * c->stride + tap % c->k - c->pad;
                    const float *a = p.small + ((n * p.s->h + y) * p.s->w + x)
                                               * c->cin;
                    const float *b = p.big + ((n * p.b->h + by) * p.b->w + bx)
                                             * c->cin;
                    for (size_t k = 0; k < c->cin; k++)
                        dst[k] += a[k] * b[k];
                }
    }
}

void grad_weights(const nenc_grad *g, const grad_step *s)
{
    enum { SMALLEST = 12 };
    const nenc_conv_shape *c = &s->op->conv;
    grad_job j = { .g = g, .s = s, .splits = 1 };
    if (s->op->weight) {
        j.x = s->plus >= 0 ? grad_data(g, s->plus) : grad_value_data(g, s->x);
        j.to = s->params->kernel->grad;
        nenc_pool_run(g->pool, s->dy_shape.c, SUM_CHANNELS, channel_sums, &j);
    }
    j.x = NULL;
    j.to = s->params->bias ? s->params->bias->grad : NULL;
    const bool dense = c->cin && !s->params->forward.is_depthwise;
    if (j.to && !dense)
        nenc_pool_run(g->pool, s->dy_shape.c, SUM_CHANNELS, channel_sums, &j);
    if (!c->cin)
        return;
    const size_t kk = c->k * c->k;
    if (!dense) {
        nenc_pool_run(g->pool, kk, 1, depthwise_jobs, &j);
    } else {
        const pair p = pair_of(g, s);
        const size_t wanted = 4 * (size_t)nenc_pool_threads(g->pool);
        j.splits = NENC_MAX(1, NENC_MIN(p.n_a / SMALLEST,
                                        (wanted + kk * c->groups - 1)
                                        / (kk * c->groups)));
        nenc_pool_run(g->pool, j.splits * kk * c->groups
                               + (c->cout + SUM_CHANNELS - 1) / SUM_CHANNELS,
                      1, weight_jobs, &j);
    }
    if (kk > 1 || !dense)
        nenc_pool_run(g->pool, s->params->kernel->n / kk, 1024, collect_taps,
                      &j);
}
