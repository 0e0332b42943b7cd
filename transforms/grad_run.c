/* SPDX-License-Identifier: BSD-2-Clause */
/* Forward and backward passes, step by step, rows shared among threads.
 * Not here: planning (grad_plan.c). */
#include <string.h>

#include "grad_internal.h"

typedef struct job {
    const nenc_grad *g;
    const void *step;
} job;

static float *scratch_of(const nenc_grad *g, int worker)
{
    return g->scratch + (size_t)worker * g->scratch_floats;
}

static void forward_rows(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    const grad_forward_step *f = j->step;
    nenc_op_run r = f->run;
    r.scratch = scratch_of(j->g, worker);
    r.op->layer->run(&r, first, end);
}

static void forward_parts(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    const grad_forward_step *f = j->step;
    nenc_op_run r = f->run;
    r.scratch = scratch_of(j->g, worker);
    for (size_t part = first; part < end; part++)
        r.op->layer->prepare(&r, part);
}

void nenc_grad_forward(nenc_grad *g)
{
    for (size_t i = 0; i < g->net->n_ops; i++) {
        const grad_forward_step *f = &g->forward[i];
        if (f->skip)
            continue;
        job j = { g, f };
        if (f->run.op->layer->prepare)
            nenc_pool_run(g->pool, f->run.dst_shape.n * f->run.op->heads, 1,
                          forward_parts, &j);
        nenc_pool_run(g->pool, f->run.dst_shape.n * f->run.dst_shape.h,
                      f->grain, forward_rows, &j);
    }
}

static void backward_rows(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    grad_source_rows(j->g, j->step, worker, first, end);
}

static void prepare(const nenc_grad *g, const grad_step *s)
{
    if (grad_is_gdn(s->op))
        grad_gdn_prepare(g, s);
    else if (grad_is_norm(s->op))
        grad_norm_prepare(g, s);
    else
        grad_attend_prepare(g, s);
}

void nenc_grad_backward(nenc_grad *g)
{
    for (size_t i = 0; i < g->n_steps; i++) {
        const grad_step *s = &g->steps[i];
        job j = { g, s };
        if (s->kind == GRAD_PREPARE)
            prepare(g, s);
        else if (s->kind == GRAD_WEIGHTS)
            grad_weights(g, s);
        else
            nenc_pool_run(g->pool, s->shape.n * s->shape.h, s->grain,
                          backward_rows, &j);
    }
}

float *nenc_grad_input(nenc_grad *g, size_t i)
{
    return grad_value_data(g, (int)i);
}

const float *nenc_grad_output(const nenc_grad *g)
{
    return grad_value_data(g, (int)g->n_values - 1);
}

nenc_shape nenc_grad_output_shape(const nenc_grad *g)
{
    return g->values[g->n_values - 1].shape;
}

float *nenc_grad_seed(nenc_grad *g)
{
    return grad_data(g, g->seed);
}

const float *nenc_grad_of_input(const nenc_grad *g, size_t i)
{
    return g->grad_of[i] < 0 ? NULL : grad_data(g, g->grad_of[i]);
}
