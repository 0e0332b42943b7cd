/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Vectors of one float in plain C, for the templates that
 * exact_*.c and others include.  Not here: the loops. */
#ifndef NENC_TRANSFORMS_VEC_PORTABLE_H
#define NENC_TRANSFORMS_VEC_PORTABLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "the exact backend must not be compiled with -ffast-math"
#endif

enum { LANES = 1 };
#define UNROLL

typedef float vf;
typedef uint32_t vi;
typedef bool vm;

static inline vi v_bits(vf a)
{
    vi b;
    memcpy(&b, &a, sizeof b);
    return b;
}

static inline vf v_float(vi a)
{
    vf b;
    memcpy(&b, &a, sizeof b);
    return b;
}

static inline vf v_set1(float a) { return a; }
static inline vf v_load(const float *p) { return *p; }
static inline void v_store(float *p, vf a) { *p = a; }
static inline vf v_add(vf a, vf b) { return a + b; }
static inline vf v_sub(vf a, vf b) { return a - b; }
static inline vf v_mul(vf a, vf b) { return a * b; }
static inline vf v_div(vf a, vf b) { return a / b; }
static inline vf v_sqrt(vf a) { return sqrtf(a); }   /* IEEE: exact */
static inline vf v_fma(vf a, vf b, vf c) { return fmaf(a, b, c); }
static inline vm v_gt(vf a, vf b) { return a > b; }
static inline vm v_lt(vf a, vf b) { return a < b; }
static inline vm v_eq(vf a, vf b) { return a == b; }
static inline vf v_select(vm m, vf a, vf b) { return m ? a : b; }
static inline vf v_max(vf a, vf b) { return a > b ? a : b; }
static inline vf v_min(vf a, vf b) { return a < b ? a : b; }
static inline vf v_and(vf a, vf b) { return v_float(v_bits(a) & v_bits(b)); }
static inline vf v_or(vf a, vf b) { return v_float(v_bits(a) | v_bits(b)); }
static inline vi vi_set1(uint32_t a) { return a; }
static inline vi vi_sub(vi a, vi b) { return a - b; }
static inline vi vi_shl(vi a, int n) { return a << n; }
static inline vi vi_shr(vi a, int n) { return a >> n; }

/* never reached with one lane, but the template names them */
static inline vf v_load_n(const float *p, size_t n) { (void)n; return *p; }
static inline void v_store_n(float *p, size_t n, vf a) { (void)n; *p = a; }

/* *lo, *hi: even[0], odd[0], even[1], odd[1] and so on; and back again. */
static inline void v_zip(vf even, vf odd, vf *lo, vf *hi)
{
    *lo = even;
    *hi = odd;
}

static inline void v_unzip(vf lo, vf hi, vf *even, vf *odd)
{
    *even = lo;
    *odd = hi;
}

#endif
