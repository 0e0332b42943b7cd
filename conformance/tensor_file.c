/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of tensors in memory.  Nothing else. */
#include <stdio.h>
#include <string.h>

#include "tensor_file.h"

#define MAX_FILE ((size_t)1 << 30)

static nenc_status no_file(const char *path, nenc_diag *diag)
{
    return nenc_fail(diag, NENC_EIO, "%s: cannot be read", path);
}

static nenc_status load(FILE *f, uint8_t **bytes, size_t *n, nenc_arena *arena,
                        const char *path, nenc_diag *diag)
{
    const long size = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET))
        return no_file(path, diag);
    *n = (size_t)size;
    *bytes = nenc_arena_zalloc(arena, *n, 1);
    if (!*bytes)
        return nenc_arena_fail(arena, diag, "the file", path);
    return fread(*bytes, 1, *n, f) == *n ? NENC_OK : no_file(path, diag);
}

nenc_status tensor_file_read(nenc_safetensors *st, nenc_arena *arena,
                             const char *path, nenc_diag *diag)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return no_file(path, diag);
    const nenc_status status = load(f, &bytes, &n, arena, path, diag);
    fclose(f);
    NENC_TRY(status);
    return nenc_safetensors_parse(st, arena, bytes, n, diag);
}

nenc_status tensor_file_write(const nenc_safetensors *st, const char *path,
                              nenc_diag *diag)
{
    nenc_buffer out;
    nenc_buffer_init(&out, MAX_FILE);
    nenc_safetensors_write(&out, st);
    FILE *f = out.failed ? NULL : fopen(path, "wb");
    bool ok = f && fwrite(out.data, 1, out.size, f) == out.size;
    ok = f && !fclose(f) && ok;
    nenc_buffer_free(&out);
    return ok ? NENC_OK : nenc_fail(diag, NENC_EIO, "%s: cannot be written",
                                    path);
}

void tensor_list_put(tensor_list *list, const char *prefix, const char *name,
                     const float *values, const size_t *dims, size_t n_dims)
{
    char text[256];
    const int length = snprintf(text, sizeof text, "%s%s", prefix, name);
    nenc_st_tensor t = { .dtype = NENC_F32, .n_dims = n_dims, .n_items = 1 };
    for (size_t i = 0; i < n_dims; i++)
        t.n_items *= t.dims[i] = dims[i];
    t.size = 4 * t.n_items;
    uint8_t *bytes = nenc_arena_zalloc(list->arena, t.n_items, 4);
    t.name = length < (int)sizeof text
        ? nenc_arena_strdup(list->arena, text, (size_t)length) : NULL;
    if (!bytes || !t.name || list->n == TENSOR_FILE_MAX) {
        list->failed = true;
        return;
    }
    for (size_t i = 0; i < t.n_items; i++) {
        uint32_t word;
        memcpy(&word, &values[i], 4);
        nenc_bytes_put_u32(bytes + 4 * i, word);
    }
    t.data = bytes;
    list->tensors[list->n++] = t;
}

nenc_status tensor_list_write(const tensor_list *list, const char *path,
                              nenc_diag *diag)
{
    const nenc_safetensors st = { .n_tensors = list->n,
                                  .tensors = list->tensors };
    if (list->failed)
        return nenc_fail(diag, NENC_ENOMEM, "no room for %s", path);
    return tensor_file_write(&st, path, diag);
}
