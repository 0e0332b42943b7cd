# SPDX-License-Identifier: BSD-2-Clause
"""Picture metrics written a second time, from their definitions, with numpy.

    picture_metrics.py make FOLDER [KODAK]
        writes pairs NAME.a.pnm, NAME.b.pnm; from a folder of PNGs also
        crops of some, and what JPEG makes of them, if PIL is there
    picture_metrics.py A B
        prints PSNR, MS-SSIM, PSNR of Y'CbCr and SSIM
"""
import glob
import io
import os
import sys

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def write_pnm(path, x):
    magic = b"P6" if x.ndim == 3 else b"P5"
    with open(path, "wb") as f:
        f.write(magic + b"\n%d %d\n255\n" % (x.shape[1], x.shape[0]))
        f.write(x.tobytes())


def read_pnm(path):
    with open(path, "rb") as f:
        data = f.read()
    magic, width, height, peak = data.split(maxsplit=4)[:4]
    assert magic in (b"P5", b"P6") and peak == b"255"
    shape = int(height), int(width), 3 if magic == b"P6" else 1
    n = shape[0] * shape[1] * shape[2]
    return np.frombuffer(data[-n:], np.uint8).reshape(shape).astype(float)


# ------------------------------------------------------------------- metrics

def decibels(mse):
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255 ** 2 / np.asarray(mse))


def psnr(a, b):
    return decibels(np.mean((a - b) ** 2))


def yuv(x):
    """BT.709-6, item 3: luma, and color differences scaled to +-1/2."""
    kr, kb = 0.2126, 0.0722
    luma = np.array([kr, 1 - kr - kb, kb])
    red, blue = np.array([1, 0, 0]), np.array([0, 0, 1])
    rows = luma, (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    return x @ np.array(rows).T


def psnr_yuv(a, b):
    if a.shape[2] == 1 or (a == b).all():
        return psnr(a, b)
    planes = decibels(np.mean((yuv(a) - yuv(b)) ** 2, axis=(0, 1)))
    return np.dot(np.minimum(planes, 100), [6, 1, 1]) / 8


def ssim_maps(a, b):
    """Contrast times structure, and SSIM, at each place of the window, from
    deviations from each window's mean."""
    r = np.arange(11) - 5
    window = np.exp(-(r[:, None] ** 2 + r ** 2) / (2 * 1.5 ** 2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    cs, ssim = [], []

    def weigh(v):
        return np.einsum("nij,ij->n", v, window)

    for strip in range(a.shape[0] - 10):        # or it takes gigabytes
        va, vb = (sliding_window_view(x[strip:strip + 11], (11, 11))[0]
                  for x in (a, b))
        ma, mb = weigh(va), weigh(vb)
        da, db = va - ma[:, None, None], vb - mb[:, None, None]
        cs.append((2 * weigh(da * db) + c2)
                  / (weigh(da * da) + weigh(db * db) + c2))
        ssim.append(cs[-1] * (2 * ma * mb + c1) / (ma ** 2 + mb ** 2 + c1))
    return np.array(cs), np.array(ssim)


def halve(x):
    """Means of 2x2, with a row or column of zeros before an odd side."""
    h, w = ((n + 1) // 2 for n in x.shape)
    padded = np.zeros((2 * h, 2 * w))
    padded[-x.shape[0]:, -x.shape[1]:] = x
    return padded.reshape(h, 2, w, 2).mean(axis=(1, 3))


def similarity(a, b):
    """SSIM and MS-SSIM of one channel; NaN where it is too small."""
    if min(a.shape) < 11:
        return np.nan, np.nan
    cs, ssim = ssim_maps(a, b)
    first = ssim.mean()
    if min(a.shape) <= 160:
        return first, np.nan
    terms = [cs.mean()]
    for _ in range(4):
        a, b = halve(a), halve(b)
        cs, ssim = ssim_maps(a, b)
        terms.append(cs.mean())
    terms[-1] = ssim.mean()
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    return first, np.prod(np.maximum(terms, 0) ** weights)


def compare(path_a, path_b):
    a, b = read_pnm(path_a), read_pnm(path_b)
    ssim, ms_ssim = np.mean([similarity(a[..., i], b[..., i])
                             for i in range(a.shape[2])], axis=0)
    print("%.9f %.9f %.9f %.9f" % (psnr(a, b), ms_ssim, psnr_yuv(a, b), ssim))


# --------------------------------------------------------------------- pairs

def scene(h, w, rng):
    """Waves, an edge, a patch without any detail, noise."""
    r, c = np.mgrid[0:h, 0:w].astype(float)
    waves = [np.sin(r / 9 + c / 5), np.cos(r * c / 900), np.sin(c / 31)]
    x = 127 + 90 * np.stack(waves, -1)
    x[r + c > (h + w) / 2] *= 0.6
    x += rng.normal(0, 12, x.shape)
    x[h // 8:h // 3, w // 8:w // 3] = 240
    return x


def box_blur(x, n):
    for axis in (0, 1):
        x = np.mean([np.roll(x, i, axis) for i in range(-n, n + 1)], axis=0)
    return x


def blocks(x, n):
    h, w = (s // n * n for s in x.shape[:2])
    y = x.copy()
    means = x[:h, :w].reshape(h // n, n, w // n, n, -1).mean(axis=(1, 3))
    y[:h, :w] = means.repeat(n, 0).repeat(n, 1).reshape(y[:h, :w].shape)
    return y


def made_pairs():
    rng = np.random.default_rng(1)

    def noise(x, sigma):
        return x + rng.normal(0, sigma, x.shape)

    a = scene(203, 186, rng)
    yield "equal", a, a
    yield "noise", a, noise(a * 0.9 + 20, 17)
    yield "blur", a, box_blur(a, 2)
    yield "blocks", a, blocks(a, 8)
    yield "shift", a, np.roll(a, 2, 1)
    yield "negative", a, 255 - a
    yield "chroma", a, a + [9, -9 * 0.2126 / 0.7152, 0]
    yield "steps", a, np.round(a / 32) * 32
    gray = a[..., 0]
    yield "gray", gray, noise(gray, 5)
    for name, h, w in (("odd", 161, 175), ("small", 160, 331),
                       ("window", 11, 12), ("tiny", 3, 5), ("pixel", 1, 1)):
        a = scene(h, w, rng)
        yield name, a, noise(a, 8)


def kodak_pairs(folder):
    from PIL import Image
    names = sorted(glob.glob(os.path.join(folder, "*.png")))
    for i, (name, quality) in enumerate(zip(names[::6], (10, 35, 70, 95))):
        x = Image.open(name).convert("RGB").crop((64, 64, 64 + 200 + i, 264))
        coded = io.BytesIO()
        x.save(coded, "JPEG", quality=quality)
        yield "kodak%d" % i, np.array(x), np.array(Image.open(coded))


def make(folder, kodak=None):
    pairs = list(made_pairs())
    try:
        pairs += kodak_pairs(kodak) if kodak else []
    except ImportError:
        print("no PIL (Debian: python3-pil): without JPEG", file=sys.stderr)
    for name, *both in pairs:
        for letter, x in zip("ab", both):
            write_pnm(os.path.join(folder, "%s.%s.pnm" % (name, letter)),
                      np.clip(np.round(x), 0, 255).astype(np.uint8))


if __name__ == "__main__":
    make(*sys.argv[2:]) if sys.argv[1] == "make" else compare(*sys.argv[1:])
