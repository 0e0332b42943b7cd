/* SPDX-License-Identifier: BSD-2-Clause */
/* SI-SDR, log-mel distance and NSIM of two sounds; STOI is in stoi.c.
 * Not normative: the last digits may differ between machines. */
#include <math.h>

#include "sound_metrics.h"
#include "spectrum.h"

nenc_status nenc_sound_overlap(size_t *frames, const nenc_sound *reference,
                               const nenc_sound *estimate, nenc_diag *diag)
{
    const uint64_t n = NENC_MIN(reference->frames, estimate->frames);
    const uint64_t longer = NENC_MAX(reference->frames, estimate->frames);
    *frames = (size_t)n;
    if (reference->channels > NENC_SOUND_MAX_CHANNELS)
        return nenc_fail(diag, NENC_EINVAL, "%u channels, at most %d",
                         (unsigned)reference->channels,
                         NENC_SOUND_MAX_CHANNELS);
    if (reference->rate != estimate->rate
        || reference->channels != estimate->channels)
        return nenc_fail(diag, NENC_EINVAL,
                         "%u Hz with %u channels and %u Hz with %u",
                         (unsigned)reference->rate,
                         (unsigned)reference->channels,
                         (unsigned)estimate->rate,
                         (unsigned)estimate->channels);
    if (!n)
        return nenc_fail(diag, NENC_EINVAL, "a sound without samples");
    if (longer - n > NENC_MAX(longer / 100, 4096))
        return nenc_fail(diag, NENC_EINVAL,
                         "%llu and %llu frames: too far from equal",
                         (unsigned long long)reference->frames,
                         (unsigned long long)estimate->frames);
    return NENC_OK;
}

/* ------------------------------------------------------------------ SI-SDR */

/* Samples of one channel, `step` apart, without their mean; of what rounding
 * leaves of a constant, zeros. */
typedef struct channel {
    const float *data;
    size_t step;
    double mean;
    bool is_silent;
} channel;

static double sample(const channel *c, size_t i)
{
    return c->is_silent ? 0 : c->data[i * c->step] - c->mean;
}

static channel take(const nenc_sound *sound, size_t c, size_t frames)
{
    channel ch = { sound->data + c, sound->channels, 0, false };
    double sum = 0, with = 0, without = 0;
    for (size_t i = 0; i < frames; i++) {
        sum += sample(&ch, i);
        with += sample(&ch, i) * sample(&ch, i);
    }
    ch.mean = sum / (double)frames;
    for (size_t i = 0; i < frames; i++)
        without += sample(&ch, i) * sample(&ch, i);
    ch.is_silent = without <= 1e-24 * with;
    return ch;
}

static double decibels(double target, double distortion, bool are_silent)
{
    if (target > 0)
        return distortion > 0 ? 10 * log10(target / distortion) : INFINITY;
    return are_silent ? INFINITY : -INFINITY;
}

nenc_status nenc_si_sdr(double *si_sdr_db, const nenc_sound *reference,
                        const nenc_sound *estimate, nenc_diag *diag)
{
    size_t n;
    double xx = 0, xy = 0, target = 0, distortion = 0;
    bool are_silent = true;
    channel x[NENC_SOUND_MAX_CHANNELS], y[NENC_SOUND_MAX_CHANNELS];
    NENC_TRY(nenc_sound_overlap(&n, reference, estimate, diag));
    for (size_t c = 0; c < reference->channels; c++) {
        x[c] = take(reference, c, n);
        y[c] = take(estimate, c, n);
        are_silent &= x[c].is_silent && y[c].is_silent;
        for (size_t i = 0; i < n; i++) {
            xx += sample(&x[c], i) * sample(&x[c], i);
            xy += sample(&x[c], i) * sample(&y[c], i);
        }
    }
    const double a = xx > 0 ? xy / xx : 0;
    for (size_t c = 0; c < reference->channels; c++)
        for (size_t i = 0; i < n; i++) {
            const double part = a * sample(&x[c], i);
            const double rest = part - sample(&y[c], i);
            target += part * part;
            distortion += rest * rest;
        }
    *si_sdr_db = decibels(target, distortion, are_silent);
    return NENC_OK;
}

/* ------------------------------------------------------------- mel spectra */

enum { LOG_MEL_BANDS = 80, NSIM_BANDS = 32 };

/* A band's weights are not 0 in [first, end). */
typedef struct band {
    size_t first, end;
    const double *weight;     /* of bin 0 */
} band;

typedef struct mel {
    nenc_arena arena;
    nenc_spectrum spectrum;
    size_t size, hop, bands;
    double *window, *power, *samples;
    band *band;
} mel;

static double triangle(double f, double low, double peak, double high)
{
    return fmax(0, fmin((f - low) / (peak - low), (high - f) / (high - peak)));
}

/* Corner i of n + 1, from 0 to rate / 2. */
static double corner(size_t i, size_t n, double rate)
{
    const double top = 2595 * log10(1 + rate / 2 / 700);
    return 700 * (pow(10, top * (double)i / (double)n / 2595) - 1);
}

static bool plan_bands(mel *m, double rate)
{
    const size_t bins = m->size / 2 + 1, n = m->bands + 1;
    double *weight = nenc_arena_zalloc(&m->arena, m->bands * bins,
                                       sizeof *weight);
    for (size_t b = 0; weight && b < m->bands; b++, weight += bins) {
        band *to = &m->band[b];
        *to = (band){ bins, 0, weight };
        for (size_t k = 0; k < bins; k++) {
            weight[k] = triangle((double)k * rate / (double)m->size,
                                 corner(b, n, rate), corner(b + 1, n, rate),
                                 corner(b + 2, n, rate));
            if (weight[k] > 0) {
                to->first = NENC_MIN(to->first, k);
                to->end = k + 1;
            }
        }
    }
    return weight;
}

/* Whatever comes back, nenc_arena_free(&m->arena) it. */
static nenc_status mel_open(mel *m, uint32_t rate, size_t bands,
                            nenc_diag *diag)
{
    const double two_pi = 8 * atan(1);
    const size_t size = rate <= 24000 ? 1024 : 2048;
    *m = (mel){ .size = size, .hop = size / 4, .bands = bands };
    nenc_arena_init(&m->arena, SIZE_MAX);
    m->window = nenc_arena_zalloc(&m->arena, size, sizeof *m->window);
    m->power = nenc_arena_zalloc(&m->arena, size, sizeof *m->power);
    m->samples = nenc_arena_zalloc(&m->arena, size, sizeof *m->samples);
    m->band = nenc_arena_zalloc(&m->arena, bands, sizeof *m->band);
    if (!m->window || !m->power || !m->samples || !m->band
        || !plan_bands(m, rate))
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < size; i++)
        m->window[i] = (1 - cos(two_pi * (double)i / (double)size)) / 2;
    return nenc_spectrum_open(&m->spectrum, &m->arena, m->window, size, size,
                              diag);
}

static size_t mel_frames(const mel *m, size_t frames)
{
    return frames <= m->size ? 1
                             : 2 + (frames - m->size - 1) / m->hop;
}

/* Bands of frame t in dB, of a sound's first n frames. */
static void mel_run(mel *m, double *db, const nenc_sound *sound, size_t c,
                    size_t t, size_t n)
{
    const size_t at = t * m->hop;
    for (size_t i = 0; i < m->size; i++)
        m->samples[i] = at + i < n
            ? (double)sound->data[(at + i) * sound->channels + c] : 0;
    nenc_spectrum_run(&m->spectrum, m->power, m->samples);
    for (size_t b = 0; b < m->bands; b++) {
        const band *of = &m->band[b];
        double sum = 0;
        for (size_t k = of->first; k < of->end; k++)
            sum += of->weight[k] * m->power[k];
        db[b] = 10 * log10(fmax(sum, 1e-10));
    }
}

nenc_status nenc_log_mel(double *distance_db, const nenc_sound *reference,
                         const nenc_sound *estimate, nenc_diag *diag)
{
    size_t n;
    mel m;
    double sum = 0, x[LOG_MEL_BANDS], y[LOG_MEL_BANDS];
    NENC_TRY(nenc_sound_overlap(&n, reference, estimate, diag));
    const nenc_status st = mel_open(&m, reference->rate, LOG_MEL_BANDS, diag);
    const size_t count = mel_frames(&m, n);
    for (size_t c = 0; st >= 0 && c < reference->channels; c++)
        for (size_t t = 0; t < count; t++) {
            mel_run(&m, x, reference, c, t, n);
            mel_run(&m, y, estimate, c, t, n);
            for (size_t b = 0; b < LOG_MEL_BANDS; b++)
                sum += fabs(x[b] - y[b]);
        }
    nenc_arena_free(&m.arena);
    *distance_db = sum / ((double)count * LOG_MEL_BANDS * reference->channels);
    return st;
}

/* -------------------------------------------------------------------- NSIM */

/* Two spectrograms of a channel, NSIM_BANDS values a frame. */
typedef struct grams {
    size_t count;             /* of frames */
    double *x, *y;
    double range;             /* L */
} grams;

static void lift(double *v, double floor_db, double zero_db)
{
    for (size_t b = 0; b < NSIM_BANDS; b++)
        v[b] = fmax(v[b], floor_db) - zero_db;
}

/* Step 2 of the definition. */
static void level(grams *g)
{
    const size_t n = g->count * NSIM_BANDS;
    double most = g->x[0], least = g->x[0];
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, g->x[i]);
        least = fmin(least, g->x[i]);
    }
    const double zero_db = most - 60;
    g->range = fmax(1, most - fmax(least, zero_db));
    for (size_t t = 0; t < g->count; t++) {
        double *x = g->x + t * NSIM_BANDS, *y = g->y + t * NSIM_BANDS;
        double loudest = zero_db;
        for (size_t b = 0; b < NSIM_BANDS; b++)
            loudest = fmax(loudest, fmax(x[b], y[b]));
        const double floor_db = fmax(zero_db, loudest - 45);
        lift(x, floor_db, zero_db);
        lift(y, floor_db, zero_db);
    }
}

/* Luminance times structure at the 3x3 values from x and y on. */
static double similarity(const double *x, const double *y,
                         const double weight[9], double range)
{
    const double c1 = 0.01 * range, c3 = 0.0009 * range * range;
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < 9; i++) {
        mx += weight[i] * x[i / 3 * NSIM_BANDS + i % 3];
        my += weight[i] * y[i / 3 * NSIM_BANDS + i % 3];
    }
    for (size_t i = 0; i < 9; i++) {
        const double dx = x[i / 3 * NSIM_BANDS + i % 3] - mx;
        const double dy = y[i / 3 * NSIM_BANDS + i % 3] - my;
        xx += weight[i] * dx * dx;
        yy += weight[i] * dy * dy;
        xy += weight[i] * dx * dy;
    }
    return (2 * mx * my + c1) / (mx * mx + my * my + c1)
           * (xy + c3) / (sqrt(xx * yy) + c3);
}

static double similarities(const grams *g)
{
    const double side = exp(-2), norm = 1 + 2 * side;
    const double tap[3] = { side / norm, 1 / norm, side / norm };
    double weight[9], sum = 0;
    for (size_t i = 0; i < 9; i++)
        weight[i] = tap[i / 3] * tap[i % 3];
    for (size_t t = 0; t + 2 < g->count; t++)
        for (size_t b = 0; b + 2 < NSIM_BANDS; b++)
            sum += similarity(g->x + t * NSIM_BANDS + b,
                              g->y + t * NSIM_BANDS + b, weight, g->range);
    return sum / ((double)(g->count - 2) * (NSIM_BANDS - 2));
}

static nenc_status plan_grams(grams *g, mel *m, size_t n, nenc_diag *diag)
{
    g->count = mel_frames(m, n);
    if (g->count < 3)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%zu frames of sound are too few for NSIM: at least "
                         "%zu", n, m->size + m->hop + 1);
    g->x = nenc_arena_zalloc(&m->arena, g->count, NSIM_BANDS * sizeof *g->x);
    g->y = nenc_arena_zalloc(&m->arena, g->count, NSIM_BANDS * sizeof *g->y);
    return g->x && g->y ? NENC_OK
                        : nenc_fail(diag, NENC_ENOMEM, "out of memory");
}

nenc_status nenc_nsim(double *nsim, const nenc_sound *reference,
                      const nenc_sound *estimate, nenc_diag *diag)
{
    size_t n;
    mel m;
    grams g = { 0 };
    NENC_TRY(nenc_sound_overlap(&n, reference, estimate, diag));
    nenc_status st = mel_open(&m, reference->rate, NSIM_BANDS, diag);
    if (st >= 0)
        st = plan_grams(&g, &m, n, diag);
    *nsim = 0;
    for (size_t c = 0; st >= 0 && c < reference->channels; c++) {
        for (size_t t = 0; t < g.count; t++) {
            mel_run(&m, g.x + t * NSIM_BANDS, reference, c, t, n);
            mel_run(&m, g.y + t * NSIM_BANDS, estimate, c, t, n);
        }
        level(&g);
        *nsim += similarities(&g) / reference->channels;
    }
    nenc_arena_free(&m.arena);
    return st;
}
