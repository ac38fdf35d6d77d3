#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/xattr.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/vfs/acl.h"

/* ---- new names ---- */

static int name_new(struct inode *dir, struct dentry *d, struct ov_inode *o, const struct cred *cr)
{
    struct inode *i = &o->t.vfs;
    int err = 0;
    if (cr) {
        inode_init_owner(i, dir, cr);
        err = acl_inherit(i, dir);
    }
    if (!err)
        err = ov_name_set(dir, dentry_name(d), d->name_len, i);
    if (err) {
        i->nlink = 0;
        inode_unref(i);
        return err;
    }
    if (inode_is(i, LINUX_S_IFDIR))
        dir->nlink++;
    inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
    dentry_set_inode(d, i);
    return 0;
}

/* An object that nothing below stands for: counted against the limit. */
static int inode_made(struct super *sb, uint32_t mode, struct ov_inode **ret)
{
    const struct tmpfs_sb *t = &ov_s(sb)->t;
    if (t->max_inodes && t->used_inodes >= t->max_inodes)
        return -ENOSPC;
    return ov_inode_new(sb, mode, ret);
}

static int make(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                const struct cred *cr)
{
    struct ov_inode *o;
    int err = inode_made(dir->sb, mode, &o);
    if (err)
        return err;
    o->t.vfs.rdev = (uint32_t)rdev;
    return name_new(dir, d, o, cr);
}

static int ov_create(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return make(dir, d, LINUX_S_IFREG | mode, 0, cr);
}

static int ov_mkdir(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return make(dir, d, LINUX_S_IFDIR | mode, 0, cr);
}

static int ov_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                    const struct cred *cr)
{
    return make(dir, d, mode, rdev, cr);
}

static int ov_symlink(struct inode *dir, struct dentry *d, const char *target,
                      const struct cred *cr)
{
    struct ov_inode *o;
    int err = inode_made(dir->sb, LINUX_S_IFLNK | 0777, &o);
    if (err)
        return err;
    o->t.data->target = arena_strdup(target);
    if (!o->t.data->target) {
        inode_unref(&o->t.vfs);
        return -ENOMEM;
    }
    o->t.vfs.size = strlen(target);
    return name_new(dir, d, o, cr);
}

static int ov_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    int err = ov_hold(ov_i(target));
    err = err ? err : ov_name_set(dir, dentry_name(d), d->name_len, target);
    if (err)
        return err;
    target->nlink++;
    ov_pin(ov_i(target));
    inode_touch(target, ATTR_CTIME);
    inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
    dentry_set_inode(d, inode_ref(target));
    return 0;
}

static int ov_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cr, struct inode **ret)
{
    struct ov_inode *o;
    int err = inode_made(dir->sb, LINUX_S_IFREG | mode, &o);
    if (err)
        return err;
    inode_init_owner(&o->t.vfs, dir, cr);
    o->t.vfs.nlink = 0;
    err = acl_inherit(&o->t.vfs, dir);
    if (err) {
        inode_unref(&o->t.vfs);
        return err;
    }
    *ret = &o->t.vfs;
    return 0;
}

/* ---- names that go ---- */

/* One name of i is gone from dir. */
static void name_lost(struct inode *dir, struct inode *i)
{
    inode_touch(i, ATTR_CTIME);
    inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
    if (inode_is(i, LINUX_S_IFDIR)) {
        i->nlink = 0;
        dir->nlink--;
    } else if (i->nlink) {
        i->nlink--;
    }
    if (i->nlink)
        ov_pin(ov_i(i));
    else
        ov_unpin(ov_i(i));
}

/* What is light stays light: below it is where it was, and its dentry is not moved any more. */
static int ov_unlink(struct inode *dir, struct dentry *d)
{
    struct inode *i = inode_ref(d->inode); /* the dentry may lose it while the lock is dropped */
    int err = ov_name_clear(dir, dentry_name(d), d->name_len, i);
    if (!err)
        name_lost(dir, i);
    inode_unref(i);
    return err;
}

static int ov_rmdir(struct inode *dir, struct dentry *d)
{
    int err = ov_dir_check_empty(d->inode, NULL);
    return err ? err : ov_unlink(dir, d);
}

static int rename_held(struct inode *odir, struct dentry *od, struct inode *o, struct inode *ndir,
                       struct dentry *nd, struct inode *n, uint32_t flags)
{
    bool odirp = inode_is(o, LINUX_S_IFDIR);
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE | LINUX_RENAME_WHITEOUT))
        return -EINVAL;
    if (flags & LINUX_RENAME_WHITEOUT)
        return -EINVAL; /* as Linux's overlay */
    if (flags & LINUX_RENAME_EXCHANGE) {
        int err = ov_name_set(ndir, dentry_name(nd), nd->name_len, o);
        if (!err) {
            err = ov_name_set(odir, dentry_name(od), od->name_len, n);
            if (err) /* the entry is there: this cannot fail */
                (void)!ov_name_set(ndir, dentry_name(nd), nd->name_len, n);
        }
        if (err)
            return err;
        ov_pin(ov_i(n));
        if (odir != ndir) {
            uint32_t nd_dir = inode_is(n, LINUX_S_IFDIR) ? 1 : 0;
            odir->nlink += nd_dir - (odirp ? 1u : 0u);
            ndir->nlink += (odirp ? 1u : 0u) - nd_dir;
        }
        inode_touch(n, ATTR_CTIME);
    } else {
        int err = n && inode_is(n, LINUX_S_IFDIR) ? ov_dir_check_empty(n, NULL) : 0;
        err = err ? err : ov_name_set(ndir, dentry_name(nd), nd->name_len, o);
        if (!err) {
            err = ov_name_clear(odir, dentry_name(od), od->name_len, o);
            if (err) /* the entry is there: back to what it was, or to a whiteout */
                (void)!ov_name_set(ndir, dentry_name(nd), nd->name_len, n);
        }
        if (err)
            return err;
        if (n)
            name_lost(ndir, n);
        if (odirp && odir != ndir) {
            odir->nlink--;
            ndir->nlink++;
        }
    }
    ov_pin(ov_i(o));
    inode_touch(o, ATTR_CTIME);
    inode_touch(odir, ATTR_MTIME | ATTR_CTIME);
    inode_touch(ndir, ATTR_MTIME | ATTR_CTIME);
    return 0;
}

static int ov_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                     uint32_t flags)
{
    /* The dentries may lose them while the lock is dropped. */
    struct inode *o = inode_ref(od->inode), *n = nd->inode ? inode_ref(nd->inode) : NULL;
    int err = ov_hold(ov_i(o)); /* its dentry moves, and so may n's */
    err = err || !n ? err : ov_hold(ov_i(n));
    err = err ? err : rename_held(odir, od, o, ndir, nd, n, flags);
    inode_unref(o);
    inode_unref(n);
    return err;
}

/* ---- attributes ---- */

/* The text of a link that is followed is kept. */
static void link_keep(struct ov_inode *o, const char *text, size_t n)
{
    if (n != o->t.vfs.size || ov_data_make(o) < 0)
        return;
    o->t.data->target = arena_alloc(n + 1);
    if (o->t.data->target)
        memcpy(o->t.data->target, text, n);
}

static ssize_t ov_readlink(struct inode *i, char *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    struct dentry *l;
    if (o->t.data && o->t.data->target) {
        size_t n = MIN((size_t)i->size, size);
        memcpy(buf, o->t.data->target, n);
        return (ssize_t)n;
    }
    int err = ov_lower_get(o, false, &l);
    if (err)
        return err;
    ssize_t n = l->inode->ops->readlink ? l->inode->ops->readlink(l->inode, buf, size) : -EINVAL;
    dentry_unref(l);
    if (n > 0 && !(o->t.data && o->t.data->target))
        link_keep(o, buf, (size_t)n);
    return n;
}

static int ov_getattr(struct inode *i, struct kstat *ret)
{
    struct ov_inode *o = ov_i(i);
    inode_fill_stat(i, ret);
    ret->blksize = GUEST_PAGE_SIZE;
    ret->has_btime = i->btime_ns != 0;
    if (inode_is(i, LINUX_S_IFREG) && ov_is(o, OV_COPIED))
        tmpfs_reg_stat(&o->t, ret);
    return 0;
}

static int ov_setattr(struct inode *i, const struct iattr *a)
{
    struct ov_inode *o = ov_i(i);
    int err = ov_hold(o);
    if (!err && (a->valid & ATTR_SIZE) && inode_is(i, LINUX_S_IFREG)) {
        err = ov_copy_up(o, a->size, NULL);
        err = err ? err : tmpfs_reg_resize(&o->t, a->size);
    }
    if (err)
        return err;
    inode_apply_attr(i, a);
    ov_pin(o);
    return 0;
}

static ssize_t ov_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    struct dentry *l;
    if (ov_is(o, OV_XATTRS_OWN))
        return tmpfs_getxattr(i, name, buf, size);
    int err = ov_lower_get(o, false, &l);
    if (err)
        return err;
    const struct inode_ops *ops = l->inode->ops;
    ssize_t n = ops->getxattr ? ops->getxattr(l->inode, name, buf, size) : -ENODATA;
    dentry_unref(l);
    return n;
}

static ssize_t ov_listxattr(struct inode *i, char *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    struct dentry *l;
    if (ov_is(o, OV_XATTRS_OWN))
        return tmpfs_listxattr(i, buf, size);
    int err = ov_lower_get(o, false, &l);
    if (err)
        return err;
    const struct inode_ops *ops = l->inode->ops;
    ssize_t n = ops->listxattr ? ops->listxattr(l->inode, buf, size) : 0;
    dentry_unref(l);
    return n;
}

static int ov_setxattr(struct inode *i, const char *name, const void *v, size_t size,
                       uint32_t flags)
{
    int err = ov_xattrs_copy_up(ov_i(i));
    err = err ? err : tmpfs_setxattr(i, name, v, size, flags);
    if (!err)
        ov_pin(ov_i(i));
    return err;
}

static int ov_removexattr(struct inode *i, const char *name)
{
    int err = ov_xattrs_copy_up(ov_i(i));
    err = err ? err : tmpfs_removexattr(i, name);
    if (!err)
        ov_pin(ov_i(i));
    return err;
}

/* A socket of the host's below, which nobody inside has bound. */
static int ov_sock_connect(struct inode *i, uint32_t type, const struct cred *cr,
                           struct hostfile **ret)
{
    struct ov_inode *o = ov_i(i);
    struct dentry *l;
    if (!ov_is(o, OV_HOLDS) && !o->at)
        return -ECONNREFUSED;
    int err = ov_lower_get(o, false, &l);
    if (err)
        return err;
    const struct inode_ops *ops = l->inode->ops;
    err = ops->sock_connect ? ops->sock_connect(l->inode, type, cr, ret) : -ECONNREFUSED;
    dentry_unref(l);
    return err;
}

const struct inode_ops ov_inode_ops = {
    .lookup = ov_lookup,
    .create = ov_create,
    .mkdir = ov_mkdir,
    .mknod = ov_mknod,
    .symlink = ov_symlink,
    .link = ov_link,
    .tmpfile = ov_tmpfile,
    .unlink = ov_unlink,
    .rmdir = ov_rmdir,
    .rename = ov_rename,
    .readlink = ov_readlink,
    .getattr = ov_getattr,
    .setattr = ov_setattr,
    .getxattr = ov_getxattr,
    .setxattr = ov_setxattr,
    .listxattr = ov_listxattr,
    .removexattr = ov_removexattr,
    .open = ov_open,
    .sock_connect = ov_sock_connect,
    .free = ov_inode_free,
};
