/* SPDX-License-Identifier: BSD-2-Clause */
/* Coordinate descent over the steps of a module's weights and biases. */
#include "overfit_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "overfit_context.h"
#include "mem.h"

typedef struct search {
    overfit_fit *fit;
    const overfit_shape *shape;
    const nenc_cdf_set *set;
    double bit;               /* what one costs: lambda / pixels */
    overfit_params *params;
    const float *fitted;      /* before this module was rounded */
    float *values;            /* what the decoder will have */
    uint32_t *place;          /* of a group's numbers */
    int32_t *group;           /* numbers of one */
} search;

/* What overfit_context.h allows. */
enum { MOST_WEIGHT = 4, MOST_BIAS = 1024 };

/* Where steps are looked for first. */
static const uint8_t usual[OVERFIT_MODULES][2] = {
    [OVERFIT_ARM] = { 6, 6 }, [OVERFIT_MIXER] = { 6, 6 },
    [OVERFIT_UP] = { 8, 0 }, [OVERFIT_SYNTHESIS] = { 9, 9 },
};

static int32_t most_of(overfit_module m, int is_bias, int step)
{
    const bool is_integer = m == OVERFIT_ARM || m == OVERFIT_MIXER;
    const int64_t most = !is_integer ? OVERFIT_NUMBER
        : ((int64_t)(is_bias ? MOST_BIAS : MOST_WEIGHT) << step)
          - 1;
    return (int32_t)NENC_MIN(most, OVERFIT_NUMBER);
}

/* The places of a group's numbers. @return how many */
static size_t list_group(search *s, overfit_module m, int is_bias)
{
    const overfit_shape *sh = s->shape;
    size_t n = 0;
    for (int i = 0; i < sh->n_layers; i++) {
        const overfit_layer *l = &sh->layers[i];
        if (l->module != m || (is_bias && !l->has_bias))
            continue;
        const uint32_t at = is_bias ? l->bias : l->weight;
        const int count = l->rows * (is_bias ? 1 : l->cols);
        for (int k = 0; k < count; k++)
            s->place[n++] = at + (uint32_t)k;
    }
    return n;
}

/* Bits of a group as it stands. */
static double group_bits(search *s, overfit_module m, int is_bias)
{
    const size_t n = list_group(s, m, is_bias);
    for (size_t i = 0; i < n; i++)
        s->group[i] = s->params->number[s->place[i]];
    return n ? overfit_params_cost(s->set, s->group, n, NULL) / 65536.0 : 0;
}

/* One group to numbers. @return bits */
static double round_group(search *s, overfit_module m, int is_bias, int step)
{
    const float scale = ldexpf(1, step), unit = ldexpf(1, -step);
    const int32_t most = most_of(m, is_bias, step);
    const size_t n = list_group(s, m, is_bias);
    s->params->step[m][is_bias] = (uint8_t)step;
    for (size_t i = 0; i < n; i++) {
        const size_t k = s->place[i];
        const float v = nearbyintf(s->fitted[k] * scale);
        const int32_t q = v > (float)most ? most
                        : v < -(float)most ? -most : (int32_t)v;
        s->params->number[k] = q;
        s->values[k] = (float)q * unit;
    }
    return group_bits(s, m, is_bias);
}

/* What a module's numbers do to the picture or its rate. */
static double effect_of(search *s, overfit_module m)
{
    return m == OVERFIT_ARM || m == OVERFIT_MIXER
           ? s->bit * overfit_fit_bits(s->fit, s->values)
           : overfit_fit_mse(s->fit, s->values);
}

static bool has_biases(const overfit_shape *s, overfit_module m)
{
    for (int i = 0; i < s->n_layers; i++)
        if (s->layers[i].module == m && s->layers[i].has_bias)
            return true;
    return false;
}

static double cost_of(search *s, overfit_module m, const int step[2])
{
    double bits = round_group(s, m, 0, step[0]);
    if (has_biases(s->shape, m))
        bits += round_group(s, m, 1, step[1]);
    return s->bit * bits + effect_of(s, m);
}

/* One step up or down as long as it pays. */
static bool descend(search *s, overfit_module m, int step[2], int which,
                    double *best)
{
    bool moved = false;
    for (int way = -1; way <= 1; way += 2)
        for (;;) {
            int next[2] = { step[0], step[1] };
            next[which] += way;
            if (next[which] < 0 || next[which] > overfit_finest(m, which))
                break;
            const double cost = cost_of(s, m, next);
            if (!(cost < *best))
                break;
            *best = cost;
            step[which] = next[which];
            moved = true;
        }
    return moved;
}

static void search_module(search *s, overfit_module m, int rounds)
{
    int step[2] = { usual[m][0], usual[m][1] };
    double best = cost_of(s, m, step);
    for (int i = 0; i < rounds; i++) {
        bool moved = descend(s, m, step, 0, &best);
        if (has_biases(s->shape, m))
            moved |= descend(s, m, step, 1, &best);
        if (!moved)
            break;
    }
    (void)cost_of(s, m, step);
}

/* A number by ones as long as that pays. @return the least cost */
static double walk(search *s, overfit_module m, int is_bias, size_t k, int way,
                   double other_bits, double best)
{
    const float unit = ldexpf(1, -s->params->step[m][is_bias]);
    const int32_t most = most_of(m, is_bias, s->params->step[m][is_bias]);
    for (int32_t *q = &s->params->number[k]; abs(*q + way) <= most;) {
        *q += way;
        s->values[k] = (float)*q * unit;
        const double cost = s->bit * (other_bits + group_bits(s, m, is_bias))
                          + effect_of(s, m);
        if (!(cost < best)) {
            *q -= way;
            s->values[k] = (float)*q * unit;
            break;
        }
        best = cost;
    }
    return best;
}

/* Each number of a module, first to where it is cheaper. */
static void refine_module(search *s, overfit_module m)
{
    double bits[2] = { group_bits(s, m, 0), group_bits(s, m, 1) };
    double best = s->bit * (bits[0] + bits[1]) + effect_of(s, m);
    for (int is_bias = 0; is_bias < 2; is_bias++) {
        const size_t n = list_group(s, m, is_bias);
        for (size_t i = 0; i < n; i++) {
            const size_t k = s->place[i];
            const int way = s->params->number[k] > 0 ? -1 : 1;
            const double before = best;
            best = walk(s, m, is_bias, k, way, bits[!is_bias], best);
            if (best == before)
                best = walk(s, m, is_bias, k, -way, bits[!is_bias], best);
        }
        bits[is_bias] = group_bits(s, m, is_bias);
    }
}

nenc_status overfit_search(overfit_fit *fit, const overfit_shape *shape,
                           float lambda, int rounds, const nenc_cdf_set *set,
                           overfit_params *params, nenc_diag *diag)
{
    static const overfit_module order[] = {
        OVERFIT_ARM, OVERFIT_MIXER, OVERFIT_SYNTHESIS, OVERFIT_UP
    };
    float *fitted = overfit_fit_params(fit);
    search s = { .fit = fit, .shape = shape, .set = set, .params = params,
                 .fitted = fitted,
                 .bit = lambda / ((double)shape->width * shape->height),
                 .values = nenc_mem_alloc(shape->n_params, sizeof(float)),
                 .group = nenc_mem_alloc(shape->n_params, sizeof(int32_t)),
                 .place = nenc_mem_alloc(shape->n_params,
                                         sizeof(uint32_t)) };
    const bool ok = s.values && s.group && s.place;
    if (ok) {
        memcpy(s.values, fitted, shape->n_params * sizeof(float));
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            search_module(&s, order[i], NENC_MAX(rounds, 1));
            if (rounds > 1)
                refine_module(&s, order[i]);
        }
        memcpy(fitted, s.values, shape->n_params * sizeof(float));
    }
    nenc_mem_free(s.values);
    nenc_mem_free(s.place);
    nenc_mem_free(s.group);
    return ok ? NENC_OK : nenc_fail(diag, NENC_ENOMEM, "out of memory");
}
