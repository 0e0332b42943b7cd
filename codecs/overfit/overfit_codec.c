/* SPDX-License-Identifier: BSD-2-Clause */
/* The codec, as the rest of the library has codecs. */
#include "overfit_codec.h"

#include "overfit_tables.h"

typedef struct overfit_bound {
    nenc_cdf_set *set;
} overfit_bound;

static nenc_status overfit_bind(const void **bound, nenc_arena *arena,
                                const nenc_safetensors *st, nenc_diag *diag)
{
    overfit_bound *b = nenc_arena_zalloc(arena, 1, sizeof *b);
    (void)st;
    if (!b)
        return nenc_arena_fail(arena, diag, "tables for", "symbols");
    *bound = b;
    return overfit_tables_open(&b->set, diag);
}

static void overfit_unbind(const void *bound)
{
    const overfit_bound *b = bound;
    if (b)
        nenc_cdf_set_close(b->set);
}

static bool overfit_net_at(const void *bound, size_t i, nenc_codec_net *net)
{
    (void)bound;
    (void)i;
    (void)net;
    return false;
}

static nenc_status overfit_open(void **context, const void *bound,
                                const nenc_codec_params *params,
                                nenc_diag *diag)
{
    overfit_codec *c = nenc_mem_zalloc(1, sizeof *c);
    *context = c;
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    c->params = *params;
    c->set = ((const overfit_bound *)bound)->set;
    return NENC_OK;
}

static void overfit_set_quality(void *context, int quality, float finer)
{
    overfit_codec *c = context;
    c->params.quality = quality;
    c->params.finer = finer;
}

static void overfit_close(void *context)
{
    nenc_mem_free(context);
}

uint32_t overfit_codec_units(const overfit_codec *c)
{
    const nenc_codec_params *p = &c->params;
    return ((p->width - 1) / p->unit_width + 1)
         * ((p->height - 1) / p->unit_height + 1);
}

nenc_rect overfit_codec_unit(const overfit_codec *c, uint32_t index)
{
    const nenc_codec_params *p = &c->params;
    const uint32_t across = (p->width - 1) / p->unit_width + 1;
    const uint32_t x = index % across * p->unit_width;
    const uint32_t y = index / across * p->unit_height;
    return (nenc_rect){ x, y, NENC_MIN(p->unit_width, p->width - x),
                        NENC_MIN(p->unit_height, p->height - y) };
}

const nenc_codec nenc_codec_overfit = {
    .name = "overfit", .id = NENC_TAG('O', 'V', 'F', '1'),
    .media = NENC_IMAGE,
    .paper = "Cool-Chic 5 (Ladune, Philippe et al., 2023 to 2026), C3 (Kim et "
             "al., 2023)",
    .builtin = true, .default_effort = 3, .resumes = true, .unit = 2048,
    .unit_over = 6 << 20,
    .bind = overfit_bind, .unbind = overfit_unbind, .net_at = overfit_net_at,
    .open = overfit_open, .close = overfit_close,
    .encode = overfit_codec_encode, .decode = overfit_codec_decode,
    .set_quality = overfit_set_quality,
};
