/* SPDX-License-Identifier: BSD-2-Clause */
/* ndec: .nenc files to pictures.  Not here: codecs, picture formats, sharing
 * out files among threads. */
#include <string.h>
#include <strings.h>

#include "app_batch.h"
#include "app_model.h"
#include "app_names.h"
#include "app_report.h"
#include "media.h"

typedef struct ndec_options {
    app_common common;            /* first: app_options_parse() fills it */
    bool fast, info, test, symbols, lenient;
    const char *format, *crop, *scale;
} ndec_options;

#define AT(member) offsetof(ndec_options, member)

static const app_option options[] = {
    { "Output", 0, false, APP_TEXT, "format", "FORMAT", AT(format), 0, 0,
      "png, ppm, pgm, pnm or pam, whatever OUT is called" },
    { "Output", 0, true, APP_TEXT, "crop", "WxH+X+Y", AT(crop), 0, 0,
      "decode W by H pixels from column X, row Y on" },
    { "Output", 0, true, APP_TEXT, "scale", "1/8", AT(scale), 0, 0,
      "decode a preview of an eighth of the size, quickly" },
    { "Output", 0, true, APP_FLAG, "lenient", NULL, AT(lenient), 0, 0,
      "write what there is of a damaged or cut stream, with\n"
      "exit code 3" },
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
    .usage = "ndec [OPTIONS] IN... [-o OUT]",
    .about = "Decode .nenc files (- is standard input) to pictures.\n"
             "OUT's suffix or a prefix tells its format: x.png, x.ppm, x.pgm, "
             "ppm:-.\nIN may be a folder; for several, OUT is one.  Without "
             "-o, OUT is IN with the\nsuffix .png.",
    .examples = "Examples: ndec photo.nenc -o photo.png\n"
                "          ndec photo.nenc -o ppm:- | display -\n",
    .options = options, .n_options = sizeof options / sizeof options[0],
    .takes_many = true,
};

/* What the files share. */
typedef struct session {
    const ndec_options *opt;
    const char *output;           /* without its prefix */
    const nenc_media_format *format;
    app_models models;
} session;

/* Everything of one file. */
typedef struct job {
    session *s;
    const ndec_options *opt;
    app_task *task;
    app_input in;
    app_output out;
    const app_model *model;       /* of the session */
    nenc_decoder *decoder;
    nenc_info info;
    nenc_image image;
    uint8_t symbols[32];
    uint32_t n_lost;
    double model_s, decode_s, write_s;
} job;

/* ----------------------------------------------------------- what to write */

/* "png:NAME", or NAME. */
static void split_prefix(session *s, const char *output)
{
    char prefix[8] = "";
    const size_t n = output ? strcspn(output, ":") : 0;
    s->output = output;
    if (!output || !output[n] || n >= sizeof prefix)
        return;
    memcpy(prefix, output, n);
    s->format = nenc_media_by_name(prefix);
    if (s->format)
        s->output = output + n + 1;
}

/* @return 0, or the exit code */
static int choose_format(session *s)
{
    const ndec_options *opt = s->opt;
    const app_common *c = &opt->common;
    split_prefix(s, c->output);
    if (s->output && !*s->output)
        return app_misuse("an empty file name");
    if (s->format && opt->format)
        return app_misuse("'%s' names a format, and so does --format",
                          c->output);
    if (opt->format && !(s->format = nenc_media_by_name(opt->format)))
        return app_misuse("--format %s: there is no such format", opt->format);
    const bool is_named = s->output && !app_names_many(c)
                          && !app_names_folder(s->output);
    if (!s->format && is_named)
        s->format = nenc_media_by_suffix(s->output);
    if (!s->format && is_named)
        return app_misuse("%s: which format? End it with .png, .ppm or .pgm, "
                          "or say png:%s", s->output, s->output);
    if (!s->format)
        s->format = nenc_media_by_name("png");
    if (!s->format->write && !is_named && !opt->format)
        s->format = nenc_media_by_name("pnm");
    return s->format->write ? 0
         : app_misuse("%s: this program does not write %s",
                      s->output ? s->output : "--format", s->format->name);
}

static bool writes_pictures(const ndec_options *opt)
{
    return opt->common.output || !(opt->info || opt->test || opt->symbols);
}

/* @return 0, or the exit code */
static int check(const ndec_options *opt)
{
    const app_common *c = &opt->common;
    if (opt->info + opt->test + opt->symbols > 1)
        return app_misuse("only one of --info, --test and --symbols");
    if ((opt->info || opt->test) && c->output)
        return app_misuse("--%s writes no picture: leave out -o",
                          opt->info ? "info" : "test");
    if (!c->output && writes_pictures(opt) && !strcmp(c->input, "-")
        && c->n_inputs == 1)
        return app_misuse("standard input needs -o, such as -o png:-");
    return 0;
}

static bool is_stream(const char *path)
{
    const char *dot = strrchr(app_base(path), '.');
    return dot && !strcasecmp(dot, ".nenc");
}

/* @return 0, or the exit code */
static int find_files(app_files *files, session *s)
{
    const ndec_options *opt = s->opt;
    char suffix[16] = "";
    const app_naming naming = {
        .common = &opt->common, .wanted = is_stream, .what = ".nenc files",
        .output = s->output, .suffix = s->format ? suffix : NULL,
    };
    if (s->format)
        snprintf(suffix, sizeof suffix, ".%s", s->format->name);
    const int rc = app_names_find(files, &naming);
    const char *first = !rc && files->n ? files->list[0].output : NULL;
    if (first && !strcmp(first, "-") && (opt->common.json || opt->symbols))
        return app_misuse("--%s and the output cannot share stdout",
                          opt->common.json ? "json" : "symbols");
    return rc;
}

/* ---------------------------------------------------------------- decoding */

static nenc_status fail_input(job *j, nenc_status st, const nenc_diag *diag)
{
    if (j->in.error)
        return app_fail(j->in.name, NENC_EIO, "%s", strerror(j->in.error));
    return app_task_fail(j->task, j->in.name, st, diag);
}

static bool parse_crop(const char *text, nenc_decoder_config *cfg)
{
    char end;
    return sscanf(text, "%9ux%9u+%9u+%9u%c", &cfg->crop_width,
                  &cfg->crop_height, &cfg->crop_x, &cfg->crop_y, &end) == 4
        && cfg->crop_width && cfg->crop_height;
}

static nenc_status open_stream(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_decoder_config cfg;
    nenc_decoder_config_init(&cfg);
    cfg.threads = j->task->threads;
    cfg.max_samples = j->task->max_pixels;
    cfg.max_memory = j->task->max_memory;
    cfg.fast = j->opt->fast;
    cfg.lenient = j->opt->lenient;
    cfg.preview = j->opt->scale != NULL;
    if (j->opt->crop)
        (void)parse_crop(j->opt->crop, &cfg);
    cfg.progress = app_task_progress;
    cfg.progress_user = j->task;
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
    const nenc_status st = app_models_id(&j->s->models, &j->model, j->in.name,
                                         &j->info);
    j->model_s = app_seconds() - start;
    return st;
}

static nenc_status decode(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    const double start = app_seconds();
    const nenc_status st = nenc_decoder_decode(j->decoder, j->model->model,
                                               &j->image, &diag);
    if (st < 0)
        return fail_input(j, st, &diag);
    nenc_decoder_symbol_hash(j->decoder, j->symbols);
    j->decode_s = app_seconds() - start;
    j->n_lost = nenc_decoder_lost(j->decoder);
    if (j->n_lost)
        app_warn(j->in.name, "%u of %u units are lost; what is made up for "
                 "them is gray", (unsigned)j->n_lost,
                 (unsigned)j->info.n_units);
    return st;
}

static nenc_status write_picture(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    const double start = app_seconds();
    if (j->image.icc.size && !j->s->format->keeps_blobs
        && !j->opt->common.quiet)
        app_warn(j->out.name, "%s files keep no colour profile",
                 j->s->format->name);
    nenc_status st = nenc_media_write(j->s->format, &j->image, app_output_write,
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
    FILE *f = j->task->text;
    fprintf(f, "file      %s\n", j->in.name);
    fprintf(f, "codec     %s, format version %u\n", i->codec, i->version);
    if (i->builtin)
        fprintf(f, "model     none is needed\n");
    else
        fprintf(f, "model     %016llx\n", (unsigned long long)i->model_id);
    fprintf(f, "picture   %ux%u, %u channel%s of %u bits\n",
            (unsigned)i->width, (unsigned)i->height, (unsigned)i->channels,
            i->channels == 1 ? "" : "s", (unsigned)i->bits);
    fprintf(f, "units     %u of %ux%u\n", (unsigned)i->n_units,
            (unsigned)i->unit_width, (unsigned)i->unit_height);
    fprintf(f, "quality   %d\n%s", i->quality, j->task->is_many ? "\n" : "");
}

static double bits_per_pixel(const job *j)
{
    return 8.0 * (double)j->in.n_read
           / ((double)j->info.width * j->info.height);
}

static void print_verbose(const job *j)
{
    app_say("input    %s: %s, %ux%u, %u channel%s, quality %d", j->in.name,
            j->info.codec, (unsigned)j->info.width, (unsigned)j->info.height,
            (unsigned)j->info.channels, j->info.channels == 1 ? "" : "s",
            j->info.quality);
    if (j->model)
        app_say("model    %016llx, %s", (unsigned long long)j->info.model_id,
                app_model_place(j->model));
    if (j->task->output)
        app_say("output   %s: %s, %llu bytes", j->out.name, j->s->format->name,
                (unsigned long long)j->out.n_written);
    if (!j->opt->info)
        app_say("bytes    %llu, %.4f bpp", (unsigned long long)j->in.n_read,
                bits_per_pixel(j));
    app_say("seconds  model %.3f, decode %.3f, write %.3f", j->model_s,
            j->decode_s, j->write_s);
}

static void print_line(const job *j)
{
    const bool writes = j->task->output != NULL;
    app_say("%s%s%s: %ux%u, %llu bytes, %.4f bpp, %.3f s", j->in.name,
            writes ? " -> " : "", writes ? j->out.name : "",
            (unsigned)j->info.width, (unsigned)j->info.height,
            (unsigned long long)j->in.n_read, bits_per_pixel(j),
            j->decode_s + j->write_s);
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
    app_task_json(j->task, &json);
    app_json_text(&json, "input", j->in.name);
    if (j->task->output)
        app_json_text(&json, "output", j->out.name);
    if (j->task->is_many)
        app_json_text(&json, "status", "done");
    app_json_text(&json, "codec", i->codec);
    app_json_integer(&json, "version", i->version);
    app_json_text(&json, "model_id", id);
    if (i->builtin)
        app_json_integer(&json, "builtin", 1);
    app_json_integer(&json, "width", i->width);
    app_json_integer(&json, "height", i->height);
    app_json_integer(&json, "channels", i->channels);
    app_json_integer(&json, "bits", i->bits);
    app_json_integer(&json, "unit_width", i->unit_width);
    app_json_integer(&json, "unit_height", i->unit_height);
    app_json_integer(&json, "units", i->n_units);
    app_json_integer(&json, "quality", (uint64_t)i->quality);
    if (!j->opt->info) {
        if (j->model->path)
            app_json_text(&json, "model", j->model->path);
        app_json_text(&json, "symbols", hex(digest, j->symbols));
        app_json_integer(&json, "units_lost", j->n_lost);
        app_json_integer(&json, "bytes", j->in.n_read);
        app_json_real(&json, "model_s", j->model_s);
        app_json_real(&json, "decode_s", j->decode_s);
        app_json_real(&json, "write_s", j->write_s);
    }
    app_json_end(&json);
}

static void report(const job *j)
{
    const bool is_many = j->task->is_many;
    char digest[65];
    if (j->opt->common.verbose && is_many && !j->opt->info)
        print_line(j);
    else if (j->opt->common.verbose && !is_many)
        print_verbose(j);
    if (j->opt->common.json)
        print_json(j);
    else if (j->opt->info)
        print_header(j);
    else if (j->opt->symbols)
        fprintf(j->task->text, "%s%s%s\n", hex(digest, j->symbols),
                is_many ? "  " : "", is_many ? j->in.name : "");
}

/* -------------------------------------------------------------------- main */

static nenc_status decode_file(void *user, app_task *task)
{
    session *s = user;
    job j = { .s = s, .opt = s->opt, .task = task };
    const bool decodes = !s->opt->info, writes = task->output != NULL;
    nenc_status st = app_input_open(&j.in, task->input);
    if (st >= 0) st = open_stream(&j);
    if (st >= 0 && writes) st = app_task_output(task, &j.out, &j.in);
    if (st >= 0 && decodes) st = open_model(&j);
    if (st >= 0 && decodes) st = decode(&j);
    if (st >= 0 && writes) st = write_picture(&j);
    if (st >= 0) report(&j);
    if (st >= 0 && j.n_lost) st = NENC_EBITSTREAM;    /* told already */
    task->n_read = j.in.n_read;
    task->n_written = j.out.n_written;
    app_output_close(&j.out);
    nenc_image_free(&j.image);
    nenc_decoder_close(j.decoder);
    app_input_close(&j.in);
    return st;
}

int main(int argc, char **argv)
{
    ndec_options opt = { .fast = false };
    session s = { .opt = &opt };
    app_files files = { .n = 0 };
    int rc;

    app_report_init("ndec");
    app_output_init();
    if (!app_options_parse(&command, &opt, argc, argv, &rc))
        return rc;
    nenc_decoder_config crop;
    rc = check(&opt);
    if (!rc && opt.scale && strcmp(opt.scale, "1/8"))
        rc = app_misuse("--scale takes 1/8, not '%s'", opt.scale);
    if (!rc && opt.scale && opt.crop)
        rc = app_misuse("--scale and --crop do not go together");
    if (!rc && opt.crop && !parse_crop(opt.crop, &crop))
        rc = app_misuse("--crop takes WxH+X+Y, not '%s'", opt.crop);
    if (!rc && writes_pictures(&opt)) rc = choose_format(&s);
    if (!rc) rc = find_files(&files, &s);
    if (!rc) {
        const app_batch batch = {
            .common = &opt.common, .files = &files, .code = decode_file,
            .user = &s, .doing = opt.info ? NULL : "decoding",
        };
        app_models_init(&s.models, opt.common.model, NULL);
        rc = app_exit_code(app_batch_run(&batch));
        app_models_close(&s.models);
    }
    app_files_free(&files);
    return rc;
}
