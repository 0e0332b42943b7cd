/* SPDX-License-Identifier: BSD-2-Clause */
/* Checked sizes, aligned blocks, arenas: the only file that calls malloc. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "mem.h"

struct nenc_arena_block {
    struct nenc_arena_block *next;
    size_t left;                 /* bytes free at the end of `bytes` */
    uint8_t *free;
};

/* Blocks of an arena are cut from chunks as large as all before them, within
 * these bounds: few mappings, and large enough for huge pages.  AddressSanitizer
 * sees blocks only, so it gets each by itself. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif
enum { CHUNK_MIN = 1 << 16, CHUNK_MAX = 8 << 20 };

bool nenc_size_mul(size_t *out, size_t a, size_t b)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

bool nenc_size_add(size_t *out, size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

enum { HUGE_PAGE = 2 << 20 };

/* Ask for huge pages where the system hands them out on request: a plan of
 * 100 MB is touched once from end to end, and 4 KiB at a time the page faults
 * cost a fifth of a decode. */
static void prefer_huge_pages(uint8_t *block, size_t bytes)
{
#if defined __linux__ && defined MADV_HUGEPAGE
    (void)madvise(block, bytes, MADV_HUGEPAGE);
#else
    (void)block, (void)bytes;
#endif
}

/* The block's own address is kept just below the aligned one.  calloc() gets
 * large blocks from the system already clear, untouched until used.  Those
 * begin and end with a huge page. */
static void *allocate(size_t n, size_t size, bool clear)
{
    size_t bytes, total;
    if (!nenc_size_mul(&bytes, n, size))
        return NULL;
    const size_t align = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : NENC_ALIGN;
    if (!nenc_size_add(&bytes, bytes, align - 1))
        return NULL;
    bytes = bytes / align * align;
    if (!nenc_size_add(&total, bytes, align + sizeof(void *)))
        return NULL;
    uint8_t *raw = clear ? calloc(total, 1) : malloc(total);
    if (!raw)
        return NULL;
    const uintptr_t at = (uintptr_t)raw + sizeof(void *);
    uint8_t *block = raw + sizeof(void *) + (align - at % align) % align;
    if (align == HUGE_PAGE)
        prefer_huge_pages(block, bytes);
    memcpy(block - sizeof(void *), &raw, sizeof(void *));
    return block;
}

void *nenc_mem_alloc(size_t n, size_t size)
{
    return allocate(n, size, false);
}

void *nenc_mem_zalloc(size_t n, size_t size)
{
    return allocate(n, size, true);
}

void nenc_mem_free(void *block)
{
    if (!block)
        return;
    void *raw;
    memcpy(&raw, (uint8_t *)block - sizeof(void *), sizeof(void *));
    free(raw);
}

void nenc_arena_init(nenc_arena *arena, size_t cap)
{
    memset(arena, 0, sizeof *arena);
    arena->cap = cap;
}

/* @param taken  of the bytes, at once */
static struct nenc_arena_block *add_block(nenc_arena *arena, size_t bytes,
                                          size_t taken)
{
    const size_t head = (sizeof(struct nenc_arena_block) + NENC_ALIGN - 1)
                        / NENC_ALIGN * NENC_ALIGN;
    const size_t chunk = SANITIZED ? 0
        : NENC_MIN(NENC_MAX(arena->used, CHUNK_MIN), CHUNK_MAX);
    size_t total;
    if (!nenc_size_add(&total, bytes, head))
        return NULL;
    total = NENC_MAX(total, chunk);
    struct nenc_arena_block *b = nenc_mem_zalloc(total, 1);
    if (!b)
        return NULL;
    b->left = total - head;
    b->free = (uint8_t *)b + head;
    /* Keep the block with the most room in front. */
    if (arena->blocks && arena->blocks->left > b->left - taken) {
        b->next = arena->blocks->next;
        arena->blocks->next = b;
    } else {
        b->next = arena->blocks;
        arena->blocks = b;
    }
    return b;
}

void nenc_arena_reserve(nenc_arena *arena, size_t bytes)
{
    if (!SANITIZED && arena->used <= arena->cap)
        (void)add_block(arena, NENC_MIN(bytes, arena->cap - arena->used), 0);
}

void *nenc_arena_zalloc(nenc_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!nenc_size_mul(&bytes, n, size)
        || !nenc_size_add(&bytes, bytes, NENC_ALIGN - 1))
        return NULL;
    bytes = bytes / NENC_ALIGN * NENC_ALIGN;
    bytes = bytes ? bytes : NENC_ALIGN;
    if (bytes > arena->cap || arena->used > arena->cap - bytes) {
        arena->over = true;
        return NULL;
    }
    struct nenc_arena_block *b = arena->blocks;
    if (!b || b->left < bytes)
        b = add_block(arena, bytes, bytes);
    if (!b)
        return NULL;
    void *block = b->free;
    b->free += bytes;
    b->left -= bytes;
    arena->used += bytes;
    return block;
}

char *nenc_arena_strdup(nenc_arena *arena, const char *text, size_t length)
{
    size_t bytes;
    if (!nenc_size_add(&bytes, length, 1))
        return NULL;
    char *copy = nenc_arena_zalloc(arena, bytes, 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

void *nenc_arena_grow(nenc_arena *arena, void *list, size_t n, size_t *room,
                      size_t size)
{
    size_t more;
    if (n < *room)
        return list;
    if (!nenc_size_mul(&more, NENC_MAX(*room, 8), 2))
        return NULL;
    void *larger = nenc_arena_zalloc(arena, more, size);
    if (larger) {
        if (n)
            memcpy(larger, list, n * size);
        *room = more;
    }
    return larger;
}

void nenc_arena_free(nenc_arena *arena)
{
    struct nenc_arena_block *b = arena->blocks;
    while (b) {
        struct nenc_arena_block *next = b->next;
        nenc_mem_free(b);
        b = next;
    }
    nenc_arena_init(arena, arena->cap);
}

nenc_status nenc_arena_fail(const nenc_arena *arena, nenc_diag *diag,
                            const char *what, const char *name)
{
    if (arena->over)
        return nenc_fail(diag, NENC_ELIMIT,
                         "%s %s needs more than the limit of %zu bytes", what,
                         name, arena->cap);
    return nenc_fail(diag, NENC_ENOMEM, "out of memory for %s %s", what, name);
}
