/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading test files, making working copies, comparing signals. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "media.h"
#include "file.h"
#include "picture_file.h"
#include "picture_metrics.h"
#include "sound_metrics.h"
#include "source.h"

/* Hours of sound: enough for tests, little enough for memory. */
#define MAX_FRAMES (UINT64_C(1) << 30)
#define MAX_FILE ((size_t)1 << 31)

nenc_status nenc_signal_load(nenc_signal *s, nenc_eval_media media,
                             const char *path, nenc_diag *diag)
{
    memset(s, 0, sizeof *s);
    return media == NENC_EVAL_PICTURE
         ? nenc_picture_load(&s->image, path, diag)
         : nenc_sound_read(&s->sound, path, MAX_FRAMES, diag);
}

void nenc_signal_free(nenc_signal *s)
{
    nenc_image_free(&s->image);
    nenc_sound_free(&s->sound);
}

static nenc_status hash_file(nenc_source *s, nenc_diag *diag)
{
    nenc_sha256 h;
    nenc_buffer bytes;
    nenc_buffer_init(&bytes, MAX_FILE);
    const nenc_status st = nenc_file_load(&bytes, s->path, diag);
    nenc_sha256_init(&h);
    nenc_sha256_update(&h, bytes.data, bytes.size);
    nenc_sha256_final(&h, s->key.hash);
    nenc_buffer_free(&bytes);
    return st;
}

nenc_status nenc_source_open(nenc_source *s, const char *path,
                             const char *name, nenc_eval_media media,
                             const char *folder, nenc_diag *diag)
{
    nenc_signal signal;
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->path = path;
    s->name = name;
    s->media = media;
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    NENC_TRY(hash_file(s, diag));
    NENC_TRY(nenc_signal_load(&signal, media, path, diag));
    if (media == NENC_EVAL_PICTURE) {
        s->width = signal.image.width;
        s->height = signal.image.height;
        s->amount = (double)s->width * s->height;
    } else {
        s->rate = signal.sound.rate;
        s->channels = signal.sound.channels;
        s->amount = (double)signal.sound.frames / s->rate;
    }
    const bool is_plain = signal.image.bits <= 8
                       && (signal.image.channels == 0
                           || signal.image.channels % 2 == 1);
    nenc_signal_free(&signal);
    if (!is_plain)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "16 bits or transparency, "
                         "which no metric here is made for");
    return s->amount > 0 ? NENC_OK
                         : nenc_fail(diag, NENC_EINVAL, "%s: empty", path);
}

void nenc_source_close(nenc_source *s)
{
    pthread_mutex_destroy(&s->lock);
}

static nenc_status make_copy(const nenc_source *s, const char *path,
                             const char *kind, nenc_diag *diag)
{
    nenc_signal signal;
    const bool is_known = s->media == NENC_EVAL_PICTURE
                        ? nenc_media_by_suffix(path) != NULL
                        : !strcmp(kind, "wav") || !strcmp(kind, "flac");
    if (!is_known)
        return nenc_fail(diag, NENC_EINVAL, "{in.%s}: that kind of file is "
                         "not written here", kind);
    NENC_TRY(nenc_signal_load(&signal, s->media, s->path, diag));
    const nenc_status st = s->media == NENC_EVAL_PICTURE
        ? nenc_picture_save(&signal.image, path, diag)
        : nenc_sound_write(&signal.sound, path, diag);
    nenc_signal_free(&signal);
    return st;
}

nenc_status nenc_source_copy(nenc_source *s, const char *kind,
                             char path[NENC_CACHE_PATH], nenc_diag *diag)
{
    char word[24];
    nenc_status st = NENC_OK;
    snprintf(path, NENC_CACHE_PATH, "%.900s/in.%s", s->folder, kind);
    snprintf(word, sizeof word, " %s ", kind);
    pthread_mutex_lock(&s->lock);
    if (!strstr(s->kinds, word)) {
        st = make_copy(s, path, kind, diag);
        if (st >= 0 && strlen(s->kinds) + strlen(word) < sizeof s->kinds)
            strcat(s->kinds, word);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

/* ----------------------------------------------------------------- metrics */

static const char *const picture_metrics[] = { "psnr", "psnr_yuv", "ssim",
                                               "ms_ssim" };
static const char *const sound_metrics[] = { "si_sdr", "log_mel", "stoi",
                                             "nsim" };

size_t nenc_signal_metrics(nenc_eval_media media, const char *const **keys)
{
    *keys = media == NENC_EVAL_PICTURE ? picture_metrics : sound_metrics;
#ifndef HAVE_KISSFFT
    if (media == NENC_EVAL_SOUND)
        return 1;             /* those that need no transform */
#endif
    return 4;
}

/* A gray picture may come back as R'G'B', and the other way round. */
static nenc_status match_channels(nenc_image *image, uint32_t channels,
                                  nenc_diag *diag)
{
    nenc_image made = { 0 };
    if (image->channels == channels)
        return NENC_OK;
    if (nenc_image_alloc(&made, image->width, image->height, channels,
                         8) < 0)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t y = 0; y < image->height; y++) {
        const uint8_t *s = image->data + y * image->stride;
        uint8_t *d = made.data + y * made.stride;
        for (size_t x = 0; x < image->width; x++)
            for (size_t k = 0; k < channels; k++)
                d[x * channels + k] = s[x * image->channels
                                        + (channels == 1 ? 1 : 0)];
    }
    nenc_image_free(image);
    *image = made;
    return NENC_OK;
}

/* A metric that the signal is too small for is none, not a failure. */
static nenc_status or_none(nenc_status st, double *value)
{
    if (st != NENC_EUNSUPPORTED)
        return st;
    *value = NAN;
    return NENC_OK;
}

static nenc_status compare_pictures(double *values, const nenc_image *x,
                                    nenc_image *y, nenc_diag *diag)
{
    if (x->width != y->width || x->height != y->height)
        return nenc_fail(diag, NENC_EINVAL, "%ux%u came back as %ux%u",
                         (unsigned)x->width, (unsigned)x->height,
                         (unsigned)y->width, (unsigned)y->height);
    NENC_TRY(match_channels(y, x->channels, diag));
    NENC_TRY(nenc_psnr(&values[0], x, y, diag));
    NENC_TRY(nenc_psnr_yuv(&values[1], x, y, diag));
    values[2] = values[3] = NAN;
    return or_none(nenc_ssim_both(&values[2], &values[3], x, y, diag),
                   &values[2]);
}

static nenc_status compare_sounds(double *values, const nenc_sound *x,
                                  const nenc_sound *y, nenc_diag *diag)
{
    NENC_TRY(nenc_si_sdr(&values[0], x, y, diag));
    values[1] = values[2] = values[3] = NAN;
    NENC_TRY(or_none(nenc_log_mel(&values[1], x, y, diag), &values[1]));
    NENC_TRY(or_none(nenc_stoi(&values[2], x, y, diag), &values[2]));
    return or_none(nenc_nsim(&values[3], x, y, diag), &values[3]);
}

nenc_status nenc_signal_compare(double *values, nenc_eval_media media,
                                const nenc_signal *original,
                                nenc_signal *decoded, nenc_diag *diag)
{
    return media == NENC_EVAL_PICTURE
         ? compare_pictures(values, &original->image, &decoded->image, diag)
         : compare_sounds(values, &original->sound, &decoded->sound, diag);
}
