/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks from a text alone.  Names of layers say which weights they find:
 * c<cout>_<cin>_<k>, d<cin>_<cout>_<k> (transposed), n<c> (GDN), s<c>,
 * l<c> (layer norm). */
#ifndef NENC_CONFORMANCE_MADE_NET_H
#define NENC_CONFORMANCE_MADE_NET_H

#include "net.h"

enum { MADE_TENSORS = 24, MADE_ITEMS = 1 << 12 };

typedef struct made_weights {
    nenc_st_tensor tensors[MADE_TENSORS];
    char names[MADE_TENSORS][64];
    size_t n;
    uint8_t values[4 * MADE_ITEMS];    /* every tensor begins with the first */
} made_weights;

/** Weights for all layers of network "g" that `text` names, sorted by name. */
void made_weights_for(made_weights *w, const char *text,
                      const float values[MADE_ITEMS]);

/** The first input has h rows and w columns, others 1 of each.
 *  @return false: too many channels for the time there is */
bool made_dims(const nenc_net *net, nenc_shape *dims, size_t h, size_t w);

#endif
