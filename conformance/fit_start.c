/* SPDX-License-Identifier: BSD-2-Clause */
/* fit_start SIZE QUALITY ITERATIONS ROUNDS OUT IN PICTURE...: networks from which
 * few iterations go far, by Reptile (Nichol, Achiam, Schulman 2018): fit a part
 * of a picture, move the start some way to where that ended, take the next.  OUT
 * and IN are parameters as text, a line each; IN may be "-": none.  Not here: how
 * the library has them (overfit_start.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpenv.h"
#include "overfit_fit.h"
#include "overfit_plane.h"
#include "picture_file.h"
#include "random.h"

enum { SIDE = 256 };

typedef struct result {
    double mse, bpp;
} result;

static void report(void *user, int iterations, double mse, double bpp)
{
    result *r = user;
    (void)iterations;
    *r = (result){ mse, bpp };
}

static void load(overfit_plane *planes, const nenc_image *im, uint64_t *state)
{
    const uint32_t w = planes[0].width, h = planes[0].height;
    const uint32_t x0 = (uint32_t)(nenc_random_next(state)
                                   * (im->width - w + 1));
    const uint32_t y0 = (uint32_t)(nenc_random_next(state)
                                   * (im->height - h + 1));
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++)
                overfit_row(&planes[c], y)[x] = (float)
                    im->data[(y0 + y) * im->stride
                             + (x0 + x) * im->channels + c] / 255;
}

/* @return false: the picture was of no use */
static bool fit(float *start, float way, const char *path, char **argv,
                nenc_pool *pool, uint64_t *state, bool is_first)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_image im;
    nenc_arena arena;
    overfit_shape shape;
    overfit_plane target[3];
    overfit_fit *f = NULL;
    result r = { 0, 0 };
    const double log10_lambda = log10(0.02) - atof(argv[2]) / 40;
    const overfit_fit_config cfg = {
        .lambda = (float)pow(10, log10_lambda), .log10_lambda = log10_lambda,
        .iterations = atoi(argv[3]), .max_memory = SIZE_MAX, .pool = pool,
        .user = &r, .report = report, .start = is_first ? NULL : start };
    if (nenc_picture_load(&im, path, &diag) < 0)
        return false;
    nenc_arena_init(&arena, SIZE_MAX);
    overfit_shape_init(&shape, atoi(argv[1]), SIDE, SIDE, 3);
    bool ok = im.width >= SIDE && im.height >= SIDE && im.channels >= 3
           && im.bits == 8;
    for (int c = 0; ok && c < 3; c++)
        ok = overfit_plane_alloc(&target[c], &arena, SIDE, SIDE);
    if (ok)
        load(target, &im, state);
    ok = ok && overfit_fit_open(&f, &shape, target, &cfg, &diag) >= 0
      && overfit_fit_run(f, &diag) >= 0;
    for (size_t i = 0; ok && i < shape.n_params; i++)
        start[i] += (is_first ? 1 : way)
                  * (overfit_fit_params(f)[i] - start[i]);
    if (ok)
        printf("%.3f dB %.4f bpp, cost %.5f  %s\n", -10 * log10(r.mse), r.bpp,
               1000 * (r.mse + (double)cfg.lambda * r.bpp), path);
    fflush(stdout);
    overfit_fit_close(f);
    nenc_arena_free(&arena);
    nenc_image_free(&im);
    return ok;
}

static bool read_start(float *start, size_t n, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t got = 0;
    while (f && got < n && fscanf(f, "%f", &start[got]) == 1)
        got++;
    if (f)
        fclose(f);
    return got == n;
}

static bool write_start(const float *start, size_t n, const char *path)
{
    FILE *f = fopen(path, "w");
    for (size_t i = 0; f && i < n; i++)
        fprintf(f, "%.6g\n", (double)start[i]);
    return f && !fclose(f);
}

int main(int argc, char **argv)
{
    nenc_fpenv env;
    nenc_pool *pool;
    overfit_shape shape;
    static float start[1 << 14];
    uint64_t state = 12345;
    if (argc < 8) {
        fprintf(stderr, "usage: fit_start SIZE QUALITY ITERATIONS ROUNDS OUT "
                "IN PICTURE...\n");
        return 2;
    }
    overfit_shape_init(&shape, atoi(argv[1]), SIDE, SIDE, 3);
    bool is_first = !strcmp(argv[6], "-");
    if ((!is_first && !read_start(start, shape.n_params, argv[6]))
        || nenc_pool_open(&pool, 0) < 0)
        return 1;
    nenc_fpenv_enter(&env);
    const int rounds = atoi(argv[4]), n = argc - 7;
    for (int i = 0; i < rounds; i++) {
        const float way = 0.3f * (float)(rounds - i) / (float)rounds;
        const int pick = (int)(nenc_random_next(&state) * n);
        printf("%d ", i);
        if (fit(start, way, argv[7 + pick], argv, pool, &state, is_first))
            is_first = false;
        if (i % 10 == 9 || i + 1 == rounds)
            write_start(start, shape.n_params, argv[5]);
    }
    nenc_fpenv_leave(&env);
    nenc_pool_close(pool);
    return 0;
}
