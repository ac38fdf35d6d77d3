/* Names of unix sockets: paths, abstract names, autobind. */
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/ns/ns.h"
#include "sentry/socket/unix.h"
#include "sentry/socket/unix_host.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs_priv.h"

#include <stdio.h>
#include <string.h>

#define PATH_OFF offsetof(struct linux_sockaddr_un, sun_path)

struct unix_root *unix_root(void)
{
    if (!kern()->unix_ns)
        kern()->unix_ns = arena_alloc(sizeof(struct unix_root));
    struct unix_root *r = kern()->unix_ns;
    if (r && !r->socks.next) {
        list_init(&r->socks);
        list_init(&r->flying);
        if (host_getrandom(&r->seed, sizeof(r->seed), 0) != sizeof(r->seed))
            r->seed = (uintptr_t)r; /* names can be made to collide, no more */
    }
    return r;
}

int unix_addr_check(const struct sock_addr *a, struct unix_name *ret)
{
    if (a->len <= PATH_OFF || a->len > sizeof(struct linux_sockaddr_un) ||
        a->family != LINUX_AF_UNIX)
        return -EINVAL;
    *ret = (struct unix_name){.len = a->len};
    memcpy(&ret->un, a->bytes, a->len);
    if (ret->un.sun_path[0])
        ret->len = (uint32_t)(PATH_OFF + strnlen(ret->un.sun_path, a->len - PATH_OFF) + 1);
    return 0;
}

static bool is_path(const struct unix_name *n) { return n->un.sun_path[0] != 0; }

static struct hlist_head *abstract_bucket(const struct unix_name *n)
{
    struct unix_root *r = unix_root();
    return &r->abstract[hash_bytes(r->seed, &n->un, n->len) % UNIX_BUCKETS];
}

static struct unix_sock *abstract_find(const struct ns *net, const struct unix_name *n,
                                       uint32_t type)
{
    struct unix_sock *u;
    HLIST_FOREACH (u, abstract_bucket(n), abstract_node)
        if (u->net == net && u->s.type == type && u->name.len == n->len &&
            memcmp(&u->name.un, &n->un, n->len) == 0)
            return u;
    return NULL;
}

static int bind_abstract(struct unix_sock *u, const struct unix_name *n)
{
    if (abstract_find(u->net, n, u->s.type))
        return -EADDRINUSE;
    u->name = *n;
    hlist_add_head(&u->abstract_node, abstract_bucket(n));
    return 0;
}

int unix_autobind(struct unix_sock *u)
{
    if (u->name.len)
        return 0;
    struct unix_root *r = unix_root();
    for (uint32_t tries = 0; tries < 0x100000; tries++) {
        struct unix_name n = {.len = PATH_OFF + 6, .un.sun_family = LINUX_AF_UNIX};
        char hex[8];
        snprintf(hex, sizeof(hex), "%05x", r->autobind_next++ & 0xfffff);
        memcpy(n.un.sun_path + 1, hex, 5);
        if (bind_abstract(u, &n) == 0)
            return 0;
    }
    return -ENOSPC;
}

/* *ret_host: a socket of the host that is bound there too, or NULL. */
static int node_bind(struct inode *dir, struct dentry *d, uint32_t mode, uint32_t type,
                     const struct cred *cr, struct hostfile **ret_host)
{
    *ret_host = NULL;
    if (dir->ops->sock_bind)
        return dir->ops->sock_bind(dir, d, mode, type, cr, ret_host);
    return dir->ops->mknod ? dir->ops->mknod(dir, d, LINUX_S_IFSOCK | mode, 0, cr) : -EPERM;
}

/* The inode for a new name in a directory. */
static int make_node(struct task *t, const char *name, uint32_t mode, uint32_t type,
                     struct path *ret, struct hostfile **ret_host)
{
    struct walk w;
    struct dentry *d;
    int err = walk_at(t, LINUX_AT_FDCWD, name, WALK_PARENT, &w);
    if (err)
        return err;
    struct inode *dir = w.path.dentry->inode;
    err = w.last_dot ? -EEXIST : walk_last(&w, &d);
    if (err) {
        path_unref(&w.path);
        return err;
    }
    if (d->inode)
        err = -EEXIST;
    else if (w.trailing_slash)
        err = -ENOENT;
    else if (mount_readonly(w.path.mnt))
        err = -EROFS;
    else
        err = may_create(&w.path, d, t->cred);
    if (!err)
        err = node_bind(dir, d, create_mode(t, dir, mode), type, t->cred, ret_host);
    if (!err) {
        struct path p = {w.path.mnt, d};
        *ret = path_ref(&p);
    }
    dentry_unref(d);
    path_unref(&w.path);
    return err;
}

static int bind_path(struct unix_sock *u, struct task *t, const struct unix_name *n)
{
    char name[sizeof(n->un.sun_path) + 1] = {0};
    memcpy(name, n->un.sun_path, n->len - PATH_OFF - 1);
    struct path p;
    struct hostfile *host;
    int err = make_node(t, name, u->s.file->inode->mode & LINUX_S_IALLUGO, u->s.type, &p, &host);
    if (!err && host) {
        err = unix_host_bound(u, host);
        if (err)
            path_unref(&p);
    }
    if (err)
        return err == -EEXIST ? -EADDRINUSE : err;
    u->path = p;
    u->inode = inode_ref(p.dentry->inode);
    u->inode->sock = u;
    u->name = *n;
    return 0;
}

int unix_bind(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct unix_sock *u = to_unix(s);
    if (a->len == PATH_OFF && a->family == LINUX_AF_UNIX)
        return unix_autobind(u);
    struct unix_name n;
    int err = unix_addr_check(a, &n);
    if (err)
        return err;
    if (u->name.len) {
        /* Linux makes the new name first: one that is taken is noticed before the name that the socket has. */
        char name[sizeof(n.un.sun_path) + 1] = {0};
        struct walk w;
        memcpy(name, n.un.sun_path, n.len - PATH_OFF - is_path(&n));
        if (!is_path(&n) || walk_at(t, LINUX_AT_FDCWD, name, WALK_NOFOLLOW, &w))
            return -EINVAL;
        path_unref(&w.path);
        return -EADDRINUSE;
    }
    return is_path(&n) ? bind_path(u, t, &n) : bind_abstract(u, &n);
}

void unix_unname(struct unix_sock *u)
{
    hlist_del_init(&u->abstract_node);
    if (u->inode) {
        if (u->inode->sock == u)
            u->inode->sock = NULL;
        inode_unref(TAKE(u->inode));
        path_unref(&u->path);
    }
}

static int find_path(struct task *t, struct ns *net, const struct unix_name *n, uint32_t type,
                     struct unix_sock **ret)
{
    char name[sizeof(n->un.sun_path) + 1] = {0};
    memcpy(name, n->un.sun_path, n->len - PATH_OFF - 1);
    struct walk w;
    int err = walk_at(t, LINUX_AT_FDCWD, name, 0, &w);
    if (err)
        return err;
    struct inode *i = w.path.dentry->inode;
    err = inode_permission(i, MAY_WRITE, t->cred);
    if (!err && !LINUX_S_ISSOCK(i->mode))
        err = -ECONNREFUSED;
    if (!err && i->sock)
        *ret = unix_ref(i->sock);
    else if (!err)
        err = unix_host_connect(t, net, i, n, type, ret);
    path_unref(&w.path);
    return err;
}

int unix_find(struct task *t, struct ns *net, const struct unix_name *n, uint32_t type,
              struct unix_sock **ret)
{
    struct unix_sock *u;
    if (is_path(n)) {
        int err = find_path(t, net, n, type, &u);
        if (err)
            return err;
    } else {
        u = abstract_find(net, n, type);
        if (!u)
            return -ECONNREFUSED;
        unix_ref(u);
    }
    if (u->s.type != type) {
        unix_unref(u);
        return -EPROTOTYPE;
    }
    *ret = u;
    return 0;
}

void unix_name_get(const struct unix_sock *u, struct sock_addr *ret)
{
    *ret = (struct sock_addr){.len = PATH_OFF};
    ret->family = LINUX_AF_UNIX;
    if (u->name.len) {
        ret->len = u->name.len;
        memcpy(ret->bytes, &u->name.un, MIN(u->name.len, (uint32_t)sizeof(u->name.un)));
    }
}
