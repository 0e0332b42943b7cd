/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps that parameters are sent in, chosen by what they cost in bits and
 * do to the picture.  Not here: how they are coded (overfit_params.h). */
#ifndef NENC_CODECS_OVERFIT_SEARCH_H
#define NENC_CODECS_OVERFIT_SEARCH_H

#include "overfit_fit.h"
#include "overfit_params.h"

/** Numbers and steps for what was fitted; the fit's parameters become what
 *  they stand for.
 *  @param rounds  how often each module's steps are gone over, at least 1; from
 *                 2 on each number, too, is moved where that pays, which takes
 *                 some thousand passes over the picture */
NENC_NODISCARD nenc_status overfit_search(overfit_fit *fit,
                                          const overfit_shape *shape,
                                          float lambda, int rounds,
                                          const nenc_cdf_set *set,
                                          overfit_params *params,
                                          nenc_diag *diag);

#endif
