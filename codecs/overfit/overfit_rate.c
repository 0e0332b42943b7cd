/* SPDX-License-Identifier: BSD-2-Clause */
/* The context network over rows of all grids, forward and back.  Grids are cut
 * into bands of rows; as a symbol's gradient reaches the rows above, bands with
 * even numbers go first, then those between.  Not here: the features of coarser
 * grids (overfit_mixer.c). */
#include <string.h>

#include "exact_sum.h"
#include "overfit_kernels.h"
#include "overfit_math.h"
#include "overfit_mixer.h"
#include "overfit_plane.h"
#include "overfit_rate.h"

enum { BAND = 16, BLOCK = 256, L = OVERFIT_LANES, C = OVERFIT_INPUTS };

static const float LEAST_SCALE = -5, MOST_SCALE = 3;   /* logarithms */
static const float LEAST = 0x1p-16f;          /* probability */

typedef struct band {
    int grid;
    uint32_t first, end;      /* rows */
} band;

/* One thread's. */
typedef struct scratch {
    float features[OVERFIT_INPUTS][BLOCK];
    float h[OVERFIT_LAYERS][C][BLOCK], d[OVERFIT_LAYERS][C][BLOCK];
    float o[2][BLOCK], d_o[2][BLOCK], d_in[C][BLOCK];
    float price[BLOCK], d_symbol[BLOCK];
    float *sums;              /* [parameters of ARM][L] */
} scratch;

struct overfit_rate {
    const overfit_shape *shape;
    const overfit_kernels *kernels;
    nenc_pool *pool;
    nenc_arena arena;
    overfit_mixer *mixer;
    size_t n_arm;             /* parameters of ARM: the first of all */
    band *bands;              /* the even ones, then the odd ones */
    size_t n_bands, n_even;
    float *partial;           /* [n_bands][n_arm] */
    double *bits;             /* [n_bands] */
    scratch *scratch;         /* [threads] */
    float zeros[BLOCK];
    /* of this run: */
    const overfit_plane *grids;
    overfit_plane *d_grids;   /* NULL: bits only */
    const float *params;
    float weight;
    size_t first_band;
    float w[OVERFIT_LAYERS][C * C];     /* with the identity in */
    float wt[OVERFIT_LAYERS][C * C];    /* transposed */
    float out_t[C * 2], direct_t[C * 2];
};

/* ------------------------------------------------------------------ opening */

static void list_bands(overfit_rate *r)
{
    for (int odd = 0; odd < 2; odd++) {
        for (int g = 0; g < r->shape->n_grids; g++) {
            const uint32_t h = r->shape->grids[g].height;
            for (uint32_t y = odd ? BAND : 0; y < h; y += 2 * BAND)
                r->bands[r->n_bands++] = (band){ g, y,
                                                 NENC_MIN(y + BAND, h) };
        }
        if (!odd)
            r->n_even = r->n_bands;
    }
}

static bool alloc(overfit_rate *r, bool training)
{
    const int threads = nenc_pool_threads(r->pool);
    size_t n = 0;
    for (int g = 0; g < r->shape->n_grids; g++)
        n += r->shape->grids[g].height / BAND + 1;
    r->n_arm = r->shape->mixer[0]->weight;
    r->bands = nenc_arena_zalloc(&r->arena, n, sizeof *r->bands);
    r->bits = nenc_arena_zalloc(&r->arena, n, sizeof *r->bits);
    r->scratch = nenc_arena_zalloc(&r->arena, (size_t)threads,
                                   sizeof *r->scratch);
    if (!r->bands || !r->bits || !r->scratch)
        return false;
    if (!training)
        return true;
    r->partial = nenc_arena_zalloc(&r->arena, n, r->n_arm * sizeof(float));
    for (int i = 0; r->partial && i < threads; i++) {
        r->scratch[i].sums = nenc_arena_zalloc(&r->arena, r->n_arm,
                                               L * sizeof(float));
        if (!r->scratch[i].sums)
            return false;
    }
    return r->partial != NULL;
}

nenc_status overfit_rate_open(overfit_rate **out, const overfit_shape *shape,
                              bool training, nenc_pool *pool,
                              size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    overfit_rate *r = nenc_mem_zalloc(1, sizeof *r);
    if (!r)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    r->shape = shape;
    r->kernels = overfit_kernels_best();
    r->pool = pool;
    nenc_arena_init(&r->arena, max_memory);
    nenc_status st = NENC_OK;
    if (!alloc(r, training))
        st = nenc_arena_fail(&r->arena, diag, "prices of", "latents");
    else
        st = overfit_mixer_open(&r->mixer, shape, training, pool,
                                max_memory - r->arena.used, diag);
    if (st < 0) {
        overfit_rate_close(r);
        return st;
    }
    list_bands(r);
    *out = r;
    return NENC_OK;
}

void overfit_rate_close(overfit_rate *r)
{
    if (!r)
        return;
    overfit_mixer_close(r->mixer);
    nenc_arena_free(&r->arena);
    nenc_mem_free(r);
}

size_t overfit_rate_memory(const overfit_rate *r)
{
    return r->arena.used + overfit_mixer_memory(r->mixer);
}

/* ------------------------------------------------------------------ a block */

/* Of one row: pixels x to x + n, n rounded up to lanes in `lanes`. */
typedef struct block {
    const overfit_rate *r;
    scratch *s;
    int grid;
    uint32_t y, x;
    size_t n, lanes;
    const float *in[C];
} block;

static void pointers(float **p, float rows[][BLOCK], int n)
{
    for (int i = 0; i < n; i++)
        p[i] = rows[i];
}

/* Each feature is for two by two symbols. */
static void load_features(block *b)
{
    const overfit_shape *sh = b->r->shape;
    const uint32_t level = sh->grids[b->grid].level;
    for (int f = 0; f < sh->size->features; f++) {
        float *to = b->s->features[f];
        b->in[sh->size->spatial + f] = level < OVERFIT_MIXERS ? to
                                                              : b->r->zeros;
        if (level >= OVERFIT_MIXERS)
            continue;
        const overfit_plane *m = overfit_mixer_feature(b->r->mixer,
                                                       (int)level, f);
        const float *from = overfit_row(m, b->y >> 1) + (b->x >> 1);
        for (size_t i = 0; i < b->lanes / 2; i++)
            to[2 * i] = to[2 * i + 1] = from[i];
    }
}

static void load(block *b)
{
    const overfit_plane *g = &b->r->grids[b->grid];
    for (int k = 0; k < b->r->shape->size->spatial; k++)
        b->in[k] = overfit_row(g, (ptrdiff_t)b->y + overfit_contexts[k][0])
                 + b->x + overfit_contexts[k][1];
    load_features(b);
}

static void dense(const block *b, const float *w, const float *bias, int n_in,
                  const float *const *in, int n_out, float *const *out,
                  bool relu, bool resume)
{
    const overfit_dense d = { .w = w, .bias = bias, .w_pitch = (size_t)n_in,
                              .n_in = n_in, .n_out = n_out, .in = in,
                              .out = out, .n = b->lanes, .relu = relu,
                              .resume = resume };
    b->r->kernels->dense(&d);
}

static void forward(block *b)
{
    const overfit_rate *r = b->r;
    const overfit_shape *sh = r->shape;
    const int c = sh->inputs;
    const float *const *in = b->in;
    float *h[OVERFIT_LAYERS][C], *o[2];
    load(b);
    pointers(o, b->s->o, 2);
    for (int i = 0; i < OVERFIT_LAYERS; i++) {
        pointers(h[i], b->s->h[i], c);
        dense(b, r->w[i], r->params + sh->hidden[i]->bias, c, in, c, h[i],
              true, false);
        in = (const float *const *)h[i];
    }
    dense(b, r->params + sh->out->weight, r->params + sh->out->bias, c, in, 2,
          o, false, false);
    dense(b, r->params + sh->direct->weight, NULL, c, b->in, 2, o, false,
          true);
}

/* Bits, and with gradients what they are in the outputs and the symbol. */
static double laplace(block *b, bool gradients)
{
    scratch *s = b->s;
    const overfit_laplace l = {
        .symbol = overfit_row(&b->r->grids[b->grid], b->y) + b->x,
        .mean = s->o[0], .scale = s->o[1], .least_scale = LEAST_SCALE,
        .most_scale = MOST_SCALE, .least = LEAST, .weight = b->r->weight,
        .price = s->price, .d_symbol = s->d_symbol,
        .d_mean = gradients ? s->d_o[0] : NULL, .d_scale = s->d_o[1] };
    b->r->kernels->laplace(&l, b->lanes);
    for (size_t i = b->n; i < b->lanes; i++)
        s->d_symbol[i] = s->d_o[0][i] = s->d_o[1][i] = 0;
    double product = 1, bits = 0;
    for (size_t i = 0; !gradients && i < b->n; i++) {
        product *= s->price[i];
        if (product < 1e-200 || i + 1 == b->n) {
            bits -= overfit_log2(product);
            product = 1;
        }
    }
    return bits;
}

/* Of the inputs: to the symbols they are, and to the features. */
static void scatter(const block *b)
{
    const overfit_shape *sh = b->r->shape;
    const overfit_plane *d = &b->r->d_grids[b->grid];
    const int s = sh->size->spatial;
    const uint32_t level = sh->grids[b->grid].level;
    void (*const add)(float *, const float *, size_t) = b->r->kernels->add;
    add(overfit_row(d, b->y) + b->x, b->s->d_symbol, b->lanes);
    for (int k = 0; k < s; k++)
        add(overfit_row(d, (ptrdiff_t)b->y + overfit_contexts[k][0])
            + b->x + overfit_contexts[k][1], b->s->d_in[k], b->lanes);
    for (int f = 0; level < OVERFIT_MIXERS && f < sh->size->features; f++) {
        const overfit_plane *m = overfit_mixer_gradient(b->r->mixer,
                                                        (int)level, f);
        float *to = overfit_row(m, b->y >> 1) + (b->x >> 1);
        const float *from = b->s->d_in[s + f];
        for (size_t i = 0; i < b->lanes / 2; i++)
            to[i] = (b->y & 1 ? to[i] : 0) + (from[2 * i] + from[2 * i + 1]);
    }
}

static void outer(const block *b, const overfit_layer *l, int n_x,
                  float *const *x, int n_y, const float *const *y)
{
    const overfit_kernels *k = b->r->kernels;
    float *sums = b->s->sums;
    k->outer(sums + l->weight * L, (size_t)n_y, (const float *const *)x, n_x,
             y, n_y, b->lanes);
    if (l->has_bias)
        k->sum(sums + l->bias * L, (const float *const *)x, n_x, b->lanes);
}

/* Nothing goes back through what was not positive. */
static void back(const block *b, const float *w, int n_in,
                 const float *const *in, float *const *out, float *const *gate)
{
    const overfit_dense d = { .w = w, .w_pitch = (size_t)n_in, .n_in = n_in,
                              .n_out = b->r->shape->inputs, .in = in,
                              .out = out, .n = b->lanes,
                              .gate = (const float *const *)gate };
    b->r->kernels->dense(&d);
}

static void backward(block *b)
{
    const overfit_rate *r = b->r;
    const overfit_shape *sh = r->shape;
    scratch *s = b->s;
    const int c = sh->inputs;
    float *h[OVERFIT_LAYERS][C], *d[OVERFIT_LAYERS][C], *d_o[2], *d_in[C];
    pointers(d_o, s->d_o, 2);
    pointers(d_in, s->d_in, c);
    for (int i = 0; i < OVERFIT_LAYERS; i++) {
        pointers(h[i], s->h[i], c);
        pointers(d[i], s->d[i], c);
    }
    const float *const *up = (const float *const *)d_o;
    outer(b, sh->direct, 2, d_o, c, b->in);
    outer(b, sh->out, 2, d_o, c, (const float *const *)h[OVERFIT_LAYERS - 1]);
    back(b, r->out_t, 2, up, d[OVERFIT_LAYERS - 1], h[OVERFIT_LAYERS - 1]);
    back(b, r->direct_t, 2, up, d_in, NULL);
    for (int i = OVERFIT_LAYERS; i-- > 0;) {
        outer(b, sh->hidden[i], c, d[i], c,
              i ? (const float *const *)h[i - 1] : b->in);
        if (i)
            back(b, r->wt[i], c, (const float *const *)d[i], d[i - 1],
                 h[i - 1]);
    }
    dense(b, r->wt[0], NULL, c, (const float *const *)d[0], c, d_in, false,
          true);
    scatter(b);
}

/* ------------------------------------------------------------------ all bands */

static void clear_rows(const overfit_plane *p, uint32_t first, uint32_t end)
{
    for (uint32_t y = first; y < end; y++)
        memset(overfit_row(p, y), 0, p->width * sizeof(float));
}

static void run_band(const overfit_rate *r, scratch *s, size_t index)
{
    const band *a = &r->bands[index];
    const uint32_t width = r->shape->grids[a->grid].width;
    double bits = 0;
    if (r->d_grids)
        memset(s->sums, 0, r->n_arm * L * sizeof *s->sums);
    for (uint32_t y = a->first; y < a->end; y++)
        for (uint32_t x = 0; x < width; x += BLOCK) {
            const size_t n = NENC_MIN(width - x, (uint32_t)BLOCK);
            block b = { .r = r, .s = s, .grid = a->grid, .y = y, .x = x,
                        .n = n, .lanes = (n + L - 1) / L * L };
            forward(&b);
            bits += laplace(&b, r->d_grids != NULL);
            if (r->d_grids)
                backward(&b);
        }
    r->bits[index] = bits;
    for (size_t i = 0; r->d_grids && i < r->n_arm; i++)
        r->partial[index * r->n_arm + i] = nenc_lanes_sum(s->sums + i * L);
}

static void run_bands(void *user, int worker, size_t first, size_t end)
{
    const overfit_rate *r = user;
    for (size_t i = first; i < end; i++)
        run_band(r, &r->scratch[worker], r->first_band + i);
}

static void clear_bands(void *user, int worker, size_t first, size_t end)
{
    const overfit_rate *r = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const band *a = &r->bands[i];
        clear_rows(&r->d_grids[a->grid], a->first, a->end);
    }
}

static void set_params(overfit_rate *r, const float *params)
{
    const overfit_shape *s = r->shape;
    const int c = s->inputs;
    r->params = params;
    for (int i = 0; i < OVERFIT_LAYERS; i++) {
        const float *w = params + s->hidden[i]->weight;
        for (int o = 0; o < c; o++)
            for (int k = 0; k < c; k++) {
                r->w[i][o * c + k] = w[o * c + k] + (float)(o == k);
                r->wt[i][k * c + o] = r->w[i][o * c + k];
            }
    }
    for (int o = 0; o < 2; o++)
        for (int k = 0; k < c; k++) {
            r->out_t[k * 2 + o] = params[s->out->weight + (size_t)(o * c + k)];
            r->direct_t[k * 2 + o] = params[s->direct->weight
                                            + (size_t)(o * c + k)];
        }
}

static void run(overfit_rate *r)
{
    overfit_mixer_forward(r->mixer, r->grids, r->params);
    r->first_band = 0;
    nenc_pool_run(r->pool, r->d_grids ? r->n_even : r->n_bands, 1, run_bands,
                  r);
    r->first_band = r->n_even;
    if (r->d_grids)
        nenc_pool_run(r->pool, r->n_bands - r->n_even, 1, run_bands, r);
}

double overfit_rate_bits(overfit_rate *r, const overfit_plane *grids,
                         const float *params)
{
    double bits = 0;
    r->grids = grids;
    r->d_grids = NULL;
    set_params(r, params);
    run(r);
    for (size_t i = 0; i < r->n_bands; i++)
        bits += r->bits[i];
    return bits;
}

void overfit_rate_gradients(overfit_rate *r, const overfit_plane *grids,
                            const float *params, float weight,
                            overfit_plane *d_grids, float *d_params)
{
    r->grids = grids;
    r->d_grids = d_grids;
    r->weight = weight;
    set_params(r, params);
    nenc_pool_run(r->pool, r->n_bands, 8, clear_bands, r);
    run(r);
    for (size_t i = 0; i < r->n_arm; i++) {
        double sum = 0;
        for (size_t k = 0; k < r->n_bands; k++)
            sum += r->partial[k * r->n_arm + i];
        d_params[i] = (float)sum;
    }
    overfit_mixer_backward(r->mixer, grids, params, d_grids, d_params);
}
