/* SPDX-License-Identifier: BSD-2-Clause */
/* The network text: lines to ops, names to value ids, weights bound.
 * Not here: what each layer's arguments mean (net_layer_*.c). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_internal.h"

enum { MAX_WORDS = 16, MAX_NAME = 63, MAX_TAPS = 1024 };

typedef struct tap {
    const char *name;
    int value;
} tap;

typedef struct parser {
    nenc_args args;
    nenc_net *net;
    const char *at;              /* rest of the text */
    char buf[256];               /* the line, cut into words */
    const char *words[MAX_WORDS];
    size_t n_words;
    tap taps[MAX_TAPS];
    size_t n_taps;
    size_t channels[NENC_NET_MAX_INPUTS + NENC_NET_MAX_OPS]; /* by value */
} parser;

nenc_status nenc_args_fail(nenc_args *a, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return nenc_fail(a->diag, NENC_EMODEL, "network %s, line %d: %s", a->net,
                     a->line, text);
}

nenc_status nenc_args_int(nenc_args *a, const char *word, size_t min,
                          size_t max, size_t *out)
{
    size_t v = 0;
    for (const char *p = word; *p; p++) {
        if (*p < '0' || *p > '9' || v > max)
            return nenc_args_fail(a, "\"%s\" is not a number from %zu to %zu",
                                  word, min, max);
        v = v * 10 + (size_t)(*p - '0');
    }
    if (!*word || v < min || v > max)
        return nenc_args_fail(a, "\"%s\" is not a number from %zu to %zu",
                              word, min, max);
    *out = v;
    return NENC_OK;
}

nenc_status nenc_args_key(nenc_args *a, const char *key, size_t fallback,
                          size_t min, size_t max, size_t *out)
{
    *out = fallback;
    for (size_t i = 0; i < a->n_keys; i++)
        if (!strcmp(a->key[i], key)) {
            a->used |= 1u << i;
            return nenc_args_int(a, a->value[i], min, max, out);
        }
    return NENC_OK;
}

nenc_status nenc_args_word(nenc_args *a, const char *key,
                           const char *const *words, size_t n, size_t *out)
{
    for (size_t i = 0; i < a->n_keys; i++) {
        if (strcmp(a->key[i], key))
            continue;
        a->used |= 1u << i;
        for (size_t k = 0; k < n; k++)
            if (!strcmp(a->value[i], words[k])) {
                *out = k;
                return NENC_OK;
            }
        return nenc_args_fail(a, "no %s is called \"%s\"", key, a->value[i]);
    }
    return NENC_OK;
}

/* Digits with at most one point: the same value in every locale.  Slopes are
 * decimal fractions of few digits, so digits / 10^n, both exact, is rounded
 * once. */
nenc_status nenc_args_float(nenc_args *a, const char *word, float *out)
{
    double v = 0, scale = 1;
    int digits = 0;
    bool point = false;
    for (const char *p = word; *p; p++) {
        if (*p == '.' && !point) {
            point = true;
        } else if (*p >= '0' && *p <= '9' && ++digits <= 9) {
            v = v * 10 + (*p - '0');
            scale *= point ? 10 : 1;
        } else {
            digits = 0;
            break;
        }
    }
    if (!digits)
        return nenc_args_fail(a, "\"%s\" is not a decimal number", word);
    *out = (float)(v / scale);
    return NENC_OK;
}

enum { MAX_TENSOR_NAME = 3 * (MAX_NAME + 1) };

static void tensor_name(char name[MAX_TENSOR_NAME], const nenc_args *a,
                        const nenc_op *op, const char *what)
{
    snprintf(name, MAX_TENSOR_NAME, "%s.%s.%s", a->net, op->name, what);
}

nenc_status nenc_args_bind_kernel(nenc_args *a, nenc_op *op, const char *what,
                                  const size_t *dims, size_t n_dims)
{
    char name[MAX_TENSOR_NAME];
    tensor_name(name, a, op, what);
    if (a->make)
        return a->make(a->make_user, name, dims, n_dims);
    return nenc_safetensors_floats(&op->kernel, a->st, name, dims, n_dims,
                                   a->diag);
}

nenc_status nenc_args_bind(nenc_args *a, const nenc_op *op, const char *what,
                           const size_t *dims, size_t n_dims,
                           const float **out)
{
    char name[MAX_TENSOR_NAME];
    tensor_name(name, a, op, what);
    float *data = NULL;
    if (a->make)
        return a->make(a->make_user, name, dims, n_dims);
    NENC_TRY(nenc_safetensors_f32(&data, a->st, a->arena, name, dims, n_dims,
                                  a->diag));
    *out = data;
    return NENC_OK;
}

static bool is_name(const char *s)
{
    size_t n = 0;
    for (; s[n]; n++) {
        const char c = s[n];
        const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                           || c == '_';
        if (!alpha && !(n && c >= '0' && c <= '9'))
            return false;
    }
    return n && n <= MAX_NAME;
}

/* The next line with words on it, cut up; n_words = 0 at the text's end. */
static nenc_status next_line(parser *p)
{
    p->n_words = 0;
    while (!p->n_words && *p->at) {
        const size_t length = strcspn(p->at, "\n");
        const char *line = p->at;
        p->at += length + (p->at[length] == '\n');
        p->args.line++;
        const char *hash = memchr(line, '#', length);
        const size_t kept = hash ? (size_t)(hash - line) : length;
        if (kept >= sizeof p->buf)
            return nenc_args_fail(&p->args, "longer than %zu characters",
                                  sizeof p->buf - 1);
        memcpy(p->buf, line, kept);
        p->buf[kept] = 0;
        char *rest = p->buf;
        for (;;) {
            rest += strspn(rest, " \t\r");
            if (!*rest)
                break;
            if (p->n_words == MAX_WORDS)
                return nenc_args_fail(&p->args, "more than %d words",
                                      MAX_WORDS);
            p->words[p->n_words++] = rest;
            rest += strcspn(rest, " \t\r");
            if (*rest)
                *rest++ = 0;
        }
    }
    return NENC_OK;
}

/* Move to the line after "net NAME". */
static nenc_status find_net(parser *p, const char *name)
{
    for (;;) {
        NENC_TRY(next_line(p));
        if (!p->n_words)
            return nenc_fail(p->args.diag, NENC_EMODEL,
                             "the model has no network %s", name);
        if (!strcmp(p->words[0], "net") && p->n_words == 2
            && !strcmp(p->words[1], name))
            return NENC_OK;
    }
}

static nenc_status find_tap(parser *p, const char *name, int *value)
{
    for (size_t i = 0; i < p->n_taps; i++)
        if (!strcmp(p->taps[i].name, name)) {
            *value = p->taps[i].value;
            return NENC_OK;
        }
    return nenc_args_fail(&p->args, "nothing above is called \"%s\"", name);
}

static nenc_status add_tap(parser *p, const char *name, int value)
{
    if (!is_name(name))
        return nenc_args_fail(&p->args, "\"%s\" is not a name", name);
    for (size_t i = 0; i < p->n_taps; i++)
        if (!strcmp(p->taps[i].name, name))
            return nenc_args_fail(&p->args, "\"%s\" is taken", name);
    if (p->n_taps == MAX_TAPS)
        return nenc_args_fail(&p->args, "more than %d names", MAX_TAPS);
    const char *copy = nenc_arena_strdup(p->args.arena, name, strlen(name));
    if (!copy)
        return NENC_ENOMEM;
    p->taps[p->n_taps++] = (tap){ copy, value };
    return NENC_OK;
}

static nenc_status read_input(parser *p)
{
    nenc_net *net = p->net;
    size_t channels = 0;
    if (net->n_ops || p->n_words != 3)
        return nenc_args_fail(&p->args,
                              "inputs come first: input NAME CHANNELS");
    if (net->n_inputs == NENC_NET_MAX_INPUTS)
        return nenc_args_fail(&p->args, "more than %d inputs",
                              NENC_NET_MAX_INPUTS);
    NENC_TRY(nenc_args_int(&p->args, p->words[2], 1, NENC_NET_MAX_CHANNELS,
                           &channels));
    NENC_TRY(add_tap(p, p->words[1], (int)net->n_inputs));
    p->channels[net->n_inputs] = channels;
    net->input_names[net->n_inputs] = p->taps[p->n_taps - 1].name;
    net->input_channels[net->n_inputs++] = channels;
    return NENC_OK;
}

/* Split the words after the layer's name into plain ones, key=value pairs,
 * the source after "<" and the name after ">". */
static nenc_status sort_words(parser *p, const char **source,
                              const char **result)
{
    nenc_args *a = &p->args;
    a->n = a->n_keys = a->used = 0;
    *source = *result = NULL;
    for (size_t i = 1; i < p->n_words; i++) {
        const char *w = p->words[i];
        const bool from = !strcmp(w, "<"), to = !strcmp(w, ">");
        if (from || to) {
            const char **slot = from ? source : result;
            if (*slot || i + 1 == p->n_words)
                return nenc_args_fail(a, "one name after each < and >");
            *slot = p->words[++i];
            continue;
        }
        char *eq = strchr(w, '=');
        if (eq) {
            if (a->n_keys == sizeof a->key / sizeof a->key[0])
                return nenc_args_fail(a, "too many options");
            *eq = 0;
            a->key[a->n_keys] = w;
            a->value[a->n_keys++] = eq + 1;
        } else {
            if (a->n == NENC_OP_MAX_ARGS)
                return nenc_args_fail(a, "too many words");
            a->word[a->n++] = w;
        }
    }
    return NENC_OK;
}

static nenc_status read_op(parser *p)
{
    nenc_args *a = &p->args;
    nenc_net *net = p->net;
    const char *source, *result;
    if (!net->n_inputs)
        return nenc_args_fail(a, "the first line must be an input");
    if (net->n_ops == NENC_NET_MAX_OPS)
        return nenc_args_fail(a, "more than %d layers", NENC_NET_MAX_OPS);
    nenc_op *op = &net->ops[net->n_ops];
    op->layer = nenc_layer_find(p->words[0]);
    if (!op->layer)
        return nenc_args_fail(a, "no layer is called \"%s\"", p->words[0]);
    NENC_TRY(sort_words(p, &source, &result));
    const nenc_layer *l = op->layer;
    if (a->n < l->min_args || a->n > l->max_args)
        return nenc_args_fail(a, "%s takes %zu to %zu words, not %zu", l->name,
                              l->min_args, l->max_args, a->n);
    op->line = a->line;
    op->name = "";
    if (l->has_weights) {
        if (!is_name(a->word[0]))
            return nenc_args_fail(a, "\"%s\" is not a name", a->word[0]);
        op->name = nenc_arena_strdup(a->arena, a->word[0], strlen(a->word[0]));
        if (!op->name)
            return NENC_ENOMEM;
    }
    op->src[0] = net->n_ops ? (int)(net->n_inputs + net->n_ops - 1) : 0;
    if (source)
        NENC_TRY(find_tap(p, source, &op->src[0]));
    op->n_src = 1;
    op->cin = op->cout = p->channels[op->src[0]];
    if (l->taps_follow)
        for (size_t i = 0; i < a->n; i++) {
            NENC_TRY(find_tap(p, a->word[i], &op->src[op->n_src]));
            op->arg[0] += p->channels[op->src[op->n_src++]];
        }
    for (size_t i = 0; i < op->n_src; i++)
        op->src_c[i] = p->channels[op->src[i]];
    NENC_TRY(l->open(op, a));
    for (size_t i = 0; i < a->n_keys; i++)
        if (!(a->used >> i & 1))
            return nenc_args_fail(a, "%s has no option \"%s\"", l->name,
                                  a->key[i]);
    if (!op->cout || op->cout > NENC_NET_MAX_CHANNELS)
        return nenc_args_fail(a, "%zu channels, at most %d", op->cout,
                              NENC_NET_MAX_CHANNELS);
    const int value = (int)(net->n_inputs + net->n_ops++);
    p->channels[value] = op->cout;
    return result ? add_tap(p, result, value) : NENC_OK;
}

static nenc_status parse(parser *p, const char *name)
{
    NENC_TRY(find_net(p, name));
    for (;;) {
        NENC_TRY(next_line(p));
        if (!p->n_words || !strcmp(p->words[0], "net"))
            break;
        NENC_TRY(!strcmp(p->words[0], "input") ? read_input(p) : read_op(p));
    }
    if (!p->net->n_ops)
        return nenc_args_fail(&p->args, "a network needs an input and a layer");
    return NENC_OK;
}

/* Upper bound of the ops: the lines up to the next network. */
static size_t count_lines(const char *text)
{
    size_t n = 1;
    for (; *text && n < NENC_NET_MAX_OPS; text++)
        n += *text == '\n';
    return n;
}

/* @param args  what of the parser's is not the same for all */
static nenc_status open_net(nenc_net **out, const nenc_args *args,
                            const char *text, const char *name)
{
    nenc_arena *arena = args->arena;
    parser *p = nenc_mem_zalloc(1, sizeof *p);
    nenc_net *net = nenc_arena_zalloc(arena, 1, sizeof *net);
    nenc_status status = NENC_ENOMEM;
    if (!p || !net)
        goto done;
    p->args = *args;
    p->at = text;
    p->net = net;
    p->args.net = net->name = nenc_arena_strdup(arena, name, strlen(name));
    net->ops = nenc_arena_zalloc(arena, count_lines(text), sizeof *net->ops);
    if (!net->name || !net->ops)
        goto done;
    status = parse(p, name);
    if (status >= 0)
        *out = net;
done:
    nenc_mem_free(p);
    if (status == NENC_ENOMEM)
        nenc_fail(args->diag, status, "out of memory reading network %s", name);
    return status;
}

nenc_status nenc_net_open(const nenc_net **out, nenc_arena *arena,
                          nenc_packs *packs, const char *text,
                          const char *name, const nenc_safetensors *st,
                          nenc_diag *diag)
{
    const nenc_args args = { .diag = diag, .arena = arena, .st = st };
    nenc_net *net;
    *out = NULL;
    NENC_TRY(open_net(&net, &args, text, name));
    net->packs = packs;
    *out = net;
    return NENC_OK;
}

nenc_status nenc_net_tensors(const char *text, const char *name,
                             nenc_net_make_fn make, void *user,
                             nenc_diag *diag)
{
    nenc_arena arena;
    nenc_net *net;
    nenc_arena_init(&arena, (size_t)1 << 24);
    const nenc_args args = { .diag = diag, .arena = &arena, .make = make,
                             .make_user = user };
    const nenc_status st = open_net(&net, &args, text, name);
    nenc_arena_free(&arena);
    return st;
}

const nenc_layer *nenc_layer_find(const char *name)
{
    static const nenc_layer *const kinds[] = {
        nenc_layers_conv, nenc_layers_point, nenc_layers_move,
        nenc_layers_norm, nenc_layers_resize, nenc_layers_attend
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (const nenc_layer *l = kinds[i]; l->name; l++)
            if (!strcmp(l->name, name))
                return l;
    return NULL;
}

bool nenc_net_exists(const char *text, const char *name)
{
    const size_t length = strlen(name);
    while (text && *text) {
        const char *s = text + strspn(text, " \t");
        if (!strncmp(s, "net", 3) && (s[3] == ' ' || s[3] == '\t')) {
            s += 3;
            s += strspn(s, " \t");
            if (!strncmp(s, name, length) && strchr(" \t\r\n#", s[length]))
                return true;
        }
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return false;
}

size_t nenc_net_inputs(const nenc_net *net)
{
    return net->n_inputs;
}

int nenc_net_input(const nenc_net *net, const char *name)
{
    for (size_t i = 0; i < net->n_inputs; i++)
        if (!strcmp(net->input_names[i], name))
            return (int)i;
    return -1;
}

size_t nenc_net_input_channels(const nenc_net *net, size_t input)
{
    return net->input_channels[input];
}

size_t nenc_net_channels(const nenc_net *net)
{
    return net->ops[net->n_ops - 1].cout;
}

size_t nenc_net_layers(const nenc_net *net)
{
    return net->n_ops;
}
