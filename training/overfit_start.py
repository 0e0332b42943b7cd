# SPDX-License-Identifier: BSD-2-Clause
"""Writes codecs/overfit/overfit_start_data.c from what conformance/fit_start
found.

    training/overfit_start.py SIZE:QUALITY:FILE...

SIZE is an index into overfit_sizes.  The order is that of the starts in streams:
new ones go to the end.  Not here: finding them.
"""
import sys
import textwrap

UNIT = 1024


def numbers(path):
    values = [round(float(line) * UNIT) for line in open(path)]
    if max(map(abs, values)) > 32767:
        sys.exit(f"{path}: a value is too large")
    return values


def main():
    names, text = [], []
    for argument in sys.argv[1:]:
        size, quality, path = argument.split(":")
        name = f"size{size}_q{quality}"
        lines = textwrap.fill(", ".join(map(str, numbers(path))), 78,
                              initial_indent="    ", subsequent_indent="    ")
        text.append(f"static const int16_t {name}[] = {{\n{lines}\n}};\n")
        names.append(f"    {{ {size}, {quality}, {name} }},\n")
    print("/* SPDX-License-Identifier: BSD-2-Clause */\n"
          "/* NORMATIVE.  Made by training/overfit_start.py from what\n"
          " * conformance/fit_start found on pictures of free licences\n"
          " * (training/README.md). */\n"
          '#include "overfit_start.h"\n')
    print("\n".join(text))
    print("const overfit_start_set overfit_starts[] = {\n" + "".join(names)
          + "};\n"
          f"const unsigned overfit_n_starts = {len(names)};")


main()
