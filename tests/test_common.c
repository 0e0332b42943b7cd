/* SPDX-License-Identifier: BSD-2-Clause */
/* common/: statuses, sizes, arenas, readers, buffers, hashes, the pool, the
 * floating-point environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bytes.h"
#include "fpenv.h"
#include "hash.h"
#include "mem.h"
#include "pool.h"

static void statuses_have_sentences(void **state)
{
    (void)state;
    for (int st = NENC_ECORRUPT_OUTPUT; st <= NENC_END; st++)
        assert_string_not_equal(nenc_strerror((nenc_status)st),
                                nenc_strerror((nenc_status)100));
    nenc_diag diag;
    assert_int_equal(nenc_fail(&diag, NENC_ELIMIT, "rows %d", 7), NENC_ELIMIT);
    assert_int_equal(diag.status, NENC_ELIMIT);
    assert_string_equal(diag.text, "rows 7");
    assert_int_equal(nenc_fail(NULL, NENC_EIO, "x"), NENC_EIO);
    char longer[500];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    nenc_fail(&diag, NENC_EIO, "%s", longer);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 1);
}

static void sizes_do_not_wrap(void **state)
{
    size_t v = 5;
    (void)state;
    assert_true(nenc_size_mul(&v, 6, 7));
    assert_int_equal(v, 42);
    assert_false(nenc_size_mul(&v, SIZE_MAX / 2, 3));
    assert_true(nenc_size_mul(&v, SIZE_MAX, 0));
    assert_false(nenc_size_add(&v, SIZE_MAX, 1));
    assert_int_equal(v, 0);
    assert_null(nenc_mem_alloc(SIZE_MAX / 2, 4));
    assert_null(nenc_mem_alloc(SIZE_MAX, 1));
    void *empty = nenc_mem_alloc(0, 8);
    assert_non_null(empty);
    nenc_mem_free(empty);
    nenc_mem_free(NULL);
}

static void arenas_align_clear_and_refuse(void **state)
{
    nenc_arena arena;
    (void)state;
    nenc_arena_init(&arena, 1 << 20);
    for (size_t n = 1; n < 40000; n = n * 3 + 1) {
        uint8_t *p = nenc_arena_zalloc(&arena, n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % NENC_ALIGN, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xaa, n);
    }
    char *s = nenc_arena_strdup(&arena, "abcdef", 3);
    assert_string_equal(s, "abc");
    const size_t used = arena.used;
    assert_false(arena.over);
    assert_null(nenc_arena_zalloc(&arena, 1 << 20, 1));
    assert_null(nenc_arena_zalloc(&arena, SIZE_MAX, 2));
    assert_true(arena.over);
    assert_int_equal(arena.used, used);
    assert_int_equal(nenc_arena_fail(&arena, NULL, "net", "g_a"), NENC_ELIMIT);
    nenc_arena_free(&arena);
}

static void readers_stop_at_the_end(void **state)
{
    static const uint8_t data[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x80, 1, 7, 8, 9
    };
    nenc_bytes b;
    (void)state;
    nenc_bytes_init(&b, data, sizeof data);
    assert_int_equal(nenc_bytes_u8(&b), 1);
    assert_int_equal(nenc_bytes_u16(&b), 0x0302);
    assert_int_equal(nenc_bytes_u32(&b), 0x07060504);
    assert_true(nenc_bytes_u64(&b) == 0x0f0e0d0c0b0a0908u);
    assert_int_equal(nenc_bytes_varint(&b), 128);
    nenc_bytes sub = nenc_bytes_sub(&b, 2);
    assert_int_equal(nenc_bytes_left(&b), 1);
    assert_int_equal(nenc_bytes_u16(&sub), 0x0807);
    assert_int_equal(nenc_bytes_u8(&sub), 0);
    assert_true(sub.failed);
    assert_false(b.failed);
    assert_int_equal(nenc_bytes_u16(&b), 0);
    assert_true(b.failed);
    assert_int_equal(nenc_bytes_u8(&b), 0);
    assert_true(nenc_bytes_sub(&b, 0).failed);
    nenc_bytes_init(&b, NULL, 0);
    assert_false(nenc_bytes_sub(&b, 0).failed);
    assert_null(nenc_bytes_get(&b, 1));
}

static bool varint_fails(const uint8_t *data, size_t size)
{
    nenc_bytes b;
    nenc_bytes_init(&b, data, size);
    (void)nenc_bytes_varint(&b);
    return b.failed;
}

static void varints_round_trip(void **state)
{
    static const uint64_t values[] = {
        0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX
    };
    static const uint8_t longer[] = { 0x81, 0 };
    static const uint8_t wide[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        nenc_buffer buf;
        nenc_bytes b;
        nenc_buffer_init(&buf, 10);
        nenc_buffer_varint(&buf, values[i]);
        assert_false(buf.failed);
        nenc_bytes_init(&b, buf.data, buf.size);
        assert_true(nenc_bytes_varint(&b) == values[i]);
        assert_int_equal(nenc_bytes_left(&b), 0);
        assert_false(b.failed);
        assert_true(varint_fails(buf.data, buf.size - 1));
        nenc_buffer_free(&buf);
    }
    assert_true(varint_fails(longer, sizeof longer));
    assert_true(varint_fails(wide, sizeof wide));
}

static void buffers_keep_their_ceiling(void **state)
{
    nenc_buffer buf;
    (void)state;
    nenc_buffer_init(&buf, 1001);
    for (uint32_t i = 0; i < 250; i++)
        nenc_buffer_u32(&buf, i);
    assert_false(buf.failed);
    assert_null(nenc_buffer_extend(&buf, 2));
    assert_true(buf.failed);
    nenc_buffer_u8(&buf, 1);
    assert_int_equal(buf.size, 1000);
    for (uint32_t i = 0; i < 250; i++)
        assert_int_equal(nenc_bytes_get_u32(buf.data + 4 * i), i);
    nenc_buffer_free(&buf);
    assert_int_equal(buf.size, 0);
    nenc_buffer_u16(&buf, 0x1234);
    nenc_buffer_u64(&buf, 0x0102030405060708u);
    assert_memory_equal(buf.data, "\x34\x12\x08\x07\x06\x05\x04\x03\x02\x01",
                        10);
    nenc_buffer_free(&buf);
}

static void check_sha256(const char *text, size_t repeat, size_t step,
                         const char *hex)
{
    nenc_sha256 h;
    uint8_t digest[32];
    nenc_sha256_init(&h);
    for (size_t i = 0; i < repeat; i++)
        for (size_t at = 0, n = strlen(text); at < n; at += step)
            nenc_sha256_update(&h, text + at, NENC_MIN(step, n - at));
    nenc_sha256_final(&h, digest);
    for (size_t i = 0; i < 32; i++) {
        const char *digits = "0123456789abcdef";
        assert_int_equal(hex[2 * i], digits[digest[i] >> 4]);
        assert_int_equal(hex[2 * i + 1], digits[digest[i] & 15]);
    }
}

/* Examples of FIPS 180-4 and RFC 3720. */
static void hashes_match_their_standards(void **state)
{
    static const char *const two_blocks =
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    (void)state;
    check_sha256("", 1, 1, "e3b0c44298fc1c149afbf4c8996fb924"
                           "27ae41e4649b934ca495991b7852b855");
    check_sha256("abc", 1, 3, "ba7816bf8f01cfea414140de5dae2223"
                              "b00361a396177a9cb410ff61f20015ad");
    for (size_t step = 1; step < 60; step += 11)
        check_sha256(two_blocks, 1, step, "248d6a61d20638b8e5c026930c3e6039"
                                          "a33ce45964ff2167f6ecedd419db06c1");
    check_sha256("aaaaaaaaaa", 100000, 7, "cdc76e5c9914fb9281a1c7e284d73e67"
                                          "f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(nenc_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(nenc_crc32c(nenc_crc32c(0, "1234", 4), "56789", 5),
                     0xe3069283);
    uint8_t block[32] = { 0 };
    assert_int_equal(nenc_crc32c(0, block, 32), 0x8a9136aa);
    memset(block, 0xff, 32);
    assert_int_equal(nenc_crc32c(0, block, 32), 0x62a8ab43);
}

enum { ITEMS = 5000 };

typedef struct loop {
    uint8_t done[ITEMS];
    int threads;
    size_t grain;
    bool bad;             /* written only when something is wrong */
} loop;

static void mark(void *user, int worker, size_t first, size_t end)
{
    loop *l = user;
    if (worker < 0 || worker >= l->threads || first >= end
        || end - first > l->grain)
        l->bad = true;
    for (size_t i = first; i < end; i++)
        l->done[i]++;
}

static void the_pool_does_each_item_once(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 5; threads++) {
        nenc_pool *pool;
        assert_int_equal(nenc_pool_open(&pool, threads), NENC_OK);
        assert_true(nenc_pool_threads(pool) >= 1);
        if (threads)
            assert_true(nenc_pool_threads(pool) <= threads);
        for (size_t round = 0; round < 300; round++) {
            static loop l;
            memset(&l, 0, sizeof l);
            const size_t n = round * 7919 % ITEMS;
            l.threads = nenc_pool_threads(pool);
            l.grain = l.threads == 1 ? ITEMS : 1 + round % 64;
            nenc_pool_run(pool, n, l.grain, mark, &l);
            assert_false(l.bad);
            for (size_t i = 0; i < ITEMS; i++)
                assert_int_equal(l.done[i], i < n);
        }
        nenc_pool_close(pool);
    }
}

static void no_pool_is_one_thread(void **state)
{
    static loop l = { .threads = 1, .grain = ITEMS };
    nenc_pool *pool;
    (void)state;
    nenc_pool_run(NULL, ITEMS, 16, mark, &l);
    assert_false(l.bad);
    assert_int_equal(l.done[0] + l.done[ITEMS - 1], 2);
    assert_int_equal(nenc_pool_threads(NULL), 1);
    nenc_pool_close(NULL);
    assert_int_equal(nenc_pool_open(&pool, -1), NENC_EINVAL);
    assert_null(pool);
}

static volatile float tiny = 1e-38f, third = 3.0f;

static void divide(void *user, int worker, size_t first, size_t end)
{
    volatile float *q = user;
    (void)worker;
    for (size_t i = first; i < end; i++)
        q[i] = 1.0f / third;
}

/* Rounding and denormals inside, the caller's rounding after; a worker made
 * under another rounding rounds to nearest too. */
static void the_environment_is_set_and_restored(void **state)
{
    nenc_fpenv env;
    (void)state;
    assert_int_equal(fesetround(FE_UPWARD), 0);
    nenc_fpenv_enter(&env);
    const int inside = fegetround();
    const float half = tiny / 2, third_of_1 = 1.0f / third;
    nenc_pool *pool;
    nenc_fpenv_leave(&env);
    const int after = fegetround();
    assert_int_equal(nenc_pool_open(&pool, 4), NENC_OK);
    fesetround(FE_TONEAREST);
    static volatile float q[4096];
    nenc_pool_run(pool, 4096, 1, divide, (void *)(uintptr_t)q);
    nenc_pool_close(pool);
    assert_int_equal(inside, FE_TONEAREST);
    assert_int_equal(after, FE_UPWARD);
    assert_true(half > 0 && half < tiny);
    assert_true(third_of_1 == 11184811.0f / 33554432.0f);
    for (size_t i = 0; i < 4096; i++)
        assert_true(q[i] == third_of_1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_sentences),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(arenas_align_clear_and_refuse),
        cmocka_unit_test(readers_stop_at_the_end),
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(buffers_keep_their_ceiling),
        cmocka_unit_test(hashes_match_their_standards),
        cmocka_unit_test(the_pool_does_each_item_once),
        cmocka_unit_test(no_pool_is_one_thread),
        cmocka_unit_test(the_environment_is_set_and_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
