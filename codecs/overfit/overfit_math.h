/* SPDX-License-Identifier: BSD-2-Clause */
/* What fitting needs of a mathematical library, the same on every machine:
 * sums, products and quotients of doubles in one order.  Good to some 1e-14. */
#ifndef NENC_CODECS_OVERFIT_MATH_H
#define NENC_CODECS_OVERFIT_MATH_H

#include <math.h>

/** Of a finite x > 0, by the series of 2 atanh((m - 1) / (m + 1)). */
static inline double overfit_log2(double x)
{
    int exponent;
    double m = frexp(x, &exponent);              /* exact */
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    const double z = (m - 1) / (m + 1), zz = z * z;
    double sum = 0;
    for (int i = 23; i > 0; i -= 2)
        sum = sum * zz + 1.0 / i;
    return exponent + 2 * z * sum * 1.4426950408889634;
}

/** cos(pi x) for 0 <= x <= 1: -sin of pi (x - 1/2), by Taylor's series. */
static inline double overfit_cos_pi(double x)
{
    const double a = 3.14159265358979312 * (x - 0.5), aa = a * a;
    double sum = 1;
    for (int i = 20; i > 0; i -= 2)
        sum = 1 - sum * aa / (i * (i + 1));
    return -a * sum;
}

#endif
