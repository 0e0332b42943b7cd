/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of results: CSV written and read, joined, refused; means.
 * Not here: who fills them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

static nenc_status read_texts(nenc_eval_table *t, const char *const *texts,
                              size_t n)
{
    nenc_eval_csv files[4];
    nenc_diag diag = { NENC_OK, "" };
    for (size_t i = 0; i < n; i++)
        files[i] = (nenc_eval_csv){ "x.csv", (const uint8_t *)texts[i],
                                    strlen(texts[i]) };
    const nenc_status st = nenc_eval_table_read(t, files, n, &diag);
    assert_true(st >= 0 || diag.text[0]);
    return st;
}

static void check_text(const nenc_eval_table *t, const char *expected)
{
    nenc_buffer out;
    nenc_buffer_init(&out, 1 << 16);
    nenc_eval_table_write(t, &out);
    nenc_buffer_u8(&out, 0);
    assert_false(out.failed);
    assert_string_equal((const char *)out.data, expected);
    nenc_buffer_free(&out);
}

#define HEAD "codec,q,item,pixels,bytes,bpp,psnr,ssim\n"

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const text[] = {
        HEAD "\"a,\"\"b\"\"\",10,\"x\ny.png\",100,50,4.000000,31.5,0.5\n"
             "\"a,\"\"b\"\"\",10,z.png,300,25,0.666667,inf,\n"
    };
    nenc_eval_table t;
    assert_int_equal(read_texts(&t, text, 1), NENC_OK);
    assert_string_equal(t.codecs[0], "a,\"b\"");
    assert_string_equal(t.items[0].name, "x\ny.png");
    assert_true(isinf(nenc_eval_row_at(&t, 0, 1)->metrics[0]));
    assert_true(isnan(nenc_eval_row_at(&t, 0, 1)->metrics[1]));
    check_text(&t, text[0]);
    nenc_eval_table_free(&t);
}

/* Parts in any order, with Windows' ends of lines, with a row in both. */
static void test_join(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD "a,1,y,100,50,4.000000,31,0.5\nb,1,y,100,5,0.400000,20,0.2\n",
        "item,q,codec,bytes,pixels,ssim,psnr\r\nx,1,a,25,100,0.25,30\r\n"
        "y,1,a,50,100,0.5,31\r\nx,2,a,26,100,0.3,31\r\n",
    };
    nenc_eval_table t;
    assert_int_equal(read_texts(&t, texts, 2), NENC_OK);
    check_text(&t, HEAD "a,1,x,100,25,2.000000,30,0.25\n"
                        "a,1,y,100,50,4.000000,31,0.5\n"
                        "a,2,x,100,26,2.080000,31,0.3\n"
                        "b,1,y,100,5,0.400000,20,0.2\n");
    nenc_eval_table_free(&t);
}

static void test_mean(void **state)
{
    (void)state;
    static const char *const text[] = {
        HEAD "a,1,x,100,25,,30,0.25\na,1,y,300,50,,31,0.75\na,2,x,100,9,,1,1\n"
    };
    nenc_eval_table t;
    nenc_eval_row mean;
    double rate;
    assert_int_equal(read_texts(&t, text, 1), NENC_OK);
    assert_true(nenc_eval_mean(&t, 0, &rate, &mean));
    assert_float_equal(rate, 8.0 * 75 / 400, 1e-12);   /* not (2 + 1.33) / 2 */
    assert_float_equal(mean.metrics[0], 30.5, 1e-12);
    assert_float_equal(mean.metrics[1], 0.5, 1e-12);
    assert_false(nenc_eval_mean(&t, 1, &rate, &mean)); /* y is missing */
    nenc_eval_table_free(&t);
}

static void test_sounds_and_costs(void **state)
{
    (void)state;
    static const char *const text[] = {
        "codec,q,item,seconds,bytes,kbps,stoi,encode_s,decode_s,encode_mib,"
        "decode_mib\nopus,16,x,2.5,5000,16.000000,0.9,0.100,0.020,10.5,9.0\n"
    };
    nenc_eval_table t;
    assert_int_equal(read_texts(&t, text, 1), NENC_OK);
    assert_int_equal(t.media, NENC_EVAL_SOUND);
    assert_float_equal(nenc_eval_row_at(&t, 0, 0)->encode.peak_mib, 10.5, 0);
    check_text(&t, text[0]);
    nenc_eval_table_free(&t);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "\n", "codec,q\n", "hello\nworld\n", HEAD,
        HEAD "a,1,x,100,25\n",                       /* too few */
        HEAD "a,1,x,100,25,2,30,0.25,9\n",           /* too many */
        HEAD "a,1,x,0,25,2,30,0.25\n",               /* no pixels */
        HEAD "a,1,x,100,-1,2,30,0.25\n",
        HEAD "a,1,x,nan,25,2,30,0.25\n",
        HEAD "a,1,x,100,many,2,30,0.25\n",
        HEAD ",1,x,100,25,2,30,0.25\n",
        HEAD "\"a,1,x,100,25,2,30,0.25\n",           /* open quote */
        HEAD "\"a\"b,1,x,100,25,2,30,0.25\n",
        HEAD "a,1,x,100,25,2,30,0.25\na,1,x,100,26,2,30,0.25\n",
        HEAD "a,1,x,100,25,2,30,0.25\nb,1,x,101,26,2,30,0.25\n",
        "codec,q,item,pixels,bytes,bpp,psnr,psnr\n",
        "codec,q,item,pixels,bytes,bpp,psnr,mystery\n",
        "codec,q,item,pixels,seconds,bytes,bpp,psnr\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        nenc_eval_table t;
        assert_int_equal(read_texts(&t, &texts[i], 1), NENC_EBITSTREAM);
        nenc_eval_table_free(&t);
    }
}

static void test_unlike_files(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD "a,1,y,100,50,4,31,0.5\n",
        "codec,q,item,pixels,bytes,bpp,psnr\na,1,x,100,50,4,31\n",
    };
    nenc_eval_table t;
    assert_int_equal(read_texts(&t, texts, 2), NENC_EBITSTREAM);
    nenc_eval_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_sounds_and_costs),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unlike_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
