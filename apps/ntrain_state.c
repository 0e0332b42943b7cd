/* SPDX-License-Identifier: BSD-2-Clause */
/* Checkpoints: a safetensors file with the exported model, whose metadata and
 * tensors "train.*" hold all that a run needs to go on as if it had never
 * stopped, to the bit.  Not here: when they are written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_output.h"
#include "app_report.h"
#include "ntrain.h"

enum { EXTRA = 16, TEXTS = 8 };

#define MAX_CHECKPOINT ((size_t)3 << 30)

void ntrain_values_get(const ntrain_state *s, float *values)
{
    for (size_t i = 0; i < s->n_params; i++) {
        const nenc_param *p = s->list[i].param;
        memcpy(values, p->value, p->n * sizeof *values);
        values += p->n;
    }
}

void ntrain_values_set(const ntrain_state *s, const float *values)
{
    for (size_t i = 0; i < s->n_params; i++) {
        const nenc_param *p = s->list[i].param;
        memcpy(p->value, values, p->n * sizeof *values);
        values += p->n;
    }
}

/* What must not change between a run and the run that goes on with it. */
static void describe(char text[256], const ntrain_options *o)
{
    snprintf(text, 256, "steps %d batch %d crop %d lr %.9g floor %.9g "
             "schedule %s warmup %d clip %.9g ema %.9g noise %.9g seed %d",
             o->steps, o->batch, o->crop, o->lr, o->floor, o->schedule,
             o->warmup, o->clip, o->ema, o->noise, o->seed);
}

/* ------------------------------------------------------------------ saving */

typedef struct saving {
    nenc_arena arena;
    nenc_safetensors st;
    nenc_st_tensor *tensors;
    nenc_st_entry *metadata;
    size_t n_values;
} saving;

static bool put_values(saving *s, const char *name, const float *values)
{
    return nenc_st_floats(&s->tensors[s->st.n_tensors++], &s->arena, name,
                          values, &s->n_values, 1, NULL) >= 0;
}

static bool put_text(saving *s, const char *key, const char *value)
{
    char *copy = nenc_arena_strdup(&s->arena, value, strlen(value));
    s->metadata[s->st.n_metadata++] = (nenc_st_entry){ key, copy };
    return copy != NULL;
}

enum { PART_M, PART_V, PART_EMA, PARTS };

static float *part_of(const nenc_optim_state *s, int part)
{
    return part == PART_M ? s->m : part == PART_V ? s->v : s->ema;
}

static bool put_optim(saving *to, const ntrain_state *s, float *flat)
{
    static const char *const names[PARTS] = { "train.m", "train.v",
                                              "train.ema" };
    for (int part = 0; part < PARTS; part++) {
        float *at = flat;
        for (size_t i = 0; i < s->n_params; i++) {
            const nenc_optim_state o = nenc_optim_state_get(s->optim, i);
            const float *from = part_of(&o, part);
            if (!from)
                return true;     /* no average is kept: the last part */
            memcpy(at, from, o.n * sizeof *at);
            at += o.n;
        }
        if (!put_values(to, names[part], flat))
            return false;
    }
    return true;
}

static bool put_state(saving *to, const ntrain_state *s,
                      const ntrain_options *opt)
{
    const nenc_optim_counts counts = nenc_optim_counts_get(s->optim);
    char text[TEXTS][256];
    float *flat = nenc_mem_alloc(s->n_values, sizeof *flat);
    bool ok = flat != NULL;
    describe(text[0], opt);
    snprintf(text[1], sizeof text[1], "%d", s->step);
    snprintf(text[2], sizeof text[2], "%llx", (unsigned long long)s->rng);
    snprintf(text[3], sizeof text[3], "%.17g", s->best);
    snprintf(text[4], sizeof text[4], "%d", s->best_step);
    snprintf(text[5], sizeof text[5], "%llu %llu",
             (unsigned long long)counts.applied,
             (unsigned long long)counts.skipped);
    ok = ok && put_text(to, "train.config", text[0])
        && put_text(to, "train.step", text[1])
        && put_text(to, "train.rng", text[2])
        && put_text(to, "train.best", text[3])
        && put_text(to, "train.best_step", text[4])
        && put_text(to, "train.counts", text[5]);
    char *log = nenc_arena_strdup(&to->arena, (const char *)s->log.data,
                                  s->log.size);
    ok = ok && log && put_text(to, "train.log", log);
    if (ok)
        ntrain_values_get(s, flat);
    ok = ok && put_values(to, "train.values", flat)
        && put_values(to, "train.best_values", s->best_values)
        && put_optim(to, s, flat);
    nenc_mem_free(flat);
    return ok;
}

static bool copy_model(saving *to, const nenc_safetensors *raw)
{
    to->tensors = nenc_arena_zalloc(&to->arena, raw->n_tensors + EXTRA,
                                    sizeof *to->tensors);
    to->metadata = nenc_arena_zalloc(&to->arena, raw->n_metadata + EXTRA,
                                     sizeof *to->metadata);
    if (!to->tensors || !to->metadata)
        return false;
    for (size_t i = 0; i < raw->n_tensors; i++)
        if (strncmp(raw->tensors[i].name, "train.", 6))
            to->tensors[to->st.n_tensors++] = raw->tensors[i];
    for (size_t i = 0; i < raw->n_metadata; i++)
        if (strncmp(raw->metadata[i].key, "train.", 6))
            to->metadata[to->st.n_metadata++] = raw->metadata[i];
    to->st.tensors = to->tensors;
    to->st.metadata = to->metadata;
    return true;
}

static nenc_status write_file(const nenc_safetensors *st, const char *path)
{
    app_output out = { 0 };
    nenc_buffer bytes;
    nenc_buffer_init(&bytes, MAX_CHECKPOINT);
    nenc_safetensors_write(&bytes, st);
    nenc_status status = bytes.failed
        ? app_fail(path, NENC_ENOMEM, "out of memory")
        : app_output_open(&out, path, NULL, true);
    if (status >= 0 && app_output_write(&out, bytes.data, bytes.size))
        status = app_output_fail(&out);
    if (status >= 0)
        status = app_output_commit(&out);
    app_output_close(&out);
    nenc_buffer_free(&bytes);
    return status;
}

nenc_status ntrain_state_save(const ntrain_state *s,
                              const nenc_trainer_ops *ops, void *trainer,
                              const ntrain_options *opt)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_safetensors raw;
    saving to = { .n_values = s->n_values };
    nenc_arena_init(&to.arena, MAX_CHECKPOINT);
    nenc_status st = ops->save(trainer, &raw, &to.arena, &diag);
    if (st < 0)
        app_fail_diag(opt->checkpoint, st, &diag);
    else if (!copy_model(&to, &raw) || !put_state(&to, s, opt))
        st = app_fail(opt->checkpoint, NENC_ENOMEM, "out of memory");
    if (st >= 0)
        st = write_file(&to.st, opt->checkpoint);
    nenc_arena_free(&to.arena);
    return st;
}

/* ----------------------------------------------------------------- loading */

typedef struct loading {
    const nenc_safetensors *st;
    nenc_arena arena;
    nenc_diag diag;
    size_t n_values;
} loading;

static const char *text_of(const loading *l, const char *key)
{
    const char *text = nenc_safetensors_metadata(l->st, key);
    return text ? text : "";
}

static nenc_status get_values(loading *l, const char *name, float **values)
{
    return nenc_safetensors_f32(values, l->st, &l->arena, name, &l->n_values,
                                1, &l->diag);
}

static nenc_status load_optim(loading *l, const ntrain_state *s)
{
    static const char *const names[PARTS] = { "train.m", "train.v",
                                              "train.ema" };
    unsigned long long applied = 0, skipped = 0;
    for (int part = 0; part < PARTS; part++) {
        float *flat;
        if (part == PART_EMA && !nenc_safetensors_find(l->st, names[part]))
            break;
        NENC_TRY(get_values(l, names[part], &flat));
        for (size_t i = 0; i < s->n_params; i++) {
            const nenc_optim_state o = nenc_optim_state_get(s->optim, i);
            float *to = part_of(&o, part);
            if (to)
                memcpy(to, flat, o.n * sizeof *flat);
            flat += o.n;
        }
    }
    if (sscanf(text_of(l, "train.counts"), "%llu %llu", &applied, &skipped)
        != 2)
        return nenc_fail(&l->diag, NENC_EMODEL, "no counts of steps");
    nenc_optim_counts_set(s->optim, (nenc_optim_counts){ applied, skipped });
    return NENC_OK;
}

static nenc_status load_state(loading *l, ntrain_state *s)
{
    float *values, *best;
    const char *log = text_of(l, "train.log");
    NENC_TRY(get_values(l, "train.values", &values));
    NENC_TRY(get_values(l, "train.best_values", &best));
    NENC_TRY(load_optim(l, s));
    ntrain_values_set(s, values);
    memcpy(s->best_values, best, s->n_values * sizeof *best);
    s->step = (int)strtol(text_of(l, "train.step"), NULL, 10);
    s->rng = strtoull(text_of(l, "train.rng"), NULL, 16);
    s->best = strtod(text_of(l, "train.best"), NULL);
    s->best_step = (int)strtol(text_of(l, "train.best_step"), NULL, 10);
    nenc_buffer_put(&s->log, log, strlen(log));
    return s->rng && !s->log.failed ? NENC_OK
        : nenc_fail(&l->diag, NENC_EMODEL, "no state of a run");
}

nenc_status ntrain_state_load(ntrain_state *s, const nenc_safetensors *st,
                              const ntrain_options *opt)
{
    loading l = { .st = st, .n_values = s->n_values };
    char wanted[256];
    describe(wanted, opt);
    if (strcmp(wanted, text_of(&l, "train.config")))
        return app_fail(opt->checkpoint, NENC_EINVAL, "this run was begun "
                        "with other options: %s",
                        text_of(&l, "train.config"));
    nenc_arena_init(&l.arena, MAX_CHECKPOINT);
    const nenc_status status = load_state(&l, s);
    nenc_arena_free(&l.arena);
    return status < 0 ? app_fail_diag(opt->checkpoint, status, &l.diag)
                      : status;
}
