#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/xattr.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/vfs/acl.h"

int ov_inode_new(struct super *sb, uint32_t mode, struct ov_inode **ret)
{
    struct ov_inode *o = SLAB_NEW(OVERLAY_INODE, struct ov_inode);
    if (!o)
        return -ENOMEM;
    uint32_t type = mode & LINUX_S_IFMT;
    const struct file_ops *fops = type == LINUX_S_IFDIR   ? &ov_dir_fops
                                  : type == LINUX_S_IFREG ? &ov_reg_fops
                                                          : NULL;
    inode_init(&o->t.vfs, sb, &ov_inode_ops, fops, mode);
    o->copied = true;
    o->xattrs_own = true;
    if (type == LINUX_S_IFDIR) {
        tmpfs_dir_init(&o->t);
        o->t.vfs.size = 40;
    }
    ov_s(sb)->t.used_inodes++;
    *ret = o;
    return 0;
}

static struct hlist_head *bucket(const struct super *sb, const struct inode *lower)
{
    return &ov_s(sb)->by_lower[hash_u64((uint64_t)(uintptr_t)sb, (uint64_t)(uintptr_t)lower) %
                               OVERLAY_BUCKETS];
}

/* Counted, or NULL. */
static struct ov_inode *known_over(struct super *sb, const struct inode *lower)
{
    struct ov_inode *o;
    HLIST_FOREACH (o, bucket(sb, lower), by_lower) {
        if (o->lower == lower) {
            inode_ref(&o->t.vfs);
            return o;
        }
    }
    return NULL;
}

int ov_inode_over(struct super *sb, struct dentry *lower, struct ov_inode **ret)
{
    struct inode *l = lower->inode;
    struct ov_inode *o = known_over(sb, l);
    struct kstat st;
    int err = o ? 0 : inode_getattr(l, &st);
    if (!err && !o)
        o = known_over(sb, l); /* the lock may have been dropped */
    if (o) {
        *ret = o;
        return 0;
    }
    err = err ? err : ov_inode_new(sb, st.mode, &o);
    if (err)
        return err;
    struct inode *v = &o->t.vfs;
    v->ino = st.ino;
    v->uid = st.uid;
    v->gid = st.gid;
    v->nlink = (uint32_t)st.nlink;
    v->rdev = (uint32_t)st.rdev;
    v->size = st.size;
    v->blocks = st.blocks;
    v->atime_ns = st.atime_ns;
    v->mtime_ns = st.mtime_ns;
    v->ctime_ns = st.ctime_ns;
    v->btime_ns = st.btime_ns;
    o->lower = inode_ref(l);
    o->lower_dentry = dentry_ref(lower);
    o->copied = false;
    o->xattrs_own = false;
    hlist_add_head(&o->by_lower, bucket(sb, l));
    *ret = o;
    return 0;
}

void ov_pin(struct ov_inode *o)
{
    if (o->lower && !o->pinned && o->t.vfs.nlink) {
        o->pinned = true;
        inode_ref(&o->t.vfs);
    }
}

/* Its last name is gone: what holds it now are open files and dentries. */
void ov_unpin(struct ov_inode *o)
{
    if (o->pinned) {
        o->pinned = false;
        inode_unref(&o->t.vfs);
    }
}

void ov_inode_free(struct inode *i)
{
    struct ov_inode *o = ov_i(i);
    hlist_del_init(&o->by_lower);
    tmpfs_charge(i, 0);
    switch (i->mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR: tmpfs_dir_free(&o->t); break;
    case LINUX_S_IFREG: tmpfs_reg_free(&o->t); break;
    case LINUX_S_IFLNK: arena_strfree(o->t.target); break;
    default: break;
    }
    tmpfs_xattrs_free(&o->t);
    ov_s(i->sb)->t.used_inodes--;
    struct inode *lower = o->lower;
    struct dentry *d = o->lower_dentry;
    SLAB_FREE(OVERLAY_INODE, o);
    dentry_unref(d);
    inode_unref(lower);
}

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
    o->t.target = arena_strdup(target);
    if (!o->t.target) {
        inode_unref(&o->t.vfs);
        return -ENOMEM;
    }
    o->t.vfs.size = strlen(target);
    return name_new(dir, d, o, cr);
}

static int ov_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    int err = ov_name_set(dir, dentry_name(d), d->name_len, target);
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
    int err = rename_held(odir, od, o, ndir, nd, n, flags);
    inode_unref(o);
    inode_unref(n);
    return err;
}

/* ---- attributes ---- */

static ssize_t ov_readlink(struct inode *i, char *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    if (!o->t.target)
        return o->lower->ops->readlink ? o->lower->ops->readlink(o->lower, buf, size) : -EINVAL;
    size_t n = MIN((size_t)i->size, size);
    memcpy(buf, o->t.target, n);
    return (ssize_t)n;
}

static int ov_getattr(struct inode *i, struct kstat *ret)
{
    struct ov_inode *o = ov_i(i);
    inode_fill_stat(i, ret);
    ret->blksize = GUEST_PAGE_SIZE;
    ret->has_btime = i->btime_ns != 0;
    if (inode_is(i, LINUX_S_IFREG) && o->copied)
        tmpfs_reg_stat(&o->t, ret);
    return 0;
}

static int ov_setattr(struct inode *i, const struct iattr *a)
{
    struct ov_inode *o = ov_i(i);
    if ((a->valid & ATTR_SIZE) && inode_is(i, LINUX_S_IFREG)) {
        int err = ov_copy_up(o, a->size, NULL);
        err = err ? err : tmpfs_reg_resize(&o->t, a->size);
        if (err)
            return err;
    }
    inode_apply_attr(i, a);
    ov_pin(o);
    return 0;
}

static ssize_t ov_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    if (o->xattrs_own || !o->lower->ops->getxattr)
        return tmpfs_getxattr(i, name, buf, size);
    return o->lower->ops->getxattr(o->lower, name, buf, size);
}

static ssize_t ov_listxattr(struct inode *i, char *buf, size_t size)
{
    struct ov_inode *o = ov_i(i);
    if (o->xattrs_own || !o->lower->ops->listxattr)
        return tmpfs_listxattr(i, buf, size);
    return o->lower->ops->listxattr(o->lower, buf, size);
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
    .free = ov_inode_free,
};
