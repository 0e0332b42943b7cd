/* SPDX-License-Identifier: BSD-2-Clause */
/* What the network's parser, layers and planner share.  Not for others. */
#ifndef NENC_TRANSFORMS_NET_INTERNAL_H
#define NENC_TRANSFORMS_NET_INTERNAL_H

#include "exact_conv.h"
#include "net.h"

enum { NENC_OP_MAX_SRC = 8, NENC_OP_MAX_ARGS = 4 };

typedef enum nenc_pad_mode {
    NENC_PAD_ZERO, NENC_PAD_REPLICATE, NENC_PAD_REFLECT, NENC_PAD_SYMMETRIC
} nenc_pad_mode;

typedef struct nenc_layer nenc_layer;
typedef struct nenc_move nenc_move;

/** One line of the text.  Value ids: the inputs first, then one per op. */
typedef struct nenc_op {
    const nenc_layer *layer;
    const char *name;            /**< of its weights, or "" */
    int line;
    size_t n_src;
    int src[NENC_OP_MAX_SRC];    /**< value ids; src[0] is "the current" */
    size_t cin, cout;
    size_t src_c[NENC_OP_MAX_SRC]; /**< channels of each source */
    nenc_conv_shape conv;        /**< conv, deconv, linear, gdn, igdn */
    const nenc_st_tensor *kernel; /**< of those; see nenc_net_packed() */
    const float *weight, *bias;
    nenc_point point;            /**< element-wise layers */
    float slope;                 /**< lnorm: its epsilon */
    size_t arg[2];               /**< slice: first, count; others: n, or r */
    nenc_pad_mode pad;
    bool bilinear;               /**< resize */
    size_t heads, window;        /**< attend, lattend */
} nenc_op;

struct nenc_net {
    const char *name;
    size_t n_inputs, n_ops;
    const char *input_names[NENC_NET_MAX_INPUTS];
    size_t input_channels[NENC_NET_MAX_INPUTS];
    nenc_op *ops;
    nenc_packs *packs;           /**< borrowed: see nenc_net_packed() */
};

/** The packed weights of a layer with conv.cin, made when they are first asked
 *  for and then kept until nenc_packs_close().  Thread-safe.
 *  @return NENC_OK, NENC_ENOMEM, NENC_ELIMIT, NENC_EINVAL */
nenc_status nenc_net_packed(const nenc_conv **out, const nenc_net *net,
                            size_t op, const nenc_kernels *kernels,
                            nenc_diag *diag);

/** The words of one line, split by the parser. */
typedef struct nenc_args {
    nenc_diag *diag;
    nenc_arena *arena;
    const nenc_safetensors *st;
    nenc_net_make_fn make;       /**< of tensors, in place of finding them */
    void *make_user;
    const char *net;
    int line;
    size_t n, n_keys;
    const char *word[NENC_OP_MAX_ARGS];
    const char *key[8], *value[8];
    unsigned used;               /**< bit i: key i was asked for */
} nenc_args;

/** What a layer sees when it runs. */
typedef struct nenc_op_run {
    const nenc_op *op;
    const nenc_kernels *kernels;
    const nenc_conv *packed;             /**< layers with op->conv.cin */
    const nenc_move *move;               /**< shuffle, unshuffle, pad, crop */
    const float *weight, *bias;          /**< op's, or those being trained */
    nenc_act act;                        /**< activation fused into it */
    float act_slope;
    const float *add;                    /**< an addition fused into it */
    bool add_one;                        /**< of one pixel to all */
    const float *src[NENC_OP_MAX_SRC];
    size_t src_first[NENC_OP_MAX_SRC];   /**< row that src begins with, ... */
    nenc_shape src_shape[NENC_OP_MAX_SRC];
    float *dst;
    size_t dst_first;                    /**< ... and dst: of one picture */
    nenc_shape dst_shape;
    float *scratch;                      /**< of this worker */
    float *shared;                       /**< what prepare() made, for all */
} nenc_op_run;

/** How a layer's output positions lie to those of its sources. */
typedef enum nenc_moves {
    NENC_MOVES_NOTHING, NENC_MOVES_CONV, NENC_MOVES_SHUFFLE,
    NENC_MOVES_UNSHUFFLE, NENC_MOVES_PAD, NENC_MOVES_CROP,
    NENC_MOVES_RESIZE, NENC_MOVES_MEAN,
    NENC_MOVES_WARP,             /**< anywhere in source 0 */
    NENC_MOVES_WINDOW,           /**< a window of sources 1 and 2 */
    NENC_MOVES_ALL               /**< all of sources 1 and 2 */
} nenc_moves;

/** A kind of layer. */
struct nenc_layer {
    const char *name;
    size_t min_args, max_args;           /**< plain words after the name */
    bool has_weights;                    /**< the first word names them */
    bool taps_follow;                    /**< the words are further sources */
    bool elementwise;                    /**< dst may be src[0] */
    bool is_conv;                        /**< takes an activation, oneDNN */
    bool is_add;
    nenc_point point;                    /**< for element-wise functions */
    nenc_moves moves;
    /** Read the arguments, bind weights, set cout from cin. */
    nenc_status (*open)(nenc_op *op, nenc_args *a);
    /** dst's dims from those of the sources. */
    nenc_status (*shape)(const nenc_op *op, const nenc_shape *src,
                         nenc_shape *dst, nenc_diag *diag);
    /** Floats of scratch that a worker needs; NULL = none. */
    size_t (*scratch)(const nenc_op_run *r);
    /** Floats that prepare() fills; NULL = none. */
    size_t (*shared)(const nenc_op_run *r);
    /** Multiply-adds beyond those of a convolution; NULL = none. */
    double (*macs)(const nenc_op_run *r);
    /** Before any row, for each part < pictures times heads; or NULL. */
    void (*prepare)(const nenc_op_run *r, size_t part);
    /** Compute rows [row0, row1) of the n * h rows of dst. */
    void (*run)(const nenc_op_run *r, size_t row0, size_t row1);
};

enum { NENC_MOVE_MAX = 8 };

/** Make a chain of n <= NENC_MOVE_MAX moves ready, each of which reads what the
 *  one before made: a shuffle may be the first only, an unshuffle the last.
 *  @param shapes  [n + 1]: of the source, then of each result
 *  @return NENC_OK, NENC_ENOMEM (or the arena's cap) */
nenc_status nenc_move_open(const nenc_move **out, nenc_arena *arena,
                           const nenc_op *const *ops, size_t n,
                           const nenc_shape *shapes);
/** Rows of the source that rows [y0, y1) of the result come from. */
void nenc_move_rows(const nenc_move *m, size_t y0, size_t y1, size_t *s0,
                    size_t *s1);
/** The `run` of their layers. */
void nenc_move_run(const nenc_op_run *r, size_t row0, size_t row1);
/** Which rows of the result each row of the source went to.
 *  @return NENC_OK, NENC_ENOMEM (or the arena's cap) */
nenc_status nenc_move_map_back(const size_t **out, const nenc_move *m,
                               nenc_arena *arena);
/** The adjoint: rows [row0, row1) of `src` become the sums of the values of
 *  `dst` that were taken from them. */
void nenc_move_run_back(const nenc_move *m, const size_t *map,
                        const float *dst, float *src, size_t row0,
                        size_t row1);

/** Positions of its source k that [*first, *end) of an op's result depend on, as
 *  if there were no edges. */
void nenc_op_reads(const nenc_op *op, size_t k, int64_t *first, int64_t *end);
/** Whether that may be all of them. */
bool nenc_op_reads_all(const nenc_op *op, size_t k);

/** Where a number between two positions comes from:
 *  v[first] + (v[second] - v[first]) share. */
typedef struct nenc_between {
    size_t first, second;
    float share;
} nenc_between;

/** Position i of r n that n were resized to, bilinear. */
nenc_between nenc_resize_at(size_t r, size_t i, size_t n);
/** Position i of n, moved by `flow`. */
nenc_between nenc_warp_at(size_t i, float flow, size_t n);

/** lnorm: channels become (x - mean) factor. */
typedef struct nenc_norm {
    float mean, factor;
} nenc_norm;

nenc_norm nenc_norm_of(const float *x, size_t c, float eps);

const nenc_layer *nenc_layer_find(const char *name);
extern const nenc_layer nenc_layers_conv[], nenc_layers_point[],
    nenc_layers_move[], nenc_layers_norm[], nenc_layers_resize[],
    nenc_layers_attend[];

/** An integer of key `key` (or `fallback` where absent) in [min, max]. */
nenc_status nenc_args_key(nenc_args *a, const char *key, size_t fallback,
                          size_t min, size_t max, size_t *out);
/** Which of n words key `key` has; *out is kept where it is absent. */
nenc_status nenc_args_word(nenc_args *a, const char *key,
                           const char *const *words, size_t n, size_t *out);
nenc_status nenc_args_int(nenc_args *a, const char *word, size_t min,
                          size_t max, size_t *out);
nenc_status nenc_args_float(nenc_args *a, const char *word, float *out);
/** "<net>.<layer>.<what>" as float32 with these dims. */
nenc_status nenc_args_bind(nenc_args *a, const nenc_op *op, const char *what,
                           const size_t *dims, size_t n_dims,
                           const float **out);
/** The same, left as it is in the file. */
nenc_status nenc_args_bind_kernel(nenc_args *a, nenc_op *op, const char *what,
                                  const size_t *dims, size_t n_dims);
nenc_status nenc_args_fail(nenc_args *a, const char *fmt, ...)
    NENC_PRINTF(2, 3);

#endif
