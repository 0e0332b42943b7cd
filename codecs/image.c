/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures in memory, and the library's own description.  Nothing else. */
#include <stdio.h>
#include <string.h>

#include "exact_kernels.h"
#include "mem.h"
#include "onednn.h"

nenc_status nenc_image_alloc(nenc_image *image, uint32_t width,
                             uint32_t height, uint32_t channels,
                             uint32_t bits)
{
    memset(image, 0, sizeof *image);
    if (!width || !height || width > 1 << 24 || height > 1 << 24
        || !channels || channels > 4 || (bits != 8 && bits != 16))
        return NENC_EINVAL;
    size_t stride;
    if (!nenc_size_mul(&stride, width, channels * (bits / 8)))
        return NENC_ENOMEM;
    image->data = nenc_mem_zalloc(height, stride);
    if (!image->data)
        return NENC_ENOMEM;
    image->width = width;
    image->height = height;
    image->channels = channels;
    image->bits = bits;
    image->stride = stride;
    return NENC_OK;
}

void nenc_image_free(nenc_image *image)
{
    if (!image)
        return;
    nenc_mem_free(image->data);
    nenc_mem_free(image->icc.data);
    nenc_mem_free(image->exif.data);
    nenc_mem_free(image->xmp.data);
    memset(image, 0, sizeof *image);
}

nenc_status nenc_blob_set(nenc_blob *blob, const void *data, size_t size)
{
    uint8_t *copy = NULL;
    if (size) {
        copy = nenc_mem_alloc(size, 1);
        if (!copy)
            return NENC_ENOMEM;
        memcpy(copy, data, size);
    }
    nenc_mem_free(blob->data);
    *blob = (nenc_blob){ copy, size };
    return NENC_OK;
}

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *nenc_version(void)
{
    return VERSION(NENC_VERSION_MAJOR, NENC_VERSION_MINOR, NENC_VERSION_PATCH);
}

const char *nenc_build_info(void)
{
    /* The same bytes whoever writes them, so threads may race here. */
    static char info[120];
    snprintf(info, sizeof info, "nenc %s, kernels: %s, %s", nenc_version(),
             nenc_kernels_best()->name, nenc_onednn_version());
    return info;
}
