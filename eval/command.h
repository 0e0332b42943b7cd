/* SPDX-License-Identifier: BSD-2-Clause */
/* Command templates: words with placeholders, and their programs on this
 * machine.  Not here: which codecs there are; running. */
#ifndef NENC_EVAL_COMMAND_H
#define NENC_EVAL_COMMAND_H

#include "mem.h"

/** What placeholders stand for; NULL or 0 = nothing, which is an error where
 *  a template names it.  A file's placeholder says its kind: {in.png},
 *  {coded.avif}, {out.ppm}, and becomes the path here. */
typedef struct nenc_command_values {
    const char *in, *coded, *out;
    const char *q;
    const char *options;      /**< {options}, a word of its own: any number of
                                   words in place of it */
    unsigned width, height, rate;
} nenc_command_values;

/** The kind in the first placeholder {FILE.kind} of a template.
 *  @return `kind`, or NULL where the template names no such file (or its kind
 *          does not fit) */
const char *nenc_command_kind(const char *text, const char *file,
                              char kind[16]);

/** Words of a template, parted by blanks ('...' and "..." keep blanks), with
 *  its placeholders filled in.  Nothing is given to a shell.
 *  @param[out] argv  in the arena, NULL-terminated
 *  @return NENC_OK, NENC_EINVAL (the sentence says what is wrong with it),
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_command_expand(char ***argv, const char *text,
                                               const nenc_command_values *v,
                                               nenc_arena *arena,
                                               nenc_diag *diag);

/** The first word of a template.  @return false where there is none, or it is
 *  too long */
bool nenc_command_program(const char *text, char name[256]);

/** Where `program` is: as it stands if it has a slash, else in `folder` (which
 *  may be NULL), else along $PATH.
 *  @return a path in the arena; NULL = nowhere */
char *nenc_command_find(const char *program, const char *folder,
                        nenc_arena *arena);

#endif
