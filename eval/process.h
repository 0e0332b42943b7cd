/* SPDX-License-Identifier: BSD-2-Clause */
/* Running other programs one at a time, and what each run cost.
 * Not here: what is run; shells. */
#ifndef NENC_EVAL_PROCESS_H
#define NENC_EVAL_PROCESS_H

#include "status.h"

/** What a run cost, its children included. */
typedef struct nenc_cost {
    double cpu_s;             /**< user and system */
    double peak_mib;          /**< resident, of the largest process */
} nenc_cost;

/** Launchers are processes of their own, forked while this one is still small
 *  and has one thread: a child's peak memory, as Linux counts it, is never
 *  under that of the process it was forked from. */
typedef struct nenc_launcher {
    int pid;
    int to, from;             /**< pipes */
} nenc_launcher;

enum { NENC_LAUNCHERS_MAX = 1024 };

/** Start `n` launchers.  Call it before any thread is started.
 *  @return NENC_OK, NENC_EIO */
NENC_NODISCARD nenc_status nenc_launchers_start(nenc_launcher *list, size_t n,
                                                nenc_diag *diag);
/** End them; what they run is killed. */
void nenc_launchers_stop(nenc_launcher *list, size_t n);
/** Kill what they run, and them.  May be called from a signal handler. */
void nenc_launchers_kill(const nenc_launcher *list, size_t n);

/** Run argv[0], an absolute path, and wait.  stdin is empty; stdout and stderr
 *  go to the file `log`.  One thread at a time for each launcher.
 *  @param cpu_limit_s  the program is killed when it has used that much, and,
 *                      with all that it started, when it waits for long
 *  @param[out] cost    may be NULL
 *  @return NENC_OK (it ended with 0), NENC_EIO (it did not, or could not be
 *          started; `diag` says how), NENC_END (the launcher was killed) */
NENC_NODISCARD nenc_status nenc_process_run(const nenc_launcher *launcher,
                                            char *const *argv,
                                            const char *log,
                                            unsigned cpu_limit_s,
                                            nenc_cost *cost, nenc_diag *diag);

#endif
