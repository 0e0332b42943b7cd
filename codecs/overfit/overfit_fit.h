/* SPDX-License-Identifier: BSD-2-Clause */
/* Latents and networks for one picture, by descent of MSE + lambda bits /
 * pixel: soft rounding with falling temperature and noise, then the networks
 * alone on the rounded latents (Cool-Chic 5's recipe).  The same on every
 * machine.  Not here: the steps of parameters (overfit_search.h), bytes. */
#ifndef NENC_CODECS_OVERFIT_FIT_H
#define NENC_CODECS_OVERFIT_FIT_H

#include "codec.h"
#include "overfit.h"

typedef struct overfit_fit_config {
    float lambda;             /**< MSE of samples 0 to 1 for a bit a pixel */
    double log10_lambda;
    int   iterations;         /**< passes over the picture in all */
    nenc_pool *pool;          /**< borrowed */
    size_t max_memory;
    void *user;
    /* as in nenc_units; all may be empty */
    nenc_tick (*tick)(void *user, double done);
    nenc_status (*save)(void *user, const nenc_buffer *state,
                        nenc_diag *diag);
    nenc_bytes state;
    void (*report)(void *user, int iterations, double mse, double bpp);
                              /**< NULL, or told what rounding would give, now
                                   and then */
} overfit_fit_config;

typedef struct overfit_fit overfit_fit;

/** @param shape   borrowed
 *  @param target  [channels] planes of samples 0 to 1; borrowed
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT */
NENC_NODISCARD nenc_status overfit_fit_open(
    overfit_fit **out, const overfit_shape *shape,
    const overfit_plane *target, const overfit_fit_config *cfg,
    nenc_diag *diag);
void overfit_fit_close(overfit_fit *f);

/** All phases; stopped early it keeps the best that was seen.
 *  @return NENC_OK, NENC_ENOMEM, NENC_EINVAL (a state that was not saved by
 *          this), or what save() returned */
NENC_NODISCARD nenc_status overfit_fit_run(overfit_fit *f, nenc_diag *diag);

/** Whether `tick` ended the run. */
bool overfit_fit_stopped(const overfit_fit *f);
/** [n_params], to be changed at will. */
float *overfit_fit_params(overfit_fit *f);
/** Rounded latents and hyperlatents, as of the last run. */
const overfit_plane *overfit_fit_grids(const overfit_fit *f);

/** With other parameters, on the rounded latents. */
double overfit_fit_bits(overfit_fit *f, const float *params);
double overfit_fit_mse(overfit_fit *f, const float *params);

#endif
