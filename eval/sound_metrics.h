/* SPDX-License-Identifier: BSD-2-Clause */
/* How close two sounds are: SI-SDR, log-mel distance, STOI, NSIM.
 * Not here: aligning and resampling what is compared; PESQ, POLQA, ViSQOL and
 * other metrics that other people's programs compute.
 *
 * All take a reference and an estimate of the same rate and channels, and
 * compare them over the shorter's frames.  They compute in double precision
 * but for the Fourier transforms, which are kissfft's in single; none has a
 * state outside its arguments, so threads may call them at once.  What
 * nenc_sound_read() accepts may be compared: every sample is a number. */
#ifndef NENC_EVAL_SOUND_METRICS_H
#define NENC_EVAL_SOUND_METRICS_H

#include "sound.h"

/** How many frames can be compared: the shorter's.
 *  @return NENC_OK, NENC_EINVAL: rates or channels differ, there are more than
 *          NENC_SOUND_MAX_CHANNELS, one has no frames, or the lengths differ
 *          by more than 4096 frames and by more than 1 % of the longer one */
NENC_NODISCARD nenc_status nenc_sound_overlap(
    size_t *frames, const nenc_sound *reference, const nenc_sound *estimate,
    nenc_diag *diag);

/** Scale-invariant signal-to-distortion ratio: Le Roux, Wisdom, Erdogan,
 *  Hershey 2019, "SDR - half-baked or well done?".  x and y are all samples of
 *  the reference and the estimate, each channel without its mean;
 *  a = <y, x> / <x, x>, and the ratio is 10 log10(|a x|^2 / |a x - y|^2).
 *  The sums run over all channels at once: one scale for all, so that the
 *  balance counts, and loud channels weigh more.  A channel whose energy
 *  without its mean is at most 1e-24 of that with it holds rounding errors of
 *  a constant and counts as silent.
 *  @param[out] si_sdr_db  INFINITY where nothing is distorted, silence for
 *              silence too; -INFINITY where nothing of the reference is left,
 *              or it is silent and the estimate is not
 *  @return NENC_OK, NENC_EINVAL (nenc_sound_overlap()) */
NENC_NODISCARD nenc_status nenc_si_sdr(
    double *si_sdr_db, const nenc_sound *reference, const nenc_sound *estimate,
    nenc_diag *diag);

/** Mean over frames, bands and channels of |X - Y|, where X, Y are the
 *  logarithmic mel spectra 10 log10(max(p, 1e-10)) in dB.  The frame is 2048
 *  samples, at rates to 24 kHz 1024; frames start at 0, a quarter, two
 *  quarters ... of it, the last being the first that reaches the sound's end,
 *  behind which are zeros.  p = sum over bins of weight * |FFT(w x)|^2 with
 *  the periodic Hann window w_i = (1 - cos(2 pi i / N)) / 2, not scaled.
 *  The weights are 80 triangles of height 1, linear in Hz, with corners at
 *  82 points that are equally far apart in mel = 2595 log10(1 + f / 700) (the
 *  HTK book's) from 0 to rate / 2.  Above 96 kHz the lowest may hold no bin.
 *  A full-scale sine is near 54 dB, the rounding of 16 bits near -70 dB in
 *  the lowest bands; digital silence is -100 dB, and a codec's hiss in its
 *  place costs what lies between.
 *  @return NENC_OK, NENC_EINVAL (nenc_sound_overlap()), NENC_EUNSUPPORTED
 *          (this build has no kissfft), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_log_mel(
    double *distance_db, const nenc_sound *reference,
    const nenc_sound *estimate, nenc_diag *diag);

/** Short-time objective intelligibility: Taal, Hendriks, Heusdens, Jensen
 *  2011, "An algorithm for intelligibility prediction of time-frequency
 *  weighted noisy speech", with the constants of its authors' stoi.m:
 *  1. the mean of the channels, at 10 kHz: y[m] = sum of x[n] h(m q - n p)
 *     for rate p / q = 10 kHz in lowest terms, with h(k) proportional to
 *     sinc(k / M) kaiser(k / (10 M)), |k| <= 10 M, M = max(p, q), beta = 5,
 *     the sum of all h being p: what Matlab's resample(x, p, q) does.  There
 *     are ceil(frames p / q) samples y.
 *  2. frames of 256 at 0, 128, ... as long as start + 256 < length, with the
 *     window w_i = (1 - cos(2 pi (i + 1) / 257)) / 2.  Those where the
 *     reference's energy is 40 dB or more under its loudest frame's are left
 *     out of both; the others are added up again, 128 apart.
 *  3. the same frames of the result, |FFT|^2 of 512, and of its bins' sums
 *     the roots, in 15 bands of a third of an octave, whose centres are
 *     150 * 2^(j / 3) Hz and whose edges, a sixth of an octave to each side,
 *     are rounded to the nearest bin; the upper one is outside.
 *  4. for each 30 successive frames and each band: y scaled to x's energy,
 *     y' = min(y, (1 + 10^(15 / 20)) x), the correlation coefficient of x and
 *     y', which is 0 where one of them does not vary.  STOI is their mean.
 *  @return NENC_OK, NENC_EINVAL (nenc_sound_overlap()), NENC_EUNSUPPORTED
 *          (a rate below 8000 Hz, fewer than 30 frames left, or this build has
 *          no kissfft), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_stoi(
    double *stoi, const nenc_sound *reference, const nenc_sound *estimate,
    nenc_diag *diag);

/** Neurogram similarity (Hines, Harte 2012, "Speech intelligibility prediction
 *  using a neurogram similarity index measure") of mel spectra.  Like the
 *  heart of ViSQOL (Hines, Skoglund, Kokaram, Harte 2015), but not ViSQOL: no
 *  gammatone filters, no alignment of patches, no mapping to opinion scores.
 *  For each channel:
 *  1. the spectra X, Y in dB as in nenc_log_mel(), of 32 bands in place of 80
 *  2. with P = max X over the channel, both raised to at least P - 60, and in
 *     each frame to at least 45 dB under the greatest of both there, as ViSQOL
 *     has it; then P - 60 is subtracted
 *  3. at each place where 3x3 values (bands and frames) lie inside, with the
 *     weights of a Gaussian of standard deviation 0.5, their sum being 1:
 *     (2 mx my + C1) / (mx^2 + my^2 + C1) * (sxy + C3) / (sx sy + C3), where
 *     m, s and sxy are weighted means, deviations and covariance, C1 = 0.01 L,
 *     C3 = (0.03 L)^2 and L = P - max(min X, P - 60), at least 1
 *  and NSIM is the mean over places and channels: 1 for equal sounds.
 *  @return as nenc_log_mel(), and NENC_EUNSUPPORTED for fewer than 3 frames
 *          (two quarters more than one frame) */
NENC_NODISCARD nenc_status nenc_nsim(
    double *nsim, const nenc_sound *reference, const nenc_sound *estimate,
    nenc_diag *diag);

#endif
