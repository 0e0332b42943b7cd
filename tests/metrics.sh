#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The metrics program against a second implementation, with numpy.
set -u
python=/usr/bin/python3
name="metrics agree with numpy"
if ! $python -c 'import numpy' 2>/dev/null; then
    echo "skip $name: no numpy (Debian: python3-numpy)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
script=$top_srcdir/tests/ms_ssim.py
$python "$script" make "$tmp/a.ppm" "$tmp/b.ppm" || exit 1
ours=$("$top_builddir/metrics" "$tmp/a.ppm" "$tmp/b.ppm") || exit 1
theirs=$($python "$script" "$tmp/a.ppm" "$tmp/b.ppm") || exit 1
echo "ours $ours, numpy's $theirs"
set -- $ours $theirs
if awk "BEGIN { a = $1 - $3; b = $2 - $4
                exit !(a * a < 1e-6 && b * b < 1e-10) }"; then
    echo "ok $name"
else
    echo "not ok $name"
    exit 1
fi
