/* SPDX-License-Identifier: BSD-2-Clause */
/* A unit's bytes: u8 index of the networks' size, u8 0, then one range coder's
 * unit with the parameters (overfit_params.h) and the symbols
 * (overfit_context.h).  Not here: which units there are. */
#ifndef NENC_CODECS_OVERFIT_UNIT_H
#define NENC_CODECS_OVERFIT_UNIT_H

#include "codec.h"
#include "overfit.h"
#include "overfit_params.h"

/** What a unit says. */
typedef struct overfit_unit {
    overfit_shape shape;
    overfit_params params;
    int16_t *symbols[OVERFIT_GRIDS];   /**< row by row */
    nenc_arena arena;         /**< all of it */
} overfit_unit;

/** Room for a picture's latents; overfit_unit_close() it, also after a failure.
 *  @param unit  not to be moved
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status overfit_unit_open(overfit_unit *unit, int size,
                                             uint32_t width, uint32_t height,
                                             int channels, size_t max_memory,
                                             nenc_diag *diag);
void overfit_unit_close(overfit_unit *unit);

/** @return NENC_OK, NENC_ENOMEM */
NENC_NODISCARD nenc_status overfit_unit_write(const overfit_unit *unit,
                                              const nenc_cdf_set *set,
                                              size_t max_memory,
                                              nenc_buffer *out,
                                              nenc_diag *diag);

/** Opens and reads a unit; close it whatever is returned.
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT, NENC_ETRUNCATED,
 *          NENC_EBITSTREAM, NENC_EUNSUPPORTED */
NENC_NODISCARD nenc_status overfit_unit_read(overfit_unit *unit,
                                             uint32_t width, uint32_t height,
                                             int channels,
                                             const nenc_cdf_set *set,
                                             size_t max_memory,
                                             nenc_bytes *src, nenc_diag *diag);

/** Parameters, then symbols, as int32. */
void overfit_unit_hash(const overfit_unit *unit, nenc_sha256 *hash);

#endif
