/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON reader against good and bad texts, each in a block of its own
 * size; the writer against the reader.  Not here: who uses them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

/* All tokens of a text as letters: {}[] k s n t f 0, then . or ! */
static void tokens_of(const void *text, size_t size, char *out, size_t room)
{
    static const char letters[] = {
        [NENC_JSON_ERROR] = '!', [NENC_JSON_END] = '.',
        [NENC_JSON_OBJECT] = '{', [NENC_JSON_OBJECT_END] = '}',
        [NENC_JSON_ARRAY] = '[', [NENC_JSON_ARRAY_END] = ']',
        [NENC_JSON_KEY] = 'k', [NENC_JSON_STRING] = 's',
        [NENC_JSON_NUMBER] = 'n', [NENC_JSON_TRUE] = 't',
        [NENC_JSON_FALSE] = 'f', [NENC_JSON_NULL] = '0',
    };
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    nenc_json j;
    nenc_json_init(&j, copy, size);
    nenc_json_token t = NENC_JSON_ERROR;
    do {
        t = nenc_json_next(&j);
        assert_true(room > 1);
        *out++ = letters[t];
        room--;
    } while (t != NENC_JSON_ERROR && t != NENC_JSON_END);
    *out = '\0';
    assert_true(j.at <= size);
    assert_int_equal(j.error != NULL, t == NENC_JSON_ERROR);
    assert_int_equal(nenc_json_next(&j), t);      /* it stays */
    free(copy);
}

static void expect_tokens(const char *text, const char *tokens)
{
    char got[128];
    tokens_of(text, strlen(text), got, sizeof got);
    if (strcmp(got, tokens))
        fail_msg("%s gave %s, not %s", text, got, tokens);
}

static void reads_values(void **state)
{
    (void)state;
    expect_tokens("{}", "{}.");
    expect_tokens(" [ ] \n\r\t", "[].");
    expect_tokens("{\"a\":1,\"b\":[true,false,null],\"c\":{\"\":\"x\"}}",
                  "{knk[tf0]k{ks}}.");
    expect_tokens("[[],{},[{}]]", "[[]{}[{}]].");
    expect_tokens("[0,-0,10,-1.50,2e9,3E+1,4.5e-7]", "[nnnnnnn].");
    expect_tokens("\"\"", "s.");
    expect_tokens("7", "n.");
    expect_tokens("null", "0.");
}

static void refuses_what_is_no_json(void **state)
{
    static const char *const texts[] = {
        "", " ", "{", "[", "}", "]", "{]", "[}", "[1,]", "{\"a\":1,}", "[,]",
        "{,}", "[1 2]", "{\"a\" 1}", "{\"a\":}", "{\"a\"}", "{1:2}", "{a:1}",
        "{\"a\":1 \"b\":2}", "[1]]", "{}{}", "[] x", "tru", "truE", "nul",
        "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.",
        ".5", "1e", "1e+", "0x1", "1.e3", "--1", "'a'", "\"a", "\"a\\\"",
        "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\", "\"\\u", "\"\\u0000\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"",
        "\"\\ud800\\ud800\"", "\"\\ud800\\u\"", "\"a\nb\"", "\"\x01\"",
        "\"\x80\"", "\"\xc0\xaf\"", "\"\xc1\x81\"", "\"\xc3\"",
        "\"\xe0\x9f\xbf\"", "\"\xed\xa0\x80\"", "\"\xf0\x8f\xbf\xbf\"",
        "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\"",
        "\"\xff\"", "/**/1", "[1]//", "\xef\xbb\xbf{}", "\f{}",
    };
    char got[128];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tokens_of(texts[i], strlen(texts[i]), got, sizeof got);
        if (!strchr(got, '!'))
            fail_msg("text %zu, %s, gave %s", i, texts[i], got);
    }
    tokens_of("[\0]", 3, got, sizeof got);
    assert_string_equal(got, "[!");
    tokens_of("{}\0", 3, got, sizeof got);
    assert_string_equal(got, "{}!");
}

static void limits_depth(void **state)
{
    char text[2 * NENC_JSON_MAX_DEPTH + 3] = "", got[256];
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        const size_t n = NENC_JSON_MAX_DEPTH + (size_t)extra;
        memset(text, '[', n);
        memset(text + n, ']', n);
        tokens_of(text, 2 * n, got, sizeof got);
        assert_int_equal(strchr(got, '!') != NULL, extra);
    }
}

static void no_prefix_is_whole(void **state)
{
    static const char text[] =
        "{\"k\\n\xc3\xa4\":[1,-2.5e+3,\"\\ud83d\\ude00\",true,false,null,{}],"
        "\"\":\"\xf0\x9f\x98\x80\"}";
    char got[128];
    (void)state;
    tokens_of(text, sizeof text - 1, got, sizeof got);
    assert_string_equal(got, "{k[nnstf0{}]ks}.");
    for (size_t n = 0; n < sizeof text - 1; n++) {
        tokens_of(text, n, got, sizeof got);
        assert_non_null(strchr(got, '!'));
    }
}

static void unescapes(void **state)
{
    static const char text[] =
        "\"q\\\"b\\\\s\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\uD83d\\uDE00z\"";
    static const char plain[] =
        "q\"b\\s/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    nenc_json j;
    (void)state;
    nenc_json_init(&j, text, sizeof text - 1);
    assert_int_equal(nenc_json_next(&j), NENC_JSON_STRING);
    char *got = malloc(j.to - j.from + 1);
    assert_non_null(got);
    assert_int_equal(nenc_json_text(&j, got), sizeof plain - 1);
    assert_string_equal(got, plain);
    assert_true(nenc_json_is(&j, plain));
    assert_false(nenc_json_is(&j, ""));
    assert_false(nenc_json_is(&j, "q\"b\\s"));
    got[sizeof plain - 2] = 'y';
    assert_false(nenc_json_is(&j, got));
    free(got);
}

static bool u64_of(const char *text, uint64_t *v)
{
    nenc_json j;
    nenc_json_init(&j, text, strlen(text));
    assert_int_equal(nenc_json_next(&j), NENC_JSON_NUMBER);
    return nenc_json_u64(&j, v);
}

static void converts_whole_numbers(void **state)
{
    uint64_t v = 1;
    (void)state;
    assert_true(u64_of("0", &v) && v == 0);
    assert_true(u64_of("4096", &v) && v == 4096);
    assert_true(u64_of("18446744073709551615", &v) && v == UINT64_MAX);
    v = 5;
    assert_false(u64_of("18446744073709551616", &v));
    assert_false(u64_of("99999999999999999999", &v));
    assert_false(u64_of("-1", &v));
    assert_false(u64_of("-0", &v));
    assert_false(u64_of("1.0", &v));
    assert_false(u64_of("1e3", &v));
    assert_int_equal(v, 5);
}

static void writes_what_it_reads(void **state)
{
    char all[256], back[256];
    nenc_buffer buf;
    nenc_json j;
    (void)state;
    for (int i = 0; i < 127; i++)
        all[i] = (char)(i + 1);
    strcpy(all + 127, "\xc3\xa4\xf0\x9f\x98\x80");
    nenc_buffer_init(&buf, 4096);
    nenc_json_put_string(&buf, all);
    assert_false(buf.failed);
    nenc_json_init(&j, buf.data, buf.size);
    assert_int_equal(nenc_json_next(&j), NENC_JSON_STRING);
    nenc_json_text(&j, back);
    assert_string_equal(back, all);
    assert_int_equal(nenc_json_next(&j), NENC_JSON_END);
    nenc_buffer_free(&buf);

    nenc_json_put(&buf, "[");
    nenc_json_put_u64(&buf, 0);
    nenc_json_put(&buf, ",");
    nenc_json_put_u64(&buf, UINT64_MAX);
    nenc_json_put(&buf, ",");
    nenc_json_put_string(&buf, "a\xff\xe2\x82z");
    nenc_buffer_put(&buf, "]", 2);
    assert_string_equal((char *)buf.data, "[0,18446744073709551615,"
                        "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"]");
    nenc_buffer_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(no_prefix_is_whole),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(converts_whole_numbers),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
