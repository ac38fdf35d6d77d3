#include "shim/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct command {
    struct loop *loop;
    struct child child;
    struct watch output;
    command_fn done;
    void *arg;
    char *text;
    size_t len, cap;
    struct exit_info exit;
    bool open;
};

#define EXTRA_MAX 8

/* In the child, which shares our memory until exec. */
static int stdio_set(const struct command_spec *spec, int capture_fd)
{
    for (int i = 0; i < 3; i++) {
        int fd = spec->stdio[i] == COMMAND_CAPTURE ? capture_fd : spec->stdio[i];
        int null = fd < 0 ? open("/dev/null", O_RDWR) : -1;
        int from = fd < 0 ? null : fd;
        if (from < 0 || (from == i ? fcntl(i, F_SETFD, 0) : dup2(from, i)) < 0)
            return -errno;
        if (null > 2)
            (void)close(null);
    }
    for (size_t i = 0; i < spec->extra_count; i++) {
        int to = 3 + (int)i;
        if ((spec->extra[i] == to ? fcntl(to, F_SETFD, 0) : dup2(spec->extra[i], to)) < 0)
            return -errno;
    }
    return spec->cwd && chdir(spec->cwd) < 0 ? -errno : 0;
}

static _Noreturn void child_run(const struct command_spec *spec, int capture_fd, pid_t shim,
                                int error_fd)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* What a killed shim has begun must not go on when containerd has had it cleaned up. */
    int r = spec->outlives ? 0 : prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
    if (r == 0 && !spec->outlives && getppid() != shim)
        r = -ESRCH;
    if (r == 0)
        r = stdio_set(spec, capture_fd);
    if (r == 0) {
        (void)execvpe(spec->args->v[0], (char *const *)(uintptr_t)spec->args->v,
                      spec->env ? spec->env : environ);
        r = -errno;
    }
    (void)!write(error_fd, &r, sizeof r);
    _exit(127);
}

/* A pipe that exec closes; its second end above the numbers that the program gets. */
static int error_pipe(int fds[2])
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    fds[0] = p[0];
    fds[1] = fcntl(p[1], F_DUPFD_CLOEXEC, 3 + EXTRA_MAX);
    int r = fds[1] < 0 ? -errno : 0;
    (void)close(p[1]);
    if (r < 0)
        (void)close(p[0]);
    return r;
}

int command_spawn(struct loop *l, const struct command_spec *spec, int capture_fd, pid_t *ret_pid)
{
    int fds[2] = {-1, -1}, error = 0;
    if (spec->args->overflowed || spec->extra_count > EXTRA_MAX)
        return -E2BIG;
    int r = error_pipe(fds);
    if (r < 0)
        return r;
    pid_t shim = getpid(), pid = vfork();
    if (pid == 0)
        child_run(spec, capture_fd, shim, fds[1]);
    r = pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    if (r == 0 && read(fds[0], &error, sizeof error) == (ssize_t)sizeof error) {
        (void)waitpid(pid, NULL, 0);
        r = error;
    }
    (void)close(fds[0]);
    if (r == 0) {
        *ret_pid = pid;
        child_is_new(l, pid);
    }
    return r;
}

static void output_close(struct command *c)
{
    if (!c->open)
        return;
    c->open = false;
    watch_del(c->loop, &c->output);
    (void)close(c->output.fd);
}

static void command_finish(struct command *c)
{
    struct command_result r = {
        .status = c->exit.status, .output = c->text ? c->text : "", .output_len = c->len};
    c->done(c->arg, &r);
    children_expect_end(c->loop);
    free(c->text);
    free(c);
}

/* Room for more, and a NUL. What exceeds the limit is read and forgotten. */
static bool output_reserve(struct command *c)
{
    if (c->cap - c->len > 1)
        return true;
    size_t cap = c->cap ? c->cap * 2 : 1024;
    char *text = cap <= COMMAND_OUTPUT_MAX ? realloc(c->text, cap) : NULL;
    if (!text)
        return false;
    c->text = text;
    c->text[c->len] = 0;
    c->cap = cap;
    return true;
}

/* Bytes read, 0 at the end, -errno. */
static ssize_t output_read(struct command *c)
{
    char lost[512];
    bool keep = output_reserve(c);
    ssize_t n = keep ? read(c->output.fd, c->text + c->len, c->cap - c->len - 1)
                     : read(c->output.fd, lost, sizeof lost);
    if (n > 0 && keep) {
        c->len += (size_t)n;
        c->text[c->len] = 0;
    }
    return n < 0 ? -errno : n;
}

static void output_event(struct watch *w, uint32_t events)
{
    struct command *c = container_of(w, struct command, output);
    ssize_t n = output_read(c);
    if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
        output_close(c);
}

/* Something that the command left behind may hold its output open: what is there now is all. */
static void command_exited(struct child *child, const struct exit_info *e)
{
    struct command *c = container_of(child, struct command, child);
    c->exit = *e;
    while (c->open && output_read(c) > 0)
        ;
    output_close(c);
    command_finish(c);
}

static int command_start(struct command *c, const struct command_spec *spec)
{
    int fds[2] = {-1, -1};
    if (spec->stdio[1] == COMMAND_CAPTURE || spec->stdio[2] == COMMAND_CAPTURE) {
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        int r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0
                    ? -errno
                    : watch_add(c->loop, &c->output, fds[0], EPOLLIN, output_event);
        if (r < 0) {
            (void)close(fds[0]);
            (void)close(fds[1]);
            return r;
        }
        c->open = true;
    }
    pid_t pid;
    int r = command_spawn(c->loop, spec, fds[1], &pid);
    if (fds[1] >= 0)
        (void)close(fds[1]);
    if (r < 0) {
        output_close(c);
        return r;
    }
    child_watch(c->loop, &c->child, pid, command_exited);
    return 0;
}

int command_run(struct loop *l, const struct command_spec *spec, command_fn done, void *arg)
{
    struct command *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->loop = l;
    c->done = done;
    c->arg = arg;
    int r = command_start(c, spec);
    if (r < 0)
        free(c);
    else
        children_expect_begin(l);
    return r;
}
