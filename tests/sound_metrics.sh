#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The metrics program's figures of sounds against a second implementation, with
# numpy: a made pair, and MP3 of a shared sound and Opus of another where those
# and the encoders are at hand.
set -u
python=/usr/bin/python3
name="sound metrics agree with numpy"
if ! $python -c 'import numpy' 2>/dev/null; then
    echo "skip $name: no numpy (Debian: python3-numpy)"
    exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
script=$top_srcdir/tests/sound_metrics.py
sounds=$top_srcdir/../shared/data/audio
have() { command -v "$1" >/dev/null; }

$python "$script" make "$tmp/made.a.wav" "$tmp/made.b.wav" || exit 1
"$top_builddir/metrics" "$tmp/made.a.wav" "$tmp/made.b.wav" \
    >"$tmp/out" 2>"$tmp/err"
if [ $? != 0 ] && grep -qE 'no (libsndfile|kissfft)' "$tmp/err"; then
    echo "skip $name: $(cat "$tmp/err")"
    exit 77
fi
music=$sounds/music/music06_pop_vocal.flac
if [ -f "$music" ] && have flac && have lame; then
    flac -s -d -o "$tmp/music.a.wav" "$music" &&
        lame --quiet -b 64 --resample 44.1 "$tmp/music.a.wav" "$tmp/mp3" &&
        lame --quiet --decode "$tmp/mp3" "$tmp/music.b.wav" || exit 1
fi
speech=$sounds/speech/speech01_librivox.wav
if [ -f "$speech" ] && have opusenc && have opusdec; then
    cp "$speech" "$tmp/speech.a.wav" &&
        opusenc --quiet --bitrate 12 "$speech" "$tmp/opus" 2>/dev/null &&
        opusdec --quiet --rate 16000 "$tmp/opus" "$tmp/speech.b.wav" \
            2>/dev/null || exit 1
fi

failed=0 pairs=0
for a in "$tmp"/*.a.wav; do
    b=${a%.a.wav}.b.wav pair=${a##*/}
    ours=$("$top_builddir/metrics" "$a" "$b") || exit 1
    theirs=$($python "$script" "$a" "$b") || exit 1
    echo "${pair%.a.wav}: ours $ours, numpy's $theirs"
    pairs=$((pairs + 1))
    echo "$ours $theirs" | awk '
        function abs(v) { return v < 0 ? -v : v }
        NF != 8 { exit 1 }
        {
            for (i = 1; i <= 4; i++)
                if (!(abs($i - $(i + 4)) <= 1e-4 * abs($(i + 4))))
                    exit 1
        }' || failed=$((failed + 1))
done
if [ $failed = 0 ]; then
    echo "ok $name: $pairs pairs"
else
    echo "not ok $name: $failed of $pairs pairs"
    exit 1
fi
