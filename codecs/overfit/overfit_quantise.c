/* SPDX-License-Identifier: BSD-2-Clause */
/* Quantisation of latents for fitting. */
#include "overfit_quantise.h"

#include "overfit.h"
#include "random.h"

/* Sixteen generators (Marsaglia's xorshift, 2003) that vectorise everywhere. */
static void start_noise(uint32_t state[OVERFIT_LANES], uint64_t seed)
{
    for (uint64_t i = 0; i < OVERFIT_LANES; i++)
        state[i] = (uint32_t)nenc_random_at(seed, i) | 1;
}

/* The sum of a number's four bytes: near enough to a Gaussian. */
static void next_noise(uint32_t state[OVERFIT_LANES], float *noise, size_t n,
                       float deviation)
{
    const float unit = deviation / 147.801f;
    for (size_t i = 0; i < n; i += OVERFIT_LANES)
        for (size_t k = 0; k < OVERFIT_LANES; k++) {
            uint32_t v = state[k];
            v ^= v << 13;
            v ^= v >> 17;
            v ^= v << 5;
            state[k] = v;
            const uint32_t pairs = (v & 0xff00ff) + (v >> 8 & 0xff00ff);
            noise[i + k] = (float)((int32_t)((pairs & 0xffff) + (pairs >> 16))
                                   - 510) * unit;
        }
}

void overfit_quantise_soft(const overfit_soft *soft, const overfit_kernels *k,
                           uint64_t seed, const float *y, float *symbol,
                           float *slope, size_t n)
{
    uint32_t state[OVERFIT_LANES];
    start_noise(state, seed);
    next_noise(state, symbol, n, soft->noise);
    k->soft(soft, y, symbol, slope, n);
}

void overfit_quantise_hard(const float *y, float *symbol, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float near = (y[i] + 12582912.0f) - 12582912.0f;
        symbol[i] = near > OVERFIT_SYMBOL ? OVERFIT_SYMBOL
                  : near > -OVERFIT_SYMBOL ? near : -OVERFIT_SYMBOL;  /* NaN */
    }
}
