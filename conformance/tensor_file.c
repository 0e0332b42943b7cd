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
    const char *kept = length < (int)sizeof text
        ? nenc_arena_strdup(list->arena, text, (size_t)length) : NULL;
    if (!kept || list->n == TENSOR_FILE_MAX
        || nenc_st_floats(&list->tensors[list->n], list->arena, kept, values,
                          dims, n_dims, NULL) < 0)
        list->failed = true;
    else
        list->n++;
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
