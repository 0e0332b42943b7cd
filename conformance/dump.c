/* SPDX-License-Identifier: BSD-2-Clause */
/* dump MODEL PICTURE -o OUT.safetensors [-q N]: what a hyperprior model makes
 * of a picture on its way through the exact encoder and decoder, as tensors,
 * for comparison with other implementations.  Not here: the comparison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpenv.h"
#include "hyperprior.h"
#include "model.h"
#include "picture_file.h"
#include "unit_store.h"

enum { MAX_TENSORS = 8 };

typedef struct dump {
    const char *model_path, *picture_path, *out_path;
    int quality;
    nenc_model *model;
    nenc_image picture;
    nenc_codec_params params;
    nenc_arena arena;             /* of the tensors' bytes */
    nenc_st_tensor tensors[MAX_TENSORS];
    size_t n_tensors;
} dump;

/* [h, w, c] words of 32 bits, float or int32_t */
static nenc_status add(dump *d, const char *name, nenc_dtype dtype,
                       const void *values, size_t h, size_t w, size_t c,
                       nenc_diag *diag)
{
    nenc_st_tensor *t = &d->tensors[d->n_tensors++];
    const size_t n = h * w * c;
    uint8_t *bytes = nenc_arena_zalloc(&d->arena, n, 4);
    if (!bytes)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)values + 4 * i, 4);
        nenc_bytes_put_u32(bytes + 4 * i, word);
    }
    *t = (nenc_st_tensor){ .name = name, .dtype = dtype, .n_dims = 3,
                           .dims = { h, w, c }, .n_items = n, .size = 4 * n,
                           .data = bytes };
    return NENC_OK;
}

static nenc_status add_encoder(dump *d, const hyper_unit *c, nenc_diag *diag)
{
    const hyper_model *m = c->model;
    const size_t n = hyper_y_size(c);
    int32_t *index = nenc_arena_zalloc(&d->arena, n, sizeof *index);
    if (!index)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        index[i] = c->y_index[i];
    NENC_TRY(add(d, "y", NENC_F32, c->y, c->y_h, c->y_w, m->y_channels, diag));
    NENC_TRY(add(d, "y.symbols", NENC_I32, c->y_symbol, c->y_h, c->y_w,
                 m->y_channels, diag));
    NENC_TRY(add(d, "y.index", NENC_I32, index, c->y_h, c->y_w, m->y_channels,
                 diag));
    if (m->entropy == HYPER_MEAN_SCALE)
        NENC_TRY(add(d, "y.means", NENC_F32, c->y_mean, c->y_h, c->y_w,
                     m->y_channels, diag));
    if (!m->h_s)
        return NENC_OK;
    return add(d, "z.symbols", NENC_I32, c->z_symbol, c->z_h, c->z_w,
               m->z_channels, diag);
}

static nenc_status encode(dump *d, unit_store *units, nenc_diag *diag)
{
    const nenc_codec *codec = d->model->codec;
    void *context;
    NENC_TRY(codec->open(&context, d->model->bound, &d->params, diag));
    nenc_status st = unit_store_encode_in(units, codec, context, &d->picture,
                                          diag);
    if (st >= 0)
        st = add_encoder(d, ((const hyper_context *)context)->units, diag);
    codec->close(context);
    return st;
}

/* Samples of the padded picture, before they are rounded. */
static nenc_status decode(dump *d, unit_store *units, nenc_diag *diag)
{
    const nenc_codec *codec = d->model->codec;
    void *context;
    nenc_sha256 symbols;
    nenc_sha256_init(&symbols);
    NENC_TRY(codec->open(&context, d->model->bound, &d->params, diag));
    nenc_status st = unit_store_decode_in(units, codec, context, &d->picture,
                                          &symbols, diag);
    if (st >= 0) {
        const hyper_context *c = context;
        const nenc_shape s = nenc_plan_output_shape(c->region);
        st = add(d, "samples", NENC_F32, nenc_plan_output(c->region), s.h,
                 s.w, s.c, diag);
    }
    codec->close(context);
    return st;
}

static nenc_status save(const dump *d, nenc_diag *diag)
{
    const nenc_safetensors st = { .n_tensors = d->n_tensors,
                                  .tensors = d->tensors };
    nenc_buffer out;
    nenc_buffer_init(&out, (size_t)1 << 30);
    nenc_safetensors_write(&out, &st);
    FILE *f = out.failed ? NULL : fopen(d->out_path, "wb");
    bool ok = f && fwrite(out.data, 1, out.size, f) == out.size;
    ok = f && !fclose(f) && ok;
    nenc_buffer_free(&out);
    return ok ? NENC_OK : nenc_fail(diag, NENC_EIO, "%s: cannot be written",
                                    d->out_path);
}

static nenc_status run(dump *d, nenc_diag *diag)
{
    unit_store units = { .n = 0 };
    nenc_fpenv env;
    NENC_TRY(nenc_model_open(&d->model, d->model_path, diag));
    if (strcmp(d->model->codec->name, "hyperprior"))
        return nenc_fail(diag, NENC_EMODEL, "not a hyperprior model");
    NENC_TRY(nenc_picture_load(&d->picture, d->picture_path, diag));
    d->params = unit_store_params(&d->picture, 0, 0, d->quality);
    d->params.max_memory = (size_t)1 << 31;
    nenc_fpenv_enter(&env);
    nenc_status st = encode(d, &units, diag);
    if (st >= 0)
        st = decode(d, &units, diag);
    nenc_fpenv_leave(&env);
    unit_store_free(&units);
    return st < 0 ? st : save(d, diag);
}

static bool parse(dump *d, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const bool more = i + 1 < argc;
        if (!strcmp(argv[i], "-o") && more)
            d->out_path = argv[++i];
        else if (!strcmp(argv[i], "-q") && more)
            d->quality = (int)strtol(argv[++i], NULL, 10);
        else if (!d->model_path)
            d->model_path = argv[i];
        else if (!d->picture_path)
            d->picture_path = argv[i];
        else
            return false;
    }
    return d->out_path && d->picture_path && d->quality >= 0
           && d->quality <= 100;
}

int main(int argc, char **argv)
{
    nenc_diag diag = { NENC_OK, "" };
    dump d = { .quality = 50 };
    if (!parse(&d, argc, argv)) {
        fprintf(stderr,
                "usage: dump MODEL PICTURE -o OUT.safetensors [-q N]\n");
        return 2;
    }
    nenc_arena_init(&d.arena, (size_t)1 << 30);
    const nenc_status st = run(&d, &diag);
    if (st < 0)
        fprintf(stderr, "dump: %s\n", diag.text);
    nenc_arena_free(&d.arena);
    nenc_image_free(&d.picture);
    nenc_model_close(d.model);
    return st < 0;
}
