#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A training step in C beside PyTorch's (bench_train_torch.py), taking turns.
set -u
python=/usr/bin/python3
if ! $python -c 'import numpy, torch' 2>/dev/null; then
    echo "skip training beside PyTorch: none here (Debian: python3-torch)"
    exit 0
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
for threads in 1 2; do
    $python "$top_srcdir/conformance/bench_train_torch.py" \
        "$top_builddir/conformance/bench_train" $threads || exit 1
done
