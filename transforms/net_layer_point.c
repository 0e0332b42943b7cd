/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Layers that treat each value by itself: element-wise functions,
 * add, mul, scale.  Not here: anything that looks at neighbours. */
#include "net_internal.h"

static nenc_status same_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    (void)op, (void)diag;
    *dst = src[0];
    return NENC_OK;
}

static nenc_status point_open(nenc_op *op, nenc_args *a)
{
    op->point = op->layer->point;
    if (a->n)
        NENC_TRY(nenc_args_float(a, a->word[0], &op->slope));
    return NENC_OK;
}

static void point_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t row = r->dst_shape.w * r->dst_shape.c;
    r->kernels->point(r->op->point, r->dst + (row0 - r->dst_first) * row,
                      r->src[0] + (row0 - r->src_first[0]) * row,
                      (row1 - row0) * row, r->op->slope);
}

/* add, mul: dst = src[0] (op) src[1], where src[1] may be 1x1 in space. */

static nenc_status binary_open(nenc_op *op, nenc_args *a)
{
    if (op->arg[0] != op->cin)
        return nenc_args_fail(a, "%s of %zu and %zu channels", op->layer->name,
                              op->cin, op->arg[0]);
    return NENC_OK;
}

static bool is_spread(const nenc_shape *s)
{
    return s->h == 1 && s->w == 1;
}

static nenc_status binary_shape(const nenc_op *op, const nenc_shape *src,
                                nenc_shape *dst, nenc_diag *diag)
{
    const nenc_shape *a = &src[0], *b = &src[1];
    *dst = *a;
    if (a->n == b->n && ((a->h == b->h && a->w == b->w) || is_spread(b)))
        return NENC_OK;
    return nenc_fail(diag, NENC_EMODEL,
                     "network line %d: %s of %zux%zu and %zux%zu", op->line,
                     op->layer->name, a->h, a->w, b->h, b->w);
}

/* One function for both, so that the loops below stay plain and vectorise. */
static void binary_run(const nenc_op_run *r, size_t row0, size_t row1,
                       bool multiply)
{
    const size_t c = r->dst_shape.c, w = r->dst_shape.w, h = r->dst_shape.h;
    const bool spread = is_spread(&r->src_shape[1]) && !is_spread(&r->dst_shape);
    const size_t run = spread ? c : w * c;
    for (size_t row = row0; row < row1; row++)
        for (size_t x = 0; x < (spread ? w : 1); x++) {
            const float *a = r->src[0]
                           + ((row - r->src_first[0]) * w + x) * c;
            const float *b = r->src[1] + (spread ? row / h * c
                : ((row - r->src_first[1]) * w + x) * c);
            float *d = r->dst + ((row - r->dst_first) * w + x) * c;
            if (multiply)
                for (size_t i = 0; i < run; i++)
                    d[i] = a[i] * b[i];
            else
                for (size_t i = 0; i < run; i++)
                    d[i] = a[i] + b[i];
        }
}

static void add_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    binary_run(r, row0, row1, false);
}

static void mul_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    binary_run(r, row0, row1, true);
}

/* scale: dst = src * w per channel; w "<name>.weight" [c] */

static nenc_status scale_open(nenc_op *op, nenc_args *a)
{
    return nenc_args_bind(a, op, "weight", &op->cin, 1, &op->weight);
}

static void scale_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t c = r->dst_shape.c, w = r->dst_shape.w;
    const float *from = r->src[0] + (row0 - r->src_first[0]) * w * c;
    float *to = r->dst + (row0 - r->dst_first) * w * c;
    for (size_t i = 0; i < (row1 - row0) * w * c; i += c)
        for (size_t k = 0; k < c; k++)
            to[i + k] = from[i + k] * r->weight[k];
}

#define POINT(text, kind, n_args)                                        \
    { .name = text, .min_args = n_args, .max_args = n_args,              \
      .elementwise = true, .point = kind, .open = point_open,            \
      .shape = same_shape, .run = point_run }

const nenc_layer nenc_layers_point[] = {
    POINT("relu", NENC_POINT_RELU, 0),
    POINT("lrelu", NENC_POINT_LRELU, 1),
    POINT("gelu", NENC_POINT_GELU, 0),
    POINT("silu", NENC_POINT_SILU, 0),
    POINT("sigmoid", NENC_POINT_SIGMOID, 0),
    POINT("tanh", NENC_POINT_TANH, 0),
    POINT("softplus", NENC_POINT_SOFTPLUS, 0),
    POINT("exp", NENC_POINT_EXP, 0),
    POINT("abs", NENC_POINT_ABS, 0),
    POINT("ssqrt", NENC_POINT_SSQRT, 0),
    { .name = "add", .min_args = 1, .max_args = 1, .taps_follow = true,
      .elementwise = true, .is_add = true, .open = binary_open,
      .shape = binary_shape, .run = add_run },
    { .name = "mul", .min_args = 1, .max_args = 1, .taps_follow = true,
      .elementwise = true, .open = binary_open, .shape = binary_shape,
      .run = mul_run },
    { .name = "scale", .min_args = 1, .max_args = 1, .has_weights = true,
      .elementwise = true, .open = scale_open, .shape = same_shape,
      .run = scale_run },
    { 0 }
};
