#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nenc and ndec as a user meets them: exit codes, what is never overwritten,
# what is never left behind, pipes, signals, help and manual pages.  Each case
# is a function that runs in an empty folder of its own.
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"

clean() {
    for f in .nenc-*; do
        [ ! -e "$f" ] || fail "left behind: $f"
    done
}

picture() {       # a PPM of 8x6
    printf 'P6\n8 6\n255\n%0144d' 7
}

# Streams for the cases that decode; none without a model.
picture >"$tmp/a.ppm"
have_model=yes
$NENC "$tmp/a.ppm" -o "$tmp/a.nenc" 2>"$tmp/err" || have_model=no

setup() {
    [ $have_model = yes ] || skip "no model to code with"
    cp "$tmp/a.ppm" "$tmp/a.nenc" .
}

# ------------------------------------------------------------------ the words

help_fits_a_screen() {
    for program in "$NENC" "$NDEC"; do
        expect 0 $program --help
        awk 'length > 79 { exit 1 } END { exit NR > 24 || NR < 8 }' out ||
            fail "--help is no screen of 24 lines by 80"
        [ ! -s err ]
        expect 0 $program --help=all
        [ "$(wc -l <out)" -gt 24 ] || fail "--help=all is short"
        expect 0 $program --version
        grep -q "^$(basename "$program") [0-9]*\.[0-9]*\.[0-9]*$" out ||
            fail "no version line"
    done
}

# Options as a help or a manual page lists them.
options_of_help() {
    $1 --help=all | sed -n 's/^  \(-.,\|   \) \(--[a-z-]*\).*/\1 \2/p' |
        sed 's/^ *//; s/, */ /' | LC_ALL=C sort
}

options_of_manual() {
    awk 'after { print } { after = /^\.TP/ }' "$1" |
        sed 's/\\//g; s/"//g' |
        sed -n 's/^\.[BIR]* *\(-.\) *, *\(--[a-z-]*\).*/\1 \2/p
                t
                s/^\.[BIR]* *\(--[a-z-]*\).*/\1/p' | LC_ALL=C sort
}

manuals_list_the_options() {
    for name in nenc ndec neval; do
        case $name in
        nenc) program=$NENC ;;
        ndec) program=$NDEC ;;
        neval) program=$build/neval ;;
        esac
        options_of_help "$program" >help
        options_of_manual "$src/doc/$name.1" >manual
        [ -s help ]
        diff help manual || fail "doc/$name.1 and --help differ"
    done
}

misuse() {
    picture >a.ppm
    for args in '' '--nonsense a.ppm' '-x a.ppm' 'a.ppm -' 'a.ppm -q 101' \
        'a.ppm -q -1' 'a.ppm -q x' 'a.ppm -q' 'a.ppm --quality=' \
        '--json=1 a.ppm' '--help=some' 'a.ppm --threads 9999' \
        'a.ppm --max-pixels 99999999999999999999' 'a.ppm -o - --json' \
        'a.ppm --bpp 0' 'a.ppm --bpp x' 'a.ppm --psnr 30 -q 3' \
        'a.ppm --size 9 --bpp 1' 'a.ppm --msssim 1.1' 'a.ppm -q 1e' \
        'a.ppm -q .' 'a.ppm --size 0' \
        'a.ppm --suffix=' 'a.ppm --suffix /x' '- -o ./'; do
        expect 2 $NENC $args
        [ "$(wc -l <err)" = 2 ] || fail "not two lines for: $args"
        [ ! -s out ]
    done
    for args in '' '-' 'a.nenc -o b' 'a.nenc -o b.jpg' 'a.nenc -o -' \
        'a.nenc -o jpeg:-' 'a.nenc --info --test' 'a.nenc --test -o x.png' \
        'a.nenc -o png:' 'a.nenc -o ppm:- --json' 'a.nenc --format jpeg' \
        'a.nenc --format x' 'a.nenc --format ppm -o pnm:x'; do
        expect 2 $NDEC $args
        [ "$(wc -l <err)" = 2 ] || fail "not two lines for: $args"
    done
    [ "$(ls)" = "$(printf 'a.ppm\nerr\nout')" ] || fail "files: $(ls)"
}

# ------------------------------------------------------------------ bad inputs

wrong_inputs() {
    mkdir folder
    : >empty
    echo 'P7 and so on' >a.pam
    echo 'just some text, long enough to hold a signature' >text
    printf 'P6\n8 6\n255\n%0143d' 7 >short.ppm
    expect 1 $NENC nowhere.png -o x
    says '^nenc: nowhere.png: No such file'
    expect 1 $NENC folder -o x
    expect 3 $NENC empty -o x
    expect 3 $NENC short.ppm -o x
    says '^nenc: short.ppm: '
    expect 4 $NENC a.pam -o x
    says 'PAM'
    expect 4 $NENC text -o x
    picture >a.ppm
    expect 7 $NENC a.ppm -o x --max-pixels 47
    expect 1 $NDEC nowhere.nenc -o x.ppm
    expect 3 $NDEC empty -o x.ppm
    expect 3 $NDEC text -o x.ppm
    says '^ndec: text: '
    expect 3 $NDEC a.ppm -o x.ppm
    [ ! -e x ] && [ ! -e x.ppm ] || fail "an output was made"
    clean
}

no_model() {
    mkdir empty
    echo text >bad.safetensors
    picture >a.ppm
    for place in empty nowhere bad.safetensors; do
        expect 5 $NENC a.ppm -o x --model $place
        [ ! -e x ]
    done
    setup
    expect 5 $NDEC a.nenc -o x.ppm --model empty
    says "^ndec: a.nenc: needs .* model [0-9a-f]\{16\}"
    says 'searched'
    says 'empty/'
    [ ! -e x.ppm ]
    clean
}

codecs() {
    picture >a.ppm
    expect 2 $NENC a.ppm -o x --codec nothing
    says "^nenc: there is no codec 'nothing'; there are: hyperprior"
    [ ! -e x ]
    setup
    expect 0 $NENC a.ppm -o b.nenc --codec hyperprior
    cmp a.nenc b.nenc
    expect 0 $NDEC --info --json a.nenc
    ! grep -q builtin out || fail "a model is needed: $(cat out)"
}

# Networks are in the stream: no file is looked for, and a broken one in the
# first place of all is not seen.
no_model_needed() {
    expect 0 $NENC --codec overfit -e 1 "$tmp/a.ppm" -o o.nenc
    mkdir empty
    echo text >bad.safetensors
    cp "$tmp/a.ppm" .
    NENC_MODEL_PATH=$PWD/bad.safetensors
    export NENC_MODEL_PATH
    expect 5 $NENC a.ppm -o x.nenc
    expect 0 $NENC --codec=overfit -e 1 a.ppm -o x.nenc --verify --json
    cmp o.nenc x.nenc
    grep -q '"codec": "overfit"' out && grep -q '"builtin": 1' out &&
        grep -q '"model_id": "0000000000000000"' out || fail "$(cat out)"
    ! grep -q '"model":' out || fail "a model: $(cat out)"
    expect 2 $NENC --codec overfit a.ppm -o y.nenc --model bad.safetensors
    says 'no --model for it'
    expect 0 $NENC --codec overfit -e 1 a.ppm -o y.nenc --psnr 25 -v
    says '^target .*PSNR'
    says '^model .*overfit.* no file needed'
    expect 0 $NDEC o.nenc -o x.ppm -v
    says '^model .*no file needed'
    # other streams may need the model that is named
    expect 0 $NDEC o.nenc -o y.ppm --model empty
    cmp x.ppm y.ppm
    expect 0 $NDEC --info o.nenc
    grep -q '^codec *overfit' out && grep -q '^model *none is needed' out ||
        fail "$(cat out)"
    expect 0 $NDEC --test --json o.nenc
    grep -q '"builtin": 1' out && ! grep -q '"model":' out ||
        fail "$(cat out)"
    clean
}

cut_streams() {
    setup
    size=$(wc -c <a.nenc)
    for n in 1 7 8 20 $((size / 2)) $((size - 1)); do
        head -c $n a.nenc >cut.nenc
        expect 3 $NDEC cut.nenc -o x.ppm
        expect 3 $NDEC --test cut.nenc
        [ ! -e x.ppm ] || fail "an output was made"
    done
    expect 7 $NDEC a.nenc -o x.ppm --max-pixels 47
    clean
}

# --------------------------------------------------------------- good outputs

usual_names() {
    setup
    mkdir b
    mv a.ppm b
    expect 0 $NENC b/a.ppm
    cmp a.nenc b/a.nenc
    [ ! -s err ] && [ ! -s out ] || fail "not silent"
    cp a.nenc ./-x.nenc
    expect 0 $NDEC -o ppm:-y -- -x.nenc
    [ -s ./-y ]
    expect 0 $NDEC a.nenc
    if [ -f a.png ]; then
        expect 0 $NENC a.png -o again.nenc
    else
        expect 0 $NENC a.pnm -o again.nenc
    fi
    clean
}

formats_agree() {
    setup
    expect 0 $NDEC a.nenc -o x.ppm
    expect 0 $NDEC a.nenc -o ppm:y
    cmp x.ppm y
    expect 0 $NDEC a.nenc -o x.pnm
    cmp x.ppm x.pnm
    expect 2 $NDEC a.nenc -o x.pgm
    [ ! -e x.pgm ]
    head -c 11 x.ppm | cmp - "$tmp/head" || fail "not an 8x6 PPM"
    printf 'P5\n8 6\n255\n%048d' 7 >gray.pgm
    expect 0 $NENC gray.pgm
    expect 0 $NDEC gray.nenc -o g.pgm
    expect 0 $NDEC gray.nenc -o g.ppm
    [ "$(head -c 2 g.pgm)$(head -c 2 g.ppm)" = P5P6 ]
    clean
}
printf 'P6\n8 6\n255\n' | head -c 11 >"$tmp/head"

pipes() {
    setup
    $NENC - -o - <a.ppm >b.nenc
    cmp a.nenc b.nenc
    cat a.ppm | $NENC - >c.nenc
    cmp a.nenc c.nenc
    expect 0 $NDEC a.nenc -o x.ppm
    cat a.nenc | $NDEC - -o ppm:- | cmp - x.ppm
    mkfifo fifo
    cat fifo >got &
    expect 0 $NDEC a.nenc -o ppm:fifo
    wait $!
    cmp got x.ppm
    [ -p fifo ] || fail "the pipe was replaced"
    expect 0 $NDEC a.nenc -o ppm:/dev/null
    [ -c /dev/null ] || fail "/dev/null was replaced"
}

reports() {
    setup
    expect 0 $NDEC --info a.nenc
    grep -q '8x6' out
    expect 0 $NDEC --info --json a.nenc
    grep -q '"width": 8' out
    expect 0 $NDEC --test a.nenc
    [ ! -s out ] && [ ! -s err ]
    expect 0 $NDEC --symbols a.nenc
    grep -q '^[0-9a-f]\{64\}$' out
    expect 0 $NENC a.ppm -o b.nenc --json -v -q 30
    grep -q '"quality": 30' out
    says 'bpp'
    [ "$(ls)" = "$(printf 'a.nenc\na.ppm\nb.nenc\nerr\nout')" ] ||
        fail "files: $(ls)"
}

# number NAME: of the report in `out`
number() {
    sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" out
}

# near VALUE WANTED SHARE
near() {
    awk -v v="$1" -v w="$2" -v s="$3" \
        'BEGIN { exit !(v >= w * (1 - s) && v <= w * (1 + s)) }' ||
        fail "$1 is not within $3 of $2"
}

lenient_inputs() {
    setup
    photo=$src/testvectors/houses.png
    $NENC --version | grep -q '^reads:.* png' || skip "no PNG in this build"
    head -c 90000 "$photo" >cut.png
    expect 3 $NENC cut.png -o x.nenc
    [ ! -e x.nenc ]
    expect 3 $NENC cut.png -o x.nenc --lenient
    says '^nenc: cut.png: damaged or cut'
    expect 0 $NDEC --test x.nenc
    head -c 20 "$photo" >cut.png
    expect 3 $NENC cut.png -o y.nenc --lenient
    [ ! -e y.nenc ]
}

targets() {
    setup
    photo=$src/testvectors/houses.png
    $NENC --version | grep -q '^reads:.* png' || skip "no PNG in this build"
    for size in 9000 18000; do
        expect 0 $NENC "$photo" -o x.nenc -f --json --size $size
        [ "$(wc -c <x.nenc)" -le $size ] || fail "over $size bytes"
        near "$(wc -c <x.nenc)" $size 0.01
        [ "$(number bytes)" = "$(wc -c <x.nenc)" ]
    done
    expect 0 $NENC "$photo" -o x.nenc -f --json --bpp 0.8
    near "$(number bpp)" 0.8 0.01
    expect 0 $NENC "$photo" -o x.nenc -f --json --psnr 31.5 --verify
    near "$(number psnr)" 31.5 0.001
    expect 0 $NDEC x.nenc -o x.png
    if [ -x "$build/metrics" ]; then
        near "$("$build/metrics" "$photo" x.png | cut -d' ' -f1)" 31.5 0.001
    fi
    expect 0 $NENC "$photo" -o x.nenc -f --json --msssim 0.97
    near "$(number reached)" 0.97 0.001
    # the quality found gives the same file; what cannot be had is told
    expect 0 $NENC "$photo" -o y.nenc -q "$(number quality)"
    cmp x.nenc y.nenc
    expect 0 $NENC "$photo" -o x.nenc -f --size 100
    says 'nothing comes closer to 100 bytes than'
    expect 4 $NENC a.ppm -o x.nenc -f --msssim 0.9
    says 161
    expect 0 $NENC a.ppm -f --verify
    expect 0 $NENC --verify - <a.ppm
    cmp out a.nenc
}

previews() {
    setup
    expect 0 $NDEC --scale 1/8 a.nenc -o x.ppm
    [ "$(head -c 11 x.ppm)" = "$(printf 'P6\n1 1\n255')" ] || fail "not 1x1"
    expect 2 $NDEC --scale 1/4 a.nenc -o y.ppm
    expect 2 $NDEC --scale 1/8 --crop 1x1+0+0 a.nenc -o y.ppm
    [ ! -e y.ppm ]
}

crops() {
    setup
    expect 0 $NDEC a.nenc -o x.ppm
    expect 0 $NDEC a.nenc --crop 3x2+5+4 -o y.ppm
    { printf 'P6\n3 2\n255\n'; tail -c +$((11 + 3 * (4 * 8 + 5) + 1)) x.ppm |
        head -c 9; tail -c 9 x.ppm; } | cmp - y.ppm
    expect 2 $NDEC a.nenc --crop 9x2+0+0 -o z.ppm
    expect 2 $NDEC a.nenc --crop 3x2 -o z.ppm
    [ ! -e z.ppm ]
}

leniency() {
    setup
    expect 0 $NDEC a.nenc --lenient -o whole.ppm
    head -c 40 a.nenc >cut.nenc
    expect 3 $NDEC cut.nenc --lenient -o x.ppm
    [ ! -e x.ppm ] || fail "a picture of nothing"
}

# ----------------------------------------------------------- files are sacred

existing_files_are_kept() {
    setup
    echo precious >x.ppm
    expect 1 $NDEC a.nenc -o x.ppm
    says '^ndec: x.ppm: .*-f'
    [ "$(cat x.ppm)" = precious ] || fail "overwritten"
    expect 0 $NDEC a.nenc -fo x.ppm
    [ "$(head -c 2 x.ppm)" = P6 ]
    cp a.ppm keep.ppm
    expect 1 $NENC a.ppm
    clean
    # an old file outlives a failure, even with -f
    head -c 20 a.nenc >cut.nenc
    expect 3 $NDEC cut.nenc -f -o x.ppm
    [ "$(head -c 2 x.ppm)" = P6 ]
    clean
}

output_is_input() {
    picture >a.ppm
    cp a.ppm keep.ppm
    ln a.ppm hard.ppm
    ln -s a.ppm soft.ppm
    for out in a.ppm ./a.ppm hard.ppm soft.ppm; do
        expect 1 $NENC a.ppm -f -o $out
        says 'is the input'
    done
    expect 1 $NENC - -f -o a.ppm <a.ppm
    cmp a.ppm keep.ppm
    clean
}

links_are_followed() {
    setup
    mkdir sub
    echo old >sub/real.ppm
    ln -s sub/real.ppm link.ppm
    expect 1 $NDEC a.nenc -o link.ppm
    expect 0 $NDEC a.nenc -f -o link.ppm
    [ -h link.ppm ] || fail "the link was replaced"
    [ "$(head -c 2 sub/real.ppm)" = P6 ]
    clean
}

modes() {
    setup
    umask 027
    expect 0 $NDEC a.nenc -o x.ppm
    [ "$(ls -l x.ppm | cut -c 1-10)" = -rw-r----- ] || fail "$(ls -l x.ppm)"
}

unwritable_folder() {
    [ "$(id -u)" != 0 ] || skip "root writes everywhere"
    picture >a.ppm
    mkdir locked
    chmod 555 locked
    expect 1 $NENC a.ppm -o locked/x.nenc
    says '^nenc: locked/x.nenc: '
}

missing_folder() {
    picture >a.ppm
    expect 1 $NENC a.ppm -o nowhere/x.nenc
    says '^nenc: nowhere/x.nenc: .*No such file'
    mkdir -p x.nenc y/a.nenc
    expect 1 $NENC a.ppm -f -o y
    setup
    expect 0 $NENC a.ppm -o x.nenc
    expect 0 $NENC a.ppm -o new/er/
    cmp a.nenc x.nenc/a.nenc
    cmp a.nenc new/er/a.nenc
}

full_disk() {
    [ -c /dev/full ] || skip "no /dev/full"
    for program in "$NENC" "$NDEC"; do
        rc=0
        $program --help >/dev/full 2>err || rc=$?
        [ $rc = 1 ] || fail "--help: exit $rc"
        says 'No space left'
    done
    setup
    expect 1 $NDEC a.nenc -o ppm:/dev/full
    says '^ndec: /dev/full: No space left'
    rc=0
    $NENC a.ppm -o - >/dev/full 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc"
    says '^nenc: standard output: No space left'
    rc=0
    $NDEC --info a.nenc >/dev/full 2>err || rc=$?
    [ $rc = 1 ] || fail "--info: exit $rc"
}

# A limit on the size of files stands for a disk that fills up under way.
file_size_limit() {
    setup
    rc=0
    said=$( (ulimit -f 0 && exec $NENC a.ppm -o x.nenc) 2>&1) || rc=$?
    [ $rc = 1 ] || fail "exit $rc: $said"
    case $said in
    "nenc: x.nenc: "*) ;;
    *) fail "said: $said" ;;
    esac
    [ ! -e x.nenc ]
    clean
}

closed_pipe() {
    setup
    { sleep 1; rc=0; $NDEC a.nenc -o ppm:- 2>err || rc=$?; echo $rc >rc; } | :
    [ "$(cat rc)" = 1 ] || fail "exit $(cat rc)"
    says 'Broken pipe'
}

closed_streams() {
    setup
    rc=0
    $NDEC a.nenc -o ppm:- 2>err >&- || rc=$?
    [ $rc = 1 ] || fail "exit $rc"
    # no file may take the place of the closed stream
    $NENC a.ppm -o b.nenc -v 2>&- >&-
    cmp a.nenc b.nenc
}

# Killed while it waits for the rest of its input.
signals_leave_nothing() {
    setup
    mkfifo fifo
    size=$(wc -c <a.nenc)
    $NDEC - -o ppm:x.ppm <fifo 2>err &
    pid=$!
    exec 3>fifo
    head -c $((size - 1)) a.nenc >&3
    n=0
    while ! ls .nenc-*.tmp >/dev/null 2>&1; do
        n=$((n + 1))
        [ $n -lt 30 ] || fail "no temporary file in 30 seconds"
        sleep 1
    done
    kill -TERM $pid
    rc=0
    wait $pid || rc=$?
    exec 3>&-
    [ $rc = 143 ] || fail "exit $rc"
    [ ! -e x.ppm ]
    clean
}

# ------------------------------------------------------------------------ run

run_cases help_fits_a_screen manuals_list_the_options misuse wrong_inputs \
    no_model codecs no_model_needed cut_streams usual_names formats_agree pipes reports lenient_inputs targets \
    previews crops \
    leniency \
    existing_files_are_kept output_is_input links_are_followed modes \
    unwritable_folder missing_folder full_disk file_size_limit closed_pipe \
    closed_streams signals_leave_nothing
