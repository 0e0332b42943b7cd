/* SPDX-License-Identifier: BSD-2-Clause */
/* Adam and AdamW with clipping and averaging of parameters, and schedules of
 * the learning rate; PyTorch's formulas.  Not normative.  Not here: gradients,
 * checkpoints as files. */
#ifndef NENC_TRANSFORMS_OPTIM_H
#define NENC_TRANSFORMS_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool.h"

/** Parameters that are treated alike.  The arrays are the caller's. */
typedef struct nenc_optim_group {
    float *values;        /**< [n] changed by each step */
    const float *grads;   /**< [n] read by each step */
    size_t n;
    double lr_scale;      /**< times the step's learning rate */
    double weight_decay;
} nenc_optim_group;

typedef struct nenc_optim_config {
    double beta1, beta2;  /**< 0 to less than 1 */
    double eps;           /**< over 0; added to the root, as PyTorch has it */
    bool   decoupled;     /**< AdamW: values *= 1 - lr weight_decay; else Adam:
                               weight_decay times the value joins the gradient */
    double max_norm;      /**< gradients of a larger L2 norm over all groups are
                               scaled down to it; 0 = none are */
    double ema_decay;     /**< of the averaged parameters, less than 1; 0 = no
                               average is kept */
    bool   ema_ramp;      /**< decay min(ema_decay, (t + 1) / (t + 10)) in the
                               call t = 1, 2, ..., so that it starts short */
    size_t max_memory;    /**< bytes it may hold: 8 a parameter, 12 with
                               averages, and 24 for each 16384 */
} nenc_optim_config;

/** PyTorch's defaults, no clipping, no average. */
#define NENC_OPTIM_CONFIG_DEFAULT \
    { 0.9, 0.999, 1e-8, false, 0.0, 0.0, true, SIZE_MAX }

/** Serves one thread at a time. */
typedef struct nenc_optim nenc_optim;

/** @param[out] out     NULL on failure; nenc_optim_close() it
 *  @param      groups  [n_groups] copied; the arrays they point to are borrowed
 *  @param      cfg     read, not kept
 *  @param      pool    borrowed, must outlive it; NULL = on the calling thread.
 *                      The results do not depend on its threads, to the bit
 *  @return NENC_OK, NENC_EINVAL (a number out of its range), NENC_ELIMIT or
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_optim_open(nenc_optim **out,
                                           const nenc_optim_group *groups,
                                           size_t n_groups,
                                           const nenc_optim_config *cfg,
                                           nenc_pool *pool, nenc_diag *diag);
void nenc_optim_close(nenc_optim *optim);

typedef struct nenc_optim_report {
    double norm;          /**< of the gradients, before any clipping */
    bool   is_skipped;
} nenc_optim_report;

/** One step.  Where the gradients' norm is not finite, or even clipped over
 *  1e18 (its square overflows a float), the step is skipped: values and moments
 *  stay, the averages still move towards the values, the call counts for their
 *  decay.
 *  @param lr  learning rate, at least 0; not finite: the step is skipped */
nenc_optim_report nenc_optim_step(nenc_optim *optim, double lr);

/** Swap values and averages, for measuring and saving with the averages; once
 *  more to go on training.  Nothing where no average is kept. */
void nenc_optim_ema_swap(nenc_optim *optim);

/** All that a checkpoint holds beside the values: counts, and for each group
 *  three arrays, to be read or written in place.  With them (and the same
 *  groups and config) a resumed run goes on to the bit. */
typedef struct nenc_optim_counts {
    uint64_t applied, skipped;    /**< steps */
} nenc_optim_counts;

typedef struct nenc_optim_state {
    size_t n;
    float *m, *v;         /**< moments, first and second, without correction */
    float *ema;           /**< starts as the values; NULL = not kept */
} nenc_optim_state;

nenc_optim_counts nenc_optim_counts_get(const nenc_optim *optim);
void nenc_optim_counts_set(nenc_optim *optim, nenc_optim_counts counts);
/** @param group  less than n_groups */
nenc_optim_state nenc_optim_state_get(nenc_optim *optim, size_t group);

typedef enum nenc_schedule_kind {
    NENC_SCHEDULE_COSINE, /**< half a cosine from lr to floor in n_steps */
    NENC_SCHEDULE_STEPS   /**< times `factor` after every n_steps */
} nenc_schedule_kind;

typedef struct nenc_schedule {
    nenc_schedule_kind kind;
    double   lr;          /**< at the top */
    double   floor;       /**< a share of lr, below which it does not fall */
    double   factor;      /**< 0 to 1; of NENC_SCHEDULE_STEPS */
    uint64_t n_steps;     /**< 0 = constant */
    uint64_t n_warmup;    /**< the first ones are multiplied by
                               (step + 1) / n_warmup */
} nenc_schedule;

/** The learning rate of step 0, 1, ...  Any thread. */
double nenc_schedule_lr(const nenc_schedule *schedule, uint64_t step);

#endif
