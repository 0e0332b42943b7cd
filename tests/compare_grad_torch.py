#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Likelihoods, losses and optimisers of the C library beside PyTorch's.

    compare_grad_torch.py DUMP_GRAD FOLDER

PyTorch works in float64 from the formulas of the papers, with derivatives by
autograd; C gets the same numbers through conformance/dump_grad.c.  Prints
"ok NAME" and "not ok NAME" lines.
"""
import math
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'training'))
import hyperprior     # noqa: E402

DUMP_GRAD, FOLDER = sys.argv[1:3]
LN2 = math.log(2)
failures = 0


# ------------------------------------------------------------------ verdicts

def verdict(name, good, note=''):
    global failures
    failures += not good
    print(f"{'ok' if good else 'not ok'} {name}{': ' if note else ''}{note}",
          flush=True)


def within(name, ours, theirs, tolerance, floor):
    """The largest difference, relative to each value or to `floor`."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    error = (np.abs(ours - theirs) / (np.abs(theirs) + floor)).max()
    verdict(name, ours.shape == theirs.shape and bool(error <= tolerance),
            f'largest error {error:.1e}')


def dump(kind, arrays, *numbers):
    src, dst = (os.path.join(FOLDER, n) for n in ('in', 'out'))
    np.concatenate([np.asarray(a, float).ravel() for a in arrays]).tofile(src)
    p = subprocess.run([DUMP_GRAD, kind, src, dst, *map(repr, numbers)],
                       capture_output=True, text=True)
    if p.returncode:
        raise SystemExit(f'not ok {kind}: {p.stderr}')
    return np.fromfile(dst)


def float32(a):
    return np.asarray(a, np.float32).astype(float)


def leaf(a):
    return torch.tensor(np.asarray(a, float), requires_grad=True)


# ------------------------------------------------------------- likelihoods

class LowerBound(torch.autograd.Function):
    """max(x, bound); a descent step may always leave the bound."""
    @staticmethod
    def forward(ctx, x, bound):
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * ((x >= ctx.bound) | (g < 0)), None


def gaussian_mass(v, s, beta):
    v = v.abs()

    def cdf(x):
        return 0.5 * torch.erfc(-x / math.sqrt(2))
    return cdf((0.5 - v) / s) - cdf((-0.5 - v) / s)


def laplace_mass(v, s, beta):
    v = -v.abs()

    def cdf(x):
        return torch.where(x < 0, 0.5 * torch.exp(x.clamp(max=0)),
                           1 - 0.5 * torch.exp(-x.clamp(min=0)))
    return cdf((v + 0.5) / s) - cdf((v - 0.5) / s)


def logistic_mass(v, s, beta):
    v = -v.abs()
    return torch.sigmoid((v + 0.5) / s) - torch.sigmoid((v - 0.5) / s)


def ggd_mass(v, s, beta):
    """By quadrature, since torch has no derivative of igamma by its first
    argument; nodes crowd at the end that is nearer to the peak."""
    u, w = np.polynomial.legendre.leggauss(400)
    u, w = (torch.from_numpy(a)[:, None] for a in ((u + 1) / 2, w / 2))

    def integral(lo, hi):
        t = lo + (hi - lo) * u ** 6
        return (w * 6 * u ** 5 * torch.exp(-t ** beta)).sum(0) * (hi - lo)
    v, zero = v.abs(), torch.zeros_like(v)
    lo, hi = (v - 0.5) / s, (v + 0.5) / s
    across = lo < 0
    mass = integral(torch.where(across, zero, lo), hi) \
        + torch.where(across, integral(zero, torch.where(across, -lo, 1 + zero)),
                      zero)
    return mass * beta / (2 * torch.exp(torch.lgamma(1 / beta)))


def compare_likelihood(kind, mass, scale_min, beta_range=(1, 1)):
    rng = np.random.default_rng(len(kind))
    n = 1000
    scale = np.exp(rng.uniform(math.log(scale_min / 4), math.log(60), n))
    beta = rng.uniform(*beta_range, n)
    v = rng.uniform(-1, 1, n) * np.where(rng.random(n) < 0.5, 5, 30) \
        * (np.maximum(scale, scale_min) + 0.2)
    v[:50] = rng.integers(-3, 4, 50)
    v, s, e = leaf(v), leaf(scale), leaf(beta)
    p = LowerBound.apply(mass(v, LowerBound.apply(s, scale_min), e), 1e-9)
    bits = -torch.log2(p)
    bits.sum().backward()
    rows = np.stack([x.detach().numpy() for x in (v, s, e)], 1)
    ours = dump(kind, [rows], scale_min, 1e-9).reshape(n, 4)
    bound = np.maximum(scale, scale_min)
    share = (p <= 1e-9).float().mean()
    within(f'{kind}: bits ({100 * share:.0f} % at the bound)', ours[:, 0],
           bits.detach().numpy(), 1e-7, 1e-3)
    within(f'{kind}: by the value', ours[:, 1] * bound,
           v.grad.numpy() * bound, 1e-6, 1e-3)
    within(f'{kind}: by the scale', ours[:, 2] * bound,
           s.grad.numpy() * bound, 1e-6, 1e-3)
    if beta_range[0] != beta_range[1]:
        within(f'{kind}: by beta', ours[:, 3], e.grad.numpy(), 1e-6, 1e-3)


def compare_training(kind, bits_of, v):
    rng = np.random.default_rng(3)
    scale = np.exp(rng.uniform(math.log(0.05), math.log(100), len(v)))
    x, s = leaf(v), leaf(scale)
    bits = bits_of(x, s)
    bits.sum().backward()
    ours = dump(kind, [np.stack([v, scale, 0 * v], 1)]).reshape(-1, 4)
    for i, (what, theirs) in enumerate((('bits', bits.detach()),
                                        ('by the value', x.grad),
                                        ('by the scale', s.grad))):
        within(f"training's {kind}: {what}", ours[:, i], theirs.numpy(), 1e-8,
               1e-4)


# -------------------------------------------------------------- factorized

def logits(matrices, biases, factors, v):
    """v [channels, 1, n]"""
    for k, (m, b) in enumerate(zip(matrices, biases)):
        v = F.softplus(m) @ v + b
        if k < 4:
            v = v + torch.tanh(factors[k]) * torch.tanh(v)
    return v


def compare_density(channels=5, n=200):
    rng = np.random.default_rng(4)
    widths = (1, 3, 3, 3, 3, 1)
    parts, kinds = [], ([], [], [])
    for k in range(5):
        shapes = ((widths[k + 1], widths[k]), (widths[k + 1], 1),
                  (widths[k + 1], 1))
        for kind, shape in enumerate(shapes[:3 if k < 4 else 2]):
            parts.append(leaf(float32(rng.normal(-0.7 if kind == 0 else 0, 0.7,
                                                 (channels, *shape)))))
            kinds[kind].append(parts[-1])
    values = leaf(rng.uniform(-1, 1, (n, channels))
                  * np.where(rng.random((n, 1)) < 0.8, 4, 60))
    v = values.t()[:, None]
    lower, upper = logits(*kinds, v - 0.5), logits(*kinds, v + 0.5)
    sign = -torch.sign(lower + upper).detach()
    p = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
    bits = -torch.log2(LowerBound.apply(p, 1e-9))
    bits.sum().backward()
    numpy = [p.detach().numpy() for p in (*parts, values)]
    ours = dump('density', numpy, 1e-9, channels)
    pairs = ours[:2 * n * channels].reshape(n, channels, 2)
    within('density: bits', pairs[..., 0], bits.detach()[:, 0].t().numpy(),
           1e-9, 1e-3)
    within('density: by the value', pairs[..., 1], values.grad.numpy(), 1e-8,
           1e-3)
    theirs = np.concatenate([p.grad.numpy().ravel() for p in parts])
    within(f'density: by {len(theirs)} parameters', ours[2 * n * channels:],
           theirs, 1e-6, 1e-3 * np.abs(theirs).max())


# ------------------------------------------------------------------ losses

def ms_ssim(x, y):
    """[n] of [n, c, h, w] in [0, 1]"""
    g = torch.exp(-(torch.arange(11, dtype=torch.float64) - 5) ** 2 / 4.5)
    g, c = g / g.sum(), x.shape[1]
    window = torch.outer(g, g).expand(c, 1, 11, 11)

    def mean(a):
        return F.conv2d(a, window, groups=c)
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    value = 1
    for i, weight in enumerate(weights):
        mx, my = mean(x), mean(y)
        xx, yy, xy = mean(x * x) - mx ** 2, mean(y * y) - my ** 2, \
            mean(x * y) - mx * my
        term = (2 * xy + 0.03 ** 2) / (xx + yy + 0.03 ** 2)
        if i == 4:
            term = term * (2 * mx * my + 0.01 ** 2) \
                / (mx ** 2 + my ** 2 + 0.01 ** 2)
        value = value * term.mean((2, 3)).clamp(min=0) ** weight
        pad = [s % 2 for s in x.shape[2:]]
        x, y = (F.avg_pool2d(a, 2, padding=pad) for a in (x, y))
    return value.mean(1)


LOSSES = {
    'mse': (lambda x, y: ((x - y) ** 2).mean((1, 2, 3)), 1e-6),
    'l1': (lambda x, y: (x - y).abs().mean((1, 2, 3)), 1e-6),
    'ms-ssim': (lambda x, y: 1 - ms_ssim(x, y), 2e-5),
}


def compare_loss(kind, noise, h, w):
    rng = np.random.default_rng(h)
    n, c = 2, 3
    row, column = np.mgrid[0:h, 0:w]
    y = 0.5 + 0.4 * np.sin(row / 9 + column / 23) * (column % 60 < 40)
    y = np.stack([np.stack([y, y ** 2, 1 - y], -1)] * n)
    y = float32(np.clip(y + rng.normal(0, 0.05, y.shape), 0, 1))
    x = float32(y + rng.normal(0, noise, y.shape))
    weight = float32(rng.uniform(0.1, 4, n))
    ours = dump(kind, [x, y, weight], n, h, w, c)
    a = leaf(x)
    loss, tolerance = LOSSES[kind]
    values = loss(a.permute(0, 3, 1, 2),
                  torch.from_numpy(y).permute(0, 3, 1, 2))
    (values * torch.from_numpy(weight)).sum().backward()
    name = f'{kind}, {w}x{h}, noise {noise}'
    within(f'{name}: value {float(values[0].detach()):.5f}', ours[:n],
           values.detach().numpy(), 1e-6, 0)
    theirs = a.grad.numpy()
    error = np.abs(ours[n:].reshape(theirs.shape) - theirs).max() \
        / np.abs(theirs).max()
    verdict(f'{name}: gradient', error < tolerance,
            f'largest error {error:.1e} of the largest')


# -------------------------------------------------------------- optimisers

def compare_optimiser(kind, max_norm, bad_step=None):
    rng = np.random.default_rng(6)
    steps, sizes, scale = 20, (40, 30), 2.5
    lr, betas, eps, decays = 0.02, (0.9, 0.99), 1e-8, (0.1, 0.0)
    p0 = float32(rng.normal(0, 1, sum(sizes)))
    grads = float32(rng.normal(0, 1, (steps, sum(sizes)))
                    * rng.choice([0.003, 1], (steps, 1)))
    if bad_step is not None:
        grads[bad_step, 3] = np.inf
    ours = dump(kind, [p0, grads], lr, *betas, eps, max_norm, 0.999, sizes[0],
                decays[0], sizes[1], decays[1], scale).reshape(steps, -1)
    params = [leaf(a) for a in np.split(p0, [sizes[0]])]
    groups = [dict(params=[p], lr=lr * k, weight_decay=d)
              for p, k, d in zip(params, (1, scale), decays)]
    make = torch.optim.AdamW if kind == 'adamw' else torch.optim.Adam
    opt = make(groups, betas=betas, eps=eps)
    ema, rows = [p.detach().clone() for p in params], []
    for step, g in enumerate(grads, 1):
        for p, part in zip(params, np.split(g, [sizes[0]])):
            p.grad = torch.from_numpy(part.copy())
        norm = torch.nn.utils.clip_grad_norm_(params, max_norm or math.inf)
        if torch.isfinite(norm):
            opt.step()
        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for e, p in zip(ema, params):
                e.lerp_(p, 1 - decay)
        rows.append(torch.cat([norm[None], *params, *ema]).detach().numpy())
    theirs = np.stack(rows)
    with np.errstate(invalid='ignore'):
        good = (ours[:, 0] == theirs[:, 0]) | (
            np.abs(ours[:, 0] / theirs[:, 0] - 1) < 1e-12)
    name = f'{kind}, ' + (f'clipped to {max_norm}' if max_norm else 'free') \
        + (', one step skipped' if bad_step is not None else '')
    verdict(f'{name}: norms', bool(good.all()))
    moved = np.abs(theirs[-1, 1:71] - p0).max()
    for what, part in (('values', slice(1, 71)), ('averages', slice(71, 141))):
        error = np.abs(ours[:, part] - theirs[:, part]).max()
        verdict(f'{name}: {what} of {steps} steps', error < 2e-6,
                f'largest error {error:.1e}, moved by {moved:.2f}')


def main():
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    compare_likelihood('gaussian', gaussian_mass, 0.11)
    compare_likelihood('laplace', laplace_mass, 0.05)
    compare_likelihood('logistic', logistic_mass, 0.05)
    compare_likelihood('ggd', ggd_mass, 0.12, (0.5, 4))
    rng = np.random.default_rng(2)
    compare_training('rounded', hyperprior.laplace_bits,
                     np.round(rng.laplace(0, 8, 2000)))
    compare_training('clamped', lambda v, b: hyperprior.located_bits(v, 0 * v, b),
                     rng.laplace(0, 30, 2000))
    compare_density()
    for kind in LOSSES:
        compare_loss(kind, 0.05, 176, 192)
    compare_loss('ms-ssim', 0.002, 161, 163)
    compare_loss('ms-ssim', 0.3, 165, 171)
    for kind in ('adam', 'adamw'):
        compare_optimiser(kind, 0)
        compare_optimiser(kind, 1.0)
        compare_optimiser(kind, 1.0, 7)
    return failures > 0


if __name__ == '__main__':
    sys.exit(main())
