/* SPDX-License-Identifier: BSD-2-Clause */
/* MSE, L1 and 1 - MS-SSIM with their gradients: loops over floats, sums in
 * double precision.  Not normative. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "fpenv.h"
#include "loss.h"
#include "mem.h"

enum {
    TAPS = 11, SCALES = 5,
    LANES = 8       /* sums that a loop keeps, so that it can be vectorized */
};

static const double scale_weight[SCALES] = {
    0.0448, 0.2856, 0.3001, 0.2363, 0.1333
};
/* A term of MS-SSIM is at least this where its power is derived. */
static const double least_term = 1e-6;

/* One channel of one scale: x + target, x - target, and the gradient of the
 * scale's term; later, that of the loss. */
typedef struct level {
    size_t h, w;
    float *sum, *diff, *grad;
} level;

/* The window's means, and in their place the derivatives by them. */
enum { MEAN_SUM, MEAN_DIFF, MEAN_SUM2, MEAN_DIFF2, MEANS };

typedef struct scratch {
    level levels[SCALES];
    float *map, *rows;          /* a plane each */
    float *means[MEANS];        /* a plane each, one value a window */
} scratch;

struct nenc_loss {
    nenc_loss_kind kind;
    nenc_shape shape;
    nenc_pool *pool;
    nenc_arena arena;
    float window[TAPS];
    scratch *workers;           /* [threads] */
    double *plane_loss;         /* [n, c] */
    /* The run: */
    double *values;
    float *grad;
    const float *x, *target, *weight;
};

static double add_up(const double lanes[LANES])
{
    double sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

/* -------------------------------------------------------------- MSE and L1 */

static double square_sum(const float *x, const float *y, size_t n)
{
    double lanes[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            const double d = (double)x[i + k] - y[i + k];
            lanes[k] += d * d;
        }
    for (; i < n; i++)
        lanes[0] += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    return add_up(lanes);
}

static double distance_sum(const float *x, const float *y, size_t n)
{
    double lanes[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += fabs((double)x[i + k] - y[i + k]);
    for (; i < n; i++)
        lanes[0] += fabs((double)x[i] - y[i]);
    return add_up(lanes);
}

static void mse_gradient(float *restrict grad, const float *x, const float *y,
                         size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        grad[i] = 2 * scale * (x[i] - y[i]);
}

/* NaN stays: neither greater nor less, it adds itself. */
static void l1_gradient(float *restrict grad, const float *x, const float *y,
                        size_t n, float scale)
{
    for (size_t i = 0; i < n; i++) {
        const float d = x[i] - y[i];
        grad[i] = d > 0 ? scale : d < 0 ? -scale : d;
    }
}

static size_t picture_size(const nenc_loss *l)
{
    return l->shape.h * l->shape.w * l->shape.c;
}

static double weight_of(const nenc_loss *l, size_t picture)
{
    return l->weight ? l->weight[picture] : 1;
}

/* Pictures [first, end). */
static void run_pictures(void *user, int worker, size_t first, size_t end)
{
    const nenc_loss *l = user;
    const size_t n = picture_size(l);
    const bool square = l->kind == NENC_LOSS_MSE;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const float *x = l->x + i * n, *y = l->target + i * n;
        const float scale = (float)(weight_of(l, i) / (double)n);
        l->values[i] = (square ? square_sum : distance_sum)(x, y, n)
                       / (double)n;
        if (l->grad)
            (square ? mse_gradient : l1_gradient)(l->grad + i * n, x, y, n,
                                                  scale);
    }
}

/* --------------------------------------------------- windows and half sizes */

static void set_window(float g[TAPS])
{
    double sum = 0, exact[TAPS];
    for (int i = 0; i < TAPS; i++) {
        const double d = i - TAPS / 2;
        exact[i] = exp(-d * d / (2 * 1.5 * 1.5));
        sum += exact[i];
    }
    for (int i = 0; i < TAPS; i++)
        g[i] = (float)(exact[i] / sum);
}

/* dst += g * src */
static void add_scaled(float *restrict dst, const float *restrict src, float g,
                       size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] += g * src[i];
}

/* dst [h - 10, w - 10] = means of src [h, w] under the window; rows [h, w] is
 * for use. */
static void blur(float *dst, float *rows, const float *src, size_t h, size_t w,
                 const float g[TAPS])
{
    const size_t dst_h = h - (TAPS - 1), dst_w = w - (TAPS - 1);
    memset(rows, 0, h * dst_w * sizeof *rows);
    memset(dst, 0, dst_h * dst_w * sizeof *dst);
    for (size_t r = 0; r < h; r++)
        for (size_t j = 0; j < TAPS; j++)
            add_scaled(rows + r * dst_w, src + r * w + j, g[j], dst_w);
    for (size_t r = 0; r < dst_h; r++)
        for (size_t j = 0; j < TAPS; j++)
            add_scaled(dst + r * dst_w, rows + (r + j) * dst_w, g[j], dst_w);
}

/* Its transpose: dst [h, w] from src [h - 10, w - 10]. */
static void spread(float *dst, float *rows, const float *src, size_t h,
                   size_t w, const float g[TAPS])
{
    const size_t src_h = h - (TAPS - 1), src_w = w - (TAPS - 1);
    memset(rows, 0, h * src_w * sizeof *rows);
    memset(dst, 0, h * w * sizeof *dst);
    for (size_t r = 0; r < src_h; r++)
        for (size_t j = 0; j < TAPS; j++)
            add_scaled(rows + (r + j) * src_w, src + r * src_w, g[j], src_w);
    for (size_t r = 0; r < h; r++)
        for (size_t j = 0; j < TAPS; j++)
            add_scaled(dst + r * w + j, rows + r * src_w, g[j], src_w);
}

/* The samples of `fine` that the 2x2 of a coarse one covers.  An odd side has
 * a row or column of zeros before the first, as nenc_ms_ssim() has it. */
typedef struct square {
    size_t first_r, end_r, first_i, end_i;
} square;

static square square_of(const level *fine, size_t r, size_t i)
{
    const size_t above = fine->h % 2, left = fine->w % 2;
    return (square){ .first_r = 2 * r - (r ? above : 0),
                     .end_r = 2 * r + 2 - above,
                     .first_i = 2 * i - (i ? left : 0),
                     .end_i = 2 * i + 2 - left };
}

static void halve(const level *coarse, const level *fine)
{
    for (size_t r = 0; r < coarse->h; r++)
        for (size_t i = 0; i < coarse->w; i++) {
            const square q = square_of(fine, r, i);
            float sum = 0, diff = 0;
            for (size_t j = q.first_r; j < q.end_r; j++)
                for (size_t k = q.first_i; k < q.end_i; k++) {
                    sum += fine->sum[j * fine->w + k];
                    diff += fine->diff[j * fine->w + k];
                }
            coarse->sum[r * coarse->w + i] = sum / 4;
            coarse->diff[r * coarse->w + i] = diff / 4;
        }
}

/* Gradients go the other way. */
static void add_double(const level *fine, const level *coarse)
{
    for (size_t r = 0; r < coarse->h; r++)
        for (size_t i = 0; i < coarse->w; i++) {
            const square q = square_of(fine, r, i);
            const float g = coarse->grad[r * coarse->w + i] / 4;
            for (size_t j = q.first_r; j < q.end_r; j++)
                for (size_t k = q.first_i; k < q.end_i; k++)
                    fine->grad[j * fine->w + k] += g;
        }
}

/* ----------------------------------------------------------------- MS-SSIM */

/* With s = x + y - 1, d = x - y, and means and variances under a window,
 *     1 - contrast * structure = q,  q = var(d) / ((var(s) + var(d)) / 2 + c2)
 *     1 - luminance            = r,  r = mean(d)^2 / (mean(x)^2 + mean(y)^2
 *                                                     + c1)
 * which is the textbook's ratio, but keeps its digits in floats where x and y
 * are alike.  A window's term is q, or with luminance q + r - q r.
 * @return the mean of the terms; means[] become the derivatives of the term,
 *         the one by mean(s) holding that by mean(d) too */
static double compare_windows(scratch *s, size_t n, bool with_luminance)
{
    const float c1 = 0.01f * 0.01f, c2 = 0.03f * 0.03f;
    float *restrict sum = s->means[MEAN_SUM], *restrict diff
        = s->means[MEAN_DIFF];
    float *restrict sum2 = s->means[MEAN_SUM2], *restrict diff2
        = s->means[MEAN_DIFF2];
    float *restrict term = s->map;
    const float on = with_luminance;
    for (size_t i = 0; i < n; i++) {
        const float u = sum[i], d = diff[i];
        const float var_d = diff2[i] - d * d;
        const float b = 0.5f * (sum2[i] - u * u + var_d) + c2;
        const float q = var_d / b;
        const float m = 0.5f * ((u + 1) * (u + 1) + d * d) + c1;
        const float r = on * d * d / m;
        const float by_diff2 = (1 - r) * (1 - 0.5f * q) / b;
        const float by_sum2 = -0.5f * (1 - r) * q / b;
        term[i] = q + r - q * r;
        diff2[i] = by_diff2;
        sum2[i] = by_sum2;
        sum[i] = -2 * (u * by_sum2 + d * by_diff2)
               + (1 - q) * (on * d * (2 - r) - r * (u + 1)) / m;
    }
    double lanes[LANES] = { 0 };
    for (size_t i = 0; i < n; i++)
        lanes[i % LANES] += term[i];
    return add_up(lanes) / (double)n;
}

static void square_of_plane(float *restrict dst, const float *restrict src,
                            float shift, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (src[i] - shift) * (src[i] - shift);
}

/* The mean of 1 - contrast * structure (* luminance) over a scale's windows,
 * and if wanted the gradient of their sum. */
static double compare_level(const level *v, scratch *s, const float g[TAPS],
                            bool is_last, bool wants_grad)
{
    const size_t n = v->h * v->w;
    const size_t n_windows = (v->h - (TAPS - 1)) * (v->w - (TAPS - 1));
    for (size_t i = 0; i < n; i++)
        s->map[i] = v->sum[i] - 1;
    blur(s->means[MEAN_SUM], s->rows, s->map, v->h, v->w, g);
    blur(s->means[MEAN_DIFF], s->rows, v->diff, v->h, v->w, g);
    square_of_plane(s->map, v->sum, 1, n);
    blur(s->means[MEAN_SUM2], s->rows, s->map, v->h, v->w, g);
    square_of_plane(s->map, v->diff, 0, n);
    blur(s->means[MEAN_DIFF2], s->rows, s->map, v->h, v->w, g);
    const double mean = compare_windows(s, n_windows, is_last);
    if (!wants_grad)
        return mean;
    spread(v->grad, s->rows, s->means[MEAN_SUM], v->h, v->w, g);
    spread(s->map, s->rows, s->means[MEAN_SUM2], v->h, v->w, g);
    for (size_t i = 0; i < n; i++)
        v->grad[i] += 2 * (v->sum[i] - 1) * s->map[i];
    spread(s->map, s->rows, s->means[MEAN_DIFF2], v->h, v->w, g);
    for (size_t i = 0; i < n; i++)
        v->grad[i] += 2 * v->diff[i] * s->map[i];
    return mean;
}

/* 1 - MS-SSIM from 1 - term of each scale, and its derivatives by those. */
static double combine(double slope[SCALES], const double lack[SCALES])
{
    double log_value = 0, log_bounded = 0;
    bool lost = false;
    for (int i = 0; i < SCALES; i++) {
        const double term = fmax(1 - lack[i], least_term);
        lost |= lack[i] >= 1;
        log_value += lost ? 0 : scale_weight[i] * log1p(-lack[i]);
        log_bounded += scale_weight[i] * log(term);
        slope[i] = scale_weight[i] / term;
    }
    for (int i = 0; i < SCALES; i++)
        slope[i] *= exp(log_bounded);
    return lost ? 1 : -expm1(log_value);
}

static double compare_plane(nenc_loss *l, scratch *s, bool wants_grad)
{
    double lack[SCALES], slope[SCALES];
    for (int i = 0; i < SCALES; i++) {
        if (i)
            halve(&s->levels[i], &s->levels[i - 1]);
        lack[i] = compare_level(&s->levels[i], s, l->window, i == SCALES - 1,
                                wants_grad);
    }
    const double value = combine(slope, lack);
    for (int i = SCALES; wants_grad && i-- > 0;) {
        const level *v = &s->levels[i];
        const double n_windows = (double)(v->h - (TAPS - 1))
                               * (double)(v->w - (TAPS - 1));
        const float scale = (float)(slope[i] / n_windows);
        for (size_t j = 0; j < v->h * v->w; j++)
            v->grad[j] *= scale;
        if (i < SCALES - 1)
            add_double(v, &s->levels[i + 1]);
    }
    return value;
}

/* Planes [first, end): channels of pictures. */
static void run_planes(void *user, int worker, size_t first, size_t end)
{
    nenc_loss *l = user;
    scratch *s = &l->workers[worker];
    const level *v = &s->levels[0];
    const size_t c = l->shape.c, n = v->h * v->w;
    for (size_t plane = first; plane < end; plane++) {
        const size_t at = plane / c * n * c + plane % c;
        for (size_t i = 0; i < n; i++) {
            v->sum[i] = l->x[at + i * c] + l->target[at + i * c];
            v->diff[i] = l->x[at + i * c] - l->target[at + i * c];
        }
        l->plane_loss[plane] = compare_plane(l, s, l->grad != NULL);
        const float scale = (float)(weight_of(l, plane / c) / (double)c);
        for (size_t i = 0; l->grad && i < n; i++)
            l->grad[at + i * c] = scale * v->grad[i];
    }
}

/* ------------------------------------------------------------ open and run */

static bool open_scratch(nenc_arena *mem, scratch *s, nenc_shape shape)
{
    size_t h = shape.h, w = shape.w;
    bool ok = true;
    s->map = nenc_arena_zalloc(mem, h * w, sizeof *s->map);
    s->rows = nenc_arena_zalloc(mem, h * w, sizeof *s->rows);
    for (int i = 0; i < MEANS; i++) {
        s->means[i] = nenc_arena_zalloc(mem, h * w, sizeof *s->means[i]);
        ok = ok && s->means[i];
    }
    for (int i = 0; i < SCALES; i++) {
        level *v = &s->levels[i];
        *v = (level){ .h = h, .w = w,
                      .sum = nenc_arena_zalloc(mem, h * w, sizeof *v->sum),
                      .diff = nenc_arena_zalloc(mem, h * w, sizeof *v->diff),
                      .grad = nenc_arena_zalloc(mem, h * w, sizeof *v->grad) };
        ok = ok && v->sum && v->diff && v->grad;
        h = (h + 1) / 2;
        w = (w + 1) / 2;
    }
    return ok && s->map && s->rows;
}

static nenc_status open_ms_ssim(nenc_loss *l, nenc_diag *diag)
{
    const nenc_shape s = l->shape;
    const size_t n_workers = (size_t)nenc_pool_threads(l->pool);
    if (NENC_MIN(s.h, s.w) < NENC_LOSS_MS_SSIM_SIDE)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "%zux%zu is too small for "
                         "MS-SSIM: both sides must be at least %d", s.w, s.h,
                         NENC_LOSS_MS_SSIM_SIDE);
    set_window(l->window);
    l->plane_loss = nenc_arena_zalloc(&l->arena, s.n * s.c,
                                      sizeof *l->plane_loss);
    l->workers = nenc_arena_zalloc(&l->arena, n_workers, sizeof *l->workers);
    bool ok = l->plane_loss && l->workers;
    for (size_t i = 0; ok && i < n_workers; i++)
        ok = open_scratch(&l->arena, &l->workers[i], s);
    return ok ? NENC_OK : nenc_arena_fail(&l->arena, diag, "the scratch of",
                                          "MS-SSIM");
}

static bool shape_is_sound(nenc_shape s)
{
    size_t n;
    return s.n && s.h && s.w && s.c && nenc_size_mul(&n, s.n, s.h)
           && nenc_size_mul(&n, n, s.w) && nenc_size_mul(&n, n, s.c)
           && nenc_size_mul(&n, n, sizeof(double));
}

nenc_status nenc_loss_open(nenc_loss **out, nenc_loss_kind kind,
                           nenc_shape shape, nenc_pool *pool,
                           size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    if (!shape_is_sound(shape))
        return nenc_fail(diag, NENC_EINVAL, "%zu pictures of %zux%zu with %zu "
                         "channels", shape.n, shape.w, shape.h, shape.c);
    nenc_loss *l = nenc_mem_zalloc(1, sizeof *l);
    if (!l)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    l->kind = kind;
    l->shape = shape;
    l->pool = pool;
    nenc_arena_init(&l->arena, max_memory);
    const nenc_status st = kind == NENC_LOSS_MS_SSIM ? open_ms_ssim(l, diag)
                                                     : NENC_OK;
    if (st < 0)
        nenc_loss_close(l);
    else
        *out = l;
    return st;
}

void nenc_loss_close(nenc_loss *l)
{
    if (!l)
        return;
    nenc_arena_free(&l->arena);
    nenc_mem_free(l);
}

size_t nenc_loss_memory(const nenc_loss *l)
{
    return l->arena.used + sizeof *l;
}

void nenc_loss_run(nenc_loss *l, double *values, float *grad, const float *x,
                   const float *target, const float *weight, size_t n)
{
    const size_t c = l->shape.c;
    nenc_fpenv env;
    assert(n <= l->shape.n);
    l->values = values;
    l->grad = grad;
    l->x = x;
    l->target = target;
    l->weight = weight;
    /* As the workers do: the same bits on every thread. */
    nenc_fpenv_enter(&env);
    if (l->kind == NENC_LOSS_MS_SSIM)
        nenc_pool_run(l->pool, n * c, 1, run_planes, l);
    else
        nenc_pool_run(l->pool, n, 1, run_pictures, l);
    nenc_fpenv_leave(&env);
    for (size_t i = 0; l->kind == NENC_LOSS_MS_SSIM && i < n; i++) {
        values[i] = 0;
        for (size_t k = 0; k < c; k++)
            values[i] += l->plane_loss[i * c + k] / (double)c;
    }
}
