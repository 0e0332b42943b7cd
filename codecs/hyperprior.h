/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the hyperprior codec share: the bound model and a
 * context.  Not for others. */
#ifndef NENC_CODECS_HYPERPRIOR_H
#define NENC_CODECS_HYPERPRIOR_H

#include "cdf.h"
#include "codec.h"
#include "net.h"

enum { HYPER_BUCKETS = 256 };

/** Three entropy models, configurations of one codec. */
typedef enum hyper_entropy {
    HYPER_FACTORIZED,      /**< y by a table per channel; no z */
    HYPER_SCALE,           /**< z gives y's scales */
    HYPER_MEAN_SCALE       /**< z gives y's means and scales */
} hyper_entropy;

/** Per-channel gains at quality points evenly spaced over 0..100, as natural
 *  logarithms; between points they are interpolated there. */
typedef struct hyper_gain {
    size_t n_points;       /**< 0 = no gain: 1 everywhere */
    const float *log;      /**< [n_points, channels] */
} hyper_gain;

/** A hyperprior model, bound (immutable). */
typedef struct hyper_model {
    hyper_entropy entropy;
    const nenc_net *g_a, *h_a;    /**< NULL in a model for decoding only */
    const nenc_net *g_s, *h_s;    /**< h_s NULL when factorized */
    size_t y_channels, z_channels;
    size_t y_stride, z_stride;    /**< pixels from a position to the next */
    float  offset;                /**< of pictures: networks see v/255 - it */
    bool   means_first;           /**< h_s gives means then scales */
    bool   abs_y;                 /**< h_a reads |y| */
    hyper_gain gain, inverse;
    nenc_cdf_set *y_set, *z_set;
    size_t n_thresholds;
    const float *thresholds;      /**< of the scale index, ascending */
    float  bucket_rate;           /**< to find one quickly: see bucket_of() */
    uint16_t bucket_first[HYPER_BUCKETS];
    const float *y_offset, *z_offset; /**< added to symbols, or NULL */
    bool   has_lambda;            /**< the encoder weighs rate, distortion */
    float  log_lambda[2];         /**< at quality 0 and 100 */
} hyper_model;

/** One stream's context.  Plans and buffers are kept from unit to unit of the
 *  same latents' dims. */
typedef struct hyper_context {
    const hyper_model *model;
    nenc_codec_params params;
    float t;                      /**< quality / 100 */
    float *gain, *inverse;        /**< [y_channels] at t */
    uint32_t width, height;       /**< of a unit as planned for; 0 = none */
    size_t y_h, y_w, z_h, z_w;
    nenc_plan *g_a, *h_a, *h_s, *g_s;
    nenc_arena arena;             /**< buffers for those dims */
    float    *y;                  /**< [y_h, y_w, y_channels]: the encoder's
                                       latents, or g_s's input */
    float    *y_mean;             /**< the same dims */
    int32_t  *y_symbol, *z_symbol;
    uint16_t *y_index, *z_index;  /**< tables */
} hyper_context;

/** Latent samples of the planned unit. */
static inline size_t hyper_y_size(const hyper_context *c)
{
    return c->y_h * c->y_w * c->model->y_channels;
}

static inline size_t hyper_z_size(const hyper_context *c)
{
    return c->z_h * c->z_w * c->model->z_channels;
}

/** Make the context ready for a unit of these dims. */
nenc_status hyper_prepare(hyper_context *c, uint32_t width, uint32_t height,
                          bool encoding, nenc_diag *diag);

/** From c->z_symbol to c->y_index and c->y_mean: normative. */
nenc_status hyper_predict(hyper_context *c, nenc_diag *diag);

/** Write the quality vector (t, t^2) to a plan's input "q", if it has one. */
void hyper_set_quality(const hyper_context *c, const nenc_net *net,
                       nenc_plan *plan);

nenc_status hyper_encode_unit(void *context, const nenc_image *src,
                              nenc_buffer *out, nenc_diag *diag);
nenc_status hyper_decode_unit(void *context, nenc_bytes *src, nenc_image *dst,
                              nenc_sha256 *symbols, nenc_diag *diag);

#endif
