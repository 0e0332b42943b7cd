/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks to begin with when there is little time: what was fitted to many
 * pictures at once (training/overfit_starts.py).  They are the encoder's
 * matter; streams do not refer to them. */
#ifndef NENC_CODECS_OVERFIT_START_H
#define NENC_CODECS_OVERFIT_START_H

#include "overfit.h"

/** Kept are the parameters of a picture of this many pixels a side (or of as
 *  many levels) and three colours, in 2^-OVERFIT_START_STEP. */
enum { OVERFIT_START_SIDE = 2048, OVERFIT_START_STEP = 11 };

/** @param params  [n_params], of which nothing is changed where there are no
 *                 networks of the shape's size
 *  @return whether there are */
bool overfit_start(const overfit_shape *shape, float *params);

#endif
