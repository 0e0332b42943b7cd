/* SPDX-License-Identifier: BSD-2-Clause */
/* Statuses and their sentences.  Nothing else. */
#include <stdarg.h>
#include <stdio.h>

#include "status.h"

nenc_status nenc_fail(nenc_diag *diag, nenc_status status, const char *fmt, ...)
{
    if (diag) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(diag->text, sizeof diag->text, fmt, ap);
        va_end(ap);
        diag->status = status;
    }
    return status;
}

const char *nenc_strerror(nenc_status status)
{
    switch (status) {
    case NENC_OK: return "done";
    case NENC_END: return "nothing more to read";
    case NENC_EINVAL: return "invalid argument";
    case NENC_ENOMEM: return "out of memory";
    case NENC_EIO: return "input or output failed";
    case NENC_ETRUNCATED: return "the data end too early";
    case NENC_EBITSTREAM: return "the data are damaged";
    case NENC_EUNSUPPORTED: return "not supported";
    case NENC_EMODEL: return "missing, wrong or broken model";
    case NENC_ELIMIT: return "over a limit";
    case NENC_ECORRUPT_OUTPUT: return "the output is not what it should be";
    }
    return "unknown status";
}
