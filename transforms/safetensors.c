/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing safetensors, and weights out of them.
 * Not here: what tensors and metadata mean, identities. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpenv.h"
#include "json.h"
#include "safetensors.h"

enum { MAX_HEADER = 16 << 20, PREFIX = 8 };

static const struct {
    const char *name;
    size_t size;
} dtypes[NENC_DTYPE_N] = {
    [NENC_F64] = { "F64", 8 }, [NENC_F32] = { "F32", 4 },
    [NENC_F16] = { "F16", 2 }, [NENC_BF16] = { "BF16", 2 },
    [NENC_I64] = { "I64", 8 }, [NENC_I32] = { "I32", 4 },
    [NENC_I16] = { "I16", 2 }, [NENC_I8] = { "I8", 1 },
    [NENC_U32] = { "U32", 4 }, [NENC_U16] = { "U16", 2 },
    [NENC_U8] = { "U8", 1 }, [NENC_BOOL] = { "BOOL", 1 },
};

size_t nenc_dtype_size(nenc_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *nenc_dtype_name(nenc_dtype dtype)
{
    return dtypes[dtype].name;
}

/* ----------------------------------------------------------------- parsing */

typedef struct parser {
    nenc_json json;
    nenc_diag *diag;
    const uint8_t *body;       /* the tensors' bytes */
    size_t body_size;
    char *text;                /* room for all names and metadata */
    nenc_st_tensor *tensors;
    nenc_st_entry *metadata;
    size_t n_tensors, n_metadata;
} parser;

static nenc_status bad(const parser *p, const char *what)
{
    return nenc_fail(p->diag, NENC_EMODEL, "model's header: %s, at byte %zu",
                     what, p->json.at + PREFIX);
}

static nenc_status bad_tensor(const parser *p, const nenc_st_tensor *t,
                              const char *what)
{
    return nenc_fail(p->diag, NENC_EMODEL, "tensor %.80s: %s, at byte %zu",
                     t->name, what, p->json.at + PREFIX);
}

/* The next token, which must be this one. */
static nenc_status want(parser *p, nenc_json_token token, const char *what)
{
    const nenc_json_token t = nenc_json_next(&p->json);
    if (t == NENC_JSON_ERROR)
        return bad(p, p->json.error);
    return t == token ? NENC_OK : bad(p, what);
}

/* The last key or string, kept. */
static const char *keep_text(parser *p)
{
    const char *text = p->text;
    p->text += nenc_json_text(&p->json, p->text) + 1;
    return text;
}

/* Names are shown to people, on terminals too. */
static nenc_status keep_name(parser *p, const char **name)
{
    *name = keep_text(p);
    for (const char *c = *name; *c; c++)
        if ((uint8_t)*c < 0x20 || *c == 0x7f)
            return bad(p, "a control character in a name");
    return NENC_OK;
}

/* Syntax of the whole header, and how many of what it holds. */
static nenc_status count(parser *p)
{
    bool in_metadata = false;
    for (;;) {
        const nenc_json_token t = nenc_json_next(&p->json);
        if (t == NENC_JSON_ERROR)
            return bad(p, p->json.error);
        if (t == NENC_JSON_END)
            return NENC_OK;
        if (t == NENC_JSON_KEY && p->json.depth == 1) {
            in_metadata = nenc_json_is(&p->json, "__metadata__");
            p->n_tensors += !in_metadata;
        } else if (t == NENC_JSON_KEY && p->json.depth == 2) {
            p->n_metadata += in_metadata;
        }
    }
}

static nenc_status read_metadata(parser *p)
{
    nenc_json_token t;
    NENC_TRY(want(p, NENC_JSON_OBJECT, "metadata that is no object"));
    while ((t = nenc_json_next(&p->json)) == NENC_JSON_KEY) {
        nenc_st_entry *entry = &p->metadata[p->n_metadata++];
        NENC_TRY(keep_name(p, &entry->key));
        NENC_TRY(want(p, NENC_JSON_STRING, "metadata that is no string"));
        entry->value = keep_text(p);
    }
    return NENC_OK;
}

static nenc_status read_dtype(parser *p, nenc_st_tensor *t)
{
    NENC_TRY(want(p, NENC_JSON_STRING, "a dtype that is no string"));
    for (int i = 0; i < NENC_DTYPE_N; i++)
        if (nenc_json_is(&p->json, dtypes[i].name)) {
            t->dtype = (nenc_dtype)i;
            return NENC_OK;
        }
    return bad_tensor(p, t, "a dtype that we do not know");
}

/* An array of at most `most` sizes. */
static nenc_status read_sizes(parser *p, const nenc_st_tensor *t, size_t *out,
                              size_t *n, size_t most)
{
    nenc_json_token token;
    *n = 0;
    NENC_TRY(want(p, NENC_JSON_ARRAY, "something that is no array"));
    while ((token = nenc_json_next(&p->json)) == NENC_JSON_NUMBER) {
        uint64_t v;
        if (!nenc_json_u64(&p->json, &v) || v > SIZE_MAX)
            return bad_tensor(p, t, "a size that is no such number");
        if (*n == most)
            return bad_tensor(p, t, "too many dims or offsets");
        out[(*n)++] = (size_t)v;
    }
    return token == NENC_JSON_ARRAY_END
        ? NENC_OK : bad_tensor(p, t, "a size that is no number");
}

/* A product that overflows is refused even where a dim of 0 follows, so that
 * no one needs care with parts of it. */
static nenc_status check_dims(const parser *p, nenc_st_tensor *t)
{
    size_t product = dtypes[t->dtype].size;
    t->n_items = 1;
    for (size_t i = 0; i < t->n_dims; i++) {
        const size_t dim = t->dims[i];
        if (dim && !nenc_size_mul(&product, product, dim))
            return bad_tensor(p, t, "dims whose product is too large");
        t->n_items *= dim;
    }
    if (t->n_items * dtypes[t->dtype].size != t->size)
        return bad_tensor(p, t, "dims that do not fit its byte range");
    return NENC_OK;
}

static nenc_status check_range(const parser *p, nenc_st_tensor *t,
                               const size_t range[2], size_t n)
{
    if (n != 2 || range[0] > range[1])
        return bad_tensor(p, t, "offsets that are no range");
    if (range[1] > p->body_size)
        return nenc_fail(p->diag, NENC_EMODEL, "tensor %.80s ends at byte %zu "
                         "of the data, which are %zu", t->name, range[1],
                         p->body_size);
    t->data = p->body + range[0];
    t->size = range[1] - range[0];
    return NENC_OK;
}

static nenc_status read_tensor(parser *p)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };
    nenc_st_tensor *t = &p->tensors[p->n_tensors++];
    nenc_json_token token;
    size_t range[2], n_range = 0;
    int seen = 0;
    NENC_TRY(keep_name(p, &t->name));
    NENC_TRY(want(p, NENC_JSON_OBJECT, "a tensor that is no object"));
    while ((token = nenc_json_next(&p->json)) == NENC_JSON_KEY) {
        const int field = nenc_json_is(&p->json, "dtype") ? DTYPE
                        : nenc_json_is(&p->json, "shape") ? SHAPE
                        : nenc_json_is(&p->json, "data_offsets") ? OFFSETS
                        : 0;
        if (!field || seen & field)
            return bad_tensor(p, t, "a field that is unknown or twice there");
        seen |= field;
        if (field == DTYPE)
            NENC_TRY(read_dtype(p, t));
        else if (field == SHAPE)
            NENC_TRY(read_sizes(p, t, t->dims, &t->n_dims, NENC_ST_MAX_DIMS));
        else
            NENC_TRY(read_sizes(p, t, range, &n_range, 2));
    }
    if (seen != ALL)
        return bad_tensor(p, t, "no dtype, no shape or no data_offsets");
    NENC_TRY(check_range(p, t, range, n_range));
    return check_dims(p, t);
}

/* After count() the syntax is known to be right. */
static nenc_status read_header(parser *p)
{
    bool has_metadata = false;
    NENC_TRY(want(p, NENC_JSON_OBJECT, "not an object"));
    while (nenc_json_next(&p->json) == NENC_JSON_KEY) {
        if (!nenc_json_is(&p->json, "__metadata__")) {
            NENC_TRY(read_tensor(p));
            continue;
        }
        if (has_metadata)
            return bad(p, "metadata twice");
        has_metadata = true;
        NENC_TRY(read_metadata(p));
    }
    return NENC_OK;
}

static int by_place(const void *a, const void *b)
{
    const nenc_st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

static int by_name(const void *a, const void *b)
{
    const nenc_st_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int by_key(const void *a, const void *b)
{
    const nenc_st_entry *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static nenc_status check_places(parser *p)
{
    const uint8_t *at = p->body;
    if (p->n_tensors)
        qsort(p->tensors, p->n_tensors, sizeof *p->tensors, by_place);
    for (size_t i = 0; i < p->n_tensors; i++) {
        const nenc_st_tensor *t = &p->tensors[i];
        if (t->data != at)
            return nenc_fail(p->diag, NENC_EMODEL, "tensor %.80s %s, at byte "
                             "%zu of the data", t->name,
                             t->data < at ? "overlaps another"
                                          : "leaves a gap before it",
                             (size_t)(t->data - p->body));
        at += t->size;
    }
    if (at != p->body + p->body_size)
        return nenc_fail(p->diag, NENC_EMODEL, "%zu bytes of a model belong "
                         "to no tensor",
                         p->body_size - (size_t)(at - p->body));
    return NENC_OK;
}

static nenc_status sort_names(parser *p)
{
    if (p->n_tensors)
        qsort(p->tensors, p->n_tensors, sizeof *p->tensors, by_name);
    for (size_t i = 1; i < p->n_tensors; i++)
        if (!by_name(&p->tensors[i - 1], &p->tensors[i]))
            return nenc_fail(p->diag, NENC_EMODEL, "tensor %.80s is there "
                             "twice", p->tensors[i].name);
    if (p->n_metadata)
        qsort(p->metadata, p->n_metadata, sizeof *p->metadata, by_key);
    for (size_t i = 1; i < p->n_metadata; i++)
        if (!by_key(&p->metadata[i - 1], &p->metadata[i]))
            return nenc_fail(p->diag, NENC_EMODEL, "metadata %.80s is there "
                             "twice", p->metadata[i].key);
    return NENC_OK;
}

static nenc_status find_header(parser *p, const uint8_t *data, size_t size)
{
    nenc_bytes b;
    nenc_bytes_init(&b, data, size);
    const uint64_t length = nenc_bytes_u64(&b);
    if (b.failed)
        return nenc_fail(p->diag, NENC_EMODEL, "%zu bytes are no safetensors "
                         "file", size);
    if (length > MAX_HEADER || length > nenc_bytes_left(&b))
        return nenc_fail(p->diag, NENC_EMODEL, "not a safetensors file: "
                         "header of %llu bytes, at most %zu",
                         (unsigned long long)length,
                         NENC_MIN((size_t)MAX_HEADER, nenc_bytes_left(&b)));
    nenc_json_init(&p->json, nenc_bytes_get(&b, (size_t)length),
                   (size_t)length);
    p->body = data + b.at;
    p->body_size = nenc_bytes_left(&b);
    if (!length || data[PREFIX] != '{')
        return bad(p, "not an object");
    return NENC_OK;
}

nenc_status nenc_safetensors_parse(nenc_safetensors *st, nenc_arena *arena,
                                   const void *data, size_t size,
                                   nenc_diag *diag)
{
    parser p = { .diag = diag };
    memset(st, 0, sizeof *st);
    NENC_TRY(find_header(&p, data, size));
    NENC_TRY(count(&p));
    /* Two quotes each leave room for the NUL of every text. */
    p.text = nenc_arena_zalloc(arena, p.json.size, 1);
    p.tensors = nenc_arena_zalloc(arena, p.n_tensors, sizeof *p.tensors);
    p.metadata = nenc_arena_zalloc(arena, p.n_metadata, sizeof *p.metadata);
    if (!p.text || !p.tensors || !p.metadata)
        return nenc_arena_fail(arena, diag, "the model's", "header");
    p.n_tensors = p.n_metadata = 0;
    nenc_json_init(&p.json, p.json.data, p.json.size);
    NENC_TRY(read_header(&p));
    NENC_TRY(check_places(&p));
    NENC_TRY(sort_names(&p));
    *st = (nenc_safetensors){
        .n_tensors = p.n_tensors, .n_metadata = p.n_metadata,
        .tensors = p.tensors, .metadata = p.metadata,
    };
    return NENC_OK;
}

/* ------------------------------------------------------------------ lookup */

const nenc_st_tensor *nenc_safetensors_find(const nenc_safetensors *st,
                                            const char *name)
{
    const nenc_st_tensor key = { .name = name };
    if (!st->n_tensors)
        return NULL;
    return bsearch(&key, st->tensors, st->n_tensors, sizeof key, by_name);
}

const char *nenc_safetensors_metadata(const nenc_safetensors *st,
                                      const char *key)
{
    const nenc_st_entry probe = { .key = key };
    if (!st->n_metadata)
        return NULL;
    const nenc_st_entry *entry = bsearch(&probe, st->metadata, st->n_metadata,
                                         sizeof probe, by_key);
    return entry ? entry->value : NULL;
}

/* "64x3x5x5", with * for a dim of 0 where `any` is true; "a scalar". */
static void dims_text(char *text, size_t size, const size_t *dims, size_t n,
                      bool any)
{
    size_t at = 0;
    snprintf(text, size, "a scalar");
    for (size_t i = 0; i < n && at < size; i++) {
        const char *x = i ? "x" : "";
        const int length = any && dims[i] == 0
            ? snprintf(text + at, size - at, "%s*", x)
            : snprintf(text + at, size - at, "%s%zu", x, dims[i]);
        at += length > 0 ? (size_t)length : 0;
    }
}

static nenc_status find_shaped(const nenc_st_tensor **out,
                               const nenc_safetensors *st, const char *name,
                               const size_t *dims, size_t n_dims,
                               nenc_diag *diag)
{
    const nenc_st_tensor *t = nenc_safetensors_find(st, name);
    char is[64], should[64];
    if (!t)
        return nenc_fail(diag, NENC_EMODEL, "the model has no tensor %.80s",
                         name);
    bool same = t->n_dims == n_dims;
    for (size_t i = 0; same && i < n_dims; i++)
        same = dims[i] == 0 || dims[i] == t->dims[i];
    if (!same) {
        dims_text(is, sizeof is, t->dims, t->n_dims, false);
        dims_text(should, sizeof should, dims, n_dims, true);
        return nenc_fail(diag, NENC_EMODEL, "tensor %.80s is %s, not %s",
                         name, is, should);
    }
    *out = t;
    return NENC_OK;
}

/* ------------------------------------------------------------------ values */

static uint64_t get_u64(const uint8_t *p)
{
    return nenc_bytes_get_u32(p) | (uint64_t)nenc_bytes_get_u32(p + 4) << 32;
}

static bool expand_f32(float *dst, const uint8_t *src, size_t n)
{
    bool is_finite = true;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = nenc_bytes_get_u32(src + 4 * i);
        is_finite &= (bits & 0x7f800000) != 0x7f800000;
        memcpy(&dst[i], &bits, sizeof bits);
    }
    return is_finite;
}

static bool expand_f64(float *dst, const uint8_t *src, size_t n)
{
    const uint64_t exponent = (uint64_t)0x7ff << 52;
    const double limit = 0x1.ffffffp127;       /* from here on: infinity */
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = get_u64(src + 8 * i);
        double v;
        memcpy(&v, &bits, sizeof v);
        if ((bits & exponent) == exponent || v >= limit || v <= -limit)
            return false;
        dst[i] = (float)v;
    }
    return true;
}

static bool (*const expand[NENC_DTYPE_N])(float *, const uint8_t *, size_t) = {
    [NENC_F64] = expand_f64, [NENC_F32] = expand_f32,
    [NENC_F16] = nenc_f16_expand, [NENC_BF16] = nenc_bf16_expand,
};

/* @return whether all values are finite */
static bool expand_all(float *dst, const nenc_st_tensor *t)
{
    nenc_fpenv env;                /* narrowing a double rounds */
    nenc_fpenv_enter(&env);
    const bool is_finite = expand[t->dtype](dst, t->data, t->n_items);
    nenc_fpenv_leave(&env);
    return is_finite;
}

static bool is_finite(const nenc_st_tensor *t)
{
    enum { SOME = 256 };
    float block[SOME];
    nenc_st_tensor part = *t;
    if (t->dtype == NENC_F16)
        return nenc_f16_is_finite(t->data, t->n_items);
    for (size_t left = t->n_items; left; left -= part.n_items) {
        part.n_items = NENC_MIN(left, (size_t)SOME);
        if (!expand_all(block, &part))
            return false;
        part.data += part.n_items * nenc_dtype_size(t->dtype);
    }
    return true;
}

nenc_status nenc_safetensors_floats(const nenc_st_tensor **out,
                                    const nenc_safetensors *st,
                                    const char *name, const size_t *dims,
                                    size_t n_dims, nenc_diag *diag)
{
    const nenc_st_tensor *t = NULL;
    NENC_TRY(find_shaped(&t, st, name, dims, n_dims, diag));
    if (!expand[t->dtype])
        return nenc_fail(diag, NENC_EMODEL, "tensor %.80s is of %s, not of "
                         "floats", name, nenc_dtype_name(t->dtype));
    if (!is_finite(t))
        return nenc_fail(diag, NENC_EMODEL, "tensor %.80s holds a value that "
                         "is not finite", name);
    *out = t;
    return NENC_OK;
}

void nenc_st_expand(float *dst, const nenc_st_tensor *t)
{
    (void)expand_all(dst, t);
}

nenc_status nenc_safetensors_f32(float **out, const nenc_safetensors *st,
                                 nenc_arena *arena, const char *name,
                                 const size_t *dims, size_t n_dims,
                                 nenc_diag *diag)
{
    const nenc_st_tensor *t = NULL;
    NENC_TRY(nenc_safetensors_floats(&t, st, name, dims, n_dims, diag));
    float *data = nenc_arena_zalloc(arena, t->n_items, sizeof *data);
    if (!data)
        return nenc_arena_fail(arena, diag, "tensor", name);
    nenc_st_expand(data, t);
    *out = data;
    return NENC_OK;
}

/* Two's complement of `bits` bits, whatever the compiler's conversions do. */
static int64_t sign_extend(uint64_t v, unsigned bits)
{
    const uint64_t top = (uint64_t)1 << (bits - 1);
    return v & top ? -(int64_t)(top - 1 - (v & (top - 1))) - 1
                   : (int64_t)(v & (top - 1));
}

/* Item i of a tensor of integers, or of one whose sign lies beyond them. */
static int64_t get_integer(const nenc_st_tensor *t, size_t i)
{
    const uint8_t *p = t->data + i * dtypes[t->dtype].size;
    switch (t->dtype) {
    case NENC_I64: return sign_extend(get_u64(p), 64);
    case NENC_I32: return sign_extend(nenc_bytes_get_u32(p), 32);
    case NENC_U32: return nenc_bytes_get_u32(p);
    case NENC_I16: return sign_extend(p[0] | (uint64_t)p[1] << 8, 16);
    case NENC_U16: return p[0] | p[1] << 8;
    case NENC_I8: return sign_extend(p[0], 8);
    default: return p[0];
    }
}

static bool is_integer(nenc_dtype dtype)
{
    return dtype == NENC_I64 || dtype == NENC_I32 || dtype == NENC_I16
        || dtype == NENC_I8 || dtype == NENC_U32 || dtype == NENC_U16
        || dtype == NENC_U8;
}

nenc_status nenc_safetensors_i32(int32_t **out, const nenc_safetensors *st,
                                 nenc_arena *arena, const char *name,
                                 const size_t *dims, size_t n_dims,
                                 nenc_diag *diag)
{
    const nenc_st_tensor *t = NULL;
    NENC_TRY(find_shaped(&t, st, name, dims, n_dims, diag));
    if (!is_integer(t->dtype))
        return nenc_fail(diag, NENC_EMODEL, "tensor %.80s is of %s, not of "
                         "integers", name, nenc_dtype_name(t->dtype));
    int32_t *data = nenc_arena_zalloc(arena, t->n_items, sizeof *data);
    if (!data)
        return nenc_arena_fail(arena, diag, "tensor", name);
    for (size_t i = 0; i < t->n_items; i++) {
        const int64_t v = get_integer(t, i);
        if (v < INT32_MIN || v > INT32_MAX)
            return nenc_fail(diag, NENC_EMODEL, "tensor %.80s holds %lld, "
                             "which is not within 32 bits", name,
                             (long long)v);
        data[i] = (int32_t)v;
    }
    *out = data;
    return NENC_OK;
}

/* ----------------------------------------------------------------- writing */

static void put_metadata(nenc_buffer *out, const nenc_safetensors *st)
{
    nenc_json_put(out, "\"__metadata__\":{");
    for (size_t i = 0; i < st->n_metadata; i++) {
        nenc_json_put(out, i ? "," : "");
        nenc_json_put_string(out, st->metadata[i].key);
        nenc_json_put(out, ":");
        nenc_json_put_string(out, st->metadata[i].value);
    }
    nenc_json_put(out, "}");
}

static void put_tensor(nenc_buffer *out, const nenc_st_tensor *t,
                       uint64_t offset)
{
    nenc_json_put_string(out, t->name);
    nenc_json_put(out, ":{\"dtype\":\"");
    nenc_json_put(out, nenc_dtype_name(t->dtype));
    nenc_json_put(out, "\",\"shape\":[");
    for (size_t i = 0; i < t->n_dims; i++) {
        nenc_json_put(out, i ? "," : "");
        nenc_json_put_u64(out, t->dims[i]);
    }
    nenc_json_put(out, "],\"data_offsets\":[");
    nenc_json_put_u64(out, offset);
    nenc_json_put(out, ",");
    nenc_json_put_u64(out, offset + t->size);
    nenc_json_put(out, "]}");
}

/* The header, padded so that the data begin at a multiple of 8. */
static void put_header(nenc_buffer *out, const nenc_safetensors *st)
{
    uint64_t next[9] = { 0 };      /* offsets by size of an item: 8, 4, 2, 1 */
    for (size_t i = 0; i < st->n_tensors; i++)
        for (size_t s = nenc_dtype_size(st->tensors[i].dtype) / 2; s; s /= 2)
            next[s] += st->tensors[i].size;
    nenc_json_put(out, "{");
    if (st->n_metadata)
        put_metadata(out, st);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const nenc_st_tensor *t = &st->tensors[i];
        const size_t s = nenc_dtype_size(t->dtype);
        nenc_json_put(out, i || st->n_metadata ? "," : "");
        put_tensor(out, t, next[s]);
        next[s] += t->size;
    }
    nenc_json_put(out, "}");
    while (out->size % PREFIX && !out->failed)
        nenc_json_put(out, " ");
}

void nenc_safetensors_write(nenc_buffer *out, const nenc_safetensors *st)
{
    nenc_buffer header;
    nenc_buffer_init(&header, MAX_HEADER);
    put_header(&header, st);
    out->failed = out->failed || header.failed;
    nenc_buffer_u64(out, header.size);
    nenc_buffer_put(out, header.data, header.size);
    for (size_t s = 8; s; s /= 2)
        for (size_t i = 0; i < st->n_tensors; i++)
            if (nenc_dtype_size(st->tensors[i].dtype) == s)
                nenc_buffer_put(out, st->tensors[i].data,
                                st->tensors[i].size);
    nenc_buffer_free(&header);
}

nenc_status nenc_st_floats(nenc_st_tensor *t, nenc_arena *arena,
                           const char *name, const float *values,
                           const size_t *dims, size_t n_dims, nenc_diag *diag)
{
    size_t n = 1;
    *t = (nenc_st_tensor){ .name = name, .dtype = NENC_F32, .n_dims = n_dims };
    bool fits = true;
    for (size_t i = 0; i < n_dims; i++)
        fits = fits && nenc_size_mul(&n, n, t->dims[i] = dims[i]);
    uint8_t *bytes = fits ? nenc_arena_zalloc(arena, n, 4) : NULL;
    if (!bytes)
        return nenc_arena_fail(arena, diag, "tensor", name);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &values[i], 4);
        nenc_bytes_put_u32(bytes + 4 * i, word);
    }
    t->n_items = n;
    t->size = 4 * n;
    t->data = bytes;
    return NENC_OK;
}

void nenc_st_sort(nenc_st_tensor *tensors, size_t n_tensors,
                  nenc_st_entry *metadata, size_t n_metadata)
{
    if (n_tensors)                 /* none may be NULL */
        qsort(tensors, n_tensors, sizeof *tensors, by_name);
    if (n_metadata)
        qsort(metadata, n_metadata, sizeof *metadata, by_key);
}
