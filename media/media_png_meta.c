/* SPDX-License-Identifier: BSD-2-Clause */
/* PNG's chunks beside the samples: colour, profile, EXIF, XMP.  They are read
 * and written here and not by libpng, which drops profiles that it does not
 * like, so that what comes out is what went in, byte for byte.
 * Not here: samples, ImageMagick's "Raw profile type" texts. */
#include "media_png.h"

#ifdef HAVE_PNG
#include <math.h>
#define ZLIB_CONST                     /* const input */
#include <zlib.h>

#include "mem.h"

static const char xmp_keyword[] = "XML:com.adobe.xmp";

/* -------------------------------------------------------------- the profile */

/* What a zlib stream holds, up to the buffer's ceiling.
 * @return NENC_OK, NENC_EBITSTREAM (damaged or too large) or NENC_ENOMEM */
static nenc_status inflate_all(nenc_buffer *out, const uint8_t *data,
                               size_t size)
{
    enum { STEP = 1 << 14 };
    z_stream z = { .next_in = (z_const Bytef *)data, .avail_in = (uInt)size };
    int rc = inflateInit(&z);
    if (rc != Z_OK)
        return rc == Z_MEM_ERROR ? NENC_ENOMEM : NENC_EBITSTREAM;
    while (rc == Z_OK && out->ceiling - out->size >= STEP) {
        uint8_t *p = nenc_buffer_extend(out, STEP);
        if (!p) {
            rc = Z_MEM_ERROR;
            break;
        }
        z.next_out = p;
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        out->size -= z.avail_out;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END ? NENC_OK
           : rc == Z_MEM_ERROR ? NENC_ENOMEM : NENC_EBITSTREAM;
}

static nenc_status keep_inflated(
    nenc_image *image, nenc_media_facts *facts, const uint8_t *data,
    size_t size, const char *what,
    nenc_status (*keep)(nenc_image *, nenc_media_facts *, const uint8_t *,
                        size_t, nenc_diag *), nenc_diag *diag)
{
    nenc_buffer out;
    nenc_buffer_init(&out, NENC_MEDIA_MAX_BLOB);
    nenc_status st = inflate_all(&out, data, size);
    if (st >= 0) {
        st = keep(image, facts, out.data, out.size, diag);
    } else if (st == NENC_ENOMEM) {
        nenc_fail(diag, st, "out of memory for its %s", what);
    } else {
        nenc_media_note(facts, "its %s is damaged or too large and left out",
                        what);
        st = NENC_OK;
    }
    nenc_buffer_free(&out);
    return st;
}

/* "name", 0, method 0, zlib. */
static nenc_status read_iccp(nenc_image *image, nenc_media_facts *facts,
                             nenc_bytes b, nenc_diag *diag)
{
    if (facts->has_profile)              /* one may cost time, many a day */
        return NENC_OK;
    facts->has_profile = true;
    while (!b.failed && nenc_bytes_u8(&b))
        ;
    nenc_bytes_u8(&b);
    return keep_inflated(image, facts, b.data + b.at, nenc_bytes_left(&b),
                         "colour profile", nenc_media_keep_icc, diag);
}

/* keyword, 0, compressed?, method, language, 0, translation, 0, text. */
static nenc_status read_itxt(nenc_image *image, nenc_media_facts *facts,
                             bool *has_xmp, nenc_bytes b, nenc_diag *diag)
{
    const uint8_t *keyword = nenc_bytes_get(&b, sizeof xmp_keyword);
    if (*has_xmp || !keyword
        || memcmp(keyword, xmp_keyword, sizeof xmp_keyword))
        return NENC_OK;
    *has_xmp = true;
    const bool is_compressed = nenc_bytes_u8(&b);
    nenc_bytes_u8(&b);
    for (int i = 0; i < 2; i++)
        while (!b.failed && nenc_bytes_u8(&b))
            ;
    if (b.failed)
        return NENC_OK;
    return is_compressed
               ? keep_inflated(image, facts, b.data + b.at,
                               nenc_bytes_left(&b), "XMP", nenc_media_keep_xmp,
                               diag)
               : nenc_media_keep_xmp(image, facts, b.data + b.at,
                                     nenc_bytes_left(&b), diag);
}

/* ------------------------------------------------------------------- colour */

/* What says how samples mean light, in the order of precedence; and whether
 * XMP was seen. */
typedef struct colour {
    bool has_xmp, is_gray;
    bool has_cicp, has_srgb;
    uint8_t primaries, transfer, matrix, full_range;   /* cICP */
    uint32_t gamma;                                    /* gAMA, 0 = none */
    bool has_other_primaries;                          /* cHRM */
} colour;

/* cICP's transfer functions, as in H.273. */
enum { GAMMA_22 = 4, GAMMA_28 = 5, LINEAR = 8, PQ = 16, HLG = 18 };

static uint32_t big_endian(nenc_bytes *b)
{
    const uint8_t *p = nenc_bytes_get(b, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16
                   | (uint32_t)p[2] << 8 | p[3]
             : 0;
}

static bool has_srgb_primaries(nenc_bytes b)
{
    static const uint32_t want[8] = { 31270, 32900, 64000, 33000,
                                      30000, 60000, 15000, 6000 };
    enum { CLOSE = 1000 };
    bool is_close = true;
    for (int i = 0; i < 8; i++) {
        const uint32_t v = big_endian(&b);
        is_close = is_close && v + CLOSE >= want[i] && v <= want[i] + CLOSE;
    }
    return is_close || b.failed;
}

static void read_colour(colour *c, const uint8_t name[4], nenc_bytes b)
{
    if (!memcmp(name, "sRGB", 4))
        c->has_srgb = true;
    if (!memcmp(name, "gAMA", 4))
        c->gamma = big_endian(&b);
    if (!memcmp(name, "cHRM", 4))
        c->has_other_primaries = !has_srgb_primaries(b);
    if (!memcmp(name, "cICP", 4)) {
        c->primaries = nenc_bytes_u8(&b);
        c->transfer = nenc_bytes_u8(&b);
        c->matrix = nenc_bytes_u8(&b);
        c->full_range = nenc_bytes_u8(&b);
        c->has_cicp = !b.failed;
    }
}

static nenc_status judge_cicp(const colour *c, nenc_media_facts *facts,
                              uint32_t *gamma, nenc_diag *diag)
{
    if (c->matrix || c->full_range != 1)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a PNG of video samples (cICP with matrix %u, range "
                         "%u); convert it to sRGB", c->matrix, c->full_range);
    if (c->primaries != 1 && c->primaries != 2)
        nenc_media_note(facts, "its primaries (cICP %u) are taken for sRGB's",
                        c->primaries);
    *gamma = c->transfer == LINEAR ? 100000
             : c->transfer == GAMMA_22 ? 45455
             : c->transfer == GAMMA_28 ? 35714 : 0;
    return NENC_OK;
}

/* HDR is refused whatever else the file says.  Else a profile that fits has the
 * last word, and the picture is kept as it is.  Gammas within 5 % of sRGB's, as
 * libpng has it, are meant for it. */
static nenc_status judge(const colour *c, const nenc_image *image,
                         nenc_media_facts *facts, uint32_t *gamma,
                         nenc_diag *diag)
{
    uint32_t g = 0;
    const bool has_profile = nenc_icc_is_of(&image->icc, "RGB ")
        || (c->is_gray && nenc_icc_is_of(&image->icc, "GRAY"));
    if (c->has_cicp && (c->transfer == PQ || c->transfer == HLG))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "an HDR PNG (%s); convert it to sRGB",
                         c->transfer == PQ ? "PQ" : "HLG");
    if (has_profile)
        return NENC_OK;
    if (c->has_cicp) {
        NENC_TRY(judge_cicp(c, facts, &g, diag));
    } else if (!c->has_srgb) {
        if (c->has_other_primaries)
            nenc_media_note(facts, "its primaries are taken for sRGB's");
        g = c->gamma >= 1000 && c->gamma <= 1000000 ? c->gamma : 0;
    }
    if (g && (g < 43182 || g > 47728)) {
        nenc_media_note(facts, "converted from gamma %g to sRGB", g / 1e5);
        *gamma = g;
    }
    return NENC_OK;
}

nenc_status nenc_png_to_srgb(nenc_image *image, uint32_t gamma,
                             nenc_diag *diag)
{
    const unsigned max = image->bits == 8 ? 255 : 65535;
    const uint32_t n = image->channels, colours = n - !(n & 1);
    uint16_t *to = nenc_mem_alloc(max + 1, sizeof *to);
    if (!to)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (unsigned v = 0; v <= max; v++) {
        const double light = pow((double)v / max, 1e5 / gamma);
        const double s = light <= 0.0031308
                             ? 12.92 * light
                             : 1.055 * pow(light, 1 / 2.4) - 0.055;
        to[v] = (uint16_t)(s * max + 0.5);
    }
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = image->data + y * image->stride;
        for (size_t x = 0; x < image->width; x++)
            for (size_t i = x * n; i < x * n + colours; i++)
                nenc_sample_put(row, image->bits, i,
                                to[nenc_sample_get(row, image->bits, i)]);
    }
    nenc_mem_free(to);
    return NENC_OK;
}

/* -------------------------------------------------------------- all of them */

static nenc_status read_chunk(nenc_image *image, nenc_media_facts *facts,
                              colour *c, const uint8_t name[4], nenc_bytes b,
                              nenc_diag *diag)
{
    if (!memcmp(name, "acTL", 4))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "an animated PNG; save one picture of it as a "
                         "plain PNG");
    if (!memcmp(name, "iCCP", 4))
        return read_iccp(image, facts, b, diag);
    if (!memcmp(name, "iTXt", 4))
        return read_itxt(image, facts, &c->has_xmp, b, diag);
    if (!memcmp(name, "eXIf", 4))
        return nenc_media_keep_exif(image, facts, b.data, b.size, diag);
    if (!memcmp(name, "IHDR", 4))
        c->is_gray = b.size > 9 && !(b.data[9] & 3);
    if (!memcmp(name, "tRNS", 4))
        facts->has_alpha = true;
    read_colour(c, name, b);
    return NENC_OK;
}

nenc_status nenc_png_scan(nenc_image *image, nenc_media_facts *facts,
                          uint32_t *gamma, const nenc_media_source *src,
                          nenc_diag *diag)
{
    colour c = { 0 };
    nenc_bytes b;
    nenc_bytes_init(&b, src->data, src->size);
    nenc_bytes_get(&b, 8);
    for (;;) {
        const uint32_t size = big_endian(&b);
        const uint8_t *name = nenc_bytes_get(&b, 4);
        const nenc_bytes in = nenc_bytes_sub(&b, size);
        nenc_bytes_get(&b, 4);
        if (b.failed || !memcmp(name, "IEND", 4))
            return judge(&c, image, facts, gamma, diag);
        NENC_TRY(read_chunk(image, facts, &c, name, in, diag));
    }
}

/* ------------------------------------------------------------------ writing */

static nenc_status pack_icc(nenc_buffer *out, const nenc_blob *icc,
                            nenc_diag *diag)
{
    static const char head[] = "ICC profile\0";        /* and method 0 */
    uLongf size = compressBound((uLong)icc->size);
    nenc_buffer_put(out, head, sizeof head);
    const size_t at = out->size;
    uint8_t *p = nenc_buffer_extend(out, size);
    if (!p || compress2(p, &size, icc->data, (uLong)icc->size, 9) != Z_OK)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    out->size = at + size;
    return NENC_OK;
}

nenc_status nenc_png_pack(nenc_buffer *out, const char *name,
                          const nenc_image *image, nenc_diag *diag)
{
    const bool is_icc = !strcmp(name, "iCCP"), is_xmp = !strcmp(name, "iTXt");
    const nenc_blob *blob = is_icc   ? &image->icc
                            : is_xmp ? &image->xmp
                                     : &image->exif;
    if (!blob->size)
        return NENC_OK;
    if (blob->size > (size_t)1 << 30)    /* a chunk's size is of 31 bits */
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%zu bytes for %s, too many for PNG", blob->size,
                         name);
    if (is_icc)
        return pack_icc(out, blob, diag);
    if (is_xmp)                          /* not compressed, no language */
        nenc_buffer_put(out, "XML:com.adobe.xmp\0\0\0\0", 22);
    nenc_buffer_put(out, blob->data, blob->size);
    return out->failed ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
                       : NENC_OK;
}
#endif
