/* SPDX-License-Identifier: BSD-2-Clause */
/* Searching the quality at which a picture comes to a size, a rate or a
 * closeness.  Not here: metrics (nenc_check.h). */
#ifndef NENC_APPS_NENC_TARGET_H
#define NENC_APPS_NENC_TARGET_H

#include "nenc_check.h"

typedef enum target_kind {
    TARGET_NONE,
    TARGET_SIZE,          /**< bytes, at most */
    TARGET_BPP,           /**< bits per pixel, all of the file's */
    TARGET_PSNR,          /**< dB: check_psnr() */
    TARGET_MS_SSIM        /**< 0 to 1: check_ms_ssim() */
} target_kind;

typedef struct target {
    target_kind kind;
    double value;
} target;

/** What was found.  target_result_free() it, also after a failure. */
typedef struct target_result {
    double quality;
    double value;         /**< of what the target is about */
    bool reached;         /**< within 1 % (PSNR: 0.02 dB; MS-SSIM: of what it
                               lacks to 1; of a size, from below) */
    unsigned encodes;     /**< it took */
    nenc_buffer bytes;    /**< the stream */
    uint8_t symbols[32];  /**< see nenc_encoder_symbol_hash() */
} target_result;

/** "0.7 bpp", "20000 bytes" ... */
void target_format(char text[48], target_kind kind, double value);

/** Encode at this quality, to memory.
 *  @param ceiling  bytes that the stream may take */
NENC_NODISCARD nenc_status target_encode(target_result *r, double quality,
                                         nenc_encoder *enc, size_t ceiling,
                                         nenc_diag *diag);

/** Encode until the target is reached, or nothing comes closer.
 *  @param enc     opened with `several`
 *  @param decode  how to decode; its bytes are not read */
NENC_NODISCARD nenc_status target_search(target_result *r, const target *t,
                                         nenc_encoder *enc,
                                         const nenc_image *image,
                                         const check_stream *decode,
                                         nenc_diag *diag);
void target_result_free(target_result *r);

#endif
