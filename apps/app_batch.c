/* SPDX-License-Identifier: BSD-2-Clause */
/* Running over files.  Nothing else. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "app_batch.h"
#include "app_report.h"
#include "pool.h"

/* What became of one file. */
typedef struct item {
    bool has_ended, again;
    nenc_status status;
    char *text;                   /* for stdout, in the order of the files */
    size_t text_size;
} item;

typedef struct batch_run {
    const app_batch *b;
    size_t n;
    item *items;
    size_t *turns, n_turns;       /* items of this round */
    int workers, threads;         /* files at a time, threads for each */
    size_t max_memory;            /* for each */
    atomic_bool stop;
    pthread_mutex_t lock;
    /* Under the lock: */
    size_t n_ended, n_failed, n_skipped;
    size_t n_told;                /* items whose text is out */
    uint64_t n_read, n_written;
    nenc_status telling;          /* of stdout */
    app_progress progress;
    double start;
} batch_run;

/* ---------------------------------------------------------------- progress */

/* Under the lock.  `done`: of the file at work, where there is one at a time. */
static void show_progress(batch_run *r, double done)
{
    char text[128], left[32] = "";
    const size_t n_coded = r->n_ended - r->n_skipped;
    if (!app_progress_is_due(&r->progress))
        return;
    if (n_coded)
        app_time_left(left, (app_seconds() - r->start) / (double)n_coded
                          * (double)(r->n - r->n_ended));
    if (r->workers == 1 && done > 0 && r->n_ended < r->n)
        snprintf(text, sizeof text, "%zu of %zu, %d %%%s%s", r->n_ended + 1,
                 r->n, (int)(100 * done), *left ? ", " : "", left);
    else
        snprintf(text, sizeof text, "%zu of %zu%s%s", r->n_ended, r->n,
                 *left ? ", " : "", left);
    app_progress_text(&r->progress, text);
}

int app_task_progress(void *user, double done)
{
    app_task *t = user;
    batch_run *r = t->run;
    if (!t->is_many)
        return app_progress_show(&r->progress, done);
    pthread_mutex_lock(&r->lock);
    show_progress(r, done);
    pthread_mutex_unlock(&r->lock);
    return 0;
}

static void format_bytes(char text[24], uint64_t bytes)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB" };
    double v = (double)bytes / 1000;
    size_t i = 0;
    while (v >= 999.95 && i < 3) {
        v /= 1000;
        i++;
    }
    if (bytes < 1000)
        snprintf(text, 24, "%u B", (unsigned)bytes);
    else
        snprintf(text, 24, "%.1f %s", v, units[i]);
}

/* "12 files, 1 failed, 3.2 MB -> 0.4 MB, 2.1 s" */
static void say_summary(const batch_run *r)
{
    const size_t n_folders = r->b->files->n_failed;
    char text[160], bytes[24];
    const struct { size_t n; const char *what; } counts[] = {
        { r->n_failed + n_folders, "failed" }, { r->n_skipped, "skipped" },
        { r->n - r->n_ended, "not begun" },
    };
    int at = snprintf(text, sizeof text, "%zu file%s", r->n,
                      r->n == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].n)
            at += snprintf(text + at, sizeof text - (size_t)at, ", %zu %s",
                           counts[i].n, counts[i].what);
    format_bytes(bytes, r->n_read);
    at += snprintf(text + at, sizeof text - (size_t)at, ", %s", bytes);
    format_bytes(bytes, r->n_written);
    if (r->n_written)
        at += snprintf(text + at, sizeof text - (size_t)at, " -> %s", bytes);
    app_say("%s, %.1f s", text, app_seconds() - r->start);
}

/* ---------------------------------------------------------------- one file */

nenc_status app_task_fail(app_task *task, const char *name, nenc_status status,
                          const nenc_diag *diag)
{
    task->again = task->has_share
                  && (status == NENC_ELIMIT || status == NENC_ENOMEM);
    return task->again ? status : app_fail_diag(name, status, diag);
}

nenc_status app_task_output(const app_task *task, app_output *out,
                            const app_input *in)
{
    if (task->run->b->files->makes_folders)
        NENC_TRY(app_output_folders(task->output));
    return app_output_open(out, task->output, in, task->run->b->common->force);
}

void app_task_json(const app_task *task, app_json *json)
{
    if (task->is_many) {
        app_json_begin_line(json, task->text);
        return;
    }
    app_progress_hide();
    app_json_begin(json, task->text);
}

static void tell_skipped(const app_task *t)
{
    app_json json;
    app_task_json(t, &json);
    app_json_text(&json, "input", t->input);
    app_json_text(&json, "output", t->output);
    app_json_text(&json, "status", "skipped");
    app_json_end(&json);
}

static void tell_failed(const app_task *t, nenc_status status)
{
    app_json json;
    app_task_json(t, &json);
    app_json_text(&json, "input", t->input);
    app_json_text(&json, "status", "failed");
    app_json_integer(&json, "exit", (uint64_t)app_exit_code(status));
    app_json_text(&json, "error", app_last_failure());
    app_json_end(&json);
}

static bool is_there(const char *path)
{
    struct stat st;
    return path && strcmp(path, "-") && !stat(path, &st)
           && S_ISREG(st.st_mode);
}

static nenc_status take_turn(const app_batch *b, app_task *t)
{
    const app_common *c = b->common;
    const bool in_lines = t->is_many && c->json, exists = is_there(t->output);
    if (exists && c->skip_existing) {
        t->is_skipped = true;
        if (c->json)
            tell_skipped(t);
        return NENC_OK;
    }
    /* Refused before any work, where there is more to do. */
    const nenc_status st = exists && t->is_many && !c->force
        ? app_fail(t->output, NENC_EIO, "exists already (-f overwrites)")
        : b->code(b->user, t);
    if (st < 0 && !t->again && in_lines)
        tell_failed(t, st);
    return st;
}

static app_task make_task(batch_run *r, size_t i)
{
    const app_common *c = r->b->common;
    const app_file *f = &r->b->files->list[i];
    app_task t = {
        .input = f->path, .output = f->output, .is_many = r->b->files->is_many,
        .has_share = r->workers > 1, .threads = r->threads,
        .max_pixels = c->max_pixels, .max_memory = r->max_memory,
        .text = stdout, .run = r,
    };
    return t;
}

/* -------------------------------------------------------------- many files */

/* Under the lock: what is next in order, as far as it has ended. */
static void tell(batch_run *r)
{
    bool any = false;
    for (; r->n_told < r->n && r->items[r->n_told].has_ended; r->n_told++) {
        item *it = &r->items[r->n_told];
        if (it->text && it->text_size) {
            if (!any)
                app_progress_hide();
            any = true;
            fwrite(it->text, 1, it->text_size, stdout);
        }
        free(it->text);
        it->text = NULL;
    }
    if (any && r->telling >= 0 && (r->telling = app_stdout_check()) < 0)
        atomic_store(&r->stop, true);
}

static void end_item(batch_run *r, size_t i, const app_task *t, nenc_status st)
{
    item *it = &r->items[i];
    pthread_mutex_lock(&r->lock);
    it->again = t->again;
    it->status = st;
    it->has_ended = !t->again;
    if (!t->again) {
        r->n_ended++;
        r->n_failed += st < 0;
        r->n_skipped += t->is_skipped;
        r->n_read += t->n_read;
        r->n_written += t->n_written;
        if (st < 0 && r->b->common->fail_fast)
            atomic_store(&r->stop, true);
        tell(r);
        show_progress(r, 0);
    }
    pthread_mutex_unlock(&r->lock);
}

static void run_item(batch_run *r, size_t i)
{
    item *it = &r->items[i];
    app_task t = make_task(r, i);
    nenc_status st;
    free(it->text);
    it->text = NULL;
    t.text = open_memstream(&it->text, &it->text_size);
    st = t.text ? take_turn(r->b, &t)
                : app_fail(t.input, NENC_ENOMEM, "out of memory");
    if (t.text && fclose(t.text) && st >= 0)
        st = app_fail(t.input, NENC_ENOMEM, "out of memory");
    if (st < 0)
        t.n_read = t.n_written = 0;
    end_item(r, i, &t, st);
}

static void run_turns(void *user, int worker, size_t first, size_t end)
{
    batch_run *r = user;
    (void)worker;
    for (size_t i = first; i < end && !atomic_load(&r->stop); i++)
        run_item(r, r->turns[i]);
}

/* What a file has used serves the next, without going back to the system in
 * between: its page faults took a third of the time of small pictures. */
static void keep_memory(size_t most)
{
#if defined __GLIBC__ && defined M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 32 << 20);       /* as large as it allows */
    mallopt(M_TRIM_THRESHOLD, (int)NENC_MIN(most, (size_t)256 << 20));
#else
    (void)most;
#endif
}

static nenc_status run_round(batch_run *r, int total)
{
    nenc_pool *pool = NULL;
    const app_common *c = r->b->common;
    r->max_memory = (size_t)c->max_memory / (size_t)r->workers;
    r->threads = r->workers == 1 ? c->threads : total / r->workers;
    keep_memory(r->max_memory);
    if (r->workers > 1 && nenc_pool_open(&pool, r->workers) < 0)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    nenc_pool_run(pool, r->n_turns, 1, run_turns, r);
    nenc_pool_close(pool);
    size_t n = 0;
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->items[r->turns[i]].again)
            r->turns[n++] = r->turns[i];
    r->n_turns = n;
    return NENC_OK;
}

/* As many files at a time as there are threads, if there are as many; else one
 * after another with all of them.  What a share of the memory was too small for
 * is coded later, fewer at a time, and in the end alone. */
static nenc_status run_rounds(batch_run *r)
{
    nenc_pool *pool;
    if (nenc_pool_open(&pool, r->b->common->threads) < 0)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    const int total = nenc_pool_threads(pool);
    nenc_pool_close(pool);
    r->workers = r->n >= (size_t)total ? total : 1;
    for (;;) {
        NENC_TRY(run_round(r, total));
        if (!r->n_turns || atomic_load(&r->stop))
            return NENC_OK;
        r->workers = (r->workers + 3) / 4;
    }
}

/* What was held back by files that were not begun. */
static void tell_rest(batch_run *r)
{
    for (size_t i = r->n_told; i < r->n; i++)
        r->items[i].has_ended = true;
    tell(r);
}

static nenc_status first_failure(const batch_run *r, nenc_status running)
{
    nenc_status st = r->b->files->status;
    for (size_t i = 0; i < r->n && st >= 0; i++)
        st = r->items[i].status;
    return st < 0 ? st : running < 0 ? running : r->telling;
}

static nenc_status run_many(batch_run *r)
{
    nenc_status st = NENC_OK;
    r->items = calloc(r->n ? r->n : 1, sizeof *r->items);
    r->turns = calloc(r->n ? r->n : 1, sizeof *r->turns);
    if (!r->items || !r->turns) {
        st = app_fail(NULL, NENC_ENOMEM, "out of memory");
    } else if (!r->b->common->fail_fast || !r->b->files->n_failed) {
        for (size_t i = 0; i < r->n; i++)
            r->turns[r->n_turns++] = i;
        st = run_rounds(r);
        tell_rest(r);
        st = first_failure(r, st);
    } else {
        st = r->b->files->status;
    }
    free(r->items);
    free(r->turns);
    return st;
}

/* -------------------------------------------------------------------- both */

static nenc_status run_one(batch_run *r)
{
    r->workers = 1;
    r->threads = r->b->common->threads;
    r->max_memory = (size_t)r->b->common->max_memory;
    app_task t = make_task(r, 0);
    const nenc_status st = take_turn(r->b, &t);
    return st < 0 || (t.output && !strcmp(t.output, "-")) ? st
                                                          : app_stdout_check();
}

nenc_status app_batch_run(const app_batch *b)
{
    batch_run r = { .b = b, .n = b->files->n, .start = app_seconds() };
    pthread_mutex_init(&r.lock, NULL);
    app_progress_init(&r.progress, b->doing ? b->doing : "",
                      b->common->quiet || !b->doing);
    const nenc_status st = b->files->is_many ? run_many(&r) : run_one(&r);
    app_progress_end(&r.progress);
    if (b->doing && !b->common->quiet && r.n + b->files->n_failed > 1)
        say_summary(&r);
    pthread_mutex_destroy(&r.lock);
    return st;
}
