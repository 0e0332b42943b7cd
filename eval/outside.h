/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics that other programs compute.  Not here: our own metrics. */
#ifndef NENC_EVAL_OUTSIDE_H
#define NENC_EVAL_OUTSIDE_H

#include "cache.h"
#include "command.h"
#include "table.h"

/** A metric by a program: {in.KIND} is the original, {out.KIND} what came back
 *  (a picture as PNG), {coded.KIND} a file that the program may write to. */
typedef struct nenc_outside_metric {
    const char *key;          /**< of nenc_eval_metric_named() */
    const char *command;      /**< template */
    const char *marker;       /**< the value follows its last occurrence in
                                   what the program prints; "" = its first
                                   line */
    const char *program;      /**< path, once found */
    nenc_cache_key identity;  /**< of the program's bytes and the command */
} nenc_outside_metric;

/** Those whose programs are there and work.
 *  @param list  room for NENC_EVAL_METRICS_MAX
 *  @return how many */
size_t nenc_outside_find(nenc_outside_metric *list, nenc_eval_media media,
                         const nenc_launcher *launcher, const char *log,
                         nenc_arena *arena);

/** The value in a program's output.  @return false where there is none */
bool nenc_outside_parse(const nenc_outside_metric *m, const char *text,
                        double *value);

#endif
