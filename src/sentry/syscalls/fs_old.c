/* Calls that few use: ustat, sysfs, and file handles, which no file system here gives. */
#include "abi/capability.h"
#include "sentry/syscalls/fs_priv.h"

#include <string.h>

int64_t sys_ustat(struct task *t, const struct sys_args *a)
{
    /* The device's number has 16 or 32 bits, as in struct stat's makedev of old. */
    uint32_t dev = arg_uint(a, 0);
    struct mount *m;
    LIST_FOREACH (m, &vfs()->mounts, node) {
        if ((uint32_t)m->sb->dev != dev)
            continue;
        struct linux_statfs st = {0};
        if (m->sb->ops && m->sb->ops->statfs) {
            int r = m->sb->ops->statfs(m->sb, m->root->inode, &st);
            if (r < 0)
                return r;
        }
        struct linux_ustat u = {.f_tfree = (int32_t)st.f_bfree, .f_tinode = st.f_ffree};
        return copy_out(t, arg_uaddr(a, 1), &u, sizeof(u));
    }
    return -EINVAL;
}

/* Numbers of file system types: their places in /proc/filesystems. */
int64_t sys_sysfs(struct task *t, const struct sys_args *a)
{
    char name[64];
    unsigned pos = 0;
    const struct fs_type *type;
    int64_t n = 0;
    switch (arg_uint(a, 0)) {
    case 1: {
        ssize_t len = copy_in_string(t, name, arg_uaddr(a, 1), sizeof(name));
        if (len < 0)
            return len == -ENAMETOOLONG ? -EINVAL : len;
        for (; (type = fs_type_next(&pos)); n++)
            if (str_eq(type->name, name))
                return n;
        return -EINVAL;
    }
    case 2:
        for (; (type = fs_type_next(&pos)); n++)
            if ((uint64_t)n == a->arg[1])
                return copy_out(t, arg_uaddr(a, 2), type->name, strlen(type->name) + 1);
        return -EINVAL;
    case 3:
        while (fs_type_next(&pos))
            n++;
        return n;
    default: return -EINVAL;
    }
}

int64_t sys_name_to_handle_at(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 4);
    if (flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH | LINUX_AT_HANDLE_FID))
        return -EINVAL;
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, arg_int(a, 0), arg_uaddr(a, 1),
                         (flags & LINUX_AT_SYMLINK_FOLLOW ? 0u : (uint32_t)WALK_NOFOLLOW) |
                             (flags & LINUX_AT_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u),
                         &w);
    return r < 0 ? r : -EOPNOTSUPP;
}

int64_t sys_open_by_handle_at(struct task *t, const struct sys_args *a)
{
    uint32_t head[2]; /* bytes, type */
    if (!task_capable(t, LINUX_CAP_DAC_READ_SEARCH))
        return -EPERM;
    if (arg_int(a, 0) != LINUX_AT_FDCWD) {
        AUTO(file) struct file *f = fd_get(t, arg_int(a, 0));
        if (!f)
            return -EBADF;
    }
    if (copy_in(t, head, arg_uaddr(a, 1), sizeof(head)) < 0)
        return -EFAULT;
    return head[0] == 0 || head[0] > LINUX_MAX_HANDLE_SZ ? -EINVAL : -ESTALE;
}
