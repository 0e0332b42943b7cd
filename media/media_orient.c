/* SPDX-License-Identifier: BSD-2-Clause */
/* EXIF's orientation: finding it and turning a picture accordingly.
 * Not here: anything else that EXIF holds. */
#include <string.h>

#include "media_formats.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

/* An integer of n bytes in the block's byte order. */
static uint32_t get(const uint8_t *p, int n, bool big)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)p[i] << 8 * (big ? n - 1 - i : i);
    return v;
}

unsigned nenc_exif_orientation(const uint8_t *exif, size_t size)
{
    if (size < 8 || (memcmp(exif, "II*\0", 4) && memcmp(exif, "MM\0*", 4)))
        return 1;
    const bool big = exif[0] == 'M';
    const size_t at = get(exif + 4, 4, big);
    if (at > size - 2)
        return 1;
    const size_t n = get(exif + at, 2, big);
    if (n > (size - at - 2) / ENTRY_SIZE)
        return 1;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *entry = exif + at + 2 + i * ENTRY_SIZE;
        if (get(entry, 2, big) != TAG_ORIENTATION
            || get(entry + 2, 2, big) != TYPE_SHORT)
            continue;
        const uint32_t v = get(entry + 8, 2, big);
        return v >= 1 && v <= 8 ? v : 1;
    }
    return 1;
}

/* Row y of dst, which is src turned:
 *   5 to 8 swap rows and columns; 2, 3, 7, 8 then take source columns from
 *   the right, and 3, 4, 6, 7 source rows from the bottom. */
static void turn_row(nenc_image *dst, uint32_t y, const nenc_image *src,
                     unsigned orientation)
{
    const bool swap = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3
                            || orientation == 7 || orientation == 8;
    const bool from_bottom = orientation == 3 || orientation == 4
                             || orientation == 6 || orientation == 7;
    const size_t c = src->channels;
    uint8_t *out = dst->data + y * dst->stride;
    for (uint32_t x = 0; x < dst->width; x++) {
        uint32_t sx = swap ? y : x, sy = swap ? x : y;
        sx = from_right ? src->width - 1 - sx : sx;
        sy = from_bottom ? src->height - 1 - sy : sy;
        memcpy(out + x * c, src->data + sy * src->stride + sx * c, c);
    }
}

nenc_status nenc_image_orient(nenc_image *image, unsigned orientation,
                              nenc_diag *diag)
{
    if (orientation < 2 || orientation > 8)
        return NENC_OK;
    const bool swap = orientation >= 5;
    nenc_image turned;
    const nenc_status st = nenc_image_alloc(
        &turned, swap ? image->height : image->width,
        swap ? image->width : image->height, image->channels, 8);
    if (st < 0)
        return nenc_fail(diag, st, "out of memory for turning the picture");
    for (uint32_t y = 0; y < turned.height; y++)
        turn_row(&turned, y, image, orientation);
    nenc_image_free(image);
    *image = turned;
    return NENC_OK;
}
