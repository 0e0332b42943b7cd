/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 and CRC-32C.  Nothing else. */
#include <string.h>

#include "hash.h"
#include "hash_block.h"

/* Fractional parts of the cube roots of the first 64 primes (FIPS 180-4). */
const uint32_t nenc_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t rotate(uint32_t v, int n)
{
    return v >> n | v << (32 - n);
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8
           | p[3];
}

/* One round: what FIPS 180-4 moves from register to register is renamed by the
 * caller instead, eight rounds to a full turn. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                   \
    do {                                                                   \
        const uint32_t t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) \
                           + (g ^ (e & (f ^ g))) + nenc_sha256_k[i] + w[i];         \
        d += t;                                                            \
        h = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22))             \
            + ((a & b) | (c & (a | b)));                                   \
    } while (0)

static void portable_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = big_endian(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        const uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[i - 7]
               + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i += 8) {
        ROUND(a, b, c, d, e, f, g, h, i);
        ROUND(h, a, b, c, d, e, f, g, i + 1);
        ROUND(g, h, a, b, c, d, e, f, i + 2);
        ROUND(f, g, h, a, b, c, d, e, i + 3);
        ROUND(e, f, g, h, a, b, c, d, i + 4);
        ROUND(d, e, f, g, h, a, b, c, i + 5);
        ROUND(c, d, e, f, g, h, a, b, i + 6);
        ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

static void blocks(uint32_t state[8], const uint8_t *data, size_t n)
{
    if (nenc_sha256_has_x86()) {
        nenc_sha256_blocks_x86(state, data, n);
        return;
    }
    for (; n; n--, data += 64)
        portable_block(state, data);
}

void nenc_sha256_init(nenc_sha256 *h)
{
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };
    memset(h, 0, sizeof *h);
    memcpy(h->state, start, sizeof start);
}

void nenc_sha256_update(nenc_sha256 *h, const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t have = (size_t)(h->length % 64);
    h->length += size;
    while (size) {
        if (!have && size >= 64) {
            const size_t n = size / 64;
            blocks(h->state, p, n);
            p += 64 * n;
            size -= 64 * n;
            continue;
        }
        const size_t n = size < 64 - have ? size : 64 - have;
        memcpy(h->block + have, p, n);
        p += n;
        size -= n;
        have += n;
        if (have == 64) {
            blocks(h->state, h->block, 1);
            have = 0;
        }
    }
}

void nenc_sha256_final(nenc_sha256 *h, uint8_t digest[32])
{
    static const uint8_t pad[64] = { 0x80 };
    const uint64_t bits = h->length * 8;
    const size_t have = (size_t)(h->length % 64);
    uint8_t length[8];
    nenc_sha256_update(h, pad, have < 56 ? 56 - have : 120 - have);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    nenc_sha256_update(h, length, 8);
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(h->state[i / 4] >> (24 - i % 4 * 8));
}

/* Four bits at a time: small enough to stand in the source, fast enough for
 * streams of megabytes.  table[i] = i through the reflected polynomial. */
uint32_t nenc_crc32c(uint32_t crc, const void *data, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
    };
    const uint8_t *p = data;
    crc = ~crc;
    while (size--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
