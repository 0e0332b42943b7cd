/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures in units, transforms in parts: that neither shows, crops, units
 * that are lost.  Not here: streams (test_hyperprior.c). */
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

static nenc_model *models[TOY_KINDS];
static nenc_diag diag;

static int open_models(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        models[k] = toy_model_open(k);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        nenc_model_close(models[k]);
    return 0;
}

static nenc_image picture(uint32_t w, uint32_t h)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, 3, 8), NENC_OK);
    toy_picture(&im, w * 31 + h);
    return im;
}

static bool is_same(const nenc_image *a, const nenc_image *b)
{
    return a->width == b->width && a->height == b->height
        && !memcmp(a->data, b->data, a->height * a->stride);
}

/* Pictures in units of 32x16, which suits all of the toys, with transforms run
 * over parts of 16 pixels a side, or over all at once. */
static nenc_codec_params tiled(const nenc_image *im, bool in_parts,
                               nenc_pool *pool)
{
    nenc_codec_params params = unit_store_params(im, 32, 16, 35);
    params.region = in_parts ? 16 : 0;
    params.pool = pool;
    return params;
}

static void decode_units(unit_store *units, unsigned kind,
                         const nenc_codec_params *params, nenc_image *out,
                         uint8_t hash[32])
{
    nenc_sha256 symbols;
    nenc_sha256_init(&symbols);
    assert_int_equal(nenc_image_alloc(out, params->crop.width,
                                      params->crop.height, 3, 8), NENC_OK);
    assert_int_equal(unit_store_decode(units, models[kind]->codec,
                                       models[kind]->bound, params, out,
                                       &symbols, &diag), NENC_OK);
    nenc_sha256_final(&symbols, hash);
}

/* Neither parts nor threads change a bit: there can be no seams. */
static void parts_change_nothing(void **state)
{
    nenc_pool *pool;
    (void)state;
    assert_int_equal(nenc_pool_open(&pool, 3), NENC_OK);
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(75, 58);
        unit_store a = { .n = 0 }, b = { .n = 0 };
        nenc_codec_params whole = tiled(&im, false, NULL);
        nenc_codec_params parts = tiled(&im, true, pool);
        assert_int_equal(unit_store_encode(&a, models[k]->codec,
                                           models[k]->bound, &whole, &im,
                                           &diag), NENC_OK);
        assert_int_equal(unit_store_encode(&b, models[k]->codec,
                                           models[k]->bound, &parts, &im,
                                           &diag), NENC_OK);
        assert_int_equal(a.n, 12);
        assert_int_equal(b.n, 12);
        for (uint32_t i = 0; i < a.n; i++) {
            assert_int_equal(a.units[i].size, b.units[i].size);
            assert_memory_equal(a.units[i].data, b.units[i].data,
                                a.units[i].size);
        }
        nenc_image x, y;
        uint8_t hashes[2][32];
        decode_units(&a, k, &whole, &x, hashes[0]);
        decode_units(&a, k, &parts, &y, hashes[1]);
        assert_true(is_same(&x, &y));
        assert_memory_equal(hashes[0], hashes[1], 32);
        nenc_image_free(&x);
        nenc_image_free(&y);
        unit_store_free(&a);
        unit_store_free(&b);
        nenc_image_free(&im);
    }
    nenc_pool_close(pool);
}

static void crops_are_parts(void **state)
{
    static const nenc_rect crops[] = {
        { 0, 0, 1, 1 }, { 74, 57, 1, 1 }, { 33, 17, 30, 20 },
        { 0, 40, 75, 9 }, { 70, 0, 5, 58 },
    };
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(75, 58), all, part;
        unit_store units = { .n = 0 };
        nenc_codec_params params = tiled(&im, false, NULL);
        uint8_t hash[32];
        assert_int_equal(unit_store_encode(&units, models[k]->codec,
                                           models[k]->bound, &params, &im,
                                           &diag), NENC_OK);
        decode_units(&units, k, &params, &all, hash);
        for (size_t i = 0; i < sizeof crops / sizeof crops[0]; i++) {
            const nenc_rect *c = &crops[i];
            uint32_t asked = 0;
            params.crop = *c;
            params.region = i % 2 ? 16 : 0;
            memset(units.asked, 0, sizeof units.asked);
            decode_units(&units, k, &params, &part, hash);
            for (uint32_t y = 0; y < c->height; y++)
                assert_memory_equal(part.data + y * part.stride,
                                    all.data + (c->y + y) * all.stride
                                    + 3 * c->x, 3 * c->width);
            for (uint32_t n = 0; n < units.n; n++)
                asked += units.asked[n];
            if (i == 1)
                assert_true(asked < units.n);   /* only what it needs */
            nenc_image_free(&part);
        }
        nenc_image_free(&all);
        unit_store_free(&units);
        nenc_image_free(&im);
    }
}

/* A unit that is lost spoils its surroundings, not the rest. */
static void lost_units_are_made_up(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(32 * 7, 48), all, hurt;
        unit_store units = { .n = 0 };
        nenc_codec_params params = tiled(&im, false, NULL);
        uint8_t hash[32];
        params.lenient = true;
        assert_int_equal(unit_store_encode(&units, models[k]->codec,
                                           models[k]->bound, &params, &im,
                                           &diag), NENC_OK);
        decode_units(&units, k, &params, &all, hash);
        units.lost[0] = true;               /* did not arrive */
        units.units[7].size = 1;            /* arrived damaged */
        decode_units(&units, k, &params, &hurt, hash);
        assert_false(is_same(&all, &hurt));
        for (uint32_t y = 0; y < 48; y++)   /* the right third is as it was */
            assert_memory_equal(hurt.data + y * hurt.stride + 3 * 32 * 5,
                                all.data + y * all.stride + 3 * 32 * 5,
                                3 * 32 * 2);
        params.lenient = false;
        units.lost[0] = false;
        nenc_sha256 symbols;
        nenc_sha256_init(&symbols);
        assert_true(unit_store_decode(&units, models[k]->codec,
                                      models[k]->bound, &params, &hurt,
                                      &symbols, &diag) < 0);
        nenc_image_free(&all);
        nenc_image_free(&hurt);
        unit_store_free(&units);
        nenc_image_free(&im);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_change_nothing),
        cmocka_unit_test(crops_are_parts),
        cmocka_unit_test(lost_units_are_made_up),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
