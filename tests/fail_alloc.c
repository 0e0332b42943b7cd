/* SPDX-License-Identifier: BSD-2-Clause */
/* An allocator before the C library's that refuses on request.  It runs before
 * a sanitizer has set itself up, so nothing here is instrumented.
 * Not here: tests. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail_alloc.h"

static _Thread_local bool armed, sticky;
static _Thread_local size_t countdown, refused;
static atomic_long live;
static atomic_int threads_left = -1;

bool fail_alloc_works(void)
{
    const long before = fail_alloc_live();
    FILE *f = fopen("/dev/null", "r");     /* allocates in the C library */
    const bool works = f && fail_alloc_live() > before;
    if (f)
        fclose(f);
    return works;
}

void fail_alloc_start(size_t n, bool all_after)
{
    refused = 0;
    countdown = n;
    sticky = all_after;
    armed = true;
}

size_t fail_alloc_stop(void)
{
    armed = false;
    return refused;
}

long fail_alloc_live(void)
{
    return live;
}

void fail_threads_after(int n)
{
    threads_left = n;
}

/* ThreadSanitizer's own start-up does not bear a strange allocator. */
#if defined __GNUC__ && !defined __SANITIZE_THREAD__

#define RAW __attribute__((no_sanitize("address", "undefined")))
#define SHOWN __attribute__((visibility("default"))) RAW

/* The sanitizers' functions, which a statically linked one has only under
 * these names. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t n, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *block, size_t size) __attribute__((weak));
void __interceptor_free(void *block) __attribute__((weak));

typedef struct backing {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
} backing;

static backing real;
static bool looking;

RAW static bool look_up(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);       /* ISO C has no cast for this */
    return found != NULL;
}

/* dlsym() may allocate, and copes with a refusal. */
RAW static bool find_real(void)
{
    if (real.free)
        return true;
    if (looking)
        return false;
    looking = true;
    backing b = { __interceptor_malloc, __interceptor_calloc,
                  __interceptor_realloc, __interceptor_free };
    if (b.malloc || (look_up("malloc", &b.malloc, sizeof b.malloc)
                     && look_up("calloc", &b.calloc, sizeof b.calloc)
                     && look_up("realloc", &b.realloc, sizeof b.realloc)
                     && look_up("free", &b.free, sizeof b.free)))
        real = b;
    looking = false;
    return real.free != NULL;
}

RAW static bool refuse(void)
{
    if (!find_real())
        return true;
    if (!armed)
        return false;
    const size_t left = countdown--;
    if (!left || (left > SIZE_MAX / 2 && sticky)) {
        refused++;
        errno = ENOMEM;
        return true;
    }
    return false;
}

RAW static void *count(void *block)
{
    if (block)
        live++;
    return block;
}

SHOWN void *malloc(size_t size)
{
    return refuse() ? NULL : count(real.malloc(size));
}

SHOWN void *calloc(size_t n, size_t size)
{
    return refuse() ? NULL : count(real.calloc(n, size));
}

SHOWN void *realloc(void *block, size_t size)
{
    if (refuse())
        return NULL;
    const bool had = block != NULL;
    void *moved = real.realloc(block, size);
    if (had && !size && !moved)
        live--;
    return had ? moved : count(moved);
}

SHOWN void free(void *block)
{
    if (!block || !find_real())
        return;
    live--;
    real.free(block);
}

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                      void *);
create_fn __interceptor_pthread_create __attribute__((weak));

SHOWN int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                         void *(*fn)(void *), void *user)
{
    create_fn *create = __interceptor_pthread_create;
    if (threads_left >= 0 && atomic_fetch_sub(&threads_left, 1) <= 0) {
        threads_left = 0;
        return EAGAIN;
    }
    if (!create && !look_up("pthread_create", &create, sizeof create))
        return EAGAIN;
    return create(thread, attr, fn, user);
}
#endif
