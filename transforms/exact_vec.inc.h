/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The convolution loops over a vector type, included once by each
 * kernel file after exact_math.inc.h.  Besides what that needs:
 *
 *   VECS      vectors in a block of output channels
 *   TILE      pixels in a tile; TILE * VECS sums stay in registers
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
#define DW_TILE 8           /* pixels in a tile of a depthwise convolution */
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
    const float *add;         /* NULL: nothing */
    size_t src_step, dst_step, add_step, src_pitch;
    size_t w_pitch;           /* floats from r to r + 1 */
    size_t rows, run;
    size_t n_channels;        /* of the block that exist, 1 to BLOCK */
    bool   is_new;            /* these pixels were not read before: while a
                                 tile runs, fetch those of the next one */
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

INLINE void tile_add(const tile *t, const float *add, int n, int nv, vf *sum)
{
    const bool is_full = t->n_channels >= (size_t)nv * LANES;
    UNROLL
    for (int p = 0; p < n; p++) {
        UNROLL
        for (int v = 0; v < nv; v++) {
            const vf x = is_full
                ? v_load(add + v * LANES)
                : load_sum(add + v * LANES, channels_from(t, v));
            sum[p * nv + v] = v_add(sum[p * nv + v], x);
        }
        add += t->add_step;
    }
}

INLINE void tile_end(const tile *t, const float *add, float *dst, int n,
                     int nv, vf *sum)
{
    const size_t step = t->dst_step;
    const bool is_full = t->n_channels >= (size_t)nv * LANES;
    if (t->is_last)
        finish(sum, n * nv, t->act, t->slope);
    if (t->is_last && add)
        tile_add(t, add, n, nv, sum);
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
    const float *add = t->add;
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
        tile_end(t, add, dst, n, nv, sum);
        src += (size_t)n * step;
        dst += (size_t)n * t->dst_step;
        if (add)
            add += (size_t)n * t->add_step;
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
        if (rest.add)
            rest.add += n_large * most * rest.add_step;
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
                .add = run->add ? run->add + first * run->add_step + c : NULL,
                .src_step = run->src_step, .dst_step = run->dst_step,
                .add_step = run->add_step, .src_pitch = run->src_pitch,
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

/* A depthwise tile is n pixels by one vector of channels, of which `left`
 * exist.  `run` is always a local copy that everything is inlined around: of
 * a struct in memory, each store of a result might change the fields, and
 * loading them anew cost a third of the speed. */

/* The taps of a kernel row: any columns, any stride. */
INLINE void dw_row_any(const nenc_dwconv_run *run, const float *x,
                       const float *w, size_t left, int n, vf *sum)
{
    for (size_t i = 0; i < run->cols; i++) {
        const vf weight = load_sum(w, left);
        UNROLL
        for (int p = 0; p < n; p++)
            sum[p] = v_fma(load_sum(x + (size_t)p * run->src_step, left),
                           weight, sum[p]);
        x += run->src_col;
        w += run->c;
    }
}

/* The same for stride 1 and `cols` columns, known when this is compiled: each
 * input pixel is loaded once, for all the sums that it is a term of. */
INLINE void dw_row_sliding(const nenc_dwconv_run *run, const float *x,
                           const float *w, size_t left, int n, int cols,
                           vf *sum)
{
    vf weight[5];
    UNROLL
    for (int i = 0; i < cols; i++)
        weight[i] = load_sum(w + (size_t)i * run->c, left);
    UNROLL
    for (int q = 0; q < n + cols - 1; q++) {
        const vf in = load_sum(x, left);
        UNROLL
        for (int i = 0; i < cols; i++)
            if (q >= i && q - i < n)
                sum[q - i] = v_fma(in, weight[i], sum[q - i]);
        x += run->src_col;
    }
}

/* A tile from channel ch on.  cols is 3 or 5 for the sliding kernels, 0 for
 * the other. */
INLINE void dw_vector(const nenc_dwconv_run *run, const float *src,
                      float *dst, size_t ch, size_t left, int n, int cols)
{
    const float *x = src + ch, *w = run->weight + ch;
    const vf bias = load_sum(run->bias + ch, left);
    vf sum[DW_TILE];
    UNROLL
    for (int p = 0; p < n; p++)
        sum[p] = bias;
    for (size_t r = 0; r < run->rows; r++) {
        if (cols)
            dw_row_sliding(run, x, w, left, n, cols, sum);
        else
            dw_row_any(run, x, w, left, n, sum);
        x += run->src_pitch;
        w += run->w_pitch * run->c;
    }
    finish(sum, n, run->act, run->slope);
    dst += ch;
    UNROLL
    for (int p = 0; p < n; p++) {
        store_sum(dst, left, sum[p]);
        dst += run->dst_step;
    }
}

INLINE void dw_tile(nenc_dwconv_run run, const float *src, float *dst, int n,
                    int cols)
{
    size_t ch = 0;
    for (; ch + LANES <= run.c; ch += LANES)
        dw_vector(&run, src, dst, ch, LANES, n, cols);
    if (ch < run.c)
        dw_vector(&run, src, dst, ch, run.c - ch, n, cols);
}

#define DW_FN(n)                                                          \
    static void dw_##n(const nenc_dwconv_run *run, const float *src,      \
                       float *dst)                                        \
    {                                                                     \
        const bool slides = run->src_step == run->src_col;                \
        if (slides && run->cols == 3)                                     \
            dw_tile(*run, src, dst, n, 3);                                \
        else if (slides && run->cols == 5)                                \
            dw_tile(*run, src, dst, n, 5);                                \
        else                                                              \
            dw_tile(*run, src, dst, n, 0);                                \
    }
DW_FN(1) DW_FN(2) DW_FN(3) DW_FN(4) DW_FN(5) DW_FN(6) DW_FN(7) DW_FN(8)
#undef DW_FN

static void (*const dw_tiles[DW_TILE + 1])(const nenc_dwconv_run *,
                                           const float *, float *) = {
    NULL, dw_1, dw_2, dw_3, dw_4, dw_5, dw_6, dw_7, dw_8,
};

/* Line by line, tile by tile, all channels of a tile: nearly the order of
 * memory, as the prefetchers of the CPU like it.  Strips of columns or of
 * channels, which would find their upper rows in L1, were slower. */
static void dwconv(const nenc_dwconv_run *run)
{
    const size_t n = run->n_pixels;
    const size_t n_tiles = (n + DW_TILE - 1) / DW_TILE;
    for (size_t y = 0; y < run->n_lines; y++) {
        const float *src = run->src + y * run->src_line;
        float *dst = run->dst + y * run->dst_line;
        for (size_t k = 0; k < n_tiles; k++) {
            const size_t first = k * n / n_tiles;
            const size_t end = (k + 1) * n / n_tiles;
            dw_tiles[end - first](run, src + first * run->src_step,
                                  dst + first * run->dst_step);
        }
    }
}

/* n rows of the product by a block of columns, of which `left` exist, or all. */
INLINE void outer_rows(nenc_outer_run run, size_t i, size_t j, size_t left,
                       int n, bool full)
{
    vf sum[TILE * VECS];
    UNROLL
    for (int k = 0; k < n * VECS; k++)
        sum[k] = v_set1(0.0f);
    for (size_t r = 0; r < run.rows; r++) {
        const float *a = run.a + r * run.a_pitch + i;
        const float *b = run.b + r * run.b_pitch + j;
        for (size_t q = 0; q < run.cols; q++) {
            vf in[VECS];
            UNROLL
            for (int v = 0; v < VECS; v++)
                in[v] = full ? v_load(b + v * LANES)
                      : left > (size_t)v * LANES
                      ? load_sum(b + v * LANES, left - (size_t)v * LANES)
                      : v_set1(0.0f);
            UNROLL
            for (int p = 0; p < n; p++) {
                const vf x = v_set1(a[p]);
                UNROLL
                for (int v = 0; v < VECS; v++)
                    sum[p * VECS + v] = v_fma(x, in[v], sum[p * VECS + v]);
            }
            a += run.a_step;
            b += run.b_step;
        }
    }
    UNROLL
    for (int p = 0; p < n; p++) {
        float *dst = run.dst + (i + (size_t)p) * run.dst_step + j;
        UNROLL
        for (int v = 0; v < VECS; v++, dst += LANES) {
            const size_t some = full ? LANES : left > (size_t)v * LANES
                                ? left - (size_t)v * LANES : 0;
            store_sum(dst, some, v_add(load_sum(dst, some),
                                       sum[p * VECS + v]));
        }
    }
}

#define OUTER_FN(n)                                                       \
    static void outer_##n(const nenc_outer_run *run, size_t i, size_t j,  \
                          size_t left)                                    \
    {                                                                     \
        if (left >= BLOCK)                                                \
            outer_rows(*run, i, j, left, n, true);                        \
        else                                                              \
            outer_rows(*run, i, j, left, n, false);                       \
    }
OUTER_FN(1) OUTER_FN(2) OUTER_FN(3) OUTER_FN(4) OUTER_FN(5) OUTER_FN(6)
#if TILE > 6
OUTER_FN(7) OUTER_FN(8) OUTER_FN(9) OUTER_FN(10) OUTER_FN(11) OUTER_FN(12)
OUTER_FN(13) OUTER_FN(14)
#endif
#undef OUTER_FN

static void (*const outer_tiles[TILE + 1])(const nenc_outer_run *, size_t,
                                           size_t, size_t) = {
    NULL, outer_1, outer_2, outer_3, outer_4, outer_5, outer_6,
#if TILE > 6
    outer_7, outer_8, outer_9, outer_10, outer_11, outer_12, outer_13,
    outer_14,
#endif
};

static void outer(const nenc_outer_run *run)
{
    const size_t n_tiles = (run->n_a + TILE - 1) / TILE;
    for (size_t j = 0; j < run->n_b; j += BLOCK)
        for (size_t t = 0; t < n_tiles; t++) {
            const size_t first = t * run->n_a / n_tiles;
            const size_t end = (t + 1) * run->n_a / n_tiles;
            outer_tiles[end - first](run, first, j, run->n_b - j);
        }
}

const nenc_kernels TABLE = {
    .name = NAME, .block = BLOCK,
    .conv = conv, .dwconv = dwconv, .outer = outer, .point = point,
};
