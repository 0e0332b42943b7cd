#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# setup.sh [--demo] [--tests]: install the Debian packages that are missing
# for building (and for the demo, and for the tests), then build in build/.
# Elsewhere than on Debian and its relatives it says what is needed and tries.
#
# NENC_NO_INSTALL=1    install nothing, say what is missing
# NENC_CONFIGURE=...   more options for configure
# NENC_BROWSER=1       with --tests, a browser for the page that neval writes
# NENC_JOBS=N          compile N files at a time (all cores)
set -eu
cd "$(dirname "$0")/.."

needed="gcc libc6-dev make autoconf automake libtool pkg-config"
wanted="libpng-dev libjpeg-dev liblcms2-dev libwebp-dev libtiff-dev
        libdnnl-dev libsndfile1-dev libkissfft-dev"
for arg in "$@"; do
    case $arg in
    --demo) wanted="$wanted libjpeg-turbo-progs" ;;
    --tests) needed="$needed libcmocka-dev"
        wanted="$wanted libjpeg-turbo-progs xz-utils g++"
        [ -z "${NENC_BROWSER-}" ] ||
            wanted="$wanted chromium chromium-driver python3"
        case $(uname -m) in
        x86_64) wanted="$wanted gcc-aarch64-linux-gnu
                        libc6-dev-arm64-cross
                        gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user" ;;
        esac ;;
    *) echo "setup.sh: unknown option $arg" >&2; exit 2 ;;
    esac
done

is_installed() {
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null |
        grep -q '^install ok installed$'
}

missing_of() {
    for package in "$@"; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -n "${CI-}" ]; then
        sudo -n "$@"
    else
        sudo "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"
}

# A package that this release or architecture does not have has no candidate.
is_offered() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

install_missing() {
    missing=$(missing_of $needed $wanted)
    [ -n "$missing" ] || return 0
    echo "Missing Debian packages: $missing"
    if [ -n "${NENC_NO_INSTALL-}" ]; then
        echo "NENC_NO_INSTALL is set: trying without them."
        return 0
    fi
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "Not root, and there is no sudo: trying without them.  As root:"
        echo "    apt-get install --no-install-recommends $missing"
        return 0
    fi
    for package in $missing; do
        if ! is_offered "$package"; then
            apt update
            break
        fi
    done
    list=
    for package in $missing; do
        if is_offered "$package"; then
            list="$list $package"
        else
            echo "No package $package here: going on without it."
        fi
    done
    [ -n "$list" ] || return 0
    # lists that are out of date name files that are gone: refresh, once more
    apt install --no-install-recommends $list ||
        { apt update && apt install --no-install-recommends $list; }
    installed=yes
}

installed=no
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_missing
else
    echo "This is not Debian.  Needed: a C11 compiler, make, autoconf,"
    echo "automake, libtool, pkg-config.  Used where present: libpng, libjpeg,"
    echo "lcms2, libwebp, libtiff 4.5, oneDNN; cmocka for the tests, cjpeg for"
    echo "the demo.  Trying."
fi

[ -x configure ] || ./autogen.sh
mkdir -p build
cd build
if [ ! -f config.status ] || [ $installed = yes ]; then
    ../configure ${NENC_CONFIGURE-}
fi
make -j"${NENC_JOBS:-$(nproc 2>/dev/null || echo 2)}"
