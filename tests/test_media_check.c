/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of picture files share.  Not here: tests. */
#include "test_media_check.h"

nenc_status read_some(nenc_image *image, const uint8_t *data, size_t size,
                      nenc_media_facts *facts)
{
    nenc_diag diag = { NENC_OK, "" };
    const nenc_media_source src = { .data = data, .size = size,
                                    .max_pixels = NO_LIMIT };
    const nenc_status st = nenc_media_read(image, facts, &src, &diag);
    if (st < 0) {
        assert_int_equal(diag.status, st);
        assert_true(strlen(diag.text) > 8);
        assert_null(image->data);
        assert_null(image->icc.data);
        assert_null(image->exif.data);
        assert_null(image->xmp.data);
    }
    return st;
}

nenc_status read_status(const void *data, size_t size)
{
    nenc_image image;
    const nenc_status st = read_some(&image, data, size, NULL);
    nenc_image_free(&image);
    return st;
}

nenc_status blob_status(blob b)
{
    const nenc_status st = read_status(b.data, b.size);
    free(b.data);
    return st;
}

void assert_refused(blob b, nenc_status want, const char *word)
{
    nenc_image image;
    nenc_diag diag = { NENC_OK, "" };
    const nenc_media_source src = { .data = b.data, .size = b.size,
                                    .max_pixels = NO_LIMIT };
    const nenc_status st = nenc_media_read(&image, NULL, &src, &diag);
    if (st != want || !strstr(diag.text, word))
        fail_msg("%s: %s: %s", word, nenc_strerror(st), diag.text);
    nenc_image_free(&image);
    free(b.data);
}

static void assert_same_blob(const nenc_blob *a, const nenc_blob *b)
{
    assert_int_equal(a->size, b->size);
    if (a->size)
        assert_memory_equal(a->data, b->data, a->size);
}

void assert_same(const nenc_image *a, const nenc_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->bits, b->bits);
    for (uint32_t y = 0; y < a->height; y++)
        assert_memory_equal(a->data + y * a->stride, b->data + y * b->stride,
                            (size_t)a->width * a->channels * (a->bits / 8));
    assert_same_blob(&a->icc, &b->icc);
    assert_same_blob(&a->exif, &b->exif);
    assert_same_blob(&a->xmp, &b->xmp);
}

void assert_blob(const nenc_blob *have, const blob *want)
{
    const nenc_blob b = { want->data, want->data ? want->size : 0 };
    assert_same_blob(have, &b);
}

void assert_samples(const nenc_image *image, int type, int bits,
                    unsigned extra, int most)
{
    assert_int_equal(image->width, MAKE_WIDTH);
    assert_int_equal(image->height, MAKE_HEIGHT);
    assert_int_equal(image->channels, make_channels(type, extra));
    assert_int_equal(image->bits, bits == 16 ? 16 : 8);
    for (uint32_t y = 0; y < MAKE_HEIGHT; y++)
        for (uint32_t x = 0; x < MAKE_WIDTH; x++)
            for (uint32_t c = 0; c < image->channels; c++) {
                const int have = (int)nenc_sample_get(
                    image->data + y * image->stride, image->bits,
                    x * image->channels + c);
                const int want = (int)make_sample(type, bits, extra, x, y, c);
                if (abs(have - want) > most)
                    fail_msg("type %d, %d bits, extra %x: %d and not %d at "
                             "%u, %u, channel %u", type, bits, extra, have,
                             want, x, y, c);
            }
}

void assert_comes_back(const nenc_image *image, const char *format)
{
    blob file = { NULL, 0, 0 };
    nenc_image again;
    nenc_media_facts facts;
    assert_int_equal(nenc_media_write(nenc_media_by_name(format), image,
                                      blob_write, &file, NULL), 0);
    assert_int_equal(read_some(&again, file.data, file.size, &facts), 0);
    assert_string_equal(facts.note, "");
    assert_int_equal(facts.bits, image->bits);
    assert_int_equal(facts.has_alpha, image->channels % 2 == 0);
    assert_int_equal(facts.has_profile, again.icc.size > 0);
    assert_same(image, &again);
    nenc_image_free(&again);
    free(file.data);
}
