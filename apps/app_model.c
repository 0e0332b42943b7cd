/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking for codecs and model files.  Nothing else. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_files.h"
#include "app_model.h"
#include "app_options.h"
#include "app_report.h"

#define DEFAULT_MODEL "hyperprior.safetensors"
#define SUFFIX ".safetensors"

enum { MAX_PLACES = 64, MAX_PATH = 4096 };

/* Files and folders, in the order of searching. */
typedef struct places {
    char *path[MAX_PLACES];
    int n;
} places;

typedef struct search {
    places where;
    const uint64_t *id;           /* NULL = any */
    const nenc_codec_info *codec; /* NULL = any */
    const char *usual;            /* name of the file that is tried first */
    FILE *seen;                   /* for the message: what was found instead */
    char *text;
    size_t text_size;
    app_model *found;
} search;

int app_codec_find(nenc_codec_info *info, const char *name)
{
    char all[160] = "";
    size_t n = 0;
    for (size_t i = 0; nenc_codec_get(info, i); i++) {
        if (!name || !strcmp(name, info->name))
            return 0;
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "",
                              info->name);
        if (n >= sizeof all)
            n = sizeof all - 1;
    }
    return app_misuse("there is no codec '%s'; there are: %s", name, all);
}

const char *app_model_place(const app_model *m)
{
    return m->path ? m->path : "no file needed";
}

/* Whether both are the same existing file or folder. */
static bool is_same(const char *a, const char *b)
{
    struct stat x, y;
    return !strcmp(a, b)
           || (!stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev
               && x.st_ino == y.st_ino);
}

static void add_place(places *p, const char *path, size_t size)
{
    char text[MAX_PATH];
    if (!size || size >= sizeof text || p->n == MAX_PLACES)
        return;
    memcpy(text, path, size);
    text[size] = '\0';
    for (int i = 0; i < p->n; i++)
        if (is_same(p->path[i], text))
            return;
    p->path[p->n] = strdup(text);
    p->n += p->path[p->n] != NULL;
}

/* Folders beside the program: one of an install that was moved, and those of
 * builds inside and beside the source tree, libtool's .libs/ included. */
static void add_near_program(places *p)
{
    static const char *const near[] = {
        "../share/nenc/models", "models", "../models", "../../models",
    };
    char exe[MAX_PATH];
    if (!app_own_folder(exe, sizeof exe))
        return;
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        char path[MAX_PATH + 32];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", exe, near[i]);
        if (!stat(path, &st) && S_ISDIR(st.st_mode))
            add_place(p, path, strlen(path));
    }
}

static void add_list(places *p, const char *list)
{
    while (list && *list) {
        const size_t n = strcspn(list, ":");
        add_place(p, list, n);
        list += n + (list[n] == ':');
    }
}

static nenc_status search_init(search *s, app_model *found, const char *option,
                               const uint64_t *id)
{
    memset(s, 0, sizeof *s);
    *found = (app_model){ NULL, NULL };
    s->found = found;
    s->usual = DEFAULT_MODEL;
    s->id = id;
    s->seen = open_memstream(&s->text, &s->text_size);
    if (!s->seen)
        return app_fail(NULL, NENC_ENOMEM, "%s", strerror(errno));
    if (option) {
        add_place(&s->where, option, strlen(option));
        return NENC_OK;
    }
    add_list(&s->where, getenv("NENC_MODEL_PATH"));
    add_place(&s->where, NENC_DATADIR "/models", strlen(NENC_DATADIR "/models"));
    add_near_program(&s->where);
    return NENC_OK;
}

static void search_free(search *s)
{
    for (int i = 0; i < s->where.n; i++)
        free(s->where.path[i]);
    if (s->seen)
        fclose(s->seen);
    free(s->text);
}

/* Open a file that is there.  Where any model will do, a broken one is an
 * error and not passed over: another would make another file.
 * @return NENC_OK; NENC_END: go on looking */
static nenc_status try_file(search *s, const char *path)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_model *model;
    const nenc_status st = nenc_model_open(&model, path, &diag);
    if (st == NENC_ENOMEM)
        return app_fail_diag(path, st, &diag);
    if (st < 0 && !s->id)
        return app_fail_diag(path, NENC_EMODEL, &diag);
    if (st < 0) {
        fprintf(s->seen, "    %s: %s\n", path,
                diag.text[0] ? diag.text : nenc_strerror(st));
        return NENC_END;
    }
    if (s->id && nenc_model_id(model) != *s->id) {
        fprintf(s->seen, "    %s: is %016llx\n", path,
                (unsigned long long)nenc_model_id(model));
        nenc_model_close(model);
        return NENC_END;
    }
    s->found->model = model;
    s->found->path = strdup(path);
    if (s->codec && strcmp(nenc_model_codec(model), s->codec->name))
        return app_fail(path, NENC_EMODEL, "a model of the codec %s, not %s",
                        nenc_model_codec(model), s->codec->name);
    return s->found->path ? NENC_OK
         : app_fail(NULL, NENC_ENOMEM, "out of memory");
}

/* A place that is a file, or the file of the usual name in a folder. */
static nenc_status try_usual(search *s, const char *place)
{
    char path[MAX_PATH + 64];
    struct stat st;
    if (stat(place, &st)) {
        fprintf(s->seen, "    %s: %s\n", place, strerror(errno));
        return NENC_END;
    }
    if (!S_ISDIR(st.st_mode))
        return try_file(s, place);
    snprintf(path, sizeof path, "%s/%s", place, s->usual);
    if (stat(path, &st)) {
        fprintf(s->seen, "    %s: %s\n", path, strerror(errno));
        return NENC_END;
    }
    return try_file(s, path);
}

static int is_other_model(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    const size_t suffix = strlen(SUFFIX);
    return n > suffix && !strcmp(entry->d_name + n - suffix, SUFFIX)
           && strcmp(entry->d_name, DEFAULT_MODEL);
}

/* All other models in a folder, by name. */
static nenc_status try_others(search *s, const char *place)
{
    struct dirent **list;
    nenc_status status = NENC_END;
    const int n = scandir(place, &list, is_other_model, alphasort);
    for (int i = 0; i < n; i++) {
        char path[MAX_PATH + 300];
        snprintf(path, sizeof path, "%s/%s", place, list[i]->d_name);
        if (status == NENC_END)
            status = try_file(s, path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return status;
}

static nenc_status try_all(search *s, bool others)
{
    nenc_status st = NENC_END;
    for (int i = 0; i < s->where.n && st == NENC_END; i++)
        st = try_usual(s, s->where.path[i]);
    for (int i = 0; others && i < s->where.n && st == NENC_END; i++)
        st = try_others(s, s->where.path[i]);
    return st;
}

static void print_seen(search *s)
{
    fflush(s->seen);
    fprintf(stderr, "  searched:\n%s"
            "  --model or NENC_MODEL_PATH can name other places.\n",
            s->text_size ? s->text : "");
}

/* No place is looked at. */
static nenc_status open_builtin(app_model *m, const char *codec)
{
    nenc_diag diag = { NENC_OK, "" };
    *m = (app_model){ NULL, NULL };
    const nenc_status st = nenc_model_builtin(&m->model, codec, &diag);
    return st < 0 ? app_fail_diag(NULL, st, &diag) : st;
}

nenc_status app_model_open_default(app_model *m, const char *option,
                                   const nenc_codec_info *codec)
{
    search s;
    if (codec && codec->builtin)
        return open_builtin(m, codec->name);
    nenc_status st = search_init(&s, m, option, NULL);
    s.codec = codec;
    if (codec && codec->default_model)
        s.usual = codec->default_model;
    if (st >= 0)
        st = try_all(&s, false);
    if (st == NENC_END) {
        st = app_fail(NULL, NENC_EMODEL, "there is no model %s", s.usual);
        print_seen(&s);
    }
    search_free(&s);
    if (st < 0)
        app_model_close(m);
    return st;
}

static nenc_status fail_id(const char *stream, const nenc_info *info)
{
    return app_fail(stream, NENC_EMODEL,
                    "needs the %s model %016llx, which was not found",
                    info->codec, (unsigned long long)info->model_id);
}

nenc_status app_model_open_id(app_model *m, const char *option,
                              const char *stream, const nenc_info *info)
{
    search s;
    if (info->builtin)
        return open_builtin(m, info->codec);
    nenc_status st = search_init(&s, m, option, &info->model_id);
    if (st >= 0)
        st = try_all(&s, true);
    if (st == NENC_END) {
        st = fail_id(stream, info);
        print_seen(&s);
    }
    search_free(&s);
    if (st < 0)
        app_model_close(m);
    return st;
}

void app_model_close(app_model *m)
{
    nenc_model_close(m->model);
    free(m->path);
    *m = (app_model){ NULL, NULL };
}

/* ------------------------------------------------------------------ sharing */

/* A model that was looked for. */
typedef struct app_models_entry {
    struct app_models_entry *next;
    app_model model;              /* NULL = not found */
    bool is_default;
    uint64_t id;                  /* where it is not the default ... */
    char codec[16];               /* ... as those without files have the same */
} entry;

void app_models_init(app_models *models, const char *option,
                     const nenc_codec_info *codec)
{
    *models = (app_models){ .option = option, .codec = codec };
    pthread_mutex_init(&models->lock, NULL);
}

void app_models_close(app_models *models)
{
    while (models->first) {
        entry *e = models->first;
        models->first = e->next;
        app_model_close(&e->model);
        free(e);
    }
    pthread_mutex_destroy(&models->lock);
}

static bool is_wanted(const entry *e, const nenc_info *info)
{
    if (!info || e->is_default)
        return !info && e->is_default;
    return e->id == info->model_id && !strcmp(e->codec, info->codec);
}

static const entry *known(const app_models *models, const nenc_info *info)
{
    const entry *e = models->first;
    while (e && !is_wanted(e, info))
        e = e->next;
    return e;
}

/* Open what has not been looked for. */
static nenc_status add(app_models *models, const app_model **m,
                       const char *stream, const nenc_info *info)
{
    entry *e = calloc(1, sizeof *e);
    if (!e)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    e->is_default = !info;
    if (info) {
        e->id = info->model_id;
        memcpy(e->codec, info->codec, sizeof e->codec);
    }
    const nenc_status st = info
        ? app_model_open_id(&e->model, models->option, stream, info)
        : app_model_open_default(&e->model, models->option, models->codec);
    if (st < 0 && st != NENC_EMODEL) {         /* may do next time */
        free(e);
        return st;
    }
    e->next = models->first;
    models->first = e;
    *m = st < 0 ? NULL : &e->model;
    return st;
}

static nenc_status get(app_models *models, const app_model **m,
                       const char *stream, const nenc_info *info)
{
    nenc_status st = NENC_OK;
    *m = NULL;
    pthread_mutex_lock(&models->lock);
    const entry *e = known(models, info);
    if (!e)
        st = add(models, m, stream, info);
    pthread_mutex_unlock(&models->lock);
    if (e && e->model.model)
        *m = &e->model;
    else if (e)
        st = info ? fail_id(stream, info)
                  : app_fail(NULL, NENC_EMODEL, "there is no model");
    return st;
}

nenc_status app_models_default(app_models *models, const app_model **m)
{
    return get(models, m, NULL, NULL);
}

nenc_status app_models_id(app_models *models, const app_model **m,
                          const char *stream, const nenc_info *info)
{
    return get(models, m, stream, info);
}
