/* SPDX-License-Identifier: BSD-2-Clause */
/* A network planned for dims: shapes, what is fused into convolutions, one block
 * of memory by liveness; then run.  Not here: what a layer computes. */
#include <string.h>

#include "net_plan.h"

/* Of a value, and of where one may begin: sums of two count bytes safely. */
#define MAX_FLOATS (SIZE_MAX / 8 / sizeof(float))

/* Smallest work (multiply-adds or values moved) worth sharing out. */
enum { SMALL_WORK = 1 << 15 };

/* ------------------------------------------------------------------ shapes */

static bool count_floats(const nenc_shape *s, size_t *out)
{
    size_t v;
    return nenc_size_mul(&v, s->n, s->h) && nenc_size_mul(&v, v, s->w)
           && nenc_size_mul(&v, v, s->c)
           && v <= MAX_FLOATS - NENC_ALIGN_FLOATS
           && (*out = (v + NENC_ALIGN_FLOATS - 1) / NENC_ALIGN_FLOATS
                      * NENC_ALIGN_FLOATS, true);
}

static nenc_status find_shapes(nenc_plan *p, const nenc_shape *inputs,
                               nenc_diag *diag)
{
    const nenc_net *net = p->net;
    for (size_t i = 0; i < net->n_inputs; i++) {
        if (inputs[i].c != net->input_channels[i] || !inputs[i].n
            || !inputs[i].h || !inputs[i].w)
            return nenc_fail(diag, NENC_EMODEL,
                             "network %s: input %s has %zu channels, not %zu",
                             net->name, net->input_names[i],
                             net->input_channels[i], inputs[i].c);
        p->values[i].shape = inputs[i];
    }
    for (size_t i = 0; i < net->n_ops; i++) {
        const nenc_op *op = &net->ops[i];
        nenc_op_run *r = &p->steps[i].run;
        r->op = op;
        r->weight = op->weight;
        r->bias = op->bias;
        r->kernels = nenc_kernels_best();
        p->steps[i].add = -1;
        p->steps[i].after = p->steps[i].before = -1;
        for (size_t s = 0; s < op->n_src; s++)
            r->src_shape[s] = p->values[op->src[s]].shape;
        NENC_TRY(op->layer->shape(op, r->src_shape, &r->dst_shape, diag));
        p->values[net->n_inputs + i].shape = r->dst_shape;
    }
    for (size_t i = 0; i < p->n_values; i++)
        if (!count_floats(&p->values[i].shape, &p->values[i].floats))
            return nenc_fail(diag, NENC_ELIMIT, "network %s: too large",
                             net->name);
    return NENC_OK;
}

/* ------------------------------------------------------------------ memory */

static void read_at(value *v, int i)
{
    v->death = i;
    v->readers++;
}

static void find_lives(nenc_plan *p)
{
    const size_t n_in = p->net->n_inputs;
    for (size_t i = 0; i < p->n_values; i++) {
        p->values[i].birth = i < n_in ? -1 : (int)(i - n_in);
        p->values[i].death = p->values[i].birth;
        p->values[i].alias = -1;
    }
    for (size_t i = 0; i < p->n_steps; i++)
        for (size_t s = 0; s < p->net->ops[i].n_src; s++)
            read_at(&p->values[p->net->ops[i].src[s]], (int)i);
    read_at(&p->values[p->n_values - 1], (int)p->n_steps);
}

/* Let element-wise results take over the block of a source that dies there
 * (for a skipped activation: always). */
static void share_blocks(nenc_plan *p)
{
    const size_t n_in = p->net->n_inputs;
    for (size_t i = 0; i < p->n_steps; i++) {
        const nenc_op *op = p->steps[i].run.op;
        const int src = op->src[0];
        const step *s = &p->steps[i];
        if (!op->layer->elementwise || p->values[src].death != (int)i
            || ((s->inner || s->before >= 0) && !s->skip))
            continue;
        int root = src;
        while (p->values[root].alias >= 0)
            root = p->values[root].alias;
        value *v = &p->values[n_in + i];
        v->alias = root;
        v->floats = 0;
        if (p->values[root].death < v->death)
            p->values[root].death = v->death;
    }
}

static bool overlap(const value *a, const value *b)
{
    return a->birth <= b->death && b->birth <= a->death;
}

/* First fit: the lowest offset clear of every placed value alive with it.
 * @return floats in all, or SIZE_MAX where they cannot be counted */
static size_t place_values(nenc_plan *p)
{
    size_t total = 0;
    for (size_t i = 0; i < p->n_values; i++) {
        value *v = &p->values[i];
        if (v->alias >= 0)
            continue;
        bool moved = true;
        v->offset = 0;
        while (moved) {
            moved = false;
            for (size_t j = 0; j < i; j++) {
                const value *u = &p->values[j];
                if (u->alias < 0 && overlap(u, v)
                    && v->offset < u->offset + u->floats
                    && u->offset < v->offset + v->floats) {
                    v->offset = u->offset + u->floats;
                    if (v->offset > MAX_FLOATS)
                        return SIZE_MAX;
                    moved = true;
                }
            }
        }
        if (v->offset + v->floats > total)
            total = v->offset + v->floats;
    }
    return total;
}

static float *value_data(const nenc_plan *p, int id)
{
    while (p->values[id].alias >= 0)
        id = p->values[id].alias;
    return p->block + p->values[id].offset;
}

static nenc_status plan_memory(nenc_plan *p, nenc_diag *diag)
{
    const size_t n_in = p->net->n_inputs;
    const int workers = nenc_pool_threads(p->pool);
    const size_t floats = place_values(p);
    size_t scratch = 0, strips = 0, shared = 0, all_scratch;
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->run.op->layer->scratch)
            scratch = NENC_MAX(scratch, s->run.op->layer->scratch(&s->run));
        if (s->run.op->layer->shared)
            shared = NENC_MAX(shared, s->run.op->layer->shared(&s->run));
        strips = NENC_MAX(strips, s->strip_floats);
    }
    scratch += strips;
    p->scratch_floats = (scratch + NENC_ALIGN_FLOATS - 1) / NENC_ALIGN_FLOATS
                        * NENC_ALIGN_FLOATS;
    if (floats == SIZE_MAX
        || !nenc_size_mul(&all_scratch, p->scratch_floats, (size_t)workers))
        return nenc_fail(diag, NENC_ELIMIT, "network %s: too large",
                         p->net->name);
    p->block = nenc_arena_zalloc(&p->arena, floats, sizeof(float));
    p->scratch = nenc_arena_zalloc(&p->arena, all_scratch, sizeof(float));
    p->shared = nenc_arena_zalloc(&p->arena, shared, sizeof(float));
    if (!p->block || !p->scratch || !p->shared)
        return nenc_arena_fail(&p->arena, diag, "network", p->net->name);
    for (size_t i = 0; i < p->n_steps; i++) {
        nenc_op_run *r = &p->steps[i].run;
        r->dst = value_data(p, (int)(n_in + i));
        r->shared = p->shared;
        for (size_t s = 0; s < r->op->n_src; s++)
            r->src[s] = value_data(p, r->op->src[s]);
        const step *start = &p->steps[i];
        while (start->after >= 0)
            start = &p->steps[start->after];
        r->src[0] = value_data(p, start->run.op->src[0]);
        if (p->steps[i].add >= 0)
            r->add = value_data(p, p->steps[i].add);
    }
    return NENC_OK;
}

/* ----------------------------------------------------------------- weights */

static nenc_status open_onednn(step *s, int threads, nenc_diag *diag)
{
    const nenc_op_run *r = &s->run;
    const nenc_op *op = r->op;
    float *weight = nenc_mem_alloc(op->kernel->n_items, sizeof *weight);
    if (!weight)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_st_expand(weight, op->kernel);
    const nenc_status st = nenc_onednn_conv_open(
        &s->onednn, &op->conv, r->src_shape[0].h, r->src_shape[0].w, weight,
        op->bias, r->act, r->act_slope, threads > 1 ? 2 * (size_t)threads : 1,
        threads, diag);
    nenc_mem_free(weight);
    return st;
}

static nenc_status prepare_step(nenc_plan *p, step *s, nenc_backend backend,
                                nenc_diag *diag)
{
    nenc_op_run *r = &s->run;
    const nenc_op *op = r->op;
    const int threads = nenc_pool_threads(p->pool);
    const size_t rows = r->dst_shape.n * r->dst_shape.h;
    uint64_t work = (uint64_t)rows * r->dst_shape.w * r->dst_shape.c;
    /* Four chunks a thread even out the load; under eight rows kernels slow
     * down, which is still better than a thread without work. */
    const size_t share = (rows + (size_t)threads - 1) / (size_t)threads;
    s->grain = NENC_MAX((share + 3) / 4, NENC_MIN(share, 8));
    if (op->conv.cin) {
        const nenc_conv_shape *c = &op->conv;
        const nenc_shape *at = c->transposed ? &r->src_shape[0]
                                             : &r->dst_shape;
        const uint64_t macs = (uint64_t)at->n * at->h * at->w * c->k * c->k
                              * c->cin / c->groups * c->cout;
        p->macs += macs;
        work += macs;
    }
    if (op->layer->macs) {
        const double macs = op->layer->macs(r);
        p->macs += (uint64_t)macs;
        work += (uint64_t)macs;
    }
    s->small = work < SMALL_WORK;
    if (s->before >= 0) {
        s->grain = s->strip;
        s->small = false;        /* others' work is in it */
    }
    if (!op->conv.cin)
        return NENC_OK;
    if (backend == NENC_ONEDNN && op->layer->is_conv && !s->small
        && r->src_shape[0].n == 1) {
        const nenc_status st = open_onednn(s, threads, diag);
        if (st != NENC_EUNSUPPORTED)
            return st;
    }
    return nenc_net_packed(&r->packed, p->net, (size_t)(op - p->net->ops),
                           r->kernels, diag);
}

nenc_status nenc_plan_open(nenc_plan **out, const nenc_net *net,
                           nenc_backend backend, const nenc_shape *inputs,
                           nenc_pool *pool, size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    nenc_plan *p = nenc_mem_zalloc(1, sizeof *p);
    if (!p)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&p->arena, max_memory);
    p->net = net;
    p->pool = pool;
    p->n_steps = net->n_ops;
    p->n_values = net->n_inputs + net->n_ops;
    p->steps = nenc_arena_zalloc(&p->arena, p->n_steps, sizeof *p->steps);
    p->values = nenc_arena_zalloc(&p->arena, p->n_values, sizeof *p->values);
    nenc_status st = NENC_OK;
    if (!p->steps || !p->values)
        st = nenc_arena_fail(&p->arena, diag, "network", net->name);
    if (st >= 0)
        st = find_shapes(p, inputs, diag);
    if (st >= 0) {
        find_lives(p);
        st = nenc_plan_fuse(p, backend);
        share_blocks(p);
        st = st < 0 ? nenc_arena_fail(&p->arena, diag, "network", net->name)
                    : plan_memory(p, diag);
    }
    for (size_t i = 0; st >= 0 && i < p->n_steps; i++)
        if (!p->steps[i].skip)
            st = prepare_step(p, &p->steps[i], backend, diag);
    if (st < 0) {
        nenc_plan_close(p);
        return st;
    }
    *out = p;
    return NENC_OK;
}

void nenc_plan_close(nenc_plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->steps && i < p->n_steps; i++)
        nenc_onednn_conv_close(p->steps[i].onednn);
    nenc_arena_free(&p->arena);
    nenc_mem_free(p);
}

/* --------------------------------------------------------------------- run */

typedef struct job {
    const nenc_plan *plan;
    const step *step;
    _Atomic int failed;
} job;

/* Rows of a step's result, and before that what other steps must give it of
 * theirs, in scratch memory from `scratch` on. */
static void run_strip(const nenc_plan *p, const step *s, float *scratch,
                      float *dst, size_t dst_first, size_t y0, size_t y1)
{
    nenc_op_run r = s->run;
    if (s->before >= 0) {
        const step *b = &p->steps[s->before];
        size_t s0, s1;
        nenc_rows_read(&r, s->before_src, y0, y1, &s0, &s1);
        float *made = scratch;
        scratch += nenc_strip_floats(&b->run.dst_shape, s1 - s0);
        run_strip(p, b, scratch, made, s0, s0, s1);
        r.src[s->before_src] = made;
        r.src_first[s->before_src] = s0;
    }
    r.dst = dst;
    r.dst_first = dst_first;
    r.scratch = scratch;
    r.op->layer->run(&r, y0, y1);
}

static void run_rows(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    const step *s = j->step;
    float *scratch = j->plan->scratch
                   + (size_t)worker * j->plan->scratch_floats;
    const size_t strip = s->before >= 0 ? s->strip : end - first;
    for (size_t y = first; y < end; y += strip)
        run_strip(j->plan, s, scratch, s->run.dst, 0, y,
                  NENC_MIN(y + strip, end));
}

static void run_prepare(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    nenc_op_run r = j->step->run;
    r.scratch = j->plan->scratch + (size_t)worker * j->plan->scratch_floats;
    for (size_t part = first; part < end; part++)
        r.op->layer->prepare(&r, part);
}

static void run_bands(void *user, int worker, size_t first, size_t end)
{
    job *j = user;
    const nenc_op_run *r = &j->step->run;
    for (size_t band = first; band < end; band++)
        if (nenc_onednn_conv_run(j->step->onednn, band, worker, r->src[0],
                                 r->dst) < 0)
            j->failed = 1;
}

nenc_status nenc_plan_run(nenc_plan *p, nenc_diag *diag)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        if (s->skip || s->inner)
            continue;
        job j = { p, s, 0 };
        nenc_pool *pool = s->small ? NULL : p->pool;
        if (s->run.op->layer->prepare)
            nenc_pool_run(pool, s->run.dst_shape.n * s->run.op->heads, 1,
                          run_prepare, &j);
        if (s->onednn)
            nenc_pool_run(pool, nenc_onednn_conv_bands(s->onednn), 1,
                          run_bands, &j);
        else
            nenc_pool_run(pool, s->run.dst_shape.n * s->run.dst_shape.h,
                          s->grain, run_rows, &j);
        if (j.failed)
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "oneDNN failed to run a convolution");
    }
    return NENC_OK;
}

float *nenc_plan_input(nenc_plan *p, size_t i)
{
    return value_data(p, (int)i);
}

const float *nenc_plan_output(const nenc_plan *p)
{
    return value_data(p, (int)p->n_values - 1);
}

nenc_shape nenc_plan_output_shape(const nenc_plan *p)
{
    return p->values[p->n_values - 1].shape;
}

size_t nenc_plan_memory(const nenc_plan *p)
{
    return p->arena.used;
}

uint64_t nenc_plan_macs(const nenc_plan *p)
{
    return p->macs;
}
