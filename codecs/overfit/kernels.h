/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Kernels for layers of a few channels, whose vectors run over
 * pixels: one table per instruction set, all of the same bits.  Not here: which
 * network. */
#ifndef NENC_CODECS_OVERFIT_KERNELS_H
#define NENC_CODECS_OVERFIT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Pixels come in groups of so many; sums over pixels have so many lanes. */
enum { OVERFIT_LANES = 16 };

/** out[o][p] = act(start + sum over i < n_in of w[o * w_pitch + i] in[i][p])
 *  for o < n_out, p < n; by fma, in the order of i.  `start` is bias[o], or 0
 *  without biases, or what out[o][p] holds.  in[] need not be aligned. */
typedef struct overfit_dense {
    const float *w, *bias;    /**< bias may be NULL */
    size_t w_pitch;
    int n_in, n_out;
    const float *const *in;
    float *const *out;
    size_t n;                 /**< pixels, a multiple of OVERFIT_LANES */
    bool relu;                /**< s > 0 ? s : +0 */
    bool resume;              /**< start at out */
} overfit_dense;

typedef struct overfit_kernels {
    const char *name;         /**< as in nenc_kernels */
    void (*dense)(const overfit_dense *d);
    /** sums[(a * pitch + b) * OVERFIT_LANES + lane] += x[a][p] y[b][p] for all
     *  p < n, p % OVERFIT_LANES == lane, in order, by fma */
    void (*outer)(float *sums, size_t pitch, const float *const *x, int n_x,
                  const float *const *y, int n_y, size_t n);
    /** The same with ones for x: sums[b * OVERFIT_LANES + lane] += y[b][p] */
    void (*sum)(float *sums, const float *const *y, int n_y, size_t n);
} overfit_kernels;

/** The table of the same instruction set as nenc_kernels_best(). */
const overfit_kernels *overfit_kernels_best(void);

#endif
