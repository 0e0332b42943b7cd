/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of results in memory, its means, and writing it as CSV.
 * Not here: reading CSV (table_read.c). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

#define TABLE_BYTES ((size_t)4 << 30)

static const nenc_eval_metric metrics[] = {
    { "psnr", "PSNR, R'G'B'", "dB", true },
    { "psnr_yuv", "PSNR, Y'CbCr 6:1:1", "dB", true },
    { "ssim", "SSIM", "", true },
    { "ms_ssim", "MS-SSIM", "", true },
    { "ssimulacra2", "SSIMULACRA 2", "", true },
    { "butteraugli", "Butteraugli, 3-norm", "", false },
    { "vmaf", "VMAF", "", true },
    { "si_sdr", "SI-SDR", "dB", true },
    { "log_mel", "Log-mel distance", "dB", false },
    { "stoi", "STOI", "", true },
    { "nsim", "NSIM", "", true },
};

const nenc_eval_metric *nenc_eval_metric_named(const char *key)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (!strcmp(metrics[i].key, key))
            return &metrics[i];
    return NULL;
}

void nenc_eval_table_init(nenc_eval_table *t, nenc_eval_media media)
{
    memset(t, 0, sizeof *t);
    t->media = media;
    nenc_arena_init(&t->arena, TABLE_BYTES);
}

void nenc_eval_table_free(nenc_eval_table *t)
{
    nenc_arena_free(&t->arena);
    nenc_eval_table_init(t, t->media);
}

static char *copy_text(nenc_eval_table *t, const char *text)
{
    return nenc_arena_strdup(&t->arena, text, strlen(text));
}

size_t nenc_eval_table_codec(nenc_eval_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_codecs; i++)
        if (!strcmp(t->codecs[i], name))
            return i;
    char **list = nenc_arena_grow(&t->arena, t->codecs, t->n_codecs,
                                  &t->codecs_room, sizeof *list);
    if (!list)
        return SIZE_MAX;
    t->codecs = list;
    list[t->n_codecs] = copy_text(t, name);
    return list[t->n_codecs] ? t->n_codecs++ : SIZE_MAX;
}

size_t nenc_eval_table_point(nenc_eval_table *t, size_t codec, const char *q)
{
    for (size_t i = 0; i < t->n_points; i++)
        if (t->points[i].codec == codec && !strcmp(t->points[i].q, q))
            return i;
    nenc_eval_point *list = nenc_arena_grow(&t->arena, t->points, t->n_points,
                                            &t->points_room, sizeof *list);
    if (!list)
        return SIZE_MAX;
    t->points = list;
    list[t->n_points] = (nenc_eval_point){ codec, copy_text(t, q) };
    return list[t->n_points].q ? t->n_points++ : SIZE_MAX;
}

size_t nenc_eval_table_item(nenc_eval_table *t, const char *name,
                            double amount)
{
    for (size_t i = 0; i < t->n_items; i++)
        if (!strcmp(t->items[i].name, name))
            return i;
    nenc_eval_item *list = nenc_arena_grow(&t->arena, t->items, t->n_items,
                                           &t->items_room, sizeof *list);
    if (!list)
        return SIZE_MAX;
    t->items = list;
    list[t->n_items] = (nenc_eval_item){ copy_text(t, name), amount };
    return list[t->n_items].name ? t->n_items++ : SIZE_MAX;
}

nenc_status nenc_eval_table_rows(nenc_eval_table *t, nenc_diag *diag)
{
    size_t n;
    t->rows = NULL;
    if (nenc_size_mul(&n, t->n_points, t->n_items))
        t->rows = nenc_arena_zalloc(&t->arena, n, sizeof *t->rows);
    return t->rows ? NENC_OK
                   : nenc_fail(diag, NENC_ENOMEM,
                               "no room for %zu points of %zu files",
                               t->n_points, t->n_items);
}

double nenc_eval_rate(const nenc_eval_table *t, double bytes, double amount)
{
    return (t->media == NENC_EVAL_PICTURE ? 8 : 0.008) * bytes / amount;
}

static void add_row(nenc_eval_row *sum, const nenc_eval_row *row, double share)
{
    sum->bytes += row->bytes;
    for (size_t i = 0; i < NENC_EVAL_METRICS_MAX; i++)
        sum->metrics[i] += share * row->metrics[i];
    sum->encode.cpu_s += share * row->encode.cpu_s;
    sum->decode.cpu_s += share * row->decode.cpu_s;
    sum->encode.peak_mib = fmax(sum->encode.peak_mib, row->encode.peak_mib);
    sum->decode.peak_mib = fmax(sum->decode.peak_mib, row->decode.peak_mib);
}

bool nenc_eval_mean(const nenc_eval_table *t, size_t point, double *rate,
                    nenc_eval_row *mean)
{
    double amount = 0;
    memset(mean, 0, sizeof *mean);
    for (size_t i = 0; i < t->n_items; i++) {
        const nenc_eval_row *row = nenc_eval_row_at(t, point, i);
        if (!row->is_done)
            return false;
        add_row(mean, row, 1 / (double)t->n_items);
        amount += t->items[i].amount;
    }
    *rate = nenc_eval_rate(t, (double)mean->bytes, amount);
    return mean->is_done = t->n_items > 0;
}

/* ----------------------------------------------------------------- writing */

static void put(nenc_buffer *out, const char *text)
{
    nenc_buffer_put(out, text, strlen(text));
}

/* In quotes where it needs them. */
static void put_field(nenc_buffer *out, const char *text)
{
    if (!strpbrk(text, "\",\r\n")) {
        put(out, text);
        return;
    }
    put(out, "\"");
    for (; *text; text++) {
        nenc_buffer_put(out, text, 1);
        if (*text == '"')
            put(out, "\"");
    }
    put(out, "\"");
}

static void put_real(nenc_buffer *out, const char *format, double v)
{
    char text[40];
    if (isnan(v))
        return;
    snprintf(text, sizeof text, format, v);
    put(out, text);
}

static void put_head(const nenc_eval_table *t, nenc_buffer *out)
{
    put(out, t->media == NENC_EVAL_PICTURE ? "codec,q,item,pixels,bytes,bpp"
                                           : "codec,q,item,seconds,bytes,kbps");
    for (size_t i = 0; i < t->n_metrics; i++) {
        put(out, ",");
        put(out, t->metrics[i].key);
    }
    put(out, t->has_costs ? ",encode_s,decode_s,encode_mib,decode_mib\n"
                          : "\n");
}

static void put_row(const nenc_eval_table *t, size_t point, size_t item,
                    nenc_buffer *out)
{
    const nenc_eval_row *row = nenc_eval_row_at(t, point, item);
    const nenc_eval_item *it = &t->items[item];
    char text[32];
    put_field(out, t->codecs[t->points[point].codec]);
    put(out, ",");
    put_field(out, t->points[point].q);
    put(out, ",");
    put_field(out, it->name);
    put_real(out, ",%.10g", it->amount);
    snprintf(text, sizeof text, ",%" PRIu64, row->bytes);
    put(out, text);
    put_real(out, ",%.6f", nenc_eval_rate(t, (double)row->bytes, it->amount));
    for (size_t i = 0; i < t->n_metrics; i++) {
        put(out, ",");
        put_real(out, "%.7g", row->metrics[i]);
    }
    if (t->has_costs) {
        const double costs[] = { row->encode.cpu_s, row->decode.cpu_s,
                                 row->encode.peak_mib, row->decode.peak_mib };
        for (size_t i = 0; i < 4; i++) {
            put(out, ",");
            put_real(out, i < 2 ? "%.3f" : "%.1f", costs[i]);
        }
    }
    put(out, "\n");
}

void nenc_eval_table_write(const nenc_eval_table *t, nenc_buffer *out)
{
    put_head(t, out);
    for (size_t p = 0; p < t->n_points; p++)
        for (size_t i = 0; i < t->n_items; i++)
            if (nenc_eval_row_at(t, p, i)->is_done)
                put_row(t, p, i, out);
}
