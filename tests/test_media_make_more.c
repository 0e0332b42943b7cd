/* SPDX-License-Identifier: BSD-2-Clause */
/* Making WebP and TIFF files, and a profile of CMYK, for test_media*.c.
 * Not here: any check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_media_make.h"

#ifdef HAVE_LCMS
#include <lcms2.h>

static void check(bool good)
{
    if (!good)
        abort();
}

/* Corner i of the cube of inks, as Lab in 16 bits: light is what no ink
 * takes. */
static void lab_of(uint16_t lab[3], unsigned i)
{
    const unsigned c = i >> 3 & 1, m = i >> 2 & 1, y = i >> 1 & 1, k = i & 1;
    const unsigned ink = c + m + y;
    lab[0] = (uint16_t)(k ? 0 : 65535 - 21845 * ink);
    lab[1] = (uint16_t)(32896 + (k ? 0 : 8000 * (int)m - 8000 * (int)c));
    lab[2] = (uint16_t)(32896 + (k ? 0 : 8000 * (int)y - 4000 * (int)(c + m)));
}

blob make_cmyk_icc(void)
{
    uint16_t table[16 * 3];
    cmsUInt32Number size = 0;
    for (unsigned i = 0; i < 16; i++)
        lab_of(table + 3 * i, i);
    cmsHPROFILE p = cmsCreateProfilePlaceholder(NULL);
    cmsPipeline *lut = cmsPipelineAlloc(NULL, 4, 3);
    check(p && lut);
    cmsSetProfileVersion(p, 4.3);
    cmsSetDeviceClass(p, cmsSigOutputClass);
    cmsSetColorSpace(p, cmsSigCmykData);
    cmsSetPCS(p, cmsSigLabData);
    cmsPipelineInsertStage(lut, cmsAT_END,
                           cmsStageAllocToneCurves(NULL, 4, NULL));
    cmsPipelineInsertStage(lut, cmsAT_END,
                           cmsStageAllocCLut16bit(NULL, 2, 4, 3, table));
    cmsPipelineInsertStage(lut, cmsAT_END,
                           cmsStageAllocToneCurves(NULL, 3, NULL));
    check(cmsWriteTag(p, cmsSigAToB0Tag, lut));
    check(cmsSaveProfileToMem(p, NULL, &size));
    blob b = { malloc(size), size, size };
    check(b.data && cmsSaveProfileToMem(p, b.data, &size));
    cmsPipelineFree(lut);
    cmsCloseProfile(p);
    return b;
}
#else
blob make_cmyk_icc(void)
{
    return (blob){ NULL, 0, 0 };
}
#endif

#ifdef HAVE_WEBP
#include <webp/encode.h>

static void put_u32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_chunk(blob *out, const char *name, const void *data,
                      size_t size)
{
    uint8_t head[8];
    if (!data)
        return;
    memcpy(head, name, 4);
    put_u32(head + 4, size);
    blob_write(out, head, 8);
    blob_write(out, data, size);
    if (size & 1)
        blob_write(out, "", 1);
}

/* libwebp's file in the extended form, which has room for more. */
static blob extend(const uint8_t *data, size_t size, bool has_alpha,
                   const make_more *more)
{
    blob out = { NULL, 0, 0 };
    uint8_t head[10] = { 0 };
    head[0] = (uint8_t)((more->icc.data ? 32 : 0) | (has_alpha ? 16 : 0)
                        | (more->exif.data ? 8 : 0) | (more->xmp.data ? 4 : 0));
    head[4] = MAKE_WIDTH - 1;
    head[7] = MAKE_HEIGHT - 1;
    blob_write(&out, data, 12);
    put_chunk(&out, "VP8X", head, 10);
    put_chunk(&out, "ICCP", more->icc.data, more->icc.size);
    blob_write(&out, data + 12, size - 12);
    put_chunk(&out, "EXIF", more->exif.data, more->exif.size);
    put_chunk(&out, "XMP ", more->xmp.data, more->xmp.size);
    put_u32(out.data + 4, out.size - 8);
    return out;
}

blob make_webp(int type, const make_more *more)
{
    uint8_t pixels[MAKE_WIDTH * MAKE_HEIGHT * 4], *data = NULL, *p = pixels;
    const uint32_t n = make_channels(type, 0);
    for (uint32_t y = 0; y < MAKE_HEIGHT; y++)
        for (uint32_t x = 0; x < MAKE_WIDTH; x++)
            for (uint32_t c = 0; c < n; c++)
                *p++ = (uint8_t)make_sample(type, 8, 0, x, y, c);
    const size_t size = (n == 4 ? WebPEncodeLosslessRGBA
                                : WebPEncodeLosslessRGB)(
        pixels, MAKE_WIDTH, MAKE_HEIGHT, (int)(n * MAKE_WIDTH), &data);
    if (!size)
        abort();
    blob b = more ? extend(data, size, n == 4, more) : blob_copy(data, size);
    WebPFree(data);
    return b;
}
#endif

#ifdef HAVE_TIFF
#include <tiffio.h>

typedef struct memory_file {
    blob b;
    size_t at;
} memory_file;

static tmsize_t on_read(thandle_t user, void *data, tmsize_t size)
{
    memory_file *f = user;
    const size_t left = f->at < f->b.size ? f->b.size - f->at : 0;
    const size_t n = (size_t)size < left ? (size_t)size : left;
    memcpy(data, f->b.data + f->at, n);
    f->at += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t user, void *data, tmsize_t size)
{
    memory_file *f = user;
    while (f->b.size < f->at + (size_t)size)
        blob_write(&f->b, "", 1);
    memcpy(f->b.data + f->at, data, (size_t)size);
    f->at += (size_t)size;
    return size;
}

static toff_t on_seek(thandle_t user, toff_t at, int whence)
{
    memory_file *f = user;
    f->at = (size_t)(whence == SEEK_CUR ? f->at + at
                     : whence == SEEK_END ? f->b.size + at : at);
    return f->at;
}

static int on_close(thandle_t user)
{
    (void)user;
    return 0;
}

static toff_t on_size(thandle_t user)
{
    return ((memory_file *)user)->b.size;
}

static uint32_t samples_of(int type)
{
    return type == MAKE_PALETTE ? 1 : make_channels(type, 0);
}

static void set_colours(TIFF *t, int type, int bits, unsigned extra)
{
    uint16_t map[3][256];
    const uint16_t kind = extra & MAKE_MULTIPLIED ? EXTRASAMPLE_ASSOCALPHA
                                                  : EXTRASAMPLE_UNASSALPHA;
    const bool is_gray = type == MAKE_GRAY || type == MAKE_GRAY_ALPHA;
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC,
                 type == MAKE_PALETTE          ? PHOTOMETRIC_PALETTE
                 : type == MAKE_CMYK           ? PHOTOMETRIC_SEPARATED
                 : !is_gray                    ? PHOTOMETRIC_RGB
                 : extra & MAKE_MIN_IS_WHITE   ? PHOTOMETRIC_MINISWHITE
                                               : PHOTOMETRIC_MINISBLACK);
    if (type == MAKE_GRAY_ALPHA || type == MAKE_RGBA)
        TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &kind);
    if (type != MAKE_PALETTE)
        return;
    for (unsigned i = 0; i < 1u << bits; i++) {      /* as in make_sample() */
        map[0][i] = (uint16_t)(257 * i);
        map[1][i] = (uint16_t)(257 * (255 - i));
        map[2][i] = (uint16_t)(257 * (i * 7 & 255));
    }
    TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
}

static void set_more(TIFF *t, const make_more *more)
{
    if (more && more->icc.data)
        TIFFSetField(t, TIFFTAG_ICCPROFILE, (uint32_t)more->icc.size,
                     more->icc.data);
    if (more && more->xmp.data)
        TIFFSetField(t, TIFFTAG_XMLPACKET, (uint32_t)more->xmp.size,
                     more->xmp.data);
    if (more && more->exif.data)         /* its orientation, as a tag */
        TIFFSetField(t, TIFFTAG_ORIENTATION,
                     more->exif.data[30] | more->exif.data[31]);
}

/* The value that the file holds for a sample. */
static unsigned stored(int type, int bits, unsigned extra, uint32_t x,
                       uint32_t y, uint32_t s)
{
    const unsigned max = (1u << bits) - 1;
    unsigned v = type == MAKE_PALETTE
                     ? make_sample(type, bits, 0, x, y, 0)
                     : make_sample(type, bits, 0, x, y, s);
    if (bits < 8 && type != MAKE_PALETTE)
        v = v * max / 255;
    if (extra & MAKE_MIN_IS_WHITE)
        v = s ? v : max - v;
    if ((extra & MAKE_MULTIPLIED) && s + 1 < samples_of(type))
        v = (v * make_sample(type, bits, 0, x, y, samples_of(type) - 1)
             + max / 2) / max;
    return v;
}

static void put(uint8_t *row, int bits, size_t i, unsigned v)
{
    const uint16_t wide = (uint16_t)v;
    if (bits == 16)
        memcpy(row + 2 * i, &wide, 2);
    else
        row[i * (size_t)bits / 8] |=
            (uint8_t)(v << (8 - bits - (int)(i * (size_t)bits % 8)));
}

/* Rows from y0 and columns from x0 on, `planes` samples from s0 on. */
static size_t fill(uint8_t *to, uint32_t w, uint32_t h, uint32_t x0,
                   uint32_t y0, int type, int bits, unsigned extra,
                   uint32_t s0, uint32_t planes)
{
    const size_t row = (w * planes * (uint32_t)bits + 7) / 8;
    memset(to, 0, row * h);
    for (uint32_t y = 0; y < h && y0 + y < MAKE_HEIGHT; y++)
        for (uint32_t x = 0; x < w && x0 + x < MAKE_WIDTH; x++)
            for (uint32_t s = 0; s < planes; s++)
                put(to + y * row, bits, x * planes + s,
                    stored(type, bits, extra, x0 + x, y0 + y, s0 + s));
    return row * h;
}

static void write_page(TIFF *t, int type, int bits, unsigned extra,
                       int compression, int format, const make_more *more)
{
    enum { TILE = 16 };
    const uint32_t strip = compression == COMPRESSION_JPEG ? 8 : 4;
    uint8_t data[TILE * TILE * 8];
    const uint32_t n = samples_of(type);
    const bool tiles = extra & MAKE_TILES, planes = extra & MAKE_PLANES;
    const uint32_t w = tiles ? TILE : MAKE_WIDTH, h = tiles ? TILE : strip;
    uint32_t number = 0;
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, MAKE_WIDTH);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, MAKE_HEIGHT);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, n);
    TIFFSetField(t, TIFFTAG_COMPRESSION, compression);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG,
                 planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (format)
        TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, format);
    set_colours(t, type, bits, extra);
    set_more(t, more);
    TIFFSetField(t, tiles ? TIFFTAG_TILEWIDTH : TIFFTAG_ROWSPERSTRIP, h);
    if (tiles)
        TIFFSetField(t, TIFFTAG_TILELENGTH, h);
    for (uint32_t s = 0; s < (planes ? n : 1); s++)
        for (uint32_t y = 0; y < MAKE_HEIGHT; y += h) {
            const uint32_t rows = tiles || y + h < MAKE_HEIGHT
                                      ? h : MAKE_HEIGHT - y;
            const size_t size = fill(data, w, rows, 0, y, type, bits, extra, s,
                                     planes ? 1 : n);
            if ((tiles ? TIFFWriteEncodedTile : TIFFWriteEncodedStrip)(
                    t, number++, data, (tmsize_t)size) < 0)
                abort();
        }
    TIFFWriteDirectory(t);
}

blob make_tiff(int type, int bits, unsigned extra, int compression, int format,
               const make_more *more)
{
    memory_file f = { { NULL, 0, 0 }, 0 };
    TIFF *t = TIFFClientOpen("", "w", &f, on_read, on_write, on_seek, on_close,
                             on_size, NULL, NULL);
    if (!t)
        abort();
    for (int page = 0; page <= !!(extra & MAKE_PAGES); page++)
        write_page(t, type, bits, extra, compression, format, more);
    TIFFClose(t);
    return f.b;
}
#endif
