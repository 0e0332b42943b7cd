/* SPDX-License-Identifier: BSD-2-Clause */
/* PBM, PGM, PPM and PAM: every depth, texts, what is refused.
 * Not here: what holds for all formats (test_media.c). */
#include "test_media_check.h"

#define STATUS(text) read_status(text, sizeof(text) - 1)

/* Reading `text` gives these samples, of 8 or 16 bits. */
static void check(const char *text, size_t size, uint32_t channels,
                  unsigned file_bits, const unsigned *want, size_t n)
{
    nenc_image image;
    nenc_media_facts facts;
    assert_int_equal(read_some(&image, (const uint8_t *)text, size, &facts),
                     0);
    assert_int_equal(image.channels, channels);
    assert_int_equal(facts.bits, file_bits);
    assert_int_equal(image.bits, file_bits > 8 ? 16 : 8);
    assert_int_equal(facts.has_alpha, channels % 2 == 0);
    assert_int_equal(image.width * image.height * channels, n);
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)image.width * channels;
        assert_int_equal(nenc_sample_get(image.data + i / row * image.stride,
                                         image.bits, i % row), want[i]);
    }
    nenc_image_free(&image);
}

#define CHECK(text, channels, bits, ...) \
    do { \
        static const unsigned want_[] = { __VA_ARGS__ }; \
        check(text, sizeof(text) - 1, channels, bits, want_, \
              sizeof want_ / sizeof want_[0]); \
    } while (0)

static void texts(void **state)
{
    (void)state;
    CHECK("P3 # a comment\n#another\n2\t1 # 9\n15\n0 15 1  7 8 # last\n 14\n",
          3, 4, 0, 255, 17, 119, 136, 238);
    CHECK("P2 2 1 1000 0 1000", 1, 10, 0, 65535);
    CHECK("P2 3 1 65535 0 32768 65535", 1, 16, 0, 32768, 65535);
    CHECK("P1\n3 2\n101 # x\n0 1 1", 1, 1, 0, 255, 0, 255, 0, 0);
}

static void binaries(void **state)
{
    (void)state;
    CHECK("P5\n#c\n3 1 2\n\0\1\2", 1, 2, 0, 128, 255);
    CHECK("P5 2 1 65535\n\1\2\xff\xfe", 1, 16, 0x102, 0xfffe);
    CHECK("P5 2 1 256\n\0\1\1\0", 1, 9, 256, 65535);
    CHECK("P6 1 1 4095\n\0\0\x0f\xff\x07\xff", 3, 12, 0, 65535, 32759);
    CHECK("P4\n9 2\n\x80\x80\x00\x00", 1, 1,
          0, 255, 255, 255, 255, 255, 255, 255, 0,
          255, 255, 255, 255, 255, 255, 255, 255, 255);
}

static void pams(void **state)
{
    (void)state;
    CHECK("P7\nWIDTH 2\n# x\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\n"
          "TUPLTYPE BLACKANDWHITE\nENDHDR\n\0\1", 1, 1, 0, 255);
    CHECK("P7\nMAXVAL 255\nDEPTH 2\nWIDTH 1\nHEIGHT 2\nENDHDR\n1234", 2, 8,
          '1', '2', '3', '4');
    CHECK("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 65535\n"
          "TUPLTYPE RGB_ALPHA\nENDHDR\n12345678", 4, 16,
          0x3132, 0x3334, 0x3536, 0x3738);
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(STATUS("P5 1 1 65536\n\0\0"), NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P5 99999999999999999999 1 255\n"),
                     NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P5 0 1 255\n"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 0\n\0"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 -1 1 255\n\0"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 255x"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 7\n\10"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P5 1 1 300\n\1\55"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P2 1 1 7\n8"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P1 1 1 2"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P2 2 1 7\n1 #"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P1 2 1 1"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P4 9 1\n1"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P5 1 1 65535\n\0"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P6 16777216 16777216 255\n\1\2\3"),
                     NENC_ETRUNCATED);
    assert_int_equal(STATUS("P5 1 1 255\nxP5 1 1 255\nx"), NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P7\nENDHDR\n"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P7\nWIDTH 1\n"), NENC_ETRUNCATED);
    assert_int_equal(STATUS("P7\nWIDTH x\nENDHDR\n"), NENC_EBITSTREAM);
    assert_int_equal(STATUS("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 1\n"
                            "ENDHDR\n12345"), NENC_EUNSUPPORTED);
    assert_int_equal(STATUS("P7\nTUPLTYPE CMYK\nENDHDR\n"), NENC_EUNSUPPORTED);
}

static void gray_to_ppm_is_tripled(void **state)
{
    (void)state;
    uint8_t samples[] = { 1, 200 };
    nenc_image gray = { .width = 2, .height = 1, .channels = 1, .bits = 8,
                        .stride = 2, .data = samples };
    blob file = { NULL, 0, 0 };
    assert_int_equal(nenc_ppm_write(&gray, blob_write, &file, NULL), 0);
    assert_int_equal(file.size, 17);
    assert_memory_equal(file.data, "P6\n2 1\n255\n\1\1\1\310\310\310", 17);
    free(file.data);
    const uint16_t wide = 0x102;
    memcpy(samples, &wide, 2);
    gray.width = 1;
    gray.bits = 16;
    file = (blob){ NULL, 0, 0 };
    assert_int_equal(nenc_ppm_write(&gray, blob_write, &file, NULL), 0);
    assert_int_equal(file.size, 19);
    assert_memory_equal(file.data, "P6\n1 1\n65535\n\1\2\1\2\1\2", 19);
    free(file.data);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    nenc_image image;
    blob file = { NULL, 0, 0 };
    for (uint32_t channels = 2; channels <= 4; channels++) {
        assert_int_equal(nenc_image_alloc(&image, 2, 2, channels, 8), 0);
        assert_int_equal(nenc_pgm_write(&image, blob_write, &file, NULL),
                         NENC_EINVAL);
        if (channels != 3)
            assert_int_equal(nenc_ppm_write(&image, blob_write, &file, NULL),
                             NENC_EINVAL);
        nenc_image_free(&image);
    }
    assert_int_equal(file.size, 0);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(binaries),
        cmocka_unit_test(pams),
        cmocka_unit_test(refusals),
        cmocka_unit_test(gray_to_ppm_is_tripled),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
