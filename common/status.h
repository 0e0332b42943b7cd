/* SPDX-License-Identifier: BSD-2-Clause */
/* Statuses inside the library: making one with a sentence, passing one on.
 * Not here: anything about where the sentence is shown. */
#ifndef NENC_COMMON_STATUS_H
#define NENC_COMMON_STATUS_H

#include "nenc.h"

/** Record one sentence (printf style) in `diag`, which may be NULL.
 *  A sentence already there for another failure is replaced.
 *  @return status, so that `return nenc_fail(diag, NENC_E..., "...")` works */
nenc_status nenc_fail(nenc_diag *diag, nenc_status status, const char *fmt, ...)
    NENC_PRINTF(3, 4);

/** Return from the calling function when `expr` is an error (negative). */
#define NENC_TRY(expr)                         \
    do {                                       \
        const nenc_status try_ = (expr);       \
        if (try_ < 0)                          \
            return try_;                       \
    } while (0)

#endif
