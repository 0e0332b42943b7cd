/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of tensors for the programs that dump and measure training: read whole,
 * and made of arrays of floats.  Not here: what the tensors mean. */
#ifndef NENC_CONFORMANCE_TENSOR_FILE_H
#define NENC_CONFORMANCE_TENSOR_FILE_H

#include "safetensors.h"

enum { TENSOR_FILE_MAX = 1024 };

/** @param[out] st  lies in `arena`, with the file's bytes
 *  @return NENC_OK, NENC_EIO, NENC_EMODEL, NENC_ENOMEM, NENC_ELIMIT */
nenc_status tensor_file_read(nenc_safetensors *st, nenc_arena *arena,
                             const char *path, nenc_diag *diag);

/** @return NENC_OK, NENC_EIO, NENC_ENOMEM */
nenc_status tensor_file_write(const nenc_safetensors *st, const char *path,
                              nenc_diag *diag);

/** Tensors still to be written: starts with nothing but the arena. */
typedef struct tensor_list {
    nenc_arena *arena;           /**< borrowed */
    nenc_st_tensor tensors[TENSOR_FILE_MAX];
    size_t n;
    bool failed;                 /**< no memory, or no place: sticks */
} tensor_list;

/** Copies of `prefix` with `name`, and of the values. */
void tensor_list_put(tensor_list *list, const char *prefix, const char *name,
                     const float *values, const size_t *dims, size_t n_dims);

/** @return as tensor_file_write(), and NENC_ENOMEM where a put failed */
nenc_status tensor_list_write(const tensor_list *list, const char *path,
                              nenc_diag *diag);

#endif
