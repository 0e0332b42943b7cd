/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The convolution loops over a vector type, included once by each
 * kernel file after exact_math.inc.h.  Besides what that needs:
 *
 *   VECS      vectors in a block of output channels
 *   TILE      pixels in a tile; TILE * VECS sums stay in registers
 *   DW_TILE   the same for depthwise, where a sum is one vector
 *   K_CHUNK   terms of a sum taken before going to the next tile
 *   TABLE, NAME
 *   UNROLL    before a loop: unroll it fully
 *   v_has_nan(a, n)   whether any of n vectors holds a NaN
 *
 * Vector lanes run across output channels, so each sum is taken in the order
 * that exact_kernels.h states whatever the tiles are.  (No include guard: a
 * template.  The inner functions rely on constant arguments and full
 * unrolling, hence the attributes.) */

#define BLOCK (LANES * VECS)
#define STRIP (8 * TILE)    /* pixels that share a pass over the weights */
#define INLINE static inline __attribute__((always_inline))

/* Ask for p[i] early, which need not exist. */
INLINE void fetch(const float *p, size_t i)
{
    __builtin_prefetch((const char *)((uintptr_t)p + i * sizeof *p));
}

/* The activation on n sums (see nenc_act). */
INLINE void finish(vf *sum, int n, nenc_act act, float a)
{
    const vf slope = v_set1(a);
    if (act == NENC_ACT_RELU) {
        UNROLL
        for (int k = 0; k < n; k++)
            sum[k] = m_relu(sum[k]);
    } else if (act == NENC_ACT_LRELU) {
        UNROLL
        for (int k = 0; k < n; k++)
            sum[k] = m_lrelu(sum[k], slope);
    } else if (v_has_nan(sum, n)) {     /* almost never */
        UNROLL
        for (int k = 0; k < n; k++)
            sum[k] = m_canonical(sum[k]);
    }
}

/* Pixel p of a tile.  Three bases, one step and three times that reach 15
 * pixels through x86 addressing (base + index * 1, 2, 4) and so leave
 * registers for nothing else to spill. */
INLINE const float *pixel(const float *const *base, size_t step,
                          size_t step3, int p)
{
    const int q = p % 5;
    return base[p / 5] + (q == 3 ? step3 : (size_t)q * step);
}

/* A tile: n pixels, one block of output channels, some terms of the sums. */
typedef struct tile {
    const float *src, *weight;
    const float *bias;        /* NULL: the sums start at dst */
    float *dst;
    size_t src_step, dst_step, src_pitch;
    size_t w_pitch;           /* floats from r to r + 1 */
    size_t rows, run;
    size_t n_channels;        /* of the block that exist, 1 to BLOCK */
    bool   is_new;            /* the pixels have not been read before */
    bool   is_last;           /* no terms follow: finish the sums */
    nenc_act act;
    float  slope;
} tile;

/* The first n floats, at most a vector. */
INLINE vf load_sum(const float *p, size_t n)
{
    return n >= LANES ? v_load(p) : n ? v_load_n(p, n) : v_set1(0.0f);
}

INLINE void store_sum(float *p, size_t n, vf sum)
{
    if (n >= LANES)
        v_store(p, sum);
    else if (n)
        v_store_n(p, n, sum);
}

/* Channels of the tile from vector v on. */
INLINE size_t channels_from(const tile *t, int v)
{
    const size_t done = (size_t)v * LANES;
    return t->n_channels > done ? t->n_channels - done : 0;
}

INLINE void tile_start(const tile *t, const float *dst, int n, int nv,
                       vf *sum)
{
    const size_t step = t->dst_step;
    const bool is_full = t->n_channels >= (size_t)nv * LANES;
    if (t->bias) {
        UNROLL
        for (int k = 0; k < n * nv; k++)
            sum[k] = k < nv ? v_load(t->bias + k * LANES) : sum[k - nv];
        return;
    }
    UNROLL
    for (int p = 0; p < n; p++) {
        UNROLL
        for (int v = 0; v < nv; v++)
            sum[p * nv + v] = is_full
                ? v_load(dst + v * LANES)
                : load_sum(dst + v * LANES, channels_from(t, v));
        dst += step;
    }
}

INLINE void tile_end(const tile *t, float *dst, int n, int nv, vf *sum)
{
    const size_t step = t->dst_step;
    const bool is_full = t->n_channels >= (size_t)nv * LANES;
    if (t->is_last)
        finish(sum, n * nv, t->act, t->slope);
    if (is_full) {
        UNROLL
        for (int p = 0; p < n; p++) {
            UNROLL
            for (int v = 0; v < nv; v++)
                v_store(dst + v * LANES, sum[p * nv + v]);
            dst += step;
        }
        return;
    }
    UNROLL
    for (int v = 0; v < nv; v++) {
        const size_t left = channels_from(t, v);
        float *at = dst + v * LANES;
        UNROLL
        for (int p = 0; p < n; p++) {
            store_sum(at, left, sum[p * nv + v]);
            at += step;
        }
    }
}

/* One term of every sum in the tile. */
INLINE void tile_term(const float *const *base, size_t step, size_t step3,
                      size_t i, const float *w, int n, int nv, vf *sum)
{
    vf wv[VECS];
    UNROLL
    for (int v = 0; v < nv; v++)
        wv[v] = v_load(w + v * LANES);
    UNROLL
    for (int p = 0; p < n; p++) {
        const vf x = v_set1(pixel(base, step, step3, p)[i]);
        UNROLL
        for (int v = 0; v < nv; v++)
            sum[p * nv + v] = v_fma(x, wv[v], sum[p * nv + v]);
    }
}

/* `count` tiles of n pixels, one after the other. */
INLINE void run_tiles_of(const tile *t, size_t count, int n, int nv)
{
    const size_t step = t->src_step, step3 = 3 * step;
    const float *src = t->src;
    float *dst = t->dst;
    for (; count > 0; count--) {
        vf sum[TILE * VECS];
        tile_start(t, dst, n, nv, sum);
        for (size_t r = 0; r < t->rows; r++) {
            const float *x = src + r * t->src_pitch;
            const float *base[3] = { x, n > 5 ? x + 5 * step : x,
                                     n > 10 ? x + 10 * step : x };
            const float *w = t->weight + r * t->w_pitch;
            size_t i = 0;
            if (t->is_new)
                for (; i + 16 <= t->run; i += 16) {
                    UNROLL
                    for (int p = 0; p < n; p++)
                        fetch(pixel(base, step, step3, p),
                              (size_t)n * step + i);
                    for (size_t u = i; u < i + 16; u++)
                        tile_term(base, step, step3, u, w + u * BLOCK, n, nv,
                                  sum);
                }
            for (; i < t->run; i++)
                tile_term(base, step, step3, i, w + i * BLOCK, n, nv, sum);
        }
        tile_end(t, dst, n, nv, sum);
        src += (size_t)n * step;
        dst += (size_t)n * t->dst_step;
    }
}

#define TILE_FN(n)                                          \
    static void tile_##n(const tile *t, size_t count)       \
    {                                                       \
        if (t->n_channels <= LANES)                         \
            run_tiles_of(t, count, n, 1);                   \
        else                                                \
            run_tiles_of(t, count, n, VECS);                \
    }
TILE_FN(1) TILE_FN(2) TILE_FN(3) TILE_FN(4) TILE_FN(5) TILE_FN(6)
#if TILE > 6
TILE_FN(7) TILE_FN(8) TILE_FN(9) TILE_FN(10) TILE_FN(11) TILE_FN(12)
TILE_FN(13) TILE_FN(14)
#endif
#undef TILE_FN

static void (*const tiles[TILE + 1])(const tile *, size_t) = {
    NULL, tile_1, tile_2, tile_3, tile_4, tile_5, tile_6,
#if TILE > 6
    tile_7, tile_8, tile_9, tile_10, tile_11, tile_12, tile_13, tile_14,
#endif
};

/* Some terms of the sums of n > 0 pixels, in tiles as even as can be: so many
 * of `most` pixels, then of one less.  `whole` tells how a tile would look
 * that held them all. */
static void run_tiles(const tile *whole, size_t n)
{
    const size_t n_tiles = (n + TILE - 1) / TILE;
    const size_t most = (n + n_tiles - 1) / n_tiles;
    const size_t n_small = n_tiles * most - n, n_large = n_tiles - n_small;
    tile rest = *whole;
    tiles[most](whole, n_large);
    if (n_small > 0) {
        rest.src += n_large * most * rest.src_step;
        rest.dst += n_large * most * rest.dst_step;
        tiles[most - 1](&rest, n_small);
    }
}

/* All terms of the sums of n pixels in one block of channels, a chunk of the
 * terms at a time so that its weights stay in L1 over the tiles. */
static void run_block(const tile *whole, size_t n)
{
    const size_t rows = whole->rows, run = whole->run;
    if (n <= TILE || rows * run <= K_CHUNK) {
        run_tiles(whole, n);
        return;
    }
    const size_t n_cuts = run ? (run + K_CHUNK - 1) / K_CHUNK : 1;
    const size_t some = n_cuts > 1 || !run ? 1 : K_CHUNK / run;
    for (size_t r = 0; r < rows; r += some)
        for (size_t k = 0; k < n_cuts; k++) {
            const size_t first = k * run / n_cuts;
            tile t = *whole;
            t.src += r * t.src_pitch + first;
            t.weight += r * t.w_pitch + first * BLOCK;
            t.bias = r + k > 0 ? NULL : t.bias;
            t.rows = rows - r < some ? rows - r : some;
            t.run = (k + 1) * run / n_cuts - first;
            t.is_last = r + t.rows == rows && k + 1 == n_cuts;
            run_tiles(&t, n);
        }
}

static void conv(const nenc_conv_run *run)
{
    const size_t n = run->n_pixels;
    const size_t n_strips = (n + STRIP - 1) / STRIP;
    for (size_t s = 0; s < n_strips; s++) {
        const size_t first = s * n / n_strips;
        for (size_t c = 0; c < run->cout; c += BLOCK) {
            const size_t left = run->cout - c;
            const tile t = {
                .src = run->src + first * run->src_step,
                .weight = run->weight + c / BLOCK * run->block_pitch,
                .bias = run->resume ? NULL : run->bias + c,
                .dst = run->dst + first * run->dst_step + c,
                .src_step = run->src_step, .dst_step = run->dst_step,
                .src_pitch = run->src_pitch,
                .w_pitch = run->w_pitch * BLOCK,
                .rows = run->rows, .run = run->run,
                .n_channels = left < BLOCK ? left : BLOCK,
                .is_new = c == 0 && run->rows == 1,
                .is_last = true, .act = run->act, .slope = run->slope,
            };
            run_block(&t, (s + 1) * n / n_strips - first);
        }
    }
}

/* Where a depthwise tile reads and writes, and its taps. */
typedef struct dw_tile {
    const nenc_dwconv_run *run;
    const float *src;
    float *dst;
    int cols;             /* kernel columns, where the code depends on them */
} dw_tile;

/* The taps of kernel row r: any number of columns, any stride. */
INLINE void dw_row_any(const dw_tile *t, const float *x, const float *w,
                       size_t left, int n, vf *sum)
{
    const size_t step = t->run->src_step;
    for (size_t i = 0; i < t->run->cols; i++) {
        const float *x0 = x;
        const vf weight = load_sum(w, left);
        UNROLL
        for (int p = 0; p < n; p++)
            sum[p] = v_fma(load_sum(x0 + (size_t)p * step, left),
                           weight, sum[p]);
        x += t->run->src_col;
        w += t->run->c;
    }
}

/* The taps of one input row for stride 1 and a known number of columns: each
 * pixel is loaded once for all the sums that it is a term of.  The row is row
 * w0 of the kernel for the sums s0 and, if w1, row w1 for the sums s1 of the
 * line above. */
INLINE void dw_row_sliding(const dw_tile *t, const float *x, const float *w0,
                           const float *w1, size_t left, int n, int cols,
                           vf *s0, vf *s1)
{
    vf a[5], b[5];
    UNROLL
    for (int i = 0; i < cols; i++) {
        if (w0)
            a[i] = load_sum(w0 + (size_t)i * t->run->c, left);
        if (w1)
            b[i] = load_sum(w1 + (size_t)i * t->run->c, left);
    }
    UNROLL
    for (int q = 0; q < n + cols - 1; q++) {
        const vf v = load_sum(x, left);
        x += t->run->src_col;
        UNROLL
        for (int i = 0; i < cols; i++) {
            if (q < i || q - i >= n)
                continue;
            if (w0)
                s0[q - i] = v_fma(v, a[i], s0[q - i]);
            if (w1)
                s1[q - i] = v_fma(v, b[i], s1[q - i]);
        }
    }
}

INLINE void dw_store(const dw_tile *t, float *dst, size_t left, int n,
                     vf *sum)
{
    finish(sum, n, t->run->act, t->run->slope);
    UNROLL
    for (int p = 0; p < n; p++) {
        store_sum(dst, left, sum[p]);
        dst += t->run->dst_step;
    }
}

/* n pixels of one vector of channels from ch on, of which `left` exist. */
INLINE void dw_single(const dw_tile *t, size_t ch, size_t left, int n,
                      int cols)
{
    const nenc_dwconv_run *run = t->run;
    const vf bias = load_sum(run->bias + ch, left);
    const float *x = t->src + ch, *w = run->weight + ch;
    vf sum[DW_TILE];
    UNROLL
    for (int p = 0; p < n; p++)
        sum[p] = bias;
    for (size_t r = 0; r < run->rows; r++) {
#ifdef PF
        if (r >= run->rows - PF && (LANES == 16 || ch % 16 == 0)) {
            UNROLL
            for (int p = 0; p < n; p++)
                fetch(x, (size_t)(p + n*PFD) * run->src_step);
        }
#endif
        if (cols)
            dw_row_sliding(t, x, w, NULL, left, n, cols, sum, NULL);
        else
            dw_row_any(t, x, w, left, n, sum);
        x += run->src_pitch;
        w += run->w_pitch * run->c;
    }
    dw_store(t, t->dst + ch, left, n, sum);
}

/* The same for two lines, whose input rows overlap but for the outer two. */
INLINE void dw_double(const dw_tile *t, size_t ch, size_t left, int n,
                      int cols)
{
    const nenc_dwconv_run *run = t->run;
    const size_t pitch = run->src_pitch, w_pitch = run->w_pitch * run->c;
    const vf bias = load_sum(run->bias + ch, left);
    const float *x = t->src + ch, *w = run->weight + ch;
    vf s0[DW_TILE], s1[DW_TILE];
    UNROLL
    for (int p = 0; p < n; p++)
        s0[p] = s1[p] = bias;
    dw_row_sliding(t, x, w, NULL, left, n, cols, s0, s1);
    for (size_t r = 1; r < run->rows; r++) {
        x += pitch;
        w += w_pitch;
        dw_row_sliding(t, x, w, w - w_pitch, left, n, cols, s0, s1);
    }
    dw_row_sliding(t, x + pitch, NULL, w, left, n, cols, s0, s1);
    dw_store(t, t->dst + ch, left, n, s0);
    dw_store(t, t->dst + run->dst_line + ch, left, n, s1);
}

INLINE void dw_some(const dw_tile *t, size_t ch, size_t left, int n,
                    int cols, bool is_double)
{
    if (is_double)
        dw_double(t, ch, left, n, cols);
    else
        dw_single(t, ch, left, n, cols);
}

INLINE void dw_channels(const dw_tile *t, int n, int cols, bool is_double)
{
    const size_t c = t->run->c;
    size_t ch = 0;
    for (; ch + LANES <= c; ch += LANES)
        dw_some(t, ch, LANES, n, cols, is_double);
    if (ch < c)
        dw_some(t, ch, c - ch, n, cols, is_double);
}

#define DW_FN(n)                                                          \
    static void dw_##n(const dw_tile *t, bool is_double)                  \
    {                                                                     \
        if (t->cols == 0)                                                 \
            dw_channels(t, n, 0, false);                                  \
        else if (t->cols == 3 && is_double && 0)                               \
            dw_channels(t, n, 3, true);                                   \
        else if (t->cols == 3)                                            \
            dw_channels(t, n, 3, false);                                  \
        else if (is_double &&0)                                               \
            dw_channels(t, n, 5, true);                                   \
        else                                                              \
            dw_channels(t, n, 5, false);                                  \
    }
DW_FN(1) DW_FN(2) DW_FN(3) DW_FN(4)
#if DW_TILE > 4
DW_FN(5) DW_FN(6)
#endif
#if DW_TILE > 6
DW_FN(7) DW_FN(8)
#endif
#if DW_TILE > 8
DW_FN(9) DW_FN(10)
#endif
#if DW_TILE > 10
DW_FN(11) DW_FN(12) DW_FN(13) DW_FN(14) DW_FN(15) DW_FN(16)
#endif
#undef DW_FN

static void (*const dw_tiles[DW_TILE + 1])(const dw_tile *, bool) = {
    NULL, dw_1, dw_2, dw_3, dw_4,
#if DW_TILE > 4
    dw_5, dw_6,
#endif
#if DW_TILE > 6
    dw_7, dw_8,
#endif
#if DW_TILE > 8
    dw_9, dw_10,
#endif
#if DW_TILE > 10
    dw_11, dw_12, dw_13, dw_14, dw_15, dw_16,
#endif
};

/* n pixels of one line. */
static void dw_line(const nenc_dwconv_run *run, const float *src, float *dst,
                    size_t n)
{
    const bool slides = run->src_step == run->src_col
                     && (run->cols == 3 || run->cols == 5);
    const size_t n_tiles = (n + DW_TILE - 1) / DW_TILE;
    for (size_t k = 0; k < n_tiles; k++) {
        const size_t first = k * n / n_tiles, end = (k + 1) * n / n_tiles;
        const dw_tile t = {
            .run = run, .cols = slides ? (int)run->cols : 0,
            .src = src + first * run->src_step,
            .dst = dst + first * run->dst_step,
        };
        dw_tiles[end - first](&t, false);
    }
}
#ifndef STRIPF
#define STRIPF 9000
#endif
/* In strips of columns, each from top to bottom, that are so narrow that the
 * input rows which a line shares with the next one stay in L1. */
static void dwconv(const nenc_dwconv_run *run)
{
    const size_t n = run->n_pixels;
    const size_t line = (run->rows * run->cols ? run->rows : 1) * run->src_step;
    const size_t width = STRIPF / line > DW_TILE ? STRIPF / line : DW_TILE;
    const size_t n_strips = (n + width - 1) / width;
    for (size_t s = 0; s < n_strips; s++) {
        const size_t first = s * n / n_strips, end = (s + 1) * n / n_strips;
        const float *src = run->src + first * run->src_step;
        float *dst = run->dst + first * run->dst_step;
        for (size_t y = 0; y < run->n_lines; y++)
            dw_line(run, src + y * run->src_line, dst + y * run->dst_line,
                    end - first);
    }
}

const nenc_kernels TABLE = {
    .name = NAME, .block = BLOCK,
    .conv = conv, .dwconv = dwconv, .point = point,
};
