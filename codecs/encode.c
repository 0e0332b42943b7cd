/* SPDX-License-Identifier: BSD-2-Clause */
/* The public encoder: a picture to a stream.  Not here: what a codec does. */
#include <math.h>
#include <string.h>

#include "checkpoint.h"
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
    uint8_t job[32];              /* what checkpoints are of */
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
    nenc_buffer kept;         /* their bytes, for checkpoints */
    nenc_bytes before;        /* bytes of those that a checkpoint has */
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

static nenc_status save(void *user, const nenc_buffer *state, nenc_diag *diag)
{
    const sink *s = user;
    const nenc_encoder_config *cfg = &s->e->cfg;
    nenc_checkpoint c = { .n_units = s->n_put };
    nenc_buffer b;
    nenc_buffer_init(&b, cfg->max_memory);
    nenc_bytes_init(&c.units, s->kept.data, s->kept.size);
    nenc_bytes_init(&c.state, state->data, state->size);
    nenc_checkpoint_write(&c, s->e->job, &b);
    nenc_status st = b.failed || s->kept.failed
        ? nenc_fail(diag, NENC_ENOMEM, "no room for a checkpoint") : NENC_OK;
    if (st >= 0 && cfg->checkpoint(cfg->checkpoint_user, b.data, b.size))
        st = nenc_fail(diag, NENC_EIO, "stopped");
    nenc_buffer_free(&b);
    return st;
}

/* A unit that the checkpoint has; they are asked for in its order. */
static nenc_status get_unit(void *user, uint32_t index, nenc_buffer *unit,
                            size_t *at, nenc_diag *diag)
{
    sink *s = user;
    const size_t size = (size_t)nenc_bytes_varint(&s->before);
    const uint8_t *bytes = nenc_bytes_get(&s->before, size);
    (void)index;
    *at = 0;
    nenc_buffer_init(unit, size);
    nenc_buffer_put(unit, bytes, size);
    return unit->failed ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
                        : NENC_OK;
}

/* After a unit. */
static nenc_status tell(sink *s, nenc_diag *diag)
{
    const nenc_encoder_config *cfg = &s->e->cfg;
    const uint32_t n = nenc_head_units(&s->e->head);
    const nenc_buffer none = { .size = 0 };
    const int answer = cfg->progress
        ? cfg->progress(cfg->progress_user, (double)s->n_put / n) : 0;
    if (answer == NENC_SAVE && cfg->checkpoint)
        return save(s, &none, diag);
    return answer && answer != NENC_HURRY && answer != NENC_SAVE
        ? nenc_fail(diag, NENC_EIO, "stopped") : NENC_OK;
}

static nenc_status put_unit(void *user, uint32_t index,
                            const nenc_buffer *unit, nenc_diag *diag)
{
    sink *s = user;
    NENC_TRY(put_chunk(s, NENC_CHUNK_UNIT, index, unit, diag));
    if (nenc_head_alpha(&s->e->head))
        NENC_TRY(put_alpha(s, index, diag));
    s->n_put = index + 1;
    if (s->e->cfg.checkpoint) {
        nenc_buffer_varint(&s->kept, unit->size);
        nenc_buffer_put(&s->kept, unit->data, unit->size);
    }
    return tell(s, diag);
}

static nenc_tick tick(void *user, double done)
{
    const sink *s = user;
    const nenc_encoder_config *cfg = &s->e->cfg;
    const uint32_t n = nenc_head_units(&s->e->head);
    const int answer = cfg->progress
        ? cfg->progress(cfg->progress_user, (s->n_put + done) / n) : 0;
    if (answer == NENC_SAVE)
        return cfg->checkpoint ? NENC_TICK_SAVE : NENC_TICK_GO_ON;
    return answer ? NENC_TICK_END : NENC_TICK_GO_ON;
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
    if ((cfg->checkpoint || cfg->resume) && !model->codec->resumes)
        return nenc_fail(diag, NENC_EINVAL, "codec %s has no checkpoints",
                         model->codec->name);
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

static nenc_status write_units(nenc_encoder *e, nenc_writer *w,
                               const nenc_checkpoint *from, nenc_diag *diag)
{
    sink s = { .e = e, .w = w, .before = from->units };
    const nenc_units units = {
        .user = &s, .put = put_unit, .get = get_unit, .tick = tick,
        .save = save, .n_done = from->n_units, .state = from->state
    };
    nenc_buffer_init(&s.kept, e->cfg.max_memory);
    const nenc_status st = e->model->codec->encode(e->context, e->image,
                                                   &units, &e->symbols, diag);
    nenc_buffer_free(&s.kept);
    return st;
}

static nenc_status write_stream(nenc_encoder *e, nenc_writer *w,
                                const nenc_checkpoint *from, nenc_diag *diag)
{
    nenc_sha256_init(&e->symbols);
    NENC_TRY(nenc_write_signature(w, diag));
    NENC_TRY(nenc_write_head(w, &e->head, diag));
    NENC_TRY(nenc_write_meta(w, e->image, diag));
    NENC_TRY(write_units(e, w, from, diag));
    return nenc_write_chunk(w, NENC_CHUNK_DONE, NULL, 0, diag);
}

/* Where to begin: at the beginning, or where a checkpoint says. */
static nenc_status find_start(nenc_encoder *e, double quality,
                              nenc_checkpoint *from, nenc_diag *diag)
{
    const nenc_encoder_config *cfg = &e->cfg;
    const nenc_job job = { &e->head, e->image, quality,
                           effort_of(cfg, e->model->codec) };
    memset(from, 0, sizeof *from);
    if (cfg->checkpoint || cfg->resume)
        nenc_job_hash(&job, e->job);
    if (!cfg->resume)
        return NENC_OK;
    NENC_TRY(nenc_checkpoint_read(from, e->job, cfg->resume, cfg->resume_size,
                                  diag));
    return from->n_units <= nenc_head_units(&e->head)
        ? NENC_OK : nenc_fail(diag, NENC_EINVAL, "the checkpoint is damaged");
}

nenc_status nenc_encoder_write(nenc_encoder *e, double quality,
                               nenc_write_fn write_fn, void *user,
                               nenc_diag *diag)
{
    nenc_writer w = { write_fn, user };
    nenc_checkpoint from;
    nenc_fpenv env;
    if (!is_quality(quality))
        return nenc_fail(diag, NENC_EINVAL, "quality %g, not 0 to 100",
                         quality);
    if (e->failed)
        return nenc_fail(diag, NENC_EINVAL, "the encoder failed before");
    NENC_TRY(find_start(e, quality, &from, diag));
    nenc_fpenv_enter(&env);
    e->head.quality = (int)floor(quality + 0.5);
    e->model->codec->set_quality(e->context, e->head.quality,
                                 (float)(quality - e->head.quality));
    const nenc_status st = write_stream(e, &w, &from, diag);
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
