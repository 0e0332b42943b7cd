/* SPDX-License-Identifier: BSD-2-Clause */
/* Codecs under test: ours and other people's, as command templates.
 * Not here: running them. */
#ifndef NENC_EVAL_PEERS_H
#define NENC_EVAL_PEERS_H

#include "command.h"
#include "table.h"

enum { NENC_POINTS_MAX = 64 };

/** A codec in the table of those known. */
typedef struct nenc_peer {
    const char *name;
    nenc_eval_media media;
    bool is_default;          /**< measured when none is named */
    const char *about;        /**< a sentence */
    const char *encode, *decode;  /**< templates, see command.h */
    const char *q;            /**< "10,20,30", from few bits to many */
} nenc_peer;

/** The table, one by one: NULL past its end. */
const nenc_peer *nenc_peer_at(size_t i);

/** A codec as it will be run. */
typedef struct nenc_eval_codec {
    const char *label;        /**< in tables and curves */
    const char *about;        /**< its encoding command, for people */
    const char *encode, *decode, *options;
    const char *encoder, *decoder;    /**< paths of the programs */
    const char *q[NENC_POINTS_MAX];
    size_t n_q;
    const char *why_not;      /**< it cannot be run, in words; or NULL */
} nenc_eval_codec;

/** Understand `[LABEL=]NAME[:OPTIONS][@Q,Q,...]`, where NAME is in the table,
 *  or `LABEL@Q,Q,...|ENCODE|DECODE` with templates.  A missing program is no
 *  error: see why_not.
 *  @param folder  where our own programs are looked for first; may be NULL
 *  @return NENC_OK, NENC_EINVAL (the sentence says why), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_eval_codec_open(nenc_eval_codec *c,
                                                const char *spec,
                                                nenc_eval_media media,
                                                const char *folder,
                                                nenc_arena *arena,
                                                nenc_diag *diag);

#endif
