/* SPDX-License-Identifier: BSD-2-Clause */
/* Speed and overhead of the range coder on one thread: 64 Gaussian tables
 * drawn at random, a mix as at a low rate, and one very skewed table, each in
 * 1, 2, 4 and 8 lanes.  Not here: making the tables, threads. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "prob_model.h"
#include "range_coder.h"

enum { N = 1 << 20, ROUNDS = 9, N_SCALES = 64 };

typedef struct job {
    const char *name;
    uint16_t table[N];
    int32_t value[N];
    int32_t back[N];
    double ideal_bits;
} job;

static uint64_t seed = 1;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

/* CPU time of this thread: other processes on the machine do not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A value as its table says; an escape goes just beyond its ends. */
static void draw_value(job *j, const nenc_cdf_set *set, size_t i)
{
    const nenc_cdf *t = &set->tables[j->table[i]];
    const uint16_t *cum = set->cum + t->first;
    const uint32_t v = draw() >> 16;
    uint32_t lo = 0;
    while (cum[lo + 1] < v)
        lo++;
    j->value[i] = t->offset + (int32_t)lo;
    j->ideal_bits += log2((double)NENC_CDF_TOTAL / nenc_cdf_freq(cum, lo))
                     + (lo == t->length - 1u ? 1 : 0);
}

/* kind 0: any of the 64; 1: scales as at a low rate, most of them small and
 * in runs; 2: the narrowest table alone. */
static void fill(job *j, const nenc_cdf_set *set, int kind)
{
    static const char *const names[] = {
        "64 Gaussians, any", "low-rate mix", "scale 0.156 only"
    };
    uint16_t table = 0;
    j->name = names[kind];
    j->ideal_bits = 0;
    for (size_t i = 0; i < N; i++) {
        if (kind == 0)
            table = (uint16_t)(draw() % N_SCALES);
        else if (kind == 1 && draw() % 4 == 0)
            table = (uint16_t)(draw() % 4 ? draw() % 8 : draw() % 32);
        else if (kind == 2)
            table = 3;
        j->table[i] = table;
        draw_value(j, set, i);
    }
}

static double encode(const job *j, const nenc_cdf_set *set, unsigned lanes,
                     nenc_buffer *out)
{
    nenc_rc_encoder enc;
    nenc_buffer_free(out);
    const double start = now();
    nenc_rc_encoder_init(&enc, lanes, (size_t)1 << 28);
    nenc_rc_encode_run(&enc, set, j->table, j->value, N);
    const nenc_status st = nenc_rc_encoder_finish(&enc, out, NULL);
    const double time = now() - start;
    nenc_rc_encoder_free(&enc);
    return st < 0 ? 0 : time;
}

static double decode(job *j, const nenc_cdf_set *set, const nenc_buffer *in)
{
    nenc_rc_decoder dec;
    nenc_bytes src;
    const double start = now();
    nenc_bytes_init(&src, in->data, in->size);
    nenc_status st = nenc_rc_decoder_init(&dec, &src, NULL);
    if (st >= 0)
        st = nenc_rc_decode_run(&dec, set, j->table, j->back, N, NULL);
    if (st >= 0)
        st = nenc_rc_decoder_end(&dec, NULL);
    const double time = now() - start;
    return st < 0 || memcmp(j->back, j->value, sizeof j->value) ? 0 : time;
}

static bool bench(job *j, const nenc_cdf_set *set, unsigned lanes)
{
    nenc_buffer out;
    double to = 1e9, from = 1e9;
    nenc_buffer_init(&out, (size_t)1 << 30);
    for (int i = 0; i < ROUNDS; i++) {
        to = NENC_MIN(to, encode(j, set, lanes, &out));
        from = NENC_MIN(from, decode(j, set, &out));
    }
    const double over = 100 * ((double)out.size * 8 / j->ideal_bits - 1);
    nenc_buffer_free(&out);
    if (to <= 0 || from <= 0)
        return false;
    printf("%-18s %u %8.3f %10.1f %10.1f %9.4f\n", j->name, lanes,
           j->ideal_bits / N, N / to * 1e-6, N / from * 1e-6, over);
    return true;
}

static nenc_cdf_set *gaussians(void)
{
    static const nenc_prob_limits limits = NENC_PROB_LIMITS_REFERENCE;
    nenc_prob_tables tables = { 0 };
    nenc_cdf_set *set = NULL;
    double scale[N_SCALES];
    nenc_prob_log_scales(scale, N_SCALES, 0.11, 256);
    nenc_status st = NENC_OK;
    for (int i = 0; st >= 0 && i < N_SCALES; i++)
        st = nenc_prob_add_gaussian(&tables, scale[i], &limits);
    if (st >= 0)
        st = nenc_cdf_set_open(&set, tables.lengths, tables.offsets,
                               tables.n_tables, tables.freqs, tables.n_freqs,
                               NULL);
    nenc_prob_tables_free(&tables);
    return st < 0 ? NULL : set;
}

int main(void)
{
    static const unsigned lanes[] = { 1, 2, 4, 8 };
    nenc_cdf_set *set = gaussians();
    job *j = nenc_mem_alloc(1, sizeof *j);
    bool ok = set && j;
    printf("%-18s %s %8s %10s %10s %9s\n", "values of", "L", "bits",
           "encode M/s", "decode M/s", "over %");
    for (int kind = 0; ok && kind < 3; kind++) {
        fill(j, set, kind);
        for (size_t i = 0; ok && i < sizeof lanes / sizeof *lanes; i++)
            ok = bench(j, set, lanes[i]);
    }
    nenc_mem_free(j);
    nenc_cdf_set_close(set);
    if (!ok)
        fprintf(stderr, "bench_entropy: failed\n");
    return !ok;
}
