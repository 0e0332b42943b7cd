/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The synthesis, forward and backward (overfit_paint.h defines it),
 * in bands of rows.  The wide hidden layer exists for a block of pixels and a
 * group of channels at a time, and the backward pass computes it again: a
 * picture of it would not fit any cache.  Not here: upsampling. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "overfit_paint_internal.h"

/* ----------------------------------------------------------------- forward */

static void pointers(float **to, const overfit_plane *planes, int n,
                     ptrdiff_t y, ptrdiff_t x)
{
    for (int c = 0; c < n; c++)
        to[c] = overfit_row(&planes[c], y) + x;
}

static void replicate(float *row, size_t w)
{
    row[-1] = row[0];
    for (size_t i = w; i <= paint_round(w); i++)
        row[i] = row[w - 1];
}

/* n hidden channels from `first` on, of n_px pixels. */
static void hidden(const paint_job *j, const paint_scratch *s, int first,
                   int n, const float *const *x, size_t n_px)
{
    const overfit_layer *l = j->p->shape->trunk[0];
    const overfit_dense d = {
        .w = j->params + l->weight + (size_t)first * (size_t)l->cols,
        .bias = j->params + l->bias + first, .w_pitch = (size_t)l->cols,
        .n_in = l->cols, .n_out = n, .in = x, .out = s->h, .n = n_px,
        .relu = true,
    };
    j->p->kernels->dense(&d);
}

static void trunk_block(const paint_job *j, const paint_scratch *s,
                        const float *const *x, float *const *t,
                        float *const *out, size_t n)
{
    const overfit_shape *shape = j->p->shape;
    const overfit_layer *l = shape->trunk[1], *skip = shape->skip;
    for (int g = 0; g < l->cols; g += PAINT_GROUP) {
        const int n_hidden = paint_group(shape, g);
        const overfit_dense d = {
            .w = j->params + l->weight + g, .bias = j->params + l->bias,
            .w_pitch = (size_t)l->cols, .n_in = n_hidden,
            .n_out = l->rows, .in = (const float *const *)s->h, .out = t,
            .n = n, .resume = g > 0,
        };
        hidden(j, s, g, n_hidden, x, n);
        j->p->kernels->dense(&d);
    }
    const overfit_dense d = {
        .w = j->params + skip->weight, .w_pitch = (size_t)skip->cols,
        .n_in = skip->cols, .n_out = skip->rows, .in = x, .out = out, .n = n,
    };
    j->p->kernels->dense(&d);
}

static void trunk_row(const paint_job *j, const paint_scratch *s, uint32_t y)
{
    overfit_paint *p = j->p;
    const int channels = p->shape->channels, inputs = p->shape->top + 1;
    const size_t w = p->w[0], all = paint_round(w);
    for (size_t at = 0; at < all; at += PAINT_BLOCK) {
        float *x[PAINT_INPUTS], *t[PAINT_CHANNELS], *out[PAINT_CHANNELS];
        pointers(x, p->x[0], inputs, y, (ptrdiff_t)at);
        pointers(t, p->t, channels, y, (ptrdiff_t)at);
        pointers(out, p->out, channels, y, (ptrdiff_t)at);
        trunk_block(j, s, (const float *const *)x, t, out,
                    NENC_MIN(all - at, PAINT_BLOCK));
    }
    for (int c = 0; c < channels; c++)
        replicate(overfit_row(&p->t[c], y), w);
}

void paint_trunk_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    const paint_scratch *s = &j->p->scratch[worker];
    for (size_t y = first * PAINT_BAND;
         y < end * PAINT_BAND && y < j->p->h[0]; y++) {
        paint_up_row(j, s, 0, (uint32_t)y);
        trunk_row(j, s, (uint32_t)y);
    }
}

/* The samples under the taps of a 3x3 kernel at row y, [i][ky][kx]. */
static void window(const float **in, const overfit_plane *from, int channels,
                   ptrdiff_t y)
{
    for (int i = 0; i < channels; i++)
        for (int t = 0; t < 9; t++)
            in[i * 9 + t] = overfit_row(&from[i],
                                        paint_clamp(y + t / 3 - 1,
                                                    from[i].height))
                            + t % 3 - 1;
}

static void conv_row(const paint_job *j, int which, ptrdiff_t y)
{
    overfit_paint *p = j->p;
    const overfit_layer *l = p->shape->conv[which];
    const overfit_plane *from = which ? p->u : p->t;
    const bool is_last = which + 1 == p->shape->size->convs;
    const float *in[PAINT_TAPS];
    float *out[PAINT_CHANNELS], *same[PAINT_CHANNELS];
    window(in, from, l->rows, y);
    pointers(same, from, l->rows, y, 0);
    pointers(out, is_last ? p->out : p->u, l->rows, y, 0);
    const overfit_dense d = {
        .w = j->params + l->weight, .bias = j->params + l->bias,
        .w_pitch = (size_t)l->cols, .n_in = l->cols, .n_out = l->rows,
        .in = in, .out = out, .n = paint_round(p->w[0]), .relu = !is_last,
        .add = { (const float *const *)same,
                 is_last ? (const float *const *)out : NULL },
    };
    p->kernels->dense(&d);
    for (int c = 0; c < l->rows && !is_last; c++)
        replicate(out[c], p->w[0]);
}

void paint_conv0_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    (void)worker;
    for (size_t y = first * PAINT_BAND;
         y < end * PAINT_BAND && y < j->p->h[0]; y++)
        conv_row(j, 0, (ptrdiff_t)y);
}

void paint_conv1_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    (void)worker;
    for (size_t y = first * PAINT_BAND;
         y < end * PAINT_BAND && y < j->p->h[0]; y++)
        conv_row(j, 1, (ptrdiff_t)y);
}

/* ---------------------------------------------------------------- backward */

static void pack_conv(float *to, const float *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < n; o++)
            memcpy(to + (i * n + o) * 9, w + (o * n + i) * 9, 9 * sizeof *to);
}

void paint_pack_adjoint(overfit_paint *p, const float *params)
{
    const overfit_shape *s = p->shape;
    const size_t n = (size_t)s->channels, width = (size_t)s->size->width;
    const size_t inputs = (size_t)s->top + 1, pitch = n + width;
    paint_adjoint *a = p->adjoint;
    for (int i = 0; i < s->size->convs; i++)
        pack_conv(a->conv[i], params + s->conv[i]->weight, n);
    for (size_t o = 0; o < n; o++) {
        for (size_t k = 0; k < width; k++)
            a->trunk1[k * n + o] = params[s->trunk[1]->weight + o * width + k];
        for (size_t i = 0; i < inputs; i++)
            a->inputs[i * pitch + o] = params[s->skip->weight + o * inputs + i];
    }
    for (size_t k = 0; k < width; k++)
        for (size_t i = 0; i < inputs; i++)
            a->inputs[i * pitch + n + k] =
                params[s->trunk[0]->weight + k * inputs + i];
}

/* Sums of a parameter in a band. */
static float *sums_of(const paint_job *j, size_t y, size_t param)
{
    const overfit_shape *s = j->p->shape;
    return j->p->sums + (y / PAINT_BAND * paint_count(s) + param
                         - paint_first(s)) * OVERFIT_LANES;
}

/* Sums of a conv's parameters over row y, whose gradient is g. */
static void conv_sums(const paint_job *j, int which, const overfit_plane *g,
                      size_t y)
{
    overfit_paint *p = j->p;
    const overfit_layer *l = p->shape->conv[which];
    const size_t n = paint_round(p->w[0]);
    const float *in[PAINT_TAPS];
    float *at[PAINT_CHANNELS];
    const float *const *dy = (const float *const *)at;
    window(in, which ? p->u : p->t, l->rows, (ptrdiff_t)y);
    pointers(at, g, l->rows, (ptrdiff_t)y, 0);
    p->kernels->outer(sums_of(j, y, l->weight), (size_t)l->cols, dy, l->rows,
                      in, l->cols, n);
    p->kernels->sum(sums_of(j, y, l->bias), dy, l->rows, n);
}

/* Row y of the adjoint of a conv, from -1 to the height, the columns outside
 * folded in; `to` is a row of each channel. */
static void conv_adjoint_row(const paint_job *j, int which,
                             const overfit_plane *g, ptrdiff_t y,
                             float *const *to)
{
    overfit_paint *p = j->p;
    const int n = p->shape->channels;
    const size_t w = p->w[0];
    const float *in[PAINT_TAPS];
    float *add[PAINT_CHANNELS], *gate[PAINT_CHANNELS], *out[PAINT_CHANNELS];
    for (int i = 0; i < 9 * n; i++)
        in[i] = overfit_row(&g[i / 9], y + 1 - i % 9 / 3) - i % 3;
    pointers(add, g, n, y, -1);
    if (which == 1)
        pointers(gate, p->u, n, paint_clamp(y, p->h[0]), -1);
    for (int c = 0; c < n; c++)
        out[c] = to[c] - 1;
    const overfit_dense d = {
        .w = p->adjoint->conv[which], .w_pitch = 9 * (size_t)n, .n_in = 9 * n,
        .n_out = n, .in = in, .out = out, .n = paint_round(w + 2),
        .add = { (const float *const *)add },
        .gate = which == 1 ? (const float *const *)gate : NULL,
    };
    p->kernels->dense(&d);
    for (int c = 0; c < n; c++) {
        to[c][0] += to[c][-1];
        to[c][w - 1] += to[c][w];
        to[c][-1] = 0;
        for (size_t i = w; i + 1 < d.n; i++)
            to[c][i] = 0;
    }
}

/* Row y of the picture: with those outside that count for it. */
static void conv_back_row(const paint_job *j, const paint_scratch *s,
                          int which, const overfit_plane *g, ptrdiff_t y,
                          float *const *to)
{
    const overfit_paint *p = j->p;
    const ptrdiff_t outside[2] = { -1, (ptrdiff_t)p->h[0] };
    conv_adjoint_row(j, which, g, y, to);
    for (int i = 0; i < 2; i++)
        if (y == paint_clamp(outside[i], p->h[0])) {
            conv_adjoint_row(j, which, g, outside[i], s->extra);
            for (int c = 0; c < p->shape->channels; c++)
                for (size_t x = 0; x < p->w[0]; x++)
                    to[c][x] += s->extra[c][x];
        }
}

void paint_conv1_back_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    overfit_paint *p = j->p;
    for (size_t y = first * PAINT_BAND; y < end * PAINT_BAND && y < p->h[0];
         y++) {
        float *to[PAINT_CHANNELS];
        pointers(to, p->du, p->shape->channels, (ptrdiff_t)y, 0);
        conv_back_row(j, &p->scratch[worker], 1, p->seed, (ptrdiff_t)y, to);
        conv_sums(j, 1, p->seed, y);
    }
}

/* A block of one row, each array at its first pixel. */
typedef struct back_block {
    size_t y, n;
    const float *x[PAINT_INPUTS];
    const float *dt[PAINT_CHANNELS];
    const float *seed[PAINT_CHANNELS];
    float *dx[PAINT_INPUTS];
} back_block;

/* Hidden channels from k on, which s->h and s->dh then hold, to their part of
 * dx; the first group with the part of skip. */
static void group_back_inputs(const paint_job *j, const paint_scratch *s,
                              const back_block *b, int k)
{
    const overfit_shape *shape = j->p->shape;
    const int n = k > 0 ? 0 : shape->channels;
    const int n_hidden = paint_group(shape, k);
    const float *in[PAINT_CHANNELS + PAINT_GROUP];
    for (int c = 0; c < n; c++)
        in[c] = b->seed[c];
    for (int i = 0; i < n_hidden; i++)
        in[n + i] = s->dh[i];
    const overfit_dense d = {
        .w = j->p->adjoint->inputs + (k > 0 ? shape->channels + k : 0),
        .w_pitch = (size_t)(shape->channels + shape->size->width),
        .n_in = n + n_hidden, .n_out = shape->top + 1, .in = in,
        .out = b->dx, .n = b->n, .resume = k > 0,
    };
    j->p->kernels->dense(&d);
}

static void group_back(const paint_job *j, const paint_scratch *s,
                       const back_block *b, int k)
{
    const overfit_kernels *kernels = j->p->kernels;
    const overfit_layer *const *l = j->p->shape->trunk;
    const int n = l[1]->rows, width = l[1]->cols, inputs = l[0]->cols;
    const int n_hidden = paint_group(j->p->shape, k);
    const float *const *h = (const float *const *)s->h;
    const float *const *dh = (const float *const *)s->dh;
    const overfit_dense d = {
        .w = j->p->adjoint->trunk1 + k * n, .w_pitch = (size_t)n, .n_in = n,
        .n_out = n_hidden, .in = b->dt, .out = s->dh, .n = b->n, .gate = h,
    };
    hidden(j, s, k, n_hidden, b->x, b->n);
    kernels->dense(&d);
    kernels->outer(sums_of(j, b->y, l[1]->weight + (size_t)k), (size_t)width,
                   b->dt, n, h, n_hidden, b->n);
    kernels->outer(sums_of(j, b->y, l[0]->weight + (size_t)(k * inputs)),
                   (size_t)inputs, dh, n_hidden, b->x, inputs, b->n);
    kernels->sum(sums_of(j, b->y, l[0]->bias + (size_t)k), dh, n_hidden, b->n);
    group_back_inputs(j, s, b, k);
}

static void block_back(const paint_job *j, const paint_scratch *s,
                       const back_block *b)
{
    const overfit_shape *shape = j->p->shape;
    const overfit_kernels *kernels = j->p->kernels;
    for (int k = 0; k < shape->size->width; k += PAINT_GROUP)
        group_back(j, s, b, k);
    kernels->sum(sums_of(j, b->y, shape->trunk[1]->bias), b->dt,
                 shape->channels, b->n);
    kernels->outer(sums_of(j, b->y, shape->skip->weight),
                   (size_t)shape->skip->cols, b->seed, shape->channels, b->x,
                   shape->skip->cols, b->n);
}

/* From g_t, in s->dt, to g_x: channel 0 in its plane, the others in s->dx. */
static void trunk_back_row(const paint_job *j, const paint_scratch *s,
                           size_t y, float *const *dx)
{
    overfit_paint *p = j->p;
    const int channels = p->shape->channels, inputs = p->shape->top + 1;
    const size_t all = paint_round(p->w[0]);
    for (size_t at = 0; at < all; at += PAINT_BLOCK) {
        back_block b = { .y = y, .n = NENC_MIN(all - at, PAINT_BLOCK) };
        for (int c = 0; c < channels; c++) {
            b.dt[c] = s->dt[c] + at;
            b.seed[c] = overfit_row(&p->seed[c], (ptrdiff_t)y) + at;
        }
        for (int i = 0; i < inputs; i++) {
            b.x[i] = overfit_row(&p->x[0][i], (ptrdiff_t)y) + at;
            b.dx[i] = dx[i] + at;
        }
        block_back(j, s, &b);
    }
}

void paint_trunk_back_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    overfit_paint *p = j->p;
    const paint_scratch *s = &p->scratch[worker];
    const overfit_plane *g = p->shape->conv[1] ? p->du : p->seed;
    for (size_t y = first * PAINT_BAND; y < end * PAINT_BAND && y < p->h[0];
         y++) {
        float *dx[PAINT_INPUTS];
        memcpy(dx, s->dx, sizeof dx);
        dx[0] = overfit_row(&p->dx[0][0], (ptrdiff_t)y);
        conv_back_row(j, s, 0, g, (ptrdiff_t)y, s->dt);
        conv_sums(j, 0, g, y);
        trunk_back_row(j, s, y, dx);
        paint_up_back_row(j, s, 0, (uint32_t)y, dx,
                          p->up_sums[0] + y / PAINT_BAND * PAINT_UP_SUMS
                                          * OVERFIT_LANES);
    }
}
