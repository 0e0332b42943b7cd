/* SPDX-License-Identifier: BSD-2-Clause */
/* An exported hyperprior to a model file.  Not here: CompressAI's names
 * (hyperprior_import.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperprior_build.h"
#include "prob_model.h"

enum { MAX_SCALES = 1024, EXTRA = 64 };

static const nenc_prob_limits limits = NENC_PROB_LIMITS_DEFAULT;

typedef struct builder {
    const nenc_safetensors *raw;
    nenc_arena *arena;
    nenc_diag *diag;
    nenc_st_tensor *tensors;
    nenc_st_entry *metadata;
    size_t n_tensors, n_metadata;
} builder;

static nenc_status no_memory(const builder *b)
{
    return nenc_fail(b->diag, NENC_ENOMEM, "out of memory");
}

/* ---------------------------------------------------------------- metadata */

static nenc_status add_entry(builder *b, const char *key, const char *value,
                             size_t length)
{
    char *k = nenc_arena_strdup(b->arena, key, strlen(key));
    char *v = nenc_arena_strdup(b->arena, value, length);
    if (!k || !v)
        return no_memory(b);
    b->metadata[b->n_metadata++] = (nenc_st_entry){ k, v };
    return NENC_OK;
}

static nenc_status need(const builder *b, const char *key, const char **value)
{
    *value = nenc_safetensors_metadata(b->raw, key);
    return *value ? NENC_OK : nenc_fail(b->diag, NENC_EMODEL,
                                        "no \"%s\" in the metadata", key);
}

static nenc_status need_real(const builder *b, const char *key, double *out)
{
    const char *text;
    char *end;
    NENC_TRY(need(b, key, &text));
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out)
        ? NENC_OK : nenc_fail(b->diag, NENC_EMODEL, "\"%s\" is not a number",
                              key);
}

/* The text of one network without comments and spare blanks. */
static nenc_status add_net(builder *b, const char *name, const char *text,
                           const char *end)
{
    char key[80];
    const bool decodes = strcmp(name, "g_a") && strcmp(name, "h_a")
                      && strcmp(name, "p_s");
    nenc_buffer out;
    nenc_buffer_init(&out, 1 << 20);
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end ? line_end : end;
        const char *hash = memchr(text, '#', (size_t)(line_end - text));
        const char *stop = hash ? hash : line_end;
        while (text < stop && strchr(" \t", *text))
            text++;
        while (text < stop && strchr(" \t\r", stop[-1]))
            stop--;
        if (text < stop) {
            nenc_buffer_put(&out, text, (size_t)(stop - text));
            nenc_buffer_u8(&out, '\n');
        }
        text = line_end + (line_end < end);
    }
    snprintf(key, sizeof key, "%snet.%s", decodes ? "nenc." : "", name);
    const nenc_status st = out.failed
        ? no_memory(b) : add_entry(b, key, (char *)out.data, out.size);
    nenc_buffer_free(&out);
    return st;
}

static nenc_status add_nets(builder *b)
{
    const char *text, *start = NULL;
    char name[64] = "", next[64];
    NENC_TRY(need(b, "networks", &text));
    for (const char *line = text; line; ) {
        const bool is_net = sscanf(line, "net %63[A-Za-z0-9_]", next) == 1;
        if (is_net || !*line) {
            if (start)
                NENC_TRY(add_net(b, name, start, line));
            if (!*line)
                return NENC_OK;
            if (b->n_metadata > EXTRA / 2)
                return nenc_fail(b->diag, NENC_EMODEL, "too many networks");
            memcpy(name, next, sizeof name);
            start = line;
        }
        const char *newline = strchr(line, '\n');
        line = newline ? newline + 1 : line + strlen(line);
    }
    return NENC_OK;
}

/* The logarithm of an entry, for encoders to interpolate without libm. */
static nenc_status add_log(builder *b, const char *from, const char *to)
{
    double v;
    char text[32];
    if (!nenc_safetensors_metadata(b->raw, from))
        return NENC_OK;
    NENC_TRY(need_real(b, from, &v));
    if (!(v > 1e-6 && v < 1e6))
        return nenc_fail(b->diag, NENC_EMODEL, "a %s of %g", from, v);
    snprintf(text, sizeof text, "%.6f", log(v));
    return add_entry(b, to, text, strlen(text));
}

static nenc_status add_metadata(builder *b)
{
    static const char *const normative[] = {
        "codec", "entropy", "latent_stride", "hyper_stride", "centred",
        "params"
    };
    static const char *const descriptive[] = {
        "name", "licence", "data", "steps", "lambda_min", "lambda_max",
        "abs_y", "training"
    };
    char key[64];
    NENC_TRY(add_nets(b));
    for (size_t i = 0; i < sizeof normative / sizeof normative[0]; i++) {
        const char *value = nenc_safetensors_metadata(b->raw, normative[i]);
        snprintf(key, sizeof key, "nenc.%s", normative[i]);
        if (value)
            NENC_TRY(add_entry(b, key, value, strlen(value)));
    }
    for (size_t i = 0; i < sizeof descriptive / sizeof descriptive[0]; i++) {
        const char *value = nenc_safetensors_metadata(b->raw, descriptive[i]);
        if (value)
            NENC_TRY(add_entry(b, descriptive[i], value, strlen(value)));
    }
    NENC_TRY(add_log(b, "lambda_min", "log_lambda_min"));
    return add_log(b, "lambda_max", "log_lambda_max");
}

/* ----------------------------------------------------------------- tensors */

static nenc_status add_tensor(builder *b, const char *name, nenc_dtype dtype,
                              const void *data, const size_t *dims,
                              size_t n_dims)
{
    nenc_st_tensor *t = &b->tensors[b->n_tensors++];
    t->name = nenc_arena_strdup(b->arena, name, strlen(name));
    t->dtype = dtype;
    t->n_dims = n_dims;
    t->n_items = 1;
    for (size_t i = 0; i < n_dims; i++) {
        t->dims[i] = dims[i];
        t->n_items *= dims[i];
    }
    t->size = t->n_items * nenc_dtype_size(dtype);
    t->data = data;
    return t->name ? NENC_OK : no_memory(b);
}

static nenc_status add_integers(builder *b, const char *what,
                                const char *part, const int32_t *v, size_t n)
{
    char name[64];
    uint8_t *bytes = nenc_arena_zalloc(b->arena, n, 4);
    if (!bytes)
        return no_memory(b);
    for (size_t i = 0; i < n; i++)
        nenc_bytes_put_u32(bytes + 4 * i, (uint32_t)v[i]);
    snprintf(name, sizeof name, "%s.%s", what, part);
    return add_tensor(b, name, NENC_I32, bytes, &n, 1);
}

/* Also frees `t`, whatever `made` and the result are. */
static nenc_status add_tables(builder *b, const char *what,
                              nenc_prob_tables *t, nenc_status made)
{
    char name[64];
    nenc_status st = made;
    if (st == NENC_EINVAL || st == NENC_EMODEL)
        st = nenc_fail(b->diag, NENC_EMODEL,
                       "no table %zu of %s: its density is not one",
                       t->n_tables, what);
    if (st >= 0)
        st = add_integers(b, what, "lengths", t->lengths, t->n_tables);
    if (st >= 0)
        st = add_integers(b, what, "offsets", t->offsets, t->n_tables);
    uint8_t *bytes = st >= 0 ? nenc_arena_zalloc(b->arena, t->n_freqs, 2)
                             : NULL;
    for (size_t i = 0; bytes && i < t->n_freqs; i++) {
        bytes[2 * i] = (uint8_t)t->freqs[i];
        bytes[2 * i + 1] = (uint8_t)(t->freqs[i] >> 8);
    }
    snprintf(name, sizeof name, "%s.freqs", what);
    if (st >= 0)
        st = bytes ? add_tensor(b, name, NENC_U16, bytes, &t->n_freqs, 1)
                   : NENC_ENOMEM;
    nenc_prob_tables_free(t);
    return st == NENC_ENOMEM ? no_memory(b) : st;
}

static nenc_status add_floats(builder *b, const char *name, const float *v,
                              const size_t *dims, size_t n_dims, bool half)
{
    size_t n = 1;
    for (size_t i = 0; i < n_dims; i++)
        n *= dims[i];
    uint8_t *bytes = nenc_arena_zalloc(b->arena, n, half ? 2 : 4);
    if (!bytes)
        return no_memory(b);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &v[i], 4);
        if (half) {
            const uint16_t h = nenc_f32_to_f16(v[i]);
            if ((h & 0x7c00) == 0x7c00)
                return nenc_fail(b->diag, NENC_EMODEL,
                                 "%s: %g is beyond float16", name,
                                 (double)v[i]);
            bytes[2 * i] = (uint8_t)h;
            bytes[2 * i + 1] = (uint8_t)(h >> 8);
        } else {
            nenc_bytes_put_u32(bytes + 4 * i, word);
        }
    }
    return add_tensor(b, name, half ? NENC_F16 : NENC_F32, bytes, dims,
                      n_dims);
}

/* Networks' tensors go in as float16, gains as they are. */
static nenc_status add_weights(builder *b)
{
    static const char *const nets[] = { "g_a.", "g_s.", "h_a.", "h_s.",
                                        "p_s." };
    for (size_t i = 0; i < b->raw->n_tensors; i++) {
        const nenc_st_tensor *t = &b->raw->tensors[i];
        bool half = false;
        for (size_t k = 0; k < sizeof nets / sizeof nets[0]; k++)
            half |= !strncmp(t->name, nets[k], 4);
        if (!half && strcmp(t->name, "y.gain")
            && strcmp(t->name, "y.inverse_gain"))
            continue;
        float *v;
        NENC_TRY(nenc_safetensors_f32(&v, b->raw, b->arena, t->name, t->dims,
                                      t->n_dims, b->diag));
        NENC_TRY(add_floats(b, t->name, v, t->dims, t->n_dims, half));
    }
    return NENC_OK;
}

/* ------------------------------------------------------------------ tables */

/* Measured probabilities, "y.pmf" [scales, 2 r + 2]: of -r to r, and of all
 * else. */
static nenc_status measured(const builder *b, size_t n, const float **pmf,
                            size_t *width)
{
    const size_t dims[2] = { n, 0 };
    float *v;
    NENC_TRY(nenc_safetensors_f32(&v, b->raw, b->arena, "y.pmf", dims, 2,
                                  b->diag));
    *pmf = v;
    *width = nenc_safetensors_find(b->raw, "y.pmf")->dims[1];
    if (*width < 4 || *width % 2 || *width > 65534)
        return nenc_fail(b->diag, NENC_EMODEL, "%zu probabilities in y.pmf",
                         *width);
    return NENC_OK;
}

static nenc_status add_measured(nenc_prob_tables *t, const float *pmf,
                                size_t width)
{
    double *p = nenc_mem_alloc(width, sizeof *p);
    if (!p)
        return NENC_ENOMEM;
    for (size_t i = 0; i < width; i++)
        p[i] = pmf[i];
    const nenc_status st = nenc_prob_add_pmf(t, -(int32_t)(width / 2 - 1), p,
                                             width, &limits);
    nenc_mem_free(p);
    return st;
}

/* A family by scale index.  With y_scale_log, networks give log scales and an
 * index is the nearest table's; else they give scales, and an index is that of
 * the first table not below (CompressAI's rule). */
static nenc_status build_scales(builder *b)
{
    const char *family, *is_log;
    double lo, hi, count, beta = 2;
    NENC_TRY(need(b, "y_family", &family));
    NENC_TRY(need(b, "y_scale_log", &is_log));
    NENC_TRY(need_real(b, "y_scale_min", &lo));
    NENC_TRY(need_real(b, "y_scale_max", &hi));
    NENC_TRY(need_real(b, "y_scales", &count));
    const bool is_gaussian = !strcmp(family, "gaussian");
    const bool is_measured = !strcmp(family, "measured");
    if (!is_gaussian && !is_measured)
        NENC_TRY(need_real(b, "y_beta", &beta));
    if (!(lo > 0 && hi > lo && count >= 2 && count <= MAX_SCALES))
        return nenc_fail(b->diag, NENC_EMODEL, "%g scales from %g to %g",
                         count, lo, hi);
    const size_t n = (size_t)count;
    nenc_prob_tables t = { 0 };
    nenc_status st = NENC_OK;
    double scales[MAX_SCALES];
    float thresholds[MAX_SCALES];
    const bool in_log = !strcmp(is_log, "1");
    const float *pmf = NULL;
    size_t width = 0;
    if (is_measured)
        NENC_TRY(measured(b, n, &pmf, &width));
    nenc_prob_log_scales(scales, n, lo, hi);
    for (size_t i = 0; i < n && st >= 0; i++) {
        st = is_measured ? add_measured(&t, pmf + i * width, width)
           : is_gaussian ? nenc_prob_add_gaussian(&t, scales[i], &limits)
                         : nenc_prob_add_ggd(&t, 0, scales[i], beta, &limits);
        thresholds[i] = (float)(in_log ? log(scales[i])
                                         + 0.5 * log(hi / lo) / (double)(n - 1)
                                       : scales[i]);
    }
    NENC_TRY(add_tables(b, "y", &t, st));
    const size_t dims = n - 1;
    return add_floats(b, "y.thresholds", thresholds, &dims, 1, false);
}

/* Located tables: "<what>.mean", "<what>.scale", one pair a channel. */
static nenc_status build_located(builder *b, const char *what)
{
    char name[32];
    double beta;
    size_t any = 0;
    float *mean, *scale;
    nenc_prob_tables t = { 0 };
    nenc_status st = NENC_OK;
    snprintf(name, sizeof name, "%s_beta", what);
    NENC_TRY(need_real(b, name, &beta));
    snprintf(name, sizeof name, "%s.mean", what);
    NENC_TRY(nenc_safetensors_f32(&mean, b->raw, b->arena, name, &any, 1,
                                  b->diag));
    const size_t n = nenc_safetensors_find(b->raw, name)->n_items;
    snprintf(name, sizeof name, "%s.scale", what);
    NENC_TRY(nenc_safetensors_f32(&scale, b->raw, b->arena, name, &n, 1,
                                  b->diag));
    for (size_t i = 0; i < n && st >= 0; i++)
        st = nenc_prob_add_ggd(&t, mean[i], scale[i], beta, &limits);
    return add_tables(b, what, &t, st);
}

/* Factorized densities: "<what>.matrix0" [c, out, in] ... "<what>.factor3",
 * and "<what>.quantiles" [c, 1, 3] where they were trained; the medians become
 * "<what>.offset". */
static nenc_status density_part(builder *b, const char *what,
                                const char *part, size_t k, size_t c,
                                size_t rows, size_t cols, const float **out)
{
    const size_t dims[3] = { c, rows, cols };
    char name[32];
    float *v;
    snprintf(name, sizeof name, "%s.%s%zu", what, part, k);
    NENC_TRY(nenc_safetensors_f32(&v, b->raw, b->arena, name, dims, 3,
                                  b->diag));
    *out = v;
    return NENC_OK;
}

static nenc_status build_density(builder *b, const char *what)
{
    static const size_t width[6] = { 1, 3, 3, 3, 3, 1 };
    nenc_prob_factorized f = { 0 };
    float *quantiles = NULL;
    char name[32];
    snprintf(name, sizeof name, "%s.matrix0", what);
    const nenc_st_tensor *first = nenc_safetensors_find(b->raw, name);
    if (!first || first->n_dims != 3)
        return nenc_fail(b->diag, NENC_EMODEL, "no %s [channels, 3, 1]", name);
    const size_t c = f.channels = first->dims[0];
    for (size_t k = 0; k < 5; k++) {
        NENC_TRY(density_part(b, what, "matrix", k, c, width[k + 1], width[k],
                              &f.matrix[k]));
        NENC_TRY(density_part(b, what, "bias", k, c, width[k + 1], 1,
                              &f.bias[k]));
        if (k < 4)
            NENC_TRY(density_part(b, what, "factor", k, c, width[k + 1], 1,
                                  &f.factor[k]));
    }
    const size_t dims[3] = { c, 1, 3 };
    snprintf(name, sizeof name, "%s.quantiles", what);
    if (nenc_safetensors_find(b->raw, name))
        NENC_TRY(nenc_safetensors_f32(&quantiles, b->raw, b->arena, name, dims,
                                      3, b->diag));
    nenc_prob_tables t = { 0 };
    float *offset = nenc_arena_zalloc(b->arena, c, sizeof *offset);
    if (!offset)
        return no_memory(b);
    const nenc_status st = nenc_prob_add_factorized(&t, &f, quantiles, &limits,
                                                    offset, b->diag);
    NENC_TRY(add_tables(b, what, &t, st));
    snprintf(name, sizeof name, "%s.offset", what);
    return add_floats(b, name, offset, &c, 1, false);
}

static nenc_status build_channels(builder *b, const char *what)
{
    char key[32];
    const char *family;
    snprintf(key, sizeof key, "%s_family", what);
    NENC_TRY(need(b, key, &family));
    if (!strcmp(family, "density"))
        return build_density(b, what);
    if (!strcmp(family, "ggd"))
        return build_located(b, what);
    return nenc_fail(b->diag, NENC_EMODEL, "no family is called \"%.20s\"",
                     family);
}

/* -------------------------------------------------------------------- all */

nenc_status nenc_hyperprior_build(nenc_safetensors *out, nenc_arena *arena,
                                  const nenc_safetensors *raw,
                                  nenc_diag *diag)
{
    builder b = { .raw = raw, .arena = arena, .diag = diag };
    const char *entropy;
    b.tensors = nenc_arena_zalloc(arena, raw->n_tensors + EXTRA,
                                  sizeof *b.tensors);
    b.metadata = nenc_arena_zalloc(arena, EXTRA, sizeof *b.metadata);
    if (!b.tensors || !b.metadata)
        return no_memory(&b);
    NENC_TRY(need(&b, "entropy", &entropy));
    NENC_TRY(add_metadata(&b));
    NENC_TRY(add_weights(&b));
    if (!strcmp(entropy, "factorized")) {
        NENC_TRY(build_channels(&b, "y"));
    } else {
        NENC_TRY(build_scales(&b));
        NENC_TRY(build_channels(&b, "z"));
    }
    nenc_st_sort(b.tensors, b.n_tensors, b.metadata, b.n_metadata);
    *out = (nenc_safetensors){ b.n_tensors, b.n_metadata, b.tensors,
                               b.metadata };
    return NENC_OK;
}
