# SPDX-License-Identifier: BSD-2-Clause
"""PSNR and MS-SSIM written a second time, with numpy, for metrics.sh.

    ms_ssim.py make A.ppm B.ppm     write a test picture and a noisy copy
    ms_ssim.py A.ppm B.ppm          print PSNR and MS-SSIM
"""
import sys

import numpy as np


def write_ppm(path, x):
    with open(path, "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % (x.shape[1], x.shape[0]))
        f.write(x.tobytes())


def read_ppm(path):
    data = open(path, "rb").read()
    magic, width, height, peak = data.split(maxsplit=4)[:4]
    assert magic == b"P6" and peak == b"255"
    n = int(width) * int(height) * 3
    x = np.frombuffer(data[-n:], np.uint8)
    return x.reshape(int(height), int(width), 3)


def make(path_a, path_b):
    rng = np.random.default_rng(1)
    r, c = np.mgrid[0:203, 0:186].astype(float)
    waves = [np.sin(r / 9 + c / 5), np.cos(r * c / 900), np.sin(c / 31)]
    a = 127 + 90 * np.stack(waves, -1) + rng.normal(0, 12, (203, 186, 3))
    b = a * 0.9 + 20 + rng.normal(0, 17, a.shape)
    for path, x in ((path_a, a), (path_b, b)):
        write_ppm(path, np.clip(np.round(x), 0, 255).astype(np.uint8))


def blur(x):
    g = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5 ** 2))
    g /= g.sum()
    for axis in (0, 1):
        x = np.apply_along_axis(np.convolve, axis, x, g, mode="valid")
    return x


def halve(x):
    x = np.pad(x, [(n % 2, 0) for n in x.shape])
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def ms_ssim(a, b):
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    c1, c2 = 0.01 ** 2, 0.03 ** 2
    value = 1.0
    for scale, weight in enumerate(weights):
        ma, mb = blur(a), blur(b)
        va, vb = blur(a * a) - ma * ma, blur(b * b) - mb * mb
        term = (2 * (blur(a * b) - ma * mb) + c2) / (va + vb + c2)
        if scale == 4:
            term = term * (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
        value *= max(term.mean(), 0) ** weight
        a, b = halve(a), halve(b)
    return value


def main():
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
        return
    a, b = (read_ppm(path) / 255 for path in sys.argv[1:])
    psnr = -10 * np.log10(np.mean((a - b) ** 2))
    value = np.mean([ms_ssim(a[..., i], b[..., i]) for i in range(3)])
    print("%.4f %.6f" % (psnr, value))


main()
