/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, exit codes, the progress line, JSON.  Nothing else. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_report.h"

static const char *program = "nenc";

void app_report_init(const char *name)
{
    program = name;
}

const char *app_program(void)
{
    return program;
}

static void say(const char *name, const char *fmt, va_list ap)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program);
    if (name)
        fprintf(stderr, "%s: ", name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

nenc_status app_fail(const char *name, nenc_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(name, fmt, ap);
    va_end(ap);
    return status;
}

nenc_status app_fail_diag(const char *name, nenc_status status,
                          const nenc_diag *diag)
{
    return app_fail(name, status, "%s",
                    diag->text[0] ? diag->text : nenc_strerror(status));
}

void app_warn(const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(name, fmt, ap);
    va_end(ap);
}

int app_exit_code(nenc_status status)
{
    static const struct { nenc_status status; int code; } codes[] = {
        { NENC_OK, 0 }, { NENC_END, 0 },
        { NENC_EIO, 1 },
        { NENC_EINVAL, APP_MISUSE },
        { NENC_ETRUNCATED, 3 }, { NENC_EBITSTREAM, 3 },
        { NENC_EUNSUPPORTED, 4 },
        { NENC_EMODEL, 5 },
        { NENC_ECORRUPT_OUTPUT, 6 },
        { NENC_ELIMIT, 7 }, { NENC_ENOMEM, 7 },
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].status == status)
            return codes[i].code;
    return 1;
}

nenc_status app_stdout_check(void)
{
    if (!fflush(stdout) && !ferror(stdout))
        return NENC_OK;
    return app_fail("standard output", NENC_EIO, "%s", strerror(errno));
}

double app_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void app_progress_init(app_progress *p, const char *what, bool quiet)
{
    *p = (app_progress){ .what = what, .on = !quiet && isatty(STDERR_FILENO) };
    p->start = p->shown = app_seconds();
}

bool app_progress_is_due(app_progress *p)
{
    const double now = app_seconds();
    if (!p->on || now - p->start < 1 || now - p->shown < 0.25)
        return false;
    p->shown = now;
    return true;
}

void app_progress_text(app_progress *p, const char *text)
{
    const int n = fprintf(stderr, "\r%s %s", p->what, text) - 1;
    fprintf(stderr, "%*s", n < p->width ? p->width - n : 0, "");
    fflush(stderr);
    p->width = n;
}

int app_progress_show(void *user, double done)
{
    app_progress *p = user;
    char text[16];
    if (!app_progress_is_due(p))
        return 0;
    snprintf(text, sizeof text, "%3.0f %%", 100 * done);
    app_progress_text(p, text);
    return 0;
}

void app_progress_end(app_progress *p)
{
    if (p->on && p->width)
        fprintf(stderr, "\r%*s\r", p->width, "");
    p->on = false;
}

void app_json_begin(app_json *j, FILE *file)
{
    *j = (app_json){ .file = file };
    fputc('{', file);
}

static void put_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < 32 || c == 127)
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}

static void put_key(app_json *j, const char *key)
{
    fputs(j->n++ ? ",\n  " : "\n  ", j->file);
    put_string(j->file, key);
    fputs(": ", j->file);
}

void app_json_text(app_json *j, const char *key, const char *value)
{
    put_key(j, key);
    put_string(j->file, value);
}

void app_json_integer(app_json *j, const char *key, uint64_t value)
{
    put_key(j, key);
    fprintf(j->file, "%llu", (unsigned long long)value);
}

void app_json_real(app_json *j, const char *key, double value)
{
    put_key(j, key);
    fprintf(j->file, "%.6g", value);
}

void app_json_end(app_json *j)
{
    fputs("\n}\n", j->file);
}
