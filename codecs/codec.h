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

/** A part of a picture. */
typedef struct nenc_rect {
    uint32_t x, y, width, height;
} nenc_rect;

typedef enum nenc_media { NENC_IMAGE = 1 } nenc_media;

/** How a codec is to work on one stream. */
typedef struct nenc_codec_params {
    nenc_pool *pool;       /**< borrowed */
    size_t max_memory;     /**< bytes a context may hold */
    int    quality;        /**< 0 to 100 */
    float  finer;          /**< encoding: how much finer symbols are chosen
                                than the quality says, -0.5 to 0.5; 1 were
                                about the rate of the next quality */
    bool   keep;           /**< encoding: encode() will be called again */
    int    effort;         /**< encoding: 0 to 9, refinement of latents; not
                                0 where the codec's default is over 0 */
    bool   fast;           /**< decoding: synthesis on oneDNN */
    bool   lenient;        /**< decoding: units that are lost or damaged are
                                made up for */
    uint32_t width, height;           /**< of the picture */
    uint32_t unit_width, unit_height; /**< of all units but the last ones */
    nenc_rect crop;        /**< decoding: the part wanted */
    bool   preview;        /**< decoding: a picture of an eighth of the size,
                                rounded up, in 1 or 3 channels; the crop is
                                all of that */
    uint32_t region;       /**< pixels a side of the parts that transforms
                                are run over; 0 = the codec's choice */
} nenc_codec_params;

/** What an encoder is to do next. */
typedef enum nenc_tick {
    NENC_TICK_GO_ON, NENC_TICK_END, NENC_TICK_SAVE
} nenc_tick;

/** Where a codec's units go to, or come from.  Units are tiles of the picture,
 *  numbered left to right, then down. */
typedef struct nenc_units {
    void *user;
    /** Take unit `index`; they come in ascending order. */
    nenc_status (*put)(void *user, uint32_t index, const nenc_buffer *unit,
                       nenc_diag *diag);
    /** Give the bytes of unit `index`, from unit->data + *at on.  Asked for in
     *  ascending order; those outside the crop are not.  Encoding: the first
     *  `n_done`.
     *  @param[out] unit  the codec frees it, whatever is returned
     *  @return NENC_OK, NENC_END (lost: make something up), or an error */
    nenc_status (*get)(void *user, uint32_t index, nenc_buffer *unit,
                       size_t *at, nenc_diag *diag);
    /** Encoding, or NULL: how much has been done of the unit that will be put
     *  next, 0 to 1, while its latents are refined; called by the thread that
     *  encode() is called by.  SAVE only where the codec `resumes`. */
    nenc_tick (*tick)(void *user, double done);
    /** Encoding: after SAVE, all that is needed to go on with this unit. */
    nenc_status (*save)(void *user, const nenc_buffer *state,
                        nenc_diag *diag);
    uint32_t n_done;       /**< encoding: units that an encode that was cut
                                short had put; to be put again */
    nenc_bytes state;      /**< and what it had saved of the next; may be
                                empty */
    /** A unit whose bytes were there is damaged and is made up for. */
    void (*lost)(void *user, uint32_t index);
} nenc_units;

/** One network of a bound model, for reports. */
typedef struct nenc_codec_net {
    const char *name;
    const nenc_net *net;
    const char *input;     /**< the one with rows and columns; others are 1x1 */
    size_t stride;         /**< pixels from a position of it to the next */
    bool   decodes;        /**< a decoder runs it */
    bool   previews;       /**< a decoder runs it for a preview */
} nenc_codec_net;

struct nenc_trainer_ops;   /* train.h */

typedef struct nenc_codec {
    const char *name;      /**< as in model files and on command lines */
    uint32_t id;           /**< as in streams */
    nenc_media media;
    const char *paper;     /**< where the method comes from */
    bool fast_ok;          /**< no prior reads reconstructed samples */
    bool builtin;          /**< needs no model file: bind() is called with an
                                empty nenc_safetensors, and ids are 0 */
    const char *default_model;  /**< NULL where it needs none */
    uint32_t unit;         /**< pixels a side of the units that encoders cut
                                pictures into; 0 = never */
    uint32_t unit_over;    /**< but only those of more pixels than this */
    bool resumes;          /**< encode() saves its state and goes on from it */
    int default_effort;    /**< of who asks for none in particular; where it
                                is over 0, 0 means that, too */

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
    /** Encode a picture's colours; the last of 2 or 4 channels is not one.
     *  Called again, with the same picture, it costs less where the context
     *  was opened with `keep`.
     *  @param symbols  as decode() has them */
    nenc_status (*encode)(void *context, const nenc_image *src,
                          const nenc_units *units, nenc_sha256 *symbols,
                          nenc_diag *diag);
    /** Another quality, between calls of encode(): as in nenc_codec_params. */
    void (*set_quality)(void *context, int quality, float finer);
    /** Decode the crop, which `dst` has the dims of, but for transparency.  The
     *  symbols of each unit are added to `symbols` (as int32, little-endian,
     *  in coding order). */
    nenc_status (*decode)(void *context, const nenc_units *units,
                          nenc_image *dst, nenc_sha256 *symbols,
                          nenc_diag *diag);
    void (*close)(void *context);
    const struct nenc_trainer_ops *train;   /**< NULL: cannot be trained */
} nenc_codec;

/** NULL where there is none. */
const nenc_codec *nenc_codec_by_name(const char *name);
const nenc_codec *nenc_codec_by_id(uint32_t id);
/** The i-th codec, or NULL past the last. */
const nenc_codec *nenc_codec_at(size_t i);

#endif
