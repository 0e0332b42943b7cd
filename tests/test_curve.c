/* SPDX-License-Identifier: BSD-2-Clause */
/* BD-rate and BD-quality: against what a hand can compute, against SciPy, and
 * over published curves of Kodak where the file with them is there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "curve.h"

enum { N = 5 };

static const nenc_curve_point one[N] = {
    { .1, 28.1 }, { .25, 31 }, { .5, 33.2 }, { 1, 37.4 }, { 2.1, 40 },
};
static const nenc_curve_point other[N] = {
    { .08, 29 }, { .2, 30.5 }, { .55, 35 }, { .9, 36.1 }, { 1.6, 41.2 },
};

static void is_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g, expected %.12g", value, expected);
}

/* A copy with other rates, and qualities. */
static void scale(nenc_curve_point dst[N], double rate, double quality,
                  double more_quality)
{
    for (int i = 0; i < N; i++) {
        dst[i].rate = one[i].rate * rate;
        dst[i].quality = one[i].quality * quality + more_quality;
    }
}

static double rate_of(const nenc_curve_point *anchor,
                      const nenc_curve_point *test, bool higher_is_better)
{
    double v = NAN;
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, anchor, N, test, N,
                                  higher_is_better, NULL), NENC_OK);
    return v;
}

static void a_curve_and_itself(void **state)
{
    (void)state;
    is_near(rate_of(one, one, true), 0, 0);
}

static void rates_and_qualities_scaled(void **state)
{
    (void)state;
    nenc_curve_point test[N];
    scale(test, 0.8, 1, 0);
    is_near(rate_of(one, test, true), -20, 1e-9);
    is_near(rate_of(test, one, true), 25, 1e-9);
}

/* A line in the logarithm of the rate stays one: PCHIP reproduces it, whatever
 * the points.  8 dB per factor of e; the other one is 2 dB above. */
static void lines_with_other_points(void **state)
{
    (void)state;
    static const double anchor_rate[N] = { .1, .2, .35, .8, 1 };
    static const double test_rate[N] = { .13, .15, .5, 1.1, 1.3 };
    nenc_curve_point anchor[N], test[N];
    for (int i = 0; i < N; i++) {
        anchor[i].rate = anchor_rate[i];
        anchor[i].quality = 40 + 8 * log(anchor_rate[i]);
        test[i].rate = test_rate[i];
        test[i].quality = 42 + 8 * log(test_rate[i]);
    }
    double v, from, to;
    assert_int_equal(nenc_bd_rate(&v, &from, &to, anchor, N, test, N, true,
                                  NULL), NENC_OK);
    is_near(v, 100 * expm1(-2.0 / 8), 1e-9);
    is_near(from, test[0].quality, 1e-12);
    is_near(to, anchor[N - 1].quality, 1e-12);
}

/* The same curves with qualities as distances. */
static void lower_is_better(void **state)
{
    (void)state;
    nenc_curve_point a[N], b[N];
    double v, from, to;
    for (int i = 0; i < N; i++) {
        a[i] = (nenc_curve_point){ one[i].rate, 50 - one[i].quality };
        b[i] = (nenc_curve_point){ other[i].rate, 50 - other[i].quality };
    }
    is_near(rate_of(a, b, false), rate_of(one, other, true), 1e-9);
    assert_int_equal(nenc_bd_rate(&v, &from, &to, a, N, b, N, false, NULL),
                     NENC_OK);
    is_near(from, 10, 1e-12);
    is_near(to, 21, 1e-12);
}

/* python3-scipy, on the points at the top:
 *
 *  from numpy import log, expm1
 *  from scipy.interpolate import PchipInterpolator as P
 *  a = [(.1, 28.1), (.25, 31.), (.5, 33.2), (1., 37.4), (2.1, 40.)]
 *  t = [(.08, 29.), (.2, 30.5), (.55, 35.), (.9, 36.1), (1.6, 41.2)]
 *  def mean(f, g, lo, hi):
 *      return (P(*g).integrate(lo, hi) - P(*f).integrate(lo, hi)) / (hi - lo)
 *  def ends(x, y): return max(x[0], y[0]), min(x[-1], y[-1])
 *  (ra, qa), (rt, qt) = zip(*a), zip(*t)
 *  print(100 * expm1(mean((qa, log(ra)), (qt, log(rt)), *ends(qa, qt))))
 *  print(mean((log(ra), qa), (log(rt), qt), *ends(log(ra), log(rt)))) */
static void as_scipy_has_it(void **state)
{
    (void)state;
    is_near(rate_of(one, other, true), -11.085114228540476, 1e-9);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    static const int order[N] = { 3, 0, 4, 2, 1 };
    nenc_curve_point test[N];
    for (int i = 0; i < N; i++)
        test[i] = other[order[i]];
    is_near(rate_of(one, test, true), rate_of(one, other, true), 0);
}

static void a_dominated_point_is_dropped(void **state)
{
    (void)state;
    nenc_curve_point test[N + 2];
    double v;
    memcpy(test, other, sizeof other);
    test[N] = (nenc_curve_point){ .6, 34.9 };
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, one, N, test, N + 1, true,
                                  NULL), NENC_OK);
    is_near(v, rate_of(one, other, true), 0);
    test[N] = other[2];                                 /* an equal one */
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, one, N, test, N + 1, true,
                                  NULL), NENC_OK);
    is_near(v, rate_of(one, other, true), 0);
    test[N + 1] = (nenc_curve_point){ 2, 41.2 };        /* two of seven */
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, one, N, test, N + 2, true,
                                  NULL), NENC_EUNSUPPORTED);
}

static void refuses(const nenc_curve_point *test, size_t n, const char *why)
{
    double v;
    nenc_diag diag = { NENC_OK, "" };
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, one, N, test, n, true,
                                  &diag), NENC_EUNSUPPORTED);
    if (!strstr(diag.text, why))
        fail_msg("\"%s\" without \"%s\"", diag.text, why);
    assert_int_equal(nenc_bd_rate(&v, NULL, NULL, test, n, one, N, true,
                                  NULL), NENC_EUNSUPPORTED);
}

static void refuses_what_is_no_curve(void **state)
{
    (void)state;
    nenc_curve_point test[N];
    refuses(one, 3, "has 3 points");
    refuses(NULL, 0, "has 0 points");
    memcpy(test, one, sizeof one);
    test[2].quality = INFINITY;
    refuses(test, N, "point 3");
    test[2].quality = NAN;
    refuses(test, N, "point 3");
    memcpy(test, one, sizeof one);
    test[0].rate = 0;
    refuses(test, N, "point 1");
    scale(test, 1, -1, 60);             /* falls with the rate */
    refuses(test, N, "no curve");
}

static void refuses_without_a_common_range(void **state)
{
    (void)state;
    nenc_curve_point test[N];
    scale(test, 1, 1, 20);
    refuses(test, N, "no range in common");
    scale(test, 1, 1, 11.9);            /* they touch */
    refuses(test, N, "in common");
    scale(test, 1, 1, 11);              /* 0.9 of 11.9 */
    refuses(test, N, "7.6 % of the shorter one's range in common");
    scale(test, 1, 1, 10);
    assert_true(rate_of(one, test, true) < 0);
}

/* ------------------------------------------------------- published curves */

enum { PUBLISHED_MAX = 32 };

static size_t read_published(nenc_curve_point *points, FILE *f,
                             const char *codec)
{
    char line[256];
    const size_t length = strlen(codec);
    size_t n = 0;
    rewind(f);
    while (n < PUBLISHED_MAX && fgets(line, sizeof line, f))
        if (!strncmp(line, codec, length)
            && sscanf(line + length, ",none,%lf,%lf", &points[n].rate,
                      &points[n].quality) == 2)
            n++;
    return n;
}

static void published_curves_of_kodak(void **state)
{
    (void)state;
    static const struct { const char *codec; double percent; } rows[] = {
        { "av1-libaom-444-8bit", 16 },
        { "bpg-0.9.8-x265-444-ycbcr", 22 },
        { "hm-scm-444-ycbcr-intra", 23 },
        { "webp-pillow-7.1.2", 79 },
    };
    const char *top = getenv("top_srcdir");
    char path[4096];
    snprintf(path, sizeof path, "%s/../shared/specs/rd-kodak-published.csv",
             top ? top : ".");
    FILE *f = fopen(path, "r");
    if (!f)
        skip();
    nenc_curve_point vtm[PUBLISHED_MAX], test[PUBLISHED_MAX];
    const size_t n_vtm = read_published(vtm, f,
                                        "vtm-444-ycbcr-intra(compressai)");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t n = read_published(test, f, rows[i].codec);
        double v, from, to;
        assert_int_equal(nenc_bd_rate(&v, &from, &to, vtm, n_vtm, test, n,
                                      true, NULL), NENC_OK);
        printf("%s: %.2f %%, %.2f to %.2f dB\n", rows[i].codec, v, from, to);
        is_near(v, rows[i].percent, 0.5);
    }
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_curve_and_itself),
        cmocka_unit_test(rates_and_qualities_scaled),
        cmocka_unit_test(lines_with_other_points),
        cmocka_unit_test(lower_is_better),
        cmocka_unit_test(as_scipy_has_it),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(a_dominated_point_is_dropped),
        cmocka_unit_test(refuses_what_is_no_curve),
        cmocka_unit_test(refuses_without_a_common_range),
        cmocka_unit_test(published_curves_of_kodak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
