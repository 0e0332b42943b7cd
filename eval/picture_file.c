/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files by their path.  Not here: formats (media/). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "media.h"
#include "picture_file.h"

/* Many times the largest picture that a test uses. */
#define MAX_FILE ((size_t)1 << 30)
#define MAX_PIXELS ((uint64_t)1 << 28)

nenc_status nenc_picture_load(nenc_image *image, const char *path,
                              nenc_diag *diag)
{
    nenc_buffer file;
    memset(image, 0, sizeof *image);
    nenc_buffer_init(&file, MAX_FILE);
    nenc_status status = nenc_file_load(&file, path, diag);
    if (status >= 0) {
        const nenc_media_source src = { .data = file.data, .size = file.size,
                                        .max_pixels = MAX_PIXELS };
        status = nenc_media_read(image, NULL, &src, diag);
    }
    nenc_buffer_free(&file);
    return status;
}

static int write_chunk(void *user, const void *data, size_t size)
{
    return fwrite(data, 1, size, user) == size ? 0 : -1;
}

nenc_status nenc_picture_save(const nenc_image *image, const char *path,
                              nenc_diag *diag)
{
    const nenc_media_format *format = nenc_media_by_suffix(path);
    if (!format)
        return nenc_fail(diag, NENC_EINVAL, "%s: no such format", path);
    FILE *f = fopen(path, "wb");
    if (!f)
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    nenc_status status = nenc_media_write(format, image, write_chunk, f, diag);
    if (fclose(f) && status >= 0)
        status = nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    return status;
}
