/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of the hyperprior codec through the public API, good and hostile,
 * with toy models.  Not here: model files (test_model.c), the container's
 * parts (test_container.c). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container.h"
#include "exact_kernels.h"
#include "hyperprior.h"
#include "model.h"
#include "toy_model.h"
#include "unit_store.h"
#include "unit_stream.h"

static nenc_diag diag;

/* ----------------------------------------------------------------- streams */

/* A picture whose rows have gaps of `gap` bytes. */
static nenc_image picture(uint32_t w, uint32_t h, uint32_t channels,
                          size_t gap)
{
    nenc_image im = { .width = w, .height = h, .channels = channels,
                      .bits = 8, .stride = w * channels + gap };
    im.data = malloc(im.stride * h);
    assert_non_null(im.data);
    toy_picture(&im, w * 31 + h + channels);
    return im;
}

static nenc_buffer encode(unsigned kind, const nenc_image *im, int quality,
                          int threads)
{
    nenc_encoder_config cfg;
    nenc_buffer out;
    nenc_buffer_init(&out, 1 << 24);
    nenc_encoder_config_init(&cfg);
    cfg.quality = quality;
    cfg.threads = threads;
    if (nenc_encode_image(toy_models[kind], &cfg, im, toy_append, &out, &diag) < 0)
        fail_msg("kind %u: %s", kind, diag.text);
    return out;
}

typedef struct decoding {
    nenc_image image;
    nenc_info info;
    uint8_t hash[32];
} decoding;

/* From a block of exactly this size, so that sanitizers see overreads. */
static nenc_status decode(decoding *d, unsigned kind, const uint8_t *data,
                          size_t size, const nenc_decoder_config *cfg)
{
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    toy_input in = { copy, size, 0, SIZE_MAX };
    nenc_decoder *dec = NULL;
    memset(d, 0, sizeof *d);
    nenc_status st = nenc_decoder_open(&dec, cfg, toy_supply, &in, &diag);
    assert_true((st >= 0) == (dec != NULL));
    if (st >= 0) {
        nenc_decoder_info(dec, &d->info);
        st = nenc_decoder_decode(dec, toy_models[kind], &d->image, &diag);
        nenc_decoder_symbol_hash(dec, d->hash);
    }
    nenc_decoder_close(dec);
    free(copy);
    if (st < 0) {
        assert_null(d->image.data);
        assert_int_equal(diag.status, st);
        assert_true(diag.text[0]);
    }
    return st;
}

static nenc_decoder_config decoder_config(int threads)
{
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    cfg.threads = threads;
    cfg.max_samples = 1 << 16;
    cfg.max_memory = 1 << 25;
    return cfg;
}

static void must_decode(decoding *d, unsigned kind, const nenc_buffer *stream,
                        int threads)
{
    const nenc_decoder_config cfg = decoder_config(threads);
    if (decode(d, kind, stream->data, stream->size, &cfg) < 0)
        fail_msg("kind %u: %s", kind, diag.text);
}

static bool is_same(const nenc_image *a, const nenc_image *b)
{
    return a->width == b->width && a->height == b->height
        && a->channels == b->channels
        && !memcmp(a->data, b->data, a->height * a->stride);
}

/* ------------------------------------------------------------- good streams */

static void every_size_comes_back(void **state)
{
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 7 }, { 7, 1 },
                                         { 15, 33 }, { 64, 48 } };
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (uint32_t c = 1; c <= 3; c += 2) {
                nenc_image im = picture(sizes[s][0], sizes[s][1], c, 5);
                nenc_image dense = picture(sizes[s][0], sizes[s][1], c, 0);
                nenc_buffer a = encode(k, &im, 70, 1);
                nenc_buffer b = encode(k, &dense, 70, 1);
                decoding d;
                assert_int_equal(a.size, b.size);
                assert_memory_equal(a.data, b.data, a.size);
                must_decode(&d, k, &a, 1);
                assert_int_equal(d.image.width, im.width);
                assert_int_equal(d.image.height, im.height);
                assert_int_equal(d.image.channels, c);
                assert_int_equal(d.info.width, im.width);
                assert_int_equal(d.info.quality, 70);
                assert_int_equal(d.info.n_units, 1);
                assert_int_equal(d.info.unit_height, im.height);
                assert_true(d.info.model_id == nenc_model_id(toy_models[k]));
                assert_string_equal(d.info.codec, "hyperprior");
                nenc_image_free(&d.image);
                nenc_buffer_free(&a);
                nenc_buffer_free(&b);
                free(im.data);
                free(dense.data);
            }
}

static hyper_context *open_context(unsigned kind, const nenc_image *im,
                                   bool fast)
{
    nenc_codec_params params = unit_store_params(im, 0, 0, 35);
    void *c;
    params.fast = fast;
    assert_int_equal(toy_models[kind]->codec->open(&c, toy_models[kind]->bound,
                                               &params, &diag), NENC_OK);
    return c;
}

/* The decoder finds the encoder's symbols, indices and means; and with
 * another backend for the synthesis, too. */
static void symbols_come_back(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        const nenc_codec *codec = toy_models[k]->codec;
        nenc_image im = picture(37, 21, 3, 0), back = picture(37, 21, 3, 2);
        uint8_t hashes[2][32];
        for (int round = 0; round < 2; round++) {
            unit_store units = { .n = 0 };
            nenc_sha256 symbols;
            hyper_context *e = open_context(k, &im, false);
            hyper_context *c = open_context(k, &im, round == 0);
            assert_int_equal(unit_store_encode_in(&units, codec, e, &im,
                                                  &diag), NENC_OK);
            nenc_sha256_init(&symbols);
            assert_int_equal(unit_store_decode_in(&units, codec, c, &back,
                                                  &symbols, &diag), NENC_OK);
            nenc_sha256_final(&symbols, hashes[round]);
            const hyper_unit *u = &e->units[0], *v = &c->units[0];
            const size_t y = hyper_y_size(u), z = hyper_z_size(u);
            assert_int_equal(y, hyper_y_size(v));
            assert_memory_equal(u->y_symbol, v->y_symbol, 4 * y);
            assert_memory_equal(u->y_index, v->y_index, 2 * y);
            if (((const hyper_model *)toy_models[k]->bound)->h_s) {
                assert_memory_equal(u->z_symbol, v->z_symbol, 4 * z);
                assert_memory_equal(u->y_mean, v->y_mean, 4 * y);
            }
            size_t other = 0;
            for (size_t i = 0; i < y; i++)
                other += u->y_symbol[i] != u->y_symbol[0];
            assert_true(other > y / 8);
            unit_store_free(&units);
            codec->close(c);
            codec->close(e);
        }
        assert_memory_equal(hashes[0], hashes[1], 32);
        free(im.data);
        free(back.data);
    }
}

/* Latents, synthesis and the rounding to bytes, done again in another way. */
static void samples_follow_from_symbols(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        const nenc_codec *codec = toy_models[k]->codec;
        const hyper_model *m = toy_models[k]->bound;
        nenc_image im = picture(21, 18, 3, 0), back = picture(21, 18, 3, 4);
        hyper_context *c = open_context(k, &im, false);
        unit_store units = { .n = 0 };
        nenc_sha256 symbols;
        nenc_sha256_init(&symbols);
        assert_int_equal(unit_store_encode(&units, codec, m, &c->params, &im,
                                           &diag), NENC_OK);
        assert_int_equal(unit_store_decode_in(&units, codec, c, &back,
                                              &symbols, &diag), NENC_OK);
        const hyper_unit *u = &c->units[0];
        const size_t n = hyper_y_size(u);
        float *in = nenc_plan_input(c->region,
                                    (size_t)nenc_net_input(m->g_s, "y"));
        for (size_t i = 0; i < n; i++) {
            const size_t ch = i % m->y_channels;
            const float mean = m->entropy == HYPER_MEAN_SCALE ? u->y_mean[i]
                               : m->y_offset ? m->y_offset[ch] : 0;
            in[i] = ((float)u->y_symbol[i] + mean) * c->inverse[ch];
            assert_true(in[i] == hyper_row(c, 0)[i]);
        }
        hyper_set_quality(c->t, m->g_s, c->region);
        assert_int_equal(nenc_plan_run(c->region, &diag), NENC_OK);
        const float *x = nenc_plan_output(c->region);
        const size_t w = nenc_plan_output_shape(c->region).w;
        for (size_t r = 0; r < back.height; r++)
            for (size_t i = 0; i < 3 * (size_t)back.width; i++) {
                float v = (x[r * w * 3 + i] + m->offset) * 255.0f;
                v = v < 0 ? 0 : v > 255 ? 255 : v;
                assert_int_equal(back.data[r * back.stride + i],
                                 (int)nearbyintf(v));
            }
        unit_store_free(&units);
        codec->close(c);
        free(im.data);
        free(back.data);
    }
}

static void threads_and_kernels_agree(void **state)
{
    const nenc_kernels *const *list;
    (void)state;
    unsetenv("NENC_KERNELS");
    const size_t n = nenc_kernels_list(&list);
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(47, 38, 3, 0);
        nenc_buffer stream = encode(k, &im, 80, 1);
        decoding first, again;
        must_decode(&first, k, &stream, 1);
        for (size_t i = 0; i < n; i++) {
            setenv("NENC_KERNELS", list[i]->name, 1);
            assert_ptr_equal(nenc_kernels_best(), list[i]);
            /* On a busy machine threads are slow: not in each combination. */
            const int most = i || k % 2 == 0 ? 1 : 3;
            for (int threads = 1; threads <= most; threads++) {
                nenc_buffer other = encode(k, &im, 80, threads);
                must_decode(&again, k, &stream, threads);
                if (!is_same(&first.image, &again.image)
                    || memcmp(first.hash, again.hash, 32))
                    fail_msg("kind %u: decoding with %s, %d threads differs",
                             k, list[i]->name, threads);
                if (other.size != stream.size
                    || memcmp(other.data, stream.data, other.size))
                    fail_msg("kind %u: encoding with %s, %d threads differs",
                             k, list[i]->name, threads);
                nenc_image_free(&again.image);
                nenc_buffer_free(&other);
            }
        }
        unsetenv("NENC_KERNELS");
        nenc_image_free(&first.image);
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* --fast may move samples a little, but neither symbols nor errors. */
static void fast_decoding_is_close(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(139, 93, 3, 0);
        nenc_buffer stream = encode(k, &im, 50, 1);
        decoding exact, fast;
        nenc_decoder_config cfg = decoder_config(2);
        cfg.fast = true;
        must_decode(&exact, k, &stream, 1);
        assert_int_equal(decode(&fast, k, stream.data, stream.size, &cfg),
                         NENC_OK);
        assert_memory_equal(exact.hash, fast.hash, 32);
        for (size_t i = 0; i < im.height * exact.image.stride; i++)
            assert_true(abs(exact.image.data[i] - fast.image.data[i]) <= 1);
        nenc_image_free(&exact.image);
        nenc_image_free(&fast.image);
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* -------------------------------------------------------------- many units */

/* Streams of units through the public API; units that no model fits. */
static void unit_streams(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        const nenc_decoder_config cfg = decoder_config(1);
        nenc_image im = picture(75, 58, 3, 0);
        nenc_buffer stream = unit_stream(toy_models[k], &im, 32, 16, NULL);
        decoding one, two;
        must_decode(&one, k, &stream, 1);
        must_decode(&two, k, &stream, 2);
        assert_int_equal(one.info.n_units, 12);
        assert_int_equal(one.info.unit_width, 32);
        assert_true(is_same(&one.image, &two.image));
        assert_memory_equal(one.hash, two.hash, 32);
        nenc_image_free(&one.image);
        nenc_image_free(&two.image);
        stream.data[8 + 5 + 1 + 4 + 8 + 1 + 1 + 1 + 1 + 1 + 1 + 1] = 31;
        toy_stream_fix(stream.data, stream.size, toy_models[k]->id);
        assert_int_equal(decode(&one, k, stream.data, stream.size, &cfg),
                         NENC_EBITSTREAM);
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* ----------------------------------------------------------------- damage */

static void no_prefix_decodes(void **state)
{
    const nenc_decoder_config cfg = decoder_config(1);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(19, 6, 3, 0);
        nenc_buffer stream = unit_stream(toy_models[k], &im, 16, 6, NULL);
        decoding d;
        for (size_t n = 0; n < stream.size; n++)
            if (decode(&d, k, stream.data, n, &cfg) != NENC_ETRUNCATED)
                fail_msg("kind %u, %zu bytes: %s", k, n, diag.text);
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* Checksums find every changed byte. */
static void no_changed_byte_passes(void **state)
{
    const nenc_decoder_config cfg = decoder_config(1);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(9, 6, 1, 0);
        nenc_buffer stream = encode(k, &im, 50, 1);
        decoding d;
        for (size_t i = 0; i < stream.size; i++)
            for (int bit = 0; bit < 8; bit += 3) {
                stream.data[i] ^= (uint8_t)(1 << bit);
                if (decode(&d, k, stream.data, stream.size, &cfg) >= 0)
                    fail_msg("kind %u: byte %zu, bit %d", k, i, bit);
                stream.data[i] ^= (uint8_t)(1 << bit);
            }
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* With the checksums put right, damage gives an error or a picture. */
static void the_codec_survives_damage(void **state)
{
    const nenc_decoder_config cfg = decoder_config(1);
    size_t pictures = 0, errors = 0;
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(9, 14, 3, 0);
        nenc_buffer stream = encode(k, &im, 50, 1);
        uint8_t *copy = malloc(stream.size);
        decoding d;
        assert_non_null(copy);
        for (size_t i = 0; i < stream.size; i++)
            for (int change = 1; change < 256; change += 90) {
                memcpy(copy, stream.data, stream.size);
                copy[i] ^= (uint8_t)change;
                toy_stream_fix(copy, stream.size, nenc_model_id(toy_models[k]));
                if (decode(&d, k, copy, stream.size, &cfg) >= 0) {
                    assert_true((uint64_t)d.image.width * d.image.height
                                <= cfg.max_samples);
                    pictures++;
                } else {
                    errors++;
                }
                nenc_image_free(&d.image);
            }
        free(copy);
        nenc_buffer_free(&stream);
        free(im.data);
    }
    assert_true(pictures > 50 && errors > 50);
}

/* A unit cut short, its chunk whole: the entropy coder must notice. */
static void no_shorter_unit_passes(void **state)
{
    const nenc_decoder_config cfg = decoder_config(1);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_image im = picture(20, 14, 3, 0);
        nenc_buffer stream = encode(k, &im, 50, 1);
        toy_input in = { stream.data, stream.size, 0, SIZE_MAX };
        nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 1 << 20 };
        nenc_buffer head, unit;
        uint32_t type;
        assert_int_equal(nenc_read_signature(&r, &diag), NENC_OK);
        assert_int_equal(nenc_read_chunk(&r, &type, &head, &diag), NENC_OK);
        assert_int_equal(nenc_read_chunk(&r, &type, &unit, &diag), NENC_OK);
        for (size_t n = 0; n <= unit.size + 1; n++) {
            nenc_buffer out;
            decoding d;
            nenc_buffer_init(&out, 1 << 20);
            nenc_buffer_u8(&unit, 0);           /* one more at the end */
            unit.size--;
            nenc_writer w = { toy_append, &out };
            assert_int_equal(nenc_write_signature(&w, NULL), NENC_OK);
            assert_int_equal(nenc_write_chunk(&w, NENC_CHUNK_HEAD, head.data,
                                              head.size, NULL), NENC_OK);
            assert_int_equal(nenc_write_chunk(&w, NENC_CHUNK_UNIT, unit.data,
                                              n, NULL), NENC_OK);
            assert_int_equal(nenc_write_chunk(&w, NENC_CHUNK_DONE, NULL, 0,
                                              NULL), NENC_OK);
            const nenc_status st = decode(&d, k, out.data, out.size, &cfg);
            assert_true((st >= 0) == (n == unit.size));
            nenc_image_free(&d.image);
            nenc_buffer_free(&out);
        }
        nenc_buffer_free(&head);
        nenc_buffer_free(&unit);
        nenc_buffer_free(&stream);
        free(im.data);
    }
}

/* ------------------------------------------------------------ wrong callers */

static void limits_are_kept(void **state)
{
    nenc_image im = picture(64, 48, 3, 0);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_buffer stream = encode(k, &im, 50, 1), out;
        decoding d;
        nenc_decoder_config cfg = decoder_config(1);
        cfg.max_samples = 64 * 48 - 1;
        assert_int_equal(decode(&d, k, stream.data, stream.size, &cfg),
                         NENC_ELIMIT);
        cfg.max_samples++;
        decoding all;
        cfg.max_memory = 1 << 22;
        assert_int_equal(decode(&all, k, stream.data, stream.size, &cfg),
                         NENC_OK);
        /* under a low limit, no picture or, in smaller parts, the same */
        for (size_t most = 1 << 10; most <= 1 << 20; most *= 2) {
            cfg.max_memory = most;
            const nenc_status st = decode(&d, k, stream.data, stream.size,
                                          &cfg);
            if (st == NENC_OK)
                assert_true(is_same(&all.image, &d.image));
            else
                assert_int_equal(st, NENC_ELIMIT);
            assert_true(most > 1 << 15 || st < 0);
            nenc_image_free(&d.image);
        }
        nenc_image_free(&all.image);
        nenc_encoder_config enc;
        nenc_encoder_config_init(&enc);
        enc.max_memory = 1 << 14;
        nenc_buffer_init(&out, 1 << 20);
        assert_int_equal(nenc_encode_image(toy_models[k], &enc, &im, toy_append, &out,
                                           &diag), NENC_ELIMIT);
        nenc_buffer_free(&out);
        nenc_buffer_free(&stream);
    }
    free(im.data);
}

static void the_model_must_be_the_streams(void **state)
{
    const nenc_decoder_config cfg = decoder_config(1);
    nenc_image im = picture(16, 16, 3, 0);
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_buffer stream = encode(k, &im, 50, 1);
        decoding d;
        assert_int_equal(decode(&d, (k + 1) % TOY_KINDS, stream.data,
                                stream.size, &cfg), NENC_EMODEL);
        nenc_buffer_free(&stream);
    }
    free(im.data);
}

static int refuse(void *user, const void *data, size_t size)
{
    size_t *left = user;
    (void)data;
    if (size > *left)
        return 1;
    *left -= size;
    return 0;
}

static int64_t fail_read(void *user, void *data, size_t size)
{
    (void)user, (void)data, (void)size;
    return -1;
}

static int64_t lie_read(void *user, void *data, size_t size)
{
    (void)user, (void)data;
    return (int64_t)size + 1;
}

static int stop(void *user, double done)
{
    *(double *)user = done;
    return 1;
}

static void callbacks_may_stop(void **state)
{
    nenc_image im = picture(16, 16, 3, 0), out;
    nenc_buffer stream = encode(0, &im, 50, 1);
    nenc_encoder_config enc;
    nenc_decoder_config cfg = decoder_config(1);
    nenc_decoder *dec;
    double done = 0;
    (void)state;
    for (size_t n = 0; n < stream.size; n++) {
        size_t left = n;
        assert_int_equal(nenc_encode_image(toy_models[0], NULL, &im, refuse,
                                           &left, &diag), NENC_EIO);
    }
    nenc_encoder_config_init(&enc);
    enc.progress = stop;
    enc.progress_user = &done;
    size_t left = SIZE_MAX;
    assert_int_equal(nenc_encode_image(toy_models[0], &enc, &im, refuse, &left,
                                       &diag), NENC_EIO);
    assert_true(done == 1);
    assert_int_equal(nenc_decoder_open(&dec, NULL, fail_read, NULL, &diag),
                     NENC_EIO);
    assert_int_equal(nenc_decoder_open(&dec, NULL, lie_read, NULL, &diag),
                     NENC_EIO);
    toy_input in = { stream.data, stream.size, 0, 1 };
    cfg.progress = stop;
    cfg.progress_user = &done;
    assert_int_equal(nenc_decoder_open(&dec, &cfg, toy_supply, &in, &diag),
                     NENC_OK);
    assert_int_equal(nenc_decoder_decode(dec, toy_models[0], &out, &diag),
                     NENC_EIO);
    assert_null(out.data);
    assert_int_equal(nenc_decoder_decode(dec, toy_models[0], &out, &diag),
                     NENC_EINVAL);
    nenc_decoder_close(dec);
    nenc_buffer_free(&stream);
    free(im.data);
}

static void bad_calls_are_refused(void **state)
{
    nenc_image im = picture(16, 16, 3, 0);
    nenc_encoder_config enc;
    nenc_decoder_config cfg = decoder_config(1);
    nenc_decoder *dec;
    nenc_buffer out;
    (void)state;
    nenc_buffer_init(&out, 1 << 20);
    nenc_encoder_config_init(&enc);
    enc.quality = 101;
    assert_int_equal(nenc_encode_image(toy_models[0], &enc, &im, toy_append, &out,
                                       NULL), NENC_EINVAL);
    enc.quality = 0;
    enc.size--;
    assert_int_equal(nenc_encode_image(toy_models[0], &enc, &im, toy_append, &out,
                                       NULL), NENC_EINVAL);
    for (int i = 0; i < 4; i++) {
        nenc_image bad = im;
        bad.width = i == 0 ? 0 : im.width;
        bad.height = i == 1 ? 0 : im.height;
        bad.channels = i == 2 ? 4 : im.channels;
        bad.stride = i == 3 ? im.stride - 1 : im.stride;
        assert_int_equal(nenc_encode_image(toy_models[0], NULL, &bad, toy_append, &out,
                                           &diag), NENC_EINVAL);
    }
    assert_int_equal(out.size, 0);
    cfg.threads = -1;
    assert_int_equal(nenc_decoder_open(&dec, &cfg, fail_read, NULL, &diag),
                     NENC_EINVAL);
    nenc_buffer_free(&out);
    free(im.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back),
        cmocka_unit_test(symbols_come_back),
        cmocka_unit_test(samples_follow_from_symbols),
        cmocka_unit_test(threads_and_kernels_agree),
        cmocka_unit_test(fast_decoding_is_close),
        cmocka_unit_test(unit_streams),
        cmocka_unit_test(no_prefix_decodes),
        cmocka_unit_test(no_changed_byte_passes),
        cmocka_unit_test(the_codec_survives_damage),
        cmocka_unit_test(no_shorter_unit_passes),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(the_model_must_be_the_streams),
        cmocka_unit_test(callbacks_may_stop),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, toy_models_open, toy_models_close);
}
