/* SPDX-License-Identifier: BSD-2-Clause */
/* Prices of latents and their gradients against a plain evaluation in double,
 * one symbol at a time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "overfit_mixer.h"
#include "overfit_plane.h"
#include "overfit_rate.h"
#include "random.h"

typedef struct setting {
    overfit_shape shape;
    nenc_arena arena;
    overfit_plane grids[OVERFIT_GRIDS], d_grids[OVERFIT_GRIDS];
    double *values[OVERFIT_GRIDS];
    double *params;
    float *fparams, *d_params;
} setting;

static double symbol(const setting *t, int g, int64_t y, int64_t x)
{
    const overfit_grid *a = &t->shape.grids[g];
    return y < 0 || x < 0 || y >= a->height || x >= a->width
           ? 0 : t->values[g][y * a->width + x];
}

static void inputs(const setting *t, int g, uint32_t y, uint32_t x, double *c)
{
    const overfit_shape *s = &t->shape;
    const overfit_grid *a = &s->grids[g];
    for (int k = 0; k < s->size->spatial; k++)
        c[k] = symbol(t, g, (int64_t)y + overfit_contexts[k][0],
                      (int64_t)x + overfit_contexts[k][1]);
    for (int f = 0; f < s->size->features; f++) {
        double *to = &c[s->size->spatial + f];
        *to = 0;
        if (a->level >= OVERFIT_MIXERS)
            continue;
        const overfit_layer *l = s->mixer[a->level];
        *to = t->params[l->bias + (size_t)f];
        for (int i = 0; i < l->cols; i++) {
            const int other = s->n_grids - l->cols + i;
            const uint32_t d = s->grids[other].level - a->level;
            *to += t->params[l->weight + (size_t)(f * l->cols + i)]
                 * symbol(t, other, y >> d, x >> d);
        }
    }
}

static double dot(const setting *t, const overfit_layer *l, int row,
                  const double *in)
{
    double sum = l->has_bias ? t->params[l->bias + (size_t)row] : 0;
    for (int i = 0; i < l->cols; i++)
        sum += t->params[l->weight + (size_t)(row * l->cols + i)] * in[i];
    return sum;
}

static double below(double v, double b)
{
    return v < 0 ? 0.5 * exp(v / b) : 1 - 0.5 * exp(-v / b);
}

static double price(const setting *t, int g, uint32_t y, uint32_t x)
{
    const overfit_shape *s = &t->shape;
    double c[OVERFIT_INPUTS], h[OVERFIT_INPUTS], next[OVERFIT_INPUTS], o[2];
    inputs(t, g, y, x, c);
    memcpy(h, c, sizeof h);
    for (int i = 0; i < OVERFIT_LAYERS; i++) {
        for (int k = 0; k < s->inputs; k++)
            next[k] = fmax(0, dot(t, s->hidden[i], k, h) + h[k]);
        memcpy(h, next, sizeof h);
    }
    for (int k = 0; k < 2; k++)
        o[k] = dot(t, s->out, k, h) + dot(t, s->direct, k, c);
    const double b = exp(fmin(3, fmax(-5, o[1] - 4)));
    const double u = symbol(t, g, y, x) - o[0];
    return -log2(fmax(0x1p-16, below(u + 0.5, b) - below(u - 0.5, b)));
}

static double all_bits(const setting *t)
{
    double bits = 0;
    for (int g = 0; g < t->shape.n_grids; g++)
        for (uint32_t y = 0; y < t->shape.grids[g].height; y++)
            for (uint32_t x = 0; x < t->shape.grids[g].width; x++)
                bits += price(t, g, y, x);
    return bits;
}

static double uniform(uint64_t *state, double size)
{
    return (nenc_random_next(state) * 2 - 1) * size;
}

/* Real numbers for symbols, so that there is no step in what depends on them. */
static void make(setting *t, int size, uint32_t w, uint32_t h)
{
    uint64_t state = 77;
    nenc_arena_init(&t->arena, 1 << 28);
    overfit_shape_init(&t->shape, size, w, h, 3);
    const size_t n = t->shape.n_params;
    t->params = nenc_arena_zalloc(&t->arena, n, sizeof(double));
    t->fparams = nenc_arena_zalloc(&t->arena, n, sizeof(float));
    t->d_params = nenc_arena_zalloc(&t->arena, n, sizeof(float));
    for (size_t i = 0; i < n; i++)
        t->params[i] = t->fparams[i] = (float)uniform(&state, 0.2);
    t->fparams[t->shape.out->bias + 1] = 4;
    t->params[t->shape.out->bias + 1] = 4;
    assert_true(overfit_planes_alloc(t->grids, &t->arena, &t->shape));
    assert_true(overfit_planes_alloc(t->d_grids, &t->arena, &t->shape));
    for (int g = 0; g < t->shape.n_grids; g++) {
        const overfit_plane *p = &t->grids[g];
        t->values[g] = nenc_arena_zalloc(&t->arena,
                                         (size_t)p->width * p->height,
                                         sizeof(double));
        for (uint32_t y = 0; y < p->height; y++)
            for (uint32_t x = 0; x < p->width; x++)
                t->values[g][y * p->width + x] = overfit_row(p, y)[x] =
                    (float)uniform(&state, 2.5);
    }
}

static void near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.9g, not %.9g", a, b);
}

static double slope(const setting *t, double *p)
{
    const double was = *p, step = 1e-6;   /* few kinks of ReLU in so little */
    *p = was + step;
    const double more = all_bits(t);
    *p = was - step;
    const double less = all_bits(t);
    *p = was;
    return (more - less) / (2 * step);
}

static void check_gradients(setting *t, overfit_rate *r)
{
    overfit_rate_gradients(r, t->grids, t->fparams, 1, t->d_grids,
                           t->d_params);
    double largest = 0;
    const size_t n = t->shape.up[t->shape.top - 1]->weight;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(t->d_params[i]));
    for (size_t i = 0; i < n; i++) {
        const double s = slope(t, &t->params[i]);
        near(t->d_params[i], s, 1e-4 * fabs(s) + 1e-5 * largest);
    }
    for (int g = 0; g < t->shape.n_grids; g++)
        for (uint32_t y = 0; y < t->grids[g].height; y += 3)
            for (uint32_t x = 0; x < t->grids[g].width; x += 2) {
                double *p = &t->values[g][y * t->grids[g].width + x];
                const double s = slope(t, p);
                near(overfit_row(&t->d_grids[g], y)[x], s,
                     1e-4 * fabs(s) + 2e-4);
            }
}

static void check_shape(int size, uint32_t w, uint32_t h)
{
    static setting t;
    overfit_rate *r;
    make(&t, size, w, h);
    assert_int_equal(overfit_rate_open(&r, &t.shape, true, NULL, 1 << 28,
                                       NULL), NENC_OK);
    const double want = all_bits(&t);
    near(overfit_rate_bits(r, t.grids, t.fparams), want, 1e-5 * want);
    check_gradients(&t, r);
    overfit_rate_close(r);
    nenc_arena_free(&t.arena);
}

static void gradients_are_right(void **state)
{
    (void)state;
    check_shape(0, 1, 1);
    check_shape(0, 9, 7);
    check_shape(2, 21, 13);
    check_shape(3, 5, 34);
}

/* The same bits with any number of threads, from which the shape needs bands. */
static void threads_change_nothing(void **state)
{
    static setting t;
    (void)state;
    make(&t, 2, 150, 140);
    const size_t n = t.shape.n_params;
    float *first = nenc_arena_zalloc(&t.arena, n, sizeof(float));
    float corner = 0;
    for (int threads = 1; threads <= 3; threads++) {
        nenc_pool *pool;
        overfit_rate *r;
        assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
        assert_int_equal(overfit_rate_open(&r, &t.shape, true, pool, 1 << 28,
                                           NULL), NENC_OK);
        for (int again = 0; again < 2; again++)
            overfit_rate_gradients(r, t.grids, t.fparams, 0.5f, t.d_grids,
                                   t.d_params);
        if (threads == 1) {
            memcpy(first, t.d_params, n * sizeof *first);
            corner = overfit_row(&t.d_grids[0], 31)[97];
        }
        assert_memory_equal(first, t.d_params, n * sizeof *first);
        assert_true(overfit_row(&t.d_grids[0], 31)[97] == corner);
        overfit_rate_close(r);
        nenc_pool_close(pool);
    }
    nenc_arena_free(&t.arena);
}

static void memory_is_bounded(void **state)
{
    overfit_shape s;
    overfit_rate *r;
    nenc_diag diag;
    (void)state;
    overfit_shape_init(&s, 2, 400, 300, 3);
    assert_int_equal(overfit_rate_open(&r, &s, true, NULL, 100000, &diag),
                     NENC_ELIMIT);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_right),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
