#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every kind of PNG and JPEG, good and bad, and many sizes, through nenc and
# ndec and back (kinds.py, which makes the files).
#
# NENC_TEST_SMALL=1  60 random sizes and not 300
set -u
build=${top_builddir:-$PWD}
src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
NENC=${NENC:-$build/nenc}
NDEC=${NDEC:-$build/ndec}
NENC_MODEL_PATH=${NENC_MODEL_PATH:-$src/models}
PYTHONDONTWRITEBYTECODE=1
LC_MESSAGES=C
unset LC_ALL
export NENC_MODEL_PATH PYTHONDONTWRITEBYTECODE LC_MESSAGES
python=/usr/bin/python3
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
exec </dev/null

skip() {
    echo "skip kinds of pictures: $1"
    exit 77
}
has() { grep -q "^#define HAVE_$1 1" "$build/config.h"; }
$python -c 'import zlib' 2>/dev/null || skip "no $python (Debian: python3)"
has PNG || skip "no libpng"
printf 'P6\n1 1\n255\nabc' | $NENC - -o - >"$tmp/coded" 2>/dev/null ||
    skip "no model to code with"
KINDS_LACK=
has JPEG || KINDS_LACK="jpeg"
has LCMS || KINDS_LACK="$KINDS_LACK lcms"
export KINDS_LACK
$python "$src/tests/kinds.py" "$tmp/files" "$NENC" "$NDEC"
