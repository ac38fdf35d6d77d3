/* What a user namespace may mount: of proc and sysfs only what it sees uncovered already (user_namespaces(7), "Interaction of user
 * namespaces and other types of namespaces"; behaviour of Linux 6.12). */
#include "abi/capability.h"
#include "abi/mount.h"
#include "base/str.h"
#include "sentry/ns/mount_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/syscalls/fs_priv.h"

#define TIMES (LINUX_MS_NOATIME | LINUX_MS_NODIRATIME | LINUX_MS_RELATIME)

bool fs_type_allowed(const struct task *t, const struct fs_type *type)
{
    /* The namespace that such a file system shows: its owner's capabilities count. */
    static const struct {
        const char *name;
        enum ns_kind kind;
    } shown[] = {{"proc", NS_PID},
                 {"sysfs", NS_NET},
                 {"mqueue", NS_IPC},
                 {"cgroup", NS_CGROUP},
                 {"cgroup2", NS_CGROUP}};
    static const char *const own[] = {"tmpfs", "devpts", "ramfs", "overlay"};
    for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
        if (str_eq(type->name, shown[i].name))
            return task_ns_capable(t, task_ns(t, shown[i].kind), LINUX_CAP_SYS_ADMIN);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        if (str_eq(type->name, own[i]))
            return task_own_capable(t, LINUX_CAP_SYS_ADMIN);
    return task_capable(t, LINUX_CAP_SYS_ADMIN);
}

/* Directories that are there to be mounted on, and empty for ever. */
static bool is_mount_place(const struct dentry *d)
{
    const char *name = dentry_name(d);
    return LINUX_S_ISDIR(d->inode->mode) && str_eq(dentry_name(d->parent), "fs") &&
           (str_eq(name, "cgroup") || str_eq(name, "binfmt_misc"));
}

/* Nothing in m is covered that its namespace may not uncover. */
static bool is_uncovered(const struct mount *m)
{
    const struct mount *c;
    LIST_FOREACH (c, &vfs()->mounts, node)
        if (c->parent == m && c->locked && !is_mount_place(c->mountpoint))
            return false;
    return true;
}

int fs_mount_reveals(const struct task *t, const struct fs_type *type, uint32_t flags,
                     bool *ret_keep)
{
    const struct mount_ns *mn = task_mount_ns(t);
    const struct mount *m;
    *ret_keep = false;
    if (mn->ns.owner == mount_ns_initial()->ns.owner ||
        (!str_eq(type->name, "proc") && !str_eq(type->name, "sysfs")))
        return 0;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        bool read_only =
            ((m->flags & LINUX_MS_RDONLY) && m->flags_locked) || (m->sb->flags & LINUX_MS_RDONLY);
        bool timed = m->flags_locked && ((m->flags ^ flags) & TIMES);
        if (m->ns != mn || m->sb->type != type || m->root != m->sb->root || timed ||
            (read_only && !(flags & LINUX_MS_RDONLY)) || !is_uncovered(m))
            continue;
        *ret_keep = read_only || m->flags_locked;
        return 0;
    }
    return -EPERM;
}
