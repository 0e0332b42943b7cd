/* SPDX-License-Identifier: BSD-2-Clause */
/* What was measured: a row for each file at each point of each codec, as CSV
 * and in memory, and the means over the files.
 * Not here: how it was measured, curves, pages. */
#ifndef NENC_EVAL_TABLE_H
#define NENC_EVAL_TABLE_H

#include "bytes.h"
#include "mem.h"
#include "process.h"

typedef enum nenc_eval_media {
    NENC_EVAL_PICTURE, NENC_EVAL_SOUND
} nenc_eval_media;

enum { NENC_EVAL_METRICS_MAX = 12 };

/** A metric, by its name in the CSV. */
typedef struct nenc_eval_metric {
    const char *key, *label, *unit;
    bool higher_is_better;
} nenc_eval_metric;

typedef struct nenc_eval_row {
    bool is_done;
    uint64_t bytes;
    double metrics[NENC_EVAL_METRICS_MAX];   /**< NAN = none */
    nenc_cost encode, decode;                /**< NAN = not known */
} nenc_eval_row;

/** A point of a codec's curve: one setting. */
typedef struct nenc_eval_point {
    size_t codec;             /**< index into `codecs` */
    char *q;
} nenc_eval_point;

typedef struct nenc_eval_item {
    char *name;
    double amount;            /**< pixels, or seconds */
} nenc_eval_item;

/** Everything lives in the arena. */
typedef struct nenc_eval_table {
    nenc_eval_media media;
    nenc_eval_metric metrics[NENC_EVAL_METRICS_MAX];
    size_t n_metrics;
    char **codecs;
    size_t n_codecs;
    nenc_eval_point *points;  /**< a codec's stand together, in its order */
    size_t n_points;
    nenc_eval_item *items;
    size_t n_items;
    nenc_eval_row *rows;      /**< [n_points][n_items] */
    size_t codecs_room, points_room, items_room;
    bool has_costs;           /**< known, and wanted in the CSV */
    nenc_arena arena;
} nenc_eval_table;

void nenc_eval_table_init(nenc_eval_table *t, nenc_eval_media media);
void nenc_eval_table_free(nenc_eval_table *t);

/** The metric of that key among all that there are, or NULL. */
const nenc_eval_metric *nenc_eval_metric_named(const char *key);

/** Append a codec, a point, an item; the text is copied.
 *  @return its index (of one that is there already, too), SIZE_MAX where out
 *          of memory.  Rows do not follow: nenc_eval_table_rows(). */
size_t nenc_eval_table_codec(nenc_eval_table *t, const char *name);
size_t nenc_eval_table_point(nenc_eval_table *t, size_t codec, const char *q);
size_t nenc_eval_table_item(nenc_eval_table *t, const char *name,
                            double amount);
/** Once all of them are there: rows, none done. */
NENC_NODISCARD nenc_status nenc_eval_table_rows(nenc_eval_table *t,
                                                nenc_diag *diag);

static inline nenc_eval_row *nenc_eval_row_at(const nenc_eval_table *t,
                                              size_t point, size_t item)
{
    return &t->rows[point * t->n_items + item];
}

/** Bits per pixel, or kbit/s. */
double nenc_eval_rate(const nenc_eval_table *t, double bytes, double amount);

/** A point over all items: all bits over all pixels (seconds), and plain
 *  means of the metrics and costs.
 *  @param[out] rate, mean  mean.bytes is the sum
 *  @return false where a row is missing */
bool nenc_eval_mean(const nenc_eval_table *t, size_t point, double *rate,
                    nenc_eval_row *mean);

/** The rows that are done, by point, then item, with a head line (RFC 4180,
 *  but "\n" ends lines): codec, q, item, pixels or seconds, bytes, bpp or
 *  kbps, the metrics and, where has_costs, encode_s, decode_s, encode_mib,
 *  decode_mib. */
void nenc_eval_table_write(const nenc_eval_table *t, nenc_buffer *out);

/** Such a file in memory, borrowed. */
typedef struct nenc_eval_csv {
    const char *name;
    const uint8_t *data;
    size_t size;
} nenc_eval_csv;

/** Make a table of such files: all their rows, items by name.  Columns may
 *  stand in any order, but must be the same in all files; rows that are in
 *  several files must be equal.
 *  @param[out] t  nenc_eval_table_free() it, whatever is returned
 *  @return NENC_OK, NENC_EBITSTREAM (not such files), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_eval_table_read(nenc_eval_table *t,
                                                const nenc_eval_csv *files,
                                                size_t n, nenc_diag *diag);

#endif
