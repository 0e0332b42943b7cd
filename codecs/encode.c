/* SPDX-License-Identifier: BSD-2-Clause */
/* The public encoder: a picture to a stream.  Not here: what a codec does. */
#include <string.h>

#include "container.h"
#include "fpenv.h"
#include "model.h"
#include "plane.h"

void nenc_encoder_config_init_(nenc_encoder_config *cfg, size_t size)
{
    memset(cfg, 0, size);
    cfg->size = size;
    cfg->quality = 50;
    cfg->max_memory = (size_t)(UINT64_C(4) << 30 <= SIZE_MAX
                               ? UINT64_C(4) << 30 : SIZE_MAX);
}

static nenc_status check(const nenc_encoder_config *cfg,
                         const nenc_image *image, nenc_diag *diag)
{
    if (cfg->size != sizeof *cfg)
        return nenc_fail(diag, NENC_EINVAL,
                         "nenc_encoder_config_init() was not called");
    if (cfg->quality < 0 || cfg->quality > 100)
        return nenc_fail(diag, NENC_EINVAL, "quality %d, not 0 to 100",
                         cfg->quality);
    if (cfg->threads < 0 || cfg->threads > 1024)
        return nenc_fail(diag, NENC_EINVAL, "%d threads, not 0 to 1024",
                         cfg->threads);
    if (!image->data || !image->width || !image->height
        || image->width > 1 << 24 || image->height > 1 << 24
        || image->channels < 1 || image->channels > 4
        || (image->bits != 8 && image->bits != 16)
        || image->stride / (image->bits / 8)
           < (size_t)image->width * image->channels)
        return nenc_fail(diag, NENC_EINVAL, "not a picture");
    return NENC_OK;
}

/* Pictures over UNIT_OVER pixels are cut into units of UNIT pixels a side:
 * small enough for all cores to have one, large enough to cost no rate. */
enum { UNIT = 1024, UNIT_OVER = 3 << 19 };

/* Where units go. */
typedef struct sink {
    nenc_writer *w;
    const nenc_encoder_config *cfg;
    const nenc_head *head;
    const nenc_image *image;
} sink;

/* A chunk that begins with the unit's index. */
static nenc_status put_chunk(const sink *s, uint32_t type, uint32_t index,
                             const nenc_buffer *data, nenc_diag *diag)
{
    nenc_buffer b;
    nenc_buffer_init(&b, s->cfg->max_memory);
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
    const nenc_rect r = nenc_head_unit(s->head, index);
    const nenc_image *im = s->image;
    const size_t depth = im->bits / 8;
    const nenc_plane plane = {
        .data = im->data + r.y * im->stride
              + ((size_t)r.x * im->channels + im->channels - 1) * depth,
        .stride = im->stride, .step = im->channels * depth,
        .width = r.width, .height = r.height, .bits = im->bits,
    };
    nenc_buffer b;
    nenc_buffer_init(&b, s->cfg->max_memory);
    nenc_status st = nenc_plane_encode(&plane, s->cfg->max_memory, &b, diag);
    if (st >= 0)
        st = put_chunk(s, NENC_CHUNK_ALPH, index, &b, diag);
    nenc_buffer_free(&b);
    return st;
}

static nenc_status put_unit(void *user, uint32_t index,
                            const nenc_buffer *unit, nenc_diag *diag)
{
    const sink *s = user;
    const uint32_t n = nenc_head_units(s->head);
    nenc_status st = put_chunk(s, NENC_CHUNK_UNIT, index, unit, diag);
    if (st >= 0 && nenc_head_alpha(s->head))
        st = put_alpha(s, index, diag);
    if (st >= 0 && s->cfg->progress
        && s->cfg->progress(s->cfg->progress_user, (index + 1.0) / n))
        st = nenc_fail(diag, NENC_EIO, "stopped");
    return st;
}

static nenc_head head_of(const nenc_model *model,
                         const nenc_encoder_config *cfg,
                         const nenc_image *image)
{
    nenc_head head = {
        .version = NENC_FORMAT_VERSION, .codec = model->codec->id,
        .model_id = model->id, .media = NENC_IMAGE, .width = image->width,
        .height = image->height, .channels = image->channels, .bits = image->bits,
        .unit_width = image->width, .unit_height = image->height,
        .quality = cfg->quality,
    };
    if ((uint64_t)image->width * image->height > UNIT_OVER) {
        head.unit_width = NENC_MIN(image->width, (uint32_t)UNIT);
        head.unit_height = NENC_MIN(image->height, (uint32_t)UNIT);
    }
    return head;
}

static nenc_status encode(const nenc_model *model,
                          const nenc_encoder_config *cfg,
                          const nenc_image *image, nenc_writer *w,
                          nenc_diag *diag)
{
    const nenc_codec *codec = model->codec;
    const nenc_head head = head_of(model, cfg, image);
    nenc_codec_params params = {
        .max_memory = cfg->max_memory, .quality = cfg->quality,
        .width = head.width, .height = head.height,
        .unit_width = head.unit_width, .unit_height = head.unit_height,
    };
    sink s = { w, cfg, &head, image };
    const nenc_units units = { .user = &s, .put = put_unit };
    void *context = NULL;
    nenc_status st = nenc_pool_open(&params.pool, cfg->threads);
    if (st < 0)
        return nenc_fail(diag, st, "no threads");
    st = codec->open(&context, model->bound, &params, diag);
    if (st >= 0)
        st = nenc_write_signature(w, diag);
    if (st >= 0)
        st = nenc_write_head(w, &head, diag);
    if (st >= 0)
        st = nenc_write_meta(w, image, diag);
    if (st >= 0)
        st = codec->encode(context, image, &units, diag);
    if (st >= 0)
        st = nenc_write_chunk(w, NENC_CHUNK_DONE, NULL, 0, diag);
    codec->close(context);
    nenc_pool_close(params.pool);
    return st;
}

nenc_status nenc_encode_image(const nenc_model *model,
                              const nenc_encoder_config *cfg,
                              const nenc_image *image, nenc_write_fn write_fn,
                              void *user, nenc_diag *diag)
{
    nenc_encoder_config defaults;
    nenc_encoder_config_init(&defaults);
    if (!cfg)
        cfg = &defaults;
    NENC_TRY(check(cfg, image, diag));
    if (model->codec->media != NENC_IMAGE)
        return nenc_fail(diag, NENC_EMODEL, "not a model for pictures");
    nenc_writer w = { write_fn, user };
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    const nenc_status st = encode(model, cfg, image, &w, diag);
    nenc_fpenv_leave(&env);
    return st;
}
