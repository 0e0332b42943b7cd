/* SPDX-License-Identifier: BSD-2-Clause */
/* Codecs that need no model file, to those who list codecs, open models and
 * decode.  Not here: what such a codec does (test_overfit.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "toy_model.h"

static nenc_diag diag;

static nenc_model *open_builtin(void)
{
    nenc_model *m;
    assert_int_equal(nenc_model_builtin(&m, "overfit", &diag), NENC_OK);
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
    assert_string_equal(info.name, "overfit");
    assert_true(info.builtin);
    assert_null(info.default_model);
    assert_int_equal(info.default_effort, 3);
    assert_false(nenc_codec_get(&info, 2));
    assert_null(info.name);
}

static void models_without_files(void **state)
{
    nenc_model *m = open_builtin();
    (void)state;
    assert_true(nenc_model_id(m) == 0);
    assert_string_equal(nenc_model_codec(m), "overfit");
    assert_null(nenc_model_metadata(m, "name"));
    nenc_model_close(m);
    assert_int_equal(nenc_model_builtin(&m, "hyperprior", &diag), NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "needs a model file"));
    assert_int_equal(nenc_model_builtin(&m, "nothing", &diag), NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "no codec \"nothing\""));
    assert_non_null(strstr(diag.text, "overfit"));
    assert_int_equal(nenc_model_builtin(&m, "", NULL), NENC_EMODEL);
}

static void files_for_them_are_refused(void **state)
{
    static const char text[] = "{\"__metadata__\":{\"nenc.codec\":\"overfit\"}}";
    uint8_t file[8 + sizeof text - 1] = { sizeof text - 1 };
    nenc_model *m;
    (void)state;
    memcpy(file + 8, text, sizeof text - 1);
    assert_int_equal(nenc_model_open_memory(&m, file, sizeof file, &diag),
                     NENC_EMODEL);
    assert_null(m);
    assert_non_null(strstr(diag.text, "\"overfit\", which needs none"));
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
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_encode_image(m, &cfg, im, toy_append, &out, &diag),
                     NENC_OK);
    return out;
}

/* A stream says what it needs. */
static void streams(void **state)
{
    nenc_model *m = open_builtin();
    nenc_image im = picture(20, 16, 3);
    nenc_buffer out = encode(m, &im, 1);
    toy_input in = { out.data, out.size, 0, 9 };
    nenc_decoder *dec;
    nenc_info info;
    (void)state;
    assert_int_equal(nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag),
                     NENC_OK);
    nenc_decoder_info(dec, &info);
    assert_true(info.builtin);
    assert_true(info.model_id == 0);
    assert_string_equal(info.codec, "overfit");
    nenc_decoder_close(dec);
    nenc_image_free(&im);
    nenc_buffer_free(&out);
    nenc_model_close(m);
}

/* None in particular, and 0, are the codec's own. */
static void efforts(void **state)
{
    static const struct { int effort; bool is_usual; } cases[] = {
        { 0, true }, { 3, true }, { 1, false },
    };
    nenc_model *m = open_builtin();
    nenc_image im = picture(9, 7, 1);
    nenc_buffer usual = encode(m, &im, -1);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_buffer b = encode(m, &im, cases[i].effort);
        const bool same = b.size == usual.size
                       && !memcmp(b.data, usual.data, b.size);
        assert_int_equal(same, cases[i].is_usual);
        nenc_buffer_free(&b);
    }
    nenc_buffer_free(&usual);
    nenc_image_free(&im);
    nenc_model_close(m);
}

/* A model where none belongs, and the model of another codec. */
static void wrong_models(void **state)
{
    nenc_model *m = open_builtin(), *hyper = toy_model_open(0);
    nenc_image im = picture(20, 16, 3), back;
    nenc_buffer out = encode(m, &im, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_are_listed),
        cmocka_unit_test(models_without_files),
        cmocka_unit_test(files_for_them_are_refused),
        cmocka_unit_test(streams),
        cmocka_unit_test(efforts),
        cmocka_unit_test(wrong_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
