/* SPDX-License-Identifier: BSD-2-Clause */
/* Weights for any network's text. */
#include "made_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static void add(made_weights *w, const char *layer, const char *part,
                const size_t *dims, size_t n_dims)
{
    size_t items = 1;
    for (size_t i = 0; i < n_dims; i++)
        if (!dims[i] || !nenc_size_mul(&items, items, dims[i])
            || items > MADE_ITEMS)
            return;
    if (w->n == MADE_TENSORS)
        return;
    snprintf(w->names[w->n], sizeof w->names[0], "g.%.32s.%s", layer, part);
    nenc_st_tensor *t = &w->tensors[w->n];
    *t = (nenc_st_tensor){ .name = w->names[w->n], .dtype = NENC_F32,
                           .n_dims = n_dims, .n_items = items,
                           .size = 4 * items, .data = w->values };
    memcpy(t->dims, dims, n_dims * sizeof *dims);
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->names[i], t->name))
            return;
    w->n++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nenc_st_tensor *)a)->name,
                  ((const nenc_st_tensor *)b)->name);
}

void made_weights_for(made_weights *w, const char *text,
                      const float values[MADE_ITEMS])
{
    w->n = 0;
    for (size_t i = 0; i < MADE_ITEMS; i++) {
        uint32_t word;
        memcpy(&word, &values[i], 4);
        nenc_bytes_put_u32(w->values + 4 * i, word);
    }
    for (const char *p = text; *p; p++) {
        size_t a = 0, b = 0, k = 0;
        int length = 0;
        if (sscanf(p, "c%2zu_%2zu_%1zu%n", &a, &b, &k, &length) == 3
            && length) {
            char name[16];
            const size_t dims[4] = { a, b, k, k };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", dims, 4);
            add(w, name, "bias", dims, 1);
        } else if (sscanf(p, "d%2zu_%2zu_%1zu%n", &a, &b, &k, &length) == 3
                   && length) {
            char name[16];
            const size_t dims[4] = { a, b, k, k };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", dims, 4);
            add(w, name, "bias", dims + 1, 1);
        } else if (sscanf(p, "n%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            const size_t dims[2] = { a, a };
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "gamma", dims, 2);
            add(w, name, "beta", dims, 1);
        } else if (sscanf(p, "l%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", &a, 1);
            add(w, name, "bias", &a, 1);
        } else if (sscanf(p, "s%2zu%n", &a, &length) == 1 && length) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", length, p);
            add(w, name, "weight", &a, 1);
        }
    }
    qsort(w->tensors, w->n, sizeof *w->tensors, by_name);
}

bool made_dims(const nenc_net *net, nenc_shape *dims, size_t h, size_t w)
{
    for (size_t i = 0; i < nenc_net_inputs(net); i++) {
        dims[i] = (nenc_shape){ 1, i ? 1 : h, i ? 1 : w,
                                nenc_net_input_channels(net, i) };
        if (dims[i].c > 64)
            return false;
    }
    return true;
}
