/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The kernels of the exact backend for AVX-512 (F, VL, DQ).
 * Not here: the loops, which are in exact_vec.inc.h. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <immintrin.h>

#include "exact_kernels.h"
#include "exact_tables.h"

#ifdef __FAST_MATH__
#error "the exact backend must not be compiled with -ffast-math"
#endif

#define LANES 16
#define VECS 2          /* vectors in a block of output channels */
#define TILE 14         /* pixels in a tile: 28 of the 32 registers are sums */
#define K_CHUNK 224     /* 28 KB of weights: leaves L1 room for the pixels */
#define TABLE nenc_kernels_avx512
#define NAME "avx512"
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

#include "exact_math.inc.h"
#include "exact_vec.inc.h"
