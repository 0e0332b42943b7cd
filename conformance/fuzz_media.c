/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a picture file, read leniently where their number
 * is odd.  A picture that can be read must come back from PAM and, with what
 * goes along, from PNG as it is. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "media.h"

enum { MAX_PIXELS = 1 << 16, MAX_BLOBS = 1 << 18, MAX_FILE = 1 << 22 };

static int append(void *user, const void *data, size_t size)
{
    nenc_buffer *out = user;
    nenc_buffer_put(out, data, size);
    return out->failed ? -1 : 0;
}

static bool is_same_blob(const nenc_blob *a, const nenc_blob *b)
{
    return a->size == b->size
           && (!a->size || !memcmp(a->data, b->data, a->size));
}

static bool is_same(const nenc_image *a, const nenc_image *b)
{
    if (a->width != b->width || a->height != b->height
        || a->channels != b->channels || a->bits != b->bits)
        return false;
    const size_t row = (size_t)a->width * a->channels * (a->bits / 8);
    for (size_t r = 0; r < a->height; r++)
        if (memcmp(a->data + r * a->stride, b->data + r * b->stride, row))
            return false;
    return true;
}

static void comes_back(const nenc_image *image, const char *name)
{
    const nenc_media_format *format = nenc_media_by_name(name);
    nenc_image again;
    nenc_diag diag;
    nenc_buffer out;
    if (!format->write)
        return;
    nenc_buffer_init(&out, MAX_FILE);
    if (nenc_media_write(format, image, append, &out, &diag) < 0)
        abort();
    const nenc_media_source src = { .data = out.data, .size = out.size,
                                    .max_pixels = MAX_PIXELS };
    if (nenc_media_read(&again, NULL, &src, &diag) < 0
        || !is_same(image, &again))
        abort();
    if (format->keeps_blobs && (!is_same_blob(&image->icc, &again.icc)
                                || !is_same_blob(&image->exif, &again.exif)
                                || !is_same_blob(&image->xmp, &again.xmp)))
        abort();
    nenc_image_free(&again);
    nenc_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const nenc_media_source src = { .data = data, .size = size,
                                    .max_pixels = MAX_PIXELS,
                                    .lenient = size & 1 };
    nenc_image image;
    nenc_diag diag;
    if (nenc_media_read(&image, NULL, &src, &diag) < 0)
        return 0;
    comes_back(&image, "pam");
    if (image.icc.size + image.exif.size + image.xmp.size <= MAX_BLOBS)
        comes_back(&image, "png");
    nenc_image_free(&image);
    return 0;
}
