/* SPDX-License-Identifier: BSD-2-Clause */
/* Command templates, specifications of codecs, what outside metrics print.
 * Not here: running anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "outside.h"
#include "peers.h"

static const nenc_command_values values = {
    .in = "/tmp/a b.png", .coded = "/tmp/c.x", .q = "10",
    .options = "-s '4 5' --it", .width = 640,
};

/* The words of a filled template, each in [], or ! where it is refused. */
static void check_words(const char *text, const char *expected)
{
    char all[512] = "";
    char **argv;
    nenc_arena arena;
    nenc_diag diag = { NENC_OK, "" };
    nenc_arena_init(&arena, 1 << 20);
    if (nenc_command_expand(&argv, text, &values, &arena, &diag) < 0) {
        assert_true(diag.text[0]);
        strcpy(all, "!");
    } else
        for (size_t i = 0; argv[i]; i++) {
            strcat(all, "[");
            strcat(all, argv[i]);
            strcat(all, "]");
        }
    assert_string_equal(all, expected);
    nenc_arena_free(&arena);
}

static void test_expand(void **state)
{
    (void)state;
    check_words("enc -q {q} {in.png} {coded.x}",
                "[enc][-q][10][/tmp/a b.png][/tmp/c.x]");
    check_words("  enc\t--q={q}% ", "[enc][--q=10%]");
    check_words("enc 'a b' \"c 'd\" e''", "[enc][a b][c 'd][e]");
    check_words("enc {options} -w{width}", "[enc][-s][4 5][--it][-w640]");
    check_words("enc $(touch x); rm '*'", "[enc][$(touch][x);][rm][*]");
    check_words("enc {q", "[enc][{q]");
    check_words("enc ''", "[enc][]");
    check_words("enc {out.png}", "!");         /* nothing to put there */
    check_words("enc {height}", "!");
    check_words("enc {what}", "!");
    check_words("enc 'open", "!");
    check_words("", "!");
}

static void test_kind(void **state)
{
    (void)state;
    char kind[16];
    assert_string_equal(nenc_command_kind("a {in.png}", "in", kind), "png");
    assert_null(nenc_command_kind("a {in.png}", "out", kind));
    assert_null(nenc_command_kind("a {in.", "in", kind));
    assert_null(nenc_command_kind("a {in.}", "in", kind));
    assert_null(nenc_command_kind("a {in.aaaaaaaaaaaaaaaaaaa}", "in", kind));
}

/* label|n_q|first q|options, or ! */
static void check_spec(const char *spec, const char *expected)
{
    char all[256] = "!";
    nenc_arena arena;
    nenc_eval_codec c;
    nenc_diag diag = { NENC_OK, "" };
    nenc_arena_init(&arena, 1 << 20);
    if (nenc_eval_codec_open(&c, spec, NENC_EVAL_PICTURE, NULL, &arena, &diag)
        >= 0)
        snprintf(all, sizeof all, "%s|%zu|%s|%s", c.label, c.n_q, c.q[0],
                 c.options ? c.options : "-");
    else
        assert_true(diag.text[0]);
    assert_string_equal(all, expected);
    nenc_arena_free(&arena);
}

static void test_specs(void **state)
{
    (void)state;
    check_spec("jpeg", "jpeg|7|10|-");
    check_spec("jpeg@5,50.5", "jpeg|2|5|-");
    check_spec("small=jpeg:-progressive -sample 1x1@9",
               "small|1|9|-progressive -sample 1x1");
    check_spec("avif:-s 8", "avif:-s 8|7|58|-s 8");
    check_spec("nenc:--model=/a/b@c.safetensors@1,2",
               "nenc:--model=/a/b@c.safetensors|2|1|--model=/a/b@c.safetensors");
    check_spec("mine@1,2,3|cp {in.png} {coded.x}|cp {coded.x} {out.png}",
               "mine|3|1|-");
    check_spec("", "!");
    check_spec("jpeg@", "!");
    check_spec("jpeg@1,,2", "!");
    check_spec("opus", "!");                   /* for sounds */
    check_spec("nenc:--model=", "!");
    check_spec("nenc:-e 1 --model m.safetensors", "!");
    check_spec("nenc:--model='a b'", "!");
    check_spec("mine|cp a b|cp b c", "!");
    check_spec("mine@1|cp {in.png} b|cp {coded.x} {out.png}", "!");
}

/* Our encoder takes any options; our decoder, of those, the model. */
static void test_own_options(void **state)
{
    static const struct { const char *spec, *decode; } cases[] = {
        { "nenc", "ndec --threads 1 --quiet -f  {coded.nenc} -o {out.pnm}" },
        { "o=nenc:--codec=overfit -e 1@9",
          "ndec --threads 1 --quiet -f  {coded.nenc} -o {out.pnm}" },
        { "nenc:-e 9  --model=m.safetensors --quiet",
          "ndec --threads 1 --quiet -f --model=m.safetensors {coded.nenc} -o "
          "{out.pnm}" },
        { "jpeg:--model=x", "djpeg -pnm -outfile {out.pnm} {coded.jpg}" },
    };
    (void)state;
    check_spec("o=nenc:--codec=overfit -e 1@9", "o|1|9|--codec=overfit -e 1");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_arena arena;
        nenc_eval_codec c;
        nenc_arena_init(&arena, 1 << 20);
        assert_int_equal(nenc_eval_codec_open(
            &c, cases[i].spec, NENC_EVAL_PICTURE, NULL, &arena, NULL),
            NENC_OK);
        assert_string_equal(c.decode, cases[i].decode);
        nenc_arena_free(&arena);
    }
}

static void test_missing_program(void **state)
{
    (void)state;
    nenc_arena arena;
    nenc_eval_codec c;
    nenc_arena_init(&arena, 1 << 20);
    assert_int_equal(nenc_eval_codec_open(
        &c, "x@1|no-such-program {in.png} {coded.x}|cp {coded.x} {out.png}",
        NENC_EVAL_PICTURE, NULL, &arena, NULL), NENC_OK);
    assert_non_null(strstr(c.why_not, "no-such-program"));
    assert_non_null(c.decoder);
    nenc_arena_free(&arena);
}

static void test_outside(void **state)
{
    (void)state;
    const nenc_outside_metric plain = { .marker = "" };
    const nenc_outside_metric marked = { .marker = "3-norm:" };
    double v;
    assert_true(nenc_outside_parse(&plain, "66.39417978\n", &v));
    assert_float_equal(v, 66.39417978, 0);
    assert_true(nenc_outside_parse(&marked, "3.04\n3-norm: 1.514962\n", &v));
    assert_float_equal(v, 1.514962, 0);
    assert_false(nenc_outside_parse(&plain, "cannot read\n", &v));
    assert_false(nenc_outside_parse(&marked, "3.04\n", &v));
    assert_false(nenc_outside_parse(&plain, "nan\n", &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_specs),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_missing_program),
        cmocka_unit_test(test_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
