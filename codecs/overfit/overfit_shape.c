/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Which grids, layers and parameters there are. */
#include "overfit.h"

#include <string.h>

const overfit_size overfit_sizes[OVERFIT_SIZES] = {
    { "lop", 6, 2, 8, 1, 3 },
    { "mop", 10, 4, 16, 2, 3 },
    { "hop", 14, 6, 48, 2, 3 },
    { "vhop", 20, 6, 64, 2, 4 },
};

const int8_t overfit_contexts[OVERFIT_SPATIAL][2] = {
    { 0, -1 }, { -1, 0 }, { -1, -1 }, { -1, 1 }, { 0, -2 }, { -2, 0 },
    { -3, 0 }, { 0, -3 }, { -1, -2 }, { -2, 1 },
    { -2, -1 }, { -1, 2 }, { -2, -2 }, { -1, -3 },
    { -2, 2 }, { -3, 1 }, { 0, -4 }, { -1, 3 }, { -2, -3 }, { -2, 3 },
};

/* 2^level pixels a side, rounded up. */
static uint32_t ceil_shift(uint32_t v, uint32_t level)
{
    return (v >> level) + ((v & ((1u << level) - 1)) != 0);
}

static int top_level(uint32_t width, uint32_t height)
{
    const uint64_t pixels = (uint64_t)width * height;
    const int most = pixels < 1000000 ? 6 : pixels < 3000000 ? 7 : 8;
    int top = 3;
    while (top < most
           && (ceil_shift(width, (uint32_t)top) > 1
               || ceil_shift(height, (uint32_t)top) > 1))
        top++;
    return top;
}

static void add_grids(overfit_shape *s)
{
    for (uint32_t level = 0; level <= (uint32_t)s->top; level++)
        for (int hyper = 0; hyper <= (level >= 4); hyper++)
            s->grids[s->n_grids++] = (overfit_grid){
                level, ceil_shift(s->width, level),
                ceil_shift(s->height, level), hyper == 1
            };
}

static const overfit_layer *add(overfit_shape *s, overfit_module module,
                                int rows, int cols, bool has_bias)
{
    overfit_layer *l = &s->layers[s->n_layers++];
    *l = (overfit_layer){ .module = module, .rows = rows, .cols = cols,
                          .has_bias = has_bias,
                          .weight = (uint32_t)s->n_params };
    s->n_params += (size_t)rows * (size_t)cols;
    l->bias = (uint32_t)s->n_params;
    if (has_bias)
        s->n_params += (size_t)rows;
    return l;
}

static void add_layers(overfit_shape *s)
{
    const int c = s->inputs, n = s->channels;
    for (int i = 0; i < OVERFIT_LAYERS; i++)
        s->hidden[i] = add(s, OVERFIT_ARM, c, c, true);
    s->out = add(s, OVERFIT_ARM, 2, c, true);
    s->direct = add(s, OVERFIT_ARM, 2, c, false);
    for (uint32_t k = 0; k < OVERFIT_MIXERS; k++)
        s->mixer[k] = add(s, OVERFIT_MIXER, s->size->features,
                          s->n_grids - overfit_coarser(s, k), true);
    for (int k = s->top; k-- > 0;)
        s->up[k] = add(s, OVERFIT_UP, 1, 4, false);
    for (int k = s->top; k-- > 0;)
        s->pre[k] = add(s, OVERFIT_UP, 1, 4, false);
    s->trunk[0] = add(s, OVERFIT_SYNTHESIS, s->size->width, s->top + 1, true);
    s->trunk[1] = add(s, OVERFIT_SYNTHESIS, n, s->size->width, true);
    for (int i = 0; i < s->size->convs; i++)
        s->conv[i] = add(s, OVERFIT_SYNTHESIS, n, 9 * n, true);
    s->skip = add(s, OVERFIT_SYNTHESIS, n, s->top + 1, false);
}

void overfit_shape_init(overfit_shape *s, int size, uint32_t width,
                        uint32_t height, int channels)
{
    memset(s, 0, sizeof *s);
    s->size = &overfit_sizes[size];
    s->width = width;
    s->height = height;
    s->channels = channels;
    s->top = top_level(width, height);
    s->inputs = s->size->spatial + s->size->features;
    add_grids(s);
    add_layers(s);
}

int overfit_coarser(const overfit_shape *s, uint32_t level)
{
    int i = 0;
    while (i < s->n_grids && s->grids[i].level <= level)
        i++;
    return i;
}

int overfit_latent(const overfit_shape *s, uint32_t level)
{
    int i = 0;
    while (s->grids[i].level != level)
        i++;
    return i;
}
