/* SPDX-License-Identifier: BSD-2-Clause */
/* What an encode that was cut short goes on from: the units that it had put, and
 * what its codec had saved of the next.  Only the program that made one reads
 * it, on the same kind of machine; whatever is damaged is refused.  Not here:
 * what codecs save, files. */
#ifndef NENC_CODECS_CHECKPOINT_H
#define NENC_CODECS_CHECKPOINT_H

#include "container.h"

/** What must be the same for going on. */
typedef struct nenc_job {
    const nenc_head *head;
    const nenc_image *image;
    double quality;
    int effort;
} nenc_job;

void nenc_job_hash(const nenc_job *job, uint8_t hash[32]);

typedef struct nenc_checkpoint {
    uint32_t n_units;         /**< put */
    nenc_bytes units;         /**< of each: its length (varint), its bytes */
    nenc_bytes state;
} nenc_checkpoint;

/** @param out  empty; see `failed` */
void nenc_checkpoint_write(const nenc_checkpoint *c, const uint8_t job[32],
                           nenc_buffer *out);
/** Its head and its last bytes; what comes between is up to whoever fuzzes
 *  nenc_checkpoint_read(). */
void nenc_checkpoint_begin(const uint8_t job[32], nenc_buffer *out);
void nenc_checkpoint_end(nenc_buffer *out);
/** @param c  refers to `data`; its units are whole
 *  @return NENC_OK or NENC_EINVAL (of another job, damaged) */
NENC_NODISCARD nenc_status nenc_checkpoint_read(nenc_checkpoint *c,
                                                const uint8_t job[32],
                                                const void *data, size_t size,
                                                nenc_diag *diag);

#endif
