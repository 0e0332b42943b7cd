/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  How a value becomes an entry of a table, or the escape entry
 * and a magnitude.  Not here: how either is coded (range_coder.c). */
#ifndef NENC_ENTROPY_ESCAPE_H
#define NENC_ENTROPY_ESCAPE_H

#include "cdf.h"

/** Values coded are -2^30 to 2^30. */
#define NENC_VALUE_MAX (1 << 30)

/** Entry of `value`, which is first clamped to +-NENC_VALUE_MAX.
 *  @return whether it is the escape; *raw is then its magnitude, < 2^32 - 1:
 *  odd below the table, even above it, growing with the distance */
static inline bool nenc_escape_split(const nenc_cdf *t, int32_t value,
                                     uint32_t *entry, uint32_t *raw)
{
    if (value > NENC_VALUE_MAX)
        value = NENC_VALUE_MAX;
    if (value < -NENC_VALUE_MAX)
        value = -NENC_VALUE_MAX;
    const uint32_t n = t->length - 1;
    const int32_t i = value - t->offset;
    if ((uint32_t)i < n) {
        *entry = (uint32_t)i;
        return false;
    }
    *entry = n;
    *raw = i < 0 ? 2 * (uint32_t)(-1 - i) + 1 : 2 * ((uint32_t)i - n);
    return true;
}

/** The inverse. @return false where the value is out of range */
static inline bool nenc_escape_join(const nenc_cdf *t, uint32_t raw,
                                    int32_t *value)
{
    const int64_t half = raw >> 1;
    const int64_t v = raw & 1 ? t->offset - 1 - half
                              : t->offset + (int64_t)(t->length - 1) + half;
    *value = (int32_t)(v < -NENC_VALUE_MAX || v > NENC_VALUE_MAX ? 0 : v);
    return v >= -NENC_VALUE_MAX && v <= NENC_VALUE_MAX;
}

/** floor(log2(raw + 1)): bits after the leading one in its Exp-Golomb code. */
static inline int nenc_escape_log2(uint32_t raw)
{
    int k = 0;
    while ((raw + 1) >> 1 >> k)
        k++;
    return k;
}

#endif
