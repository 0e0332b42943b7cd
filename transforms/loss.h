/* SPDX-License-Identifier: BSD-2-Clause */
/* How far pictures are from what they should be, and the gradient of that; for
 * training and refinement.  Not normative.  Not here: rates (prob_grad.h),
 * metrics of 8-bit pictures (eval/picture_metrics.h). */
#ifndef NENC_TRANSFORMS_LOSS_H
#define NENC_TRANSFORMS_LOSS_H

#include "net.h"
#include "pool.h"

/** For samples in [0, 1], which a picture may leave.  A picture's loss is the
 *  mean over its samples or, for the last, over its channels. */
typedef enum nenc_loss_kind {
    NENC_LOSS_MSE,        /**< (x - target)^2 */
    NENC_LOSS_L1,         /**< |x - target|; the gradient at 0 is 0 */
    NENC_LOSS_MS_SSIM     /**< 1 - MS-SSIM: Wang, Simoncelli, Bovik 2003, as
                               nenc_ms_ssim() computes it of 8 bits */
} nenc_loss_kind;

/** The shorter side must be at least this for MS-SSIM. */
#define NENC_LOSS_MS_SSIM_SIDE 161

/** Serves one thread at a time; many may be in use at once. */
typedef struct nenc_loss nenc_loss;

/** @param[out] out    NULL on failure; nenc_loss_close() it
 *  @param      shape  of the pictures, channels last; n = the most at once
 *  @param      pool   borrowed, must outlive it; NULL = on the calling thread.
 *                     The results do not depend on its threads
 *  @param      max_memory  bytes it may hold: for MS-SSIM about 40 for each
 *                     pixel of a picture and thread, else next to none
 *  @return NENC_OK, NENC_EINVAL (a dimension is 0, or the product overflows),
 *          NENC_EUNSUPPORTED (too small for MS-SSIM), NENC_ELIMIT or
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_loss_open(nenc_loss **out, nenc_loss_kind kind,
                                          nenc_shape shape, nenc_pool *pool,
                                          size_t max_memory, nenc_diag *diag);
void nenc_loss_close(nenc_loss *loss);

/** Bytes it holds. */
size_t nenc_loss_memory(const nenc_loss *loss);

/** The losses of n pictures, and weight[i] dloss[i]/dx.  Where a term of
 *  MS-SSIM is below 1e-6 (the structure is lost or inverted), its gradient is
 *  that at 1e-6, so that it is finite and leads away from there.
 *  @param[out] values  [n]
 *  @param[out] grad    [n, h, w, c], written, not added to; NULL = not wanted
 *  @param x, target    [n, h, w, c]; not finite: neither are the results
 *  @param weight       [n]; NULL = 1
 *  @param n            at most the shape's */
void nenc_loss_run(nenc_loss *loss, double *values, float *grad,
                   const float *x, const float *target, const float *weight,
                   size_t n);

#endif
