/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits under densities: known masses, derivatives against finite differences,
 * bounds, and arguments beyond reason. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "prob_grad.h"

typedef struct point {
    double v, scale, beta;
} point;

typedef nenc_prob_bits (*density)(const point *p);

/* Next to no bounds: tails to 1e-30. */
static const nenc_prob_bounds free_bounds = { 1e-6, 1e-30 };
static uint32_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 1664525u + 1013904223u;
    return lo + (hi - lo) * (seed >> 8) / 16777216.0;
}

static nenc_prob_bits gaussian(const point *p)
{
    return nenc_prob_bits_gaussian(p->v, p->scale, &free_bounds);
}

static nenc_prob_bits laplace(const point *p)
{
    return nenc_prob_bits_laplace(p->v, p->scale, &free_bounds);
}

static nenc_prob_bits logistic(const point *p)
{
    return nenc_prob_bits_logistic(p->v, p->scale, &free_bounds);
}

static nenc_prob_bits ggd(const point *p)
{
    return nenc_prob_bits_ggd(p->v, p->scale, p->beta, &free_bounds);
}

static nenc_prob_bits rounded(const point *p)
{
    return nenc_prob_bits_laplace_rounded(p->v, p->scale);
}

static nenc_prob_bits clamped(const point *p)
{
    return nenc_prob_bits_laplace_clamped(p->v, p->scale);
}

static double mass(nenc_prob_bits b)
{
    return exp2(-b.bits);
}

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance * fmax(fabs(b), 1e-30)))
        fail_msg("%.17g, not %.17g", a, b);
}

/* ------------------------------------------------------------ known values */

/* The spec's table, and what quadrature gives. */
static void masses_are_the_known_ones(void **state)
{
    static const struct { double beta, scale, p[3]; } known[] = {
        { 1.5, 0.5, { .7751825, .1112900, .001116493 } },
        { 1.5, 1, { .4834987, .2158186, .03824203 } },
        { 1.5, 4, { .1360522, .1218914, .09724386 } },
        { 1, 1, { .3934693, .1917002, .07052258 } },
        { 2, 1, { .5204999, .2228026, .01674395 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int k = 0; k < 3; k++) {
            const point p = { k, known[i].scale, known[i].beta };
            near(mass(ggd(&p)), known[i].p[k], 1e-6);
        }
    const nenc_prob_bounds bounds = NENC_PROB_BOUNDS_GAUSSIAN;
    near(1 - mass(nenc_prob_bits_gaussian(0, 0.11, &bounds)), 5.4817e-6, 1e-4);
    near(mass(nenc_prob_bits_gaussian(0, 1, &bounds)), 0.3829249225480262,
         1e-14);
    near(mass(nenc_prob_bits_logistic(0, 1, &bounds)), tanh(0.25), 1e-14);
}

static void special_cases_agree(void **state)
{
    (void)state;
    seed = 1;
    for (int i = 0; i < 2000; i++) {
        const double s = exp(uniform(-3, 5));
        const double v = uniform(-8, 8) * s;
        const point one = { v, s, 1 }, two = { v, s * sqrt(2), 2 };
        const point plain = { v, s, 0 };
        const nenc_prob_bits a = ggd(&one), b = laplace(&plain);
        const nenc_prob_bits c = ggd(&two), d = gaussian(&plain);
        near(a.bits, b.bits, 1e-11);
        near(a.dv, b.dv, 1e-9);
        near(a.dscale, b.dscale, 1e-9);
        near(c.bits, d.bits, 1e-11);
        near(c.dv, d.dv, 1e-9);
        near(c.dscale * sqrt(2), d.dscale, 1e-9);
    }
}

/* Where k is whole, the rounded formula is the bin's cost; the clamped one is
 * it always, down to its clamp. */
static void training_formulas_are_laplace(void **state)
{
    (void)state;
    seed = 2;
    for (int i = 0; i < 1000; i++) {
        const double s = exp(uniform(-2, 4));
        const double k = floor(uniform(-3, 3) * (s + 1));
        const nenc_prob_bounds bounds = { 1e-6, 1e-7 };
        const nenc_prob_bits a = nenc_prob_bits_laplace_rounded(k, s);
        const nenc_prob_bits b = nenc_prob_bits_laplace(k, s, &free_bounds);
        near(a.bits, b.bits, 1e-11);
        near(a.dscale, b.dscale, 1e-9);
        near(a.dv, k != 0 ? (k < 0 ? -1 : 1) / (s * log(2)) : 0, 1e-12);
        const double v = k + uniform(-0.5, 0.5);
        const nenc_prob_bits c = nenc_prob_bits_laplace_clamped(v, s);
        const nenc_prob_bits d = nenc_prob_bits_laplace(v, s, &bounds);
        assert_true(c.bits == d.bits && c.bits <= 7 / log10(2) + 1e-9);
        if (mass(d) > 1.0001e-7)
            assert_true(c.dv == d.dv && c.dscale == d.dscale);
        else
            assert_true(c.dv == 0 && c.dscale == 0);
    }
}

/* ------------------------------------------------------ finite differences */

/* Of fourth order, by the member of the point at `offset`. */
static double difference(density f, point p, size_t offset, double h)
{
    static const double weight[4] = { 1, -8, 8, -1 }, step[4] = { -2, -1, 1, 2 };
    double *x = (double *)(void *)((char *)&p + offset), sum = 0;
    const double x0 = *x;
    for (int i = 0; i < 4; i++) {
        *x = x0 + step[i] * h;
        sum += weight[i] * f(&p).bits;
    }
    return sum / (12 * h);
}

/* Relative, or to a thousandth of what the unit of the argument makes usual:
 * a derivative may pass through zero. */
static double error_of(double got, double want, double unit)
{
    return fabs(got - want) / (fabs(want) + 1e-3 / unit);
}

/* @return the largest error, of those where a finite difference is sound */
static double largest_error(density f, double tail, bool wants_beta)
{
    double worst = 0;
    int n = 0;
    for (int i = 0; i < 20000; i++) {
        point p = { 0, exp(uniform(-3, 5)), uniform(0.4, 4) };
        const double h = 1e-3 * p.scale, t = uniform(-1, 1);
        p.v = i % 2 ? t * (4 * p.scale + 2) : t * (tail * p.scale + 1);
        const nenc_prob_bits b = f(&p);
        /* the mass's bound, and the density's cusp at a bin's end */
        if (b.bits > 98 || fabs(fabs(p.v) - 0.5) < 100 * h)
            continue;
        n++;
        worst = fmax(worst, error_of(b.dv, difference(f, p, offsetof(
                                     point, v), h), p.scale));
        worst = fmax(worst, error_of(b.dscale, difference(f, p, offsetof(
                                     point, scale), h), p.scale));
        if (wants_beta)
            worst = fmax(worst, error_of(b.dbeta, difference(f, p, offsetof(
                                         point, beta), 1e-3), 1));
    }
    assert_true(n > 5000);
    return worst;
}

static void check_errors(const char *name, double worst)
{
    print_message("%s: largest error %.1e\n", name, worst);
    assert_true(worst < 1e-6);
}

static void derivatives_are_differences(void **state)
{
    (void)state;
    seed = 3;
    check_errors("gaussian", largest_error(gaussian, 11, false));
    check_errors("laplace", largest_error(laplace, 65, false));
    check_errors("logistic", largest_error(logistic, 65, false));
    check_errors("ggd", largest_error(ggd, 12, true));
}

static void formulas_have_their_own_slopes(void **state)
{
    (void)state;
    seed = 4;
    for (int i = 0; i < 2000; i++) {
        point p = { uniform(0.6, 60), exp(uniform(-2, 4)), 0 };
        const double h = 1e-3 * p.scale;
        const nenc_prob_bits b = rounded(&p);
        near(b.dscale, difference(rounded, p, offsetof(point, scale), h), 1e-5);
        p.v = 0;
        near(rounded(&p).dscale, difference(rounded, p, offsetof(point, scale),
                                            h), 1e-5);
        p.v = uniform(0.6, 3) * p.scale;
        if (p.v < 0.5 + 3 * h)
            continue;
        near(clamped(&p).dv, difference(clamped, p, offsetof(point, v), h),
             1e-7);
    }
}

/* ------------------------------------------------------------------ bounds */

static void a_scale_leaves_its_bound(void **state)
{
    const nenc_prob_bounds bounds = NENC_PROB_BOUNDS_GAUSSIAN;
    (void)state;
    for (double v = -3; v <= 3; v += 0.125) {
        const nenc_prob_bits at = nenc_prob_bits_gaussian(v, 0.11, &bounds);
        const nenc_prob_bits below = nenc_prob_bits_gaussian(v, -7, &bounds);
        assert_true(below.bits == at.bits && below.dv == at.dv);
        assert_true(below.dscale == (at.dscale < 0 ? at.dscale : 0));
    }
    assert_true(nenc_prob_bits_gaussian(1, 0.01, &bounds).dscale < -1);
    assert_true(nenc_prob_bits_gaussian(0, 0.11, &bounds).dscale > 0);
    const nenc_prob_bits low = nenc_prob_bits_ggd(9, 1, 0.1, &bounds);
    const nenc_prob_bits high = nenc_prob_bits_ggd(2, 1, 20, &bounds);
    assert_true(low.bits == nenc_prob_bits_ggd(9, 1, 0.25, &bounds).bits);
    assert_true(low.dbeta <= 0);
    assert_true(high.dbeta
                == nenc_prob_bits_ggd(2, 1, 8, &bounds).dbeta);
    assert_true(high.dbeta > 0);
}

/* Below the bound the bits stay, and the mass's own slope is kept: towards
 * fewer bits. */
static void a_mass_leaves_its_bound(void **state)
{
    const nenc_prob_bounds bounds = NENC_PROB_BOUNDS_GAUSSIAN;
    static const density free_one[3] = { gaussian, laplace, logistic };
    (void)state;
    for (double v = 26; v < 36; v += 0.25) {
        const point p = { v, 1, 0 };
        const nenc_prob_bits b[3] = {
            nenc_prob_bits_gaussian(v / 4, 1, &bounds),
            nenc_prob_bits_laplace(v, 1, &bounds),
            nenc_prob_bits_logistic(v, 1, &bounds)
        };
        for (int i = 0; i < 3; i++) {
            const point q = { i ? v : v / 4, 1, 0 };
            const nenc_prob_bits f = free_one[i](&q);
            near(b[i].bits, fmin(f.bits, -log2(1e-9)), 1e-12);
            const double part = fmin(mass(f) / 1e-9, 1);
            near(b[i].dv, f.dv * part, 1e-9);
            near(b[i].dscale, f.dscale * part, 1e-9);
            assert_true(b[i].dv > 0 && b[i].dscale < 0);
        }
        assert_true(ggd(&(point){ p.v, 1, 2 }).dv >= 0);
    }
}

static void all_finite(nenc_prob_bits b, const point *p)
{
    if (!isfinite(b.bits + b.dv + b.dscale + b.dbeta) || b.bits < -1e-12)
        fail_msg("v %g, scale %g, beta %g: %g %g %g %g", p->v, p->scale,
                 p->beta, b.bits, b.dv, b.dscale, b.dbeta);
}

static void anything_finite_stays_finite(void **state)
{
    static const double size[] = {
        0, 1e-320, 1e-300, 1e-9, 0.05, 0.25, 0.5, 0.5000000001, 1, 1.5, 2, 8,
        37, 1e3, 1e8, 1e15, 1e17, 1e100, 1e154, 1e300, DBL_MAX
    };
    enum { N = sizeof size / sizeof *size };
    const nenc_prob_bounds none = { -1, 0 }, usual = { 0.11, 1e-9 };
    (void)state;
    for (int i = 0; i < 8 * N * N * N; i++) {
        const int j = i / 8;
        const point p = { (i & 1 ? -1 : 1) * size[j % N],
                          (i & 2 ? -1 : 1) * size[j / N % N],
                          (i & 4 ? -1 : 1) * size[j / N / N] };
        all_finite(nenc_prob_bits_ggd(p.v, p.scale, p.beta, &none), &p);
        if (j / N / N)
            continue;
        all_finite(nenc_prob_bits_ggd(p.v, p.scale, 1.5, &usual), &p);
        all_finite(nenc_prob_bits_gaussian(p.v, p.scale, &none), &p);
        all_finite(nenc_prob_bits_gaussian(p.v, p.scale, &usual), &p);
        all_finite(nenc_prob_bits_laplace(p.v, p.scale, &none), &p);
        all_finite(nenc_prob_bits_logistic(p.v, p.scale, &none), &p);
        all_finite(rounded(&p), &p);
        all_finite(clamped(&p), &p);
    }
}

/* -------------------------------------------------------------- factorized */

enum { CHANNELS = 3, PARAMETERS = 58 };

/* A factorized density in one array, channels slowest within each part. */
typedef struct toy {
    float p[CHANNELS * PARAMETERS], g[CHANNELS * PARAMETERS];
    nenc_prob_factorized f;
    nenc_prob_factorized_grad grad;
} toy;

static void lay_out(toy *t)
{
    static const size_t n_matrix[5] = { 3, 9, 9, 9, 3 };
    size_t at = 0;
    memset(t, 0, sizeof *t);
    t->f.channels = CHANNELS;
    for (int k = 0; k < 5; k++) {
        t->f.matrix[k] = t->p + at;
        t->grad.matrix[k] = t->g + at;
        at += n_matrix[k] * CHANNELS;
        t->f.bias[k] = t->p + at;
        t->grad.bias[k] = t->g + at;
        at += (k < 4 ? 3 : 1) * CHANNELS;
        if (k == 4)
            continue;
        t->f.factor[k] = t->p + at;
        t->grad.factor[k] = t->g + at;
        at += 3 * CHANNELS;
    }
    assert_int_equal(at, CHANNELS * PARAMETERS);
}

/* The published initial values with no biases: the logit is v / 10. */
static void density_starts_as_published(void **state)
{
    toy t;
    nenc_prob_density d;
    (void)state;
    lay_out(&t);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < (k % 4 ? 9 : 3) * CHANNELS; i++)
            t.p[t.f.matrix[k] - t.p + i] = k < 4 ? -1.452127f : -0.128505f;
    for (size_t c = 0; c < CHANNELS; c++) {
        nenc_prob_density_init(&d, &t.f, c);
        const nenc_prob_bits b = nenc_prob_bits_density(&d, 0, 1e-9, 1, NULL);
        near(mass(b), 0.0249948, 1e-5);
        assert_true(fabs(b.dv) < 1e-12);
        near(mass(nenc_prob_bits_density(&d, 20, 1e-9, 1, NULL)),
             1 / (1 + exp(-2.05)) - 1 / (1 + exp(-1.95)), 1e-5);
    }
}

/* Multiples of 2^-12, so that steps of 2^-8 are exact in floats. */
static void random_toy(toy *t)
{
    lay_out(t);
    for (int i = 0; i < CHANNELS * PARAMETERS; i++)
        t->p[i] = (float)(floor(uniform(-3, 1) * 4096) / 4096);
}

static double toy_bits(const toy *t, size_t channel, double v)
{
    nenc_prob_density d;
    nenc_prob_density_init(&d, &t->f, channel);
    return nenc_prob_bits_density(&d, v, 1e-30, 1, NULL).bits;
}

static double parameter_difference(toy *t, size_t channel, double v, int i)
{
    static const double weight[4] = { 1, -8, 8, -1 };
    static const float step[4] = { -2, -1, 1, 2 };
    const float p = t->p[i], h = 1.0f / 256;
    double sum = 0;
    for (int j = 0; j < 4; j++) {
        t->p[i] = p + step[j] * h;
        sum += weight[j] * toy_bits(t, channel, v);
    }
    t->p[i] = p;
    return sum / (12 * (double)h);
}

static double check_density(toy *t, size_t channel, double v)
{
    nenc_prob_density d;
    nenc_prob_density_grad sums = { 0 };
    double worst = 0;
    nenc_prob_density_init(&d, &t->f, channel);
    const nenc_prob_bits b = nenc_prob_bits_density(&d, v, 1e-30, 2.5, &sums);
    const double u = nenc_prob_factorized_logit(&t->f, channel, v + 0.5);
    const double l = nenc_prob_factorized_logit(&t->f, channel, v - 0.5);
    near(mass(b), u > -l ? 1 / (1 + exp(l)) - 1 / (1 + exp(u))
                         : 1 / (1 + exp(-u)) - 1 / (1 + exp(-l)), 1e-9);
    const double h = 1.0 / 256;
    worst = error_of(b.dv, (toy_bits(t, channel, v - 2 * h)
                            - 8 * toy_bits(t, channel, v - h)
                            + 8 * toy_bits(t, channel, v + h)
                            - toy_bits(t, channel, v + 2 * h)) / (12 * h), 1);
    memset(t->g, 0, sizeof t->g);
    nenc_prob_density_grad_add(&t->grad, &sums, channel);
    for (int i = 0; i < CHANNELS * PARAMETERS; i++)
        worst = fmax(worst, error_of(t->g[i], 2.5 * parameter_difference(
                                     t, channel, v, i), 1));
    return worst;
}

/* The stores are floats, hence 1e-6 and no less. */
static void density_derivatives_are_differences(void **state)
{
    toy t;
    double worst = 0;
    int n = 0;
    (void)state;
    seed = 5;
    for (int i = 0; i < 200; i++) {
        random_toy(&t);
        const double v = uniform(-6, 6);
        const size_t channel = (size_t)i % CHANNELS;
        if (toy_bits(&t, channel, v) > 60)
            continue;
        n++;
        worst = fmax(worst, check_density(&t, channel, v));
    }
    assert_true(n > 100);
    print_message("density: largest error %.1e\n", worst);
    assert_true(worst < 1e-5);
}

static void density_stays_finite(void **state)
{
    static const float p[] = { 0, 1, -1, 100, -100, 1e30f, -1e30f, FLT_MAX,
                               -FLT_MAX, 1e-40f };
    static const double v[] = { 0, 0.5, -3, 1e4, -1e9, 1e17, -1e300, DBL_MAX };
    toy t;
    nenc_prob_density d;
    (void)state;
    seed = 6;
    for (int i = 0; i < 3000; i++) {
        lay_out(&t);
        for (int j = 0; j < PARAMETERS * CHANNELS; j++)
            t.p[j] = i < 10 ? p[i] : p[(int)uniform(0, 10)];
        nenc_prob_density_init(&d, &t.f, 1);
        for (size_t j = 0; j < 8; j++) {
            nenc_prob_density_grad g = { 0 };
            const point at = { v[j], 0, 0 };
            all_finite(nenc_prob_bits_density(&d, v[j], 0, 1, &g), &at);
            for (int k = 0; k < 5; k++)
                for (int o = 0; o < 3; o++)
                    assert_true(isfinite(g.matrix[k][o] + g.bias[k][o]
                                         + (k < 4 ? g.factor[k][o] : 0)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masses_are_the_known_ones),
        cmocka_unit_test(special_cases_agree),
        cmocka_unit_test(training_formulas_are_laplace),
        cmocka_unit_test(derivatives_are_differences),
        cmocka_unit_test(formulas_have_their_own_slopes),
        cmocka_unit_test(a_scale_leaves_its_bound),
        cmocka_unit_test(a_mass_leaves_its_bound),
        cmocka_unit_test(anything_finite_stays_finite),
        cmocka_unit_test(density_starts_as_published),
        cmocka_unit_test(density_derivatives_are_differences),
        cmocka_unit_test(density_stays_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
