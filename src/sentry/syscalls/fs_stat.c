/* stat, statx, statfs. */
#include "sentry/ns/user_ns.h"
#include "sentry/syscalls/fs_priv.h"

#include <string.h>

int fs_walk_user(struct task *t, int dirfd, struct uaddr name, uint32_t walk, struct walk *ret)
{
    AUTO(pathbuf) char *path = NULL;
    int r = path_copy_in(t, name, walk & WALK_EMPTY, &path);
    return r < 0 ? r : walk_at(t, dirfd, path, walk, ret);
}

static void split_ns(int64_t ns, int64_t *ret_sec, int64_t *ret_nsec)
{
    *ret_sec = ns / NSEC_PER_SEC;
    *ret_nsec = ns % NSEC_PER_SEC;
    if (*ret_nsec < 0) {
        *ret_nsec += NSEC_PER_SEC;
        (*ret_sec)--;
    }
}

static int path_getattr(const struct path *p, struct kstat *ret)
{
    int r = inode_getattr(p->dentry->inode, ret);
    if (r == 0) {
        ret->mnt_id = (uint64_t)p->mnt->id;
        ret->attributes_mask |= LINUX_STATX_ATTR_MOUNT_ROOT;
        if (p->dentry == p->mnt->root)
            ret->attributes |= LINUX_STATX_ATTR_MOUNT_ROOT;
    }
    return r;
}

static int stat_out(struct task *t, struct uaddr dst, const struct kstat *k)
{
    struct linux_stat st;
    memset(&st, 0, sizeof(st));
    st.st_dev = k->dev;
    st.st_ino = k->ino;
    st.st_nlink = k->nlink;
    st.st_mode = k->mode;
    st.st_uid = uid_seen(t, k->uid);
    st.st_gid = gid_seen(t, k->gid);
    st.st_rdev = k->rdev;
    st.st_size = (int64_t)k->size;
    st.st_blksize = (int64_t)k->blksize;
    st.st_blocks = (int64_t)k->blocks;
    split_ns(k->atime_ns, &st.st_atime_sec, &st.st_atime_nsec);
    split_ns(k->mtime_ns, &st.st_mtime_sec, &st.st_mtime_nsec);
    split_ns(k->ctime_ns, &st.st_ctime_sec, &st.st_ctime_nsec);
    return copy_out(t, dst, &st, sizeof(st));
}

static int getattr_fd(struct task *t, int fd, struct kstat *ret)
{
    AUTO(file) struct file *f = fd_get(t, fd);
    return f ? path_getattr(&f->path, ret) : -EBADF;
}

static int getattr_user(struct task *t, int dirfd, struct uaddr name, uint32_t walk,
                        struct kstat *ret)
{
    /* fstat() of glibc comes as newfstatat(fd, "", AT_EMPTY_PATH): no walk. */
    if ((walk & WALK_EMPTY) && dirfd >= 0) {
        char first = 0;
        if (!uaddr_is_null(name) && copy_in(t, &first, name, 1) < 0)
            return -EFAULT;
        if (!first)
            return getattr_fd(t, dirfd, ret);
    }
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, dirfd, name, walk, &w);
    return r < 0 ? r : path_getattr(&w.path, ret);
}

static int64_t do_stat(struct task *t, int dirfd, struct uaddr name, uint32_t walk,
                       struct uaddr dst)
{
    struct kstat k;
    int r = getattr_user(t, dirfd, name, walk, &k);
    return r < 0 ? r : stat_out(t, dst, &k);
}

HOT int64_t sys_stat(struct task *t, const struct sys_args *a)
{
    return do_stat(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), 0, arg_uaddr(a, 1));
}

int64_t sys_lstat(struct task *t, const struct sys_args *a)
{
    return do_stat(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), WALK_NOFOLLOW, arg_uaddr(a, 1));
}

HOT int64_t sys_fstat(struct task *t, const struct sys_args *a)
{
    struct kstat k;
    int r = getattr_fd(t, arg_int(a, 0), &k);
    return r < 0 ? r : stat_out(t, arg_uaddr(a, 1), &k);
}

HOT int64_t sys_newfstatat(struct task *t, const struct sys_args *a)
{
    uint32_t walk;
    int r = fs_at_flags(arg_uint(a, 3),
                        LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH |
                            LINUX_AT_STATX_SYNC_TYPE,
                        &walk);
    return r < 0 ? r : do_stat(t, arg_int(a, 0), arg_uaddr(a, 1), walk, arg_uaddr(a, 2));
}

static struct linux_statx_timestamp statx_time(int64_t ns)
{
    int64_t sec, nsec;
    split_ns(ns, &sec, &nsec);
    return (struct linux_statx_timestamp){.tv_sec = sec, .tv_nsec = (uint32_t)nsec};
}

int64_t sys_statx(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2), mask = arg_uint(a, 3), walk;
    if ((mask & LINUX_STATX__RESERVED) ||
        (flags & LINUX_AT_STATX_SYNC_TYPE) == LINUX_AT_STATX_SYNC_TYPE)
        return -EINVAL;
    int r = fs_at_flags(flags,
                        LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH |
                            LINUX_AT_STATX_SYNC_TYPE,
                        &walk);
    struct kstat k;
    if (r == 0)
        r = getattr_user(t, arg_int(a, 0), arg_uaddr(a, 1), walk, &k);
    if (r < 0)
        return r;
    struct linux_statx sx;
    memset(&sx, 0, sizeof(sx));
    sx.stx_mask =
        LINUX_STATX_BASIC_STATS | LINUX_STATX_MNT_ID | (k.has_btime ? LINUX_STATX_BTIME : 0);
    sx.stx_blksize = (uint32_t)k.blksize;
    sx.stx_attributes = k.attributes;
    sx.stx_attributes_mask = k.attributes_mask;
    sx.stx_nlink = (uint32_t)k.nlink;
    sx.stx_uid = uid_seen(t, k.uid);
    sx.stx_gid = gid_seen(t, k.gid);
    sx.stx_mode = (uint16_t)k.mode;
    sx.stx_ino = k.ino;
    sx.stx_size = k.size;
    sx.stx_blocks = k.blocks;
    sx.stx_atime = statx_time(k.atime_ns);
    sx.stx_mtime = statx_time(k.mtime_ns);
    sx.stx_ctime = statx_time(k.ctime_ns);
    if (k.has_btime)
        sx.stx_btime = statx_time(k.btime_ns);
    sx.stx_rdev_major = linux_major(k.rdev);
    sx.stx_rdev_minor = linux_minor(k.rdev);
    sx.stx_dev_major = linux_major(k.dev);
    sx.stx_dev_minor = linux_minor(k.dev);
    sx.stx_mnt_id = k.mnt_id;
    if (arg_uint(a, 3) & LINUX_STATX_MNT_ID_UNIQUE) {
        sx.stx_mask ^= LINUX_STATX_MNT_ID | LINUX_STATX_MNT_ID_UNIQUE;
        sx.stx_mnt_id += LINUX_MNT_UNIQUE_ID_OFFSET;
    }
    return copy_out(t, arg_uaddr(a, 4), &sx, sizeof(sx));
}

static int64_t statfs_out(struct task *t, const struct path *p, struct uaddr dst)
{
    static const struct {
        uint32_t ms, st;
    } map[] = {
        {LINUX_MS_RDONLY, LINUX_ST_RDONLY},
        {LINUX_MS_NOSUID, LINUX_ST_NOSUID},
        {LINUX_MS_NODEV, LINUX_ST_NODEV},
        {LINUX_MS_NOEXEC, LINUX_ST_NOEXEC},
        {LINUX_MS_SYNCHRONOUS, LINUX_ST_SYNCHRONOUS},
        {LINUX_MS_NOATIME, LINUX_ST_NOATIME},
        {LINUX_MS_NODIRATIME, LINUX_ST_NODIRATIME},
        {LINUX_MS_NOSYMFOLLOW, LINUX_ST_NOSYMFOLLOW},
    };
    struct super *sb = p->mnt->sb;
    struct linux_statfs st = {.f_type = sb->magic,
                              .f_bsize = LINUX_PAGE_SIZE,
                              .f_frsize = LINUX_PAGE_SIZE,
                              .f_namelen = 255};
    if (sb->ops && sb->ops->statfs) {
        int r = sb->ops->statfs(sb, p->dentry->inode, &st);
        if (r < 0)
            return r;
    }
    uint32_t flags = p->mnt->flags | (sb->flags & (LINUX_MS_RDONLY | LINUX_MS_SYNCHRONOUS));
    st.f_flags = LINUX_ST_VALID;
    for (size_t i = 0; i < ARRAY_SIZE(map); i++)
        if (flags & map[i].ms)
            st.f_flags |= map[i].st;
    if (!(flags & (LINUX_MS_NOATIME | LINUX_MS_STRICTATIME)))
        st.f_flags |= LINUX_ST_RELATIME;
    return copy_out(t, dst, &st, sizeof(st));
}

int64_t sys_statfs(struct task *t, const struct sys_args *a)
{
    AUTO(walk) struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), 0, &w);
    return r < 0 ? r : statfs_out(t, &w.path, arg_uaddr(a, 1));
}

int64_t sys_fstatfs(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get(t, arg_int(a, 0));
    return f ? statfs_out(t, &f->path, arg_uaddr(a, 1)) : -EBADF;
}
