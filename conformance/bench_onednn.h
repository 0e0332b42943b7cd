/* SPDX-License-Identifier: BSD-2-Clause */
/* oneDNN as the peer of bench_conv.c, in the layout it likes best.
 * Not here: the library's own oneDNN backend. */
#ifndef NENC_CONFORMANCE_BENCH_ONEDNN_H
#define NENC_CONFORMANCE_BENCH_ONEDNN_H

#include "exact_conv.h"

typedef struct bench_onednn bench_onednn;

/** One thread, and no better instruction set than that of the named kernels.
 *  Call it before anything else here. */
void bench_onednn_init(const char *kernels);

/** "oneDNN 2.6.3", or "no oneDNN" */
const char *bench_onednn_version(void);

/** Weights in PyTorch's order and the NHWC source are reordered here, once.
 *  @return NULL without oneDNN, or where it refuses */
bench_onednn *bench_onednn_open(const nenc_conv_shape *shape, size_t h,
                                size_t w, const float *weight,
                                const float *bias, const float *src);
void bench_onednn_run(bench_onednn *b);
/** The result as NHWC, to see that both compute the same. */
void bench_onednn_read(bench_onednn *b, float *dst);
void bench_onednn_close(bench_onednn *b);

#endif
