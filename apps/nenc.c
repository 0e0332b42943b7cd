/* SPDX-License-Identifier: BSD-2-Clause */
/* nenc: pictures to .nenc files.  Not here: codecs, picture formats, sharing
 * out files among threads, searching a quality. */
#include <math.h>
#include <string.h>

#include "app_batch.h"
#include "app_model.h"
#include "app_names.h"
#include "app_report.h"
#include "media.h"
#include "nenc_checkpoint.h"
#include "nenc_target.h"

typedef struct nenc_options {
    app_common common;            /* first: app_options_parse() fills it */
    double quality;               /* -1: not given */
    double bpp, psnr, ms_ssim;    /* targets; -1 = not given */
    uint64_t size;                /* 0 = not given */
    target target;                /* whichever it is */
    const char *codec_name;       /* NULL: not given */
    nenc_codec_info codec;        /* that one, or the usual one */
    int effort;                   /* -1: not given */
    bool refines;
    bool verify, keep_invisible, lenient;
    const char *suffix;
    const char *checkpoint;       /* NULL: none */
} nenc_options;

#define AT(member) offsetof(nenc_options, member)

static const app_option options[] = {
    { "Input", 0, true, APP_FLAG, "lenient", NULL, AT(lenient), 0, 0,
      "encode what there is of damaged PNG and JPEG files" },
    { "Rate", 0, false, APP_TEXT, "codec", "NAME", AT(codec_name), 0, 0,
      "hyperprior (default) or overfit (slow, no model file)" },
    { "Rate", 'q', false, APP_REAL, "quality", "N",
      AT(quality), 0, 100,
      "0 (smallest file) to 100 (best picture); default 50" },
    { "Rate", 0, false, APP_SIZE, "size", "BYTES", AT(size), 1,
      UINT64_C(1) << 40, "or: the best picture of at most so many bytes" },
    { "Rate", 0, true, APP_REAL, "bpp", "N", AT(bpp), 0, 64,
      "or: the quality that comes to this many bits per pixel" },
    { "Rate", 0, true, APP_REAL, "psnr", "DB", AT(psnr), 1, 100,
      "or: to this PSNR" },
    { "Rate", 0, true, APP_REAL, "msssim", "N", AT(ms_ssim), 0, 1,
      "or: to this MS-SSIM" },
    { "Rate", 0, true, APP_FLAG, "keep-invisible", NULL, AT(keep_invisible), 0,
      0, "code the colours of wholly transparent pixels" },
    { "Speed", 'e', false, APP_NUMBER, "effort", "N", AT(effort), 0, 9,
      "0 to 9: smaller for the same picture, but slow" },
    { "Speed", 0, true, APP_TEXT, "checkpoint", "FILE", AT(checkpoint), 0, 0,
      "go on from FILE if it is there, and keep it up to date" },
    { "Output", 0, true, APP_FLAG, "verify", NULL, AT(verify), 0, 0,
      "decode and compare before the output is kept" },
    { "Output", 0, true, APP_TEXT, "suffix", "TEXT", AT(suffix), 0, 0,
      "of outputs named after their inputs (default .nenc)" },
};

static const app_command command = {
    .name = "nenc",
    .usage = "nenc [OPTIONS] IN... [-o OUT]",
    .about = "Encode pictures (PNG, JPEG, TIFF ...; - is standard input) to "
             ".nenc files.\n"
             "IN may be a folder; for several, OUT is one.  Without -o, OUT "
             "is IN with the\nsuffix .nenc.",
    .examples = "Examples: nenc photo.png -o photo.nenc -q 30\n"
                "          nenc -r photos/ more/*.jpg -o coded/\n"
                "          curl -s URL | nenc - >photo.nenc\n",
    .options = options, .n_options = sizeof options / sizeof options[0],
    .takes_many = true,
};

/* What the files share. */
typedef struct session {
    const nenc_options *opt;
    app_models models;
} session;

/* Everything of one file. */
typedef struct job {
    session *s;
    const nenc_options *opt;
    app_task *task;
    app_input in;
    app_output out;
    const app_model *model;       /* of the session */
    nenc_image image;
    nenc_media_facts facts;
    checkpoint checkpoint;
    target_result found;          /* the stream, where it is not written as
                                     it is made */
    double quality, psnr;         /* psnr: where verified, or NAN */
    double read_s, model_s, encode_s;
} job;

/* Beside the share of memory that networks take, as much again may go to the
 * file and its samples. */
static nenc_status parse_image(job *j, const nenc_buffer *file)
{
    nenc_diag diag = { NENC_OK, "" };
    const app_task *t = j->task;
    const nenc_media_source src = {
        .data = file->data, .size = file->size,
        .lenient = j->opt->lenient,
        .max_pixels = t->has_share
                    ? NENC_MIN(t->max_pixels, t->max_memory / 16)
                    : t->max_pixels,
    };
    const nenc_status st = nenc_media_read(&j->image, &j->facts, &src, &diag);
    return st < 0 ? app_task_fail(j->task, j->in.name, st, &diag) : st;
}

static nenc_status read_image(job *j)
{
    nenc_buffer buf;
    const double start = app_seconds();
    if ((uint64_t)j->in.st.st_size > j->task->max_memory / 2
        && j->task->has_share)
        return app_task_fail(j->task, j->in.name, NENC_ELIMIT, NULL);
    nenc_buffer_init(&buf, (size_t)1 << 30);
    nenc_status st = app_input_load(&j->in, &buf);
    if (st >= 0)
        st = parse_image(j, &buf);
    nenc_buffer_free(&buf);
    if (st >= 0 && j->facts.note[0] && !j->opt->common.quiet)
        app_warn(j->in.name, "%s", j->facts.note);
    if (st >= 0 && j->facts.is_truncated)
        app_fail(j->in.name, NENC_EBITSTREAM,
                 "damaged or cut: what is missing is filled in");
    j->read_s = app_seconds() - start;
    return st;
}

static nenc_status open_model(job *j)
{
    const double start = app_seconds();
    const nenc_status st = app_models_default(&j->s->models, &j->model);
    j->model_s = app_seconds() - start;
    return st;
}

/* -------------------------------------------------------------- encoding */

static check_stream decoding(const job *j)
{
    return (check_stream){ &j->found.bytes, j->model->model, j->task->threads,
                           j->task->max_memory };
}

static void tell_missed(const job *j)
{
    const target_result *r = &j->found;
    const target *t = &j->opt->target;
    char wanted[48], value[48];
    const bool fits = t->kind == TARGET_SIZE && r->value <= t->value;
    if (r->reached || fits || j->opt->common.quiet)
        return;
    target_format(wanted, t->kind, t->value);
    target_format(value, t->kind, r->value);
    app_warn(j->in.name, "nothing comes closer to %s than %s, quality %.4g",
             wanted, value, r->quality);
}

/* All of the stream before any of it is written. */
static nenc_status encode_to_memory(job *j, nenc_encoder *enc,
                                    nenc_diag *diag)
{
    const target *t = &j->opt->target;
    const check_stream decode = decoding(j);
    if (t->kind == TARGET_NONE)
        NENC_TRY(target_encode(&j->found, j->quality, enc,
                               decode.max_memory, diag));
    else
        NENC_TRY(target_search(&j->found, t, enc, &j->image, &decode, diag));
    j->quality = j->found.quality;
    if (t->kind != TARGET_NONE)
        tell_missed(j);
    if (j->opt->verify)
        NENC_TRY(check_verify(&j->psnr, &j->image, j->found.symbols, &decode,
                              diag));
    return app_output_write(&j->out, j->found.bytes.data, j->found.bytes.size)
         ? NENC_EIO : NENC_OK;
}

/* Ctrl-C ends refinement, of all files. */
static int show_progress(void *user, double done)
{
    job *j = user;
    const int answer = app_task_progress(j->task, done);
    return answer ? answer
         : checkpoint_is_due(&j->checkpoint) ? NENC_SAVE
         : j->opt->refines && app_interrupted() ? NENC_HURRY : 0;
}

static nenc_status encode(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_encoder_config cfg;
    nenc_encoder *enc;
    const double start = app_seconds();
    const bool in_memory = j->opt->target.kind || j->opt->verify;
    nenc_encoder_config_init(&cfg);
    cfg.threads = j->task->threads;
    cfg.max_memory = j->task->max_memory;
    cfg.effort = j->opt->effort;
    cfg.keep_invisible = j->opt->keep_invisible;
    cfg.several = j->opt->target.kind != TARGET_NONE;
    cfg.progress = show_progress;
    cfg.progress_user = j;
    checkpoint_configure(&j->checkpoint, &cfg);
    nenc_status st = nenc_encoder_open(&enc, j->model->model, &cfg, &j->image,
                                       &diag);
    if (st >= 0)
        st = in_memory ? encode_to_memory(j, enc, &diag)
           : nenc_encoder_write(enc, j->quality, app_output_write, &j->out,
                                &diag);
    nenc_encoder_close(enc);
    j->encode_s = app_seconds() - start;
    if (st < 0 && j->out.error)
        return app_output_fail(&j->out);
    return st < 0 ? app_task_fail(j->task, j->in.name, st, &diag) : st;
}

/* ----------------------------------------------------------------- reports */

static double bits_per_pixel(const job *j, uint64_t bytes)
{
    return 8.0 * (double)bytes / ((double)j->image.width * j->image.height);
}

static void print_verbose(const job *j)
{
    const nenc_model *model = j->model->model;
    app_say("input    %s: %s, %ux%u, %u channel%s", j->in.name,
            j->facts.format, (unsigned)j->image.width,
            (unsigned)j->image.height, (unsigned)j->image.channels,
            j->image.channels == 1 ? "" : "s");
    app_say("model    %s %016llx, %s", nenc_model_codec(model),
            (unsigned long long)nenc_model_id(model),
            app_model_place(j->model));
    app_say("output   %s: %llu bytes, %.4f bpp, quality %.4g", j->out.name,
            (unsigned long long)j->out.n_written,
            bits_per_pixel(j, j->out.n_written), j->quality);
    if (j->opt->target.kind) {
        char text[48];
        target_format(text, j->opt->target.kind, j->found.value);
        app_say("target   %s, after %u encode%s", text, j->found.encodes,
                j->found.encodes == 1 ? "" : "s");
    }
    if (j->opt->verify)
        app_say("verified PSNR %.2f dB", j->psnr);
    app_say("seconds  read %.3f, model %.3f, encode %.3f", j->read_s,
            j->model_s, j->encode_s);
}

static void print_line(const job *j)
{
    app_say("%s -> %s: %ux%u, %llu -> %llu bytes, %.4f bpp, %.3f s",
            j->in.name, j->out.name, (unsigned)j->image.width,
            (unsigned)j->image.height, (unsigned long long)j->in.n_read,
            (unsigned long long)j->out.n_written,
            bits_per_pixel(j, j->out.n_written), j->read_s + j->encode_s);
}

static void print_json(const job *j)
{
    char id[17];
    app_json json;
    snprintf(id, sizeof id, "%016llx",
             (unsigned long long)nenc_model_id(j->model->model));
    app_task_json(j->task, &json);
    app_json_text(&json, "input", j->in.name);
    app_json_text(&json, "output", j->out.name);
    if (j->task->is_many)
        app_json_text(&json, "status", "done");
    app_json_text(&json, "codec", nenc_model_codec(j->model->model));
    app_json_text(&json, "model_id", id);
    if (j->model->path)
        app_json_text(&json, "model", j->model->path);
    else
        app_json_integer(&json, "builtin", 1);
    if (j->facts.is_truncated)
        app_json_integer(&json, "incomplete", 1);
    app_json_integer(&json, "width", j->image.width);
    app_json_integer(&json, "height", j->image.height);
    app_json_integer(&json, "channels", j->image.channels);
    app_json_real(&json, "quality", j->quality);
    app_json_integer(&json, "bytes", j->out.n_written);
    app_json_real(&json, "bpp", bits_per_pixel(j, j->out.n_written));
    if (j->opt->target.kind) {
        app_json_real(&json, "target", j->opt->target.value);
        app_json_real(&json, "reached", j->found.value);
        app_json_integer(&json, "encodes", j->found.encodes);
    }
    if (j->opt->verify)
        app_json_real(&json, "psnr", j->psnr);
    app_json_real(&json, "read_s", j->read_s);
    app_json_real(&json, "model_s", j->model_s);
    app_json_real(&json, "encode_s", j->encode_s);
    app_json_end(&json);
}

static void report(const job *j)
{
    if (j->opt->common.verbose && j->task->is_many)
        print_line(j);
    else if (j->opt->common.verbose)
        print_verbose(j);
    if (j->opt->common.json)
        print_json(j);
}

static nenc_status encode_file(void *user, app_task *task)
{
    session *s = user;
    job j = { .s = s, .opt = s->opt, .task = task, .psnr = NAN,
              .quality = s->opt->quality };
    nenc_status st = app_input_open(&j.in, task->input);
    if (st >= 0) st = read_image(&j);
    if (st >= 0) st = app_task_output(task, &j.out, &j.in);
    if (st >= 0) st = open_model(&j);
    if (st >= 0) st = checkpoint_open(&j.checkpoint, j.opt->checkpoint);
    if (st >= 0) st = encode(&j);
    if (st >= 0) st = app_output_commit(&j.out);
    if (st >= 0) checkpoint_done(&j.checkpoint, s->opt->common.quiet);
    if (st >= 0) report(&j);
    if (st >= 0 && j.facts.is_truncated)
        st = NENC_EBITSTREAM;
    task->n_read = j.in.n_read;
    task->n_written = j.out.n_written;
    app_output_close(&j.out);
    checkpoint_close(&j.checkpoint);
    target_result_free(&j.found);
    nenc_image_free(&j.image);
    app_input_close(&j.in);
    return st;
}

/* -------------------------------------------------------------------- main */

/* Also of what this build cannot read: that is told, and not passed over. */
static bool is_picture(const char *path)
{
    return nenc_media_by_suffix(path) != NULL;
}

static nenc_status run(const nenc_options *opt, const app_files *files)
{
    const app_model *model;
    session s = { .opt = opt };
    const app_batch batch = {
        .common = &opt->common, .files = files, .code = encode_file,
        .user = &s, .doing = "encoding",
    };
    app_models_init(&s.models, opt->common.model,
                    opt->codec_name ? &opt->codec : NULL);
    if (opt->refines)
        app_interrupt_catch();
    /* One message about a missing model, and not one for each file. */
    nenc_status st = files->is_many && files->n
                   ? app_models_default(&s.models, &model) : NENC_OK;
    if (st >= 0)
        st = app_batch_run(&batch);
    app_models_close(&s.models);
    return st;
}

static int check_codec(nenc_options *opt)
{
    const int rc = app_codec_find(&opt->codec, opt->codec_name);
    if (rc)
        return rc;
    opt->refines = opt->effort > 0 || opt->codec.default_effort > 0;
    return opt->codec.builtin && opt->common.model
         ? app_misuse("--codec %s fits its networks to each picture: there is "
                      "no --model for it", opt->codec.name) : 0;
}

/* At most one of the ways to say how good. */
static int check_rate(nenc_options *opt)
{
    const target targets[] = {
        { TARGET_SIZE, opt->size ? (double)opt->size : -1 }, { TARGET_BPP, opt->bpp },
        { TARGET_PSNR, opt->psnr }, { TARGET_MS_SSIM, opt->ms_ssim },
    };
    int n = opt->quality >= 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (targets[i].value >= 0) {
            opt->target = targets[i];
            n++;
        }
    if (n > 1)
        return app_misuse("one of --quality, --size, --bpp, --psnr and "
                          "--msssim at a time");
    if (opt->target.kind && !(opt->target.value > 0))
        return app_misuse("a target of 0 cannot be reached");
    if (opt->quality < 0)
        opt->quality = 50;
    return 0;
}

static int check(const nenc_options *opt, const app_files *files)
{
    const char *output = files->n ? files->list[0].output : "";
    if (opt->checkpoint && (files->is_many || opt->target.kind))
        return app_misuse("--checkpoint is for one picture at one --quality");
    if (opt->checkpoint && !opt->codec.resumes)
        return app_misuse("--checkpoint is for --codec overfit: encoding with "
                          "%s takes seconds", opt->codec.name);
    return opt->common.json && !strcmp(output, "-")
         ? app_misuse("--json and the output cannot share stdout") : 0;
}

int main(int argc, char **argv)
{
    nenc_options opt = { .quality = -1, .bpp = -1, .psnr = -1, .ms_ssim = -1,
                         .effort = -1, .suffix = ".nenc" };
    app_files files;
    int rc;

    app_report_init("nenc");
    app_output_init();
    if (!app_options_parse(&command, &opt, argc, argv, &rc))
        return rc;
    if (!*opt.suffix || strchr(opt.suffix, '/'))
        return app_misuse("--suffix takes the end of a name, not '%s'",
                          opt.suffix);
    const app_naming naming = {
        .common = &opt.common, .wanted = is_picture, .what = "pictures",
        .output = opt.common.output, .suffix = opt.suffix,
    };
    rc = check_rate(&opt);
    if (!rc) rc = check_codec(&opt);
    if (rc)
        return rc;
    rc = app_names_find(&files, &naming);
    if (!rc) rc = check(&opt, &files);
    if (!rc) rc = app_exit_code(run(&opt, &files));
    app_files_free(&files);
    return rc;
}
