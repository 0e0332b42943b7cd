/* SPDX-License-Identifier: BSD-2-Clause */
/* The floating-point environment that exact arithmetic needs: round to
 * nearest, no flush-to-zero, no denormals-are-zero. */
#ifndef NENC_COMMON_FPENV_H
#define NENC_COMMON_FPENV_H

#include <fenv.h>

typedef struct nenc_fpenv { fenv_t saved; unsigned control; } nenc_fpenv;

/** Save this thread's environment and set the default one.  (libm's
 *  FE_DFL_ENV alone does not clear denormals-are-zero everywhere: MXCSR on
 *  x86 and FPCR on arm64 are set as well.) */
void nenc_fpenv_enter(nenc_fpenv *env);
void nenc_fpenv_leave(const nenc_fpenv *env);

#endif
