/* SPDX-License-Identifier: BSD-2-Clause */
/* A row is a small text file: "neval-row 1", then one "name value" a line,
 * ended by "end", so that a file cut short is known. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache.h"

static const char magic[] = "neval-row 1\n";

void nenc_cache_add(nenc_sha256 *h, const char *text)
{
    nenc_sha256_update(h, text, strlen(text) + 1);
}

void nenc_cache_add_file(nenc_sha256 *h, const char *path)
{
    nenc_buffer bytes;
    nenc_buffer_init(&bytes, (size_t)1 << 30);
    if (nenc_file_load(&bytes, path, NULL) >= 0)
        nenc_sha256_update(h, bytes.data, bytes.size);
    nenc_buffer_free(&bytes);
}

/* mkdir -p */
static bool make_folders(char *path)
{
    for (char *at = path + 1; ; at++) {
        if (*at && *at != '/')
            continue;
        const char kept = *at;
        *at = 0;
        const bool ok = !mkdir(path, 0777) || errno == EEXIST;
        *at = kept;
        if (!ok || !kept)
            return ok;
    }
}

nenc_status nenc_cache_open(nenc_cache *c, const char *folder, nenc_diag *diag)
{
    memset(c, 0, sizeof *c);
    if (strlen(folder) + 256 > sizeof c->folder)
        return nenc_fail(diag, NENC_EIO, "too long a path: %s", folder);
    strcpy(c->folder, folder);
    if (!make_folders(c->folder))
        return nenc_fail(diag, NENC_EIO, "%s: %s", folder, strerror(errno));
    return NENC_OK;
}

void nenc_cache_path(const nenc_cache *c, const nenc_cache_key *key,
                     const char *suffix, char path[NENC_CACHE_PATH])
{
    int n = snprintf(path, NENC_CACHE_PATH, "%s/%02x", c->folder,
                     key->hash[0]);
    (void)mkdir(path, 0777);      /* if it fails, so will what follows */
    path[n++] = '/';
    for (size_t i = 1; i < sizeof key->hash; i++)
        n += snprintf(path + n, NENC_CACHE_PATH - (size_t)n, "%02x",
                      key->hash[i]);
    snprintf(path + n, NENC_CACHE_PATH - (size_t)n, "%s", suffix);
}

static void put_line(nenc_buffer *out, const char *name, double v)
{
    char text[96];
    const int n = snprintf(text, sizeof text, "%s %.17g\n", name, v);
    nenc_buffer_put(out, text, (size_t)n);
}

nenc_status nenc_cache_store(const nenc_cache *c, const nenc_cache_key *key,
                             const nenc_eval_metric *metrics,
                             size_t n_metrics, const nenc_eval_row *row,
                             const char *coded, nenc_diag *diag)
{
    char path[NENC_CACHE_PATH];
    nenc_buffer text;
    nenc_cache_path(c, key, ".coded", path);
    if (rename(coded, path))
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    nenc_buffer_init(&text, 1 << 16);
    nenc_buffer_put(&text, magic, strlen(magic));
    put_line(&text, "bytes", (double)row->bytes);
    put_line(&text, "encode_s", row->encode.cpu_s);
    put_line(&text, "decode_s", row->decode.cpu_s);
    put_line(&text, "encode_mib", row->encode.peak_mib);
    put_line(&text, "decode_mib", row->decode.peak_mib);
    for (size_t i = 0; i < n_metrics; i++)
        put_line(&text, metrics[i].key, row->metrics[i]);
    nenc_buffer_put(&text, "end\n", 4);
    nenc_cache_path(c, key, ".row", path);
    const nenc_status st = text.failed
        ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
        : nenc_file_save(path, text.data, text.size, diag);
    nenc_buffer_free(&text);
    return st;
}

static double *value_named(nenc_eval_row *row, const char *name,
                           const nenc_eval_metric *metrics, size_t n_metrics)
{
    if (!strcmp(name, "encode_s")) return &row->encode.cpu_s;
    if (!strcmp(name, "decode_s")) return &row->decode.cpu_s;
    if (!strcmp(name, "encode_mib")) return &row->encode.peak_mib;
    if (!strcmp(name, "decode_mib")) return &row->decode.peak_mib;
    for (size_t i = 0; i < n_metrics; i++)
        if (!strcmp(name, metrics[i].key))
            return &row->metrics[i];
    return NULL;
}

static bool read_row(FILE *file, const nenc_eval_metric *metrics,
                     size_t n_metrics, nenc_eval_row *row)
{
    char line[128], name[64], value[64];
    size_t n = 0;
    if (!fgets(line, sizeof line, file) || strcmp(line, magic))
        return false;
    while (fgets(line, sizeof line, file) && strcmp(line, "end\n")) {
        if (sscanf(line, "%63s %63s", name, value) != 2)
            return false;
        const double v = strtod(value, NULL);
        double *to = value_named(row, name, metrics, n_metrics);
        if (to)
            *to = v;
        else if (!strcmp(name, "bytes"))
            row->bytes = v >= 0 && v < 1e15 ? (uint64_t)v : 0;
        n++;
    }
    return !strcmp(line, "end\n") && n == 5 + n_metrics;
}

bool nenc_cache_load(const nenc_cache *c, const nenc_cache_key *key,
                     const nenc_eval_metric *metrics, size_t n_metrics,
                     nenc_eval_row *row)
{
    char path[NENC_CACHE_PATH];
    if (c->redo)
        return false;
    nenc_cache_path(c, key, ".row", path);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    for (size_t i = 0; i < NENC_EVAL_METRICS_MAX; i++)
        row->metrics[i] = NAN;
    row->is_done = read_row(file, metrics, n_metrics, row);
    fclose(file);
    return row->is_done;
}
