/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures or sounds, each with a name of its own.
 * Not here: listing folders (app_files.c). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_report.h"
#include "media.h"
#include "neval_items.h"
#include "sound.h"

static bool is_wanted(const char *path)
{
    const nenc_media_format *f = nenc_media_by_suffix(path);
    return (f && f->read) || nenc_sound_is_path(path);
}

static int by_base(const void *a, const void *b)
{
    const neval_item *x = a, *y = b;
    const int order = strcmp(app_base(x->path), app_base(y->path));
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
    if (!items->n)
        return;
    qsort(list, items->n, sizeof *list, by_base);
    for (size_t i = 0; i < items->n; i++) {
        const char *base = app_base(list[i].path);
        const bool is_alone =
            (i == 0 || strcmp(base, app_base(list[i - 1].path)))
            && (i + 1 == items->n || strcmp(base, app_base(list[i + 1].path)));
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
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(paths[i], &st))
            return app_fail(paths[i], NENC_EIO, "%s", strerror(errno));
    }
    NENC_TRY(app_files_find(&items->files, paths, n, is_wanted, recursive));
    NENC_TRY(items->files.status);
    items->list = nenc_arena_zalloc(&items->files.arena, items->files.n,
                                    sizeof *items->list);
    if (!items->list)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    items->n = items->files.n;
    for (size_t i = 0; i < items->n; i++)
        items->list[i].path = items->files.list[i].path;
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
    app_files_free(&items->files);
}
