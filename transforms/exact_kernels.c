/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kernel tables this CPU can run, and which of them to use.
 * Not here: the kernels. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdlib.h>
#include <string.h>

#include "exact_kernels.h"
#include "exact_tables.h"

#ifdef HAVE_X86_KERNELS

/* __builtin_cpu_supports also asks whether the system saves the registers. */
static bool have_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool have_avx512(void)
{
    return have_avx2() && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq");
}

static const nenc_kernels *const all[] = {
    &nenc_kernels_avx512, &nenc_kernels_avx2, &nenc_kernels_portable
};

/* The tables are in order: who runs one runs those after it. */
static size_t first_usable(void)
{
    return have_avx512() ? 0 : have_avx2() ? 1 : 2;
}

#else

static const nenc_kernels *const all[] = {
#ifdef __aarch64__
    &nenc_kernels_neon,
#endif
    &nenc_kernels_portable
};

static size_t first_usable(void)
{
    return 0;
}

#endif

size_t nenc_kernels_list(const nenc_kernels *const **out)
{
    const size_t first = first_usable();
    *out = all + first;
    return sizeof all / sizeof all[0] - first;
}

const nenc_kernels *nenc_kernels_best(void)
{
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    const char *name = getenv("NENC_KERNELS");
    for (size_t i = 0; name && i < n; i++)
        if (!strcmp(name, list[i]->name))
            return list[i];
    return list[0];
}
