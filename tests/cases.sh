# SPDX-License-Identifier: BSD-2-Clause
# For the shell tests of programs, which source this: the programs, messages in
# English, a folder $tmp, what a case may say, and running cases.
build=${top_builddir:-$PWD}
src=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
NENC=${NENC:-$build/nenc}
NDEC=${NDEC:-$build/ndec}
unset LC_ALL
LC_MESSAGES=C
export LC_MESSAGES
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
exec </dev/null

fail() {
    echo "$*"
    exit 1
}

skip() {
    echo "$*"
    exit 77
}

# expect CODE COMMAND...: its exit code; output goes to the files out and err
expect() {
    want=$1
    shift
    rc=0
    "$@" >out 2>err || rc=$?
    [ $rc = "$want" ] || fail "exit $rc and not $want: $* -- $(cat err)"
}

says() {
    grep -q -- "$1" err || fail "stderr lacks '$1': $(cat err)"
}

# run_cases NAME...: each is a function that runs in an empty folder of its own;
# $suite, if set, stands before their names
run_cases() {
    failed=0
    for case in "$@"; do
        mkdir "$tmp/$case"
        (
            cd "$tmp/$case" || exit 1
            set -e
            $case
        ) >"$tmp/$case.log" 2>&1
        rc=$?
        case $rc in
        0) echo "ok ${suite:+$suite: }$case" ;;
        77) echo "skip ${suite:+$suite: }$case: $(tail -n 1 "$tmp/$case.log")" ;;
        *)
            cat "$tmp/$case.log"
            echo "not ok ${suite:+$suite: }$case"
            failed=1
            ;;
        esac
    done
    return $failed
}
