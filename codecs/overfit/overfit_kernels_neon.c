/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of overfit for arm64's Advanced SIMD; empty
 * elsewhere. Not here: the loops, which are in overfit_kernels.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "overfit_kernels.h"
#ifdef __aarch64__

#include "exact_kernels.h"
#include "vec_neon.h"
#include "exact_math.inc.h"

#define DENSE_VECS 4
#define OUTER_X 4
#define OUTER_Y 4
#define TABLE overfit_kernels_neon
#define NAME "neon"

#include "overfit_kernels.inc.h"

#else
typedef int nothing_here;   /* ISO C wants a declaration */
#endif
