/* SPDX-License-Identifier: BSD-2-Clause */
/* Not normative: see prob_model.h.  Distributions to tables; used when a model
 * is exported, never by a decoder. */
#include <math.h>
#include <string.h>

#include "mem.h"
#include "prob_model.h"

/* Values either side of a table's centre; beyond, escapes. */
enum { REACH = 30000 };

static const nenc_prob_limits default_limits = NENC_PROB_LIMITS_DEFAULT;

/* ------------------------------------------------------------------ tables */

void nenc_prob_tables_free(nenc_prob_tables *tables)
{
    nenc_mem_free(tables->lengths);
    nenc_mem_free(tables->offsets);
    nenc_mem_free(tables->freqs);
    memset(tables, 0, sizeof *tables);
}

/* A larger copy of `old`, which is freed; NULL leaves it. */
static void *grown(void *old, size_t n, size_t room, size_t size)
{
    void *p = nenc_mem_alloc(room, size);
    if (p && n)
        memcpy(p, old, n * size);
    if (p)
        nenc_mem_free(old);
    return p;
}

static nenc_status make_room(nenc_prob_tables *t, size_t n_freqs)
{
    if (t->n_tables == t->tables_room) {
        const size_t room = t->tables_room * 2 + 64;
        int32_t *p = grown(t->lengths, t->n_tables, room, sizeof *p);
        if (!p)
            return NENC_ENOMEM;
        t->lengths = p;
        p = grown(t->offsets, t->n_tables, room, sizeof *p);
        if (!p)
            return NENC_ENOMEM;
        t->offsets = p;
        t->tables_room = room;
    }
    if (n_freqs > t->freqs_room - t->n_freqs) {
        const size_t room = t->freqs_room * 2 + n_freqs;
        uint16_t *p = grown(t->freqs, t->n_freqs, room, sizeof *p);
        if (!p)
            return NENC_ENOMEM;
        t->freqs = p;
        t->freqs_room = room;
    }
    return NENC_OK;
}

/* Every zero becomes 1 at the cost of the smallest frequency above 1, the
 * first one of several. */
static void raise_zeros(uint32_t *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (f[i])
            continue;
        size_t from = n;
        for (size_t j = 0; j < n; j++)
            if (f[j] > 1 && (from == n || f[j] < f[from]))
                from = j;
        f[from]--;
        f[i] = 1;
    }
}

/* The procedure of the reference tools; what rounding down leaves goes to the
 * escape. */
static void round_reference(uint32_t *f, const double *pmf, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        f[i] = (uint32_t)floor(pmf[i] * NENC_CDF_TOTAL + 0.5);
        sum += f[i];
    }
    uint32_t left = NENC_CDF_TOTAL;
    /* sum is 0 only where every probability is below 2^-17. */
    for (size_t i = 0; sum && i < n; i++) {
        f[i] = (uint32_t)((uint64_t)f[i] * NENC_CDF_TOTAL / sum);
        left -= f[i];
    }
    f[n - 1] += left;
    raise_zeros(f, n);
}

/* Give (step 1) or take (step -1) one count where it matters most or least:
 * the bits of entry i are -pmf[i] log2 f[i]. */
static void move_one(uint32_t *f, const double *pmf, size_t n, int step)
{
    size_t best = n;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (step < 0 && f[i] == 1)
            continue;
        const double slope = step * pmf[i] / (f[i] + 0.5 * step);
        if (best == n || slope > most) {
            best = i;
            most = slope;
        }
    }
    f[best] += (uint32_t)step;
}

static void round_best(uint32_t *f, const double *pmf, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        f[i] = (uint32_t)floor(pmf[i] * NENC_CDF_TOTAL + 0.5);
        f[i] = NENC_MAX(f[i], 1);
        sum += f[i];
    }
    for (; sum < NENC_CDF_TOTAL; sum++)
        move_one(f, pmf, n, 1);
    for (; sum > NENC_CDF_TOTAL; sum--)
        move_one(f, pmf, n, -1);
}

nenc_status nenc_prob_freqs(uint16_t *freqs, const double *pmf, size_t n,
                            bool reference)
{
    if (n < 2 || n > NENC_CDF_MAX_LENGTH)
        return NENC_EINVAL;
    double mass = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(pmf[i] >= 0 && pmf[i] <= 1.01))
            return NENC_EINVAL;
        mass += pmf[i];
    }
    if (mass < 0.99 || mass > 1.01)
        return NENC_EINVAL;
    uint32_t *f = nenc_mem_alloc(n, sizeof *f);
    if (!f)
        return NENC_ENOMEM;
    if (reference)
        round_reference(f, pmf, n);
    else
        round_best(f, pmf, n);
    for (size_t i = 0; i < n; i++)
        freqs[i] = (uint16_t)f[i];
    nenc_mem_free(f);
    return NENC_OK;
}

/* Entries [*lo, *hi) of the n ordinary ones that are worth their place. */
static void trim(const double *pmf, size_t n, double min_count, size_t *lo,
                 size_t *hi)
{
    const double least = min_count / NENC_CDF_TOTAL;
    *lo = 0;
    *hi = n;
    while (*hi - *lo > 1 && pmf[*lo] < least)
        ++*lo;
    while (*hi - *lo > 1 && pmf[*hi - 1] < least)
        --*hi;
}

nenc_status nenc_prob_add_pmf(nenc_prob_tables *tables, int32_t offset,
                              const double *pmf, size_t n,
                              const nenc_prob_limits *limits)
{
    if (n < 2 || n > NENC_CDF_MAX_LENGTH || offset < -NENC_CDF_MAX_OFFSET
        || offset > NENC_CDF_MAX_OFFSET - NENC_CDF_MAX_LENGTH
        || tables->n_tables == NENC_CDF_MAX_TABLES)
        return NENC_EINVAL;
    size_t lo, hi;
    limits = limits ? limits : &default_limits;
    trim(pmf, n - 1, limits->min_count, &lo, &hi);
    const size_t length = hi - lo + 1;
    double *kept = nenc_mem_alloc(length, sizeof *kept);
    nenc_status st = kept ? make_room(tables, length) : NENC_ENOMEM;
    if (st >= 0) {
        memcpy(kept, pmf + lo, (length - 1) * sizeof *kept);
        kept[length - 1] = pmf[n - 1];
        for (size_t i = 0; i < lo; i++)
            kept[length - 1] += pmf[i];
        for (size_t i = hi; i < n - 1; i++)
            kept[length - 1] += pmf[i];
        st = nenc_prob_freqs(tables->freqs + tables->n_freqs, kept, length,
                             limits->reference);
    }
    if (st >= 0) {
        tables->lengths[tables->n_tables] = (int32_t)length;
        tables->offsets[tables->n_tables] = offset + (int32_t)lo;
        tables->n_tables++;
        tables->n_freqs += length;
    }
    nenc_mem_free(kept);
    return st;
}

void nenc_prob_log_scales(double *scales, size_t n, double lo, double hi)
{
    const double a = log(lo), b = log(hi);
    for (size_t i = 0; i < n; i++)
        scales[i] = exp(a + (b - a) * (double)i / (double)(n - 1));
}

/* ---------------------------------------------------- generalized Gaussian */

/* x^s e^-x / Gamma(s), the factor of both expansions below. */
static double gamma_factor(double s, double x)
{
    return exp(s * log(x) - x - lgamma(s));
}

/* Lower incomplete gamma P(s, x) = factor * sum x^i / (s (s+1) ... (s+i)):
 * good for x < s + 1. */
static double gamma_series(double s, double x)
{
    double term = 1 / s, sum = term;
    for (int i = 1; i < 1000 && term > sum * 1e-17; i++) {
        term *= x / (s + i);
        sum += term;
    }
    return sum * gamma_factor(s, x);
}

/* Upper incomplete gamma Q(s, x) by its continued fraction, evaluated from
 * the front (modified Lentz): good for x >= s + 1. */
static double gamma_fraction(double s, double x)
{
    const double tiny = 1e-300;
    double b = x + 1 - s;
    double c = 1 / tiny, d = 1 / b, value = d;
    for (int i = 1; i < 1000; i++) {
        const double a = -i * (i - s);
        b += 2;
        d = a * d + b;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = b + a / c;
        c = fabs(c) < tiny ? tiny : c;
        value *= c * d;
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return value * gamma_factor(s, x);
}

/* Mass within |x| <= t and beyond it, for a = 1; each to its own accuracy. */
static double ggd_inside(double t, double beta)
{
    const double s = 1 / beta, x = pow(t, beta);
    if (!(x > 0))
        return 0;
    return x < s + 1 ? gamma_series(s, x) : 1 - gamma_fraction(s, x);
}

static double ggd_outside(double t, double beta)
{
    const double s = 1 / beta, x = pow(t, beta);
    if (!(x > 0))
        return 1;
    return x < s + 1 ? 1 - gamma_series(s, x) : gamma_fraction(s, x);
}

/* Mass of lo <= x <= hi, taken in the tail where both lie in one. */
static double ggd_mass(double lo, double hi, double beta)
{
    if (hi < 0)
        return ggd_mass(-hi, -lo, beta);
    if (lo >= 0)
        return 0.5 * (ggd_outside(lo, beta) - ggd_outside(hi, beta));
    return 0.5 * (ggd_inside(-lo, beta) + ggd_inside(hi, beta));
}

/* The t beyond which both tails hold `mass`. */
static double ggd_reach(double mass, double beta)
{
    double lo = 0, hi = 1;
    while (ggd_outside(hi, beta) > mass && hi < 1e15)
        hi *= 2;
    for (int i = 0; i < 100; i++) {
        const double t = 0.5 * (lo + hi);
        if (ggd_outside(t, beta) > mass)
            lo = t;
        else
            hi = t;
    }
    return hi;
}

nenc_status nenc_prob_add_ggd(nenc_prob_tables *tables, double mean, double a,
                              double beta, const nenc_prob_limits *limits)
{
    limits = limits ? limits : &default_limits;
    if (!(a >= 0.001 && a <= 4000 && beta >= 0.25 && beta <= 8
          && fabs(mean) <= 1 << 20 && limits->tail_mass >= 1e-12
          && limits->tail_mass <= 0.1))
        return NENC_EINVAL;
    const double reach = ceil(a * ggd_reach(limits->tail_mass, beta));
    const int32_t c = (int32_t)fmin(reach, REACH);
    const size_t n = 2 * (size_t)c + 1;
    const int32_t centre = (int32_t)floor(mean + 0.5);
    const double shift = centre - mean;
    double *pmf = nenc_mem_alloc(n + 1, sizeof *pmf);
    if (!pmf)
        return NENC_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const double k = (double)i - c + shift;
        pmf[i] = ggd_mass((k - 0.5) / a, (k + 0.5) / a, beta);
    }
    pmf[n] = 0.5 * (ggd_outside((c + 0.5 - shift) / a, beta)
                    + ggd_outside((c + 0.5 + shift) / a, beta));
    const nenc_status st = nenc_prob_add_pmf(tables, centre - c, pmf, n + 1,
                                             limits);
    nenc_mem_free(pmf);
    return st;
}

nenc_status nenc_prob_add_gaussian(nenc_prob_tables *tables, double scale,
                                   const nenc_prob_limits *limits)
{
    return nenc_prob_add_ggd(tables, 0, scale * sqrt(2.0), 2, limits);
}

/* -------------------------------------------------------------- factorized */

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

double nenc_prob_factorized_logit(const nenc_prob_factorized *f,
                                  size_t channel, double v)
{
    static const size_t width[6] = { 1, 3, 3, 3, 3, 1 };
    double x[3] = { v, 0, 0 };
    for (size_t k = 0; k < 5; k++) {
        const size_t cin = width[k], cout = width[k + 1];
        const float *m = f->matrix[k] + channel * cout * cin;
        double y[3] = { 0, 0, 0 };
        for (size_t o = 0; o < cout; o++) {
            y[o] = f->bias[k][channel * cout + o];
            for (size_t i = 0; i < cin; i++)
                y[o] += softplus(m[o * cin + i]) * x[i];
            if (k < 4)
                y[o] += tanh(f->factor[k][channel * cout + o]) * tanh(y[o]);
        }
        memcpy(x, y, sizeof x);
    }
    return x[0];
}

/* The v where the logit passes `target`. */
static double solve_logit(const nenc_prob_factorized *f, size_t channel,
                          double target)
{
    double lo = -1e5, hi = 1e5;
    for (int i = 0; i < 100; i++) {
        const double v = 0.5 * (lo + hi);
        if (nenc_prob_factorized_logit(f, channel, v) < target)
            lo = v;
        else
            hi = v;
    }
    return 0.5 * (lo + hi);
}

/* Mass between two logits, in the tail where both lie in one. */
static double logit_mass(double lower, double upper)
{
    if (lower + upper > 0)
        return sigmoid(-lower) - sigmoid(-upper);
    return sigmoid(upper) - sigmoid(lower);
}

static int32_t steps_between(double lo, double hi)
{
    const double d = ceil(hi - lo);
    return d > 0 ? (int32_t)fmin(d, REACH) : 0;
}

static nenc_status add_channel(nenc_prob_tables *tables,
                               const nenc_prob_factorized *f, size_t channel,
                               const double q[3],
                               const nenc_prob_limits *limits)
{
    const int32_t below = steps_between(q[0], q[1]);
    const int32_t above = steps_between(q[1], q[2]);
    const size_t n = (size_t)below + (size_t)above + 1;
    double *pmf = nenc_mem_alloc(n + 1, sizeof *pmf);
    if (!pmf)
        return NENC_ENOMEM;
    const double first = nenc_prob_factorized_logit(f, channel,
                                                    q[1] - below - 0.5);
    double lower = first;
    for (size_t i = 0; i < n; i++) {
        const double v = q[1] - below + (double)i + 0.5;
        const double upper = nenc_prob_factorized_logit(f, channel, v);
        pmf[i] = fmax(logit_mass(lower, upper), 0);
        if (!isfinite(upper))
            pmf[i] = NAN;
        lower = upper;
    }
    pmf[n] = sigmoid(first) + sigmoid(-lower);
    const nenc_status st = nenc_prob_add_pmf(tables, -below, pmf, n + 1,
                                             limits);
    nenc_mem_free(pmf);
    return st;
}

nenc_status nenc_prob_add_factorized(nenc_prob_tables *tables,
                                     const nenc_prob_factorized *f,
                                     const float *quantiles,
                                     const nenc_prob_limits *limits,
                                     float *medians, nenc_diag *diag)
{
    limits = limits ? limits : &default_limits;
    const double tail = log(2 / limits->tail_mass - 1);
    const size_t n_tables = tables->n_tables, n_freqs = tables->n_freqs;
    for (size_t c = 0; c < f->channels; c++) {
        double q[3];
        for (int i = 0; i < 3; i++)
            q[i] = quantiles ? (double)quantiles[3 * c + (size_t)i]
                             : solve_logit(f, c, tail * (i - 1));
        medians[c] = (float)q[1];
        q[1] = medians[c];
        const nenc_status st = isfinite(q[0] + q[1] + q[2])
                               ? add_channel(tables, f, c, q, limits)
                               : NENC_EINVAL;
        if (st < 0) {
            tables->n_tables = n_tables;
            tables->n_freqs = n_freqs;
            return nenc_fail(diag, st, st == NENC_ENOMEM ? "out of memory for "
                             "the table of channel %zu" : "the factorized "
                             "density of channel %zu is not finite", c);
        }
    }
    return NENC_OK;
}
