/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading tables of results from CSV files.  Not here: writing (table.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { FIELDS_MAX = 32, TEXT_MAX = 4096 };

/* One line's fields, NUL-terminated. */
typedef struct fields {
    char text[TEXT_MAX];
    char *at[FIELDS_MAX];
    size_t n;
} fields;

/* What a column holds. */
typedef enum column {
    COLUMN_CODEC, COLUMN_Q, COLUMN_ITEM, COLUMN_AMOUNT, COLUMN_BYTES,
    COLUMN_RATE, COLUMN_ENCODE_S, COLUMN_DECODE_S, COLUMN_ENCODE_MIB,
    COLUMN_DECODE_MIB, COLUMN_METRIC    /* + its index in the table */
} column;

static const struct { const char *name; column is; } names[] = {
    { "codec", COLUMN_CODEC }, { "q", COLUMN_Q }, { "item", COLUMN_ITEM },
    { "pixels", COLUMN_AMOUNT }, { "seconds", COLUMN_AMOUNT },
    { "bytes", COLUMN_BYTES }, { "bpp", COLUMN_RATE }, { "kbps", COLUMN_RATE },
    { "encode_s", COLUMN_ENCODE_S }, { "decode_s", COLUMN_DECODE_S },
    { "encode_mib", COLUMN_ENCODE_MIB }, { "decode_mib", COLUMN_DECODE_MIB },
};

typedef struct reader {
    nenc_eval_table *t;
    const nenc_eval_csv *file;
    nenc_diag *diag;
    size_t at, line;
    size_t columns[FIELDS_MAX], n_columns;
    size_t last_item;             /* rows come in the items' order mostly */
    fields f;
} reader;

static nenc_status fail(const reader *r, const char *what)
{
    return nenc_fail(r->diag, NENC_EBITSTREAM, "%s, line %zu: %s",
                     r->file->name, r->line, what);
}

/* A field into text at `to`; `at` then stands on what ended it. */
static nenc_status take_field(reader *r, size_t *to)
{
    const uint8_t *d = r->file->data;
    bool quoted = r->at < r->file->size && d[r->at] == '"';
    r->at += quoted;
    for (; r->at < r->file->size; r->at++) {
        const char c = (char)d[r->at];
        if (quoted && c == '"') {
            if (r->at + 1 < r->file->size && d[r->at + 1] == '"')
                r->at++;
            else {
                r->at++;
                break;
            }
        } else if (!quoted && (c == ',' || c == '\n' || c == '\r'))
            break;
        if (!c || *to + 1 >= TEXT_MAX)
            return fail(r, "no CSV, or a line that is too long");
        r->f.text[(*to)++] = c;
    }
    r->f.text[(*to)++] = 0;
    return NENC_OK;
}

/* @return NENC_END after the last line */
static nenc_status take_line(reader *r)
{
    size_t to = 0;
    r->f.n = 0;
    r->line++;
    if (r->at == r->file->size)
        return NENC_END;
    for (;;) {
        if (r->f.n == FIELDS_MAX || to + 1 >= TEXT_MAX)
            return fail(r, "too many fields");
        r->f.at[r->f.n++] = r->f.text + to;
        NENC_TRY(take_field(r, &to));
        if (r->at == r->file->size)
            return NENC_OK;
        const char c = (char)r->file->data[r->at++];
        if (c == ',')
            continue;
        if (c == '\r' && r->at < r->file->size && r->file->data[r->at] == '\n')
            r->at++;
        else if (c != '\n')
            return fail(r, "something follows a quoted field");
        return NENC_OK;
    }
}

static size_t find_column(const reader *r, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(name, names[i].name))
            return names[i].is;
    for (size_t i = 0; i < r->t->n_metrics; i++)
        if (!strcmp(name, r->t->metrics[i].key))
            return COLUMN_METRIC + i;
    return SIZE_MAX;
}

static bool has_column(const reader *r, size_t is)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (r->columns[i] == is)
            return true;
    return false;
}

/* The first file decides what there is. */
static nenc_status adopt(reader *r)
{
    nenc_eval_table *t = r->t;
    for (size_t i = 0; i < r->f.n; i++) {
        const nenc_eval_metric *m = nenc_eval_metric_named(r->f.at[i]);
        if (!strcmp(r->f.at[i], "seconds"))
            t->media = NENC_EVAL_SOUND;
        if (!strcmp(r->f.at[i], "encode_s"))
            t->has_costs = true;
        if (!m)
            continue;
        if (t->n_metrics == NENC_EVAL_METRICS_MAX)
            return fail(r, "too many metrics");
        t->metrics[t->n_metrics++] = *m;
    }
    return NENC_OK;
}

static nenc_status take_head(reader *r, bool is_first)
{
    const char *amount;
    nenc_status st = take_line(r);
    if (st != NENC_OK)
        return st < 0 ? st : fail(r, "empty");
    if (is_first)
        NENC_TRY(adopt(r));
    amount = r->t->media == NENC_EVAL_SOUND ? "seconds" : "pixels";
    r->n_columns = 0;
    for (size_t i = 0; i < r->f.n; i++) {
        const size_t is = find_column(r, r->f.at[i]);
        if (is == SIZE_MAX || has_column(r, is)
            || (is == COLUMN_AMOUNT && strcmp(r->f.at[i], amount)))
            return nenc_fail(r->diag, NENC_EBITSTREAM,
                             "%s: a column \"%.40s\" that does not belong "
                             "there", r->file->name, r->f.at[i]);
        r->columns[r->n_columns++] = is;
    }
    for (size_t is = 0; is < COLUMN_METRIC + r->t->n_metrics; is++)
        if (!has_column(r, is) && is != COLUMN_RATE
            && (r->t->has_costs || is < COLUMN_ENCODE_S
                || is >= COLUMN_METRIC))
            return nenc_fail(r->diag, NENC_EBITSTREAM,
                             "%s: not a table of neval's, or not the same "
                             "columns as the others", r->file->name);
    return NENC_OK;
}

/* A line, understood. */
typedef struct entry {
    const char *codec, *q, *item;
    double amount;
    nenc_eval_row row;
} entry;

static bool parse_real(const char *text, double *v)
{
    char *end;
    if (!*text) {
        *v = NAN;
        return true;
    }
    *v = strtod(text, &end);
    return !*end;
}

/* Seconds or mebibytes, or none. */
static bool is_cost(double v)
{
    return isnan(v) || (v >= 0 && v < 1e15);
}

static bool set_column(entry *e, size_t is, const char *text)
{
    double v = NAN;
    if (is > COLUMN_ITEM && !parse_real(text, &v))
        return false;
    switch (is) {
    case COLUMN_CODEC: e->codec = text; return *text != 0;
    case COLUMN_Q: e->q = text; return true;
    case COLUMN_ITEM: e->item = text; return *text != 0;
    case COLUMN_AMOUNT: e->amount = v; return v > 0 && v < 1e15;
    case COLUMN_BYTES:
        e->row.bytes = v >= 0 && v < 1e15 ? (uint64_t)v : 0;
        return v >= 0 && v < 1e15;
    case COLUMN_RATE: return true;          /* follows from the others */
    case COLUMN_ENCODE_S: e->row.encode.cpu_s = v; return is_cost(v);
    case COLUMN_DECODE_S: e->row.decode.cpu_s = v; return is_cost(v);
    case COLUMN_ENCODE_MIB: e->row.encode.peak_mib = v; return is_cost(v);
    case COLUMN_DECODE_MIB: e->row.decode.peak_mib = v; return is_cost(v);
    default: e->row.metrics[is - COLUMN_METRIC] = v; return true;
    }
}

/* @return NENC_END after the last one */
static nenc_status take_entry(reader *r, entry *e)
{
    memset(e, 0, sizeof *e);
    for (size_t i = 0; i < NENC_EVAL_METRICS_MAX; i++)
        e->row.metrics[i] = NAN;
    e->row.encode = e->row.decode = (nenc_cost){ NAN, NAN };
    e->row.is_done = true;
    const nenc_status st = take_line(r);
    if (st != NENC_OK)
        return st;
    if (r->f.n != r->n_columns)
        return fail(r, "not as many fields as the head has");
    for (size_t i = 0; i < r->f.n; i++)
        if (!set_column(e, r->columns[i], r->f.at[i]))
            return fail(r, "a field that cannot be");
    return NENC_OK;
}

static nenc_status note_names(reader *r, const entry *e)
{
    nenc_eval_table *t = r->t;
    const size_t codec = nenc_eval_table_codec(t, e->codec);
    size_t item = r->last_item + 1;
    if (item >= t->n_items || strcmp(t->items[item].name, e->item))
        item = nenc_eval_table_item(t, e->item, e->amount);
    if (codec == SIZE_MAX || item == SIZE_MAX
        || nenc_eval_table_point(t, codec, e->q) == SIZE_MAX)
        return nenc_fail(r->diag, NENC_ENOMEM, "%s: out of memory",
                         r->file->name);
    if (t->items[item].amount != e->amount)
        return fail(r, "the file has another length elsewhere");
    r->last_item = item;
    return NENC_OK;
}

static bool equal_rows(const nenc_eval_table *t, const nenc_eval_row *a,
                       const nenc_eval_row *b)
{
    for (size_t i = 0; i < t->n_metrics; i++)
        if (a->metrics[i] != b->metrics[i]
            && !(isnan(a->metrics[i]) && isnan(b->metrics[i])))
            return false;
    return a->bytes == b->bytes;
}

static nenc_status fill_row(reader *r, const entry *e)
{
    nenc_eval_table *t = r->t;
    const size_t point = nenc_eval_table_point(
        t, nenc_eval_table_codec(t, e->codec), e->q);
    size_t item = r->last_item + 1;
    if (item >= t->n_items || strcmp(t->items[item].name, e->item))
        item = nenc_eval_table_item(t, e->item, e->amount);
    nenc_eval_row *row = nenc_eval_row_at(t, point, item);
    if (row->is_done && !equal_rows(t, row, &e->row))
        return fail(r, "the same codec, setting and file with other results");
    *row = e->row;
    r->last_item = item;
    return NENC_OK;
}

static nenc_status read_all(nenc_eval_table *t, const nenc_eval_csv *files,
                            size_t n, bool fill, nenc_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        reader r = { .t = t, .file = &files[i], .diag = diag,
                     .last_item = SIZE_MAX };
        entry e;
        nenc_status st = take_head(&r, i == 0 && !fill);
        while (st == NENC_OK && (st = take_entry(&r, &e)) == NENC_OK)
            st = fill ? fill_row(&r, &e) : note_names(&r, &e);
        if (st < 0)
            return st;
    }
    return NENC_OK;
}

static int by_name(const void *a, const void *b)
{
    const nenc_eval_item *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* A codec's points side by side, in the order in which they came. */
static void gather_points(nenc_eval_table *t)
{
    for (size_t i = 1; i < t->n_points; i++) {
        const nenc_eval_point p = t->points[i];
        size_t to = i;
        for (; to > 0 && t->points[to - 1].codec > p.codec; to--)
            t->points[to] = t->points[to - 1];
        t->points[to] = p;
    }
}

nenc_status nenc_eval_table_read(nenc_eval_table *t,
                                 const nenc_eval_csv *files, size_t n,
                                 nenc_diag *diag)
{
    nenc_eval_table_init(t, NENC_EVAL_PICTURE);
    NENC_TRY(read_all(t, files, n, false, diag));
    if (!t->n_items)
        return nenc_fail(diag, NENC_EBITSTREAM, "there is no row");
    gather_points(t);
    qsort(t->items, t->n_items, sizeof *t->items, by_name);
    NENC_TRY(nenc_eval_table_rows(t, diag));
    return read_all(t, files, n, true, diag);
}
