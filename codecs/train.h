/* SPDX-License-Identifier: BSD-2-Clause */
/* Training a codec's model: what a codec family gives to programs that train,
 * one struct of functions.  Works on models as they are exported, with weights
 * in float32 and densities for tables.  Not here: optimisers, data. */
#ifndef NENC_CODECS_TRAIN_H
#define NENC_CODECS_TRAIN_H

#include "grad.h"

typedef struct nenc_train_config {
    size_t batch, size;    /**< pictures at a time, and pixels a side */
    const char *const *frozen; /**< networks that stay as they are, and "gains"
                                for what is in no network; NULL ends them */
    nenc_pool *pool;       /**< borrowed until close; NULL = one thread.  The
                                results do not depend on its threads */
    size_t max_memory;     /**< bytes */
} nenc_train_config;

/** A parameter, and how fast it should move for the usual 1. */
typedef struct nenc_train_param {
    nenc_param *param;
    double rate;
} nenc_train_param;

/** Means over the batch. */
typedef struct nenc_train_loss {
    double loss;           /**< what is minimised */
    double bpp, mse;       /**< estimated bits a pixel; of samples 0 to 255 */
} nenc_train_loss;

typedef struct nenc_trainer_ops {
    /** From a model file to the form that training wants; a densities' exact
     *  parameters are lost in the former and are estimated.
     *  @param[out] raw  lies in `arena`, may point into `model`
     *  @return NENC_OK, NENC_EMODEL, NENC_EUNSUPPORTED, NENC_ENOMEM */
    nenc_status (*export)(nenc_safetensors *raw, nenc_arena *arena,
                          const nenc_safetensors *model, nenc_diag *diag);
    /** Weights of networks that have none: `text` is as in models/.
     *  @param[out] raw  as above
     *  @param seed      of what is drawn at random */
    nenc_status (*create)(nenc_safetensors *raw, nenc_arena *arena,
                          const char *text, uint64_t seed, nenc_diag *diag);
    /** @param raw  borrowed until close()
     *  @return also NENC_ELIMIT, NENC_EINVAL (nothing like one of `frozen`) */
    nenc_status (*open)(void **trainer, const nenc_safetensors *raw,
                        const nenc_train_config *cfg, nenc_diag *diag);
    void (*close)(void *trainer);        /**< NULL is fine */
    /** The parameters that change, in a fixed order.  @return how many */
    size_t (*params)(void *trainer, const nenc_train_param **list);
    /** Forward and backward: gradients are added to.  After a change of the
     *  parameters call changed() first.
     *  @param x      [batch, size, size, 3], 0 to 1
     *  @param t      [batch] qualities, 0 to 1
     *  @param noise  0: latents are rounded, and gradients passed on as if they
     *                were not; else uniform noise of +-1/2, drawn by this seed,
     *                stands for rounding */
    void (*step)(void *trainer, const float *x, const float *t, uint64_t noise,
                 nenc_train_loss *loss);
    void (*changed)(void *trainer);
    /** The model as it is now, exported.
     *  @param[out] raw  lies in `arena`, and points into what open() was given,
     *                   not into the trainer */
    nenc_status (*save)(void *trainer, nenc_safetensors *raw,
                        nenc_arena *arena, nenc_diag *diag);
    /** Tables of what is found to be coded, in place of densities.
     *  @param[out] out  lies in `arena`, may point into `raw` */
    nenc_status (*measure)(nenc_safetensors *out, nenc_arena *arena,
                           const nenc_safetensors *raw,
                           const nenc_image *pictures, size_t n,
                           nenc_pool *pool, nenc_diag *diag);
    /** To a model file.  As export(), backwards. */
    nenc_status (*build)(nenc_safetensors *model, nenc_arena *arena,
                         const nenc_safetensors *raw, nenc_diag *diag);
    /** Multiply-adds of a step. */
    uint64_t (*macs)(const void *trainer);
} nenc_trainer_ops;

#endif
