/* SPDX-License-Identifier: BSD-2-Clause */
/* The exported form of hyperpriors, which training works on: from a model file,
 * and from nothing.  The way back is hyperprior_build.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperprior_train.h"
#include "prob_grad.h"
#include "random.h"

enum { EXTRA = 16, MAX_META = 40 };

/* As in training/hyperprior.py. */
enum { POINTS = 7, SCALES = 64 };
#define SCALE_MIN "0.05"
#define SCALE_MAX "100"
#define LAMBDA_MIN 0.0015
#define LAMBDA_MAX 0.1

typedef struct maker {
    nenc_arena *arena;
    nenc_diag *diag;
    nenc_st_tensor *tensors;
    nenc_st_entry *metadata;
    size_t n_tensors, n_metadata, room;
} maker;

static nenc_status no_room(const maker *m)
{
    return nenc_arena_fail(m->arena, m->diag, "a model", "to train");
}

static nenc_status start(maker *m, size_t tensors)
{
    m->room = tensors;
    m->tensors = nenc_arena_zalloc(m->arena, tensors, sizeof *m->tensors);
    m->metadata = nenc_arena_zalloc(m->arena, MAX_META, sizeof *m->metadata);
    return m->tensors && m->metadata ? NENC_OK : no_room(m);
}

static nenc_status put_meta(maker *m, const char *key, const char *value)
{
    char *k = nenc_arena_strdup(m->arena, key, strlen(key));
    char *v = nenc_arena_strdup(m->arena, value, strlen(value));
    if (!k || !v || m->n_metadata == MAX_META)
        return no_room(m);
    m->metadata[m->n_metadata++] = (nenc_st_entry){ k, v };
    return NENC_OK;
}

/* To as many digits as float32 thresholds tell a scale: then those of a model
 * that was made of round numbers are found again. */
static nenc_status put_number(maker *m, const char *key, double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", v);
    return put_meta(m, key, text);
}

/* @param name  kept  @param v  copied */
static nenc_status put_floats(maker *m, const char *name, const float *v,
                              const size_t *dims, size_t n_dims)
{
    if (m->n_tensors == m->room)
        return no_room(m);
    return nenc_st_floats(&m->tensors[m->n_tensors++], m->arena, name, v, dims,
                          n_dims, m->diag);
}

static void finish(maker *m, nenc_safetensors *raw)
{
    nenc_st_sort(m->tensors, m->n_tensors, m->metadata, m->n_metadata);
    *raw = (nenc_safetensors){ m->n_tensors, m->n_metadata, m->tensors,
                               m->metadata };
}

/* What all that is exported says of its densities. */
static nenc_status put_families(maker *m)
{
    NENC_TRY(put_meta(m, "codec", "hyperprior"));
    NENC_TRY(put_meta(m, "y_family", "ggd"));
    NENC_TRY(put_meta(m, "y_beta", "1"));
    NENC_TRY(put_meta(m, "y_scale_log", "1"));
    NENC_TRY(put_meta(m, "z_family", "ggd"));
    return put_meta(m, "z_beta", "1");
}

/* ------------------------------------------------------------ from a model */

/* One text of the networks' texts, which all begin with their "net NAME". */
static nenc_status join_nets(maker *m, const nenc_safetensors *model)
{
    nenc_buffer text;
    nenc_buffer_init(&text, 1 << 20);
    for (size_t i = 0; i < model->n_metadata; i++) {
        const nenc_st_entry *e = &model->metadata[i];
        if (!strncmp(e->key, "net.", 4) || !strncmp(e->key, "nenc.net.", 9)) {
            nenc_buffer_put(&text, e->value, strlen(e->value));
            nenc_buffer_u8(&text, '\n');
        }
    }
    nenc_buffer_u8(&text, 0);
    const nenc_status st = text.failed
        ? no_room(m) : put_meta(m, "networks", (const char *)text.data);
    nenc_buffer_free(&text);
    return st;
}

static nenc_status copy_meta(maker *m, const nenc_safetensors *model)
{
    static const char *const normative[] = {
        "entropy", "latent_stride", "hyper_stride", "centred", "params"
    };
    static const char *const others[] = {
        "name", "licence", "data", "steps", "lambda_min", "lambda_max", "abs_y"
    };
    char key[64];
    for (size_t i = 0; i < sizeof normative / sizeof normative[0]; i++) {
        snprintf(key, sizeof key, "nenc.%s", normative[i]);
        const char *value = nenc_safetensors_metadata(model, key);
        if (value)
            NENC_TRY(put_meta(m, normative[i], value));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const char *value = nenc_safetensors_metadata(model, others[i]);
        if (value)
            NENC_TRY(put_meta(m, others[i], value));
    }
    return NENC_OK;
}

/* Thresholds lie midway, by logarithms, between scales: what those are. */
static nenc_status find_scales(maker *m, const nenc_safetensors *model)
{
    size_t any = 0;
    float *v;
    NENC_TRY(nenc_safetensors_f32(&v, model, m->arena, "y.thresholds", &any, 1,
                                  m->diag));
    const size_t n = nenc_safetensors_find(model, "y.thresholds")->n_items;
    const double step = n > 1 ? ((double)v[n - 1] - (double)v[0])
                                / (double)(n - 1) : 0;
    bool even = step > 0;
    for (size_t i = 1; i < n && even; i++)
        even = fabs((double)v[i] - (double)v[i - 1] - step) < 1e-3 * step;
    if (!even)
        return nenc_fail(m->diag, NENC_EUNSUPPORTED, "only models of log "
                         "scales, evenly spaced, can be trained");
    NENC_TRY(put_number(m, "y_scale_min", exp((double)v[0] - step / 2)));
    NENC_TRY(put_number(m, "y_scale_max", exp((double)v[n - 1] + step / 2)));
    return put_number(m, "y_scales", (double)n + 1);
}

/* The Laplace density that a table of n frequencies from `first` on stands for:
 * by moments, then by a search around them for the least bits, ever finer. */
static void fit_density(const int32_t *freq, size_t n, int32_t first,
                        float *mean, float *scale)
{
    double sum = 0, m = 0, var = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        sum += freq[i];
        m += (double)freq[i] * (double)(first + (int32_t)i);
    }
    m /= sum;
    for (size_t i = 0; i + 1 < n; i++) {
        const double d = (double)(first + (int32_t)i) - m;
        var += (double)freq[i] / sum * d * d;
    }
    double s = log(sqrt(NENC_MAX(var - 1.0 / 12, 0.02) / 2)), step = 0.5;
    double best = INFINITY;
    for (int round = 0; round < 40; round++, step *= 0.8) {
        double at_m = m, at_s = s;
        for (int k = 0; k < 9; k++) {
            const double mm = m + (k % 3 - 1) * step;
            const double ss = s + (k / 3 - 1) * step;
            double bits = 0;
            for (size_t i = 0; i + 1 < n; i++)
                bits += freq[i] * nenc_prob_bits_laplace_clamped(
                    (double)(first + (int32_t)i) - mm, exp(ss)).bits;
            if (bits < best) {
                best = bits;
                at_m = mm;
                at_s = ss;
            }
        }
        m = at_m;
        s = at_s;
    }
    *mean = (float)m;
    *scale = (float)exp(s);
}

static nenc_status fit_z(maker *m, const nenc_safetensors *model)
{
    size_t any = 0;
    int32_t *lengths, *offsets, *freqs;
    NENC_TRY(nenc_safetensors_i32(&lengths, model, m->arena, "z.lengths", &any,
                                  1, m->diag));
    NENC_TRY(nenc_safetensors_i32(&offsets, model, m->arena, "z.offsets", &any,
                                  1, m->diag));
    NENC_TRY(nenc_safetensors_i32(&freqs, model, m->arena, "z.freqs", &any, 1,
                                  m->diag));
    const size_t n = nenc_safetensors_find(model, "z.lengths")->n_items;
    float *v = nenc_arena_zalloc(m->arena, 2 * n, sizeof *v);
    if (!v)
        return no_room(m);
    for (size_t i = 0, at = 0; i < n; at += (size_t)lengths[i++])
        fit_density(freqs + at, (size_t)lengths[i], offsets[i], &v[i],
                    &v[n + i]);
    NENC_TRY(put_floats(m, "z.mean", v, &n, 1));
    return put_floats(m, "z.scale", v + n, &n, 1);
}

static bool is_kept(const char *name)
{
    static const char *const starts[] = {
        "g_a.", "g_s.", "h_a.", "h_s.", "p_s.", "y.gain", "y.inverse_gain"
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (!strncmp(name, starts[i], strlen(starts[i])))
            return true;
    return false;
}

static nenc_status copy_tensors(maker *m, const nenc_safetensors *model)
{
    for (size_t i = 0; i < model->n_tensors; i++) {
        const nenc_st_tensor *t = &model->tensors[i];
        float *v;
        if (!is_kept(t->name))
            continue;
        NENC_TRY(nenc_safetensors_f32(&v, model, m->arena, t->name, t->dims,
                                      t->n_dims, m->diag));
        NENC_TRY(put_floats(m, t->name, v, t->dims, t->n_dims));
    }
    return NENC_OK;
}

nenc_status hyper_train_export(nenc_safetensors *raw, nenc_arena *arena,
                               const nenc_safetensors *model, nenc_diag *diag)
{
    maker m = { .arena = arena, .diag = diag };
    const void *bound = NULL;
    const nenc_codec *codec = nenc_codec_by_name("hyperprior");
    /* so that the rest need not check what a model is */
    const nenc_status st = codec->bind(&bound, arena, model, diag);
    const hyper_model *h = bound;
    const bool fits = st >= 0 && h->entropy == HYPER_MEAN_SCALE && h->g_a
                   && h->h_a && h->means_first && h->has_lambda
                   && !h->z_offset && h->gain.n_points && h->inverse.n_points;
    codec->unbind(bound);
    NENC_TRY(st);
    if (!fits)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "only mean-scale hyperpriors "
                         "of all qualities, with their encoders, can be "
                         "trained");
    NENC_TRY(start(&m, model->n_tensors + EXTRA));
    NENC_TRY(put_families(&m));
    NENC_TRY(join_nets(&m, model));
    NENC_TRY(copy_meta(&m, model));
    NENC_TRY(find_scales(&m, model));
    NENC_TRY(copy_tensors(&m, model));
    NENC_TRY(fit_z(&m, model));
    finish(&m, raw);
    return NENC_OK;
}

/* ------------------------------------------------------------- from nothing */

typedef struct drawing {
    maker *m;
    uint64_t state;
    double range;                /* of the last weights, for their bias */
} drawing;

/* As PyTorch begins: within 1 / sqrt(inputs) of 0; scales with 1; gdn with
 * beta 1 and gamma 0.1 of the channel itself. */
static nenc_status draw_tensor(void *user, const char *name,
                               const size_t *dims, size_t n_dims)
{
    drawing *d = user;
    maker *m = d->m;
    const char *what = strrchr(name, '.') + 1;
    const bool scale = n_dims == 1 && !strcmp(what, "weight");
    const bool gdn = !strcmp(what, "beta") || !strcmp(what, "gamma");
    size_t n = 1;
    for (size_t i = 0; i < n_dims; i++)
        n *= dims[i];
    if (n_dims == 4)
        d->range = 1 / sqrt((double)(dims[1] * dims[2] * dims[3]));
    float *v = nenc_arena_zalloc(m->arena, n, sizeof *v);
    const char *kept = nenc_arena_strdup(m->arena, name, strlen(name));
    if (!v || !kept)
        return no_room(m);
    for (size_t i = 0; i < n; i++)
        v[i] = scale || (gdn && n_dims == 1) ? 1
             : gdn ? (i % (dims[1] + 1) ? 0 : 0.1f)
             : (float)((2 * nenc_random_next(&d->state) - 1) * d->range);
    return put_floats(m, kept, v, dims, n_dims);
}

/* Steps that would be right for an orthonormal transform at each point's
 * lambda; hyper-latents about 1. */
static nenc_status put_start(maker *m, size_t y_channels, size_t z_channels)
{
    const size_t dims[2] = { POINTS, y_channels };
    float *v = nenc_arena_zalloc(m->arena, 2 * POINTS * y_channels,
                                 sizeof *v);
    float *z = nenc_arena_zalloc(m->arena, 2 * z_channels, sizeof *z);
    if (!v || !z)
        return no_room(m);
    for (size_t i = 0; i < POINTS * y_channels; i++) {
        const double t = (double)(i / y_channels) / (POINTS - 1);
        const double lambda = LAMBDA_MIN * pow(LAMBDA_MAX / LAMBDA_MIN, t);
        v[i] = -(float)log(sqrt(26 / lambda) / 255);
        v[POINTS * y_channels + i] = -v[i];
    }
    for (size_t i = 0; i < z_channels; i++)
        z[z_channels + i] = 1;
    NENC_TRY(put_floats(m, "y.gain", v, dims, 2));
    NENC_TRY(put_floats(m, "y.inverse_gain", v + POINTS * y_channels, dims,
                        2));
    NENC_TRY(put_floats(m, "z.mean", z, &z_channels, 1));
    return put_floats(m, "z.scale", z + z_channels, &z_channels, 1);
}

/* Samples that go in for one that comes out, or the other way round. */
static nenc_status stride_of(const nenc_net *net, const char *input,
                             size_t *stride, nenc_diag *diag)
{
    enum { SIZE = 256 };
    const int at = nenc_net_input(net, input);
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    nenc_params *params;
    nenc_grad *grad = NULL;
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        const size_t side = (int)i == at ? SIZE : 1;
        dims[i] = (nenc_shape){ 1, side, side,
                                nenc_net_input_channels(net, i) };
    }
    NENC_TRY(nenc_params_open(&params, net, true, (size_t)1 << 30, diag));
    nenc_status st = at < 0
        ? nenc_fail(diag, NENC_EMODEL, "no input %s", input)
        : nenc_grad_open(&grad, net, params, dims, 0, NULL, (size_t)1 << 32,
                         diag);
    const size_t h = st < 0 ? 1 : nenc_grad_output_shape(grad).h;
    *stride = SIZE / h;
    if (st >= 0 && (SIZE % h || h == SIZE))
        st = nenc_fail(diag, NENC_EMODEL, "the network for %s makes %zu of %d "
                       "positions", input, h, SIZE);
    nenc_grad_close(grad);
    nenc_params_close(params);
    return st;
}

nenc_status hyper_train_create(nenc_safetensors *raw, nenc_arena *arena,
                               const char *text, uint64_t seed,
                               nenc_diag *diag)
{
    static const char *const nets[] = { "g_a", "g_s", "h_a", "h_s" };
    enum { TENSORS = 4096 };
    maker m = { .arena = arena, .diag = diag };
    drawing d = { .m = &m, .state = seed * 2 + 1 };
    const nenc_net *net;
    size_t channels[4], stride[4] = { 1, 1, 1, 1 };
    NENC_TRY(start(&m, TENSORS));
    for (int i = 0; i < 4; i++)
        NENC_TRY(nenc_net_tensors(text, nets[i], draw_tensor, &d, diag));
    finish(&m, raw);
    for (int i = 0; i < 4; i++) {
        NENC_TRY(nenc_net_open(&net, arena, NULL, text, nets[i], raw, diag));
        channels[i] = nenc_net_channels(net);
        if (i == 0 || i == 2)
            NENC_TRY(stride_of(net, i ? "y" : "x", &stride[i], diag));
    }
    NENC_TRY(put_start(&m, channels[0], channels[2]));
    NENC_TRY(put_families(&m));
    NENC_TRY(put_meta(&m, "networks", text));
    NENC_TRY(put_meta(&m, "entropy", "mean-scale"));
    NENC_TRY(put_meta(&m, "params", "mean,scale"));
    NENC_TRY(put_number(&m, "latent_stride", (double)stride[0]));
    NENC_TRY(put_number(&m, "hyper_stride", (double)(stride[0] * stride[2])));
    NENC_TRY(put_meta(&m, "centred", "1"));
    NENC_TRY(put_meta(&m, "y_scale_min", SCALE_MIN));
    NENC_TRY(put_meta(&m, "y_scale_max", SCALE_MAX));
    NENC_TRY(put_number(&m, "y_scales", SCALES));
    NENC_TRY(put_number(&m, "lambda_min", LAMBDA_MIN));
    NENC_TRY(put_number(&m, "lambda_max", LAMBDA_MAX));
    finish(&m, raw);
    return NENC_OK;
}
