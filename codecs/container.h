/* SPDX-License-Identifier: BSD-2-Clause */
/* The .nenc container: signature, chunks, and the HEAD chunk's fields
 * (doc/FORMAT.md, "Container").  Not here: what a unit holds. */
#ifndef NENC_CODECS_CONTAINER_H
#define NENC_CODECS_CONTAINER_H

#include "codec.h"

enum { NENC_FORMAT_VERSION = 1, NENC_SIGNATURE_SIZE = 8 };

#define NENC_CHUNK_HEAD NENC_TAG('H', 'E', 'A', 'D')
#define NENC_CHUNK_META NENC_TAG('M', 'E', 'T', 'A')
#define NENC_CHUNK_UNIT NENC_TAG('U', 'N', 'I', 'T')
#define NENC_CHUNK_ALPH NENC_TAG('A', 'L', 'P', 'H')
#define NENC_CHUNK_DONE NENC_TAG('D', 'O', 'N', 'E')

/** The stream's header. */
typedef struct nenc_head {
    unsigned version;
    uint32_t codec;            /**< nenc_codec.id */
    uint64_t model_id;
    nenc_media media;
    uint32_t width, height, channels, bits;
    uint32_t unit_width, unit_height; /**< of all units but the last ones */
    int quality;               /**< 0 to 100 */
} nenc_head;

/** Units of a picture, left to right, then down. */
uint32_t nenc_head_units(const nenc_head *head);
/** What unit `index` covers. */
nenc_rect nenc_head_unit(const nenc_head *head, uint32_t index);
/** Whether each unit comes with its transparency. */
static inline bool nenc_head_alpha(const nenc_head *head)
{
    return head->channels % 2 == 0;
}

/** Where chunks go to. */
typedef struct nenc_writer {
    nenc_write_fn write;
    void *user;
} nenc_writer;

NENC_NODISCARD nenc_status nenc_write_signature(nenc_writer *w,
                                                nenc_diag *diag);
NENC_NODISCARD nenc_status nenc_write_chunk(nenc_writer *w, uint32_t type,
                                            const void *data, size_t size,
                                            nenc_diag *diag);
NENC_NODISCARD nenc_status nenc_write_head(nenc_writer *w,
                                           const nenc_head *head,
                                           nenc_diag *diag);

/** Where chunks come from. */
typedef struct nenc_reader {
    nenc_read_fn read;
    void *user;
    uint64_t at;               /**< bytes read so far */
    size_t max_chunk;          /**< refuse larger payloads */
    bool   is_damaged;         /**< the last chunk was whole, but for its
                                    checksum: another one may follow */
} nenc_reader;

NENC_NODISCARD nenc_status nenc_read_signature(nenc_reader *r,
                                               nenc_diag *diag);

/** The next chunk, its checksum verified.  The payload is read in steps, so a
 *  lying length costs no memory.
 *  @param[out] payload  reinitialised; nenc_buffer_free() it
 *  @return NENC_OK, NENC_EIO, NENC_ETRUNCATED, NENC_EBITSTREAM, NENC_ELIMIT,
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_read_chunk(nenc_reader *r, uint32_t *type,
                                           nenc_buffer *payload,
                                           nenc_diag *diag);

/** True for chunks that a reader may skip: a lower-case first letter, or META
 *  or INDX, which this version knows to be optional. */
bool nenc_chunk_is_optional(uint32_t type);

/** META, if the picture has a profile or the like. */
NENC_NODISCARD nenc_status nenc_write_meta(nenc_writer *w,
                                           const nenc_image *image,
                                           nenc_diag *diag);
/** META's payload into `image`, whose blobs it replaces; kinds that are not
 *  known are passed over.
 *  @return NENC_OK, NENC_EBITSTREAM, NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_meta_parse(nenc_image *image, nenc_bytes *b,
                                           nenc_diag *diag);

/** HEAD's payload. */
NENC_NODISCARD nenc_status nenc_head_parse(nenc_head *head, nenc_bytes *b,
                                           nenc_diag *diag);

#endif
