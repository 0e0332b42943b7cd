#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Networks that the overfitted codec begins with: overfit_starts.py PICTURES FIT

One picture is made of parts of 48 of PICTURES (a folder) and fitted by FIT
(build/fit_picture), once a size of networks; the numbers go to
codecs/overfit/overfit_start_*.inc.h.  As fit_picture is exact, so is this.
"""
import pathlib
import random
import subprocess
import sys
import tempfile

from PIL import Image

TILE, COLUMNS, ROWS, ITERATIONS = 256, 8, 6, 2000
# name, index into overfit_sizes, and a quality out of those it is used for
SIZES = [("lop", 0, 4), ("mop", 1, 12), ("hop", 2, 52)]
HEAD = """/* SPDX-License-Identifier: BSD-2-Clause */
/* Made by training/overfit_starts.py of pictures that models/README.md names. */
"""


def mosaic(folder):
    chosen = random.Random(7)
    files = sorted(folder.glob("*.webp"))
    chosen.shuffle(files)
    whole = Image.new("RGB", (COLUMNS * TILE, ROWS * TILE))
    n = 0
    for path in files:
        image = Image.open(path).convert("RGB")
        if n == COLUMNS * ROWS or min(image.size) < TILE:
            continue
        x = chosen.randrange(image.width - TILE + 1)
        y = chosen.randrange(image.height - TILE + 1)
        whole.paste(image.crop((x, y, x + TILE, y + TILE)),
                    (n % COLUMNS * TILE, n // COLUMNS * TILE))
        n += 1
    if n < COLUMNS * ROWS:
        sys.exit(f"{folder}: only {n} pictures of {TILE}x{TILE} or more")
    return whole


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    top = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as work:
        picture, numbers = f"{work}/mosaic.png", f"{work}/numbers"
        mosaic(pathlib.Path(sys.argv[1])).save(picture)
        for name, index, quality in SIZES:
            subprocess.run([sys.argv[2], picture, str(quality), str(index),
                            str(ITERATIONS), "0", numbers], check=True)
            to = top / f"codecs/overfit/overfit_start_{name}.inc.h"
            to.write_text(HEAD + pathlib.Path(numbers).read_text())


if __name__ == "__main__":
    main()
