/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding what was just encoded.  Nothing else. */
#include <string.h>

#include "nenc_check.h"
#include "mem.h"
#include "picture_metrics.h"
#include "status.h"

static int64_t read_bytes(void *user, void *data, size_t size)
{
    nenc_bytes *b = user;
    const size_t n = NENC_MIN(size, nenc_bytes_left(b));
    memcpy(data, nenc_bytes_get(b, n), n);
    return (int64_t)n;
}

nenc_status check_decode(nenc_image *out, uint8_t symbols[32],
                         const check_stream *s, nenc_diag *diag)
{
    nenc_decoder_config cfg;
    nenc_decoder *dec;
    nenc_bytes src;
    memset(out, 0, sizeof *out);
    nenc_decoder_config_init(&cfg);
    cfg.threads = s->threads;
    cfg.max_memory = s->max_memory;
    cfg.max_samples = UINT64_MAX;     /* the encoder's limit has let it pass */
    nenc_bytes_init(&src, s->bytes->data, s->bytes->size);
    NENC_TRY(nenc_decoder_open(&dec, &cfg, read_bytes, &src, diag));
    const nenc_status st = nenc_decoder_decode(dec, s->model, out, diag);
    if (symbols)
        nenc_decoder_symbol_hash(dec, symbols);
    nenc_decoder_close(dec);
    return st;
}

/* ----------------------------------------------------------------- colours */

static unsigned sample(const nenc_image *im, const uint8_t *row, size_t i)
{
    return im->bits == 8 ? row[i]
                         : ((const uint16_t *)(const void *)row)[i];
}

/* A picture's colours in 8 bits, black where `mask` is wholly transparent. */
static nenc_status take_colours(nenc_image *out, const nenc_image *src,
                                const nenc_image *mask, nenc_diag *diag)
{
    const uint32_t step = src->channels, n = step - !(step & 1);
    const nenc_status st = nenc_image_alloc(out, src->width, src->height, n,
                                            8);
    if (st < 0)
        return nenc_fail(diag, st, "no memory to compare pictures");
    for (uint32_t y = 0; y < src->height; y++) {
        const uint8_t *s = src->data + y * src->stride;
        const uint8_t *m = mask->data + y * mask->stride;
        uint8_t *d = out->data + y * out->stride;
        for (uint32_t x = 0; x < src->width; x++)
            for (uint32_t k = 0; k < n; k++) {
                const unsigned v = sample(src, s, (size_t)x * step + k);
                const bool seen = n == step
                               || sample(mask, m, (size_t)(x + 1) * step - 1);
                d[x * n + k] = (uint8_t)(!seen ? 0 : src->bits == 8 ? v
                                         : (v * 255 + 32767) / 65535);
            }
    }
    return NENC_OK;
}

typedef nenc_status (*metric_fn)(double *value, const nenc_image *x,
                                 const nenc_image *y, nenc_diag *diag);

static nenc_status measure(double *value, metric_fn metric,
                           const nenc_image *src, const nenc_image *back,
                           nenc_diag *diag)
{
    nenc_image x = { 0 }, y = { 0 };
    if (src->bits == 8 && src->channels % 2)
        return metric(value, src, back, diag);
    nenc_status st = take_colours(&x, src, src, diag);
    if (st >= 0)
        st = take_colours(&y, back, src, diag);
    if (st >= 0)
        st = metric(value, &x, &y, diag);
    nenc_image_free(&x);
    nenc_image_free(&y);
    return st;
}

nenc_status check_psnr(double *db, const nenc_image *src,
                       const nenc_image *back, nenc_diag *diag)
{
    return measure(db, nenc_psnr, src, back, diag);
}

nenc_status check_ms_ssim(double *value, const nenc_image *src,
                          const nenc_image *back, nenc_diag *diag)
{
    return measure(value, nenc_ms_ssim, src, back, diag);
}

/* ------------------------------------------------------------ verification */

static bool is_same_blob(const nenc_blob *a, const nenc_blob *b)
{
    return a->size == b->size && (!a->size || !memcmp(a->data, b->data,
                                                      a->size));
}

static bool is_same_alpha(const nenc_image *a, const nenc_image *b)
{
    const size_t step = a->channels;
    if (step % 2)
        return true;
    for (uint32_t y = 0; y < a->height; y++)
        for (size_t i = step - 1; i < step * a->width; i += step)
            if (sample(a, a->data + y * a->stride, i)
                != sample(b, b->data + y * b->stride, i))
                return false;
    return true;
}

/* What is not as it should be, or NULL. */
static const char *difference(const nenc_image *a, const nenc_image *b)
{
    if (a->width != b->width || a->height != b->height
        || a->channels != b->channels || a->bits != b->bits)
        return "the dimensions";
    if (!is_same_alpha(a, b))
        return "the transparency";
    if (!is_same_blob(&a->icc, &b->icc) || !is_same_blob(&a->exif, &b->exif)
        || !is_same_blob(&a->xmp, &b->xmp))
        return "the profiles";
    return NULL;
}

nenc_status check_verify(double *psnr, const nenc_image *src,
                         const uint8_t symbols[32], const check_stream *s,
                         nenc_diag *diag)
{
    nenc_image back;
    uint8_t hash[32];
    NENC_TRY(check_decode(&back, hash, s, diag));
    const char *what = difference(src, &back);
    if (!what && memcmp(hash, symbols, sizeof hash))
        what = "the symbols";
    const nenc_status st = what
        ? nenc_fail(diag, NENC_ECORRUPT_OUTPUT, "verification failed: what was "
                    "encoded decodes to something else (%s)", what)
        : check_psnr(psnr, src, &back, diag);
    nenc_image_free(&back);
    return st;
}
