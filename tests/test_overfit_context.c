/* SPDX-License-Identifier: BSD-2-Clause */
/* Overfit's whole numbers: tables against the distributions they stand for, the
 * context network against its definition, parameters and symbols there and
 * back, damage survived.  Not here: networks in floats, whole units. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exact_kernels.h"
#include "hash.h"
#include "mem.h"
#include "overfit_context.h"
#include "overfit_context_kernels.h"
#include "overfit_params.h"
#include "random.h"

static nenc_diag diag;
static nenc_cdf_set *set;
static uint64_t random_state = 88172645463325252u;

static int open_tables(void **state)
{
    (void)state;
    return overfit_tables_open(&set, &diag) < 0;
}

static int close_tables(void **state)
{
    (void)state;
    nenc_cdf_set_close(set);
    return 0;
}

/* A whole number of Laplace's distribution, at most `most` in size. */
static int laplace(double b, int most)
{
    const double u = nenc_random_next(&random_state) - 0.5;
    const double v = -b * log(1 - 2 * fabs(u) + 1e-12);
    const int n = (int)(v + 0.5);
    return u < 0 ? -NENC_MIN(n, most) : NENC_MIN(n, most);
}

static int below(int n)
{
    return (int)(nenc_random_next(&random_state) * n);
}

/* ------------------------------------------------------------------- tables */

static double mass(double from, double to, double b)
{
    if (from >= 0)
        return 0.5 * (exp(-from / b) - exp(-to / b));
    if (to <= 0)
        return 0.5 * (exp(to / b) - exp(from / b));
    return 1 - 0.5 * (exp(-to / b) + exp(from / b));
}

/* Bits that the values of a distribution cost by its table, over its entropy. */
static double excess(int s, int f, double *entropy)
{
    const double b = exp(-5 + s / 16.0);
    double cost = 0;
    *entropy = 0;
    for (int v = -600; v <= 600; v++) {
        const double p = mass(v - 0.5 - f / 32.0, v + 0.5 - f / 32.0, b);
        if (p < 1e-30)
            continue;
        *entropy -= p * log2(p);
        cost += p * nenc_cdf_cost(set, (uint16_t)(32 * s + f), v) / 65536;
    }
    return cost - *entropy;
}

/* Within 0.02 % or 1.5e-4 bits, whatever is more. */
static void tables_are_close(void **state)
{
    (void)state;
    for (int s = 0; s < OVERFIT_SCALES; s += 4)
        for (int f = 0; f < 32; f += 5) {
            double entropy;
            const double over = excess(s, f, &entropy);
            if (over > NENC_MAX(2e-4 * entropy, 1.5e-4))
                fail_msg("scale %d, fraction %d: %g bits over %g", s, f, over,
                         entropy);
        }
}

static void tables_never_change(void **state)
{
    static const uint8_t expected[32] = {
        0x7e, 0xf1, 0xe6, 0x92, 0x12, 0xe5, 0x1c, 0xb5,
        0x17, 0x59, 0x0f, 0xfb, 0x3d, 0xf9, 0xb7, 0xd3,
        0x54, 0x63, 0x52, 0xf6, 0xdd, 0x0c, 0x21, 0xb2,
        0xe1, 0x0d, 0x17, 0x86, 0x01, 0xea, 0xd7, 0x01
    };
    nenc_sha256 h;
    uint8_t digest[32];
    (void)state;
    nenc_sha256_init(&h);
    assert_int_equal(set->n_tables, 32 * 129);
    for (size_t i = 0; i < set->n_tables; i++) {
        const nenc_cdf *t = &set->tables[i];
        for (uint32_t k = 0; k < t->length; k++) {
            const uint32_t v = nenc_cdf_freq(set->cum + t->first, k);
            const int32_t value = t->offset + (int32_t)k;
            uint8_t bytes[8];
            nenc_bytes_put_u32(bytes, (uint32_t)value);
            nenc_bytes_put_u32(bytes + 4, v);
            nenc_sha256_update(&h, bytes, sizeof bytes);
        }
    }
    nenc_sha256_final(&h, digest);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void costs_are_sums(void **state)
{
    enum { N = 1000 };
    uint16_t table[N];
    int32_t value[N];
    uint64_t sum = 0;
    (void)state;
    for (int i = 0; i < N; i++) {
        table[i] = (uint16_t)below(32 * 129);
        value[i] = laplace(exp(below(8) - 3), 1000);
        sum += nenc_cdf_cost(set, table[i], value[i]);
    }
    const uint64_t cost = overfit_tables_cost(set, table, value, N);
    assert_true(cost <= sum + 2 && cost + 2 * N >= sum);
    assert_int_equal(overfit_tables_cost(set, table, value, 0), 0);
}

/* -------------------------------------------------- pictures and parameters */

typedef struct toy {
    overfit_shape shape;
    overfit_params params;
    int16_t *grids[OVERFIT_GRIDS];
} toy;

static const uint32_t dims[][2] = { { 1, 1 }, { 7, 5 }, { 37, 23 },
                                    { 130, 67 } };
enum { N_DIMS = sizeof dims / sizeof dims[0] };

static int16_t **make_grids(int16_t **grids, const overfit_shape *s, double b)
{
    for (int i = 0; i < s->n_grids; i++) {
        const size_t n = (size_t)s->grids[i].width * s->grids[i].height;
        grids[i] = malloc(n * sizeof *grids[i]);
        assert_non_null(grids[i]);
        for (size_t k = 0; k < n; k++)
            grids[i][k] = (int16_t)laplace(b, OVERFIT_SYMBOL);
    }
    return grids;
}

static void free_grids(int16_t **grids, const overfit_shape *s)
{
    for (int i = 0; i < s->n_grids; i++)
        free(grids[i]);
}

/* Extreme ones have all weights and biases near their limits. */
static void make_params(overfit_params *p, const overfit_shape *s,
                        bool is_extreme)
{
    static const uint8_t steps[OVERFIT_MODULES][2] = {
        { 7, 6 }, { 8, 12 }, { 8, 0 }, { 10, 16 }
    };
    memcpy(p->step, steps, sizeof steps);
    p->number = malloc(s->n_params * sizeof *p->number);
    assert_non_null(p->number);
    for (size_t i = 0; i < s->n_params; i++)
        p->number[i] = laplace(8, 300);
    if (!is_extreme)
        return;
    p->step[OVERFIT_ARM][0] = 8;
    for (int i = 0; i < s->n_layers; i++) {
        const overfit_layer *l = &s->layers[i];
        if (l->module > OVERFIT_MIXER)
            continue;
        for (uint32_t k = l->weight; k < l->bias; k++)
            p->number[k] = below(4) ? 1023 : -1023;
        for (int k = 0; l->has_bias && k < l->rows; k++)
            p->number[l->bias + (uint32_t)k] = below(2) ? 65535 : -65535;
    }
}

static void make_toy(toy *t, int size, const uint32_t *d, int channels,
                     bool is_extreme)
{
    overfit_shape_init(&t->shape, size, d[0], d[1], channels);
    make_params(&t->params, &t->shape, is_extreme);
    make_grids(t->grids, &t->shape, is_extreme ? 300 : 0.7);
}

static void free_toy(toy *t)
{
    free_grids(t->grids, &t->shape);
    free(t->params.number);
}

static overfit_context *open_context(const toy *t)
{
    overfit_context *c;
    assert_int_equal(overfit_context_open(&c, &t->shape, &t->params, 1 << 24,
                                          &diag), NENC_OK);
    return c;
}

static nenc_buffer finish(nenc_rc_encoder *enc)
{
    nenc_buffer out;
    nenc_buffer_init(&out, 1 << 24);
    assert_int_equal(nenc_rc_encoder_finish(enc, &out, &diag), NENC_OK);
    nenc_rc_encoder_free(enc);
    return out;
}

static nenc_buffer encode(const toy *t)
{
    nenc_rc_encoder enc;
    overfit_context *c = open_context(t);
    nenc_rc_encoder_init(&enc, 4, 1 << 24);
    overfit_params_encode(&t->shape, &t->params, &enc, set);
    overfit_context_encode(c, (const int16_t *const *)t->grids, &enc, set);
    overfit_context_close(c);
    return finish(&enc);
}

/* Into t, which has a shape and room. */
static nenc_status decode(toy *t, const uint8_t *data, size_t size)
{
    nenc_bytes in;
    nenc_rc_decoder dec;
    overfit_context *c = NULL;
    nenc_bytes_init(&in, data, size);
    nenc_status st = nenc_rc_decoder_init(&dec, &in, &diag);
    if (st >= 0)
        st = overfit_params_decode(&t->shape, &t->params, &dec, set, &diag);
    if (st >= 0)
        st = overfit_context_open(&c, &t->shape, &t->params, 1 << 24, &diag);
    if (st >= 0)
        st = overfit_context_decode(c, t->grids, &dec, set, &diag);
    if (st >= 0)
        st = nenc_rc_decoder_end(&dec, &diag);
    overfit_context_close(c);
    return st;
}

static void check_round_trip(int size, const uint32_t *d, int channels,
                             bool is_extreme)
{
    toy t, back;
    make_toy(&t, size, d, channels, is_extreme);
    make_toy(&back, size, d, channels, false);
    nenc_buffer coded = encode(&t);
    assert_int_equal(decode(&back, coded.data, coded.size), NENC_OK);
    assert_memory_equal(back.params.step, t.params.step, sizeof t.params.step);
    assert_memory_equal(back.params.number, t.params.number,
                        t.shape.n_params * sizeof(int32_t));
    for (int i = 0; i < t.shape.n_grids; i++)
        assert_memory_equal(back.grids[i], t.grids[i],
                            (size_t)t.shape.grids[i].width
                            * t.shape.grids[i].height * sizeof(int16_t));
    nenc_buffer_free(&coded);
    free_toy(&back);
    free_toy(&t);
}

static void units_come_back(void **state)
{
    (void)state;
    for (int size = 0; size < OVERFIT_SIZES; size++)
        for (int i = 0; i < N_DIMS; i++)
            for (int channels = 1; channels <= 3; channels += 2)
                for (int is_extreme = 0; is_extreme < 2; is_extreme++)
                    check_round_trip(size, dims[i], channels, is_extreme);
}

/* -------------------------------------------------- the network, by the book */

/* The greatest n with n * d <= v. */
static int64_t floor_div(int64_t v, int64_t d)
{
    return v >= 0 ? v / d : -((d - 1 - v) / d);
}

static int64_t limit(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static int64_t symbol_at(const toy *t, int g, int64_t y, int64_t x)
{
    const overfit_grid *grid = &t->shape.grids[g];
    return y < 0 || x < 0 || y >= grid->height || x >= grid->width ? 0
           : t->grids[g][y * grid->width + x];
}

/* 8 and 16 fractional bits. */
static int64_t weight_at(const toy *t, const overfit_layer *l, int row, int col)
{
    return (int64_t)t->params.number[l->weight + (uint32_t)(row * l->cols + col)]
           * (1 << (8 - t->params.step[l->module][0]));
}

static int64_t bias_at(const toy *t, const overfit_layer *l, int row)
{
    return (int64_t)t->params.number[l->bias + (uint32_t)row]
           * (1 << (16 - t->params.step[l->module][1]));
}

static int64_t feature_at(const toy *t, int k, int f, int64_t y, int64_t x)
{
    const overfit_layer *l = t->shape.mixer[k];
    const int first = overfit_coarser(&t->shape, (uint32_t)k);
    int64_t sum = floor_div(bias_at(t, l, f) + 128, 256);
    for (int g = 0; g < l->cols; g++) {
        const int d = (int)t->shape.grids[first + g].level - k;
        sum += weight_at(t, l, f, g) * symbol_at(t, first + g, y >> d, x >> d);
    }
    return limit(sum, -32767, 32767);
}

static void fill_inputs(const toy *t, int g, int64_t y, int64_t x, int64_t *c)
{
    const overfit_size *size = t->shape.size;
    const uint32_t level = t->shape.grids[g].level;
    for (int i = 0; i < size->spatial; i++)
        *c++ = 256 * symbol_at(t, g, y + overfit_contexts[i][0],
                               x + overfit_contexts[i][1]);
    for (int f = 0; f < size->features; f++)
        *c++ = level < OVERFIT_MIXERS ? feature_at(t, (int)level, f, y, x) : 0;
}

static int64_t sum_row(const toy *t, const overfit_layer *l, int row,
                       const int64_t *x)
{
    int64_t sum = l->has_bias ? bias_at(t, l, row) : 0;
    for (int i = 0; i < l->cols; i++)
        sum += weight_at(t, l, row, i) * x[i];
    return sum;
}

/* @return the table; *base is the whole part of the mean */
static uint16_t predict(const toy *t, int g, int64_t y, int64_t x,
                        int64_t *base)
{
    const overfit_shape *s = &t->shape;
    int64_t c[OVERFIT_INPUTS], h[OVERFIT_INPUTS], next[OVERFIT_INPUTS];
    fill_inputs(t, g, y, x, c);
    memcpy(h, c, sizeof h);
    for (int k = 0; k < OVERFIT_LAYERS; k++) {
        for (int o = 0; o < s->inputs; o++)
            next[o] = limit(floor_div(sum_row(t, s->hidden[k], o, h)
                                      + 256 * h[o] + 128, 256), 0, 32767);
        memcpy(h, next, sizeof h);
    }
    const int64_t acc0 = sum_row(t, s->out, 0, h) + sum_row(t, s->direct, 0, c);
    const int64_t acc1 = sum_row(t, s->out, 1, h) + sum_row(t, s->direct, 1, c)
                         - (4 << 16);
    const int64_t mean = limit(floor_div(acc0 + 1024, 2048), -4064, 4064);
    const int64_t scale = limit(floor_div(acc1 + 5 * 65536 + 2048, 4096), 0,
                                128);
    *base = floor_div(mean, 32);
    return (uint16_t)(32 * scale + mean - 32 * *base);
}

/* All symbols in order, one at a time. @return what they cost */
static uint64_t encode_slowly(const toy *t, nenc_rc_encoder *enc)
{
    uint64_t cost = 0;
    for (int g = t->shape.n_grids; g-- > 0;) {
        const int64_t w = t->shape.grids[g].width;
        const int64_t h = t->shape.grids[g].height;
        const int64_t delay = t->shape.size->delay;
        for (int64_t step = 0; step < w + delay * h; step++)
            for (int64_t y = 0; y < h; y++) {
                const int64_t x = step - delay * y;
                int64_t base;
                if (x < 0 || x >= w)
                    continue;
                const uint16_t table = predict(t, g, y, x, &base);
                const int32_t v = (int32_t)(symbol_at(t, g, y, x) - base);
                cost += nenc_cdf_cost(set, table, v);
                nenc_rc_encode_run(enc, set, &table, &v, 1);
            }
    }
    return cost;
}

static void check_network(int size, const uint32_t *d, bool is_extreme)
{
    toy t;
    nenc_rc_encoder slow, fast;
    make_toy(&t, size, d, 3, is_extreme);
    overfit_context *c = open_context(&t);
    nenc_rc_encoder_init(&slow, 3, 1 << 24);
    nenc_rc_encoder_init(&fast, 3, 1 << 24);
    const uint64_t sum = encode_slowly(&t, &slow);
    overfit_context_encode(c, (const int16_t *const *)t.grids, &fast, set);
    nenc_buffer a = finish(&slow), b = finish(&fast);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    const uint64_t cost
        = overfit_context_cost(c, (const int16_t *const *)t.grids, set);
    assert_true(fabs((double)cost - (double)sum) < 1e-4 * (double)sum + 100);
    assert_true(fabs((double)cost / 65536 / 8 - (double)a.size)
                < 20 + 1e-3 * (double)a.size);
    nenc_buffer_free(&a);
    nenc_buffer_free(&b);
    overfit_context_close(c);
    free_toy(&t);
}

static void network_is_as_defined(void **state)
{
    (void)state;
    for (int size = 0; size < OVERFIT_SIZES; size++)
        for (int i = 0; i < N_DIMS; i++)
            for (int is_extreme = 0; is_extreme < 2; is_extreme++)
                check_network(size, dims[i], is_extreme);
}

/* A step's contexts lie in earlier steps, and in the ring of 16. */
static void contexts_are_coded_before(void **state)
{
    (void)state;
    for (int size = 0; size < OVERFIT_SIZES; size++)
        for (int i = 0; i < overfit_sizes[size].spatial; i++) {
            const int ahead = overfit_contexts[i][1]
                              + overfit_sizes[size].delay
                                * overfit_contexts[i][0];
            assert_in_range(-ahead, 1, 15);
            assert_in_range(-overfit_contexts[i][0], 0, 4);
        }
}

/* ------------------------------------------------------------------ kernels */

static void fill_net(overfit_net *net, int size, int weight, int bias)
{
    memset(net, 0, sizeof *net);
    net->inputs = overfit_sizes[size].spatial + overfit_sizes[size].features;
    for (int k = 0; k < OVERFIT_LAYERS; k++)
        for (int o = 0; o < net->inputs; o++) {
            net->hidden_bias[k][o] = below(2 * bias) - bias;
            for (int i = 0; i < net->inputs; i++)
                net->hidden[k][o][i] = (int16_t)(below(2 * weight) - weight
                                                 + 256 * (o == i));
        }
    for (int o = 0; o < 2; o++) {
        net->out_bias[o] = below(2 * bias) - bias;
        for (int i = 0; i < 2 * net->inputs; i++)
            net->out[o][i] = (int16_t)(below(2 * weight) - weight);
    }
}

static void check_kernels(const overfit_context_kernels *k, int size,
                          int weight, int bias, size_t n)
{
    enum { ROOM = 96 };
    static int16_t in[OVERFIT_INPUTS][ROOM];
    const int16_t *at[OVERFIT_INPUTS];
    uint16_t table[2][ROOM];
    int16_t base[2][ROOM];
    overfit_net net;
    fill_net(&net, size, weight, bias);
    for (int i = 0; i < OVERFIT_INPUTS; i++) {
        at[i] = in[i] + i % 7;
        for (int p = 0; p < ROOM; p++)
            in[i][p] = (int16_t)(below(65535) - 32767);
    }
    overfit_context_portable.run(&net, at, n, table[0], base[0]);
    k->run(&net, at, n, table[1], base[1]);
    assert_memory_equal(table[0], table[1], n * sizeof table[0][0]);
    assert_memory_equal(base[0], base[1], n * sizeof base[0][0]);
}

static void kernels_agree(void **state)
{
    const nenc_kernels *const *list;
    const size_t n = nenc_kernels_list(&list);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        setenv("NENC_KERNELS", list[i]->name, 1);
        const overfit_context_kernels *k = overfit_context_kernels_best();
        if (strcmp(list[i]->name, "neon"))
            assert_string_equal(k->name, list[i]->name);
        for (int size = 0; size < OVERFIT_SIZES; size++)
            for (size_t run = 1; run < 70; run += 3) {
                check_kernels(k, size, 1023, 1 << 26, run);
                check_kernels(k, size, 40, 1 << 16, run);
            }
    }
    unsetenv("NENC_KERNELS");
}

/* --------------------------------------------------------------- parameters */

static void values_are_exact(void **state)
{
    toy t;
    (void)state;
    make_toy(&t, 3, dims[2], 3, false);
    float *values = malloc(t.shape.n_params * sizeof *values);
    assert_non_null(values);
    t.params.number[t.shape.hidden[0]->weight] = -65535;
    overfit_params_values(&t.shape, &t.params, values);
    for (int i = 0; i < t.shape.n_layers; i++) {
        const overfit_layer *l = &t.shape.layers[i];
        for (uint32_t k = l->weight; k < l->bias; k++)
            assert_true(ldexp((double)values[k], t.params.step[l->module][0])
                        == t.params.number[k]);
        for (uint32_t k = 0; l->has_bias && k < (uint32_t)l->rows; k++)
            assert_true(ldexp((double)values[l->bias + k],
                              t.params.step[l->module][1])
                        == t.params.number[l->bias + k]);
    }
    free(values);
    free_toy(&t);
}

/* Within 1 % and a few bits of the entropy, for narrow and wide ones. */
static void costs_are_fair(void **state)
{
    enum { N = 4000 };
    static int32_t number[N];
    (void)state;
    for (double b = 1; b < 6000; b *= 1.7) {
        double ideal = 0;
        int width;
        for (int i = 0; i < N; i++) {
            number[i] = laplace(b, OVERFIT_NUMBER);
            ideal -= log2(mass(number[i] - 0.5, number[i] + 0.5, b));
        }
        const double bits = overfit_params_cost(set, number, N, &width) / 65536.;
        if (bits > 1.01 * ideal + 8 || bits < 0.98 * ideal)
            fail_msg("scale %g: %g bits, not %g", b, bits, ideal);
        assert_in_range(width, 0, OVERFIT_WIDTHS - 1);
    }
    memset(number, 0, sizeof number);
    assert_true(overfit_params_cost(set, number, N, NULL) < 65536);
    for (int i = 0; i < N; i++)
        number[i] = below(2) ? OVERFIT_NUMBER : -OVERFIT_NUMBER;
    assert_true(overfit_params_cost(set, number, N, NULL) > (uint32_t)N << 16);
}

static nenc_status status_of(toy *t)
{
    overfit_context *c;
    const nenc_status st = overfit_context_open(&c, &t->shape, &t->params,
                                                1 << 24, &diag);
    overfit_context_close(c);
    return st;
}

static void limits_are_kept(void **state)
{
    toy t;
    overfit_context *c;
    (void)state;
    make_toy(&t, 2, dims[2], 3, false);
    int32_t *weight = &t.params.number[t.shape.mixer[2]->weight + 3];
    int32_t *bias = &t.params.number[t.shape.out->bias + 1];
    assert_int_equal(status_of(&t), NENC_OK);
    *weight = -1024;
    assert_int_equal(status_of(&t), NENC_EBITSTREAM);
    *weight = -1023;
    assert_int_equal(status_of(&t), NENC_OK);
    t.params.step[OVERFIT_ARM][1] = 6;
    *bias = 65536;
    assert_int_equal(status_of(&t), NENC_EBITSTREAM);
    *bias = 65535;
    assert_int_equal(status_of(&t), NENC_OK);
    t.params.step[OVERFIT_ARM][1] = 0;
    assert_int_equal(status_of(&t), NENC_EBITSTREAM);
    t.params.step[OVERFIT_ARM][1] = 17;
    assert_int_equal(status_of(&t), NENC_EBITSTREAM);
    t.params.step[OVERFIT_ARM][1] = 16;
    assert_int_equal(overfit_context_open(&c, &t.shape, &t.params, 1000, &diag),
                     NENC_ELIMIT);
    assert_null(c);
    free_toy(&t);
}

/* ------------------------------------------------------------------- damage */

static void large_symbols_are_refused(void **state)
{
    toy t;
    (void)state;
    make_toy(&t, 1, dims[1], 1, false);
    t.grids[0][7 * 5 - 1] = 128;
    nenc_buffer coded = encode(&t);
    assert_int_equal(decode(&t, coded.data, coded.size), NENC_EBITSTREAM);
    nenc_buffer_free(&coded);
    free_toy(&t);
}

/* Each in a block of its own size, so that tools see what is read beyond. */
static nenc_status decode_copy(toy *t, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + !size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    const nenc_status st = decode(t, copy, size);
    free(copy);
    return st;
}

static void damage_is_survived(void **state)
{
    toy t;
    (void)state;
    for (int size = 0; size < OVERFIT_SIZES; size++) {
        make_toy(&t, size, dims[2], 3, false);
        nenc_buffer coded = encode(&t);
        for (size_t n = 0; n < coded.size; n += n < 40 ? 1 : 13)
            assert_true(decode_copy(&t, coded.data, n) < 0);
        for (size_t bit = 0; bit < 8 * coded.size; bit += bit < 400 ? 1 : 101) {
            coded.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            const nenc_status st = decode_copy(&t, coded.data, coded.size);
            assert_true(st == NENC_OK || st == NENC_ETRUNCATED
                        || st == NENC_EBITSTREAM);
            coded.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        nenc_buffer_free(&coded);
        free_toy(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_close),
        cmocka_unit_test(tables_never_change),
        cmocka_unit_test(costs_are_sums),
        cmocka_unit_test(units_come_back),
        cmocka_unit_test(network_is_as_defined),
        cmocka_unit_test(contexts_are_coded_before),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(values_are_exact),
        cmocka_unit_test(costs_are_fair),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(large_symbols_are_refused),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, open_tables, close_tables);
}
