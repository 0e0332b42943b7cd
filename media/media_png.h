/* SPDX-License-Identifier: BSD-2-Clause */
/* PNG's chunks beside the samples, for media_png.c.
 * Not here: what libpng reads and writes itself. */
#ifndef NENC_MEDIA_PNG_H
#define NENC_MEDIA_PNG_H

#include "bytes.h"
#include "media_formats.h"

/** Walk the chunks before libpng does: keep profile, EXIF and XMP, refuse
 *  animations and what cannot be shown as sRGB.  A cut file is no failure
 *  here: libpng says that better.  facts->has_alpha tells of a tRNS, good or
 *  bad, until libpng has judged it.
 *  @param[out] gamma  as in gAMA, 100000 for linear light: the samples must be
 *                     converted to sRGB from it; 0 = as they are */
NENC_NODISCARD nenc_status nenc_png_scan(nenc_image *image,
                                         nenc_media_facts *facts,
                                         uint32_t *gamma,
                                         const nenc_media_source *src,
                                         nenc_diag *diag);
/** Samples but alpha from v ^ (100000 / gamma) of light to sRGB's curve. */
NENC_NODISCARD nenc_status nenc_png_to_srgb(nenc_image *image, uint32_t gamma,
                                            nenc_diag *diag);

/** The contents of a chunk of this name, "iCCP", "eXIf" or "iTXt", appended to
 *  `out`; nothing where the picture has none.
 *  @return NENC_OK, NENC_EUNSUPPORTED (too large), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_png_pack(nenc_buffer *out, const char *name,
                                         const nenc_image *image,
                                         nenc_diag *diag);

#endif
