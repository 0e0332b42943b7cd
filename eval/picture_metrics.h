/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two pictures are: PSNR, PSNR of Y'CbCr, SSIM and MS-SSIM.
 * Not here: rates and curves (curve.h), reading files (picture_file.h),
 * metrics that other people's programs compute. */
#ifndef NENC_EVAL_PICTURE_METRICS_H
#define NENC_EVAL_PICTURE_METRICS_H

#include "nenc.h"

/** The shorter side must be at least this for SSIM: its window. */
#define NENC_SSIM_SIDE 11

/** And this for MS-SSIM: the window has to fit at the fifth scale. */
#define NENC_MS_SSIM_SIDE 161

/** What a plane adds to nenc_psnr_yuv() at most, in dB. */
#define NENC_PSNR_YUV_CAP 100.0

/** 10 log10(255^2 / mse), the mean taken over all samples of all channels.
 *  @param[out] psnr_db  INFINITY where the pictures are equal
 *  @return NENC_OK, NENC_EINVAL (not the same dimensions) */
NENC_NODISCARD nenc_status nenc_psnr(double *psnr_db, const nenc_image *x,
                                     const nenc_image *y, nenc_diag *diag);

/** (6 PSNR_Y + PSNR_Cb + PSNR_Cr) / 8 of full-range BT.709 Y'CbCr 4:4:4,
 *  which is computed from R'G'B' without rounding; the peak is 255.  Where a
 *  plane's PSNR is over 100 dB it counts as 100 dB: one equal plane must not
 *  make the mean infinite, as chroma does that was gray before and after.
 *  @param[out] psnr_db  INFINITY where the pictures are equal; for a picture
 *                       of one channel the same as nenc_psnr()
 *  @return NENC_OK, NENC_EINVAL (not the same dimensions) */
NENC_NODISCARD nenc_status nenc_psnr_yuv(double *psnr_db, const nenc_image *x,
                                         const nenc_image *y, nenc_diag *diag);

/** Wang, Bovik, Sheikh, Simoncelli 2004, at full resolution: Gaussian window
 *  of 11x11 with sigma 1.5 inside the picture only, K = 0.01 and 0.03, the
 *  mean over the channels of R'G'B'.
 *  @return NENC_OK, NENC_EINVAL (not the same dimensions), NENC_EUNSUPPORTED
 *          (too small), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_ssim(double *ssim, const nenc_image *x,
                                     const nenc_image *y, nenc_diag *diag);

/** Wang, Simoncelli, Bovik 2003: five scales of the same window and K, weights
 *  0.0448, 0.2856, 0.3001, 0.2363, 0.1333, negative terms as 0, the mean over
 *  the channels of R'G'B'.  From a scale to the next, means of 2x2; an odd
 *  side gets a row or column of zeros before the first, as the implementation
 *  in PyTorch that published figures come from has it.
 *  @return as nenc_ssim() */
NENC_NODISCARD nenc_status nenc_ms_ssim(double *ms_ssim, const nenc_image *x,
                                        const nenc_image *y, nenc_diag *diag);

/** Both for the price of MS-SSIM.
 *  @param[out] ms_ssim  NAN where the picture is too small for it alone
 *  @return as nenc_ssim() */
NENC_NODISCARD nenc_status nenc_ssim_both(
    double *ssim, double *ms_ssim, const nenc_image *x, const nenc_image *y,
    nenc_diag *diag);

#endif
