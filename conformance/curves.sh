#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# curves.sh: the curve of each shipped model on the pictures of testvectors/,
# against the one in conformance/curves/.  A model or an encoder that needs
# over 0.1 % more bits for the same PSNR or MS-SSIM fails.
#
# curves.sh --make  measures the curves anew and keeps them.
set -u
build=${top_builddir:-$PWD}
src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
rc=0

if [ -n "${NENC_TEST_SMALL-}" ]; then
    echo "skip curves of the models: takes long in this build"
    exit 77
fi
if ! grep -q '^#define HAVE_PNG 1' "$build/config.h"; then
    echo "skip curves of the models: no libpng"
    exit 77
fi

# measure LABEL MODEL TABLE
measure() {
    cp "$2" "$tmp/model.safetensors"    # no blanks in its name
    "$build/neval" "$src/testvectors/parrots.png" \
        "$src/testvectors/motocross.png" "$src/testvectors/houses.png" \
        --quiet --own-metrics -c "$1=nenc:--model=$tmp/model.safetensors" \
        --cache "$tmp/cache" -f --csv "$3"
}

# loss METRIC: the BD-rate of the codec called now, from a report in JSON
loss() {
    awk -v key="\"$1\": {\"percent\": " '
        /"name": "now"/ { now = 1 }
        now && (i = index($0, key)) {
            print substr($0, i + length(key)) + 0
            exit
        }' "$tmp/report.json"
}

for model in "$src"/models/*.safetensors; do
    name=${model##*/}
    name=${name%.safetensors}
    kept=$src/conformance/curves/$name.csv
    if [ "${1-}" = --make ]; then
        measure kept "$model" "$kept" || exit 1
        continue
    fi
    if measure now "$model" "$tmp/now.csv" >"$tmp/log" &&
        "$build/neval" merge "$kept" "$tmp/now.csv" --anchor kept \
            --json "$tmp/report.json" >>"$tmp/log"; then
        psnr=$(loss psnr) ms_ssim=$(loss ms_ssim)
        echo "$name: BD-rate against the curve kept: ${psnr:-none} % (PSNR)," \
            "${ms_ssim:-none} % (MS-SSIM)"
    else
        cat "$tmp/log"
        psnr=
    fi
    if [ -n "$psnr" ] && [ -n "$ms_ssim" ] &&
        awk "BEGIN { exit !($psnr <= 0.1 && $ms_ssim <= 0.1) }"; then
        echo "ok curve of $name"
    else
        echo "not ok curve of $name"
        rc=1
    fi
done
exit $rc
