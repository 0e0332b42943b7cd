/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Layers that mix channels: conv, deconv, linear, gdn, igdn.
 * Not here: how a convolution runs (exact_conv.c, onednn.c). */
#include "net_internal.h"

enum { MAX_KERNEL = 63, MAX_STRIDE = 32 };

/* conv NAME COUT k=3 s=1 p=k/2 g=1: "<name>.weight" [cout, cin/g, k, k],
 * "<name>.bias" [cout] */
static nenc_status read_conv(nenc_op *op, nenc_args *a, bool transposed,
                             size_t fixed_k)
{
    nenc_conv_shape *s = &op->conv;
    NENC_TRY(nenc_args_int(a, a->word[1], 1, NENC_NET_MAX_CHANNELS,
                           &op->cout));
    s->cin = op->cin;
    s->cout = op->cout;
    s->transposed = transposed;
    s->k = fixed_k;
    s->stride = s->groups = 1;
    if (!fixed_k) {
        NENC_TRY(nenc_args_key(a, "k", 3, 1, MAX_KERNEL, &s->k));
        NENC_TRY(nenc_args_key(a, "s", 1, 1, MAX_STRIDE, &s->stride));
        NENC_TRY(nenc_args_key(a, "g", 1, 1, NENC_NET_MAX_CHANNELS,
                               &s->groups));
    }
    NENC_TRY(nenc_args_key(a, "p", s->k / 2, 0, s->k - 1, &s->pad));
    if (s->cin % s->groups || s->cout % s->groups)
        return nenc_args_fail(a, "%zu groups of %zu to %zu channels",
                              s->groups, s->cin, s->cout);
    if (transposed
        && (2 * s->pad + 1 > s->k || s->k > s->stride + 2 * s->pad))
        return nenc_args_fail(a, "no output padding makes k=%zu s=%zu p=%zu "
                              "grow by its stride", s->k, s->stride, s->pad);
    const size_t dims[4] = {
        transposed ? s->cin : s->cout,
        (transposed ? s->cout : s->cin) / s->groups, s->k, s->k
    };
    NENC_TRY(nenc_args_bind_kernel(a, op, "weight", dims, 4));
    return nenc_args_bind(a, op, "bias", &s->cout, 1, &op->bias);
}

static nenc_status conv_open(nenc_op *op, nenc_args *a)
{
    return read_conv(op, a, false, 0);
}

static nenc_status deconv_open(nenc_op *op, nenc_args *a)
{
    return read_conv(op, a, true, 0);
}

static nenc_status linear_open(nenc_op *op, nenc_args *a)
{
    return read_conv(op, a, false, 1);
}

static nenc_status conv_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    *dst = (nenc_shape){ src->n, nenc_conv_extent(&op->conv, src->h),
                         nenc_conv_extent(&op->conv, src->w), op->cout };
    if (!dst->h || !dst->w)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu is too small for a kernel "
                         "of %zu", op->line, src->h, src->w, op->conv.k);
    return NENC_OK;
}

static void conv_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const nenc_shape *s = &r->src_shape[0], *d = &r->dst_shape;
    while (row0 < row1) {
        const size_t image = row0 / d->h, first = row0 % d->h;
        const size_t end = NENC_MIN(row1 - row0 + first, d->h);
        const nenc_conv_io io = {
            .src = r->src[0] + image * s->h * s->w * s->c,
            .dst = r->dst + image * d->h * d->w * d->c,
            .h = s->h, .w = s->w, .src_step = s->c, .dst_step = d->c,
            .add = r->add ? r->add + image * (r->add_one ? d->c
                                              : d->h * d->w * d->c) : NULL,
            .add_one = r->add_one, .src_first = r->src_first[0],
            .dst_first = r->dst_first,
        };
        nenc_conv_rows(r->packed, &io, first, end, r->act, r->act_slope);
        row0 += end - first;
    }
}

/* gdn, igdn NAME: n = beta + gamma x^2 (a 1x1 convolution), then x / sqrt n
 * or x * sqrt n; "<name>.gamma" [c, c], "<name>.beta" [c], as they are used
 * (Ballé et al., arXiv:1511.06281, without its reparameterisation) */

static nenc_status gdn_open(nenc_op *op, nenc_args *a)
{
    const size_t dims[2] = { op->cin, op->cin };
    op->conv = (nenc_conv_shape){ .cin = op->cin, .cout = op->cin, .k = 1,
                                  .stride = 1, .groups = 1 };
    NENC_TRY(nenc_args_bind_kernel(a, op, "gamma", dims, 2));
    return nenc_args_bind(a, op, "beta", dims, 1, &op->bias);
}

static nenc_status gdn_shape(const nenc_op *op, const nenc_shape *src,
                             nenc_shape *dst, nenc_diag *diag)
{
    (void)op, (void)diag;
    *dst = src[0];
    return NENC_OK;
}

/* Squares and norms of one row. */
static size_t gdn_scratch(const nenc_op_run *r)
{
    return 2 * r->dst_shape.w * r->dst_shape.c;
}

static void gdn_rows(const nenc_op_run *r, size_t row0, size_t row1,
                     bool inverse)
{
    const size_t w = r->dst_shape.w, n = w * r->dst_shape.c;
    float *square = r->scratch, *norm = r->scratch + n;
    for (size_t row = row0; row < row1; row++) {
        const float *x = r->src[0] + (row - r->src_first[0]) * n;
        float *d = r->dst + (row - r->dst_first) * n;
        for (size_t i = 0; i < n; i++)
            square[i] = x[i] * x[i];
        const nenc_conv_io io = {
            .src = square, .dst = norm, .h = 1, .w = w,
            .src_step = r->dst_shape.c, .dst_step = r->dst_shape.c,
        };
        nenc_conv_rows(r->packed, &io, 0, 1, NENC_ACT_NONE, 0);
        r->kernels->point(NENC_POINT_SQRT, norm, norm, n, 0);
        if (inverse)
            for (size_t i = 0; i < n; i++)
                d[i] = x[i] * norm[i];
        else
            for (size_t i = 0; i < n; i++)
                d[i] = x[i] / norm[i];
    }
}

static void gdn_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    gdn_rows(r, row0, row1, false);
}

static void igdn_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    gdn_rows(r, row0, row1, true);
}

const nenc_layer nenc_layers_conv[] = {
    { .name = "conv", .min_args = 2, .max_args = 2, .has_weights = true,
      .is_conv = true, .moves = NENC_MOVES_CONV, .open = conv_open,
      .shape = conv_shape, .run = conv_run },
    { .name = "deconv", .min_args = 2, .max_args = 2, .has_weights = true,
      .is_conv = true, .moves = NENC_MOVES_CONV, .open = deconv_open,
      .shape = conv_shape, .run = conv_run },
    { .name = "linear", .min_args = 2, .max_args = 2, .has_weights = true,
      .is_conv = true, .open = linear_open, .shape = conv_shape,
      .run = conv_run },
    { .name = "gdn", .min_args = 1, .max_args = 1, .has_weights = true,
      .open = gdn_open, .shape = gdn_shape, .scratch = gdn_scratch,
      .run = gdn_run },
    { .name = "igdn", .min_args = 1, .max_args = 1, .has_weights = true,
      .open = gdn_open, .shape = gdn_shape, .scratch = gdn_scratch,
      .run = igdn_run },
    { 0 }
};
