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
#include "hyperprior_train.h"

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
static nenc_status bind_net(const nenc_net **net, const hyper_model *m,
                            nenc_arena *arena, const nenc_safetensors *st,
                            const char *prefix, const char *name,
                            nenc_diag *diag)
{
    char key[32];
    snprintf(key, sizeof key, "%snet.%s", prefix, name);
    const char *text = nenc_safetensors_metadata(st, key);
    *net = NULL;
    return text ? nenc_net_open(net, arena, m->packs, text, name, st, diag)
                : NENC_OK;
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
        while (i < m->n_thresholds && hyper_bucket(m, data[i]) < b)
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
    if (nenc_packs_open(&m->packs, arena) < 0)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for the model");
    NENC_TRY(bind_net(&m->g_s, m, arena, st, "nenc.", "g_s", diag));
    NENC_TRY(bind_net(&m->g_a, m, arena, st, "", "g_a", diag));
    if (!m->g_s || !nenc_net_inputs(m->g_s))
        return nenc_fail(diag, NENC_EMODEL, "no network g_s");
    const int y = nenc_net_input(m->g_s, "y");
    m->y_channels = y < 0 ? 0 : nenc_net_input_channels(m->g_s, (size_t)y);
    NENC_TRY(check_net(m->g_s, "g_s", "y", m->y_channels, 3, diag));
    if (m->g_a)
        NENC_TRY(check_net(m->g_a, "g_a", "x", 3, m->y_channels, diag));
    NENC_TRY(bind_net(&m->p_s, m, arena, st, "", "p_s", diag));
    if (m->p_s)
        NENC_TRY(check_net(m->p_s, "p_s", "y", m->y_channels, 3, diag));
    if (m->p_s && m->y_stride % 8)
        return nenc_fail(diag, NENC_EMODEL,
                         "previews need latents every 8 or 16 pixels");
    if (m->entropy == HYPER_FACTORIZED)
        return NENC_OK;
    NENC_TRY(bind_net(&m->h_s, m, arena, st, "nenc.", "h_s", diag));
    NENC_TRY(bind_net(&m->h_a, m, arena, st, "", "h_a", diag));
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
    nenc_packs_close(m->packs);
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
        { "g_a", m->g_a, "x", 1, false, false },
        { "h_a", m->h_a, "y", m->y_stride, false, false },
        { "h_s", m->h_s, "z", m->z_stride, true, false },
        { "g_s", m->g_s, "y", m->y_stride, true, false },
        { "p_s", m->p_s, "y", m->y_stride, false, true },
    };
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        if (all[k].net && !i--) {
            *net = all[k];
            return true;
        }
    return false;
}

const nenc_codec nenc_codec_hyperprior = {
    .name = "hyperprior", .id = NENC_TAG('H', 'Y', 'P', '1'),
    .media = NENC_IMAGE,
    .paper = "Balle et al., arXiv:1802.01436; Minnen et al., arXiv:1809.02736",
    .fast_ok = true, .default_model = "hyperprior.safetensors",
    /* small enough for all cores to have one, large enough to cost no rate */
    .unit = 1024, .unit_over = 3 << 19,
    .bind = bind, .unbind = unbind, .net_at = net_at, .open = hyper_open,
    .encode = hyper_encode, .set_quality = hyper_quality,
    .decode = hyper_decode, .close = hyper_close,
    .train = &hyper_trainer,
};
