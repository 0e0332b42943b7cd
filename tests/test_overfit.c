/* SPDX-License-Identifier: BSD-2-Clause */
/* The overfitted codec as users meet it: streams of one unit and of several,
 * crops, previews, losses, depths, early ends.  Not here: its parts
 * (test_overfit_*.c), its streams on other machines (exactness.sh). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "overfit_start.h"
#include "toy_model.h"
#include "unit_stream.h"

static nenc_model *model;

static int set_up(void **state)
{
    nenc_diag diag;
    (void)state;
    return nenc_model_builtin(&model, "overfit", &diag) < 0 ? -1 : 0;
}

static int clean_up(void **state)
{
    (void)state;
    nenc_model_close(model);
    return 0;
}

/* Slopes and an edge. */
static nenc_image make(uint32_t w, uint32_t h, uint32_t channels,
                       uint32_t bits)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, channels, bits), NENC_OK);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t i = 0; i < w * channels; i++) {
            const uint32_t x = i / channels, c = i % channels;
            const uint32_t v = 20 + (3 * x + 2 * y + 40 * c) % 150
                             + (x > y ? 60 : 0);
            uint8_t *row = im.data + y * im.stride;
            const uint16_t wide = (uint16_t)(v * 257);
            if (bits > 8)
                memcpy(row + 2 * i, &wide, 2);
            else
                row[i] = (uint8_t)v;
        }
    return im;
}

/* A hundred iterations, more or less. */
static int enough(void *user, double done)
{
    (void)user;
    return done > 0.4 ? NENC_HURRY : 0;
}

static nenc_encoder_config quick(int threads)
{
    nenc_encoder_config cfg;
    nenc_encoder_config_init(&cfg);
    cfg.effort = 1;
    cfg.progress = enough;
    cfg.threads = threads;
    cfg.quality = 70;
    return cfg;
}

static nenc_buffer encode(const nenc_image *im, const nenc_encoder_config *cfg)
{
    nenc_buffer out;
    nenc_diag diag;
    nenc_buffer_init(&out, 1 << 24);
    if (nenc_encode_image(model, cfg, im, toy_append, &out, &diag) < 0)
        fail_msg("%s", diag.text);
    return out;
}

static nenc_decoder_config plain(void)
{
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    cfg.threads = 1;
    return cfg;
}

static nenc_image decode(const nenc_buffer *in, const nenc_decoder_config *cfg,
                         uint32_t *lost)
{
    toy_input supply = { in->data, in->size, 0, SIZE_MAX };
    nenc_decoder *dec;
    nenc_image im;
    nenc_diag diag;
    if (nenc_decoder_open(&dec, cfg, toy_supply, &supply, &diag) < 0
        || nenc_decoder_decode(dec, model, &im, &diag) < 0)
        fail_msg("%s", diag.text);
    if (lost)
        *lost = nenc_decoder_lost(dec);
    nenc_decoder_close(dec);
    return im;
}

static double sample(const nenc_image *im, uint32_t x, uint32_t y, uint32_t c)
{
    const uint8_t *row = im->data + y * im->stride;
    uint16_t wide;
    if (im->bits == 8)
        return row[x * im->channels + c] / 255.0;
    memcpy(&wide, row + 2 * (x * im->channels + c), 2);
    return wide / 65535.0;
}

static double psnr(const nenc_image *a, const nenc_image *b)
{
    double sum = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    for (uint32_t y = 0; y < a->height; y++)
        for (uint32_t x = 0; x < a->width; x++)
            for (uint32_t c = 0; c < a->channels; c++) {
                const double d = sample(a, x, y, c) - sample(b, x, y, c);
                sum += d * d;
            }
    return -10 * log10(sum / a->width / a->height / a->channels + 1e-12);
}

static void all_kinds_come_back(void **state)
{
    static const struct { uint32_t w, h, channels, bits; } kinds[] = {
        { 90, 70, 3, 8 }, { 61, 83, 1, 8 }, { 48, 40, 4, 8 },
        { 50, 33, 2, 16 }, { 64, 31, 3, 16 }, { 1, 77, 3, 8 },
        { 131, 2, 1, 16 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        nenc_image im = make(kinds[i].w, kinds[i].h, kinds[i].channels,
                             kinds[i].bits);
        const nenc_encoder_config cfg = quick(1);
        const nenc_decoder_config how = plain();
        nenc_buffer b = encode(&im, &cfg);
        nenc_image back = decode(&b, &how, NULL);
        assert_int_equal(back.bits, im.bits);
        if (psnr(&im, &back) < 25)
            fail_msg("kind %zu: %g dB", i, psnr(&im, &back));
        nenc_image_free(&back);
        nenc_buffer_free(&b);
        nenc_image_free(&im);
    }
}

/* The same bytes, and the same samples. */
static void threads_change_nothing(void **state)
{
    nenc_image im = make(150, 90, 3, 8);
    (void)state;
    nenc_buffer one, three;
    nenc_encoder_config cfg = quick(1);
    one = encode(&im, &cfg);
    cfg.threads = 3;
    three = encode(&im, &cfg);
    assert_int_equal(one.size, three.size);
    assert_memory_equal(one.data, three.data, one.size);
    nenc_decoder_config how = plain();
    nenc_image a = decode(&one, &how, NULL);
    how.threads = 3;
    nenc_image b = decode(&one, &how, NULL);
    assert_memory_equal(a.data, b.data, a.height * a.stride);
    nenc_image_free(&a);
    nenc_image_free(&b);
    nenc_image_free(&im);
    nenc_buffer_free(&one);
    nenc_buffer_free(&three);
}

static void better_qualities_are_better(void **state)
{
    nenc_image im = make(100, 100, 3, 8);
    const nenc_decoder_config how = plain();
    double before = 0;
    size_t size = 0;
    (void)state;
    for (int q = 0; q <= 100; q += 50) {
        nenc_encoder_config cfg = quick(1);
        cfg.quality = q;
        nenc_buffer b = encode(&im, &cfg);
        nenc_image back = decode(&b, &how, NULL);
        assert_true(psnr(&im, &back) > before && b.size > size);
        before = psnr(&im, &back);
        size = b.size;
        nenc_image_free(&back);
        nenc_buffer_free(&b);
    }
    nenc_image_free(&im);
}

enum { W = 75, H = 53, UNIT_W = 32, UNIT_H = 24 };

static void crops_are_parts(void **state)
{
    nenc_image im = make(W, H, 3, 8);
    nenc_decoder_config how = plain();
    (void)state;
    nenc_buffer b = unit_stream(model, &im, UNIT_W, UNIT_H, NULL);
    nenc_image whole = decode(&b, &how, NULL);
    how.crop_x = 29;
    how.crop_y = 20;
    how.crop_width = 30;
    how.crop_height = 25;
    nenc_image part = decode(&b, &how, NULL);
    for (uint32_t y = 0; y < part.height; y++)
        assert_memory_equal(part.data + y * part.stride,
                            whole.data + (y + 20) * whole.stride + 29 * 3,
                            30 * 3);
    assert_true(psnr(&im, &whole) > 25);
    nenc_image_free(&part);
    nenc_image_free(&whole);
    nenc_buffer_free(&b);
    nenc_image_free(&im);
}

static void previews_are_means(void **state)
{
    nenc_image im = make(W, H, 3, 8);
    nenc_decoder_config how = plain();
    (void)state;
    nenc_buffer b = unit_stream(model, &im, UNIT_W, UNIT_H, NULL);
    nenc_image whole = decode(&b, &how, NULL);
    how.preview = true;
    nenc_image small = decode(&b, &how, NULL);
    assert_int_equal(small.width, (W + 7) / 8);
    assert_int_equal(small.height, (H + 7) / 8);
    for (uint32_t y = 0; y < small.height; y++)
        for (uint32_t x = 0; x < small.width; x++) {
            double sum = 0, n = 0;
            for (uint32_t j = 8 * y; j < 8 * y + 8 && j < H; j++)
                for (uint32_t i = 8 * x; i < 8 * x + 8 && i < W; i++, n++)
                    sum += sample(&whole, i, j, 1);
            assert_true(fabs(sum / n - sample(&small, x, y, 1)) < 1.01 / 255);
        }
    nenc_image_free(&small);
    nenc_image_free(&whole);
    nenc_buffer_free(&b);
    nenc_image_free(&im);
}

/* Gray where a unit was; all else as it is. */
static void lost_units_are_made_up_for(void **state)
{
    size_t starts[UNIT_STREAM_MAX + 1];
    nenc_image im = make(W, H, 3, 8);
    nenc_decoder_config how = plain();
    uint32_t lost;
    (void)state;
    nenc_buffer b = unit_stream(model, &im, UNIT_W, UNIT_H, starts);
    nenc_image whole = decode(&b, &how, NULL);
    for (size_t i = starts[4] + 12; i < starts[5] - 8; i++)
        b.data[i] ^= 0x55;                       /* the middle one */
    how.lenient = true;
    nenc_image rest = decode(&b, &how, &lost);
    assert_int_equal(lost, 1);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W; x++) {
            const bool hit = x / UNIT_W == 1 && y / UNIT_H == 1;
            const uint8_t *p = rest.data + y * rest.stride + 3 * x;
            assert_int_equal(*p, hit ? 128 : whole.data[y * whole.stride
                                                         + 3 * x]);
        }
    nenc_image_free(&rest);
    nenc_image_free(&whole);
    nenc_buffer_free(&b);
    nenc_image_free(&im);
}

static int hurry(void *user, double done)
{
    int *calls = user;
    assert_true(done >= 0 && done <= 1);
    return ++*calls >= 30 ? NENC_HURRY : 0;
}

static int stop(void *user, double done)
{
    (void)user;
    (void)done;
    return 1;
}

static void an_early_end_leaves_a_picture(void **state)
{
    nenc_image im = make(80, 60, 3, 8);
    nenc_encoder_config cfg = quick(1);
    const nenc_decoder_config how = plain();
    int calls = 0;
    (void)state;
    cfg.progress = hurry;
    cfg.progress_user = &calls;
    nenc_buffer b = encode(&im, &cfg);
    assert_true(calls < 40);
    nenc_image back = decode(&b, &how, NULL);
    assert_true(psnr(&im, &back) > 15);
    nenc_image_free(&back);
    nenc_buffer_free(&b);
    nenc_buffer_init(&b, 1 << 20);
    nenc_diag diag;
    cfg.progress = stop;
    assert_int_equal(nenc_encode_image(model, &cfg, &im, toy_append, &b,
                                       &diag), NENC_EIO);
    nenc_buffer_free(&b);
    nenc_image_free(&im);
}

static void memory_is_bounded(void **state)
{
    nenc_image im = make(200, 200, 3, 8);
    nenc_encoder_config cfg = quick(1);
    nenc_buffer b;
    nenc_diag diag;
    (void)state;
    nenc_buffer_init(&b, 1 << 20);
    cfg.max_memory = 1 << 20;
    assert_int_equal(nenc_encode_image(model, &cfg, &im, toy_append, &b,
                                       &diag), NENC_ELIMIT);
    nenc_buffer_free(&b);
    nenc_image_free(&im);
}

/* Every parameter of every shape has its number, but vhop's, which has none. */
static void starts_are_whole(void **state)
{
    static const uint32_t sides[] = { 1, 8, 20, 60, 500, 1200, 2048 };
    float params[4096];
    (void)state;
    for (int size = 0; size < OVERFIT_SIZES; size++)
        for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
            for (int channels = 1; channels <= 3; channels += 2) {
                overfit_shape s;
                overfit_shape_init(&s, size, sides[i], sides[i], channels);
                assert_in_range(s.n_params, 1, 4096);
                for (size_t k = 0; k < s.n_params; k++)
                    params[k] = NAN;
                const bool has = overfit_start(&s, params);
                assert_int_equal(has, size < OVERFIT_SIZES - 1);
                for (size_t k = 0; k < s.n_params; k++)
                    assert_int_equal(isfinite(params[k]) != 0, has);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_come_back),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(better_qualities_are_better),
        cmocka_unit_test(crops_are_parts),
        cmocka_unit_test(previews_are_means),
        cmocka_unit_test(lost_units_are_made_up_for),
        cmocka_unit_test(an_early_end_leaves_a_picture),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(starts_are_whole),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
