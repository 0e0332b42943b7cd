/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Grids are coded from the last to the first.  In a grid the symbol
 * (y, x) belongs to step x + delay * y; steps ascend, and y within them.  All
 * symbols of a step have their contexts in steps before it, so that a step is
 * one vector for the context network.  Not here: its layers
 * (overfit_context_kernels.h).
 *
 * Steps are kept in a ring, a row each with symbol (y, x) at place y: the
 * contexts of neighbours in a step are then neighbours too.
 *
 *     step 6   (0,6) (1,3) (2,0)       delay 3; context (-1,1) of step 6 is
 *     step 5   (0,5) (1,2)             step 6 - 3 + 1, one place less
 *     step 4   (0,4) (1,1)
 *     step 3   (0,3) (1,0)
 *
 * 32 bits suffice.  With |weight| < 2^10, |input| < 2^15, C <= 26 inputs a sum
 * of products is less than 26 * 2^25 < 2^29.8 in size; a hidden layer adds a
 * bias below 2^26 and 256 * 2^15 = 2^23: below 2^30.  The output adds two such
 * sums, below 2^30.8, a bias, and less than 2^20 of constants: below 2^30.9.  A
 * feature is a sum of 13 products below 2^17 and a bias below 2^18 + 1. */
#include <string.h>

#include "overfit_context.h"
#include "overfit_context_kernels.h"
#include "mem.h"

enum {
    FEATURES = 6,             /* at most */
    BLOCK = 256,              /* symbols of a step that are run at once */
    RING = 16,                /* steps kept, more than contexts reach back */
    MARGIN = 4,               /* places before y = 0: contexts reach 3 up */
    CLEAR = 16                /* places beside a step's that are read or hold
                                 what was there a ring ago */
};

struct overfit_context {
    const overfit_shape *shape;
    const overfit_context_kernels *kernels;
    overfit_net net;
    int32_t mix[OVERFIT_MIXERS][FEATURES][OVERFIT_GRIDS];
    int32_t mix_bias[OVERFIT_MIXERS][FEATURES];
    nenc_arena arena;
    int16_t *ring;            /* symbols << 8; [RING][pitch] */
    size_t pitch;
    int16_t *features;        /* of the level at work: [h][w][F] of the level
                                 above it */
    int32_t *sums[OVERFIT_TOP + 1];   /* a row of each level: [F][w] */
    /* Of a block: */
    int16_t mixed[FEATURES][BLOCK];
    uint16_t table[BLOCK];
    int16_t base[BLOCK];
    int32_t value[BLOCK];
};

/* ---------------------------------------------------------------- parameters */

static nenc_status get_weight(int16_t *to, const overfit_params *p,
                              const overfit_layer *l, uint32_t i,
                              nenc_diag *diag)
{
    const int64_t v = (int64_t)p->number[l->weight + i]
                      * (1 << (OVERFIT_ARM_STEP - p->step[l->module][0]));
    if (v <= -OVERFIT_WEIGHT_LIMIT || v >= OVERFIT_WEIGHT_LIMIT)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "weight %lu of the context network is 4 or more",
                         (unsigned long)(l->weight + i));
    *to = (int16_t)v;
    return NENC_OK;
}

static nenc_status get_bias(int32_t *to, const overfit_params *p,
                            const overfit_layer *l, int i, nenc_diag *diag)
{
    const int64_t v = (int64_t)p->number[l->bias + (uint32_t)i]
                      * (1 << (OVERFIT_STEP - p->step[l->module][1]));
    if (v <= -OVERFIT_BIAS_LIMIT || v >= OVERFIT_BIAS_LIMIT)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "bias %d of the context network is 1024 or more", i);
    *to = (int32_t)v;
    return NENC_OK;
}

static nenc_status set_hidden(overfit_net *net, const overfit_shape *s,
                              const overfit_params *p, nenc_diag *diag)
{
    const uint32_t n = (uint32_t)s->inputs;
    for (int k = 0; k < OVERFIT_LAYERS; k++)
        for (uint32_t o = 0; o < n; o++) {
            NENC_TRY(get_bias(&net->hidden_bias[k][o], p, s->hidden[k], (int)o,
                              diag));
            for (uint32_t i = 0; i < n; i++)
                NENC_TRY(get_weight(&net->hidden[k][o][i], p, s->hidden[k],
                                    o * n + i, diag));
            net->hidden[k][o][o] = (int16_t)(net->hidden[k][o][o] + 256);
        }
    return NENC_OK;
}

/* With the constants: rounding of the mean; for the scale -4, 5 for the first
 * one, and rounding. */
static nenc_status set_out(overfit_net *net, const overfit_shape *s,
                           const overfit_params *p, nenc_diag *diag)
{
    const uint32_t n = (uint32_t)s->inputs;
    for (uint32_t o = 0; o < 2; o++) {
        NENC_TRY(get_bias(&net->out_bias[o], p, s->out, (int)o, diag));
        for (uint32_t i = 0; i < n; i++) {
            NENC_TRY(get_weight(&net->out[o][i], p, s->out, o * n + i, diag));
            NENC_TRY(get_weight(&net->out[o][n + i], p, s->direct, o * n + i,
                                diag));
        }
    }
    net->out_bias[0] += 1024;
    net->out_bias[1] += (5 - 4) * 65536 + 2048;
    return NENC_OK;
}

/* Biases to 8 fractional bits: floor, by way of what is not negative. */
static nenc_status set_mixer(overfit_context *c, int k,
                             const overfit_params *p, nenc_diag *diag)
{
    const overfit_layer *l = c->shape->mixer[k];
    for (int f = 0; f < l->rows; f++) {
        int32_t bias = 0;
        NENC_TRY(get_bias(&bias, p, l, f, diag));
        c->mix_bias[k][f] = ((bias + 128 + OVERFIT_BIAS_LIMIT) >> 8)
                            - (OVERFIT_BIAS_LIMIT >> 8);
        for (int g = 0; g < l->cols; g++) {
            int16_t w = 0;
            NENC_TRY(get_weight(&w, p, l, (uint32_t)(f * l->cols + g), diag));
            c->mix[k][f][g] = w;
        }
    }
    return NENC_OK;
}

nenc_status overfit_context_set(overfit_context *c, const overfit_params *p,
                                nenc_diag *diag)
{
    const overfit_shape *s = c->shape;
    for (int m = OVERFIT_ARM; m <= OVERFIT_MIXER; m++)
        if (p->step[m][0] > OVERFIT_ARM_STEP || p->step[m][1] > OVERFIT_STEP)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "a step of the context network is too fine");
    c->net.inputs = s->inputs;
    NENC_TRY(set_hidden(&c->net, s, p, diag));
    NENC_TRY(set_out(&c->net, s, p, diag));
    for (int k = 0; k < OVERFIT_MIXERS; k++)
        NENC_TRY(set_mixer(c, k, p, diag));
    return NENC_OK;
}

/* ------------------------------------------------------------------- memory */

static const overfit_grid *latent_of(const overfit_shape *s, int level)
{
    return &s->grids[overfit_latent(s, (uint32_t)level)];
}

static bool allocate(overfit_context *c)
{
    const overfit_shape *s = c->shape;
    const overfit_grid *g = latent_of(s, 1);
    const size_t n_features = (size_t)s->size->features;
    size_t n = 0;
    c->pitch = MARGIN + (size_t)s->grids[0].height + OVERFIT_GROUP;
    c->ring = nenc_arena_zalloc(&c->arena, RING * c->pitch, sizeof *c->ring);
    if (!nenc_size_mul(&n, g->width, g->height))
        return false;
    c->features = nenc_arena_zalloc(&c->arena, n,
                                    n_features * sizeof *c->features);
    for (int k = 1; k <= s->top; k++) {
        c->sums[k] = nenc_arena_zalloc(&c->arena, latent_of(s, k)->width,
                                       n_features * sizeof *c->sums[k]);
        if (!c->sums[k])
            return false;
    }
    return c->ring && c->features;
}

nenc_status overfit_context_open(overfit_context **out,
                                 const overfit_shape *shape,
                                 const overfit_params *params,
                                 size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    overfit_context *c = nenc_mem_zalloc(1, sizeof *c);
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for contexts");
    c->shape = shape;
    c->kernels = overfit_context_kernels_best();
    nenc_arena_init(&c->arena, max_memory);
    nenc_status st = overfit_context_set(c, params, diag);
    if (st >= 0 && !allocate(c))
        st = nenc_arena_fail(&c->arena, diag, "contexts of", "a unit");
    if (st < 0) {
        overfit_context_close(c);
        return st;
    }
    *out = c;
    return NENC_OK;
}

void overfit_context_close(overfit_context *c)
{
    if (!c)
        return;
    nenc_arena_free(&c->arena);
    nenc_mem_free(c);
}

/* ------------------------------------------------- features of coarser grids */

static void expand_row(int32_t *dst, const int32_t *src, uint32_t width)
{
    for (uint32_t x = 0; x < width / 2; x++)
        dst[2 * x] = dst[2 * x + 1] = src[x];
    if (width & 1)
        dst[width - 1] = src[width / 2];
}

static void add_row(int32_t *dst, const int16_t *symbols, int32_t weight,
                    uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        dst[x] += weight * symbols[x];
}

/* The sums over the grids of `level` and those coarser than it, in row y. */
static void sum_row(overfit_context *c, const int16_t *const symbols[], int k,
                    int level, uint32_t y)
{
    const overfit_shape *s = c->shape;
    const int first = overfit_latent(s, (uint32_t)level);
    const int end = overfit_coarser(s, (uint32_t)level);
    const int origin = overfit_coarser(s, (uint32_t)k);
    const uint32_t width = s->grids[first].width;
    for (int f = 0; f < s->size->features; f++) {
        int32_t *dst = c->sums[level] + (size_t)f * width;
        if (level == s->top)
            for (uint32_t x = 0; x < width; x++)
                dst[x] = c->mix_bias[k][f];
        else
            expand_row(dst, c->sums[level + 1]
                            + (size_t)f * s->grids[end].width, width);
        for (int g = first; g < end; g++)
            add_row(dst, symbols[g] + (size_t)y * width,
                    c->mix[k][f][g - origin], width);
    }
}

static void store_row(int16_t *dst, const int32_t *sums, uint32_t width,
                      uint32_t n_features)
{
    for (uint32_t f = 0; f < n_features; f++)
        for (uint32_t x = 0; x < width; x++) {
            const int32_t v = NENC_MIN(sums[(size_t)f * width + x], 32767);
            dst[(size_t)x * n_features + f] = (int16_t)NENC_MAX(v, -32767);
        }
}

/* All features of level k, whose values are those of the level above: all grids
 * coarser than k have one symbol or less for four of its symbols. */
static void mix(overfit_context *c, const int16_t *const symbols[], int k)
{
    const overfit_shape *s = c->shape;
    const overfit_grid *g = latent_of(s, k + 1);
    const uint32_t n_features = (uint32_t)s->size->features;
    for (uint32_t y = 0; y < g->height; y++) {
        for (int level = s->top; level > k; level--) {
            const int up = level - k - 1;
            if (y % (1u << up) == 0)
                sum_row(c, symbols, k, level, y >> up);
        }
        store_row(c->features + (size_t)y * g->width * n_features,
                  c->sums[k + 1], g->width, n_features);
    }
}

/* ---------------------------------------------------------------- the order */

typedef struct job {
    const int16_t *const *symbols;
    int16_t *const *decoded;  /* the same, or NULL */
    nenc_rc_encoder *enc;
    nenc_rc_decoder *dec;
    const nenc_cdf_set *set;
    uint64_t cost;
    nenc_diag *diag;
} job;

/* n symbols of step t, from row y on. */
typedef struct block {
    const overfit_grid *grid;
    int index;                /* of the grid */
    size_t t, y, x, n;        /* x of the first; falls by `delay` per symbol */
    size_t delay;
} block;

static inline void gather(overfit_context *c, const block *b, size_t n_features)
{
    const size_t width = (b->grid->width + 1) / 2;
    for (size_t i = 0; i < b->n; i++) {
        const size_t y = b->y + i, x = b->x - i * b->delay;
        const int16_t *from = c->features
                              + ((y >> 1) * width + (x >> 1)) * n_features;
        for (size_t f = 0; f < n_features; f++)
            c->mixed[f][i] = from[f];
    }
}

/* Mean and scale of each symbol. */
static void predict(overfit_context *c, const block *b)
{
    const overfit_size *size = c->shape->size;
    const int16_t *in[OVERFIT_INPUTS];
    for (int i = 0; i < size->spatial; i++) {
        const int up = -overfit_contexts[i][0], left = -overfit_contexts[i][1];
        const size_t t = b->t + RING - (size_t)(left + size->delay * up);
        in[i] = c->ring + t % RING * c->pitch + MARGIN + b->y - up;
    }
    for (int f = 0; f < size->features; f++)
        in[size->spatial + f] = c->mixed[f];
    if (b->grid->level < OVERFIT_MIXERS)
        switch (size->features) {      /* constants unroll the loop */
        case 2: gather(c, b, 2); break;
        case 4: gather(c, b, 4); break;
        default: gather(c, b, 6); break;
        }
    c->kernels->run(&c->net, in, b->n, c->table, c->base);
}

/* Where symbol i of the block is in its grid. */
static size_t place(const block *b, size_t i)
{
    return (b->y + i) * b->grid->width + b->x - i * b->delay;
}

static nenc_status decode_block(overfit_context *c, const job *j,
                                const block *b, int16_t *to)
{
    int16_t *decoded = j->decoded[b->index];
    bool is_bad = false;
    NENC_TRY(nenc_rc_decode_run(j->dec, j->set, c->table, c->value, b->n,
                                j->diag));
    for (size_t i = 0; i < b->n; i++) {
        int32_t v = c->value[i] + c->base[i];
        if (v < -OVERFIT_SYMBOL || v > OVERFIT_SYMBOL) {
            is_bad = true;
            v = 0;
        }
        decoded[place(b, i)] = (int16_t)v;
        to[i] = (int16_t)(v * 256);
    }
    return is_bad ? nenc_fail(j->diag, NENC_EBITSTREAM,
                              "a symbol is above %d in size", OVERFIT_SYMBOL)
                  : NENC_OK;
}

static nenc_status run_block(overfit_context *c, job *j, const block *b)
{
    int16_t *to = c->ring + b->t % RING * c->pitch + MARGIN + b->y;
    predict(c, b);
    if (j->decoded)
        return decode_block(c, j, b, to);
    for (size_t i = 0; i < b->n; i++) {
        const int16_t v = j->symbols[b->index][place(b, i)];
        c->value[i] = v - c->base[i];
        to[i] = (int16_t)(v * 256);
    }
    if (j->enc)
        nenc_rc_encode_run(j->enc, j->set, c->table, c->value, b->n);
    else
        j->cost += overfit_tables_cost(j->set, c->table, c->value, b->n);
    return NENC_OK;
}

/* Zeros for step t and beside it, where there are no symbols.  All of the row
 * would be too much: of a narrow unit, a step is a few symbols of many rows. */
static void clear_step(const overfit_context *c, size_t t, size_t first,
                       size_t end)
{
    int16_t *row = c->ring + t % RING * c->pitch;
    const size_t from = MARGIN + first > CLEAR ? MARGIN + first - CLEAR : 0;
    const size_t to = NENC_MIN(MARGIN + end + CLEAR, c->pitch);
    memset(row + from, 0, (to - from) * sizeof *row);
}

static nenc_status run_grid(overfit_context *c, job *j, int index)
{
    const overfit_grid *g = &c->shape->grids[index];
    const size_t w = g->width, h = g->height;
    const size_t delay = (size_t)c->shape->size->delay;
    memset(c->ring, 0, RING * c->pitch * sizeof *c->ring);
    for (size_t t = 0; t < w + delay * (h - 1); t++) {
        const size_t first = t < w ? 0 : (t - w) / delay + 1;
        const size_t end = NENC_MIN(t / delay + 1, h);
        clear_step(c, t, first, end);
        for (size_t y = first; y < end; y += BLOCK) {
            const block b = { .grid = g, .index = index, .t = t, .y = y,
                              .x = t - y * delay, .delay = delay,
                              .n = NENC_MIN(end - y, BLOCK) };
            NENC_TRY(run_block(c, j, &b));
        }
    }
    return NENC_OK;
}

static nenc_status run_all(overfit_context *c, job *j)
{
    memset(c->mixed, 0, sizeof c->mixed);
    for (int i = c->shape->n_grids; i-- > 0;) {
        const uint32_t level = c->shape->grids[i].level;
        if (level < OVERFIT_MIXERS)
            mix(c, j->symbols, (int)level);
        NENC_TRY(run_grid(c, j, i));
    }
    return NENC_OK;
}

void overfit_context_encode(overfit_context *c, const int16_t *const symbols[],
                            nenc_rc_encoder *enc, const nenc_cdf_set *set)
{
    job j = { .symbols = symbols, .enc = enc, .set = set };
    (void)!run_all(c, &j);
}

nenc_status overfit_context_decode(overfit_context *c,
                                   int16_t *const symbols[],
                                   nenc_rc_decoder *dec,
                                   const nenc_cdf_set *set, nenc_diag *diag)
{
    const int16_t *grids[OVERFIT_GRIDS];
    for (int i = 0; i < c->shape->n_grids; i++)
        grids[i] = symbols[i];
    job j = { .symbols = grids, .decoded = symbols, .dec = dec, .set = set,
              .diag = diag };
    return run_all(c, &j);
}

uint64_t overfit_context_cost(overfit_context *c,
                              const int16_t *const symbols[],
                              const nenc_cdf_set *set)
{
    job j = { .symbols = symbols, .set = set };
    (void)!run_all(c, &j);
    return j.cost;
}
