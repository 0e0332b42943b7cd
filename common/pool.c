/* SPDX-License-Identifier: BSD-2-Clause */
/* Worker threads that claim chunks of a loop.  Nothing else. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "fpenv.h"
#include "mem.h"
#include "pool.h"

enum { MAX_THREADS = 1024 };

struct nenc_pool {
    int n_threads;               /* with the caller */
    int n_started;               /* workers that exist */
    pthread_t *workers;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    /* Under the lock: */
    unsigned long epoch;         /* counts loops */
    bool open;                   /* the loop may still be joined */
    int busy;                    /* workers that joined and are not through */
    bool quit;
    /* The loop: written before it opens. */
    nenc_pool_fn fn;
    void *user;
    size_t n, grain;
    atomic_size_t next;
};

typedef struct worker_start {
    nenc_pool *pool;
    int id;
} worker_start;

static int available_cores(void)
{
#if defined __linux__ && defined CPU_COUNT
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set))
        return NENC_MIN(CPU_COUNT(&set), MAX_THREADS);
#endif
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)NENC_MIN(n, MAX_THREADS) : 1;
}

static void claim(nenc_pool *p, int worker)
{
    for (;;) {
        const size_t first = atomic_fetch_add_explicit(&p->next, p->grain,
                                                       memory_order_relaxed);
        if (first >= p->n)
            return;
        p->fn(p->user, worker, first, NENC_MIN(first + p->grain, p->n));
    }
}

static void *work(void *arg)
{
    const worker_start start = *(worker_start *)arg;
    nenc_pool *p = start.pool;
    nenc_mem_free(arg);
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    unsigned long seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while ((p->epoch == seen || !p->open) && !p->quit)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->quit)
            break;
        seen = p->epoch;
        p->busy++;
        pthread_mutex_unlock(&p->lock);
        claim(p, start.id);
        pthread_mutex_lock(&p->lock);
        if (!--p->busy)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool start_worker(nenc_pool *p)
{
    worker_start *start = nenc_mem_alloc(1, sizeof *start);
    if (!start)
        return false;
    *start = (worker_start){ p, p->n_started + 1 };
    if (pthread_create(&p->workers[p->n_started], NULL, work, start)) {
        nenc_mem_free(start);
        return false;
    }
    p->n_started++;
    return true;
}

nenc_status nenc_pool_open(nenc_pool **out, int threads)
{
    *out = NULL;
    if (threads < 0 || threads > MAX_THREADS)
        return NENC_EINVAL;
    nenc_pool *p = nenc_mem_zalloc(1, sizeof *p);
    if (!p)
        return NENC_ENOMEM;
    p->n_threads = threads ? threads : available_cores();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    p->workers = nenc_mem_zalloc((size_t)p->n_threads, sizeof *p->workers);
    bool ok = p->workers != NULL;
    while (ok && p->n_started < p->n_threads - 1)
        ok = start_worker(p);
    if (!p->workers) {
        nenc_pool_close(p);
        return NENC_ENOMEM;
    }
    /* Where the system refuses more threads, the ones there are must do. */
    p->n_threads = p->n_started + 1;
    *out = p;
    return NENC_OK;
}

void nenc_pool_close(nenc_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->workers[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    nenc_mem_free(p->workers);
    nenc_mem_free(p);
}

int nenc_pool_threads(const nenc_pool *p)
{
    return p ? p->n_threads : 1;
}

void nenc_pool_run(nenc_pool *p, size_t n, size_t grain, nenc_pool_fn fn,
                   void *user)
{
    grain = grain ? grain : 1;
    if (!n)
        return;
    if (!p || !p->n_started || n <= grain) {
        fn(user, 0, 0, n);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->user = user;
    p->n = n;
    p->grain = grain;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    p->open = true;
    p->epoch++;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    claim(p, 0);
    /* Wait for those who joined; a worker that wakes only now, on a busy
     * machine, finds the loop closed and holds nobody up. */
    pthread_mutex_lock(&p->lock);
    p->open = false;
    while (p->busy)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
