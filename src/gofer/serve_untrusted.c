/* Answers the sentry's requests. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gofer/gofer.h"
#include "gofer/serve_priv.h"
#include "host/msg.h"

static uint64_t open_flags(uint32_t flags)
{
    bool rd = flags & GOFER_OPEN_READ;
    bool wr = flags & GOFER_OPEN_WRITE;
    /* O_NONBLOCK: should the object become a FIFO after the check, the open does not hang. */
    return (uint64_t)(rd && wr ? O_RDWR
                      : wr     ? O_WRONLY
                               : O_RDONLY) |
           O_NONBLOCK | O_NOCTTY | (flags & GOFER_OPEN_DIRECTORY ? O_DIRECTORY : 0);
}

static int type_check(const struct stat *st, uint32_t flags)
{
    if (S_ISLNK(st->st_mode))
        return -ELOOP;
    if (flags & GOFER_OPEN_FIFO)
        return S_ISFIFO(st->st_mode) ? 0 : -EACCES;
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return -EACCES;
    if ((flags & GOFER_OPEN_DIRECTORY) && !S_ISDIR(st->st_mode))
        return -ENOTDIR;
    return 0;
}

/* A descriptor, attributes in the reply; or -errno. */
static int do_open(struct server *s)
{
    struct stat st;
    uint32_t flags = s->request.q.flags;
    bool path_only = flags & GOFER_OPEN_PATH;
    if ((flags & GOFER_OPEN_FIFO) && !(s->access & GOFER_ACCESS_FIFO_OPEN))
        return -EPERM;
    int fd = path_open(s, &s->request.path, O_PATH);
    if (fd < 0)
        return fd;
    int r = host_fstat(fd, &st);
    if (r == 0 && path_only)
        r = (flags & GOFER_OPEN_DIRECTORY) && !S_ISDIR(st.st_mode) ? -ENOTDIR : 0;
    else if (r == 0)
        r = type_check(&st, flags);
    if (r == 0 && !path_only) {
        (void)!host_close(fd);
        fd = path_open(s, &s->request.path, open_flags(flags));
        if (fd < 0)
            return fd;
        r = host_fstat(fd, &st);
        if (r == 0)
            r = type_check(&st, flags); /* it may be another one now */
    }
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    attr_add(s, &st);
    return fd;
}

static int do_stat(struct server *s)
{
    int fd = path_open(s, &s->request.path, O_PATH);
    if (fd < 0)
        return fd;
    int r = attr_of(s, fd);
    (void)!host_close(fd);
    return r;
}

/* The components from the first that is asked about, each below the one before. */
static int do_walk(struct server *s)
{
    const struct gofer_path *p = &s->request.path;
    struct gofer_path dir = {.count = s->request.q.flags};
    const char *at = p->text;
    for (uint32_t i = 0; i < dir.count; i++)
        at = strchr(at, '/') + 1;
    if (dir.count > 0) {
        memcpy(dir.text, p->text, (size_t)(at - p->text) - 1);
        dir.text[at - p->text - 1] = 0;
    }
    int fd = path_open(s, &dir, O_PATH | O_DIRECTORY);
    int r = fd < 0 ? fd : 0;
    for (uint32_t i = dir.count; r == 0 && i < p->count; i++) {
        char name[GOFER_NAME_MAX + 1];
        struct stat st;
        size_t n = strcspn(at, "/");
        memcpy(name, at, n);
        name[n] = 0;
        at += n + 1;
        int next = beneath_open(fd, name, O_PATH);
        (void)!host_close(fd);
        fd = next;
        r = fd < 0 ? fd : host_fstat(fd, &st);
        if (r < 0)
            break;
        attr_add(s, &st);
        if (!S_ISDIR(st.st_mode))
            break; /* what follows is not asked of the host: the sentry sees the link or file */
    }
    if (fd >= 0)
        (void)!host_close(fd);
    return r == -ENOENT || s->reply.attr_count == 0 ? r : 0;
}

static int do_readlink(struct server *s)
{
    int fd = path_open(s, &s->request.path, O_PATH);
    if (fd < 0)
        return fd;
    struct stat st;
    ssize_t n = host_fstat(fd, &st);
    if (n == 0)
        n = S_ISLNK(st.st_mode) ? host_readlinkat(fd, "", (char *)s->data, 4096) : -EINVAL;
    (void)!host_close(fd);
    if (n < 0)
        return (int)n;
    s->reply.data_len = (uint32_t)n;
    return 0;
}

/* 0 or a descriptor for the reply; -errno. */
static int request_do(struct server *s, bool *ret_fd)
{
    *ret_fd = false;
    if (s->request.q.mount >= s->mount_count)
        return -EINVAL;
    if ((s->attached >= 0) != ((s->request.q.flags & GOFER_ATTACHED) != 0))
        return -EBADF;
    if (s->mounts[s->request.q.mount].store &&
        (s->request.q.op != GOFER_TMPFILE || s->request.path.count > 0))
        return -EPERM;
    switch (s->request.q.op) {
    case GOFER_OPEN: *ret_fd = true; return do_open(s);
    case GOFER_CREATE: *ret_fd = true; return do_create(s);
    case GOFER_TMPFILE: *ret_fd = true; return do_tmpfile(s);
    case GOFER_STAT: return do_stat(s);
    case GOFER_READLINK: return do_readlink(s);
    case GOFER_WALK: return do_walk(s);
    case GOFER_MKDIR:
    case GOFER_MKNOD:
    case GOFER_SYMLINK: return do_make(s);
    case GOFER_LINK: return do_link(s);
    case GOFER_UNLINK: return do_unlink(s);
    case GOFER_RENAME: return do_rename(s);
    case GOFER_SETATTR: return do_setattr(s);
    case GOFER_GETXATTR:
    case GOFER_SETXATTR:
    case GOFER_LISTXATTR:
    case GOFER_REMOVEXATTR: return do_xattr(s);
    case GOFER_STATFS: return do_statfs(s);
    case GOFER_CONNECT: *ret_fd = true; return do_connect(s);
    case GOFER_BIND: *ret_fd = true; return do_bind(s);
    case GOFER_END: break; /* not here */
    }
    return -EINVAL;
}

/* The host is short of memory at this moment: the message is still there, or still to be sent. */
#define PATIENCE 100

static ssize_t request_take(struct server *s, int socket, uint8_t *in)
{
    ssize_t n;
    size_t count = 0;
    int tries = 0;
    do {
        s->attached = -1;
        n = host_msg_recv(socket, in, GOFER_REQUEST_MAX, &s->attached, 1, &count, 0);
    } while ((n == -ENOMEM || n == -ENOBUFS) && tries++ < PATIENCE);
    return n;
}

static int reply_send(struct server *s, int socket, uint8_t *out, int fd)
{
    int r, tries = 0;
    size_t n = gofer_reply_build(out, &s->reply);
    do
        r = host_msg_send(socket, out, n, &fd, fd >= 0, 0);
    while ((r == -ENOMEM || r == -ENOBUFS) && tries++ < PATIENCE);
    return r;
}

/* One message in, one out. 0 at the end of the connection, 1 to go on, GOFER_ENDED and more at the end of the container. */
static int serve_one(struct server *s, int socket, uint8_t *in, uint8_t *out)
{
    bool has_fd = false;
    s->reply = (struct gofer_reply){.type = GOFER_REPLY, .data = s->data};
    ssize_t n = request_take(s, socket, in);
    if (n == 0 || n == -ECONNRESET)
        return 0;
    if (n < 0 && n != -EBADMSG)
        return (int)n;
    int r = n < 0 ? (int)n : gofer_request_parse(in, (size_t)n, &s->request);
    if (n >= 0)
        s->reply.tag = s->request.q.tag;
    if (r == 0 && s->request.q.op == GOFER_END)
        return GOFER_ENDED + (int)s->request.q.flags;
    if (r == 0)
        r = request_do(s, &has_fd);
    int fd = has_fd && r >= 0 ? r : -1;
    if (r < 0)
        s->reply.data_len = 0;
    if (r < 0 && !(s->request.q.op == GOFER_WALK && r == -ENOENT))
        s->reply.attr_count = 0;
    s->reply.value = r < 0 ? error_map(r) : 0;
    if (s->attached >= 0)
        (void)!host_close(s->attached);
    r = reply_send(s, socket, out, fd);
    if (fd >= 0)
        (void)!host_close(fd);
    return r < 0 ? 0 : 1; /* the sentry is gone */
}

int gofer_serve(int socket, const struct gofer_mount *mounts, unsigned mount_count, uint32_t access)
{
    static struct server s;
    static uint8_t in[GOFER_REQUEST_MAX];
    static uint8_t out[GOFER_REPLY_MAX];
    s.mounts = mounts;
    s.mount_count = mount_count;
    s.access = access;
    int r;
    do
        r = serve_one(&s, socket, in, out);
    while (r == 1);
    return r;
}
