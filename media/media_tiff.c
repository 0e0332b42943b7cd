/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading TIFF by libtiff: gray, palette and R'G'B' in strips or tiles, with
 * or without alpha, 1 to 16 bits.  libtiff bounds neither its memory nor its
 * time, so directories (media_tiff_check.c), blocks and their coded bytes are
 * held to what the picture and the file have; and it only warns of most
 * damage, which is refused here.  Of its codecs those with bounded memory are
 * let in (LZMA's dictionaries and JBIG's own dimensions are not).
 * Not here: writing, floats, CMYK, Lab, camera raw, pages after the first. */
#include "bytes.h"
#include "media_formats.h"
#include "media_tiff.h"
#include "mem.h"

bool nenc_tiff_probe(const uint8_t *data, size_t size)
{
    return size >= 4 && (!memcmp(data, "II*\0", 4) || !memcmp(data, "MM\0*", 4)
                         || !memcmp(data, "II+\0", 4)
                         || !memcmp(data, "MM\0+", 4));
}

#ifdef HAVE_TIFF
#include <stdarg.h>
#include <stdio.h>
#include <tiffio.h>

/* Of libtiff itself: its directories and rows, never the whole picture. */
enum { MAX_BLOCK = 1 << 26, MAX_SAMPLES = 8, SMALL_BLOCK = 1 << 24 };

typedef struct tiff_reader {
    TIFF *tiff;
    nenc_bytes in;
    const nenc_media_source *src;
    nenc_image *image;
    nenc_media_facts *facts;
    nenc_diag *diag;
    char error[120];             /* libtiff's first */
    bool in_blocks;              /* warnings are damage now */
    uint32_t width, height;
    uint16_t bits, photometric, samples, planar, compression;
    uint32_t colours;            /* channels that are not alpha */
    int alpha;                   /* index of its sample, or -1 */
    bool is_premultiplied;
    uint16_t *palette[3];
    unsigned palette_max;        /* 255 in some old files, else 65535 */
} tiff_reader;

/* ---------------------------------------------------- a file in memory */

static tmsize_t on_read(thandle_t user, void *data, tmsize_t size)
{
    nenc_bytes *in = &((tiff_reader *)user)->in;
    const size_t n = NENC_MIN((size_t)size, nenc_bytes_left(in));
    memcpy(data, nenc_bytes_get(in, n), n);
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t user, void *data, tmsize_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return -1;
}

static toff_t on_seek(thandle_t user, toff_t at, int whence)
{
    nenc_bytes *in = &((tiff_reader *)user)->in;
    if (whence == SEEK_CUR)
        at += in->at;
    if (whence == SEEK_END)
        at += in->size;
    in->at = (size_t)NENC_MIN(at, in->size);
    return at;
}

static toff_t on_size(thandle_t user)
{
    return ((tiff_reader *)user)->in.size;
}

/* Mapped, the file needs no copy of a strip.  libtiff only reads it. */
static int on_map(thandle_t user, void **base, toff_t *size)
{
    const nenc_bytes *in = &((tiff_reader *)user)->in;
    memcpy(base, &in->data, sizeof *base);
    *size = in->size;
    return 1;
}

static void on_unmap(thandle_t user, void *base, toff_t size)
{
    (void)user;
    (void)base;
    (void)size;
}

static int on_close(thandle_t user)
{
    (void)user;
    return 0;
}

static int on_error(TIFF *tiff, void *user, const char *module,
                    const char *fmt, va_list ap)
{
    tiff_reader *r = user;
    (void)tiff;
    (void)module;
    if (!r->error[0])
        vsnprintf(r->error, sizeof r->error, fmt, ap);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module,
                      const char *fmt, va_list ap)
{
    return ((tiff_reader *)user)->in_blocks
         ? on_error(tiff, user, module, fmt, ap) : 1;
}

static nenc_status open_file(tiff_reader *r)
{
    NENC_TRY(nenc_tiff_check(r->in.data, r->in.size, r->diag));
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return nenc_fail(r->diag, NENC_ENOMEM, "out of memory");
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, MAX_BLOCK);
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, r);
    r->tiff = TIFFClientOpenExt("", "r", r, on_read, on_write, on_seek,
                                on_close, on_size, on_map, on_unmap, o);
    TIFFOpenOptionsFree(o);
    return r->tiff ? NENC_OK
                   : nenc_fail(r->diag, NENC_EBITSTREAM,
                               "damaged or cut TIFF file: %s", r->error);
}

/* ---------------------------------------------------------- what it is */

static nenc_status refuse(const tiff_reader *r, const char *what)
{
    return nenc_fail(r->diag, NENC_EUNSUPPORTED,
                     "a TIFF file of %s; convert it to 8 or 16 bits of gray "
                     "or RGB", what);
}

static uint16_t short_tag(const tiff_reader *r, uint32_t tag)
{
    uint16_t v = 0;
    TIFFGetFieldDefaulted(r->tiff, tag, &v);
    return v;
}

/* Camera raw files are TIFF files whose first page is a preview. */
static nenc_status refuse_raw(const tiff_reader *r)
{
    static const uint8_t canon[] = { 16, 0, 0, 0, 'C', 'R', 2, 0 };
    uint32_t kind = 0;
    uint16_t n = 0;
    const void *p;
    TIFFGetField(r->tiff, TIFFTAG_SUBFILETYPE, &kind);
    if (r->photometric == PHOTOMETRIC_CFA
        || TIFFGetField(r->tiff, TIFFTAG_DNGVERSION, &p)
        || (r->in.size > 12 && !memcmp(r->in.data + 4, canon, sizeof canon)))
        return refuse(r, "camera raw data");
    const bool is_alone = TIFFLastDirectory(r->tiff)
                       && !TIFFGetField(r->tiff, TIFFTAG_SUBIFD, &n, &p);
    if (kind & FILETYPE_REDUCEDIMAGE && !is_alone)
        return refuse(r, "a preview first, as camera raw files are");
    return NENC_OK;
}

static nenc_status check_compression(const tiff_reader *r)
{
    switch (r->compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_CCITTRLE:
    case COMPRESSION_CCITTFAX3:
    case COMPRESSION_CCITTFAX4:
    case COMPRESSION_LZW:
    case COMPRESSION_JPEG:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_ZSTD: break;
    default:
        return nenc_fail(r->diag, NENC_EUNSUPPORTED,
                         "a TIFF file with compression %u; save it with LZW "
                         "or Deflate", r->compression);
    }
    return TIFFIsCODECConfigured(r->compression)
               ? NENC_OK
               : nenc_fail(r->diag, NENC_EUNSUPPORTED,
                           "a TIFF file with compression %u, which this "
                           "libtiff does not have", r->compression);
}

static nenc_status check_photometric(tiff_reader *r)
{
    switch (r->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: r->colours = 1; return NENC_OK;
    case PHOTOMETRIC_RGB: r->colours = 3; return NENC_OK;
    case PHOTOMETRIC_PALETTE:
        r->colours = 1;
        r->facts->has_palette = true;
        return NENC_OK;
    case PHOTOMETRIC_YCBCR:
        r->colours = 3;
        if (r->compression != COMPRESSION_JPEG)
            return refuse(r, "Y'CbCr without JPEG");
        if (r->samples != 3 || r->planar != PLANARCONFIG_CONTIG)
            return refuse(r, "Y'CbCr in planes");
        TIFFSetField(r->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        return NENC_OK;
    case PHOTOMETRIC_SEPARATED: return refuse(r, "CMYK");
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB: return refuse(r, "Lab colours");
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV: return refuse(r, "HDR colours");
    default: return refuse(r, "unusual colours");
    }
}

static nenc_status check_format(const tiff_reader *r)
{
    const uint16_t format = short_tag(r, TIFFTAG_SAMPLEFORMAT);
    const bool is_one = r->samples == 1;
    if (format == SAMPLEFORMAT_IEEEFP)
        return refuse(r, "floating point samples");
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
        return refuse(r, "signed or complex samples");
    if (!(r->bits == 8 || (r->bits == 16 && !r->facts->has_palette)
          || (is_one && (r->bits == 1 || r->bits == 2 || r->bits == 4))))
        return nenc_fail(r->diag, NENC_EUNSUPPORTED,
                         "a TIFF file of %u bits a sample; convert it to 8 or "
                         "16", r->bits);
    if (r->samples < r->colours || r->samples > MAX_SAMPLES
        || (r->facts->has_palette && !is_one))
        return nenc_fail(r->diag, NENC_EUNSUPPORTED,
                         "a TIFF file of %u samples a pixel", r->samples);
    return NENC_OK;
}

/* The first extra sample that says it is alpha. */
static void find_alpha(tiff_reader *r)
{
    uint16_t n = 0;
    const uint16_t *kinds = NULL;
    r->alpha = -1;
    if (!TIFFGetField(r->tiff, TIFFTAG_EXTRASAMPLES, &n, &kinds))
        n = 0;
    for (uint16_t i = 0; i < n && r->alpha < 0; i++)
        if (kinds[i] != EXTRASAMPLE_UNSPECIFIED
            && r->colours + i < r->samples) {
            r->alpha = (int)r->colours + i;
            r->is_premultiplied = kinds[i] == EXTRASAMPLE_ASSOCALPHA;
        }
    r->facts->has_alpha = r->alpha >= 0;
    if (r->samples > r->colours + (r->alpha >= 0))
        nenc_media_note(r->facts, "channels that are neither colour nor alpha "
                        "are left out");
}

static nenc_status find_palette(tiff_reader *r)
{
    uint16_t **p = r->palette;
    if (!r->facts->has_palette)
        return NENC_OK;
    if (!TIFFGetField(r->tiff, TIFFTAG_COLORMAP, &p[0], &p[1], &p[2]))
        return nenc_fail(r->diag, NENC_EBITSTREAM, "a TIFF file without its "
                         "palette");
    r->palette_max = 255;
    for (unsigned i = 0; i < 3u << r->bits; i++)
        if (p[i >> r->bits][i & ((1u << r->bits) - 1)] > 255)
            r->palette_max = 65535;
    return NENC_OK;
}

static nenc_status read_header(tiff_reader *r)
{
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &r->width);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &r->height);
    NENC_TRY(nenc_media_check_size(r->width, r->height, r->src->max_pixels,
                                   r->diag));
    r->facts->bits = r->bits = short_tag(r, TIFFTAG_BITSPERSAMPLE);
    r->samples = short_tag(r, TIFFTAG_SAMPLESPERPIXEL);
    r->planar = short_tag(r, TIFFTAG_PLANARCONFIG);
    r->compression = short_tag(r, TIFFTAG_COMPRESSION);
    const bool is_fax = r->compression == COMPRESSION_CCITTRLE
                     || r->compression == COMPRESSION_CCITTFAX3
                     || r->compression == COMPRESSION_CCITTFAX4;
    if (!TIFFGetField(r->tiff, TIFFTAG_PHOTOMETRIC, &r->photometric))
        r->photometric = is_fax ? PHOTOMETRIC_MINISWHITE
                         : r->samples < 3 ? PHOTOMETRIC_MINISBLACK
                                          : PHOTOMETRIC_RGB;
    NENC_TRY(refuse_raw(r));
    NENC_TRY(check_compression(r));
    NENC_TRY(check_photometric(r));
    NENC_TRY(check_format(r));
    find_alpha(r);
    NENC_TRY(find_palette(r));
    if (!TIFFLastDirectory(r->tiff))
        nenc_media_note(r->facts, "the first of several pages");
    return NENC_OK;
}

static nenc_status read_blobs(tiff_reader *r)
{
    uint32_t n;
    const void *p;
    const unsigned orientation = short_tag(r, TIFFTAG_ORIENTATION);
    if (orientation >= 1 && orientation <= 8)
        r->facts->orientation = orientation;
    if (TIFFGetField(r->tiff, TIFFTAG_ICCPROFILE, &n, &p))
        NENC_TRY(nenc_media_keep_icc(r->image, r->facts, p, n, r->diag));
    if (TIFFGetField(r->tiff, TIFFTAG_XMLPACKET, &n, &p))
        NENC_TRY(nenc_media_keep_xmp(r->image, r->facts, p, n, r->diag));
    return NENC_OK;
}

/* ------------------------------------------------------------ the samples */

/* Strips and tiles: a rectangle of the picture, all samples or one plane. */
typedef struct block {
    uint32_t x, y, width, height;  /* within the picture */
    uint16_t plane;
    size_t row_size;               /* bytes */
    uint32_t number;
} block;

static unsigned get(const tiff_reader *r, const uint8_t *row, size_t i)
{
    if (r->bits >= 8)
        return nenc_sample_get(row, r->bits, i);
    const size_t bit = i * r->bits;
    return row[bit / 8] >> (8 - r->bits - bit % 8) & ((1u << r->bits) - 1);
}

/* One sample of the file into the channel or, of a palette, the channels that
 * it makes. */
static void put(const tiff_reader *r, uint8_t *row, size_t x, uint16_t sample,
                unsigned v)
{
    const nenc_image *im = r->image;
    const size_t at = x * im->channels;
    if (r->palette[0]) {
        for (size_t c = 0; c < 3; c++)
            row[at + c] = (uint8_t)nenc_sample_scale(r->palette[c][v],
                                                     r->palette_max, 255);
        return;
    }
    if (r->bits < 8)
        v = v * 255 / ((1u << r->bits) - 1);
    if (r->photometric == PHOTOMETRIC_MINISWHITE && !sample)
        v = (im->bits == 8 ? 255 : 65535) - v;
    if (sample < r->colours)
        nenc_sample_put(row, im->bits, at + sample, v);
    else if (sample == r->alpha)
        nenc_sample_put(row, im->bits, at + im->channels - 1, v);
}

static void put_block(const tiff_reader *r, const block *b,
                      const uint8_t *data)
{
    const bool is_plane = r->planar == PLANARCONFIG_SEPARATE;
    const uint16_t n = is_plane ? 1 : r->samples;
    for (uint32_t y = 0; y < b->height; y++) {
        const uint8_t *from = data + y * b->row_size;
        uint8_t *to = r->image->data + (b->y + y) * r->image->stride;
        for (size_t x = 0; x < b->width; x++)
            for (uint16_t s = 0; s < n; s++)
                put(r, to, b->x + x, is_plane ? b->plane : s,
                    get(r, from, x * n + s));
    }
}

static nenc_status read_blocks(tiff_reader *r, uint32_t width, uint32_t height,
                               uint8_t *data, tmsize_t size, bool is_tiled)
{
    const uint16_t planes = r->planar == PLANARCONFIG_SEPARATE ? r->samples : 1;
    const uint64_t row_bits = (uint64_t)width * r->bits
                              * (planes > 1 ? 1 : r->samples);
    block b = { .row_size = (size_t)((row_bits + 7) / 8) };
    for (b.plane = 0; b.plane < planes; b.plane++)
        for (b.y = 0; b.y < r->height; b.y += height)
            for (b.x = 0; b.x < r->width; b.x += width, b.number++) {
                b.width = NENC_MIN(width, r->width - b.x);
                b.height = NENC_MIN(height, r->height - b.y);
                const tmsize_t want = (tmsize_t)(b.row_size * b.height);
                const tmsize_t n = want > size ? -1
                    : is_tiled ? TIFFReadEncodedTile(r->tiff, b.number, data,
                                                     size)
                               : TIFFReadEncodedStrip(r->tiff, b.number, data,
                                                      size);
                if (n < want || r->error[0])
                    return nenc_fail(r->diag, NENC_EBITSTREAM,
                                     "damaged or cut TIFF file: %s",
                                     r->error[0] ? r->error : "a short strip");
                put_block(r, &b, data);
            }
    return NENC_OK;
}

/* Blocks may share their coded bytes, and may code nothing for long: in all
 * they must not have many more than the file. */
static nenc_status check_coded(tiff_reader *r)
{
    const uint32_t n = TIFFIsTiled(r->tiff) ? TIFFNumberOfTiles(r->tiff)
                                            : TIFFNumberOfStrips(r->tiff);
    const uint64_t most = 2 * (uint64_t)r->in.size;
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t at = TIFFGetStrileOffset(r->tiff, i);
        const uint64_t bytes = TIFFGetStrileByteCount(r->tiff, i);
        if (!at && !bytes)
            return nenc_fail(r->diag, NENC_EUNSUPPORTED, "a TIFF file that "
                             "leaves out tile %u; save it without holes",
                             (unsigned)i);
        if (at < 8 || at > r->in.size || bytes > r->in.size - at)
            return nenc_fail(r->diag, NENC_EBITSTREAM, "damaged or cut TIFF "
                             "file: strip %u lies outside", (unsigned)i);
        total += bytes;
        if (total > most)
            return nenc_fail(r->diag, NENC_ELIMIT, "a TIFF file whose strips "
                             "have more bytes than it has");
    }
    return NENC_OK;
}

/* How often a block of `side` covers a length, in samples. */
static uint64_t covered(uint64_t length, uint64_t side)
{
    return (length + side - 1) / side * side;
}

/* Blocks must not cost much more than the picture that they make. */
static nenc_status read_samples(tiff_reader *r)
{
    const bool is_tiled = TIFFIsTiled(r->tiff);
    uint32_t width = r->width, height = r->height;
    if (is_tiled) {
        TIFFGetField(r->tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &height);
        height = NENC_MIN(height, r->height);
    }
    if (!width || !height)
        return nenc_fail(r->diag, NENC_EBITSTREAM, "a TIFF file of empty "
                         "strips");
    if (width > 1 << 24 || height > 1 << 24
        || covered(r->width, width) * covered(r->height, height)
               > 16 * (uint64_t)r->width * r->height + (1 << 22))
        return nenc_fail(r->diag, NENC_ELIMIT,
                         "a TIFF file of %ux%u in tiles of %ux%u",
                         (unsigned)r->width, (unsigned)r->height,
                         (unsigned)width, (unsigned)height);
    const tmsize_t size = is_tiled ? TIFFTileSize(r->tiff)
                                   : TIFFStripSize(r->tiff);
    if (size > 0 && (size_t)size > 2 * r->image->stride * r->image->height
                                 + SMALL_BLOCK)
        return nenc_fail(r->diag, NENC_ELIMIT,
                         "a TIFF file with strips of %zu bytes; save it with "
                         "smaller ones", (size_t)size);
    NENC_TRY(check_coded(r));
    r->error[0] = '\0';           /* what was said before is settled */
    r->in_blocks = true;
    uint8_t *data = size > 0 ? nenc_mem_zalloc((size_t)size, 1) : NULL;
    const nenc_status st =
        data ? read_blocks(r, width, height, data, size, is_tiled)
             : nenc_fail(r->diag, size > 0 ? NENC_ENOMEM : NENC_EBITSTREAM,
                         "no room for a strip of the TIFF file");
    nenc_mem_free(data);
    return st;
}

/* Colours that were multiplied by alpha, divided by it. */
static void divide(nenc_image *image)
{
    const uint32_t n = image->channels;
    const unsigned max = image->bits == 8 ? 255 : 65535;
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = image->data + y * image->stride;
        for (size_t x = 0; x < image->width; x++) {
            const unsigned a = nenc_sample_get(row, image->bits,
                                               x * n + n - 1);
            for (size_t i = x * n; i < x * n + n - 1 && a; i++) {
                const unsigned v = nenc_sample_get(row, image->bits, i);
                nenc_sample_put(row, image->bits, i,
                                nenc_sample_scale(NENC_MIN(v, a), a, max));
            }
        }
    }
}

static nenc_status read_picture(tiff_reader *r)
{
    NENC_TRY(open_file(r));
    NENC_TRY(read_header(r));
    NENC_TRY(read_blobs(r));
    NENC_TRY(nenc_media_alloc(
        r->image, r->width, r->height,
        (r->palette[0] ? 3 : r->colours) + (r->alpha >= 0),
        r->bits == 16 ? 16 : 8, r->src->max_pixels, r->diag));
    NENC_TRY(read_samples(r));
    if (r->is_premultiplied) {
        divide(r->image);
        nenc_media_note(r->facts, "its colours were multiplied by alpha");
    }
    return NENC_OK;
}

nenc_status nenc_tiff_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag)
{
    tiff_reader r = { .src = src, .image = image, .facts = facts,
                      .diag = diag };
    nenc_bytes_init(&r.in, src->data, src->size);
    const nenc_status st = read_picture(&r);
    if (r.tiff)
        TIFFClose(r.tiff);
    return st;
}
#endif
