/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Units to samples: latents are painted (overfit_paint.h), cut to 0
 * to 1, multiplied by the greatest sample and rounded half to even. */
#include <string.h>

#include "overfit_codec.h"
#include "overfit_paint.h"
#include "overfit_plane.h"
#include "overfit_unit.h"

/* Samples 0 to 1 of a unit: channels of planes, or their means of 8x8. */
typedef struct painting {
    const overfit_codec *codec;
    nenc_image *dst;
    nenc_rect unit;           /* in the picture */
    const overfit_plane *planes;
} painting;

/* 0 to 1; NaN is 0. */
static float limit(float v)
{
    return v > 0 ? v < 1 ? v : 1 : 0;
}

static void store(const painting *p, uint32_t x, uint32_t y, uint32_t c,
                  float v)
{
    const nenc_image *im = p->dst;
    const float most = im->bits > 8 ? 65535 : 255;
    const uint32_t sample = (uint32_t)((limit(v) * most + 8388608.0f)
                                       - 8388608.0f);
    uint8_t *row = im->data + y * im->stride;
    if (im->bits > 8) {
        const uint16_t wide = (uint16_t)sample;
        memcpy(row + ((size_t)x * im->channels + c) * 2, &wide, 2);
    } else {
        row[(size_t)x * im->channels + c] = (uint8_t)sample;
    }
}

/* Row y of the crop. */
static void store_row(const painting *p, uint32_t y)
{
    const nenc_rect *crop = &p->codec->params.crop, *u = &p->unit;
    const uint32_t first = NENC_MAX(crop->x, u->x);
    const uint32_t end = NENC_MIN(crop->x + crop->width, u->x + u->width);
    const uint32_t colours = p->dst->channels < 3 ? 1 : 3;
    for (uint32_t c = 0; c < colours; c++) {
        const float *row = overfit_row(&p->planes[c],
                                       (ptrdiff_t)(crop->y + y - u->y));
        for (uint32_t x = first; x < end; x++)
            store(p, x - crop->x, y, c, row[x - u->x]);
    }
}

/* The mean of up to 8x8 samples, added up row by row. */
static float mean(const overfit_plane *p, uint32_t x, uint32_t y)
{
    const uint32_t w = NENC_MIN(p->width - x, 8u);
    const uint32_t h = NENC_MIN(p->height - y, 8u);
    float sum = 0;
    for (uint32_t j = 0; j < h; j++)
        for (uint32_t i = 0; i < w; i++)
            sum += limit(overfit_row(p, (ptrdiff_t)(y + j))[x + i]);
    return sum / (float)(w * h);
}

static void store_preview_row(const painting *p, uint32_t y)
{
    const nenc_rect *u = &p->unit;
    const uint32_t colours = p->dst->channels < 3 ? 1 : 3;
    for (uint32_t c = 0; c < colours; c++)
        for (uint32_t x = 0; x < u->width; x += 8)
            store(p, (u->x + x) / 8, y, c,
                  mean(&p->planes[c], x, 8 * y - u->y));
}

static void store_rows(void *user, int worker, size_t first, size_t end)
{
    const painting *p = user;
    const bool preview = p->codec->params.preview;
    const uint32_t from = preview ? p->unit.y / 8
        : NENC_MAX(p->codec->params.crop.y, p->unit.y)
          - p->codec->params.crop.y;
    (void)worker;
    for (size_t y = first; y < end; y++)
        if (preview)
            store_preview_row(p, from + (uint32_t)y);
        else
            store_row(p, from + (uint32_t)y);
}

static size_t count_rows(const painting *p)
{
    const nenc_rect *crop = &p->codec->params.crop, *u = &p->unit;
    if (p->codec->params.preview)
        return (u->height + 7) / 8;
    return NENC_MIN(crop->y + crop->height, u->y + u->height)
         - NENC_MAX(crop->y, u->y);
}

static void store_all(painting *p)
{
    nenc_pool_run(p->codec->params.pool, count_rows(p), 16, store_rows, p);
}

/* ---------------------------------------------------------------------- units */

static bool load_latents(overfit_plane *planes, nenc_arena *arena,
                         const overfit_unit *u)
{
    for (int k = 0; k <= u->shape.top; k++) {
        const int g = overfit_latent(&u->shape, (uint32_t)k);
        const overfit_grid *grid = &u->shape.grids[g];
        const int16_t *from = u->symbols[g];
        if (!overfit_plane_alloc(&planes[k], arena, grid->width, grid->height))
            return false;
        for (uint32_t y = 0; y < grid->height; y++, from += grid->width)
            for (uint32_t x = 0; x < grid->width; x++)
                overfit_row(&planes[k], y)[x] = from[x];
    }
    return true;
}

static nenc_status paint_unit(painting *p, const overfit_unit *u, size_t left,
                              nenc_diag *diag)
{
    overfit_plane latents[OVERFIT_TOP + 1];
    overfit_paint *paint = NULL;
    nenc_arena arena;
    nenc_arena_init(&arena, left);
    float *values = nenc_arena_zalloc(&arena, u->shape.n_params,
                                      sizeof *values);
    nenc_status st = NENC_OK;
    if (!values || !load_latents(latents, &arena, u))
        st = nenc_arena_fail(&arena, diag, "a unit", "of latents");
    if (st >= 0)
        st = overfit_paint_open(&paint, &u->shape, false,
                                p->codec->params.pool, left - arena.used,
                                diag);
    if (st >= 0) {
        overfit_params_values(&u->shape, &u->params, values);
        overfit_paint_forward(paint, latents, values);
        p->planes = overfit_paint_output(paint);
        store_all(p);
    }
    overfit_paint_close(paint);
    nenc_arena_free(&arena);
    return st;
}

/* Middle gray for what is lost. */
static nenc_status make_up(painting *p, size_t left, nenc_diag *diag)
{
    overfit_plane plane, planes[3];
    nenc_arena arena;
    nenc_arena_init(&arena, left);
    nenc_status st = NENC_OK;
    if (overfit_plane_alloc(&plane, &arena, p->unit.width, p->unit.height)) {
        for (uint32_t y = 0; y < plane.height; y++)
            for (uint32_t x = 0; x < plane.width; x++)
                overfit_row(&plane, y)[x] = 0.5f;
        planes[0] = planes[1] = planes[2] = plane;
        p->planes = planes;
        store_all(p);
    } else {
        st = nenc_arena_fail(&arena, diag, "a unit", "that is lost");
    }
    nenc_arena_free(&arena);
    return st;
}

static nenc_status decode_unit(painting *p, nenc_bytes *src,
                               nenc_sha256 *symbols, nenc_diag *diag)
{
    overfit_unit u;
    const size_t most = p->codec->params.max_memory;
    nenc_status st = overfit_unit_read(&u, p->unit.width, p->unit.height,
                                       p->dst->channels < 3 ? 1 : 3,
                                       p->codec->set, most, src, diag);
    if (st >= 0) {
        overfit_unit_hash(&u, symbols);
        st = paint_unit(p, &u, most - u.arena.used, diag);
    }
    overfit_unit_close(&u);
    return st;
}

static nenc_status get_unit(painting *p, const nenc_units *units,
                            uint32_t index, nenc_sha256 *symbols,
                            nenc_diag *diag)
{
    nenc_buffer data;
    nenc_bytes src;
    size_t at = 0;
    nenc_status st = units->get(units->user, index, &data, &at, diag);
    if (st == NENC_OK) {
        nenc_bytes_init(&src, data.data + at, data.size - at);
        st = decode_unit(p, &src, symbols, diag);
        if (st < 0 && st != NENC_ENOMEM && st != NENC_ELIMIT
            && p->codec->params.lenient) {
            units->lost(units->user, index);
            st = NENC_END;
        }
    }
    nenc_buffer_free(&data);
    return st == NENC_END ? make_up(p, p->codec->params.max_memory, diag)
                          : st;
}

static bool overlap(const nenc_rect *a, const nenc_rect *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width
        && a->y < b->y + b->height && b->y < a->y + a->height;
}

nenc_status overfit_codec_decode(void *context, const nenc_units *units,
                                 nenc_image *dst, nenc_sha256 *symbols,
                                 nenc_diag *diag)
{
    const overfit_codec *c = context;
    painting p = { .codec = c, .dst = dst };
    const uint32_t n = overfit_codec_units(c);
    if (c->params.preview && n > 1
        && (c->params.unit_width % 8 || c->params.unit_height % 8))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "no previews of units of %ux%u",
                         c->params.unit_width, c->params.unit_height);
    for (uint32_t i = 0; i < n; i++) {
        p.unit = overfit_codec_unit(c, i);
        if (c->params.preview || overlap(&p.unit, &c->params.crop))
            NENC_TRY(get_unit(&p, units, i, symbols, diag));
    }
    return NENC_OK;
}
