/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files to and from nenc_image: gray or R'G'B', with or without
 * alpha, 8 or 16 bits, and the profile, EXIF and XMP that go along.
 * Not here: opening files, and anything about codecs. */
#ifndef NENC_MEDIA_MEDIA_H
#define NENC_MEDIA_MEDIA_H

#include "status.h"

/** A profile, EXIF block or XMP packet over this is left out, with a note. */
#define NENC_MEDIA_MAX_BLOB ((size_t)1 << 24)

/** A whole file in memory, borrowed. */
typedef struct nenc_media_source {
    const uint8_t *data;
    size_t size;
    uint64_t max_pixels;      /**< refuse larger pictures: NENC_ELIMIT */
    bool lenient;             /**< take what there is of a cut or damaged PNG
                                   or JPEG file, where its header is whole */
} nenc_media_source;

/** What a reader saw beside the samples. */
typedef struct nenc_media_facts {
    const char *format;       /**< name in the table of formats */
    unsigned orientation;     /**< EXIF's, 1 to 8; applied already, and the
                                   picture's EXIF and XMP say so */
    unsigned bits;            /**< of a sample (or a palette's index) in the
                                   file: 1 to 16 */
    bool has_alpha;           /**< alpha, or a transparent colour */
    bool has_palette;
    bool has_profile;         /**< an ICC profile, kept unless a note says
                                   otherwise */
    bool is_truncated;        /**< read leniently: some samples are filler */
    char note[160];           /**< what else the user should know: sentences
                                   parted by "; ", or "" */
} nenc_media_facts;

/** A kind of file.  NULL functions: this build or this version cannot. */
typedef struct nenc_media_format {
    const char *name;         /**< "png"; also the prefix in "png:-" */
    const char *suffixes;     /**< ".jpg .jpeg", lower case */
    /** Whether `size` bytes begin such a file. */
    bool (*probe)(const uint8_t *data, size_t size);
    nenc_status (*read)(nenc_image *image, nenc_media_facts *facts,
                        const nenc_media_source *src, nenc_diag *diag);
    nenc_status (*write)(const nenc_image *image, nenc_write_fn write,
                         void *user, nenc_diag *diag);
    bool keeps_blobs;         /**< written with profile, EXIF and XMP; else
                                   the writer leaves them out */
} nenc_media_format;

/** The table, one by one: NULL past its end. */
const nenc_media_format *nenc_media_at(size_t i);
/** By name, and by the suffix of a path, in any case; NULL if there is none. */
const nenc_media_format *nenc_media_by_name(const char *name);
const nenc_media_format *nenc_media_by_suffix(const char *path);

/** Read a picture, whose kind its first bytes tell, and turn it upright.
 *  Palettes become colours, samples of fewer than 8 bits become 8, of more
 *  than 8 become 16.  A profile is kept, not applied, but for CMYK, which
 *  becomes sRGB; a PNG that has no profile but a gamma far from sRGB's becomes
 *  sRGB, too.
 *  @param[out] image  nenc_image_free() it; cleared on failure
 *  @param[out] facts  may be NULL
 *  @return NENC_OK, NENC_ETRUNCATED, NENC_EBITSTREAM (damaged),
 *          NENC_EUNSUPPORTED (the sentence says what it is), NENC_ELIMIT,
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_media_read(nenc_image *image,
                                           nenc_media_facts *facts,
                                           const nenc_media_source *src,
                                           nenc_diag *diag);

/** Write a picture as a file of `format`.
 *  @return NENC_OK, NENC_EIO (`write` stopped), NENC_EINVAL (colour into a
 *          gray format, alpha into one without, not a picture that
 *          nenc_image_alloc() could have made), NENC_EUNSUPPORTED (no writer,
 *          or too large for the format), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_media_write(const nenc_media_format *format,
                                            const nenc_image *image,
                                            nenc_write_fn write, void *user,
                                            nenc_diag *diag);

#endif
