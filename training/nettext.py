# SPDX-License-Identifier: BSD-2-Clause
"""The PyTorch side of the network text (doc/FORMAT.md, "Network text").

A model's networks are written once, in a text that the C engine runs as it
is; this module builds the same networks as torch modules.  Tensors are NCHW
here and NHWC there; weights have PyTorch's order in both.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


class NetError(ValueError):
    pass


def parse(text):
    """{net name: [(line number, op, words, keys, sources, tap)]}"""
    nets, cur = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split('#', 1)[0].split()
        if not words:
            continue
        if words[0] == 'net':
            if len(words) != 2 or words[1] in nets:
                raise NetError(f'line {number}: net needs one new name')
            cur = nets[words[1]] = []
            continue
        if cur is None:
            raise NetError(f'line {number}: outside a net')
        tap, sources = None, []
        if '>' in words:
            at = words.index('>')
            if len(words) != at + 2:
                raise NetError(f'line {number}: one name after ">"')
            tap, words = words[at + 1], words[:at]
        if '<' in words:
            at = words.index('<')
            if len(words) != at + 2:
                raise NetError(f'line {number}: one name after "<"')
            sources, words = words[at + 1:], words[:at]
        keys = dict(w.split('=', 1) for w in words[1:] if '=' in w)
        args = [w for w in words[1:] if '=' not in w]
        cur.append((number, words[0], args, keys, sources, tap))
    return nets


def symmetric_pad(x, p):
    """Mirror with the edge sample repeated (torch has no such mode)."""
    x = torch.cat([x[:, :, :p].flip(2), x, x[:, :, -p:].flip(2)], 2)
    return torch.cat([x[..., :p].flip(3), x, x[..., -p:].flip(3)], 3)


def ssqrt(x):
    return x * torch.rsqrt(1 + x.abs())


class Gdn(nn.Module):
    """Ballé's (inverse) generalized divisive normalization, folded."""

    def __init__(self, c, inverse):
        super().__init__()
        self.beta = nn.Parameter(torch.ones(c))
        self.gamma = nn.Parameter(0.1 * torch.eye(c))
        self.inverse = inverse

    def forward(self, x):
        beta = self.beta.clamp(min=1e-6)
        gamma = self.gamma.clamp(min=0)
        norm = F.conv2d(x * x, gamma[:, :, None, None], beta).sqrt()
        return x * norm if self.inverse else x / norm


class Scale(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c))

    def forward(self, x):
        return x * self.weight[:, None, None]


class LayerNorm(nn.Module):
    """Over the channels of each position."""

    def __init__(self, c, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c))
        self.bias = nn.Parameter(torch.zeros(c))
        self.eps = eps

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape,
                         self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def warp(x, flow):
    """x at (column + flow[0], row + flow[1]), edges repeated."""
    h, w = x.shape[2:]
    at = [(torch.arange(n, dtype=flow.dtype, device=x.device).view(shape)
           + flow[:, i]).clamp(0, n - 1) * (2 / max(n - 1, 1)) - 1
          for i, n, shape in ((0, w, (1, w)), (1, h, (h, 1)))]
    return F.grid_sample(x, torch.stack(at, -1), padding_mode='border',
                         align_corners=True)


def attend(q, k, v, heads, window):
    """softmax(q k^T / sqrt(d)) v in windows; a head's channels side by side"""
    n, _, h, w = q.shape

    def split(x):           # [n, rows, columns, heads, tokens, channels]
        x = x.reshape(n, heads, -1, h // window, window, w // window, window)
        return x.permute(0, 3, 5, 1, 4, 6, 2).flatten(4, 5)
    q, k, v = split(q), split(k), split(v)
    score = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    out = (score.softmax(-1) @ v).unflatten(4, (window, window))
    return out.permute(0, 3, 6, 1, 4, 2, 5).reshape(n, -1, h, w)


def lattend(q, k, v, heads):
    """Linear attention: q over a head's channels, k over positions."""
    n, _, h, w = q.shape
    q, k, v = (x.reshape(n, heads, -1, h * w) for x in (q, k, v))
    context = k.softmax(3) @ v.transpose(2, 3)
    return (context.transpose(2, 3) @ q.softmax(2)).reshape(n, -1, h, w)


def make_conv(cin, args, keys, transposed):
    cout, k, s = int(args[1]), int(keys.get('k', 3)), int(keys.get('s', 1))
    g, p = int(keys.get('g', 1)), int(keys.get('p', int(keys.get('k', 3)) // 2))
    if transposed:
        more = s + 2 * p - k      # then the result is s times as large
        return nn.ConvTranspose2d(cin, cout, k, s, p, more, g), cout
    # With one thread and a small batch, PyTorch 1.13 sends a plain 1x1
    # convolution past oneDNN, 20 times slower; any dilation avoids it.
    dilation = 2 if k == 1 and s == 1 else 1
    return nn.Conv2d(cin, cout, k, s, p, dilation, g), cout


POINT = {
    'relu': lambda a: F.relu,
    'lrelu': lambda a: lambda x: F.leaky_relu(x, a[0]),
    'gelu': lambda a: F.gelu,
    'silu': lambda a: F.silu,
    'sigmoid': lambda a: torch.sigmoid,
    'tanh': lambda a: torch.tanh,
    'softplus': lambda a: F.softplus,
    'exp': lambda a: torch.exp,
    'abs': lambda a: torch.abs,
    'ssqrt': lambda a: ssqrt,
}


class Net(nn.Module):
    """One network of the text; call it with its inputs by name."""

    def __init__(self, lines):
        super().__init__()
        self.steps, self.inputs, self.macs = [], [], 0.0
        shape = {}          # tap -> channels
        cur = None
        for number, op, args, keys, sources, tap in lines:
            if op == 'input':
                self.inputs.append(args[0])
                shape[args[0]] = int(args[1])
                cur = cur or int(args[1])
                continue
            src = sources[0] if sources else None
            try:
                cin = shape[src] if src else cur
                fn, others, cur = self.layer(op, args, keys, cin, shape)
            except (KeyError, IndexError, ValueError) as e:
                raise NetError(f'line {number}: {op}: {e!r}') from e
            self.steps.append((fn, src, others, tap))
            if tap:
                shape[tap] = cur
        self.channels = cur

    def layer(self, op, args, keys, cin, shape):
        if op in ('conv', 'deconv', 'linear'):
            if op == 'linear':
                keys = dict(keys, k=1)
            module, cout = make_conv(cin, args, keys, op == 'deconv')
            self.add_module(args[0], module)
            return module, [], cout
        if op in ('gdn', 'igdn', 'scale'):
            module = Scale(cin) if op == 'scale' else Gdn(cin, op == 'igdn')
            self.add_module(args[0], module)
            return module, [], cin
        if op == 'lnorm':
            module = LayerNorm(cin, float(keys.get('eps', '1e-5')))
            self.add_module(args[0], module)
            return module, [], cin
        if op in POINT:
            return POINT[op]([float(a) for a in args]), [], cin
        if op == 'add':
            return torch.add, args, cin
        if op == 'mul':
            return torch.mul, args, cin
        if op == 'concat':
            return (lambda *x: torch.cat(x, 1)), args, \
                cin + sum(shape[a] for a in args)
        if op == 'slice':
            a, n = int(args[0]), int(args[1])
            return (lambda x: x[:, a:a + n]), [], n
        if op == 'shuffle':
            r = int(args[0])
            return (lambda x: F.pixel_shuffle(x, r)), [], cin // (r * r)
        if op == 'unshuffle':
            r = int(args[0])
            return (lambda x: F.pixel_unshuffle(x, r)), [], cin * r * r
        if op == 'pad':
            n, mode = int(args[0]), args[1]
            if mode == 'symmetric':
                return (lambda x: symmetric_pad(x, n)), [], cin
            mode = 'constant' if mode == 'zero' else mode
            return (lambda x: F.pad(x, (n,) * 4, mode)), [], cin
        if op == 'resize':
            r, mode = int(args[0]), args[1]
            more = {'align_corners': False} if mode == 'bilinear' else {}
            return (lambda x: F.interpolate(x, scale_factor=r, mode=mode,
                                            **more)), [], cin
        if op == 'mean':
            r = int(args[0])
            return (lambda x: F.avg_pool2d(x, r)), [], cin
        if op == 'warp':
            return warp, args, cin
        if op == 'attend':
            heads, window = int(keys.get('heads', 1)), int(keys.get('window', 8))
            return (lambda q, k, v: attend(q, k, v, heads, window)), args, \
                shape[args[1]]
        if op == 'lattend':
            heads = int(keys.get('heads', 1))
            return (lambda q, k, v: lattend(q, k, v, heads)), args, \
                shape[args[1]]
        if op == 'crop':
            n = int(args[0])
            return (lambda x: x[..., n:-n, n:-n]), [], cin
        raise NetError(f'no such layer: {op}')

    def forward(self, **inputs):
        taps, cur = dict(inputs), inputs[self.inputs[0]]
        for fn, src, others, tap in self.steps:
            cur = fn(taps[src] if src else cur, *[taps[o] for o in others])
            if tap:
                taps[tap] = cur
        return cur


def build(text):
    return nn.ModuleDict({k: Net(v) for k, v in parse(text).items()})
