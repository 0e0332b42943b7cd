/* SPDX-License-Identifier: BSD-2-Clause */
/* dump_grad KIND IN OUT [NUMBER...]: likelihoods, losses and optimisers over a
 * file of numbers, for comparison with other implementations.  Both files hold
 * doubles in the machine's order.  Not here: the comparison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss.h"
#include "mem.h"
#include "optim.h"
#include "prob_grad.h"

enum { MAX_NUMBERS = 16, PARAMETERS = 58 };

typedef struct task {
    const char *kind;
    double number[MAX_NUMBERS];
    nenc_arena arena;
    const double *in;
    size_t n_in, at;              /* numbers, and how many are taken */
    double *out;
    size_t n_out;                 /* that there is room for */
} task;

/* The next n of the input as floats; NULL where there are no more. */
static float *take(task *t, size_t n)
{
    float *x = n <= t->n_in - t->at
             ? nenc_arena_zalloc(&t->arena, n, sizeof *x) : NULL;
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)t->in[t->at + i];
    t->at += x ? n : 0;
    return x;
}

static bool make_room(task *t, size_t n)
{
    t->out = nenc_arena_zalloc(&t->arena, n, sizeof *t->out);
    t->n_out = n;
    return t->out != NULL;
}

/* ------------------------------------------------------------- likelihoods */

static nenc_prob_bits bits_of(const task *t, const double *row)
{
    const nenc_prob_bounds bounds = { t->number[0], t->number[1] };
    if (!strcmp(t->kind, "gaussian"))
        return nenc_prob_bits_gaussian(row[0], row[1], &bounds);
    if (!strcmp(t->kind, "laplace"))
        return nenc_prob_bits_laplace(row[0], row[1], &bounds);
    if (!strcmp(t->kind, "logistic"))
        return nenc_prob_bits_logistic(row[0], row[1], &bounds);
    if (!strcmp(t->kind, "rounded"))
        return nenc_prob_bits_laplace_rounded(row[0], row[1]);
    if (!strcmp(t->kind, "clamped"))
        return nenc_prob_bits_laplace_clamped(row[0], row[1]);
    return nenc_prob_bits_ggd(row[0], row[1], row[2], &bounds);
}

/* SCALE_MIN MASS_MIN: rows of v, scale, beta to rows of bits and slopes */
static bool run_bits(task *t)
{
    const size_t n = t->n_in / 3;
    if (!make_room(t, 4 * n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const nenc_prob_bits b = bits_of(t, t->in + 3 * i);
        const double row[4] = { b.bits, b.dv, b.dscale, b.dbeta };
        memcpy(t->out + 4 * i, row, sizeof row);
    }
    return true;
}

/* Parts of one array: matrix, bias and factor of layer 0, of layer 1 ... */
static void lay_out(nenc_prob_factorized *f, nenc_prob_factorized_grad *grad,
                    const float *p, float *g)
{
    static const size_t n_matrix[5] = { 3, 9, 9, 9, 3 };
    const size_t c = f->channels;
    size_t at = 0;
    for (size_t k = 0; k < 5; k++) {
        f->matrix[k] = p + at;
        grad->matrix[k] = g + at;
        at += n_matrix[k] * c;
        f->bias[k] = p + at;
        grad->bias[k] = g + at;
        at += (k < 4 ? 3 : 1) * c;
        if (k == 4)
            continue;
        f->factor[k] = p + at;
        grad->factor[k] = g + at;
        at += 3 * c;
    }
}

/* MASS_MIN CHANNELS: parameters, then rows of a value for each channel, to
 * pairs of bits and slopes, then gradients */
static bool run_density(task *t)
{
    nenc_prob_factorized f = { .channels = (size_t)t->number[1] };
    nenc_prob_factorized_grad grad;
    const size_t c = f.channels, n_parameters = PARAMETERS * c;
    const float *p = take(t, n_parameters);
    float *g = nenc_arena_zalloc(&t->arena, n_parameters, sizeof *g);
    const size_t n = p ? t->n_in - t->at : 0;
    if (!p || !g || !make_room(t, 2 * n + n_parameters))
        return false;
    lay_out(&f, &grad, p, g);
    for (size_t i = 0; i < c; i++) {
        nenc_prob_density d;
        nenc_prob_density_grad sums = { 0 };
        nenc_prob_density_init(&d, &f, i);
        for (size_t j = i; j < n; j += c) {
            const nenc_prob_bits b = nenc_prob_bits_density(
                &d, t->in[t->at + j], t->number[0], 1, &sums);
            t->out[2 * j] = b.bits;
            t->out[2 * j + 1] = b.dv;
        }
        nenc_prob_density_grad_add(&grad, &sums, i);
    }
    for (size_t i = 0; i < n_parameters; i++)
        t->out[2 * n + i] = g[i];
    return true;
}

/* ------------------------------------------------------------------ losses */

/* N H W C: x, target, weights to values, gradients */
static bool run_loss(task *t)
{
    const nenc_shape s = { (size_t)t->number[0], (size_t)t->number[1],
                           (size_t)t->number[2], (size_t)t->number[3] };
    const nenc_loss_kind kind = !strcmp(t->kind, "mse") ? NENC_LOSS_MSE
        : !strcmp(t->kind, "l1") ? NENC_LOSS_L1 : NENC_LOSS_MS_SSIM;
    const size_t n = s.n * s.h * s.w * s.c;
    nenc_loss *loss;
    const float *x = take(t, n), *target = take(t, n), *weight = take(t, s.n);
    float *grad = nenc_arena_zalloc(&t->arena, n, sizeof *grad);
    if (!x || !target || !weight || !grad || !make_room(t, s.n + n)
        || nenc_loss_open(&loss, kind, s, NULL, SIZE_MAX, NULL) < 0)
        return false;
    nenc_loss_run(loss, t->out, grad, x, target, weight, s.n);
    for (size_t i = 0; i < n; i++)
        t->out[s.n + i] = grad[i];
    nenc_loss_close(loss);
    return true;
}

/* -------------------------------------------------------------- optimisers */

/* LR BETA1 BETA2 EPS MAX_NORM EMA_DECAY N0 DECAY0 N1 DECAY1 LR_SCALE1: values,
 * then each step's gradients, to each step's norm, values and averages */
static bool run_optim(task *t)
{
    const double *x = t->number;
    const nenc_optim_config cfg = {
        .beta1 = x[1], .beta2 = x[2], .eps = x[3], .max_norm = x[4],
        .ema_decay = x[5], .ema_ramp = true, .max_memory = SIZE_MAX,
        .decoupled = !strcmp(t->kind, "adamw")
    };
    const size_t n0 = (size_t)x[6], n = n0 + (size_t)x[8];
    float *p = take(t, n);
    const size_t n_steps = p ? (t->n_in - t->at) / n : 0;
    float *g = nenc_arena_zalloc(&t->arena, n, sizeof *g);
    const nenc_optim_group groups[2] = { { p, g, n0, 1, x[7] },
                                         { p + n0, g + n0, n - n0, x[10], x[9] } };
    nenc_optim *o;
    if (!p || !g || !make_room(t, n_steps * (1 + 2 * n))
        || nenc_optim_open(&o, groups, 2, &cfg, NULL, NULL) < 0)
        return false;
    for (size_t i = 0; i < n_steps; i++) {
        double *out = t->out + i * (1 + 2 * n);
        for (size_t j = 0; j < n; j++)
            g[j] = (float)t->in[t->at++];
        out[0] = nenc_optim_step(o, x[0]).norm;
        for (size_t j = 0; j < n; j++) {
            const nenc_optim_state s = nenc_optim_state_get(o, j >= n0);
            out[1 + j] = p[j];
            out[1 + n + j] = s.ema[j < n0 ? j : j - n0];
        }
    }
    nenc_optim_close(o);
    return true;
}

/* ------------------------------------------------------------------- files */

static const struct { const char *name; int n_numbers; bool (*run)(task *); }
kinds[] = {
    { "gaussian", 2, run_bits }, { "laplace", 2, run_bits },
    { "logistic", 2, run_bits }, { "ggd", 2, run_bits },
    { "rounded", 0, run_bits }, { "clamped", 0, run_bits },
    { "density", 2, run_density },
    { "mse", 4, run_loss }, { "l1", 4, run_loss }, { "ms-ssim", 4, run_loss },
    { "adam", 11, run_optim }, { "adamw", 11, run_optim },
};

static bool read_in(task *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (f && !fseek(f, 0, SEEK_END))
        size = ftell(f);
    const size_t n = size > 0 ? (size_t)size / sizeof(double) : 0;
    double *in = nenc_arena_zalloc(&t->arena, n, sizeof *in);
    const bool ok = n && in && !fseek(f, 0, SEEK_SET)
                    && fread(in, sizeof *in, n, f) == n;
    if (f)
        fclose(f);
    t->in = in;
    t->n_in = n;
    return ok;
}

static bool write_out(const task *t, const char *path)
{
    FILE *f = fopen(path, "wb");
    const bool ok = f && fwrite(t->out, sizeof *t->out, t->n_out, f) == t->n_out;
    return f && !fclose(f) && ok;
}

int main(int argc, char **argv)
{
    task t = { .kind = argc > 3 ? argv[1] : "" };
    size_t i = 0;
    const size_t n_kinds = sizeof kinds / sizeof *kinds;
    while (i < n_kinds && strcmp(kinds[i].name, t.kind))
        i++;
    if (i == n_kinds || argc != 4 + kinds[i].n_numbers) {
        fprintf(stderr, "usage: dump_grad KIND IN OUT [NUMBER...]\n");
        return 2;
    }
    for (int j = 4; j < argc; j++)
        t.number[j - 4] = strtod(argv[j], NULL);
    nenc_arena_init(&t.arena, (size_t)1 << 30);
    const bool ok = read_in(&t, argv[2]) && kinds[i].run(&t)
                    && write_out(&t, argv[3]);
    if (!ok)
        fprintf(stderr, "dump_grad: %s of %s to %s failed\n", t.kind, argv[2],
                argv[3]);
    nenc_arena_free(&t.arena);
    return !ok;
}
