/* SPDX-License-Identifier: BSD-2-Clause */
/* A codec's units kept in memory, for tests and tools that call codecs without
 * a container.  Not here: chunks, streams. */
#ifndef NENC_CONFORMANCE_UNIT_STORE_H
#define NENC_CONFORMANCE_UNIT_STORE_H

#include "codec.h"

enum { UNIT_STORE_MAX = 64 };

typedef struct unit_store {
    nenc_buffer units[UNIT_STORE_MAX];
    bool asked[UNIT_STORE_MAX];   /**< decoding: which were */
    bool lost[UNIT_STORE_MAX];    /**< decoding: say so */
    uint32_t n;
    nenc_sha256 symbols;          /**< encoding: of all units */
} unit_store;

void unit_store_free(unit_store *s);

/** Parameters for a picture in units of these dims; 0 = one unit. */
nenc_codec_params unit_store_params(const nenc_image *image, uint32_t width,
                                    uint32_t height, int quality);

/** Encode into an empty store, decode from a full one.  open(), close(). */
nenc_status unit_store_encode(unit_store *s, const nenc_codec *codec,
                              const void *bound,
                              const nenc_codec_params *params,
                              const nenc_image *src, nenc_diag *diag);
nenc_status unit_store_decode(unit_store *s, const nenc_codec *codec,
                              const void *bound,
                              const nenc_codec_params *params,
                              nenc_image *dst, nenc_sha256 *symbols,
                              nenc_diag *diag);

/** The same in an open context, for looking into it afterwards. */
nenc_status unit_store_encode_in(unit_store *s, const nenc_codec *codec,
                                 void *context, const nenc_image *src,
                                 nenc_diag *diag);
nenc_status unit_store_decode_in(unit_store *s, const nenc_codec *codec,
                                 void *context, nenc_image *dst,
                                 nenc_sha256 *symbols, nenc_diag *diag);

#endif
