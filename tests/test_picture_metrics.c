/* SPDX-License-Identifier: BSD-2-Clause */
/* PSNR and MS-SSIM against values that a hand can compute; metrics.sh compares
 * them with another implementation on a real picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "picture_metrics.h"

static nenc_image flat(uint32_t width, uint32_t height, uint32_t channels,
                       int value)
{
    nenc_image image;
    assert_int_equal(nenc_image_alloc(&image, width, height, channels),
                     NENC_OK);
    memset(image.data, value, image.height * image.stride);
    return image;
}

static void noise(nenc_image *image, uint32_t seed, int amount)
{
    for (size_t i = 0; i < image->height * image->stride; i++) {
        seed = seed * 1664525u + 1013904223u;
        const int v = image->data[i] + (int)((seed >> 16) % 256) * amount / 256;
        image->data[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static double psnr_of(const nenc_image *x, const nenc_image *y)
{
    double v = -1;
    assert_int_equal(nenc_psnr(&v, x, y, NULL), NENC_OK);
    return v;
}

static double ms_ssim_of(const nenc_image *x, const nenc_image *y)
{
    double v = -1;
    assert_int_equal(nenc_ms_ssim(&v, x, y, NULL), NENC_OK);
    return v;
}

static void psnr_of_known_differences(void **state)
{
    (void)state;
    nenc_image x = flat(7, 5, 3, 100), y = flat(7, 5, 3, 101);
    assert_true(isinf(psnr_of(&x, &x)));
    /* 20 log10 255 = 48.1308 dB for an error of 1 everywhere */
    assert_true(fabs(psnr_of(&x, &y) - 48.13080361) < 1e-6);
    /* one sample of 105 off by 100: mse 95.238 */
    memcpy(y.data, x.data, x.height * x.stride);
    y.data[52] = 200;
    assert_true(fabs(psnr_of(&x, &y) - 28.34269660) < 1e-6);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

static void psnr_sees_no_padding(void **state)
{
    (void)state;
    nenc_image x = flat(8, 4, 1, 50), y = flat(8, 4, 1, 50);
    for (size_t r = 0; r < 4; r++)
        y.data[r * y.stride + 7] = 255;
    x.width = y.width = 7;              /* the last column is padding now */
    assert_true(isinf(psnr_of(&x, &y)));
    nenc_image_free(&x);
    nenc_image_free(&y);
}

/* Without contrast, all that remains is the luminance term of the last scale.
 * 176 halves four times without a remainder. */
static void ms_ssim_of_flat_pictures(void **state)
{
    (void)state;
    nenc_image x = flat(176, 176, 3, 100), y = flat(176, 176, 3, 150);
    const double c1 = 2.55 * 2.55;
    const double luminance = (2 * 100.0 * 150.0 + c1)
                           / (100.0 * 100.0 + 150.0 * 150.0 + c1);
    assert_true(fabs(ms_ssim_of(&x, &x) - 1) < 1e-12);
    assert_true(fabs(ms_ssim_of(&x, &y) - pow(luminance, 0.1333)) < 1e-9);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

/* A picture and its negative: structure is inverted, its term is clipped. */
static void ms_ssim_clips_negative_terms(void **state)
{
    (void)state;
    nenc_image x = flat(200, 170, 1, 0), y = flat(200, 170, 1, 0);
    noise(&x, 1, 256);
    for (size_t i = 0; i < y.height * y.stride; i++)
        y.data[i] = (uint8_t)(255 - x.data[i]);
    assert_true(ms_ssim_of(&x, &y) == 0);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

static void ms_ssim_is_symmetric_and_falls_with_noise(void **state)
{
    (void)state;
    nenc_image x = flat(163, 181, 3, 0);
    noise(&x, 2, 200);
    double last = 1;
    for (int amount = 8; amount <= 64; amount *= 2) {
        nenc_image y = flat(163, 181, 3, 0);
        memcpy(y.data, x.data, x.height * x.stride);
        noise(&y, 3, amount);
        const double v = ms_ssim_of(&x, &y);
        assert_true(v < last && v > 0.5);
        assert_true(fabs(v - ms_ssim_of(&y, &x)) < 1e-12);
        last = v;
        nenc_image_free(&y);
    }
    nenc_image_free(&x);
}

static void refuses_what_it_cannot_compare(void **state)
{
    (void)state;
    double v;
    nenc_image x = flat(161, 161, 1, 9), y = flat(160, 161, 1, 9);
    assert_int_equal(nenc_psnr(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ms_ssim(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ms_ssim(&v, &y, &y, NULL), NENC_EUNSUPPORTED);
    assert_int_equal(nenc_ms_ssim(&v, &x, &x, NULL), NENC_OK);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psnr_of_known_differences),
        cmocka_unit_test(psnr_sees_no_padding),
        cmocka_unit_test(ms_ssim_of_flat_pictures),
        cmocka_unit_test(ms_ssim_clips_negative_terms),
        cmocka_unit_test(ms_ssim_is_symmetric_and_falls_with_noise),
        cmocka_unit_test(refuses_what_it_cannot_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
