/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding model files.  Functions that fail have told the user why.
 * Not here: what is in a model. */
#ifndef NENC_APPS_MODEL_H
#define NENC_APPS_MODEL_H

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

#endif
