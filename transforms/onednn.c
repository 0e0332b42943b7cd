/* SPDX-License-Identifier: BSD-2-Clause */
/* Convolutions by oneDNN, versions 2.6 to 3.x, in bands of rows.
 * Not normative: the last bits depend on the processor and the version. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <string.h>

#include "onednn.h"

#ifndef HAVE_ONEDNN

bool nenc_onednn_available(void)
{
    return false;
}

const char *nenc_onednn_version(void)
{
    return "no oneDNN";
}

nenc_status nenc_onednn_conv_open(nenc_onednn_conv **out,
                                  const nenc_conv_shape *shape, size_t h,
                                  size_t w, const float *weight,
                                  const float *bias, nenc_act act, float slope,
                                  size_t n_bands, int n_workers,
                                  nenc_diag *diag)
{
    (void)shape, (void)h, (void)w, (void)weight, (void)bias, (void)act;
    (void)slope, (void)n_bands, (void)n_workers;
    *out = NULL;
    return nenc_fail(diag, NENC_EUNSUPPORTED, "this build has no oneDNN");
}

size_t nenc_onednn_conv_bands(const nenc_onednn_conv *conv)
{
    (void)conv;
    return 0;
}

nenc_status nenc_onednn_conv_run(const nenc_onednn_conv *conv, size_t band,
                                 int worker, const float *src, float *dst)
{
    (void)conv, (void)band, (void)worker, (void)src, (void)dst;
    return NENC_EUNSUPPORTED;
}

void nenc_onednn_conv_close(nenc_onednn_conv *conv)
{
    (void)conv;
}

#else

#include <oneapi/dnnl/dnnl.h>

/* ------------------------------------------------- what the versions differ in

 * own_md is a memory descriptor of ours, lent_md one that is borrowed. */
#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t own_md;
typedef const_dnnl_memory_desc_t lent_md;

static lent_md lend(const own_md *md)
{
    return *md;
}

static dnnl_status_t make_md(own_md *md, int n, const dnnl_dims_t dims,
                             dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(md, n, dims, dnnl_f32, tag);
}

static void drop_md(own_md *md)
{
    if (*md)
        dnnl_memory_desc_destroy(*md);
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, slope, 0);
}

#else

typedef dnnl_memory_desc_t own_md;
typedef const dnnl_memory_desc_t *lent_md;

static lent_md lend(const own_md *md)
{
    return md;
}

static dnnl_status_t make_md(own_md *md, int n, const dnnl_dims_t dims,
                             dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(md, n, dims, dnnl_f32, tag);
}

static void drop_md(own_md *md)
{
    (void)md;
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, slope, 0);
}

#endif

/* What one primitive computes. */
enum { SRC, WEIGHT, BIAS, DST, N_MDS };
typedef struct problem {
    own_md md[N_MDS];
    dnnl_dims_t strides, pad_l, pad_r;
    bool transposed;
} problem;

static dnnl_status_t make_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                             const problem *p, const_dnnl_primitive_attr_t attr)
{
    const lent_md src = lend(&p->md[SRC]), weight = lend(&p->md[WEIGHT]);
    const lent_md bias = lend(&p->md[BIAS]), dst = lend(&p->md[DST]);
    const dnnl_prop_kind_t prop = dnnl_forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilates = { 0 };
    if (p->transposed)
        return dnnl_deconvolution_forward_primitive_desc_create(
            pd, engine, prop, dnnl_deconvolution_direct, src, weight, bias,
            dst, p->strides, dilates, p->pad_l, p->pad_r, attr);
    return dnnl_convolution_forward_primitive_desc_create(
        pd, engine, prop, dnnl_convolution_direct, src, weight, bias, dst,
        p->strides, dilates, p->pad_l, p->pad_r, attr);
#else
    dnnl_convolution_desc_t op;        /* the deconvolution's type as well */
    const dnnl_status_t st = p->transposed
        ? dnnl_deconvolution_forward_desc_init(
              &op, prop, dnnl_deconvolution_direct, src, weight, bias, dst,
              p->strides, p->pad_l, p->pad_r)
        : dnnl_convolution_forward_desc_init(
              &op, prop, dnnl_convolution_direct, src, weight, bias, dst,
              p->strides, p->pad_l, p->pad_r);
    if (st != dnnl_success)
        return st;
    return dnnl_primitive_desc_create(pd, &op, attr, engine, NULL);
#endif
}

/* ----------------------------------------------------------- one thread only

 * oneDNN's OpenMP takes as many threads as it likes, each time and on each
 * worker; the number that it may take belongs to the calling thread.  Kernels
 * are also made for a number of threads, so this holds when opening, too. */
#ifdef HAVE_GOMP

/* as in <omp.h>, which clang may lack */
void omp_set_num_threads(int n);
int omp_get_max_threads(void);

static int begin_single(void)
{
    const int n = omp_get_max_threads();
    if (n != 1)
        omp_set_num_threads(1);
    return n;
}

static void end_single(int n)
{
    if (n != 1)
        omp_set_num_threads(n);
}

#else

static int begin_single(void)
{
    return 1;
}

static void end_single(int n)
{
    (void)n;
}

#endif

/* --------------------------------------------------------------------- types */

/* Rows of a band, and the padding that it sees.  Most bands of a picture
 * agree in this, and share a primitive. */
typedef struct geometry {
    size_t src_rows, dst_rows, pad_top, pad_bottom;
    dnnl_primitive_t primitive;
    dnnl_memory_t weight;          /* one of the weights below */
    bool act_after;                /* the activation is not fused */
} geometry;

typedef struct band {
    size_t src_row, dst_row, geometry;
} band;

/* What a worker runs a geometry with: its own objects, no locks. */
typedef struct lane {
    dnnl_memory_t src, dst, scratch;
} lane;

struct nenc_onednn_conv {
    nenc_conv_shape shape;
    size_t w, dst_w;
    nenc_act act;
    float slope;
    dnnl_engine_t engine;
    dnnl_memory_t plain, bias;     /* weights as given (when opening only) */
    dnnl_memory_t *weights;        /* as the primitives want them */
    geometry *geometries;
    band *bands;
    dnnl_stream_t *streams;        /* of each worker */
    void **scratch;
    lane *lanes;                   /* [worker][geometry] */
    size_t n_bands, n_geometries, n_weights, n_workers;
    size_t scratch_size;
};

bool nenc_onednn_available(void)
{
    return true;
}

#define STRING(x) #x
#define STRING_OF(x) STRING(x)

const char *nenc_onednn_version(void)
{
    return "oneDNN " STRING_OF(DNNL_VERSION_MAJOR)
           "." STRING_OF(DNNL_VERSION_MINOR)
           "." STRING_OF(DNNL_VERSION_PATCH);
}

static nenc_status status_of(dnnl_status_t st)
{
    return st == dnnl_success ? NENC_OK
         : st == dnnl_out_of_memory ? NENC_ENOMEM : NENC_EUNSUPPORTED;
}

#define DNNL_TRY(expr) NENC_TRY(status_of(expr))

/* ------------------------------------------------------------------- geometry */

static bool shape_is_sound(const nenc_conv_shape *s, size_t h, size_t w)
{
    const size_t most = INT32_MAX / 4;
    if (!s->cin || !s->cout || !s->groups || !s->k || !s->stride
        || s->cin % s->groups || s->cout % s->groups || s->pad >= s->k)
        return false;
    if (s->transposed
        && (2 * s->pad + 1 > s->k || s->k > s->stride + 2 * s->pad))
        return false;
    return s->cin <= most && s->cout <= most && s->k <= most
        && s->stride <= most && h <= most && w <= most
        && nenc_conv_extent(s, h) && nenc_conv_extent(s, w)
        && nenc_conv_extent(s, h) <= most && nenc_conv_extent(s, w) <= most;
}

/* The rows of the source that output rows [y0, y1) need, and the rows of
 * padding that oneDNN must imagine around them. */
static geometry cut_conv(const nenc_conv_shape *s, size_t h, size_t y0,
                         size_t y1, size_t *src_row)
{
    const size_t first = y0 * s->stride, end = (y1 - 1) * s->stride + s->k;
    const size_t from = NENC_MAX(first, s->pad);   /* both in padded rows */
    const size_t to = NENC_MIN(end, h + s->pad);
    *src_row = from - s->pad;
    return (geometry){
        .src_rows = to - from, .dst_rows = y1 - y0,
        .pad_top = from - first, .pad_bottom = end - to,
    };
}

/* The same for a transposed one, where "padding" is what the full output is
 * cropped by.  y0 is a multiple of the stride. */
static geometry cut_transposed(const nenc_conv_shape *s, size_t h, size_t y0,
                               size_t y1, size_t *src_row)
{
    const size_t reach = s->k - 1 - s->pad;    /* rows touched above the own */
    const size_t from = y0 > reach ? (y0 - reach + s->stride - 1) / s->stride
                                   : 0;
    const size_t to = NENC_MIN((y1 - 1 + s->pad) / s->stride + 1, h);
    const size_t full = (to - 1) * s->stride + s->k, end = y1 + s->pad;
    *src_row = from;
    return (geometry){
        .src_rows = to - from, .dst_rows = y1 - y0,
        .pad_top = y0 + s->pad - from * s->stride,
        /* rows beyond the full output need no number: they are bias */
        .pad_bottom = full > end ? full - end : 0,
    };
}

static size_t add_geometry(nenc_onednn_conv *c, const geometry *g)
{
    size_t i = 0;
    for (; i < c->n_geometries; i++) {
        const geometry *o = &c->geometries[i];
        if (o->src_rows == g->src_rows && o->dst_rows == g->dst_rows
            && o->pad_top == g->pad_top && o->pad_bottom == g->pad_bottom)
            return i;
    }
    c->geometries[c->n_geometries++] = *g;
    return i;
}

static nenc_status cut_bands(nenc_onednn_conv *c, size_t h, size_t n_wanted)
{
    const nenc_conv_shape *s = &c->shape;
    const size_t unit = s->transposed ? s->stride : 1;
    const size_t dst_h = nenc_conv_extent(s, h), units = dst_h / unit;
    const size_t n = NENC_MAX(1, NENC_MIN(n_wanted, units));
    const size_t rows = (units + n - 1) / n * unit;
    c->bands = nenc_mem_zalloc(n, sizeof *c->bands);
    c->geometries = nenc_mem_zalloc(n, sizeof *c->geometries);
    if (!c->bands || !c->geometries)
        return NENC_ENOMEM;
    for (size_t y = 0; y < dst_h; y += rows) {
        band *b = &c->bands[c->n_bands++];
        const size_t y1 = NENC_MIN(y + rows, dst_h);
        const geometry g = s->transposed
            ? cut_transposed(s, h, y, y1, &b->src_row)
            : cut_conv(s, h, y, y1, &b->src_row);
        b->dst_row = y;
        b->geometry = add_geometry(c, &g);
    }
    return NENC_OK;
}

/* -------------------------------------------------------------------- opening */

/* Dims of the weights, with or without a dim for the groups, and PyTorch's
 * order of them. @return how many dims */
static int weight_dims(const nenc_conv_shape *s, dnnl_dims_t dims,
                       dnnl_format_tag_t *tag)
{
    int n = 0;
    if (s->groups > 1)
        dims[n++] = (dnnl_dim_t)s->groups;
    dims[n++] = (dnnl_dim_t)(s->cout / s->groups);
    dims[n++] = (dnnl_dim_t)(s->cin / s->groups);
    dims[n++] = (dnnl_dim_t)s->k;
    dims[n++] = (dnnl_dim_t)s->k;
    *tag = s->groups > 1 ? (s->transposed ? dnnl_giohw : dnnl_goihw)
                         : (s->transposed ? dnnl_iohw : dnnl_oihw);
    return n;
}

static nenc_status describe(problem *p, const nenc_onednn_conv *c,
                            const geometry *g)
{
    const nenc_conv_shape *s = &c->shape;
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad, k = (dnnl_dim_t)s->k;
    const dnnl_dim_t w = (dnnl_dim_t)c->w, dst_w = (dnnl_dim_t)c->dst_w;
    const dnnl_dim_t pad_right = s->transposed
        ? (w - 1) * stride + k - pad - dst_w
        : (dst_w - 1) * stride + k - pad - w;
    const dnnl_dims_t src = { 1, (dnnl_dim_t)s->cin,
                              (dnnl_dim_t)g->src_rows, w };
    const dnnl_dims_t dst = { 1, (dnnl_dim_t)s->cout,
                              (dnnl_dim_t)g->dst_rows, dst_w };
    const dnnl_dims_t bias = { (dnnl_dim_t)s->cout };
    dnnl_dims_t weight;
    dnnl_format_tag_t tag;
    const int n = weight_dims(s, weight, &tag);
    p->transposed = s->transposed;
    p->strides[0] = p->strides[1] = stride;
    p->pad_l[0] = (dnnl_dim_t)g->pad_top;
    p->pad_l[1] = pad;
    p->pad_r[0] = (dnnl_dim_t)g->pad_bottom;
    p->pad_r[1] = NENC_MAX(pad_right, 0);    /* less is a remainder */
    DNNL_TRY(make_md(&p->md[SRC], 4, src, dnnl_nhwc));
    DNNL_TRY(make_md(&p->md[DST], 4, dst, dnnl_nhwc));
    DNNL_TRY(make_md(&p->md[BIAS], 1, bias, dnnl_x));
    DNNL_TRY(make_md(&p->md[WEIGHT], n, weight, dnnl_format_tag_any));
    return NENC_OK;
}

static void drop_problem(problem *p)
{
    for (int i = 0; i < N_MDS; i++)
        drop_md(&p->md[i]);
}

/* No number but a float with all its bits, whatever the environment says; and
 * scratch memory that is ours, since oneDNN's own ties a primitive to the
 * thread that made it. */
static dnnl_status_t set_attr(dnnl_primitive_attr_t attr, bool is_fused,
                              float slope)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_set_scratchpad_mode(
        attr, dnnl_scratchpad_mode_user);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_fpmath_mode(attr,
                                                 dnnl_fpmath_mode_strict);
    if (st != dnnl_success || !is_fused)
        return st;
    st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success)
        st = append_relu(ops, slope);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_post_ops(attr, ops);
    if (ops)
        dnnl_post_ops_destroy(ops);
    return st;
}

/* Deconvolutions of 2.6 fall back to their reference where an activation is
 * fused: 8 times slower at 5x5, stride 2, 192 channels. */
static bool can_fuse(const nenc_onednn_conv *c)
{
    return c->act != NENC_ACT_NONE
        && !(c->shape.transposed && DNNL_VERSION_MAJOR < 3);
}

static nenc_status choose(dnnl_primitive_desc_t *pd, geometry *g,
                          const nenc_onednn_conv *c, const problem *p)
{
    const float slope = c->act == NENC_ACT_LRELU ? c->slope : 0;
    dnnl_status_t st = dnnl_unimplemented;
    for (int fused = can_fuse(c); fused >= 0; fused--) {
        dnnl_primitive_attr_t attr = NULL;
        st = dnnl_primitive_attr_create(&attr);
        if (st == dnnl_success)
            st = set_attr(attr, fused, slope);
        if (st == dnnl_success)
            st = make_pd(pd, c->engine, p, attr);
        if (attr)
            dnnl_primitive_attr_destroy(attr);
        g->act_after = c->act != NENC_ACT_NONE && !fused;
        if (st != dnnl_unimplemented)
            break;
    }
    return status_of(st);
}

static nenc_status reorder(const nenc_onednn_conv *c, dnnl_memory_t from,
                           dnnl_memory_t to)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    lent_md a, b;
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
                                     { DNNL_ARG_TO, to } };
    dnnl_status_t st = dnnl_memory_get_memory_desc(from, &a);
    if (st == dnnl_success)
        st = dnnl_memory_get_memory_desc(to, &b);
    if (st == dnnl_success)
        st = dnnl_reorder_primitive_desc_create(&pd, a, c->engine, b,
                                                c->engine, NULL);
    if (st == dnnl_success)
        st = dnnl_primitive_create(&primitive, pd);
    if (st == dnnl_success)
        st = dnnl_primitive_execute(primitive, c->streams[0], 2, args);
    if (st == dnnl_success)
        st = dnnl_stream_wait(c->streams[0]);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return status_of(st);
}

/* The weights as a primitive wants them, reordered the first time. */
static nenc_status bind_weight(nenc_onednn_conv *c, geometry *g,
                               const_dnnl_primitive_desc_t pd)
{
    const lent_md wanted = dnnl_primitive_desc_query_md(
        pd, dnnl_query_weights_md, 0);
    for (size_t i = 0; i < c->n_weights; i++) {
        lent_md has;
        DNNL_TRY(dnnl_memory_get_memory_desc(c->weights[i], &has));
        if (dnnl_memory_desc_equal(has, wanted)) {
            g->weight = c->weights[i];
            return NENC_OK;
        }
    }
    dnnl_memory_t *memory = &c->weights[c->n_weights];
    DNNL_TRY(dnnl_memory_create(memory, wanted, c->engine,
                                DNNL_MEMORY_ALLOCATE));
    c->n_weights++;
    g->weight = *memory;
    return reorder(c, c->plain, *memory);
}

/* Each worker's own memory objects; handles are set when running. */
static nenc_status make_lanes(nenc_onednn_conv *c, size_t index,
                              const problem *p,
                              const_dnnl_primitive_desc_t pd)
{
    const lent_md scratch = dnnl_primitive_desc_query_md(
        pd, dnnl_query_scratchpad_md, 0);
    const size_t size = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    c->scratch_size = NENC_MAX(c->scratch_size, size);
    for (size_t i = 0; i < c->n_workers; i++) {
        lane *l = &c->lanes[i * c->n_geometries + index];
        DNNL_TRY(dnnl_memory_create(&l->src, lend(&p->md[SRC]), c->engine,
                                    DNNL_MEMORY_NONE));
        DNNL_TRY(dnnl_memory_create(&l->dst, lend(&p->md[DST]), c->engine,
                                    DNNL_MEMORY_NONE));
        if (size)
            DNNL_TRY(dnnl_memory_create(&l->scratch, scratch, c->engine,
                                        DNNL_MEMORY_NONE));
    }
    return NENC_OK;
}

static nenc_status make_geometry(nenc_onednn_conv *c, size_t index)
{
    geometry *g = &c->geometries[index];
    problem p;
    dnnl_primitive_desc_t pd = NULL;
    memset(&p, 0, sizeof p);
    nenc_status st = describe(&p, c, g);
    if (st >= 0)
        st = choose(&pd, g, c, &p);
    if (st >= 0)
        st = status_of(dnnl_primitive_create(&g->primitive, pd));
    if (st >= 0)
        st = bind_weight(c, g, pd);
    if (st >= 0)
        st = make_lanes(c, index, &p, pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    drop_problem(&p);
    return st;
}

/* A copy of `src`, or zeros, as a memory object. */
static nenc_status copy_in(const nenc_onednn_conv *c, dnnl_memory_t *memory,
                           int n, const dnnl_dims_t dims,
                           dnnl_format_tag_t tag, const float *src)
{
    own_md md;
    void *handle = NULL;
    DNNL_TRY(make_md(&md, n, dims, tag));
    const size_t size = dnnl_memory_desc_get_size(lend(&md));
    dnnl_status_t st = dnnl_memory_create(memory, lend(&md), c->engine,
                                          DNNL_MEMORY_ALLOCATE);
    drop_md(&md);
    if (st == dnnl_success)
        st = dnnl_memory_get_data_handle(*memory, &handle);
    if (st == dnnl_success && src)
        memcpy(handle, src, size);
    else if (st == dnnl_success)
        memset(handle, 0, size);
    return status_of(st);
}

static nenc_status copy_weights(nenc_onednn_conv *c, const float *weight,
                                const float *bias)
{
    const dnnl_dims_t bias_dims = { (dnnl_dim_t)c->shape.cout };
    dnnl_dims_t dims;
    dnnl_format_tag_t tag;
    const int n = weight_dims(&c->shape, dims, &tag);
    NENC_TRY(copy_in(c, &c->bias, 1, bias_dims, dnnl_x, bias));
    return copy_in(c, &c->plain, n, dims, tag, weight);
}

static nenc_status make_workers(nenc_onednn_conv *c)
{
    c->weights = nenc_mem_zalloc(c->n_geometries, sizeof *c->weights);
    c->streams = nenc_mem_zalloc(c->n_workers, sizeof *c->streams);
    c->scratch = nenc_mem_zalloc(c->n_workers, sizeof *c->scratch);
    c->lanes = nenc_mem_zalloc(c->n_workers * c->n_geometries,
                               sizeof *c->lanes);
    if (!c->weights || !c->streams || !c->scratch || !c->lanes)
        return NENC_ENOMEM;
    DNNL_TRY(dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    for (size_t i = 0; i < c->n_workers; i++)
        DNNL_TRY(dnnl_stream_create(&c->streams[i], c->engine,
                                    dnnl_stream_default_flags));
    return NENC_OK;
}

/* One block a worker, for all its geometries. */
static nenc_status make_scratch(nenc_onednn_conv *c)
{
    if (!c->scratch_size)
        return NENC_OK;
    for (size_t i = 0; i < c->n_workers; i++) {
        c->scratch[i] = nenc_mem_alloc(c->scratch_size, 1);
        if (!c->scratch[i])
            return NENC_ENOMEM;
        for (size_t g = 0; g < c->n_geometries; g++) {
            const lane *l = &c->lanes[i * c->n_geometries + g];
            if (l->scratch)
                DNNL_TRY(dnnl_memory_set_data_handle(l->scratch,
                                                     c->scratch[i]));
        }
    }
    return NENC_OK;
}

static nenc_status build(nenc_onednn_conv *c, size_t h, const float *weight,
                         const float *bias, size_t n_bands)
{
    NENC_TRY(cut_bands(c, h, n_bands));
    NENC_TRY(make_workers(c));
    NENC_TRY(copy_weights(c, weight, bias));
    for (size_t i = 0; i < c->n_geometries; i++)
        NENC_TRY(make_geometry(c, i));
    dnnl_memory_destroy(c->plain);
    c->plain = NULL;
    return make_scratch(c);
}

nenc_status nenc_onednn_conv_open(nenc_onednn_conv **out,
                                  const nenc_conv_shape *shape, size_t h,
                                  size_t w, const float *weight,
                                  const float *bias, nenc_act act, float slope,
                                  size_t n_bands, int n_workers,
                                  nenc_diag *diag)
{
    *out = NULL;
    if (!shape_is_sound(shape, h, w) || n_workers < 1)
        return nenc_fail(diag, NENC_EUNSUPPORTED, "no such convolution: "
                         "k=%zu stride=%zu pad=%zu of %zu x %zu", shape->k,
                         shape->stride, shape->pad, w, h);
    nenc_onednn_conv *c = nenc_mem_zalloc(1, sizeof *c);
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    c->shape = *shape;
    c->w = w;
    c->dst_w = nenc_conv_extent(shape, w);
    c->act = act;
    c->slope = slope;
    c->n_workers = (size_t)n_workers;
    const int threads = begin_single();
    const nenc_status st = build(c, h, weight, bias, n_bands);
    end_single(threads);
    if (st < 0) {
        nenc_onednn_conv_close(c);
        return nenc_fail(diag, st, "oneDNN has no room or no way for k=%zu "
                         "stride=%zu, %zu to %zu channels", shape->k,
                         shape->stride, shape->cin, shape->cout);
    }
    *out = c;
    return NENC_OK;
}

/* -------------------------------------------------------------------- running */

size_t nenc_onednn_conv_bands(const nenc_onednn_conv *c)
{
    return c->n_bands;
}

/* By the sign bit, not by a comparison, which compilers make branches of. */
static inline float leak(float x, float slope)
{
    const float y = x * slope;
    uint32_t a, b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    const uint32_t is_negative = 0u - (a >> 31);
    a = (a & ~is_negative) | (b & is_negative);
    memcpy(&x, &a, sizeof x);
    return x;
}

/* In blocks of a constant size, which compilers make vectors of. */
static void activate(const nenc_onednn_conv *c, float *x, size_t n)
{
    enum { BLOCK = 64 };
    const float slope = c->act == NENC_ACT_LRELU ? c->slope : 0;
    for (; n >= BLOCK; n -= BLOCK, x += BLOCK)
        for (size_t i = 0; i < BLOCK; i++)
            x[i] = leak(x[i], slope);
    for (size_t i = 0; i < n; i++)
        x[i] = leak(x[i], slope);
}

static dnnl_status_t execute(const nenc_onednn_conv *c, const geometry *g,
                             const lane *l, dnnl_stream_t stream)
{
    const dnnl_exec_arg_t args[] = {
        { DNNL_ARG_SRC, l->src }, { DNNL_ARG_WEIGHTS, g->weight },
        { DNNL_ARG_BIAS, c->bias }, { DNNL_ARG_DST, l->dst },
        { DNNL_ARG_SCRATCHPAD, l->scratch },
    };
    const int n_args = l->scratch ? 5 : 4;
    const int threads = begin_single();
    dnnl_status_t st = dnnl_primitive_execute(g->primitive, stream, n_args,
                                              args);
    if (st == dnnl_success)
        st = dnnl_stream_wait(stream);
    end_single(threads);
    return st;
}

nenc_status nenc_onednn_conv_run(const nenc_onednn_conv *c, size_t index,
                                 int worker, const float *src, float *dst)
{
    const band *b = &c->bands[index];
    const geometry *g = &c->geometries[b->geometry];
    const lane *l = &c->lanes[(size_t)worker * c->n_geometries + b->geometry];
    const float *from = src + b->src_row * c->w * c->shape.cin;
    float *to = dst + b->dst_row * c->dst_w * c->shape.cout;
    /* oneDNN reads through a pointer that is not const */
    DNNL_TRY(dnnl_memory_set_data_handle(l->src, (void *)(uintptr_t)from));
    DNNL_TRY(dnnl_memory_set_data_handle(l->dst, to));
    DNNL_TRY(execute(c, g, l, c->streams[worker]));
    if (g->act_after)
        activate(c, to, g->dst_rows * c->dst_w * c->shape.cout);
    return NENC_OK;
}

/* -------------------------------------------------------------------- closing */

static void drop_memory(dnnl_memory_t memory)
{
    if (memory)
        dnnl_memory_destroy(memory);
}

static void drop_workers(nenc_onednn_conv *c)
{
    for (size_t i = 0; c->lanes && i < c->n_workers * c->n_geometries; i++) {
        drop_memory(c->lanes[i].src);
        drop_memory(c->lanes[i].dst);
        drop_memory(c->lanes[i].scratch);
    }
    for (size_t i = 0; c->streams && i < c->n_workers; i++)
        if (c->streams[i])
            dnnl_stream_destroy(c->streams[i]);
    for (size_t i = 0; c->scratch && i < c->n_workers; i++)
        nenc_mem_free(c->scratch[i]);
    nenc_mem_free(c->lanes);
    nenc_mem_free(c->scratch);
    nenc_mem_free(c->streams);
}

void nenc_onednn_conv_close(nenc_onednn_conv *c)
{
    if (!c)
        return;
    drop_workers(c);
    for (size_t i = 0; i < c->n_geometries; i++)
        if (c->geometries[i].primitive)
            dnnl_primitive_destroy(c->geometries[i].primitive);
    for (size_t i = 0; i < c->n_weights; i++)
        drop_memory(c->weights[i]);
    drop_memory(c->plain);
    drop_memory(c->bias);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
    nenc_mem_free(c->weights);
    nenc_mem_free(c->geometries);
    nenc_mem_free(c->bands);
    nenc_mem_free(c);
}

#endif
