/* SPDX-License-Identifier: BSD-2-Clause */
/* oneDNN behind our convolution, for work whose last bit does not matter.
 * The only file that knows oneDNN; without it all calls say so.
 * Not here: any layer that is not a convolution; gradients. */
#ifndef NENC_TRANSFORMS_ONEDNN_H
#define NENC_TRANSFORMS_ONEDNN_H

#include "exact_conv.h"

typedef struct nenc_onednn_conv nenc_onednn_conv;

bool        nenc_onednn_available(void);
/** "oneDNN 2.6.3", or "no oneDNN" */
const char *nenc_onednn_version(void);

/** A convolution of one h x w NHWC picture, cut into bands of output rows
 *  that run independently of each other (each sees its rows of the source and
 *  its share of the padding), so that threads can take bands as they get free.
 *  @param weight   PyTorch order: [cout, cin/groups, k, k], transposed
 *                  [cin, cout/groups, k, k]; copied
 *  @param bias     [cout]; copied; NULL = zeros
 *  @param n_bands  wanted; fewer may be made
 *  @return NENC_OK, NENC_EUNSUPPORTED (no oneDNN, or not a case it has),
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_onednn_conv_open(
    nenc_onednn_conv **out, const nenc_conv_shape *shape, size_t h, size_t w,
    const float *weight, const float *bias, nenc_act act, float slope,
    size_t n_bands, int n_workers, nenc_diag *diag);

size_t nenc_onednn_conv_bands(const nenc_onednn_conv *conv);

/** Run one band on worker `worker` (< n_workers), single-threaded inside.
 *  Different bands may run at once on different workers. */
NENC_NODISCARD nenc_status nenc_onednn_conv_run(
    const nenc_onednn_conv *conv, size_t band, int worker, const float *src,
    float *dst);

void nenc_onednn_conv_close(nenc_onednn_conv *conv);

#endif
