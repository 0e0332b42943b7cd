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

/* A scale's weights are a model's own in nenc_op. */
static void forward_scale(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    const grad_forward_step *f = j->step;
    const nenc_op_run *r = &f->run;
    const size_t at = (size_t)(r->op - j->g->net->ops);
    const float *w = j->g->params->ops[at].kernel->value;
    const size_t c = r->dst_shape.c, row = r->dst_shape.w * c;
    (void)worker;
    for (size_t i = first * row; i < end * row; i += c)
        for (size_t k = 0; k < c; k++)
            r->dst[i + k] = r->src[0][i + k] * w[k];
}

void nenc_grad_forward(nenc_grad *g)
{
    for (size_t i = 0; i < g->net->n_ops; i++) {
        const grad_forward_step *f = &g->forward[i];
        if (f->skip)
            continue;
        job j = { g, f };
        nenc_pool_run(g->pool, f->run.dst_shape.n * f->run.dst_shape.h,
                      f->grain, f->run.op->weight ? forward_scale
                                                  : forward_rows, &j);
    }
}

static void backward_rows(void *user, int worker, size_t first, size_t end)
{
    const job *j = user;
    grad_source_rows(j->g, j->step, worker, first, end);
}

void nenc_grad_backward(nenc_grad *g)
{
    for (size_t i = 0; i < g->n_steps; i++) {
        const grad_step *s = &g->steps[i];
        job j = { g, s };
        if (s->kind == GRAD_GDN)
            grad_gdn_prepare(g, s);
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
