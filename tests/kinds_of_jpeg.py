# SPDX-License-Identifier: BSD-2-Clause
"""JPEG files of every kind, good and bad: by cjpeg, which codes the samples,
and put together here, which gives all that cjpeg cannot (CMYK, odd samplings,
segments).
"""
import random
import shutil
import struct
import subprocess

from kinds_pictures import (Case, Truth, exif, joined, plane, profile,
                            rows_of, smooth, tagged, turned, xmp)

CJPEG = 'cjpeg'
DAMAGED, UNSUPPORTED, LIMIT = 3, 4, 7
SOI, EOI = b'\xff\xd8', b'\xff\xd9'


def why_not(lacking):
    if 'jpeg' in lacking:
        return 'no libjpeg in this build'
    if not shutil.which(CJPEG):
        return f'no {CJPEG} (Debian: libjpeg-turbo-progs)'
    return None


# --------------------------------------------------------------------- files

def cjpeg(rows, n, *options):
    """n: samples a pixel, 1 or 3."""
    head = f'P{5 if n == 1 else 6} {len(rows[0]) // n} {len(rows)} 255\n'
    done = subprocess.run(
        [CJPEG, *(() if '-quality' in options else ('-quality', '90')),
         *options],
        input=head.encode() + bytes(v for row in rows for v in row),
        capture_output=True, check=True)
    return done.stdout


def segment(code, data):
    return bytes([0xff, code]) + struct.pack('>H', len(data) + 2) + data


def parts_of(data):
    """[(code, segment)], then what follows the header of the first scan."""
    at, out = 2, []
    while not out or out[-1][0] != 0xda:
        size, = struct.unpack('>H', data[at + 2:at + 4])
        out.append((data[at + 1], data[at:at + 2 + size]))
        at += 2 + size
    return out, data[at:]


def only(parts, *codes):
    return b''.join(part for code, part in parts if code in codes)


def with_segments(data, *segments):
    return data[:2] + b''.join(segments) + data[2:]


def reduced(rows, across, down):
    """Means of blocks."""
    out = []
    for y in range(0, len(rows), down):
        band = [sum(column) for column in zip(*rows[y:y + down])]
        n = len(rows[y:y + down])
        out.append([sum(band[x:x + across]) // (n * len(band[x:x + across]))
                    for x in range(0, len(band), across)])
    return out


def frame(width, height, samplings, ids, depth=8, code=0xc0):
    data = struct.pack('>BHHB', depth, height, width, len(samplings))
    for i, (h, v) in zip(ids, samplings):
        data += bytes([i, h << 4 | v, 0])
    return segment(code, data)


def put_together(planes, samplings, head=b'', ids=b'\1\2\3\4\5', times=1,
                 options=(), **frame_options):
    """One scan for each component, which is a gray picture of its own."""
    most = [max(s[i] for s in samplings) for i in (0, 1)]
    scans, tables = [], b''
    for i, rows, (h, v) in zip(ids, planes, samplings):
        small = reduced(rows, most[0] // h, most[1] // v)
        parts, rest = parts_of(cjpeg(small, 1, '-quality', '95', *options))
        tables = tables or only(parts, 0xdb)
        scans.append(only(parts, 0xc4, 0xdd)
                     + segment(0xda, bytes([1, i, 0, 0, 63, 0])) + rest[:-2])
    return (SOI + head + tables
            + frame(len(planes[0][0]), len(planes[0]), samplings, ids,
                    **frame_options)
            + b''.join(scans * times) + EOI)


def adobe(transform):
    return segment(0xee, b'Adobe' + struct.pack('>HHHB', 100, 0, 0, transform))


JFIF = segment(0xe0, b'JFIF\0\1\1\0\0\1\0\1\0\0')


def app1(data):
    return segment(0xe1, b'Exif\0\0' + data)


def app1_xmp(data):
    return segment(0xe1, b'http://ns.adobe.com/xap/1.0/\0' + data)


def app2(icc, n=1, order=None):
    """A profile in n parts."""
    size = -(-len(icc) // n)
    return b''.join(
        segment(0xe2, b'ICC_PROFILE\0' + bytes([i + 1, n])
                + icc[size * i:size * (i + 1)]) for i in order or range(n))


# ------------------------------------------------------------------ contents

def picture(seed, n=3, width=45, height=35):
    return smooth(random.Random(seed), width, height, n, 255)


def case(group, name, data, rows, n=3, bound=None, wrong=(), says=None,
         **blobs):
    small = min(len(rows), len(rows[0]) // n) < 24
    return Case('JPEG, ' + group, f'jpeg-{name}.jpg', data,
                Truth(rows, n, 8, **blobs), bound or (8 if small else 3),
                wrong, says)


def planes_of(rows):
    return [[row[c::3] for row in rows] for c in range(3)]


def clipped(v):
    return max(0, min(255, int(v + 0.5)))


def ycc(rows):
    """Planes of Y'CbCr, as JFIF has it."""
    out = [[], [], []]
    for row in rows:
        pixels = list(zip(row[0::3], row[1::3], row[2::3]))
        luma = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in pixels]
        out[0].append([clipped(y) for y in luma])
        out[1].append([clipped(128 + (p[2] - y) / 1.772)
                       for y, p in zip(luma, pixels)])
        out[2].append([clipped(128 + (p[0] - y) / 1.402)
                       for y, p in zip(luma, pixels)])
    return out


# -------------------------------------------------------------------- coding

# Of at most 10 blocks together, or cjpeg does not take them.
SAMPLINGS = ('1x1', '2x1', '1x2', '2x2', '4x1', '1x4', '4x2', '2x4', '3x1',
             '1x3', '3x2,1x1,3x1', '2x2,1x2,1x1', '2x2,2x1,1x2', '2x1,1x1,2x1',
             '1x1,2x2,2x2', '2x2,2x1,2x2')


def samplings():
    for sampling in SAMPLINGS:
        for mode in 'baseline', 'progressive', 'arithmetic':
            name = f'{sampling}-{mode}'
            rows = picture(name)
            yield case('samplings', name, cjpeg(
                rows, 3, '-sample', sampling, '-' + mode), rows)
    for sampling in '1x1', '2x1', '1x2', '2x2', '4x1', '1x4':
        for width, height in ((1, 1), (2, 3), (5, 7), (8, 8), (9, 16),
                              (17, 15), (31, 33), (64, 3)):
            name = f'{sampling}-{width}x{height}'
            rows = picture(name, 3, width, height)
            yield case('samplings', name,
                       cjpeg(rows, 3, '-sample', sampling), rows)


# Bounds of colours where JPEG itself loses much.
ROUGH = {'quality-1': 50, 'quality-5': 12, 'tables-of-8-bits': 18}
CODINGS = (
    [(f'quality-{q}', ('-quality', str(q)))
     for q in (1, 5, 25, 50, 75, 95, 100)]
    + [('baseline', ()), ('optimised', ('-optimize',)),
       ('progressive', ('-progressive',)), ('arithmetic', ('-arithmetic',)),
       ('progressive-arithmetic', ('-progressive', '-arithmetic')),
       ('restart-rows', ('-restart', '1')),
       ('restart-blocks', ('-restart', '1B')),
       ('restart-progressive', ('-restart', '2B', '-progressive')),
       ('restart-arithmetic', ('-restart', '2B', '-arithmetic')),
       ('dct-fast', ('-dct', 'fast')), ('dct-float', ('-dct', 'float')),
       ('tables-of-8-bits', ('-quality', '2', '-baseline'))])


def codings():
    for word, options in CODINGS:
        for n, more in (1, ()), (3, ()), (3, ('-rgb',)):
            name = f'{"gray" if n == 1 else "rgb" if more else "ycc"}-{word}'
            rows = picture(name, n)
            yield case('coding', name, cjpeg(rows, n, *options, *more), rows,
                       n, ROUGH.get(word))
    rows = picture('gray 2x2', 1)
    yield case('coding', 'gray-2x2', cjpeg(rows, 1, '-sample', '2x2'), rows, 1)
    rows = picture('gray of colour')
    gray = ycc(rows)[0]
    yield case('coding', 'gray-of-colour', cjpeg(rows, 3, '-grayscale'), gray,
               1)


# ------------------------------------------------------------------ segments

def segments():
    def one(word, change, n=3, **blobs):
        rows = picture(word, n)
        return case('segments', word, change(cjpeg(rows, n)), rows, n, **blobs)

    def without_jfif(data):
        parts, rest = parts_of(data)
        return SOI + b''.join(p for c, p in parts if c != 0xe0) + rest

    yield one('no-jfif', without_jfif)
    yield one('adobe', lambda d: with_segments(without_jfif(d), adobe(1)))
    yield one('jfif-and-adobe', lambda d: with_segments(d, adobe(1)))
    yield one('comments', lambda d: with_segments(
        d, segment(0xfe, b'words'), segment(0xfe, b''),
        segment(0xfe, bytes(65533))))
    yield one('other-segments', lambda d: with_segments(
        d, *[segment(0xe0 + i, b'other' * 50) for i in range(1, 16)]))
    yield one('fill-bytes', lambda d: d.replace(b'\xff\xdb', b'\xff' * 9
                                                + b'\xdb'))
    yield one('bytes-after', lambda d: d + b'more\xff\xd8\xff')
    for n in 1, 3:
        gray = n == 1
        icc = profile(b'GRAY' if gray else b'RGB ', 70000)
        for count, order in (2, None), (3, None), (3, (2, 0, 1)), (255, None):
            name = f'icc-{n}-{count}' + ('-shuffled' if order else '')
            yield one(name, lambda d: with_segments(
                d, app2(icc, count, order)), n, icc=icc)
        small = profile(b'GRAY' if gray else b'RGB ', 500)
        yield one(f'icc-{n}-1', lambda d: with_segments(d, app2(small)), n,
                  icc=small)
        yield one(f'all-{n}', lambda d: with_segments(
            d, app1(exif(1, gray)), app1_xmp(xmp(1)), app2(small, 2)), n,
            icc=small, exif=exif(1, gray), xmp=xmp(1))
        # what cannot be used is left out
        for word, bad in (('icc-part-missing', app2(icc, 3, (0, 2))),
                          ('icc-part-twice', app2(icc, 2, (0, 1, 1))),
                          ('icc-cmyk', app2(profile(b'CMYK', 500)))):
            yield one(f'{word}-{n}', lambda d: with_segments(d, bad), n,
                      says='left out')
    for o in range(10):
        for big in 0, 1:
            n = 1 if big else 3
            name = f'orientation-{o}-{"MM" if big else "II"}'
            rows = picture(name, n)
            data = with_segments(cjpeg(rows, n), app1(exif(o, big)),
                                 app1_xmp(xmp(o)))
            good = 1 <= o <= 8
            truth = Truth(rows, n, 8)
            rows = rows_of(turned(truth.pixels(), o)) if good else rows
            yield case('segments', name, data, rows, n,
                       exif=exif(1 if good else o, big),
                       xmp=xmp(1 if good else o))


# ------------------------------------------------------------ put together

def components():
    def one(word, planes, rows, head, *samplings, **options):
        return case('put together', word, put_together(
            planes, samplings, head, **options), rows)

    rows = picture('apart')
    wide = picture('apart wide', 3, 120, 72)
    yield one('scans-apart', ycc(rows), rows, JFIF, *[(1, 1)] * 3)
    yield one('scans-apart-restart', ycc(rows), rows, JFIF, *[(1, 1)] * 3,
              options=('-restart', '2B'))
    for s in ([(4, 4), (1, 1), (1, 1)], [(4, 4), (2, 1), (1, 4)],
              [(1, 1), (4, 4), (2, 2)], [(3, 3), (1, 3), (3, 1)],
              [(2, 2), (1, 1), (2, 2)], [(2, 2), (2, 2), (1, 1)]):
        word = 'sampling-' + '-'.join(f'{h}x{v}' for h, v in s)
        yield one(word, ycc(wide), wide, JFIF, *s)
    yield one('rgb-by-letters', planes_of(rows), rows, b'', *[(1, 1)] * 3,
              ids=b'RGB')
    yield one('rgb-by-adobe', planes_of(rows), rows, adobe(0), *[(1, 1)] * 3)
    yield one('ycc-by-adobe', ycc(rows), rows, adobe(1), *[(1, 1)] * 3,
              ids=b'RGB')
    yield one('ycc-ids-0', ycc(rows), rows, JFIF, *[(1, 1)] * 3,
              ids=b'\0\1\2')


# ---------------------------------------------------------------------- CMYK

# L*, a*, b* of each ink alone, beside white; inks add up, so that it does not
# matter how a table of them is interpolated.
INKS = ((-15, -20, -25), (-20, 30, -5), (-5, 0, 40), (-60, 0, 0))


def lab_of(inks):
    return [(100, 0, 0)[i] + sum(v * ink[i] for v, ink in zip(inks, INKS))
            for i in range(3)]


def cmyk_profile():
    table = b''
    for corner in range(16):                     # the last ink varies fastest
        l, a, b = lab_of([corner >> 3 - i & 1 for i in range(4)])
        table += struct.pack('>3H', round(l * 652.8), round(a * 256 + 32768),
                             round(b * 256 + 32768))
    straight = struct.pack('>2H', 0, 65535)
    lut = (b'mft2\0\0\0\0' + bytes([4, 3, 2, 0])
           + struct.pack('>9i', *[65536 * (i % 4 == 0) for i in range(9)])
           + struct.pack('>2H', 2, 2) + straight * 4 + table + straight * 3)
    white = b'XYZ \0\0\0\0' + struct.pack('>3i', 63190, 65536, 54061)
    return tagged(b'CMYK', [(b'A2B0', lut), (b'wtpt', white)], b'prtr',
                  b'Lab ')


def srgb_of(inks):
    """By way of XYZ of D50."""
    l, a, b = lab_of(inks)
    fy = (l + 16) / 116
    xyz = []
    for f, white in (fy + a / 500, 0.9642), (fy, 1), (fy - b / 200, 0.8249):
        xyz.append(white * (f ** 3 if f > 6 / 29
                            else (f - 4 / 29) * 108 / 841))
    out = []
    for row in ((3.1338561, -1.6168667, -0.4906146),
                (-0.9787684, 1.9161415, 0.0334540),
                (0.0719453, -0.2289914, 1.4052427)):
        v = min(1, max(0, sum(m * c for m, c in zip(row, xyz))))
        v = 12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055
        out.append(int(v * 255 + 0.5))
    return out


def seen(planes):
    return [[v for inks in zip(*rows)
             for v in srgb_of([i / 255 for i in inks])]
            for rows in zip(*planes)]


def inverted(rows):
    return [[255 - v for v in row] for row in rows]


def cmyk():
    rng = random.Random('inks')
    planes = [plane(rng, 48, 40, low, high) for low, high in (
        (10, 90), (60, 160), (130, 250), (10, 130))]
    rows, icc = seen(planes), app2(cmyk_profile())
    wrong = [('inks inverted', Truth(seen(list(map(inverted, planes))), 3,
                                     8).flat())]
    stored = list(map(inverted, planes))         # as Adobe has it
    luma = ycc(joined(planes[:3])) + stored[3:]
    whole = [(1, 1)] * 4
    for word, parts, head, samplings in (
            ('cmyk', planes, b'', whole),
            ('cmyk-adobe', stored, adobe(0), whole),
            ('ycck', luma, adobe(2), whole),
            ('ycck-2x2', luma, adobe(2), [(2, 2), (1, 1), (1, 1), (2, 2)]),
            ('ycck-2x1', luma, adobe(2), [(2, 1), (1, 1), (1, 1), (2, 1)])):
        yield case('CMYK', word, put_together(parts, samplings, head + icc),
                   rows, wrong=wrong, says='CMYK')
        yield case('CMYK', word + '-turned', put_together(
            parts, samplings, head + app1(exif(6, 1)) + icc),
            rows_of(turned(Truth(rows, 3, 8).pixels(), 6)), says='CMYK',
            exif=exif(1, 1))


# ----------------------------------------------------------------------- bad

def bad():
    def case_of(word, code, data):
        return Case('bad JPEG', f'bad-jpeg-{word}.jpg', data, code=code)

    rows = picture('bad')
    planes, gray = ycc(rows), [row[0::3] for row in rows]
    for word, options in (('baseline', ()), ('progressive', ('-progressive',)),
                          ('arithmetic', ('-arithmetic',))):
        data = cjpeg(rows, 3, *options)
        for n in 2, 3, 4, 20, 200, len(data) // 2, len(data) - 2:
            yield case_of(f'{word}-cut-at-{n}', UNSUPPORTED if n < 3
                          else DAMAGED, data[:n])
    data = cjpeg(rows, 3)
    parts, rest = parts_of(data)
    yield case_of('data-missing', DAMAGED,
                  data[:-len(rest)] + rest[:len(rest) // 2] + EOI)
    yield case_of('no-quantization', DAMAGED, SOI + b''.join(
        p for c, p in parts if c != 0xdb) + rest)
    yield case_of('no-frame', DAMAGED, SOI + b''.join(
        p for c, p in parts if c != 0xc0) + rest)
    yield case_of('no-scan', DAMAGED, SOI + b''.join(
        p for c, p in parts if c != 0xda) + EOI)
    yield case_of('two-frames', DAMAGED, SOI + b''.join(
        p * (1 + (c == 0xc0)) for c, p in parts) + rest)
    restarts = cjpeg(rows, 3, '-restart', '1B')
    yield case_of('restart-lost', DAMAGED,
                  restarts.replace(b'\xff\xd3', b'', 1))
    yield case_of('restart-swapped', DAMAGED,
                  restarts.replace(b'\xff\xd3', b'\xff\xd6', 1))
    yield case_of('signature', UNSUPPORTED, b'\xff\xd9' + data[2:])
    yield case_of('begins-with-a-blank', UNSUPPORTED, b' ' + data)

    def one(word, status, parts, samplings, head=JFIF, **options):
        return case_of(word, status, put_together(parts, samplings, head,
                                                **options))
    three = [(1, 1)] * 3
    yield one('2-components', UNSUPPORTED, planes[:2], three[:2])
    yield one('5-components', UNSUPPORTED, [gray] * 5, [(1, 1)] * 5)
    yield one('12-bits', UNSUPPORTED, planes, three, depth=12)
    yield one('16-bits', UNSUPPORTED, planes, three, depth=16)
    for code in 0xc3, 0xc5, 0xc6, 0xc7, 0xcb, 0xcd, 0xce, 0xcf:
        yield one(f'sof-{code:x}', UNSUPPORTED, planes, three, code=code)
    yield one('200-scans', LIMIT, planes, three, times=67)
    yield one('ids-twice', DAMAGED, planes, three, ids=b'\1\1\2')
    whole = put_together(planes, three, JFIF)
    scans = [i for i in range(len(whole)) if whole[i:i + 2] == b'\xff\xda']
    for i in 1, 2:
        yield case_of(f'component-{i}-missing', DAMAGED,
                      whole[:scans[i]] + EOI)
    at = whole.index(frame(45, 35, three, b'\1\2\3'))
    for word, i, value in (('height-0', 5, b'\0\0'), ('width-0', 7, b'\0\0'),
                           ('sampling-0', 11, b'\0'),
                           ('sampling-5', 11, b'\x51')):
        yield case_of(word, DAMAGED, whole[:at + i] + value
                      + whole[at + i + len(value):])
    # 3 to 2 is no whole number
    fraction = frame(45, 35, [(3, 1), (2, 1), (1, 1)], b'\1\2\3')
    yield case_of('fractional', UNSUPPORTED,
                  whole.replace(frame(45, 35, three, b'\1\2\3'), fraction))
    four, plain = [*planes, gray], [(1, 1)] * 4
    for word, head in (
            ('cmyk', b''), ('cmyk-adobe', adobe(0)), ('ycck', adobe(2)),
            ('cmyk-rgb-profile', app2(profile(b'RGB '))),
            ('cmyk-no-tables', app2(profile(b'CMYK')))):
        yield one(word, UNSUPPORTED, four, plain, head)


def good(lacking):
    for group in samplings, codings, segments, components:
        yield from group()
    if 'lcms' not in lacking:
        yield from cmyk()
