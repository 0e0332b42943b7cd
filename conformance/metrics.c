/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two picture files are:
 *
 *     metrics A        width, height, channels
 *     metrics A B      PSNR over all samples in dB, MS-SSIM, PSNR of Y'CbCr
 *                      (6:1:1), SSIM
 *
 * on one line each; "inf" for equal pictures, "-" where a picture is too small
 * for SSIM or MS-SSIM.  Not here: rates, many files. */
#include <math.h>
#include <stdio.h>

#include "picture_metrics.h"
#include "picture_file.h"
#include "status.h"

static void print_similarity(double value)
{
    if (isnan(value))
        printf(" -");
    else
        printf(" %.6f", value);
}

static nenc_status compare(const nenc_image *a, const nenc_image *b,
                           nenc_diag *diag)
{
    double psnr_db, psnr_yuv_db, ssim = NAN, ms_ssim = NAN;
    NENC_TRY(nenc_psnr(&psnr_db, a, b, diag));
    NENC_TRY(nenc_psnr_yuv(&psnr_yuv_db, a, b, diag));
    const nenc_status status = nenc_ssim_both(&ssim, &ms_ssim, a, b, diag);
    if (status < 0 && status != NENC_EUNSUPPORTED)
        return status;
    printf("%.4f", psnr_db);
    print_similarity(ms_ssim);
    printf(" %.4f", psnr_yuv_db);
    print_similarity(ssim);
    printf("\n");
    return NENC_OK;
}

int main(int argc, char **argv)
{
    nenc_image a = { 0 }, b = { 0 };
    nenc_diag diag = { NENC_OK, "" };
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: metrics A [B]\n");
        return 2;
    }
    nenc_status status = nenc_picture_load(&a, argv[1], &diag);
    if (status >= 0 && argc == 2)
        printf("%u %u %u\n", a.width, a.height, a.channels);
    if (status >= 0 && argc == 3)
        status = nenc_picture_load(&b, argv[2], &diag);
    if (status >= 0 && argc == 3)
        status = compare(&a, &b, &diag);
    if (status < 0)
        fprintf(stderr, "metrics: %s\n", diag.text);
    nenc_image_free(&a);
    nenc_image_free(&b);
    return status < 0;
}
