/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  A unit's buffers and plans, and the prediction of its latents
 * from z.  Not here: bytes (hyperprior_encode.c, _decode.c). */
#include <string.h>

#include "hyperprior.h"

static void close_dims(hyper_unit *u)
{
    nenc_plan_close(u->h_a);
    nenc_plan_close(u->h_s);
    u->h_a = u->h_s = NULL;
    nenc_arena_free(&u->arena);
    nenc_arena_init(&u->arena, u->max_memory);
    u->y_h = u->y_w = 0;
}

void hyper_unit_close(hyper_unit *u)
{
    close_dims(u);
}

size_t hyper_unit_memory(const hyper_unit *u)
{
    return u->arena.used + (u->h_a ? nenc_plan_memory(u->h_a) : 0)
         + (u->h_s ? nenc_plan_memory(u->h_s) : 0);
}

static nenc_status alloc_buffers(hyper_unit *u, bool encoding, nenc_diag *diag)
{
    const hyper_model *m = u->model;
    const size_t channels = NENC_MAX(m->y_channels, m->z_channels);
    if (u->y_h > u->max_memory / u->y_w / channels)
        return nenc_fail(diag, NENC_ELIMIT,
                         "latents of %zux%zux%zu are over the limit of %zu "
                         "bytes", u->y_h, u->y_w, channels, u->max_memory);
    const size_t y = hyper_y_size(u), z = hyper_z_size(u);
    u->y = nenc_arena_zalloc(&u->arena, encoding ? y : 0, sizeof *u->y);
    u->z = nenc_arena_zalloc(&u->arena, encoding ? z : 0, sizeof *u->z);
    u->y_mean = nenc_arena_zalloc(&u->arena, y, sizeof *u->y_mean);
    u->y_symbol = nenc_arena_zalloc(&u->arena, y, sizeof *u->y_symbol);
    u->y_index = nenc_arena_zalloc(&u->arena, y, sizeof *u->y_index);
    u->z_symbol = nenc_arena_zalloc(&u->arena, z, sizeof *u->z_symbol);
    u->z_index = nenc_arena_zalloc(&u->arena, z, sizeof *u->z_index);
    if (!u->y || !u->z || !u->y_mean || !u->y_symbol || !u->y_index || !u->z_symbol
        || !u->z_index)
        return nenc_arena_fail(&u->arena, diag, "a unit", "of latents");
    for (size_t i = 0; i < z; i++)
        u->z_index[i] = (uint16_t)(i % m->z_channels);
    if (m->entropy == HYPER_FACTORIZED)
        for (size_t i = 0; i < y; i++)
            u->y_index[i] = (uint16_t)(i % m->y_channels);
    return NENC_OK;
}

static nenc_status plan_nets(hyper_unit *u, bool encoding, nenc_diag *diag)
{
    const hyper_model *m = u->model;
    if (m->h_s)
        NENC_TRY(hyper_plan(&u->h_s, m->h_s, "z", u->z_h, u->z_w, u->y_h,
                            u->y_w, false, u->pool,
                            u->max_memory - hyper_unit_memory(u), diag));
    if (m->h_a && encoding)
        NENC_TRY(hyper_plan(&u->h_a, m->h_a, "y", u->y_h, u->y_w, u->z_h,
                            u->z_w, false, u->pool,
                            u->max_memory - hyper_unit_memory(u), diag));
    return NENC_OK;
}

nenc_status hyper_unit_prepare(hyper_unit *u, size_t y_h, size_t y_w,
                               bool encoding, nenc_diag *diag)
{
    const size_t ratio = u->model->z_stride / u->model->y_stride;
    if (u->y_h == y_h && u->y_w == y_w)
        return NENC_OK;
    close_dims(u);
    u->y_h = y_h;
    u->y_w = y_w;
    u->z_h = y_h / ratio;
    u->z_w = y_w / ratio;
    nenc_status st = alloc_buffers(u, encoding, diag);
    if (st >= 0)
        st = plan_nets(u, encoding, diag);
    if (st < 0)
        close_dims(u);
    return st;
}

/* ------------------------------------------------------------------ hashes */

/* Symbols as the conformance hash wants them. */
static void hash_symbols(nenc_sha256 *h, const int32_t *symbol, size_t n)
{
    uint8_t block[1024];
    while (n) {
        const size_t m = NENC_MIN(n, sizeof block / 4);
        for (size_t i = 0; i < m; i++)
            nenc_bytes_put_u32(block + 4 * i, (uint32_t)symbol[i]);
        nenc_sha256_update(h, block, 4 * m);
        symbol += m;
        n -= m;
    }
}

void hyper_unit_hash(const hyper_unit *u, nenc_sha256 *symbols)
{
    if (u->model->h_s)
        hash_symbols(symbols, u->z_symbol, hyper_z_size(u));
    hash_symbols(symbols, u->y_symbol, hyper_y_size(u));
}

/* -------------------------------------------------------------- prediction */

typedef struct predict_job {
    const hyper_unit *u;
    const float *params;
} predict_job;

static void predict_rows(void *user, int worker, size_t first, size_t end)
{
    const predict_job *j = user;
    const hyper_unit *u = j->u;
    const hyper_model *m = u->model;
    const size_t n = m->y_channels;
    const bool means = m->entropy == HYPER_MEAN_SCALE;
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++) {
        const float *params = j->params + p * (means ? 2 : 1) * n;
        const float *scale = means && m->means_first ? params + n : params;
        const float *mean = m->means_first ? params : params + n;
        for (size_t k = 0; k < n; k++)
            u->y_index[p * n + k] = hyper_scale_index(m, scale[k]);
        if (means)
            memcpy(u->y_mean + p * n, mean, n * sizeof(float));
    }
}

nenc_status hyper_unit_predict(hyper_unit *u, nenc_diag *diag)
{
    const hyper_model *m = u->model;
    if (!m->h_s)
        return NENC_OK;
    float *z = nenc_plan_input(u->h_s, (size_t)nenc_net_input(m->h_s, "z"));
    for (size_t i = 0; i < hyper_z_size(u); i++)
        z[i] = (float)u->z_symbol[i]
               + (m->z_offset ? m->z_offset[u->z_index[i]] : 0.0f);
    hyper_set_quality(u->t, m->h_s, u->h_s);
    NENC_TRY(nenc_plan_run(u->h_s, diag));
    predict_job j = { u, nenc_plan_output(u->h_s) };
    nenc_pool_run(u->pool, u->y_h, 1, predict_rows, &j);
    return NENC_OK;
}
