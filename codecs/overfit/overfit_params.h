/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  How the parameters of the networks stand in a unit.  Not here:
 * choosing them, what they do. */
#ifndef NENC_CODECS_OVERFIT_PARAMS_H
#define NENC_CODECS_OVERFIT_PARAMS_H

#include "overfit.h"
#include "range_coder.h"
#include "overfit_tables.h"

/** A group is the weights or the biases of a module: one step, one width of the
 *  Laplace distribution.
 *
 *  Width 0 <= t < OVERFIT_SCALES is scale t of the tables, at fraction 0.  Beyond
 *  the widest, t = OVERFIT_SCALES + u is a table near it and 1 + u / 11 bits at
 *  the end of a number that are sent as they are: the scale is 118 + u % 11 (16
 *  scales are a factor e, 11 nearly 2).
 *
 *      for each module, weights then biases, if the shape has any:
 *          step (5 bits), width (8 bits)
 *      for each number, in the list's order; k raw bits at its end:
 *          h = (number + 2^(k - 1)) >> k, by table; if k > 0:
 *          number + 2^(k - 1) - (h << k), k bits */
enum { OVERFIT_WIDTHS = OVERFIT_SCALES + 11 * 11, OVERFIT_NUMBER = 65535 };

/** The finest step there may be. */
static inline int overfit_finest(int module, int is_bias)
{
    return !is_bias && (module == OVERFIT_ARM || module == OVERFIT_MIXER)
           ? OVERFIT_ARM_STEP : OVERFIT_STEP;
}

/** What n numbers of one group cost by the width that suits them best, less
 *  the group's step and width, in bits / 65536.
 *  @param width  that width; may be NULL */
uint32_t overfit_params_cost(const nenc_cdf_set *set, const int32_t *number,
                             size_t n, int *width);

/** Numbers are at most OVERFIT_NUMBER in size, steps no finer than the limits. */
void overfit_params_encode(const overfit_shape *shape,
                           const overfit_params *params, nenc_rc_encoder *enc,
                           const nenc_cdf_set *set);

/** @param params  its `number` has room for shape->n_params
 *  @return NENC_OK, NENC_ETRUNCATED or NENC_EBITSTREAM */
NENC_NODISCARD nenc_status overfit_params_decode(const overfit_shape *shape,
                                                 overfit_params *params,
                                                 nenc_rc_decoder *dec,
                                                 const nenc_cdf_set *set,
                                                 nenc_diag *diag);

/** The numbers as floats, exactly. */
void overfit_params_values(const overfit_shape *shape,
                           const overfit_params *params, float *values);

#endif
