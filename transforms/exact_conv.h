/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Convolutions on the exact backend: packed weights, and whole
 * padded layers cut into the runs of exact_kernels.h.  Not here: threads (the
 * caller hands out rows), networks. */
#ifndef NENC_TRANSFORMS_EXACT_CONV_H
#define NENC_TRANSFORMS_EXACT_CONV_H

#include "exact_kernels.h"
#include "mem.h"
#include "status.h"

/** A square kernel, the same stride and zero padding both ways, no dilation.
 *
 *  Convolution: an input of h rows gives (h + 2 pad - k) / stride + 1.
 *    dst[y, x, c] = act(bias[c] + sum over (i, j, ch) of
 *        src[y stride - pad + i, x stride - pad + j, ch] weight[c, ch, i, j])
 *  with the terms in the order (i, j, ch), ascending.
 *
 *  Transposed: an input of h rows gives stride * h (the output padding is what
 *  makes it so, and must come to 0 .. stride - 1; k = 2 pad + 1 and k = stride
 *  with pad = 0 do).
 *    dst[y, x, c] = act(bias[c] + sum over (p, q, ch) of
 *        src[p, q, ch] weight[ch, c, y + pad - p stride, x + pad - q stride])
 *  over the input rows p and columns q for which both kernel indices are
 *  within 0 .. k - 1, in the order (p, q, ch), ascending: so the kernel's
 *  indices descend.
 *
 *  In both, terms outside the picture are left out, not multiplied by zero;
 *  an output without any term is act(bias); ch runs over the group's input
 *  channels. */
typedef struct nenc_conv_shape {
    size_t cin, cout, k, stride, pad;
    size_t groups;        /**< divides cin and cout; cin = cout = groups is
                               depthwise, which has kernels of its own */
    bool   transposed;
} nenc_conv_shape;

/** The taps of the output pixels (y, x) = (row, column) modulo the step of
 *  the phases: one phase in a convolution, stride^2 in a transposed one. */
typedef struct nenc_conv_phase {
    size_t rows, cols;          /**< taps */
    ptrdiff_t row_at, col_at;   /**< input position of the first tap for the
                                     phase's first output pixel */
    float *weight;
} nenc_conv_phase;

/** A convolution ready to run.  Never changes but by nenc_conv_repack(); any
 *  number of threads may run it. */
typedef struct nenc_conv {
    nenc_conv_shape shape;
    const nenc_kernels *kernels;
    bool   is_depthwise;
    size_t dst_phases;          /**< phases each way: 1, or the stride */
    size_t src_stride;          /**< input pixels from one output pixel of a
                                     phase to the next */
    size_t block_pitch, group_pitch, bias_pitch;  /**< floats, in a phase */
    nenc_conv_phase *phases;    /**< dst_phases^2, by (row, column) */
    float *bias;
} nenc_conv;

/** Pack weights, in PyTorch's order ([cout, cin / groups, k, k], transposed
 *  [cin, cout / groups, k, k]), for `kernels`.
 *  @param bias   [cout], or NULL for zeros
 *  @param arena  holds what is packed; weight and bias are not kept
 *  @return NENC_OK, NENC_EINVAL (an impossible shape) or NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_conv_pack(
    nenc_conv *conv, const nenc_conv_shape *shape, const float *weight,
    const float *bias, const nenc_kernels *kernels, nenc_arena *arena,
    nenc_diag *diag);

/** Other weights and bias (NULL: as they were) for the same shape, in its place.
 *  Nobody may be running it. */
void nenc_conv_repack(nenc_conv *conv, const float *weight, const float *bias);

/** Rows (or columns) of the output for h of the input; 0 when the input is
 *  smaller than an unpadded kernel, or the number does not fit. */
size_t nenc_conv_extent(const nenc_conv_shape *shape, size_t h);

/** Where a convolution reads and writes: NHWC, one picture.  Rows follow each
 *  other without a gap: w (or the output's width) times the step. */
typedef struct nenc_conv_io {
    const float *src;
    float *dst;
    size_t h, w;          /**< of src */
    size_t src_step;      /**< floats from a pixel to the next, >= cin */
    size_t dst_step;      /**< floats from a pixel to the next, >= cout */
    const float *add;     /**< added to the results, after the activation: laid
                               out as dst is; or NULL */
    bool add_one;         /**< it is one pixel, for all of them */
    size_t src_first;     /**< row that src begins with ... */
    size_t dst_first;     /**< ... and dst; add has all rows */
} nenc_conv_io;

/** Compute rows [row0, row1) of the output, in the environment of fpenv.h.
 *  Results do not depend on how the rows are cut.  Fast where a call gets 8
 *  rows and more, and src_step = cin where groups = 1.
 *  dst must not overlap src or add.  Depthwise convolutions add nothing. */
void nenc_conv_rows(const nenc_conv *conv, const nenc_conv_io *io,
                    size_t row0, size_t row1, nenc_act act, float slope);

#endif
