/* SPDX-License-Identifier: BSD-2-Clause */
/* What a codec family is to the rest of the library: one struct of functions,
 * one line in registry.c.  Not here: chunks, files, the public API. */
#ifndef NENC_CODECS_CODEC_H
#define NENC_CODECS_CODEC_H

#include "bytes.h"
#include "hash.h"
#include "net.h"

#define NENC_TAG(a, b, c, d)                                              \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16             \
     | (uint32_t)(d) << 24)

typedef enum nenc_media { NENC_IMAGE = 1 } nenc_media;

/** How a codec is to work on one stream. */
typedef struct nenc_codec_params {
    nenc_pool *pool;       /**< borrowed */
    size_t max_memory;     /**< bytes a context may hold */
    int    quality;        /**< 0 to 100 */
    bool   fast;           /**< decoding: synthesis on oneDNN */
} nenc_codec_params;

/** One network of a bound model, for reports. */
typedef struct nenc_codec_net {
    const char *name;
    const nenc_net *net;
    const char *input;     /**< the one with rows and columns; others are 1x1 */
    size_t stride;         /**< pixels from a position of it to the next */
    bool   decodes;        /**< a decoder runs it */
} nenc_codec_net;

typedef struct nenc_codec {
    const char *name;      /**< as in model files and on command lines */
    uint32_t id;           /**< as in streams */
    nenc_media media;
    const char *paper;     /**< where the method comes from */
    bool fast_ok;          /**< no prior reads reconstructed samples */
    const char *default_model;

    /** Bind networks and tables; the result lies in `arena` and is immutable.
     *  unbind() it, also after a failure, before the arena goes.
     *  @return NENC_OK, NENC_EMODEL, NENC_ENOMEM */
    nenc_status (*bind)(const void **bound, nenc_arena *arena,
                        const nenc_safetensors *st, nenc_diag *diag);
    void (*unbind)(const void *bound);      /**< NULL is fine */
    /** The i-th network. @return false past the last */
    bool (*net_at)(const void *bound, size_t i, nenc_codec_net *net);
    /** A context for one stream; close() it. */
    nenc_status (*open)(void **context, const void *bound,
                        const nenc_codec_params *params, nenc_diag *diag);
    /** Append one unit (a view of the picture) to `out`. */
    nenc_status (*encode_unit)(void *context, const nenc_image *src,
                               nenc_buffer *out, nenc_diag *diag);
    /** Read one unit into its view of the picture; `src` is exactly the
     *  unit's bytes.  The symbols are added to `symbols` (as int32,
     *  little-endian, in coding order) before any sample is made. */
    nenc_status (*decode_unit)(void *context, nenc_bytes *src,
                               nenc_image *dst, nenc_sha256 *symbols,
                               nenc_diag *diag);
    void (*close)(void *context);
} nenc_codec;

/** NULL where there is none. */
const nenc_codec *nenc_codec_by_name(const char *name);
const nenc_codec *nenc_codec_by_id(uint32_t id);
/** The i-th codec, or NULL past the last. */
const nenc_codec *nenc_codec_at(size_t i);

#endif
