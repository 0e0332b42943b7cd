/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JPEG by libjpeg (turbo).  What libjpeg would only warn of and fill
 * with gray - cut and damaged files - is refused here, unless the source is
 * to be read leniently.
 * Not here: segments beside the samples (media_jpeg_meta.c), writing, 12 bits,
 * gray and R'G'B' by their profiles. */
#include <setjmp.h>
#include <stdio.h>

#include "media_jpeg.h"
#include "mem.h"

bool nenc_jpeg_probe(const uint8_t *data, size_t size)
{
    return size >= 3 && !memcmp(data, "\xff\xd8\xff", 3);
}

#ifdef HAVE_JPEG
#include <jpeglib.h>
#include <jerror.h>

/* Encoders write about ten; each costs a pass over the picture. */
enum { MAX_SCANS = 100 };

typedef struct jpeg_reader {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr err;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    nenc_cmyk *cmyk;             /* NULL: not CMYK */
    uint8_t *cmyk_row;
    const nenc_media_source *src;
    nenc_image *image;
    nenc_media_facts *facts;
    nenc_diag *diag;
    nenc_status status;
    bool has_begun;              /* the samples */
} jpeg_reader;

static nenc_status status_of(int code)
{
    switch (code) {
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF: return NENC_ETRUNCATED;
    case JERR_OUT_OF_MEMORY: return NENC_ENOMEM;
    case JERR_IMAGE_TOO_BIG: return NENC_ELIMIT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED: return NENC_EUNSUPPORTED;
    default: return NENC_EBITSTREAM;
    }
}

static void on_error(j_common_ptr cinfo)
{
    jpeg_reader *r = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    r->err.format_message(cinfo, text);
    const nenc_status st = status_of(r->err.msg_code);
    r->status = nenc_fail(r->diag, st, "%s JPEG file: %s",
                          st == NENC_ETRUNCATED     ? "incomplete"
                          : st == NENC_EUNSUPPORTED ? "not a usual"
                          : st == NENC_EBITSTREAM   ? "damaged"
                                                    : "too large a",
                          text);
    /* where samples have begun, what there is of them is what is asked for */
    if (r->src->lenient && r->has_begun && st != NENC_ENOMEM
        && st != NENC_ELIMIT) {
        r->facts->is_truncated = true;
        r->status = NENC_OK;
    }
    longjmp(r->jump, 1);
}

/* Warnings: bytes between markers and odd version numbers do no harm. */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR: return;
    default: break;
    }
    jpeg_reader *r = cinfo->client_data;
    if (!r->src->lenient)
        on_error(cinfo);
    r->facts->is_truncated = true;
}

static void on_progress(j_common_ptr cinfo)
{
    jpeg_reader *r = cinfo->client_data;
    if (r->cinfo.input_scan_number <= MAX_SCANS)
        return;
    r->status = nenc_fail(r->diag, NENC_ELIMIT,
                          "a JPEG file of more than %d scans", MAX_SCANS);
    longjmp(r->jump, 1);
}

/* A CMYK picture leaves its profile behind: it is sRGB then. */
static nenc_status open_cmyk(jpeg_reader *r)
{
    const struct jpeg_decompress_struct *c = &r->cinfo;
    NENC_TRY(nenc_cmyk_open(&r->cmyk, &r->image->icc, c->saw_Adobe_marker,
                            (uint64_t)c->image_width * c->image_height,
                            r->diag));
    r->cmyk_row = nenc_mem_alloc(c->image_width, 4);
    if (!r->cmyk_row)
        return nenc_fail(r->diag, NENC_ENOMEM, "out of memory");
    nenc_media_note(r->facts, "converted from CMYK to sRGB by its profile");
    return nenc_blob_set(&r->image->icc, NULL, 0);
}

/* Of a component that no scan brings, libjpeg says nothing: it has no table,
 * where others have theirs (in a lossless file none has). */
static nenc_status check_components(jpeg_reader *r)
{
    const struct jpeg_decompress_struct *c = &r->cinfo;
    bool have_tables = false;
    for (int i = 0; i < c->num_components; i++)
        have_tables |= c->comp_info[i].quant_table != NULL;
    for (int i = 0; have_tables && i < c->num_components; i++) {
        if (c->comp_info[i].quant_table)
            continue;
        if (!r->src->lenient)
            return nenc_fail(r->diag, NENC_ETRUNCATED,
                             "incomplete JPEG file: nothing of component %d",
                             i + 1);
        r->facts->is_truncated = true;
    }
    return NENC_OK;
}

static nenc_status open_picture(jpeg_reader *r)
{
    struct jpeg_decompress_struct *c = &r->cinfo;
    const int n = c->num_components;
    if (n != 1 && n != 3 && n != 4)
        return nenc_fail(r->diag, NENC_EUNSUPPORTED,
                         "a JPEG file of %d components", n);
    NENC_TRY(nenc_media_check_size(c->image_width, c->image_height,
                                   r->src->max_pixels, r->diag));
    if (n == 4)
        NENC_TRY(open_cmyk(r));
    c->out_color_space = n == 1 ? JCS_GRAYSCALE : n == 4 ? JCS_CMYK : JCS_RGB;
    NENC_TRY(nenc_media_alloc(r->image, c->image_width, c->image_height,
                              n == 1 ? 1 : 3, 8, r->src->max_pixels,
                              r->diag));
    r->progress.progress_monitor = on_progress;
    c->progress = &r->progress;
    r->has_begun = true;
    jpeg_start_decompress(c);
    return check_components(r);
}

/* A progressive file may end before its last scans, and still end well. */
static void note_missing_scans(jpeg_reader *r)
{
    const struct jpeg_decompress_struct *c = &r->cinfo;
    for (int i = 0; c->coef_bits && i < c->num_components; i++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (c->coef_bits[i][k]) {
                nenc_media_note(r->facts, "its last scans are missing");
                return;
            }
}

static nenc_status read_picture(jpeg_reader *r)
{
    struct jpeg_decompress_struct *c = &r->cinfo;
    jpeg_create_decompress(c);
    jpeg_mem_src(c, r->src->data, (unsigned long)r->src->size);
    jpeg_read_header(c, TRUE);
    NENC_TRY(open_picture(r));
    while (c->output_scanline < c->output_height) {
        uint8_t *to = r->image->data + c->output_scanline * r->image->stride;
        JSAMPROW row = r->cmyk ? r->cmyk_row : to;
        jpeg_read_scanlines(c, &row, 1);
        if (r->cmyk)
            nenc_cmyk_run(r->cmyk, to, row, c->image_width);
    }
    note_missing_scans(r);
    jpeg_finish_decompress(c);
    return NENC_OK;
}

/* libjpeg's errors come back here.  No local variables: longjmp spoils them. */
static nenc_status read_guarded(jpeg_reader *r)
{
    if (setjmp(r->jump))
        return r->status;
    return read_picture(r);
}

nenc_status nenc_jpeg_read(nenc_image *image, nenc_media_facts *facts,
                           const nenc_media_source *src, nenc_diag *diag)
{
    NENC_TRY(nenc_jpeg_scan(image, facts, src, diag));
    jpeg_reader *r = nenc_mem_zalloc(1, sizeof *r);
    if (!r)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    r->src = src;
    r->image = image;
    r->facts = facts;
    r->diag = diag;
    r->cinfo.err = jpeg_std_error(&r->err);
    r->cinfo.client_data = r;
    r->err.error_exit = on_error;
    r->err.emit_message = on_message;
    const nenc_status st = read_guarded(r);
    jpeg_destroy_decompress(&r->cinfo);
    nenc_cmyk_close(r->cmyk);
    nenc_mem_free(r->cmyk_row);
    nenc_mem_free(r);
    return st;
}
#endif
