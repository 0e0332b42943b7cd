/* SPDX-License-Identifier: BSD-2-Clause */
/* Making hyperprior model files: from what training/ exports, and from
 * CompressAI's weights.  For tools; neither codes nor decodes. */
#ifndef NENC_CODECS_HYPERPRIOR_BUILD_H
#define NENC_CODECS_HYPERPRIOR_BUILD_H

#include "safetensors.h"

/** Turn an exported file into a model file: network texts without comments,
 *  one metadata entry each; weights as float16; integer tables made from the
 *  densities that the metadata names (doc/FORMAT.md, "Exported models").
 *  @param[out] out  lies in `arena`, may point into `raw`
 *  @return NENC_OK, NENC_EMODEL, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_hyperprior_build(
    nenc_safetensors *out, nenc_arena *arena, const nenc_safetensors *raw,
    nenc_diag *diag);

/** Turn the state of a CompressAI bmshj2018-factorized, bmshj2018-hyperprior
 *  or mbt2018-mean (told apart by its tensors) into an exported file for
 *  nenc_hyperprior_build(). */
NENC_NODISCARD nenc_status nenc_hyperprior_import(
    nenc_safetensors *out, nenc_arena *arena, const nenc_safetensors *state,
    nenc_diag *diag);

#endif
