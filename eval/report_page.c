/* SPDX-License-Identifier: BSD-2-Clause */
/* The page: page.html with its placeholder lines filled in. */
#include <string.h>

#include "report.h"

/* JSON inside <script>: nothing in it may look like the end of that. */
static void put_data(const nenc_report *r, const nenc_buffer *views,
                     nenc_buffer *out)
{
    nenc_buffer json;
    nenc_buffer_init(&json, out->ceiling);
    nenc_report_json(r, views, &json);
    for (size_t i = 0; i < json.size; i++) {
        if (json.data[i] == '<')
            nenc_buffer_put(out, "\\u003c", 6);
        else
            nenc_buffer_u8(out, json.data[i]);
    }
    out->failed |= json.failed;
    nenc_buffer_free(&json);
}

static bool line_is(const unsigned char *line, size_t n, const char *text)
{
    return n == strlen(text) && !memcmp(line, text, n);
}

/* "@@FILE name@@" */
static bool put_file(const unsigned char *line, size_t n, nenc_buffer *out)
{
    static const char head[] = "@@FILE ";
    const size_t from = sizeof head - 1;
    char name[64];
    size_t size;
    if (n < from + 3 || n - from - 2 >= sizeof name
        || memcmp(line, head, from) || memcmp(line + n - 2, "@@", 2))
        return false;
    memcpy(name, line + from, n - from - 2);
    name[n - from - 2] = 0;
    const unsigned char *data = nenc_report_file(name, &size);
    if (data)
        nenc_buffer_put(out, data, size);
    return data != NULL;
}

void nenc_report_html(const nenc_report *r, const nenc_buffer *views,
                      nenc_buffer *out)
{
    size_t size = 0;
    const unsigned char *page = nenc_report_file("page.html", &size);
    for (size_t at = 0; at < size;) {
        const unsigned char *line = page + at;
        const unsigned char *end = memchr(line, '\n', size - at);
        const size_t n = end ? (size_t)(end - line) : size - at;
        if (line_is(line, n, "@@DATA@@"))
            put_data(r, views, out);
        else if (!put_file(line, n, out))
            nenc_buffer_put(out, line, n);
        nenc_buffer_u8(out, '\n');
        at += n + 1;
    }
}
