/* SPDX-License-Identifier: BSD-2-Clause */
/* Sound files to and from memory, by libsndfile.
 * Not here: resampling, playing, anything about codecs. */
#ifndef NENC_MEDIA_SOUND_H
#define NENC_MEDIA_SOUND_H

#include "status.h"

#define NENC_SOUND_MAX_CHANNELS 64
#define NENC_SOUND_MAX_RATE     768000

/** A frame is one sample of each channel. */
typedef struct nenc_sound {
    uint32_t rate;            /**< frames a second */
    uint32_t channels;
    uint64_t frames;
    float *data;              /**< interleaved; full scale is [-1, 1), which
                                   lossy and float files may exceed */
} nenc_sound;

/** Room for a sound, all zeros.
 *  @param[out] sound  nenc_sound_free() it; cleared on failure
 *  @return NENC_OK, NENC_EINVAL (rate or channels out of range, too long to
 *          count), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_sound_alloc(nenc_sound *sound, uint32_t rate,
                                            uint32_t channels, uint64_t frames,
                                            nenc_diag *diag);

/** Free what nenc_sound_alloc() or nenc_sound_read() allocated; clears the
 *  struct. */
void nenc_sound_free(nenc_sound *sound);

/** Whether a path ends like a sound file's, in any case: .wav .flac .aif
 *  .aiff .ogg .opus .mp3. */
bool nenc_sound_is_path(const char *path);

/** Read a whole file, whose kind its first bytes tell.  Integers of n bits
 *  become v / 2^(n - 1).  A WAV or AIFF file that was cut is a shorter one.
 *  @param[out] sound       nenc_sound_free() it; cleared on failure
 *  @param      max_frames  refuse longer ones
 *  @return NENC_OK, NENC_EIO, NENC_ETRUNCATED, NENC_EBITSTREAM (damaged),
 *          NENC_EUNSUPPORTED (not a sound that libsndfile knows, or this
 *          build has no libsndfile), NENC_ELIMIT, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_sound_read(nenc_sound *sound, const char *path,
                                           uint64_t max_frames,
                                           nenc_diag *diag);

/** Write 16-bit integers, as WAV or FLAC by the path's suffix: v * 2^15
 *  rounded, halves up, clipped, without dither.  NaN becomes -2^15.  A file
 *  there is replaced once the new one is complete.
 *  @return NENC_OK, NENC_EINVAL (no suffix of ours, or a rate or channels
 *          that the format does not have), NENC_EIO, NENC_EUNSUPPORTED (this
 *          build has no libsndfile) */
NENC_NODISCARD nenc_status nenc_sound_write(const nenc_sound *sound,
                                            const char *path,
                                            nenc_diag *diag);

#endif
