/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  One unit of a hyperprior stream, read: first the symbols, then
 * the samples.  Not here: the prediction (hyperprior.c). */
#include "hyperprior.h"
#include "range_coder.h"

/* Symbols as the conformance hash wants them. */
static void hash_symbols(nenc_sha256 *h, const int32_t *symbol, size_t n)
{
    uint8_t block[1024];
    while (n) {
        const size_t m = NENC_MIN(n, sizeof block / 4);
        for (size_t i = 0; i < m; i++)
            nenc_bytes_put_u32(block + 4 * i, (uint32_t)symbol[i]);
        nenc_sha256_update(h, block, 4 * m);
        symbol += m;
        n -= m;
    }
}

static nenc_status read_symbols(hyper_context *c, nenc_bytes *src,
                                nenc_sha256 *symbols, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    nenc_rc_decoder dec;
    NENC_TRY(nenc_rc_decoder_init(&dec, src, diag));
    if (m->h_s) {
        NENC_TRY(nenc_rc_decode_run(&dec, m->z_set, c->z_index, c->z_symbol,
                                    hyper_z_size(c), diag));
        hash_symbols(symbols, c->z_symbol, hyper_z_size(c));
        NENC_TRY(hyper_predict(c, diag));
    }
    NENC_TRY(nenc_rc_decode_run(&dec, m->y_set, c->y_index, c->y_symbol,
                                hyper_y_size(c), diag));
    hash_symbols(symbols, c->y_symbol, hyper_y_size(c));
    NENC_TRY(nenc_rc_decoder_end(&dec, diag));
    if (nenc_bytes_left(src))
        return nenc_fail(diag, NENC_EBITSTREAM, "%zu bytes after the unit",
                         nenc_bytes_left(src));
    return NENC_OK;
}

static void dequantise_rows(void *user, int worker, size_t first, size_t end)
{
    const hyper_context *c = user;
    const hyper_model *m = c->model;
    const size_t n = m->y_channels;
    (void)worker;
    for (size_t p = first * c->y_w; p < end * c->y_w; p++) {
        const int32_t *symbol = c->y_symbol + p * n;
        const float *mean = m->entropy == HYPER_MEAN_SCALE
                            ? c->y_mean + p * n : m->y_offset;
        float *y = c->y + p * n;
        for (size_t k = 0; k < n; k++) {
            const float v = (float)symbol[k];
            const float sum = mean ? v + mean[k] : v;
            y[k] = sum * c->inverse[k];
        }
    }
}

/* 0..255 from a network's sample; NaN gives 0.  Adding and taking away 1.5 2^23
 * rounds to the nearest integer, ties to even, by IEEE-754 alone. */
static uint8_t to_byte(float v, float offset)
{
    const float sum = v + offset;
    const float scaled = sum * 255.0f;
    const float low = scaled > 0.0f ? scaled : 0.0f;
    const float high = low < 255.0f ? low : 255.0f;
    const volatile float moved = high + 12582912.0f;
    return (uint8_t)(moved - 12582912.0f);
}

typedef struct store_job {
    const float *x;
    size_t w;                /* of x, padded */
    float offset;
    const nenc_image *dst;
} store_job;

static void store_rows(void *user, int worker, size_t first, size_t end)
{
    const store_job *j = user;
    (void)worker;
    for (size_t row = first; row < end; row++) {
        const float *x = j->x + row * j->w * 3;
        uint8_t *d = j->dst->data + row * j->dst->stride;
        if (j->dst->channels == 3)
            for (size_t i = 0; i < 3 * (size_t)j->dst->width; i++)
                d[i] = to_byte(x[i], j->offset);
        else
            for (size_t i = 0; i < j->dst->width; i++, x += 3) {
                const float two = x[0] + x[1], three = two + x[2];
                d[i] = to_byte(three * (1.0f / 3.0f), j->offset);
            }
    }
}

nenc_status hyper_decode_unit(void *context, nenc_bytes *src, nenc_image *dst,
                              nenc_sha256 *symbols, nenc_diag *diag)
{
    hyper_context *c = context;
    NENC_TRY(hyper_prepare(c, dst->width, dst->height, false, diag));
    NENC_TRY(read_symbols(c, src, symbols, diag));
    const nenc_net *g_s = c->model->g_s;
    c->y = nenc_plan_input(c->g_s, (size_t)nenc_net_input(g_s, "y"));
    nenc_pool_run(c->params.pool, c->y_h, 1, dequantise_rows, c);
    hyper_set_quality(c, g_s, c->g_s);
    NENC_TRY(nenc_plan_run(c->g_s, diag));
    store_job j = { nenc_plan_output(c->g_s),
                    nenc_plan_output_shape(c->g_s).w, c->model->offset, dst };
    nenc_pool_run(c->params.pool, dst->height, 16, store_rows, &j);
    return NENC_OK;
}
