/* Changes of directories: names made, removed, moved. Only for writable trees (I2). */
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "host/host.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/vfs_priv.h"

#include <fcntl.h>

static int dir_handle(struct inode *dir, struct hostfile **ret)
{
    return gofer_dir_handle(to_gofer(dir), false, ret);
}

/* The host has another idea of the name than our cache: the next walk looks again. */
static int name_failed(struct dentry *d, int err)
{
    if (err == -EEXIST || err == -ENOENT)
        dentry_drop(d);
    return gofer_err(err);
}

/* Who shall own what was just made, and its mode, whatever the umask and a setgid directory made of them. */
static int new_fix(int fd, const char *name, const struct stat *st, const struct inode *dir,
                   uint32_t mode, const struct cred *cr)
{
    struct inode want = {.mode = (st->st_mode & LINUX_S_IFMT) | mode, .sb = dir->sb};
    inode_init_owner(&want, dir, cr);
    int r = 0;
    if (want.uid != st->st_uid || want.gid != st->st_gid)
        r = host_fchownat(fd, name, want.uid != st->st_uid ? want.uid : (uid_t)-1,
                          want.gid != st->st_gid ? want.gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && !S_ISLNK(st->st_mode) && want.mode != st->st_mode)
        r = host_fchmodat(fd, name, want.mode & LINUX_S_IALLUGO);
    return r;
}

/* (dir, d) was just made on the host: gets owner, mode and an inode; goes again if that fails. */
static int new_finish(struct inode *dir, struct dentry *d, struct hostfile *h, uint32_t mode,
                      const struct cred *cr)
{
    struct stat st;
    struct gofer_inode *g;
    int fd = hostfile_fd(h);
    int r = host_newfstatat(fd, d->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return gofer_err(r);
    r = new_fix(fd, d->name, &st, dir, mode, cr);
    if (r == 0)
        r = host_newfstatat(fd, d->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r == 0)
        r = gofer_inode_get(dir->sb, to_gofer(dir), d->name, &st, &g);
    if (r < 0) {
        (void)!host_unlinkat(fd, d->name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
        return gofer_err(r);
    }
    to_gofer(dir)->stale = true;
    if (S_ISDIR(st.st_mode))
        dir->nlink++;
    dentry_set_inode(d, &g->vfs);
    return 0;
}

int gofer_create(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    struct hostfile *h, *wr;
    int r = dir_handle(dir, &h);
    if (r < 0)
        return r;
    int fd = host_openat(hostfile_fd(h), d->name,
                         O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
    if (fd < 0) {
        hostfile_unref(h);
        return name_failed(d, fd);
    }
    r = hostfile_adopt(fd, &wr);
    if (r == 0) {
        r = new_finish(dir, d, h, mode, cr);
        if (r == 0) /* for the open that follows: the mode may forbid another one */
            to_gofer(d->inode)->whandle = wr;
        else
            hostfile_unref(wr);
    }
    hostfile_unref(h);
    return r;
}

int gofer_mkdir(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    struct hostfile *h;
    int r = dir_handle(dir, &h);
    if (r < 0)
        return r;
    r = host_mkdirat(hostfile_fd(h), d->name, mode);
    r = r < 0 ? name_failed(d, r) : new_finish(dir, d, h, mode, cr);
    hostfile_unref(h);
    return r;
}

int gofer_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                const struct cred *cr)
{
    struct hostfile *h;
    if (LINUX_S_ISCHR(mode) || LINUX_S_ISBLK(mode))
        return -EPERM; /* a device of the host */
    int r = dir_handle(dir, &h);
    if (r < 0)
        return r;
    r = host_mknodat(hostfile_fd(h), d->name, mode, 0);
    r = r < 0 ? name_failed(d, r) : new_finish(dir, d, h, mode & LINUX_S_IALLUGO, cr);
    hostfile_unref(h);
    return r;
}

int gofer_symlink(struct inode *dir, struct dentry *d, const char *target, const struct cred *cr)
{
    struct hostfile *h;
    int r = dir_handle(dir, &h);
    if (r < 0)
        return r;
    r = host_symlinkat(target, hostfile_fd(h), d->name);
    r = r < 0 ? name_failed(d, r) : new_finish(dir, d, h, 0777, cr);
    hostfile_unref(h);
    return r;
}

int gofer_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    struct gofer_inode *g = to_gofer(target);
    struct hostfile *from, *to;
    if (!g->parent)
        return -ENOENT;
    int r = gofer_dir_handle(g->parent, false, &from);
    if (r < 0)
        return r;
    r = dir_handle(dir, &to);
    if (r == 0) {
        r = host_linkat(hostfile_fd(from), g->name, hostfile_fd(to), d->name, 0);
        r = r < 0 ? name_failed(d, r) : 0;
        hostfile_unref(to);
    }
    hostfile_unref(from);
    if (r < 0)
        return r;
    g->vfs.nlink++;
    g->stale = true;
    to_gofer(dir)->stale = true;
    gofer_hash_in(g);
    dentry_set_inode(d, inode_ref(target));
    return 0;
}

static bool placed_at(const struct gofer_inode *g, const struct inode *dir, const struct dentry *d)
{
    return g->parent == (const struct gofer_inode *)dir && str_eq(g->name, d->name);
}

/* The name d of g is gone from the host. */
static void name_gone(struct inode *dir, struct dentry *d, struct gofer_inode *g)
{
    if (placed_at(g, dir, d))
        (void)!gofer_inode_place(g, NULL, NULL);
    if (LINUX_S_ISDIR(g->vfs.mode)) {
        g->vfs.nlink = 0;
        dir->nlink--;
        gofer_handle_drop(g);
    } else {
        g->vfs.nlink -= g->vfs.nlink > 0;
        g->vfs.ctime_ns = clock_realtime_ns();
        if (!g->users)
            gofer_handle_drop(g);
    }
    if (!g->vfs.nlink)
        hlist_del_init(&g->by_ino); /* the host may use the number again */
    to_gofer(dir)->stale = true;
}

static int remove_name(struct inode *dir, struct dentry *d, int flags)
{
    struct hostfile *h;
    int r = dir_handle(dir, &h);
    if (r < 0)
        return r;
    r = host_unlinkat(hostfile_fd(h), d->name, flags);
    hostfile_unref(h);
    if (r < 0)
        return name_failed(d, r);
    name_gone(dir, d, to_gofer(d->inode));
    return 0;
}

int gofer_unlink(struct inode *dir, struct dentry *d) { return remove_name(dir, d, 0); }
int gofer_rmdir(struct inode *dir, struct dentry *d) { return remove_name(dir, d, AT_REMOVEDIR); }

/* g is found at (dir, name) from now on; without memory for the name it is found nowhere. */
static void moved(struct gofer_inode *g, struct inode *from, struct inode *to, const char *name)
{
    if (gofer_inode_place(g, to_gofer(to), name) < 0)
        (void)!gofer_inode_place(g, NULL, NULL);
    g->stale = true;
    if (LINUX_S_ISDIR(g->vfs.mode) && from != to) {
        from->nlink--;
        to->nlink++;
    }
}

int gofer_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                 uint32_t flags)
{
    struct hostfile *from, *to;
    struct gofer_inode *o = to_gofer(od->inode), *n = nd->inode ? to_gofer(nd->inode) : NULL;
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE))
        return -EINVAL;
    int r = dir_handle(odir, &from);
    if (r < 0)
        return r;
    r = dir_handle(ndir, &to);
    if (r == 0) {
        r = gofer_err(
            host_renameat2(hostfile_fd(from), od->name, hostfile_fd(to), nd->name, flags));
        hostfile_unref(to);
    }
    hostfile_unref(from);
    if (r < 0 || o == n)
        return r;
    if (flags & LINUX_RENAME_EXCHANGE) {
        if (!n)
            return -EIO;
        moved(n, ndir, odir, od->name);
    } else if (n) {
        name_gone(ndir, nd, n);
    }
    moved(o, odir, ndir, nd->name);
    to_gofer(odir)->stale = to_gofer(ndir)->stale = true;
    return 0;
}
