/* SPDX-License-Identifier: BSD-2-Clause */
/* Backward pass of lnorm.  Not here: gdn (grad_conv.c).
 *
 * With u = (x - mean) f, f = 1 / sqrt(variance + eps) and y = u w + b, and g =
 * dy w: dx = f (g - mean(g) - u mean(g u)); dw is the sum of dy u, db of dy. */
#include "exact_sum.h"
#include "grad_internal.h"

size_t grad_norm_scratch(const grad_step *s)
{
    return 2 * s->shape.c;
}

void grad_norm_rows(const nenc_grad *g, const grad_step *s, int worker,
                    size_t row0, size_t row1)
{
    const size_t c = s->shape.c, end = row1 * s->shape.w * c;
    const float *weight = s->params->kernel->value;
    float *u = g->scratch + (size_t)worker * g->scratch_floats, *gain = u + c;
    for (size_t i = row0 * s->shape.w * c; i < end; i += c) {
        const float *x = grad_value_data(g, s->x) + i;
        const float *dy = grad_data(g, s->dy) + i;
        float *to = grad_data(g, s->to) + i;
        const nenc_norm n = nenc_norm_of(x, c, s->op->slope);
        for (size_t k = 0; k < c; k++) {
            u[k] = (x[k] - n.mean) * n.factor;
            gain[k] = dy[k] * weight[k];
        }
        const float mean = nenc_row_sum(gain, c) / (float)c;
        const float slope = nenc_row_product_sum(gain, u, c) / (float)c;
        for (size_t k = 0; k < c; k++)
            to[k] = n.factor * (gain[k] - mean - u[k] * slope);
    }
}

/* u, which the weights' gradient needs. */
static void prepare_rows(void *user, int worker, size_t row0, size_t row1)
{
    const grad_job *j = user;
    const grad_step *s = j->s;
    const size_t c = s->shape.c, end = row1 * s->shape.w * c;
    (void)worker;
    for (size_t i = row0 * s->shape.w * c; i < end; i += c) {
        const float *x = grad_value_data(j->g, s->x) + i;
        float *u = grad_data(j->g, s->to) + i;
        const nenc_norm n = nenc_norm_of(x, c, s->op->slope);
        for (size_t k = 0; k < c; k++)
            u[k] = (x[k] - n.mean) * n.factor;
    }
}

void grad_norm_prepare(const nenc_grad *g, const grad_step *s)
{
    grad_job j = { .g = g, .s = s };
    nenc_pool_run(g->pool, s->shape.n * s->shape.h, s->grain, prepare_rows,
                  &j);
}
