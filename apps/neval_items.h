/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that neval is to work on.  Functions that fail have told the user
 * why.  Not here: what is in them. */
#ifndef NENC_APPS_NEVAL_ITEMS_H
#define NENC_APPS_NEVAL_ITEMS_H

#include "app_files.h"
#include "table.h"

typedef struct neval_item {
    const char *path;
    const char *name;         /**< the path's end, if no other has the same */
} neval_item;

typedef struct neval_items {
    neval_item *list;         /**< by name */
    size_t n;
    nenc_eval_media media;    /**< of all of them */
    app_files files;
} neval_items;

/** Files as they are, and of folders those whose suffix is of a picture or a
 *  sound that can be read. */
NENC_NODISCARD nenc_status neval_items_find(neval_items *items,
                                            char *const *paths, size_t n,
                                            bool recursive);
/** Keep part `text` ("2/5": the second of five). */
NENC_NODISCARD nenc_status neval_items_shard(neval_items *items,
                                             const char *text);
void neval_items_free(neval_items *items);

#endif
