/* SPDX-License-Identifier: BSD-2-Clause */
/* A training step of the shipped hyperprior, on noise:
 *
 *     bench_train [THREADS]          measure; without THREADS, with 1 and 2
 *     bench_train THREADS --serve    a step, and its milliseconds, for each
 *                                    line of standard input
 *
 * A step's networks are also run by themselves, forward and backward; what the
 * step takes beyond them is between networks (latents, loss).  The peak of
 * two threads is taken for twice that of one.  Not here: PyTorch
 * (bench_train_torch.py). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_peak.h"
#include "codec.h"
#include "exact_kernels.h"
#include "fpenv.h"
#include "grad.h"
#include "optim.h"
#include "tensor_file.h"
#include "train.h"

enum { BATCH = 4, SIZE = 256, ROUNDS = 12, NETS = 4 };

static const size_t max_memory = (size_t)6 << 30;

static const char *const net_names[NETS] = { "g_a", "h_a", "h_s", "g_s" };
static const char *const net_inputs[NETS] = { "x", "y", "z", "y" };

enum { STEP, FORWARD, BACKWARD, CLEARING, OPTIMISER, PACKING, TIMES };

static const char *const time_names[TIMES] = {
    "forward, backward, loss", "networks forward", "networks backward",
    "clearing gradients", "optimiser", "packing weights"
};

typedef struct bench {
    nenc_arena arena;
    nenc_safetensors raw;
    const nenc_trainer_ops *ops;
    nenc_pool *pool;
    int threads;
    void *trainer;
    nenc_optim *optim;
    const nenc_train_param *list;
    size_t n_list;
    float *x, t[BATCH];
    nenc_params *params[NETS];   /* for running networks by themselves */
    nenc_grad *grad[NETS];
    uint64_t net_macs[NETS];
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* -1 to 1 */
static float noise(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)((int)(state >> 40) - (1 << 23)) / (1 << 23);
}

/* ----------------------------------------------------------------- opening */

static nenc_status read_model(bench *b, nenc_diag *diag)
{
    const char *src = getenv("top_srcdir");
    char path[4096];
    nenc_safetensors model;
    snprintf(path, sizeof path, "%s/models/hyperprior.safetensors",
             src ? src : "..");
    b->ops = nenc_codec_by_name("hyperprior")->train;
    NENC_TRY(tensor_file_read(&model, &b->arena, path, diag));
    return b->ops->export(&b->raw, &b->arena, &model, diag);
}

static nenc_status open_trainer(bench *b, nenc_diag *diag)
{
    enum { FLOATS = BATCH * SIZE * SIZE * 3 };
    const nenc_train_config train = { .batch = BATCH, .size = SIZE,
                                      .pool = b->pool,
                                      .max_memory = max_memory };
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    NENC_TRY(b->ops->open(&b->trainer, &b->raw, &train, diag));
    b->n_list = b->ops->params(b->trainer, &b->list);
    nenc_optim_group *groups = nenc_arena_zalloc(&b->arena, b->n_list,
                                                 sizeof *groups);
    b->x = nenc_arena_zalloc(&b->arena, FLOATS, sizeof *b->x);
    if (!groups || !b->x)
        return nenc_arena_fail(&b->arena, diag, "the", "optimiser");
    for (size_t i = 0; i < b->n_list; i++) {
        const nenc_param *p = b->list[i].param;
        groups[i] = (nenc_optim_group){ .values = p->value, .grads = p->grad,
                                        .n = p->n,
                                        .lr_scale = b->list[i].rate };
    }
    for (int i = 0; i < FLOATS; i++)
        b->x[i] = 0.5f + 0.1f * noise();
    for (int i = 0; i < BATCH; i++)
        b->t[i] = (float)i / (BATCH - 1);
    cfg.beta2 = 0.99;
    cfg.max_norm = 1;
    cfg.ema_decay = 0.999;
    return nenc_optim_open(&b->optim, groups, b->n_list, &cfg, b->pool, diag);
}

static nenc_status open_nets(bench *b, nenc_diag *diag)
{
    const char *text = nenc_safetensors_metadata(&b->raw, "networks");
    nenc_shape in = { BATCH, SIZE, SIZE, 3 }, y = in;
    for (int i = 0; i < NETS; i++) {
        const nenc_net *net;
        nenc_shape dims[NENC_NET_MAX_INPUTS];
        NENC_TRY(nenc_net_open(&net, &b->arena, NULL, text, net_names[i],
                               &b->raw, diag));
        const int main = nenc_net_input(net, net_inputs[i]);
        in = i == NETS - 1 ? y : in;
        for (size_t k = 0; k < nenc_net_inputs(net); k++)
            dims[k] = (int)k == main ? in : (nenc_shape){
                BATCH, 1, 1, nenc_net_input_channels(net, k) };
        NENC_TRY(nenc_params_open(&b->params[i], net, false, max_memory,
                                  diag));
        NENC_TRY(nenc_grad_open(&b->grad[i], net, b->params[i], dims,
                                i ? 1u << main : 0, b->pool, max_memory,
                                diag));
        float *to = nenc_grad_input(b->grad[i], (size_t)main);
        for (size_t k = 0; k < in.n * in.h * in.w * in.c; k++)
            to[k] = noise();
        b->net_macs[i] = nenc_grad_macs(b->grad[i]);
        in = nenc_grad_output_shape(b->grad[i]);
        y = i ? y : in;
    }
    return NENC_OK;
}

static nenc_status open_bench(bench *b, int threads, nenc_diag *diag)
{
    *b = (bench){ .threads = threads };
    nenc_arena_init(&b->arena, max_memory);
    if (nenc_pool_open(&b->pool, threads) < 0)
        return nenc_fail(diag, NENC_EINVAL, "%d threads", threads);
    NENC_TRY(read_model(b, diag));
    return open_trainer(b, diag);
}

static void close_bench(bench *b)
{
    for (int i = 0; i < NETS; i++) {
        nenc_grad_close(b->grad[i]);
        nenc_params_close(b->params[i]);
    }
    nenc_optim_close(b->optim);
    if (b->ops)
        b->ops->close(b->trainer);
    nenc_pool_close(b->pool);
    nenc_arena_free(&b->arena);
}

/* --------------------------------------------------------------- measuring */

/* @return seconds of all of it */
static double run_step(bench *b, double seconds[TIMES])
{
    nenc_train_loss loss;
    double at[5];
    at[0] = now();
    for (size_t i = 0; i < b->n_list; i++)
        memset(b->list[i].param->grad, 0,
               b->list[i].param->n * sizeof(float));
    at[1] = now();
    b->ops->step(b->trainer, b->x, b->t, 0, &loss);
    at[2] = now();
    nenc_optim_step(b->optim, 1e-4);
    at[3] = now();
    b->ops->changed(b->trainer);
    at[4] = now();
    seconds[CLEARING] = at[1] - at[0];
    seconds[STEP] = at[2] - at[1];
    seconds[OPTIMISER] = at[3] - at[2];
    seconds[PACKING] = at[4] - at[3];
    return at[4] - at[0];
}

static void run_nets(bench *b, double seconds[TIMES],
                     double by_net[NETS][2])
{
    seconds[FORWARD] = seconds[BACKWARD] = 0;
    for (int i = 0; i < NETS; i++) {
        const nenc_shape s = nenc_grad_output_shape(b->grad[i]);
        const double start = now();
        nenc_grad_forward(b->grad[i]);
        const double forward = now();
        float *seed = nenc_grad_seed(b->grad[i]);
        for (size_t k = 0; k < s.n * s.h * s.w * s.c; k++)
            seed[k] = 1e-3f * (float)(k % 17);
        const double seeded = now();
        nenc_grad_backward(b->grad[i]);
        by_net[i][0] = forward - start;
        by_net[i][1] = now() - seeded;
        seconds[FORWARD] += by_net[i][0];
        seconds[BACKWARD] += by_net[i][1];
    }
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

typedef struct samples { double list[ROUNDS]; } samples;

static void sort(samples *s)
{
    qsort(s->list, ROUNDS, sizeof s->list[0], by_value);
}

static double least(const samples *s)
{
    return s->list[0];
}

static double median(const samples *s)
{
    return s->list[ROUNDS / 2];
}

static void print_nets(bench *b, samples by_net[NETS][2], double peak)
{
    for (int i = 0; i < NETS; i++) {
        sort(&by_net[i][0]);
        sort(&by_net[i][1]);
        const double sum = least(&by_net[i][0]) + least(&by_net[i][1]);
        printf("    %s %6.2f GMAC, %3.0f %% of the peak\n", net_names[i],
               1e-9 * (double)b->net_macs[i],
               100 * 2 * (double)b->net_macs[i] / peak / sum);
    }
}

static void measure(bench *b)
{
    const char *kernels = nenc_kernels_best()->name;
    const double macs = (double)b->ops->macs(b->trainer);
    samples all, part[TIMES], by_net[NETS][2];
    double peak = 0;
    for (int i = -1; i < ROUNDS; i++) {       /* the first one warms up */
        double seconds[TIMES], nets[NETS][2];
        const double start = now();
        peak = fmax(peak, b->threads * bench_peak_run(kernels, 1 << 20)
                          / (now() - start));
        const double step = run_step(b, seconds);
        run_nets(b, seconds, nets);
        if (i < 0)
            continue;
        all.list[i] = step;
        for (int k = 0; k < TIMES; k++)
            part[k].list[i] = seconds[k];
        for (int k = 0; k < 2 * NETS; k++)
            by_net[k / 2][k % 2].list[i] = nets[k / 2][k % 2];
    }
    sort(&all);
    const double floor_s = 2 * macs / peak;
    printf("%d threads: %.1f ms (median %.1f), %.2f GMAC, %.0f GMAC/s; at the peak "
           "of %.0f GFLOP/s %.1f ms; ratio %.2f\n", b->threads,
           1e3 * least(&all), 1e3 * median(&all), 1e-9 * macs,
           1e-9 * macs / least(&all), 1e-9 * peak, 1e3 * floor_s,
           least(&all) / floor_s);
    for (int k = 0; k < TIMES; k++) {
        sort(&part[k]);
        printf("  %-24s %7.1f ms (median %.1f)\n", time_names[k],
               1e3 * least(&part[k]), 1e3 * median(&part[k]));
    }
    print_nets(b, by_net, peak);
    fflush(stdout);
}

static void serve(bench *b)
{
    char line[8];
    while (fgets(line, sizeof line, stdin)) {
        double seconds[TIMES];
        printf("%.3f\n", 1e3 * run_step(b, seconds));
        fflush(stdout);
    }
}

static int run(int threads, bool serves)
{
    bench b;
    nenc_diag diag = { NENC_OK, "" };
    nenc_fpenv env;
    nenc_status st = open_bench(&b, threads, &diag);
    if (st >= 0 && !serves)
        st = open_nets(&b, &diag);
    nenc_fpenv_enter(&env);
    if (st < 0)
        fprintf(stderr, "bench_train: %s\n", diag.text);
    else if (serves)
        serve(&b);
    else
        measure(&b);
    nenc_fpenv_leave(&env);
    close_bench(&b);
    return st < 0;
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    if (argc > 2)
        return run(threads, true);
    printf("training the hyperprior, %d of %dx%d, best of %d\n", BATCH, SIZE,
           SIZE, ROUNDS);
    if (threads)
        return run(threads, false);
    return run(1, false) | run(2, false);
}
