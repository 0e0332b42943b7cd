/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend, one table per instruction
 * set; all tables give the same bits.  Not here: layers, shapes, threads. */
#ifndef NENC_TRANSFORMS_EXACT_KERNELS_H
#define NENC_TRANSFORMS_EXACT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Applied to a finished sum s, as an activation fused into a convolution:
 *    none   s
 *    relu   s > 0 ? s : +0          (so NaN and -0 give +0)
 *    lrelu  s > 0 ? s : s * slope
 *  and then a NaN becomes the NaN 0x7fc00000. */
typedef enum nenc_act {
    NENC_ACT_NONE, NENC_ACT_RELU, NENC_ACT_LRELU
} nenc_act;

/** Element-wise functions (see exact_math.h for their definitions, which
 *  agree with those above). */
typedef enum nenc_point {
    NENC_POINT_RELU, NENC_POINT_LRELU, NENC_POINT_GELU, NENC_POINT_SILU,
    NENC_POINT_SIGMOID, NENC_POINT_TANH, NENC_POINT_SOFTPLUS, NENC_POINT_EXP,
    NENC_POINT_ABS, NENC_POINT_SSQRT, NENC_POINT_SQRT,
    NENC_POINT_N
} nenc_point;

/** A run of output pixels of a dense convolution, all with the same taps:
 *
 *    dst[p * dst_step + c] = act(bias[c] + sum over r < rows, i < run of
 *        src[p * src_step + r * src_pitch + i] * weight(r * w_pitch + i, c))
 *
 *  for p < n_pixels, c < cout; every sum starts at the bias and takes its
 *  terms by fma in the order (r, i).  `run` spans kernel columns and input
 *  channels, which lie side by side in an NHWC row.  Steps are in floats.
 *  With `resume`, sums start at what dst holds: a convolution may be run in
 *  several calls, all but the last with act none.  With `add`, the result is
 *  act(...) + add[p * add_step + c], a rounding of its own.  dst must not
 *  overlap src or add.  Every call needs the environment of fpenv.h. */
typedef struct nenc_conv_run {
    const float *src;
    const float *weight;  /**< packed: weight(k, c) is at
                               c / block * block_pitch + k * block + c % block,
                               zero beyond cout; 64-byte aligned */
    const float *bias;    /**< cout rounded up to the block */
    float *dst;
    const float *add;     /**< NULL = nothing to add */
    size_t src_step, dst_step, add_step, src_pitch;
    size_t block_pitch;   /**< floats from a block of output channels to the
                               next one in `weight` */
    size_t w_pitch;       /**< rows of packed weights from r to r + 1 */
    size_t n_pixels, rows, run, cout;
    nenc_act act;
    float  slope;         /**< of the leaky ReLU */
    bool   resume;        /**< start at dst, not at the bias */
} nenc_conv_run;

/** A rectangle of output pixels of a depthwise convolution, all with the same
 *  taps:
 *    dst[y * dst_line + p * dst_step + ch] = act(bias[ch]
 *        + sum over r < rows, i < cols of
 *        src[y * src_line + p * src_step + r * src_pitch + i * src_col + ch]
 *        * weight[(r * w_pitch + i) * c + ch]), order (r, i), by fma. */
typedef struct nenc_dwconv_run {
    const float *src, *weight, *bias;
    float *dst;
    size_t src_step, dst_step;  /**< floats from an output pixel to the next */
    size_t src_line, dst_line;  /**< and from a line of them to the next */
    size_t src_pitch;           /**< floats from a kernel row to the next */
    size_t src_col;             /**< and from a kernel column to the next */
    size_t w_pitch;             /**< kernel columns of weights from r to r+1 */
    size_t n_pixels, n_lines;
    size_t rows, cols, c;
    nenc_act act;
    float slope;
} nenc_dwconv_run;

/** A product of two matrices whose rows are pixels, for gradients of weights
 *  and linear attention (normative there):
 *    dst[i * dst_step + j] += sum over r < rows, q < cols of
 *        a[r * a_pitch + q * a_step + i] * b[r * b_pitch + q * b_step + j]
 *  for i < n_a, j < n_b; a sum starts at 0 and takes its terms by fma in the
 *  order (r, q), and is then added to dst.  Nothing overlaps. */
typedef struct nenc_outer_run {
    const float *a, *b;
    float *dst;
    size_t rows, cols;
    size_t a_pitch, a_step, b_pitch, b_step;
    size_t n_a, n_b, dst_step;
} nenc_outer_run;

typedef struct nenc_kernels {
    const char *name;     /**< "portable", "neon", "avx2", "avx512" */
    size_t block;         /**< output channels packed side by side */
    void (*conv)(const nenc_conv_run *run);
    void (*dwconv)(const nenc_dwconv_run *run);
    void (*outer)(const nenc_outer_run *run);
    /** dst[i] = f(src[i]); dst may be src.  `a` is the leaky ReLU's slope. */
    void (*point)(nenc_point f, float *dst, const float *src, size_t n,
                  float a);
} nenc_kernels;

/** The tables built in, best first, ending with portable; those that this CPU
 *  cannot run are left out (order: avx512, avx2, neon, portable).
 *  @return how many there are; *out points to static storage */
size_t nenc_kernels_list(const nenc_kernels *const **out);

/** The best table, or the one that $NENC_KERNELS names (for tests), if it is
 *  in the list. */
const nenc_kernels *nenc_kernels_best(void);

#endif
