/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The layers of the context network for AVX2.
 * Not here: the loops, which are in overfit_context_kernels.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define TABLE overfit_context_avx2
#define NAME "avx2"

#include "overfit_context_kernels.inc.h"
