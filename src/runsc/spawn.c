/* Starting the children: namespaces, descriptors, user maps, exec of this same program. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/fault.h"
#include "host/msg.h"
#include "runsc/sandbox_priv.h"
#include "wire/control.h"

/* ---- in the child, between clone and exec: host calls alone, nothing of libc's state ---- */

static _Noreturn void child_fail(const struct spawn *sp, const char *what, int err)
{
    char text[128];
    uint8_t buf[CONTROL_BYTES_MAX];
    (void)snprintf(text, sizeof text, "cannot start: %s: error %d", what, -err);
    size_t n = control_build(buf, CONTROL_ERROR, 0, text);
    (void)!host_msg_send(sp->fds[sp->control_index], buf, n, NULL, 0, 0);
    for (;;)
        (void)!host_exit_group(1);
}

/* The descriptors that come are moved above the final numbers, too. */
static void child_wait_go(struct spawn *sp)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0;
    int control = sp->fds[sp->control_index], got[SPAWN_FDS_MAX];
    int r = sp->tells
                ? host_msg_send(control, buf, control_build(buf, CONTROL_GO, 0, NULL), NULL, 0, 0)
                : 0;
    ssize_t n = r < 0 ? r : host_msg_recv(control, buf, sizeof buf, got, sp->late_count, &count, 0);
    if (n <= 0 || control_parse(buf, (size_t)n, &m) < 0 || m.type != CONTROL_GO ||
        count != sp->late_count)
        for (;;)
            (void)!host_exit_group(1); /* runsc is gone */
    for (unsigned i = 0; i < count; i++) {
        int fd = host_fcntl(got[i], F_DUPFD_CLOEXEC, sp->fd_count);
        if (fd < 0)
            child_fail(sp, "descriptors", fd);
        (void)!host_close(got[i]);
        sp->fds[sp->late_index + i] = fd;
    }
}

static void child_fds_place(const struct spawn *sp)
{
    for (unsigned i = 0; i < sp->fd_count; i++) {
        int r = sp->fds[i] >= 0 ? host_dup3(sp->fds[i], (int)i, 0) : host_close((int)i);
        if (r < 0 && sp->fds[i] >= 0)
            child_fail(sp, "descriptors", r);
    }
}

static _Noreturn void child_run(struct spawn *sp)
{
    uint64_t none = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sp->others); i++)
        (void)!host_close(sp->others[i]);
    int r = host_unshare(sp->unshare);
    if (r < 0)
        child_fail(sp, "namespaces", r);
    child_wait_go(sp);
    (void)!host_rt_sigprocmask(SIG_SETMASK, &none, NULL, sizeof none);
    child_fds_place(sp);
    r = host_execveat(sp->exe_fd, "", (char *const *)(uintptr_t)sp->argv, host_fault_env(),
                      AT_EMPTY_PATH);
    child_fail(sp, "exec of runsc", r);
}

/* ---- in runsc ---- */

int spawn_start(const struct spawn *sp, struct child *ret)
{
    /* Sources are moved above the final numbers, so that the two do not overlap. */
    struct spawn parked = *sp;
    const unsigned long park = sp->fd_count;
    for (unsigned i = 0; i < sp->fd_count; i++)
        if (sp->fds[i] >= 0) {
            parked.fds[i] = host_fcntl(sp->fds[i], F_DUPFD_CLOEXEC, park);
            if (parked.fds[i] < 0)
                return parked.fds[i];
        }
    parked.exe_fd = host_fcntl(sp->exe_fd, F_DUPFD_CLOEXEC, park);
    int pidfd = -1;
    pid_t pid = parked.exe_fd < 0
                    ? parked.exe_fd
                    : host_clone(sp->namespaces | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
    if (pid == 0)
        child_run(&parked);
    for (unsigned i = 0; i < sp->fd_count; i++)
        if (parked.fds[i] >= 0)
            (void)!host_close(parked.fds[i]);
    if (parked.exe_fd >= 0)
        (void)!host_close(parked.exe_fd);
    if (pid < 0)
        return pid;
    *ret = (struct child){.pid = pid, .pidfd = pidfd};
    return 0;
}

int spawn_file_write(int dirfd, const char *path, const char *text)
{
    int fd = host_openat(dirfd, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    ssize_t n = host_write(fd, text, strlen(text));
    (void)!host_close(fd);
    return n < 0 ? (int)n : 0;
}

/* The caller's own map with both columns equal to its inside: what is mapped here is mapped the same there. */
static int map_identity(int proc_fd, const char *own, char *out, size_t cap)
{
    char text[4096];
    int fd = host_openat(proc_fd, own, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    ssize_t n = host_read(fd, text, sizeof text - 1);
    (void)!host_close(fd);
    if (n < 0)
        return (int)n;
    text[n] = 0;
    size_t left = cap;
    for (const char *line = text; *line;
         line = strchrnul(line, '\n') + (strchr(line, '\n') != NULL)) {
        char *end;
        unsigned long inside = strtoul(line, &end, 10);
        (void)strtoul(end, &end, 10);
        unsigned long count = strtoul(end, &end, 10);
        int w = snprintf(out, left, "%lu %lu %lu\n", inside, inside, count);
        if (w < 0 || (size_t)w >= left)
            return -E2BIG;
        out += w;
        left -= (size_t)w;
    }
    return 0;
}

static int map_write(int proc_fd, pid_t pid, const char *which)
{
    char path[64];
    char own[64];
    char map[4096];
    (void)snprintf(path, sizeof path, "%d/%s", pid, which);
    int r = spawn_file_write(proc_fd, path, "0 0 4294967295");
    if (r != -EPERM)
        return r;
    (void)snprintf(own, sizeof own, "self/%s", which);
    r = map_identity(proc_fd, own, map, sizeof map);
    return r < 0 ? r : spawn_file_write(proc_fd, path, map);
}

int spawn_await(int control, char *err)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0;
    ssize_t n = host_msg_recv(control, buf, sizeof buf, NULL, 0, &count, 0);
    int r = n < 0 ? (int)n : n == 0 ? -EPIPE : control_parse(buf, (size_t)n, &m);
    if (r == 0 && m.type == CONTROL_GO)
        return 0;
    if (r == 0)
        sandbox_error(err, "%s", m.text);
    return r < 0 ? r : -EIO;
}

int spawn_go(const struct child *c, int proc_fd, int control, const int *fds, unsigned count)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    int r = map_write(proc_fd, c->pid, "uid_map");
    if (r < 0)
        return r;
    r = map_write(proc_fd, c->pid, "gid_map");
    if (r < 0) {
        /* A user who may not change groups must first promise not to. */
        char path[64];
        (void)snprintf(path, sizeof path, "%d/setgroups", c->pid);
        (void)!spawn_file_write(proc_fd, path, "deny");
        if ((r = map_write(proc_fd, c->pid, "gid_map")) < 0)
            return r;
    }
    return host_msg_send(control, buf, control_build(buf, CONTROL_GO, 0, NULL), fds, count, 0);
}

void child_end(struct child *c)
{
    if (c->pid <= 0)
        return;
    (void)!host_kill(c->pid, SIGKILL);
    while (host_wait4(c->pid, NULL, __WALL, NULL) == -EINTR) {
    }
    child_forget(c);
}

void child_forget(struct child *c)
{
    (void)!host_close(c->pidfd);
    c->pid = 0;
}

int chroot_leave(int proc_fd)
{
    int r = host_unshare(CLONE_NEWNS);
    if (r < 0)
        return r;
    int ns = host_openat(proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
    if (ns < 0)
        return ns;
    r = host_setns(ns, CLONE_NEWNS);
    (void)!host_close(ns);
    return r;
}

int mount_clone(const struct sandbox_mount *m)
{
    unsigned recursive = m->recursive ? AT_RECURSIVE : 0;
    int fd = host_open_tree(AT_FDCWD, m->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
    if (fd < 0)
        return fd;
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | (m->read_only ? MOUNT_ATTR_RDONLY : 0),
        .propagation = m->slave ? MS_SLAVE : MS_PRIVATE,
    };
    int r = host_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof attr);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    return fd;
}
