/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Lossless coding of one channel of samples, made for transparency:
 * large even areas, smooth edges.  Not here: chunks; colours. */
#ifndef NENC_CODECS_PLANE_H
#define NENC_CODECS_PLANE_H

#include "bytes.h"

/** One channel of a picture: sample (x, y) is 8 or 16 bits at data + y * stride
 *  + x * step. */
typedef struct nenc_plane {
    uint8_t *data;
    size_t stride, step;      /**< bytes */
    uint32_t width, height, bits;
} nenc_plane;

/** Append the plane's bytes.
 *  @return NENC_OK, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_plane_encode(const nenc_plane *plane,
                                             size_t ceiling, nenc_buffer *out,
                                             nenc_diag *diag);

/** Read a plane; `src` is exactly its bytes.  After a failure any samples
 *  may have been written.
 *  @param dst             a part of it
 *  @param width, height   of the coded plane
 *  @param crop_x, crop_y  where in it `dst` begins
 *  @return NENC_OK, NENC_ENOMEM, or what the range coder says */
NENC_NODISCARD nenc_status nenc_plane_decode(const nenc_plane *dst,
                                             uint32_t width, uint32_t height,
                                             uint32_t crop_x, uint32_t crop_y,
                                             nenc_bytes *src,
                                             nenc_diag *diag);

#endif
