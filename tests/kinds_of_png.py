# SPDX-License-Identifier: BSD-2-Clause
"""PNG files of every kind that test suites for readers have, good and bad."""
import random
import struct
import zlib

from kinds_pictures import (Case, Truth, alpha_plane, exif, joined, profile,
                            rows_of, smooth, turned, xmp)
from kinds_png import (CHANNELS, GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA,
                       SIGNATURE, chunk, deflated, header, idats, scanlines,
                       write)

WORDS = {GRAY: 'gray', RGB: 'rgb', PALETTE: 'palette',
         GRAY_ALPHA: 'gray-alpha', RGBA: 'rgba'}
KINDS = ([(GRAY, d) for d in (1, 2, 4, 8, 16)] + [(RGB, 8), (RGB, 16)]
         + [(PALETTE, d) for d in (1, 2, 4, 8)]
         + [(GRAY_ALPHA, 8), (GRAY_ALPHA, 16), (RGBA, 8), (RGBA, 16)])


class Source:
    """A picture of one kind.  trns: 'key', for a colour that a rectangle has,
    or the alphas of a palette's first entries."""

    def __init__(self, seed, kind, depth, width=40, height=32, trns=None):
        self.kind, self.depth = kind, depth
        self.rng = rng = random.Random(seed)
        self.bits = 16 if depth == 16 else 8
        self.top = (1 << depth) - 1
        n = CHANNELS[kind] - (kind in (GRAY_ALPHA, RGBA))
        fine = smooth(rng, width, height, n, 65535)
        rows = [[v >> 16 - depth for v in row] for row in fine]
        self.plte = self.trns = b''
        self.wrong = []
        if kind == PALETTE:
            self.set_palette(rows, trns)
        elif trns:
            self.set_key(rows, n)
        else:
            self.set_plain(rows, n)

    def set_plain(self, rows, n):
        scale = 255 // self.top if self.depth < 8 else 1
        if self.kind in (GRAY_ALPHA, RGBA):
            alpha = alpha_plane(self.rng, len(rows[0]) // n, len(rows),
                                self.top)
            parts = [[row[c::n] for row in rows] for c in range(n)]
            rows, n = joined(parts + [alpha]), n + 1
        self.rows = rows
        self.truth = Truth([[v * scale for v in row] for row in rows], n,
                           self.bits)

    def set_key(self, rows, n):
        """Above the rectangle is one that differs in the last bit."""
        at = len(rows[0]) // n // 2 * n
        key = rows[len(rows) // 2][at:at + n]
        near = key[:-1] + [key[-1] ^ 1]
        if self.depth >= 8:
            for y in range(4, 28):
                rows[y][8 * n:16 * n] = (near if y < 16 else key) * 8
        self.rows = rows
        self.trns = chunk('tRNS', struct.pack(f'>{n}H', *key))
        scale = 255 // self.top if self.depth < 8 else 1
        full = self.top * scale
        self.truth = Truth(
            [[v for i in range(0, len(row), n)
              for v in [*(s * scale for s in row[i:i + n]),
                        0 if row[i:i + n] == key else full]]
             for row in rows], n + 1, self.bits)

    def set_palette(self, rows, alphas):
        """Neighbours in colour are far apart in the palette."""
        n = self.top + 1
        colours, order = [], [(101 * k + 1) % n for k in range(n)]
        for k in range(n):
            t = k / (n - 1)
            colours.append((int(140 + 100 * t), int(200 - 120 * t),
                            int(20 + 90 * t)))
        entries = [colours[order.index(i)] for i in range(n)]
        self.plte = chunk('PLTE', bytes(v for c in entries for v in c))
        self.rows = [[order[k] for k in row] for row in rows]
        if alphas:
            self.trns = chunk('tRNS', bytes(alphas))
            alphas = list(alphas) + [255] * (n - len(alphas))
            entries = [(*c, a) for c, a in zip(entries, alphas)]
        m = 4 if alphas else 3
        self.truth = Truth([[v for i in row for v in entries[i]]
                            for row in self.rows], m, 8)
        plain = [[v for i in row for v in entries[i]] for row in rows]
        self.wrong.append(('order of the palette', self.truth.flat(plain)))

    def limit(self):
        """Of the error, found by measuring: up to twice the largest.  Small
        pictures and steep edges are coded less well."""
        if min(self.truth.width, self.truth.height) < 24:
            return 15 if self.depth < 4 else 8
        if self.depth == 4:
            return 3.5 if self.kind == PALETTE else 5
        return 8 if self.depth < 4 else 3

    def case(self, group, name, before=b'', after=b'', tail=b'', truth=None,
             wrong=(), says=None, **options):
        """before, after: chunks before and after PLTE and tRNS."""
        data = write(self.rows, self.kind, self.depth,
                     before + self.plte + self.trns + after, tail, **options)
        return Case(group, name + '.png', data, truth or self.truth,
                    self.limit(), self.wrong + list(wrong), says)

    def with_blobs(self, **blobs):
        return Truth(self.truth.rows, self.truth.channels, self.bits, **blobs)


def name_of(kind, depth, *more):
    words = WORDS[kind], depth, *more
    return '-'.join(str(word) for word in words if word not in ('', None))


# ------------------------------------------------------------------- samples

def basic():
    for kind, depth in KINDS:
        for interlaced in 0, 1:
            name = name_of(kind, depth, 'adam7' if interlaced else 'plain')
            yield Source(name, kind, depth).case(
                'kinds', name, interlaced=interlaced)


def sizes():
    for n in [*range(1, 10), *range(32, 41)]:
        depth = 1 if n < 5 else 2 if n < 8 else 4 if n < 33 else 8
        for kind, d in (PALETTE, depth), (RGB, 8):
            for interlaced in 0, 1:
                name = name_of(kind, d, n, 'adam7' if interlaced else 'plain')
                yield Source(name, kind, d, n, n).case(
                    'odd sizes', name, interlaced=interlaced)


def background(kind, depth, level):
    v = level * ((1 << depth) - 1) // 4
    if kind == PALETTE:
        return chunk('bKGD', bytes([v]))
    n = 3 if kind in (RGB, RGBA) else 1
    return chunk('bKGD', struct.pack(f'>{n}H', *[v] * n))


def backgrounds():
    for kind, depth in KINDS:
        if depth < 4:
            continue
        for level in None, 0, 3, 4:
            word = 'no-bkgd' if level is None else 'bkgd'
            name = name_of(kind, depth, word, level)
            chunks = b'' if level is None else background(kind, depth, level)
            yield Source(name, kind, depth).case(
                'backgrounds', name, after=chunks,
                interlaced=int(level in (None, 3)))


def transparency():
    for kind, depth in KINDS:
        if kind in (GRAY, RGB):
            for level in None, 0, 2:
                name = name_of(kind, depth, 'trns',
                               '' if level is None else 'bkgd', level)
                chunks = (b'' if level is None
                          else background(kind, depth, level))
                yield Source(name, kind, depth, trns='key').case(
                    'transparency', name, after=chunks,
                    interlaced=int(level == 0))
        if kind == PALETTE:
            n = 1 << depth
            for count in sorted({1, 2, n // 2, n - 1, n}):
                name = name_of(kind, depth, 'trns', count)
                alphas = [(37 + 90 * i) % 256 for i in range(count)]
                alphas[0] = 0
                yield Source(name, kind, depth, trns=alphas).case(
                    'transparency', name, after=background(kind, depth, 1),
                    interlaced=count & 1)


def broken_transparency():
    """Which is passed over, but not silently."""
    few = chunk('tRNS', bytes(4))
    for name, kind, depth, chunks in (
            ('long', PALETTE, 4, (b'', chunk('tRNS', bytes(17)), b'')),
            ('empty', PALETTE, 4, (b'', chunk('tRNS'), b'')),
            ('early', PALETTE, 4, (few, b'', b'')),
            ('late', PALETTE, 4, (b'', b'', few)),
            ('of-2-bytes', RGB, 8, (chunk('tRNS', bytes(2)), b'', b'')),
            ('of-8-bytes', RGB, 16, (chunk('tRNS', bytes(8)), b'', b'')),
            ('of-6-bytes', GRAY, 8, (chunk('tRNS', bytes(6)), b'', b''))):
        yield Source(name, kind, depth).case('transparency', 'trns-' + name,
                                             *chunks, says='left out')


# -------------------------------------------------------------------- colour

def to_srgb(gamma, top):
    def convert(v):
        light = (v / top) ** (1 / gamma)
        s = (12.92 * light if light <= 0.0031308
             else 1.055 * light ** (1 / 2.4) - 0.055)
        return int(s * top + 0.5)
    return convert


def gama(gamma):
    return chunk('gAMA', struct.pack('>I', round(gamma * 1e5)))


def light_case(source, name, gamma, chunks, says=None):
    """Samples of that gamma; None: they are sRGB's."""
    if not gamma:
        return source.case('gamma', name, chunks, says=says)
    truth = source.truth
    top = (1 << truth.bits) - 1
    converted = Truth(truth.mapped(to_srgb(gamma, top)), truth.channels,
                      truth.bits)
    return source.case('gamma', name, chunks, truth=converted,
                       says='converted from gamma',
                       wrong=[('gamma is passed over', truth.flat())])


SRGB = chunk('sRGB', b'\0')
P3 = chunk('cHRM', struct.pack('>8I', 31270, 32900, 68000, 32000, 26500,
                               69000, 15000, 6000))


def gammas():
    """Within 5 % of sRGB's, a gamma is taken for that."""
    for gamma in 0.35, 0.45, 0.55, 0.7, 1.0, 2.5:
        for kind, depth, trns in ((GRAY, 16, 0), (RGB, 8, 0), (PALETTE, 4, 0),
                                  (PALETTE, 8, [0, 90]), (RGB, 16, 'key'),
                                  (GRAY_ALPHA, 8, 0), (RGBA, 16, 0)):
            name = name_of(kind, depth, 'trns' if trns else '', 'gama', gamma)
            yield light_case(Source(name, kind, depth, trns=trns), name,
                             None if gamma == 0.45 else gamma, gama(gamma))
    icc = profile(b'RGB ')
    for name, gamma, chunks in (
            ('srgb-over-gama', None, SRGB + gama(1)),
            ('gama-before-srgb', None, gama(1) + SRGB),
            ('chrm', None, P3), ('gama-chrm', 1, gama(1) + P3),
            ('gama-0', None, gama(0)),
            ('cicp-srgb', None, chunk('cICP', bytes([1, 13, 0, 1]))),
            ('cicp-over-gama', None,
             chunk('cICP', bytes([1, 13, 0, 1])) + gama(1)),
            ('cicp-linear', 1, chunk('cICP', bytes([1, 8, 0, 1]))),
            ('cicp-2.8', 1 / 2.8, chunk('cICP', bytes([1, 5, 0, 1])))):
        yield light_case(Source(name, RGB, 8), name, gamma, chunks,
                         'primaries' if P3 in chunks else None)
    s = Source('icc over gamma', RGB, 8)
    yield s.case('gamma', 'icc-over-gama',
                 gama(1) + chunk('iCCP', b'x\0\0' + zlib.compress(icc)),
                 truth=s.with_blobs(icc=icc))


# ------------------------------------------------------------------- packing

def filters():
    rules = {'none': [0], 'sub': [1], 'up': [2], 'average': [3],
             'paeth': [4], 'mixed': [0, 1, 2, 3, 4], 'mixed-2': [4, 3, 1, 2]}
    for kind, depth in (GRAY, 1), (GRAY, 4), (GRAY, 8), (RGB, 8), (RGBA, 16):
        for word, rule in rules.items():
            name = name_of(kind, depth, 'filter', word)
            yield Source(name, kind, depth).case(
                'filters', name, filters=rule,
                interlaced=int(word == 'mixed-2'))


def suggested(name, depth, entries):
    item = '>4BH' if depth == 8 else '>5H'
    return chunk('sPLT', name + b'\0' + bytes([depth]) + b''.join(
        struct.pack(item, *[40 * i] * 3, 255, i) for i in range(entries)))


def palettes():
    plte = chunk('PLTE', bytes(range(216)) * 3)
    for kind, depth in (RGB, 8), (RGB, 16), (RGBA, 8), (RGBA, 16):
        name = name_of(kind, depth, 'plte')
        yield Source(name, kind, depth).case('suggested palettes', name, plte)
    for kind, depth in (GRAY, 8), (RGB, 16), (RGBA, 8), (PALETTE, 8):
        for d in 8, 16:
            name = name_of(kind, depth, 'splt', d)
            yield Source(name, kind, depth).case(
                'suggested palettes', name,
                suggested(b'six', d, 6) + suggested(b'none', d, 0))
    # against the rules, and yet nothing is lost
    yield Source('plte', GRAY, 8).case('suggested palettes', 'gray-8-plte',
                                       plte)
    yield Source('tail', RGB, 8).case('suggested palettes', 'bytes-after',
                                      tail=chunk('IEND') + b'more')
    # entries that are not there, since no sample asks for them
    s = Source('few', PALETTE, 8)
    used = sorted({i for row in s.rows for i in row})
    data = s.plte[8:-4]
    s.plte = chunk('PLTE', b''.join(data[3 * i:3 * i + 3] for i in used))
    s.rows = [[used.index(i) for i in row] for row in s.rows]
    yield s.case('suggested palettes', f'palette-8-of-{len(used)}')


def idat_chunks():
    for kind, depth in (GRAY, 16), (RGB, 16), (PALETTE, 4):
        for word, cut in (('1', [1]), ('2', [2]), ('1-to-n', range(1, 60)),
                          ('n-to-1', range(60, 0, -1)), ('empty', [0, 50, 0]),
                          ('two', [300, 1 << 20]), ('empty-first', [0, 9999]),
                          ('header-cut', [1, 1, 9999])):
            name = name_of(kind, depth, 'idat', word)
            yield Source(name, kind, depth).case('IDAT chunks', name,
                                                 sizes=cut)


def zlib_kinds():
    options = [{'level': n} for n in range(10)]
    options += [{'window': n} for n in range(9, 15)]
    options += [{'strategy': n} for n in (zlib.Z_FILTERED, zlib.Z_RLE,
                                          zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED)]
    for option in options:
        (word, n), = option.items()
        yield Source(f'{word} {n}', RGB, 8).case(
            'zlib', f'rgb-8-{word}-{n}', filters=[2], **option)


# -------------------------------------------------------------------- chunks

def text(keyword, words, language=None, packed=False):
    raw = words.encode('utf-8' if language is not None else 'latin-1')
    if language is not None:
        return chunk('iTXt', keyword.encode() + bytes([0, packed, 0])
                     + language.encode() + b'\0' + keyword.encode() + b'\0'
                     + (zlib.compress(raw) if packed else raw))
    if packed:
        return chunk('zTXt', keyword.encode() + b'\0\0' + zlib.compress(raw))
    return chunk('tEXt', keyword.encode() + b'\0' + raw)


def ancillary():
    def one(kind, depth, word, before=b'', after=b'', tail=b''):
        name = name_of(kind, depth, word)
        return Source(name, kind, depth).case('other chunks', name, before,
                                              after, tail)
    for kind, depth in (RGB, 8), (PALETTE, 8), (GRAY, 4):
        white = struct.pack('>8I', 31270, 32900, 64000, 33000, 30000, 60000,
                            15000, 6000)
        yield one(kind, depth, 'chrm', chunk('cHRM', white))
        for word, data in (('flat', (1, 4, 0)), ('high', (4, 1, 0)),
                           ('square', (1, 1, 0)), ('metre', (999, 999, 1))):
            yield one(kind, depth, 'phys-' + word, after=chunk(
                'pHYs', struct.pack('>IIB', *data)))
        for n, date in enumerate([(1970, 1, 1, 0, 0, 0), (1999, 12, 31, 23,
                                                          59, 60)]):
            yield one(kind, depth, f'time-{n}', tail=chunk(
                'tIME', struct.pack('>H5B', *date)))
        yield one(kind, depth, 'text', text('Title', 'a picture\xe9'),
                  text('Author', 'nobody\nat all', packed=True),
                  text('Comment', '', packed=True) + text('Empty', ''))
        for language, words in (('en', 'words'), ('fi', 'j\u00e4\u00e4'),
                                ('el', '\u03b1\u03b2'), ('hi', '\u0939'),
                                ('ja', '\u65e5\u672c'), ('', '')):
            for packed in 0, 1:
                yield one(kind, depth, f'itxt-{language}-{packed}',
                          text('Title', words, language, packed))
        yield one(kind, depth, 'private', chunk('prVt', b'x' * 99),
                  chunk('zeRo'), chunk('prVt', bytes(5000)))
    for kind, depth in KINDS:
        n = 3 if kind == PALETTE else CHANNELS[kind]
        bits = 8 if kind == PALETTE else depth
        for kept in {max(1, bits // 2), bits}:
            yield one(kind, depth, f'sbit-{kept}',
                      chunk('sBIT', bytes([kept] * n)))
    for depth in 4, 8:
        yield one(PALETTE, depth, 'hist', after=chunk(
            'hIST', struct.pack(f'>{1 << depth}H', *range(1 << depth))))


def blobs():
    """ICC profile, EXIF and XMP come back as they were."""
    group = 'profile, EXIF, XMP'
    for kind, depth in KINDS:
        if depth < 4:
            continue
        is_gray = kind in (GRAY, GRAY_ALPHA)
        name = name_of(kind, depth, 'blobs')
        icc = profile(b'GRAY' if is_gray else b'RGB ', 100 + 3000 * depth)
        packets = {'icc': icc, 'exif': exif(1, is_gray), 'xmp': xmp(1)}
        s = Source(name, kind, depth)
        yield s.case(group, name,
                     chunk('iCCP', b'a name\0\0' + zlib.compress(icc)),
                     chunk('eXIf', packets['exif']),
                     text('XML:com.adobe.xmp', xmp(1).decode(), '', depth == 8),
                     truth=s.with_blobs(**packets))
    for name, kind, space, is_kept in (('gray-of-rgb', GRAY, b'RGB ', True),
                                       ('rgb-of-gray', RGB, b'GRAY', False),
                                       ('rgb-of-cmyk', RGB, b'CMYK', False)):
        icc = profile(space)
        s = Source(name, kind, 8)
        yield s.case(group, 'icc-' + name,
                     chunk('iCCP', b'n\0\0' + zlib.compress(icc, 0)),
                     truth=s.with_blobs(icc=icc if is_kept else b''),
                     says=None if is_kept else 'left out')
    for o in range(1, 9):
        for big in 0, 1:
            s = Source(f'exif {o}', (RGB, GRAY_ALPHA)[big], (8, 16)[big])
            truth = s.with_blobs(exif=exif(1, big), xmp=xmp(1))
            truth = Truth(rows_of(turned(truth.pixels(), o)),
                          truth.channels, truth.bits, **truth.blobs)
            yield s.case(group, f'orientation-{o}-{"MM" if big else "II"}',
                         chunk('eXIf', exif(o, big)), tail=text(
                             'XML:com.adobe.xmp', xmp(o).decode(), ''),
                         truth=truth, interlaced=big)


# -------------------------------------------------------------- random sizes

def random_sizes(count):
    """Both sides up to 513, each power of two as likely as any other."""
    for i in range(count):
        rng = random.Random(i)
        width, height = (min(513, int(2 ** rng.uniform(0, 9.01)))
                         for _ in range(2))
        if i < 5:
            width, height = ((1, 1), (513, 1), (1, 513), (513, 64),
                             (513, 513))[i]
        kind = (GRAY, GRAY_ALPHA, RGB, RGBA)[i % 4]
        depth = rng.choice((8, 16))
        rules = [0, 1, 2, 3, 4] if width * height < 5000 else [2, 0, 1, 2]
        name = f'{i:03}-{width}x{height}-{name_of(kind, depth)}'
        yield Source(name, kind, depth, width, height).case(
            'random sizes', name, filters=rules, level=1,
            interlaced=int(width * height < 20000 and rng.random() < 0.3))


# ----------------------------------------------------------------------- bad

def pieces(kind=RGB, depth=8, **options):
    s = Source('bad', kind, depth, 24, 24)
    raw = scanlines(s.rows, kind, depth, **options)
    head = chunk('IHDR', header(24, 24, kind, depth,
                                options.get('interlaced', 0)))
    return head, raw, s.plte


DAMAGED, UNSUPPORTED, LIMIT = 3, 4, 7


def bad():
    head, raw, _ = pieces()
    packed = deflated(raw)
    idat, iend = chunk('IDAT', packed), chunk('IEND')
    good = SIGNATURE + head + idat + iend

    def case(name, code, *parts):
        return Case('bad PNG', f'bad-{name}.png', b''.join(parts), code=code)

    def of(name, code, ihdr, rest=idat + iend):
        return case(name, code, SIGNATURE, chunk('IHDR', ihdr), rest)

    for at, byte in (0, 9), (1, 81), (3, 103), (6, 32):
        yield case(f'signature-{at}', UNSUPPORTED, good[:at], bytes([byte]),
                   good[at + 1:])
    yield case('signature-cr-added', UNSUPPORTED,
               good.replace(b'\n', b'\r\n'))
    yield case('signature-lf-only', UNSUPPORTED, good.replace(b'\r\n', b'\n'))
    yield case('signature-7-bits', UNSUPPORTED, bytes(v & 127 for v in good))
    yield case('signature-half', UNSUPPORTED, SIGNATURE[:5])
    yield case('empty', DAMAGED)
    yield case('only-signature', DAMAGED, SIGNATURE)
    yield case('only-header', DAMAGED, SIGNATURE, head)
    yield case('no-header', DAMAGED, SIGNATURE, idat, iend)
    yield case('second-header', DAMAGED, SIGNATURE, head, head, idat, iend)
    for depth in 0, 3, 5, 32, 99:
        yield of(f'depth-{depth}', DAMAGED, header(24, 24, RGB, depth))
    for kind, depth in (1, 8), (5, 8), (7, 8), (9, 8), (255, 8), (RGB, 4), \
            (PALETTE, 16), (GRAY_ALPHA, 4), (RGBA, 2):
        yield of(f'colour-type-{kind}-{depth}', DAMAGED,
                 header(24, 24, kind, depth))
    for word, ihdr in (('compression-1', header(24, 24, RGB, 8, 0, (1, 0))),
                       ('filter-1', header(24, 24, RGB, 8, 0, (0, 1))),
                       ('interlace-2', header(24, 24, RGB, 8, 2)),
                       ('width-0', header(0, 24, RGB, 8)),
                       ('height-0', header(24, 0, RGB, 8)),
                       ('width-2^31', header(1 << 31, 24, RGB, 8)),
                       ('header-of-12', header(24, 24, RGB, 8)[:12]),
                       ('header-of-14', header(24, 24, RGB, 8) + b'\0')):
        yield of(word, DAMAGED, ihdr)
    yield of('too-large', LIMIT, header(1 << 20, 1 << 20, RGB, 8))
    yield of('rows-missing', DAMAGED, header(24, 25, RGB, 8))
    yield case('no-idat', DAMAGED, SIGNATURE, head, iend)
    yield case('no-iend', DAMAGED, SIGNATURE, head, idat)
    yield case('empty-idat', DAMAGED, SIGNATURE, head, chunk('IDAT'), iend)
    for word, part in ('header', head), ('idat', idat), ('iend', iend):
        spoilt = part[:-1] + bytes([part[-1] ^ 1])
        yield case('crc-' + word, DAMAGED, good.replace(part, spoilt))
    for word, name in ('text', 'tEXt'), ('gamma', 'gAMA'), ('exif', 'eXIf'):
        yield case('crc-' + word, DAMAGED, SIGNATURE, head,
                   chunk(name, b'abcd', 1), idat, iend)
    for word, data in (('adler', packed[:-1] + bytes([packed[-1] ^ 1])),
                       ('zlib-method', b'\x79' + packed[1:]),
                       ('zlib-check', packed[:1] + b'\0' + packed[2:]),
                       ('zlib-cut', packed[:-5]),
                       ('zlib-dictionary', b'\x78\xbb' + packed[2:]),
                       ('zlib-nonsense', packed[:2] + b'\xff' * 200),
                       ('filter-byte', deflated(b'\5' + raw[1:])),
                       ('filter-byte-255', deflated(raw[:73] + b'\xff'
                                                    + raw[74:]))):
        yield case(word, DAMAGED, SIGNATURE, head, idats(data), iend)
    for n in 20, 33, 45, len(good) // 2, len(good) - 13, len(good) - 1:
        yield case(f'cut-at-{n}', DAMAGED, good[:n])
    yield case('chunk-of-2^31', DAMAGED, SIGNATURE, head, b'\x80\0\0\0tEXt',
               idat, iend)
    yield case('chunk-name', DAMAGED, SIGNATURE, head, chunk('te\x01t'),
               idat, iend)
    yield case('critical-chunk', DAMAGED, SIGNATURE, head, chunk('ABCD'),
               idat, iend)
    yield case('idat-in-parts', DAMAGED, SIGNATURE, head,
               chunk('IDAT', packed[:50]), chunk('tEXt', b'a\0b'),
               chunk('IDAT', packed[50:]), iend)
    yield from bad_palettes(case)
    yield from other_kinds(case, head, idat, iend)


def bad_palettes(case):
    head, raw, plte = pieces(PALETTE, 4)
    idat, iend = idats(deflated(raw)), chunk('IEND')
    for word, parts in (('missing', [idat]), ('empty', [chunk('PLTE'), idat]),
                        ('of-4-bytes', [chunk('PLTE', b'abcd'), idat]),
                        ('twice', [plte, plte, idat]),
                        ('late', [idat, plte])):
        yield case('palette-' + word, DAMAGED, SIGNATURE, head, *parts, iend)


def other_kinds(case, head, idat, iend):
    """Good files that are not for us."""
    control = chunk('fcTL', struct.pack('>IIIIIHHBB', 0, 24, 24, 0, 0, 1, 9,
                                        0, 0))
    for n in 1, 2:
        actl = chunk('acTL', struct.pack('>II', n, 0))
        frame = chunk('fdAT', struct.pack('>I', 1) + idat[8:-4])
        yield case(f'apng-{n}', UNSUPPORTED, SIGNATURE, head, actl, control,
                   idat, frame if n > 1 else b'', iend)
    for word, code in (('pq', (9, 16, 0, 1)), ('hlg', (9, 18, 0, 1)),
                       ('video', (1, 1, 1, 1)), ('narrow', (1, 13, 0, 0))):
        yield case('cicp-' + word, UNSUPPORTED, SIGNATURE, head,
                   chunk('cICP', bytes(code)), idat, iend)
    yield case('mng', UNSUPPORTED, b'\x8aMNG\r\n\x1a\n', head, idat, iend)
    yield case('jng', UNSUPPORTED, b'\x8bJNG\r\n\x1a\n', head, idat, iend)


def good(count):
    for group in (basic, sizes, backgrounds, transparency,
                  broken_transparency, gammas, filters, palettes,
                  idat_chunks, zlib_kinds, ancillary, blobs):
        yield from group()
    yield from random_sizes(count)
