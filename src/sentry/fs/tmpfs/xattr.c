#include <errno.h>
#include <string.h>

#include "abi/xattr.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/tmpfs/tmpfs_priv.h"

static bool namespace_known(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0 ||
           strncmp(name, "security.", 9) == 0;
}

static struct tmpfs_xattr **find(struct inode *i, const char *name)
{
    struct tmpfs_xattr **at = &tmpfs_i(i)->data->xattrs;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    if (!namespace_known(name))
        return -EOPNOTSUPP;
    const struct tmpfs_xattr *x = *find(i, name);
    if (!x)
        return -ENODATA;
    if (size == 0)
        return (ssize_t)x->size;
    if (x->size > size)
        return -ERANGE;
    if (x->size)
        memcpy(buf, x->value, x->size);
    return (ssize_t)x->size;
}

static void xattr_free(struct tmpfs_xattr *x)
{
    arena_strfree(x->name);
    if (x->value)
        arena_free(x->value, x->size);
    arena_free(x, sizeof(*x));
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *v, size_t size, uint32_t flags)
{
    if (!namespace_known(name))
        return -EOPNOTSUPP;
    struct tmpfs_xattr **at = find(i, name);
    if (*at && (flags & LINUX_XATTR_CREATE))
        return -EEXIST;
    if (!*at && (flags & LINUX_XATTR_REPLACE))
        return -ENODATA;
    struct tmpfs_xattr *x = arena_alloc(sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->name = arena_strdup(name);
    x->value = size ? arena_memdup(v, size) : NULL;
    x->size = size;
    if (!x->name || (size && !x->value)) {
        x->size = x->value ? size : 0;
        xattr_free(x);
        return -ENOMEM;
    }
    struct tmpfs_xattr *old = *at;
    x->next = old ? old->next : NULL;
    *at = x;
    if (old)
        xattr_free(old);
    inode_touch(i, ATTR_CTIME);
    return 0;
}

ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size)
{
    size_t n = 0;
    for (const struct tmpfs_xattr *x = tmpfs_i(i)->data->xattrs; x; x = x->next) {
        size_t len = strlen(x->name) + 1;
        if (size && n + len > size)
            return -ERANGE;
        if (size)
            memcpy(buf + n, x->name, len);
        n += len;
    }
    return (ssize_t)n;
}

int tmpfs_removexattr(struct inode *i, const char *name)
{
    if (!namespace_known(name))
        return -EOPNOTSUPP;
    struct tmpfs_xattr **at = find(i, name), *x = *at;
    if (!x)
        return -ENODATA;
    *at = x->next;
    xattr_free(x);
    inode_touch(i, ATTR_CTIME);
    return 0;
}

void tmpfs_xattrs_free(struct tmpfs_inode *i)
{
    while (i->data->xattrs) {
        struct tmpfs_xattr *x = i->data->xattrs;
        i->data->xattrs = x->next;
        xattr_free(x);
    }
}
