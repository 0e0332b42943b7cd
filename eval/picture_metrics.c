/* SPDX-License-Identifier: BSD-2-Clause */
/* PSNR and MS-SSIM of two pictures of 8 bits, in double precision.
 * Not normative: the last digits may differ between machines. */
#include <math.h>

#include "picture_metrics.h"
#include "mem.h"
#include "status.h"

enum { TAPS = 11, SCALES = 5, SUMS = 5 };

/* Two pictures' samples of one channel, at one scale. */
typedef struct planes {
    size_t w, h;
    float *x, *y;
} planes;

static nenc_status check_alike(const nenc_image *x, const nenc_image *y,
                               nenc_diag *diag)
{
    if (x->width == y->width && x->height == y->height
        && x->channels == y->channels)
        return NENC_OK;
    return nenc_fail(diag, NENC_EINVAL,
                     "%ux%u with %u channels and %ux%u with %u",
                     x->width, x->height, x->channels,
                     y->width, y->height, y->channels);
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
    const double mse = (double)sum / ((double)row * x->height);
    *psnr_db = sum ? 10 * log10(255.0 * 255.0 / mse) : INFINITY;
    return NENC_OK;
}

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

/* Columns of the window over rows [r, r + TAPS): into sums[k * w + column]
 * the weighted means of x, y, xx, yy, xy. */
static void sum_columns(double *sums, const planes *p, size_t r,
                        const double g[TAPS])
{
    for (size_t i = 0; i < SUMS * p->w; i++)
        sums[i] = 0;
    for (size_t j = 0; j < TAPS; j++) {
        const float *x = p->x + (r + j) * p->w;
        const float *y = p->y + (r + j) * p->w;
        for (size_t i = 0; i < p->w; i++) {
            const double a = x[i], b = y[i];
            sums[i] += g[j] * a;
            sums[p->w + i] += g[j] * b;
            sums[2 * p->w + i] += g[j] * a * a;
            sums[3 * p->w + i] += g[j] * b * b;
            sums[4 * p->w + i] += g[j] * a * b;
        }
    }
}

/* Means over all places of the window: of contrast times structure in *cs, of
 * that times luminance in *ssim.  `sums` is room for SUMS rows. */
static void compare_scale(double *cs, double *ssim, const planes *p,
                          double *sums, const double g[TAPS])
{
    const double c1 = (0.01 * 255) * (0.01 * 255);
    const double c2 = (0.03 * 255) * (0.03 * 255);
    const size_t w = p->w - (TAPS - 1), h = p->h - (TAPS - 1);
    double cs_sum = 0, ssim_sum = 0;
    for (size_t r = 0; r < h; r++) {
        sum_columns(sums, p, r, g);
        for (size_t i = 0; i < w; i++) {
            double m[SUMS] = { 0 };
            for (size_t k = 0; k < SUMS; k++)
                for (size_t j = 0; j < TAPS; j++)
                    m[k] += g[j] * sums[k * p->w + i + j];
            const double xx = m[0] * m[0], yy = m[1] * m[1], xy = m[0] * m[1];
            const double contrast = (2 * (m[4] - xy) + c2)
                                  / (m[2] - xx + m[3] - yy + c2);
            cs_sum += contrast;
            ssim_sum += contrast * (2 * xy + c1) / (xx + yy + c1);
        }
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

static double compare_channel(planes *p, double *sums)
{
    static const double weight[SCALES] = {
        0.0448, 0.2856, 0.3001, 0.2363, 0.1333
    };
    double g[TAPS], product = 1;
    window(g);
    for (int s = 0; s < SCALES; s++) {
        double cs, ssim;
        compare_scale(&cs, &ssim, p, sums, g);
        product *= pow(fmax(s < SCALES - 1 ? cs : ssim, 0), weight[s]);
        halve_plane(p->x, p->w, p->h);
        halve_plane(p->y, p->w, p->h);
        p->w = (p->w + 1) / 2;
        p->h = (p->h + 1) / 2;
    }
    return product;
}

static void take_channel(float *dst, const nenc_image *src, size_t channel)
{
    for (size_t r = 0; r < src->height; r++)
        for (size_t i = 0; i < src->width; i++)
            *dst++ = src->data[r * src->stride + i * src->channels + channel];
}

nenc_status nenc_ms_ssim(double *ms_ssim, const nenc_image *x,
                         const nenc_image *y, nenc_diag *diag)
{
    NENC_TRY(check_alike(x, y, diag));
    if (x->width <= NENC_MS_SSIM_SIDE || x->height <= NENC_MS_SSIM_SIDE)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "%ux%u is too small for MS-SSIM: both sides must be "
                         "over %d", x->width, x->height, NENC_MS_SSIM_SIDE);
    nenc_status status = NENC_ENOMEM;
    size_t n;
    planes p = { 0, 0, NULL, NULL };
    double *sums = nenc_mem_alloc((size_t)x->width * SUMS, sizeof *sums);
    if (nenc_size_mul(&n, x->width, x->height)) {
        p.x = nenc_mem_alloc(n, sizeof *p.x);
        p.y = nenc_mem_alloc(n, sizeof *p.y);
    }
    if (p.x && p.y && sums) {
        *ms_ssim = 0;
        for (size_t c = 0; c < x->channels; c++) {
            p.w = x->width;
            p.h = x->height;
            take_channel(p.x, x, c);
            take_channel(p.y, y, c);
            *ms_ssim += compare_channel(&p, sums) / x->channels;
        }
        status = NENC_OK;
    }
    nenc_mem_free(p.x);
    nenc_mem_free(p.y);
    nenc_mem_free(sums);
    return status < 0 ? nenc_fail(diag, status, "out of memory") : NENC_OK;
}
