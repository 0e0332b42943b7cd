/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool of worker threads for loops over independent items.
 * Not here: queues of unlike jobs, priorities. */
#ifndef NENC_COMMON_POOL_H
#define NENC_COMMON_POOL_H

#include "status.h"

typedef struct nenc_pool nenc_pool;

/** Items [first, end) of a loop; `worker` < nenc_pool_threads(). */
typedef void (*nenc_pool_fn)(void *user, int worker, size_t first, size_t end);

/** @param threads  0 = one per core this process may run on; 1 = no worker
 *  Workers run in the default floating-point environment. */
NENC_NODISCARD nenc_status nenc_pool_open(nenc_pool **out, int threads);
void nenc_pool_close(nenc_pool *pool);
int  nenc_pool_threads(const nenc_pool *pool);

/** Run fn over [0, n) in chunks of at most `grain` items.  Threads claim
 *  chunks as they get free, so a busy core slows only its own chunk; the
 *  caller works too.  Returns when all is done.  Never fails.  Not reentrant:
 *  fn must not call it on the same pool.  `pool` NULL = on this thread. */
void nenc_pool_run(nenc_pool *pool, size_t n, size_t grain, nenc_pool_fn fn,
                   void *user);

#endif
