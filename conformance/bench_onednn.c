/* SPDX-License-Identifier: BSD-2-Clause */
/* oneDNN as the peer of bench_conv.c: versions 2 and 3.
 * Not here: the library's own oneDNN backend. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_onednn.h"

#ifndef HAVE_ONEDNN

void bench_onednn_init(const char *kernels) { (void)kernels; }
const char *bench_onednn_version(void) { return "no oneDNN"; }

bench_onednn *bench_onednn_open(const nenc_conv_shape *shape, size_t h,
                                size_t w, const float *weight,
                                const float *bias, const float *src)
{
    (void)shape, (void)h, (void)w, (void)weight, (void)bias, (void)src;
    return NULL;
}

void bench_onednn_run(bench_onednn *b) { (void)b; }
void bench_onednn_read(bench_onednn *b, float *dst) { (void)b, (void)dst; }
void bench_onednn_close(bench_onednn *b) { (void)b; }

#else

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

/* What the two versions call a memory descriptor that is ours, and one that
 * is borrowed from a primitive. */
#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t own_md;
typedef const_dnnl_memory_desc_t lent_md;
#define LEND(md) (md)
#else
typedef dnnl_memory_desc_t own_md;
typedef const dnnl_memory_desc_t *lent_md;
#define LEND(md) (&(md))
#endif

enum { SRC, WEIGHT, BIAS, DST, SCRATCH, N_MEMORIES };

struct bench_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t conv;
    dnnl_memory_t memory[N_MEMORIES];
    dnnl_exec_arg_t args[N_MEMORIES];
    dnnl_dims_t dst_dims;
};

/* A benchmark may give up loudly. */
static void must(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return;
    fprintf(stderr, "oneDNN: %s: status %d\n", what, (int)status);
    exit(1);
}

void bench_onednn_init(const char *kernels)
{
    /* libgomp comes with oneDNN, if it was built for OpenMP */
    void (*set_threads)(int);
    void *self = dlopen(NULL, RTLD_LAZY);
    void *symbol = self ? dlsym(self, "omp_set_num_threads") : NULL;
    memcpy(&set_threads, &symbol, sizeof set_threads);
    if (set_threads)
        set_threads(1);
    if (!strcmp(kernels, "avx2"))
        must(dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2), "instruction set");
}

const char *bench_onednn_version(void)
{
    static char text[40];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor,
             v->patch);
    return text;
}

static own_md make_md(int n, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    own_md md;
#if DNNL_VERSION_MAJOR >= 3
    must(dnnl_memory_desc_create_with_tag(&md, n, dims, dnnl_f32, tag),
         "memory descriptor");
#else
    must(dnnl_memory_desc_init_by_tag(&md, n, dims, dnnl_f32, tag),
         "memory descriptor");
#endif
    return md;
}

static void drop_md(own_md md)
{
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_destroy(md);
#else
    (void)md;
#endif
}

/* The padding at the far end, at most, that gives the output's size. */
static dnnl_dim_t far_pad(const nenc_conv_shape *s, size_t n)
{
    const dnnl_dim_t in = (dnnl_dim_t)n, k = (dnnl_dim_t)s->k;
    const dnnl_dim_t out = (dnnl_dim_t)nenc_conv_extent(s, n);
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    return s->transposed ? (in - 1) * stride + k - pad - out
                         : (out - 1) * stride + k - pad - in;
}

static dnnl_primitive_desc_t make_pd(dnnl_engine_t engine,
                                     const nenc_conv_shape *s, size_t h,
                                     size_t w, lent_md src, lent_md weight,
                                     lent_md bias, lent_md dst)
{
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    const dnnl_dims_t strides = { stride, stride }, near = { pad, pad };
    const dnnl_dims_t far = { far_pad(s, h), far_pad(s, w) };
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    must(dnnl_primitive_attr_create(&attr), "attributes");
    must(dnnl_primitive_attr_set_scratchpad_mode(
             attr, dnnl_scratchpad_mode_user), "scratchpad mode");
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilates = { 0, 0 };
    if (s->transposed)
        must(dnnl_deconvolution_forward_primitive_desc_create(
                 &pd, engine, dnnl_forward_inference,
                 dnnl_deconvolution_direct, src, weight, bias, dst, strides,
                 dilates, near, far, attr), "deconvolution");
    else
        must(dnnl_convolution_forward_primitive_desc_create(
                 &pd, engine, dnnl_forward_inference,
                 dnnl_convolution_direct, src, weight, bias, dst, strides,
                 dilates, near, far, attr), "convolution");
#else
    dnnl_convolution_desc_t desc;
    if (s->transposed)
        must(dnnl_deconvolution_forward_desc_init(
                 &desc, dnnl_forward_inference, dnnl_deconvolution_direct,
                 src, weight, bias, dst, strides, near, far),
             "deconvolution");
    else
        must(dnnl_convolution_forward_desc_init(
                 &desc, dnnl_forward_inference, dnnl_convolution_direct,
                 src, weight, bias, dst, strides, near, far), "convolution");
    must(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL),
         "primitive descriptor");
#endif
    dnnl_primitive_attr_destroy(attr);
    return pd;
}

static void reorder(bench_onednn *b, dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
#if DNNL_VERSION_MAJOR >= 3
    const_dnnl_memory_desc_t from_md, to_md;
#else
    const dnnl_memory_desc_t *from_md, *to_md;
#endif
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from },
                                     { DNNL_ARG_TO, to } };
    must(dnnl_memory_get_memory_desc(from, &from_md), "descriptor");
    must(dnnl_memory_get_memory_desc(to, &to_md), "descriptor");
    must(dnnl_reorder_primitive_desc_create(&pd, from_md, b->engine, to_md,
                                            b->engine, NULL), "reorder");
    must(dnnl_primitive_create(&p, pd), "reorder");
    must(dnnl_primitive_execute(p, b->stream, 2, args), "reorder");
    must(dnnl_stream_wait(b->stream), "reorder");
    dnnl_primitive_destroy(p);
    dnnl_primitive_desc_destroy(pd);
}

static dnnl_memory_t wrap(bench_onednn *b, own_md md, const float *data)
{
    dnnl_memory_t m;
    void *pointer;
    memcpy(&pointer, &data, sizeof pointer);    /* oneDNN knows no const */
    must(dnnl_memory_create(&m, LEND(md), b->engine, pointer), "memory");
    return m;
}

static void fill(bench_onednn *b, int which, own_md plain, const float *data)
{
    dnnl_memory_t m = wrap(b, plain, data);
    reorder(b, m, b->memory[which]);
    dnnl_memory_destroy(m);
}

static void make_memories(bench_onednn *b)
{
    static const struct { dnnl_query_t query; int arg; } roles[] = {
        [SRC]     = { dnnl_query_src_md, DNNL_ARG_SRC },
        [WEIGHT]  = { dnnl_query_weights_md, DNNL_ARG_WEIGHTS },
        [BIAS]    = { dnnl_query_weights_md, DNNL_ARG_BIAS },
        [DST]     = { dnnl_query_dst_md, DNNL_ARG_DST },
        [SCRATCH] = { dnnl_query_scratchpad_md, DNNL_ARG_SCRATCHPAD },
    };
    for (int i = 0; i < N_MEMORIES; i++) {
        lent_md md = dnnl_primitive_desc_query_md(b->pd, roles[i].query,
                                                  i == BIAS);
        must(dnnl_memory_create(&b->memory[i], md, b->engine,
                                DNNL_MEMORY_ALLOCATE), "memory");
        b->args[i] = (dnnl_exec_arg_t){ roles[i].arg, b->memory[i] };
    }
}

bench_onednn *bench_onednn_open(const nenc_conv_shape *s, size_t h, size_t w,
                                const float *weight, const float *bias,
                                const float *src)
{
    const dnnl_dim_t g = (dnnl_dim_t)s->groups, k = (dnnl_dim_t)s->k;
    const dnnl_dim_t cin = (dnnl_dim_t)s->cin, cout = (dnnl_dim_t)s->cout;
    const dnnl_dims_t src_dims = { 1, cin, (dnnl_dim_t)h, (dnnl_dim_t)w };
    const dnnl_dims_t grouped = { g, cout / g, cin / g, k, k };
    const dnnl_dims_t whole = { cout, cin, k, k };
    const int n = s->groups > 1 ? 5 : 4;
    const dnnl_dim_t *w_dims = n == 5 ? grouped : whole;
    const dnnl_format_tag_t w_tag = n == 5
        ? (s->transposed ? dnnl_giohw : dnnl_goihw)
        : (s->transposed ? dnnl_iohw : dnnl_oihw);
    bench_onednn *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->dst_dims[0] = 1;
    b->dst_dims[1] = cout;
    b->dst_dims[2] = (dnnl_dim_t)nenc_conv_extent(s, h);
    b->dst_dims[3] = (dnnl_dim_t)nenc_conv_extent(s, w);
    must(dnnl_engine_create(&b->engine, dnnl_cpu, 0), "engine");
    must(dnnl_stream_create(&b->stream, b->engine,
                            dnnl_stream_default_flags), "stream");
    own_md any_src = make_md(4, src_dims, dnnl_format_tag_any);
    own_md any_dst = make_md(4, b->dst_dims, dnnl_format_tag_any);
    own_md any_weight = make_md(n, w_dims, dnnl_format_tag_any);
    own_md plain_bias = make_md(1, &whole[0], dnnl_a);
    own_md plain_src = make_md(4, src_dims, dnnl_nhwc);
    own_md plain_weight = make_md(n, w_dims, w_tag);
    b->pd = make_pd(b->engine, s, h, w, LEND(any_src), LEND(any_weight),
                    LEND(plain_bias), LEND(any_dst));
    must(dnnl_primitive_create(&b->conv, b->pd), "primitive");
    make_memories(b);
    fill(b, SRC, plain_src, src);
    fill(b, WEIGHT, plain_weight, weight);
    fill(b, BIAS, plain_bias, bias);
    own_md all[] = { any_src, any_dst, any_weight, plain_bias, plain_src,
                     plain_weight };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        drop_md(all[i]);
    return b;
}

void bench_onednn_run(bench_onednn *b)
{
    must(dnnl_primitive_execute(b->conv, b->stream, N_MEMORIES, b->args),
         "execute");
    must(dnnl_stream_wait(b->stream), "execute");
}

void bench_onednn_read(bench_onednn *b, float *dst)
{
    own_md plain = make_md(4, b->dst_dims, dnnl_nhwc);
    dnnl_memory_t m = wrap(b, plain, dst);
    reorder(b, b->memory[DST], m);
    dnnl_memory_destroy(m);
    drop_md(plain);
}

void bench_onednn_close(bench_onednn *b)
{
    if (!b)
        return;
    for (int i = 0; i < N_MEMORIES; i++)
        dnnl_memory_destroy(b->memory[i]);
    dnnl_primitive_destroy(b->conv);
    dnnl_primitive_desc_destroy(b->pd);
    dnnl_stream_destroy(b->stream);
    dnnl_engine_destroy(b->engine);
    free(b);
}

#endif
