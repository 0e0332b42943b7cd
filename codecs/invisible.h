/* SPDX-License-Identifier: BSD-2-Clause */
/* Colours of pixels that nobody sees.  Not here: transparency itself
 * (plane.h). */
#ifndef NENC_CODECS_INVISIBLE_H
#define NENC_CODECS_INVISIBLE_H

#include "nenc.h"

/** Whether a picture has wholly transparent pixels. */
bool nenc_has_invisible(const nenc_image *im);

/** Give wholly transparent pixels colours that continue those around them
 *  smoothly, and so cost few bits.  The same on every machine.
 *  @param im  of 2 or 4 channels; its blobs are not touched
 *  @return NENC_OK or NENC_ENOMEM (nothing changed) */
NENC_NODISCARD nenc_status nenc_fill_invisible(nenc_image *im,
                                               nenc_diag *diag);

#endif
