/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Units, written and read. */
#include "overfit_unit.h"

#include <string.h>

#include "overfit_context.h"

/* Lanes let a decoder's work overlap and cost three bytes each. */
enum { MANY = 1 << 17 };      /* symbols from which on there are four */

nenc_status overfit_unit_open(overfit_unit *u, int size, uint32_t width,
                              uint32_t height, int channels,
                              size_t max_memory, nenc_diag *diag)
{
    memset(u, 0, sizeof *u);
    nenc_arena_init(&u->arena, max_memory);
    overfit_shape_init(&u->shape, size, width, height, channels);
    const overfit_shape *s = &u->shape;
    u->params.number = nenc_arena_zalloc(&u->arena, s->n_params,
                                         sizeof(int32_t));
    bool ok = u->params.number != NULL;
    for (int g = 0; ok && g < s->n_grids; g++) {
        size_t n;
        ok = nenc_size_mul(&n, s->grids[g].width, s->grids[g].height)
          && (u->symbols[g] = nenc_arena_zalloc(&u->arena, n,
                                                sizeof(int16_t)));
    }
    return ok ? NENC_OK : nenc_arena_fail(&u->arena, diag, "a unit",
                                          "of latents");
}

void overfit_unit_close(overfit_unit *u)
{
    nenc_arena_free(&u->arena);
}

static size_t count_symbols(const overfit_shape *s)
{
    size_t n = 0;
    for (int g = 0; g < s->n_grids; g++)
        n += (size_t)s->grids[g].width * s->grids[g].height;
    return n;
}

nenc_status overfit_unit_write(const overfit_unit *u, const nenc_cdf_set *set,
                               size_t max_memory, nenc_buffer *out,
                               nenc_diag *diag)
{
    const overfit_shape *s = &u->shape;
    nenc_rc_encoder e;
    overfit_context *c;
    NENC_TRY(overfit_context_open(&c, s, &u->params, max_memory, diag));
    nenc_buffer_u8(out, (uint8_t)(s->size - overfit_sizes));
    nenc_buffer_u8(out, 0);
    nenc_rc_encoder_init(&e, count_symbols(s) < MANY ? 1 : 4, max_memory);
    overfit_params_encode(s, &u->params, &e, set);
    overfit_context_encode(c, (const int16_t *const *)u->symbols, &e, set);
    const nenc_status st = nenc_rc_encoder_finish(&e, out, diag);
    nenc_rc_encoder_free(&e);
    overfit_context_close(c);
    return st;
}

static nenc_status read_coded(overfit_unit *u, const nenc_cdf_set *set,
                              size_t max_memory, nenc_bytes *src,
                              nenc_diag *diag)
{
    nenc_rc_decoder d;
    overfit_context *c;
    NENC_TRY(nenc_rc_decoder_init(&d, src, diag));
    NENC_TRY(overfit_params_decode(&u->shape, &u->params, &d, set, diag));
    NENC_TRY(overfit_context_open(&c, &u->shape, &u->params, max_memory,
                                  diag));
    nenc_status st = overfit_context_decode(c, u->symbols, &d, set, diag);
    if (st >= 0)
        st = nenc_rc_decoder_end(&d, diag);
    overfit_context_close(c);
    if (st >= 0 && nenc_bytes_left(src))
        st = nenc_fail(diag, NENC_EBITSTREAM, "%zu bytes after a unit",
                       nenc_bytes_left(src));
    return st;
}

nenc_status overfit_unit_read(overfit_unit *u, uint32_t width, uint32_t height,
                              int channels, const nenc_cdf_set *set,
                              size_t max_memory, nenc_bytes *src,
                              nenc_diag *diag)
{
    const unsigned size = nenc_bytes_u8(src), start = nenc_bytes_u8(src);
    memset(u, 0, sizeof *u);
    if (src->failed)
        return nenc_fail(diag, NENC_ETRUNCATED, "a unit of no bytes");
    if (size >= OVERFIT_SIZES || start)
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "networks of kind %u.%u, which this program does not "
                         "have", size, start);
    NENC_TRY(overfit_unit_open(u, (int)size, width, height, channels,
                               max_memory, diag));
    return read_coded(u, set, max_memory - u->arena.used, src, diag);
}

static void hash_i32(nenc_sha256 *hash, int32_t v)
{
    uint8_t bytes[4];
    nenc_bytes_put_u32(bytes, (uint32_t)v);
    nenc_sha256_update(hash, bytes, 4);
}

void overfit_unit_hash(const overfit_unit *u, nenc_sha256 *hash)
{
    const overfit_shape *s = &u->shape;
    for (size_t i = 0; i < s->n_params; i++)
        hash_i32(hash, u->params.number[i]);
    for (int g = s->n_grids; g-- > 0;)
        for (size_t i = 0; i < (size_t)s->grids[g].width
                               * s->grids[g].height; i++)
            hash_i32(hash, u->symbols[g][i]);
}
