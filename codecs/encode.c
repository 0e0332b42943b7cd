/* SPDX-License-Identifier: BSD-2-Clause */
/* The public encoder: a picture to a stream.  Not here: what a codec does. */
#include <math.h>
#include <string.h>

#include "container.h"
#include "fpenv.h"
#include "invisible.h"
#include "model.h"
#include "plane.h"

void nenc_encoder_config_init_(nenc_encoder_config *cfg, size_t size)
{
    memset(cfg, 0, size);
    cfg->size = size;
    cfg->quality = 50;
    cfg->effort = -1;
    cfg->max_memory = (size_t)(UINT64_C(4) << 30 <= SIZE_MAX
                               ? UINT64_C(4) << 30 : SIZE_MAX);
}

struct nenc_encoder {
    const nenc_model *model;
    nenc_encoder_config cfg;
    const nenc_image *image;      /* the caller's, or `filled` */
    nenc_image filled;            /* where nobody sees it; owns no blobs */
    nenc_head head;
    nenc_pool *pool;
    void *context;                /* the codec's */
    nenc_sha256 symbols;          /* of the last stream */
    bool failed;
};

static bool is_quality(double quality)
{
    return quality >= 0 && quality <= 100;
}

static nenc_status check(const nenc_encoder_config *cfg,
                         const nenc_image *image, nenc_diag *diag)
{
    if (cfg->size != sizeof *cfg)
        return nenc_fail(diag, NENC_EINVAL,
                         "nenc_encoder_config_init() was not called");
    if (!is_quality(cfg->quality))
        return nenc_fail(diag, NENC_EINVAL, "quality %g, not 0 to 100",
                         cfg->quality);
    if (cfg->threads < 0 || cfg->threads > 1024)
        return nenc_fail(diag, NENC_EINVAL, "%d threads, not 0 to 1024",
                         cfg->threads);
    if (cfg->effort < -1 || cfg->effort > 9)
        return nenc_fail(diag, NENC_EINVAL, "effort %d, not -1 to 9",
                         cfg->effort);
    if (!image->data || !image->width || !image->height
        || image->width > 1 << 24 || image->height > 1 << 24
        || image->channels < 1 || image->channels > 4
        || (image->bits != 8 && image->bits != 16)
        || image->stride / (image->bits / 8)
           < (size_t)image->width * image->channels)
        return nenc_fail(diag, NENC_EINVAL, "not a picture");
    return NENC_OK;
}

/* Where units go. */
typedef struct sink {
    const nenc_encoder *e;
    nenc_writer *w;
    uint32_t n_put;           /* units */
} sink;

/* A chunk that begins with the unit's index. */
static nenc_status put_chunk(const sink *s, uint32_t type, uint32_t index,
                             const nenc_buffer *data, nenc_diag *diag)
{
    nenc_buffer b;
    nenc_buffer_init(&b, s->e->cfg.max_memory);
    nenc_buffer_varint(&b, index);
    nenc_buffer_put(&b, data->data, data->size);
    const nenc_status st = data->failed || b.failed
        ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
        : nenc_write_chunk(s->w, type, b.data, b.size, diag);
    nenc_buffer_free(&b);
    return st;
}

static nenc_status put_alpha(const sink *s, uint32_t index, nenc_diag *diag)
{
    const nenc_rect r = nenc_head_unit(&s->e->head, index);
    const nenc_image *im = s->e->image;
    const size_t max = s->e->cfg.max_memory;
    const size_t depth = im->bits / 8;
    const nenc_plane plane = {
        .data = im->data + r.y * im->stride
              + ((size_t)r.x * im->channels + im->channels - 1) * depth,
        .stride = im->stride, .step = im->channels * depth,
        .width = r.width, .height = r.height, .bits = im->bits,
    };
    nenc_buffer b;
    nenc_buffer_init(&b, max);
    nenc_status st = nenc_plane_encode(&plane, max, &b, diag);
    if (st >= 0)
        st = put_chunk(s, NENC_CHUNK_ALPH, index, &b, diag);
    nenc_buffer_free(&b);
    return st;
}

static nenc_status put_unit(void *user, uint32_t index,
                            const nenc_buffer *unit, nenc_diag *diag)
{
    sink *s = user;
    const nenc_encoder_config *cfg = &s->e->cfg;
    const uint32_t n = nenc_head_units(&s->e->head);
    nenc_status st = put_chunk(s, NENC_CHUNK_UNIT, index, unit, diag);
    if (st >= 0 && nenc_head_alpha(&s->e->head))
        st = put_alpha(s, index, diag);
    s->n_put = index + 1;
    if (st < 0 || !cfg->progress)
        return st;
    const int answer = cfg->progress(cfg->progress_user, (index + 1.0) / n);
    return answer && answer != NENC_HURRY ? nenc_fail(diag, NENC_EIO,
                                                      "stopped") : NENC_OK;
}

static bool tick(void *user, double done)
{
    const sink *s = user;
    const nenc_encoder_config *cfg = &s->e->cfg;
    const uint32_t n = nenc_head_units(&s->e->head);
    return cfg->progress
        && cfg->progress(cfg->progress_user, (s->n_put + done) / n);
}

static nenc_head head_of(const nenc_model *model, const nenc_image *image)
{
    const nenc_codec *codec = model->codec;
    nenc_head head = {
        .version = NENC_FORMAT_VERSION, .codec = codec->id,
        .model_id = model->id, .media = NENC_IMAGE, .width = image->width,
        .height = image->height, .channels = image->channels,
        .bits = image->bits,
        .unit_width = image->width, .unit_height = image->height,
    };
    if (codec->unit
        && (uint64_t)image->width * image->height > codec->unit_over) {
        head.unit_width = NENC_MIN(image->width, codec->unit);
        head.unit_height = NENC_MIN(image->height, codec->unit);
    }
    return head;
}

static int effort_of(const nenc_encoder_config *cfg, const nenc_codec *codec)
{
    return cfg->effort > 0 ? cfg->effort : codec->default_effort;
}

/* A copy of the samples, whose invisible colours are cheap ones. */
static nenc_status fill_invisible(nenc_encoder *e, const nenc_image *image,
                                  nenc_diag *diag)
{
    const size_t row = (size_t)image->width * image->channels
                     * (image->bits / 8);
    const nenc_status st = nenc_image_alloc(&e->filled, image->width,
                                            image->height, image->channels,
                                            image->bits);
    if (st < 0)
        return nenc_fail(diag, st, "out of memory");
    for (size_t y = 0; y < image->height; y++)
        memcpy(e->filled.data + y * row, image->data + y * image->stride, row);
    NENC_TRY(nenc_fill_invisible(&e->filled, diag));
    e->filled.icc = image->icc;
    e->filled.exif = image->exif;
    e->filled.xmp = image->xmp;
    e->image = &e->filled;
    return NENC_OK;
}

nenc_status nenc_encoder_open(nenc_encoder **out, const nenc_model *model,
                              const nenc_encoder_config *cfg,
                              const nenc_image *image, nenc_diag *diag)
{
    nenc_encoder_config defaults;
    *out = NULL;
    nenc_encoder_config_init(&defaults);
    if (!cfg)
        cfg = &defaults;
    NENC_TRY(check(cfg, image, diag));
    if (model->codec->media != NENC_IMAGE)
        return nenc_fail(diag, NENC_EMODEL, "not a model for pictures");
    nenc_encoder *e = nenc_mem_zalloc(1, sizeof *e);
    if (!e)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    e->model = model;
    e->cfg = *cfg;
    e->image = image;
    e->head = head_of(model, image);
    nenc_sha256_init(&e->symbols);
    nenc_status st = nenc_pool_open(&e->pool, cfg->threads);
    if (st < 0)
        nenc_fail(diag, st, "no threads");
    const nenc_codec_params params = {
        .pool = e->pool, .max_memory = cfg->max_memory,
        .keep = cfg->several, .width = e->head.width,
        .height = e->head.height, .unit_width = e->head.unit_width,
        .unit_height = e->head.unit_height,
        .effort = effort_of(cfg, model->codec),
    };
    if (st >= 0)
        st = model->codec->open(&e->context, model->bound, &params, diag);
    if (st >= 0 && !cfg->keep_invisible && nenc_has_invisible(image))
        st = fill_invisible(e, image, diag);
    if (st < 0)
        nenc_encoder_close(e);
    else
        *out = e;
    return st;
}

static nenc_status write_stream(nenc_encoder *e, nenc_writer *w,
                                nenc_diag *diag)
{
    sink s = { e, w, 0 };
    const nenc_units units = { .user = &s, .put = put_unit, .tick = tick };
    nenc_sha256_init(&e->symbols);
    NENC_TRY(nenc_write_signature(w, diag));
    NENC_TRY(nenc_write_head(w, &e->head, diag));
    NENC_TRY(nenc_write_meta(w, e->image, diag));
    NENC_TRY(e->model->codec->encode(e->context, e->image, &units, &e->symbols,
                                     diag));
    return nenc_write_chunk(w, NENC_CHUNK_DONE, NULL, 0, diag);
}

nenc_status nenc_encoder_write(nenc_encoder *e, double quality,
                               nenc_write_fn write_fn, void *user,
                               nenc_diag *diag)
{
    nenc_writer w = { write_fn, user };
    nenc_fpenv env;
    if (!is_quality(quality))
        return nenc_fail(diag, NENC_EINVAL, "quality %g, not 0 to 100",
                         quality);
    if (e->failed)
        return nenc_fail(diag, NENC_EINVAL, "the encoder failed before");
    nenc_fpenv_enter(&env);
    e->head.quality = (int)floor(quality + 0.5);
    e->model->codec->set_quality(e->context, e->head.quality,
                                 (float)(quality - e->head.quality));
    const nenc_status st = write_stream(e, &w, diag);
    nenc_fpenv_leave(&env);
    e->failed = st < 0;
    return st;
}

void nenc_encoder_symbol_hash(const nenc_encoder *e, uint8_t hash[32])
{
    nenc_sha256 copy = e->symbols;
    nenc_sha256_final(&copy, hash);
}

void nenc_encoder_close(nenc_encoder *e)
{
    if (!e)
        return;
    e->model->codec->close(e->context);
    nenc_pool_close(e->pool);
    nenc_mem_free(e->filled.data);
    nenc_mem_free(e);
}

nenc_status nenc_encode_image(const nenc_model *model,
                              const nenc_encoder_config *cfg,
                              const nenc_image *image, nenc_write_fn write_fn,
                              void *user, nenc_diag *diag)
{
    nenc_encoder *e;
    NENC_TRY(nenc_encoder_open(&e, model, cfg, image, diag));
    const nenc_status st = nenc_encoder_write(e, e->cfg.quality, write_fn,
                                              user, diag);
    nenc_encoder_close(e);
    return st;
}
