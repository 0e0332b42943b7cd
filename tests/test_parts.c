/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures in units, transforms in parts: that neither shows, crops, units
 * that are lost; streams of many units, of 16 bits, with profiles.
 * Not here: hostile streams (test_hyperprior.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container.h"
#include "model.h"
#include "toy_model.h"
#include "unit_store.h"
#include "unit_stream.h"

static nenc_diag diag;

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
    assert_int_equal(unit_store_decode(units, toy_models[kind]->codec,
                                       toy_models[kind]->bound, params, out,
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
        assert_int_equal(unit_store_encode(&a, toy_models[k]->codec,
                                           toy_models[k]->bound, &whole, &im,
                                           &diag), NENC_OK);
        assert_int_equal(unit_store_encode(&b, toy_models[k]->codec,
                                           toy_models[k]->bound, &parts, &im,
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

static nenc_model *shipped_model(void)
{
    const char *folder = getenv("NENC_MODEL_PATH");
    char path[4096];
    nenc_model *m;
    snprintf(path, sizeof path, "%s/hyperprior.safetensors",
             folder ? folder : "models");
    assert_int_equal(nenc_model_open(&m, path, &diag), NENC_OK);
    return m;
}

/* The same of the shipped model, whose margins are its own. */
static void parts_of_the_shipped_model(void **state)
{
    (void)state;
    nenc_model *m = shipped_model();
    nenc_image im = picture(300, 220), x = picture(300, 220),
               y = picture(300, 220);
    unit_store a = { .n = 0 }, b = { .n = 0 };
    nenc_codec_params params = unit_store_params(&im, 128, 96, 60);
    nenc_sha256 symbols;
    nenc_sha256_init(&symbols);
    params.max_memory = (size_t)1 << 30;
    assert_int_equal(unit_store_encode(&a, m->codec, m->bound, &params, &im,
                                       &diag), NENC_OK);
    assert_int_equal(unit_store_decode(&a, m->codec, m->bound, &params, &x,
                                       &symbols, &diag), NENC_OK);
    params.region = 64;
    assert_int_equal(unit_store_encode(&b, m->codec, m->bound, &params, &im,
                                       &diag), NENC_OK);
    assert_int_equal(unit_store_decode(&a, m->codec, m->bound, &params, &y,
                                       &symbols, &diag), NENC_OK);
    assert_int_equal(a.n, 9);
    for (uint32_t i = 0; i < a.n; i++) {
        assert_int_equal(a.units[i].size, b.units[i].size);
        assert_memory_equal(a.units[i].data, b.units[i].data,
                            a.units[i].size);
    }
    assert_true(is_same(&x, &y));
    unit_store_free(&a);
    unit_store_free(&b);
    nenc_image_free(&im);
    nenc_image_free(&x);
    nenc_image_free(&y);
    nenc_model_close(m);
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
        assert_int_equal(unit_store_encode(&units, toy_models[k]->codec,
                                           toy_models[k]->bound, &params, &im,
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
        assert_int_equal(unit_store_encode(&units, toy_models[k]->codec,
                                           toy_models[k]->bound, &params, &im,
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
        assert_true(unit_store_decode(&units, toy_models[k]->codec,
                                      toy_models[k]->bound, &params, &hurt,
                                      &symbols, &diag) < 0);
        nenc_image_free(&all);
        nenc_image_free(&hurt);
        unit_store_free(&units);
        nenc_image_free(&im);
    }
}

/* ----------------------------------------------------------------- streams */

/* Twelve units, each in a chunk; where each begins. */
static nenc_buffer stream_of(unsigned kind, const nenc_image *im,
                             size_t starts[UNIT_STREAM_MAX + 1])
{
    return unit_stream(toy_models[kind], im, 32, 16, starts);
}

static nenc_status read_stream(nenc_image *out, unsigned kind,
                               const uint8_t *data, size_t size,
                               const nenc_decoder_config *cfg, uint32_t *lost)
{
    toy_input in = { data, size, 0, SIZE_MAX };
    nenc_decoder *dec;
    nenc_status st = nenc_decoder_open(&dec, cfg, toy_supply, &in, &diag);
    memset(out, 0, sizeof *out);
    if (st >= 0)
        st = nenc_decoder_decode(dec, toy_models[kind], out, &diag);
    if (st >= 0 && lost)
        *lost = nenc_decoder_lost(dec);
    nenc_decoder_close(dec);
    return st;
}

/* Mean of a channel over the 8x8 pixels, or what there is, from (x, y) on. */
static double mean_of(const nenc_image *im, size_t x, size_t y, size_t k)
{
    double sum = 0, n = 0;
    for (size_t i = y; i < im->height && i < y + 8; i++)
        for (size_t j = x; j < im->width && j < x + 8; j++, n++)
            sum += im->data[i * im->stride + j * im->channels + k];
    return sum / n;
}

/* An eighth of the size, in colours, close to means. */
static void previews(void **state)
{
    (void)state;
    nenc_model *m = shipped_model();
    for (uint32_t channels = 1; channels <= 4; channels++) {
        nenc_image im, back;
        nenc_encoder_config enc;
        nenc_decoder_config dec;
        nenc_buffer out;
        assert_int_equal(nenc_image_alloc(&im, 301, 217, channels, 8), 0);
        for (size_t y = 0; y < 217; y++)
            for (size_t i = 0; i < im.stride; i++)
                im.data[y * im.stride + i] = (uint8_t)(40 + (y * i / channels)
                                                       % 4096 / 24);
        nenc_encoder_config_init(&enc);
        nenc_decoder_config_init(&dec);
        enc.quality = 80;
        enc.keep_invisible = true;
        dec.preview = true;
        nenc_buffer_init(&out, 1 << 24);
        assert_int_equal(nenc_encode_image(m, &enc, &im, toy_append, &out,
                                           &diag), NENC_OK);
        toy_input in = { out.data, out.size, 0, SIZE_MAX };
        nenc_decoder *d;
        assert_int_equal(nenc_decoder_open(&d, &dec, toy_supply, &in, &diag),
                         NENC_OK);
        assert_int_equal(nenc_decoder_decode(d, m, &back, &diag), NENC_OK);
        nenc_decoder_close(d);
        assert_int_equal(back.width, 38);
        assert_int_equal(back.height, 28);
        assert_int_equal(back.channels, channels < 3 ? 1 : 3);
        double error = 0;
        for (size_t y = 0; y < 28; y++)
            for (size_t i = 0; i < back.stride; i++) {
                const double e = back.data[y * back.stride + i]
                    - mean_of(&im, i / back.channels * 8, y * 8,
                              i % back.channels);
                error += e * e;
            }
        assert_true(error < 28 * (double)back.stride * 5 * 5);
        nenc_image_free(&im);
        nenc_image_free(&back);
        nenc_buffer_free(&out);
    }
    nenc_model_close(m);
}

/* In parts, by threads and of units: the same samples. */
static void previews_in_parts(void **state)
{
    enum { KIND = 5 };
    nenc_pool *pool;
    (void)state;
    assert_int_equal(nenc_pool_open(&pool, 3), NENC_OK);
    nenc_image im = picture(103, 61), back[2];
    unit_store units = { .n = 0 };
    nenc_codec_params params = tiled(&im, false, NULL);
    assert_int_equal(unit_store_encode(&units, toy_models[KIND]->codec,
                                       toy_models[KIND]->bound, &params, &im,
                                       &diag), NENC_OK);
    for (int i = 0; i < 2; i++) {
        uint8_t hash[32];
        params = tiled(&im, i, i ? pool : NULL);
        params.preview = true;
        params.crop = (nenc_rect){ 0, 0, 13, 8 };
        decode_units(&units, KIND, &params, &back[i], hash);
    }
    assert_true(is_same(&back[0], &back[1]));
    assert_true(back[0].data[0] || back[0].data[50] || back[0].data[300]);
    nenc_image_free(&back[0]);
    nenc_image_free(&back[1]);
    nenc_image_free(&im);
    unit_store_free(&units);
    nenc_pool_close(pool);
}

static void previews_are_refused(void **state)
{
    (void)state;
    nenc_image im = picture(20, 10), back;
    nenc_decoder_config dec;
    nenc_buffer s;
    nenc_decoder_config_init(&dec);
    nenc_buffer_init(&s, 1 << 24);
    assert_int_equal(nenc_encode_image(toy_models[0], NULL, &im, toy_append,
                                       &s, &diag), NENC_OK);
    dec.preview = true;
    assert_int_equal(read_stream(&back, 0, s.data, s.size, &dec, NULL),
                     NENC_EUNSUPPORTED);
    dec.crop_width = dec.crop_height = 1;
    assert_int_equal(read_stream(&back, 0, s.data, s.size, &dec, NULL),
                     NENC_EINVAL);
    nenc_buffer_free(&s);
    nenc_image_free(&im);
}

/* Damage costs units if one is lenient, and all if not. */
static void lenient_streams(void **state)
{
    nenc_decoder_config strict, lenient;
    nenc_decoder_config_init(&strict);
    nenc_decoder_config_init(&lenient);
    lenient.lenient = true;
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        size_t starts[UNIT_STREAM_MAX + 1];
        nenc_image im = picture(75, 58), whole, hurt;
        nenc_buffer s = stream_of(k, &im, starts);
        uint32_t lost = 9;
        assert_int_equal(read_stream(&whole, k, s.data, s.size, &lenient,
                                     &lost), NENC_OK);
        assert_int_equal(lost, 0);
        s.data[starts[5] + 9] ^= 1;             /* a checksum is wrong */
        assert_true(read_stream(&hurt, k, s.data, s.size, &strict, NULL) < 0);
        assert_int_equal(read_stream(&hurt, k, s.data, s.size, &lenient,
                                     &lost), NENC_OK);
        assert_int_equal(lost, 1);
        nenc_image_free(&hurt);
        s.data[starts[9]] = 0;                  /* no chunk begins there */
        assert_int_equal(read_stream(&hurt, k, s.data, s.size, &lenient,
                                     &lost), NENC_OK);
        assert_int_equal(lost, 4);
        nenc_image_free(&hurt);
        assert_int_equal(read_stream(&hurt, k, s.data, starts[2] + 3, &lenient,
                                     &lost), NENC_OK);
        assert_int_equal(lost, 10);             /* cut short */
        nenc_image_free(&hurt);
        assert_int_equal(read_stream(&hurt, k, s.data, starts[0] + 3, &lenient,
                                     &lost), NENC_ETRUNCATED);
        nenc_image_free(&whole);
        nenc_buffer_free(&s);
        nenc_image_free(&im);
    }
}

static void crops_of_streams(void **state)
{
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        size_t starts[UNIT_STREAM_MAX + 1];
        nenc_image im = picture(75, 58), whole, part;
        nenc_buffer s = stream_of(k, &im, starts);
        cfg.crop_x = cfg.crop_y = cfg.crop_width = cfg.crop_height = 0;
        assert_int_equal(read_stream(&whole, k, s.data, s.size, &cfg, NULL),
                         NENC_OK);
        cfg.crop_x = 40;
        cfg.crop_y = 3;
        cfg.crop_width = 35;
        cfg.crop_height = 20;
        assert_int_equal(read_stream(&part, k, s.data, s.size, &cfg, NULL),
                         NENC_OK);
        assert_int_equal(part.width, 35);
        for (uint32_t y = 0; y < 20; y++)
            assert_memory_equal(part.data + y * part.stride,
                                whole.data + (3 + y) * whole.stride + 3 * 40,
                                3 * 35);
        nenc_image_free(&part);
        cfg.crop_width = 36;
        assert_int_equal(read_stream(&part, k, s.data, s.size, &cfg, NULL),
                         NENC_EINVAL);
        nenc_image_free(&whole);
        nenc_buffer_free(&s);
        nenc_image_free(&im);
    }
}

static nenc_buffer encode(unsigned kind, const nenc_image *im)
{
    nenc_encoder_config cfg;
    nenc_buffer out;
    nenc_encoder_config_init(&cfg);
    cfg.keep_invisible = true;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_encode_image(toy_models[kind], &cfg, im, toy_append,
                                       &out, &diag), NENC_OK);
    return out;
}

/* 16-bit samples that are 257 times 8-bit ones are the same picture; what
 * comes back is the same network's output, finer. */
static void sixteen_bits(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
            nenc_image im = { 0 }, deep = { 0 }, a, b;
            assert_int_equal(nenc_image_alloc(&im, 37, 21, channels, 8), 0);
            assert_int_equal(nenc_image_alloc(&deep, 37, 21, channels, 16), 0);
            toy_picture(&im, 5);
            uint16_t *d = (uint16_t *)(void *)deep.data;
            for (size_t i = 0; i < 37 * 21 * channels; i++)
                d[i] = (uint16_t)(im.data[i] * 257);
            nenc_buffer s = encode(k, &im), t = encode(k, &deep);
            assert_int_equal(read_stream(&a, k, s.data, s.size, NULL, NULL), 0);
            assert_int_equal(read_stream(&b, k, t.data, t.size, NULL, NULL), 0);
            assert_int_equal(b.bits, 16);
            d = (uint16_t *)(void *)b.data;
            for (size_t i = 0; i < 37 * 21 * channels; i++)
                assert_true(abs((int)(d[i] / 257.0 + 0.5) - a.data[i]) <= 1);
            nenc_buffer_free(&s);
            nenc_buffer_free(&t);
            nenc_image_free(&im);
            nenc_image_free(&deep);
            nenc_image_free(&a);
            nenc_image_free(&b);
        }
}

/* Transparency comes back as it was, and changes no colour. */
static void transparency(void **state)
{
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    (void)state;
    for (uint32_t channels = 2; channels <= 4; channels += 2)
        for (uint32_t bits = 8; bits <= 16; bits += 8) {
            nenc_image im = { 0 }, plain = { 0 }, a, b;
            const size_t d = bits / 8, c = channels;
            assert_int_equal(nenc_image_alloc(&im, 45, 30, channels, bits), 0);
            assert_int_equal(nenc_image_alloc(&plain, 45, 30, channels - 1,
                                              bits), 0);
            for (size_t i = 0; i < 30 * im.stride; i++)
                im.data[i] = (uint8_t)(i * i / 97);
            for (size_t i = 0; i < 45 * 30; i++)
                memcpy(plain.data + i * (c - 1) * d, im.data + i * c * d,
                       (c - 1) * d);
            nenc_buffer s = encode(3, &im), t = encode(3, &plain);
            assert_true(s.size > t.size);
            assert_int_equal(read_stream(&a, 3, s.data, s.size, NULL, NULL), 0);
            assert_int_equal(read_stream(&b, 3, t.data, t.size, NULL, NULL), 0);
            assert_int_equal(a.channels, channels);
            for (size_t i = 0; i < 45 * 30; i++) {
                assert_memory_equal(a.data + i * c * d,
                                    b.data + i * (c - 1) * d, (c - 1) * d);
                assert_memory_equal(a.data + i * c * d + (c - 1) * d,
                                    im.data + i * c * d + (c - 1) * d, d);
            }
            nenc_image_free(&b);
            cfg.crop_x = 7;
            cfg.crop_y = 9;
            cfg.crop_width = cfg.crop_height = 11;
            assert_int_equal(read_stream(&b, 3, s.data, s.size, &cfg, NULL), 0);
            for (size_t y = 0; y < 11; y++)
                assert_memory_equal(b.data + y * b.stride,
                                    a.data + (9 + y) * a.stride + 7 * c * d,
                                    11 * c * d);
            nenc_image_free(&a);
            nenc_image_free(&b);
            nenc_image_free(&im);
            nenc_image_free(&plain);
            nenc_buffer_free(&s);
            nenc_buffer_free(&t);
        }
}

static void profiles_travel(void **state)
{
    static const char icc[] = "a profile", xmp[] = "<xmp/>";
    (void)state;
    nenc_image im = picture(20, 10), back;
    nenc_buffer without = encode(0, &im);
    assert_int_equal(nenc_blob_set(&im.icc, icc, sizeof icc), NENC_OK);
    assert_int_equal(nenc_blob_set(&im.xmp, xmp, sizeof xmp), NENC_OK);
    nenc_buffer with = encode(0, &im);
    assert_int_equal(with.size - without.size,
                     sizeof icc + sizeof xmp + 4 + 4 + 1 + 4);
    assert_int_equal(read_stream(&back, 0, with.data, with.size, NULL, NULL),
                     NENC_OK);
    assert_int_equal(back.icc.size, sizeof icc);
    assert_memory_equal(back.icc.data, icc, sizeof icc);
    assert_memory_equal(back.xmp.data, xmp, sizeof xmp);
    assert_int_equal(back.exif.size, 0);
    nenc_image_free(&back);
    nenc_buffer_free(&with);
    nenc_buffer_free(&without);
    nenc_image_free(&im);
}

/* META that lies about its lengths; kinds that are not known. */
static void bad_profiles(void **state)
{
    static const struct { uint8_t bytes[6]; size_t n; nenc_status want; }
    cases[] = {
        { { 1, 2, 7, 7 }, 4, NENC_OK }, { { 9, 1, 7 }, 3, NENC_OK },
        { { 1, 3, 7, 7 }, 4, NENC_EBITSTREAM }, { { 1 }, 1, NENC_EBITSTREAM },
        { { 1, 0x80 }, 2, NENC_EBITSTREAM },
        { { 1, 0xff, 0xff, 0xff, 0xff, 0x7f }, 6, NENC_EBITSTREAM },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_image im = { 0 };
        nenc_bytes b;
        uint8_t *copy = malloc(cases[i].n);
        assert_non_null(copy);
        memcpy(copy, cases[i].bytes, cases[i].n);
        nenc_bytes_init(&b, copy, cases[i].n);
        assert_int_equal(nenc_meta_parse(&im, &b, &diag), cases[i].want);
        assert_int_equal(im.icc.size, i == 0 ? 2 : 0);
        nenc_image_free(&im);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_change_nothing),
        cmocka_unit_test(parts_of_the_shipped_model),
        cmocka_unit_test(previews),
        cmocka_unit_test(previews_in_parts),
        cmocka_unit_test(previews_are_refused),
        cmocka_unit_test(crops_are_parts),
        cmocka_unit_test(lost_units_are_made_up),
        cmocka_unit_test(lenient_streams),
        cmocka_unit_test(crops_of_streams),
        cmocka_unit_test(sixteen_bits),
        cmocka_unit_test(transparency),
        cmocka_unit_test(profiles_travel),
        cmocka_unit_test(bad_profiles),
    };
    return cmocka_run_group_tests(tests, toy_models_open, toy_models_close);
}
