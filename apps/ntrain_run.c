/* SPDX-License-Identifier: BSD-2-Clause */
/* A training run: steps, what is said about them, held-out losses, checkpoints.
 * Not here: gradients (codecs/), files of the result. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app_output.h"
#include "app_report.h"
#include "fpenv.h"
#include "ntrain.h"
#include "random.h"

enum { VAL_BATCHES = 8, LOG_EVERY = 20 };

typedef struct run {
    const ntrain_options *opt;
    const nenc_trainer_ops *ops;
    void *trainer;
    const ntrain_pictures *data, *val;
    nenc_pool *pool;
    ntrain_state s;
    nenc_schedule schedule;
    float *x, *t, *val_x, *val_t;
    nenc_train_loss sum;             /* over steps since the last line */
    int n_sum, first_step;
    double start;
    app_progress progress;
} run;

static nenc_status no_memory(void)
{
    return app_fail("ntrain", NENC_ENOMEM, "out of memory");
}

/* ----------------------------------------------------------------- opening */

static nenc_status open_optim(run *r, nenc_diag *diag)
{
    const ntrain_options *o = r->opt;
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    cfg.beta2 = 0.99;
    cfg.max_norm = o->clip;
    cfg.ema_decay = o->ema;
    nenc_optim_group *groups = nenc_mem_zalloc(r->s.n_params, sizeof *groups);
    if (!groups)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < r->s.n_params; i++) {
        const nenc_train_param *p = &r->s.list[i];
        groups[i] = (nenc_optim_group){
            .values = p->param->value, .grads = p->param->grad,
            .n = p->param->n, .lr_scale = p->rate };
        r->s.n_values += p->param->n;
    }
    const nenc_status st = nenc_optim_open(&r->s.optim, groups, r->s.n_params,
                                           &cfg, r->pool, diag);
    nenc_mem_free(groups);
    return st;
}

/* The held-out crops and their qualities are the same each time. */
static void draw_val(run *r)
{
    const size_t n = (size_t)r->opt->batch, size = (size_t)r->opt->crop;
    uint64_t rng = 12345;
    ntrain_crops(r->val_x, n * VAL_BATCHES, size, r->val, &rng);
    for (size_t i = 0; i < n * VAL_BATCHES; i++)
        r->val_t[i] = ((float)i + 0.5f) / (float)(n * VAL_BATCHES);
}

static nenc_status open_buffers(run *r)
{
    const size_t n = (size_t)r->opt->batch, size = (size_t)r->opt->crop;
    const size_t x = n * size * size * 3;
    r->x = nenc_mem_alloc(x, sizeof(float));
    r->t = nenc_mem_alloc(n, sizeof(float));
    r->val_x = nenc_mem_alloc(x * VAL_BATCHES, sizeof(float));
    r->val_t = nenc_mem_alloc(n * VAL_BATCHES, sizeof(float));
    r->s.best_values = nenc_mem_alloc(r->s.n_values, sizeof(float));
    if (!r->x || !r->t || !r->val_x || !r->val_t || !r->s.best_values)
        return no_memory();
    ntrain_values_get(&r->s, r->s.best_values);
    if (r->val->n)
        draw_val(r);
    return NENC_OK;
}

static nenc_status open_run(run *r, const nenc_safetensors *raw)
{
    const ntrain_options *o = r->opt;
    nenc_diag diag = { NENC_OK, "" };
    const nenc_train_config cfg = {
        .batch = (size_t)o->batch, .size = (size_t)o->crop,
        .frozen = o->frozen.text, .pool = r->pool,
        .max_memory = o->common.max_memory,
    };
    nenc_status st = r->ops->open(&r->trainer, raw, &cfg, &diag);
    if (st >= 0) {
        r->s.n_params = r->ops->params(r->trainer, &r->s.list);
        st = open_optim(r, &diag);
    }
    if (st < 0)
        return app_fail_diag("ntrain", st, &diag);
    r->schedule = (nenc_schedule){
        .kind = strcmp(o->schedule, "steps") ? NENC_SCHEDULE_COSINE
                                             : NENC_SCHEDULE_STEPS,
        .lr = o->lr, .floor = o->floor, .factor = 0.5,
        .n_steps = !strcmp(o->schedule, "constant") ? 0
                 : !strcmp(o->schedule, "steps") ? (uint64_t)o->steps / 5 + 1
                 : (uint64_t)o->steps,
        .n_warmup = (uint64_t)o->warmup,
    };
    r->s.rng = (uint64_t)o->seed * 2 + 1;
    r->s.best = INFINITY;
    nenc_buffer_init(&r->s.log, (size_t)1 << 26);
    return open_buffers(r);
}

static void close_run(run *r)
{
    r->ops->close(r->trainer);
    nenc_optim_close(r->s.optim);
    nenc_mem_free(r->x);
    nenc_mem_free(r->t);
    nenc_mem_free(r->val_x);
    nenc_mem_free(r->val_t);
    nenc_mem_free(r->s.best_values);
    nenc_buffer_free(&r->s.log);
}

/* ------------------------------------------------------------------- a step */

static void clear_grads(const run *r)
{
    for (size_t i = 0; i < r->s.n_params; i++) {
        const nenc_param *p = r->s.list[i].param;
        memset(p->grad, 0, p->n * sizeof *p->grad);
    }
}

/* Both ends of the range more often: all qualities between lean on them. */
static void draw_qualities(run *r)
{
    for (int i = 0; i < r->opt->batch; i++)
        r->t[i] = (float)nenc_random_next(&r->s.rng);
    if (nenc_random_next(&r->s.rng) < 0.4)
        r->t[0] = nenc_random_next(&r->s.rng) < 0.5 ? 0.0f : 1.0f;
}

static double step(run *r, double lr)
{
    nenc_train_loss loss;
    ntrain_crops(r->x, (size_t)r->opt->batch, (size_t)r->opt->crop, r->data,
                 &r->s.rng);
    draw_qualities(r);
    clear_grads(r);
    const bool noisy = r->s.step < r->opt->noise * r->opt->steps;
    const uint64_t seed = r->s.rng | 1;
    r->ops->step(r->trainer, r->x, r->t, noisy ? seed : 0, &loss);
    const nenc_optim_report report = nenc_optim_step(r->s.optim, lr);
    r->ops->changed(r->trainer);
    r->sum.loss += loss.loss;
    r->sum.bpp += loss.bpp;
    r->sum.mse += loss.mse;
    r->n_sum++;
    r->s.step++;
    return report.norm;
}

static double psnr_of(double mse)
{
    return 10 * log10(255 * 255 / mse);
}

static void show(run *r)
{
    char text[96], left[32];
    const int done = r->s.step - r->first_step;
    const double seconds = app_seconds() - r->start, n = r->n_sum;
    if (!app_progress_is_due(&r->progress) || !r->n_sum || !done)
        return;
    app_time_left(left, seconds / done * (r->opt->steps - r->s.step));
    snprintf(text, sizeof text, "%d/%d loss %.4f bpp %.3f %.2f dB %.1f "
             "images/s %s", r->s.step, r->opt->steps, r->sum.loss / n,
             r->sum.bpp / n, psnr_of(r->sum.mse / n),
             done * r->opt->batch / seconds, left);
    app_progress_text(&r->progress, text);
}

static void log_line(run *r, double lr, double norm, double held_out)
{
    char text[192];
    const double n = r->n_sum;
    int size = snprintf(text, sizeof text, "%d,%.6f,%.5f,%.3f,%.3e,%.4f,",
                        r->s.step, r->sum.loss / n, r->sum.bpp / n,
                        psnr_of(r->sum.mse / n), lr, norm);
    if (isfinite(held_out))
        size += snprintf(text + size, sizeof text - (size_t)size, "%.6f",
                         held_out);
    nenc_buffer_put(&r->s.log, text, (size_t)size);
    nenc_buffer_u8(&r->s.log, '\n');
}

/* --------------------------------------------------------------- held-out loss */

/* Of the averaged parameters, which become the best ones if they are. */
static double evaluate(run *r)
{
    const size_t n = (size_t)r->opt->batch;
    const size_t x = n * (size_t)r->opt->crop * (size_t)r->opt->crop * 3;
    double sum = 0;
    nenc_optim_ema_swap(r->s.optim);
    r->ops->changed(r->trainer);
    for (size_t i = 0; r->val->n && i < VAL_BATCHES; i++) {
        nenc_train_loss loss;
        clear_grads(r);
        r->ops->step(r->trainer, r->val_x + i * x, r->val_t + i * n, 0,
                     &loss);
        sum += loss.loss / VAL_BATCHES;
    }
    if (!r->val->n || sum < r->s.best) {
        r->s.best = sum;
        r->s.best_step = r->s.step;
        ntrain_values_get(&r->s, r->s.best_values);
    }
    nenc_optim_ema_swap(r->s.optim);
    r->ops->changed(r->trainer);
    return r->val->n ? sum : NAN;
}

static void tell(run *r, double held_out)
{
    const double n = r->n_sum;
    char extra[48] = "";
    if (r->opt->common.quiet)
        return;
    if (isfinite(held_out))
        snprintf(extra, sizeof extra, ", held out %.4f%s", held_out,
                 r->s.best_step == r->s.step ? " (best)" : "");
    app_progress_hide();
    app_say("step %d: loss %.4f, %.3f bpp, %.2f dB%s", r->s.step,
            r->sum.loss / n, r->sum.bpp / n, psnr_of(r->sum.mse / n), extra);
}

static nenc_status stand_still(run *r, double lr, double norm)
{
    const double held_out = evaluate(r);
    log_line(r, lr, norm, held_out);
    tell(r, held_out);
    r->sum = (nenc_train_loss){ 0 };
    r->n_sum = 0;
    return r->opt->checkpoint
        ? ntrain_state_save(&r->s, r->ops, r->trainer, r->opt) : NENC_OK;
}

static bool is_done(const run *r)
{
    const ntrain_options *o = r->opt;
    const bool stuck = o->patience && r->val->n
        && r->s.step - r->s.best_step >= o->patience * o->every;
    return app_interrupted() || r->s.step >= o->steps || stuck;
}

static nenc_status train(run *r)
{
    const ntrain_options *o = r->opt;
    app_progress_init(&r->progress, "training", o->common.quiet);
    r->start = app_seconds();
    r->first_step = r->s.step;
    nenc_status st = NENC_OK;
    if (!r->s.step)
        evaluate(r);             /* what there was may be the best */
    while (st >= 0 && !is_done(r)) {
        const double lr = nenc_schedule_lr(&r->schedule, (uint64_t)r->s.step);
        const double norm = step(r, lr);
        show(r);
        if (r->s.step % o->every == 0 || is_done(r))
            st = stand_still(r, lr, norm);
        else if (r->s.step % LOG_EVERY == 0)
            log_line(r, lr, norm, NAN);
    }
    app_progress_end(&r->progress);
    if (app_interrupted() && !o->common.quiet)
        app_say("stopped at step %d", r->s.step);
    ntrain_values_set(&r->s, r->s.best_values);
    return st;
}

nenc_status ntrain_run(const ntrain_options *opt, const nenc_trainer_ops *ops,
                       const nenc_safetensors *raw,
                       const nenc_safetensors *checkpoint,
                       const ntrain_pictures *data,
                       const ntrain_pictures *val, nenc_pool *pool,
                       nenc_buffer *log, nenc_safetensors *out,
                       nenc_arena *arena)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_fpenv env;
    run r = { .opt = opt, .ops = ops, .data = data, .val = val, .pool = pool };
    nenc_fpenv_enter(&env);
    nenc_status st = open_run(&r, raw);
    if (st >= 0 && checkpoint) {
        st = ntrain_state_load(&r.s, checkpoint, opt);
        r.ops->changed(r.trainer);
    }
    if (st >= 0)
        st = train(&r);
    if (st >= 0) {
        st = ops->save(r.trainer, out, arena, &diag);
        if (st < 0)
            app_fail_diag("ntrain", st, &diag);
        nenc_buffer_put(log, r.s.log.data, r.s.log.size);
    }
    nenc_fpenv_leave(&env);
    close_run(&r);
    return st;
}
