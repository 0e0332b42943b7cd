# SPDX-License-Identifier: BSD-2-Clause
"""PNG, from its specification: written in every way that it has, and read as
far as ndec writes it (8 or 16 bits, not interlaced), with all checks.
"""
import operator
import struct
import sys
import zlib
from array import array
from itertools import accumulate

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
SIGNATURE = b'\x89PNG\r\n\x1a\n'
# first column and row, steps of columns and rows
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
         (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name, data=b'', wrong_crc=0):
    body = name.encode() + data
    return (struct.pack('>I', len(data)) + body
            + struct.pack('>I', zlib.crc32(body) ^ wrong_crc))


def header(width, height, kind, depth, interlaced=0, methods=(0, 0)):
    return struct.pack('>IIBBBBB', width, height, depth, kind, *methods,
                       interlaced)


# ------------------------------------------------------------------- writing

def big_endian(values):
    a = array('H', values)
    if sys.byteorder == 'little':
        a.byteswap()
    return a.tobytes()


def packed(row, depth):
    if depth == 8:
        return bytes(row)
    if depth == 16:
        return big_endian(row)
    n = 8 // depth
    row = list(row) + [0] * (-len(row) % n)
    return bytes(sum(v << 8 - depth * (k + 1)
                     for k, v in enumerate(row[i:i + n]))
                 for i in range(0, len(row), n))


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(rule, row, above, step):
    left = (bytes(step) + row)[:len(row)]
    if rule == 0:
        guess = bytes(len(row))
    elif rule == 1:
        guess = left
    elif rule == 2:
        guess = above
    elif rule == 3:
        guess = [a + b >> 1 for a, b in zip(left, above)]
    else:
        guess = map(paeth, left, above, (bytes(step) + above)[:len(row)])
    return bytes([rule]) + bytes([v - g & 255 for v, g in zip(row, guess)])


def passes(rows, n, interlaced):
    """What is coded one after the other: pictures of their own."""
    if not interlaced:
        return [rows]
    width = len(rows[0]) // n
    return [[[v for x in range(x0, width, dx) for v in row[x * n:x * n + n]]
             for row in rows[y0::dy]]
            for x0, y0, dx, dy in ADAM7 if x0 < width and y0 < len(rows)]


def scanlines(rows, kind, depth, interlaced=0, filters=(0,)):
    """Filtered rows; `filters` are taken in turns."""
    n = CHANNELS[kind]
    step = max(1, n * depth // 8)
    out, k = [], 0
    for part in passes(rows, n, interlaced):
        above = None
        for row in part:
            row = packed(row, depth)
            out.append(filtered(filters[k % len(filters)], row,
                                above or bytes(len(row)), step))
            above, k = row, k + 1
    return b''.join(out)


def deflated(data, level=6, window=15, strategy=0):
    z = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
    return z.compress(data) + z.flush()


def idats(data, sizes=()):
    """IDAT chunks of these sizes, over and over; a 0 is an empty one."""
    out, at, k = [], 0, 0
    while at < len(data) or k == 0:
        n = sizes[k % len(sizes)] if sizes else len(data)
        out.append(chunk('IDAT', data[at:at + n]))
        at, k = at + n, k + 1
    return b''.join(out)


def write(rows, kind, depth, head=b'', tail=b'', interlaced=0, filters=(0,),
          sizes=(), **zlib_options):
    """head, tail: chunks before and after the picture."""
    width = len(rows[0]) // CHANNELS[kind]
    data = deflated(scanlines(rows, kind, depth, interlaced, filters),
                    **zlib_options)
    return (SIGNATURE
            + chunk('IHDR', header(width, len(rows), kind, depth, interlaced))
            + head + idats(data, sizes) + tail + chunk('IEND'))


# ------------------------------------------------------------------- reading

def need(good, why):
    if not good:
        raise ValueError(why)


def chunks(data):
    need(data[:8] == SIGNATURE, 'no signature')
    at = 8
    while at < len(data):
        need(len(data) - at >= 12, 'half a chunk')
        size, = struct.unpack('>I', data[at:at + 4])
        body = data[at + 4:at + 8 + size]
        crc = data[at + 8 + size:at + 12 + size]
        need(crc == struct.pack('>I', zlib.crc32(body)), 'a checksum')
        yield body[:4].decode(), body[4:]
        at += 12 + size


def unfiltered(rule, row, above, step):
    if rule == 0:
        return row
    if rule == 1:
        out = bytearray(row)
        for i in range(step):
            out[i::step] = bytes(v & 255 for v in accumulate(row[i::step]))
        return bytes(out)
    if rule == 2:
        return bytes([v & 255 for v in map(operator.add, row, above)])
    need(rule <= 4, f'filter {rule}')
    out = bytearray(step) + row
    corner = bytes(step) + above
    for i, b in enumerate(above):
        guess = (out[i] + b >> 1 if rule == 3
                 else paeth(out[i], b, corner[i]))
        out[i + step] = out[i + step] + guess & 255
    return bytes(out[step:])


def inflated(data, size):
    z = zlib.decompressobj()
    raw = z.decompress(data)
    need(z.eof and not z.unused_data and len(raw) == size,
         f'{len(raw)} bytes of samples, not {size}')
    return raw


def samples(raw, height, row_size, step, depth):
    above, rows = bytes(row_size), []
    for y in range(height):
        at = y * (row_size + 1)
        above = unfiltered(raw[at], raw[at + 1:at + 1 + row_size], above,
                           step)
        rows.append(above)
    out = array('B' if depth == 8 else 'H', b''.join(rows))
    if depth == 16 and sys.byteorder == 'little':
        out.byteswap()
    return out


def read(data):
    """Width, height, colour type, depth, samples, {name: [data]}."""
    found, names = {}, []
    for name, body in chunks(data):
        if name not in names[-1:]:
            names.append(name)
        found.setdefault(name, []).append(body)
    need(names[0] == 'IHDR' and names[-1] == 'IEND'
         and names.count('IDAT') == 1, f'chunks {names}')
    width, height, depth, kind, *rest = struct.unpack('>IIBBBBB',
                                                      found['IHDR'][0])
    need(width and height and depth in (8, 16) and kind in CHANNELS
         and kind != PALETTE and rest == [0, 0, 0], 'a header')
    step = CHANNELS[kind] * depth // 8
    raw = inflated(b''.join(found['IDAT']), height * (width * step + 1))
    return (width, height, kind, depth,
            samples(raw, height, width * step, step, depth), found)
