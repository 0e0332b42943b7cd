/* SPDX-License-Identifier: BSD-2-Clause */
/* Tiny hyperprior models of seeded weights, made in memory for tests and fuzz
 * targets.  They code badly, but they use every part of the codec. */
#ifndef NENC_TESTS_TOY_MODEL_H
#define NENC_TESTS_TOY_MODEL_H

#include "bytes.h"
#include "safetensors.h"

/** kind  entropy     y table       z table  strides  gains  networks
 *  0     factorized  densities     -        4        no     convolutions, GDN
 *  1     factorized  located ggd   -        4        yes    shuffles, quality
 *  2     scale       Gaussians     density  4, 8     no     convolutions, GDN
 *  3     mean-scale  ggd, by log   ggd      4, 8     yes    shuffles, quality
 *  4     mean-scale  Gaussians     density  4, 16    no     convolutions, GDN
 *  5     factorized  densities     -        8        no     shuffles, previews */
enum { TOY_KINDS = 6 };

/** The model file's bytes; same kind, same bytes. */
void toy_model_write(nenc_buffer *out, unsigned kind);

/** Its parts, for tests that spoil some; lies in `arena`. */
void toy_model_make(nenc_safetensors *st, nenc_arena *arena, unsigned kind);

nenc_model *toy_model_open(unsigned kind);

/** All kinds, for the groups of tests that use them: setup and teardown. */
extern nenc_model *toy_models[TOY_KINDS];
int toy_models_open(void **state);
int toy_models_close(void **state);

/** Make damage reach the codec: right checksums for all whole chunks of a
 *  stream, and this model in HEAD. */
void toy_stream_fix(uint8_t *data, size_t size, uint64_t model_id);

/** xorshift32; *state must not be 0. */
uint32_t toy_random(uint32_t *state);
/** -1 to 1 */
float toy_real(uint32_t *state);

/** Something between a picture and noise; fills its rows' gaps with 0xa5. */
void toy_picture(nenc_image *image, uint32_t seed);

/** A nenc_write_fn into the nenc_buffer `user`. */
int toy_append(void *user, const void *data, size_t size);

/** Bytes for toy_supply(), a nenc_read_fn that gives at most `step` of them
 *  at a time. */
typedef struct toy_input {
    const uint8_t *data;
    size_t size, at, step;
} toy_input;

int64_t toy_supply(void *user, void *data, size_t size);

#endif
