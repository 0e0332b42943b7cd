/* SPDX-License-Identifier: BSD-2-Clause */
/* The public decoder: a stream to a picture.  Not here: what a codec does. */
#include <string.h>

#include "container.h"
#include "fpenv.h"
#include "model.h"
#include "plane.h"

struct nenc_decoder {
    nenc_decoder_config cfg;
    nenc_reader reader;
    nenc_head head;
    const nenc_codec *codec;
    nenc_buffer chunk;           /* the last one read */
    uint32_t type;
    nenc_sha256 symbols;
    nenc_image meta;             /* blobs only */
    bool has_unit;               /* `chunk` is one, not handed over yet: */
    uint32_t unit;               /* its index */
    size_t unit_at;              /* where it begins in `chunk` */
    uint32_t next_unit;          /* smallest index that may come now */
    bool ended;                  /* lenient: nothing more can be read */
    uint32_t n_lost;
    nenc_image *image;           /* where transparency goes: the crop */
    nenc_rect crop;
    bool used;
};

void nenc_decoder_config_init_(nenc_decoder_config *cfg, size_t size)
{
    memset(cfg, 0, size);
    cfg->size = size;
    cfg->max_samples = UINT64_C(1) << 28;
    cfg->max_memory = (size_t)(UINT64_C(4) << 30 <= SIZE_MAX
                               ? UINT64_C(4) << 30 : SIZE_MAX);
}

/* The next chunk that matters: META is read, other optional ones are passed
 * over. */
static nenc_status next_chunk(nenc_decoder *d, nenc_diag *diag)
{
    for (;;) {
        nenc_buffer_free(&d->chunk);
        NENC_TRY(nenc_read_chunk(&d->reader, &d->type, &d->chunk, diag));
        if (d->type == NENC_CHUNK_META) {
            nenc_bytes b;
            nenc_bytes_init(&b, d->chunk.data, d->chunk.size);
            NENC_TRY(nenc_meta_parse(&d->meta, &b, diag));
        }
        if (!nenc_chunk_is_optional(d->type))
            return NENC_OK;
    }
}

static nenc_status unexpected(const nenc_decoder *d, const char *wanted,
                              nenc_diag *diag)
{
    const uint32_t t = d->type;
    const bool known = t == NENC_CHUNK_HEAD || t == NENC_CHUNK_UNIT
                       || t == NENC_CHUNK_DONE;
    return nenc_fail(diag, known ? NENC_EBITSTREAM : NENC_EUNSUPPORTED,
                     "a chunk %c%c%c%c before byte %llu, where %s belongs",
                     t & 255, t >> 8 & 255, t >> 16 & 255, t >> 24,
                     (unsigned long long)d->reader.at, wanted);
}

static nenc_status read_head(nenc_decoder *d, nenc_diag *diag)
{
    nenc_bytes b;
    NENC_TRY(nenc_read_signature(&d->reader, diag));
    NENC_TRY(next_chunk(d, diag));
    if (d->type != NENC_CHUNK_HEAD)
        return unexpected(d, "HEAD", diag);
    nenc_bytes_init(&b, d->chunk.data, d->chunk.size);
    NENC_TRY(nenc_head_parse(&d->head, &b, diag));
    if (nenc_bytes_left(&b))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "%zu bytes too many in the HEAD chunk",
                         nenc_bytes_left(&b));
    const uint64_t pixels = (uint64_t)d->head.width * d->head.height;
    if (pixels > d->cfg.max_samples)
        return nenc_fail(diag, NENC_ELIMIT,
                         "a picture of %ux%u is over the limit of %llu pixels",
                         d->head.width, d->head.height,
                         (unsigned long long)d->cfg.max_samples);
    d->codec = nenc_codec_by_id(d->head.codec);
    if (!d->codec)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a codec (%08x) that this program does not have",
                         (unsigned)d->head.codec);
    if (d->codec->builtin && d->head.model_id)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a model %016llx for the codec %s, which needs none",
                         (unsigned long long)d->head.model_id,
                         d->codec->name);
    return NENC_OK;
}

nenc_status nenc_decoder_open(nenc_decoder **out,
                              const nenc_decoder_config *cfg,
                              nenc_read_fn read_fn, void *user,
                              nenc_diag *diag)
{
    *out = NULL;
    nenc_decoder_config defaults;
    nenc_decoder_config_init(&defaults);
    if (!cfg)
        cfg = &defaults;
    if (cfg->size != sizeof *cfg || cfg->threads < 0 || cfg->threads > 1024)
        return nenc_fail(diag, NENC_EINVAL, "not a decoder configuration");
    nenc_decoder *d = nenc_mem_zalloc(1, sizeof *d);
    if (!d)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    d->cfg = *cfg;
    d->reader = (nenc_reader){ .read = read_fn, .user = user,
                               .max_chunk = cfg->max_memory / 4 };
    nenc_buffer_init(&d->chunk, 0);
    nenc_sha256_init(&d->symbols);
    const nenc_status st = read_head(d, diag);
    if (st < 0) {
        nenc_decoder_close(d);
        return st;
    }
    *out = d;
    return NENC_OK;
}

void nenc_decoder_info(const nenc_decoder *d, nenc_info *info)
{
    memset(info, 0, sizeof *info);
    strncpy(info->codec, d->codec->name, sizeof info->codec - 1);
    info->model_id = d->head.model_id;
    info->width = d->head.width;
    info->height = d->head.height;
    info->channels = d->head.channels;
    info->bits = d->head.bits;
    info->unit_width = d->head.unit_width;
    info->unit_height = d->head.unit_height;
    info->n_units = nenc_head_units(&d->head);
    info->quality = d->head.quality;
    info->version = d->head.version;
    info->builtin = d->codec->builtin;
}

/* The next unit into d->chunk.
 * @return NENC_END: lenient, and there is none */
static nenc_status read_unit(nenc_decoder *d, nenc_diag *diag)
{
    nenc_bytes b;
    const nenc_status st = next_chunk(d, diag);
    if (st < 0) {
        if (!d->cfg.lenient)
            return st;
        d->ended = !d->reader.is_damaged;
        return NENC_END;
    }
    if (d->type != NENC_CHUNK_UNIT) {
        if (!d->cfg.lenient)
            return unexpected(d, "UNIT", diag);
        d->ended = true;
        return NENC_END;
    }
    nenc_bytes_init(&b, d->chunk.data, d->chunk.size);
    const uint64_t index = nenc_bytes_varint(&b);
    const uint64_t n = nenc_head_units(&d->head);
    if (b.failed || index < d->next_unit || index >= n
        || (index > d->next_unit && !d->cfg.lenient))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "unit %llu where unit %u belongs",
                         (unsigned long long)index, d->next_unit);
    d->has_unit = true;
    d->unit = (uint32_t)index;
    d->unit_at = b.at;
    d->next_unit = d->unit + 1;
    return NENC_OK;
}

/* Transparency as a plane, from the crop's sample (x, y) on. */
static nenc_plane alpha_plane(const nenc_decoder *d, uint32_t x, uint32_t y,
                              uint32_t width, uint32_t height)
{
    const nenc_image *im = d->image;
    const size_t depth = im->bits / 8;
    return (nenc_plane){
        .data = im->data + y * im->stride
              + ((size_t)x * im->channels + im->channels - 1) * depth,
        .stride = im->stride, .step = im->channels * depth,
        .width = width, .height = height, .bits = im->bits,
    };
}

/* The part of a unit's transparency that lies in the crop. */
static nenc_status decode_alpha(nenc_decoder *d, nenc_bytes *src,
                                nenc_diag *diag)
{
    const nenc_rect u = nenc_head_unit(&d->head, d->unit), *c = &d->crop;
    const uint32_t x0 = NENC_MAX(u.x, c->x), y0 = NENC_MAX(u.y, c->y);
    const uint32_t x1 = NENC_MIN(u.x + u.width, c->x + c->width);
    const uint32_t y1 = NENC_MIN(u.y + u.height, c->y + c->height);
    if (d->cfg.preview || x0 >= x1 || y0 >= y1)
        return NENC_OK;
    const nenc_plane plane = alpha_plane(d, x0 - c->x, y0 - c->y, x1 - x0,
                                         y1 - y0);
    return nenc_plane_decode(&plane, u.width, u.height, x0 - u.x, y0 - u.y,
                             src, diag);
}

/* The ALPH chunk that follows a unit. */
static nenc_status read_alpha(nenc_decoder *d, nenc_diag *diag)
{
    nenc_bytes b;
    nenc_buffer unit = d->chunk;             /* kept aside */
    nenc_buffer_init(&d->chunk, 0);
    nenc_status st = next_chunk(d, diag);
    if (st >= 0 && d->type != NENC_CHUNK_ALPH)
        st = unexpected(d, "ALPH", diag);
    nenc_bytes_init(&b, d->chunk.data, d->chunk.size);
    if (st >= 0 && (nenc_bytes_varint(&b) != d->unit || b.failed))
        st = nenc_fail(diag, NENC_EBITSTREAM,
                       "the transparency of another unit than %u", d->unit);
    if (st >= 0)
        st = decode_alpha(d, &b, diag);
    nenc_buffer_free(&d->chunk);
    d->chunk = unit;
    return st;
}

/* A unit whose transparency is lost is lost, and opaque. */
static nenc_status read_alpha_leniently(nenc_decoder *d, nenc_diag *diag)
{
    const nenc_status st = read_alpha(d, diag);
    if (st >= 0 || !d->cfg.lenient)
        return st;
    d->has_unit = false;
    d->ended = !d->reader.is_damaged && st == NENC_ETRUNCATED;
    return NENC_OK;
}

/* A codec's wish for a unit: those before it are passed over. */
static nenc_status get_unit(void *user, uint32_t index, nenc_buffer *unit,
                            size_t *at, nenc_diag *diag)
{
    nenc_decoder *d = user;
    nenc_buffer_init(unit, 0);
    if (d->cfg.progress
        && d->cfg.progress(d->cfg.progress_user,
                           (double)index / nenc_head_units(&d->head)))
        return nenc_fail(diag, NENC_EIO, "stopped");
    while (!d->ended && (!d->has_unit || d->unit < index)) {
        d->has_unit = false;
        const nenc_status st = read_unit(d, diag);
        NENC_TRY(st);
        if (st == NENC_OK && nenc_head_alpha(&d->head))
            NENC_TRY(read_alpha_leniently(d, diag));
    }
    if (!d->has_unit || d->unit != index) {
        d->n_lost++;
        return NENC_END;
    }
    *unit = d->chunk;               /* handed over */
    *at = d->unit_at;
    d->has_unit = false;
    nenc_buffer_init(&d->chunk, 0);
    return NENC_OK;
}

static void lose_unit(void *user, uint32_t index)
{
    nenc_decoder *d = user;
    (void)index;
    d->n_lost++;
}

/* What must follow the last unit; after a crop, what does not matter. */
static nenc_status read_end(nenc_decoder *d, nenc_diag *diag)
{
    const uint32_t n = nenc_head_units(&d->head);
    if (!d->cfg.lenient && d->next_unit == n) {
        NENC_TRY(next_chunk(d, diag));
        if (d->type != NENC_CHUNK_DONE)
            return unexpected(d, "DONE", diag);
        if (d->chunk.size)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "%zu bytes in the DONE chunk", d->chunk.size);
    }
    if (d->n_lost == n)
        return nenc_fail(diag, NENC_ETRUNCATED, "no unit can be read");
    if (d->cfg.progress)
        (void)d->cfg.progress(d->cfg.progress_user, 1);
    return NENC_OK;
}

static nenc_status alloc_picture(const nenc_decoder *d, nenc_image *image,
                                 nenc_codec_params *params, nenc_diag *diag)
{
    const nenc_head *h = &d->head;
    const nenc_rect *c = &params->crop;
    const uint32_t channels = d->cfg.preview ? h->channels - !(h->channels & 1)
                                             : h->channels;
    const uint64_t bytes = (uint64_t)c->width * c->height * channels
                           * (h->bits / 8);
    if (bytes >= params->max_memory)
        return nenc_fail(diag, NENC_ELIMIT,
                         "a picture of %ux%u needs more than the limit of %zu "
                         "bytes", c->width, c->height, params->max_memory);
    params->max_memory -= (size_t)bytes;
    const nenc_status st = nenc_image_alloc(image, c->width, c->height,
                                            channels, h->bits);
    return st < 0 ? nenc_fail(diag, st, "out of memory for a picture of %ux%u",
                              c->width, c->height) : st;
}

/* The part wanted: all of it, or the configuration's. */
static nenc_status crop_of(const nenc_decoder *d, nenc_rect *crop,
                           nenc_diag *diag)
{
    const nenc_decoder_config *c = &d->cfg;
    const nenc_head *h = &d->head;
    *crop = (nenc_rect){ 0, 0, h->width, h->height };
    if (c->preview)
        *crop = (nenc_rect){ 0, 0, (h->width + 7) / 8, (h->height + 7) / 8 };
    if (!c->crop_width && !c->crop_height)
        return NENC_OK;
    if (c->preview)
        return nenc_fail(diag, NENC_EINVAL, "a crop of a preview");
    *crop = (nenc_rect){ c->crop_x, c->crop_y, c->crop_width, c->crop_height };
    if (!crop->width || !crop->height || crop->x >= h->width
        || crop->width > h->width - crop->x || crop->y >= h->height
        || crop->height > h->height - crop->y)
        return nenc_fail(diag, NENC_EINVAL,
                         "%ux%u at %u,%u is not inside %ux%u", crop->width,
                         crop->height, crop->x, crop->y, h->width, h->height);
    return NENC_OK;
}

/* What no unit brings is opaque. */
static void make_opaque(const nenc_decoder *d)
{
    const nenc_plane p = alpha_plane(d, 0, 0, d->crop.width, d->crop.height);
    for (uint32_t y = 0; y < p.height; y++)
        for (uint32_t x = 0; x < p.width; x++)
            memset(p.data + y * p.stride + x * p.step, 255, p.bits / 8);
}

/* Profiles and the like become the picture's. */
static void hand_over_meta(nenc_decoder *d, nenc_image *image)
{
    image->icc = d->meta.icc;
    image->exif = d->meta.exif;
    image->xmp = d->meta.xmp;
    memset(&d->meta, 0, sizeof d->meta);
}

static nenc_status decode(nenc_decoder *d, const nenc_model *model,
                          nenc_image *image, nenc_diag *diag)
{
    const nenc_head *h = &d->head;
    nenc_codec_params params = {
        .max_memory = d->cfg.max_memory, .quality = h->quality,
        .fast = d->cfg.fast, .lenient = d->cfg.lenient,
        .preview = d->cfg.preview,
        .width = h->width, .height = h->height,
        .unit_width = h->unit_width, .unit_height = h->unit_height,
    };
    const nenc_units units = { .user = d, .get = get_unit, .lost = lose_unit };
    void *context = NULL;
    NENC_TRY(crop_of(d, &params.crop, diag));
    nenc_status st = nenc_pool_open(&params.pool, d->cfg.threads);
    if (st < 0)
        return nenc_fail(diag, st, "no threads");
    st = alloc_picture(d, image, &params, diag);
    d->image = image;
    d->crop = params.crop;
    if (st >= 0 && nenc_head_alpha(h) && !d->cfg.preview)
        make_opaque(d);
    if (st >= 0)
        st = d->codec->open(&context, model->bound, &params, diag);
    if (st >= 0)
        st = d->codec->decode(context, &units, image, &d->symbols, diag);
    if (st >= 0)
        st = read_end(d, diag);
    d->codec->close(context);
    nenc_pool_close(params.pool);
    if (st < 0)
        nenc_image_free(image);
    else
        hand_over_meta(d, image);
    return st;
}

nenc_status nenc_decoder_decode(nenc_decoder *d, const nenc_model *model,
                                nenc_image *image, nenc_diag *diag)
{
    memset(image, 0, sizeof *image);
    if (d->used)
        return nenc_fail(diag, NENC_EINVAL, "the stream was decoded already");
    if (model->id != d->head.model_id || model->codec != d->codec)
        return nenc_fail(diag, NENC_EMODEL,
                         "the stream was made with model %016llx, not %016llx",
                         (unsigned long long)d->head.model_id,
                         (unsigned long long)model->id);
    if (d->cfg.fast && !d->codec->fast_ok)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "the codec %s must decode exactly", d->codec->name);
    d->used = true;
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    const nenc_status st = decode(d, model, image, diag);
    nenc_fpenv_leave(&env);
    return st;
}

void nenc_decoder_close(nenc_decoder *d)
{
    if (!d)
        return;
    nenc_buffer_free(&d->chunk);
    nenc_image_free(&d->meta);
    nenc_mem_free(d);
}

uint32_t nenc_decoder_lost(const nenc_decoder *d)
{
    return d->n_lost;
}

void nenc_decoder_symbol_hash(const nenc_decoder *d, uint8_t hash[32])
{
    nenc_sha256 copy = d->symbols;
    nenc_sha256_final(&copy, hash);
}
