/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The range coder: values through tables, and raw bits, in 1 to 8
 * interleaved lanes.  Not here: choosing tables, checksums.
 *
 * A lane is a number 0 <= x < 1 written as bytes, the first the most
 * significant; bytes after its last are 0.  With 64-bit `range`, `code`:
 *
 *     start:   range = 2^64 - 1, code = first 8 bytes
 *     entry i of a table, cum[i] <= v < cum[i + 1] out of 65536:
 *              r = range >> 16
 *              i = the last one with r * cum[i] <= code
 *              code -= r * cum[i];  range = r * (cum[i + 1] - cum[i])
 *     n bits:  r = range >> n, v = code / r, code -= r * v, range = r
 *     then, if range < 2^32:
 *              code = code << 32 | next 4 bytes;  range <<= 32
 *
 * code >= range never holds in a good stream.  A lane has at most 8 bytes
 * fewer than its decoder takes, and none more.
 *
 * An escaped value's raw magnitude (escape.h) follows its escape entry in the
 * same lane: m = raw + 1 has k + 1 significant bits, k <= 31; k times a raw
 * bit 0; a raw bit 1; then the k bits below the leading one, at most 16 at a
 * time, highest first (a short group, if any, is the last).
 *
 * An adaptive bit of odds `one` out of 65536:
 *              r = range >> 16;  it is 1 where code < r * one
 *              1: range = r * one
 *              0: code -= r * one;  range = r * (65536 - one)
 *
 * The values (and calls of _bits) of a unit are counted over all calls; number
 * i is in lane i % lanes.  Adaptive bits are all in lane 0.  A unit's bytes:
 * u8 lanes, a varint for the size of each lane, the lanes. */
#ifndef NENC_ENTROPY_RANGE_CODER_H
#define NENC_ENTROPY_RANGE_CODER_H

#include "bytes.h"
#include "cdf.h"

#define NENC_RC_MAX_LANES 8

/** What is known of a bit from those before it: the odds of a 1, out of 65536,
 *  learned fast and slowly.  Start with NENC_RC_BIT. */
typedef struct nenc_rc_bit {
    uint16_t fast, slow;
} nenc_rc_bit;

#define NENC_RC_BIT { 32768, 32768 }

/** The odds used: the mean, kept off certainty. */
static inline uint32_t nenc_rc_odds(const nenc_rc_bit *b)
{
    const uint32_t one = ((uint32_t)b->fast + b->slow) / 2;
    return one < 32 ? 32 : one > 65504 ? 65504 : one;
}

static inline void nenc_rc_learn(nenc_rc_bit *b, bool is_one)
{
    b->fast = (uint16_t)(is_one ? b->fast + ((65535 - b->fast) >> 4)
                                : b->fast - (b->fast >> 4));
    b->slow = (uint16_t)(is_one ? b->slow + ((65535 - b->slow) >> 7)
                                : b->slow - (b->slow >> 7));
}

typedef struct nenc_rc_enc_lane {
    uint64_t low, range;
    nenc_buffer out;
} nenc_rc_enc_lane;

typedef struct nenc_rc_encoder {
    unsigned lanes;
    unsigned at;          /**< lane of the next value */
    nenc_rc_enc_lane lane[NENC_RC_MAX_LANES];
} nenc_rc_encoder;

/** @param lanes    1 to 8 (others are clamped); 4 decode fastest, each costs
 *                  about 3 bytes
 *  @param ceiling  most bytes that a lane may hold */
void nenc_rc_encoder_init(nenc_rc_encoder *enc, unsigned lanes,
                          size_t ceiling);
void nenc_rc_encoder_free(nenc_rc_encoder *enc);

/** Code n values, each by the table of its index.  An index beyond the last
 *  table means the last; values are clamped to +-2^30.  Lack of memory is
 *  reported by _finish. */
void nenc_rc_encode_run(nenc_rc_encoder *enc, const nenc_cdf_set *set,
                        const uint16_t *table, const int32_t *value, size_t n);

/** n equiprobable bits, 1 <= n <= 16, in the next value's place. */
void nenc_rc_encode_bits(nenc_rc_encoder *enc, uint32_t v, unsigned n);

/** One bit, from whose value *b learns. */
void nenc_rc_encode_bit(nenc_rc_encoder *enc, nenc_rc_bit *b, bool is_one);

/** End all lanes and append the unit's bytes; the encoder may then only be
 *  freed.
 *  @return NENC_OK, or NENC_ENOMEM (no memory, or over a ceiling) */
NENC_NODISCARD nenc_status nenc_rc_encoder_finish(nenc_rc_encoder *enc,
                                                  nenc_buffer *dst,
                                                  nenc_diag *diag);

typedef struct nenc_rc_dec_lane {
    uint64_t code, range;
    const uint8_t *next, *end;
    size_t missing;       /**< bytes taken beyond the end */
    bool damaged;
} nenc_rc_dec_lane;

typedef struct nenc_rc_decoder {
    unsigned lanes;
    unsigned at;          /**< lane of the next value */
    nenc_rc_dec_lane lane[NENC_RC_MAX_LANES];
} nenc_rc_decoder;

/** Read a unit's bytes, which are borrowed; `src` is left after them.
 *  @return NENC_OK, NENC_ETRUNCATED or NENC_EBITSTREAM (lane count) */
NENC_NODISCARD nenc_status nenc_rc_decoder_init(nenc_rc_decoder *dec,
                                                nenc_bytes *src,
                                                nenc_diag *diag);

/** Decode n values; the tables' indices as above.  All of value[] is written
 *  whatever comes back, each within +-2^30.
 *  @return NENC_OK, NENC_ETRUNCATED (a lane ended too early) or
 *          NENC_EBITSTREAM; an error stays for later calls */
NENC_NODISCARD nenc_status nenc_rc_decode_run(nenc_rc_decoder *dec,
                                              const nenc_cdf_set *set,
                                              const uint16_t *table,
                                              int32_t *value, size_t n,
                                              nenc_diag *diag);

/** n equiprobable bits, 1 <= n <= 16; an error shows in the next _run or in
 *  _end. */
uint32_t nenc_rc_decode_bits(nenc_rc_decoder *dec, unsigned n);

/** The same bit back; errors as with _bits. */
bool nenc_rc_decode_bit(nenc_rc_decoder *dec, nenc_rc_bit *b);

/** After the last value: was every byte used, and none missing?
 *  @return as nenc_rc_decode_run(); bytes left over are NENC_EBITSTREAM */
NENC_NODISCARD nenc_status nenc_rc_decoder_end(const nenc_rc_decoder *dec,
                                               nenc_diag *diag);

#endif
