/* SPDX-License-Identifier: BSD-2-Clause */
/* `neval FILES`: set everything up, measure, report.
 * Not here: the jobs (eval/run.c), the reports (eval/report.c). */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_files.h"
#include "app_model.h"
#include "app_report.h"
#include "file.h"
#include "neval.h"
#include "neval_items.h"
#include "pool.h"

enum { CODECS_MAX = 64, INTERRUPTED = 130 };

/* Everything of one run. */
typedef struct measuring {
    const neval_options *opt;
    neval_items items;
    nenc_eval_table table;
    nenc_eval_codec codecs[CODECS_MAX];
    nenc_cache_key identities[CODECS_MAX];
    nenc_eval_missing missing[CODECS_MAX];
    size_t n_codecs, n_missing;
    nenc_outside_metric outside[NENC_EVAL_METRICS_MAX];
    size_t n_outside;
    nenc_source *sources;
    size_t n_sources;             /* opened */
    nenc_cache cache;
    char folder[NENC_CACHE_PATH]; /* of working files; "" = not made yet */
    int lock;                     /* held while it is there */
    char own[NENC_CACHE_PATH];    /* folder of this program */
    app_progress progress;
    nenc_eval_run run;
    nenc_status opening;          /* of the sources: the first failure */
} measuring;

static nenc_launcher launchers[NENC_LAUNCHERS_MAX];
static size_t n_launchers;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    stop = number;
    nenc_launchers_kill(launchers, n_launchers);
}

/* --------------------------------------------------------------- the places */

static nenc_status open_cache(measuring *m)
{
    char path[NENC_CACHE_PATH], *real;
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    nenc_diag diag = { NENC_OK, "" };
    if (m->opt->cache)
        snprintf(path, sizeof path, "%s", m->opt->cache);
    else if (base && *base == '/')
        snprintf(path, sizeof path, "%s/nenc/neval", base);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.cache/nenc/neval", home);
    else
        return app_fail(NULL, NENC_EINVAL,
                        "there is no $HOME: say --cache FOLDER");
    nenc_status st = nenc_cache_open(&m->cache, path, &diag);
    if (st >= 0 && (real = realpath(path, NULL))) {
        st = nenc_cache_open(&m->cache, real, &diag);
        free(real);
    }
    m->cache.redo = m->opt->redo;
    return st < 0 ? app_fail_diag(NULL, st, &diag) : st;
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *where)
{
    (void)st, (void)type, (void)where;
    (void)remove(path);
    return 0;
}

static void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Working folders hold a file that their run keeps locked: who gets the lock
 * has found what a killed run left, on whatever machine. */
static int lock_in(const char *folder)
{
    char path[NENC_CACHE_PATH + 300];
    snprintf(path, sizeof path, "%s/lock", folder);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void remove_stale(const char *cache)
{
    char path[NENC_CACHE_PATH + 256];
    const struct dirent *entry;
    DIR *dir = opendir(cache);
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, "tmp-", 4))
            continue;
        snprintf(path, sizeof path, "%s/%s", cache, entry->d_name);
        const int fd = lock_in(path);
        if (fd < 0)
            continue;
        remove_folder(path);
        close(fd);
    }
    if (dir)
        closedir(dir);
}

static nenc_status make_folder(measuring *m)
{
    remove_stale(m->cache.folder);
    snprintf(m->folder, sizeof m->folder, "%.800s/tmp-XXXXXX",
             m->cache.folder);
    m->lock = -1;
    if (!mkdtemp(m->folder) || (m->lock = lock_in(m->folder)) < 0) {
        const nenc_status st = app_fail(m->cache.folder, NENC_EIO, "%s",
                                        strerror(errno));
        m->folder[0] = 0;
        return st;
    }
    return NENC_OK;
}

/* -------------------------------------------------------------- the codecs */

/* A program's bytes stand for its version; where `path` is libtool's script,
 * those of the real thing too. */
static void add_program(nenc_sha256 *h, const char *path)
{
    char real[NENC_CACHE_PATH];
    const char *slash = strrchr(path, '/');
    nenc_cache_add_file(h, path);
    if (!slash)
        return;
    snprintf(real, sizeof real, "%.*s/.libs%s", (int)(slash - path), path,
             slash);
    nenc_cache_add_file(h, real);
}

/* Words of a command that name files: scripts, models, tables. */
static void add_files_named(nenc_sha256 *h, const char *text)
{
    char word[NENC_CACHE_PATH];
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, " \t\"'=");
        struct stat st;
        if (n && n < sizeof word) {
            memcpy(word, at, n);
            word[n] = 0;
            if (!stat(word, &st) && S_ISREG(st.st_mode))
                nenc_cache_add_file(h, word);
        }
        at += n + (at[n] != 0);
    }
}

/* What follows an option, after "=" or as the next word, in a command; "" =
 * it is not there. */
static const char *value_in(char value[NENC_CACHE_PATH], const char *option,
                            const char *text)
{
    static const char between[] = " \t\"'=";
    bool is_next = false;
    value[0] = 0;
    for (const char *at = text + strspn(text, between); *at && !value[0];) {
        const size_t n = strcspn(at, between);
        if (is_next)
            snprintf(value, NENC_CACHE_PATH, "%.*s", (int)n, at);
        is_next = n == strlen(option) && !strncmp(at, option, n);
        at += n;
        at += strspn(at, between);
    }
    return value;
}

/* What our own programs depend on beside themselves: the library and the
 * model, whose id does not tell the encoder's networks. */
static nenc_status add_ours(nenc_sha256 *h, const nenc_eval_codec *c)
{
    Dl_info library;
    app_model model = { NULL, NULL };
    nenc_codec_info codec;
    char file[NENC_CACHE_PATH], name[NENC_CACHE_PATH];
    const char *words = c->options ? c->options : c->encode;
    value_in(file, "--model", words);
    value_in(name, "--codec", words);
    if (name[0] && app_codec_find(&codec, name))
        return NENC_EINVAL;
    if (dladdr((void *)(uintptr_t)nenc_version, &library)
        && library.dli_fname)
        nenc_cache_add_file(h, library.dli_fname);
    NENC_TRY(app_model_open_default(&model, file[0] ? file : NULL,
                                    name[0] ? &codec : NULL));
    if (model.path)
        nenc_cache_add_file(h, model.path);
    app_model_close(&model);
    return NENC_OK;
}

static nenc_status identify(const nenc_eval_codec *c, nenc_cache_key *key)
{
    nenc_sha256 h;
    char name[256];
    nenc_sha256_init(&h);
    nenc_cache_add(&h, c->encode);
    nenc_cache_add(&h, c->decode);
    nenc_cache_add(&h, c->options ? c->options : "");
    add_program(&h, c->encoder);
    add_program(&h, c->decoder);
    add_files_named(&h, c->encode);
    add_files_named(&h, c->decode);
    if (c->options)
        add_files_named(&h, c->options);
    if (nenc_command_program(c->encode, name)
        && !strcmp(strrchr(name, '/') ? strrchr(name, '/') + 1 : name, "nenc"))
        NENC_TRY(add_ours(&h, c));
    nenc_sha256_final(&h, key->hash);
    return NENC_OK;
}

static nenc_status add_codec(measuring *m, const char *spec)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_eval_codec c;
    const nenc_status st = nenc_eval_codec_open(
        &c, spec, m->items.media, app_own_folder(m->own, sizeof m->own),
        &m->table.arena, &diag);
    if (st < 0)
        return app_fail_diag(NULL, st, &diag);
    if (c.why_not) {
        m->missing[m->n_missing++] = (nenc_eval_missing){ c.label, c.why_not };
        return NENC_OK;
    }
    const size_t at = nenc_eval_table_codec(&m->table, c.label);
    if (at < m->n_codecs)
        return app_fail(NULL, NENC_EINVAL, "two codecs are called '%s': name "
                        "one, as in LABEL=%s", c.label, spec);
    for (size_t i = 0; i < c.n_q; i++)
        if (nenc_eval_table_point(&m->table, at, c.q[i]) == SIZE_MAX)
            return app_fail(NULL, NENC_ENOMEM, "out of memory");
    m->codecs[m->n_codecs] = c;
    return identify(&c, &m->identities[m->n_codecs++]);
}

static nenc_status add_codecs(measuring *m)
{
    const app_list *list = &m->opt->codecs;
    const nenc_peer *peer;
    nenc_eval_table_init(&m->table, m->items.media);
    for (int i = 0; i < list->n; i++)
        NENC_TRY(add_codec(m, list->text[i]));
    for (size_t i = 0; !list->n && (peer = nenc_peer_at(i)); i++)
        if (peer->is_default && peer->media == m->items.media)
            NENC_TRY(add_codec(m, peer->name));
    for (size_t i = 0; i < m->n_missing; i++)
        app_warn(m->missing[i].name, "left out: %s", m->missing[i].why);
    if (!m->n_codecs)
        return app_fail(NULL, NENC_EINVAL, "none of the codecs can be run");
    nenc_report r = { .table = &m->table };
    return neval_choose_anchor(m->opt, &r);     /* or say so before hours */
}

static nenc_status add_metrics(measuring *m)
{
    nenc_eval_table *t = &m->table;
    char log[NENC_CACHE_PATH + 8];
    const char *const *keys;
    const size_t n = nenc_signal_metrics(t->media, &keys);
    for (size_t i = 0; i < n; i++)
        t->metrics[t->n_metrics++] = *nenc_eval_metric_named(keys[i]);
    snprintf(log, sizeof log, "%s/log", m->folder);
    if (!m->opt->own_metrics)
        m->n_outside = nenc_outside_find(m->outside, t->media, launchers, log,
                                         &t->arena);
    for (size_t i = 0; i < m->n_outside; i++)
        t->metrics[t->n_metrics++] = *nenc_eval_metric_named(
            m->outside[i].key);
    t->has_costs = m->opt->costs;
    return NENC_OK;
}

/* --------------------------------------------------------------- the files */

static void open_sources(void *user, int worker, size_t first, size_t end)
{
    measuring *m = user;
    (void)worker;
    for (size_t i = first; i < end && !stop; i++) {
        const neval_item *item = &m->items.list[i];
        char folder[NENC_CACHE_PATH];
        nenc_diag diag = { NENC_OK, "" };
        snprintf(folder, sizeof folder, "%.900s/i%zu", m->folder, i);
        nenc_status st = mkdir(folder, 0777)
            ? nenc_fail(&diag, NENC_EIO, "%s: %s", folder, strerror(errno))
            : nenc_source_open(&m->sources[i], item->path, item->name,
                               m->items.media, folder, &diag);
        if (st < 0)
            m->opening = app_fail_diag(item->path, st, &diag);
    }
}

static nenc_status add_sources(measuring *m)
{
    nenc_pool *pool;
    nenc_diag diag = { NENC_OK, "" };
    m->sources = nenc_arena_zalloc(&m->table.arena, m->items.n,
                                   sizeof *m->sources);
    if (!m->sources)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    m->n_sources = m->items.n;
    NENC_TRY(nenc_pool_open(&pool, (int)n_launchers));
    nenc_pool_run(pool, m->items.n, 1, open_sources, m);
    nenc_pool_close(pool);
    if (m->opening < 0 || stop)
        return stop ? NENC_END : m->opening;
    for (size_t i = 0; i < m->items.n; i++)
        if (nenc_eval_table_item(&m->table, m->sources[i].name,
                                 m->sources[i].amount) == SIZE_MAX)
            return app_fail(NULL, NENC_ENOMEM, "out of memory");
    const nenc_status st = nenc_eval_table_rows(&m->table, &diag);
    return st < 0 ? app_fail_diag(NULL, st, &diag) : st;
}

/* ------------------------------------------------------------------ the run */

static void show_progress(void *user, const nenc_eval_progress *p)
{
    char text[128], left[32] = "";
    if (!app_progress_is_due(user))
        return;
    const size_t measured = p->n_done + p->n_failed - p->n_cached;
    const size_t to_do = p->n_jobs - p->n_done - p->n_failed;
    if (measured)
        app_time_left(left, p->seconds * (double)to_do / (double)measured);
    snprintf(text, sizeof text, "%zu of %zu, %zu of them kept from before%s%s%s",
             p->n_done + p->n_failed, p->n_jobs, p->n_cached,
             p->n_failed ? ", some failed" : "", *left ? ", " : "", left);
    app_progress_text(user, text);
}

static nenc_status measure(measuring *m)
{
    nenc_diag diag = { NENC_OK, "" };
    m->run = (nenc_eval_run){
        .table = &m->table, .codecs = m->codecs,
        .identities = m->identities, .sources = m->sources,
        .outside = m->outside, .n_outside = m->n_outside,
        .cache = &m->cache, .folder = m->folder,
        .launchers = launchers, .n_launchers = n_launchers,
        .cpu_limit_s = (unsigned)m->opt->time_limit, .stop = &stop,
        .progress = show_progress, .user = &m->progress,
    };
    app_progress_init(&m->progress, "neval:", m->opt->common.quiet);
    const nenc_status st = nenc_eval_measure(&m->run, &diag);
    app_progress_end(&m->progress);
    return st < 0 ? app_fail_diag(NULL, st, &diag) : st;
}

static nenc_status make_views(measuring *m, nenc_buffer *views)
{
    nenc_diag diag = { NENC_OK, "" };
    if (!m->opt->html || !m->opt->n_views) {
        nenc_buffer_put(views, "[]", 2);
        return NENC_OK;
    }
    const nenc_status st = nenc_report_views(
        &m->run, (size_t)m->opt->n_views, (unsigned)m->opt->view_side, views,
        &diag);
    return st < 0 ? app_fail_diag(NULL, st, &diag) : st;
}

static nenc_status report(measuring *m)
{
    nenc_buffer views;
    nenc_report r = {
        .table = &m->table, .codecs = m->codecs, .missing = m->missing,
        .n_missing = m->n_missing, .failures = m->run.failures,
        .n_failures = m->run.n_failures,
    };
    nenc_buffer_init(&views, (size_t)1 << 30);
    nenc_status st = make_views(m, &views);
    if (st < 0) {           /* the numbers are worth more than the pictures */
        app_warn(NULL, "no pictures or sounds on the page");
        views.size = 0;
        views.failed = false;
        nenc_buffer_put(&views, "[]", 2);
        st = NENC_OK;
    }
    if (st == NENC_OK)
        st = neval_write(m->opt, &r, &views);
    nenc_buffer_free(&views);
    if (st == NENC_OK && r.n_failures)
        st = app_fail(NULL, NENC_EIO, "%zu of %zu measurements failed",
                      r.n_failures, m->table.n_points * m->table.n_items);
    return st;
}

/* Signals that were ignored, as by nohup, stay so. */
static void stop_on(int number)
{
    const struct sigaction action = { .sa_handler = on_signal };
    struct sigaction old;
    if (!sigaction(number, NULL, &old) && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static nenc_status start_launchers(const measuring *m)
{
    const int threads = m->opt->common.threads;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    nenc_diag diag = { NENC_OK, "" };
    const size_t n = threads ? (size_t)threads : cores > 0 ? (size_t)cores : 1;
    const nenc_status st = nenc_launchers_start(
        launchers, NENC_MIN(n, (size_t)NENC_LAUNCHERS_MAX), &diag);
    if (st < 0)
        return app_fail_diag(NULL, st, &diag);
    n_launchers = NENC_MIN(n, (size_t)NENC_LAUNCHERS_MAX);
    stop_on(SIGINT);
    stop_on(SIGTERM);
    stop_on(SIGHUP);
    return st;
}

static nenc_status run(measuring *m)
{
    const app_common *c = &m->opt->common;
    nenc_status st = neval_check_outputs(m->opt);
    if (st == NENC_OK) st = start_launchers(m);
    if (st == NENC_OK)
        st = neval_items_find(&m->items, c->inputs, (size_t)c->n_inputs,
                              m->opt->recursive);
    if (st == NENC_OK) st = neval_items_shard(&m->items, m->opt->shard);
    if (st == NENC_OK) st = add_codecs(m);
    if (st == NENC_OK) st = open_cache(m);
    if (st == NENC_OK) st = make_folder(m);
    if (st == NENC_OK) st = add_metrics(m);
    if (st == NENC_OK) st = add_sources(m);
    if (st == NENC_OK) st = measure(m);
    if (st == NENC_OK) st = report(m);
    return st;
}

int neval_measure(const neval_options *opt)
{
    static measuring m;
    m.opt = opt;
    nenc_status st = run(&m);
    nenc_launchers_stop(launchers, n_launchers);
    for (size_t i = 0; i < m.n_sources; i++)
        nenc_source_close(&m.sources[i]);
    if (m.folder[0]) {
        remove_folder(m.folder);
        close(m.lock);
    }
    nenc_eval_table_free(&m.table);
    neval_items_free(&m.items);
    if (!stop)
        return app_exit_code(st);
    app_fail(NULL, NENC_EIO, "interrupted; the same command goes on from here");
    return INTERRUPTED;
}
