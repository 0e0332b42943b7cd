/* SPDX-License-Identifier: BSD-2-Clause */
/* Listing files and folders. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_report.h"
#include "media.h"
#include "neval_items.h"
#include "sound.h"

enum { DEPTH_MAX = 32, PATH_LENGTH = 4096 };

static nenc_status no_memory(void)
{
    return app_fail(NULL, NENC_ENOMEM, "out of memory");
}

static bool is_picture(const char *path)
{
    const nenc_media_format *f = nenc_media_by_suffix(path);
    return f && f->read;
}

static nenc_status add(neval_items *items, const char *path)
{
    neval_item *list = nenc_arena_grow(&items->arena, items->list, items->n,
                                       &items->room, sizeof *list);
    if (!list)
        return no_memory();
    items->list = list;
    char *copy = nenc_arena_strdup(&items->arena, path, strlen(path));
    if (!copy)
        return no_memory();
    list[items->n++].path = copy;
    return NENC_OK;
}

static nenc_status add_folder(neval_items *items, const char *folder,
                              bool recursive, int depth)
{
    const struct dirent *entry;
    nenc_status status = NENC_OK;
    DIR *dir = opendir(folder);
    if (!dir)
        return app_fail(folder, NENC_EIO, "%s", strerror(errno));
    while (status >= 0 && (entry = readdir(dir))) {
        char path[PATH_LENGTH];
        struct stat st, link;
        const int n = snprintf(path, sizeof path, "%s/%s", folder,
                               entry->d_name);
        if (entry->d_name[0] == '.' || n >= PATH_LENGTH || stat(path, &st)
            || lstat(path, &link))
            continue;
        /* no folder twice, by way of a link */
        if (S_ISDIR(link.st_mode) && recursive && depth < DEPTH_MAX)
            status = add_folder(items, path, true, depth + 1);
        else if (S_ISREG(st.st_mode)
                 && (is_picture(path) || nenc_sound_is_path(path)))
            status = add(items, path);
    }
    closedir(dir);
    return status;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int by_base(const void *a, const void *b)
{
    const neval_item *x = a, *y = b;
    const int order = strcmp(base_of(x->path), base_of(y->path));
    return order ? order : strcmp(x->path, y->path);
}

static int by_name(const void *a, const void *b)
{
    const neval_item *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void name_all(neval_items *items)
{
    neval_item *list = items->list;
    qsort(list, items->n, sizeof *list, by_base);
    for (size_t i = 0; i < items->n; i++) {
        const char *base = base_of(list[i].path);
        const bool is_alone =
            (i == 0 || strcmp(base, base_of(list[i - 1].path)))
            && (i + 1 == items->n || strcmp(base, base_of(list[i + 1].path)));
        list[i].name = is_alone ? base : list[i].path;
    }
    qsort(list, items->n, sizeof *list, by_name);
}

static nenc_status check(neval_items *items)
{
    size_t n_sounds = 0;
    for (size_t i = 0; i < items->n; i++) {
        n_sounds += nenc_sound_is_path(items->list[i].path);
        if (i && !strcmp(items->list[i].name, items->list[i - 1].name))
            return app_fail(items->list[i].path, NENC_EINVAL, "named twice");
    }
    if (n_sounds && n_sounds < items->n)
        return app_fail(NULL, NENC_EINVAL, "%zu sounds among pictures: "
                        "measure them apart", n_sounds);
    items->media = n_sounds ? NENC_EVAL_SOUND : NENC_EVAL_PICTURE;
    return items->n ? NENC_OK
                    : app_fail(NULL, NENC_EINVAL, "no pictures or sounds there");
}

nenc_status neval_items_find(neval_items *items, char *const *paths, size_t n,
                             bool recursive)
{
    memset(items, 0, sizeof *items);
    nenc_arena_init(&items->arena, (size_t)1 << 30);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(paths[i], &st))
            return app_fail(paths[i], NENC_EIO, "%s", strerror(errno));
        NENC_TRY(S_ISDIR(st.st_mode)
                 ? add_folder(items, paths[i], recursive, 0)
                 : add(items, paths[i]));
    }
    name_all(items);
    return check(items);
}

nenc_status neval_items_shard(neval_items *items, const char *text)
{
    unsigned part, parts;
    char end;
    size_t kept = 0;
    if (!text)
        return NENC_OK;
    if (sscanf(text, "%6u/%6u%c", &part, &parts, &end) != 2 || part < 1
        || part > parts)
        return app_fail(NULL, NENC_EINVAL,
                        "--shard takes I/N, I from 1 to N, not '%s'", text);
    for (size_t i = 0; i < items->n; i++)
        if (i % parts == part - 1)
            items->list[kept++] = items->list[i];
    items->n = kept;
    return kept ? NENC_OK : app_fail(NULL, NENC_EINVAL, "--shard %s: there are "
                                     "fewer files than that", text);
}

void neval_items_free(neval_items *items)
{
    nenc_arena_free(&items->arena);
}
