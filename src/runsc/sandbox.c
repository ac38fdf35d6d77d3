#include "runsc/idmap.h"
#include "runsc/sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "gofer/gofer.h"
#include "host/msg.h"
#include "runsc/memory_file.h"
#include "runsc/rootless.h"
#include "runsc/sandbox_priv.h"
#include "runsc/sandbox_wait.h"
#include "wire/control.h"

void sandbox_error(char *err, const char *fmt, ...)
{
    va_list ap;
    if (err[0])
        return; /* the first error is the cause */
    va_start(ap, fmt);
    (void)vsnprintf(err, SANDBOX_ERROR_MAX, fmt, ap);
    va_end(ap);
}

/* Everything that is open while a sandbox starts; -1: not. */
struct start {
    const struct sandbox *s;
    char *err;
    int proc_fd, exe_fd, null_fd, config_fd;
    int control[2], gofer_control[2],
        link[2]; /* [0] runsc's (link: the sentry's), [1] the child's (the gofer's) */
    int mounts[BOOT_GOFER_DIRS_MAX];
    bool mounts_open; /* tried */
    bool entered;     /* namespaces to be allowed to */
    struct child sentry, gofer;
};

/* The gofer's mounts: what the container sees, then the stores. */
static uint32_t mounts_count(const struct start *st)
{
    return st->s->config.gofer_dir_count + st->s->config.store_count;
}

static const struct sandbox_mount *mount_at(const struct start *st, uint32_t i)
{
    uint32_t dirs = st->s->config.gofer_dir_count;
    return i < dirs ? &st->s->mounts[i] : &st->s->stores[i - dirs];
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)!host_close(*fd);
    *fd = -1;
}

/* What only the children need. */
static void start_release(struct start *st)
{
    fd_close(&st->exe_fd);
    fd_close(&st->null_fd);
    fd_close(&st->config_fd);
    fd_close(&st->control[1]);
    fd_close(&st->gofer_control[1]);
    fd_close(&st->link[0]);
    fd_close(&st->link[1]);
    for (uint32_t i = 0; i < mounts_count(st); i++)
        fd_close(&st->mounts[i]);
}

int sandbox_config_file(const struct sandbox *s, char *err)
{
    size_t len = 0;
    (void)!boot_config_write(&s->config, NULL, 0, &len);
    if (len > BOOT_BLOB_MAX) {
        sandbox_error(err, "the arguments, environment and mounts are too large (%zu bytes)", len);
        return -E2BIG;
    }
    void *buf = malloc(len);
    int r = buf ? boot_config_write(&s->config, buf, len, &len) : -ENOMEM;
    if (r == 0)
        r = memory_file("boot", buf, len);
    free(buf);
    if (r < 0)
        sandbox_error(err, "cannot hand over the configuration: %s", err_name(r));
    return r;
}

static int config_memfd(struct start *st)
{
    st->config_fd = sandbox_config_file(st->s, st->err);
    return st->config_fd < 0 ? st->config_fd : 0;
}

static int sockets_make(struct start *st)
{
    int *pairs[] = {st->control, st->gofer_control, st->link};
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        int r = host_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pairs[i]);
        if (r < 0) {
            sandbox_error(st->err, "cannot make a socket pair: %s", err_name(r));
            return r;
        }
    }
    return 0;
}

static void clone_error(char *err, int r)
{
    if (r == -ENOSPC || r == -EUSERS)
        sandbox_error(err, "no more user namespaces: raise the sysctl user.max_user_namespaces");
    else if (r == -EPERM)
        sandbox_error(err, "user namespaces are not permitted here: inside another container its "
                           "seccomp profile has to allow clone and unshare (Docker: "
                           "--security-opt seccomp=unconfined); else check the sysctls "
                           "kernel.unprivileged_userns_clone and "
                           "kernel.apparmor_restrict_unprivileged_userns");
    else if (r == -EINVAL)
        sandbox_error(err, "the host kernel lacks user, pid or network namespaces (CONFIG_USER_NS, "
                           "CONFIG_PID_NS, CONFIG_NET_NS)");
    else if (r == -EMFILE)
        sandbox_error(err, "too few descriptors: raise the limit (ulimit -n)");
    else if (r == -EAGAIN)
        sandbox_error(err,
                      "no more processes: raise the limit (ulimit -u) or the cgroup's pids.max");
    else
        sandbox_error(err, "cannot start a process: %s", err_name(r));
}

/* Mounts can be copied by who is capable in the user namespace that owns them: root, or anybody after making new ones. */
static int privileges_take(struct start *st)
{
    st->entered = true;
    if (geteuid() == 0 && host_unshare(CLONE_NEWNS) == 0)
        return 0;
    int r = rootless_enter(st->proc_fd, st->s->uid_maps, st->s->gid_maps, st->err);
    if (r < 0)
        clone_error(st->err, r);
    return r;
}

static bool is_late(const struct start *st) { return st->s->between.begin && !st->mounts_open; }

static int mount_idmap(struct start *st, const struct sandbox_mount *m, int mount)
{
    static const struct oci_id_maps none = {0};
    const struct sandbox *s = st->s;
    if (!m->uid_maps || m->uid_maps->count == 0)
        return 0;
    int r = idmap_apply(mount, m->idmap_tree, m->uid_maps, m->gid_maps,
                        s->uid_maps ? s->uid_maps : &none, s->gid_maps ? s->gid_maps : &none,
                        st->proc_fd);
    if (r < 0)
        sandbox_error(st->err, "mounts: the ids of %s cannot be mapped: %s%s", m->source,
                      err_name(r),
                      r == -EINVAL  ? "; its file system cannot, or the container has none of the "
                                      "ids"
                      : r == -EPERM ? "; root is needed, and a mount without a map"
                                    : "");
    return r;
}

static int mounts_open(struct start *st)
{
    if (st->mounts_open)
        return 0;
    st->mounts_open = true;
    for (uint32_t i = 0; i < mounts_count(st); i++) {
        const struct sandbox_mount *m = mount_at(st, i);
        st->mounts[i] = mount_clone(m);
        if (st->mounts[i] == -EPERM && i == 0) {
            int r = privileges_take(st);
            if (r < 0)
                return r;
            st->mounts[i] = mount_clone(m);
        }
        /* A place for files without a name: what is mounted below may not be left out in a user namespace that it is older than. */
        if (st->mounts[i] == -EINVAL && i >= st->s->config.gofer_dir_count) {
            struct sandbox_mount all = *m;
            all.recursive = true;
            st->mounts[i] = mount_clone(&all);
        }
        if (st->mounts[i] == -ENOENT)
            sandbox_error(st->err,
                          "%s: no such file or directory; mounts need an existing host path",
                          m->source);
        else if (st->mounts[i] == -ENOSYS)
            sandbox_error(
                st->err,
                "the host kernel lacks open_tree or mount_setattr: Linux 5.15 or later is needed");
        else if (st->mounts[i] < 0)
            sandbox_error(st->err, "cannot mount %s: %s", m->source, err_name(st->mounts[i]));
        if (st->mounts[i] < 0)
            return st->mounts[i];
        struct stat sb;
        int r = host_fstat(st->mounts[i], &sb);
        if (r < 0 || S_ISCHR(sb.st_mode) || S_ISBLK(sb.st_mode) ||
            (i == 0 && !S_ISDIR(sb.st_mode))) {
            sandbox_error(st->err, "%s: %s; cannot be mounted", m->source,
                          i == 0 ? "not a directory" : "a device of the host");
            return r < 0 ? r : -ENOTDIR;
        }
        r = mount_idmap(st, m, st->mounts[i]);
        if (r < 0)
            return r;
        for (uint32_t k = 0; k < st->s->config.mount_count; k++)
            if (st->s->config.mounts[k].gofer_index == (int32_t)i)
                st->s->config.mounts[k].is_file = !S_ISDIR(sb.st_mode);
    }
    return 0;
}

static int files_open(struct start *st)
{
    st->null_fd = host_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (st->null_fd < 0) {
        sandbox_error(st->err, "cannot open /dev/null: %s; is /dev mounted?",
                      err_name(st->null_fd));
        return st->null_fd;
    }
    st->proc_fd = host_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    st->exe_fd =
        st->proc_fd < 0 ? st->proc_fd : host_openat(st->proc_fd, "self/exe", O_PATH | O_CLOEXEC, 0);
    if (st->exe_fd < 0)
        sandbox_error(st->err, "cannot open /proc/self/exe: %s; mount /proc", err_name(st->exe_fd));
    return st->exe_fd < 0 ? st->exe_fd : 0;
}

static bool net_joins(const struct start *st)
{
    return st->s->config.network == BOOT_NETWORK_HOST && st->s->net_path;
}

static unsigned long net_namespace(const struct start *st)
{
    return st->s->config.network == BOOT_NETWORK_HOST && (net_joins(st) || !st->s->net_new)
               ? 0
               : CLONE_NEWNET;
}

static int sentry_spawn(struct start *st)
{
    const struct boot_config *c = &st->s->config;
    static const char *const argv[] = {"runsc-sandbox", "boot", NULL};
    struct spawn sp = {
        .namespaces = CLONE_NEWUSER | CLONE_NEWPID,
        .unshare = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | net_namespace(st),
        .fd_count = BOOT_FD_END,
        .control_index = BOOT_FD_CONTROL,
        .others = {st->control[0], st->gofer_control[0]},
        .argv = argv,
        .exe_fd = st->exe_fd,
        .fds = {st->null_fd, st->null_fd, c->debug_log_fd >= 0 ? c->debug_log_fd : st->null_fd,
                c->stdio_fd[0], c->stdio_fd[1], c->stdio_fd[2], st->control[1], st->link[0],
                st->config_fd, c->log_fd, c->debug_log_fd, c->listen_fd, c->user_log_fd},
    };
    sp.tells = st->s->between.begin;
    if (is_late(st)) {
        sp.late_index = BOOT_FD_CONFIG;
        sp.late_count = 1;
    }
    return spawn_start(&sp, &st->sentry);
}

static const char *label_of(const char *label) { return label ? label : ""; }

static int gofer_spawn(struct start *st)
{
    char count[16], stores[16], access[32];
    const char *argv[SANDBOX_DETACH_MAX + 10] = {
        "runsc-gofer", "gofer",
        count,         st->s->config.directfs ? "direct" : "messages",
        stores,        st->s->joins ? "joins" : st->s->config.detached ? "stays" : "tied"};
    const struct sandbox *s = st->s;
    (void)snprintf(count, sizeof count, "%u", mounts_count(st));
    (void)snprintf(stores, sizeof stores, "%u", s->config.store_count);
    char apparmor[BOOT_LABEL_MAX + 16], selinux[BOOT_LABEL_MAX + 16];
    uint32_t at = 6;
    (void)snprintf(access, sizeof access, "access=%u", s->config.gofer_access);
    if (s->config.gofer_access)
        argv[at++] = access;
    for (uint32_t i = 0; i < s->detach_count; i++)
        argv[at++] = s->detach[i];
    (void)snprintf(apparmor, sizeof apparmor, "apparmor=%s", label_of(s->config.apparmor));
    (void)snprintf(selinux, sizeof selinux, "selinux=%s", label_of(s->config.selinux));
    if (label_of(s->config.apparmor)[0])
        argv[at++] = apparmor;
    if (label_of(s->config.selinux)[0])
        argv[at++] = selinux;
    struct spawn sp = {
        .namespaces = CLONE_NEWUSER | CLONE_NEWPID,
        .unshare = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
        .fd_count = GOFER_FD_MOUNTS + mounts_count(st),
        .control_index = GOFER_FD_CONTROL,
        .others = {st->control[0], st->gofer_control[0]},
        .argv = argv,
        .exe_fd = st->exe_fd,
        .fds = {st->null_fd, st->null_fd, st->null_fd, st->link[1], st->gofer_control[1]},
    };
    memcpy(sp.fds + GOFER_FD_MOUNTS, st->mounts, mounts_count(st) * sizeof(int));
    sp.tells = st->s->between.begin;
    if (is_late(st)) {
        sp.late_index = GOFER_FD_MOUNTS;
        sp.late_count = mounts_count(st);
    }
    return spawn_start(&sp, &st->gofer);
}

static bool same_namespace(int dir, const char *path, const struct stat *its)
{
    struct stat st;
    int fd = host_openat(dir, path, O_RDONLY | O_CLOEXEC, 0);
    bool same =
        fd >= 0 && host_fstat(fd, &st) == 0 && st.st_dev == its->st_dev && st.st_ino == its->st_ino;
    if (fd >= 0)
        (void)!host_close(fd);
    return same;
}

/* In a network that an engine made for the container, which we have joined, the sentry says which programs may have a low port, by their
 * capabilities; it has none itself. The host's own network stays as it is. */
static void net_low_ports(const struct start *st, int net_fd, int own)
{
    struct stat its, ours;
    if (host_fstat(net_fd, &its) < 0 || host_fstat(own, &ours) < 0 ||
        (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino) ||
        same_namespace(st->proc_fd, "1/ns/net", &its))
        return;
    int fd = host_openat(st->proc_fd, "sys/net/ipv4/ip_unprivileged_port_start",
                         O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!host_write(fd, "0", 1);
    (void)!host_close(fd);
}

/* The sentry is made in its network namespace: it could not enter one that belongs to others. */
static int net_enter(struct start *st, int *ret_own)
{
    *ret_own = -1;
    if (!net_joins(st))
        return 0;
    int fd = host_openat(AT_FDCWD, st->s->net_path, O_RDONLY | O_CLOEXEC, 0);
    int own = fd < 0 ? fd : host_openat(st->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    int r = own < 0 ? own : host_setns(fd, CLONE_NEWNET);
    if (r == 0)
        net_low_ports(st, fd, own);
    if (fd >= 0)
        (void)!host_close(fd);
    if (r < 0)
        sandbox_error(st->err, "cannot join the network namespace %s: %s", st->s->net_path,
                      err_name(r));
    *ret_own = own;
    return r;
}

static int net_return(struct start *st, int own)
{
    int r = own >= 0 ? host_setns(own, CLONE_NEWNET) : 0;
    if (own >= 0)
        (void)!host_close(own);
    return r;
}

/* If something is done between, they are taken again after it; not if it took a new user namespace, in which the children are to be made. */
static int mounts_open_first(struct start *st)
{
    int r = mounts_open(st);
    if (r < 0 || !st->s->between.begin || st->entered)
        return r;
    for (uint32_t i = 0; i < mounts_count(st); i++)
        fd_close(&st->mounts[i]);
    st->mounts_open = false;
    return 0;
}

/* In a chroot there are no user namespaces. Out of it paths are others, so mounts are taken before. */
static int chroot_end(struct start *st)
{
    int r = mounts_open(st);
    if (r == 0 && !st->s->joins && st->config_fd < 0)
        r = config_memfd(st);
    return r == 0 ? chroot_leave(st->proc_fd) : r;
}

/* As with the network: the sentry's clocks, and with them those of all programs inside, are those of the namespace that it is made
 * in. *ret_own: runsc's own, or -1. */
static int time_enter(struct start *st, int *ret_own)
{
    const struct sandbox *s = st->s;
    *ret_own = -1;
    if (!s->time_path && !s->time_offsets[0])
        return 0;
    int own = host_openat(st->proc_fd, "self/ns/time", O_RDONLY | O_CLOEXEC, 0);
    if (own < 0) {
        sandbox_error(st->err, "linux.timeOffsets: the host kernel has no time namespaces: Linux "
                               "5.6 with CONFIG_TIME_NS is needed");
        return own;
    }
    const char *what = "a time namespace cannot be made";
    int r;
    if (s->time_path) {
        what = "the time namespace cannot be joined";
        int fd = host_openat(AT_FDCWD, s->time_path, O_RDONLY | O_CLOEXEC, 0);
        r = fd < 0 ? fd : host_setns(fd, CLONE_NEWTIME);
        if (fd >= 0)
            (void)!host_close(fd);
    } else {
        r = host_unshare(CLONE_NEWTIME);
        if (r == 0) {
            what = "the host refuses these values";
            r = spawn_file_write(st->proc_fd, "self/timens_offsets", s->time_offsets);
        }
    }
    if (r < 0)
        sandbox_error(st->err, "linux.timeOffsets: %s: %s", what, err_name(r));
    *ret_own = own;
    return r;
}

static int time_return(int own)
{
    int r = own >= 0 ? host_setns(own, CLONE_NEWTIME) : 0;
    if (own >= 0)
        (void)!host_close(own);
    return r;
}

static int children_spawn(struct start *st)
{
    int own, own_time = -1, back;
    int r = net_enter(st, &own);
    if (r < 0)
        return r;
    r = time_enter(st, &own_time);
    if (r < 0) {
        (void)!time_return(own_time);
        (void)!net_return(st, own);
        return r;
    }
    r = sentry_spawn(st);
    if (r == -EPERM && chroot_end(st) == 0)
        r = sentry_spawn(st);
    back = time_return(own_time);
    r = r < 0 ? r : back;
    back = net_return(st, own);
    r = r < 0 ? r : back;
    if (r == 0)
        r = gofer_spawn(st);
    if (r < 0)
        clone_error(st->err, r);
    return r;
}

static int gofer_go(struct start *st, bool late)
{
    return spawn_go(&st->gofer, st->proc_fd, st->gofer_control[0], st->mounts,
                    late ? mounts_count(st) : 0);
}

static int children_go(struct start *st, bool late)
{
    const struct boot_config *c = &st->s->config;
    int r = spawn_go(&st->sentry, st->proc_fd, st->control[0], &st->config_fd, late);
    if (r == 0)
        r = gofer_go(st, late);
    if (r < 0)
        sandbox_error(st->err, "cannot map users into the sandbox: %s", err_name(r));
    size_t count = c->pass_fd_count + c->exec_fd;
    if (r == 0 && count > 0) {
        uint8_t buf[CONTROL_BYTES_MAX];
        r = host_msg_send(st->control[0], buf, control_build(buf, CONTROL_FILES, 0, NULL),
                          c->pass_fd, count, 0);
        if (r < 0)
            sandbox_error(st->err, "cannot pass descriptors: %s", err_name(r));
    }
    return r;
}

/* The processes have their namespaces; their mounts are taken after what is to be done between (late). */
static int between_do(struct start *st, bool late)
{
    const struct sandbox_between *b = &st->s->between;
    int r = st->sentry.pid ? spawn_await(st->control[0], st->err) : 0;
    if (r == 0)
        r = spawn_await(st->gofer_control[0], st->err);
    if (r < 0)
        return r;
    r = b->begin(b->arg, st->err);
    if (r == 0)
        r = mounts_open(st);
    b->end(b->arg);
    if (r == 0 && late && st->sentry.pid)
        r = config_memfd(st);
    return r;
}

static int children_start(struct start *st, sandbox_placed_fn placed, void *arg)
{
    int r = files_open(st);
    if (r == 0)
        r = mounts_open_first(st);
    if (r == 0)
        r = sockets_make(st);
    if (r == 0 && !is_late(st))
        r = config_memfd(st);
    if (r == 0)
        r = children_spawn(st);
    if (r == 0 && placed)
        r = placed(arg, st->sentry.pid, st->gofer.pid, st->err);
    bool late = is_late(st);
    if (r == 0 && st->s->between.begin)
        r = between_do(st, late);
    if (r == 0)
        r = children_go(st, late);
    return r;
}

/* Until the gofer has confined itself, and said so to the sentry. */
static int gofer_await(struct start *st)
{
    struct pollfd p[2] = {{.fd = st->link[0], .events = POLLIN},
                          {.fd = st->gofer_control[0], .events = POLLIN}};
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0;
    int r;
    do
        r = host_ppoll(p, 2, NULL, NULL, 0);
    while (r == -EINTR);
    if (r > 0 && p[1].revents) {
        ssize_t n = host_msg_recv(p[1].fd, buf, sizeof buf, NULL, 0, &count, MSG_DONTWAIT);
        r = n > 0 && control_parse(buf, (size_t)n, &m) == 0 && m.type == CONTROL_ERROR ? -EIO : r;
        if (r < 0)
            sandbox_error(st->err, "%s", m.text);
    }
    if (r > 0 && !(p[0].revents & POLLIN))
        r = -EPIPE;
    if (r < 0)
        sandbox_error(st->err, "the gofer did not start: %s", err_name(r));
    return r < 0 ? r : 0;
}

static int gofer_start(struct start *st, sandbox_placed_fn placed, void *arg)
{
    int r = files_open(st);
    if (r == 0)
        r = mounts_open_first(st);
    if (r == 0)
        r = sockets_make(st);
    if (r == 0) {
        r = gofer_spawn(st);
        if (r == -EPERM && chroot_end(st) == 0)
            r = gofer_spawn(st);
        if (r < 0)
            clone_error(st->err, r);
    }
    fd_close(&st->control[0]); /* of no sentry */
    fd_close(&st->control[1]);
    if (r == 0)
        r = placed(arg, 0, st->gofer.pid, st->err);
    bool late = is_late(st);
    if (r == 0 && st->s->between.begin)
        r = between_do(st, late);
    if (r == 0) {
        r = gofer_go(st, late);
        if (r < 0)
            sandbox_error(st->err, "cannot map users into the sandbox: %s", err_name(r));
    }
    fd_close(&st->gofer_control[1]); /* so that its end is seen */
    fd_close(&st->link[1]);
    return r == 0 ? gofer_await(st) : r;
}

static int start(const struct sandbox *s, bool foreground, sandbox_placed_fn placed, void *arg,
                 struct sandbox_running *ret, int *ret_link, char *err)
{
    struct start st = {
        .s = s,
        .err = err,
        .proc_fd = -1,
        .exe_fd = -1,
        .null_fd = -1,
        .config_fd = -1,
        .control = {-1, -1},
        .gofer_control = {-1, -1},
        .link = {-1, -1},
    };
    memset(st.mounts, 0xff, sizeof st.mounts);
    err[0] = 0;
    int signal_fd = foreground ? sandbox_signals_take() : -1;
    int r = foreground && signal_fd < 0 ? signal_fd
            : ret_link                  ? gofer_start(&st, placed, arg)
                                        : children_start(&st, placed, arg);
    if (r == 0 && ret_link) {
        *ret_link = st.link[0];
        st.link[0] = -1;
    }
    start_release(&st);
    *ret = (struct sandbox_running){
        .s = s,
        .control = st.control[0],
        .gofer_control = st.gofer_control[0],
        .signal_fd = signal_fd,
        .proc_fd = st.proc_fd,
        .sentry = st.sentry,
        .gofer = st.gofer,
    };
    if (r < 0) {
        sandbox_error(err, "sandbox: %s", err_name(r));
        sandbox_end(ret);
    }
    return r;
}

int sandbox_start(const struct sandbox *s, bool foreground, sandbox_placed_fn placed, void *arg,
                  struct sandbox_running *ret, char *err)
{
    return start(s, foreground, placed, arg, ret, NULL, err);
}

int sandbox_join(const struct sandbox *s, bool foreground, sandbox_placed_fn placed, void *arg,
                 struct sandbox_running *ret, int *ret_link, char *err)
{
    return start(s, foreground, placed, arg, ret, ret_link, err);
}

void sandbox_end(struct sandbox_running *r)
{
    child_end(&r->sentry);
    child_end(&r->gofer);
    fd_close(&r->control);
    fd_close(&r->gofer_control);
    fd_close(&r->signal_fd);
    fd_close(&r->proc_fd);
}

static int wait_for(struct sandbox_running *r, bool until_ready, int *ret_status, char *err)
{
    struct sandbox_wait w = {
        .control = r->control,
        .gofer_control = r->gofer_control,
        .signal_fd = r->signal_fd,
        .sentry_pidfd = r->sentry.pidfd,
        .gofer_pidfd = r->gofer.pidfd,
        .sentry_pid = r->sentry.pid,
        .gofer_pid = r->gofer.pid,
        .until_ready = until_ready,
        .err = err,
    };
    int res = sandbox_wait(&w, ret_status);
    if (w.sentry_reaped)
        child_forget(&r->sentry);
    if (w.gofer_reaped)
        child_forget(&r->gofer);
    if (res < 0)
        sandbox_error(err, "sandbox: %s", err_name(res));
    if (res < 0 || !w.ready)
        sandbox_end(r);
    return res < 0 ? res : w.ready;
}

int sandbox_wait_ready(struct sandbox_running *r, char *err)
{
    int status;
    err[0] = 0;
    int res = wait_for(r, true, &status, err);
    if (res == 0)
        sandbox_error(err, "the sandbox ended before its start (status %d)", status);
    return res > 0 ? 0 : res < 0 ? res : -EIO;
}

int sandbox_wait_end(struct sandbox_running *r, int *ret_status, char *err)
{
    err[0] = 0;
    return wait_for(r, false, ret_status, err);
}

int sandbox_detach(struct sandbox_running *r)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    int res = r->s->joins ? 0
                          : host_msg_send(r->control, buf,
                                          control_build(buf, CONTROL_DETACH, 0, NULL), NULL, 0, 0);
    if (res < 0)
        return res;
    if (!r->s->joins)
        child_forget(&r->sentry);
    child_forget(&r->gofer);
    sandbox_end(r);
    return 0;
}

int sandbox_run(const struct sandbox *s, int *ret_status, char *err)
{
    struct sandbox_running r;
    int res = sandbox_start(s, true, NULL, NULL, &r, err);
    return res < 0 ? res : sandbox_wait_end(&r, ret_status, err);
}
