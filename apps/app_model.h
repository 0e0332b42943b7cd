/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding codecs and their models.  Functions that fail have told the user why.
 * Not here: what is in a model. */
#ifndef NENC_APPS_MODEL_H
#define NENC_APPS_MODEL_H

#include <pthread.h>

#include "status.h"

/** A codec by its name; NULL names the usual one.
 *  @return 0, or the exit code: those there are have been listed */
int app_codec_find(nenc_codec_info *info, const char *name);

typedef struct app_model {
    nenc_model *model;
    char *path;               /**< NULL: a codec that needs no file */
} app_model;

/** Where it is, for people. */
const char *app_model_place(const app_model *m);

/** The model to encode with: `option` (a file or a folder), or else the
 *  default one in the places of the manual page.
 *  @param codec  whose it must be, or NULL; no file is looked for where it
 *                needs none */
NENC_NODISCARD nenc_status app_model_open_default(
    app_model *m, const char *option, const nenc_codec_info *codec);

/** The model that a stream asks for, among all in the same places; or its
 *  codec's, if that needs no file, whatever `option` is. */
NENC_NODISCARD nenc_status app_model_open_id(app_model *m, const char *option,
                                             const char *stream,
                                             const nenc_info *info);

void app_model_close(app_model *m);

/** Models that were opened, each once, to be shared by threads. */
typedef struct app_models {
    const char *option;       /**< as above */
    const nenc_codec_info *codec;
    pthread_mutex_t lock;
    struct app_models_entry *first;
} app_models;

/** @param option, codec  as above; borrowed */
void app_models_init(app_models *models, const char *option,
                     const nenc_codec_info *codec);
void app_models_close(app_models *models);
/** As app_model_open_default().
 *  @param[out] m  belongs to `models`; NULL on failure */
NENC_NODISCARD nenc_status app_models_default(app_models *models,
                                              const app_model **m);
/** As app_model_open_id(); places are listed for the first stream only. */
NENC_NODISCARD nenc_status app_models_id(app_models *models,
                                         const app_model **m,
                                         const char *stream,
                                         const nenc_info *info);

#endif
