/* SPDX-License-Identifier: BSD-2-Clause */
/* neval: rate and distortion of codecs, measured on files.  Here: the command
 * line, `neval codecs`, `neval merge`.  Not here: measuring. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_input.h"
#include "app_report.h"
#include "file.h"
#include "neval.h"

#define AT(member) offsetof(neval_options, member)

#define OUTPUTS \
    { "Output", 0, false, APP_TEXT, "csv", "FILE", AT(csv), 0, 0, \
      "a row for each file at each point; - is stdout" }, \
    { "Output", 0, false, APP_TEXT, "json", "FILE", AT(json), 0, 0, \
      "means, BD-rates and costs" }, \
    { "Output", 0, false, APP_TEXT, "html", "FILE", AT(html), 0, 0, \
      "a page with curves, tables and pictures" }, \
    { "Output", 0, true, APP_TEXT, "title", "TEXT", AT(title), 0, 0, \
      "the page's title" }, \
    { "Output", 0, false, APP_TEXT, "anchor", "NAME", AT(anchor), 0, 0, \
      "codec that BD-rates are against\n(default jpeg, mp3 or the first)" }

static const app_option measure_options[] = {
    { "Input", 'c', false, APP_LIST, "codec", "SPEC", AT(codecs), 0, 0,
      "[LABEL=]NAME[:OPTIONS][@Q,Q,...], often; see\n'neval codecs'. Or "
      "LABEL@Q,...|ENCODE|DECODE" },
    { "Input", 'r', false, APP_FLAG, "recursive", NULL, AT(recursive), 0, 0,
      "folders inside folders too" },
    OUTPUTS,
    { "Output", 0, true, APP_FLAG, "costs", NULL, AT(costs), 0, 0,
      "seconds and memory in the CSV too" },
    { "Output", 0, true, APP_FLAG, "own-metrics", NULL, AT(own_metrics), 0, 0,
      "no metrics by other programs" },
    { "Output", 0, true, APP_NUMBER, "view", "N", AT(n_views), 0, 64,
      "files to look at on the page (default 2)" },
    { "Output", 0, true, APP_NUMBER, "view-size", "N", AT(view_side), 16, 8192,
      "pixels across of them, at most (default 400)" },
    { "Speed", 0, true, APP_NUMBER, "time-limit", "SECONDS", AT(time_limit), 1,
      1000000, "CPU time for each program (default 1800)" },
    { "Speed", 0, false, APP_TEXT, "cache", "DIR", AT(cache), 0, 0,
      "where results are kept (default\n~/.cache/nenc/neval)" },
    { "Speed", 0, false, APP_FLAG, "redo", NULL, AT(redo), 0, 0,
      "measure again what is kept" },
    { "Speed", 0, false, APP_TEXT, "shard", "I/N", AT(shard), 0, 0,
      "only part I of N of the files" },
};

static const app_option merge_options[] = { OUTPUTS };

static const app_command measure_command = {
    .name = "neval", .usage = "neval [OPTIONS] FILE|FOLDER...\n"
             "       neval merge [OPTIONS] CSV...    neval codecs",
    .about = "Code pictures (or sounds) with codecs at several settings, and "
             "compare what comes\nback, from files on disk.  Prints BD-rates. "
             "What was measured once is kept.",
    .examples = "Example: neval kodak/ -c nenc -c jpeg -c avif "
                "--html report.html\n",
    .options = measure_options,
    .n_options = sizeof measure_options / sizeof measure_options[0],
    .takes_many = true, .shared = " threads force quiet help version ",
};

static const app_command merge_command = {
    .name = "neval", .usage = "neval merge [OPTIONS] CSV...",
    .about = "Join tables that neval wrote, of shards or of several codecs.",
    .examples = "Example: neval merge 1.csv 2.csv --csv all.csv --html "
                "all.html\n",
    .options = merge_options,
    .n_options = sizeof merge_options / sizeof merge_options[0],
    .takes_many = true, .shared = " force quiet help version ",
};

/* ------------------------------------------------------------------- output */

/* Whether `path` is one of the inputs; folders have other names. */
static bool is_input(const app_common *c, const struct stat *st)
{
    struct stat in;
    for (int i = 0; i < c->n_inputs; i++)
        if (!stat(c->inputs[i], &in) && in.st_dev == st->st_dev
            && in.st_ino == st->st_ino)
            return true;
    return false;
}

static nenc_status check_output(const app_common *c, const char *path)
{
    struct stat st;
    if (!path || !strcmp(path, "-"))
        return NENC_OK;
    if (stat(path, &st)) {
        const char *slash = strrchr(path, '/');
        char folder[4096];
        snprintf(folder, sizeof folder, "%.*s",
                 slash ? (int)NENC_MAX(slash - path, 1) : 1,
                 slash ? path : ".");
        return !access(folder, W_OK | X_OK) ? NENC_OK
             : app_fail(path, NENC_EIO, "%s", strerror(errno));
    }
    if (S_ISDIR(st.st_mode))
        return app_fail(path, NENC_EIO, "%s", strerror(EISDIR));
    if (is_input(c, &st))
        return app_fail(path, NENC_EIO, "is an input");
    return c->force || !S_ISREG(st.st_mode) ? NENC_OK
         : app_fail(path, NENC_EIO, "exists (-f overwrites it)");
}

nenc_status neval_check_outputs(const neval_options *opt)
{
    const char *const paths[] = { opt->csv, opt->json, opt->html };
    int n_stdout = 0;
    for (size_t i = 0; i < 3; i++) {
        NENC_TRY(check_output(&opt->common, paths[i]));
        n_stdout += paths[i] && !strcmp(paths[i], "-");
    }
    return n_stdout <= 1 ? NENC_OK
         : app_fail(NULL, NENC_EINVAL, "only one output can be stdout");
}

/* A pipe or a device is written to; a file appears whole. */
static nenc_status write_file(const char *path, const nenc_buffer *data)
{
    nenc_diag diag = { NENC_OK, "" };
    struct stat st;
    const bool is_stdout = !strcmp(path, "-");
    if (data->failed)
        return app_fail(path, NENC_ENOMEM, "out of memory");
    if (is_stdout || (!stat(path, &st) && !S_ISREG(st.st_mode))) {
        FILE *file = is_stdout ? stdout : fopen(path, "we");
        bool ok = file != NULL;
        if (file && data->size)
            ok = fwrite(data->data, 1, data->size, file) == data->size;
        if (is_stdout)
            return app_stdout_check();
        if (file && fclose(file))
            ok = false;
        return ok ? NENC_OK : app_fail(path, NENC_EIO, "%s", strerror(errno));
    }
    return nenc_file_save(path, data->data, data->size, &diag) < 0
         ? app_fail_diag(NULL, NENC_EIO, &diag) : NENC_OK;
}

nenc_status neval_choose_anchor(const neval_options *opt, nenc_report *r)
{
    static const char *const usual[] = { "jpeg", "mp3" };
    const nenc_eval_table *t = r->table;
    r->anchor = 0;
    for (size_t i = 0; i < t->n_codecs; i++)
        for (size_t k = 0; k < 2; k++)
            if (!strcmp(t->codecs[i], usual[k]))
                r->anchor = i;
    for (size_t i = 0; opt->anchor && i < t->n_codecs; i++)
        if (!strcmp(t->codecs[i], opt->anchor)) {
            r->anchor = i;
            return NENC_OK;
        }
    return !opt->anchor ? NENC_OK
         : app_fail(NULL, NENC_EINVAL, "no codec '%s' to compare with",
                    opt->anchor);
}

static bool is_stdout(const char *path)
{
    return path && !strcmp(path, "-");
}

static nenc_status write_one(const char *path, nenc_buffer *text,
                             nenc_status before)
{
    const nenc_status st = before < 0 || !path ? before
                                               : write_file(path, text);
    nenc_buffer_free(text);
    nenc_buffer_init(text, (size_t)2 << 30);
    return st;
}

nenc_status neval_write(const neval_options *opt, nenc_report *report,
                        const nenc_buffer *views)
{
    char generator[32];
    nenc_buffer text;
    snprintf(generator, sizeof generator, "neval %s", nenc_version());
    report->generator = generator;
    report->title = opt->title ? opt->title : "Rate and distortion";
    NENC_TRY(neval_choose_anchor(opt, report));
    nenc_buffer_init(&text, (size_t)2 << 30);
    if (!is_stdout(opt->csv) && !is_stdout(opt->json) && !is_stdout(opt->html))
        nenc_report_text(report, &text);
    nenc_status st = write_one("-", &text, NENC_OK);
    if (opt->csv)
        nenc_eval_table_write(report->table, &text);
    st = write_one(opt->csv, &text, st);
    if (opt->json)
        nenc_report_json(report, NULL, &text);
    st = write_one(opt->json, &text, st);
    if (opt->html)
        nenc_report_html(report, views, &text);
    st = write_one(opt->html, &text, st);
    nenc_buffer_free(&text);
    return st;
}

/* ----------------------------------------------------------------- commands */

static nenc_status load_tables(nenc_eval_csv *files, nenc_buffer *data,
                               char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        app_input in;
        nenc_status st = app_input_open(&in, paths[i]);
        if (st >= 0)
            st = app_input_load(&in, &data[i]);
        app_input_close(&in);
        if (st < 0)
            return st;
        files[i] = (nenc_eval_csv){ in.name, data[i].data, data[i].size };
    }
    return NENC_OK;
}

static nenc_status merge(const neval_options *opt)
{
    const size_t n = (size_t)opt->common.n_inputs;
    nenc_diag diag = { NENC_OK, "" };
    nenc_eval_table table;
    nenc_report report = { .table = &table };
    nenc_eval_csv *files = calloc(n, sizeof *files);
    nenc_buffer *data = calloc(n, sizeof *data);
    nenc_eval_table_init(&table, NENC_EVAL_PICTURE);
    nenc_status st = files && data ? neval_check_outputs(opt)
                   : app_fail(NULL, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; data && i < n; i++)
        nenc_buffer_init(&data[i], (size_t)1 << 30);
    if (st >= 0)
        st = load_tables(files, data, opt->common.inputs, n);
    if (st >= 0 && (st = nenc_eval_table_read(&table, files, n, &diag)) < 0)
        app_fail_diag(NULL, st, &diag);
    if (st >= 0)
        st = neval_write(opt, &report, NULL);
    nenc_eval_table_free(&table);
    for (size_t i = 0; data && i < n; i++)
        nenc_buffer_free(&data[i]);
    free(data);
    free(files);
    return st;
}

static int list_codecs(int argc)
{
    const nenc_peer *p;
    if (argc > 2)
        return app_misuse("'neval codecs' takes nothing more");
    for (size_t i = 0; (p = nenc_peer_at(i)); i++)
        printf("%s %s (%s)%s\n    q       %s\n    encode  %s\n"
               "    decode  %s\n",
               p->name, p->media == NENC_EVAL_PICTURE ? "pictures" : "sounds",
               p->about, p->is_default ? "" : "; only when named", p->q,
               p->encode, p->decode);
    return app_exit_code(app_stdout_check());
}

int main(int argc, char **argv)
{
    neval_options opt = { .n_views = 2, .view_side = 400, .time_limit = 1800 };
    const char *word = argc > 1 ? argv[1] : "";
    int rc;
    app_report_init("neval");
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(word, "codecs"))
        return list_codecs(argc);
    if (!strcmp(word, "merge"))
        return app_options_parse(&merge_command, &opt, argc - 1, argv + 1, &rc)
             ? app_exit_code(merge(&opt)) : rc;
    return app_options_parse(&measure_command, &opt, argc, argv, &rc)
         ? neval_measure(&opt) : rc;
}
