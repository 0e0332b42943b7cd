#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Models run by the C programs and by PyTorch, side by side.

    compare_torch.py NMODEL DUMP FOLDER

Three parts: CompressAI's architectures, written down here a second time with
torch.nn and brought in by `nmodel import`; the networks of
models/hyperprior.txt, exported by training/ and brought in by `nmodel build`;
every kind of layer of the network text alone.  Weights are drawn at random
and read back from the model file, so that both sides use the same numbers.
Prints "ok NAME" and "not ok NAME" lines.
"""
import math
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'training'))
import hyperprior     # noqa: E402
import nettext        # noqa: E402
import safetensors    # noqa: E402

NMODEL, DUMP, FOLDER = sys.argv[1:4]
TOLERANCE = 1e-4      # of floats, relative to the largest of their tensor
EDGE = 1e-3           # distance from a rounding boundary that excuses
SHARE = 5e-3          # of symbols that may need the excuse
failures = 0


# ------------------------------------------------------------------ verdicts

def verdict(name, good, note=''):
    global failures
    failures += not good
    print(f"{'ok' if good else 'not ok'} {name}{': ' if note else ''}{note}",
          flush=True)


def close(name, ours, theirs, tolerance=TOLERANCE):
    """Floats: the largest difference, relative to the largest value."""
    if ours.shape != theirs.shape:
        verdict(name, False, f'shapes {ours.shape} and {theirs.shape}')
        return
    error = np.abs(ours.astype(float) - theirs).max() / np.abs(theirs).max()
    verdict(name, error <= tolerance and np.isfinite(error),
            f'largest error {error:.1e} of {np.abs(theirs).max():.3g}')


def integers(name, ours, floats):
    """Symbols against floats that round to them."""
    theirs = np.round(floats)
    off = ours != theirs
    edge = np.abs(np.abs(floats - np.floor(floats)) - 0.5) < EDGE
    excused = off & edge & (np.abs(ours - floats) < 0.5 + EDGE)
    verdict(name, not (off & ~excused).any() and off.mean() <= SHARE
            and ours.std() > 0.3,
            f'{ours.size} of deviation {ours.std():.2f}, {off.sum()} at '
            'boundaries')


def indices(name, ours, scales, thresholds):
    """Table indices against scales; excused are scales beside a threshold."""
    theirs = (scales[..., None] > thresholds).sum(-1)
    off = ours != theirs
    beside = np.abs(scales[..., None] - thresholds).min(-1) < EDGE * (
        np.abs(scales) + 0.1)
    verdict(name, not (off & ~beside).any() and off.mean() <= SHARE
            and len(np.unique(ours)) > 3,
            f'{len(np.unique(ours))} of {len(thresholds) + 1} in use, '
            f'{off.sum()} at boundaries')


# --------------------------------------------------------- files, programs

def path(name):
    return os.path.join(FOLDER, name)


def run(*args):
    p = subprocess.run(args, capture_output=True, text=True)
    if p.returncode:
        raise SystemExit(f'not ok {" ".join(args)}: {p.stderr}')


def picture(name, height, width, seed):
    """A smooth picture with edges and grain, as a file and as a tensor."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    a = np.stack([128 + 90 * np.sin(x / 9 + k) * np.cos(y / (7 + 3 * k))
                  + 60 * ((x - 50) ** 2 + (y - 30) ** 2 < 400)
                  for k in range(3)], -1)
    a = np.clip(a + rng.normal(0, 8, a.shape), 0, 255).round().astype(np.uint8)
    with open(path(name), 'wb') as f:
        f.write(b'P6\n%d %d\n255\n' % (width, height) + a.tobytes())
    return torch.from_numpy(a.astype(np.float32) / 255).permute(2, 0, 1)[None]


def padded(x, stride):
    """The edges repeated up to a multiple of the stride."""
    h, w = x.shape[2:]
    return F.pad(x, (0, -w % stride, 0, -h % stride), 'replicate')


def dump(model, image, quality=50):
    run(DUMP, path(model), path(image), '-o', path('dump'), '-q', str(quality))
    return safetensors.load(path('dump'))[0]


def nchw(a):
    return torch.from_numpy(a.astype(np.float32)).permute(2, 0, 1)[None]


def nhwc(t):
    return t[0].permute(1, 2, 0).numpy()


# -------------------------------------------------------------------- tables

def tables(model, what):
    """[(offset, frequencies)]"""
    out, at = [], 0
    freqs = model[what + '.freqs'].astype(np.int64)
    for n, offset in zip(model[what + '.lengths'], model[what + '.offsets']):
        out.append((int(offset), freqs[at:at + n]))
        at += n
    assert at == len(freqs)
    return out


def check_tables(name, tables, mass, limit):
    """`mass(i, lo, hi)`: of table i between two reals.  Frequencies are the
    rounded probabilities, at least 1, but for the counts that bring the sum
    to 65536.  `limit`: bits a symbol that the integers may lose."""
    extra, lost, good = 0, 0.0, True
    for i, (offset, f) in enumerate(tables):
        edges = offset - 0.5 + np.arange(len(f))
        p = np.array([mass(i, a, b) for a, b in zip(edges, edges[1:])]
                     + [mass(i, -np.inf, edges[0])
                        + mass(i, edges[-1], np.inf)])
        expect = np.maximum(np.floor(p * 65536 + 0.5), 1)
        needed = abs(expect.sum() - 65536)
        # a probability at a rounding boundary may go either way
        extra = max(extra, np.abs(f - expect).sum() - needed)
        kept = p > 0
        lost = max(lost, (p[kept] * np.log2(p[kept] * 65536 / f[kept])).sum())
        good &= bool(f.sum() == 65536 and f.min() >= 1
                     and abs(p.sum() - 1) < 1e-6)
    verdict(name, good and extra <= 2 and lost < limit,
            f'{len(tables)} tables, {extra:.0f} counts unexplained, '
            f'at most {lost:.4f} bit a symbol lost')


def normal_mass(scale, lo, hi):
    """Of the zero-mean Gaussian, in the accurate tail."""
    if lo > 0:
        lo, hi = -hi, -lo
    upper = 0.5 * math.erfc(-hi / scale / math.sqrt(2))
    return upper - 0.5 * math.erfc(-lo / scale / math.sqrt(2))


def laplace_mass(mean, b, lo, hi):
    lo, hi = lo - mean, hi - mean
    if lo > 0:
        lo, hi = -hi, -lo
    if hi <= 0:
        return 0.5 * (math.exp(hi / b) - math.exp(lo / b))
    return 1 - 0.5 * math.exp(lo / b) - 0.5 * math.exp(-hi / b)


def scale_grid(n, lo, hi):
    return np.exp(np.linspace(math.log(lo), math.log(hi), n))


# --------------------------------------------- CompressAI's models, again

class Gdn(nn.Module):
    """beta and gamma are stored as roots, with a pedestal."""
    PEDESTAL = 2.0 ** -36

    def __init__(self, channels, inverse=False):
        super().__init__()
        self.beta = nn.Parameter(torch.rand(channels) + 0.5)
        self.gamma = nn.Parameter(
            0.3 * torch.eye(channels)
            + 0.05 * torch.randn(channels, channels))
        self.inverse, self.folded = inverse, None

    def fold(self):
        p = self.PEDESTAL
        beta = self.beta.double().clamp(min=math.sqrt(1e-6 + p)) ** 2 - p
        gamma = self.gamma.double().clamp(min=math.sqrt(p)) ** 2 - p
        return beta.detach().numpy(), gamma.detach().numpy()

    def forward(self, x):
        beta, gamma = self.folded
        norm = F.conv2d(x * x, gamma[:, :, None, None], beta)
        return x * norm.sqrt() if self.inverse else x * norm.rsqrt()


def down(cin, cout, k=5, s=2):
    return nn.Conv2d(cin, cout, k, s, k // 2)


def up(cin, cout, k=5, s=2):
    return nn.ConvTranspose2d(cin, cout, k, s, k // 2, s - 1)


class Bottleneck(nn.Module):
    """The factorized density's parameters, under either of their names."""
    WIDTHS = (1, 3, 3, 3, 3, 1)

    def __init__(self, channels, style):
        super().__init__()
        w = self.WIDTHS
        names = {'old': ('_matrix{}', '_bias{}', '_factor{}'),
                 'new': ('matrices.{}', 'biases.{}', 'factors.{}')}[style]
        self.parts, self.style = {}, names
        for k in range(5):
            start = math.log(math.expm1(0.6 / w[k + 1]))
            self.put(0, k, start + 0.2 * torch.randn(channels, w[k + 1], w[k]))
            self.put(1, k, torch.rand(channels, w[k + 1], 1) - 0.5)
            if k < 4:
                self.put(2, k, 0.5 * torch.randn(channels, w[k + 1], 1))

    def put(self, kind, k, value):
        self.parts[self.style[kind].format(k)] = value

    def part(self, kind, k, c):
        return self.parts[self.style[kind].format(k)][c].double().numpy()

    def logit(self, c, v):
        if math.isinf(v):
            return v
        x = np.array([[v]])
        for k in range(5):
            x = np.logaddexp(0, self.part(0, k, c)) @ x + self.part(1, k, c)
            if k < 4:
                x = x + np.tanh(self.part(2, k, c)) * np.tanh(x)
        return float(x[0, 0])

    def mass(self, c, lo, hi):
        def sigmoid(x):
            if x < 0:
                return math.exp(x) / (1 + math.exp(x))
            return 1 / (1 + math.exp(-x))
        lo, hi = self.logit(c, lo), self.logit(c, hi)
        return sigmoid(hi) - sigmoid(lo) if lo + hi < 0 \
            else sigmoid(-lo) - sigmoid(-hi)


class Compressai(nn.Module):
    def __init__(self, kind, n, m, style):
        super().__init__()
        self.kind = kind
        self.g_a = nn.Sequential(
            down(3, n), Gdn(n), down(n, n), Gdn(n), down(n, n), Gdn(n),
            down(n, m))
        self.g_s = nn.Sequential(
            up(m, n), Gdn(n, True), up(n, n), Gdn(n, True), up(n, n),
            Gdn(n, True), up(n, 3))
        means = kind == 'mbt2018-mean'
        act = nn.LeakyReLU if means else nn.ReLU
        if kind != 'bmshj2018-factorized':
            self.h_a = nn.Sequential(
                down(m, n, 3, 1), act(), down(n, n), act(), down(n, n))
            mid, wide, last = (m, m * 3 // 2, 2 * m) if means else (n, n, m)
            tail = [] if means else [nn.ReLU()]
            self.h_s = nn.Sequential(
                up(n, mid), act(), up(mid, wide), act(),
                down(wide, last, 3, 1), *tail)
        self.entropy_bottleneck = Bottleneck(
            m if kind == 'bmshj2018-factorized' else n, style)

    def convs(self):
        return [(k, m) for k, m in self.named_modules()
                if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]

    def spread(self, x):
        """Scale the last layers so that symbols have a useful range."""
        def fit(net, x, wanted, offset=0.0):
            last = [m for m in net if hasattr(m, 'weight')][-1]
            out = net(x)
            part = wanted / out.std()
            last.weight *= part
            last.bias *= part
            last.bias += offset - (out * part).mean() + torch.randn(
                last.bias.shape) * wanted / 3
            return net(x)
        fold(self)
        y = fit(self.g_a, x, 4.0)
        if self.kind != 'bmshj2018-factorized':
            hyper = y.abs() if self.kind == 'bmshj2018-hyperprior' else y
            z = fit(self.h_a, hyper, 3.0)
            fit(self.h_s, z, 2.0, 1.5)
        fit(self.g_s, y, 0.3, 0.5)

    def state(self, quantiles):
        out = {k: v.detach().numpy() for k, v in self.state_dict().items()}
        for k, v in self.entropy_bottleneck.parts.items():
            out['entropy_bottleneck.' + k] = v.numpy()
        if quantiles is not None:
            out['entropy_bottleneck.quantiles'] = quantiles
        return out


def fold(model):
    for m in model.modules():
        if isinstance(m, Gdn):
            m.folded = [torch.from_numpy(a).float() for a in m.fold()]


def read_back(name, model, tensors):
    """Take the file's float16 numbers; they must be the rounded ones."""
    good, count = True, 0
    for key, m in model.named_modules():
        if not (isinstance(m, Gdn) or hasattr(m, 'weight')):
            continue
        net, index = key.split('.')
        if isinstance(m, Gdn):
            parts = dict(zip(('beta', 'gamma'), m.fold()))
        else:
            parts = dict(weight=m.weight.detach().numpy(),
                         bias=m.bias.detach().numpy())
        got = {}
        for part, value in parts.items():
            stored = tensors[f'{net}.l{index}.{part}']
            got[part] = torch.from_numpy(stored.astype(np.float32))
            good &= stored.dtype == np.float16 and np.allclose(
                stored.astype(float), value, rtol=2 ** -10.9, atol=2.0 ** -24)
            count += value.size
        if isinstance(m, Gdn):
            m.folded = got['beta'], got['gamma']
        else:
            m.weight.copy_(got['weight'])
            m.bias.copy_(got['bias'])
    verdict(name, good, f'{count} weights')


def random_quantiles(bottleneck, channels, rng):
    """Medians where the density has one, ends anywhere sensible."""
    q = np.empty((channels, 1, 3), np.float32)
    for c in range(channels):
        lo, hi = -1e3, 1e3
        for _ in range(60):
            v = (lo + hi) / 2
            lo, hi = (v, hi) if bottleneck.logit(c, v) < 0 else (lo, v)
        q[c, 0] = lo - rng.uniform(9, 40), lo, lo + rng.uniform(9, 40)
    return q


def compare_compressai(kind, style, with_quantiles, n, m, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x = picture('picture.ppm', 64, 128, seed)
    net = Compressai(kind, n, m, style)
    net.spread(x)
    bottleneck = net.entropy_bottleneck
    channels = m if kind == 'bmshj2018-factorized' else n
    quantiles = random_quantiles(bottleneck, channels, rng) \
        if with_quantiles else None
    safetensors.save(path('state'), net.state(quantiles), {})
    run(NMODEL, 'import', path('state'), '-f', '-o', path('model'))
    model = safetensors.load(path('model'))[0]
    c = dump('model', 'picture.ppm')
    read_back(f'{kind}: weights', net, model)

    y = net.g_a(x)
    close(f'{kind}: latents', c['y'], nhwc(y))
    what = 'y' if kind == 'bmshj2018-factorized' else 'z'
    offset = model[what + '.offset']
    if with_quantiles:
        close(f'{kind}: medians', offset, quantiles[:, 0, 1], 1e-7)
    else:
        logits = [bottleneck.logit(i, float(v)) for i, v in enumerate(offset)]
        verdict(f'{kind}: medians', np.abs(logits).max() < 1e-5,
                f'logit at most {np.abs(logits).max():.1e}')
    medians = torch.from_numpy(offset.copy())[:, None, None]
    check_tables(f'{kind}: densities', tables(model, what),
                 lambda i, a, b: bottleneck.mass(
                     i, float(offset[i]) + a, float(offset[i]) + b), 0.01)
    if what == 'y':
        integers(f'{kind}: symbols of y', c['y.symbols'], nhwc(y - medians))
        y_hat = nchw(c['y.symbols']) + medians
    else:
        z = net.h_a(y.abs() if kind == 'bmshj2018-hyperprior' else y)
        integers(f'{kind}: symbols of z', c['z.symbols'], nhwc(z - medians))
        params = net.h_s(nchw(c['z.symbols']) + medians)
        scales, means = params, torch.zeros_like(params)
        if kind == 'mbt2018-mean':
            scales, means = params.chunk(2, 1)
            close(f'{kind}: means', c['y.means'], nhwc(means))
        grid = scale_grid(64, 0.11, 256)
        close(f'{kind}: thresholds', model['y.thresholds'], grid[:-1], 1e-7)
        indices(f'{kind}: scale indices', c['y.index'], nhwc(scales),
                grid[:-1])
        check_tables(f'{kind}: Gaussians', tables(model, 'y'),
                     lambda i, a, b: normal_mass(grid[i], a, b), 0.01)
        integers(f'{kind}: symbols of y', c['y.symbols'], nhwc(y - means))
        y_hat = nchw(c['y.symbols']) + means
    close(f'{kind}: samples', c['samples'], nhwc(net.g_s(y_hat)))


# -------------------------------------------------------------- our model

def random_hyperprior(text):
    """Linear start, then every weight that starts at zero moved."""
    model = hyperprior.Hyperprior(text, 7, (0.0015, 0.1))
    crops = torch.cat([picture('crop.ppm', 128, 128, i) for i in range(4)])
    model.start_linear(crops - 0.5)
    for name, p in model.named_parameters():
        if name.startswith('nets'):
            p += torch.randn(p.shape) * (0.02 if p.dim() == 1 else
                                         0.2 / p[0].numel() ** 0.5)
    model.gain += 0.1 * torch.randn(model.gain.shape)
    model.inverse += 0.1 * torch.randn(model.inverse.shape)
    model.z_mean += 0.3 * torch.randn(model.z_mean.shape)
    model.z_scale += 0.5 * torch.randn(model.z_scale.shape)
    # z in a range of several steps, scales on both sides of their mean
    q = torch.zeros(4, 2, 1, 1)
    y = model.nets.g_a(x=crops - 0.5, q=q) * model.gain[0, :, None, None].exp()
    model.nets.h_a.out.weight *= 2 / model.nets.h_a(y=y, q=q).std()
    model.nets.h_s.out.weight *= 5
    return model


def compare_hyperprior():
    torch.manual_seed(1)
    with open(os.path.join(HERE, '..', 'models', 'hyperprior.txt')) as f:
        text = f.read()
    net = random_hyperprior(text)
    x = picture('picture.ppm', 64, 128, 5)
    hyperprior.export(path('raw'), net, text, dict(name='test'))
    # without lambdas the encoder takes the nearest symbol
    tensors, meta = safetensors.load(path('raw'))
    plain = {k: v for k, v in meta.items() if not k.startswith('lambda')}
    safetensors.save(path('plain'), tensors, plain)
    run(NMODEL, 'build', path('raw'), '-f', '-o', path('weighing'))
    run(NMODEL, 'build', path('plain'), '-f', '-o', path('model'))
    model = safetensors.load(path('model'))[0]
    for key, m in net.nets.items():
        for name, p in m.named_parameters():
            p.copy_(torch.from_numpy(
                model[f'{key}.{name}'].astype(np.float32)))
    close('hyperprior: gains', model['y.gain'], net.gain.numpy(), 0)
    close('hyperprior: inverse gains', model['y.inverse_gain'],
          net.inverse.numpy(), 0)

    mean, b = net.z_mean.double(), net.z_scale.exp().double()
    check_tables('hyperprior: tables of z', tables(model, 'z'),
                 lambda i, lo, hi: laplace_mass(float(mean[i]), float(b[i]),
                                                lo, hi), 0.01)
    grid = scale_grid(64, 0.05, 100)
    check_tables('hyperprior: tables of y', tables(model, 'y'),
                 lambda i, lo, hi: laplace_mass(0, grid[i], lo, hi), 0.01)
    between = np.log(grid[:-1]) + math.log(100 / 0.05) / 63 / 2
    close('hyperprior: thresholds', model['y.thresholds'], between, 1e-7)
    for quality in (0, 37, 100):
        compare_quality(net, x, quality, between)


def compare_quality(net, x, quality, thresholds):
    name = f'hyperprior, quality {quality}'
    c = dump('model', 'picture.ppm', quality)
    t = torch.tensor([quality / 100])
    q = torch.stack([t, t * t], 1)[:, :, None, None]
    y = net.nets.g_a(x=x - 0.5, q=q) * net.log_gain(net.gain, t).exp()
    close(f'{name}: latents', c['y'], nhwc(y))
    z = net.nets.h_a(y=y, q=q)
    integers(f'{name}: symbols of z', c['z.symbols'], nhwc(z))
    means, scales = net.nets.h_s(z=nchw(c['z.symbols']), q=q).chunk(2, 1)
    close(f'{name}: means', c['y.means'], nhwc(means))
    indices(f'{name}: scale indices', c['y.index'], nhwc(scales), thresholds)
    integers(f'{name}: symbols of y', c['y.symbols'], nhwc(y - means))
    y_hat = (nchw(c['y.symbols']) + means) \
        * net.log_gain(net.inverse, t).exp()
    close(f'{name}: samples', c['samples'],
          nhwc(net.nets.g_s(y=y_hat, q=q)))

    # Weighing bits against distortion only ever takes a step towards 0.
    w = dump('weighing', 'picture.ppm', quality)['y.symbols']
    k = c['y.symbols']
    step = np.abs(k) - np.abs(w)
    verdict(f'{name}: weighed symbols',
            bool(((step == 0) | (step == 1)).all()
                 and (w * k >= 0).all() and step.any()),
            f'{int(step.sum())} of {k.size} nearer to 0')


# ------------------------------------------------------------------ layers

# name: (stride, text of g_a), from x [h, w, 3]
LAYERS = {
    'conv k=3 s=2': (2, 'conv a 24 s=2'),
    'conv k=5 s=2': (2, 'conv a 17 k=5 s=2'),
    'conv k=7 s=4': (4, 'conv a 9 k=7 s=4'),
    'conv k=2 s=2 p=0': (2, 'conv a 12 k=2 s=2 p=0'),
    'conv k=3 s=1': (1, 'conv a 33\nconv b 40'),
    'conv k=1': (1, 'conv a 33 k=1\nconv b 7 k=1'),
    'linear': (1, 'linear a 19'),
    'grouped conv': (1, 'conv a 24\nconv b 36 k=3 g=4'),
    'grouped conv s=2': (2, 'conv a 24\nconv b 36 k=5 s=2 g=6'),
    'grouped 1x1': (1, 'conv a 24\nconv b 48 k=1 g=3'),
    'depthwise conv': (1, 'conv a 24\nconv b 24 k=3 g=24'),
    'depthwise conv s=2': (2, 'conv a 19\nconv b 19 k=5 s=2 g=19'),
    'deconv k=5 s=2': (1, 'conv a 24\ndeconv b 13 k=5 s=2\nunshuffle 2'),
    'deconv k=3 s=2': (1, 'conv a 24\ndeconv b 32 k=3 s=2\nunshuffle 2'),
    'deconv k=3 s=1': (1, 'conv a 24\ndeconv b 13 k=3'),
    'grouped deconv': (1, 'conv a 24\ndeconv b 12 k=5 s=2 g=3\nunshuffle 2'),
    'gdn': (1, 'conv a 24\ngdn n'),
    'igdn': (1, 'conv a 24\nigdn n'),
    'relu': (1, 'conv a 24\nrelu'),
    'lrelu': (1, 'conv a 24\nlrelu 0.2'),
    'gelu': (1, 'conv a 24\ngelu'),
    'silu': (1, 'conv a 24\nsilu'),
    'sigmoid': (1, 'conv a 24\nsigmoid'),
    'tanh': (1, 'conv a 24\ntanh'),
    'softplus': (1, 'conv a 24\nsoftplus'),
    'exp': (1, 'conv a 24\nexp'),
    'abs': (1, 'conv a 24\nabs'),
    'ssqrt': (1, 'conv a 24\nssqrt'),
    'gelu of the input': (1, 'gelu'),
    'scale': (1, 'conv a 24\nscale w'),
    'add': (1, 'conv a 24 > t\nconv b 24 k=1\nadd t'),
    'mul': (1, 'conv a 24 > t\nconv b 24 k=1\nmul t'),
    'add 1x1': (1, 'conv b 24 k=1 < q > t\nconv a 24 < x\nadd t'),
    'mul 1x1': (1, 'conv b 24 k=1 < q > t\nconv a 24 < x\nmul t'),
    'concat': (1, 'conv a 24 > t\nconv b 5 > u\nconv c 8\nconcat t u x'),
    'slice': (1, 'conv a 24\nslice 5 11'),
    'unshuffle': (4, 'unshuffle 4'),
    'shuffle': (1, 'conv a 48\nshuffle 2\nconv b 8 s=2'),
    'shuffle 4': (1, 'conv a 64\nshuffle 4\nunshuffle 2\nconv b 8 s=2'),
    'crop': (1, 'conv a 24 k=7 p=6\ncrop 3'),
    'pad zero': (1, 'conv a 12\npad 3 zero\nconv b 24 k=7 p=0'),
    'pad replicate': (1, 'pad 3 replicate\nconv b 24 k=7 p=0'),
    'pad reflect': (1, 'pad 3 reflect\nconv b 24 k=7 p=0'),
    'pad symmetric': (1, 'pad 3 symmetric\nconv b 24 k=7 p=0'),
    'pad, crop': (1, 'pad 5 symmetric\ncrop 5'),
    'lnorm': (1, 'conv a 24\nlnorm n'),
    'lnorm eps=1e-6': (1, 'conv a 5\nlnorm n eps=1e-6'),
    'resize nearest': (1, 'conv a 8\nresize 3 nearest\nmean 3\nconv b 9'),
    'resize 2 bilinear': (1, 'conv a 12\nresize 2 bilinear\nconv b 12 s=2'),
    'resize 3 bilinear': (1, 'resize 3 bilinear\nconv b 12 s=3'),
    'resize 4 bilinear': (1, 'conv a 4\nresize 4 bilinear\nunshuffle 4'),
    'mean': (4, 'conv a 24\nmean 4'),
    'warp': (1, 'conv f 2 > f\nconv a 24 < x\nwarp f'),
    'attend': (8, 'conv a 24 > u\nconv b 24 k=1 > k\nconv c 16 < u > v\n'
                  'attend k v heads=4 window=8 < u\nmean 8'),
    'attend in small windows': (4, 'conv a 24 > u\nlinear b 24 > k\n'
                                   'attend k u window=4 < u\nunshuffle 4'),
    'lattend': (1, 'conv a 24 > u\nconv b 24 > k\nlinear c 16 < u > v\n'
                   'lattend k v heads=4 < u'),
    'residual block': (2, 'conv a 32 k=5 s=2 > t\nconv b 16 k=1\nrelu\n'
                          'conv c 16\nsilu\nconv d 32 k=1\nadd t'),
}


def toy_text(layers, stride, channels, wants_q):
    q = '\ninput q 2' if wants_q else ''
    return (f'net g_a\ninput x 3{q}\n{layers}\n'
            f'net g_s\ninput y {channels}\n'
            f'conv o {3 * stride * stride} k=1\nshuffle {stride}\n')


def compare_layer(name, stride, layers, x):
    torch.manual_seed(len(name))
    wants_q = '< q' in layers
    channels = nettext.build(toy_text(layers, stride, 1, wants_q)).g_a.channels
    text = toy_text(layers, stride, channels, wants_q)
    nets = nettext.build(text)
    for m in nets.modules():
        if isinstance(m, nettext.Gdn):
            m.beta.copy_(0.1 + torch.rand(m.beta.shape))
            m.gamma.copy_(torch.rand(m.gamma.shape) / 4)
        elif isinstance(m, nettext.LayerNorm):
            m.weight.copy_(torch.randn(m.weight.shape))
            m.bias.copy_(torch.randn(m.bias.shape))
        elif isinstance(m, nettext.Scale):
            m.weight.copy_(torch.randn(m.weight.shape))
        elif hasattr(m, 'weight'):
            m.weight *= 4
    for p in nets.parameters():
        p.copy_(p.half().float())
    tensors = {k: v.numpy() for k, v in nets.state_dict().items()}
    density = Bottleneck(channels, 'new')
    for part, value in density.parts.items():
        kind, k = part.split('.')
        kind = dict(matrices='matrix', biases='bias', factors='factor')[kind]
        tensors[f'y.{kind}{k}'] = value.numpy()
    safetensors.save(path('toy'), tensors, dict(
        codec='hyperprior', networks=text, entropy='factorized', centred='1',
        latent_stride=str(stride), params='mean,scale', y_family='density'))
    run(NMODEL, 'build', path('toy'), '-f', '-o', path('model'))
    c = dump('model', 'odd.ppm', 40)
    inputs = dict(x=padded(x, stride) - 0.5)
    if wants_q:
        inputs['q'] = torch.tensor([0.4, 0.16])[None, :, None, None]
    close(f'layer {name}', c['y'], nhwc(nets.g_a(**inputs)), 1e-5)


def main():
    torch.set_num_threads(2)
    with torch.no_grad():
        compare_compressai('bmshj2018-factorized', 'old', True, 24, 32, 11)
        compare_compressai('bmshj2018-hyperprior', 'new', True, 24, 32, 12)
        compare_compressai('mbt2018-mean', 'new', False, 24, 32, 13)
        compare_hyperprior()
        x = picture('odd.ppm', 37, 61, 3)
        for name, (stride, layers) in LAYERS.items():
            compare_layer(name, stride, layers, x)
    return failures > 0


if __name__ == '__main__':
    sys.exit(main())
