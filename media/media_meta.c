/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes along with pictures: profile, EXIF, XMP, and notes about them.
 * Not here: where each format has them. */
#include <stdarg.h>
#include <stdio.h>

#include "media_formats.h"

void nenc_media_note(nenc_media_facts *facts, const char *fmt, ...)
{
    char *const note = facts->note;
    const size_t used = strlen(note), at = used ? used + 2 : 0;
    va_list ap;
    if (at >= sizeof facts->note)
        return;
    va_start(ap, fmt);
    const int n = vsnprintf(note + at, sizeof facts->note - at, fmt, ap);
    va_end(ap);
    const bool fits = n >= 0 && (size_t)n < sizeof facts->note - at;
    if (!fits || (used && strstr(note, note + at)))
        note[used] = '\0';
    else if (used)
        memcpy(note + used, "; ", 2);
}

static nenc_status keep(nenc_blob *blob, nenc_media_facts *facts,
                        const char *what, const uint8_t *data, size_t size,
                        nenc_diag *diag)
{
    if (blob->size)
        return NENC_OK;
    if (size > NENC_MEDIA_MAX_BLOB) {
        nenc_media_note(facts, "its %s of %zu bytes is left out", what, size);
        return NENC_OK;
    }
    return nenc_blob_set(blob, data, size) < 0
               ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
               : NENC_OK;
}

static size_t big_endian(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* The header of a profile is 128 bytes, and at least a count follows. */
static bool is_profile(const uint8_t *data, size_t size)
{
    return size >= 132 && !memcmp(data + 36, "acsp", 4)
           && big_endian(data) >= 132 && big_endian(data) <= size;
}

nenc_status nenc_media_keep_icc(nenc_image *image, nenc_media_facts *facts,
                                const uint8_t *data, size_t size,
                                nenc_diag *diag)
{
    facts->has_profile = true;
    if (!is_profile(data, size)) {
        nenc_media_note(facts, "its colour profile is damaged and left out");
        return NENC_OK;
    }
    return keep(&image->icc, facts, "colour profile", data, size, diag);
}

nenc_status nenc_media_keep_exif(nenc_image *image, nenc_media_facts *facts,
                                 const uint8_t *data, size_t size,
                                 nenc_diag *diag)
{
    if (size >= 6 && !memcmp(data, "Exif\0\0", 6)) {
        data += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(data, "II*\0", 4) && memcmp(data, "MM\0*", 4))) {
        nenc_media_note(facts, "its EXIF is damaged and left out");
        return NENC_OK;
    }
    if (!image->exif.size)
        facts->orientation = nenc_exif_orientation(data, size);
    return keep(&image->exif, facts, "EXIF", data, size, diag);
}

nenc_status nenc_media_keep_xmp(nenc_image *image, nenc_media_facts *facts,
                                const uint8_t *data, size_t size,
                                nenc_diag *diag)
{
    return keep(&image->xmp, facts, "XMP", data, size, diag);
}

bool nenc_icc_is_of(const nenc_blob *icc, const char *space)
{
    return icc->size >= 132 && !memcmp(icc->data + 16, space, 4);
}
