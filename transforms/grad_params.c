/* SPDX-License-Identifier: BSD-2-Clause */
/* A network's weights as numbers that change: copied from the model, packed for
 * forward and backward again whenever they did.  Nothing else. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grad_internal.h"

/* As for nettext.py's Gdn. */
static const float GDN_LEAST_BETA = 1e-6f;

/* The convolution that takes an output's gradient to the input's, of the same
 * weights.  @return false: there is none */
static bool adjoint(const nenc_conv_shape *s, nenc_conv_shape *back)
{
    *back = *s;
    back->cin = s->cout;
    back->cout = s->cin;
    back->transposed = !s->transposed;
    return s->transposed
        || (2 * s->pad + 1 <= s->k && s->k <= s->stride + 2 * s->pad);
}

static nenc_status add_param(nenc_params *p, nenc_param **out,
                             const nenc_op *op, const char *what,
                             const size_t *dims, size_t n_dims, float least)
{
    char name[256];
    const int length = snprintf(name, sizeof name, "%s.%s.%s", p->net->name,
                                op->name, what);
    nenc_param *v = &p->list[p->n];
    v->n_dims = n_dims;
    v->n = 1;
    v->least = least;
    for (size_t i = 0; i < n_dims; i++) {
        v->dims[i] = dims[i];
        v->n *= dims[i];         /* a tensor of the model has as many */
    }
    v->name = nenc_arena_strdup(&p->arena, name, (size_t)length);
    v->value = nenc_arena_zalloc(&p->arena, v->n, sizeof *v->value);
    if (!p->frozen)
        v->grad = nenc_arena_zalloc(&p->arena, v->n, sizeof *v->grad);
    if (!v->name || !v->value || (!p->frozen && !v->grad))
        return NENC_ENOMEM;
    p->n++;
    *out = v;
    return NENC_OK;
}

static nenc_status add_op(nenc_params *p, size_t i, nenc_diag *diag)
{
    const nenc_op *op = &p->net->ops[i];
    op_params *o = &p->ops[i];
    const nenc_conv_shape *s = &op->conv;
    if (op->weight) {
        NENC_TRY(add_param(p, &o->kernel, op, "weight", &op->cin, 1,
                           -INFINITY));
        memcpy(o->kernel->value, op->weight, op->cin * sizeof(float));
    }
    if (grad_is_norm(op)) {
        NENC_TRY(add_param(p, &o->bias, op, "bias", &op->cin, 1, -INFINITY));
        memcpy(o->bias->value, op->bias, op->cin * sizeof(float));
    }
    if (!s->cin)
        return NENC_OK;
    const bool gdn = grad_is_gdn(op);
    const size_t dims[4] = { s->transposed ? s->cin : s->cout,
                             (s->transposed ? s->cout : s->cin) / s->groups,
                             s->k, s->k };
    NENC_TRY(add_param(p, &o->kernel, op, gdn ? "gamma" : "weight", dims,
                       gdn ? 2 : 4, gdn ? 0 : -INFINITY));
    NENC_TRY(add_param(p, &o->bias, op, gdn ? "beta" : "bias", &op->cout, 1,
                       gdn ? GDN_LEAST_BETA : -INFINITY));
    nenc_st_expand(o->kernel->value, op->kernel);
    memcpy(o->bias->value, op->bias, op->cout * sizeof(float));
    const nenc_kernels *kernels = nenc_kernels_best();
    NENC_TRY(nenc_conv_pack(&o->forward, s, o->kernel->value, o->bias->value,
                            kernels, &p->arena, diag));
    nenc_conv_shape back;
    o->has_back = adjoint(s, &back);
    if (!o->has_back)
        return NENC_OK;
    return nenc_conv_pack(&o->back, &back, o->kernel->value, NULL, kernels,
                          &p->arena, diag);
}

nenc_status nenc_params_open(nenc_params **out, const nenc_net *net,
                             bool frozen, size_t max_memory, nenc_diag *diag)
{
    nenc_params *p = nenc_mem_zalloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&p->arena, max_memory);
    p->net = net;
    p->frozen = frozen;
    p->ops = nenc_arena_zalloc(&p->arena, net->n_ops, sizeof *p->ops);
    p->list = nenc_arena_zalloc(&p->arena, 2 * net->n_ops, sizeof *p->list);
    nenc_status st = p->ops && p->list ? NENC_OK : NENC_ENOMEM;
    for (size_t i = 0; st >= 0 && i < net->n_ops; i++)
        st = add_op(p, i, diag);
    if (st < 0) {
        if (st == NENC_ENOMEM)
            st = nenc_arena_fail(&p->arena, diag, "weights of", net->name);
        nenc_params_close(p);
        return st;
    }
    *out = p;
    return NENC_OK;
}

void nenc_params_close(nenc_params *p)
{
    if (!p)
        return;
    nenc_arena_free(&p->arena);
    nenc_mem_free(p);
}

size_t nenc_params_count(const nenc_params *p)
{
    return p->n;
}

nenc_param *nenc_params_at(nenc_params *p, size_t i)
{
    return &p->list[i];
}

static void raise_to(const nenc_param *p)
{
    for (size_t i = 0; p->least > -INFINITY && i < p->n; i++)
        p->value[i] = p->value[i] > p->least ? p->value[i] : p->least;
}

static void update_ops(void *user, int worker, size_t first, size_t end)
{
    nenc_params *p = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        op_params *o = &p->ops[i];
        if (!p->net->ops[i].conv.cin)
            continue;            /* not packed, and without bounds */
        raise_to(o->kernel);
        raise_to(o->bias);
        nenc_conv_repack(&o->forward, o->kernel->value, o->bias->value);
        if (o->has_back)
            nenc_conv_repack(&o->back, o->kernel->value, NULL);
    }
}

void nenc_params_update(nenc_params *p, nenc_pool *pool)
{
    nenc_pool_run(pool, p->net->n_ops, 1, update_ops, p);
}
