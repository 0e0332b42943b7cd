/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for planes with their margins.  Nothing else. */
#ifndef NENC_CODECS_OVERFIT_PLANE_H
#define NENC_CODECS_OVERFIT_PLANE_H

#include "mem.h"
#include "overfit.h"

/** @return false where the arena refuses */
static inline bool overfit_plane_alloc(overfit_plane *p, nenc_arena *arena,
                                       uint32_t width, uint32_t height)
{
    const size_t pitch = ((size_t)width + 15) / 16 * 16 + 2 * OVERFIT_MARGIN;
    const size_t rows = (size_t)height + 2 * OVERFIT_MARGIN_ROWS;
    size_t n;
    float *all = NULL;
    if (nenc_size_mul(&n, pitch, rows))
        all = nenc_arena_zalloc(arena, n, sizeof *all);
    if (!all)
        return false;
    *p = (overfit_plane){
        .data = all + OVERFIT_MARGIN_ROWS * pitch + OVERFIT_MARGIN,
        .pitch = pitch, .width = width, .height = height,
    };
    return true;
}

/** A plane for each grid. */
static inline bool overfit_planes_alloc(overfit_plane *planes,
                                        nenc_arena *arena,
                                        const overfit_shape *s)
{
    for (int i = 0; i < s->n_grids; i++)
        if (!overfit_plane_alloc(&planes[i], arena, s->grids[i].width,
                                 s->grids[i].height))
            return false;
    return true;
}

#endif
