/* SPDX-License-Identifier: BSD-2-Clause */
/* Overfit's way from latents to colours: values against a plain evaluation in
 * double precision, gradients against finite differences of that, and the same
 * bits from all kernel tables and numbers of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exact_kernels.h"
#include "mem.h"
#include "overfit_kernels.h"
#include "overfit_paint.h"

static uint32_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 1664525u + 1013904223u;
    return lo + (hi - lo) * (seed >> 8) / 16777216.0;
}

/* ------------------------------------------------------ what is definitive */

/* Samples of one channel, and the plain evaluation of a picture. */
typedef struct grid {
    double *v;
    int w, h;
} grid;

typedef struct naive {
    const overfit_shape *shape;
    int top;
    grid latent[OVERFIT_TOP + 1];
    double *params;
    grid x[OVERFIT_TOP + 1][OVERFIT_TOP + 1];
    grid t[3], u[3], out[3], line;   /* line: between two passes */
} naive;

static grid new_grid(int w, int h)
{
    grid g = { nenc_mem_zalloc((size_t)w * (size_t)h, sizeof(double)), w, h };
    assert_non_null(g.v);
    return g;
}

static int clamped(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static double at(const grid *g, int y, int x)
{
    return g->v[clamped(y, g->h) * g->w + clamped(x, g->w)];
}

static double at_or_0(const grid *g, int y, int x)
{
    return y < 0 || x < 0 || y >= g->h || x >= g->w ? 0 : g->v[y * g->w + x];
}

/* The i-th of four taps of T on the samples around an output. */
static double t_tap(const double *p, int odd, int i)
{
    static const int even_tap[4] = { 0, 2, 3, 1 };      /* m - 2 on: a c d b */
    return p[even_tap[odd ? 3 - i : i]];
}

static void upsample(naive *n, grid *to, const grid *from, const double *p)
{
    n->line.w = from->w;
    n->line.h = to->h;
    for (int y = 0; y < to->h; y++)
        for (int x = 0; x < from->w; x++) {
            double s = 0;
            for (int i = 0; i < 4; i++)
                s += t_tap(p, y % 2, i) * at(from, y / 2 - 2 + y % 2 + i, x);
            n->line.v[y * from->w + x] = s;
        }
    for (int y = 0; y < to->h; y++)
        for (int x = 0; x < to->w; x++) {
            double s = 0;
            for (int i = 0; i < 4; i++)
                s += t_tap(p, x % 2, i)
                     * at(&n->line, y, x / 2 - 2 + x % 2 + i);
            to->v[y * to->w + x] = s;
        }
}

static void prefilter(naive *n, grid *to, const grid *from, const double *p)
{
    const double taps[7] = { p[0], p[1], p[2], p[3], p[2], p[1], p[0] };
    n->line.w = to->w;
    n->line.h = to->h;
    for (int pass = 0; pass < 2; pass++) {
        const grid *src = pass ? &n->line : from;
        grid *dst = pass ? to : &n->line;
        for (int y = 0; y < to->h; y++)
            for (int x = 0; x < to->w; x++) {
                double s = pass ? at(from, y, x) : 0;
                for (int i = 0; i < 7; i++)
                    s += taps[i] * (pass ? at_or_0(src, y, x + i - 3)
                                         : at_or_0(src, y + i - 3, x));
                dst->v[y * to->w + x] = s;
            }
    }
}

static void synthesize_pixel(naive *n, int i)
{
    const overfit_shape *s = n->shape;
    const double *p = n->params;
    const int k = s->size->width, in = n->top + 1;
    for (int o = 0; o < s->channels; o++) {
        n->t[o].v[i] = p[s->trunk[1]->bias + (size_t)o];
        n->out[o].v[i] = 0;
        for (int c = 0; c < in; c++)
            n->out[o].v[i] += p[(int)s->skip->weight + o * in + c]
                              * n->x[0][c].v[i];
    }
    for (int h = 0; h < k; h++) {
        double sum = p[(int)s->trunk[0]->bias + h];
        for (int c = 0; c < in; c++)
            sum += p[(int)s->trunk[0]->weight + h * in + c] * n->x[0][c].v[i];
        for (int o = 0; sum > 0 && o < s->channels; o++)
            n->t[o].v[i] += p[(int)s->trunk[1]->weight + o * k + h] * sum;
    }
}

static double conv(const naive *n, const overfit_layer *l, const grid *from,
                   int o, int y, int x)
{
    double s = n->params[(int)l->bias + o] + at(&from[o], y, x);
    const double *w = n->params + l->weight + (size_t)(o * l->cols);
    for (int i = 0; i < n->shape->channels; i++)
        for (int ky = 0; ky < 3; ky++)
            for (int kx = 0; kx < 3; kx++)
                s += *w++ * at(&from[i], y + ky - 1, x + kx - 1);
    return s;
}

static void evaluate(naive *n)
{
    const overfit_shape *s = n->shape;
    const int w = (int)s->width, h = (int)s->height;
    n->x[n->top][0] = n->latent[n->top];
    for (int k = n->top - 1; k >= 0; k--) {
        prefilter(n, &n->x[k][0], &n->latent[k],
                  n->params + s->pre[k]->weight);
        for (int c = 1; c <= n->top - k; c++)
            upsample(n, &n->x[k][c], &n->x[k + 1][c - 1],
                     n->params + s->up[k]->weight);
    }
    for (int i = 0; i < w * h; i++)
        synthesize_pixel(n, i);
    for (int o = 0; s->conv[1] && o < s->channels; o++)
        for (int i = 0; i < w * h; i++) {
            const double v = conv(n, s->conv[0], n->t, o, i / w, i % w);
            n->u[o].v[i] = v > 0 ? v : 0;
        }
    for (int o = 0; o < s->channels; o++)
        for (int i = 0; i < w * h; i++)
            n->out[o].v[i] += s->conv[1]
                ? conv(n, s->conv[1], n->u, o, i / w, i % w)
                : conv(n, s->conv[0], n->t, o, i / w, i % w);
}

static void naive_open(naive *n, const overfit_shape *s)
{
    const int w = (int)s->width, h = (int)s->height;
    memset(n, 0, sizeof *n);
    n->shape = s;
    n->top = s->top;
    n->line = new_grid(w, h);
    n->params = nenc_mem_zalloc(s->n_params, sizeof *n->params);
    assert_non_null(n->params);
    for (int k = 0; k <= s->top; k++) {
        const overfit_grid *g = &s->grids[overfit_latent(s, (uint32_t)k)];
        n->latent[k] = new_grid((int)g->width, (int)g->height);
        for (int c = 0; k < s->top && c <= s->top - k; c++)
            n->x[k][c] = new_grid((int)g->width, (int)g->height);
    }
    for (int c = 0; c < s->channels; c++) {
        n->t[c] = new_grid(w, h);
        n->u[c] = new_grid(w, h);
        n->out[c] = new_grid(w, h);
    }
}

static void naive_close(naive *n)
{
    nenc_mem_free(n->line.v);
    nenc_mem_free(n->params);
    for (int k = 0; k <= n->top; k++) {
        nenc_mem_free(n->latent[k].v);
        for (int c = 0; k < n->top && c <= n->top - k; c++)
            nenc_mem_free(n->x[k][c].v);
    }
    for (int c = 0; c < n->shape->channels; c++) {
        nenc_mem_free(n->t[c].v);
        nenc_mem_free(n->u[c].v);
        nenc_mem_free(n->out[c].v);
    }
}

/* --------------------------------------------------------------- a picture */

typedef struct scene {
    overfit_shape shape;
    overfit_plane latents[OVERFIT_TOP + 1], d_latents[OVERFIT_TOP + 1];
    overfit_plane seed[3];
    float *params, *d_params;
} scene;

static overfit_plane new_plane(uint32_t w, uint32_t h)
{
    const size_t pitch = ((size_t)w + 15) / 16 * 16 + 2 * OVERFIT_MARGIN;
    float *all = nenc_mem_zalloc((h + 2 * OVERFIT_MARGIN_ROWS) * pitch,
                                 sizeof *all);
    assert_non_null(all);
    return (overfit_plane){ all + OVERFIT_MARGIN_ROWS * pitch
                            + OVERFIT_MARGIN, pitch, w, h };
}

static void free_plane(overfit_plane *p)
{
    nenc_mem_free(overfit_row(p, -OVERFIT_MARGIN_ROWS) - OVERFIT_MARGIN);
}

static void fill(overfit_plane *p, double range)
{
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++)
            overfit_row(p, y)[x] = (float)uniform(-range, range);
}

static void make(scene *s, int size, uint32_t w, uint32_t h, int channels)
{
    seed = w * 31 + h * 7 + (uint32_t)(size * 2 + channels);
    overfit_shape_init(&s->shape, size, w, h, channels);
    const size_t n = s->shape.n_params;
    s->params = nenc_mem_alloc(n, sizeof(float));
    s->d_params = nenc_mem_alloc(n, sizeof(float));
    assert_true(s->params && s->d_params);
    for (size_t i = 0; i < n; i++) {
        s->params[i] = (float)uniform(-0.4, 0.4);
        s->d_params[i] = 1e30f;
    }
    for (int k = 0; k < s->shape.top; k++)   /* else coarse levels vanish */
        for (int i = 0; i < 4; i++)
            s->params[s->shape.up[k]->weight + (uint32_t)i] =
                (float)(i == 3 ? uniform(-1, -0.8) : uniform(-0.2, 0.2));
    for (int k = 0; k <= s->shape.top; k++) {
        const overfit_grid *g = &s->shape.grids[
            overfit_latent(&s->shape, (uint32_t)k)];
        s->latents[k] = new_plane(g->width, g->height);
        s->d_latents[k] = new_plane(g->width, g->height);
        fill(&s->latents[k], 2);
    }
    for (int c = 0; c < channels; c++) {
        s->seed[c] = new_plane(w, h);
        fill(&s->seed[c], 1);
    }
}

static void drop(scene *s)
{
    nenc_mem_free(s->params);
    nenc_mem_free(s->d_params);
    for (int k = 0; k <= s->shape.top; k++) {
        free_plane(&s->latents[k]);
        free_plane(&s->d_latents[k]);
    }
    for (int c = 0; c < s->shape.channels; c++)
        free_plane(&s->seed[c]);
}

static overfit_paint *paint(scene *s, nenc_pool *pool)
{
    overfit_paint *p;
    assert_int_equal(overfit_paint_open(&p, &s->shape, true, pool, SIZE_MAX,
                                        NULL), NENC_OK);
    overfit_paint_forward(p, s->latents, s->params);
    for (int c = 0; c < s->shape.channels; c++)
        for (uint32_t y = 0; y < s->shape.height; y++)
            memcpy(overfit_row(&overfit_paint_seed(p)[c], y),
                   overfit_row(&s->seed[c], y),
                   s->shape.width * sizeof(float));
    overfit_paint_backward(p, s->latents, s->params, s->d_latents,
                           s->d_params);
    return p;
}

static void naive_of(naive *n, const scene *s)
{
    naive_open(n, &s->shape);
    for (size_t i = 0; i < s->shape.n_params; i++)
        n->params[i] = (double)s->params[i];
    for (int k = 0; k <= s->shape.top; k++)
        for (int i = 0; i < n->latent[k].w * n->latent[k].h; i++)
            n->latent[k].v[i] = (double)overfit_row(
                &s->latents[k], i / n->latent[k].w)[i % n->latent[k].w];
}

static const int sizes[][2] = { { 1, 1 }, { 7, 5 }, { 37, 23 }, { 130, 67 } };
enum { N_SIZES = sizeof sizes / sizeof *sizes };

/* ------------------------------------------------------------------- tests */

static void check_values(int size, uint32_t w, uint32_t h, int channels)
{
    scene s;
    naive n;
    make(&s, size, w, h, channels);
    overfit_paint *p = paint(&s, NULL);
    naive_of(&n, &s);
    evaluate(&n);
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < (int)(w * h); i++) {
            const double want = n.out[c].v[i];
            const double got = (double)overfit_row(
                &overfit_paint_output(p)[c], i / (int)w)[i % (int)w];
            assert_true(fabs(got - want) < 2e-5 * (1 + fabs(want)));
        }
    assert_true(overfit_paint_memory(p) > 4 * (size_t)(w * h));
    overfit_paint_close(p);
    naive_close(&n);
    drop(&s);
}

static void values(void **state)
{
    (void)state;
    for (int i = 0; i < N_SIZES; i++)
        for (int size = 0; size < OVERFIT_SIZES; size++)
            for (int channels = 1; channels <= 3; channels += 2)
                check_values(size, (uint32_t)sizes[i][0],
                             (uint32_t)sizes[i][1], channels);
}

static double loss_of(naive *n, const scene *s)
{
    double sum = 0;
    evaluate(n);
    for (int c = 0; c < s->shape.channels; c++)
        for (int i = 0; i < n->out[c].w * n->out[c].h; i++)
            sum += n->out[c].v[i] * (double)overfit_row(
                &s->seed[c], i / n->out[c].w)[i % n->out[c].w];
    return sum;
}

static double slope(naive *n, const scene *s, double *x, double step)
{
    const double old = *x;
    *x = old + step;
    const double more = loss_of(n, s);
    *x = old - step;
    const double less = loss_of(n, s);
    *x = old;
    return (more - less) / (2 * step);
}

/* Gradients of one kind against slopes: `every` so many of n; the error counts
 * relative to the value and to how great its like are. */
static void compare(naive *n, const scene *s, double *x, const float *got,
                    size_t count, size_t every)
{
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += (double)got[i] * (double)got[i];
    const double usual = sqrt(square / (double)count);
    for (size_t i = (size_t)uniform(0, (double)every); i < count; i += every) {
        bool ok = false;
        /* a long step may lead over a ReLU's kink, a short one rounds more */
        for (double step = 1e-6; step > 5e-9 && !ok; step /= 10) {
            const double want = slope(n, s, &x[i], step);
            ok = fabs((double)got[i] - want)
                 <= 1e-4 * NENC_MAX(fabs(want), usual) + 1e-7;
        }
        assert_true(ok);
    }
}

static void check_gradients(int size, uint32_t w, uint32_t h, int channels)
{
    scene s;
    naive n;
    make(&s, size, w, h, channels);
    const size_t every = (size_t)w * h / 80 + 1;
    overfit_paint_close(paint(&s, NULL));
    naive_of(&n, &s);
    for (int i = 0; i < s.shape.n_layers; i++) {
        const overfit_layer *l = &s.shape.layers[i];
        const size_t count = (size_t)l->rows * (size_t)l->cols;
        if (l->module != OVERFIT_UP && l->module != OVERFIT_SYNTHESIS) {
            assert_true(s.d_params[l->weight] == 1e30f);    /* left alone */
            continue;
        }
        compare(&n, &s, n.params + l->weight, s.d_params + l->weight, count,
                l->module == OVERFIT_UP ? 1 : every);
        if (l->has_bias)
            compare(&n, &s, n.params + l->bias, s.d_params + l->bias,
                    (size_t)l->rows, every);
    }
    for (int k = 0; k <= s.shape.top; k++) {
        const grid *g = &n.latent[k];
        const size_t count = (size_t)g->w * (size_t)g->h;
        float *got = nenc_mem_alloc(count, sizeof *got);
        assert_non_null(got);
        for (int i = 0; i < g->w * g->h; i++)
            got[i] = overfit_row(&s.d_latents[k], i / g->w)[i % g->w];
        compare(&n, &s, g->v, got, count, count / (100 / every + 2) + 1);
        nenc_mem_free(got);
    }
    naive_close(&n);
    drop(&s);
}

static void gradients(void **state)
{
    (void)state;
    for (int i = 0; i < N_SIZES; i++)
        for (int size = 0; size <= 2; size += 2)
            for (int channels = 1; channels <= 3; channels += 2)
                check_gradients(size, (uint32_t)sizes[i][0],
                                (uint32_t)sizes[i][1], channels);
}

static void assert_same_planes(const overfit_plane *a, const overfit_plane *b,
                               int n)
{
    for (int c = 0; c < n; c++)
        for (uint32_t y = 0; y < a[c].height; y++)
            assert_memory_equal(overfit_row(&a[c], y), overfit_row(&b[c], y),
                                a[c].width * sizeof(float));
}

/* The same bits whatever the kernels and threads. */
static void check_same(const char *kernels, int threads, int size, uint32_t w,
                       uint32_t h)
{
    scene a, b;
    nenc_pool *pool;
    make(&a, size, w, h, 3);
    make(&b, size, w, h, 3);
    assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
    assert_int_equal(setenv("NENC_KERNELS", "portable", 1), 0);
    overfit_paint *p = paint(&a, NULL);
    assert_int_equal(setenv("NENC_KERNELS", kernels, 1), 0);
    overfit_paint *q = paint(&b, pool);
    assert_int_equal(unsetenv("NENC_KERNELS"), 0);
    assert_same_planes(overfit_paint_output(p), overfit_paint_output(q), 3);
    assert_same_planes(a.d_latents, b.d_latents, a.shape.top + 1);
    assert_memory_equal(a.d_params, b.d_params,
                        a.shape.n_params * sizeof(float));
    overfit_paint_close(p);
    overfit_paint_close(q);
    nenc_pool_close(pool);
    drop(&a);
    drop(&b);
}

static void same_bits(void **state)
{
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    (void)state;
    for (size_t i = 0; i < n; i++)
        for (int size = 0; size <= 2; size += 2) {
            check_same(list[i]->name, 1, size, 130, 67);
            check_same(list[i]->name, 3, size, 130, 67);
            check_same(list[i]->name, 3, size, 291, 18);
            check_same(list[i]->name, 3, size, 7, 5);
        }
}

enum { ROWS = 64, LENGTH = 192, FLOATS = ROWS * LENGTH };

typedef struct arrays {
    float in[FLOATS], out[FLOATS], w[ROWS * ROWS], bias[ROWS];
} arrays;

static void randomize(arrays *a)
{
    for (int i = 0; i < FLOATS; i++) {
        a->in[i] = (float)uniform(-1, 1);
        a->out[i] = (float)uniform(-1, 1);
    }
    for (int i = 0; i < ROWS * ROWS; i++)
        a->w[i] = (float)uniform(-1, 1);
    for (int i = 0; i < ROWS; i++)
        a->bias[i] = (float)uniform(-1, 1);
}

static void run_dense(const overfit_kernels *k, arrays *a, int n_in, int n_out,
                      size_t n, unsigned options)
{
    const float *in[ROWS], *same[ROWS];
    float *out[ROWS];
    for (int i = 0; i < ROWS; i++) {
        in[i] = a->in + i * LENGTH + i % 3;     /* not aligned */
        out[i] = a->out + i * LENGTH;
        same[i] = out[i];
    }
    const overfit_dense d = {
        .w = a->w, .w_pitch = (size_t)n_in + 1, .n_in = n_in, .n_out = n_out,
        .bias = options & 1 ? a->bias : NULL, .resume = (options & 2) != 0,
        .relu = (options & 4) != 0, .in = in, .out = out, .n = n,
        .add = { options & 8 ? in : NULL, options & 16 ? same : NULL },
        .gate = options & 32 ? in + 1 : NULL,
    };
    k->dense(&d);
}

/* The others, all into one array. */
static void run_rest(const overfit_kernels *k, arrays *a, int nx, int ny,
                     size_t n)
{
    const float *in[ROWS];
    for (int i = 0; i < ROWS; i++)
        in[i] = a->in + i * LENGTH + 3 + i % 3;
    k->outer(a->out, (size_t)ny + 2, in, nx, in + nx, ny, n);
    float *to = a->out + (size_t)(nx * (ny + 2)) * OVERFIT_LANES;
    k->sum(to, in, ny, n);
    to += ny * OVERFIT_LANES;
    k->filter(to, in, a->w, ny, nx % 2 ? in[ny] : NULL, n);
    k->widen(to + n, in[1], a->w, n);
    k->split(to + 3 * n, to + 4 * n, in[2], n / 32 * 16);
}

static void same_kernels(void **state)
{
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    arrays *a = nenc_mem_alloc(1, sizeof *a);
    arrays *b = nenc_mem_alloc(1, sizeof *b);
    assert_true(a && b);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(setenv("NENC_KERNELS", list[i]->name, 1), 0);
        const overfit_kernels *k = overfit_kernels_best();
        assert_int_equal(unsetenv("NENC_KERNELS"), 0);
        assert_string_equal(k->name, list[i]->name);
        for (unsigned trial = 0; trial < 300; trial++) {
            const int nx = 1 + (int)trial % 17, ny = 1 + (int)trial % 11;
            const size_t length = 16 * (1 + trial % 10);
            randomize(a);
            memcpy(b, a, sizeof *a);
            run_dense(&overfit_kernels_portable, a, nx, ny, length,
                      trial % 64);
            run_dense(k, b, nx, ny, length, trial % 64);
            assert_memory_equal(a, b, sizeof *a);
            run_rest(&overfit_kernels_portable, a, nx, ny, length);
            run_rest(k, b, nx, ny, length);
            assert_memory_equal(a, b, sizeof *a);
        }
    }
    nenc_mem_free(a);
    nenc_mem_free(b);
}

static void limits(void **state)
{
    overfit_shape shape;
    overfit_paint *p;
    (void)state;
    overfit_shape_init(&shape, 0, 64, 48, 3);
    assert_int_equal(overfit_paint_open(&p, &shape, true, NULL, 100000, NULL),
                     NENC_ELIMIT);
    assert_null(p);
    assert_int_equal(overfit_paint_open(&p, &shape, false, NULL, 10000000,
                                        NULL), NENC_OK);
    assert_true(overfit_paint_memory(p) < 10000000);
    overfit_paint_close(p);
    overfit_paint_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_kernels), cmocka_unit_test(values),
        cmocka_unit_test(gradients), cmocka_unit_test(same_bits),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
