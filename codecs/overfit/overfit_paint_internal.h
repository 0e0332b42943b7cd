/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  What the paint_*.c files share. */
#ifndef NENC_CODECS_OVERFIT_PAINT_INTERNAL_H
#define NENC_CODECS_OVERFIT_PAINT_INTERNAL_H

#include "overfit_kernels.h"
#include "mem.h"
#include "overfit_paint.h"

enum {
    PAINT_BAND = 16,          /* rows whose sums are taken together */
    PAINT_BLOCK = 256,        /* pixels whose hidden activations stay in L1 */
    PAINT_GROUP = 16,         /* of so many channels at a time, at most */
    PAINT_CHANNELS = 3,
    PAINT_INPUTS = OVERFIT_TOP + 1,
    PAINT_TAPS = 9 * PAINT_CHANNELS,
    PAINT_EDGE = 32           /* before and after a scratch row; after it, more
                                 zeros than any filter reads */
};

/* Sums of a band of a level: for each tap of each pass. */
enum {
    PAINT_T_TAPS = 5,         /* from m - 2 on, for even and odd outputs */
    PAINT_P_TAPS = 7,
    PAINT_T_ROWS = 0,         /* places: along the rows */
    PAINT_T_COLUMNS = PAINT_T_ROWS + 2 * PAINT_T_TAPS,
    PAINT_P_ROWS = PAINT_T_COLUMNS + 2 * PAINT_T_TAPS,
    PAINT_P_COLUMNS = PAINT_P_ROWS + PAINT_P_TAPS,
    PAINT_UP_SUMS = PAINT_P_COLUMNS + PAINT_P_TAPS
};

/* Of one thread.  Rows start PAINT_EDGE floats after where they begin. */
typedef struct paint_scratch {
    float *row;               /* a line between two passes of a filter */
    float *even, *odd;
    float *dt[PAINT_CHANNELS];
    float *extra[PAINT_CHANNELS];   /* a row outside of the picture */
    float *dx[PAINT_INPUTS];
    float *h[PAINT_GROUP], *dh[PAINT_GROUP];
} paint_scratch;

/* Weights in the order in which the backward pass takes them. */
typedef struct paint_adjoint {
    float conv[2][PAINT_CHANNELS * PAINT_TAPS];   /* [i][o][ky][kx] */
    float trunk1[OVERFIT_WIDTH * PAINT_CHANNELS]; /* [j][o] */
    float inputs[PAINT_INPUTS * (PAINT_CHANNELS + OVERFIT_WIDTH)];
                              /* [i]: of skip [o], of trunk0 [j] */
} paint_adjoint;

struct overfit_paint {
    const overfit_shape *shape;
    const overfit_kernels *kernels;
    nenc_pool *pool;
    nenc_arena arena;
    uint32_t w[OVERFIT_TOP + 1], h[OVERFIT_TOP + 1];   /* of levels */
    overfit_plane x[OVERFIT_TOP][PAINT_INPUTS];        /* [k][channel] */
    overfit_plane t[PAINT_CHANNELS], u[PAINT_CHANNELS], out[PAINT_CHANNELS];
    paint_scratch *scratch;   /* [threads] */
    /* in training: */
    overfit_plane seed[PAINT_CHANNELS], du[PAINT_CHANNELS];
    overfit_plane dx[OVERFIT_TOP][PAINT_INPUTS];  /* of level 0, channel 0 */
    overfit_plane half[PAINT_INPUTS];   /* of one level at a time, between two
                                 passes: of P, and of T for channels from 1 */
    float *zeros;             /* a row */
    float *sums;              /* [bands of level 0][parameters of synthesis] */
    float *up_sums[OVERFIT_TOP];  /* [bands of the level][PAINT_UP_SUMS] */
    paint_adjoint *adjoint;
};

/* What runs over bands. */
typedef struct paint_job {
    overfit_paint *p;
    const overfit_plane *latents;
    const float *params;
    overfit_plane *d_latents;
    int level;
} paint_job;

static inline size_t paint_round(size_t n)
{
    return (n + OVERFIT_LANES - 1) / OVERFIT_LANES * OVERFIT_LANES;
}

static inline size_t paint_bands(uint32_t h)
{
    return (h + PAINT_BAND - 1) / PAINT_BAND;
}

static inline ptrdiff_t paint_clamp(ptrdiff_t i, uint32_t n)
{
    return i < 0 ? 0 : i >= (ptrdiff_t)n ? (ptrdiff_t)n - 1 : i;
}

/* Hidden channels of the group that starts at `first`. */
static inline int paint_group(const overfit_shape *s, int first)
{
    return NENC_MIN(PAINT_GROUP, s->size->width - first);
}

/* Parameters from which on sums of the synthesis are kept, and how many. */
static inline size_t paint_first(const overfit_shape *s)
{
    return s->trunk[0]->weight;
}

static inline size_t paint_count(const overfit_shape *s)
{
    return s->n_params - paint_first(s);
}

/** Upsampling to one row of x_k. */
void paint_up_row(const paint_job *j, const paint_scratch *s, int k,
                  uint32_t y);
/** Bands of rows of x_k, k being the job's level. */
void paint_up_bands(void *job, int worker, size_t first, size_t end);

/** First pass backward of row y of level k, whose gradient is g[channels]. */
void paint_up_back_row(const paint_job *j, const paint_scratch *s, int k,
                       uint32_t y, float *const *g, float *sums);
/** The first pass of the job's level, from dx. */
void paint_up_back_bands(void *job, int worker, size_t first, size_t end);
/** The second pass: bands of P of this level, then those of T's source. */
void paint_up_end_bands(void *job, int worker, size_t first, size_t end);

/** Upsampling to level 0, and what is per pixel: t, and skip to `out`. */
void paint_trunk_bands(void *job, int worker, size_t first, size_t end);
void paint_conv0_bands(void *job, int worker, size_t first, size_t end);
void paint_conv1_bands(void *job, int worker, size_t first, size_t end);

void paint_pack_adjoint(overfit_paint *p, const float *params);
/** From seed to du. */
void paint_conv1_back_bands(void *job, int worker, size_t first, size_t end);
/** From du, or without a conv1 seed, to the first pass of upsampling. */
void paint_trunk_back_bands(void *job, int worker, size_t first, size_t end);

#endif
