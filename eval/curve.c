/* SPDX-License-Identifier: BSD-2-Clause */
/* Bjontegaard's differences with piecewise cubics: see curve.h. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "curve.h"
#include "mem.h"
#include "status.h"

/* A function through points that both rise. */
typedef struct cubic {
    size_t n;
    double *x, *y, *slope;
} cubic;

/* Before anything else a point's rate becomes its logarithm, and the sign of
 * its quality what makes higher better. */
static int by_rate(const void *a, const void *b)
{
    const nenc_curve_point *p = a, *q = b;
    if (p->rate != q->rate)
        return p->rate < q->rate ? -1 : 1;
    return (p->quality < q->quality) - (p->quality > q->quality);
}

static nenc_status check_points(const nenc_curve_point *p, size_t n,
                                const char *name, nenc_diag *diag)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(p[i].rate) || p[i].rate <= 0 || !isfinite(p[i].quality))
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "%s's point %zu has rate %g and quality %g: both "
                             "must be finite and the rate over 0",
                             name, i + 1, p[i].rate, p[i].quality);
    return NENC_OK;
}

/* Sort, and drop what is dominated; *n becomes what is left: rates rise, and
 * so do qualities. */
static nenc_status make_curve(nenc_curve_point *p, size_t *n,
                              const char *name, nenc_diag *diag)
{
    size_t kept = 0;
    qsort(p, *n, sizeof *p, by_rate);
    for (size_t i = 0; i < *n; i++)
        if (kept == 0 || p[i].quality > p[kept - 1].quality)
            p[kept++] = p[i];
    const size_t dropped = *n - kept;
    if (4 * dropped > *n)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%s is no curve: %zu of its %zu points have no more "
                         "quality than one of lower rate", name, dropped, *n);
    if (kept < NENC_CURVE_POINTS)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%s has %zu point%s, at least %d are needed", name,
                         kept, kept == 1 ? "" : "s", NENC_CURVE_POINTS);
    *n = kept;
    return NENC_OK;
}

/* -------------------------------------------------------- piecewise cubics */

/* From the parabola through three points, h and d the first two intervals and
 * the slopes over them.  Of the two corrections that keep the end monotone,
 * that for d of different signs cannot occur here. */
static double end_slope(double h0, double h1, double d0, double d1)
{
    return fmax(((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1), 0);
}

static void set_slopes(cubic *c)
{
    const size_t n = c->n;
    const double *x = c->x, *y = c->y;
    assert(n >= 3);
    for (size_t i = 1; i < n - 1; i++) {
        const double h0 = x[i] - x[i - 1], h1 = x[i + 1] - x[i];
        const double d0 = (y[i] - y[i - 1]) / h0, d1 = (y[i + 1] - y[i]) / h1;
        c->slope[i] = 3 * (h0 + h1)
                    / ((h0 + 2 * h1) / d0 + (2 * h0 + h1) / d1);
        if (i == 1)
            c->slope[0] = end_slope(h0, h1, d0, d1);
        if (i == n - 2)
            c->slope[n - 1] = end_slope(h1, h0, d1, d0);
    }
}

/* In the interval that starts at point i. */
static double value_at(const cubic *c, size_t i, double x)
{
    const double h = c->x[i + 1] - c->x[i];
    const double t = (x - c->x[i]) / h, u = 1 - t;
    return (1 + 2 * t) * u * u * c->y[i] + t * u * u * h * c->slope[i]
         + (1 + 2 * u) * t * t * c->y[i + 1] - u * t * t * h * c->slope[i + 1];
}

/* Simpson's rule: for a cubic it is exact. */
static double integral(const cubic *c, double from, double to)
{
    double sum = 0;
    for (size_t i = 0; i + 1 < c->n; i++) {
        const double a = fmax(from, c->x[i]), b = fmin(to, c->x[i + 1]);
        if (a < b)
            sum += (b - a) / 6 * (value_at(c, i, a) + value_at(c, i, b)
                                  + 4 * value_at(c, i, a + (b - a) / 2));
    }
    return sum;
}

/* ------------------------------------------------------------- differences */

static nenc_status open_cubic(cubic *c, const nenc_curve_point *points,
                              size_t n, double sign,
                              const char *name, nenc_arena *arena,
                              nenc_diag *diag)
{
    NENC_TRY(check_points(points, n, name, diag));
    nenc_curve_point *p = nenc_arena_zalloc(arena, n, sizeof *p);
    double *memory = nenc_arena_zalloc(arena, n, 3 * sizeof *memory);
    if (!p || !memory)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        p[i] = (nenc_curve_point){ log(points[i].rate),
                                   sign * points[i].quality };
    NENC_TRY(make_curve(p, &n, name, diag));
    c->n = n;
    c->x = memory;
    c->y = memory + n;
    c->slope = memory + 2 * n;
    for (size_t i = 0; i < n; i++) {
        c->x[i] = p[i].quality;
        c->y[i] = p[i].rate;
    }
    set_slopes(c);
    return NENC_OK;
}

/* Of test's function from anchor's. */
static nenc_status mean_difference(double *mean, double *from, double *to,
                                   const cubic *anchor, const cubic *test,
                                   nenc_diag *diag)
{
    const double a0 = anchor->x[0], a1 = anchor->x[anchor->n - 1];
    const double t0 = test->x[0], t1 = test->x[test->n - 1];
    *from = fmax(a0, t0);
    *to = fmin(a1, t1);
    const double share = (*to - *from) / fmin(a1 - a0, t1 - t0);
    if (!(share > 0))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "the two curves have no range in common");
    if (share < NENC_CURVE_SHARE)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "the two curves have %.1f %% of the shorter one's "
                         "range in common, at least %.0f %% are needed",
                         100 * share, 100 * NENC_CURVE_SHARE);
    *mean = (integral(test, *from, *to) - integral(anchor, *from, *to))
          / (*to - *from);
    return NENC_OK;
}

nenc_status nenc_bd_rate(double *percent, double *from, double *to,
                         const nenc_curve_point *anchor, size_t n_anchor,
                         const nenc_curve_point *test, size_t n_test,
                         bool higher_is_better, nenc_diag *diag)
{
    const double sign = higher_is_better ? 1 : -1;
    cubic a, b;
    nenc_arena arena;
    double mean = 0, low = 0, high = 0;
    nenc_arena_init(&arena, SIZE_MAX);
    nenc_status st = open_cubic(&a, anchor, n_anchor, sign, "the anchor",
                                &arena, diag);
    if (st >= 0)
        st = open_cubic(&b, test, n_test, sign, "the curve", &arena, diag);
    if (st >= 0)
        st = mean_difference(&mean, &low, &high, &a, &b, diag);
    nenc_arena_free(&arena);
    NENC_TRY(st);
    *percent = 100 * expm1(mean);
    if (from)
        *from = higher_is_better ? low : -high;
    if (to)
        *to = higher_is_better ? high : -low;
    return NENC_OK;
}
