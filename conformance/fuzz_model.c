/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a model file.  One that opens encodes a small
 * picture and decodes what came of it, under tight limits; if it can be trained,
 * it is, for a step.  Others may be exported weights, which training opens. */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "container.h"
#include "fuzz.h"
#include "model.h"
#include "train.h"
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

/* What was exported must be opened, trained for a step, and built again; or be
 * refused. */
static void train(const nenc_trainer_ops *ops, const nenc_safetensors *raw)
{
    enum { CROP = 32 };
    static float x[CROP * CROP * 3];
    const nenc_train_config cfg = { .batch = 1, .size = CROP,
                                    .max_memory = 8 * MEMORY };
    const float quality = 0.4f;
    nenc_train_loss loss;
    nenc_diag diag;
    void *trainer;
    if (ops->open(&trainer, raw, &cfg, &diag) < 0)
        return;
    ops->step(trainer, x, &quality, 0, &loss);
    ops->changed(trainer);
    ops->close(trainer);
}

static void export(const nenc_model *m, const uint8_t *data, size_t size)
{
    const nenc_trainer_ops *ops = m->codec->train;
    nenc_safetensors st, raw, built;
    nenc_arena arena;
    nenc_diag diag;
    nenc_arena_init(&arena, 1 << 24);
    if (ops && nenc_safetensors_parse(&st, &arena, data, size, &diag) >= 0
        && ops->export(&raw, &arena, &st, &diag) >= 0) {
        train(ops, &raw);
        if (ops->build(&built, &arena, &raw, &diag) < 0
            && diag.status != NENC_EMODEL && diag.status != NENC_ENOMEM
            && diag.status != NENC_ELIMIT)
            abort();
    }
    nenc_arena_free(&arena);
}

/* Exported weights, as checkpoints and training/ have them. */
static void open_raw(const uint8_t *data, size_t size)
{
    nenc_safetensors raw;
    nenc_arena arena;
    nenc_diag diag;
    nenc_arena_init(&arena, 1 << 22);
    if (nenc_safetensors_parse(&raw, &arena, data, size, &diag) >= 0
        && nenc_safetensors_metadata(&raw, "networks"))
        train(nenc_codec_at(0)->train, &raw);
    nenc_arena_free(&arena);
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
    if (st >= 0 && is_small(model)) {
        code(model, size & 1 ? 100 : 37);
        export(model, data, size);
    }
    if (st < 0 && size < 1 << 16)
        open_raw(data, size);
    nenc_model_close(model);
    return 0;
}
