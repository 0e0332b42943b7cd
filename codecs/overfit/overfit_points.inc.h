/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops over single numbers for fitting, over a vector type: included by
 * overfit_kernels.inc.h.  (No include guard: a template.) */

/* ----------------------------------------------------------------- laplace */

/* With F the distribution function, u = |symbol - mean| and b the scale:
 * P = F(u + 1/2) - F(u - 1/2).  near and far are e^-|u -+ 1/2| / b. */
INLINE void laplace_group(const overfit_laplace *l, size_t i)
{
    const vf half = v_set1(0.5f), zero = v_set1(0.0f), one = v_set1(1.0f);
    const vf least = v_set1(l->least_scale), most = v_set1(l->most_scale);
    const vf raw = v_sub(v_load(l->scale + i), v_set1(4.0f));
    const vf scale = v_min(v_max(raw, least), most);
    const vf inverse = m_exp(v_sub(zero, scale));
    const vf v = v_sub(v_load(l->symbol + i), v_load(l->mean + i));
    const vf u = m_abs(v), in = v_sub(u, half), out = v_add(u, half);
    const vf near = m_exp(v_mul(v_sub(zero, m_abs(in)), inverse));
    const vf far = m_exp(v_mul(v_sub(zero, out), inverse));
    const vf p = v_select(v_lt(u, half),
                          v_sub(one, v_mul(half, v_add(near, far))),
                          v_mul(half, v_sub(near, far)));
    const vf floor = v_set1(l->least), q = v_max(p, floor);
    v_store(l->price + i, q);
    if (!l->d_mean)
        return;
    const vf k = v_set1(-0.5f * 1.44269504f * l->weight);
    const vf unit = v_select(v_lt(p, floor), zero,
                             v_div(v_mul(k, inverse), q));
    const vf du = v_mul(v_sub(far, near), unit);
    const vf minus = v_sub(zero, du);
    const vf ds = v_mul(v_sub(v_mul(in, near), v_mul(out, far)), unit);
    const vm is_less = v_lt(v, zero);
    v_store(l->d_mean + i, v_select(is_less, du, minus));
    v_store(l->d_symbol + i, v_select(is_less, minus, du));
    v_store(l->d_scale + i, v_select(v_eq(scale, raw), ds, zero));
}

static void laplace(const overfit_laplace *l, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        laplace_group(l, i);
}

/* -------------------------------------------------------------- soft rounding */

/* s(x) = floor(x) + 1/2 + tanh(d / t) / (2 tanh(1 / (2 t))), d the distance to
 * the middle of x's interval; *slope becomes s'(x) times it. */
INLINE vf soft_round(vf x, vf inverse, vf gain, vf *slope)
{
    const vf magic = v_set1(12582912.0f), one = v_set1(1.0f);
    const vf near = v_sub(v_add(x, magic), magic);
    const vf floor = v_select(v_gt(near, x), v_sub(near, one), near);
    const vf middle = v_add(floor, v_set1(0.5f));
    const vf h = m_tanh(v_mul(v_sub(x, middle), inverse));
    *slope = v_mul(*slope, v_mul(v_mul(gain, inverse),
                                 v_sub(one, v_mul(h, h))));
    return v_fma(gain, h, middle);
}

static void soft(const overfit_soft *s, const float *y, float *symbol,
                 float *slope, size_t n)
{
    const vf inverse = v_set1(1 / s->temperature), gain = v_set1(s->gain);
    for (size_t i = 0; i < n; i += LANES) {
        vf d = v_set1(1.0f);
        const vf first = soft_round(v_load(y + i), inverse, gain, &d);
        const vf noisy = v_add(first, v_load(symbol + i));
        v_store(symbol + i, soft_round(noisy, inverse, gain, &d));
        v_store(slope + i, d);
    }
}

/* ------------------------------------------------------------------------ Adam */

static void adam(const overfit_adam *a, float *y, float *m, float *v,
                 const float *gradient, size_t n)
{
    const vf beta1 = v_set1(a->beta1), beta2 = v_set1(a->beta2);
    const vf rest1 = v_set1(1 - a->beta1), rest2 = v_set1(1 - a->beta2);
    const vf lr = v_set1(a->lr * a->correct1), eps = v_set1(a->eps);
    const vf correct2 = v_set1(a->correct2);
    for (size_t i = 0; i < n; i += LANES) {
        const vf g = v_load(gradient + i);
        const vf m1 = v_fma(beta1, v_load(m + i), v_mul(rest1, g));
        const vf v1 = v_fma(beta2, v_load(v + i), v_mul(rest2, v_mul(g, g)));
        const vf root = v_add(v_sqrt(v_mul(v1, correct2)), eps);
        v_store(m + i, m1);
        v_store(v + i, v1);
        v_store(y + i, v_sub(v_load(y + i), v_div(v_mul(lr, m1), root)));
    }
}

static void add(float *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        v_store(to + i, v_add(v_load(to + i), v_load(from + i)));
}
