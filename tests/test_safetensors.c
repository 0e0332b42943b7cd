/* SPDX-License-Identifier: BSD-2-Clause */
/* safetensors files, good and hostile, each in a block of its exact size.
 * Not here: JSON by itself (test_json.c), half precision (test_float16.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "safetensors.h"

/* A file as Python's safetensors.numpy.save({"b": uint8 [3], "a": float16
 * [2, 2], "s": float32 []}, {"name": "x\n\u00e4"}) lays it out. */
static const char python_header[] =
    "{\"__metadata__\":{\"name\":\"x\\n\xc3\xa4\"},"
    "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
    "\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[4,12]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[12,15]}}      ";
static const uint8_t python_body[15] = {
    0x00, 0x00, 0xc0, 0x3f,                              /* 1.5 */
    0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b,      /* 1 -2 2^-24 65504 */
    7, 0, 255,
};

typedef struct file {
    nenc_arena arena;
    nenc_safetensors st;
    nenc_diag diag;
    uint8_t *bytes;
} file;

static nenc_status parse_bytes(file *f, const void *bytes, size_t size)
{
    memset(f, 0, sizeof *f);
    nenc_arena_init(&f->arena, 1 << 20);
    f->bytes = malloc(size + !size);
    assert_non_null(f->bytes);
    memcpy(f->bytes, bytes, size);
    return nenc_safetensors_parse(&f->st, &f->arena, f->bytes, size, &f->diag);
}

static nenc_status parse(file *f, const char *header, const void *body,
                         size_t body_size)
{
    uint8_t bytes[8192] = { 0 };
    const size_t length = strlen(header);
    assert_true(length + body_size + 8 <= sizeof bytes);
    nenc_bytes_put_u32(bytes, (uint32_t)length);
    memcpy(bytes + 8, header, length);
    if (body_size)
        memcpy(bytes + 8 + length, body, body_size);
    return parse_bytes(f, bytes, 8 + length + body_size);
}

static void close_file(file *f)
{
    nenc_arena_free(&f->arena);
    free(f->bytes);
}

static void reads_what_python_writes(void **state)
{
    const size_t two[2] = { 2, 2 }, any = 0;
    file f;
    float *v;
    int32_t *i;
    (void)state;
    assert_int_equal(parse(&f, python_header, python_body, 15), NENC_OK);
    assert_int_equal(f.st.n_tensors, 3);
    assert_int_equal(f.st.n_metadata, 1);
    assert_string_equal(f.st.tensors[0].name, "a");
    assert_string_equal(f.st.tensors[1].name, "b");
    assert_string_equal(f.st.tensors[2].name, "s");
    assert_string_equal(nenc_safetensors_metadata(&f.st, "name"),
                        "x\n\xc3\xa4");
    assert_null(nenc_safetensors_metadata(&f.st, "nam"));
    assert_null(nenc_safetensors_find(&f.st, ""));

    const nenc_st_tensor *b = nenc_safetensors_find(&f.st, "b");
    assert_int_equal(b->dtype, NENC_U8);
    assert_int_equal(b->n_dims, 1);
    assert_int_equal(b->dims[0], 3);
    assert_int_equal(b->n_items, 3);
    assert_int_equal(b->size, 3);
    assert_memory_equal(b->data, python_body + 12, 3);

    assert_int_equal(nenc_safetensors_f32(&v, &f.st, &f.arena, "a", two, 2,
                                          NULL), NENC_OK);
    assert_true(v[0] == 1 && v[1] == -2 && v[2] == 0x1p-24f && v[3] == 65504);
    assert_int_equal(nenc_safetensors_f32(&v, &f.st, &f.arena, "s", NULL, 0,
                                          NULL), NENC_OK);
    assert_true(v[0] == 1.5f);
    assert_int_equal(nenc_safetensors_i32(&i, &f.st, &f.arena, "b", &any, 1,
                                          NULL), NENC_OK);
    assert_true(i[0] == 7 && i[1] == 0 && i[2] == 255);
    close_file(&f);
}

static void reads_small_files(void **state)
{
    file f;
    (void)state;
    assert_int_equal(parse(&f, "{}", NULL, 0), NENC_OK);
    assert_int_equal(f.st.n_tensors + f.st.n_metadata, 0);
    assert_null(nenc_safetensors_find(&f.st, "a"));
    assert_null(nenc_safetensors_metadata(&f.st, "a"));
    close_file(&f);
    assert_int_equal(parse(&f, "{\"__metadata__\":{}}", NULL, 0), NENC_OK);
    close_file(&f);
    /* empty tensors share a place with each other and with the next one */
    assert_int_equal(parse(&f, "{\"b\":{\"shape\":[4,0],\"dtype\":\"F32\","
        "\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"I8\",\"shape\":[1,1],"
        "\"data_offsets\":[0,1]},\"c\":{\"dtype\":\"F64\",\"shape\":[0],"
        "\"data_offsets\":[1,1]}}", "x", 1), NENC_OK);
    assert_int_equal(nenc_safetensors_find(&f.st, "b")->n_items, 0);
    close_file(&f);
}

static void names_may_need_escapes(void **state)
{
    file f;
    (void)state;
    assert_int_equal(parse(&f, "{\"\\u0061\\\"\\ud83d\\ude00\":{\"dtype\":"
        "\"U8\",\"sh\\u0061pe\":[1],\"data_offsets\":[0,1]}}", "x", 1),
        NENC_OK);
    assert_non_null(nenc_safetensors_find(&f.st, "a\"\xf0\x9f\x98\x80"));
    close_file(&f);
}

#define T(name, dtype, shape, range) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape \
    ",\"data_offsets\":" range "}"

/* Each over a body of 8 bytes. */
static void refuses_bad_headers(void **state)
{
    static const char *const headers[] = {
        "", " ", "[]", " {}", "{", "null", "{}", "{} {}", "{},",
        "{" T("a", "U8", "[8]", "[0,8]") "}\t\v",
        /* ranges */
        "{" T("a", "U8", "[7]", "[0,7]") "}",
        "{" T("a", "U8", "[7]", "[1,8]") "}",
        "{" T("a", "U8", "[9]", "[0,9]") "}",
        "{" T("a", "U8", "[8]", "[8,0]") "}",
        "{" T("a", "U8", "[8]", "[0,8]") "," T("b", "U8", "[1]", "[7,8]") "}",
        "{" T("a", "U8", "[8]", "[0,8]") "," T("b", "U8", "[8]", "[0,8]") "}",
        "{" T("a", "U8", "[8]", "[0,8]") "," T("b", "U8", "[0]", "[4,4]") "}",
        "{" T("a", "U8", "[5]", "[0,5]") "," T("b", "U8", "[4]", "[4,8]") "}",
        "{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[3]", "[5,8]") "}",
        "{" T("a", "U8", "[8]", "[0,8]") "," T("b", "U8", "[0]", "[9,9]") "}",
        "{" T("a", "U8", "[8]", "[0,18446744073709551615]") "}",
        "{" T("a", "U8", "[8]", "[18446744073709551615,7]") "}",
        "{" T("a", "U8", "[8]", "[18446744073709551616,8]") "}",
        "{" T("a", "U8", "[8]", "[0]") "}",
        "{" T("a", "U8", "[8]", "[]") "}",
        "{" T("a", "U8", "[8]", "[0,8,8]") "}",
        "{" T("a", "U8", "[8]", "[-0,8]") "}",
        "{" T("a", "U8", "[8]", "[0.0,8]") "}",
        "{" T("a", "U8", "[8]", "[0,\"8\"]") "}",
        "{" T("a", "U8", "[8]", "8") "}",
        "{" T("a", "U8", "[8]", "null") "}",
        /* dims */
        "{" T("a", "U8", "[]", "[0,8]") "}",
        "{" T("a", "F32", "[8]", "[0,8]") "}",
        "{" T("a", "U8", "[0]", "[0,8]") "}",
        "{" T("a", "U8", "[8e0]", "[0,8]") "}",
        "{" T("a", "U8", "[-8]", "[0,8]") "}",
        "{" T("a", "U8", "[[8]]", "[0,8]") "}",
        "{" T("a", "U8", "8", "[0,8]") "}",
        "{" T("a", "U8", "[1,1,1,1,1,1,1,1,8]", "[0,8]") "}",
        "{" T("a", "U8", "[4294967296,4294967296]", "[0,8]") "}",
        "{" T("a", "U8", "[9223372036854775808,2]", "[0,0]") ","
            T("b", "U8", "[8]", "[0,8]") "}",
        "{" T("a", "F64", "[2305843009213693953]", "[0,8]") "}",
        "{" T("a", "U8", "[9223372036854775808,2,0]", "[0,0]") ","
            T("b", "U8", "[8]", "[0,8]") "}",
        "{" T("a", "U8", "[0,9223372036854775808,2]", "[0,0]") ","
            T("b", "U8", "[8]", "[0,8]") "}",
        /* dtypes */
        "{" T("a", "", "[8]", "[0,8]") "}",
        "{" T("a", "u8", "[8]", "[0,8]") "}",
        "{" T("a", "U88", "[8]", "[0,8]") "}",
        "{" T("a", "F8_E4M3", "[8]", "[0,8]") "}",
        "{\"a\":{\"dtype\":8,\"shape\":[8],\"data_offsets\":[0,8]}}",
        /* fields */
        "{\"a\":8}", "{\"a\":[]}", "{\"a\":{}}",
        "{\"a\":{\"shape\":[8],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[8],"
            "\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8],"
            "\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8],"
            "\"more\":1}}",
        /* names */
        "{" T("a", "U8", "[4]", "[0,4]") "," T("a", "U8", "[4]", "[4,8]") "}",
        "{" T("a", "U8", "[4]", "[0,4]") "," T("\\u0061", "U8", "[4]", "[4,8]")
            "}",
        "{" T("\\u001b", "U8", "[8]", "[0,8]") "}",
        "{" T("\\n", "U8", "[8]", "[0,8]") "}",
        "{" T("\x7f", "U8", "[8]", "[0,8]") "}",
        "{" T("a\\u0000b", "U8", "[8]", "[0,8]") "}",
        "{" T("\xff", "U8", "[8]", "[0,8]") "}",
        "{" T("\xed\xa0\x80", "U8", "[8]", "[0,8]") "}",
        "{" T("\\ud800", "U8", "[8]", "[0,8]") "}",
        "{" T("\\q", "U8", "[8]", "[0,8]") "}",
        /* metadata */
        "{\"__metadata__\":[]," T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":\"x\"," T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":{\"a\":1}," T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":{\"a\":{\"b\":\"c\"}},"
            T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"},"
            T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":{},\"__metadata__\":{},"
            T("a", "U8", "[8]", "[0,8]") "}",
        "{\"__metadata__\":{\"\\t\":\"\"}," T("a", "U8", "[8]", "[0,8]") "}",
        /* what would be read if the end of the header were not one */
        "{" T("a", "U8", "[8]", "[0,8]"), "{\"a", "{\"a\":{\"dtype\":\"U8",
    };
    file f;
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        const nenc_status st = parse(&f, headers[i], "}}}\"]]]]", 8);
        if (st != NENC_EMODEL)
            fail_msg("header %zu, %s: %s", i, headers[i], nenc_strerror(st));
        assert_int_equal(f.diag.status, NENC_EMODEL);
        assert_true(strlen(f.diag.text) > 10);
        assert_null(f.st.tensors);
        close_file(&f);
    }
    assert_int_equal(parse(&f, "{" T("a", "U8", "[8]", "[0,8]") "}  \n",
                           "}}}\"]]]]", 8), NENC_OK);
    close_file(&f);
}

static void refuses_bad_lengths(void **state)
{
    static const uint64_t lengths[] = {
        0, 1, 3, 11, (16u << 20) + 1, UINT32_MAX, (uint64_t)1 << 63,
        UINT64_MAX - 7, UINT64_MAX,
    };
    file f;
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t bytes[10] = { 0, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
        nenc_bytes_put_u32(bytes, (uint32_t)lengths[i]);
        nenc_bytes_put_u32(bytes + 4, (uint32_t)(lengths[i] >> 32));
        assert_int_equal(parse_bytes(&f, bytes, sizeof bytes), NENC_EMODEL);
        close_file(&f);
    }
}

static void refuses_deep_nesting(void **state)
{
    char header[5000];
    file f;
    (void)state;
    memset(header, '[', sizeof header);
    memcpy(header, "{\"a\":", 5);
    header[sizeof header - 1] = '\0';
    assert_int_equal(parse(&f, header, NULL, 0), NENC_EMODEL);
    assert_non_null(strstr(f.diag.text, "deep"));
    close_file(&f);
}

static void refuses_every_truncation(void **state)
{
    uint8_t bytes[512] = { 0 };
    const size_t length = sizeof python_header - 1, size = 8 + length + 15;
    file f;
    (void)state;
    nenc_bytes_put_u32(bytes, (uint32_t)length);
    memcpy(bytes + 8, python_header, length);
    memcpy(bytes + 8 + length, python_body, 15);
    for (size_t n = 0; n < size; n++) {
        const nenc_status st = parse_bytes(&f, bytes, n);
        if (st != NENC_EMODEL)
            fail_msg("prefix of %zu bytes: %s", n, nenc_strerror(st));
        close_file(&f);
    }
    assert_int_equal(parse_bytes(&f, bytes, size), NENC_OK);
    close_file(&f);
    assert_int_equal(parse_bytes(&f, bytes, size + 1), NENC_EMODEL);
    close_file(&f);
}

static void respects_the_cap(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 4096; cap += 64) {
        uint8_t bytes[512] = { 0 };
        const size_t length = sizeof python_header - 1;
        nenc_safetensors st;
        nenc_arena arena;
        nenc_arena_init(&arena, cap);
        nenc_bytes_put_u32(bytes, (uint32_t)length);
        memcpy(bytes + 8, python_header, length);
        const nenc_status got = nenc_safetensors_parse(&st, &arena, bytes,
                                                       8 + length + 15, NULL);
        assert_true(got == NENC_OK || got == NENC_ELIMIT);
        assert_true(arena.used <= cap);
        nenc_arena_free(&arena);
    }
}

/* A file of one tensor "t" of `n` items in a row, as f32 or i32. */
static nenc_status value(const char *dtype, const void *body, size_t size,
                         size_t n, float *real, int32_t *whole)
{
    char header[128];
    file f;
    float *v = NULL;
    int32_t *i = NULL;
    snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],"
             "\"data_offsets\":[0,%zu]}}", dtype, n, size);
    assert_int_equal(parse(&f, header, body, size), NENC_OK);
    const nenc_status st = real
        ? nenc_safetensors_f32(&v, &f.st, &f.arena, "t", &n, 1, &f.diag)
        : nenc_safetensors_i32(&i, &f.st, &f.arena, "t", &n, 1, &f.diag);
    if (st < 0)
        assert_non_null(strstr(f.diag.text, "tensor t "));
    else if (real)
        memcpy(real, v, n * sizeof *v);
    else
        memcpy(whole, i, n * sizeof *i);
    close_file(&f);
    return st;
}

static void every_weight_is_finite(void **state)
{
    static const struct {
        const char *dtype;
        uint8_t bytes[8];
        bool good;
        float v;
    } cases[] = {
        { "F64", { 0, 0, 0, 0, 0, 0, 0xf0, 0x7f }, false, 0 },
        { "F64", { 1, 0, 0, 0, 0, 0, 0xf0, 0xff }, false, 0 },
        { "F64", { 0, 0, 0, 0xf0, 0xff, 0xff, 0xef, 0x47 }, false, 0 },
        { "F64", { 0, 0, 0, 0xf0, 0xff, 0xff, 0xef, 0xc7 }, false, 0 },
        { "F64", { 255, 255, 255, 0xef, 255, 255, 0xef, 0x47 }, true,
          0x1.fffffep127f },
        { "F64", { 0, 0, 0, 0x10, 0, 0, 0xf0, 0x3f }, true, 1 },
        { "F64", { 0, 0, 0, 0x30, 0, 0, 0xf0, 0xbf }, true, -0x1.000004p0f },
        { "F32", { 0, 0, 0x80, 0x7f }, false, 0 },
        { "F32", { 1, 0, 0x80, 0xff }, false, 0 },
        { "F32", { 255, 255, 0x7f, 0x7f }, true, 0x1.fffffep127f },
        { "F32", { 1, 0, 0, 0x80 }, true, -0x1p-149f },
        { "F16", { 0, 0x7c }, false, 0 },
        { "F16", { 1, 0xfc }, false, 0 },
        { "F16", { 0xff, 0xfb }, true, -65504 },
        { "BF16", { 0x80, 0x7f }, false, 0 },
        { "BF16", { 0xc0, 0xff }, false, 0 },
        { "BF16", { 0x80, 0xbf }, true, -1 },
    };
    float v;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t size = cases[i].dtype[0] == 'B' ? 2
                          : (size_t)atoi(cases[i].dtype + 1) / 8;
        const nenc_status st = value(cases[i].dtype, cases[i].bytes, size, 1,
                                     &v, NULL);
        if (st != (cases[i].good ? NENC_OK : NENC_EMODEL)
            || (cases[i].good && v != cases[i].v))
            fail_msg("case %zu: %s, %a", i, nenc_strerror(st), (double)v);
    }
    assert_int_equal(value("I32", "abcd", 4, 1, &v, NULL), NENC_EMODEL);
    assert_int_equal(value("BOOL", "a", 1, 1, &v, NULL), NENC_EMODEL);
}

/* Whichever of many values is the bad one. */
static void finds_one_bad_weight(void **state)
{
    enum { N = 150 };
    uint8_t body[2 * N] = { 0 };
    float v[N];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        body[2 * i + 1] = 0x7c;
        assert_int_equal(value("F16", body, 2 * N, N, v, NULL), NENC_EMODEL);
        body[2 * i + 1] = 0x7b;
    }
    assert_int_equal(value("F16", body, 2 * N, N, v, NULL), NENC_OK);
}

static void converts_integers(void **state)
{
    static const uint8_t low[8] = { 0, 0, 0, 0x80, 255, 255, 255, 255 };
    static const uint8_t high[8] = { 255, 255, 255, 0x7f, 0, 0, 0, 0 };
    static const uint8_t below[8] = { 255, 255, 255, 0x7f, 255, 255, 255, 255 };
    static const uint8_t above[8] = { 0, 0, 0, 0x80, 0, 0, 0, 0 };
    static const uint8_t lowest[8] = { 0, 0, 0, 0, 0, 0, 0, 0x80 };
    int32_t v[4];
    (void)state;
    assert_int_equal(value("I64", low, 8, 1, NULL, v), NENC_OK);
    assert_int_equal(v[0], INT32_MIN);
    assert_int_equal(value("I64", high, 8, 1, NULL, v), NENC_OK);
    assert_int_equal(v[0], INT32_MAX);
    assert_int_equal(value("I64", below, 8, 1, NULL, v), NENC_EMODEL);
    assert_int_equal(value("I64", above, 8, 1, NULL, v), NENC_EMODEL);
    assert_int_equal(value("I64", lowest, 8, 1, NULL, v), NENC_EMODEL);
    assert_int_equal(value("I32", low, 8, 2, NULL, v), NENC_OK);
    assert_true(v[0] == INT32_MIN && v[1] == -1);
    assert_int_equal(value("U32", high, 4, 1, NULL, v), NENC_OK);
    assert_int_equal(v[0], INT32_MAX);
    assert_int_equal(value("U32", above, 4, 1, NULL, v), NENC_EMODEL);
    assert_int_equal(value("I16", low, 8, 4, NULL, v), NENC_OK);
    assert_true(v[0] == 0 && v[1] == -32768 && v[2] == -1);
    assert_int_equal(value("U16", low, 4, 2, NULL, v), NENC_OK);
    assert_int_equal(v[1], 32768);
    assert_int_equal(value("I8", low + 2, 3, 3, NULL, v), NENC_OK);
    assert_true(v[0] == 0 && v[1] == -128 && v[2] == -1);
    assert_int_equal(value("U8", low + 3, 2, 2, NULL, v), NENC_OK);
    assert_true(v[0] == 128 && v[1] == 255);
    assert_int_equal(value("BOOL", low, 1, 1, NULL, v), NENC_EMODEL);
    assert_int_equal(value("F32", low, 4, 1, NULL, v), NENC_EMODEL);
}

static void names_what_does_not_fit(void **state)
{
    const size_t dims[2] = { 0, 3 };
    file f;
    float *v;
    (void)state;
    assert_int_equal(parse(&f, python_header, python_body, 15), NENC_OK);
    assert_int_equal(nenc_safetensors_f32(&v, &f.st, &f.arena, "g_a.0", dims,
                                          2, &f.diag), NENC_EMODEL);
    assert_non_null(strstr(f.diag.text, "g_a.0"));
    assert_int_equal(nenc_safetensors_f32(&v, &f.st, &f.arena, "a", dims, 2,
                                          &f.diag), NENC_EMODEL);
    assert_string_equal(f.diag.text, "tensor a is 2x2, not *x3");
    assert_int_equal(nenc_safetensors_f32(&v, &f.st, &f.arena, "s", dims, 1,
                                          &f.diag), NENC_EMODEL);
    assert_string_equal(f.diag.text, "tensor s is a scalar, not *");
    close_file(&f);
}

static void writes_what_it_reads(void **state)
{
    static const uint8_t data[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const nenc_st_entry metadata[] = { { "k", "line\nline" }, { "a", "" } };
    const nenc_st_tensor tensors[] = {
        { .name = "b", .dtype = NENC_U8, .n_dims = 1, .dims = { 3 },
          .n_items = 3, .size = 3, .data = data },
        { .name = "z\"\xc3\xa4", .dtype = NENC_F64, .n_dims = 2,
          .dims = { 1, 2 }, .n_items = 2, .size = 16, .data = data + 3 },
        { .name = "a", .dtype = NENC_F16, .n_dims = 1, .dims = { 5 },
          .n_items = 5, .size = 10, .data = data + 1 },
        { .name = "e", .dtype = NENC_F32, .n_dims = 2, .dims = { 0, 7 },
          .data = data },
        { .name = "d", .dtype = NENC_I32, .n_items = 1, .size = 4,
          .data = data + 7 },
    };
    const nenc_safetensors st = { .n_tensors = 5, .n_metadata = 2,
                                  .tensors = tensors, .metadata = metadata };
    nenc_buffer buf;
    file f;
    (void)state;
    nenc_buffer_init(&buf, 4096);
    nenc_safetensors_write(&buf, &st);
    assert_false(buf.failed);
    assert_int_equal(parse_bytes(&f, buf.data, buf.size), NENC_OK);
    assert_int_equal(f.st.n_tensors, 5);
    assert_string_equal(nenc_safetensors_metadata(&f.st, "k"), "line\nline");
    for (size_t i = 0; i < 5; i++) {
        const nenc_st_tensor *want = &tensors[i];
        const nenc_st_tensor *got = nenc_safetensors_find(&f.st, want->name);
        assert_non_null(got);
        assert_int_equal(got->dtype, want->dtype);
        assert_int_equal(got->n_dims, want->n_dims);
        assert_memory_equal(got->dims, want->dims, sizeof want->dims);
        assert_int_equal(got->n_items, want->n_items);
        assert_int_equal(got->size, want->size);
        assert_memory_equal(got->data, want->data, want->size);
        /* aligned to its type within the file */
        assert_int_equal((size_t)(got->data - f.bytes)
                         % nenc_dtype_size(got->dtype), 0);
    }
    close_file(&f);
    for (size_t ceiling = 0; ceiling < buf.size; ceiling += 7) {
        nenc_buffer small;
        nenc_buffer_init(&small, ceiling);
        nenc_safetensors_write(&small, &st);
        assert_true(small.failed);
        nenc_buffer_free(&small);
    }
    nenc_buffer_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_python_writes),
        cmocka_unit_test(reads_small_files),
        cmocka_unit_test(names_may_need_escapes),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_bad_lengths),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(respects_the_cap),
        cmocka_unit_test(every_weight_is_finite),
        cmocka_unit_test(finds_one_bad_weight),
        cmocka_unit_test(converts_integers),
        cmocka_unit_test(names_what_does_not_fit),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
