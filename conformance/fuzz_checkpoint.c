/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: a checkpoint that a small picture's encode goes on from.  The
 * first byte of the input is 0: the rest is all between the checkpoint's head and
 * its hash; or else: places (4 bytes, modulo the size) and values (4) of a real
 * one.  The hash is made right. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "fuzz.h"
#include "model.h"

static void check(bool good)
{
    if (!good)
        abort();
}

static int hurry(void *user, double done)
{
    (void)user;
    (void)done;
    return NENC_HURRY;
}

static int append(void *user, const void *data, size_t size)
{
    nenc_buffer_put(user, data, size);
    return ((nenc_buffer *)user)->failed;
}

static int save(void *user, double done)
{
    (void)user;
    return done < 0.1 ? NENC_SAVE : NENC_HURRY;
}

static int replace(void *user, const void *data, size_t size)
{
    ((nenc_buffer *)user)->size = 0;
    return append(user, data, size);
}

static nenc_encoder_config config(void)
{
    nenc_encoder_config cfg;
    nenc_encoder_config_init(&cfg);
    cfg.quality = 0;
    cfg.effort = cfg.threads = 1;
    cfg.progress = hurry;
    return cfg;
}

static void make_real(const nenc_model *model, const nenc_image *im,
                      nenc_buffer *real)
{
    nenc_encoder_config cfg = config();
    nenc_buffer out;
    nenc_diag diag;
    nenc_buffer_init(&out, 1 << 20);
    nenc_buffer_init(real, 1 << 24);
    cfg.progress = save;
    cfg.checkpoint = replace;
    cfg.checkpoint_user = real;
    check(nenc_encode_image(model, &cfg, im, append, &out, &diag) >= 0);
    nenc_buffer_free(&out);
}

static void go_on(const nenc_model *model, const nenc_image *im,
                  const nenc_buffer *from)
{
    nenc_encoder_config cfg = config();
    nenc_buffer out;
    nenc_diag diag = { NENC_OK, "" };
    nenc_buffer_init(&out, 1 << 20);
    cfg.resume = from->data;
    cfg.resume_size = from->size;
    check(nenc_encode_image(model, &cfg, im, append, &out, &diag) >= 0
          || diag.text[0]);
    nenc_buffer_free(&out);
}

enum { HEAD = 40, TAIL = 32 };

static void edit(nenc_buffer *b, const nenc_buffer *real, const uint8_t *data,
                 size_t size)
{
    const size_t room = real->size - HEAD - TAIL;
    nenc_buffer_put(b, real->data + HEAD, room);
    for (; !b->failed && size >= 8; data += 8, size -= 8) {
        const size_t at = nenc_bytes_get_u32(data) % (room - 3);
        memcpy(b->data + HEAD + at, data + 4, 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t samples[9 * 7];
    static nenc_model *model;
    static nenc_buffer real;
    const nenc_image im = { .width = 9, .height = 7, .channels = 1, .bits = 8,
                            .stride = 9, .data = samples };
    nenc_diag diag;
    nenc_buffer b;
    if (!model) {
        for (size_t i = 0; i < sizeof samples; i++)
            samples[i] = (uint8_t)(i * 5);
        check(nenc_model_builtin(&model, "overfit", &diag) >= 0);
        make_real(model, &im, &real);
    }
    if (!size)
        return 0;
    nenc_buffer_init(&b, 1 << 24);
    nenc_checkpoint_begin(real.data + HEAD - 32, &b);
    if (data[0])
        edit(&b, &real, data + 1, size - 1);
    else
        nenc_buffer_put(&b, data + 1, size - 1);
    nenc_checkpoint_end(&b);
    if (!b.failed)
        go_on(model, &im, &b);
    nenc_buffer_free(&b);
    return 0;
}
