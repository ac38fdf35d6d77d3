#include "sentry/socket/unix.h"

#include "abi/ioctl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/unix_host.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <stdio.h>

struct unix_sock *unix_new(struct ns *net, uint32_t type)
{
    struct unix_sock *u = unix_root() ? SLAB_NEW(UNIX_SOCK, struct unix_sock) : NULL;
    if (!u)
        return NULL;
    socket_init(&u->s, &unix_ops, LINUX_AF_UNIX, type, 0);
    ref_init(&u->ref);
    u->net = ns_ref(net);
    list_init(&u->queue);
    list_init(&u->full_waiters);
    list_init(&u->full_node);
    waitq_init(&u->wait);
    list_add_tail(&u->all_node, &unix_root()->socks);
    u->backlog = (uint32_t)((const struct net_ns *)net)->limits.v[NS_LIMIT_MAX_DGRAM_QLEN];
    u->peek_off = -1;
    u->sndbuf = u->rcvbuf = UNIX_BUF_DEFAULT;
    return u;
}

/* What a closed socket still holds: its queue, its name, its place in others' lists. */
static bool queue_drop(struct unix_sock *u)
{
    bool had = false;
    while (!list_empty(&u->queue)) {
        struct unix_msg *m = list_first_entry(&u->queue, struct unix_msg, node);
        bool mark =
            !had && !m->embryo && !unix_msg_left(m); /* Linux looks past one that is empty */
        unix_dequeue(u, m);
        if (m->embryo) {
            struct unix_sock *e = m->embryo;
            /* Nobody will accept it: to its client it looks like a peer that closed with data unread. */
            e->dead = true;
            if (e->peer) {
                e->peer->shutdown |= UNIX_SHUTDOWN_BOTH;
                e->peer->err = ECONNRESET;
                unix_wake(e->peer, WAKE_ALL);
                unix_unref(TAKE(e->peer));
            }
            (void)queue_drop(e);
        }
        unix_msg_free(m);
        had |= !mark;
    }
    return had;
}

struct unix_sock *unix_unref(struct unix_sock *u)
{
    if (!u || !ref_put(&u->ref))
        return NULL;
    struct unix_sock *peer = u->peer; /* an end that nobody closed: an embryo that failed */
    unix_stop_waiting(u);
    (void)queue_drop(u);
    waitq_wake(&u->wait, WAKE_ALL);
    list_del(&u->all_node);
    unix_peer_id_drop(&u->peer_id);
    ns_unref(u->net);
    if (u->outside)
        unix_host_free(u);
    SLAB_FREE(UNIX_SOCK, u);
    return unix_unref(peer);
}

static void unix_release(struct socket *s)
{
    struct unix_sock *u = to_unix(s), *w, *next;
    u->dead = true;
    u->shutdown = UNIX_SHUTDOWN_BOTH;
    unix_unname(u);
    unix_host_unbind(u);
    unix_stop_waiting(u);
    bool unread = queue_drop(u);
    LIST_FOREACH_SAFE (w, next, &u->full_waiters, full_node) {
        unix_stop_waiting(w);
        unix_wake(w, WAKE_ALL);
    }
    struct unix_sock *peer = TAKE(u->peer);
    u->state = UNIX_CLOSE;
    if (peer && !unix_is_dgram(u)) {
        peer->shutdown = UNIX_SHUTDOWN_BOTH;
        if (unread)
            peer->err = ECONNRESET;
        unix_wake(peer, WAKE_ALL);
    } else if (peer && peer->outside) {
        unix_wake(peer, WAKE_ALL);
    }
    unix_wake(u, WAKE_ALL);
    unix_unref(peer);
    unix_unref(u);
    unix_collect();
}

static uint32_t unix_poll(struct socket *s, struct waitq **ret_q)
{
    struct unix_sock *u = to_unix(s);
    uint32_t mask = 0;
    *ret_q = &u->wait;
    if (u->err)
        mask |= LINUX_POLLERR;
    if (u->shutdown == UNIX_SHUTDOWN_BOTH)
        mask |= LINUX_POLLHUP;
    if (u->shutdown & UNIX_RCV_SHUTDOWN)
        mask |= LINUX_POLLRDHUP | LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!list_empty(&u->queue))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (u->oob)
        mask |= LINUX_POLLPRI;
    if (!unix_is_dgram(u) && u->state == UNIX_CLOSE)
        mask |= LINUX_POLLHUP;
    bool writable = unix_writable(u);
    if (writable && !socket_is_stream(s) && u->peer && u->peer->peer != u && !u->peer->dead &&
        unix_queue_full(u->peer)) {
        unix_wait_for_room(u, u->peer);
        writable = false;
    }
    if (writable)
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
    return mask;
}

static int64_t unix_ioctl(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg)
{
    struct unix_sock *u = to_unix(s);
    uint64_t n = 0;
    switch (cmd) {
    case LINUX_SIOCINQ:
        if (u->state == UNIX_LISTEN)
            return -EINVAL;
        if (!unix_is_dgram(u))
            n = u->queued_bytes;
        else if (!list_empty(&u->queue))
            n = list_first_entry(&u->queue, struct unix_msg, node)->len;
        break;
    case LINUX_SIOCOUTQ: n = u->wmem; break;
    case LINUX_SIOCATMARK:
        if (!socket_is_stream(s))
            return -EOPNOTSUPP;
        n = unix_at_mark(u);
        break;
    default: return netdev_ioctl(t, cmd, UADDR(arg));
    }
    return copy_out_u32(t, UADDR(arg), (uint32_t)n);
}

static int unix_getname(struct socket *s, bool peer, struct sock_addr *ret)
{
    struct unix_sock *u = to_unix(s);
    if (peer && !u->peer)
        return -ENOTCONN;
    unix_name_get(peer ? u->peer : u, ret);
    return 0;
}

static void unix_fdinfo(struct socket *s, char *buf, size_t size)
{
    const struct unix_sock *u = to_unix(s);
    const struct unix_msg *m;
    uint32_t n = 0;
    LIST_FOREACH (m, &u->queue, node)
        n += m->fds ? m->fds->n : 0;
    (void)snprintf(buf, size, "scm_fds: %u\n", n);
}

const struct socket_ops unix_ops = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .getname = unix_getname,
    .send = unix_send,
    .recv = unix_recv,
    .shutdown = unix_shutdown,
    .poll = unix_poll,
    .ioctl = unix_ioctl,
    .setsockopt = unix_setsockopt,
    .getsockopt = unix_getsockopt,
    .fdinfo = unix_fdinfo,
    .release = unix_release,
};

static int unix_create(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    if (protocol && protocol != LINUX_AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == LINUX_SOCK_RAW)
        type = LINUX_SOCK_DGRAM; /* as Linux, which thinks of BSD */
    if (type != LINUX_SOCK_STREAM && type != LINUX_SOCK_DGRAM && type != LINUX_SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    struct unix_sock *u = unix_new(task_ns(t, NS_NET), type);
    if (!u)
        return -ENOMEM;
    *ret = &u->s;
    return 0;
}

static int unix_pair(struct task *t, uint32_t type, int protocol, struct socket *ret[2])
{
    int err = unix_create(t, type, protocol, &ret[0]);
    if (!err) {
        err = unix_create(t, type, protocol, &ret[1]);
        if (err)
            unix_unref(to_unix(ret[0]));
    }
    if (err)
        return err;
    struct unix_sock *a = to_unix(ret[0]), *b = to_unix(ret[1]);
    a->peer = unix_ref(b);
    b->peer = unix_ref(a);
    a->state = b->state = UNIX_ESTABLISHED;
    unix_peer_id_set(&a->peer_id, t);
    unix_peer_id_set(&b->peer_id, t);
    return 0;
}

const struct socket_family unix_family = {
    .family = LINUX_AF_UNIX, .create = unix_create, .pair = unix_pair};
