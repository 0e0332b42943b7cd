/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend in plain C: the reference that
 * every other table equals bit for bit.  Not here: anything clever. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <math.h>
#include <string.h>

#include "exact_kernels.h"
#include "exact_math.h"
#include "exact_tables.h"
#include "vec_portable.h"

enum { BLOCK = 16 };

#include "exact_math.inc.h"

float nenc_exactf_exp(float x) { return m_exp(x); }
float nenc_exactf_tanh(float x) { return m_tanh(x); }
float nenc_exactf_sigmoid(float x) { return m_sigmoid(x); }
float nenc_exactf_gelu(float x) { return m_gelu(x); }
float nenc_exactf_silu(float x) { return m_silu(x); }
float nenc_exactf_softplus(float x) { return m_softplus(x); }
float nenc_exactf_ssqrt(float x) { return m_ssqrt(x); }
float nenc_exactf_sqrt(float x) { return m_canonical(v_sqrt(x)); }

static float finish(float sum, nenc_act act, float slope)
{
    if (act == NENC_ACT_RELU)
        sum = m_relu(sum);
    else if (act == NENC_ACT_LRELU)
        sum = m_lrelu(sum, slope);
    return m_canonical(sum);
}

/* One pixel, one block of n <= BLOCK output channels. */
static void conv_block(const nenc_conv_run *run, const float *src,
                       const float *weight, const float *bias,
                       const float *add, float *dst, size_t n)
{
    float acc[BLOCK] = { 0 };
    for (size_t c = 0; c < n; c++)
        acc[c] = run->resume ? dst[c] : bias[c];
    for (size_t r = 0; r < run->rows; r++) {
        const float *x = src + r * run->src_pitch;
        const float *w = weight + r * run->w_pitch * BLOCK;
        for (size_t i = 0; i < run->run; i++)
            for (size_t c = 0; c < BLOCK; c++)
                acc[c] = fmaf(x[i], w[i * BLOCK + c], acc[c]);
    }
    for (size_t c = 0; c < n; c++) {
        const float result = finish(acc[c], run->act, run->slope);
        dst[c] = add ? result + add[c] : result;
    }
}

static void conv(const nenc_conv_run *run)
{
    for (size_t c = 0; c < run->cout; c += BLOCK) {
        const size_t left = run->cout - c;
        const float *weight = run->weight + c / BLOCK * run->block_pitch;
        for (size_t p = 0; p < run->n_pixels; p++)
            conv_block(run, run->src + p * run->src_step, weight,
                       run->bias + c,
                       run->add ? run->add + p * run->add_step + c : NULL,
                       run->dst + p * run->dst_step + c,
                       left < BLOCK ? left : BLOCK);
    }
}

static void dwconv_pixel(const nenc_dwconv_run *run, const float *src,
                         float *dst)
{
    const size_t c = run->c;
    memcpy(dst, run->bias, c * sizeof *dst);
    for (size_t r = 0; r < run->rows; r++)
        for (size_t i = 0; i < run->cols; i++) {
            const float *x = src + r * run->src_pitch + i * run->src_col;
            const float *w = run->weight + (r * run->w_pitch + i) * c;
            for (size_t ch = 0; ch < c; ch++)
                dst[ch] = fmaf(x[ch], w[ch], dst[ch]);
        }
    for (size_t ch = 0; ch < c; ch++)
        dst[ch] = finish(dst[ch], run->act, run->slope);
}

static void dwconv(const nenc_dwconv_run *run)
{
    for (size_t y = 0; y < run->n_lines; y++)
        for (size_t p = 0; p < run->n_pixels; p++)
            dwconv_pixel(run, run->src + y * run->src_line
                              + p * run->src_step,
                         run->dst + y * run->dst_line + p * run->dst_step);
}

static void outer(const nenc_outer_run *run)
{
    for (size_t i = 0; i < run->n_a; i++)
        for (size_t j = 0; j < run->n_b; j++) {
            float sum = 0;
            for (size_t r = 0; r < run->rows; r++)
                for (size_t q = 0; q < run->cols; q++)
                    sum = fmaf(run->a[r * run->a_pitch + q * run->a_step + i],
                               run->b[r * run->b_pitch + q * run->b_step + j],
                               sum);
            run->dst[i * run->dst_step + j] += sum;
        }
}

const nenc_kernels nenc_kernels_portable = {
    .name = "portable", .block = BLOCK,
    .conv = conv, .dwconv = dwconv, .outer = outer, .point = point,
};
