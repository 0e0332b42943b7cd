#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# embed.sh FILE...: C that holds the files' bytes, for report_page.c.
set -eu
echo '/* Made by eval/embed.sh. */'
echo '#include <string.h>'
echo '#include "report.h"'
n=0
for file in "$@"; do
    echo "static const unsigned char file_$n[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'const unsigned char *nenc_report_file(const char *name, size_t *size)'
echo '{'
n=0
for file in "$@"; do
    echo "    if (!strcmp(name, \"${file##*/}\")) {"
    echo "        *size = sizeof file_$n;"
    echo "        return file_$n;"
    echo '    }'
    n=$((n + 1))
done
echo '    return NULL;'
echo '}'
