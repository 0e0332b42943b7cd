/* SPDX-License-Identifier: BSD-2-Clause */
/* Input files and standard input.  Functions that return a status have told
 * the user why.  Not here: what is in the files. */
#ifndef NENC_APPS_INPUT_H
#define NENC_APPS_INPUT_H

#include <sys/stat.h>

#include "bytes.h"

typedef struct app_input {
    const char *name;         /**< for messages */
    int fd;
    int error;                /**< errno of a failed read, or 0 */
    uint64_t n_read;
    struct stat st;
} app_input;

/** @param path  "-" is standard input */
NENC_NODISCARD nenc_status app_input_open(app_input *in, const char *path);
/** A nenc_read_fn; `user` is the app_input.  Silent: see `error`. */
int64_t app_input_read(void *user, void *data, size_t size);
/** All of it, up to the buffer's ceiling. */
NENC_NODISCARD nenc_status app_input_load(app_input *in, nenc_buffer *buf);
/** For one that app_input_open() has seen. */
void app_input_close(app_input *in);

#endif
