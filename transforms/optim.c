/* SPDX-License-Identifier: BSD-2-Clause */
/* Optimisers over lists of float arrays.  Not normative, but deterministic:
 * arrays are cut into chunks of one size, whoever works on them, and the
 * chunks' sums are added in their order. */
#include <math.h>
#include <string.h>

#include "exact_kernels.h"
#include "fpenv.h"
#include "mem.h"
#include "optim.h"

enum {
    CHUNK = 16384,
    PIECE = 512,    /* that a pass leaves in the first cache for the next */
    LANES = 8       /* sums that a loop keeps, so that it can be vectorized */
};

/* Squares of gradients, kept as floats, overflow a little above. */
static const double most_norm = 1e18;

typedef struct chunk {
    size_t group, first;
    double square_sum;          /* of the gradients */
} chunk;

/* A step's numbers for one group, as floats meet them. */
typedef struct rates {
    float fall;                 /* what decoupled decay takes of a value: 1
                                   less it, a float would not know */
    float decay;                /* joins the gradient */
    float step;                 /* over the first moment's correction */
    float unroot;               /* 1 over that of the second moment's root */
} rates;

struct nenc_optim {
    nenc_optim_group *groups;
    nenc_optim_state *states;
    rates *rates;               /* [n_groups] */
    size_t n_groups;
    nenc_optim_config cfg;
    nenc_pool *pool;
    const nenc_kernels *kernels;
    nenc_arena arena;
    chunk *chunks;
    size_t n_chunks;
    nenc_optim_counts counts;
    /* The step: */
    float clip;                 /* gradients are multiplied by it */
    float ema_weight;           /* of the new value */
    bool is_skipped;
};

static size_t chunk_size(const nenc_optim *o, const chunk *c)
{
    return NENC_MIN(o->groups[c->group].n - c->first, (size_t)CHUNK);
}

/* -------------------------------------------------------------------- norm */

static double square_sum(const float *x, size_t n)
{
    double lanes[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += (double)x[i + k] * x[i + k];
    for (; i < n; i++)
        lanes[0] += (double)x[i] * x[i];
    for (int k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

static void measure_chunks(void *user, int worker, size_t first, size_t end)
{
    const nenc_optim *o = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        chunk *c = &o->chunks[i];
        c->square_sum = square_sum(o->groups[c->group].grads + c->first,
                                   chunk_size(o, c));
    }
}

static double measure_norm(nenc_optim *o)
{
    double sum = 0;
    nenc_pool_run(o->pool, o->n_chunks, 1, measure_chunks, o);
    for (size_t i = 0; i < o->n_chunks; i++)
        sum += o->chunks[i].square_sum;
    return sqrt(sum);
}

/* -------------------------------------------------------------------- step */

static void update(float *restrict p, float *restrict m, float *restrict v,
                   const float *restrict grad, size_t n,
                   const nenc_optim *o, const rates *r)
{
    const nenc_optim_config *cfg = &o->cfg;
    const float b1 = (float)cfg->beta1, b2 = (float)cfg->beta2;
    const float a1 = (float)(1 - cfg->beta1), a2 = (float)(1 - cfg->beta2);
    const float eps = (float)cfg->eps, clip = o->clip;
    float root[PIECE];
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] * clip + r->decay * p[i];
        m[i] = b1 * m[i] + a1 * g;
        v[i] = b2 * v[i] + a2 * g * g;
    }
    /* sqrtf() may set errno, and so would keep a loop from being vectors */
    o->kernels->point(NENC_POINT_SQRT, root, v, n, 0);
    for (size_t i = 0; i < n; i++)
        p[i] -= r->fall * p[i] + r->step * m[i] / (root[i] * r->unroot + eps);
}

static void update_chunk(const nenc_optim *o, const chunk *c)
{
    const nenc_optim_group *g = &o->groups[c->group];
    const nenc_optim_state *s = &o->states[c->group];
    const size_t end = c->first + chunk_size(o, c);
    for (size_t at = c->first; at < end; at += PIECE)
        update(g->values + at, s->m + at, s->v + at, g->grads + at,
               NENC_MIN(end - at, PIECE), o, &o->rates[c->group]);
}

/* The end that is nearer is where the sum starts from. */
static void average(float *restrict ema, const float *restrict p, size_t n,
                    float weight)
{
    const float rest = 1 - weight;
    if (weight < 0.5f)
        for (size_t i = 0; i < n; i++)
            ema[i] += weight * (p[i] - ema[i]);
    else
        for (size_t i = 0; i < n; i++)
            ema[i] = p[i] - rest * (p[i] - ema[i]);
}

static void step_chunks(void *user, int worker, size_t first, size_t end)
{
    const nenc_optim *o = user;
    (void)worker;
    for (size_t i = first; i < end; i++) {
        const chunk *c = &o->chunks[i];
        const nenc_optim_state *s = &o->states[c->group];
        if (!o->is_skipped)
            update_chunk(o, c);
        if (s->ema)
            average(s->ema + c->first, o->groups[c->group].values + c->first,
                    chunk_size(o, c), o->ema_weight);
    }
}

/* For the step that makes `applied` of them. */
static void set_rates(nenc_optim *o, double lr)
{
    const nenc_optim_config *cfg = &o->cfg;
    const double t = (double)o->counts.applied;
    const double correction1 = 1 - pow(cfg->beta1, t);
    const double correction2 = 1 - pow(cfg->beta2, t);
    for (size_t i = 0; i < o->n_groups; i++) {
        const nenc_optim_group *g = &o->groups[i];
        const double group_lr = lr * g->lr_scale, decay = g->weight_decay;
        o->rates[i] = (rates){
            .fall = (float)(cfg->decoupled ? group_lr * decay : 0),
            .decay = (float)(cfg->decoupled ? 0 : decay),
            .step = (float)(group_lr / correction1),
            .unroot = (float)(1 / sqrt(correction2))
        };
    }
}

static double ema_decay(const nenc_optim *o)
{
    const double t = (double)o->counts.applied + (double)o->counts.skipped;
    const double decay = o->cfg.ema_decay;
    return o->cfg.ema_ramp ? fmin(decay, (t + 1) / (t + 10)) : decay;
}

nenc_optim_report nenc_optim_step(nenc_optim *o, double lr)
{
    nenc_fpenv env;
    /* As the workers do: the same bits on every thread. */
    nenc_fpenv_enter(&env);
    const double norm = measure_norm(o), most = o->cfg.max_norm;
    const double clip = most > 0 ? fmin(most / (norm + 1e-6), 1) : 1;
    o->is_skipped = !(isfinite(norm) && isfinite(lr) && lr >= 0
                      && norm * clip <= most_norm);
    if (o->is_skipped) {
        o->counts.skipped++;
    } else {
        o->counts.applied++;
        set_rates(o, lr);
    }
    o->clip = (float)clip;
    o->ema_weight = (float)(1 - ema_decay(o));
    nenc_pool_run(o->pool, o->n_chunks, 1, step_chunks, o);
    nenc_fpenv_leave(&env);
    return (nenc_optim_report){ .norm = norm, .is_skipped = o->is_skipped };
}

void nenc_optim_ema_swap(nenc_optim *o)
{
    for (size_t i = 0; i < o->n_groups; i++) {
        float *p = o->groups[i].values, *ema = o->states[i].ema;
        for (size_t j = 0; ema && j < o->groups[i].n; j++) {
            const float value = p[j];
            p[j] = ema[j];
            ema[j] = value;
        }
    }
}

/* ---------------------------------------------------------- open, and state */

static bool within(double v, double lo, double hi)
{
    return v >= lo && v < hi;
}

static nenc_status check(const nenc_optim_group *groups, size_t n_groups,
                         const nenc_optim_config *cfg, nenc_diag *diag)
{
    const struct { const char *name; double value, lo, hi; } numbers[] = {
        { "beta1", cfg->beta1, 0, 1 },
        { "beta2", cfg->beta2, 0, 1 },
        { "eps", cfg->eps, 1e-30, 1e30 },
        { "max_norm", cfg->max_norm, 0, INFINITY },
        { "ema_decay", cfg->ema_decay, 0, 1 },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!within(numbers[i].value, numbers[i].lo, numbers[i].hi))
            return nenc_fail(diag, NENC_EINVAL, "%s %g, from %g to less than "
                             "%g", numbers[i].name, numbers[i].value,
                             numbers[i].lo, numbers[i].hi);
    for (size_t i = 0; i < n_groups; i++) {
        const nenc_optim_group *g = &groups[i];
        if (!within(g->lr_scale, 0, 1e30) || !within(g->weight_decay, 0, 1e30))
            return nenc_fail(diag, NENC_EINVAL, "group %zu: lr_scale %g, "
                             "weight_decay %g, at least 0 and finite", i,
                             g->lr_scale, g->weight_decay);
        if (g->n && !(g->values && g->grads))
            return nenc_fail(diag, NENC_EINVAL, "group %zu has no arrays", i);
    }
    return NENC_OK;
}

static bool open_chunks(nenc_optim *o)
{
    for (size_t i = 0; i < o->n_groups; i++) {
        const size_t n = o->groups[i].n;
        if (!nenc_size_add(&o->n_chunks, o->n_chunks,
                           n / CHUNK + (n % CHUNK > 0)))
            return false;
    }
    o->chunks = nenc_arena_zalloc(&o->arena, o->n_chunks, sizeof *o->chunks);
    size_t at = 0;
    for (size_t i = 0; o->chunks && i < o->n_groups; i++)
        for (size_t first = 0; first < o->groups[i].n; first += CHUNK)
            o->chunks[at++] = (chunk){ .group = i, .first = first };
    return o->chunks != NULL;
}

static bool open_state(nenc_optim *o, size_t group)
{
    nenc_optim_state *s = &o->states[group];
    const nenc_optim_group *g = &o->groups[group];
    const bool wants_ema = o->cfg.ema_decay > 0;
    s->n = g->n;
    s->m = nenc_arena_zalloc(&o->arena, g->n, sizeof *s->m);
    s->v = nenc_arena_zalloc(&o->arena, g->n, sizeof *s->v);
    if (wants_ema)
        s->ema = nenc_arena_zalloc(&o->arena, g->n, sizeof *s->ema);
    if (s->ema && g->n)
        memcpy(s->ema, g->values, g->n * sizeof *s->ema);
    return s->m && s->v && (s->ema || !wants_ema);
}

nenc_status nenc_optim_open(nenc_optim **out, const nenc_optim_group *groups,
                            size_t n_groups, const nenc_optim_config *cfg,
                            nenc_pool *pool, nenc_diag *diag)
{
    *out = NULL;
    NENC_TRY(check(groups, n_groups, cfg, diag));
    nenc_optim *o = nenc_mem_zalloc(1, sizeof *o);
    if (!o)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&o->arena, cfg->max_memory);
    o->cfg = *cfg;
    o->pool = pool;
    o->kernels = nenc_kernels_best();
    o->n_groups = n_groups;
    o->groups = nenc_arena_zalloc(&o->arena, n_groups, sizeof *o->groups);
    o->states = nenc_arena_zalloc(&o->arena, n_groups, sizeof *o->states);
    o->rates = nenc_arena_zalloc(&o->arena, n_groups, sizeof *o->rates);
    bool ok = o->groups && o->states && o->rates;
    if (ok && n_groups)
        memcpy(o->groups, groups, n_groups * sizeof *groups);
    ok = ok && open_chunks(o);
    for (size_t i = 0; ok && i < n_groups; i++)
        ok = open_state(o, i);
    if (ok) {
        *out = o;
        return NENC_OK;
    }
    const nenc_status st = nenc_arena_fail(&o->arena, diag, "the state of",
                                           "the optimiser");
    nenc_optim_close(o);
    return st;
}

void nenc_optim_close(nenc_optim *o)
{
    if (!o)
        return;
    nenc_arena_free(&o->arena);
    nenc_mem_free(o);
}

nenc_optim_counts nenc_optim_counts_get(const nenc_optim *o)
{
    return o->counts;
}

void nenc_optim_counts_set(nenc_optim *o, nenc_optim_counts counts)
{
    o->counts = counts;
}

nenc_optim_state nenc_optim_state_get(nenc_optim *o, size_t group)
{
    return o->states[group];
}

/* --------------------------------------------------------------- schedules */

double nenc_schedule_lr(const nenc_schedule *s, uint64_t step)
{
    const double pi = 3.14159265358979323846;
    const double lr = s->lr * (step < s->n_warmup
                               ? ((double)step + 1) / (double)s->n_warmup : 1);
    if (!s->n_steps)
        return lr;
    if (s->kind == NENC_SCHEDULE_STEPS)
        return lr * fmax(pow(s->factor, (double)(step / s->n_steps)),
                         s->floor);
    const double part = fmin((double)step / (double)s->n_steps, 1);
    return lr * (s->floor + (1 - s->floor) * 0.5 * (1 + cos(pi * part)));
}
