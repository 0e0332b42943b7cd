/* SPDX-License-Identifier: BSD-2-Clause */
/* A codec without a model, for tests only: no part of codecs/registry.c. */
#ifndef NENC_TESTS_STUB_CODEC_H
#define NENC_TESTS_STUB_CODEC_H

#include "codec.h"

/** Units of 32x32 in pictures over 2000 pixels; default effort 3. */
extern const nenc_codec nenc_codec_stub;

/** What the stub was opened with last. */
extern int stub_effort;

#endif
