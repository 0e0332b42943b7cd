#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Give a model a network for previews of an eighth of the size:

    fit_preview.py MODEL IMAGES -o OUT [--dump build/dump] [--images N]

One 3x3 convolution from the latents to 2x2 pixels of three colours, fitted by
least squares to pictures that were scaled down by means of 8x8.  It is no part
of the model's identity: streams stay what they are.  Needs numpy, PIL, and the
program `dump` of a build.
"""
import argparse
import glob
import os
import subprocess
import tempfile

import numpy as np
from PIL import Image

import safetensors

TEXT = '''net p_s                           # y [h/16, w/16, 288] -> x [h/8, w/8, 3]
  input y 288
  conv preview 12
  shuffle 2
'''
QUALITIES = 10, 35, 60, 90


def inverse_gain(tensors, quality):
    """As the decoder has it: interpolated between points, as logarithms."""
    log = tensors['y.inverse_gain'].astype(np.float64)
    at = quality / 100 * (len(log) - 1)
    i = min(int(at), len(log) - 2)
    return np.exp(log[i] + (log[i + 1] - log[i]) * (at - i))


def latents(dump, model, picture, quality, tensors):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'dump')
        subprocess.run([dump, model, picture, '-o', path, '-q', str(quality)],
                       check=True)
        found = safetensors.load(path)[0]
    y = found['y.symbols'] + found['y.means'].astype(np.float64)
    return y * inverse_gain(tensors, quality)


def rows(y):
    """[positions, 9 c + 1]: the neighbourhood of each, and 1."""
    h, w, c = y.shape
    wide = np.zeros((h + 2, w + 2, c))
    wide[1:-1, 1:-1] = y
    parts = [wide[i:i + h, j:j + w].reshape(h * w, c)
             for i in range(3) for j in range(3)]
    return np.concatenate(parts + [np.ones((h * w, 1))], 1)


def targets(image, h, w):
    """[positions, 12]: colour by colour, 2x2 means of 8x8 pixels, edges
    repeated; the same order as `shuffle 2` reads."""
    x = np.asarray(image, np.float64) / 255 - 0.5
    x = np.pad(x, ((0, 16 * h - x.shape[0]), (0, 16 * w - x.shape[1]), (0, 0)),
               'edge')
    x = x.reshape(h, 2, 8, w, 2, 8, 3).mean((2, 5))
    return x.transpose(0, 2, 4, 1, 3).reshape(h * w, 12)


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('model')
    p.add_argument('folder')
    p.add_argument('-o', '--output', required=True)
    p.add_argument('--dump', default='build/dump')
    p.add_argument('--images', type=int, default=100)
    a = p.parse_args()
    tensors, meta = safetensors.load(a.model)
    paths = sorted(glob.glob(os.path.join(a.folder, '*.webp'))
                   + glob.glob(os.path.join(a.folder, '*.png')))
    paths = paths[::max(1, len(paths) // a.images)][:a.images]
    n = 9 * len(tensors['y.inverse_gain'][0]) + 1
    xx, xt, count, power = np.zeros((n, n)), np.zeros((n, 12)), 0, 0.0
    for i, path in enumerate(paths):
        image = Image.open(path).convert('RGB')
        with tempfile.NamedTemporaryFile(suffix='.ppm') as f:
            image.save(f.name)
            y = latents(a.dump, a.model, f.name, QUALITIES[i % len(QUALITIES)],
                        tensors)
        x, t = rows(y), targets(image, *y.shape[:2])
        xx += x.T @ x
        xt += x.T @ t
        count += len(x)
        power += (t * t).sum()
    xx[np.arange(n), np.arange(n)] += 1e-4 * count
    weight = np.linalg.solve(xx, xt)
    error = (power - 2 * (weight * xt).sum()
             + (weight * (xx @ weight)).sum()) / (12 * count)
    print(f'{len(paths)} pictures, {count} positions, '
          f'PSNR {-10 * np.log10(error):.2f} dB')
    kernel = weight[:-1].reshape(3, 3, -1, 12).transpose(3, 2, 0, 1)
    tensors['p_s.preview.weight'] = kernel.astype(np.float16)
    tensors['p_s.preview.bias'] = weight[-1].astype(np.float32)
    meta['net.p_s'] = TEXT
    safetensors.save(a.output, tensors, meta)


if __name__ == '__main__':
    main()
