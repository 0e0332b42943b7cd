/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  A codec whose decoder is fitted to the one picture: a pyramid of
 * integer latents, a small network that predicts each from those before it, one
 * that enlarges them and one that makes colours of them, all in the stream.
 * After Cool-Chic 5 (Ladune, Philippe et al., Orange, 2023 to 2026) with C3 (Kim
 * et al., 2023).  Here: the shapes that all parts share. */
#ifndef NENC_CODECS_OVERFIT_H
#define NENC_CODECS_OVERFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OVERFIT_TOP = 8,          /* the coarsest level there may be */
    OVERFIT_GRIDS = 14,       /* 9 latents and 5 hyperlatents */
    OVERFIT_SPATIAL = 20,     /* contexts in a grid, at most */
    OVERFIT_INPUTS = 26,      /* of the context network, at most */
    OVERFIT_WIDTH = 64,       /* of the synthesis, at most */
    OVERFIT_MIXERS = 3,       /* levels 0, 1, 2 have coarser grids for context */
    OVERFIT_LAYERS = 2,       /* hidden ones of the context network */
    OVERFIT_SYMBOL = 127,     /* the greatest, and the least negated */
    OVERFIT_SIZES = 4
};

/** What networks are like. */
typedef struct overfit_size {
    const char *name;
    int spatial;              /**< contexts in the grid itself (S) */
    int features;             /**< contexts from coarser grids (F) */
    int width;                /**< channels of the synthesis (K) */
    int convs;                /**< its 3x3 layers, 1 or 2 */
    int delay;                /**< symbols that a row is coded behind the one
                                   above it (FORMAT.md: the order) */
} overfit_size;

extern const overfit_size overfit_sizes[OVERFIT_SIZES];

/** Rows and columns from a symbol to those it is predicted by, the first the
 *  most telling. */
extern const int8_t overfit_contexts[OVERFIT_SPATIAL][2];

/** Integers, one channel. */
typedef struct overfit_grid {
    uint32_t level;           /**< 2^level pixels a side each */
    uint32_t width, height;
    bool is_hyper;            /**< context only: not seen by the synthesis */
} overfit_grid;

typedef enum overfit_module {
    OVERFIT_ARM,              /**< context network */
    OVERFIT_MIXER,            /**< coarser grids to features (IFCE) */
    OVERFIT_UP,               /**< upsampling filters */
    OVERFIT_SYNTHESIS,
    OVERFIT_MODULES
} overfit_module;

/** [rows][cols] weights from `weight` on in the list of all parameters, then
 *  [rows] biases if it has them. */
typedef struct overfit_layer {
    overfit_module module;
    uint32_t weight, bias;    /**< places in the list */
    int rows, cols;
    bool has_bias;
} overfit_layer;

enum { OVERFIT_MAX_LAYERS = OVERFIT_LAYERS + 2 + OVERFIT_MIXERS
                          + 2 * OVERFIT_TOP + 5 };

/** All that follows from a unit's dimensions and the size of its networks. */
typedef struct overfit_shape {
    const overfit_size *size;
    uint32_t width, height;   /**< pixels */
    int channels;             /**< 1 or 3 */
    int top;                  /**< the coarsest level, 3 to OVERFIT_TOP */
    int inputs;               /**< of the context network: S + F */
    int n_grids;
    overfit_grid grids[OVERFIT_GRIDS];  /**< the finest first; at one level the
                                   latent, then the hyperlatent; coded from the
                                   last to the first */
    size_t n_params;
    int n_layers;
    overfit_layer layers[OVERFIT_MAX_LAYERS];   /**< in the list's order */
    /* and by what they are for: */
    const overfit_layer *hidden[OVERFIT_LAYERS];  /**< [C][C], residual, ReLU */
    const overfit_layer *out;        /**< [2][C]: mean, scale */
    const overfit_layer *direct;     /**< [2][C] from the inputs; no bias */
    const overfit_layer *mixer[OVERFIT_MIXERS];   /**< of level k: [F][grids
                                          coarser than k, as they are listed] */
    const overfit_layer *up[OVERFIT_TOP];   /**< [1][4], no bias; up[k] from
                                          level k + 1 to level k */
    const overfit_layer *pre[OVERFIT_TOP];  /**< [1][4], no bias; of the latent
                                          of level k */
    const overfit_layer *trunk[2];   /**< [K][top + 1] ReLU, [channels][K] */
    const overfit_layer *conv[2];    /**< [channels][channels][3][3]; NULL */
    const overfit_layer *skip;       /**< [channels][top + 1], no bias */
} overfit_shape;

/** @param shape     must not be moved afterwards
 *  @param size      index into overfit_sizes
 *  @param channels  1 or 3 */
void overfit_shape_init(overfit_shape *shape, int size, uint32_t width,
                        uint32_t height, int channels);

/** First of the grids that are coarser than `level`. */
int overfit_coarser(const overfit_shape *shape, uint32_t level);
/** The latent of a level. */
int overfit_latent(const overfit_shape *shape, uint32_t level);

/** A grid, or a channel, as floats: rows of `pitch`; data[0] is 64-byte aligned.
 *  Around it lie OVERFIT_MARGIN columns left and right (right: after the width
 *  rounded up to 16), and as many rows above and below, which hold zeros. */
enum { OVERFIT_MARGIN = 16, OVERFIT_MARGIN_ROWS = 4 };
typedef struct overfit_plane {
    float *data;
    size_t pitch;
    uint32_t width, height;
} overfit_plane;

static inline float *overfit_row(const overfit_plane *p, ptrdiff_t y)
{
    return p->data + y * (ptrdiff_t)p->pitch;
}

/** Parameters as a stream has them: value[i] = number[i] 2^-step[of its
 *  module][is a bias]. */
typedef struct overfit_params {
    int32_t *number;          /**< [n_params], each at most 65535 in size */
    uint8_t step[OVERFIT_MODULES][2];
} overfit_params;

enum { OVERFIT_ARM_STEP = 8, OVERFIT_STEP = 16 };   /* the finest steps: of
                                  weights of ARM and mixer; of all the others */

#endif
