/* SPDX-License-Identifier: BSD-2-Clause */
/* Real numbers to what stands for symbols while latents are fitted; rows of
 * numbers, any thread.  Not here: schedules. */
#ifndef NENC_CODECS_OVERFIT_QUANTISE_H
#define NENC_CODECS_OVERFIT_QUANTISE_H

#include "overfit_kernels.h"

/** symbol[i] stands for y[i], slope[i] is its derivative.
 *  @param seed  of the row's noise: all of it follows from this
 *  @param n     of all arrays, a multiple of OVERFIT_LANES */
void overfit_quantise_soft(const overfit_soft *soft, const overfit_kernels *k,
                           uint64_t seed, const float *y, float *symbol,
                           float *slope, size_t n);
/** The nearest integer, within +-OVERFIT_SYMBOL. */
void overfit_quantise_hard(const float *y, float *symbol, size_t n);

#endif
