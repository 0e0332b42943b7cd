/* SPDX-License-Identifier: BSD-2-Clause */
/* Which files a command line of nenc or ndec means, and what their outputs are
 * called.  Not here: listing (app_files.h), writing. */
#ifndef NENC_APPS_NAMES_H
#define NENC_APPS_NAMES_H

#include "app_files.h"
#include "app_options.h"

/** Whether it takes several files, or a folder, however many that holds. */
bool app_names_many(const app_common *common);
/** Whether `output` is a folder, or called one by a slash at its end. */
bool app_names_folder(const char *output);

/** What is to be found and written. */
typedef struct app_naming {
    const app_common *common;
    bool (*wanted)(const char *path);  /**< of the files in a folder */
    const char *what;         /**< they are: "pictures" */
    const char *output;       /**< file or folder; NULL = beside the input */
    const char *suffix;       /**< of outputs that are made from an input's
                                   name; NULL = nothing is written */
} app_naming;

/** Find the files and name their outputs, all different and none an input.
 *  Touches nothing.  app_files_free() them, also after a failure.
 *  @return 0, or the exit code of what was told */
int app_names_find(app_files *files, const app_naming *naming);

#endif
