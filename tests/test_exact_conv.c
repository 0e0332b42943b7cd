/* SPDX-License-Identifier: BSD-2-Clause */
/* Padded layers on the exact backend: bit for bit against a plain fma loop in
 * the normative order, and against double precision.
 * Not here: the kernels by themselves (test_kernels.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "exact_conv.h"

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

/* Exactly n floats around zero, in a block of their own. */
static float *random_floats(size_t n)
{
    float *p = malloc((n ? n : 1) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)((int)below(1 << 20) - (1 << 19)) / (1 << 19);
    return p;
}

typedef struct layer {
    nenc_conv_shape s;
    nenc_conv_io io;
    const float *weight, *bias;
    nenc_act act;
} layer;

/* One sum: in float by fma, in double, and of magnitudes (for the bound). */
typedef struct sum {
    float exact;
    double wide, size;
} sum;

static void add_term(sum *a, float x, float w)
{
    a->exact = fmaf(x, w, a->exact);
    a->wide += (double)x * (double)w;
    a->size += fabs((double)x * (double)w);
}

/* Whether kernel index i at output y meets input row p. */
static bool meets(const nenc_conv_shape *s, size_t y, size_t p, size_t *i)
{
    const ptrdiff_t pad = (ptrdiff_t)s->pad, stride = (ptrdiff_t)s->stride;
    const ptrdiff_t at = s->transposed
        ? (ptrdiff_t)y + pad - (ptrdiff_t)p * stride
        : (ptrdiff_t)p + pad - (ptrdiff_t)y * stride;
    *i = (size_t)at;
    return at >= 0 && at < (ptrdiff_t)s->k;
}

/* The header's two formulas: input positions ascend in both. */
static sum output_at(const layer *l, size_t y, size_t x, size_t c)
{
    const nenc_conv_shape *s = &l->s;
    const size_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    const size_t g = c / cout;
    const float bias = l->bias ? l->bias[c] : 0.0f;
    sum a = { bias, (double)bias, fabs((double)bias) };
    size_t i, j;
    for (size_t p = 0; p < l->io.h; p++)
        for (size_t q = 0; q < l->io.w; q++) {
            if (!meets(s, y, p, &i) || !meets(s, x, q, &j))
                continue;
            for (size_t ch = 0; ch < cin; ch++) {
                const size_t at = s->transposed
                    ? ((g * cin + ch) * cout + c % cout) * s->k + i
                    : (c * cin + ch) * s->k + i;
                add_term(&a, l->io.src[(p * l->io.w + q) * l->io.src_step
                                       + g * cin + ch],
                         l->weight[at * s->k + j]);
            }
        }
    return a;
}

static void check_output(const layer *l, const char *name, size_t y, size_t x,
                         size_t c, float got)
{
    sum want = output_at(l, y, x, c);
    const nenc_conv_shape *s = &l->s;
    if (l->act == NENC_ACT_RELU && !(want.exact > 0))
        want = (sum){ 0.0f, 0.0, want.size };
    if (l->act == NENC_ACT_LRELU && !(want.exact > 0)) {
        want.exact *= 0.125f;
        want.wide *= 0.125;
    }
    const bool is_equal = !memcmp(&got, &want.exact, sizeof got);
    const bool is_near = fabs((double)got - want.wide)
                      <= 1e-5 * want.size + 1e-30;
    if (!is_equal || !is_near)
        fail_msg("%s: %zu to %zu channels, k=%zu s=%zu p=%zu g=%zu t=%d, "
                 "%zux%zu, at row %zu, column %zu, channel %zu: %a, not %a",
                 name, s->cin, s->cout, s->k, s->stride, s->pad, s->groups,
                 s->transposed, l->io.h, l->io.w, y, x, c, (double)got,
                 (double)want.exact);
}

/* In one go, or a few rows at a time. */
static void run_layer(const nenc_conv *conv, const layer *l, size_t out_h,
                      bool in_pieces)
{
    for (size_t row = 0; row < out_h;) {
        const size_t left = out_h - row;
        const size_t n = in_pieces ? 1 + below(left < 5 ? left : 5) : left;
        nenc_conv_rows(conv, &l->io, row, row + n, l->act, 0.125f);
        row += n;
    }
}

static const float untouched = 12345.0f;

static void check_layer(const layer *l, const nenc_kernels *kernels,
                        bool in_pieces)
{
    nenc_arena arena;
    nenc_conv conv;
    const size_t h = nenc_conv_extent(&l->s, l->io.h);
    const size_t w = nenc_conv_extent(&l->s, l->io.w);
    const size_t step = l->io.dst_step;
    nenc_arena_init(&arena, (size_t)1 << 30);
    assert_int_equal(nenc_conv_pack(&conv, &l->s, l->weight, l->bias, kernels,
                                    &arena, NULL), NENC_OK);
    for (size_t i = 0; i < h * w * step; i++)
        l->io.dst[i] = untouched;
    run_layer(&conv, l, h, in_pieces);
    for (size_t i = 0; i < h * w * step; i++) {
        const size_t c = i % step, x = i / step % w, y = i / step / w;
        if (c < l->s.cout)
            check_output(l, kernels->name, y, x, c, l->io.dst[i]);
        else
            assert_true(l->io.dst[i] == untouched);
    }
    nenc_arena_free(&arena);
}

static void check_shape(nenc_conv_shape s, size_t h, size_t w)
{
    const nenc_kernels *const *list;
    const size_t n_tables = nenc_kernels_list(&list);
    const size_t gap_in = below(3) ? 0 : 1 + below(4);
    const size_t gap_out = below(3) ? 0 : 1 + below(4);
    const size_t out = nenc_conv_extent(&s, h) * nenc_conv_extent(&s, w);
    if (out == 0)
        return;
    /* the last pixel's gap is not there */
    const size_t n_src = h * w * (s.cin + gap_in) - gap_in;
    float *src = random_floats(n_src);
    float *weight = random_floats(s.cin / s.groups * s.cout * s.k * s.k);
    float *bias = random_floats(s.cout);
    float *dst = random_floats(out * (s.cout + gap_out));
    const layer l = {
        .s = s, .weight = weight, .bias = below(4) ? bias : NULL,
        .act = (nenc_act)below(3),
        .io = { .src = src, .dst = dst, .h = h, .w = w,
                .src_step = s.cin + gap_in, .dst_step = s.cout + gap_out },
    };
    for (size_t t = 0; t < n_tables; t++) {
        check_layer(&l, list[t], false);
        check_layer(&l, list[t], true);
    }
    free(src);
    free(weight);
    free(bias);
    free(dst);
}

static void dense(void **state)
{
    static const size_t channels[] = { 1, 3, 4, 12, 17, 33 };
    (void)state;
    rng_state = 1;
    for (size_t k = 1; k <= 5; k++)
        for (size_t stride = 1; stride <= 3; stride++)
            for (size_t pad = 0; pad < k; pad++)
                check_shape((nenc_conv_shape){
                    .cin = channels[below(6)], .cout = channels[below(6)],
                    .k = k, .stride = stride, .pad = pad, .groups = 1 },
                    1 + below(12), 1 + below(12));
}

static void smaller_than_the_kernel(void **state)
{
    (void)state;
    rng_state = 2;
    for (size_t h = 1; h <= 4; h++)
        for (size_t w = 1; w <= 4; w++) {
            check_shape((nenc_conv_shape){ .cin = 5, .cout = 7, .k = 7,
                .stride = 1 + below(2), .pad = 3, .groups = 1 }, h, w);
            check_shape((nenc_conv_shape){ .cin = 6, .cout = 4, .k = 5,
                .stride = 2, .pad = 2, .groups = 2, .transposed = true },
                h, w);
            check_shape((nenc_conv_shape){ .cin = 9, .cout = 9, .k = 5,
                .stride = 1, .pad = 2, .groups = 9 }, h, w);
        }
}

static void grouped(void **state)
{
    (void)state;
    rng_state = 3;
    for (size_t k = 1; k <= 4; k++)
        for (size_t stride = 1; stride <= 2; stride++)
            for (size_t groups = 2; groups <= 3; groups++)
                check_shape((nenc_conv_shape){
                    .cin = groups * (1 + below(6)),
                    .cout = groups * (1 + below(40)), .k = k,
                    .stride = stride, .pad = k / 2, .groups = groups },
                    3 + below(9), 3 + below(9));
}

static void depthwise(void **state)
{
    static const size_t channels[] = { 2, 7, 16, 33, 40 };
    (void)state;
    rng_state = 4;
    for (size_t k = 1; k <= 5; k++)
        for (size_t stride = 1; stride <= 2; stride++)
            for (int i = 0; i < 5; i++)
                check_shape((nenc_conv_shape){
                    .cin = channels[i], .cout = channels[i], .k = k,
                    .stride = stride, .pad = below(k),
                    .groups = channels[i] }, 1 + below(14), 1 + below(14));
}

static void transposed(void **state)
{
    (void)state;
    rng_state = 5;
    for (size_t k = 1; k <= 6; k++)
        for (size_t stride = 1; stride <= 4; stride++)
            for (size_t pad = 0; 2 * pad + 1 <= k; pad++) {
                if (k > stride + 2 * pad)
                    continue;
                const size_t groups = 1 + below(2) * 2;
                check_shape((nenc_conv_shape){
                    .cin = groups * (1 + below(7)),
                    .cout = groups * (1 + below(20)), .k = k,
                    .stride = stride, .pad = pad, .groups = groups,
                    .transposed = true }, 1 + below(8), 1 + below(8));
                check_shape((nenc_conv_shape){
                    .cin = 18, .cout = 18, .k = k, .stride = stride,
                    .pad = pad, .groups = 18, .transposed = true },
                    1 + below(8), 1 + below(8));
            }
}

/* Tall and narrow, short and wide, and long sums: other ways to cut. */
static void other_cuts(void **state)
{
    (void)state;
    rng_state = 6;
    const nenc_conv_shape s = { .cin = 20, .cout = 35, .k = 3, .stride = 1,
                                .pad = 1, .groups = 1 };
    check_shape(s, 30, 2);
    check_shape(s, 2, 30);
    check_shape(s, 20, 1);
    const nenc_conv_shape long_sums = { .cin = 150, .cout = 3, .k = 3,
        .stride = 1, .pad = 1, .groups = 1 };
    check_shape(long_sums, 3, 40);
    const nenc_conv_shape linear = { .cin = 300, .cout = 40, .k = 1,
        .stride = 1, .pad = 0, .groups = 1 };
    check_shape(linear, 11, 13);
}

static void extents(void **state)
{
    const nenc_conv_shape s = { .cin = 1, .cout = 1, .k = 5, .stride = 2,
                                .pad = 0, .groups = 1 };
    nenc_conv_shape t = s;
    (void)state;
    t.transposed = true;
    assert_int_equal(nenc_conv_extent(&s, 0), 0);
    assert_int_equal(nenc_conv_extent(&s, 4), 0);
    assert_int_equal(nenc_conv_extent(&s, 5), 1);
    assert_int_equal(nenc_conv_extent(&s, 8), 2);
    assert_int_equal(nenc_conv_extent(&s, SIZE_MAX), (SIZE_MAX - 5) / 2 + 1);
    assert_int_equal(nenc_conv_extent(&t, 7), 14);
    assert_int_equal(nenc_conv_extent(&t, SIZE_MAX), 0);
}

static void impossible_shapes_are_refused(void **state)
{
    static const nenc_conv_shape bad[] = {
        { 0, 1, 1, 1, 0, 1, false }, { 1, 0, 1, 1, 0, 1, false },
        { 1, 1, 0, 1, 0, 1, false }, { 1, 1, 1, 0, 0, 1, false },
        { 1, 1, 1, 1, 0, 0, false }, { 4, 6, 1, 1, 0, 4, false },
        { 6, 4, 1, 1, 0, 4, false }, { 1, 1, 3, 1, 3, 1, false },
        { 1, 1, 5, 2, 0, 1, true },  { 1, 1, 4, 2, 2, 1, true },
        { SIZE_MAX, 1, 1, 1, 0, 1, false }, { 1, 1, SIZE_MAX, 1, 0, 1, false },
    };
    const float one = 1.0f;
    nenc_arena arena;
    nenc_conv conv;
    (void)state;
    nenc_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(nenc_conv_pack(&conv, &bad[i], &one, NULL,
                                        nenc_kernels_best(), &arena, NULL),
                         NENC_EINVAL);
    nenc_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extents),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(dense),
        cmocka_unit_test(smaller_than_the_kernel),
        cmocka_unit_test(grouped),
        cmocka_unit_test(depthwise),
        cmocka_unit_test(transposed),
        cmocka_unit_test(other_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
