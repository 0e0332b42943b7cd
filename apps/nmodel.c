/* SPDX-License-Identifier: BSD-2-Clause */
/* nmodel: model files made, checked and described.  Not here: how weights
 * become a model (codecs/), and training. */
#include <string.h>

#include "app_input.h"
#include "app_options.h"
#include "app_output.h"
#include "app_report.h"
#include "fpenv.h"
#include "hash.h"
#include "hyperprior_build.h"
#include "model.h"

typedef struct nmodel_options {
    app_common common;            /* first: app_options_parse() fills it */
} nmodel_options;

/* Everything of one run. */
typedef struct job {
    const app_common *opt;
    app_input in;
    app_output out;
    nenc_buffer file;             /* the input's bytes */
    nenc_model *model;
} job;

/* What a file may take, and everything that is made of it. */
#define MAX_FILE ((size_t)1 << 30)
#define MAX_MADE ((size_t)3 << 30)

static const char *const described[] = {
    "name", "licence", "data", "steps", "training"
};

static nenc_status load(job *j)
{
    nenc_buffer_init(&j->file, MAX_FILE);
    NENC_TRY(app_input_open(&j->in, j->opt->input));
    return app_input_load(&j->in, &j->file);
}

static nenc_status open_model(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    NENC_TRY(load(j));
    const nenc_status st = nenc_model_open_memory(&j->model, j->file.data,
                                                  j->file.size, &diag);
    return st < 0 ? app_fail_diag(j->in.name, st, &diag) : st;
}

static const char *id_of(char text[17], const nenc_model *model)
{
    snprintf(text, 17, "%016llx", (unsigned long long)nenc_model_id(model));
    return text;
}

static const char *hex(char text[65], const uint8_t digest[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

/* -------------------------------------------------------------------- info */

/* Sides of the picture whose multiply-adds are counted. */
enum { SIDE = 256 };

typedef struct net_facts {
    nenc_codec_net net;
    uint64_t parameters;
    double kmac_per_pixel;
} net_facts;

static uint64_t count_parameters(const nenc_safetensors *st, const char *net)
{
    const size_t n = strlen(net);
    uint64_t sum = 0;
    for (size_t i = 0; i < st->n_tensors; i++) {
        const nenc_st_tensor *t = &st->tensors[i];
        if (!strncmp(t->name, net, n) && t->name[n] == '.')
            sum += t->n_items;
    }
    return sum;
}

/* For a picture of SIDE x SIDE, or the next size that the stride divides. */
static nenc_status count_macs(net_facts *f, const app_common *opt,
                              nenc_diag *diag)
{
    const nenc_net *net = f->net.net;
    const size_t n = (SIDE + f->net.stride - 1) / f->net.stride;
    const double side = (double)(n * f->net.stride);
    nenc_shape dims[NENC_NET_MAX_INPUTS];
    nenc_plan *plan;
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        const bool is_main = nenc_net_input(net, f->net.input) == (int)i;
        dims[i] = (nenc_shape){ 1, is_main ? n : 1, is_main ? n : 1,
                                nenc_net_input_channels(net, i) };
    }
    NENC_TRY(nenc_plan_open(&plan, net, NENC_EXACT, dims, NULL,
                            (size_t)opt->max_memory, diag));
    f->kmac_per_pixel = (double)nenc_plan_macs(plan) / (side * side) / 1000;
    nenc_plan_close(plan);
    return NENC_OK;
}

/* @return NENC_END past the last */
static nenc_status get_net(net_facts *f, const job *j, size_t i)
{
    const nenc_model *m = j->model;
    nenc_diag diag = { NENC_OK, "" };
    if (!m->codec->net_at(m->bound, i, &f->net))
        return NENC_END;
    f->parameters = count_parameters(&m->st, f->net.name);
    const nenc_status st = count_macs(f, j->opt, &diag);
    return st < 0 ? app_fail_diag(j->in.name, st, &diag) : st;
}

/* "<what>.lengths" [tables] tells how many, "<what>.freqs" how much.
 * @return whether tensor i is the former */
static bool get_tables(const nenc_safetensors *st, size_t i, char what[64],
                       size_t *n_tables, size_t *n_entries)
{
    const nenc_st_tensor *t = &st->tensors[i], *freqs;
    const char *dot = strrchr(t->name, '.');
    char name[80];
    if (!dot || strcmp(dot, ".lengths") || dot - t->name >= 64)
        return false;
    snprintf(what, 64, "%.*s", (int)(dot - t->name), t->name);
    snprintf(name, sizeof name, "%s.freqs", what);
    freqs = nenc_safetensors_find(st, name);
    *n_tables = t->n_items;
    *n_entries = freqs ? freqs->n_items : 0;
    return freqs != NULL;
}

static nenc_status print_info(const job *j)
{
    const nenc_safetensors *st = &j->model->st;
    char id[17], what[64];
    size_t tables, entries;
    net_facts f;
    nenc_status status;
    printf("file      %s\nbytes     %zu\ncodec     %s\nmodel     %s\n",
           j->in.name, j->file.size, nenc_model_codec(j->model),
           id_of(id, j->model));
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        const char *text = nenc_model_metadata(j->model, described[i]);
        if (text)
            printf("%-8s  %s\n", described[i], text);
    }
    printf("networks  %8s  %10s  %9s\n", "layers", "parameters", "kMAC/px");
    for (size_t i = 0; (status = get_net(&f, j, i)) == NENC_OK; i++)
        printf("  %-6s  %8zu  %10llu  %9.3f%s\n", f.net.name,
               nenc_net_layers(f.net.net), (unsigned long long)f.parameters,
               f.kmac_per_pixel, f.net.decodes ? ""
               : f.net.previews ? "  previews" : "  encoder only");
    printf("tables    %8s  %10s\n", "tables", "entries");
    for (size_t i = 0; i < st->n_tensors; i++)
        if (get_tables(st, i, what, &tables, &entries))
            printf("  %-6s  %8zu  %10zu\n", what, tables, entries);
    return status;
}

static void json_key(char key[128], const char *what, const char *part)
{
    snprintf(key, 128, "%s_%s", what, part);
}

static nenc_status print_info_json(const job *j)
{
    const nenc_safetensors *st = &j->model->st;
    char id[17], what[64], key[128];
    size_t tables, entries;
    net_facts f;
    nenc_status status;
    app_json json;
    app_json_begin(&json, stdout);
    app_json_text(&json, "file", j->in.name);
    app_json_integer(&json, "bytes", j->file.size);
    app_json_text(&json, "codec", nenc_model_codec(j->model));
    app_json_text(&json, "model_id", id_of(id, j->model));
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        const char *text = nenc_model_metadata(j->model, described[i]);
        if (text)
            app_json_text(&json, described[i], text);
    }
    for (size_t i = 0; (status = get_net(&f, j, i)) == NENC_OK; i++) {
        json_key(key, f.net.name, "layers");
        app_json_integer(&json, key, nenc_net_layers(f.net.net));
        json_key(key, f.net.name, "parameters");
        app_json_integer(&json, key, f.parameters);
        json_key(key, f.net.name, "kmac_per_pixel");
        app_json_real(&json, key, f.kmac_per_pixel);
    }
    for (size_t i = 0; i < st->n_tensors; i++)
        if (get_tables(st, i, what, &tables, &entries)) {
            json_key(key, what, "tables");
            app_json_integer(&json, key, tables);
            json_key(key, what, "entries");
            app_json_integer(&json, key, entries);
        }
    app_json_end(&json);
    return status;
}

static nenc_status run_info(job *j)
{
    NENC_TRY(open_model(j));
    NENC_TRY(j->opt->json ? print_info_json(j) : print_info(j));
    return app_stdout_check();
}

/* ------------------------------------------------------------------- check */

enum { TEST_SIDE = 64, TEST_QUALITY = 50 };

/* Ramps, a disc with an edge, and a corner of noise: integers only, so the
 * same picture everywhere. */
static void draw(const nenc_image *image)
{
    uint32_t noise = 1;
    for (int y = 0; y < TEST_SIDE; y++)
        for (int x = 0; x < TEST_SIDE; x++) {
            uint8_t *d = image->data + (size_t)y * image->stride + 3 * x;
            const int dx = x - 24, dy = y - 28;
            const bool disc = dx * dx + dy * dy < 250;
            noise = noise * 1664525u + 1013904223u;
            const int grain = x > 40 && y > 40 ? (int)(noise >> 26) : 0;
            d[0] = (uint8_t)(3 * x + grain);
            d[1] = (uint8_t)(disc ? 200 - y : 2 * y + grain);
            d[2] = (uint8_t)(disc ? 40 + x : 128 + x - y);
        }
}

static int to_buffer(void *user, const void *data, size_t size)
{
    nenc_buffer *b = user;
    nenc_buffer_put(b, data, size);
    return b->failed;
}

static int64_t from_bytes(void *user, void *data, size_t size)
{
    nenc_bytes *b = user;
    const size_t n = NENC_MIN(size, nenc_bytes_left(b));
    const uint8_t *src = nenc_bytes_get(b, n);
    if (n)
        memcpy(data, src, n);
    return (int64_t)n;
}

static nenc_status decode_hash(const job *j, const nenc_buffer *stream,
                               int threads, uint8_t samples[32],
                               uint8_t symbols[32], nenc_diag *diag)
{
    nenc_decoder_config cfg;
    nenc_decoder *dec;
    nenc_image image = { 0 };
    nenc_sha256 h;
    nenc_bytes src;
    nenc_decoder_config_init(&cfg);
    cfg.threads = threads;
    cfg.max_memory = (size_t)j->opt->max_memory;
    nenc_bytes_init(&src, stream->data, stream->size);
    NENC_TRY(nenc_decoder_open(&dec, &cfg, from_bytes, &src, diag));
    const nenc_status st = nenc_decoder_decode(dec, j->model, &image, diag);
    if (st >= 0) {
        nenc_sha256_init(&h);
        for (uint32_t y = 0; y < image.height; y++)
            nenc_sha256_update(&h, image.data + y * image.stride,
                               (size_t)image.width * image.channels);
        nenc_sha256_final(&h, samples);
        nenc_decoder_symbol_hash(dec, symbols);
    }
    nenc_image_free(&image);
    nenc_decoder_close(dec);
    return st;
}

typedef struct test_result {
    size_t bytes;
    uint8_t samples[32], symbols[32];
} test_result;

/* A stream written and read, by one thread and by several. */
static nenc_status self_test(const job *j, test_result *r, nenc_diag *diag)
{
    nenc_encoder_config cfg;
    nenc_image image;
    nenc_buffer stream;
    uint8_t samples[32], symbols[32];
    nenc_encoder_config_init(&cfg);
    cfg.quality = TEST_QUALITY;
    cfg.threads = j->opt->threads;
    cfg.max_memory = (size_t)j->opt->max_memory;
    NENC_TRY(nenc_image_alloc(&image, TEST_SIDE, TEST_SIDE, 3, 8));
    draw(&image);
    nenc_buffer_init(&stream, MAX_FILE);
    nenc_status st = nenc_encode_image(j->model, &cfg, &image, to_buffer,
                                       &stream, diag);
    if (st >= 0)
        st = decode_hash(j, &stream, 1, r->samples, r->symbols, diag);
    if (st >= 0)
        st = decode_hash(j, &stream, 3, samples, symbols, diag);
    if (st >= 0 && (memcmp(samples, r->samples, 32)
                    || memcmp(symbols, r->symbols, 32)))
        st = nenc_fail(diag, NENC_ECORRUPT_OUTPUT,
                       "one thread and three decode different samples");
    r->bytes = stream.size;
    nenc_buffer_free(&stream);
    nenc_image_free(&image);
    return st;
}

static bool has_encoder(const nenc_model *m)
{
    nenc_codec_net net;
    for (size_t i = 0; m->codec->net_at(m->bound, i, &net); i++)
        if (!net.decodes && !net.previews)
            return true;
    return false;
}

static void print_check(const job *j, const test_result *r)
{
    char id[17], samples[65] = "", symbols[65] = "";
    const bool tested = has_encoder(j->model);
    if (tested) {
        hex(samples, r->samples);
        hex(symbols, r->symbols);
    }
    if (j->opt->json) {
        app_json json;
        app_json_begin(&json, stdout);
        app_json_text(&json, "file", j->in.name);
        app_json_text(&json, "model_id", id_of(id, j->model));
        if (tested) {
            app_json_integer(&json, "bytes", r->bytes);
            app_json_text(&json, "symbols", symbols);
            app_json_text(&json, "samples", samples);
        }
        app_json_end(&json);
        return;
    }
    printf("model     %s\n", id_of(id, j->model));
    if (tested)
        printf("stream    %zu bytes\nsymbols   %s\nsamples   %s\n", r->bytes,
               symbols, samples);
    else
        printf("stream    none: the model only decodes\n");
}

static nenc_status run_check(job *j)
{
    nenc_diag diag = { NENC_OK, "" };
    test_result r = { 0 };
    NENC_TRY(open_model(j));
    nenc_status st = has_encoder(j->model) ? self_test(j, &r, &diag) : NENC_OK;
    /* It is our own stream that it cannot read. */
    if (st == NENC_EBITSTREAM || st == NENC_ETRUNCATED)
        st = NENC_EMODEL;
    if (st < 0)
        return app_fail_diag(j->in.name, st, &diag);
    print_check(j, &r);
    return app_stdout_check();
}

/* ---------------------------------------------------------- build, import */

static void print_made(const job *j)
{
    char id[17];
    if (j->opt->verbose)
        fprintf(stderr, "model    %s, %s: %llu bytes\n",
                id_of(id, j->model), j->out.name,
                (unsigned long long)j->out.n_written);
    if (!j->opt->json)
        return;
    app_json json;
    app_json_begin(&json, stdout);
    app_json_text(&json, "input", j->in.name);
    app_json_text(&json, "output", j->out.name);
    app_json_text(&json, "codec", nenc_model_codec(j->model));
    app_json_text(&json, "model_id", id_of(id, j->model));
    app_json_integer(&json, "bytes", j->out.n_written);
    app_json_end(&json);
}

/* The bytes of a model file from those of the input. */
static nenc_status convert(job *j, bool import, nenc_buffer *made,
                           nenc_diag *diag)
{
    nenc_safetensors raw, state, model;
    nenc_arena arena;
    nenc_arena_init(&arena, MAX_MADE);
    nenc_status st = nenc_safetensors_parse(&raw, &arena, j->file.data,
                                            j->file.size, diag);
    if (st >= 0 && import) {
        state = raw;
        st = nenc_hyperprior_import(&raw, &arena, &state, diag);
    }
    if (st >= 0)
        st = nenc_hyperprior_build(&model, &arena, &raw, diag);
    if (st >= 0)
        nenc_safetensors_write(made, &model);
    if (st >= 0 && made->failed)
        st = nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_free(&arena);
    return st;
}

/* What is written has been opened first, with all checks. */
static nenc_status make(job *j, bool import)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_fpenv env;
    nenc_buffer made;
    NENC_TRY(load(j));
    NENC_TRY(app_output_open(&j->out, j->opt->output, &j->in, j->opt->force));
    nenc_buffer_init(&made, MAX_FILE);
    nenc_fpenv_enter(&env);
    nenc_status st = convert(j, import, &made, &diag);
    nenc_fpenv_leave(&env);
    if (st >= 0)
        st = nenc_model_open_memory(&j->model, made.data, made.size, &diag);
    if (st < 0)
        app_fail_diag(j->in.name, st, &diag);
    else if (app_output_write(&j->out, made.data, made.size))
        st = app_output_fail(&j->out);
    nenc_buffer_free(&made);
    if (st >= 0)
        st = app_output_commit(&j->out);
    if (st < 0)
        return st;
    print_made(j);
    return app_stdout_check();
}

static nenc_status run_build(job *j)
{
    return make(j, false);
}

static nenc_status run_import(job *j)
{
    return make(j, true);
}

/* -------------------------------------------------------------------- main */

#define SHARED_REPORT " max-memory json help version "
#define SHARED_MAKE " output force verbose json help version "

typedef struct nmodel_command {
    const char *name;
    bool writes;
    nenc_status (*run)(job *j);
    app_command command;
} nmodel_command;

static const nmodel_command commands[] = {
    { "info", false, run_info, {
        .name = "nmodel", .usage = "nmodel info [OPTIONS] FILE",
        .about = "Say what a model file holds: its codec and identity, its "
                 "networks' layers,\nparameters and multiply-adds per pixel, "
                 "its tables.",
        .examples = "Example: nmodel info hyperprior.safetensors\n",
        .shared = SHARED_REPORT } },
    { "check", false, run_check, {
        .name = "nmodel", .usage = "nmodel check [OPTIONS] FILE",
        .about = "Check all of a model file; encode and decode a small "
                 "picture with it; print the\nSHA-256 of its symbols and of "
                 "its samples, which are the same on every machine.",
        .examples = "Example: nmodel check hyperprior.safetensors\n",
        .shared = SHARED_REPORT "threads " } },
    { "build", true, run_build, {
        .name = "nmodel", .usage = "nmodel build [OPTIONS] RAW -o MODEL",
        .about = "Make a model file of what a training program exported: "
                 "float16 weights, integer\ntables.",
        .examples = "Example: nmodel build raw.safetensors "
                    "-o hyperprior.safetensors\n",
        .shared = SHARED_MAKE } },
    { "import", true, run_import, {
        .name = "nmodel", .usage = "nmodel import [OPTIONS] STATE -o MODEL",
        .about = "Make a model file of the state of CompressAI's "
                 "bmshj2018-factorized,\nbmshj2018-hyperprior or mbt2018-mean, "
                 "as written by\ntraining/compressai_to_safetensors.py.",
        .examples = "Example: nmodel import state.safetensors "
                    "-o mbt2018.safetensors\n",
        .shared = SHARED_MAKE } },
};

static const app_command overview = {
    .name = "nmodel",
    .usage = "nmodel COMMAND [OPTIONS] FILE",
    .about = "Make, check and describe model files.  Commands:\n"
             "  info FILE             say what a model holds\n"
             "  check FILE            check it and try it\n"
             "  build RAW -o MODEL    make a model of an exported one\n"
             "  import STATE -o MODEL make a model of CompressAI's weights\n"
             "'nmodel COMMAND --help' tells a command's options.",
    .examples = "Example: nmodel info hyperprior.safetensors\n",
    .shared = " help version ",
};

static int run(const nmodel_command *cmd, const app_common *opt)
{
    job j = { .opt = opt };
    j.in.fd = -1;
    const nenc_status st = cmd->run(&j);
    app_output_close(&j.out);
    nenc_model_close(j.model);
    nenc_buffer_free(&j.file);
    app_input_close(&j.in);
    return app_exit_code(st);
}

/* Without a command there are only --help and --version. */
static int run_overview(int argc, char **argv)
{
    nmodel_options opt;
    int rc;
    if (argc < 2)
        return app_misuse("no command named");
    if (argv[1][0] != '-')
        return app_misuse("there is no command '%s'", argv[1]);
    if (app_options_parse(&overview, &opt, argc, argv, &rc))
        rc = app_misuse("a command comes first");
    return rc;
}

int main(int argc, char **argv)
{
    nmodel_options opt;
    int rc;
    app_report_init("nmodel");
    app_output_init();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const nmodel_command *c = &commands[i];
        if (argc < 2 || strcmp(argv[1], c->name))
            continue;
        if (!app_options_parse(&c->command, &opt, argc - 1, argv + 1, &rc))
            return rc;
        if (c->writes && !opt.common.output)
            return app_misuse("%s needs -o MODEL", c->name);
        if (c->writes && opt.common.json && !strcmp(opt.common.output, "-"))
            return app_misuse("--json and the output cannot share stdout");
        return run(c, &opt.common);
    }
    return run_overview(argc, argv);
}
