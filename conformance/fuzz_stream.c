/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a .nenc stream, decoded with the model that
 * $NENC_FUZZ_MODEL names (without it, only the header is read). */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "nenc.h"

typedef struct input {
    const uint8_t *data;
    size_t size, at, step;
} input;

/* At most `step` bytes at a time, so that chunks arrive in pieces too. */
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
static const nenc_model *the_model(void)
{
    static nenc_model *model;
    static bool tried;
    const char *path = getenv("NENC_FUZZ_MODEL");
    if (!tried && path && nenc_model_open(&model, path, NULL) < 0)
        abort();
    tried = true;
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = { data, size, 0, size ? 1 + data[size - 1] : 1 };
    nenc_decoder_config cfg;
    nenc_decoder *dec;
    nenc_image image;
    nenc_diag diag;
    nenc_decoder_config_init(&cfg);
    cfg.threads = 1;
    cfg.max_samples = 1 << 14;
    cfg.max_memory = (size_t)1 << 28;
    if (nenc_decoder_open(&dec, &cfg, read_some, &in, &diag) < 0)
        return 0;
    if (the_model()
        && nenc_decoder_decode(dec, the_model(), &image, &diag) >= 0)
        nenc_image_free(&image);
    nenc_decoder_close(dec);
    return 0;
}
