/* SPDX-License-Identifier: BSD-2-Clause */
/* The container: signature, chunks, HEAD, unit grids, and the order of chunks
 * that the decoder wants.  Not here: what units hold (test_hyperprior.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container.h"
#include "toy_model.h"

static nenc_diag diag;

static const nenc_head small_head = {
    .version = 1, .codec = NENC_TAG('H', 'Y', 'P', '1'),
    .model_id = 0x0123456789abcdefu, .media = NENC_IMAGE, .width = 300,
    .height = 5, .channels = 3, .bits = 8, .unit_width = 300,
    .unit_height = 5, .quality = 77,
};

/* ------------------------------------------------------------------ chunks */

static void chunks_come_back(void **state)
{
    static const size_t sizes[] = { 0, 1, 127, 128, 129, 16383, 16384,
                                    (1 << 20) - 1, (1 << 20) + 1 };
    uint32_t random = 5;
    uint8_t *data = malloc(2 << 20);
    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < 2 << 20; i++)
        data[i] = (uint8_t)(toy_random(&random) >> 13);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        nenc_buffer b, payload;
        uint32_t type;
        nenc_buffer_init(&b, 4 << 20);
        nenc_writer w = { toy_append, &b };
        assert_int_equal(nenc_write_chunk(&w, NENC_TAG('a', 'B', 'c', 'Z'),
                                          data, sizes[s], &diag), NENC_OK);
        toy_input in = { b.data, b.size, 0, 1000 };
        nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 2 << 20 };
        assert_int_equal(nenc_read_chunk(&r, &type, &payload, &diag),
                         NENC_OK);
        assert_int_equal(type, NENC_TAG('a', 'B', 'c', 'Z'));
        assert_int_equal(payload.size, sizes[s]);
        assert_int_equal(r.at, b.size);
        if (sizes[s])
            assert_memory_equal(payload.data, data, sizes[s]);
        nenc_buffer_free(&payload);
        if (sizes[s]) {
            in.at = 0;
            r.max_chunk = sizes[s] - 1;
            assert_int_equal(nenc_read_chunk(&r, &type, &payload, &diag),
                             NENC_ELIMIT);
            nenc_buffer_free(&payload);
        }
        nenc_buffer_free(&b);
    }
    free(data);
}

static nenc_status read_bytes(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + !size);
    nenc_buffer payload;
    uint32_t type;
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    toy_input in = { copy, size, 0, 3 };
    nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 1 << 20 };
    const nenc_status st = nenc_read_chunk(&r, &type, &payload, &diag);
    nenc_buffer_free(&payload);
    free(copy);
    return st;
}

static void damaged_chunks_are_refused(void **state)
{
    nenc_buffer b;
    (void)state;
    nenc_buffer_init(&b, 1 << 10);
    nenc_writer w = { toy_append, &b };
    assert_int_equal(nenc_write_chunk(&w, NENC_CHUNK_UNIT, "hello", 5, &diag),
                     NENC_OK);
    assert_int_equal(b.size, 4 + 1 + 5 + 4);
    assert_int_equal(read_bytes(b.data, b.size), NENC_OK);
    for (size_t n = 0; n < b.size; n++)
        assert_int_equal(read_bytes(b.data, n), NENC_ETRUNCATED);
    for (size_t i = 0; i < b.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.data[i] ^= (uint8_t)(1 << bit);
            assert_true(read_bytes(b.data, b.size) < 0);
            b.data[i] ^= (uint8_t)(1 << bit);
        }
    nenc_buffer_free(&b);
}

/* Lengths with padding, too long, or of more than there is. */
static void odd_lengths_are_refused(void **state)
{
    static const struct { uint8_t bytes[12]; size_t n; nenc_status want; }
    cases[] = {
        { { 0x80, 0x00 }, 2, NENC_EBITSTREAM },
        { { 0x81, 0x80, 0x00 }, 3, NENC_EBITSTREAM },
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, 10,
          NENC_EBITSTREAM },
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f }, 9,
          NENC_ELIMIT },
        { { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
            0x01 }, 12, NENC_EBITSTREAM },
        { { 0xff, 0xff, 0x3f }, 3, NENC_ETRUNCATED },
        { { 0x81, 0x80, 0x40 }, 3, NENC_ELIMIT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[32] = { 'U', 'N', 'I', 'T' };
        memcpy(bytes + 4, cases[i].bytes, cases[i].n);
        nenc_bytes_put_u32(bytes + 4 + cases[i].n,
                           nenc_crc32c(0, bytes, 4));
        assert_int_equal(read_bytes(bytes, 8 + cases[i].n), cases[i].want);
    }
}

static void signatures_are_checked(void **state)
{
    static const struct { const char *bytes; size_t n; nenc_status want;
                          const char *word; } cases[] = {
        { "\x93nenc\r\n\x1a", 8, NENC_OK, "" },
        { "\x93nenc\n\x1aHE", 9, NENC_EBITSTREAM, "text-mode" },
        { "\x93nenc\r\r\n\x1a", 9, NENC_EBITSTREAM, "text-mode" },
        { "\x13nenc\r\n\x1a", 8, NENC_EBITSTREAM, "not a .nenc" },
        { "\x89PNG\r\n\x1a\n", 8, NENC_EBITSTREAM, "not a .nenc" },
        { "\x93nend\r\n\x1a", 8, NENC_EBITSTREAM, "not a .nenc" },
        { "x", 1, NENC_EBITSTREAM, "not a .nenc" },
        { "", 0, NENC_ETRUNCATED, "byte 0" },
        { "\x93nenc\r\n", 7, NENC_ETRUNCATED, "byte 7" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        toy_input in = { (const uint8_t *)cases[i].bytes, cases[i].n, 0, 2 };
        nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 100 };
        assert_int_equal(nenc_read_signature(&r, &diag), cases[i].want);
        if (cases[i].want < 0)
            assert_non_null(strstr(diag.text, cases[i].word));
    }
}

static void optional_chunks_are_known(void **state)
{
    (void)state;
    assert_true(nenc_chunk_is_optional(NENC_TAG('a', 'B', 'C', 'D')));
    assert_true(nenc_chunk_is_optional(NENC_TAG('z', 'z', 'z', 'z')));
    assert_true(nenc_chunk_is_optional(NENC_TAG('M', 'E', 'T', 'A')));
    assert_true(nenc_chunk_is_optional(NENC_TAG('I', 'N', 'D', 'X')));
    assert_false(nenc_chunk_is_optional(NENC_TAG('A', 'b', 'c', 'd')));
    assert_false(nenc_chunk_is_optional(NENC_CHUNK_HEAD));
    assert_false(nenc_chunk_is_optional(NENC_CHUNK_UNIT));
    assert_false(nenc_chunk_is_optional(NENC_CHUNK_DONE));
}

/* -------------------------------------------------------------------- HEAD */

/* HEAD's payload. */
static nenc_buffer head_bytes(const nenc_head *h)
{
    nenc_buffer b, payload;
    uint32_t type;
    nenc_buffer_init(&b, 1 << 10);
    nenc_writer w = { toy_append, &b };
    assert_int_equal(nenc_write_head(&w, h, &diag), NENC_OK);
    toy_input in = { b.data, b.size, 0, 100 };
    nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 1 << 10 };
    assert_int_equal(nenc_read_chunk(&r, &type, &payload, &diag), NENC_OK);
    assert_int_equal(type, NENC_CHUNK_HEAD);
    nenc_buffer_free(&b);
    return payload;
}

static nenc_status parse(nenc_head *h, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + !size);
    nenc_bytes b;
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    nenc_bytes_init(&b, copy, size);
    const nenc_status st = nenc_head_parse(h, &b, &diag);
    free(copy);
    return st;
}

static void heads_come_back(void **state)
{
    static const struct { uint32_t w, h, unit_w, unit_h; } dims[] = {
        { 1, 1, 1, 1 }, { 300, 5, 300, 5 }, { 300, 5, 128, 5 },
        { 1 << 24, 1 << 24, 1 << 12, 1 << 12 }, { 127, 128, 127, 64 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        nenc_head h = small_head, back;
        h.width = dims[i].w;
        h.height = dims[i].h;
        h.unit_width = dims[i].unit_w;
        h.unit_height = dims[i].unit_h;
        h.quality = (int)(i * 25);
        h.channels = i & 1 ? 1 : 3;
        nenc_buffer b = head_bytes(&h);
        assert_int_equal(parse(&back, b.data, b.size), NENC_OK);
        assert_int_equal(back.version, 1);
        assert_int_equal(back.codec, h.codec);
        assert_true(back.model_id == h.model_id);
        assert_int_equal(back.width, h.width);
        assert_int_equal(back.height, h.height);
        assert_int_equal(back.channels, h.channels);
        assert_int_equal(back.bits, 8);
        assert_int_equal(back.unit_width, h.unit_width);
        assert_int_equal(back.unit_height, h.unit_height);
        assert_int_equal(back.quality, h.quality);
        for (size_t n = 0; n < b.size; n++)
            assert_int_equal(parse(&back, b.data, n), NENC_ETRUNCATED);
        nenc_buffer_free(&b);
    }
}

static void wrong_heads_are_refused(void **state)
{
    static const struct { const char *what; size_t at; uint8_t value;
                          nenc_status want; } cases[] = {
        { "version 2", 0, 2, NENC_EUNSUPPORTED },
        { "version 0", 0, 0, NENC_EUNSUPPORTED },
        { "media 2", 13, 2, NENC_EUNSUPPORTED },
        { "height 0", 16, 0, NENC_EBITSTREAM },
        { "5 channels", 17, 5, NENC_EUNSUPPORTED },
        { "10 bits", 18, 10, NENC_EUNSUPPORTED },
        { "colour 1", 19, 1, NENC_EUNSUPPORTED },
        { "quality 101", 20, 101, NENC_EBITSTREAM },
        { "one dim of a unit", 21, 9, NENC_EBITSTREAM },
        { "the other one", 22, 3, NENC_EBITSTREAM },
    };
    nenc_head back, h = small_head;
    nenc_buffer b = head_bytes(&h);
    (void)state;
    assert_int_equal(b.size, 23);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t old = b.data[cases[i].at];
        b.data[cases[i].at] = cases[i].value;
        if (parse(&back, b.data, b.size) != cases[i].want)
            fail_msg("%s: %s", cases[i].what, diag.text);
        b.data[cases[i].at] = old;
    }
    nenc_buffer_free(&b);
    const struct { uint32_t w, h, unit_w, unit_h; } dims[] = {
        { (1 << 24) + 1, 1, 1, 1 }, { 1, (1 << 24) + 1, 1, 1 },
        { 5, 5, 6, 5 }, { 5, 5, 5, 6 }, { 1 << 13, 1 << 12, 1, 1 },
        { UINT32_MAX, UINT32_MAX, 1, 1 },
    };
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        h.width = dims[i].w;
        h.height = dims[i].h;
        h.unit_width = dims[i].unit_w;
        h.unit_height = dims[i].unit_h;
        b = head_bytes(&h);
        assert_int_equal(parse(&back, b.data, b.size), NENC_EBITSTREAM);
        nenc_buffer_free(&b);
    }
}

/* ---------------------------------------------------------- order of chunks */

enum { HEAD, UNIT, UNIT1, DONE, DONE_FULL, META, SMALL, CRITICAL, N_PARTS };

typedef struct parts { nenc_buffer part[N_PARTS]; } parts;

static void put_chunk(nenc_buffer *b, uint32_t type, const void *data,
                      size_t size)
{
    nenc_writer w = { toy_append, b };
    nenc_buffer_init(b, 1 << 20);
    assert_int_equal(nenc_write_chunk(&w, type, data, size, &diag), NENC_OK);
}

/* A stream's chunks, and others to put between them. */
static void cut_stream(parts *p, const nenc_model *model)
{
    uint8_t samples[8 * 8] = { 3 };
    const nenc_image im = { .width = 8, .height = 8, .channels = 1,
                            .bits = 8, .stride = 8, .data = samples };
    nenc_buffer b, payload;
    uint32_t type;
    nenc_buffer_init(&b, 1 << 20);
    assert_int_equal(nenc_encode_image(model, NULL, &im, toy_append, &b, &diag),
                     NENC_OK);
    toy_input in = { b.data, b.size, 0, SIZE_MAX };
    nenc_reader r = { .read = toy_supply, .user = &in,
                          .max_chunk = 1 << 20 };
    assert_int_equal(nenc_read_signature(&r, &diag), NENC_OK);
    for (int i = HEAD; i <= UNIT; i++) {
        assert_int_equal(nenc_read_chunk(&r, &type, &payload, &diag),
                         NENC_OK);
        put_chunk(&p->part[i], type, payload.data, payload.size);
        if (i == UNIT) {
            payload.data[0] = 1;
            put_chunk(&p->part[UNIT1], type, payload.data, payload.size);
        }
        nenc_buffer_free(&payload);
    }
    put_chunk(&p->part[DONE], NENC_CHUNK_DONE, NULL, 0);
    put_chunk(&p->part[DONE_FULL], NENC_CHUNK_DONE, "x", 1);
    put_chunk(&p->part[META], NENC_CHUNK_META, "\3\2{}", 4);
    put_chunk(&p->part[SMALL], NENC_TAG('n', 'E', 'W', 'S'), NULL, 0);
    put_chunk(&p->part[CRITICAL], NENC_TAG('N', 'E', 'W', 'S'), NULL, 0);
    nenc_buffer_free(&b);
}

static nenc_status decode(const nenc_model *model, const uint8_t *data,
                          size_t size)
{
    toy_input in = { data, size, 0, 5 };
    nenc_decoder *dec;
    nenc_image image;
    nenc_status st = nenc_decoder_open(&dec, NULL, toy_supply, &in, &diag);
    if (st >= 0) {
        st = nenc_decoder_decode(dec, model, &image, &diag);
        nenc_image_free(&image);
    }
    nenc_decoder_close(dec);
    return st;
}

static void chunks_have_an_order(void **state)
{
    static const struct { int n, part[6]; nenc_status want; } cases[] = {
        { 3, { HEAD, UNIT, DONE }, NENC_OK },
        { 6, { META, HEAD, SMALL, UNIT, META, DONE }, NENC_OK },
        { 2, { HEAD, UNIT }, NENC_ETRUNCATED },
        { 2, { HEAD, DONE }, NENC_EBITSTREAM },
        { 2, { UNIT, DONE }, NENC_EBITSTREAM },
        { 4, { HEAD, HEAD, UNIT, DONE }, NENC_EBITSTREAM },
        { 4, { HEAD, UNIT, UNIT, DONE }, NENC_EBITSTREAM },
        { 3, { HEAD, UNIT1, DONE }, NENC_EBITSTREAM },
        { 3, { HEAD, UNIT, DONE_FULL }, NENC_EBITSTREAM },
        { 4, { CRITICAL, HEAD, UNIT, DONE }, NENC_EUNSUPPORTED },
        { 4, { HEAD, CRITICAL, UNIT, DONE }, NENC_EUNSUPPORTED },
        { 4, { HEAD, UNIT, CRITICAL, DONE }, NENC_EUNSUPPORTED },
    };
    nenc_model *model = toy_model_open(0);
    parts p;
    (void)state;
    cut_stream(&p, model);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_buffer b;
        nenc_buffer_init(&b, 1 << 20);
        nenc_writer w = { toy_append, &b };
        assert_int_equal(nenc_write_signature(&w, &diag), NENC_OK);
        for (int k = 0; k < cases[i].n; k++)
            nenc_buffer_put(&b, p.part[cases[i].part[k]].data,
                            p.part[cases[i].part[k]].size);
        const nenc_status st = decode(model, b.data, b.size);
        if (st != cases[i].want)
            fail_msg("order %zu: status %d", i, (int)st);
        nenc_buffer_free(&b);
    }
    for (int i = 0; i < N_PARTS; i++)
        nenc_buffer_free(&p.part[i]);
    nenc_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_back),
        cmocka_unit_test(damaged_chunks_are_refused),
        cmocka_unit_test(odd_lengths_are_refused),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(optional_chunks_are_known),
        cmocka_unit_test(heads_come_back),
        cmocka_unit_test(wrong_heads_are_refused),
        cmocka_unit_test(chunks_have_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
