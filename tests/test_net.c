/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks against a naive evaluation in double precision that never shares
 * memory; threads, limits, and texts that must be refused.
 * Not here: convolutions of every shape (test_exact_conv.c). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "naive_net.h"
#include "onednn.h"

static nenc_diag diag;

/* -------------------------------------------------------------- comparison */

typedef struct bench {
    naive_weights w;
    nenc_arena arena;
    const nenc_net *net;
    nenc_packs *packs;
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    float *input[NENC_NET_MAX_INPUTS];
} bench;

static size_t count(const nenc_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

/* Inputs after the first are 1x1 where they have two channels. */
static void open_bench(bench *b, const char *text, size_t n, size_t h,
                       size_t w)
{
    naive_weights_init(&b->w);
    nenc_arena_init(&b->arena, 1 << 24);
    const nenc_safetensors st = { b->w.n, 0, b->w.tensors, NULL };
    assert_int_equal(nenc_packs_open(&b->packs, &b->arena), NENC_OK);
    if (nenc_net_open(&b->net, &b->arena, b->packs, text, "g", &st, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    for (size_t i = 0; i < nenc_net_inputs(b->net); i++) {
        const size_t c = nenc_net_input_channels(b->net, i);
        b->dims[i] = (nenc_shape){ n, c == 2 ? 1 : h, c == 2 ? 1 : w, c };
        b->input[i] = malloc(count(&b->dims[i]) * sizeof(float));
        assert_non_null(b->input[i]);
        for (size_t k = 0; k < count(&b->dims[i]); k++)
            b->input[i][k] = 2 * naive_noise();
    }
}

static void close_bench(bench *b)
{
    for (size_t i = 0; i < nenc_net_inputs(b->net); i++)
        free(b->input[i]);
    nenc_packs_close(b->packs);
    nenc_arena_free(&b->arena);
    nenc_arena_free(&b->w.arena);
}

/* Run twice, so that a plan must not depend on what an earlier run left. */
static float *run_plan(bench *b, nenc_backend backend, int threads,
                       nenc_shape *shape)
{
    nenc_pool *pool = NULL;
    nenc_plan *plan;
    if (threads > 1)
        assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
    if (nenc_plan_open(&plan, b->net, backend, b->dims, pool, 1 << 26, &diag)
        < 0)
        fail_msg("%s", diag.text);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < nenc_net_inputs(b->net); i++)
            memcpy(nenc_plan_input(plan, i), b->input[i],
                   count(&b->dims[i]) * sizeof(float));
        assert_int_equal(nenc_plan_run(plan, &diag), NENC_OK);
    }
    *shape = nenc_plan_output_shape(plan);
    float *out = malloc(count(shape) * sizeof *out);
    assert_non_null(out);
    memcpy(out, nenc_plan_output(plan), count(shape) * sizeof *out);
    nenc_plan_close(plan);
    nenc_pool_close(pool);
    return out;
}

static naive_tensor run_naive(const bench *b)
{
    double *inputs[NENC_NET_MAX_INPUTS];
    for (size_t i = 0; i < b->net->n_inputs; i++) {
        inputs[i] = malloc(count(&b->dims[i]) * sizeof(double));
        assert_non_null(inputs[i]);
        for (size_t k = 0; k < count(&b->dims[i]); k++)
            inputs[i][k] = b->input[i][k];
    }
    naive_values *values = naive_values_of(b->net);
    const naive_tensor out = naive_run(b->net, values, b->dims, inputs);
    naive_values_free(values, b->net);
    for (size_t i = 0; i < b->net->n_inputs; i++)
        free(inputs[i]);
    return out;
}

static void check_error(const char *text, const naive_tensor *want,
                        const float *got, double limit)
{
    double error = 0, power = 0;
    for (size_t i = 0; i < count(&want->s); i++) {
        const double e = got[i] - want->v[i];
        error += e * e;
        power += want->v[i] * want->v[i];
        if (!(fabs(e) <= 100 * limit * (1 + fabs(want->v[i]))))
            fail_msg("%s: value %zu is %g, not %g", text, i, (double)got[i],
                     want->v[i]);
    }
    if (!(error <= limit * limit * power))
        fail_msg("%s: relative error %g", text, sqrt(error / power));
}

static void compare(const char *text, size_t n, size_t h, size_t w)
{
    bench b;
    nenc_shape shape, other;
    open_bench(&b, text, n, h, w);
    naive_tensor want = run_naive(&b);
    float *one = run_plan(&b, NENC_EXACT, 1, &shape);
    assert_memory_equal(&shape, &want.s, sizeof shape);
    assert_int_equal(shape.c, nenc_net_channels(b.net));
    check_error(text, &want, one, 1e-5);
    for (int threads = 2; threads <= 3; threads++) {
        float *many = run_plan(&b, NENC_EXACT, threads, &other);
        assert_memory_equal(one, many, count(&shape) * sizeof *one);
        free(many);
    }
    float *fast = run_plan(&b, NENC_ONEDNN, 2, &other);
    if (nenc_onednn_available())
        check_error(text, &want, fast, 1e-4);
    else
        assert_memory_equal(one, fast, count(&shape) * sizeof *one);
    free(fast);
    free(one);
    free(want.v);
    close_bench(&b);
}

/* ------------------------------------------------------------------- tests */

static void every_layer_is_right(void **state)
{
    static const char *const layers[] = {
        "conv c3 8", "conv c3 8 s=2", "conv c3 8 p=0", "conv c3 8 p=2 s=3",
        "conv c5 8 k=5", "conv c2 8 k=2 s=2 p=0", "conv c2 8 k=2",
        "deconv t5 8 k=5 s=2", "deconv t2 4 k=2 s=2 p=0",
        "conv c3 8\nconv grp 8 g=2", "conv c3 8\nconv dw 8 g=8",
        "conv c3 8\nlinear c1 8", "conv c3 8\ngdn n8", "conv c3 8\nigdn n8",
        "conv c3 8\nscale s8", "relu", "lrelu 0.2", "gelu", "silu", "sigmoid",
        "tanh", "softplus", "exp", "abs", "ssqrt", "add x", "mul x",
        "concat x", "concat x x x x", "slice 0 6", "slice 5 1", "slice 2 3",
        "concat x > xx\nslice 3 4\nshuffle 2", "unshuffle 1", "shuffle 1",
        "pad 3 zero", "pad 3 replicate", "pad 3 reflect", "pad 4 symmetric",
        "pad 9 zero", "pad 70 replicate", "crop 1",
        "concat x\nshuffle 2\npad 3 symmetric\ncrop 1\nunshuffle 2",
        "concat x\nshuffle 2\npad 1 zero\npad 2 replicate\nunshuffle 4",
        "concat x\nshuffle 2\ncrop 1\npad 2 reflect\ncrop 1",
        "pad 1 zero\npad 1 symmetric\ncrop 2\nunshuffle 1",
        "concat x\nshuffle 2 > y\npad 1 zero > z\ncrop 1\nadd y",
        "pad 3 zero\ncrop 1\ncrop 1\ncrop 1\npad 3 zero\ncrop 1\ncrop 1\ncrop 1\n"
            "pad 1 zero\ncrop 1",
        "conv c3 8 > a\nconv c5 8 k=5 < x\nadd a",
        "conv c3 8 > a\nconv c5 8 k=5 < x\nrelu\nadd a > b\nrelu\nadd b",
        "deconv t5 8 k=5 s=2 > a\ndeconv t5 8 k=5 s=2 < x\nadd a",
        "conv c3 8\nconv grp 8 g=2 > a\nconv c3b 8\nadd a",
        "conv q 8 k=1 < q > v\nconv c3 8 < x > a\nadd v\nadd a",
        "conv q 8 k=1 < q > v\nconv c3 8 < x\nmul v",
        "conv q 8 k=1 < q > v\nadd v",
        "lnorm l6", "conv c3 8\nlnorm l8 eps=1e-6", "linear v40 40\nlnorm l40",
        "conv c3 8\nlnorm l8\nrelu", "conv c3 8 > a\nlnorm l8 eps=1e-5\nadd a",
        "resize 1 nearest", "resize 2 nearest", "resize 3 nearest",
        "resize 1 bilinear", "resize 2 bilinear", "resize 3 bilinear",
        "resize 4 bilinear", "resize 5 bilinear", "mean 1",
        "resize 2 bilinear\nmean 2", "resize 3 nearest\nmean 3",
        "conv c3 8\nresize 2 bilinear\nconv c3b 8 s=2",
        "slice 0 2 < x > f\nwarp f < x", "conv flow 2 > f\nwarp f < x",
        "conv flow 2 > f\nconv c3 8 < x\nwarp f\nlnorm l8",
        "pad 1 replicate > p\nslice 3 2 < p > f\nwarp f < p\ncrop 1",
        "attend x x window=1", "attend x x heads=2 window=1",
        "lattend x x", "lattend x x heads=3",
        "conv c3 8 > u\nlinear k8 8 > k\nlinear v4 4 < u > v\n"
            "lattend k v heads=4 < u",
        "linear v40 40 > a\nlattend a a",
        "linear v40 40 > a\nlattend x a heads=2 < x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        for (size_t n = 1; n <= 2; n++) {
            char text[256];
            snprintf(text, sizeof text,
                     "net g\ninput x 6\ninput q 2\nrelu < x\n%s%s\n",
                     strncmp(layers[i], "conv q", 6) ? "slice 0 6 < x\n" : "",
                     layers[i]);
            compare(text, n, 5, 7);
            if (i < 15)
                compare(text, n, 12, 9);
        }
    for (size_t n = 1; n <= 2; n++) {
        compare("net g\ninput x 6\nunshuffle 2\n", n, 6, 4);
        compare("net g\ninput x 6\nunshuffle 3\n", n, 3, 9);
        compare("net g\ninput x 6\nmean 3\n", n, 3, 9);
        compare("net g\ninput x 6\nmean 2\nrelu\nresize 4 bilinear\n", n, 8, 6);
    }
    compare("net g\ninput x 6\nconv c3 8\n", 1, 1, 1);
}

/* In pictures of whole windows, some of several strips. */
static void attention_is_right(void **state)
{
    static const char *const texts[] = {
        "attend x x window=2", "attend x x window=4 heads=3",
        "conv c3 8 > q\nlinear k8 8 > k\nlinear v4 4 < q > v\n"
            "attend k v heads=4 window=4 < q",
        "conv c3 8\nlnorm l8 > q\nlinear k8 8 > k\nlinear v8 8 < q > v\n"
            "conv c3b 8 < q\nattend k v heads=2 window=8\nadd q > r\n"
            "lnorm l8b\nlinear c1 8\ngelu\nadd r",
        "linear v40 40 > a\nattend a a window=4",
        "linear v40 40 > a\nattend x a window=8 heads=2 < x",
        "conv c3 8 > k\nconv c5 8 k=5 < x\nattend k x window=2 heads=2",
        "conv c3 8 > v\nattend x v heads=2 window=8 < x\nconv c3b 8",
        "conv c3 8 > k\nconv c5 8 k=5 < x > q\nlinear v8 8 > v\n"
            "lattend k v heads=2 < q\nconv c3b 8",
        "resize 2 bilinear > r\nmean 2\nattend x x window=2\nresize 2 nearest\n"
            "add r\nlattend r r",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t n = 1; n <= 2; n++) {
            char text[512];
            snprintf(text, sizeof text, "net g\ninput x 6\nrelu\n%s\n",
                     texts[i]);
            compare(text, n, 8, 16);
            compare(text, n, 40, 8);
        }
}

/* Sharp and equal scores: no overflow, and shares that sum to one. */
static void attention_is_stable(void **state)
{
    static const char *const texts[] = {
        "net g\ninput x 6\nattend x x window=4\n",
        "net g\ninput x 6\nlattend x x heads=2\n"
    };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bench b;
        nenc_shape shape;
        open_bench(&b, texts[i % 2], 1, 8, 8);
        for (size_t k = 0; k < count(&b.dims[0]); k++)
            b.input[0][k] = i < 2 ? 7 : 1e4f * b.input[0][k];
        float *out = run_plan(&b, NENC_EXACT, 2, &shape);
        for (size_t k = 0; k < count(&shape); k++)
            assert_true(i < 2 ? fabsf(out[k] - 7) < 1e-5f
                              : fabsf(out[k]) <= 2.1e4f);
        free(out);
        close_bench(&b);
    }
}

/* The same bits on all kernels, NaN and infinities among the values. */
static void kernels_agree(void **state)
{
    static const char *const texts[] = {
        "net g\ninput x 6\nlnorm l6\n",
        "net g\ninput x 6\nresize 3 bilinear\n",
        "net g\ninput x 6\nmean 4\n",
        "net g\ninput x 6\nslice 1 2 > f\nwarp f < x\n",
        "net g\ninput x 6\nlinear v40 40 > a\nattend x a window=4 heads=2 < x\n",
        "net g\ninput x 6\nlinear v40 40 > a\nlattend x a heads=2 < x\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int odd = 0; odd < 4; odd++) {
            static const float values[] = { 0, NAN, INFINITY, -INFINITY };
            const nenc_kernels *const *list;
            const size_t n_lists = nenc_kernels_list(&list);
            bench b;
            nenc_shape shape;
            float *first = NULL;
            open_bench(&b, texts[i], 1, 8, 12);
            for (size_t k = 5; odd && k < count(&b.dims[0]); k += 131)
                b.input[0][k] = values[odd];
            for (size_t k = 0; k < n_lists; k++) {
                setenv("NENC_KERNELS", list[k]->name, 1);
                float *out = run_plan(&b, NENC_EXACT, 1, &shape);
                if (first && memcmp(first, out, count(&shape) * sizeof *out))
                    fail_msg("%s: %s differs, case %d", texts[i],
                             list[k]->name, odd);
                free(k ? out : NULL);
                first = k ? first : out;
            }
            unsetenv("NENC_KERNELS");
            free(first);
            close_bench(&b);
        }
}

/* What plans share and fuse must not show. */
static void memory_sharing_does_not_show(void **state)
{
    static const char *const texts[] = {
        /* the convolution is read again: no fusion */
        "conv c3 8 > a\nrelu > b\nlinear c1 8\nadd a\nadd b",
        "conv c3 8 > a\nlrelu 0.1\nadd a",
        "conv c3 8 > a\nrelu\nlinear c1 8 < a\nlrelu 0.3",
        /* the result of a fused activation is a tap */
        "conv c3 8\nrelu > a\nlinear c1 8 > b\nrelu\nadd a\nmul b",
        /* a result that nobody reads, then its source again */
        "conv c3 8 > a\nrelu\nrelu < a > c\nadd a",
        "conv c3 8 > a\nrelu < a\nslice 0 6 < x",
        /* the same value twice */
        "conv c3 8 > a\nadd a", "conv c3 8 > a\nmul a\nadd a",
        "relu < x > a\nconcat a a x",
        /* in place, in a chain, with the source alive or not */
        "relu > a\nabs\nexp\ntanh\nadd a",
        "add x > a\nadd a > b\nmul a > c\nadd b\nadd c\nadd x",
        "conv c3 8 > a\nconv c3b 8 > b\nconv c3b 8 > c\nadd b\nadd a < c\n"
        "add b\nmul c",
        /* broadcast operands that outlive or die */
        "conv q 8 k=1 < q > v\nconv c3 8 < x > a\nadd v\nmul v\nadd a",
        "conv q 8 k=1 < q > v\nrelu < v > r\nconv c3 8 < x\nadd r\nmul v",
        /* a block freed early must not come back too soon */
        "conv c3 8 > a\nlinear c1 8 > b\nlinear c1 8 > c\nlinear c1 8 > d\n"
        "concat a\nslice 3 8\nadd c\nadd b\ngdn n8\nigdn n8\nscale s8\nadd d",
        "relu < x > a\npad 2 reflect > p\nconv c3 8 p=0\nlrelu 0.5\n"
        "conv c3b 8 p=0\nrelu > z\nconcat a\nslice 0 8\nadd z",
        /* layers with a neighbourhood between strips */
        "conv c3 8\nlnorm l8\nlinear c1 8\nresize 2 bilinear\nconv c3b 8\n"
        "resize 2 nearest\nmean 4",
        "conv c3 8 > a\nresize 3 bilinear\nconv c3b 8\nmean 3\nadd a",
        "conv flow 2 < x > f\nconv c3 8 < x\nwarp f\nconv c3b 8\ntanh",
        "conv c3 8 > u\nlinear k8 8 > k\nlinear v8 8 < u\nrelu > v\n"
        "conv c3b 8 < u\nlattend k v heads=2\nlnorm l8",
        "lnorm l6 < x\nconv c3 8 > a\nlnorm l8\nlnorm l8b\nadd a",
        "conv big 32\nrelu\nconv bigger 32 > a\nrelu\nconv bigger 32\n"
        "add a > b\nconv bigger 32 s=2\nlrelu 0.1\nshuffle 2\nslice 0 8",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t n = 1; n <= 2; n++) {
            char text[512];
            snprintf(text, sizeof text,
                     "net g\ninput x 6\ninput q 2\n%s\n", texts[i]);
            compare(text, n, 13, 6);
            compare(text, n, 43, 20);
        }
}

/* Networks drawn at random from layers that keep 8 channels and the dims. */
static void random_networks_are_right(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        char text[1024];
        uint32_t random = 12345 + 7919 * i;
        size_t length = (size_t)snprintf(
            text, sizeof text,
            "net g\ninput x 6\ninput q 2\nconv q 8 k=1 < q > v\n"
            "conv flow 2 < x > f0\nconv c5 8 k=5 < x > v0\n"
            "conv c3 8 < x > t0\n");
        const uint32_t n_layers = 3 + random % 14;
        uint32_t taps = 1;
        for (uint32_t k = 0; k < n_layers; k++) {
            static const char *const forms[] = {
                "relu", "lrelu 0.25", "tanh", "ssqrt", "scale s8", "linear c1 8",
                "conv c3b 8", "conv dw 8 g=8", "gdn n8", "add v", "mul v",
                "lnorm l8", "resize 2 bilinear\nmean 2",
                "lattend t%u v0 heads=2", "warp f0",
                "add t%u", "add t%u", "mul t%u", "concat t%u\nslice 4 8",
                "pad 1 reflect\ncrop 1",
            };
            for (int r = 0; r < 3; r++) {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
            }
            const uint32_t kind = random >> 8;
            const char *form = forms[kind % (sizeof forms / sizeof forms[0])];
            const char *tap = strchr(form, '%');
            size_t head = tap ? (size_t)(tap - form) : strlen(form);
            length += (size_t)snprintf(text + length, sizeof text - length,
                                       "%.*s", (int)head, form);
            if (tap)
                length += (size_t)snprintf(text + length,
                                           sizeof text - length, "%u%s",
                                           (random >> 3) % taps, tap + 2);
            if (random % 5 == 0 && !strchr(form, '\n'))
                length += (size_t)snprintf(text + length,
                                           sizeof text - length, " < t%u",
                                           (random >> 5) % taps);
            if (random % 3 == 0)
                length += (size_t)snprintf(text + length,
                                           sizeof text - length, " > t%u",
                                           taps++);
            length += (size_t)snprintf(text + length, sizeof text - length,
                                       "\n");
        }
        snprintf(text + length, sizeof text - length, "tanh\n");
        compare(text, 1 + i % 2, i % 3 ? 4 + i % 5 : 30 + i, 3 + i % 7);
    }
}

/* Up to the first limit that is enough, all are NENC_ELIMIT. */
static void limits_are_kept(void **state)
{
    bench b;
    nenc_plan *plan = NULL;
    size_t limit = 0;
    (void)state;
    open_bench(&b, "net g\ninput x 6\nconv big 32\nrelu\nconv bigger 32\n",
               1, 16, 16);
    for (; !plan; limit += 1 << 10)
        if (nenc_plan_open(&plan, b.net, NENC_EXACT, b.dims, NULL, limit,
                           &diag) < 0) {
            assert_int_equal(diag.status, NENC_ELIMIT);
            assert_null(plan);
        }
    assert_true(nenc_plan_memory(plan) <= limit);
    assert_true(nenc_plan_memory(plan) > 2 * 16 * 16 * 32 * sizeof(float));
    assert_int_equal(nenc_plan_macs(plan), 16 * 16 * 32 * 9 * (6 + 32));
    nenc_plan_close(plan);
    close_bench(&b);
}

/* Dims that a network cannot take, or that nobody could hold. */
static void impossible_dims_are_refused(void **state)
{
    static const struct { const char *layer; size_t h, w; nenc_status want; }
    cases[] = {
        { "unshuffle 2", 3, 4, NENC_EMODEL },
        { "unshuffle 2", 4, 3, NENC_EMODEL },
        { "pad 3 reflect", 3, 9, NENC_EMODEL },
        { "pad 3 symmetric", 9, 2, NENC_EMODEL },
        { "crop 2", 4, 9, NENC_EMODEL },
        { "conv c3 8 p=0", 2, 9, NENC_EMODEL },
        { "conv c5 8 k=5 p=1", 9, 2, NENC_EMODEL },
        { "conv c3 8 s=2\nconcat x", 8, 8, NENC_EMODEL },
        { "conv c3 8 s=2 > a\nconv c3 8 < x\nadd a", 8, 8, NENC_EMODEL },
        { "mean 2", 4, 3, NENC_EMODEL },
        { "mean 2", 3, 4, NENC_EMODEL },
        { "resize 64 nearest", SIZE_MAX / 8, 1, NENC_ELIMIT },
        { "resize 64 bilinear", 1, SIZE_MAX / 8, NENC_ELIMIT },
        { "slice 0 2 > f\nmean 2 < x\nwarp f", 8, 8, NENC_EMODEL },
        { "slice 0 2 > f\nwarp f < x", (1 << 24) + 1, 1, NENC_ELIMIT },
        { "attend x x window=4", 8, 6, NENC_EMODEL },
        { "attend x x window=4", 6, 8, NENC_EMODEL },
        { "mean 2 > m\nattend x m window=4 < x", 8, 8, NENC_EMODEL },
        { "mean 2 > m\nlattend m x < x", 8, 8, NENC_EMODEL },
        { "lattend x x", SIZE_MAX / 24, 1, NENC_ELIMIT },
        { "relu", 0, 4, NENC_EMODEL },
        { "relu", 4, 0, NENC_EMODEL },
        { "relu", SIZE_MAX, 1, NENC_ELIMIT },
        { "relu", SIZE_MAX / 2, SIZE_MAX / 2, NENC_ELIMIT },
        { "relu", SIZE_MAX / 24, 1, NENC_ELIMIT },
        { "pad 1024 zero", SIZE_MAX - 5, 1, NENC_ELIMIT },
        { "conv c3 8", SIZE_MAX, 1, NENC_EMODEL },
        { "shuffle 1\npad 9 zero", SIZE_MAX / 64, 2, NENC_ELIMIT },
        { "relu > a\nrelu > b\nadd a\nrelu > c\nadd b\nadd c\nadd x",
          SIZE_MAX / 200, 1, NENC_ELIMIT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        bench b;
        nenc_plan *plan;
        snprintf(text, sizeof text, "net g\ninput x 6\n%s\n",
                 cases[i].layer);
        open_bench(&b, text, 1, 8, 8);
        b.dims[0].h = cases[i].h;
        b.dims[0].w = cases[i].w;
        const nenc_status st = nenc_plan_open(&plan, b.net, NENC_EXACT,
                                              b.dims, NULL, SIZE_MAX / 2,
                                              &diag);
        if (st != cases[i].want)
            fail_msg("%s for %zux%zu: status %d, %s", cases[i].layer,
                     cases[i].h, cases[i].w, (int)st, diag.text);
        assert_null(plan);
        close_bench(&b);
    }
}

/* Which rows count, and at which multiples parts may begin. */
static void reach_and_steps_are_right(void **state)
{
    const int64_t far = (int64_t)1 << 40;
    const struct { const char *layers; int64_t first, end; size_t step; }
    cases[] = {                         /* for rows 20 to 29 of the result */
        { "relu", 20, 30, 1 }, { "lnorm l6", 20, 30, 1 },
        { "conv c3 8 s=2", 39, 60, 2 }, { "mean 3", 60, 90, 3 },
        { "resize 2 nearest", 10, 15, 1 }, { "resize 4 nearest", 5, 8, 1 },
        { "resize 2 bilinear", 9, 16, 1 }, { "resize 4 bilinear", 4, 8, 1 },
        { "resize 3 bilinear", 6, 11, 1 },
        { "attend x x window=8", 16, 32, 8 },
        { "mean 2\nattend x x window=8 < x", 16, 32, 8 },
        { "mean 2 > a\nattend a a window=8", 32, 64, 16 },
        { "resize 4 nearest > a\nattend a a window=8", 4, 8, 2 },
        { "resize 4 nearest > a\nattend a a window=6", 4, 8, 3 },
        { "mean 5 > b\nattend x x window=6 < x", 18, 30, 30 },
        { "slice 0 2 > f\nwarp f < x", -far, far, 1 },
        { "slice 0 2 > f\nmean 2 < f\nwarp f < x", -far, far, 2 },
        { "lattend x x", -far, far, 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        int64_t first = 20, end = 30;
        size_t step;
        bench b;
        snprintf(text, sizeof text, "net g\ninput x 6\n%s\n",
                 cases[i].layers);
        open_bench(&b, text, 1, 8, 8);
        assert_int_equal(nenc_net_reach(b.net, 0, &first, &end, &diag),
                         NENC_OK);
        assert_int_equal(nenc_net_step(b.net, 0, &step, &diag), NENC_OK);
        if (first != cases[i].first || end != cases[i].end
            || step != cases[i].step)
            fail_msg("%s: %lld to %lld, step %zu", cases[i].layers,
                     (long long)first, (long long)end, step);
        close_bench(&b);
    }
}

/* A part with all that the rows wanted depend on gives the very same rows. */
static void parts_are_the_same(void **state)
{
    static const char *const texts[] = {
        "conv c3 8 > u\nlinear k8 8 > k\nattend k u window=4 heads=2 < u\n"
            "conv c3b 8",
        "resize 3 bilinear > r\nattend r r window=4\nconv c3 8\nmean 3",
        "mean 2\nlnorm l6\nresize 2 bilinear\nconv c3 8",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        bench b;
        nenc_shape shape, part;
        int64_t first = 32, end = 41;
        size_t step;
        snprintf(text, sizeof text, "net g\ninput x 6\n%s\n", texts[i]);
        open_bench(&b, text, 1, 80, 8);
        float *all = run_plan(&b, NENC_EXACT, 1, &shape);
        assert_int_equal(shape.h, 80);
        assert_int_equal(nenc_net_reach(b.net, 0, &first, &end, &diag),
                         NENC_OK);
        assert_int_equal(nenc_net_step(b.net, 0, &step, &diag), NENC_OK);
        assert_true(first > 0 && end <= 80);
        const size_t from = (size_t)first / step * step;
        const size_t to = ((size_t)end + step - 1) / step * step;
        memmove(b.input[0], b.input[0] + from * 8 * 6,
                (to - from) * 8 * 6 * sizeof(float));
        b.dims[0].h = to - from;
        float *some = run_plan(&b, NENC_EXACT, 1, &part);
        const size_t row = shape.w * shape.c;
        if (memcmp(all + 32 * row, some + (32 - from) * row,
                   9 * row * sizeof *all))
            fail_msg("%s: rows of a part differ", texts[i]);
        free(all);
        free(some);
        close_bench(&b);
    }
}

static void bad_texts_name_their_line(void **state)
{
    static const struct { int line; const char *text, *word; } cases[] = {
        { 2, "conv c3 8", "input" },
        { 2, "input x", "input" },
        { 2, "input x 0", "number" },
        { 2, "input x 65537", "number" },
        { 2, "input 3x 4", "name" },
        { 2, "input x -1", "number" },
        { 3, "input x 6\nblur 3", "blur" },
        { 4, "input x 6\n# comment\nconv c3", "words" },
        { 3, "input x 6\nconv c3 8 9", "words" },
        { 3, "input x 6\nconv c3 8 9 9 9 9", "words" },
        { 3, "input x 6\nconv c3 0", "number" },
        { 3, "input x 6\nconv c3 eight", "eight" },
        { 3, "input x 6\nconv c3 8 k=0", "number" },
        { 3, "input x 6\nconv c3 8 k=64", "number" },
        { 3, "input x 6\nconv c3 8 k=", "number" },
        { 3, "input x 6\nconv c3 8 k=3 k=3", "option" },
        { 3, "input x 6\nconv c3 8 s=0", "number" },
        { 3, "input x 6\nconv c3 8 s=33", "number" },
        { 3, "input x 6\nconv c3 8 p=3", "number" },
        { 3, "input x 6\nconv c3 8 g=4", "groups" },
        { 3, "input x 6\nconv c3 8 dilation=2", "dilation" },
        { 3, "input x 6\nconv a=1 8", "words" },
        { 3, "input x 6\nconv c.3 8", "name" },
        { 3, "input x 6\ndeconv t5 8 k=4 s=2 p=0", "stride" },
        { 3, "input x 6\nrelu 1", "words" },
        { 3, "input x 6\nrelu k=3", "option" },
        { 3, "input x 6\nlrelu", "words" },
        { 3, "input x 6\nlrelu .", "decimal" },
        { 3, "input x 6\nlrelu 1e3", "decimal" },
        { 3, "input x 6\nlrelu -1", "decimal" },
        { 3, "input x 6\nlrelu 1.2.3", "decimal" },
        { 3, "input x 6\nlrelu 0.0000000001", "decimal" },
        { 3, "input x 6\nrelu < y", "\"y\"" },
        { 3, "input x 6\nrelu <", "name" },
        { 3, "input x 6\nrelu < x < x", "name" },
        { 3, "input x 6\nrelu > x", "taken" },
        { 4, "input x 6\nrelu > a\nrelu > a", "taken" },
        { 3, "input x 6\nrelu > 7", "name" },
        { 3, "input x 6\nadd y", "\"y\"" },
        { 3, "input x 6\nadd", "words" },
        { 4, "input x 6\ninput y 4\nadd y", "channels" },
        { 3, "input x 6\ninput x 4", "taken" },
        { 4, "input x 6\nrelu\ninput y 4", "inputs" },
        { 3, "input x 6\nslice 6 1", "number" },
        { 3, "input x 6\nslice 2 5", "number" },
        { 3, "input x 6\nslice 0 0", "number" },
        { 3, "input x 6\nshuffle 2", "shuffle" },
        { 3, "input x 6\nshuffle 0", "number" },
        { 3, "input x 65536\nunshuffle 2", "channels" },
        { 3, "input x 65536\nconcat x", "channels" },
        { 3, "input x 6\npad 1 mirror", "mirror" },
        { 3, "input x 6\npad 0 zero", "number" },
        { 3, "input x 6\ncrop 1025", "number" },
        { 3, "input x 6\nconcat x x x x x", "words" },
        { 3, "input x 6\nlnorm", "words" },
        { 3, "input x 6\nlnorm l6 eps=1e-4", "1e-4" },
        { 3, "input x 6\nlnorm l6 1e-5", "words" },
        { 3, "input x 6\nlnorm l6 eps=", "eps" },
        { 3, "input x 6\nresize 2", "words" },
        { 3, "input x 6\nresize 0 nearest", "number" },
        { 3, "input x 6\nresize 65 nearest", "number" },
        { 3, "input x 6\nresize 2 bicubic", "bicubic" },
        { 3, "input x 6\nmean 0", "number" },
        { 3, "input x 6\nmean 2 2", "words" },
        { 3, "input x 6\nwarp", "words" },
        { 3, "input x 6\nwarp x", "flow" },
        { 4, "input x 6\nrelu\nwarp f", "\"f\"" },
        { 3, "input x 6\nattend x", "words" },
        { 3, "input x 6\nattend x y", "\"y\"" },
        { 3, "input x 6\nattend x x heads=4", "heads" },
        { 3, "input x 6\nattend x x heads=0", "number" },
        { 3, "input x 6\nattend x x window=33", "number" },
        { 3, "input x 6\nattend x x size=3", "size" },
        { 4, "input x 6\nslice 0 3 > k\nattend k x < x", "keys" },
        { 4, "input x 6\nslice 0 3 > v\nattend x v heads=2 < x", "heads" },
        { 3, "input x 6\nlattend x x window=4", "window" },
        { 3, "input x 6\nlattend x x x", "words" },
        { 4, "input x 6\nslice 0 3 > k\nlattend k x < x", "keys" },
        { 3, "input x 6\n1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
          "words" },
        { 2, "input x 6", "layer" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256], line[32];
        const nenc_net *net;
        naive_weights w;
        nenc_arena arena;
        naive_weights_init(&w);
        nenc_arena_init(&arena, 1 << 22);
        const nenc_safetensors st = { w.n, 0, w.tensors, NULL };
        snprintf(text, sizeof text, "net g\n%s\n", cases[i].text);
        snprintf(line, sizeof line, "line %d:", cases[i].line);
        const nenc_status status = nenc_net_open(&net, &arena, NULL, text, "g", &st,
                                                 &diag);
        if (status != NENC_EMODEL || net)
            fail_msg("%s: status %d", cases[i].text, (int)status);
        if (!strstr(diag.text, cases[i].word)
            || (strcmp(cases[i].word, "layer") && !strstr(diag.text, line)))
            fail_msg("%s: \"%s\"", cases[i].text, diag.text);
        nenc_arena_free(&arena);
        nenc_arena_free(&w.arena);
    }
}

static void long_texts_are_refused(void **state)
{
    const size_t size = 100000;
    char *text = malloc(size);
    const nenc_net *net;
    nenc_arena arena;
    const nenc_safetensors st = { 0, 0, NULL, NULL };
    (void)state;
    assert_non_null(text);
    nenc_arena_init(&arena, 1 << 26);
    size_t n = (size_t)snprintf(text, size, "net g\ninput x 6\nrelu ");
    memset(text + n, 'a', 300);
    memcpy(text + n + 300, "\n", 2);
    assert_int_equal(nenc_net_open(&net, &arena, NULL, text, "g", &st, &diag),
                     NENC_EMODEL);
    assert_non_null(strstr(diag.text, "line 3: longer"));
    for (int i = 0; i < NENC_NET_MAX_OPS + 1; i++)
        n += (size_t)snprintf(text + n, size - n, "\nrelu");
    memmove(text + 16, text + 21, strlen(text + 21) + 1);
    assert_int_equal(nenc_net_open(&net, &arena, NULL, text, "g", &st, &diag),
                     NENC_EMODEL);
    assert_non_null(strstr(diag.text, "4096 layers"));
    free(text);
    nenc_arena_free(&arena);
}

/* Blanks, comments, CR LF, other networks around. */
static void texts_are_read(void **state)
{
    static const char text[] =
        "# two\r\n\tnet  a # first\r\n input x 4\r\n relu\r\n\r\n"
        "net b\ninput y 8\ninput q 2\nslice 0 3 < y#tail\n"
        "net ab\ninput z 5\nabs";
    static const char *const names[] = { "a", "b", "ab" };
    static const size_t channels[] = { 4, 3, 5 };
    const nenc_safetensors st = { 0, 0, NULL, NULL };
    const nenc_net *net;
    nenc_arena arena;
    (void)state;
    nenc_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 3; i++) {
        assert_true(nenc_net_exists(text, names[i]));
        assert_int_equal(nenc_net_open(&net, &arena, NULL, text, names[i], &st,
                                       &diag), NENC_OK);
        assert_int_equal(nenc_net_channels(net), channels[i]);
    }
    assert_false(nenc_net_exists(text, "c"));
    assert_false(nenc_net_exists(text, "abs"));
    assert_int_equal(nenc_net_open(&net, &arena, NULL, text, "c", &st, &diag),
                     NENC_EMODEL);
    assert_int_equal(nenc_net_open(&net, &arena, NULL, text, "b", &st, &diag),
                     NENC_OK);
    assert_int_equal(nenc_net_inputs(net), 2);
    assert_int_equal(nenc_net_input(net, "q"), 1);
    assert_int_equal(nenc_net_input(net, "z"), -1);
    nenc_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_right),
        cmocka_unit_test(attention_is_right),
        cmocka_unit_test(attention_is_stable),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(memory_sharing_does_not_show),
        cmocka_unit_test(random_networks_are_right),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(impossible_dims_are_refused),
        cmocka_unit_test(reach_and_steps_are_right),
        cmocka_unit_test(parts_are_the_same),
        cmocka_unit_test(bad_texts_name_their_line),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(texts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
