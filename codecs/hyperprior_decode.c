/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  A hyperprior stream, read: units' symbols become latents, then
 * the synthesis of the whole picture's latents, part by part, becomes samples.
 * Not here: the prediction (hyperprior_unit.c). */
#include <string.h>

#include "hyperprior.h"
#include "range_coder.h"

/* One unit being read. */
typedef struct unit_job {
    hyper_unit *u;
    nenc_buffer bytes;
    size_t at;                /* where the unit begins in them */
    uint32_t index;
    float *dst;               /* its first latent in the picture's rows ... */
    size_t pitch;             /* ... and floats from a row to the next */
    nenc_status status;
    nenc_diag diag;
} unit_job;

static nenc_status read_symbols(hyper_unit *u, nenc_bytes *src,
                                nenc_diag *diag)
{
    const hyper_model *m = u->model;
    nenc_rc_decoder dec;
    NENC_TRY(nenc_rc_decoder_init(&dec, src, diag));
    if (m->h_s) {
        NENC_TRY(nenc_rc_decode_run(&dec, m->z_set, u->z_index, u->z_symbol,
                                    hyper_z_size(u), diag));
        NENC_TRY(hyper_unit_predict(u, diag));
    }
    NENC_TRY(nenc_rc_decode_run(&dec, m->y_set, u->y_index, u->y_symbol,
                                hyper_y_size(u), diag));
    NENC_TRY(nenc_rc_decoder_end(&dec, diag));
    if (nenc_bytes_left(src))
        return nenc_fail(diag, NENC_EBITSTREAM, "%zu bytes after the unit",
                         nenc_bytes_left(src));
    return NENC_OK;
}

static void dequantise_rows(void *user, int worker, size_t first, size_t end)
{
    const unit_job *j = user;
    const hyper_unit *u = j->u;
    const hyper_model *m = u->model;
    const size_t n = m->y_channels;
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++) {
        const int32_t *symbol = u->y_symbol + p * n;
        const float *mean = m->entropy == HYPER_MEAN_SCALE
                            ? u->y_mean + p * n : m->y_offset;
        float *y = j->dst + p / u->y_w * j->pitch + p % u->y_w * n;
        for (size_t k = 0; k < n; k++) {
            const float v = (float)symbol[k];
            const float sum = mean ? v + mean[k] : v;
            y[k] = sum * u->inverse[k];
        }
    }
}

/* A unit that is lost: the middle of all pictures. */
static void make_up(const unit_job *j)
{
    const size_t row = j->u->y_w * j->u->model->y_channels;
    for (size_t i = 0; i < j->u->y_h; i++)
        memset(j->dst + i * j->pitch, 0, row * sizeof *j->dst);
}

static void run_jobs(void *user, int worker, size_t first, size_t end)
{
    unit_job *jobs = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        unit_job *j = &jobs[i];
        nenc_bytes src;
        if (j->status == NENC_END)
            continue;
        nenc_bytes_init(&src, j->bytes.data + j->at, j->bytes.size - j->at);
        j->status = read_symbols(j->u, &src, &j->diag);
        if (j->status >= 0)
            nenc_pool_run(j->u->pool, j->u->y_h, 1, dequantise_rows, j);
    }
}

/* Of one picture being read. */
typedef struct reading {
    hyper_context *c;
    const nenc_units *units;
    nenc_image *dst;
    nenc_sha256 *symbols;
    hyper_part wanted;        /* latents that the crop is made of */
    hyper_part needed;        /* and those that they depend on */
    uint32_t next_row;        /* of units */
    unit_job *jobs;           /* [c->n_units] */
} reading;

static nenc_status fetch(reading *r, unit_job *j, uint32_t ux, uint32_t uy,
                         nenc_diag *diag)
{
    hyper_context *c = r->c;
    const size_t y0 = uy * c->unit_h, x0 = ux * c->unit_w;
    j->index = uy * c->units_x + ux;
    j->pitch = c->y_w * c->model->y_channels;
    j->dst = hyper_row(c, y0) + x0 * c->model->y_channels;
    j->diag = (nenc_diag){ NENC_OK, "" };
    NENC_TRY(hyper_unit_prepare(j->u, NENC_MIN(c->unit_h, c->y_h - y0),
                                NENC_MIN(c->unit_w, c->y_w - x0), false,
                                diag));
    j->status = r->units->get(r->units->user, j->index, &j->bytes, &j->at,
                              diag);
    return j->status;
}

static nenc_status settle(reading *r, unit_job *j, nenc_diag *diag)
{
    if (j->status == NENC_OK) {
        hyper_unit_hash(j->u, r->symbols);
        return NENC_OK;
    }
    if (j->status < 0 && !r->c->params.lenient)
        return nenc_fail(diag, j->status, "%s", j->diag.text);
    if (j->status < 0 && r->units->lost)
        r->units->lost(r->units->user, j->index);
    make_up(j);
    return NENC_OK;
}

/* Units [from, end) of a row, side by side. */
static nenc_status read_batch(reading *r, uint32_t uy, uint32_t from,
                              uint32_t end, nenc_diag *diag)
{
    const size_t n = end - from;
    nenc_status st = NENC_OK;
    size_t got = 0;
    while (st >= 0 && got < n) {
        st = fetch(r, &r->jobs[got], from + (uint32_t)got, uy, diag);
        got++;
    }
    if (st >= 0) {
        if (n == 1)
            run_jobs(r->jobs, 0, 0, 1);
        else
            nenc_pool_run(r->c->params.pool, n, 1, run_jobs, r->jobs);
    }
    for (size_t i = 0; i < got; i++) {
        if (st >= 0)
            st = settle(r, &r->jobs[i], diag);
        nenc_buffer_free(&r->jobs[i].bytes);
    }
    return st;
}

static nenc_status read_row(reading *r, size_t keep, nenc_diag *diag)
{
    hyper_context *c = r->c;
    const uint32_t uy = r->next_row++;
    const uint32_t from = (uint32_t)(r->needed.x0 / c->unit_w);
    const uint32_t end = (uint32_t)((r->needed.x1 - 1) / c->unit_w) + 1;
    NENC_TRY(hyper_rows_extend(c, keep, NENC_MIN((uy + 1) * c->unit_h, c->y_h),
                               diag));
    for (uint32_t x = from; x < end; x += (uint32_t)c->n_units)
        NENC_TRY(read_batch(r, uy, x,
                            NENC_MIN(end, x + (uint32_t)c->n_units), diag));
    return NENC_OK;
}

/* ----------------------------------------------------------------- samples */

/* 0..most from a network's sample; NaN gives 0.  Adding and taking away 1.5 2^23
 * rounds to the nearest integer, ties to even, by IEEE-754 alone. */
static inline float to_sample(float v, float offset, float most)
{
    const float sum = v + offset;
    const float scaled = sum * most;
    const float low = scaled > 0.0f ? scaled : 0.0f;
    const float high = low < most ? low : most;
    const float moved = high + 12582912.0f;
    return moved - 12582912.0f;
}

/* The mean of three colours, for gray pictures. */
static inline float to_gray(const float *x)
{
    const float two = x[0] + x[1], three = two + x[2];
    return three * (1.0f / 3.0f);
}

/* `step` samples lie from a pixel to the next: 3 or 4 of colour, 1 or 2 of
 * gray. */
static void store_bytes(uint8_t *d, const float *x, size_t n, size_t step,
                        float offset)
{
    if (step == 3)
        for (size_t i = 0; i < 3 * n; i++)
            d[i] = (uint8_t)to_sample(x[i], offset, 255.0f);
    else
        for (size_t i = 0; i < n; i++, x += 3, d += step) {
            if (step < 3)
                d[0] = (uint8_t)to_sample(to_gray(x), offset, 255.0f);
            for (size_t k = 0; k < 3 && step > 3; k++)
                d[k] = (uint8_t)to_sample(x[k], offset, 255.0f);
        }
}

static void store_words(uint16_t *d, const float *x, size_t n, size_t step,
                        float offset)
{
    for (size_t i = 0; i < n; i++, x += 3, d += step) {
        if (step < 3)
            d[0] = (uint16_t)to_sample(to_gray(x), offset, 65535.0f);
        for (size_t k = 0; k < 3 && step >= 3; k++)
            d[k] = (uint16_t)to_sample(x[k], offset, 65535.0f);
    }
}

/* Samples of a part, from a network's output that begins at (y, x) of the
 * picture, into the crop. */
typedef struct store_job {
    const float *out;
    size_t w;                 /* of out */
    size_t y, x;
    size_t y0, y1, x0, x1;    /* of the picture: what to store */
    float offset;
    const nenc_rect *crop;
    const nenc_image *dst;
} store_job;

static void store_rows(void *user, int worker, size_t first, size_t end)
{
    const store_job *j = user;
    const size_t n = j->x1 - j->x0;
    (void)worker;
    for (size_t row = j->y0 + first; row < j->y0 + end; row++) {
        const float *x = j->out + ((row - j->y) * j->w + j->x0 - j->x) * 3;
        uint8_t *d = j->dst->data + (row - j->crop->y) * j->dst->stride
                   + (j->x0 - j->crop->x) * j->dst->channels
                     * (j->dst->bits / 8);
        if (j->dst->bits == 16)
            store_words((uint16_t *)(void *)d, x, n, j->dst->channels,
                        j->offset);
        else
            store_bytes(d, x, n, j->dst->channels, j->offset);
    }
}

typedef struct copy_job {
    const hyper_context *c;
    const hyper_part *in;
    float *to;
} copy_job;

static void copy_rows(void *user, int worker, size_t first, size_t end)
{
    const copy_job *j = user;
    const size_t n = j->c->model->y_channels;
    const size_t row = (j->in->x1 - j->in->x0) * n;
    (void)worker;
    for (size_t i = first; i < end; i++)
        memcpy(j->to + i * row,
               hyper_row(j->c, j->in->y0 + i) + j->in->x0 * n,
               row * sizeof *j->to);
}

static nenc_status synthesise(reading *r, const hyper_part *part,
                              nenc_diag *diag)
{
    hyper_context *c = r->c;
    const hyper_model *m = c->model;
    const nenc_rect *crop = &c->params.crop;
    const nenc_net *net = hyper_synthesis(c);
    const size_t s = hyper_out_stride(c);
    hyper_part in;
    NENC_TRY(hyper_plan_region(c, false, part, &in, diag));
    copy_job copy = { c, &in, nenc_plan_input(
        c->region, (size_t)nenc_net_input(net, "y")) };
    nenc_pool_run(c->params.pool, in.y1 - in.y0, 1, copy_rows, &copy);
    hyper_set_quality(c->t, net, c->region);
    NENC_TRY(nenc_plan_run(c->region, diag));
    store_job store = {
        .out = nenc_plan_output(c->region), .w = (in.x1 - in.x0) * s,
        .y = in.y0 * s, .x = in.x0 * s,
        .y0 = NENC_MAX(part->y0 * s, crop->y),
        .y1 = NENC_MIN(part->y1 * s, (size_t)crop->y + crop->height),
        .x0 = NENC_MAX(part->x0 * s, crop->x),
        .x1 = NENC_MIN(part->x1 * s, (size_t)crop->x + crop->width),
        .offset = m->offset, .crop = crop, .dst = r->dst,
    };
    nenc_pool_run(c->params.pool, store.y1 - store.y0, 16, store_rows, &store);
    return NENC_OK;
}

/* Rows [y0, y1) of latents into samples, once all that they depend on is
 * there. */
static nenc_status finish_rows(reading *r, size_t y0, size_t y1,
                               nenc_diag *diag)
{
    hyper_context *c = r->c;
    for (size_t x = r->wanted.x0; x < r->wanted.x1; x += c->part) {
        const hyper_part part = { y0, y1, x,
                                  NENC_MIN(x + c->part, r->wanted.x1) };
        NENC_TRY(synthesise(r, &part, diag));
    }
    return NENC_OK;
}

static nenc_status read_picture(reading *r, nenc_diag *diag)
{
    hyper_context *c = r->c;
    size_t y = r->wanted.y0;
    while (y < r->wanted.y1) {
        const size_t end = NENC_MIN(y + c->part, r->wanted.y1);
        const hyper_part rows = { y, end, r->wanted.x0, r->wanted.x1 };
        hyper_part in;
        NENC_TRY(hyper_reach(c, false, &rows, &in, diag));
        while (c->y_end < in.y1)
            NENC_TRY(read_row(r, in.y0, diag));
        const nenc_status st = finish_rows(r, y, end, diag);
        if (st == NENC_ELIMIT && hyper_smaller_part(c))
            continue;
        NENC_TRY(st);
        y = end;
    }
    return NENC_OK;
}

nenc_status hyper_decode(void *context, const nenc_units *units,
                         nenc_image *dst, nenc_sha256 *symbols,
                         nenc_diag *diag)
{
    hyper_context *c = context;
    const nenc_rect *crop = &c->params.crop;
    const size_t s = hyper_out_stride(c);
    if (!hyper_synthesis(c))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "the model has no network for previews");
    reading r = { .c = c, .units = units, .dst = dst, .symbols = symbols };
    r.wanted = (hyper_part){
        crop->y / s, ((size_t)crop->y + crop->height - 1) / s + 1,
        crop->x / s, ((size_t)crop->x + crop->width - 1) / s + 1 };
    NENC_TRY(hyper_reach(c, false, &r.wanted, &r.needed, diag));
    c->x_first = r.needed.x0;
    c->x_end = r.needed.x1;
    r.next_row = (uint32_t)(r.needed.y0 / c->unit_h);
    c->y_first = c->y_end = r.next_row * c->unit_h;
    r.jobs = nenc_mem_zalloc(c->n_units, sizeof *r.jobs);
    if (!r.jobs)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < c->n_units; i++)
        r.jobs[i].u = &c->units[i];
    const nenc_status st = read_picture(&r, diag);
    nenc_mem_free(r.jobs);
    return st;
}
