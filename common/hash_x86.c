/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 blocks by x86's SHA instructions.  Empty elsewhere.
 * Not here: the rest of SHA-256 (hash.c). */
#include "hash_block.h"

#if defined __x86_64__ && defined __GNUC__
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

static bool ask_cpu(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || !(c >> 19 & 1))
        return false;                        /* no SSE4.1 */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}

/* Asked once: a virtual machine may take 20 microseconds to answer cpuid. */
bool nenc_sha256_has_x86(void)
{
    enum { UNKNOWN, NO, YES };
    static atomic_int known;
    int k = atomic_load_explicit(&known, memory_order_relaxed);
    if (k == UNKNOWN) {
        k = ask_cpu() ? YES : NO;
        atomic_store_explicit(&known, k, memory_order_relaxed);
    }
    return k == YES;
}

/* The instructions want the state as ABEF and CDGH; four words of the message
 * at a time are in m[0..3], the oldest replaced by the next. */
__attribute__((target("sha,sse4.1,ssse3")))
void nenc_sha256_blocks_x86(uint32_t state[8], const uint8_t *data, size_t n)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b,
                                        0x0405060700010203);
    __m128i *words = (__m128i *)state;
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; n; n--, data += 64) {
        const __m128i abef0 = abef, cdgh0 = cdgh;
        __m128i m[4];
        for (int i = 0; i < 4; i++)
            m[i] = _mm_shuffle_epi8(
                _mm_loadu_si128((const __m128i *)data + i), swap);
        for (int i = 0; i < 16; i++) {
            const __m128i w = m[i & 3];
            const __m128i k = _mm_loadu_si128(
                (const __m128i *)(nenc_sha256_k + 4 * i));
            const __m128i wk = _mm_add_epi32(w, k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
            abef = _mm_sha256rnds2_epu32(abef, cdgh,
                                         _mm_shuffle_epi32(wk, 0x0e));
            const __m128i m1 = m[(i + 1) & 3], m2 = m[(i + 2) & 3];
            const __m128i m3 = m[(i + 3) & 3];
            m[i & 3] = _mm_sha256msg2_epu32(
                _mm_add_epi32(_mm_sha256msg1_epu32(w, m1),
                              _mm_alignr_epi8(m3, m2, 4)), m3);
        }
        abef = _mm_add_epi32(abef, abef0);
        cdgh = _mm_add_epi32(cdgh, cdgh0);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

#else

bool nenc_sha256_has_x86(void)
{
    return false;
}

void nenc_sha256_blocks_x86(uint32_t state[8], const uint8_t *data, size_t n)
{
    (void)state, (void)data, (void)n;
}

#endif
