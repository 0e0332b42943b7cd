/* SPDX-License-Identifier: BSD-2-Clause */
/* Listing files and folders.  Nothing else. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_files.h"
#include "app_report.h"

typedef struct finding {
    app_files *files;
    bool (*wanted)(const char *path);
    bool recursive;
    size_t skip;              /* bytes of a path before its rest */
} finding;

static nenc_status no_memory(void)
{
    return app_fail(NULL, NENC_ENOMEM, "out of memory");
}

bool app_is_folder(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

const char *app_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static nenc_status add(app_files *files, const char *path, size_t skip)
{
    app_file *list = nenc_arena_grow(&files->arena, files->list, files->n,
                                     &files->room, sizeof *list);
    if (!list)
        return no_memory();
    files->list = list;
    char *copy = nenc_arena_strdup(&files->arena, path, strlen(path));
    if (!copy)
        return no_memory();
    list[files->n++] = (app_file){ .path = copy, .rest = copy + skip };
    return NENC_OK;
}

static nenc_status add_folder(finding *f, const char *folder);

static nenc_status add_entry(finding *f, const char *path)
{
    struct stat st;
    if (lstat(path, &st))
        return NENC_OK;                    /* gone again */
    const bool is_link = S_ISLNK(st.st_mode);
    const bool is_dangling = is_link && stat(path, &st);
    if (S_ISDIR(st.st_mode))
        return f->recursive && !is_link ? add_folder(f, path) : NENC_OK;
    return (S_ISREG(st.st_mode) || is_dangling) && f->wanted(path)
         ? add(f->files, path, f->skip) : NENC_OK;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* `folder` ends in a slash. */
static nenc_status add_names(finding *f, const char *folder,
                             struct dirent *const *list, int n)
{
    nenc_status st = NENC_OK;
    for (int i = 0; i < n && st >= 0; i++) {
        const size_t size = strlen(folder) + strlen(list[i]->d_name) + 1;
        char *path = malloc(size);
        if (!path)
            return no_memory();
        snprintf(path, size, "%s%s", folder, list[i]->d_name);
        st = add_entry(f, path);
        free(path);
    }
    return st;
}

static nenc_status add_folder(finding *f, const char *folder)
{
    struct dirent **list;
    const int n = scandir(folder, &list, is_visible, alphasort);
    if (n < 0) {
        const nenc_status st = app_fail(folder, NENC_EIO, "%s",
                                        strerror(errno));
        if (!f->files->n_failed++)
            f->files->status = st;
        return NENC_OK;                    /* others may do */
    }
    const size_t size = strlen(folder) + 2;
    char *prefix = malloc(size);
    nenc_status st = prefix ? NENC_OK : no_memory();
    if (st >= 0) {
        const bool has_slash = size > 2 && folder[size - 3] == '/';
        snprintf(prefix, size, "%s%s", folder, has_slash ? "" : "/");
        f->skip = f->skip ? f->skip : strlen(prefix);
        st = add_names(f, prefix, list, n);
    }
    free(prefix);
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
    return st;
}

nenc_status app_files_find(app_files *files, char *const *paths, size_t n,
                           bool (*wanted)(const char *path), bool recursive)
{
    memset(files, 0, sizeof *files);
    nenc_arena_init(&files->arena, (size_t)1 << 30);
    for (size_t i = 0; i < n; i++) {
        finding f = { files, wanted, recursive, 0 };
        NENC_TRY(app_is_folder(paths[i])
                 ? add_folder(&f, paths[i])
                 : add(files, paths[i],
                       (size_t)(app_base(paths[i]) - paths[i])));
    }
    return NENC_OK;
}

void app_files_free(app_files *files)
{
    nenc_arena_free(&files->arena);
}

const char *app_own_folder(char *path, size_t size)
{
    const ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return NULL;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    return path;
}
