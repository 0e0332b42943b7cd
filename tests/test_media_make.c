/* SPDX-License-Identifier: BSD-2-Clause */
/* Small PNG and JPEG files for test_media.c.  Not here: any check. */
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

/* A ramp of `bits` bits, slow enough for JPEG. */
static int raw_sample(int bits, uint32_t x, uint32_t y, uint32_t channel)
{
    const int v = (int)(5 * x + 6 * y + 30 * channel);
    return bits >= 8 ? v : (int)(x + y + channel) & ((1 << bits) - 1);
}

/* Colour i of the palette. */
static int palette_sample(int i, uint32_t channel)
{
    return channel == 0 ? i : channel == 1 ? 255 - i : (i * 7) & 255;
}

int make_sample(int type, int bits, uint32_t x, uint32_t y, uint32_t channel)
{
    const int raw = raw_sample(bits, x, y, type == MAKE_PALETTE ? 0 : channel);
    if (type == MAKE_PALETTE)
        return palette_sample(raw, channel);
    return bits >= 8 ? raw : raw * 255 / ((1 << bits) - 1);
}

#if defined HAVE_PNG || defined HAVE_JPEG
static const uint8_t exif[] = "Exif\0\0II*\0\10\0\0\0\1\0"
                              "\22\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0";
#endif

#ifdef HAVE_PNG
#include <png.h>

static void append(png_structp png, png_bytep data, size_t size)
{
    blob_write(png_get_io_ptr(png), data, size);
}

static void set_palette(png_structp png, png_infop info, int n)
{
    png_color colours[256];
    for (int i = 0; i < n; i++)
        colours[i] = (png_color){ (png_byte)palette_sample(i, 0),
                                  (png_byte)palette_sample(i, 1),
                                  (png_byte)palette_sample(i, 2) };
    png_set_PLTE(png, info, colours, n);
}

static void write_extra(png_structp png, png_infop info, int type,
                        unsigned extra)
{
    static const uint8_t actl[8] = { 0, 0, 0, 2 };
    static const uint8_t icc[] = "name\0\0not a profile";
    png_color_16 key = { .gray = 3 };
    uint8_t alpha[2] = { 255, 9 };
    if (extra & MAKE_TRNS)
        png_set_tRNS(png, info, alpha, type == MAKE_PALETTE ? 2 : 0, &key);
    png_write_info(png, info);
    if (extra & MAKE_ACTL)
        png_write_chunk(png, (png_const_bytep) "acTL", actl, 8);
    if (extra & MAKE_EXIF)
        png_write_chunk(png, (png_const_bytep) "eXIf", exif + 6,
                        sizeof exif - 7);
    if (extra & MAKE_ICC)
        png_write_chunk(png, (png_const_bytep) "iCCP", icc, sizeof icc);
}

/* A row as libpng takes it before packing: a byte a sample, two for 16. */
static void fill_row(uint8_t *row, int type, int bits, int channels, uint32_t y)
{
    (void)type;
    for (uint32_t x = 0; x < MAKE_WIDTH; x++)
        for (int c = 0; c < channels; c++) {
            const int v = raw_sample(bits, x, y, (uint32_t)c);
            *row++ = (uint8_t)v;
            if (bits == 16)
                *row++ = (uint8_t)v;
        }
}

blob make_png(int type, int bits, int interlaced, unsigned extra)
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
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == MAKE_PALETTE)
        set_palette(png, info, 1 << bits);
    write_extra(png, info, type, extra);
    const int passes = png_set_interlace_handling(png);
    png_set_packing(png);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < MAKE_HEIGHT; y++) {
            fill_row(row, type, bits, channels[type], y);
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
                    (uint8_t)make_sample(type, 8, x, y, (uint32_t)i);
        jpeg_write_scanlines(c, rows, 1);
    }
}

blob make_jpeg(int type, unsigned extra)
{
    static const uint8_t icc[] = "ICC_PROFILE\0\1\1not a profile";
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr err;
    unsigned char *data = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&err);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &size);
    c.image_width = MAKE_WIDTH;
    c.image_height = MAKE_HEIGHT;
    c.input_components = type == MAKE_GRAY ? 1 : type == MAKE_RGB ? 3 : 4;
    c.in_color_space = type == MAKE_GRAY ? JCS_GRAYSCALE
                       : type == MAKE_RGB ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    if (extra & MAKE_PROGRESSIVE)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (extra & MAKE_EXIF)
        jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof exif - 1);
    if (extra & MAKE_ICC)
        jpeg_write_marker(&c, JPEG_APP0 + 2, icc, sizeof icc - 1);
    write_rows(&c, type);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    blob b = blob_copy(data, size);
    free(data);
    return b;
}
#endif
