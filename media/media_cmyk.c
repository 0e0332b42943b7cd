/* SPDX-License-Identifier: BSD-2-Clause */
/* CMYK to sRGB by the picture's own profile, with Little CMS: relative
 * colorimetric with black point compensation, as picture editors do it.
 * Not here: any other use of profiles. */
#include "media_formats.h"
#include "mem.h"

#ifdef HAVE_LCMS
#include <lcms2.h>
#include <lcms2_plugin.h>
#include <stdlib.h>

struct nenc_cmyk {
    cmsContext context;
    cmsHPROFILE cmyk, srgb;
    cmsHTRANSFORM transform;
};

/* A profile is small, and so is all that a good one asks for: a table of 33^4
 * colours takes 7 MB. */
enum { MAX_BLOCK = 1 << 26 };

static void *bounded_malloc(cmsContext context, cmsUInt32Number size)
{
    (void)context;
    return size && size <= MAX_BLOCK ? malloc(size) : NULL;
}

static void *bounded_realloc(cmsContext context, void *block,
                             cmsUInt32Number size)
{
    (void)context;
    return size && size <= MAX_BLOCK ? realloc(block, size) : NULL;
}

static void plain_free(cmsContext context, void *block)
{
    (void)context;
    free(block);
}

static void stay_silent(cmsContext context, cmsUInt32Number code,
                        const char *text)
{
    (void)context;
    (void)code;
    (void)text;
}

/* Chains of floats may have any number of links, each of which costs time at
 * each colour; tables have a handful.  Profiles of printers have tables. */
static bool has_chains(cmsHPROFILE profile)
{
    return cmsIsTag(profile, cmsSigDToB0Tag)
        || cmsIsTag(profile, cmsSigDToB1Tag)
        || cmsIsTag(profile, cmsSigDToB2Tag)
        || cmsIsTag(profile, cmsSigDToB3Tag);
}

/* Making its table of 23^4 colours pays for pictures of more pixels. */
enum { TABLE_SIZE = 23 * 23 * 23 * 23 };

static nenc_status open_transform(nenc_cmyk *c, const nenc_blob *icc,
                                  bool is_inverted, uint64_t n_pixels,
                                  nenc_diag *diag)
{
    static cmsPluginMemHandler memory = {
        { cmsPluginMagicNumber, 2000, cmsPluginMemHandlerSig, NULL },
        bounded_malloc, plain_free, bounded_realloc, NULL, NULL, NULL
    };
    c->context = cmsCreateContext(&memory, NULL);
    if (!c->context)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    cmsSetLogErrorHandlerTHR(c->context, stay_silent);
    c->cmyk = cmsOpenProfileFromMemTHR(c->context, icc->data,
                                       (cmsUInt32Number)icc->size);
    c->srgb = cmsCreate_sRGBProfileTHR(c->context);
    if (c->cmyk && c->srgb && cmsGetDeviceClass(c->cmyk) != cmsSigLinkClass
        && cmsGetColorSpace(c->cmyk) == cmsSigCmykData
        && !has_chains(c->cmyk))
        c->transform = cmsCreateTransformTHR(
            c->context, c->cmyk, is_inverted ? TYPE_CMYK_8_REV : TYPE_CMYK_8,
            c->srgb, TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC,
            cmsFLAGS_BLACKPOINTCOMPENSATION
                | (n_pixels < TABLE_SIZE ? cmsFLAGS_NOOPTIMIZE : 0));
    return c->transform
               ? NENC_OK
               : nenc_fail(diag, NENC_EUNSUPPORTED,
                           "a CMYK picture whose colour profile cannot be "
                           "used; convert it to RGB");
}

nenc_status nenc_cmyk_open(nenc_cmyk **out, const nenc_blob *icc,
                           bool is_inverted, uint64_t n_pixels,
                           nenc_diag *diag)
{
    *out = NULL;
    if (!nenc_icc_is_of(icc, "CMYK"))
        return nenc_fail(diag, NENC_EUNSUPPORTED,
                         "a CMYK picture without a CMYK profile; convert it "
                         "to RGB");
    nenc_cmyk *c = nenc_mem_zalloc(1, sizeof *c);
    if (!c)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    const nenc_status st = open_transform(c, icc, is_inverted, n_pixels,
                                          diag);
    if (st < 0)
        nenc_cmyk_close(c);
    else
        *out = c;
    return st;
}

void nenc_cmyk_run(nenc_cmyk *c, uint8_t *rgb, const uint8_t *cmyk, size_t n)
{
    cmsDoTransform(c->transform, cmyk, rgb, (cmsUInt32Number)n);
}

void nenc_cmyk_close(nenc_cmyk *c)
{
    if (!c)
        return;
    if (c->transform)
        cmsDeleteTransform(c->transform);
    if (c->srgb)
        cmsCloseProfile(c->srgb);
    if (c->cmyk)
        cmsCloseProfile(c->cmyk);
    if (c->context)
        cmsDeleteContext(c->context);
    nenc_mem_free(c);
}

#else

nenc_status nenc_cmyk_open(nenc_cmyk **out, const nenc_blob *icc,
                           bool is_inverted, uint64_t n_pixels,
                           nenc_diag *diag)
{
    (void)icc;
    (void)is_inverted;
    (void)n_pixels;
    *out = NULL;
    return nenc_fail(diag, NENC_EUNSUPPORTED,
                     "a CMYK picture, which this build cannot convert; "
                     "convert it to RGB, or build with lcms2");
}

void nenc_cmyk_run(nenc_cmyk *c, uint8_t *rgb, const uint8_t *cmyk, size_t n)
{
    (void)c;
    (void)rgb;
    (void)cmyk;
    (void)n;
}

void nenc_cmyk_close(nenc_cmyk *c)
{
    (void)c;
}
#endif
