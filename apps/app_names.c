/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of outputs, and that no two files share one.  Nothing else. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_names.h"
#include "app_report.h"
#include "media.h"

bool app_names_many(const app_common *c)
{
    return c->n_inputs > 1 || (strcmp(c->input, "-") && app_is_folder(c->input));
}

bool app_names_folder(const char *output)
{
    const size_t n = strlen(output);
    return strcmp(output, "-")
           && ((n && output[n - 1] == '/') || app_is_folder(output));
}

static int no_memory(void)
{
    return app_exit_code(app_fail(NULL, NENC_ENOMEM, "out of memory"));
}

/* ------------------------------------------------------------------ misuse */

static bool has_known_suffix(const char *path)
{
    const char *base = app_base(path);
    const char *dot = strrchr(base, '.');
    return dot && (nenc_media_by_suffix(base) || !strcmp(dot, ".nenc"));
}

/* @return 0 or the exit code */
static int check_many(const app_naming *nm)
{
    const app_common *c = nm->common;
    const char *out = nm->suffix ? nm->output : NULL;
    struct stat st;
    for (int i = 0; i < c->n_inputs; i++)
        if (!strcmp(c->inputs[i], "-"))
            return app_misuse("standard input is coded alone");
    if (!out || app_names_folder(out))
        return 0;
    if (!strcmp(out, "-"))
        return app_misuse("several inputs do not go to standard output");
    if (!stat(out, &st))
        return app_misuse("several inputs need a folder, and '%s' is a file",
                          out);
    if (has_known_suffix(out))
        return app_misuse("several inputs need a folder: if that is '%s', "
                          "say '%s/'", out, out);
    return 0;
}

/* ------------------------------------------------------------------- names */

/* "FOLDER/NAME", NAME's suffix replaced; without a folder NAME alone.
 * NULL = out of memory. */
static const char *make_name(nenc_arena *arena, const char *folder,
                             const char *name, const char *suffix)
{
    char *end = app_with_suffix(name, suffix);
    const size_t n = folder ? strlen(folder) : 0;
    const size_t size = n + (end ? strlen(end) : 0) + 2;
    char *out = end ? nenc_arena_zalloc(arena, size, 1) : NULL;
    if (out)
        snprintf(out, size, "%s%s%s", n ? folder : "",
                 n && folder[n - 1] != '/' ? "/" : "", end);
    free(end);
    return out;
}

/* @return false when out of memory */
static bool name_all(app_files *files, const char *folder, const char *suffix)
{
    for (size_t i = 0; i < files->n; i++) {
        app_file *f = &files->list[i];
        f->output = make_name(&files->arena, folder,
                              folder ? f->rest : f->path, suffix);
        if (!f->output)
            return false;
    }
    return true;
}

static int name_one(app_files *files, const app_naming *nm)
{
    const char *input = files->list[0].path;
    const bool is_stdin = !strcmp(input, "-");
    const bool in_folder = nm->output && app_names_folder(nm->output);
    if (!nm->suffix)
        return 0;
    if (is_stdin && in_folder)
        return app_misuse("standard input has no name: what in '%s'?",
                          nm->output);
    if (nm->output && !in_folder)
        files->list[0].output = nm->output;
    else if (is_stdin)
        files->list[0].output = "-";
    else if (!name_all(files, nm->output, nm->suffix))
        return no_memory();
    files->makes_folders = in_folder;
    return 0;
}

/* ----------------------------------------------------------------- clashes */

/* A file that is read or written. */
typedef struct place {
    const char *name;         /* links among its folders resolved */
    const app_file *file;
    bool is_output;
} place;

/* The folder of the last path that was resolved: the next is often the same. */
typedef struct last_folder {
    char *name, *real;
} last_folder;

/* NULL = out of memory.  Where the folder is not there, the path as it is. */
static const char *resolve(nenc_arena *arena, last_folder *last,
                           const char *path)
{
    const char *base = app_base(path);
    const size_t n = (size_t)(base - path);
    if (!last->name || strlen(last->name) != n || memcmp(last->name, path, n)) {
        free(last->name);
        free(last->real);
        last->name = strndup(path, n);
        last->real = realpath(n && last->name ? last->name : ".", NULL);
    }
    if (!last->real)
        return nenc_arena_strdup(arena, path, strlen(path));
    const size_t size = strlen(last->real) + strlen(base) + 2;
    char *out = nenc_arena_zalloc(arena, size, 1);
    if (out)
        snprintf(out, size, "%s/%s", last->real, base);
    return out;
}

/* By name; outputs before inputs, and else as they came. */
static int by_name(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    if (order || x->is_output != y->is_output)
        return order ? order : y->is_output - x->is_output;
    return x->file < y->file ? -1 : x->file > y->file;
}

static nenc_status find_clash(place *places, size_t n)
{
    qsort(places, n, sizeof *places, by_name);
    for (size_t i = 0; i + 1 < n; i++) {
        const place *a = &places[i], *b = &places[i + 1];
        if (!a->is_output || strcmp(a->name, b->name))
            continue;
        if (b->is_output)
            return app_fail(b->file->path, NENC_EINVAL,
                            "would be written to %s, as would %s",
                            b->file->output, a->file->path);
        return app_fail(a->file->path, NENC_EINVAL,
                        "would be written to %s, which is an input",
                        a->file->output);
    }
    return NENC_OK;
}

static nenc_status check_clashes(app_files *files)
{
    const size_t n = files->n;
    last_folder in = { NULL, NULL }, out = { NULL, NULL };
    place *places = nenc_arena_zalloc(&files->arena, n, 2 * sizeof *places);
    bool ok = places != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        const app_file *f = &files->list[i];
        places[i] = (place){ resolve(&files->arena, &in, f->path), f, false };
        places[n + i] = (place){ resolve(&files->arena, &out, f->output), f,
                                 true };
        ok = places[i].name && places[n + i].name;
    }
    free(in.name);
    free(in.real);
    free(out.name);
    free(out.real);
    return ok ? find_clash(places, 2 * n)
              : app_fail(NULL, NENC_ENOMEM, "out of memory");
}

/* -------------------------------------------------------------------- both */

static int find_many(app_files *files, const app_naming *nm)
{
    if (!files->n && !files->n_failed)
        return app_exit_code(app_fail(NULL, NENC_EIO, "no %s there", nm->what));
    if (!nm->suffix)
        return 0;
    if (!name_all(files, nm->output, nm->suffix))
        return no_memory();
    files->makes_folders = nm->output != NULL;
    return app_exit_code(check_clashes(files));
}

int app_names_find(app_files *files, const app_naming *nm)
{
    const app_common *c = nm->common;
    const bool is_many = app_names_many(c);
    const int rc = is_many ? check_many(nm) : 0;
    memset(files, 0, sizeof *files);
    if (rc)
        return rc;
    if (app_files_find(files, c->inputs, (size_t)c->n_inputs, nm->wanted,
                       c->recursive) < 0)
        return app_exit_code(NENC_ENOMEM);
    files->is_many = is_many;
    return is_many ? find_many(files, nm) : name_one(files, nm);
}
