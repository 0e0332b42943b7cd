/* SPDX-License-Identifier: BSD-2-Clause */
/* Weights packed for this machine: once for a network, however many plans and
 * threads run it, and only for layers that run.  Not here: how they are laid
 * out (exact_conv.c). */
#include <pthread.h>

#include "net_internal.h"

/* Of one network, for one table of kernels; there is one table but in tests. */
typedef struct pack_set {
    struct pack_set *next;
    const nenc_net *net;
    const nenc_kernels *kernels;
    nenc_conv **convs;           /* [n_ops], NULL = not yet */
    float *weight;               /* room for any layer's, unpacked */
} pack_set;

struct nenc_packs {
    pthread_mutex_t lock;
    nenc_arena arena;            /* of all sets */
    pack_set *sets;
};

nenc_status nenc_packs_open(nenc_packs **out, nenc_arena *arena)
{
    nenc_packs *p = nenc_arena_zalloc(arena, 1, sizeof *p);
    *out = NULL;
    if (!p || pthread_mutex_init(&p->lock, NULL))
        return NENC_ENOMEM;
    nenc_arena_init(&p->arena, arena->cap);
    *out = p;
    return NENC_OK;
}

void nenc_packs_close(nenc_packs *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    nenc_arena_free(&p->arena);
}

/* With somewhat more than most networks need reserved in one piece. */
static pack_set *make_set(nenc_packs *p, const nenc_net *net,
                          const nenc_kernels *kernels)
{
    size_t most = 0, all = 0;
    for (size_t i = 0; i < net->n_ops; i++) {
        const nenc_st_tensor *kernel = net->ops[i].kernel;
        if (!kernel)
            continue;
        most = NENC_MAX(most, kernel->n_items);
        if (!nenc_size_add(&all, all, kernel->n_items * sizeof(float)))
            all = SIZE_MAX;
    }
    nenc_arena_reserve(&p->arena, NENC_MIN(all, SIZE_MAX / 2) / 8 * 9);
    pack_set *s = nenc_arena_zalloc(&p->arena, 1, sizeof *s);
    if (!s)
        return NULL;
    s->net = net;
    s->kernels = kernels;
    s->convs = nenc_arena_zalloc(&p->arena, net->n_ops, sizeof *s->convs);
    s->weight = nenc_arena_zalloc(&p->arena, most, sizeof *s->weight);
    return s->convs && s->weight ? s : NULL;
}

static pack_set *find_set(nenc_packs *p, const nenc_net *net,
                          const nenc_kernels *kernels)
{
    for (pack_set *s = p->sets; s; s = s->next)
        if (s->net == net && s->kernels == kernels)
            return s;
    pack_set *s = make_set(p, net, kernels);
    if (s) {
        s->next = p->sets;
        p->sets = s;
    }
    return s;
}

static nenc_status pack(pack_set *set, size_t i, nenc_arena *arena,
                        nenc_diag *diag)
{
    const nenc_op *op = &set->net->ops[i];
    nenc_conv *conv = nenc_arena_zalloc(arena, 1, sizeof *conv);
    if (!conv)
        return NENC_ENOMEM;
    nenc_st_expand(set->weight, op->kernel);
    NENC_TRY(nenc_conv_pack(conv, &op->conv, set->weight, op->bias,
                            set->kernels, arena, diag));
    set->convs[i] = conv;
    return NENC_OK;
}

nenc_status nenc_net_packed(const nenc_conv **out, const nenc_net *net,
                            size_t op, const nenc_kernels *kernels,
                            nenc_diag *diag)
{
    nenc_packs *p = net->packs;
    nenc_status st = NENC_OK;
    pthread_mutex_lock(&p->lock);
    pack_set *set = find_set(p, net, kernels);
    if (!set)
        st = NENC_ENOMEM;
    else if (!set->convs[op])
        st = pack(set, op, &p->arena, diag);
    if (st >= 0)
        *out = set->convs[op];
    else if (st == NENC_ENOMEM)
        st = nenc_arena_fail(&p->arena, diag, "network", net->name);
    pthread_mutex_unlock(&p->lock);
    return st;
}
