/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The range coder of range_coder.h.  Integers only.
 * Not here: tables. */
#include "escape.h"
#include "mem.h"
#include "range_coder.h"

#if defined __GNUC__
#define INLINE static inline __attribute__((always_inline))
#define UNLIKELY(x) __builtin_expect((x), 0)
#else
#define INLINE static inline
#define UNLIKELY(x) (x)
#endif

#define TOP ((uint64_t)1 << 32)

/* A lane may lack this many bytes at its end: what the decoder holds. */
enum { MISSING_MAX = 8 };

static unsigned lanes_of(unsigned lanes)
{
    return lanes < 1 ? 1 : NENC_MIN(lanes, NENC_RC_MAX_LANES);
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8
           | p[3];
}

/* ---------------------------------------------------------------- encoding */

void nenc_rc_encoder_init(nenc_rc_encoder *enc, unsigned lanes, size_t ceiling)
{
    enc->lanes = lanes_of(lanes);
    enc->at = 0;
    for (unsigned i = 0; i < NENC_RC_MAX_LANES; i++) {
        enc->lane[i].low = 0;
        enc->lane[i].range = UINT64_MAX;
        nenc_buffer_init(&enc->lane[i].out, ceiling);
    }
}

void nenc_rc_encoder_free(nenc_rc_encoder *enc)
{
    for (unsigned i = 0; i < NENC_RC_MAX_LANES; i++)
        nenc_buffer_free(&enc->lane[i].out);
}

/* Add one to the number written so far.  It stays below 1, so there is a byte
 * that is not 0xff, unless the buffer has failed. */
static void carry(nenc_buffer *out)
{
    size_t i = out->size;
    while (i && !++out->data[i - 1])
        i--;
}

/* The first n bytes of low, 0 to 8. */
static void put_low(nenc_buffer *out, uint64_t low, unsigned n)
{
    uint8_t *p = nenc_buffer_extend(out, n);
    for (unsigned i = 0; p && i < n; i++)
        p[i] = (uint8_t)(low >> (56 - 8 * i));
}

INLINE void narrow(nenc_rc_enc_lane *l, uint64_t below, uint64_t range)
{
    l->low += below;
    if (UNLIKELY(l->low < below))
        carry(&l->out);
    l->range = range;
    if (range < TOP) {
        put_low(&l->out, l->low, 4);
        l->low <<= 32;
        l->range = range << 32;
    }
}

static void put_bits(nenc_rc_enc_lane *l, uint32_t v, unsigned n)
{
    const uint64_t r = l->range >> n;
    narrow(l, r * v, r);
}

static void put_raw(nenc_rc_enc_lane *l, uint32_t raw)
{
    const uint32_t m = raw + 1;
    int left = nenc_escape_log2(raw);
    for (int i = 0; i < left; i++)
        put_bits(l, 0, 1);
    put_bits(l, 1, 1);
    while (left) {
        const int n = NENC_MIN(left, 16);
        left -= n;
        put_bits(l, m >> left & ((1u << n) - 1), (unsigned)n);
    }
}

void nenc_rc_encode_run(nenc_rc_encoder *enc, const nenc_cdf_set *set,
                        const uint16_t *table, const int32_t *value, size_t n)
{
    const size_t last = set->n_tables - 1;
    for (size_t i = 0; i < n; i++) {
        nenc_rc_enc_lane *l = &enc->lane[enc->at];
        const nenc_cdf *t = &set->tables[NENC_MIN(table[i], last)];
        uint32_t entry, raw;
        const bool escaped = nenc_escape_split(t, value[i], &entry, &raw);
        const uint16_t *cum = set->cum + t->first;
        const uint64_t r = l->range >> NENC_CDF_BITS;
        narrow(l, r * nenc_cdf_low(cum, entry), r * nenc_cdf_freq(cum, entry));
        if (UNLIKELY(escaped))
            put_raw(l, raw);
        enc->at = enc->at + 1 == enc->lanes ? 0 : enc->at + 1;
    }
}

void nenc_rc_encode_bits(nenc_rc_encoder *enc, uint32_t v, unsigned n)
{
    put_bits(&enc->lane[enc->at], v & ((1u << n) - 1), n);
    enc->at = enc->at + 1 == enc->lanes ? 0 : enc->at + 1;
}

void nenc_rc_encode_bit(nenc_rc_encoder *enc, nenc_rc_bit *b, bool is_one)
{
    nenc_rc_enc_lane *l = &enc->lane[0];
    const uint64_t r = l->range >> 16, below = r * nenc_rc_odds(b);
    if (is_one)
        narrow(l, 0, below);
    else
        narrow(l, below, r * 65536 - below);
    nenc_rc_learn(b, is_one);
}

/* The shortest number in [low, low + range); it may carry. */
static void end_lane(nenc_rc_enc_lane *l)
{
    for (unsigned n = 0; n <= 8; n++) {
        const uint64_t rest = n < 8 ? UINT64_MAX >> (8 * n) : 0;
        const uint64_t v = (l->low + rest) & ~rest;
        if (v - l->low < l->range) {
            if (v < l->low)
                carry(&l->out);
            put_low(&l->out, v, n);
            return;
        }
    }
}

nenc_status nenc_rc_encoder_finish(nenc_rc_encoder *enc, nenc_buffer *dst,
                                   nenc_diag *diag)
{
    bool failed = false;
    nenc_buffer_u8(dst, (uint8_t)enc->lanes);
    for (unsigned i = 0; i < enc->lanes; i++) {
        end_lane(&enc->lane[i]);
        failed |= enc->lane[i].out.failed;
        nenc_buffer_varint(dst, enc->lane[i].out.size);
    }
    for (unsigned i = 0; i < enc->lanes; i++)
        nenc_buffer_put(dst, enc->lane[i].out.data, enc->lane[i].out.size);
    if (failed || dst->failed)
        return nenc_fail(diag, NENC_ENOMEM, "no room for the coded symbols");
    return NENC_OK;
}

/* ---------------------------------------------------------------- decoding */

static uint32_t last_bytes(nenc_rc_dec_lane *l)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        v <<= 8;
        if (l->next < l->end)
            v |= *l->next++;
        else if (l->missing <= MISSING_MAX)
            l->missing++;
    }
    return v;
}

INLINE void refill(nenc_rc_dec_lane *l)
{
    /* Once it holds, code >= range holds for good. */
    l->damaged |= l->code >= l->range;
    uint32_t v;
    if (l->end - l->next >= 4) {
        v = big_endian(l->next);
        l->next += 4;
    } else {
        v = last_bytes(l);
    }
    l->code = l->code << 32 | v;
    l->range <<= 32;
}

static uint32_t get_bits(nenc_rc_dec_lane *l, unsigned n)
{
    const uint64_t r = l->range >> n;
    uint64_t v = l->code / r;
    if (v >> n) {
        l->damaged = true;
        v = 0;
    }
    l->code -= r * v;
    l->range = r;
    if (l->range < TOP)
        refill(l);
    return (uint32_t)v;
}

static int32_t get_escaped(nenc_rc_dec_lane *l, const nenc_cdf *t)
{
    int left = 0;
    while (left < 32 && !get_bits(l, 1))
        left++;
    uint32_t m = 1;
    bool ok = left < 32;
    while (ok && left) {
        const int n = NENC_MIN(left, 16);
        m = m << n | get_bits(l, (unsigned)n);
        left -= n;
    }
    int32_t v = 0;
    ok = ok && nenc_escape_join(t, m - 1, &v);
    l->damaged |= !ok;
    return v;
}

/* The last of the n entries from c on (n >= 1) that starts at or below v; the
 * first one does. */
static const uint16_t *search(const uint16_t *c, size_t n, uint32_t v)
{
    while (n > 1) {
        const size_t half = n / 2;
        c += c[half] < v ? half : 0;
        n -= half;
    }
    return c;
}

/* One division, then 16-bit comparisons.  Tried on a Sapphire Rapids with 64
 * Gaussian tables in 4 lanes, in values a microsecond: this 103; a binary
 * search among r * cum without a division 41; the quotient from a table of
 * reciprocals 94, but 53 where the compiler lets bsr wait for its old result,
 * as gcc 12 does; from a division of doubles 88. */
INLINE int32_t get_value(nenc_rc_dec_lane *l, const nenc_cdf_set *set,
                         const nenc_cdf *t)
{
    const uint64_t r = l->range >> NENC_CDF_BITS;
    const uint64_t quotient = l->code / r;
    const uint32_t v = (uint32_t)NENC_MIN(quotient, NENC_CDF_TOTAL - 1);
    const uint16_t *cum = set->cum + t->first;
    const uint16_t *c = cum + set->hints[t->first_hint + (v >> t->hint_shift)];
    /* Without a branch that depends on the code: a mispredicted one would
     * hold up the other lanes too. */
    const uint32_t past = (uint32_t)(c[1] < v) + (uint32_t)(c[2] < v)
                          + (uint32_t)(c[3] < v);
    c += past;
    if (UNLIKELY(past == 3))
        c = search(c, t->length - (size_t)(c - cum), v);
    l->code -= r * (uint16_t)(c[0] + 1);
    l->range = r * (uint16_t)(c[1] - c[0]);
    if (l->range < TOP)
        refill(l);
    const uint32_t entry = (uint32_t)(c - cum);
    if (UNLIKELY(entry == t->length - 1u))
        return get_escaped(l, t);
    return t->offset + (int32_t)entry;
}

static nenc_status check_lanes(const nenc_rc_decoder *dec, nenc_diag *diag)
{
    for (unsigned i = 0; i < dec->lanes; i++) {
        const nenc_rc_dec_lane *l = &dec->lane[i];
        if (l->missing > MISSING_MAX)
            return nenc_fail(diag, NENC_ETRUNCATED,
                             "coded symbols end too early in lane %u", i);
        if (l->damaged || l->code >= l->range)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "coded symbols are damaged in lane %u", i);
    }
    return NENC_OK;
}

nenc_status nenc_rc_decoder_init(nenc_rc_decoder *dec, nenc_bytes *src,
                                 nenc_diag *diag)
{
    uint64_t size[NENC_RC_MAX_LANES];
    const size_t at = src->at;
    const unsigned lanes = nenc_bytes_u8(src);
    *dec = (nenc_rc_decoder){ .lanes = lanes_of(lanes) };
    if (!src->failed && lanes != dec->lanes)
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "%u lanes, must be 1 to %d, at byte %zu", lanes,
                         NENC_RC_MAX_LANES, at);
    for (unsigned i = 0; i < dec->lanes; i++)
        size[i] = nenc_bytes_varint(src);
    for (unsigned i = 0; i < dec->lanes; i++) {
        nenc_rc_dec_lane *l = &dec->lane[i];
        const uint8_t *p = size[i] <= nenc_bytes_left(src)
                           ? nenc_bytes_get(src, (size_t)size[i]) : NULL;
        if (!p && size[i])
            src->failed = true;
        l->next = p;
        l->end = p ? p + size[i] : p;
        l->code = (uint64_t)last_bytes(l) << 32;
        l->code |= last_bytes(l);
        l->range = UINT64_MAX;
    }
    if (src->failed)
        return nenc_fail(diag, NENC_ETRUNCATED,
                         "coded symbols end too early, at byte %zu", src->at);
    return NENC_OK;
}

nenc_status nenc_rc_decode_run(nenc_rc_decoder *dec, const nenc_cdf_set *set,
                               const uint16_t *table, int32_t *value, size_t n,
                               nenc_diag *diag)
{
    const size_t last = set->n_tables - 1;
    for (size_t i = 0; i < n; i++) {
        nenc_rc_dec_lane *l = &dec->lane[dec->at];
        const nenc_cdf *t = &set->tables[NENC_MIN(table[i], last)];
        value[i] = get_value(l, set, t);
        dec->at = dec->at + 1 == dec->lanes ? 0 : dec->at + 1;
    }
    return check_lanes(dec, diag);
}

uint32_t nenc_rc_decode_bits(nenc_rc_decoder *dec, unsigned n)
{
    const uint32_t v = get_bits(&dec->lane[dec->at], n);
    dec->at = dec->at + 1 == dec->lanes ? 0 : dec->at + 1;
    return v;
}

bool nenc_rc_decode_bit(nenc_rc_decoder *dec, nenc_rc_bit *b)
{
    nenc_rc_dec_lane *l = &dec->lane[0];
    const uint64_t r = l->range >> 16, below = r * nenc_rc_odds(b);
    const bool is_one = l->code < below;
    l->code -= is_one ? 0 : below;
    l->range = is_one ? below : r * 65536 - below;
    if (l->range < TOP)
        refill(l);
    nenc_rc_learn(b, is_one);
    return is_one;
}

nenc_status nenc_rc_decoder_end(const nenc_rc_decoder *dec, nenc_diag *diag)
{
    NENC_TRY(check_lanes(dec, diag));
    for (unsigned i = 0; i < dec->lanes; i++)
        if (dec->lane[i].next < dec->lane[i].end)
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "bytes left over after the coded symbols in "
                             "lane %u", i);
    return NENC_OK;
}
