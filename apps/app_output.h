/* SPDX-License-Identifier: BSD-2-Clause */
/* Output files that appear whole or not at all.  Functions that return a
 * status have told the user why.  Each thread may have outputs of its own.
 * Not here: what is written. */
#ifndef NENC_APPS_OUTPUT_H
#define NENC_APPS_OUTPUT_H

#include <stdio.h>

#include "app_input.h"

typedef struct app_output {
    const char *name;         /**< for messages */
    FILE *file;
    char *target;             /**< where it goes to in the end */
    char *temporary;          /**< beside it; NULL = written directly */
    int slot;                 /**< among what a signal deletes; 0 = none */
    bool force;
    int error;                /**< errno of a failed write, or 0 */
    uint64_t n_written;
} app_output;

/** Call it once, first.  Broken pipes become errors, signals that end the
 *  program delete all temporary files, and no file takes the place of a closed
 *  standard stream. */
void app_output_init(void);

/** From now on the first Ctrl-C is only noticed, by app_interrupted(); the next
 *  ends the program, as ever. */
void app_interrupt_catch(void);
bool app_interrupted(void);

/** Make the folders that `path` is to lie in, where they are missing. */
NENC_NODISCARD nenc_status app_output_folders(const char *path);

/** Create the output: a temporary file beside its place, or the thing itself
 *  where that is a pipe, a device or standard output ("-").  Refused: the
 *  input itself (`in`, where there is one); without `force` a file that exists,
 *  or a terminal. */
NENC_NODISCARD nenc_status app_output_open(app_output *out, const char *path,
                                           const app_input *in, bool force);
/** A nenc_write_fn; `user` is the app_output.  Silent: see `error`. */
int app_output_write(void *user, const void *data, size_t size);
/** After app_output_write() failed.  @return NENC_EIO */
nenc_status app_output_fail(const app_output *out);
/** Bring everything to its place. */
NENC_NODISCARD nenc_status app_output_commit(app_output *out);
/** What was not committed is deleted.  A zeroed struct is fine. */
void app_output_close(app_output *out);

#endif
