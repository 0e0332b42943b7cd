/* SPDX-License-Identifier: BSD-2-Clause */
/* What training a hyperprior computes, for comparison with PyTorch:
 *
 *     dump_train --export MODEL RAW          the form that training works on
 *     dump_train RAW CROPS OUT LR [THREADS]  one step for each of the crops
 *
 * All are safetensors.  CROPS has x [steps, batch, size, size, 3] and t [steps,
 * batch]; OUT gets "losses" [steps, 3] (loss, bpp, mse), "norms" [steps], the
 * first step's gradients "grad.NAME" and the parameters "value.NAME" at the end
 * (z.scale as logarithms).  Not here: the comparison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "fpenv.h"
#include "optim.h"
#include "tensor_file.h"
#include "train.h"

static const size_t max_memory = (size_t)4 << 30;

typedef struct dump {
    const nenc_trainer_ops *ops;
    nenc_arena arena;
    nenc_safetensors raw, crops;
    float *x, *t;
    size_t steps, batch, size;
    nenc_pool *pool;
    void *trainer;
    nenc_optim *optim;
    const nenc_train_param *list;
    size_t n_list;
    tensor_list out;
} dump;

static nenc_status export_model(dump *d, const char *from, const char *to,
                                nenc_diag *diag)
{
    nenc_safetensors model;
    NENC_TRY(tensor_file_read(&model, &d->arena, from, diag));
    NENC_TRY(d->ops->export(&d->raw, &d->arena, &model, diag));
    return tensor_file_write(&d->raw, to, diag);
}

static nenc_status read_crops(dump *d, const char *path, nenc_diag *diag)
{
    size_t dims[5] = { 0, 0, 0, 0, 3 };
    NENC_TRY(tensor_file_read(&d->crops, &d->arena, path, diag));
    NENC_TRY(nenc_safetensors_f32(&d->x, &d->crops, &d->arena, "x", dims, 5,
                                  diag));
    const nenc_st_tensor *x = nenc_safetensors_find(&d->crops, "x");
    d->steps = x->dims[0];
    d->batch = x->dims[1];
    d->size = x->dims[2];
    if (!x->n_items || x->dims[3] != d->size)
        return nenc_fail(diag, NENC_EMODEL, "crops are no squares");
    return nenc_safetensors_f32(&d->t, &d->crops, &d->arena, "t", x->dims, 2,
                                diag);
}

static nenc_status open_trainer(dump *d, nenc_diag *diag)
{
    nenc_optim_config cfg = NENC_OPTIM_CONFIG_DEFAULT;
    const nenc_train_config train = { .batch = d->batch, .size = d->size,
                                      .pool = d->pool,
                                      .max_memory = max_memory };
    NENC_TRY(d->ops->open(&d->trainer, &d->raw, &train, diag));
    d->n_list = d->ops->params(d->trainer, &d->list);
    nenc_optim_group *groups = nenc_arena_zalloc(&d->arena, d->n_list,
                                                 sizeof *groups);
    if (!groups)
        return nenc_arena_fail(&d->arena, diag, "the", "optimiser");
    for (size_t i = 0; i < d->n_list; i++) {
        const nenc_param *p = d->list[i].param;
        groups[i] = (nenc_optim_group){ .values = p->value, .grads = p->grad,
                                        .n = p->n,
                                        .lr_scale = d->list[i].rate };
    }
    cfg.beta2 = 0.99;
    cfg.max_norm = 1;
    return nenc_optim_open(&d->optim, groups, d->n_list, &cfg, d->pool, diag);
}

static void put_params(dump *d, bool are_grads)
{
    for (size_t i = 0; i < d->n_list; i++) {
        const nenc_param *p = d->list[i].param;
        tensor_list_put(&d->out, are_grads ? "grad." : "value.", p->name,
                        are_grads ? p->grad : p->value, p->dims, p->n_dims);
    }
}

static nenc_status train(dump *d, double lr, nenc_diag *diag)
{
    const size_t n = d->batch * d->size * d->size * 3;
    const size_t dims[2] = { d->steps, 3 };
    float *losses = nenc_arena_zalloc(&d->arena, d->steps, 3 * sizeof(float));
    float *norms = nenc_arena_zalloc(&d->arena, d->steps, sizeof(float));
    if (!losses || !norms)
        return nenc_arena_fail(&d->arena, diag, "the", "losses");
    for (size_t i = 0; i < d->steps; i++) {
        nenc_train_loss loss;
        for (size_t k = 0; k < d->n_list; k++)
            memset(d->list[k].param->grad, 0,
                   d->list[k].param->n * sizeof(float));
        d->ops->step(d->trainer, d->x + i * n, d->t + i * d->batch, 0, &loss);
        if (i == 0)
            put_params(d, true);
        norms[i] = (float)nenc_optim_step(d->optim, lr).norm;
        d->ops->changed(d->trainer);
        losses[3 * i] = (float)loss.loss;
        losses[3 * i + 1] = (float)loss.bpp;
        losses[3 * i + 2] = (float)loss.mse;
    }
    put_params(d, false);
    tensor_list_put(&d->out, "", "losses", losses, dims, 2);
    tensor_list_put(&d->out, "", "norms", norms, dims, 1);
    return NENC_OK;
}

static nenc_status run(dump *d, char **argv, int threads, nenc_diag *diag)
{
    nenc_fpenv env;
    if (!strcmp(argv[1], "--export"))
        return export_model(d, argv[2], argv[3], diag);
    NENC_TRY(tensor_file_read(&d->raw, &d->arena, argv[1], diag));
    NENC_TRY(read_crops(d, argv[2], diag));
    if (nenc_pool_open(&d->pool, threads) < 0)
        return nenc_fail(diag, NENC_EINVAL, "%d threads", threads);
    NENC_TRY(open_trainer(d, diag));
    nenc_fpenv_enter(&env);
    const nenc_status st = train(d, strtod(argv[4], NULL), diag);
    nenc_fpenv_leave(&env);
    return st < 0 ? st : tensor_list_write(&d->out, argv[3], diag);
}

int main(int argc, char **argv)
{
    static dump d;               /* its list is long */
    nenc_diag diag = { NENC_OK, "" };
    const bool exports = argc > 1 && !strcmp(argv[1], "--export");
    if (exports ? argc != 4 : argc != 5 && argc != 6) {
        fprintf(stderr, "usage: dump_train --export MODEL RAW\n"
                        "       dump_train RAW CROPS OUT LR [THREADS]\n");
        return 2;
    }
    nenc_arena_init(&d.arena, max_memory);
    d.out.arena = &d.arena;
    d.ops = nenc_codec_by_name("hyperprior")->train;
    const nenc_status st = run(&d, argv, argc > 5 ? (int)strtol(argv[5], NULL,
                                                                10) : 1, &diag);
    if (st < 0)
        fprintf(stderr, "dump_train: %s\n", diag.text);
    nenc_optim_close(d.optim);
    d.ops->close(d.trainer);
    nenc_pool_close(d.pool);
    nenc_arena_free(&d.arena);
    return st < 0;
}
