/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that a long encode goes on from after it was cut short. */
#ifndef NENC_APPS_CHECKPOINT_H
#define NENC_APPS_CHECKPOINT_H

#include "bytes.h"
#include "nenc.h"

typedef struct checkpoint {
    const char *path;         /**< NULL: there is none */
    nenc_buffer before;       /**< what the file had; may be empty */
    double last;              /**< when it was written */
    bool is_final;            /**< written after Ctrl-C */
} checkpoint;

/** Read the file, if it is there.  checkpoint_close() it, also after a failure,
 *  about which the user was told. */
NENC_NODISCARD nenc_status checkpoint_open(checkpoint *c, const char *path);
/** Have the encoder go on from it, and write it. */
void checkpoint_configure(checkpoint *c, nenc_encoder_config *cfg);
/** Whether it is time to write it: every minute, and once after Ctrl-C. */
bool checkpoint_is_due(checkpoint *c);
/** The output is there: the file goes, unless Ctrl-C ended the encode; then the
 *  user is told, but not where `quiet`. */
void checkpoint_done(const checkpoint *c, bool quiet);
void checkpoint_close(checkpoint *c);

#endif
