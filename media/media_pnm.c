/* SPDX-License-Identifier: BSD-2-Clause */
/* PPM and PGM, binary and text, up to 8 bits a sample.
 * Not here: bitmaps (PBM), PAM, floats (PFM), 16 bits. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "media_formats.h"
#include "mem.h"

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool probe(const uint8_t *data, size_t size, char text, char binary)
{
    return size >= 3 && data[0] == 'P' && (data[1] == text || data[1] == binary)
           && (is_space(data[2]) || data[2] == '#');
}

bool nenc_ppm_probe(const uint8_t *data, size_t size)
{
    return probe(data, size, '3', '6');
}

bool nenc_pgm_probe(const uint8_t *data, size_t size)
{
    return probe(data, size, '2', '5');
}

static int peek(const nenc_bytes *b)
{
    return b->at < b->size ? b->data[b->at] : -1;
}

static void skip_space(nenc_bytes *b)
{
    while (is_space(peek(b)) || peek(b) == '#') {
        if (peek(b) == '#')
            while (peek(b) >= 0 && peek(b) != '\n' && peek(b) != '\r')
                b->at++;
        else
            b->at++;
    }
}

/* A decimal number of at most `max` after white space and comments. */
static nenc_status read_number(nenc_bytes *b, uint32_t max, const char *what,
                               uint32_t *out, nenc_diag *diag)
{
    uint32_t v = 0;
    skip_space(b);
    if (peek(b) < 0)
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "the file ends before %s, at byte %zu", what,
                         b->at);
    if (peek(b) < '0' || peek(b) > '9')
        return nenc_fail(diag, NENC_EBITSTREAM, "no number for %s, at byte %zu",
                         what, b->at);
    for (; peek(b) >= '0' && peek(b) <= '9'; b->at++) {
        v = v * 10 + (uint32_t)(peek(b) - '0');
        if (v > max)
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "%s is over %u, at byte %zu", what, (unsigned)max,
                             b->at);
    }
    *out = v;
    return NENC_OK;
}

typedef struct pnm_header {
    uint32_t width, height, channels, maxval;
    bool is_text;
} pnm_header;

static nenc_status read_header(nenc_bytes *b, pnm_header *h, nenc_diag *diag)
{
    const uint8_t *magic = nenc_bytes_get(b, 2);
    h->is_text = magic[1] == '2' || magic[1] == '3';
    h->channels = magic[1] == '3' || magic[1] == '6' ? 3 : 1;
    NENC_TRY(read_number(b, 1 << 24, "its width", &h->width, diag));
    NENC_TRY(read_number(b, 1 << 24, "its height", &h->height, diag));
    NENC_TRY(read_number(b, 65535, "its largest value", &h->maxval, diag));
    if (!h->width || !h->height || !h->maxval)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a zero width, height or largest value");
    if (h->maxval > 255)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a PNM file of 16 bits a sample; convert it to 8 "
                         "bits");
    if (peek(b) < 0)
        return nenc_fail(diag, NENC_ETRUNCATED, "the file ends in its header");
    if (!is_space(peek(b)))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "no white space after the header, at byte %zu",
                         b->at);
    b->at++;
    return NENC_OK;
}

/* A sample of 0 to maxval, brought to 0 to 255. */
static nenc_status scale(uint32_t v, uint32_t maxval, uint8_t *out,
                         nenc_diag *diag)
{
    if (v > maxval)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a sample of %u, over the largest value of %u",
                         (unsigned)v, (unsigned)maxval);
    *out = (uint8_t)((v * 255 + maxval / 2) / maxval);
    return NENC_OK;
}

static nenc_status read_text(nenc_bytes *b, const pnm_header *h, uint8_t *dst,
                             size_t n, nenc_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        NENC_TRY(read_number(b, 65535, "a sample", &v, diag));
        NENC_TRY(scale(v, h->maxval, dst + i, diag));
    }
    return NENC_OK;
}

static nenc_status read_binary(nenc_bytes *b, const pnm_header *h, uint8_t *dst,
                               size_t n, nenc_diag *diag)
{
    const uint8_t *p = nenc_bytes_get(b, n);
    if (h->maxval == 255) {
        memcpy(dst, p, n);
        return NENC_OK;
    }
    for (size_t i = 0; i < n; i++)
        NENC_TRY(scale(p[i], h->maxval, dst + i, diag));
    return NENC_OK;
}

/* Whether the bytes left could hold n samples: a lying header costs nothing. */
static bool may_hold(const nenc_bytes *b, const pnm_header *h, uint64_t n)
{
    const uint64_t left = nenc_bytes_left(b);
    return n <= (h->is_text ? left / 2 + left % 2 : left);
}

nenc_status nenc_pnm_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag)
{
    pnm_header h;
    nenc_bytes b;
    (void)facts;
    nenc_bytes_init(&b, src->data, src->size);
    NENC_TRY(read_header(&b, &h, diag));
    const uint64_t n = (uint64_t)h.width * h.height * h.channels;
    if (!may_hold(&b, &h, n))
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "the file ends too early: %zu bytes for the %llu "
                         "samples of %ux%u", nenc_bytes_left(&b),
                         (unsigned long long)n, (unsigned)h.width,
                         (unsigned)h.height);
    NENC_TRY(nenc_media_alloc(image, h.width, h.height, h.channels,
                              src->max_pixels, diag));
    NENC_TRY((h.is_text ? read_text : read_binary)(&b, &h, image->data,
                                                   (size_t)n, diag));
    while (is_space(peek(&b)))
        b.at++;
    if (nenc_bytes_left(&b))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%zu bytes after the picture; a PNM file of one "
                         "picture is needed", nenc_bytes_left(&b));
    return NENC_OK;
}

static nenc_status put(nenc_write_fn write, void *user, const void *data,
                       size_t size, nenc_diag *diag)
{
    return write(user, data, size) ? nenc_fail(diag, NENC_EIO, "writing failed")
                                   : NENC_OK;
}

/* Gray rows of a colour file: each sample three times. */
static nenc_status put_tripled(const nenc_image *image, nenc_write_fn write,
                               void *user, nenc_diag *diag)
{
    uint8_t *row = nenc_mem_alloc(image->width, 3);
    nenc_status st = row ? NENC_OK
                         : nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (uint32_t y = 0; y < image->height && st >= 0; y++) {
        const uint8_t *src = image->data + y * image->stride;
        for (size_t x = 0; x < image->width; x++)
            memset(row + 3 * x, src[x], 3);
        st = put(write, user, row, (size_t)image->width * 3, diag);
    }
    nenc_mem_free(row);
    return st;
}

static nenc_status write_as(const nenc_image *image, uint32_t channels,
                            nenc_write_fn write, void *user, nenc_diag *diag)
{
    char head[48];
    const int size = snprintf(head, sizeof head, "P%c\n%lu %lu\n255\n",
                              channels == 3 ? '6' : '5',
                              (unsigned long)image->width,
                              (unsigned long)image->height);
    NENC_TRY(put(write, user, head, (size_t)size, diag));
    if (channels != image->channels)
        return put_tripled(image, write, user, diag);
    for (uint32_t y = 0; y < image->height; y++)
        NENC_TRY(put(write, user, image->data + y * image->stride,
                     (size_t)image->width * channels, diag));
    return NENC_OK;
}

nenc_status nenc_ppm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    return write_as(image, 3, write, user, diag);
}

nenc_status nenc_pgm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    if (image->channels != 1)
        return nenc_fail(diag, NENC_EINVAL,
                         "a picture in colour does not fit PGM; use PPM or "
                         "PNG");
    return write_as(image, 1, write, user, diag);
}

nenc_status nenc_pnm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    return write_as(image, image->channels, write, user, diag);
}
