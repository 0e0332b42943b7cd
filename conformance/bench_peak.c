/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops of fma on registers: the machine's peak.  One function for each
 * instruction set, chosen by name.  Not here: timing. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "bench_peak.h"

/* Sums of one loop: enough to hide the latency, few enough for registers. */
enum { SUMS = 12 };

static volatile float sink;

#ifdef HAVE_X86_KERNELS

#include <immintrin.h>

__attribute__((target("avx2,fma")))
static double run_avx2(size_t n)
{
    __m256 s[SUMS];
    const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
    for (int k = 0; k < SUMS; k++)
        s[k] = _mm256_set1_ps((float)k);
    for (size_t i = 0; i < n; i++)
        _Pragma("GCC unroll 12")
        for (int k = 0; k < SUMS; k++)
            s[k] = _mm256_fmadd_ps(s[k], a, b);
    for (int k = 1; k < SUMS; k++)
        s[0] = _mm256_add_ps(s[0], s[k]);
    sink = _mm256_cvtss_f32(s[0]);
    return 2.0 * 8 * SUMS * (double)n;
}

__attribute__((target("avx512f")))
static double run_avx512(size_t n)
{
    __m512 s[SUMS];
    const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
    for (int k = 0; k < SUMS; k++)
        s[k] = _mm512_set1_ps((float)k);
    for (size_t i = 0; i < n; i++)
        _Pragma("GCC unroll 12")
        for (int k = 0; k < SUMS; k++)
            s[k] = _mm512_fmadd_ps(s[k], a, b);
    for (int k = 1; k < SUMS; k++)
        s[0] = _mm512_add_ps(s[0], s[k]);
    sink = _mm512_cvtss_f32(s[0]);
    return 2.0 * 16 * SUMS * (double)n;
}

double bench_peak_run(const char *kernels, size_t n)
{
    if (!strcmp(kernels, "avx512"))
        return run_avx512(n);
    if (!strcmp(kernels, "avx2"))
        return run_avx2(n);
    return 0;
}

#elif defined __aarch64__

#include <arm_neon.h>

double bench_peak_run(const char *kernels, size_t n)
{
    float32x4_t s[SUMS];
    const float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
    if (strcmp(kernels, "neon"))
        return 0;
    for (int k = 0; k < SUMS; k++)
        s[k] = vdupq_n_f32((float)k);
    for (size_t i = 0; i < n; i++)
        _Pragma("GCC unroll 12")
        for (int k = 0; k < SUMS; k++)
            s[k] = vfmaq_f32(s[k], a, b);
    for (int k = 1; k < SUMS; k++)
        s[0] = vaddq_f32(s[0], s[k]);
    sink = vgetq_lane_f32(s[0], 0);
    return 2.0 * 4 * SUMS * (double)n;
}

#else

double bench_peak_run(const char *kernels, size_t n)
{
    (void)kernels, (void)n;
    return 0;
}

#endif
