/* SPDX-License-Identifier: BSD-2-Clause */
/* What the codec's files share: one stream's context. */
#ifndef NENC_CODECS_OVERFIT_CODEC_OVERFIT_H
#define NENC_CODECS_OVERFIT_CODEC_OVERFIT_H

#include "codec.h"
#include "overfit.h"
#include "range_coder.h"

typedef struct overfit_codec {
    nenc_codec_params params;
    const nenc_cdf_set *set;
} overfit_codec;

uint32_t overfit_codec_units(const overfit_codec *c);
nenc_rect overfit_codec_unit(const overfit_codec *c, uint32_t index);

/** What a bit a pixel is worth at a quality, in MSE of samples 0 to 1.
 *  @param finer  a part of the next quality, -0.5 to 0.5 */
float overfit_lambda(int quality, float finer, double *log10_lambda);
/** The colours of a part of a picture as samples 0 to 1.
 *  @param planes  [1 or 3] they lie in `arena` */
NENC_NODISCARD nenc_status overfit_load(overfit_plane *planes,
                                        nenc_arena *arena,
                                        const nenc_image *src,
                                        const nenc_rect *r, nenc_diag *diag);

/* As struct nenc_codec has them. */
nenc_status overfit_codec_encode(void *context, const nenc_image *src,
                                 const nenc_units *units,
                                 nenc_sha256 *symbols, nenc_diag *diag);
nenc_status overfit_codec_decode(void *context, const nenc_units *units,
                                 nenc_image *dst, nenc_sha256 *symbols,
                                 nenc_diag *diag);

#endif
