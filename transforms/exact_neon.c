/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend for arm64's Advanced SIMD;
 * empty elsewhere.  Not here: the loops, which are in exact_vec.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "exact_kernels.h"
#include "exact_tables.h"

#ifdef __aarch64__

#include "vec_neon.h"

#define VECS 4          /* vectors in a block of output channels */
#define TILE 6          /* pixels in a tile: 24 of the 32 registers are sums */
#define K_CHUNK 256     /* 16 KB of weights: half of a small L1 */
#define TABLE nenc_kernels_neon
#define NAME "neon"

#include "exact_math.inc.h"
#include "exact_vec.inc.h"

#else
typedef int nothing_here;   /* ISO C wants a declaration */
#endif
