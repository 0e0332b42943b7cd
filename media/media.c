/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of picture formats, and telling kinds of files apart.
 * Not here: the readers and writers themselves. */
#include "media_formats.h"

#ifdef HAVE_PNG
#define PNG(f) f
#else
#define PNG(f) NULL
#endif
#ifdef HAVE_JPEG
#define JPEG(f) f
#else
#define JPEG(f) NULL
#endif
#ifdef HAVE_WEBP
#define WEBP(f) f
#else
#define WEBP(f) NULL
#endif
#ifdef HAVE_TIFF
#define TIFF(f) f
#else
#define TIFF(f) NULL
#endif

static const nenc_media_format formats[] = {
    { "png", ".png", nenc_png_probe, PNG(nenc_png_read), PNG(nenc_png_write),
      true },
    { "jpeg", ".jpg .jpeg .jpe .jfif", nenc_jpeg_probe, JPEG(nenc_jpeg_read),
      NULL, false },
    { "webp", ".webp", nenc_webp_probe, WEBP(nenc_webp_read), NULL, false },
    { "tiff", ".tif .tiff", nenc_tiff_probe, TIFF(nenc_tiff_read), NULL,
      false },
    { "ppm", ".ppm", nenc_ppm_probe, nenc_pnm_read, nenc_ppm_write, false },
    { "pgm", ".pgm", nenc_pgm_probe, nenc_pnm_read, nenc_pgm_write, false },
    { "pbm", ".pbm", nenc_pbm_probe, nenc_pnm_read, NULL, false },
    { "pam", ".pam", nenc_pam_probe, nenc_pnm_read, nenc_pam_write, false },
    { "pnm", ".pnm", NULL, NULL, nenc_pnm_write, false },
};

/* Kinds that people try and that are not read: bytes at an offset. */
static const struct foreign {
    size_t at, size;
    const char *bytes, *what;
} foreign[] = {
    { 1, 4, "nenc", "a .nenc stream already (ndec decodes it)" },
    { 0, 2, "PF", "a PFM file" },
    { 0, 2, "Pf", "a PFM file" },
    { 0, 4, "GIF8", "a GIF file" },
    { 0, 2, "\xff\x0a", "a JPEG XL file" },
    { 4, 4, "JXL ", "a JPEG XL file" },
    { 4, 4, "jP  ", "a JPEG 2000 file" },
    { 0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 codestream" },
    { 4, 8, "ftypavif", "an AVIF file" },
    { 4, 7, "ftyphei", "a HEIF file" },
    { 4, 8, "ftypmif1", "a HEIF file" },
    { 4, 4, "ftyp", "an MP4 or QuickTime file" },
    { 0, 4, "IIRO", "a camera raw file" },
    { 0, 4, "IIU\0", "a camera raw file" },
    { 0, 8, "FUJIFILM", "a camera raw file" },
    { 0, 8, "P7 332\n#", "an XV thumbnail" },
    { 0, 4, "qoif", "a QOI file" },
    { 0, 4, "8BPS", "a Photoshop file" },
    { 0, 4, "\x76\x2f\x31\x01", "an OpenEXR file" },
    { 0, 2, "BM", "a BMP file" },
    { 0, 4, "%PDF", "a PDF file" },
    { 0, 4, "<svg", "an SVG file" },
};

const nenc_media_format *nenc_media_at(size_t i)
{
    return i < sizeof formats / sizeof formats[0] ? &formats[i] : NULL;
}

const nenc_media_format *nenc_media_by_name(const char *name)
{
    const nenc_media_format *f;
    for (size_t i = 0; (f = nenc_media_at(i)); i++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

/* Latin letters only, whatever the locale. */
static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Whether `text` is the word of `size` characters at `word`. */
static bool same_word(const char *text, const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (lower((unsigned char)text[i]) != word[i])
            return false;
    return text[size] == '\0';
}

const nenc_media_format *nenc_media_by_suffix(const char *path)
{
    const char *dot = strrchr(path, '.');
    const nenc_media_format *f;
    if (!dot || strchr(dot, '/'))
        return NULL;
    for (size_t i = 0; (f = nenc_media_at(i)); i++) {
        const char *s = f->suffixes;
        while (*s) {
            const size_t size = strcspn(s, " ");
            if (same_word(dot, s, size))
                return f;
            s += size + (s[size] == ' ');
        }
    }
    return NULL;
}

nenc_status nenc_media_check_size(uint64_t width, uint64_t height,
                                  uint64_t max_pixels, nenc_diag *diag)
{
    if (!width || !height || width > 1 << 24 || height > 1 << 24)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a picture of %llux%llu; each side must be 1 to %d",
                         (unsigned long long)width, (unsigned long long)height,
                         1 << 24);
    if (width * height > max_pixels)
        return nenc_fail(diag, NENC_ELIMIT,
                         "a picture of %ux%u is over the limit of %llu pixels",
                         (unsigned)width, (unsigned)height,
                         (unsigned long long)max_pixels);
    return NENC_OK;
}

nenc_status nenc_media_alloc(nenc_image *image, uint32_t width,
                             uint32_t height, uint32_t channels, uint32_t bits,
                             uint64_t max_pixels, nenc_diag *diag)
{
    nenc_image made;
    NENC_TRY(nenc_media_check_size(width, height, max_pixels, diag));
    const nenc_status st = nenc_image_alloc(&made, width, height, channels,
                                            bits);
    if (st < 0)
        return nenc_fail(diag, st, "a picture of %ux%u: %s", (unsigned)width,
                         (unsigned)height, nenc_strerror(st));
    made.icc = image->icc;               /* readers may find these first */
    made.exif = image->exif;
    made.xmp = image->xmp;
    *image = made;
    return NENC_OK;
}

static nenc_status refuse_unknown(const nenc_media_source *src,
                                  nenc_diag *diag)
{
    if (!src->size)
        return nenc_fail(diag, NENC_ETRUNCATED, "the file is empty");
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        const struct foreign *f = &foreign[i];
        if (src->size >= f->at + f->size
            && !memcmp(src->data + f->at, f->bytes, f->size))
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "this is %s; convert it to PNG, JPEG or PPM first",
                             f->what);
    }
    return nenc_fail(diag, NENC_EUNSUPPORTED,
                     "not a kind of picture that can be read (PNG, JPEG, WebP, "
                     "TIFF, PNM and PAM can)");
}

/* A profile of other colours than the picture's says nothing of them.  Gray
 * with a profile of R'G'B' is common, and its curve holds for gray. */
static nenc_status drop_foreign_profile(nenc_image *image,
                                        nenc_media_facts *facts)
{
    if (!image->icc.size || nenc_icc_is_of(&image->icc, "RGB ")
        || (image->channels < 3 && nenc_icc_is_of(&image->icc, "GRAY")))
        return NENC_OK;
    nenc_media_note(facts, "its colour profile is of other colours and left "
                    "out");
    return nenc_blob_set(&image->icc, NULL, 0);
}

nenc_status nenc_media_read(nenc_image *image, nenc_media_facts *facts,
                            const nenc_media_source *src, nenc_diag *diag)
{
    nenc_media_facts unused;
    const nenc_media_format *f;
    if (!facts)
        facts = &unused;
    memset(image, 0, sizeof *image);
    *facts = (nenc_media_facts){ .orientation = 1, .bits = 8 };
    for (size_t i = 0; (f = nenc_media_at(i)); i++) {
        if (!f->probe || !f->probe(src->data, src->size))
            continue;
        if (!f->read)
            return nenc_fail(diag, NENC_EUNSUPPORTED,
                             "a %s file, which this build cannot read; convert "
                             "it to PPM, or build with lib%s", f->name,
                             f->name);
        facts->format = f->name;
        nenc_status st = f->read(image, facts, src, diag);
        if (st >= 0)
            st = drop_foreign_profile(image, facts);
        if (st >= 0)
            st = nenc_image_orient(image, facts->orientation, diag);
        if (st < 0)
            nenc_image_free(image);
        return st;
    }
    return refuse_unknown(src, diag);
}

nenc_status nenc_media_write(const nenc_media_format *format,
                             const nenc_image *image, nenc_write_fn write,
                             void *user, nenc_diag *diag)
{
    if (!image->width || !image->height || !image->channels
        || image->channels > 4 || (image->bits != 8 && image->bits != 16)
        || image->stride % (image->bits / 8)
        || image->stride / image->width < image->channels * (image->bits / 8))
        return nenc_fail(diag, NENC_EINVAL, "not a picture: %ux%u with %u "
                         "channels of %u bits", (unsigned)image->width,
                         (unsigned)image->height, (unsigned)image->channels,
                         (unsigned)image->bits);
    if (!format->write)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%s files cannot be written", format->name);
    return format->write(image, write, user, diag);
}
