/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two pictures are: PSNR and MS-SSIM.
 * Not here: rates, curves, reading files. */
#ifndef NENC_EVAL_PICTURE_METRICS_H
#define NENC_EVAL_PICTURE_METRICS_H

#include "nenc.h"

/** The shorter side must be over this for MS-SSIM: the window of 11 samples
 *  has to fit at the fifth scale. */
#define NENC_MS_SSIM_SIDE 160

/** 10 log10(255^2 / mse), the mean taken over all samples of all channels.
 *  @param[out] psnr_db  INFINITY where the pictures are equal
 *  @return NENC_OK, NENC_EINVAL (not the same dimensions) */
NENC_NODISCARD nenc_status nenc_psnr(double *psnr_db, const nenc_image *x,
                                     const nenc_image *y, nenc_diag *diag);

/** Wang, Simoncelli, Bovik 2003: five scales, Gaussian window of 11 taps with
 *  sigma 1.5 inside the picture only, K = 0.01 and 0.03, weights 0.0448,
 *  0.2856, 0.3001, 0.2363, 0.1333, negative terms as 0, the mean over the
 *  channels of R'G'B'.  From a scale to the next, means of 2x2; an odd
 *  side gets a row or column of zeros before the first, as the implementation
 *  in PyTorch that published figures come from has it.
 *  @return NENC_OK, NENC_EINVAL (not the same dimensions), NENC_EUNSUPPORTED
 *          (too small), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_ms_ssim(double *ms_ssim, const nenc_image *x,
                                        const nenc_image *y, nenc_diag *diag);

#endif
