#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The page that neval writes, in a real browser: of pictures as neval measures
# them here, of sounds with made-up data.
set -u
build=${top_builddir:-$PWD}
src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
python=/usr/bin/python3
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

skip() {
    echo "skip the page in a browser: $1"
    exit 77
}
for program in chromium chromedriver; do
    command -v $program >/dev/null || skip "no $program (Debian: chromium-driver)"
done
$python -c '' 2>/dev/null || skip "no $python"
grep -q '^#define HAVE_PNG 1' "$build/config.h" || skip "no libpng"
NENC_MODEL_PATH=${NENC_MODEL_PATH:-$src/models}
export NENC_MODEL_PATH

gone='gone@1|no-such-program {in.png} {coded.x}|cat {coded.x} {out.png}'
if ! "$build/neval" "$src/testvectors/parrots.png" --cache "$tmp/cache" \
    -c nenc -c 'other=nenc@5,20,40,60,80,95' -c "$gone" --anchor other \
    --html "$tmp/page.html"; then
    echo "not ok the page in a browser: neval failed"
    exit 1
fi
rc=0
# try PAGE WORD: its lines, told apart by the word
try() {
    $python "$src/tests/report_page.py" "$1" >"$tmp/lines" || rc=1
    sed "s/^\(ok\|not ok\|skip\) /\1 page of $2: /" "$tmp/lines"
}
$python "$src/tests/report_page.py" sample "$tmp" || rc=1
try "$tmp/page.html" pictures
try "$tmp/sound.html" sounds
exit $rc
