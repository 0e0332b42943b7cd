/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  Latents to colours, and gradients back: the upsampling and the
 * synthesis.  Not here: quantisation, rates, losses, clamping to a range.
 *
 * All values are float32; each sum below is taken by fma in the order given,
 * and "+" outside of a sum is an addition of its own.  So the bits depend
 * neither on the machine nor on threads.
 *
 * FORWARD.  Level k has ceil(width / 2^k) columns and ceil(height / 2^k) rows.
 *  x_top is the latent of the level `top`.  x_k, for k = top - 1 down to 0, has
 *  channel 0 = P(latent k) and channel 1 + c = T(channel c of x_{k+1}), so that
 *  channel i of x_0 comes from the latent of level i.
 *  T, with a b c d = up[k]: down the columns, then along the rows.  Of a line s
 *    with indices clamped to it:
 *      out[2m]   = a s[m-2];  fma(c, s[m-1]);  fma(d, s[m]);    fma(b, s[m+1])
 *      out[2m+1] = b s[m-1];  fma(d, s[m]);    fma(c, s[m+1]);  fma(a, s[m+2])
 *    as far as level k goes.
 *  P, with a b c d = pre[k]: down the columns, then along the rows:
 *      out[m] = a s[m-3];  fma(b, s[m-2]);  fma(c, s[m-1]);  fma(d, s[m]);
 *               fma(c, s[m+1]);  fma(b, s[m+2]);  fma(a, s[m+3])
 *    where s is 0 outside (the first pass filters those columns like others,
 *    to zeros of some sign), then out[m] + the latent.
 *  Synthesis, per pixel; relu(s) is s > 0 ? s : +0:
 *      h = relu(bias + sum over i of trunk0[.][i] x_0[i])
 *      t = bias + sum over j of trunk1[.][j] h[j]
 *      u = relu(conv0(t) + t), where there is a conv1; else without relu
 *      v = conv1(u) + u, where there is; else v = u
 *      output = v + sum over i, from +0, of skip[.][i] x_0[i]
 *    conv(s)[o] = bias[o] + sum over i, ky, kx, the last the fastest, of
 *      w[o][i][ky][kx] s[i][y + ky - 1][x + kx - 1], indices clamped.
 *
 * BACKWARD.  g is the gradient of what stands behind it: g_out, g_u and so on.
 *  Of a conv, with `from` behind it: on a picture of one more row and column on
 *    each side, e[i] = sum from +0 over o, ky, kx of w[o][i][ky][kx]
 *    g[o][y + 1 - ky][x + 1 - kx], g being 0 outside; + g[i]; and if `from` has
 *    a relu before it, from[i] > 0 ? e : +0 (from clamped).  Then in each row
 *    column 0 += column -1, the last += the one after it; then row 0 += row
 *    -1, the last += the one after it.
 *  g_t as that; g_h[j] = h[j] > 0 ? sum from +0 over o of trunk1[o][j] g_t[o]
 *    : +0; g_x[i] = sum from +0 over o of skip[o][i] g_out[o], then on over j
 *    of trunk0[j][i] g_h[j].
 *  Of T along a line of n, with E[m] = g[2m], O[m] = g[2m+1], 0 outside: for
 *    -2 <= m < n + 2, e[m] = a E[m+2];  fma(c, E[m+1]);  fma(d, E[m]);
 *    fma(b, E[m-1]);  fma(b, O[m+1]);  fma(d, O[m]);  fma(c, O[m-1]);
 *    fma(a, O[m-2]); then e[0] += e[-1], += e[-2]; e[n-1] += e[n], += e[n+1].
 *    Along the rows, then down the columns.
 *  Of P: the filter of P along the rows, then down the columns, then + g.
 *  Parameters: 16 sums each, by column modulo 16, over bands of PAINT_BAND rows
 *    (of the layer's output; down the columns of T, of its source), in the
 *    order of rows, channels (of T), columns; of the synthesis, in blocks of
 *    columns, which changes nothing.  Bands are added in order, then of the 16
 *    sums the halves: s[i] += s[i + 8], 4, 2, 1.  T and P have a sum for each
 *    tap of each pass; overfit_paint.c says how they add up. */
#ifndef NENC_CODECS_OVERFIT_PAINT_H
#define NENC_CODECS_OVERFIT_PAINT_H

#include "overfit.h"
#include "pool.h"
#include "status.h"

typedef struct overfit_paint overfit_paint;

/** @param shape     borrowed, as is `pool`, which may be NULL
 *  @param training  with what a backward pass needs
 *  @return NENC_OK, NENC_ELIMIT (over max_memory) or NENC_ENOMEM; *out is NULL
 *          on failure */
nenc_status overfit_paint_open(overfit_paint **out, const overfit_shape *shape,
                               bool training, nenc_pool *pool,
                               size_t max_memory, nenc_diag *diag);
void overfit_paint_close(overfit_paint *p);
size_t overfit_paint_memory(const overfit_paint *p);

/** @param latents  [top + 1], level 0 first; zeros in their margins, and from
 *                  the width on
 *  @param params   [n_params] */
void overfit_paint_forward(overfit_paint *p, const overfit_plane *latents,
                           const float *params);

/** [channels], of the last forward pass; from the width on, anything. */
const overfit_plane *overfit_paint_output(const overfit_paint *p);

/** [channels]: the gradient of the output, for the caller to write, within
 *  width and height and nowhere else.  Only where opened for training. */
overfit_plane *overfit_paint_seed(overfit_paint *p);

/** Right after a forward pass with the same latents and parameters.
 *  @param d_latents  [top + 1] of the same geometry; written within width and
 *                    height, zeros from there to the width rounded up to 16
 *  @param d_params   [n_params]; upsampling and synthesis are written */
void overfit_paint_backward(overfit_paint *p, const overfit_plane *latents,
                            const float *params, overfit_plane *d_latents,
                            float *d_params);

#endif
