/* Names: mkdir, mknod, unlink, rmdir, link, symlink, readlink. rename is fs_rename.c. */
#include "abi/capability.h"
#include "sentry/syscalls/fs_priv.h"

/* filename_create(): the rights in the directory are not looked at yet. */
static int create_name(struct task *t, int dirfd, const char *name, bool is_dir, struct walk *w,
                       struct dentry **ret)
{
    int r = walk_at(t, dirfd, name, WALK_PARENT, w);
    if (r != 0)
        return r;
    if (w->last_dot)
        return -EEXIST;
    if (w->path.dentry->inode->nlink == 0) /* a directory that is gone */
        return -ENOENT;
    AUTO(dentry) struct dentry *d = NULL;
    r = walk_last(w, &d);
    if (r != 0)
        return r;
    if (d->inode)
        return -EEXIST;
    if (w->trailing_slash && !is_dir)
        return -ENOENT;
    if (mount_readonly(w->path.mnt))
        return -EROFS;
    *ret = TAKE(d);
    return 0;
}

int fs_create_at(struct task *t, int dirfd, const char *name, bool is_dir, struct walk *w,
                 struct dentry **ret)
{
    int r = create_name(t, dirfd, name, is_dir, w, ret);
    return r != 0 ? r : may_create(&w->path, *ret, t->cred);
}

static int64_t do_mkdir(struct task *t, int dirfd, struct uaddr name, uint32_t mode)
{
    AUTO(pathbuf) char *path = NULL;
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = path_copy_in(t, name, false, &path);
    if (r == 0)
        r = fs_create_at(t, dirfd, path, true, &w, &d);
    if (r != 0)
        return r;
    struct inode *dir = w.path.dentry->inode;
    if (!dir->ops->mkdir)
        return -EPERM;
    r = dir->ops->mkdir(dir, d, create_mode(t, dir, mode & (LINUX_S_IRWXUGO | LINUX_S_ISVTX)),
                        t->cred);
    if (r == 0)
        notify_dir(dir, dentry_name(d), LINUX_IN_CREATE | LINUX_IN_ISDIR, 0);
    return r;
}

int64_t sys_mkdir(struct task *t, const struct sys_args *a)
{
    return do_mkdir(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1));
}

int64_t sys_mkdirat(struct task *t, const struct sys_args *a)
{
    return do_mkdir(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2));
}

static int mknod_type(uint32_t *mode)
{
    switch (*mode & LINUX_S_IFMT) {
    case 0: *mode |= LINUX_S_IFREG; return 0;
    case LINUX_S_IFREG:
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
    case LINUX_S_IFIFO:
    case LINUX_S_IFSOCK: return 0;
    case LINUX_S_IFDIR: return -EPERM;
    default: return -EINVAL;
    }
}

static int64_t do_mknod(struct task *t, int dirfd, struct uaddr name, uint32_t mode, uint32_t dev)
{
    AUTO(pathbuf) char *path = NULL;
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = mknod_type(&mode);
    if (r == 0)
        r = path_copy_in(t, name, false, &path);
    if (r == 0)
        r = fs_create_at(t, dirfd, path, false, &w, &d);
    if (r != 0)
        return r;
    struct inode *dir = w.path.dentry->inode;
    bool device = LINUX_S_ISCHR(mode) || LINUX_S_ISBLK(mode);
    bool whiteout = LINUX_S_ISCHR(mode) && dev == 0;
    if (device && !whiteout && !task_capable(t, LINUX_CAP_MKNOD))
        return -EPERM;
    mode = (mode & LINUX_S_IFMT) | create_mode(t, dir, mode);
    if (LINUX_S_ISREG(mode))
        r = dir->ops->create ? dir->ops->create(dir, d, mode & LINUX_S_IALLUGO, t->cred) : -EACCES;
    else
        r = dir->ops->mknod ? dir->ops->mknod(dir, d, mode, device ? dev : 0, t->cred) : -EPERM;
    if (r == 0)
        notify_dir(dir, dentry_name(d), LINUX_IN_CREATE, 0);
    return r;
}

int64_t sys_mknod(struct task *t, const struct sys_args *a)
{
    return do_mknod(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1), arg_uint(a, 2));
}

int64_t sys_mknodat(struct task *t, const struct sys_args *a)
{
    return do_mknod(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), arg_uint(a, 3));
}

static int64_t do_symlink(struct task *t, struct uaddr target, int dirfd, struct uaddr name)
{
    AUTO(pathbuf) char *text = NULL;
    AUTO(pathbuf) char *path = NULL;
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = path_copy_in(t, target, false, &text);
    if (r == 0)
        r = path_copy_in(t, name, false, &path);
    if (r == 0)
        r = fs_create_at(t, dirfd, path, false, &w, &d);
    if (r != 0)
        return r;
    struct inode *dir = w.path.dentry->inode;
    if (!dir->ops->symlink)
        return -EPERM;
    r = dir->ops->symlink(dir, d, text, t->cred);
    if (r == 0)
        notify_dir(dir, dentry_name(d), LINUX_IN_CREATE, 0);
    return r;
}

int64_t sys_symlink(struct task *t, const struct sys_args *a)
{
    return do_symlink(t, arg_uaddr(a, 0), LINUX_AT_FDCWD, arg_uaddr(a, 1));
}

int64_t sys_symlinkat(struct task *t, const struct sys_args *a)
{
    return do_symlink(t, arg_uaddr(a, 0), arg_int(a, 1), arg_uaddr(a, 2));
}

/* fs.protected_hardlinks = 1: other people's files only if they could be written anyway, and give no rights. */
static int may_link(struct task *t, struct inode *i)
{
    if (inode_owner_or_capable(i, t->cred))
        return 0;
    if (!LINUX_S_ISREG(i->mode) || (i->mode & LINUX_S_ISUID) ||
        (i->mode & (LINUX_S_ISGID | LINUX_S_IXGRP)) == (LINUX_S_ISGID | LINUX_S_IXGRP))
        return -EPERM;
    return inode_permission(i, MAY_READ | MAY_WRITE, t->cred) < 0 ? -EPERM : 0;
}

/* With AT_EMPTY_PATH a descriptor is enough to name a file: only for who opened it, or may read everything. */
static int link_source(struct task *t, int dirfd, struct uaddr name, uint32_t walk,
                       struct walk *ret)
{
    AUTO(pathbuf) char *path = NULL;
    int r = path_copy_in(t, name, walk & WALK_EMPTY, &path);
    if (r != 0)
        return r;
    if ((walk & WALK_EMPTY) && path[0] != '/' && dirfd != LINUX_AT_FDCWD) {
        AUTO(file) struct file *f = fd_get(t, dirfd);
        if (!f)
            return -EBADF;
        if (f->cred != t->cred && !task_capable(t, LINUX_CAP_DAC_READ_SEARCH))
            return -ENOENT;
    }
    return walk_at(t, dirfd, path, walk, ret);
}

static int64_t do_link(struct task *t, int odirfd, struct uaddr oname, int ndirfd,
                       struct uaddr nname, uint32_t flags)
{
    if (flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    uint32_t walk = (flags & LINUX_AT_SYMLINK_FOLLOW ? 0u : (uint32_t)WALK_NOFOLLOW) |
                    (flags & LINUX_AT_EMPTY_PATH ? (uint32_t)WALK_EMPTY : 0u);
    AUTO(pathbuf) char *path = NULL;
    AUTO(walk) struct walk from = {0};
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = link_source(t, odirfd, oname, walk, &from);
    if (r == 0)
        r = path_copy_in(t, nname, false, &path);
    if (r == 0)
        r = create_name(t, ndirfd, path, false, &w, &d);
    if (r != 0)
        return r;
    struct inode *dir = w.path.dentry->inode, *i = from.path.dentry->inode;
    if (from.path.mnt != w.path.mnt)
        return -EXDEV;
    r = may_link(t, i);
    if (r == 0)
        r = may_create(&w.path, d, t->cred);
    if (r != 0)
        return r;
    if (LINUX_S_ISDIR(i->mode) || !dir->ops->link)
        return -EPERM;
    if (i->nlink == 0 && !i->linkable)
        return -ENOENT;
    r = dir->ops->link(dir, d, i);
    if (r != 0)
        return r;
    i->linkable = false;
    notify_self(i, LINUX_IN_ATTRIB);
    notify_dir(dir, dentry_name(d), LINUX_IN_CREATE, 0);
    return 0;
}

int64_t sys_link(struct task *t, const struct sys_args *a)
{
    return do_link(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), LINUX_AT_FDCWD, arg_uaddr(a, 1), 0);
}

int64_t sys_linkat(struct task *t, const struct sys_args *a)
{
    return do_link(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2), arg_uaddr(a, 3),
                   arg_uint(a, 4));
}

/* The name that shall go: parent, and the dentry if it exists. */
static int victim(struct task *t, int dirfd, struct uaddr name, struct walk *w)
{
    AUTO(pathbuf) char *path = NULL;
    int r = path_copy_in(t, name, false, &path);
    return r != 0 ? r : walk_at(t, dirfd, path, WALK_PARENT, w);
}

static int64_t do_unlink(struct task *t, int dirfd, struct uaddr name)
{
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = victim(t, dirfd, name, &w);
    if (r != 0)
        return r;
    if (w.last_dot)
        return -EISDIR;
    if (mount_readonly(w.path.mnt))
        return -EROFS;
    r = walk_last(&w, &d);
    if (r != 0)
        return r;
    if (!d->inode)
        return -ENOENT;
    if (w.trailing_slash)
        return LINUX_S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
    struct inode *dir = w.path.dentry->inode, *i = d->inode;
    r = may_delete(&w.path, d, false, t->cred);
    if (r != 0)
        return r;
    if (!dir->ops->unlink)
        return -EPERM;
    if (d->mountpoint)
        return -EBUSY;
    inode_ref(i);
    r = dir->ops->unlink(dir, d);
    if (r == 0) {
        notify_self(i, LINUX_IN_ATTRIB);
        dentry_drop(d);
        notify_unlinked(i);
        notify_dir(dir, dentry_name(d), LINUX_IN_DELETE, 0);
    }
    inode_unref(i);
    return r;
}

static int64_t do_rmdir(struct task *t, int dirfd, struct uaddr name)
{
    AUTO(walk) struct walk w = {0};
    AUTO(dentry) struct dentry *d = NULL;
    int r = victim(t, dirfd, name, &w);
    if (r != 0)
        return r;
    if (w.last_dot)
        return w.last_len == 0 ? -EBUSY : w.last_len == 1 ? -EINVAL : -ENOTEMPTY;
    if (mount_readonly(w.path.mnt))
        return -EROFS;
    r = walk_last(&w, &d);
    if (r == 0)
        r = may_delete(&w.path, d, true, t->cred);
    if (r != 0)
        return r;
    struct inode *dir = w.path.dentry->inode, *i = d->inode;
    if (!dir->ops->rmdir)
        return -EPERM;
    if (d->mountpoint)
        return -EBUSY;
    inode_ref(i);
    r = dir->ops->rmdir(dir, d);
    if (r == 0) {
        i->nlink = 0; /* a dead directory: nothing can be made in it */
        dentry_drop(d);
        notify_unlinked(i);
        notify_dir(dir, dentry_name(d), LINUX_IN_DELETE | LINUX_IN_ISDIR, 0);
    }
    inode_unref(i);
    return r;
}

int64_t sys_unlink(struct task *t, const struct sys_args *a)
{
    return do_unlink(t, LINUX_AT_FDCWD, arg_uaddr(a, 0));
}
int64_t sys_rmdir(struct task *t, const struct sys_args *a)
{
    return do_rmdir(t, LINUX_AT_FDCWD, arg_uaddr(a, 0));
}

int64_t sys_unlinkat(struct task *t, const struct sys_args *a)
{
    if (arg_uint(a, 2) & ~LINUX_AT_REMOVEDIR)
        return -EINVAL;
    return arg_uint(a, 2) ? do_rmdir(t, arg_int(a, 0), arg_uaddr(a, 1))
                          : do_unlink(t, arg_int(a, 0), arg_uaddr(a, 1));
}

static int64_t do_readlink(struct task *t, int dirfd, struct uaddr name, struct uaddr dst,
                           int32_t size)
{
    if (size <= 0)
        return -EINVAL;
    AUTO(pathbuf) char *path = NULL;
    AUTO(walk) struct walk w = {0};
    int r = path_copy_in(t, name, true, &path);
    if (r == 0)
        r = walk_at(t, dirfd, path, WALK_NOFOLLOW | WALK_EMPTY, &w);
    if (r != 0)
        return r;
    struct inode *i = w.path.dentry->inode;
    if (!LINUX_S_ISLNK(i->mode))
        return path[0] ? -EINVAL : -ENOENT;
    char *buf = path_buf_new();
    if (!buf)
        return -ENOMEM;
    ssize_t n = inode_readlink(i, t, buf, MIN((size_t)size, (size_t)LINUX_PATH_MAX));
    if (n >= 0)
        path_accessed(&w.path);
    if (n > 0 && copy_out(t, dst, buf, (size_t)n) < 0)
        n = -EFAULT;
    path_buf_free(buf);
    return n;
}

int64_t sys_readlink(struct task *t, const struct sys_args *a)
{
    return do_readlink(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uaddr(a, 1), arg_int(a, 2));
}

int64_t sys_readlinkat(struct task *t, const struct sys_args *a)
{
    return do_readlink(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uaddr(a, 2), arg_int(a, 3));
}
