#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Likelihoods, losses and optimisers in C against PyTorch's
# (compare_grad_torch.py).
set -u
python=/usr/bin/python3
if [ -n "${NENC_TEST_SMALL-}" ]; then
    echo "skip gradients agree with PyTorch: the ordinary build compares"
    exit 77
fi
if ! $python -c 'import numpy, torch' 2>/dev/null; then
    echo "skip gradients agree with PyTorch: none here (Debian: python3-torch)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
$python "$top_srcdir/tests/compare_grad_torch.py" "$top_builddir/dump_grad" \
    "$tmp"
