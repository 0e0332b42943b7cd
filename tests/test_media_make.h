/* SPDX-License-Identifier: BSD-2-Clause */
/* Small PNG and JPEG files of all kinds, made by libpng and libjpeg, for
 * test_media.c.  Not here: any check. */
#ifndef NENC_TESTS_MEDIA_MAKE_H
#define NENC_TESTS_MEDIA_MAKE_H

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

/** Beside the samples: a transparent colour, an animation chunk, EXIF with
 *  orientation 6, a profile; and JPEG in scans. */
enum { MAKE_TRNS = 1, MAKE_ACTL = 2, MAKE_EXIF = 4, MAKE_ICC = 8,
       MAKE_PROGRESSIVE = 16 };

/** The 8-bit sample that a reader should give. */
int make_sample(int type, int bits, uint32_t x, uint32_t y, uint32_t channel);

blob make_png(int type, int bits, int interlaced, unsigned extra);
blob make_jpeg(int type, unsigned extra);

#endif
