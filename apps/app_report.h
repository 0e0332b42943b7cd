/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program says and how it ends: errors, exit codes, progress, JSON.
 * Any thread may speak; lines come whole, and control characters in them are
 * shown as \n, \x1b and the like.  Not here: what went wrong. */
#ifndef NENC_APPS_REPORT_H
#define NENC_APPS_REPORT_H

#include <stdio.h>

#include "status.h"

enum { APP_MISUSE = 2 };

/** The name in front of every message. */
void app_report_init(const char *program);
const char *app_program(void);

/** "nenc: NAME: SENTENCE" on stderr.  @return status */
nenc_status app_fail(const char *name, nenc_status status, const char *fmt, ...)
    NENC_PRINTF(3, 4);
/** The same with the sentence in `diag`. */
nenc_status app_fail_diag(const char *name, nenc_status status,
                          const nenc_diag *diag);
/** The same for what is no error. */
void app_warn(const char *name, const char *fmt, ...) NENC_PRINTF(2, 3);

/** A line on stderr as it is, with no name in front. */
void app_say(const char *fmt, ...) NENC_PRINTF(1, 2);

/** The sentence of this thread's last app_fail(); "" before any. */
const char *app_last_failure(void);

/** The EXIT STATUS of the manual pages. */
int app_exit_code(nenc_status status);

/** Make sure that what was printed on stdout arrived. */
NENC_NODISCARD nenc_status app_stdout_check(void);

/** Seconds on a clock that only runs forward. */
double app_seconds(void);

/** A line on stderr, rewritten a few times a second, after the first second
 *  and only on a terminal.  One at a time, by one thread at a time. */
typedef struct app_progress {
    const char *what;
    double start, shown;
    bool on;
} app_progress;

void app_progress_init(app_progress *p, const char *what, bool quiet);
/** Whether a line would be shown now: ask before working one out. */
bool app_progress_is_due(app_progress *p);
/** "WHAT TEXT" in place of the last line, at once. */
void app_progress_text(app_progress *p, const char *text);
/** "12 s left", "3 min left", "1.5 h left". */
void app_time_left(char text[32], double seconds);
/** A nenc_progress_fn; `user` is the app_progress. */
int  app_progress_show(void *user, double done);
/** Wipe the line, which comes again when it is due. */
void app_progress_hide(void);
/** Wipe it for good. */
void app_progress_end(app_progress *p);

/** A flat JSON object, one member a line or (JSON Lines) all in one. */
typedef struct app_json {
    FILE *file;
    bool in_line;
    int n;
} app_json;

void app_json_begin(app_json *j, FILE *file);
void app_json_begin_line(app_json *j, FILE *file);
/** Bytes that are not UTF-8 become \udc80 to \udcff (as Python has it). */
void app_json_text(app_json *j, const char *key, const char *value);
void app_json_integer(app_json *j, const char *key, uint64_t value);
void app_json_real(app_json *j, const char *key, double value);
void app_json_end(app_json *j);

#endif
