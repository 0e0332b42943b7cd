/* SPDX-License-Identifier: BSD-2-Clause */
/* What neval's commands share: options, and writing a report to where the user
 * wants it.  Not here: measuring (eval/). */
#ifndef NENC_APPS_NEVAL_H
#define NENC_APPS_NEVAL_H

#include "app_options.h"
#include "report.h"

typedef struct neval_options {
    app_common common;            /* first: app_options_parse() fills it */
    app_list codecs;
    const char *anchor, *csv, *json, *html, *title, *cache, *shard;
    bool costs, redo, recursive, own_metrics;
    int n_views, view_side, time_limit;
} neval_options;

/** `neval FILES...`.  @return exit code */
int neval_measure(const neval_options *opt);

/** Outputs that cannot be written, or may not be: told before anything is
 *  measured.  A file that is there is kept without --force, and an input in
 *  any case. */
NENC_NODISCARD nenc_status neval_check_outputs(const neval_options *opt);

/** Set report->anchor. */
NENC_NODISCARD nenc_status neval_choose_anchor(const neval_options *opt,
                                               nenc_report *report);

/** Choose the anchor, print the summary, write the CSV, JSON and page that
 *  were asked for.  What fails is told.
 *  @param views  or NULL */
NENC_NODISCARD nenc_status neval_write(const neval_options *opt,
                                       nenc_report *report,
                                       const nenc_buffer *views);

#endif
