#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every stream in testvectors/ must give the symbols and samples listed beside
# it: with 1 and 2 threads, by every set of kernels that this machine runs, and
# on other architectures, where $QEMU_NDEC, $QEMU_NENC and $QEMU_HASH_NETS have
# lines that are commands of emulated programs.  Encoders must give the stored
# stream, and networks of all layers must compute what nets.txt says.
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

nets=
for name in attend conv move norm point resample; do
    nets="$nets $top/conformance/corpus/net/$name"
done

hash_of() {
    sha256sum "$1" | cut -d' ' -f1
}

# make_vector NAME PICTURE QUALITY WHAT [OPTION...]
make_vector() {
    name=$1 picture=$2 quality=$3 what=$4
    shift 4
    "$build/nenc" -f --quiet -q "$quality" "$@" "$vectors/$picture" \
        -o "$vectors/$name.nenc"
    symbols=$("$build/ndec" --symbols "$vectors/$name.nenc" | cut -d' ' -f1)
    "$build/ndec" -f --quiet "$vectors/$name.nenc" -o "$work/x.pnm"
    echo "$name $symbols $(hash_of "$work/x.pnm") $what"
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
        make_vector overfit-pixel pixel.ppm 50 "overfit, one pixel" \
            --codec overfit -e 1
        make_vector overfit-odd parrot-37x23.ppm 50 \
            "overfit, odd dimensions" --codec overfit -e 1
        make_vector overfit-gray parrot-64x48.pgm 50 "overfit, gray, hop" \
            --codec overfit -e 3
    } >"$work/list"
    mv "$work/list" "$vectors/vectors.txt"
    "$build/hash_nets" $nets >"$vectors/nets.txt"
    exit
fi

# check NAME COMMAND...: decodes to the listed hashes?
check() {
    label=$1
    shift
    bad=
    while read -r name symbols samples what; do
        case $name in '#') continue ;; esac
        "$@" -f --json "$vectors/$name.nenc" -o "$work/x.pnm" </dev/null \
            >"$work/json" || : >"$work/x.pnm"
        got=$(sed -n 's/.*"symbols": "\([0-9a-f]*\)".*/\1/p' "$work/json")
        if [ "$got" != "$symbols" ]; then
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

# check_nets NAME COMMAND...: networks give what is listed?
check_nets() {
    label=$1
    shift
    # shellcheck disable=SC2086  # a list
    if "$@" $nets </dev/null | diff "$vectors/nets.txt" - >"$work/nets"; then
        echo "ok $label"
    else
        echo "not ok $label:$(sed -n 's/^< .* / /p' "$work/nets" | tr -d '\n')"
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
        check_nets "networks, $kernels kernels" "$build/hash_nets"
    else
        echo "skip exactness, $kernels kernels: not on this machine"
    fi
done
unset NENC_KERNELS
if [ -z "${QEMU_NDEC-}" ]; then
    echo "skip exactness, emulated: no \$QEMU_NDEC (./check builds some)"
fi
# shellcheck disable=SC2086  # a line is a command with words
while read -r command; do
    [ -n "$command" ] || continue
    check "exactness, emulated: $command" $command
    $command --version </dev/null | grep -q 'kernels: portable' && continue
    NENC_KERNELS=portable
    export NENC_KERNELS
    check "exactness, emulated, portable: $command" $command
    unset NENC_KERNELS
done <<END
${QEMU_NDEC-}
END

# check_stream NAME VECTOR PICTURE OPTIONS COMMAND...
check_stream() {
    label=$1 vector=$2 picture=$3 options=$4
    shift 4
    # shellcheck disable=SC2086  # words
    "$@" -f --quiet --threads 2 -q 50 $options "$vectors/$picture" \
        -o "$work/x.nenc" </dev/null || : >"$work/x.nenc"
    if cmp -s "$work/x.nenc" "$vectors/$vector.nenc"; then
        echo "ok $label"
    else
        echo "not ok $label"
        failed=1
    fi
}

# check_encoders WITH COMMAND...
check_encoders() {
    with=$1
    shift
    check_stream "encoder gives the stored stream$with" parrot-q50 \
        parrot-64x48.ppm "" "$@"
    check_stream "overfit gives the stored stream$with" overfit-odd \
        parrot-37x23.ppm "--codec overfit -e 1" "$@"
}
check_encoders "" "$build/nenc"
for kernels in portable avx2; do
    NENC_KERNELS=$kernels
    export NENC_KERNELS
    if "$build/ndec" --version | grep -q "kernels: $kernels"; then
        check_encoders ", $kernels kernels" "$build/nenc"
    fi
done
unset NENC_KERNELS
while read -r command; do
    # shellcheck disable=SC2086
    [ -z "$command" ] || check_encoders ": $command" $command
done <<END
${QEMU_NENC-}
END

while read -r command; do
    # shellcheck disable=SC2086
    [ -z "$command" ] || check_nets "networks, emulated: $command" $command
done <<END
${QEMU_HASH_NETS-}
END
exit $failed
