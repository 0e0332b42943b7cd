/* SPDX-License-Identifier: BSD-2-Clause */
/* Damage to streams of testvectors/, with the models that people have:
 * every truncation and every changed byte gives an error; with the checksums
 * put right, an error or a picture.  Not here: toy models (test_hyperprior.c),
 * picture files (test_media.c).
 *
 * Under NENC_TEST_SMALL every fourth byte, beginning elsewhere in each file;
 * with NENC_TEST_FULL three changes of each byte and not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model.h"
#include "toy_model.h"

static const char *const names[] = { "pixel", "parrot-q0", "parrot-odd",
                                     "parrot-q25", "parrot-gray",
                                     "overfit-pixel", "overfit-gray" };
enum { FILES = sizeof names / sizeof names[0] };

static nenc_model *hyperprior, *overfit;
static nenc_buffer files[FILES];
static size_t step = 1, n_changes = 1;

static bool load(nenc_buffer *b, const char *name)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/testvectors/%s.nenc", top ? top : ".",
             name);
    FILE *f = fopen(path, "rb");
    nenc_buffer_init(b, 1 << 16);
    int c;
    while (f && (c = getc(f)) != EOF)
        nenc_buffer_u8(b, (uint8_t)c);
    if (f)
        fclose(f);
    return b->size && !b->failed;
}

static int set_up(void **state)
{
    char path[4096];
    nenc_diag diag = { NENC_OK, "" };
    const char *folder = getenv("NENC_MODEL_PATH");
    (void)state;
    step = getenv("NENC_TEST_SMALL") ? 4 : 1;
    n_changes = getenv("NENC_TEST_FULL") ? 3 : 1;
    snprintf(path, sizeof path, "%s/hyperprior.safetensors",
             folder ? folder : "models");
    if (nenc_model_open(&hyperprior, path, &diag) < 0
        || nenc_model_builtin(&overfit, "overfit", &diag) < 0) {
        fprintf(stderr, "%s: %s\n", path, diag.text);
        return -1;
    }
    for (size_t i = 0; i < FILES; i++)
        if (!load(&files[i], names[i]))
            return -1;
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    nenc_model_close(hyperprior);
    nenc_model_close(overfit);
    for (size_t i = 0; i < FILES; i++)
        nenc_buffer_free(&files[i]);
    return 0;
}

static const nenc_model *model_of(size_t file)
{
    return strncmp(names[file], "overfit", 7) ? hyperprior : overfit;
}

/* From a block of exactly this size, so that sanitizers see overreads. */
static nenc_status decode(size_t file, const uint8_t *data, size_t size)
{
    nenc_decoder_config cfg;
    nenc_diag diag = { NENC_OK, "" };
    nenc_decoder *dec = NULL;
    nenc_image im = { 0 };
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    toy_input in = { copy, size, 0, SIZE_MAX };
    nenc_decoder_config_init(&cfg);
    cfg.threads = 1;
    cfg.max_samples = 1 << 13;
    cfg.max_memory = 1 << 26;
    nenc_status st = nenc_decoder_open(&dec, &cfg, toy_supply, &in, &diag);
    if (st >= 0)
        st = nenc_decoder_decode(dec, model_of(file), &im, &diag);
    assert_true((st < 0) == !im.data);
    if (st < 0) {
        assert_int_equal(diag.status, st);
        assert_true(strlen(diag.text) > 8);
    } else {
        assert_true((uint64_t)im.width * im.height <= cfg.max_samples);
    }
    nenc_image_free(&im);
    nenc_decoder_close(dec);
    free(copy);
    return st;
}

static void undamaged_they_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(decode(i, files[i].data, files[i].size), NENC_OK);
}

static void no_truncation_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        for (size_t n = i % step; n < files[i].size; n += step)
            if (decode(i, files[i].data, n) != NENC_ETRUNCATED)
                fail_msg("%s, %zu bytes", names[i], n);
}

static void no_changed_byte_passes(void **state)
{
    static const uint8_t changes[] = { 1, 0x80, 0xff };
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        for (size_t n = i % step; n < files[i].size; n += step)
            for (size_t c = 0; c < n_changes; c++) {
                const uint8_t change = changes[(n + c) % sizeof changes];
                files[i].data[n] ^= change;
                if (decode(i, files[i].data, files[i].size) >= 0)
                    fail_msg("%s, byte %zu changed by %d", names[i], n,
                             change);
                files[i].data[n] ^= change;
            }
}

/* Through to the entropy decoder and the networks.  Each decodes a picture as
 * often as not, so one change a byte. */
static void with_right_checksums_all_survive(void **state)
{
    size_t pictures = 0, errors = 0;
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        uint8_t *copy = malloc(files[i].size);
        assert_non_null(copy);
        for (size_t n = i % step; n < files[i].size; n += step) {
            memcpy(copy, files[i].data, files[i].size);
            copy[n] ^= (uint8_t)(1 << (n * 5 + i) % 8);
            toy_stream_fix(copy, files[i].size, nenc_model_id(model_of(i)));
            if (decode(i, copy, files[i].size) >= 0)
                pictures++;
            else
                errors++;
        }
        free(copy);
    }
    print_message("%zu pictures, %zu errors\n", pictures, errors);
    assert_true(pictures > 5 && errors > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undamaged_they_decode),
        cmocka_unit_test(no_truncation_passes),
        cmocka_unit_test(no_changed_byte_passes),
        cmocka_unit_test(with_right_checksums_all_survive),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
