/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the gradient engine share.  Not for others. */
#ifndef NENC_TRANSFORMS_GRAD_INTERNAL_H
#define NENC_TRANSFORMS_GRAD_INTERNAL_H

#include "grad.h"
#include "net_internal.h"

/** Of one op. */
typedef struct op_params {
    nenc_param *kernel, *bias;   /**< or NULL; a scale's or lnorm's weight is
                                      the kernel */
    nenc_conv forward, back;     /**< packed, where op->conv.cin */
    bool has_back;               /**< the shape's adjoint is a convolution */
} op_params;

struct nenc_params {
    const nenc_net *net;
    bool frozen;
    nenc_arena arena;
    size_t n;
    nenc_param *list;
    op_params *ops;              /**< [net->n_ops] */
};

/** Memory for one tensor from time `birth` to `death`: forward step i is at
 *  time i, its backward step at 2 n_ops - i, the caller's turn at n_ops. */
typedef struct grad_block {
    size_t floats, offset;
    int birth, death;
} grad_block;

typedef struct grad_value {
    nenc_shape shape;
    int block;                   /**< -1: nobody needs it */
    size_t readers;
    bool wanted;                 /**< its gradient is */
} grad_value;

typedef struct grad_forward {
    nenc_op_run run;
    bool skip;                   /**< done by an earlier step */
    int made;                    /**< value that the step makes */
    int first;                   /**< op that the chain of moves begins with,
                                      which this op ends; else itself */
    int add;                     /**< value fused into a convolution, or -1 */
    size_t grain;
} grad_forward_step;

typedef enum grad_kind {
    GRAD_SOURCE,                 /**< of one source of an op, row by row */
    GRAD_PREPARE,                /**< what the op's other steps need */
    GRAD_WEIGHTS                 /**< of an op's weights */
} grad_kind;

/** One step backward.  Blocks are numbers, and -1 is none. */
typedef struct grad_step {
    grad_kind kind;
    const nenc_op *op;
    op_params *params;
    size_t source;
    nenc_shape shape;            /**< of that source */
    nenc_shape dy_shape, other_shape;
    int dy, to;
    int plus;                    /**< added: what came earlier, or a square */
    int x;                       /**< value of that source, where needed */
    int y;                       /**< the op's own */
    int other;                   /**< mul: the other factor */
    int prepared;                /**< lattend: block of GRAD_PREPARE */
    int mask;                    /**< an activation's result, by whose sign
                                      the gradient is passed on */
    float mask_slope;
    const nenc_move *move;       /**< layers that move, forward */
    const size_t *map_rows;
    size_t grain;
} grad_step;

/** What a pool's thread gets. */
typedef struct grad_job {
    const nenc_grad *g;
    const grad_step *s;
    const float *x;              /**< channel sums: of dy x, or of dy */
    float *to;
    size_t splits;               /**< of matrices' rows */
} grad_job;

struct nenc_grad {
    const nenc_net *net;
    nenc_params *params;
    const nenc_kernels *kernels;
    nenc_pool *pool;
    nenc_arena arena;
    size_t n_values, n_blocks, n_steps, room_blocks, room_steps;
    grad_value *values;
    grad_forward_step *forward;  /**< [net->n_ops] */
    grad_step *steps;
    grad_block *blocks;
    int *grad_of;                /**< [n_values]: block, or -1 */
    int seed;
    float *memory;
    float *scratch;              /**< of each worker */
    size_t scratch_floats;
    float *shared;               /**< what a layer prepares */
    float *taps;                 /**< a kernel's gradient, tap by tap */
    uint64_t macs;
};

/** Floats in whole cache lines. */
static inline size_t grad_round(size_t n)
{
    const size_t line = NENC_ALIGN / sizeof(float);
    return (n + line - 1) / line * line;
}

static inline float *grad_data(const nenc_grad *g, int block)
{
    return g->memory + g->blocks[block].offset;
}

static inline float *grad_value_data(const nenc_grad *g, int value)
{
    return grad_data(g, g->values[value].block);
}

/** What an op's backward pass reads. */
bool grad_needs_x(const nenc_op *op);
bool grad_needs_y(const nenc_op *op);
/** Or all of its sources. */
bool grad_needs_sources(const nenc_op *op);
bool grad_is_gdn(const nenc_op *op);
static inline bool grad_is_norm(const nenc_op *op)
{
    return op->weight && op->bias;
}
static inline bool grad_is_move(const nenc_op *op)
{
    return op->layer->run == nenc_move_run;
}
static inline bool grad_is_act(const nenc_op *op)
{
    return op->layer->elementwise && op->n_src == 1
        && !op->layer->has_weights
        && (op->point == NENC_POINT_RELU || op->point == NENC_POINT_LRELU);
}

/** The rows [row0, row1) of a source's gradient. */
void grad_source_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1);
/** Scratch floats that a step needs of each worker. */
size_t grad_step_scratch(const grad_step *s, const nenc_kernels *kernels);
/** Rows of convolutions (grad_conv.c). */
void grad_conv_rows(const nenc_grad *g, const grad_step *s, size_t row0,
                    size_t row1);
void grad_gdn_rows(const nenc_grad *g, const grad_step *s, int worker,
                   size_t row0, size_t row1);
/** A gdn's squares, and its norm's gradient. */
void grad_gdn_prepare(const nenc_grad *g, const grad_step *s);
/** Layer norms (grad_norm.c): prepared is what its weights multiply. */
void grad_norm_rows(const nenc_grad *g, const grad_step *s, int worker,
                    size_t row0, size_t row1);
void grad_norm_prepare(const nenc_grad *g, const grad_step *s);
size_t grad_norm_scratch(const grad_step *s);
/** resize, mean, warp (grad_resize.c). */
void grad_resize_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1);
size_t grad_resize_scratch(const grad_step *s);
/** attend, lattend (grad_attend.c); floats that lattend prepares for a picture.
 */
void grad_attend_rows(const nenc_grad *g, const grad_step *s, int worker,
                      size_t row0, size_t row1);
void grad_attend_prepare(const nenc_grad *g, const grad_step *s);
size_t grad_attend_scratch(const grad_step *s, const nenc_kernels *kernels);
size_t grad_attend_prepared(const nenc_op *op);
/** Add to the gradient of an op's weights. */
void grad_weights(const nenc_grad *g, const grad_step *s);

#endif
