/* SPDX-License-Identifier: BSD-2-Clause */
/* What libtiff must not be trusted with.  Not here: pictures. */
#ifndef NENC_MEDIA_TIFF_H
#define NENC_MEDIA_TIFF_H

#include "nenc.h"

/** Walk the first directory of a TIFF or BigTIFF file.  libtiff keeps a copy
 *  of each entry's bytes, and entries may share them: refused (NENC_ELIMIT) is
 *  a file whose entries have more bytes than itself.  Where the bytes of an
 *  entry that matters lie beyond the end, libtiff would go on without it:
 *  NENC_EBITSTREAM.
 *  @return NENC_OK, also where there is no directory: libtiff says that */
NENC_NODISCARD nenc_status nenc_tiff_check(const uint8_t *data, size_t size,
                                           nenc_diag *diag);

#endif
