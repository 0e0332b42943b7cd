/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables that a build may hold, for exact_kernels.c alone. */
#ifndef NENC_TRANSFORMS_EXACT_TABLES_H
#define NENC_TRANSFORMS_EXACT_TABLES_H

#include "exact_kernels.h"

extern const nenc_kernels nenc_kernels_portable;
#ifdef HAVE_X86_KERNELS
extern const nenc_kernels nenc_kernels_avx2;
extern const nenc_kernels nenc_kernels_avx512;
#endif
#ifdef __aarch64__
extern const nenc_kernels nenc_kernels_neon;
#endif

#endif
