/* SPDX-License-Identifier: BSD-2-Clause */
/* The jobs of a run: encode, decode, compare, keep. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "picture_file.h"
#include "pool.h"
#include "run.h"

/* One codec at one setting on one file. */
typedef struct job {
    const nenc_eval_run *run;
    const nenc_launcher *launcher;
    const nenc_eval_codec *codec;
    nenc_source *source;
    const char *q;
    nenc_eval_row row;
    nenc_arena arena;
    nenc_diag *diag;
    char folder[NENC_CACHE_PATH], coded[NENC_CACHE_PATH + 32];
    char out[NENC_CACHE_PATH + 32], log[NENC_CACHE_PATH + 32];
} job;

typedef struct state {
    nenc_eval_run *run;
    pthread_mutex_t lock;     /* of all below, and of the table's arena */
    nenc_eval_progress progress;
    double start;
    nenc_status status;       /* NENC_ENOMEM */
    size_t failures_room;
} state;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

nenc_cache_key nenc_eval_key(const nenc_eval_run *run, size_t point,
                             size_t item)
{
    const nenc_eval_table *t = run->table;
    nenc_cache_key key;
    nenc_sha256 h;
    nenc_sha256_init(&h);
    nenc_cache_add(&h, "neval results 1");    /* count up when metrics change */
    nenc_sha256_update(&h, run->sources[item].key.hash, sizeof key.hash);
    nenc_sha256_update(&h, run->identities[t->points[point].codec].hash,
                       sizeof key.hash);
    nenc_cache_add(&h, t->points[point].q);
    for (size_t i = 0; i < t->n_metrics; i++)
        nenc_cache_add(&h, t->metrics[i].key);
    for (size_t i = 0; i < run->n_outside; i++)
        nenc_sha256_update(&h, run->outside[i].identity.hash,
                           sizeof key.hash);
    nenc_sha256_final(&h, key.hash);
    return key;
}

/* ------------------------------------------------------------------ one job */

static void job_init(job *j, const nenc_eval_run *run, size_t worker,
                     size_t point, size_t item, nenc_diag *diag)
{
    const nenc_eval_table *t = run->table;
    memset(j, 0, sizeof *j);
    j->run = run;
    j->launcher = &run->launchers[worker];
    j->codec = &run->codecs[t->points[point].codec];
    j->source = &run->sources[item];
    j->q = t->points[point].q;
    j->diag = diag;
    snprintf(j->folder, sizeof j->folder, "%.900s/w%zu", run->folder, worker);
    snprintf(j->log, sizeof j->log, "%s/log", j->folder);
    nenc_arena_init(&j->arena, (size_t)16 << 20);
}

/* PATH = FOLDER/NAME.KIND, no such file. */
static nenc_status name_file(job *j, char *path, const char *text,
                             const char *name)
{
    char kind[16];
    if (!nenc_command_kind(text, name, kind))
        return nenc_fail(j->diag, NENC_EINVAL, "no {%s.KIND} in: %s", name,
                         text);
    snprintf(path, NENC_CACHE_PATH + 32, "%s/%s.%s", j->folder, name, kind);
    if (unlink(path) && errno != ENOENT)
        return nenc_fail(j->diag, NENC_EIO, "%s: %s", path, strerror(errno));
    return NENC_OK;
}

static nenc_status run_command(job *j, const char *text, const char *program,
                               const nenc_command_values *extra,
                               nenc_cost *cost)
{
    nenc_command_values v = {
        .coded = j->coded, .out = j->out, .q = j->q,
        .options = j->codec->options, .width = j->source->width,
        .height = j->source->height, .rate = j->source->rate,
    };
    char **argv;
    if (extra->in)
        v.in = extra->in;
    if (extra->out)
        v.out = extra->out;
    NENC_TRY(nenc_command_expand(&argv, text, &v, &j->arena, j->diag));
    argv[0] = nenc_arena_strdup(&j->arena, program, strlen(program));
    if (!argv[0])
        return nenc_fail(j->diag, NENC_ENOMEM, "out of memory");
    return nenc_process_run(j->launcher, argv, j->log, j->run->cpu_limit_s,
                            cost, j->diag);
}

static nenc_status encode(job *j)
{
    char in[NENC_CACHE_PATH], kind[16];
    struct stat st;
    if (!nenc_command_kind(j->codec->encode, "in", kind))
        return nenc_fail(j->diag, NENC_EINVAL, "no {in.KIND}");
    NENC_TRY(nenc_source_copy(j->source, kind, in, j->diag));
    NENC_TRY(name_file(j, j->coded, j->codec->encode, "coded"));
    const nenc_command_values values = { .in = in };
    const nenc_status status = run_command(j, j->codec->encode,
                                           j->codec->encoder, &values,
                                           &j->row.encode);
    if (status != NENC_OK)
        return status;
    if (stat(j->coded, &st) || !S_ISREG(st.st_mode))
        return nenc_fail(j->diag, NENC_EIO, "%s wrote no file",
                         j->codec->encoder);
    j->row.bytes = (uint64_t)st.st_size;
    return NENC_OK;
}

static nenc_status decode(job *j, nenc_signal *decoded)
{
    const nenc_command_values values = { 0 };
    NENC_TRY(name_file(j, j->out, j->codec->decode, "out"));
    const nenc_status status = run_command(j, j->codec->decode,
                                           j->codec->decoder, &values,
                                           &j->row.decode);
    return status != NENC_OK ? status
         : nenc_signal_load(decoded, j->source->media, j->out, j->diag);
}

/* One metric of another program's; the decoded picture is in `png`. */
static nenc_status measure_outside(job *j, const nenc_outside_metric *m,
                                   const char *png, double *value)
{
    char in[NENC_CACHE_PATH];
    nenc_buffer text;
    NENC_TRY(nenc_source_copy(j->source, "png", in, j->diag));
    const nenc_command_values values = { .in = in, .out = png };
    nenc_status st = run_command(j, m->command, m->program, &values, NULL);
    if (st != NENC_OK)
        return st;
    nenc_buffer_init(&text, 1 << 20);
    st = nenc_file_load(&text, j->log, j->diag);
    nenc_buffer_u8(&text, 0);
    if (st >= 0 && (text.failed
        || !nenc_outside_parse(m, (const char *)text.data, value)))
        st = nenc_fail(j->diag, NENC_EIO, "%s printed no value", m->program);
    nenc_buffer_free(&text);
    return st;
}

static nenc_status measure_all_outside(job *j, const nenc_signal *decoded,
                                       size_t at)
{
    char png[NENC_CACHE_PATH + 32];
    if (!j->run->n_outside)
        return NENC_OK;
    snprintf(png, sizeof png, "%s/metric.png", j->folder);
    NENC_TRY(nenc_picture_save(&decoded->image, png, j->diag));
    for (size_t i = 0; i < j->run->n_outside; i++) {
        const nenc_status st = measure_outside(j, &j->run->outside[i], png,
                                               &j->row.metrics[at + i]);
        if (st != NENC_OK)
            return st;
    }
    return NENC_OK;
}

static nenc_status compare(job *j, nenc_signal *decoded)
{
    char in[NENC_CACHE_PATH];
    const char *const *keys;
    const bool is_picture = j->source->media == NENC_EVAL_PICTURE;
    const size_t n = nenc_signal_metrics(j->source->media, &keys);
    nenc_signal original;
    /* the working copy is what the codec saw */
    NENC_TRY(nenc_source_copy(j->source, is_picture ? "pnm" : "wav", in,
                              j->diag));
    NENC_TRY(nenc_signal_load(&original, j->source->media, in, j->diag));
    const nenc_status st = nenc_signal_compare(j->row.metrics,
                                               j->source->media, &original,
                                               decoded, j->diag);
    nenc_signal_free(&original);
    return st < 0 ? st : measure_all_outside(j, decoded, n);
}

static nenc_status run_job(job *j, const nenc_cache_key *key)
{
    const nenc_eval_table *t = j->run->table;
    nenc_signal decoded = { 0 };
    for (size_t i = 0; i < NENC_EVAL_METRICS_MAX; i++)
        j->row.metrics[i] = NAN;
    nenc_status st = encode(j);
    if (st == NENC_OK)
        st = decode(j, &decoded);
    if (st == NENC_OK)
        st = compare(j, &decoded);
    if (st == NENC_OK)
        st = nenc_cache_store(j->run->cache, key, t->metrics, t->n_metrics,
                              &j->row, j->coded, j->diag);
    nenc_signal_free(&decoded);
    j->row.is_done = st == NENC_OK;
    return st;
}

/* ----------------------------------------------------------------- all jobs */

static void note_failure(state *s, const job *j, const char *why)
{
    nenc_eval_run *run = s->run;
    nenc_arena *arena = &run->table->arena;
    nenc_eval_failure *list = nenc_arena_grow(arena, run->failures,
                                              run->n_failures,
                                              &s->failures_room, sizeof *list);
    if (!list) {
        s->status = NENC_ENOMEM;
        return;
    }
    run->failures = list;
    list[run->n_failures++] = (nenc_eval_failure){
        j->codec->label, j->q, j->source->name,
        nenc_arena_strdup(arena, why, strlen(why)) };
    s->progress.n_failed++;
}

static void work(void *user, int worker, size_t first, size_t end)
{
    state *s = user;
    nenc_eval_run *run = s->run;
    const nenc_eval_table *t = run->table;
    for (size_t k = first; k < end && !*run->stop; k++) {
        const size_t item = k / t->n_points, point = k % t->n_points;
        const nenc_cache_key key = nenc_eval_key(run, point, item);
        nenc_diag diag = { NENC_OK, "" };
        nenc_status st = NENC_OK;
        job j;
        job_init(&j, run, (size_t)worker, point, item, &diag);
        const bool is_cached = nenc_cache_load(run->cache, &key, t->metrics,
                                               t->n_metrics, &j.row);
        if (!is_cached)
            st = run_job(&j, &key);
        pthread_mutex_lock(&s->lock);
        *nenc_eval_row_at(t, point, item) = j.row;
        if (st != NENC_OK && !*run->stop)
            note_failure(s, &j, st < 0 ? diag.text
                         : "the process that runs programs was killed");
        s->progress.n_done += st == NENC_OK;
        s->progress.n_cached += is_cached;
        s->progress.seconds = now() - s->start;
        if (run->progress)
            run->progress(run->user, &s->progress);
        pthread_mutex_unlock(&s->lock);
        nenc_arena_free(&j.arena);
    }
}

nenc_status nenc_eval_measure(nenc_eval_run *run, nenc_diag *diag)
{
    state s = { .run = run, .start = now() };
    nenc_pool *pool;
    char path[NENC_CACHE_PATH];
    s.progress.n_jobs = run->table->n_points * run->table->n_items;
    for (size_t i = 0; i < run->n_launchers; i++) {
        snprintf(path, sizeof path, "%.900s/w%zu", run->folder, i);
        if (mkdir(path, 0777) && errno != EEXIST)
            return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    }
    NENC_TRY(nenc_pool_open(&pool, (int)run->n_launchers));
    pthread_mutex_init(&s.lock, NULL);
    nenc_pool_run(pool, s.progress.n_jobs, 1, work, &s);
    pthread_mutex_destroy(&s.lock);
    nenc_pool_close(pool);
    if (s.status < 0)
        return nenc_fail(diag, s.status, "out of memory");
    return *run->stop ? NENC_END : NENC_OK;
}

static nenc_status copy_file(const char *from, const char *to, nenc_diag *diag)
{
    nenc_buffer bytes;
    nenc_buffer_init(&bytes, (size_t)1 << 31);
    nenc_status st = nenc_file_load(&bytes, from, diag);
    if (st >= 0)
        st = nenc_file_save(to, bytes.data, bytes.size, diag);
    nenc_buffer_free(&bytes);
    return st;
}

nenc_status nenc_eval_decode(const nenc_eval_run *run, size_t worker,
                             size_t point, size_t item, nenc_signal *decoded,
                             nenc_diag *diag)
{
    const nenc_cache_key key = nenc_eval_key(run, point, item);
    char kept[NENC_CACHE_PATH];
    job j;
    memset(decoded, 0, sizeof *decoded);
    job_init(&j, run, worker, point, item, diag);
    nenc_status st = name_file(&j, j.coded, j.codec->encode, "coded");
    nenc_cache_path(run->cache, &key, ".coded", kept);
    if (st >= 0)
        st = copy_file(kept, j.coded, diag);
    if (st >= 0)
        st = decode(&j, decoded);
    nenc_arena_free(&j.arena);
    return st;
}
