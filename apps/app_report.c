/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, exit codes, the progress line, JSON.  Nothing else. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
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

/* ------------------------------------------------------------------- words */

static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;

/* Under that lock: columns of the progress line on the terminal. */
static int line_width;

static _Thread_local char last_failure[240];

static void wipe_line(void)
{
    if (line_width)
        fprintf(stderr, "\r%*s\r", line_width, "");
    line_width = 0;
}

/* What a terminal would obey is shown instead. */
static void put_safely(const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '\n')
            fputs("\\n", stderr);
        else if (c < 32 || c == 127)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
}

/* "PROGRAM: NAME: SENTENCE"; without a program the sentence alone. */
static void say(const char *who, const char *name, const char *sentence)
{
    fflush(stdout);
    pthread_mutex_lock(&saying);
    wipe_line();
    if (who)
        fprintf(stderr, "%s: ", who);
    if (name) {
        put_safely(name);
        fputs(": ", stderr);
    }
    put_safely(sentence);
    fputc('\n', stderr);
    pthread_mutex_unlock(&saying);
}

static void say_formatted(const char *who, const char *name, const char *fmt,
                          va_list ap)
{
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    char *sentence = n < 0 ? NULL : malloc((size_t)n + 1);
    if (sentence)
        vsnprintf(sentence, (size_t)n + 1, fmt, again);
    va_end(again);
    say(who, name, sentence ? sentence : fmt);
    free(sentence);
}

nenc_status app_fail(const char *name, nenc_status status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(last_failure, sizeof last_failure, fmt, ap);
    va_end(ap);
    va_start(ap, fmt);
    say_formatted(program, name, fmt, ap);
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
    say_formatted(program, name, fmt, ap);
    va_end(ap);
}

void app_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say_formatted(NULL, NULL, fmt, ap);
    va_end(ap);
}

const char *app_last_failure(void)
{
    return last_failure;
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

/* ---------------------------------------------------------------- progress */

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
    pthread_mutex_lock(&saying);
    const int n = fprintf(stderr, "\r%s %s", p->what, text) - 1;
    fprintf(stderr, "%*s", n < line_width ? line_width - n : 0, "");
    fflush(stderr);
    line_width = n;
    pthread_mutex_unlock(&saying);
}

void app_time_left(char text[32], double seconds)
{
    if (seconds < 60)
        snprintf(text, 32, "%.0f s left", seconds);
    else if (seconds < 3600)
        snprintf(text, 32, "%.0f min left", seconds / 60);
    else
        snprintf(text, 32, "%.1f h left", seconds / 3600);
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

void app_progress_hide(void)
{
    pthread_mutex_lock(&saying);
    wipe_line();
    pthread_mutex_unlock(&saying);
}

void app_progress_end(app_progress *p)
{
    app_progress_hide();
    p->on = false;
}

/* -------------------------------------------------------------------- JSON */

void app_json_begin(app_json *j, FILE *file)
{
    *j = (app_json){ .file = file };
    fputc('{', file);
}

void app_json_begin_line(app_json *j, FILE *file)
{
    app_json_begin(j, file);
    j->in_line = true;
}

/* Bytes of the UTF-8 character at `s`; 0 = none that is allowed. */
static size_t utf8_size(const unsigned char *s)
{
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2
                   : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)
        || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void put_string(FILE *file, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    fputc('"', file);
    while (*s) {
        const size_t n = utf8_size(s);
        if (*s == '"' || *s == '\\')
            fprintf(file, "\\%c", *s);
        else if (*s < 32 || *s == 127)
            fprintf(file, "\\u%04x", *s);
        else if (!n)
            fprintf(file, "\\udc%02x", *s);
        else
            fwrite(s, 1, n, file);
        s += n ? n : 1;
    }
    fputc('"', file);
}

static void put_key(app_json *j, const char *key)
{
    fputs(j->n++ ? "," : "", j->file);
    fputs(j->in_line ? j->n > 1 ? " " : "" : "\n  ", j->file);
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
    fputs(j->in_line ? "}\n" : "\n}\n", j->file);
}
