/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of a TIFF directory, counted before libtiff reads them.
 * Nothing else. */
#include <string.h>

#include "bytes.h"
#include "media_tiff.h"

/* Where things lie in the two layouts of TIFF. */
typedef struct layout {
    bool big_endian;
    bool is_big;              /* BigTIFF: 64 bits where others have 32 */
} layout;

static uint64_t number(const layout *l, nenc_bytes *b, size_t bytes)
{
    const uint8_t *p = nenc_bytes_get(b, bytes);
    uint64_t v = 0;
    for (size_t i = 0; p && i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * (l->big_endian ? bytes - 1 - i : i);
    return v;
}

/* Of a value of type `type`; 0 where nobody knows, and libtiff passes over. */
static uint64_t size_of(uint64_t type)
{
    static const uint8_t sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4,
                                     0, 0, 8, 8, 8 };
    return type < sizeof sizes ? sizes[type] : 0;
}

/* What a picture needs: where its samples are, its palette, its profile ... */
static bool matters(uint64_t tag)
{
    static const uint16_t tags[] = { 258, 273, 277, 279, 320, 324, 325, 338,
                                     339, 347, 700, 34675 };
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (tags[i] == tag)
            return true;
    return false;
}

/* One entry; its bytes, if they lie elsewhere in the file, are added. */
static nenc_status take_entry(const layout *l, nenc_bytes *b, uint64_t *total,
                              nenc_diag *diag)
{
    const size_t word = l->is_big ? 8 : 4;
    const uint64_t tag = number(l, b, 2), one = size_of(number(l, b, 2));
    const uint64_t count = number(l, b, word), at = number(l, b, word);
    if (!one || count <= word / one)
        return NENC_OK;
    if (at > b->size || count > (b->size - at) / one)
        return matters(tag)
             ? nenc_fail(diag, NENC_EBITSTREAM, "damaged or cut TIFF file: "
                         "what tag %u is about lies beyond its end",
                         (unsigned)tag)
             : NENC_OK;
    *total += count * one;        /* two numbers no larger than the file */
    return NENC_OK;
}

nenc_status nenc_tiff_check(const uint8_t *data, size_t size, nenc_diag *diag)
{
    nenc_bytes b;
    uint64_t total = 0;
    nenc_bytes_init(&b, data, size);
    const uint8_t *head = nenc_bytes_get(&b, 4);
    if (!head)
        return NENC_OK;
    layout l = { .big_endian = head[0] == 'M' };
    l.is_big = head[l.big_endian ? 3 : 2] == '+';
    if (l.is_big)
        nenc_bytes_get(&b, 4);
    const uint64_t first = number(&l, &b, l.is_big ? 8 : 4);
    b.at = (size_t)(first < size ? first : size);
    const uint64_t n = number(&l, &b, l.is_big ? 8 : 2);
    for (uint64_t i = 0; i < n && !b.failed; i++) {
        NENC_TRY(take_entry(&l, &b, &total, diag));
        if (total > size)
            return nenc_fail(diag, NENC_ELIMIT, "a TIFF file whose tags have "
                             "more bytes than it has");
    }
    return NENC_OK;
}
