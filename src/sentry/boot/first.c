/* sentry/boot/first.c - mounts, standard descriptors and the program of a container's first process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/mount.h"
#include "abi/termios.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/boot/boot.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/control/user.h"
#include "sentry/fs/cgroup/cgroup.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/fs/host/host_file.h"
#include "sentry/fs/overlay/overlay.h"
#include "sentry/io/hostfile.h"
#include "sentry/loader/loader.h"
#include "sentry/ns/container.h"
#include "sentry/task/task_priv.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs.h"
#include "wire/gofer.h"

static uint32_t mount_flags(uint32_t boot_flags)
{
    static const struct {
        uint32_t from, to;
    } map[] = {
        {BOOT_MOUNT_RDONLY, LINUX_MS_RDONLY},
        {BOOT_MOUNT_NOSUID, LINUX_MS_NOSUID},
        {BOOT_MOUNT_NODEV, LINUX_MS_NODEV},
        {BOOT_MOUNT_NOEXEC, LINUX_MS_NOEXEC},
        {BOOT_MOUNT_NOATIME, LINUX_MS_NOATIME},
        {BOOT_MOUNT_NODIRATIME, LINUX_MS_NODIRATIME},
        {BOOT_MOUNT_RELATIME, LINUX_MS_RELATIME},
        {BOOT_MOUNT_STRICTATIME, LINUX_MS_STRICTATIME},
        {BOOT_MOUNT_NOSYMFOLLOW, LINUX_MS_NOSYMFOLLOW},
    };
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        flags |= boot_flags & map[i].from ? map[i].to : 0;
    return flags;
}

/* The tree of a gofer mount, under an upper layer if the configuration says so. */
static int tree_open(const struct boot_config *cfg, struct gofer_conn *c,
                     const struct boot_mount *m, struct super **ret)
{
    bool over = m->overlay == BOOT_OVERLAY_MEMORY;
    struct overlay_options o = {.size_bytes = m->overlay_size_bytes};
    struct super *lower;
    int err = gofer_mount_root(cfg, c, m, &lower);
    if (err || !over) {
        if (!err)
            *ret = lower;
        return err;
    }
    if (m->store >= 0) {
        o.store_file = gofer_store_file;
        o.store = gofer_store_number(c, (uint32_t)m->store);
    }
    err = overlay_over(lower, &o, ret);
    super_unref(lower);
    return err;
}

static int first_process(const struct boot_config *cfg, struct super *root, struct task **ret)
{
    const struct boot_mount *m = &cfg->mounts[0];
    int err = vfs_set_root(root, mount_flags(m->flags), m->source);
    return err ? err : task_new_init(cfg, ret);
}

/* The first process of a further container, in its namespaces. */
static int further_process(const struct boot_config *cfg, struct container_spaces *spaces,
                           struct super *root, struct nsset **ret_set, struct task **ret)
{
    const struct boot_mount *m = &cfg->mounts[0];
    struct nsset *set;
    spaces->root = root;
    spaces->root_flags = mount_flags(m->flags);
    spaces->source = m->source;
    int err = container_spaces_new(spaces, &set);
    if (err)
        return err;
    err = task_new_in(cfg, set, ret);
    if (err)
        nsset_unref(set);
    else
        *ret_set = set;
    return err;
}

/* A gofer directory, or file, somewhere below the root. */
static int mount_bind(const struct boot_config *cfg, struct gofer_conn *c, struct task *t,
                      const struct boot_mount *m)
{
    struct super *sb;
    int err = tree_open(cfg, c, m, &sb);
    if (err)
        return err;
    sb->outside = arena_strdup(m->source);
    sb->outside_file = m->is_file;
    err = !sb->outside ? -ENOMEM
          : m->is_file ? vfs_mount_name(t, m->destination, sb, GOFER_FILE_NAME,
                                        mount_flags(m->flags), m->source)
                       : vfs_mount_super(t, m->destination, sb, mount_flags(m->flags), m->source);
    super_unref(sb);
    return err;
}

static int mount_other(struct task *t, const struct boot_mount *m)
{
    if (str_eq(m->type, "cgroup"))
        return cgroup_mount_all(t, m->destination, mount_flags(m->flags));
    char data[1024];
    struct strbuf sb;
    strbuf_init(&sb, data, sizeof(data));
    for (uint32_t i = 0; i < m->options.count; i++)
        strbuf_printf(&sb, "%s%s", i ? "," : "", m->options.v[i]);
    if (!(m->flags & BOOT_MOUNT_POD))
        return vfs_mount_at(t, m->destination, m->type, m->source, mount_flags(m->flags), data);
    struct super *shared;
    int err = boot_pod_super(t, m->source, data, &shared);
    if (err)
        return err;
    err = vfs_mount_super(t, m->destination, shared, mount_flags(m->flags), "tmpfs");
    super_unref(shared);
    return err;
}

static int mounts_all(const struct boot_config *cfg, struct gofer_conn *c, struct task *t,
                      char *err_text, size_t err_cap)
{
    for (uint32_t i = 1; i < cfg->mount_count; i++) {
        const struct boot_mount *m = &cfg->mounts[i];
        int err = m->gofer_index >= 0 ? mount_bind(cfg, c, t, m) : mount_other(t, m);
        if (err == -ENODEV) {
            LOGW("boot: file system is not there, mount left out type=%s destination=%s", m->type,
                 m->destination);
            continue;
        }
        if (err) {
            (void)snprintf(err_text, err_cap, "mount of %s on %s failed: %s", m->type,
                           m->destination, err_name(err));
            return err;
        }
    }
    return 0;
}

static bool is_terminal(int fd)
{
    struct linux_termios tio;
    return host_ioctl(fd, LINUX_TCGETS, &tio) == 0;
}

/* fd becomes n inside. Takes fd. */
static int descriptor_give(struct task *t, int fd, int n, enum boot_terminal terminal)
{
    struct hostfile *hf;
    struct file *f;
    bool tty = is_terminal(fd);
    int err = hostfile_adopt(fd, &hf);
    if (err)
        return err;
    err = !tty ? host_file_new(t, hf, &f)
          : terminal == BOOT_TERMINAL_FIRST
              ? tty_host_new(hf, t, &f)
              : tty_host_new_own(hf, t, terminal == BOOT_TERMINAL_FURTHER, &f);
    hostfile_unref(hf);
    if (err)
        return err;
    err = fd_install_at(t, f, false, n);
    return err < 0 ? err : 0;
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return host_fstat(a, &x) == 0 && host_fstat(b, &y) == 0 && x.st_rdev == y.st_rdev &&
           x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* Several standard descriptors of one terminal are one open file, so that it is one terminal inside as well. */
static int stdio_give(const struct boot_config *cfg, struct task *t, int *fds, int n,
                      enum boot_terminal terminal)
{
    for (int i = 0; terminal != BOOT_TERMINAL_FIRST && i < n; i++)
        if (cfg->stdio_fd[i] >= 0 && fds[i] >= 0 && is_terminal(fds[n]) &&
            same_file(fds[i], fds[n])) {
            struct file *f = fd_get(t, i);
            int err = f ? fd_install_at(t, f, false, n) : -EBADF;
            return err < 0 ? err : 0;
        }
    /* The number is still needed for the comparison. */
    int fd = host_fcntl(fds[n], F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? fd : descriptor_give(t, fd, n, terminal);
}

int boot_descriptors_give(const struct boot_config *cfg, struct task *t, int *fds, const int *pass,
                          enum boot_terminal terminal, char *err_text, size_t err_cap)
{
    for (int i = 0; i < 3; i++) {
        int err = fds[i] >= 0 ? stdio_give(cfg, t, fds, i, terminal) : 0;
        if (err) {
            (void)snprintf(err_text, err_cap, "standard descriptor %d cannot be used: %s", i,
                           err_name(err));
            return err;
        }
    }
    for (uint32_t i = 0; i < cfg->pass_fd_count; i++) {
        int fd = host_fcntl(pass[i], F_DUPFD_CLOEXEC, 0);
        int err = fd < 0 ? fd
                  : cfg->pass_fds[i] > INT32_MAX
                      ? -EBADF
                      : descriptor_give(t, fd, (int)cfg->pass_fds[i], BOOT_TERMINAL_OTHER);
        if (err) {
            (void)snprintf(err_text, err_cap, "descriptor %u cannot be passed: %s",
                           cfg->pass_fds[i], err_name(err));
            return err;
        }
    }
    return 0;
}

/* A file of the host as the program. *ret: counted. */
static int exec_file_take(struct task *t, int fd, struct file **ret)
{
    struct hostfile *hf;
    fd = host_fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int err = fd < 0 ? fd : hostfile_adopt(fd, &hf);
    if (err)
        return err;
    err = host_file_new(t, hf, ret);
    hostfile_unref(hf);
    return err;
}

static int load_failed(const struct boot_config *cfg, int err, bool by_name, char *err_text,
                       size_t err_cap)
{
    bool searched = by_name && !strchr(cfg->argv.v[0], '/');
    (void)snprintf(err_text, err_cap, "failed to load %s: %s", cfg->argv.v[0],
                   err == -ENOENT && searched ? "executable file not found in $PATH"
                                              : err_message(err));
    return err;
}

int boot_first_probe(const struct boot_config *cfg, struct task *t, char *err_text, size_t err_cap)
{
    int err = cfg->exec_fd ? 0 : exec_probe(t, cfg->argv.v[0], &cfg->envp);
    return err ? load_failed(cfg, err, true, err_text, err_cap) : 0;
}

int boot_program_load(const struct boot_config *cfg, struct task *t, int exec_fd, char *err_text,
                      size_t err_cap)
{
    struct walk w;
    int err = walk_at(t, LINUX_AT_FDCWD, cfg->cwd, WALK_DIRECTORY, &w);
    if (err) {
        (void)snprintf(err_text, err_cap,
                       "working directory %s: %s; choose one that exists in the container",
                       cfg->cwd, err_message(err));
        return err;
    }
    path_unref(t->fs->cwd);
    *t->fs->cwd = w.path;
    if (exec_fd >= 0) {
        struct file *f;
        err = exec_file_take(t, exec_fd, &f);
        err = err ? err : exec_start_file(t, f, cfg->argv.v[0], &cfg->argv, &cfg->envp);
    } else {
        err = exec_start(t, cfg->argv.v[0], &cfg->argv, &cfg->envp);
    }
    return err ? load_failed(cfg, err, exec_fd < 0, err_text, err_cap) : 0;
}

int boot_container_make(const struct boot_config *cfg, struct gofer_conn *c,
                        struct container_spaces *spaces, struct nsset **ret_set, struct task **ret,
                        char *err_text, size_t err_cap)
{
    struct super *root;
    struct task *t = NULL;
    struct nsset *set = NULL;
    int err = tree_open(cfg, c, &cfg->mounts[0], &root);
    if (err) {
        (void)snprintf(err_text, err_cap, "the root file system cannot be mounted: %s",
                       err_name(err));
        return err;
    }
    err = spaces ? further_process(cfg, spaces, root, &set, &t) : first_process(cfg, root, &t);
    super_unref(root);
    if (err) {
        (void)snprintf(err_text, err_cap, "the first process cannot be made: %s", err_name(err));
        return err;
    }
    err = mounts_all(cfg, c, t, err_text, err_cap);
    err = err ? err : boot_container_apply(cfg, t, err_text, err_cap);
    if (err && spaces) {
        task_discard(t);
        nsset_unref(set);
        return err;
    }
    *ret = t;
    if (spaces)
        *ret_set = set;
    return err;
}

static int first_load(const struct boot_config *cfg, struct task *t, int *fds,
                      enum boot_terminal terminal, char *err_text, size_t err_cap)
{
    struct user_found u;
    int err = user_find(t, cfg, &u, err_text, err_cap);
    if (err)
        return err;
    err = boot_descriptors_give(cfg, t, fds, cfg->pass_fd, terminal, err_text, err_cap);
    if (!err && (err = boot_process_apply(cfg, cfg, t)) < 0)
        (void)snprintf(err_text, err_cap, "linux.seccomp cannot be applied: %s", err_name(err));
    if (!err)
        err = boot_program_load(&u.cfg, t, cfg->exec_fd ? cfg->pass_fd[cfg->pass_fd_count] : -1,
                                err_text, err_cap);
    user_done(&u);
    return err;
}

void boot_descriptors_close(const struct boot_config *cfg)
{
    for (uint32_t i = 0; i < cfg->pass_fd_count + cfg->exec_fd; i++)
        (void)!host_close(cfg->pass_fd[i]);
    for (int i = 0; i < 3; i++)
        if (cfg->stdio_fd[i] >= 0)
            (void)!host_close(cfg->stdio_fd[i]);
}

int boot_first_load(const struct boot_config *cfg, struct task *t, enum boot_terminal terminal,
                    char *err_text, size_t err_cap)
{
    int fds[3] = {cfg->stdio_fd[0], cfg->stdio_fd[1], cfg->stdio_fd[2]};
    int err = first_load(cfg, t, fds, terminal, err_text, err_cap);
    boot_descriptors_close(cfg);
    return err;
}
