/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel table to use.  Not here: the kernels. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "exact_kernels.h"
#include "overfit_kernels.h"

static const overfit_kernels *const all[] = {
#ifdef HAVE_X86_KERNELS
    &overfit_kernels_avx512, &overfit_kernels_avx2,
#endif
#ifdef __aarch64__
    &overfit_kernels_neon,
#endif
    &overfit_kernels_portable
};

const overfit_kernels *overfit_kernels_best(void)
{
    const char *name = nenc_kernels_best()->name;
    size_t i = 0;
    while (i + 1 < sizeof all / sizeof all[0] && strcmp(all[i]->name, name))
        i++;
    return all[i];
}
