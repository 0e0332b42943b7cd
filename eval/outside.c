/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of outside metrics, and reading what their programs print. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "outside.h"

static const nenc_outside_metric known[] = {
    { .key = "ssimulacra2", .marker = "",
      .command = "ssimulacra2 {in.png} {out.png}" },
    { .key = "butteraugli", .marker = "3-norm:",
      .command = "butteraugli_main {in.png} {out.png}" },
    { .key = "vmaf", .marker = "VMAF score:",
      .command = "ffmpeg -nostdin -threads 1 -i {out.png} -i {in.png} -lavfi "
      "[0:v]format=yuv444p[d];[1:v]format=yuv444p[r];[d][r]libvmaf -f null -" },
};

/* FFmpeg may have been built without the filter. */
static bool has_vmaf(const char *ffmpeg, const nenc_launcher *launcher,
                     const char *log, nenc_arena *arena)
{
    char filters[] = "-filters", banner[] = "-hide_banner";
    char *program = nenc_arena_strdup(arena, ffmpeg, strlen(ffmpeg));
    char *const argv[] = { program, banner, filters, NULL };
    nenc_buffer text;
    bool found = false;
    nenc_buffer_init(&text, 1 << 20);
    if (program && nenc_process_run(launcher, argv, log, 60, NULL, NULL) >= 0
        && nenc_file_load(&text, log, NULL) >= 0) {
        nenc_buffer_u8(&text, 0);
        found = !text.failed && strstr((const char *)text.data, " libvmaf ");
    }
    nenc_buffer_free(&text);
    return found;
}

size_t nenc_outside_find(nenc_outside_metric *list, nenc_eval_media media,
                         const nenc_launcher *launcher, const char *log,
                         nenc_arena *arena)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        nenc_outside_metric m = known[i];
        char name[256];
        if (media != NENC_EVAL_PICTURE
            || !nenc_command_program(m.command, name))
            continue;
        m.program = nenc_command_find(name, NULL, arena);
        if (!m.program || (!strcmp(m.key, "vmaf")
                           && !has_vmaf(m.program, launcher, log, arena)))
            continue;
        nenc_sha256 h;
        nenc_sha256_init(&h);
        nenc_cache_add(&h, m.command);
        nenc_cache_add_file(&h, m.program);
        nenc_sha256_final(&h, m.identity.hash);
        list[n++] = m;
    }
    return n;
}

bool nenc_outside_parse(const nenc_outside_metric *m, const char *text,
                        double *value)
{
    const char *at = text;
    char *end;
    if (*m->marker) {
        const char *found = NULL;
        for (const char *next = text; (next = strstr(next, m->marker));)
            found = next += strlen(m->marker);
        if (!found)
            return false;
        at = found;
    }
    *value = strtod(at, &end);
    return end != at && isfinite(*value);
}
