#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""pages.py COUNT DIR: pictures of pages and windows, full of text, to fine-tune
a model on.  They are the same each time where the same fonts are installed.
Needs Debian's python3-pil; fonts-dejavu and fonts-liberation make it better."""
import glob
import os
import random
import sys

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 832
SYLLABLES = ('ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu '
             'an er in or un st tr bl').split()
INKS = [(0, 0, 0), (40, 40, 40), (0, 0, 120), (120, 0, 0), (0, 90, 0)]


def fonts():
    found = sorted(glob.glob('/usr/share/fonts/truetype/*/*.ttf'))
    return [f for f in found if 'Math' not in f and 'Symbol' not in f]


def word(rng):
    w = ''.join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.1:
        w = str(rng.randint(0, 99999))
    return w.capitalize() if rng.random() < 0.15 else w


def font(rng, files, size):
    if not files:
        return ImageFont.load_default()
    return ImageFont.truetype(rng.choice(files), size)


def paragraph(draw, rng, f, box, ink, step):
    x0, y, x1, y1 = box
    while y + step < y1:
        x = x0
        while True:
            w = word(rng) + ' '
            width = draw.textlength(w, f)
            if x + width > x1:
                break
            draw.text((x, y), w, ink, f)
            x += width
        y += step
        if rng.random() < 0.12:
            y += step
    return y


def table(draw, rng, f, box, ink):
    x0, y0, x1, y1 = box
    rows, cols = rng.randint(3, 9), rng.randint(2, 5)
    for r in range(rows):
        for c in range(cols):
            a = (x0 + (x1 - x0) * c // cols, y0 + (y1 - y0) * r // rows)
            b = (x0 + (x1 - x0) * (c + 1) // cols,
                 y0 + (y1 - y0) * (r + 1) // rows)
            fill = (226, 232, 240) if not r else None
            draw.rectangle((*a, *b), fill, (150, 150, 150))
            draw.text((a[0] + 4, a[1] + 3), word(rng), ink, f)


def page(rng, files):
    paper = rng.choice([(255, 255, 255)] * 3 + [(250, 248, 240)])
    im = Image.new('RGB', (WIDTH, HEIGHT), paper)
    draw = ImageDraw.Draw(im)
    size = rng.randint(11, 17)
    f, ink = font(rng, files, size), rng.choice(INKS[:2])
    margin = rng.randint(24, 60)
    draw.text((margin, 24), ' '.join(word(rng) for _ in range(4)).title(),
              rng.choice(INKS), font(rng, files, size + 10))
    y = 70
    cols = rng.choice([1, 1, 2])
    gap = 20
    width = (WIDTH - 2 * margin - gap * (cols - 1)) // cols
    for c in range(cols):
        x = margin + c * (width + gap)
        split = rng.randint(200, 500)
        paragraph(draw, rng, f, (x, y, x + width, y + split), ink, size + 5)
        if rng.random() < 0.5:
            table(draw, rng, f, (x, y + split + 10, x + width,
                                 y + split + 150), ink)
        paragraph(draw, rng, f, (x, y + split + 165, x + width, HEIGHT - 30),
                  ink, size + 5)
    return im


def window(rng, files):
    im = Image.new('RGB', (WIDTH, HEIGHT), (236, 238, 241))
    draw = ImageDraw.Draw(im)
    accent = tuple(rng.randint(30, 200) for _ in range(3))
    draw.rectangle((0, 0, WIDTH, 34), accent)
    f = font(rng, files, rng.randint(11, 14))
    draw.text((12, 8), ' '.join(word(rng) for _ in range(3)), (255,) * 3, f)
    draw.rectangle((0, 34, 150, HEIGHT), (248, 249, 250), (205, 208, 212))
    for i in range(rng.randint(8, 24)):
        y = 46 + 22 * i
        draw.rounded_rectangle((10, y, 24, y + 14), 3,
                               tuple(rng.randint(60, 220) for _ in range(3)))
        draw.text((32, y), word(rng), (50, 50, 50), f)
    dark = rng.random() < 0.4
    draw.rectangle((160, 44, WIDTH - 10, HEIGHT - 10),
                   (30, 32, 36) if dark else (255, 255, 255), (205, 208, 212))
    ink = (220, 220, 210) if dark else (20, 20, 20)
    y = 54
    while y < HEIGHT - 50:
        indent = 16 * rng.randint(0, 4)
        colour = ink if rng.random() < 0.7 else tuple(
            rng.randint(90, 230) if dark else rng.randint(0, 150)
            for _ in range(3))
        draw.text((172 + indent, y), ' '.join(
            word(rng) for _ in range(rng.randint(1, 7))), colour, f)
        y += 18
    for i in range(rng.randint(0, 3)):
        x = 180 + 130 * i
        draw.rounded_rectangle((x, HEIGHT - 44, x + 110, HEIGHT - 18), 6,
                               accent if not i else (225, 226, 230),
                               (180, 180, 185))
        draw.text((x + 12, HEIGHT - 39), word(rng), (20, 20, 20), f)
    return im


def main():
    count, folder = int(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    files = fonts()
    for i in range(count):
        rng = random.Random(i)
        im = page(rng, files) if i % 2 else window(rng, files)
        im.save(os.path.join(folder, f'page{i:03d}.png'))


if __name__ == '__main__':
    main()
