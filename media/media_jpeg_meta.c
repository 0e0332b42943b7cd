/* SPDX-License-Identifier: BSD-2-Clause */
/* JPEG's segments before the samples: profile, EXIF and XMP.  Found without
 * libjpeg, which would copy every segment of that kind before it can be asked.
 * Not here: what else there is, extended XMP. */
#include "media_jpeg.h"
#include "mem.h"

enum { APP1 = 0xe1, APP2 = 0xe2, SOI = 0xd8, EOI = 0xd9, SOS = 0xda,
       RST0 = 0xd0, TEM = 0x01 };

/* The code of the next marker; bytes between markers are passed over, as
 * libjpeg does.  0 at the end. */
static uint8_t next_marker(nenc_bytes *b)
{
    uint8_t last = 0;
    while (nenc_bytes_left(b)) {
        const uint8_t v = nenc_bytes_u8(b);
        if (last == 0xff && v && v != 0xff)
            return v;
        last = v;
    }
    return 0;
}

/* The next marker before the picture and what its segment holds.
 * @return its code; 0 = no more */
static uint8_t next_segment(nenc_bytes *b, nenc_bytes *in)
{
    uint8_t code;
    do
        code = next_marker(b);
    while (code == TEM || (code >= RST0 && code <= SOI));
    if (!code || code == EOI || code == SOS)
        return 0;
    const unsigned high = nenc_bytes_u8(b), size = high << 8 | nenc_bytes_u8(b);
    *in = nenc_bytes_sub(b, size < 2 ? 0 : size - 2);
    return b->failed ? 0 : code;
}

static bool begins_with(nenc_bytes *in, const char *name, size_t size)
{
    if (nenc_bytes_left(in) < size || memcmp(in->data + in->at, name, size))
        return false;
    nenc_bytes_get(in, size);
    return true;
}

/* ------------------------------------------------------------- the profile */

static const char icc_name[] = "ICC_PROFILE";

/* Its parts, by their number less 1. */
typedef struct profile {
    nenc_bytes part[255];
    unsigned n_parts;            /* 0 = no part has come */
    bool is_bad;                 /* parts that contradict each other */
} profile;

static void add_part(profile *p, nenc_bytes in)
{
    const unsigned i = nenc_bytes_u8(&in), n = nenc_bytes_u8(&in);
    if (in.failed || !i || i > n || (p->n_parts && p->n_parts != n)
        || p->part[i - 1].data) {
        p->is_bad = true;
        return;
    }
    p->n_parts = n;
    nenc_bytes_init(&p->part[i - 1], in.data + in.at, nenc_bytes_left(&in));
}

static nenc_status keep_profile(const profile *p, nenc_image *image,
                                nenc_media_facts *facts, nenc_diag *diag)
{
    nenc_buffer all;
    nenc_buffer_init(&all, sizeof p->part / sizeof p->part[0] << 16);
    bool is_bad = p->is_bad;
    for (unsigned i = 0; i < p->n_parts; i++) {
        is_bad = is_bad || !p->part[i].data;
        nenc_buffer_put(&all, p->part[i].data, p->part[i].size);
    }
    if (is_bad)                          /* too short to be taken for one */
        all.size = 0;
    const nenc_status st =
        all.failed ? nenc_fail(diag, NENC_ENOMEM, "out of memory")
                   : nenc_media_keep_icc(image, facts, all.data, all.size,
                                         diag);
    nenc_buffer_free(&all);
    return st;
}

/* --------------------------------------------------------------------- all */

static nenc_status read_segments(profile *p, nenc_image *image,
                                 nenc_media_facts *facts, nenc_bytes b,
                                 nenc_diag *diag)
{
    nenc_bytes in;
    uint8_t code;
    while ((code = next_segment(&b, &in))) {
        if (code == APP2 && begins_with(&in, icc_name, sizeof icc_name))
            add_part(p, in);
        if (code != APP1)
            continue;
        if (begins_with(&in, "Exif\0\0", 6))
            NENC_TRY(nenc_media_keep_exif(image, facts, in.data + in.at,
                                          nenc_bytes_left(&in), diag));
        else if (begins_with(&in, "http://ns.adobe.com/xap/1.0/", 29))
            NENC_TRY(nenc_media_keep_xmp(image, facts, in.data + in.at,
                                         nenc_bytes_left(&in), diag));
    }
    return p->n_parts || p->is_bad ? keep_profile(p, image, facts, diag)
                                   : NENC_OK;
}

nenc_status nenc_jpeg_scan(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag)
{
    nenc_bytes b;
    profile *p = nenc_mem_zalloc(1, sizeof *p);
    if (!p)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_bytes_init(&b, src->data, src->size);
    const nenc_status st = read_segments(p, image, facts, b, diag);
    nenc_mem_free(p);
    return st;
}
