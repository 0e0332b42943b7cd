/* SPDX-License-Identifier: BSD-2-Clause */
/* Training a mean-scale hyperprior at all qualities, as training/hyperprior.py
 * does it: latents are rounded, with some dead zone, and gradients pass through
 * rounding as they are (straight through).  There, three channels have no dead
 * zone, which "y.dead" may say here, too, but models do not say it.
 * Ballé et al., arXiv:1802.01436; Minnen et al., arXiv:1809.02736; gains: Cui et
 * al., arXiv:2003.02012.
 * Not here: models' forms (hyperprior_export.c), tables (hyperprior_fit.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact_kernels.h"
#include "hyperprior_build.h"
#include "hyperprior_train.h"
#include "loss.h"
#include "prob_grad.h"
#include "random.h"

enum { G_A, H_A, H_S, G_S, NETS };
enum { GAIN, INVERSE, Z_MEAN, Z_SCALE, EXTRAS };

static const char *const net_names[NETS] = { "g_a", "h_a", "h_s", "g_s" };
static const char *const net_inputs[NETS] = { "x", "y", "z", "y" };
static const char *const extra_names[EXTRAS] = {
    "y.gain", "y.inverse_gain", "z.mean", "z.scale"
};

/* Of y's rounding; the encoder's rate-distortion choices widen it too. */
static const double DEAD_ZONE = 0.12;

typedef struct trainer {
    const nenc_safetensors *raw;
    nenc_train_config cfg;
    nenc_arena arena;
    const nenc_net *net[NETS];
    nenc_params *params[NETS];
    nenc_grad *grad[NETS];
    nenc_loss *loss;
    nenc_param extra[EXTRAS];    /* scales as logarithms */
    size_t n_points, y_channels, z_channels;
    size_t y_rows, y_w, z_rows, z_w;     /* rows of all pictures */
    double log_lambda[2], log_scale[2];
    float offset;                /* of pictures: networks see x - it */
    const float *dead;           /* [y_channels] */
    nenc_train_param *list;
    size_t n_list;
    float *t, *weight, *rate_weight;     /* [batch] */
    float *gain, *inverse;       /* [batch, y_channels] */
    float *y, *hat, *d_k;        /* [y_rows, y_w, y_channels]: with their gain,
                                    as decoded, the rate's gradient */
    const nenc_kernels *kernels;
    float *work;                 /* [threads, 3 y_channels] */
    float *d_gain, *d_inverse;   /* [y_rows, y_channels]: of each row */
    float *d_mean, *d_scale;     /* [z_rows, z_channels] */
    double *bits;                /* [y_rows + z_rows] */
    uint64_t noise;              /* seed, or 0 */
    const float *x;              /* the pictures */
    float *target;               /* the same less the offset */
    double *mse;                 /* [batch] */
} trainer;

/* ------------------------------------------------------------------ opening */

static nenc_status number(const trainer *t, const char *key, double *out,
                          nenc_diag *diag)
{
    const char *text = nenc_safetensors_metadata(t->raw, key);
    char *end = NULL;
    *out = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(*out > 0 && isfinite(*out)))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "training needs \"%s\" in the metadata", key);
    return NENC_OK;
}

static nenc_status read_config(trainer *t, nenc_diag *diag)
{
    static const char *const wanted[][2] = {
        { "entropy", "mean-scale" }, { "y_scale_log", "1" },
        { "params", "mean,scale" }, { "z_family", "ggd" }, { "z_beta", "1" },
    };
    double v[4];
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const char *has = nenc_safetensors_metadata(t->raw, wanted[i][0]);
        if (!has || strcmp(has, wanted[i][1]))
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "only mean-scale hyperpriors with Laplace "
                             "densities of log scales can be trained: %s is "
                             "%.20s, not %s", wanted[i][0],
                             has ? has : "missing", wanted[i][1]);
    }
    NENC_TRY(number(t, "lambda_min", &v[0], diag));
    NENC_TRY(number(t, "lambda_max", &v[1], diag));
    NENC_TRY(number(t, "y_scale_min", &v[2], diag));
    NENC_TRY(number(t, "y_scale_max", &v[3], diag));
    for (int i = 0; i < 2; i++) {
        t->log_lambda[i] = log(v[i]);
        t->log_scale[i] = log(v[2 + i]);
    }
    const char *centred = nenc_safetensors_metadata(t->raw, "centred");
    t->offset = centred && !strcmp(centred, "1") ? 0.5f : 0.0f;
    return NENC_OK;
}

static bool is_frozen(const trainer *t, const char *name)
{
    for (const char *const *f = t->cfg.frozen; f && *f; f++)
        if (!strcmp(*f, name))
            return true;
    return false;
}

/* Its input and, if it likes, q [2]: texts come from users and checkpoints. */
static nenc_status check_inputs(const nenc_net *net, const char *name,
                                const char *input, nenc_diag *diag)
{
    const int main = nenc_net_input(net, input), q = nenc_net_input(net, "q");
    if (main < 0)
        return nenc_fail(diag, NENC_EMODEL, "network %s has no input %s", name,
                         input);
    for (int i = 0; i < (int)nenc_net_inputs(net); i++)
        if (i != main
            && (i != q || nenc_net_input_channels(net, (size_t)i) != 2))
            return nenc_fail(diag, NENC_EMODEL, "network %s has an input "
                             "besides %s and q [2]", name, input);
    return NENC_OK;
}

static nenc_status open_nets(trainer *t, nenc_diag *diag)
{
    const char *text = nenc_safetensors_metadata(t->raw, "networks");
    if (!text)
        return nenc_fail(diag, NENC_EMODEL, "no \"networks\" in the metadata");
    for (int i = 0; i < NETS; i++) {
        NENC_TRY(nenc_net_open(&t->net[i], &t->arena, NULL, text, net_names[i],
                               t->raw, diag));
        NENC_TRY(check_inputs(t->net[i], net_names[i], net_inputs[i], diag));
        NENC_TRY(nenc_params_open(&t->params[i], t->net[i],
                                  is_frozen(t, net_names[i]),
                                  t->cfg.max_memory, diag));
    }
    t->y_channels = nenc_net_channels(t->net[G_A]);
    t->z_channels = nenc_net_channels(t->net[H_A]);
    if (nenc_net_channels(t->net[H_S]) != 2 * t->y_channels
        || nenc_net_channels(t->net[G_S]) != 3)
        return nenc_fail(diag, NENC_EMODEL, "h_s gives %zu channels, g_s %zu, "
                         "not %zu and 3", nenc_net_channels(t->net[H_S]),
                         nenc_net_channels(t->net[G_S]), 2 * t->y_channels);
    return NENC_OK;
}

static bool same_but_channels(const nenc_shape *a, const nenc_shape *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w;
}

/* One after the other, each for what the one before makes. */
static nenc_status open_grads(trainer *t, nenc_diag *diag)
{
    const size_t n = t->cfg.batch, size = t->cfg.size;
    nenc_shape made[NETS], in = { n, size, size, 3 };
    for (int i = 0; i < NETS; i++) {
        nenc_shape dims[NENC_NET_MAX_INPUTS];
        const int main = nenc_net_input(t->net[i], net_inputs[i]);
        if (i == G_S)
            in = made[G_A];
        for (size_t k = 0; k < nenc_net_inputs(t->net[i]); k++)
            dims[k] = (int)k == main ? in : (nenc_shape){
                n, 1, 1, nenc_net_input_channels(t->net[i], k) };
        NENC_TRY(nenc_grad_open(&t->grad[i], t->net[i], t->params[i], dims,
                                i == G_A ? 0 : 1u << main, t->cfg.pool,
                                t->cfg.max_memory, diag));
        in = made[i] = nenc_grad_output_shape(t->grad[i]);
    }
    const nenc_shape whole = { n, size, size, 3 };
    if (!same_but_channels(&made[H_S], &made[G_A])
        || !same_but_channels(&made[G_S], &whole))
        return nenc_fail(diag, NENC_EINVAL, "the networks cannot take pictures "
                         "of %zux%zu", size, size);
    t->y_rows = n * made[G_A].h;
    t->y_w = made[G_A].w;
    t->z_rows = n * made[H_A].h;
    t->z_w = made[H_A].w;
    return nenc_loss_open(&t->loss, NENC_LOSS_MSE, whole, t->cfg.pool,
                          t->cfg.max_memory, diag);
}

static nenc_status open_extra(trainer *t, int i, size_t rows, size_t channels,
                              nenc_diag *diag)
{
    nenc_param *p = &t->extra[i];
    const size_t dims[2] = { rows, channels };
    const size_t n_dims = i < Z_MEAN ? 2 : 1;
    p->name = extra_names[i];
    NENC_TRY(nenc_safetensors_f32(&p->value, t->raw, &t->arena, p->name,
                                  n_dims == 2 ? dims : dims + 1, n_dims,
                                  diag));
    p->n = nenc_safetensors_find(t->raw, p->name)->n_items;
    p->n_dims = n_dims;
    p->dims[0] = n_dims == 2 ? p->n / channels : channels;
    p->dims[1] = channels;
    p->least = -INFINITY;
    p->grad = nenc_arena_zalloc(&t->arena, p->n, sizeof *p->grad);
    for (size_t k = 0; i == Z_SCALE && k < p->n; k++)
        p->value[k] = logf(NENC_MAX(p->value[k], 1e-6f));
    return p->grad ? NENC_OK : nenc_arena_fail(&t->arena, diag, "a model",
                                               "to train");
}

static nenc_status open_extras(trainer *t, nenc_diag *diag)
{
    NENC_TRY(open_extra(t, GAIN, 0, t->y_channels, diag));
    t->n_points = t->extra[GAIN].dims[0];
    NENC_TRY(open_extra(t, INVERSE, t->n_points, t->y_channels, diag));
    NENC_TRY(open_extra(t, Z_MEAN, 0, t->z_channels, diag));
    NENC_TRY(open_extra(t, Z_SCALE, 0, t->z_channels, diag));
    return t->n_points > 1 ? NENC_OK
        : nenc_fail(diag, NENC_EMODEL, "gains at %zu qualities", t->n_points);
}

static void *room(trainer *t, size_t a, size_t b, size_t size, bool *ok)
{
    size_t n;
    void *p = nenc_size_mul(&n, a, b) ? nenc_arena_zalloc(&t->arena, n, size)
                                      : NULL;
    *ok = *ok && p;
    return p;
}

static nenc_status open_buffers(trainer *t, nenc_diag *diag)
{
    const size_t n = t->cfg.batch, c = t->y_channels;
    const size_t z = t->z_rows * t->z_channels;
    const size_t pixels = t->cfg.size * t->cfg.size;
    const nenc_st_tensor *dead = nenc_safetensors_find(t->raw, "y.dead");
    bool ok = true;
    t->t = room(t, n, 1, sizeof(float), &ok);
    t->weight = room(t, n, 1, sizeof(float), &ok);
    t->rate_weight = room(t, n, 1, sizeof(float), &ok);
    t->gain = room(t, n, c, sizeof(float), &ok);
    t->inverse = room(t, n, c, sizeof(float), &ok);
    t->y = room(t, t->y_rows * t->y_w, c, sizeof(float), &ok);
    t->hat = room(t, t->y_rows * t->y_w, c, sizeof(float), &ok);
    t->d_k = room(t, t->y_rows * t->y_w, c, sizeof(float), &ok);
    t->work = room(t, (size_t)nenc_pool_threads(t->cfg.pool), 3 * c,
                   sizeof(float), &ok);
    t->d_gain = room(t, t->y_rows, c, sizeof(float), &ok);
    t->d_inverse = room(t, t->y_rows, c, sizeof(float), &ok);
    t->d_mean = room(t, z, 1, sizeof(float), &ok);
    t->d_scale = room(t, z, 1, sizeof(float), &ok);
    t->bits = room(t, t->y_rows + t->z_rows, 1, sizeof(double), &ok);
    t->target = room(t, n * pixels, 3, sizeof(float), &ok);
    t->mse = room(t, n, 1, sizeof(double), &ok);
    float *zone = room(t, c, 1, sizeof(float), &ok);
    if (!ok)
        return nenc_arena_fail(&t->arena, diag, "a model", "to train");
    for (size_t i = 0; i < c; i++)
        zone[i] = (float)DEAD_ZONE;
    t->dead = zone;
    if (!dead)
        return NENC_OK;
    float *given;
    NENC_TRY(nenc_safetensors_f32(&given, t->raw, &t->arena, "y.dead", &c, 1,
                                  diag));
    t->dead = given;
    return NENC_OK;
}

/* The linear transforms that networks begin with in training/hyperprior.py are
 * near their best and move slowly; what stands for steps and scales, fast. */
static double rate_of(const char *name)
{
    static const char *const slow[] = { ".lap.", ".dct.", ".idct.", ".unlap." };
    static const char *const fast[] = { ".qp.", ".qr." };
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++)
        if (strstr(name, slow[i]))
            return 1.0 / 15;
    for (size_t i = 0; i < sizeof fast / sizeof fast[0]; i++)
        if (strstr(name, fast[i]))
            return 2.5;
    return 1;
}

static nenc_status list_params(trainer *t, nenc_diag *diag)
{
    size_t n = EXTRAS;
    for (int i = 0; i < NETS; i++)
        n += nenc_params_count(t->params[i]);
    t->list = nenc_arena_zalloc(&t->arena, n, sizeof *t->list);
    if (!t->list)
        return nenc_arena_fail(&t->arena, diag, "a model", "to train");
    for (int i = 0; i < NETS; i++)
        for (size_t k = 0; !is_frozen(t, net_names[i])
                           && k < nenc_params_count(t->params[i]); k++) {
            nenc_param *p = nenc_params_at(t->params[i], k);
            t->list[t->n_list++] = (nenc_train_param){ p, rate_of(p->name) };
        }
    for (int i = 0; i < EXTRAS && !is_frozen(t, "gains"); i++)
        t->list[t->n_list++] = (nenc_train_param){ &t->extra[i], 2.5 };
    return t->n_list ? NENC_OK : nenc_fail(diag, NENC_EINVAL,
                                           "all of the model is frozen");
}

static nenc_status check_frozen(const trainer *t, nenc_diag *diag)
{
    for (const char *const *f = t->cfg.frozen; f && *f; f++) {
        bool known = !strcmp(*f, "gains");
        for (int i = 0; i < NETS; i++)
            known |= !strcmp(*f, net_names[i]);
        if (!known)
            return nenc_fail(diag, NENC_EINVAL, "the model has no part \"%s\": "
                             "it has g_a, h_a, h_s, g_s and gains", *f);
    }
    return NENC_OK;
}

static nenc_status open_parts(trainer *t, nenc_diag *diag)
{
    NENC_TRY(check_frozen(t, diag));
    NENC_TRY(read_config(t, diag));
    NENC_TRY(open_nets(t, diag));
    NENC_TRY(open_grads(t, diag));
    NENC_TRY(open_extras(t, diag));
    NENC_TRY(open_buffers(t, diag));
    return list_params(t, diag);
}

static void train_close(void *user)
{
    trainer *t = user;
    if (!t)
        return;
    for (int i = 0; i < NETS; i++) {
        nenc_grad_close(t->grad[i]);
        nenc_params_close(t->params[i]);
    }
    nenc_loss_close(t->loss);
    nenc_arena_free(&t->arena);
    nenc_mem_free(t);
}

static nenc_status train_open(void **out, const nenc_safetensors *raw,
                             const nenc_train_config *cfg, nenc_diag *diag)
{
    trainer *t = nenc_mem_zalloc(1, sizeof *t);
    *out = NULL;
    if (!t)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    t->raw = raw;
    t->cfg = *cfg;
    t->kernels = nenc_kernels_best();
    nenc_arena_init(&t->arena, cfg->max_memory);
    const nenc_status st = open_parts(t, diag);
    if (st < 0)
        train_close(t);
    else
        *out = t;
    return st;
}

static size_t train_params(void *user, const nenc_train_param **list)
{
    trainer *t = user;
    *list = t->list;
    return t->n_list;
}

static uint64_t train_macs(const void *user)
{
    const trainer *t = user;
    uint64_t n = 0;
    for (int i = 0; i < NETS; i++)
        n += nenc_grad_macs(t->grad[i]);
    return n;
}

static void train_changed(void *user)
{
    trainer *t = user;
    for (int i = 0; i < NETS; i++)
        nenc_params_update(t->params[i], t->cfg.pool);
}

/* --------------------------------------------------------------------- a step */

/* Which two points a quality lies between, and how far. */
static size_t point_at(const trainer *t, float quality, float *between)
{
    const float at = quality * (float)(t->n_points - 1);
    size_t i = at > 0 ? (size_t)at : 0;
    i = NENC_MIN(i, t->n_points - 2);
    *between = at - (float)i;
    return i;
}

static void set_gains(trainer *t)
{
    const size_t c = t->y_channels;
    for (size_t n = 0; n < t->cfg.batch; n++) {
        float f;
        const size_t i = point_at(t, t->t[n], &f);
        const float *g = t->extra[GAIN].value + i * c;
        const float *v = t->extra[INVERSE].value + i * c;
        for (size_t k = 0; k < c; k++) {
            t->gain[n * c + k] = expf(g[k] + (g[k + c] - g[k]) * f);
            t->inverse[n * c + k] = expf(v[k] + (v[k + c] - v[k]) * f);
        }
    }
}

/* loss = mean of (bits / pixel + lambda mse) / sqrt(lambda / 0.01): the root
 * keeps high qualities from ruling. */
static void set_weights(trainer *t)
{
    const double pixels = (double)t->cfg.size * (double)t->cfg.size;
    for (size_t n = 0; n < t->cfg.batch; n++) {
        const double lambda = exp(t->log_lambda[0] + t->t[n]
                                  * (t->log_lambda[1] - t->log_lambda[0]));
        const double w = 1 / sqrt(lambda / 0.01) / (double)t->cfg.batch;
        t->weight[n] = (float)(w * lambda * 255 * 255);
        t->rate_weight[n] = (float)(w / pixels);
    }
}

static float *input_of(trainer *t, int net)
{
    return nenc_grad_input(t->grad[net], (size_t)nenc_net_input(
        t->net[net], net_inputs[net]));
}

static const float *gradient_of(const trainer *t, int net)
{
    return nenc_grad_of_input(t->grad[net], (size_t)nenc_net_input(
        t->net[net], net_inputs[net]));
}

static void run_net(trainer *t, int net)
{
    const int q = nenc_net_input(t->net[net], "q");
    float *d = q < 0 ? NULL : nenc_grad_input(t->grad[net], (size_t)q);
    for (size_t n = 0; d && n < t->cfg.batch; n++) {
        d[2 * n] = t->t[n];
        d[2 * n + 1] = t->t[n] * t->t[n];
    }
    nenc_grad_forward(t->grad[net]);
}

/* Rows of y get their gain, and go into h_a. */
static void gain_rows(void *user, int worker, size_t first, size_t end)
{
    trainer *t = user;
    const size_t c = t->y_channels, row = t->y_w * c;
    const size_t h = t->y_rows / t->cfg.batch;
    const float *from = nenc_grad_output(t->grad[G_A]);
    float *to = input_of(t, H_A);
    (void)worker;
    for (size_t r = first; r < end; r++) {
        const float *gain = t->gain + r / h * c;
        for (size_t i = r * row; i < (r + 1) * row; i += c)
            for (size_t k = 0; k < c; k++)
                to[i + k] = t->y[i + k] = from[i + k] * gain[k];
    }
}

/* -1/2 to 1/2 */
static float noise_at(uint64_t seed, uint64_t place)
{
    return (float)(nenc_random_at(seed, place) >> 40) * 0x1p-24f - 0.5f;
}

/* z is rounded; its bits, and their gradients by the density. */
static void z_rows(void *user, int worker, size_t first, size_t end)
{
    trainer *t = user;
    const size_t c = t->z_channels, h = t->z_rows / t->cfg.batch;
    const float *from = nenc_grad_output(t->grad[H_A]);
    float *to = input_of(t, H_S), *d_z = nenc_grad_seed(t->grad[H_A]);
    const float *mean = t->extra[Z_MEAN].value;
    const float *log_scale = t->extra[Z_SCALE].value;
    (void)worker;
    for (size_t r = first; r < end; r++) {
        const double w = t->rate_weight[r / h];
        double bits = 0;
        memset(t->d_mean + r * c, 0, c * sizeof(float));
        memset(t->d_scale + r * c, 0, c * sizeof(float));
        for (size_t x = 0; x < t->z_w; x++)
            for (size_t k = 0; k < c; k++) {
                const size_t i = (r * t->z_w + x) * c + k;
                const double scale = expf(log_scale[k]);
                to[i] = t->noise
                    ? from[i] + noise_at(t->noise, (uint64_t)1 << 40 | i)
                    : from[i] < 0 ? -floorf(0.5f - from[i])
                                  : floorf(from[i] + 0.5f);
                const nenc_prob_bits b = nenc_prob_bits_laplace_clamped(
                    (double)to[i] - (double)mean[k], scale);
                bits += b.bits;
                d_z[i] = (float)(w * b.dv);
                t->d_mean[r * c + k] -= (float)(w * b.dv);
                t->d_scale[r * c + k] += (float)(w * b.dscale * scale);
            }
        t->bits[t->y_rows + r] = bits;
    }
}

/* Of c latents. */
static void round_y(float *restrict symbol, const float *restrict y,
                    const float *restrict mean, const float *restrict dead,
                    size_t c)
{
    const float most = 0x1p30f;
    for (size_t k = 0; k < c; k++) {
        const float v = y[k] - mean[k];
        const float size = fabsf(v) + (0.5f - dead[k]);
        const float floor = (float)(int32_t)(size < most ? size : most);
        symbol[k] = v < 0 ? -floor : floor;
    }
}

/* Sum of a[k] - log(b[k]); a product of some is as good as each. */
static double sum_less_logs(const float *a, const float *b, size_t n)
{
    enum { SOME = 16 };
    double sum = 0;
    for (size_t i = 0; i < n; i += SOME) {
        double product = 1;
        for (size_t k = i; k < NENC_MIN(i + SOME, n); k++) {
            sum += a[k];
            product *= b[k];
        }
        sum -= log(product);
    }
    return sum;
}

/* nenc_prob_bits_laplace_rounded() of a pixel's c symbols, in float32: with x =
 * 1 / scale, or half of it where the symbol is 0, and h = tanh(x / 2),
 * 1 - exp(-x) = 2 h / (1 + h) and 1 / expm1(x) = (1 - h) / 2 h.
 * @param[out] d_symbol, d_scale  w times what the bits change by, the latter
 *                                with the scale's logarithm
 * @param      work               [2 c]
 * @return bits */
static double price_y(const trainer *t, float *restrict d_symbol,
                      float *restrict d_scale, const float *restrict symbol,
                      const float *restrict log_scale, float *work, double w)
{
    const size_t c = t->y_channels;
    const float lo = (float)t->log_scale[0], hi = (float)t->log_scale[1];
    const float ln2 = 0.6931471806f, weight = (float)(w / 0.69314718055994531);
    float *restrict x = work, *restrict h = work + c;
    for (size_t k = 0; k < c; k++) {
        const float v = log_scale[k] > lo ? log_scale[k] : lo;
        x[k] = -(v < hi ? v : hi);
    }
    t->kernels->point(NENC_POINT_EXP, x, x, c, 0);
    for (size_t k = 0; k < c; k++) {
        x[k] *= symbol[k] == 0 ? 0.5f : 1;
        h[k] = 0.5f * x[k];
    }
    t->kernels->point(NENC_POINT_TANH, h, h, c, 0);
    for (size_t k = 0; k < c; k++) {
        const float sign = (symbol[k] > 0 ? 1.0f : 0)
                         - (symbol[k] < 0 ? 1.0f : 0);
        const float off = (symbol[k] * sign - 0.5f) * x[k] * (sign * sign);
        const float slope = x[k] * (1 - h[k]) / (2 * h[k]) - off;
        const bool inside = log_scale[k] >= lo && log_scale[k] <= hi;
        d_symbol[k] = weight * x[k] * sign;
        d_scale[k] = weight * slope * (inside ? 1 : 0);
        x[k] = off + ln2 * (sign * sign);
        h[k] = 2 * h[k] / (1 + h[k]);
    }
    return sum_less_logs(x, h, c) / 0.69314718055994531;
}

/* The same with noise for rounding, by the density of what that comes to; also
 * makes the symbols.
 * @param params  of the pixel: means, then scales */
static double price_noisy(const trainer *t, size_t pixel, float *symbol,
                          float *d_symbol, float *d_scale, const float *params,
                          double w)
{
    const size_t c = t->y_channels;
    double bits = 0;
    for (size_t k = 0; k < c; k++) {
        const double scale = (double)params[c + k], lo = t->log_scale[0];
        const double hi = t->log_scale[1];
        const double s = exp(scale > lo ? scale < hi ? scale : hi : lo);
        const size_t at = pixel * c + k;
        symbol[k] = t->y[at] - params[k] + noise_at(t->noise, at);
        const nenc_prob_bits b = nenc_prob_bits_laplace_clamped(
            (double)symbol[k], s);
        bits += b.bits;
        d_symbol[k] = (float)(w * b.dv);
        d_scale[k] = scale >= lo && scale <= hi ? (float)(w * b.dscale * s)
                                                : 0;
    }
    return bits;
}

/* Symbols of y, their bits with the gradients in symbols and scales, and what
 * the decoder makes of them. */
static void y_rows(void *user, int worker, size_t first, size_t end)
{
    trainer *t = user;
    const size_t c = t->y_channels, h = t->y_rows / t->cfg.batch;
    const float *params = nenc_grad_output(t->grad[H_S]);
    float *d_params = nenc_grad_seed(t->grad[H_S]), *to = input_of(t, G_S);
    float *symbol = t->work + (size_t)worker * 3 * c, *work = symbol + c;
    for (size_t r = first; r < end; r++) {
        const float *inverse = t->inverse + r / h * c;
        double bits = 0;
        for (size_t p = r * t->y_w; p < (r + 1) * t->y_w; p++) {
            const float *mean = params + 2 * p * c;
            float *d_k = t->d_k + p * c, *d_mean = d_params + 2 * p * c;
            float *hat = t->hat + p * c;
            if (t->noise) {
                bits += price_noisy(t, p, symbol, d_k, d_mean + c, mean,
                                    t->rate_weight[r / h]);
            } else {
                round_y(symbol, t->y + p * c, mean, t->dead, c);
                bits += price_y(t, d_k, d_mean + c, symbol, mean + c, work,
                                t->rate_weight[r / h]);
            }
            for (size_t k = 0; k < c; k++)
                d_mean[k] = -d_k[k];
            for (size_t k = 0; k < c; k++)
                hat[k] = (symbol[k] + mean[k]) * inverse[k];
            memcpy(to + p * c, hat, c * sizeof *to);
        }
        t->bits[r] = bits;
    }
}

/* From the gradients in g_s's and h_a's inputs to that in g_a's output, and to
 * those of gains.  Where k = round(y - mean) passes on what it gets, the mean
 * gets back as much of the distortion's as y - mean takes: none is left. */
static void back_rows(void *user, int worker, size_t first, size_t end)
{
    trainer *t = user;
    const size_t c = t->y_channels, h = t->y_rows / t->cfg.batch;
    const float *d_hat = gradient_of(t, G_S), *d_hyper = gradient_of(t, H_A);
    float *seed = nenc_grad_seed(t->grad[G_A]);
    (void)worker;
    for (size_t r = first; r < end; r++) {
        const float *gain = t->gain + r / h * c;
        const float *inverse = t->inverse + r / h * c;
        float *d_gain = t->d_gain + r * c, *d_inverse = t->d_inverse + r * c;
        memset(d_gain, 0, c * sizeof *d_gain);
        memset(d_inverse, 0, c * sizeof *d_inverse);
        for (size_t i = r * t->y_w * c; i < (r + 1) * t->y_w * c; i += c)
            for (size_t k = 0; k < c; k++) {
                const float d = d_hat[i + k] * inverse[k] + t->d_k[i + k]
                                + d_hyper[i + k];
                d_inverse[k] += d_hat[i + k] * t->hat[i + k];
                d_gain[k] += d * t->y[i + k];
                seed[i + k] = d * gain[k];
            }
    }
}

/* Sums over rows, at the two points that each picture's quality lies between. */
static void collect_gains(trainer *t)
{
    const size_t c = t->y_channels, h = t->y_rows / t->cfg.batch;
    for (size_t r = 0; r < t->y_rows; r++) {
        float f;
        const size_t i = point_at(t, t->t[r / h], &f);
        for (size_t k = 0; k < c; k++) {
            const float g = t->d_gain[r * c + k], v = t->d_inverse[r * c + k];
            t->extra[GAIN].grad[i * c + k] += g * (1 - f);
            t->extra[GAIN].grad[(i + 1) * c + k] += g * f;
            t->extra[INVERSE].grad[i * c + k] += v * (1 - f);
            t->extra[INVERSE].grad[(i + 1) * c + k] += v * f;
        }
    }
    for (size_t r = 0; r < t->z_rows; r++)
        for (size_t k = 0; k < t->z_channels; k++) {
            t->extra[Z_MEAN].grad[k] += t->d_mean[r * t->z_channels + k];
            t->extra[Z_SCALE].grad[k] += t->d_scale[r * t->z_channels + k];
        }
}

/* Rows of the pictures. */
static void load_rows(void *user, int worker, size_t first, size_t end)
{
    trainer *t = user;
    const size_t row = t->cfg.size * 3;
    float *in = input_of(t, G_A);
    (void)worker;
    for (size_t i = first * row; i < end * row; i++)
        in[i] = t->target[i] = t->x[i] - t->offset;
}

static void forward(trainer *t, const float *x)
{
    t->x = x;
    nenc_pool_run(t->cfg.pool, t->cfg.batch * t->cfg.size, 64, load_rows, t);
    run_net(t, G_A);
    nenc_pool_run(t->cfg.pool, t->y_rows, 1, gain_rows, t);
    run_net(t, H_A);
    nenc_pool_run(t->cfg.pool, t->z_rows, 1, z_rows, t);
    run_net(t, H_S);
    nenc_pool_run(t->cfg.pool, t->y_rows, 1, y_rows, t);
    run_net(t, G_S);
}

static void backward(trainer *t)
{
    nenc_grad_backward(t->grad[G_S]);
    nenc_grad_backward(t->grad[H_S]);
    const float *d_z = gradient_of(t, H_S);
    float *seed = nenc_grad_seed(t->grad[H_A]);
    for (size_t i = 0; i < t->z_rows * t->z_w * t->z_channels; i++)
        seed[i] += d_z[i];
    nenc_grad_backward(t->grad[H_A]);
    nenc_pool_run(t->cfg.pool, t->y_rows, 1, back_rows, t);
    nenc_grad_backward(t->grad[G_A]);
    collect_gains(t);
}

static void train_step(void *user, const float *x, const float *quality,
                       uint64_t noise, nenc_train_loss *loss)
{
    trainer *t = user;
    t->noise = noise;
    const size_t n = t->cfg.batch, h = t->y_rows / n, zh = t->z_rows / n;
    const double pixels = (double)t->cfg.size * (double)t->cfg.size;
    memcpy(t->t, quality, n * sizeof *t->t);
    set_gains(t);
    set_weights(t);
    forward(t, x);
    nenc_loss_run(t->loss, t->mse, nenc_grad_seed(t->grad[G_S]),
                  nenc_grad_output(t->grad[G_S]), t->target, t->weight, n);
    *loss = (nenc_train_loss){ 0 };
    for (size_t i = 0; i < n; i++) {
        double bits = 0;
        for (size_t r = i * h; r < (i + 1) * h; r++)
            bits += t->bits[r];
        for (size_t r = i * zh; r < (i + 1) * zh; r++)
            bits += t->bits[t->y_rows + r];
        loss->loss += t->rate_weight[i] * bits + t->weight[i] * t->mse[i];
        loss->bpp += bits / pixels / (double)n;
        loss->mse += t->mse[i] * 255 * 255 / (double)n;
    }
    backward(t);
}

/* ------------------------------------------------------------------ as a model */

/* Scales are logarithms here only. */
static nenc_status save_param(nenc_st_tensor *to, const trainer *t,
                              const nenc_param *p, nenc_arena *arena,
                              nenc_diag *diag)
{
    float *values = p->value;
    if (p == &t->extra[Z_SCALE]
        && !(values = nenc_arena_zalloc(arena, p->n, sizeof *values)))
        return nenc_arena_fail(arena, diag, "a model", "to be saved");
    for (size_t i = 0; values != p->value && i < p->n; i++)
        values[i] = expf(p->value[i]);
    return nenc_st_floats(to, arena, to->name, values, p->dims, p->n_dims,
                          diag);
}

/* The tensors that there were, with the values that there are; those that say
 * what was measured of others are left out. */
static nenc_status train_save(void *user, nenc_safetensors *raw,
                             nenc_arena *arena, nenc_diag *diag)
{
    trainer *t = user;
    nenc_st_tensor *list = nenc_arena_zalloc(arena, t->raw->n_tensors,
                                             sizeof *list);
    size_t n = 0;
    if (!list)
        return nenc_arena_fail(arena, diag, "a model", "to be saved");
    for (size_t i = 0; i < t->raw->n_tensors; i++) {
        list[n] = t->raw->tensors[i];
        if (!strcmp(list[n].name, "y.pmf"))
            continue;
        for (size_t k = 0; k < t->n_list; k++) {
            const nenc_param *p = t->list[k].param;
            if (!strcmp(p->name, list[n].name))
                NENC_TRY(save_param(&list[n], t, p, arena, diag));
        }
        n++;
    }
    *raw = *t->raw;
    raw->tensors = list;
    raw->n_tensors = n;
    return NENC_OK;
}

const nenc_trainer_ops hyper_trainer = {
    .export = hyper_train_export, .create = hyper_train_create,
    .open = train_open, .close = train_close, .params = train_params,
    .step = train_step, .changed = train_changed, .save = train_save,
    .measure = hyper_train_measure, .build = nenc_hyperprior_build,
    .macs = train_macs,
};
