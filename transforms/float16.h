/* SPDX-License-Identifier: BSD-2-Clause */
/* IEEE half and bfloat16 to single precision and back.
 * Not here: files (safetensors.h). */
#ifndef NENC_TRANSFORMS_FLOAT16_H
#define NENC_TRANSFORMS_FLOAT16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** IEEE half <-> single; to half rounds to nearest even, 65520 and more to
 *  infinity, and a NaN becomes a quiet one. */
float    nenc_f16_to_f32(uint16_t h);
uint16_t nenc_f32_to_f16(float f);

/** n little-endian values at any alignment, expanded exactly.
 *  @return true if all are finite */
bool nenc_f16_expand(float *dst, const uint8_t *src, size_t n);
/** Only whether all are finite. */
bool nenc_f16_is_finite(const uint8_t *src, size_t n);
bool nenc_bf16_expand(float *dst, const uint8_t *src, size_t n);

#endif
