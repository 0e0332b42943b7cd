/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  A start is of one shape; others take of it what they have.  A
 * grid or a level that it has not got: zeros, and filters as for its last
 * level.  Gray: the mean of the colours' rows; of a 3x3 layer, what gray in all
 * colours makes. */
#include <stdlib.h>
#include <string.h>

#include "overfit_start.h"

static const float UNIT = 1.0f / 1024;

/* Both lists are in the order of levels, a latent before its hyperlatent.
 * @return the place of grid g of `s` in t, or -1 */
static int same_grid(const overfit_shape *s, int g, const overfit_shape *t)
{
    for (int i = 0; i < t->n_grids; i++)
        if (t->grids[i].level == s->grids[g].level
            && t->grids[i].is_hyper == s->grids[g].is_hyper)
            return i;
    return -1;
}

static void copy_layer(float *to, const overfit_layer *a, const int16_t *from,
                       const overfit_layer *b)
{
    const int n = a->rows * (a->cols + a->has_bias);
    for (int i = 0; i < n; i++)
        to[a->weight + (uint32_t)i] = from[b->weight + (uint32_t)i] * UNIT;
}

/* Rows of one more or fewer columns: by grid, or by level. */
static void copy_mixer(const overfit_shape *s, const overfit_shape *t, int k,
                       float *to, const int16_t *from)
{
    const overfit_layer *a = s->mixer[k], *b = t->mixer[k];
    for (int f = 0; f < a->rows; f++) {
        to[a->bias + (uint32_t)f] = from[b->bias + (uint32_t)f] * UNIT;
        for (int i = 0; i < a->cols; i++) {
            const int g = same_grid(s, s->n_grids - a->cols + i, t);
            if (g >= 0)
                to[a->weight + (uint32_t)(f * a->cols + i)] = UNIT
                    * from[b->weight + (uint32_t)(f * b->cols + g
                                                  - (t->n_grids - b->cols))];
        }
    }
}

static void copy_levels(const overfit_layer *a, const overfit_layer *b,
                        float *to, const int16_t *from)
{
    for (int o = 0; o < a->rows; o++)
        for (int i = 0; i < a->cols && i < b->cols; i++)
            to[a->weight + (uint32_t)(o * a->cols + i)] =
                from[b->weight + (uint32_t)(o * b->cols + i)] * UNIT;
    for (int o = 0; a->has_bias && o < a->rows; o++)
        to[a->bias + (uint32_t)o] = from[b->bias + (uint32_t)o] * UNIT;
}

/* From three rows of n to their mean. */
static void copy_mean(float *to, const int16_t *from, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (float)(from[i] + from[n + i] + from[2 * n + i])
              * (UNIT / 3);
}

static void copy_colours(const overfit_shape *s, const overfit_shape *t,
                         float *to, const int16_t *from)
{
    const int width = s->size->width;
    const bool is_gray = s->channels == 1;
    if (!is_gray)
        copy_layer(to, s->trunk[1], from, t->trunk[1]);
    else {
        copy_mean(to + s->trunk[1]->weight, from + t->trunk[1]->weight, width);
        copy_mean(to + s->trunk[1]->bias, from + t->trunk[1]->bias, 1);
    }
    for (int i = 0; i < s->size->convs; i++) {
        const overfit_layer *a = s->conv[i], *b = t->conv[i];
        if (!is_gray) {
            copy_layer(to, a, from, b);
            continue;
        }
        copy_mean(to + a->bias, from + b->bias, 1);
        for (int tap = 0; tap < 9; tap++) {
            int sum = 0;
            for (int k = 0; k < 9; k++)          /* out, in */
                sum += from[b->weight + (uint32_t)(9 * k + tap)];
            to[a->weight + (uint32_t)tap] = (float)sum * (UNIT / 3);
        }
    }
}

static void copy_skip(const overfit_shape *s, const overfit_shape *t,
                      float *to, const int16_t *from)
{
    const overfit_layer *a = s->skip, *b = t->skip;
    if (s->channels > 1) {
        copy_levels(a, b, to, from);
        return;
    }
    for (int i = 0; i < a->cols && i < b->cols; i++) {
        int sum = 0;
        for (int o = 0; o < 3; o++)
            sum += from[b->weight + (uint32_t)(o * b->cols + i)];
        to[a->weight + (uint32_t)i] = (float)sum * (UNIT / 3);
    }
}

bool overfit_start(const overfit_shape *s, unsigned start, float *values)
{
    memset(values, 0, s->n_params * sizeof *values);
    if (!start)
        return true;
    if (start > overfit_n_starts
        || &overfit_sizes[overfit_starts[start - 1].size] != s->size)
        return false;
    const int16_t *from = overfit_starts[start - 1].values;
    overfit_shape t;
    overfit_shape_init(&t, overfit_starts[start - 1].size, 256, 256, 3);
    for (int i = 0; i < OVERFIT_LAYERS; i++)
        copy_layer(values, s->hidden[i], from, t.hidden[i]);
    copy_layer(values, s->out, from, t.out);
    copy_layer(values, s->direct, from, t.direct);
    for (int k = 0; k < OVERFIT_MIXERS; k++)
        copy_mixer(s, &t, k, values, from);
    for (int k = 0; k < s->top; k++) {
        const int level = k < t.top ? k : t.top - 1;
        copy_layer(values, s->up[k], from, t.up[level]);
        copy_layer(values, s->pre[k], from, t.pre[level]);
    }
    copy_levels(s->trunk[0], t.trunk[0], values, from);
    copy_colours(s, &t, values, from);
    copy_skip(s, &t, values, from);
    return true;
}

void overfit_start_numbers(const overfit_shape *s, const float *values,
                           const uint8_t step[OVERFIT_MODULES][2],
                           int32_t *numbers)
{
    for (int i = 0; i < s->n_layers; i++) {
        const overfit_layer *l = &s->layers[i];
        const uint32_t n = (uint32_t)(l->rows * (l->cols + l->has_bias));
        for (uint32_t k = l->weight; k < l->weight + n; k++) {
            const bool is_bias = l->has_bias && k >= l->bias;
            const float v = values[k]
                          * (float)(1u << step[l->module][is_bias]);
            numbers[k] = (int32_t)((v + 12582912.0f) - 12582912.0f);
        }
    }
}

unsigned overfit_start_for(const overfit_shape *s, int quality)
{
    unsigned best = 0;
    for (unsigned i = 0; i < overfit_n_starts; i++)
        if (&overfit_sizes[overfit_starts[i].size] == s->size
            && (!best || abs(overfit_starts[i].quality - quality)
                         < abs(overfit_starts[best - 1].quality - quality)))
            best = i + 1;
    return best;
}
