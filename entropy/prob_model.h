/* SPDX-License-Identifier: BSD-2-Clause */
/* Not normative: tables of frequencies from distributions, made once in
 * double precision when a model is exported.  A decoder never calls this; it
 * reads the integers.  Not here: the tables at work (cdf.h). */
#ifndef NENC_ENTROPY_PROB_MODEL_H
#define NENC_ENTROPY_PROB_MODEL_H

#include "cdf.h"

/** Tables as they go into a model file and into nenc_cdf_set_open().  All
 *  zero is an empty set; nenc_prob_tables_free() it.  A function that fails
 *  leaves it as it was. */
typedef struct nenc_prob_tables {
    size_t n_tables, n_freqs;
    int32_t  *lengths;    /**< [n_tables] */
    int32_t  *offsets;    /**< [n_tables] */
    uint16_t *freqs;      /**< [n_freqs] */
    size_t tables_room, freqs_room;
} nenc_prob_tables;

void nenc_prob_tables_free(nenc_prob_tables *tables);

/** How probabilities become integers, and where a table ends. */
typedef struct nenc_prob_limits {
    double tail_mass;     /**< both tails beyond the table hold at most this,
                               1e-12 to 0.1 */
    double min_count;     /**< then leave out the outer values whose
                               probability is below min_count / 65536, since
                               in a table each costs at least 1; 0 = keep */
    bool   reference;     /**< round as the reference tools do; false = as few
                               bits lost as can be */
} nenc_prob_limits;

/** The tables of the published codecs, but for their float32. */
#define NENC_PROB_LIMITS_REFERENCE { 1e-9, 0.0, true }
/** Loses less in wide tables: of Gaussians, 0.0004 bit a value at scale 50
 *  (the reference: 0.0105), 0.005 at scale 256 (0.066). */
#define NENC_PROB_LIMITS_DEFAULT { 1e-9, 0.5, false }

/** Frequencies from probabilities.
 *  @param pmf    [n] at least 0, sum 1 within 0.01; the last is the escape's
 *  @param n      2 to 65535
 *  @param freqs  [n] each at least 1, sum 65536
 *  @return NENC_OK, NENC_EINVAL or NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_prob_freqs(uint16_t *freqs, const double *pmf,
                                           size_t n, bool reference);

/** Append the table of pmf[n], escape last, whose first value is `offset`.
 *  @return NENC_OK, NENC_EINVAL or NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_prob_add_pmf(nenc_prob_tables *tables,
                                             int32_t offset, const double *pmf,
                                             size_t n,
                                             const nenc_prob_limits *limits);

/** n scales (n >= 2) from lo to hi in equal ratios; the usual Gaussian set is
 *  64 from 0.11 to 256. */
void nenc_prob_log_scales(double *scales, size_t n, double lo, double hi);

/** Append a generalized Gaussian: density ~ exp(-(|x - mean| / a)^beta), with
 *  beta = 2 a Gaussian of scale a / sqrt(2), beta = 1 Laplace; a value k gets
 *  the mass of [k - 1/2, k + 1/2].
 *  @param a     0.001 to 4000        @param beta  0.25 to 8
 *  @param mean  within 2^20
 *  @return NENC_OK, NENC_EINVAL or NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_prob_add_ggd(nenc_prob_tables *tables,
                                             double mean, double a,
                                             double beta,
                                             const nenc_prob_limits *limits);

/** The zero-mean Gaussian of standard deviation `scale`: the above. */
NENC_NODISCARD nenc_status nenc_prob_add_gaussian(
    nenc_prob_tables *tables, double scale, const nenc_prob_limits *limits);

/** A factorized density: per channel a monotone network of widths 1-3-3-3-3-1
 *  that yields the logit of the cumulative (Balle et al. 2018, appendix 6.1):
 *      v = softplus(matrix[k]) v + bias[k],  then for k < 4
 *      v = v + tanh(factor[k]) * tanh(v)
 *  Channels are the slowest index of every array:
 *  matrix[0] [c, 3, 1], [1..3] [c, 3, 3], [4] [c, 1, 3];
 *  bias[0..3] [c, 3], [4] [c, 1];  factor[0..3] [c, 3]. */
typedef struct nenc_prob_factorized {
    size_t channels;
    const float *matrix[5], *bias[5], *factor[4];
} nenc_prob_factorized;

/** The logit of P(X <= v) in one channel. */
double nenc_prob_factorized_logit(const nenc_prob_factorized *f,
                                  size_t channel, double v);

/** Append one table per channel, for round(v - median).
 *  @param quantiles  [channels, 3] lower end, median, upper end as a
 *                    reference tool trained them; NULL = find them by
 *                    bisection from limits->tail_mass
 *  @param[out] medians  [channels]
 *  @return NENC_OK, NENC_EINVAL (a parameter or its result is not finite) or
 *          NENC_ENOMEM; on failure no table is added */
NENC_NODISCARD nenc_status nenc_prob_add_factorized(
    nenc_prob_tables *tables, const nenc_prob_factorized *f,
    const float *quantiles, const nenc_prob_limits *limits, float *medians,
    nenc_diag *diag);

#endif
