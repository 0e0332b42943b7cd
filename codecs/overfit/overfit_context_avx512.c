/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The layers of the context network for AVX-512, of 256 bits:
 * 16-bit integers of 512 need AVX-512BW, which is not asked for.
 * Not here: the loops, which are in overfit_context_kernels.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define TABLE overfit_context_avx512
#define NAME "avx512"

#include "overfit_context_kernels.inc.h"
