/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files to and from memory.  Not here: what is in them; the care that
 * nenc and ndec take of a user's files. */
#ifndef NENC_EVAL_FILE_H
#define NENC_EVAL_FILE_H

#include "bytes.h"

/** All of a file, appended, up to the buffer's ceiling.  @return NENC_OK, NENC_EIO,
 *  NENC_ELIMIT, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_file_load(nenc_buffer *buf, const char *path,
                                          nenc_diag *diag);
/** A file that appears whole or not at all, if folder and disk allow.
 *  @return NENC_OK, NENC_EIO */
NENC_NODISCARD nenc_status nenc_file_save(const char *path, const void *data,
                                          size_t size, nenc_diag *diag);

#endif
