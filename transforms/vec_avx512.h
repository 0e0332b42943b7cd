/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Vectors of floats for AVX-512 (F, VL, DQ), for the templates
 * that exact_*.c and others include.  Not here: the loops. */
#ifndef NENC_TRANSFORMS_VEC_AVX512_H
#define NENC_TRANSFORMS_VEC_AVX512_H

/* Sanitized, unrolled loops keep gcc busy for minutes. */
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#pragma GCC optimize("O1")
#endif
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "the exact backend must not be compiled with -ffast-math"
#endif

#define LANES 16
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vm lanes(size_t n) { return (vm)((1u << n) - 1u); }

static inline vf v_set1(float a) { return _mm512_set1_ps(a); }
static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }

static inline vf v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes(n), p);
}

static inline void v_store_n(float *p, size_t n, vf a)
{
    _mm512_mask_storeu_ps(p, lanes(n), a);
}

static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }

static inline vm v_gt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

static inline vm v_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vm v_eq(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

static inline vf v_select(vm m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

/* maxps is a > b ? a : b, in every odd case too; minps likewise. */
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }

static inline bool v_has_nan(const vf *a, int n)
{
    vm ok[4] = { 0xffff, 0xffff, 0xffff, 0xffff };   /* short chains */
    UNROLL
    for (int k = 0; k < n; k += 2)
        ok[k / 2 % 4] = _mm512_mask_cmp_ps_mask(ok[k / 2 % 4], a[k],
                                                a[k + 1 < n ? k + 1 : k],
                                                _CMP_ORD_Q);
    return (ok[0] & ok[1] & ok[2] & ok[3]) != 0xffff;
}

static inline vf v_and(vf a, vf b) { return _mm512_and_ps(a, b); }
static inline vf v_or(vf a, vf b) { return _mm512_or_ps(a, b); }
static inline vi v_bits(vf a) { return _mm512_castps_si512(a); }
static inline vf v_float(vi a) { return _mm512_castsi512_ps(a); }
static inline vi vi_set1(uint32_t a) { return _mm512_set1_epi32((int)a); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
#define vi_shl(a, n) _mm512_slli_epi32((a), (n))
#define vi_shr(a, n) _mm512_srli_epi32((a), (n))

/* *lo, *hi: even[0], odd[0], even[1], odd[1] and so on; and back again. */
static inline void v_zip(vf even, vf odd, vf *lo, vf *hi)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                            5, 21, 6, 22, 7, 23);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    *lo = _mm512_permutex2var_ps(even, first, odd);
    *hi = _mm512_permutex2var_ps(even, second, odd);
}

static inline void v_unzip(vf lo, vf hi, vf *even, vf *odd)
{
    const __m512i first = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
                                            20, 22, 24, 26, 28, 30);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(1));
    *even = _mm512_permutex2var_ps(lo, first, hi);
    *odd = _mm512_permutex2var_ps(lo, second, hi);
}

#endif
