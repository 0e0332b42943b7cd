/* SPDX-License-Identifier: BSD-2-Clause */
/* Half precision against the definition of its bits, all 65536 of them, and
 * rounding to half against the nearest of them.  Not here: files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "float16.h"

static uint32_t to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* By the formula, in double precision; infinities as 2^16. */
static double half_value(unsigned h)
{
    const int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
    const double v = exponent ? ldexp(1024 + mantissa, exponent - 25)
                              : ldexp(mantissa, -24);
    return h & 0x8000 ? -v : v;
}

static void expands_every_half(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float f = nenc_f16_to_f32((uint16_t)h);
        const bool is_odd = (h & 0x7c00) == 0x7c00;
        assert_int_equal(to_bits(f) >> 31, h >> 15);
        if (!is_odd && (double)f != half_value(h))
            fail_msg("%04x gave %a, not %a", h, (double)f, half_value(h));
        if (is_odd) {
            assert_int_equal(to_bits(f) & 0x7fffff, (h & 1023) << 13);
            assert_int_equal(to_bits(f) >> 23 & 255, 255);
        }
    }
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const bool is_nan = (h & 0x7fff) > 0x7c00;
        const unsigned back = nenc_f32_to_f16(nenc_f16_to_f32((uint16_t)h));
        if (back != (is_nan ? h | 0x200 : h))
            fail_msg("%04x came back as %04x", h, back);
    }
}

/* Between each two neighbours: just below the middle, the middle, just above;
 * for both signs. */
static void rounds_to_nearest_even(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7c00; h++) {
        const float middle = (float)((half_value(h) + half_value(h + 1)) / 2);
        const unsigned even = h & 1 ? h + 1 : h;
        const struct { uint32_t bits; unsigned half; } cases[] = {
            { to_bits(middle) - 1, h }, { to_bits(middle), even },
            { to_bits(middle) + 1, h + 1 },
        };
        for (unsigned i = 0; i < 6; i++) {
            const uint32_t sign = i & 1;
            const uint32_t bits = cases[i / 2].bits | sign << 31;
            const unsigned want = cases[i / 2].half | sign << 15;
            const unsigned got = nenc_f32_to_f16(from_bits(bits));
            if (got != want)
                fail_msg("%08x gave %04x, not %04x", bits, got, want);
        }
    }
}

static void rounds_odd_values(void **state)
{
    static const struct { uint32_t bits; unsigned half; } cases[] = {
        { 0x00000001, 0x0000 }, { 0x807fffff, 0x8000 },  /* denormal floats */
        { 0x33000000, 0x0000 }, { 0x33000001, 0x0001 },  /* 2^-25: a tie */
        { 0x477fefff, 0x7bff }, { 0x477ff000, 0x7c00 },  /* 65520 */
        { 0x47800000, 0x7c00 }, { 0x7f7fffff, 0x7c00 },
        { 0xff7fffff, 0xfc00 }, { 0x7f800000, 0x7c00 },
        { 0x7f800001, 0x7e00 }, { 0xffc00000, 0xfe00 },
        { 0x7fffffff, 0x7fff },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(nenc_f32_to_f16(from_bits(cases[i].bits)),
                         cases[i].half);
}

/* Arrays at an odd address, of every length about the size of a block. */
static void expands_arrays(void **state)
{
    enum { MOST = 200 };
    uint32_t prng = 1;
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        uint8_t *bytes = malloc(2 * n + 1);
        float *f = malloc(n * sizeof *f + 1);
        assert_non_null(bytes);
        assert_non_null(f);
        for (size_t i = 0; i < 2 * n + 1; i++) {
            prng = prng * 1664525 + 1013904223;
            bytes[i] = (prng >> 24) & 0xbb;          /* finite */
        }
        assert_true(nenc_f16_expand(f, bytes + 1, n));
        for (size_t i = 0; i < n; i++) {
            const unsigned h = bytes[1 + 2 * i] | bytes[2 + 2 * i] << 8;
            assert_true((double)f[i] == half_value(h));
        }
        assert_true(nenc_bf16_expand(f, bytes + 1, n));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(to_bits(f[i]),
                             (uint32_t)bytes[1 + 2 * i] << 16
                             | (uint32_t)bytes[2 + 2 * i] << 24);
        for (size_t i = 0; i < n; i++) {
            const uint8_t low = bytes[1 + 2 * i], high = bytes[2 + 2 * i];
            bytes[1 + 2 * i] = 0x80;
            bytes[2 + 2 * i] = i & 1 ? 0xff : 0x7f;
            assert_false(nenc_f16_expand(f, bytes + 1, n));
            assert_false(nenc_bf16_expand(f, bytes + 1, n));
            bytes[1 + 2 * i] = low;
            bytes[2 + 2 * i] = high;
        }
        free(bytes);
        free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands_every_half),
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(rounds_to_nearest_even),
        cmocka_unit_test(rounds_odd_values),
        cmocka_unit_test(expands_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
