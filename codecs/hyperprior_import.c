/* SPDX-License-Identifier: BSD-2-Clause */
/* CompressAI's bmshj2018-factorized, bmshj2018-hyperprior and mbt2018-mean as
 * exported models: its module names mapped to a network text of ours, its GDN
 * parameters folded.  Not here: tables (hyperprior_build.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperprior_build.h"

typedef struct importer {
    const nenc_safetensors *state;
    nenc_arena *arena;
    nenc_diag *diag;
    nenc_st_tensor *tensors;
    size_t n_tensors;
    size_t n, m, last;       /* widths N, M, and of what h_s gives */
} importer;

static nenc_status no_memory(const importer *im)
{
    return nenc_fail(im->diag, NENC_ENOMEM, "out of memory");
}

/* A float32 tensor of the result, its values still to be written. */
static nenc_status add(importer *im, const char *name,
                       const nenc_st_tensor *like, uint8_t **bytes)
{
    nenc_st_tensor *t = &im->tensors[im->n_tensors++];
    *t = *like;
    t->name = nenc_arena_strdup(im->arena, name, strlen(name));
    t->dtype = NENC_F32;
    t->size = t->n_items * 4;
    t->data = *bytes = nenc_arena_zalloc(im->arena, t->n_items, 4);
    return t->name && *bytes ? NENC_OK : no_memory(im);
}

static void put(uint8_t *bytes, size_t i, float v)
{
    uint32_t word;
    memcpy(&word, &v, 4);
    nenc_bytes_put_u32(bytes + 4 * i, word);
}

static nenc_status find(importer *im, const char *name,
                        const nenc_st_tensor **t, float **values)
{
    *t = nenc_safetensors_find(im->state, name);
    if (!*t)
        return nenc_fail(im->diag, NENC_EMODEL,
                         "no tensor %s: not a state of bmshj2018-factorized, "
                         "bmshj2018-hyperprior or mbt2018-mean", name);
    return nenc_safetensors_f32(values, im->state, im->arena, name,
                                (*t)->dims, (*t)->n_dims, im->diag);
}

/* The values of a tensor under a new name. */
static nenc_status copy(importer *im, const char *from, const char *to)
{
    const nenc_st_tensor *t;
    float *v;
    uint8_t *d;
    NENC_TRY(find(im, from, &t, &v));
    NENC_TRY(add(im, to, t, &d));
    for (size_t i = 0; i < t->n_items; i++)
        put(d, i, v[i]);
    return NENC_OK;
}

/* max(raw, bound)^2 - pedestal (CompressAI's NonNegativeParametrizer). */
static nenc_status fold(importer *im, const char *from, const char *to,
                        double minimum)
{
    const double pedestal = ldexp(1, -36);
    const double bound = sqrt(minimum + pedestal);
    const nenc_st_tensor *t;
    float *v;
    uint8_t *d;
    NENC_TRY(find(im, from, &t, &v));
    NENC_TRY(add(im, to, t, &d));
    for (size_t i = 0; i < t->n_items; i++) {
        const double x = v[i] > bound ? v[i] : bound;
        put(d, i, (float)(x * x - pedestal));
    }
    return NENC_OK;
}

/* Module `index` of network `net`: "g_a.2" becomes "g_a.l2". */
static nenc_status layer(importer *im, const char *net, int index, bool gdn)
{
    char from[64], to[64];
    const char *const parts[2][2] = { { "weight", "bias" },
                                      { "beta", "gamma" } };
    for (int i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s.%d.%s", net, index, parts[gdn][i]);
        snprintf(to, sizeof to, "%s.l%d.%s", net, index, parts[gdn][i]);
        if (gdn)
            NENC_TRY(fold(im, from, to, i ? 0 : 1e-6));
        else
            NENC_TRY(copy(im, from, to));
    }
    return NENC_OK;
}

/* The factorized density of entropy_bottleneck; its parameters have had two
 * naming schemes. */
static nenc_status density(importer *im, const char *what)
{
    static const char *const names[3][3] = {
        { "_matrix%d", "matrices.%d", "matrix%d" },
        { "_bias%d", "biases.%d", "bias%d" },
        { "_factor%d", "factors.%d", "factor%d" },
    };
    for (int kind = 0; kind < 3; kind++)
        for (int k = 0; k < (kind == 2 ? 4 : 5); k++) {
            char part[32], from[64], to[64];
            snprintf(part, sizeof part, names[kind][0], k);
            snprintf(from, sizeof from, "entropy_bottleneck.%s", part);
            if (!nenc_safetensors_find(im->state, from)) {
                snprintf(part, sizeof part, names[kind][1], k);
                snprintf(from, sizeof from, "entropy_bottleneck.%s", part);
            }
            snprintf(part, sizeof part, names[kind][2], k);
            snprintf(to, sizeof to, "%s.%s", what, part);
            NENC_TRY(copy(im, from, to));
        }
    if (!nenc_safetensors_find(im->state, "entropy_bottleneck.quantiles"))
        return NENC_OK;
    char to[32];
    snprintf(to, sizeof to, "%s.quantiles", what);
    return copy(im, "entropy_bottleneck.quantiles", to);
}

static nenc_status dim_of(importer *im, const char *name, size_t axis,
                          size_t *out)
{
    const nenc_st_tensor *t = nenc_safetensors_find(im->state, name);
    if (!t || t->n_dims != 4 || t->dims[axis] > 4096)
        return nenc_fail(im->diag, NENC_EMODEL,
                         "no convolution %s: not a state of "
                         "bmshj2018-factorized, bmshj2018-hyperprior or "
                         "mbt2018-mean", name);
    *out = t->dims[axis];
    return NENC_OK;
}

static int main_text(const importer *im, char *d, size_t size)
{
    const size_t n = im->n, m = im->m;
    return snprintf(d, size,
        "net g_a\ninput x 3\nconv l0 %zu k=5 s=2\ngdn l1\n"
        "conv l2 %zu k=5 s=2\ngdn l3\nconv l4 %zu k=5 s=2\ngdn l5\n"
        "conv l6 %zu k=5 s=2\n"
        "net g_s\ninput y %zu\ndeconv l0 %zu k=5 s=2\nigdn l1\n"
        "deconv l2 %zu k=5 s=2\nigdn l3\ndeconv l4 %zu k=5 s=2\nigdn l5\n"
        "deconv l6 3 k=5 s=2\n", n, n, n, m, m, n, n, n);
}

static int hyper_text(const importer *im, bool means, char *d, size_t size,
                      size_t mid, size_t wide)
{
    const char *act = means ? "lrelu 0.01" : "relu";
    return snprintf(d, size,
        "net h_a\ninput y %zu\nconv l0 %zu k=3\n%s\nconv l2 %zu k=5 s=2\n%s\n"
        "conv l4 %zu k=5 s=2\n"
        "net h_s\ninput z %zu\ndeconv l0 %zu k=5 s=2\n%s\n"
        "deconv l2 %zu k=5 s=2\n%s\nconv l4 %zu k=3\n%s",
        im->m, im->n, act, im->n, act, im->n, im->n, mid, act, wide, act,
        im->last, means ? "" : "relu\n");
}

static nenc_status metadata(importer *im, nenc_safetensors *out,
                            const char *text, int entropy)
{
    static const char *const models[] = { "bmshj2018-factorized",
                                          "bmshj2018-hyperprior",
                                          "mbt2018-mean" };
    static const char *const kinds[] = { "factorized", "scale", "mean-scale" };
    const nenc_st_entry all[] = {           /* sorted by key */
        { "abs_y", entropy == 1 ? "1" : "0" },
        { "centred", "0" },
        { "codec", "hyperprior" },
        { "entropy", kinds[entropy] },
        { "hyper_stride", "64" },
        { "latent_stride", "16" },
        { "name", models[entropy] },
        { "networks", text },
        { "params", "scale,mean" },
        { "y_family", entropy ? "gaussian" : "density" },
        { "y_scale_log", "0" },
        { "y_scale_max", "256" },
        { "y_scale_min", "0.11" },
        { "y_scales", "64" },
        { "z_family", "density" },
    };
    nenc_st_entry *kept = nenc_arena_zalloc(im->arena, 1, sizeof all);
    if (!kept)
        return no_memory(im);
    memcpy(kept, all, sizeof all);
    out->metadata = kept;
    out->n_metadata = sizeof all / sizeof all[0];
    return NENC_OK;
}

nenc_status nenc_hyperprior_import(nenc_safetensors *out, nenc_arena *arena,
                                   const nenc_safetensors *state,
                                   nenc_diag *diag)
{
    enum { MAX_TENSORS = 64, MAX_TEXT = 2048 };
    importer im = { .state = state, .arena = arena, .diag = diag };
    char *text = nenc_arena_zalloc(arena, MAX_TEXT, 1);
    im.tensors = nenc_arena_zalloc(arena, MAX_TENSORS, sizeof *im.tensors);
    if (!text || !im.tensors)
        return no_memory(&im);
    NENC_TRY(dim_of(&im, "g_a.0.weight", 0, &im.n));
    NENC_TRY(dim_of(&im, "g_a.6.weight", 0, &im.m));
    for (int i = 0; i < 7; i++) {
        NENC_TRY(layer(&im, "g_a", i, i & 1));
        NENC_TRY(layer(&im, "g_s", i, i & 1));
    }
    size_t used = (size_t)main_text(&im, text, MAX_TEXT);
    int entropy = 0;
    if (nenc_safetensors_find(state, "h_a.0.weight")) {
        size_t mid = 0, wide = 0;
        NENC_TRY(dim_of(&im, "h_s.0.weight", 1, &mid));
        NENC_TRY(dim_of(&im, "h_s.2.weight", 1, &wide));
        NENC_TRY(dim_of(&im, "h_s.4.weight", 0, &im.last));
        entropy = im.last == 2 * im.m ? 2 : 1;
        hyper_text(&im, entropy == 2, text + used, MAX_TEXT - used, mid, wide);
        for (int i = 0; i < 5; i += 2) {
            NENC_TRY(layer(&im, "h_a", i, false));
            NENC_TRY(layer(&im, "h_s", i, false));
        }
    }
    NENC_TRY(density(&im, entropy ? "z" : "y"));
    nenc_st_sort(im.tensors, im.n_tensors, NULL, 0);
    out->tensors = im.tensors;
    out->n_tensors = im.n_tensors;
    return metadata(&im, out, text, entropy);
}
