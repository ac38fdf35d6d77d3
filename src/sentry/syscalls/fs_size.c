/* truncate, fallocate, and what brings data to disk or asks for it early. */
#include "abi/resource.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/lease.h"

#define FALLOC_KNOWN                                                                               \
    (LINUX_FALLOC_FL_KEEP_SIZE | LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_COLLAPSE_RANGE |     \
     LINUX_FALLOC_FL_ZERO_RANGE | LINUX_FALLOC_FL_INSERT_RANGE | LINUX_FALLOC_FL_UNSHARE_RANGE)

/* RLIMIT_FSIZE for a file that shall have this size. */
static int size_allowed(struct task *t, struct inode *i, uint64_t size)
{
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_FSIZE);
    struct kstat st;
    if (size <= limit || inode_getattr(i, &st) < 0 || size <= st.size)
        return 0;
    file_size_signal(t);
    return -EFBIG;
}

static int set_size(struct task *t, struct inode *i, uint64_t size)
{
    if (i->deny_write)
        return -ETXTBSY;
    int r = size_allowed(t, i, size);
    if (r < 0)
        return r;
    struct iattr a = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size};
    a.mtime_ns = a.ctime_ns = clock_realtime_ns();
    return inode_setattr(i, &a, t->cred, false);
}

int64_t sys_truncate(struct task *t, const struct sys_args *a)
{
    int64_t size = (int64_t)a->arg[1];
    if (size < 0)
        return -EINVAL;
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), 0, &w);
    if (r < 0)
        return r;
    struct inode *i = w.path.dentry->inode;
    if (LINUX_S_ISDIR(i->mode))
        return -EISDIR;
    if (!LINUX_S_ISREG(i->mode))
        return -EINVAL;
    if (mount_readonly(w.path.mnt))
        return -EROFS;
    r = inode_permission(i, MAY_WRITE, t->cred);
    if (r == 0)
        r = lease_break(t, i, /* write= */ true, /* nonblock= */ false);
    if (r == 0)
        r = set_size(t, i, (uint64_t)size);
    if (r == 0)
        notify_dentry(w.path.dentry, LINUX_IN_MODIFY);
    return r;
}

int64_t sys_ftruncate(struct task *t, const struct sys_args *a)
{
    int64_t size = (int64_t)a->arg[1];
    if (size < 0)
        return -EINVAL;
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (!LINUX_S_ISREG(f->inode->mode) || !f->can_write)
        return -EINVAL;
    int r = set_size(t, f->inode, (uint64_t)size);
    if (r == 0)
        notify_dentry(f->path.dentry, LINUX_IN_MODIFY);
    return r;
}

static int falloc_check(const struct file *f, uint32_t mode, int64_t off, int64_t len)
{
    if (off < 0 || len <= 0)
        return -EINVAL;
    if (mode & ~FALLOC_KNOWN)
        return -EOPNOTSUPP;
    uint32_t what = mode & ~(uint32_t)LINUX_FALLOC_FL_KEEP_SIZE;
    bool keep = mode & LINUX_FALLOC_FL_KEEP_SIZE;
    if (what && !IS_POW2(what))
        return -EOPNOTSUPP;
    if (what == LINUX_FALLOC_FL_PUNCH_HOLE && !keep)
        return -EOPNOTSUPP;
    if ((what & (LINUX_FALLOC_FL_COLLAPSE_RANGE | LINUX_FALLOC_FL_INSERT_RANGE)) && keep)
        return -EOPNOTSUPP;
    if (!f->can_write)
        return -EBADF;
    if (LINUX_S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    if (LINUX_S_ISDIR(f->inode->mode))
        return -EISDIR;
    if (!LINUX_S_ISREG(f->inode->mode))
        return -ENODEV;
    int64_t end;
    return __builtin_add_overflow(off, len, &end) ? -EFBIG : 0;
}

int64_t sys_fallocate(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    uint32_t mode = arg_uint(a, 1);
    int64_t off = (int64_t)a->arg[2], len = (int64_t)a->arg[3];
    if (!f)
        return -EBADF;
    int r = falloc_check(f, mode, off, len);
    if (r == 0 && !f->ops->fallocate)
        r = -EOPNOTSUPP;
    if (r == 0 && !(mode & LINUX_FALLOC_FL_KEEP_SIZE))
        r = size_allowed(t, f->inode, (uint64_t)off + (uint64_t)len);
    if (r == 0)
        r = f->ops->fallocate(f, mode, off, len);
    if (r == 0)
        file_kill_suid(f, t->cred);
    if (r == 0)
        notify_file(f, LINUX_IN_MODIFY);
    return r;
}

static int64_t do_fsync(struct task *t, int fd, bool data_only)
{
    AUTO(file) struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    return f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
}

int64_t sys_fsync(struct task *t, const struct sys_args *a)
{
    return do_fsync(t, arg_int(a, 0), false);
}
int64_t sys_fdatasync(struct task *t, const struct sys_args *a)
{
    return do_fsync(t, arg_int(a, 0), true);
}

static int super_sync(struct super *sb) { return sb->ops && sb->ops->sync ? sb->ops->sync(sb) : 0; }

int64_t sys_sync(struct task *t, const struct sys_args *a)
{
    /* A sync may drop the kernel lock; mounts are found again by their id, which only grows. */
    int32_t after = 0;
    bool found = true;
    while (found) {
        struct mount *m;
        struct super *sb = NULL;
        found = false;
        LIST_FOREACH (m, &vfs()->mounts, node)
            if (!found && m->id > after) {
                after = m->id;
                sb = super_ref(m->sb);
                found = true;
            }
        if (sb)
            (void)super_sync(sb); /* sync(2) reports no errors */
        super_unref(sb);
    }
    return 0;
}

int64_t sys_syncfs(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    return f ? super_sync(f->inode->sb) : -EBADF;
}

int64_t sys_sync_file_range(struct task *t, const struct sys_args *a)
{
    int64_t off = (int64_t)a->arg[1], len = (int64_t)a->arg[2], end;
    uint32_t flags = arg_uint(a, 3);
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (flags & ~(LINUX_SYNC_FILE_RANGE_WAIT_BEFORE | LINUX_SYNC_FILE_RANGE_WRITE |
                  LINUX_SYNC_FILE_RANGE_WAIT_AFTER))
        return -EINVAL;
    if (off < 0 || len < 0 || __builtin_add_overflow(off, len, &end))
        return -EINVAL;
    if (!LINUX_S_ISREG(f->inode->mode) && !LINUX_S_ISBLK(f->inode->mode) &&
        !LINUX_S_ISDIR(f->inode->mode) && !LINUX_S_ISLNK(f->inode->mode))
        return -ESPIPE;
    return flags && f->ops->fsync ? f->ops->fsync(f, true) : 0;
}

int64_t sys_fadvise64(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f)
        return -EBADF;
    if (LINUX_S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    if ((int64_t)a->arg[2] < 0 || arg_uint(a, 3) > LINUX_POSIX_FADV_NOREUSE)
        return -EINVAL;
    if (f->ops->advise)
        f->ops->advise(f, (int64_t)a->arg[1], (int64_t)a->arg[2], arg_int(a, 3));
    return 0;
}

int64_t sys_readahead(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    if (!f || !f->can_read)
        return -EBADF;
    if (!LINUX_S_ISREG(f->inode->mode) && !LINUX_S_ISBLK(f->inode->mode))
        return -EINVAL;
    if (f->ops->advise)
        f->ops->advise(f, (int64_t)a->arg[1], (int64_t)MIN(a->arg[2], (uint64_t)INT64_MAX),
                       LINUX_POSIX_FADV_WILLNEED);
    return 0;
}
