/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4) and CRC-32C (RFC 3720).  Not here: anything keyed. */
#ifndef NENC_COMMON_HASH_H
#define NENC_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct nenc_sha256 {
    uint32_t state[8];
    uint64_t length;      /**< bytes so far */
    uint8_t  block[64];
} nenc_sha256;

void nenc_sha256_init(nenc_sha256 *h);
void nenc_sha256_update(nenc_sha256 *h, const void *data, size_t size);
void nenc_sha256_final(nenc_sha256 *h, uint8_t digest[32]);

/** Continue `crc` (0 to start) over `size` bytes. */
uint32_t nenc_crc32c(uint32_t crc, const void *data, size_t size);

#endif
