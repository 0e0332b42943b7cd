/* SPDX-License-Identifier: BSD-2-Clause */
/* magic, job [32], units (varint), their bytes (varint, data), state (varint,
 * data), SHA-256 of all before [32]. */
#include "checkpoint.h"

#include <string.h>

static const char magic[8] = "nencCKP1";

static void hash_u64(nenc_sha256 *hash, uint64_t v)
{
    uint8_t bytes[8];
    nenc_bytes_put_u32(bytes, (uint32_t)v);
    nenc_bytes_put_u32(bytes + 4, (uint32_t)(v >> 32));
    nenc_sha256_update(hash, bytes, sizeof bytes);
}

/* States are as memory has them: on another kind of machine they mean
 * something else, which the last line sees. */
void nenc_job_hash(const nenc_job *job, uint8_t out[32])
{
    const nenc_head *h = job->head;
    const nenc_image *im = job->image;
    const size_t row = (size_t)im->width * im->channels * (im->bits / 8);
    const uint64_t numbers[] = {
        h->codec, h->model_id, h->width, h->height, h->channels, h->bits,
        h->unit_width, h->unit_height, (uint64_t)job->effort, sizeof(size_t)
    };
    const uint16_t order = 1;
    nenc_sha256 hash;
    nenc_sha256_init(&hash);
    nenc_sha256_update(&hash, nenc_version(), strlen(nenc_version()));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        hash_u64(&hash, numbers[i]);
    for (size_t y = 0; y < im->height; y++)
        nenc_sha256_update(&hash, im->data + y * im->stride, row);
    nenc_sha256_update(&hash, &job->quality, sizeof job->quality);
    nenc_sha256_update(&hash, &order, sizeof order);
    nenc_sha256_final(&hash, out);
}

static void put_sized(nenc_buffer *out, const nenc_bytes *b)
{
    nenc_buffer_varint(out, b->size);
    nenc_buffer_put(out, b->data, b->size);
}

static void digest(const void *data, size_t size, uint8_t out[32])
{
    nenc_sha256 hash;
    nenc_sha256_init(&hash);
    nenc_sha256_update(&hash, data, size);
    nenc_sha256_final(&hash, out);
}

void nenc_checkpoint_begin(const uint8_t job[32], nenc_buffer *out)
{
    nenc_buffer_put(out, magic, sizeof magic);
    nenc_buffer_put(out, job, 32);
}

void nenc_checkpoint_end(nenc_buffer *out)
{
    uint8_t hash[32];
    if (out->failed)
        return;
    digest(out->data, out->size, hash);
    nenc_buffer_put(out, hash, sizeof hash);
}

void nenc_checkpoint_write(const nenc_checkpoint *c, const uint8_t job[32],
                           nenc_buffer *out)
{
    nenc_checkpoint_begin(job, out);
    nenc_buffer_varint(out, c->n_units);
    put_sized(out, &c->units);
    put_sized(out, &c->state);
    nenc_checkpoint_end(out);
}

static nenc_bytes get_sized(nenc_bytes *b)
{
    const uint64_t size = nenc_bytes_varint(b);
    return nenc_bytes_sub(b, (size_t)NENC_MIN(size, SIZE_MAX));
}

/* Whether there are so many, and no more. */
static bool has_units(nenc_bytes units, uint32_t n)
{
    for (uint32_t i = 0; i < n && !units.failed; i++)
        (void)get_sized(&units);
    return !units.failed && !nenc_bytes_left(&units);
}

nenc_status nenc_checkpoint_read(nenc_checkpoint *c, const uint8_t job[32],
                                 const void *data, size_t size,
                                 nenc_diag *diag)
{
    uint8_t hash[32];
    nenc_bytes b;
    nenc_bytes_init(&b, data, size);
    memset(c, 0, sizeof *c);
    const uint8_t *head = nenc_bytes_get(&b, sizeof magic);
    const uint8_t *made_for = nenc_bytes_get(&b, 32);
    if (!made_for || memcmp(head, magic, sizeof magic))
        return nenc_fail(diag, NENC_EINVAL, "not a checkpoint");
    if (memcmp(made_for, job, 32))
        return nenc_fail(diag, NENC_EINVAL, "the checkpoint is of another "
                         "picture, other options or another version");
    const uint64_t n = nenc_bytes_varint(&b);
    c->n_units = (uint32_t)NENC_MIN(n, UINT32_MAX);
    c->units = get_sized(&b);
    c->state = get_sized(&b);
    const size_t end = b.at;
    const uint8_t *kept = nenc_bytes_get(&b, 32);
    if (kept)
        digest(data, end, hash);
    return !kept || nenc_bytes_left(&b) || memcmp(kept, hash, 32)
           || !has_units(c->units, c->n_units)
        ? nenc_fail(diag, NENC_EINVAL, "the checkpoint is damaged") : NENC_OK;
}
