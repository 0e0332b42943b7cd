/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan, as those see it who make it (net_plan.c) and who join its steps
 * (net_fuse.c).  Not for others. */
#ifndef NENC_TRANSFORMS_NET_PLAN_H
#define NENC_TRANSFORMS_NET_PLAN_H

#include "net_internal.h"
#include "onednn.h"

/* One op as it will run. */
typedef struct step {
    nenc_op_run run;
    nenc_onednn_conv *onednn;    /* NULL = the exact layer */
    size_t grain;                /* rows a thread takes at a time */
    bool small;                  /* not worth waking other threads */
    bool skip;                   /* fused into another step */
    bool inner;                  /* runs strip by strip, before another step */
    int before;                  /* that step's one: it makes source before_src;
                                    -1: none */
    size_t before_src;
    size_t strip;                /* rows of the result at a time */
    size_t strip_floats;         /* for what such steps make */
    int add;                     /* value that is added to the result, or -1 */
    int after;                   /* step that a chain of moves goes on from, or
                                    -1: it begins here */
} step;

/* Where a value lives. */
typedef struct value {
    nenc_shape shape;
    size_t floats;               /* of its own block; 0 = shares `alias` */
    size_t offset;
    int alias;                   /* value whose block this one uses, or -1 */
    int birth, death;            /* steps; death = last reader */
    size_t readers;              /* the result has one more */
} value;

struct nenc_plan {
    const nenc_net *net;
    nenc_pool *pool;
    nenc_arena arena;
    size_t n_steps, n_values;
    step *steps;
    value *values;
    float *block, *scratch;
    float *shared;               /* of the step that runs */
    size_t scratch_floats;       /* for each worker */
    uint64_t macs;
};

/** Join steps, so that fewer values go through memory.  Shapes are known, lives
 *  are; both stay true.  Results do not change in any bit. */
nenc_status nenc_plan_fuse(nenc_plan *p, nenc_backend backend);

/** Which rows of source k a step reads for rows [y0, y1) of its result. */
void nenc_rows_read(const nenc_op_run *r, size_t k, size_t y0, size_t y1,
                    size_t *s0, size_t *s1);

enum { NENC_ALIGN_FLOATS = NENC_ALIGN / sizeof(float) };

/** Floats of one row. */
static inline size_t nenc_row_floats(const nenc_shape *s)
{
    return s->w * s->c;
}

/** Floats that a strip of so many rows takes in scratch memory. */
static inline size_t nenc_strip_floats(const nenc_shape *s, size_t rows)
{
    return (rows * nenc_row_floats(s) + NENC_ALIGN_FLOATS - 1)
           / NENC_ALIGN_FLOATS * NENC_ALIGN_FLOATS;
}

#endif
