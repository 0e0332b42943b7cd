/* SPDX-License-Identifier: BSD-2-Clause */
/* What training came to, on held-out pictures: real streams of both models, a
 * table, and a plot.  Not here: training. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_output.h"
#include "app_report.h"
#include "curve.h"
#include "ntrain.h"
#include "picture_metrics.h"

enum { POINTS = 5 };

static const int qualities[POINTS] = { 10, 30, 50, 70, 90 };

typedef struct point {
    double bpp, psnr;
} point;

typedef struct reader {
    const nenc_buffer *bytes;
    size_t at;
} reader;

static int to_buffer(void *user, const void *data, size_t size)
{
    nenc_buffer *buf = user;
    nenc_buffer_put(buf, data, size);
    return buf->failed;
}

static int64_t from_bytes(void *user, void *data, size_t size)
{
    reader *r = user;
    const size_t n = NENC_MIN(size, r->bytes->size - r->at);
    memcpy(data, r->bytes->data + r->at, n);
    r->at += n;
    return (int64_t)n;
}

static nenc_status measure_one(const nenc_model *model, const nenc_image *im,
                               const ntrain_options *opt, int quality,
                               point *sum, nenc_diag *diag)
{
    nenc_encoder_config cfg;
    nenc_buffer bytes;
    nenc_decoder *dec = NULL;
    nenc_image out = { 0 };
    double psnr;
    nenc_encoder_config_init(&cfg);
    cfg.quality = quality;
    cfg.threads = opt->common.threads;
    nenc_buffer_init(&bytes, (size_t)1 << 30);
    nenc_status st = nenc_encode_image(model, &cfg, im, to_buffer, &bytes,
                                       diag);
    reader r = { &bytes, 0 };
    if (st >= 0)
        st = nenc_decoder_open(&dec, NULL, from_bytes, &r, diag);
    if (st >= 0)
        st = nenc_decoder_decode(dec, model, &out, diag);
    if (st >= 0)
        st = nenc_psnr(&psnr, im, &out, diag);
    if (st >= 0) {
        sum->bpp += 8.0 * (double)bytes.size
                    / ((double)im->width * im->height);
        sum->psnr += psnr;
    }
    nenc_decoder_close(dec);
    nenc_image_free(&out);
    nenc_buffer_free(&bytes);
    return st;
}

/* Means over the pictures. */
static nenc_status measure(point *points, const nenc_model *model,
                           const ntrain_options *opt,
                           const ntrain_pictures *val, const char *what)
{
    nenc_diag diag = { NENC_OK, "" };
    app_progress progress;
    nenc_status st = NENC_OK;
    const size_t n = NENC_MIN(val->n, (size_t)opt->held_out);
    app_progress_init(&progress, what, opt->common.quiet);
    for (int q = 0; st >= 0 && q < POINTS; q++) {
        points[q] = (point){ 0 };
        for (size_t i = 0; st >= 0 && i < n; i++) {
            st = measure_one(model, &val->list[i], opt, qualities[q],
                             &points[q], &diag);
            app_progress_show(&progress, ((double)q * (double)n + (double)i)
                                         / (POINTS * (double)n));
        }
        points[q].bpp /= (double)n;
        points[q].psnr /= (double)n;
    }
    app_progress_end(&progress);
    return st < 0 ? app_fail_diag(what, st, &diag) : st;
}

static bool bd_rate(double *percent, const point *a, const point *b)
{
    nenc_curve_point ca[POINTS], cb[POINTS];
    for (int i = 0; i < POINTS; i++) {
        ca[i] = (nenc_curve_point){ a[i].bpp, a[i].psnr };
        cb[i] = (nenc_curve_point){ b[i].bpp, b[i].psnr };
    }
    return nenc_bd_rate(percent, NULL, NULL, ca, POINTS, cb, POINTS, true,
                        NULL) >= 0;
}

static void print(const point *before, const point *after, size_t n)
{
    double percent;
    printf("%zu held-out picture%s%s\n", n, n == 1 ? "" : "s",
           before ? "" : ", the new model");
    printf(before ? "quality      bpp      dB ->      bpp      dB\n"
                  : "quality      bpp      dB\n");
    for (int i = 0; i < POINTS; i++) {
        printf("%7d", qualities[i]);
        if (before)
            printf(" %8.4f %7.2f   ", before[i].bpp, before[i].psnr);
        printf(" %8.4f %7.2f\n", after[i].bpp, after[i].psnr);
    }
    if (!before)
        return;
    if (bd_rate(&percent, before, after))
        printf("BD-rate (PSNR) of the new model against the old one: "
               "%+.2f %%\n", percent);
    else
        printf("BD-rate: the two curves do not meet\n");
}

/* -------------------------------------------------------------------- plot */

enum { WIDTH = 784, HEIGHT = 320, LEFT = 56, TOP = 28, PLOT_W = 300,
       PLOT_H = 240, SECOND = 396 };

typedef struct axes {
    double x0, x1, y0, y1;
    int at;                       /* left edge */
} axes;

static void put(nenc_buffer *b, const char *fmt, ...) NENC_PRINTF(2, 3);
static void put(nenc_buffer *b, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nenc_buffer_put(b, text, (size_t)n);
}

static double x_of(const axes *a, double x)
{
    return a->at + (x - a->x0) / (a->x1 - a->x0) * PLOT_W;
}

static double y_of(const axes *a, double y)
{
    return TOP + (a->y1 - y) / (a->y1 - a->y0) * PLOT_H;
}

/* 1, 2 or 5 times a power of ten, so that a range has three to seven ticks. */
static double tick_step(double range)
{
    const double power = pow(10, floor(log10(range / 3)));
    const double left = range / 3 / power;
    return power * (left >= 5 ? 5 : left >= 2 ? 2 : 1);
}

static void draw_axes(nenc_buffer *b, const axes *a, const char *title,
                      const char *below)
{
    put(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
        "stroke=\"#999\"/>\n", a->at, TOP, PLOT_W, PLOT_H);
    put(b, "<text x=\"%d\" y=\"%d\">%s</text>\n", a->at, TOP - 10, title);
    put(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
        a->at + PLOT_W / 2, TOP + PLOT_H + 34, below);
    const double dx = tick_step(a->x1 - a->x0), dy = tick_step(a->y1 - a->y0);
    for (double i = ceil(a->x0 / dx); i * dx <= a->x1; i++)
        put(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n",
            x_of(a, i * dx), TOP + PLOT_H + 16, i * dx);
    for (double i = ceil(a->y0 / dy); i * dy <= a->y1; i++)
        put(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
            a->at - 6, y_of(a, i * dy) + 4, i * dy);
}

static void draw_curve(nenc_buffer *b, const axes *a, const point *p,
                       const char *colour)
{
    put(b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" "
        "points=\"", colour);
    for (int i = 0; i < POINTS; i++)
        put(b, "%.1f,%.1f ", x_of(a, p[i].bpp), y_of(a, p[i].psnr));
    put(b, "\"/>\n");
}

static void widen(axes *a, double x, double y)
{
    a->x0 = fmin(a->x0, x);
    a->x1 = fmax(a->x1, x);
    a->y0 = fmin(a->y0, y);
    a->y1 = fmax(a->y1, y);
}

static const axes no_axes = { INFINITY, -INFINITY, INFINITY, -INFINITY, LEFT };

static void draw_rates(nenc_buffer *b, const point *before,
                       const point *after)
{
    axes a = no_axes;
    for (int i = 0; i < POINTS; i++) {
        widen(&a, after[i].bpp, after[i].psnr);
        if (before)
            widen(&a, before[i].bpp, before[i].psnr);
    }
    a.x0 = 0;
    a.y0 -= 0.01;                /* never empty */
    draw_axes(b, &a, before ? "PSNR (dB): after in blue, before in gray"
                            : "PSNR (dB)", "bits per pixel");
    if (before)
        draw_curve(b, &a, before, "#999");
    draw_curve(b, &a, after, "#06c");
}

/* Columns 1, 2 and 7 of the log: step, loss, held-out loss. */
static bool next_line(const char **at, double *step, double *loss,
                      double *held_out)
{
    char *end;
    const char *line = *at;
    if (!*line)
        return false;
    const char *newline = strchr(line, '\n');
    *at = newline ? newline + 1 : line + strlen(line);
    *step = strtod(line, &end);
    *loss = strtod(end + 1, NULL);
    const char *last = line;
    for (const char *p = line; p < *at; p++)
        last = *p == ',' ? p + 1 : last;
    *held_out = *last == '\n' || !*last ? NAN : strtod(last, NULL);
    return true;
}

static void draw_log(nenc_buffer *b, const char *log)
{
    axes a = no_axes;
    double step, loss, held_out;
    a.at = LEFT + SECOND;
    for (const char *p = log; next_line(&p, &step, &loss, &held_out);) {
        widen(&a, step, loss);
        if (isfinite(held_out))
            widen(&a, step, held_out);
    }
    if (!(a.x1 > a.x0 && a.y1 > a.y0))
        return;
    draw_axes(b, &a, "loss: training in gray, held out in blue", "step");
    for (int kind = 0; kind < 2; kind++) {
        put(b, "<polyline fill=\"none\" stroke=\"%s\" points=\"",
            kind ? "#06c" : "#bbb");
        for (const char *p = log; next_line(&p, &step, &loss, &held_out);) {
            const double y = kind ? held_out : loss;
            if (isfinite(y))
                put(b, "%.1f,%.1f ", x_of(&a, step), y_of(&a, y));
        }
        put(b, "\"/>\n");
    }
}

static nenc_status draw(const ntrain_options *opt, const point *before,
                        const point *after, const nenc_buffer *log)
{
    nenc_buffer b;
    app_output out = { 0 };
    nenc_buffer_init(&b, (size_t)1 << 26);
    put(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" "
        "height=\"100%%\" fill=\"white\"/>\n", WIDTH, HEIGHT);
    if (after)
        draw_rates(&b, before, after);
    draw_log(&b, (const char *)log->data);
    put(&b, "</svg>\n");
    nenc_status st = b.failed ? app_fail(opt->svg, NENC_ENOMEM, "out of memory")
                   : app_output_open(&out, opt->svg, NULL, true);
    if (st >= 0 && app_output_write(&out, b.data, b.size))
        st = app_output_fail(&out);
    if (st >= 0)
        st = app_output_commit(&out);
    app_output_close(&out);
    nenc_buffer_free(&b);
    return st;
}

nenc_status ntrain_report(const ntrain_options *opt, const nenc_model *before,
                          const nenc_model *after, const ntrain_pictures *val,
                          const nenc_buffer *log)
{
    point old[POINTS], new[POINTS];
    const bool measured = val->n && opt->held_out;
    if (measured && before)
        NENC_TRY(measure(old, before, opt, val, "measuring the old model"));
    if (measured) {
        NENC_TRY(measure(new, after, opt, val, "measuring the new model"));
        print(before ? old : NULL, new, NENC_MIN(val->n,
                                                 (size_t)opt->held_out));
    }
    return opt->svg ? draw(opt, measured && before ? old : NULL,
                           measured ? new : NULL, log) : NENC_OK;
}
