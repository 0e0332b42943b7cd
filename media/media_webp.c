/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading WebP by libwebp.  Its chunks are walked here, which saves a library.
 * Not here: writing, animations. */
#include "bytes.h"
#include "media_formats.h"
#include "mem.h"

bool nenc_webp_probe(const uint8_t *data, size_t size)
{
    return size >= 12 && !memcmp(data, "RIFF", 4)
           && !memcmp(data + 8, "WEBP", 4);
}

#ifdef HAVE_WEBP
#include <webp/decode.h>

static nenc_status failed(VP8StatusCode code, nenc_diag *diag)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "the WebP file ends too early");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return nenc_fail(diag, NENC_EUNSUPPORTED, "not a usual WebP file");
    default:
        return nenc_fail(diag, NENC_EBITSTREAM, "damaged WebP file");
    }
}

/* Profile, EXIF and XMP: chunks of a name, a size, and bytes, padded. */
static nenc_status read_chunks(nenc_image *image, nenc_media_facts *facts,
                               const nenc_media_source *src, nenc_diag *diag)
{
    nenc_bytes b;
    nenc_bytes_init(&b, src->data, src->size);
    nenc_bytes_get(&b, 4);
    const uint32_t size = nenc_bytes_u32(&b);
    b = nenc_bytes_sub(&b, NENC_MIN(size, nenc_bytes_left(&b)));
    nenc_bytes_get(&b, 4);
    for (;;) {
        const uint8_t *name = nenc_bytes_get(&b, 4);
        const uint32_t n = nenc_bytes_u32(&b);
        const uint8_t *data = nenc_bytes_get(&b, n);
        if (b.failed)
            return NENC_OK;
        if (!memcmp(name, "ICCP", 4))
            NENC_TRY(nenc_media_keep_icc(image, facts, data, n, diag));
        if (!memcmp(name, "EXIF", 4))
            NENC_TRY(nenc_media_keep_exif(image, facts, data, n, diag));
        if (!memcmp(name, "XMP ", 4))
            NENC_TRY(nenc_media_keep_xmp(image, facts, data, n, diag));
        nenc_bytes_get(&b, n & 1);
    }
}

nenc_status nenc_webp_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag)
{
    WebPDecoderConfig c;
    if (!WebPInitDecoderConfig(&c))
        return nenc_fail(diag, NENC_EUNSUPPORTED, "libwebp of another kind");
    VP8StatusCode code = WebPGetFeatures(src->data, src->size, &c.input);
    if (code != VP8_STATUS_OK)
        return failed(code, diag);
    if (c.input.has_animation)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "an animated WebP; save one picture of it");
    facts->has_alpha = c.input.has_alpha;
    NENC_TRY(read_chunks(image, facts, src, diag));
    NENC_TRY(nenc_media_alloc(image, (uint32_t)c.input.width,
                              (uint32_t)c.input.height,
                              c.input.has_alpha ? 4 : 3, 8, src->max_pixels,
                              diag));
    c.output.colorspace = c.input.has_alpha ? MODE_RGBA : MODE_RGB;
    c.output.is_external_memory = 1;
    c.output.u.RGBA.rgba = image->data;
    c.output.u.RGBA.stride = (int)image->stride;
    c.output.u.RGBA.size = image->stride * image->height;
    code = WebPDecode(src->data, src->size, &c);
    WebPFreeDecBuffer(&c.output);
    return code == VP8_STATUS_OK ? NENC_OK : failed(code, diag);
}
#endif
