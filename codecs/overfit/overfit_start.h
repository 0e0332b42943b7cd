/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Parameters that suit many pictures, from which fitting starts and
 * from which a stream tells the difference.  Not here: how they were found
 * (conformance/fit_start.c, training/overfit_start.py). */
#ifndef NENC_CODECS_OVERFIT_START_H
#define NENC_CODECS_OVERFIT_START_H

#include "overfit.h"

/** Start 0 is all zeros.
 *  @param[out] values  [n_params]
 *  @return false: there is no such start for networks of this size */
bool overfit_start(const overfit_shape *shape, unsigned start, float *values);

/** The start in a stream's steps, rounded half to even.
 *  @param[out] numbers  [n_params] */
void overfit_start_numbers(const overfit_shape *shape, const float *values,
                           const uint8_t step[OVERFIT_MODULES][2],
                           int32_t *numbers);

/** The start that was made for about this quality; 0 = none. */
unsigned overfit_start_for(const overfit_shape *shape, int quality);

/* A start's numbers, in units of 1/1024: parameters of a picture of 256x256 in
 * colour, in the list's order. */
typedef struct overfit_start_set {
    int size;                 /* index into overfit_sizes */
    int quality;              /* that it was made at */
    const int16_t *values;
} overfit_start_set;

extern const overfit_start_set overfit_starts[];
extern const unsigned overfit_n_starts;

#endif
