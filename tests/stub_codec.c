/* SPDX-License-Identifier: BSD-2-Clause */
/* Planes of samples, divided by a step that follows from the quality. */
#include <math.h>
#include <string.h>

#include "plane.h"
#include "stub_codec.h"

typedef struct stub {
    nenc_codec_params params;
    double step;
} stub;

int stub_effort;

static nenc_status bind(const void **bound, nenc_arena *arena,
                        const nenc_safetensors *st, nenc_diag *diag)
{
    *bound = nenc_arena_zalloc(arena, 1, 1);
    return st->n_tensors || st->n_metadata
         ? nenc_fail(diag, NENC_EMODEL, "the stub has a model")
         : *bound ? NENC_OK : nenc_fail(diag, NENC_ENOMEM, "out of memory");
}

static void unbind(const void *bound)
{
    (void)bound;
}

static bool net_at(const void *bound, size_t i, nenc_codec_net *net)
{
    (void)bound;
    (void)i;
    (void)net;
    return false;
}

static void set_quality(void *context, int quality, float finer)
{
    stub *s = context;
    s->step = 1 + (100 - quality - (double)finer) / 3;
}

static nenc_status stub_open(void **context, const void *bound,
                             const nenc_codec_params *params, nenc_diag *diag)
{
    stub *s = nenc_mem_zalloc(1, sizeof *s);
    (void)bound;
    *context = s;
    if (!s)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    s->params = *params;
    stub_effort = params->effort;
    set_quality(s, params->quality, params->finer);
    return NENC_OK;
}

static uint32_t n_units(const stub *s)
{
    const nenc_codec_params *p = &s->params;
    return ((p->width + p->unit_width - 1) / p->unit_width)
         * ((p->height + p->unit_height - 1) / p->unit_height);
}

static nenc_rect rect_of(const stub *s, uint32_t index)
{
    const nenc_codec_params *p = &s->params;
    const uint32_t across = (p->width + p->unit_width - 1) / p->unit_width;
    const uint32_t x = index % across * p->unit_width;
    const uint32_t y = index / across * p->unit_height;
    return (nenc_rect){ x, y, NENC_MIN(p->unit_width, p->width - x),
                        NENC_MIN(p->unit_height, p->height - y) };
}

/* Numbers of steps of one colour, in 8 bits, in the coded unit's order. */
static void take(const stub *s, const nenc_image *im, nenc_rect r, uint32_t c,
                 uint8_t *out)
{
    for (uint32_t y = 0; y < r.height; y++)
        for (uint32_t x = 0; x < r.width; x++) {
            const uint8_t *row = im->data + (r.y + y) * im->stride;
            const size_t at = (size_t)(r.x + x) * im->channels + c;
            const double v = im->bits == 8 ? row[at]
                : ((const uint16_t *)(const void *)row)[at] / 257.0;
            out[(size_t)y * r.width + x] = (uint8_t)floor(v / s->step + 0.5);
        }
}

static void give(const stub *s, nenc_image *im, nenc_rect r, uint32_t c,
                 const uint8_t *in)
{
    const nenc_rect *crop = &s->params.crop;
    for (uint32_t y = crop->y; y < crop->y + crop->height; y++)
        for (uint32_t x = crop->x; x < crop->x + crop->width; x++) {
            if (x < r.x || x >= r.x + r.width || y < r.y
                || y >= r.y + r.height)
                continue;
            const double v = in[(size_t)(y - r.y) * r.width + x - r.x];
            const uint8_t w = (uint8_t)fmin(v * s->step + 0.5, 255);
            uint8_t *row = im->data + (y - crop->y) * im->stride;
            const size_t at = (size_t)(x - crop->x) * im->channels + c;
            if (im->bits == 8)
                row[at] = w;
            else
                ((uint16_t *)(void *)row)[at] = (uint16_t)(w * 257);
        }
}

static nenc_plane plane_of(uint8_t *data, nenc_rect r)
{
    return (nenc_plane){ .data = data, .stride = r.width, .step = 1,
                         .width = r.width, .height = r.height, .bits = 8 };
}

static nenc_status encode_unit(const stub *s, const nenc_image *src,
                               nenc_rect r, nenc_buffer *out,
                               nenc_sha256 *symbols, nenc_diag *diag)
{
    const size_t n = (size_t)r.width * r.height;
    uint8_t *data = nenc_mem_alloc(n, 1);
    nenc_status st = data ? NENC_OK : NENC_ENOMEM;
    for (uint32_t c = 0; c < (src->channels - 1) / 2 * 2 + 1 && st >= 0; c++) {
        nenc_buffer b;
        nenc_buffer_init(&b, s->params.max_memory);
        take(s, src, r, c, data);
        nenc_sha256_update(symbols, data, n);
        const nenc_plane plane = plane_of(data, r);
        st = nenc_plane_encode(&plane, s->params.max_memory, &b, diag);
        nenc_buffer_varint(out, b.size);
        nenc_buffer_put(out, b.data, b.size);
        nenc_buffer_free(&b);
    }
    nenc_mem_free(data);
    return st;
}

static nenc_status encode(void *context, const nenc_image *src,
                          const nenc_units *units, nenc_sha256 *symbols,
                          nenc_diag *diag)
{
    const stub *s = context;
    nenc_status st = NENC_OK;
    for (uint32_t i = 0; i < n_units(s) && st >= 0; i++) {
        nenc_buffer b;
        nenc_buffer_init(&b, s->params.max_memory);
        st = encode_unit(s, src, rect_of(s, i), &b, symbols, diag);
        if (st >= 0)
            st = units->put(units->user, i, &b, diag);
        nenc_buffer_free(&b);
    }
    return st;
}

static nenc_status decode_unit(const stub *s, nenc_image *dst, nenc_rect r,
                               nenc_bytes *src, nenc_sha256 *symbols,
                               nenc_diag *diag)
{
    const size_t n = (size_t)r.width * r.height;
    uint8_t *data = nenc_mem_alloc(n, 1);
    nenc_status st = data ? NENC_OK : NENC_ENOMEM;
    for (uint32_t c = 0; c < (dst->channels - 1) / 2 * 2 + 1 && st >= 0; c++) {
        nenc_bytes b;
        const uint64_t size = nenc_bytes_varint(src);
        if (src->failed || size > nenc_bytes_left(src)) {
            st = nenc_fail(diag, NENC_ETRUNCATED, "a unit ends too early");
            break;
        }
        nenc_bytes_init(&b, nenc_bytes_get(src, (size_t)size), (size_t)size);
        const nenc_plane plane = plane_of(data, r);
        st = nenc_plane_decode(&plane, r.width, r.height, 0, 0, &b, diag);
        nenc_sha256_update(symbols, data, n);
        give(s, dst, r, c, data);
    }
    nenc_mem_free(data);
    return st;
}

static nenc_status decode(void *context, const nenc_units *units,
                          nenc_image *dst, nenc_sha256 *symbols,
                          nenc_diag *diag)
{
    const stub *s = context;
    nenc_status st = NENC_OK;
    if (s->params.preview)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "no previews");
    for (uint32_t i = 0; i < n_units(s) && st >= 0; i++) {
        nenc_buffer unit;
        nenc_bytes b;
        size_t at;
        st = units->get(units->user, i, &unit, &at, diag);
        if (st == NENC_OK) {
            nenc_bytes_init(&b, unit.data + at, unit.size - at);
            st = decode_unit(s, dst, rect_of(s, i), &b, symbols, diag);
        }
        nenc_buffer_free(&unit);
    }
    return st;
}

static void stub_close(void *context)
{
    nenc_mem_free(context);
}

const nenc_codec nenc_codec_stub = {
    .name = "stub", .id = NENC_TAG('S', 'T', 'U', 'B'), .media = NENC_IMAGE,
    .paper = "none", .builtin = true, .unit = 32, .unit_over = 2000,
    .default_effort = 3, .bind = bind, .unbind = unbind, .net_at = net_at,
    .open = stub_open, .encode = encode, .set_quality = set_quality,
    .decode = decode, .close = stub_close,
};
