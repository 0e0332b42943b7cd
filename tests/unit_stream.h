/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of several units from pictures that the encoder would keep in one.
 * Not here: toy models. */
#ifndef NENC_TESTS_UNIT_STREAM_H
#define NENC_TESTS_UNIT_STREAM_H

#include "bytes.h"
#include "model.h"

enum { UNIT_STREAM_MAX = 64 };

/** @param[out] starts  where each unit's chunk begins, then DONE; or NULL
 *  @return the stream, at quality 35; a failure ends the test */
nenc_buffer unit_stream(const nenc_model *model, const nenc_image *im,
                        uint32_t unit_width, uint32_t unit_height,
                        size_t starts[UNIT_STREAM_MAX + 1]);

#endif
