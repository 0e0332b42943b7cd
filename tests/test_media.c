/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files: what is written reads back, odd kinds are expanded or
 * refused with the right status, and cut or damaged files fail cleanly.
 * Not here: opening files (cli.sh). */
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

static uint32_t rng_state = 1;

static uint8_t noise(void)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint8_t)(rng_state >> 24);
}

static nenc_status read_some(nenc_image *image, const uint8_t *data,
                             size_t size, nenc_media_facts *facts)
{
    nenc_diag diag = { NENC_OK, "" };
    const nenc_media_source src = { data, size, NO_LIMIT };
    const nenc_status st = nenc_media_read(image, facts, &src, &diag);
    if (st < 0) {
        assert_int_equal(diag.status, st);
        assert_true(strlen(diag.text) > 8);
        assert_null(image->data);
    }
    return st;
}

static nenc_status read_status(const char *text, size_t size)
{
    nenc_image image;
    const nenc_status st = read_some(&image, (const uint8_t *)text, size, NULL);
    nenc_image_free(&image);
    return st;
}

#define STATUS(text) read_status(text, sizeof(text) - 1)

/* A picture of smooth colour and a little noise, with room after each row. */
static nenc_image make_image(uint32_t width, uint32_t height, uint32_t channels)
{
    nenc_image image = { .width = width, .height = height,
                         .channels = channels, .bits = 8,
                         .stride = (size_t)width * channels + 5 };
    image.data = malloc(image.stride * height);
    assert_non_null(image.data);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < image.stride; x++)
            image.data[y * image.stride + x] =
                (uint8_t)(3 * x + 5 * y + noise() % 8);
    return image;
}

static void assert_same(const nenc_image *a, const nenc_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    for (uint32_t y = 0; y < a->height; y++)
        assert_memory_equal(a->data + y * a->stride, b->data + y * b->stride,
                            (size_t)a->width * a->channels);
}

/* ------------------------------------------------------------- round trips */

static void round_trip(const char *name, uint32_t width, uint32_t height,
                       uint32_t channels)
{
    const nenc_media_format *f = nenc_media_by_name(name);
    nenc_image src = make_image(width, height, channels), dst;
    nenc_media_facts facts;
    blob file = { NULL, 0, 0 };
    assert_int_equal(nenc_media_write(f, &src, blob_write, &file, NULL), 0);
    assert_int_equal(read_some(&dst, file.data, file.size, &facts), 0);
    assert_same(&src, &dst);
    assert_int_equal(facts.orientation, 1);
    assert_false(facts.has_profile);
    nenc_image_free(&dst);
    free(file.data);
    free(src.data);
}

static void all_sizes(const char *name, uint32_t channels)
{
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 9 }, { 7, 1 },
                                         { 3, 2 }, { 31, 17 }, { 64, 48 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        round_trip(name, sizes[i][0], sizes[i][1], channels);
}

static void pnm_comes_back(void **state)
{
    (void)state;
    all_sizes("pgm", 1);
    all_sizes("ppm", 3);
    all_sizes("pnm", 1);
    all_sizes("pnm", 3);
}

static void png_comes_back(void **state)
{
    (void)state;
    if (!nenc_media_by_name("png")->write) {
        print_message("no PNG in this build\n");
        skip();
    }
    all_sizes("png", 1);
    all_sizes("png", 3);
}

static void gray_to_ppm_is_tripled(void **state)
{
    (void)state;
    uint8_t samples[] = { 1, 200 };
    const nenc_image gray = { .width = 2, .height = 1, .channels = 1,
                              .bits = 8, .stride = 2, .data = samples };
    blob file = { NULL, 0, 0 };
    assert_int_equal(nenc_ppm_write(&gray, blob_write, &file, NULL), 0);
    assert_int_equal(file.size, 17);
    assert_memory_equal(file.data, "P6\n2 1\n255\n\1\1\1\310\310\310", 17);
    free(file.data);
}

static void colour_to_pgm_is_refused(void **state)
{
    (void)state;
    nenc_image rgb = make_image(2, 2, 3);
    blob file = { NULL, 0, 0 };
    assert_int_equal(nenc_pgm_write(&rgb, blob_write, &file, NULL),
                     NENC_EINVAL);
    assert_int_equal(file.size, 0);
    free(file.data);
    free(rgb.data);
}

/* A disk that is full after some bytes. */
static int write_some(void *user, const void *data, size_t size)
{
    size_t *left = user;
    (void)data;
    if (size > *left)
        return -1;
    *left -= size;
    return 0;
}

static void full_disks_are_noticed(void **state)
{
    (void)state;
    const nenc_media_format *f;
    nenc_image gray = make_image(9, 8, 1);
    for (size_t i = 0; (f = nenc_media_at(i)); i++) {
        blob file = { NULL, 0, 0 };
        if (!f->write)
            continue;
        assert_int_equal(f->write(&gray, blob_write, &file, NULL), 0);
        for (size_t n = 0; n < file.size; n++) {
            size_t left = n;
            assert_int_equal(f->write(&gray, write_some, &left, NULL),
                             NENC_EIO);
        }
        free(file.data);
    }
    free(gray.data);
}

/* --------------------------------------------------------------------- pnm */

static void pnm_texts(void **state)
{
    (void)state;
    static const char text[] = "P3 # a comment\n#another\n2\t1 # 9\n15\n"
                               "0 15 1  7 8 # last\n 14\n";
    static const uint8_t want[] = { 0, 255, 17, 119, 136, 238 };
    nenc_image image;
    assert_int_equal(read_some(&image, (const uint8_t *)text, sizeof text - 1,
                               NULL), 0);
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.data, want, 6);
    nenc_image_free(&image);

    static const char binary[] = "P5\n#c\n3 1 2\n\0\1\2";
    static const uint8_t want5[] = { 0, 128, 255 };
    assert_int_equal(read_some(&image, (const uint8_t *)binary,
                               sizeof binary - 1, NULL), 0);
    assert_int_equal(image.channels, 1);
    assert_memory_equal(image.data, want5, 3);
    nenc_image_free(&image);
}

static void pnm_refusals(void **state)
{
    (void)state;
    assert_int_equal(STATUS("P5 1 1 65535\n\0\0"), NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P5 1 1 65536\n\0\0"), NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P5 99999999999999999999 1 255\n"),
                     NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P5 0 1 255\n"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 0\n\0"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 -1 1 255\n\0"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 255x"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 7\n\10"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P2 1 1 7\n8"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P2 2 1 7\n1 #"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P6 16777216 16777216 255\n\1\2\3"),
                     NENC_ETRUNCATED);
    assert_int_equal(STATUS("P5 1 1 255\nxP5 1 1 255\nx"), NENC_EUNSUPPORTED);
}

static void foreign_kinds_are_named(void **state)
{
    (void)state;
    static const struct { const char *bytes, *word; } kinds[] = {
        { "GIF89a--------", "GIF" },         { "P4\n1 1\n", "PBM" },
        { "P7\nWIDTH 1\n", "PAM" },          { "RIFF1234WEBPVP8 ", "WebP" },
        { "\x89nenc\r\n", "ndec" },          { "1234ftypavif", "AVIF" },
        { "random text", "not a kind" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        nenc_image image;
        nenc_diag diag;
        const nenc_media_source src = { (const uint8_t *)kinds[i].bytes,
                                        strlen(kinds[i].bytes), NO_LIMIT };
        assert_int_equal(nenc_media_read(&image, NULL, &src, &diag),
                         NENC_EUNSUPPORTED);
        if (!strstr(diag.text, kinds[i].word))
            fail_msg("%s: %s", kinds[i].word, diag.text);
    }
    assert_int_equal(STATUS(""), NENC_ETRUNCATED);
}

static void names_and_suffixes(void **state)
{
    (void)state;
    assert_string_equal(nenc_media_by_suffix("a/b.c/d.PnG")->name, "png");
    assert_string_equal(nenc_media_by_suffix("x.jpeg")->name, "jpeg");
    assert_string_equal(nenc_media_by_suffix(".ppm")->name, "ppm");
    assert_null(nenc_media_by_suffix("x.pn"));
    assert_null(nenc_media_by_suffix("x.pngg"));
    assert_null(nenc_media_by_suffix("a.png/x"));
    assert_null(nenc_media_by_suffix("png"));
    assert_null(nenc_media_by_suffix("x."));
    assert_null(nenc_media_by_name(""));
}

/* ------------------------------------------------------------- orientation */

static void orientations(void **state)
{
    (void)state;
    /* 1 2      each orientation's rows, one after the other
     * 3 4
     * 5 6 */
    static const uint8_t want[9][6] = {
        { 0 },
        { 1, 2, 3, 4, 5, 6 }, { 2, 1, 4, 3, 6, 5 }, { 6, 5, 4, 3, 2, 1 },
        { 5, 6, 3, 4, 1, 2 }, { 1, 3, 5, 2, 4, 6 }, { 5, 3, 1, 6, 4, 2 },
        { 6, 4, 2, 5, 3, 1 }, { 2, 4, 6, 1, 3, 5 },
    };
    for (unsigned o = 1; o <= 8; o++)
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
            nenc_image image;
            assert_int_equal(nenc_image_alloc(&image, 2, 3, channels, 8), 0);
            for (size_t i = 0; i < 6 * channels; i++)
                image.data[i] = (uint8_t)(i / channels + 1);
            assert_int_equal(nenc_image_orient(&image, o, NULL), 0);
            assert_int_equal(image.width, o < 5 ? 2 : 3);
            assert_int_equal(image.height, o < 5 ? 3 : 2);
            for (size_t i = 0; i < 6 * channels; i++)
                assert_int_equal(image.data[i], want[o][i / channels]);
            nenc_image_free(&image);
        }
}

static void exif_blocks(void **state)
{
    (void)state;
    static const uint8_t little[] = "II*\0\10\0\0\0\2\0"
        "\0\1\3\0\1\0\0\0\7\0\0\0" "\22\1\3\0\1\0\0\0\6\0\0\0";
    static const uint8_t big[] = "MM\0*\0\0\0\12\0\0\0\1"
        "\1\22\0\3\0\0\0\1\0\10\0\0";
    assert_int_equal(nenc_exif_orientation(little, sizeof little - 1), 6);
    assert_int_equal(nenc_exif_orientation(big, sizeof big - 1), 8);
    for (size_t n = 0; n < sizeof little - 1; n++) {
        uint8_t *cut = malloc(n + !n);
        assert_non_null(cut);
        memcpy(cut, little, n);
        assert_int_equal(nenc_exif_orientation(cut, n), 1);
        free(cut);
    }
}

/* --------------------------------------------------------------------- png */

static void png_kinds_expand(void **state)
{
    (void)state;
#ifdef HAVE_PNG
    static const struct { int type, bits; uint32_t channels; } kinds[] = {
        { MAKE_GRAY, 1, 1 }, { MAKE_GRAY, 2, 1 }, { MAKE_GRAY, 4, 1 },
        { MAKE_GRAY, 8, 1 }, { MAKE_RGB, 8, 3 }, { MAKE_PALETTE, 2, 3 },
        { MAKE_PALETTE, 8, 3 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            nenc_image image;
            nenc_media_facts facts;
            blob b = make_png(kinds[i].type, kinds[i].bits, interlaced, 0);
            assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
            assert_string_equal(facts.format, "png");
            assert_int_equal(image.width, MAKE_WIDTH);
            assert_int_equal(image.height, MAKE_HEIGHT);
            assert_int_equal(image.channels, kinds[i].channels);
            for (uint32_t y = 0; y < MAKE_HEIGHT; y++)
                for (uint32_t x = 0; x < MAKE_WIDTH; x++)
                    for (uint32_t c = 0; c < image.channels; c++)
                        assert_int_equal(
                            image.data[y * image.stride
                                       + x * image.channels + c],
                            make_sample(kinds[i].type, kinds[i].bits, x, y,
                                        c));
            nenc_image_free(&image);
            free(b.data);
        }
#else
    print_message("no PNG in this build\n");
    skip();
#endif
}

#ifdef HAVE_PNG
static nenc_status png_status(int type, int bits, unsigned extra)
{
    blob b = make_png(type, bits, 0, extra);
    const nenc_status st = read_status((const char *)b.data, b.size);
    free(b.data);
    return st;
}
#endif

static void png_refusals(void **state)
{
    (void)state;
#ifdef HAVE_PNG
    assert_int_equal(png_status(MAKE_RGB, 16, 0), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_GRAY, 16, 0), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_RGBA, 8, 0), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_GRAY_ALPHA, 8, 0), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_PALETTE, 8, MAKE_TRNS),
                     NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_GRAY, 8, MAKE_TRNS), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_RGB, 8, MAKE_ACTL), NENC_EUNSUPPORTED);
    assert_int_equal(png_status(MAKE_RGB, 8, 0), NENC_OK);
#else
    assert_int_equal(STATUS("\x89PNG\r\n\x1a\n"), NENC_EUNSUPPORTED);
#endif
}

static void png_facts(void **state)
{
    (void)state;
#ifdef HAVE_PNG
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_png(MAKE_GRAY, 8, 0, MAKE_EXIF | MAKE_ICC);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_true(facts.has_profile);
    assert_int_equal(facts.orientation, 6);
    assert_int_equal(image.width, MAKE_HEIGHT);
    assert_int_equal(image.data[0],
                     make_sample(MAKE_GRAY, 8, 0, MAKE_HEIGHT - 1, 0));
    nenc_image_free(&image);
    free(b.data);
#else
    print_message("no PNG in this build\n");
    skip();
#endif
}

/* -------------------------------------------------------------------- jpeg */

#ifdef HAVE_JPEG
static void check_jpeg(int type, unsigned extra, uint32_t channels)
{
    nenc_image image;
    blob b = make_jpeg(type, extra);
    assert_int_equal(read_some(&image, b.data, b.size, NULL), 0);
    assert_int_equal(image.width, MAKE_WIDTH);
    assert_int_equal(image.height, MAKE_HEIGHT);
    assert_int_equal(image.channels, channels);
    for (uint32_t y = 0; y < MAKE_HEIGHT; y++)
        for (uint32_t x = 0; x < MAKE_WIDTH; x++)
            for (uint32_t c = 0; c < channels; c++)
                assert_in_range(
                    image.data[y * image.stride + x * channels + c] + 256
                        - make_sample(type, 8, x, y, c), 256 - 6, 256 + 6);
    nenc_image_free(&image);
    free(b.data);
}
#endif

static void jpeg_kinds(void **state)
{
    (void)state;
#ifdef HAVE_JPEG
    check_jpeg(MAKE_GRAY, 0, 1);
    check_jpeg(MAKE_RGB, 0, 3);
    check_jpeg(MAKE_RGB, MAKE_PROGRESSIVE, 3);
    blob b = make_jpeg(MAKE_CMYK, 0);
    assert_int_equal(read_status((const char *)b.data, b.size),
                     NENC_EUNSUPPORTED);
    free(b.data);
#else
    assert_int_equal(STATUS("\xff\xd8\xff\xe0"), NENC_EUNSUPPORTED);
#endif
}

static void jpeg_facts(void **state)
{
    (void)state;
#ifdef HAVE_JPEG
    nenc_image image;
    nenc_media_facts facts;
    blob b = make_jpeg(MAKE_GRAY, MAKE_EXIF | MAKE_ICC);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), 0);
    assert_true(facts.has_profile);
    assert_int_equal(facts.orientation, 6);
    assert_int_equal(image.width, MAKE_HEIGHT);
    assert_int_equal(image.height, MAKE_WIDTH);
    assert_in_range(image.data[0] + 256
                        - make_sample(MAKE_GRAY, 8, 0, MAKE_HEIGHT - 1, 0),
                    250, 262);
    nenc_image_free(&image);
    free(b.data);
#else
    print_message("no JPEG in this build\n");
    skip();
#endif
}

/* ---------------------------------------------------------- hostile files */

/* One file of each kind that this build reads. */
static size_t make_files(blob files[8])
{
    static const char ppm[] = "P6\n3 2\n255\n012345678901234567";
    static const char pgm[] = "P2\n3 2\n255\n1 2 3 4 5 6";
    size_t n = 0;
    files[n++] = blob_copy(ppm, sizeof ppm - 1);
    files[n++] = blob_copy(pgm, sizeof pgm - 1);
#ifdef HAVE_PNG
    files[n++] = make_png(MAKE_RGB, 8, 0, MAKE_EXIF);
    files[n++] = make_png(MAKE_PALETTE, 4, 1, 0);
#endif
#ifdef HAVE_JPEG
    files[n++] = make_jpeg(MAKE_RGB, MAKE_EXIF);
    files[n++] = make_jpeg(MAKE_GRAY, MAKE_PROGRESSIVE);
#endif
    return n;
}

static void survives_every_truncation(void **state)
{
    (void)state;
    blob files[8];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        for (size_t n = 0; n < files[i].size; n++) {
            blob cut = blob_copy(files[i].data, n);  /* overreads show */
            const nenc_status st = read_status((const char *)cut.data, n);
            free(cut.data);
            /* too short to tell its kind, or cut */
            if (st != NENC_ETRUNCATED && st != NENC_EBITSTREAM
                && !(n < 8 && st == NENC_EUNSUPPORTED))
                fail_msg("file %zu cut to %zu of %zu: %s", i, n,
                         files[i].size, nenc_strerror(st));
        }
        free(files[i].data);
    }
}

static void survives_damage(void **state)
{
    (void)state;
    blob files[8];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        for (size_t n = 0; n < 4 * files[i].size; n++) {
            blob bad = blob_copy(files[i].data, files[i].size);
            nenc_image image;
            bad.data[n / 4] ^= n % 4 < 3 ? (uint8_t)(1 << (n % 4 * 3)) : 255;
            const nenc_media_source src = { bad.data, bad.size, 1 << 16 };
            if (nenc_media_read(&image, NULL, &src, NULL) < 0)
                assert_null(image.data);
            nenc_image_free(&image);
            free(bad.data);
        }
        free(files[i].data);
    }
}

static void limit_on_pixels(void **state)
{
    (void)state;
    blob files[8];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        nenc_image image;
        const nenc_media_source src = { files[i].data, files[i].size, 5 };
        assert_int_equal(nenc_media_read(&image, NULL, &src, NULL),
                         NENC_ELIMIT);
        assert_null(image.data);
        free(files[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pnm_comes_back),
        cmocka_unit_test(png_comes_back),
        cmocka_unit_test(gray_to_ppm_is_tripled),
        cmocka_unit_test(colour_to_pgm_is_refused),
        cmocka_unit_test(full_disks_are_noticed),
        cmocka_unit_test(pnm_texts),
        cmocka_unit_test(pnm_refusals),
        cmocka_unit_test(foreign_kinds_are_named),
        cmocka_unit_test(names_and_suffixes),
        cmocka_unit_test(orientations),
        cmocka_unit_test(exif_blocks),
        cmocka_unit_test(png_kinds_expand),
        cmocka_unit_test(png_refusals),
        cmocka_unit_test(png_facts),
        cmocka_unit_test(jpeg_kinds),
        cmocka_unit_test(jpeg_facts),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(limit_on_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
