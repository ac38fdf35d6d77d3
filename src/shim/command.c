#include "shim/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
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

static int stdio_add(posix_spawn_file_actions_t *fa, const struct command_spec *spec,
                     int capture_fd)
{
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++) {
        int fd = spec->stdio[i] == COMMAND_CAPTURE ? capture_fd : spec->stdio[i];
        r = fd >= 0 ? posix_spawn_file_actions_adddup2(fa, fd, i)
                    : posix_spawn_file_actions_addopen(fa, i, "/dev/null", O_RDWR, 0);
    }
    for (size_t i = 0; i < spec->extra_count && r == 0; i++)
        r = posix_spawn_file_actions_adddup2(fa, spec->extra[i], 3 + (int)i);
    if (r == 0 && spec->cwd)
        r = posix_spawn_file_actions_addchdir_np(fa, spec->cwd);
    return r;
}

static int spawn(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at,
                 const struct command_spec *spec, int capture_fd, pid_t *ret_pid)
{
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    int r = posix_spawnattr_setsigmask(at, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(at, &defaults);
    if (r == 0)
        r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = stdio_add(fa, spec, capture_fd);
    if (r == 0)
        r = posix_spawnp(ret_pid, spec->args->v[0], fa, at, (char *const *)(uintptr_t)spec->args->v,
                         spec->env ? spec->env : environ);
    return -r;
}

int command_spawn(struct loop *l, const struct command_spec *spec, int capture_fd, pid_t *ret_pid)
{
    if (spec->args->overflowed || spec->extra_count > EXTRA_MAX)
        return -E2BIG;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    if (posix_spawn_file_actions_init(&fa) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&at) != 0) {
        (void)posix_spawn_file_actions_destroy(&fa);
        return -ENOMEM;
    }
    int r = spawn(&fa, &at, spec, capture_fd, ret_pid);
    (void)posix_spawnattr_destroy(&at);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (r == 0)
        child_is_new(l, *ret_pid);
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
