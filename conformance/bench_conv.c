/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact convolutions against oneDNN on one thread, in one run, taking turns:
 *
 *     bench_conv [PART-OF-A-NAME]
 *
 * measures each kernel table that this machine has (or the one that
 * $NENC_KERNELS names) against oneDNN held to the same instruction set.
 * Not here: threads, whole networks. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_onednn.h"
#include "bench_peak.h"
#include "exact_conv.h"
#include "mem.h"

enum { ROUNDS = 41, H = 64, W = 96 };

/* Real time, in samples shorter than a time slice: on a busy machine the best
 * one is still right, if the median is not.  (CPU time is worse: charged by
 * the slice, it made some samples faster than the hardware is.) */
static const double sample_seconds = 0.002;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct kind {
    const char *name;
    size_t k, stride, groups;     /* groups 0: depthwise */
    bool transposed;
} kind;

static const kind kinds[] = {
    { "3x3",           3, 1, 1, false },
    { "5x5",           5, 1, 1, false },
    { "1x1",           1, 1, 1, false },
    { "5x5 stride 2",  5, 2, 1, false },
    { "depthwise 3x3", 3, 1, 0, false },
    { "deconv 5x5 s2", 5, 2, 1, true },
};
static const size_t channels[] = { 64, 128, 192, 320 };

/* Both sides of one comparison. */
typedef struct match {
    nenc_conv_shape s;
    nenc_conv conv;
    nenc_conv_io io;
    bench_onednn *peer;
    size_t out_h, out_w;
    double flops;
} match;

static void run_ours(match *m)
{
    nenc_conv_rows(&m->conv, &m->io, 0, m->out_h, NENC_ACT_NONE, 0);
}

static void run_peer(match *m)
{
    bench_onednn_run(m->peer);
}

static double seconds(match *m, void (*run)(match *), int n)
{
    const double start = now();
    for (int i = 0; i < n; i++)
        run(m);
    return (now() - start) / n;
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* How far the two results are apart, relative to the largest value. */
static double difference(match *m)
{
    const size_t n = m->out_h * m->out_w * m->s.cout;
    float *theirs = nenc_mem_alloc(n, sizeof *theirs);
    double most = 0, size = 0;
    if (!theirs)
        return HUGE_VAL;
    bench_onednn_read(m->peer, theirs);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)m->io.dst[i] - (double)theirs[i]));
        size = fmax(size, fabs((double)theirs[i]));
    }
    nenc_mem_free(theirs);
    return most / size;
}

static void measure(match *m, const char *name, double peak)
{
    double ours[ROUNDS], theirs[ROUNDS];
    run_ours(m);
    const int n = 1 + (int)(sample_seconds / seconds(m, run_ours, 1));
    if (m->peer) {
        run_peer(m);
        if (!(difference(m) < 1e-4))
            printf("RESULTS DIFFER by %g: ", difference(m));
    }
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = seconds(m, run_ours, n);
        theirs[i] = m->peer ? seconds(m, run_peer, n) : HUGE_VAL;
    }
    qsort(ours, ROUNDS, sizeof ours[0], by_value);
    qsort(theirs, ROUNDS, sizeof theirs[0], by_value);
    const double gflops = m->flops * 1e-9;
    printf("%-14s %4zu  %7.1f %7.1f", name, m->s.cin, gflops / ours[0],
           gflops / ours[ROUNDS / 2]);
    if (peak > 0)
        printf("  %4.0f %%", 100 * gflops / ours[0] / peak);
    if (m->peer)
        printf("  %7.1f %7.1f  %6.2f %6.2f", gflops / theirs[0],
               gflops / theirs[ROUNDS / 2], theirs[0] / ours[0],
               theirs[ROUNDS / 2] / ours[ROUNDS / 2]);
    printf("\n");
    fflush(stdout);
}

static float *random_floats(nenc_arena *arena, size_t n)
{
    static uint64_t state = 1;
    float *p = nenc_arena_zalloc(arena, n, sizeof *p);
    for (size_t i = 0; p && i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        p[i] = (float)((int)(state >> 40) - (1 << 23)) / (1 << 23);
    }
    return p;
}

static bool compare(const kind *k, size_t c, const nenc_kernels *kernels,
                    double peak)
{
    nenc_arena arena;
    match m = { .s = { .cin = c, .cout = c, .k = k->k, .stride = k->stride,
                       .pad = k->k / 2, .transposed = k->transposed,
                       .groups = k->groups ? k->groups : c } };
    nenc_arena_init(&arena, (size_t)2 << 30);
    const size_t h = k->transposed ? H / 2 : H, w = k->transposed ? W / 2 : W;
    m.out_h = nenc_conv_extent(&m.s, h);
    m.out_w = nenc_conv_extent(&m.s, w);
    const size_t taps = c / m.s.groups * k->k * k->k;
    m.flops = 2.0 * (double)(c * taps * (k->transposed ? h * w
                                                       : m.out_h * m.out_w));
    float *src = random_floats(&arena, h * w * c);
    float *weight = random_floats(&arena, c * taps);
    float *bias = random_floats(&arena, c);
    float *dst = random_floats(&arena, m.out_h * m.out_w * c);
    bool is_done = src && weight && bias && dst
        && nenc_conv_pack(&m.conv, &m.s, weight, bias, kernels, &arena, NULL)
           == NENC_OK;
    if (is_done) {
        m.io = (nenc_conv_io){ src, dst, h, w, c, c };
        m.peer = bench_onednn_open(&m.s, h, w, weight, bias, src);
        measure(&m, k->name, peak);
        bench_onednn_close(m.peer);
    }
    nenc_arena_free(&arena);
    return is_done;
}

static double peak_gflops(const char *kernels)
{
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const double start = now();
        const double flops = bench_peak_run(kernels, 500000);
        best = fmax(best, 1e-9 * flops / (now() - start));
    }
    return best;
}

static bool bench_table(const nenc_kernels *kernels, const char *only)
{
    bench_onednn_init(kernels->name);
    const double peak = peak_gflops(kernels->name);
    printf("exact %s against %s, one thread, %dx%d; fma peak %.0f GFLOP/s\n"
           "%-14s %4s  %15s%s  %15s  %13s\n%-14s %4s  %7s %7s%s"
           "  %7s %7s  %6s %6s\n",
           kernels->name, bench_onednn_version(), H, W, peak,
           "", "", "exact, GFLOP/s", peak > 0 ? "   of  " : "",
           "oneDNN, GFLOP/s", "exact/oneDNN",
           "layer", "chan", "best", "median", peak > 0 ? "   peak" : "",
           "best", "median", "best", "median");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (size_t j = 0; j < sizeof channels / sizeof channels[0]; j++)
            if (!only || strstr(kinds[i].name, only))
                if (!compare(&kinds[i], channels[j], kernels, peak))
                    return false;
    printf("\n");
    return fflush(stdout) == 0;
}

/* In a process of its own: oneDNN keeps the instruction set it began with. */
static bool bench_apart(const nenc_kernels *kernels, const char *only)
{
    int status = 1;
    const pid_t child = fork();
    if (child == 0)
        _exit(bench_table(kernels, only) ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    if (getenv("NENC_KERNELS"))
        return bench_table(nenc_kernels_best(), only) ? 0 : 1;
    /* portable is there to be right, not fast: only where there is no other */
    for (size_t i = 0; i < n && (i == 0 || i + 1 < n); i++)
        if (!bench_apart(list[i], only))
            return 1;
    return 0;
}
