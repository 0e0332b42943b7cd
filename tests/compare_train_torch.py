#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ten steps of training the shipped hyperprior in C beside PyTorch's.

    compare_train_torch.py DUMP_TRAIN FOLDER

Both start from the same weights and see the same crops, which are made here.
Losses of all steps are compared in float32; the first step's gradients with
PyTorch's in float64.  A latent near the edge of a rounding step could become
another symbol in another arithmetic, and then gradients are those of another
function: the first step's pictures are therefore the ones, of many, whose
latents stay farthest from such edges, and how far that is, is said.  Prints
"ok NAME" and "not ok NAME" lines.
"""
import os
import subprocess
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'training'))
import hyperprior     # noqa: E402
import safetensors    # noqa: E402

DUMP_TRAIN, FOLDER = sys.argv[1:3]
MODELS = os.path.join(HERE, '..', 'models')
STEPS, BATCH, SIZE, CANDIDATES, LR = 10, 2, 64, 8, 2e-4
failures = 0


def verdict(name, good, note=''):
    global failures
    failures += not good
    print(f"{'ok' if good else 'not ok'} {name}{': ' if note else ''}{note}",
          flush=True)


def at(name):
    return os.path.join(FOLDER, name)


def dump_train(*args):
    p = subprocess.run([DUMP_TRAIN, *map(str, args)], capture_output=True,
                       text=True)
    if p.returncode:
        raise SystemExit(f'not ok dump_train: {p.stderr}')


# ------------------------------------------------------------------ pictures

def picture(rng):
    """[size, size, 3] in [0, 1]: waves, an edge, some noise."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    out = np.zeros((SIZE, SIZE, 3))
    for _ in range(5):
        fy, fx = rng.normal(0, 1.5 * 4 ** rng.random(), 2)
        wave = np.sin(2 * np.pi * (fy * y + fx * x + rng.random()))
        out += wave[..., None] * rng.normal(0, 0.12, 3)
    edge = rng.normal() * (y - rng.random()) + rng.normal() * (x - rng.random())
    out += (edge > 0)[..., None] * rng.normal(0, 0.2, 3)
    out += rng.normal(0, 0.02 * rng.random(), out.shape)
    return np.clip(out + rng.uniform(0.3, 0.7, 3), 0, 1).astype(np.float32)


# -------------------------------------------------------------------- models

class Watched:
    """In place of hyperprior.Round: keeps what is rounded."""
    def __init__(self, inner):
        self.inner, self.seen = inner, []

    def apply(self, v, dead):
        self.seen.append((v.detach(), dead))
        return self.inner.apply(v, dead)


watched = hyperprior.Round = Watched(hyperprior.Round)


def make_model(raw, dtype):
    meta = safetensors.load(raw)[1]
    model = hyperprior.Hyperprior(meta['networks'], 7,
                                  (float(meta['lambda_min']),
                                   float(meta['lambda_max'])))
    hyperprior.load_export(raw, model)
    for m in model.modules():       # nettext's detour helps float32 alone
        if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (1, 1) \
                and dtype == torch.float64:
            m.dilation = (1, 1)
    return model.to(dtype)


def name_in_c(name):
    return {'gain': 'y.gain', 'inverse': 'y.inverse_gain', 'z_mean': 'z.mean',
            'z_scale': 'z.scale'}.get(name, name.replace('nets.', '', 1))


def losses_of(model, x, t):
    """As training/hyperprior.py has it."""
    yb, zb, out = model(x, t)
    bpp = (yb + zb) / SIZE ** 2
    mse = 255 ** 2 * ((out - x) ** 2).mean((1, 2, 3))
    lam = model.lambda_at(t)
    loss = ((bpp + lam * mse) * (lam / 0.01) ** -0.5).mean()
    return loss, bpp.mean(), mse.mean()


def tensors_of(x, t, dtype):
    return (torch.from_numpy(x).permute(0, 3, 1, 2).to(dtype),
            torch.from_numpy(t).to(dtype))


def rounded(model, x, t, dtype):
    """[batch, latents]: |v| + 0.5 - dead zone of all z and y, float64"""
    watched.seen.clear()
    with torch.no_grad():
        model(*tensors_of(x, t, dtype))
    return torch.cat([(v.double().abs() + 0.5 - dead).flatten(1)
                      for v, dead in watched.seen], 1)


# --------------------------------------------------------------- comparisons

def pick_first(single, double, rng):
    """The candidates farthest from the edges of rounding, and how far, in
    units of what float32 differs by from float64."""
    x = np.stack([picture(rng) for _ in range(CANDIDATES)])
    t = rng.random(CANDIDATES).astype(np.float32)
    exact = rounded(double, x, t, torch.float64)
    error = (rounded(single, x, t, torch.float32) - exact).abs().amax(1)
    edge = exact.round().clamp(min=1)       # 0 is never reached
    margin = (exact - edge).abs().amin(1)
    best = torch.argsort(-margin / error)[:BATCH].numpy()
    verdict(f'the first step: no symbol of {BATCH * exact.shape[1]} in doubt',
            bool((margin / error)[best].min() > 5),
            ', '.join(f'the nearest is {margin[i]:.1e} from an edge, float32 off '
                      f'by {error[i]:.1e}' for i in best))
    return x[best], t[best]


def compare_gradients(ours, single, double, x, t):
    theirs = {}
    for model, dtype in ((single, torch.float32), (double, torch.float64)):
        model.zero_grad(set_to_none=True)
        losses_of(model, *tensors_of(x, t, dtype))[0].backward()
        theirs[dtype] = {name_in_c(k): p.grad.double().numpy()
                         for k, p in model.named_parameters()
                         if p.grad is not None}     # previews have none
    verdict('the same parameters are trained', set(theirs[torch.float64]) == {
        k[5:] for k in ours if k.startswith('grad.')})
    rows = []
    for name, want in theirs[torch.float64].items():
        size = np.linalg.norm(want) or 1.0
        rows.append((np.linalg.norm(ours['grad.' + name].reshape(want.shape)
                                    - want) / size,
                     np.linalg.norm(theirs[torch.float32][name] - want) / size,
                     name))
    rows.sort(reverse=True)
    worst, middle = rows[0], rows[len(rows) // 2]
    verdict(f'gradients of {len(rows)} tensors, against float64',
            bool(worst[0] < 1e-4),
            f'relative error at most {worst[0]:.1e} ({worst[2]}), median '
            f"{middle[0]:.1e}; PyTorch's float32: at most "
            f'{max(r[1] for r in rows):.1e}')


def compare_steps(ours, model, x, t):
    opt = torch.optim.Adam(hyperprior.groups_of(model, LR), betas=(0.9, 0.99))
    for g in opt.param_groups:
        g['lr'] = LR * g['scale']
    start = {k: p.detach().clone() for k, p in model.named_parameters()}
    losses, norms = [], []
    for i in range(STEPS):
        loss = losses_of(model, *tensors_of(x[i], t[i], torch.float32))
        opt.zero_grad(set_to_none=True)
        loss[0].backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(),
                                                          1.0)))
        opt.step()
        losses.append([float(v.detach()) for v in loss])
    for i, what in enumerate(('loss', 'bpp', 'mse')):
        theirs = np.array([row[i] for row in losses])
        error = np.abs(ours['losses'][:, i] / theirs - 1)
        verdict(f'{what} of {STEPS} steps, {theirs[0]:.4f} to {theirs[-1]:.4f}',
                bool((error < (1e-4 if i == 0 else 1e-3)).all()),
                f'relative error at most {error.max():.1e}, of the first '
                f'{error[0]:.1e}')
    error = np.abs(ours['norms'] / norms - 1)
    verdict("the gradients' norms", bool((error < 1e-2).all()),
            f'relative error at most {error.max():.1e}, of the first '
            f'{error[0]:.1e}')
    moved = apart = 0.0
    for k, p in model.named_parameters():
        if p.grad is None:
            continue
        end = torch.from_numpy(ours['value.' + name_in_c(k)].copy())
        moved += float(((p - start[k]) ** 2).sum())
        apart += float(((p - end.reshape(p.shape)) ** 2).sum())
    share = (apart / moved) ** 0.5
    verdict('parameters after them', share < 0.1,
            f'apart by {share:.1e} of the way they went')


def compare_threads():
    files = []
    for threads in (1, 3):
        dump_train(at('raw'), at('crops'), at('out'), LR, threads)
        with open(at('out'), 'rb') as f:
            files.append(f.read())
    verdict('one and three threads: the same bits', files[0] == files[1])


def main():
    torch.set_num_threads(2)
    rng = np.random.default_rng(5)
    dump_train('--export', os.path.join(MODELS, 'hyperprior.safetensors'),
               at('raw'))
    tensors, meta = safetensors.load(at('raw'))
    single = make_model(at('raw'), torch.float32)
    double = make_model(at('raw'), torch.float64)
    # the dead zones, which are not the same for all channels there
    tensors['y.dead'] = single.dead.numpy().ravel()
    safetensors.save(at('raw'), tensors, meta)
    x0, t0 = pick_first(single, double, rng)
    x = np.stack([x0] + [np.stack([picture(rng) for _ in range(BATCH)])
                         for _ in range(STEPS - 1)])
    t = np.stack([t0] + [rng.random(BATCH).astype(np.float32)
                         for _ in range(STEPS - 1)])
    safetensors.save(at('crops'), {'x': x, 't': t}, {})
    dump_train(at('raw'), at('crops'), at('out'), LR)
    ours = safetensors.load(at('out'))[0]
    compare_gradients(ours, single, double, x0, t0)
    compare_steps(ours, single, x, t)
    compare_threads()
    return failures > 0


if __name__ == '__main__':
    sys.exit(main())
