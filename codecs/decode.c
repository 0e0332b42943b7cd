/* SPDX-License-Identifier: BSD-2-Clause */
/* The public decoder: a stream to a picture.  Not here: what a codec does. */
#include <string.h>

#include "container.h"
#include "fpenv.h"
#include "model.h"

struct nenc_decoder {
    nenc_decoder_config cfg;
    nenc_reader reader;
    nenc_head head;
    const nenc_codec *codec;
    nenc_buffer chunk;           /* the last one read */
    uint32_t type;
    nenc_sha256 symbols;
    uint32_t next_unit;          /* that the stream has not given yet */
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

/* The next chunk that matters: optional ones are passed over. */
static nenc_status next_chunk(nenc_decoder *d, nenc_diag *diag)
{
    for (;;) {
        nenc_buffer_free(&d->chunk);
        NENC_TRY(nenc_read_chunk(&d->reader, &d->type, &d->chunk, diag));
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
    d->reader = (nenc_reader){ read_fn, user, 0, cfg->max_memory / 4 };
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
}

/* Unit `index`: units before it are passed over. */
static nenc_status get_unit(void *user, uint32_t index, nenc_buffer *unit,
                            size_t *at, nenc_diag *diag)
{
    nenc_decoder *d = user;
    const uint32_t n = nenc_head_units(&d->head);
    nenc_buffer_init(unit, 0);
    while (d->next_unit <= index) {
        nenc_bytes b;
        NENC_TRY(next_chunk(d, diag));
        if (d->type != NENC_CHUNK_UNIT)
            return unexpected(d, "UNIT", diag);
        nenc_bytes_init(&b, d->chunk.data, d->chunk.size);
        const uint64_t is = nenc_bytes_varint(&b);
        if (b.failed || is != d->next_unit)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "unit %llu where unit %u belongs",
                             (unsigned long long)is, d->next_unit);
        d->next_unit++;
        *at = b.at;
    }
    *unit = d->chunk;               /* handed over */
    nenc_buffer_init(&d->chunk, 0);
    if (d->cfg.progress
        && d->cfg.progress(d->cfg.progress_user, (double)index / n))
        return nenc_fail(diag, NENC_EIO, "stopped");
    return NENC_OK;
}

static nenc_status read_end(nenc_decoder *d, nenc_diag *diag)
{
    NENC_TRY(next_chunk(d, diag));
    if (d->type != NENC_CHUNK_DONE)
        return unexpected(d, "DONE", diag);
    if (d->chunk.size)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "%zu bytes in the DONE chunk", d->chunk.size);
    if (d->cfg.progress)
        (void)d->cfg.progress(d->cfg.progress_user, 1);
    return NENC_OK;
}

static nenc_status alloc_picture(const nenc_decoder *d, nenc_image *image,
                                 nenc_codec_params *params, nenc_diag *diag)
{
    const nenc_head *h = &d->head;
    const uint64_t bytes = (uint64_t)h->width * h->height * h->channels;
    if (bytes >= params->max_memory)
        return nenc_fail(diag, NENC_ELIMIT,
                         "a picture of %ux%u needs more than the limit of %zu "
                         "bytes", h->width, h->height, params->max_memory);
    params->max_memory -= (size_t)bytes;
    const nenc_status st = nenc_image_alloc(image, h->width, h->height,
                                            h->channels, h->bits);
    return st < 0 ? nenc_fail(diag, st, "out of memory for a picture of %ux%u",
                              h->width, h->height) : st;
}

static nenc_status decode(nenc_decoder *d, const nenc_model *model,
                          nenc_image *image, nenc_diag *diag)
{
    const nenc_head *h = &d->head;
    nenc_codec_params params = {
        .max_memory = d->cfg.max_memory, .quality = h->quality,
        .fast = d->cfg.fast, .width = h->width, .height = h->height,
        .unit_width = h->unit_width, .unit_height = h->unit_height,
        .crop = { 0, 0, h->width, h->height },
    };
    const nenc_units units = { .user = d, .get = get_unit };
    void *context = NULL;
    nenc_status st = nenc_pool_open(&params.pool, d->cfg.threads);
    if (st < 0)
        return nenc_fail(diag, st, "no threads");
    st = alloc_picture(d, image, &params, diag);
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
    nenc_mem_free(d);
}

void nenc_decoder_symbol_hash(const nenc_decoder *d, uint8_t hash[32])
{
    nenc_sha256 copy = d->symbols;
    nenc_sha256_final(&copy, hash);
}
