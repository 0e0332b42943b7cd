/* SPDX-License-Identifier: BSD-2-Clause */
/* Coordinate descent over the steps of a module's weights and biases. */
#include "overfit_search.h"

#include <math.h>
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
    int32_t *group;           /* numbers of one */
} search;

/* What context.h allows. */
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

/* One group to numbers. @return bits */
static double round_group(search *s, overfit_module m, int is_bias, int step)
{
    const overfit_shape *sh = s->shape;
    const float scale = ldexpf(1, step), unit = ldexpf(1, -step);
    const int32_t most = most_of(m, is_bias, step);
    size_t n = 0;
    s->params->step[m][is_bias] = (uint8_t)step;
    for (int i = 0; i < sh->n_layers; i++) {
        const overfit_layer *l = &sh->layers[i];
        if (l->module != m || (is_bias && !l->has_bias))
            continue;
        const size_t at = is_bias ? l->bias : l->weight;
        const size_t count = (size_t)l->rows * (size_t)(is_bias ? 1 : l->cols);
        for (size_t k = at; k < at + count; k++) {
            const float v = nearbyintf(s->fitted[k] * scale);
            const int32_t q = v > (float)most ? most
                            : v < -(float)most ? -most : (int32_t)v;
            s->params->number[k] = q;
            s->values[k] = (float)q * unit;
            s->group[n++] = q;
        }
    }
    return n ? overfit_params_cost(s->set, s->group, n, NULL) / 65536.0 : 0;
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
    if (m == OVERFIT_ARM || m == OVERFIT_MIXER)
        return s->bit * (bits + overfit_fit_bits(s->fit, s->values));
    return s->bit * bits + overfit_fit_mse(s->fit, s->values);
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
                 .group = nenc_mem_alloc(shape->n_params, sizeof(int32_t)) };
    if (s.values && s.group) {
        memcpy(s.values, fitted, shape->n_params * sizeof(float));
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
            search_module(&s, order[i], rounds);
        memcpy(fitted, s.values, shape->n_params * sizeof(float));
    }
    const bool ok = s.values && s.group;
    nenc_mem_free(s.values);
    nenc_mem_free(s.group);
    return ok ? NENC_OK : nenc_fail(diag, NENC_ENOMEM, "out of memory");
}
