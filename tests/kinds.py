#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pictures of every kind, made here, through nenc and ndec and back.

    kinds.py FOLDER NENC NDEC     prints "ok", "not ok" and "skip" lines
    kinds.py make FOLDER          only writes the files

NENC_TEST_SMALL=1 makes fewer random sizes, KINDS_MEASURE=N shows the N largest
errors of each group, KINDS_LACK="jpeg lcms" names what the build lacks.

What comes back is read by a decoder of our own and compared with what the
file was made from: size, gray or colour, alpha (sample for sample), depth,
profile, EXIF, XMP, and colours within a bound.  To be worth something, a bound
must be exceeded by a picture whose channels are swapped, that is mirrored or
inverted, or whose gamma or palette was misread: that is tested, too.
"""
import json
import os
import shlex
import subprocess
import sys
import time

import kinds_of_jpeg
import kinds_of_png
from kinds_pictures import distance, mistakes
import kinds_png

RANDOM_SIZES = 60 if os.environ.get('NENC_TEST_SMALL') else 300
MEASURE = int(os.environ.get('KINDS_MEASURE', 0))
QUALITY = '60'
failures = 0


def verdict(name, found, note=''):
    global failures
    failures += bool(found)
    for line in found:
        print(line)
    if found:
        print(f'not ok kinds: {name}: {len(found)} findings')
    else:
        print(f'ok kinds: {name}{note}', flush=True)


def skip(name, why):
    print(f'skip kinds: {name}: {why}', flush=True)


def write(folder, cases):
    os.makedirs(folder)
    for case in cases:
        with open(os.path.join(folder, case.name), 'wb') as f:
            f.write(case.data)


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors='replace')


# ---------------------------------------------------------------- good files

def blobs_of(found):
    """ICC profile, EXIF, XMP of a PNG file's chunks."""
    out = {'icc': b'', 'exif': b'', 'xmp': b''}
    for data in found.get('iCCP', []):
        out['icc'] = kinds_png.zlib.decompress(data[data.index(b'\0') + 2:])
    for data in found.get('eXIf', []):
        out['exif'] = data
    for data in found.get('iTXt', []):
        if data.startswith(b'XML:com.adobe.xmp\0\0\0'):
            out['xmp'] = data[20:].split(b'\0', 2)[2]
    return out


KINDS = {1: kinds_png.GRAY, 2: kinds_png.GRAY_ALPHA, 3: kinds_png.RGB,
         4: kinds_png.RGBA}


def differences(case, path):
    """Sentences; and the error of colours."""
    truth = case.truth
    try:
        with open(path, 'rb') as f:
            width, height, kind, bits, samples, found = kinds_png.read(
                f.read())
    except (OSError, ValueError, kinds_png.zlib.error) as e:
        return [f'no good PNG: {e}'], 0
    ours = width, height, kind, bits
    want = truth.width, truth.height, KINDS[truth.channels], truth.bits
    if ours != want:
        return [f'width, height, colour type, depth {ours}, not {want}'], 0
    out, expected, n = [], truth.flat(), truth.channels
    if n % 2 == 0 and samples[n - 1::n] != expected[n - 1::n]:
        out.append('alpha')
    if bits == 16 and len(samples) > 999 and not any(v % 257 for v in samples):
        out.append('16 bits that are 8')
    ours = blobs_of(found)
    out += [name for name in ours if ours[name] != truth.blobs[name]]
    error = distance(truth, samples, expected)
    if error > case.bound:
        out.append(f'colours are off by {error:.2f}, at most {case.bound}')
    for word, wrong in [*mistakes(truth, case.bound), *case.wrong]:
        far = distance(truth, wrong, expected)
        if 0 < far < 1.5 * case.bound:
            out.append(f'the bound {case.bound} would not catch: {word}, '
                       f'off by {far:.2f}')
    return out, error


def check_good(folder, nenc, ndec, cases):
    join = os.path.join
    write(join(folder, 'in'), cases)
    there = [run(*nenc, '-q', QUALITY, '-o', join(folder, 'coded'),
                 join(folder, 'in')),
             run(*ndec, '-o', join(folder, 'out'), join(folder, 'coded'))]
    said = [line for r in there for line in r.stderr.splitlines()]
    verdict('exit status of good files', [
        f'{r.args[0]}: exit {r.returncode}' for r in there if r.returncode])
    groups = {}
    for case in cases:
        base = os.path.splitext(case.name)[0]
        found, error = differences(case, join(folder, 'out', base + '.png'))
        words = [line for line in said if f'/{base}.' in line]
        if len(words) > 1 or bool(words) != bool(case.says) or (
                words and case.says not in words[0]):
            found.append(f'stderr: {words}, not "{case.says}"')
        group = groups.setdefault(case.group, ([], []))
        group[0].extend(f'{case.name}: {line}' for line in found)
        group[1].append((error, case))
    for group, (found, errors) in groups.items():
        error, worst = max(errors, key=lambda e: e[0] / e[1].bound)
        verdict(group, found, f': {len(errors)} files, largest error '
                f'{error:.2f} of {worst.bound} ({worst.name})')
        if MEASURE:
            for error, case in sorted(errors, key=lambda e: -e[0])[:MEASURE]:
                print(f'    {error:6.2f} of {case.bound:4} {case.name}')


# ----------------------------------------------------------------- bad files

def check_bad(folder, nenc, cases):
    """Each is refused: alone, with a sentence, and among others."""
    join = os.path.join
    there, out = join(folder, 'bad'), join(folder, 'bad.out')
    write(there, cases)
    os.makedirs(out)
    many = run(*nenc, '--json', '-o', out, there)
    reports = {}
    for line in many.stdout.splitlines():
        report = json.loads(line)
        reports[os.path.basename(report['input'])] = report.get('exit', 0)
    made = os.listdir(out)
    groups = {}
    for case in cases:
        found = groups.setdefault(case.group, [])
        path = join(there, case.name)
        alone = join(out, '-' + case.name)
        one = run(*nenc, path, '-o', alone)
        codes = one.returncode, reports.get(case.name)
        if codes != (case.code, case.code):
            found.append(f'{case.name}: exit {codes}, not {case.code}')
        for result in one, many:
            said = [s for s in result.stderr.splitlines()
                    if s.startswith(f'nenc: {path}: ')]
            if len(said) != 1 or len(said[0]) < len(path) + 20:
                found.append(f'{case.name}: stderr: {said}')
        if os.path.exists(alone):
            found.append(f'{case.name}: made a file')
        if os.path.splitext(case.name)[0] + '.nenc' in made:
            found.append(f'{case.name}: made a file, among others')
    left = [name for name in os.listdir(out) if name.startswith('.')]
    verdict('nothing left behind', left)
    for group, found in groups.items():
        n = sum(case.group == group for case in cases)
        verdict(group, found, f': {n} files, all refused')


def main():
    start = time.time()
    folder = sys.argv[2] if sys.argv[1] == 'make' else sys.argv[1]
    lacking = os.environ.get('KINDS_LACK', '').split()
    good = list(kinds_of_png.good(RANDOM_SIZES))
    bad = list(kinds_of_png.bad())
    why = kinds_of_jpeg.why_not(lacking)
    if why:
        skip('JPEG', why)
    else:
        good += kinds_of_jpeg.good(lacking)
        if 'lcms' in lacking:
            skip('CMYK in JPEG', 'no lcms2 in this build')
        bad += kinds_of_jpeg.bad()
    names = [os.path.splitext(case.name)[0] for case in good + bad]
    assert len(set(names)) == len(names), 'a name twice'
    if sys.argv[1] == 'make':
        write(os.path.join(folder, 'in'), good)
        write(os.path.join(folder, 'bad'), bad)
        return 0
    made = time.time()
    nenc, ndec = (shlex.split(word) for word in sys.argv[2:4])
    check_good(folder, nenc, ndec, good)
    check_bad(folder, nenc, bad)
    print(f'{len(good)} good files ({RANDOM_SIZES} random sizes) and '
          f'{len(bad)} bad ones, made in '
          f'{made - start:.1f} s, coded and compared in '
          f'{time.time() - made:.1f} s')
    if failures:
        print('To see the files: /usr/bin/python3 tests/kinds.py make FOLDER')
    return failures > 0


if __name__ == '__main__':
    sys.exit(main())
