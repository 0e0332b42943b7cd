/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing PGM, PPM and PAM, always binary, 8 or 16 bits a sample.
 * Not here: reading (media_pnm.c); these formats hold no profile and the like.
 */
#include <stdio.h>

#include "media_formats.h"
#include "mem.h"

typedef struct pnm_writer {
    const nenc_image *image;
    uint32_t channels;           /* written: 3 where the picture may have 1 */
    nenc_write_fn write;
    void *user;
    nenc_diag *diag;
} pnm_writer;

static nenc_status put(const pnm_writer *w, const void *data, size_t size)
{
    return w->write(w->user, data, size)
               ? nenc_fail(w->diag, NENC_EIO, "writing failed")
               : NENC_OK;
}

static nenc_status put_header(const pnm_writer *w, bool is_pam)
{
    static const char *const types[] = { "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB",
                                         "RGB_ALPHA" };
    char head[160];
    const unsigned long width = w->image->width, height = w->image->height;
    const unsigned maxval = w->image->bits == 8 ? 255 : 65535;
    const int size =
        is_pam ? snprintf(head, sizeof head,
                          "P7\nWIDTH %lu\nHEIGHT %lu\nDEPTH %u\nMAXVAL %u\n"
                          "TUPLTYPE %s\nENDHDR\n", width, height,
                          (unsigned)w->channels, maxval,
                          types[w->channels - 1])
               : snprintf(head, sizeof head, "P%c\n%lu %lu\n%u\n",
                          w->channels == 3 ? '6' : '5', width, height, maxval);
    return put(w, head, (size_t)size);
}

/* A row as it lies in the file: the high byte first, gray three times where
 * the file has colour. */
static void pack_row(const pnm_writer *w, uint8_t *dst, const uint8_t *src)
{
    const nenc_image *im = w->image;
    const bool is_tripled = w->channels != im->channels;
    const size_t n = (size_t)im->width * w->channels;
    for (size_t i = 0; i < n; i++) {
        const unsigned v = nenc_sample_get(src, im->bits,
                                           is_tripled ? i / 3 : i);
        if (im->bits == 16)
            *dst++ = (uint8_t)(v >> 8);
        *dst++ = (uint8_t)v;
    }
}

static nenc_status put_rows(const pnm_writer *w)
{
    const nenc_image *im = w->image;
    const size_t size = (size_t)im->width * w->channels * (im->bits / 8);
    const bool is_plain = im->bits == 8 && w->channels == im->channels;
    uint8_t *row = is_plain ? NULL : nenc_mem_alloc(size, 1);
    nenc_status st = is_plain || row
                         ? NENC_OK
                         : nenc_fail(w->diag, NENC_ENOMEM, "out of memory");
    for (uint32_t y = 0; y < im->height && st >= 0; y++) {
        const uint8_t *src = im->data + y * im->stride;
        if (row)
            pack_row(w, row, src);
        st = put(w, row ? row : src, size);
    }
    nenc_mem_free(row);
    return st;
}

static nenc_status write_as(const nenc_image *image, uint32_t channels,
                            bool is_pam, nenc_write_fn write, void *user,
                            nenc_diag *diag)
{
    const pnm_writer w = { image, channels, write, user, diag };
    NENC_TRY(put_header(&w, is_pam));
    return put_rows(&w);
}

static nenc_status refuse_alpha(const nenc_image *image, const char *format,
                                nenc_diag *diag)
{
    return image->channels % 2
               ? NENC_OK
               : nenc_fail(diag, NENC_EINVAL,
                           "a picture with alpha does not fit %s; use PNG or "
                           "PAM", format);
}

nenc_status nenc_ppm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    NENC_TRY(refuse_alpha(image, "PPM", diag));
    return write_as(image, 3, false, write, user, diag);
}

nenc_status nenc_pgm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    NENC_TRY(refuse_alpha(image, "PGM", diag));
    if (image->channels != 1)
        return nenc_fail(diag, NENC_EINVAL,
                         "a picture in colour does not fit PGM; use PPM or "
                         "PNG");
    return write_as(image, 1, false, write, user, diag);
}

nenc_status nenc_pam_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    return write_as(image, image->channels, true, write, user, diag);
}

nenc_status nenc_pnm_write(const nenc_image *image, nenc_write_fn write,
                           void *user, nenc_diag *diag)
{
    return write_as(image, image->channels, image->channels % 2 == 0, write,
                    user, diag);
}
