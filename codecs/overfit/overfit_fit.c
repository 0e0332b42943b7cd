/* SPDX-License-Identifier: BSD-2-Clause */
/* Phases of fitting. */
#include "overfit_fit.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "exact_math.h"
#include "overfit_kernels.h"
#include "overfit_math.h"
#include "overfit_paint.h"
#include "overfit_plane.h"
#include "overfit_quantise.h"
#include "random.h"
#include "overfit_rate.h"
#include "overfit_start.h"
#include "soap.h"

enum {
    ROWS = 16,                /* of a grid, to a thread at a time */
    PHASES = 3
};

/* A stretch of iterations. */
typedef struct phase {
    int iterations;
    double lr, lr_end;        /* along half a cosine */
    double temperature, temperature_end;     /* along a line */
    double noise, noise_end;
    bool is_hard;             /* latents are rounded, and rest */
} phase;

/* What depends on how many iterations there are. */
typedef struct recipe {
    int most;                 /* iterations */
    bool has_start;           /* networks of overfit_start.h, and not random */
    double networks, level;   /* learning rate of the networks, and at each
                                 level of that below it, relatively */
    float beta1, beta2;       /* of the latents */
    int warm, final;          /* the iterations' n-th parts */
} recipe;

/* Long runs want long memories and an end that is worth the name; networks
 * that are good at once leave the way to better ones too late for more than
 * some hundred iterations. */
static const recipe recipes[] = {
    { 400, true, 0.5, 1.2, 0.725f, 0.97f, 5, 50 },
    { 3999, false, 1, 1, 0.725f, 0.97f, 5, 50 },
    { INT_MAX, false, 1, 1, 0.9f, 0.999f, 25, 20 },
};

struct overfit_fit {
    const overfit_shape *shape;
    const overfit_plane *target;
    overfit_fit_config cfg;
    const recipe *recipe;
    const overfit_kernels *kernels;
    nenc_arena arena;
    overfit_rate *rate;
    overfit_paint *paint;
    nenc_soap *soap;
    size_t first_row[OVERFIT_GRIDS + 1];     /* of all grids' rows */
    overfit_plane y[OVERFIT_GRIDS], best_y[OVERFIT_GRIDS];
    overfit_plane m[OVERFIT_GRIDS], v[OVERFIT_GRIDS];    /* Adam's moments */
    overfit_plane grids[OVERFIT_GRIDS], slope[OVERFIT_GRIDS];
    overfit_plane d_grids[OVERFIT_GRIDS], d_latents[OVERFIT_TOP + 1];
    overfit_plane latents[OVERFIT_TOP + 1];  /* of `grids` */
    float *params, *d_params, *best_params;
    double *row_error;        /* [height] squared */
    double best_cost;
    uint64_t step;            /* of all phases */
    int n_done;               /* iterations */
    int at_phase, at;         /* and of this phase */
    double power[2];          /* betas to so many steps of this phase */
    bool stopped;
    /* of this iteration: */
    overfit_soft soft;
    overfit_adam adam[OVERFIT_TOP + 1];      /* at each level */
};

/* ------------------------------------------------------------------ opening */

static bool alloc(overfit_fit *f)
{
    const overfit_shape *s = f->shape;
    nenc_arena *a = &f->arena;
    for (int g = 0; g < s->n_grids; g++)
        f->first_row[g + 1] = f->first_row[g] + s->grids[g].height;
    f->params = nenc_arena_zalloc(a, s->n_params, sizeof(float));
    f->d_params = nenc_arena_zalloc(a, s->n_params, sizeof(float));
    f->best_params = nenc_arena_zalloc(a, s->n_params, sizeof(float));
    f->row_error = nenc_arena_zalloc(a, s->height, sizeof(double));
    overfit_plane *const lists[] = { f->y, f->best_y, f->m, f->v, f->grids,
                                     f->slope, f->d_grids };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (!overfit_planes_alloc(lists[i], a, s))
            return false;
    for (int k = 0; k <= s->top; k++) {
        const overfit_plane *p =
            &f->grids[overfit_latent(s, (uint32_t)k)];
        f->latents[k] = *p;
        if (!overfit_plane_alloc(&f->d_latents[k], a, p->width, p->height))
            return false;
    }
    return f->params && f->d_params && f->best_params && f->row_error;
}

static nenc_status open_soap(overfit_fit *f, nenc_diag *diag)
{
    const overfit_shape *s = f->shape;
    nenc_soap_tensor tensors[2 * OVERFIT_MAX_LAYERS];
    size_t n = 0;
    for (int i = 0; i < s->n_layers; i++) {
        const overfit_layer *l = &s->layers[i];
        tensors[n++] = (nenc_soap_tensor){
            f->params + l->weight, f->d_params + l->weight, (size_t)l->rows,
            (size_t)l->cols };
        if (l->has_bias)
            tensors[n++] = (nenc_soap_tensor){
                f->params + l->bias, f->d_params + l->bias, 1,
                (size_t)l->rows };
    }
    const nenc_soap_config cfg = {
        .beta1 = 0.95, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.01,
        .max_norm = 0.1, .shampoo_beta = 0.95, .every = 1,
        .max_memory = f->cfg.max_memory };
    return nenc_soap_open(&f->soap, tensors, n, &cfg, diag);
}

static nenc_status open_parts(overfit_fit *f, nenc_diag *diag)
{
    size_t left = f->cfg.max_memory;
    if (!alloc(f))
        return nenc_arena_fail(&f->arena, diag, "fitting", "latents");
    left -= f->arena.used;
    NENC_TRY(overfit_rate_open(&f->rate, f->shape, true, f->cfg.pool, left,
                               diag));
    left -= NENC_MIN(left, overfit_rate_memory(f->rate));
    NENC_TRY(overfit_paint_open(&f->paint, f->shape, true, f->cfg.pool, left,
                                diag));
    return open_soap(f, diag);
}

/* ------------------------------------------------------------ first parameters */

/* The sum of twelve numbers 0 to 1, less 6. */
static float gaussian(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += nenc_random_next(state);
    return (float)sum;
}

static void fill_gaussian(overfit_fit *f, const overfit_layer *l,
                          uint64_t *state)
{
    const float scale = 1 / (float)(l->rows * l->rows);
    for (int i = 0; i < l->rows * l->cols; i++)
        f->params[l->weight + (size_t)i] = gaussian(state) * scale;
}

static void fill_uniform(overfit_fit *f, const overfit_layer *l,
                         uint64_t *state)
{
    const double r = 1 / ((double)(l->rows * l->rows) * sqrt(l->cols));
    for (int i = 0; i < l->rows * l->cols; i++)
        f->params[l->weight + (size_t)i] =
            (float)((2 * nenc_random_next(state) - 1) * r);
}

static float mean_of(const overfit_plane *p)
{
    double sum = 0;
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++)
            sum += overfit_row(p, y)[x];
    return (float)(sum / ((double)p->width * p->height));
}

/* Bicubic enlarging, latents as they are, and the picture's mean colour. */
static void first_params(overfit_fit *f)
{
    static const float bicubic[4] = { 0.0351562f, 0.1054687f, -0.2617187f,
                                      -0.8789063f };
    const overfit_shape *s = f->shape;
    uint64_t state = 0x9e3779b97f4a7c15u;
    fill_gaussian(f, s->out, &state);
    fill_gaussian(f, s->direct, &state);
    for (int k = 0; k < OVERFIT_MIXERS; k++)
        fill_gaussian(f, s->mixer[k], &state);
    for (int k = 0; k < s->top; k++) {
        memcpy(f->params + s->up[k]->weight, bicubic, sizeof bicubic);
        f->params[s->pre[k]->weight + 3] = 1;
    }
    fill_uniform(f, s->trunk[0], &state);
    fill_uniform(f, s->trunk[1], &state);
    fill_uniform(f, s->skip, &state);
    for (int c = 0; c < s->channels; c++)
        f->params[s->trunk[1]->bias + (size_t)c] = mean_of(&f->target[c]);
}

nenc_status overfit_fit_open(overfit_fit **out, const overfit_shape *shape,
                             const overfit_plane *target,
                             const overfit_fit_config *cfg, nenc_diag *diag)
{
    *out = NULL;
    overfit_fit *f = nenc_mem_zalloc(1, sizeof *f);
    if (!f)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    f->shape = shape;
    f->target = target;
    f->cfg = *cfg;
    f->kernels = overfit_kernels_best();
    f->best_cost = INFINITY;
    f->recipe = recipes;
    while (cfg->iterations > f->recipe->most)
        f->recipe++;
    nenc_arena_init(&f->arena, cfg->max_memory);
    const nenc_status st = open_parts(f, diag);
    if (st < 0) {
        overfit_fit_close(f);
        return st;
    }
    first_params(f);
    if (f->recipe->has_start)
        (void)overfit_start(shape, f->params);
    *out = f;
    return NENC_OK;
}

void overfit_fit_close(overfit_fit *f)
{
    if (!f)
        return;
    overfit_rate_close(f->rate);
    overfit_paint_close(f->paint);
    nenc_soap_close(f->soap);
    nenc_arena_free(&f->arena);
    nenc_mem_free(f);
}

/* ------------------------------------------------------------------ iterations */

typedef struct row_at {
    int grid;
    uint32_t y, width;
    size_t lanes;             /* the width, rounded up */
} row_at;

static row_at find_row(const overfit_fit *f, size_t row)
{
    int g = 0;
    while (row >= f->first_row[g + 1])
        g++;
    const uint32_t w = f->shape->grids[g].width;
    return (row_at){ g, (uint32_t)(row - f->first_row[g]), w,
                     ((size_t)w + OVERFIT_LANES - 1) / OVERFIT_LANES
                     * OVERFIT_LANES };
}

/* Outside its grid there is no symbol but 0. */
static void quantise_soft(void *user, int worker, size_t first, size_t end)
{
    overfit_fit *f = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const row_at r = find_row(f, i);
        float *symbol = overfit_row(&f->grids[r.grid], r.y);
        overfit_quantise_soft(&f->soft, f->kernels,
                              nenc_random_at(f->step, i),
                              overfit_row(&f->y[r.grid], r.y), symbol,
                              overfit_row(&f->slope[r.grid], r.y), r.lanes);
        memset(symbol + r.width, 0, (r.lanes - r.width) * sizeof *symbol);
    }
}

static void quantise_hard(void *user, int worker, size_t first, size_t end)
{
    overfit_fit *f = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const row_at r = find_row(f, i);
        overfit_quantise_hard(overfit_row(&f->y[r.grid], r.y),
                              overfit_row(&f->grids[r.grid], r.y), r.width);
    }
}

static void update_rows(void *user, int worker, size_t first, size_t end)
{
    overfit_fit *f = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const row_at r = find_row(f, i);
        const overfit_grid *g = &f->shape->grids[r.grid];
        float *d = overfit_row(&f->d_grids[r.grid], r.y);
        const float *slope = overfit_row(&f->slope[r.grid], r.y);
        if (!g->is_hyper)
            f->kernels->add(d, overfit_row(&f->d_latents[g->level], r.y),
                            r.lanes);
        for (uint32_t x = 0; x < r.width; x++)
            d[x] *= slope[x];
        f->kernels->adam(&f->adam[g->level], overfit_row(&f->y[r.grid], r.y),
                         overfit_row(&f->m[r.grid], r.y),
                         overfit_row(&f->v[r.grid], r.y), d, r.lanes);
    }
}

static void all_rows(overfit_fit *f, nenc_pool_fn fn)
{
    nenc_pool_run(f->cfg.pool, f->first_row[f->shape->n_grids], ROWS, fn, f);
}

static float clamp(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

/* Of mean squared errors in the output.  Beyond 0 and 1 it is as at them, or
 * nothing would lead back. */
static void seed_rows(void *user, int worker, size_t first, size_t end)
{
    overfit_fit *f = user;
    const overfit_shape *s = f->shape;
    const float k = 2.0f / ((float)s->channels * (float)s->width
                            * (float)s->height);
    (void)worker;
    for (size_t y = first; y < end; y++)
        for (int c = 0; c < s->channels; c++) {
            const overfit_plane *p = overfit_paint_output(f->paint) + c;
            const float *out = overfit_row(p, (ptrdiff_t)y);
            const float *want = overfit_row(&f->target[c], (ptrdiff_t)y);
            float *d = overfit_row(overfit_paint_seed(f->paint) + c,
                                   (ptrdiff_t)y);
            for (uint32_t x = 0; x < s->width; x++)
                d[x] = k * (clamp(out[x]) - want[x]);
        }
}

static void error_rows(void *user, int worker, size_t first, size_t end)
{
    overfit_fit *f = user;
    const overfit_shape *s = f->shape;
    (void)worker;
    for (size_t y = first; y < end; y++) {
        float sum = 0;
        for (int c = 0; c < s->channels; c++) {
            const overfit_plane *p = overfit_paint_output(f->paint) + c;
            const float *out = overfit_row(p, (ptrdiff_t)y);
            const float *want = overfit_row(&f->target[c], (ptrdiff_t)y);
            for (uint32_t x = 0; x < s->width; x++) {
                const float d = clamp(out[x]) - want[x];
                sum += d * d;
            }
        }
        f->row_error[y] = sum;
    }
}

double overfit_fit_mse(overfit_fit *f, const float *params)
{
    const overfit_shape *s = f->shape;
    double sum = 0;
    overfit_paint_forward(f->paint, f->latents, params);
    nenc_pool_run(f->cfg.pool, s->height, ROWS, error_rows, f);
    for (uint32_t y = 0; y < s->height; y++)
        sum += f->row_error[y];
    return sum / ((double)s->width * s->height * s->channels);
}

double overfit_fit_bits(overfit_fit *f, const float *params)
{
    return overfit_rate_bits(f->rate, f->grids, params);
}

static void iterate(overfit_fit *f, double lr, bool is_hard)
{
    const overfit_shape *s = f->shape;
    const float weight = f->cfg.lambda
                       / ((float)s->width * (float)s->height);
    if (!is_hard)
        all_rows(f, quantise_soft);
    overfit_rate_gradients(f->rate, f->grids, f->params, weight, f->d_grids,
                           f->d_params);
    overfit_paint_forward(f->paint, f->latents, f->params);
    nenc_pool_run(f->cfg.pool, s->height, ROWS, seed_rows, f);
    overfit_paint_backward(f->paint, f->latents, f->params, f->d_latents,
                           f->d_params);
    if (!is_hard)
        all_rows(f, update_rows);
    (void)nenc_soap_step(f->soap, is_hard ? lr : lr * f->recipe->networks);
}

static bool is_finite(const float *v, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(v[i]))
        i++;
    return i == n;
}

/* ------------------------------------------------------------------- its state */

/* Where the pieces of a state go, or come from. */
typedef struct state {
    nenc_buffer to;
    nenc_bytes from;
} state;

static void save_piece(void *user, void *data, size_t size)
{
    nenc_buffer_put(&((state *)user)->to, data, size);
}

static void restore_piece(void *user, void *data, size_t size)
{
    const uint8_t *from = nenc_bytes_get(&((state *)user)->from, size);
    if (from && size)
        memcpy(data, from, size);
}

/* All that iterations leave behind.  Phases and counts are the first pieces. */
static void each_piece(overfit_fit *f,
                       void (*piece)(void *user, void *data, size_t size),
                       state *s)
{
    const overfit_shape *sh = f->shape;
    overfit_plane *const planes[] = { f->y, f->m, f->v, f->best_y };
    piece(s, &f->at_phase, sizeof f->at_phase);
    piece(s, &f->at, sizeof f->at);
    piece(s, &f->n_done, sizeof f->n_done);
    piece(s, &f->step, sizeof f->step);
    piece(s, f->power, sizeof f->power);
    piece(s, &f->best_cost, sizeof f->best_cost);
    piece(s, f->params, sh->n_params * sizeof(float));
    piece(s, f->best_params, sh->n_params * sizeof(float));
    for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++)
        for (int g = 0; g < sh->n_grids; g++)
            for (uint32_t y = 0; y < planes[i][g].height; y++)
                piece(s, overfit_row(&planes[i][g], y),
                      planes[i][g].width * sizeof(float));
    nenc_soap_state(f->soap, piece, s);
}

static nenc_status save(overfit_fit *f, nenc_diag *diag)
{
    state s;
    nenc_buffer_init(&s.to, f->cfg.max_memory);
    each_piece(f, save_piece, &s);
    const nenc_status st = s.to.failed
        ? nenc_fail(diag, NENC_ENOMEM, "no room for a checkpoint")
        : f->cfg.save(f->cfg.user, &s.to, diag);
    nenc_buffer_free(&s.to);
    return st;
}

/* The best may be what is kept in the end, whatever becomes of the rest. */
static bool is_best_sound(const overfit_fit *f)
{
    const overfit_shape *sh = f->shape;
    bool ok = is_finite(f->best_params, sh->n_params);
    for (int g = 0; g < sh->n_grids; g++)
        for (uint32_t y = 0; ok && y < sh->grids[g].height; y++)
            ok = is_finite(overfit_row(&f->best_y[g], y), sh->grids[g].width);
    return ok;
}

static nenc_status restore(overfit_fit *f, nenc_diag *diag)
{
    state s = { .from = f->cfg.state };
    each_piece(f, restore_piece, &s);
    return s.from.failed || nenc_bytes_left(&s.from) || !is_best_sound(f)
           || f->at_phase < 0 || f->at_phase >= PHASES || f->at < 1
           || f->n_done < f->at
        ? nenc_fail(diag, NENC_EINVAL, "the checkpoint is not of this picture "
                    "and this encoder") : NENC_OK;
}

/* ---------------------------------------------------------------------- phases */

static void copy_planes(overfit_plane *to, const overfit_plane *from, int n)
{
    for (int g = 0; g < n; g++)
        memcpy(to[g].data, from[g].data, from[g].height * from[g].pitch
                                         * sizeof(float));
}

static void keep_best(overfit_fit *f)
{
    const overfit_shape *s = f->shape;
    all_rows(f, quantise_hard);
    const double pixels = (double)s->width * s->height;
    const double mse = overfit_fit_mse(f, f->params);
    const double bpp = overfit_fit_bits(f, f->params) / pixels;
    const double cost = mse + (double)f->cfg.lambda * bpp;
    if (f->cfg.report)
        f->cfg.report(f->cfg.user, f->n_done, mse, bpp);
    if (!(cost < f->best_cost) || !is_finite(f->params, s->n_params))
        return;
    f->best_cost = cost;
    memcpy(f->best_params, f->params, s->n_params * sizeof(float));
    copy_planes(f->best_y, f->y, s->n_grids);
}

static void return_to_best(overfit_fit *f)
{
    const overfit_shape *s = f->shape;
    memcpy(f->params, f->best_params, s->n_params * sizeof(float));
    copy_planes(f->y, f->best_y, s->n_grids);
    all_rows(f, quantise_hard);
}

/* Sixteen to twenty-four symbols to one of the recipe's latents. */
static float gain_of(float lambda)
{
    return lambda >= 5e-4f ? 16 : lambda >= 2e-4f ? 20 : 24;
}

static void clear_moments(overfit_fit *f)
{
    nenc_soap_reset(f->soap);
    for (int g = 0; g < f->shape->n_grids; g++)
        for (uint32_t y = 0; y < f->m[g].height; y++) {
            memset(overfit_row(&f->m[g], y), 0, f->m[g].pitch * sizeof(float));
            memset(overfit_row(&f->v[g], y), 0, f->v[g].pitch * sizeof(float));
        }
}

static void set_soft(overfit_soft *s, double temperature, double noise)
{
    s->temperature = (float)temperature;
    s->gain = 0.5f / nenc_exactf_tanh(0.5f / s->temperature);
    s->noise = (float)noise;
}

static void set_adam(overfit_fit *f, double lr)
{
    const recipe *r = f->recipe;
    double rate = lr * (double)gain_of(f->cfg.lambda);
    for (int level = 0; level <= f->shape->top; level++, rate *= r->level)
        f->adam[level] = (overfit_adam){
            .lr = (float)rate, .beta1 = r->beta1, .beta2 = r->beta2,
            .eps = 1e-8f / gain_of(f->cfg.lambda),
            .correct1 = (float)(1 / (1 - f->power[0])),
            .correct2 = (float)(1 / (1 - f->power[1])) };
}

/* Learning rate and quantiser of the iteration that comes. @return the rate */
static double set_iteration(overfit_fit *f, const phase *p, int every)
{
    const double done = (double)(f->at / every * every) / p->iterations;
    const double lr = p->lr_end + (p->lr - p->lr_end) * 0.5
                    * (1 + overfit_cos_pi(done));
    if (!p->is_hard)
        set_soft(&f->soft, p->temperature + done * (p->temperature_end
                                                    - p->temperature),
                 p->noise + done * (p->noise_end - p->noise));
    f->power[0] *= (double)f->recipe->beta1;
    f->power[1] *= (double)f->recipe->beta2;
    set_adam(f, lr);
    f->step++;
    return lr;
}

static void begin_phase(overfit_fit *f)
{
    clear_moments(f);
    f->power[0] = f->power[1] = 1;
}

/* From iteration `at` on. */
static nenc_status run_phase(overfit_fit *f, const phase *p, int every,
                             nenc_diag *diag)
{
    if (p->iterations <= 0)
        return NENC_OK;
    if (!f->at)
        begin_phase(f);
    if (p->is_hard)
        all_rows(f, quantise_hard);
    while (f->at < p->iterations && !f->stopped) {
        nenc_tick next = NENC_TICK_GO_ON;
        iterate(f, set_iteration(f, p, every), p->is_hard);
        f->n_done++;
        f->at++;
        if (f->cfg.tick)
            next = f->cfg.tick(f->cfg.user, (double)f->n_done
                               / f->cfg.iterations);
        f->stopped = next == NENC_TICK_END;
        if (f->at % every == 0 || f->at == p->iterations || f->stopped)
            keep_best(f);
        if (next == NENC_TICK_SAVE)
            NENC_TRY(save(f, diag));
    }
    return_to_best(f);
    return NENC_OK;
}

nenc_status overfit_fit_run(overfit_fit *f, nenc_diag *diag)
{
    const int n = f->cfg.iterations, every = n >= 2000 ? 100 : n / 20 + 1;
    const int warm = n / f->recipe->warm, final = n / f->recipe->final;
    const double noise = (0.747 - 0.432 * f->cfg.log10_lambda) / 10;
    const phase phases[PHASES] = {
        { warm, 0.01, 0.01, 0.35, 0.35, noise, noise, false },
        { n - warm - final, 0.01, 1e-5, 0.35, 0.08, 0.22, 0.15, false },
        { final, 1e-4, 1e-5, 0, 0, 0, 0, true },
    };
    if (nenc_bytes_left(&f->cfg.state))
        NENC_TRY(restore(f, diag));
    for (; f->at_phase < PHASES; f->at_phase++, f->at = 0)
        NENC_TRY(run_phase(f, &phases[f->at_phase], every, diag));
    if (!isfinite(f->best_cost))
        return nenc_fail(diag, NENC_EINVAL, "nothing fits the picture");
    return NENC_OK;
}

bool overfit_fit_stopped(const overfit_fit *f)
{
    return f->stopped;
}

float *overfit_fit_params(overfit_fit *f)
{
    return f->params;
}

const overfit_plane *overfit_fit_grids(const overfit_fit *f)
{
    return f->grids;
}
