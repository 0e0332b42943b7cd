/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing whole files.  Nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "mem.h"

enum { BLOCK = 1 << 16 };

nenc_status nenc_file_load(nenc_buffer *buf, const char *path,
                           nenc_diag *diag)
{
    FILE *file = fopen(path, "rbe");
    size_t n = 1;
    if (!file)
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    while (n) {
        /* one byte over the ceiling tells a file that does not fit */
        uint8_t spill;
        const size_t room = NENC_MIN(buf->ceiling - buf->size, (size_t)BLOCK);
        uint8_t *to = room ? nenc_buffer_extend(buf, room) : &spill;
        if (!to)
            break;
        n = fread(to, 1, room ? room : 1, file);
        buf->failed |= !room && n;
        buf->size -= room ? room - n : 0;
        n = buf->failed ? 0 : n;
    }
    const int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error)
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(error));
    if (buf->failed)
        return nenc_fail(diag, NENC_ELIMIT, "%s: too large", path);
    return NENC_OK;
}

nenc_status nenc_file_save(const char *path, const void *data, size_t size,
                           nenc_diag *diag)
{
    char temporary[4096];
    int fd = -1;
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path)
        < (int)sizeof temporary)
        fd = mkostemp(temporary, O_CLOEXEC);
    if (fd >= 0)
        (void)fchmod(fd, 0644);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool ok = file && fwrite(data, 1, size, file) == size;
    if (file && fclose(file))
        ok = false;
    if (ok && !rename(temporary, path))
        return NENC_OK;
    const nenc_status st = nenc_fail(diag, NENC_EIO, "%s: %s", path,
                                     strerror(errno));
    if (file)
        unlink(temporary);
    return st;
}
