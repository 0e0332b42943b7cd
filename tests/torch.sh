#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The C programs against PyTorch (compare_torch.py).
set -u
python=/usr/bin/python3
if ! $python -c 'import numpy, torch' 2>/dev/null; then
    echo "skip models agree with PyTorch: none here (Debian: python3-torch)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
$python "$top_srcdir/tests/compare_torch.py" "$top_builddir/nmodel" \
    "$top_builddir/dump" "$tmp"
