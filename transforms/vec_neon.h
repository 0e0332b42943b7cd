/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Vectors of floats for arm64's Advanced SIMD, for the templates
 * that exact_*.c and others include.  Not here: the loops. */
#ifndef NENC_TRANSFORMS_VEC_NEON_H
#define NENC_TRANSFORMS_VEC_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "the exact backend must not be compiled with -ffast-math"
#endif

#define LANES 4
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef float32x4_t vf;
typedef uint32x4_t vi;
typedef uint32x4_t vm;

static inline vf v_set1(float a) { return vdupq_n_f32(a); }
static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vf a) { vst1q_f32(p, a); }

static inline vf v_load_n(const float *p, size_t n)
{
    float t[LANES] = { 0 };
    memcpy(t, p, n * sizeof *t);
    return vld1q_f32(t);
}

static inline void v_store_n(float *p, size_t n, vf a)
{
    float t[LANES];
    vst1q_f32(t, a);
    memcpy(p, t, n * sizeof *t);
}

static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf v_sqrt(vf a) { return vsqrtq_f32(a); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vm v_gt(vf a, vf b) { return vcgtq_f32(a, b); }
static inline vm v_lt(vf a, vf b) { return vcltq_f32(a, b); }
static inline vm v_eq(vf a, vf b) { return vceqq_f32(a, b); }
static inline vf v_select(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
static inline vf v_max(vf a, vf b) { return v_select(v_gt(a, b), a, b); }
static inline vf v_min(vf a, vf b) { return v_select(v_lt(a, b), a, b); }

static inline bool v_has_nan(const vf *a, int n)
{
    vm no_nan = vdupq_n_u32(0xffffffffu);
    UNROLL
    for (int k = 0; k < n; k++)
        no_nan = vandq_u32(no_nan, vceqq_f32(a[k], a[k]));
    return vminvq_u32(no_nan) == 0;
}

static inline vi v_bits(vf a) { return vreinterpretq_u32_f32(a); }
static inline vf v_float(vi a) { return vreinterpretq_f32_u32(a); }

static inline vf v_and(vf a, vf b)
{
    return v_float(vandq_u32(v_bits(a), v_bits(b)));
}

static inline vf v_or(vf a, vf b)
{
    return v_float(vorrq_u32(v_bits(a), v_bits(b)));
}

static inline vi vi_set1(uint32_t a) { return vdupq_n_u32(a); }
static inline vi vi_sub(vi a, vi b) { return vsubq_u32(a, b); }
#define vi_shl(a, n) vshlq_n_u32((a), (n))
#define vi_shr(a, n) vshrq_n_u32((a), (n))

/* *lo, *hi: even[0], odd[0], even[1], odd[1] and so on; and back again. */
static inline void v_zip(vf even, vf odd, vf *lo, vf *hi)
{
    *lo = vzip1q_f32(even, odd);
    *hi = vzip2q_f32(even, odd);
}

static inline void v_unzip(vf lo, vf hi, vf *even, vf *odd)
{
    *even = vuzp1q_f32(lo, hi);
    *odd = vuzp2q_f32(lo, hi);
}

#endif
