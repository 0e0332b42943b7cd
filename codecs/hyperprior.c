/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The hyperprior codecs: binding a model, preparing a context, and
 * the prediction that encoder and decoder share.
 * Ballé et al., arXiv:1802.01436 (factorized, scale); Minnen et al.,
 * arXiv:1809.02736 (mean-scale, without its serial context).
 * Not here: coding a unit (hyperprior_encode.c, hyperprior_decode.c). */
#include <stdio.h>
#include <string.h>

#include "exact_math.h"
#include "hyperprior.h"

enum { MAX_STRIDE = 256, MAX_POINTS = 101 };

/* ----------------------------------------------------------------- binding */

static nenc_status need(const char **value, const nenc_safetensors *st,
                        const char *key, nenc_diag *diag)
{
    *value = nenc_safetensors_metadata(st, key);
    return *value ? NENC_OK : nenc_fail(diag, NENC_EMODEL,
                                        "no \"%s\" in the metadata", key);
}

static nenc_status need_number(size_t *out, const nenc_safetensors *st,
                               const char *key, size_t max, nenc_diag *diag)
{
    const char *text;
    size_t v = 0;
    NENC_TRY(need(&text, st, key, diag));
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || v > max) {
            v = 0;
            break;
        }
        v = v * 10 + (size_t)(*p - '0');
    }
    if (!v || v > max)
        return nenc_fail(diag, NENC_EMODEL, "\"%s\" is %.20s, not 1 to %zu",
                         key, text, max);
    *out = v;
    return NENC_OK;
}

/* A network of the metadata "<prefix>net.<name>"; NULL where there is none. */
static nenc_status bind_net(const nenc_net **net, nenc_arena *arena,
                            const nenc_safetensors *st, const char *prefix,
                            const char *name, nenc_diag *diag)
{
    char key[32];
    snprintf(key, sizeof key, "%snet.%s", prefix, name);
    const char *text = nenc_safetensors_metadata(st, key);
    *net = NULL;
    return text ? nenc_net_open(net, arena, text, name, st, diag) : NENC_OK;
}

/* "<what>.lengths", "<what>.offsets", "<what>.freqs" */
static nenc_status bind_tables(nenc_cdf_set **set, nenc_arena *arena,
                               const nenc_safetensors *st, const char *what,
                               nenc_diag *diag)
{
    static const char *const parts[] = { "lengths", "offsets", "freqs" };
    int32_t *data[3];
    size_t count[3];
    for (int i = 0; i < 3; i++) {
        char name[32];
        size_t any = 0;
        snprintf(name, sizeof name, "%s.%s", what, parts[i]);
        NENC_TRY(nenc_safetensors_i32(&data[i], st, arena, name, &any, 1,
                                      diag));
        count[i] = nenc_safetensors_find(st, name)->n_items;
    }
    if (count[0] != count[1] || !count[0] || count[0] > NENC_CDF_MAX_TABLES)
        return nenc_fail(diag, NENC_EMODEL,
                         "%zu lengths and %zu offsets of tables %s", count[0],
                         count[1], what);
    uint16_t *freqs = nenc_arena_zalloc(arena, count[2], sizeof *freqs);
    if (!freqs)
        return nenc_arena_fail(arena, diag, "tables", what);
    for (size_t i = 0; i < count[2]; i++) {
        if (data[2][i] < 1 || data[2][i] > UINT16_MAX)
            return nenc_fail(diag, NENC_EMODEL, "a frequency of %d in %s",
                             (int)data[2][i], what);
        freqs[i] = (uint16_t)data[2][i];
    }
    return nenc_cdf_set_open(set, data[0], data[1], count[0], freqs, count[2],
                             diag);
}

static nenc_status bind_gain(hyper_gain *gain, nenc_arena *arena,
                             const nenc_safetensors *st, const char *name,
                             size_t channels, nenc_diag *diag)
{
    const nenc_st_tensor *t = nenc_safetensors_find(st, name);
    if (!t)
        return NENC_OK;
    const size_t dims[2] = { 0, channels };
    float *data;
    NENC_TRY(nenc_safetensors_f32(&data, st, arena, name, dims, 2, diag));
    if (t->dims[0] < 2 || t->dims[0] > MAX_POINTS)
        return nenc_fail(diag, NENC_EMODEL, "%s has %zu points, not 2 to %d",
                         name, t->dims[0], MAX_POINTS);
    gain->n_points = t->dims[0];
    gain->log = data;
    return NENC_OK;
}

static nenc_status bind_offset(const float **out, nenc_arena *arena,
                               const nenc_safetensors *st, const char *name,
                               size_t channels, nenc_diag *diag)
{
    float *data = NULL;
    if (nenc_safetensors_find(st, name))
        NENC_TRY(nenc_safetensors_f32(&data, st, arena, name, &channels, 1,
                                      diag));
    *out = data;
    return NENC_OK;
}

/* Which bucket a scale falls into: monotone, and 0 for NaN. */
static size_t bucket_of(const hyper_model *m, float scale)
{
    const float at = (scale - m->thresholds[0]) * m->bucket_rate;
    const float low = at > 0.0f ? at : 0.0f;
    return (size_t)(low < HYPER_BUCKETS - 1 ? low : HYPER_BUCKETS - 1);
}

static nenc_status bind_thresholds(hyper_model *m, nenc_arena *arena,
                                   const nenc_safetensors *st,
                                   nenc_diag *diag)
{
    size_t any = 0;
    float *data;
    NENC_TRY(nenc_safetensors_f32(&data, st, arena, "y.thresholds", &any, 1,
                                  diag));
    m->n_thresholds = nenc_safetensors_find(st, "y.thresholds")->n_items;
    if (m->n_thresholds + 1 != m->y_set->n_tables)
        return nenc_fail(diag, NENC_EMODEL,
                         "%zu thresholds for %zu tables of scales",
                         m->n_thresholds, m->y_set->n_tables);
    for (size_t i = 1; i < m->n_thresholds; i++)
        if (!(data[i - 1] < data[i]))
            return nenc_fail(diag, NENC_EMODEL,
                             "thresholds %zu and %zu are not ascending", i - 1,
                             i);
    m->thresholds = data;
    /* a single table has none */
    const size_t last = m->n_thresholds ? m->n_thresholds - 1 : 0;
    const float span = data[last] - data[0];
    m->bucket_rate = span > 0 ? (float)HYPER_BUCKETS / span : 0;
    for (size_t b = 0, i = 0; b < HYPER_BUCKETS; b++) {
        while (i < m->n_thresholds && bucket_of(m, data[i]) < b)
            i++;
        m->bucket_first[b] = (uint16_t)i;
    }
    return NENC_OK;
}

/* Which of two words the metadata has. */
static nenc_status need_choice(bool *second, const nenc_safetensors *st,
                               const char *key, const char *a, const char *b,
                               nenc_diag *diag)
{
    const char *text;
    NENC_TRY(need(&text, st, key, diag));
    *second = !strcmp(text, b);
    return *second || !strcmp(text, a)
        ? NENC_OK : nenc_fail(diag, NENC_EMODEL,
                              "\"%s\" is \"%.20s\", not %s or %s", key, text,
                              a, b);
}

static nenc_status bind_config(hyper_model *m, const nenc_safetensors *st,
                               nenc_diag *diag)
{
    static const char *const names[] = { "factorized", "scale", "mean-scale" };
    const char *text;
    size_t i = 0;
    NENC_TRY(need(&text, st, "nenc.entropy", diag));
    while (i < 3 && strcmp(text, names[i]))
        i++;
    if (i == 3)
        return nenc_fail(diag, NENC_EMODEL,
                         "no entropy model is called \"%.20s\"", text);
    m->entropy = (hyper_entropy)i;
    NENC_TRY(need_number(&m->y_stride, st, "nenc.latent_stride", MAX_STRIDE,
                         diag));
    m->z_stride = m->y_stride;
    if (m->entropy != HYPER_FACTORIZED)
        NENC_TRY(need_number(&m->z_stride, st, "nenc.hyper_stride", MAX_STRIDE,
                             diag));
    if (m->z_stride % m->y_stride)
        return nenc_fail(diag, NENC_EMODEL, "strides of %zu and %zu",
                         m->y_stride, m->z_stride);
    bool centred;
    NENC_TRY(need_choice(&centred, st, "nenc.centred", "0", "1", diag));
    m->offset = centred ? 0.5f : 0.0f;
    NENC_TRY(need_choice(&m->means_first, st, "nenc.params", "scale,mean",
                         "mean,scale", diag));
    text = nenc_safetensors_metadata(st, "abs_y");
    m->abs_y = text && !strcmp(text, "1");
    return NENC_OK;
}

/* Input `name` of a network must be there and have so many channels. */
static nenc_status check_net(const nenc_net *net, const char *net_name,
                             const char *input, size_t channels, size_t out,
                             nenc_diag *diag)
{
    const int i = nenc_net_input(net, input);
    if (i < 0)
        return nenc_fail(diag, NENC_EMODEL, "network %s has no input %s",
                         net_name, input);
    if (nenc_net_input_channels(net, (size_t)i) != channels
        || nenc_net_channels(net) != out)
        return nenc_fail(diag, NENC_EMODEL,
                         "network %s goes from %zu to %zu channels, not from "
                         "%zu to %zu", net_name,
                         nenc_net_input_channels(net, (size_t)i),
                         nenc_net_channels(net), channels, out);
    for (size_t k = 0; k < nenc_net_inputs(net); k++)
        if ((int)k != i && ((int)k != nenc_net_input(net, "q")
                            || nenc_net_input_channels(net, k) != 2))
            return nenc_fail(diag, NENC_EMODEL,
                             "network %s has an input besides %s and q [2]",
                             net_name, input);
    return NENC_OK;
}

static nenc_status bind_nets(hyper_model *m, nenc_arena *arena,
                             const nenc_safetensors *st, nenc_diag *diag)
{
    NENC_TRY(bind_net(&m->g_s, arena, st, "nenc.", "g_s", diag));
    NENC_TRY(bind_net(&m->g_a, arena, st, "", "g_a", diag));
    if (!m->g_s || !nenc_net_inputs(m->g_s))
        return nenc_fail(diag, NENC_EMODEL, "no network g_s");
    const int y = nenc_net_input(m->g_s, "y");
    m->y_channels = y < 0 ? 0 : nenc_net_input_channels(m->g_s, (size_t)y);
    NENC_TRY(check_net(m->g_s, "g_s", "y", m->y_channels, 3, diag));
    if (m->g_a)
        NENC_TRY(check_net(m->g_a, "g_a", "x", 3, m->y_channels, diag));
    if (m->entropy == HYPER_FACTORIZED)
        return NENC_OK;
    NENC_TRY(bind_net(&m->h_s, arena, st, "nenc.", "h_s", diag));
    NENC_TRY(bind_net(&m->h_a, arena, st, "", "h_a", diag));
    if (!m->h_s)
        return nenc_fail(diag, NENC_EMODEL, "no network h_s");
    const int z = nenc_net_input(m->h_s, "z");
    m->z_channels = z < 0 ? 0 : nenc_net_input_channels(m->h_s, (size_t)z);
    const size_t params = m->entropy == HYPER_MEAN_SCALE ? 2 : 1;
    NENC_TRY(check_net(m->h_s, "h_s", "z", m->z_channels,
                       params * m->y_channels, diag));
    if (m->h_a)
        NENC_TRY(check_net(m->h_a, "h_a", "y", m->y_channels, m->z_channels,
                           diag));
    return NENC_OK;
}

/* A decimal number of the encoder's own; false where there is none.  The same
 * in every locale and on every machine: the encoder's choices hang on it. */
static bool encoder_number(float *out, const nenc_safetensors *st,
                           const char *key)
{
    const char *text = nenc_safetensors_metadata(st, key);
    double v = 0, scale = 1;
    bool point = false;
    if (!text)
        return false;
    const bool negative = *text == '-';
    for (text += negative; *text; text++) {
        if (*text == '.' && !point)
            point = true;
        else if (*text >= '0' && *text <= '9' && v < 1e9) {
            v = v * 10 + (*text - '0');
            scale *= point ? 10 : 1;
        } else {
            return false;
        }
    }
    *out = (float)((negative ? -v : v) / scale);
    return true;
}

static void unbind(const void *bound)
{
    const hyper_model *m = bound;
    if (!m)
        return;
    nenc_cdf_set_close(m->y_set);
    nenc_cdf_set_close(m->z_set);
}

static nenc_status bind(const void **bound, nenc_arena *arena,
                        const nenc_safetensors *st, nenc_diag *diag)
{
    hyper_model *m = nenc_arena_zalloc(arena, 1, sizeof *m);
    *bound = m;
    if (!m)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for the model");
    NENC_TRY(bind_config(m, st, diag));
    NENC_TRY(bind_nets(m, arena, st, diag));
    NENC_TRY(bind_gain(&m->gain, arena, st, "y.gain", m->y_channels, diag));
    NENC_TRY(bind_gain(&m->inverse, arena, st, "y.inverse_gain",
                       m->y_channels, diag));
    NENC_TRY(bind_tables(&m->y_set, arena, st, "y", diag));
    if (m->entropy == HYPER_FACTORIZED) {
        if (m->y_set->n_tables != m->y_channels)
            return nenc_fail(diag, NENC_EMODEL, "%zu tables of %zu channels",
                             m->y_set->n_tables, m->y_channels);
        NENC_TRY(bind_offset(&m->y_offset, arena, st, "y.offset",
                             m->y_channels, diag));
    } else {
        NENC_TRY(bind_tables(&m->z_set, arena, st, "z", diag));
        if (m->z_set->n_tables != m->z_channels)
            return nenc_fail(diag, NENC_EMODEL, "%zu tables of %zu channels",
                             m->z_set->n_tables, m->z_channels);
        NENC_TRY(bind_offset(&m->z_offset, arena, st, "z.offset",
                             m->z_channels, diag));
        NENC_TRY(bind_thresholds(m, arena, st, diag));
    }
    m->has_lambda = encoder_number(&m->log_lambda[0], st, "log_lambda_min")
                    && encoder_number(&m->log_lambda[1], st, "log_lambda_max");
    return NENC_OK;
}

static bool net_at(const void *bound, size_t i, nenc_codec_net *net)
{
    const hyper_model *m = bound;
    const nenc_codec_net all[] = {
        { "g_a", m->g_a, "x", 1, false },
        { "h_a", m->h_a, "y", m->y_stride, false },
        { "h_s", m->h_s, "z", m->z_stride, true },
        { "g_s", m->g_s, "y", m->y_stride, true },
    };
    for (size_t k = 0; k < 4; k++)
        if (all[k].net && !i--) {
            *net = all[k];
            return true;
        }
    return false;
}

/* ----------------------------------------------------------------- context */

/* exp of the log gain at t: the fixed order of doc/FORMAT.md. */
static void gain_at(float *dst, const hyper_gain *g, size_t channels, float t)
{
    for (size_t c = 0; c < channels; c++)
        dst[c] = 1.0f;
    if (!g->n_points)
        return;
    const float at = t * (float)(g->n_points - 1);
    size_t i = (size_t)at;
    if (i > g->n_points - 2)
        i = g->n_points - 2;
    const float f = at - (float)i;
    const float *a = g->log + i * channels, *b = a + channels;
    for (size_t c = 0; c < channels; c++) {
        const float step = b[c] - a[c];
        const float part = step * f;
        dst[c] = nenc_exactf_exp(a[c] + part);
    }
}

static void close_unit(hyper_context *c)
{
    nenc_plan_close(c->g_a);
    nenc_plan_close(c->h_a);
    nenc_plan_close(c->h_s);
    nenc_plan_close(c->g_s);
    c->g_a = c->h_a = c->h_s = c->g_s = NULL;
    nenc_arena_free(&c->arena);
    nenc_arena_init(&c->arena, c->params.max_memory);
    c->width = c->height = 0;
}

static void close_context(void *context)
{
    hyper_context *c = context;
    if (!c)
        return;
    close_unit(c);
    nenc_mem_free(c->gain);
    nenc_mem_free(c->inverse);
    nenc_mem_free(c);
}

static nenc_status open_context(void **context, const void *bound,
                                const nenc_codec_params *params,
                                nenc_diag *diag)
{
    const hyper_model *m = bound;
    hyper_context *c = nenc_mem_zalloc(1, sizeof *c);
    *context = NULL;
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    c->model = m;
    c->params = *params;
    nenc_arena_init(&c->arena, params->max_memory);
    c->gain = nenc_mem_alloc(m->y_channels, sizeof(float));
    c->inverse = nenc_mem_alloc(m->y_channels, sizeof(float));
    if (!c->gain || !c->inverse) {
        close_context(c);
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    }
    c->t = (float)params->quality / 100.0f;
    gain_at(c->gain, &m->gain, m->y_channels, c->t);
    gain_at(c->inverse, &m->inverse, m->y_channels, c->t);
    *context = c;
    return NENC_OK;
}

/* Bytes of the cap that nothing has taken yet. */
static size_t memory_left(const hyper_context *c)
{
    size_t used = c->arena.used;
    const nenc_plan *const plans[] = { c->g_a, c->h_a, c->h_s, c->g_s };
    for (size_t i = 0; i < 4; i++)
        used += plans[i] ? nenc_plan_memory(plans[i]) : 0;
    return used < c->params.max_memory ? c->params.max_memory - used : 0;
}

static nenc_status plan(hyper_context *c, nenc_plan **out,
                        const nenc_net *net, const char *input, size_t h,
                        size_t w, bool fast, nenc_diag *diag)
{
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        const bool main_input = nenc_net_input(net, input) == (int)i;
        dims[i] = (nenc_shape){ 1, main_input ? h : 1, main_input ? w : 1,
                                nenc_net_input_channels(net, i) };
    }
    return nenc_plan_open(out, net, fast ? NENC_ONEDNN : NENC_EXACT, dims,
                          c->params.pool, memory_left(c), diag);
}

/* What a plan must give for the shapes around it to fit. */
static nenc_status check_plan(const nenc_plan *p, const char *name, size_t h,
                              size_t w, nenc_diag *diag)
{
    const nenc_shape s = nenc_plan_output_shape(p);
    if (s.h == h && s.w == w)
        return NENC_OK;
    return nenc_fail(diag, NENC_EMODEL,
                     "network %s gives %zux%zu where %zux%zu is needed", name,
                     s.h, s.w, h, w);
}

static nenc_status plan_decoder(hyper_context *c, bool decoding,
                                nenc_diag *diag)
{
    const hyper_model *m = c->model;
    if (m->h_s) {
        NENC_TRY(plan(c, &c->h_s, m->h_s, "z", c->z_h, c->z_w, false, diag));
        NENC_TRY(check_plan(c->h_s, "h_s", c->y_h, c->y_w, diag));
    }
    if (!decoding)
        return NENC_OK;
    NENC_TRY(plan(c, &c->g_s, m->g_s, "y", c->y_h, c->y_w, c->params.fast,
                  diag));
    return check_plan(c->g_s, "g_s", c->y_h * m->y_stride,
                      c->y_w * m->y_stride, diag);
}

static nenc_status plan_encoder(hyper_context *c, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    if (!m->g_a || (m->h_s && !m->h_a))
        return nenc_fail(diag, NENC_EMODEL,
                         "the model has no analysis networks: it only decodes");
    NENC_TRY(plan(c, &c->g_a, m->g_a, "x", c->y_h * m->y_stride,
                  c->y_w * m->y_stride, false, diag));
    NENC_TRY(check_plan(c->g_a, "g_a", c->y_h, c->y_w, diag));
    if (!m->h_a)
        return NENC_OK;
    NENC_TRY(plan(c, &c->h_a, m->h_a, "y", c->y_h, c->y_w, false, diag));
    return check_plan(c->h_a, "h_a", c->z_h, c->z_w, diag);
}

static nenc_status alloc_unit(hyper_context *c, bool encoding,
                              nenc_diag *diag)
{
    const size_t channels = NENC_MAX(c->model->y_channels,
                                     c->model->z_channels);
    if (c->y_h > c->params.max_memory / c->y_w / channels)
        return nenc_fail(diag, NENC_ELIMIT,
                         "latents of %zux%zux%zu are over the limit of %zu "
                         "bytes", c->y_h, c->y_w, channels,
                         c->params.max_memory);
    const size_t y = hyper_y_size(c), z = hyper_z_size(c);
    c->y = nenc_arena_zalloc(&c->arena, encoding ? y : 0, sizeof *c->y);
    c->y_mean = nenc_arena_zalloc(&c->arena, y, sizeof *c->y_mean);
    c->y_symbol = nenc_arena_zalloc(&c->arena, y, sizeof *c->y_symbol);
    c->y_index = nenc_arena_zalloc(&c->arena, y, sizeof *c->y_index);
    c->z_symbol = nenc_arena_zalloc(&c->arena, z, sizeof *c->z_symbol);
    c->z_index = nenc_arena_zalloc(&c->arena, z, sizeof *c->z_index);
    if (!c->y || !c->y_mean || !c->y_symbol || !c->y_index || !c->z_symbol
        || !c->z_index)
        return nenc_arena_fail(&c->arena, diag, "latents", "");
    for (size_t i = 0; i < z; i++)
        c->z_index[i] = (uint16_t)(i % c->model->z_channels);
    if (c->model->entropy == HYPER_FACTORIZED)
        for (size_t i = 0; i < y; i++)
            c->y_index[i] = (uint16_t)(i % c->model->y_channels);
    return NENC_OK;
}

nenc_status hyper_prepare(hyper_context *c, uint32_t width, uint32_t height,
                          bool encoding, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    const size_t tall = (height + m->z_stride - 1) / m->z_stride;
    const size_t wide = (width + m->z_stride - 1) / m->z_stride;
    if (c->width && c->z_h == tall && c->z_w == wide)
        return NENC_OK;
    close_unit(c);
    const size_t ratio = m->z_stride / m->y_stride;
    c->z_h = tall;
    c->z_w = wide;
    c->y_h = tall * ratio;
    c->y_w = wide * ratio;
    NENC_TRY(alloc_unit(c, encoding, diag));
    if (encoding)
        NENC_TRY(plan_encoder(c, diag));
    NENC_TRY(plan_decoder(c, !encoding, diag));
    c->width = width;
    c->height = height;
    return NENC_OK;
}

void hyper_set_quality(const hyper_context *c, const nenc_net *net,
                       nenc_plan *p)
{
    const int q = nenc_net_input(net, "q");
    if (q < 0)
        return;
    float *d = nenc_plan_input(p, (size_t)q);
    d[0] = c->t;
    d[1] = c->t * c->t;
}

/* -------------------------------------------------------------- prediction */

/* How many thresholds lie below the scale; 0 for NaN.  Those of earlier
 * buckets do, since buckets are monotone; the others are compared. */
static uint16_t scale_index(const hyper_model *m, float scale)
{
    size_t i = m->bucket_first[bucket_of(m, scale)];
    while (i < m->n_thresholds && m->thresholds[i] < scale)
        i++;
    return (uint16_t)i;
}

typedef struct predict_job {
    const hyper_context *c;
    const float *params;
} predict_job;

static void predict_rows(void *user, int worker, size_t first, size_t end)
{
    const predict_job *j = user;
    const hyper_context *c = j->c;
    const hyper_model *m = c->model;
    const size_t n = m->y_channels;
    const bool means = m->entropy == HYPER_MEAN_SCALE;
    (void)worker;
    for (size_t p = first * c->y_w; p < end * c->y_w; p++) {
        const float *params = j->params + p * (means ? 2 : 1) * n;
        const float *scale = means && m->means_first ? params + n : params;
        const float *mean = m->means_first ? params : params + n;
        for (size_t k = 0; k < n; k++)
            c->y_index[p * n + k] = scale_index(m, scale[k]);
        if (means)
            memcpy(c->y_mean + p * n, mean, n * sizeof(float));
    }
}

nenc_status hyper_predict(hyper_context *c, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    if (!m->h_s)
        return NENC_OK;
    float *z = nenc_plan_input(c->h_s, (size_t)nenc_net_input(m->h_s, "z"));
    for (size_t i = 0; i < hyper_z_size(c); i++)
        z[i] = (float)c->z_symbol[i]
               + (m->z_offset ? m->z_offset[c->z_index[i]] : 0.0f);
    hyper_set_quality(c, m->h_s, c->h_s);
    NENC_TRY(nenc_plan_run(c->h_s, diag));
    predict_job j = { c, nenc_plan_output(c->h_s) };
    nenc_pool_run(c->params.pool, c->y_h, 1, predict_rows, &j);
    return NENC_OK;
}

const nenc_codec nenc_codec_hyperprior = {
    .name = "hyperprior", .id = NENC_TAG('H', 'Y', 'P', '1'),
    .media = NENC_IMAGE,
    .paper = "Balle et al., arXiv:1802.01436; Minnen et al., arXiv:1809.02736",
    .fast_ok = true, .default_model = "hyperprior.safetensors",
    .bind = bind, .unbind = unbind, .net_at = net_at, .open = open_context,
    .encode_unit = hyper_encode_unit, .decode_unit = hyper_decode_unit,
    .close = close_context,
};
