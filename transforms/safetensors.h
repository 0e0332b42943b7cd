/* SPDX-License-Identifier: BSD-2-Clause */
/* safetensors files: an 8-byte header length, a JSON header, then the
 * tensors' bytes.  Read as hostile input.  Not here: what the tensors mean. */
#ifndef NENC_TRANSFORMS_SAFETENSORS_H
#define NENC_TRANSFORMS_SAFETENSORS_H

#include "bytes.h"
#include "float16.h"
#include "mem.h"

enum { NENC_ST_MAX_DIMS = 8 };

typedef enum nenc_dtype {
    NENC_F64, NENC_F32, NENC_F16, NENC_BF16, NENC_I64, NENC_I32, NENC_I16,
    NENC_I8, NENC_U32, NENC_U16, NENC_U8, NENC_BOOL, NENC_DTYPE_N
} nenc_dtype;

size_t      nenc_dtype_size(nenc_dtype dtype);
const char *nenc_dtype_name(nenc_dtype dtype);

typedef struct nenc_st_tensor {
    const char *name;
    nenc_dtype dtype;
    size_t n_dims, dims[NENC_ST_MAX_DIMS];
    size_t n_items, size;        /**< product of dims; bytes */
    const uint8_t *data;         /**< borrowed, little-endian, any alignment */
} nenc_st_tensor;

typedef struct nenc_st_entry { const char *key, *value; } nenc_st_entry;

/** A parsed file.  Tensors and metadata are sorted by name (strcmp). */
typedef struct nenc_safetensors {
    size_t n_tensors, n_metadata;
    const nenc_st_tensor *tensors;
    const nenc_st_entry *metadata;
} nenc_safetensors;

/** Parse `size` bytes; the result lies in `arena` and points into `data`.
 *  Checked: the header's length (at most 16 MiB), JSON syntax and depth, UTF-8
 *  and escapes, duplicate names, control characters in names, dtypes, dims'
 *  product against the byte range; the ranges must cover all bytes after the
 *  header once, as the format wants: no overlap, no gap, nothing left over.
 *  @return NENC_OK, NENC_EMODEL with the byte offset, NENC_ENOMEM, or
 *          NENC_ELIMIT (the arena's cap) */
NENC_NODISCARD nenc_status nenc_safetensors_parse(
    nenc_safetensors *st, nenc_arena *arena, const void *data, size_t size,
    nenc_diag *diag);

/** NULL where there is none. */
const nenc_st_tensor *nenc_safetensors_find(const nenc_safetensors *st,
                                            const char *name);
const char *nenc_safetensors_metadata(const nenc_safetensors *st,
                                      const char *key);

/** A tensor of floats, found and checked as nenc_safetensors_f32() does it,
 *  and left as it is. */
NENC_NODISCARD nenc_status nenc_safetensors_floats(
    const nenc_st_tensor **out, const nenc_safetensors *st, const char *name,
    const size_t *dims, size_t n_dims, nenc_diag *diag);
/** Such a tensor's values as float32. */
void nenc_st_expand(float *dst, const nenc_st_tensor *t);

/** The tensor as float32 (from F64, F32, F16 or BF16, rounded to nearest), in
 *  `arena`.  Every value must be finite.  `dims` of `n_dims` must match; a
 *  dim of 0 in `dims` matches anything.
 *  @return NENC_OK, NENC_EMODEL (missing, misshapen, not finite; named),
 *          NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status nenc_safetensors_f32(
    float **out, const nenc_safetensors *st, nenc_arena *arena,
    const char *name, const size_t *dims, size_t n_dims, nenc_diag *diag);

/** The same for integers (I32, I64, I16, I8, U32, U16, U8), refusing values
 *  outside int32. */
NENC_NODISCARD nenc_status nenc_safetensors_i32(
    int32_t **out, const nenc_safetensors *st, nenc_arena *arena,
    const char *name, const size_t *dims, size_t n_dims, nenc_diag *diag);

/** The n_dims dims' worth of values as a tensor of float32.
 *  @param name    borrowed, as long as the tensor lives
 *  @param values  copied into `arena`
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status nenc_st_floats(
    nenc_st_tensor *t, nenc_arena *arena, const char *name,
    const float *values, const size_t *dims, size_t n_dims, nenc_diag *diag);

/** Into the order of a parsed file. */
void nenc_st_sort(nenc_st_tensor *tensors, size_t n_tensors,
                  nenc_st_entry *metadata, size_t n_metadata);

/** Serialise: metadata and tensors in the order given.  The tensors' bytes
 *  are laid out by falling size of an item, so that each is aligned to its
 *  type and there are no gaps, which other readers refuse.  Sticky failure is
 *  in the buffer. */
void nenc_safetensors_write(nenc_buffer *out, const nenc_safetensors *st);

#endif
