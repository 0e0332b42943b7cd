/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Coding the grids of symbols, each symbol by the table that the
 * context network chooses for it.  Not here: the range coder, the networks'
 * parameters, what symbols stand for. */
#ifndef NENC_CODECS_OVERFIT_CONTEXT_H
#define NENC_CODECS_OVERFIT_CONTEXT_H

#include "overfit.h"
#include "range_coder.h"

/** One serves one thread at a time. */
typedef struct overfit_context overfit_context;

/** Weights and biases of ARM and mixer must be less than these in size: 4 with 8
 *  fractional bits and 1024 with 16. */
enum { OVERFIT_WEIGHT_LIMIT = 1024, OVERFIT_BIAS_LIMIT = 1 << 26 };

/** @param[out] out    or NULL on failure; overfit_context_close() it
 *  @param shape       borrowed
 *  @param params      read, not kept
 *  @param max_memory  most bytes to hold: it takes about F + 1 a pixel
 *  @return NENC_OK, NENC_EBITSTREAM (parameters over a limit), NENC_ENOMEM,
 *          NENC_ELIMIT */
NENC_NODISCARD nenc_status overfit_context_open(overfit_context **out,
                                                const overfit_shape *shape,
                                                const overfit_params *params,
                                                size_t max_memory,
                                                nenc_diag *diag);
/** NULL is fine. */
void overfit_context_close(overfit_context *c);

/** Other parameters for the same shape.
 *  @return NENC_OK, or NENC_EBITSTREAM: then set others before any use */
NENC_NODISCARD nenc_status overfit_context_set(overfit_context *c,
                                               const overfit_params *params,
                                               nenc_diag *diag);

/** @param symbols  of each of shape->grids, row by row, each at most
 *                  OVERFIT_SYMBOL in size
 *  @param set      of overfit_tables_open() */
void overfit_context_encode(overfit_context *c, const int16_t *const symbols[],
                            nenc_rc_encoder *enc, const nenc_cdf_set *set);

/** @return NENC_OK, NENC_ETRUNCATED or NENC_EBITSTREAM */
NENC_NODISCARD nenc_status overfit_context_decode(overfit_context *c,
                                                  int16_t *const symbols[],
                                                  nenc_rc_decoder *dec,
                                                  const nenc_cdf_set *set,
                                                  nenc_diag *diag);

/** What the symbols cost, in bits / 65536. */
uint64_t overfit_context_cost(overfit_context *c,
                              const int16_t *const symbols[],
                              const nenc_cdf_set *set);

#endif
