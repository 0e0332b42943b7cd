#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a script can find of our rules: licence lines, words that the library
# must not use, what normative files may call, which way includes point, and
# which symbols are visible.
set -u
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$top/build}
CC=${CC:-cc}
cd "$top" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0

# verdict NAME: ok if nothing was found, which $tmp/found would hold
verdict() {
    if [ -s "$tmp/found" ]; then
        head -n 20 "$tmp/found"
        echo "not ok $1"
        failed=1
    else
        echo "ok $1"
    fi
    : >"$tmp/found"
}
: >"$tmp/found"

# Without report_files.c, which a build within the sources makes.
c_files() {
    for folder in "$@"; do
        find "$folder" -maxdepth 1 -name '*.[ch]' ! -name report_files.c
    done | LC_ALL=C sort
}
library="common entropy transforms codecs codecs/overfit"
all="include $library media eval apps conformance tests"

# A file without comments, strings and character constants, lines kept.
code_of() {
    awk '{
        out = ""
        while ($0 != "") {
            if (inside) {
                i = index($0, "*/")
                $0 = i ? substr($0, i + 2) : ""
                inside = !i
            } else if (match($0, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
                token = substr($0, RSTART, RLENGTH)
                out = out substr($0, 1, RSTART - 1) " "
                $0 = token == "//" ? "" : substr($0, RSTART + RLENGTH)
                inside = token == "/*"
            } else {
                out = out $0
                $0 = ""
            }
        }
        print out
    }' "$1"
}

# calls_in FILE WORDS: lines that call one of the words, joined by |
calls_in() {
    code_of "$1" | grep -nE "(^|[^A-Za-z0-9_])($2)[ 	]*\(" |
        sed "s|^|$1:|"
}

# ------------------------------------------------------------------- licence
for f in $(c_files $all); do
    head -n 1 "$f" | grep -qF '/* SPDX-License-Identifier: BSD-2-Clause */' ||
        echo "$f"
done >"$tmp/found"
for f in *.ac *.am *.sh check demo [!b]*/*.sh */*.mk */*.py m4/nenc.m4; do
    [ ! -f "$f" ] || head -n 3 "$f" |
        grep -qF 'SPDX-License-Identifier: BSD-2-Clause' || echo "$f"
done >>"$tmp/found"
verdict "every source starts with its licence"

# --------------------------------------------------------------- the library
banned='printf|fprintf|vprintf|vfprintf|puts|putchar|perror|exit|_Exit|abort'
banned="$banned|strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|alloca"
banned="$banned|strtok|system|setlocale|rand|srand"
for f in $(c_files $library); do
    calls_in "$f" "$banned"
    case $f in
    common/mem.c) ;;
    *) calls_in "$f" 'malloc|calloc|realloc|aligned_alloc|posix_memalign' ;;
    esac
done >"$tmp/found"
verdict "no banned word in the library"

for f in $(c_files $library); do
    code_of "$f" | grep -nE '_(POSIX_C|GNU|DEFAULT)_SOURCE' | sed "s|^|$f:|"
done >"$tmp/found"
verdict "feature macros come from the build"

# ------------------------------------------------------------ normative code
normative() {
    for f in $(c_files $library); do
        head -n 3 "$f" | grep -q 'NORMATIVE' && echo "$f"
    done
}
for f in $(c_files entropy) $(c_files transforms | grep exact_); do
    case $f in */exact_kernels.c | */exact_tables.h | */prob_model.*) continue ;; esac
    head -n 4 "$f" | grep -qiE 'normative' || echo "$f: does not say"
done >"$tmp/found"
verdict "files of the exact path say whether they are normative"

math='a?(sin|cos|tan)h?|atan2|exp2?|expm1|log(2|10|1p|b)?|pow|cbrt|hypot|erfc?'
math="$math|[lt]gamma|ceil|floor|trunc|l?l?round|l?l?rint|nearbyint|fmod"
math="$math|remainder|remquo|fmax|fmin|fdim|frexp|ldexp|scalbl?n|modf|logb"
for f in $(normative); do
    calls_in "$f" "($math)[fl]?|fmal?|sqrtl?"
    code_of "$f" | grep -nE 'dnnl|reduce_add_ps|_mm[0-9]*_(rcp|rsqrt)' |
        sed "s|^|$f:|"
done >"$tmp/found"
verdict "normative code uses nothing of libm but fmaf and sqrtf"

c_files $all | grep -vE '^(transforms/onednn|conformance/bench_[a-z]*)\.c$' |
    while read -r f; do
        grep -nE '# *include.*dnnl' "$f" | sed "s|^|$f:|"
    done >"$tmp/found"
verdict "one file knows oneDNN"

# ------------------------------------------------------------------ includes
# For each folder, those that it may include from.
may_include() {
    case $1 in
    include) ;;
    common) echo include common ;;
    entropy) echo include common entropy ;;
    transforms) echo include common entropy transforms ;;
    codecs) echo include common entropy transforms codecs ;;
    media) echo include common media ;;
    eval) echo include common media eval ;;
    apps/nmodel* | apps/import*) echo include $library media apps ;;
    apps/ntrain*) echo include $library media eval apps ;;
    apps/nenc_* | apps/neval*) echo include common media eval apps ;;
    apps) echo include common media apps ;;
    *) echo $all ;;
    esac
}
c_files $all | while read -r f; do
    folder=${f%/*}
    case $f in
    apps/nmodel* | apps/import* | apps/nenc_* | apps/neval* | apps/ntrain*)
        allowed=$(may_include "$f") ;;
    *) allowed=$(may_include "$folder") ;;
    esac
    sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$f" | while read -r header; do
        [ "$header" != config.h ] || continue
        where=
        for other in $all; do
            [ ! -f "$other/$header" ] || where=$other
        done
        case " $allowed " in
        *" ${where:-nowhere} "*) ;;
        *) echo "$f includes $header (${where:-nowhere})" ;;
        esac
    done
done >"$tmp/found"
verdict "includes point down"

# --------------------------------------------------------------------- files
c_files $all | sed 's|.*/||' | sort | uniq -d >"$tmp/found"
verdict "file names are unique"

for f in $(c_files $all); do
    grep -qF "$f" "${f%/*}"/*.mk Makefile.am 2>/dev/null || echo "$f"
done >"$tmp/found"
verdict "every file is in a list of the build"

for f in $(c_files $all); do
    awk -v f="$f" '
        length > 88 { print f ":" FNR ": " length " columns" }
        /\t|[ \r]$/ { print f ":" FNR ": tab or space at the end" }
        END { if (FNR > 800) print f ": " FNR " lines" }' "$f"
done >"$tmp/found"
verdict "no tabs, no long lines, no long files"

grep -nwE 'TODO|FIXME|XXX|HACK' $(c_files $all) /dev/null >"$tmp/found"
grep -nE '(^|[^A-Za-z0-9_./])/(work|home|root)/' $(c_files $all) \
    training/*.py tools/*.sh check demo /dev/null >>"$tmp/found"
verdict "nothing left over, no path of one machine"

# ------------------------------------------------------------- public header
$CC -std=c99 -pedantic -Wall -Werror -fsyntax-only -x c include/nenc.h \
    >"$tmp/found" 2>&1
verdict "nenc.h compiles alone as C99"
if ${CXX:-c++} --version >/dev/null 2>&1; then
    ${CXX:-c++} -pedantic -Wall -Werror -fsyntax-only -x c++ include/nenc.h \
        >"$tmp/found" 2>&1
    verdict "nenc.h compiles alone as C++"
else
    echo "skip nenc.h compiles alone as C++: no C++ compiler"
fi

declared() {
    awk '{ text = text " " $0 }
    END {
        while (match(text, /\/\*([^*]|\*+[^*\/])*\*+\//))
            text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
        n = split(text, part, /NENC_API/)
        for (i = 2; i <= n; i++)
            if (match(part[i], /nenc_[a-z0-9_]+ *\(/) \
                && substr(part[i], 1, RSTART) !~ /;/) {
                name = substr(part[i], RSTART, RLENGTH - 1)
                print name
            }
    }' include/nenc.h | grep -v '^$' | LC_ALL=C sort -u
}
so=$build/.libs/libnenc.so
if [ -f "$so" ] && command -v nm >/dev/null; then
    declared >"$tmp/declared"
    nm -D --defined-only "$so" | awk '$2 ~ /[TDBRVW]/ { print $3 }' |
        grep -v '^NENC_' | sed 's/@.*//' | LC_ALL=C sort -u >"$tmp/visible"
    diff "$tmp/declared" "$tmp/visible" |
        sed -n 's/^</declared only: /p; s/^>/visible only: /p' >"$tmp/found"
    verdict "libnenc shows what nenc.h declares"
else
    echo "skip libnenc shows what nenc.h declares: no shared library, or no nm"
fi

exit $failed
