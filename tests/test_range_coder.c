/* SPDX-License-Identifier: BSD-2-Clause */
/* The range coder: round trips, bits spent against the ideal, extremes, and
 * damaged or truncated bytes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "prob_model.h"
#include "range_coder.h"

static const unsigned all_lanes[] = { 1, 2, 3, 4, 8 };
enum { N_LANES = sizeof all_lanes / sizeof *all_lanes, MOST = 100000 };

static uint16_t table[MOST];
static int32_t value[MOST], back[MOST];

static uint64_t seed;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

static nenc_cdf_set *opened(nenc_prob_tables *t)
{
    nenc_cdf_set *set;
    assert_int_equal(nenc_cdf_set_open(&set, t->lengths, t->offsets,
                                       t->n_tables, t->freqs, t->n_freqs,
                                       NULL), NENC_OK);
    nenc_prob_tables_free(t);
    return set;
}

/* ------------------------------------------------------ one set per family */

static nenc_cdf_set *gaussian(void)
{
    nenc_prob_tables t = { 0 };
    double scale[64];
    nenc_prob_log_scales(scale, 64, 0.11, 256);
    for (int i = 0; i < 64; i++)
        assert_int_equal(nenc_prob_add_gaussian(&t, scale[i], NULL), NENC_OK);
    return opened(&t);
}

static nenc_cdf_set *generalized(void)
{
    nenc_prob_tables t = { 0 };
    double a[20];
    nenc_prob_log_scales(a, 20, 0.3, 64);
    for (double beta = 0.5; beta <= 3; beta += 0.5)
        for (int i = 0; i < 20; i++)
            assert_int_equal(nenc_prob_add_ggd(&t, 0, a[i], beta, NULL),
                             NENC_OK);
    return opened(&t);
}

static nenc_cdf_set *located_laplace(void)
{
    nenc_prob_tables t = { 0 };
    for (int i = 0; i < 40; i++)
        assert_int_equal(nenc_prob_add_ggd(&t, 1.37 * i - 20, 0.5 + i * 0.1, 1,
                                           NULL), NENC_OK);
    return opened(&t);
}

static nenc_cdf_set *factorized(void)
{
    enum { C = 16 };
    static float m[5][C * 9], b[5][C * 3], k[4][C * 3], medians[C];
    nenc_prob_factorized f = { .channels = C };
    nenc_prob_tables t = { 0 };
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < C * 9; j++)
            m[i][j] = (i < 4 ? -1.0f : 0.5f) + (float)(draw() % 1000) * 1e-3f;
        for (size_t j = 0; j < C * 3; j++) {
            b[i][j] = (float)(draw() % 1000) * 1e-3f - 0.5f;
            if (i < 4)
                k[i][j] = (float)(draw() % 1000) * 1e-3f - 0.5f;
        }
        f.matrix[i] = m[i];
        f.bias[i] = b[i];
        if (i < 4)
            f.factor[i] = k[i];
    }
    assert_int_equal(nenc_prob_add_factorized(&t, &f, NULL, NULL, medians,
                                              NULL), NENC_OK);
    return opened(&t);
}

/* About 0.05 and 0.0007 bit a value. */
static nenc_cdf_set *skewed(void)
{
    static const int32_t lengths[2] = { 3, 2 }, offsets[2] = { 0, 7 };
    static const uint16_t freqs[5] = { 65236, 299, 1, 65535, 1 };
    nenc_cdf_set *set;
    assert_int_equal(nenc_cdf_set_open(&set, lengths, offsets, 2, freqs, 5,
                                       NULL), NENC_OK);
    return set;
}

/* The widest table there may be, and the flattest. */
static nenc_cdf_set *widest(void)
{
    static const int32_t length = NENC_CDF_MAX_LENGTH, offset = -30000;
    static uint16_t freqs[NENC_CDF_MAX_LENGTH];
    nenc_cdf_set *set;
    for (int i = 0; i < NENC_CDF_MAX_LENGTH; i++)
        freqs[i] = 1;
    freqs[100] = 2;
    assert_int_equal(nenc_cdf_set_open(&set, &length, &offset, 1, freqs,
                                       NENC_CDF_MAX_LENGTH, NULL), NENC_OK);
    return set;
}

typedef struct family {
    const char *name;
    nenc_cdf_set *(*make)(void);
} family;

static const family families[] = {
    { "Gaussian", gaussian },
    { "generalized Gaussian", generalized },
    { "located Laplace", located_laplace },
    { "factorized", factorized },
    { "skewed", skewed },
    { "widest", widest },
};

/* ------------------------------------------------------------------- tools */

/* Draw n indices and values by their tables. @return the ideal's bits */
static double draw_all(const nenc_cdf_set *set, size_t n)
{
    double bits = 0;
    for (size_t i = 0; i < n; i++) {
        table[i] = (uint16_t)(draw() % set->n_tables);
        const nenc_cdf *t = &set->tables[table[i]];
        const uint16_t *cum = set->cum + t->first;
        const uint32_t v = draw() >> 16;
        uint32_t entry = 0;
        while (cum[entry + 1] < v)
            entry++;
        value[i] = t->offset + (int32_t)entry;
        bits += log2((double)NENC_CDF_TOTAL / nenc_cdf_freq(cum, entry))
                + (entry + 1u == t->length);
    }
    return bits;
}

/* 1 to n, for a call. */
static size_t some_of(size_t n)
{
    const size_t step = 1 + draw() % 5000;
    return NENC_MIN(n, step);
}

/* Bits that the symbols have narrowed the lanes by, before they are ended and
 * rounded up to bytes. */
static double bits_spent(const nenc_rc_encoder *enc)
{
    double bits = 0;
    for (unsigned i = 0; i < enc->lanes; i++)
        bits += 8.0 * (double)enc->lane[i].out.size + 64
                - log2((double)enc->lane[i].range);
    return bits;
}

/* @return bits_spent() */
static double encode(nenc_buffer *out, const nenc_cdf_set *set, size_t n,
                     unsigned lanes)
{
    nenc_rc_encoder enc;
    nenc_buffer_init(out, (size_t)1 << 24);
    nenc_rc_encoder_init(&enc, lanes, (size_t)1 << 24);
    /* In several calls: lanes go on. */
    for (size_t at = 0, step; at < n; at += step) {
        step = some_of(n - at);
        nenc_rc_encode_run(&enc, set, table + at, value + at, step);
    }
    const double bits = bits_spent(&enc);
    assert_int_equal(nenc_rc_encoder_finish(&enc, out, NULL), NENC_OK);
    nenc_rc_encoder_free(&enc);
    return bits;
}

static nenc_status decode(const uint8_t *data, size_t size,
                          const nenc_cdf_set *set, size_t n)
{
    nenc_rc_decoder dec;
    nenc_bytes src;
    nenc_bytes_init(&src, data, size);
    NENC_TRY(nenc_rc_decoder_init(&dec, &src, NULL));
    for (size_t at = 0, step; at < n; at += step) {
        step = some_of(n - at);
        NENC_TRY(nenc_rc_decode_run(&dec, set, table + at, back + at, step,
                                    NULL));
    }
    NENC_TRY(nenc_rc_decoder_end(&dec, NULL));
    return nenc_bytes_left(&src) ? NENC_EBITSTREAM : NENC_OK;
}

/* @return bytes of the unit; *bits as of encode(), where not NULL */
static size_t round_trip(const nenc_cdf_set *set, size_t n, unsigned lanes,
                         double *bits)
{
    nenc_buffer out;
    const double spent = encode(&out, set, n, lanes);
    if (bits)
        *bits = spent;
    assert_int_equal(decode(out.data, out.size, set, n), NENC_OK);
    assert_memory_equal(back, value, n * sizeof *value);
    const size_t size = out.size;
    nenc_buffer_free(&out);
    return size;
}

/* ------------------------------------------------------------------- tests */

/* Within 0.1 % of the ideal; to which the unit's end adds its header (3 bytes
 * a lane and one more) and at most 2 bytes for each lane. */
static void every_family_spends_its_entropy(void **state)
{
    static const size_t sizes[] = { 100000, 10000 };
    (void)state;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        seed = f;
        nenc_cdf_set *set = families[f].make();
        for (size_t s = 0; s < 2; s++) {
            const double ideal = draw_all(set, sizes[s]);
            for (size_t l = 0; l < N_LANES; l++) {
                const unsigned lanes = all_lanes[l];
                double bits;
                const size_t size = round_trip(set, sizes[s], lanes, &bits);
                if (l < 2)
                    print_message("%s, %zu values, %u lanes: %.4f bits each, "
                                  "%+.4f %%, %zu bytes\n", families[f].name,
                                  sizes[s], lanes, ideal / (double)sizes[s],
                                  100 * (bits / ideal - 1), size);
                assert_true(bits >= ideal * (1 - 1e-9));
                assert_true(bits <= ideal * 1.001);
                assert_true(8.0 * (double)size <= bits + 8.0 * (1 + 5 * lanes));
            }
        }
        nenc_cdf_set_close(set);
    }
}

static void short_units_round_trip(void **state)
{
    (void)state;
    nenc_cdf_set *set = gaussian();
    for (size_t l = 0; l < N_LANES; l++)
        for (size_t n = 0; n < 60; n++) {
            seed = n;
            draw_all(set, n);
            const size_t size = round_trip(set, n, all_lanes[l], NULL);
            if (!n)
                assert_int_equal(size, 1 + all_lanes[l]);
        }
    nenc_cdf_set_close(set);
}

/* Units of nothing but the first, the most probable or the last value: low
 * stays 0, or stays just below a carry. */
static void monotonous_units_round_trip(void **state)
{
    (void)state;
    nenc_cdf_set *sets[] = { gaussian(), skewed() };
    for (size_t s = 0; s < 2; s++)
        for (uint16_t t = 0; t < sets[s]->n_tables; t++)
            for (int which = 0; which < 3; which++) {
                const nenc_cdf *c = &sets[s]->tables[t];
                const int32_t n = c->length - 1;
                for (size_t i = 0; i < 3000; i++) {
                    table[i] = t;
                    value[i] = c->offset + which * (n - 1) / 2;
                }
                round_trip(sets[s], 3000, 1 + t % 4, NULL);
            }
    nenc_cdf_set_close(sets[0]);
    nenc_cdf_set_close(sets[1]);
}

/* Runs at the very top of the range, and then something small: long chains of
 * carries, which random values do not bring about. */
static void carries_run_back(void **state)
{
    static const int32_t lengths[1] = { 3 }, offsets[1] = { 0 };
    static const uint16_t freqs[3] = { 2, 65532, 2 };
    nenc_cdf_set *set;
    (void)state;
    assert_int_equal(nenc_cdf_set_open(&set, lengths, offsets, 1, freqs, 3,
                                       NULL), NENC_OK);
    memset(table, 0, sizeof table);
    for (unsigned kind = 0; kind < 64; kind++) {
        seed = kind;
        for (size_t i = 0; i < 2000; i++)
            value[i] = draw() % 64 < kind ? 1 : draw() % 8 ? 2 : 0;
        round_trip(set, 2000, 1, NULL);
    }
    /* 0x7fff.. or 0x8000..: the last value decides bit 0 of byte 0. */
    static const uint16_t half[3] = { 32767, 2, 32767 };
    nenc_cdf_set_close(set);
    assert_int_equal(nenc_cdf_set_open(&set, lengths, offsets, 1, half, 3,
                                       NULL), NENC_OK);
    for (size_t n = 1; n < 300; n++)
        for (int32_t last = 0; last < 2; last++) {
            for (size_t i = 0; i < n; i++)
                value[i] = 1;
            value[n - 1] = last;
            round_trip(set, n, 1, NULL);
        }
    nenc_cdf_set_close(set);
}

static void escapes_of_any_size_round_trip(void **state)
{
    static const int32_t far[] = {
        0, 1, 2, 3, 100, 65535, 65536, 1 << 20, (1 << 30) - 1, 1 << 30
    };
    (void)state;
    seed = 5;
    nenc_cdf_set *set = located_laplace();
    for (size_t l = 0; l < N_LANES; l++) {
        for (size_t i = 0; i < 4000; i++) {
            table[i] = (uint16_t)(draw() % set->n_tables);
            const int32_t v = far[draw() % 10];
            value[i] = draw() % 2 ? v : -v;
        }
        round_trip(set, 4000, all_lanes[l], NULL);
    }
    nenc_cdf_set_close(set);
}

/* What the interface promises of a careless caller. */
static void indices_and_values_are_clamped(void **state)
{
    nenc_buffer out;
    (void)state;
    nenc_cdf_set *set = skewed();
    table[0] = 65535;
    table[1] = 2;
    value[0] = 7;
    value[1] = INT32_MIN;
    table[2] = 0;
    value[2] = INT32_MAX;
    encode(&out, set, 3, 2);
    table[0] = table[1] = 1;
    assert_int_equal(decode(out.data, out.size, set, 3), NENC_OK);
    assert_int_equal(back[0], 7);
    assert_int_equal(back[1], -(1 << 30));
    assert_int_equal(back[2], 1 << 30);
    nenc_buffer_free(&out);
    nenc_cdf_set_close(set);
}

static void raw_bits_mix_with_values(void **state)
{
    enum { N = 3000 };
    static uint32_t raw[N];
    nenc_rc_encoder enc;
    nenc_rc_decoder dec;
    nenc_buffer out;
    nenc_bytes src;
    (void)state;
    seed = 9;
    nenc_cdf_set *set = generalized();
    draw_all(set, N);
    nenc_buffer_init(&out, 1 << 20);
    nenc_rc_encoder_init(&enc, 3, 1 << 20);
    for (unsigned i = 0; i < N; i++) {
        raw[i] = draw() & 0xffff >> (i % 16);
        nenc_rc_encode_bits(&enc, raw[i], 16 - i % 16);
        nenc_rc_encode_run(&enc, set, table + i, value + i, 1);
    }
    assert_int_equal(nenc_rc_encoder_finish(&enc, &out, NULL), NENC_OK);
    nenc_rc_encoder_free(&enc);
    nenc_bytes_init(&src, out.data, out.size);
    assert_int_equal(nenc_rc_decoder_init(&dec, &src, NULL), NENC_OK);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(nenc_rc_decode_bits(&dec, 16 - i % 16), raw[i]);
        assert_int_equal(nenc_rc_decode_run(&dec, set, table + i, back + i, 1,
                                            NULL), NENC_OK);
        assert_int_equal(back[i], value[i]);
    }
    assert_int_equal(nenc_rc_decoder_end(&dec, NULL), NENC_OK);
    nenc_buffer_free(&out);
    nenc_cdf_set_close(set);
}

/* The format itself: bytes that a decoder written apart from this one, after
 * range_coder.h, has read back.  Three lanes, escapes either side, raw bits. */
static void the_bytes_are_the_known_ones(void **state)
{
    static const int32_t lengths[2] = { 3, 2 }, offsets[2] = { 0, 7 };
    static const uint16_t freqs[5] = { 40000, 25535, 1, 65535, 1 };
    static const int32_t values[12] = {
        0, 7, 1, 8, -1, 7, 2, -70000, 1, 7, 1000000000, 6
    };
    static const uint8_t known[] = {
        0x03, 0x06, 0x13, 0x03, 0x9c, 0x3f, 0xff, 0xff, 0xf3, 0x25, 0xff,
        0xfe, 0x60, 0x00, 0x7f, 0xfe, 0x28, 0x8c, 0xb3, 0x73, 0xee, 0x88,
        0x84, 0x00, 0x8e, 0xe6, 0xa3, 0x97, 0x25, 0xff, 0xfe, 0x1c
    };
    nenc_rc_encoder enc;
    nenc_buffer out;
    nenc_cdf_set *set;
    (void)state;
    assert_int_equal(nenc_cdf_set_open(&set, lengths, offsets, 2, freqs, 5,
                                       NULL), NENC_OK);
    for (uint16_t i = 0; i < 12; i++)
        table[i] = i % 2;
    nenc_buffer_init(&out, 1000);
    nenc_rc_encoder_init(&enc, 3, 1000);
    nenc_rc_encode_run(&enc, set, table, values, 12);
    nenc_rc_encode_bits(&enc, 0xabcd, 16);
    nenc_rc_encode_bits(&enc, 5, 3);
    assert_int_equal(nenc_rc_encoder_finish(&enc, &out, NULL), NENC_OK);
    assert_int_equal(out.size, sizeof known);
    assert_memory_equal(out.data, known, sizeof known);
    nenc_rc_encoder_free(&enc);
    nenc_buffer_free(&out);
    nenc_cdf_set_close(set);
}

/* An encoder that may not grow says so. */
static void a_full_lane_is_reported(void **state)
{
    nenc_rc_encoder enc;
    nenc_buffer out;
    (void)state;
    nenc_cdf_set *set = gaussian();
    draw_all(set, 1000);
    nenc_buffer_init(&out, 1 << 20);
    nenc_rc_encoder_init(&enc, 2, 50);
    nenc_rc_encode_run(&enc, set, table, value, 1000);
    assert_int_equal(nenc_rc_encoder_finish(&enc, &out, NULL), NENC_ENOMEM);
    nenc_rc_encoder_free(&enc);
    nenc_buffer_free(&out);
    nenc_cdf_set_close(set);
}

/* A stream cut anywhere is never taken for the whole one, and never read
 * beyond its end (own block: a sanitizer sees it). */
static void truncations_fail(void **state)
{
    enum { N = 700 };
    (void)state;
    nenc_cdf_set *set = gaussian();
    for (size_t l = 0; l < N_LANES; l++) {
        nenc_buffer out;
        seed = l;
        draw_all(set, N);
        encode(&out, set, N, all_lanes[l]);
        for (size_t n = 0; n < out.size; n++) {
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, out.data, n);
            assert_int_equal(decode(cut, n, set, N), NENC_ETRUNCATED);
            free(cut);
        }
        nenc_buffer_free(&out);
    }
    nenc_cdf_set_close(set);
}

/* The same with the lengths made to fit: what is left may decode wrongly, but
 * more than a decoder's 8 bytes are missed. */
static void short_lanes_fail(void **state)
{
    enum { N = 700 };
    nenc_buffer out;
    (void)state;
    nenc_cdf_set *set = gaussian();
    seed = 3;
    draw_all(set, N);
    encode(&out, set, N, 1);
    const size_t head = 3, size = out.size - head;
    assert_true(size >= 128 && size < 16384);
    for (size_t n = 128; n < size; n++) {    /* lengths of two bytes */
        uint8_t *cut = malloc(n + head);
        const uint8_t length[2] = { (uint8_t)(n | 128), (uint8_t)(n >> 7) };
        memcpy(cut, out.data, head + n);
        memcpy(cut + 1, length, 2);
        const nenc_status st = decode(cut, n + head, set, N);
        free(cut);
        if (st >= 0)
            assert_true(n + 8 >= size && memcmp(back, value, sizeof *back * N));
    }
    nenc_buffer_free(&out);
    nenc_cdf_set_close(set);
}

static void leftover_bytes_are_reported(void **state)
{
    static const uint8_t one_too_many[3] = { 1, 1, 0 };
    static const uint8_t lanes[3] = { 0, 9, 255 };
    (void)state;
    nenc_cdf_set *set = skewed();
    /* An empty unit takes 8 bytes of a lane; the ninth is left. */
    assert_int_equal(decode(one_too_many, 3, set, 0), NENC_OK);
    static const uint8_t nine[11] = { 1, 9 };
    assert_int_equal(decode(nine, 11, set, 0), NENC_EBITSTREAM);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(decode(&lanes[i], 1, set, 0), NENC_EBITSTREAM);
    nenc_cdf_set_close(set);
}

/* Any bytes at all: a status, values within their bounds, no finding. */
static void garbage_is_survived(void **state)
{
    enum { N = 2000, SIZE = 600 };
    (void)state;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        seed = 77 + f;
        nenc_cdf_set *set = families[f].make();
        for (int round = 0; round < 200; round++) {
            uint8_t *data = malloc(SIZE);
            for (size_t i = 0; i < SIZE; i++)
                data[i] = (uint8_t)(round % 4 ? draw() >> 24 : 0xff);
            data[0] = (uint8_t)(1 + round % 2);
            data[1] = data[2] = 100;
            for (size_t i = 0; i < N; i++) {
                table[i] = (uint16_t)draw();
                back[i] = INT32_MIN;
            }
            decode(data, (size_t)(round % 3 ? SIZE : 203), set, N);
            for (size_t i = 0; i < N && back[i] != INT32_MIN; i++)
                assert_true(abs(back[i]) <= 1 << 30);
            free(data);
        }
        nenc_cdf_set_close(set);
    }
}

/* nenc_cdf_cost() against logarithms. */
static void costs_are_right(void **state)
{
    (void)state;
    nenc_cdf_set *set = located_laplace();
    const nenc_cdf *t = &set->tables[3];
    const uint16_t *cum = set->cum + t->first;
    for (uint32_t i = 0; i < t->length; i++) {
        const double bits = 16 - log2(nenc_cdf_freq(cum, i));
        /* The value just above the table escapes with one raw bit. */
        const double want = bits + (i + 1 == t->length);
        const uint32_t got = nenc_cdf_cost(set, 3, t->offset + (int32_t)i);
        assert_true(fabs(got / 65536.0 - want) < 1e-3);
    }
    const double escape = 16 - log2(nenc_cdf_freq(cum, t->length - 1u));
    const uint32_t got = nenc_cdf_cost(set, 3, t->offset - 1);
    assert_true(fabs(got / 65536.0 - escape - 3) < 1e-3);
    nenc_cdf_set_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_spends_its_entropy),
        cmocka_unit_test(short_units_round_trip),
        cmocka_unit_test(monotonous_units_round_trip),
        cmocka_unit_test(carries_run_back),
        cmocka_unit_test(escapes_of_any_size_round_trip),
        cmocka_unit_test(indices_and_values_are_clamped),
        cmocka_unit_test(raw_bits_mix_with_values),
        cmocka_unit_test(the_bytes_are_the_known_ones),
        cmocka_unit_test(a_full_lane_is_reported),
        cmocka_unit_test(truncations_fail),
        cmocka_unit_test(short_lanes_fail),
        cmocka_unit_test(leftover_bytes_are_reported),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(costs_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
