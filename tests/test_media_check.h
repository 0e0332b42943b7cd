/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of picture files share: reading, comparing, writing again.
 * Not here: files (test_media_make.h). */
#ifndef NENC_TESTS_MEDIA_CHECK_H
#define NENC_TESTS_MEDIA_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media_formats.h"
#include "test_media_make.h"

#define NO_LIMIT ((uint64_t)1 << 28)

/** Read; a failure must leave a sentence and no picture. */
nenc_status read_some(nenc_image *image, const uint8_t *data, size_t size,
                      nenc_media_facts *facts);
/** The same, for its status only. */
nenc_status read_status(const void *data, size_t size);
/** The same, and frees the file. */
nenc_status blob_status(blob b);
/** Reading fails with this status and a sentence that has this word. */
void assert_refused(blob b, nenc_status want, const char *word);

/** Equal in all, blobs too. */
void assert_same(const nenc_image *a, const nenc_image *b);
/** The blob holds these bytes; NULL data = it is empty. */
void assert_blob(const nenc_blob *have, const blob *want);
/** The samples are those of make_sample(), give or take `most`. */
void assert_samples(const nenc_image *image, int type, int bits,
                    unsigned extra, int most);
/** Written in `format` and read again, nothing has changed. */
void assert_comes_back(const nenc_image *image, const char *format);

#endif
