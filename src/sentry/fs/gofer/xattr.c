/* Extended attributes: those of users. Others carry meaning on the host, and are neither shown nor set. */
#include "abi/stat.h"
#include "abi/xattr.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/gofer/gofer_ops.h"
#include "wire/gofer.h"

#include <string.h>

static int xattr_handle(struct gofer_inode *g, struct hostfile **ret)
{
    if (LINUX_S_ISDIR(g->vfs.mode))
        return gofer_dir_handle(g, true, ret);
    return LINUX_S_ISREG(g->vfs.mode) ? gofer_file_handle(g, false, ret) : -EOPNOTSUPP;
}

/* Without a descriptor at hand the gofer is asked, so that nothing is opened. */
static bool asks(const struct gofer_inode *g)
{
    return !gofer_super_of(g)->direct && gofer_there(g) && !GOFER_OPEN(g, whandle) &&
           !(GOFER_OPEN(g, handle) && (LINUX_S_ISREG(g->vfs.mode) || g->open->dir_readable));
}

static int ask(struct gofer_inode *g, struct gofer_query *q)
{
    int fd;
    int r = gofer_query_object(q, g, &fd);
    return r < 0 ? r : gofer_ask(gofer_super_of(g), q, fd, NULL);
}

static ssize_t answer_copy(void *buf, size_t size)
{
    const struct gofer_reply *reply = gofer_root()->reply;
    if (size && reply->data_len > size)
        return -ERANGE;
    if (size)
        memcpy(buf, reply->data, reply->data_len);
    return (ssize_t)reply->data_len;
}

ssize_t gofer_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    struct gofer_inode *g = to_gofer(i);
    struct hostfile *h;
    if (!gofer_xattr_name_ok(name))
        return -EOPNOTSUPP;
    if (!LINUX_S_ISDIR(i->mode) && !LINUX_S_ISREG(i->mode))
        return -ENODATA;
    if (asks(g)) {
        int r = ask(g, &(struct gofer_query){.op = GOFER_GETXATTR, .name = name});
        return r < 0 ? r : answer_copy(buf, size);
    }
    int r = xattr_handle(g, &h);
    if (r < 0)
        return r;
    ssize_t n = host_fgetxattr(hostfile_fd(h), name, buf, size);
    hostfile_unref(h);
    if (n == -EACCES &&
        gofer_there(g)) { /* the host looks at the mode, whatever the descriptor is for */
        r = ask(g, &(struct gofer_query){.op = GOFER_GETXATTR, .name = name});
        return r < 0 ? r : answer_copy(buf, size);
    }
    return n < 0 ? gofer_err((int)n) : n;
}

static int xattr_change(struct inode *i, struct gofer_query *q)
{
    struct gofer_inode *g = to_gofer(i);
    if (!gofer_xattr_name_ok(q->name) || !gofer_there(g))
        return -EOPNOTSUPP;
    if (!LINUX_S_ISDIR(i->mode) && !LINUX_S_ISREG(i->mode))
        return -EPERM;
    int r = ask(g, q);
    if (r == 0)
        gofer_mark(g, GOFER_STALE); /* ctime */
    return r;
}

int gofer_setxattr(struct inode *i, const char *name, const void *v, size_t size, uint32_t flags)
{
    static_assert(LINUX_XATTR_SIZE_MAX <= GOFER_DATA_MAX, "one message");
    struct gofer_query q = {
        .op = GOFER_SETXATTR, .name = name, .data = v, .data_len = (uint32_t)size};
    q.flags = (flags & LINUX_XATTR_CREATE ? GOFER_XATTR_CREATE : 0u) |
              (flags & LINUX_XATTR_REPLACE ? GOFER_XATTR_REPLACE : 0u);
    return xattr_change(i, &q);
}

int gofer_removexattr(struct inode *i, const char *name)
{
    return xattr_change(i, &(struct gofer_query){.op = GOFER_REMOVEXATTR, .name = name});
}

ssize_t gofer_listxattr(struct inode *i, char *buf, size_t size)
{
    struct hostfile *h;
    if (!LINUX_S_ISDIR(i->mode) && !LINUX_S_ISREG(i->mode))
        return 0;
    if (asks(to_gofer(i))) {
        int r = ask(to_gofer(i), &(struct gofer_query){.op = GOFER_LISTXATTR});
        return r < 0 ? r : answer_copy(buf, size);
    }
    int r = xattr_handle(to_gofer(i), &h);
    if (r < 0)
        return r;
    const size_t cap = 65536; /* XATTR_LIST_MAX */
    char *list = arena_alloc(cap);
    ssize_t n = list ? host_flistxattr(hostfile_fd(h), list, cap) : -ENOMEM;
    hostfile_unref(h);
    if (n > 0)
        n = (ssize_t)gofer_xattr_names_keep(list, (size_t)n);
    if (n > 0 && size) {
        if ((size_t)n > size)
            n = -ERANGE;
        else
            memcpy(buf, list, (size_t)n);
    }
    if (list)
        arena_free(list, cap);
    return n < 0 ? gofer_err((int)n) : n;
}
