/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  A sample is predicted from its neighbours as in JPEG-LS (LOCO-I,
 * Weinberger, Seroussi, Sapiro 2000): the median of left, above, and left +
 * above - above left.  Adaptive bits then say whether that is it; if not, whether
 * it is 0 or the most there is; else the sign and size of the difference, in
 * contexts of how the neighbours differ.  Neighbours outside the plane are the
 * nearest inside, or 0. */
#include <string.h>

#include "mem.h"
#include "plane.h"
#include "range_coder.h"

enum { CONTEXTS = 27, ACTIVITIES = 5, SIZES = 17 };

/* Two rows of samples with one more at the left and right, and what the bits
 * have taught. */
typedef struct coder {
    uint32_t width, bits;
    uint16_t *above, *row;       /* [-1 .. width] */
    uint16_t *rows;
    nenc_rc_bit same[CONTEXTS];
    nenc_rc_bit is_end[CONTEXTS], which_end[CONTEXTS];
    nenc_rc_bit sign[CONTEXTS];
    nenc_rc_bit size[ACTIVITIES][SIZES];
    nenc_rc_bit top[ACTIVITIES][SIZES];
} coder;

static void start_bits(nenc_rc_bit *b, size_t n)
{
    const nenc_rc_bit fresh = NENC_RC_BIT;
    for (size_t i = 0; i < n; i++)
        b[i] = fresh;
}

static nenc_status start(coder *c, uint32_t width, uint32_t bits,
                         nenc_diag *diag)
{
    size_t n;
    c->width = width;
    c->bits = bits;
    c->rows = NULL;
    if (nenc_size_mul(&n, 2, (size_t)width + 2))
        c->rows = nenc_mem_zalloc(n, sizeof *c->rows);
    if (!c->rows)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    c->above = c->rows + 1;
    c->row = c->above + width + 2;
    start_bits(c->same, CONTEXTS);
    start_bits(c->is_end, CONTEXTS);
    start_bits(c->which_end, CONTEXTS);
    start_bits(c->sign, CONTEXTS);
    start_bits(c->size[0], ACTIVITIES * SIZES);
    start_bits(c->top[0], ACTIVITIES * SIZES);
    return NENC_OK;
}

/* The row that was coded becomes the one above. */
static void next_row(coder *c)
{
    uint16_t *done = c->row;
    c->row = c->above;
    c->above = done;
    c->above[-1] = c->above[0];
    c->above[c->width] = c->above[c->width - 1];
    c->row[-1] = c->above[0];
}

/* 0: equal, 1: near, 2: far */
static unsigned step_of(int a, int b, unsigned shift)
{
    const int d = (a > b ? a - b : b - a) >> shift;
    return a == b ? 0 : d < 16 ? 1 : 2;
}

typedef struct guess {
    int value;
    unsigned context, activity;
} guess;

static guess guess_at(const coder *c, uint32_t x)
{
    const int w = c->row[(ptrdiff_t)x - 1], n = c->above[x];
    const int nw = c->above[(ptrdiff_t)x - 1], ne = c->above[x + 1];
    const unsigned shift = c->bits - 8;
    const int low = NENC_MIN(w, n), high = NENC_MAX(w, n);
    const unsigned a = step_of(w, nw, shift), b = step_of(nw, n, shift);
    const unsigned d = step_of(n, ne, shift);
    const int slope = w + n - nw;
    return (guess){ nw >= high ? low : nw <= low ? high : slope,
                    9 * a + 3 * b + d, NENC_MIN(a + b + d, ACTIVITIES - 1) };
}

/* How many bits v has: 0 for 0. */
static unsigned log_of(uint32_t v)
{
    unsigned n = 0;
    while (v >> n)
        n++;
    return n;
}

static void put_sample(nenc_rc_encoder *e, coder *c, const guess *g, int v)
{
    const int most = (1 << c->bits) - 1, d = v - g->value;
    const bool is_end = v == 0 || v == most;
    nenc_rc_encode_bit(e, &c->same[g->context], d == 0);
    if (d == 0)
        return;
    nenc_rc_encode_bit(e, &c->is_end[g->context], is_end);
    if (is_end && g->value != 0 && g->value != most)
        nenc_rc_encode_bit(e, &c->which_end[g->context], v == most);
    if (is_end)
        return;
    nenc_rc_encode_bit(e, &c->sign[g->context], d < 0);
    const uint32_t m = (uint32_t)(d < 0 ? -d : d);
    const unsigned n = log_of(m);          /* 1 to 17 */
    for (unsigned i = 1; i < SIZES; i++) {
        nenc_rc_encode_bit(e, &c->size[g->activity][i], i < n);
        if (i >= n)
            break;
    }
    if (n >= 2)
        nenc_rc_encode_bit(e, &c->top[g->activity][n - 1], m >> (n - 2) & 1);
    for (unsigned i = n; i-- > 2;)
        nenc_rc_encode_bits(e, m >> (i - 2) & 1, 1);
}

/* Limited to what a sample can be. */
static int get_sample(nenc_rc_decoder *e, coder *c, const guess *g)
{
    const int most = (1 << c->bits) - 1;
    if (nenc_rc_decode_bit(e, &c->same[g->context]))
        return g->value;
    if (nenc_rc_decode_bit(e, &c->is_end[g->context])) {
        if (g->value == 0 || g->value == most)
            return most - g->value;
        return nenc_rc_decode_bit(e, &c->which_end[g->context]) ? most : 0;
    }
    const bool is_less = nenc_rc_decode_bit(e, &c->sign[g->context]);
    unsigned n = 1;
    while (n < SIZES && nenc_rc_decode_bit(e, &c->size[g->activity][n]))
        n++;
    uint32_t m = 1;
    if (n >= 2)
        m = 2 + nenc_rc_decode_bit(e, &c->top[g->activity][n - 1]);
    for (unsigned i = n; i-- > 2;)
        m = m << 1 | nenc_rc_decode_bits(e, 1);
    const int v = is_less ? g->value - (int)m : g->value + (int)m;
    return v < 0 ? 0 : v > most ? most : v;
}

static uint16_t load(const nenc_plane *p, uint32_t x, uint32_t y)
{
    const uint8_t *s = p->data + y * p->stride + x * p->step;
    uint16_t v = *s;
    if (p->bits > 8)
        memcpy(&v, s, sizeof v);
    return v;
}

static void store(const nenc_plane *p, uint32_t x, uint32_t y, uint16_t v)
{
    uint8_t *d = p->data + y * p->stride + x * p->step;
    if (p->bits > 8)
        memcpy(d, &v, sizeof v);
    else
        *d = (uint8_t)v;
}

nenc_status nenc_plane_encode(const nenc_plane *p, size_t ceiling,
                              nenc_buffer *out, nenc_diag *diag)
{
    coder c;
    nenc_rc_encoder e;
    NENC_TRY(start(&c, p->width, p->bits, diag));
    nenc_rc_encoder_init(&e, 1, ceiling);
    for (uint32_t y = 0; y < p->height; y++) {
        for (uint32_t x = 0; x < p->width; x++) {
            const guess g = guess_at(&c, x);
            c.row[x] = load(p, x, y);
            put_sample(&e, &c, &g, c.row[x]);
        }
        next_row(&c);
    }
    const nenc_status st = nenc_rc_encoder_finish(&e, out, diag);
    nenc_rc_encoder_free(&e);
    nenc_mem_free(c.rows);
    return st;
}

nenc_status nenc_plane_decode(const nenc_plane *dst, uint32_t width,
                              uint32_t height, uint32_t crop_x,
                              uint32_t crop_y, nenc_bytes *src,
                              nenc_diag *diag)
{
    coder c;
    nenc_rc_decoder e;
    NENC_TRY(nenc_rc_decoder_init(&e, src, diag));
    NENC_TRY(start(&c, width, dst->bits, diag));
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            const guess g = guess_at(&c, x);
            c.row[x] = (uint16_t)get_sample(&e, &c, &g);
            if (x >= crop_x && x - crop_x < dst->width && y >= crop_y
                && y - crop_y < dst->height)
                store(dst, x - crop_x, y - crop_y, c.row[x]);
        }
        next_row(&c);
    }
    nenc_mem_free(c.rows);
    NENC_TRY(nenc_rc_decoder_end(&e, diag));
    if (nenc_bytes_left(src))
        return nenc_fail(diag, NENC_EBITSTREAM,
                         "%zu bytes after the transparency",
                         nenc_bytes_left(src));
    return NENC_OK;
}
