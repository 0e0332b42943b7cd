/* SPDX-License-Identifier: BSD-2-Clause */
/* Gradients of networks: forward, keeping what is needed, then backward, for
 * any network text.  On the exact kernels, so gradients are the same bits on
 * every machine and with any number of threads.
 * Not here: losses (loss.h), what becomes of gradients (optim.h). */
#ifndef NENC_TRANSFORMS_GRAD_H
#define NENC_TRANSFORMS_GRAD_H

#include "net.h"

/** One tensor of weights.  Gradients are added to `grad` by each backward pass:
 *  the caller clears them. */
typedef struct nenc_param {
    const char *name;      /**< as in model files: "g_s.in.weight" */
    size_t n_dims, dims[4], n;
    float *value;
    float *grad;           /**< NULL where frozen */
    float  least;          /**< values must not be below: gdn's are bounded,
                                others have -infinity */
} nenc_param;

/** The weights of a network as numbers that change, and packed. */
typedef struct nenc_params nenc_params;

/** A copy of the net's weights.
 *  @param frozen  there are no gradients: less work and memory
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status nenc_params_open(nenc_params **out,
                                            const nenc_net *net, bool frozen,
                                            size_t max_memory,
                                            nenc_diag *diag);
void   nenc_params_close(nenc_params *params);
size_t nenc_params_count(const nenc_params *params);
nenc_param *nenc_params_at(nenc_params *params, size_t i);
/** Values have changed: bring them above `least`, pack them anew. */
void   nenc_params_update(nenc_params *params, nenc_pool *pool);

/** A network ready for gradients at given dims.  One user at a time. */
typedef struct nenc_grad nenc_grad;

/** @param params  of this net; borrowed until close
 *  @param inputs  dims of each input, in the text's order
 *  @param wanted  bit i: the gradient of input i is wanted
 *  @param pool    borrowed until close; NULL = one thread
 *  @return NENC_OK, NENC_EMODEL (the net cannot take these dims),
 *          NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status nenc_grad_open(
    nenc_grad **out, const nenc_net *net, nenc_params *params,
    const nenc_shape *inputs, unsigned wanted, nenc_pool *pool,
    size_t max_memory, nenc_diag *diag);
void nenc_grad_close(nenc_grad *grad);

/** Where to write input i before each forward pass. */
float *nenc_grad_input(nenc_grad *grad, size_t i);
void   nenc_grad_forward(nenc_grad *grad);
/** The result, until backward(). */
const float *nenc_grad_output(const nenc_grad *grad);
nenc_shape   nenc_grad_output_shape(const nenc_grad *grad);
/** Where to write the loss's gradient in the result, after forward(). */
float *nenc_grad_seed(nenc_grad *grad);
/** Once for each forward(). */
void   nenc_grad_backward(nenc_grad *grad);
/** The loss's gradient in input i, until the next forward(); NULL where it was
 *  not wanted. */
const float *nenc_grad_of_input(const nenc_grad *grad, size_t i);

size_t   nenc_grad_memory(const nenc_grad *grad);
/** Multiply-adds of a forward and a backward pass. */
uint64_t nenc_grad_macs(const nenc_grad *grad);

#endif
