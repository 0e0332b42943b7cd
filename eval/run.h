/* SPDX-License-Identifier: BSD-2-Clause */
/* Measuring: every codec at every setting on every file, on all cores, with
 * what is known already taken from the cache.
 * Not here: what becomes of the table. */
#ifndef NENC_EVAL_RUN_H
#define NENC_EVAL_RUN_H

#include <signal.h>

#include "outside.h"
#include "peers.h"
#include "source.h"

typedef struct nenc_eval_failure {
    const char *codec, *q, *item;
    char *why;
} nenc_eval_failure;

typedef struct nenc_eval_progress {
    size_t n_jobs, n_done, n_cached, n_failed;
    double seconds;           /**< spent on those that were not cached */
} nenc_eval_progress;

typedef struct nenc_eval_run {
    /* in */
    nenc_eval_table *table;   /**< its points and items are the jobs */
    const nenc_eval_codec *codecs;    /**< as the table's, by index */
    const nenc_cache_key *identities; /**< of the codecs: what results depend
                                           on beside setting and file */
    nenc_source *sources;     /**< as the table's items, by index */
    const nenc_outside_metric *outside; /**< the table's metrics after ours */
    size_t n_outside;
    const nenc_cache *cache;
    const char *folder;       /**< for working files; on the cache's file
                                   system */
    const nenc_launcher *launchers;
    size_t n_launchers;       /**< jobs that run at a time */
    unsigned cpu_limit_s;     /**< for each program */
    volatile sig_atomic_t *stop;      /**< not 0: start nothing more */
    void (*progress)(void *user, const nenc_eval_progress *p);
    void *user;
    /* out */
    nenc_eval_failure *failures;      /**< in the table's arena */
    size_t n_failures;
} nenc_eval_run;

/** Fill the table's rows.  Rows that fail are not done and are listed.
 *  @return NENC_OK (look at n_failures), NENC_END (stopped), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_eval_measure(nenc_eval_run *run,
                                             nenc_diag *diag);

/** What a row depends on. */
nenc_cache_key nenc_eval_key(const nenc_eval_run *run, size_t point,
                             size_t item);

/** Decode the cached coded file of a row once more.
 *  @param worker  which launcher to use
 *  @param[out] decoded  nenc_signal_free() it */
NENC_NODISCARD nenc_status nenc_eval_decode(const nenc_eval_run *run,
                                            size_t worker, size_t point,
                                            size_t item, nenc_signal *decoded,
                                            nenc_diag *diag);

#endif
