/* SPDX-License-Identifier: BSD-2-Clause */
/* Not normative: bits under a density and their derivatives, see prob_grad.h.
 * Masses are taken in the tail that holds them, so that they keep their
 * digits. */
#include <math.h>
#include <string.h>

#include "mem.h"
#include "prob_grad.h"

static const double ln2 = 0.69314718055994530942;
static const double least_scale = 1e-6, least_mass = 1e-30;
static const double least_beta = 0.25, most_beta = 8;
/* Squares and quotients stay in the range of a double. */
static const double most_value = 1e100;

/* ------------------------------------------------------------ common parts */

/* [lo, hi] in units of the scale, with 0 <= lo + hi: the densities are even. */
typedef struct bin {
    double lo, hi;
    double sign;          /* of v; 0 for 0 */
    double scale;
} bin;

/* Derivatives of a mass, as nenc_prob_bits has those of the bits. */
typedef struct mass {
    double p, dv, dscale, dbeta;
} mass;

static double bounded_scale(double scale, double scale_min)
{
    return fmin(fmax(scale, fmax(scale_min, least_scale)), most_value);
}

static bin bin_of(double v, double scale, double scale_min)
{
    const double s = bounded_scale(scale, scale_min);
    const double x = fmin(fabs(v), most_value);
    return (bin){ .lo = (x - 0.5) / s, .hi = (x + 0.5) / s,
                  .sign = (v > 0) - (v < 0), .scale = s };
}

/* What every density of a scale has: P = G(hi) - G(lo), G' = g. */
static mass mass_of(const bin *b, double p, double g_lo, double g_hi)
{
    return (mass){ .p = p, .dv = b->sign * (g_hi - g_lo) / b->scale,
                   .dscale = (b->lo * g_lo - b->hi * g_hi) / b->scale };
}

/* The mass's bound passes every derivative: that of the bits by the mass is
 * negative. */
static nenc_prob_bits bits_of(const mass *m, double mass_min)
{
    const double p = fmax(m->p, fmax(mass_min, least_mass));
    const double slope = -1 / (ln2 * p);
    return (nenc_prob_bits){ .bits = -log2(p), .dv = slope * m->dv,
                             .dscale = slope * m->dscale,
                             .dbeta = slope * m->dbeta };
}

static nenc_prob_bits bounded(const mass *m, double scale,
                              const nenc_prob_bounds *bounds)
{
    nenc_prob_bits r = bits_of(m, bounds->mass_min);
    if (scale < fmax(bounds->scale_min, least_scale))
        r.dscale = fmin(r.dscale, 0);
    return r;
}

/* ------------------------------------------- Gaussian, Laplace and logistic */

static double gaussian_density(double t)
{
    return 0.39894228040143267794 * exp(-0.5 * t * t);
}

nenc_prob_bits nenc_prob_bits_gaussian(double v, double scale,
                                       const nenc_prob_bounds *bounds)
{
    const double root_half = 0.70710678118654752440;
    const bin b = bin_of(v, scale, bounds->scale_min);
    const double lo = b.lo * root_half, hi = b.hi * root_half;
    const double p = 0.5 * (lo > 0.5 ? erfc(lo) - erfc(hi)
                                     : erf(hi) - erf(lo));
    const mass m = mass_of(&b, p, gaussian_density(b.lo),
                           gaussian_density(b.hi));
    return bounded(&m, scale, bounds);
}

static mass laplace_mass(const bin *b)
{
    const double p = b->lo >= 0 ? -0.5 * exp(-b->lo) * expm1(b->lo - b->hi)
                                : -0.5 * (expm1(b->lo) + expm1(-b->hi));
    return mass_of(b, p, 0.5 * exp(-fabs(b->lo)), 0.5 * exp(-b->hi));
}

nenc_prob_bits nenc_prob_bits_laplace(double v, double scale,
                                      const nenc_prob_bounds *bounds)
{
    const bin b = bin_of(v, scale, bounds->scale_min);
    const mass m = laplace_mass(&b);
    return bounded(&m, scale, bounds);
}

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double sigmoid_slope(double x)
{
    return sigmoid(x) * sigmoid(-x);
}

/* sigmoid(hi) - sigmoid(lo), without a difference of near numbers. */
static double sigmoid_between(double lo, double hi)
{
    return fmax(-sigmoid(hi) * sigmoid(-lo) * expm1(lo - hi), 0);
}

nenc_prob_bits nenc_prob_bits_logistic(double v, double scale,
                                       const nenc_prob_bounds *bounds)
{
    const bin b = bin_of(v, scale, bounds->scale_min);
    const mass m = mass_of(&b, sigmoid_between(b.lo, b.hi),
                           sigmoid_slope(b.lo), sigmoid_slope(b.hi));
    return bounded(&m, scale, bounds);
}

nenc_prob_bits nenc_prob_bits_laplace_rounded(double k, double scale)
{
    const double s = bounded_scale(scale, 0);
    const double x = fmin(fabs(k), most_value);
    nenc_prob_bits r = { 0 };
    if (x < 0.5) {
        r.bits = -log(-expm1(-0.5 / s)) / ln2;
        r.dscale = 0.5 / (s * s) / expm1(0.5 / s) / ln2;
    } else {
        r.bits = ((x - 0.5) / s - log(-expm1(-1 / s)) + ln2) / ln2;
        r.dv = (k < 0 ? -1 : 1) / (s * ln2);
        r.dscale = (1 / expm1(1 / s) - (x - 0.5)) / (s * s * ln2);
    }
    return r;
}

nenc_prob_bits nenc_prob_bits_laplace_clamped(double v, double scale)
{
    const double mass_min = 1e-7;
    const bin b = bin_of(v, scale, 0);
    const mass m = laplace_mass(&b);
    nenc_prob_bits r = bits_of(&m, mass_min);
    if (m.p < mass_min)
        r.dv = r.dscale = 0;
    return r;
}

/* ---------------------------------------------------- generalized Gaussian */

/* A number and its derivative by the shape s of the gamma function. */
typedef struct dual {
    double v, ds;
} dual;

/* psi(s) = (log Gamma)'(s), s > 0: up to 10 by its recurrence, from there by
 * its asymptotic series. */
static double digamma(double s)
{
    double sum = 0;
    for (; s < 10; s++)
        sum -= 1 / s;
    const double r = 1 / (s * s);
    return sum + log(s) - 0.5 / s
         - r * (1 / 12.0 - r * (1 / 120.0 - r * (1 / 252.0 - r * (1 / 240.0
               - r * (1 / 132.0 - r * (691 / 32760.0 - r / 12))))));
}

/* x^s e^-x / Gamma(s), the factor of both expansions below. */
static dual gamma_factor(double s, double x)
{
    const double lx = log(x);
    const double v = exp(s * lx - x) / tgamma(s);
    return (dual){ v, v > 0 ? v * (lx - digamma(s)) : 0 };
}

static dual dual_product(dual a, dual b)
{
    return (dual){ a.v * b.v, a.ds * b.v + a.v * b.ds };
}

/* Lower incomplete gamma P(s, x) = factor * sum x^i / (s (s+1) ... (s+i)):
 * good for x < s + 1. */
static dual gamma_series(double s, double x)
{
    dual term = { 1 / s, -1 / (s * s) }, sum = term;
    for (int i = 1; i < 1000 && fabs(term.ds) > fabs(sum.ds) * 1e-17; i++) {
        const double step = x / (s + i);
        term.ds = step * (term.ds - term.v / (s + i));
        term.v *= step;
        sum.v += term.v;
        sum.ds += term.ds;
    }
    return dual_product(gamma_factor(s, x), sum);
}

/* Upper incomplete gamma Q(s, x) by its continued fraction, evaluated from
 * the front (Lentz): good for x >= s + 1, where no denominator nears 0. */
static dual gamma_fraction(double s, double x)
{
    const dual factor = gamma_factor(s, x);
    double b = x + 1 - s;                   /* derivative -1 throughout */
    dual c = { 1e300, 0 }, d = { 1 / b, 1 / (b * b) }, value = d;
    if (!(factor.v > 0))
        return (dual){ 0, 0 };
    for (int i = 1; i < 1000; i++) {
        const double a = -i * (i - s);      /* derivative i */
        b += 2;
        d.ds = -(i * d.v + a * d.ds - 1);
        d.v = 1 / (a * d.v + b);
        d.ds *= d.v * d.v;
        c.ds = (i - a * c.ds / c.v) / c.v - 1;
        c.v = b + a / c.v;
        const dual step = dual_product(c, d);
        value = dual_product(value, step);
        if (fabs(step.v - 1) < 1e-15 && fabs(step.ds) < 1e-15)
            break;
    }
    return dual_product(factor, value);
}

/* Mass within (or, `outside`, beyond) |x| <= t for scale 1, and its derivative
 * by beta, in which s = 1 / beta and x = t^beta both move. */
static mass ggd_side(double t, double beta, bool outside)
{
    const double s = 1 / beta;
    const double x = fmin(pow(t, beta), 1e6);       /* e^-x is 0 long before */
    if (!(x > 1e-300))
        return (mass){ .p = outside };
    const bool inner = x < s + 1;
    const dual part = inner ? gamma_series(s, x) : gamma_fraction(s, x);
    const double moved = gamma_factor(s, x).v * log(t);
    mass m = { .p = part.v,
               .dbeta = (inner ? moved : -moved) - part.ds * s * s };
    if (inner == outside) {
        m.p = 1 - m.p;
        m.dbeta = -m.dbeta;
    }
    return m;
}

nenc_prob_bits nenc_prob_bits_ggd(double v, double scale, double beta,
                                  const nenc_prob_bounds *bounds)
{
    const double e = fmin(fmax(beta, least_beta), most_beta);
    const double peak = 0.5 * e / tgamma(1 / e);
    const bin b = bin_of(v, scale, bounds->scale_min);
    /* In the tail where both ends lie in one. */
    const bool outside = b.lo > 0 && pow(b.hi, e) > 1 / e + 1;
    const mass near = ggd_side(fabs(b.lo), e, outside);
    const mass far = ggd_side(b.hi, e, outside);
    const double sign = b.lo < 0 ? -1 : 1, half = outside ? -0.5 : 0.5;
    mass m = mass_of(&b, half * (far.p - sign * near.p),
                     peak * exp(-pow(fabs(b.lo), e)),
                     peak * exp(-pow(b.hi, e)));
    m.dbeta = half * (far.dbeta - sign * near.dbeta);
    nenc_prob_bits r = bounded(&m, scale, bounds);
    if (beta < least_beta)
        r.dbeta = fmin(r.dbeta, 0);
    else if (beta > most_beta)
        r.dbeta = fmax(r.dbeta, 0);
    return r;
}

/* -------------------------------------------------------------- factorized */

enum { LAYERS = 5, WIDEST = 3 };

static const size_t width[LAYERS + 1] = { 1, 3, 3, 3, 3, 1 };

/* What one evaluation leaves for the way back. */
typedef struct trace {
    double x[LAYERS][WIDEST];     /* what a layer was given */
    double gate[LAYERS][WIDEST];  /* tanh(its sums) */
    double logit;
} trace;

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

void nenc_prob_density_init(nenc_prob_density *d,
                            const nenc_prob_factorized *f, size_t channel)
{
    memset(d, 0, sizeof *d);
    for (size_t k = 0; k < LAYERS; k++) {
        const size_t n = width[k] * width[k + 1];
        for (size_t i = 0; i < n; i++) {
            const double m = f->matrix[k][channel * n + i];
            d->matrix[k][i] = softplus(m);
            d->matrix_slope[k][i] = sigmoid(m);
        }
        for (size_t o = 0; o < width[k + 1]; o++) {
            const size_t at = channel * width[k + 1] + o;
            d->bias[k][o] = f->bias[k][at];
            if (k == LAYERS - 1)
                continue;
            const double t = tanh((double)f->factor[k][at]);
            d->factor[k][o] = t;
            d->factor_slope[k][o] = 1 - t * t;
        }
    }
}

static void forward(trace *t, const nenc_prob_density *d, double v)
{
    double x[WIDEST] = { v, 0, 0 };
    for (size_t k = 0; k < LAYERS; k++) {
        memcpy(t->x[k], x, sizeof x);
        for (size_t o = 0; o < width[k + 1]; o++) {
            double y = d->bias[k][o];
            for (size_t i = 0; i < width[k]; i++)
                y += d->matrix[k][o * width[k] + i] * t->x[k][i];
            t->gate[k][o] = k < LAYERS - 1 ? tanh(y) : 0;
            x[o] = y;
            if (k < LAYERS - 1)
                x[o] += d->factor[k][o] * t->gate[k][o];
        }
    }
    t->logit = x[0];
}

/* From g, the derivative by the logit, to the parameters and the value. */
static double backward(const nenc_prob_density *d, const trace *t, double g,
                       nenc_prob_density_grad *grad)
{
    double dx[WIDEST] = { g, 0, 0 };
    for (size_t k = LAYERS; k-- > 0;) {
        double below[WIDEST] = { 0 };
        for (size_t o = 0; o < width[k + 1]; o++) {
            double dy = dx[o];
            if (k < LAYERS - 1) {
                const double gate = t->gate[k][o];
                grad->factor[k][o] += dy * gate * d->factor_slope[k][o];
                dy *= 1 + d->factor[k][o] * (1 - gate * gate);
            }
            grad->bias[k][o] += dy;
            for (size_t i = 0; i < width[k]; i++) {
                const size_t at = o * width[k] + i;
                grad->matrix[k][at] += dy * t->x[k][i]
                                     * d->matrix_slope[k][at];
                below[i] += dy * d->matrix[k][at];
            }
        }
        memcpy(dx, below, sizeof dx);
    }
    return dx[0];
}

nenc_prob_bits nenc_prob_bits_density(const nenc_prob_density *d, double v,
                                      double mass_min, double weight,
                                      nenc_prob_density_grad *grad)
{
    const double reach = 1 << 30;
    const double x = fmin(fmax(v, -reach), reach);
    trace lower, upper;
    forward(&lower, d, x - 0.5);
    forward(&upper, d, x + 0.5);
    const mass m = { .p = sigmoid_between(lower.logit, upper.logit) };
    nenc_prob_bits r = bits_of(&m, mass_min);
    const double p = fmax(m.p, fmax(mass_min, least_mass));
    nenc_prob_density_grad unit = { 0 };
    r.dv = backward(d, &upper, -sigmoid_slope(upper.logit) / (ln2 * p), &unit)
         + backward(d, &lower, sigmoid_slope(lower.logit) / (ln2 * p), &unit);
    if (!grad)
        return r;
    for (size_t k = 0; k < LAYERS; k++) {
        for (size_t i = 0; i < width[k] * width[k + 1]; i++)
            grad->matrix[k][i] += weight * unit.matrix[k][i];
        for (size_t o = 0; o < width[k + 1]; o++)
            grad->bias[k][o] += weight * unit.bias[k][o];
        for (size_t o = 0; k < LAYERS - 1 && o < width[k + 1]; o++)
            grad->factor[k][o] += weight * unit.factor[k][o];
    }
    return r;
}

void nenc_prob_density_grad_add(nenc_prob_factorized_grad *dst,
                                const nenc_prob_density_grad *grad,
                                size_t channel)
{
    for (size_t k = 0; k < LAYERS; k++) {
        const size_t n_out = width[k + 1], n = width[k] * n_out;
        for (size_t i = 0; i < n; i++)
            dst->matrix[k][channel * n + i] += (float)grad->matrix[k][i];
        for (size_t o = 0; o < n_out; o++)
            dst->bias[k][channel * n_out + o] += (float)grad->bias[k][o];
        for (size_t o = 0; k < LAYERS - 1 && o < n_out; o++)
            dst->factor[k][channel * n_out + o] += (float)grad->factor[k][o];
    }
}
