#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nenc and ndec with many files: folders, names of outputs, failures among good
# files, interruptions, reports, and the same bytes as one by one.
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"
suite=many

clean() {
    found=$(find . -name '.nenc-*')
    [ -z "$found" ] || fail "left behind: $found"
}

picture() {       # a PPM of 8x6, of its own kind for each digit
    printf "P6\n8 6\n255\n%0144d" "$1"
}

# files FOLDER: all that lies in it
files() {
    (cd "$1" && find . -type f | LC_ALL=C sort | tr '\n' ' ')
}

# Pictures 1 to 7, and their streams, coded one by one.
mkdir "$tmp/in" "$tmp/one"
have_model=yes
for i in 1 2 3 4 5 6 7; do
    picture $i$i$i >"$tmp/in/p$i.ppm"
    $NENC "$tmp/in/p$i.ppm" -o "$tmp/one/p$i.nenc" 2>"$tmp/err" || have_model=no
done

setup() {
    [ $have_model = yes ] || skip "no model to code with"
    cp -R "$tmp/in" "$tmp/one" .
}

same() {          # same FOLDER: of all seven streams
    for i in 1 2 3 4 5 6 7; do
        cmp "one/p$i.nenc" "$1/p$i.nenc"
    done
}

# ------------------------------------------------------------------- the files

folders() {
    setup
    mkdir in/sub in/sub/deep
    picture 8 >in/sub/q.ppm
    picture 9 >in/sub/deep/r.ppm
    picture 9 >in/.hidden.ppm
    echo text >in/notes.txt
    ln -s .. in/sub/loop
    ln -s ../one/../in/p1.ppm in/link.ppm
    expect 0 $NENC in -o coded
    same coded
    [ "$(ls coded | wc -l)" = 8 ] || fail "out: $(ls coded)"
    cmp coded/link.nenc one/p1.nenc
    expect 0 $NENC in/ -r -o new/er/
    same new/er
    [ "$(files new)" = "./er/link.nenc ./er/p1.nenc ./er/p2.nenc ./er/p3.nenc \
./er/p4.nenc ./er/p5.nenc ./er/p6.nenc ./er/p7.nenc ./er/sub/deep/r.nenc \
./er/sub/q.nenc " ] || fail "new: $(files new)"
    # beside the inputs, and under another suffix
    expect 0 $NENC in -r --suffix .x.nenc
    cmp in/p7.x.nenc one/p7.nenc
    cmp in/sub/deep/r.x.nenc new/er/sub/deep/r.nenc
    # a folder of one file is a folder yet
    expect 0 $NENC in/sub -o alone
    [ "$(files alone)" = "./q.nenc " ]
    [ ! -s err ] || fail "a summary of one file: $(cat err)"
    clean
}

# Streams that need a model among those that do not, with all threads.
codecs_mixed() {
    setup
    expect 0 $NENC --codec overfit -e 1 in/p1.ppm -o p1.nenc
    expect 0 $NENC --codec overfit -e 1 in -o coded
    cmp coded/p1.nenc p1.nenc
    for i in 1 2 3; do
        cp one/p$i.nenc coded/h$i.nenc
    done
    for n in 1 3 16; do
        expect 0 $NDEC coded -o dec$n --format ppm --threads $n
        [ "$(ls dec$n | wc -l)" = 10 ] || fail "$(ls dec$n)"
        $NDEC one/p2.nenc -o ppm:- | cmp - dec$n/h2.ppm
        $NDEC coded/p2.nenc -o ppm:- | cmp - dec$n/p2.ppm
    done
    mkdir empty
    expect 5 $NDEC coded -o without --format ppm --model empty
    [ "$(ls without | wc -l)" = 7 ] || fail "$(ls without)"
    clean
}

same_bytes() {
    setup
    for n in 1 2 5 7 8; do
        expect 0 $NENC in/*.ppm -o by$n --threads $n
        same by$n
        expect 0 $NDEC one -o dec$n --threads $n --format ppm
        for i in 1 2 3 4 5 6 7; do
            $NDEC one/p$i.nenc -o ppm:- | cmp - dec$n/p$i.ppm
        done
    done
    clean
}

# A share of the memory that is too small for any: they come one by one.
little_memory() {
    setup
    m=1
    until $NENC in/p1.ppm -fo x --max-memory ${m}M 2>err; do
        [ $m -lt 4096 ] || fail "$(cat err)"
        m=$((2 * m))
    done
    expect 0 $NENC in -o coded --threads 7 --max-memory ${m}M
    same coded
    until $NDEC one/p1.nenc -fo x.ppm --max-memory ${m}M 2>err; do
        m=$((2 * m))
    done
    expect 0 $NDEC one -o dec --threads 7 --max-memory ${m}M
    [ "$(ls dec | wc -l)" = 7 ]
    [ "$(wc -l <err)" = 1 ] || fail "more than a summary: $(cat err)"
    [ $m = 1 ] || expect 7 $NENC in -o too --threads 7 --max-memory 1M
    clean
}

odd_names() {
    setup
    mkdir odd
    new=$(printf 'new\nline.ppm')
    bad=$(printf 'not\377utf.ppm')
    for name in 'a blank.ppm' -x.ppm --json.ppm "$new" "$bad" 'quo"te\.ppm' \
        '%s.PPM' 'ppm:x.ppm'; do
        cp in/p1.ppm "odd/$name" 2>/dev/null || skip "no such names here"
    done
    expect 0 $NENC odd -o coded --json
    [ "$(wc -l <out)" = 8 ] || fail "not a line a file: $(cat out)"
    for name in 'a blank' -x --json "$(printf 'new\nline')" \
        "$(printf 'not\377utf')" 'quo"te\' '%s' 'ppm:x'; do
        cmp one/p1.nenc "coded/$name.nenc" || fail "no $name"
    done
    cd odd
    expect 0 $NENC -o ../again -- *
    diff -r ../coded ../again
    clean
}

# --------------------------------------------------------------------- clashes

clashes() {
    setup
    mkdir x y
    cp in/p1.ppm x/a.ppm
    cp in/p2.ppm y/a.ppm
    cp in/p2.ppm x/a.pnm
    ln -s x z
    for args in 'x/a.ppm y/a.ppm -o coded' 'x' 'x -o coded' 'x y -r -o coded' \
        'x/a.ppm x/a.ppm' 'x/a.ppm ./x/a.ppm' 'x/a.ppm z/../x/a.ppm -f' \
        'x/a.ppm z/a.ppm'; do
        expect 2 $NENC $args
        says 'would be written to'
    done
    expect 2 $NENC x/a.ppm in --suffix .ppm -f
    says 'which is an input'
    expect 2 $NENC x/a.pnm x/a.ppm -f --suffix .ppm
    cmp x/a.ppm in/p1.ppm
    [ ! -e coded ] || fail "a folder was made"
    [ "$(files x)$(files y)" = "./a.pnm ./a.ppm ./a.ppm " ] || fail "written"
    clean
}

misuse() {
    setup
    mkdir empty
    : >file
    for args in 'in -' '- -' 'in -o -' 'in -o file' 'in -o new.nenc' \
        'in -o new.png'; do
        expect 2 $NENC $args
        [ "$(wc -l <err)" = 2 ] || fail "not two lines for: $args"
    done
    for args in 'one -' 'one -o ppm:-' 'one -o file' 'one -o new.ppm' \
        'one -o pnm:new/ --format ppm' 'one --info -o x'; do
        expect 2 $NDEC $args
        [ "$(wc -l <err)" = 2 ] || fail "not two lines for: $args"
    done
    expect 1 $NENC empty
    says 'no pictures there'
    expect 1 $NDEC in
    says 'no .nenc files there'
    [ ! -e new.nenc ] && [ ! -e new ] && [ ! -s file ]
    clean
}

# -------------------------------------------------------------------- failures

failures() {
    setup
    head -c 40 in/p2.ppm >in/p2cut.ppm
    echo text >in/p3text.png
    expect 3 $NENC in -o coded --threads 2
    same coded
    says '^nenc: in/p2cut.ppm: '
    says '^nenc: in/p3text.png: '
    says '^9 files, 2 failed, '
    [ "$(ls coded | wc -l)" = 7 ]
    # of two, the first in order tells the exit status
    expect 4 $NENC in/p3text.png in/p1.ppm in/p2cut.ppm -o o2 --threads 3
    expect 1 $NENC in/p1.ppm nowhere.ppm in/p2.ppm -o o3 --quiet
    [ "$(cat err)" = 'nenc: nowhere.ppm: No such file or directory' ] ||
        fail "$(cat err)"
    [ "$(files o3)" = './p1.nenc ./p2.nenc ' ]
    # nothing is begun after the first failure, where one is coded at a time
    expect 3 $NENC in/p1.ppm in/p2cut.ppm in/p2.ppm in/p3.ppm -o o4 \
        --fail-fast --threads 1
    [ "$(files o4)" = './p1.nenc ' ] || fail "o4: $(files o4)"
    says '^4 files, 1 failed, 2 not begun'
    # and the same for streams
    head -c 30 one/p4.nenc >one/p4cut.nenc
    expect 3 $NDEC one -o dec --threads 3
    says '^ndec: one/p4cut.nenc: '
    [ "$(ls dec | wc -l)" = 7 ]
    expect 3 $NDEC --test one
    says '^8 files, 1 failed, '
    [ ! -s out ]
    expect 5 $NENC in -o o5 --model nowhere
    [ "$(grep -c '^nenc: ' err)" = 1 ] || fail "more than once: $(cat err)"
    expect 5 $NDEC one/p1.nenc one/p2.nenc -o o5 --model nowhere
    [ "$(grep -c 'searched' err)" = 1 ] || fail "more than once: $(cat err)"
    [ -z "$(ls o5 2>/dev/null)" ]
    clean
}

unreadable() {
    setup
    [ "$(id -u)" != 0 ] || skip "root reads and writes everywhere"
    mkdir in/locked locked
    chmod 000 in/locked
    chmod 555 locked
    expect 1 $NENC in -r -o coded
    same coded
    says '^nenc: in/locked: Permission denied'
    says '1 failed'
    expect 1 $NENC in -o locked
    [ "$(grep -c '^nenc: locked/p[1-7].nenc: ' err)" = 7 ] || fail "$(cat err)"
    chmod 755 in/locked
}

no_folder_to_be_made() {
    setup
    : >file
    expect 1 $NENC in -o file/sub/
    [ "$(grep -c '^nenc: file/sub: ' err)" = 7 ] || fail "$(cat err)"
    clean
}

existing() {
    setup
    mkdir coded
    echo precious >coded/p3.nenc
    expect 1 $NENC in -o coded
    says '^nenc: coded/p3.nenc: exists already'
    says '^7 files, 1 failed'
    [ "$(cat coded/p3.nenc)" = precious ]
    rm coded/p5.nenc
    expect 0 $NENC in -o coded --skip-existing
    [ "$(cat coded/p3.nenc)" = precious ]
    cmp coded/p5.nenc one/p5.nenc
    says '^7 files, 6 skipped, '
    expect 0 $NENC in -o coded -f
    same coded
    expect 0 $NENC in/p1.ppm -o coded/p1.nenc --skip-existing --json
    grep -q '"status": "skipped"' out
    clean
}

# --------------------------------------------------------------- interruptions

# Two streams at a time that wait for their ends: both temporaries go.
signals_leave_nothing() {
    setup
    mkfifo fifo1 fifo2
    size=$(wc -c <one/p1.nenc)
    $NDEC --threads 2 one/p1.nenc one/p2.nenc one/p3.nenc fifo1 fifo2 \
        -o dec --format ppm 2>err &
    pid=$!
    exec 3>fifo1 4>fifo2
    head -c $((size - 1)) one/p1.nenc >&3
    head -c $((size - 1)) one/p1.nenc >&4
    n=0
    until [ "$(find dec -name '.nenc-*.tmp' 2>/dev/null | wc -l)" = 2 ]; do
        n=$((n + 1))
        [ $n -lt 60 ] || fail "no two temporary files in 60 seconds"
        sleep 1
    done
    kill -TERM $pid
    rc=0
    wait $pid || rc=$?
    exec 3>&- 4>&-
    [ $rc = 143 ] || fail "exit $rc"
    [ "$(files dec)" = './p1.ppm ./p2.ppm ./p3.ppm ' ] || fail "$(files dec)"
    clean
}

# At any time: what is there is whole, and the next run goes on from it.
killed_anywhere() {
    setup
    mkdir many
    for k in 1 2 3 4 5 6 7 8 9; do
        for i in 1 2 3 4 5 6 7; do
            cp in/p$i.ppm many/$k-p$i.ppm
        done
    done
    for wait in 1 2 3 4; do
        $NENC many -o coded --threads 3 --skip-existing 2>err &
        pid=$!
        n=0
        until [ "$(ls coded 2>/dev/null | wc -l)" -ge $((5 * wait)) ] ||
            [ $n -ge 200 ]; do
            n=$((n + 1))
            sleep 0.05 2>/dev/null || sleep 1
        done
        kill -TERM $pid 2>/dev/null || :
        rc=0
        wait $pid || rc=$?
        [ $rc = 143 ] || [ $rc = 0 ] || fail "exit $rc: $(cat err)"
        clean
        for f in coded/*; do
            cmp "$f" one/${f#coded/?-}
        done
    done
    expect 0 $NENC many -o coded --threads 3 --skip-existing
    [ "$(ls coded | wc -l)" = 63 ] || fail "$(ls coded | wc -l) files"
    for f in coded/*; do
        cmp "$f" one/${f#coded/?-}
    done
    clean
}

# --------------------------------------------------------------------- reports

json_lines() {
    setup
    head -c 40 in/p2.ppm >in/p2cut.ppm
    mkdir o
    cp one/p4.nenc o
    expect 3 $NENC in -o o --json --skip-existing --threads 4
    [ "$(wc -l <out)" = 8 ] || fail "not a line a file: $(cat out)"
    [ "$(grep -c '^{"input": ".*}$' out)" = 8 ] || fail "$(cat out)"
    sed -n 1p out | grep -q '"in/p1.ppm".*"status": "done".*"bytes": [1-9]'
    sed -n 3p out | grep '"in/p2cut.ppm"' | grep '"status": "failed"' |
        grep -q '"exit": 3, "error": "'
    sed -n 5p out | grep -q '"output": "o/p4.nenc", "status": "skipped"'
    sed -n 8p out | grep -q '"in/p7.ppm"'
    printf 'P6\n8 6\n255\n%0144d' 7 >"$(printf 'in/\377"\n.ppm')" || :
    expect 3 $NENC in -fo o --json
    if python3 -c 'import json' 2>/dev/null; then
        python3 -c 'import json, os, sys
for line in open("out"):
    assert os.path.exists(os.fsencode(json.loads(line)["input"])), line'
    fi
    expect 0 $NDEC one --json --test --threads 3
    [ "$(grep -c '^{.*"symbols": .*}$' out)" = 7 ] || fail "$(cat out)"
    rc=0
    [ ! -c /dev/full ] || $NDEC --test --json one >/dev/full 2>err || rc=$?
    [ ! -c /dev/full ] || [ $rc = 1 ] || fail "a full disk: exit $rc"
    clean
}

words() {
    setup
    expect 0 $NENC in -o a
    grep -q '^7 files, [0-9.]* k*B -> [0-9.]* k*B, [0-9.]* s$' err ||
        fail "$(cat err)"
    [ ! -s out ]
    expect 0 $NENC in -o b --quiet
    [ ! -s err ] || fail "not quiet: $(cat err)"
    expect 0 $NENC in -o c -v
    [ "$(grep -c '^in/p[1-7].ppm -> c/p[1-7].nenc: 8x6, ' err)" = 7 ] ||
        fail "$(cat err)"
    expect 0 $NDEC one -v --test
    [ "$(grep -c '^one/p[1-7].nenc: 8x6, ' err)" = 7 ] || fail "$(cat err)"
    # control characters do not reach a terminal
    cp one/p1.nenc "$(printf 'a\033b.nenc')"
    head -c 20 one/p1.nenc >"$(printf 'a\033c\n.nenc')"
    expect 3 $NDEC . --test -v
    ! grep -q "$(printf '\033')" err || fail "an escape character"
    says 'a.x1bc.n.nenc: '
    clean
}

# -------------------------------------------------------------------- decoding

decoding() {
    setup
    expect 0 $NDEC one
    suffix=png
    [ -f one/p1.png ] || suffix=pnm
    for i in 1 2 3 4 5 6 7; do
        $NDEC one/p$i.nenc -o x.$suffix -f
        cmp x.$suffix one/p$i.$suffix
    done
    expect 0 $NDEC one --format pnm -o as
    expect 0 $NDEC one -o ppm:prefix
    cmp as/p1.pnm prefix/p1.ppm
    # one file, by format or into a folder
    mkdir f
    expect 0 $NDEC one/p1.nenc --format ppm
    cmp one/p1.ppm prefix/p1.ppm
    expect 0 $NDEC one/p1.nenc -o f
    cmp f/p1.$suffix one/p1.$suffix
    expect 0 $NDEC one/p1.nenc -o anything --format ppm
    cmp anything prefix/p1.ppm
    expect 0 $NDEC --symbols one
    [ "$(wc -l <out)" = 7 ]
    $NDEC --symbols one/p3.nenc >x
    [ "$(sed -n 3p out)" = "$(cat x)  one/p3.nenc" ]
    expect 0 $NDEC --info one
    [ "$(grep -c '^picture   8x6' out)" = 7 ]
    expect 0 $NDEC --info --json one
    [ "$(grep -c '"width": 8' out)" = 7 ]
    clean
}

# ------------------------------------------------------------------------ run

run_cases folders same_bytes codecs_mixed little_memory odd_names clashes misuse failures \
    unreadable no_folder_to_be_made existing signals_leave_nothing \
    killed_anywhere json_lines words decoding
