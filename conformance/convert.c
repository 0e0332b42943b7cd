/* SPDX-License-Identifier: BSD-2-Clause */
/* convert IN OUT: a picture file into another format, told by the suffix, for
 * scripts that feed other programs.  Not here: anything that changes samples
 * (but for EXIF's orientation, which readers apply). */
#include <stdio.h>

#include "picture_file.h"

int main(int argc, char **argv)
{
    nenc_image image = { 0 };
    nenc_diag diag = { NENC_OK, "" };
    if (argc != 3) {
        fprintf(stderr, "usage: convert IN OUT\n");
        return 2;
    }
    nenc_status status = nenc_picture_load(&image, argv[1], &diag);
    if (status >= 0)
        status = nenc_picture_save(&image, argv[2], &diag);
    if (status < 0)
        fprintf(stderr, "convert: %s\n", diag.text);
    nenc_image_free(&image);
    return status < 0;
}
