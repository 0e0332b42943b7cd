/* SPDX-License-Identifier: BSD-2-Clause */
/* Weights packed for this machine: once for a network, however many plans and
 * threads run it, and only for layers that run.  Not here: how they are laid
 * out (exact_conv.c). */
#include <pthread.h>

#include "net_internal.h"

/* For one table of kernels; there is one table but in tests. */
typedef struct pack_set {
    struct pack_set *next;
    const nenc_kernels *kernels;
    nenc_conv **convs;           /* [n_ops], NULL = not yet */
} pack_set;

struct nenc_packs {
    pthread_mutex_t lock;
    nenc_arena arena;            /* of all that follows */
    float *weight;               /* room for any layer's, unpacked */
    pack_set *sets;
};

nenc_status nenc_packs_open(nenc_net *net, nenc_arena *arena)
{
    struct nenc_packs *p = nenc_arena_zalloc(arena, 1, sizeof *p);
    if (!p || pthread_mutex_init(&p->lock, NULL))
        return NENC_ENOMEM;
    nenc_arena_init(&p->arena, arena->cap);
    net->packs = p;
    return NENC_OK;
}

void nenc_packs_close(struct nenc_packs *p)
{
    pthread_mutex_destroy(&p->lock);
    nenc_arena_free(&p->arena);
}

/* Somewhat more than most networks need, in one piece. */
static float *make_room(struct nenc_packs *p, const nenc_net *net)
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
    return p->weight = nenc_arena_zalloc(&p->arena, most, sizeof *p->weight);
}

static pack_set *find_set(struct nenc_packs *p, size_t n_ops,
                          const nenc_kernels *kernels)
{
    for (pack_set *s = p->sets; s; s = s->next)
        if (s->kernels == kernels)
            return s;
    pack_set *s = nenc_arena_zalloc(&p->arena, 1, sizeof *s);
    if (s)
        s->convs = nenc_arena_zalloc(&p->arena, n_ops, sizeof *s->convs);
    if (!s || !s->convs)
        return NULL;
    s->kernels = kernels;
    s->next = p->sets;
    p->sets = s;
    return s;
}

static nenc_status pack(nenc_conv **out, struct nenc_packs *p,
                        const nenc_op *op, const nenc_kernels *kernels,
                        nenc_diag *diag)
{
    nenc_conv *conv = nenc_arena_zalloc(&p->arena, 1, sizeof *conv);
    if (!conv)
        return NENC_ENOMEM;
    nenc_st_expand(p->weight, op->kernel);
    NENC_TRY(nenc_conv_pack(conv, &op->conv, p->weight, op->bias, kernels,
                            &p->arena, diag));
    *out = conv;
    return NENC_OK;
}

nenc_status nenc_net_packed(const nenc_conv **out, const nenc_net *net,
                            size_t op, const nenc_kernels *kernels,
                            nenc_diag *diag)
{
    struct nenc_packs *p = net->packs;
    nenc_status st = NENC_OK;
    pthread_mutex_lock(&p->lock);
    pack_set *set = find_set(p, net->n_ops, kernels);
    if (!set || (!p->weight && !make_room(p, net)))
        st = NENC_ENOMEM;
    else if (!set->convs[op])
        st = pack(&set->convs[op], p, &net->ops[op], kernels, diag);
    if (st >= 0)
        *out = set->convs[op];
    else if (st == NENC_ENOMEM)
        st = nenc_arena_fail(&p->arena, diag, "network", net->name);
    pthread_mutex_unlock(&p->lock);
    return st;
}
