/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend for AVX2 with FMA.
 * Not here: the loops, which are in exact_vec.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "exact_kernels.h"
#include "exact_tables.h"
#include "vec_avx2.h"

#define VECS 2          /* vectors in a block of output channels */
#define TILE 6          /* pixels in a tile: 12 of the 16 registers are sums */
#define K_CHUNK 256     /* 16 KB of weights: half of a small L1 */
#define TABLE nenc_kernels_avx2
#define NAME "avx2"

#include "exact_math.inc.h"
#include "exact_vec.inc.h"
