/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two picture files are:
 *
 *     metrics A        width, height, channels
 *     metrics A B      PSNR over all samples in dB, MS-SSIM
 *
 * on one line each; "inf" for equal pictures, "-" where a picture is too small
 * for MS-SSIM.  Not here: rates, many files. */
#include <stdio.h>

#include "picture_metrics.h"
#include "picture_file.h"

static nenc_status compare(const nenc_image *a, const nenc_image *b,
                           nenc_diag *diag)
{
    double psnr_db, ms_ssim;
    nenc_status status = nenc_psnr(&psnr_db, a, b, diag);
    if (status < 0)
        return status;
    status = nenc_ms_ssim(&ms_ssim, a, b, diag);
    if (status == NENC_EUNSUPPORTED)
        printf("%.4f -\n", psnr_db);
    else if (status >= 0)
        printf("%.4f %.6f\n", psnr_db, ms_ssim);
    return status == NENC_EUNSUPPORTED ? NENC_OK : status;
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
