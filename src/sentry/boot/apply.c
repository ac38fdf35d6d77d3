/* sentry/boot/apply.c - what a configuration asks for besides mounts: device nodes, paths that are hidden or read-only, the
 * first process's scheduling and filter. Paths are walked inside, so that links of an image lead nowhere else. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "abi/fcntl.h"
#include "abi/mount.h"
#include "abi/sched.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/fs/proc/sysctl.h"
#include "sentry/platform/platform.h"
#include "sentry/seccomp/seccomp.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/task/task.h"
#include "sentry/vfs/propagate.h"
#include "sentry/vfs/vfs_priv.h"

#define NULL_DEVICE "/dev/null"
#define SAFE        (LINUX_MS_NOSUID | LINUX_MS_NODEV | LINUX_MS_NOEXEC)

/* A bind mount of from at at, with these flags more. at is moved to the new mount's root. */
static int bind_over(struct path *at, const struct path *from, uint32_t flags)
{
    int err = vfs_bind(from, at, true);
    if (err)
        return err;
    struct mount *m = mount_on(at->mnt, at->dentry);
    if (!m)
        return -EINVAL;
    struct path top = {.mnt = m, .dentry = m->root};
    return vfs_remount(&top, (from->mnt->flags & ~LINUX_MS_RDONLY) | flags);
}

/* Nothing of a directory is seen any more, and a file reads as empty. What is not there needs no mask. */
static int mask_path(struct task *t, const char *path)
{
    AUTO(walk) struct walk w = {0};
    int err = walk_at(t, LINUX_AT_FDCWD, path, 0, &w);
    if (err)
        return err == -ENOENT || err == -ENOTDIR ? 0 : err;
    if (LINUX_S_ISDIR(w.path.dentry->inode->mode)) {
        const struct fs_type *type = fs_type_find("tmpfs");
        struct super *sb;
        err = type ? type->mount(t, "tmpfs", 0, "size=0k,mode=555", &sb) : -ENODEV;
        if (err)
            return err;
        err = vfs_mount_new(sb, &w.path, LINUX_MS_RDONLY | LINUX_MS_RELATIME | SAFE, "tmpfs");
        super_unref(sb);
        return err;
    }
    AUTO(walk) struct walk null = {0};
    err = walk_at(t, LINUX_AT_FDCWD, NULL_DEVICE, 0, &null);
    return err ? err : bind_over(&w.path, &null.path, LINUX_MS_NOEXEC | LINUX_MS_NOSUID);
}

static int readonly_path(struct task *t, const char *path)
{
    AUTO(walk) struct walk w = {0};
    int err = walk_at(t, LINUX_AT_FDCWD, path, 0, &w);
    if (err)
        return err == -ENOENT || err == -ENOTDIR ? 0 : err;
    struct path self = w.path;
    return bind_over(&w.path, &self, LINUX_MS_RDONLY);
}

/* Directories above that are not there are made. */
static int parents_make(struct task *t, const char *path)
{
    char part[BOOT_PATH_MAX];
    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        AUTO(walk) struct walk w = {0};
        AUTO(dentry) struct dentry *d = NULL;
        (void)snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
        int err = walk_at(t, LINUX_AT_FDCWD, part, WALK_PARENT, &w);
        err = err ? err : w.last_dot ? -EEXIST : walk_last(&w, &d);
        if (err == -EEXIST || (!err && d->inode))
            continue;
        struct inode *dir = err ? NULL : w.path.dentry->inode;
        if (!err)
            err = dir->ops->mkdir ? dir->ops->mkdir(dir, d, 0755, t->cred) : -EPERM;
        if (err)
            return err;
    }
    return 0;
}

/* A node that is there already, with these numbers, is as good. What it stands for is the kernel's own: the host's devices are
 * not reached (device policy emulated-only). */
static int device_make(struct task *t, const struct boot_device *dev)
{
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int err = parents_make(t, dev->path);
    err = err ? err : walk_at(t, LINUX_AT_FDCWD, dev->path, WALK_PARENT, &w);
    err = err ? err : w.last_dot ? -EEXIST : walk_last(&w, &d);
    if (err)
        return err;
    struct inode *dir = w.path.dentry->inode;
    if (!d->inode) {
        uint64_t rdev = linux_makedev(dev->major, dev->minor);
        err = dir->ops->mknod ? dir->ops->mknod(dir, d, dev->mode, rdev, t->cred) : -EPERM;
        if (err)
            return err;
    }
    struct inode *i = d->inode;
    const struct iattr a = {.valid = ATTR_MODE | ATTR_UID | ATTR_GID,
                            .mode = dev->mode & LINUX_S_IALLUGO,
                            .uid = dev->uid,
                            .gid = dev->gid};
    return i && i->ops->setattr ? i->ops->setattr(i, &a) : 0;
}

static int propagation_set(struct task *t, const struct boot_mount *m)
{
    static const struct {
        uint32_t from, to;
    } types[] = {
        {BOOT_MOUNT_PRIVATE, LINUX_MS_PRIVATE},
        {BOOT_MOUNT_SLAVE, LINUX_MS_SLAVE},
        {BOOT_MOUNT_SHARED, LINUX_MS_SHARED},
        {BOOT_MOUNT_UNBINDABLE, LINUX_MS_UNBINDABLE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        AUTO(walk) struct walk w = {0};
        if (!(m->flags & types[i].from))
            continue;
        int err = walk_at(t, LINUX_AT_FDCWD, m->destination, 0, &w);
        if (err) /* a mount that was left out */
            return err == -ENOENT ? 0 : err;
        propagate_set(w.path.mnt, types[i].to, (m->flags & BOOT_MOUNT_TREE) != 0);
    }
    return 0;
}

/* What went wrong, and why. Returns err. */
PRINTF(4, 5)
static int failed(int err, char *text, size_t cap, const char *fmt, ...)
{
    struct strbuf sb;
    char what[BOOT_PATH_MAX + 64];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    strbuf_init(&sb, text, cap);
    strbuf_printf(&sb, "%s: %s", what, err_message(err));
    return err;
}

static int apply_mounts(const struct boot_config *cfg, struct task *t, char *text, size_t cap)
{
    for (uint32_t i = 0; i < cfg->mount_count; i++) {
        const struct boot_mount *m = &cfg->mounts[i];
        int err = m->flags & BOOT_MOUNT_COPY_UP ? boot_copy_up(t, m->destination) : 0;
        if (err)
            return failed(err, text, cap, "mounts: tmpcopyup of %s", m->destination);
        err = propagation_set(t, m);
        if (err)
            return failed(err, text, cap, "propagation of the mount on %s", m->destination);
    }
    return 0;
}

static int apply_paths(const struct boot_config *cfg, struct task *t, char *text, size_t cap)
{
    for (uint32_t i = 0; i < cfg->device_count; i++) {
        int err = device_make(t, &cfg->devices[i]);
        if (err)
            return failed(err, text, cap, "linux.devices: %s cannot be made", cfg->devices[i].path);
    }
    for (uint32_t i = 0; i < cfg->readonly_paths.count; i++) {
        int err = readonly_path(t, cfg->readonly_paths.v[i]);
        if (err)
            return failed(err, text, cap, "linux.readonlyPaths: %s", cfg->readonly_paths.v[i]);
    }
    for (uint32_t i = 0; i < cfg->masked_paths.count; i++) {
        int err = mask_path(t, cfg->masked_paths.v[i]);
        if (err)
            return failed(err, text, cap, "linux.maskedPaths: %s", cfg->masked_paths.v[i]);
    }
    return 0;
}

static int apply(const struct boot_config *cfg, struct task *t, char *text, size_t cap)
{
    int r = apply_mounts(cfg, t, text, cap);
    for (uint32_t i = 0; r == 0 && i < cfg->sysctl_count; i++) {
        int err = sysctl_set(t, cfg->sysctls[i].key, cfg->sysctls[i].value);
        if (err == -ENOENT)
            LOGW("boot: sysctl is not there, left out key=%s", cfg->sysctls[i].key);
        else if (err)
            return failed(err, text, cap, "linux.sysctl: %s", cfg->sysctls[i].key);
    }
    return r ? r : apply_paths(cfg, t, text, cap);
}

/* The first process may be nobody special: what is done here is the runtime's. */
int boot_container_apply(const struct boot_config *cfg, struct task *t, char *err_text,
                         size_t err_cap)
{
    struct cred *own = t->cred;
    struct cred *all = cred_dup(own);
    if (!all)
        return failed(-ENOMEM, err_text, err_cap, "the first process");
    all->uid = all->euid = all->fsuid = all->gid = all->egid = all->fsgid = 0;
    all->cap_eff = all->cap_perm = UINT64_MAX;
    t->cred = all;
    int r = apply(cfg, t, err_text, err_cap);
    t->cred = own;
    cred_unref(all);
    return r;
}

/* Those that are there; -EINVAL: none is. */
static int affinity_apply(const uint64_t want[BOOT_CPUS_MAX / 64], struct task *t)
{
    static_assert(BOOT_CPUS_MAX == PLATFORM_CPUS_MAX, "one set");
    uint64_t cpus[BOOT_CPUS_MAX / 64], given = 0, any = 0;
    for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
        given |= want[i];
        any |= cpus[i] = want[i] & task_cpus()[i];
    }
    return !given ? 0 : any ? task_set_affinity(t, cpus) : -EINVAL;
}

int boot_process_apply(const struct boot_config *cfg, const struct boot_config *container,
                       struct task *t)
{
    int err = affinity_apply(cfg->sched.cpus, t);
    if (err)
        return err;
    t->sched_policy = (uint8_t)cfg->sched.policy;
    t->sched_priority = (uint8_t)cfg->sched.priority;
    t->nice = (int8_t)cfg->sched.nice;
    t->sched_reset_on_fork = cfg->sched.reset_on_fork;
    t->ioprio = (uint16_t)cfg->sched.ioprio;
    t->personality = cfg->sched.personality;
    return seccomp_from_config(t, container);
}
