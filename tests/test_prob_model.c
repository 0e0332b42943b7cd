/* SPDX-License-Identifier: BSD-2-Clause */
/* Distributions to integer tables, and the check of such tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cdf.h"
#include "mem.h"
#include "prob_model.h"

static const nenc_prob_limits reference = NENC_PROB_LIMITS_REFERENCE;

static void gaussians(nenc_prob_tables *t, const nenc_prob_limits *limits)
{
    double scale[64];
    nenc_prob_log_scales(scale, 64, 0.11, 256);
    for (int i = 0; i < 64; i++)
        assert_int_equal(nenc_prob_add_gaussian(t, scale[i], limits), NENC_OK);
}

static uint64_t fnv1a(uint64_t h, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        h = (h ^ (v >> (8 * i) & 255)) * 0x100000001b3u;
    return h;
}

/* Tables computed independently from the formulas of the published codecs;
 * the hash is over all 64 cumulative tables, 0 and 65536 included. */
static void gaussian_tables_are_the_known_ones(void **state)
{
    static const struct { size_t index; uint32_t n, cum[18]; } known[] = {
        { 0, 5, { 0, 1, 65534, 65535, 65536 } },
        { 1, 5, { 0, 1, 65533, 65535, 65536 } },
        { 8, 7, { 0, 1, 2929, 62604, 65534, 65535, 65536 } },
        { 14, 10, { 0, 1, 2, 488, 13663, 51872, 65047, 65533, 65534, 65535 } },
        { 20, 18, { 0, 1, 2, 3, 17, 217, 1717, 8011, 22872, 42658, 57519,
                    63813, 65313, 65513, 65527, 65528, 65529, 65530 } },
    };
    nenc_prob_tables t = { 0 };
    uint64_t hash = 0xcbf29ce484222325u;
    size_t at = 0, n_known = 0;
    (void)state;
    gaussians(&t, &reference);
    for (size_t i = 0; i < 64; i++) {
        uint32_t cum = 0;
        for (int32_t j = 0; j <= t.lengths[i]; j++) {
            if (n_known < 5 && known[n_known].index == i
                && (uint32_t)j < known[n_known].n)
                assert_int_equal(cum, known[n_known].cum[j]);
            hash = fnv1a(hash, cum);
            if (j < t.lengths[i])
                cum += t.freqs[at++];
        }
        assert_int_equal(cum, NENC_CDF_TOTAL);
        assert_int_equal(t.offsets[i], -(t.lengths[i] - 2) / 2);
        n_known += n_known < 5 && known[n_known].index == i;
    }
    assert_int_equal(n_known, 5);
    assert_int_equal(at + 64, 27256);
    assert_true(hash == 0x62c69cc3d771cf8cu);
    nenc_prob_tables_free(&t);
}

/* Probability of `value` by the last table, in 1 / 65536. */
static double last_freq(const nenc_prob_tables *t, int32_t value)
{
    const int32_t length = t->lengths[t->n_tables - 1];
    const int32_t i = value - t->offsets[t->n_tables - 1];
    if (i < 0 || i >= length - 1)
        return 0;
    return t->freqs[t->n_freqs - (size_t)(length - i)];
}

static void ggd_masses_are_the_known_ones(void **state)
{
    static const struct { double beta, a, p[3]; } known[] = {
        { 1.5, 0.5, { .7751825, .1112900, .001116493 } },
        { 1.5, 1, { .4834987, .2158186, .03824203 } },
        { 1.5, 4, { .1360522, .1218914, .09724386 } },
        { 1, 1, { .3934693, .1917002, .07052258 } },
        { 2, 1, { .5204999, .2228026, .01674395 } },
    };
    nenc_prob_tables t = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        /* The same about 0 and about a mean of -1000. */
        for (int32_t mean = 0; mean >= -1000; mean -= 1000) {
            assert_int_equal(nenc_prob_add_ggd(&t, mean, known[i].a,
                                               known[i].beta, &reference),
                             NENC_OK);
            /* Raising zeros of the tails may take a few counts. */
            for (int32_t k = 0; k < 3; k++) {
                const double want = known[i].p[k] * NENC_CDF_TOTAL;
                assert_true(fabs(last_freq(&t, mean + k) - want) < 12);
                assert_true(fabs(last_freq(&t, mean - k) - want) < 12);
            }
        }
    }
    nenc_prob_tables_free(&t);
}

/* A mean between two integers; what the mean's fraction does to the masses is
 * known for Laplace: F(x) = exp(-|x|) / 2 in the tail. */
static void located_laplace_is_exact(void **state)
{
    nenc_prob_tables t = { 0 };
    (void)state;
    assert_int_equal(nenc_prob_add_ggd(&t, 5.3, 1, 1, NULL), NENC_OK);
    const double p6 = 0.5 * (exp(-0.2) - exp(-1.2));
    const double p4 = 0.5 * (exp(-0.8) - exp(-1.8));
    const double p5 = 1 - 0.5 * (exp(-0.8) + exp(-0.2));
    assert_true(fabs(last_freq(&t, 6) - p6 * NENC_CDF_TOTAL) < 12);
    assert_true(fabs(last_freq(&t, 4) - p4 * NENC_CDF_TOTAL) < 12);
    assert_true(fabs(last_freq(&t, 5) - p5 * NENC_CDF_TOTAL) < 12);
    nenc_prob_tables_free(&t);
}

/* Bits a value that the integers of a Gaussian's table cost beyond its
 * entropy, escapes included. */
static double integer_cost(double scale, const nenc_prob_limits *limits)
{
    nenc_prob_tables t = { 0 };
    nenc_cdf_set *set;
    double cost = 0;
    assert_int_equal(nenc_prob_add_gaussian(&t, scale, limits), NENC_OK);
    assert_int_equal(nenc_cdf_set_open(&set, t.lengths, t.offsets, t.n_tables,
                                       t.freqs, t.n_freqs, NULL), NENC_OK);
    for (int32_t k = -2000; k <= 2000; k++) {
        const double hi = (abs(k) + 0.5) / (scale * sqrt(2.0));
        const double lo = (abs(k) - 0.5) / (scale * sqrt(2.0));
        const double p = 0.5 * (erfc(lo) - erfc(hi));
        if (p > 0)
            cost += p * (log2(p) + nenc_cdf_cost(set, 0, k) / 65536.0);
    }
    nenc_cdf_set_close(set);
    nenc_prob_tables_free(&t);
    return cost;
}

static void trimming_wide_tables_saves_bits(void **state)
{
    static const double scales[] = { 0.11, 1, 15, 50, 256 };
    static const double most[] = { 5e-5, 5e-5, 2e-4, 1e-3, 0.01 };
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        const double untrimmed = integer_cost(scales[i], &reference);
        const double trimmed = integer_cost(scales[i], NULL);
        print_message("scale %6.2f: %.6f bits a value, trimmed %.6f\n",
                      scales[i], untrimmed, trimmed);
        assert_true(trimmed <= untrimmed + 2e-5);
        assert_true(trimmed < most[i]);
    }
}

/* The parameters that make logit(v) = v / 10 in channel 0. */
typedef struct channels {
    float matrix[5][2 * 9], bias[5][2 * 3], factor[4][2 * 3];
    nenc_prob_factorized f;
} channels;

static void linear_channels(channels *c)
{
    const double s = pow(10, 0.2);
    memset(c, 0, sizeof *c);
    c->f.channels = 2;
    for (int k = 0; k < 5; k++) {
        const double fan = k < 4 ? 3 : 1;
        for (int i = 0; i < 18; i++)
            c->matrix[k][i] = (float)log(expm1(1 / (s * fan)));
        c->f.matrix[k] = c->matrix[k];
        c->f.bias[k] = c->bias[k];
        if (k < 4)
            c->f.factor[k] = c->factor[k];
    }
    /* Channel 1 lies 20.4 higher: logit = v / 10 - 2.04. */
    c->bias[4][1] = -2.04f;
}

static void factorized_density_finds_its_median_and_tails(void **state)
{
    static channels c;
    nenc_prob_tables t = { 0 };
    float medians[2];
    (void)state;
    linear_channels(&c);
    for (double v = -50; v <= 50; v += 12.5)
        assert_true(fabs(nenc_prob_factorized_logit(&c.f, 0, v) - v / 10)
                    < 1e-5);
    assert_int_equal(nenc_prob_add_factorized(&t, &c.f, NULL, &reference,
                                              medians, NULL), NENC_OK);
    assert_true(fabsf(medians[0]) < 1e-3f);
    assert_true(fabsf(medians[1] - 20.4f) < 1e-3f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(t.offsets[i], -215);
        assert_int_equal(t.lengths[i], 2 * 215 + 2);
    }
    const double p0 = 2 / (1 + exp(-0.05)) - 1;
    assert_true(fabs(p0 - 0.0249948) < 1e-7);
    assert_true(fabs(last_freq(&t, 0) - p0 * NENC_CDF_TOTAL) < 3);
    nenc_prob_tables_free(&t);
}

static void factorized_density_takes_given_quantiles(void **state)
{
    static const float q[6] = { -3.5f, 0.25f, 2, 17, 20.5f, 20 };
    static channels c;
    nenc_prob_tables t = { 0 };
    float medians[2];
    (void)state;
    linear_channels(&c);
    assert_int_equal(nenc_prob_add_factorized(&t, &c.f, q, &reference, medians,
                                              NULL), NENC_OK);
    assert_true(medians[0] == 0.25f && medians[1] == 20.5f);
    assert_int_equal(t.offsets[0], -4);
    assert_int_equal(t.lengths[0], 4 + 2 + 2);
    assert_int_equal(t.offsets[1], -4);
    assert_int_equal(t.lengths[1], 4 + 0 + 2);
    /* A channel that is not finite leaves nothing behind. */
    c.bias[2][4] = NAN;
    nenc_diag diag;
    assert_int_equal(nenc_prob_add_factorized(&t, &c.f, q, &reference, medians,
                                              &diag), NENC_EINVAL);
    assert_non_null(strstr(diag.text, "channel 1"));
    assert_int_equal(t.n_tables, 2);
    nenc_prob_tables_free(&t);
}

static void frequencies_are_legal_whatever_the_pmf(void **state)
{
    static double pmf[NENC_CDF_MAX_LENGTH];
    static uint16_t freqs[NENC_CDF_MAX_LENGTH];
    static const size_t sizes[] = { 2, 3, 100, 5000 };
    (void)state;
    for (size_t s = 0; s < 4; s++) {
        const size_t n = sizes[s];
        for (int kind = 0; kind < 6; kind++) {
            for (size_t i = 0; i < n; i++)
                pmf[i] = kind < 2 ? 1.0 / (double)n : kind < 4 ? i == n / 2
                         : (i + 1 < n ? 0 : 1);
            assert_int_equal(nenc_prob_freqs(freqs, pmf, n, kind % 2),
                             NENC_OK);
            uint32_t sum = 0;
            for (size_t i = 0; i < n; i++) {
                assert_true(freqs[i] >= 1);
                sum += freqs[i];
            }
            assert_int_equal(sum, NENC_CDF_TOTAL);
        }
    }
    pmf[0] = NAN;
    assert_int_equal(nenc_prob_freqs(freqs, pmf, 4, true), NENC_EINVAL);
    pmf[0] = pmf[1] = 0.7;
    assert_int_equal(nenc_prob_freqs(freqs, pmf, 2, true), NENC_EINVAL);
    assert_int_equal(nenc_prob_freqs(freqs, pmf, 1, true), NENC_EINVAL);
    nenc_prob_tables t = { 0 };
    assert_int_equal(nenc_prob_add_gaussian(&t, NAN, NULL), NENC_EINVAL);
    assert_int_equal(nenc_prob_add_ggd(&t, 0, 1, 100, NULL), NENC_EINVAL);
    assert_int_equal(t.n_tables, 0);
}

static nenc_status open_set(const int32_t *lengths, const int32_t *offsets,
                            size_t n_tables, const uint16_t *freqs,
                            size_t n_freqs, nenc_diag *diag)
{
    nenc_cdf_set *set;
    const nenc_status st = nenc_cdf_set_open(&set, lengths, offsets, n_tables,
                                             freqs, n_freqs, diag);
    assert_int_equal(set != NULL, st == NENC_OK);
    nenc_cdf_set_close(set);
    return st;
}

static void broken_tables_are_named(void **state)
{
    static const int32_t lengths[2] = { 2, 3 }, offsets[2] = { 0, -1 };
    static const uint16_t good[5] = { 1, 65535, 1, 65534, 1 };
    static const struct { int at; int32_t v; const char *says; } bad[] = {
        { 0, 1, "table 0: length" },       { 0, -5, "table 0: length" },
        { 1, 70000, "table 1: length" },   { 1, 4, "3 frequencies are left" },
        { 1, 2, "after those of the last" },
        { 2, 1 << 25, "table 0: offset" }, { 3, INT32_MIN, "table 1: offset" },
        { 4, 0, "table 0: entry 0" },      { 5, 65534, "table 0: freq" },
        { 7, 65535, "table 1: freq" },     { 8, 0, "table 1: entry 2" },
    };
    (void)state;
    nenc_diag diag;
    assert_int_equal(open_set(lengths, offsets, 2, good, 5, NULL), NENC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t l[2] = { 2, 3 }, o[2] = { 0, -1 };
        uint16_t f[5];
        memcpy(f, good, sizeof f);
        if (bad[i].at < 2)
            l[bad[i].at] = bad[i].v;
        else if (bad[i].at < 4)
            o[bad[i].at - 2] = bad[i].v;
        else
            f[bad[i].at - 4] = (uint16_t)bad[i].v;
        assert_int_equal(open_set(l, o, 2, f, 5, &diag), NENC_EMODEL);
        if (!strstr(diag.text, bad[i].says))
            fail_msg("\"%s\" does not say \"%s\"", diag.text, bad[i].says);
    }
    assert_int_equal(open_set(lengths, offsets, 0, good, 0, NULL),
                     NENC_EMODEL);
    assert_int_equal(open_set(lengths, offsets, 1, good, 5, NULL),
                     NENC_EMODEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_tables_are_the_known_ones),
        cmocka_unit_test(ggd_masses_are_the_known_ones),
        cmocka_unit_test(located_laplace_is_exact),
        cmocka_unit_test(trimming_wide_tables_saves_bits),
        cmocka_unit_test(factorized_density_finds_its_median_and_tails),
        cmocka_unit_test(factorized_density_takes_given_quantiles),
        cmocka_unit_test(frequencies_are_legal_whatever_the_pmf),
        cmocka_unit_test(broken_tables_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
