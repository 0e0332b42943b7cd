/* SPDX-License-Identifier: BSD-2-Clause */
/* Model files, good and hostile: toy models with one thing spoilt each.
 * Not here: safetensors (test_safetensors.c), streams (test_hyperprior.c). */
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

/* A toy model taken apart. */
typedef struct parts {
    nenc_arena arena;
    nenc_safetensors st;
    nenc_st_tensor *tensors;
    nenc_st_entry *entries;
} parts;

static void take_apart(parts *p, unsigned kind)
{
    nenc_arena_init(&p->arena, 1 << 24);
    toy_model_make(&p->st, &p->arena, kind);
    const size_t t = p->st.n_tensors, e = p->st.n_metadata;
    p->tensors = nenc_arena_zalloc(&p->arena, t + 1, sizeof *p->tensors);
    p->entries = nenc_arena_zalloc(&p->arena, e + 1, sizeof *p->entries);
    assert_true(p->tensors && p->entries);
    memcpy(p->tensors, p->st.tensors, t * sizeof *p->tensors);
    memcpy(p->entries, p->st.metadata, e * sizeof *p->entries);
    p->st.tensors = p->tensors;
    p->st.metadata = p->entries;
}

static nenc_st_tensor *find_tensor(parts *p, const char *name)
{
    for (size_t i = 0; i < p->st.n_tensors; i++)
        if (!strcmp(p->tensors[i].name, name))
            return &p->tensors[i];
    fail_msg("the toy has no %s", name);
    return NULL;
}

static nenc_st_entry *find_entry(parts *p, const char *key)
{
    for (size_t i = 0; i < p->st.n_metadata; i++)
        if (!strcmp(p->entries[i].key, key))
            return &p->entries[i];
    fail_msg("the toy has no %s", key);
    return NULL;
}

/* A copy of the tensor's bytes, to change. */
static uint8_t *own_bytes(parts *p, const char *name)
{
    nenc_st_tensor *t = find_tensor(p, name);
    uint8_t *bytes = nenc_arena_zalloc(&p->arena, t->size, 1);
    assert_non_null(bytes);
    memcpy(bytes, t->data, t->size);
    t->data = bytes;
    return bytes;
}

static nenc_status open_parts(parts *p, nenc_model **out)
{
    nenc_buffer b;
    nenc_buffer_init(&b, 1 << 24);
    nenc_safetensors_write(&b, &p->st);
    assert_false(b.failed);
    uint8_t *copy = malloc(b.size);
    assert_non_null(copy);
    memcpy(copy, b.data, b.size);
    const nenc_status st = nenc_model_open_memory(out, copy, b.size, &diag);
    free(copy);
    nenc_buffer_free(&b);
    nenc_arena_free(&p->arena);
    return st;
}

/* It must fail with NENC_EMODEL and a sentence that has `word` in it. */
static void must_fail(parts *p, const char *what, const char *word)
{
    nenc_model *m;
    const nenc_status st = open_parts(p, &m);
    if (st != NENC_EMODEL)
        fail_msg("%s: status %d", what, (int)st);
    assert_null(m);
    assert_int_equal(diag.status, NENC_EMODEL);
    if (!strstr(diag.text, word))
        fail_msg("%s: \"%s\" does not say \"%s\"", what, diag.text, word);
}

static void toys_open(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        parts p;
        nenc_model *a, *b = toy_model_open(k);
        take_apart(&p, k);
        if (open_parts(&p, &a) < 0)
            fail_msg("kind %u: %s", k, diag.text);
        assert_true(nenc_model_id(a) == nenc_model_id(b));
        assert_string_equal(nenc_model_codec(a), "hyperprior");
        assert_string_equal(nenc_model_metadata(a, "name"), "toy");
        assert_null(nenc_model_metadata(a, "nothing"));
        nenc_model_close(a);
        nenc_model_close(b);
    }
    nenc_model_close(NULL);
}

/* What only the encoder reads is no part of a model's identity. */
static void identity_covers_the_decoder(void **state)
{
    static const struct { const char *tensor; bool same; } cases[] = {
        { "g_a.a.weight", true }, { "h_a.b.bias", true },
        { "g_s.a.weight", false }, { "h_s.b.bias", false },
        { "y.inverse_gain", false }, { "y.thresholds", false },
    };
    nenc_model *good = toy_model_open(3), *m;
    parts p;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        take_apart(&p, 3);
        own_bytes(&p, cases[i].tensor)[0] ^= 1;
        assert_int_equal(open_parts(&p, &m), NENC_OK);
        assert_int_equal(nenc_model_id(m) == nenc_model_id(good),
                         cases[i].same);
        nenc_model_close(m);
    }
    take_apart(&p, 3);
    find_entry(&p, "name")->value = "other";
    assert_int_equal(open_parts(&p, &m), NENC_OK);
    assert_true(nenc_model_id(m) == nenc_model_id(good));
    nenc_model_close(m);
    nenc_model_close(good);
}

static void every_missing_part_is_named(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        parts p;
        take_apart(&p, k);
        const size_t n_tensors = p.st.n_tensors, n_entries = p.st.n_metadata;
        nenc_arena_free(&p.arena);
        for (size_t i = 0; i < n_tensors; i++) {
            char name[64];
            take_apart(&p, k);
            strncpy(name, p.tensors[i].name, sizeof name - 1);
            name[63] = 0;
            p.tensors[i] = p.tensors[--p.st.n_tensors];
            if (!strcmp(name, "y.gain") || !strcmp(name, "y.inverse_gain")
                || !strcmp(name, "y.offset") || !strcmp(name, "z.offset")) {
                nenc_arena_free(&p.arena);
                continue;                             /* optional */
            }
            must_fail(&p, name, name);
        }
        for (size_t i = 0; i < n_entries; i++) {
            char key[64];
            take_apart(&p, k);
            strncpy(key, p.entries[i].key, sizeof key - 1);
            key[63] = 0;
            p.entries[i] = p.entries[--p.st.n_metadata];
            if (strncmp(key, "nenc.", 5)) {
                nenc_arena_free(&p.arena);
                continue;
            }
            must_fail(&p, key, !strncmp(key, "nenc.net.", 9) ? key + 9 : key);
        }
    }
}

/* Every tensor with another shape, one of its values not finite. */
static void every_spoilt_tensor_is_named(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        parts p;
        take_apart(&p, k);
        const size_t n = p.st.n_tensors;
        nenc_arena_free(&p.arena);
        for (size_t i = 0; i < n; i++) {
            char name[64];
            take_apart(&p, k);
            nenc_st_tensor *t = &p.tensors[i];
            strncpy(name, t->name, sizeof name - 1);
            name[63] = 0;
            if (t->dtype == NENC_F16 || t->dtype == NENC_F32) {
                const size_t item = nenc_dtype_size(t->dtype);
                uint8_t *bytes = own_bytes(&p, name);
                bytes[t->size - 1] = 0x7f;
                bytes[t->size - 2] = 0x80;
                if (item == 2)
                    bytes[t->size - 1] = 0x7c;
                must_fail(&p, name, name);
                take_apart(&p, k);
                t = &p.tensors[i];
            }
            t->dims[t->n_dims++] = 1;
            must_fail(&p, name, name);
        }
    }
}

static void tables_are_checked(void **state)
{
    parts p;
    (void)state;
    take_apart(&p, 2);
    own_bytes(&p, "y.freqs")[0]++;
    must_fail(&p, "a sum over 65536", "sum");
    take_apart(&p, 2);
    own_bytes(&p, "z.freqs")[0]--;
    must_fail(&p, "a frequency less", "");
    take_apart(&p, 2);
    memset(own_bytes(&p, "y.freqs"), 0, 2);
    must_fail(&p, "a frequency of 0", "frequency");
    take_apart(&p, 2);
    own_bytes(&p, "y.lengths")[0]++;
    must_fail(&p, "a longer table", "table");
    take_apart(&p, 2);
    own_bytes(&p, "y.lengths")[3] = 0x80;
    must_fail(&p, "a negative length", "length");
    take_apart(&p, 2);
    own_bytes(&p, "y.offsets")[3] = 0x7f;
    must_fail(&p, "an offset of 2^31", "offset");
    take_apart(&p, 2);
    nenc_st_tensor *t = find_tensor(&p, "y.thresholds");
    t->dims[0] = --t->n_items;
    t->size -= 4;
    must_fail(&p, "too few thresholds", "thresholds");
    take_apart(&p, 2);
    uint8_t *v = own_bytes(&p, "y.thresholds");
    memcpy(v + 4, v, 4);
    must_fail(&p, "equal thresholds", "ascending");
    for (unsigned k = 0; k < 3; k += 2) {
        const char *what = k ? "z.offsets" : "y.offsets";
        take_apart(&p, k);
        t = find_tensor(&p, what);
        t->dims[0] = --t->n_items;
        t->size -= 4;
        must_fail(&p, "too few offsets", "offsets");
    }
}

static void configurations_are_checked(void **state)
{
    static const struct { const char *key, *value, *word; } cases[] = {
        { "nenc.codec", "h264", "h264" },
        { "nenc.entropy", "perfect", "perfect" },
        { "nenc.entropy", "scale", "channels" },
        { "nenc.latent_stride", "0", "latent_stride" },
        { "nenc.latent_stride", "-4", "latent_stride" },
        { "nenc.latent_stride", "", "latent_stride" },
        { "nenc.latent_stride", "4x", "latent_stride" },
        { "nenc.latent_stride", "99999999999999999999999", "latent_stride" },
        { "nenc.hyper_stride", "6", "strides" },
        { "nenc.hyper_stride", "257", "hyper_stride" },
        { "nenc.centred", "perhaps", "centred" },
        { "nenc.params", "scale", "params" },
        { "nenc.net.g_s", "net g_s\n", "g_s" },
        { "nenc.net.g_s", "net other\ninput y 6\nrelu\n", "g_s" },
        { "nenc.net.g_s", "net g_s\ninput y 6\nconv a 6\n", "g_s" },
        { "nenc.net.g_s", "net g_s\ninput y 6\n\nblur 3\n", "line 4" },
        { "nenc.net.g_s", "net g_s\ninput x 6\nslice 0 3\n", "input y" },
        { "nenc.net.g_s", "net g_s\ninput y 6\nslice 0 2\n", "channels" },
        { "nenc.net.g_s", "net g_s\ninput y 3\nrelu\n", "channels" },
        { "nenc.net.g_s", "net g_s\ninput y 6\ninput w 2\nslice 0 3 < y\n",
          "besides" },
        { "nenc.net.g_s", "net g_s\ninput y 6\ninput q 3\nslice 0 3 < y\n",
          "besides" },
        { "nenc.net.h_s", "net h_s\ninput z 4\nslice 0 3\n", "h_s" },
        { "nenc.net.h_s", "net h_s\ninput z 12\nrelu\n", "h_a" },
        { "net.g_a", "net g_a\ninput x 1\nconcat x x x x\n", "g_a" },
        { "net.h_a", "net h_a\ninput y 6\nrelu\n", "h_a" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parts p;
        take_apart(&p, 3);
        find_entry(&p, cases[i].key)->value = cases[i].value;
        must_fail(&p, cases[i].value, cases[i].word);
    }
}

/* Networks that open, but whose dims come out wrong for a picture. */
static void misfitting_networks_do_not_run(void **state)
{
    static const struct { const char *key, *value; } cases[] = {
        { "nenc.net.g_s", "net g_s\ninput y 6\nslice 0 3\n" },
        { "nenc.net.g_s", "net g_s\ninput y 6\npad 9 reflect\nslice 0 3\n" },
        { "nenc.net.h_s", "net h_s\ninput z 4\nconcat z z\n" },
        { "net.g_a", "net g_a\ninput x 3\nconcat x\n" },
        { "net.g_a", "net g_a\ninput x 3\nunshuffle 3\nslice 0 6\n" },
        { "net.h_a", "net h_a\ninput y 6\nslice 0 4\n" },
    };
    uint8_t data[48];
    memset(data, 9, sizeof data);
    const nenc_image im = { .width = 4, .height = 4, .channels = 3,
                            .bits = 8, .stride = 12, .data = data };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_model *m;
        nenc_image out;
        parts p;
        take_apart(&p, 3);
        find_entry(&p, cases[i].key)->value = cases[i].value;
        if (!strcmp(cases[i].key, "nenc.net.h_s"))
            find_entry(&p, "nenc.entropy")->value = "mean-scale";
        const nenc_status opened = open_parts(&p, &m);
        if (opened == NENC_EMODEL)
            continue;            /* concat gives other numbers of channels */
        assert_int_equal(opened, NENC_OK);
        const nenc_codec_params params = unit_store_params(&im, 0, 0, 0);
        unit_store units = { .n = 0 };
        nenc_status st = unit_store_encode(&units, m->codec, m->bound, &params,
                                           &im, &diag);
        if (!strcmp(cases[i].key, "nenc.net.g_s")) {
            nenc_sha256 symbols;
            assert_int_equal(st, NENC_OK);
            assert_int_equal(nenc_image_alloc(&out, 4, 4, 3, 8), NENC_OK);
            nenc_sha256_init(&symbols);
            st = unit_store_decode(&units, m->codec, m->bound, &params, &out,
                                   &symbols, &diag);
            nenc_image_free(&out);
        }
        unit_store_free(&units);
        assert_int_equal(st, NENC_EMODEL);
        nenc_model_close(m);
    }
}

/* Networks whose reach lies elsewhere than their place, and whose dims fit by
 * luck: nothing beyond their blocks may be read. */
static void networks_out_of_place_do_not_run(void **state)
{
    static const char g_s[] = "net g_s\ninput y 6\ncrop 1 > a\nconcat a a a > b"
                              "\nconcat b b b > c\nconcat c\nshuffle 8\n";
    static const char g_a[] = "net g_a\ninput x 3\ncrop 8\nunshuffle 2\n"
                              "slice 0 6\n";
    (void)state;
    for (int encoding = 0; encoding < 2; encoding++)
        for (uint32_t side = 32; side <= 96; side += 16) {
            parts p;
            nenc_model *m;
            nenc_image im, out;
            nenc_sha256 symbols;
            unit_store units = { .n = 0 };
            take_apart(&p, 0);
            find_entry(&p, encoding ? "net.g_a" : "nenc.net.g_s")->value
                = encoding ? g_a : g_s;
            assert_int_equal(open_parts(&p, &m), NENC_OK);
            assert_int_equal(nenc_image_alloc(&im, side, side, 3, 8), NENC_OK);
            assert_int_equal(nenc_image_alloc(&out, side, side, 3, 8),
                             NENC_OK);
            nenc_codec_params params = unit_store_params(&im, 0, 0, 50);
            nenc_sha256_init(&symbols);
            nenc_status st = unit_store_encode(&units, m->codec, m->bound,
                                               &params, &im, &diag);
            if (!encoding) {
                assert_int_equal(st, NENC_OK);
                st = unit_store_decode(&units, m->codec, m->bound, &params,
                                       &out, &symbols, &diag);
            }
            /* of 32 pixels the encoder's fits, and is harmless */
            assert_int_equal(st, encoding && side == 32 ? NENC_OK
                                                        : NENC_EMODEL);
            unit_store_free(&units);
            nenc_image_free(&im);
            nenc_image_free(&out);
            nenc_model_close(m);
        }
}

/* The same weights bound a thousand times must not take memory without end,
 * even where nothing else limits it. */
static void bound_memory_is_bounded(void **state)
{
    enum { REPEATS = 4000, SIDE = 400 };
    parts p;
    nenc_model *m;
    nenc_buffer text;
    (void)state;
    take_apart(&p, 0);
    nenc_buffer_init(&text, 1 << 20);
    nenc_buffer_put(&text, "net g_s\ninput y 6\nconv w 400 k=1\n", 33);
    for (int i = 0; i < REPEATS; i++)
        nenc_buffer_put(&text, "conv v 400 k=1\n", 15);
    nenc_buffer_put(&text, "slice 0 3\n", 11);
    find_entry(&p, "nenc.net.g_s")->value = (const char *)text.data;
    static const uint8_t zeros[4 * SIDE * SIDE];
    nenc_st_tensor *t = nenc_arena_zalloc(&p.arena, p.st.n_tensors + 4,
                                          sizeof *t);
    assert_non_null(t);
    memcpy(t, p.tensors, p.st.n_tensors * sizeof *t);
    const struct { const char *name; size_t dims[2]; } more[4] = {
        { "g_s.v.bias", { SIDE, 0 } }, { "g_s.v.weight", { SIDE, SIDE } },
        { "g_s.w.bias", { SIDE, 0 } }, { "g_s.w.weight", { SIDE, 6 } },
    };
    for (int i = 0; i < 4; i++) {
        nenc_st_tensor *x = &t[p.st.n_tensors++];
        *x = (nenc_st_tensor){ .name = more[i].name, .dtype = NENC_F32,
                               .n_dims = more[i].dims[1] ? 4 : 1,
                               .dims = { more[i].dims[0], more[i].dims[1], 1,
                                         1 }, .data = zeros };
        x->n_items = more[i].dims[0] * (more[i].dims[1] ? more[i].dims[1] : 1);
        x->size = 4 * x->n_items;
    }
    p.st.tensors = t;
    assert_int_equal(open_parts(&p, &m), NENC_OK);
    nenc_image im, out;
    unit_store units = { .n = 0 };
    nenc_sha256 symbols;
    assert_int_equal(nenc_image_alloc(&im, 16, 16, 3, 8), NENC_OK);
    assert_int_equal(nenc_image_alloc(&out, 16, 16, 3, 8), NENC_OK);
    nenc_codec_params params = unit_store_params(&im, 0, 0, 50);
    params.max_memory = SIZE_MAX / 64;
    nenc_sha256_init(&symbols);
    assert_int_equal(unit_store_encode(&units, m->codec, m->bound, &params,
                                       &im, &diag), NENC_OK);
    assert_int_equal(unit_store_decode(&units, m->codec, m->bound, &params,
                                       &out, &symbols, &diag), NENC_ELIMIT);
    unit_store_free(&units);
    nenc_image_free(&im);
    nenc_image_free(&out);
    nenc_model_close(m);
    nenc_buffer_free(&text);
}

static void files_are_read(void **state)
{
    nenc_model *m;
    (void)state;
    assert_int_equal(nenc_model_open(&m, "no such file", &diag), NENC_EIO);
    assert_null(m);
    assert_int_equal(nenc_model_open(&m, "/", &diag) < 0, 1);
    assert_int_equal(nenc_model_open(&m, "/dev/null", &diag), NENC_EMODEL);
    assert_int_equal(nenc_model_open_memory(&m, NULL, 0, &diag), NENC_EMODEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toys_open),
        cmocka_unit_test(identity_covers_the_decoder),
        cmocka_unit_test(every_missing_part_is_named),
        cmocka_unit_test(every_spoilt_tensor_is_named),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(misfitting_networks_do_not_run),
        cmocka_unit_test(networks_out_of_place_do_not_run),
        cmocka_unit_test(bound_memory_is_bounded),
        cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
