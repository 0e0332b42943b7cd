/* SPDX-License-Identifier: BSD-2-Clause */
/* A strict JSON reader without recursion or memory, and escaping.
 * Not here: what any text means. */
#include <string.h>

#include "json.h"

/* What the grammar allows next. */
enum {
    WANT_VALUE,
    WANT_KEY,             /* after a comma in an object */
    WANT_FIRST,           /* after an opening bracket: an item, or the end */
    WANT_MORE,            /* after an item: a comma, or the end */
    WANT_NOTHING          /* after the outermost value */
};

void nenc_json_init(nenc_json *json, const void *data, size_t size)
{
    *json = (nenc_json){ .data = data, .size = size, .expect = WANT_VALUE };
}

static nenc_json_token fail(nenc_json *j, const char *error)
{
    j->error = error;
    return NENC_JSON_ERROR;
}

/* The byte at j->at, or -1 at the end. */
static int peek(const nenc_json *j)
{
    return j->at < j->size ? j->data[j->at] : -1;
}

static void skip_space(nenc_json *j)
{
    for (int c = peek(j); c == ' ' || c == '\n' || c == '\r' || c == '\t';
         c = peek(j))
        j->at++;
}

/* Bytes of the well-formed UTF-8 sequence at p (Unicode's table 3-7: no
 * overlong forms, no surrogates, nothing above U+10FFFF), or 0. */
static size_t utf8_length(const uint8_t *p, size_t size)
{
    const uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    const size_t n = c >= 0xc2 && c <= 0xdf ? 2
                   : c >= 0xe0 && c <= 0xef ? 3
                   : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || n > size)
        return 0;
    const uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

static size_t utf8_put(uint8_t out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    const size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | code);
    return n;
}

/* Four hexadecimal digits, or UINT32_MAX. */
static uint32_t hex4(const uint8_t *p, size_t size)
{
    uint32_t v = 0;
    if (size < 4)
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t c = p[i];
        const int digit = c >= '0' && c <= '9' ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return UINT32_MAX;
        v = v << 4 | (uint32_t)digit;
    }
    return v;
}

/* The code point of the escape at p (a backslash), and its length; length 0
 * where it is none. */
static uint32_t read_escape(const uint8_t *p, size_t size, size_t *length)
{
    static const char names[] = "\"\\/bfnrt";
    static const char codes[] = "\"\\/\b\f\n\r\t";
    *length = 0;
    if (size < 2)
        return 0;
    const char *name = p[1] ? strchr(names, p[1]) : NULL;
    if (name) {
        *length = 2;
        return (uint8_t)codes[name - names];
    }
    uint32_t code = p[1] == 'u' ? hex4(p + 2, size - 2) : UINT32_MAX;
    if (code == 0 || code == UINT32_MAX || (code >= 0xdc00 && code < 0xe000))
        return 0;
    if (code < 0xd800 || code >= 0xe000) {
        *length = 6;
        return code;
    }
    if (size < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    const uint32_t low = hex4(p + 8, size - 8);
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    *length = 12;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* The string whose opening quote is at j->at, checked but not unescaped. */
static bool scan_string(nenc_json *j)
{
    j->from = ++j->at;
    for (;;) {
        const int c = peek(j);
        size_t n = 1;
        if (c < 0) {
            fail(j, "a string without its end");
            return false;
        }
        if (c == '"') {
            j->to = j->at++;
            return true;
        }
        if (c < 0x20) {
            fail(j, "a control character in a string");
            return false;
        }
        if (c == '\\')
            read_escape(j->data + j->at, j->size - j->at, &n);
        else
            n = utf8_length(j->data + j->at, j->size - j->at);
        if (n == 0) {
            fail(j, c == '\\' ? "not an escape" : "not UTF-8");
            return false;
        }
        j->at += n;
    }
}

static bool scan_digits(nenc_json *j)
{
    const size_t first = j->at;
    while (peek(j) >= '0' && peek(j) <= '9')
        j->at++;
    return j->at > first;
}

static nenc_json_token scan_number(nenc_json *j)
{
    j->from = j->at;
    if (peek(j) == '-')
        j->at++;
    if (peek(j) == '0')
        j->at++;
    else if (!scan_digits(j))
        return fail(j, "not a number");
    if (peek(j) == '.') {
        j->at++;
        if (!scan_digits(j))
            return fail(j, "not a number");
    }
    if (peek(j) == 'e' || peek(j) == 'E') {
        j->at++;
        if (peek(j) == '+' || peek(j) == '-')
            j->at++;
        if (!scan_digits(j))
            return fail(j, "not a number");
    }
    j->to = j->at;
    return NENC_JSON_NUMBER;
}

static nenc_json_token scan_word(nenc_json *j, const char *word,
                                 nenc_json_token token)
{
    const size_t n = strlen(word);
    if (j->size - j->at < n || memcmp(j->data + j->at, word, n))
        return fail(j, "not a value");
    j->from = j->at;
    j->to = j->at += n;
    return token;
}

static void item_done(nenc_json *j)
{
    j->expect = j->depth ? WANT_MORE : WANT_NOTHING;
}

static bool in_object(const nenc_json *j)
{
    return j->depth && (j->is_object >> (j->depth - 1) & 1);
}

static nenc_json_token open_level(nenc_json *j, bool is_object)
{
    if (j->depth == NENC_JSON_MAX_DEPTH)
        return fail(j, "nested too deeply");
    const uint32_t bit = (uint32_t)1 << j->depth++;
    j->is_object = is_object ? j->is_object | bit : j->is_object & ~bit;
    j->from = j->at;
    j->to = ++j->at;
    j->expect = WANT_FIRST;
    return is_object ? NENC_JSON_OBJECT : NENC_JSON_ARRAY;
}

static nenc_json_token close_level(nenc_json *j)
{
    const bool is_object = in_object(j);
    j->from = j->at;
    j->to = ++j->at;
    j->depth--;
    item_done(j);
    return is_object ? NENC_JSON_OBJECT_END : NENC_JSON_ARRAY_END;
}

static nenc_json_token scan_key(nenc_json *j)
{
    if (peek(j) != '"')
        return fail(j, "not a key");
    if (!scan_string(j))
        return NENC_JSON_ERROR;
    skip_space(j);
    if (peek(j) != ':')
        return fail(j, "a key without a colon");
    j->at++;
    j->expect = WANT_VALUE;
    return NENC_JSON_KEY;
}

static nenc_json_token scan_value(nenc_json *j)
{
    const int c = peek(j);
    if (c == '{' || c == '[')
        return open_level(j, c == '{');
    nenc_json_token token = NENC_JSON_ERROR;
    switch (c) {
    case -1: return fail(j, "the text ends too early");
    case '"': token = scan_string(j) ? NENC_JSON_STRING : token; break;
    case 't': token = scan_word(j, "true", NENC_JSON_TRUE); break;
    case 'f': token = scan_word(j, "false", NENC_JSON_FALSE); break;
    case 'n': token = scan_word(j, "null", NENC_JSON_NULL); break;
    default:
        token = c == '-' || (c >= '0' && c <= '9') ? scan_number(j)
                                                   : fail(j, "not a value");
    }
    if (token != NENC_JSON_ERROR)
        item_done(j);
    return token;
}

nenc_json_token nenc_json_next(nenc_json *j)
{
    if (j->error)
        return NENC_JSON_ERROR;
    skip_space(j);
    const int closer = in_object(j) ? '}' : ']';
    if (j->expect == WANT_NOTHING)
        return j->at == j->size ? NENC_JSON_END
                                : fail(j, "something after the value");
    if (j->expect == WANT_FIRST || j->expect == WANT_MORE) {
        if (peek(j) == closer)
            return close_level(j);
        if (j->expect == WANT_MORE) {
            if (peek(j) != ',')
                return fail(j, peek(j) < 0 ? "the text ends too early"
                                           : "neither a comma nor the end");
            j->at++;
            skip_space(j);
        }
        j->expect = in_object(j) ? WANT_KEY : WANT_VALUE;
    }
    return j->expect == WANT_KEY ? scan_key(j) : scan_value(j);
}

/* One character of a checked string, as UTF-8. @return bytes of `out` */
static size_t next_character(const nenc_json *j, size_t *at, uint8_t out[4])
{
    size_t n;
    const uint8_t *p = j->data + *at;
    if (*p == '\\') {
        const uint32_t code = read_escape(p, j->to - *at, &n);
        *at += n;
        return utf8_put(out, code);
    }
    n = utf8_length(p, j->to - *at);
    memcpy(out, p, n);
    *at += n;
    return n;
}

size_t nenc_json_text(const nenc_json *j, char *dst)
{
    size_t length = 0;
    for (size_t at = j->from; at < j->to;) {
        uint8_t c[4];
        const size_t n = next_character(j, &at, c);
        memcpy(dst + length, c, n);
        length += n;
    }
    dst[length] = '\0';
    return length;
}

bool nenc_json_is(const nenc_json *j, const char *text)
{
    for (size_t at = j->from; at < j->to;) {
        uint8_t c[4];
        const size_t n = next_character(j, &at, c);
        if (strncmp(text, (const char *)c, n))
            return false;
        text += n;
    }
    return *text == '\0';
}

bool nenc_json_u64(const nenc_json *j, uint64_t *out)
{
    uint64_t v = 0;
    if (j->from == j->to)
        return false;
    for (size_t at = j->from; at < j->to; at++) {
        const uint8_t c = j->data[at];
        if (c < '0' || c > '9')
            return false;
        const uint64_t digit = (uint64_t)(c - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

void nenc_json_put(nenc_buffer *buf, const char *text)
{
    nenc_buffer_put(buf, text, strlen(text));
}

static void put_escape(nenc_buffer *buf, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    const char text[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    if (c == '"' || c == '\\') {
        nenc_buffer_u8(buf, '\\');
        nenc_buffer_u8(buf, c);
    } else if (c == '\n') {
        nenc_json_put(buf, "\\n");
    } else {
        nenc_buffer_put(buf, text, sizeof text);
    }
}

void nenc_json_put_string(nenc_buffer *buf, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    nenc_buffer_u8(buf, '"');
    for (size_t left = strlen(text), n; left; p += n, left -= n) {
        n = utf8_length(p, left);
        if (n == 0) {
            n = 1;
            nenc_json_put(buf, "\xef\xbf\xbd");
        } else if (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
            put_escape(buf, *p);
        } else {
            nenc_buffer_put(buf, p, n);
        }
    }
    nenc_buffer_u8(buf, '"');
}

void nenc_json_put_u64(nenc_buffer *buf, uint64_t v)
{
    char text[20];
    size_t at = sizeof text;
    do
        text[--at] = (char)('0' + v % 10);
    while (v /= 10);
    nenc_buffer_put(buf, text + at, sizeof text - at);
}
