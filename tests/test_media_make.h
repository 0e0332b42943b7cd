/* SPDX-License-Identifier: BSD-2-Clause */
/* Small picture files of all kinds, made by the formats' own libraries, for
 * test_media*.c.  Not here: any check. */
#ifndef NENC_TESTS_MEDIA_MAKE_H
#define NENC_TESTS_MEDIA_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct blob {
    uint8_t *data;               /* free() it */
    size_t size, capacity;
} blob;

/** A nenc_write_fn that appends; `user` is the blob. */
int  blob_write(void *user, const void *data, size_t size);
/** A copy in a block of exactly its size. */
blob blob_copy(const void *data, size_t size);

enum { MAKE_WIDTH = 13, MAKE_HEIGHT = 10 };

enum { MAKE_GRAY, MAKE_RGB, MAKE_PALETTE, MAKE_GRAY_ALPHA, MAKE_RGBA,
       MAKE_CMYK };

/** PNG: a transparent colour, an animation chunk, XMP deflated, a profile
 *  whose zlib stream is damaged.  JPEG: in scans, with restart markers,
 *  arithmetic, chroma of half the width, height or both, R'G'B' without
 *  Y'CbCr, CMYK without Adobe's marker (0 is no ink then), CMYK as YCCK, the
 *  profile's second part missing.  TIFF: tiles, planes, a second page, alpha
 *  multiplied in, white is 0. */
enum { MAKE_TRNS = 1, MAKE_ACTL = 2, MAKE_DEFLATED = 4, MAKE_BAD_ICC = 8,
       MAKE_PROGRESSIVE = 1 << 4, MAKE_RESTARTS = 1 << 5,
       MAKE_ARITHMETIC = 1 << 6, MAKE_HALF_WIDTH = 1 << 7,
       MAKE_HALF_HEIGHT = 1 << 8, MAKE_NO_YCC = 1 << 9,
       MAKE_NO_ADOBE = 1 << 10, MAKE_YCCK = 1 << 11,
       MAKE_TILES = 1 << 12, MAKE_PLANES = 1 << 13, MAKE_PAGES = 1 << 14,
       MAKE_MULTIPLIED = 1 << 15, MAKE_MIN_IS_WHITE = 1 << 16 };

/** What goes along; NULL data = none.  gamma is PNG's gAMA, cicp its cICP. */
typedef struct make_more {
    blob icc, exif, xmp;
    uint32_t gamma;
    const uint8_t *cicp;         /* 4 bytes */
} make_more;

/** Something with a profile's header, of a colour space ("RGB "). */
blob make_icc(const char *space, size_t size);
/** A real profile of CMYK, by Little CMS; empty in a build without it. */
blob make_cmyk_icc(void);
/** One entry before the orientation; big = Motorola's byte order. */
blob make_exif(unsigned orientation, bool big);
blob make_xmp(unsigned orientation);
void make_more_free(make_more *more);

/** Channels of the picture that a reader should give, and its samples, of 16
 *  bits where `bits` is 16, else of 8. */
uint32_t make_channels(int type, unsigned extra);
unsigned make_sample(int type, int bits, unsigned extra, uint32_t x,
                     uint32_t y, uint32_t channel);

blob make_png(int type, int bits, bool is_interlaced, unsigned extra,
              const make_more *more);
blob make_jpeg(int type, unsigned extra, const make_more *more);
/** RGB or RGBA without loss. */
blob make_webp(int type, const make_more *more);
/** `compression` is libtiff's; `format` its SampleFormat, 0 = as usual. */
blob make_tiff(int type, int bits, unsigned extra, int compression, int format,
               const make_more *more);

#endif
