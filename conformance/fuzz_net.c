/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: two bytes for the dims, then a network's text, planned under a
 * small limit, run, and run back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "grad.h"
#include "made_net.h"

enum { MEMORY = 1 << 18, MAX_MACS = 1 << 22, MAX_TEXT = 2000 };

/* No network is too strange to say what it depends on. */
static void reach(const nenc_net *net)
{
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        int64_t first = 1 << 20, end = (1 << 20) + 16;
        size_t step;
        if (nenc_net_reach(net, i, &first, &end, NULL) < 0 || first > end)
            abort();
        if (nenc_net_step(net, i, &step, NULL) < 0 || !step)
            abort();
    }
}

static void run(const nenc_net *net, const nenc_shape *dims)
{
    nenc_plan *plan;
    nenc_diag diag;
    if (nenc_plan_open(&plan, net, NENC_EXACT, dims, NULL, MEMORY, &diag) < 0)
        return;
    if (nenc_plan_memory(plan) > MEMORY)
        abort();
    for (size_t i = 0; i < nenc_net_inputs(net); i++)
        for (size_t k = 0; k < dims[i].h * dims[i].w * dims[i].c; k++)
            nenc_plan_input(plan, i)[k] = (float)(k % 17) - 8;
    if (nenc_plan_macs(plan) < MAX_MACS
        && nenc_plan_run(plan, &diag) < 0)
        abort();
    const nenc_shape s = nenc_plan_output_shape(plan);
    float last = nenc_plan_output(plan)[s.n * s.h * s.w * s.c - 1];
    (void)last;
    nenc_plan_close(plan);
}

/* Forward and back once, weights' gradients too; all that is read is added up,
 * so that a sanitizer sees it. */
static void run_back(const nenc_net *net, const nenc_shape *dims,
                     nenc_params *params)
{
    nenc_grad *g;
    nenc_diag diag;
    if (nenc_grad_open(&g, net, params, dims, ~0u, NULL, MEMORY, &diag) < 0)
        return;
    if (nenc_grad_memory(g) > MEMORY)
        abort();
    for (size_t i = 0; i < nenc_net_inputs(net); i++)
        for (size_t k = 0; k < dims[i].h * dims[i].w * dims[i].c; k++)
            nenc_grad_input(g, i)[k] = (float)(k % 17) - 8;
    if (nenc_grad_macs(g) < 3 * MAX_MACS) {
        const nenc_shape s = nenc_grad_output_shape(g);
        nenc_grad_forward(g);
        for (size_t k = 0; k < s.n * s.h * s.w * s.c; k++)
            nenc_grad_seed(g)[k] = (float)(k % 5) - 2;
        nenc_grad_backward(g);
        float sum = 0;
        for (size_t i = 0; i < nenc_net_inputs(net); i++)
            for (size_t k = 0; nenc_grad_of_input(g, i)
                               && k < dims[i].h * dims[i].w * dims[i].c; k++)
                sum += nenc_grad_of_input(g, i)[k];
        volatile float kept = sum;
        (void)kept;
    }
    nenc_grad_close(g);
}

static void gradients(const nenc_net *net, const nenc_shape *dims)
{
    nenc_params *params;
    nenc_diag diag;
    if (nenc_params_open(&params, net, dims[0].h % 2, MEMORY, &diag) < 0)
        return;
    run_back(net, dims, params);
    nenc_params_update(params, NULL);
    nenc_params_close(params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static made_weights w;
    char text[MAX_TEXT + 16] = "net g\n";
    const nenc_net *net;
    nenc_arena arena;
    nenc_diag diag = { .status = NENC_OK };
    if (size < 2 || size > MAX_TEXT)
        return 0;
    float values[MADE_ITEMS];
    for (size_t i = 0; i < MADE_ITEMS; i++)
        values[i] = (float)(i % 7) * 0.25f - 0.5f;
    memcpy(text + 6, data + 2, size - 2);
    text[6 + size - 2] = 0;
    made_weights_for(&w, text, values);
    const nenc_safetensors st = { w.n, 0, w.tensors, NULL };
    nenc_arena_init(&arena, 1 << 22);
    nenc_packs *packs;
    if (nenc_packs_open(&packs, &arena) < 0)
        return 0;
    const nenc_status opened = nenc_net_open(&net, &arena, packs, text, "g",
                                             &st, &diag);
    if (opened >= 0)
        reach(net);
    if (opened >= 0) {
        nenc_shape dims[NENC_NET_MAX_INPUTS];
        if (made_dims(net, dims, 1 + data[0] % 20, 1 + data[1] % 20)) {
            run(net, dims);
            gradients(net, dims);
        }
    } else if (net || !diag.text[0] || diag.status != opened)
        abort();
    nenc_packs_close(packs);
    nenc_arena_free(&arena);
    return 0;
}
