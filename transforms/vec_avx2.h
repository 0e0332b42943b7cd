/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Vectors of floats for AVX2 with FMA, for the templates
 * that exact_*.c and others include.  Not here: the loops. */
#ifndef NENC_TRANSFORMS_VEC_AVX2_H
#define NENC_TRANSFORMS_VEC_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "the exact backend must not be compiled with -ffast-math"
#endif

#define LANES 8
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;      /* all bits of a lane set or none */

static inline __m256i lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf v_set1(float a) { return _mm256_set1_ps(a); }
static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }

static inline vf v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, lanes(n));
}

static inline void v_store_n(float *p, size_t n, vf a)
{
    _mm256_maskstore_ps(p, lanes(n), a);
}

static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vm v_gt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline vm v_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm v_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }

static inline vf v_select(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, m);
}

/* maxps is a > b ? a : b, in every odd case too; minps likewise. */
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }

static inline bool v_has_nan(const vf *a, int n)
{
    vf nan = _mm256_setzero_ps();
    UNROLL
    for (int k = 0; k < n; k += 2)
        nan = _mm256_or_ps(nan, _mm256_cmp_ps(a[k], a[k + 1 < n ? k + 1 : k],
                                              _CMP_UNORD_Q));
    return _mm256_movemask_ps(nan) != 0;
}

static inline vf v_and(vf a, vf b) { return _mm256_and_ps(a, b); }
static inline vf v_or(vf a, vf b) { return _mm256_or_ps(a, b); }
static inline vi v_bits(vf a) { return _mm256_castps_si256(a); }
static inline vf v_float(vi a) { return _mm256_castsi256_ps(a); }
static inline vi vi_set1(uint32_t a) { return _mm256_set1_epi32((int)a); }
static inline vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
#define vi_shl(a, n) _mm256_slli_epi32((a), (n))
#define vi_shr(a, n) _mm256_srli_epi32((a), (n))

/* *lo, *hi: even[0], odd[0], even[1], odd[1] and so on; and back again. */
static inline void v_zip(vf even, vf odd, vf *lo, vf *hi)
{
    const vf a = _mm256_unpacklo_ps(even, odd);     /* 0 1, 4 5 */
    const vf b = _mm256_unpackhi_ps(even, odd);     /* 2 3, 6 7 */
    *lo = _mm256_permute2f128_ps(a, b, 0x20);
    *hi = _mm256_permute2f128_ps(a, b, 0x31);
}

static inline void v_unzip(vf lo, vf hi, vf *even, vf *odd)
{
    const vf a = _mm256_permute2f128_ps(lo, hi, 0x20);
    const vf b = _mm256_permute2f128_ps(lo, hi, 0x31);
    *even = _mm256_shuffle_ps(a, b, 0x88);
    *odd = _mm256_shuffle_ps(a, b, 0xdd);
}

#endif
