/* SPDX-License-Identifier: BSD-2-Clause */
/* Which positions of its input a range of a network's output depends on, and
 * where a part of the input may begin.
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

bool nenc_op_reads_all(const nenc_op *op, size_t k)
{
    return (op->layer->moves == NENC_MOVES_WARP && k == 0)
        || (op->layer->moves == NENC_MOVES_ALL && k > 0);
}

/* Bilinear: position i lies at (2 i + 1 - n) / 2 n, and the next one counts. */
static range read_by_resize(const nenc_op *op, range r)
{
    const int64_t n = (int64_t)op->arg[0], last = r.end - 1;
    if (!op->bilinear)
        return (range){ floor_div(r.first, n), floor_div(last, n) + 1 };
    return (range){ floor_div(2 * r.first + 1 - n, 2 * n),
                    floor_div(2 * last + 1 - n, 2 * n) + 2 };
}

static range read_by_window(const nenc_op *op, size_t k, range r)
{
    const int64_t n = (int64_t)op->window;
    if (k == 0)
        return r;
    return (range){ floor_div(r.first, n) * n,
                    (floor_div(r.end - 1, n) + 1) * n };
}

/* What an op reads of source k for the range `r` of its output. */
static range read_by(const nenc_op *op, size_t k, range r)
{
    const nenc_conv_shape *c = &op->conv;
    const int64_t n = (int64_t)op->arg[0];
    if (nenc_op_reads_all(op, k))
        return (range){ -FAR, FAR };
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
    case NENC_MOVES_MEAN:
    case NENC_MOVES_UNSHUFFLE:
        return (range){ r.first * n, r.end * n };
    case NENC_MOVES_PAD:        /* at an edge it may mirror what is inside */
        return (range){ r.first - n, r.end + n };
    case NENC_MOVES_CROP: return (range){ r.first + n, r.end + n };
    case NENC_MOVES_RESIZE: return read_by_resize(op, r);
    case NENC_MOVES_WINDOW: return read_by_window(op, k, r);
    case NENC_MOVES_WARP:
    case NENC_MOVES_ALL: return r;
    }
    return r;
}

void nenc_op_reads(const nenc_op *op, size_t k, int64_t *first, int64_t *end)
{
    const range r = limited(read_by(op, k, (range){ *first, *end }));
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
        for (size_t s = 0; s < op->n_src; s++)
            values[op->src[s]] = join(values[op->src[s]],
                                      limited(read_by(op, s, r)));
    }
    *first = values[input].first;
    *end = values[input].end;
    nenc_mem_free(values);
    return NENC_OK;
}

/* ------------------------------------------------------------------- steps */

/* Positions of a value to one of the input, in lowest terms; 0: of a value that
 * does not depend on it. */
typedef struct ratio {
    uint64_t num, den;
} ratio;

/* No picture has as many positions: a part cannot begin there but at 0. */
static const uint64_t MAX_STEP = (uint64_t)1 << 31;

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static ratio times(ratio a, uint64_t num, uint64_t den)
{
    a.num *= num;
    a.den *= den;
    const uint64_t d = divisor(a.num, a.den);
    return d ? (ratio){ a.num / d, a.den / d } : a;
}

static ratio result_of(const nenc_op *op, ratio a)
{
    const nenc_conv_shape *c = &op->conv;
    switch (op->layer->moves) {
    case NENC_MOVES_CONV:
        return c->transposed ? times(a, c->stride, 1) : times(a, 1, c->stride);
    case NENC_MOVES_SHUFFLE:
    case NENC_MOVES_RESIZE:
        return times(a, op->arg[0], 1);
    case NENC_MOVES_UNSHUFFLE:
    case NENC_MOVES_MEAN:
        return times(a, 1, op->arg[0]);
    default:
        return a;
    }
}

/* The least step, a multiple of `step`, that is a multiple of n positions of a
 * value. */
static uint64_t widen(uint64_t step, ratio a, uint64_t n)
{
    const uint64_t need = n * a.den / divisor(n * a.den, a.num);
    const uint64_t all = step / divisor(step, need) * need;
    return NENC_MIN(all, MAX_STEP);
}

nenc_status nenc_net_step(const nenc_net *net, size_t input, size_t *step,
                          nenc_diag *diag)
{
    const size_t n = net->n_inputs + net->n_ops;
    ratio *values = nenc_mem_zalloc(n, sizeof *values);
    uint64_t all = 1;
    if (!values)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    values[input] = (ratio){ 1, 1 };
    for (size_t i = 0; i < net->n_ops && all < MAX_STEP; i++) {
        const nenc_op *op = &net->ops[i];
        ratio from = { 0, 0 };
        for (size_t k = op->n_src; k-- > 0;)
            if (values[op->src[k]].num)
                from = values[op->src[k]];
        if (!from.num)
            continue;
        const ratio to = result_of(op, from);
        values[net->n_inputs + i] = to;
        all = to.num < MAX_STEP && to.den < MAX_STEP
            ? widen(all, to, NENC_MAX(1, op->window)) : MAX_STEP;
    }
    nenc_mem_free(values);
    *step = (size_t)all;
    return NENC_OK;
}
