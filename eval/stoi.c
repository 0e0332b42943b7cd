/* SPDX-License-Identifier: BSD-2-Clause */
/* STOI: the definition, in steps, is in sound_metrics.h.
 * Not here: the extended STOI, other measures of intelligibility. */
#include <math.h>

#include "sound_metrics.h"
#include "spectrum.h"

enum {
    RATE = 10000, LEAST_RATE = 8000,
    FRAME = 256, HOP = 128, FFT = 512, BINS = FFT / 2 + 1,
    BANDS = 15, SEGMENT = 30,
    ZERO_CROSSINGS = 10       /* of the resampler's filter, to each side */
};

/* A signal, or a matrix of BANDS values a frame. */
typedef struct series {
    double *v;
    size_t n;
} series;

/* ------------------------------------------------------ 1. mono, at 10 kHz */

/* The modified Bessel function of order 0, by its series: all terms are
 * positive, and at most at 5 the 30th is below 1e-30. */
static double bessel_i0(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k < 30; k++) {
        term *= x / 2 / k * (x / 2 / k);
        sum += term;
    }
    return sum;
}

/* The filter at 2 half + 1 points, whose sum is p. */
static void plan_filter(double *h, size_t half, size_t p)
{
    const double pi = 4 * atan(1);
    double sum = 0;
    for (size_t i = 0; i <= 2 * half; i++) {
        const double u = ((double)i - (double)half) / (double)half;
        const double z = pi * u * ZERO_CROSSINGS;
        h[i] = (i == half ? 1 : sin(z) / z)
               * bessel_i0(5 * sqrt(fmax(0, 1 - u * u)));
        sum += h[i];
    }
    for (size_t i = 0; i <= 2 * half; i++)
        h[i] *= (double)p / sum;
}

static double mono(const nenc_sound *sound, size_t frame)
{
    double sum = 0;
    for (size_t c = 0; c < sound->channels; c++)
        sum += sound->data[frame * sound->channels + c];
    return sum / sound->channels;
}

/* dst[m] = sum of x[i] h[m q - i p + half], as far as there are x and h. */
static void filter(series dst, series x, const double *h, size_t half,
                   size_t p, size_t q)
{
    for (size_t m = 0; m < dst.n; m++) {
        const size_t at = m * q;
        const size_t first = at > half ? (at - half + p - 1) / p : 0;
        const size_t end = NENC_MIN(x.n, (at + half) / p + 1);
        double sum = 0;
        for (size_t i = first; i < end; i++)
            sum += x.v[i] * h[at + half - i * p];
        dst.v[m] = sum;
    }
}

static bool resample(series *dst, nenc_arena *arena, const nenc_sound *sound,
                     size_t frames)
{
    size_t a = RATE, b = sound->rate;
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    const size_t p = RATE / a, q = sound->rate / a;
    const size_t half = ZERO_CROSSINGS * NENC_MAX(p, q);
    const size_t whole = frames / q, part = frames % q;
    double *h = nenc_arena_zalloc(arena, 2 * half + 1, sizeof *h);
    series x = { nenc_arena_zalloc(arena, frames, sizeof *x.v), frames };
    dst->n = whole * p + (part * p + q - 1) / q;
    dst->v = nenc_arena_zalloc(arena, dst->n, sizeof *dst->v);
    if (!h || !x.v || !dst->v)
        return false;
    plan_filter(h, half, p);
    for (size_t i = 0; i < frames; i++)
        x.v[i] = mono(sound, i);
    filter(*dst, x, h, half, p, q);
    return true;
}

/* ---------------------------------------------------- 2. no silent frames */

static void plan_window(double window[FRAME])
{
    const double two_pi = 8 * atan(1);
    for (int i = 0; i < FRAME; i++)
        window[i] = (1 - cos(two_pi * (i + 1) / (FRAME + 1))) / 2;
}

static size_t frames_of(size_t samples)
{
    return samples <= FRAME ? 0 : (samples - FRAME - 1) / HOP + 1;
}

static double energy(const double *x, const double window[FRAME])
{
    double sum = 0;
    for (int i = 0; i < FRAME; i++)
        sum += window[i] * x[i] * (window[i] * x[i]);
    return sum;
}

/* Overlap and add, the tail being the second half of the frame before.  In
 * place: only the frame's first half, or less, is written over. */
static void add_frame(double *dst, double tail[HOP], const double *src,
                      const double window[FRAME])
{
    double next[HOP];
    for (int i = 0; i < HOP; i++)
        next[i] = src[HOP + i] * window[HOP + i];
    for (int i = 0; i < HOP; i++) {
        dst[i] = tail[i] + src[i] * window[i];
        tail[i] = next[i];
    }
}

static void drop_silence(series *x, series *y, const double window[FRAME])
{
    const size_t count = frames_of(x->n);
    double x_tail[HOP] = { 0 }, y_tail[HOP] = { 0 }, loudest = 0;
    size_t kept = 0;
    for (size_t t = 0; t < count; t++)
        loudest = fmax(loudest, energy(x->v + t * HOP, window));
    for (size_t t = 0; t < count; t++) {
        if (!(energy(x->v + t * HOP, window) > loudest * 1e-4))
            continue;
        add_frame(x->v + kept * HOP, x_tail, x->v + t * HOP, window);
        add_frame(y->v + kept * HOP, y_tail, y->v + t * HOP, window);
        kept++;
    }
    for (size_t i = 0; kept && i < HOP; i++) {
        x->v[kept * HOP + i] = x_tail[i];
        y->v[kept * HOP + i] = y_tail[i];
    }
    x->n = y->n = kept ? (kept + 1) * HOP : 0;
}

/* ------------------------------------------------ 3. thirds of an octave */

static void plan_bands(size_t edge[BANDS + 1])
{
    for (int j = 0; j <= BANDS; j++) {
        const double f = 150 * pow(2, (2 * j - 1) / 6.0);
        edge[j] = (size_t)floor(f * FFT / RATE + 0.5);
    }
}

static bool take_bands(series *to, nenc_arena *arena, nenc_spectrum *spectrum,
                       series x)
{
    size_t edge[BANDS + 1];
    double power[BINS];
    plan_bands(edge);
    to->n = frames_of(x.n);
    to->v = nenc_arena_zalloc(arena, to->n, BANDS * sizeof *to->v);
    for (size_t t = 0; to->v && t < to->n; t++) {
        nenc_spectrum_run(spectrum, power, x.v + t * HOP);
        for (size_t j = 0; j < BANDS; j++) {
            double sum = 0;
            for (size_t k = edge[j]; k < edge[j + 1]; k++)
                sum += power[k];
            to->v[t * BANDS + j] = sqrt(sum);
        }
    }
    return to->v;
}

/* -------------------------------------------------------- 4. correlations */

static double correlation(const double x[SEGMENT], const double y[SEGMENT])
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < SEGMENT; i++) {
        mx += x[i] / SEGMENT;
        my += y[i] / SEGMENT;
    }
    for (int i = 0; i < SEGMENT; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* One band's SEGMENT values from x and y on, BANDS apart. */
static double intelligibility(const double *x, const double *y)
{
    const double ceiling = 1 + pow(10, 15.0 / 20);
    double a[SEGMENT], b[SEGMENT], xx = 0, yy = 0;
    for (int i = 0; i < SEGMENT; i++) {
        a[i] = x[i * BANDS];
        b[i] = y[i * BANDS];
        xx += a[i] * a[i];
        yy += b[i] * b[i];
    }
    const double scale = yy > 0 ? sqrt(xx / yy) : 0;
    for (int i = 0; i < SEGMENT; i++)
        b[i] = fmin(b[i] * scale, a[i] * ceiling);
    return correlation(a, b);
}

static nenc_status correlate(double *stoi, series x, series y, nenc_diag *diag)
{
    double sum = 0;
    if (x.n < SEGMENT)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%zu frames that are not silent are too few for "
                         "STOI: at least %d", x.n, SEGMENT);
    const size_t count = x.n - SEGMENT + 1;
    for (size_t t = 0; t < count; t++)
        for (size_t j = 0; j < BANDS; j++)
            sum += intelligibility(x.v + t * BANDS + j, y.v + t * BANDS + j);
    *stoi = sum / ((double)count * BANDS);
    return NENC_OK;
}

static nenc_status run(double *stoi, nenc_arena *arena,
                       const nenc_sound *reference, const nenc_sound *estimate,
                       nenc_diag *diag)
{
    size_t frames;
    double window[FRAME];
    nenc_spectrum spectrum;
    series x, y, x_bands, y_bands;
    NENC_TRY(nenc_sound_overlap(&frames, reference, estimate, diag));
    if (reference->rate < LEAST_RATE)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%u Hz are too few for STOI: at least %d",
                         (unsigned)reference->rate, LEAST_RATE);
    plan_window(window);
    NENC_TRY(nenc_spectrum_open(&spectrum, arena, window, FRAME, FFT, diag));
    if (!resample(&x, arena, reference, frames)
        || !resample(&y, arena, estimate, frames))
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    drop_silence(&x, &y, window);
    if (!take_bands(&x_bands, arena, &spectrum, x)
        || !take_bands(&y_bands, arena, &spectrum, y))
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    return correlate(stoi, x_bands, y_bands, diag);
}

nenc_status nenc_stoi(double *stoi, const nenc_sound *reference,
                      const nenc_sound *estimate, nenc_diag *diag)
{
    nenc_arena arena;
    nenc_arena_init(&arena, SIZE_MAX);
    *stoi = 0;
    const nenc_status st = run(stoi, &arena, reference, estimate, diag);
    nenc_arena_free(&arena);
    return st;
}
