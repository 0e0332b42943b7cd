/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The loops of overfit_kernels.h over a vector type, included once
 * by each kernels_*.c after a transforms/vec_*.h and
 *
 *   DENSE_VECS   vectors of pixels in a tile of DENSE_OUT outputs
 *   OUTER_X, OUTER_Y   a tile of sums, one vector each
 *   TABLE, NAME
 *
 * Lanes run across pixels, so each sum is taken in the order that overfit_kernels.h
 * states whatever the tiles are; of a sum over pixels, a narrow vector takes
 * some of its 16 lanes at a time.  (No include guard: a template.  The inner
 * functions rely on constant arguments, hence the attributes.) */

#define INLINE static inline __attribute__((always_inline))
#define DENSE_OUT 4

enum { TILE_PIXELS = DENSE_VECS * LANES };

/* Where part t of n begins, of `parts` as even as can be. */
static inline int part(int n, int t, int parts)
{
    return n * t / parts;
}

/* ------------------------------------------------------------------- dense */

INLINE void dense_start(const overfit_dense *d, size_t p, int o, int no,
                        int nv, vf *s)
{
    UNROLL
    for (int k = 0; k < no; k++) {
        const vf start = v_set1(d->bias && !d->resume ? d->bias[o + k] : 0.0f);
        UNROLL
        for (int v = 0; v < nv; v++)
            s[k * nv + v] = d->resume ? v_load(d->out[o + k] + p + v * LANES)
                                      : start;
    }
}

INLINE void dense_add(const float *const *add, size_t p, int o, int no, int nv,
                      vf *s)
{
    UNROLL
    for (int k = 0; k < no; k++) {
        UNROLL
        for (int v = 0; v < nv; v++)
            s[k * nv + v] = v_add(s[k * nv + v],
                                  v_load(add[o + k] + p + v * LANES));
    }
}

INLINE void dense_end(const overfit_dense *d, size_t p, int o, int no, int nv,
                      vf *s)
{
    const vf zero = v_set1(0.0f);
    if (d->add[0])
        dense_add(d->add[0], p, o, no, nv, s);
    if (d->add[1])
        dense_add(d->add[1], p, o, no, nv, s);
    if (d->relu) {
        UNROLL
        for (int k = 0; k < no * nv; k++)
            s[k] = v_max(s[k], zero);
    }
    if (d->gate) {
        UNROLL
        for (int k = 0; k < no; k++) {
            UNROLL
            for (int v = 0; v < nv; v++) {
                const vf g = v_load(d->gate[o + k] + p + v * LANES);
                s[k * nv + v] = v_select(v_gt(g, zero), s[k * nv + v], zero);
            }
        }
    }
    UNROLL
    for (int k = 0; k < no; k++) {
        UNROLL
        for (int v = 0; v < nv; v++)
            v_store(d->out[o + k] + p + v * LANES, s[k * nv + v]);
    }
}

/* Outputs o to o + no of nv vectors of pixels from p on. */
INLINE void dense_tile(const overfit_dense *d, size_t p, int o, int no, int nv)
{
    vf s[DENSE_OUT * DENSE_VECS];
    const size_t pitch = d->w_pitch;
    const float *const *in = d->in, *w = d->w + (size_t)o * pitch;
    const int n_in = d->n_in;
    dense_start(d, p, o, no, nv, s);
    for (int i = 0; i < n_in; i++) {
        vf x[DENSE_VECS];
        const float *from = in[i] + p;
        UNROLL
        for (int v = 0; v < nv; v++)
            x[v] = v_load(from + v * LANES);
        UNROLL
        for (int k = 0; k < no; k++) {
            const vf weight = v_set1(w[(size_t)k * pitch + (size_t)i]);
            UNROLL
            for (int v = 0; v < nv; v++)
                s[k * nv + v] = v_fma(weight, x[v], s[k * nv + v]);
        }
    }
    dense_end(d, p, o, no, nv, s);
}

INLINE void dense_pixels(const overfit_dense *d, size_t p, int nv)
{
    const int parts = (d->n_out + DENSE_OUT - 1) / DENSE_OUT;
    for (int t = 0; t < parts; t++) {
        const int o = part(d->n_out, t, parts);
        switch (part(d->n_out, t + 1, parts) - o) {
        case 1: dense_tile(d, p, o, 1, nv); break;
        case 2: dense_tile(d, p, o, 2, nv); break;
        case 3: dense_tile(d, p, o, 3, nv); break;
        case 4: dense_tile(d, p, o, 4, nv); break;
        }
    }
}

static void dense_few(const overfit_dense *d, size_t p)
{
    for (; p < d->n; p += LANES)
        dense_pixels(d, p, 1);
}

static void dense(const overfit_dense *run)
{
    const overfit_dense d = *run;   /* stores cannot change it */
    size_t p = 0;
    for (; p + TILE_PIXELS <= d.n; p += TILE_PIXELS)
        dense_pixels(&d, p, DENSE_VECS);
    dense_few(&d, p);
}

/* -------------------------------------------------------- sums over pixels */

INLINE void outer_tile(float *sums, size_t pitch, const float *const *x,
                       const float *const *y, size_t n, int nx, int ny)
{
    vf s[OUTER_X * OUTER_Y];
    UNROLL
    for (int a = 0; a < nx; a++) {
        UNROLL
        for (int b = 0; b < ny; b++)
            s[a * ny + b] = v_load(sums + ((size_t)a * pitch + (size_t)b)
                                          * OVERFIT_LANES);
    }
    for (size_t p = 0; p < n; p += OVERFIT_LANES) {
        vf yv[OUTER_Y];
        UNROLL
        for (int b = 0; b < ny; b++)
            yv[b] = v_load(y[b] + p);
        UNROLL
        for (int a = 0; a < nx; a++) {
            const vf xv = v_load(x[a] + p);
            UNROLL
            for (int b = 0; b < ny; b++)
                s[a * ny + b] = v_fma(xv, yv[b], s[a * ny + b]);
        }
    }
    UNROLL
    for (int a = 0; a < nx; a++) {
        UNROLL
        for (int b = 0; b < ny; b++)
            v_store(sums + ((size_t)a * pitch + (size_t)b) * OVERFIT_LANES,
                    s[a * ny + b]);
    }
}

/* The same for the lanes from `lane` on, through pointers of its own. */
INLINE void outer_lanes(float *sums, size_t pitch, const float *const *x,
                        const float *const *y, size_t n, size_t lane, int nx,
                        int ny)
{
    const float *xl[OUTER_X], *yl[OUTER_Y];
    UNROLL
    for (int a = 0; a < nx; a++)
        xl[a] = x[a] + lane;
    UNROLL
    for (int b = 0; b < ny; b++)
        yl[b] = y[b] + lane;
    outer_tile(sums + lane, pitch, xl, yl, n, nx, ny);
}

#define OUTER_FN(nx, ny)                                                  \
    static void outer_##nx##_##ny(float *sums, size_t pitch,              \
                                  const float *const *x,                  \
                                  const float *const *y, size_t n)        \
    {                                                                     \
        for (size_t lane = 0; lane < OVERFIT_LANES; lane += LANES)        \
            outer_lanes(sums, pitch, x, y, n, lane, nx, ny);              \
    }
OUTER_FN(1, 1) OUTER_FN(2, 1) OUTER_FN(3, 1) OUTER_FN(4, 1)
OUTER_FN(1, 2) OUTER_FN(2, 2) OUTER_FN(3, 2) OUTER_FN(4, 2)
#if OUTER_Y > 2
OUTER_FN(1, 3) OUTER_FN(2, 3) OUTER_FN(3, 3) OUTER_FN(4, 3)
OUTER_FN(1, 4) OUTER_FN(2, 4) OUTER_FN(3, 4) OUTER_FN(4, 4)
#endif
#undef OUTER_FN

static void (*const outer_tiles[OUTER_Y][OUTER_X])(
    float *, size_t, const float *const *, const float *const *, size_t) = {
    { outer_1_1, outer_2_1, outer_3_1, outer_4_1 },
    { outer_1_2, outer_2_2, outer_3_2, outer_4_2 },
#if OUTER_Y > 2
    { outer_1_3, outer_2_3, outer_3_3, outer_4_3 },
    { outer_1_4, outer_2_4, outer_3_4, outer_4_4 },
#endif
};

static void outer(float *sums, size_t pitch, const float *const *x, int n_x,
                  const float *const *y, int n_y, size_t n)
{
    const int x_parts = (n_x + OUTER_X - 1) / OUTER_X;
    const int y_parts = (n_y + OUTER_Y - 1) / OUTER_Y;
    for (int i = 0; i < x_parts; i++) {
        const int a = part(n_x, i, x_parts);
        const int na = part(n_x, i + 1, x_parts) - a;
        for (int k = 0; k < y_parts; k++) {
            const int b = part(n_y, k, y_parts);
            const int nb = part(n_y, k + 1, y_parts) - b;
            outer_tiles[nb - 1][na - 1](
                sums + ((size_t)a * pitch + (size_t)b) * OVERFIT_LANES, pitch,
                x + a, y + b, n);
        }
    }
}

/* fma(1, y, s) is s + y. */
INLINE void sum_tile(float *sums, const float *const *y, size_t n, int ny)
{
    for (size_t lane = 0; lane < OVERFIT_LANES; lane += LANES) {
        vf s[4];
        UNROLL
        for (int b = 0; b < ny; b++)
            s[b] = v_load(sums + b * OVERFIT_LANES + lane);
        for (size_t p = lane; p < n; p += OVERFIT_LANES) {
            UNROLL
            for (int b = 0; b < ny; b++)
                s[b] = v_add(s[b], v_load(y[b] + p));
        }
        UNROLL
        for (int b = 0; b < ny; b++)
            v_store(sums + b * OVERFIT_LANES + lane, s[b]);
    }
}

static void sum(float *sums, const float *const *y, int n_y, size_t n)
{
    int b = 0;
    for (; b + 4 <= n_y; b += 4)
        sum_tile(sums + b * OVERFIT_LANES, y + b, n, 4);
    for (; b < n_y; b++)
        sum_tile(sums + b * OVERFIT_LANES, y + b, n, 1);
}

/* ----------------------------------------------------------------- filters */

INLINE void filter_tile(float *out, const float *const *in, const float *w,
                        int n_in, const float *add, size_t p, int nv)
{
    vf s[DENSE_VECS];
    UNROLL
    for (int v = 0; v < nv; v++)
        s[v] = v_mul(v_set1(w[0]), v_load(in[0] + p + v * LANES));
    for (int i = 1; i < n_in; i++) {
        const vf weight = v_set1(w[i]);
        const float *from = in[i] + p;
        UNROLL
        for (int v = 0; v < nv; v++)
            s[v] = v_fma(weight, v_load(from + v * LANES), s[v]);
    }
    UNROLL
    for (int v = 0; v < nv; v++)
        v_store(out + p + v * LANES,
                add ? v_add(s[v], v_load(add + p + v * LANES)) : s[v]);
}

static void filter(float *out, const float *const *in, const float *w, int n_in,
                   const float *add, size_t n)
{
    size_t p = 0;
    for (; p + TILE_PIXELS <= n; p += TILE_PIXELS)
        filter_tile(out, in, w, n_in, add, p, DENSE_VECS);
    for (; p < n; p += LANES)
        filter_tile(out, in, w, n_in, add, p, 1);
}

static void widen(float *out, const float *v, const float *w, size_t n)
{
    const vf a = v_set1(w[0]), b = v_set1(w[1]);
    const vf c = v_set1(w[2]), d = v_set1(w[3]);
    for (size_t m = 0; m < n; m += LANES) {
        const vf before = v_load(v + m - 1), here = v_load(v + m);
        const vf after = v_load(v + m + 1);
        vf even = v_mul(a, v_load(v + m - 2)), odd = v_mul(b, before);
        even = v_fma(c, before, even);
        odd = v_fma(d, here, odd);
        even = v_fma(d, here, even);
        odd = v_fma(c, after, odd);
        even = v_fma(b, after, even);
        odd = v_fma(a, v_load(v + m + 2), odd);
        vf lo, hi;
        v_zip(even, odd, &lo, &hi);
        v_store(out + 2 * m, lo);
        v_store(out + 2 * m + LANES, hi);
    }
}

static void split(float *even, float *odd, const float *x, size_t n)
{
    for (size_t m = 0; m < n; m += LANES) {
        vf e, o;
        v_unzip(v_load(x + 2 * m), v_load(x + 2 * m + LANES), &e, &o);
        v_store(even + m, e);
        v_store(odd + m, o);
    }
}

#include "overfit_points.inc.h"

const overfit_kernels TABLE = {
    .name = NAME, .dense = dense, .outer = outer, .sum = sum,
    .filter = filter, .widen = widen, .split = split,
    .laplace = laplace, .soft = soft, .adam = adam, .add = add,
};
