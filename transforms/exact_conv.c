/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Packing of convolutions, and their cutting into runs.
 * Not here: arithmetic, which is all in the kernels. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "exact_conv.h"

/* Far above any network's; keeps sums of a few of these from overflowing. */
enum { MAX_KERNEL = 1024, MAX_CHANNELS = 1 << 20 };

static nenc_status check_shape(const nenc_conv_shape *s, nenc_diag *diag)
{
    if (s->cin < 1 || s->cin > MAX_CHANNELS
        || s->cout < 1 || s->cout > MAX_CHANNELS)
        return nenc_fail(diag, NENC_EINVAL,
                         "convolution of %zu to %zu channels, at most %d",
                         s->cin, s->cout, MAX_CHANNELS);
    if (s->groups < 1 || s->cin % s->groups || s->cout % s->groups)
        return nenc_fail(diag, NENC_EINVAL,
                         "%zu groups of %zu to %zu channels",
                         s->groups, s->cin, s->cout);
    if (s->k < 1 || s->k > MAX_KERNEL || s->stride < 1
        || s->stride > MAX_KERNEL || s->pad >= s->k)
        return nenc_fail(diag, NENC_EINVAL,
                         "convolution with k=%zu stride=%zu pad=%zu",
                         s->k, s->stride, s->pad);
    if (s->transposed
        && (2 * s->pad + 1 > s->k || s->k > s->stride + 2 * s->pad))
        return nenc_fail(diag, NENC_EINVAL, "a transposed convolution with "
                         "k=%zu stride=%zu pad=%zu cannot give %zu times its "
                         "input", s->k, s->stride, s->pad, s->stride);
    return NENC_OK;
}

/* The taps one way of the output pixels f, f + stride ... of a transposed
 * convolution: the kernel indices congruent to f + pad, the largest first. */
static size_t phase_taps(const nenc_conv_shape *s, size_t f, ptrdiff_t *at)
{
    if (!s->transposed) {
        *at = -(ptrdiff_t)s->pad;
        return s->k;
    }
    const size_t last = (f + s->pad) / s->stride;
    const size_t lowest = (f + s->pad) % s->stride;
    const size_t n = lowest < s->k ? (s->k - 1 - lowest) / s->stride + 1 : 0;
    *at = (ptrdiff_t)last + 1 - (ptrdiff_t)n;
    return n;
}

/* The kernel index of tap t of n in phase f. */
static size_t kernel_index(const nenc_conv_shape *s, size_t f, size_t t,
                           size_t n)
{
    if (!s->transposed)
        return t;
    return (f + s->pad) % s->stride + s->stride * (n - 1 - t);
}

/* Element of PyTorch's weights: channel ci of the group, channel co of all. */
static size_t weight_at(const nenc_conv_shape *s, size_t ci, size_t co,
                        size_t i, size_t j)
{
    const size_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    const size_t channel = s->transposed
        ? (co / cout * cin + ci) * cout + co % cout
        : co * cin + ci;
    return (channel * s->k + i) * s->k + j;
}

/* Where weight (tap, ci) of output channel co lies in a packed phase. */
static size_t packed_at(const nenc_conv *conv, size_t tap, size_t ci,
                        size_t co)
{
    const nenc_conv_shape *s = &conv->shape;
    const size_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    const size_t block = conv->kernels->block, c = co % cout;
    if (conv->is_depthwise)
        return tap * s->cout + co;
    return co / cout * conv->group_pitch + c / block * conv->block_pitch
         + (tap * cin + ci) * block + c % block;
}

/* One tap: runs of output channels that lie side by side when packed. */
static void pack_tap(const nenc_conv *conv, float *dst, size_t tap,
                     const float *weight, size_t i, size_t j)
{
    const nenc_conv_shape *s = &conv->shape;
    const size_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    const size_t block = conv->is_depthwise ? 1 : conv->kernels->block;
    const size_t step = (s->transposed ? 1 : cin) * s->k * s->k;
    size_t n;
    for (size_t co = 0; co < s->cout; co += n) {
        const size_t c = co % cout;
        n = NENC_MIN(block - c % block, cout - c);
        for (size_t ci = 0; ci < cin; ci++) {
            float *d = dst + packed_at(conv, tap, ci, co);
            const float *w = weight + weight_at(s, ci, co, i, j);
            for (size_t k = 0; k < n; k++)
                d[k] = w[k * step];
        }
    }
}

static void pack_phase(const nenc_conv *conv, const nenc_conv_phase *phase,
                       size_t fy, size_t fx, const float *weight)
{
    const nenc_conv_shape *s = &conv->shape;
    for (size_t r = 0; r < phase->rows; r++)
        for (size_t c = 0; c < phase->cols; c++)
            pack_tap(conv, phase->weight, r * phase->cols + c, weight,
                     kernel_index(s, fy, r, phase->rows),
                     kernel_index(s, fx, c, phase->cols));
}

/* Floats of a packed phase, and the pitches for the largest phase. */
static bool set_pitches(nenc_conv *conv, size_t taps, size_t *phase_size)
{
    const nenc_conv_shape *s = &conv->shape;
    const size_t block = conv->kernels->block;
    const size_t n_blocks = (s->cout / s->groups + block - 1) / block;
    conv->bias_pitch = n_blocks * block;
    if (conv->is_depthwise)
        return nenc_size_mul(phase_size, taps, s->cout);
    return nenc_size_mul(&conv->block_pitch, taps, s->cin / s->groups)
        && nenc_size_mul(&conv->block_pitch, conv->block_pitch, block)
        && nenc_size_mul(&conv->group_pitch, conv->block_pitch, n_blocks)
        && nenc_size_mul(phase_size, conv->group_pitch, s->groups);
}

static nenc_status pack_phases(nenc_conv *conv, const float *weight,
                               nenc_arena *arena)
{
    const size_t n = conv->dst_phases;
    size_t phase_size, most = 0;
    for (size_t f = 0; f < n * n; f++) {
        nenc_conv_phase *phase = &conv->phases[f];
        phase->rows = phase_taps(&conv->shape, f / n, &phase->row_at);
        phase->cols = phase_taps(&conv->shape, f % n, &phase->col_at);
        if (phase->rows * phase->cols > most)
            most = phase->rows * phase->cols;
    }
    if (!set_pitches(conv, most, &phase_size))
        return NENC_ENOMEM;
    for (size_t f = 0; f < n * n; f++) {
        nenc_conv_phase *phase = &conv->phases[f];
        phase->weight = nenc_arena_zalloc(arena, phase_size, sizeof(float));
        if (!phase->weight)
            return NENC_ENOMEM;
        pack_phase(conv, phase, f / n, f % n, weight);
    }
    return NENC_OK;
}

static void copy_bias(const nenc_conv *conv, const float *bias)
{
    const size_t cout = conv->shape.cout / conv->shape.groups;
    const size_t pitch = conv->is_depthwise ? 1 : conv->bias_pitch;
    for (size_t g = 0; bias && g < conv->shape.groups; g++)
        memcpy(conv->bias + g * pitch, bias + g * cout, cout * sizeof *bias);
}

static nenc_status pack_bias(nenc_conv *conv, const float *bias,
                             nenc_arena *arena)
{
    const size_t pitch = conv->is_depthwise ? 1 : conv->bias_pitch;
    conv->bias = nenc_arena_zalloc(arena, conv->shape.groups * pitch,
                                   sizeof *bias);
    if (!conv->bias)
        return NENC_ENOMEM;
    copy_bias(conv, bias);
    return NENC_OK;
}

nenc_status nenc_conv_pack(nenc_conv *conv, const nenc_conv_shape *shape,
                           const float *weight, const float *bias,
                           const nenc_kernels *kernels, nenc_arena *arena,
                           nenc_diag *diag)
{
    NENC_TRY(check_shape(shape, diag));
    memset(conv, 0, sizeof *conv);
    conv->shape = *shape;
    conv->kernels = kernels;
    conv->is_depthwise = shape->groups == shape->cin
                      && shape->cin == shape->cout;
    conv->dst_phases = shape->transposed ? shape->stride : 1;
    conv->src_stride = shape->transposed ? 1 : shape->stride;
    conv->phases = nenc_arena_zalloc(arena,
                                     conv->dst_phases * conv->dst_phases,
                                     sizeof *conv->phases);
    nenc_status st = conv->phases ? NENC_OK : NENC_ENOMEM;
    if (st >= 0)
        st = pack_phases(conv, weight, arena);
    if (st >= 0)
        st = pack_bias(conv, bias, arena);
    if (st < 0)
        return nenc_fail(diag, st, "no room for the weights of a convolution "
                         "of %zu to %zu channels", shape->cin, shape->cout);
    return NENC_OK;
}

void nenc_conv_repack(nenc_conv *conv, const float *weight, const float *bias)
{
    const size_t n = conv->dst_phases;
    for (size_t f = 0; f < n * n; f++)
        pack_phase(conv, &conv->phases[f], f / n, f % n, weight);
    copy_bias(conv, bias);
}

size_t nenc_conv_extent(const nenc_conv_shape *shape, size_t h)
{
    size_t n;
    if (shape->transposed)
        return nenc_size_mul(&n, h, shape->stride) ? n : 0;
    if (!nenc_size_add(&n, h, 2 * shape->pad) || h == 0 || n < shape->k)
        return 0;
    return (n - shape->k) / shape->stride + 1;
}

/* Outputs [first, end) of a phase, one way, that have the same taps. */
typedef struct band {
    size_t first, end;
    size_t tap, n_taps;     /* the taps inside the picture */
    ptrdiff_t at;           /* input position of the first of these taps, for
                               output `first` */
} band;

/* The band that starts at output q, which is < end: n_taps taps, the first at
 * input position `at` for output 0; src_n rows (columns) of input. */
static band band_at(size_t q, size_t end, size_t stride, ptrdiff_t at,
                    size_t n_taps, size_t src_n)
{
    band b = { .first = q, .end = q };
    for (; b.end < end; b.end++) {
        const ptrdiff_t x = at + (ptrdiff_t)(b.end * stride);
        const ptrdiff_t n = (ptrdiff_t)src_n, taps = (ptrdiff_t)n_taps;
        ptrdiff_t lo = x < 0 ? -x : 0;
        ptrdiff_t hi = n - x < taps ? n - x : taps;
        if (hi <= lo)
            lo = hi = 0;
        if (b.end > q
            && ((size_t)lo != b.tap || (size_t)(hi - lo) != b.n_taps))
            break;
        if (b.end == q) {
            b.tap = (size_t)lo;
            b.n_taps = (size_t)(hi - lo);
            b.at = b.n_taps ? x + lo : 0;
        }
    }
    return b;
}

/* A call of nenc_conv_rows(), and the phase at hand. */
typedef struct job {
    const nenc_conv *conv;
    const nenc_conv_io *io;
    const nenc_conv_phase *phase;
    size_t src_row, dst_row;        /* floats from a row to the next */
    size_t src_step_x, src_step_y;  /* floats in src, dst from an output ... */
    size_t dst_step_x, dst_step_y;  /* ... of the phase to the next */
    size_t origin;                  /* floats up to the phase's output (0, 0) */
    nenc_act act;
    float slope;
} job;

/* n outputs in a line that have the same taps, or n_lines such lines, and the
 * output channels of each group that are to be computed. */
typedef struct line {
    const float *src, *add;
    float *dst;
    size_t src_step, dst_step, add_step, n; /* from an output to the next */
    size_t src_line, dst_line, add_line, n_lines; /* from a line to the next */
    size_t tap_row, tap_col, rows, cols;
    size_t channel, n_channels;
} line;

static void run_depthwise(const job *j, const line *l)
{
    const size_t c = j->conv->shape.cout, cols = j->phase->cols;
    const nenc_dwconv_run run = {
        .src = l->src, .dst = l->dst, .bias = j->conv->bias,
        .weight = j->phase->weight + (l->tap_row * cols + l->tap_col) * c,
        .src_step = l->src_step, .dst_step = l->dst_step,
        .src_line = l->src_line, .dst_line = l->dst_line,
        .src_pitch = j->src_row, .src_col = j->io->src_step, .w_pitch = cols,
        .n_pixels = l->n, .n_lines = l->n_lines,
        .rows = l->rows, .cols = l->cols, .c = c,
        .act = j->act, .slope = j->slope,
    };
    j->conv->kernels->dwconv(&run);
}

/* A group whose kernel columns do not lie side by side: the columns become
 * the rows of a run, and there is one run for each kernel row. */
static void run_columns(const job *j, const nenc_conv_run *group,
                        const line *l)
{
    const nenc_conv_shape *s = &j->conv->shape;
    const size_t cin = s->cin / s->groups;
    for (size_t r = 0; r < l->rows; r++) {
        nenc_conv_run run = *group;
        run.src += r * j->src_row;
        run.weight += r * j->phase->cols * cin * j->conv->kernels->block;
        run.src_pitch = j->io->src_step;
        run.w_pitch = cin;
        run.rows = l->cols;
        run.run = cin;
        run.resume = r > 0;
        run.act = r + 1 < l->rows ? NENC_ACT_NONE : j->act;
        run.add = r + 1 < l->rows ? NULL : group->add;
        j->conv->kernels->conv(&run);
    }
}

static void run_group(const job *j, const line *l, size_t g)
{
    const nenc_conv_shape *s = &j->conv->shape;
    const size_t cin = s->cin / s->groups, cout = s->cout / s->groups;
    const size_t tap = l->tap_row * j->phase->cols + l->tap_col;
    const size_t block = j->conv->kernels->block;
    const nenc_conv_run run = {
        .src = l->src + g * cin,
        .weight = j->phase->weight + g * j->conv->group_pitch
                + l->channel / block * j->conv->block_pitch
                + tap * cin * block,
        .bias = j->conv->bias + g * j->conv->bias_pitch + l->channel,
        .dst = l->dst + g * cout + l->channel,
        .add = l->add ? l->add + g * cout + l->channel : NULL,
        .src_step = l->src_step, .dst_step = l->dst_step,
        .add_step = l->add_step, .src_pitch = j->src_row,
        .block_pitch = j->conv->block_pitch,
        .w_pitch = j->phase->cols * cin,
        .n_pixels = l->n, .rows = l->rows, .run = l->cols * cin,
        .cout = l->n_channels, .act = j->act, .slope = j->slope,
    };
    if (l->rows == 0 || l->cols <= 1 || j->io->src_step == cin)
        j->conv->kernels->conv(&run);
    else
        run_columns(j, &run, l);
}

/* Lines of a dense convolution, all groups, some output channels of each. */
static void run_lines(const job *j, const line *lines)
{
    line l = *lines;
    for (size_t k = 0; k < lines->n_lines; k++) {
        for (size_t g = 0; g < j->conv->shape.groups; g++)
            run_group(j, &l, g);
        l.src += l.src_line;
        l.dst += l.dst_line;
        if (l.add)
            l.add += l.add_line;
    }
}

/* Where the weights do not fit a cache of the second level, as many output
 * channels at a time as do, over some lines: then the weights come from
 * farther away only once for all of these. */
static void run_dense(const job *j, const line *lines)
{
    enum { CACHED = 1 << 17, MANY = 3 << 17, LINES = 8 };   /* floats */
    const size_t block = j->conv->kernels->block;
    const size_t cout = j->conv->shape.cout / j->conv->shape.groups;
    const size_t pitch = j->conv->block_pitch;
    const size_t n_blocks = pitch < CACHED ? CACHED / pitch : 1;
    line l = *lines;
    l.n_channels = cout;
    if (j->conv->group_pitch <= MANY || l.n_lines == 1) {
        run_lines(j, &l);
        return;
    }
    for (size_t done = 0; done < lines->n_lines; done += LINES) {
        const size_t left = lines->n_lines - done;
        l.n_lines = left < LINES ? left : LINES;
        l.src = lines->src + done * l.src_line;
        l.dst = lines->dst + done * l.dst_line;
        if (l.add)
            l.add = lines->add + done * l.add_line;
        for (size_t c = 0; c < cout; c += n_blocks * block) {
            l.channel = c;
            l.n_channels = cout - c < n_blocks * block ? cout - c
                                                       : n_blocks * block;
            run_lines(j, &l);
        }
    }
}

/* Lines along the rows of the rectangle become lines along its columns. */
static void turn(line *l)
{
    const line t = *l;
    l->n = t.n_lines;
    l->n_lines = t.n;
    l->src_step = t.src_line;
    l->src_line = t.src_step;
    l->dst_step = t.dst_line;
    l->dst_line = t.dst_step;
    l->add_step = t.add_line;
    l->add_line = t.add_step;
}

/* A rectangle of outputs that have the same taps: as lines along its rows or,
 * where it is a narrow border, along its columns; as one where rows join. */
static void run_rectangle(const job *j, const band *y, const band *x)
{
    enum { NARROW = 8 };
    const size_t at = j->origin + y->first * j->dst_step_y
                    + x->first * j->dst_step_x;
    line l = {
        .src = j->io->src,
        .dst = j->io->dst + (at - j->io->dst_first * j->dst_row),
        .dst_step = j->dst_step_x, .n = x->end - x->first,
        .dst_line = j->dst_step_y, .n_lines = y->end - y->first,
        .tap_row = y->tap, .tap_col = x->tap,
    };
    l.add = j->io->add;
    if (l.add && !j->io->add_one) {
        l.add += at;
        l.add_step = l.dst_step;
        l.add_line = l.dst_line;
    }
    if (y->n_taps && x->n_taps) {   /* otherwise nothing is read */
        l.src += ((size_t)y->at - j->io->src_first) * j->src_row
               + (size_t)x->at * j->io->src_step;
        l.src_step = j->src_step_x;
        l.src_line = j->src_step_y;
        l.rows = y->n_taps;
        l.cols = x->n_taps;
    }
    if (j->conv->is_depthwise) {
        run_depthwise(j, &l);
        return;
    }
    if (l.n * l.src_step == l.src_line && l.n * l.dst_step == l.dst_line) {
        l.n *= l.n_lines;
        l.n_lines = 1;
    } else if (l.n < NARROW && l.n < l.n_lines) {
        turn(&l);
    }
    run_dense(j, &l);
}

/* How many of f, f + n, f + 2n ... are below end. */
static size_t count_below(size_t end, size_t f, size_t n)
{
    return end > f ? (end - f - 1) / n + 1 : 0;
}

static void run_phase(job *j, size_t fy, size_t fx, size_t row0, size_t row1)
{
    const nenc_conv *conv = j->conv;
    const size_t n = conv->dst_phases, stride = conv->src_stride;
    const size_t out_w = nenc_conv_extent(&conv->shape, j->io->w);
    const size_t end_y = count_below(row1, fy, n);
    const size_t end_x = count_below(out_w, fx, n);
    const nenc_conv_phase *p = &conv->phases[fy * n + fx];
    j->phase = p;
    j->origin = fy * j->dst_row + fx * j->io->dst_step;
    for (size_t qy = count_below(row0, fy, n); qy < end_y;) {
        const band y = band_at(qy, end_y, stride, p->row_at, p->rows,
                               j->io->h);
        for (size_t qx = 0; qx < end_x;) {
            const band x = band_at(qx, end_x, stride, p->col_at, p->cols,
                                   j->io->w);
            run_rectangle(j, &y, &x);
            qx = x.end;
        }
        qy = y.end;
    }
}

void nenc_conv_rows(const nenc_conv *conv, const nenc_conv_io *io,
                    size_t row0, size_t row1, nenc_act act, float slope)
{
    const size_t n = conv->dst_phases, stride = conv->src_stride;
    const size_t src_row = io->w * io->src_step;
    const size_t dst_row = nenc_conv_extent(&conv->shape, io->w)
                         * io->dst_step;
    job j = {
        .conv = conv, .io = io, .src_row = src_row, .dst_row = dst_row,
        .src_step_x = stride * io->src_step, .src_step_y = stride * src_row,
        .dst_step_x = n * io->dst_step, .dst_step_y = n * dst_row,
        .act = act, .slope = slope,
    };
    for (size_t f = 0; f < n * n; f++)
        run_phase(&j, f / n, f % n, row0, row1);
}
