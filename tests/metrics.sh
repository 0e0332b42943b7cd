#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The metrics program against a second implementation, with numpy: made pairs
# of pictures, and JPEG of Kodak's where that is at hand.
set -u
python=/usr/bin/python3
name="metrics agree with numpy"
if ! $python -c 'import numpy' 2>/dev/null; then
    echo "skip $name: no numpy (Debian: python3-numpy)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
script=$top_srcdir/tests/picture_metrics.py
kodak=$top_srcdir/../shared/data/kodak
[ -d "$kodak" ] || kodak=
$python "$script" make "$tmp" ${kodak:+"$kodak"} || exit 1
failed=0 pairs=0
for a in "$tmp"/*.a.pnm; do
    b=${a%.a.pnm}.b.pnm pair=${a##*/}
    ours=$("$top_builddir/metrics" "$a" "$b") || exit 1
    theirs=$($python "$script" "$a" "$b") || exit 1
    echo "${pair%.a.pnm}: ours $ours, numpy's $theirs"
    pairs=$((pairs + 1))
    echo "$ours $theirs" | awk '
        function differ(a, b) { return a - b > 1e-4 || b - a > 1e-4 }
        NF != 8 { exit 1 }
        {
            for (i = 1; i <= 4; i++)
                if ($i == "-" ? $(i + 4) != "nan" : $i == "inf" \
                    ? $(i + 4) != "inf" : differ($i, $(i + 4)))
                    exit 1
        }' || failed=$((failed + 1))
done
if [ $failed = 0 ] && [ $pairs -ge 10 ]; then
    echo "ok $name: $pairs pairs"
else
    echo "not ok $name: $failed of $pairs pairs"
    exit 1
fi
