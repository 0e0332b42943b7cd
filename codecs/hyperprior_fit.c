/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of what the encoder is found to code, in place of the density that
 * training assumed: its rate-distortion choices thin out small symbols, so what
 * comes under a scale is no longer Laplace.  As the tables change the choices,
 * it is done twice.  Not here: how probabilities become tables. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyperprior_build.h"
#include "hyperprior_train.h"

/* Symbols told apart; how many the density counts for. */
enum { REACH = 512, WIDTH = 2 * REACH + 2, PRIOR = 50, ROUNDS = 2 };

typedef struct fitting {
    const nenc_safetensors *raw;
    const nenc_image *pictures;
    size_t n_pictures, n_scales;
    nenc_pool *pool;
    double scales[2];
    double *count;               /* [n_scales, WIDTH] */
    float *pmf;                  /* the same */
    nenc_safetensors measured;
    nenc_diag *diag;
} fitting;

static nenc_status drop_unit(void *user, uint32_t index,
                             const nenc_buffer *unit, nenc_diag *diag)
{
    (void)user, (void)index, (void)unit, (void)diag;
    return NENC_OK;
}

/* What one picture, a single unit, comes to at a quality. */
static nenc_status count_picture(fitting *f, const hyper_model *m,
                                 const nenc_image *picture, int quality)
{
    const nenc_codec_params params = {
        .pool = f->pool, .max_memory = (size_t)1 << 32, .quality = quality,
        .width = picture->width, .height = picture->height,
        .unit_width = picture->width, .unit_height = picture->height,
    };
    const nenc_units units = { .put = drop_unit };
    void *context;
    nenc_sha256 symbols;
    nenc_sha256_init(&symbols);
    NENC_TRY(hyper_open(&context, m, &params, f->diag));
    const nenc_status st = hyper_encode(context, picture, &units, &symbols,
                                        f->diag);
    const hyper_unit *u = ((const hyper_context *)context)->units;
    for (size_t i = 0; st >= 0 && i < hyper_y_size(u); i++) {
        int32_t v = u->y_symbol[i];
        v = v > REACH ? REACH : v < -REACH ? -REACH : v;
        f->count[u->y_index[i] * (size_t)WIDTH + (size_t)(v + REACH)]++;
    }
    hyper_close(context);
    return st;
}

static nenc_status count_all(fitting *f, const nenc_safetensors *raw)
{
    const nenc_codec *codec = nenc_codec_by_name("hyperprior");
    nenc_arena arena;
    nenc_safetensors model;
    const void *bound = NULL;
    memset(f->count, 0, f->n_scales * WIDTH * sizeof *f->count);
    nenc_arena_init(&arena, (size_t)1 << 32);
    nenc_status st = nenc_hyperprior_build(&model, &arena, raw, f->diag);
    if (st >= 0)
        st = codec->bind(&bound, &arena, &model, f->diag);
    for (size_t i = 0; st >= 0 && i < f->n_pictures; i++)
        for (int q = 0; st >= 0 && q <= 80; q += 20)
            st = count_picture(f, bound, &f->pictures[i],
                               q + (int)(i % 13));
    codec->unbind(bound);
    nenc_arena_free(&arena);
    return st;
}

/* The mass of k under a Laplace density. */
static double laplace(double scale, int k)
{
    const double half = 0.5 / scale;
    if (!k)
        return -expm1(-half);
    return half > 300 ? 0 : exp(-abs(k) / scale) * sinh(half);
}

/* Counts, made symmetric, with the density for what was seen too rarely. */
static void estimate(fitting *f)
{
    for (size_t s = 0; s < f->n_scales; s++) {
        const double at = (double)s / (double)(f->n_scales - 1);
        const double scale = f->scales[0] * pow(f->scales[1] / f->scales[0],
                                                at);
        const double *count = f->count + s * WIDTH;
        float *pmf = f->pmf + s * WIDTH;
        double all = 0, rest = 1;
        for (size_t k = 0; k + 1 < WIDTH; k++)
            all += count[k];
        for (int k = -REACH; k <= REACH; k++) {
            const double p = laplace(scale, k);
            rest -= p;
            pmf[k + REACH] = (float)(
                ((count[k + REACH] + count[REACH - k]) / 2 + PRIOR * p)
                / (all + PRIOR));
        }
        pmf[WIDTH - 1] = (float)(PRIOR * NENC_MAX(rest, 1e-12)
                                 / (all + PRIOR));
    }
}

/* `raw` with these probabilities. */
static nenc_status attach(fitting *f, nenc_arena *arena)
{
    const nenc_safetensors *raw = f->raw;
    nenc_st_tensor *list = nenc_arena_zalloc(arena, raw->n_tensors + 1,
                                             sizeof *list);
    nenc_st_entry *meta = nenc_arena_zalloc(arena, raw->n_metadata,
                                            sizeof *meta);
    const size_t dims[2] = { f->n_scales, WIDTH };
    if (!list || !meta)
        return nenc_arena_fail(arena, f->diag, "tables", "measured");
    memcpy(list, raw->tensors, raw->n_tensors * sizeof *list);
    NENC_TRY(nenc_st_floats(&list[raw->n_tensors], arena, "y.pmf", f->pmf,
                            dims, 2, f->diag));
    for (size_t i = 0; i < raw->n_metadata; i++) {
        meta[i] = raw->metadata[i];
        if (!strcmp(meta[i].key, "y_family"))
            meta[i].value = "measured";
    }
    nenc_st_sort(list, raw->n_tensors + 1, meta, raw->n_metadata);
    f->measured = (nenc_safetensors){ raw->n_tensors + 1, raw->n_metadata,
                                      list, meta };
    return NENC_OK;
}

static nenc_status number(const fitting *f, const char *key, double *out)
{
    const char *text = nenc_safetensors_metadata(f->raw, key);
    *out = text ? strtod(text, NULL) : 0;
    return *out > 0 ? NENC_OK
        : nenc_fail(f->diag, NENC_EMODEL, "no \"%s\" in the metadata", key);
}

nenc_status hyper_train_measure(nenc_safetensors *out, nenc_arena *arena,
                                const nenc_safetensors *raw,
                                const nenc_image *pictures, size_t n,
                                nenc_pool *pool, nenc_diag *diag)
{
    fitting f = { .raw = raw, .pictures = pictures, .n_pictures = n,
                  .pool = pool, .diag = diag };
    double count;
    NENC_TRY(number(&f, "y_scale_min", &f.scales[0]));
    NENC_TRY(number(&f, "y_scale_max", &f.scales[1]));
    NENC_TRY(number(&f, "y_scales", &count));
    if (!(count >= 2 && count <= 1024))
        return nenc_fail(diag, NENC_EMODEL, "%g scales", count);
    f.n_scales = (size_t)count;
    f.count = nenc_arena_zalloc(arena, f.n_scales * WIDTH, sizeof *f.count);
    f.pmf = nenc_arena_zalloc(arena, f.n_scales * WIDTH, sizeof *f.pmf);
    if (!f.count || !f.pmf)
        return nenc_arena_fail(arena, diag, "tables", "measured");
    for (int round = 0; round < ROUNDS; round++) {
        NENC_TRY(count_all(&f, round ? &f.measured : raw));
        estimate(&f);
        NENC_TRY(attach(&f, arena));
    }
    *out = f.measured;
    return NENC_OK;
}
