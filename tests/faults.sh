#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nenc and ndec where the system fails them: killed at any moment, a disk that
# fills up, inputs that cannot be read, folders that vanish or are read-only,
# little memory.  The input stays as it was, a name holds a whole file or what
# it held before, the exit code is the manual's, and the next run succeeds.
# Not here: what a user does wrong, /dev/full, closed streams (cli.sh).
#
# NENC_TEST_FULL=1  kills each program 100 times and not 20
set -u
. "${top_srcdir:-$(dirname "$0")/..}/tests/cases.sh"
kills=20
[ -z "${NENC_TEST_FULL-}" ] || kills=100

# A picture whose samples do not fit into a pipe, its stream, and the samples
# of that.
cd "$tmp" || exit 1
{
    printf 'P6\n256 96\n255\n'
    awk 'BEGIN { for (i = 0; i < 256 * 96 * 3; i++)
                     printf "%c", 65 + (i + int(i / 768)) % 60 }'
} >a.ppm
have_model=yes
{ $NENC a.ppm -o a.nenc && $NDEC a.nenc -o back.ppm; } 2>err || have_model=no

setup() {
    [ $have_model = yes ] || skip "no model to code with"
    cp "$tmp/a.ppm" "$tmp/a.nenc" .
}

inputs_are_kept() {
    cmp a.ppm "$tmp/a.ppm" && cmp a.nenc "$tmp/a.nenc" ||
        fail "an input was changed"
}

nothing_left() {
    for f in "${1:-.}"/.nenc-*; do
        [ ! -e "$f" ] || fail "left behind: $f"
    done
}

# as_nobody COMMAND...: where root would be let through anyway
as_nobody() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

need_nobody() {
    chmod 755 "$tmp" .
    as_nobody $NENC --version >/dev/null 2>&1 &&
        as_nobody test -r a.ppm ||
        skip "no way to run it as somebody other than root"
}

# in_mounts SCRIPT: runs it where it may mount, and nobody else sees that
in_mounts() {
    unshare -rm mount -t tmpfs none /mnt 2>/dev/null ||
        skip "no file systems may be mounted here"
    unshare -rm sh -euc "$1" || fail "in its own mounts: exit $?"
}

# ------------------------------------------------------------------- killed

milliseconds() {
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - start) / 1000000 + 1))
}

# kill_often RESULT COMMAND...: COMMAND -f -o x is killed at moments spread over
# the time that it takes.  x is what it was, or RESULT.
kill_often() {
    result=$1
    shift
    command -v timeout >/dev/null || skip "no timeout(1)"
    time=$(milliseconds "$@" -o "$x" -f)
    cmp "$x" "$result"
    died=0
    for i in $(seq $kills); do
        moment=$(awk -v t="$time" -v i="$i" -v n=$kills -v seed="$$$i" 'BEGIN {
            srand(seed); printf "%.4f", t * 1.1 * (i - rand()) / n / 1000 }')
        rm -f "$x"
        [ $((i % 2)) = 0 ] || echo precious >"$x"
        rc=0
        timeout -s KILL "$moment" "$@" -f -o "$x" >out 2>err || rc=$?
        case $rc in
        0) cmp "$x" "$result" ;;
        137)
            died=$((died + 1))
            if [ ! -e "$x" ]; then
                [ $((i % 2)) = 0 ] || fail "killed at $moment s: the old is gone"
            elif [ "$(head -c 9 "$x" | tr -d '\0')" != precious ]; then
                cmp "$x" "$result" || fail "killed at $moment s: not whole"
            fi
            ;;
        *) fail "exit $rc: $(cat err)" ;;
        esac
        inputs_are_kept
    done
    [ $died -gt $((kills / 4)) ] || fail "only $died of $kills were killed"
    # with what they left lying about
    rm -f "$x"
    expect 0 "$@" -o "$x"
    cmp "$x" "$result"
}

nenc_is_killed() {
    setup
    x=x.nenc
    kill_often "$tmp/a.nenc" $NENC a.ppm
}

ndec_is_killed() {
    setup
    x=x.ppm
    kill_often "$tmp/back.ppm" $NDEC a.nenc
}

# start_half OUTPUT [OPTION...]: ndec, waiting for the second half of its input
# with its temporary file made; finish_half gives it.
start_half() {
    setup
    mkfifo fifo
    output=$1
    $NDEC - -o "ppm:$@" <fifo >out 2>err &
    pid=$!
    exec 3>fifo
    head -c 400 a.nenc >&3
    n=0
    while ! ls "$(dirname "$output")"/.nenc-*.tmp >/dev/null 2>&1; do
        n=$((n + 1))
        [ $n -lt 300 ] || fail "no temporary file in 30 seconds"
        sleep 0.1
    done
}

finish_half() {
    tail -c +401 a.nenc >&3
    exec 3>&-
    rc=0
    wait $pid || rc=$?
}

killed_half_way() {
    start_half x.ppm
    kill -KILL $pid
    exec 3>&-
    rc=0
    wait $pid || rc=$?
    [ $rc = 137 ] || fail "exit $rc"
    [ ! -e x.ppm ] || fail "half a file has the name"
    expect 0 $NDEC a.nenc -o x.ppm
    cmp x.ppm "$tmp/back.ppm"
}

hung_up_half_way() {
    ! grep -q '^SigIgn:.*[13579bdf]$' /proc/self/status 2>/dev/null ||
        skip "SIGHUP is ignored here, as under nohup"
    start_half x.ppm
    kill -HUP $pid
    exec 3>&-
    rc=0
    wait $pid || rc=$?
    [ $rc = 129 ] || fail "exit $rc"
    [ ! -e x.ppm ] || fail "half a file has the name"
    nothing_left
}

# ---------------------------------------------------------- meanwhile, elsewhere

a_file_that_came_up_is_kept() {
    start_half x.ppm
    echo precious >x.ppm
    finish_half
    [ $rc = 1 ] || fail "exit $rc"
    says '^ndec: x.ppm: File exists'
    [ "$(cat x.ppm)" = precious ] || fail "overwritten"
    nothing_left
}

a_folder_that_went_away() {
    mkdir sub
    start_half sub/x.ppm
    rm -r sub
    finish_half
    [ $rc = 1 ] || fail "exit $rc"
    says '^ndec: sub/x.ppm: No such file'
    [ ! -e sub ]
}

# The input breaks off: that is damage, not a failure to read.
a_writer_that_went_away() {
    start_half x.ppm
    exec 3>&-
    rc=0
    wait $pid || rc=$?
    [ $rc = 3 ] || fail "exit $rc"
    [ ! -e x.ppm ]
    nothing_left
}

two_at_once() {
    setup
    for force in '' -f; do
        rm -f x.ppm
        codes=
        $NDEC a.nenc $force -o x.ppm 2>err1 &
        first=$!
        $NDEC a.nenc $force -o x.ppm 2>err2 &
        second=$!
        for pid in $first $second; do
            rc=0
            wait $pid || rc=$?
            codes="$codes$rc"
        done
        case $force$codes in
        -f00 | 01 | 10) ;;
        *) fail "$force: exit codes $codes: $(cat err1 err2)" ;;
        esac
        cmp x.ppm "$tmp/back.ppm"
        nothing_left
    done
}

# ------------------------------------------------------------------ full disks

a_disk_fills_up() {
    setup
    mkdir disk
    NENC=$NENC NDEC=$NDEC in_mounts '
        mount -t tmpfs -o size=32k none disk
        cp a.nenc disk
        echo precious >disk/old.ppm
        for name in x old; do
            rc=0
            $NDEC disk/a.nenc -f -o disk/$name.ppm 2>err || rc=$?
            cat err
            [ $rc = 1 ]
            grep -q "^ndec: disk/$name.ppm: No space left" err
        done
        [ "$(cat disk/old.ppm)" = precious ]
        [ "$(ls -A disk)" = "a.nenc
old.ppm" ]
        cmp a.nenc disk/a.nenc
        head -c 30000 /dev/zero >disk/full 2>/dev/null || true
        rc=0
        $NENC a.ppm -o disk/x.nenc 2>err || rc=$?
        cat err
        [ $rc = 1 ]
        grep -q "^nenc: disk/x.nenc: .*No space left" err
        [ ! -e disk/x.nenc ]
        rm disk/full
        $NENC a.ppm -o disk/x.nenc
        cmp a.nenc disk/x.nenc'
    inputs_are_kept
}

# A quota, or a limit, that is met half way.
file_size_limit_half_way() {
    setup
    echo precious >old.ppm
    for name in x old; do
        rc=0
        (ulimit -f 32 && exec $NDEC a.nenc -f -o $name.ppm) 2>err || rc=$?
        [ $rc = 1 ] || fail "exit $rc: $(cat err)"
        says "^ndec: $name.ppm: File too large"
    done
    [ ! -e x.ppm ] && [ "$(cat old.ppm)" = precious ]
    nothing_left
    inputs_are_kept
}

# ----------------------------------------------------------------- closed pipes

closed_pipes() {
    setup
    for args in "$NENC a.ppm -o -" "$NDEC --info a.nenc" \
        "$NDEC --symbols a.nenc" "$NDEC --info --json a.nenc" \
        "$NDEC a.nenc -o x.ppm --json" "$NDEC --help"; do
        rm -f x.ppm
        { sleep 0.3; rc=0; $args 2>err || rc=$?; echo $rc >rc; } | :
        [ "$(cat rc)" = 1 ] || fail "exit $(cat rc): $args"
        says 'Broken pipe'
    done
}

# The reader takes a byte and goes.
a_reader_that_went_away() {
    setup
    mkfifo fifo
    head -c 1 fifo >/dev/null &
    expect 1 $NDEC a.nenc -o ppm:fifo
    wait $!
    says '^ndec: fifo: Broken pipe'
    [ -p fifo ]
    { rc=0; $NDEC a.nenc -o ppm:- 2>err || rc=$?; echo $rc >rc; } |
        head -c 1 >/dev/null
    [ "$(cat rc)" = 1 ] || fail "exit $(cat rc)"
    says 'Broken pipe'
}

# ------------------------------------------------------------------ bad inputs

# Reading address 0 of a process: an input/output error from a file that opens.
read_errors() {
    mem=/proc/self/mem
    [ -r $mem ] || skip "no $mem"
    exec 9<$mem               # of this shell, which stays
    for program in "$NENC" "$NDEC"; do
        expect 1 $program $mem -o x.ppm
        says "^[a-z]*: $mem: Input/output error"
        rc=0
        $program - -o ppm:x.ppm <&9 2>err || rc=$?
        [ $rc = 1 ] || fail "exit $rc: $(cat err)"
        says "^[a-z]*: standard input: Input/output error"
        [ ! -e x.ppm ] && [ ! -e ppm:x.ppm ]
    done
    mkdir folder
    for program in "$NENC" "$NDEC"; do
        rc=0
        $program - -o ppm:x.ppm <folder 2>err || rc=$?
        [ $rc = 1 ] || fail "exit $rc"
        says '^[a-z]*: standard input: Is a directory'
    done
    setup
    expect 5 $NENC a.ppm -o x.nenc --model $mem
    expect 5 $NDEC a.nenc -o x.ppm --model $mem
    [ ! -e x.nenc ] && [ ! -e x.ppm ]
    nothing_left
}

unreadable_files() {
    setup
    need_nobody
    chmod 000 a.ppm a.nenc
    mkdir -m 777 out.d
    rc=0
    as_nobody $NENC a.ppm -o out.d/x.nenc 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc: $(cat err)"
    says '^nenc: a.ppm: Permission denied'
    rc=0
    as_nobody $NDEC a.nenc -o out.d/x.ppm 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc: $(cat err)"
    says '^ndec: a.nenc: Permission denied'
    [ -z "$(ls -A out.d)" ] || fail "made: $(ls -A out.d)"
}

# ------------------------------------------------------------ read-only folders

folders_without_permission() {
    setup
    need_nobody
    mkdir -m 555 locked
    rc=0
    as_nobody $NENC a.ppm -o locked/x.nenc 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc: $(cat err)"
    says '^nenc: locked/x.nenc: .*Permission denied'
    rc=0
    as_nobody $NDEC a.nenc -o locked/x.ppm 2>err || rc=$?
    [ $rc = 1 ] || fail "exit $rc: $(cat err)"
    says '^ndec: locked/x.ppm: .*Permission denied'
    [ -z "$(ls -A locked)" ]
    inputs_are_kept
}

read_only_file_system() {
    setup
    mkdir disk
    NENC=$NENC NDEC=$NDEC in_mounts '
        mount -t tmpfs none disk
        echo precious >disk/old.ppm
        mount -o remount,ro disk
        for name in x old; do
            rc=0
            $NDEC a.nenc -f -o disk/$name.ppm 2>err || rc=$?
            cat err
            [ $rc = 1 ]
            grep -q "^ndec: disk/$name.ppm: .*Read-only file system" err
        done
        rc=0
        $NENC a.ppm -o disk/x.nenc 2>err || rc=$?
        [ $rc = 1 ]
        [ "$(ls -A disk) $(cat disk/old.ppm)" = "old.ppm precious" ]'
    inputs_are_kept
}

# ------------------------------------------------------------------ little memory

# Below what the program loader and the libraries need, those say so (127 from
# the loader; libraries may raise a signal of their own).
little_memory() {
    case ${SANITIZERS-} in *-fsanitize*) skip "sanitizers take terabytes" ;; esac
    setup
    $NDEC --version | grep -q oneDNN && least=150000 || least=4000
    tight=0
    for kib in 4000 8000 16000 32000 64000 100000 150000 200000 250000 300000 \
        400000 600000; do
        [ $kib -ge $least ] || continue
        for threads in 1 4; do
            rm -f x.ppm x.nenc
            rc=0
            (ulimit -v $kib && exec $NDEC a.nenc -o x.ppm --threads $threads) \
                2>err || rc=$?
            case $rc in
            0) cmp x.ppm "$tmp/back.ppm" ;;
            7) says 'memory'; tight=$((tight + 1)); [ ! -e x.ppm ] ;;
            127) [ ! -e x.ppm ] ;;
            *) fail "ndec in $kib KiB: exit $rc: $(cat err)" ;;
            esac
            rc=0
            (ulimit -v $kib && exec $NENC a.ppm -o x.nenc --threads $threads) \
                2>err || rc=$?
            case $rc in
            0) cmp x.nenc "$tmp/a.nenc" ;;
            7) says 'memory'; tight=$((tight + 1)); [ ! -e x.nenc ] ;;
            127) [ ! -e x.nenc ] ;;
            *) fail "nenc in $kib KiB: exit $rc: $(cat err)" ;;
            esac
            nothing_left
        done
    done
    [ $tight -gt 0 ] || fail "memory was never short"
}

# Ctrl-C, which leaves what there is by then and a checkpoint; going on from it
# gives the file of an encode that nobody stopped.
checkpoints_are_gone_on_from() {
    setup
    set -- --codec overfit -e 2 a.ppm --checkpoint state -f
    $NENC "$@" -o whole.nenc || fail "it does not encode"
    [ ! -e state ] || fail "a checkpoint without need"
    # else Ctrl-C is ignored: the shell sees to that for what runs behind
    env --default-signal=INT $NENC "$@" -o part.nenc 2>err &
    pid=$!
    sleep 0.3
    kill -INT $pid 2>/dev/null
    wait $pid || fail "it fails: $(cat err)"
    [ -e state ] || skip "it had ended before Ctrl-C"
    grep -q 'run the same command with -f' err || fail "nobody is told"
    $NDEC part.nenc -o part.ppm || fail "what there was does not decode"
    cp state kept
    $NENC "$@" -q 30 -o part.nenc 2>err && fail "it goes on with another quality"
    grep -q 'checkpoint is of another' err || fail "not told why: $(cat err)"
    cmp state kept || fail "the checkpoint was changed"
    $NENC "$@" --verify -o part.nenc || fail "it does not go on"
    cmp part.nenc whole.nenc || fail "another file"
    [ ! -e state ] || fail "the checkpoint was left"
    inputs_are_kept
    nothing_left
}

# ------------------------------------------------------------------------- run

run_cases nenc_is_killed ndec_is_killed killed_half_way hung_up_half_way \
    a_file_that_came_up_is_kept a_folder_that_went_away \
    a_writer_that_went_away two_at_once a_disk_fills_up \
    file_size_limit_half_way closed_pipes a_reader_that_went_away read_errors \
    unreadable_files folders_without_permission read_only_file_system \
    little_memory checkpoints_are_gone_on_from
