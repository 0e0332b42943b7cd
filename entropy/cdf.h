/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Sets of integer tables of cumulative frequencies, as a model
 * file carries them.  Not here: making them from distributions
 * (prob_model.h). */
#ifndef NENC_ENTROPY_CDF_H
#define NENC_ENTROPY_CDF_H

#include "status.h"

/** Frequencies of a table sum to 2^NENC_CDF_BITS. */
#define NENC_CDF_BITS 16
#define NENC_CDF_TOTAL 65536u
#define NENC_CDF_MAX_LENGTH 65535
#define NENC_CDF_MAX_TABLES 65535
#define NENC_CDF_MAX_OFFSET (1 << 24)

/** One table.  Entries 0 to length - 2 are the values offset, offset + 1 ...;
 *  entry length - 1 is the escape, which stands for every other value. */
typedef struct nenc_cdf {
    uint32_t first;       /**< of its cumulative frequencies, in set->cum */
    uint32_t first_hint;  /**< of its hints, in set->hints */
    int32_t  offset;
    uint16_t length;      /**< entries with the escape, at least 2 */
    uint16_t hint_shift;
} nenc_cdf;

/** What follows each table's 65536 in set->cum. */
#define NENC_CDF_PADDING 2

/** Never changes after it is opened; any number of threads may use it. */
typedef struct nenc_cdf_set {
    size_t n_tables;      /**< at least 1 */
    nenc_cdf *tables;
    /** Of each table `length + 1` numbers: cumulative frequencies less one,
     *  from 0 - 1 wrapped to 65535, by way of those between, to 65536 - 1;
     *  then NENC_CDF_PADDING times 65535.  The 16-bit difference of
     *  neighbours is a frequency. */
    uint16_t *cum;
    /** hints[v >> hint_shift] of a table: the entry in which lies v with the
     *  bits shifted out cleared.  That of v is not before it, and seldom far
     *  after. */
    uint16_t *hints;
} nenc_cdf_set;

static inline uint32_t nenc_cdf_low(const uint16_t *cum, uint32_t entry)
{
    return (uint16_t)(cum[entry] + 1);
}

static inline uint32_t nenc_cdf_freq(const uint16_t *cum, uint32_t entry)
{
    return (uint16_t)(cum[entry + 1] - cum[entry]);
}

/** Check and open a set.  All arrays are hostile, copied, and lie in a model
 *  file as they are here (I32, I32, U16):
 *  @param lengths  [n_tables] entries of each table, with its escape
 *  @param offsets  [n_tables] value of each table's first entry
 *  @param freqs    [n_freqs] frequencies, table after table: each at least 1,
 *                  and those of a table sum to 65536
 *  @param[out] out the set, or NULL on failure; nenc_cdf_set_close() it
 *  @return NENC_OK, NENC_ENOMEM or NENC_EMODEL (the sentence names the table)
 */
NENC_NODISCARD nenc_status nenc_cdf_set_open(
    nenc_cdf_set **out, const int32_t *lengths, const int32_t *offsets,
    size_t n_tables, const uint16_t *freqs, size_t n_freqs, nenc_diag *diag);

/** NULL is fine. */
void nenc_cdf_set_close(nenc_cdf_set *set);

/** What the range coder spends on a value, the raw bits of an escape
 *  included, in bits / 65536; an index beyond the last table means the last.
 *  An estimate for encoders that weigh rates: good to 1e-3 bit. */
uint32_t nenc_cdf_cost(const nenc_cdf_set *set, uint16_t table, int32_t value);

#endif
