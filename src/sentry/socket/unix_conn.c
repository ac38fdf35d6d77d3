/* Connections of unix sockets: connect, listen, accept, shutdown. */
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/socket/unix.h"
#include "sentry/socket/unix_host.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

void unix_peer_id_drop(struct unix_peer_id *id)
{
    if (id->cred)
        id->cred = cred_unref(id->cred);
    if (id->tg)
        id->tg = tgroup_put(id->tg);
    id->pid = 0;
}

void unix_peer_id_copy(struct unix_peer_id *to, const struct unix_peer_id *from)
{
    struct unix_peer_id n = *from;
    if (n.cred)
        (void)cred_ref(n.cred);
    if (n.tg)
        tgroup_get(n.tg);
    unix_peer_id_drop(to);
    *to = n;
}

void unix_peer_id_set(struct unix_peer_id *id, struct task *t)
{
    struct unix_peer_id n = {.pid = t->tg->pid, .cred = t->cred, .tg = t->tg};
    unix_peer_id_copy(id, &n);
}

static bool may_send(const struct unix_sock *from, const struct unix_sock *to)
{
    return !to->peer || to->peer == from;
}

static void peer_set(struct unix_sock *u, struct unix_sock *peer)
{
    struct unix_sock *old = u->peer;
    u->peer = peer ? unix_ref(peer) : NULL;
    unix_stop_waiting(u);
    unix_unref(old);
}

/* What a datagram socket has received is not from its new peer, and the old peer learns of it. */
void unix_dgram_disconnected(struct unix_sock *u, struct unix_sock *old)
{
    struct unix_msg *m;
    if (list_empty(&u->queue))
        return;
    while ((m = unix_queue_first(u))) {
        unix_dequeue(u, m);
        unix_msg_free(m);
    }
    if (!old->dead && old->peer == u) {
        old->err = ECONNRESET;
        unix_wake(old, WAKE_ALL);
    }
}

static int connect_dgram(struct unix_sock *u, struct task *t, const struct sock_addr *a)
{
    struct unix_sock *other = NULL;
    struct unix_name n;
    if (a->len < sizeof(a->family))
        return -EINVAL;
    if (a->family != LINUX_AF_UNSPEC) {
        int err = unix_addr_check(a, &n);
        if (!err && (u->passcred || u->passpidfd))
            err = unix_autobind(u);
        if (!err)
            err = unix_find(t, u->net, &n, u->s.type, &other);
        if (err)
            return err;
        if (!may_send(u, other)) {
            unix_unref(other);
            return -EPERM;
        }
    }
    struct unix_sock *old = u->peer ? unix_ref(u->peer) : NULL;
    peer_set(u, other);
    if (other && other->outside)
        other->peer = unix_ref(u);
    if (old && old != other)
        unix_dgram_disconnected(u, old);
    if (old && old->outside)
        unix_wake(old, WAKE_ALL);
    unix_unref(old);
    u->state = other ? UNIX_ESTABLISHED : UNIX_CLOSE;
    unix_unref(other);
    unix_wake(u, WAKE_ALL);
    return 0;
}

/* The accepted end of a connection to l, queued there. */
static int connect_queue(struct unix_sock *u, struct task *t, struct unix_sock *l)
{
    struct unix_sock *e = unix_new(l->net, u->s.type);
    struct unix_msg *m = unix_msg_new(0);
    if (!e || !m) {
        unix_unref(e);
        unix_msg_free(m);
        return -ENOMEM;
    }
    e->state = UNIX_ESTABLISHED;
    unix_peer_id_set(&e->peer_id, t);
    e->name = l->name; /* what getsockname tells; found by nobody */
    peer_set(e, u);
    u->state = UNIX_ESTABLISHED;
    unix_peer_id_copy(&u->peer_id, &l->peer_id);
    peer_set(u, e);
    m->embryo = e;
    unix_enqueue(l, m);
    unix_wake(u, LINUX_POLLOUT | LINUX_POLLWRNORM);
    return 0;
}

static int connect_to(struct unix_sock *u, struct task *t, struct unix_sock *l)
{
    if (l->state != UNIX_LISTEN || (l->shutdown & UNIX_RCV_SHUTDOWN) || l->dead)
        return -ECONNREFUSED;
    if (unix_queue_full(l)) {
        unix_wait_for_room(u, l);
        return -EAGAIN;
    }
    if (u->state != UNIX_CLOSE)
        return u->state == UNIX_ESTABLISHED ? -EISCONN : -EINVAL;
    return connect_queue(u, t, l);
}

/* p is an end on the host that was just reached. */
static int connect_outside(struct unix_sock *u, struct task *t, struct unix_sock *p)
{
    if (u->state != UNIX_CLOSE)
        return u->state == UNIX_ESTABLISHED ? -EISCONN : -EINVAL;
    unix_host_peer_id(p, t, &u->peer_id);
    p->peer = unix_ref(u);
    peer_set(u, p);
    u->state = UNIX_ESTABLISHED;
    unix_wake(u, LINUX_POLLOUT | LINUX_POLLWRNORM);
    return 0;
}

/* The host's listener has no room, and tells nobody when it has: asked again after a while. */
#define RETRY_NS (20 * NSEC_PER_MSEC)

static int connect_retry(struct unix_sock *u, struct task *t)
{
    int64_t end_ns = task_deadline_after(t, u->s.sndtimeo_ns), now_ns = clock_monotonic_ns();
    if ((u->s.file->flags & LINUX_O_NONBLOCK) || (end_ns != TIME_NONE && now_ns >= end_ns))
        return -EAGAIN;
    t->restart.timed_out = false;
    return task_wait(t, &u->wait, LINUX_POLLERR, now_ns + RETRY_NS);
}

int unix_connect(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct unix_sock *u = to_unix(s), *l;
    struct unix_name n;
    if (unix_is_dgram(u))
        return connect_dgram(u, t, a);
    int err = unix_addr_check(a, &n);
    if (!err && (u->passcred || u->passpidfd))
        err = unix_autobind(u);
    if (!err) {
        err = unix_find(t, u->net, &n, u->s.type, &l);
        if (err == -EAGAIN)
            return connect_retry(u, t);
    }
    if (err)
        return err;
    err = l->outside ? connect_outside(u, t, l) : connect_to(u, t, l);
    unix_unref(l);
    return err;
}

int unix_listen(struct socket *s, struct task *t, int backlog)
{
    struct unix_sock *u = to_unix(s);
    if (unix_is_dgram(u))
        return -EOPNOTSUPP;
    if (!u->name.len || (u->state != UNIX_CLOSE && u->state != UNIX_LISTEN))
        return -EINVAL;
    int err = u->host ? unix_host_listen(u, backlog) : 0;
    if (err)
        return err;
    u->backlog = (uint32_t)backlog;
    u->state = UNIX_LISTEN;
    unix_peer_id_set(&u->peer_id, t);

    struct unix_sock *w, *next;
    if (!unix_queue_full(u)) {
        LIST_FOREACH_SAFE (w, next, &u->full_waiters, full_node) {
            unix_stop_waiting(w);
            unix_wake(w, LINUX_POLLOUT | LINUX_POLLWRNORM);
        }
    }
    return 0;
}

int unix_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                struct sock_addr *ret_addr)
{
    struct unix_sock *u = to_unix(s);
    if (unix_is_dgram(u))
        return -EOPNOTSUPP;
    if (u->state != UNIX_LISTEN)
        return -EINVAL;
    int err = unix_take_error(u);
    if (err)
        return err;
    struct unix_msg *m = unix_queue_first(u);
    if (!m) {
        bool over = (u->shutdown & UNIX_RCV_SHUTDOWN) && !(s->file->flags & LINUX_O_NONBLOCK);
        return over ? -EINVAL : -EAGAIN;
    }
    struct unix_sock *e = TAKE(m->embryo);
    unix_dequeue(u, m);
    unix_msg_free(m);
    e->passcred = u->passcred;
    e->passpidfd = u->passpidfd;
    if (e->peer)
        unix_name_get(e->peer, ret_addr);
    return socket_file_new(t, &e->s, flags, ret);
}

int unix_shutdown(struct socket *s, int how)
{
    struct unix_sock *u = to_unix(s);
    uint32_t bits = (uint32_t)how + 1;
    u->shutdown |= bits;
    struct unix_sock *peer = u->peer;
    if (peer && !unix_is_dgram(u)) {
        uint32_t there = (bits & UNIX_RCV_SHUTDOWN ? UNIX_SEND_SHUTDOWN : 0u) |
                         (bits & UNIX_SEND_SHUTDOWN ? UNIX_RCV_SHUTDOWN : 0u);
        peer->shutdown |= there;
        unix_wake(peer, WAKE_ALL);
    }
    unix_wake(u, WAKE_ALL);
    return 0;
}
