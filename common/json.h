/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON (RFC 8259), strictly: a reader that gives one token after another and
 * holds no memory, and what a writer needs.  The locale does not matter.
 * Not here: trees of values; fractions (checked, never converted). */
#ifndef NENC_COMMON_JSON_H
#define NENC_COMMON_JSON_H

#include "bytes.h"

enum { NENC_JSON_MAX_DEPTH = 32 };

typedef enum nenc_json_token {
    NENC_JSON_ERROR,        /**< see `error`; every later token is the same */
    NENC_JSON_END,          /**< the text was one value and nothing else */
    NENC_JSON_OBJECT, NENC_JSON_OBJECT_END,
    NENC_JSON_ARRAY, NENC_JSON_ARRAY_END,
    NENC_JSON_KEY,          /**< its value comes next */
    NENC_JSON_STRING, NENC_JSON_NUMBER,
    NENC_JSON_TRUE, NENC_JSON_FALSE, NENC_JSON_NULL
} nenc_json_token;

/** A reader over borrowed bytes.  Tokens come in the grammar's order, so a
 *  caller need not count brackets.  Strings must be UTF-8; \u0000 is refused,
 *  as our strings end there, and so is half of a surrogate pair. */
typedef struct nenc_json {
    const uint8_t *data;
    size_t size;
    size_t at;              /**< next byte to read, or where the error is */
    const char *error;      /**< what was wrong, or NULL */
    size_t from, to;        /**< the last token's bytes, without quotes */
    unsigned depth;         /**< open objects and arrays */
    uint32_t is_object;     /**< bit d - 1: what is open at depth d */
    uint8_t  expect;        /**< private */
} nenc_json;

void nenc_json_init(nenc_json *json, const void *data, size_t size);

nenc_json_token nenc_json_next(nenc_json *json);

/** The last key or string, unescaped, into `dst`, which has room for
 *  to - from + 1 bytes: escapes are never shorter than what they stand for.
 *  @return its length; a NUL follows */
size_t nenc_json_text(const nenc_json *json, char *dst);

/** Is the last key or string, unescaped, this one? */
bool nenc_json_is(const nenc_json *json, const char *text);

/** The last number as an unsigned integer: digits only.
 *  @return false where it is anything else or does not fit */
bool nenc_json_u64(const nenc_json *json, uint64_t *out);

/** Append a string in quotes, escaped.  Bytes that are not UTF-8 become
 *  U+FFFD, so that the text is always JSON. */
void nenc_json_put_string(nenc_buffer *buf, const char *text);
void nenc_json_put_u64(nenc_buffer *buf, uint64_t v);
/** Append text as it is: punctuation, known words. */
void nenc_json_put(nenc_buffer *buf, const char *text);

#endif
