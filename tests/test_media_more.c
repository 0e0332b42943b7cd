/* SPDX-License-Identifier: BSD-2-Clause */
/* WebP and TIFF, where this build reads them.
 * Not here: what holds for all formats (test_media.c). */
#include "test_media_check.h"

#ifdef HAVE_TIFF
#include <tiff.h>
#endif

#if defined HAVE_TIFF || defined HAVE_WEBP
static make_more some_more(unsigned orientation)
{
    return (make_more){ .icc = make_icc("RGB ", 333),
                        .exif = make_exif(orientation, false),
                        .xmp = make_xmp(orientation) };
}
#endif

static void webp(void **state)
{
    (void)state;
#ifdef HAVE_WEBP
    for (int i = 0; i < 4; i++) {
        nenc_image image;
        nenc_media_facts facts;
        const int type = i & 1 ? MAKE_RGBA : MAKE_RGB;
        make_more more = some_more(1);
        blob b = make_webp(type, i & 2 ? &more : NULL);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_string_equal(facts.format, "webp");
        assert_string_equal(facts.note, "");
        assert_int_equal(facts.has_alpha, i & 1);
        assert_samples(&image, type, 8, 0, 0);
        if (i & 2) {
            assert_blob(&image.icc, &more.icc);
            assert_blob(&image.exif, &more.exif);
            assert_blob(&image.xmp, &more.xmp);
        }
        nenc_image_free(&image);
        make_more_free(&more);
        free(b.data);
    }
#else
    assert_refused(blob_copy("RIFF1234WEBPVP8 ", 16), NENC_EUNSUPPORTED,
                   "build with libwebp");
#endif
}

static void webp_turns(void **state)
{
    (void)state;
#ifdef HAVE_WEBP
    nenc_image image;
    nenc_media_facts facts;
    make_more more = some_more(6), upright = some_more(1);
    blob b = make_webp(MAKE_RGB, &more);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_int_equal(facts.orientation, 6);
    assert_int_equal(image.width, MAKE_HEIGHT);
    assert_blob(&image.exif, &upright.exif);
    nenc_image_free(&image);
    make_more_free(&more);
    make_more_free(&upright);
    free(b.data);
#else
    skip();
#endif
}

#ifdef HAVE_TIFF
static void check_tiff(int type, int bits, unsigned extra, int compression,
                       int most)
{
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_tiff(type, bits, extra, compression, 0, NULL);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_string_equal(facts.format, "tiff");
    assert_int_equal(facts.bits, bits);
    assert_int_equal(facts.has_palette, type == MAKE_PALETTE);
    assert_int_equal(facts.has_alpha, image.channels % 2 == 0);
    assert_samples(&image, type, bits, 0, most);
    nenc_image_free(&image);
    free(b.data);
}
#endif

static void tiff_kinds(void **state)
{
    (void)state;
#ifdef HAVE_TIFF
    static const struct { int type, bits; } kinds[] = {
        { MAKE_GRAY, 1 },    { MAKE_GRAY, 2 },        { MAKE_GRAY, 4 },
        { MAKE_GRAY, 8 },    { MAKE_GRAY, 16 },       { MAKE_PALETTE, 1 },
        { MAKE_PALETTE, 4 }, { MAKE_PALETTE, 8 },     { MAKE_RGB, 8 },
        { MAKE_RGB, 16 },    { MAKE_GRAY_ALPHA, 8 },  { MAKE_GRAY_ALPHA, 16 },
        { MAKE_RGBA, 8 },    { MAKE_RGBA, 16 },
    };
    static const int codecs[] = { COMPRESSION_NONE, COMPRESSION_LZW,
                                  COMPRESSION_ADOBE_DEFLATE,
                                  COMPRESSION_PACKBITS };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (size_t k = 0; k < 4; k++)
            for (unsigned extra = 0; extra <= MAKE_PLANES;
                 extra += MAKE_TILES)
                check_tiff(kinds[i].type, kinds[i].bits, extra, codecs[k], 0);
    check_tiff(MAKE_GRAY, 8, MAKE_MIN_IS_WHITE, COMPRESSION_LZW, 0);
    check_tiff(MAKE_GRAY, 1, MAKE_MIN_IS_WHITE, COMPRESSION_CCITTFAX4, 0);
    check_tiff(MAKE_RGB, 8, 0, COMPRESSION_JPEG, 20);
#else
    assert_refused(blob_copy("II*\0\10\0\0\0", 8), NENC_EUNSUPPORTED,
                   "build with libtiff");
#endif
}

static void tiff_facts(void **state)
{
    (void)state;
#ifdef HAVE_TIFF
    nenc_image image;
    nenc_media_facts facts;
    make_more more = some_more(8), upright = some_more(1);
    blob b = make_tiff(MAKE_RGB, 16, MAKE_PAGES, COMPRESSION_LZW, 0, &more);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_non_null(strstr(facts.note, "several pages"));
    assert_int_equal(facts.orientation, 8);
    assert_int_equal(image.width, MAKE_HEIGHT);
    assert_blob(&image.icc, &more.icc);
    assert_blob(&image.xmp, &upright.xmp);
    nenc_image_free(&image);
    free(b.data);
    b = make_tiff(MAKE_RGBA, 16, MAKE_MULTIPLIED, COMPRESSION_LZW, 0, NULL);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_non_null(strstr(facts.note, "alpha"));
    for (size_t i = 0; i < 4 * MAKE_WIDTH; i++) {
        const unsigned v = nenc_sample_get(image.data, 16, i);
        const unsigned want = make_sample(MAKE_RGBA, 16, 0,
                                          (uint32_t)i / 4, 0, i % 4);
        assert_in_range(v + 65536 - want, 65536 - 40, 65536 + 40);
    }
    nenc_image_free(&image);
    make_more_free(&more);
    make_more_free(&upright);
    free(b.data);
#else
    skip();
#endif
}

static void tiff_refusals(void **state)
{
    (void)state;
#ifdef HAVE_TIFF
    assert_refused(make_tiff(MAKE_CMYK, 8, 0, COMPRESSION_LZW, 0, NULL),
                   NENC_EUNSUPPORTED, "CMYK");
    assert_refused(make_tiff(MAKE_RGB, 16, 0, COMPRESSION_NONE,
                             SAMPLEFORMAT_IEEEFP, NULL),
                   NENC_EUNSUPPORTED, "floating point");
    assert_refused(make_tiff(MAKE_RGB, 8, 0, COMPRESSION_NONE,
                             SAMPLEFORMAT_INT, NULL),
                   NENC_EUNSUPPORTED, "signed");
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(webp),
        cmocka_unit_test(webp_turns),
        cmocka_unit_test(tiff_kinds),
        cmocka_unit_test(tiff_facts),
        cmocka_unit_test(tiff_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
