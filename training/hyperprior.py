#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Train the variable-rate hyperprior (mean-scale) and export it.

    training/hyperprior.py --data DIR --steps 40000 -o raw.safetensors
    nmodel build raw.safetensors -o models/hyperprior.safetensors

The networks come from the text (models/hyperprior.txt), the weights start
from a lapped block transform (see lapped_transform()) or, with --resume,
from an exported or a built model.  Runs on a CPU with Debian's python3-torch
and on a GPU with a current one.  The rate printed here is an estimate; the
real curve is measured on the C programs' files.
"""
import argparse
import glob
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import nettext
import safetensors

HERE = os.path.dirname(os.path.abspath(__file__))
LN2 = math.log(2)
SCALE_MIN, SCALE_MAX, N_SCALES = 0.05, 100.0, 64
LATENT, HYPER = 288, 64


# ------------------------------------------------- linear start of the nets

def dct_matrix(n, kind=2):
    k, i = np.mgrid[0:n, 0:n].astype(float)
    if kind == 4:
        return np.sqrt(2 / n) * np.cos(np.pi / n * (k + .5) * (i + .5))
    m = np.sqrt(2 / n) * np.cos(np.pi / n * k * (i + .5))
    m[0] /= np.sqrt(2)
    return m


def lap_matrix():
    """The pre-filter F of the 16-point lapped transform (LBT, scale sqrt 2):
    F = B diag(I, V) B, B = [[I, J], [J, -I]] / sqrt 2."""
    n = 8
    eye, rev, nil = np.eye(n), np.eye(n)[::-1], np.zeros((n, n))
    b = np.block([[eye, rev], [rev, -eye]]) / np.sqrt(2)
    c2, c4 = dct_matrix(n), dct_matrix(n, 4)
    v = rev @ c2.T @ np.diag([2 ** .5] + [1] * (n - 1)) @ c4 @ rev
    return b @ np.block([[eye, nil], [nil, v]]) @ b


def block_basis():
    """[288, 768]: orthonormal colour x DCT 16x16, the lowest frequencies
    (192 of luma, 48 of each chroma), ordered so per colour."""
    colour = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], float)
    colour /= np.linalg.norm(colour, axis=1, keepdims=True)
    d = dct_matrix(16)
    order = sorted(((u, v) for u in range(16) for v in range(16)),
                   key=lambda p: (p[0] ** 2 + p[1] ** 2, p))
    rows = []
    for c, count in enumerate((192, 48, 48)):
        for u, v in order[:count]:
            rows.append(np.kron(colour[c], np.outer(d[u], d[v]).ravel()))
    return np.stack(rows)


DC = [0, 192, 240]


# -------------------------------------------------------------------- model

class Round(torch.autograd.Function):
    """sign(v) floor(|v| + 0.5 - dead zone), with gradient 1."""
    @staticmethod
    def forward(ctx, v, dead):
        return torch.sign(v) * torch.floor(v.abs() + (0.5 - dead))

    @staticmethod
    def backward(ctx, g):
        return g, None


def laplace_bits(k, b):
    """Bits of the integer part of a Laplace density of scale b at |k|; k has
    been rounded, its gradient is that of the density."""
    v = k.abs()
    zero = v < 0.5
    at0 = -torch.log(-torch.expm1(-0.5 / b))
    off = (v - 0.5) / b - torch.log(-torch.expm1(-1 / b)) + LN2
    return torch.where(zero, at0, off) / LN2


def located_bits(k, mean, b):
    """The same with a real-valued mean (hyper-latents)."""
    def cdf(x):
        return torch.where(x < 0, 0.5 * torch.exp(x.clamp(max=0)),
                           1 - 0.5 * torch.exp(-x.clamp(min=0)))
    d = -(k - mean).abs()     # the accurate tail
    p = cdf((d + 0.5) / b) - cdf((d - 0.5) / b)
    return -torch.log(p.clamp(min=1e-7)) / LN2


class Hyperprior(nn.Module):
    def __init__(self, text, points, lambdas):
        super().__init__()
        self.nets = nettext.build(text)
        self.lambdas = lambdas
        self.gain = nn.Parameter(torch.zeros(points, LATENT))
        self.inverse = nn.Parameter(torch.zeros(points, LATENT))
        self.z_mean = nn.Parameter(torch.zeros(HYPER))
        self.z_scale = nn.Parameter(torch.zeros(HYPER))     # log
        dead = torch.full((LATENT,), 0.12)
        dead[DC] = 0
        self.register_buffer('dead', dead[:, None, None], persistent=False)

    def lambda_at(self, t):
        lo, hi = self.lambdas
        return lo * (hi / lo) ** t

    def start_linear(self, crops):
        """Lapped transform, gains for each lambda, static scales."""
        n = self.nets
        lap, basis = lap_matrix(), block_basis()
        two_d = np.kron(lap, lap)
        two_d_inverse = np.kron(np.linalg.inv(lap), np.linalg.inv(lap))

        def put(p, v):
            p.data.copy_(torch.from_numpy(np.ascontiguousarray(v)).float())
        for net, name, m in ((n.g_a, 'lap', two_d),
                             (n.g_s, 'unlap', two_d_inverse)):
            put(getattr(net, name).weight,
                np.tile(m, (3, 1))[:, :, None, None])
            getattr(net, name).bias.data.zero_()
        for net, name, m in ((n.g_a, 'dct', basis), (n.g_s, 'idct', basis.T)):
            put(getattr(net, name).weight, m[:, :, None, None])
            getattr(net, name).bias.data.zero_()
        for net in n.values():
            for name, m in net.named_children():
                if len(name) == 3 and name[0] == 'r' and name[2] == 'c':
                    m.weight.data *= 0.3
                    m.bias.data.zero_()
                elif name[0] == 'q':
                    m.weight.data.zero_()
                    m.bias.data.zero_()
        for net in (n.g_a, n.g_s):
            net.out.weight.data.zero_()
            net.out.bias.data.zero_()
        n.g_s.qr.bias.data.fill_(1)
        n.g_s.qr.weight.data[:, 0] = -0.8
        n.g_s.gain.weight.data.fill_(6)
        n.h_s.out.weight.data *= 0.1
        n.h_s.out.bias.data.zero_()
        points = self.gain.shape[0]
        for i in range(points):
            step = math.sqrt(26 / self.lambda_at(i / (points - 1))) / 255
            self.gain.data[i] = -math.log(step)
            self.inverse.data[i] = math.log(step)
        with torch.no_grad():
            q = torch.zeros(len(crops), 2, 1, 1)
            y = n.g_a(x=crops, q=q).abs().mean((0, 2, 3))
            e = [torch.log(0.55 * y * torch.exp(self.gain[i]) + 0.03)
                 for i in (0, points // 2, points - 1)]
            qp = n.h_s.qp
            qp.bias.data[LATENT:] = e[0]
            # e(t) = e0 + a t + b t^2 through t = 0, 1/2, 1
            b = 2 * (e[0] + e[2] - 2 * e[1])
            qp.weight.data[LATENT:, 1, 0, 0] = b
            qp.weight.data[LATENT:, 0, 0, 0] = e[2] - e[0] - b

    def log_gain(self, table, t):
        at = t * (table.shape[0] - 1)
        i = at.floor().long().clamp(0, table.shape[0] - 2)
        f = (at - i)[:, None]
        return (table[i] + (table[i + 1] - table[i]) * f)[:, :, None, None]

    def forward(self, x, t):
        """x in [0, 1]; t [batch].  @return bits [batch], picture"""
        n = self.nets
        q = torch.stack([t, t * t], 1)[:, :, None, None]
        y = n.g_a(x=x - 0.5, q=q)
        y = y * torch.exp(self.log_gain(self.gain, t))
        z = Round.apply(n.h_a(y=y, q=q), 0.0)
        z_bits = located_bits(z, self.z_mean[:, None, None],
                              torch.exp(self.z_scale)[:, None, None])
        mean, scale = n.h_s(z=z, q=q).chunk(2, 1)
        b = torch.exp(scale.clamp(math.log(SCALE_MIN), math.log(SCALE_MAX)))
        k = Round.apply(y - mean, self.dead)
        y_bits = laplace_bits(k, b)
        y_hat = (k + mean) * torch.exp(self.log_gain(self.inverse, t))
        out = n.g_s(y=y_hat, q=q) + 0.5
        return y_bits.sum((1, 2, 3)), z_bits.sum((1, 2, 3)), out


# ------------------------------------------------------------ files in, out

def load_images(folder, limit=0):
    from PIL import Image
    names = sorted(sum((glob.glob(os.path.join(folder, '**', e),
                                  recursive=True)
                        for e in ('*.webp', '*.png', '*.jpg')), []))
    out = []
    for name in names[:limit or None]:
        a = np.asarray(Image.open(name).convert('RGB'))
        out.append(torch.from_numpy(a.copy()).permute(2, 0, 1))
    if not out:
        raise SystemExit(f'no images in {folder}')
    return out


def random_crops(images, count, size, rng):
    out = []
    while len(out) < count:
        im = images[rng.integers(len(images))]
        if min(im.shape[1:]) < size:
            continue
        y = rng.integers(im.shape[1] - size + 1)
        x = rng.integers(im.shape[2] - size + 1)
        c = im[:, y:y + size, x:x + size]
        if rng.integers(2):
            c = c.flip(2)
        if rng.integers(2):
            c = c.transpose(1, 2)
        out.append(c)
    return torch.stack(out).float().div_(255)


def export(path, model, text, meta):
    tensors = {}
    for net, module in model.nets.items():
        for name, p in module.named_parameters():
            tensors[f'{net}.{name}'] = p.detach().cpu().numpy()
    tensors['y.gain'] = model.gain.detach().cpu().numpy()
    tensors['y.inverse_gain'] = model.inverse.detach().cpu().numpy()
    tensors['z.mean'] = model.z_mean.detach().cpu().numpy()
    tensors['z.scale'] = np.exp(model.z_scale.detach().cpu().numpy())
    meta = dict(
        meta, codec='hyperprior', networks=text, entropy='mean-scale',
        params='mean,scale', y_family='ggd', y_beta='1', y_scale_log='1',
        y_scale_min=str(SCALE_MIN), y_scale_max=str(SCALE_MAX), y_scales=str(N_SCALES),
        z_family='ggd', z_beta='1', latent_stride='16', hyper_stride='32',
        centred='1', lambda_min=str(model.lambdas[0]),
        lambda_max=str(model.lambdas[1]))
    part = path + '.part'
    safetensors.save(part, tensors, meta)
    os.replace(part, path)


def z_from_tables(tensors):
    """Means and Laplace scales of a built model's tables, where the density
    itself is gone: by moments, then by the least bits."""
    n, offsets = tensors['z.lengths'], tensors['z.offsets']
    starts = np.cumsum(n) - n
    p = np.zeros((len(n), n.max()))       # without the escape, its last entry
    for row, at, size in zip(p, starts, n):
        row[:size - 1] = tensors['z.freqs'][at:at + size - 1]
    p /= p.sum(1, keepdims=True)
    k = offsets[:, None] + np.arange(p.shape[1])
    mean = (p * k).sum(1)
    var = (p * (k - mean[:, None]) ** 2).sum(1)
    p, k, mean, scale = (torch.from_numpy(v) for v in (
        p, k.astype(float), mean,
        0.5 * np.log(np.maximum(var - 1 / 12, 0.02) / 2)))
    mean.requires_grad_()
    scale.requires_grad_()
    opt = torch.optim.Adam([mean, scale], lr=0.02)
    for i in range(600):
        opt.param_groups[0]['lr'] = 0.02 * 0.99 ** i
        opt.zero_grad()
        bits = located_bits(k, mean[:, None], torch.exp(scale)[:, None])
        (p * bits).sum().backward()
        opt.step()
    return mean.detach().numpy(), np.exp(scale.detach().numpy())


def load_export(path, model):
    """From an exported file or, a little coarser, from a built model."""
    tensors, meta = safetensors.load(path)
    if 'z.mean' not in tensors:
        tensors['z.mean'], tensors['z.scale'] = z_from_tables(tensors)
    with torch.no_grad():
        for net, module in model.nets.items():
            for name, p in module.named_parameters():
                p.copy_(torch.from_numpy(
                    tensors[f'{net}.{name}'].astype(np.float32)))
        model.gain.copy_(torch.from_numpy(tensors['y.gain'].copy()))
        model.inverse.copy_(torch.from_numpy(
            tensors['y.inverse_gain'].copy()))
        model.z_mean.copy_(torch.from_numpy(tensors['z.mean'].copy()))
        model.z_scale.copy_(torch.from_numpy(
            tensors['z.scale'].copy()).log())
    return int(meta.get('steps', 0))


# ----------------------------------------------------------------- training

def estimate(model, images, levels, device):
    """(bpp, PSNR) per level: means over images cropped to whole units."""
    model.eval()
    rows = []
    with torch.no_grad():
        for t in levels:
            bpp, psnr = [], []
            for im in images:
                h, w = im.shape[1] // 32 * 32, im.shape[2] // 32 * 32
                x = im[None, :, :h, :w].to(device).float() / 255
                yb, zb, out = model(x, torch.full((1,), float(t), device=device))
                e = (out.clamp(0, 1) * 255).round() - x * 255
                psnr.append(10 * math.log10(255 ** 2 / float((e * e).mean())))
                bpp.append(float(yb + zb) / (h * w))
            rows.append((np.mean(bpp), np.mean(psnr)))
    model.train()
    return rows


def groups_of(model, lr):
    """Matrices of the linear start move slowly, gains and scales fast."""
    slow, fast, rest = [], [], []
    for name, p in model.named_parameters():
        part = ['', *name.split('.')]
        if part[-2] in ('lap', 'dct', 'idct', 'unlap'):
            slow.append(p)
        elif part[1] in ('gain', 'inverse', 'z_mean', 'z_scale') \
                or part[-2] in ('qp', 'qr'):
            fast.append(p)
        else:
            rest.append(p)
    return [dict(params=slow, scale=1 / 15, lr=lr),
            dict(params=fast, scale=2.5, lr=lr),
            dict(params=rest, scale=1.0, lr=lr)]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    a = ap.add_argument
    a('--data', required=True)
    a('--val', help='folder of held-out images for the printed estimates')
    a('--val-count', type=int, default=4)
    a('--net', default=os.path.join(HERE, '..', 'models', 'hyperprior.txt'))
    a('-o', '--output', required=True)
    a('--resume', help='a model to start from, exported or built')
    a('--state', help='optimiser state: continue from it and save to it')
    a('--steps', type=int, default=40000)
    a('--lr', type=float, default=1.5e-3)
    a('--lr-end', type=float, default=0.02)
    a('--batch', type=int, default=8)
    a('--crop', type=int, default=128)
    a('--late-crop', type=int, default=192, help='for the last third')
    a('--points', type=int, default=7)
    a('--lambda-min', type=float, default=0.0015)
    a('--lambda-max', type=float, default=0.1)
    a('--every', type=int, default=500)
    a('--seed', type=int, default=1)
    a('--threads', type=int, default=0)
    a('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    o = ap.parse_args()
    if o.threads:
        torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    rng = np.random.default_rng(o.seed)
    gpu = o.device.startswith('cuda')

    text = open(o.net).read()
    model = Hyperprior(text, o.points, (o.lambda_min, o.lambda_max))
    images = load_images(o.data)
    val = load_images(o.val, o.val_count) if o.val else []
    before = 0
    if o.resume:
        before = load_export(o.resume, model)
    else:
        model.start_linear(random_crops(images, 64, 128, rng) - 0.5)
    model.to(o.device)
    ema = {k: p.detach().clone() for k, p in model.named_parameters()}
    opt = torch.optim.Adam(groups_of(model, o.lr), betas=(0.9, 0.99))
    step = 0
    if o.state and os.path.exists(o.state):
        s = torch.load(o.state, map_location=o.device)
        model.load_state_dict(s['model'], strict=False)
        opt.load_state_dict(s['opt'])
        ema, step = s['ema'], s['step']
        rng = np.random.default_rng(o.seed + step)

    def with_ema(fn):
        now = {k: p.detach().clone() for k, p in model.named_parameters()}
        with torch.no_grad():
            for k, p in model.named_parameters():
                p.copy_(ema[k])
        result = fn()
        with torch.no_grad():
            for k, p in model.named_parameters():
                p.copy_(now[k])
        return result

    def report():
        meta = dict(name='nenc hyperprior, light', steps=str(before + step),
                    licence='BSD-2-Clause', data='see models/README.md')

        def both():
            export(o.output, model, text, meta)
            return estimate(model, val, (0, .25, .5, .75, 1), o.device) \
                if val else []
        rows = with_ema(both)
        if val:
            print('  ' + '  '.join(f'{b:.3f}/{p:.2f}' for b, p in rows),
                  flush=True)

    mean, mark, mark_step = {}, time.time(), step
    while step < o.steps:
        part = step / o.steps
        lr = o.lr * (o.lr_end + (1 - o.lr_end) * 0.5
                     * (1 + math.cos(math.pi * part))) * min(1, (step + 1) / 200)
        for g in opt.param_groups:
            g['lr'] = lr * g['scale']
        late = part > 0.67
        size = o.late_crop if late else o.crop
        count = max(1, round(o.batch * (o.crop / size) ** 2))
        x = random_crops(images, count, size, rng).to(o.device)
        t = torch.from_numpy(rng.random(count)).float()
        if rng.random() < 0.4:
            t[0] = float(rng.integers(2))
        t = t.to(o.device)
        with torch.autocast('cuda' if gpu else 'cpu', torch.bfloat16, enabled=gpu):
            yb, zb, out = model(x, t)
        bpp = (yb + zb).float() / size ** 2
        mse = 255 ** 2 * ((out.float() - x) ** 2).mean((1, 2, 3))
        lam = model.lambda_at(t)
        loss = ((bpp + lam * mse) * (lam / 0.01) ** -0.5).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            opt.step()
        step += 1
        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for k, p in model.named_parameters():
                ema[k].lerp_(p, 1 - decay)
        for k, v in dict(loss=loss, bpp=bpp.mean(), mse=mse.mean(), norm=norm,
                         z=zb.mean() / size ** 2).items():
            mean[k] = mean.get(k, 0.0) * 0.99 + 0.01 * float(v)
        if step % 100 == 0:
            fix = 1 - 0.99 ** (step if step < 2000 else 2000)
            rate = (step - mark_step) / (time.time() - mark)
            mark, mark_step = time.time(), step
            print(f'{step}/{o.steps} ' + ' '.join(
                f'{k} {v / fix:.4f}' for k, v in mean.items())
                + f' lr {lr:.2e} {rate:.2f} steps/s', flush=True)
        if step % o.every == 0 or step == o.steps:
            report()
            if o.state:
                torch.save(dict(model=model.state_dict(), opt=opt.state_dict(),
                                ema=ema, step=step), o.state + '.part')
                os.replace(o.state + '.part', o.state)


if __name__ == '__main__':
    main()
