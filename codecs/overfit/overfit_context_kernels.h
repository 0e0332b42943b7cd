/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The layers of the context network, whose vectors run over the
 * symbols of a step: one table per instruction set, all of the same integers.
 * Not here: which symbols, what the results are for. */
#ifndef NENC_CODECS_OVERFIT_CONTEXT_KERNELS_H
#define NENC_CODECS_OVERFIT_CONTEXT_KERNELS_H

#include "overfit.h"
#include "overfit_tables.h"

/** Symbols come in groups of so many. */
enum { OVERFIT_GROUP = 16 };

/** Means are limited to +-OVERFIT_MEAN. */
enum { OVERFIT_MEAN = 127 };

/** Weights have 8 fractional bits, biases 16.  What is the same for every
 *  symbol is in them already: 256 on the diagonal of hidden layers, which adds
 *  their input to their output, and in out_bias what _run says. */
typedef struct overfit_net {
    int inputs;               /**< C, even */
    int16_t hidden[OVERFIT_LAYERS][OVERFIT_INPUTS][OVERFIT_INPUTS];
    int32_t hidden_bias[OVERFIT_LAYERS][OVERFIT_INPUTS];
    int16_t out[2][2 * OVERFIT_INPUTS];   /**< [C] of the last hidden layer,
                                   then [C] of the inputs */
    int32_t out_bias[2];
} overfit_net;

typedef struct overfit_context_kernels {
    const char *name;         /**< as in nenc_kernels */
    /** For p < n, with c[i] = in[i][p]:
     *      h = c;  for each hidden layer:
     *          h = clamp((bias + sum of w h + 128) >> 8, 0, 32767)
     *      acc = out_bias + sum of out h + sum of out c
     *      m = (clamp(acc[0], -127 << 16, 127 << 16) + (127 << 16)) >> 11
     *      s = clamp(acc[1], 0, 128 << 12) >> 12
     *      table[p] = 32 s + m % 32,  base[p] = m / 32 - 127
     *  No shift is of a negative number.  Input and output have room for n
     *  rounded up to OVERFIT_GROUP; what lies there matters not. */
    void (*run)(const overfit_net *net, const int16_t *const in[], size_t n,
                uint16_t *table, int16_t *base);
} overfit_context_kernels;

extern const overfit_context_kernels overfit_context_portable;
#ifdef HAVE_X86_KERNELS
extern const overfit_context_kernels overfit_context_avx2;
extern const overfit_context_kernels overfit_context_avx512;
#endif

/** The table of the same instruction set as nenc_kernels_best(). */
const overfit_context_kernels *overfit_context_kernels_best(void);

#endif
