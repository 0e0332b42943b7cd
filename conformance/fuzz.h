/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fuzz target defines: libFuzzer's entry, which fuzz_main.c calls too. */
#ifndef NENC_CONFORMANCE_FUZZ_H
#define NENC_CONFORMANCE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Feed one input; must not crash, hang or allocate without bound.
 *  @return 0 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
