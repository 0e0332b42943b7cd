/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading PBM, PGM, PPM and PAM, binary and text, up to 16 bits a sample.
 * Not here: writing (media_pnm_write.c), floats (PFM). */
#include <stdio.h>

#include "bytes.h"
#include "media_formats.h"

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool probe(const uint8_t *data, size_t size, char text, char binary)
{
    return size >= 3 && data[0] == 'P' && (data[1] == text || data[1] == binary)
           && (is_space(data[2]) || data[2] == '#');
}

bool nenc_pbm_probe(const uint8_t *data, size_t size)
{
    return probe(data, size, '1', '4');
}

bool nenc_pgm_probe(const uint8_t *data, size_t size)
{
    return probe(data, size, '2', '5');
}

bool nenc_ppm_probe(const uint8_t *data, size_t size)
{
    return probe(data, size, '3', '6');
}

bool nenc_pam_probe(const uint8_t *data, size_t size)
{
    return size >= 3 && !memcmp(data, "P7\n", 3);
}

/* ------------------------------------------------------------------ headers */

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
    uint32_t bits;               /* of the picture made: 8 or 16 */
    bool is_text, is_bitmap;
} pnm_header;

static nenc_status read_pnm_header(nenc_bytes *b, pnm_header *h, char kind,
                                   nenc_diag *diag)
{
    h->is_text = kind <= '3';
    h->is_bitmap = kind == '1' || kind == '4';
    h->channels = kind == '3' || kind == '6' ? 3 : 1;
    h->maxval = 1;
    NENC_TRY(read_number(b, 1 << 24, "its width", &h->width, diag));
    NENC_TRY(read_number(b, 1 << 24, "its height", &h->height, diag));
    if (!h->is_bitmap)
        NENC_TRY(read_number(b, 65535, "its largest value", &h->maxval, diag));
    if (peek(b) < 0)
        return nenc_fail(diag, NENC_ETRUNCATED, "the file ends in its header");
    if (!is_space(peek(b)))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "no white space after the header, at byte %zu",
                         b->at);
    b->at++;
    return NENC_OK;
}

/* The next line of a PAM header, without its end; a long one is cut. */
static nenc_status read_line(nenc_bytes *b, char *line, size_t size,
                             nenc_diag *diag)
{
    size_t n = 0;
    while (peek(b) >= 0 && peek(b) != '\n') {
        if (n + 1 < size && peek(b))
            line[n++] = (char)peek(b);
        b->at++;
    }
    line[n] = '\0';
    if (peek(b) < 0)
        return nenc_fail(diag, NENC_ETRUNCATED, "the file ends in its header");
    b->at++;
    return NENC_OK;
}

/* What a line says: a number where it is one of ours. */
static nenc_status read_pam_line(const char *line, pnm_header *h,
                                 nenc_diag *diag)
{
    const struct { const char *word; uint32_t *to, max; } fields[] = {
        { "WIDTH", &h->width, 1 << 24 }, { "HEIGHT", &h->height, 1 << 24 },
        { "DEPTH", &h->channels, 65535 }, { "MAXVAL", &h->maxval, 65535 },
    };
    nenc_bytes b;
    nenc_bytes_init(&b, line, strlen(line));
    skip_space(&b);
    const char *word = line + b.at;
    const size_t n = strcspn(word, " \t\v\f\r");
    b.at += n;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (n == strlen(fields[i].word) && !memcmp(word, fields[i].word, n))
            return read_number(&b, fields[i].max, fields[i].word,
                               fields[i].to, diag);
    skip_space(&b);
    if (n == 8 && !memcmp(word, "TUPLTYPE", 8)
        && !strncmp(line + b.at, "CMYK", 4))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a PAM file of CMYK; convert it to RGB");
    return NENC_OK;
}

static nenc_status read_pam_header(nenc_bytes *b, pnm_header *h,
                                   nenc_diag *diag)
{
    char line[64];
    nenc_bytes_get(b, 1);                /* the end of "P7" */
    for (;;) {
        NENC_TRY(read_line(b, line, sizeof line, diag));
        if (!strncmp(line, "ENDHDR", 6))
            break;
        NENC_TRY(read_pam_line(line, h, diag));
    }
    if (h->channels > 4)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a PAM file of %u channels; 1 to 4 can be read",
                         (unsigned)h->channels);
    return NENC_OK;
}

static nenc_status read_header(nenc_bytes *b, pnm_header *h, nenc_diag *diag)
{
    const uint8_t *magic = nenc_bytes_get(b, 2);
    memset(h, 0, sizeof *h);
    NENC_TRY(magic[1] == '7'
                 ? read_pam_header(b, h, diag)
                 : read_pnm_header(b, h, (char)magic[1], diag));
    if (!h->width || !h->height || !h->maxval || !h->channels)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a zero width, height, depth or largest value");
    h->bits = h->maxval > 255 ? 16 : 8;
    return NENC_OK;
}

/* ------------------------------------------------------------------ samples */

static nenc_status put(const pnm_header *h, uint8_t *row, size_t i, uint32_t v,
                       nenc_diag *diag)
{
    if (v > h->maxval)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "a sample of %u, over the largest value of %u",
                         (unsigned)v, (unsigned)h->maxval);
    nenc_sample_put(row, h->bits, i,
                    nenc_sample_scale(v, h->maxval,
                                      h->bits == 8 ? 255 : 65535));
    return NENC_OK;
}

/* A digit of a PBM, where spaces between them may be left out; 1 is black. */
static nenc_status read_digit(nenc_bytes *b, uint32_t *out, nenc_diag *diag)
{
    skip_space(b);
    if (peek(b) < 0)
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "the file ends before a sample, at byte %zu", b->at);
    if (peek(b) != '0' && peek(b) != '1')
        return nenc_fail(diag, NENC_EBITSTREAM, "no 0 or 1 at byte %zu",
                         b->at);
    *out = peek(b) == '0';
    b->at++;
    return NENC_OK;
}

static nenc_status read_text_row(nenc_bytes *b, const pnm_header *h,
                                 uint8_t *row, size_t n, nenc_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        NENC_TRY(h->is_bitmap ? read_digit(b, &v, diag)
                              : read_number(b, 65535, "a sample", &v, diag));
        NENC_TRY(put(h, row, i, v, diag));
    }
    return NENC_OK;
}

/* Bytes of a row of n samples. */
static uint64_t row_size(const pnm_header *h, uint64_t n)
{
    return h->is_bitmap ? (n + 7) / 8 : n * (h->bits / 8);
}

static nenc_status read_binary_row(nenc_bytes *b, const pnm_header *h,
                                   uint8_t *row, size_t n, nenc_diag *diag)
{
    const uint8_t *p = nenc_bytes_get(b, (size_t)row_size(h, n));
    if (h->maxval == 255) {
        memcpy(row, p, n);
        return NENC_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t v = h->is_bitmap ? !(p[i / 8] >> (7 - i % 8) & 1)
                           : h->bits == 8
                               ? p[i]
                               : (uint32_t)p[2 * i] << 8 | p[2 * i + 1];
        NENC_TRY(put(h, row, i, v, diag));
    }
    return NENC_OK;
}

/* Whether the bytes left could hold the picture, at the least that a sample
 * may take: a lying header costs nothing. */
static bool may_hold(const nenc_bytes *b, const pnm_header *h, uint64_t n)
{
    const uint64_t left = nenc_bytes_left(b);
    if (!h->is_text)
        return row_size(h, n) <= left / h->height;
    return n <= (h->is_bitmap ? left : left / 2 + left % 2) / h->height;
}

static unsigned bits_of(uint32_t maxval)
{
    unsigned bits = 0;
    for (; maxval; maxval >>= 1)
        bits++;
    return bits;
}

nenc_status nenc_pnm_read(nenc_image *image, nenc_media_facts *facts,
                          const nenc_media_source *src, nenc_diag *diag)
{
    pnm_header h;
    nenc_bytes b;
    nenc_bytes_init(&b, src->data, src->size);
    NENC_TRY(read_header(&b, &h, diag));
    facts->bits = bits_of(h.maxval);
    facts->has_alpha = h.channels == 2 || h.channels == 4;
    const uint64_t n = (uint64_t)h.width * h.channels;
    if (!may_hold(&b, &h, n))
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "the file ends too early: %zu bytes for the %llu "
                         "samples of %ux%u", nenc_bytes_left(&b),
                         (unsigned long long)(n * h.height), (unsigned)h.width,
                         (unsigned)h.height);
    NENC_TRY(nenc_media_alloc(image, h.width, h.height, h.channels, h.bits,
                              src->max_pixels, diag));
    for (uint32_t y = 0; y < h.height; y++)
        NENC_TRY((h.is_text ? read_text_row : read_binary_row)(
            &b, &h, image->data + y * image->stride, (size_t)n, diag));
    while (is_space(peek(&b)))
        b.at++;
    if (nenc_bytes_left(&b))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%zu bytes after the picture; a file of one picture "
                         "is needed", nenc_bytes_left(&b));
    return NENC_OK;
}
