/* SPDX-License-Identifier: BSD-2-Clause */
/* An encoder that writes several streams; searching a target; verification;
 * colours of transparent pixels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nenc_target.h"
#include "toy_model.h"

static nenc_diag diag;

static nenc_image picture(uint32_t w, uint32_t h, uint32_t channels,
                          uint32_t bits)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, channels, bits), NENC_OK);
    toy_picture(&im, 5);
    return im;
}

static nenc_encoder *open_encoder(unsigned kind, const nenc_image *im,
                                  bool several)
{
    nenc_encoder_config cfg;
    nenc_encoder *enc;
    nenc_encoder_config_init(&cfg);
    cfg.threads = 1;
    cfg.several = several;
    cfg.max_memory = 1 << 25;
    assert_int_equal(nenc_encoder_open(&enc, toy_models[kind], &cfg, im,
                                       &diag), NENC_OK);
    return enc;
}

static check_stream decoding(unsigned kind, const nenc_buffer *bytes)
{
    return (check_stream){ bytes, toy_models[kind], 1, 1 << 25 };
}

static nenc_buffer encode_once(unsigned kind, const nenc_image *im, double q)
{
    nenc_encoder_config cfg;
    nenc_buffer out;
    nenc_encoder_config_init(&cfg);
    cfg.quality = q;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_encode_image(toy_models[kind], &cfg, im, toy_append,
                                       &out, &diag), NENC_OK);
    return out;
}

/* The second stream and the third are what a new encoder writes, and each
 * decoder comes to the encoder's hash. */
static void one_encoder_many_streams(void **state)
{
    static const double qualities[] = { 20, 70.4, 20, 0, 100 };
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        for (int several = 0; several < 2; several++) {
            nenc_image im = picture(40, 27, 4, 8);
            nenc_encoder *enc = open_encoder(k, &im, several);
            for (size_t i = 0; i < 5; i++) {
                target_result r;
                uint8_t hash[32];
                nenc_image back;
                nenc_buffer want = encode_once(k, &im, qualities[i]);
                assert_int_equal(target_encode(&r, qualities[i], enc, 1 << 24,
                                               &diag), NENC_OK);
                assert_int_equal(r.bytes.size, want.size);
                assert_memory_equal(r.bytes.data, want.data, want.size);
                const check_stream s = decoding(k, &r.bytes);
                assert_int_equal(check_decode(&back, hash, &s, &diag),
                                 NENC_OK);
                assert_memory_equal(hash, r.symbols, 32);
                nenc_image_free(&back);
                nenc_buffer_free(&want);
                target_result_free(&r);
            }
            nenc_encoder_close(enc);
            nenc_image_free(&im);
        }
}

static void bad_qualities(void **state)
{
    static const double bad[] = { -0.1, 100.01, NAN, INFINITY, -INFINITY };
    (void)state;
    nenc_image im = picture(8, 8, 3, 8);
    nenc_encoder *enc = open_encoder(0, &im, true);
    target_result r;
    for (size_t i = 0; i < 5; i++) {
        nenc_encoder_config cfg;
        nenc_encoder *none;
        nenc_encoder_config_init(&cfg);
        cfg.quality = bad[i];
        assert_int_equal(nenc_encoder_open(&none, toy_models[0], &cfg, &im,
                                           &diag), NENC_EINVAL);
        assert_null(none);
        assert_int_equal(target_encode(&r, bad[i], enc, 1 << 20, &diag),
                         NENC_EINVAL);
        target_result_free(&r);
    }
    /* no room for the stream: a failure, and the encoder's last */
    assert_int_equal(target_encode(&r, 50, enc, 16, &diag), NENC_ENOMEM);
    target_result_free(&r);
    assert_int_equal(target_encode(&r, 50, enc, 1 << 20, &diag), NENC_EINVAL);
    target_result_free(&r);
    nenc_encoder_close(enc);
    nenc_image_free(&im);
}

/* ----------------------------------------------------------------- targets */

/* With the toy's crude curves: what is reached is within bounds, what cannot
 * be is the end of the scale. */
static void targets_are_met(void **state)
{
    static const unsigned kind = 1;   /* its rate grows with the quality */
    (void)state;
    nenc_image im = picture(170, 165, 3, 8);
    nenc_buffer low = encode_once(kind, &im, 0);
    nenc_buffer high = encode_once(kind, &im, 100);
    nenc_encoder *enc = open_encoder(kind, &im, true);
    const check_stream decode = decoding(kind, NULL);
    assert_true(high.size > low.size + low.size / 5);
    for (int i = 1; i < 10; i++) {
        target_result r;
        const size_t size = low.size + (high.size - low.size) * (size_t)i / 10;
        const target t = { TARGET_SIZE, (double)size };
        assert_int_equal(target_search(&r, &t, enc, &im, &decode, &diag),
                         NENC_OK);
        assert_true(r.bytes.size <= size);
        assert_true(r.bytes.size >= size - size / 100);
        assert_true(r.reached);
        assert_true(r.encodes <= 6);
        assert_true(r.value == (double)r.bytes.size);
        nenc_buffer again = encode_once(kind, &im, r.quality);
        assert_int_equal(again.size, r.bytes.size);
        assert_memory_equal(again.data, r.bytes.data, again.size);
        nenc_buffer_free(&again);
        target_result_free(&r);
    }
    const target ends[] = {
        { TARGET_SIZE, (double)low.size - 1 },
        { TARGET_BPP, 8.0 * (double)high.size / (170 * 165) + 1 },
        { TARGET_MS_SSIM, 1 }, { TARGET_PSNR, 99 },
    };
    for (size_t i = 0; i < 4; i++) {
        target_result r;
        assert_int_equal(target_search(&r, &ends[i], enc, &im, &decode, &diag),
                         NENC_OK);
        assert_false(r.reached);
        assert_true(i > 1 || r.quality == (i ? 100 : 0));
        target_result_free(&r);
    }
    nenc_encoder_close(enc);
    nenc_buffer_free(&low);
    nenc_buffer_free(&high);
    nenc_image_free(&im);
}

static void small_pictures_have_no_ms_ssim(void **state)
{
    static const target t = { TARGET_MS_SSIM, 0.9 };
    (void)state;
    nenc_image im = picture(160, 170, 3, 8);
    nenc_encoder *enc = open_encoder(0, &im, true);
    const check_stream decode = decoding(0, NULL);
    target_result r;
    assert_int_equal(target_search(&r, &t, enc, &im, &decode, &diag),
                     NENC_EUNSUPPORTED);
    assert_non_null(strstr(diag.text, "161"));
    target_result_free(&r);
    nenc_encoder_close(enc);
    nenc_image_free(&im);
}

/* ------------------------------------------------------------ verification */

static void verification_finds_changes(void **state)
{
    static const char *const says[] = { NULL, "symbols", "transparency",
                                        "profiles", "dimensions" };
    (void)state;
    for (uint32_t bits = 8; bits <= 16; bits += 8)
        for (int change = 0; change < 5; change++) {
            nenc_image im = picture(21, 14, 4, bits);
            double psnr = 0;
            target_result r;
            assert_int_equal(nenc_blob_set(&im.xmp, "<x/>", 4), NENC_OK);
            nenc_encoder *enc = open_encoder(4, &im, false);
            assert_int_equal(target_encode(&r, 60, enc, 1 << 24, &diag),
                             NENC_OK);
            if (change == 1)
                r.symbols[31] ^= 1;
            if (change == 2)
                im.data[im.stride * im.height - 1] ^= 1;
            if (change == 3)
                im.xmp.data[1]++;
            if (change == 4)
                im.height--;
            const check_stream s = decoding(4, &r.bytes);
            const nenc_status st = check_verify(&psnr, &im, r.symbols, &s,
                                                &diag);
            assert_int_equal(st, change ? NENC_ECORRUPT_OUTPUT : NENC_OK);
            if (change)
                assert_non_null(strstr(diag.text, says[change]));
            else
                assert_true(psnr > 0);
            target_result_free(&r);
            nenc_encoder_close(enc);
            nenc_image_free(&im);
        }
}

/* -------------------------------------------------------------- invisible */

static void set_alpha(nenc_image *im, uint32_t x, uint32_t y, unsigned value)
{
    const size_t i = (size_t)x * im->channels + im->channels - 1;
    if (im->bits == 8)
        im->data[y * im->stride + i] = (uint8_t)value;
    else
        ((uint16_t *)(void *)(im->data + y * im->stride))[i]
            = (uint16_t)(value * 257);
}

/* A picture is seen through a hole; two that differ elsewhere only. */
static nenc_image seen_through_hole(uint32_t channels, uint32_t bits,
                                    uint32_t seed)
{
    nenc_image im = picture(50, 41, channels, bits);
    nenc_image noise = picture(50, 41, channels, bits);
    toy_picture(&noise, seed);
    const size_t pixel = channels * (bits / 8);
    for (uint32_t y = 0; y < im.height; y++)
        for (uint32_t x = 0; x < im.width; x++) {
            const bool seen = x > 10 && x < 30 && y > 7 && y < 33;
            if (!seen)
                memcpy(im.data + y * im.stride + x * pixel,
                       noise.data + y * noise.stride + x * pixel, pixel);
            set_alpha(&im, x, y, seen ? x == 11 ? 1 : 255 : 0);
        }
    nenc_image_free(&noise);
    return im;
}

static void what_is_not_seen_costs_nothing(void **state)
{
    (void)state;
    for (uint32_t c = 2; c <= 4; c += 2)
        for (uint32_t bits = 8; bits <= 16; bits += 8) {
            nenc_image a = seen_through_hole(c, bits, 77);
            nenc_image b = seen_through_hole(c, bits, 99);
            nenc_encoder_config cfg;
            nenc_buffer x = encode_once(3, &a, 60);
            nenc_buffer y = encode_once(3, &b, 60), z;
            assert_int_equal(x.size, y.size);
            assert_memory_equal(x.data, y.data, x.size);
            nenc_buffer_init(&z, 1 << 24);
            nenc_encoder_config_init(&cfg);
            cfg.quality = 60;
            cfg.keep_invisible = true;
            assert_int_equal(nenc_encode_image(toy_models[3], &cfg, &a,
                                               toy_append, &z, &diag),
                             NENC_OK);
            assert_true(z.size > x.size);
            nenc_buffer_free(&x);
            nenc_buffer_free(&y);
            nenc_buffer_free(&z);
            nenc_image_free(&a);
            nenc_image_free(&b);
        }
}

/* Sizes at which grids end in odd places, and nothing visible at all. */
static void filling_has_no_edges(void **state)
{
    (void)state;
    for (uint32_t w = 1; w < 36; w += 7)
        for (uint32_t h = 1; h < 36; h += 5)
            for (unsigned seen = 0; seen < 2; seen++) {
                nenc_image im = picture(w, h, 4, 8);
                for (uint32_t i = 0; i < w * h; i++)
                    set_alpha(&im, i % w, i / w, 0);
                if (seen)
                    set_alpha(&im, w - 1, h - 1, 9);
                const uint8_t *p = im.data + (h - 1) * im.stride + 4 * (w - 1);
                const uint8_t was[4] = { p[0], p[1], p[2], p[3] };
                nenc_buffer out = encode_once(0, &im, 50);
                assert_memory_equal(p, was, 4);
                nenc_buffer_free(&out);
                nenc_image_free(&im);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_encoder_many_streams),
        cmocka_unit_test(bad_qualities),
        cmocka_unit_test(targets_are_met),
        cmocka_unit_test(small_pictures_have_no_ms_ssim),
        cmocka_unit_test(verification_finds_changes),
        cmocka_unit_test(what_is_not_seen_costs_nothing),
        cmocka_unit_test(filling_has_no_edges),
    };
    return cmocka_run_group_tests(tests, toy_models_open, toy_models_close);
}
