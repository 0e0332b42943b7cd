/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Upsampling, forward and backward, row by row (overfit_paint.h defines
 * it).  Not here: what the rows are of. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "overfit_paint_internal.h"

/* What T takes for channel c of level k. */
static const overfit_plane *source(const paint_job *j, int k, int c)
{
    return k + 1 == j->p->shape->top ? &j->latents[k + 1]
                                     : &j->p->x[k + 1][c - 1];
}

static void clear(float *row, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        row[i] = 0;
}

/* ----------------------------------------------------------------- forward */

/* Down the columns of T to row y, continued on both sides. */
static void t_columns(const overfit_kernels *kernels, float *to,
                      const overfit_plane *from, const float *w, uint32_t y)
{
    const float taps[2][4] = { { w[0], w[2], w[3], w[1] },
                               { w[1], w[3], w[2], w[0] } };
    const size_t n = paint_round(from->width);
    const float *in[4];
    for (int i = 0; i < 4; i++)
        in[i] = overfit_row(from, paint_clamp((ptrdiff_t)(y / 2 + y % 2) + i
                                              - 2, from->height));
    kernels->filter(to, in, taps[y % 2], 4, NULL, n);
    to[-2] = to[-1] = to[0];
    for (size_t i = from->width; i < n + 2; i++)
        to[i] = to[from->width - 1];
}

static void p_taps(float *taps, const float *w)
{
    for (int i = 0; i < 4; i++)
        taps[i] = taps[6 - i] = w[i];
}

/* Down the columns of P to row y, margins too. */
static void p_columns(const overfit_kernels *kernels, float *to,
                      const overfit_plane *from, const float *taps, uint32_t y)
{
    const float *in[PAINT_P_TAPS];
    for (int i = 0; i < PAINT_P_TAPS; i++)
        in[i] = overfit_row(from, (ptrdiff_t)y + i - 3) - OVERFIT_MARGIN;
    kernels->filter(to - OVERFIT_MARGIN, in, taps, PAINT_P_TAPS, NULL,
                    paint_round(from->width) + 2 * OVERFIT_MARGIN);
}

/* row[-3] to row[3]. */
static void p_along(const float **in, const float *row)
{
    for (int i = 0; i < PAINT_P_TAPS; i++)
        in[i] = row + i - 3;
}

void paint_up_row(const paint_job *j, const paint_scratch *s, int k,
                  uint32_t y)
{
    const overfit_kernels *kernels = j->p->kernels;
    const overfit_shape *shape = j->p->shape;
    const float *up = j->params + shape->up[k]->weight;
    const overfit_plane *latent = &j->latents[k];
    float taps[PAINT_P_TAPS];
    const float *in[PAINT_P_TAPS];
    p_taps(taps, j->params + shape->pre[k]->weight);
    p_columns(kernels, s->row, latent, taps, y);
    p_along(in, s->row);
    kernels->filter(overfit_row(&j->p->x[k][0], y), in, taps, PAINT_P_TAPS,
                    overfit_row(latent, y), paint_round(latent->width));
    for (int c = 1; c <= shape->top - k; c++) {
        const overfit_plane *from = source(j, k, c);
        t_columns(kernels, s->row, from, up, y);
        kernels->widen(overfit_row(&j->p->x[k][c], y), s->row, up,
                       paint_round(from->width));
    }
}

void paint_up_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    const uint32_t h = j->p->h[j->level];
    for (size_t y = first * PAINT_BAND; y < end * PAINT_BAND && y < h; y++)
        paint_up_row(j, &j->p->scratch[worker], j->level, (uint32_t)y);
}

/* ---------------------------------------------------------------- backward */

/* The adjoint of T in one direction: places of `even` and `odd` from m on. */
static const int adjoint_even[4] = { 2, 1, 0, -1 };
static const int adjoint_odd[4] = { 1, 0, -1, -2 };

static void t_adjoint_taps(float *taps, const float *w)
{
    const float all[8] = { w[0], w[2], w[3], w[1], w[1], w[3], w[2], w[0] };
    memcpy(taps, all, sizeof all);
}

/* Row y of channel c, whose gradient is g, along the row. */
static void t_back_row(const paint_job *j, const paint_scratch *s, int k,
                       int c, uint32_t y, const float *g, float *sums)
{
    const overfit_kernels *kernels = j->p->kernels;
    const overfit_plane *from = source(j, k, c);
    const float *up = j->params + j->p->shape->up[k]->weight;
    const size_t w = from->width, n = paint_round(w);
    float *to = overfit_row(&j->p->half[c], y), taps[8];
    const float *x[2] = { s->even, s->odd }, *in[8];
    t_columns(kernels, s->row, from, up, y);
    kernels->split(s->even, s->odd, g, n);
    clear(s->even, n, n + OVERFIT_LANES);   /* of a finer level's row */
    clear(s->odd, n, n + OVERFIT_LANES);
    for (int i = 0; i < PAINT_T_TAPS; i++)
        in[i] = s->row + i - 2;
    kernels->outer(sums, PAINT_T_TAPS, x, 2, in, PAINT_T_TAPS, n);
    t_adjoint_taps(taps, up);
    for (int i = 0; i < 4; i++) {
        in[i] = s->even - 2 + adjoint_even[i];
        in[4 + i] = s->odd - 2 + adjoint_odd[i];
    }
    kernels->filter(to - 2, in, taps, 8, NULL, paint_round(w + 4));
    to[0] += to[-1];
    to[0] += to[-2];
    to[w - 1] += to[w];
    to[w - 1] += to[w + 1];
    clear(to, w, n);
}

static void p_back_row(const paint_job *j, const paint_scratch *s, int k,
                       uint32_t y, const float *g, float *sums)
{
    const overfit_kernels *kernels = j->p->kernels;
    const overfit_plane *latent = &j->latents[k];
    const size_t n = paint_round(latent->width);
    float *to = overfit_row(&j->p->half[0], y), taps[PAINT_P_TAPS];
    const float *in[PAINT_P_TAPS];
    p_taps(taps, j->params + j->p->shape->pre[k]->weight);
    p_columns(kernels, s->row, latent, taps, y);
    p_along(in, s->row);
    kernels->outer(sums, PAINT_P_TAPS, &g, 1, in, PAINT_P_TAPS, n);
    p_along(in, g);
    kernels->filter(to, in, taps, PAINT_P_TAPS, NULL, n);
    clear(to, latent->width, n);
}

void paint_up_back_row(const paint_job *j, const paint_scratch *s, int k,
                       uint32_t y, float *const *g, float *sums)
{
    p_back_row(j, s, k, y, g[0], sums + PAINT_P_ROWS * OVERFIT_LANES);
    for (int c = 1; c <= j->p->shape->top - k; c++)
        t_back_row(j, s, k, c, y, g[c], sums + PAINT_T_ROWS * OVERFIT_LANES);
}

static float *band_sums(const paint_job *j, size_t band)
{
    return j->p->up_sums[j->level] + band * PAINT_UP_SUMS * OVERFIT_LANES;
}

void paint_up_back_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    const int k = j->level;
    for (size_t y = first * PAINT_BAND; y < end * PAINT_BAND && y < j->p->h[k];
         y++) {
        float *g[PAINT_INPUTS];
        for (int c = 0; c <= j->p->shape->top - k; c++)
            g[c] = overfit_row(&j->p->dx[k][c], (ptrdiff_t)y);
        paint_up_back_row(j, &j->p->scratch[worker], k, (uint32_t)y, g,
                          band_sums(j, y / PAINT_BAND));
    }
}

/* Row y of what lies between two passes, zeros outside. */
static const float *half_row(const overfit_paint *p, int k, int c, ptrdiff_t y)
{
    return y < 0 || y >= (ptrdiff_t)p->h[k] ? p->zeros
                                            : overfit_row(&p->half[c], y);
}

static void p_end_row(const paint_job *j, ptrdiff_t y, float *sums)
{
    const overfit_paint *p = j->p;
    const int k = j->level;
    const overfit_plane *latent = &j->latents[k];
    const size_t n = paint_round(latent->width);
    float *to = overfit_row(&j->d_latents[k], y), taps[PAINT_P_TAPS];
    const float *in[PAINT_P_TAPS], *g = half_row(p, k, 0, y);
    for (int i = 0; i < PAINT_P_TAPS; i++)
        in[i] = overfit_row(latent, y + i - 3);
    p->kernels->outer(sums, PAINT_P_TAPS, &g, 1, in, PAINT_P_TAPS, n);
    for (int i = 0; i < PAINT_P_TAPS; i++)
        in[i] = half_row(p, k, 0, y + i - 3);
    p_taps(taps, j->params + p->shape->pre[k]->weight);
    p->kernels->filter(to, in, taps, PAINT_P_TAPS,
                       overfit_row(&p->dx[k][0], y), n);
    clear(to, latent->width, n);
}

/* What rows of the output send to row m of the source, or to one that lies
 * outside and counts for row `to`. */
static void t_adjoint_row(const paint_job *j, int c, ptrdiff_t m, float *to)
{
    const overfit_paint *p = j->p;
    const int k = j->level;
    float taps[8];
    const float *in[8];
    t_adjoint_taps(taps, j->params + p->shape->up[k]->weight);
    for (int i = 0; i < 4; i++) {
        in[i] = half_row(p, k, c, 2 * (m + adjoint_even[i]));
        in[4 + i] = half_row(p, k, c, 2 * (m + adjoint_odd[i]) + 1);
    }
    p->kernels->filter(to, in, taps, 8, NULL, paint_round(p->w[k + 1]));
}

static void t_end_row(const paint_job *j, const paint_scratch *s, int c,
                      ptrdiff_t m, float *sums)
{
    const overfit_paint *p = j->p;
    const int k = j->level;
    const ptrdiff_t h = (ptrdiff_t)p->h[k + 1];
    const overfit_plane *from = source(j, k, c);
    const size_t w = from->width, n = paint_round(w);
    float *to = overfit_row(k + 1 == p->shape->top ? &j->d_latents[k + 1]
                                                   : &p->dx[k + 1][c - 1], m);
    const float *g[2] = { half_row(p, k, c, 2 * m),
                          half_row(p, k, c, 2 * m + 1) };
    const float *in[PAINT_T_TAPS];
    const ptrdiff_t outside[4] = { -1, -2, h, h + 1 };
    for (int i = 0; i < PAINT_T_TAPS; i++)
        in[i] = overfit_row(from, paint_clamp(m + i - 2, from->height));
    p->kernels->outer(sums, PAINT_T_TAPS, g, 2, in, PAINT_T_TAPS, n);
    t_adjoint_row(j, c, m, to);
    for (int i = 0; i < 4; i++)
        if (m == paint_clamp(outside[i], p->h[k + 1])) {
            t_adjoint_row(j, c, outside[i], s->row);
            for (size_t x = 0; x < w; x++)
                to[x] += s->row[x];
        }
    clear(to, w, n);
}

void paint_up_end_bands(void *job, int worker, size_t first, size_t end)
{
    const paint_job *j = job;
    const overfit_paint *p = j->p;
    const int k = j->level;
    const size_t fine = paint_bands(p->h[k]);
    for (size_t b = first; b < end; b++) {
        const bool is_p = b < fine;
        const size_t band = is_p ? b : b - fine, y0 = band * PAINT_BAND;
        const uint32_t h = p->h[is_p ? k : k + 1];
        float *sums = band_sums(j, band);
        for (size_t y = y0; y < y0 + PAINT_BAND && y < h; y++)
            if (is_p)
                p_end_row(j, (ptrdiff_t)y,
                          sums + PAINT_P_COLUMNS * OVERFIT_LANES);
            else
                for (int c = 1; c <= p->shape->top - k; c++)
                    t_end_row(j, &p->scratch[worker], c, (ptrdiff_t)y,
                              sums + PAINT_T_COLUMNS * OVERFIT_LANES);
    }
}
