/* SPDX-License-Identifier: BSD-2-Clause */
/* IEEE half, bfloat16 and single precision.  Integer operations but for one
 * exact product, so that the caller's floating-point environment does not
 * matter.  Not here: files. */
#include <string.h>

#include "float16.h"

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

/* No branch and no table, so that compilers make vectors of it.  A denormal
 * half is its mantissa times 2^-24, which single precision holds exactly;
 * the others only need another exponent. */
static inline uint32_t expand(uint32_t h)
{
    const uint32_t magnitude = (h & 0x7fff) << 13;
    const uint32_t small = to_bits((float)(int32_t)(h & 0x3ff) * 0x1p-24f);
    const uint32_t is_small = 0u - (magnitude < 1u << 23);
    const uint32_t is_big = 0u - (magnitude >= 31u << 23);
    const uint32_t normal = magnitude + ((127u - 15) << 23)
                          + (is_big & (255u - 31 - (127 - 15)) << 23);
    return (h & 0x8000) << 16 | (small & is_small) | (normal & ~is_small);
}

float nenc_f16_to_f32(uint16_t h)
{
    return from_bits(expand(h));
}

uint16_t nenc_f32_to_f16(float f)
{
    const uint32_t bits = to_bits(f), magnitude = bits & 0x7fffffff;
    const uint32_t sign = bits >> 16 & 0x8000;
    if (magnitude > 0x7f800000)                    /* NaN: quiet, cut */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000)                   /* 65520 and more */
        return (uint16_t)(sign | 0x7c00);
    /* The result is m / 2^shift, rounded, as a carry into the exponent's
     * field is right. */
    uint32_t m, shift = 13;
    if (magnitude >= 0x38800000) {                 /* 2^-14 and more */
        m = magnitude - ((127u - 15) << 23);
    } else {
        shift += 113 - (magnitude >> 23);
        if (shift > 24)                            /* below 2^-25 */
            return (uint16_t)sign;
        m = (magnitude & 0x7fffff) | 0x800000;
    }
    const uint32_t odd = m >> shift & 1, half = (1u << (shift - 1)) - 1;
    return (uint16_t)(sign | (m + half + odd) >> shift);
}

/* A constant count, which even -O2 turns into vectors. */
enum { BLOCK = 64 };

/* bits |= 1 << 31 where an exponent is full: +1 carries into the sign. */
static inline uint32_t overfull(uint32_t bits)
{
    return (bits & 0x7f800000) + 0x00800000;
}

/* From a copy that is aligned, in this machine's byte order. */
static bool expand_block(float dst[BLOCK], const uint16_t src[BLOCK])
{
    uint32_t bad = 0, out[BLOCK];
    for (size_t i = 0; i < BLOCK; i++) {
        out[i] = expand(src[i]);
        bad |= overfull(out[i]);
    }
    memcpy(dst, out, sizeof out);
    return !(bad >> 31);
}

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

bool nenc_f16_expand(float *dst, const uint8_t *src, size_t n)
{
    bool is_finite = true;
    uint16_t block[BLOCK] = { 0 };
    float rest[BLOCK];
    for (; n >= BLOCK; n -= BLOCK, dst += BLOCK, src += 2 * BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            block[i] = get_u16(src + 2 * i);
        is_finite = expand_block(dst, block) && is_finite;
    }
    memset(block, 0, sizeof block);
    for (size_t i = 0; i < n; i++)
        block[i] = get_u16(src + 2 * i);
    is_finite = expand_block(rest, block) && is_finite;
    if (n)
        memcpy(dst, rest, n * sizeof *dst);
    return is_finite;
}

bool nenc_f16_is_finite(const uint8_t *src, size_t n)
{
    uint16_t bad = 0, block[BLOCK] = { 0 };
    for (; n; src += 2 * BLOCK) {
        const size_t m = n < BLOCK ? n : BLOCK;
        for (size_t i = 0; i < m; i++)
            block[i] = get_u16(src + 2 * i);
        for (size_t i = 0; i < BLOCK; i++)     /* the rest was seen before */
            bad |= (uint16_t)((block[i] & 0x7c00) + 0x0400);
        n -= m;
    }
    return !(bad >> 15);
}

bool nenc_bf16_expand(float *dst, const uint8_t *src, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)get_u16(src + 2 * i) << 16;
        bad |= overfull(bits);
        dst[i] = from_bits(bits);
    }
    return !(bad >> 31);
}
