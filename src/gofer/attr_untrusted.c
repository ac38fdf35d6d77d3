/* Requests about attributes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "gofer/serve_priv.h"

/* chmod that never follows: a host without fchmodat2 gets it done through a descriptor, which sockets do not have. */
int mode_set(const struct server *s, int dir, const char *name, uint32_t mode)
{
    int r = host_fchmodat2(dir, name, mode, AT_SYMLINK_NOFOLLOW);
    if (r != -ENOSYS)
        return r;
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = host_openat2(dir, name, &how, sizeof how);
    if (fd < 0)
        return fd;
    r = host_fchmod(fd, mode);
    (void)!host_close(fd);
    return r;
}

/* What SETATTR changes: name below dir, or the descriptor itself (name ""). */
struct target {
    int dir;
    const char *name;
    bool attached;
};

static int target_open(const struct server *s, struct target *t)
{
    t->attached = s->request.q.flags & GOFER_ATTACHED;
    t->name = "";
    if (s->request.path.count > 0)
        t->dir = parent_open(s, &s->request.path, &t->name);
    else
        t->dir = object_open(s, O_RDONLY | O_DIRECTORY);
    return t->dir;
}

static int owner_set(const struct gofer_query *q, const struct target *t)
{
    uid_t uid = q->valid & GOFER_SET_UID ? q->uid : (uid_t)-1;
    gid_t gid = q->valid & GOFER_SET_GID ? q->gid : (gid_t)-1;
    return host_fchownat(t->dir, t->name, uid, gid,
                         AT_SYMLINK_NOFOLLOW | (t->name[0] ? 0 : AT_EMPTY_PATH));
}

static int times_set(const struct gofer_query *q, const struct target *t)
{
    struct timespec ts[2] = {
        {.tv_sec = q->atime_sec,
         .tv_nsec = q->valid & GOFER_SET_ATIME ? (long)q->atime_nsec : UTIME_OMIT},
        {.tv_sec = q->mtime_sec,
         .tv_nsec = q->valid & GOFER_SET_MTIME ? (long)q->mtime_nsec : UTIME_OMIT},
    };
    return t->name[0] ? host_utimensat(t->dir, t->name, ts, AT_SYMLINK_NOFOLLOW)
                      : host_utimensat(t->dir, NULL, ts, 0);
}

/* The owner first: changing it takes set-user-ID bits away. */
int do_setattr(struct server *s)
{
    const struct gofer_query *q = &s->request.q;
    struct target t;
    struct stat st;
    int r = target_open(s, &t);
    if (r < 0)
        return r;
    r = q->valid & (GOFER_SET_UID | GOFER_SET_GID) ? owner_set(q, &t) : 0;
    if (r == 0 && (q->valid & GOFER_SET_MODE))
        r = t.name[0] ? mode_set(s, t.dir, t.name, q->mode) : host_fchmod(t.dir, q->mode);
    if (r == 0 && (q->valid & (GOFER_SET_ATIME | GOFER_SET_MTIME)))
        r = times_set(q, &t);
    if (r == 0)
        r = host_newfstatat(t.dir, t.name, &st,
                            AT_SYMLINK_NOFOLLOW | (t.name[0] ? 0 : AT_EMPTY_PATH));
    if (r == 0)
        attr_add(s, &st);
    fd_done(s, t.dir);
    return r;
}

/* Only regular files and directories have them, and only those are opened. */
static int xattr_open(const struct server *s)
{
    if (s->request.q.flags & GOFER_ATTACHED)
        return object_open(s, 0);
    struct stat st;
    int fd = path_open(s, &s->request.path, O_PATH);
    if (fd < 0)
        return fd;
    int r = host_fstat(fd, &st);
    (void)!host_close(fd);
    if (r < 0)
        return r;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return s->request.q.op == GOFER_SETXATTR || s->request.q.op == GOFER_REMOVEXATTR ? -EPERM
                                                                                         : -ENODATA;
    return path_open(s, &s->request.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int do_xattr(struct server *s)
{
    const struct gofer_query *q = &s->request.q;
    if (q->op != GOFER_LISTXATTR && !gofer_xattr_name_ok(q->name))
        return -EOPNOTSUPP;
    int fd = xattr_open(s);
    if (fd < 0)
        return fd;
    ssize_t n = 0;
    switch (q->op) {
    case GOFER_GETXATTR: n = host_fgetxattr(fd, q->name, s->data, sizeof s->data); break;
    case GOFER_SETXATTR:
        n = host_fsetxattr(fd, q->name, q->data, q->data_len,
                           (q->flags & GOFER_XATTR_CREATE ? XATTR_CREATE : 0) |
                               (q->flags & GOFER_XATTR_REPLACE ? XATTR_REPLACE : 0));
        break;
    case GOFER_REMOVEXATTR: n = host_fremovexattr(fd, q->name); break;
    default:
        n = host_flistxattr(fd, (char *)s->data, sizeof s->data);
        if (n > 0)
            n = (ssize_t)gofer_xattr_names_keep((char *)s->data, (size_t)n);
        break;
    }
    fd_done(s, fd);
    if (n < 0)
        return (int)n;
    s->reply.data_len = (uint32_t)n;
    return 0;
}

int do_statfs(struct server *s)
{
    struct statfs st;
    int fd = path_open(s, &s->request.path, O_PATH);
    if (fd < 0)
        return fd;
    int r = host_fstatfs(fd, &st);
    (void)!host_close(fd);
    if (r < 0)
        return r;
    struct gofer_statfs out = GOFER_STATFS_OF(&st);
    memcpy(s->data, &out, sizeof out);
    s->reply.data_len = sizeof out;
    return 0;
}
