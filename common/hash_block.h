/* SPDX-License-Identifier: BSD-2-Clause */
/* What hash.c and its faster parts share.  Not for others. */
#ifndef NENC_COMMON_HASH_BLOCK_H
#define NENC_COMMON_HASH_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** SHA-256's round constants. */
extern const uint32_t nenc_sha256_k[64];

/** Take n blocks of 64 bytes into the state; only where _has_ says so. */
bool nenc_sha256_has_x86(void);
void nenc_sha256_blocks_x86(uint32_t state[8], const uint8_t *data, size_t n);

#endif
