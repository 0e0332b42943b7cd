/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Writing and reading the parameters of the networks, side by side,
 * and what they cost.  Not here: choosing them, what they do. */
#include <string.h>

#include "mem.h"
#include "overfit_params.h"

enum { STEP_BITS = 5, WIDTH_BITS = 8, WIDE_FIRST = 118, WIDE_N = 11 };

/* ---------------------------------------------------------------- one group */

/* A width as the coder takes it. */
typedef struct coding {
    uint16_t table;
    unsigned raw_bits;
    int32_t half;             /* 2^(raw_bits - 1), or 0 */
} coding;

static coding coding_of(int width)
{
    const int u = width - OVERFIT_SCALES;
    const int scale = u < 0 ? width : WIDE_FIRST + u % WIDE_N;
    const unsigned raw = u < 0 ? 0 : 1 + (unsigned)(u / WIDE_N);
    return (coding){ (uint16_t)(scale * OVERFIT_FRACTIONS), raw,
                     raw ? (int32_t)(1u << (raw - 1)) : 0 };
}

/* Above and below the raw bits: a floor, made of what is not negative. */
static int32_t high_of(const coding *c, int32_t number)
{
    const int32_t whole = 1 << 20;     /* a multiple of all 2^raw_bits */
    return ((number + c->half + whole) >> c->raw_bits) - (whole >> c->raw_bits);
}

static uint32_t low_of(const coding *c, int32_t number)
{
    return (uint32_t)(number + c->half) & ((1u << c->raw_bits) - 1);
}

static int32_t number_of(const coding *c, int32_t high, uint32_t low)
{
    return high * (int32_t)(1u << c->raw_bits) + (int32_t)low - c->half;
}

static void put_number(nenc_rc_encoder *enc, const nenc_cdf_set *set,
                       const coding *c, int32_t number)
{
    const int32_t high = high_of(c, number);
    nenc_rc_encode_run(enc, set, &c->table, &high, 1);
    if (c->raw_bits)
        nenc_rc_encode_bits(enc, low_of(c, number), c->raw_bits);
}

static nenc_status get_number(nenc_rc_decoder *dec, const nenc_cdf_set *set,
                              const coding *c, int32_t *number,
                              nenc_diag *diag)
{
    int32_t high;
    NENC_TRY(nenc_rc_decode_run(dec, set, &c->table, &high, 1, diag));
    if (high < -OVERFIT_NUMBER || high > OVERFIT_NUMBER)
        return nenc_fail(diag, NENC_EBITSTREAM, "a parameter is too large");
    const uint32_t low = c->raw_bits ? nenc_rc_decode_bits(dec, c->raw_bits)
                                     : 0;
    *number = number_of(c, high, low);
    if (*number < -OVERFIT_NUMBER || *number > OVERFIT_NUMBER)
        return nenc_fail(diag, NENC_EBITSTREAM, "a parameter is too large");
    return NENC_OK;
}

/* -------------------------------------------------------------------- costs */

enum { RUN = 64 };

/* A group, whose numbers lie here and there in the list. */
typedef struct group {
    const int32_t *number[OVERFIT_MAX_LAYERS];
    size_t n[OVERFIT_MAX_LAYERS];
    int pieces;
} group;

static uint64_t piece_cost(const nenc_cdf_set *set, const int32_t *number,
                           size_t n, const coding *c)
{
    uint16_t table[RUN];
    int32_t high[RUN];
    uint64_t sum = (uint64_t)n * c->raw_bits << 16;
    for (size_t i = 0; i < RUN; i++)
        table[i] = c->table;
    for (size_t i = 0; i < n; i += RUN) {
        const size_t run = NENC_MIN(n - i, RUN);
        for (size_t k = 0; k < run; k++)
            high[k] = high_of(c, number[i + k]);
        sum += overfit_tables_cost(set, table, high, run);
    }
    return sum;
}

static uint64_t cost_at(const nenc_cdf_set *set, const group *g, int width)
{
    const coding c = coding_of(width);
    uint64_t sum = 0;
    for (int i = 0; i < g->pieces; i++)
        sum += piece_cost(set, g->number[i], g->n[i], &c);
    return sum;
}

/* The width of the mean size, more or less: 11 steps a doubling. */
static int first_width(const group *g)
{
    uint64_t sum = 0, n = 1;
    for (int k = 0; k < g->pieces; k++) {
        n += g->n[k];
        for (size_t i = 0; i < g->n[k]; i++)
            sum += (uint64_t)(g->number[k][i] < 0 ? -g->number[k][i]
                                                  : g->number[k][i]);
    }
    const uint64_t mean = 256 * sum / n + 1;
    int log2 = 0;
    while (mean >> (log2 + 1))
        log2++;
    const int part = (int)(11 * mean >> log2) - 11;
    const int width = OVERFIT_SCALE_ONE + 11 * (log2 - 8) + part;
    return NENC_MIN(NENC_MAX(width, 0), OVERFIT_WIDTHS - 1);
}

/* Costs have one valley, or nearly. */
static uint64_t best_width(const nenc_cdf_set *set, const group *g, int *width)
{
    int at = first_width(g);
    uint64_t best = cost_at(set, g, at);
    for (int step = 4; step; step /= 2)
        for (int way = -step; way <= step; way += 2 * step) {
            int next = at + way;
            while (next >= 0 && next < OVERFIT_WIDTHS) {
                const uint64_t cost = cost_at(set, g, next);
                if (cost >= best)
                    break;
                best = cost;
                at = next;
                next += way;
            }
        }
    *width = at;
    return best;
}

uint32_t overfit_params_cost(const nenc_cdf_set *set, const int32_t *number,
                             size_t n, int *width)
{
    const group g = { .number = { number }, .n = { n }, .pieces = 1 };
    int at;
    const uint64_t cost = best_width(set, &g, &at);
    if (width)
        *width = at;
    return (uint32_t)NENC_MIN(cost, UINT32_MAX);
}

/* --------------------------------------------------------- the whole list */

static size_t weights_of(const overfit_layer *l)
{
    return (size_t)l->rows * (size_t)l->cols;
}

static bool has_group(const overfit_shape *shape, int module, int is_bias)
{
    for (int i = 0; i < shape->n_layers; i++)
        if ((int)shape->layers[i].module == module
            && (!is_bias || shape->layers[i].has_bias))
            return true;
    return false;
}

static group group_of(const overfit_shape *shape, const overfit_params *p,
                      int module, int is_bias)
{
    group g = { .pieces = 0 };
    for (int i = 0; i < shape->n_layers; i++) {
        const overfit_layer *l = &shape->layers[i];
        if ((int)l->module != module || (is_bias && !l->has_bias))
            continue;
        g.number[g.pieces] = p->number + (is_bias ? l->bias : l->weight);
        g.n[g.pieces++] = is_bias ? (size_t)l->rows : weights_of(l);
    }
    return g;
}

void overfit_params_encode(const overfit_shape *shape,
                           const overfit_params *p, nenc_rc_encoder *enc,
                           const nenc_cdf_set *set)
{
    coding c[OVERFIT_MODULES][2];
    for (int m = 0; m < OVERFIT_MODULES; m++)
        for (int is_bias = 0; is_bias < 2; is_bias++) {
            if (!has_group(shape, m, is_bias))
                continue;
            const group g = group_of(shape, p, m, is_bias);
            int width;
            best_width(set, &g, &width);
            nenc_rc_encode_bits(enc, p->step[m][is_bias], STEP_BITS);
            nenc_rc_encode_bits(enc, (uint32_t)width, WIDTH_BITS);
            c[m][is_bias] = coding_of(width);
        }
    for (int i = 0; i < shape->n_layers; i++) {
        const overfit_layer *l = &shape->layers[i];
        for (size_t k = 0; k < weights_of(l); k++)
            put_number(enc, set, &c[l->module][0], p->number[l->weight + k]);
        for (int k = 0; l->has_bias && k < l->rows; k++)
            put_number(enc, set, &c[l->module][1],
                       p->number[l->bias + (uint32_t)k]);
    }
}

static nenc_status get_group(nenc_rc_decoder *dec, int module, int is_bias,
                             uint8_t *step, coding *c, nenc_diag *diag)
{
    *step = (uint8_t)nenc_rc_decode_bits(dec, STEP_BITS);
    const int width = (int)nenc_rc_decode_bits(dec, WIDTH_BITS);
    if (*step > overfit_finest(module, is_bias))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "step 2^-%d of parameters, at most 2^-%d", *step,
                         overfit_finest(module, is_bias));
    if (width >= OVERFIT_WIDTHS)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "width %d of parameters, must be below %d", width,
                         OVERFIT_WIDTHS);
    *c = coding_of(width);
    return NENC_OK;
}

nenc_status overfit_params_decode(const overfit_shape *shape,
                                  overfit_params *p, nenc_rc_decoder *dec,
                                  const nenc_cdf_set *set, nenc_diag *diag)
{
    coding c[OVERFIT_MODULES][2];
    memset(p->step, 0, sizeof p->step);
    for (int m = 0; m < OVERFIT_MODULES; m++)
        for (int is_bias = 0; is_bias < 2; is_bias++)
            if (has_group(shape, m, is_bias))
                NENC_TRY(get_group(dec, m, is_bias, &p->step[m][is_bias],
                                   &c[m][is_bias], diag));
    for (int i = 0; i < shape->n_layers; i++) {
        const overfit_layer *l = &shape->layers[i];
        for (size_t k = 0; k < weights_of(l); k++)
            NENC_TRY(get_number(dec, set, &c[l->module][0],
                                &p->number[l->weight + k], diag));
        for (int k = 0; l->has_bias && k < l->rows; k++)
            NENC_TRY(get_number(dec, set, &c[l->module][1],
                                &p->number[l->bias + (uint32_t)k], diag));
    }
    return NENC_OK;
}

void overfit_params_values(const overfit_shape *shape,
                           const overfit_params *p, float *values)
{
    for (int i = 0; i < shape->n_layers; i++) {
        const overfit_layer *l = &shape->layers[i];
        const float weight = 1.0f / (float)(1u << p->step[l->module][0]);
        const float bias = 1.0f / (float)(1u << p->step[l->module][1]);
        for (size_t k = 0; k < weights_of(l); k++)
            values[l->weight + k] = (float)p->number[l->weight + k] * weight;
        for (int k = 0; l->has_bias && k < l->rows; k++)
            values[l->bias + (uint32_t)k]
                = (float)p->number[l->bias + (uint32_t)k] * bias;
    }
}
