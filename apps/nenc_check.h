/* SPDX-License-Identifier: BSD-2-Clause */
/* What a stream decodes to, and how close that is to the picture it was made
 * of.  Not here: encoding. */
#ifndef NENC_APPS_NENC_CHECK_H
#define NENC_APPS_NENC_CHECK_H

#include "bytes.h"

/** A stream in memory, and how to decode it. */
typedef struct check_stream {
    const nenc_buffer *bytes;
    const nenc_model *model;
    int threads;
    size_t max_memory;
} check_stream;

/** @param[out] out      nenc_image_free() it; cleared on failure
 *  @param[out] symbols  SHA-256, or NULL */
NENC_NODISCARD nenc_status check_decode(nenc_image *out, uint8_t symbols[32],
                                        const check_stream *s,
                                        nenc_diag *diag);

/** PSNR in dB of the colours of pixels that are not wholly transparent, in
 *  both, at 8 bits a sample; INFINITY where they are equal. */
NENC_NODISCARD nenc_status check_psnr(double *db, const nenc_image *src,
                                      const nenc_image *back,
                                      nenc_diag *diag);
/** MS-SSIM of the same.  @return also NENC_EUNSUPPORTED: a side under 161 */
NENC_NODISCARD nenc_status check_ms_ssim(double *value, const nenc_image *src,
                                         const nenc_image *back,
                                         nenc_diag *diag);

/** Decode a stream and compare what must come back exactly: dims, depth,
 *  transparency, profiles and, by their hash, the symbols.
 *  @param symbols   of the encoder
 *  @param[out] psnr  see check_psnr()
 *  @return NENC_OK, NENC_ECORRUPT_OUTPUT, or an error */
NENC_NODISCARD nenc_status check_verify(double *psnr, const nenc_image *src,
                                        const uint8_t symbols[32],
                                        const check_stream *s,
                                        nenc_diag *diag);

#endif
