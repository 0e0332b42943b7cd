#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nmodel as a user meets it: exit codes, files whole or not at all, reports.
# Its models are small files whose weights are all the same number.  Each case
# is a function that runs in an empty folder of its own.
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"
NMODEL=${NMODEL:-$build/nmodel}

# What commands have in common: nothing half-made is left, under any name.
only() {
    found=$(ls -A | grep -v '^\(out\|err\)$' | tr '\n' ' ')
    [ "$found" = "${1:+$1 }" ] || fail "there are: $found"
}

# ------------------------------------------------------------ files of tensors

# tensors METADATA <LIST: a safetensors file; lines of LIST are "name d,d,d".
# Every float32 is 0.0115: bytes of 0x3c.
fill=074
tensors() {
    meta=$1 awk '
    { n = split($2, d, ","); size = 4
      for (i = 1; i <= n; i++) size *= d[i]
      text = text sprintf(",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\
\"data_offsets\":[%d,%d]}", $1, $2, at, at + size)
      at += size }
    END { printf "{\"__metadata__\":{%s}%s}", ENVIRON["meta"], text
          print at >"/dev/stderr" }' >"$tmp/head" 2>"$tmp/size"
    n=$(wc -c <"$tmp/head")
    printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256)))\0\0\0\0\0\0"
    cat "$tmp/head"
    head -c "$(cat "$tmp/size")" /dev/zero | tr '\0' "\\$fill"
}

density() {        # of 4 channels; $1 goes before each name
    for k in 0 1 2 3 4; do
        rows=3 cols=3
        [ $k != 0 ] || cols=1
        [ $k != 4 ] || rows=1
        echo "$1matrix$k 4,$rows,$cols"
        echo "$1bias$k 4,$rows,1"
        [ $k = 4 ] || echo "$1factor$k 4,$rows,1"
    done
}

# As training exports it: one layer each way.
raw() {
    {
        echo g_a.c.weight 4,3,3,3
        echo g_a.c.bias 4
        echo g_s.c.weight 12,4,1,1
        echo g_s.c.bias 12
        density y.
    } | tensors '"codec":"hyperprior","entropy":"factorized","params":'\
'"mean,scale","latent_stride":"2","centred":"1","y_family":"density",'\
'"name":"a toy","steps":"7","networks":"net g_a\ninput x 3\nconv c 4 k=3 s=2'\
'\nnet g_s\ninput y 4\nconv c 12 k=1\nshuffle 2\n"'
}

# CompressAI's bmshj2018-factorized, 4 channels wide.
state() {
    {
        for k in 0 2 4 6; do
            cin=4 cout=4
            [ $k != 0 ] || cin=3
            [ $k != 6 ] || cout=3
            echo "g_a.$k.weight 4,$cin,5,5"
            echo "g_a.$k.bias 4"
            echo "g_s.$k.weight 4,$cout,5,5"
            echo "g_s.$k.bias $cout"
            [ $k != 6 ] || continue
            for net in g_a g_s; do
                echo "$net.$((k + 1)).beta 4"
                echo "$net.$((k + 1)).gamma 4,4"
            done
        done
        density entropy_bottleneck._
    } | tensors '"source":"a test"'
}

raw >"$tmp/raw"
state >"$tmp/state"

model() {
    expect 0 "$NMODEL" build "$tmp/raw" -o model
}

# ----------------------------------------------------------------------- cases

help_of_each_command() {
    for command in '' info check build import; do
        expect 0 "$NMODEL" $command --help
        awk 'length > 79 { exit 1 } END { exit NR > 24 || NR < 5 }' out ||
            fail "'$command --help' is no screen of 24 lines by 80"
        [ ! -s err ] || fail "help on stderr"
    done
    expect 0 "$NMODEL" --version
    grep -q '^nmodel [0-9]*\.[0-9]*\.[0-9]*$' out || fail "no version line"
}

manual_lists_the_options() {
    for command in info check build import; do
        "$NMODEL" $command --help=all
    done | sed -n 's/^  \(-.,\|   \) \(--[a-z-]*\).*/\2/p' | sort -u >options
    sed -n 's/\\//g; s/^\.B[IR]* \(-. *", " *\)*\(--[a-z-]*\).*/\2/p' \
        "$src/doc/nmodel.1" | sort -u >manual
    diff options manual || fail "help and manual differ"
}

misuse() {
    expect 2 "$NMODEL"
    says 'no command'
    [ "$(wc -l <err)" = 2 ] || fail "not two lines"
    expect 2 "$NMODEL" frobnicate x
    says "'frobnicate'"
    expect 2 "$NMODEL" info
    says 'no input'
    expect 2 "$NMODEL" info a b
    expect 2 "$NMODEL" info a -o b
    says 'no option -o'
    expect 2 "$NMODEL" info --quality 3 a
    expect 2 "$NMODEL" build "$tmp/raw"
    says 'needs -o'
    expect 2 "$NMODEL" build "$tmp/raw" --json -o -
    only ''
}

build_makes_a_model() {
    expect 0 "$NMODEL" build "$tmp/raw" -o model
    [ ! -s out ] && [ ! -s err ] || fail "it talks"
    only model
    expect 0 "$NMODEL" build "$tmp/raw" -o - && mv out second
    cmp model second || fail "not the same twice"
    expect 0 "$NMODEL" build - -o third <"$tmp/raw"
    cmp model third || fail "not the same from a pipe"
}

build_keeps_what_exists() {
    echo precious >model
    expect 1 "$NMODEL" build "$tmp/raw" -o model
    says 'exists'
    [ "$(cat model)" = precious ] || fail "it is gone"
    expect 0 "$NMODEL" build "$tmp/raw" -o model -f
    expect 0 "$NMODEL" info model
    cp "$tmp/raw" raw
    expect 1 "$NMODEL" build raw -f -o raw
    says 'input itself'
    cmp raw "$tmp/raw" || fail "the input has changed"
}

build_leaves_nothing_of_a_failure() {
    head -c 300 "$tmp/raw" >cut
    expect 5 "$NMODEL" build cut -o model
    only cut
    rm cut
    expect 5 "$NMODEL" build "$tmp/state" -o model
    says 'entropy'
    only ''
    expect 1 "$NMODEL" build missing -o model
    expect 1 "$NMODEL" build "$tmp/raw" -o missing/model
    only ''
}

# Weights that no float16 holds would be infinite: no model comes of them.
build_refuses_weights_too_large() {
    fill=172            # 3e35
    raw >large
    expect 5 "$NMODEL" build large -o model
    only large
}

import_makes_a_model() {
    expect 0 "$NMODEL" import "$tmp/state" -o model -v
    says '^model '
    only model
    expect 0 "$NMODEL" check model
    expect 0 "$NMODEL" info model --json
    grep -q '"name": "bmshj2018-factorized"' out || fail "no name"
    expect 5 "$NMODEL" import "$tmp/raw" -o other
    says 'not a state of'
    only model
}

info_tells() {
    model
    expect 0 "$NMODEL" info model
    for line in '^codec  *hyperprior$' '^name  *a toy$' '^steps  *7$' \
        '^model  *[0-9a-f]\{16\}$' '^  g_a  *1  *112 .*encoder only' \
        '^  g_s  *2  *60 ' '^  y  *4 '; do
        grep -q "$line" out || fail "no line $line: $(cat out)"
    done
    # 108 multiply-adds for 4 pixels, 48 for 4
    awk '$1 == "g_a" { a = $4 } $1 == "g_s" { s = $4 }
         END { exit !(a == 0.027 && s == 0.012) }' out ||
        fail "other multiply-adds: $(cat out)"
    [ ! -s err ] || fail "it talks on stderr"
}

info_in_json() {
    model
    expect 0 "$NMODEL" info --json model
    command -v python3 >/dev/null || return 0
    python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
assert j["codec"] == "hyperprior" and len(j["model_id"]) == 16
assert j["g_a_layers"] == 1 and j["g_a_parameters"] == 112
assert abs(j["g_a_kmac_per_pixel"] - 0.027) < 1e-9 and j["y_tables"] == 4
' out || fail "not the report: $(cat out)"
}

check_gives_the_same_digests() {
    model
    expect 0 "$NMODEL" check model
    mv out first
    grep -q '^samples  *[0-9a-f]\{64\}$' first || fail "no digest"
    expect 0 "$NMODEL" check --threads 4 - <model
    cmp out first || fail "other digests"
    expect 0 "$NMODEL" check --json model
    grep -q "$(awk '/^samples/ { print $2 }' first)" out || fail "other digest"
}

# A byte of each part of the file, another one: a broken model is refused, and
# one that still is a model has another identity, unless the byte is in a
# network that no decoder runs, or in words for people.
check_sees_damage() {
    model
    : >empty
    expect 5 "$NMODEL" check empty
    expect 5 "$NMODEL" check "$tmp/raw"
    says 'nmodel import or build'
    expect 1 "$NMODEL" check missing
    size=$(wc -c <model)
    for cut in 1 8 100 $((size - 1)); do
        head -c "$cut" model >bad
        expect 5 "$NMODEL" check bad
    done
    { cat model; echo; } >bad
    expect 5 "$NMODEL" check bad
    id=$("$NMODEL" check model | awk '/^model/ { print $2 }')
    sed 's/conv c 12 k=1/conv c 12 k=3/' model >bad
    expect 5 "$NMODEL" check bad
    says 'g_s'
    sed 's/"a toy"/"b toy"/' model >other
    expect 0 "$NMODEL" check other
    grep -q "$id" out || fail "a name changes the identity"
    sed 's/"nenc.centred":"1"/"nenc.centred":"0"/' model >other
    expect 0 "$NMODEL" check other
    ! grep -q "$id" out || fail "not another identity"
}

check_full_stdout() {
    [ -w /dev/full ] || return 0
    model
    rc=0
    "$NMODEL" check model >/dev/full 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc"
    rc=0
    "$NMODEL" build "$tmp/raw" -o - >/dev/full 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc"
}

suite=nmodel
run_cases help_of_each_command manual_lists_the_options misuse \
    build_makes_a_model build_keeps_what_exists \
    build_leaves_nothing_of_a_failure build_refuses_weights_too_large \
    import_makes_a_model info_tells info_in_json \
    check_gives_the_same_digests check_sees_damage check_full_stdout
