/* access, chmod, chown. */
#include "abi/capability.h"
#include "sentry/ns/user_ns.h"
#include "sentry/syscalls/fs_priv.h"

/* The caller's rights by its real ids, for access(2). NULL: no memory. */
static struct cred *real_cred(const struct task *t)
{
    struct cred *c = cred_dup(t->cred);
    if (!c)
        return NULL;
    c->fsuid = c->uid;
    c->fsgid = c->gid;
    if (!(c->securebits & LINUX_SECBIT_NO_SETUID_FIXUP))
        c->cap_eff = c->uid == uid_named(t, 0) ? c->cap_perm : 0;
    return c;
}

static int access_check(const struct task *t, const struct path *p, uint32_t mode)
{
    struct inode *i = p->dentry->inode;
    if (mode == LINUX_F_OK)
        return 0;
    if ((mode & LINUX_X_OK) && LINUX_S_ISREG(i->mode) && (p->mnt->flags & LINUX_MS_NOEXEC))
        return -EACCES;
    uint32_t may = (mode & LINUX_R_OK ? MAY_READ : 0u) | (mode & LINUX_W_OK ? MAY_WRITE : 0u) |
                   (mode & LINUX_X_OK ? MAY_EXEC : 0u);
    int r = inode_permission(i, may, t->cred);
    bool special = LINUX_S_ISCHR(i->mode) || LINUX_S_ISBLK(i->mode) || LINUX_S_ISFIFO(i->mode) ||
                   LINUX_S_ISSOCK(i->mode);
    if (r == 0 && (mode & LINUX_W_OK) && !special && mount_readonly(p->mnt))
        r = -EROFS;
    return r;
}

static int64_t do_access(struct task *t, int dirfd, struct uaddr name, uint32_t mode,
                         uint32_t flags)
{
    uint32_t walk;
    if ((mode & ~7u) ||
        fs_at_flags(flags, LINUX_AT_EACCESS | LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH,
                    &walk) < 0)
        return -EINVAL;
    const struct cred *c = t->cred;
    struct cred *saved = NULL;
    if (!(flags & LINUX_AT_EACCESS) &&
        (c->uid != c->fsuid || c->gid != c->fsgid ||
         (c->uid != uid_named(t, 0) ? c->cap_eff != 0 : c->cap_eff != c->cap_perm))) {
        struct cred *real = real_cred(t);
        if (!real)
            return -ENOMEM;
        saved = t->cred;
        t->cred = real;
    }
    struct walk w = {0};
    int r = fs_walk_user(t, dirfd, name, walk, &w);
    if (r == 0)
        r = access_check(t, &w.path, mode);
    walk_done(&w);
    if (saved) {
        cred_unref(t->cred);
        t->cred = saved;
    }
    return r;
}

int64_t sys_access(struct task *t, const struct sys_args *a)
{
    return do_access(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1), 0);
}

int64_t sys_faccessat(struct task *t, const struct sys_args *a)
{
    return do_access(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), 0);
}

int64_t sys_faccessat2(struct task *t, const struct sys_args *a)
{
    return do_access(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), arg_uint(a, 3));
}

static int path_setattr(struct task *t, const struct path *p, struct iattr *a)
{
    if (mount_readonly(p->mnt))
        return -EROFS;
    int r = inode_setattr(p->dentry->inode, a, t->cred, false);
    if (r == 0)
        notify_change(p->dentry, a->valid);
    return r;
}

static int path_chmod(struct task *t, const struct path *p, uint32_t mode)
{
    if (LINUX_S_ISLNK(p->dentry->inode->mode))
        return -EOPNOTSUPP;
    struct iattr a = {.valid = ATTR_MODE, .mode = mode & LINUX_S_IALLUGO};
    return path_setattr(t, p, &a);
}

static int path_chown(struct task *t, const struct path *p, uint32_t uid, uint32_t gid)
{
    struct iattr a = {.valid = ATTR_KILL_SUID, .uid = uid_named(t, uid), .gid = gid_named(t, gid)};
    if ((uid != UINT32_MAX && a.uid == ID_NONE) || (gid != UINT32_MAX && a.gid == ID_NONE))
        return -EINVAL;
    if (uid != UINT32_MAX)
        a.valid |= ATTR_UID;
    if (gid != UINT32_MAX)
        a.valid |= ATTR_GID;
    return path_setattr(t, p, &a);
}

static int64_t do_chmod(struct task *t, int dirfd, struct uaddr name, uint32_t mode, uint32_t flags)
{
    uint32_t walk;
    AUTO(walk) struct walk w = {0};
    int r = fs_at_flags(flags, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH, &walk);
    if (r == 0)
        r = fs_walk_user(t, dirfd, name, walk, &w);
    return r < 0 ? r : path_chmod(t, &w.path, mode);
}

int64_t sys_chmod(struct task *t, const struct sys_args *a)
{
    return do_chmod(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1), 0);
}

int64_t sys_fchmodat(struct task *t, const struct sys_args *a)
{
    return do_chmod(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), 0);
}

int64_t sys_fchmodat2(struct task *t, const struct sys_args *a)
{
    return do_chmod(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), arg_uint(a, 3));
}

int64_t sys_fchmod(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    return f ? path_chmod(t, &f->path, arg_uint(a, 1)) : -EBADF;
}

static int64_t do_chown(struct task *t, int dirfd, struct uaddr name, uint32_t uid, uint32_t gid,
                        uint32_t flags)
{
    uint32_t walk;
    AUTO(walk) struct walk w = {0};
    int r = fs_at_flags(flags, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH, &walk);
    if (r == 0)
        r = fs_walk_user(t, dirfd, name, walk, &w);
    return r < 0 ? r : path_chown(t, &w.path, uid, gid);
}

int64_t sys_chown(struct task *t, const struct sys_args *a)
{
    return do_chown(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1), arg_uint(a, 2), 0);
}

int64_t sys_lchown(struct task *t, const struct sys_args *a)
{
    return do_chown(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uint(a, 1), arg_uint(a, 2),
                    LINUX_AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(struct task *t, const struct sys_args *a)
{
    return do_chown(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uint(a, 2), arg_uint(a, 3),
                    arg_uint(a, 4));
}

int64_t sys_fchown(struct task *t, const struct sys_args *a)
{
    AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
    return f ? path_chown(t, &f->path, arg_uint(a, 1), arg_uint(a, 2)) : -EBADF;
}
