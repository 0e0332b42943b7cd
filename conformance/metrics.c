/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two picture files, or two sound files, are:
 *
 *     metrics A        width, height, channels
 *     metrics A B      PSNR over all samples in dB, MS-SSIM, PSNR of Y'CbCr
 *                      (6:1:1), SSIM; of sounds SI-SDR in dB, log-mel
 *                      distance in dB, STOI, NSIM
 *
 * on one line each; "inf" for equal ones, "-" where one is too small for a
 * metric.  Not here: rates, many files. */
#include <math.h>
#include <stdio.h>

#include "picture_file.h"
#include "picture_metrics.h"
#include "source.h"
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

static nenc_status compare_pictures(int argc, char **argv, nenc_diag *diag)
{
    nenc_image a = { 0 }, b = { 0 };
    nenc_status status = nenc_picture_load(&a, argv[1], diag);
    if (status >= 0 && argc == 2)
        printf("%u %u %u\n", a.width, a.height, a.channels);
    if (status >= 0 && argc == 3)
        status = nenc_picture_load(&b, argv[2], diag);
    if (status >= 0 && argc == 3)
        status = compare(&a, &b, diag);
    nenc_image_free(&a);
    nenc_image_free(&b);
    return status;
}

static nenc_status compare_sounds(char **argv, nenc_diag *diag)
{
    nenc_signal a = { 0 }, b = { 0 };
    double v[4];
    nenc_status status = nenc_signal_load(&a, NENC_EVAL_SOUND, argv[1], diag);
    if (status >= 0)
        status = nenc_signal_load(&b, NENC_EVAL_SOUND, argv[2], diag);
    if (status >= 0)
        status = nenc_signal_compare(v, NENC_EVAL_SOUND, &a, &b, diag);
    if (status >= 0) {
        printf("%.6f", v[0]);
        for (int i = 1; i < 4; i++)
            print_similarity(v[i]);
        printf("\n");
    }
    nenc_signal_free(&a);
    nenc_signal_free(&b);
    return status;
}

int main(int argc, char **argv)
{
    nenc_diag diag = { NENC_OK, "" };
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: metrics A [B]\n");
        return 2;
    }
    const nenc_status status = argc == 3 && nenc_sound_is_path(argv[1])
                             ? compare_sounds(argv, &diag)
                             : compare_pictures(argc, argv, &diag);
    if (status < 0)
        fprintf(stderr, "metrics: %s\n", diag.text);
    return status < 0;
}
