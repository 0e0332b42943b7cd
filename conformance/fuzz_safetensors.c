/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a safetensors file.  What parses is converted,
 * written, and must parse to the same again.  Not here: models (fuzz_model). */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "safetensors.h"

static void check(bool good)
{
    if (!good)
        abort();
}

static void convert_all(const nenc_safetensors *st)
{
    nenc_arena arena;
    nenc_diag diag;
    nenc_arena_init(&arena, 1 << 22);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const nenc_st_tensor *t = &st->tensors[i];
        float *real = NULL;
        int32_t *whole = NULL;
        check(nenc_safetensors_find(st, t->name) == t);
        if (nenc_safetensors_f32(&real, st, &arena, t->name, t->dims,
                                 t->n_dims, &diag) >= 0)
            for (size_t k = 0; k < t->n_items; k++)
                check(real[k] - real[k] == 0);      /* finite */
        if (nenc_safetensors_i32(&whole, st, &arena, t->name, t->dims,
                                 t->n_dims, &diag) >= 0)
            check(real == NULL && whole != NULL);
    }
    nenc_arena_free(&arena);
}

static void check_same(const nenc_safetensors *a, const nenc_safetensors *b)
{
    check(a->n_tensors == b->n_tensors && a->n_metadata == b->n_metadata);
    for (size_t i = 0; i < a->n_tensors; i++) {
        const nenc_st_tensor *x = &a->tensors[i], *y = &b->tensors[i];
        check(!strcmp(x->name, y->name) && x->dtype == y->dtype);
        check(x->n_dims == y->n_dims && x->n_items == y->n_items);
        check(!memcmp(x->dims, y->dims, sizeof x->dims));
        check(x->size == y->size && !memcmp(x->data, y->data, x->size));
    }
    for (size_t i = 0; i < a->n_metadata; i++)
        check(!strcmp(a->metadata[i].key, b->metadata[i].key)
              && !strcmp(a->metadata[i].value, b->metadata[i].value));
}

/* Some two-character escapes are written longer than they were: six for two. */
static void write_all(const nenc_safetensors *st, size_t size)
{
    nenc_safetensors again;
    nenc_arena arena;
    nenc_buffer buf;
    nenc_arena_init(&arena, SIZE_MAX);
    nenc_buffer_init(&buf, 3 * size + 64);
    nenc_safetensors_write(&buf, st);
    check(!buf.failed);
    check(nenc_safetensors_parse(&again, &arena, buf.data, buf.size, NULL)
          == NENC_OK);
    check_same(st, &again);
    nenc_buffer_free(&buf);
    nenc_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + !size);
    nenc_safetensors st;
    nenc_arena arena;
    nenc_diag diag = { .status = NENC_OK };
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    nenc_arena_init(&arena, 1 << 22);
    const nenc_status status = nenc_safetensors_parse(&st, &arena, copy, size,
                                                      &diag);
    if (status >= 0) {
        convert_all(&st);
        write_all(&st, size);
    } else {
        check(diag.status == status && diag.text[0]);
    }
    nenc_arena_free(&arena);
    free(copy);
    return 0;
}
