/* SPDX-License-Identifier: BSD-2-Clause */
/* NORMATIVE.  The element-wise functions over a vector type, included once by
 * each kernel file after it has defined the type and its operations:
 *
 *   vf, vi, vm      floats, 32-bit unsigned integers, a mask
 *   LANES           floats in a vf
 *   v_set1 v_load v_store v_load_n v_store_n (the first n < LANES)
 *   v_add v_sub v_mul v_div v_sqrt v_fma(a, b, c) = a * b + c
 *   v_gt v_lt v_eq  ordered comparisons: false where either side is NaN
 *   v_select(m, a, b) = m ? a : b, bit by bit
 *   v_max(a, b) = a > b ? a : b and v_min(a, b) = a < b ? a : b, so the
 *                   second where either is NaN or both are zero
 *   v_and v_or            on the bits of floats
 *   v_bits v_float        reinterpret
 *   vi_set1 vi_sub vi_shl vi_shr (logical, by a constant)
 *
 * Definitions and accuracy are stated in exact_math.h.  The coefficients are
 * Chebyshev interpolants, rounded to float.  (No include guard: a template.) */

/* The NaN that every NaN becomes. */
static inline vf m_canonical(vf x)
{
    return v_select(v_eq(x, x), x, v_float(vi_set1(0x7fc00000u)));
}

static inline vf m_abs(vf x)
{
    return v_and(x, v_float(vi_set1(0x7fffffffu)));
}

static inline vf m_sign(vf x)
{
    return v_and(x, v_float(vi_set1(0x80000000u)));
}

/* e^x for any x; NaN counts as +inf. */
static inline vf m_exp_any(vf x)
{
    /* beyond these, the scaling below gives 0 and infinity by itself */
    const vf xc = v_max(v_min(x, v_set1(89.0f)), v_set1(-104.0f));
    /* x = n ln 2 + r; adding 1.5 * 2^23 leaves n in the low bits */
    const vf magic = v_set1(0x1.8p23f);
    const vf t = v_fma(xc, v_set1(0x1.715476p0f), magic);
    const vf n = v_sub(t, magic);
    vf r = v_fma(n, v_set1(-0x1.62e4p-1f), xc);   /* n * this is exact */
    r = v_fma(n, v_set1(-0x1.7f7d1cp-20f), r);
    vf p = v_set1(0x1.6d112cp-10f);
    p = v_fma(p, r, v_set1(0x1.120b9p-7f));
    p = v_fma(p, r, v_set1(0x1.55551ap-5f));
    p = v_fma(p, r, v_set1(0x1.5554dcp-3f));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(v_mul(r, r), p, r);
    p = v_add(p, v_set1(1.0f));
    /* p * 2^n in two steps, since n may be past either end of the exponents;
     * only the second one rounds.  m = n + 256 is positive. */
    const vi m = vi_sub(v_bits(t), vi_set1(0x4b400000u - 256u));
    const vi half = vi_shr(m, 1);
    const vi rest = vi_sub(m, half);
    const vf s1 = v_float(vi_shl(vi_sub(half, vi_set1(1)), 23));
    const vf s2 = v_float(vi_shl(vi_sub(rest, vi_set1(1)), 23));
    return v_mul(v_mul(p, s1), s2);
}

static inline vf m_exp(vf x)
{
    return v_select(v_eq(x, x), m_exp_any(x), m_canonical(x));
}

static inline vf m_tanh(vf x)
{
    const vf a = m_abs(x);
    const vf z = v_mul(a, a);
    vf p = v_set1(0x1.2c83cp-9f);
    p = v_fma(p, z, v_set1(-0x1.116a16p-7f));
    p = v_fma(p, z, v_set1(0x1.64a976p-6f));
    p = v_fma(p, z, v_set1(-0x1.ba08c4p-5f));
    p = v_fma(p, z, v_set1(0x1.1110eap-3f));
    p = v_fma(p, z, v_set1(-0x1.555556p-2f));
    const vf small = v_fma(v_mul(z, a), p, a);
    /* 1 - 2 / (e^2a + 1) */
    const vf e = m_exp_any(v_add(a, a));
    const vf large = v_sub(v_set1(1.0f),
                           v_div(v_set1(2.0f), v_add(e, v_set1(1.0f))));
    const vf y = v_select(v_lt(a, v_set1(0.625f)), small, large);
    return v_select(v_eq(x, x), v_or(y, m_sign(x)), m_canonical(x));
}

/* 1 / (1 + e^-x); NaN counts as +inf. */
static inline vf m_sigmoid_any(vf x)
{
    const vf e = m_exp_any(v_or(x, v_set1(-0.0f)));   /* e^-|x| */
    const vf d = v_add(e, v_set1(1.0f));
    return v_div(v_select(v_lt(x, v_set1(0.0f)), e, v_set1(1.0f)), d);
}

static inline vf m_sigmoid(vf x)
{
    return v_select(v_eq(x, x), m_sigmoid_any(x), m_canonical(x));
}

/* x or, for -inf, the lowest finite number, so that its product with 0 is 0. */
static inline vf m_finite_below(vf x)
{
    return v_max(x, v_set1(-0x1.fffffep127f));
}

static inline vf m_silu(vf x)
{
    const vf y = v_mul(m_finite_below(x), m_sigmoid_any(x));
    return v_select(v_eq(x, x), y, m_canonical(x));
}

/* Phi(-a) = e^(-a^2 / 2) P(a) / Q(a), a = |x|; all terms are positive. */
static inline vf m_phi_tail(vf x)
{
    const vf a = v_min(m_abs(x), v_set1(16.0f));
    vf p = v_set1(0x1.036ce8p-8f);
    p = v_fma(p, a, v_set1(0x1.44c234p-5f));
    p = v_fma(p, a, v_set1(0x1.71811cp-3f));
    p = v_fma(p, a, v_set1(0x1.bd223ap-2f));
    p = v_fma(p, a, v_set1(0.5f));
    vf q = v_set1(0x1.45232ep-7f);
    q = v_fma(q, a, v_set1(0x1.970d8p-4f));
    q = v_fma(q, a, v_set1(0x1.d919fp-2f));
    q = v_fma(q, a, v_set1(0x1.30eeccp+0f));
    q = v_fma(q, a, v_set1(0x1.aad34ap+0f));
    q = v_fma(q, a, v_set1(1.0f));
    /* a^2 in two parts: the exponential magnifies the rounding of the first */
    const vf hi = v_mul(a, a);
    const vf lo = v_fma(a, a, v_sub(v_set1(0.0f), hi));
    const vf e = m_exp_any(v_mul(hi, v_set1(-0.5f)));
    const vf tail = v_mul(e, v_div(p, q));
    return v_fma(v_mul(lo, v_set1(-0.5f)), tail, tail);
}

static inline vf m_gelu(vf x)
{
    const vf q = m_phi_tail(x);
    const vf phi = v_select(v_gt(x, v_set1(0.0f)),
                            v_sub(v_set1(1.0f), q), q);
    const vf y = v_mul(m_finite_below(x), phi);
    return v_select(v_eq(x, x), y, m_canonical(x));
}

/* max(x, 0) + log(1 + e^-|x|) */
static inline vf m_softplus(vf x)
{
    const vf e = m_exp_any(v_or(x, v_set1(-0.0f)));
    vf p = v_set1(-0x1.24b298p-8f);
    p = v_fma(p, e, v_set1(0x1.9d4556p-6f));
    p = v_fma(p, e, v_set1(-0x1.11708cp-4f));
    p = v_fma(p, e, v_set1(0x1.d992bcp-4f));
    p = v_fma(p, e, v_set1(-0x1.448ee2p-3f));
    p = v_fma(p, e, v_set1(0x1.969cb2p-3f));
    p = v_fma(p, e, v_set1(-0x1.ffb95cp-3f));
    p = v_fma(p, e, v_set1(0x1.55540cp-2f));
    p = v_fma(p, e, v_set1(-0x1.fffffep-2f));
    p = v_fma(v_mul(e, e), p, e);
    const vf y = v_add(v_max(x, v_set1(0.0f)), p);
    return v_select(v_eq(x, x), y, m_canonical(x));
}

static inline vf m_ssqrt(vf x)
{
    const vf a = m_abs(x);
    const vf y = v_div(x, v_sqrt(v_add(a, v_set1(1.0f))));
    const vf finite = v_set1(0x1.fffffep127f);
    return m_canonical(v_select(v_gt(a, finite), x, y));
}

static inline vf m_relu(vf x)
{
    return v_max(x, v_set1(0.0f));
}

static inline vf m_lrelu(vf x, vf slope)
{
    return m_canonical(v_select(v_gt(x, v_set1(0.0f)), x, v_mul(x, slope)));
}

#define EACH(expr)                                  \
    do {                                            \
        size_t i_ = 0;                              \
        for (; i_ + LANES <= n; i_ += LANES) {      \
            const vf x = v_load(src + i_);          \
            v_store(dst + i_, (expr));              \
        }                                           \
        if (i_ < n) {                               \
            const vf x = v_load_n(src + i_, n - i_);\
            v_store_n(dst + i_, n - i_, (expr));    \
        }                                           \
    } while (0)

static inline void point(nenc_point f, float *dst, const float *src, size_t n,
                  float a)
{
    switch (f) {
    case NENC_POINT_RELU:     EACH(m_relu(x)); break;
    case NENC_POINT_LRELU:    EACH(m_lrelu(x, v_set1(a))); break;
    case NENC_POINT_GELU:     EACH(m_gelu(x)); break;
    case NENC_POINT_SILU:     EACH(m_silu(x)); break;
    case NENC_POINT_SIGMOID:  EACH(m_sigmoid(x)); break;
    case NENC_POINT_TANH:     EACH(m_tanh(x)); break;
    case NENC_POINT_SOFTPLUS: EACH(m_softplus(x)); break;
    case NENC_POINT_EXP:      EACH(m_exp(x)); break;
    case NENC_POINT_ABS:      EACH(m_canonical(m_abs(x))); break;
    case NENC_POINT_SSQRT:    EACH(m_ssqrt(x)); break;
    case NENC_POINT_SQRT:     EACH(m_canonical(v_sqrt(x))); break;
    case NENC_POINT_N:        break;
    }
}

#undef EACH
