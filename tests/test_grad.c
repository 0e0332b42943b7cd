/* SPDX-License-Identifier: BSD-2-Clause */
/* Gradients of networks against finite differences of a naive evaluation in
 * double precision; the same bits with any threads and kernels; limits.
 * Not here: losses (test_loss.c), PyTorch (compare_torch.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grad.h"
#include "naive_net.h"

static nenc_diag diag;

enum { PARAMS = 64, SAMPLES = 24 };

/* A network, and the gradients that were found for it. */
typedef struct bench {
    naive_weights w;
    nenc_arena arena;
    const nenc_net *net;
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    double *input[NENC_NET_MAX_INPUTS];
    double *seed;                /* the loss is the sum of seed times result */
    float *d_input[NENC_NET_MAX_INPUTS];
    float *d_param[PARAMS];
    size_t n_params, param_n[PARAMS];
    float *out;
    size_t out_n;
} bench;

static size_t count(const nenc_shape *s)
{
    return s->n * s->h * s->w * s->c;
}

static void *copy_of(const void *from, size_t size)
{
    void *to = malloc(size);
    assert_non_null(to);
    memcpy(to, from, size);
    return to;
}

/* Inputs after the first are 1x1 where they have two channels. */
static void open_bench(bench *b, const char *text, size_t n, size_t h,
                       size_t w)
{
    memset(b, 0, sizeof *b);
    naive_weights_init(&b->w);
    nenc_arena_init(&b->arena, 1 << 24);
    const nenc_safetensors st = { b->w.n, 0, b->w.tensors, NULL };
    if (nenc_net_open(&b->net, &b->arena, NULL, text, "g", &st, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    for (size_t i = 0; i < b->net->n_inputs; i++) {
        const size_t c = nenc_net_input_channels(b->net, i);
        b->dims[i] = (nenc_shape){ n, c == 2 ? 1 : h, c == 2 ? 1 : w, c };
        b->input[i] = malloc(count(&b->dims[i]) * sizeof(double));
        assert_non_null(b->input[i]);
        for (size_t k = 0; k < count(&b->dims[i]); k++)
            b->input[i][k] = 2 * naive_noise();
    }
}

static void forget(bench *b)
{
    for (size_t i = 0; i < b->net->n_inputs; i++)
        free(b->d_input[i]);
    for (size_t i = 0; i < b->n_params; i++)
        free(b->d_param[i]);
    free(b->out);
    memset(b->d_input, 0, sizeof b->d_input);
    b->n_params = 0;
    b->out = NULL;
}

static void close_bench(bench *b)
{
    forget(b);
    for (size_t i = 0; i < b->net->n_inputs; i++)
        free(b->input[i]);
    free(b->seed);
    nenc_arena_free(&b->arena);
    nenc_arena_free(&b->w.arena);
}

static void make_seed(bench *b, const nenc_grad *g)
{
    const nenc_shape s = nenc_grad_output_shape(g);
    b->out_n = count(&s);
    if (b->seed)
        return;
    b->seed = malloc(b->out_n * sizeof *b->seed);
    assert_non_null(b->seed);
    for (size_t i = 0; i < b->out_n; i++)
        b->seed[i] = naive_noise();
}

static void run_once(bench *b, nenc_grad *g)
{
    for (size_t i = 0; i < b->net->n_inputs; i++)
        for (size_t k = 0; k < count(&b->dims[i]); k++)
            nenc_grad_input(g, i)[k] = (float)b->input[i][k];
    nenc_grad_forward(g);
    free(b->out);
    b->out = copy_of(nenc_grad_output(g), b->out_n * sizeof *b->out);
    for (size_t i = 0; i < b->out_n; i++)
        nenc_grad_seed(g)[i] = (float)b->seed[i];
    nenc_grad_backward(g);
}

/* Twice, so that nothing must depend on what an earlier run left. */
static void find_gradients(bench *b, int threads)
{
    nenc_pool *pool = NULL;
    nenc_params *params;
    nenc_grad *g;
    forget(b);
    if (threads > 1)
        assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
    assert_int_equal(nenc_params_open(&params, b->net, false, 1 << 24, &diag),
                     NENC_OK);
    if (nenc_grad_open(&g, b->net, params, b->dims, ~0u, pool, 1 << 26, &diag)
        < 0)
        fail_msg("%s", diag.text);
    make_seed(b, g);
    run_once(b, g);
    b->n_params = nenc_params_count(params);
    assert_true(b->n_params <= PARAMS);
    for (size_t i = 0; i < b->n_params; i++) {
        nenc_param *p = nenc_params_at(params, i);
        memset(p->grad, 0, p->n * sizeof *p->grad);
    }
    nenc_params_update(params, pool);
    run_once(b, g);
    for (size_t i = 0; i < b->n_params; i++) {
        const nenc_param *p = nenc_params_at(params, i);
        b->d_param[i] = copy_of(p->grad, p->n * sizeof *p->grad);
        b->param_n[i] = p->n;
    }
    for (size_t i = 0; i < b->net->n_inputs; i++)
        if (nenc_grad_of_input(g, i))
            b->d_input[i] = copy_of(nenc_grad_of_input(g, i),
                                    count(&b->dims[i]) * sizeof(float));
    nenc_grad_close(g);
    nenc_params_close(params);
    nenc_pool_close(pool);
}

static double loss_of(const bench *b, const naive_values *values)
{
    naive_tensor out = naive_run(b->net, values, b->dims, b->input);
    double sum = 0;
    assert_int_equal(count(&out.s), b->out_n);
    for (size_t i = 0; i < b->out_n; i++)
        sum += out.v[i] * b->seed[i];
    free(out.v);
    return sum;
}

/* Some of the n numbers `at` points to, against their differences. */
static void check_numbers(const char *text, const char *what, const bench *b,
                          const naive_values *values, double *at,
                          const float *got, size_t n)
{
    const double step = 1e-5;
    double error = 0, power = 0;
    for (size_t k = 0; k < SAMPLES && k < n; k++) {
        const size_t i = n <= SAMPLES ? k : (k * 2654435761u + 7) % n;
        const double before = at[i];
        at[i] = before + step;
        const double up = loss_of(b, values);
        at[i] = before - step;
        const double down = loss_of(b, values);
        at[i] = before;
        const double want = (up - down) / (2 * step), e = got[i] - want;
        error += e * e;
        power += want * want;
    }
    if (!(error <= 1e-4 * 1e-4 * power + 1e-16))
        fail_msg("%s: gradient of %s: relative error %g", text, what,
                 sqrt(error / power));
}

static void check_all(const char *text, bench *b)
{
    naive_values *values = naive_values_of(b->net);
    size_t param = 0;
    for (size_t i = 0; i < b->net->n_inputs; i++)
        if (b->d_input[i])
            check_numbers(text, b->net->input_names[i], b, values,
                          b->input[i], b->d_input[i], count(&b->dims[i]));
    for (size_t i = 0; i < b->net->n_ops; i++) {
        if (values[i].kernel) {
            check_numbers(text, b->net->ops[i].name, b, values,
                          values[i].kernel, b->d_param[param],
                          b->param_n[param]);
            param++;
        }
        if (values[i].bias) {
            check_numbers(text, "a bias", b, values, values[i].bias,
                          b->d_param[param], b->param_n[param]);
            param++;
        }
    }
    assert_int_equal(param, b->n_params);
    naive_values_free(values, b->net);
}

/* The gradients of b, found again, are these very bits. */
static void check_same(const char *text, bench *b, int threads)
{
    bench old = *b;
    memset(b->d_input, 0, sizeof b->d_input);
    b->out = NULL;
    b->n_params = 0;
    find_gradients(b, threads);
    for (size_t i = 0; i < b->net->n_inputs; i++)
        if (b->d_input[i] && memcmp(b->d_input[i], old.d_input[i],
                                    count(&b->dims[i]) * sizeof(float)))
            fail_msg("%s: input %zu differs", text, i);
    for (size_t i = 0; i < b->n_params; i++)
        if (memcmp(b->d_param[i], old.d_param[i],
                   b->param_n[i] * sizeof(float)))
            fail_msg("%s: weights %zu differ", text, i);
    forget(&old);
}

static void compare(const char *text, size_t n, size_t h, size_t w)
{
    bench b;
    open_bench(&b, text, n, h, w);
    find_gradients(&b, 1);
    check_all(text, &b);
    check_same(text, &b, 2);
    check_same(text, &b, 3);
    setenv("NENC_KERNELS", "portable", 1);
    check_same(text, &b, 1);
    unsetenv("NENC_KERNELS");
    close_bench(&b);
}

/* ------------------------------------------------------------------- tests */

#define X "net g\ninput x 6\n"

static void test_convolutions(void **state)
{
    (void)state;
    compare(X "conv c3 8\n", 2, 9, 7);
    compare(X "conv c3 8 p=0\n", 2, 9, 7);
    compare(X "conv c3 8 s=2\n", 1, 8, 12);
    compare(X "conv c3 8 s=2\n", 2, 9, 7);
    compare(X "conv c3 8 s=3 p=2\n", 1, 9, 8);
    compare(X "conv c5 8 s=2 k=5\n", 1, 8, 10);
    compare(X "conv c2 8 k=2 s=2 p=0\n", 2, 6, 8);
    compare(X "conv c2 8 k=2 s=2 p=0\n", 1, 7, 5);
    compare(X "conv c2 8 k=2 s=1 p=1\n", 1, 5, 6);
    compare(X "conv c3 8\nconv grp 8 g=2\n", 2, 6, 5);
    compare(X "conv c3 8\nconv dw 8 g=8\n", 2, 6, 5);
    compare(X "conv c3 8\nconv dw 8 g=8 s=2\n", 1, 6, 8);
    compare(X "deconv t5 8 k=5 s=2\n", 2, 4, 3);
    compare(X "deconv t2 4 k=2 s=2 p=0\n", 1, 4, 3);
    compare(X "conv c3 8\nlinear c1 8\n", 2, 5, 4);
    compare(X "conv big 32\nrelu\nconv bigger 32\n", 3, 17, 21);
}

static void test_functions(void **state)
{
    static const char *const names[] = {
        "relu", "lrelu 0.1", "gelu", "silu", "sigmoid", "tanh", "softplus",
        "exp", "abs", "ssqrt", "gdn n8", "igdn n8", "scale s8",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, X "%s < x\nconv c3 8\n%s\nconv c3b 8\n",
                 i < 10 ? names[i] : "relu", names[i]);
        compare(text, 2, 5, 4);
        snprintf(text, sizeof text, X "conv c3 8 > a\n%s\nadd a > b\ntanh\n%s\n",
                 names[i], names[i]);
        if (i < 10)              /* weights of a name can be used once */
            compare(text, 1, 4, 5);
    }
}

static void test_moves(void **state)
{
    static const char *const texts[] = {
        "conv c3 8\nshuffle 2\nconv q 8 k=1\n",
        "unshuffle 2\nslice 3 8\nconv c3b 8\n",
        "pad 2 zero\nconv c3 8 p=0\n", "pad 2 replicate\nconv c3 8 p=0\n",
        "pad 2 reflect\nconv c3 8 p=0\n", "pad 3 symmetric\nconv c3 8 p=0\n",
        "conv c3 8\ncrop 1\n", "conv c3 8 > a\nslice 2 3 > b\nconcat a b\n",
        "conv c3 8 > a\nconv c3b 8\nconcat a\nslice 4 8\nconv c1 8 k=1\n",
        "conv c3 8\nshuffle 2\npad 2 symmetric\nunshuffle 2\n",
        "conv c3 8\nshuffle 2\npad 2 reflect\ncrop 1\nunshuffle 2 > a\n"
        "conv c3b 8\nadd a\n",
        "conv c3 8\nshuffle 2\npad 1 zero > a\ncrop 1 > b\nconcat b\n"
        "crop 1 < a\nadd b\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, X "%s", texts[i]);
        compare(text, 2, 6, 4);
    }
}

/* Layers that mix positions, or channels, without a convolution. */
/* (A bias that only shifts keys would have no gradient: ssqrt.) */
static void test_mixing(void **state)
{
    static const char *const texts[] = {
        "conv c3 8\nlnorm l8\nconv c3b 8\n", "lnorm l6 eps=1e-6\ntanh\n",
        "linear v40 40\nlnorm l40\n",
        "conv c3 8 > a\nlnorm l8\nlinear c1 8\nadd a > b\nlnorm l8b\nmul b\n",
        "conv c3 8\nrelu\nlnorm l8\nrelu\n",
        "conv c3 8\nresize 1 bilinear\ntanh\n",
        "conv c3 8\nresize 2 nearest\nconv c3b 8\n",
        "conv c3 8\nresize 2 bilinear\nconv c3b 8\n",
        "conv c3 8\nrelu > a\nresize 3 bilinear\ntanh\nmean 3\nadd a\n",
        "conv c3 8 > a\nresize 4 nearest\nmean 2\nsilu\n",
        "conv c3 8\nmean 2\nconv c3b 8\n",
        "conv flow 2 > f\nwarp f < x\n",
        "conv flow 2 > f\nconv c3 8 < x > a\nwarp f\nadd a\nconv c3b 8\n",
        "conv c3 8\nlrelu 0.1 > a\nslice 2 2 > f\nwarp f < a\nadd a\n",
        "conv c3 8 > q\nlinear k8 8\nssqrt > k\nlinear v4 4 < q > v\n"
            "attend k v heads=4 window=4 < q\n",
        "conv c3 8\nrelu > q\nlinear k8 8\nssqrt > k\nattend k q heads=2 window=2 < q\n"
            "conv c3b 8\n",
        "conv c3 8 > a\nattend a a heads=1 window=4\nadd a\n",
        "linear v40 40 > v\nattend x v heads=2 window=4 < x\ntanh\n",
        "conv c3 8 > q\nlinear k8 8\nssqrt > k\nlinear v4 4 < q > v\n"
            "lattend k v heads=4 < q\n",
        "conv c3 8\nrelu > q\nlinear k8 8\nssqrt > k\nlattend k q heads=2 < q\n"
            "conv c3b 8\n",
        "conv c3 8 > a\nlattend a a heads=1\nadd a\n",
        "linear v40 40 > v\nlattend x v heads=2 < x\ntanh\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, X "%s", texts[i]);
        compare(text, 2, 8, 4);
        compare(text, 1, 12, 8);
    }
}

/* Values with several readers; gradients that are joined, or passed on. */
static void test_branches(void **state)
{
    static const char *const texts[] = {
        "conv c3 8 > a\nrelu\nconv c3b 8\nadd a\n",
        "conv c3 8 > a\nlrelu 0.2 > r\nconv c3b 8\nadd r\nmul a\n",
        "conv c3 8 > a\nadd a > b\nmul a\nadd b\n",
        "conv c3 8 > a\nmul a\n",
        "conv c3 8\nrelu > a\nconv c3b 8 > b\nconv c1 8 k=1 < a\nadd b\nadd a\n",
        "conv c3 8\nrelu > a\nconv c3b 8\nrelu\nadd a > c\nadd a\nadd c\n",
        "conv c3 8 > a\nabs > b\ntanh < a\nmul b\nadd a\n",
        "conv c3 8 > a\nsigmoid\nrelu\nadd a\nrelu\nadd a\n",
        "conv c3 8\nrelu > a\nsilu < a > unused\nconv c3b 8 < a\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, X "%s", texts[i]);
        compare(text, 2, 5, 6);
    }
    compare(X "input q 2\nconv c3 8 < x\nconv q 8 k=1 < q > b\n"
            "conv c3b 8 < b > c\nconv c1 8 k=1 < c\nadd b\n", 2, 4, 4);
    compare("net g\ninput x 6\ninput q 2\nconv q 8 k=1 < q > b\n"
            "conv c3 8 < x > a\nadd b\nlrelu 0.05 > d\nmul b\nadd d\n",
            3, 5, 4);
}

/* Without the weights' gradients the others are the same, in less memory. */
static void test_frozen(void **state)
{
    bench b;
    nenc_params *params;
    nenc_grad *g, *trained;
    (void)state;
    open_bench(&b, X "conv c3 8\nrelu\nconv c3b 8\ngelu\n", 1, 8, 8);
    find_gradients(&b, 1);
    assert_int_equal(nenc_params_open(&params, b.net, false, 1 << 24, &diag),
                     NENC_OK);
    assert_int_equal(nenc_grad_open(&trained, b.net, params, b.dims, 1, NULL,
                                    1 << 26, &diag), NENC_OK);
    const size_t whole = nenc_grad_memory(trained);
    nenc_grad_close(trained);
    nenc_params_close(params);
    assert_int_equal(nenc_params_open(&params, b.net, true, 1 << 24, &diag),
                     NENC_OK);
    assert_int_equal(nenc_grad_open(&g, b.net, params, b.dims, 1, NULL,
                                    1 << 26, &diag), NENC_OK);
    assert_true(nenc_grad_memory(g) < whole);
    run_once(&b, g);
    assert_memory_equal(nenc_grad_of_input(g, 0), b.d_input[0],
                        count(&b.dims[0]) * sizeof(float));
    nenc_grad_close(g);
    assert_int_equal(nenc_grad_open(&g, b.net, params, b.dims, 0, NULL,
                                    1 << 26, &diag), NENC_OK);
    assert_null(nenc_grad_of_input(g, 0));
    nenc_grad_close(g);
    nenc_params_close(params);
    close_bench(&b);
}

static void test_limits(void **state)
{
    bench b;
    nenc_params *params;
    nenc_grad *g;
    (void)state;
    open_bench(&b, X "conv c3 8\n", 1, 64, 64);
    assert_int_equal(nenc_params_open(&params, b.net, false, 64, &diag),
                     NENC_ELIMIT);
    assert_int_equal(nenc_params_open(&params, b.net, false, 1 << 20, &diag),
                     NENC_OK);
    assert_int_equal(nenc_grad_open(&g, b.net, params, b.dims, 1, NULL,
                                    100000, &diag), NENC_ELIMIT);
    nenc_shape odd = b.dims[0];
    odd.h = SIZE_MAX / 4;
    assert_int_equal(nenc_grad_open(&g, b.net, params, &odd, 1, NULL,
                                    1 << 20, &diag), NENC_ELIMIT);
    odd.h = 0;
    assert_int_equal(nenc_grad_open(&g, b.net, params, &odd, 1, NULL,
                                    1 << 20, &diag), NENC_EMODEL);
    nenc_params_close(params);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_mixing),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
