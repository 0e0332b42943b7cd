/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading files and standard input.  Nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app_input.h"
#include "app_report.h"
#include "mem.h"

enum { STEP = 1 << 20 };

nenc_status app_input_open(app_input *in, const char *path)
{
    const bool is_stdin = !strcmp(path, "-");
    *in = (app_input){ .name = is_stdin ? "standard input" : path,
                       .fd = STDIN_FILENO };
    if (!is_stdin)
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (in->fd < 0 || fstat(in->fd, &in->st))
        return app_fail(in->name, NENC_EIO, "%s", strerror(errno));
    if (S_ISDIR(in->st.st_mode))
        return app_fail(in->name, NENC_EIO, "%s", strerror(EISDIR));
    if (isatty(in->fd))
        return app_fail(in->name, NENC_EIO, "will not read from a terminal");
    return NENC_OK;
}

int64_t app_input_read(void *user, void *data, size_t size)
{
    app_input *in = user;
    const size_t want = NENC_MIN(size, (size_t)STEP);
    ssize_t got;
    do
        got = read(in->fd, data, want);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        in->error = errno;
    else
        in->n_read += (uint64_t)got;
    return got;
}

nenc_status app_input_load(app_input *in, nenc_buffer *buf)
{
    for (;;) {
        /* One byte over the ceiling tells a file that fits from one that
         * does not. */
        uint8_t spill;
        const size_t room = NENC_MIN(buf->ceiling - buf->size, (size_t)STEP);
        uint8_t *dst = room ? nenc_buffer_extend(buf, room) : &spill;
        if (!dst)
            return app_fail(in->name, NENC_ENOMEM, "out of memory");
        const int64_t got = app_input_read(in, dst, room ? room : 1);
        buf->size -= room - (room && got > 0 ? (size_t)got : 0);
        if (got < 0)
            return app_fail(in->name, NENC_EIO, "%s", strerror(in->error));
        if (!got)
            return NENC_OK;
        if (!room)
            return app_fail(in->name, NENC_ELIMIT,
                            "more than %zu bytes, the limit",
                            buf->ceiling);
    }
}

void app_input_close(app_input *in)
{
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    in->fd = -1;
}
