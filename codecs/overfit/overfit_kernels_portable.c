/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of overfit for any machine: the reference.
 * Not here: the loops, which are in overfit_kernels.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "overfit_kernels.h"

#include "exact_kernels.h"
#include "vec_portable.h"
#include "exact_math.inc.h"

#define DENSE_VECS 4
#define OUTER_X 4
#define OUTER_Y 4
#define TABLE overfit_kernels_portable
#define NAME "portable"

#include "overfit_kernels.inc.h"
