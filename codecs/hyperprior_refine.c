/* SPDX-License-Identifier: BSD-2-Clause */
/* Latent refinement: symbols that cost less for what they do to the picture,
 * found by gradients through the decoder's networks, which stay as they are.
 *
 * First the hyper-latents z: latents are taken as analysis made them, the
 * distortion of a symbol as quadratic in its error, and z descends (Adam) on the
 * bits and distortion of all symbols chosen under it, rates read off the coding
 * tables and interpolated; more and more of z is set to the integer that it has
 * come near to.  Then y's symbols: with the distortion's true gradient g and its
 * curvature h in each symbol, a step of d changes the cost by
 * bits(k + d) - bits(k) + g d + h d^2; such steps are taken at random, the
 * better the likelier, at a temperature that falls to 0 (simulated annealing,
 * many sites at once).
 *
 * Refinement of latents for fixed networks: Campos et al., arXiv:1906.04151;
 * Yang, Bamler, Mandt, arXiv:2006.04240, whose relaxation by Gumbel noise took
 * twice as many steps here for less.  Not normative. */
#include <math.h>
#include <string.h>

#include "exact_math.h"
#include "hyperprior_refine.h"
#include "random.h"

/* Symbols whose bits are tabled. */
enum { REACH = 32, COSTS = 2 * REACH + 1 };

/* Steps on z and on y at each effort. */
static const struct { int z, y; } steps[10] = {
    { 0, 0 }, { 0, 5 }, { 25, 6 }, { 70, 14 }, { 100, 24 }, { 140, 40 },
    { 200, 60 }, { 300, 90 }, { 450, 140 }, { 700, 220 },
};

/* Of z: Adam's rate; where setting begins.  Of y: the share of steps after
 * which nothing is taken but what is better; how many sites move at most. */
#define Z_RATE 0.03f
#define Z_FREE 0.1f
#define Y_TAIL 0.2f
#define Y_FIRST 0.5f
#define Y_LAST 0.3f

typedef struct refiner {
    const hyper_refine_job *job;
    const hyper_model *m;
    const hyper_refining *shared;
    hyper_unit *u;
    hyper_part in;                /* latents that g_s sees */
    nenc_grad *g_s, *h_s;
    nenc_arena arena;
    float w;                      /* bits that a sample's squared error is
                                     worth, samples 0 to 1 */
    float *weight, *curve;        /* [y_channels]: of a symbol's squared error,
                                     assumed and measured */
    float *latents;               /* [in, y_channels], without the unit's own */
    float *target;                /* samples of `in`, less the offset */
    size_t x0, x1, y0, y1;        /* those that count, from in's first */
    float *z, *z_m, *z_v;         /* and its moments */
    bool *set;                    /* z that moves no more */
    double *sum;                  /* of rows */
    int32_t *y_before, *z_before;
    double before;
    uint64_t noise;
    float temperature, share;
    int done, all;                /* steps, in units of one on y */
    bool is_cold;                 /* asked to come to an end */
} refiner;

/* ------------------------------------------------------------------- shared */

static void set_costs(hyper_refining *r, const hyper_model *m)
{
    for (size_t t = 0; t < m->y_set->n_tables; t++)
        for (int32_t k = -REACH; k <= REACH; k++)
            r->cost[t * COSTS + (size_t)(k + REACH)] =
                (float)nenc_cdf_cost(m->y_set, (uint16_t)t, k)
                * (1.0f / 65536.0f);
    for (size_t t = 0; t <= m->n_thresholds && m->n_thresholds > 1; t++) {
        const float *v = m->thresholds;
        const size_t i = NENC_MIN(t, m->n_thresholds - 1), k = i ? i - 1 : 0;
        const float step = v[k + 1] - v[k];
        r->centre[t] = t == 0 ? v[0] - step / 2
                     : t == m->n_thresholds ? v[i] + step / 2
                     : (v[t] + v[t - 1]) / 2;
    }
}

nenc_status hyper_refining_open(hyper_refining **out, const hyper_model *m,
                                size_t max_memory, nenc_diag *diag)
{
    *out = NULL;
    if (!m->has_lambda)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "this model does not say "
                         "what distortion is worth: it takes no effort");
    hyper_refining *r = nenc_mem_zalloc(1, sizeof *r);
    if (!r)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    r->cost = nenc_mem_alloc(m->y_set->n_tables * COSTS, sizeof *r->cost);
    r->centre = nenc_mem_zalloc(m->y_set->n_tables, sizeof *r->centre);
    nenc_status st = r->cost && r->centre
        ? nenc_params_open(&r->g_s, m->g_s, true, max_memory, diag)
        : nenc_fail(diag, NENC_ENOMEM, "out of memory");
    if (st >= 0 && m->h_s)
        st = nenc_params_open(&r->h_s, m->h_s, true, max_memory, diag);
    if (st < 0) {
        hyper_refining_close(r);
        return st;
    }
    set_costs(r, m);
    *out = r;
    return NENC_OK;
}

void hyper_refining_close(hyper_refining *r)
{
    if (!r)
        return;
    nenc_params_close(r->g_s);
    nenc_params_close(r->h_s);
    nenc_mem_free(r->cost);
    nenc_mem_free(r->centre);
    nenc_mem_free(r);
}

/* -------------------------------------------------------------------- costs */

static inline float bits_of(const refiner *r, uint16_t table, int32_t k)
{
    if (k >= -REACH && k <= REACH)
        return r->shared->cost[(size_t)table * COSTS + (size_t)(k + REACH)];
    return (float)nenc_cdf_cost(r->m->y_set, table, k) * (1.0f / 65536.0f);
}

static inline float z_bits_of(const refiner *r, size_t i, int32_t k)
{
    return (float)nenc_cdf_cost(r->m->z_set, r->u->z_index[i], k)
           * (1.0f / 65536.0f);
}

/* The nearest symbol or the next nearer to 0. */
static inline int32_t choose(const refiner *r, uint16_t table, float v,
                             float weight)
{
    const int32_t near = hyper_nearest(v);
    if (!near)
        return 0;
    const int32_t less = near > 0 ? near - 1 : near + 1;
    const float e0 = v - (float)near, e1 = v - (float)less;
    return bits_of(r, table, less) + weight * e1 * e1
           < bits_of(r, table, near) + weight * e0 * e0 ? less : near;
}

static double add_up(const refiner *r, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += r->sum[i];
    return sum;
}

/* The mean that a position's latents are coded around, or NULL. */
static const float *mean_at(const refiner *r, size_t position)
{
    const hyper_model *m = r->m;
    return m->entropy == HYPER_MEAN_SCALE
         ? r->u->y_mean + position * m->y_channels : m->y_offset;
}

static void bits_rows(void *user, int worker, size_t first, size_t end)
{
    const refiner *r = user;
    const size_t row = r->u->y_w * r->m->y_channels;
    (void)worker;
    for (size_t y = first; y < end; y++) {
        double sum = 0;
        for (size_t i = y * row; i < (y + 1) * row; i++)
            sum += (double)bits_of(r, r->u->y_index[i], r->u->y_symbol[i]);
        r->sum[y] = sum;
    }
}

/* Bits of all symbols as they are. */
static double count_bits(refiner *r)
{
    double sum = 0;
    nenc_pool_run(r->u->pool, r->u->y_h, 1, bits_rows, r);
    for (size_t i = 0; r->m->h_s && i < hyper_z_size(r->u); i++)
        sum += (double)z_bits_of(r, i, r->u->z_symbol[i]);
    return sum + add_up(r, r->u->y_h);
}

/* ------------------------------------------------------------------ opening */

static nenc_status open_nets(refiner *r, size_t max_memory, nenc_diag *diag)
{
    const hyper_model *m = r->m;
    const hyper_unit *u = r->u;
    const size_t side = m->y_stride;
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    for (size_t i = 0; i < nenc_net_inputs(m->g_s); i++)
        dims[i] = (nenc_shape){ 1, 1, 1, nenc_net_input_channels(m->g_s, i) };
    const size_t y = (size_t)nenc_net_input(m->g_s, "y");
    dims[y].h = r->in.y1 - r->in.y0;
    dims[y].w = r->in.x1 - r->in.x0;
    NENC_TRY(nenc_grad_open(&r->g_s, m->g_s, r->shared->g_s, dims, 1u << y,
                            u->pool, max_memory, diag));
    const nenc_shape s = nenc_grad_output_shape(r->g_s);
    if (s.h != dims[y].h * side || s.w != dims[y].w * side)
        return nenc_fail(diag, NENC_EMODEL, "g_s gives %zux%zu", s.h, s.w);
    if (!m->h_s)
        return NENC_OK;
    for (size_t i = 0; i < nenc_net_inputs(m->h_s); i++)
        dims[i] = (nenc_shape){ 1, 1, 1, nenc_net_input_channels(m->h_s, i) };
    const size_t z = (size_t)nenc_net_input(m->h_s, "z");
    dims[z].h = u->z_h;
    dims[z].w = u->z_w;
    return nenc_grad_open(&r->h_s, m->h_s, r->shared->h_s, dims, 1u << z,
                          u->pool, max_memory - nenc_grad_memory(r->g_s),
                          diag);
}

static nenc_status open_buffers(refiner *r, nenc_diag *diag)
{
    const size_t c = r->m->y_channels, y = hyper_y_size(r->u);
    const size_t z = hyper_z_size(r->u);
    const nenc_shape s = nenc_grad_output_shape(r->g_s);
    nenc_arena *a = &r->arena;
    a->cap -= nenc_grad_memory(r->g_s);
    a->cap -= r->h_s ? nenc_grad_memory(r->h_s) : 0;
    r->weight = nenc_arena_zalloc(a, c, sizeof(float));
    r->curve = nenc_arena_zalloc(a, c, sizeof(float));
    r->latents = nenc_arena_zalloc(a, (r->in.y1 - r->in.y0)
                                      * (r->in.x1 - r->in.x0) * c,
                                   sizeof(float));
    r->target = nenc_arena_zalloc(a, s.h * s.w * 3, sizeof(float));
    r->z = nenc_arena_zalloc(a, z, sizeof(float));
    r->z_m = nenc_arena_zalloc(a, z, sizeof(float));
    r->z_v = nenc_arena_zalloc(a, z, sizeof(float));
    r->set = nenc_arena_zalloc(a, z, sizeof(bool));
    r->sum = nenc_arena_zalloc(a, NENC_MAX(s.h, r->u->y_h), sizeof(double));
    r->y_before = nenc_arena_zalloc(a, y, sizeof(int32_t));
    r->z_before = nenc_arena_zalloc(a, z, sizeof(int32_t));
    if (!r->weight || !r->curve || !r->latents || !r->target || !r->z
        || !r->z_m || !r->z_v || !r->set || !r->sum || !r->y_before
        || !r->z_before)
        return nenc_arena_fail(a, diag, "a unit", "to refine");
    return NENC_OK;
}

/* Latents around the unit are taken as analysis made them. */
static void load_latents(refiner *r)
{
    const hyper_part *in = &r->in;
    const size_t c = r->m->y_channels, row = (in->x1 - in->x0) * c;
    for (size_t y = in->y0; y < in->y1; y++) {
        const float *from = hyper_row(r->job->c, y) + in->x0 * c;
        float *to = r->latents + (y - in->y0) * row;
        for (size_t i = 0; i < row; i += c)
            for (size_t k = 0; k < c; k++)
                to[i + k] = from[i + k] * r->u->gain[k] * r->u->inverse[k];
    }
}

/* The unit's samples count, as far as the picture goes; others do not. */
static void load_target(refiner *r)
{
    const hyper_refine_job *j = r->job;
    const size_t side = r->m->y_stride;
    const hyper_part pixels = { r->in.y0 * side, r->in.y1 * side,
                                r->in.x0 * side, r->in.x1 * side };
    hyper_load(j->c, j->src, &pixels, r->u->pool, r->target);
    r->x0 = j->x * side - pixels.x0;
    r->y0 = j->y * side - pixels.y0;
    r->x1 = NENC_MIN((j->x + r->u->y_w) * side, j->src->width) - pixels.x0;
    r->y1 = NENC_MIN((j->y + r->u->y_h) * side, j->src->height) - pixels.y0;
}

static void set_weights(refiner *r)
{
    r->w = r->job->lambda * (255.0f * 255.0f / 3.0f);
    for (size_t k = 0; k < r->m->y_channels; k++)
        r->weight[k] = r->w * r->u->inverse[k] * r->u->inverse[k];
}

/* -------------------------------------------------------------- distortion */

static void put_latents(void *user, int worker, size_t first, size_t end)
{
    refiner *r = user;
    const hyper_unit *u = r->u;
    const size_t c = r->m->y_channels, wide = r->in.x1 - r->in.x0;
    float *to = nenc_grad_input(r->g_s, (size_t)nenc_net_input(r->m->g_s,
                                                               "y"));
    const size_t own_y = r->job->y - r->in.y0, own_x = r->job->x - r->in.x0;
    (void)worker;
    for (size_t y = first; y < end; y++) {
        memcpy(to + y * wide * c, r->latents + y * wide * c,
               wide * c * sizeof *to);
        if (y < own_y || y >= own_y + u->y_h)
            continue;
        for (size_t x = 0; x < u->y_w; x++) {
            const size_t p = (y - own_y) * u->y_w + x;
            const float *mean = mean_at(r, p);
            float *d = to + (y * wide + own_x + x) * c;
            for (size_t k = 0; k < c; k++)
                d[k] = ((float)u->y_symbol[p * c + k] + (mean ? mean[k] : 0))
                       * u->inverse[k];
        }
    }
}

static void set_quality(const refiner *r, const nenc_net *net, nenc_grad *g)
{
    const int q = nenc_net_input(net, "q");
    if (q < 0)
        return;
    float *d = nenc_grad_input(g, (size_t)q);
    d[0] = r->u->t;
    d[1] = r->u->t * r->u->t;
}

/* The seed of the distortion's gradient; samples beyond 0 and 1 are cut. */
static void error_rows(void *user, int worker, size_t first, size_t end)
{
    refiner *r = user;
    const size_t row = (r->in.x1 - r->in.x0) * r->m->y_stride * 3;
    const float *out = nenc_grad_output(r->g_s);
    float *seed = nenc_grad_seed(r->g_s);
    const float low = -r->m->offset, high = 1.0f - r->m->offset;
    (void)worker;
    for (size_t y = first; y < end; y++) {
        double sum = 0;
        if (y < r->y0 || y >= r->y1) {
            memset(seed + y * row, 0, row * sizeof *seed);
            r->sum[y] = 0;
            continue;
        }
        for (size_t i = 0; i < row; i++) {
            const size_t at = y * row + i;
            const float v = out[at];
            const float cut = v > low ? (v < high ? v : high) : low;
            const bool counts = i >= r->x0 * 3 && i < r->x1 * 3;
            const float e = counts ? cut - r->target[at] : 0;
            sum += (double)(e * e);
            seed[at] = v > low && v < high ? 2 * r->w * e : 0;
        }
        r->sum[y] = sum;
    }
}

/* Distortion, in bits, of the symbols as they are; seeds its gradient. */
static double synthesise(refiner *r)
{
    const size_t h = (r->in.y1 - r->in.y0) * r->m->y_stride;
    nenc_pool_run(r->u->pool, r->in.y1 - r->in.y0, 1, put_latents, r);
    set_quality(r, r->m->g_s, r->g_s);
    nenc_grad_forward(r->g_s);
    nenc_pool_run(r->u->pool, h, 8, error_rows, r);
    return (double)r->w * add_up(r, h);
}

/* How much a symbol's squared error costs in truth, channel by channel: the
 * diagonal of J^T J is the mean square of J^T s for random signs s. */
static void measure_curves(refiner *r)
{
    const size_t c = r->m->y_channels, wide = r->in.x1 - r->in.x0;
    const size_t row = wide * r->m->y_stride * 3;
    const size_t own_y = r->job->y - r->in.y0, own_x = r->job->x - r->in.x0;
    const size_t n = r->u->y_h * r->u->y_w;
    float *seed = nenc_grad_seed(r->g_s);
    memset(seed, 0, (r->in.y1 - r->in.y0) * r->m->y_stride * row
                    * sizeof *seed);
    for (size_t y = r->y0; y < r->y1; y++)
        for (size_t i = r->x0 * 3; i < r->x1 * 3; i++)
            seed[y * row + i] = nenc_random_at(7, y * row + i) & 1 ? 1.0f : -1.0f;
    nenc_grad_backward(r->g_s);
    const float *d = nenc_grad_of_input(r->g_s, (size_t)nenc_net_input(
        r->m->g_s, "y"));
    memset(r->curve, 0, c * sizeof *r->curve);
    for (size_t p = 0; p < n; p++) {
        const float *at = d + ((own_y + p / r->u->y_w) * wide + own_x
                               + p % r->u->y_w) * c;
        for (size_t k = 0; k < c; k++)
            r->curve[k] += at[k] * at[k];
    }
    for (size_t k = 0; k < c; k++)
        r->curve[k] *= r->weight[k] / (float)n;
}

/* ------------------------------------------------------------------ progress */

static void tell(refiner *r, int steps_done)
{
    const hyper_refine_job *j = r->job;
    r->done += steps_done;
    if (j->tick)
        j->tick(j->user, NENC_MIN(1.0, (double)r->done / r->all));
    r->is_cold |= j->c->hurry;
}

/* -------------------------------------------------------------------------- z */

static void z_seed_rows(void *user, int worker, size_t first, size_t end)
{
    refiner *r = user;
    const hyper_model *m = r->m;
    const hyper_unit *u = r->u;
    const bool means = m->entropy == HYPER_MEAN_SCALE;
    const size_t c = m->y_channels, all = (means ? 2 : 1) * c;
    const size_t at_mean = m->means_first ? 0 : c;
    const size_t at_scale = means && m->means_first ? c : 0;
    const float *params = nenc_grad_output(r->h_s);
    float *seed = nenc_grad_seed(r->h_s);
    const float *centre = r->shared->centre;
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++)
        for (size_t k = 0; k < c; k++) {
            const float mean = means ? params[p * all + at_mean + k] : 0;
            const uint16_t t = hyper_scale_index(
                m, params[p * all + at_scale + k]);
            const float v = u->y[p * c + k] - mean;
            const int32_t s = choose(r, t, v, r->curve[k]);
            const size_t low = t ? t - 1u : 0;
            const size_t high = NENC_MIN(t + 1u, m->n_thresholds);
            if (means)
                seed[p * all + at_mean + k] = -2 * r->curve[k]
                                              * (v - (float)s);
            seed[p * all + at_scale + k] =
                (bits_of(r, (uint16_t)high, s) - bits_of(r, (uint16_t)low, s))
                / (centre[high] - centre[low]);
        }
}

/* Values near enough to an integer become it, and stay. */
static void set_near(refiner *r, float share)
{
    const float reach = share < 1 ? 0.5f * sqrtf(share) : 1;
    for (size_t i = 0; i < hyper_z_size(r->u); i++) {
        const float near = (float)hyper_nearest(r->z[i]);
        if (!r->set[i] && fabsf(r->z[i] - near) <= reach) {
            r->z[i] = near;
            r->set[i] = true;
        }
    }
}

/* beta^n */
static float power(float beta, int n)
{
    float p = 1;
    for (int i = 0; i < n; i++)
        p *= beta;
    return p;
}

static void move_z(refiner *r, const float *d_z, int step)
{
    const float b1 = 0.9f, b2 = 0.99f;
    const float fix1 = 1 / (1 - power(b1, step + 1));
    const float fix2 = 1 / (1 - power(b2, step + 1));
    for (size_t i = 0; i < hyper_z_size(r->u); i++) {
        if (r->set[i])
            continue;
        const int32_t low = hyper_nearest(floorf(r->z[i]));
        const float g = d_z[i] + z_bits_of(r, i, low + 1)
                        - z_bits_of(r, i, low);
        r->z_m[i] = b1 * r->z_m[i] + (1 - b1) * g;
        r->z_v[i] = b2 * r->z_v[i] + (1 - b2) * g * g;
        r->z[i] -= Z_RATE * r->z_m[i] * fix1
                   / (sqrtf(r->z_v[i] * fix2) + 1e-8f);
    }
}

static void refine_z(refiner *r, int n)
{
    const size_t z_at = (size_t)nenc_net_input(r->m->h_s, "z");
    const hyper_unit *u = r->u;
    for (int step = 0; step < n && !r->is_cold; step++) {
        const float at = (float)step / (float)n;
        float *in = nenc_grad_input(r->h_s, z_at);
        if (at >= Z_FREE)
            set_near(r, (at - Z_FREE) / (1 - Z_FREE));
        for (size_t i = 0; i < hyper_z_size(u); i++)
            in[i] = r->z[i] + (r->m->z_offset
                               ? r->m->z_offset[u->z_index[i]] : 0);
        set_quality(r, r->m->h_s, r->h_s);
        nenc_grad_forward(r->h_s);
        nenc_pool_run(u->pool, u->y_h, 1, z_seed_rows, r);
        nenc_grad_backward(r->h_s);
        move_z(r, nenc_grad_of_input(r->h_s, z_at), step);
        if (step % 8 == 7)
            tell(r, 1);
    }
    for (size_t i = 0; i < hyper_z_size(u); i++)
        r->u->z_symbol[i] = hyper_nearest(r->z[i]);
}

/* -------------------------------------------------------------------------- y */

static void choose_rows(void *user, int worker, size_t first, size_t end)
{
    refiner *r = user;
    hyper_unit *u = r->u;
    const size_t c = r->m->y_channels;
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++) {
        const float *mean = mean_at(r, p);
        for (size_t k = 0; k < c; k++)
            u->y_symbol[p * c + k] = choose(
                r, u->y_index[p * c + k],
                u->y[p * c + k] - (mean ? mean[k] : 0), r->weight[k]);
    }
}

/* What a step to `to` would cost; g and h are those of a step of 1. */
static inline float change(const refiner *r, uint16_t table, int32_t from,
                           int32_t to, float bits, float g, float h)
{
    const float d = (float)(to - from);
    return bits_of(r, table, to) - bits + d * (g + h * d);
}

static inline int32_t move_symbol(const refiner *r, uint16_t table, int32_t k,
                                  float g, float h, uint64_t place)
{
    const float bits = bits_of(r, table, k);
    int32_t to = k + 1;
    float best = change(r, table, k, to, bits, g, h);
    const float down = change(r, table, k, k - 1, bits, g, h);
    if (down < best) {
        best = down;
        to = k - 1;
    }
    if (k > 1 || k < -1) {
        const float zero = change(r, table, k, 0, bits, g, h);
        if (zero < best) {
            best = zero;
            to = 0;
        }
    }
    const float t = r->temperature;
    if (best >= 16 * t)
        return k;
    const float chance = t > 0 ? 2 * r->share
                                 * nenc_exactf_sigmoid(-best / t) : r->share;
    const float drawn = (float)(nenc_random_at(r->noise, place) >> 40) * 0x1p-24f;
    return drawn < chance ? to : k;
}

static void anneal_rows(void *user, int worker, size_t first, size_t end)
{
    refiner *r = user;
    hyper_unit *u = r->u;
    const size_t c = r->m->y_channels, wide = r->in.x1 - r->in.x0;
    const size_t own_y = r->job->y - r->in.y0, own_x = r->job->x - r->in.x0;
    const float *d = nenc_grad_of_input(r->g_s, (size_t)nenc_net_input(
        r->m->g_s, "y"));
    (void)worker;
    for (size_t p = first * u->y_w; p < end * u->y_w; p++) {
        const float *g = d + ((own_y + p / u->y_w) * wide + own_x
                              + p % u->y_w) * c;
        for (size_t k = 0; k < c; k++) {
            const size_t i = p * c + k;
            u->y_symbol[i] = move_symbol(r, u->y_index[i], u->y_symbol[i],
                                         g[k] * u->inverse[k], r->curve[k], i);
        }
    }
}

/* The temperature falls to nothing at 1 - Y_TAIL of the steps; whoever is in a
 * hurry gets the last steps only. */
static void refine_y(refiner *r, int n)
{
    enum { LAST = 4 };
    const float hottest = n <= 12 ? 0 : n <= 40 ? 0.7f : 1;
    for (int step = 0; step < n; step++) {
        if (r->is_cold && step < n - LAST)
            step = n - LAST;
        const float at = n > 1 ? (float)step / (float)(n - 1) : 1;
        const float left = 1 - at / (1 - Y_TAIL);
        r->temperature = left > 0 && !r->is_cold ? hottest * left : 0;
        r->share = (n <= 12 ? 0.8f : Y_FIRST)
                   + at * (Y_LAST - (n <= 12 ? 0.8f : Y_FIRST));
        r->noise = (uint64_t)(step + 1) << 48;
        synthesise(r);
        nenc_grad_backward(r->g_s);
        nenc_pool_run(r->u->pool, r->u->y_h, 1, anneal_rows, r);
        tell(r, 1);
    }
}

/* ---------------------------------------------------------------------- all */

static nenc_status refine(refiner *r, int z_steps, int y_steps,
                          nenc_diag *diag)
{
    hyper_unit *u = r->u;
    const size_t y = hyper_y_size(u), z = hyper_z_size(u);
    memcpy(r->y_before, u->y_symbol, y * sizeof *u->y_symbol);
    memcpy(r->z_before, u->z_symbol, z * sizeof *u->z_symbol);
    r->before = synthesise(r) + count_bits(r);
    measure_curves(r);
    if (r->m->h_s && z_steps) {
        memcpy(r->z, u->z, z * sizeof *r->z);
        refine_z(r, z_steps);
        NENC_TRY(hyper_unit_predict(u, diag));
    }
    nenc_pool_run(u->pool, u->y_h, 1, choose_rows, r);
    refine_y(r, y_steps);
    if (synthesise(r) + count_bits(r) < r->before)
        return NENC_OK;
    memcpy(u->y_symbol, r->y_before, y * sizeof *u->y_symbol);
    memcpy(u->z_symbol, r->z_before, z * sizeof *u->z_symbol);
    return hyper_unit_predict(u, diag);
}

nenc_status hyper_refine(const hyper_refine_job *job, nenc_diag *diag)
{
    hyper_context *c = job->c;
    const int effort = c->params.effort;
    const int z = steps[effort].z, y = steps[effort].y;
    const hyper_part part = { job->y, job->y + job->u->y_h, job->x,
                              job->x + job->u->y_w };
    refiner r = { .job = job, .m = c->model, .shared = c->refining,
                  .u = job->u, .all = z / 8 + y };
    const size_t max_memory = c->params.max_memory / 2 / c->n_units;
    nenc_arena_init(&r.arena, max_memory);
    nenc_status st = hyper_reach(c, false, &part, &r.in, diag);
    r.in.y1 = NENC_MIN(r.in.y1, c->y_end);
    r.in.y0 = NENC_MAX(r.in.y0, c->y_first);
    if (st >= 0)
        st = open_nets(&r, max_memory, diag);
    if (st >= 0)
        st = open_buffers(&r, diag);
    if (st >= 0) {
        load_latents(&r);
        load_target(&r);
        set_weights(&r);
        st = refine(&r, z, y, diag);
    }
    nenc_grad_close(r.g_s);
    nenc_grad_close(r.h_s);
    nenc_arena_free(&r.arena);
    return st;
}
