/* SPDX-License-Identifier: BSD-2-Clause */
/* Models: opening their files, and those that need none.  Not here: what a codec
 * finds in them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fpenv.h"
#include "model.h"

enum { MAX_MODEL = 1 << 30 };

/* Memory that a model may take for each byte of its file, and besides: float16
 * doubles, tables triple; text that binds the same weights again and again is
 * what this keeps in bounds. */
enum { MODEL_GROWTH = 8, MODEL_EXTRA = 1 << 26 };

/* Networks that only an encoder runs: a decoder never sees their output but
 * through the bitstream, so they are no part of the identity.  Nor are those
 * that make previews. */
static bool is_beside(const char *name)
{
    return !strncmp(name, "g_a.", 4) || !strncmp(name, "h_a.", 4)
        || !strncmp(name, "p_s.", 4);
}

static void hash_text(nenc_sha256 *h, const char *text)
{
    nenc_sha256_update(h, text, strlen(text) + 1);
}

void nenc_model_identity(const nenc_safetensors *st, uint8_t digest[32])
{
    nenc_sha256 h;
    nenc_sha256_init(&h);
    for (size_t i = 0; i < st->n_metadata; i++)
        if (!strncmp(st->metadata[i].key, "nenc.", 5)) {
            hash_text(&h, st->metadata[i].key);
            hash_text(&h, st->metadata[i].value);
        }
    for (size_t i = 0; i < st->n_tensors; i++) {
        const nenc_st_tensor *t = &st->tensors[i];
        if (is_beside(t->name))
            continue;
        hash_text(&h, t->name);
        hash_text(&h, nenc_dtype_name(t->dtype));
        for (size_t d = 0; d < t->n_dims; d++) {
            uint8_t dim[4];
            nenc_bytes_put_u32(dim, (uint32_t)t->dims[d]);
            nenc_sha256_update(&h, dim, 4);
        }
        nenc_sha256_update(&h, t->data, t->size);
    }
    nenc_sha256_final(&h, digest);
}

static nenc_status bind(nenc_model *m, nenc_diag *diag)
{
    const char *name = nenc_safetensors_metadata(&m->st, "nenc.codec");
    if (!name)
        return nenc_fail(diag, NENC_EMODEL,
                         "no \"nenc.codec\" in the metadata: not a nenc model "
                         "(nmodel import or build makes one)");
    m->codec = nenc_codec_by_name(name);
    if (!m->codec)
        return nenc_fail(diag, NENC_EMODEL,
                         "the model is for the codec \"%.40s\", which this "
                         "program does not have", name);
    if (m->codec->builtin)
        return nenc_fail(diag, NENC_EMODEL,
                         "a model for the codec \"%.40s\", which needs none",
                         name);
    uint8_t digest[32];
    nenc_model_identity(&m->st, digest);
    for (int i = 0; i < 8; i++)
        m->id = m->id << 8 | digest[i];
    return m->codec->bind(&m->bound, &m->arena, &m->st, diag);
}

/* Takes over `data`, a block of the model's arena. */
static nenc_status open_block(nenc_model **out, nenc_model *m,
                              const uint8_t *data, size_t size,
                              nenc_diag *diag)
{
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    nenc_status st = nenc_safetensors_parse(&m->st, &m->arena, data, size,
                                            diag);
    if (st >= 0)
        st = bind(m, diag);
    nenc_fpenv_leave(&env);
    if (st < 0)
        nenc_model_close(m);
    else
        *out = m;
    return st;
}

static nenc_model *new_model(uint8_t **block, size_t size)
{
    nenc_model *m = nenc_mem_zalloc(1, sizeof *m);
    if (!m)
        return NULL;
    size_t cap;
    if (!nenc_size_mul(&cap, size, MODEL_GROWTH)
        || !nenc_size_add(&cap, cap, MODEL_EXTRA))
        cap = SIZE_MAX;
    nenc_arena_init(&m->arena, cap);
    *block = nenc_arena_zalloc(&m->arena, size, 1);
    if (*block)
        return m;
    nenc_model_close(m);
    return NULL;
}

nenc_status nenc_model_open_memory(nenc_model **out, const void *data,
                                   size_t size, nenc_diag *diag)
{
    *out = NULL;
    if (size > MAX_MODEL)
        return nenc_fail(diag, NENC_EMODEL, "%zu bytes, at most %d", size,
                         MAX_MODEL);
    uint8_t *block;
    nenc_model *m = new_model(&block, size);
    if (!m)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory for the model");
    if (size)
        memcpy(block, data, size);
    return open_block(out, m, block, size, diag);
}

nenc_status nenc_model_open(nenc_model **out, const char *path,
                            nenc_diag *diag)
{
    *out = NULL;
    FILE *f = fopen(path, "rb");
    if (!f)
        return nenc_fail(diag, errno == ENOMEM ? NENC_ENOMEM : NENC_EIO, "%s",
                         strerror(errno));
    nenc_status st = NENC_OK;
    nenc_model *m = NULL;
    uint8_t *block = NULL;
    long size = -1;
    if (!fseek(f, 0, SEEK_END))
        size = ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET))
        st = nenc_fail(diag, NENC_EIO, "not a file that can be read at once");
    else if (size > MAX_MODEL)
        st = nenc_fail(diag, NENC_EMODEL, "%ld bytes, at most %d", size,
                       MAX_MODEL);
    else if (!(m = new_model(&block, (size_t)size)))
        st = nenc_fail(diag, NENC_ENOMEM, "out of memory for the model");
    else if (fread(block, 1, (size_t)size, f) != (size_t)size)
        st = nenc_fail(diag, NENC_EIO, "reading failed");
    fclose(f);
    if (st < 0) {
        nenc_model_close(m);
        return st;
    }
    return open_block(out, m, block, (size_t)size, diag);
}

/* ------------------------------------------------------------ without files */

bool nenc_codec_get(nenc_codec_info *info, size_t i)
{
    const nenc_codec *c = nenc_codec_at(i);
    *info = (nenc_codec_info){ .name = c ? c->name : NULL };
    if (!c)
        return false;
    info->builtin = c->builtin;
    info->default_model = c->default_model;
    info->default_effort = c->default_effort;
    info->resumes = c->resumes;
    return true;
}

/* "a, b, c": of the codecs that need no file. */
static void list_builtin(char *text, size_t size)
{
    const nenc_codec *c;
    size_t n = 0;
    snprintf(text, size, "there is none");
    for (size_t i = 0; (c = nenc_codec_at(i)); i++)
        if (c->builtin && n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "",
                                  c->name);
}

static nenc_status bind_builtin(nenc_model *m, nenc_diag *diag)
{
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    const nenc_status st = m->codec->bind(&m->bound, &m->arena, &m->st, diag);
    nenc_fpenv_leave(&env);
    return st;
}

nenc_status nenc_model_builtin(nenc_model **out, const char *codec,
                               nenc_diag *diag)
{
    const nenc_codec *c = nenc_codec_by_name(codec);
    char others[80];
    *out = NULL;
    list_builtin(others, sizeof others);
    if (!c || !c->builtin)
        return nenc_fail(diag, NENC_EMODEL, c
                         ? "the codec \"%.40s\" needs a model file (without: "
                           "%s)"
                         : "there is no codec \"%.40s\" (without a model "
                           "file: %s)", codec, others);
    nenc_model *m = nenc_mem_zalloc(1, sizeof *m);
    if (!m)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&m->arena, MODEL_EXTRA);
    m->codec = c;
    const nenc_status st = bind_builtin(m, diag);
    if (st < 0)
        nenc_model_close(m);
    else
        *out = m;
    return st;
}

void nenc_model_close(nenc_model *m)
{
    if (!m)
        return;
    if (m->codec)
        m->codec->unbind(m->bound);
    nenc_arena_free(&m->arena);
    nenc_mem_free(m);
}

uint64_t nenc_model_id(const nenc_model *m)
{
    return m->id;
}

const char *nenc_model_codec(const nenc_model *m)
{
    return m->codec->name;
}

const char *nenc_model_metadata(const nenc_model *m, const char *key)
{
    return nenc_safetensors_metadata(&m->st, key);
}
