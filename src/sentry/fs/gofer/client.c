/* Questions to the gofer process: one at a time, without the kernel lock. */
#include "base/err.h"
#include "base/log.h"
#include "host/host.h"
#include "host/msg.h"
#include "host/mutex.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "sentry/io/worker.h"
#include "wire/gofer.h"

#include <string.h>

/* The connection carries one question at a time. Host-side state, as a thread waits for it. */
static struct mutex busy = MUTEX_INIT(RANK_GOFER);

struct exchange {
    char path[GOFER_PATH_TEXT];
    uint8_t buf[GOFER_REPLY_MAX > GOFER_REQUEST_MAX ? GOFER_REPLY_MAX : GOFER_REQUEST_MAX];
    struct gofer_reply reply;
};

static int prepend(char *buf, size_t *at, const char *name)
{
    size_t len = strlen(name), sep = buf[*at] ? 1 : 0;
    if (len + sep > *at)
        return -ENAMETOOLONG;
    if (sep)
        buf[--*at] = '/';
    *at -= len;
    memcpy(buf + *at, name, len);
    return 0;
}

/* The path of (g, name) below the mount: *ret points into buf. */
static int path_of(const struct gofer_inode *g, const char *name, char *buf, const char **ret)
{
    size_t at = GOFER_PATH_TEXT - 1;
    buf[at] = 0;
    int r = name ? prepend(buf, &at, name) : 0;
    for (; r == 0 && g->parent; g = g->parent)
        r = prepend(buf, &at, g->name);
    if (r < 0)
        return -EACCES;
    if (!gofer_is_root(g))
        return -ENOENT; /* not below the root any more */
    *ret = buf + at;
    return 0;
}

/* Without the kernel lock. */
static int talk(int fd, struct exchange *x, size_t len, uint32_t tag, int *ret_fd)
{
    size_t count = 0;
    *ret_fd = -1;
    int r = host_msg_send(fd, x->buf, len, NULL, 0, 0);
    if (r < 0)
        return r;
    ssize_t n = host_msg_recv(fd, x->buf, sizeof(x->buf), ret_fd, 1, &count, 0);
    if (n <= 0)
        return n < 0 ? (int)n : -EPIPE;
    r = gofer_reply_parse(x->buf, (size_t)n, &x->reply);
    if (r == 0 && (x->reply.type != GOFER_REPLY || x->reply.tag != tag))
        r = -EBADMSG;
    if (r < 0 && count)
        (void)!host_close(*ret_fd);
    if (r < 0 || !count)
        *ret_fd = -1;
    return r;
}

/* The reply's value; *ret_fd >= 0 is the caller's. */
static int ask(struct gofer_inode *g, const char *name, enum gofer_op op, uint32_t flags,
               struct exchange *x, int *ret_fd)
{
    struct gofer_root *root = gofer_root();
    const char *path = NULL;
    if (!root->conn)
        return -EACCES;
    int r = path_of(g, name, x->path, &path);
    if (r < 0)
        return r;
    uint32_t tag = ++root->tag;
    ssize_t len = gofer_request_build(x->buf, op, tag, gofer_super_of(g)->mount, flags, path);
    if (len < 0)
        return -EACCES;
    int fd = hostfile_fd(root->conn); /* stays open as long as the sandbox lives */
    worker_block_begin();
    mutex_lock(&busy);
    r = talk(fd, x, (size_t)len, tag, ret_fd);
    mutex_unlock(&busy);
    worker_block_end();
    if (r < 0) {
        LOGE("gofer: no sensible answer: %s", err_name(r));
        return -EIO;
    }
    return gofer_err(x->reply.value);
}

int gofer_ask_open(struct gofer_inode *g, const char *name, uint32_t open_flags,
                   struct hostfile **ret)
{
    int fd = -1;
    struct exchange *x = arena_alloc(sizeof(*x));
    if (!x)
        return -ENOMEM;
    int r = ask(g, name, GOFER_OPEN, open_flags, x, &fd);
    arena_free(x, sizeof(*x));
    if (r == 0 && fd < 0)
        return -EIO;
    if (r == 0)
        return hostfile_adopt(fd, ret);
    if (fd >= 0)
        (void)!host_close(fd);
    return r;
}

static void stat_from(const struct gofer_attr *a, struct stat *st)
{
    *st = (struct stat){
        .st_dev = a->dev,
        .st_ino = a->ino,
        .st_nlink = a->nlink,
        .st_size = (off_t)a->size_bytes,
        .st_blocks = (blkcnt_t)a->blocks,
        .st_mode = a->mode,
        .st_uid = a->uid,
        .st_gid = a->gid,
        .st_rdev = a->rdev,
        .st_atim = {a->atime_sec, a->atime_nsec},
        .st_mtim = {a->mtime_sec, a->mtime_nsec},
        .st_ctim = {a->ctime_sec, a->ctime_nsec},
    };
}

int gofer_ask_stat(struct gofer_inode *g, const char *name, struct stat *ret)
{
    int fd = -1;
    struct exchange *x = arena_alloc(sizeof(*x));
    if (!x)
        return -ENOMEM;
    int r = ask(g, name, GOFER_STAT, 0, x, &fd);
    if (r == 0)
        stat_from(&x->reply.attr, ret);
    arena_free(x, sizeof(*x));
    if (fd >= 0)
        (void)!host_close(fd);
    return r;
}

ssize_t gofer_ask_readlink(struct gofer_inode *g, const char *name, char *buf, size_t size)
{
    int fd = -1;
    struct exchange *x = arena_alloc(sizeof(*x));
    if (!x)
        return -ENOMEM;
    ssize_t r = ask(g, name, GOFER_READLINK, 0, x, &fd);
    if (r == 0) {
        r = (ssize_t)MIN(size, (size_t)x->reply.text_len);
        memcpy(buf, x->reply.text, (size_t)r);
    }
    arena_free(x, sizeof(*x));
    if (fd >= 0)
        (void)!host_close(fd);
    return r;
}
