/* SPDX-License-Identifier: BSD-2-Clause */
/* Codecs that need no model file, by one that only this program has: its own
 * table takes the place of codecs/registry.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nenc_target.h"
#include "stub_codec.h"
#include "toy_model.h"

extern const nenc_codec nenc_codec_hyperprior;

const nenc_codec *nenc_codec_at(size_t i)
{
    return i == 0 ? &nenc_codec_hyperprior : i == 1 ? &nenc_codec_stub : NULL;
}

const nenc_codec *nenc_codec_by_name(const char *name)
{
    const nenc_codec *c;
    for (size_t i = 0; (c = nenc_codec_at(i)); i++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

const nenc_codec *nenc_codec_by_id(uint32_t id)
{
    const nenc_codec *c;
    for (size_t i = 0; (c = nenc_codec_at(i)); i++)
        if (c->id == id)
            return c;
    return NULL;
}

static nenc_diag diag;

static nenc_model *open_stub(void)
{
    nenc_model *m;
    assert_int_equal(nenc_model_builtin(&m, "stub", &diag), NENC_OK);
    return m;
}

static void codecs_are_listed(void **state)
{
    nenc_codec_info info;
    (void)state;
    assert_true(nenc_codec_get(&info, 0));
    assert_string_equal(info.name, "hyperprior");
    assert_false(info.builtin);
    assert_string_equal(info.default_model, "hyperprior.safetensors");
    assert_int_equal(info.default_effort, 0);
    assert_true(nenc_codec_get(&info, 1));
    assert_string_equal(info.name, "stub");
    assert_true(info.builtin);
    assert_null(info.default_model);
    assert_int_equal(info.default_effort, 3);
    assert_false(nenc_codec_get(&info, 2));
    assert_null(info.name);
}

static void models_without_files(void **state)
{
    nenc_model *m = open_stub();
    (void)state;
    assert_true(nenc_model_id(m) == 0);
    assert_string_equal(nenc_model_codec(m), "stub");
    assert_null(nenc_model_metadata(m, "name"));
    nenc_model_close(m);
    assert_int_equal(nenc_model_builtin(&m, "hyperprior", &diag), NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "needs a model file"));
    assert_int_equal(nenc_model_builtin(&m, "nothing", &diag), NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "no codec \"nothing\""));
    assert_non_null(strstr(diag.text, "stub"));
    assert_int_equal(nenc_model_builtin(&m, "", NULL), NENC_EMODEL);
}

static void files_for_them_are_refused(void **state)
{
    static const char text[] = "{\"__metadata__\":{\"nenc.codec\":\"stub\"}}";
    uint8_t file[8 + sizeof text - 1] = { sizeof text - 1 };
    nenc_model *m;
    (void)state;
    memcpy(file + 8, text, sizeof text - 1);
    assert_int_equal(nenc_model_open_memory(&m, file, sizeof file, &diag),
                     NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "\"stub\", which needs none"));
}

static nenc_image picture(uint32_t w, uint32_t h, uint32_t channels)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, channels, 8), NENC_OK);
    toy_picture(&im, 5);
    return im;
}

static nenc_buffer encode(const nenc_model *m, const nenc_image *im,
                          int effort)
{
    nenc_encoder_config cfg;
    nenc_buffer out;
    nenc_encoder_config_init(&cfg);
    assert_int_equal(cfg.effort, -1);
    cfg.effort = effort;
    cfg.quality = 100;
    cfg.keep_invisible = true;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_encode_image(m, &cfg, im, toy_append, &out, &diag),
                     NENC_OK);
    return out;
}

/* A stream says what it needs, and comes back. */
static void streams(void **state)
{
    nenc_model *m = open_stub();
    (void)state;
    for (uint32_t channels = 1; channels <= 4; channels++) {
        nenc_image im = picture(51, 40, channels), back;
        nenc_buffer out = encode(m, &im, -1);
        toy_input in = { out.data, out.size, 0, 9 };
        nenc_decoder *dec;
        nenc_info info;
        assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                         NENC_OK);
        nenc_decoder_info(dec, &info);
        assert_true(info.builtin);
        assert_true(info.model_id == 0);
        assert_string_equal(info.codec, "stub");
        assert_int_equal(info.unit_width, 32);
        assert_int_equal(info.n_units, 4);
        assert_int_equal(nenc_decoder_decode(dec, m, &back, &diag), NENC_OK);
        assert_memory_equal(back.data, im.data, im.stride * im.height);
        nenc_decoder_close(dec);
        nenc_image_free(&back);
        nenc_image_free(&im);
        nenc_buffer_free(&out);
    }
    nenc_model_close(m);
}

/* Each codec has units and an effort of its own. */
static void codecs_have_their_own_ways(void **state)
{
    static const int efforts[][2] = { { -1, 3 }, { 0, 3 }, { 1, 1 }, { 9, 9 } };
    nenc_model *m = open_stub(), *hyper = toy_model_open(0);
    nenc_image small = picture(50, 40, 3), large = picture(51, 40, 3);
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        nenc_buffer out = encode(m, &small, efforts[i][0]);
        assert_int_equal(stub_effort, efforts[i][1]);
        nenc_buffer_free(&out);
    }
    const struct { const nenc_model *model; const nenc_image *im;
                   uint32_t n_units; } cases[] = {
        { m, &small, 1 }, { m, &large, 4 }, { hyper, &large, 1 },
    };
    for (size_t i = 0; i < 3; i++) {
        nenc_buffer out = encode(cases[i].model, cases[i].im, -1);
        toy_input in = { out.data, out.size, 0, SIZE_MAX };
        nenc_decoder *dec;
        nenc_info info;
        assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                         NENC_OK);
        nenc_decoder_info(dec, &info);
        assert_int_equal(info.n_units, cases[i].n_units);
        assert_int_equal(info.builtin, cases[i].model == m);
        nenc_decoder_close(dec);
        nenc_buffer_free(&out);
    }
    nenc_image_free(&small);
    nenc_image_free(&large);
    nenc_model_close(hyper);
    nenc_model_close(m);
}

/* A model where none belongs, and the model of another codec. */
static void wrong_models(void **state)
{
    nenc_model *m = open_stub(), *hyper = toy_model_open(0);
    nenc_image im = picture(20, 16, 3), back;
    nenc_buffer out = encode(m, &im, -1);
    toy_input in = { out.data, out.size, 0, SIZE_MAX };
    nenc_decoder *dec;
    (void)state;
    assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                     NENC_OK);
    assert_int_equal(nenc_decoder_decode(dec, hyper, &back, &diag),
                     NENC_EMODEL);
    nenc_decoder_close(dec);
    toy_stream_fix(out.data, out.size, 7);
    in.at = 0;
    assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                     NENC_EBITSTREAM);
    assert_null(dec);
    assert_non_null(strstr(diag.text, "needs none"));
    nenc_buffer_free(&out);
    nenc_image_free(&im);
    nenc_model_close(hyper);
    nenc_model_close(m);
}

/* What is aimed at is found and verified, as with models. */
static void targets(void **state)
{
    nenc_model *m = open_stub();
    nenc_image im = picture(96, 80, 3);
    nenc_encoder_config cfg;
    nenc_encoder *enc;
    target_result r;
    double psnr;
    (void)state;
    nenc_encoder_config_init(&cfg);
    cfg.several = true;
    assert_int_equal(nenc_encoder_open(&enc, m, &cfg, &im, &diag), NENC_OK);
    const target t = { TARGET_PSNR, 38 };
    const check_stream how = { NULL, m, 1, 1 << 25 };
    assert_int_equal(target_search(&r, &t, enc, &im, &how, &diag), NENC_OK);
    assert_true(r.value > 37 && r.value < 39);
    const check_stream found = { &r.bytes, m, 1, 1 << 25 };
    assert_int_equal(check_verify(&psnr, &im, r.symbols, &found, &diag),
                     NENC_OK);
    target_result_free(&r);
    nenc_encoder_close(enc);
    nenc_image_free(&im);
    nenc_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_are_listed),
        cmocka_unit_test(models_without_files),
        cmocka_unit_test(files_for_them_are_refused),
        cmocka_unit_test(streams),
        cmocka_unit_test(codecs_have_their_own_ways),
        cmocka_unit_test(wrong_models),
        cmocka_unit_test(targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
