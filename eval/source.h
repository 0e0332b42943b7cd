/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that codecs are tried on, in the kinds that codecs read, and the
 * metrics of what comes back.  Not here: codecs, results of many files. */
#ifndef NENC_EVAL_SOURCE_H
#define NENC_EVAL_SOURCE_H

#include <pthread.h>

#include "cache.h"
#include "sound.h"

/** A picture or a sound, whichever the run is about. */
typedef struct nenc_signal {
    nenc_image image;
    nenc_sound sound;
} nenc_signal;

typedef struct nenc_source {
    const char *path, *name;
    nenc_eval_media media;
    nenc_cache_key key;       /**< of the file's bytes */
    unsigned width, height;   /**< of a picture */
    unsigned rate, channels;  /**< of a sound */
    double amount;            /**< pixels, or seconds */
    char folder[NENC_CACHE_PATH]; /**< for working copies */
    pthread_mutex_t lock;
    char kinds[64];           /**< working copies there are: " ppm png" */
} nenc_source;

/** Read a file's facts and note where its working copies go.
 *  @param folder  exists, and is this source's alone
 *  @return NENC_OK, or what reading it returns */
NENC_NODISCARD nenc_status nenc_source_open(nenc_source *s, const char *path,
                                            const char *name,
                                            nenc_eval_media media,
                                            const char *folder,
                                            nenc_diag *diag);
void nenc_source_close(nenc_source *s);

/** A working copy of that kind (a file suffix), made at the first call.  Any
 *  number of threads.
 *  @return NENC_OK, NENC_EINVAL (no such kind), NENC_EIO ... */
NENC_NODISCARD nenc_status nenc_source_copy(nenc_source *s, const char *kind,
                                            char path[NENC_CACHE_PATH],
                                            nenc_diag *diag);

/** Read a picture or a sound. */
NENC_NODISCARD nenc_status nenc_signal_load(nenc_signal *s,
                                            nenc_eval_media media,
                                            const char *path, nenc_diag *diag);
void nenc_signal_free(nenc_signal *s);

/** The metrics that need no other program, in the order in which
 *  nenc_signal_metrics() lists them. */
NENC_NODISCARD nenc_status nenc_signal_compare(double *values,
                                               nenc_eval_media media,
                                               const nenc_signal *original,
                                               nenc_signal *decoded,
                                               nenc_diag *diag);

/** The keys of those metrics.  @return how many */
size_t nenc_signal_metrics(nenc_eval_media media, const char *const **keys);

#endif
