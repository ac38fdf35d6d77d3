/* Answers the sentry's requests. */
#include <errno.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "gofer/gofer.h"
#include "host/host.h"
#include "host/msg.h"
#include "wire/gofer.h"

#define RESOLVE_FLAGS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

struct server {
    const int *mounts;
    unsigned mount_count;
    struct gofer_request request;
    struct gofer_reply reply;
    char path[GOFER_PATH_BYTES_MAX + 2];
};

/* The checked components as one relative path; "." is the mount itself. */
static void path_join(struct server *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->request.component_count; i++) {
        size_t len = strlen(s->request.component[i]);
        if (i > 0)
            s->path[n++] = '/';
        memcpy(s->path + n, s->request.component[i], len);
        n += len;
    }
    if (n == 0)
        s->path[n++] = '.';
    s->path[n] = 0;
}

static int resolve(const struct server *s, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_FLAGS};
    if (s->request.component_count == 0) {
        /* A mount may be a single file: then "." is not beneath it, the descriptor itself is the answer. */
        if (flags & O_PATH)
            return host_fcntl(s->mounts[s->request.mount], F_DUPFD_CLOEXEC, 3);
        struct stat st;
        int r = host_fstat(s->mounts[s->request.mount], &st);
        if (r < 0)
            return r;
        if (!S_ISDIR(st.st_mode))
            return -EOPNOTSUPP;
    }
    return host_openat2(s->mounts[s->request.mount], s->path, &how, sizeof how);
}

static void attr_set(struct gofer_attr *a, const struct stat *st)
{
    *a = (struct gofer_attr){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .nlink = st->st_nlink,
        .size_bytes = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .blksize = (uint32_t)st->st_blksize,
        .rdev = st->st_rdev,
        .atime_sec = st->st_atim.tv_sec,
        .mtime_sec = st->st_mtim.tv_sec,
        .ctime_sec = st->st_ctim.tv_sec,
        .atime_nsec = (uint32_t)st->st_atim.tv_nsec,
        .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_nsec = (uint32_t)st->st_ctim.tv_nsec,
    };
}

/* O_PATH descriptor and attributes of the request's object. */
static int object_find(struct server *s, struct stat *ret_st)
{
    int fd = resolve(s, O_PATH);
    if (fd < 0)
        return fd;
    int r = host_fstat(fd, ret_st);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    return fd;
}

static uint64_t open_flags(uint32_t flags)
{
    bool rd = flags & GOFER_OPEN_READ;
    bool wr = flags & GOFER_OPEN_WRITE;
    /* O_NONBLOCK: should the object become a FIFO after the check, the open does not hang. */
    return (uint64_t)(rd && wr ? O_RDWR
                      : wr     ? O_WRONLY
                               : O_RDONLY) |
           O_NONBLOCK | O_NOCTTY | (flags & GOFER_OPEN_DIRECTORY ? O_DIRECTORY : 0) |
           (flags & GOFER_OPEN_TRUNC ? O_TRUNC : 0) | (flags & GOFER_OPEN_APPEND ? O_APPEND : 0);
}

static int type_check(const struct stat *st, uint32_t flags)
{
    if (S_ISLNK(st->st_mode))
        return -ELOOP;
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
    int path_fd = object_find(s, &st);
    if (path_fd < 0)
        return path_fd;
    attr_set(&s->reply.attr, &st);
    uint32_t flags = s->request.open_flags;
    if (flags & GOFER_OPEN_PATH) {
        if (!(flags & GOFER_OPEN_DIRECTORY) || S_ISDIR(st.st_mode))
            return path_fd;
        (void)!host_close(path_fd);
        return -ENOTDIR;
    }
    int r = type_check(&st, flags);
    (void)!host_close(path_fd);
    if (r < 0)
        return r;
    int fd = resolve(s, open_flags(flags));
    if (fd < 0)
        return fd;
    r = host_fstat(fd, &st);
    if (r == 0)
        r = type_check(&st, flags);
    if (r < 0) {
        (void)!host_close(fd);
        return r;
    }
    attr_set(&s->reply.attr, &st);
    return fd;
}

static int do_stat(struct server *s)
{
    struct stat st;
    int fd = object_find(s, &st);
    if (fd < 0)
        return fd;
    attr_set(&s->reply.attr, &st);
    (void)!host_close(fd);
    return 0;
}

static int do_readlink(struct server *s)
{
    struct stat st;
    int fd = object_find(s, &st);
    if (fd < 0)
        return fd;
    ssize_t n =
        S_ISLNK(st.st_mode) ? host_readlinkat(fd, "", s->reply.text, GOFER_TEXT_MAX) : -EINVAL;
    (void)!host_close(fd);
    if (n < 0)
        return (int)n;
    s->reply.text_len = (uint32_t)n;
    return 0;
}

/* The errors that the protocol lists; anything else is the host's own trouble. */
static int error_map(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
    case -EACCES:
    case -EISDIR:
    case -ENXIO:
    case -EROFS:
    case -EINVAL:
    case -EMFILE:
    case -ENAMETOOLONG:
    case -EPERM:
    case -ETXTBSY: return err;
    case -EXDEV: return -ELOOP; /* RESOLVE_BENEATH */
    case -ENFILE: return -EMFILE;
    default: return -EIO;
    }
}

static int request_do(struct server *s, int *ret_fd)
{
    if (s->request.mount >= s->mount_count)
        return -EINVAL;
    path_join(s);
    switch (s->request.op) {
    case GOFER_OPEN: {
        int fd = do_open(s);
        if (fd >= 0)
            *ret_fd = fd;
        return fd < 0 ? fd : 0;
    }
    case GOFER_STAT: return do_stat(s);
    case GOFER_READLINK: return do_readlink(s);
    }
    return -EINVAL;
}

int gofer_serve(int socket, const int *mounts, unsigned mount_count)
{
    static struct server s;
    static uint8_t in[GOFER_REQUEST_MAX];
    static uint8_t out[GOFER_REPLY_MAX];
    s.mounts = mounts;
    s.mount_count = mount_count;
    for (;;) {
        size_t count = 0;
        int fd = -1;
        ssize_t n = host_msg_recv(socket, in, sizeof in, NULL, 0, &count, 0);
        if (n == 0 || n == -ECONNRESET)
            return 0;
        if (n < 0)
            return (int)n;
        int r = gofer_request_parse(in, (size_t)n, &s.request);
        if (r < 0)
            return r;
        s.reply.type = GOFER_REPLY;
        s.reply.tag = s.request.tag;
        s.reply.text_len = 0;
        memset(&s.reply.attr, 0, sizeof s.reply.attr);
        r = request_do(&s, &fd);
        s.reply.value = r < 0 ? error_map(r) : 0;
        r = host_msg_send(socket, out, gofer_reply_build(out, &s.reply), &fd, fd >= 0, 0);
        if (fd >= 0)
            (void)!host_close(fd);
        if (r < 0)
            return 0; /* the sentry is gone */
    }
}
