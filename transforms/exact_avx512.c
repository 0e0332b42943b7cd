/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend for AVX-512 (F, VL, DQ).
 * Not here: the loops, which are in exact_vec.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "exact_kernels.h"
#include "exact_tables.h"
#include "vec_avx512.h"

#define VECS 2          /* vectors in a block of output channels */
#define TILE 14         /* pixels in a tile: 28 of the 32 registers are sums */
#define K_CHUNK 224     /* 28 KB of weights: leaves L1 room for the pixels */
#define TABLE nenc_kernels_avx512
#define NAME "avx512"

#include "exact_math.inc.h"
#include "exact_vec.inc.h"
