/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  How the tables of Laplace distributions are made: in integers, so
 * that they are the same everywhere.  Not here: which table a symbol takes.
 *
 * E(n), about 2^32 exp(-n / (32 b)), is what is left of one side n / 32 from the
 * mean: E(0) = 2^32, E(n + 1) = E(n) * decay[s] >> 32.  The window of a table is
 * the values 1 - w to w, where w - 2 is the least k > 0 with E(32 k) <=
 * 2^32 / e^8: as far as a frequency of 1 is not far too much.
 *
 * The mass of the value v lies between n = 32 v - 16 - f and n + 32, that of the
 * escape beyond the window.  A frequency is the mass times 65536, rounded, at
 * least 1; what then is over or missing is taken from or given to the greatest,
 * the first one of equals. */
#include "escape.h"
#include "mem.h"
#include "overfit_tables.h"

enum { TABLES = OVERFIT_SCALES * OVERFIT_FRACTIONS };
enum { REACH_MAX = 168, POWERS = 32 * REACH_MAX + 32 };

/* 2^32 / e^8 */
#define TAIL 1440801u

/* 2^32 exp(-1 / (32 b)), to the nearest. */
static const uint32_t decay[OVERFIT_SCALES] = {
    0x027a4013, 0x0348084e, 0x0445cca5, 0x0579a165, 0x06e94fd9, 0x089a24c7,
    0x0a90c266, 0x0cd0f848, 0x0f5da2e2, 0x12389411, 0x15628527, 0x18db129d,
    0x1ca0c0f2, 0x20b109cf, 0x25087042, 0x29a29ab2, 0x2e7a7103, 0x338a3d79,
    0x38cbceed, 0x3e389b1b, 0x43c9dfe1, 0x4978c2a8, 0x4f3e6d27, 0x55142724,
    0x5af36cd0, 0x60d601a5, 0x66b5ffc5, 0x6c8de3f1, 0x72589653, 0x78117054,
    0x7db43fd2, 0x833d4801, 0x88a94055, 0x8df551c0, 0x931f1292, 0x98248150,
    0x9d03feb8, 0xa1bc4734, 0xa64c6bf7, 0xaab3cbe3, 0xaef20c6b, 0xb307128b,
    0xb6f2fbf0, 0xbab61862, 0xbe50e385, 0xc1c3feef, 0xc5102cb2, 0xc8364a38,
    0xcb374ba0, 0xce143773, 0xd0ce22c7, 0xd3662dc7, 0xd5dd8090, 0xd8354876,
    0xda6eb590, 0xdc8af896, 0xde8b410c, 0xe070bba9, 0xe23c90f7, 0xe3efe438,
    0xe58bd26b, 0xe7117188, 0xe881cfdf, 0xe9ddf39d, 0xeb26da6d, 0xec5d7937,
    0xed82bbef, 0xee978587, 0xef9cafe3, 0xf0930be6, 0xf17b618a, 0xf2566ffd,
    0xf324edd3, 0xf3e78932, 0xf49ee80a, 0xf54ba857, 0xf5ee605b, 0xf6879ee1,
    0xf717eb88, 0xf79fc700, 0xf81fab54, 0xf8980c31, 0xf9095727, 0xf973f3f3,
    0xf9d844bb, 0xfa36a657, 0xfa8f708d, 0xfae2f64f, 0xfb3185f9, 0xfb7b698a,
    0xfbc0e6df, 0xfc023fe5, 0xfc3fb2ce, 0xfc797a48, 0xfcafcda4, 0xfce2e10b,
    0xfd12e5a7, 0xfd4009cc, 0xfd6a7920, 0xfd925cc1, 0xfdb7db69, 0xfddb1991,
    0xfdfc398e, 0xfe1b5bb4, 0xfe389e72, 0xfe541e69, 0xfe6df68f, 0xfe86403f,
    0xfe9d1356, 0xfeb28647, 0xfec6ae2e, 0xfed99eeb, 0xfeeb6b2a, 0xfefc247f,
    0xff0bdb6f, 0xff1a9f85, 0xff287f5b, 0xff3588b0, 0xff41c86d, 0xff4d4ab7,
    0xff581af8, 0xff6243ec, 0xff6bcfa9, 0xff74c7aa, 0xff7d34d9, 0xff851f96,
    0xff8c8fc1, 0xff938cc0, 0xff9a1d88,
};

/* What nenc_cdf_set_open() takes, and E of one scale. */
typedef struct builder {
    int32_t length[TABLES], offset[TABLES];
    uint64_t left[POWERS];
    size_t n_freqs;
    uint16_t freqs[];
} builder;

/* The powers as far as `reach` needs them. @return reach, the w above */
static int fill_powers(uint64_t *left, uint32_t q)
{
    int n = 0, k = 1;
    left[0] = (uint64_t)1 << 32;
    for (;; k++) {
        for (; n < 32 * k; n++)
            left[n + 1] = left[n] * q >> 32;
        if (left[n] <= TAIL)
            break;
    }
    for (; n < 32 * (k + 2) + 16; n++)
        left[n + 1] = left[n] * q >> 32;
    return k + 2;
}

/* The probability of less than n / 32 from the mean, times 2^33. */
static uint64_t below(const uint64_t *left, int n)
{
    return n < 0 ? left[-n] : ((uint64_t)2 << 32) - left[n];
}

static int32_t freq_of(uint64_t mass)
{
    const int32_t freq = (int32_t)((mass + (1u << 16)) >> 17);
    return NENC_MAX(freq, 1);
}

/* @return how many, the escape among them */
static int32_t fill_table(uint16_t *freqs, const uint64_t *left, int w, int f)
{
    const int start = 32 * (1 - w) - 16 - f, end = start + 32 * 2 * w;
    const int32_t escape = freq_of(below(left, start)
                                   + ((uint64_t)2 << 32) - below(left, end));
    int32_t rest = (int32_t)NENC_CDF_TOTAL - escape, most = 0;
    int at = 0;
    uint64_t low = below(left, start);
    for (int i = 0; i < 2 * w; i++) {
        const uint64_t high = below(left, start + 32 * (i + 1));
        const int32_t freq = freq_of(high - low);
        low = high;
        rest -= freq;
        if (freq > most) {
            most = freq;
            at = i;
        }
        freqs[i] = (uint16_t)freq;     /* 65536 is put right below */
    }
    freqs[at] = (uint16_t)(most + rest);
    freqs[2 * w] = (uint16_t)escape;
    return 2 * w + 1;
}

static size_t count_freqs(uint64_t *left)
{
    size_t n = 0;
    for (int s = 0; s < OVERFIT_SCALES; s++)
        n += (size_t)(2 * fill_powers(left, decay[s]) + 1);
    return n * OVERFIT_FRACTIONS;
}

static builder *open_builder(void)
{
    uint64_t *left = nenc_mem_alloc(POWERS, sizeof *left);
    if (!left)
        return NULL;
    const size_t n = count_freqs(left);
    builder *b = nenc_mem_alloc(1, sizeof *b + n * sizeof b->freqs[0]);
    if (b)
        b->n_freqs = n;
    nenc_mem_free(left);
    return b;
}

nenc_status overfit_tables_open(nenc_cdf_set **out, nenc_diag *diag)
{
    *out = NULL;
    builder *b = open_builder();
    if (!b)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for tables");
    uint16_t *freqs = b->freqs;
    int32_t *length = b->length, *offset = b->offset;
    for (int s = 0; s < OVERFIT_SCALES; s++) {
        const int w = fill_powers(b->left, decay[s]);
        for (int f = 0; f < OVERFIT_FRACTIONS; f++) {
            *offset++ = 1 - w;
            *length = fill_table(freqs, b->left, w, f);
            freqs += *length++;
        }
    }
    const nenc_status st = nenc_cdf_set_open(out, b->length, b->offset, TABLES,
                                             b->freqs, b->n_freqs, diag);
    nenc_mem_free(b);
    return st;
}

/* ------------------------------------------------------------------- costs */

/* log2(x) * 65536 for x >= 2^31: squaring yields a bit at a time. */
static uint64_t log2_of(uint64_t x)
{
    uint64_t whole = 31;
    for (; x >> 32; whole++)
        x >>= 1;
    uint64_t bits = whole;
    for (int i = 0; i < 16; i++) {
        x = x * x >> 31;
        bits = bits << 1 | (x >> 32 & 1);
        x >>= x >> 32 & 1;
    }
    return bits;
}

/* The logarithm of a product of frequencies: `product` keeps 31 to 47 bits. */
uint64_t overfit_tables_cost(const nenc_cdf_set *set, const uint16_t *table,
                             const int32_t *value, size_t n)
{
    uint64_t product = (uint64_t)1 << 46, bits = 16 * (uint64_t)n + 46;
    for (size_t i = 0; i < n; i++) {
        const nenc_cdf *t = &set->tables[NENC_MIN(table[i], set->n_tables - 1)];
        uint32_t entry, raw;
        if (nenc_escape_split(t, value[i], &entry, &raw))
            bits += (uint64_t)(2 * nenc_escape_log2(raw) + 1);
        product *= nenc_cdf_freq(set->cum + t->first, entry);
        if (product >> 47) {
            product >>= 16;
            bits -= 16;
        }
    }
    return (bits << 16) - log2_of(product);
}
