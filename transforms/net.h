/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks as data: a text of layers bound to weights, planned for input
 * dimensions, then run any number of times.  The text is described in
 * doc/FORMAT.md.  Not here: control flow between networks (codecs/). */
#ifndef NENC_TRANSFORMS_NET_H
#define NENC_TRANSFORMS_NET_H

#include "pool.h"
#include "safetensors.h"

enum {
    NENC_NET_MAX_INPUTS = 8,
    NENC_NET_MAX_OPS = 4096,
    NENC_NET_MAX_CHANNELS = 1 << 16
};

/** Dims of a channels-last float32 tensor, in memory order. */
typedef struct nenc_shape {
    size_t n, h, w, c;
} nenc_shape;

/** A network: immutable for its users, shareable between threads. */
typedef struct nenc_net nenc_net;

/** Weights of networks, packed for the machine when a plan first needs them, and
 *  kept.  Shared by any number of networks and threads. */
typedef struct nenc_packs nenc_packs;

/** @param arena  holds the struct; what is packed takes as much memory again as
 *                the arena's cap allows, in all
 *  @return NENC_OK, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_packs_open(nenc_packs **out,
                                           nenc_arena *arena);
/** Before the arena goes.  NULL is fine. */
void nenc_packs_close(nenc_packs *packs);

/** Read network `name` of `text` and bind its weights "<name>.<layer>.*".
 *  The net lies in `arena`; the tensors of `st` and `packs` must stay as long.
 *  packs = NULL is for a net that no plan will run.
 *  @return NENC_OK, NENC_EMODEL (with the text's line number), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_net_open(
    const nenc_net **out, nenc_arena *arena, nenc_packs *packs,
    const char *text, const char *name, const nenc_safetensors *st,
    nenc_diag *diag);

/** Called for each tensor that a network's text names, in the text's order, an
 *  op's weights before its bias. */
typedef nenc_status (*nenc_net_make_fn)(void *user, const char *name,
                                        const size_t *dims, size_t n_dims);

/** Tell which tensors network `name` of `text` needs.
 *  @return NENC_OK, NENC_EMODEL, NENC_ENOMEM, or what `make` returned */
NENC_NODISCARD nenc_status nenc_net_tensors(const char *text, const char *name,
                                            nenc_net_make_fn make, void *user,
                                            nenc_diag *diag);

/** True if `text` has a network of this name. */
bool nenc_net_exists(const char *text, const char *name);

size_t nenc_net_inputs(const nenc_net *net);
/** Index of the input called `name`, or -1. */
int    nenc_net_input(const nenc_net *net, const char *name);
size_t nenc_net_input_channels(const nenc_net *net, size_t input);
size_t nenc_net_channels(const nenc_net *net);
size_t nenc_net_layers(const nenc_net *net);

/** Which rows (columns: both ways are alike) of an input the rows [*first,
 *  *end) of the output depend on, as if there were no edges: a part of the
 *  input that has them all, and begins at a multiple of the network's stride,
 *  gives these rows the same values as the whole one.
 *  That stride is nenc_net_step(); only so do windows of attention fall on
 *  the same positions.  Layers that look anywhere (warp, lattend) give all.
 *  @param[in,out] first, end  of the output, within +-2^40; then of the input,
 *                             beyond its edges too, and no further than that
 *  @return NENC_OK, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_net_reach(const nenc_net *net, size_t input,
                                          int64_t *first, int64_t *end,
                                          nenc_diag *diag);

/** Positions of an input whose multiples a part of it may begin at.  At most
 *  2^31: the part must be the whole.
 *  @return NENC_OK, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_net_step(const nenc_net *net, size_t input,
                                         size_t *step, nenc_diag *diag);

typedef enum nenc_backend {
    NENC_EXACT,     /**< normative: the same bits on every machine */
    NENC_ONEDNN     /**< fast, last bits unspecified; exact where absent */
} nenc_backend;

/** A network made ready for input dims: all memory that a run needs.  One run
 *  at a time. */
typedef struct nenc_plan nenc_plan;

/** @param inputs      dims of each input, in the text's order
 *  @param pool        borrowed until close; NULL = one thread
 *  @param max_memory  bytes the plan may take
 *  @return NENC_OK, NENC_EMODEL (the net cannot take these dims), NENC_ENOMEM,
 *          NENC_ELIMIT */
NENC_NODISCARD nenc_status nenc_plan_open(
    nenc_plan **out, const nenc_net *net, nenc_backend backend,
    const nenc_shape *inputs, nenc_pool *pool, size_t max_memory,
    nenc_diag *diag);

void nenc_plan_close(nenc_plan *plan);

/** Where to write input i before each run (a run may overwrite it). */
float *nenc_plan_input(nenc_plan *plan, size_t i);
/** The result of the last run, until the next. */
const float *nenc_plan_output(const nenc_plan *plan);
nenc_shape   nenc_plan_output_shape(const nenc_plan *plan);

/** Neither allocates nor fails for memory. */
NENC_NODISCARD nenc_status nenc_plan_run(nenc_plan *plan, nenc_diag *diag);

size_t nenc_plan_memory(const nenc_plan *plan);
/** Multiply-adds of one run (convolutions, linear layers, GDN, attention). */
uint64_t nenc_plan_macs(const nenc_plan *plan);

#endif
