/* sentry/boot/first.c - mounts, standard descriptors and the program of the first process. */
#include <errno.h>
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
#include "sentry/fs/gofer/gofer.h"
#include "sentry/fs/host/host_file.h"
#include "sentry/fs/overlay/overlay.h"
#include "sentry/io/hostfile.h"
#include "sentry/loader/loader.h"
#include "sentry/task/task.h"
#include "sentry/tty/tty.h"
#include "sentry/vfs/vfs.h"
#include "wire/gofer.h"

static uint32_t mount_flags(uint32_t boot_flags)
{
    static const struct {
        uint32_t from, to;
    } map[] = {
        {BOOT_MOUNT_RDONLY, LINUX_MS_RDONLY},     {BOOT_MOUNT_NOSUID, LINUX_MS_NOSUID},
        {BOOT_MOUNT_NODEV, LINUX_MS_NODEV},       {BOOT_MOUNT_NOEXEC, LINUX_MS_NOEXEC},
        {BOOT_MOUNT_NOATIME, LINUX_MS_NOATIME},   {BOOT_MOUNT_NODIRATIME, LINUX_MS_NODIRATIME},
        {BOOT_MOUNT_RELATIME, LINUX_MS_RELATIME},
    };
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        flags |= boot_flags & map[i].from ? map[i].to : 0;
    return flags;
}

/* The tree of a gofer mount, under an upper layer if the configuration says so. */
static int tree_open(const struct boot_config *cfg, const struct boot_mount *m, struct super **ret)
{
    bool over = m->overlay == BOOT_OVERLAY_MEMORY;
    struct overlay_options o = {.size_bytes = m->overlay_size_bytes};
    struct super *lower;
    int err = gofer_mount_root(cfg, m, &lower);
    if (err || !over) {
        if (!err)
            *ret = lower;
        return err;
    }
    if (m->store >= 0) {
        o.store_file = gofer_store_file;
        o.store = (uint32_t)m->store;
    }
    err = overlay_over(lower, &o, ret);
    super_unref(lower);
    return err;
}

static int mount_root(const struct boot_config *cfg)
{
    const struct boot_mount *m = &cfg->mounts[0];
    struct super *sb;
    int err = tree_open(cfg, m, &sb);
    if (err)
        return err;
    err = vfs_set_root(sb, mount_flags(m->flags), m->source);
    super_unref(sb);
    return err;
}

/* A gofer directory, or file, somewhere below the root. */
static int mount_bind(const struct boot_config *cfg, struct task *t, const struct boot_mount *m)
{
    struct super *sb;
    int err = tree_open(cfg, m, &sb);
    if (err)
        return err;
    err = m->is_file ? vfs_mount_name(t, m->destination, sb, GOFER_FILE_NAME, mount_flags(m->flags),
                                      m->source)
                     : vfs_mount_super(t, m->destination, sb, mount_flags(m->flags), m->source);
    super_unref(sb);
    return err;
}

static int mount_other(struct task *t, const struct boot_mount *m)
{
    char data[1024];
    struct strbuf sb;
    strbuf_init(&sb, data, sizeof(data));
    for (uint32_t i = 0; i < m->options.count; i++)
        strbuf_printf(&sb, "%s%s", i ? "," : "", m->options.v[i]);
    return vfs_mount_at(t, m->destination, m->type, m->source, mount_flags(m->flags), data);
}

static void mounts_all(const struct boot_config *cfg, struct task *t)
{
    for (uint32_t i = 1; i < cfg->mount_count; i++) {
        const struct boot_mount *m = &cfg->mounts[i];
        int err = m->gofer_index >= 0 ? mount_bind(cfg, t, m) : mount_other(t, m);
        if (err == -ENODEV) {
            LOGW("boot: file system is not there, mount left out type=%s destination=%s", m->type,
                 m->destination);
            continue;
        }
        if (err)
            boot_fail(cfg, "mount of %s on %s failed: %s", m->type, m->destination, err_name(err));
    }
}

static bool is_terminal(int fd)
{
    struct linux_termios tio;
    return host_ioctl(fd, LINUX_TCGETS, &tio) == 0;
}

static int stdio_one(const struct boot_config *cfg, struct task *t, int n)
{
    struct hostfile *hf;
    struct file *f;
    bool tty = is_terminal(cfg->stdio_fd[n]);
    int err = hostfile_adopt(cfg->stdio_fd[n], &hf);
    if (err)
        return err;
    err = tty ? tty_host_new(hf, t, &f) : host_file_new(t, hf, &f);
    hostfile_unref(hf);
    if (err)
        return err;
    err = fd_install_at(t, f, false, n);
    return err < 0 ? err : 0;
}

void boot_first_process(const struct boot_config *cfg)
{
    struct task *t;
    int err = mount_root(cfg);
    if (err)
        boot_fail(cfg, "the root file system cannot be mounted: %s", err_name(err));
    err = task_new_init(cfg, &t);
    if (err)
        boot_fail(cfg, "the first process cannot be made: %s", err_name(err));
    mounts_all(cfg, t);
    for (int i = 0; i < 3; i++) {
        err = cfg->stdio_fd[i] >= 0 ? stdio_one(cfg, t, i) : 0;
        if (err)
            boot_fail(cfg, "standard descriptor %d cannot be used: %s", i, err_name(err));
    }
    struct walk w;
    err = walk_at(t, LINUX_AT_FDCWD, cfg->cwd, WALK_DIRECTORY, &w);
    if (err)
        boot_fail(cfg, "working directory %s: %s; choose one that exists in the container",
                  cfg->cwd, err_message(err));
    path_unref(t->fs->cwd);
    *t->fs->cwd = w.path;
    err = exec_start(t, cfg->argv.v[0], &cfg->argv, &cfg->envp);
    if (err)
        boot_fail(cfg, "failed to load %s: %s", cfg->argv.v[0], err_message(err));
}
