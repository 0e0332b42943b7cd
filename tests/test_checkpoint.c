/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodes that are cut short: whatever was saved, going on from it gives the
 * stream that nothing had happened to.  Not here: the file (checkpoint.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "checkpoint.h"
#include "model.h"
#include "toy_model.h"

enum { KEPT = 4 };

typedef struct keeper {
    int calls, n;
    const int *at;            /* [KEPT] calls of progress to save at */
    nenc_buffer saved[KEPT];
} keeper;

static nenc_model *model;

static int set_up(void **state)
{
    nenc_diag diag;
    (void)state;
    return nenc_model_builtin(&model, "overfit", &diag) < 0 ? -1 : 0;
}

static int clean_up(void **state)
{
    (void)state;
    nenc_model_close(model);
    return 0;
}

static nenc_image make(uint32_t w, uint32_t h, uint32_t channels)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, w, h, channels, 8), NENC_OK);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t i = 0; i < w * channels; i++)
            im.data[y * im.stride + i] = (uint8_t)(2 * i + 3 * y
                                                   + (i > 2 * y ? 70 : 0));
    return im;
}

static int save_sometimes(void *user, double done)
{
    keeper *k = user;
    (void)done;
    return k->n < KEPT && ++k->calls == k->at[k->n] ? NENC_SAVE : 0;
}

static int keep(void *user, const void *data, size_t size)
{
    keeper *k = user;
    nenc_buffer_init(&k->saved[k->n], size);
    nenc_buffer_put(&k->saved[k->n++], data, size);
    return 0;
}

static nenc_encoder_config config(keeper *k)
{
    nenc_encoder_config cfg;
    nenc_encoder_config_init(&cfg);
    cfg.effort = 1;
    cfg.threads = 1;
    if (k) {
        cfg.progress = save_sometimes;
        cfg.progress_user = cfg.checkpoint_user = k;
        cfg.checkpoint = keep;
    }
    return cfg;
}

static nenc_status encode(const nenc_image *im, const nenc_encoder_config *cfg,
                          nenc_buffer *out)
{
    nenc_diag diag;
    nenc_buffer_init(out, 1 << 24);
    return nenc_encode_image(model, cfg, im, toy_append, out, &diag);
}

static void assert_same(const nenc_buffer *a, const nenc_buffer *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static void free_all(keeper *k)
{
    for (int i = 0; i < k->n; i++)
        nenc_buffer_free(&k->saved[i]);
}

/* At effort 1: the first iteration, the end of the warm-up (50), the main phase,
 * and the networks alone (246 to 250). */
static void going_on_changes_nothing(void **state)
{
    static const int at[KEPT] = { 1, 50, 120, 247 };
    (void)state;
    for (uint32_t channels = 1; channels <= 4; channels += 3) {
        nenc_image im = make(34, 21, channels);
        keeper k = { .at = at };
        nenc_buffer whole, again;
        const nenc_encoder_config plain = config(NULL);
        nenc_encoder_config cfg = config(&k);
        assert_int_equal(encode(&im, &plain, &whole), NENC_OK);
        assert_int_equal(encode(&im, &cfg, &again), NENC_OK);
        assert_same(&again, &whole);
        assert_int_equal(k.n, KEPT);
        for (int i = 0; i < KEPT; i++) {
            cfg = plain;
            cfg.threads = 2;
            cfg.resume = k.saved[i].data;
            cfg.resume_size = k.saved[i].size;
            nenc_buffer_free(&again);
            assert_int_equal(encode(&im, &cfg, &again), NENC_OK);
            assert_same(&again, &whole);
        }
        free_all(&k);
        nenc_buffer_free(&again);
        nenc_buffer_free(&whole);
        nenc_image_free(&im);
    }
}

/* ---------------------------------------------------------- several units */

enum { UNITS = 3 };

/* As the library is to a codec. */
typedef struct store {
    nenc_buffer put[UNITS], state;
    const struct store *before;
    uint32_t n, save_in;      /* the unit to save in, half way; UNITS = none */
    bool saved;
} store;

static nenc_status put(void *user, uint32_t index, const nenc_buffer *unit,
                       nenc_diag *diag)
{
    store *s = user;
    (void)diag;
    assert_int_equal(index, s->n);
    nenc_buffer_init(&s->put[s->n], unit->size);
    nenc_buffer_put(&s->put[s->n++], unit->data, unit->size);
    return NENC_OK;
}

static nenc_status get(void *user, uint32_t index, nenc_buffer *unit,
                       size_t *at, nenc_diag *diag)
{
    const nenc_buffer *b = &((store *)user)->before->put[index];
    (void)diag;
    *at = 0;
    nenc_buffer_init(unit, b->size);
    nenc_buffer_put(unit, b->data, b->size);
    return NENC_OK;
}

static nenc_tick tick(void *user, double done)
{
    store *s = user;
    if (s->saved || s->n != s->save_in || done < 0.5)
        return NENC_TICK_GO_ON;
    s->saved = true;
    return NENC_TICK_SAVE;
}

static nenc_status save(void *user, const nenc_buffer *state, nenc_diag *diag)
{
    store *s = user;
    (void)diag;
    nenc_buffer_init(&s->state, state->size);
    nenc_buffer_put(&s->state, state->data, state->size);
    return NENC_OK;
}

static void run(store *s, const nenc_image *im, uint32_t n_done,
                uint8_t hash[32])
{
    const nenc_codec_params params = {
        .max_memory = 1 << 28, .quality = 40, .effort = 1,
        .width = im->width, .height = im->height, .unit_width = 24,
        .unit_height = im->height };
    nenc_units units = { .user = s, .put = put, .get = get, .tick = tick,
                         .save = save, .n_done = n_done };
    nenc_codec_params p = params;
    nenc_sha256 symbols;
    nenc_diag diag;
    void *context;
    if (s->before)
        nenc_bytes_init(&units.state, s->before->state.data,
                        s->before->state.size);
    nenc_sha256_init(&symbols);
    assert_int_equal(nenc_pool_open(&p.pool, 1), NENC_OK);
    assert_int_equal(model->codec->open(&context, model->bound, &p, &diag),
                     NENC_OK);
    if (model->codec->encode(context, im, &units, &symbols, &diag) < 0)
        fail_msg("%s", diag.text);
    model->codec->close(context);
    nenc_pool_close(p.pool);
    nenc_sha256_final(&symbols, hash);
}

static void units_are_put_again(void **state)
{
    nenc_image im = make(24 * UNITS - 5, 20, 3);
    (void)state;
    for (uint32_t in = 0; in < UNITS; in++) {
        store whole = { .save_in = in };
        store rest = { .save_in = UNITS, .before = &whole };
        uint8_t hash[2][32];
        run(&whole, &im, 0, hash[0]);
        assert_true(whole.saved && whole.n == UNITS);
        run(&rest, &im, in, hash[1]);
        assert_memory_equal(hash[0], hash[1], 32);
        assert_int_equal(rest.n, UNITS);
        for (uint32_t i = 0; i < UNITS; i++) {
            assert_same(&rest.put[i], &whole.put[i]);
            nenc_buffer_free(&rest.put[i]);
            nenc_buffer_free(&whole.put[i]);
        }
        nenc_buffer_free(&whole.state);
    }
    nenc_image_free(&im);
}

/* ---------------------------------------------------------------- refusals */

static void refuse(const nenc_image *im, const nenc_encoder_config *cfg)
{
    nenc_buffer out;
    assert_int_equal(encode(im, cfg, &out), NENC_EINVAL);
    assert_int_equal(out.size, 0);
    nenc_buffer_free(&out);
}

static void others_and_damage_are_refused(void **state)
{
    static const int at[KEPT] = { 3, 0 };
    nenc_image im = make(20, 20, 3);
    keeper k = { .at = at };
    nenc_encoder_config cfg = config(&k);
    nenc_buffer out;
    (void)state;
    assert_int_equal(encode(&im, &cfg, &out), NENC_OK);
    nenc_buffer_free(&out);
    uint8_t *data = k.saved[0].data;
    const size_t size = k.saved[0].size;
    cfg = config(NULL);
    cfg.resume = data;
    cfg.resume_size = size;
    cfg.quality++;
    refuse(&im, &cfg);
    cfg.quality--;
    cfg.effort++;
    refuse(&im, &cfg);
    cfg.effort--;
    im.data[77] ^= 1;
    refuse(&im, &cfg);
    im.data[77] ^= 1;
    for (size_t i = 0; i < size; i += i < 100 ? 1 : size / 50) {
        data[i] ^= 0x10;
        refuse(&im, &cfg);
        data[i] ^= 0x10;
        cfg.resume_size = i;
        refuse(&im, &cfg);
        cfg.resume_size = size;
    }
    assert_int_equal(encode(&im, &cfg, &out), NENC_OK);
    nenc_buffer_free(&out);
    free_all(&k);
    nenc_image_free(&im);
}

/* What a checkpoint says of itself is not believed, even where its hash is
 * right. */
static void counts_are_checked(void **state)
{
    static const struct {
        uint32_t n;
        const char *units;
        size_t size;
        nenc_status wanted;
    } cases[] = {
        { 0, "", 0, NENC_OK }, { 1, "\2ab", 3, NENC_OK },
        { 2, "\2ab\0", 4, NENC_OK }, { 1, "\3ab", 3, NENC_EINVAL },
        { 2, "\2ab", 3, NENC_EINVAL }, { 0, "\0", 1, NENC_EINVAL },
        { UINT32_MAX, "\2ab", 3, NENC_EINVAL },
        { 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9, NENC_EINVAL },
    };
    const uint8_t job[32] = { 9 };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nenc_checkpoint c = { .n_units = cases[i].n }, back;
        nenc_buffer b;
        nenc_diag diag;
        nenc_buffer_init(&b, 1 << 10);
        nenc_bytes_init(&c.units, cases[i].units, cases[i].size);
        nenc_bytes_init(&c.state, "state", 5);
        nenc_checkpoint_write(&c, job, &b);
        assert_false(b.failed);
        assert_int_equal(nenc_checkpoint_read(&back, job, b.data, b.size,
                                              &diag), cases[i].wanted);
        if (cases[i].wanted == NENC_OK) {
            assert_int_equal(back.n_units, c.n_units);
            assert_int_equal(back.state.size, 5);
            assert_memory_equal(back.state.data, "state", 5);
        }
        nenc_buffer_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(going_on_changes_nothing),
        cmocka_unit_test(units_are_put_again),
        cmocka_unit_test(others_and_damage_are_refused),
        cmocka_unit_test(counts_are_checked),
    };
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
