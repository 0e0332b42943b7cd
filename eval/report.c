/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as JSON and as text.  The page is in report_page.c, what it
 * shows to look at in report_views.c. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "curve.h"
#include "json.h"
#include "report.h"

void nenc_put_format(nenc_buffer *out, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    const int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (n > 0)
        nenc_buffer_put(out, text, NENC_MIN((size_t)n, sizeof text - 1));
}

void nenc_put_number(nenc_buffer *out, double v)
{
    if (isfinite(v))
        nenc_put_format(out, "%.7g", v);
    else
        nenc_json_put(out, "null");
}

void nenc_put_metrics(nenc_buffer *out, const nenc_eval_table *t,
                      const nenc_eval_row *row)
{
    nenc_json_put(out, "{");
    for (size_t i = 0; i < t->n_metrics; i++) {
        nenc_put_format(out, "%s\"%s\": ", i ? ", " : "", t->metrics[i].key);
        nenc_put_number(out, row->metrics[i]);
    }
    nenc_json_put(out, "}");
}

/* A codec's curve in one metric, with room for all points.  Points without a
 * finite value are not on it. */
typedef struct curve {
    nenc_curve_point *points;
    size_t n, n_without;
} curve;

static bool curve_of(const nenc_report *r, size_t codec, size_t metric,
                     curve *c)
{
    const nenc_eval_table *t = r->table;
    *c = (curve){ nenc_mem_alloc(t->n_points, sizeof *c->points), 0, 0 };
    for (size_t p = 0; c->points && p < t->n_points; p++) {
        nenc_eval_row mean;
        double rate;
        if (t->points[p].codec != codec
            || !nenc_eval_mean(t, p, &rate, &mean))
            continue;
        if (isfinite(mean.metrics[metric]))
            c->points[c->n++] = (nenc_curve_point){ rate,
                                                    mean.metrics[metric] };
        else
            c->n_without++;
    }
    return c->points != NULL;
}

bool nenc_report_bd(const nenc_report *r, size_t codec, size_t metric,
                    double *percent, double *from, double *to, nenc_diag *why)
{
    curve anchor, test;
    const bool ok = curve_of(r, r->anchor, metric, &anchor)
                  & curve_of(r, codec, metric, &test);
    nenc_status st = NENC_ENOMEM;
    if (ok && (anchor.n_without || test.n_without))
        st = nenc_fail(why, NENC_EUNSUPPORTED, "%s has no finite value for "
                       "some file: it is too small or silent, or came back "
                       "without loss", anchor.n_without
                       ? r->table->codecs[r->anchor] : r->table->codecs[codec]);
    else if (ok)
        st = nenc_bd_rate(percent, from, to, anchor.points, anchor.n,
                          test.points, test.n,
                          r->table->metrics[metric].higher_is_better, why);
    nenc_mem_free(anchor.points);
    nenc_mem_free(test.points);
    return st >= 0;
}

/* -------------------------------------------------------------------- JSON */

static void put_member(nenc_buffer *out, const char *name, const char *value)
{
    nenc_put_format(out, "\"%s\": ", name);
    nenc_json_put_string(out, value);
}

/* An object of texts: names and values in turn, NULL at the end. */
static void put_object(nenc_buffer *out, const char *const *pairs)
{
    nenc_json_put(out, "{");
    for (size_t i = 0; pairs[i]; i += 2) {
        if (i)
            nenc_json_put(out, ", ");
        put_member(out, pairs[i], pairs[i + 1]);
    }
    nenc_json_put(out, "}");
}

static void put_point(const nenc_report *r, size_t point, nenc_buffer *out)
{
    nenc_eval_row mean;
    double rate;
    if (!nenc_eval_mean(r->table, point, &rate, &mean))
        return;
    if (out->data[out->size - 1] != '[')
        nenc_json_put(out, ",");
    nenc_json_put(out, "\n      {");
    put_member(out, "q", r->table->points[point].q);
    nenc_put_format(out, ", \"bytes\": %llu, \"rate\": ",
                    (unsigned long long)mean.bytes);
    nenc_put_number(out, rate);
    nenc_json_put(out, ", \"metrics\": ");
    nenc_put_metrics(out, r->table, &mean);
    const struct { const char *name; double value; } costs[] = {
        { "encode_s", mean.encode.cpu_s }, { "decode_s", mean.decode.cpu_s },
        { "encode_mib", mean.encode.peak_mib },
        { "decode_mib", mean.decode.peak_mib },
    };
    for (size_t i = 0; i < 4; i++) {
        nenc_put_format(out, ", \"%s\": ", costs[i].name);
        nenc_put_number(out, costs[i].value);
    }
    nenc_json_put(out, "}");
}

static void put_bd(const nenc_report *r, size_t codec, nenc_buffer *out)
{
    nenc_json_put(out, "{");
    for (size_t i = 0; i < r->table->n_metrics; i++) {
        nenc_diag why = { NENC_OK, "" };
        double percent, from, to;
        nenc_put_format(out, "%s\n      \"%s\": {", i ? "," : "",
                        r->table->metrics[i].key);
        if (nenc_report_bd(r, codec, i, &percent, &from, &to, &why)) {
            nenc_json_put(out, "\"percent\": ");
            nenc_put_number(out, percent);
            nenc_json_put(out, ", \"from\": ");
            nenc_put_number(out, from);
            nenc_json_put(out, ", \"to\": ");
            nenc_put_number(out, to);
        } else
            put_member(out, "why", why.text);
        nenc_json_put(out, "}");
    }
    nenc_json_put(out, "}");
}

/* What it is, and the command that encodes, its options in their place. */
static void put_about(const nenc_eval_codec *c, nenc_buffer *out)
{
    static const char mark[] = "{options} ";
    const char *at = strstr(c->encode, mark);
    char text[1024] = "";
    if (c->about != c->encode)
        snprintf(text, sizeof text, "%s: ", c->about);
    const size_t n = strlen(text);
    if (at)
        snprintf(text + n, sizeof text - n, "%.*s%s%s%s",
                 (int)(at - c->encode), c->encode,
                 c->options ? c->options : "", c->options ? " " : "",
                 at + strlen(mark));
    else
        snprintf(text + n, sizeof text - n, "%s", c->encode);
    nenc_json_put(out, ", ");
    put_member(out, "about", text);
}

static void put_codec(const nenc_report *r, size_t codec, nenc_buffer *out)
{
    nenc_put_format(out, "%s\n    {", codec ? "," : "");
    put_member(out, "name", r->table->codecs[codec]);
    if (r->codecs)
        put_about(&r->codecs[codec], out);
    nenc_json_put(out, ",\n     \"points\": [");
    for (size_t p = 0; p < r->table->n_points; p++)
        if (r->table->points[p].codec == codec)
            put_point(r, p, out);
    nenc_json_put(out, "],\n     \"bd\": ");
    put_bd(r, codec, out);
    nenc_json_put(out, "}");
}

static void put_metric_list(const nenc_eval_table *t, nenc_buffer *out)
{
    nenc_json_put(out, "  \"metrics\": [");
    for (size_t i = 0; i < t->n_metrics; i++) {
        const nenc_eval_metric *m = &t->metrics[i];
        nenc_json_put(out, i ? ",\n    " : "\n    ");
        put_object(out, (const char *const[]){
            "key", m->key, "label", m->label, "unit", m->unit, "better",
            m->higher_is_better ? "higher" : "lower", NULL });
    }
    nenc_json_put(out, "],\n");
}

static void put_troubles(const nenc_report *r, nenc_buffer *out)
{
    nenc_json_put(out, "  \"missing\": [");
    for (size_t i = 0; i < r->n_missing; i++) {
        nenc_json_put(out, i ? ", " : "");
        put_object(out, (const char *const[]){
            "name", r->missing[i].name, "why", r->missing[i].why, NULL });
    }
    nenc_json_put(out, "],\n  \"failed\": [");
    for (size_t i = 0; i < r->n_failures; i++) {
        const nenc_eval_failure *f = &r->failures[i];
        nenc_json_put(out, i ? ", " : "");
        put_object(out, (const char *const[]){
            "codec", f->codec, "q", f->q, "item", f->item, "why",
            f->why ? f->why : "", NULL });
    }
    nenc_json_put(out, "]");
}

void nenc_report_json(const nenc_report *r, const nenc_buffer *views,
                      nenc_buffer *out)
{
    const nenc_eval_table *t = r->table;
    const bool is_picture = t->media == NENC_EVAL_PICTURE;
    nenc_json_put(out, "{\n  ");
    put_member(out, "title", r->title);
    nenc_json_put(out, ",\n  ");
    put_member(out, "generator", r->generator);
    nenc_put_format(out, ",\n  \"media\": \"%s\",\n  \"rate\": {\"key\": "
                    "\"%s\", \"label\": \"%s\"},\n",
                    is_picture ? "picture" : "sound",
                    is_picture ? "bpp" : "kbps",
                    is_picture ? "bits per pixel" : "kbit/s");
    put_metric_list(t, out);
    nenc_json_put(out, "  ");
    put_member(out, "anchor", t->codecs[r->anchor]);
    nenc_put_format(out, ",\n  \"n_items\": %zu,\n  \"codecs\": [",
                    t->n_items);
    for (size_t i = 0; i < t->n_codecs; i++)
        put_codec(r, i, out);
    nenc_json_put(out, "],\n");
    put_troubles(r, out);
    if (views) {
        nenc_json_put(out, ",\n  \"views\": ");
        nenc_buffer_put(out, views->data, views->size);
    }
    nenc_json_put(out, "\n}\n");
}

/* -------------------------------------------------------------------- text */

static void put_bd_cell(const nenc_report *r, size_t codec, size_t metric,
                        nenc_buffer *out)
{
    double percent, from, to;
    if (codec == r->anchor)
        nenc_put_format(out, " %11s", "anchor");
    else if (nenc_report_bd(r, codec, metric, &percent, &from, &to, NULL))
        nenc_put_format(out, " %+10.2f%%", percent);
    else
        nenc_put_format(out, " %11s", "-");
}

static void put_text_codec(const nenc_report *r, size_t codec, int width,
                           nenc_buffer *out)
{
    const nenc_eval_table *t = r->table;
    double low = INFINITY, high = 0, encode = 0, decode = 0;
    size_t n = 0, n_all = 0;
    for (size_t p = 0; p < t->n_points; p++) {
        nenc_eval_row mean;
        double rate;
        if (t->points[p].codec != codec)
            continue;
        n_all++;
        if (!nenc_eval_mean(t, p, &rate, &mean))
            continue;
        low = fmin(low, rate);
        high = fmax(high, rate);
        encode += mean.encode.cpu_s;
        decode += mean.decode.cpu_s;
        n++;
    }
    nenc_put_format(out, "%-*s %3zu/%-3zu", width, t->codecs[codec], n, n_all);
    if (n)
        nenc_put_format(out, " %7.3f to %7.3f", low, high);
    else
        nenc_put_format(out, " %18s", "-");
    for (size_t i = 0; i < t->n_metrics; i++)
        put_bd_cell(r, codec, i, out);
    if (n && isfinite(encode + decode))
        nenc_put_format(out, " %8.2f %8.2f", encode / (double)n,
                        decode / (double)n);
    nenc_json_put(out, "\n");
}

void nenc_report_text(const nenc_report *r, nenc_buffer *out)
{
    const nenc_eval_table *t = r->table;
    int width = 5;
    for (size_t i = 0; i < t->n_codecs; i++)
        width = NENC_MAX(width, (int)NENC_MIN(strlen(t->codecs[i]),
                                              (size_t)40));
    nenc_put_format(out, "%zu %s; BD-rate against %s; seconds of CPU for one "
                    "file\n%-*s  points %18s", t->n_items,
                    t->n_items == 1 ? "file" : "files", t->codecs[r->anchor],
                    width, "codec", t->media == NENC_EVAL_PICTURE
                    ? "bits per pixel" : "kbit/s");
    for (size_t i = 0; i < t->n_metrics; i++)
        nenc_put_format(out, " %11s", t->metrics[i].key);
    nenc_put_format(out, " %8s %8s\n", "encode", "decode");
    for (size_t i = 0; i < t->n_codecs; i++)
        put_text_codec(r, i, width, out);
    for (size_t i = 0; i < r->n_missing; i++)
        nenc_put_format(out, "%-*s left out: %s\n", width,
                        r->missing[i].name, r->missing[i].why);
    for (size_t i = 0; i < r->n_failures; i++)
        nenc_put_format(out, "%s@%s on %s failed: %s\n", r->failures[i].codec,
                        r->failures[i].q, r->failures[i].item,
                        r->failures[i].why ? r->failures[i].why : "");
}
