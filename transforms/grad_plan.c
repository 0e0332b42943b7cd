/* SPDX-License-Identifier: BSD-2-Clause */
/* A network made ready for gradients: which values must be kept until when,
 * what each step backward reads and writes, and where all of it lies.
 * Not here: what the steps compute (grad_run.c, grad_point.c, grad_conv.c). */
#include <string.h>

#include "grad_internal.h"

enum { NONE = -1 };

typedef struct planner {
    nenc_grad *g;
    const nenc_net *net;
    nenc_diag *diag;
    int n_in, n_ops;
    size_t *holders;             /* [room_blocks]: values whose gradient it is */
    size_t *pending;             /* [n_values]: readers still to come */
    int prepared;                /* block of the op's GRAD_PREPARE */
    bool *masked;                /* [n_values]: an activation's gradient has
                                    been through it already */
} planner;

/* ------------------------------------------------------------------ blocks */

static size_t floats_of(const nenc_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

/* Never fails: room_blocks is for the most that there can be. */
static int add_block(planner *p, const nenc_shape *s, int time)
{
    nenc_grad *g = p->g;
    const size_t n = floats_of(s);
    g->blocks[g->n_blocks] = (grad_block){
        .floats = grad_round(n),
        .birth = time, .death = time,
    };
    return (int)g->n_blocks++;
}

static void use_block(planner *p, int block, int time)
{
    grad_block *b = &p->g->blocks[block];
    b->death = NENC_MAX(b->death, time);
}

static void use_value(planner *p, int value, int time)
{
    use_block(p, p->g->values[value].block, time);
}

/* ----------------------------------------------------------------- forward */

static nenc_status find_shapes(planner *p, const nenc_shape *inputs)
{
    nenc_grad *g = p->g;
    size_t floats, bytes;
    for (int i = 0; i < (int)g->n_values; i++) {
        nenc_shape *s = &g->values[i].shape;
        const nenc_op *op = i < p->n_in ? NULL : &p->net->ops[i - p->n_in];
        if (!op) {
            *s = inputs[i];
            if (!s->n || !s->h || !s->w || s->c != p->net->input_channels[i])
                return nenc_fail(p->diag, NENC_EMODEL,
                                 "network %s: input %s cannot be %zux%zux%zu",
                                 p->net->name, p->net->input_names[i], s->h,
                                 s->w, s->c);
        } else {
            nenc_op_run *r = &g->forward[i - p->n_in].run;
            for (size_t k = 0; k < op->n_src; k++)
                r->src_shape[k] = g->values[op->src[k]].shape;
            NENC_TRY(op->layer->shape(op, r->src_shape, s, p->diag));
            r->op = op;
            r->kernels = g->kernels;
            r->dst_shape = *s;
        }
        if (!nenc_size_mul(&floats, s->n, s->h)
            || !nenc_size_mul(&floats, floats, s->w)
            || !nenc_size_mul(&floats, floats, s->c)
            || !nenc_size_mul(&bytes, floats, 4 * sizeof(float)))
            return nenc_fail(p->diag, NENC_ELIMIT, "network %s: too large",
                             p->net->name);
    }
    return NENC_OK;
}

static bool has_weights(const planner *p, const nenc_op *op)
{
    return !p->g->params->frozen && (op->conv.cin || op->weight);
}

static void find_wanted(planner *p, unsigned wanted)
{
    nenc_grad *g = p->g;
    for (int i = 0; i < (int)g->n_values; i++) {
        grad_value *v = &g->values[i];
        if (i < p->n_in) {
            v->wanted = wanted >> i & 1;
            continue;
        }
        const nenc_op *op = &p->net->ops[i - p->n_in];
        v->wanted = has_weights(p, op);
        for (size_t k = 0; k < op->n_src; k++) {
            grad_value *s = &g->values[op->src[k]];
            v->wanted |= s->wanted;
            s->readers++;
        }
    }
    g->values[g->n_values - 1].readers++;
}

static bool is_same_shape(const nenc_shape *a, const nenc_shape *b)
{
    return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c;
}

/* Whether an addition right behind the convolution that makes value v can be
 * part of it, and of what. */
static bool can_add(const planner *p, const nenc_op *conv, const nenc_op *op,
                    int v, int *other)
{
    const bool dense = conv->conv.groups < conv->conv.cin
                    || conv->conv.groups < conv->conv.cout;
    if (!op->layer->is_add || op->src[0] == op->src[1] || !dense
        || (op->src[0] != v && op->src[1] != v))
        return false;
    *other = op->src[0] == v ? op->src[1] : op->src[0];
    return is_same_shape(&p->g->values[v].shape, &p->g->values[*other].shape);
}

/* Moves one after the other, each read by the next only, are one step.
 * @return the value that this step of op i makes */
static int chain_moves(planner *p, int i)
{
    grad_forward_step *f = p->g->forward;
    int last = i;
    while (last + 1 < p->n_ops && last + 1 - i < NENC_MOVE_MAX) {
        const nenc_op *op = &p->net->ops[last], *next = op + 1;
        if (!grad_is_move(next) || next->src[0] != p->n_in + last
            || p->g->values[p->n_in + last].readers != 1
            || op->layer->moves == NENC_MOVES_UNSHUFFLE
            || next->layer->moves == NENC_MOVES_SHUFFLE)
            break;
        f[++last].skip = true;
    }
    f[last].first = i;
    f[i].run.dst_shape = p->g->values[p->n_in + last].shape;
    return p->n_in + last;
}

/* An activation or addition right behind a convolution that nobody else reads
 * becomes part of it.  @return the value that op i's step makes */
static int fuse(planner *p, int i)
{
    grad_forward_step *f = p->g->forward;
    const nenc_op *op = &p->net->ops[i], *next = op + 1;
    const int v = p->n_in + i;
    f[i].add = NONE;
    if (grad_is_move(op))
        return chain_moves(p, i);
    if (!op->layer->is_conv || i + 1 == p->n_ops
        || p->g->values[v].readers != 1)
        return v;
    if (grad_is_act(next) && next->src[0] == v) {
        f[i].run.act = next->point == NENC_POINT_RELU ? NENC_ACT_RELU
                                                      : NENC_ACT_LRELU;
        f[i].run.act_slope = next->slope;
    } else if (!can_add(p, op, next, v, &f[i].add)) {
        f[i].add = NONE;
        return v;
    }
    f[i + 1].skip = true;
    return v + 1;
}

static void plan_forward(planner *p)
{
    nenc_grad *g = p->g;
    const int workers = nenc_pool_threads(g->pool);
    for (int i = 0; i < (int)g->n_values; i++)
        g->values[i].block = i < p->n_in ? add_block(p, &g->values[i].shape, -1)
                                         : NONE;
    for (int i = 0; i < p->n_ops; i++)
        g->forward[i].first = i;
    for (int i = 0; i < p->n_ops; i++) {
        grad_forward_step *f = &g->forward[i];
        const nenc_op *op = &p->net->ops[i];
        if (f->skip)
            continue;
        const int made = f->made = fuse(p, i);
        g->values[made].block = add_block(p, &g->values[made].shape, i);
        for (size_t k = 0; k < op->n_src; k++)
            use_value(p, op->src[k], i);
        if (f->add != NONE)
            use_value(p, f->add, i);
        const size_t rows = f->run.dst_shape.n * f->run.dst_shape.h;
        f->grain = NENC_MAX(1, rows / (4 * (size_t)workers));
    }
    use_value(p, (int)g->n_values - 1, p->n_ops);
}

/* ---------------------------------------------------------------- backward */

static grad_step *add_step(planner *p, grad_kind kind, int i)
{
    nenc_grad *g = p->g;
    grad_step *s = &g->steps[g->n_steps++];
    *s = (grad_step){
        .kind = kind, .op = &p->net->ops[i], .params = &g->params->ops[i],
        .dy = g->grad_of[p->n_in + i], .to = NONE, .plus = NONE, .x = NONE,
        .y = NONE, .other = NONE, .mask = NONE, .prepared = NONE,
        .dy_shape = g->values[p->n_in + i].shape,
        .shape = g->values[p->net->ops[i].src[0]].shape,
    };
    return s;
}

static void plan_weights(planner *p, int i, int time)
{
    const nenc_op *op = &p->net->ops[i];
    nenc_grad *g = p->g;
    int dy = g->grad_of[p->n_in + i], square = NONE;
    if (grad_is_norm(op)) {
        grad_step *s = add_step(p, GRAD_PREPARE, i);
        s->x = op->src[0];
        s->to = square = add_block(p, &s->shape, time);
    }
    if (grad_is_gdn(op)) {
        grad_step *s = add_step(p, GRAD_PREPARE, i);
        s->x = op->src[0];
        s->to = dy = add_block(p, &s->shape, time);
        s->plus = square = add_block(p, &s->shape, time);
    }
    grad_step *s = add_step(p, GRAD_WEIGHTS, i);
    s->dy = dy;
    s->plus = square;
    s->x = op->src[0];
    use_value(p, op->src[0], time);
}

/* The chain of moves from op `first` to op `last`. */
static nenc_status open_chain(const nenc_move **move, nenc_grad *g, int first,
                              int last)
{
    const nenc_op *ops[NENC_MOVE_MAX];
    nenc_shape shapes[NENC_MOVE_MAX + 1];
    const int n_in = (int)g->net->n_inputs;
    size_t n = 0;
    shapes[0] = g->values[g->net->ops[first].src[0]].shape;
    for (int i = first; i <= last; i++) {
        ops[n] = &g->net->ops[i];
        shapes[++n] = g->values[n_in + i].shape;
    }
    return nenc_move_open(move, &g->arena, ops, n, shapes);
}

/* Moves backward go by the maps of moves forward. */
static nenc_status open_move(planner *p, grad_step *s, int i)
{
    if (!grad_is_move(s->op))
        return NENC_OK;
    NENC_TRY(open_chain(&s->move, p->g, p->g->forward[i].first, i));
    return nenc_move_map_back(&s->map_rows, s->move, &p->g->arena);
}

/* What source `k` of op i gets that has got nothing yet, and where no
 * computing is needed: the gradient itself. */
static bool pass_through(planner *p, int i, size_t k)
{
    nenc_grad *g = p->g;
    const nenc_op *op = &p->net->ops[i];
    const int v = p->n_in + i, src = op->src[k];
    const bool same = is_same_shape(&g->values[v].shape,
                                    &g->values[src].shape);
    if (g->grad_of[src] != NONE
        || !((op->layer->is_add && same) || p->masked[v]))
        return false;
    g->grad_of[src] = g->grad_of[v];
    p->holders[g->grad_of[v]]++;
    return true;
}

/* Where the gradient of source k goes: over dy itself, where values are
 * computed one by one and nobody else has an interest in it. */
static int place_source(planner *p, const grad_step *s, int src, bool is_last,
                        int time)
{
    nenc_grad *g = p->g;
    const bool alone = p->holders[s->dy] == 1 && is_last;
    if (alone && s->op->layer->elementwise
        && is_same_shape(&s->shape, &s->dy_shape))
        return s->dy;
    return add_block(p, &g->values[src].shape, time);
}

/* lattend: once for all of its sources. */
static void plan_prepared(planner *p, int i, int time)
{
    const nenc_op *op = &p->net->ops[i];
    p->prepared = NONE;
    if (op->layer->moves != NENC_MOVES_ALL)
        return;
    grad_step *s = add_step(p, GRAD_PREPARE, i);
    const nenc_shape shape = { s->shape.n, 1, 1, grad_attend_prepared(op) };
    s->to = p->prepared = add_block(p, &shape, time);
}

static nenc_status plan_source(planner *p, int i, size_t k, int time)
{
    nenc_grad *g = p->g;
    const nenc_op *op = &p->net->ops[i];
    const int src = p->net->ops[g->forward[i].first].src[k];
    const int v = p->n_in + i;
    if (!g->values[src].wanted)
        return NENC_OK;
    p->pending[src]--;
    if (pass_through(p, i, k))
        return NENC_OK;
    grad_step *s = add_step(p, GRAD_SOURCE, i);
    s->source = k;
    s->prepared = p->prepared;
    s->shape = g->values[src].shape;
    s->plus = g->grad_of[src];
    s->to = place_source(p, s, src, k + 1 == op->n_src, time);
    if (s->plus != NONE) {
        p->holders[s->plus]--;
        use_block(p, s->plus, time);
    }
    if (s->to != s->dy)
        p->holders[s->to] = 0;
    p->holders[s->to]++;
    g->grad_of[src] = s->to;
    if (!p->masked[v]) {
        s->x = grad_needs_x(op) ? src : NONE;
        s->y = grad_needs_y(op) ? v : NONE;
    }
    if (op->n_src == 2 && op->layer->elementwise && !op->layer->is_add) {
        s->other = op->src[1 - k];
        s->other_shape = g->values[s->other].shape;
        use_value(p, s->other, time);
    }
    for (size_t j = 0; grad_needs_sources(op) && j < op->n_src; j++)
        use_value(p, op->src[j], time);
    if (s->x != NONE)
        use_value(p, s->x, time);
    if (s->y != NONE)
        use_value(p, s->y, time);
    const nenc_op *from = src < p->n_in ? NULL : &p->net->ops[src - p->n_in];
    if (!p->pending[src] && from && grad_is_act(from)) {
        s->mask = src;
        s->mask_slope = from->point == NENC_POINT_LRELU ? from->slope : 0;
        p->masked[src] = true;
        use_value(p, src, time);
    }
    return open_move(p, s, i);
}

static nenc_status plan_op_back(planner *p, int i)
{
    nenc_grad *g = p->g;
    const nenc_op *op = &p->net->ops[i];
    const int v = p->n_in + i, time = 2 * p->n_ops - i;
    if (!g->values[v].wanted || g->grad_of[v] == NONE)
        return NENC_OK;
    const int dy = g->grad_of[v];
    use_block(p, dy, time);
    if (has_weights(p, op))
        plan_weights(p, i, time);
    plan_prepared(p, i, time);
    for (size_t k = 0; k < op->n_src; k++)
        NENC_TRY(plan_source(p, i, k, time));
    p->holders[dy]--;
    return NENC_OK;
}

static nenc_status plan_backward(planner *p)
{
    nenc_grad *g = p->g;
    const int last = (int)g->n_values - 1;
    for (int i = 0; i < (int)g->n_values; i++) {
        g->grad_of[i] = NONE;
        for (size_t k = 0; i >= p->n_in && g->values[i].wanted
                           && k < p->net->ops[i - p->n_in].n_src; k++)
            p->pending[p->net->ops[i - p->n_in].src[k]]++;
    }
    g->seed = add_block(p, &g->values[last].shape, p->n_ops);
    g->grad_of[last] = g->seed;
    p->holders[g->seed] = 1;
    for (int i = p->n_ops; i-- > 0;)
        NENC_TRY(plan_op_back(p, i));
    for (int i = 0; i < p->n_in; i++)
        if (g->grad_of[i] != NONE)
            use_block(p, g->grad_of[i], 2 * p->n_ops + 1);
    return NENC_OK;
}

/* ------------------------------------------------------------------ memory */

static bool meet(const grad_block *a, const grad_block *b)
{
    return a->birth <= b->death && b->birth <= a->death
        && a->offset < b->offset + b->floats
        && b->offset < a->offset + a->floats;
}

/* First fit.  @return floats in all, or SIZE_MAX: too many */
static size_t place_blocks(nenc_grad *g)
{
    size_t total = 0;
    for (size_t i = 0; i < g->n_blocks; i++) {
        grad_block *b = &g->blocks[i];
        for (size_t j = 0; j < i;) {
            const grad_block *o = &g->blocks[j];
            if (!meet(b, o)) {
                j++;
                continue;
            }
            b->offset = o->offset + o->floats;
            if (b->offset > SIZE_MAX / 4 / sizeof(float))
                return SIZE_MAX;
            j = 0;
        }
        total = NENC_MAX(total, b->offset + b->floats);
    }
    return total;
}

static uint64_t macs_of(const nenc_op *op, const nenc_shape *src,
                        const nenc_shape *dst)
{
    const nenc_conv_shape *c = &op->conv;
    const nenc_shape *at = c->transposed ? src : dst;
    return c->cin ? (uint64_t)at->n * at->h * at->w * c->k * c->k * c->cin
                    / c->groups * c->cout : 0;
}

/* Scratch of workers, room for gradients tap by tap, the work there is. */
static void count_work(nenc_grad *g, size_t *scratch, size_t *shared,
                       size_t *taps)
{
    for (size_t i = 0; i < g->net->n_ops; i++) {
        const nenc_op_run *r = &g->forward[i].run;
        if (r->op->layer->scratch)
            *scratch = NENC_MAX(*scratch, r->op->layer->scratch(r));
        if (r->op->layer->shared)
            *shared = NENC_MAX(*shared, r->op->layer->shared(r));
        if (r->op->layer->macs)
            g->macs += (uint64_t)r->op->layer->macs(r);
        g->macs += macs_of(r->op, &r->src_shape[0], &r->dst_shape);
    }
    for (size_t i = 0; i < g->n_steps; i++) {
        grad_step *s = &g->steps[i];
        const size_t rows = s->shape.n * s->shape.h;
        const size_t unit = NENC_MAX(1, s->op->window);
        *scratch = NENC_MAX(*scratch, grad_step_scratch(s, g->kernels));
        s->grain = NENC_MAX(1, rows / (4 * (size_t)nenc_pool_threads(g->pool)));
        s->grain = (s->grain + unit - 1) / unit * unit;
        if (s->kind == GRAD_WEIGHTS && s->op->conv.cin)
            *taps = NENC_MAX(*taps, s->params->kernel->n);
        if (s->op->conv.cin && s->kind != GRAD_PREPARE)
            g->macs += macs_of(s->op, &s->shape, &s->dy_shape);
    }
}

static void bind_forward(nenc_grad *g)
{
    for (size_t i = 0; i < g->net->n_ops; i++) {
        grad_forward_step *f = &g->forward[i];
        nenc_op_run *r = &f->run;
        if (f->skip)
            continue;
        r->dst = grad_value_data(g, f->made);
        r->kernels = g->kernels;
        for (size_t k = 0; k < r->op->n_src; k++)
            r->src[k] = grad_value_data(g, r->op->src[k]);
        if (f->add >= 0)
            r->add = grad_value_data(g, f->add);
        r->shared = g->shared;
        const op_params *o = &g->params->ops[i];
        if (r->op->conv.cin)
            r->packed = &o->forward;
        r->weight = o->kernel ? o->kernel->value : NULL;
        r->bias = o->bias ? o->bias->value : NULL;
    }
}

static nenc_status plan_memory(nenc_grad *g, nenc_diag *diag)
{
    const size_t workers = (size_t)nenc_pool_threads(g->pool);
    const size_t floats = place_blocks(g);
    size_t scratch = 0, shared = 0, taps = 0, all;
    count_work(g, &scratch, &shared, &taps);
    g->scratch_floats = grad_round(scratch);
    if (floats == SIZE_MAX || !nenc_size_mul(&all, g->scratch_floats, workers))
        return nenc_fail(diag, NENC_ELIMIT, "network %s: too large",
                         g->net->name);
    g->memory = nenc_arena_zalloc(&g->arena, floats, sizeof(float));
    g->scratch = nenc_arena_zalloc(&g->arena, all, sizeof(float));
    g->taps = nenc_arena_zalloc(&g->arena, taps, sizeof(float));
    g->shared = nenc_arena_zalloc(&g->arena, shared, sizeof(float));
    if (!g->memory || !g->scratch || !g->taps || !g->shared)
        return NENC_ENOMEM;
    bind_forward(g);
    for (size_t i = 0; i < g->net->n_ops; i++) {
        grad_forward_step *f = &g->forward[i];
        if (!f->skip && grad_is_move(f->run.op))
            NENC_TRY(open_chain(&f->run.move, g, (int)i,
                                f->made - (int)g->net->n_inputs));
    }
    return NENC_OK;
}

static nenc_status plan_all(nenc_grad *g, const nenc_shape *inputs,
                            unsigned wanted, nenc_diag *diag)
{
    const nenc_net *net = g->net;
    planner p = { .g = g, .net = net, .diag = diag,
                  .n_in = (int)net->n_inputs, .n_ops = (int)net->n_ops };
    size_t sources = 0;
    for (size_t i = 0; i < net->n_ops; i++)
        sources += net->ops[i].n_src;
    g->n_values = net->n_inputs + net->n_ops;
    g->room_blocks = 3 * g->n_values + sources + 1;
    g->values = nenc_arena_zalloc(&g->arena, g->n_values, sizeof *g->values);
    g->grad_of = nenc_arena_zalloc(&g->arena, g->n_values,
                                   sizeof *g->grad_of);
    g->forward = nenc_arena_zalloc(&g->arena, net->n_ops, sizeof *g->forward);
    g->blocks = nenc_arena_zalloc(&g->arena, g->room_blocks,
                                  sizeof *g->blocks);
    g->steps = nenc_arena_zalloc(&g->arena, 2 * net->n_ops + sources,
                                 sizeof *g->steps);
    p.holders = nenc_arena_zalloc(&g->arena, g->room_blocks,
                                  sizeof *p.holders);
    p.pending = nenc_arena_zalloc(&g->arena, g->n_values, sizeof *p.pending);
    p.masked = nenc_arena_zalloc(&g->arena, g->n_values, sizeof *p.masked);
    if (!g->values || !g->grad_of || !g->forward || !g->blocks || !g->steps
        || !p.holders || !p.pending || !p.masked)
        return NENC_ENOMEM;
    NENC_TRY(find_shapes(&p, inputs));
    find_wanted(&p, wanted);
    plan_forward(&p);
    NENC_TRY(plan_backward(&p));
    return plan_memory(g, diag);
}

nenc_status nenc_grad_open(nenc_grad **out, const nenc_net *net,
                           nenc_params *params, const nenc_shape *inputs,
                           unsigned wanted, nenc_pool *pool,
                           size_t max_memory, nenc_diag *diag)
{
    nenc_grad *g = nenc_mem_zalloc(1, sizeof *g);
    *out = NULL;
    if (!g)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&g->arena, max_memory);
    g->net = net;
    g->params = params;
    g->pool = pool;
    g->kernels = nenc_kernels_best();
    const nenc_status st = plan_all(g, inputs, wanted, diag);
    if (st < 0) {
        if (st == NENC_ENOMEM)
            nenc_arena_fail(&g->arena, diag, "gradients of network",
                            net->name);
        const bool over = g->arena.over;
        nenc_grad_close(g);
        return st == NENC_ENOMEM && over ? NENC_ELIMIT : st;
    }
    *out = g;
    return NENC_OK;
}

void nenc_grad_close(nenc_grad *g)
{
    if (!g)
        return;
    nenc_arena_free(&g->arena);
    nenc_mem_free(g);
}

size_t nenc_grad_memory(const nenc_grad *g)
{
    return g->arena.used;
}

uint64_t nenc_grad_macs(const nenc_grad *g)
{
    return g->macs;
}
