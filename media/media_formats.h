/* SPDX-License-Identifier: BSD-2-Clause */
/* The readers and writers behind the table in media.c, and what they share.
 * Not here: what programs use (media.h). */
#ifndef NENC_MEDIA_FORMATS_H
#define NENC_MEDIA_FORMATS_H

#include <string.h>

#include "media.h"

/** Refuse dimensions out of range or over the limit on pixels: before a
 *  library allocates rows of them. */
NENC_NODISCARD nenc_status nenc_media_check_size(uint64_t width,
                                                 uint64_t height,
                                                 uint64_t max_pixels,
                                                 nenc_diag *diag);
/** The same, then nenc_image_alloc(); what `image` held is not freed. */
NENC_NODISCARD nenc_status nenc_media_alloc(nenc_image *image, uint32_t width,
                                            uint32_t height, uint32_t channels,
                                            uint32_t bits, uint64_t max_pixels,
                                            nenc_diag *diag);

/** Add a sentence to facts->note; what does not fit is left out. */
void nenc_media_note(nenc_media_facts *facts, const char *fmt, ...)
    NENC_PRINTF(2, 3);

/** Keep a copy of what a file carries, if it looks like what it should be;
 *  else note that it does not.  The first of a kind counts.  EXIF may still
 *  have JPEG's "Exif\0\0" in front. */
NENC_NODISCARD nenc_status nenc_media_keep_icc(nenc_image *image,
                                               nenc_media_facts *facts,
                                               const uint8_t *data,
                                               size_t size, nenc_diag *diag);
NENC_NODISCARD nenc_status nenc_media_keep_exif(nenc_image *image,
                                                nenc_media_facts *facts,
                                                const uint8_t *data,
                                                size_t size, nenc_diag *diag);
NENC_NODISCARD nenc_status nenc_media_keep_xmp(nenc_image *image,
                                               nenc_media_facts *facts,
                                               const uint8_t *data,
                                               size_t size, nenc_diag *diag);

/** A sample of n bits as it lies in a row of `bits` (8 or 16). */
static inline unsigned nenc_sample_get(const uint8_t *row, uint32_t bits,
                                       size_t i)
{
    uint16_t v;
    if (bits == 8)
        return row[i];
    memcpy(&v, row + 2 * i, 2);
    return v;
}

static inline void nenc_sample_put(uint8_t *row, uint32_t bits, size_t i,
                                   unsigned v)
{
    const uint16_t wide = (uint16_t)v;
    if (bits == 8)
        row[i] = (uint8_t)v;
    else
        memcpy(row + 2 * i, &wide, 2);
}

/** v of 0 to `from` brought to 0 to `to`, rounded; both at most 65535. */
static inline unsigned nenc_sample_scale(unsigned v, unsigned from,
                                         unsigned to)
{
    return (v * to + from / 2) / from;
}

/** Orientation in an EXIF block (a TIFF file: "II*" or "MM"); 1 where there is
 *  none, or the block is damaged. */
unsigned nenc_exif_orientation(const uint8_t *exif, size_t size);
/** Make the block's orientation 1, where it has one. */
void nenc_exif_set_upright(uint8_t *exif, size_t size);
/** Turn and mirror the picture as EXIF's `orientation` asks, and change its
 *  EXIF and XMP to say that it is upright. */
NENC_NODISCARD nenc_status nenc_image_orient(nenc_image *image,
                                             unsigned orientation,
                                             nenc_diag *diag);

/** Whether a profile is of CMYK (or, with other letters, of another space). */
bool nenc_icc_is_of(const nenc_blob *icc, const char *space);
/** Rows of CMYK to sRGB by a profile. */
typedef struct nenc_cmyk nenc_cmyk;
/** @param is_inverted  255 is no ink, as Adobe's programs write it
 *  @param n_pixels     that will be converted
 *  @return NENC_OK, NENC_EUNSUPPORTED (no lcms2 in this build, or no CMYK
 *          profile that it can use), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_cmyk_open(nenc_cmyk **out,
                                          const nenc_blob *icc,
                                          bool is_inverted, uint64_t n_pixels,
                                          nenc_diag *diag);
void nenc_cmyk_run(nenc_cmyk *c, uint8_t *rgb, const uint8_t *cmyk, size_t n);
void nenc_cmyk_close(nenc_cmyk *c);

bool nenc_png_probe(const uint8_t *data, size_t size);
nenc_status nenc_png_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag);
nenc_status nenc_png_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);

bool nenc_jpeg_probe(const uint8_t *data, size_t size);
nenc_status nenc_jpeg_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag);

bool nenc_webp_probe(const uint8_t *data, size_t size);
nenc_status nenc_webp_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag);

bool nenc_tiff_probe(const uint8_t *data, size_t size);
nenc_status nenc_tiff_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag);

bool nenc_ppm_probe(const uint8_t *data, size_t size);
bool nenc_pgm_probe(const uint8_t *data, size_t size);
bool nenc_pbm_probe(const uint8_t *data, size_t size);
bool nenc_pam_probe(const uint8_t *data, size_t size);
nenc_status nenc_pnm_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag);
/** PPM always has colour, PGM never, PAM may have alpha, PNM is the first of
 *  PGM, PPM and PAM that fits. */
nenc_status nenc_ppm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);
nenc_status nenc_pgm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);
nenc_status nenc_pam_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);
nenc_status nenc_pnm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag);

#endif
