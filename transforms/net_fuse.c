/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of a plan that are done together: activations and additions with the
 * convolution before them, moves with moves, and whatever has one reader strip
 * by strip with that, so that it never leaves the cache.  Nothing else. */
#include "net_plan.h"

/* An activation right behind a convolution that nobody else reads becomes
 * part of it. */
static void fuse_activations(nenc_plan *p)
{
    const size_t n_in = p->net->n_inputs;
    for (size_t i = 1; i < p->n_steps; i++) {
        const nenc_op *op = &p->net->ops[i];
        const bool relu = op->layer->elementwise && op->n_src == 1
            && op->layer->point == NENC_POINT_RELU && !op->layer->has_weights;
        const bool lrelu = op->layer->point == NENC_POINT_LRELU;
        const int from = op->src[0] - (int)n_in;
        if (!(relu || lrelu) || from != (int)i - 1
            || !p->net->ops[from].layer->is_conv
            || p->values[op->src[0]].readers != 1)
            continue;
        nenc_op_run *r = &p->steps[from].run;
        r->act = relu ? NENC_ACT_RELU : NENC_ACT_LRELU;
        r->act_slope = op->slope;
        p->steps[i].skip = true;
    }
}

/* The step of the convolution that value `id` comes from, which has no other
 * reader than the one who asks; -1 where it is no such value. */
static int conv_behind(const nenc_plan *p, int id)
{
    int at = id - (int)p->net->n_inputs;
    if (at < 0 || p->values[id].readers != 1)
        return -1;
    if (p->steps[at].skip && p->net->ops[at].layer->elementwise)
        at--;                    /* it is its activation */
    const nenc_op *op = p->steps[at].run.op;
    const bool dense = op->conv.groups < op->conv.cin
                    || op->conv.groups < op->conv.cout;
    return op->layer->is_conv && dense && p->steps[at].add < 0 ? at : -1;
}

static bool is_same_shape(const nenc_shape *a, const nenc_shape *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c;
}

/* An addition to a convolution's result becomes part of the convolution, which
 * then runs in its place. */
static void fuse_additions(nenc_plan *p)
{
    const int n_in = (int)p->net->n_inputs;
    for (int i = 1; i < (int)p->n_steps; i++) {
        const nenc_op *op = &p->net->ops[i];
        step *s = &p->steps[i];
        if (!op->layer->is_add || op->src[0] == op->src[1])
            continue;
        const nenc_shape *shape = &s->run.dst_shape;
        int from = conv_behind(p, op->src[0]), other = op->src[1];
        if (from < 0 && is_same_shape(&s->run.src_shape[1], shape)) {
            from = conv_behind(p, op->src[1]);
            other = op->src[0];
        }
        if (from < 0)
            continue;
        const nenc_op_run *conv = &p->steps[from].run;
        for (size_t k = 0; k < conv->op->n_src; k++) {
            value *v = &p->values[conv->op->src[k]];
            v->death = NENC_MAX(v->death, i);
        }
        s->run = *conv;
        s->run.add_one = !is_same_shape(&p->values[other].shape, shape);
        s->add = other;
        p->steps[from].skip = true;
        p->values[n_in + from].alias = n_in + i;
        p->values[n_in + from].floats = 0;
    }
}

static bool is_move(const nenc_op *op)
{
    return op->layer->run == nenc_move_run;
}

/* The first step of the chain that ends with s. */
static const step *chain_start(const nenc_plan *p, const step *s, size_t *n)
{
    for (*n = 1; s->after >= 0; ++*n)
        s = &p->steps[s->after];
    return s;
}

/* A move of what a move made, and nobody else reads, becomes one with it. */
static void fuse_moves(nenc_plan *p)
{
    const int n_in = (int)p->net->n_inputs;
    for (int i = 1; i < (int)p->n_steps; i++) {
        const nenc_op *op = &p->net->ops[i];
        const int from = op->src[0] - n_in;
        if (!is_move(op) || op->layer->moves == NENC_MOVES_SHUFFLE
            || from < 0 || p->values[op->src[0]].readers != 1)
            continue;
        const nenc_op *before = &p->net->ops[from];
        size_t n;
        const step *start = chain_start(p, &p->steps[from], &n);
        if (!is_move(before) || before->layer->moves == NENC_MOVES_UNSHUFFLE
            || n == NENC_MOVE_MAX)
            continue;
        p->steps[i].after = from;
        p->steps[from].skip = true;
        p->values[op->src[0]].alias = n_in + i;
        p->values[op->src[0]].floats = 0;
        value *v = &p->values[start->run.op->src[0]];
        v->death = NENC_MAX(v->death, i);
    }
}

static nenc_status open_moves(nenc_plan *p, step *last)
{
    const nenc_op *ops[NENC_MOVE_MAX];
    nenc_shape shapes[NENC_MOVE_MAX + 1];
    const step *s = last;
    size_t n;
    (void)chain_start(p, last, &n);
    shapes[n] = last->run.dst_shape;
    for (size_t i = n; i--; s = s->after >= 0 ? &p->steps[s->after] : s) {
        ops[i] = s->run.op;
        shapes[i] = s->run.src_shape[0];
    }
    last->run.src_shape[0] = shapes[0];
    return nenc_move_open(&last->run.move, &p->arena, ops, n, shapes);
}

/* ------------------------------------------------------------------ strips */

/* A strip of what is between two steps fits this, and so a cache; what is
 * computed twice at strips' edges is this share of the work at most. */
enum {
    STRIP_FLOATS = 1 << 17, STRIP_ROWS = 64, STRIP_LEAST = 4,
    STRIP_STEPS = 8, STRIP_TALL = 1 << 14      /* keep planning short */
};
static const double most_twice = 0.1;

void nenc_rows_read(const nenc_op_run *r, size_t k, size_t y0, size_t y1,
                    size_t *s0, size_t *s1)
{
    const size_t h = r->src_shape[k].h;
    if (r->move) {
        nenc_move_rows(r->move, y0, y1, s0, s1);
        return;
    }
    int64_t first = (int64_t)y0, end = (int64_t)y1;
    if (r->op->layer->moves == NENC_MOVES_NOTHING && h != r->dst_shape.h)
        end = (first = 0) + 1;           /* one pixel for all */
    else
        nenc_op_reads(r->op, k, &first, &end);
    *s0 = first < 0 ? 0 : NENC_MIN((size_t)first, h - 1);
    *s1 = end <= (int64_t)*s0 ? *s0 + 1 : NENC_MIN((size_t)end, h);
}

/* The value that a step reads as its source k. */
static int source_id(const nenc_plan *p, const step *s, size_t k)
{
    size_t n;
    return is_move(s->run.op) ? chain_start(p, s, &n)->run.op->src[0]
                              : s->run.op->src[k];
}

/* The step that makes a value; -1: an input. */
static int maker(const nenc_plan *p, int id)
{
    const int n_in = (int)p->net->n_inputs;
    while (id >= n_in) {
        const step *s = &p->steps[id - n_in];
        if (p->values[id].alias >= 0)
            id = p->values[id].alias;
        else if (s->skip)
            id--;                        /* an activation's convolution */
        else
            break;
    }
    return id - n_in < 0 ? -1 : id - n_in;
}

static double row_work(const nenc_op_run *r)
{
    const double samples = (double)nenc_row_floats(&r->dst_shape);
    const nenc_conv_shape *c = &r->op->conv;
    if (r->op->layer->macs)
        return r->op->layer->macs(r) / (double)r->dst_shape.h;
    return c->cin ? samples * (double)(c->k * c->k * c->cin / c->groups)
                  : samples;
}

/* What the strip [y0, y1) costs: floats that steps before make, all work in it,
 * and work that is done for other strips, too. */
static size_t cost_strip(const nenc_plan *p, const step *last, size_t y0,
                         size_t y1, double *work, double *twice)
{
    const double share = (double)(y1 - y0) / (double)last->run.dst_shape.h;
    size_t floats = 0;
    *work = row_work(&last->run) * (double)(y1 - y0);
    *twice = 0;
    for (const step *s = last; s->before >= 0; s = &p->steps[s->before]) {
        const nenc_op_run *r = &p->steps[s->before].run;
        nenc_rows_read(&s->run, s->before_src, y0, y1, &y0, &y1);
        const double fair = share * (double)r->dst_shape.h;
        *work += row_work(r) * fair;
        *twice += row_work(r) * ((double)(y1 - y0) - fair);
        floats += nenc_strip_floats(&r->dst_shape, y1 - y0);
    }
    return floats;
}

/* Whether strips of `rows` rows, which begin at multiples of that, cost little
 * enough. */
static bool try_strip(const nenc_plan *p, step *last, size_t rows)
{
    const size_t h = last->run.dst_shape.h;
    double work, twice, all_work = 0, all_twice = 0;
    last->strip = rows;
    last->strip_floats = 0;
    for (size_t y = 0; y < h; y += rows) {
        const size_t floats = cost_strip(p, last, y, NENC_MIN(y + rows, h),
                                         &work, &twice);
        all_work += work;
        all_twice += twice;
        last->strip_floats = NENC_MAX(last->strip_floats, floats);
        if (floats > STRIP_FLOATS)
            return false;
    }
    return all_twice <= most_twice * all_work;
}

static bool find_strip(const nenc_plan *p, step *last)
{
    const size_t threads = (size_t)nenc_pool_threads(p->pool);
    const size_t share = (last->run.dst_shape.h + threads - 1) / threads;
    size_t n = 0;
    for (const step *s = last; s->before >= 0; s = &p->steps[s->before])
        n++;
    if (n >= STRIP_STEPS || last->run.dst_shape.h > STRIP_TALL)
        return false;
    for (size_t rows = STRIP_ROWS; rows >= STRIP_LEAST; rows /= 2)
        if ((rows <= share || rows == STRIP_LEAST)
            && try_strip(p, last, rows))
            return true;
    return false;
}

/* A step moves to where its result is read: what it reads must live on. */
static void live_on(nenc_plan *p, const step *s, int i)
{
    for (;; s = &p->steps[s->before]) {
        const size_t n = is_move(s->run.op) ? 1 : s->run.op->n_src;
        for (size_t k = 0; k < n; k++) {
            value *v = &p->values[source_id(p, s, k)];
            v->death = NENC_MAX(v->death, i);
        }
        if (s->add >= 0)
            p->values[s->add].death = NENC_MAX(p->values[s->add].death, i);
        if (s->before < 0)
            break;
    }
}

static void fuse_strips(nenc_plan *p)
{
    for (int i = 1; i < (int)p->n_steps; i++) {
        step *s = &p->steps[i];
        if (s->skip || s->run.dst_shape.n != 1)
            continue;
        const size_t n = is_move(s->run.op) ? 1 : s->run.op->n_src;
        for (size_t k = 0; k < n && s->before < 0; k++) {
            const int id = source_id(p, s, k), at = maker(p, id);
            if (at < 0 || p->values[id].readers != 1
                || p->steps[at].run.dst_shape.h == 1
                || p->steps[at].run.op->layer->prepare
                || nenc_op_reads_all(s->run.op, k))
                continue;
            s->before = at;
            s->before_src = k;
            if (!find_strip(p, s)) {
                s->before = -1;
                s->strip_floats = 0;
                continue;
            }
            step *b = &p->steps[at];
            b->inner = true;
            live_on(p, b, i);
            p->values[id].floats = p->values[p->net->n_inputs + (size_t)at]
                                       .floats = 0;
        }
    }
}

nenc_status nenc_plan_fuse(nenc_plan *p, nenc_backend backend)
{
    fuse_activations(p);
    if (backend == NENC_EXACT)
        fuse_additions(p);
    fuse_moves(p);
    for (size_t i = 0; i < p->n_steps; i++) {
        step *s = &p->steps[i];
        if (!s->skip && is_move(s->run.op) && open_moves(p, s) < 0)
            return NENC_ENOMEM;
    }
    if (backend == NENC_EXACT)
        fuse_strips(p);
    return NENC_OK;
}
