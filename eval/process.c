/* SPDX-License-Identifier: BSD-2-Clause */
/* Launchers: processes that start programs on request and report the cost. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

enum { REQUEST_MAX = 1 << 17 };

/* A request: this head, then the log's path and the words of the command, each
 * with its NUL. */
typedef struct request_head {
    uint32_t size;            /* bytes that follow */
    uint32_t cpu_limit_s;
} request_head;

typedef struct reply {
    nenc_cost cost;
    int wait_status;
    int error;                /* errno where the program did not start */
    int timed_out;
} reply;

/* How much longer than its CPU time a program may take: others run too. */
enum { WALL_TIMES = 4, WALL_MORE = 60 };

static bool read_all(int fd, void *data, size_t size)
{
    for (uint8_t *p = data; size;) {
        const ssize_t n = read(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t size)
{
    for (const uint8_t *p = data; size;) {
        const ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* In a launcher: the program that runs, in a process group of its own. */
static volatile sig_atomic_t running;
static volatile sig_atomic_t timed_out;

static void kill_running(void)
{
    if (running > 0)
        kill(-(pid_t)running, SIGKILL);
}

static void on_alarm(int number)
{
    (void)number;
    timed_out = 1;
    kill_running();
}

static void on_end(int number)
{
    (void)number;
    kill_running();
    _exit(0);
}

static void handle(int number, void (*handler)(int))
{
    const struct sigaction action = { .sa_handler = handler };
    sigaction(number, &action, NULL);
}

static void die_with_parent(int number)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, number);
#else
    (void)number;
#endif
}

static void replace_fd(const char *path, int flags, int fd)
{
    const int opened = open(path, flags | O_CLOEXEC, 0600);
    if (opened < 0 || dup2(opened, fd) < 0)
        _exit(127);
}

/* In the child: never returns. */
static void become(char **argv, const char *log, uint32_t cpu_limit_s,
                   int tell)
{
    static const int usual[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
                                 SIGALRM, SIGCHLD };
    const struct rlimit limit = { cpu_limit_s, (rlim_t)cpu_limit_s + 1 };
    sigset_t none;
    setpgid(0, 0);
    die_with_parent(SIGKILL);
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        handle(usual[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    replace_fd("/dev/null", O_RDONLY, STDIN_FILENO);
    replace_fd(log, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    setrlimit(RLIMIT_CPU, &limit);
    execv(argv[0], argv);
    const int error = errno;
    (void)!write(tell, &error, sizeof error);
    _exit(127);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static void wait_for(pid_t pid, uint32_t cpu_limit_s, reply *r)
{
    struct rusage usage;
    pid_t ended;
    alarm(WALL_TIMES * cpu_limit_s + WALL_MORE);
    do
        ended = wait4(pid, &r->wait_status, 0, &usage);
    while (ended < 0 && errno == EINTR);
    alarm(0);
    r->timed_out = timed_out;
    if (ended != pid) {
        r->error = errno;
        return;
    }
    kill_running();               /* what it has left behind */
    r->cost.cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    r->cost.peak_mib = (double)usage.ru_maxrss / 1024;
}

static reply launch(char **argv, const char *log, uint32_t cpu_limit_s)
{
    reply r = { .error = 0 };
    sigset_t all, old;
    int tell[2], error;
    if (pipe(tell)) {
        r.error = errno;
        return r;
    }
    fcntl(tell[0], F_SETFD, FD_CLOEXEC);
    fcntl(tell[1], F_SETFD, FD_CLOEXEC);
    timed_out = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);   /* until `running` is known */
    const pid_t pid = fork();
    if (pid == 0)
        become(argv, log, cpu_limit_s, tell[1]);
    error = pid < 0 ? errno : 0;
    running = pid;
    if (pid > 0)
        setpgid(pid, pid);
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(tell[1]);
    if (pid > 0 && !read_all(tell[0], &error, sizeof error))
        error = 0;
    if (pid > 0)
        wait_for(pid, cpu_limit_s, &r);
    running = 0;
    if (error)
        r.error = error;
    close(tell[0]);
    return r;
}

/* The life of a launcher: requests until the pipe closes. */
static void serve(int from, int to)
{
    static char text[REQUEST_MAX];
    static char *argv[REQUEST_MAX / 2 + 1];
    request_head head;
    while (read_all(from, &head, sizeof head) && head.size <= sizeof text
           && read_all(from, text, head.size)) {
        size_t n = 0;
        for (size_t at = strlen(text) + 1; at < head.size;
             at += strlen(text + at) + 1)
            argv[n++] = text + at;
        argv[n] = NULL;
        const reply r = launch(argv, text, head.cpu_limit_s);
        if (!write_all(to, &r, sizeof r))
            break;
    }
    _exit(0);
}

/* In the child: never returns.  The launchers before it are not its own. */
static void become_launcher(const nenc_launcher *list, size_t n, int from,
                            int to)
{
    setpgid(0, 0);
    die_with_parent(SIGTERM);
    for (size_t i = 0; i < n; i++) {
        close(list[i].to);
        close(list[i].from);
    }
    handle(SIGINT, SIG_IGN);
    handle(SIGHUP, SIG_IGN);
    handle(SIGQUIT, SIG_IGN);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGCHLD, SIG_DFL);
    handle(SIGTERM, on_end);
    handle(SIGALRM, on_alarm);
    fcntl(from, F_SETFD, FD_CLOEXEC);
    fcntl(to, F_SETFD, FD_CLOEXEC);
    serve(from, to);
}

static nenc_status start(nenc_launcher *list, size_t n, nenc_diag *diag)
{
    nenc_launcher *l = &list[n];
    int down[2] = { -1, -1 }, up[2] = { -1, -1 };
    l->pid = -1;
    if (!pipe(down) && !pipe(up))
        l->pid = fork();
    if (l->pid == 0) {
        close(down[1]);
        close(up[0]);
        become_launcher(list, n, down[0], up[1]);
    }
    const int error = errno;
    close(down[0]);
    close(up[1]);
    l->to = down[1];
    l->from = up[0];
    if (l->pid < 0) {
        close(l->to);
        close(l->from);
        return nenc_fail(diag, NENC_EIO, "no process for running programs: %s",
                         strerror(error));
    }
    setpgid(l->pid, l->pid);      /* whichever of the two comes first */
    fcntl(l->to, F_SETFD, FD_CLOEXEC);
    fcntl(l->from, F_SETFD, FD_CLOEXEC);
    return NENC_OK;
}

nenc_status nenc_launchers_start(nenc_launcher *list, size_t n,
                                 nenc_diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        const nenc_status st = start(list, i, diag);
        if (st < 0) {
            nenc_launchers_stop(list, i);
            return st;
        }
    }
    return NENC_OK;
}

void nenc_launchers_kill(const nenc_launcher *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kill(list[i].pid, SIGTERM);
}

void nenc_launchers_stop(nenc_launcher *list, size_t n)
{
    nenc_launchers_kill(list, n);
    for (size_t i = 0; i < n; i++) {
        close(list[i].to);
        close(list[i].from);
        while (waitpid(list[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

/* What `log` holds at its end, on one line. */
static void last_words(const char *log, char *text, size_t size)
{
    const int fd = open(log, O_RDONLY | O_CLOEXEC);
    text[0] = 0;
    if (fd < 0)
        return;
    const off_t length = lseek(fd, 0, SEEK_END);
    const off_t room = (off_t)size - 1;
    const ssize_t n = pread(fd, text, (size_t)(length < room ? length : room),
                            length < room ? 0 : length - room);
    close(fd);
    size_t end = n > 0 ? (size_t)n : 0;
    while (end && strchr(" \r\n", text[end - 1]))
        end--;
    text[end] = 0;
    for (size_t i = 0; i < end; i++)
        if ((unsigned char)text[i] < 32)
            text[i] = ' ';
}

static nenc_status explain(const reply *r, const char *program,
                           const char *log, nenc_diag *diag)
{
    const int signal = WIFSIGNALED(r->wait_status) ? WTERMSIG(r->wait_status)
                                                   : 0;
    char words[160];
    if (r->error)
        return nenc_fail(diag, NENC_EIO, "%s: %s", program, strerror(r->error));
    if (r->wait_status == 0)
        return NENC_OK;
    last_words(log, words, sizeof words);
    if (r->timed_out || signal == SIGXCPU)
        return nenc_fail(diag, NENC_EIO, "%s took longer than the time limit%s",
                         program, r->timed_out ? " allows it to wait" : "");
    if (signal)
        return nenc_fail(diag, NENC_EIO, "%s was ended by signal %d%s%s",
                         program, signal, words[0] ? ": " : "", words);
    return nenc_fail(diag, NENC_EIO, "%s ended with %d%s%s", program,
                     WEXITSTATUS(r->wait_status), words[0] ? ": " : "", words);
}

nenc_status nenc_process_run(const nenc_launcher *launcher, char *const *argv,
                             const char *log, unsigned cpu_limit_s,
                             nenc_cost *cost, nenc_diag *diag)
{
    request_head head = { .size = (uint32_t)strlen(log) + 1,
                          .cpu_limit_s = cpu_limit_s };
    reply r;
    size_t size = head.size;
    for (size_t i = 0; argv[i]; i++)
        size += strlen(argv[i]) + 1;
    if (size > REQUEST_MAX)
        return nenc_fail(diag, NENC_EIO, "a command of %zu bytes", size);
    head.size = (uint32_t)size;
    bool ok = write_all(launcher->to, &head, sizeof head)
           && write_all(launcher->to, log, strlen(log) + 1);
    for (size_t i = 0; ok && argv[i]; i++)
        ok = write_all(launcher->to, argv[i], strlen(argv[i]) + 1);
    if (!ok || !read_all(launcher->from, &r, sizeof r))
        return NENC_END;
    if (cost)
        *cost = r.cost;
    return explain(&r, argv[0], log, diag);
}
