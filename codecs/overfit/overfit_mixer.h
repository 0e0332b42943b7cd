/* SPDX-License-Identifier: BSD-2-Clause */
/* Features of coarser grids as context of levels 0 to 2, in floats, for
 * fitting.  Not here: who reads them (overfit_rate.c), integers
 * (overfit_context.h). */
#ifndef NENC_CODECS_OVERFIT_MIXER_H
#define NENC_CODECS_OVERFIT_MIXER_H

#include "overfit.h"
#include "pool.h"

typedef struct overfit_mixer overfit_mixer;

/** As overfit_rate_open(). */
NENC_NODISCARD nenc_status overfit_mixer_open(
    overfit_mixer **out, const overfit_shape *shape, bool training,
    nenc_pool *pool, size_t max_memory, nenc_diag *diag);
void overfit_mixer_close(overfit_mixer *m);
size_t overfit_mixer_memory(const overfit_mixer *m);

void overfit_mixer_forward(overfit_mixer *m, const overfit_plane *grids,
                           const float *params);
/** Feature f of level k's symbols: a plane of the next coarser level's
 *  dimensions, each of whose samples is for two by two symbols. */
const overfit_plane *overfit_mixer_feature(const overfit_mixer *m, int k,
                                           int f);
/** Where the gradient in it goes; rows need not be cleared, what is right of
 *  the width must be zero up to a multiple of 16. */
const overfit_plane *overfit_mixer_gradient(const overfit_mixer *m, int k,
                                            int f);
/** From those gradients: added to d_grids, written to d_params. */
void overfit_mixer_backward(overfit_mixer *m, const overfit_plane *grids,
                            const float *params, overfit_plane *d_grids,
                            float *d_params);

#endif
