/* SPDX-License-Identifier: BSD-2-Clause */
/* nenc: a picture to a .nenc file.  Not here: codecs, picture formats. */
#include <stdlib.h>
#include <string.h>

#include "app_input.h"
#include "app_model.h"
#include "app_options.h"
#include "app_output.h"
#include "app_report.h"
#include "media.h"

typedef struct nenc_options {
    app_common common;            /* first: app_options_parse() fills it */
    int quality;
} nenc_options;

static const app_option options[] = {
    { "Rate", 'q', false, APP_NUMBER, "quality", "N",
      offsetof(nenc_options, quality), 0, 100,
      "0 (smallest file) to 100 (best picture); default 50" },
};

static const app_command command = {
    .name = "nenc",
    .usage = "nenc [OPTIONS] IN [-o OUT]",
    .about = "Encode a picture (PNG, JPEG, PPM, PGM; - is standard input) to "
             "a .nenc file.\n"
             "Without -o, OUT is IN with the suffix .nenc.",
    .examples = "Examples: nenc photo.png -o photo.nenc -q 30\n"
                "          curl -s URL | nenc - >photo.nenc\n",
    .options = options, .n_options = sizeof options / sizeof options[0],
};

/* Everything of one run. */
typedef struct job {
    const nenc_options *opt;
    app_input in;
    app_output out;
    app_model model;
    nenc_image image;
    nenc_media_facts facts;
    const char *out_name;
    double read_s, model_s, encode_s;
} job;

static nenc_status read_image(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_buffer buf;
    const double start = app_seconds();
    nenc_buffer_init(&buf, (size_t)1 << 30);
    nenc_status st = app_input_load(&j->in, &buf);
    if (st >= 0) {
        const nenc_media_source src = {
            .data = buf.data, .size = buf.size,
            .max_pixels = j->opt->common.max_pixels };
        st = nenc_media_read(&j->image, &j->facts, &src, &diag);
        if (st < 0)
            app_fail_diag(j->in.name, st, &diag);
    }
    nenc_buffer_free(&buf);
    if (st >= 0 && j->facts.has_profile && !j->opt->common.quiet)
        app_warn(j->in.name,
                 "its colour profile is not kept; it is taken for sRGB");
    j->read_s = app_seconds() - start;
    return st;
}

static nenc_status open_model(job *j)
{
    const double start = app_seconds();
    const nenc_status st = app_model_open_default(&j->model,
                                                  j->opt->common.model);
    j->model_s = app_seconds() - start;
    return st;
}

static nenc_status encode(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    app_progress progress;
    nenc_encoder_config cfg;
    const double start = app_seconds();
    app_progress_init(&progress, "encoding", j->opt->common.quiet);
    nenc_encoder_config_init(&cfg);
    cfg.quality = j->opt->quality;
    cfg.threads = j->opt->common.threads;
    cfg.max_memory = (size_t)j->opt->common.max_memory;
    cfg.progress = app_progress_show;
    cfg.progress_user = &progress;
    const nenc_status st = nenc_encode_image(j->model.model, &cfg, &j->image,
                                             app_output_write, &j->out, &diag);
    app_progress_end(&progress);
    j->encode_s = app_seconds() - start;
    if (st < 0 && j->out.error)
        return app_output_fail(&j->out);
    return st < 0 ? app_fail_diag(j->in.name, st, &diag) : st;
}

static double bits_per_pixel(const job *j, uint64_t bytes)
{
    return 8.0 * (double)bytes / ((double)j->image.width * j->image.height);
}

static void print_verbose(const job *j)
{
    const nenc_model *model = j->model.model;
    fprintf(stderr, "input    %s: %s, %ux%u, %u channel%s\n", j->in.name,
            j->facts.format, (unsigned)j->image.width,
            (unsigned)j->image.height, (unsigned)j->image.channels,
            j->image.channels == 1 ? "" : "s");
    fprintf(stderr, "model    %s %016llx, %s\n", nenc_model_codec(model),
            (unsigned long long)nenc_model_id(model), j->model.path);
    fprintf(stderr, "output   %s: %llu bytes, %.4f bpp, quality %d\n",
            j->out.name, (unsigned long long)j->out.n_written,
            bits_per_pixel(j, j->out.n_written), j->opt->quality);
    fprintf(stderr, "seconds  read %.3f, model %.3f, encode %.3f\n", j->read_s,
            j->model_s, j->encode_s);
}

static void print_json(const job *j)
{
    char id[17];
    app_json json;
    snprintf(id, sizeof id, "%016llx",
             (unsigned long long)nenc_model_id(j->model.model));
    app_json_begin(&json, stdout);
    app_json_text(&json, "input", j->in.name);
    app_json_text(&json, "output", j->out.name);
    app_json_text(&json, "codec", nenc_model_codec(j->model.model));
    app_json_text(&json, "model_id", id);
    app_json_text(&json, "model", j->model.path);
    app_json_integer(&json, "width", j->image.width);
    app_json_integer(&json, "height", j->image.height);
    app_json_integer(&json, "channels", j->image.channels);
    app_json_integer(&json, "quality", (uint64_t)j->opt->quality);
    app_json_integer(&json, "bytes", j->out.n_written);
    app_json_real(&json, "bpp", bits_per_pixel(j, j->out.n_written));
    app_json_real(&json, "read_s", j->read_s);
    app_json_real(&json, "model_s", j->model_s);
    app_json_real(&json, "encode_s", j->encode_s);
    app_json_end(&json);
}

static nenc_status report(const job *j)
{
    if (j->opt->common.verbose)
        print_verbose(j);
    if (!j->opt->common.json)
        return NENC_OK;
    print_json(j);
    return app_stdout_check();
}

static nenc_status run(job *j)
{
    const app_common *c = &j->opt->common;
    nenc_status st = app_input_open(&j->in, c->input);
    if (st >= 0) st = read_image(j);
    if (st >= 0) st = app_output_open(&j->out, j->out_name, &j->in, c->force);
    if (st >= 0) st = open_model(j);
    if (st >= 0) st = encode(j);
    if (st >= 0) st = app_output_commit(&j->out);
    if (st >= 0) st = report(j);
    app_output_close(&j->out);
    app_model_close(&j->model);
    nenc_image_free(&j->image);
    app_input_close(&j->in);
    return st;
}

int main(int argc, char **argv)
{
    nenc_options opt = { .quality = 50 };
    job j = { .opt = &opt };
    char *made = NULL;
    int rc;

    app_report_init("nenc");
    app_output_init();
    if (!app_options_parse(&command, &opt, argc, argv, &rc))
        return rc;
    j.out_name = opt.common.output;
    if (!j.out_name && !strcmp(opt.common.input, "-"))
        j.out_name = "-";
    if (!j.out_name)
        j.out_name = made = app_with_suffix(opt.common.input, ".nenc");
    if (!j.out_name)
        return app_exit_code(app_fail(NULL, NENC_ENOMEM, "out of memory"));
    if (opt.common.json && !strcmp(j.out_name, "-"))
        return app_misuse("--json and the output cannot share stdout");
    rc = app_exit_code(run(&j));
    free(made);
    return rc;
}
