/* SPDX-License-Identifier: BSD-2-Clause */
/* A model file opened and bound to its codec.  Not here: safetensors. */
#ifndef NENC_CODECS_MODEL_H
#define NENC_CODECS_MODEL_H

#include "codec.h"

struct nenc_model {
    nenc_arena arena;            /**< everything below */
    nenc_safetensors st;
    const nenc_codec *codec;
    const void *bound;           /**< the codec's own view */
    uint64_t id;
};

/** The identity of a model (doc/FORMAT.md, "Model files"): SHA-256 over the
 *  metadata whose key begins with "nenc." and all tensors but those of the
 *  encoder's own networks. */
void nenc_model_identity(const nenc_safetensors *st, uint8_t digest[32]);

#endif
