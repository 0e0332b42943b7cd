/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Checking and opening sets of tables.  Nothing else. */
#include "cdf.h"
#include "escape.h"
#include "mem.h"

/* Of a whole set, so that 32 bits count them. */
#define MAX_FREQS (1u << 28)

static nenc_status check_table(size_t t, int32_t length, int32_t offset,
                               size_t n_left, nenc_diag *diag)
{
    if (length < 2 || length > NENC_CDF_MAX_LENGTH)
        return nenc_fail(diag, NENC_EMODEL,
                         "table %zu: length %ld, must be 2 to %d", t,
                         (long)length, NENC_CDF_MAX_LENGTH);
    if ((size_t)length > n_left)
        return nenc_fail(diag, NENC_EMODEL,
                         "table %zu: length %ld, but %zu frequencies are left",
                         t, (long)length, n_left);
    if (offset < -NENC_CDF_MAX_OFFSET || offset > NENC_CDF_MAX_OFFSET)
        return nenc_fail(diag, NENC_EMODEL,
                         "table %zu: offset %ld, at most %d either side", t,
                         (long)offset, NENC_CDF_MAX_OFFSET);
    return NENC_OK;
}

static nenc_status check_all(const int32_t *lengths, const int32_t *offsets,
                             size_t n_tables, size_t n_freqs, nenc_diag *diag)
{
    if (!n_tables || n_tables > NENC_CDF_MAX_TABLES)
        return nenc_fail(diag, NENC_EMODEL, "%zu tables, must be 1 to %d",
                         n_tables, NENC_CDF_MAX_TABLES);
    size_t n_left = n_freqs;
    for (size_t t = 0; t < n_tables; t++) {
        NENC_TRY(check_table(t, lengths[t], offsets[t], n_left, diag));
        n_left -= (size_t)lengths[t];
    }
    if (n_left)
        return nenc_fail(diag, NENC_EMODEL,
                         "%zu frequencies after those of the last table",
                         n_left);
    if (n_freqs > MAX_FREQS)
        return nenc_fail(diag, NENC_EMODEL, "%zu frequencies, at most %u",
                         n_freqs, MAX_FREQS);
    return NENC_OK;
}

/* Sum one table's frequencies into cum. */
static nenc_status sum_table(uint16_t *cum, const uint16_t *freqs, size_t t,
                             size_t length, nenc_diag *diag)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (!freqs[i])
            return nenc_fail(diag, NENC_EMODEL,
                             "table %zu: entry %zu has frequency 0", t, i);
        cum[i] = (uint16_t)(sum - 1);
        sum += freqs[i];
        if (sum > NENC_CDF_TOTAL)
            break;
    }
    if (sum != NENC_CDF_TOTAL)
        return nenc_fail(diag, NENC_EMODEL,
                         "table %zu: frequencies do not sum to %u", t,
                         NENC_CDF_TOTAL);
    for (size_t i = 0; i <= NENC_CDF_PADDING; i++)
        cum[length + i] = NENC_CDF_TOTAL - 1;
    return NENC_OK;
}

/* More hints than entries, so that the way from one to the entry is short
 * wherever the entries are probable. */
static unsigned hint_bits(size_t length)
{
    unsigned bits = 4;
    while (bits < 10 && length > (size_t)1 << (bits - 1))
        bits++;
    return bits;
}

static void make_hints(nenc_cdf_set *set, const nenc_cdf *t)
{
    const uint16_t *cum = set->cum + t->first;
    uint16_t *hints = set->hints + t->first_hint;
    uint16_t entry = 0;
    for (uint32_t v = 0; v < NENC_CDF_TOTAL; v += 1u << t->hint_shift) {
        while (cum[entry + 1] < v)
            entry++;
        hints[v >> t->hint_shift] = entry;
    }
}

static nenc_status fill_set(nenc_cdf_set *set, const int32_t *lengths,
                            const int32_t *offsets, const uint16_t *freqs,
                            nenc_diag *diag)
{
    uint32_t first = 0, first_hint = 0;
    for (size_t t = 0; t < set->n_tables; t++) {
        const uint16_t length = (uint16_t)lengths[t];
        const unsigned bits = hint_bits(length);
        set->tables[t] = (nenc_cdf){
            .first = first, .first_hint = first_hint, .offset = offsets[t],
            .length = length, .hint_shift = (uint16_t)(NENC_CDF_BITS - bits)
        };
        NENC_TRY(sum_table(set->cum + first, freqs, t, length, diag));
        make_hints(set, &set->tables[t]);
        first += length + 1u + NENC_CDF_PADDING;
        first_hint += 1u << bits;
        freqs += length;
    }
    return NENC_OK;
}

nenc_status nenc_cdf_set_open(nenc_cdf_set **out, const int32_t *lengths,
                              const int32_t *offsets, size_t n_tables,
                              const uint16_t *freqs, size_t n_freqs,
                              nenc_diag *diag)
{
    *out = NULL;
    NENC_TRY(check_all(lengths, offsets, n_tables, n_freqs, diag));
    nenc_cdf_set *set = nenc_mem_zalloc(1, sizeof *set);
    if (!set)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for tables");
    size_t n_hints = 0;
    for (size_t t = 0; t < n_tables; t++)
        n_hints += (size_t)1 << hint_bits((size_t)lengths[t]);
    set->n_tables = n_tables;
    set->tables = nenc_mem_alloc(n_tables, sizeof *set->tables);
    set->cum = nenc_mem_alloc(n_freqs + n_tables * (1 + NENC_CDF_PADDING),
                              sizeof *set->cum);
    set->hints = nenc_mem_alloc(n_hints, sizeof *set->hints);
    nenc_status st = set->tables && set->cum && set->hints
                     ? fill_set(set, lengths, offsets, freqs, diag)
                     : nenc_fail(diag, NENC_ENOMEM,
                                 "out of memory for tables");
    if (st < 0) {
        nenc_cdf_set_close(set);
        return st;
    }
    *out = set;
    return NENC_OK;
}

void nenc_cdf_set_close(nenc_cdf_set *set)
{
    if (!set)
        return;
    nenc_mem_free(set->hints);
    nenc_mem_free(set->cum);
    nenc_mem_free(set->tables);
    nenc_mem_free(set);
}

/* log2(x) * 65536 for 1 <= x <= 65536: squaring yields a bit at a time. */
static uint32_t log2_16(uint32_t x)
{
    uint32_t whole = 0;
    while (x >> (whole + 1))
        whole++;
    uint64_t m = (uint64_t)x << (31 - whole);    /* 1 to 2, 31 bits after */
    uint32_t bits = whole;
    for (int i = 0; i < 16; i++) {
        m = m * m >> 31;
        bits = bits << 1 | (uint32_t)(m >> 32 & 1);
        m >>= m >> 32 & 1;
    }
    return bits;
}

uint32_t nenc_cdf_cost(const nenc_cdf_set *set, uint16_t table, int32_t value)
{
    const nenc_cdf *t = &set->tables[NENC_MIN(table, set->n_tables - 1)];
    const uint16_t *cum = set->cum + t->first;
    uint32_t entry, raw;
    uint32_t cost = 0;
    if (nenc_escape_split(t, value, &entry, &raw))
        cost = (uint32_t)(2 * nenc_escape_log2(raw) + 1) << 16;
    return cost + (16u << 16) - log2_16(nenc_cdf_freq(cum, entry));
}
