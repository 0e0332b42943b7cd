/* SPDX-License-Identifier: BSD-2-Clause */
/* Refined latents: they cost less for what they do to the picture, decode as
 * others do, and are the same with any threads and kernels.
 * Not here: how much they gain on photographs (doc/DESIGN.md). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model.h"
#include "toy_model.h"
#include "unit_store.h"

static nenc_diag diag;

/* Toys that say what distortion is worth, of each entropy model. */
static const unsigned kinds[] = { 1, 2, 3, 4 };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static nenc_image picture(uint32_t w, uint32_t h, uint32_t channels,
                          uint32_t bits)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, channels, bits), NENC_OK);
    toy_picture(&im, 5);
    return im;
}

typedef struct coded {
    unit_store units;
    size_t size;
    double error;                 /* squared, of samples 0 to 255 */
} coded;

static double squared_error(const nenc_image *a, const nenc_image *b)
{
    double sum = 0;
    for (uint32_t y = 0; y < a->height; y++)
        for (size_t i = 0; i < (size_t)a->width * a->channels; i++) {
            const double e = (double)a->data[y * a->stride + i]
                           - b->data[y * b->stride + i];
            sum += e * e;
        }
    return sum;
}

static void encode(coded *c, unsigned kind, const nenc_image *im,
                   uint32_t unit, int effort, int threads)
{
    const nenc_model *m = toy_models[kind];
    nenc_pool *pool = NULL;
    nenc_codec_params params = unit_store_params(im, unit, unit, 60);
    memset(c, 0, sizeof *c);
    if (threads > 1)
        assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
    params.pool = pool;
    params.effort = effort;
    if (unit_store_encode(&c->units, m->codec, m->bound, &params, im, &diag)
        < 0)
        fail_msg("kind %u: %s", kind, diag.text);
    for (uint32_t i = 0; i < c->units.n; i++)
        c->size += c->units.units[i].size;
    nenc_pool_close(pool);
}

/* Decoded, the symbols are those that the encoder had. */
static void decode(coded *c, unsigned kind, const nenc_image *im,
                   uint32_t unit)
{
    const nenc_model *m = toy_models[kind];
    const nenc_codec_params params = unit_store_params(im, unit, unit, 60);
    nenc_image out;
    nenc_sha256 symbols;
    uint8_t a[32], b[32];
    nenc_sha256_init(&symbols);
    assert_int_equal(nenc_image_alloc(&out, im->width, im->height,
                                      im->channels, im->bits), NENC_OK);
    if (unit_store_decode(&c->units, m->codec, m->bound, &params, &out,
                          &symbols, &diag) < 0)
        fail_msg("kind %u: %s", kind, diag.text);
    nenc_sha256_final(&symbols, a);
    nenc_sha256_final(&c->units.symbols, b);
    assert_memory_equal(a, b, 32);
    if (im->bits == 8 && im->channels == 3)
        c->error = squared_error(im, &out);
    nenc_image_free(&out);
}

/* As training weighs them; see toy_model.c for the lambdas. */
static double cost(const coded *c, unsigned kind)
{
    const double low = kind % 2 ? 0.001 : 0.002, high = kind % 2 ? 0.02 : 0.05;
    const double lambda = 1.7 * low * pow(high / low, 0.6);
    return 8.0 * (double)c->size + lambda / 3 * c->error;
}

static void costs_fall(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        nenc_image im = picture(96, 70, 3, 8);
        double before = 0;
        for (int effort = 0; effort <= 6; effort += 3) {
            coded c;
            encode(&c, kinds[i], &im, 0, effort, 1);
            decode(&c, kinds[i], &im, 0);
            const double now = cost(&c, kinds[i]);
            if (effort && !(now < 0.995 * before))
                fail_msg("kind %u, effort %d: %g after %g", kinds[i], effort,
                         now, before);
            if (effort == 0)
                before = now;
            unit_store_free(&c.units);
        }
        nenc_image_free(&im);
    }
}

static void check_same(const coded *a, const coded *b)
{
    assert_int_equal(a->units.n, b->units.n);
    for (uint32_t i = 0; i < a->units.n; i++) {
        assert_int_equal(a->units.units[i].size, b->units.units[i].size);
        assert_memory_equal(a->units.units[i].data, b->units.units[i].data,
                            a->units.units[i].size);
    }
}

static void always_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        for (uint32_t unit = 0; unit <= 32; unit += 32) {
            nenc_image im = picture(75, 53, 3, 8);
            coded one, other;
            encode(&one, kinds[i], &im, unit, 3, 1);
            for (int threads = 2; threads <= 3; threads++) {
                encode(&other, kinds[i], &im, unit, 3, threads);
                check_same(&one, &other);
                unit_store_free(&other.units);
            }
            setenv("NENC_KERNELS", "portable", 1);
            encode(&other, kinds[i], &im, unit, 3, 1);
            unsetenv("NENC_KERNELS");
            check_same(&one, &other);
            unit_store_free(&other.units);
            decode(&one, kinds[i], &im, unit);
            unit_store_free(&one.units);
            nenc_image_free(&im);
        }
}

static void all_shapes(void **state)
{
    static const uint32_t dims[][4] = {
        { 1, 1, 3, 8 }, { 7, 33, 1, 8 }, { 33, 7, 2, 8 }, { 40, 40, 4, 16 },
        { 65, 20, 1, 16 }, { 16, 16, 3, 8 },
    };
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
            nenc_image im = picture(dims[d][0], dims[d][1], dims[d][2],
                                    dims[d][3]);
            coded c;
            encode(&c, kinds[i], &im, 0, 4, 1);
            decode(&c, kinds[i], &im, 0);
            unit_store_free(&c.units);
            nenc_image_free(&im);
        }
}

/* ------------------------------------------------------------------- hurry */

typedef struct listener {
    int answer, calls;
    double last;
} listener;

static int listen_to(void *user, double done)
{
    listener *l = user;
    assert_true(done >= l->last && done <= 1);
    l->last = done;
    l->calls++;
    return l->calls > 2 ? l->answer : 0;
}

static nenc_status encode_heard(listener *l, nenc_buffer *out)
{
    nenc_image im = picture(96, 70, 3, 8);
    nenc_encoder_config cfg;
    nenc_encoder_config_init(&cfg);
    cfg.effort = 9;
    cfg.threads = 1;
    cfg.progress = listen_to;
    cfg.progress_user = l;
    nenc_buffer_init(out, 1 << 24);
    const nenc_status st = nenc_encode_image(toy_models[3], &cfg, &im,
                                             toy_append, out, &diag);
    nenc_image_free(&im);
    return st;
}

/* A caller in a hurry gets a whole stream after fewer steps; one who stops gets
 * none. */
static void hurry_and_stop(void **state)
{
    listener calm = { 0, 0, 0 }, hasty = { NENC_HURRY, 0, 0 };
    listener gone = { 1, 0, 0 };
    nenc_buffer a, b, c;
    nenc_decoder *dec;
    nenc_image out;
    (void)state;
    assert_int_equal(encode_heard(&calm, &a), NENC_OK);
    assert_int_equal(encode_heard(&hasty, &b), NENC_OK);
    assert_true(hasty.calls < calm.calls / 4);
    assert_int_equal(encode_heard(&gone, &c), NENC_EIO);
    toy_input in = { b.data, b.size, 0, SIZE_MAX };
    assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                     NENC_OK);
    assert_int_equal(nenc_decoder_decode(dec, toy_models[3], &out, &diag),
                     NENC_OK);
    nenc_decoder_close(dec);
    nenc_image_free(&out);
    nenc_buffer_free(&a);
    nenc_buffer_free(&b);
    nenc_buffer_free(&c);
}

static void refusals(void **state)
{
    nenc_image im = picture(96, 70, 3, 8);
    nenc_encoder_config cfg;
    nenc_encoder *enc;
    nenc_buffer out;
    (void)state;
    nenc_encoder_config_init(&cfg);
    for (int effort = -2; effort <= 10; effort += 12) {
        cfg.effort = effort;
        assert_int_equal(nenc_encoder_open(&enc, toy_models[3], &cfg, &im,
                                           &diag), NENC_EINVAL);
    }
    cfg.effort = 1;               /* kind 0 does not say what is worth what */
    assert_int_equal(nenc_encoder_open(&enc, toy_models[0], &cfg, &im, &diag),
                     NENC_EUNSUPPORTED);
    assert_non_null(strstr(diag.text, "effort"));
    /* the least memory that coding takes does not do for effort */
    cfg.threads = 1;
    cfg.max_memory = 10000;
    nenc_status st;
    do {
        cfg.max_memory += cfg.max_memory / 16;
        cfg.effort = 0;
        nenc_buffer_init(&out, 1 << 24);
        st = nenc_encode_image(toy_models[3], &cfg, &im, toy_append, &out,
                               &diag);
        nenc_buffer_free(&out);
    } while (st == NENC_ELIMIT);
    assert_int_equal(st, NENC_OK);
    cfg.effort = 1;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_encode_image(toy_models[3], &cfg, &im, toy_append,
                                       &out, &diag), NENC_ELIMIT);
    nenc_buffer_free(&out);
    nenc_image_free(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_fall),
        cmocka_unit_test(always_the_same),
        cmocka_unit_test(all_shapes),
        cmocka_unit_test(hurry_and_stop),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, toy_models_open, toy_models_close);
}
