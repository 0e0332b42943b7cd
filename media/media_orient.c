/* SPDX-License-Identifier: BSD-2-Clause */
/* EXIF's orientation: finding it, turning a picture accordingly, and making
 * EXIF and XMP say so.  Not here: anything else that they hold. */
#include "media_formats.h"
#include "mem.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

/* An integer of n bytes in the block's byte order. */
static uint32_t get(const uint8_t *p, int n, bool big)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint32_t)p[i] << 8 * (big ? n - 1 - i : i);
    return v;
}

/* The next entry for the orientation in the first directory, from the *next-th
 * one on: the offset of its value, or 0. */
static size_t find_value(const uint8_t *exif, size_t size, size_t *next)
{
    if (size < 8 || (memcmp(exif, "II*\0", 4) && memcmp(exif, "MM\0*", 4)))
        return 0;
    const bool big = exif[0] == 'M';
    const size_t at = get(exif + 4, 4, big);
    if (at > size - 2)
        return 0;
    const size_t n = get(exif + at, 2, big);
    if (n > (size - at - 2) / ENTRY_SIZE)
        return 0;
    while (*next < n) {
        const size_t entry = at + 2 + (*next)++ * ENTRY_SIZE;
        if (get(exif + entry, 2, big) == TAG_ORIENTATION
            && get(exif + entry + 2, 2, big) == TYPE_SHORT)
            return entry + 8;
    }
    return 0;
}

unsigned nenc_exif_orientation(const uint8_t *exif, size_t size)
{
    size_t next = 0;
    const size_t at = find_value(exif, size, &next);
    const uint32_t v = at ? get(exif + at, 2, exif[0] == 'M') : 1;
    return v >= 1 && v <= 8 ? v : 1;
}

void nenc_exif_set_upright(uint8_t *exif, size_t size)
{
    size_t next = 0, at;
    while ((at = find_value(exif, size, &next))) {
        const bool big = exif[0] == 'M';
        exif[at] = !big;
        exif[at + 1] = big;
    }
}

/* XMP may repeat it: tiff:Orientation="6", or >6< as an element. */
static void xmp_set_upright(uint8_t *xmp, size_t size)
{
    static const char name[] = "tiff:Orientation";
    const size_t n = sizeof name - 1;
    for (size_t i = 0; i + n < size; i++) {
        size_t at = i + n;
        if (memcmp(xmp + i, name, n))
            continue;
        while (at < size && xmp[at] && strchr("= \t\r\n\"'>", xmp[at]))
            at++;
        if (at + 1 < size && xmp[at] >= '2' && xmp[at] <= '8'
            && (xmp[at + 1] < '0' || xmp[at + 1] > '9'))
            xmp[at] = '1';
    }
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
    const size_t c = src->channels * (src->bits / 8);
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
        swap ? image->width : image->height, image->channels, image->bits);
    if (st < 0)
        return nenc_fail(diag, st, "out of memory for turning the picture");
    for (uint32_t y = 0; y < turned.height; y++)
        turn_row(&turned, y, image, orientation);
    nenc_mem_free(image->data);
    image->data = turned.data;
    image->width = turned.width;
    image->height = turned.height;
    image->stride = turned.stride;
    nenc_exif_set_upright(image->exif.data, image->exif.size);
    xmp_set_upright(image->xmp.data, image->xmp.size);
    return NENC_OK;
}
