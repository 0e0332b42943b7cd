/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a model file. */
#include "fuzz.h"
#include "nenc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nenc_model *model;
    nenc_diag diag;
    if (nenc_model_open_memory(&model, data, size, &diag) >= 0)
        nenc_model_close(model);
    return 0;
}
