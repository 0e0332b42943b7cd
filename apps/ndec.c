/* SPDX-License-Identifier: BSD-2-Clause */
/* ndec: a .nenc file to a picture.  Not here: codecs, picture formats. */
#include <stdlib.h>
#include <string.h>

#include "app_input.h"
#include "app_model.h"
#include "app_options.h"
#include "app_output.h"
#include "app_report.h"
#include "media.h"

typedef struct ndec_options {
    app_common common;            /* first: app_options_parse() fills it */
    bool fast, info, test, symbols;
} ndec_options;

#define AT(member) offsetof(ndec_options, member)

static const app_option options[] = {
    { "Speed", 0, false, APP_FLAG, "fast", NULL, AT(fast), 0, 0,
      "synthesis by oneDNN: samples may differ by a step" },
    { "Output", 0, false, APP_FLAG, "info", NULL, AT(info), 0, 0,
      "print what the header says, and decode nothing" },
    { "Output", 't', false, APP_FLAG, "test", NULL, AT(test), 0, 0,
      "decode all of it and write nothing" },
    { "Output", 0, true, APP_FLAG, "symbols", NULL, AT(symbols), 0, 0,
      "print the SHA-256 of the decoded symbols; a picture\n"
      "is written only where -o is given" },
};

static const app_command command = {
    .name = "ndec",
    .usage = "ndec [OPTIONS] IN [-o OUT]",
    .about = "Decode a .nenc file (- is standard input) to a picture.\n"
             "OUT's suffix or a prefix tells its format: x.png, x.ppm, x.pgm, "
             "ppm:-.\nWithout -o, OUT is IN with the suffix .png.",
    .examples = "Examples: ndec photo.nenc -o photo.png\n"
                "          ndec photo.nenc -o ppm:- | display -\n",
    .options = options, .n_options = sizeof options / sizeof options[0],
};

/* Everything of one run. */
typedef struct job {
    const ndec_options *opt;
    app_input in;
    app_output out;
    app_model model;
    nenc_decoder *decoder;
    nenc_info info;
    nenc_image image;
    const nenc_media_format *format;
    const char *out_name;         /* NULL = no picture is written */
    uint8_t symbols[32];
    double model_s, decode_s, write_s;
} job;

/* ----------------------------------------------------------- what to write */

static bool is_misuse_of_formats(const job *j)
{
    if (j->format && j->format->write)
        return false;
    if (j->format)
        app_misuse("%s: this program does not write %s", j->out_name,
                   j->format->name);
    else
        app_misuse("%s: which format? End it with .png, .ppm or .pgm, or say "
                   "png:%s", j->out_name, j->out_name);
    return true;
}

/* "png:NAME", or a name with a suffix. */
static void choose_format(job *j, const char *name)
{
    char prefix[8] = "";
    const size_t n = strcspn(name, ":");
    j->out_name = name;
    if (name[n] && n < sizeof prefix) {
        memcpy(prefix, name, n);
        j->format = nenc_media_by_name(prefix);
        if (j->format)
            j->out_name = name + n + 1;
    }
    if (!j->format)
        j->format = nenc_media_by_suffix(name);
}

/* A picture's name out of the stream's: PNG where this build writes it. */
static char *make_name(const char *input)
{
    const nenc_media_format *png = nenc_media_by_name("png");
    return app_with_suffix(input, png && png->write ? ".png" : ".pnm");
}

/* @return 0, or the exit code */
static int choose_output(job *j, char **made)
{
    const ndec_options *opt = j->opt;
    const app_common *c = &opt->common;
    const bool is_stdin = !strcmp(c->input, "-");
    if (opt->info + opt->test + opt->symbols > 1)
        return app_misuse("only one of --info, --test and --symbols");
    if ((opt->info || opt->test) && c->output)
        return app_misuse("--%s writes no picture: leave out -o",
                          opt->info ? "info" : "test");
    if (!c->output && (opt->info || opt->test || opt->symbols))
        return 0;
    if (!c->output && is_stdin)
        return app_misuse("standard input needs -o, such as -o png:-");
    if (!c->output && !(*made = make_name(c->input)))
        return app_exit_code(app_fail(NULL, NENC_ENOMEM, "out of memory"));
    choose_format(j, c->output ? c->output : *made);
    if (is_misuse_of_formats(j))
        return APP_MISUSE;
    if (!*j->out_name)
        return app_misuse("an empty file name");
    if ((c->json || opt->symbols) && !strcmp(j->out_name, "-"))
        return app_misuse("--%s and the output cannot share stdout",
                          c->json ? "json" : "symbols");
    return 0;
}

/* ---------------------------------------------------------------- decoding */

static nenc_status fail_input(const job *j, nenc_status st,
                              const nenc_diag *diag)
{
    if (j->in.error)
        return app_fail(j->in.name, NENC_EIO, "%s", strerror(j->in.error));
    return app_fail_diag(j->in.name, st, diag);
}

static nenc_status open_stream(job *j, app_progress *progress)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    cfg.threads = j->opt->common.threads;
    cfg.max_samples = j->opt->common.max_pixels;
    cfg.max_memory = (size_t)j->opt->common.max_memory;
    cfg.fast = j->opt->fast;
    cfg.progress = app_progress_show;
    cfg.progress_user = progress;
    const nenc_status st = nenc_decoder_open(&j->decoder, &cfg, app_input_read,
                                             &j->in, &diag);
    if (st < 0)
        return fail_input(j, st, &diag);
    nenc_decoder_info(j->decoder, &j->info);
    return st;
}

static nenc_status open_model(job *j)
{
    const double start = app_seconds();
    const nenc_status st = app_model_open_id(
        &j->model, j->opt->common.model, j->in.name, &j->info);
    j->model_s = app_seconds() - start;
    return st;
}

static nenc_status decode(job *j, app_progress *progress)
{
    nenc_diag diag = { NENC_OK, "" };
    const double start = app_seconds();
    app_progress_init(progress, "decoding", j->opt->common.quiet);
    const nenc_status st = nenc_decoder_decode(j->decoder, j->model.model,
                                               &j->image, &diag);
    app_progress_end(progress);
    if (st < 0)
        return fail_input(j, st, &diag);
    nenc_decoder_symbol_hash(j->decoder, j->symbols);
    j->decode_s = app_seconds() - start;
    return st;
}

static nenc_status write_picture(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    const double start = app_seconds();
    nenc_status st = nenc_media_write(j->format, &j->image, app_output_write,
                                      &j->out, &diag);
    if (st < 0)
        return j->out.error ? app_output_fail(&j->out)
                            : app_fail_diag(j->out.name, st, &diag);
    st = app_output_commit(&j->out);
    j->write_s = app_seconds() - start;
    return st;
}

/* ----------------------------------------------------------------- reports */

static void print_header(const job *j)
{
    const nenc_info *i = &j->info;
    printf("file      %s\n", j->in.name);
    printf("codec     %s, format version %u\n", i->codec, i->version);
    printf("model     %016llx\n", (unsigned long long)i->model_id);
    printf("picture   %ux%u, %u channel%s of %u bits\n", (unsigned)i->width,
           (unsigned)i->height, (unsigned)i->channels,
           i->channels == 1 ? "" : "s", (unsigned)i->bits);
    printf("units     %u of %ux%u\n", (unsigned)i->n_units,
           (unsigned)i->unit_width, (unsigned)i->unit_height);
    printf("quality   %d\n", i->quality);
}

static void print_verbose(const job *j)
{
    fprintf(stderr, "input    %s: %s, %ux%u, %u channel%s, quality %d\n",
            j->in.name, j->info.codec, (unsigned)j->info.width,
            (unsigned)j->info.height, (unsigned)j->info.channels,
            j->info.channels == 1 ? "" : "s", j->info.quality);
    if (j->model.model)
        fprintf(stderr, "model    %016llx, %s\n",
                (unsigned long long)j->info.model_id, j->model.path);
    if (j->out_name)
        fprintf(stderr, "output   %s: %s, %llu bytes\n", j->out.name,
                j->format->name, (unsigned long long)j->out.n_written);
    if (!j->opt->info)
        fprintf(stderr, "bytes    %llu, %.4f bpp\n",
                (unsigned long long)j->in.n_read,
                8.0 * (double)j->in.n_read
                    / ((double)j->info.width * j->info.height));
    fprintf(stderr, "seconds  model %.3f, decode %.3f, write %.3f\n",
            j->model_s, j->decode_s, j->write_s);
}

static const char *hex(char out[65], const uint8_t digest[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}

static void print_json(const job *j)
{
    const nenc_info *i = &j->info;
    char id[17], digest[65];
    app_json json;
    snprintf(id, sizeof id, "%016llx", (unsigned long long)i->model_id);
    app_json_begin(&json, stdout);
    app_json_text(&json, "input", j->in.name);
    if (j->out_name)
        app_json_text(&json, "output", j->out.name);
    app_json_text(&json, "codec", i->codec);
    app_json_integer(&json, "version", i->version);
    app_json_text(&json, "model_id", id);
    app_json_integer(&json, "width", i->width);
    app_json_integer(&json, "height", i->height);
    app_json_integer(&json, "channels", i->channels);
    app_json_integer(&json, "bits", i->bits);
    app_json_integer(&json, "unit_width", i->unit_width);
    app_json_integer(&json, "unit_height", i->unit_height);
    app_json_integer(&json, "units", i->n_units);
    app_json_integer(&json, "quality", (uint64_t)i->quality);
    if (!j->opt->info) {
        app_json_text(&json, "model", j->model.path);
        app_json_text(&json, "symbols", hex(digest, j->symbols));
        app_json_integer(&json, "bytes", j->in.n_read);
        app_json_real(&json, "model_s", j->model_s);
        app_json_real(&json, "decode_s", j->decode_s);
        app_json_real(&json, "write_s", j->write_s);
    }
    app_json_end(&json);
}

static nenc_status report(const job *j)
{
    char digest[65];
    if (j->opt->common.verbose)
        print_verbose(j);
    if (j->opt->common.json)
        print_json(j);
    else if (j->opt->info)
        print_header(j);
    else if (j->opt->symbols)
        printf("%s\n", hex(digest, j->symbols));
    return app_stdout_check();
}

/* -------------------------------------------------------------------- main */

static nenc_status run(job *j)
{
    const app_common *c = &j->opt->common;
    const bool decodes = !j->opt->info, writes = j->out_name != NULL;
    app_progress progress = { .what = "" };
    nenc_status st = app_input_open(&j->in, c->input);
    if (st >= 0) st = open_stream(j, &progress);
    if (st >= 0 && writes)
        st = app_output_open(&j->out, j->out_name, &j->in, c->force);
    if (st >= 0 && decodes) st = open_model(j);
    if (st >= 0 && decodes) st = decode(j, &progress);
    if (st >= 0 && writes) st = write_picture(j);
    if (st >= 0) st = report(j);
    app_output_close(&j->out);
    nenc_image_free(&j->image);
    nenc_decoder_close(j->decoder);
    app_model_close(&j->model);
    app_input_close(&j->in);
    return st;
}

int main(int argc, char **argv)
{
    ndec_options opt = { .fast = false };
    job j = { .opt = &opt };
    char *made = NULL;
    int rc;

    app_report_init("ndec");
    app_output_init();
    if (!app_options_parse(&command, &opt, argc, argv, &rc))
        return rc;
    rc = choose_output(&j, &made);
    if (!rc)
        rc = app_exit_code(run(&j));
    free(made);
    return rc;
}
