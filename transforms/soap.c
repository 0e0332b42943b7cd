/* SPDX-License-Identifier: BSD-2-Clause */
/* SOAP for small matrices, with its own linear algebra.  Not normative, but
 * deterministic: doubles, nothing but + - * / and sqrt, every sum in a fixed
 * order (matrices are multiplied by adding rows, scalar products have four
 * sums), so that compilers make vectors of the loops and change no bit. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "fpenv.h"
#include "mem.h"
#include "soap.h"

enum {
    MAX_SWEEPS = 40,        /* Jacobi needs about 8 */
    MAX_EVERY = 1 << 20
};

/* Squares below it have lost bits. */
static const double least_square = 1e-280;

/* Bases with less than this, after very many gradients of 0, stay. */
static const double least_trace = 1e-120;

/* A basis is kept both ways: a product wants its right factor by rows. */
typedef struct basis {
    size_t n;               /* 0 = none, the identity */
    double *g;              /* [n][n] the gradients' second moment */
    double *q;              /* [n][n] basis vectors are columns */
    double *qt;             /* [n][n] its transpose */
} basis;

typedef struct matrix {
    nenc_soap_tensor t;
    size_t n;               /* rows * cols */
    basis left, right;
    double *m, *v;          /* [n] moments, of the gradient in the bases */
} matrix;

struct nenc_soap {
    matrix *matrices;
    size_t n;
    nenc_soap_config cfg;
    nenc_arena arena;
    double *grad, *turned, *spare, *other; /* [largest matrix or basis] */
    double *ends;           /* [most_side] */
    size_t *order;          /* [most_side] */
    size_t most_side;
    uint64_t n_steps;       /* that changed values */
    bool has_begun;
    double power1, power2;  /* betas to the power of n_steps */
};

/* ---------------------------------------------------------- linear algebra */

static double dot(const double *restrict x, const double *restrict y, size_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += x[i] * y[i];
        s1 += x[i + 1] * y[i + 1];
        s2 += x[i + 2] * y[i + 2];
        s3 += x[i + 3] * y[i + 3];
    }
    for (; i < n; i++)
        s0 += x[i] * y[i];
    return (s0 + s1) + (s2 + s3);
}

static void add_scaled(double *restrict x, double scale,
                       const double *restrict y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += scale * y[i];
}

/* dst [rows][cols] = a [rows][inner] b [inner][cols] */
static void multiply(double *restrict dst, const double *restrict a,
                     const double *restrict b, size_t rows, size_t inner,
                     size_t cols)
{
    memset(dst, 0, rows * cols * sizeof *dst);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < inner; k++)
            add_scaled(dst + i * cols, a[i * inner + k], b + k * cols, cols);
}

static void transpose(double *restrict dst, const double *restrict src,
                      size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            dst[j * rows + i] = src[i * cols + j];
}

/* Rows p and q of x become c p - s q and s p + c q. */
static void turn_rows(double *x, size_t n, size_t p, size_t q, double c,
                      double s)
{
    double *restrict xp = x + p * n, *restrict xq = x + q * n;
    for (size_t i = 0; i < n; i++) {
        const double a = xp[i], b = xq[i];
        xp[i] = c * a - s * b;
        xq[i] = s * a + c * b;
    }
}

static void turn_columns(double *x, size_t n, size_t p, size_t q, double c,
                         double s)
{
    for (size_t i = 0; i < n; i++) {
        const double a = x[i * n + p], b = x[i * n + q];
        x[i * n + p] = c * a - s * b;
        x[i * n + q] = s * a + c * b;
    }
}

/* One sweep of Jacobi's over all pairs.  A pair below the last bit of the
 * trace is left.  @return whether any was turned */
static bool sweep(double *a, double *qt, size_t n, double least)
{
    bool any = false;
    for (size_t p = 0; p + 1 < n; p++)
        for (size_t q = p + 1; q < n; q++) {
            const double apq = a[p * n + q];
            if (!(apq > least || apq < -least))
                continue;
            const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
            const double size = theta < 0 ? -theta : theta;
            const double t = 1 / (size + sqrt(size * size + 1));
            const double c = 1 / sqrt(t * t + 1);
            const double s = theta < 0 ? -t * c : t * c;
            turn_rows(a, n, p, q, c, s);
            turn_columns(a, n, p, q, c, s);
            a[p * n + q] = a[q * n + p] = 0;
            turn_rows(qt, n, p, q, c, s);
            any = true;
        }
    return any;
}

static double trace(const double *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i * n + i];
    return sum;
}

/* Eigenvectors of `a`, which has no negative eigenvalues, as rows of qt, in
 * no order; `a` becomes diagonal. */
static void eigenvectors(double *a, double *qt, size_t n)
{
    const double least = 1e-18 * trace(a, n);
    memset(qt, 0, n * n * sizeof *qt);
    for (size_t i = 0; i < n; i++)
        qt[i * n + i] = 1;
    for (int i = 0; i < MAX_SWEEPS && sweep(a, qt, n, least); i++)
        ;
}

/* The Householder vector that turns x onto its first axis, in place.
 * @return 2 over its square; 0 = x is 0, there is nothing to turn */
static double reflector(double *x, size_t n)
{
    const double square = dot(x, x, n);
    if (!(square > least_square))
        return 0;
    const double root = sqrt(square);
    const double first = x[0] < 0 ? x[0] - root : x[0] + root;
    x[0] = first;
    /* The new vector's square is 2 root |first|. */
    return 1 / (root * (first < 0 ? -first : first));
}

/* dst's rows = the columns of Q in the QR decomposition of the matrix whose
 * columns are x's rows.  x is destroyed; scales [n].  Orthonormal even if x is
 * singular, unlike Gram-Schmidt. */
static void orthonormalize(double *restrict dst, double *restrict x,
                           double *restrict scales, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double *v = x + k * n + k;
        scales[k] = reflector(v, n - k);
        for (size_t j = k + 1; j < n; j++) {
            double *y = x + j * n + k;
            add_scaled(y, -scales[k] * dot(v, y, n - k), v, n - k);
        }
    }
    memset(dst, 0, n * n * sizeof *dst);
    for (size_t i = 0; i < n; i++) {
        dst[i * n + i] = 1;
        for (size_t k = i + 1; k-- > 0;) {
            double *y = dst + i * n + k;
            const double *v = x + k * n + k;
            add_scaled(y, -scales[k] * dot(v, y, n - k), v, n - k);
        }
    }
}

/* order = the indices of x from its largest; those of one size stay in order */
static void sort(size_t *order, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && x[order[at - 1]] < x[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void permute_rows(double *restrict dst, const double *restrict src,
                         const size_t *order, size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(dst + i * cols, src + order[i] * cols, cols * sizeof *dst);
}

static void permute_columns(double *restrict dst, const double *restrict src,
                            const size_t *order, size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            dst[i * cols + j] = src[i * cols + order[j]];
}

/* ------------------------------------------------------------------- bases */

/* dst = left x right, where a factor of NULL is the identity; dst is not x */
static void turn(nenc_soap *o, const matrix *a, double *dst,
                 const double *left, const double *x, const double *right)
{
    const size_t rows = a->t.rows, cols = a->t.cols;
    if (left && right) {
        multiply(o->spare, left, x, rows, rows, cols);
        multiply(dst, o->spare, right, rows, cols, cols);
    } else if (left) {
        multiply(dst, left, x, rows, rows, cols);
    } else if (right) {
        multiply(dst, x, right, rows, cols, cols);
    } else {
        memcpy(dst, x, a->n * sizeof *dst);
    }
}

static void into_bases(nenc_soap *o, const matrix *a, double *dst,
                       const double *x)
{
    turn(o, a, dst, a->left.qt, x, a->right.q);
}

static void out_of_bases(nenc_soap *o, const matrix *a, double *dst,
                         const double *x)
{
    turn(o, a, dst, a->left.q, x, a->right.qt);
}

static void move_moment(basis *b, double weight, const double *now)
{
    const size_t n = b->n * b->n;
    for (size_t i = 0; i < n; i++)
        b->g[i] = (1 - weight) * b->g[i] + weight * now[i];
}

/* Both second moments move towards those of o->grad. */
static void move_moments(nenc_soap *o, matrix *a)
{
    const size_t rows = a->t.rows, cols = a->t.cols;
    const double weight = 1 - o->cfg.shampoo_beta;
    if (!a->left.n && !a->right.n)
        return;
    transpose(o->spare, o->grad, rows, cols);
    if (a->left.n) {
        multiply(o->turned, o->grad, o->spare, rows, cols, rows);
        move_moment(&a->left, weight, o->turned);
    }
    if (a->right.n) {
        multiply(o->turned, o->spare, o->grad, cols, rows, cols);
        move_moment(&a->right, weight, o->turned);
    }
}

static void first_basis(nenc_soap *o, basis *b)
{
    const size_t n = b->n;
    if (!n)
        return;
    memcpy(o->turned, b->g, n * n * sizeof *b->g);
    eigenvectors(o->turned, o->spare, n);
    for (size_t i = 0; i < n; i++)
        o->ends[i] = o->turned[i * n + i];
    sort(o->order, o->ends, n);
    permute_rows(b->qt, o->spare, o->order, n, n);
    transpose(b->q, b->qt, n, n);
}

/* A step of the power iteration, with basis vectors in the order of what
 * they hold.  @return whether o->order tells how */
static bool next_basis(nenc_soap *o, basis *b)
{
    const size_t n = b->n;
    if (!n || !(trace(b->g, n) > least_trace))
        return false;
    multiply(o->turned, b->qt, b->g, n, n, n);
    for (size_t i = 0; i < n; i++)
        o->ends[i] = dot(b->qt + i * n, o->turned + i * n, n);
    sort(o->order, o->ends, n);
    permute_rows(o->spare, o->turned, o->order, n, n);
    orthonormalize(b->qt, o->spare, o->ends, n);
    transpose(b->q, b->qt, n, n);
    return true;
}

/* The first moment keeps its meaning, the second one only its order. */
static void next_bases(nenc_soap *o, matrix *a)
{
    const size_t rows = a->t.rows, cols = a->t.cols, size = sizeof *a->v;
    if (!a->left.n && !a->right.n)
        return;
    out_of_bases(o, a, o->other, a->m);
    if (next_basis(o, &a->left)) {
        permute_rows(o->spare, a->v, o->order, rows, cols);
        memcpy(a->v, o->spare, a->n * size);
    }
    if (next_basis(o, &a->right)) {
        permute_columns(o->spare, a->v, o->order, rows, cols);
        memcpy(a->v, o->spare, a->n * size);
    }
    into_bases(o, a, a->m, o->other);
}

/* -------------------------------------------------------------------- step */

static double measure_norm(const nenc_soap *o)
{
    double sum = 0;
    for (size_t i = 0; i < o->n; i++)
        for (size_t j = 0; j < o->matrices[i].n; j++) {
            const double g = o->matrices[i].t.grads[j];
            sum += g * g;
        }
    return sqrt(sum);
}

/* Adam's moments of o->grad in the bases, and his direction, o->other. */
static void find_direction(nenc_soap *o, matrix *a)
{
    const nenc_soap_config *cfg = &o->cfg;
    const double b1 = cfg->beta1, b2 = cfg->beta2;
    double *restrict d = o->turned, *restrict m = a->m, *restrict v = a->v;
    into_bases(o, a, d, o->grad);
    for (size_t i = 0; i < a->n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * d[i];
        v[i] = b2 * v[i] + (1 - b2) * d[i] * d[i];
        d[i] = m[i] / (sqrt(v[i]) + cfg->eps);
    }
    out_of_bases(o, a, o->other, d);
}

static void step_matrix(nenc_soap *o, matrix *a, double rate, double fall)
{
    float *values = a->t.values;
    find_direction(o, a);
    for (size_t i = 0; i < a->n; i++) {
        const double value = values[i] - rate * o->other[i];
        values[i] = (float)(value - fall * value);
    }
    move_moments(o, a);
    if (o->n_steps % (uint64_t)o->cfg.every == 0)
        next_bases(o, a);
}

static void begin_matrix(nenc_soap *o, matrix *a)
{
    move_moments(o, a);
    first_basis(o, &a->left);
    first_basis(o, &a->right);
}

static void step_all(nenc_soap *o, double lr, double clip)
{
    const bool is_first = !o->has_begun;
    double rate = 0;
    if (!is_first) {
        o->n_steps++;
        o->power1 *= o->cfg.beta1;
        o->power2 *= o->cfg.beta2;
        rate = lr * sqrt(1 - o->power2) / (1 - o->power1);
    }
    o->has_begun = true;
    for (size_t i = 0; i < o->n; i++) {
        matrix *a = &o->matrices[i];
        for (size_t j = 0; j < a->n; j++)
            o->grad[j] = a->t.grads[j] * clip;
        if (is_first)
            begin_matrix(o, a);
        else
            step_matrix(o, a, rate, lr * o->cfg.weight_decay);
    }
}

nenc_optim_report nenc_soap_step(nenc_soap *o, double lr)
{
    nenc_fpenv env;
    nenc_fpenv_enter(&env);
    const double norm = measure_norm(o), most = o->cfg.max_norm;
    /* As PyTorch clips: */
    const double share = most / (norm + 1e-6);
    const bool is_skipped = !(isfinite(norm) && isfinite(lr) && lr >= 0);
    if (!is_skipped)
        step_all(o, lr, most > 0 && share < 1 ? share : 1);
    nenc_fpenv_leave(&env);
    return (nenc_optim_report){ .norm = norm, .is_skipped = is_skipped };
}

/* ---------------------------------------------------------- open, and state */

void nenc_soap_set_every(nenc_soap *o, int every)
{
    assert(every > 0);
    o->cfg.every = every;
}

static void reset_basis(basis *b)
{
    const size_t bytes = b->n * b->n * sizeof *b->g;
    if (!bytes)
        return;
    memset(b->g, 0, bytes);
    memset(b->q, 0, bytes);
    memset(b->qt, 0, bytes);
}

void nenc_soap_reset(nenc_soap *o)
{
    for (size_t i = 0; i < o->n; i++) {
        matrix *a = &o->matrices[i];
        reset_basis(&a->left);
        reset_basis(&a->right);
        memset(a->m, 0, a->n * sizeof *a->m);
        memset(a->v, 0, a->n * sizeof *a->v);
    }
    o->n_steps = 0;
    o->has_begun = false;
    o->power1 = o->power2 = 1;
}

void nenc_soap_state(nenc_soap *o,
                     void (*piece)(void *user, void *data, size_t size),
                     void *user)
{
    uint8_t has_begun = o->has_begun;
    for (size_t i = 0; i < o->n; i++) {
        matrix *a = &o->matrices[i];
        basis *const sides[] = { &a->left, &a->right };
        for (int k = 0; k < 2; k++) {
            const size_t size = sides[k]->n * sides[k]->n * sizeof(double);
            piece(user, sides[k]->g, size);
            piece(user, sides[k]->q, size);
            piece(user, sides[k]->qt, size);
        }
        piece(user, a->m, a->n * sizeof *a->m);
        piece(user, a->v, a->n * sizeof *a->v);
    }
    piece(user, &o->n_steps, sizeof o->n_steps);
    piece(user, &has_begun, sizeof has_begun);
    o->has_begun = has_begun != 0;
    piece(user, &o->power1, sizeof o->power1);
    piece(user, &o->power2, sizeof o->power2);
}

const double *nenc_soap_basis_get(const nenc_soap *o, size_t tensor, int side)
{
    const matrix *a = &o->matrices[tensor];
    return side ? a->right.qt : a->left.qt;
}

static bool within(double v, double lo, double hi)
{
    return v >= lo && v < hi;
}

static nenc_status check(const nenc_soap_tensor *tensors, size_t n,
                         const nenc_soap_config *cfg, nenc_diag *diag)
{
    const struct { const char *name; double value, lo, hi; } numbers[] = {
        { "beta1", cfg->beta1, 0, 1 },
        { "beta2", cfg->beta2, 0, 1 },
        { "eps", cfg->eps, 1e-30, 1e30 },
        { "weight_decay", cfg->weight_decay, 0, 1e30 },
        { "max_norm", cfg->max_norm, 0, INFINITY },
        { "shampoo_beta", cfg->shampoo_beta, 0, 1 },
        { "every", cfg->every, 1, MAX_EVERY },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!within(numbers[i].value, numbers[i].lo, numbers[i].hi))
            return nenc_fail(diag, NENC_EINVAL, "%s %g, from %g to less than "
                             "%g", numbers[i].name, numbers[i].value,
                             numbers[i].lo, numbers[i].hi);
    for (size_t i = 0; i < n; i++) {
        const nenc_soap_tensor *t = &tensors[i];
        if (t->rows && t->cols && !(t->values && t->grads))
            return nenc_fail(diag, NENC_EINVAL, "tensor %zu has no arrays", i);
    }
    return NENC_OK;
}

static bool open_basis(nenc_soap *o, basis *b, size_t n, size_t *most)
{
    if (n > NENC_SOAP_MAX_SIDE)
        return true;
    b->n = n;
    b->g = nenc_arena_zalloc(&o->arena, n * n, sizeof *b->g);
    b->q = nenc_arena_zalloc(&o->arena, n * n, sizeof *b->q);
    b->qt = nenc_arena_zalloc(&o->arena, n * n, sizeof *b->qt);
    *most = NENC_MAX(*most, n * n);
    o->most_side = NENC_MAX(o->most_side, n);
    return b->g && b->q && b->qt;
}

static bool open_matrix(nenc_soap *o, matrix *a, const nenc_soap_tensor *t,
                        size_t *most)
{
    a->t = *t;
    if (!nenc_size_mul(&a->n, t->rows, t->cols))
        return false;
    *most = NENC_MAX(*most, a->n);
    a->m = nenc_arena_zalloc(&o->arena, a->n, sizeof *a->m);
    a->v = nenc_arena_zalloc(&o->arena, a->n, sizeof *a->v);
    if (!a->m || !a->v)
        return false;
    return t->rows < 2 || t->cols < 2
           || (open_basis(o, &a->left, t->rows, most)
               && open_basis(o, &a->right, t->cols, most));
}

static bool open_all(nenc_soap *o, const nenc_soap_tensor *tensors)
{
    size_t most = 0;
    o->matrices = nenc_arena_zalloc(&o->arena, o->n, sizeof *o->matrices);
    if (!o->matrices)
        return false;
    for (size_t i = 0; i < o->n; i++)
        if (!open_matrix(o, &o->matrices[i], &tensors[i], &most))
            return false;
    double **rooms[] = { &o->grad, &o->turned, &o->spare, &o->other };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        *rooms[i] = nenc_arena_zalloc(&o->arena, most, sizeof **rooms[i]);
        if (!*rooms[i])
            return false;
    }
    o->ends = nenc_arena_zalloc(&o->arena, o->most_side, sizeof *o->ends);
    o->order = nenc_arena_zalloc(&o->arena, o->most_side, sizeof *o->order);
    return o->ends && o->order;
}

nenc_status nenc_soap_open(nenc_soap **out, const nenc_soap_tensor *tensors,
                           size_t n, const nenc_soap_config *cfg,
                           nenc_diag *diag)
{
    *out = NULL;
    NENC_TRY(check(tensors, n, cfg, diag));
    nenc_soap *o = nenc_mem_zalloc(1, sizeof *o);
    if (!o)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    nenc_arena_init(&o->arena, cfg->max_memory);
    o->cfg = *cfg;
    o->n = n;
    if (open_all(o, tensors)) {
        nenc_soap_reset(o);
        *out = o;
        return NENC_OK;
    }
    const nenc_status st = nenc_arena_fail(&o->arena, diag, "the state of",
                                           "the optimiser");
    nenc_soap_close(o);
    return st;
}

void nenc_soap_close(nenc_soap *o)
{
    if (!o)
        return;
    nenc_arena_free(&o->arena);
    nenc_mem_free(o);
}
