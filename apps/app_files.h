/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that a command line names: as they are, and in folders.
 * Not here: what is in them, what becomes of them. */
#ifndef NENC_APPS_FILES_H
#define NENC_APPS_FILES_H

#include "mem.h"

typedef struct app_file {
    const char *path;
    const char *rest;         /**< its end: the base name, or what follows the
                                   folder that was named */
    const char *output;       /**< see app_names.h; NULL = none yet */
} app_file;

typedef struct app_files {
    app_file *list;           /**< as named, those of a folder by name */
    size_t n, room;
    size_t n_failed;          /**< folders that could not be read: told */
    nenc_status status;       /**< of the first of those */
    nenc_arena arena;         /**< holds all of this */
    bool is_many;             /**< by the command line: see app_names.h */
    bool makes_folders;       /**< of outputs, where they are missing */
} app_files;

/** Files as they are, there or not, and of folders those that are `wanted`
 *  but for hidden ones.  `recursive`: of folders inside them too, but for links
 *  to folders.  app_files_free() it, also after a failure.
 *  @return NENC_OK or NENC_ENOMEM, told */
NENC_NODISCARD nenc_status app_files_find(app_files *files, char *const *paths,
                                          size_t n,
                                          bool (*wanted)(const char *path),
                                          bool recursive);
void app_files_free(app_files *files);

/** Whether it is one, or a link to one. */
bool app_is_folder(const char *path);
/** What follows the last slash. */
const char *app_base(const char *path);

/** The folder that this program lies in, into `path`.
 *  @return path, or NULL: nobody knows */
const char *app_own_folder(char *path, size_t size);

#endif
