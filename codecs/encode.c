/* SPDX-License-Identifier: BSD-2-Clause */
/* The public encoder: a picture to a stream.  Not here: what a codec does. */
#include <string.h>

#include "container.h"
#include "fpenv.h"
#include "model.h"

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
        || (image->channels != 1 && image->channels != 3)
        || image->stride < (size_t)image->width * image->channels)
        return nenc_fail(diag, NENC_EINVAL, "not a picture");
    return NENC_OK;
}

static nenc_status write_units(nenc_writer *w, const nenc_head *head,
                               const nenc_codec *codec, void *context,
                               const nenc_image *image,
                               const nenc_encoder_config *cfg,
                               nenc_diag *diag)
{
    const uint32_t n = nenc_head_units(head);
    for (uint32_t i = 0; i < n; i++) {
        const nenc_image view = nenc_head_unit(head, image, i);
        nenc_buffer b;
        nenc_buffer_init(&b, cfg->max_memory);
        nenc_buffer_varint(&b, i);
        nenc_status st = codec->encode_unit(context, &view, &b, diag);
        if (st >= 0 && b.failed)
            st = nenc_fail(diag, NENC_ENOMEM, "out of memory");
        if (st >= 0)
            st = nenc_write_chunk(w, NENC_CHUNK_UNIT, b.data, b.size, diag);
        nenc_buffer_free(&b);
        NENC_TRY(st);
        if (cfg->progress && cfg->progress(cfg->progress_user, (i + 1.0) / n))
            return nenc_fail(diag, NENC_EIO, "stopped");
    }
    return nenc_write_chunk(w, NENC_CHUNK_DONE, NULL, 0, diag);
}

static nenc_status encode(const nenc_model *model,
                          const nenc_encoder_config *cfg,
                          const nenc_image *image, nenc_writer *w,
                          nenc_diag *diag)
{
    const nenc_codec *codec = model->codec;
    const nenc_head head = {
        .version = NENC_FORMAT_VERSION, .codec = codec->id,
        .model_id = model->id, .media = NENC_IMAGE, .width = image->width,
        .height = image->height, .channels = image->channels, .bits = 8,
        .unit_width = image->width, .unit_height = image->height,
        .quality = cfg->quality,
    };
    nenc_codec_params params = {
        .max_memory = cfg->max_memory, .quality = cfg->quality,
    };
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
        st = write_units(w, &head, codec, context, image, cfg, diag);
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
