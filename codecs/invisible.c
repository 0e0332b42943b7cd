/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling what is transparent: means of blocks' visible pixels, spread to blocks
 * that have none from coarser and coarser grids of them; then, pixel by pixel,
 * what lies between those means, relaxed towards the visible pixels.  Integers
 * only.  Nothing else. */
#include <string.h>

#include "invisible.h"
#include "mem.h"
#include "status.h"

enum {
    BLOCK = 8,           /* pixels a side */
    GRIDS = 24,          /* of half the side each, down to one block */
    SWEEPS = 8
};

/* Means of colours, [h, w], each (up to 3 colours, weight); 0 weight: none. */
typedef struct grid {
    size_t w, h;
    uint32_t (*at)[4];
} grid;

static unsigned get(const nenc_image *im, size_t x, size_t y, size_t k)
{
    const uint8_t *row = im->data + y * im->stride;
    const size_t i = x * im->channels + k;
    return im->bits == 8 ? row[i] : ((const uint16_t *)(const void *)row)[i];
}

static void put(const nenc_image *im, size_t x, size_t y, size_t k, unsigned v)
{
    uint8_t *row = im->data + y * im->stride;
    const size_t i = x * im->channels + k;
    if (im->bits == 8)
        row[i] = (uint8_t)v;
    else
        ((uint16_t *)(void *)row)[i] = (uint16_t)v;
}

static bool is_invisible(const nenc_image *im, size_t x, size_t y)
{
    return !get(im, x, y, im->channels - 1);
}

bool nenc_has_invisible(const nenc_image *im)
{
    if (im->channels % 2)
        return false;
    for (size_t y = 0; y < im->height; y++)
        for (size_t x = 0; x < im->width; x++)
            if (is_invisible(im, x, y))
                return true;
    return false;
}

/* ------------------------------------------------------------------- grids */

static void mean_of_block(uint32_t mean[4], const nenc_image *im, size_t bx,
                          size_t by)
{
    const size_t x1 = NENC_MIN((bx + 1) * BLOCK, (size_t)im->width);
    const size_t y1 = NENC_MIN((by + 1) * BLOCK, (size_t)im->height);
    const size_t n = im->channels - 1;
    uint32_t sum[3] = { 0 }, weight = 0;
    for (size_t y = by * BLOCK; y < y1; y++)
        for (size_t x = bx * BLOCK; x < x1; x++) {
            if (is_invisible(im, x, y))
                continue;
            weight++;
            for (size_t k = 0; k < n; k++)
                sum[k] += get(im, x, y, k);
        }
    for (size_t k = 0; k < n && weight; k++)
        mean[k] = (sum[k] + weight / 2) / weight;
    mean[3] = weight;
}

/* The means of 2x2 of them. */
static void halve(grid *half, const grid *g)
{
    for (size_t y = 0; y < half->h; y++)
        for (size_t x = 0; x < half->w; x++) {
            uint64_t sum[3] = { 0 };
            uint32_t weight = 0, *mean = half->at[y * half->w + x];
            for (size_t i = 0; i < 4; i++) {
                const size_t gx = 2 * x + i % 2, gy = 2 * y + i / 2;
                if (gx >= g->w || gy >= g->h)
                    continue;
                const uint32_t *m = g->at[gy * g->w + gx];
                weight += m[3];
                for (size_t k = 0; k < 3; k++)
                    sum[k] += (uint64_t)m[k] * m[3];
            }
            for (size_t k = 0; k < 3 && weight; k++)
                mean[k] = (uint32_t)((sum[k] + weight / 2) / weight);
            /* large weights would overflow, and mean nothing more */
            mean[3] = NENC_MIN(weight, 1u << 20);
        }
}

/* What a grid has at (x, y) of one `scale` times as fine, between its means. */
static uint32_t between(const grid *g, size_t x, size_t y, size_t k,
                        size_t scale)
{
    const size_t half = scale / 2;
    const size_t x0 = x < half ? 0 : (x - half) / scale;
    const size_t y0 = y < half ? 0 : (y - half) / scale;
    const size_t x1 = NENC_MIN(x0 + 1, g->w - 1);
    const size_t y1 = NENC_MIN(y0 + 1, g->h - 1);
    /* of 2 scale: how far (x, y) lies beyond the middle of (x0, y0) */
    const uint64_t u = 2 * scale, fx = x < half ? 0 : 2 * ((x - half) % scale)
                                                      + 1;
    const uint64_t fy = y < half ? 0 : 2 * ((y - half) % scale) + 1;
    const uint64_t top = g->at[y0 * g->w + x0][k] * (u - fx)
                       + g->at[y0 * g->w + x1][k] * fx;
    const uint64_t low = g->at[y1 * g->w + x0][k] * (u - fx)
                       + g->at[y1 * g->w + x1][k] * fx;
    return (uint32_t)((top * (u - fy) + low * fy + u * u / 2) / (u * u));
}

static void fill_grid(grid *g, const grid *half)
{
    for (size_t y = 0; y < g->h; y++)
        for (size_t x = 0; x < g->w; x++) {
            uint32_t *mean = g->at[y * g->w + x];
            for (size_t k = 0; k < 3 && !mean[3]; k++)
                mean[k] = between(half, x, y, k, 2);
        }
}

static nenc_status make_grids(grid *grids, size_t *n, nenc_arena *arena,
                              const nenc_image *im)
{
    size_t w = (im->width - 1) / BLOCK + 1, h = (im->height - 1) / BLOCK + 1;
    for (*n = 0; *n < GRIDS; w = (w + 1) / 2, h = (h + 1) / 2) {
        grid *g = &grids[(*n)++];
        g->w = w;
        g->h = h;
        g->at = nenc_arena_zalloc(arena, w * h, sizeof *g->at);
        if (!g->at)
            return NENC_ENOMEM;
        if (w == 1 && h == 1)
            break;
    }
    for (size_t y = 0; y < grids->h; y++)
        for (size_t x = 0; x < grids->w; x++)
            mean_of_block(grids->at[y * grids->w + x], im, x, y);
    for (size_t i = 1; i < *n; i++)
        halve(&grids[i], &grids[i - 1]);
    for (size_t i = *n - 1; i--;)
        fill_grid(&grids[i], &grids[i + 1]);
    return NENC_OK;
}

/* ------------------------------------------------------------------ pixels */

/* Towards the mean of the pixels beside it. */
static void relax(const nenc_image *im, size_t x, size_t y)
{
    const size_t w = im->width - 1, h = im->height - 1;
    for (size_t k = 0; k + 1 < im->channels; k++) {
        const unsigned sum = get(im, x ? x - 1 : x, y, k)
                           + get(im, x < w ? x + 1 : x, y, k)
                           + get(im, x, y ? y - 1 : y, k)
                           + get(im, x, y < h ? y + 1 : y, k);
        put(im, x, y, k, (sum + 2) / 4);
    }
}

static void fill(nenc_image *im, const grid *means)
{
    for (size_t y = 0; y < im->height; y++)
        for (size_t x = 0; x < im->width; x++)
            for (size_t k = 0; k + 1 < im->channels && is_invisible(im, x, y);
                 k++)
                put(im, x, y, k, between(means, x, y, k, BLOCK));
}

/* Where blocks are in part visible; others are smooth. */
static void sweep(nenc_image *im, const grid *means)
{
    for (size_t y = 0; y < im->height; y++)
        for (size_t x = 0; x < im->width; x++) {
            const uint32_t *m = means->at[y / BLOCK * means->w + x / BLOCK];
            if (!m[3] || m[3] == BLOCK * BLOCK)
                x |= BLOCK - 1;         /* the next block */
            else if (is_invisible(im, x, y))
                relax(im, x, y);
        }
}

nenc_status nenc_fill_invisible(nenc_image *im, nenc_diag *diag)
{
    grid grids[GRIDS];
    size_t n;
    nenc_arena arena;
    nenc_arena_init(&arena, SIZE_MAX);
    const nenc_status st = make_grids(grids, &n, &arena, im);
    if (st >= 0)
        fill(im, &grids[0]);
    for (int i = 0; st >= 0 && i < SWEEPS; i++)
        sweep(im, &grids[0]);
    nenc_arena_free(&arena);
    return st < 0 ? nenc_fail(diag, st, "out of memory") : NENC_OK;
}
