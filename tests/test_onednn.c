/* SPDX-License-Identifier: BSD-2-Clause */
/* oneDNN's convolutions against the exact ones, within a stated error, in any
 * number of bands and on several workers.  Not here: speed (make bench). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "fpenv.h"
#include "onednn.h"
#include "pool.h"

static uint32_t prng = 1;

static float *random_floats(size_t n)
{
    float *x = malloc((n + !n) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        prng = prng * 1664525 + 1013904223;
        x[i] = (float)((int)(prng >> 8) - (1 << 23)) / (1 << 23);
    }
    return x;
}

typedef struct problem {
    nenc_conv_shape shape;
    size_t h, w, dst_n;
    float *src, *weight, *bias, *expected, *dst;
    nenc_act act;
    float slope;
} problem;

static void run_exact(problem *p)
{
    nenc_arena arena;
    nenc_fpenv env;
    nenc_conv conv;
    const nenc_conv_io io = { .src = p->src, .dst = p->expected, .h = p->h,
                              .w = p->w, .src_step = p->shape.cin,
                              .dst_step = p->shape.cout };
    nenc_arena_init(&arena, SIZE_MAX);
    assert_int_equal(nenc_conv_pack(&conv, &p->shape, p->weight, p->bias,
                                    nenc_kernels_best(), &arena, NULL),
                     NENC_OK);
    nenc_fpenv_enter(&env);
    nenc_conv_rows(&conv, &io, 0, nenc_conv_extent(&p->shape, p->h), p->act,
                   p->slope);
    nenc_fpenv_leave(&env);
    nenc_arena_free(&arena);
}

static problem make_problem(const nenc_conv_shape *s, size_t h, size_t w,
                            nenc_act act)
{
    problem p = { .shape = *s, .h = h, .w = w, .act = act, .slope = 0.125f };
    p.dst_n = nenc_conv_extent(s, h) * nenc_conv_extent(s, w) * s->cout;
    p.src = random_floats(h * w * s->cin);
    p.weight = random_floats(s->cin * s->cout / s->groups * s->k * s->k);
    p.bias = random_floats(s->cout);
    p.expected = random_floats(p.dst_n);
    p.dst = random_floats(p.dst_n);
    run_exact(&p);
    return p;
}

static void free_problem(problem *p)
{
    free(p->src);
    free(p->weight);
    free(p->bias);
    free(p->expected);
    free(p->dst);
}

typedef struct job {
    const nenc_onednn_conv *conv;
    const problem *p;
    nenc_status status[16];
} job;

static void run_bands(void *user, int worker, size_t first, size_t end)
{
    job *j = user;
    for (size_t i = first; i < end; i++)
        j->status[i] = nenc_onednn_conv_run(j->conv, i, worker, j->p->src,
                                            j->p->dst);
}

/* The largest difference, over the root of the mean square. */
static double error_of(const problem *p)
{
    double most = 0, power = 0;
    for (size_t i = 0; i < p->dst_n; i++) {
        const double d = fabs((double)p->dst[i] - p->expected[i]);
        most = d <= most ? most : d;               /* a NaN stays */
        power += (double)p->expected[i] * p->expected[i];
    }
    return most / sqrt(power / (double)p->dst_n + 1e-30);
}

static void check_bands(const problem *p, size_t n_bands, nenc_pool *pool)
{
    const nenc_conv_shape *s = &p->shape;
    nenc_diag diag = { .text = "" };
    job j = { .p = p };
    nenc_onednn_conv *conv;
    const nenc_status st = nenc_onednn_conv_open(
        &conv, s, p->h, p->w, p->weight, p->bias, p->act, p->slope, n_bands,
        nenc_pool_threads(pool), &diag);
    if (st < 0)
        fail_msg("%s", diag.text);
    j.conv = conv;
    const size_t n = nenc_onednn_conv_bands(conv);
    assert_in_range(n, 1, n_bands);
    memset(p->dst, 0xff, p->dst_n * sizeof(float));        /* NaNs */
    nenc_pool_run(pool, n, 1, run_bands, &j);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(j.status[i], NENC_OK);
    const double error = error_of(p);
    if (!(error < 1e-5))
        fail_msg("%s k=%zu stride=%zu pad=%zu groups=%zu %zu to %zu channels, "
                 "%zu x %zu, act %d, %zu bands: error %g",
                 s->transposed ? "transposed" : "plain", s->k, s->stride,
                 s->pad, s->groups, s->cin, s->cout, p->w, p->h, (int)p->act,
                 n, error);
    nenc_onednn_conv_close(conv);
}

static const nenc_conv_shape shapes[] = {
    /* cin cout k stride pad groups */
    { 16, 24, 3, 1, 1, 1, false }, { 3, 17, 5, 2, 2, 1, false },
    { 12, 12, 1, 1, 0, 1, false }, { 33, 8, 1, 2, 0, 1, false },
    { 8, 16, 2, 2, 0, 1, false }, { 5, 7, 4, 4, 0, 1, false },
    { 8, 8, 3, 2, 0, 1, false }, { 6, 10, 5, 1, 4, 1, false },
    { 1, 1, 7, 1, 3, 1, false }, { 16, 32, 3, 1, 1, 4, false },
    { 12, 6, 5, 2, 2, 3, false }, { 24, 24, 3, 1, 1, 24, false },
    { 19, 19, 7, 1, 3, 19, false }, { 8, 8, 3, 2, 1, 8, false },
    { 16, 8, 5, 2, 2, 1, true }, { 24, 3, 5, 2, 2, 1, true },
    { 8, 16, 3, 2, 1, 1, true }, { 8, 12, 2, 2, 0, 1, true },
    { 7, 5, 4, 4, 0, 1, true }, { 8, 8, 3, 1, 1, 1, true },
    { 6, 4, 1, 2, 0, 1, true }, { 9, 5, 4, 2, 1, 1, true },
    { 5, 6, 7, 3, 2, 1, true },
    { 8, 12, 5, 2, 2, 4, true }, { 10, 10, 5, 2, 2, 10, true },
};

static const struct { size_t h, w; } sizes[] = {
    { 11, 13 }, { 16, 8 }, { 5, 21 }, { 1, 1 }, { 2, 3 }, { 7, 1 },
};

static void agrees_with_exact(void **state)
{
    nenc_pool *pool;
    (void)state;
    if (!nenc_onednn_available()) {
        print_message("%s in this build\n", nenc_onednn_version());
        skip();
    }
    assert_int_equal(nenc_pool_open(&pool, 3), NENC_OK);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            const nenc_act act = (nenc_act)((i + k) % 3);
            if (!nenc_conv_extent(&shapes[i], sizes[k].h)
                || !nenc_conv_extent(&shapes[i], sizes[k].w))
                continue;
            problem p = make_problem(&shapes[i], sizes[k].h, sizes[k].w, act);
            for (size_t n = 1; n <= 5; n++)
                check_bands(&p, n, pool);
            free_problem(&p);
        }
    nenc_pool_close(pool);
}

/* Every activation on a convolution and on a transposed one. */
static void activates(void **state)
{
    (void)state;
    if (!nenc_onednn_available()) {
        print_message("%s in this build\n", nenc_onednn_version());
        skip();
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int act = 0; act < 3; act++) {
            problem p = make_problem(&shapes[i], 9, 10, (nenc_act)act);
            check_bands(&p, 3, NULL);
            free_problem(&p);
        }
}

/* Workers do not disturb each other, however often they run. */
static void workers_run_at_once(void **state)
{
    const nenc_conv_shape s = { 16, 16, 3, 1, 1, 1, false };
    nenc_pool *pool;
    nenc_onednn_conv *conv;
    (void)state;
    if (!nenc_onednn_available()) {
        print_message("%s in this build\n", nenc_onednn_version());
        skip();
    }
    problem p = make_problem(&s, 40, 30, NENC_ACT_RELU);
    job j = { .p = &p };
    assert_int_equal(nenc_pool_open(&pool, 4), NENC_OK);
    assert_int_equal(nenc_onednn_conv_open(&conv, &s, p.h, p.w, p.weight,
                                           p.bias, p.act, p.slope, 16, 4,
                                           NULL), NENC_OK);
    j.conv = conv;
    for (int i = 0; i < 50; i++) {
        memset(p.dst, 0xff, p.dst_n * sizeof(float));
        nenc_pool_run(pool, nenc_onednn_conv_bands(conv), 1, run_bands, &j);
        assert_true(error_of(&p) < 1e-5);
    }
    nenc_onednn_conv_close(conv);
    nenc_pool_close(pool);
    free_problem(&p);
}

static void refuses_what_it_cannot_do(void **state)
{
    static const struct { nenc_conv_shape s; size_t h, w; } cases[] = {
        { { 0, 1, 3, 1, 1, 1, false }, 4, 4 },
        { { 4, 4, 3, 1, 1, 3, false }, 4, 4 },
        { { 4, 4, 3, 0, 1, 1, false }, 4, 4 },
        { { 4, 4, 3, 1, 3, 1, false }, 4, 4 },
        { { 4, 4, 3, 1, 0, 1, false }, 2, 4 },
        { { 4, 4, 3, 1, 1, 1, false }, 0, 4 },
        { { 4, 4, 4, 2, 2, 1, true }, 4, 4 },
        { { 4, 4, 5, 2, 1, 1, true }, 4, 4 },
        { { 4, 4, 3, 1, 1, 1, false }, 4, SIZE_MAX },
    };
    const float weight[4 * 4 * 25] = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_onednn_conv *conv = (nenc_onednn_conv *)(uintptr_t)weight;
        nenc_diag diag = { .text = "" };
        assert_int_equal(nenc_onednn_conv_open(&conv, &cases[i].s, cases[i].h,
                                               cases[i].w, weight, weight,
                                               NENC_ACT_NONE, 0, 1, 1, &diag),
                         NENC_EUNSUPPORTED);
        assert_null(conv);
        assert_true(diag.text[0] != '\0');
    }
    nenc_onednn_conv_close(NULL);
    assert_non_null(strstr(nenc_onednn_version(), "oneDNN"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_exact),
        cmocka_unit_test(activates),
        cmocka_unit_test(workers_run_at_once),
        cmocka_unit_test(refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
