/* SPDX-License-Identifier: BSD-2-Clause */
/* ntrain: models trained, or fine-tuned, on a user's own pictures.
 * Not here: the run (ntrain_run.c), gradients (codecs/, transforms/). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_input.h"
#include "app_model.h"
#include "app_output.h"
#include "app_report.h"
#include "model.h"
#include "ntrain.h"

#define AT(member) offsetof(ntrain_options, member)

static const app_option options[] = {
    { "Input", 0, false, APP_LIST, "data", "PATH", AT(data), 0, 0,
      "pictures, or folders of them, to train on" },
    { "Input", 0, false, APP_LIST, "val", "PATH", AT(val), 0, 0,
      "held-out ones (default: every tenth of the data)" },
    { "Input", 0, false, APP_TEXT, "model", "FILE", AT(start), 0, 0,
      "model, or codec, to go on from (default: nenc's own)" },
    { "Input", 0, false, APP_TEXT, "new", "FILE", AT(networks), 0, 0,
      "or: a text of networks, trained from nothing" },
    { "Input", 0, false, APP_LIST, "freeze", "PART", AT(frozen), 0, 0,
      "leave g_a, h_a, h_s, g_s or gains as they are" },
    { "Input", 0, true, APP_FLAG, "only-gains", NULL, AT(only_gains), 0, 0,
      "train gains and hyper-latents' densities only" },
    { "Training", 0, false, APP_NUMBER, "steps", "N", AT(steps), 1, 100000000,
      "how many (default 2000)" },
    { "Training", 0, false, APP_REAL, "lr", "X", AT(lr), 0, 1,
      "learning rate (default 2e-4, from nothing 1e-3)" },
    { "Training", 0, true, APP_TEXT, "schedule", "KIND", AT(schedule), 0, 0,
      "cosine (default), steps (halved five times) or constant" },
    { "Training", 0, true, APP_REAL, "lr-end", "X", AT(floor), 0, 1,
      "share of it at the end (default 0.02)" },
    { "Training", 0, true, APP_NUMBER, "warmup", "N", AT(warmup), 0, 1000000,
      "steps that it rises in (default 50)" },
    { "Training", 0, false, APP_NUMBER, "batch", "N", AT(batch), 1, 1024,
      "pictures a step (default 4)" },
    { "Training", 0, false, APP_NUMBER, "crop", "N", AT(crop), 32, 4096,
      "pixels a side of them, a multiple of 32 (default 192)" },
    { "Training", 0, true, APP_REAL, "clip", "X", AT(clip), 0, 1000000,
      "gradients' norm at most (default 1; 0 = any)" },
    { "Training", 0, true, APP_REAL, "ema", "X", AT(ema), 0, 1,
      "decay of the averaged weights (default 0.998)" },
    { "Training", 0, true, APP_REAL, "noise", "X", AT(noise), 0, 1,
      "share of steps in which noise stands for rounding (0)" },
    { "Training", 0, true, APP_NUMBER, "seed", "N", AT(seed), 1, 1 << 30,
      "of what is drawn at random (default 1)" },
    { "Training", 0, false, APP_NUMBER, "patience", "N", AT(patience), 0, 1000,
      "stop after so many reports without a better one" },
    { "Reports", 0, false, APP_NUMBER, "every", "N", AT(every), 1, 1000000,
      "steps between reports and checkpoints (default 200)" },
    { "Reports", 0, false, APP_TEXT, "checkpoint", "FILE", AT(checkpoint), 0,
      0, "keep the run's state there" },
    { "Reports", 0, false, APP_FLAG, "resume", NULL, AT(resume), 0, 0,
      "go on from the checkpoint, to the bit" },
    { "Reports", 0, false, APP_TEXT, "csv", "FILE", AT(csv), 0, 0,
      "log of losses" },
    { "Reports", 0, false, APP_TEXT, "svg", "FILE", AT(svg), 0, 0,
      "plot of rates, before and after, and of losses" },
    { "Reports", 0, true, APP_NUMBER, "held-out", "N", AT(held_out), 0, 100000,
      "pictures that both models code in the end (default 12)" },
    { "Reports", 0, true, APP_FLAG, "no-tables", NULL, AT(no_tables), 0, 0,
      "keep densities, do not measure what is coded" },
};

static const app_command command = {
    .name = "ntrain",
    .usage = "ntrain [OPTIONS] --data PATH -o MODEL",
    .about = "Train a model on pictures of yours, on the CPU.  The same "
             "options give the same\nmodel with any number of threads.  "
             "Ctrl-C ends early and keeps the best so far.",
    .examples = "Example: ntrain --data scans/ --steps 2000 -o scans."
                "safetensors\n"
                "         nenc --model scans.safetensors page.png\n",
    .options = options, .n_options = sizeof options / sizeof options[0],
    .takes_none = true,
    .shared = " output force quiet threads recursive max-memory help version ",
};

/* Everything of one run of the program. */
typedef struct job {
    ntrain_options *opt;
    const nenc_trainer_ops *ops;
    nenc_arena arena;
    nenc_buffer file, log;        /* the start's bytes; the CSV's lines */
    nenc_safetensors start, raw;
    app_model before;
    nenc_model *after;
    ntrain_pictures data, val;
    nenc_pool *pool;
    app_output out;
    nenc_diag diag;
} job;

#define MAX_FILE ((size_t)3 << 30)

static nenc_status fail(job *j, const char *name, nenc_status st)
{
    return app_fail_diag(name, st, &j->diag);
}

static nenc_status load(job *j, const char *path)
{
    app_input in = { 0 };
    nenc_buffer_init(&j->file, MAX_FILE);
    nenc_status st = app_input_open(&in, path);
    if (st >= 0)
        st = app_input_load(&in, &j->file);
    app_input_close(&in);
    return st;
}

static nenc_status parse(job *j, const char *path)
{
    NENC_TRY(load(j, path));
    const nenc_status st = nenc_safetensors_parse(&j->start, &j->arena,
                                                  j->file.data, j->file.size,
                                                  &j->diag);
    return st < 0 ? fail(j, path, st) : st;
}

static nenc_status start_new(job *j)
{
    const char *path = j->opt->networks;
    NENC_TRY(load(j, path));
    nenc_buffer_u8(&j->file, 0);
    if (j->file.failed || memchr(j->file.data, 0, j->file.size - 1))
        return app_fail(path, NENC_EMODEL, "not a text");
    const nenc_status st = j->ops->create(&j->raw, &j->arena,
                                          (const char *)j->file.data,
                                          (uint64_t)j->opt->seed, &j->diag);
    return st < 0 ? fail(j, path, st) : st;
}

static nenc_status find_ops(job *j, const char *name)
{
    const nenc_codec *codec = nenc_codec_by_name(name);
    if (!codec || !codec->train)
        return app_fail("ntrain", NENC_EUNSUPPORTED,
                        "models of \"%s\" cannot be trained here", name);
    j->ops = codec->train;
    return NENC_OK;
}

/* The model that reports compare with; a codec's name is its default one. */
static nenc_status open_before(job *j)
{
    const char *start = j->opt->start;
    if (j->opt->networks)
        return NENC_OK;
    if (start && access(start, F_OK) && nenc_codec_by_name(start)) {
        NENC_TRY(find_ops(j, start));     /* not every codec has a model */
        start = NULL;
    }
    return app_model_open_default(&j->before, start, NULL);
}

/* A model file, a file of weights in float32 (training/), or nothing. */
static nenc_status open_start(job *j)
{
    NENC_TRY(open_before(j));
    NENC_TRY(find_ops(j, j->opt->networks ? "hyperprior"
                         : nenc_model_codec(j->before.model)));
    if (j->opt->resume) {
        NENC_TRY(parse(j, j->opt->checkpoint));
        j->raw = j->start;
        return NENC_OK;
    }
    if (j->opt->networks)
        return start_new(j);
    NENC_TRY(parse(j, j->before.path));
    const nenc_status st = j->ops->export(&j->raw, &j->arena, &j->start,
                                          &j->diag);
    return st < 0 ? fail(j, j->before.path, st) : st;
}

static nenc_status open_data(job *j)
{
    const ntrain_options *o = j->opt;
    const size_t side = (size_t)o->crop;
    const size_t most = (size_t)o->common.max_memory / 2;
    NENC_TRY(ntrain_load(&j->data, &o->data, &o->common, side, most));
    if (o->val.n)
        return ntrain_load(&j->val, &o->val, &o->common, side, most);
    return ntrain_split(&j->data, &j->val);
}

/* Some of the pictures, whose symbols make the tables. */
static nenc_status measure(job *j, nenc_safetensors *raw)
{
    enum { PICTURES = 40 };
    nenc_image some[PICTURES];
    size_t n = 0;
    const size_t every = (j->data.n + PICTURES - 1) / PICTURES;
    for (size_t i = 0; i < j->data.n && n < PICTURES; i += every) {
        some[n] = j->data.list[i];
        some[n].width = NENC_MIN(some[n].width, 768);
        some[n].height = NENC_MIN(some[n].height, 768);
        n++;
    }
    if (!j->opt->common.quiet)
        app_say("measuring what is coded in %zu pictures", n);
    const nenc_safetensors before = *raw;
    const nenc_status st = j->ops->measure(raw, &j->arena, &before, some, n,
                                           j->pool, &j->diag);
    return st < 0 ? fail(j, "ntrain", st) : st;
}

static nenc_status write_model(job *j, const nenc_safetensors *raw)
{
    nenc_safetensors model;
    nenc_buffer bytes;
    nenc_buffer_init(&bytes, MAX_FILE);
    nenc_status st = j->ops->build(&model, &j->arena, raw, &j->diag);
    if (st >= 0)
        nenc_safetensors_write(&bytes, &model);
    if (st >= 0 && bytes.failed)
        st = nenc_fail(&j->diag, NENC_ENOMEM, "out of memory");
    if (st >= 0)
        st = nenc_model_open_memory(&j->after, bytes.data, bytes.size,
                                    &j->diag);
    if (st < 0)
        fail(j, j->out.name, st);
    else if (app_output_write(&j->out, bytes.data, bytes.size))
        st = app_output_fail(&j->out);
    nenc_buffer_free(&bytes);
    return st < 0 ? st : app_output_commit(&j->out);
}

static nenc_status write_csv(job *j)
{
    static const char head[] = "step,loss,bpp,psnr,lr,norm,held_out\n";
    app_output out = { 0 };
    if (!j->opt->csv)
        return NENC_OK;
    nenc_status st = app_output_open(&out, j->opt->csv, NULL, true);
    if (st >= 0 && (app_output_write(&out, head, sizeof head - 1)
                    || app_output_write(&out, j->log.data, j->log.size)))
        st = app_output_fail(&out);
    if (st >= 0)
        st = app_output_commit(&out);
    app_output_close(&out);
    return st;
}

static nenc_status run(job *j)
{
    nenc_safetensors raw;
    const ntrain_options *o = j->opt;
    NENC_TRY(app_output_open(&j->out, o->common.output, NULL,
                             o->common.force));
    NENC_TRY(open_start(j));
    NENC_TRY(open_data(j));
    if (nenc_pool_open(&j->pool, o->common.threads) < 0)
        return app_fail("ntrain", NENC_ENOMEM, "no threads");
    if (!o->common.quiet)
        app_say("%zu pictures to train on, %zu held out", j->data.n,
                j->val.n);
    app_interrupt_catch();
    NENC_TRY(ntrain_run(o, j->ops, &j->raw, o->resume ? &j->start : NULL,
                        &j->data, &j->val, j->pool, &j->log, &raw, &j->arena));
    if (!o->no_tables)
        NENC_TRY(measure(j, &raw));
    NENC_TRY(write_model(j, &raw));
    NENC_TRY(write_csv(j));
    nenc_buffer_u8(&j->log, 0);
    NENC_TRY(ntrain_report(o, j->before.model, j->after, &j->val, &j->log));
    return app_stdout_check();
}

static void close_job(job *j)
{
    app_output_close(&j->out);
    app_model_close(&j->before);
    nenc_model_close(j->after);
    ntrain_pictures_free(&j->data);
    ntrain_pictures_free(&j->val);
    nenc_pool_close(j->pool);
    nenc_buffer_free(&j->file);
    nenc_buffer_free(&j->log);
    nenc_arena_free(&j->arena);
}

static int check(ntrain_options *o)
{
    static const char *const parts[] = { "g_a", "h_a", "h_s", "g_s" };
    if (!o->data.n)
        return app_misuse("--data: which pictures?");
    if (!o->common.output)
        return app_misuse("-o: which file is the model to go to?");
    if (!strcmp(o->common.output, "-"))
        return app_misuse("a model goes to a file, not to standard output");
    if (o->start && o->networks)
        return app_misuse("--model or --new, not both");
    if (o->resume && !o->checkpoint)
        return app_misuse("--resume needs --checkpoint");
    if (o->crop % 32)
        return app_misuse("--crop takes a multiple of 32, not %d", o->crop);
    if (strcmp(o->schedule, "cosine") && strcmp(o->schedule, "steps")
        && strcmp(o->schedule, "constant"))
        return app_misuse("--schedule is cosine, steps or constant, not '%s'",
                          o->schedule);
    if (o->lr < 0)
        o->lr = o->networks ? 1e-3 : 2e-4;
    for (int i = 0; o->only_gains && i < 4; i++)
        o->frozen.text[o->frozen.n++ % 60] = parts[i];
    o->frozen.text[NENC_MIN(o->frozen.n, 63)] = NULL;
    return 0;
}

int main(int argc, char **argv)
{
    ntrain_options opt = {
        .steps = 2000, .batch = 4, .crop = 192, .every = 200, .warmup = 50,
        .seed = 1, .held_out = 12, .lr = -1, .floor = 0.02, .clip = 1,
        .ema = 0.998, .schedule = "cosine",
    };
    job j = { .opt = &opt };
    int rc;
    app_report_init("ntrain");
    app_output_init();
    if (!app_options_parse(&command, &opt, argc, argv, &rc))
        return rc;
    rc = check(&opt);
    if (rc)
        return rc;
    nenc_arena_init(&j.arena, MAX_FILE);
    nenc_buffer_init(&j.log, (size_t)1 << 26);
    rc = app_exit_code(run(&j));
    close_job(&j);
    return rc;
}
