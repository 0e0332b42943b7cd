/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers that are the same on every machine.  Not for secrets. */
#ifndef NENC_COMMON_RANDOM_H
#define NENC_COMMON_RANDOM_H

#include <stdint.h>

/** One number for each place under a seed, whoever asks and when: Steele, Lea,
 *  Flood, "Fast splittable pseudorandom number generators" (2014). */
static inline uint64_t nenc_random_at(uint64_t seed, uint64_t place)
{
    uint64_t v = seed + place * 0x9e3779b97f4a7c15u;
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
    v = (v ^ v >> 27) * 0x94d049bb133111ebu;
    return v ^ v >> 31;
}

/** The next of a sequence, 0 <= x < 1; *state is not 0 and never becomes it:
 *  Vigna's xorshift64* (2016). */
static inline double nenc_random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * 2685821657736338717u >> 11) * 0x1p-53;
}

#endif
