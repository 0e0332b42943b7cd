/* SPDX-License-Identifier: BSD-2-Clause */
/* Losses of pictures: values against the evaluator's metrics, gradients
 * against finite differences of the definition in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "loss.h"
#include "mem.h"
#include "picture_metrics.h"

enum { SIDE = NENC_LOSS_MS_SSIM_SIDE };

static uint32_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 1664525u + 1013904223u;
    return lo + (hi - lo) * (seed >> 8) / 16777216.0;
}

/* n pictures and their like, with gradients; waves and grain. */
typedef struct pictures {
    nenc_shape shape;
    size_t size;                /* samples of a picture */
    float *x, *target, *grad;
} pictures;

static pictures make(size_t n, size_t h, size_t w, size_t c, double noise)
{
    pictures p = { .shape = { n, h, w, c }, .size = h * w * c };
    p.x = nenc_mem_alloc(n * p.size, sizeof *p.x);
    p.target = nenc_mem_alloc(n * p.size, sizeof *p.target);
    p.grad = nenc_mem_alloc(n * p.size, sizeof *p.grad);
    assert_true(p.x && p.target && p.grad);
    for (size_t i = 0; i < n * p.size; i++) {
        const double column = (double)(i / c % w), row = (double)(i / c / w);
        const double wave = 0.5 + 0.3 * sin(column / 9) * cos(row / 7);
        p.target[i] = (float)(wave + uniform(-0.15, 0.15));
        p.x[i] = (float)(p.target[i] + uniform(-noise, noise));
        p.grad[i] = NAN;
    }
    return p;
}

static void drop(pictures *p)
{
    nenc_mem_free(p->x);
    nenc_mem_free(p->target);
    nenc_mem_free(p->grad);
}

static void run(const pictures *p, nenc_loss_kind kind, nenc_pool *pool,
                double *values, float *grad, const float *weight)
{
    nenc_loss *l;
    assert_int_equal(nenc_loss_open(&l, kind, p->shape, pool, SIZE_MAX, NULL),
                     NENC_OK);
    nenc_loss_run(l, values, grad, p->x, p->target, weight, p->shape.n);
    nenc_loss_close(l);
}

/* -------------------------------------------------------------- MSE and L1 */

static void known_values(void **state)
{
    static const float x[6] = { 0, 1, 0.5f, 0.25f, 0.25f, 1 };
    static const float y[6] = { 0.5f, 1, 0, 0.25f, 0, 0 };
    static const float weight[2] = { 3, 0.5f };
    static const float mse_grad[6] = { -1, 0, 1, 0, 0.25f / 3, 1 / 3.0f };
    static const float l1_grad[6] = { -1, 0, 1, 0, 0.5f / 3, 0.5f / 3 };
    pictures p = make(2, 1, 3, 1, 0);
    double v[2];
    (void)state;
    memcpy(p.x, x, sizeof x);
    memcpy(p.target, y, sizeof y);
    run(&p, NENC_LOSS_MSE, NULL, v, p.grad, weight);
    assert_true(fabs(v[0] - 0.5 / 3) < 1e-15);
    assert_true(fabs(v[1] - 1.0625 / 3) < 1e-15);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(p.grad[i] - mse_grad[i]) < 1e-7f);
    run(&p, NENC_LOSS_L1, NULL, v, p.grad, weight);
    assert_true(fabs(v[0] - 1.0 / 3) < 1e-15);
    assert_true(fabs(v[1] - 1.25 / 3) < 1e-15);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(p.grad[i] - l1_grad[i]) < 1e-7f);
    drop(&p);
}

/* The definitions; x as doubles, for one picture. */
static double plain_loss(nenc_loss_kind kind, const pictures *p,
                         const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < p->size; i++) {
        const double d = x[i] - p->target[i];
        sum += kind == NENC_LOSS_MSE ? d * d : fabs(d);
    }
    return sum / (double)p->size;
}

/* ----------------------------------------------- MS-SSIM by its definition */

/* Sum of g[i] g[j] a b over the window at the corner (r, i); b NULL = 1. */
static double window_mean(const double *a, const double *b, size_t w,
                          size_t r, size_t i, const double g[11])
{
    double sum = 0;
    for (size_t j = 0; j < 11; j++) {
        double row = 0;
        for (size_t k = 0; k < 11; k++) {
            const size_t at = (r + j) * w + i + k;
            row += g[k] * a[at] * (b ? b[at] : 1);
        }
        sum += g[j] * row;
    }
    return sum;
}

static void scale_terms(double *cs, double *full, const double *x,
                        const double *y, size_t h, size_t w)
{
    double g[11], sum = 0;
    for (int i = 0; i < 11; i++)
        sum += g[i] = exp(-(i - 5) * (i - 5) / 4.5);
    for (int i = 0; i < 11; i++)
        g[i] /= sum;
    *cs = *full = 0;
    for (size_t r = 0; r + 10 < h; r++)
        for (size_t i = 0; i + 10 < w; i++) {
            const double a = window_mean(x, NULL, w, r, i, g);
            const double b = window_mean(y, NULL, w, r, i, g);
            const double xx = window_mean(x, x, w, r, i, g) - a * a;
            const double yy = window_mean(y, y, w, r, i, g) - b * b;
            const double xy = window_mean(x, y, w, r, i, g) - a * b;
            const double c = (2 * xy + 9e-4) / (xx + yy + 9e-4);
            *cs += c;
            *full += c * (2 * a * b + 1e-4) / (a * a + b * b + 1e-4);
        }
    *cs /= (double)((h - 10) * (w - 10));
    *full /= (double)((h - 10) * (w - 10));
}

static void halve(double *x, size_t h, size_t w)
{
    const size_t h2 = (h + 1) / 2, w2 = (w + 1) / 2;
    for (size_t r = 0; r < h2; r++)
        for (size_t i = 0; i < w2; i++) {
            double sum = 0;
            for (size_t j = 0; j < 4; j++) {
                const size_t row = 2 * r + j / 2, col = 2 * i + j % 2;
                if (row >= h % 2 && col >= w % 2)
                    sum += x[(row - h % 2) * w + col - w % 2];
            }
            x[r * w2 + i] = sum / 4;
        }
}

/* 1 - MS-SSIM of one picture; x as doubles, its targets as floats. */
static double plain_ms_ssim(const pictures *p, const double *x)
{
    static const double weight[5] = { .0448, .2856, .3001, .2363, .1333 };
    const size_t c = p->shape.c, n = p->size / c;
    double *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b), sum = 0;
    for (size_t k = 0; k < c; k++) {
        size_t h = p->shape.h, w = p->shape.w;
        double product = 1;
        for (size_t i = 0; i < n; i++) {
            a[i] = x[i * c + k];
            b[i] = p->target[i * c + k];
        }
        for (int s = 0; s < 5; s++) {
            double cs, full;
            scale_terms(&cs, &full, a, b, h, w);
            product *= pow(fmax(s < 4 ? cs : full, 0), weight[s]);
            halve(a, h, w);
            halve(b, h, w);
            h = (h + 1) / 2;
            w = (w + 1) / 2;
        }
        sum += 1 - product;
    }
    free(a);
    free(b);
    return sum / (double)c;
}

static double value_at(nenc_loss_kind kind, const pictures *p, const double *x)
{
    return kind == NENC_LOSS_MS_SSIM ? plain_ms_ssim(p, x)
                                     : plain_loss(kind, p, x);
}

/* ------------------------------------------------------ finite differences */

/* Along a direction u: of length about 1 a sample, or one block's.
 * @return how far the gradient's slope is off, relative to the slope */
static double slope_error(nenc_loss_kind kind, const pictures *p, int which)
{
    static const double weight[4] = { 1, -8, 8, -1 }, step[4] = { -2, -1, 1, 2 };
    const double h = kind == NENC_LOSS_L1 ? 1e-5 : 1e-4;
    double *x = malloc(p->size * sizeof *x), *u = malloc(p->size * sizeof *u);
    double want = 0, got = 0;
    const size_t row = p->shape.w * p->shape.c;
    for (size_t i = 0; i < p->size; i++) {
        const size_t from_end = p->size - 1 - i;
        /* everywhere; then the first and the last rows, and one sample */
        u[i] = which == 0 || (which == 1 && i < 4 * row)
               || (which == 2 && from_end < 4 * row)
               || (which > 2 && i == (size_t)which * 977 % p->size);
        u[i] *= p->grad[i] > 0 ? uniform(0.5, 1.5) : -uniform(0.5, 1.5);
        /* not across the corner of |d| */
        if (kind == NENC_LOSS_L1 && fabsf(p->x[i] - p->target[i]) < 4e-5f)
            u[i] = 0;
        got += u[i] * p->grad[i];
    }
    for (int j = 0; j < 4; j++) {
        for (size_t i = 0; i < p->size; i++)
            x[i] = p->x[i] + step[j] * h * u[i];
        want += weight[j] * value_at(kind, p, x) / (12 * h);
    }
    free(x);
    free(u);
    return fabs(got - want) / fabs(want);
}

static void gradients_are_differences(void **state)
{
    static const char *const name[3] = { "mse", "l1", "ms-ssim" };
    (void)state;
    seed = 7;
    for (int kind = 0; kind < 3; kind++) {
        /* 163 halves to 82, 41, 21 and 11: zeros come before three times */
        pictures p = make(1, SIDE, 163, kind == 2 ? 1 : 3, 0.1);
        double value, worst = 0;
        run(&p, (nenc_loss_kind)kind, NULL, &value, p.grad, NULL);
        for (int i = 0; i < 7; i++)
            worst = fmax(worst, slope_error((nenc_loss_kind)kind, &p, i));
        print_message("%s: value %.6f, largest error of a slope %.1e\n",
                      name[kind], value, worst);
        assert_true(worst < 1e-4);
        drop(&p);
    }
}

static void values_are_the_definition(void **state)
{
    static const double noise[4] = { 1e-3, 0.03, 0.2, 0.5 };
    double worst = 0;
    (void)state;
    seed = 8;
    for (int i = 0; i < 4; i++) {
        pictures p = make(1, 177, SIDE + (size_t)i, 1, noise[i]);
        double value, *x = malloc(p.size * sizeof *x);
        for (size_t j = 0; j < p.size; j++)
            x[j] = p.x[j];
        run(&p, NENC_LOSS_MS_SSIM, NULL, &value, NULL, NULL);
        const double want = plain_ms_ssim(&p, x);
        worst = fmax(worst, fabs(value - want) / want);
        free(x);
        drop(&p);
    }
    print_message("ms-ssim: largest relative error %.1e\n", worst);
    assert_true(worst < 1e-5);
}

static void values_are_the_evaluators(void **state)
{
    (void)state;
    seed = 9;
    pictures p = make(1, 170, 163, 3, 0.1);
    nenc_image a, b;
    double ms_ssim, psnr, value;
    assert_int_equal(nenc_image_alloc(&a, 163, 170, 3, 8), NENC_OK);
    assert_int_equal(nenc_image_alloc(&b, 163, 170, 3, 8), NENC_OK);
    for (size_t r = 0; r < 170; r++)
        for (size_t i = 0; i < 163 * 3; i++) {
            float *x = p.x + r * 163 * 3 + i, *y = p.target + r * 163 * 3 + i;
            const float u = fminf(fmaxf(*x, 0), 1), v = fminf(fmaxf(*y, 0), 1);
            a.data[r * a.stride + i] = (uint8_t)(u * 255 + 0.5f);
            b.data[r * b.stride + i] = (uint8_t)(v * 255 + 0.5f);
            *x = (float)a.data[r * a.stride + i] / 255;
            *y = (float)b.data[r * b.stride + i] / 255;
        }
    run(&p, NENC_LOSS_MS_SSIM, NULL, &value, NULL, NULL);
    assert_int_equal(nenc_ms_ssim(&ms_ssim, &a, &b, NULL), NENC_OK);
    assert_true(fabs(value - (1 - ms_ssim)) < 1e-6);
    run(&p, NENC_LOSS_MSE, NULL, &value, NULL, NULL);
    assert_int_equal(nenc_psnr(&psnr, &a, &b, NULL), NENC_OK);
    assert_true(fabs(-10 * log10(value) - psnr) < 1e-5);
    nenc_image_free(&a);
    nenc_image_free(&b);
    drop(&p);
}

/* -------------------------------------------------------------- invariants */

/* Two pictures are each alone, times their weights. */
static void pictures_do_not_mix(void **state)
{
    static const float weight[2] = { 0.5f, 4 };
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        double v[2], one;
        seed = 10;
        pictures p = make(2, SIDE, SIDE, 3, 0.1);
        run(&p, (nenc_loss_kind)kind, NULL, v, p.grad, weight);
        float *grad = nenc_mem_alloc(p.size, sizeof *grad);
        for (size_t i = 0; i < 2; i++) {
            pictures q = p;
            q.shape.n = 1;
            q.x += i * p.size;
            q.target += i * p.size;
            run(&q, (nenc_loss_kind)kind, NULL, &one, grad, NULL);
            assert_true(one == v[i] && one > 0);
            for (size_t j = 0; j < p.size; j++)
                assert_true(fabsf(weight[i] * grad[j]
                                  - p.grad[i * p.size + j])
                            <= 1e-6f * fabsf(p.grad[i * p.size + j]));
        }
        nenc_mem_free(grad);
        drop(&p);
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        double v[2], w[2];
        nenc_pool *pool;
        seed = 11;
        pictures p = make(2, SIDE, SIDE + 2, 3, 0.1);
        float *grad = nenc_mem_alloc(2 * p.size, sizeof *grad);
        run(&p, (nenc_loss_kind)kind, NULL, v, p.grad, NULL);
        assert_int_equal(nenc_pool_open(&pool, 3), NENC_OK);
        run(&p, (nenc_loss_kind)kind, pool, w, grad, NULL);
        nenc_pool_close(pool);
        assert_memory_equal(v, w, sizeof v);
        assert_memory_equal(grad, p.grad, 2 * p.size * sizeof *grad);
        nenc_mem_free(grad);
        drop(&p);
    }
}

static void equal_pictures_lose_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        double v;
        seed = 12;
        pictures p = make(1, SIDE, SIDE, 1, 0);
        run(&p, (nenc_loss_kind)kind, NULL, &v, p.grad, NULL);
        assert_true(v == 0);
        for (size_t i = 0; i < p.size; i++)
            assert_true(p.grad[i] == 0);
        drop(&p);
    }
}

/* A negative has lost its structure: the value is 1, the gradient finite and
 * a descent leaves the place. */
static void a_lost_structure_comes_back(void **state)
{
    double v;
    (void)state;
    seed = 13;
    pictures p = make(1, SIDE, SIDE, 1, 0);
    for (size_t i = 0; i < p.size; i++)
        p.x[i] = 1 - p.target[i];
    double slope = 0;
    run(&p, NENC_LOSS_MS_SSIM, NULL, &v, p.grad, NULL);
    assert_true(v == 1);
    for (size_t i = 0; i < p.size; i++) {
        assert_true(isfinite(p.grad[i]));
        slope += p.grad[i] * ((double)p.target[i] - p.x[i]);
    }
    assert_true(slope < 0);
    drop(&p);
}

static void not_finite_is_seen(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        double v, sum = 0;
        seed = 14;
        pictures p = make(1, SIDE, SIDE, 1, 0.1);
        p.x[p.size / 2] = NAN;
        run(&p, (nenc_loss_kind)kind, NULL, &v, p.grad, NULL);
        for (size_t i = 0; i < p.size; i++)
            sum += p.grad[i];
        assert_false(isfinite(v) || isfinite(sum));
        drop(&p);
    }
}

static nenc_status open_status(nenc_loss_kind kind, nenc_shape shape,
                               size_t max_memory)
{
    nenc_loss *l;
    const nenc_status st = nenc_loss_open(&l, kind, shape, NULL, max_memory,
                                          NULL);
    assert_true((st == NENC_OK) == (l != NULL));
    assert_true(!l || nenc_loss_memory(l) <= max_memory + 4096);
    nenc_loss_close(l);
    return st;
}

static void sizes_are_checked(void **state)
{
    const nenc_shape least = { 1, SIDE, SIDE, 3 };
    const size_t room = 44 * SIDE * SIDE;
    (void)state;
    assert_int_equal(open_status(NENC_LOSS_MS_SSIM, least, room), NENC_OK);
    assert_int_equal(open_status(NENC_LOSS_MS_SSIM, least, room / 2),
                     NENC_ELIMIT);
    assert_int_equal(open_status(NENC_LOSS_MS_SSIM,
                                 (nenc_shape){ 1, SIDE - 1, 999, 3 }, room),
                     NENC_EUNSUPPORTED);
    assert_int_equal(open_status(NENC_LOSS_L1, (nenc_shape){ 1, 1, 1, 1 }, 0),
                     NENC_OK);
    assert_int_equal(open_status(NENC_LOSS_MSE, (nenc_shape){ 1, 0, 1, 1 }, 0),
                     NENC_EINVAL);
    assert_int_equal(open_status(NENC_LOSS_MS_SSIM,
                                 (nenc_shape){ SIZE_MAX / 2, 200, 200, 3 },
                                 SIZE_MAX), NENC_EINVAL);
    nenc_loss_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(values_are_the_definition),
        cmocka_unit_test(values_are_the_evaluators),
        cmocka_unit_test(pictures_do_not_mix),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(equal_pictures_lose_nothing),
        cmocka_unit_test(a_lost_structure_comes_back),
        cmocka_unit_test(not_finite_is_seen),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
