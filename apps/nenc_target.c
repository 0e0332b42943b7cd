/* SPDX-License-Identifier: BSD-2-Clause */
/* A search on a curve that is nearly a line: the logarithm of the bytes, and
 * closeness in dB, over the quality.  Nothing else. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nenc_target.h"
#include "status.h"

enum { MAX_ENCODES = 16 };

/* How the measure of a kind goes: its usual value at quality 50 and slope
 * there (means over Kodak), and how close is close enough. */
typedef struct trend {
    double middle, slope, tolerance;
} trend;

static const trend trends[] = {
    [TARGET_SIZE] = { -0.4, 0.02, 0.005 },
    [TARGET_BPP] = { -0.4, 0.02, 0.005 },
    [TARGET_PSNR] = { 33.7, 0.1, 0.02 },
    [TARGET_MS_SSIM] = { 17.0, 0.1, 0.02 },
};

typedef struct search {
    const target *t;
    const trend *trend;
    double slope;                 /* as the last two points have it */
    nenc_encoder *enc;
    const nenc_image *image;
    check_stream decode;
    double pixels;
    double wanted;                /* the target's measure */
    double low, high;             /* qualities known to lie around it ... */
    double at_low, at_high;       /* ... and their measures; NAN = not known */
    int on_low, on_high;          /* of the last points, one after the other */
    double gap;                   /* of the best so far; see gap_of() */
    target_result *best;
} search;

void target_format(char text[48], target_kind kind, double value)
{
    switch (kind) {
    case TARGET_SIZE: snprintf(text, 48, "%.0f bytes", value); break;
    case TARGET_BPP: snprintf(text, 48, "%.4g bpp", value); break;
    case TARGET_PSNR: snprintf(text, 48, "%.2f dB of PSNR", value); break;
    default: snprintf(text, 48, "%.4f of MS-SSIM", value);
    }
}

/* Of a value, on a scale on which the quality makes it nearly a line. */
static double measure_of(const search *s, double value)
{
    switch (s->t->kind) {
    case TARGET_SIZE: return log(8 * value / s->pixels);
    case TARGET_BPP: return log(value);
    case TARGET_PSNR: return value;
    default: return -10 * log10(1 - value);
    }
}

/* How far off, less being better; what is larger than a size asked for is
 * worse than all that is not. */
static double gap_of(const search *s, double measure)
{
    const double off = measure - s->wanted;
    if (s->t->kind == TARGET_SIZE && off > 1e-12)
        return 1000 + off;
    return fabs(off);
}

static bool is_reached(const search *s, double gap)
{
    /* a size is approached from below: twice the way */
    return gap <= s->trend->tolerance * (s->t->kind == TARGET_SIZE ? 2 : 1);
}

static nenc_status value_of(double *value, const search *s,
                            const nenc_buffer *bytes, nenc_diag *diag)
{
    *value = (double)bytes->size;
    if (s->t->kind == TARGET_BPP)
        *value *= 8 / s->pixels;
    if (s->t->kind == TARGET_SIZE || s->t->kind == TARGET_BPP)
        return NENC_OK;
    nenc_image back;
    check_stream decode = s->decode;
    decode.bytes = bytes;
    NENC_TRY(check_decode(&back, NULL, &decode, diag));
    const nenc_status st = s->t->kind == TARGET_PSNR
                         ? check_psnr(value, s->image, &back, diag)
                         : check_ms_ssim(value, s->image, &back, diag);
    nenc_image_free(&back);
    return st;
}

/* Encode at a quality, and keep it if nothing was better. */
static nenc_status try(search *s, double quality, double *measure,
                       nenc_diag *diag)
{
    target_result *best = s->best, r;
    nenc_status st = target_encode(&r, quality, s->enc, s->decode.max_memory,
                                   diag);
    if (st >= 0)
        st = value_of(&r.value, s, &r.bytes, diag);
    if (st < 0) {
        target_result_free(&r);
        return st;
    }
    *measure = measure_of(s, r.value);
    const double gap = gap_of(s, *measure);
    r.encodes = best->encodes + 1;
    if (best->encodes && gap >= s->gap) {
        best->encodes++;
        target_result_free(&r);
        return NENC_OK;
    }
    target_result_free(best);
    *best = r;
    s->gap = gap;
    return NENC_OK;
}

/* Where to aim: a size from below, so that it is not missed by a byte. */
static double aim(const search *s)
{
    return s->wanted - (s->t->kind == TARGET_SIZE ? s->trend->tolerance : 0);
}

/* Where the line through what is known meets the target; towards the middle
 * where points keep coming to one side only, since the curve bends. */
static double next_quality(const search *s, double at, double measure)
{
    const double width = s->high - s->low;
    double q = at + (aim(s) - measure) / s->slope;
    if (!isnan(s->at_low) && !isnan(s->at_high))
        q = s->low + width * (aim(s) - s->at_low) / (s->at_high - s->at_low);
    if (s->on_low > 1 || s->on_high > 1)
        q = (q + s->low + width / 2) / 2;
    if (isnan(s->at_low) && q <= s->low)
        return s->low;
    if (isnan(s->at_high) && q >= s->high)
        return s->high;
    return fmin(fmax(q, s->low + 0.02 * width), s->high - 0.02 * width);
}

static void narrow(search *s, double q, double measure)
{
    if (measure < aim(s)) {
        s->low = q;
        s->at_low = measure;
        s->on_low += !isnan(s->at_high);
        s->on_high = 0;
    } else {
        s->high = q;
        s->at_high = measure;
        s->on_high += !isnan(s->at_low);
        s->on_low = 0;
    }
}

/* By two points, if that is something to go by. */
static void learn_slope(search *s, double dq, double dm)
{
    const double usual = s->trend->slope;
    if (fabs(dq) > 0.5)
        s->slope = fmin(fmax(dm / dq, usual / 8), usual * 8);
}

static nenc_status run(search *s, nenc_diag *diag)
{
    const double guess = 50 + (aim(s) - s->trend->middle) / s->slope;
    double q = fmin(fmax(guess, 0), 100), last = 0, last_measure = 0;
    while (s->best->encodes < MAX_ENCODES) {
        double measure;
        NENC_TRY(try(s, q, &measure, diag));
        if (s->best->encodes > 1)
            learn_slope(s, q - last, measure - last_measure);
        narrow(s, q, measure);
        /* the end of the scale, and the target lies beyond it */
        if (is_reached(s, s->gap) || (q <= 0 && measure >= aim(s))
            || (q >= 100 && measure <= aim(s)) || s->high - s->low < 0.01)
            break;
        last = q;
        last_measure = measure;
        q = next_quality(s, q, measure);
    }
    s->best->reached = is_reached(s, s->gap);
    return NENC_OK;
}

static int append(void *user, const void *data, size_t size)
{
    nenc_buffer_put(user, data, size);
    return ((nenc_buffer *)user)->failed;
}

nenc_status target_encode(target_result *r, double quality,
                          nenc_encoder *enc, size_t ceiling, nenc_diag *diag)
{
    memset(r, 0, sizeof *r);
    r->quality = quality;
    nenc_buffer_init(&r->bytes, ceiling);
    const nenc_status st = nenc_encoder_write(enc, quality, append, &r->bytes,
                                              diag);
    nenc_encoder_symbol_hash(enc, r->symbols);
    return st < 0 && r->bytes.failed
         ? nenc_fail(diag, NENC_ENOMEM, "no memory for the stream") : st;
}

nenc_status target_search(target_result *r, const target *t,
                          nenc_encoder *enc, const nenc_image *image,
                          const check_stream *decode, nenc_diag *diag)
{
    search s = {
        .t = t, .trend = &trends[t->kind], .slope = trends[t->kind].slope,
        .enc = enc, .image = image,
        .decode = *decode, .best = r, .high = 100, .at_low = NAN,
        .at_high = NAN,
        .pixels = (double)image->width * image->height,
    };
    memset(r, 0, sizeof *r);
    s.wanted = measure_of(&s, t->value);
    return run(&s, diag);
}

void target_result_free(target_result *r)
{
    nenc_buffer_free(&r->bytes);
}
