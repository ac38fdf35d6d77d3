/* open(2) behind the walk: rights, creation, truncation, the file's own open. */
#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/inotify.h"
#include "abi/mount.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/fs/pipe/pipe.h"
#include "sentry/vfs/acl.h"
#include "sentry/vfs/lease.h"
#include "sentry/vfs/notify.h"
#include "sentry/vfs/open.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>

#define TMPFILE_BIT (LINUX_O_TMPFILE & ~LINUX_O_DIRECTORY)
#define KEPT_NOT    (LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_CLOEXEC)

static const struct file_ops path_ops = {.name = "path"};
static const struct file_ops none_ops = {.name = "none"};

void vfs_set_device_open(int (*fn)(struct inode *i, struct file *f, struct task *t))
{
    vfs()->device_open = fn;
}

static uint32_t may_of(uint32_t flags)
{
    static const uint32_t acc[4] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
                                    MAY_READ | MAY_WRITE};
    return acc[flags & LINUX_O_ACCMODE] | (flags & LINUX_O_TRUNC ? (uint32_t)MAY_WRITE : 0u);
}

/* Linux's may_open(). */
static int open_allowed(const struct path *p, uint32_t flags, const struct cred *cr)
{
    struct inode *i = p->dentry->inode;
    uint32_t may = may_of(flags);
    switch (i->mode & LINUX_S_IFMT) {
    case LINUX_S_IFLNK: return -ELOOP;
    case LINUX_S_IFDIR:
        if (may & MAY_WRITE)
            return -EISDIR;
        break;
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
        if (p->mnt->flags & LINUX_MS_NODEV)
            return -EACCES;
        break;
    default: break;
    }
    if ((flags & LINUX_O_DIRECT) && LINUX_S_ISDIR(i->mode))
        return -EINVAL;
    int r = inode_permission(i, may, cr);
    if (r < 0)
        return r;
    return (flags & LINUX_O_NOATIME) && !inode_owner_or_capable(i, cr) ? -EPERM : 0;
}

static bool is_special(const struct inode *i)
{
    return LINUX_S_ISCHR(i->mode) || LINUX_S_ISBLK(i->mode) || LINUX_S_ISFIFO(i->mode) ||
           LINUX_S_ISSOCK(i->mode);
}

static int open_inode(struct task *t, struct inode *i, struct file *f)
{
    int r = -ENXIO;
    switch (i->mode & LINUX_S_IFMT) {
    case LINUX_S_IFSOCK: return -ENXIO;
    case LINUX_S_IFIFO:
        if (i->ops->opens_fifo)
            return i->ops->open(i, f);
        r = t && i->ops->fifo_open ? i->ops->fifo_open(i, f, t) : -ENOSYS;
        if (r != -ENOSYS)
            return r;
        return t ? fifo_open(i, f, t) : -ENXIO;
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
        /* Known numbers open the same device on any file system; other nodes are their file system's (terminals). */
        if (vfs()->device_open)
            r = vfs()->device_open(i, f, t);
        if (r != -ENXIO)
            return r;
        if (!i->ops->open)
            return -ENXIO;
        break;
    default: break;
    }
    f->ops = i->fops ? i->fops : &none_ops;
    return i->ops->open ? i->ops->open(i, f) : 0;
}

static int truncate_open(struct inode *i, const struct cred *cr)
{
    if (i->deny_write)
        return -ETXTBSY;
    struct iattr a = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = 0};
    a.mtime_ns = a.ctime_ns = clock_realtime_ns();
    return inode_setattr(i, &a, cr, false);
}

/* p: what to open, rights checked. */
static int open_checked(struct task *t, const struct path *p, uint32_t flags, const struct cred *cr,
                        struct file **ret)
{
    struct inode *i = p->dentry->inode;
    bool writes = may_of(flags) & MAY_WRITE;
    if (writes && !is_special(i) && mount_readonly(p->mnt))
        return -EROFS;
    int r = LINUX_S_ISREG(i->mode) ? lease_break(t, i, writes, flags & LINUX_O_NONBLOCK) : 0;
    if (r < 0)
        return r;
    struct file *f;
    r = file_new(p, NULL, (flags & ~KEPT_NOT) | LINUX_O_LARGEFILE, cr, &f);
    if (r < 0)
        return r;
    if (f->can_write && LINUX_S_ISREG(i->mode)) {
        if (i->deny_write) {
            file_unref(f);
            return -ETXTBSY;
        }
        i->writers++;
        f->counted_writer = true;
    }
    /* only for the open itself: of a terminal; of a file whose data need not be copied up */
    f->flags |= flags & (LINUX_O_NOCTTY | LINUX_O_TRUNC);
    r = open_inode(t, i, f);
    f->flags &= ~(LINUX_O_NOCTTY | LINUX_O_TRUNC);
    if (r < 0) {
        f->ops = NULL; /* nothing to release */
        file_unref(f);
        return r;
    }
    f->opened = true;
    notify_file(f, LINUX_IN_OPEN);
    if ((flags & LINUX_O_TRUNC) && LINUX_S_ISREG(i->mode)) {
        r = truncate_open(i, cr);
        if (r < 0) {
            file_unref(f);
            return r;
        }
        notify_file(f, LINUX_IN_MODIFY);
    }
    *ret = f;
    return 0;
}

int file_open_path(struct task *t, const struct path *p, uint32_t flags, struct file **ret)
{
    const struct cred *cr = task_cred_or_kernel(t);
    if (flags & LINUX_O_PATH) {
        flags &= LINUX_O_PATH | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW;
        int r = file_new(p, &path_ops, flags, cr, ret);
        if (r == 0)
            (*ret)->can_read = (*ret)->can_write = false;
        return r;
    }
    return open_checked(t, p, flags, cr, ret);
}

/* O_CREAT on what somebody else left in a sticky directory that all may write: not followed into his trap. FIFOs and regular files
 * are exempt, as with fs.protected_fifos = fs.protected_regular = 0. */
static bool sticky_trap(const struct path *p, const struct cred *cr)
{
    const struct inode *i = p->dentry->inode, *dir = p->dentry->parent->inode;
    if (LINUX_S_ISFIFO(i->mode) || LINUX_S_ISREG(i->mode) || dentry_is_root(p->dentry))
        return false;
    return (dir->mode & LINUX_S_ISVTX) && (dir->mode & LINUX_S_IWOTH) && i->uid != dir->uid &&
           i->uid != cr->fsuid;
}

static int open_existing(struct task *t, const struct path *p, uint32_t flags, struct file **ret)
{
    struct inode *i = p->dentry->inode;
    const struct cred *cr = task_cred_or_kernel(t);
    if (flags & LINUX_O_CREAT) {
        if (flags & LINUX_O_EXCL)
            return -EEXIST;
        if (LINUX_S_ISDIR(i->mode))
            return -EISDIR;
        if (sticky_trap(p, cr))
            return -EACCES;
    }
    if (!(flags & LINUX_O_PATH)) {
        int r = open_allowed(p, flags, cr);
        if (r < 0)
            return r;
    }
    return file_open_path(t, p, flags, ret);
}

uint32_t create_mode(const struct task *t, const struct inode *dir, uint32_t mode)
{
    return mode & LINUX_S_IALLUGO & ~(t && t->fs && acl_umask_applies(dir) ? t->fs->umask : 0);
}

static int open_new(struct task *t, const struct walk *w, struct dentry *d, uint32_t flags,
                    uint32_t mode, struct file **ret)
{
    struct inode *dir = w->path.dentry->inode;
    const struct cred *cr = task_cred_or_kernel(t);
    if (w->trailing_slash)
        return -EISDIR;
    int r = may_create(&w->path, d, cr);
    if (r < 0)
        return r;
    if (!dir->ops->create)
        return -EACCES;
    r = dir->ops->create(dir, d, create_mode(t, dir, mode), cr);
    if (r < 0)
        return r;
    notify_dir(dir, dentry_name(d), LINUX_IN_CREATE, 0);
    struct path p = {w->path.mnt, d};
    /* A new file may be opened whatever its mode says, and is empty. */
    return open_checked(t, &p, flags & ~LINUX_O_TRUNC, cr, ret);
}

static int open_tmpfile(struct task *t, const struct path *dir, uint32_t flags, uint32_t mode,
                        struct file **ret)
{
    struct inode *di = dir->dentry->inode, *i = NULL;
    const struct cred *cr = task_cred_or_kernel(t);
    if (mount_readonly(dir->mnt))
        return -EROFS;
    int r = inode_permission(di, MAY_WRITE | MAY_EXEC, cr);
    if (r < 0)
        return r;
    if (!di->ops->tmpfile)
        return -EOPNOTSUPP;
    r = di->ops->tmpfile(di, create_mode(t, di, mode), cr, &i);
    if (r < 0)
        return r;
    char name[32];
    int n = snprintf(name, sizeof(name), "#%llu", (unsigned long long)i->ino);
    struct path p = {dir->mnt, dentry_new_unlinked(dir->dentry, i, name, (size_t)n)};
    if (!p.dentry)
        return -ENOMEM;
    r = open_checked(t, &p, flags & ~(uint32_t)LINUX_O_TRUNC, cr, ret);
    if (r == 0)
        i->linkable = !(flags & LINUX_O_EXCL);
    dentry_unref(p.dentry);
    return r;
}

static int open_once(struct task *t, int dirfd, const char *name, uint32_t flags, uint32_t mode,
                     uint32_t walk, struct file **ret)
{
    struct walk w;
    struct dentry *d = NULL;
    int r;
    if ((flags & LINUX_O_CREAT) && !(flags & LINUX_O_PATH))
        r = walk_create(t, dirfd, name, walk, &w, &d);
    else
        r = walk_at(t, dirfd, name, walk, &w);
    if (r < 0)
        return r;
    if (flags & TMPFILE_BIT)
        r = open_tmpfile(t, &w.path, flags, mode, ret);
    else if (d)
        r = open_new(t, &w, d, flags, mode, ret);
    else
        r = open_existing(t, &w.path, flags, ret);
    dentry_unref(d);
    path_unref(&w.path);
    return r;
}

int open_flags_check(uint32_t *flags)
{
    if (*flags & TMPFILE_BIT) {
        if ((*flags & (LINUX_O_TMPFILE | LINUX_O_CREAT)) != LINUX_O_TMPFILE ||
            !(may_of(*flags) & MAY_WRITE))
            return -EINVAL;
    } else if ((*flags & (LINUX_O_CREAT | LINUX_O_DIRECTORY)) ==
               (LINUX_O_CREAT | LINUX_O_DIRECTORY)) {
        return -EINVAL;
    }
    if (*flags & LINUX_O_PATH)
        *flags &= LINUX_O_PATH | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_CLOEXEC;
    return 0;
}

int file_open_walk(struct task *t, int dirfd, const char *name, uint32_t flags, uint32_t mode,
                   uint32_t walk, struct file **ret)
{
    int r = open_flags_check(&flags);
    if (r < 0)
        return r;
    if (flags & LINUX_O_DIRECTORY)
        walk |= WALK_DIRECTORY;
    if ((flags & LINUX_O_NOFOLLOW) ||
        (flags & (LINUX_O_CREAT | LINUX_O_EXCL)) == (LINUX_O_CREAT | LINUX_O_EXCL))
        walk |= WALK_NOFOLLOW;
    if (!(flags & LINUX_O_PATH) && may_of(flags) == MAY_READ)
        walk |= WALK_TO_READ;
    for (int tries = 0; tries < 3; tries++) {
        r = open_once(t, dirfd, name, flags, mode, walk, ret);
        /* Somebody made the file while our create had dropped the lock: it is opened instead. */
        if (r != -EEXIST || (flags & LINUX_O_EXCL) || !(flags & LINUX_O_CREAT))
            break;
    }
    return r;
}

int file_open_at(struct task *t, int dirfd, const char *name, uint32_t flags, uint32_t mode,
                 struct file **ret)
{
    return file_open_walk(t, dirfd, name, flags, mode, 0, ret);
}
