/* SPDX-License-Identifier: BSD-2-Clause */
/* A feature is a sum over all coarser grids, enlarged, and a bias.  As that is
 * linear, it is built from the coarsest level on: enlarge what there is by two,
 * add the level's grids.  Backwards, gradients are summed two by two and each
 * level's grids take theirs. */
#include <string.h>

#include "exact_sum.h"
#include "overfit_kernels.h"
#include "overfit_mixer.h"
#include "overfit_plane.h"

enum { F = OVERFIT_INPUTS - OVERFIT_SPATIAL, L = OVERFIT_LANES };

struct overfit_mixer {
    const overfit_shape *shape;
    const overfit_kernels *kernels;
    nenc_pool *pool;
    nenc_arena arena;
    /* [k][f][level]: values from level k + 1 to the top, and gradients */
    overfit_plane value[OVERFIT_MIXERS][F][OVERFIT_TOP + 1];
    overfit_plane grad[OVERFIT_MIXERS][F][OVERFIT_TOP + 1];
    /* of this run: */
    const overfit_plane *grids;
    overfit_plane *d_grids;
    const float *params;
    float *d_params;
};

static bool alloc(overfit_mixer *m, bool training)
{
    const overfit_shape *s = m->shape;
    for (int k = 0; k < OVERFIT_MIXERS; k++)
        for (int f = 0; f < s->size->features; f++)
            for (int level = k + 1; level <= s->top; level++) {
                const overfit_grid *g =
                    &s->grids[overfit_latent(s, (uint32_t)level)];
                if (!overfit_plane_alloc(&m->value[k][f][level], &m->arena,
                                         g->width, g->height)
                    || (training
                        && !overfit_plane_alloc(&m->grad[k][f][level],
                                                &m->arena, g->width,
                                                g->height)))
                    return false;
            }
    return true;
}

nenc_status overfit_mixer_open(overfit_mixer **out, const overfit_shape *shape,
                               bool training, nenc_pool *pool,
                               size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    overfit_mixer *m = nenc_mem_zalloc(1, sizeof *m);
    if (!m)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    m->shape = shape;
    m->kernels = overfit_kernels_best();
    m->pool = pool;
    nenc_arena_init(&m->arena, max_memory);
    if (!alloc(m, training)) {
        const nenc_status st = nenc_arena_fail(&m->arena, diag, "features of",
                                               "latents");
        overfit_mixer_close(m);
        return st;
    }
    *out = m;
    return NENC_OK;
}

void overfit_mixer_close(overfit_mixer *m)
{
    if (!m)
        return;
    nenc_arena_free(&m->arena);
    nenc_mem_free(m);
}

size_t overfit_mixer_memory(const overfit_mixer *m)
{
    return m->arena.used;
}

const overfit_plane *overfit_mixer_feature(const overfit_mixer *m, int k,
                                           int f)
{
    return &m->value[k][f][k + 1];
}

const overfit_plane *overfit_mixer_gradient(const overfit_mixer *m, int k,
                                            int f)
{
    return &m->grad[k][f][k + 1];
}

/* ------------------------------------------------------------------ forward */

static void double_row(float *restrict to, const float *restrict from,
                       size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i / 2];
}

static void add_scaled(float *restrict to, const float *restrict from, float w,
                       size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += w * from[i];
}

static void start_level(const overfit_plane *to, const overfit_plane *from,
                        float bias)
{
    for (uint32_t y = 0; y < to->height; y++) {
        float *row = overfit_row(to, y);
        if (from)
            double_row(row, overfit_row(from, y / 2), to->width);
        for (uint32_t x = 0; !from && x < to->width; x++)
            row[x] = bias;
    }
}

static void make_feature(const overfit_mixer *m, int k, int f)
{
    const overfit_shape *s = m->shape;
    const overfit_layer *l = s->mixer[k];
    const float *w = m->params + l->weight + f * l->cols;
    const int first = s->n_grids - l->cols;
    int g = s->n_grids;
    for (int level = s->top; level > k; level--) {
        const overfit_plane *to = &m->value[k][f][level];
        start_level(to, level < s->top ? to + 1 : NULL,
                    m->params[l->bias + (size_t)f]);
        while (g > first && (int)s->grids[g - 1].level == level) {
            g--;
            for (uint32_t y = 0; y < to->height; y++)
                add_scaled(overfit_row(to, y), overfit_row(&m->grids[g], y),
                           w[g - first], to->width);
        }
    }
}

static void make_features(void *user, int worker, size_t first, size_t end)
{
    const overfit_mixer *m = user;
    const size_t n = (size_t)m->shape->size->features;
    (void)worker;
    for (size_t i = first; i < end; i++)
        make_feature(m, (int)(i / n), (int)(i % n));
}

void overfit_mixer_forward(overfit_mixer *m, const overfit_plane *grids,
                           const float *params)
{
    m->grids = grids;
    m->params = params;
    nenc_pool_run(m->pool, (size_t)(OVERFIT_MIXERS * m->shape->size->features),
                  1, make_features, m);
}

/* ----------------------------------------------------------------- backward */

static void halve(const overfit_plane *to, const overfit_plane *from)
{
    for (uint32_t y = 0; y < to->height; y++) {
        float *restrict t = overfit_row(to, y);
        const float *restrict a = overfit_row(from, 2 * (ptrdiff_t)y);
        const float *restrict b = overfit_row(from, 2 * (ptrdiff_t)y + 1);
        for (uint32_t x = 0; x < to->width; x++)
            t[x] = (a[2 * x] + a[2 * x + 1]) + (b[2 * x] + b[2 * x + 1]);
    }
}

/* The sum of x y, or of x, over a plane. */
static float plane_sum(const overfit_kernels *kernels, const overfit_plane *x,
                       const overfit_plane *y)
{
    float lanes[L] = { 0 };
    const size_t n = ((size_t)x->width + L - 1) / L * L;
    for (uint32_t row = 0; row < x->height; row++) {
        const float *a = overfit_row(x, row);
        const float *b = y ? overfit_row(y, row) : NULL;
        if (y)
            kernels->outer(lanes, 1, &a, 1, &b, 1, n);
        else
            kernels->sum(lanes, &a, 1, n);
    }
    return nenc_lanes_sum(lanes);
}

static void feature_back(const overfit_mixer *m, int k, int f)
{
    const overfit_shape *s = m->shape;
    const overfit_layer *l = s->mixer[k];
    const int first = s->n_grids - l->cols;
    float *d = m->d_params + l->weight + f * l->cols;
    int g = first;
    for (int level = k + 1; level <= s->top; level++) {
        const overfit_plane *p = &m->grad[k][f][level];
        if (level > k + 1)
            halve(p, p - 1);
        for (; g < s->n_grids && (int)s->grids[g].level == level; g++)
            d[g - first] = plane_sum(m->kernels, p, &m->grids[g]);
    }
    m->d_params[l->bias + (size_t)f] =
        plane_sum(m->kernels, &m->grad[k][f][s->top], NULL);
}

static void features_back(void *user, int worker, size_t first, size_t end)
{
    const overfit_mixer *m = user;
    const size_t n = (size_t)m->shape->size->features;
    (void)worker;
    for (size_t i = first; i < end; i++)
        feature_back(m, (int)(i / n), (int)(i % n));
}

static void grid_back(const overfit_mixer *m, int g)
{
    const overfit_shape *s = m->shape;
    const int level = (int)s->grids[g].level;
    for (int k = 0; k < OVERFIT_MIXERS && k < level; k++)
        for (int f = 0; f < s->size->features; f++) {
            const overfit_layer *l = s->mixer[k];
            const int first = s->n_grids - l->cols;
            const float w = m->params[l->weight
                                      + (size_t)(f * l->cols + g - first)];
            for (uint32_t y = 0; y < m->d_grids[g].height; y++)
                add_scaled(overfit_row(&m->d_grids[g], y),
                           overfit_row(&m->grad[k][f][level], y), w,
                           m->d_grids[g].width);
        }
}

static void grids_back(void *user, int worker, size_t first, size_t end)
{
    (void)worker;
    for (size_t i = first; i < end; i++)
        grid_back(user, (int)i);
}

void overfit_mixer_backward(overfit_mixer *m, const overfit_plane *grids,
                            const float *params, overfit_plane *d_grids,
                            float *d_params)
{
    m->grids = grids;
    m->d_grids = d_grids;
    m->params = params;
    m->d_params = d_params;
    nenc_pool_run(m->pool, (size_t)(OVERFIT_MIXERS * m->shape->size->features),
                  1, features_back, m);
    nenc_pool_run(m->pool, (size_t)m->shape->n_grids, 1, grids_back, m);
}
