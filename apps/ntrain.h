/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of ntrain share: options, data, the state of a run.
 * Functions that fail have told the user why. */
#ifndef NENC_APPS_NTRAIN_H
#define NENC_APPS_NTRAIN_H

#include "app_options.h"
#include "bytes.h"
#include "optim.h"
#include "train.h"

struct nenc_codec;

typedef struct ntrain_options {
    app_common common;            /* first: app_options_parse() fills it */
    app_list data, val, frozen;
    const char *start, *networks; /* a model, or a text of networks */
    const char *checkpoint, *csv, *svg, *schedule;
    bool resume, only_gains, no_tables;
    int steps, batch, crop, every, patience, warmup, seed, held_out;
    double lr, floor, clip, ema, noise;
} ntrain_options;

/* ---------------------------------------------------------- ntrain_data.c */

/** Pictures in memory, 8-bit colours each. */
typedef struct ntrain_pictures {
    nenc_image *list;
    size_t n, room;
} ntrain_pictures;

/** All that can be read; others are told and passed over.
 *  @param side    smaller ones are left out, silently
 *  @param max_bytes  no more than this; what is left out is told */
NENC_NODISCARD nenc_status ntrain_load(ntrain_pictures *p,
                                       const app_list *folders,
                                       const app_common *common, size_t side,
                                       size_t max_bytes);
void ntrain_pictures_free(ntrain_pictures *p);
/** Every tenth moves from `from` to `to`. */
NENC_NODISCARD nenc_status ntrain_split(ntrain_pictures *from,
                                        ntrain_pictures *to);

/** [batch, size, size, 3] crops, mirrored and turned at random. */
void ntrain_crops(float *x, size_t batch, size_t size,
                  const ntrain_pictures *p, uint64_t *rng);

/* --------------------------------------------------------- ntrain_state.c */

/** A run, as a checkpoint holds it. */
typedef struct ntrain_state {
    const nenc_train_param *list;
    size_t n_params, n_values;    /**< parameters; numbers in them all */
    nenc_optim *optim;
    int step;
    uint64_t rng;
    double best;                  /**< loss of held-out pictures, and ... */
    int    best_step;
    float *best_values;           /**< [n_values] what came to it */
    nenc_buffer log;              /**< lines of the CSV file */
} ntrain_state;

/** Between a flat array and the parameters. */
void ntrain_values_get(const ntrain_state *s, float *values);
void ntrain_values_set(const ntrain_state *s, const float *values);

NENC_NODISCARD nenc_status ntrain_state_save(const ntrain_state *s,
                                             const nenc_trainer_ops *ops,
                                             void *trainer,
                                             const ntrain_options *opt);
/** @param st  the checkpoint's file, parsed: also the model to open */
NENC_NODISCARD nenc_status ntrain_state_load(ntrain_state *s,
                                             const nenc_safetensors *st,
                                             const ntrain_options *opt);

/* ----------------------------------------------------------- ntrain_run.c */

/** Train until the last step, or until nothing gets better, or Ctrl-C; the
 *  parameters are then the best average. */
NENC_NODISCARD nenc_status ntrain_run(const ntrain_options *opt,
                                      const nenc_trainer_ops *ops,
                                      const nenc_safetensors *raw,
                                      const nenc_safetensors *checkpoint,
                                      const ntrain_pictures *data,
                                      const ntrain_pictures *val,
                                      nenc_pool *pool, nenc_buffer *log,
                                      nenc_safetensors *out,
                                      nenc_arena *arena);

/* -------------------------------------------------------- ntrain_report.c */

/** Encode and decode pictures with both models (before may be NULL), print a
 *  table, and draw it and the log where an SVG file is wanted. */
NENC_NODISCARD nenc_status ntrain_report(const ntrain_options *opt,
                                         const nenc_model *before,
                                         const nenc_model *after,
                                         const ntrain_pictures *val,
                                         const nenc_buffer *log);

#endif
