/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: two bytes for the dims, then a network's text, planned under a
 * small limit, run, and run back.  Names of layers say which weights they find:
 * c<cout>_<cin>_<k>, d<cin>_<cout>_<k> (transposed), n<c> (GDN), s<c>,
 * l<c> (layer norm). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "grad.h"

enum { MAX_TENSORS = 24, MAX_ITEMS = 1 << 12, MEMORY = 1 << 18,
       MAX_MACS = 1 << 22, MAX_TEXT = 2000 };

typedef struct weights {
    nenc_st_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][64];
    size_t n;
} weights;

static uint8_t values[4 * MAX_ITEMS];

static void add(weights *w, const char *layer, const char *part,
                const size_t *dims, size_t n_dims)
{
    size_t items = 1;
    for (size_t i = 0; i < n_dims; i++)
        if (!dims[i] || !nenc_size_mul(&items, items, dims[i])
            || items > MAX_ITEMS)
            return;
    if (w->n == MAX_TENSORS)
        return;
    snprintf(w->names[w->n], sizeof w->names[0], "g.%.32s.%s", layer, part);
    nenc_st_tensor *t = &w->tensors[w->n];
    *t = (nenc_st_tensor){ .name = w->names[w->n], .dtype = NENC_F32,
                           .n_dims = n_dims, .n_items = items,
                           .size = 4 * items, .data = values };
    memcpy(t->dims, dims, n_dims * sizeof *dims);
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->names[i], t->name))
            return;
    w->n++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nenc_st_tensor *)a)->name,
                  ((const nenc_st_tensor *)b)->name);
}

static void make_weights(weights *w, const char *text)
{
    w->n = 0;
    for (const char *p = text; *p; p++) {
        size_t a = 0, b = 0, k = 0;
        int length = 0;
        if (sscanf(p, "c%2zu_%2zu_%1zu%n", &a, &b, &k, &length) == 3
            && length) {
            char name[16];
            const size_t dims[4] = { a, b, k, k };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", dims, 4);
            add(w, name, "bias", dims, 1);
        } else if (sscanf(p, "d%2zu_%2zu_%1zu%n", &a, &b, &k, &length) == 3
                   && length) {
            char name[16];
            const size_t dims[4] = { a, b, k, k };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", dims, 4);
            add(w, name, "bias", dims + 1, 1);
        } else if (sscanf(p, "n%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            const size_t dims[2] = { a, a };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "gamma", dims, 2);
            add(w, name, "beta", dims, 1);
        } else if (sscanf(p, "l%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", &a, 1);
            add(w, name, "bias", &a, 1);
        } else if (sscanf(p, "s%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", &a, 1);
        }
    }
    qsort(w->tensors, w->n, sizeof *w->tensors, by_name);
}

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

static void run(const nenc_net *net, size_t h, size_t w)
{
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    nenc_plan *plan;
    nenc_diag diag;
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        dims[i] = (nenc_shape){ 1, i ? 1 : h, i ? 1 : w,
                                nenc_net_input_channels(net, i) };
        if (dims[i].c > 64)
            return;
    }
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

static void gradients(const nenc_net *net, size_t h, size_t w)
{
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    nenc_params *params;
    nenc_diag diag;
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        dims[i] = (nenc_shape){ 1, i ? 1 : h, i ? 1 : w,
                                nenc_net_input_channels(net, i) };
        if (dims[i].c > 64)
            return;
    }
    if (nenc_params_open(&params, net, h % 2, MEMORY, &diag) < 0)
        return;
    run_back(net, dims, params);
    nenc_params_update(params, NULL);
    nenc_params_close(params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weights w;
    char text[MAX_TEXT + 16] = "net g\n";
    const nenc_net *net;
    nenc_arena arena;
    nenc_diag diag = { .status = NENC_OK };
    if (size < 2 || size > MAX_TEXT)
        return 0;
    for (size_t i = 0; i < MAX_ITEMS; i++) {
        const float v = (float)(i % 7) * 0.25f - 0.5f;
        memcpy(values + 4 * i, &v, 4);
    }
    memcpy(text + 6, data + 2, size - 2);
    text[6 + size - 2] = 0;
    make_weights(&w, text);
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
        run(net, 1 + data[0] % 20, 1 + data[1] % 20);
        gradients(net, 1 + data[0] % 20, 1 + data[1] % 20);
    } else if (net || !diag.text[0] || diag.status != opened)
        abort();
    nenc_packs_close(packs);
    nenc_arena_free(&arena);
    return 0;
}
