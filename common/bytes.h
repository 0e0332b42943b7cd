/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded reading of bytes, and growing buffers of them.  All integers are
 * little-endian.  Not here: bits, checksums, files. */
#ifndef NENC_COMMON_BYTES_H
#define NENC_COMMON_BYTES_H

#include "status.h"

/** A reader over borrowed bytes.  A read past the end yields 0 and sets
 *  `failed`, which stays set: read a header in one sweep, test it once. */
typedef struct nenc_bytes {
    const uint8_t *data;
    size_t size;
    size_t at;            /**< next byte to read; at <= size */
    bool   failed;
} nenc_bytes;

void     nenc_bytes_init(nenc_bytes *b, const void *data, size_t size);
size_t   nenc_bytes_left(const nenc_bytes *b);
uint8_t  nenc_bytes_u8(nenc_bytes *b);
uint16_t nenc_bytes_u16(nenc_bytes *b);
uint32_t nenc_bytes_u32(nenc_bytes *b);
uint64_t nenc_bytes_u64(nenc_bytes *b);
/** LEB128 of at most 10 bytes; an over-long or too large one sets failed. */
uint64_t nenc_bytes_varint(nenc_bytes *b);
/** The next n bytes, or NULL (and failed) where there are fewer. */
const uint8_t *nenc_bytes_get(nenc_bytes *b, size_t n);
/** A reader of exactly the next n bytes, which `b` skips. */
nenc_bytes nenc_bytes_sub(nenc_bytes *b, size_t n);

/** One integer at `p`, of any alignment. */
static inline uint32_t nenc_bytes_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16
           | (uint32_t)p[3] << 24;
}

static inline void nenc_bytes_put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

/** A growing buffer with a ceiling.  A failed append sets `failed` (sticky)
 *  and changes nothing. */
typedef struct nenc_buffer {
    uint8_t *data;
    size_t size, capacity, ceiling;
    bool   failed;
} nenc_buffer;

void nenc_buffer_init(nenc_buffer *buf, size_t ceiling);
void nenc_buffer_free(nenc_buffer *buf);
/** Room for n more bytes, already counted in size; NULL when refused. */
uint8_t *nenc_buffer_extend(nenc_buffer *buf, size_t n);
void nenc_buffer_put(nenc_buffer *buf, const void *data, size_t n);
void nenc_buffer_u8(nenc_buffer *buf, uint8_t v);
void nenc_buffer_u16(nenc_buffer *buf, uint16_t v);
void nenc_buffer_u32(nenc_buffer *buf, uint32_t v);
void nenc_buffer_u64(nenc_buffer *buf, uint64_t v);
void nenc_buffer_varint(nenc_buffer *buf, uint64_t v);

#endif
