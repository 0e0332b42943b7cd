/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsing a command line by a table, and printing the table as help.
 * Not here: tables of one program (nenc.c, ndec.c). */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app_options.h"
#include "app_report.h"
#include "media.h"

#define AT(member) offsetof(app_common, member)

static const app_option shared[] = {
    { "Input", 0, false, APP_TEXT, "model", "FILE", AT(model), 0, 0,
      "model file, or folder of models (see the manual)" },
    { "Input", 'r', false, APP_FLAG, "recursive", NULL, AT(recursive), 0, 0,
      "folders inside folders too" },
    { "Input", 0, true, APP_SIZE, "max-pixels", "N", AT(max_pixels), 1,
      UINT64_C(1) << 48, "refuse larger pictures (default 256M)" },
    { "Speed", 0, false, APP_NUMBER, "threads", "N", AT(threads), 0, 1024,
      "threads, 0 to 1024 (default 0: one per core)" },
    { "Speed", 0, true, APP_SIZE, "max-memory", "BYTES", AT(max_memory),
      1 << 20, UINT64_C(1) << 48,
      "bytes that coding may hold (default 4G)" },
    { "Output", 'o', false, APP_TEXT, "output", "OUT", AT(output), 0, 0,
      "file or folder to write to; - is standard output" },
    { "Output", 'f', false, APP_FLAG, "force", NULL, AT(force), 0, 0,
      "overwrite OUT; write to a terminal" },
    { "Output", 0, true, APP_FLAG, "skip-existing", NULL, AT(skip_existing), 0,
      0, "leave files alone whose output is there" },
    { "Output", 0, true, APP_FLAG, "fail-fast", NULL, AT(fail_fast), 0, 0,
      "begin no more files after one has failed" },
    { "Reports", 'v', false, APP_FLAG, "verbose", NULL, AT(verbose), 0, 0,
      "say on stderr what was done" },
    { "Reports", 0, true, APP_FLAG, "quiet", NULL, AT(quiet), 0, 0,
      "no progress line and no warnings" },
    { "Reports", 0, false, APP_FLAG, "json", NULL, AT(json), 0, 0,
      "print a report for scripts on stdout" },
    { "Reports", 'h', false, APP_HELP, "help", NULL, 0, 0, 0,
      "this text; --help=all lists every option" },
    { "Reports", 'V', false, APP_VERSION, "version", NULL, 0, 0, 0,
      "version, kernels and libraries" },
};

static const char *const groups[] = { "Input", "Rate", "Training", "Speed",
                                      "Output", "Reports" };

static bool takes_shared(const app_command *cmd, const app_option *o)
{
    const size_t n = strlen(o->name);
    const char *at = cmd->shared;
    while (at && (at = strstr(at, o->name))
           && (at == cmd->shared || at[-1] != ' ' || at[n] != ' '))
        at += n;
    return !cmd->shared || at;
}

/* The i-th option of the program's and the shared ones, or NULL. */
static const app_option *option_at(const app_command *cmd, size_t i)
{
    if (i < cmd->n_options)
        return &cmd->options[i];
    i -= cmd->n_options;
    for (size_t k = 0; k < sizeof shared / sizeof shared[0]; k++)
        if (takes_shared(cmd, &shared[k]) && !i--)
            return &shared[k];
    return NULL;
}

static void print_option(const app_option *o)
{
    char left[40];
    const char *text = o->help;
    snprintf(left, sizeof left, "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
             o->arg ? " " : "", o->arg ? o->arg : "");
    printf("%-26s", left);
    while (*text) {
        const size_t n = strcspn(text, "\n");
        printf("%.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
        if (*text)
            printf("%26s", "");
    }
}

static void print_help(const app_command *cmd, bool all)
{
    const app_option *o;
    printf("Usage: %s\n%s\n", cmd->usage, cmd->about);
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        bool any = false;
        if (!g && !all)
            printf("\n");
        for (size_t i = 0; (o = option_at(cmd, i)); i++) {
            if (strcmp(o->group, groups[g]) || (o->is_rare && !all))
                continue;
            if (all && !any)
                printf("\n%s:\n", groups[g]);
            any = true;
            print_option(o);
        }
    }
    printf("\n%s", cmd->examples);
}

static void print_version(const app_command *cmd)
{
    const nenc_media_format *f;
    printf("%s %s\n%s\nreads:", cmd->name, nenc_version(), nenc_build_info());
    for (size_t i = 0; (f = nenc_media_at(i)); i++)
        if (f->read)
            printf(" %s", f->name);
    printf("; writes:");
    for (size_t i = 0; (f = nenc_media_at(i)); i++)
        if (f->write)
            printf(" %s", f->name);
    printf("\n");
}

int app_misuse(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", app_program());
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry '%s --help'.\n", app_program());
    return APP_MISUSE;
}

/* A decimal number; K, M and G stand for powers of 1024. */
static bool parse_number(const char *text, bool suffixes, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    const char *at = *end ? strchr("KMG", *end) : NULL;
    if (suffixes && at) {
        const int shift = 10 * (int)(at - "KMG" + 1);
        if (v >> (64 - shift))
            return false;
        v <<= shift;
        end++;
    }
    *out = v;
    return !errno && !*end;
}

typedef struct parser {
    const app_command *cmd;
    char *options;                /* the struct that is filled */
    char **argv;
    int argc, at;                 /* at: the next word */
    int rc;
    bool ended;                   /* rc says how */
} parser;

static void end(parser *p, int rc)
{
    p->ended = true;
    p->rc = rc;
}

static void store_number(parser *p, const app_option *o, const char *value)
{
    uint64_t v;
    if (!parse_number(value, o->kind == APP_SIZE, &v) || v < o->min
        || v > o->max) {
        end(p, app_misuse("--%s takes a number from %llu to %llu, not '%s'",
                          o->name, (unsigned long long)o->min,
                          (unsigned long long)o->max, value));
        return;
    }
    if (o->kind == APP_SIZE)
        memcpy(p->options + o->offset, &v, sizeof v);
    else
        memcpy(p->options + o->offset, &(int){ (int)v }, sizeof(int));
}

/* A decimal number with a point, in whatever locale. */
static bool parse_real(const char *text, double *out)
{
    char *end;
    if ((*text != '.' && (*text < '0' || *text > '9'))
        || strspn(text, "0123456789.e-") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return !*end;
}

static void store_real(parser *p, const app_option *o, const char *value)
{
    double v;
    if (!parse_real(value, &v) || v < (double)o->min || v > (double)o->max)
        end(p, app_misuse("--%s takes a number from %llu to %llu, not '%s'",
                          o->name, (unsigned long long)o->min,
                          (unsigned long long)o->max, value));
    else
        memcpy(p->options + o->offset, &v, sizeof v);
}

static void print_and_end(parser *p, const app_option *o, const char *value)
{
    if (value && strcmp(value, "all")) {
        end(p, app_misuse("--help=%s: there are --help and --help=all", value));
        return;
    }
    if (o->kind == APP_HELP)
        print_help(p->cmd, value != NULL);
    else
        print_version(p->cmd);
    end(p, app_exit_code(app_stdout_check()));
}

static void add_to_list(parser *p, const app_option *o, const char *value)
{
    app_list list;
    memcpy(&list, p->options + o->offset, sizeof list);
    if (list.n == sizeof list.text / sizeof list.text[0]) {
        end(p, app_misuse("--%s: at most %d of them", o->name, list.n));
        return;
    }
    list.text[list.n++] = value;
    memcpy(p->options + o->offset, &list, sizeof list);
}

/* `value` is what followed "=", or the letter; NULL = nothing. */
static void apply(parser *p, const app_option *o, const char *value)
{
    if (o->arg && !value) {
        if (p->at == p->argc) {
            end(p, app_misuse("--%s needs %s after it", o->name, o->arg));
            return;
        }
        value = p->argv[p->at++];
    }
    if (!o->arg && value && o->kind != APP_HELP) {
        end(p, app_misuse("--%s takes no value", o->name));
        return;
    }
    switch (o->kind) {
    case APP_FLAG:
        memcpy(p->options + o->offset, &(bool){ true }, sizeof(bool));
        break;
    case APP_TEXT:
        memcpy(p->options + o->offset, &value, sizeof value);
        break;
    case APP_LIST: add_to_list(p, o, value); break;
    case APP_REAL: store_real(p, o, value); break;
    case APP_NUMBER:
    case APP_SIZE: store_number(p, o, value); break;
    case APP_HELP:
    case APP_VERSION: print_and_end(p, o, value); break;
    }
}

static void parse_long(parser *p, const char *word)
{
    const size_t n = strcspn(word, "=");
    const app_option *o;
    for (size_t i = 0; (o = option_at(p->cmd, i)); i++)
        if (!strncmp(o->name, word, n) && !o->name[n]) {
            apply(p, o, word[n] ? word + n + 1 : NULL);
            return;
        }
    end(p, app_misuse("there is no option --%.*s", (int)n, word));
}

static const app_option *by_letter(const parser *p, char letter)
{
    const app_option *o;
    for (size_t i = 0; (o = option_at(p->cmd, i)); i++)
        if (o->letter == letter)
            return o;
    return NULL;
}

/* "-fvoOUT": flags may stand together, a value after its letter. */
static void parse_letters(parser *p, const char *word)
{
    for (; *word && !p->ended; word++) {
        const app_option *o = by_letter(p, *word);
        if (!o) {
            end(p, app_misuse("there is no option -%c", *word));
            return;
        }
        if (o->arg) {
            apply(p, o, word[1] ? word + 1 : NULL);
            return;
        }
        apply(p, o, NULL);
    }
}

/* Inputs gather at the front of argv, where the words are used up. */
static void take_input(parser *p, app_common *common, char *word)
{
    if (p->cmd->takes_none)
        end(p, app_misuse("'%s' is no option", word));
    if (common->input && !p->cmd->takes_many)
        end(p, app_misuse("one input at a time: '%s', then '%s'",
                          common->input, word));
    if (!*word)
        end(p, app_misuse("an empty file name"));
    common->inputs = p->argv + 1;
    common->inputs[common->n_inputs++] = word;
    common->input = common->inputs[0];
}

bool app_options_parse(const app_command *cmd, void *options, int argc,
                       char **argv, int *rc)
{
    parser p = { cmd, options, argv, argc, 1, 0, false };
    app_common *common = options;
    bool only_names = false;
    *common = (app_common){ .max_pixels = UINT64_C(1) << 28,
                            .max_memory = UINT64_C(4) << 30 };
    while (p.at < argc && !p.ended) {
        char *word = argv[p.at++];
        if (only_names || word[0] != '-' || !word[1])
            take_input(&p, common, word);
        else if (!strcmp(word, "--"))
            only_names = true;
        else if (word[1] == '-')
            parse_long(&p, word + 2);
        else
            parse_letters(&p, word + 1);
    }
    if (!p.ended && !common->input && !cmd->takes_none)
        end(&p, app_misuse("no input named"));
    if (!p.ended && common->output && !*common->output)
        end(&p, app_misuse("an empty file name"));
    if (common->max_memory > SIZE_MAX)
        common->max_memory = SIZE_MAX;
    *rc = p.rc;
    return !p.ended;
}

char *app_with_suffix(const char *path, const char *suffix)
{
    const char *dot = strrchr(path, '.');
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t n = strlen(path);
    if (dot && dot > base
        && (nenc_media_by_suffix(path) || !strcasecmp(dot, ".nenc")))
        n = (size_t)(dot - path);
    char *out = malloc(n + strlen(suffix) + 1);
    if (out) {
        memcpy(out, path, n);
        strcpy(out + n, suffix);
    }
    return out;
}
