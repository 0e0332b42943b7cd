/* SPDX-License-Identifier: BSD-2-Clause */
/* Not normative: what a value costs under a density, and how that changes with
 * the value and the density's parameters; for training and latent refinement.
 * Not here: tables for coding (prob_model.h), sums over tensors. */
#ifndef NENC_ENTROPY_PROB_GRAD_H
#define NENC_ENTROPY_PROB_GRAD_H

#include "prob_model.h"

/** Bits of the mass P of [v - 1/2, v + 1/2], and their derivatives.  v is the
 *  distance from the density's mean: the derivative by the mean is -dv. */
typedef struct nenc_prob_bits {
    double bits;          /**< -log2 P */
    double dv, dscale;
    double dbeta;         /**< 0 but for the generalized Gaussian */
} nenc_prob_bits;

/** A scale below scale_min, or a mass below mass_min, counts as the bound.  The
 *  derivative at a bound is one-sided (lower bounds of the published codecs):
 *  it is passed on where a descent step would move away from the bound, as
 *  that of a mass always does, so that nothing freezes there.  The weight of
 *  the bits in a loss is taken to be positive. */
typedef struct nenc_prob_bounds {
    double scale_min;     /**< less than 1e-6 counts as 1e-6 */
    double mass_min;      /**< less than 1e-30 counts as 1e-30 */
} nenc_prob_bounds;

#define NENC_PROB_BOUNDS_GAUSSIAN { 0.11, 1e-9 }
#define NENC_PROB_BOUNDS_GGD { 0.12, 1e-9 }      /**< published for beta 1.5 */

/* All functions below may run in any number of threads.  Finite arguments,
 * however far in a tail, give finite results; values and scales beyond 1e100
 * count as 1e100. */

/** @param scale  the standard deviation */
nenc_prob_bits nenc_prob_bits_gaussian(double v, double scale,
                                       const nenc_prob_bounds *bounds);

/** Density exp(-|v| / scale) / (2 scale). */
nenc_prob_bits nenc_prob_bits_laplace(double v, double scale,
                                      const nenc_prob_bounds *bounds);

/** Cumulative 1 / (1 + exp(-v / scale)). */
nenc_prob_bits nenc_prob_bits_logistic(double v, double scale,
                                       const nenc_prob_bounds *bounds);

/** Density ~ exp(-(|v| / scale)^beta), as nenc_prob_add_ggd() has it.
 *  @param beta  beyond 0.25 to 8 it counts as the nearer end, with the
 *               one-sided derivative there */
nenc_prob_bits nenc_prob_bits_ggd(double v, double scale, double beta,
                                  const nenc_prob_bounds *bounds);

/* ---- what training/hyperprior.py minimizes, to the letter */

/** laplace_bits(): of a value k that has been rounded, with some dead zone.
 *  0 has the mass of [-1/2, 1/2]; others take the formula of their bin, with
 *  no bound on the mass; dv is the slope of that formula, and 0 for k = 0.
 *  @param scale  less than 1e-6 counts as 1e-6, with dscale as there */
nenc_prob_bits nenc_prob_bits_laplace_rounded(double k, double scale);

/** located_bits(): nenc_prob_bits_laplace() with masses below 1e-7 clamped:
 *  there the derivatives are 0.
 *  @param scale  as above */
nenc_prob_bits nenc_prob_bits_laplace_clamped(double v, double scale);

/* ---- the factorized density */

/** One channel of a nenc_prob_factorized, ready for many values. */
typedef struct nenc_prob_density {
    double matrix[5][9];          /**< softplus taken */
    double bias[5][3];
    double factor[4][3];          /**< tanh taken */
    double matrix_slope[5][9];    /**< derivatives of those softplus ... */
    double factor_slope[4][3];    /**< ... and tanh */
} nenc_prob_density;

/** Sums of derivatives by a channel's 58 parameters (those of its
 *  nenc_prob_factorized, before softplus and tanh): matrix[k][o * cin + i].
 *  Starts as all zero. */
typedef struct nenc_prob_density_grad {
    double matrix[5][9], bias[5][3], factor[4][3];
} nenc_prob_density_grad;

/** Where gradients of all channels go: laid out as nenc_prob_factorized. */
typedef struct nenc_prob_factorized_grad {
    float *matrix[5], *bias[5], *factor[4];
} nenc_prob_factorized_grad;

/** @param f  read, not kept */
void nenc_prob_density_init(nenc_prob_density *d,
                            const nenc_prob_factorized *f, size_t channel);

/** Bits of v itself (not of a distance); dscale is 0.
 *  @param v         beyond 2^30 it counts as 2^30, with dv as there
 *  @param mass_min  as in nenc_prob_bounds; published: 1e-9
 *  @param grad      NULL, or `weight` times the derivatives by the parameters
 *                   is added; threads need one each */
nenc_prob_bits nenc_prob_bits_density(const nenc_prob_density *d, double v,
                                      double mass_min, double weight,
                                      nenc_prob_density_grad *grad);

/** Add a channel's sums to the gradients of all. */
void nenc_prob_density_grad_add(nenc_prob_factorized_grad *dst,
                                const nenc_prob_density_grad *grad,
                                size_t channel);

#endif
