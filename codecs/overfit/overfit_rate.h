/* SPDX-License-Identifier: BSD-2-Clause */
/* What latents cost by the context network in floats, with gradients: for
 * fitting.  Not here: the integer network that is coded with
 * (overfit_context.h), whose bits these come close to. */
#ifndef NENC_CODECS_OVERFIT_RATE_H
#define NENC_CODECS_OVERFIT_RATE_H

#include "overfit.h"
#include "pool.h"

/** Serves one unit and one thread at a time. */
typedef struct overfit_rate overfit_rate;

/** @param shape,pool  borrowed
 *  @param training    false: overfit_rate_bits() only
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status overfit_rate_open(
    overfit_rate **out, const overfit_shape *shape, bool training,
    nenc_pool *pool, size_t max_memory, nenc_diag *diag);
void overfit_rate_close(overfit_rate *r);
size_t overfit_rate_memory(const overfit_rate *r);

/** Bits of all grids; no symbol costs more than 16.
 *  @param grids   [n_grids] their values
 *  @param params  [n_params] */
double overfit_rate_bits(overfit_rate *r, const overfit_plane *grids,
                         const float *params);

/** The gradients of `weight` times the bits.  The same whatever the threads,
 *  to the bit.
 *  @param d_grids   [n_grids] planes like the grids': written, and margins are
 *                   left in any state
 *  @param d_params  [n_params]: those of ARM and MIXER are written */
void overfit_rate_gradients(overfit_rate *r, const overfit_plane *grids,
                            const float *params, float weight,
                            overfit_plane *d_grids, float *d_params);

#endif
