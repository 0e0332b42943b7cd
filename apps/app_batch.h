/* SPDX-License-Identifier: BSD-2-Clause */
/* Coding one file, or many: shared out among threads, one failure not losing
 * another, reports in the order of the files, progress, a summary.
 * Not here: coding. */
#ifndef NENC_APPS_BATCH_H
#define NENC_APPS_BATCH_H

#include <stdio.h>

#include "app_files.h"
#include "app_options.h"
#include "app_output.h"
#include "app_report.h"

/** One file, as the one who codes it sees it. */
typedef struct app_task {
    const char *input, *output;   /**< output NULL: none is written */
    bool is_many;                 /**< one of many: reports of one line */
    bool has_share;               /**< of the memory only: see app_task_fail */
    int threads;
    uint64_t max_pixels;
    size_t max_memory;
    FILE *text;                   /**< stdout, for all but the output */
    /* To be told by the one who codes: */
    uint64_t n_read, n_written;   /**< bytes */
    bool again;                   /**< by app_task_fail() */
    /* Of the batch: */
    bool is_skipped;
    struct batch_run *run;
} app_task;

/** Code one file.  What it says on failure comes with the input's name.
 *  Called by several threads at once, where there are many files. */
typedef nenc_status (*app_code_fn)(void *user, app_task *task);

typedef struct app_batch {
    const app_common *common;
    const app_files *files;       /**< with outputs (app_names.h) */
    const char *doing;            /**< "encoding", for progress and summary;
                                       NULL = neither */
    app_code_fn code;
    void *user;
} app_batch;

/** Code them all.
 *  @return the status of the first in order that failed, or NENC_OK */
NENC_NODISCARD nenc_status app_batch_run(const app_batch *batch);

/** As app_fail_diag().  But where more memory may help, and this task had only
 *  a share: says nothing and asks for another turn. */
nenc_status app_task_fail(app_task *task, const char *name, nenc_status status,
                          const nenc_diag *diag);
/** Open the task's output. */
NENC_NODISCARD nenc_status app_task_output(const app_task *task,
                                           app_output *out,
                                           const app_input *in);
/** A nenc_progress_fn; `user` is the task. */
int app_task_progress(void *user, double done);
/** Begin the task's report: an object, or for one of many a line. */
void app_task_json(const app_task *task, app_json *json);

#endif
