/* SPDX-License-Identifier: BSD-2-Clause */
/* What a table says: curves, BD-rates and costs as JSON, as a page, and as
 * lines of text.  Not here: measuring; the page's own files (report/). */
#ifndef NENC_EVAL_REPORT_H
#define NENC_EVAL_REPORT_H

#include "run.h"

typedef struct nenc_eval_missing {
    const char *name, *why;
} nenc_eval_missing;

typedef struct nenc_report {
    const char *title, *generator;
    const nenc_eval_table *table;
    const nenc_eval_codec *codecs;    /**< as the table's; NULL = not known */
    size_t anchor;                    /**< codec that BD-rates are against */
    const nenc_eval_missing *missing;
    size_t n_missing;
    const nenc_eval_failure *failures;
    size_t n_failures;
} nenc_report;

/** BD-rate of a codec against the anchor.
 *  @return false where there is none; `why` then says so */
bool nenc_report_bd(const nenc_report *r, size_t codec, size_t metric,
                    double *percent, double *from, double *to,
                    nenc_diag *why);

/** One JSON object, which the page reads too (report/page.js).
 *  @param views  JSON of the "views" array, or NULL for none */
void nenc_report_json(const nenc_report *r, const nenc_buffer *views,
                      nenc_buffer *out);

/** A self-contained HTML page. */
void nenc_report_html(const nenc_report *r, const nenc_buffer *views,
                      nenc_buffer *out);

/** Lines for a terminal. */
void nenc_report_text(const nenc_report *r, nenc_buffer *out);

/** Pictures or sounds to look at: the first `n_items` items as they are and
 *  as the codecs give them back near three rates, as the JSON of the "views"
 *  array.  Pictures are cut to `side` pixels around their middle, sounds to
 *  10 seconds.
 *  @return NENC_OK, NENC_END (stopped), or the first failure */
NENC_NODISCARD nenc_status nenc_report_views(const nenc_eval_run *run,
                                             size_t n_items, unsigned side,
                                             nenc_buffer *out,
                                             nenc_diag *diag);

/** Files that are built into the program (report/).
 *  @return NULL where there is none of that name */
const unsigned char *nenc_report_file(const char *name, size_t *size);

/** Append printf-style text. */
void nenc_put_format(nenc_buffer *out, const char *format, ...)
    NENC_PRINTF(2, 3);
/** Append a JSON number: null for what is not finite. */
void nenc_put_number(nenc_buffer *out, double v);
/** Append the metrics of a row as a JSON object. */
void nenc_put_metrics(nenc_buffer *out, const nenc_eval_table *t,
                      const nenc_eval_row *row);

#endif
