/* SPDX-License-Identifier: BSD-2-Clause */
/* JPEG of the kinds that there are, and what goes along with it.
 * Not here: what holds for all formats (test_media.c). */
#include "test_media_check.h"

#ifdef HAVE_JPEG

static void check(int type, unsigned extra, int most)
{
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_jpeg(type, extra, NULL);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_string_equal(facts.format, "jpeg");
    assert_int_equal(facts.bits, 8);
    assert_false(facts.is_truncated);
    assert_samples(&image, type, 8, 0, most);
    nenc_image_free(&image);
    free(b.data);
}

static void kinds(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        const unsigned extra = (k & 1 ? MAKE_PROGRESSIVE : 0)
                             | (k & 2 ? MAKE_RESTARTS : 0)
                             | (k & 4 ? MAKE_ARITHMETIC : 0);
        check(MAKE_GRAY, extra, 2);
        check(MAKE_RGB, extra, 6);
        check(MAKE_RGB, extra | MAKE_NO_YCC, 3);
        check(MAKE_RGB, extra | MAKE_HALF_WIDTH, 12);
        check(MAKE_RGB, extra | MAKE_HALF_HEIGHT, 12);
        check(MAKE_RGB, extra | MAKE_HALF_WIDTH | MAKE_HALF_HEIGHT, 12);
    }
}

/* --------------------------------------------------------- what goes along */

static void blobs_are_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        nenc_image image;
        nenc_media_facts facts;
        make_more more = { .icc = make_icc("RGB ", i ? 70000 * (size_t)i : 333),
                           .exif = make_exif(1, i & 1), .xmp = make_xmp(1) };
        blob b = make_jpeg(MAKE_RGB, 0, &more);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_true(facts.has_profile);
        assert_string_equal(facts.note, "");
        assert_blob(&image.icc, &more.icc);
        assert_blob(&image.exif, &more.exif);
        assert_blob(&image.xmp, &more.xmp);
        nenc_image_free(&image);
        make_more_free(&more);
        free(b.data);
    }
}

static void broken_profiles_are_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        nenc_image image;
        nenc_media_facts facts;
        make_more more = { .icc = make_icc(i == 1 ? "CMYK" : "RGB ",
                                           i == 2 ? 140 : 140000) };
        if (i == 2)
            more.icc.data[37] = 0;
        blob b = make_jpeg(MAKE_RGB, i ? 0 : MAKE_BAD_ICC, &more);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_true(facts.has_profile);
        assert_non_null(strstr(facts.note, "left out"));
        assert_int_equal(image.icc.size, 0);
        assert_samples(&image, MAKE_RGB, 8, 0, 6);
        nenc_image_free(&image);
        make_more_free(&more);
        free(b.data);
    }
}

/* Each orientation gives the same picture as turning the plain one. */
static void exif_turns_once(void **state)
{
    (void)state;
    for (unsigned o = 1; o <= 8; o++)
        for (int big = 0; big < 2; big++) {
            nenc_image image, want;
            nenc_media_facts facts;
            make_more more = { .exif = make_exif(o, big), .xmp = make_xmp(o) };
            make_more upright = { .exif = make_exif(1, big),
                                  .xmp = make_xmp(1) };
            blob b = make_jpeg(MAKE_RGB, 0, &more);
            blob plain = make_jpeg(MAKE_RGB, 0, &upright);
            assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
            assert_int_equal(read_some(&want, plain.data, plain.size, NULL),
                             0);
            assert_int_equal(facts.orientation, o);
            assert_int_equal(nenc_image_orient(&want, o, NULL), 0);
            assert_same(&image, &want);
            assert_blob(&image.exif, &upright.exif);
            assert_blob(&image.xmp, &upright.xmp);
            nenc_image_free(&image);
            nenc_image_free(&want);
            make_more_free(&more);
            make_more_free(&upright);
            free(b.data);
            free(plain.data);
        }
}

/* -------------------------------------------------------------------- cmyk */

static void cmyk_needs_a_profile(void **state)
{
    (void)state;
    make_more rgb = { .icc = make_icc("RGB ", 300) };
    make_more fake = { .icc = make_icc("CMYK", 300) };
    assert_refused(make_jpeg(MAKE_CMYK, 0, NULL), NENC_EUNSUPPORTED, "CMYK");
    assert_refused(make_jpeg(MAKE_CMYK, 0, &rgb), NENC_EUNSUPPORTED, "CMYK");
    assert_refused(make_jpeg(MAKE_CMYK, MAKE_YCCK, &fake), NENC_EUNSUPPORTED,
                   "CMYK");
    make_more_free(&rgb);
    make_more_free(&fake);
}

static void cmyk_becomes_srgb(void **state)
{
    (void)state;
#ifdef HAVE_LCMS
    static const unsigned kinds[] = { 0, MAKE_YCCK, MAKE_NO_ADOBE };
    make_more more = { .icc = make_cmyk_icc(), .exif = make_exif(1, false) };
    unsigned last[3] = { 0 };
    for (size_t i = 0; i < 3; i++) {
        nenc_image image;
        nenc_media_facts facts;
        blob b = make_jpeg(MAKE_CMYK, kinds[i], &more);
        assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
        assert_int_equal(image.channels, 3);
        assert_non_null(strstr(facts.note, "CMYK"));
        assert_int_equal(image.icc.size, 0);
        assert_blob(&image.exif, &more.exif);
        for (size_t k = 0; k < 3; k++)
            last[i] += image.data[k];    /* of the first pixel */
        nenc_image_free(&image);
        free(b.data);
    }
    /* its inks are 0, 30, 60, 90: much where 0 is full, else little */
    assert_in_range(last[0], 0, 3 * 60);
    assert_in_range(last[1] + 256 - last[0], 246, 266);
    assert_in_range(last[2], 3 * 110, 3 * 180);
    make_more_free(&more);
#else
    print_message("no Little CMS in this build\n");
    skip();
#endif
}

/* ---------------------------------------------------------------- leniency */

static void cut_files_where_asked_for(void **state)
{
    (void)state;
    for (unsigned extra = 0; extra <= MAKE_PROGRESSIVE;
         extra += MAKE_PROGRESSIVE) {
        blob b = make_jpeg(MAKE_RGB, extra, NULL);
        size_t n_read = 0;
        for (size_t n = 0; n < b.size; n++) {
            nenc_image image;
            nenc_media_facts facts;
            nenc_media_source src = { .data = b.data, .size = n,
                                      .max_pixels = NO_LIMIT };
            assert_true(nenc_media_read(&image, &facts, &src, NULL) < 0);
            src.lenient = true;
            if (nenc_media_read(&image, &facts, &src, NULL) < 0)
                continue;
            assert_int_equal(image.height, MAKE_HEIGHT);
            assert_true(facts.is_truncated);
            n_read++;
            nenc_image_free(&image);
        }
        assert_in_range(n_read, 20, b.size);
        free(b.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(blobs_are_kept),
        cmocka_unit_test(broken_profiles_are_left_out),
        cmocka_unit_test(exif_turns_once),
        cmocka_unit_test(cmyk_needs_a_profile),
        cmocka_unit_test(cmyk_becomes_srgb),
        cmocka_unit_test(cut_files_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("no JPEG in this build\n");
    return 77;
}

#endif
