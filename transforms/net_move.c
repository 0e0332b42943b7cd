/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Moving pixels: shuffle, unshuffle, pad, crop, and chains of them
 * in one pass.
 *
 * A chain may begin with a shuffle by f, and end with an unshuffle; what lies
 * between pads and crops.  Sample c of pixel (y, x) of a shuffled tensor lies
 * at R(y) + K(x) + c f^2 of the tensor before, with R(y) = y / f rows + y % f f
 * and K(x) = x / f positions + x % f; f = 1 is a tensor of pixels.  So a chain
 * copies from there to there, by a map of rows and one of columns.
 * Not here: shapes. */
#include <string.h>

#include "net_internal.h"

enum { NOWHERE = -1 };           /* padding with zeros */

/* Columns that follow each other on both sides. */
typedef struct run {
    size_t src, dst, n;          /* floats, floats, pixels */
    bool   zero;                 /* comes from nowhere */
} run;

struct nenc_move {
    size_t n_ops;
    const nenc_op *ops[NENC_MOVE_MAX]; /* but shuffle and unshuffle */
    size_t h[NENC_MOVE_MAX], w[NENC_MOVE_MAX]; /* of each one's source */
    size_t channels;             /* of a pixel */
    size_t src_f, dst_f;         /* of the shuffle, the unshuffle; or 1 */
    size_t src_h, dst_h;         /* pixels */
    size_t src_row, dst_row;     /* floats from a row of positions to the next */
    size_t n_runs;
    run *runs;
};

/* Where position i of a padded line of `size` comes from. */
static ptrdiff_t pad_source(nenc_pad_mode mode, ptrdiff_t i, ptrdiff_t n,
                            ptrdiff_t size)
{
    const bool before = i < n;
    if (!before && i < n + size)
        return i - n;
    const ptrdiff_t beyond = before ? n - i : i - n - size + 1; /* 1, 2 ... */
    ptrdiff_t inward = 0;
    switch (mode) {
    case NENC_PAD_ZERO:
        return NOWHERE;
    case NENC_PAD_REPLICATE:
        break;
    case NENC_PAD_REFLECT:
        inward = beyond;
        break;
    case NENC_PAD_SYMMETRIC:
        inward = beyond - 1;
        break;
    }
    return before ? inward : size - 1 - inward;
}

/* Where row (column) i of the chain's pixels comes from; sizes are m->h or
 * m->w. */
static ptrdiff_t source_of(const nenc_move *m, size_t i, const size_t *sizes)
{
    ptrdiff_t at = (ptrdiff_t)i;
    for (size_t k = m->n_ops; k-- && at != NOWHERE;) {
        const nenc_op *op = m->ops[k];
        const ptrdiff_t n = (ptrdiff_t)op->arg[0];
        at = op->layer->moves == NENC_MOVES_CROP ? at + n
           : pad_source(op->pad, at, n, (ptrdiff_t)sizes[k]);
    }
    return at;
}

/* K(x) */
static size_t column(size_t x, size_t f, size_t channels)
{
    return x / f * f * f * channels + x % f * (f > 1 ? 1 : channels);
}

/* R(y) */
static size_t row(size_t y, size_t f, size_t row_floats)
{
    return y / f * row_floats + y % f * f;
}

/* Floats from a pixel to the next, within a position. */
static size_t step_of(size_t f, size_t channels)
{
    return f > 1 ? 1 : channels;
}

static void find_runs(nenc_move *m, size_t width)
{
    const size_t src_step = step_of(m->src_f, m->channels);
    const size_t dst_step = step_of(m->dst_f, m->channels);
    m->n_runs = 0;
    for (size_t x = 0; x < width; x++) {
        const ptrdiff_t from = source_of(m, x, m->w);
        const bool zero = from == NOWHERE;
        const size_t src = zero ? 0 : column((size_t)from, m->src_f,
                                             m->channels);
        const size_t dst = column(x, m->dst_f, m->channels);
        run *last = m->n_runs ? &m->runs[m->n_runs - 1] : NULL;
        if (last && last->zero == zero && dst == last->dst + last->n * dst_step
            && (zero || src == last->src + last->n * src_step))
            last->n++;
        else
            m->runs[m->n_runs++] = (run){ src, dst, 1, zero };
    }
}

static void take_op(nenc_move *m, const nenc_op *op, const nenc_shape *src)
{
    if (op->layer->moves == NENC_MOVES_SHUFFLE) {
        m->src_f = op->arg[0];
    } else if (op->layer->moves == NENC_MOVES_UNSHUFFLE) {
        m->dst_f = op->arg[0];
    } else {
        m->h[m->n_ops] = src->h;
        m->w[m->n_ops] = src->w;
        m->ops[m->n_ops++] = op;
    }
}

nenc_status nenc_move_open(const nenc_move **out, nenc_arena *arena,
                           const nenc_op *const *ops, size_t n,
                           const nenc_shape *shapes)
{
    const nenc_shape *src = &shapes[0], *dst = &shapes[n];
    nenc_move *m = nenc_arena_zalloc(arena, 1, sizeof *m);
    if (!m)
        return NENC_ENOMEM;
    m->src_f = m->dst_f = 1;
    for (size_t i = 0; i < n; i++)
        take_op(m, ops[i], &shapes[i]);
    m->channels = src->c / (m->src_f * m->src_f);
    m->src_h = src->h * m->src_f;
    m->dst_h = dst->h * m->dst_f;
    m->src_row = src->w * src->c;
    m->dst_row = dst->w * dst->c;
    m->runs = nenc_arena_zalloc(arena, dst->w * m->dst_f, sizeof *m->runs);
    if (!m->runs)
        return NENC_ENOMEM;
    find_runs(m, dst->w * m->dst_f);
    *out = m;
    return NENC_OK;
}

void nenc_move_rows(const nenc_move *m, size_t y0, size_t y1, size_t *s0,
                    size_t *s1)
{
    size_t low = m->src_h - 1, high = 0;
    for (size_t y = y0 * m->dst_f; y < y1 * m->dst_f; y++) {
        const ptrdiff_t from = source_of(m, y, m->h);
        if (from == NOWHERE)
            continue;
        low = NENC_MIN(low, (size_t)from);
        high = NENC_MAX(high, (size_t)from);
    }
    *s0 = NENC_MIN(low, high) / m->src_f;
    *s1 = NENC_MAX(low, high) / m->src_f + 1;
}

/* ----------------------------------------------------------------- copying */

/* From planes of a block to pixels.  Three channels are spelt out: colours. */
static void join(float *d, const float *s, size_t n, size_t plane, size_t c)
{
    if (c == 3) {
        for (size_t i = 0; i < n; i++, d += 3) {
            d[0] = s[i];
            d[1] = s[i + plane];
            d[2] = s[i + 2 * plane];
        }
        return;
    }
    for (size_t i = 0; i < n; i++, d += c)
        for (size_t k = 0; k < c; k++)
            d[k] = s[i + k * plane];
}

/* And back. */
static void part(float *d, const float *s, size_t n, size_t plane, size_t c)
{
    if (c == 3) {
        for (size_t i = 0; i < n; i++, s += 3) {
            d[i] = s[0];
            d[i + plane] = s[1];
            d[i + 2 * plane] = s[2];
        }
        return;
    }
    for (size_t i = 0; i < n; i++, s += c)
        for (size_t k = 0; k < c; k++)
            d[i + k * plane] = s[k];
}

static void clear(float *d, size_t n, size_t plane, size_t c, size_t f)
{
    if (f == 1)
        memset(d, 0, n * c * sizeof *d);
    else
        for (size_t k = 0; k < c; k++)
            memset(d + k * plane, 0, n * sizeof *d);
}

static void copy_planes(float *d, const float *s, size_t n, size_t to,
                        size_t from, size_t c)
{
    for (size_t k = 0; k < c; k++, d += to, s += from) {
        size_t i = 0;
        for (; i + 8 <= n; i += 8)
            memcpy(d + i, s + i, 8 * sizeof *d);
        for (; i < n; i++)
            d[i] = s[i];
    }
}

/* A run of columns in one row; src = NULL: zeros. */
static void move_run(const nenc_move *m, const run *r, float *dst,
                     const float *src)
{
    const size_t c = m->channels;
    const size_t from = m->src_f * m->src_f, to = m->dst_f * m->dst_f;
    float *d = dst + r->dst;
    if (!src || r->zero)
        clear(d, r->n, to, c, m->dst_f);
    else if (m->src_f == 1 && m->dst_f == 1)
        memcpy(d, src + r->src, r->n * c * sizeof *d);
    else if (m->dst_f == 1)
        join(d, src + r->src, r->n, from, c);
    else if (m->src_f == 1)
        part(d, src + r->src, r->n, to, c);
    else
        copy_planes(d, src + r->src, r->n, to, from, c);
}

/* Some rows at a time, block by block: a whole row's samples of all blocks lie
 * a power of two apart, which caches handle badly. */
void nenc_move_run(const nenc_op_run *r, size_t row0, size_t row1)
{
    enum { ROWS = 16 };
    const nenc_move *m = r->move;
    const size_t image_size = m->src_h / m->src_f * m->src_row;
    const size_t end = row1 * m->dst_f;
    size_t n;
    for (size_t y = row0 * m->dst_f; y < end; y += n) {
        const float *src[ROWS];
        float *dst[ROWS];
        n = NENC_MIN(end - y, (size_t)ROWS);
        for (size_t i = 0; i < n; i++) {
            const size_t image = (y + i) / m->dst_h;
            const ptrdiff_t from = source_of(m, (y + i) % m->dst_h, m->h);
            dst[i] = r->dst + (row(y + i, m->dst_f, m->dst_row)
                               - r->dst_first * m->dst_row);
            src[i] = from == NOWHERE ? NULL : r->src[0]
                     + (image * image_size - r->src_first[0] * m->src_row
                        + row((size_t)from, m->src_f, m->src_row));
        }
        for (size_t k = 0; k < m->n_runs; k++)
            for (size_t i = 0; i < n; i++)
                move_run(m, &m->runs[k], dst[i], src[i]);
    }
}

/* ---------------------------------------------------------------- backward */

nenc_status nenc_move_map_back(const size_t **out, const nenc_move *m,
                               nenc_arena *arena)
{
    size_t *first = nenc_arena_zalloc(arena, m->src_h + 1 + m->dst_h,
                                      sizeof *first);
    if (!first)
        return NENC_ENOMEM;
    size_t *list = first + m->src_h + 1;
    for (size_t y = 0; y < m->dst_h; y++) {
        const ptrdiff_t from = source_of(m, y, m->h);
        if (from != NOWHERE)
            first[from + 1]++;
    }
    for (size_t y = 0; y < m->src_h; y++)
        first[y + 1] += first[y];
    for (size_t y = 0; y < m->dst_h; y++) {
        const ptrdiff_t from = source_of(m, y, m->h);
        if (from != NOWHERE)
            list[first[from]++] = y;
    }
    memmove(first + 1, first, m->src_h * sizeof *first);
    first[0] = 0;
    *out = first;
    return NENC_OK;
}

/* What a run has taken is given back, added to what is there. */
static void give_run(const nenc_move *m, const run *r, const float *dst,
                     float *src)
{
    const size_t c = m->channels;
    const size_t s_step = step_of(m->src_f, c), d_step = step_of(m->dst_f, c);
    const size_t s_plane = m->src_f > 1 ? m->src_f * m->src_f : 1;
    const size_t d_plane = m->dst_f > 1 ? m->dst_f * m->dst_f : 1;
    const float *d = dst + r->dst;
    float *s = src + r->src;
    if (m->src_f == 1 && m->dst_f == 1) {
        for (size_t i = 0; i < r->n * c; i++)
            s[i] += d[i];
        return;
    }
    for (size_t k = 0; k < c; k++, s += s_plane, d += d_plane)
        for (size_t i = 0; i < r->n; i++)
            s[i * s_step] += d[i * d_step];
}

void nenc_move_run_back(const nenc_move *m, const size_t *map,
                        const float *dst, float *src, size_t row0, size_t row1)
{
    const size_t *list = map + m->src_h + 1;
    const size_t src_image = m->src_h / m->src_f * m->src_row;
    const size_t dst_image = m->dst_h / m->dst_f * m->dst_row;
    memset(src + row0 * m->src_row, 0, (row1 - row0) * m->src_row * sizeof *src);
    for (size_t at = row0 * m->src_f; at < row1 * m->src_f; at++) {
        const size_t image = at / m->src_h, y = at % m->src_h;
        float *s = src + image * src_image + row(y, m->src_f, m->src_row);
        for (size_t i = map[y]; i < map[y + 1]; i++) {
            const float *d = dst + image * dst_image
                           + row(list[i], m->dst_f, m->dst_row);
            for (size_t k = 0; k < m->n_runs; k++)
                if (!m->runs[k].zero)
                    give_run(m, &m->runs[k], d, s);
        }
    }
}
