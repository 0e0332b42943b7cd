/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The layers of the context network with AVX2's 16-bit multiply and
 * add of pairs, for files with their own flags.  TABLE and NAME are defined
 * before.  Not here: what the layers are (overfit_context_kernels.h).
 *
 * A group of 16 symbols is two vectors of pairs of inputs 2 i, 2 i + 1: `low` of
 * symbols 0 to 3 and 8 to 11, `high` of the others, as unpacking leaves them and
 * packing takes them. */
#include <immintrin.h>
#include <string.h>

#include "overfit_context_kernels.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct pairs {
    __m256i low, high;
} pairs;

enum { PAIRS = OVERFIT_INPUTS / 2 };

INLINE pairs pairs_of(__m256i a, __m256i b)
{
    return (pairs){ _mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b) };
}

INLINE __m256i weight_pair(const int16_t *w)
{
    int32_t both;
    memcpy(&both, w, sizeof both);
    return _mm256_set1_epi32(both);
}

/* acc[o] += w[o * pitch] x for `rows` rows at once, which hide each other's
 * latency. */
INLINE void add_products(pairs *acc, int rows, const int16_t *w, size_t pitch,
                         const pairs *x, int n)
{
    for (int i = 0; i < n; i++)
        for (int o = 0; o < rows; o++) {
            const __m256i k = weight_pair(w + (size_t)o * pitch + 2 * i);
            acc[o].low = _mm256_add_epi32(
                acc[o].low, _mm256_madd_epi16(x[i].low, k));
            acc[o].high = _mm256_add_epi32(
                acc[o].high, _mm256_madd_epi16(x[i].high, k));
        }
}

INLINE pairs start_at(int32_t bias)
{
    const __m256i b = _mm256_set1_epi32(bias);
    return (pairs){ b, b };
}

/* The shift is of a maybe negative number, as floor; packing limits it to
 * 32767, then negative ones become 0: the same as the definition. */
INLINE __m256i activate(pairs acc)
{
    const __m256i round = _mm256_set1_epi32(128);
    const __m256i h = _mm256_packs_epi32(
        _mm256_srai_epi32(_mm256_add_epi32(acc.low, round), 8),
        _mm256_srai_epi32(_mm256_add_epi32(acc.high, round), 8));
    return _mm256_max_epi16(h, _mm256_setzero_si256());
}

/* Rows o to o + rows - 1, an even number. */
INLINE void run_rows(const overfit_net *net, int k, int o, int rows,
                     const pairs *x, pairs *y)
{
    pairs acc[4];
    for (int r = 0; r < rows; r++)
        acc[r] = start_at(net->hidden_bias[k][o + r]);
    add_products(acc, rows, net->hidden[k][o], OVERFIT_INPUTS, x,
                 net->inputs / 2);
    for (int r = 0; r < rows; r += 2)
        y[(o + r) / 2] = pairs_of(activate(acc[r]), activate(acc[r + 1]));
}

INLINE __m256i limit(__m256i v, int32_t low, int32_t high)
{
    return _mm256_min_epi32(_mm256_max_epi32(v, _mm256_set1_epi32(low)),
                            _mm256_set1_epi32(high));
}

/* m and s of the definition. */
INLINE __m256i mean_of(pairs acc)
{
    const int32_t most = OVERFIT_MEAN << 16;
    const __m256i half = _mm256_set1_epi32(most);
    const __m256i a = _mm256_add_epi32(limit(acc.low, -most, most), half);
    const __m256i b = _mm256_add_epi32(limit(acc.high, -most, most), half);
    return _mm256_packs_epi32(_mm256_srli_epi32(a, 11),
                              _mm256_srli_epi32(b, 11));
}

INLINE __m256i scale_of(pairs acc)
{
    const int32_t most = (OVERFIT_SCALES - 1) << 12;
    return _mm256_packs_epi32(
        _mm256_srli_epi32(limit(acc.low, 0, most), 12),
        _mm256_srli_epi32(limit(acc.high, 0, most), 12));
}

INLINE void run_out(const overfit_net *net, const pairs *h, const pairs *c,
                    uint16_t *table, int16_t *base)
{
    const int n = net->inputs;
    pairs acc[2] = { start_at(net->out_bias[0]), start_at(net->out_bias[1]) };
    add_products(acc, 2, net->out[0], 2 * OVERFIT_INPUTS, h, n / 2);
    add_products(acc, 2, net->out[0] + n, 2 * OVERFIT_INPUTS, c, n / 2);
    const __m256i m = mean_of(acc[0]), s = scale_of(acc[1]);
    const __m256i fraction = _mm256_and_si256(m, _mm256_set1_epi16(31));
    _mm256_storeu_si256((__m256i *)table,
                        _mm256_or_si256(_mm256_slli_epi16(s, 5), fraction));
    _mm256_storeu_si256((__m256i *)base,
                        _mm256_sub_epi16(_mm256_srli_epi16(m, 5),
                                         _mm256_set1_epi16(OVERFIT_MEAN)));
}

static void run(const overfit_net *net, const int16_t *const in[], size_t n,
                uint16_t *table, int16_t *base)
{
    pairs x[1 + OVERFIT_LAYERS][PAIRS];
    for (size_t p = 0; p < n; p += OVERFIT_GROUP) {
        for (int i = 0; i < net->inputs; i += 2)
            x[0][i / 2] = pairs_of(
                _mm256_loadu_si256((const __m256i *)(in[i] + p)),
                _mm256_loadu_si256((const __m256i *)(in[i + 1] + p)));
        for (int k = 0; k < OVERFIT_LAYERS; k++) {
            int o = 0;
            for (; o + 4 <= net->inputs; o += 4)
                run_rows(net, k, o, 4, x[k], x[k + 1]);
            if (o < net->inputs)
                run_rows(net, k, o, 2, x[k], x[k + 1]);
        }
        run_out(net, x[OVERFIT_LAYERS], x[0], table + p, base + p);
    }
}

const overfit_context_kernels TABLE = { NAME, run };
