#include <errno.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"
#include "sentry/io/hostfile.h"
#include "sentry/kernel.h"
#include "sentry/vfs/acl.h"

static const struct inode_ops tmpfs_inode_ops;

struct whole {
    struct tmpfs_inode t; /* first */
    struct tmpfs_data data;
};

void tmpfs_charge(struct inode *i, uint64_t pages)
{
    struct tmpfs_sb *s = tmpfs_s(i->sb);
    struct tmpfs_inode *t = tmpfs_i(i);
    s->used_pages += pages - t->data->charged_pages;
    if (!s->store_new)
        kern()->memory_file_pages += pages - t->data->charged_pages;
    t->data->charged_pages = pages;
}

uint64_t tmpfs_room(const struct tmpfs_sb *s)
{
    uint64_t room = UINT64_MAX, most = kern()->mem_total_bytes / GUEST_PAGE_SIZE / 4 * 3;
    if (s->max_pages)
        room = s->max_pages > s->used_pages ? s->max_pages - s->used_pages : 0;
    if (s->store_new || !most)
        return room;
    /* On Linux the programs are killed when files in memory have eaten it all, and then, the files staying, the machine stops. */
    uint64_t used = kern()->memory_file_pages, left = most > used ? most - used : 0;
    return MIN(room, left);
}

int tmpfs_inode_new(struct super *sb, uint32_t mode, struct tmpfs_inode **ret)
{
    struct tmpfs_sb *s = tmpfs_s(sb);
    if (s->max_inodes && s->used_inodes >= s->max_inodes)
        return -ENOSPC;
    struct whole *w = SLAB_NEW(TMPFS_INODE, struct whole);
    if (!w)
        return -ENOMEM;
    struct tmpfs_inode *t = &w->t;
    t->data = &w->data;
    uint32_t type = mode & LINUX_S_IFMT;
    const struct file_ops *fops = type == LINUX_S_IFDIR   ? &tmpfs_dir_fops
                                  : type == LINUX_S_IFREG ? &tmpfs_reg_fops
                                                          : NULL;
    inode_init(&t->vfs, sb, &tmpfs_inode_ops, fops, mode);
    t->data->seals = LINUX_F_SEAL_SEAL;
    if (type == LINUX_S_IFDIR) {
        tmpfs_dir_init(t);
        t->vfs.size = 40;
    }
    s->used_inodes++;
    *ret = t;
    return 0;
}

static int lookup(struct inode *dir, struct dentry *d)
{
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), dentry_name(d), d->name_len);
    if (d->name_len > TMPFS_NAME_MAX)
        return -ENAMETOOLONG;
    dentry_set_inode(d, e ? inode_ref(e->inode) : NULL);
    return 0;
}

static void dir_changed(struct inode *dir, int64_t size)
{
    dir->size = (uint64_t)((int64_t)dir->size + size);
    inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* Names t in dir and gives the dentry its inode; t's first reference ends here. */
static int name_new(struct inode *dir, struct dentry *d, struct tmpfs_inode *t,
                    const struct cred *cr)
{
    inode_init_owner(&t->vfs, dir, cr);
    int err = acl_inherit(&t->vfs, dir);
    if (!err)
        err = tmpfs_dir_add(tmpfs_i(dir), dentry_name(d), d->name_len, &t->vfs);
    if (err) {
        t->vfs.nlink = 0;
        inode_unref(&t->vfs);
        return err;
    }
    if (inode_is(&t->vfs, LINUX_S_IFDIR))
        dir->nlink++;
    dir_changed(dir, 20);
    dentry_set_inode(d, &t->vfs);
    return 0;
}

static int make(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                const struct cred *cr)
{
    struct tmpfs_inode *t;
    int err = tmpfs_inode_new(dir->sb, mode, &t);
    if (err)
        return err;
    t->vfs.rdev = (uint32_t)rdev;
    return name_new(dir, d, t, cr);
}

static int create(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return make(dir, d, LINUX_S_IFREG | mode, 0, cr);
}

static int tmpfs_mkdir(struct inode *dir, struct dentry *d, uint32_t mode, const struct cred *cr)
{
    return make(dir, d, LINUX_S_IFDIR | mode, 0, cr);
}

static int tmpfs_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev,
                       const struct cred *cr)
{
    return make(dir, d, mode, rdev, cr);
}

static int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target,
                         const struct cred *cr)
{
    struct tmpfs_inode *t;
    int err = tmpfs_inode_new(dir->sb, LINUX_S_IFLNK | 0777, &t);
    if (err)
        return err;
    t->data->target = arena_strdup(target);
    if (!t->data->target) {
        t->vfs.nlink = 0;
        inode_unref(&t->vfs);
        return -ENOMEM;
    }
    t->vfs.size = strlen(target);
    if (t->vfs.size >= TMPFS_SHORT_LINK) { /* a page of its own */
        tmpfs_charge(&t->vfs, 1);
        t->vfs.blocks = 8;
    }
    return name_new(dir, d, t, cr);
}

static int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    int err = tmpfs_dir_add(tmpfs_i(dir), dentry_name(d), d->name_len, target);
    if (err)
        return err;
    target->nlink++;
    inode_touch(target, ATTR_CTIME);
    dir_changed(dir, 20);
    dentry_set_inode(d, inode_ref(target));
    return 0;
}

static int tmpfs_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cr,
                         struct inode **ret)
{
    struct tmpfs_inode *t;
    int err = tmpfs_inode_new(dir->sb, LINUX_S_IFREG | mode, &t);
    if (err)
        return err;
    inode_init_owner(&t->vfs, dir, cr);
    t->vfs.nlink = 0;
    err = acl_inherit(&t->vfs, dir);
    if (err) {
        inode_unref(&t->vfs);
        return err;
    }
    *ret = &t->vfs;
    return 0;
}

/* Takes one name away. */
static void unname(struct inode *dir, struct tmpfs_entry *e)
{
    struct inode *i = e->inode;
    inode_touch(i, ATTR_CTIME);
    if (inode_is(i, LINUX_S_IFDIR)) {
        i->nlink = 0;
        dir->nlink--;
    } else {
        i->nlink--;
    }
    dir_changed(dir, -20);
    tmpfs_dir_remove(tmpfs_i(dir), e);
}

static int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), dentry_name(d), d->name_len);
    if (!e)
        return -ENOENT;
    unname(dir, e);
    return 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
    struct tmpfs_entry *e = tmpfs_dir_find(tmpfs_i(dir), dentry_name(d), d->name_len);
    if (!e)
        return -ENOENT;
    if (tmpfs_i(e->inode)->data->dir.count)
        return -ENOTEMPTY;
    unname(dir, e);
    return 0;
}

static void dir_moved(struct inode *i, struct inode *from, struct inode *to)
{
    if (inode_is(i, LINUX_S_IFDIR) && from != to) {
        from->nlink--;
        to->nlink++;
    }
}

static int tmpfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir,
                        struct dentry *nd, uint32_t flags)
{
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE | LINUX_RENAME_WHITEOUT))
        return -EINVAL;
    struct tmpfs_entry *o = tmpfs_dir_find(tmpfs_i(odir), dentry_name(od), od->name_len);
    struct tmpfs_entry *n = tmpfs_dir_find(tmpfs_i(ndir), dentry_name(nd), nd->name_len);
    if (!o)
        return -ENOENT;
    struct inode *i = o->inode;
    if (flags & LINUX_RENAME_EXCHANGE) {
        if (!n)
            return -ENOENT;
        dir_moved(i, odir, ndir);
        dir_moved(n->inode, ndir, odir);
        o->inode = n->inode;
        n->inode = i;
        inode_touch(o->inode, ATTR_CTIME);
    } else {
        if (n && inode_is(n->inode, LINUX_S_IFDIR) && tmpfs_i(n->inode)->data->dir.count)
            return -ENOTEMPTY;
        struct tmpfs_inode *white = NULL;
        if (flags & LINUX_RENAME_WHITEOUT) {
            int err = tmpfs_inode_new(odir->sb, LINUX_S_IFCHR, &white);
            if (err)
                return err;
        }
        if (!n) { /* the only step that can fail comes first */
            int err = tmpfs_dir_add(tmpfs_i(ndir), dentry_name(nd), nd->name_len, i);
            if (err) {
                inode_unref(white ? &white->vfs : NULL);
                return err;
            }
            dir_changed(ndir, 20);
        } else {
            struct inode *gone = n->inode;
            n->inode = inode_ref(i);
            inode_touch(gone, ATTR_CTIME);
            if (inode_is(gone, LINUX_S_IFDIR)) {
                gone->nlink = 0;
                ndir->nlink--;
            } else {
                gone->nlink--;
            }
            inode_unref(gone);
        }
        dir_moved(i, odir, ndir);
        if (white) {
            inode_unref(o->inode);
            o->inode = &white->vfs;
        } else {
            tmpfs_dir_remove(tmpfs_i(odir), o);
            dir_changed(odir, -20);
        }
    }
    inode_touch(i, ATTR_CTIME);
    inode_touch(odir, ATTR_MTIME | ATTR_CTIME);
    inode_touch(ndir, ATTR_MTIME | ATTR_CTIME);
    return 0;
}

static ssize_t tmpfs_readlink(struct inode *i, char *buf, size_t size)
{
    size_t n = MIN((size_t)i->size, size);
    memcpy(buf, tmpfs_i(i)->data->target, n);
    return (ssize_t)n;
}

static int tmpfs_getattr(struct inode *i, struct kstat *ret)
{
    inode_fill_stat(i, ret);
    ret->blksize = GUEST_PAGE_SIZE;
    ret->has_btime = true;
    if (inode_is(i, LINUX_S_IFREG))
        tmpfs_reg_stat(tmpfs_i(i), ret);
    return 0;
}

static int tmpfs_setattr(struct inode *i, const struct iattr *a)
{
    int sealed = inode_is(i, LINUX_S_IFREG) ? tmpfs_seal_attr(tmpfs_i(i), a) : 0;
    if (sealed)
        return sealed;
    if ((a->valid & ATTR_SIZE) && inode_is(i, LINUX_S_IFREG)) {
        int err = tmpfs_reg_resize(tmpfs_i(i), a->size);
        if (err)
            return err;
    }
    inode_apply_attr(i, a);
    return 0;
}

static void tmpfs_free(struct inode *i)
{
    struct tmpfs_inode *t = tmpfs_i(i);
    struct tmpfs_sb *s = tmpfs_s(i->sb);
    tmpfs_charge(i, 0);
    switch (i->mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR: tmpfs_dir_free(t); break;
    case LINUX_S_IFREG: tmpfs_reg_free(t); break;
    case LINUX_S_IFLNK: arena_strfree(t->data->target); break;
    default: break;
    }
    tmpfs_xattrs_free(t);
    s->used_inodes--;
    SLAB_FREE(TMPFS_INODE, (struct whole *)t);
}

static const struct inode_ops tmpfs_inode_ops = {
    .lookup = lookup,
    .create = create,
    .mkdir = tmpfs_mkdir,
    .mknod = tmpfs_mknod,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .tmpfile = tmpfs_tmpfile,
    .unlink = tmpfs_unlink,
    .rmdir = tmpfs_rmdir,
    .rename = tmpfs_rename,
    .readlink = tmpfs_readlink,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .getxattr = tmpfs_getxattr,
    .setxattr = tmpfs_setxattr,
    .listxattr = tmpfs_listxattr,
    .removexattr = tmpfs_removexattr,
    .free = tmpfs_free,
};
