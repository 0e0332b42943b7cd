/* SPDX-License-Identifier: BSD-2-Clause */
/* Checked sizes, aligned blocks, and an arena under a cap.
 * Not here: pools, reference counts, growing buffers (see bytes.h). */
#ifndef NENC_COMMON_MEM_H
#define NENC_COMMON_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#define NENC_ALIGN 64

/** *out = a * b (or a + b). @return false on overflow, *out untouched */
bool nenc_size_mul(size_t *out, size_t a, size_t b);
bool nenc_size_add(size_t *out, size_t a, size_t b);

/** `n * size` bytes, 64-byte aligned, not cleared; NULL on overflow or when
 *  out of memory, and for n * size == 0 a valid block.  nenc_mem_free() it. */
void *nenc_mem_alloc(size_t n, size_t size);
void *nenc_mem_zalloc(size_t n, size_t size);
void  nenc_mem_free(void *block);

/** An arena hands out zeroed, 64-byte aligned blocks that live until it is
 *  freed.  Blocks over the cap are refused.  One thread at a time. */
typedef struct nenc_arena {
    struct nenc_arena_block *blocks;
    size_t used;          /**< bytes handed out */
    size_t cap;
    bool   over;          /**< the cap has refused a block */
} nenc_arena;

void  nenc_arena_init(nenc_arena *arena, size_t cap);
/** Get room for `bytes` from the system in one piece, if there is. */
void  nenc_arena_reserve(nenc_arena *arena, size_t bytes);
void *nenc_arena_zalloc(nenc_arena *arena, size_t n, size_t size);
char *nenc_arena_strdup(nenc_arena *arena, const char *text, size_t length);
/** Make room for one more in a list of `n` with room for `*room`, each of
 *  `size` bytes: where it is full, it moves to twice the room, and what it had
 *  before stays in the arena unused.
 *  @return the list; NULL = refused, nothing changed */
void *nenc_arena_grow(nenc_arena *arena, void *list, size_t n, size_t *room,
                      size_t size);
void  nenc_arena_free(nenc_arena *arena);

/** After a refused block: NENC_ELIMIT where the cap refused it, else
 *  NENC_ENOMEM, with a sentence about "WHAT NAME". */
nenc_status nenc_arena_fail(const nenc_arena *arena, nenc_diag *diag,
                            const char *what, const char *name);

#define NENC_MIN(a, b) ((a) < (b) ? (a) : (b))
#define NENC_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
