/* SPDX-License-Identifier: BSD-2-Clause */
/* Lossless planes: they come back, even ones cost next to nothing, any bytes
 * are survived.  Not here: streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plane.h"
#include "toy_model.h"

static nenc_diag diag;

/* Kinds: 0 noise, 1 even, 2 a soft disk, 3 a ramp, 4 two extremes. */
static unsigned sample(int kind, uint32_t x, uint32_t y, uint32_t w,
                       uint32_t h, unsigned most, uint32_t *random)
{
    const double dx = x - w / 2.0, dy = y - h / 2.0;
    const double r = w * h / 16.0 - dx * dx - dy * dy;
    switch (kind) {
    case 0: return toy_random(random) & most;
    case 1: return most;
    case 2: return r > 40 ? most : r < -40 ? 0
                 : (unsigned)(most * (r + 40) / 80);
    case 3: return (x * 3 + y) & most;
    default: return toy_random(random) & 1 ? most : 0;
    }
}

static nenc_plane plane_of(int kind, uint32_t w, uint32_t h, uint32_t bits,
                           size_t step)
{
    uint32_t random = 7;
    nenc_plane p = { .width = w, .height = h, .bits = bits, .step = step,
                     .stride = w * step + 3 * (bits / 8) };
    p.data = calloc(h, p.stride);
    assert_non_null(p.data);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            const unsigned v = sample(kind, x, y, w, h, (1u << bits) - 1,
                                      &random);
            const uint16_t deep = (uint16_t)v;
            uint8_t *to = p.data + y * p.stride + x * step;
            if (bits > 8)
                memcpy(to, &deep, 2);
            else
                *to = (uint8_t)v;
        }
    return p;
}

static size_t check_round_trip(int kind, uint32_t w, uint32_t h,
                               uint32_t bits, size_t step)
{
    const nenc_plane p = plane_of(kind, w, h, bits, step);
    nenc_plane back = p;
    nenc_buffer out;
    nenc_bytes in;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_plane_encode(&p, 1 << 24, &out, &diag), NENC_OK);
    back.data = calloc(h, p.stride);
    assert_non_null(back.data);
    nenc_bytes_init(&in, out.data, out.size);
    assert_int_equal(nenc_plane_decode(&back, w, h, 0, 0, &in, &diag),
                     NENC_OK);
    assert_memory_equal(back.data, p.data, h * p.stride);
    const size_t size = out.size;
    nenc_buffer_free(&out);
    free(back.data);
    free(p.data);
    return size;
}

static void planes_come_back(void **state)
{
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 },
                                         { 2, 2 }, { 37, 23 }, { 128, 64 } };
    (void)state;
    for (int kind = 0; kind < 5; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (uint32_t bits = 8; bits <= 16; bits += 8)
                for (size_t step = bits / 8; step <= bits / 2; step *= 4)
                    check_round_trip(kind, sizes[i][0], sizes[i][1], bits,
                                     step);
}

static void sizes_are_fair(void **state)
{
    (void)state;
    assert_true(check_round_trip(1, 512, 512, 8, 4) < 200);
    assert_true(check_round_trip(2, 512, 512, 8, 4) < 2500);
    assert_true(check_round_trip(4, 128, 128, 8, 4) < 128 * 128 / 8 * 1.6);
    assert_true(check_round_trip(0, 128, 128, 8, 4) < 128 * 128 * 1.3);
}

static void crops_are_parts(void **state)
{
    (void)state;
    const nenc_plane p = plane_of(2, 50, 40, 8, 1);
    nenc_plane part = { .width = 11, .height = 7, .bits = 8, .step = 1,
                        .stride = 11 };
    uint8_t data[77];
    nenc_buffer out;
    nenc_bytes in;
    part.data = data;
    nenc_buffer_init(&out, 1 << 20);
    assert_int_equal(nenc_plane_encode(&p, 1 << 20, &out, &diag), NENC_OK);
    nenc_bytes_init(&in, out.data, out.size);
    assert_int_equal(nenc_plane_decode(&part, 50, 40, 20, 8, &in, &diag),
                     NENC_OK);
    for (uint32_t y = 0; y < 7; y++)
        assert_memory_equal(data + y * 11, p.data + (8 + y) * p.stride + 20,
                            11);
    nenc_buffer_free(&out);
    free(p.data);
}

static void damage_is_survived(void **state)
{
    (void)state;
    const nenc_plane p = plane_of(2, 24, 18, 8, 1);
    nenc_plane back = p;
    nenc_buffer out;
    back.data = malloc(18 * p.stride);
    assert_non_null(back.data);
    nenc_buffer_init(&out, 1 << 20);
    assert_int_equal(nenc_plane_encode(&p, 1 << 20, &out, &diag), NENC_OK);
    for (size_t n = 0; n < out.size; n++) {
        uint8_t *copy = malloc(n + !n);
        nenc_bytes in;
        assert_non_null(copy);
        memcpy(copy, out.data, n);
        nenc_bytes_init(&in, copy, n);
        assert_true(nenc_plane_decode(&back, 24, 18, 0, 0, &in, &diag) < 0);
        free(copy);
    }
    for (size_t n = 0; n < out.size; n++) {
        nenc_bytes in;
        out.data[n] ^= 0x55;
        nenc_bytes_init(&in, out.data, out.size);
        (void)!nenc_plane_decode(&back, 24, 18, 0, 0, &in, &diag);
        out.data[n] ^= 0x55;
    }
    nenc_buffer_free(&out);
    free(back.data);
    free(p.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_come_back),
        cmocka_unit_test(sizes_are_fair),
        cmocka_unit_test(crops_are_parts),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
