/* SPDX-License-Identifier: BSD-2-Clause */
/* What attention's layers and their gradients share.  Not for others. */
#ifndef NENC_TRANSFORMS_NET_ATTEND_H
#define NENC_TRANSFORMS_NET_ATTEND_H

#include "exact_sum.h"
#include "net_internal.h"

/** Positions of a tensor, some of their channels. */
typedef struct nenc_tokens {
    const float *at;             /**< of the first */
    size_t rows, cols, channels;
    size_t pitch, step;          /**< floats to the next row, to the next */
} nenc_tokens;

/** A matrix, packed for a row vector's product with it. */
typedef struct nenc_matrix {
    const float *weight, *bias;  /**< bias: zeros */
    size_t n_in, n_out, pitch;
} nenc_matrix;

/** Floats for a packed matrix of so many numbers in and out.  SIZE_MAX / 16:
 *  more than anybody has. */
size_t nenc_matrix_floats(const nenc_kernels *k, size_t n_in, size_t n_out);

/** Tokens as rows: a vector over tokens becomes one over channels.
 *  @param room  nenc_matrix_floats(k, rows cols, channels), zeroed or not */
nenc_matrix nenc_matrix_down(const nenc_kernels *k, float *room,
                             const nenc_tokens *t);
/** Tokens as columns: a vector over channels becomes one over tokens. */
nenc_matrix nenc_matrix_across(const nenc_kernels *k, float *room,
                               const nenc_tokens *t);

/** dst[p] = src[p] m for n vectors; sums by fma in the order of src, from 0. */
void nenc_matrix_run(const nenc_kernels *k, const nenc_matrix *m,
                     const float *src, size_t src_step, size_t n, float *dst,
                     size_t dst_step);

/** Windows of attend, for a head. */
typedef struct nenc_window {
    size_t tokens, d, dv;        /**< channels of a head's keys, and values */
    float scale;
} nenc_window;

nenc_window nenc_window_of(const nenc_op *op);
/** Channels of a head in the window whose first position is (row, col), of all
 *  pictures' rows, of a tensor that begins with row `first`. */
nenc_tokens nenc_window_tokens(const nenc_op *op, const float *data,
                               const nenc_shape *s, size_t first, size_t row,
                               size_t col, size_t head);

/** lattend: a head's keys of one picture, all of it.
 *  greatest[a]  of channel a
 *  sum[a]       of e^(k - greatest[a])
 *  product      [d][dv]: sum of e^(k[a] - greatest[a]) / sum[a] times v[b] */
typedef struct nenc_summary {
    float *greatest, *sum, *product;
} nenc_summary;

/** Floats of scratch for it. */
size_t nenc_summary_scratch(const nenc_op *op, const nenc_shape *s);
void nenc_summary_make(const nenc_summary *to, const nenc_op *op,
                       const nenc_shape *k_shape, const float *k,
                       const nenc_shape *v_shape, const float *v, size_t part,
                       float *scratch, const nenc_kernels *kernels);
/** dst [w][d] = e^(k - greatest) of a row of keys. */
void nenc_summary_exp(float *dst, const float *k, size_t step, size_t w,
                      size_t d, const float *greatest,
                      const nenc_kernels *kernels);

#endif
