/* SPDX-License-Identifier: BSD-2-Clause */
/* A hyperprior stream, written: analysis part by part, then unit by unit
 * quantisation by rate and distortion, and entropy coding.  Nothing here is
 * normative but the order of what is written.  Not here: the prediction
 * (hyperprior_unit.c). */
#include <math.h>
#include <string.h>

#include "exact_math.h"
#include "hyperprior_refine.h"
#include "range_coder.h"

/* Distortion counts this much more than lambda says: dropped symbols spoil the
 * prediction of others a little, which the sum over symbols does not see.
 * Kodak 1 to 4, BD-rate against JPEG: 1.6 -41.9, 2 -41.9, 2.6 -41.5 (and with an
 * earlier model 0.6 -34.6, 1 -37.8, 1.5 -38.9, 2.2 -39.0). */
#define RDO_CAUTION 2.0f

/* Refinement measures instead, and with that much more lambda comes to the same
 * quality as without, or a little better. */
#define REFINED_LAMBDA 1.7f

/* exp(this) times as much makes the rate come near that of the next quality:
 * 0.155 would at quality 10, 0.18 at 50, 0.235 at 90 (Kodak 3, 8, 15, 20). */
#define RDO_FINER 0.18f

/* -------------------------------------------------------------------- input */

typedef struct load_job {
    const nenc_image *src;
    const hyper_part *in;    /* pixels of the padded picture */
    float *x;
    float offset;
} load_job;

/* Rows of the padded picture: samples beyond the edges repeat them. */
static void load_rows(void *user, int worker, size_t first, size_t end)
{
    const load_job *j = user;
    const size_t width = j->src->width, w = j->in->x1 - j->in->x0;
    const size_t step = j->src->channels, colour = step >= 3;
    (void)worker;
    for (size_t row = first; row < end; row++) {
        const size_t y = NENC_MIN(j->in->y0 + row, (size_t)j->src->height - 1);
        const uint8_t *s = j->src->data + y * j->src->stride;
        const uint16_t *deep = (const uint16_t *)(const void *)s;
        float *d = j->x + row * w * 3;
        for (size_t i = 0; i < w; i++) {
            const size_t x = NENC_MIN(j->in->x0 + i, width - 1);
            for (size_t k = 0; k < 3; k++) {
                const size_t at = step * x + k * colour;
                const float v = j->src->bits == 16
                    ? (float)deep[at] * (1.0f / 65535.0f)
                    : (float)s[at] * (1.0f / 255.0f);
                d[3 * i + k] = v - j->offset;
            }
        }
    }
}

void hyper_load(const hyper_context *c, const nenc_image *src,
                const hyper_part *in, nenc_pool *pool, float *x)
{
    load_job j = { src, in, x, c->model->offset };
    nenc_pool_run(pool, in->y1 - in->y0, 16, load_rows, &j);
}

/* A part of g_a's output, which begins with latent (y0, x0), to its place. */
static void keep_part(const hyper_context *c, const hyper_part *part,
                      const float *y, size_t y0, size_t x0, size_t w)
{
    const size_t n = c->model->y_channels;
    for (size_t row = part->y0; row < part->y1; row++)
        memcpy(hyper_row(c, row) + part->x0 * n,
               y + ((row - y0) * w + part->x0 - x0) * n,
               (part->x1 - part->x0) * n * sizeof *y);
}

static nenc_status analyse_part(hyper_context *c, const nenc_image *src,
                                const hyper_part *part, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    hyper_part in;
    NENC_TRY(hyper_plan_region(c, true, part, &in, diag));
    hyper_load(c, src, &in, c->params.pool, nenc_plan_input(
        c->region, (size_t)nenc_net_input(m->g_a, "x")));
    hyper_set_quality(c->t, m->g_a, c->region);
    NENC_TRY(nenc_plan_run(c->region, diag));
    const size_t s = m->y_stride;
    keep_part(c, part, nenc_plan_output(c->region), in.y0 / s, in.x0 / s,
              (in.x1 - in.x0) / s);
    return NENC_OK;
}

/* The latents' next rows, dropping those before `keep`. */
static nenc_status analyse_rows(hyper_context *c, const nenc_image *src,
                                size_t keep, nenc_diag *diag)
{
    const size_t y0 = c->y_end;
    nenc_status st;
    do {
        const size_t y1 = NENC_MIN(y0 + c->part, c->y_h);
        c->y_end = y0;
        st = hyper_rows_extend(c, keep, y1, diag);
        for (size_t x = 0; st >= 0 && x < c->y_w; x += c->part) {
            const hyper_part part = { y0, y1, x,
                                      NENC_MIN(x + c->part, c->y_w) };
            st = analyse_part(c, src, &part, diag);
        }
    } while (st == NENC_ELIMIT && hyper_smaller_part(c));
    return st;
}

/* ------------------------------------------------------------- quantisation */

static nenc_status make_z(hyper_unit *u, nenc_diag *diag)
{
    const hyper_model *m = u->model;
    float *in = nenc_plan_input(u->h_a, (size_t)nenc_net_input(m->h_a, "y"));
    const size_t n = hyper_y_size(u);
    for (size_t i = 0; i < n; i++)
        in[i] = m->abs_y ? fabsf(u->y[i]) : u->y[i];
    hyper_set_quality(u->t, m->h_a, u->h_a);
    NENC_TRY(nenc_plan_run(u->h_a, diag));
    const float *z = nenc_plan_output(u->h_a);
    for (size_t i = 0; i < hyper_z_size(u); i++) {
        u->z[i] = z[i] - (m->z_offset ? m->z_offset[u->z_index[i]] : 0.0f);
        u->z_symbol[i] = hyper_nearest(u->z[i]);
    }
    return NENC_OK;
}

typedef struct quantise_job {
    hyper_unit *u;
    const float *weight;     /* [y_channels]: bits that an error of 1 costs */
} quantise_job;

static float bits_of(const nenc_cdf_set *set, uint16_t table, int32_t value)
{
    return (float)nenc_cdf_cost(set, table, value) * (1.0f / 65536.0f);
}

/* The nearest symbol, or one nearer to 0 where the bits saved are worth more
 * than the distortion added. */
static int32_t choose(const nenc_cdf_set *set, uint16_t table, float v,
                      float weight)
{
    const int32_t near = hyper_nearest(v);
    if (!near || weight <= 0)
        return near;
    const int32_t less = near > 0 ? near - 1 : near + 1;
    const float e0 = v - (float)near, e1 = v - (float)less;
    const float cost0 = bits_of(set, table, near) + weight * e0 * e0;
    const float cost1 = bits_of(set, table, less) + weight * e1 * e1;
    return cost1 < cost0 ? less : near;
}

static void quantise_rows(void *user, int worker, size_t first, size_t end)
{
    const quantise_job *j = user;
    const hyper_unit *u = j->u;
    const hyper_model *m = u->model;
    const size_t n = m->y_channels;
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++) {
        const float *mean = m->entropy == HYPER_MEAN_SCALE
                            ? u->y_mean + p * n : m->y_offset;
        for (size_t k = 0; k < n; k++) {
            const float v = u->y[p * n + k] - (mean ? mean[k] : 0.0f);
            u->y_symbol[p * n + k] = choose(m->y_set, u->y_index[p * n + k], v,
                                            j->weight[k]);
        }
    }
}

/* Bits that a pixel's squared error is worth, of samples 0 to 255. */
static float lambda_of(const hyper_unit *u)
{
    const hyper_model *m = u->model;
    const float span = m->log_lambda[1] - m->log_lambda[0];
    const float part = span * u->t;
    const float finer = RDO_FINER * u->finer;
    return nenc_exactf_exp(m->log_lambda[0] + part + finer);
}

/* What an error of one step in a channel costs, in bits.  Training minimised
 * bits / pixel + lambda 255^2 MSE, with the MSE a mean over pixels and three
 * colours; the synthesis is close to orthonormal, so an error e of a latent
 * adds (e inverse_gain)^2 to the squared error of the picture. */
static nenc_status quantise(hyper_unit *u, nenc_diag *diag)
{
    const hyper_model *m = u->model;
    float *weight = nenc_mem_zalloc(m->y_channels, sizeof *weight);
    if (!weight)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    if (m->has_lambda) {
        const float lambda = lambda_of(u);
        for (size_t k = 0; k < m->y_channels; k++)
            weight[k] = RDO_CAUTION * lambda * (255.0f * 255.0f / 3.0f)
                        * u->inverse[k] * u->inverse[k];
    }
    quantise_job j = { u, weight };
    nenc_pool_run(u->pool, u->y_h, 1, quantise_rows, &j);
    nenc_mem_free(weight);
    return NENC_OK;
}

/* ------------------------------------------------------------------ output */

/* More lanes decode faster, and cost about three bytes each. */
static unsigned lanes_for(size_t symbols)
{
    return symbols >= 1u << 20 ? 4 : symbols >= 1u << 14 ? 2 : 1;
}

static nenc_status write_symbols(hyper_unit *u, nenc_buffer *out,
                                 nenc_diag *diag)
{
    const hyper_model *m = u->model;
    nenc_rc_encoder enc;
    nenc_rc_encoder_init(&enc, lanes_for(hyper_y_size(u)), u->max_memory);
    if (m->h_s)
        nenc_rc_encode_run(&enc, m->z_set, u->z_index, u->z_symbol,
                           hyper_z_size(u));
    nenc_rc_encode_run(&enc, m->y_set, u->y_index, u->y_symbol,
                       hyper_y_size(u));
    const nenc_status st = nenc_rc_encoder_finish(&enc, out, diag);
    nenc_rc_encoder_free(&enc);
    return st;
}

/* One unit being written. */
typedef struct unit_job {
    hyper_unit *u;
    hyper_context *c;
    const nenc_image *src;
    const nenc_units *units;
    bool tells;              /* this one's progress; run by the caller */
    size_t y, x;             /* its first latent */
    nenc_buffer bytes;
    nenc_status status;
    nenc_diag diag;
} unit_job;

static void gain_rows(void *user, int worker, size_t first, size_t end)
{
    const unit_job *j = user;
    const hyper_unit *u = j->u;
    const size_t n = u->model->y_channels;
    (void)worker;
    for (size_t row = first; row < end; row++) {
        const float *s = hyper_row(j->c, j->y + row) + j->x * n;
        float *d = u->y + row * u->y_w * n;
        for (size_t x = 0; x < u->y_w; x++, s += n, d += n)
            for (size_t k = 0; k < n; k++)
                d[k] = s[k] * u->gain[k];
    }
}

static void tick(void *user, double done)
{
    const unit_job *j = user;
    if (j->tells
        && j->units->tick(j->units->user, done) == NENC_TICK_END)
        atomic_store(&j->c->hurry, true);
}

static nenc_status refine_unit(unit_job *j)
{
    const hyper_refine_job job = {
        .c = j->c, .u = j->u, .src = j->src, .y = j->y, .x = j->x,
        .lambda = REFINED_LAMBDA * lambda_of(j->u), .tick = tick, .user = j,
    };
    return hyper_refine(&job, &j->diag);
}

static nenc_status write_unit(unit_job *j)
{
    hyper_unit *u = j->u;
    nenc_pool_run(u->pool, u->y_h, 1, gain_rows, j);
    if (u->model->h_s) {
        NENC_TRY(make_z(u, &j->diag));
        NENC_TRY(hyper_unit_predict(u, &j->diag));
    }
    NENC_TRY(quantise(u, &j->diag));
    if (j->c->refining)
        NENC_TRY(refine_unit(j));
    return write_symbols(u, &j->bytes, &j->diag);
}

static void run_jobs(void *user, int worker, size_t first, size_t end)
{
    unit_job *jobs = user;
    for (size_t i = first; i < end; i++) {
        jobs[i].tells = worker == 0 && jobs[i].units->tick;
        jobs[i].status = write_unit(&jobs[i]);
    }
}

/* Of one picture being written. */
typedef struct writing {
    hyper_context *c;
    const nenc_image *src;
    const nenc_units *units;
    nenc_sha256 *symbols;
    unit_job *jobs;          /* [c->n_units] */
    bool keep;               /* latents, for the next time */
} writing;

/* Units [from, end) of a row, side by side. */
static nenc_status write_batch(writing *w, uint32_t uy, uint32_t from,
                               uint32_t end, nenc_diag *diag)
{
    hyper_context *c = w->c;
    unit_job *jobs = w->jobs;
    const size_t n = end - from;
    nenc_status st = NENC_OK;
    for (size_t i = 0; st >= 0 && i < n; i++) {
        unit_job *j = &jobs[i];
        *j = (unit_job){ .u = &c->units[i], .c = c, .src = w->src,
                         .units = w->units, .y = uy * c->unit_h,
                         .x = (from + i) * c->unit_w };
        nenc_buffer_init(&j->bytes, c->params.max_memory / 4);
        st = hyper_unit_prepare(j->u, NENC_MIN(c->unit_h, c->y_h - j->y),
                                NENC_MIN(c->unit_w, c->y_w - j->x), true,
                                diag);
    }
    if (st >= 0) {
        if (n == 1)
            run_jobs(jobs, 0, 0, 1);
        else
            nenc_pool_run(c->params.pool, n, 1, run_jobs, jobs);
    }
    for (size_t i = 0; i < n; i++) {
        if (st >= 0 && jobs[i].status < 0)
            st = nenc_fail(diag, jobs[i].status, "%s", jobs[i].diag.text);
        if (st >= 0) {
            hyper_unit_hash(jobs[i].u, w->symbols);
            st = w->units->put(w->units->user,
                               uy * c->units_x + from + (uint32_t)i,
                               &jobs[i].bytes, diag);
        }
        nenc_buffer_free(&jobs[i].bytes);
    }
    return st;
}

static nenc_status write_picture(writing *w, nenc_diag *diag)
{
    hyper_context *c = w->c;
    const uint32_t step = (uint32_t)c->n_units;
    for (uint32_t y = 0; y < c->units_y; y++) {
        const size_t first = y * c->unit_h;
        hyper_part rows = { first, NENC_MIN(first + c->unit_h, c->y_h), 0,
                            c->y_w };
        if (c->refining)         /* it looks at what lies around a unit */
            NENC_TRY(hyper_reach(c, false, &rows, &rows, diag));
        while (c->y_end < rows.y1)
            NENC_TRY(analyse_rows(c, w->src, w->keep ? 0 : rows.y0, diag));
        for (uint32_t x = 0; x < c->units_x; x += step)
            NENC_TRY(write_batch(w, y, x, NENC_MIN(c->units_x, x + step),
                                 diag));
    }
    return NENC_OK;
}

/* Latents are kept that do not depend on the quality and leave most of the
 * memory to others. */
static bool can_keep(const hyper_context *c)
{
    const hyper_model *m = c->model;
    return c->params.keep && nenc_net_input(m->g_a, "q") < 0
        && c->y_h < c->params.max_memory / 4 / sizeof(float) / c->y_w
                    / m->y_channels;
}

nenc_status hyper_encode(void *context, const nenc_image *src,
                         const nenc_units *units, nenc_sha256 *symbols,
                         nenc_diag *diag)
{
    hyper_context *c = context;
    if (!c->model->g_a || (c->model->h_s && !c->model->h_a))
        return nenc_fail(diag, NENC_EMODEL,
                         "the model has no analysis networks: it only decodes");
    writing w = { .c = c, .src = src, .units = units, .symbols = symbols,
                  .keep = can_keep(c) };
    if (!w.keep)
        c->y_first = c->y_end = 0;
    atomic_store(&c->hurry, false);
    w.jobs = nenc_mem_zalloc(c->n_units, sizeof *w.jobs);
    if (!w.jobs)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    const nenc_status st = write_picture(&w, diag);
    nenc_mem_free(w.jobs);
    return st;
}
