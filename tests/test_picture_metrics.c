/* SPDX-License-Identifier: BSD-2-Clause */
/* PSNR, SSIM and MS-SSIM against values that a hand can compute; metrics.sh
 * compares them with another implementation on pictures. */
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
    assert_int_equal(nenc_image_alloc(&image, width, height, channels, 8),
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

static double psnr_yuv_of(const nenc_image *x, const nenc_image *y)
{
    double v = -1;
    assert_int_equal(nenc_psnr_yuv(&v, x, y, NULL), NENC_OK);
    return v;
}

static double ssim_of(const nenc_image *x, const nenc_image *y)
{
    double v = -1;
    assert_int_equal(nenc_ssim(&v, x, y, NULL), NENC_OK);
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

static void set_pixel(nenc_image *image, size_t i, int r, int g, int b)
{
    uint8_t *p = image->data + 3 * i;
    p[0] = (uint8_t)r;
    p[1] = (uint8_t)g;
    p[2] = (uint8_t)b;
}

static void psnr_yuv_of_known_differences(void **state)
{
    (void)state;
    nenc_image x = flat(1, 1, 3, 100), y = flat(1, 1, 3, 101);
    assert_true(isinf(psnr_yuv_of(&x, &x)));
    /* Y' alone is off, by 1: (6 * 48.1308 + 2 * 100) / 8 */
    assert_true(fabs(psnr_yuv_of(&x, &y) - 61.09810271) < 1e-6);
    /* blue alone is off, by 19: Y' by 1.3718, Cb by 17.6282 / 1.8556,
     * Cr by -1.3718 / 1.5748 */
    set_pixel(&y, 0, 100, 100, 119);
    assert_true(fabs(psnr_yuv_of(&x, &y)
                     - (6 * (48.13080361 - 20 * log10(1.3718))
                        + 48.13080361 - 20 * log10(17.6282 / 1.8556)
                        + 48.13080361 - 20 * log10(1.3718 / 1.5748)) / 8)
                < 1e-6);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

static void psnr_yuv_of_gray_is_the_psnr(void **state)
{
    (void)state;
    nenc_image x = flat(17, 3, 1, 7), y = flat(17, 3, 1, 7);
    assert_true(isinf(psnr_yuv_of(&x, &y)));
    noise(&y, 4, 90);
    assert_true(psnr_yuv_of(&x, &y) == psnr_of(&x, &y));
    nenc_image_free(&x);
    nenc_image_free(&y);
}

/* Without contrast, luminance alone is left. */
static void ssim_of_flat_pictures(void **state)
{
    (void)state;
    nenc_image x = flat(11, 11, 3, 100), y = flat(11, 11, 3, 150);
    const double c1 = 2.55 * 2.55;
    assert_true(fabs(ssim_of(&x, &x) - 1) < 1e-12);
    assert_true(fabs(ssim_of(&x, &y) - (2 * 100.0 * 150.0 + c1)
                     / (100.0 * 100.0 + 150.0 * 150.0 + c1)) < 1e-9);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

/* One window, black but for its middle: there g is 0.0707622, the square of
 * the middle tap 0.2660117.  x = 200 there, y = 100. */
static void ssim_of_one_window(void **state)
{
    (void)state;
    nenc_image x = flat(11, 11, 1, 0), y = flat(11, 11, 1, 0);
    double sum = 0;
    for (int i = -5; i <= 5; i++)
        sum += exp(-i * i / 4.5);
    const double tap = 1 / (sum * sum);
    x.data[5 * x.stride + 5] = 200;
    y.data[5 * y.stride + 5] = 100;
    const double c1 = 2.55 * 2.55, c2 = 7.65 * 7.65, var = tap * (1 - tap);
    const double expected = (2 * 2e4 * tap * tap + c1)
                          / (5e4 * tap * tap + c1)
                          * (2 * 2e4 * var + c2) / (5e4 * var + c2);
    assert_true(fabs(tap - 0.0707622) < 1e-6);
    assert_true(fabs(ssim_of(&x, &y) - expected) < 1e-12);
    nenc_image_free(&x);
    nenc_image_free(&y);
}

/* A part of a picture is the same whatever its width leaves for the loops
 * that take several columns, and whatever stands behind its rows. */
static void ssim_of_any_width(void **state)
{
    (void)state;
    nenc_image x = flat(31, 14, 1, 0), y = flat(31, 14, 1, 0);
    noise(&x, 5, 256);
    memcpy(y.data, x.data, y.height * y.stride);
    for (uint32_t w = 11; w < 31; w++) {
        x.width = y.width = w;
        for (size_t r = 0; r < y.height; r++)
            y.data[r * y.stride + w] ^= 255;
        assert_true(fabs(ssim_of(&x, &y) - 1) < 1e-12);
        for (size_t r = 0; r < y.height; r++)
            y.data[r * y.stride + w] ^= 255;
    }
    nenc_image_free(&x);
    nenc_image_free(&y);
}

static void both_are_each(void **state)
{
    (void)state;
    double ssim, ms_ssim;
    for (uint32_t w = 160; w <= 163; w++) {
        nenc_image x = flat(w, 165, 3, 0), y = flat(w, 165, 3, 0);
        noise(&x, 6, 200);
        memcpy(y.data, x.data, x.height * x.stride);
        noise(&y, 7, 50);
        assert_int_equal(nenc_ssim_both(&ssim, &ms_ssim, &x, &y, NULL),
                         NENC_OK);
        assert_true(ssim == ssim_of(&x, &y) && ssim < 1);
        assert_true(w == 160 ? isnan(ms_ssim)
                             : ms_ssim == ms_ssim_of(&x, &y));
        nenc_image_free(&x);
        nenc_image_free(&y);
    }
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
    double v, w;
    nenc_image x = flat(161, 161, 1, 9), y = flat(160, 161, 1, 9);
    assert_int_equal(nenc_psnr(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ms_ssim(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ms_ssim(&v, &y, &y, NULL), NENC_EUNSUPPORTED);
    assert_int_equal(nenc_ms_ssim(&v, &x, &x, NULL), NENC_OK);
    assert_int_equal(nenc_psnr_yuv(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ssim(&v, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ssim_both(&v, &w, &x, &y, NULL), NENC_EINVAL);
    assert_int_equal(nenc_ssim_both(&v, &w, &y, &x, NULL), NENC_EINVAL);
    x.width = 10;
    assert_int_equal(nenc_ssim(&v, &x, &x, NULL), NENC_EUNSUPPORTED);
    assert_int_equal(nenc_ssim_both(&v, &w, &x, &x, NULL), NENC_EUNSUPPORTED);
    x.width = x.height = 1;
    assert_int_equal(nenc_ssim(&v, &x, &x, NULL), NENC_EUNSUPPORTED);
    assert_true(isinf(psnr_of(&x, &x)) && isinf(psnr_yuv_of(&x, &x)));
    nenc_image_free(&x);
    nenc_image_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psnr_of_known_differences),
        cmocka_unit_test(psnr_sees_no_padding),
        cmocka_unit_test(psnr_yuv_of_known_differences),
        cmocka_unit_test(psnr_yuv_of_gray_is_the_psnr),
        cmocka_unit_test(ssim_of_flat_pictures),
        cmocka_unit_test(ssim_of_one_window),
        cmocka_unit_test(ssim_of_any_width),
        cmocka_unit_test(both_are_each),
        cmocka_unit_test(ms_ssim_of_flat_pictures),
        cmocka_unit_test(ms_ssim_clips_negative_terms),
        cmocka_unit_test(ms_ssim_is_symmetric_and_falls_with_noise),
        cmocka_unit_test(refuses_what_it_cannot_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
