/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a picture file.  A picture that can be read must
 * come back from PPM or PGM as it is. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "media.h"

static int append(void *user, const void *data, size_t size)
{
    nenc_buffer *out = user;
    nenc_buffer_put(out, data, size);
    return out->failed ? -1 : 0;
}

static bool is_same(const nenc_image *a, const nenc_image *b)
{
    if (a->width != b->width || a->height != b->height
        || a->channels != b->channels)
        return false;
    const size_t row = (size_t)a->width * a->channels;
    for (size_t r = 0; r < a->height; r++)
        if (memcmp(a->data + r * a->stride, b->data + r * b->stride, row))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nenc_media_source src = { data, size, 1 << 16 };
    nenc_image image, again;
    nenc_diag diag;
    if (nenc_media_read(&image, NULL, &src, &diag) < 0)
        return 0;
    nenc_buffer out;
    nenc_buffer_init(&out, 1 << 20);
    if (nenc_media_write(nenc_media_by_suffix(image.channels == 1 ? "x.pgm"
                                                                  : "x.ppm"),
                         &image, append, &out, &diag) < 0)
        abort();
    src.data = out.data;
    src.size = out.size;
    if (nenc_media_read(&again, NULL, &src, &diag) < 0
        || !is_same(&image, &again))
        abort();
    nenc_image_free(&again);
    nenc_image_free(&image);
    nenc_buffer_free(&out);
    return 0;
}
