#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A training step of the shipped hyperprior in C and in PyTorch, by turns.

    bench_train_torch.py BENCH_TRAIN THREADS [ROUNDS]

The same networks, batch and loss on both sides: forward, backward, clipping,
Adam and averages, in float32.  PyTorch runs as training/hyperprior.py runs it,
and once more with tensors channels last.
"""
import os
import subprocess
import sys
import time

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'training'))
import hyperprior     # noqa: E402

MODELS = os.path.join(HERE, '..', 'models')
BATCH, SIZE = 4, 256          # as in bench_train.c


class Torch:
    def __init__(self, layout):
        with open(os.path.join(MODELS, 'hyperprior.txt')) as f:
            text = f.read()
        self.model = hyperprior.Hyperprior(text, 7, (0.0015, 0.1))
        hyperprior.load_export(os.path.join(MODELS, 'hyperprior.safetensors'),
                               self.model)
        self.model.to(memory_format=layout)
        self.opt = torch.optim.Adam(hyperprior.groups_of(self.model, 1e-4),
                                    betas=(0.9, 0.99))
        self.ema = {k: p.detach().clone()
                    for k, p in self.model.named_parameters()}
        rng = np.random.default_rng(1)
        x = 0.5 + 0.1 * rng.uniform(-1, 1, (BATCH, 3, SIZE, SIZE))
        self.x = torch.from_numpy(x).float().to(memory_format=layout)
        self.t = torch.linspace(0, 1, BATCH)

    def step(self):
        start = time.perf_counter()
        yb, zb, out = self.model(self.x, self.t)
        bpp = (yb + zb) / SIZE ** 2
        mse = 255 ** 2 * ((out - self.x) ** 2).mean((1, 2, 3))
        lam = self.model.lambda_at(self.t)
        loss = ((bpp + lam * mse) * (lam / 0.01) ** -0.5).mean()
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            self.opt.step()
        with torch.no_grad():
            for k, p in self.model.named_parameters():
                self.ema[k].lerp_(p, 1e-3)
        return 1e3 * (time.perf_counter() - start)


def main():
    program, threads = sys.argv[1], int(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    torch.set_num_threads(threads)
    ours = subprocess.Popen(
        [program, str(threads), '--serve'], text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ, top_srcdir=os.path.join(HERE, '..')))

    def step_in_c():
        ours.stdin.write('\n')
        ours.stdin.flush()
        return float(ours.stdout.readline())
    plain, last = Torch(torch.contiguous_format), Torch(torch.channels_last)
    sides = {'C': step_in_c, 'PyTorch': plain.step,
             'PyTorch, channels last': last.step}
    times = {name: [] for name in sides}
    for i in range(-2, rounds):                 # two to warm up
        for name, step in sides.items():
            ms = step()
            if i >= 0:
                times[name].append(ms)
    ours.stdin.close()
    ours.wait()
    print(f'{threads} threads, {BATCH} of {SIZE}x{SIZE}, {rounds} steps each, '
          f'by turns; PyTorch {torch.__version__}')
    best, mid = min(times['C']), np.median(times['C'])
    for name, ms in times.items():
        print(f'  {name:24} {min(ms):8.1f} ms (median {np.median(ms):.1f})'
              + (f', C is {min(ms) / best:.2f} times as fast (median '
                 f'{np.median(ms) / mid:.2f})' if name != 'C' else ''))


if __name__ == '__main__':
    main()
