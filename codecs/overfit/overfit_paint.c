/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Latents to colours: memory, the order of the stages, and the sums
 * of bands.  Not here: the stages, which are in overfit_paint_up.c and
 * overfit_paint_synth.c. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "overfit_paint_internal.h"

/* ------------------------------------------------------------------ memory */

static float *floats(overfit_paint *p, size_t n, size_t each)
{
    size_t all;
    return nenc_size_mul(&all, n, each)
        ? nenc_arena_zalloc(&p->arena, all, sizeof(float)) : NULL;
}

static bool add_plane(overfit_paint *p, overfit_plane *to, uint32_t w,
                      uint32_t h)
{
    const size_t pitch = paint_round(w) + 2 * OVERFIT_MARGIN;
    float *all = floats(p, (size_t)h + 2 * OVERFIT_MARGIN_ROWS, pitch);
    *to = (overfit_plane){ NULL, pitch, w, h };
    if (all)
        to->data = all + OVERFIT_MARGIN_ROWS * pitch + OVERFIT_MARGIN;
    return all != NULL;
}

static bool add_planes(overfit_paint *p, overfit_plane *to, int n, uint32_t w,
                       uint32_t h)
{
    bool ok = true;
    for (int c = 0; c < n && ok; c++)
        ok = add_plane(p, to + c, w, h);
    return ok;
}

static bool add_scratch(overfit_paint *p, paint_scratch *s)
{
    const size_t row = paint_round(p->w[0]) + 2 * PAINT_EDGE;
    float **rows[3 + 2 * PAINT_CHANNELS + PAINT_INPUTS];
    size_t n = 0;
    rows[n++] = &s->row;
    rows[n++] = &s->even;
    rows[n++] = &s->odd;
    for (int c = 0; c < PAINT_CHANNELS; c++) {
        rows[n++] = &s->dt[c];
        rows[n++] = &s->extra[c];
    }
    for (int c = 0; c < PAINT_INPUTS; c++)
        rows[n++] = &s->dx[c];
    float *at = floats(p, n, row);
    float *hidden = floats(p, 2 * PAINT_GROUP, PAINT_BLOCK);
    if (!at || !hidden)
        return false;
    for (size_t i = 0; i < n; i++)
        *rows[i] = at + i * row + PAINT_EDGE;
    for (int i = 0; i < PAINT_GROUP; i++) {
        s->h[i] = hidden + i * PAINT_BLOCK;
        s->dh[i] = hidden + (PAINT_GROUP + i) * PAINT_BLOCK;
    }
    return true;
}

static bool add_training(overfit_paint *p)
{
    const overfit_shape *s = p->shape;
    const size_t bands = paint_bands(p->h[0]);
    bool ok = add_planes(p, p->seed, s->channels, p->w[0], p->h[0])
        && add_plane(p, p->half, p->w[0], p->h[0])
        && add_planes(p, p->half + 1, s->top, p->w[1], p->h[0])
        && add_plane(p, p->dx[0], p->w[0], p->h[0]);
    if (ok && s->conv[1])
        ok = add_planes(p, p->du, s->channels, p->w[0], p->h[0]);
    for (int k = 1; k < s->top && ok; k++)
        ok = add_planes(p, p->dx[k], s->top - k + 1, p->w[k], p->h[k]);
    for (int k = 0; k < s->top && ok; k++)
        ok = (p->up_sums[k] = floats(p, paint_bands(p->h[k]),
                                     PAINT_UP_SUMS * OVERFIT_LANES)) != NULL;
    return ok
        && (p->zeros = floats(p, 1, paint_round(p->w[0]) + PAINT_EDGE))
        && (p->sums = floats(p, bands, paint_count(s) * OVERFIT_LANES))
        && (p->adjoint = nenc_arena_zalloc(&p->arena, 1,
                                           sizeof *p->adjoint));
}

static bool add_memory(overfit_paint *p, bool training)
{
    const overfit_shape *s = p->shape;
    const size_t threads = (size_t)(p->pool ? nenc_pool_threads(p->pool) : 1);
    bool ok = add_planes(p, p->t, s->channels, p->w[0], p->h[0])
        && add_planes(p, p->out, s->channels, p->w[0], p->h[0]);
    if (ok && s->conv[1])
        ok = add_planes(p, p->u, s->channels, p->w[0], p->h[0]);
    for (int k = 0; k < s->top && ok; k++)
        ok = add_planes(p, p->x[k], s->top - k + 1, p->w[k], p->h[k]);
    if (ok)
        ok = (p->scratch = nenc_arena_zalloc(&p->arena, threads,
                                             sizeof *p->scratch)) != NULL;
    for (size_t i = 0; i < threads && ok; i++)
        ok = add_scratch(p, &p->scratch[i]);
    return ok && (!training || add_training(p));
}

nenc_status overfit_paint_open(overfit_paint **out, const overfit_shape *shape,
                               bool training, nenc_pool *pool,
                               size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    overfit_paint *p = nenc_mem_zalloc(1, sizeof *p);
    if (!p)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    p->shape = shape;
    p->pool = pool;
    p->kernels = overfit_kernels_best();
    for (int k = 0; k <= shape->top; k++) {
        const overfit_grid *g = &shape->grids[overfit_latent(shape,
                                                             (uint32_t)k)];
        p->w[k] = g->width;
        p->h[k] = g->height;
    }
    nenc_arena_init(&p->arena, max_memory);
    if (!add_memory(p, training)) {
        const nenc_status st = nenc_arena_fail(&p->arena, diag, "picture",
                                               shape->size->name);
        overfit_paint_close(p);
        return st;
    }
    *out = p;
    return NENC_OK;
}

void overfit_paint_close(overfit_paint *p)
{
    if (!p)
        return;
    nenc_arena_free(&p->arena);
    nenc_mem_free(p);
}

size_t overfit_paint_memory(const overfit_paint *p)
{
    return sizeof *p + p->arena.used;
}

const overfit_plane *overfit_paint_output(const overfit_paint *p)
{
    return p->out;
}

overfit_plane *overfit_paint_seed(overfit_paint *p)
{
    return p->seed;
}

/* ------------------------------------------------------------------ stages */

void overfit_paint_forward(overfit_paint *p, const overfit_plane *latents,
                           const float *params)
{
    paint_job j = { .p = p, .latents = latents, .params = params };
    const size_t n = paint_bands(p->h[0]);
    for (j.level = p->shape->top - 1; j.level > 0; j.level--)
        nenc_pool_run(p->pool, paint_bands(p->h[j.level]), 1, paint_up_bands,
                      &j);
    nenc_pool_run(p->pool, n, 1, paint_trunk_bands, &j);
    nenc_pool_run(p->pool, n, 1, paint_conv0_bands, &j);
    if (p->shape->conv[1])
        nenc_pool_run(p->pool, n, 1, paint_conv1_bands, &j);
}

/* The sum over bands and lanes of the i-th of `count` sums. */
static float total(const float *sums, size_t bands, size_t count, size_t i)
{
    float s[OVERFIT_LANES] = { 0 };
    for (size_t b = 0; b < bands; b++) {
        const float *from = sums + (b * count + i) * OVERFIT_LANES;
        for (int l = 0; l < OVERFIT_LANES; l++)
            s[l] += from[l];
    }
    for (int step = OVERFIT_LANES / 2; step > 0; step /= 2)
        for (int l = 0; l < step; l++)
            s[l] += s[l + step];
    return s[0];
}

/* The taps of one parameter: along the rows, then down the columns; of each,
 * as they follow.  T, for even then odd outputs: a c d b from m - 2 on, b d c a
 * from m - 1 on. */
static void collect_up(const overfit_paint *p, int k, float *d_up,
                       float *d_pre)
{
    static const int even[4] = { 0, 3, 1, 2 }, odd[4] = { 4, 1, 3, 2 };
    const size_t fine = paint_bands(p->h[k]), coarse = paint_bands(p->h[k + 1]);
    float s[PAINT_UP_SUMS];
    for (int i = 0; i < PAINT_UP_SUMS; i++) {
        const bool is_of_source = i >= PAINT_T_COLUMNS && i < PAINT_P_ROWS;
        s[i] = total(p->up_sums[k], is_of_source ? coarse : fine,
                     PAINT_UP_SUMS, (size_t)i);
    }
    for (int i = 0; i < 4; i++) {
        const float *r = s + PAINT_T_ROWS, *c = s + PAINT_T_COLUMNS;
        d_up[i] = (r[even[i]] + r[PAINT_T_TAPS + odd[i]])
                  + (c[even[i]] + c[PAINT_T_TAPS + odd[i]]);
        r = s + PAINT_P_ROWS;
        c = s + PAINT_P_COLUMNS;
        d_pre[i] = i == 3 ? r[3] + c[3]
                          : (r[i] + r[6 - i]) + (c[i] + c[6 - i]);
    }
}

typedef struct collect_job {
    const overfit_paint *p;
    float *to;
} collect_job;

static void collect_synthesis(void *user, int worker, size_t first, size_t end)
{
    const collect_job *j = user;
    const overfit_shape *s = j->p->shape;
    (void)worker;
    for (size_t i = first; i < end; i++)
        j->to[paint_first(s) + i] = total(j->p->sums, paint_bands(j->p->h[0]),
                                          paint_count(s), i);
}

void overfit_paint_backward(overfit_paint *p, const overfit_plane *latents,
                            const float *params, overfit_plane *d_latents,
                            float *d_params)
{
    const overfit_shape *s = p->shape;
    paint_job j = { .p = p, .latents = latents, .params = params,
                    .d_latents = d_latents };
    collect_job to = { p, d_params };
    const size_t n = paint_bands(p->h[0]);
    paint_pack_adjoint(p, params);
    memset(p->sums, 0, n * paint_count(s) * OVERFIT_LANES * sizeof(float));
    for (int k = 0; k < s->top; k++)
        memset(p->up_sums[k], 0, paint_bands(p->h[k]) * PAINT_UP_SUMS
                                 * OVERFIT_LANES * sizeof(float));
    if (s->conv[1])
        nenc_pool_run(p->pool, n, 1, paint_conv1_back_bands, &j);
    nenc_pool_run(p->pool, n, 1, paint_trunk_back_bands, &j);
    for (j.level = 0; j.level < s->top; j.level++) {
        const int k = j.level;
        if (k > 0)
            nenc_pool_run(p->pool, paint_bands(p->h[k]), 1,
                          paint_up_back_bands, &j);
        nenc_pool_run(p->pool, paint_bands(p->h[k]) + paint_bands(p->h[k + 1]),
                      1, paint_up_end_bands, &j);
        collect_up(p, k, d_params + s->up[k]->weight,
                   d_params + s->pre[k]->weight);
    }
    nenc_pool_run(p->pool, paint_count(s), 128, collect_synthesis, &to);
}
