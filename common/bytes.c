/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded reading and growing buffers.  Nothing else. */
#include <string.h>

#include "bytes.h"
#include "mem.h"

void nenc_bytes_init(nenc_bytes *b, const void *data, size_t size)
{
    *b = (nenc_bytes){ .data = data, .size = size };
}

size_t nenc_bytes_left(const nenc_bytes *b)
{
    return b->size - b->at;
}

const uint8_t *nenc_bytes_get(nenc_bytes *b, size_t n)
{
    if (b->failed || n > b->size - b->at) {
        b->failed = true;
        return NULL;
    }
    const uint8_t *p = b->at ? b->data + b->at : b->data;
    b->at += n;
    return p;
}

uint8_t nenc_bytes_u8(nenc_bytes *b)
{
    const uint8_t *p = nenc_bytes_get(b, 1);
    return p ? *p : 0;
}

uint16_t nenc_bytes_u16(nenc_bytes *b)
{
    const uint8_t *p = nenc_bytes_get(b, 2);
    return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint32_t nenc_bytes_u32(nenc_bytes *b)
{
    const uint8_t *p = nenc_bytes_get(b, 4);
    return p ? nenc_bytes_get_u32(p) : 0;
}

uint64_t nenc_bytes_u64(nenc_bytes *b)
{
    const uint8_t *p = nenc_bytes_get(b, 8);
    return p ? nenc_bytes_get_u32(p)
               | (uint64_t)nenc_bytes_get_u32(p + 4) << 32 : 0;
}

uint64_t nenc_bytes_varint(nenc_bytes *b)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = nenc_bytes_get(b, 1);
        if (!p)
            return 0;
        if (shift == 63 && *p > 1)
            break;
        v |= (uint64_t)(*p & 127) << shift;
        if (!(*p & 128)) {
            if (!*p && shift)            /* a byte that adds nothing */
                break;
            return v;
        }
    }
    b->failed = true;
    return 0;
}

nenc_bytes nenc_bytes_sub(nenc_bytes *b, size_t n)
{
    nenc_bytes sub;
    const uint8_t *p = nenc_bytes_get(b, n);
    nenc_bytes_init(&sub, p, p ? n : 0);
    sub.failed = b->failed;
    return sub;
}

void nenc_buffer_init(nenc_buffer *buf, size_t ceiling)
{
    *buf = (nenc_buffer){ .ceiling = ceiling };
}

void nenc_buffer_free(nenc_buffer *buf)
{
    nenc_mem_free(buf->data);
    nenc_buffer_init(buf, buf->ceiling);
}

uint8_t *nenc_buffer_extend(nenc_buffer *buf, size_t n)
{
    if (buf->failed || buf->size > buf->ceiling
        || n > buf->ceiling - buf->size) {
        buf->failed = true;
        return NULL;
    }
    const size_t size = buf->size + n;
    if (size > buf->capacity || !buf->data) {
        size_t want = buf->capacity < buf->ceiling / 2
                      ? buf->capacity * 2 : buf->ceiling;
        want = NENC_MAX(want, NENC_MIN(size < 64 ? 64 : size, buf->ceiling));
        uint8_t *data = nenc_mem_alloc(want, 1);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        if (buf->size)
            memcpy(data, buf->data, buf->size);
        nenc_mem_free(buf->data);
        buf->data = data;
        buf->capacity = want;
    }
    uint8_t *p = buf->data + buf->size;
    buf->size = size;
    return p;
}

void nenc_buffer_put(nenc_buffer *buf, const void *data, size_t n)
{
    uint8_t *p = nenc_buffer_extend(buf, n);
    if (p && n)
        memcpy(p, data, n);
}

void nenc_buffer_u8(nenc_buffer *buf, uint8_t v)
{
    nenc_buffer_put(buf, &v, 1);
}

void nenc_buffer_u16(nenc_buffer *buf, uint16_t v)
{
    const uint8_t bytes[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
    nenc_buffer_put(buf, bytes, 2);
}

void nenc_buffer_u32(nenc_buffer *buf, uint32_t v)
{
    uint8_t bytes[4];
    nenc_bytes_put_u32(bytes, v);
    nenc_buffer_put(buf, bytes, 4);
}

void nenc_buffer_u64(nenc_buffer *buf, uint64_t v)
{
    uint8_t bytes[8];
    nenc_bytes_put_u32(bytes, (uint32_t)v);
    nenc_bytes_put_u32(bytes + 4, (uint32_t)(v >> 32));
    nenc_buffer_put(buf, bytes, 8);
}

void nenc_buffer_varint(nenc_buffer *buf, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        bytes[n++] = (uint8_t)((v & 127) | 128);
    bytes[n++] = (uint8_t)v;
    nenc_buffer_put(buf, bytes, n);
}
