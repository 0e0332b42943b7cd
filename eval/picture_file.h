/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files by their path, for measuring programs.
 * Not here: the care that nenc and ndec take of a user's files. */
#ifndef NENC_EVAL_PICTURE_FILE_H
#define NENC_EVAL_PICTURE_FILE_H

#include "nenc.h"

/** @param[out] image  nenc_image_free() it; cleared on failure
 *  @return NENC_OK, NENC_EIO, or what nenc_media_read() returns */
NENC_NODISCARD nenc_status nenc_picture_load(nenc_image *image,
                                             const char *path,
                                             nenc_diag *diag);

/** In the format that the path's suffix tells; replaces what is there. */
NENC_NODISCARD nenc_status nenc_picture_save(const nenc_image *image,
                                             const char *path,
                                             nenc_diag *diag);

#endif
