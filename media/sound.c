/* SPDX-License-Identifier: BSD-2-Clause */
/* Sound files by libsndfile: as floats in, as 16-bit integers out.
 * Not here: streaming; a file is read and written whole. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "sound.h"

static bool has_suffix(const char *path, const char *suffix)
{
    const size_t n = strlen(path), k = strlen(suffix);
    return n > k && !strcasecmp(path + n - k, suffix);
}

bool nenc_sound_is_path(const char *path)
{
    static const char *const suffixes[] = {
        ".wav", ".flac", ".aif", ".aiff", ".ogg", ".opus", ".mp3"
    };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (has_suffix(path, suffixes[i]))
            return true;
    return false;
}

nenc_status nenc_sound_alloc(nenc_sound *sound, uint32_t rate,
                             uint32_t channels, uint64_t frames,
                             nenc_diag *diag)
{
    size_t n;
    *sound = (nenc_sound){ 0 };
    if (!rate || rate > NENC_SOUND_MAX_RATE || !channels
        || channels > NENC_SOUND_MAX_CHANNELS)
        return nenc_fail(diag, NENC_EINVAL,
                         "a sound of %u Hz with %u channels; at most %d and %d",
                         (unsigned)rate, (unsigned)channels,
                         NENC_SOUND_MAX_RATE, NENC_SOUND_MAX_CHANNELS);
    if (frames > SIZE_MAX || !nenc_size_mul(&n, (size_t)frames, channels))
        return nenc_fail(diag, NENC_EINVAL, "a sound too long to count");
    float *data = nenc_mem_zalloc(n, sizeof *data);
    if (!data)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    *sound = (nenc_sound){ rate, channels, frames, data };
    return NENC_OK;
}

void nenc_sound_free(nenc_sound *sound)
{
    nenc_mem_free(sound->data);
    *sound = (nenc_sound){ 0 };
}

#ifndef HAVE_SNDFILE

static nenc_status no_library(nenc_diag *diag)
{
    return nenc_fail(diag, NENC_EUNSUPPORTED, "this build has no libsndfile");
}

nenc_status nenc_sound_read(nenc_sound *sound, const char *path,
                            uint64_t max_frames, nenc_diag *diag)
{
    (void)path;
    (void)max_frames;
    *sound = (nenc_sound){ 0 };
    return no_library(diag);
}

nenc_status nenc_sound_write(const nenc_sound *sound, const char *path,
                             nenc_diag *diag)
{
    (void)sound;
    (void)path;
    return no_library(diag);
}

#else
#include <errno.h>
#include <sndfile.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCK = 4096 };          /* samples converted at once */

/* Far beyond full scale, and such that powers of it are floats. */
static const float loudest = 65536;

/* ------------------------------------------------------------------ reading */

static nenc_status open_failed(const char *path, nenc_diag *diag)
{
    switch (sf_error(NULL)) {
    case SF_ERR_SYSTEM:
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, strerror(errno));
    case SF_ERR_UNRECOGNISED_FORMAT:
    case SF_ERR_UNSUPPORTED_ENCODING:
        return nenc_fail(diag, NENC_EUNSUPPORTED, "%s: not a sound that "
                         "libsndfile knows", path);
    default:
        return nenc_fail(diag, NENC_EBITSTREAM, "%s: damaged sound file: %s",
                         path, sf_strerror(NULL));
    }
}

static nenc_status check_info(const SF_INFO *info, const char *path,
                              uint64_t max_frames, nenc_diag *diag)
{
    if (info->samplerate < 1 || info->samplerate > NENC_SOUND_MAX_RATE
        || info->channels < 1 || info->channels > NENC_SOUND_MAX_CHANNELS)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%s: %d Hz with %d channels; at most %d and %d", path,
                         info->samplerate, info->channels, NENC_SOUND_MAX_RATE,
                         NENC_SOUND_MAX_CHANNELS);
    if (info->frames == SF_COUNT_MAX)         /* Ogg without a last page */
        return nenc_fail(diag, NENC_ETRUNCATED, "%s: has no end", path);
    if (info->frames < 0 || (uint64_t)info->frames > max_frames)
        return nenc_fail(diag, NENC_ELIMIT,
                         "%s: %lld frames of sound, at most %llu", path,
                         (long long)info->frames,
                         (unsigned long long)max_frames);
    return NENC_OK;
}

static nenc_status read_samples(nenc_sound *sound, SNDFILE *file,
                                const char *path, nenc_diag *diag)
{
    const sf_count_t n = sf_readf_float(file, sound->data,
                                        (sf_count_t)sound->frames);
    if (n < 0 || (uint64_t)n != sound->frames)
        return nenc_fail(diag, sf_error(file) ? NENC_EBITSTREAM
                                              : NENC_ETRUNCATED,
                         "%s: after %lld of %llu frames: %s", path,
                         (long long)n, (unsigned long long)sound->frames,
                         sf_error(file) ? sf_strerror(file)
                                        : "the file ends");
    for (size_t i = 0; i < sound->frames * sound->channels; i++)
        if (!(fabsf(sound->data[i]) <= loudest))
            return nenc_fail(diag, NENC_EBITSTREAM,
                             "%s: frame %zu holds no number within +-%.0f",
                             path, i / sound->channels, (double)loudest);
    return NENC_OK;
}

nenc_status nenc_sound_read(nenc_sound *sound, const char *path,
                            uint64_t max_frames, nenc_diag *diag)
{
    SF_INFO info = { 0 };
    *sound = (nenc_sound){ 0 };
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file)
        return open_failed(path, diag);
    nenc_status st = check_info(&info, path, max_frames, diag);
    if (st >= 0)
        st = nenc_sound_alloc(sound, (uint32_t)info.samplerate,
                              (uint32_t)info.channels, (uint64_t)info.frames,
                              diag);
    if (st >= 0)
        st = read_samples(sound, file, path, diag);
    if (st < 0)
        nenc_sound_free(sound);
    sf_close(file);
    return st;
}

/* ------------------------------------------------------------------ writing */

static short to_16_bits(float v)
{
    const double scaled = floor((double)v * 32768 + 0.5);
    return (short)(scaled > -32768 ? scaled < 32767 ? scaled : 32767 : -32768);
}

static bool write_samples(SNDFILE *file, const nenc_sound *sound)
{
    short block[BLOCK];
    const size_t n = sound->frames * sound->channels;
    const size_t most = BLOCK / sound->channels * sound->channels;
    for (size_t at = 0; at < n; at += most) {
        const size_t k = NENC_MIN(n - at, most);
        for (size_t i = 0; i < k; i++)
            block[i] = to_16_bits(sound->data[at + i]);
        if (sf_write_short(file, block, (sf_count_t)k) != (sf_count_t)k)
            return false;
    }
    return true;
}

static int format_of(const char *path)
{
    return has_suffix(path, ".wav") ? SF_FORMAT_WAV | SF_FORMAT_PCM_16
         : has_suffix(path, ".flac") ? SF_FORMAT_FLAC | SF_FORMAT_PCM_16 : 0;
}

nenc_status nenc_sound_write(const nenc_sound *sound, const char *path,
                             nenc_diag *diag)
{
    char temporary[4096];
    SF_INFO info = { .samplerate = (int)sound->rate,
                     .channels = (int)sound->channels,
                     .format = format_of(path) };
    if (!info.format)
        return nenc_fail(diag, NENC_EINVAL, "%s: sounds are written as .wav "
                         "or .flac", path);
    if (!sound->channels || sound->channels > NENC_SOUND_MAX_CHANNELS
        || sound->rate > NENC_SOUND_MAX_RATE || !sf_format_check(&info))
        return nenc_fail(diag, NENC_EINVAL, "%s: no such file holds %u Hz "
                         "with %u channels", path, (unsigned)sound->rate,
                         (unsigned)sound->channels);
    if (snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path,
                 (long)getpid()) >= (int)sizeof temporary)
        return nenc_fail(diag, NENC_EINVAL, "%s: the path is too long", path);
    SNDFILE *file = sf_open(temporary, SFM_WRITE, &info);
    if (!file)
        return nenc_fail(diag, NENC_EIO, "%s: %s", path, sf_strerror(NULL));
    bool ok = write_samples(file, sound);
    ok = !sf_close(file) && ok;
    if (ok && !rename(temporary, path))
        return NENC_OK;
    const int error = errno;
    unlink(temporary);
    return nenc_fail(diag, NENC_EIO, "%s: writing failed: %s", path,
                     strerror(error));
}

#endif
