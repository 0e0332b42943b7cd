#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Gradients of random networks in C beside PyTorch's.

    compare_nets_torch.py DUMP_NET FOLDER [SEED]

Every layer of the network text by itself, then in random networks with several
inputs and branches; PyTorch works in float64 (training/nettext.py).  Compared
are results and the gradients by all inputs and weights, each as the L2 norm of
the difference relative to the tensor's.  Prints "ok NAME" and "not ok NAME"
lines.
"""
import os
import subprocess
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'training'))
import nettext        # noqa: E402
import safetensors    # noqa: E402

DUMP_NET, FOLDER = sys.argv[1:3]
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
NETWORKS, MOST = 40, 1e-4
failures = 0


def verdict(name, good, note=''):
    global failures
    failures += not good
    print(f"{'ok' if good else 'not ok'} {name}{': ' if note else ''}{note}",
          flush=True)


# ---------------------------------------------------------------- comparison

def dump_net(text, tensors):
    src, dst = (os.path.join(FOLDER, n) for n in ('in', 'out'))
    safetensors.save(src, tensors, {'networks': text})
    p = subprocess.run([DUMP_NET, src, dst], capture_output=True, text=True)
    if p.returncode:
        raise SystemExit(f'not ok dump_net: {p.stderr}\n{text}')
    return safetensors.load(dst)[0]


def draw_weights(net, rng):
    """About as large as keeps values near 1; those of gdn are positive."""
    for name, p in net.named_parameters():
        what = name.rsplit('.', 1)[1]
        v = rng.normal(0, 1, p.shape)
        if what == 'gamma':
            v = np.abs(v) * 0.3 / np.sqrt(len(v)) + 0.01
        elif what == 'beta':
            v = np.abs(v) + 0.5
        elif p.dim() == 4:
            v /= np.sqrt(p.shape[1] * p.shape[2] * p.shape[3])
        elif what == 'bias':
            v *= 0.3
        p.data = torch.from_numpy(v.astype(np.float32)).double()


def relative(ours, theirs):
    size = np.linalg.norm(theirs)
    return np.linalg.norm(ours.reshape(theirs.shape) - theirs) / (size or 1.0)


def compare(text, shapes, rng):
    """@return [(relative error, tensor)]"""
    net = nettext.build(text).g.double()
    draw_weights(net, rng)
    inputs = {k: torch.from_numpy(rng.normal(0, 1, s).astype(np.float32))
              .double().requires_grad_() for k, s in shapes.items()}
    out = net(**inputs)
    seed = rng.normal(0, 1, out.shape).astype(np.float32)
    (out * torch.from_numpy(seed)).sum().backward()
    tensors = {'g.' + k: p.detach().float().numpy()
               for k, p in net.named_parameters()}
    tensors['seed'] = seed.transpose(0, 2, 3, 1)
    for k, v in inputs.items():
        tensors['input.' + k] = v.detach().float().numpy().transpose(0, 2, 3, 1)
    ours = dump_net(text, tensors)
    rows = [(relative(ours['out'].transpose(0, 3, 1, 2),
                      out.detach().numpy()), 'out')]
    for k, v in inputs.items():
        if v.grad is not None:
            rows.append((relative(ours['input.' + k].transpose(0, 3, 1, 2),
                                  v.grad.numpy()), 'input ' + k))
    for k, p in net.named_parameters():
        if p.grad is not None:
            rows.append((relative(ours['g.' + k], p.grad.numpy()), k))
    return rows


# -------------------------------------------------------------- single layers

CONVS = ['conv a 12', 'conv a 12 p=0', 'conv a 12 p=2', 'conv a 12 s=2',
         'conv a 12 s=3 p=2', 'conv a 12 k=5 s=2', 'conv a 12 k=5 s=4',
         'conv a 12 k=2 s=2 p=0', 'conv a 12 k=2 p=1', 'conv a 12 k=1',
         'conv a 12 k=1 s=2', 'conv a 70 k=7 s=3', 'conv a 12 g=2',
         'conv a 12 g=4 s=2', 'conv a 8 g=8', 'conv a 8 g=8 s=2 k=5',
         'conv a 16 g=8', 'linear a 12', 'deconv a 12 s=2',
         'deconv a 12 k=5 s=2', 'deconv a 12 k=5 s=3', 'deconv a 12 k=2 s=2 p=0',
         'deconv a 12 k=4 s=2 p=1', 'deconv a 12 k=3 s=1', 'deconv a 12 s=2 g=2',
         'deconv a 8 k=5 s=2 g=8']
POINTS = ['relu', 'lrelu 0.05', 'gelu', 'silu', 'sigmoid', 'tanh', 'softplus',
          'exp', 'abs', 'ssqrt', 'gdn a', 'igdn a', 'scale a']
MOVES = ['shuffle 2', 'unshuffle 2', 'unshuffle 3', 'pad 2 zero',
         'pad 2 replicate', 'pad 2 reflect', 'pad 3 symmetric', 'crop 2',
         'slice 2 5']
PAIRS = ['add b', 'mul b', 'add q2', 'mul q2', 'concat b', 'concat b q3 b',
         'add x', 'mul x']


def compare_singles(kind, lines, rng):
    """Each layer first, last, and between two convolutions."""
    worst, count = (0.0, ''), 0
    for line in lines:
        before = 'conv first 8 < x > f\n'
        if 'b' in line.split()[1:] or 'q2' in line:
            before = ('conv second 8 k=1 < x\ntanh > b\nconv third 8 k=1 < q > q2\n'
                      + before)
        if 'q3' in line:                 # concat wants all of one extent
            before = before.replace('conv third', 'slice 0 3 < x > q3\n'
                                    'conv third') if 'q2' in before else \
                'slice 0 3 < x > q3\nconv second 8 k=1 < x > b\n' + before
        for text in (f'{before}{line} < f\n',
                     f'{before}{line} < f\nconv last 9\n',
                     f'{line} < x\n' if len(before) < 24 else ''):
            if not text:
                continue
            text = 'net g\ninput x 8\ninput q 2\n' + text
            shapes = {'x': (2, 8, 12, 18 if 'unshuffle' not in line else 12),
                      'q': (2, 2, 1, 1)}
            rows = compare(text, shapes, rng)
            worst = max(worst, max(rows)[:1] + (f'{max(rows)[1]} of {line}',))
            count += len(rows)
    verdict(f'{kind}: {len(lines)} layers, {count} tensors', worst[0] < MOST,
            f'relative error at most {worst[0]:.1e} ({worst[1]})')


# ------------------------------------------------------------ random networks

class Author:
    """Writes a random text, and knows what shapes its values have."""

    def __init__(self, rng):
        self.rng, self.lines, self.used = rng, [], set()
        c = int(rng.integers(2, 13))
        h, w = (int(v) for v in rng.integers(6, 20, 2))
        self.shapes = {'x': (2, c, h, w), 'q': (2, 2, 1, 1)}
        self.taps = {'x': (c, h, w)}
        self.cur = (c, h, w)
        self.put('conv', f"conv l0 {rng.integers(2, 20)} < x",
                 (None, h, w))

    def put(self, op, line, shape):
        if shape[0] is None:
            shape = (int(line.split()[2]), *shape[1:])
        self.used.add(op)
        self.cur = shape
        name = f't{len(self.lines)}'
        self.lines.append(f'{line} > {name}')
        self.taps[name] = shape

    def weight(self):
        return f'l{len(self.lines)}'

    def draw(self, *options):
        return options[self.rng.integers(len(options))]

    def conv(self):
        (c, h, w), rng = self.cur, self.rng
        k, s = self.draw(1, 2, 3, 3, 5), self.draw(1, 1, 1, 2, 3)
        p, cout = int(rng.integers(0, k)), int(rng.integers(2, 20))
        g = self.draw(1, 1, 2, c)
        if c % g:
            g = 1
        cout = c if g == c and rng.random() < 0.7 else -(-cout // g) * g
        h, w = ((v + 2 * p - k) // s + 1 if v + 2 * p >= k else 0 for v in (h, w))
        if min(h, w) < 3 or max(h, w) > 40 or cout > 40:
            return
        self.put('conv', f'conv {self.weight()} {cout} k={k} s={s} p={p} g={g}',
                 (cout, h, w))

    def deconv(self):
        c, h, w = self.cur
        s, p = self.draw(1, 2, 3), self.draw(0, 1, 2)
        k = int(self.rng.integers(2 * p + 1, s + 2 * p + 1))
        g = self.draw(1, 1, 2, c)
        if c % g or max(h, w) * s > 40:
            return
        cout = c if g == c else g * int(self.rng.integers(1, 8))
        self.put('deconv', f'deconv {self.weight()} {cout} k={k} s={s} p={p} g={g}',
                 (cout, h * s, w * s))

    def linear(self):
        self.put('linear', f'linear {self.weight()} {self.rng.integers(2, 20)}',
                 (None, *self.cur[1:]))

    def norm(self):
        op = self.draw('gdn', 'igdn', 'scale')
        self.put(op, f'{op} {self.weight()}', self.cur)

    def point(self):
        line = self.draw(*POINTS[:10])
        if line == 'exp':                # of what is small
            self.put('tanh', 'tanh', self.cur)
        self.put(line.split()[0], line, self.cur)

    def move(self):
        (c, h, w), op = self.cur, self.draw('shuffle', 'unshuffle', 'pad', 'crop',
                                            'slice')
        n = int(self.rng.integers(1, 4))
        if op == 'shuffle' and c % (n * n) == 0 and max(h, w) * n <= 40:
            self.put(op, f'shuffle {n}', (c // n // n, h * n, w * n))
        elif op == 'unshuffle' and h % n == 0 and w % n == 0 \
                and c * n * n <= 40 and min(h, w) // n >= 3:
            self.put(op, f'unshuffle {n}', (c * n * n, h // n, w // n))
        elif op == 'pad' and max(h, w) < 34:
            mode = self.draw('zero', 'replicate', 'reflect', 'symmetric')
            if n < min(h, w):
                self.put(mode, f'pad {n} {mode}', (c, h + 2 * n, w + 2 * n))
        elif op == 'crop' and min(h, w) > 2 * n + 2:
            self.put(op, f'crop {n}', (c, h - 2 * n, w - 2 * n))
        elif op == 'slice' and c > 2:
            first = int(self.rng.integers(0, c - 1))
            count = int(self.rng.integers(1, c - first + 1))
            self.put(op, f'slice {first} {count}', (count, h, w))

    def pair(self):
        op, cur = self.draw('add', 'mul', 'concat'), self.cur
        names = [k for k, s in self.taps.items() if s[1:] == cur[1:]
                 and (op == 'concat' or s[0] == cur[0])]
        if op == 'concat':
            name = self.draw(*names)
            if cur[0] + self.taps[name][0] <= 40:
                self.put(op, f'concat {name}',
                         (cur[0] + self.taps[name][0], *cur[1:]))
            return
        last = f't{len(self.lines) - 1}'
        if self.rng.random() < 0.3:      # one pixel for all
            weight, tap = self.weight(), f't{len(self.lines)}'
            self.lines.append(f'conv {weight} {cur[0]} k=1 < q > {tap}')
            self.used.add('spread')
            self.put(op, f'{op} {tap} < {last}', cur)
        else:
            self.put(op, f'{op} {self.draw(*names)}', cur)

    def jump(self):
        """Go on from an earlier value."""
        name = self.draw(*self.taps)
        self.put('relu', f'relu < {name}', self.taps[name])

    def write(self):
        steps = [self.conv] * 4 + [self.deconv, self.linear, self.norm] \
            + [self.point] * 3 + [self.move] * 4 + [self.pair] * 4 + [self.jump]
        for _ in range(int(self.rng.integers(4, 14))):
            self.draw(*steps)()
        c = self.shapes['x'][1]
        return f'net g\ninput x {c}\ninput q 2\n' + '\n'.join(self.lines) + '\n'


def compare_random(rng):
    worst, count, used, longest, bad = (0.0, ''), 0, set(), 0, None
    for _ in range(NETWORKS):
        author = Author(rng)
        text = author.write()
        rows = compare(text, author.shapes, rng)
        used |= author.used
        count += len(rows)
        longest = max(longest, len(author.lines))
        worst = max(worst, max(rows))
        if max(rows)[0] >= MOST:
            bad = bad or text
    verdict(f'{NETWORKS} random networks of up to {longest} layers, {count} '
            'tensors', not bad,
            f'relative error at most {worst[0]:.1e} ({worst[1]})')
    if bad:
        print(bad)
    wanted = {'conv', 'deconv', 'linear', 'gdn', 'igdn', 'scale', 'add', 'mul',
              'concat', 'slice', 'shuffle', 'unshuffle', 'crop', 'spread', 'zero',
              'replicate', 'reflect', 'symmetric'} \
        | {line.split()[0] for line in POINTS[:10]}
    verdict('every layer was in some of them', wanted <= used,
            ' '.join(sorted(wanted - used)))


def main():
    torch.set_num_threads(2)
    rng = np.random.default_rng(SEED)
    compare_singles('convolutions', CONVS, rng)
    compare_singles('functions', POINTS, rng)
    compare_singles('moves', MOVES, rng)
    compare_singles('pairs', PAIRS, rng)
    compare_random(rng)
    return failures > 0


if __name__ == '__main__':
    sys.exit(main())
