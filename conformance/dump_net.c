/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_net IN OUT: a network forward and backward, for comparison with PyTorch.
 * Both are safetensors.  IN has the text of network "g" as "networks" in its
 * metadata, weights "g.*", inputs "input.NAME" [n, h, w, c] and the loss's
 * gradient in the result, "seed"; OUT gets "out", the gradients "input.NAME" and
 * "g.*".  Not here: the comparison. */
#include <stdio.h>
#include <string.h>

#include "fpenv.h"
#include "grad.h"
#include "net_internal.h"
#include "tensor_file.h"

static const size_t max_memory = (size_t)1 << 30;

typedef struct dump {
    nenc_arena arena;
    nenc_safetensors in;
    const nenc_net *net;
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    float *input[NENC_NET_MAX_INPUTS];
    nenc_params *params;
    nenc_grad *grad;
    tensor_list out;
} dump;

static size_t count(const nenc_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

static void put(dump *d, const char *prefix, const char *name, const float *v,
                const nenc_shape *s)
{
    const size_t dims[4] = { s->n, s->h, s->w, s->c };
    tensor_list_put(&d->out, prefix, name, v, dims, 4);
}

static nenc_status read_input(dump *d, size_t i, nenc_diag *diag)
{
    char name[80];
    const size_t any[4] = { 0, 0, 0, nenc_net_input_channels(d->net, i) };
    snprintf(name, sizeof name, "input.%s", d->net->input_names[i]);
    NENC_TRY(nenc_safetensors_f32(&d->input[i], &d->in, &d->arena, name, any,
                                  4, diag));
    const size_t *s = nenc_safetensors_find(&d->in, name)->dims;
    d->dims[i] = (nenc_shape){ s[0], s[1], s[2], s[3] };
    return NENC_OK;
}

static nenc_status open_grad(dump *d, nenc_diag *diag)
{
    const char *text = nenc_safetensors_metadata(&d->in, "networks");
    NENC_TRY(nenc_net_open(&d->net, &d->arena, NULL, text ? text : "", "g",
                           &d->in, diag));
    for (size_t i = 0; i < nenc_net_inputs(d->net); i++)
        NENC_TRY(read_input(d, i, diag));
    NENC_TRY(nenc_params_open(&d->params, d->net, false, max_memory, diag));
    return nenc_grad_open(&d->grad, d->net, d->params, d->dims, ~0u, NULL,
                          max_memory, diag);
}

static nenc_status run(dump *d, nenc_diag *diag)
{
    const nenc_shape s = nenc_grad_output_shape(d->grad);
    const size_t dims[4] = { s.n, s.h, s.w, s.c };
    float *seed;
    NENC_TRY(nenc_safetensors_f32(&seed, &d->in, &d->arena, "seed", dims, 4,
                                  diag));
    for (size_t i = 0; i < nenc_net_inputs(d->net); i++)
        memcpy(nenc_grad_input(d->grad, i), d->input[i],
               count(&d->dims[i]) * sizeof(float));
    nenc_grad_forward(d->grad);
    put(d, "", "out", nenc_grad_output(d->grad), &s);
    memcpy(nenc_grad_seed(d->grad), seed, count(&s) * sizeof *seed);
    nenc_grad_backward(d->grad);
    for (size_t i = 0; i < nenc_net_inputs(d->net); i++)
        if (nenc_grad_of_input(d->grad, i))
            put(d, "input.", d->net->input_names[i],
                nenc_grad_of_input(d->grad, i), &d->dims[i]);
    for (size_t i = 0; i < nenc_params_count(d->params); i++) {
        const nenc_param *p = nenc_params_at(d->params, i);
        tensor_list_put(&d->out, "", p->name, p->grad, p->dims, p->n_dims);
    }
    return NENC_OK;
}

int main(int argc, char **argv)
{
    static dump d;               /* its list is long */
    nenc_diag diag = { NENC_OK, "" };
    nenc_fpenv env;
    if (argc != 3) {
        fprintf(stderr, "usage: dump_net IN OUT\n");
        return 2;
    }
    nenc_arena_init(&d.arena, max_memory);
    d.out.arena = &d.arena;
    nenc_fpenv_enter(&env);
    nenc_status st = tensor_file_read(&d.in, &d.arena, argv[1], &diag);
    if (st >= 0) st = open_grad(&d, &diag);
    if (st >= 0) st = run(&d, &diag);
    if (st >= 0) st = tensor_list_write(&d.out, argv[2], &diag);
    nenc_fpenv_leave(&env);
    if (st < 0)
        fprintf(stderr, "dump_net: %s\n", diag.text);
    nenc_grad_close(d.grad);
    nenc_params_close(d.params);
    nenc_arena_free(&d.arena);
    return st < 0;
}
