/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  lnorm: each position's channels brought to mean 0 and variance 1.
 * Not here: gdn (net_layer_conv.c). */
#include <math.h>

#include "exact_sum.h"
#include "net_internal.h"

/* lnorm NAME eps=1e-5: d = x - mean; d / sqrt(mean of d^2 + eps) weight + bias;
 * "<name>.weight" [c], "<name>.bias" [c] (Ba et al., arXiv:1607.06450) */

static nenc_status norm_open(nenc_op *op, nenc_args *a)
{
    static const char *const words[] = { "1e-5", "1e-6" };
    static const float values[] = { 1e-5f, 1e-6f };
    size_t i = 0;
    NENC_TRY(nenc_args_word(a, "eps", words, 2, &i));
    op->slope = values[i];
    NENC_TRY(nenc_args_bind(a, op, "weight", &op->cin, 1, &op->weight));
    return nenc_args_bind(a, op, "bias", &op->cin, 1, &op->bias);
}

static nenc_status norm_shape(const nenc_op *op, const nenc_shape *src,
                              nenc_shape *dst, nenc_diag *diag)
{
    (void)op, (void)diag;
    *dst = src[0];
    return NENC_OK;
}

/* Sum of the squares of x - mean, in lanes as nenc_row_sum(). */
static float square_sum(const float *x, float mean, size_t n)
{
    float lane[NENC_LANES] = { 0 };
    size_t i = 0;
    for (; i + NENC_LANES <= n; i += NENC_LANES)
        for (size_t k = 0; k < NENC_LANES; k++) {
            const float d = x[i + k] - mean;
            lane[k] += d * d;
        }
    for (size_t k = 0; i + k < n; k++) {
        const float d = x[i + k] - mean;
        lane[k] += d * d;
    }
    return nenc_lanes_sum(lane);
}

nenc_norm nenc_norm_of(const float *x, size_t c, float eps)
{
    nenc_norm n = { .mean = nenc_row_sum(x, c) / (float)c };
    n.factor = 1 / sqrtf(square_sum(x, n.mean, c) / (float)c + eps);
    return n;
}

static void norm_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    const size_t c = r->dst_shape.c, w = r->dst_shape.w;
    const float *x = r->src[0] + (row0 - r->src_first[0]) * w * c;
    float *y = r->dst + (row0 - r->dst_first) * w * c;
    for (size_t i = 0; i < (row1 - row0) * w; i++, x += c, y += c) {
        const nenc_norm n = nenc_norm_of(x, c, r->op->slope);
        for (size_t k = 0; k < c; k++)
            y[k] = nenc_canonical((x[k] - n.mean) * n.factor * r->weight[k]
                                  + r->bias[k]);
    }
}

const nenc_layer nenc_layers_norm[] = {
    { .name = "lnorm", .min_args = 1, .max_args = 1, .has_weights = true,
      .elementwise = true, .open = norm_open, .shape = norm_shape,
      .run = norm_run },
    { 0 }
};
