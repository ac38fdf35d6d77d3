/* Extended attributes: set, get, list, remove, by path, link and descriptor. */
#include "abi/capability.h"
#include "abi/xattr.h"
#include "sentry/arena/arena.h"
#include "sentry/syscalls/fs_priv.h"
#include "sentry/vfs/acl.h"

#include <string.h>

/* The object of a call: a path (links followed or not), or a descriptor. Counted. */
static int xattr_path(struct task *t, const struct sys_args *a, bool by_fd, uint32_t walk,
                      struct path *ret)
{
    if (by_fd) {
        AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
        if (!f)
            return -EBADF;
        *ret = path_ref(&f->path);
        return 0;
    }
    struct walk w = {0};
    int r = fs_walk_user(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), walk, &w);
    if (r == 0)
        *ret = w.path;
    return r;
}

static int name_copy_in(struct task *t, struct uaddr src, char name[LINUX_XATTR_NAME_MAX + 1])
{
    ssize_t n = copy_in_string(t, name, src, LINUX_XATTR_NAME_MAX + 1);
    if (n == -ENAMETOOLONG || n == 0)
        return -ERANGE;
    return n < 0 ? (int)n : 0;
}

/* A prefix alone names nothing. */
static bool name_is_prefix(const char *name)
{
    return str_eq(name, LINUX_XATTR_USER_PREFIX) || str_eq(name, LINUX_XATTR_TRUSTED_PREFIX) ||
           str_eq(name, LINUX_XATTR_SECURITY_PREFIX);
}

/* xattr_permission(): which names this caller may use on this file. */
static int name_allowed(struct task *t, struct inode *i, const char *name, uint32_t may)
{
    if (str_starts(name, LINUX_XATTR_SECURITY_PREFIX) ||
        str_starts(name, LINUX_XATTR_SYSTEM_PREFIX)) {
        if ((may & MAY_WRITE) && str_starts(name, LINUX_XATTR_SECURITY_PREFIX) &&
            !task_capable(t, LINUX_CAP_SYS_ADMIN) &&
            !(str_eq(name, LINUX_XATTR_NAME_CAPS) && task_capable(t, LINUX_CAP_SETFCAP)))
            return -EPERM;
        return 0;
    }
    if (str_starts(name, LINUX_XATTR_TRUSTED_PREFIX)) {
        if (!task_capable(t, LINUX_CAP_SYS_ADMIN))
            return may & MAY_WRITE ? -EPERM : -ENODATA;
        return 0;
    }
    bool user = str_starts(name, LINUX_XATTR_USER_PREFIX);
    if (user && !LINUX_S_ISREG(i->mode) && !LINUX_S_ISDIR(i->mode))
        return may & MAY_WRITE ? -EPERM : -ENODATA;
    if (user && LINUX_S_ISDIR(i->mode) && (i->mode & LINUX_S_ISVTX) && (may & MAY_WRITE) &&
        !inode_owner_or_capable(i, t->cred))
        return -EPERM;
    int r = inode_permission(i, may, t->cred);
    return r == 0 && !user ? -EOPNOTSUPP : r;
}

static int64_t do_set(struct task *t, const struct path *p, const struct sys_args *a)
{
    char name[LINUX_XATTR_NAME_MAX + 1];
    uint64_t size = a->arg[3];
    uint32_t flags = arg_uint(a, 4);
    struct inode *i = p->dentry->inode;
    if (flags & ~(LINUX_XATTR_CREATE | LINUX_XATTR_REPLACE))
        return -EINVAL;
    int r = name_copy_in(t, arg_uaddr(a, 1), name);
    if (r < 0)
        return r;
    if (size > LINUX_XATTR_SIZE_MAX)
        return -E2BIG;
    char *value = size ? arena_alloc(size) : NULL;
    if (size && !value)
        return -ENOMEM;
    if (size)
        r = copy_in(t, value, arg_uaddr(a, 2), size);
    if (r == 0 && mount_readonly(p->mnt))
        r = -EROFS;
    if (r == 0)
        r = name_allowed(t, i, name, MAY_WRITE);
    bool dflt;
    if (r == 0 && acl_name(name, &dflt))
        r = acl_set(i, dflt, value, size, t->cred);
    else if (r == 0 && !i->ops->setxattr)
        r = -EOPNOTSUPP;
    else if (r == 0)
        r = name_is_prefix(name) ? -EINVAL : i->ops->setxattr(i, name, value, size, flags);
    if (r == 0)
        notify_dentry(p->dentry, LINUX_IN_ATTRIB);
    if (value)
        arena_free(value, size);
    return r;
}

static int64_t do_get(struct task *t, const struct path *p, const struct sys_args *a)
{
    char name[LINUX_XATTR_NAME_MAX + 1];
    uint64_t size = MIN(a->arg[3], (uint64_t)LINUX_XATTR_SIZE_MAX);
    struct inode *i = p->dentry->inode;
    ssize_t n = name_copy_in(t, arg_uaddr(a, 1), name);
    if (n == 0)
        n = name_allowed(t, i, name, MAY_READ);
    if (n < 0)
        return n;
    bool dflt, acl = acl_name(name, &dflt) && i->sb->posix_acl;
    if (!i->ops->getxattr && !acl)
        return -EOPNOTSUPP;
    if (name_is_prefix(name))
        return -EINVAL;
    char *value = size ? arena_alloc(size) : NULL;
    if (size && !value)
        return -ENOMEM;
    n = acl ? acl_get(i, dflt, value, size) : i->ops->getxattr(i, name, value, size);
    if (n > 0 && size && copy_out(t, arg_uaddr(a, 2), value, (size_t)n) < 0)
        n = -EFAULT;
    if (value)
        arena_free(value, size);
    return n;
}

static int64_t do_list(struct task *t, const struct path *p, const struct sys_args *a)
{
    uint64_t size = MIN(a->arg[2], (uint64_t)LINUX_XATTR_LIST_MAX);
    struct inode *i = p->dentry->inode;
    if (!i->ops->listxattr)
        return 0;
    char *list = size ? arena_alloc(size) : NULL;
    if (size && !list)
        return -ENOMEM;
    ssize_t n = acl_list(i, list, size, i->ops->listxattr(i, list, size));
    if (n > 0 && size && copy_out(t, arg_uaddr(a, 1), list, (size_t)n) < 0)
        n = -EFAULT;
    if (list)
        arena_free(list, size);
    return n;
}

static int64_t do_remove(struct task *t, const struct path *p, const struct sys_args *a)
{
    char name[LINUX_XATTR_NAME_MAX + 1];
    struct inode *i = p->dentry->inode;
    int r = name_copy_in(t, arg_uaddr(a, 1), name);
    if (r == 0 && mount_readonly(p->mnt))
        r = -EROFS;
    if (r == 0)
        r = name_allowed(t, i, name, MAY_WRITE);
    bool dflt;
    if (r == 0 && acl_name(name, &dflt))
        r = acl_remove(i, dflt, t->cred);
    else if (r == 0 && !i->ops->removexattr)
        r = -EOPNOTSUPP;
    else if (r == 0)
        r = name_is_prefix(name) ? -EINVAL : i->ops->removexattr(i, name);
    if (r == 0)
        notify_dentry(p->dentry, LINUX_IN_ATTRIB);
    return r;
}

static int64_t xattr_call(struct task *t, const struct sys_args *a, bool by_fd, uint32_t walk,
                          int64_t (*fn)(struct task *, const struct path *,
                                        const struct sys_args *))
{
    struct path p = {0};
    int64_t r = xattr_path(t, a, by_fd, walk, &p);
    if (r == 0)
        r = fn(t, &p, a);
    path_unref(&p);
    return r;
}

int64_t sys_setxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, 0, do_set);
}
int64_t sys_lsetxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, WALK_NOFOLLOW, do_set);
}
int64_t sys_fsetxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, true, 0, do_set);
}
int64_t sys_getxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, 0, do_get);
}
int64_t sys_lgetxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, WALK_NOFOLLOW, do_get);
}
int64_t sys_fgetxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, true, 0, do_get);
}
int64_t sys_listxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, 0, do_list);
}
int64_t sys_llistxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, WALK_NOFOLLOW, do_list);
}
int64_t sys_flistxattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, true, 0, do_list);
}
int64_t sys_removexattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, 0, do_remove);
}
int64_t sys_lremovexattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, false, WALK_NOFOLLOW, do_remove);
}
int64_t sys_fremovexattr(struct task *t, const struct sys_args *a)
{
    return xattr_call(t, a, true, 0, do_remove);
}

/* ---- setxattrat and its kin: names below a directory, and arguments in a structure that may grow ---- */

static int xattr_at(struct task *t, const struct sys_args *a, struct path *ret)
{
    uint32_t flags = arg_uint(a, 2), walk;
    int r = fs_at_flags(flags, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH, &walk);
    if (r < 0)
        return r;
    AUTO(pathbuf) char *name = NULL;
    if (a->arg[1] || !(flags & LINUX_AT_EMPTY_PATH))
        r = path_copy_in(t, arg_uaddr(a, 1), flags & LINUX_AT_EMPTY_PATH, &name);
    if (r < 0)
        return r;
    if ((!name || !name[0]) && arg_int(a, 0) != LINUX_AT_FDCWD) {
        AUTO(file) struct file *f = fd_get_io(t, arg_int(a, 0));
        if (!f)
            return -EBADF;
        *ret = path_ref(&f->path);
        return 0;
    }
    struct walk w = {0};
    r = walk_at(t, arg_int(a, 0), name ? name : "", walk, &w);
    if (r == 0)
        *ret = w.path;
    return r;
}

/* -EINVAL too small, -E2BIG too large or something that is not known, -EFAULT. */
static int xattr_args_in(struct task *t, const struct sys_args *a, struct linux_xattr_args *ret)
{
    uint64_t size = a->arg[5];
    uint8_t rest[64];
    struct uaddr src = arg_uaddr(a, 4);
    if (size < sizeof(*ret))
        return -EINVAL;
    if (size > LINUX_PAGE_SIZE)
        return -E2BIG;
    if (copy_in(t, ret, src, sizeof(*ret)) < 0)
        return -EFAULT;
    for (uint64_t at = sizeof(*ret); at < size; at += sizeof(rest)) {
        size_t n = (size_t)MIN(size - at, (uint64_t)sizeof(rest));
        if (copy_in(t, rest, UADDR(src.v + at), n) < 0)
            return -EFAULT;
        for (size_t k = 0; k < n; k++)
            if (rest[k])
                return -E2BIG;
    }
    return 0;
}

static int64_t xattr_at_call(struct task *t, const struct sys_args *a, struct sys_args b,
                             int64_t (*fn)(struct task *, const struct path *,
                                           const struct sys_args *))
{
    struct path p = {0};
    int64_t r = xattr_at(t, a, &p);
    if (r == 0)
        r = fn(t, &p, &b);
    path_unref(&p);
    return r;
}

int64_t sys_setxattrat(struct task *t, const struct sys_args *a)
{
    struct linux_xattr_args x;
    int r = xattr_args_in(t, a, &x);
    if (r < 0)
        return r;
    return xattr_at_call(t, a, (struct sys_args){{0, a->arg[3], x.value, x.size, x.flags}}, do_set);
}

int64_t sys_getxattrat(struct task *t, const struct sys_args *a)
{
    struct linux_xattr_args x;
    int r = xattr_args_in(t, a, &x);
    if (r == 0 && x.flags)
        r = -EINVAL;
    if (r < 0)
        return r;
    return xattr_at_call(t, a, (struct sys_args){{0, a->arg[3], x.value, x.size}}, do_get);
}

int64_t sys_listxattrat(struct task *t, const struct sys_args *a)
{
    return xattr_at_call(t, a, (struct sys_args){{0, a->arg[3], a->arg[4]}}, do_list);
}

int64_t sys_removexattrat(struct task *t, const struct sys_args *a)
{
    return xattr_at_call(t, a, (struct sys_args){{0, a->arg[3]}}, do_remove);
}
