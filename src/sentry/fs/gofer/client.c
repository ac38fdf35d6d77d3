/* Questions to the gofer process: one at a time. */
#include "base/err.h"
#include "base/log.h"
#include "host/host.h"
#include "host/msg.h"
#include "sentry/fs/gofer/gofer.h"
#include "sentry/fs/gofer/gofer_priv.h"
#include "wire/gofer.h"

#include <string.h>
#include <sys/socket.h>

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
    for (; r == 0 && g->at; g = gofer_parent(g))
        r = prepend(buf, &at, dentry_name(g->at));
    if (r < 0)
        return r;
    if (!gofer_is_root(g))
        return -ENOENT; /* not below the root any more */
    *ret = buf + at;
    return 0;
}

int gofer_query_path(struct gofer_query *q, const struct gofer_inode *g, const char *name)
{
    return path_of(g, name, gofer_root()->path, &q->path);
}

int gofer_query_to(struct gofer_query *q, const struct gofer_inode *g, const char *name)
{
    return path_of(g, name, gofer_root()->to, &q->to);
}

int gofer_query_object(struct gofer_query *q, struct gofer_inode *g, int *ret_fd)
{
    gofer_alias_find(g);
    const struct hostfile *h = gofer_any_handle(g);
    *ret_fd = -1;
    int r = gofer_query_path(q, g, NULL);
    if (r != -ENOENT || !h)
        return r;
    q->flags |= GOFER_ATTACHED;
    *ret_fd = hostfile_fd(h);
    return 0;
}

static int talk(const struct gofer_conn *c, size_t len, int attach, int *ret_fd)
{
    struct gofer_root *root = gofer_root();
    size_t count = 0;
    int fd = hostfile_fd(c->file);
    *ret_fd = -1;
    int r = host_msg_send(fd, root->message, len, &attach, attach >= 0, 0);
    if (r < 0)
        return r;
    ssize_t n = host_msg_recv(fd, root->message, GOFER_REPLY_MAX, ret_fd, 1, &count, 0);
    if (n <= 0)
        return n < 0 ? (int)n : -EPIPE;
    r = gofer_reply_parse(root->message, (size_t)n, root->reply);
    if (r == 0 && (root->reply->type != GOFER_REPLY || root->reply->tag != c->tag))
        r = -EBADMSG;
    if (r < 0 && count) {
        (void)!host_close(*ret_fd);
        *ret_fd = -1;
    }
    return r;
}

static int ask_mount(struct gofer_conn *c, uint32_t mount, struct gofer_query *q, int attach,
                     int *ret_fd)
{
    struct gofer_root *root = gofer_root();
    int fd = -1;
    if (!c->file)
        return -EACCES;
    root->reply->attr_count = root->reply->data_len =
        0; /* nobody takes the last answer for this one's */
    q->tag = ++c->tag;
    q->mount = mount;
    ssize_t len = gofer_request_build(root->message, q);
    if (len < 0)
        return (int)len;
    int r = talk(c, (size_t)len, attach, &fd);
    if (r < 0) {
        LOGE("gofer: no sensible answer: %s", err_name(r));
        return -EIO;
    }
    r = gofer_err(root->reply->value);
    if (ret_fd && r == 0 && fd < 0)
        return -EIO;
    if (ret_fd && r == 0)
        *ret_fd = fd;
    else if (fd >= 0)
        (void)!host_close(fd);
    return r;
}

uint32_t gofer_store_number(const struct gofer_conn *c, uint32_t n)
{
    return c->id << GOFER_STORE_BITS | n;
}

int gofer_store_file(uint32_t number, struct hostfile **ret)
{
    struct gofer_query q = {.op = GOFER_TMPFILE, .mode = 0600};
    struct gofer_conn *c;
    int fd = -1, r = -EIO;
    LIST_FOREACH (c, &gofer_root()->conns, node)
        if (c->id == number >> GOFER_STORE_BITS)
            r = ask_mount(c, c->store_first + (number & ((1u << GOFER_STORE_BITS) - 1)), &q, -1,
                          &fd);
    return r < 0 ? r : hostfile_adopt(fd, ret);
}

void gofer_conn_end(struct gofer_conn *c, uint32_t status)
{
    struct gofer_query q = {.op = GOFER_END, .flags = status};
    if (!c->file)
        return;
    ssize_t len = gofer_request_build(gofer_root()->message, &q);
    if (len > 0)
        (void)!host_msg_send(hostfile_fd(c->file), gofer_root()->message, (size_t)len, NULL, 0,
                             MSG_DONTWAIT);
    hostfile_unref(TAKE(c->file));
}

int gofer_ask(const struct gofer_super *gs, struct gofer_query *q, int attach, int *ret_fd)
{
    return ask_mount(gs->conn, gs->mount, q, attach, ret_fd);
}

int gofer_answer_stat(uint32_t n, struct stat *ret)
{
    const struct gofer_reply *reply = gofer_root()->reply;
    if (n >= reply->attr_count)
        return -EIO;
    const struct gofer_attr *a = &reply->attr[n];
    *ret = (struct stat){
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
    return 0;
}

int gofer_ask_open(struct gofer_inode *g, const char *name, uint32_t open_flags,
                   struct hostfile **ret)
{
    struct gofer_query q = {.op = GOFER_OPEN, .flags = open_flags};
    int fd = -1;
    int r = gofer_query_path(&q, g, name);
    if (r == 0)
        r = gofer_ask(gofer_super_of(g), &q, -1, &fd);
    return r < 0 ? r : hostfile_adopt(fd, ret);
}
