/* SPDX-License-Identifier: BSD-2-Clause */
/* fit_picture PICTURE QUALITY SIZE ITERATIONS [THREADS [NUMBERS]]: how the
 * overfitted codec gets on with a picture, for whoever changes its recipe:
 * iterations, seconds, dB, bits a pixel of latents, and the cost MSE + lambda
 * bpp times 1000. To NUMBERS it writes the networks for overfit_start.c
 * (training/overfit_starts.py). Not here: files (nenc). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fpenv.h"
#include "overfit_codec.h"
#include "overfit_fit.h"
#include "overfit_start.h"
#include "picture_file.h"

typedef struct progress {
    double lambda, start;
} progress;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(void *user, int iterations, double mse, double bpp)
{
    const progress *p = user;
    printf("%6d %8.2f %8.4f %7.4f %9.5f\n", iterations, seconds() - p->start,
           -10 * log10(mse), bpp, 1000 * (mse + p->lambda * bpp));
    fflush(stdout);
}

static nenc_status write_numbers(const char *path, const float *params,
                                 size_t n, nenc_diag *diag)
{
    FILE *out = fopen(path, "w");
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const float v = nearbyintf(ldexpf(params[i], OVERFIT_START_STEP));
        ok = fabsf(v) <= INT16_MAX
          && fprintf(out, "%d,%c", (int)v, i % 12 == 11 || i + 1 == n
                                           ? '\n' : ' ') > 0;
    }
    if (out)
        ok = fclose(out) == 0 && ok;
    return ok ? NENC_OK : nenc_fail(diag, NENC_EIO, "%s: not written", path);
}

static nenc_status fit(const nenc_image *im, char **argv, int threads,
                       const char *numbers, nenc_arena *arena,
                       nenc_diag *diag)
{
    const nenc_rect all = { 0, 0, im->width, im->height };
    overfit_shape shape;
    overfit_plane target[3];
    overfit_fit *f = NULL;
    progress p = { 0, seconds() };
    overfit_fit_config cfg = { .iterations = atoi(argv[4]),
                               .max_memory = SIZE_MAX, .user = &p,
                               .report = report };
    cfg.lambda = overfit_lambda(atoi(argv[2]), 0, &cfg.log10_lambda);
    p.lambda = (double)cfg.lambda;
    overfit_shape_init(&shape, atoi(argv[3]), im->width, im->height,
                       im->channels < 3 ? 1 : 3);
    NENC_TRY(overfit_load(target, arena, im, &all, diag));
    NENC_TRY(nenc_pool_open(&cfg.pool, threads));
    nenc_status st = overfit_fit_open(&f, &shape, target, &cfg, diag);
    if (st >= 0)
        st = overfit_fit_run(f, diag);
    if (st >= 0 && numbers)
        st = write_numbers(numbers, overfit_fit_params(f), shape.n_params,
                           diag);
    overfit_fit_close(f);
    nenc_pool_close(cfg.pool);
    return st;
}

int main(int argc, char **argv)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_image im;
    nenc_fpenv env;
    nenc_arena arena;
    if (argc < 5) {
        fprintf(stderr, "usage: fit_picture PICTURE QUALITY SIZE ITERATIONS "
                "[THREADS [NUMBERS]]\n");
        return 2;
    }
    nenc_arena_init(&arena, SIZE_MAX);
    nenc_status st = nenc_picture_load(&im, argv[1], &diag);
    nenc_fpenv_enter(&env);
    if (st >= 0)
        st = fit(&im, argv, argc > 5 ? atoi(argv[5]) : 0,
                 argc > 6 ? argv[6] : NULL, &arena, &diag);
    nenc_fpenv_leave(&env);
    if (st < 0)
        fprintf(stderr, "fit_picture: %s\n", diag.text);
    nenc_image_free(&im);
    nenc_arena_free(&arena);
    return st < 0;
}
