# SPDX-License-Identifier: BSD-2-Clause
"""Smooth pictures for all kinds of files, what such a file must come back as,
and how far a picture is from that.
"""
import math
import operator
import random
import struct
from array import array
from itertools import compress


# ------------------------------------------------------------------ contents

def wave(rng, n):
    """n numbers of 0 to 1, without steep slopes."""
    period, phase = rng.uniform(60, 110), rng.uniform(0, 2 * math.pi)
    height, turned = min(1, n / 12), rng.random() < 0.5
    out = [height * (0.9 * (i + 0.5) / n
                     + 0.05 * (1 + math.sin(phase + 2 * math.pi * i / period)))
           for i in range(n)]
    return out[::-1] if turned else out


def plane(rng, width, height, low, high):
    """Rows of integers."""
    half = (high - low) / 2
    across = [int(low + half * v) for v in wave(rng, width)]
    down = [int(half * v) for v in wave(rng, height)]
    return [[a + d for a in across] for d in down]


def joined(planes):
    """Rows of interleaved samples."""
    n, rows = len(planes), []
    for parts in zip(*planes):
        row = [0] * (n * len(parts[0]))
        for c, part in enumerate(parts):
            row[c::n] = part
        rows.append(row)
    return rows


RANGES = {1: [(0.08, 0.92)], 3: [(0.55, 0.95), (0.3, 0.7), (0.05, 0.45)]}


def smooth(rng, width, height, n, top):
    """One channel, or three of which the first is bright, the last dark."""
    return joined([plane(rng, width, height, low * top, high * top)
                   for low, high in RANGES[n]])


def alpha_plane(rng, width, height, top):
    kind = rng.choice(['ramp', 'noise', 'steps', 'holes', 'opaque'])
    if kind == 'ramp':
        return plane(rng, width, height, 0, top)
    if kind == 'opaque':
        return [[top] * width] * height
    if kind == 'noise':
        return [[rng.randint(0, top) for _ in range(width)]
                for _ in range(height)]
    few = [0, top // 3, top] if kind == 'steps' else [0, top]
    return [[few[(x // 5 * y // 7) % len(few)] for x in range(width)]
            for y in range(height)]


# --------------------------------------------------------------------- truth

class Truth:
    """What comes back: 1 to 4 channels (even: with alpha) of 8 or 16 bits."""

    def __init__(self, rows, channels, bits, **blobs):
        self.height = len(rows)
        self.width = len(rows[0]) // channels
        self.channels, self.bits = channels, bits
        self.rows = rows
        self.blobs = {'icc': b'', 'exif': b'', 'xmp': b'', **blobs}

    def flat(self, rows=None):
        out = array('B' if self.bits == 8 else 'H')
        for row in rows or self.rows:
            out.extend(row)
        return out

    def mapped(self, colour):
        """Rows with a function applied to the colours, not to alpha."""
        n, rows = self.channels, []
        table = {}
        for row in self.rows:
            out = list(row)
            for i, v in enumerate(row):
                if n % 2 or i % n != n - 1:
                    if v not in table:
                        table[v] = colour(v)
                    out[i] = table[v]
            rows.append(out)
        return rows

    def pixels(self):
        n = self.channels
        return [[tuple(row[i:i + n]) for i in range(0, len(row), n)]
                for row in self.rows]


def rows_of(pixels):
    return [[v for p in row for v in p] for row in pixels]


# Where a file's first row and first column are seen, by EXIF's orientation.
SIDES = {1: ('top', 'left'), 2: ('top', 'right'), 3: ('bottom', 'right'),
         4: ('bottom', 'left'), 5: ('left', 'top'), 6: ('right', 'top'),
         7: ('right', 'bottom'), 8: ('left', 'bottom')}


def turned(pixels, orientation):
    sides = SIDES[orientation]
    if sides[0] in ('left', 'right'):
        pixels = [list(column) for column in zip(*pixels)]
    if 'bottom' in sides:
        pixels = pixels[::-1]
    return [row[::-1] for row in pixels] if 'right' in sides else pixels


def distance(truth, a, b):
    """Mean absolute difference of colours that are seen, in steps of 8 bits;
    a, b: all samples."""
    n, total, count = truth.channels, 0, 0
    scale = 1 if truth.bits == 8 else 257
    if n % 2:
        return sum(map(abs, map(operator.sub, a, b))) / len(a) / scale
    seen = a[n - 1::n]
    for c in range(n - 1):
        parts = compress(map(operator.sub, a[c::n], b[c::n]), seen)
        total += sum(map(abs, parts))
        count += sum(map(bool, seen))
    return total / count / scale if count else 0


def mistakes(truth, bound):
    """What a program might make of it: (word, samples).  None where much may
    be lost."""
    if bound > 15:
        return
    n, top = truth.channels, (1 << truth.bits) - 1
    if n >= 3:
        swapped = truth.flat()
        swapped[0::n], swapped[2::n] = swapped[2::n], swapped[0::n]
        yield 'R and B swapped', swapped
    if min(truth.width, truth.height) < 24 or truth.width > 64:
        return
    yield 'inverted', truth.flat(truth.mapped(lambda v: top - v))
    pixels = truth.pixels()
    for orientation in 2, 3, 4:
        yield (f'orientation {orientation}',
               truth.flat(rows_of(turned(pixels, orientation))))


class Case:
    """A file, and either its truth, the bound of its colours' error, what
    they are not, and a word of nenc's remark on it; or its exit code."""

    def __init__(self, group, name, data, truth=None, bound=None, wrong=(),
                 says=None, code=None):
        self.group, self.name, self.data = group, name, data
        self.truth, self.bound, self.wrong = truth, bound, list(wrong)
        self.says, self.code = says, code


# --------------------------------------------------------- what goes with it

def exif(orientation, big):
    """A directory of two entries: a maker's name, the orientation."""
    e = '>' if big else '<'
    return (struct.pack(e + '2sHIH', b'MM' if big else b'II', 42, 8, 2)
            + struct.pack(e + 'HHI4s', 0x010f, 2, 4, b'abc\0')
            + struct.pack(e + 'HHIHH', 0x0112, 3, 1, orientation, 0)
            + bytes(4))


def xmp(orientation):
    return ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description '
            f'tiff:Orientation="{orientation}"/>\u00e9</x:xmpmeta>').encode()


def tagged(space, tags, kind=b'mntr', connection=b'XYZ '):
    """An ICC profile, version 2, of tags [(name, data)]."""
    at, table, body = 132 + 12 * len(tags), b'', b''
    for name, data in tags:
        table += name + struct.pack('>II', at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    return (struct.pack('>I4sI4s4s4s12x4s28x', size, b'none', 0x2400000,
                        kind, space, connection, b'acsp')
            + struct.pack('>III', 0xf6d6, 0x10000, 0xd32d) + bytes(48)
            + struct.pack('>I', len(tags)) + table + body)


def profile(space, size=3000):
    rng = random.Random(size)
    noise = bytes(rng.randrange(256) for _ in range(size))
    return tagged(space, [(b'cprt', b'text\0\0\0\0nobody\0'), (b'made', noise)])
