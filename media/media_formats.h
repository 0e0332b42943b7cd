/* SPDX-License-Identifier: BSD-2-Clause */
/* The readers and writers behind the table in media.c, and what they share.
 * Not here: what programs use (media.h). */
#ifndef NENC_MEDIA_FORMATS_H
#define NENC_MEDIA_FORMATS_H

#include "media.h"

/** nenc_image_alloc() within the limit on pixels. */
NENC_NODISCARD nenc_status nenc_media_alloc(nenc_image *image, uint32_t width,
                                            uint32_t height, uint32_t channels,
                                            uint64_t max_pixels,
                                            nenc_diag *diag);

/** Orientation in an EXIF block (a TIFF file: "II*" or "MM"); 1 where there is
 *  none, or the block is damaged. */
unsigned nenc_exif_orientation(const uint8_t *exif, size_t size);
/** Turn and mirror the picture as EXIF's `orientation` asks. */
NENC_NODISCARD nenc_status nenc_image_orient(nenc_image *image,
                                             unsigned orientation,
                                             nenc_diag *diag);

bool nenc_png_probe(const uint8_t *data, size_t size);
nenc_status nenc_png_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag);
nenc_status nenc_png_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);

bool nenc_jpeg_probe(const uint8_t *data, size_t size);
nenc_status nenc_jpeg_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag);

bool nenc_ppm_probe(const uint8_t *data, size_t size);
bool nenc_pgm_probe(const uint8_t *data, size_t size);
nenc_status nenc_pnm_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag);
/** PPM always has colour, PGM never, PNM as the picture. */
nenc_status nenc_ppm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);
nenc_status nenc_pgm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);
nenc_status nenc_pnm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);

#endif
