/* SPDX-License-Identifier: BSD-2-Clause */
/* Results kept by what they depend on, in a folder that any number of runs may
 * share.  Not here: what the results depend on. */
#ifndef NENC_EVAL_CACHE_H
#define NENC_EVAL_CACHE_H

#include "file.h"
#include "hash.h"
#include "table.h"

enum { NENC_CACHE_PATH = 1024 };

typedef struct nenc_cache {
    char folder[NENC_CACHE_PATH];
    bool redo;                /**< find nothing, store everything */
} nenc_cache;

typedef struct nenc_cache_key {
    uint8_t hash[32];
} nenc_cache_key;

/** Add a text, its end included, to what a key is made of. */
void nenc_cache_add(nenc_sha256 *h, const char *text);
/** And the bytes of a file; none if it cannot be read. */
void nenc_cache_add_file(nenc_sha256 *h, const char *path);

/** Make the folder, where it is missing.
 *  @return NENC_OK, NENC_EIO */
NENC_NODISCARD nenc_status nenc_cache_open(nenc_cache *c, const char *folder,
                                           nenc_diag *diag);

/** The path of a kept file, FOLDER/ab/cdef...SUFFIX; its folder is made. */
void nenc_cache_path(const nenc_cache *c, const nenc_cache_key *key,
                     const char *suffix, char path[NENC_CACHE_PATH]);

/** @return whether there was a row; damaged ones do not count */
bool nenc_cache_load(const nenc_cache *c, const nenc_cache_key *key,
                     const nenc_eval_metric *metrics, size_t n_metrics,
                     nenc_eval_row *row);

/** Keep a row and the coded file it is about, which is moved: its path must be
 *  on the same file system.  Each appears whole or not at all.
 *  @return NENC_OK, NENC_EIO */
NENC_NODISCARD nenc_status nenc_cache_store(const nenc_cache *c,
                                            const nenc_cache_key *key,
                                            const nenc_eval_metric *metrics,
                                            size_t n_metrics,
                                            const nenc_eval_row *row,
                                            const char *coded,
                                            nenc_diag *diag);

#endif
