/* SPDX-License-Identifier: BSD-2-Clause */
/* JPEG's segments beside the samples, for media_jpeg.c.
 * Not here: what libjpeg reads itself. */
#ifndef NENC_MEDIA_JPEG_H
#define NENC_MEDIA_JPEG_H

#include "bytes.h"
#include "media_formats.h"

/** Keep profile, EXIF and XMP from the segments before the first scan.  A
 *  broken profile is noted and left out; a cut file is no failure here. */
NENC_NODISCARD nenc_status nenc_jpeg_scan(nenc_image *image,
                                          nenc_media_facts *facts,
                                          const nenc_media_source *src,
                                          nenc_diag *diag);

#endif
