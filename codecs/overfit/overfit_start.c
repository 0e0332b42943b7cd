/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of a picture of all levels, taken over by one of fewer, or gray. */
#include "overfit_start.h"

#include <math.h>
#include <string.h>

static const int16_t lop[] = {
#include "overfit_start_lop.inc.h"
};
static const int16_t mop[] = {
#include "overfit_start_mop.inc.h"
};
static const int16_t hop[] = {
#include "overfit_start_hop.inc.h"
};

static const struct {
    const int16_t *number;
    size_t n;
} starts[OVERFIT_SIZES] = {
    { lop, sizeof lop / sizeof *lop },
    { mop, sizeof mop / sizeof *mop },
    { hop, sizeof hop / sizeof *hop },
};

typedef struct copy {
    const int16_t *from;
    float *to;
} copy;

static float value(const copy *c, size_t i)
{
    return ldexpf((float)c->from[i], -OVERFIT_START_STEP);
}

/* What grids both have stands in the first columns. */
static void take(const copy *c, const overfit_layer *to,
                 const overfit_layer *from)
{
    for (int row = 0; row < to->rows; row++)
        for (int col = 0; col < to->cols; col++)
            c->to[to->weight + (size_t)(row * to->cols + col)] =
                value(c, from->weight + (size_t)(row * from->cols + col));
    for (int row = 0; to->has_bias && row < to->rows; row++)
        c->to[to->bias + (size_t)row] = value(c, from->bias + (size_t)row);
}

/* To one colour: the mean of three rows, which the same value reaches through
 * each of `inputs` colours. */
static void take_mean(const copy *c, const overfit_layer *to,
                      const overfit_layer *from, int inputs)
{
    for (int col = 0; col < to->cols; col++) {
        float sum = 0;
        for (int row = 0; row < 3; row++)
            for (int k = 0; k < inputs; k++)
                sum += value(c, from->weight + (size_t)(row * from->cols
                                + k * to->cols + col));
        c->to[to->weight + (size_t)col] = sum / 3;
    }
    float sum = 0;
    for (int row = 0; to->has_bias && row < 3; row++)
        sum += value(c, from->bias + (size_t)row);
    if (to->has_bias)
        c->to[to->bias] = sum / 3;
}

static void take_colours(const copy *c, const overfit_shape *to,
                         const overfit_shape *from)
{
    const bool gray = to->channels == 1;
    if (gray)
        take_mean(c, to->trunk[1], from->trunk[1], 1);
    else
        take(c, to->trunk[1], from->trunk[1]);
    for (int i = 0; i < to->size->convs; i++)
        if (gray)
            take_mean(c, to->conv[i], from->conv[i], 3);
        else
            take(c, to->conv[i], from->conv[i]);
    if (gray)
        take_mean(c, to->skip, from->skip, 1);
    else
        take(c, to->skip, from->skip);
}

bool overfit_start(const overfit_shape *s, float *params)
{
    const int size = (int)(s->size - overfit_sizes);
    const copy c = { starts[size].number, params };
    overfit_shape wide;
    overfit_shape_init(&wide, size, OVERFIT_START_SIDE, OVERFIT_START_SIDE,
                       3);
    if (starts[size].n != wide.n_params)
        return false;
    for (int i = 0; i < OVERFIT_LAYERS; i++)
        take(&c, s->hidden[i], wide.hidden[i]);
    take(&c, s->out, wide.out);
    take(&c, s->direct, wide.direct);
    for (int k = 0; k < OVERFIT_MIXERS; k++)
        take(&c, s->mixer[k], wide.mixer[k]);
    for (int k = 0; k < s->top; k++) {
        take(&c, s->up[k], wide.up[k]);
        take(&c, s->pre[k], wide.pre[k]);
    }
    take(&c, s->trunk[0], wide.trunk[0]);
    take_colours(&c, s, &wide);
    return true;
}
