/* inotify_init1, inotify_add_watch, inotify_rm_watch. */
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/inotify.h"

#define WATCH_FLAGS                                                                                \
    (LINUX_IN_ALL_EVENTS | LINUX_IN_UNMOUNT | LINUX_IN_Q_OVERFLOW | LINUX_IN_IGNORED |             \
     LINUX_IN_ONLYDIR | LINUX_IN_DONT_FOLLOW | LINUX_IN_EXCL_UNLINK | LINUX_IN_MASK_CREATE |       \
     LINUX_IN_MASK_ADD | LINUX_IN_ISDIR | LINUX_IN_ONESHOT)

static int64_t do_init(struct task *t, uint32_t flags)
{
    if (flags & ~(LINUX_IN_CLOEXEC | LINUX_IN_NONBLOCK))
        return -EINVAL;
    struct file *f;
    int r = inotify_open(t, flags & LINUX_IN_NONBLOCK ? LINUX_O_NONBLOCK : 0, &f);
    return r < 0 ? r : fd_install(t, f, flags & LINUX_IN_CLOEXEC);
}

int64_t sys_inotify_init(struct task *t, const struct sys_args *a) { return do_init(t, 0); }
int64_t sys_inotify_init1(struct task *t, const struct sys_args *a)
{
    return do_init(t, arg_uint(a, 0));
}

int64_t sys_inotify_add_watch(struct task *t, const struct sys_args *a)
{
    uint32_t mask = arg_uint(a, 2);
    if (!(mask & WATCH_FLAGS))
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if ((mask & LINUX_IN_MASK_ADD) && (mask & LINUX_IN_MASK_CREATE))
        return -EINVAL;
    struct inotify *in = file_inotify(f);
    if (!in)
        return -EINVAL;
    AUTO(walk) struct walk w = {0};
    uint32_t walk = (mask & LINUX_IN_DONT_FOLLOW ? (uint32_t)WALK_NOFOLLOW : 0u) |
                    (mask & LINUX_IN_ONLYDIR ? (uint32_t)WALK_DIRECTORY : 0u);
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 1), walk, &w);
    if (r == 0)
        r = inode_permission(w.path.dentry->inode, MAY_READ, t->cred);
    return r < 0 ? r : inotify_add(in, w.path.dentry, mask);
}

int64_t sys_inotify_rm_watch(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    struct inotify *in = file_inotify(f);
    return in ? inotify_remove(in, arg_int(a, 1)) : -EINVAL;
}
