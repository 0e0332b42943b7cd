/* SPDX-License-Identifier: BSD-2-Clause */
/* SOAP (arXiv 2409.11321): Adam in the slowly turning eigenbases of the
 * gradients' second moments, for a few small matrices on one thread.  Not
 * normative, but the same bits on every machine.  Not here: large networks,
 * averages and schedules (see optim.h), files of its state. */
#ifndef NENC_TRANSFORMS_SOAP_H
#define NENC_TRANSFORMS_SOAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optim.h"

/** The longest side that gets a basis; a longer one is left as it is. */
#define NENC_SOAP_MAX_SIDE 256

/** A matrix; with rows or cols 1 plain Adam.  The arrays are the caller's.
 *  Weights of a convolution [out][in][ky][kx]: rows out, cols in ky kx. */
typedef struct nenc_soap_tensor {
    float *values;        /**< [rows][cols] changed by each step */
    const float *grads;   /**< [rows][cols] read by each step */
    size_t rows, cols;
} nenc_soap_tensor;

typedef struct nenc_soap_config {
    double beta1, beta2;  /**< 0 to less than 1 */
    double eps;           /**< over 0; added to the root of the second moment,
                               which is not yet corrected then */
    double weight_decay;  /**< decoupled: after the step proper,
                               w <- w - lr weight_decay w */
    double max_norm;      /**< gradients of a larger L2 norm over all tensors
                               are scaled down to it; 0 = none are */
    double shampoo_beta;  /**< 0 to less than 1: what the gradients' second
                               moments (G of the paper) keep in a step */
    int    every;         /**< steps between updates of the bases, over 0 */
    size_t max_memory;    /**< bytes it may hold: 16 a parameter, 24 n^2 for
                               each side of n, and 32 for each number of the
                               largest of these matrices */
} nenc_soap_config;

/** What Cool-Chic 5 has for its weights. */
#define NENC_SOAP_CONFIG_DEFAULT \
    { 0.95, 0.95, 1e-8, 0.01, 0.1, 0.95, 10, SIZE_MAX }

/** Serves one thread at a time. */
typedef struct nenc_soap nenc_soap;

/** @param[out] out      NULL on failure; nenc_soap_close() it
 *  @param      tensors  [n] copied; the arrays they point to are borrowed
 *  @param      cfg      read, not kept
 *  @return NENC_OK, NENC_EINVAL (a number out of its range), NENC_ELIMIT or
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_soap_open(nenc_soap **out,
                                          const nenc_soap_tensor *tensors,
                                          size_t n,
                                          const nenc_soap_config *cfg,
                                          nenc_diag *diag);
void nenc_soap_close(nenc_soap *soap);

/** One step.  The first one makes the bases and changes no value.  Where the
 *  gradients' norm is not finite the step is skipped: nothing changes, and it
 *  is not the first one.
 *  @param lr  learning rate, at least 0; not finite: the step is skipped
 *  @return `norm` as before any clipping; the first step is not "skipped" */
nenc_optim_report nenc_soap_step(nenc_soap *soap, double lr);

/** @param every  as in the config, over 0; steps are counted on */
void nenc_soap_set_every(nenc_soap *soap, int every);

/** All moments, bases and counts as after open (`every` stays as it was set):
 *  a new phase.  The next step is a first one. */
void nenc_soap_reset(nenc_soap *soap);

/** All that steps change but the values, piece by piece, always in one order:
 *  to be kept, or to be filled with what was kept. */
void nenc_soap_state(nenc_soap *soap,
                     void (*piece)(void *user, void *data, size_t size),
                     void *user);

/** For tests and reports: [n][n], a row for each basis vector, all 0 before
 *  the first step; NULL = this side has none.
 *  @param tensor  less than n
 *  @param side    0 = that of the rows, 1 = that of the columns */
const double *nenc_soap_basis_get(const nenc_soap *soap, size_t tensor,
                                  int side);

#endif
