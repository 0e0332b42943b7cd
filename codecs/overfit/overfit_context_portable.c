/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The layers of the context network in plain C, and which table
 * there is to use.  Not here: the tables of other instruction sets. */
#include <string.h>

#include "overfit_context_kernels.h"
#include "exact_kernels.h"
#include "mem.h"

typedef int16_t lanes[OVERFIT_GROUP];

/* acc += sum of w x; n is even, and two at a time are twice as fast. */
static void add_products(int32_t acc[OVERFIT_GROUP], const int16_t *w,
                         const lanes *x, int n)
{
    for (int i = 0; i < n; i += 2)
        for (int p = 0; p < OVERFIT_GROUP; p++)
            acc[p] += w[i] * x[i][p] + w[i + 1] * x[i + 1][p];
}

static void run_hidden(const int16_t (*w)[OVERFIT_INPUTS], const int32_t *bias,
                       const lanes *x, lanes *y, int n)
{
    for (int o = 0; o < n; o++) {
        int32_t acc[OVERFIT_GROUP];
        for (int p = 0; p < OVERFIT_GROUP; p++)
            acc[p] = bias[o];
        add_products(acc, w[o], x, n);
        for (int p = 0; p < OVERFIT_GROUP; p++) {
            const int32_t h = NENC_MAX(acc[p] + 128, 0) >> 8;
            y[o][p] = (int16_t)NENC_MIN(h, 32767);
        }
    }
}

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

static void run_out(const overfit_net *net, const lanes *h, const lanes *c,
                    uint16_t *table, int16_t *base)
{
    const int n = net->inputs, most = OVERFIT_MEAN << 16;
    int32_t acc[2][OVERFIT_GROUP];
    for (int o = 0; o < 2; o++) {
        for (int p = 0; p < OVERFIT_GROUP; p++)
            acc[o][p] = net->out_bias[o];
        add_products(acc[o], net->out[o], h, n);
        add_products(acc[o], net->out[o] + n, c, n);
    }
    for (int p = 0; p < OVERFIT_GROUP; p++) {
        const int32_t m = (clamp(acc[0][p], -most, most) + most) >> 11;
        const int32_t s = clamp(acc[1][p], 0, (OVERFIT_SCALES - 1) << 12) >> 12;
        table[p] = (uint16_t)(s * OVERFIT_FRACTIONS + m % OVERFIT_FRACTIONS);
        base[p] = (int16_t)(m / OVERFIT_FRACTIONS - OVERFIT_MEAN);
    }
}

static void run(const overfit_net *net, const int16_t *const in[], size_t n,
                uint16_t *table, int16_t *base)
{
    lanes c[OVERFIT_INPUTS], h[OVERFIT_LAYERS][OVERFIT_INPUTS];
    for (size_t p = 0; p < n; p += OVERFIT_GROUP) {
        const lanes *x = (const lanes *)c;
        for (int i = 0; i < net->inputs; i++)
            memcpy(c[i], in[i] + p, sizeof c[i]);
        for (int k = 0; k < OVERFIT_LAYERS; k++) {
            run_hidden(net->hidden[k], net->hidden_bias[k], x, h[k],
                       net->inputs);
            x = (const lanes *)h[k];
        }
        run_out(net, x, (const lanes *)c, table + p, base + p);
    }
}

const overfit_context_kernels overfit_context_portable = { "portable", run };

const overfit_context_kernels *overfit_context_kernels_best(void)
{
#ifdef HAVE_X86_KERNELS
    const char *name = nenc_kernels_best()->name;
    if (!strcmp(name, overfit_context_avx512.name))
        return &overfit_context_avx512;
    if (!strcmp(name, overfit_context_avx2.name))
        return &overfit_context_avx2;
#endif
    return &overfit_context_portable;
}
