/* rename, renameat2. */
#include "sentry/syscalls/fs_priv.h"

struct rename {
    struct walk from, to;
    struct dentry *od, *nd;
    uint32_t flags;
};

static int rename_find(struct task *t, struct rename *rn, int odirfd, struct uaddr oname,
                       int ndirfd, struct uaddr nname)
{
    AUTO(pathbuf) char *opath = NULL;
    AUTO(pathbuf) char *npath = NULL;
    int r = path_copy_in(t, oname, false, &opath);
    if (r == 0)
        r = walk_at(t, odirfd, opath, WALK_PARENT, &rn->from);
    if (r == 0)
        r = path_copy_in(t, nname, false, &npath);
    if (r == 0)
        r = walk_at(t, ndirfd, npath, WALK_PARENT, &rn->to);
    if (r != 0)
        return r;
    if (rn->from.path.mnt != rn->to.path.mnt)
        return -EXDEV;
    if (rn->from.last_dot)
        return -EBUSY;
    if (rn->to.last_dot)
        return rn->flags & LINUX_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (mount_readonly(rn->from.path.mnt))
        return -EROFS;
    /* A directory that is gone has no names, not even new ones. */
    r = rn->from.path.dentry->inode->nlink ? walk_last(&rn->from, &rn->od) : -ENOENT;
    if (r == 0 && rn->od->inode)
        r = rn->to.path.dentry->inode->nlink ? walk_last(&rn->to, &rn->nd) : -ENOENT;
    return r == 0 && !rn->od->inode ? -ENOENT : r;
}

/* What depends on the two names alone. */
static int rename_names(const struct rename *rn)
{
    const struct inode *o = rn->od->inode, *n = rn->nd->inode;
    bool exchange = rn->flags & LINUX_RENAME_EXCHANGE;
    if (!o)
        return -ENOENT;
    if ((rn->flags & LINUX_RENAME_NOREPLACE) && n)
        return -EEXIST;
    if (exchange) {
        if (!n)
            return -ENOENT;
        if (!LINUX_S_ISDIR(n->mode) && rn->to.trailing_slash)
            return -ENOTDIR;
    }
    if (!LINUX_S_ISDIR(o->mode) &&
        (rn->from.trailing_slash || (!exchange && rn->to.trailing_slash)))
        return -ENOTDIR;
    if (dentry_is_below(rn->to.path.dentry, rn->od))
        return -EINVAL;
    if (n && dentry_is_below(rn->from.path.dentry, rn->nd))
        return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int rename_allowed(struct task *t, const struct rename *rn)
{
    struct inode *o = rn->od->inode, *n = rn->nd->inode;
    bool exchange = rn->flags & LINUX_RENAME_EXCHANGE, is_dir = LINUX_S_ISDIR(o->mode);
    bool moves = rn->from.path.dentry != rn->to.path.dentry;
    int r = may_delete(&rn->from.path, rn->od, is_dir, t->cred);
    if (r == 0)
        r = n ? may_delete(&rn->to.path, rn->nd, exchange ? LINUX_S_ISDIR(n->mode) : is_dir,
                           t->cred)
              : may_create(&rn->to.path, rn->nd, t->cred);
    if (r != 0)
        return r;
    if (!rn->from.path.dentry->inode->ops->rename)
        return -EPERM;
    /* A directory that moves gets another "..". */
    if (moves && is_dir)
        r = inode_permission(o, MAY_WRITE, t->cred);
    if (r == 0 && moves && exchange && n && LINUX_S_ISDIR(n->mode))
        r = inode_permission(n, MAY_WRITE, t->cred);
    if (r == 0 && (rn->od->mountpoint || rn->nd->mountpoint))
        r = -EBUSY;
    return r;
}

static int rename_do(const struct rename *rn)
{
    struct inode *odir = rn->from.path.dentry->inode, *ndir = rn->to.path.dentry->inode;
    struct inode *o = rn->od->inode, *n = rn->nd->inode ? inode_ref(rn->nd->inode) : NULL;
    bool exchange = rn->flags & LINUX_RENAME_EXCHANGE;
    int r = odir->ops->rename(odir, rn->od, ndir, rn->nd, rn->flags);
    if (r == 0) {
        uint32_t dir_bit = LINUX_S_ISDIR(o->mode) ? LINUX_IN_ISDIR : 0,
                 cookie = ++vfs()->rename_cookie;
        notify_dir(odir, dentry_name(rn->od), LINUX_IN_MOVED_FROM | dir_bit, cookie);
        notify_dir(ndir, dentry_name(rn->nd), LINUX_IN_MOVED_TO | dir_bit, cookie);
        if (exchange) {
            dentry_swap(rn->od, rn->nd);
        } else {
            if (n && LINUX_S_ISDIR(n->mode))
                n->nlink = 0;
            dentry_drop(rn->nd);
            dentry_move(rn->od, rn->to.path.dentry, rn->to.last, rn->to.last_len);
            if (n) {
                notify_self(n, LINUX_IN_ATTRIB);
                notify_unlinked(n);
            }
        }
        notify_self(o, LINUX_IN_MOVE_SELF);
    }
    inode_unref(n);
    return r;
}

static int64_t do_rename(struct task *t, int odirfd, struct uaddr oname, int ndirfd,
                         struct uaddr nname, uint32_t flags)
{
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE | LINUX_RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & (LINUX_RENAME_NOREPLACE | LINUX_RENAME_WHITEOUT)) &&
        (flags & LINUX_RENAME_EXCHANGE))
        return -EINVAL;
    struct rename rn = {.flags = flags};
    int r = rename_find(t, &rn, odirfd, oname, ndirfd, nname);
    if (r == 0)
        r = rename_names(&rn);
    if (r == 0 && rn.od->inode != rn.nd->inode) { /* two names of one file: nothing to do */
        r = rename_allowed(t, &rn);
        if (r == 0)
            r = rename_do(&rn);
    }
    dentry_unref(rn.od);
    dentry_unref(rn.nd);
    path_unref(&rn.from.path);
    path_unref(&rn.to.path);
    return r;
}

int64_t sys_rename(struct task *t, const struct sys_args *a)
{
    return do_rename(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), LINUX_AT_FDCWD, arg_uaddr(a, 1), 0);
}

int64_t sys_renameat(struct task *t, const struct sys_args *a)
{
    return do_rename(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2), arg_uaddr(a, 3), 0);
}

int64_t sys_renameat2(struct task *t, const struct sys_args *a)
{
    return do_rename(t, arg_int(a, 0), arg_uaddr(a, 1), arg_int(a, 2), arg_uaddr(a, 3),
                     arg_uint(a, 4));
}
