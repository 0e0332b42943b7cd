#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Gradients of networks and steps of training in C against PyTorch's
# (compare_nets_torch.py, compare_train_torch.py).
set -u
python=/usr/bin/python3
if [ -n "${NENC_TEST_SMALL-}" ]; then
    echo "skip training agrees with PyTorch: the ordinary build compares"
    exit 77
fi
if ! $python -c 'import numpy, torch' 2>/dev/null; then
    echo "skip training agrees with PyTorch: none here (Debian: python3-torch)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
failed=0
$python "$top_srcdir/tests/compare_nets_torch.py" "$top_builddir/dump_net" \
    "$tmp" || failed=1
$python "$top_srcdir/tests/compare_train_torch.py" "$top_builddir/dump_train" \
    "$tmp" || failed=1
exit $failed
