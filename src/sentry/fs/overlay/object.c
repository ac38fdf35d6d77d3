/* Objects and what is below them. A regular file or a link with one name that nobody has changed is light: its attributes are
 * known, and what is below is found again, by its name, when it is needed. All others hold what is below. */
#include <errno.h>

#include "abi/stat.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/overlay/overlay_priv.h"
#include "sentry/vfs/vfs_priv.h"

static void mark(struct ov_inode *o, unsigned flags)
{
    o->t.vfs.fs_flags = (uint16_t)(o->t.vfs.fs_flags | flags);
}

int ov_data_make(struct ov_inode *o)
{
    if (!o->t.data)
        o->t.data = SLAB_NEW(OVERLAY_DATA, struct tmpfs_data);
    return o->t.data ? 0 : -ENOMEM;
}

static struct ov_inode *object_new(struct super *sb, uint32_t mode)
{
    struct ov_inode *o = SLAB_NEW(OVERLAY_INODE, struct ov_inode);
    if (!o)
        return NULL;
    uint32_t type = mode & LINUX_S_IFMT;
    const struct file_ops *fops = type == LINUX_S_IFDIR   ? &ov_dir_fops
                                  : type == LINUX_S_IFREG ? &ov_reg_fops
                                                          : NULL;
    inode_init(&o->t.vfs, sb, &ov_inode_ops, fops, mode);
    ov_s(sb)->t.used_inodes++;
    if (type != LINUX_S_IFDIR)
        return o;
    if (ov_data_make(o) < 0) {
        inode_unref(&o->t.vfs);
        return NULL;
    }
    tmpfs_dir_init(&o->t);
    o->t.vfs.size = 40;
    return o;
}

int ov_inode_new(struct super *sb, uint32_t mode, struct ov_inode **ret)
{
    struct ov_inode *o = object_new(sb, mode);
    if (o && ov_data_make(o) < 0)
        o = (struct ov_inode *)inode_unref(&o->t.vfs);
    if (!o)
        return -ENOMEM;
    mark(o, OV_COPIED | OV_XATTRS_OWN);
    *ret = o;
    return 0;
}

static struct hlist_head *bucket(const struct super *sb, const struct inode *lower)
{
    return &ov_s(sb)->by_lower[hash_u64((uint64_t)(uintptr_t)sb, (uint64_t)(uintptr_t)lower) %
                               OVERLAY_BUCKETS];
}

static struct ov_inode *known_over(struct super *sb, const struct inode *lower)
{
    struct ov_inode *o;
    HLIST_FOREACH (o, bucket(sb, lower), by_lower)
        if (o->lower->inode == lower)
            return o;
    return NULL;
}

static bool may_be_light(const struct kstat *st)
{
    return st->nlink == 1 && (LINUX_S_ISREG(st->mode) || LINUX_S_ISLNK(st->mode));
}

/* Takes l, of which o holds nothing yet. */
static void hold(struct ov_inode *o, struct dentry *l)
{
    o->lower = l;
    mark(o, OV_HOLDS);
    hlist_add_head(&o->by_lower, bucket(o->t.vfs.sb, l->inode));
}

static struct ov_inode *object_like(struct super *sb, const struct kstat *st)
{
    struct ov_inode *o = object_new(sb, st->mode);
    if (!o)
        return NULL;
    struct inode *v = &o->t.vfs;
    v->ino = st->ino;
    v->uid = st->uid;
    v->gid = st->gid;
    v->nlink = (uint32_t)st->nlink;
    v->rdev = (uint32_t)st->rdev;
    v->size = st->size;
    v->blocks = st->blocks;
    v->atime_ns = st->atime_ns;
    v->mtime_ns = st->mtime_ns;
    v->ctime_ns = st->ctime_ns;
    v->btime_ns = st->btime_ns;
    return o;
}

int ov_below(struct inode *dir, const char *name, size_t len, struct ov_below *ret)
{
    struct path p = ov_lower_dir(ov_i(dir));
    const struct inode_ops *ops = p.dentry->inode->ops;
    struct dentry *d = dentry_find(p.dentry, name, len);
    bool cached = d != NULL;
    int err;
    *ret = (struct ov_below){0};
    dentry_unref(d);
    if (!cached && ops->peek && p.dentry->inode->nlink)
        err = ops->peek(p.dentry, name, len, &ret->st, &d);
    else
        err = walk_child(&p, name, len, &d);
    if (err)
        return err == -ENOENT ? 0 : err;
    ret->d = d;
    ret->there = !d || d->inode;
    if (!d || !d->inode || known_over(dir->sb, d->inode))
        return 0;
    err = inode_getattr(d->inode, &ret->st);
    if (err || (may_be_light(&ret->st) && !known_over(dir->sb, d->inode)))
        ov_below_done(ret);
    return err;
}

int ov_below_object(struct super *sb, struct ov_below *b, struct dentry *at, struct ov_inode **ret)
{
    struct ov_inode *o = b->d ? known_over(sb, b->d->inode) : NULL;
    if (o) {
        inode_ref(&o->t.vfs);
    } else {
        o = object_like(sb, &b->st);
        if (!o)
            return -ENOMEM;
        if (b->d)
            hold(o, TAKE(b->d));
        else
            o->at = at;
    }
    *ret = o;
    return 0;
}

void ov_below_done(struct ov_below *b) { b->d = dentry_unref(b->d); }

/* As walk_child, of a regular file. */
static int child_to_read(struct path *dir, const char *name, size_t len, struct dentry **ret)
{
    struct inode *i = dir->dentry->inode;
    bool cached = true;
    struct dentry *d =
        i->ops->lookup_read ? dentry_get_child(dir->dentry, name, len, &cached) : NULL;
    if (cached) {
        dentry_unref(d);
        return walk_child(dir, name, len, ret);
    }
    int err = d ? i->ops->lookup_read(i, d) : -ENOMEM;
    if (err)
        dentry_unref(d);
    else
        *ret = d;
    return err;
}

int ov_lower_get(struct ov_inode *o, bool read, struct dentry **ret)
{
    struct dentry *d = NULL;
    if (ov_is(o, OV_HOLDS)) {
        *ret = dentry_ref(o->lower);
        return 0;
    }
    struct path p = ov_lower_dir(ov_i(o->at->parent->inode));
    int err = read ? child_to_read(&p, dentry_name(o->at), o->at->name_len, &d)
                   : walk_child(&p, dentry_name(o->at), o->at->name_len, &d);
    if (err)
        return err;
    const struct inode *v = &o->t.vfs;
    if (!d->inode || d->inode->ino != v->ino ||
        (d->inode->mode & LINUX_S_IFMT) != (v->mode & LINUX_S_IFMT)) {
        dentry_unref(d);
        return -ESTALE;
    }
    *ret = d;
    return 0;
}

int ov_hold(struct ov_inode *o)
{
    struct dentry *d;
    if (!ov_is_light(o))
        return 0;
    int err = ov_lower_get(o, false, &d);
    if (err)
        return err;
    if (ov_is_light(o))
        hold(o, d);
    else
        dentry_unref(d); /* the lock was dropped */
    return 0;
}

void ov_pin(struct ov_inode *o)
{
    if (ov_is(o, OV_HOLDS) && !ov_is(o, OV_PINNED) && o->t.vfs.nlink) {
        mark(o, OV_PINNED);
        inode_ref(&o->t.vfs);
    }
}

/* Its last name is gone: what holds it now are open files and dentries. */
void ov_unpin(struct ov_inode *o)
{
    if (ov_is(o, OV_PINNED)) {
        o->t.vfs.fs_flags &= (uint16_t)~OV_PINNED;
        inode_unref(&o->t.vfs);
    }
}

void ov_inode_free(struct inode *i)
{
    struct ov_inode *o = ov_i(i);
    hlist_del_init(&o->by_lower);
    if (o->t.data) {
        tmpfs_charge(i, 0);
        switch (i->mode & LINUX_S_IFMT) {
        case LINUX_S_IFDIR: tmpfs_dir_free(&o->t); break;
        case LINUX_S_IFREG: tmpfs_reg_free(&o->t); break;
        case LINUX_S_IFLNK: arena_strfree(o->t.data->target); break;
        default: break;
        }
        tmpfs_xattrs_free(&o->t);
        SLAB_FREE(OVERLAY_DATA, o->t.data);
    }
    ov_s(i->sb)->t.used_inodes--;
    struct dentry *d = ov_is(o, OV_HOLDS) ? o->lower : NULL;
    SLAB_FREE(OVERLAY_INODE, o);
    dentry_unref(d);
}
