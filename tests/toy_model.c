/* SPDX-License-Identifier: BSD-2-Clause */
/* Tiny models: network texts, weights, densities.  Not here: tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "hyperprior_build.h"
#include "toy_model.h"

enum { MAX_TENSORS = 80, MAX_ENTRIES = 24 };

typedef struct toy {
    nenc_arena *arena;
    uint32_t random;
    nenc_st_tensor tensors[MAX_TENSORS];
    nenc_st_entry entries[MAX_ENTRIES];
    size_t n_tensors, n_entries;
} toy;

static void check(bool good)
{
    if (!good)
        abort();
}

uint32_t toy_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

float toy_real(uint32_t *state)
{
    return (float)(toy_random(state) >> 8) * 0x1p-23f - 1.0f;
}

void toy_picture(nenc_image *image, uint32_t seed)
{
    uint32_t random = seed ? seed : 1;
    memset(image->data, 0xa5, image->height * image->stride);
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++)
            for (uint32_t c = 0; c < image->channels; c++) {
                const uint32_t noise = toy_random(&random) >> 26;
                const uint32_t edge = (x / 5 + y / 7) % 2 * 90;
                image->data[y * image->stride + x * image->channels + c] =
                    (uint8_t)(3 * x + 2 * y + 40 * c + noise + edge);
            }
}

/* ------------------------------------------------------------------- parts */

static void entry(toy *t, const char *key, const char *value)
{
    check(t->n_entries < MAX_ENTRIES);
    t->entries[t->n_entries++] = (nenc_st_entry){ key, value };
}

/* Values from centre - spread to centre + spread. */
static void tensor(toy *t, const char *name, const size_t *dims, size_t n_dims,
                   float centre, float spread)
{
    check(t->n_tensors < MAX_TENSORS);
    nenc_st_tensor *x = &t->tensors[t->n_tensors++];
    x->name = nenc_arena_strdup(t->arena, name, strlen(name));
    x->dtype = NENC_F32;
    x->n_dims = n_dims;
    x->n_items = 1;
    for (size_t i = 0; i < n_dims; i++)
        x->n_items *= x->dims[i] = dims[i];
    x->size = 4 * x->n_items;
    uint8_t *bytes = nenc_arena_zalloc(t->arena, x->n_items, 4);
    check(x->name && bytes);
    for (size_t i = 0; i < x->n_items; i++) {
        const float v = centre + spread * toy_real(&t->random);
        uint32_t word;
        memcpy(&word, &v, 4);
        nenc_bytes_put_u32(bytes + 4 * i, word);
    }
    x->data = bytes;
}

/* A convolution whose outputs are about `gain` times as large as its inputs;
 * transposed ones have their input channels first, and their taps per output
 * are fewer. */
static void conv(toy *t, const char *name, size_t first, size_t second,
                 size_t k, float gain, float bias, size_t n_bias)
{
    const size_t dims[4] = { first, second, k, k };
    char full[64];
    float root = 1;              /* of the taps, by Newton: no libm here */
    for (int i = 0; i < 20; i++)
        root = 0.5f * (root + (float)(second * k * k) / root);
    snprintf(full, sizeof full, "%s.weight", name);
    tensor(t, full, dims, 4, 0, 1.7f * gain / root);
    snprintf(full, sizeof full, "%s.bias", name);
    tensor(t, full, &n_bias, 1, bias, 0.1f);
}

static void gdn(toy *t, const char *name, size_t c)
{
    const size_t dims[2] = { c, c };
    char full[64];
    snprintf(full, sizeof full, "%s.gamma", name);
    tensor(t, full, dims, 2, 0.02f, 0.02f);
    snprintf(full, sizeof full, "%s.beta", name);
    tensor(t, full, dims, 1, 1, 0.2f);
}

/* The densities' parameters as CompressAI starts them, moved a little. */
static void density(toy *t, const char *what, size_t c)
{
    static const size_t width[6] = { 1, 3, 3, 3, 3, 1 };
    char name[32];
    for (size_t k = 0; k < 5; k++) {
        const size_t matrix[3] = { c, width[k + 1], width[k] };
        const size_t bias[3] = { c, width[k + 1], 1 };
        snprintf(name, sizeof name, "%s.matrix%zu", what, k);
        tensor(t, name, matrix, 3, k < 4 ? -1.4f : -0.1f, 0.2f);
        snprintf(name, sizeof name, "%s.bias%zu", what, k);
        tensor(t, name, bias, 3, 0, 0.5f);
        snprintf(name, sizeof name, "%s.factor%zu", what, k);
        if (k < 4)
            tensor(t, name, bias, 3, 0, 0.2f);
    }
}

static void located(toy *t, const char *what, size_t c)
{
    char name[32];
    snprintf(name, sizeof name, "%s.mean", what);
    tensor(t, name, &c, 1, 0, 0.8f);
    snprintf(name, sizeof name, "%s.scale", what);
    tensor(t, name, &c, 1, 3, 2);
}

static void gains(toy *t, size_t points, size_t c)
{
    const size_t dims[2] = { points, c };
    tensor(t, "y.gain", dims, 2, 0.3f, 0.8f);
    tensor(t, "y.inverse_gain", dims, 2, -0.3f, 0.8f);
}

/* ---------------------------------------------------------------- networks */

#define CONV_IMAGE \
    "net g_a\n input x 3\n conv a 8 k=5 s=2\n gdn n\n conv b 6 k=5 s=2\n" \
    "net g_s\n input y 6\n deconv a 8 k=5 s=2\n igdn n\n deconv b 3 k=5 s=2\n"

static void conv_image(toy *t)
{
    conv(t, "g_a.a", 8, 3, 5, 4, 0, 8);
    gdn(t, "g_a.n", 8);
    conv(t, "g_a.b", 6, 8, 5, 6, 0, 6);
    conv(t, "g_s.a", 6, 8, 5, 0.4f, 0, 8);
    gdn(t, "g_s.n", 8);
    conv(t, "g_s.b", 8, 3, 5, 0.4f, 0.2f, 3);
}

/* Skips, taps, the quality input, a shuffled and padded tail. */
#define SHUFFLE_IMAGE \
    "net g_a   # comment\n" \
    "  input x 3\n  input q 2\n  unshuffle 4 < x\n  conv a 6 k=1 > a\n" \
    "  conv qa 6 k=1 < q > qa\n  add qa < a > s\n  lrelu 0.1\n" \
    "  conv b 6 k=3 g=3\n  add s\n\n" \
    "net g_s\n" \
    "  input q 2\n  input y 6\n  ssqrt < y > r\n  concat y\n" \
    "  conv a 48 k=1\n  shuffle 4 > base\n  pad 2 symmetric\n" \
    "  conv b 3 k=5 p=0\n  tanh\n  conv qs 3 k=1 < q > qs\n  mul qs < base\n" \
    "  add base\n  scale g\n"

static void shuffle_image(toy *t)
{
    const size_t three = 3;
    conv(t, "g_a.a", 6, 48, 1, 9, 0, 6);
    conv(t, "g_a.qa", 6, 2, 1, 2, 0, 6);
    conv(t, "g_a.b", 6, 2, 3, 1, 0, 6);
    conv(t, "g_s.a", 48, 12, 1, 0.2f, 0, 48);
    conv(t, "g_s.b", 3, 3, 5, 1, 0, 3);
    conv(t, "g_s.qs", 3, 2, 1, 0.4f, 0.5f, 3);
    tensor(t, "g_s.g.weight", &three, 1, 0.5f, 0.2f);
}

/* The only one with a preview, which wants latents every 8 pixels. */
#define PREVIEW_IMAGE \
    "net g_a\n input x 3\n unshuffle 8\n conv a 6 k=1\n" \
    "net g_s\n input y 6\n conv a 192 k=1\n shuffle 8\n" \
    "net p_s\n input y 6\n conv a 3\n"

static void preview_image(toy *t)
{
    conv(t, "g_a.a", 6, 192, 1, 20, 0, 6);
    conv(t, "g_s.a", 192, 6, 1, 0.1f, 0, 192);
    conv(t, "p_s.a", 3, 6, 3, 0.1f, 0, 3);
}

#define HYPER(params, stride) \
    "net h_a\n input y 6\n conv a 5 k=3\n relu\n" \
    " conv b 4 k=5 s=" #stride "\n" \
    "net h_s\n input z 4\n deconv a 8 k=5 s=2\n lrelu 0.05\n" \
    " conv b " #params " k=3\n"

static void hyper_nets(toy *t, size_t params, float bias)
{
    conv(t, "h_a.a", 5, 6, 3, 1, 0, 5);
    conv(t, "h_a.b", 4, 5, 5, 1, 0, 4);
    conv(t, "h_s.a", 4, 8, 5, 1, 0.1f, 8);
    conv(t, "h_s.b", params, 8, 3, 0.7f, bias, params);
}

static void image_config(toy *t, bool centred, const char *params,
                         const char *stride)
{
    entry(t, "abs_y", centred ? "0" : "1");
    entry(t, "centred", centred ? "1" : "0");
    entry(t, "codec", "hyperprior");
    entry(t, "latent_stride", stride);
    entry(t, "name", "toy");
    entry(t, "params", params);
}

static void scales_config(toy *t, const char *family, const char *is_log)
{
    entry(t, "y_beta", "1.3");
    entry(t, "y_family", family);
    entry(t, "y_scale_log", is_log);
    entry(t, "y_scale_max", "24");
    entry(t, "y_scale_min", "0.2");
    entry(t, "y_scales", "12");
}

static void make_raw(toy *t, unsigned kind)
{
    image_config(t, kind & 1, kind == 4 ? "scale,mean" : "mean,scale",
                 kind == 5 ? "8" : "4");
    switch (kind) {
    case 0:
        entry(t, "entropy", "factorized");
        entry(t, "networks", CONV_IMAGE);
        entry(t, "y_family", "density");
        conv_image(t);
        density(t, "y", 6);
        break;
    case 1:
        entry(t, "entropy", "factorized");
        entry(t, "networks", SHUFFLE_IMAGE);
        entry(t, "y_beta", "1");
        entry(t, "y_family", "ggd");
        entry(t, "lambda_min", "0.001");
        entry(t, "lambda_max", "0.02");
        shuffle_image(t);
        located(t, "y", 6);
        gains(t, 2, 6);
        break;
    case 2:
        entry(t, "entropy", "scale");
        entry(t, "hyper_stride", "8");
        entry(t, "networks", CONV_IMAGE HYPER(6, 2));
        entry(t, "z_family", "density");
        entry(t, "lambda_min", "0.002");
        entry(t, "lambda_max", "0.05");
        scales_config(t, "gaussian", "0");
        conv_image(t);
        hyper_nets(t, 6, 3);
        density(t, "z", 4);
        break;
    case 3:
        entry(t, "entropy", "mean-scale");
        entry(t, "hyper_stride", "8");
        entry(t, "networks", SHUFFLE_IMAGE HYPER(12, 2));
        entry(t, "z_beta", "2");
        entry(t, "z_family", "ggd");
        entry(t, "lambda_min", "0.001");
        entry(t, "lambda_max", "0.02");
        scales_config(t, "ggd", "1");
        shuffle_image(t);
        hyper_nets(t, 12, 0.5f);
        located(t, "z", 4);
        gains(t, 5, 6);
        break;
    case 5:
        entry(t, "entropy", "factorized");
        entry(t, "networks", PREVIEW_IMAGE);
        entry(t, "y_family", "density");
        preview_image(t);
        density(t, "y", 6);
        break;
    default:
        entry(t, "entropy", "mean-scale");
        entry(t, "hyper_stride", "16");
        entry(t, "networks", CONV_IMAGE HYPER(12, 4) " shuffle 2\n"
              " conv c 12 k=1\n");
        entry(t, "z_family", "density");
        entry(t, "lambda_min", "0.002");
        entry(t, "lambda_max", "0.05");
        scales_config(t, "gaussian", "0");
        conv_image(t);
        hyper_nets(t, 12, 1);
        conv(t, "h_s.c", 12, 3, 1, 1, 2, 12);
        density(t, "z", 4);
        break;
    }
}

/* --------------------------------------------------------------------- all */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nenc_st_tensor *)a)->name,
                  ((const nenc_st_tensor *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const nenc_st_entry *)a)->key,
                  ((const nenc_st_entry *)b)->key);
}

void toy_model_make(nenc_safetensors *st, nenc_arena *arena, unsigned kind)
{
    toy *t = nenc_arena_zalloc(arena, 1, sizeof *t);
    nenc_diag diag;
    check(t != NULL);
    t->arena = arena;
    t->random = 0x9e3779b9u + kind;
    make_raw(t, kind);
    qsort(t->tensors, t->n_tensors, sizeof *t->tensors, by_name);
    qsort(t->entries, t->n_entries, sizeof *t->entries, by_key);
    const nenc_safetensors raw = { t->n_tensors, t->n_entries, t->tensors,
                                   t->entries };
    if (nenc_hyperprior_build(st, arena, &raw, &diag) < 0) {
        fprintf(stderr, "toy model %u: %s\n", kind, diag.text);
        abort();
    }
}

void toy_model_write(nenc_buffer *out, unsigned kind)
{
    nenc_safetensors st;
    nenc_arena arena;
    nenc_arena_init(&arena, SIZE_MAX);
    toy_model_make(&st, &arena, kind);
    nenc_safetensors_write(out, &st);
    check(!out->failed);
    nenc_arena_free(&arena);
}

nenc_model *toy_model_open(unsigned kind)
{
    nenc_buffer bytes;
    nenc_model *model;
    nenc_diag diag;
    nenc_buffer_init(&bytes, 1 << 24);
    toy_model_write(&bytes, kind);
    if (nenc_model_open_memory(&model, bytes.data, bytes.size, &diag) < 0) {
        fprintf(stderr, "toy model %u: %s\n", kind, diag.text);
        abort();
    }
    nenc_buffer_free(&bytes);
    return model;
}

void toy_stream_fix(uint8_t *data, size_t size, uint64_t model_id)
{
    nenc_bytes b;
    nenc_bytes_init(&b, data, size);
    nenc_bytes_get(&b, NENC_SIGNATURE_SIZE);
    while (!b.failed) {
        const size_t at = b.at;
        const uint32_t type = nenc_bytes_u32(&b);
        const uint64_t length = nenc_bytes_varint(&b);
        const size_t payload = b.at;
        if (b.failed || length > size
            || !nenc_bytes_get(&b, (size_t)length + 4))
            return;
        for (size_t i = 0; i < 8 && type == NENC_CHUNK_HEAD && length >= 13;
             i++)
            data[payload + 5 + i] = (uint8_t)(model_id >> 8 * i);
        uint32_t crc = nenc_crc32c(0, data + at, 4);
        crc = nenc_crc32c(crc, data + payload, (size_t)length);
        nenc_bytes_put_u32(data + payload + length, crc);
    }
}

int toy_append(void *user, const void *data, size_t size)
{
    nenc_buffer *b = user;
    nenc_buffer_put(b, data, size);
    return b->failed;
}

int64_t toy_supply(void *user, void *data, size_t size)
{
    toy_input *in = user;
    size_t n = in->size - in->at;
    n = n < size ? n : size;
    n = n < in->step ? n : in->step;
    memcpy(data, in->data + in->at, n);
    in->at += n;
    return (int64_t)n;
}

nenc_model *toy_models[TOY_KINDS];

int toy_models_open(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++)
        toy_models[k] = toy_model_open(k);
    return 0;
}

int toy_models_close(void **state)
{
    (void)state;
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        nenc_model_close(toy_models[k]);
        toy_models[k] = NULL;
    }
    return 0;
}
