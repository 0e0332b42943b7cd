/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_nets FILE...: of each network, in a file as fuzz_net takes them, the
 * SHA-256 of what it computes and of its gradients, with made weights and
 * inputs. */
#include <stdio.h>
#include <string.h>

#include "fpenv.h"
#include "grad.h"
#include "hash.h"
#include "made_net.h"
#include "random.h"

enum { MAX_TEXT = 2000 };
static const size_t max_memory = 1 << 26;

static void fill(float *v, const nenc_shape *s, uint64_t seed)
{
    for (size_t i = 0; i < s->n * s->h * s->w * s->c; i++)
        v[i] = (float)(nenc_random_next(&seed) * 2 - 1);
}

static void hash_floats(nenc_sha256 *hash, const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        uint8_t bytes[4];
        memcpy(&word, &v[i], 4);
        nenc_bytes_put_u32(bytes, word);
        nenc_sha256_update(hash, bytes, 4);
    }
}

static void hash_shape(nenc_sha256 *hash, const float *v, const nenc_shape *s)
{
    hash_floats(hash, v, s->n * s->h * s->w * s->c);
}

static void print(nenc_sha256 *hash)
{
    uint8_t digest[32];
    nenc_sha256_final(hash, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        printf("%02x", digest[i]);
}

static nenc_status forward(const nenc_net *net, const nenc_shape *dims,
                           nenc_diag *diag)
{
    nenc_plan *plan;
    nenc_sha256 hash;
    NENC_TRY(nenc_plan_open(&plan, net, NENC_EXACT, dims, NULL, max_memory,
                            diag));
    for (size_t i = 0; i < nenc_net_inputs(net); i++)
        fill(nenc_plan_input(plan, i), &dims[i], 11 + i);
    const nenc_status st = nenc_plan_run(plan, diag);
    if (st >= 0) {
        const nenc_shape s = nenc_plan_output_shape(plan);
        nenc_sha256_init(&hash);
        hash_shape(&hash, nenc_plan_output(plan), &s);
        print(&hash);
    }
    nenc_plan_close(plan);
    return st;
}

static nenc_status backward(const nenc_net *net, const nenc_shape *dims,
                            nenc_params *params, nenc_diag *diag)
{
    nenc_grad *g;
    nenc_sha256 hash;
    NENC_TRY(nenc_grad_open(&g, net, params, dims, ~0u, NULL, max_memory,
                            diag));
    for (size_t i = 0; i < nenc_net_inputs(net); i++)
        fill(nenc_grad_input(g, i), &dims[i], 11 + i);
    const nenc_shape s = nenc_grad_output_shape(g);
    nenc_grad_forward(g);
    fill(nenc_grad_seed(g), &s, 7);
    nenc_grad_backward(g);
    nenc_sha256_init(&hash);
    for (size_t i = 0; i < nenc_net_inputs(net); i++)
        if (nenc_grad_of_input(g, i))
            hash_shape(&hash, nenc_grad_of_input(g, i), &dims[i]);
    for (size_t i = 0; i < nenc_params_count(params); i++) {
        const nenc_param *p = nenc_params_at(params, i);
        size_t n = 1;
        for (size_t k = 0; k < p->n_dims; k++)
            n *= p->dims[k];
        hash_floats(&hash, p->grad, n);
    }
    printf(" ");
    print(&hash);
    nenc_grad_close(g);
    return NENC_OK;
}

static nenc_status hash_net(const nenc_safetensors *st, const char *text,
                            const uint8_t size[2], nenc_arena *arena,
                            nenc_packs *packs, nenc_diag *diag)
{
    const nenc_net *net;
    nenc_params *params;
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    NENC_TRY(nenc_net_open(&net, arena, packs, text, "g", st, diag));
    if (!made_dims(net, dims, 1 + size[0] % 20, 1 + size[1] % 20))
        return nenc_fail(diag, NENC_EINVAL, "too many channels");
    NENC_TRY(forward(net, dims, diag));
    NENC_TRY(nenc_params_open(&params, net, false, max_memory, diag));
    const nenc_status s = backward(net, dims, params, diag);
    nenc_params_close(params);
    return s;
}

/* Weights as training has them: GDN divides by a root of these. */
static void make_weights(made_weights *w, const char *text)
{
    static made_weights positive;
    float values[MADE_ITEMS];
    uint64_t seed = 5;
    for (size_t i = 0; i < MADE_ITEMS; i++)
        values[i] = (float)nenc_random_next(&seed) * 0.3f + 0.01f;
    made_weights_for(&positive, text, values);
    for (size_t i = 0; i < MADE_ITEMS; i++)
        values[i] = (float)(nenc_random_next(&seed) - 0.5) * 0.6f;
    made_weights_for(w, text, values);
    for (size_t i = 0; i < w->n; i++)
        if (strstr(w->tensors[i].name, ".gamma")
            || strstr(w->tensors[i].name, ".beta"))
            w->tensors[i].data = positive.values;
}

static bool hash_file(const char *path)
{
    static made_weights w;
    char text[MAX_TEXT + 8] = "net g\n";
    uint8_t size[2] = { 0, 0 };
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n = fread(size, 1, 2, f);
    n = fread(text + 6, 1, MAX_TEXT, f);
    fclose(f);
    text[6 + n] = 0;
    make_weights(&w, text);
    const nenc_safetensors st = { w.n, 0, w.tensors, NULL };
    nenc_arena arena;
    nenc_diag diag = { NENC_OK, "" };
    nenc_arena_init(&arena, max_memory);
    nenc_packs *packs;
    nenc_status status = nenc_packs_open(&packs, &arena);
    if (status >= 0) {
        status = hash_net(&st, text, size, &arena, packs, &diag);
        nenc_packs_close(packs);
    }
    nenc_arena_free(&arena);
    const char *name = strrchr(path, '/');
    printf(" %s\n", status < 0 ? diag.text : name ? name + 1 : path);
    return status >= 0;
}

int main(int argc, char **argv)
{
    nenc_fpenv env;
    int failed = 0;
    nenc_fpenv_enter(&env);
    for (int i = 1; i < argc; i++)
        failed |= !hash_file(argv[i]);
    nenc_fpenv_leave(&env);
    return failed;
}
