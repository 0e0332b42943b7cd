/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the hyperprior's training: see train.h.  Not for others. */
#ifndef NENC_CODECS_HYPERPRIOR_TRAIN_H
#define NENC_CODECS_HYPERPRIOR_TRAIN_H

#include "hyperprior.h"
#include "train.h"

nenc_status hyper_train_export(nenc_safetensors *raw, nenc_arena *arena,
                               const nenc_safetensors *model,
                               nenc_diag *diag);
nenc_status hyper_train_create(nenc_safetensors *raw, nenc_arena *arena,
                               const char *text, uint64_t seed,
                               nenc_diag *diag);
nenc_status hyper_train_measure(nenc_safetensors *out, nenc_arena *arena,
                                const nenc_safetensors *raw,
                                const nenc_image *pictures, size_t n,
                                nenc_pool *pool, nenc_diag *diag);
extern const nenc_trainer_ops hyper_trainer;

#endif
