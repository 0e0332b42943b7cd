/* SPDX-License-Identifier: BSD-2-Clause */
/* Random weights for small networks, and their naive evaluation in double
 * precision, which shares no code with the library's.  Nothing else. */
#ifndef NENC_TESTS_NAIVE_NET_H
#define NENC_TESTS_NAIVE_NET_H

#include "net_internal.h"

enum { NAIVE_TENSORS = 64 };

/** Tensors that network "g" of a test may use: see naive_weights_init(). */
typedef struct naive_weights {
    nenc_arena arena;
    nenc_st_tensor tensors[NAIVE_TENSORS];
    size_t n;
} naive_weights;

/** From -1 to 1; the same sequence after each naive_weights_init(). */
float naive_noise(void);
void  naive_weights_init(naive_weights *w);

typedef struct naive_tensor {
    nenc_shape s;
    double *v;
} naive_tensor;

/** Weights of one op; a scale's are `kernel`. */
typedef struct naive_values {
    double *kernel, *bias;
} naive_values;

/** [n_ops], the net's weights; naive_values_free() them. */
naive_values *naive_values_of(const nenc_net *net);
void naive_values_free(naive_values *values, const nenc_net *net);

/** The network's result; free() its v. */
naive_tensor naive_run(const nenc_net *net, const naive_values *values,
                       const nenc_shape *dims, double *const *inputs);

#endif
