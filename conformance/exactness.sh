#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every stream in testvectors/ must give the symbols and samples listed beside
# it: with 1 and 2 threads, by every set of kernels that this machine runs, and,
# where $QEMU_NDEC is an emulated ndec, on another architecture.
#
# exactness.sh --make  writes the streams and the list anew (needs `convert`).
set -eu
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$PWD}
vectors=$top/testvectors
NENC_MODEL_PATH=${NENC_MODEL_PATH:-$top/models}
export NENC_MODEL_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

hash_of() {
    sha256sum "$1" | cut -d' ' -f1
}

# make_vector NAME PICTURE QUALITY WHAT
make_vector() {
    "$build/nenc" -f --quiet -q "$3" "$vectors/$2" \
        -o "$vectors/$1.nenc"
    symbols=$("$build/ndec" --symbols "$vectors/$1.nenc" | cut -d' ' -f1)
    "$build/ndec" -f --quiet "$vectors/$1.nenc" -o "$work/x.pnm"
    echo "$1 $symbols $(hash_of "$work/x.pnm") $4"
}

if [ "${1-}" = --make ]; then
    {
        echo "# name, SHA-256 of the symbols, SHA-256 of the samples as PNM, what"
        for q in 0 25 50 75 100; do
            make_vector "parrot-q$q" parrot-64x48.ppm $q "colour, quality $q"
        done
        make_vector parrot-gray parrot-64x48.pgm 50 "gray"
        make_vector parrot-odd parrot-37x23.ppm 60 "odd dimensions"
        make_vector pixel pixel.ppm 50 "one pixel"
    } >"$work/list"
    mv "$work/list" "$vectors/vectors.txt"
    exit
fi

# check NAME COMMAND...: decodes to the listed hashes?
check() {
    label=$1
    shift
    bad=
    while read -r name symbols samples what; do
        case $name in '#') continue ;; esac
        got=$("$@" --symbols "$vectors/$name.nenc" 2>&1 </dev/null) || true
        "$@" -f --quiet "$vectors/$name.nenc" -o "$work/x.pnm" </dev/null ||
            : >"$work/x.pnm"
        if [ "${got%% *}" != "$symbols" ]; then
            bad="$bad $name(symbols)"
        elif [ "$(hash_of "$work/x.pnm")" != "$samples" ]; then
            bad="$bad $name(samples)"
        fi
    done <"$vectors/vectors.txt"
    if [ -z "$bad" ]; then
        echo "ok $label"
    else
        echo "not ok $label:$bad"
        failed=1
    fi
}

failed=0
for threads in 1 2; do
    check "exactness, $threads threads" "$build/ndec" --threads $threads
done
# NENC_KERNELS names the kernels; ndec --version says which it took.
for kernels in portable avx2 avx512 neon; do
    NENC_KERNELS=$kernels
    export NENC_KERNELS
    if "$build/ndec" --version | grep -q "kernels: $kernels"; then
        check "exactness, $kernels kernels" "$build/ndec"
    else
        echo "skip exactness, $kernels kernels: not on this machine"
    fi
done
unset NENC_KERNELS
if [ -n "${QEMU_NDEC-}" ]; then
    # shellcheck disable=SC2086  # a command with words
    check "exactness, emulated: $QEMU_NDEC" $QEMU_NDEC
    NENC_KERNELS=portable
    export NENC_KERNELS
    # shellcheck disable=SC2086
    check "exactness, emulated, portable: $QEMU_NDEC" $QEMU_NDEC
else
    echo "skip exactness, emulated: no \$QEMU_NDEC (./check builds one)"
fi

# The encoder, too.
"$build/nenc" -f --quiet --threads 2 -q 50 "$vectors/parrot-64x48.ppm" \
    -o "$work/x.nenc"
if cmp -s "$work/x.nenc" "$vectors/parrot-q50.nenc"; then
    echo "ok encoder gives the stored stream"
else
    echo "not ok encoder gives the stored stream"
    failed=1
fi
exit $failed
