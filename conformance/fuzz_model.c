/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a model file.  One that opens encodes a small
 * picture and decodes what came of it, under tight limits. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "container.h"
#include "fuzz.h"
#include "model.h"
#include "unit_store.h"

/* Work that one input may ask for: a model that takes long is not a bug. */
enum { MEMORY = 1 << 19, SIDE = 16 };

/* Upper bound of work: each float of each weight meets each position. */
static bool is_small(const nenc_model *m)
{
    size_t floats = 0;
    for (size_t i = 0; i < m->st.n_tensors; i++)
        floats += m->st.tensors[i].n_items;
    return floats < 1 << 14;
}

/* The same units, in small. */
static nenc_status preview(const nenc_model *m, nenc_codec_params params,
                           unit_store *units, nenc_diag *diag)
{
    uint8_t samples[SIDE * SIDE / 64 * 3];
    nenc_image im = { .width = (SIDE + 7) / 8, .height = (SIDE - 3 + 7) / 8,
                      .channels = 3, .bits = 8, .stride = (SIDE + 7) / 8 * 3,
                      .data = samples };
    nenc_sha256 symbols;
    params.preview = true;
    params.crop = (nenc_rect){ 0, 0, im.width, im.height };
    nenc_sha256_init(&symbols);
    return unit_store_decode(units, m->codec, m->bound, &params, &im, &symbols,
                             diag);
}

static void code(const nenc_model *m, int quality)
{
    uint8_t samples[SIDE * SIDE * 3];
    nenc_image im = { .width = SIDE, .height = SIDE - 3, .channels = 3,
                      .bits = 8, .stride = SIDE * 3, .data = samples };
    nenc_codec_params params = unit_store_params(&im, 0, 0, quality);
    unit_store units = { .n = 0 };
    nenc_sha256 symbols;
    nenc_diag diag;
    params.max_memory = MEMORY;
    for (size_t i = 0; i < sizeof samples; i++)
        samples[i] = (uint8_t)(i * i / 7);
    nenc_sha256_init(&symbols);
    if (unit_store_encode(&units, m->codec, m->bound, &params, &im, &diag)
        >= 0) {
        /* what was just written must be read */
        if (unit_store_decode(&units, m->codec, m->bound, &params, &im,
                              &symbols, &diag) < 0
            && diag.status != NENC_ELIMIT && diag.status != NENC_EMODEL)
            abort();
        if (preview(m, params, &units, &diag) < 0
            && diag.status != NENC_ELIMIT && diag.status != NENC_EMODEL
            && diag.status != NENC_EUNSUPPORTED)
            abort();
    }
    unit_store_free(&units);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nenc_model *model;
    nenc_diag diag = { .status = NENC_OK };
    uint8_t *copy = malloc(size + !size);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    const nenc_status st = nenc_model_open_memory(&model, copy, size, &diag);
    free(copy);
    if (st < 0 && (model || !diag.text[0]))
        abort();
    if (st >= 0 && is_small(model))
        code(model, size & 1 ? 100 : 37);
    nenc_model_close(model);
    return 0;
}
