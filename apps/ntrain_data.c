/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures to train on, and crops of them.  Not here: what becomes of them. */
#include <stdlib.h>
#include <string.h>

#include "app_files.h"
#include "app_report.h"
#include "media.h"
#include "ntrain.h"
#include "picture_file.h"
#include "random.h"

enum { HELD_OUT = 10 };

static bool is_picture(const char *path)
{
    return nenc_media_by_suffix(path) != NULL;
}

/* Gray, alpha and 16 bits become 8-bit colours. */
static nenc_status to_colours(nenc_image *im)
{
    nenc_image out = { 0 };
    NENC_TRY(nenc_image_alloc(&out, im->width, im->height, 3, 8));
    const size_t step = im->channels, colour = step >= 3;
    for (size_t y = 0; y < im->height; y++) {
        const uint8_t *s = im->data + y * im->stride;
        const uint16_t *deep = (const uint16_t *)(const void *)s;
        uint8_t *d = out.data + y * out.stride;
        for (size_t i = 0; i < 3 * (size_t)im->width; i++) {
            const size_t at = i / 3 * step + i % 3 * colour;
            d[i] = im->bits == 16 ? (uint8_t)((deep[at] * 255u + 32767u)
                                              / 65535u) : s[at];
        }
    }
    nenc_image_free(im);
    *im = out;
    return NENC_OK;
}

static nenc_status add(ntrain_pictures *p, const nenc_image *image)
{
    if (p->n == p->room) {
        const size_t room = p->room ? 2 * p->room : 64;
        nenc_image *list = realloc(p->list, room * sizeof *list);
        if (!list)
            return NENC_ENOMEM;
        p->list = list;
        p->room = room;
    }
    p->list[p->n++] = *image;
    return NENC_OK;
}

static nenc_status load_one(ntrain_pictures *p, const char *path, size_t side,
                            size_t *left)
{
    nenc_diag diag = { NENC_OK, "" };
    nenc_image image;
    nenc_status st = nenc_picture_load(&image, path, &diag);
    if (st < 0)
        return st == NENC_ENOMEM ? app_fail_diag(path, st, &diag)
                                 : (app_warn(path, "%s", diag.text), NENC_OK);
    const size_t bytes = (size_t)image.width * image.height * 3;
    if (image.width < side || image.height < side || bytes > *left) {
        nenc_image_free(&image);
        return image.width < side || image.height < side ? NENC_OK : NENC_END;
    }
    st = to_colours(&image);
    if (st >= 0)
        st = add(p, &image);
    if (st < 0) {
        nenc_image_free(&image);
        return app_fail(path, st, "out of memory");
    }
    *left -= bytes;
    return NENC_OK;
}

nenc_status ntrain_load(ntrain_pictures *p, const app_list *folders,
                        const app_common *common, size_t side,
                        size_t max_bytes)
{
    app_files files;
    app_progress progress;
    size_t left = max_bytes, i = 0;
    char *paths[64];
    for (int k = 0; k < folders->n; k++)
        paths[k] = (char *)(uintptr_t)folders->text[k];
    nenc_status st = app_files_find(&files, paths, (size_t)folders->n,
                                    is_picture, common->recursive);
    app_progress_init(&progress, "reading pictures", common->quiet);
    for (; st == NENC_OK && i < files.n; i++) {
        st = load_one(p, files.list[i].path, side, &left);
        app_progress_show(&progress, (double)i / (double)files.n);
    }
    app_progress_end(&progress);
    if (st == NENC_END)
        app_warn(folders->text[0], "memory holds %zu of %zu pictures: give "
                 "more with --max-memory", p->n, files.n);
    app_files_free(&files);
    if (st >= 0 && !p->n)
        return app_fail(folders->text[0], NENC_EINVAL,
                        "no picture of %zu pixels a side or more", side);
    return st < 0 ? st : NENC_OK;
}

void ntrain_pictures_free(ntrain_pictures *p)
{
    for (size_t i = 0; i < p->n; i++)
        nenc_image_free(&p->list[i]);
    free(p->list);
    *p = (ntrain_pictures){ 0 };
}

nenc_status ntrain_split(ntrain_pictures *from, ntrain_pictures *to)
{
    size_t kept = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (i % HELD_OUT != HELD_OUT / 2) {
            from->list[kept++] = from->list[i];
        } else if (add(to, &from->list[i]) < 0) {
            return app_fail("ntrain", NENC_ENOMEM, "out of memory");
        }
    }
    from->n = kept;
    return NENC_OK;
}

static size_t below(size_t n, uint64_t *rng)
{
    return (size_t)(nenc_random_next(rng) * (double)n);
}

void ntrain_crops(float *x, size_t batch, size_t size,
                  const ntrain_pictures *p, uint64_t *rng)
{
    for (size_t b = 0; b < batch; b++) {
        const nenc_image *im = &p->list[below(p->n, rng)];
        const size_t y0 = below(im->height - size + 1, rng);
        const size_t x0 = below(im->width - size + 1, rng);
        const bool mirror = nenc_random_next(rng) < 0.5;
        const bool turn = nenc_random_next(rng) < 0.5;
        float *d = x + b * size * size * 3;
        for (size_t i = 0; i < size * size; i++, d += 3) {
            const size_t row = turn ? i % size : i / size;
            const size_t col = turn ? i / size : i % size;
            const uint8_t *s = im->data + (y0 + row) * im->stride
                             + 3 * (x0 + (mirror ? size - 1 - col : col));
            for (int k = 0; k < 3; k++)
                d[k] = (float)s[k] * (1.0f / 255.0f);
        }
    }
}
