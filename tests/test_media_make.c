/* SPDX-License-Identifier: BSD-2-Clause */
/* Making samples, profiles, EXIF and XMP, PNG and JPEG files for
 * test_media*.c.  Not here: WebP and TIFF (test_media_make_more.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_media_make.h"

int blob_write(void *user, const void *data, size_t size)
{
    blob *b = user;
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort();
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}

blob blob_copy(const void *data, size_t size)
{
    blob b = { malloc(size ? size : 1), size, size };
    if (!b.data)
        abort();
    if (size)
        memcpy(b.data, data, size);
    return b;
}

/* --------------------------------------------------------- what goes along */

blob make_icc(const char *space, size_t size)
{
    blob b = { calloc(size, 1), size, size };
    if (!b.data)
        abort();
    for (size_t i = 128; i < size; i++)
        b.data[i] = (uint8_t)(i * i >> 5);
    for (int i = 0; i < 4; i++)
        b.data[i] = (uint8_t)(size >> 8 * (3 - i));
    memcpy(b.data + 16, space, 4);
    memcpy(b.data + 36, "acsp", 4);
    return b;
}

blob make_exif(unsigned orientation, bool big)
{
    static const uint8_t little_endian[] = "II*\0\10\0\0\0\2\0"
        "\0\1\3\0\1\0\0\0\7\0\0\0" "\22\1\3\0\1\0\0\0\0\0\0\0" "\0\0\0\0";
    static const uint8_t big_endian[] = "MM\0*\0\0\0\10\0\2"
        "\1\0\0\3\0\0\0\1\0\7\0\0" "\1\22\0\3\0\0\0\1\0\0\0\0" "\0\0\0\0";
    blob b = blob_copy(big ? big_endian : little_endian,
                       sizeof little_endian - 1);
    b.data[30 + big] = (uint8_t)orientation;
    return b;
}

blob make_xmp(unsigned orientation)
{
    char text[200];
    const int n = snprintf(text, sizeof text,
                           "<x:xmpmeta><rdf:Description tiff:Orientation=\"%u\""
                           " dc:format=\"tiff:Orientation\">"
                           "<tiff:Orientation>%u</tiff:Orientation>"
                           "</rdf:Description></x:xmpmeta>", orientation,
                           orientation);
    return blob_copy(text, (size_t)n);
}

void make_more_free(make_more *more)
{
    free(more->icc.data);
    free(more->exif.data);
    free(more->xmp.data);
    memset(more, 0, sizeof *more);
}

/* ----------------------------------------------------------------- samples */

/* What the file holds: a ramp slow enough for JPEG; of 16 bits, both bytes
 * change; of few bits, all values come. */
static unsigned raw_sample(int bits, uint32_t x, uint32_t y, uint32_t channel)
{
    if (bits == 16)
        return (4099 * x + 771 * y + 20011 * channel) & 65535;
    if (bits == 8)
        return 5 * x + 6 * y + 30 * channel;
    return (x + y + channel) & ((1u << bits) - 1);
}

/* Colour i of the palette. */
static unsigned palette_sample(unsigned i, uint32_t channel)
{
    return channel == 0 ? i : channel == 1 ? 255 - i : (i * 7) & 255;
}

static uint32_t colours_of(int type)
{
    return type == MAKE_GRAY || type == MAKE_GRAY_ALPHA ? 1
         : type == MAKE_CMYK ? 4 : 3;
}

uint32_t make_channels(int type, unsigned extra)
{
    const bool has_alpha = type == MAKE_GRAY_ALPHA || type == MAKE_RGBA
                        || (extra & MAKE_TRNS);
    return colours_of(type) + has_alpha;
}

/* The transparent colour is that of the first pixel; a palette's second
 * entry has an alpha of 9. */
static unsigned trns_alpha(int type, int bits, uint32_t x, uint32_t y)
{
    bool is_key = true;
    if (type == MAKE_PALETTE)
        return raw_sample(bits, x, y, 0) == 1 ? 9 : 255;
    for (uint32_t c = 0; c < colours_of(type); c++)
        is_key = is_key
              && raw_sample(bits, x, y, c) == raw_sample(bits, 0, 0, c);
    return is_key ? 0 : bits == 16 ? 65535 : 255;
}

unsigned make_sample(int type, int bits, unsigned extra, uint32_t x,
                     uint32_t y, uint32_t channel)
{
    if ((extra & MAKE_TRNS) && channel == colours_of(type))
        return trns_alpha(type, bits, x, y);
    if (type == MAKE_PALETTE)
        return palette_sample(raw_sample(bits, x, y, 0), channel);
    const unsigned raw = raw_sample(bits, x, y, channel);
    return bits >= 8 ? raw : raw * 255 / ((1u << bits) - 1);
}

#ifdef HAVE_PNG
#include <png.h>
#include <zlib.h>

static void append(png_structp png, png_bytep data, size_t size)
{
    blob_write(png_get_io_ptr(png), data, size);
}

static void set_palette(png_structp png, png_infop info, int n)
{
    png_color colours[256];
    for (unsigned i = 0; i < (unsigned)n; i++)
        colours[i] = (png_color){ (png_byte)palette_sample(i, 0),
                                  (png_byte)palette_sample(i, 1),
                                  (png_byte)palette_sample(i, 2) };
    png_set_PLTE(png, info, colours, n);
}

static void set_trns(png_structp png, png_infop info, int type, int bits)
{
    const uint16_t first[3] = { (uint16_t)raw_sample(bits, 0, 0, 0),
                                (uint16_t)raw_sample(bits, 0, 0, 1),
                                (uint16_t)raw_sample(bits, 0, 0, 2) };
    png_color_16 key = { .gray = first[0], .red = first[0], .green = first[1],
                         .blue = first[2] };
    uint8_t alpha[2] = { 255, 9 };
    png_set_tRNS(png, info, alpha, type == MAKE_PALETTE ? 2 : 0, &key);
}

/* A chunk of some bytes and then others, deflated or not. */
static void write_chunk(png_structp png, const char *name, const void *head,
                        size_t head_size, const blob *b, bool is_deflated)
{
    blob all = { NULL, 0, 0 };
    uLongf size = compressBound((uLong)b->size);
    uint8_t *packed = malloc(size);
    if (!b->data || !packed) {
        free(packed);
        return;
    }
    compress(packed, &size, b->data, (uLong)b->size);
    blob_write(&all, head, head_size);
    blob_write(&all, is_deflated ? packed : b->data,
               is_deflated ? size : b->size);
    png_write_chunk(png, (png_const_bytep)name, all.data, all.size);
    free(packed);
    free(all.data);
}

static void write_more(png_structp png, unsigned extra, const make_more *more)
{
    static const uint8_t actl[8] = { 0, 0, 0, 2 };
    const bool deflated = extra & MAKE_DEFLATED;
    write_chunk(png, "iCCP", "a name\0", 8, &more->icc,
                !(extra & MAKE_BAD_ICC));
    write_chunk(png, "eXIf", "", 0, &more->exif, false);
    write_chunk(png, "iTXt", deflated ? "XML:com.adobe.xmp\0\1\0en\0x"
                                      : "XML:com.adobe.xmp\0\0\0en\0x",
                25, &more->xmp, deflated);
    if (more->gamma) {
        const uint8_t g[4] = { (uint8_t)(more->gamma >> 24),
                               (uint8_t)(more->gamma >> 16),
                               (uint8_t)(more->gamma >> 8),
                               (uint8_t)more->gamma };
        png_write_chunk(png, (png_const_bytep) "gAMA", g, 4);
    }
    if (more->cicp)
        png_write_chunk(png, (png_const_bytep) "cICP", more->cicp, 4);
    if (extra & MAKE_ACTL)
        png_write_chunk(png, (png_const_bytep) "acTL", actl, 8);
}

/* A row as libpng takes it before packing: a byte a sample, two for 16. */
static void fill_row(uint8_t *row, int bits, int channels, uint32_t y)
{
    for (uint32_t x = 0; x < MAKE_WIDTH; x++)
        for (int c = 0; c < channels; c++) {
            const unsigned v = raw_sample(bits, x, y, (uint32_t)c);
            if (bits == 16)
                *row++ = (uint8_t)(v >> 8);
            *row++ = (uint8_t)v;
        }
}

blob make_png(int type, int bits, bool is_interlaced, unsigned extra,
              const make_more *more)
{
    static const int types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_PALETTE,
                                 PNG_COLOR_TYPE_GRAY_ALPHA,
                                 PNG_COLOR_TYPE_RGB_ALPHA };
    static const int channels[] = { 1, 3, 1, 2, 4 };
    blob b = { NULL, 0, 0 };
    uint8_t row[MAKE_WIDTH * 8];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL,
                                              NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info)
        abort();
    png_set_write_fn(png, &b, append, NULL);
    png_set_IHDR(png, info, MAKE_WIDTH, MAKE_HEIGHT, bits, types[type],
                 is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == MAKE_PALETTE)
        set_palette(png, info, 1 << bits);
    if (extra & MAKE_TRNS)
        set_trns(png, info, type, bits);
    png_write_info(png, info);
    if (more)
        write_more(png, extra, more);
    else
        write_more(png, extra, &(make_more){ .gamma = 0 });
    const int passes = png_set_interlace_handling(png);
    png_set_packing(png);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < MAKE_HEIGHT; y++) {
            fill_row(row, bits, channels[type], y);
            png_write_row(png, row);
        }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return b;
}
#endif

#ifdef HAVE_JPEG
#include <jpeglib.h>

static void write_rows(struct jpeg_compress_struct *c, int type)
{
    uint8_t row[MAKE_WIDTH * 4];
    JSAMPROW rows[] = { row };
    while (c->next_scanline < c->image_height) {
        const uint32_t y = c->next_scanline;
        for (uint32_t x = 0; x < MAKE_WIDTH; x++)
            for (int i = 0; i < c->input_components; i++)
                row[x * (uint32_t)c->input_components + (uint32_t)i] =
                    (uint8_t)make_sample(type, 8, 0, x, y, (uint32_t)i);
        jpeg_write_scanlines(c, rows, 1);
    }
}

static void write_marker(struct jpeg_compress_struct *c, int app,
                         const void *head, size_t head_size,
                         const uint8_t *data, size_t size)
{
    blob all = { NULL, 0, 0 };
    blob_write(&all, head, head_size);
    blob_write(&all, data, size);
    jpeg_write_marker(c, JPEG_APP0 + app, all.data, (unsigned)all.size);
    free(all.data);
}

static void write_icc(struct jpeg_compress_struct *c, const blob *icc,
                      bool lacks_second)
{
    enum { PART = 65519 };
    const size_t n = (icc->size + PART - 1) / PART;
    for (size_t i = 0; i < n; i++) {
        char head[15] = "ICC_PROFILE\0";
        const size_t left = icc->size - i * PART;
        head[12] = (char)(i + 1);
        head[13] = (char)n;
        if (i != 1 || !lacks_second)
            write_marker(c, 2, head, 14, icc->data + i * PART,
                         left < PART ? left : PART);
    }
}

static void set_kind(struct jpeg_compress_struct *c, int type, unsigned extra)
{
    c->input_components = type == MAKE_GRAY ? 1 : type == MAKE_RGB ? 3 : 4;
    c->in_color_space = type == MAKE_GRAY ? JCS_GRAYSCALE
                        : type == MAKE_RGB ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, 100, TRUE);
    if (extra & MAKE_NO_YCC)
        jpeg_set_colorspace(c, JCS_RGB);
    if (extra & MAKE_YCCK)
        jpeg_set_colorspace(c, JCS_YCCK);
    if (type == MAKE_RGB) {
        c->comp_info[0].h_samp_factor = extra & MAKE_HALF_WIDTH ? 2 : 1;
        c->comp_info[0].v_samp_factor = extra & MAKE_HALF_HEIGHT ? 2 : 1;
    }
    if (extra & MAKE_NO_ADOBE)
        c->write_Adobe_marker = FALSE;
    if (extra & MAKE_RESTARTS)
        c->restart_interval = 1;
#ifdef C_ARITH_CODING_SUPPORTED
    c->arith_code = extra & MAKE_ARITHMETIC ? TRUE : FALSE;
#endif
    if (extra & MAKE_PROGRESSIVE)
        jpeg_simple_progression(c);
}

blob make_jpeg(int type, unsigned extra, const make_more *more)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr err;
    unsigned char *data = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&err);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &size);
    c.image_width = MAKE_WIDTH;
    c.image_height = MAKE_HEIGHT;
    set_kind(&c, type, extra);
    jpeg_start_compress(&c, TRUE);
    if (more && more->exif.data)
        write_marker(&c, 1, "Exif\0", 6, more->exif.data, more->exif.size);
    if (more && more->xmp.data)
        write_marker(&c, 1, "http://ns.adobe.com/xap/1.0/", 29,
                     more->xmp.data, more->xmp.size);
    if (more && more->icc.data)
        write_icc(&c, &more->icc, extra & MAKE_BAD_ICC);
    write_rows(&c, type);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    blob b = blob_copy(data, size);
    free(data);
    return b;
}
#endif
