/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Layers that only move values: concat, slice, shuffle, unshuffle,
 * pad, crop.  Not here: how the last four run (net_move.c), resampling. */
#include <string.h>

#include "net_internal.h"

/* concat A B ...: channels of src[0], then of each tap */

static nenc_status concat_open(nenc_op *op, nenc_args *a)
{
    (void)a;
    op->cout = op->cin + op->arg[0];
    return NENC_OK;
}

static nenc_status concat_shape(const nenc_op *op, const nenc_shape *src,
                                nenc_shape *dst, nenc_diag *diag)
{
    *dst = src[0];
    dst->c = op->cout;
    for (size_t i = 1; i < op->n_src; i++)
        if (src[i].n != dst->n || src[i].h != dst->h || src[i].w != dst->w)
            return nenc_fail(diag, NENC_EMODEL,
                             "network line %d: concat of %zux%zu and %zux%zu",
                             op->line, dst->h, dst->w, src[i].h, src[i].w);
    return NENC_OK;
}

static void concat_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t w = r->dst_shape.w, c = r->dst_shape.c;
    size_t first = 0;
    for (size_t s = 0; s < r->op->n_src; s++) {
        const size_t cs = r->src_shape[s].c;
        const float *from = r->src[s] + (row0 - r->src_first[s]) * w * cs;
        float *to = r->dst + (row0 - r->dst_first) * w * c + first;
        for (size_t i = 0; i < (row1 - row0) * w; i++)
            memcpy(to + i * c, from + i * cs, cs * sizeof(float));
        first += cs;
    }
}

/* slice FIRST COUNT: those channels */

static nenc_status slice_open(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_int(a, a->word[0], 0, op->cin - 1, &op->arg[0]));
    NENC_TRY(nenc_args_int(a, a->word[1], 1, op->cin - op->arg[0],
                           &op->arg[1]));
    op->cout = op->arg[1];
    return NENC_OK;
}

static nenc_status slice_shape(const nenc_op *op, const nenc_shape *src,
                               nenc_shape *dst, nenc_diag *diag)
{
    (void)diag;
    *dst = src[0];
    dst->c = op->cout;
    return NENC_OK;
}

static void slice_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t w = r->dst_shape.w, c = r->dst_shape.c;
    const size_t cs = r->src_shape[0].c;
    const float *from = r->src[0] + (row0 - r->src_first[0]) * w * cs
                      + r->op->arg[0];
    float *to = r->dst + (row0 - r->dst_first) * w * c;
    for (size_t i = 0; i < (row1 - row0) * w; i++)
        memcpy(to + i * c, from + i * cs, c * sizeof(float));
}

/* shuffle R: dst[r y + dy][r x + dx][c] = src[y][x][(c r + dy) r + dx];
 * unshuffle R: its inverse */

static nenc_status shuffle_open(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_int(a, a->word[0], 1, 64, &op->arg[0]));
    const size_t r2 = op->arg[0] * op->arg[0];
    if (op->cin % r2)
        return nenc_args_fail(a, "%zu channels do not shuffle by %zu", op->cin,
                              op->arg[0]);
    op->cout = op->cin / r2;
    return NENC_OK;
}

static nenc_status unshuffle_open(nenc_op *op, nenc_args *a)
{
    NENC_TRY(nenc_args_int(a, a->word[0], 1, 64, &op->arg[0]));
    op->cout = op->cin * op->arg[0] * op->arg[0];
    return NENC_OK;
}

static nenc_status shuffle_shape(const nenc_op *op, const nenc_shape *src,
                                 nenc_shape *dst, nenc_diag *diag)
{
    const size_t r = op->arg[0];
    dst->n = src->n;
    dst->c = op->cout;
    if (!nenc_size_mul(&dst->h, src->h, r) || !nenc_size_mul(&dst->w, src->w, r))
        return nenc_fail(diag, NENC_ELIMIT, "network line %d: too large",
                         op->line);
    return NENC_OK;
}

static nenc_status unshuffle_shape(const nenc_op *op, const nenc_shape *src,
                                   nenc_shape *dst, nenc_diag *diag)
{
    const size_t r = op->arg[0];
    if (src->h % r || src->w % r)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu does not unshuffle by %zu",
                         op->line, src->h, src->w, r);
    *dst = (nenc_shape){ src->n, src->h / r, src->w / r, op->cout };
    return NENC_OK;
}

/* pad N MODE, crop N: on all four sides */

static nenc_status pad_open(nenc_op *op, nenc_args *a)
{
    static const char *const modes[] = { "zero", "replicate", "reflect",
                                         "symmetric" };
    NENC_TRY(nenc_args_int(a, a->word[0], 1, 1024, &op->arg[0]));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (!strcmp(a->word[1], modes[i])) {
            op->pad = (nenc_pad_mode)i;
            return NENC_OK;
        }
    return nenc_args_fail(a, "no padding is called \"%s\"", a->word[1]);
}

static nenc_status pad_shape(const nenc_op *op, const nenc_shape *src,
                             nenc_shape *dst, nenc_diag *diag)
{
    const size_t n = op->arg[0];
    const size_t least = op->pad == NENC_PAD_REFLECT ? n + 1
                       : op->pad == NENC_PAD_SYMMETRIC ? n : 1;
    if (src->h < least || src->w < least)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu is too small to pad by %zu",
                         op->line, src->h, src->w, n);
    *dst = *src;
    if (!nenc_size_add(&dst->h, src->h, 2 * n)
        || !nenc_size_add(&dst->w, src->w, 2 * n))
        return nenc_fail(diag, NENC_ELIMIT, "network line %d: too large",
                         op->line);
    return NENC_OK;
}

static nenc_status crop_open(nenc_op *op, nenc_args *a)
{
    return nenc_args_int(a, a->word[0], 1, 1024, &op->arg[0]);
}

static nenc_status crop_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    const size_t n2 = 2 * op->arg[0];
    if (src->h <= n2 || src->w <= n2)
        return nenc_fail(diag, NENC_EMODEL,
                         "network line %d: %zux%zu is too small to crop by %zu",
                         op->line, src->h, src->w, op->arg[0]);
    *dst = (nenc_shape){ src->n, src->h - n2, src->w - n2, src->c };
    return NENC_OK;
}

const nenc_layer nenc_layers_move[] = {
    { .name = "concat", .min_args = 1, .max_args = NENC_OP_MAX_ARGS,
      .taps_follow = true, .open = concat_open, .shape = concat_shape,
      .run = concat_run },
    { .name = "slice", .min_args = 2, .max_args = 2, .open = slice_open,
      .shape = slice_shape, .run = slice_run },
    { .name = "shuffle", .min_args = 1, .max_args = 1,
      .moves = NENC_MOVES_SHUFFLE, .open = shuffle_open,
      .shape = shuffle_shape, .run = nenc_move_run },
    { .name = "unshuffle", .min_args = 1, .max_args = 1,
      .moves = NENC_MOVES_UNSHUFFLE,
      .open = unshuffle_open, .shape = unshuffle_shape,
      .run = nenc_move_run },
    { .name = "pad", .min_args = 2, .max_args = 2,
      .moves = NENC_MOVES_PAD, .open = pad_open,
      .shape = pad_shape, .run = nenc_move_run },
    { .name = "crop", .min_args = 1, .max_args = 1,
      .moves = NENC_MOVES_CROP, .open = crop_open,
      .shape = crop_shape, .run = nenc_move_run },
    { 0 }
};
