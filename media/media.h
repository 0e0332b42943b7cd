/* SPDX-License-Identifier: BSD-2-Clause */
/* Picture files to and from nenc_image: 8-bit gray and R'G'B'.
 * Not here: opening files, and anything about codecs. */
#ifndef NENC_MEDIA_MEDIA_H
#define NENC_MEDIA_MEDIA_H

#include "status.h"

/** A whole file in memory, borrowed. */
typedef struct nenc_media_source {
    const uint8_t *data;
    size_t size;
    uint64_t max_pixels;      /**< refuse larger pictures: NENC_ELIMIT */
} nenc_media_source;

/** What a reader saw beside the samples. */
typedef struct nenc_media_facts {
    const char *format;       /**< name in the table of formats */
    unsigned orientation;     /**< EXIF's, 1 to 8; applied already */
    bool has_profile;         /**< an ICC profile, which is not kept */
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
} nenc_media_format;

/** The table, one by one: NULL past its end. */
const nenc_media_format *nenc_media_at(size_t i);
/** By name, and by the suffix of a path, in any case; NULL if there is none. */
const nenc_media_format *nenc_media_by_name(const char *name);
const nenc_media_format *nenc_media_by_suffix(const char *path);

/** Read a picture, whose kind its first bytes tell.
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
 *          gray format), NENC_EUNSUPPORTED (no writer), NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_media_write(const nenc_media_format *format,
                                            const nenc_image *image,
                                            nenc_write_fn write, void *user,
                                            nenc_diag *diag);

#endif
