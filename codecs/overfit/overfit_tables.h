/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Laplace distributions as integer tables, for symbols about a mean
 * and for parameters about 0.  Not here: which table a symbol takes. */
#ifndef NENC_CODECS_OVERFIT_TABLES_H
#define NENC_CODECS_OVERFIT_TABLES_H

#include "cdf.h"

enum {
    OVERFIT_SCALES = 129,     /**< scale s: b = exp(-5 + s / 16) */
    OVERFIT_FRACTIONS = 32,   /**< of the mean */
    OVERFIT_SCALE_ONE = 80    /**< b = 1 */
};

/** A symbol of mean m + f / 32, 0 <= f < 32, is coded as symbol - m by table
 *  s * OVERFIT_FRACTIONS + f.  nenc_cdf_set_close() it. */
NENC_NODISCARD nenc_status overfit_tables_open(nenc_cdf_set **out,
                                               nenc_diag *diag);

/** What n values cost, in bits / 65536: as the sum of nenc_cdf_cost(), but
 *  better rounded and some ten times as fast. */
uint64_t overfit_tables_cost(const nenc_cdf_set *set, const uint16_t *table,
                             const int32_t *value, size_t n);

#endif
