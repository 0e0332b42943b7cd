# SPDX-License-Identifier: BSD-2-Clause
# What configure.ac is made of.

# NENC_REFUSE_FLAGS(FLAGS)
# Options that let the compiler change results.  Normative code compiled with
# them decodes files wrongly, so this is an error and not a warning.
AC_DEFUN([NENC_REFUSE_FLAGS], [
for nenc_flag in $1; do
    AS_CASE([$nenc_flag],
        [-Ofast|-ffast-math|-funsafe-math-optimizations|-fassociative-math|\
-freciprocal-math|-ffinite-math-only|-fno-signed-zeros|-ffp-contract=fast|\
-ffp-contract=on|-ffp-contract=fast-honor-pragmas|-ffp-model=fast|\
-fcx-limited-range|-fsingle-precision-constant|-mfpmath=387],
        [AC_MSG_ERROR([$nenc_flag changes results: such a build would decode files wrongly])])
done
])

# NENC_COMPILES_WITH(FLAGS, IF-YES, IF-NO)
# A link, since sanitizers need their libraries.
AC_DEFUN([NENC_COMPILES_WITH], [
AS_VAR_PUSHDEF([cache], [nenc_cv_flag_$1])dnl
AC_CACHE_CHECK([whether $CC takes $1], [cache],
    [nenc_saved_CFLAGS=$CFLAGS
     CFLAGS="$CFLAGS -Werror $1"
     AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
         [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
     CFLAGS=$nenc_saved_CFLAGS])
AS_VAR_IF([cache], [yes], [$2], [$3])
AS_VAR_POPDEF([cache])dnl
])

# NENC_TRY_FLAG(VARIABLE, FLAGS), NENC_NEED_FLAG(VARIABLE, FLAGS)
AC_DEFUN([NENC_TRY_FLAG],
    [NENC_COMPILES_WITH([$2], [AS_VAR_APPEND([$1], [" $2"])], [:])])
AC_DEFUN([NENC_NEED_FLAG],
    [NENC_COMPILES_WITH([$2], [AS_VAR_APPEND([$1], [" $2"])],
        [AC_MSG_ERROR([the compiler does not take $2, which this build needs])])])

# NENC_VERSION_SCRIPT
# Sets VERSION_SCRIPT_LDFLAGS and the conditional of the same name.
AC_DEFUN([NENC_VERSION_SCRIPT], [
AC_CACHE_CHECK([whether the linker takes a version script],
    [nenc_cv_version_script],
    [echo 'V { global: main; local: *; };' > conftest.map
     nenc_saved_LDFLAGS=$LDFLAGS
     LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
     AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
         [nenc_cv_version_script=yes], [nenc_cv_version_script=no])
     LDFLAGS=$nenc_saved_LDFLAGS
     rm -f conftest.map])
AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test $nenc_cv_version_script = yes])
])

# NENC_WITH(NAME, WHAT): --with-NAME=auto|yes|no, default auto.
AC_DEFUN([NENC_WITH], [
AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=auto|yes|no], [$2 (auto)])],
            [], [with_$1=auto])
AS_CASE([$with_$1], [auto|yes|no], [],
        [AC_MSG_ERROR([--with-$1 takes auto, yes or no, not "$with_$1"])])
have_$1=no
])

# NENC_HAVE(NAME, LIBRARY, DEBIAN-PACKAGE): what came of it.
AC_DEFUN([NENC_HAVE], [
AS_CASE([$with_$1:$have_$1],
    [yes:no], [AC_MSG_ERROR([--with-$1 was given and $2 is missing (Debian: $3)])],
    [auto:no], [AC_MSG_WARN([$2 is missing (Debian: $3): building without it])])
AS_IF([test $have_$1 = yes],
    [AC_DEFINE(AS_TR_CPP([HAVE_$1]), [1], [$2 is used])])
AM_CONDITIONAL(AS_TR_CPP([HAVE_$1]), [test $have_$1 = yes])
])

# NENC_SUMMARY: what was configured, in groups, and what to type next.
AC_DEFUN([NENC_SUMMARY], [
nenc_line ()
{
    nenc_dots=`echo "$[1] ...................." | cut -c1-20`
    echo "    $nenc_dots $[2]"
}
echo
echo "nenc $PACKAGE_VERSION"
echo "  build"
nenc_line host "$host"
nenc_line compiler "$CC $CFLAGS"
nenc_line library "$library"
nenc_line kernels "$kernels"
nenc_line sanitizers "$enable_sanitizers"
nenc_line fuzzing "$enable_fuzzing"
echo "  pictures"
nenc_line PNM,PAM yes
nenc_line PNG "$have_png"
nenc_line JPEG "$have_jpeg"
nenc_line "CMYK in JPEG" "$have_lcms"
nenc_line WebP "$have_webp"
nenc_line TIFF "$have_tiff"
echo "  speed"
nenc_line oneDNN "$have_onednn"
echo "  tests"
nenc_line "cmocka" "$have_cmocka"
echo "  install"
nenc_line prefix "$prefix"
echo
echo "Next: make && make check"
])
