/* utimensat and its older forms. */
#include "base/checked.h"
#include "sentry/syscalls/fs_priv.h"

static bool nsec_valid(int64_t nsec)
{
    return nsec == LINUX_UTIME_NOW || nsec == LINUX_UTIME_OMIT ||
           (nsec >= 0 && nsec < NSEC_PER_SEC);
}

/* ts NULL: both now. */
static int path_utime(struct task *t, const struct path *p, const struct linux_timespec ts[2])
{
    struct inode *i = p->dentry->inode;
    bool now = !ts || (ts[0].tv_nsec == LINUX_UTIME_NOW && ts[1].tv_nsec == LINUX_UTIME_NOW);
    struct iattr a = {.valid = ATTR_ATIME | ATTR_MTIME};
    a.atime_ns = a.mtime_ns = clock_realtime_ns();
    if (ts && (!nsec_valid(ts[0].tv_nsec) || !nsec_valid(ts[1].tv_nsec)))
        return -EINVAL;
    if (mount_readonly(p->mnt))
        return -EROFS;
    if (!now) {
        if (ts[0].tv_nsec == LINUX_UTIME_OMIT)
            a.valid &= ~(uint32_t)ATTR_ATIME;
        else if (ts[0].tv_nsec != LINUX_UTIME_NOW)
            a.atime_ns = saturating_ns(ts[0].tv_sec, ts[0].tv_nsec);
        if (ts[1].tv_nsec == LINUX_UTIME_OMIT)
            a.valid &= ~(uint32_t)ATTR_MTIME;
        else if (ts[1].tv_nsec != LINUX_UTIME_NOW)
            a.mtime_ns = saturating_ns(ts[1].tv_sec, ts[1].tv_nsec);
    } else if (!inode_owner_or_capable(i, t->cred)) {
        int r = inode_permission(i, MAY_WRITE, t->cred);
        if (r < 0)
            return r;
    }
    int r = inode_setattr(i, &a, t->cred, /* times_set= */ !now);
    if (r == 0)
        notify_change(p->dentry, a.valid);
    return r;
}

static int64_t do_utime(struct task *t, int dirfd, struct uaddr name,
                        const struct linux_timespec *ts, uint32_t flags)
{
    uint32_t walk;
    if (uaddr_is_null(name) && dirfd != LINUX_AT_FDCWD) { /* futimens */
        if (flags & ~LINUX_AT_EMPTY_PATH)
            return -EINVAL;
        AUTO(file) struct file *f = fd_get_io(t, dirfd);
        return f ? path_utime(t, &f->path, ts) : -EBADF;
    }
    AUTO(walk) struct walk w = {0};
    int r = fs_at_flags(flags, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH, &walk);
    if (r == 0)
        r = fs_walk_user(t, dirfd, name, walk, &w);
    return r < 0 ? r : path_utime(t, &w.path, ts);
}

int64_t sys_utimensat(struct task *t, const struct sys_args *a)
{
    struct linux_timespec ts[2];
    bool has = a->arg[2] != 0;
    if (has) {
        if (copy_in(t, ts, arg_uaddr(a, 2), sizeof(ts)) < 0)
            return -EFAULT;
        if (ts[0].tv_nsec == LINUX_UTIME_OMIT && ts[1].tv_nsec == LINUX_UTIME_OMIT)
            return 0; /* the path is not even looked at */
    }
    return do_utime(t, arg_int(a, 0), arg_uaddr(a, 1), has ? ts : NULL, arg_uint(a, 3));
}

static int64_t do_utimes(struct task *t, int dirfd, struct uaddr name, struct uaddr times)
{
    struct linux_timeval tv[2];
    struct linux_timespec ts[2];
    if (uaddr_is_null(times))
        return do_utime(t, dirfd, name, NULL, 0);
    if (copy_in(t, tv, times, sizeof(tv)) < 0)
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (tv[i].tv_usec < 0 || tv[i].tv_usec >= USEC_PER_SEC)
            return -EINVAL;
        ts[i] = (struct linux_timespec){tv[i].tv_sec, tv[i].tv_usec * NSEC_PER_USEC};
    }
    return do_utime(t, dirfd, name, ts, 0);
}

int64_t sys_utimes(struct task *t, const struct sys_args *a)
{
    return do_utimes(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uaddr(a, 1));
}

int64_t sys_futimesat(struct task *t, const struct sys_args *a)
{
    return do_utimes(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uaddr(a, 2));
}

int64_t sys_utime(struct task *t, const struct sys_args *a)
{
    struct linux_utimbuf tb;
    if (a->arg[1] == 0)
        return do_utime(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), NULL, 0);
    if (copy_in(t, &tb, arg_uaddr(a, 1), sizeof(tb)) < 0)
        return -EFAULT;
    struct linux_timespec ts[2] = {{tb.actime, 0}, {tb.modtime, 0}};
    return do_utime(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), ts, 0);
}
