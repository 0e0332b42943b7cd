/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing files so that they appear whole or not at all.  Nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_output.h"
#include "app_report.h"

enum { OUTPUT_BUFFER = 1 << 18 };

/* ----------------------------------------------------------------- signals */

/* What a signal that ends the program must delete: one temporary file for each
 * output at work, and no more of those than a pool has threads. */
enum { DOOMED_MAX = 1024 };
static _Atomic(char *) doomed[DOOMED_MAX];

/* Files are created and named by threads that are inside; a signal to another
 * thread waits for them, and lets nobody else in. */
static atomic_int n_inside;
static atomic_bool is_ending;

static void on_signal(int number)
{
    const struct timespec moment = { 0, 1000000 };
    atomic_store(&is_ending, true);
    while (atomic_load(&n_inside))
        nanosleep(&moment, NULL);
    for (int i = 0; i < DOOMED_MAX; i++) {
        const char *path = atomic_load(&doomed[i]);
        if (path)
            unlink(path);
    }
    /* The default action is back (SA_RESETHAND) and comes when we return. */
    raise(number);
}

/* This thread gets no signal while it is inside, so the handler that waits for
 * it never runs on top of it. */
static void enter(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    atomic_fetch_add(&n_inside, 1);
    if (!atomic_load(&is_ending))
        return;
    atomic_fetch_sub(&n_inside, 1);
    for (;;)                               /* the end comes from elsewhere */
        pause();
}

static void leave(const sigset_t *before)
{
    const int error = errno;
    atomic_fetch_sub(&n_inside, 1);
    pthread_sigmask(SIG_SETMASK, before, NULL);
    errno = error;
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    const size_t n = sizeof numbers / sizeof numbers[0];
    struct sigaction sa = { .sa_handler = SIG_IGN };
    sigemptyset(&sa.sa_mask);
    sigaction(SIGPIPE, &sa, NULL);
#ifdef SIGXFSZ
    sigaction(SIGXFSZ, &sa, NULL);         /* a limit on file sizes: EFBIG */
#endif
    sa.sa_handler = on_signal;
    sa.sa_flags = SA_RESETHAND;
    for (size_t i = 0; i < n; i++)
        sigaddset(&sa.sa_mask, numbers[i]);
    for (size_t i = 0; i < n; i++) {
        struct sigaction old;
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &sa, NULL);
    }
}

static volatile sig_atomic_t interrupted;
static struct sigaction uninterrupted;

static void on_interrupt(int number)
{
    interrupted = 1;
    sigaction(number, &uninterrupted, NULL);
}

void app_interrupt_catch(void)
{
    struct sigaction sa = { .sa_handler = on_interrupt };
    sigemptyset(&sa.sa_mask);
    if (!sigaction(SIGINT, NULL, &uninterrupted)
        && uninterrupted.sa_handler != SIG_IGN)
        sigaction(SIGINT, &sa, NULL);
}

bool app_interrupted(void)
{
    return interrupted;
}

void app_output_init(void)
{
    /* Read-only, so that writing to a closed stdout stays an error. */
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    catch_signals();
}

/* Create the temporary file, which must be new; from then on a signal deletes
 * it. */
static int create_doomed(app_output *out)
{
    sigset_t before;
    char *none = NULL;
    int fd = -1, slot = 0;
    enter(&before);
    while (slot < DOOMED_MAX
           && !atomic_compare_exchange_strong(&doomed[slot], &none,
                                              out->temporary)) {
        none = NULL;
        slot++;
    }
    errno = EMFILE;
    if (slot < DOOMED_MAX) {
        fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  0666);
        out->slot = fd >= 0 ? slot + 1 : 0;
        if (fd < 0)
            atomic_store(&doomed[slot], NULL);
    }
    leave(&before);
    return fd;
}

/* The temporary file gets its name or is deleted, by `how`; a signal comes
 * before that or after.  @return false, errno set: it is still there */
static bool end_doomed(app_output *out, bool (*how)(const app_output *out))
{
    sigset_t before;
    enter(&before);
    const bool ok = how(out);
    if (ok) {
        atomic_store(&doomed[out->slot - 1], NULL);
        out->slot = 0;
    }
    leave(&before);
    return ok;
}

/* ---------------------------------------------------------------- creating */

/* A new file in the target's folder, under a name that a full-length name of
 * the target does not make too long. */
static int create_beside(app_output *out)
{
    const char *slash = strrchr(out->target, '/');
    const size_t folder = slash ? (size_t)(slash + 1 - out->target) : 0;
    const size_t size = folder + 32;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint32_t number = (uint32_t)getpid() * 2654435761u ^ (uint32_t)t.tv_nsec;
    out->temporary = malloc(size);
    if (!out->temporary)
        return -1;
    for (int i = 0; i < 100; i++, number = number * 1664525u + 1013904223u) {
        snprintf(out->temporary, size, "%.*s.nenc-%08lx.tmp", (int)folder,
                 out->target, (unsigned long)number);
        const int fd = create_doomed(out);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* @return false with errno set */
static bool make_folder(char *path)
{
    struct stat st;
    if (!stat(path, &st) || !mkdir(path, 0777) || errno == EEXIST)
        return true;                       /* not a folder: creating will say */
    char *slash = errno == ENOENT ? strrchr(path, '/') : NULL;
    if (!slash || slash == path)
        return false;
    *slash = '\0';
    const bool ok = make_folder(path);
    *slash = '/';
    return ok && (!mkdir(path, 0777) || errno == EEXIST);
}

nenc_status app_output_folders(const char *path)
{
    char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    nenc_status st = NENC_OK;
    if (!folder)
        return app_fail(NULL, NENC_ENOMEM, "out of memory");
    if (slash && slash != folder) {
        *slash = '\0';
        if (!make_folder(folder))
            st = app_fail(folder, NENC_EIO, "cannot create it: %s",
                          strerror(errno));
    }
    free(folder);
    return st;
}

static nenc_status open_stdout(app_output *out)
{
    out->name = "standard output";
    if (isatty(STDOUT_FILENO) && !out->force)
        return app_fail(out->name, NENC_EIO,
                        "will not write binary data to a terminal (-f does)");
    out->file = stdout;
    return NENC_OK;
}

/* Pipes and devices, and links to them. */
static int open_direct(const char *path)
{
    return open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What stands at the place now. */
static nenc_status check_existing(const app_output *out, const struct stat *st,
                                  const app_input *in)
{
    if (S_ISDIR(st->st_mode))
        return app_fail(out->name, NENC_EIO, "%s", strerror(EISDIR));
    if (!S_ISREG(st->st_mode))
        return NENC_OK;
    if (in && is_same_file(st, &in->st))
        return app_fail(out->name, NENC_EIO, "is the input itself");
    if (!out->force)
        return app_fail(out->name, NENC_EIO, "exists already (-f overwrites)");
    return NENC_OK;
}

/* Where a chain of symbolic links ends: the file there is replaced, and not
 * the link.  free() it; NULL with errno on failure. */
static char *follow_links(const char *path)
{
    char *at = strdup(path);
    for (int i = 0; at && i < 40; i++) {
        char link[4096];
        const ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0)
            return at;                     /* not a link */
        link[n] = '\0';
        const char *slash = link[0] == '/' ? NULL : strrchr(at, '/');
        const int folder = slash ? (int)(slash + 1 - at) : 0;
        char *next = malloc((size_t)folder + (size_t)n + 1);
        if (next)
            sprintf(next, "%.*s%s", folder, at, link);
        free(at);
        at = next;
    }
    free(at);
    errno = ELOOP;
    return NULL;
}

static nenc_status open_path(app_output *out, const char *path,
                             const app_input *in)
{
    struct stat st;
    int fd = -1;
    const bool exists = !stat(path, &st);
    if (exists)
        NENC_TRY(check_existing(out, &st, in));
    if (exists && !S_ISREG(st.st_mode)) {
        fd = open_direct(path);
    } else {
        out->target = follow_links(path);
        if (out->target)
            fd = create_beside(out);
    }
    out->file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (out->file)
        (void)setvbuf(out->file, NULL, _IOFBF, OUTPUT_BUFFER);
    if (!out->file) {
        const int error = errno;
        if (fd >= 0)
            close(fd);
        return app_fail(out->name, NENC_EIO, "cannot create it: %s",
                        strerror(error));
    }
    if (!out->temporary && isatty(fd) && !out->force)
        return app_fail(out->name, NENC_EIO,
                        "will not write binary data to a terminal (-f does)");
    return NENC_OK;
}

nenc_status app_output_open(app_output *out, const char *path,
                            const app_input *in, bool force)
{
    *out = (app_output){ .name = path, .force = force };
    return strcmp(path, "-") ? open_path(out, path, in) : open_stdout(out);
}

/* ----------------------------------------------------------------- writing */

int app_output_write(void *user, const void *data, size_t size)
{
    app_output *out = user;
    errno = 0;
    if (fwrite(data, 1, size, out->file) != size) {
        out->error = errno ? errno : EIO;
        return -1;
    }
    out->n_written += size;
    return 0;
}

nenc_status app_output_fail(const app_output *out)
{
    return app_fail(out->name, NENC_EIO, "%s", strerror(out->error));
}

/* All is with the system before the name is given.  Not fsync(): a disk takes
 * longer for it than a picture takes to code, and inputs are never removed. */
static bool flush_and_close(app_output *out)
{
    bool ok = !fflush(out->file);
    if (!ok)
        out->error = errno;
    /* Standard output may still be flushed by others: a copy is closed. */
    const int end = out->file == stdout ? close(dup(STDOUT_FILENO))
                                        : fclose(out->file);
    if (end && ok) {
        ok = false;
        out->error = errno;
    }
    out->file = NULL;
    return ok;
}

/* Without -f a file that came up meanwhile is kept: link() never replaces.
 * Some file systems have no links; there rename() has to do. */
static bool give_name(const app_output *out)
{
    if (!out->force) {
        if (!link(out->temporary, out->target)) {
            unlink(out->temporary);
            return true;
        }
        if (errno == EEXIST)
            return false;
    }
    return !rename(out->temporary, out->target);
}

static bool delete(const app_output *out)
{
    unlink(out->temporary);
    return true;
}

nenc_status app_output_commit(app_output *out)
{
    if (!flush_and_close(out))
        return app_output_fail(out);
    if (!out->temporary)
        return NENC_OK;
    if (!end_doomed(out, give_name)) {
        out->error = errno;
        return app_output_fail(out);
    }
    return NENC_OK;
}

void app_output_close(app_output *out)
{
    if (out->file && out->file != stdout)
        fclose(out->file);
    if (out->slot)
        end_doomed(out, delete);
    free(out->temporary);
    free(out->target);
    memset(out, 0, sizeof *out);
}
