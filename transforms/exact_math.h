/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The functions of the exact backend, and scalar versions of
 * them.  Not here: the vector versions (exact_kernels.h: point). */
#ifndef NENC_TRANSFORMS_EXACT_MATH_H
#define NENC_TRANSFORMS_EXACT_MATH_H

/** Each function is one fixed sequence of IEEE-754 binary32 operations (add,
 *  subtract, multiply, divide, square root, fma, comparison, and shifts of the
 *  bits), written once in exact_math.inc.h and expanded for scalars and for
 *  each instruction set.  All need round-to-nearest and no flush-to-zero
 *  (fpenv.h).
 *
 *  A NaN argument, and any other NaN result, gives the NaN 0x7fc00000.  relu
 *  alone turns NaN into +0.  Denormals are ordinary numbers, in and out.
 *
 *    function  definition                 ulp   at -inf  -0   +inf
 *    exp       e^x                        1.1    +0      1    +inf
 *    tanh                                 1.5    -1     -0    1
 *    sigmoid   1 / (1 + e^-x)             2.5    +0      0.5  1
 *    gelu      x Phi(x), Phi the normal   6.0    -0     -0    +inf
 *              distribution function
 *    silu      x sigmoid(x)               3.5    -0     -0    +inf
 *    softplus  log(1 + e^x)               2.0    +0    ln 2   +inf
 *    ssqrt     x / sqrt(1 + |x|)          2.0   -inf    -0    +inf
 *    sqrt      correctly rounded          0.5    NaN    -0    +inf
 *    abs       sign cleared               0     +inf    +0    +inf
 *    relu      x > 0 ? x : +0             0      +0     +0    +inf
 *    lrelu     x > 0 ? x : x * a          0.5
 *
 *  ulp: the greatest error in units of the last place of the result, where it
 *  is normal (test_kernels.c checks these bounds against double precision).
 *  gelu below -12.9 and silu below -87.3 have a denormal factor and so fewer
 *  right digits.  exp overflows to +inf above 88.72. */
float nenc_exactf_exp(float x);
float nenc_exactf_tanh(float x);
float nenc_exactf_sigmoid(float x);
float nenc_exactf_gelu(float x);
float nenc_exactf_silu(float x);
float nenc_exactf_softplus(float x);
float nenc_exactf_ssqrt(float x);
float nenc_exactf_sqrt(float x);

#endif
