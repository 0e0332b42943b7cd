#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kodak.sh FOLDER [MODEL]: rate and distortion of nenc and of JPEG over the
# PNG pictures of a folder, from files on disk, and the BD-rate between them:
#
#     make && ../conformance/kodak.sh ../../shared/data/kodak     (in build/)
#
# A point is the mean of bpp and the mean of PSNR (over R'G'B', 8 bit) at one
# quality.  BD-rate: mean difference of log rate over the PSNR interval that
# both curves cover, each interpolated by PCHIP.  JPEG is cjpeg -optimize,
# 4:2:0, qualities 10 to 95.
set -eu
build=${NENC_BUILD:-.}
folder=${1:?usage: kodak.sh FOLDER [MODEL]}
model=${2-}
qualities=${QUALITIES:-0 17 33 50 67 83 100}
jpegs='10 20 30 40 50 60 70 75 80 85 90 95'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# point NAME QUALITY FILE DECODED ORIGINAL: one line of the list
point() {
    set -- "$@" $("$build/metrics" "$5") $("$build/metrics" "$5" "$4")
    echo "$1 $2 $(($(wc -c <"$3") * 8)) $(($6 * $7)) $9 ${10}"
}

for png in "$folder"/*.png; do
    "$build/convert" "$png" "$work/a.ppm"
    for q in $qualities; do
        "$build/nenc" -f --quiet ${model:+--model "$model"} -q "$q" \
            "$work/a.ppm" -o "$work/a.nenc"
        "$build/ndec" -f --quiet ${model:+--model "$model"} \
            "$work/a.nenc" -o "$work/b.ppm"
        point nenc "$q" "$work/a.nenc" "$work/b.ppm" "$work/a.ppm"
    done
    for q in $jpegs; do
        cjpeg -optimize -quality "$q" -outfile "$work/a.jpg" "$work/a.ppm"
        djpeg -outfile "$work/b.ppm" "$work/a.jpg"
        point jpeg "$q" "$work/a.jpg" "$work/b.ppm" "$work/a.ppm"
    done
done >"$work/points"

awk '
# Fritsch-Carlson slopes of y over x, n points from 1
function slopes(x, y, m, n,   i, h0, h1, d0, d1) {
    for (i = 2; i < n; i++) {
        h0 = x[i] - x[i-1]; h1 = x[i+1] - x[i]
        d0 = (y[i] - y[i-1]) / h0; d1 = (y[i+1] - y[i]) / h1
        m[i] = d0 * d1 <= 0 ? 0 : 3 * (h0 + h1) \
               / ((2 * h1 + h0) / d0 + (h1 + 2 * h0) / d1)
    }
    m[1] = (y[2] - y[1]) / (x[2] - x[1])
    m[n] = (y[n] - y[n-1]) / (x[n] - x[n-1])
}
function at(x, y, m, n, q,   i, h, t) {
    for (i = 1; i < n - 1 && x[i+1] < q; i++);
    h = x[i+1] - x[i]; t = (q - x[i]) / h
    return (2*t^3 - 3*t^2 + 1) * y[i] + (t^3 - 2*t^2 + t) * h * m[i] \
        + (3*t^2 - 2*t^3) * y[i+1] + (t^3 - t^2) * h * m[i+1]
}
{
    k = $1 " " $2
    if (!(k in count)) order[++n] = k
    count[k]++; bpp[k] += $3 / $4; psnr[k] += $5
    if ($6 == "-") small = 1; else ssim[k] += $6
}
END {
    print "codec quality      bpp     PSNR  MS-SSIM"
    for (i = 1; i <= n; i++) {
        k = order[i]; split(k, w, " "); c = count[k]
        printf "%-5s %7d %8.4f %8.3f %8s\n", w[1], w[2], bpp[k] / c,
            psnr[k] / c, small ? "-" : sprintf("%.5f", ssim[k] / c)
        if (w[1] == "nenc") { p[++np] = psnr[k] / c; r[np] = log(bpp[k] / c) }
        else { pj[++nj] = psnr[k] / c; rj[nj] = log(bpp[k] / c) }
    }
    slopes(p, r, m, np); slopes(pj, rj, mj, nj)
    lo = p[1] > pj[1] ? p[1] : pj[1]; hi = p[np] < pj[nj] ? p[np] : pj[nj]
    for (i = 0; i < 1000; i++) {
        q = lo + (hi - lo) * (i + 0.5) / 1000
        sum += at(p, r, m, np, q) - at(pj, rj, mj, nj, q)
    }
    printf "BD-rate against JPEG %.2f %% (PSNR, %.1f to %.1f dB)\n",
        100 * (exp(sum / 1000) - 1), lo, hi
}' "$work/points"
