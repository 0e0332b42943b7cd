/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures and sounds to look at, as data URIs.  What a codec gave back is
 * kept beside its row, so that the next report need not decode it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "json.h"
#include "picture_file.h"
#include "pool.h"
#include "report.h"

enum { RATES = 3, VIEWS_MAX = 4096, SOUND_SECONDS = 10 };

/* One data URI: item, and point or SIZE_MAX for the original. */
typedef struct view {
    size_t item, point;
    char path[NENC_CACHE_PATH];   /* the file that is shown */
    nenc_status status;
    nenc_diag diag;
} view;

typedef struct views {
    const nenc_eval_run *run;
    unsigned side;
    view *list;
    size_t n;
} views;

static void put_base64(nenc_buffer *out, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t n = NENC_MIN(size - i, (size_t)3);
        const uint32_t v = (uint32_t)data[i] << 16
                         | (n > 1 ? (uint32_t)data[i + 1] << 8 : 0)
                         | (n > 2 ? data[i + 2] : 0);
        char text[4] = { digits[v >> 18], digits[v >> 12 & 63],
                         n > 1 ? digits[v >> 6 & 63] : '=',
                         n > 2 ? digits[v & 63] : '=' };
        nenc_buffer_put(out, text, 4);
    }
}

/* The middle of a picture, without copying. */
static nenc_image middle(const nenc_image *image, unsigned side)
{
    nenc_image part = *image;
    part.width = NENC_MIN(image->width, side);
    part.height = NENC_MIN(image->height, side);
    part.data += (image->height - part.height) / 2 * image->stride
               + (image->width - part.width) / 2 * image->channels;
    return part;
}

static nenc_sound middle_of_sound(const nenc_sound *sound)
{
    const uint64_t most = (uint64_t)SOUND_SECONDS * sound->rate;
    nenc_sound part = *sound;
    if (sound->frames > most) {
        part.frames = most;
        part.data += (sound->frames - most) / 2 * sound->channels;
    }
    return part;
}

static nenc_status save(const views *v, const nenc_signal *signal,
                        const char *path, nenc_diag *diag)
{
    if (v->run->table->media == NENC_EVAL_SOUND) {
        const nenc_sound part = middle_of_sound(&signal->sound);
        return nenc_sound_write(&part, path, diag);
    }
    const nenc_image part = middle(&signal->image, v->side);
    return nenc_picture_save(&part, path, diag);
}

static const char *kind_of(const views *v)
{
    return v->run->table->media == NENC_EVAL_SOUND ? "flac" : "png";
}

static void original_path(const views *v, view *w)
{
    snprintf(w->path, sizeof w->path, "%.900s/view-%zu.%s", v->run->folder,
             w->item, kind_of(v));
}

static void decoded_path(const views *v, view *w)
{
    char suffix[48];
    const nenc_cache_key key = nenc_eval_key(v->run, w->point, w->item);
    snprintf(suffix, sizeof suffix, ".view-%u.%s", v->side, kind_of(v));
    nenc_cache_path(v->run->cache, &key, suffix, w->path);
}

/* A view that is kept is right unless its row was measured anew since. */
static bool is_kept(const views *v, const view *w)
{
    const nenc_cache_key key = nenc_eval_key(v->run, w->point, w->item);
    char row[NENC_CACHE_PATH];
    struct stat a, b;
    nenc_cache_path(v->run->cache, &key, ".row", row);
    return !stat(w->path, &a) && !stat(row, &b)
        && (a.st_mtim.tv_sec > b.st_mtim.tv_sec
            || (a.st_mtim.tv_sec == b.st_mtim.tv_sec
                && a.st_mtim.tv_nsec >= b.st_mtim.tv_nsec));
}

static void make_view(void *user, int worker, size_t first, size_t end)
{
    const views *v = user;
    for (size_t i = first; i < end; i++) {
        view *w = &v->list[i];
        const bool is_original = w->point == SIZE_MAX;
        char temporary[NENC_CACHE_PATH];
        nenc_signal signal = { 0 };
        (is_original ? original_path : decoded_path)(v, w);
        if (*v->run->stop)
            return;
        if (!is_original && is_kept(v, w))
            continue;
        w->status = is_original
            ? nenc_signal_load(&signal, v->run->table->media,
                               v->run->sources[w->item].path, &w->diag)
            : nenc_eval_decode(v->run, (size_t)worker, w->point, w->item,
                               &signal, &w->diag);
        snprintf(temporary, sizeof temporary, "%.900s/w%d/view.%s",
                 v->run->folder, worker, kind_of(v));
        if (w->status == NENC_OK)
            w->status = save(v, &signal, temporary, &w->diag);
        if (w->status == NENC_OK && rename(temporary, w->path))
            w->status = nenc_fail(&w->diag, NENC_EIO, "%s: cannot be written",
                                  w->path);
        nenc_signal_free(&signal);
    }
}

/* The point of a codec on which an item's rate is nearest, or SIZE_MAX. */
static size_t nearest(const nenc_eval_table *t, size_t codec, size_t item,
                      double rate)
{
    double best = INFINITY;
    size_t found = SIZE_MAX;
    for (size_t p = 0; p < t->n_points; p++) {
        const nenc_eval_row *row = nenc_eval_row_at(t, p, item);
        if (t->points[p].codec != codec || !row->is_done)
            continue;
        const double off = fabs(log(nenc_eval_rate(t, (double)row->bytes,
                                                   t->items[item].amount)
                                    / rate));
        if (off < best) {
            best = off;
            found = p;
        }
    }
    return found;
}

/* Rates to compare at: a sixth, a half and five sixths along the points of the
 * first codec that has some. */
static size_t pick_rates(const nenc_eval_table *t, size_t item,
                         double rates[RATES])
{
    double all[NENC_POINTS_MAX];
    size_t n = 0, codec = 0;
    for (size_t p = 0; p < t->n_points && n < NENC_POINTS_MAX; p++) {
        const nenc_eval_row *row = nenc_eval_row_at(t, p, item);
        if (!n)
            codec = t->points[p].codec;
        if (t->points[p].codec == codec && row->is_done)
            all[n++] = nenc_eval_rate(t, (double)row->bytes,
                                      t->items[item].amount);
    }
    for (size_t i = 0; n && i < RATES; i++)
        rates[i] = all[n * (2 * i + 1) / (2 * RATES)];
    return n ? RATES : 0;
}

static bool is_picked(const views *v, size_t from, size_t point)
{
    for (size_t i = from; i < v->n; i++)
        if (v->list[i].point == point)
            return true;
    return false;
}

static void pick(views *v, size_t item)
{
    const nenc_eval_table *t = v->run->table;
    double rates[RATES];
    const size_t n = pick_rates(t, item, rates), from = v->n;
    if (!n || v->n == VIEWS_MAX)
        return;
    v->list[v->n++] = (view){ .item = item, .point = SIZE_MAX };
    for (size_t c = 0; c < t->n_codecs; c++)
        for (size_t i = 0; i < n; i++) {
            const size_t p = nearest(t, c, item, rates[i]);
            if (p != SIZE_MAX && !is_picked(v, from, p) && v->n < VIEWS_MAX)
                v->list[v->n++] = (view){ .item = item, .point = p };
        }
}

static nenc_status put_uri(const views *v, const view *w, nenc_buffer *out,
                           nenc_diag *diag)
{
    nenc_buffer file;
    nenc_buffer_init(&file, (size_t)1 << 30);
    const nenc_status st = nenc_file_load(&file, w->path, diag);
    nenc_put_format(out, "\"data:%s;base64,",
                    v->run->table->media == NENC_EVAL_SOUND ? "audio/flac"
                                                            : "image/png");
    put_base64(out, file.data, file.size);
    nenc_json_put(out, "\"");
    nenc_buffer_free(&file);
    return st;
}

static void put_facts(const views *v, const view *w, nenc_buffer *out)
{
    const nenc_source *s = &v->run->sources[w->item];
    const unsigned width = NENC_MIN(s->width, v->side);
    const unsigned height = NENC_MIN(s->height, v->side);
    nenc_json_put(out, "{\"item\": ");
    nenc_json_put_string(out, s->name);
    if (v->run->table->media == NENC_EVAL_SOUND)
        nenc_put_format(out, ", \"rate_hz\": %u, \"channels\": %u, "
                        "\"seconds\": %.3f", s->rate, s->channels,
                        fmin(s->amount, SOUND_SECONDS));
    else
        nenc_put_format(out, ", \"width\": %u, \"height\": %u", width, height);
    if (s->rate && s->amount > SOUND_SECONDS)
        nenc_put_format(out, ", \"note\": \"the middle of %.1f s\"",
                        s->amount);
    if (width < s->width || height < s->height)
        nenc_put_format(out, ", \"note\": \"the middle of %ux%u\"", s->width,
                        s->height);
    nenc_json_put(out, ",\n \"original\": ");
}

static nenc_status put_coded(const views *v, const view *w, bool is_first,
                             nenc_buffer *out, nenc_diag *diag)
{
    const nenc_eval_table *t = v->run->table;
    const nenc_eval_row *row = nenc_eval_row_at(t, w->point, w->item);
    nenc_json_put(out, is_first ? "\n  {\"codec\": " : ",\n  {\"codec\": ");
    nenc_json_put_string(out, t->codecs[t->points[w->point].codec]);
    nenc_json_put(out, ", \"q\": ");
    nenc_json_put_string(out, t->points[w->point].q);
    nenc_json_put(out, ", \"rate\": ");
    nenc_put_number(out, nenc_eval_rate(t, (double)row->bytes,
                                        t->items[w->item].amount));
    nenc_json_put(out, ", \"metrics\": ");
    nenc_put_metrics(out, t, row);
    nenc_json_put(out, ", \"src\": ");
    NENC_TRY(put_uri(v, w, out, diag));
    nenc_json_put(out, "}");
    return NENC_OK;
}

static nenc_status put_views(const views *v, nenc_buffer *out,
                             nenc_diag *diag)
{
    nenc_json_put(out, "[");
    for (size_t i = 0; i < v->n;) {
        const view *original = &v->list[i];
        nenc_json_put(out, i ? ",\n" : "\n");
        put_facts(v, original, out);
        NENC_TRY(put_uri(v, original, out, diag));
        nenc_json_put(out, ",\n \"coded\": [");
        const size_t first = ++i;
        for (; i < v->n && v->list[i].point != SIZE_MAX; i++)
            NENC_TRY(put_coded(v, &v->list[i], i == first, out, diag));
        nenc_json_put(out, "]}");
    }
    nenc_json_put(out, "]");
    return NENC_OK;
}

nenc_status nenc_report_views(const nenc_eval_run *run, size_t n_items,
                              unsigned side, nenc_buffer *out,
                              nenc_diag *diag)
{
    views v = { .run = run, .side = side };
    nenc_pool *pool;
    v.list = nenc_mem_zalloc(VIEWS_MAX, sizeof *v.list);
    nenc_status st = v.list ? NENC_OK
                   : nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; st >= 0 && i < run->table->n_items && i < n_items; i++)
        pick(&v, i);
    if (st >= 0)
        st = nenc_pool_open(&pool, (int)run->n_launchers);
    if (st >= 0) {
        nenc_pool_run(pool, v.n, 1, make_view, &v);
        nenc_pool_close(pool);
    }
    for (size_t i = 0; st >= 0 && i < v.n; i++)
        if (v.list[i].status < 0)
            st = nenc_fail(diag, NENC_EIO, "%s", v.list[i].diag.text);
    if (st >= 0 && *run->stop)
        st = NENC_END;
    if (st == NENC_OK)
        st = put_views(&v, out, diag);
    if (st >= 0 && out->failed)
        st = nenc_fail(diag, NENC_ELIMIT, "over %zu bytes to look at",
                       out->ceiling);
    nenc_mem_free(v.list);
    return st;
}
