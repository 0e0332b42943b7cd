/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: a .nenc stream decoded with a toy model, or as one of a codec
 * that needs none.  The first byte picks the model (low bits; 7: none), whether
 * checksums and the model's id are put right so that damage reaches the codec
 * (bit 3), how input arrives (bit 4), and whether the decoder is lenient (bit
 * 5), and is to decode a crop only (bit 6) or, if not that, a preview (bit 7). */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "toy_model.h"

typedef struct input {
    const uint8_t *data;
    size_t size, at, step;
} input;

static int64_t read_some(void *user, void *data, size_t size)
{
    input *in = user;
    const size_t left = in->size - in->at;
    size_t n = size < left ? size : left;
    n = n < in->step ? n : in->step;
    memcpy(data, in->data + in->at, n);
    in->at += n;
    return (int64_t)n;
}

/* Opened once, and kept to the end. */
static const nenc_model *the_model(unsigned kind)
{
    static nenc_model *models[TOY_KINDS], *overfit;
    nenc_diag diag;
    if (kind == 7) {
        if (!overfit && nenc_model_builtin(&overfit, "overfit", &diag) < 0)
            abort();
        return overfit;
    }
    kind %= TOY_KINDS;
    if (!models[kind])
        models[kind] = toy_model_open(kind);
    return models[kind];
}

static void decode(const nenc_model *model, input *in, unsigned how)
{
    nenc_decoder_config cfg;
    nenc_decoder *dec;
    nenc_image image;
    nenc_diag diag;
    nenc_decoder_config_init(&cfg);
    cfg.threads = 1;
    cfg.max_samples = 1 << 13;
    cfg.max_memory = (size_t)1 << 22;
    cfg.lenient = how & 32;
    if (how & 64) {
        cfg.crop_x = 3;
        cfg.crop_y = 2;
        cfg.crop_width = 7;
        cfg.crop_height = 5;
    }
    cfg.preview = (how & 192) == 128;
    if (nenc_decoder_open(&dec, &cfg, read_some, in, &diag) < 0)
        return;
    if (nenc_decoder_decode(dec, model, &image, &diag) >= 0)
        nenc_image_free(&image);
    else if (image.data || !diag.text[0])
        abort();
    nenc_decoder_close(dec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const nenc_model *model = the_model(data[0] % 8);
    uint8_t *copy = malloc(size - 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    if (data[0] & 8)
        toy_stream_fix(copy, size - 1, nenc_model_id(model));
    input in = { copy, size - 1, 0, data[0] & 16 ? 3 : SIZE_MAX };
    decode(model, &in, data[0]);
    free(copy);
    return 0;
}
