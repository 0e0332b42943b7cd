/* SPDX-License-Identifier: BSD-2-Clause */
/* Every table of exact kernels against portable C, bit for bit, and the
 * element-wise functions against double precision.  NENC_TEST_FULL=1 runs
 * those over all 2^32 floats.  Not here: padded layers (test_exact_conv.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "exact_kernels.h"
#include "exact_math.h"

static uint64_t rng_state = 1;

static uint32_t rng(void)
{
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng_state >> 33);
}

static size_t below(size_t n)
{
    return rng() % n;
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* About 1, and now and then something awkward. */
static float any_float(bool wild)
{
    static const uint32_t odd[] = {
        0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff,
        0x00800000, 0x0d800000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
        0xff800000, 0x7fc00000, 0xffc12345, 0x7f800001,
    };
    const size_t n_odd = sizeof odd / sizeof odd[0];
    if (wild && below(16) == 0)
        return from_bits(odd[below(n_odd)]);
    if (below(16) == 0)
        return from_bits(odd[below(6)]);
    return (float)((int)below(1 << 20) - (1 << 19)) / (1 << 18);
}

/* 64-byte aligned floats from malloc, so that a sanitizer sees overreads at
 * the end; free_floats() them. */
static float *new_floats(size_t n)
{
    const size_t size = (n * sizeof(float) + 63) / 64 * 64;
    float *p = aligned_alloc(64, size + 64);
    assert_non_null(p);
    return p;
}

static float *random_floats(size_t n, bool wild)
{
    float *p = new_floats(n);
    for (size_t i = 0; i < n; i++)
        p[i] = any_float(wild);
    return p;
}

/* Exactly n floats in a block of their own: reading past them is found. */
static float *exact_floats(size_t n, bool wild)
{
    float *p = malloc(n * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = any_float(wild);
    return p;
}

#define GUARD 0x5a5a5a5au

static float *guarded(size_t n)
{
    float *p = malloc((n + 64) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n + 64; i++)
        p[i] = from_bits(GUARD);
    return p;
}

static nenc_act any_act(void)
{
    return (nenc_act)below(3);
}

/* ------------------------------------------------------------------- dense */

/* A convolution's weights, before packing: [taps][cout]. */
static float *pack(const float *weight, size_t taps, size_t cout,
                   size_t block, size_t *block_pitch)
{
    const size_t n_blocks = (cout + block - 1) / block;
    float *packed = new_floats(n_blocks * taps * block);
    memset(packed, 0, n_blocks * taps * block * sizeof *packed);
    *block_pitch = taps * block;
    for (size_t k = 0; k < taps; k++)
        for (size_t c = 0; c < cout; c++)
            packed[c / block * *block_pitch + k * block + c % block]
                = weight[k * cout + c];
    return packed;
}

static void run_conv(const nenc_kernels *kernels, nenc_conv_run run,
                     const float *weight, const float *bias, float *dst)
{
    const size_t taps = run.rows ? (run.rows - 1) * run.w_pitch + run.run : 0;
    const size_t block = kernels->block;
    const size_t padded = (run.cout + block - 1) / block * block;
    float *packed = pack(weight, taps, run.cout, block, &run.block_pitch);
    float *padded_bias = new_floats(padded);
    memset(padded_bias, 0, padded * sizeof *padded_bias);
    memcpy(padded_bias, bias, run.cout * sizeof *bias);
    run.weight = packed;
    run.bias = padded_bias;
    run.dst = dst + 32;
    kernels->conv(&run);
    free(packed);
    free(padded_bias);
}

static void one_conv(const nenc_kernels *kernels,
                     const nenc_kernels *portable, size_t cout, size_t n,
                     size_t rows, size_t run_length, bool wild)
{
    const nenc_conv_run run = {
        .src_step = below(2) ? run_length + below(9) : 1 + below(40),
        .dst_step = cout + below(5), .src_pitch = 1 + below(900),
        .w_pitch = run_length + below(4), .n_pixels = n, .rows = rows,
        .run = run_length, .cout = cout, .act = any_act(), .slope = 0.01f,
        .resume = below(4) == 0,
    };
    const size_t n_src = (n - 1) * run.src_step + (rows - 1) * run.src_pitch
                       + run_length;
    const size_t taps = (rows - 1) * run.w_pitch + run_length;
    const size_t n_dst = n * run.dst_step;
    float *src = exact_floats(n_src, wild);
    float *weight = random_floats(taps * cout, false);
    float *bias = random_floats(cout, wild);
    float *a = guarded(n_dst), *b = guarded(n_dst);
    nenc_conv_run with_src = run;
    with_src.src = src;
    for (size_t i = 0; run.resume && i < n; i++)
        for (size_t c = 0; c < cout; c++) {
            const size_t at = 32 + i * run.dst_step + c;
            a[at] = b[at] = any_float(wild);
        }
    run_conv(portable, with_src, weight, bias, a);
    run_conv(kernels, with_src, weight, bias, b);
    for (size_t i = 0; i < n_dst + 64; i++)
        if (to_bits(a[i]) != to_bits(b[i]))
            fail_msg("%s: cout %zu, pixels %zu, rows %zu, run %zu, act %d: "
                     "float %zu is %a, not %a", kernels->name, cout, n, rows,
                     run_length, (int)run.act, i - 32, b[i], a[i]);
    free(src);
    free(weight);
    free(bias);
    free(a);
    free(b);
}

static void conv_equals_portable(void **state)
{
    static const size_t couts[] = { 1, 3, 5, 12, 16, 17, 31, 33, 64, 192 };
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    const nenc_kernels *portable = list[n_tables - 1];
    (void)state;
    for (size_t t = 0; t + 1 < n_tables; t++) {
        rng_state = 7;
        for (size_t n = 1; n <= 40; n++)        /* every height of a tile */
            one_conv(list[t], portable, couts[below(10)], n, 1 + below(3),
                     1 + below(40), n % 4 == 0);
        for (int k = 0; k < 60; k++)
            one_conv(list[t], portable, couts[below(10)], 1 + below(40),
                     1 + below(5), 1 + below(k < 20 ? 700 : 60), k % 4 == 0);
        for (int k = 0; k < 4; k++)             /* several strips */
            one_conv(list[t], portable, 1 + below(40), 100 + below(150),
                     1 + below(5), 1 + below(120), false);
    }
}

/* The portable table against the header's formula, in the plainest way. */
static void portable_is_the_formula(void **state)
{
    enum { COUT = 5, N = 3, ROWS = 2, RUN = 7, SRC_STEP = 4, PITCH = 30 };
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    const nenc_kernels *portable = list[n_tables - 1];
    (void)state;
    rng_state = 3;
    float *src = exact_floats((N - 1) * SRC_STEP + (ROWS - 1) * PITCH + RUN, 0);
    float *weight = random_floats(ROWS * RUN * COUT, false);
    float *bias = random_floats(COUT, false);
    float *dst = guarded(N * COUT);
    const nenc_conv_run run = {
        .src = src, .src_step = SRC_STEP, .dst_step = COUT, .src_pitch = PITCH,
        .w_pitch = RUN, .n_pixels = N, .rows = ROWS, .run = RUN,
        .cout = COUT, .act = NENC_ACT_LRELU, .slope = 0.25f,
    };
    run_conv(portable, run, weight, bias, dst);
    for (size_t p = 0; p < N; p++)
        for (size_t c = 0; c < COUT; c++) {
            float sum = bias[c];
            for (size_t r = 0; r < ROWS; r++)
                for (size_t i = 0; i < RUN; i++)
                    sum = fmaf(src[p * SRC_STEP + r * PITCH + i],
                               weight[(r * RUN + i) * COUT + c], sum);
            sum = sum > 0 ? sum : sum * 0.25f;
            assert_int_equal(to_bits(sum), to_bits(dst[32 + p * COUT + c]));
        }
    free(src);
    free(weight);
    free(bias);
    free(dst);
}

/* --------------------------------------------------------------- depthwise */

static void one_dwconv(const nenc_kernels *kernels,
                       const nenc_kernels *portable, size_t c, bool wild)
{
    nenc_dwconv_run run = {
        .src_col = c + below(3), .dst_step = c + below(4),
        .n_pixels = 1 + below(40), .n_lines = 1 + below(4),
        .rows = below(6), .cols = 1 + below(5),
        .c = c, .act = any_act(), .slope = 0.2f,
    };
    run.src_step = run.src_col * (1 + below(2));
    run.src_pitch = 1 + below(900);
    run.w_pitch = run.cols + below(3);
    const size_t rows = run.rows ? run.rows - 1 : 0;
    run.src_line = below(2) ? run.src_pitch : below(700);
    run.dst_line = run.n_pixels * run.dst_step + below(9);
    const size_t n_src = (run.n_lines - 1) * run.src_line
        + (run.n_pixels - 1) * run.src_step
        + rows * run.src_pitch + (run.cols - 1) * run.src_col + c;
    const size_t n_dst = run.n_lines * run.dst_line;
    float *src = exact_floats(n_src, wild);
    float *weight = exact_floats((rows * run.w_pitch + run.cols) * c, false);
    float *bias = exact_floats(c, wild);
    float *a = guarded(n_dst), *b = guarded(n_dst);
    run.src = src;
    run.weight = weight;
    run.bias = bias;
    run.dst = a + 32;
    portable->dwconv(&run);
    run.dst = b + 32;
    kernels->dwconv(&run);
    for (size_t i = 0; i < n_dst + 64; i++)
        if (to_bits(a[i]) != to_bits(b[i]))
            fail_msg("%s: channels %zu, pixels %zux%zu, %zux%zu taps, act %d: "
                     "float %zu is %a, not %a", kernels->name, c,
                     run.n_lines, run.n_pixels, run.rows, run.cols,
                     (int)run.act, i - 32, b[i], a[i]);
    free(src);
    free(weight);
    free(bias);
    free(a);
    free(b);
}

static void dwconv_equals_portable(void **state)
{
    static const size_t channels[] = { 1, 3, 5, 8, 16, 31, 33, 64, 192 };
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    (void)state;
    for (size_t t = 0; t + 1 < n_tables; t++) {
        rng_state = 11;
        for (int k = 0; k < 300; k++)
            one_dwconv(list[t], list[n_tables - 1], channels[below(9)],
                       k % 4 == 0);
    }
}

/* ----------------------------------------------------- products of matrices */

static void one_outer(const nenc_kernels *kernels, const nenc_kernels *portable)
{
    const size_t n_a = 1 + below(40), n_b = 1 + below(80);
    nenc_outer_run run = {
        .rows = 1 + below(4), .cols = 1 + below(30), .n_a = n_a, .n_b = n_b,
        .a_step = n_a + below(5), .b_step = n_b + below(70),
        .dst_step = n_b + below(3),
    };
    run.a_pitch = run.cols * run.a_step + below(9);
    run.b_pitch = below(2) ? run.b_step : run.cols * run.b_step + below(9);
    const size_t rows = run.rows - 1, cols = run.cols - 1;
    const size_t n_dst = n_a * run.dst_step;
    float *x = exact_floats(rows * run.a_pitch + cols * run.a_step + n_a, false);
    float *y = exact_floats(rows * run.b_pitch + cols * run.b_step + n_b, false);
    float *a = guarded(n_dst), *b = guarded(n_dst);
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++) {
            const size_t at = 32 + i * run.dst_step + j;
            a[at] = b[at] = any_float(false);
        }
    run.a = x;
    run.b = y;
    run.dst = a + 32;
    portable->outer(&run);
    run.dst = b + 32;
    kernels->outer(&run);
    for (size_t i = 0; i < n_dst + 64; i++)
        if (to_bits(a[i]) != to_bits(b[i]))
            fail_msg("%s: %zu by %zu, %zux%zu terms: float %zu is %a, not %a",
                     kernels->name, n_a, n_b, run.rows, run.cols, i - 32, b[i],
                     a[i]);
    free(x);
    free(y);
    free(a);
    free(b);
}

static void outer_equals_portable(void **state)
{
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    (void)state;
    for (size_t t = 0; t + 1 < n_tables; t++) {
        rng_state = 13;
        for (int k = 0; k < 300; k++)
            one_outer(list[t], list[n_tables - 1]);
    }
}

/* ------------------------------------------------------------ element-wise */

enum { SWEEP = 4096 };

/* Floats are swept in steps of so many bit patterns (a prime). */
#ifdef __SANITIZE_ADDRESS__
enum { STEP = 8191 };       /* minutes otherwise */
#else
enum { STEP = 251 };
#endif

static uint32_t sweep_step(void)
{
    const char *full = getenv("NENC_TEST_FULL");
    return full && full[0] == '1' ? 1 : STEP;
}

/* The next floats of a sweep over all bit patterns. @return how many */
static size_t sweep_next(uint64_t *at, float *x)
{
    static const uint32_t special[] = {
        0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff,
        0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff,
        0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000, 0xffc00000,
        0xffffffff, 0x3f800000, 0xbf800000, 0x42b17217, 0x42b17218,
        0x42b20000, 0xc2aeac4f, 0xc2aeac50, 0xc2cff1b4, 0xc2cff1b5,
        0xc2d00000, 0x3f200000, 0xbf200000, 0x3f1fffff, 0x41800000,
    };
    const size_t n_special = sizeof special / sizeof special[0];
    const uint32_t step = sweep_step();
    size_t n = 0;
    if (*at == 0)
        for (; n < n_special; n++)
            x[n] = from_bits(special[n]);
    for (; n < SWEEP - 3 && *at < (uint64_t)1 << 32; *at += step)
        x[n++] = from_bits((uint32_t)*at);
    return n;
}

static void point_equals_portable(void **state)
{
    static float x[SWEEP], a[SWEEP], b[SWEEP];
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    (void)state;
    for (int f = 0; f < NENC_POINT_N; f++) {
        uint64_t at = 0;
        for (size_t n; (n = sweep_next(&at, x)) > 0;) {
            list[n_tables - 1]->point((nenc_point)f, a, x, n, 0.01f);
            for (size_t t = 0; t + 1 < n_tables; t++) {
                memcpy(b, x, sizeof b);
                list[t]->point((nenc_point)f, b, b, n, 0.01f);
                if (!memcmp(a, b, n * sizeof *a))
                    continue;
                size_t i = 0;
                while (to_bits(a[i]) == to_bits(b[i]))
                    i++;
                fail_msg("%s: function %d of %a is %a, not %a",
                         list[t]->name, f, x[i], b[i], a[i]);
            }
        }
    }
}

/* Short runs: what lies past the end is neither read nor written. */
static void point_keeps_to_its_floats(void **state)
{
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    (void)state;
    rng_state = 5;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 0; n <= 40; n++)
            for (int f = 0; f < NENC_POINT_N; f++) {
                float *x = exact_floats(n ? n : 1, false);
                float *y = guarded(n);
                list[t]->point((nenc_point)f, y + 32, x, n, 0.5f);
                for (size_t i = 0; i < 32; i++) {
                    assert_int_equal(to_bits(y[i]), GUARD);
                    assert_int_equal(to_bits(y[32 + n + i]), GUARD);
                }
                free(x);
                free(y);
            }
}

static double reference(nenc_point f, double x)
{
    switch (f) {
    case NENC_POINT_RELU:     return x > 0 ? x : 0;
    case NENC_POINT_LRELU:    return x > 0 ? x : x * (double)0.01f;
    case NENC_POINT_GELU:     return x * 0.5 * erfc(-x * 0.70710678118654752);
    case NENC_POINT_SILU:     return x < 0 ? x * exp(x) / (1 + exp(x))
                                           : x / (1 + exp(-x));
    case NENC_POINT_SIGMOID:  return x < 0 ? exp(x) / (1 + exp(x))
                                           : 1 / (1 + exp(-x));
    case NENC_POINT_TANH:     return tanh(x);
    case NENC_POINT_SOFTPLUS: return x > 0 ? x + log1p(exp(-x))
                                           : log1p(exp(x));
    case NENC_POINT_EXP:      return exp(x);
    case NENC_POINT_ABS:      return fabs(x);
    case NENC_POINT_SSQRT:    return x / sqrt(1 + fabs(x));
    case NENC_POINT_SQRT:     return sqrt(x);
    case NENC_POINT_N:        break;
    }
    return 0;
}

/* Whether exact_math.h promises the bound for f(x) = want: both are finite,
 * and neither the result nor a factor of it is denormal. */
static bool is_promised(nenc_point f, float x, double want)
{
    if (!isfinite(x) || !(fabs(want) <= 0x1.fffffep127))
        return false;
    if (f == NENC_POINT_GELU && x < -12.9f)
        return false;
    if (f == NENC_POINT_SILU && x < -87.3f)
        return false;
    return fabs(want) >= 0x1p-126;
}

/* In units of the last place of a float result, denormals included. */
static double ulp_error(double got, double want)
{
    int e;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1.0, (e < -125 ? -125 : e) - 24);
}

static void point_is_accurate(void **state)
{
    /* as exact_math.h states */
    static const double bound[NENC_POINT_N] = {
        [NENC_POINT_RELU] = 0, [NENC_POINT_LRELU] = 0.5001,
        [NENC_POINT_GELU] = 6.0, [NENC_POINT_SILU] = 3.5,
        [NENC_POINT_SIGMOID] = 2.5, [NENC_POINT_TANH] = 1.5,
        [NENC_POINT_SOFTPLUS] = 2.0, [NENC_POINT_EXP] = 1.1,
        [NENC_POINT_ABS] = 0, [NENC_POINT_SSQRT] = 2.0,
        [NENC_POINT_SQRT] = 0.5001,
    };
    static float x[SWEEP], y[SWEEP];
    const nenc_kernels *const *list;
    (void)state;
    nenc_kernels_list(&list);
    for (int f = 0; f < NENC_POINT_N; f++) {
        uint64_t at = 0;
        double worst = 0;
        float where = 0;
        for (size_t n; (n = sweep_next(&at, x)) > 0;) {
            list[0]->point((nenc_point)f, y, x, n, 0.01f);
            for (size_t i = 0; i < n; i++) {
                const double want = reference((nenc_point)f, (double)x[i]);
                if (!is_promised((nenc_point)f, x[i], want))
                    continue;
                const double e = ulp_error((double)y[i], want);
                if (!(e <= worst)) {
                    worst = e;
                    where = x[i];
                }
            }
        }
        if (getenv("NENC_TEST_VERBOSE"))
            print_message("function %d: %.3f ulp at %a\n", f, worst, where);
        if (!(worst <= bound[f]))
            fail_msg("function %d: %.3f ulp at %a", f, worst, where);
    }
}

static void point_of_special_values(void **state)
{
    enum { NAN_ = 0x7fc00000, INF = 0x7f800000, ONE = 0x3f800000,
           HALF = 0x3f000000, LN2 = 0x3f317218 };
    const uint32_t ninf = 0xff800000u, nzero = 0x80000000u;
    const uint32_t none = 0xbf800000u;
    /* at -inf, -0, +0, +inf, NaN */
    const uint32_t want[NENC_POINT_N][5] = {
        [NENC_POINT_RELU]     = { 0, 0, 0, INF, 0 },
        [NENC_POINT_LRELU]    = { ninf, nzero, 0, INF, NAN_ },
        [NENC_POINT_GELU]     = { nzero, nzero, 0, INF, NAN_ },
        [NENC_POINT_SILU]     = { nzero, nzero, 0, INF, NAN_ },
        [NENC_POINT_SIGMOID]  = { 0, HALF, HALF, ONE, NAN_ },
        [NENC_POINT_TANH]     = { none, nzero, 0, ONE, NAN_ },
        [NENC_POINT_SOFTPLUS] = { 0, LN2, LN2, INF, NAN_ },
        [NENC_POINT_EXP]      = { 0, ONE, ONE, INF, NAN_ },
        [NENC_POINT_ABS]      = { INF, 0, 0, INF, NAN_ },
        [NENC_POINT_SSQRT]    = { ninf, nzero, 0, INF, NAN_ },
        [NENC_POINT_SQRT]     = { NAN_, nzero, 0, INF, NAN_ },
    };
    const float x[5] = { from_bits(ninf), -0.0f, 0.0f, from_bits(INF),
                         from_bits(0xffc01234u) };
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    (void)state;
    for (size_t t = 0; t < n_tables; t++)
        for (int f = 0; f < NENC_POINT_N; f++) {
            float y[5];
            list[t]->point((nenc_point)f, y, x, 5, 0.5f);
            for (int i = 0; i < 5; i++)
                if (to_bits(y[i]) != want[f][i])
                    fail_msg("%s: function %d of %a is %a", list[t]->name, f,
                             x[i], y[i]);
        }
}

static void scalars_equal_points(void **state)
{
    static const struct {
        nenc_point f;
        float (*scalar)(float);
    } pairs[] = {
        { NENC_POINT_EXP, nenc_exactf_exp },
        { NENC_POINT_TANH, nenc_exactf_tanh },
        { NENC_POINT_SIGMOID, nenc_exactf_sigmoid },
        { NENC_POINT_GELU, nenc_exactf_gelu },
        { NENC_POINT_SILU, nenc_exactf_silu },
        { NENC_POINT_SOFTPLUS, nenc_exactf_softplus },
        { NENC_POINT_SSQRT, nenc_exactf_ssqrt },
        { NENC_POINT_SQRT, nenc_exactf_sqrt },
    };
    (void)state;
    rng_state = 13;
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
        for (int i = 0; i < 2000; i++) {
            const float x = from_bits(rng() * 2u + (rng() & 1u));
            float y;
            nenc_kernels_best()->point(pairs[k].f, &y, &x, 1, 0);
            assert_int_equal(to_bits(y), to_bits(pairs[k].scalar(x)));
        }
}

/* --------------------------------------------------------------- selection */

static void tables_are_chosen_by_name(void **state)
{
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    (void)state;
    assert_string_equal(list[n - 1]->name, "portable");
    for (size_t t = 0; t < n; t++) {
        assert_int_equal(list[t]->block % 16, 0);
        setenv("NENC_KERNELS", list[t]->name, 1);
        assert_ptr_equal(nenc_kernels_best(), list[t]);
    }
    setenv("NENC_KERNELS", "abacus", 1);
    assert_ptr_equal(nenc_kernels_best(), list[0]);
    unsetenv("NENC_KERNELS");
    assert_ptr_equal(nenc_kernels_best(), list[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_chosen_by_name),
        cmocka_unit_test(portable_is_the_formula),
        cmocka_unit_test(conv_equals_portable),
        cmocka_unit_test(dwconv_equals_portable),
        cmocka_unit_test(outer_equals_portable),
        cmocka_unit_test(point_equals_portable),
        cmocka_unit_test(point_keeps_to_its_floats),
        cmocka_unit_test(point_is_accurate),
        cmocka_unit_test(point_of_special_values),
        cmocka_unit_test(scalars_equal_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
