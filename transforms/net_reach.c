/* SPDX-License-Identifier: BSD-2-Clause */
/* Which positions of its input a range of a network's output depends on.
 * Not here: running a part of a picture (codecs/). */
#include "net_internal.h"

/* Ranges of positions [first, end), one way; both ways are alike. */
typedef struct range {
    int64_t first, end;
} range;

static range join(range a, range b)
{
    if (a.first == a.end)
        return b;
    return (range){ NENC_MIN(a.first, b.first), NENC_MAX(a.end, b.end) };
}

/* A network may have thousands of layers that multiply positions; no picture
 * is as wide, and what is cut here is cut again by the picture's edges. */
#define FAR ((int64_t)1 << 40)

static range limited(range r)
{
    r.first = NENC_MAX(NENC_MIN(r.first, FAR), -FAR);
    r.end = NENC_MAX(NENC_MIN(r.end, FAR), r.first + 1);
    return r;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* What an op reads for the range `r` of its output. */
static range read_by(const nenc_op *op, range r)
{
    const nenc_conv_shape *c = &op->conv;
    const int64_t n = (int64_t)op->arg[0];
    switch (op->layer->moves) {
    case NENC_MOVES_NOTHING: return r;
    case NENC_MOVES_CONV:
        if (c->transposed)      /* p s - pad .. p s - pad + k - 1 reach it */
            return (range){
                floor_div(r.first + (int64_t)c->pad - (int64_t)c->k
                          + (int64_t)c->stride, (int64_t)c->stride),
                floor_div(r.end - 1 + (int64_t)c->pad, (int64_t)c->stride) + 1 };
        return (range){
            r.first * (int64_t)c->stride - (int64_t)c->pad,
            (r.end - 1) * (int64_t)c->stride - (int64_t)c->pad
                + (int64_t)c->k };
    case NENC_MOVES_SHUFFLE:
        return (range){ floor_div(r.first, n), floor_div(r.end - 1, n) + 1 };
    case NENC_MOVES_UNSHUFFLE:
        return (range){ r.first * n, r.end * n };
    case NENC_MOVES_PAD:        /* at an edge it may mirror what is inside */
        return (range){ r.first - n, r.end + n };
    case NENC_MOVES_CROP: return (range){ r.first + n, r.end + n };
    }
    return r;
}

void nenc_op_reads(const nenc_op *op, int64_t *first, int64_t *end)
{
    const range r = limited(read_by(op, (range){ *first, *end }));
    *first = r.first;
    *end = r.end;
}

nenc_status nenc_net_reach(const nenc_net *net, size_t input, int64_t *first,
                           int64_t *end, nenc_diag *diag)
{
    const size_t n = net->n_inputs + net->n_ops;
    range *values = nenc_mem_zalloc(n, sizeof *values);
    if (!values)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    values[n - 1] = (range){ *first, *end };
    for (size_t i = net->n_ops; i-- > 0;) {
        const nenc_op *op = &net->ops[i];
        const range r = values[net->n_inputs + i];
        if (r.first == r.end)
            continue;           /* its result is not used */
        const range in = limited(read_by(op, r));
        for (size_t s = 0; s < op->n_src; s++)
            values[op->src[s]] = join(values[op->src[s]], in);
    }
    *first = values[input].first;
    *end = values[input].end;
    nenc_mem_free(values);
    return NENC_OK;
}
