/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of codecs: a new one is a line in CODECS.  Nothing else here. */
#include <string.h>

#include "codec.h"

#define CODECS(X) \
    X(hyperprior) \
    X(overfit)

#define DECLARE(name) extern const nenc_codec nenc_codec_##name;
CODECS(DECLARE)

#define LIST(name) &nenc_codec_##name,
static const nenc_codec *const codecs[] = { CODECS(LIST) };

const nenc_codec *nenc_codec_at(size_t i)
{
    return i < sizeof codecs / sizeof codecs[0] ? codecs[i] : NULL;
}

const nenc_codec *nenc_codec_by_name(const char *name)
{
    const nenc_codec *c;
    for (size_t i = 0; (c = nenc_codec_at(i)); i++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

const nenc_codec *nenc_codec_by_id(uint32_t id)
{
    const nenc_codec *c;
    for (size_t i = 0; (c = nenc_codec_at(i)); i++)
        if (c->id == id)
            return c;
    return NULL;
}
