/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of overfit for AVX2 with FMA.
 * Not here: the loops, which are in overfit_kernels.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "overfit_kernels.h"

#include "exact_kernels.h"
#include "vec_avx2.h"
#include "exact_math.inc.h"

#define DENSE_VECS 2
#define OUTER_X 4
#define OUTER_Y 2
#define TABLE overfit_kernels_avx2
#define NAME "avx2"

#include "overfit_kernels.inc.h"
