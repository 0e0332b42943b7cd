/* SPDX-License-Identifier: BSD-2-Clause */
/* fit_picture PICTURE QUALITY SIZE ITERATIONS [THREADS [START]]: how the
 * overfitted codec gets on with a picture, for whoever changes its recipe:
 * iterations, seconds, dB, bits a pixel of latents, and the cost MSE + lambda
 * bpp times 1000. Not here: files (nenc). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fpenv.h"
#include "overfit_fit.h"
#include "overfit_plane.h"
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

static nenc_status load(overfit_plane *planes, nenc_arena *arena,
                        const nenc_image *im)
{
    for (uint32_t c = 0; c < (im->channels < 3 ? 1 : 3); c++) {
        if (!overfit_plane_alloc(&planes[c], arena, im->width, im->height))
            return NENC_ENOMEM;
        for (uint32_t y = 0; y < im->height; y++)
            for (uint32_t x = 0; x < im->width; x++)
                overfit_row(&planes[c], y)[x] = (float)
                    im->data[y * im->stride + x * im->channels + c] / 255;
    }
    return NENC_OK;
}

static nenc_status fit(const nenc_image *im, char **argv, int threads,
                       int start, nenc_arena *arena, nenc_diag *diag)
{
    overfit_shape shape;
    overfit_plane target[3];
    overfit_fit *f;
    const double log10_lambda = log10(0.02) - atof(argv[2]) / 40;
    progress p = { pow(10, log10_lambda), seconds() };
    overfit_fit_config cfg = {
        .lambda = (float)p.lambda, .log10_lambda = log10_lambda,
        .iterations = atoi(argv[4]), .max_memory = SIZE_MAX, .user = &p,
        .report = report };
    overfit_shape_init(&shape, atoi(argv[3]), im->width, im->height,
                       im->channels < 3 ? 1 : 3);
    float *first = nenc_arena_zalloc(arena, shape.n_params, sizeof *first);
    if (!first || !overfit_start(&shape, (unsigned)start, first))
        return nenc_fail(diag, NENC_EINVAL, "no such start");
    cfg.start = start ? first : NULL;
    NENC_TRY(load(target, arena, im));
    NENC_TRY(nenc_pool_open(&cfg.pool, threads));
    nenc_status st = overfit_fit_open(&f, &shape, target, &cfg, diag);
    if (st >= 0)
        st = overfit_fit_run(f, diag);
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
                "[THREADS [START]]\n");
        return 2;
    }
    nenc_arena_init(&arena, SIZE_MAX);
    nenc_status st = nenc_picture_load(&im, argv[1], &diag);
    nenc_fpenv_enter(&env);
    if (st >= 0)
        st = fit(&im, argv, argc > 5 ? atoi(argv[5]) : 0,
                 argc > 6 ? atoi(argv[6]) : 0, &arena, &diag);
    nenc_fpenv_leave(&env);
    if (st < 0)
        fprintf(stderr, "fit_picture: %s\n", diag.text);
    nenc_image_free(&im);
    nenc_arena_free(&arena);
    return st < 0;
}
