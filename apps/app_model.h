/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding model files.  Functions that fail have told the user why.
 * Not here: what is in a model. */
#ifndef NENC_APPS_MODEL_H
#define NENC_APPS_MODEL_H

#include <pthread.h>

#include "status.h"

typedef struct app_model {
    nenc_model *model;
    char *path;
} app_model;

/** The model to encode with: `option` (a file or a folder), or else the
 *  default one in the places of the manual page. */
NENC_NODISCARD nenc_status app_model_open_default(app_model *m,
                                                  const char *option);

/** The model that a stream asks for, among all in the same places. */
NENC_NODISCARD nenc_status app_model_open_id(app_model *m, const char *option,
                                             const char *stream,
                                             const nenc_info *info);

void app_model_close(app_model *m);

/** Models that were opened, each once, to be shared by threads. */
typedef struct app_models {
    const char *option;       /**< as above */
    pthread_mutex_t lock;
    struct app_models_entry *first;
} app_models;

void app_models_init(app_models *models, const char *option);
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
