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
 *  without biases, or what out[o][p] holds.  Nothing need be aligned.  An array
 *  of out[] may be one of add[] or gate[] for the same o, and no other. */
typedef struct overfit_dense {
    const float *w, *bias;    /**< bias may be NULL */
    size_t w_pitch;
    int n_in, n_out;
    const float *const *in;
    float *const *out;
    size_t n;                 /**< pixels, a multiple of OVERFIT_LANES */
    bool relu;                /**< s > 0 ? s : +0 */
    bool resume;              /**< start at out */
    /* Each NULL, or [n_out] arrays of n; in this order, `relu` between them: */
    const float *const *add[2];   /**< s + add[0][o][p], then + add[1][o][p] */
    const float *const *gate;     /**< gate[o][p] > 0 ? s : +0 */
} overfit_dense;

/** What symbols cost by Laplace distributions, and the gradients of `weight`
 *  times the bits.  Not normative, as all that follows. */
typedef struct overfit_laplace {
    const float *symbol, *mean;
    const float *scale;       /**< logarithm, and 4 */
    float least_scale, most_scale;    /**< of the logarithm */
    float least;              /**< probability; beyond it there is no slope */
    float weight;
    float *price;             /**< probabilities */
    float *d_symbol, *d_mean, *d_scale;   /**< NULL (d_mean): none wanted */
} overfit_laplace;

/** Soft rounding (Agustsson, Theis 2020) before and after noise. */
typedef struct overfit_soft {
    float temperature;        /**< near 0: plain rounding */
    float gain;               /**< 1 / (2 tanh(1 / (2 temperature))) */
    float noise;              /**< its standard deviation */
} overfit_soft;

typedef struct overfit_adam {
    float lr, beta1, beta2;
    float correct1, correct2; /**< 1 / (1 - beta^step) */
    float eps;
} overfit_adam;

typedef struct overfit_kernels {
    const char *name;         /**< as in nenc_kernels */
    void (*dense)(const overfit_dense *d);
    /** sums[(a * pitch + b) * OVERFIT_LANES + lane] += x[a][p] y[b][p] for all
     *  p < n, p % OVERFIT_LANES == lane, in order, by fma */
    void (*outer)(float *sums, size_t pitch, const float *const *x, int n_x,
                  const float *const *y, int n_y, size_t n);
    /** The same with ones for x: sums[b * OVERFIT_LANES + lane] += y[b][p] */
    void (*sum)(float *sums, const float *const *y, int n_y, size_t n);
    /** out[p] = w[0] in[0][p], then fma(w[i], in[i][p], .) for 1 <= i < n_in
     *  in order, then + add[p] unless add is NULL; n % OVERFIT_LANES == 0 */
    void (*filter)(float *out, const float *const *in, const float *w,
                   int n_in, const float *add, size_t n);
    /** For m < n, n % OVERFIT_LANES == 0, with w = a b c d:
     *  out[2m] = a v[m-2]; fma(c, v[m-1]); fma(d, v[m]); fma(b, v[m+1]);
     *  out[2m+1] = b v[m-1]; fma(d, v[m]); fma(c, v[m+1]); fma(a, v[m+2]) */
    void (*widen)(float *out, const float *v, const float *w, size_t n);
    /** even[m] = x[2m], odd[m] = x[2m+1] for m < n, n % OVERFIT_LANES == 0 */
    void (*split)(float *even, float *odd, const float *x, size_t n);
    /* for fitting; n % OVERFIT_LANES == 0 */
    void (*laplace)(const overfit_laplace *l, size_t n);
    /** symbol[] holds noise before, and what stands for y[] after; slope[] is
     *  the derivative */
    void (*soft)(const overfit_soft *s, const float *y, float *symbol,
                 float *slope, size_t n);
    void (*adam)(const overfit_adam *a, float *y, float *m, float *v,
                 const float *gradient, size_t n);
    void (*add)(float *to, const float *from, size_t n);
} overfit_kernels;

/** The table of the same instruction set as nenc_kernels_best(). */
const overfit_kernels *overfit_kernels_best(void);

/* Those that a build may hold: for overfit_kernels.c, and for tests. */
extern const overfit_kernels overfit_kernels_portable;
#ifdef HAVE_X86_KERNELS
extern const overfit_kernels overfit_kernels_avx2;
extern const overfit_kernels overfit_kernels_avx512;
#endif
#ifdef __aarch64__
extern const overfit_kernels overfit_kernels_neon;
#endif

#endif
