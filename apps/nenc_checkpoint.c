/* SPDX-License-Identifier: BSD-2-Clause */
/* The file appears whole or not at all; where it cannot be written, the encode
 * goes on without. */
#include "nenc_checkpoint.h"

#include <errno.h>
#include <unistd.h>

#include "app_output.h"
#include "app_report.h"

#define INTERVAL 60           /* seconds */
#define MOST ((size_t)3 << 30)

nenc_status checkpoint_open(checkpoint *c, const char *path)
{
    app_input in;
    *c = (checkpoint){ .path = path, .last = app_seconds() };
    nenc_buffer_init(&c->before, MOST);
    if (!path || (access(path, F_OK) && errno == ENOENT))
        return NENC_OK;
    nenc_status st = app_input_open(&in, path);
    if (st >= 0)
        st = app_input_load(&in, &c->before);
    app_input_close(&in);
    return st;
}

static int write_file(void *user, const void *data, size_t size)
{
    checkpoint *c = user;
    app_output out = { 0 };
    nenc_status st = app_output_open(&out, c->path, NULL, true);
    if (st >= 0 && app_output_write(&out, data, size))
        st = app_output_fail(&out);
    if (st >= 0)
        st = app_output_commit(&out);
    app_output_close(&out);
    c->last = app_seconds();
    return 0;
}

void checkpoint_configure(checkpoint *c, nenc_encoder_config *cfg)
{
    if (!c->path)
        return;
    cfg->checkpoint = write_file;
    cfg->checkpoint_user = c;
    if (c->before.size) {
        cfg->resume = c->before.data;
        cfg->resume_size = c->before.size;
    }
}

bool checkpoint_is_due(checkpoint *c)
{
    if (!c->path || c->is_final)
        return false;
    c->is_final = app_interrupted();
    return c->is_final || app_seconds() - c->last > INTERVAL;
}

void checkpoint_done(const checkpoint *c, bool quiet)
{
    if (c->path && !c->is_final)
        (void)unlink(c->path);
    else if (c->path && !quiet)
        app_warn(c->path, "kept: to go on, run the same command with -f");
}

void checkpoint_close(checkpoint *c)
{
    nenc_buffer_free(&c->before);
}
