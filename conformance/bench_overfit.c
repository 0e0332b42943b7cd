/* SPDX-License-Identifier: BSD-2-Clause */
/* The overfitted codec's iterations over 768x512 against their multiply-adds at
 * the machine's peak: forward, and twice that for the way back.  The peak of two
 * threads is taken for twice that of one.  Not here: what iterations bring
 * (fit_picture.c). */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "bench_peak.h"
#include "exact_kernels.h"
#include "fpenv.h"
#include "overfit_fit.h"
#include "overfit_plane.h"

enum { WIDTH = 768, HEIGHT = 512, ITERATIONS = 40 };

typedef struct watch {
    double last, best;
} watch;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Some iterations are measured alone, between two of which nothing is weighed. */
static nenc_tick tick(void *user, double done)
{
    watch *w = user;
    const double at = now();
    (void)done;
    if (w->last > 0)
        w->best = fmin(w->best, at - w->last);
    w->last = at;
    return NENC_TICK_GO_ON;
}

/* Of one pass forward. */
static double macs(const overfit_shape *s)
{
    const double c = s->inputs, n = s->channels, k = s->size->width;
    double sum = 0;
    for (int g = 0; g < s->n_grids; g++) {
        const double size = (double)s->grids[g].width * s->grids[g].height;
        sum += size * (OVERFIT_LAYERS * c * c + 4 * c);
        if (!s->grids[g].is_hyper)
            sum += size * 14;                    /* one filter before */
        if (s->grids[g].level < OVERFIT_MIXERS)
            sum += size / 4 * s->size->features
                 * (s->n_grids - overfit_coarser(s, s->grids[g].level));
        if (!s->grids[g].is_hyper && s->grids[g].level < (uint32_t)s->top)
            sum += size * 6 * (s->top - (int)s->grids[g].level);
    }
    return sum + (double)s->width * s->height
               * ((s->top + 1) * (k + n) + k * n + 9 * n * n * s->size->convs);
}

static double peak(const char *kernels)
{
    double best = 0;
    for (int i = 0; i < 5; i++) {
        const double start = now();
        best = fmax(best, bench_peak_run(kernels, 1 << 21)
                          / (now() - start));
    }
    return best / 2;
}

static nenc_status measure(int size, int threads, double per_second,
                           nenc_diag *diag)
{
    overfit_shape shape;
    overfit_plane target[3];
    overfit_fit *fit = NULL;
    nenc_arena arena;
    watch w = { 0, 1e9 };
    overfit_fit_config cfg = {
        .lambda = 1e-3f, .log10_lambda = -3, .iterations = ITERATIONS,
        .max_memory = SIZE_MAX, .user = &w, .tick = tick };
    overfit_shape_init(&shape, size, WIDTH, HEIGHT, 3);
    nenc_arena_init(&arena, SIZE_MAX);
    for (int c = 0; c < 3; c++) {
        if (!overfit_plane_alloc(&target[c], &arena, WIDTH, HEIGHT))
            return nenc_fail(diag, NENC_ENOMEM, "out of memory");
        for (uint32_t y = 0; y < HEIGHT; y++)
            for (uint32_t x = 0; x < WIDTH; x++)
                overfit_row(&target[c], y)[x] =
                    (float)((x * (3 + c) ^ y * 5) % 256) / 255;
    }
    nenc_status st = nenc_pool_open(&cfg.pool, threads);
    if (st >= 0)
        st = overfit_fit_open(&fit, &shape, target, &cfg, diag);
    if (st >= 0)
        st = overfit_fit_run(fit, diag);
    const double floor = 3 * macs(&shape) / (per_second * threads);
    if (st >= 0)
        printf("overfit, %-4s  %d threads  %6.1f ms  %5.2f GMAC  %4.2f of its "
               "floor\n", shape.size->name, threads, 1000 * w.best,
               3e-9 * macs(&shape), w.best / floor);
    overfit_fit_close(fit);
    nenc_pool_close(cfg.pool);
    nenc_arena_free(&arena);
    return st;
}

int main(void)
{
    const char *kernels = nenc_kernels_best()->name;
    nenc_diag diag = { NENC_OK, "" };
    nenc_fpenv env;
    nenc_status st = NENC_OK;
    const double per_second = peak(kernels);
    if (!(per_second > 0)) {
        printf("overfit: no peak of %s kernels is known\n", kernels);
        return 0;
    }
    nenc_fpenv_enter(&env);
    for (int size = 0; st >= 0 && size < OVERFIT_SIZES; size++)
        for (int threads = 1; st >= 0 && threads <= 2; threads++)
            st = measure(size, threads, per_second, &diag);
    nenc_fpenv_leave(&env);
    if (st < 0)
        fprintf(stderr, "bench_overfit: %s\n", diag.text);
    return st < 0;
}
