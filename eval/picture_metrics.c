/* SPDX-License-Identifier: BSD-2-Clause */
/* PSNR, SSIM and MS-SSIM of two pictures of 8 bits, in double precision.
 * Not normative: the last digits may differ between machines. */
#include <math.h>

#include "picture_metrics.h"
#include "mem.h"
#include "status.h"

static nenc_status check_alike(const nenc_image *x, const nenc_image *y,
                               nenc_diag *diag)
{
    if (x->bits != 8 || y->bits != 8)
        return nenc_fail(diag, NENC_EINVAL, "pictures of 16 bits a sample");
    if (x->width == y->width && x->height == y->height
        && x->channels == y->channels)
        return NENC_OK;
    return nenc_fail(diag, NENC_EINVAL,
                     "%ux%u with %u channels and %ux%u with %u",
                     x->width, x->height, x->channels,
                     y->width, y->height, y->channels);
}

static double decibels(double square_sum, double n)
{
    return square_sum > 0 ? 10 * log10(255.0 * 255.0 * n / square_sum)
                          : INFINITY;
}

nenc_status nenc_psnr(double *psnr_db, const nenc_image *x,
                      const nenc_image *y, nenc_diag *diag)
{
    NENC_TRY(check_alike(x, y, diag));
    const size_t row = (size_t)x->width * x->channels;
    uint64_t sum = 0;
    for (size_t r = 0; r < x->height; r++) {
        const uint8_t *a = x->data + r * x->stride;
        const uint8_t *b = y->data + r * y->stride;
        for (size_t i = 0; i < row; i++) {
            const int d = a[i] - b[i];
            sum += (uint64_t)(d * d);
        }
    }
    *psnr_db = decibels((double)sum, (double)row * x->height);
    return NENC_OK;
}

/* Sums of squared errors of Y', Cb and Cr, from n pixels of R'G'B'.  The
 * transform is linear: an error's is that of the colors' errors. */
static void add_yuv_errors(double sum[3], const uint8_t *a, const uint8_t *b,
                           size_t n)
{
    for (size_t i = 0; i < 3 * n; i += 3) {
        const double red = a[i] - b[i];
        const double green = a[i + 1] - b[i + 1];
        const double blue = a[i + 2] - b[i + 2];
        const double luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        const double cb = (blue - luma) / 1.8556;
        const double cr = (red - luma) / 1.5748;
        sum[0] += luma * luma;
        sum[1] += cb * cb;
        sum[2] += cr * cr;
    }
}

nenc_status nenc_psnr_yuv(double *psnr_db, const nenc_image *x,
                          const nenc_image *y, nenc_diag *diag)
{
    NENC_TRY(nenc_psnr(psnr_db, x, y, diag));
    if (x->channels != 3 || isinf(*psnr_db))
        return NENC_OK;
    double sum[3] = { 0 }, plane_db[3];
    for (size_t r = 0; r < x->height; r++)
        add_yuv_errors(sum, x->data + r * x->stride, y->data + r * y->stride,
                       x->width);
    for (int i = 0; i < 3; i++)
        plane_db[i] = fmin(decibels(sum[i], (double)x->width * x->height),
                           NENC_PSNR_YUV_CAP);
    *psnr_db = (6 * plane_db[0] + plane_db[1] + plane_db[2]) / 8;
    return NENC_OK;
}

/* -------------------------------------------------------- SSIM, MS-SSIM */

enum {
    TAPS = NENC_SSIM_SIDE, SCALES = 5,
    MAPS = 4,       /* of which the window takes means: x, y, xx + yy, xy */
    LANES = 4       /* samples that the innermost loops take at once */
};

/* Two pictures' samples of one channel, at one scale.  Floats hold them
 * exactly: 8 bits, and 2 more per scale. */
typedef struct planes {
    size_t w, h;
    float *x, *y;
} planes;

/* Rows of MAPS maps, each map `pitch` wide.  What lies behind a map's end, up
 * to where a window may look, is some finite number. */
typedef struct scratch {
    double g[TAPS];
    size_t pitch, row_size;
    double *maps;           /* of one row of samples */
    double *ring;           /* TAPS rows, blurred along the row */
    double *means;          /* one row, blurred along the columns too */
} scratch;

static void window(double g[TAPS])
{
    double sum = 0;
    for (int i = 0; i < TAPS; i++) {
        const double d = i - TAPS / 2;
        g[i] = exp(-d * d / (2 * 1.5 * 1.5));
        sum += g[i];
    }
    for (int i = 0; i < TAPS; i++)
        g[i] /= sum;
}

/* dst = sum of g[j] * row[j], n values; n is a multiple of LANES. */
static void blur(double *restrict dst, const double *const row[TAPS],
                 const double g[TAPS], size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        double sum[LANES];
        for (size_t k = 0; k < LANES; k++)
            sum[k] = g[TAPS / 2] * row[TAPS / 2][i + k];
        for (size_t j = 0; j < TAPS / 2; j++)
            for (size_t k = 0; k < LANES; k++)
                sum[k] += g[j] * (row[j][i + k] + row[TAPS - 1 - j][i + k]);
        for (size_t k = 0; k < LANES; k++)
            dst[i + k] = sum[k];
    }
}

/* The maps of row r, blurred along it, into their place in the ring. */
static void blur_row(scratch *s, const planes *p, size_t r)
{
    const float *x = p->x + r * p->w, *y = p->y + r * p->w;
    const double *shifted[TAPS];
    double *maps = s->maps;
    for (size_t i = 0; i < p->w; i++) {
        const double a = x[i], b = y[i];
        maps[i] = a;
        maps[s->pitch + i] = b;
        maps[2 * s->pitch + i] = a * a + b * b;
        maps[3 * s->pitch + i] = a * b;
    }
    for (int j = 0; j < TAPS; j++)
        shifted[j] = maps + j;
    blur(s->ring + r % TAPS * s->row_size, shifted, s->g, MAPS * s->pitch);
}

/* Sums over n windows from their means: of contrast times structure to *cs,
 * of that times luminance to *ssim. */
static void compare_means(double *cs, double *ssim, const scratch *s, size_t n)
{
    const double c1 = (0.01 * 255) * (0.01 * 255);
    const double c2 = (0.03 * 255) * (0.03 * 255);
    for (size_t i = 0; i < n; i++) {
        const double x = s->means[i], y = s->means[s->pitch + i];
        const double square = x * x + y * y, product = x * y;
        const double contrast
            = (2 * (s->means[3 * s->pitch + i] - product) + c2)
            / (s->means[2 * s->pitch + i] - square + c2);
        *cs += contrast;
        *ssim += contrast * (2 * product + c1) / (square + c1);
    }
}

/* The means of *cs and *ssim over all places of the window. */
static void compare_scale(double *cs, double *ssim, const planes *p,
                          scratch *s)
{
    const size_t w = p->w - (TAPS - 1), h = p->h - (TAPS - 1);
    double cs_sum = 0, ssim_sum = 0;
    s->pitch = (p->w + LANES - 1) / LANES * LANES;
    for (size_t r = 0; r < p->h; r++) {
        const double *row[TAPS];
        blur_row(s, p, r);
        if (r < TAPS - 1)
            continue;
        for (size_t j = 0; j < TAPS; j++)
            row[j] = s->ring + (r + 1 + j) % TAPS * s->row_size;
        blur(s->means, row, s->g, MAPS * s->pitch);
        compare_means(&cs_sum, &ssim_sum, s, w);
    }
    *cs = cs_sum / ((double)w * (double)h);
    *ssim = ssim_sum / ((double)w * (double)h);
}

/* Means of 2x2, in place: a sample is written after it was last read. */
static void halve_plane(float *x, size_t w, size_t h)
{
    const size_t w2 = (w + 1) / 2, h2 = (h + 1) / 2;
    const size_t left = w % 2, above = h % 2;
    for (size_t r = 0; r < h2; r++)
        for (size_t i = 0; i < w2; i++) {
            float sum = 0;
            for (size_t j = 0; j < 2; j++)
                for (size_t k = 0; k < 2; k++)
                    if (2 * r + j >= above && 2 * i + k >= left)
                        sum += x[(2 * r + j - above) * w + 2 * i + k - left];
            x[r * w2 + i] = sum / 4;
        }
}

/* SSIM of the first scale, and MS-SSIM where n_scales is SCALES. */
static void compare_channel(double *ssim, double *ms_ssim, planes *p,
                            scratch *s, int n_scales)
{
    static const double weight[SCALES] = {
        0.0448, 0.2856, 0.3001, 0.2363, 0.1333
    };
    *ms_ssim = 1;
    for (int i = 0; i < n_scales; i++) {
        double cs, full;
        compare_scale(&cs, &full, p, s);
        if (i == 0)
            *ssim = full;
        *ms_ssim *= pow(fmax(i < SCALES - 1 ? cs : full, 0), weight[i]);
        halve_plane(p->x, p->w, p->h);
        halve_plane(p->y, p->w, p->h);
        p->w = (p->w + 1) / 2;
        p->h = (p->h + 1) / 2;
    }
}

static void take_channel(float *dst, const nenc_image *src, size_t channel)
{
    for (size_t r = 0; r < src->height; r++)
        for (size_t i = 0; i < src->width; i++)
            *dst++ = src->data[r * src->stride + i * src->channels + channel];
}

/* Means over the channels. */
static nenc_status compare(double *ssim, double *ms_ssim, const nenc_image *x,
                           const nenc_image *y, int n_scales, nenc_diag *diag)
{
    const size_t n = (size_t)x->width * x->height;
    scratch s = { .row_size = MAPS * ((size_t)x->width + LANES) + TAPS };
    nenc_arena arena;
    nenc_arena_init(&arena, SIZE_MAX);
    planes p = { .x = nenc_arena_zalloc(&arena, n, sizeof *p.x),
                 .y = nenc_arena_zalloc(&arena, n, sizeof *p.y) };
    s.maps = nenc_arena_zalloc(&arena, s.row_size, sizeof *s.maps);
    s.ring = nenc_arena_zalloc(&arena, TAPS * s.row_size, sizeof *s.ring);
    s.means = nenc_arena_zalloc(&arena, s.row_size, sizeof *s.means);
    const bool ok = p.x && p.y && s.maps && s.ring && s.means;
    window(s.g);
    *ssim = *ms_ssim = 0;
    for (size_t c = 0; ok && c < x->channels; c++) {
        double one, ms_one;
        p.w = x->width;
        p.h = x->height;
        take_channel(p.x, x, c);
        take_channel(p.y, y, c);
        compare_channel(&one, &ms_one, &p, &s, n_scales);
        *ssim += one / x->channels;
        *ms_ssim += ms_one / x->channels;
    }
    nenc_arena_free(&arena);
    return ok ? NENC_OK : nenc_fail(diag, NENC_ENOMEM, "out of memory");
}

static nenc_status check_side(const nenc_image *x, uint32_t least,
                              const char *metric, nenc_diag *diag)
{
    if (NENC_MIN(x->width, x->height) >= least)
        return NENC_OK;
    return nenc_fail(diag, NENC_EUNSUPPORTED,
                     "%ux%u is too small for %s: both sides must be at least "
                     "%u", x->width, x->height, metric, least);
}

nenc_status nenc_ssim(double *ssim, const nenc_image *x, const nenc_image *y,
                      nenc_diag *diag)
{
    double unused;
    NENC_TRY(check_alike(x, y, diag));
    NENC_TRY(check_side(x, NENC_SSIM_SIDE, "SSIM", diag));
    return compare(ssim, &unused, x, y, 1, diag);
}

nenc_status nenc_ms_ssim(double *ms_ssim, const nenc_image *x,
                         const nenc_image *y, nenc_diag *diag)
{
    double unused;
    NENC_TRY(check_alike(x, y, diag));
    NENC_TRY(check_side(x, NENC_MS_SSIM_SIDE, "MS-SSIM", diag));
    return compare(&unused, ms_ssim, x, y, SCALES, diag);
}

nenc_status nenc_ssim_both(double *ssim, double *ms_ssim, const nenc_image *x,
                           const nenc_image *y, nenc_diag *diag)
{
    if (NENC_MIN(x->width, x->height) >= NENC_MS_SSIM_SIDE) {
        NENC_TRY(check_alike(x, y, diag));
        return compare(ssim, ms_ssim, x, y, SCALES, diag);
    }
    *ms_ssim = NAN;
    return nenc_ssim(ssim, x, y, diag);
}
