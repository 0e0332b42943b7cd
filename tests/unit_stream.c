/* SPDX-License-Identifier: BSD-2-Clause */
/* A container around units.  Nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container.h"
#include "toy_model.h"
#include "unit_store.h"
#include "unit_stream.h"

static void put_unit(nenc_writer *w, uint32_t index, const nenc_buffer *data)
{
    nenc_buffer unit;
    nenc_diag diag;
    nenc_buffer_init(&unit, 1 << 20);
    nenc_buffer_varint(&unit, index);
    nenc_buffer_put(&unit, data->data, data->size);
    assert_int_equal(nenc_write_chunk(w, NENC_CHUNK_UNIT, unit.data, unit.size,
                                      &diag), NENC_OK);
    nenc_buffer_free(&unit);
}

nenc_buffer unit_stream(const nenc_model *model, const nenc_image *im,
                        uint32_t unit_width, uint32_t unit_height,
                        size_t starts[UNIT_STREAM_MAX + 1])
{
    const nenc_head head = {
        .version = 1, .codec = model->codec->id, .model_id = model->id,
        .media = NENC_IMAGE, .width = im->width, .height = im->height,
        .channels = im->channels, .bits = im->bits, .unit_width = unit_width,
        .unit_height = unit_height, .quality = 35,
    };
    const nenc_codec_params params = unit_store_params(im, unit_width,
                                                       unit_height, 35);
    unit_store units = { .n = 0 };
    nenc_buffer out;
    nenc_diag diag;
    nenc_buffer_init(&out, 1 << 24);
    nenc_writer w = { toy_append, &out };
    assert_int_equal(unit_store_encode(&units, model->codec, model->bound,
                                       &params, im, &diag), NENC_OK);
    assert_int_equal(nenc_write_signature(&w, &diag), NENC_OK);
    assert_int_equal(nenc_write_head(&w, &head, &diag), NENC_OK);
    for (uint32_t i = 0; i < units.n; i++) {
        if (starts)
            starts[i] = out.size;
        put_unit(&w, i, &units.units[i]);
    }
    if (starts)
        starts[units.n] = out.size;
    assert_int_equal(nenc_write_chunk(&w, NENC_CHUNK_DONE, NULL, 0, &diag),
                     NENC_OK);
    unit_store_free(&units);
    return out;
}
