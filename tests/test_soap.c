/* SPDX-License-Identifier: BSD-2-Clause */
/* SOAP against numbers of an independent program, and what it must keep: the
 * bases orthonormal, its lead over Adam, the bits of a run that is reset. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "soap.h"

enum { SMALL = 17, ROWS = 6, COLS = 4, SIDE = ROWS * COLS };

static uint32_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 1664525u + 1013904223u;
    return lo + (hi - lo) * (seed >> 8) / 16777216.0;
}

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.9g, not %.9g", a, b);
}

static nenc_soap *open_soap(const nenc_soap_tensor *tensors, size_t n,
                            const nenc_soap_config *cfg)
{
    nenc_soap *o;
    assert_int_equal(nenc_soap_open(&o, tensors, n, cfg, NULL), NENC_OK);
    return o;
}

/* ------------------------------------------------------------ known values */

/* Values for a 4x3 and a 1x5 tensor. */
static void start(float *w)
{
    for (int i = 0; i < SMALL; i++)
        w[i] = (float)(((i * i) % 9 - 4) / 4.0);
}

/* Of w'Hw / 2 - b'w, H = diag(1 + i/4) + u u' + v v'. */
static void gradient(float *g, const float *w)
{
    double uw = 0, vw = 0;
    for (int i = 0; i < SMALL; i++) {
        uw += ((7 * i + 3) % 11 - 5) / 8.0 * w[i];
        vw += ((5 * i + 1) % 13 - 6) / 8.0 * w[i];
    }
    for (int i = 0; i < SMALL; i++)
        g[i] = (float)((1 + i / 4.0) * w[i] + ((7 * i + 3) % 11 - 5) / 8.0 * uw
                       + ((5 * i + 1) % 13 - 6) / 8.0 * vw
                       - ((3 * i + 2) % 7 - 3) / 2.0);
}

static const nenc_soap_config small_config = {
    0.95, 0.9, 1e-8, 0.01, 2, 0.95, 3, SIZE_MAX
};

static nenc_soap *open_small(float *w, const float *g)
{
    const nenc_soap_tensor tensors[2] = { { w, g, 4, 3 },
                                          { w + 12, g + 12, 1, 5 } };
    return open_soap(tensors, 2, &small_config);
}

static nenc_optim_report step_small(nenc_soap *o, float *w, float *g)
{
    gradient(g, w);
    return nenc_soap_step(o, 0.05);
}

/* What numpy has after 30 steps of the same problem, in float64 with LAPACK's
 * eigh() and qr(), values and gradients rounded to float32: a program of 90
 * lines after the text of the paper and of Cool-Chic's recipe. */
static void follows_numpy(void **state)
{
    static const double want[SMALL] = {
        -0.4475912, -0.1438400, -0.5213519, -0.0939636, -0.2871481, -0.1510145,
        0.1303335, -0.0289292, 0.2291343, -0.2268309, -0.1182959, -0.3339362,
        0.2088887, 0.3615926, -0.2870083, 0.4212771, -0.1707648
    };
    float w[SMALL], g[SMALL];
    nenc_optim_report r = { 0, false };
    (void)state;
    start(w);
    nenc_soap *o = open_small(w, g);
    for (int t = 0; t < 30; t++) {
        r = step_small(o, w, g);
        assert_false(r.is_skipped);
        if (t == 0)
            near(r.norm, 12.1690171, 1e-6);
    }
    near(r.norm, 3.24752701, 1e-5);
    for (int i = 0; i < SMALL; i++)
        near(w[i], want[i], 2e-6);
    nenc_soap_close(o);
}

static void the_first_step_changes_no_value(void **state)
{
    float w[SMALL], before[SMALL], g[SMALL];
    (void)state;
    start(w);
    start(before);
    nenc_soap *o = open_small(w, g);
    assert_false(step_small(o, w, g).is_skipped);
    assert_memory_equal(w, before, sizeof w);
    step_small(o, w, g);
    /* Adam's first step is lr for each value; then the decay. */
    for (int i = 12; i < SMALL; i++)
        near(w[i], (before[i] - (g[i] > 0 ? 0.05 : -0.05)) * (1 - 5e-4), 1e-6);
    nenc_soap_close(o);
}

/* ------------------------------------------------------------------- bases */

static void check_basis(const double *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += q[i * n + k] * q[j * n + k];
            near(sum, i == j, 1e-13);
        }
}

/* Gradients of rank 1 and of 0 too, and of 1e-30 or 1e30: singular moments. */
static void bases_stay_orthonormal(void **state)
{
    enum { TALL = 40, WIDE = 7 };
    float w[TALL * WIDE] = { 0 }, g[TALL * WIDE];
    const nenc_soap_tensor tensor = { w, g, TALL, WIDE };
    nenc_soap_config cfg = NENC_SOAP_CONFIG_DEFAULT;
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        const double scale = kind == 2 ? 1e-30 : kind == 3 ? 1e30 : 1;
        seed = 3;
        cfg.every = 1 + kind;
        cfg.max_norm = kind == 3 ? 0 : 0.1;
        nenc_soap *o = open_soap(&tensor, 1, &cfg);
        assert_true(nenc_soap_basis_get(o, 0, 0)[0] == 0);
        for (int t = 0; t < 100; t++) {
            for (size_t i = 0; i < TALL * WIDE; i++)
                g[i] = (float)(kind == 0 ? t % 10 == 9
                               : scale * uniform(-1, 1));
            assert_false(nenc_soap_step(o, 0.01).is_skipped);
            if (t == 0 || t == 99) {
                check_basis(nenc_soap_basis_get(o, 0, 0), TALL);
                check_basis(nenc_soap_basis_get(o, 0, 1), WIDE);
            }
        }
        for (size_t i = 0; i < TALL * WIDE; i++)
            assert_true(isfinite(w[i]));
        nenc_soap_close(o);
    }
}

/* A first basis is one of eigenvectors, the largest first: of u x' + 0.1 v y'
 * with unit vectors they are u and v, x and y. */
static void first_basis_by_hand(void **state)
{
    const double u[3] = { 0.6, 0.8, 0 }, v[3] = { -0.8, 0.6, 0 };
    const double x[2] = { 0.8, -0.6 }, y[2] = { 0.6, 0.8 };
    float w[6] = { 0 }, g[6];
    const nenc_soap_tensor tensor = { w, g, 3, 2 };
    const nenc_soap_config cfg = NENC_SOAP_CONFIG_DEFAULT;
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            g[i * 2 + j] = (float)(u[i] * x[j] + 0.1 * v[i] * y[j]);
    nenc_soap *o = open_soap(&tensor, 1, &cfg);
    nenc_soap_step(o, 1);
    const double *left = nenc_soap_basis_get(o, 0, 0);
    const double *right = nenc_soap_basis_get(o, 0, 1);
    for (int i = 0; i < 3; i++) {
        near(left[i] * left[0], u[i] * u[0], 1e-6);
        near(left[3 + i] * left[3], v[i] * v[0], 1e-6);
        near(left[6 + i], 0, i < 2 ? 1e-6 : 2);
    }
    near(fabs(left[8]), 1, 1e-6);
    for (int i = 0; i < 2; i++) {
        near(right[i] * right[0], x[i] * x[0], 1e-6);
        near(right[2 + i] * right[2], y[i] * y[0], 1e-6);
    }
    nenc_soap_close(o);
}

/* -------------------------------------------------------------------- runs */

/* |A w B|^2 / 2, with A and B far from any diagonal and ill-conditioned. */
typedef struct valley {
    double a[ROWS * ROWS], b[COLS * COLS];  /* A'A and B B' */
} valley;

/* sum of 4^-k r r' over vectors r of a reflection, I - 2 n n' / n'n */
static void make_form(double *form, int n)
{
    double normal[ROWS], square = 0;
    for (int i = 0; i < n; i++) {
        normal[i] = uniform(0.5, 1);
        square += normal[i] * normal[i];
    }
    memset(form, 0, (size_t)(n * n) * sizeof *form);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                form[i * n + j] += pow(4, -k)
                    * ((i == k) - 2 * normal[i] * normal[k] / square)
                    * ((j == k) - 2 * normal[j] * normal[k] / square);
}

/* @return the loss */
static double descend(const valley *l, float *g, const float *w)
{
    double half[SIDE] = { 0 }, loss = 0;
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < ROWS; k++)
            for (int j = 0; j < COLS; j++)
                half[i * COLS + j] += l->a[i * ROWS + k] * w[k * COLS + j];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            double sum = 0;
            for (int k = 0; k < COLS; k++)
                sum += half[i * COLS + k] * l->b[k * COLS + j];
            g[i * COLS + j] = (float)sum;
            loss += 0.5 * sum * w[i * COLS + j];
        }
    return loss;
}

/* Steps until 1e-4 of the first loss is left. */
static int steps_down(const valley *l, bool has_bases, double lr)
{
    enum { MOST = 20000 };
    const nenc_soap_config cfg = { 0.9, 0.99, 1e-8, 0, 0, 0.95, 1, SIZE_MAX };
    nenc_optim_config adam_cfg = NENC_OPTIM_CONFIG_DEFAULT;
    float w[SIDE], g[SIDE];
    nenc_soap *soap = NULL;
    nenc_optim *adam = NULL;
    int t = 0;
    const nenc_soap_tensor tensor = { w, g, ROWS, COLS };
    const nenc_optim_group group = { w, g, SIDE, 1, 0 };
    seed = 5;
    for (int i = 0; i < SIDE; i++)
        w[i] = (float)uniform(-1, 1);
    adam_cfg.beta2 = 0.99;
    if (has_bases)
        soap = open_soap(&tensor, 1, &cfg);
    else
        assert_int_equal(nenc_optim_open(&adam, &group, 1, &adam_cfg, NULL,
                                         NULL), NENC_OK);
    const double first = descend(l, g, w);
    while (t < MOST && descend(l, g, w) > 1e-4 * first) {
        if (has_bases)
            nenc_soap_step(soap, lr);
        else
            nenc_optim_step(adam, lr);
        t++;
    }
    nenc_soap_close(soap);
    nenc_optim_close(adam);
    return t;
}

/* Each with its best learning rate. */
static void needs_fewer_steps_than_adam(void **state)
{
    static const double rates[] = { 0.1, 0.03, 0.01, 0.003 };
    int best[2] = { INT32_MAX, INT32_MAX };
    valley l;
    (void)state;
    seed = 11;
    make_form(l.a, ROWS);
    make_form(l.b, COLS);
    for (int soap = 0; soap < 2; soap++)
        for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
            best[soap] = NENC_MIN(best[soap], steps_down(&l, soap, rates[i]));
    print_message("Adam %d steps, SOAP %d\n", best[0], best[1]);
    assert_true(best[1] * 3 < best[0] * 2);
}

static void bad_gradients_are_skipped(void **state)
{
    float w[SMALL], v[SMALL], g[SMALL];
    (void)state;
    start(w);
    start(v);
    nenc_soap *o = open_small(w, g), *p = open_small(v, g);
    for (int t = 0; t < 12; t++) {
        gradient(g, w);
        g[t] = t % 2 ? NAN : -INFINITY;
        assert_true(nenc_soap_step(o, 0.05).is_skipped);
        gradient(g, w);
        assert_true(nenc_soap_step(o, NAN).is_skipped);
        assert_true(nenc_soap_step(o, -1).is_skipped);
        assert_false(step_small(o, w, g).is_skipped);
        assert_false(step_small(p, v, g).is_skipped);
        assert_memory_equal(w, v, sizeof w);
    }
    nenc_soap_close(o);
    nenc_soap_close(p);
}

static void a_reset_run_is_the_same_to_the_bit(void **state)
{
    float w[SMALL], first[SMALL], g[SMALL];
    (void)state;
    start(w);
    nenc_soap *o = open_small(w, g);
    for (int run = 0; run < 2; run++) {
        start(w);
        nenc_soap_set_every(o, 1);
        for (int t = 0; t < 20; t++) {
            if (t == 7)
                nenc_soap_set_every(o, 4);
            step_small(o, w, g);
        }
        if (run)
            assert_memory_equal(w, first, sizeof w);
        memcpy(first, w, sizeof w);
        nenc_soap_reset(o);
    }
    nenc_soap_close(o);
}

/* A long side has no basis, a vector has none at all, nothing is nothing. */
static void odd_shapes(void **state)
{
    enum { LONG = NENC_SOAP_MAX_SIDE + 1 };
    static float w[2 * LONG], g[2 * LONG];
    const nenc_soap_tensor tensors[] = {
        { w, g, LONG, 2 }, { w, g, 2, LONG }, { w, g, LONG, 1 },
        { w, g, 1, 1 }, { NULL, NULL, 0, 3 }
    };
    nenc_soap_config cfg = NENC_SOAP_CONFIG_DEFAULT;
    (void)state;
    seed = 1;
    cfg.every = 2;
    nenc_soap *o = open_soap(tensors, 5, &cfg);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(nenc_soap_basis_get(o, (size_t)i, 0) != NULL, i == 1);
        assert_int_equal(nenc_soap_basis_get(o, (size_t)i, 1) != NULL, i == 0);
    }
    for (int t = 0; t < 6; t++) {
        for (int i = 0; i < 2 * LONG; i++)
            g[i] = (float)(w[i] - uniform(0, 1));
        assert_false(nenc_soap_step(o, 0.01).is_skipped);
    }
    check_basis(nenc_soap_basis_get(o, 0, 1), 2);
    check_basis(nenc_soap_basis_get(o, 1, 0), 2);
    for (int i = 0; i < 2 * LONG; i++)
        assert_true(isfinite(w[i]) && w[i] != 0);
    nenc_soap_close(o);
    o = open_soap(NULL, 0, &cfg);
    assert_true(nenc_soap_step(o, 1).norm == 0);
    nenc_soap_close(o);
    nenc_soap_close(NULL);
}

static void refuses_what_makes_no_sense(void **state)
{
    const nenc_soap_config good = NENC_SOAP_CONFIG_DEFAULT;
    nenc_soap_config bad[7];
    float w[4] = { 0 };
    nenc_soap_tensor tensor = { w, w, 2, 2 };
    nenc_soap *o;
    (void)state;
    for (size_t i = 0; i < 7; i++)
        bad[i] = good;
    bad[0].beta1 = 1;
    bad[1].beta2 = -0.1;
    bad[2].eps = 0;
    bad[3].max_norm = NAN;
    bad[4].shampoo_beta = 1;
    bad[5].every = 0;
    bad[6].weight_decay = INFINITY;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(nenc_soap_open(&o, &tensor, 1, &bad[i], NULL),
                         NENC_EINVAL);
        assert_null(o);
    }
    bad[0] = good;
    bad[0].max_memory = 500;
    assert_int_equal(nenc_soap_open(&o, &tensor, 1, &bad[0], NULL),
                     NENC_ELIMIT);
    tensor.grads = NULL;
    assert_int_equal(nenc_soap_open(&o, &tensor, 1, &good, NULL),
                     NENC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_numpy),
        cmocka_unit_test(the_first_step_changes_no_value),
        cmocka_unit_test(bases_stay_orthonormal),
        cmocka_unit_test(first_basis_by_hand),
        cmocka_unit_test(needs_fewer_steps_than_adam),
        cmocka_unit_test(bad_gradients_are_skipped),
        cmocka_unit_test(a_reset_run_is_the_same_to_the_bit),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
