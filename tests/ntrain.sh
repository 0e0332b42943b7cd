#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# ntrain as a user meets it: models that work, runs that go on where they were
# killed, the same result with any threads, parts frozen, refusals.  Small
# networks on small pictures; NENC_TEST_FULL=1 fine-tunes the shipped model for
# some minutes, too.  Each case runs in an empty folder of its own.
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"
NTRAIN=${NTRAIN:-$build/ntrain}
NMODEL=${NMODEL:-$build/nmodel}

# A hyperprior in few words, and pictures.
start() {
    cat >nets.txt <<'EOF'
net g_a
input x 3
unshuffle 8
conv in 16 k=1
lrelu 0.1 > a
conv b 16
relu
conv c 16 k=1
add a
conv out 12 k=2 s=2 p=0
net g_s
input y 12
input q 2
conv in 24 k=1
lrelu 0.1 > a
conv b 24
relu
conv c 24 k=1
add a > d
conv q 24 k=1 < q > e
add e < d
conv up 768 k=1
shuffle 16
net h_a
input y 12
abs
conv in 8 s=2
net h_s
input z 8
conv in 32 k=1
shuffle 2
relu
conv out 24 k=1
EOF
    cp "$src/testvectors/houses.png" "$src/testvectors/motocross.png" .
}

train() {
    "$NTRAIN" --new nets.txt --data houses.png --val motocross.png --crop 64 \
        --batch 2 --every 4 "$@" >out 2>err || fail "ntrain $*: $(cat err)"
}

from_nothing() {
    start
    train --steps 60 --every 20 --lr 5e-3 -o m.safetensors --csv log.csv \
        --svg plot.svg --held-out 1
    [ "$(wc -l <log.csv)" = 4 ] || fail "log.csv: $(cat log.csv)"
    awk -F, 'NR == 2 { first = $2 } END { exit !($2 < 0.8 * first) }' \
        log.csv || fail "the loss did not fall: $(cat log.csv)"
    grep -q '<svg' plot.svg && grep -q polyline plot.svg || fail "no plot"
    grep -q '^ *90 ' out || fail "no table: $(cat out)"
    "$NMODEL" check m.safetensors >/dev/null || fail "the model is broken"
    "$NENC" --model m.safetensors -q 30 houses.png -o a.nenc || fail "nenc"
    "$NDEC" --model m.safetensors a.nenc -o a.ppm || fail "ndec"
    ! ls -A | grep -v '^[a-z]*\.\(txt\|png\|csv\|svg\|nenc\|ppm\|safetensors\)$' |
        grep -v '^\(out\|err\)$' || fail "files are left"
}

same_with_any_threads() {
    start
    train --steps 6 --threads 1 -o a.safetensors --held-out 0
    train --steps 6 --threads 3 -o b.safetensors --held-out 0
    cmp a.safetensors b.safetensors
    train --steps 6 --seed 2 -o c.safetensors --held-out 0
    ! cmp -s a.safetensors c.safetensors || fail "a seed does nothing"
}

# Killed long before its end, with nothing made but the checkpoint, or asked to
# stop; and gone on with.
resumes_to_the_bit() {
    start
    train --steps 400 -o whole.safetensors --csv whole.csv --held-out 0
    for kill in KILL INT; do
        rm -f part.safetensors
        # else Ctrl-C is ignored: the shell sees to that for what runs behind
        env --default-signal=INT "$NTRAIN" --new nets.txt --data houses.png --val motocross.png \
            --crop 64 --batch 2 --every 4 --steps 400 -o part.safetensors \
            --checkpoint state --held-out 0 >out 2>err &
        pid=$!
        while [ ! -f state ] && kill -0 $pid 2>/dev/null; do sleep 0.02; done
        kill -$kill $pid || fail "it had ended: $(cat err)"
        wait $pid 2>/dev/null || :
        case $kill in
        KILL) [ ! -e part.safetensors ] || fail "it had ended" ;;
        INT) says 'stopped at step' ;;
        esac
        train --steps 400 -o part.safetensors --csv part.csv --held-out 0 \
            --checkpoint state --resume --force
        cmp whole.safetensors part.safetensors || fail "after $kill"
        # where it was asked to stop it measured once more
        [ $kill = INT ] || cmp whole.csv part.csv
        rm -f state
    done
}

# changed A B: the parts whose tensors are not the same in two models
changed() {
    python3 - "$1" "$2" <<'EOF'
import json, struct, sys
def parts(name):
    data = open(name, 'rb').read()
    n, = struct.unpack('<Q', data[:8])
    head = json.loads(data[8:8 + n])
    head.pop('__metadata__')
    return {k: data[8 + n:][slice(*v['data_offsets'])] for k, v in head.items()}
a, b = map(parts, sys.argv[1:])
print(*sorted({k.split('.')[0] for k in a if a[k] != b.get(k)}))
EOF
}

# Only what may change does.
freezes() {
    python3 -c '' 2>/dev/null || skip "no python3 to look into models with"
    start
    train --steps 4 -o a.safetensors --held-out 0 --no-tables
    "$NTRAIN" --model a.safetensors --data houses.png --val motocross.png \
        --crop 64 --steps 30 --freeze g_s --freeze h_s --freeze gains \
        --lr 1e-2 --no-tables -o b.safetensors --held-out 0 --quiet ||
        fail "ntrain"
    # z's tables are made of densities found in tables
    case $(changed a.safetensors b.safetensors) in
    'g_a h_a' | 'g_a h_a z') ;;
    *) fail "changed: $(changed a.safetensors b.safetensors)" ;;
    esac
    "$NTRAIN" --model a.safetensors --data houses.png --val motocross.png \
        --crop 64 --steps 30 --only-gains --lr 1e-2 --no-tables \
        -o c.safetensors --held-out 0 --quiet || fail "ntrain --only-gains"
    [ "$(changed a.safetensors c.safetensors)" = 'y z' ] ||
        fail "changed: $(changed a.safetensors c.safetensors)"
}

stops_early() {
    start
    train --steps 400 --lr 0 --every 2 --patience 2 -o m.safetensors \
        --held-out 0 --csv log.csv
    [ "$(wc -l <log.csv)" -lt 50 ] || fail "it went on: $(wc -l <log.csv)"
}

refusals() {
    start
    expect 2 "$NTRAIN" -o m.safetensors
    says '--data'
    expect 2 "$NTRAIN" --data .
    says '-o'
    expect 2 "$NTRAIN" --data . -o m.safetensors --crop 50
    says 'multiple of 32'
    expect 2 "$NTRAIN" --data . -o -
    expect 2 "$NTRAIN" --data . -o m.safetensors --resume
    says '--checkpoint'
    mkdir empty
    expect 2 "$NTRAIN" --new nets.txt --data empty -o m.safetensors
    says 'no picture'
    expect 2 "$NTRAIN" --new nets.txt --data . -o m.safetensors --crop 64 \
        --freeze g_x
    says 'g_x'
    echo 'net g_a' >bad.txt
    ! "$NTRAIN" --new bad.txt --data . -o m.safetensors 2>err ||
        fail "a bad text is taken"
    says 'g_a'
    sed 's/input q 2/input q 1/' nets.txt >q.txt
    expect 5 "$NTRAIN" --new q.txt --data houses.png --val houses.png \
        --crop 64 -o m.safetensors
    says 'besides y and q'
    ! "$NTRAIN" --new houses.png --data . -o m.safetensors 2>err ||
        fail "a picture is taken for a text"
    train --steps 2 --every 1 -o m.safetensors --checkpoint s --held-out 0
    ! "$NTRAIN" --new nets.txt --data houses.png --crop 64 --steps 3 \
        -o n.safetensors --checkpoint s --resume 2>err || fail "other options"
    says 'other options'
    ! "$NTRAIN" --new nets.txt --data houses.png --crop 64 --steps 3 \
        -o m.safetensors 2>err || fail "overwritten"
    says 'exists'
    [ ! -e n.safetensors ] || fail "something is left"
}

# A quarter of an hour on pages of text: at least 10 % less rate.
pages() {
    [ "${NENC_TEST_FULL-}" = 1 ] || skip "long: NENC_TEST_FULL=1 runs it"
    /usr/bin/python3 "$src/tests/pages.py" 120 data || skip "no python3-pil"
    NENC_MODEL_PATH=$src/models "$NTRAIN" --data data --steps 2500 --lr 6e-4 \
        --svg pages.svg -o pages.safetensors >out 2>err || fail "$(cat err)"
    cat out
    rate=$(sed -n 's/.*old one: \([^ ]*\) %/\1/p' out)
    awk -v r="$rate" 'BEGIN { exit !(r <= -10) }' || fail "BD-rate $rate %"
}

suite=ntrain
run_cases from_nothing same_with_any_threads resumes_to_the_bit freezes \
    stops_early refusals pages
