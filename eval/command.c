/* SPDX-License-Identifier: BSD-2-Clause */
/* Splitting and filling templates; $PATH. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "command.h"

enum { WORDS_MAX = 256, WORD_MAX = 4096 };

const char *nenc_command_kind(const char *text, const char *file,
                              char kind[16])
{
    char key[32];
    snprintf(key, sizeof key, "{%s.", file);
    const char *at = strstr(text, key);
    if (!at)
        return NULL;
    at += strlen(key);
    const size_t n = strcspn(at, "}");
    if (!at[n] || n == 0 || n > 15)
        return NULL;
    memcpy(kind, at, n);
    kind[n] = 0;
    return kind;
}

/* The next word into `word`, its quotes gone.
 * @return where the next one begins; NULL = it is too long, or a quote is not
 *         closed */
static const char *next_word(const char *at, char word[WORD_MAX])
{
    size_t n = 0;
    char quote = 0;
    for (; *at && (quote || (*at != ' ' && *at != '\t')); at++) {
        if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? 0 : *at;
            continue;
        }
        if (n + 1 == WORD_MAX)
            return NULL;
        word[n++] = *at;
    }
    word[n] = 0;
    return quote ? NULL : at + strspn(at, " \t");
}

/* What {name} stands for; `number` is room for one. */
static const char *value_of(const nenc_command_values *v, const char *name,
                            size_t n, char number[16])
{
    const struct { const char *name; const char *value; } texts[] = {
        { "in.", v->in }, { "coded.", v->coded }, { "out.", v->out },
        { "q", v->q },
    };
    const struct { const char *name; unsigned value; } numbers[] = {
        { "width", v->width }, { "height", v->height }, { "rate", v->rate },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const size_t length = strlen(texts[i].name);
        const bool is_file = texts[i].name[length - 1] == '.';
        if (!strncmp(texts[i].name, name, length)
            && (is_file ? n > length : n == length))
            return texts[i].value;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strlen(numbers[i].name) == n && !strncmp(numbers[i].name, name, n)
            && numbers[i].value) {
            snprintf(number, 16, "%u", numbers[i].value);
            return number;
        }
    return NULL;
}

static nenc_status fill_word(char *filled, const char *word,
                             const nenc_command_values *v, nenc_diag *diag)
{
    char number[16];
    size_t to = 0;
    for (const char *at = word; *at;) {
        const size_t plain = strcspn(at, "{");
        const char *piece = at, *end = strchr(at + plain, '}');
        size_t n = plain;
        if (!plain && end) {
            piece = value_of(v, at + 1, (size_t)(end - at - 1), number);
            if (!piece)
                return nenc_fail(diag, NENC_EINVAL,
                                 "nothing to put in place of %.*s",
                                 (int)(end - at + 1), at);
            n = strlen(piece);
            at = end + 1;
        } else {
            n = plain ? plain : 1;      /* a brace that nothing closes */
            at += n;
        }
        if (to + n >= WORD_MAX)
            return nenc_fail(diag, NENC_EINVAL, "a word of a command is too "
                             "long: %.40s...", word);
        memcpy(filled + to, piece, n);
        to += n;
    }
    filled[to] = 0;
    return NENC_OK;
}

typedef struct expansion {
    const nenc_command_values *values;
    nenc_arena *arena;
    nenc_diag *diag;
    char **argv;
    size_t n;
} expansion;

static nenc_status expand(expansion *e, const char *text, bool may_nest)
{
    char word[WORD_MAX], filled[WORD_MAX];
    text += strspn(text, " \t");
    while (*text) {
        const char *next = next_word(text, word);
        if (!next)
            return nenc_fail(e->diag, NENC_EINVAL, "a quote that is not "
                             "closed, or too long a word: %.60s", text);
        text = next;
        if (may_nest && !strcmp(word, "{options}")) {
            if (e->values->options)
                NENC_TRY(expand(e, e->values->options, false));
            continue;
        }
        NENC_TRY(fill_word(filled, word, e->values, e->diag));
        if (e->n == WORDS_MAX)
            return nenc_fail(e->diag, NENC_EINVAL, "a command of over %d words",
                             WORDS_MAX);
        char *copy = nenc_arena_strdup(e->arena, filled, strlen(filled));
        if (!copy)
            return nenc_fail(e->diag, NENC_ENOMEM, "out of memory");
        e->argv[e->n++] = copy;
    }
    return NENC_OK;
}

nenc_status nenc_command_expand(char ***argv, const char *text,
                                const nenc_command_values *v,
                                nenc_arena *arena, nenc_diag *diag)
{
    expansion e = { .values = v, .arena = arena, .diag = diag };
    e.argv = nenc_arena_zalloc(arena, WORDS_MAX + 1, sizeof *e.argv);
    if (!e.argv)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    NENC_TRY(expand(&e, text, true));
    if (!e.n)
        return nenc_fail(diag, NENC_EINVAL, "an empty command");
    *argv = e.argv;
    return NENC_OK;
}

bool nenc_command_program(const char *text, char name[256])
{
    char word[WORD_MAX];
    text += strspn(text, " \t");
    if (!next_word(text, word) || !*word || strlen(word) > 255)
        return false;
    strcpy(name, word);
    return true;
}

static bool is_program(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* FOLDER/PROGRAM, if it is one. */
static char *program_in(const char *folder, size_t n, const char *program,
                        nenc_arena *arena)
{
    char path[WORD_MAX];
    const int length = snprintf(path, sizeof path, "%.*s/%s", (int)n,
                                n ? folder : ".", program);
    if (length < 0 || (size_t)length >= sizeof path || !is_program(path))
        return NULL;
    return nenc_arena_strdup(arena, path, (size_t)length);
}

char *nenc_command_find(const char *program, const char *folder,
                        nenc_arena *arena)
{
    const char *at = getenv("PATH");
    if (strchr(program, '/'))
        return is_program(program)
             ? nenc_arena_strdup(arena, program, strlen(program)) : NULL;
    char *found = folder ? program_in(folder, strlen(folder), program, arena)
                         : NULL;
    while (!found && at) {
        const size_t n = strcspn(at, ":");
        found = program_in(at, n, program, arena);
        at = at[n] ? at + n + 1 : NULL;
    }
    return found;
}
