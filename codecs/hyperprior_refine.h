/* SPDX-License-Identifier: BSD-2-Clause */
/* Latents of a unit made better than analysis makes them, with the decoder as
 * it is: see hyperprior_refine.c.  Not for others. */
#ifndef NENC_CODECS_HYPERPRIOR_REFINE_H
#define NENC_CODECS_HYPERPRIOR_REFINE_H

#include "grad.h"
#include "hyperprior.h"

/** What the units of a context share. */
typedef struct hyper_refining {
    nenc_params *g_s, *h_s;
    float *cost;                  /**< bits of small symbols by y's tables */
    float *centre;                /**< [y tables] scales they are for */
} hyper_refining;

/** @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT, NENC_EUNSUPPORTED (the model
 *          says nothing of what distortion is worth) */
nenc_status hyper_refining_open(hyper_refining **out, const hyper_model *model,
                                size_t max_memory, nenc_diag *diag);
void hyper_refining_close(hyper_refining *r);

/** Where a unit lies, and who is told how far its refinement is. */
typedef struct hyper_refine_job {
    hyper_context *c;
    hyper_unit *u;                /**< with symbols, its y and predictions */
    const nenc_image *src;
    size_t y, x;                  /**< the unit's first latent */
    float lambda;                 /**< bits that a squared error is worth */
    void (*tick)(void *user, double done);   /**< may be NULL */
    void *user;
} hyper_refine_job;

/** Refine u->z_symbol and u->y_symbol; predictions then are those of z. */
nenc_status hyper_refine(const hyper_refine_job *job, nenc_diag *diag);

#endif
