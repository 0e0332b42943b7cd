/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks and the header, written and read.  Not here: codecs, models. */
#include <string.h>

#include "container.h"

/* Breaks under text-mode transfer, 7-bit transfer and a DOS "type". */
static const uint8_t signature[NENC_SIGNATURE_SIZE] = {
    0x93, 'n', 'e', 'n', 'c', '\r', '\n', 0x1a
};

enum { MAX_DIM = 1 << 24, MAX_UNITS = 1 << 24, READ_STEP = 1 << 20 };

/* ------------------------------------------------------------------- units */

static uint32_t units_across(uint32_t size, uint32_t unit)
{
    return size / unit + (size % unit != 0);
}

uint32_t nenc_head_units(const nenc_head *h)
{
    return units_across(h->width, h->unit_width)
           * units_across(h->height, h->unit_height);
}

nenc_rect nenc_head_unit(const nenc_head *h, uint32_t index)
{
    const uint32_t across = units_across(h->width, h->unit_width);
    const uint32_t x = index % across * h->unit_width;
    const uint32_t y = index / across * h->unit_height;
    return (nenc_rect){ x, y, NENC_MIN(h->unit_width, h->width - x),
                        NENC_MIN(h->unit_height, h->height - y) };
}

/* ----------------------------------------------------------------- writing */

static nenc_status put(nenc_writer *w, const void *data, size_t size,
                       nenc_diag *diag)
{
    if (size && w->write(w->user, data, size))
        return nenc_fail(diag, NENC_EIO, "the output took no more bytes");
    return NENC_OK;
}

nenc_status nenc_write_signature(nenc_writer *w, nenc_diag *diag)
{
    return put(w, signature, sizeof signature, diag);
}

nenc_status nenc_write_chunk(nenc_writer *w, uint32_t type, const void *data,
                             size_t size, nenc_diag *diag)
{
    uint8_t bytes[32];
    nenc_bytes_put_u32(bytes, type);
    uint32_t crc = nenc_crc32c(0, bytes, 4);
    crc = nenc_crc32c(crc, data, size);
    size_t n = 4;
    for (size_t v = size; ; v >>= 7) {          /* LEB128 */
        bytes[n++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        if (v <= 127)
            break;
    }
    NENC_TRY(put(w, bytes, n, diag));
    NENC_TRY(put(w, data, size, diag));
    nenc_bytes_put_u32(bytes, crc);
    return put(w, bytes, 4, diag);
}

nenc_status nenc_write_head(nenc_writer *w, const nenc_head *h,
                            nenc_diag *diag)
{
    nenc_buffer b;
    nenc_buffer_init(&b, 256);
    nenc_buffer_u8(&b, (uint8_t)h->version);
    nenc_buffer_u32(&b, h->codec);
    nenc_buffer_u64(&b, h->model_id);
    nenc_buffer_u8(&b, (uint8_t)h->media);
    nenc_buffer_varint(&b, h->width);
    nenc_buffer_varint(&b, h->height);
    nenc_buffer_u8(&b, (uint8_t)h->channels);
    nenc_buffer_u8(&b, (uint8_t)h->bits);
    nenc_buffer_u8(&b, 0);                      /* colour: sRGB or its gray */
    nenc_buffer_u8(&b, (uint8_t)h->quality);
    const bool whole = h->unit_width == h->width
                       && h->unit_height == h->height;
    nenc_buffer_varint(&b, whole ? 0 : h->unit_width);
    nenc_buffer_varint(&b, whole ? 0 : h->unit_height);
    const nenc_status st = b.failed
        ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
        : nenc_write_chunk(w, NENC_CHUNK_HEAD, b.data, b.size, diag);
    nenc_buffer_free(&b);
    return st;
}

nenc_status nenc_head_parse(nenc_head *h, nenc_bytes *b, nenc_diag *diag)
{
    memset(h, 0, sizeof *h);
    h->version = nenc_bytes_u8(b);
    if (!b->failed && h->version != NENC_FORMAT_VERSION)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "format version %u; this program reads version %d",
                         h->version, NENC_FORMAT_VERSION);
    h->codec = nenc_bytes_u32(b);
    h->model_id = nenc_bytes_u64(b);
    const unsigned media = nenc_bytes_u8(b);
    if (!b->failed && media != NENC_IMAGE)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "media of kind %u; this program reads pictures",
                         media);
    h->media = NENC_IMAGE;
    const uint64_t width = nenc_bytes_varint(b);
    const uint64_t height = nenc_bytes_varint(b);
    h->channels = nenc_bytes_u8(b);
    h->bits = nenc_bytes_u8(b);
    const unsigned colour = nenc_bytes_u8(b);
    h->quality = nenc_bytes_u8(b);
    uint64_t unit_width = nenc_bytes_varint(b);
    uint64_t unit_height = nenc_bytes_varint(b);
    if (b->failed)
        return nenc_fail(diag, NENC_ETRUNCATED, "the HEAD chunk is too short");
    if (width < 1 || width > MAX_DIM || height < 1 || height > MAX_DIM)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a picture of %llux%llu, at most %dx%d",
                         (unsigned long long)width,
                         (unsigned long long)height, MAX_DIM, MAX_DIM);
    if (h->channels < 1 || h->channels > 4
        || (h->bits != 8 && h->bits != 16) || colour)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%u channels of %u bits, colour %u: this program "
                         "reads 1 to 4 of 8 or 16 bits", h->channels,
                         h->bits, colour);
    if (h->quality > 100)
        return nenc_fail(diag, NENC_EBITSTREAM, "quality %d, at most 100",
                         h->quality);
    if (!unit_width && !unit_height) {
        unit_width = width;
        unit_height = height;
    }
    if (!unit_width || unit_width > width || !unit_height
        || unit_height > height)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "units of %llux%llu in a picture of %llux%llu",
                         (unsigned long long)unit_width,
                         (unsigned long long)unit_height,
                         (unsigned long long)width,
                         (unsigned long long)height);
    h->width = (uint32_t)width;
    h->height = (uint32_t)height;
    h->unit_width = (uint32_t)unit_width;
    h->unit_height = (uint32_t)unit_height;
    const uint64_t units =
        (uint64_t)units_across(h->width, h->unit_width)
        * units_across(h->height, h->unit_height);
    if (units > MAX_UNITS)
        return nenc_fail(diag, NENC_EBITSTREAM, "%llu units, at most %d",
                         (unsigned long long)units, MAX_UNITS);
    return NENC_OK;
}

/* Kinds of what META holds. */
enum { META_ICC = 1, META_EXIF = 2, META_XMP = 3 };

static nenc_blob *blob_of(nenc_image *image, unsigned kind)
{
    switch (kind) {
    case META_ICC: return &image->icc;
    case META_EXIF: return &image->exif;
    case META_XMP: return &image->xmp;
    default: return NULL;
    }
}

nenc_status nenc_write_meta(nenc_writer *w, const nenc_image *image,
                            nenc_diag *diag)
{
    nenc_image copy = *image;        /* to take addresses in */
    nenc_buffer b;
    nenc_status st = NENC_OK;
    nenc_buffer_init(&b, SIZE_MAX);
    for (unsigned kind = META_ICC; kind <= META_XMP; kind++) {
        const nenc_blob *blob = blob_of(&copy, kind);
        if (!blob->size)
            continue;
        nenc_buffer_u8(&b, (uint8_t)kind);
        nenc_buffer_varint(&b, blob->size);
        nenc_buffer_put(&b, blob->data, blob->size);
    }
    if (b.failed)
        st = nenc_fail(diag, NENC_ENOMEM, "out of memory");
    else if (b.size)
        st = nenc_write_chunk(w, NENC_CHUNK_META, b.data, b.size, diag);
    nenc_buffer_free(&b);
    return st;
}

nenc_status nenc_meta_parse(nenc_image *image, nenc_bytes *b, nenc_diag *diag)
{
    while (nenc_bytes_left(b)) {
        nenc_blob *blob = blob_of(image, nenc_bytes_u8(b));
        const uint64_t size = nenc_bytes_varint(b);
        const uint8_t *data = size <= nenc_bytes_left(b)
                            ? nenc_bytes_get(b, (size_t)size) : NULL;
        if (b->failed || !data)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "the META chunk is too short");
        if (blob && nenc_blob_set(blob, data, (size_t)size) < 0)
            return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    }
    return NENC_OK;
}

/* ----------------------------------------------------------------- reading */

static nenc_status get(nenc_reader *r, void *data, size_t size,
                       nenc_diag *diag)
{
    uint8_t *d = data;
    while (size) {
        const int64_t n = r->read(r->user, d, size);
        if (n < 0 || (uint64_t)n > size)
            return nenc_fail(diag, NENC_EIO, "reading failed at byte %llu",
                             (unsigned long long)r->at);
        if (!n)
            return nenc_fail(diag, NENC_ETRUNCATED,
                             "the stream ends at byte %llu, in the middle",
                             (unsigned long long)r->at);
        r->at += (uint64_t)n;
        d += n;
        size -= (size_t)n;
    }
    return NENC_OK;
}

nenc_status nenc_read_signature(nenc_reader *r, nenc_diag *diag)
{
    uint8_t bytes[NENC_SIGNATURE_SIZE];
    NENC_TRY(get(r, bytes, 1, diag));
    if (bytes[0] != signature[0])
        return nenc_fail(diag, NENC_EBITSTREAM, "this is not a .nenc stream");
    NENC_TRY(get(r, bytes + 1, sizeof bytes - 1, diag));
    if (memcmp(bytes, signature, 5))
        return nenc_fail(diag, NENC_EBITSTREAM, "this is not a .nenc stream");
    if (memcmp(bytes, signature, sizeof bytes))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "the stream was damaged by a text-mode transfer");
    return NENC_OK;
}

static nenc_status get_length(nenc_reader *r, uint64_t *length,
                              nenc_diag *diag)
{
    *length = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        uint8_t byte;
        NENC_TRY(get(r, &byte, 1, diag));
        *length |= (uint64_t)(byte & 127) << shift;
        if (byte & 128)
            continue;
        if (byte || !shift)
            return NENC_OK;
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a chunk's length is padded at byte %llu",
                         (unsigned long long)r->at);
    }
    return nenc_fail(diag, NENC_EBITSTREAM,
                     "a chunk's length is too long at byte %llu",
                     (unsigned long long)r->at);
}

nenc_status nenc_read_chunk(nenc_reader *r, uint32_t *type,
                            nenc_buffer *payload, nenc_diag *diag)
{
    uint8_t word[4];
    uint64_t length;
    const uint64_t at = r->at;
    r->is_damaged = false;
    nenc_buffer_init(payload, r->max_chunk);
    NENC_TRY(get(r, word, 4, diag));
    *type = nenc_bytes_get_u32(word);
    for (int i = 0; i < 4; i++)
        if (!((word[i] >= 'A' && word[i] <= 'Z')
              || (word[i] >= 'a' && word[i] <= 'z')))
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "no chunk begins at byte %llu",
                             (unsigned long long)at);
    NENC_TRY(get_length(r, &length, diag));
    if (length > r->max_chunk)
        return nenc_fail(diag, NENC_ELIMIT,
                         "the chunk at byte %llu has %llu bytes, at most %zu",
                         (unsigned long long)at, (unsigned long long)length,
                         r->max_chunk);
    for (uint64_t left = length; left;) {
        const size_t n = left < READ_STEP ? (size_t)left : READ_STEP;
        uint8_t *d = nenc_buffer_extend(payload, n);
        if (!d)
            return nenc_fail(diag, NENC_ENOMEM, "out of memory");
        NENC_TRY(get(r, d, n, diag));
        left -= n;
    }
    const uint32_t crc = nenc_crc32c(nenc_crc32c(0, word, 4), payload->data,
                                     payload->size);
    NENC_TRY(get(r, word, 4, diag));
    r->is_damaged = nenc_bytes_get_u32(word) != crc;
    if (r->is_damaged)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "the chunk at byte %llu is damaged",
                         (unsigned long long)at);
    return NENC_OK;
}

bool nenc_chunk_is_optional(uint32_t type)
{
    const uint8_t first = type & 255;
    return (first >= 'a' && first <= 'z')
           || type == NENC_CHUNK_META
           || type == NENC_TAG('I', 'N', 'D', 'X');
}
