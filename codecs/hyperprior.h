/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the hyperprior codec share: the bound model and a
 * context.  Not for others. */
#ifndef NENC_CODECS_HYPERPRIOR_H
#define NENC_CODECS_HYPERPRIOR_H

#include <math.h>
#include <stdatomic.h>

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
    nenc_packs *packs;            /**< of all networks' weights */
    const nenc_net *g_a, *h_a;    /**< NULL in a model for decoding only */
    const nenc_net *g_s, *h_s;    /**< h_s NULL when factorized */
    const nenc_net *p_s;          /**< from latents to previews, or NULL */
    size_t y_channels, z_channels;
    size_t y_stride, z_stride;    /**< pixels from a position to the next */
    float  offset;                /**< of pictures: networks see v/255 - it */
    bool   means_first;           /**< h_s gives means then scales */
    bool   abs_y;                 /**< h_a reads |y| */
    hyper_gain gain, inverse;
    nenc_cdf_set *y_set, *z_set;
    size_t n_thresholds;
    const float *thresholds;      /**< of the scale index, ascending */
    float  bucket_rate;           /**< to find one quickly: see hyper_bucket() */
    uint16_t bucket_first[HYPER_BUCKETS];
    const float *y_offset, *z_offset; /**< added to symbols, or NULL */
    bool   has_lambda;            /**< the encoder weighs rate, distortion */
    float  log_lambda[2];         /**< at quality 0 and 100 */
} hyper_model;

/** Which bucket a scale falls into: monotone, and 0 for NaN. */
static inline size_t hyper_bucket(const hyper_model *m, float scale)
{
    const float at = (scale - m->thresholds[0]) * m->bucket_rate;
    const float low = at > 0.0f ? at : 0.0f;
    return (size_t)(low < HYPER_BUCKETS - 1 ? low : HYPER_BUCKETS - 1);
}

/** How many thresholds lie below the scale; 0 for NaN.  Those of earlier
 *  buckets do, since buckets are monotone; the others are compared. */
static inline uint16_t hyper_scale_index(const hyper_model *m, float scale)
{
    size_t i = m->bucket_first[hyper_bucket(m, scale)];
    while (i < m->n_thresholds && m->thresholds[i] < scale)
        i++;
    return (uint16_t)i;
}

/** Latents of one unit on their way to or from bytes.  Plans and buffers are
 *  kept from unit to unit of the same dims. */
typedef struct hyper_unit {
    const hyper_model *model;
    nenc_pool *pool;              /**< NULL: units run side by side */
    size_t max_memory;
    float t;                      /**< quality / 100 */
    float finer;                  /**< encoding: see nenc_codec_params */
    const float *gain, *inverse;  /**< [y_channels] */
    size_t y_h, y_w, z_h, z_w;    /**< as planned for; 0 = not yet */
    nenc_plan *h_a, *h_s;
    nenc_arena arena;             /**< buffers for those dims */
    float    *y;                  /**< [y_h, y_w, y_channels], encoding only:
                                       with their gain */
    float    *z;                  /**< encoding only: what its symbols are
                                       rounded from */
    float    *y_mean;             /**< as y */
    int32_t  *y_symbol, *z_symbol;
    uint16_t *y_index, *z_index;  /**< tables */
} hyper_unit;

/** One stream's context. */
typedef struct hyper_context {
    const hyper_model *model;
    nenc_codec_params params;
    float t;
    float *gain, *inverse;        /**< [y_channels] at t */
    size_t y_h, y_w;              /**< latents of the picture */
    size_t unit_h, unit_w;        /**< and of a unit */
    uint32_t units_x, units_y;
    hyper_unit *units;            /**< one for each that runs at a time */
    size_t n_units;
    float *y;                     /**< rows [y_first, y_end) of the picture's
                                       latents, [y_w, y_channels] each;
                                       encoding: without their gain */
    size_t y_first, y_end, y_room;
    size_t x_first, x_end;        /**< columns of them that there are */
    nenc_plan *region;            /**< g_a or g_s, for some part */
    size_t region_h, region_w;    /**< its input's dims; 0 = not yet */
    size_t part;                  /**< latents a side of a part, at most */
    struct hyper_refining *refining; /**< where there is some effort */
    _Atomic bool hurry;           /**< refinement is to come to an end */
} hyper_context;

/** Latent samples of the planned unit. */
static inline size_t hyper_y_size(const hyper_unit *u)
{
    return u->y_h * u->y_w * u->model->y_channels;
}

static inline size_t hyper_z_size(const hyper_unit *u)
{
    return u->z_h * u->z_w * u->model->z_channels;
}

nenc_status hyper_open(void **context, const void *bound,
                       const nenc_codec_params *params, nenc_diag *diag);
void hyper_close(void *context);
void hyper_quality(void *context, int quality, float finer);

/** Make a unit ready for latents of these dims. */
nenc_status hyper_unit_prepare(hyper_unit *u, size_t y_h, size_t y_w,
                               bool encoding, nenc_diag *diag);
void   hyper_unit_close(hyper_unit *u);
size_t hyper_unit_memory(const hyper_unit *u);
/** From u->z_symbol to u->y_index and u->y_mean: normative. */
nenc_status hyper_unit_predict(hyper_unit *u, nenc_diag *diag);
/** Add the unit's symbols to the conformance hash. */
void   hyper_unit_hash(const hyper_unit *u, nenc_sha256 *symbols);

/** Bytes of the cap that nothing has taken yet. */
size_t hyper_memory_left(const hyper_context *c);

/** Room for latent rows [c->y_end, end), which may be written to after that;
 *  rows before `keep` are dropped. */
nenc_status hyper_rows_extend(hyper_context *c, size_t keep, size_t end,
                              nenc_diag *diag);
static inline float *hyper_row(const hyper_context *c, size_t row)
{
    return c->y + (row - c->y_first) * c->y_w * c->model->y_channels;
}

/** Rows and columns of latents, or of a network's positions. */
typedef struct hyper_part {
    size_t y0, y1, x0, x1;
} hyper_part;

/** What makes samples of latents: g_s, or p_s. */
static inline const nenc_net *hyper_synthesis(const hyper_context *c)
{
    return c->params.preview ? c->model->p_s : c->model->g_s;
}
/** Its samples from a latent to the next. */
static inline size_t hyper_out_stride(const hyper_context *c)
{
    return c->params.preview ? c->model->y_stride / 8 : c->model->y_stride;
}

/** The positions of g_a's or g_s's input that a part of the latents (for g_s
 *  of the samples made of them) depends on, cut to those that there are. */
nenc_status hyper_reach(hyper_context *c, bool encoding,
                        const hyper_part *part, hyper_part *in,
                        nenc_diag *diag);

/** After NENC_ELIMIT: try smaller parts.  @return false: they are small */
bool hyper_smaller_part(hyper_context *c);

/** Make c->region ready for a part of the latents: g_a, or g_s.
 *  @param[out] in  see hyper_reach(); the output begins where `in` does */
nenc_status hyper_plan_region(hyper_context *c, bool encoding,
                              const hyper_part *part, hyper_part *in,
                              nenc_diag *diag);

/** A plan for an input of h x w that must give out_h x out_w. */
nenc_status hyper_plan(nenc_plan **out, const nenc_net *net,
                       const char *input, size_t h, size_t w, size_t out_h,
                       size_t out_w, bool fast, nenc_pool *pool,
                       size_t max_memory, nenc_diag *diag);

/** Samples of the padded picture as networks see them, [in, 3]: those beyond
 *  its edges repeat them.
 *  @param in  in pixels */
void hyper_load(const hyper_context *c, const nenc_image *src,
                const hyper_part *in, nenc_pool *pool, float *x);

/** A symbol beyond this means a broken model; the range coder's limit is
 *  2^30. */
#define HYPER_MAX_SYMBOL 1048576.0f

/** To the nearest integer; what no stream could carry becomes 0 or the limit.
 *  Encoding only. */
static inline int32_t hyper_nearest(float v)
{
    if (!(v == v))
        return 0;
    v = v > HYPER_MAX_SYMBOL ? HYPER_MAX_SYMBOL : v;
    v = v < -HYPER_MAX_SYMBOL ? -HYPER_MAX_SYMBOL : v;
    return (int32_t)lrintf(v);
}

/** Write the quality vector (t, t^2) to a plan's input "q", if it has one. */
void hyper_set_quality(float t, const nenc_net *net, nenc_plan *plan);

nenc_status hyper_encode(void *context, const nenc_image *src,
                         const nenc_units *units, nenc_sha256 *symbols,
                         nenc_diag *diag);
nenc_status hyper_decode(void *context, const nenc_units *units,
                         nenc_image *dst, nenc_sha256 *symbols,
                         nenc_diag *diag);

#endif
