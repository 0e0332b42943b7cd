#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# neval as a user meets it: tables, kept results, shards, runs that are killed,
# codecs that fail or are missing, the page.  The codecs are small scripts, so
# that the cases need neither a model nor other people's programs.
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"
NEVAL=${NEVAL:-$build/neval}
unset XDG_CACHE_HOME

# A codec that keeps the upper bits of each byte of a PPM, and lets gzip
# pack them.  It counts its calls.
cat >"$tmp/pack" <<'END'
#!/bin/sh
echo x >>"$COUNT"
case $1 in
1) set='\000-\177' to='\000' ;;
2) set='\001-\037\041-\077\101-\137\141-\177'
    to='[\000*31][\040*31][\100*31][\140*31]' ;;
*) set= to= ;;
esac
{
    head -n 3 "$2"
    if [ -n "$set" ]; then
        tail -n +4 "$2" | LC_ALL=C tr "$set" "$to"
    else
        tail -n +4 "$2"
    fi
} | gzip -n -$1 >"$3"
END
cat >"$tmp/unpack" <<'END'
#!/bin/sh
gzip -dc "$1" >"$2"
END
chmod +x "$tmp/pack" "$tmp/unpack"
toy="toy@1,2,3|$tmp/pack {q} {in.ppm} {coded.gz}|$tmp/unpack {coded.gz} {out.ppm}"
COUNT=$tmp/count
export COUNT

# Four pictures of noise on a ramp.
mkdir "$tmp/set"
for i in 1 2 3 4; do
    awk "BEGIN { srand($i); printf \"P6\\n24 16\\n255\\n\"
         for (i = 0; i < 1152; i++) printf \"%c\", 32 + i / 16 + 20 * rand() }" \
        >"$tmp/set/p$i.ppm"
done

table() {
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv a.csv
    [ "$(wc -l <a.csv)" = 13 ] || fail "12 rows and a head: $(cat a.csv)"
    head -n 1 a.csv | grep -q '^codec,q,item,pixels,bytes,bpp,psnr,psnr_yuv,' ||
        fail "$(head -n 1 a.csv)"
    grep -q '^toy,3,p1.ppm,384,[0-9]*,[0-9.]*,inf,inf,1,' a.csv ||
        fail "what is coded without loss is infinitely good: $(cat a.csv)"
    for f in kept/tmp-*; do
        [ ! -e "$f" ] || fail "left behind: $f"
    done
}

kept() {
    : >"$COUNT"
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv a.csv --html a.html
    [ "$(wc -l <"$COUNT")" = 12 ] || fail "not 12 calls"
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv b.csv --html b.html
    [ "$(wc -l <"$COUNT")" = 12 ] || fail "measured again"
    cmp a.csv b.csv || fail "not the same table"
    cmp a.html b.html || fail "not the same page"
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --redo
    [ "$(wc -l <"$COUNT")" = 24 ] || fail "--redo measured nothing"
    echo '# changed' >>"$tmp/pack"
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept
    [ "$(wc -l <"$COUNT")" = 36 ] || fail "a changed program was not noticed"
    # a script that another program runs
    cp "$tmp/pack" script
    by_sh="s@1|sh $PWD/script {q} {in.ppm} {coded.gz}|$tmp/unpack {coded.gz} {out.ppm}"
    expect 0 "$NEVAL" "$tmp/set" -c "$by_sh" --cache kept
    echo '# changed' >>script
    expect 0 "$NEVAL" "$tmp/set" -c "$by_sh" --cache kept
    [ "$(wc -l <"$COUNT")" = 44 ] || fail "a changed script was not noticed"
    find kept -name '*.row' -exec sh -c 'echo "neval-row 1" >"$1"' sh {} \;
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv c.csv
    cmp a.csv c.csv || fail "damaged results were believed"
}

shards() {
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv all.csv
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache k1 --shard 1/2 --csv 1.csv
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache k2 --shard 2/2 --csv 2.csv
    expect 0 "$NEVAL" merge 2.csv 1.csv --csv both.csv --html both.html
    cmp all.csv both.csv || fail "not the same table"
    expect 2 "$NEVAL" "$tmp/set" --shard 3/2
    expect 2 "$NEVAL" "$tmp/set" --shard 9/9
}

# Our own codec that needs no model, beside others.
own_codecs() {
    expect 2 "$NEVAL" "$tmp/set" -c nenc:--codec=nothing --cache kept
    says "there is no codec 'nothing'; there are: hyperprior"
    echo text >bad.safetensors
    NENC_MODEL_PATH=$PWD/bad.safetensors
    export NENC_MODEL_PATH
    expect 0 "$NEVAL" "$tmp/set/p1.ppm" --cache kept --csv a.csv \
        -c 'fitted=nenc:--codec=overfit -e 1@50'
    grep -q '^fitted,50,p1.ppm,384,' a.csv || fail "$(cat a.csv)"
    expect 0 "$NEVAL" "$tmp/set/p1.ppm" --cache kept --csv b.csv -c \
        'b@50|nenc --codec overfit -e 1 -q {q} {in.pnm} -o {coded.x}|ndec {coded.x} -o {out.pnm}'
    [ "$(cut -d, -f3- a.csv)" = "$(cut -d, -f3- b.csv)" ] || fail "$(cat b.csv)"
    expect 5 "$NEVAL" "$tmp/set/p1.ppm" --cache kept -c nenc@50
}

# Gray stays gray: what is measured has one channel.
gray() {
    printf 'P5\n16 12\n255\n%0192d' 7 >g.pgm
    echo 'LC_ALL=C tr 0 1 <"$1" | sed "1,3s/1/0/g;1s/.*/P5/;2s/.*/16 12/;3s/.*/255/" >"$2"' >one
    expect 0 "$NEVAL" g.pgm --cache kept --csv a.csv \
        -c "one@1|sh $PWD/one {in.pnm} {coded.x}|cp {coded.x} {out.pnm}"
    awk -F, 'NR == 2 && $7 == $8 && $7 < 60 { found = 1 } END { exit !found }' \
        a.csv || fail "PSNR of Y'CbCr is not the gray one's: $(cat a.csv)"
}

# Killed with -9 and with -15 in the middle, then run to the end.
killed() {
    slow="slow@1,2,3|$tmp/slow {q} {in.ppm} {coded.gz}|$tmp/unpack {coded.gz} {out.ppm}"
    printf '#!/bin/sh\nsleep 0.3\nexec "%s" "$@"\n' "$tmp/pack" >"$tmp/slow"
    chmod +x "$tmp/slow"
    expect 0 "$NEVAL" "$tmp/set" -c "$slow" --cache other --csv all.csv
    : >"$COUNT"
    for signal in KILL TERM; do
        "$NEVAL" "$tmp/set" -c "$slow" --threads 1 --cache kept --csv a.csv \
            >/dev/null 2>&1 &
        pid=$!
        n=$(wc -l <"$COUNT")
        while [ "$(wc -l <"$COUNT")" -lt $((n + 2)) ]; do sleep 0.05; done
        kill -$signal $pid
        wait $pid || :
        [ ! -e a.csv ] || fail "a table of a run that was killed"
    done
    expect 0 "$NEVAL" "$tmp/set" -c "$slow" --cache kept --csv a.csv
    cmp all.csv a.csv || fail "not the same table"
    [ "$(wc -l <"$COUNT")" -le 16 ] || fail "$(wc -l <"$COUNT") calls"
    for f in kept/tmp-*; do
        [ ! -e "$f" ] || fail "left behind: $f"
    done
}

failing() {
    bad="bad@1,2|false {in.ppm} {coded.x}|cp {coded.x} {out.ppm}"
    odd="odd@1|cp {in.ppm} {coded.x}|cp $tmp/small.ppm {out.ppm} {coded.x}"
    expect 1 "$NEVAL" "$tmp/set" -c "$bad" -c "$toy" --cache kept --csv a.csv
    says '8 of 20 measurements failed'
    grep -q '^bad@2 on p4.ppm failed: .*false ended with 1' out || fail "$(cat out)"
    [ "$(wc -l <a.csv)" = 13 ] || fail "the other codec's rows are missing"
    expect 1 "$NEVAL" "$tmp/set" -c "$odd" --cache kept
    deadly="deadly@1,2|sh -c 'kill 0' {in.ppm} {coded.x}|cp {coded.x} {out.ppm}"
    expect 1 "$NEVAL" "$tmp/set" -c "$deadly" --cache kept
    says '8 of 8 measurements failed'
    gone="gone@1|no-such-program {in.ppm} {coded.x}|cp {coded.x} {out.ppm}"
    expect 0 "$NEVAL" "$tmp/set" -c "$gone" -c "$toy" --cache kept
    says 'gone: left out: no-such-program is not installed'
    expect 2 "$NEVAL" "$tmp/set" -c "$gone" --cache kept
}

# A program that does not end, and what it has started, are ended.
time_limit() {
    printf '#!/bin/sh\nwhile :; do :; done\n' >spin
    chmod +x spin
    expect 1 "$NEVAL" "$tmp/set/p1.ppm" --time-limit 1 --cache kept \
        -c "spin@1|$PWD/spin {in.ppm} {coded.x}|cp {coded.x} {out.ppm}"
    grep -q 'longer than the time limit' out || fail "$(cat out)"
}

misuse() {
    expect 2 "$NEVAL"
    says 'no input named'
    expect 2 "$NEVAL" "$tmp/set" -c nothing
    says "no picture codec 'nothing'"
    expect 2 "$NEVAL" "$tmp/set" -c "$toy" -c "$toy"
    says "two codecs are called 'toy'"
    : >"$COUNT"
    expect 2 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --anchor other
    expect 1 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv none/x.csv
    echo precious >there.csv
    expect 1 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv there.csv
    says 'there.csv: exists'
    expect 1 "$NEVAL" "$tmp/set/p1.ppm" -c "$toy" --cache kept -f \
        --csv "$tmp/set/p1.ppm"
    says 'is an input'
    expect 2 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --csv - --json -
    expect 2 "$NEVAL" "$tmp/set" -c 'x@1|cp {in.ppm} {coded.x}{what}|cp
        {coded.x} {out.ppm}' --cache kept
    [ ! -s "$COUNT" ] || fail "mistakes were found after measuring"
    [ "$(cat there.csv)" = precious ] || fail "overwritten"
    expect 0 "$NEVAL" "$tmp/set/p1.ppm" -c "$toy" --cache kept -f \
        --csv there.csv
    expect 1 "$NEVAL" missing.png
    expect 2 "$NEVAL" "$tmp/set" "$tmp/set/p1.ppm"
    mkdir empty
    expect 2 "$NEVAL" empty
    echo garbage >bad.png
    expect 4 "$NEVAL" bad.png -c "$toy" --cache kept
    echo garbage >bad.csv
    expect 3 "$NEVAL" merge bad.csv
    expect 0 "$NEVAL" --help
    [ "$(wc -l <out)" -le 24 ] || fail "--help does not fit a screen"
    expect 0 "$NEVAL" codecs
    grep -q '^jpeg pictures' out || fail "$(cat out)"
}

page() {
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --html a.html \
        --title 'A <b> & "c"' --view 1
    ! grep -q '@@' a.html || fail "a placeholder is left"
    grep -q 'u003cb> & \\"c\\"' a.html || fail "the title is not escaped"
    [ "$(grep -o 'data:image/png;base64' a.html | wc -l)" = 4 ] ||
        fail "not one original and three decoded pictures"
    ! grep -qE '(src|href) *= *"?(https?:)?//' a.html || fail "needs a network"
    expect 0 "$NEVAL" "$tmp/set" -c "$toy" --cache kept --json -
    grep -q '"media": "picture"' out || fail "no JSON on stdout: $(cat out)"
}

suite=neval
run_cases table kept shards own_codecs gray killed failing time_limit misuse page
