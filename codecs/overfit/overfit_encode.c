/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures to units: fitting, choosing steps, writing. */
#include <string.h>

#include "overfit_codec.h"
#include "overfit_fit.h"
#include "overfit_plane.h"
#include "overfit_search.h"
#include "overfit_unit.h"

/* What a level of effort does. */
typedef struct effort {
    int iterations, rounds;
} effort;

static const effort efforts[10] = {
    { 250, 1 }, { 250, 1 }, { 500, 1 }, { 1000, 1 }, { 1500, 1 },
    { 2000, 2 }, { 3000, 2 }, { 5000, 2 }, { 10000, 2 }, { 20000, 2 },
};

/* Where few bits are spent, large networks do not pay for themselves. */
static int size_for(const overfit_codec *c)
{
    return c->params.quality < 8 ? 0 : c->params.quality < 18 ? 1 : 2;
}


/* Quality 0 is the recipe's coarsest lambda; each 40 more divide it by ten.
 * Without pow(), which is not the same everywhere. */
float overfit_lambda(int quality, float finer, double *log10_lambda)
{
    const double step = 0.94406087628592339;         /* 10^(-1/40) */
    double lambda = 0.02;
    for (int i = 0; i < quality; i++)
        lambda *= step;
    lambda *= 1 + (step - 1) * (double)finer;
    *log10_lambda = -1.6989700043360188 - (quality + (double)finer) / 40;
    return (float)lambda;
}

static void load_row(const nenc_image *src, const nenc_rect *r, uint32_t y,
                     uint32_t channel, float *to)
{
    const uint8_t *row = src->data + ((size_t)r->y + y) * src->stride;
    for (uint32_t x = 0; x < r->width; x++) {
        const size_t at = ((size_t)r->x + x) * src->channels + channel;
        uint16_t wide;
        if (src->bits > 8) {
            memcpy(&wide, row + 2 * at, 2);
            to[x] = (float)wide / 65535;
        } else {
            to[x] = (float)row[at] / 255;
        }
    }
}

nenc_status overfit_load(overfit_plane *planes, nenc_arena *arena,
                         const nenc_image *src, const nenc_rect *r,
                         nenc_diag *diag)
{
    for (uint32_t c = 0; c < (src->channels < 3 ? 1 : 3); c++) {
        if (!overfit_plane_alloc(&planes[c], arena, r->width, r->height))
            return nenc_arena_fail(arena, diag, "a part of", "the picture");
        for (uint32_t y = 0; y < r->height; y++)
            load_row(src, r, y, c, overfit_row(&planes[c], y));
    }
    return NENC_OK;
}

static void take_symbols(overfit_unit *u, const overfit_plane *grids)
{
    for (int g = 0; g < u->shape.n_grids; g++)
        for (uint32_t y = 0; y < grids[g].height; y++)
            for (uint32_t x = 0; x < grids[g].width; x++)
                u->symbols[g][(size_t)y * grids[g].width + x] =
                    (int16_t)overfit_row(&grids[g], y)[x];
}

static nenc_status fit_unit(const overfit_codec *c, overfit_unit *u,
                            const overfit_plane *target,
                            const nenc_units *units, nenc_bytes state,
                            size_t left, nenc_diag *diag)
{
    const effort *e = &efforts[c->params.effort];
    overfit_fit *fit;
    double log10_lambda;
    const float lambda = overfit_lambda(c->params.quality, c->params.finer,
                                        &log10_lambda);
    const overfit_fit_config cfg = {
        .lambda = lambda, .log10_lambda = log10_lambda,
        .iterations = e->iterations, .pool = c->params.pool,
        .max_memory = left, .user = units->user, .tick = units->tick,
        .save = units->save, .state = state };
    NENC_TRY(overfit_fit_open(&fit, &u->shape, target, &cfg, diag));
    nenc_status st = overfit_fit_run(fit, diag);
    if (st >= 0)
        st = overfit_search(fit, &u->shape, lambda,
                            overfit_fit_stopped(fit) ? 1 : e->rounds, c->set,
                            &u->params, diag);
    if (st >= 0)
        take_symbols(u, overfit_fit_grids(fit));
    overfit_fit_close(fit);
    return st;
}

static nenc_status encode_unit(const overfit_codec *c, const nenc_image *src,
                               const nenc_units *units, uint32_t index,
                               nenc_sha256 *symbols, nenc_diag *diag)
{
    const nenc_rect r = overfit_codec_unit(c, index);
    size_t left = c->params.max_memory;
    const nenc_bytes none = { .size = 0 };
    overfit_plane target[3];
    overfit_unit u;
    nenc_arena arena;
    nenc_buffer out;
    nenc_arena_init(&arena, left);
    nenc_buffer_init(&out, left);
    nenc_status st = overfit_unit_open(&u, size_for(c),
                                       r.width, r.height,
                                       src->channels < 3 ? 1 : 3, left, diag);
    if (st >= 0)
        st = overfit_load(target, &arena, src, &r, diag);
    left -= NENC_MIN(left, arena.used + u.arena.used);
    if (st >= 0)
        st = fit_unit(c, &u, target, units,
                      index == units->n_done ? units->state : none, left,
                      diag);
    if (st >= 0)
        st = overfit_unit_write(&u, c->set, c->params.max_memory, &out, diag);
    if (st >= 0) {
        overfit_unit_hash(&u, symbols);
        st = units->put(units->user, index, &out, diag);
    }
    nenc_buffer_free(&out);
    overfit_unit_close(&u);
    nenc_arena_free(&arena);
    return st;
}

/* A unit that was made before. */
static nenc_status put_again(const overfit_codec *c, const nenc_image *src,
                             const nenc_units *units, uint32_t index,
                             nenc_sha256 *symbols, nenc_diag *diag)
{
    const nenc_rect r = overfit_codec_unit(c, index);
    nenc_buffer bytes;
    overfit_unit u = { .arena = { 0 } };
    size_t at = 0;
    nenc_buffer_init(&bytes, c->params.max_memory);
    nenc_status st = units->get(units->user, index, &bytes, &at, diag);
    nenc_bytes from;
    nenc_bytes_init(&from, bytes.data + at, bytes.size - at);
    if (st >= 0)
        st = overfit_unit_read(&u, r.width, r.height,
                               src->channels < 3 ? 1 : 3, c->set,
                               c->params.max_memory, &from, diag);
    if (st >= 0) {
        overfit_unit_hash(&u, symbols);
        st = units->put(units->user, index, &bytes, diag);
    }
    overfit_unit_close(&u);
    nenc_buffer_free(&bytes);
    return st;
}

nenc_status overfit_codec_encode(void *context, const nenc_image *src,
                                 const nenc_units *units,
                                 nenc_sha256 *symbols, nenc_diag *diag)
{
    const overfit_codec *c = context;
    const uint32_t n = overfit_codec_units(c);
    for (uint32_t i = 0; i < n; i++)
        NENC_TRY((i < units->n_done ? put_again : encode_unit)
                 (c, src, units, i, symbols, diag));
    return NENC_OK;
}
