#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# summarize.sh DIR...: count the test cases that `make check` left in build
# folders, one by one: cmocka's, and the "ok", "not ok" and "skip" lines of
# scripts.  A program that failed without naming a case (a crash, a finding of
# a sanitizer) is one failure.  The last line is "N passed, N failed, N
# skipped"; the exit status is 1 if anything failed or nothing ran.

find "$@" -name '*.trs' | LC_ALL=C sort | while IFS= read -r trs; do
    log=${trs%.trs}.log
    result=$(sed -n 's/^:test-result: *\([A-Z]*\).*/\1/p' "$trs" | tail -n 1)
    printf '@file %s %s\n' "${result:-ERROR}" "$log"
    # every line of a log is marked, so that none is taken for ours
    if [ -f "$log" ]; then
        sed 's/^/|/' "$log"
        echo
    fi
done | awk '
function finish() {
    if (file == "")
        return
    if (result != "PASS" && result != "SKIP" && (f == 0 || running != "")) {
        f++
        print "FAILED   " file ": " \
              (running != "" ? running ": crashed" : "ended with " result)
    }
    if (result == "SKIP" && s == 0) {
        s = 1
        print "skipped  " file ": " (last != "" ? last : "no reason given")
    }
    if (result == "PASS" && p + f + s == 0)
        p = 1
    passed += p; failed += f; skipped += s
}
/^@file / {
    finish()
    result = $2
    file = $0
    sub(/^@file [A-Z]* /, "", file)
    p = f = s = 0
    running = last = why = ""
    next
}
!/^\|/ { next }
{ line = substr($0, 2) }
line ~ /^\[ RUN      \] / { running = substr(line, 14); why = ""; next }
line ~ /^\[       OK \] / { p++; running = ""; next }
line ~ /^\[  FAILED  \] [0-9]+ test\(s\)/ { next }
line ~ /^\[  (FAILED |ERROR  ) \] / && running != "" {
    f++
    print "FAILED   " file ": " running
    running = ""
    next
}
line ~ /^\[  SKIPPED \] / && running != "" {
    s++
    print "skipped  " file ": " running (why != "" ? ": " why : "")
    running = ""
    next
}
line ~ /^ok / { p++ }
line ~ /^not ok / { f++; print "FAILED   " file ": " substr(line, 8) }
line ~ /^skip / { s++; print "skipped  " file ": " substr(line, 6) }
line != "" { why = last = line }
END {
    finish()
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed + failed + skipped == 0
}'
