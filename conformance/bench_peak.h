/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's peak, for shares of it.  Not here: anything about memory. */
#ifndef NENC_CONFORMANCE_BENCH_PEAK_H
#define NENC_CONFORMANCE_BENCH_PEAK_H

#include <stddef.h>

/** Do n * some fma operations in registers alone, with the instruction set
 *  of the named kernels.
 *  @return how many floating-point operations that were (an fma is two), or
 *          0 where there is no such loop for this machine */
double bench_peak_run(const char *kernels, size_t n);

#endif
