/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines from one table, which also prints the help.
 * Not here: what the options do. */
#ifndef NENC_APPS_OPTIONS_H
#define NENC_APPS_OPTIONS_H

#include "status.h"

typedef enum app_kind {
    APP_FLAG,             /**< bool */
    APP_NUMBER,           /**< int, min to max */
    APP_REAL,             /**< double, min to max */
    APP_SIZE,             /**< uint64_t, min to max, K, M or G may follow */
    APP_TEXT,             /**< const char * */
    APP_LIST,             /**< app_list; the option may be given often */
    APP_HELP,             /**< --help and --help=all */
    APP_VERSION
} app_kind;

/** What an option that may be given often has collected. */
typedef struct app_list {
    const char *text[64];
    int n;
} app_list;

/** One line of a table.  The value lies `offset` bytes into the program's
 *  options, whose first member is an app_common. */
typedef struct app_option {
    const char *group;
    char letter;          /**< 0 = none */
    bool is_rare;         /**< in --help=all only */
    app_kind kind;
    const char *name;     /**< without the dashes */
    const char *arg;      /**< what follows it, NULL for none */
    size_t offset;
    uint64_t min, max;
    const char *help;     /**< lines parted by \n */
} app_option;

/** Options that nenc and ndec share. */
typedef struct app_common {
    const char *input;    /**< the first one; "-" is standard input */
    char **inputs;        /**< all of them: where the command takes several */
    int n_inputs;
    const char *output;   /**< NULL = made from the input's name */
    const char *model;    /**< file or folder; NULL = search */
    int threads;
    bool force, verbose, quiet, json;
    bool recursive, skip_existing, fail_fast;
    uint64_t max_pixels, max_memory;
} app_common;

typedef struct app_command {
    const char *name, *usage, *about, *examples;
    const app_option *options;       /**< beside the shared ones */
    size_t n_options;
    bool takes_many;      /**< inputs; else one */
    bool takes_none;      /**< or none: options name what it reads */
    const char *shared;   /**< names of the shared ones that it takes, each
                               between blanks; NULL = all */
} app_command;

/** Fill `options` (which begins with an app_common, defaults set by the
 *  caller; this sets those of the app_common) from the command line.
 *  @return true to go on; false to end with *rc: help, version, misuse */
bool app_options_parse(const app_command *cmd, void *options, int argc,
                       char **argv, int *rc);

/** Two lines on stderr. @return 2 */
int app_misuse(const char *fmt, ...) NENC_PRINTF(1, 2);

/** `path` with its picture or .nenc suffix, if any, replaced by `suffix`;
 *  free() it.  NULL = out of memory. */
char *app_with_suffix(const char *path, const char *suffix);

#endif
