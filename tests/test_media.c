/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files: what is written reads back, what is not read is named, and
 * cut or damaged files fail cleanly, in every format.
 * Not here: each format's own (test_media_*.c), opening files (cli.sh). */
#include "test_media_check.h"

#ifdef HAVE_TIFF
#include <tiff.h>
#endif

static uint32_t rng_state = 1;

static uint8_t noise(void)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint8_t)(rng_state >> 24);
}

/* A picture of smooth colour and a little noise, with room after each row. */
static nenc_image make_image(uint32_t width, uint32_t height, uint32_t channels,
                             uint32_t bits)
{
    nenc_image image = { .width = width, .height = height,
                         .channels = channels, .bits = bits,
                         .stride = (size_t)width * channels * (bits / 8) + 6 };
    image.data = malloc(image.stride * height);
    assert_non_null(image.data);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < image.stride; x++)
            image.data[y * image.stride + x] =
                (uint8_t)(3 * x + 5 * y + noise() % 8);
    return image;
}

/* ------------------------------------------------------------- round trips */

static void round_trips(const char *name, uint32_t channels, uint32_t bits)
{
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 9 }, { 7, 1 },
                                         { 3, 2 }, { 31, 17 }, { 64, 48 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        nenc_image src = make_image(sizes[i][0], sizes[i][1], channels, bits);
        assert_comes_back(&src, name);
        free(src.data);
    }
}

static void all_that_fits_comes_back(void **state)
{
    (void)state;
    for (uint32_t bits = 8; bits <= 16; bits += 8) {
        round_trips("pgm", 1, bits);
        round_trips("ppm", 3, bits);
        for (uint32_t channels = 1; channels <= 4; channels++) {
            round_trips("pnm", channels, bits);
            round_trips("pam", channels, bits);
            if (nenc_media_by_name("png")->write)
                round_trips("png", channels, bits);
        }
    }
}

static void what_is_no_picture_is_not_written(void **state)
{
    (void)state;
    const nenc_media_format *pam = nenc_media_by_name("pam");
    blob file = { NULL, 0, 0 };
    nenc_image good = make_image(4, 4, 3, 16);
    for (int i = 0; i < 6; i++) {
        nenc_image bad = good;
        bad.width = i == 0 ? 0 : bad.width;
        bad.height = i == 1 ? 0 : bad.height;
        bad.channels = i == 2 ? 5 : bad.channels;
        bad.bits = i == 3 ? 12 : bad.bits;
        bad.stride = i == 4 ? 23 : i == 5 ? 22 : bad.stride;
        assert_int_equal(nenc_media_write(pam, &bad, blob_write, &file, NULL),
                         NENC_EINVAL);
    }
    assert_int_equal(nenc_media_write(nenc_media_by_name("jpeg"), &good,
                                      blob_write, &file, NULL),
                     NENC_EUNSUPPORTED);
    assert_int_equal(file.size, 0);
    free(file.data);
    free(good.data);
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
    nenc_image gray = make_image(9, 8, 1, 8);
    blob icc = make_icc("GRAY", 300);
    gray.icc = (nenc_blob){ icc.data, icc.size };
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
    free(icc.data);
    free(gray.data);
}

/* ------------------------------------------------------------------- kinds */

static void foreign_kinds_are_named(void **state)
{
    (void)state;
    static const struct { const char *bytes, *word; } kinds[] = {
        { "GIF89a--------", "GIF" },         { "8BPS", "Photoshop" },
        { "PF\n1 1\n", "PFM" },              { "IIRO", "raw" },
        { "\x89nenc\r\n", "ndec" },          { "1234ftypavif", "AVIF" },
        { "random text", "not a kind" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        blob b = blob_copy(kinds[i].bytes, strlen(kinds[i].bytes));
        assert_refused(b, NENC_EUNSUPPORTED, kinds[i].word);
    }
    assert_int_equal(read_status("", 0), NENC_ETRUNCATED);
#ifndef HAVE_PNG
    assert_int_equal(read_status("\x89PNG\r\n\x1a\n", 8), NENC_EUNSUPPORTED);
#endif
#ifndef HAVE_JPEG
    assert_int_equal(read_status("\xff\xd8\xff\xe0", 4), NENC_EUNSUPPORTED);
#endif
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
        for (uint32_t channels = 1; channels <= 8; channels++) {
            nenc_image image;        /* as bytes: 16 bits are two channels */
            const bool is_wide = channels > 4;
            if (is_wide && channels % 2)
                continue;
            assert_int_equal(nenc_image_alloc(
                &image, 2, 3, is_wide ? channels / 2 : channels,
                is_wide ? 16 : 8), 0);
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

/* ---------------------------------------------------------- hostile files */

enum { MAX_FILES = 16 };

/* Files of each kind that this build reads, all that goes along included. */
static size_t make_files(blob files[MAX_FILES])
{
    static const char ppm[] = "P6\n3 2\n255\n012345678901234567";
    static const char pgm[] = "P2\n3 2\n255\n1 2 3 4 5 6";
    static const char pbm[] = "P4\n9 2\n1234";
    static const char pam[] = "P7\nWIDTH 2\nHEIGHT 2\nDEPTH 2\nMAXVAL 65535\n"
                              "TUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n"
                              "0123456789012345";
    make_more more = { .icc = make_icc("RGB ", 200),
                       .exif = make_exif(6, true), .xmp = make_xmp(6) };
    size_t n = 0;
    files[n++] = blob_copy(ppm, sizeof ppm - 1);
    files[n++] = blob_copy(pgm, sizeof pgm - 1);
    files[n++] = blob_copy(pbm, sizeof pbm - 1);
    files[n++] = blob_copy(pam, sizeof pam - 1);
#ifdef HAVE_PNG
    files[n++] = make_png(MAKE_RGB, 8, 0, MAKE_DEFLATED, &more);
    files[n++] = make_png(MAKE_PALETTE, 4, 1, MAKE_TRNS, NULL);
    files[n++] = make_png(MAKE_RGBA, 16, 0, 0, NULL);
#endif
#ifdef HAVE_JPEG
    files[n++] = make_jpeg(MAKE_RGB, 0, &more);
    files[n++] = make_jpeg(MAKE_GRAY, MAKE_PROGRESSIVE, NULL);
#ifdef HAVE_LCMS
    make_more ink = { .icc = make_cmyk_icc() };
    files[n++] = make_jpeg(MAKE_CMYK, 0, &ink);
    make_more_free(&ink);
#endif
#endif
#ifdef HAVE_WEBP
    files[n++] = make_webp(MAKE_RGB, &more);
    files[n++] = make_webp(MAKE_RGBA, NULL);
#endif
#ifdef HAVE_TIFF
    files[n++] = make_tiff(MAKE_RGB, 8, 0, COMPRESSION_LZW, 0, &more);
    files[n++] = make_tiff(MAKE_GRAY_ALPHA, 16, MAKE_TILES,
                           COMPRESSION_ADOBE_DEFLATE, 0, NULL);
    files[n++] = make_tiff(MAKE_RGB, 8, 0, COMPRESSION_JPEG, 0, NULL);
#endif
    make_more_free(&more);
    return n;
}

/* TIFF's directory may stand behind the samples, and WebP's blobs do: there,
 * a cut file is another file, which may lack nothing of the picture. */
static bool may_be_whole(const blob *file)
{
    return nenc_tiff_probe(file->data, file->size)
        || nenc_webp_probe(file->data, file->size);
}

static void survives_every_truncation(void **state)
{
    (void)state;
    blob files[MAX_FILES];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        for (size_t n = 0; n < files[i].size; n++) {
            blob cut = blob_copy(files[i].data, n);  /* overreads show */
            const nenc_status st = blob_status(cut);
            /* too short to tell its kind, or cut */
            if (st != NENC_ETRUNCATED && st != NENC_EBITSTREAM
                && !(n < 12 && st == NENC_EUNSUPPORTED)
                && !(st >= 0 && may_be_whole(&files[i])))
                fail_msg("file %zu cut to %zu of %zu: %s", i, n,
                         files[i].size, nenc_strerror(st));
        }
        free(files[i].data);
    }
}

static void survives_damage(void **state)
{
    (void)state;
    blob files[MAX_FILES];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        /* the byte and what becomes of it, in steps for longer files */
        const size_t step = files[i].size / 600 * 2 + 1;
        for (size_t n = 0; n < 8 * files[i].size; n += step) {
            blob bad = blob_copy(files[i].data, files[i].size);
            nenc_image image;
            bad.data[n / 8] ^= n % 4 < 3 ? (uint8_t)(1 << (n % 4 * 3)) : 255;
            const nenc_media_source src = { .data = bad.data, .size = bad.size,
                                            .max_pixels = 1 << 16,
                                            .lenient = n & 4 };
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
    blob files[MAX_FILES];
    const size_t n_files = make_files(files);
    for (size_t i = 0; i < n_files; i++) {
        nenc_image image;
        const nenc_media_source src = { .data = files[i].data,
                                        .size = files[i].size,
                                        .max_pixels = 3 };
        assert_int_equal(nenc_media_read(&image, NULL, &src, NULL),
                         NENC_ELIMIT);
        assert_null(image.data);
        free(files[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_fits_comes_back),
        cmocka_unit_test(what_is_no_picture_is_not_written),
        cmocka_unit_test(full_disks_are_noticed),
        cmocka_unit_test(foreign_kinds_are_named),
        cmocka_unit_test(names_and_suffixes),
        cmocka_unit_test(orientations),
        cmocka_unit_test(exif_blocks),
        cmocka_unit_test(survives_every_truncation),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(limit_on_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
