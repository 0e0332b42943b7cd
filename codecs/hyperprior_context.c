/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream's context: gains at its quality (normative), rows of latents, and
 * planning transforms for parts of a picture.  The transforms see the whole
 * picture's latents; that they are run over parts changes no bit, since a part
 * comes with all that it depends on.  Not here: units, and running. */
#include <string.h>

#include "exact_math.h"
#include "hyperprior.h"
#include "hyperprior_refine.h"

/* Pixels a side of a part: large enough for its margins not to matter, small
 * enough for memory (some 90 bytes a pixel). */
enum { PART = 2048 };

/* exp of the log gain at t: the fixed order of doc/FORMAT.md. */
static void gain_at(float *dst, const hyper_gain *g, size_t channels, float t)
{
    for (size_t c = 0; c < channels; c++)
        dst[c] = 1.0f;
    if (!g->n_points)
        return;
    const float at = t * (float)(g->n_points - 1);
    size_t i = (size_t)at;
    if (i > g->n_points - 2)
        i = g->n_points - 2;
    const float f = at - (float)i;
    const float *a = g->log + i * channels, *b = a + channels;
    for (size_t c = 0; c < channels; c++) {
        const float step = b[c] - a[c];
        const float part = step * f;
        dst[c] = nenc_exactf_exp(a[c] + part);
    }
}

void hyper_set_quality(float t, const nenc_net *net, nenc_plan *p)
{
    const int q = nenc_net_input(net, "q");
    if (q < 0)
        return;
    float *d = nenc_plan_input(p, (size_t)q);
    d[0] = t;
    d[1] = t * t;
}

/* --------------------------------------------------------- opening, closing */

void hyper_close(void *context)
{
    hyper_context *c = context;
    if (!c)
        return;
    for (size_t i = 0; i < c->n_units; i++)
        hyper_unit_close(&c->units[i]);
    nenc_plan_close(c->region);
    hyper_refining_close(c->refining);
    nenc_mem_free(c->units);
    nenc_mem_free(c->y);
    nenc_mem_free(c->gain);
    nenc_mem_free(c->inverse);
    nenc_mem_free(c);
}

/* Latents of the picture and of units.  A unit's lie on whole positions of z,
 * so that every latent belongs to one unit. */
static nenc_status lay_out(hyper_context *c, nenc_diag *diag)
{
    const nenc_codec_params *p = &c->params;
    const size_t z = c->model->z_stride, ratio = z / c->model->y_stride;
    c->y_h = (p->height + z - 1) / z * ratio;
    c->y_w = (p->width + z - 1) / z * ratio;
    c->units_x = (p->width - 1) / p->unit_width + 1;
    c->units_y = (p->height - 1) / p->unit_height + 1;
    if ((c->units_x > 1 && p->unit_width % z)
        || (c->units_y > 1 && p->unit_height % z))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "units of %ux%u, but the model needs multiples of "
                         "%zu", p->unit_width, p->unit_height, z);
    c->x_end = c->y_w;
    c->unit_h = c->units_y > 1 ? p->unit_height / c->model->y_stride : c->y_h;
    c->unit_w = c->units_x > 1 ? p->unit_width / c->model->y_stride : c->y_w;
    const size_t part = (p->region ? p->region : PART) / z * ratio;
    c->part = NENC_MAX(part, ratio);
    return NENC_OK;
}

/* Units side by side where there are some, else one with all threads. */
static nenc_status make_units(hyper_context *c, nenc_diag *diag)
{
    const size_t threads = (size_t)nenc_pool_threads(c->params.pool);
    c->n_units = NENC_MIN(threads, c->units_x);
    c->units = nenc_mem_zalloc(c->n_units, sizeof *c->units);
    if (!c->units) {
        c->n_units = 0;
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < c->n_units; i++) {
        hyper_unit *u = &c->units[i];
        u->model = c->model;
        u->pool = c->n_units > 1 ? NULL : c->params.pool;
        u->gain = c->gain;
        u->inverse = c->inverse;
        u->max_memory = c->params.max_memory / 2 / c->n_units;
        nenc_arena_init(&u->arena, u->max_memory);
    }
    return NENC_OK;
}

nenc_status hyper_open(void **context, const void *bound,
                       const nenc_codec_params *params, nenc_diag *diag)
{
    const hyper_model *m = bound;
    hyper_context *c = nenc_mem_zalloc(1, sizeof *c);
    *context = NULL;
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    c->model = m;
    c->params = *params;
    c->gain = nenc_mem_alloc(m->y_channels, sizeof(float));
    c->inverse = nenc_mem_alloc(m->y_channels, sizeof(float));
    nenc_status st = c->gain && c->inverse ? lay_out(c, diag)
                   : nenc_fail(diag, NENC_ENOMEM, "out of memory");
    if (st >= 0)
        st = make_units(c, diag);
    if (st >= 0 && params->effort)
        st = hyper_refining_open(&c->refining, m, params->max_memory, diag);
    if (st < 0) {
        hyper_close(c);
        return st;
    }
    hyper_quality(c, params->quality, params->finer);
    *context = c;
    return NENC_OK;
}

void hyper_quality(void *context, int quality, float finer)
{
    hyper_context *c = context;
    const hyper_model *m = c->model;
    c->t = (float)quality / 100.0f;
    gain_at(c->gain, &m->gain, m->y_channels, c->t);
    gain_at(c->inverse, &m->inverse, m->y_channels, c->t);
    for (size_t i = 0; i < c->n_units; i++) {
        c->units[i].t = c->t;
        c->units[i].finer = finer;
    }
}

/* ------------------------------------------------------------------ memory */

size_t hyper_memory_left(const hyper_context *c)
{
    size_t used = c->y_room * c->y_w * c->model->y_channels * sizeof *c->y;
    for (size_t i = 0; i < c->n_units; i++)
        used += hyper_unit_memory(&c->units[i]);
    used += c->region ? nenc_plan_memory(c->region) : 0;
    return used < c->params.max_memory ? c->params.max_memory - used : 0;
}

static nenc_status rows_grow(hyper_context *c, size_t rows, nenc_diag *diag)
{
    const size_t row = c->y_w * c->model->y_channels;
    size_t bytes;
    if (!nenc_size_mul(&bytes, rows, row * sizeof *c->y)
        || bytes > hyper_memory_left(c))
        return nenc_fail(diag, NENC_ELIMIT,
                         "latents of %zux%zux%zu are over the limit of %zu "
                         "bytes", rows, c->y_w, c->model->y_channels,
                         c->params.max_memory);
    float *y = nenc_mem_alloc(rows, row * sizeof *y);
    if (!y)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    if (c->y_end > c->y_first)
        memcpy(y, c->y, (c->y_end - c->y_first) * row * sizeof *y);
    nenc_mem_free(c->y);
    c->y = y;
    c->y_room = rows;
    return NENC_OK;
}

nenc_status hyper_rows_extend(hyper_context *c, size_t keep, size_t end,
                              nenc_diag *diag)
{
    const size_t row = c->y_w * c->model->y_channels;
    keep = NENC_MIN(keep, c->y_end);
    if (keep > c->y_first) {
        memmove(c->y, c->y + (keep - c->y_first) * row,
                (c->y_end - keep) * row * sizeof *c->y);
        c->y_first = keep;
    }
    if (end - c->y_first > c->y_room)
        NENC_TRY(rows_grow(c, end - c->y_first, diag));
    c->y_end = end;
    return NENC_OK;
}

/* ---------------------------------------------------------------- planning */

nenc_status hyper_plan(nenc_plan **out, const nenc_net *net,
                       const char *input, size_t h, size_t w, size_t out_h,
                       size_t out_w, bool fast, nenc_pool *pool,
                       size_t max_memory, nenc_diag *diag)
{
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        const bool is_main = nenc_net_input(net, input) == (int)i;
        dims[i] = (nenc_shape){ 1, is_main ? h : 1, is_main ? w : 1,
                                nenc_net_input_channels(net, i) };
    }
    NENC_TRY(nenc_plan_open(out, net, fast ? NENC_ONEDNN : NENC_EXACT, dims,
                            pool, max_memory, diag));
    const nenc_shape s = nenc_plan_output_shape(*out);
    if (s.h == out_h && s.w == out_w)
        return NENC_OK;
    nenc_plan_close(*out);
    *out = NULL;
    return nenc_fail(diag, NENC_EMODEL, "a network gives %zux%zu from %zux%zu "
                     "where %zux%zu is needed", s.h, s.w, h, w, out_h, out_w);
}

/* The network's positions that latents [first, end) depend on, one way, or the
 * samples made of them: `so` to a latent, of `si` that go in.  Cut to those that
 * there are and widened to multiples of `step`.  The latents' own positions are
 * always among them: what a strange network makes of others could not be put
 * in its place. */
static nenc_status widen(const nenc_net *net, const char *input, size_t first,
                         size_t end, size_t si, size_t so, size_t step,
                         size_t n, size_t *in_first, size_t *in_end,
                         nenc_diag *diag)
{
    int64_t from = (int64_t)(first * so), to = (int64_t)(end * so);
    const size_t index = (size_t)nenc_net_input(net, input);
    size_t net_step;
    NENC_TRY(nenc_net_reach(net, index, &from, &to, diag));
    NENC_TRY(nenc_net_step(net, index, &net_step, diag));
    if (step % net_step) {        /* no part has the same windows */
        *in_first = 0;
        *in_end = n;
        return NENC_OK;
    }
    const size_t low = from < (int64_t)(first * si) ? (size_t)NENC_MAX(from, 0)
                                                    : first * si;
    const size_t high = to > (int64_t)(end * si) ? (size_t)to : end * si;
    *in_first = NENC_MIN(low, n) / step * step;
    *in_end = NENC_MIN((high + step - 1) / step * step, n);
    return NENC_OK;
}

nenc_status hyper_reach(hyper_context *c, bool encoding,
                        const hyper_part *part, hyper_part *in,
                        nenc_diag *diag)
{
    const hyper_model *m = c->model;
    const nenc_net *net = encoding ? m->g_a : hyper_synthesis(c);
    const char *input = encoding ? "x" : "y";
    /* positions of the input and of the output to a latent */
    const size_t si = encoding ? m->y_stride : 1;
    const size_t so = encoding ? 1 : hyper_out_stride(c);
    const size_t step = m->z_stride / m->y_stride * si;
    NENC_TRY(widen(net, input, part->y0, part->y1, si, so, step, c->y_h * si,
                   &in->y0, &in->y1, diag));
    return widen(net, input, part->x0, part->x1, si, so, step, c->y_w * si,
                 &in->x0, &in->x1, diag);
}

bool hyper_smaller_part(hyper_context *c)
{
    const size_t ratio = c->model->z_stride / c->model->y_stride;
    const size_t half = c->part / 2 / ratio * ratio;
    if (half < 4 * ratio)
        return false;
    c->part = half;
    return true;
}

/* At the picture's left and right edge a part has a margin less than others.
 * It takes more of the picture instead, if there is, and the plan stays. */
static void take_plans_width(const hyper_context *c, size_t si, hyper_part *in)
{
    const size_t low = c->x_first * si, high = c->x_end * si;
    if (in->x1 - in->x0 >= c->region_w || high - low < c->region_w)
        return;
    in->x1 = NENC_MIN(in->x0 + c->region_w, high);
    in->x0 = in->x1 - c->region_w;
}

nenc_status hyper_plan_region(hyper_context *c, bool encoding,
                              const hyper_part *part, hyper_part *in,
                              nenc_diag *diag)
{
    const hyper_model *m = c->model;
    const size_t si = encoding ? m->y_stride : 1;
    const size_t so = encoding ? 1 : hyper_out_stride(c);
    NENC_TRY(hyper_reach(c, encoding, part, in, diag));
    const size_t h = in->y1 - in->y0;
    if (c->region && c->region_h == h)
        take_plans_width(c, si, in);
    const size_t w = in->x1 - in->x0;
    if (c->region && c->region_h == h && c->region_w == w)
        return NENC_OK;
    nenc_plan_close(c->region);
    c->region = NULL;
    c->region_h = h;
    c->region_w = w;
    return hyper_plan(&c->region, encoding ? m->g_a : hyper_synthesis(c),
                      encoding ? "x" : "y", h, w, h / si * so, w / si * so,
                      c->params.fast && !encoding, c->params.pool,
                      hyper_memory_left(c), diag);
}
