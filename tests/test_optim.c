/* SPDX-License-Identifier: BSD-2-Clause */
/* Optimisers against sequences computed by hand and in double precision; what
 * threads, a resumed run and bad gradients must not change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "optim.h"

enum { SMALL = 3, LARGE = 50001, GROUPS = 2 };

static uint32_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 1664525u + 1013904223u;
    return lo + (hi - lo) * (seed >> 8) / 16777216.0;
}

static nenc_optim *open_one(float *p, const float *g, size_t n, double decay,
                            const nenc_optim_config *cfg)
{
    const nenc_optim_group group = { p, g, n, 1, decay };
    nenc_optim *o;
    assert_int_equal(nenc_optim_open(&o, &group, 1, cfg, NULL, NULL), NENC_OK);
    return o;
}

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.9g, not %.9g", a, b);
}

/* ------------------------------------------------------------ known values */

/* p = 1, lr 0.1; g = 1/2, then -1/4.  The first step is lr; then m = 0.02,
 * over 0.19; v = 0.00031225, over 0.001999; their ratio 0.2663372. */
static void adam_by_hand(void **state)
{
    const nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    float p = 1, g = 0.5f;
    (void)state;
    nenc_optim *o = open_one(&p, &g, 1, 0, &cfg);
    nenc_optim_report r = nenc_optim_step(o, 0.1);
    near(p, 0.9, 1e-7);
    near(r.norm, 0.5, 0);
    g = -0.25f;
    nenc_optim_step(o, 0.1);
    const nenc_optim_state s = nenc_optim_state_get(o, 0);
    near(s.m[0], 0.02, 1e-8);
    near(s.v[0], 0.00031225, 1e-10);
    near(p, 0.9 - 0.1 * (0.02 / 0.19) / sqrt(0.00031225 / 0.001999), 1e-7);
    near(p, 0.87336628, 2e-7);
    assert_null(s.ema);
    nenc_optim_close(o);
}

/* The decayed value loses lr * decay * value; the gradient's decay only makes
 * it larger, and a first step is lr whatever the gradient. */
static void decay_by_hand(void **state)
{
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    float p = 2, g = 0.5f, q = 2;
    (void)state;
    cfg.decoupled = true;
    nenc_optim *o = open_one(&p, &g, 1, 0.25, &cfg);
    nenc_optim_step(o, 0.1);
    near(p, 2 - 0.05 - 0.1, 3e-7);
    nenc_optim_close(o);
    cfg.decoupled = false;
    o = open_one(&q, &g, 1, 0.25, &cfg);
    nenc_optim_step(o, 0.1);
    near(q, 1.9, 3e-7);
    near(nenc_optim_state_get(o, 0).m[0], 0.1 * (0.5 + 0.25 * 2), 1e-8);
    nenc_optim_close(o);
}

static void clips_the_norm_of_all_groups(void **state)
{
    float p[2] = { 0, 0 }, g[2] = { 3, 4 };
    const nenc_optim_group groups[2] = { { p, g, 1, 1, 0 },
                                         { p + 1, g + 1, 1, 1, 0 } };
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    nenc_optim *o;
    (void)state;
    cfg.max_norm = 1;
    assert_int_equal(nenc_optim_open(&o, groups, 2, &cfg, NULL, NULL),
                     NENC_OK);
    near(nenc_optim_step(o, 0.1).norm, 5, 1e-12);
    near(nenc_optim_state_get(o, 0).m[0], 0.1 * 3 / 5.000001, 1e-8);
    near(nenc_optim_state_get(o, 1).m[0], 0.1 * 4 / 5.000001, 1e-8);
    assert_true(g[0] == 3 && g[1] == 4);
    g[0] = 0.03f;
    g[1] = 0.04f;
    near(nenc_optim_step(o, 0.1).norm, 0.05, 1e-8);
    near(nenc_optim_state_get(o, 0).m[0],
         0.9 * 0.1 * 3 / 5.000001 + 0.1 * 0.03, 1e-8);
    nenc_optim_close(o);
}

/* Decays (2/11), (3/12), ... up to 1/2; and a constant one. */
static void averages_by_hand(void **state)
{
    float p = 1, g = 1;
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    (void)state;
    cfg.ema_decay = 0.5;
    for (int ramp = 0; ramp < 2; ramp++) {
        p = 1;
        cfg.ema_ramp = ramp;
        nenc_optim *o = open_one(&p, &g, 1, 0, &cfg);
        double want = 1;
        for (int t = 1; t < 20; t++) {
            nenc_optim_step(o, 0.1);
            const double d = ramp ? fmin(0.5, (t + 1.0) / (t + 10)) : 0.5;
            want = d * want + (1 - d) * p;
            near(nenc_optim_state_get(o, 0).ema[0], want, 1e-6);
        }
        const float last = p;
        nenc_optim_ema_swap(o);
        near(p, want, 1e-6);
        assert_true(nenc_optim_state_get(o, 0).ema[0] == last);
        nenc_optim_ema_swap(o);
        assert_true(p == last);
        nenc_optim_close(o);
    }
}

static void schedules_by_hand(void **state)
{
    const nenc_schedule cosine = { NENC_SCHEDULE_COSINE, 2, 0.1, 0, 100, 10 };
    const nenc_schedule steps = { NENC_SCHEDULE_STEPS, 2, 0.1, 0.5, 100, 4 };
    const nenc_schedule constant = { NENC_SCHEDULE_COSINE, 2, 0, 0, 0, 0 };
    (void)state;
    near(nenc_schedule_lr(&cosine, 0), 0.2, 1e-15);
    near(nenc_schedule_lr(&cosine, 50), 1.1, 1e-15);
    near(nenc_schedule_lr(&cosine, 25),
         2 * (0.1 + 0.9 * 0.5 * (1 + sqrt(0.5))), 1e-14);
    near(nenc_schedule_lr(&cosine, 100), 0.2, 1e-15);
    near(nenc_schedule_lr(&cosine, UINT64_MAX), 0.2, 1e-15);
    near(nenc_schedule_lr(&steps, 1), 1, 1e-15);
    near(nenc_schedule_lr(&steps, 99), 2, 1e-15);
    near(nenc_schedule_lr(&steps, 100), 1, 1e-15);
    near(nenc_schedule_lr(&steps, 399), 0.25, 1e-15);
    near(nenc_schedule_lr(&steps, 400), 0.2, 1e-15);
    near(nenc_schedule_lr(&constant, 12345), 2, 0);
}

/* ------------------------------------------------- a run, and what it keeps */

typedef struct run {
    float p[LARGE + SMALL], g[LARGE + SMALL];
    nenc_optim *optim;
    nenc_pool *pool;
} run;

static const nenc_optim_config run_config = {
    0.9, 0.99, 1e-8, true, 1.0, 0.999, true, (size_t)1 << 24
};

static run *run_open(int threads)
{
    run *r = nenc_mem_zalloc(1, sizeof *r);
    assert_non_null(r);
    const nenc_optim_group groups[GROUPS] = {
        { r->p, r->g, LARGE, 1, 0.01 },
        { r->p + LARGE, r->g + LARGE, SMALL, 2.5, 0 },
    };
    seed = 21;
    for (size_t i = 0; i < LARGE + SMALL; i++)
        r->p[i] = (float)uniform(-1, 1);
    assert_int_equal(nenc_pool_open(&r->pool, threads), NENC_OK);
    assert_int_equal(nenc_optim_open(&r->optim, groups, GROUPS, &run_config,
                                     r->pool, NULL), NENC_OK);
    return r;
}

static void run_close(run *r)
{
    nenc_optim_close(r->optim);
    nenc_pool_close(r->pool);
    nenc_mem_free(r);
}

static void run_steps(run *r, int first, int end)
{
    for (int t = first; t < end; t++) {
        seed = 100 + (uint32_t)t;
        for (size_t i = 0; i < LARGE + SMALL; i++)
            r->g[i] = (float)(uniform(-1, 1) * (t % 3 ? 0.001 : 1));
        if (t == 5)
            r->g[7] = INFINITY;
        assert_int_equal(nenc_optim_step(r->optim, 0.01).is_skipped, t == 5);
    }
}

static void assert_same(const run *a, const run *b)
{
    assert_memory_equal(a->p, b->p, sizeof a->p);
    for (size_t i = 0; i < GROUPS; i++) {
        const nenc_optim_state s = nenc_optim_state_get(a->optim, i);
        const nenc_optim_state t = nenc_optim_state_get(b->optim, i);
        assert_memory_equal(s.m, t.m, s.n * sizeof *s.m);
        assert_memory_equal(s.v, t.v, s.n * sizeof *s.v);
        assert_memory_equal(s.ema, t.ema, s.n * sizeof *s.ema);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    run *one = run_open(1);
    run_steps(one, 0, 12);
    for (int threads = 2; threads < 5; threads++) {
        run *many = run_open(threads);
        run_steps(many, 0, 12);
        assert_same(one, many);
        run_close(many);
    }
    run_close(one);
}

static void a_resumed_run_goes_on_to_the_bit(void **state)
{
    (void)state;
    run *whole = run_open(1), *half = run_open(1), *rest = run_open(2);
    run_steps(whole, 0, 14);
    run_steps(half, 0, 7);
    memcpy(rest->p, half->p, sizeof rest->p);
    for (size_t i = 0; i < GROUPS; i++) {
        const nenc_optim_state s = nenc_optim_state_get(half->optim, i);
        const nenc_optim_state t = nenc_optim_state_get(rest->optim, i);
        memcpy(t.m, s.m, s.n * sizeof *s.m);
        memcpy(t.v, s.v, s.n * sizeof *s.v);
        memcpy(t.ema, s.ema, s.n * sizeof *s.ema);
    }
    const nenc_optim_counts counts = nenc_optim_counts_get(half->optim);
    assert_int_equal(counts.applied, 6);
    assert_int_equal(counts.skipped, 1);
    nenc_optim_counts_set(rest->optim, counts);
    run_steps(rest, 7, 14);
    assert_same(whole, rest);
    run_close(whole);
    run_close(half);
    run_close(rest);
}

/* The run again, in doubles, for some of the parameters. */
static void floats_follow_doubles(void **state)
{
    enum { STEPS = 5, EVERY = 101 };
    double worst = 0, norm[STEPS], decays[GROUPS] = { 0.01, 0 };
    (void)state;
    run *r = run_open(1);
    for (int t = 0; t < STEPS; t++) {
        double sum = 0;
        run_steps(r, t, t + 1);
        for (size_t i = 0; i < LARGE + SMALL; i++)
            sum += (double)r->g[i] * r->g[i];
        norm[t] = sqrt(sum);
    }
    for (size_t i = 0; i < LARGE + SMALL; i += EVERY) {
        const int group = i >= LARGE;
        double m = 0, v = 0, p = 0;
        seed = 21;
        for (size_t j = 0; j <= i; j++)
            p = (float)uniform(-1, 1);
        for (int t = 0; t < STEPS; t++) {
            double g = 0;
            seed = 100 + (uint32_t)t;
            for (size_t j = 0; j <= i; j++)
                g = (float)(uniform(-1, 1) * (t % 3 ? 0.001 : 1));
            g *= fmin(1 / (norm[t] + 1e-6), 1);
            const double lr = group ? 0.025 : 0.01;
            p *= 1 - lr * decays[group];
            m += 0.1 * (g - m);
            v += 0.01 * (g * g - v);
            p -= lr * m / (1 - pow(0.9, t + 1))
                 / (sqrt(v / (1 - pow(0.99, t + 1))) + 1e-8);
        }
        worst = fmax(worst, fabs(p - r->p[i]));
    }
    print_message("largest error after %d steps: %.1e\n", STEPS, worst);
    assert_true(worst < 1e-6);
    run_close(r);
}

/* ------------------------------------------------------ steps not to take */

static void bad_gradients_are_skipped(void **state)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY, 1e30f };
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    (void)state;
    cfg.ema_decay = 0.9;
    for (size_t i = 0; i < 4; i++) {
        float p[2] = { 1, 2 }, g[2] = { 0.5f, 0.5f };
        nenc_optim *o = open_one(p, g, 2, 0, &cfg);
        assert_false(nenc_optim_step(o, 0.1).is_skipped);
        const float kept = p[0], m = nenc_optim_state_get(o, 0).m[0];
        const float ema = nenc_optim_state_get(o, 0).ema[0];
        g[1] = bad[i];
        const nenc_optim_report r = nenc_optim_step(o, 0.1);
        assert_true(r.is_skipped && !(r.norm < 1e18));
        assert_true(p[0] == kept && nenc_optim_state_get(o, 0).m[0] == m);
        assert_true(nenc_optim_state_get(o, 0).ema[0] < ema);
        assert_int_equal(nenc_optim_counts_get(o).applied, 1);
        assert_int_equal(nenc_optim_counts_get(o).skipped, 1);
        g[1] = 0.5f;
        assert_true(nenc_optim_step(o, NAN).is_skipped);
        assert_true(nenc_optim_step(o, -1).is_skipped);
        assert_false(nenc_optim_step(o, 0.1).is_skipped);
        nenc_optim_close(o);
    }
    cfg.max_norm = 1;           /* clipped, a large one is no harm */
    float p = 1, g = 1e30f;
    nenc_optim *o = open_one(&p, &g, 1, 0, &cfg);
    assert_false(nenc_optim_step(o, 0.1).is_skipped);
    near(p, 0.9, 1e-6);
    nenc_optim_close(o);
}

/* A bowl is descended; with a gradient of 0 nothing moves. */
static void descends(void **state)
{
    const nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    const nenc_schedule schedule = { NENC_SCHEDULE_COSINE, 0.1, 0, 0, 500, 10 };
    float p[3] = { 3, -2, 5 }, g[3] = { 0 };
    (void)state;
    nenc_optim *o = open_one(p, g, 3, 0, &cfg);
    for (uint64_t t = 0; t < 500; t++) {
        for (int i = 0; i < 3; i++)
            g[i] = i == 2 ? 0 : 2 * (p[i] - (float)i);
        nenc_optim_step(o, nenc_schedule_lr(&schedule, t));
    }
    near(p[0], 0, 1e-3);
    near(p[1], 1, 1e-3);
    assert_true(p[2] == 5);
    nenc_optim_close(o);
}

static void refuses_what_makes_no_sense(void **state)
{
    float p[4] = { 0 }, g[4] = { 0 };
    const nenc_optim_config good = NENC_OPTIM_CONFIG_DEFAULT;
    nenc_optim_config bad[6] = { good, good, good, good, good, good };
    nenc_optim_group group = { p, g, 4, 1, 0 };
    nenc_optim *o;
    (void)state;
    bad[0].beta1 = 1;
    bad[1].beta2 = NAN;
    bad[2].eps = 0;
    bad[3].max_norm = INFINITY;
    bad[4].ema_decay = 1;
    bad[5].max_memory = 100;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(nenc_optim_open(&o, &group, 1, &bad[i], NULL, NULL),
                         i == 5 ? NENC_ELIMIT : NENC_EINVAL);
        assert_null(o);
    }
    group.lr_scale = -1;
    assert_int_equal(nenc_optim_open(&o, &group, 1, &good, NULL, NULL),
                     NENC_EINVAL);
    group = (nenc_optim_group){ p, NULL, 4, 1, 0 };
    assert_int_equal(nenc_optim_open(&o, &group, 1, &good, NULL, NULL),
                     NENC_EINVAL);
    group = (nenc_optim_group){ p, g, SIZE_MAX, 1, 0 };
    assert_int_equal(nenc_optim_open(&o, &group, 1, &bad[5], NULL, NULL),
                     NENC_ELIMIT);
    group = (nenc_optim_group){ NULL, NULL, 0, 1, 0 };
    assert_int_equal(nenc_optim_open(&o, &group, 1, &good, NULL, NULL),
                     NENC_OK);
    assert_false(nenc_optim_step(o, 1).is_skipped);
    nenc_optim_close(o);
    assert_int_equal(nenc_optim_open(&o, NULL, 0, &good, NULL, NULL), NENC_OK);
    assert_true(nenc_optim_step(o, 1).norm == 0);
    nenc_optim_close(o);
    nenc_optim_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_by_hand),
        cmocka_unit_test(decay_by_hand),
        cmocka_unit_test(clips_the_norm_of_all_groups),
        cmocka_unit_test(averages_by_hand),
        cmocka_unit_test(schedules_by_hand),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_resumed_run_goes_on_to_the_bit),
        cmocka_unit_test(floats_follow_doubles),
        cmocka_unit_test(bad_gradients_are_skipped),
        cmocka_unit_test(descends),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
