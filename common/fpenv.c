/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The default floating-point environment.  Nothing else. */
#include <assert.h>
#include <float.h>

#include "fpenv.h"

/* a * b + c of floats rounds twice, to float.  See configure.ac. */
static_assert(FLT_EVAL_METHOD == 0, "floats are computed as something else");

#if defined __SSE__
#include <xmmintrin.h>
/* All exceptions masked, nearest, no flush-to-zero, no denormals-are-zero. */
enum { MXCSR_DEFAULT = 0x1f80 };
#endif

void nenc_fpenv_enter(nenc_fpenv *env)
{
    fegetenv(&env->saved);
    fesetenv(FE_DFL_ENV);
#if defined __SSE__
    env->control = _mm_getcsr();
    _mm_setcsr(MXCSR_DEFAULT);
#elif defined __aarch64__
    unsigned long control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    env->control = (unsigned)control;
    __asm__ volatile("msr fpcr, %0" : : "r"(0ul));
#else
    env->control = 0;
#endif
}

void nenc_fpenv_leave(const nenc_fpenv *env)
{
    fesetenv(&env->saved);
}
