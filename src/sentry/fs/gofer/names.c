/* Changes of directories: names made, removed, moved. Only for writable trees (I2). */
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/vfs_priv.h"

/* The host has another idea of the name than our cache: the next walk looks again. */
int gofer_name_failed(struct dentry *d, int err)
{
    if (err == -EEXIST || err == -ENOENT)
        dentry_drop(d);
    return err;
}

/* Owner and mode as Linux would give them. */
struct gofer_new gofer_new_of(const struct inode *dir, uint32_t mode, const struct cred *cr)
{
    struct inode want = {.mode = mode, .sb = dir->sb};
    inode_init_owner(&want, dir, cr);
    return (struct gofer_new){.mode = want.mode, .uid = want.uid, .gid = want.gid};
}

/* (dir, d) was just made on the host: gets an inode. */
int gofer_new_finish(struct inode *dir, struct dentry *d, const struct stat *st)
{
    struct gofer_inode *g;
    int r = gofer_inode_get(dir->sb, d, st, &g);
    if (r < 0) {
        (void)!gofer_remove(to_gofer(dir), dentry_name(d), S_ISDIR(st->st_mode));
        return r;
    }
    gofer_mark(to_gofer(dir), GOFER_STALE);
    if (S_ISDIR(st->st_mode))
        dir->nlink++;
    dentry_set_inode(d, &g->vfs);
    return 0;
}

int gofer_create(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    struct hostfile *wr;
    struct stat st;
    struct gofer_new n = gofer_new_of(dir, LINUX_S_IFREG | mode, cr);
    int r = gofer_make_file(to_gofer(dir), dentry_name(d), &n, &wr, &st);
    if (r < 0)
        return gofer_name_failed(d, r);
    r = gofer_new_finish(dir, d, &st);
    if (r < 0)
        hostfile_unref(wr);
    else /* for the open that follows: the mode may forbid another one */
        (void)!gofer_whandle_set(to_gofer(d->inode), wr);
    return r;
}

int gofer_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cr, struct inode **ret)
{
    struct hostfile *wr;
    struct stat st;
    struct gofer_inode *g;
    struct gofer_new n = gofer_new_of(dir, LINUX_S_IFREG | mode, cr);
    int r = gofer_make_tmpfile(to_gofer(dir), &n, &wr, &st);
    r = r < 0 ? r : gofer_inode_get(dir->sb, NULL, &st, &g);
    if (r < 0)
        return r;
    r = gofer_whandle_set(g, wr);
    if (r < 0)
        inode_unref(&g->vfs);
    else
        *ret = &g->vfs;
    return r;
}

static int make(struct inode *dir, struct dentry *d, const struct gofer_new *n)
{
    struct stat st;
    int r = gofer_make(to_gofer(dir), dentry_name(d), n, &st);
    return r < 0 ? gofer_name_failed(d, r) : gofer_new_finish(dir, d, &st);
}

int gofer_mkdir(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    struct gofer_new n = gofer_new_of(dir, LINUX_S_IFDIR | mode, cr);
    return make(dir, d, &n);
}

int gofer_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                const struct cred *cr)
{
    if (LINUX_S_ISCHR(mode) || LINUX_S_ISBLK(mode))
        return -EPERM; /* a device of the host */
    struct gofer_new n = gofer_new_of(dir, mode, cr);
    return make(dir, d, &n);
}

int gofer_symlink(struct inode *dir, struct dentry *d, const char *target, const struct cred *cr)
{
    struct gofer_new n = gofer_new_of(dir, LINUX_S_IFLNK | 0777, cr);
    n.target = target;
    return make(dir, d, &n);
}

int gofer_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    struct gofer_inode *g = to_gofer(target);
    int r = gofer_link_name(g, to_gofer(dir), dentry_name(d));
    if (r < 0)
        return gofer_name_failed(d, r);
    if (g->at)
        gofer_alias_add(g, d);
    else
        g->at = d; /* it had none */
    g->vfs.nlink++;
    gofer_mark(g, GOFER_STALE);
    gofer_mark(to_gofer(dir), GOFER_STALE);
    gofer_hash_in(g);
    dentry_set_inode(d, inode_ref(target));
    return 0;
}

/* The name d of g is gone from the host. */
static void name_gone(struct inode *dir, struct dentry *d, struct gofer_inode *g)
{
    if (g->at == d)
        g->at = NULL;
    if (LINUX_S_ISDIR(g->vfs.mode)) {
        g->vfs.nlink = 0;
        gofer_mark(g, GOFER_STALE);
        dir->nlink--;
        if (GOFER_OPEN(g, handle))
            gofer_handle_idle(g); /* what it is reached by from now on */
        else
            g->vfs.size = 0; /* as most file systems do; nobody can ask any more */
    } else {
        g->vfs.nlink -= g->vfs.nlink > 0;
        g->vfs.ctime_ns = clock_realtime_ns();
        if (!GOFER_OPEN(g, users))
            gofer_handle_drop(g);
    }
    if (!g->vfs.nlink && g->more)
        hlist_del_init(&g->more->by_ino); /* the host may use the number again */
    gofer_mark(to_gofer(dir), GOFER_STALE);
}

static int remove_name(struct inode *dir, struct dentry *d, bool is_dir)
{
    struct gofer_inode *g = to_gofer(d->inode);
    int r = gofer_remove(to_gofer(dir), dentry_name(d), is_dir);
    if (r < 0)
        return gofer_name_failed(d, r);
    name_gone(dir, d, g);
    return 0;
}

int gofer_unlink(struct inode *dir, struct dentry *d) { return remove_name(dir, d, false); }
int gofer_rmdir(struct inode *dir, struct dentry *d) { return remove_name(dir, d, true); }

/* g is found at d, which goes from one directory to the other. */
static void moved(struct gofer_inode *g, struct dentry *d, struct inode *from, struct inode *to)
{
    g->at = d;
    gofer_mark(g, GOFER_STALE);
    if (LINUX_S_ISDIR(g->vfs.mode) && from != to) {
        from->nlink--;
        to->nlink++;
    }
}

int gofer_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                 uint32_t flags)
{
    struct gofer_inode *o = to_gofer(od->inode), *n = nd->inode ? to_gofer(nd->inode) : NULL;
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE))
        return -EINVAL;
    int r = gofer_move(to_gofer(odir), dentry_name(od), to_gofer(ndir), dentry_name(nd), flags);
    if (r < 0 || o == n)
        return r;
    if (flags & LINUX_RENAME_EXCHANGE) {
        if (!n)
            return -EIO;
        moved(n, nd, ndir, odir);
    } else if (n) {
        name_gone(ndir, nd, n);
    }
    moved(o, od, odir, ndir);
    gofer_mark(to_gofer(odir), GOFER_STALE);
    gofer_mark(to_gofer(ndir), GOFER_STALE);
    return 0;
}
