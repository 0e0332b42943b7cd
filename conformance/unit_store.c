/* SPDX-License-Identifier: BSD-2-Clause */
/* Units in memory.  Nothing else. */
#include "unit_store.h"

void unit_store_free(unit_store *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        nenc_buffer_free(&s->units[i]);
    s->n = 0;
}

nenc_codec_params unit_store_params(const nenc_image *image, uint32_t width,
                                    uint32_t height, int quality)
{
    return (nenc_codec_params){
        .max_memory = 1 << 26, .quality = quality, .width = image->width,
        .height = image->height,
        .unit_width = width ? width : image->width,
        .unit_height = height ? height : image->height,
        .crop = { 0, 0, image->width, image->height },
    };
}

static nenc_status put(void *user, uint32_t index, const nenc_buffer *unit,
                       nenc_diag *diag)
{
    unit_store *s = user;
    if (index != s->n || s->n == UNIT_STORE_MAX || unit->failed)
        return nenc_fail(diag, NENC_EINVAL, "not the next unit");
    nenc_buffer_init(&s->units[s->n], unit->size);
    nenc_buffer_put(&s->units[s->n++], unit->data, unit->size);
    return NENC_OK;
}

static nenc_status get(void *user, uint32_t index, nenc_buffer *unit,
                       size_t *at, nenc_diag *diag)
{
    unit_store *s = user;
    if (index >= s->n)
        return nenc_fail(diag, NENC_EINVAL, "no such unit");
    s->asked[index] = true;
    *at = 0;
    nenc_buffer_init(unit, s->units[index].size);
    if (s->lost[index])
        return NENC_END;
    nenc_buffer_put(unit, s->units[index].data, s->units[index].size);
    return NENC_OK;
}

nenc_status unit_store_encode_in(unit_store *s, const nenc_codec *codec,
                                 void *context, const nenc_image *src,
                                 nenc_diag *diag)
{
    const nenc_units units = { .user = s, .put = put };
    nenc_sha256_init(&s->symbols);
    return codec->encode(context, src, &units, &s->symbols, diag);
}

nenc_status unit_store_decode_in(unit_store *s, const nenc_codec *codec,
                                 void *context, nenc_image *dst,
                                 nenc_sha256 *symbols, nenc_diag *diag)
{
    const nenc_units units = { .user = s, .get = get };
    return codec->decode(context, &units, dst, symbols, diag);
}

nenc_status unit_store_encode(unit_store *s, const nenc_codec *codec,
                              const void *bound,
                              const nenc_codec_params *params,
                              const nenc_image *src, nenc_diag *diag)
{
    void *c;
    NENC_TRY(codec->open(&c, bound, params, diag));
    const nenc_status st = unit_store_encode_in(s, codec, c, src, diag);
    codec->close(c);
    return st;
}

nenc_status unit_store_decode(unit_store *s, const nenc_codec *codec,
                              const void *bound,
                              const nenc_codec_params *params,
                              nenc_image *dst, nenc_sha256 *symbols,
                              nenc_diag *diag)
{
    void *c;
    NENC_TRY(codec->open(&c, bound, params, diag));
    const nenc_status st = unit_store_decode_in(s, codec, c, dst, symbols,
                                                diag);
    codec->close(c);
    return st;
}
