/* SPDX-License-Identifier: BSD-2-Clause */
/* Rate-distortion curves, and the mean distance of two of them.
 *
 * Bjontegaard's difference (VCEG-M33, 2001), with piecewise cubics in place of
 * one polynomial, as JVET's common test conditions have it: the curve through
 * the points is PCHIP, Fritsch and Carlson's slopes with ends of three points,
 * the same as SciPy's PchipInterpolator; it is monotone where the points are.
 * Integrals are exact, not sums of samples.  Nothing is extrapolated.
 *
 * What is done to a curve first: points are sorted by rate, and a point that
 * another one dominates (no more rate, no less quality; of equal points one
 * stays) is dropped, since PCHIP of quality needs qualities that rise with the
 * rate.  An encoder's setting that is no use does not harm it.  But where over
 * a quarter of the points is dominated, the points are no curve: refused.
 *
 * Not here: measuring, mean curves of many pictures, files, plots. */
#ifndef NENC_EVAL_CURVE_H
#define NENC_EVAL_CURVE_H

#include "nenc.h"

/** Fewest points of a curve, after those dominated are dropped. */
#define NENC_CURVE_POINTS 4

/** Of the shorter of two curves' ranges, the share at least that both must
 *  cover. */
#define NENC_CURVE_SHARE 0.1

/** In any unit, as long as it is the same one for both curves. */
typedef struct nenc_curve_point {
    double rate;            /**< over 0 */
    double quality;
} nenc_curve_point;

/** How much more rate `test` takes than `anchor` at the same quality: the mean
 *  difference of the logarithms of the rates over the qualities that both
 *  cover, as a percentage; -20 means four fifths of the anchor's rate.
 *  @param[out] percent
 *  @param[out] from, to  the range of qualities, from < to; NULL if unwanted
 *  @param      higher_is_better  false for qualities that are distances
 *  @return NENC_OK; NENC_EUNSUPPORTED: a number is not finite or a rate not
 *          over 0, under NENC_CURVE_POINTS points, too many dominated, the
 *          ranges do not meet, or in less than NENC_CURVE_SHARE; NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_bd_rate(
    double *percent, double *from, double *to,
    const nenc_curve_point *anchor, size_t n_anchor,
    const nenc_curve_point *test, size_t n_test,
    bool higher_is_better, nenc_diag *diag);

#endif
