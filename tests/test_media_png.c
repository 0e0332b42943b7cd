/* SPDX-License-Identifier: BSD-2-Clause */
/* PNG of every kind, and what goes along with it: read, written, read again.
 * Not here: what holds for all formats (test_media.c). */
#include "test_media_check.h"

#ifdef HAVE_PNG

static const struct { int type, bits; } kinds[] = {
    { MAKE_GRAY, 1 },       { MAKE_GRAY, 2 },        { MAKE_GRAY, 4 },
    { MAKE_GRAY, 8 },       { MAKE_GRAY, 16 },       { MAKE_RGB, 8 },
    { MAKE_RGB, 16 },       { MAKE_PALETTE, 1 },     { MAKE_PALETTE, 2 },
    { MAKE_PALETTE, 4 },    { MAKE_PALETTE, 8 },     { MAKE_GRAY_ALPHA, 8 },
    { MAKE_GRAY_ALPHA, 16 }, { MAKE_RGBA, 8 },       { MAKE_RGBA, 16 },
};

static make_more some_more(bool is_gray)
{
    return (make_more){ .icc = make_icc(is_gray ? "GRAY" : "RGB ", 40001),
                        .exif = make_exif(1, is_gray), .xmp = make_xmp(1) };
}

/* One file: its samples, facts and blobs, and the way back. */
static void check(int type, int bits, bool is_interlaced, unsigned extra,
                  const make_more *more)
{
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_png(type, bits, is_interlaced, extra, more);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_string_equal(facts.format, "png");
    assert_string_equal(facts.note, "");
    assert_int_equal(facts.bits, bits);
    assert_int_equal(facts.has_palette, type == MAKE_PALETTE);
    assert_int_equal(facts.has_alpha, image.channels % 2 == 0);
    assert_int_equal(facts.has_profile, more->icc.data != NULL);
    assert_samples(&image, type, bits, extra, 0);
    assert_blob(&image.icc, &more->icc);
    assert_blob(&image.exif, &more->exif);
    assert_blob(&image.xmp, &more->xmp);
    assert_comes_back(&image, "png");
    nenc_image_free(&image);
    free(b.data);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (unsigned k = 0; k < 8; k++) {
            const int type = kinds[i].type;
            const bool has_key = (k & 2) && type != MAKE_GRAY_ALPHA
                              && type != MAKE_RGBA;
            make_more more = { .gamma = 0 };
            if (k & 4)
                more = some_more(type == MAKE_GRAY || type == MAKE_GRAY_ALPHA);
            check(type, kinds[i].bits, k & 1,
                  (has_key ? MAKE_TRNS : 0) | (k & 1 ? MAKE_DEFLATED : 0),
                  &more);
            make_more_free(&more);
        }
}

static void animations_are_refused(void **state)
{
    (void)state;
    assert_refused(make_png(MAKE_RGB, 8, 0, MAKE_ACTL, NULL),
                   NENC_EUNSUPPORTED, "animated");
}

/* ------------------------------------------------------------------- colour */

/* The first sample of a gray file, which is `from`. */
static unsigned first_sample(int bits, const make_more *more, char note[160])
{
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_png(MAKE_GRAY_ALPHA, bits, 0, 0, more);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_int_equal(image.bits, bits);
    const unsigned x = 7;
    const unsigned v = nenc_sample_get(image.data, image.bits, 2 * x);
    /* alpha has no gamma */
    assert_int_equal(nenc_sample_get(image.data, image.bits, 2 * x + 1),
                     make_sample(MAKE_GRAY_ALPHA, bits, 0, x, 0, 1));
    memcpy(note, facts.note, sizeof facts.note);
    nenc_image_free(&image);
    free(b.data);
    return v;
}

static void gammas(void **state)
{
    (void)state;
    char note[160];
    const unsigned v8 = make_sample(MAKE_GRAY, 8, 0, 7, 0, 0);
    const unsigned v16 = make_sample(MAKE_GRAY, 16, 0, 7, 0, 0);
    make_more more = { .gamma = 45455 };
    assert_int_equal(first_sample(8, &more, note), v8);
    assert_string_equal(note, "");
    more.gamma = 100000;
    assert_int_equal(v8, 35);
    assert_int_equal(v16, 28693);
    /* by hand: 1.055 (35/255)^(1/2.4) - 0.055 is 0.40690 */
    assert_int_equal(first_sample(8, &more, note), 104);
    assert_non_null(strstr(note, "gamma 1 "));
    /* 28693/65535 is 0.437827, and 0.69282 of sRGB */
    assert_in_range(first_sample(16, &more, note), 45402, 45406);
    /* a profile has the last word */
    more.icc = make_icc("GRAY", 300);
    assert_int_equal(first_sample(8, &more, note), v8);
    assert_string_equal(note, "");
    make_more_free(&more);
}

static void code_points(void **state)
{
    (void)state;
    static const uint8_t srgb[] = { 1, 13, 0, 1 }, linear[] = { 1, 8, 0, 1 },
                         p3[] = { 12, 13, 0, 1 }, pq[] = { 9, 16, 0, 1 },
                         video[] = { 1, 1, 0, 0 };
    char note[160];
    make_more more = { .gamma = 100000, .cicp = srgb };
    assert_int_equal(first_sample(8, &more, note), 35);
    assert_string_equal(note, "");
    more.cicp = linear;
    assert_int_equal(first_sample(8, &more, note), 104);
    more.cicp = p3;
    assert_int_equal(first_sample(8, &more, note), 35);
    assert_non_null(strstr(note, "primaries"));
    more.cicp = pq;
    assert_refused(make_png(MAKE_RGB, 16, 0, 0, &more), NENC_EUNSUPPORTED,
                   "HDR");
    more.cicp = video;
    assert_refused(make_png(MAKE_RGB, 8, 0, 0, &more), NENC_EUNSUPPORTED,
                   "video");
}

/* -------------------------------------------------------------------- blobs */

static void broken_blobs_are_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        nenc_image image;
        nenc_media_facts facts;
        make_more more = { .icc = { NULL, 0, 0 } };
        if (i < 4)
            more.icc = make_icc(i == 3 ? "CMYK" : "RGB ", 300);
        if (i == 1)
            more.icc.data[36] = 'x';
        if (i == 2)
            more.icc.data[2] = 9;        /* longer than it is */
        if (i == 4)
            more.exif = blob_copy("II+\0\0\0\0\0\0\0", 10);
        if (i == 5)                      /* of zeros, which take no room */
            more.icc = make_icc("RGB ", NENC_MEDIA_MAX_BLOB + 1);
        blob b = make_png(MAKE_RGB, 8, 0, i ? 0 : MAKE_BAD_ICC, &more);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_non_null(strstr(facts.note, "left out"));
        assert_int_equal(facts.has_profile, i != 4);
        assert_int_equal(image.icc.size, 0);
        assert_int_equal(image.exif.size, 0);
        assert_comes_back(&image, "png");
        nenc_image_free(&image);
        make_more_free(&more);
        free(b.data);
    }
}

static void exif_turns_once(void **state)
{
    (void)state;
    for (unsigned o = 1; o <= 8; o++) {
        nenc_image image;
        nenc_media_facts facts;
        make_more more = { .exif = make_exif(o, o & 1), .xmp = make_xmp(o) };
        make_more upright = { .exif = make_exif(1, o & 1), .xmp = make_xmp(1) };
        blob b = make_png(MAKE_RGB, 16, 0, 0, &more);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_int_equal(facts.orientation, o);
        assert_int_equal(image.width, o < 5 ? MAKE_WIDTH : MAKE_HEIGHT);
        assert_blob(&image.exif, &upright.exif);
        assert_blob(&image.xmp, &upright.xmp);
        assert_comes_back(&image, "png");        /* and is not turned again */
        nenc_image_free(&image);
        make_more_free(&more);
        make_more_free(&upright);
        free(b.data);
    }
}

/* ---------------------------------------------------------------- leniency */

static void cut_files_where_asked_for(void **state)
{
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        blob b = make_png(MAKE_RGBA, 16, interlaced, 0, NULL);
        size_t n_read = 0;
        for (size_t n = 0; n < b.size; n++) {
            nenc_image image;
            nenc_media_facts facts;
            const nenc_media_source src = { .data = b.data, .size = n,
                                            .max_pixels = NO_LIMIT,
                                            .lenient = true };
            if (nenc_media_read(&image, &facts, &src, NULL) < 0) {
                assert_int_equal(n_read, 0);
                continue;
            }
            assert_int_equal(image.height, MAKE_HEIGHT);
            assert_true(facts.is_truncated);
            n_read++;
            nenc_image_free(&image);
        }
        assert_true(n_read > b.size / 2);
        free(b.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(animations_are_refused),
        cmocka_unit_test(gammas),
        cmocka_unit_test(code_points),
        cmocka_unit_test(broken_blobs_are_left_out),
        cmocka_unit_test(exif_turns_once),
        cmocka_unit_test(cut_files_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("no PNG in this build\n");
    return 77;
}

#endif
