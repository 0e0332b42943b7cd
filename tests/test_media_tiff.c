/* SPDX-License-Identifier: BSD-2-Clause */
/* TIFF files made by hand that libtiff would read at any price: of memory, of
 * time, or by making something up.  Not here: what good files give
 * (test_media_more.c). */
#include "test_media_check.h"

enum { WIDTH = 4, HEIGHT = 2, PIXELS = 1000, SIZE = 4096, IFD = 16,
       MAX_ENTRIES = 64 };

/* TIFF's types. */
enum { BYTE = 1, SHORT = 3, LONG = 4, UNDEFINED = 7 };

typedef struct entry {
    uint16_t tag, type;
    uint32_t count, value;       /* value: or where the values are */
} entry;

typedef struct file {
    entry entries[MAX_ENTRIES];
    size_t n;
    bool big_endian, is_big;     /* BigTIFF */
    size_t size;
    uint8_t bytes[SIZE];         /* what is no directory */
} file;

static void put(const file *f, uint8_t *at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[f->big_endian ? bytes - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

/* A gray picture of 8 bits in one strip, pixels 10, 11, 12 ... */
static file plain(void)
{
    static const entry entries[] = {
        { 256, SHORT, 1, WIDTH }, { 257, SHORT, 1, HEIGHT },
        { 258, SHORT, 1, 8 }, { 259, SHORT, 1, 1 }, { 262, SHORT, 1, 1 },
        { 273, LONG, 1, PIXELS }, { 277, SHORT, 1, 1 },
        { 278, SHORT, 1, HEIGHT }, { 279, LONG, 1, WIDTH * HEIGHT },
    };
    file f = { .n = sizeof entries / sizeof entries[0], .size = SIZE };
    memcpy(f.entries, entries, sizeof entries);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        f.bytes[PIXELS + i] = (uint8_t)(10 + i);
    return f;
}

/* In the order of tags, as the format wants. */
static void add(file *f, entry e)
{
    size_t i = f->n++;
    assert_true(f->n <= MAX_ENTRIES);
    for (; i && f->entries[i - 1].tag > e.tag; i--)
        f->entries[i] = f->entries[i - 1];
    f->entries[i] = e;
}

static entry *find(file *f, uint16_t tag)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->entries[i].tag == tag)
            return &f->entries[i];
    fail();
    return NULL;
}

static blob build(file f)
{
    const size_t word = f.is_big ? 8 : 4;
    uint8_t *at = f.bytes + (f.is_big ? 24 : IFD);
    memcpy(f.bytes, f.big_endian ? "MM" : "II", 2);
    put(&f, f.bytes + 2, f.is_big ? 43 : 42, 2);
    if (f.is_big)
        put(&f, f.bytes + 4, 8, 2);
    put(&f, f.bytes + (f.is_big ? 8 : 4), (uint64_t)(at - f.bytes), word);
    put(&f, at, f.n, f.is_big ? 8 : 2);
    at += f.is_big ? 8 : 2;
    for (size_t i = 0; i < f.n; i++) {
        const entry *e = &f.entries[i];
        const size_t size = e->count > 1 ? word : e->type == SHORT ? 2 : 4;
        put(&f, at, e->tag, 2);
        put(&f, at + 2, e->type, 2);
        put(&f, at + 4, e->count, word);
        put(&f, at + 4 + word, e->value, size);
        at += 4 + 2 * word;
    }
    assert_true(at + 8 <= f.bytes + PIXELS);
    return blob_copy(f.bytes, f.size);
}

static void assert_good(file f, const char *note)
{
    nenc_image image;
    nenc_media_facts facts;
    blob b = build(f);
    assert_int_equal(read_some(&image, b.data, b.size, &facts), NENC_OK);
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.channels, 1);
    for (uint8_t i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(image.data[i], f.bytes[PIXELS + i]);
    assert_string_equal(facts.note, note);
    nenc_image_free(&image);
    free(b.data);
}

static void plain_files(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        file f = plain();
        f.big_endian = i & 1;
        f.is_big = i & 2;
        assert_good(f, "");
        add(&f, (entry){ 40000, UNDEFINED, 2000, 100 });
        add(&f, (entry){ 40001, 99, 4000000000u, 0 });   /* no such type */
        add(&f, (entry){ 40002, UNDEFINED, 5000, 100 }); /* beyond, unused */
        assert_good(f, "");
    }
}

/* libtiff would keep a copy of each. */
static void tags_that_share_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        file f = plain();
        f.big_endian = i & 1;
        f.is_big = i & 2;
        add(&f, (entry){ 40000, UNDEFINED, 2000, 100 });
        add(&f, (entry){ 40001, UNDEFINED, 2000, 100 });
        assert_good(f, "");
        add(&f, (entry){ 40002, LONG, 500, 100 });
        assert_refused(build(f), NENC_ELIMIT, "tags");
    }
}

static void tags_beyond_the_end(void **state)
{
    static const entry bad[] = {
        { 34675, UNDEFINED, 500, SIZE - 499 }, { 700, BYTE, 40, SIZE },
        { 34675, UNDEFINED, 4000000000u, 100 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        file f = plain();
        add(&f, bad[i]);
        assert_refused(build(f), NENC_EBITSTREAM, "beyond its end");
    }
}

static void strips_that_share_bytes(void **state)
{
    enum { TALL = 64, OFFSETS = 2000, COUNTS = 2400 };
    (void)state;
    file f = plain();
    find(&f, 257)->value = TALL;
    find(&f, 278)->value = 1;
    *find(&f, 273) = (entry){ 273, LONG, TALL, OFFSETS };
    *find(&f, 279) = (entry){ 279, LONG, TALL, COUNTS };
    for (size_t i = 0; i < TALL; i++) {
        put(&f, f.bytes + OFFSETS + 4 * i, PIXELS, 4);
        put(&f, f.bytes + COUNTS + 4 * i, i < 2 ? WIDTH : 3000, 4);
    }
    assert_refused(build(f), NENC_ELIMIT, "strips");
    for (size_t i = 0; i < TALL; i++)
        put(&f, f.bytes + COUNTS + 4 * i, WIDTH, 4);
    blob b = build(f);
    assert_int_equal(blob_status(b), NENC_OK);
    put(&f, f.bytes + OFFSETS + 4 * 9, 0, 4);
    assert_refused(build(f), NENC_EBITSTREAM, "strip 9 lies outside");
    put(&f, f.bytes + COUNTS + 4 * 9, 0, 4);
    assert_refused(build(f), NENC_EUNSUPPORTED, "leaves out tile 9");
}

static void strips_outside(void **state)
{
    static const uint32_t bad[] = { 0, 4, SIZE - 1, SIZE, 4000000000u };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        file f = plain();
        find(&f, 273)->value = bad[i];
        assert_refused(build(f), NENC_EBITSTREAM, "strip 0 lies outside");
    }
}

/* Many extra samples in one huge tile make a block of much more than the
 * picture, here of 4x2. */
static void huge_blocks(void **state)
{
    (void)state;
    file f = plain();
    find(&f, 258)->value = 16;
    find(&f, 277)->value = 8;
    add(&f, (entry){ 322, SHORT, 1, 1024 });
    add(&f, (entry){ 323, SHORT, 1, 1040 });
    add(&f, (entry){ 324, LONG, 1, PIXELS });
    add(&f, (entry){ 325, LONG, 1, 100 });
    assert_refused(build(f), NENC_ELIMIT, "strips of");
}

/* Only what Canon's files begin with is camera raw. */
static void raw_files(void **state)
{
    (void)state;
    file f = plain();
    memcpy(f.bytes + 8, "CR\2", 4);
    assert_refused(build(f), NENC_EUNSUPPORTED, "camera raw");
    memcpy(f.bytes + 8, "CR\3", 4);
    assert_good(f, "");
    f = plain();
    add(&f, (entry){ 254, LONG, 1, 1 });       /* a thumbnail, but alone */
    assert_good(f, "");
    add(&f, (entry){ 330, LONG, 2, 3000 });    /* and of something larger */
    assert_refused(build(f), NENC_EUNSUPPORTED, "preview");
}

/* A few bytes of PackBits that end too early: libtiff warns, or not. */
static void damaged_strips(void **state)
{
    static const uint8_t coded[][4] = { { 3, 10, 11, 12 }, { 0x80, 0x80, 0, 0 },
                                        { 127, 1, 2, 3 } };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        file f = plain();
        find(&f, 259)->value = 32773;
        find(&f, 279)->value = 4;
        memcpy(f.bytes + PIXELS, coded[i], 4);
        assert_refused(build(f), NENC_EBITSTREAM, "damaged or cut TIFF");
    }
}

/* Every byte of the directory changed, and every truncation: a picture or a
 * sentence, and no more. */
static void damage(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        file f = plain();
        f.is_big = big;
        add(&f, (entry){ 34675, UNDEFINED, 200, 2000 });
        blob b = build(f);
        for (size_t i = 0; i < 400; i++)
            for (int change = 1; change < 256; change = 2 * change + 1) {
                b.data[i] ^= (uint8_t)change;
                (void)read_status(b.data, b.size);
                b.data[i] ^= (uint8_t)change;
            }
        for (size_t n = 0; n < 1100; n++) {
            blob cut = blob_copy(b.data, n);
            assert_true(blob_status(cut) < 0);
        }
        free(b.data);
    }
}

int main(void)
{
#ifdef HAVE_TIFF
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files),
        cmocka_unit_test(tags_that_share_bytes),
        cmocka_unit_test(tags_beyond_the_end),
        cmocka_unit_test(strips_that_share_bytes),
        cmocka_unit_test(strips_outside),
        cmocka_unit_test(huge_blocks),
        cmocka_unit_test(raw_files),
        cmocka_unit_test(damaged_strips),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    puts("this build does not read TIFF");
    return 77;
#endif
}
