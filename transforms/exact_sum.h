/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Sums, greatest values and softmax of a row of numbers, in the
 * orders that doc/FORMAT.md states.  Not here: sums of products
 * (exact_kernels.h). */
#ifndef NENC_TRANSFORMS_EXACT_SUM_H
#define NENC_TRANSFORMS_EXACT_SUM_H

#include <stdint.h>
#include <string.h>

#include "exact_kernels.h"

enum { NENC_LANES = 16 };

/** Sixteen sums become one: halves are added, then quarters ... */
static inline float nenc_lanes_sum(float lane[NENC_LANES])
{
    for (size_t n = NENC_LANES / 2; n; n /= 2)
        for (size_t i = 0; i < n; i++)
            lane[i] += lane[i + n];
    return lane[0];
}

/** Lane i takes x[i], x[i + 16] ... from +0 on. */
static inline float nenc_row_sum(const float *x, size_t n)
{
    float lane[NENC_LANES] = { 0 };
    size_t i = 0;
    for (; i + NENC_LANES <= n; i += NENC_LANES)
        for (size_t k = 0; k < NENC_LANES; k++)
            lane[k] += x[i + k];
    for (size_t k = 0; i + k < n; k++)
        lane[k] += x[i + k];
    return nenc_lanes_sum(lane);
}

/** The same of x[i] y[i], each product rounded. */
static inline float nenc_row_product_sum(const float *x, const float *y,
                                         size_t n)
{
    float lane[NENC_LANES] = { 0 };
    size_t i = 0;
    for (; i + NENC_LANES <= n; i += NENC_LANES)
        for (size_t k = 0; k < NENC_LANES; k++)
            lane[k] += x[i + k] * y[i + k];
    for (size_t k = 0; i + k < n; k++)
        lane[k] += x[i + k] * y[i + k];
    return nenc_lanes_sum(lane);
}

/** The greatest of n >= 1 numbers; any of them where one is NaN. */
static inline float nenc_row_max(const float *x, size_t n)
{
    float lane[NENC_LANES];
    size_t i = 0;
    for (size_t k = 0; k < NENC_LANES; k++)
        lane[k] = x[0];
    for (; i + NENC_LANES <= n; i += NENC_LANES)
        for (size_t k = 0; k < NENC_LANES; k++)
            lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (size_t k = 0; i + k < n; k++)
        lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    for (size_t k = 1; k < NENC_LANES; k++)
        lane[0] = lane[k] > lane[0] ? lane[k] : lane[0];
    return lane[0];
}

/** x[i] = e^(x[i] scale - m) / (their sum), m the greatest x[i] scale.  Where
 *  one is NaN or +inf, all become NaN. */
static inline void nenc_row_softmax(float *x, size_t n, float scale,
                                    const nenc_kernels *kernels)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
    const float most = nenc_row_max(x, n);
    for (size_t i = 0; i < n; i++)
        x[i] -= most;
    kernels->point(NENC_POINT_EXP, x, x, n, 0);
    const float sum = nenc_row_sum(x, n);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}

/** NaN as 0x7fc00000. */
static inline float nenc_canonical(float x)
{
    const uint32_t bits = 0x7fc00000u;
    float nan;
    memcpy(&nan, &bits, sizeof nan);
    return x == x ? x : nan;
}

#endif
