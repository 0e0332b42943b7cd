/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and threads refused on request, for tests of what happens then.
 * A program that links fail_alloc.c has its own malloc(), calloc(), realloc(),
 * free() and pthread_create(); they pass calls on to the C library's (or to a
 * sanitizer's) and serve the shared libraries of the program, too. */
#ifndef NENC_TESTS_FAIL_ALLOC_H
#define NENC_TESTS_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/** Whether calls come here at all: not in every build and on every system. */
bool fail_alloc_works(void);

/** From now on this thread's n-th allocation (the first is 0) is refused, and
 *  with `all_after` every later one.  (Other threads get theirs: sanitizers
 *  allocate where a thread begins, and die without.) */
void fail_alloc_start(size_t n, bool all_after);
/** Refuse no more. @return how many were refused since the start */
size_t fail_alloc_stop(void);

/** Blocks that are allocated and not yet freed. */
long fail_alloc_live(void);

/** Refuse all threads but the next n; a negative n refuses none. */
void fail_threads_after(int n);

#endif
