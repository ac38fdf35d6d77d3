#include "sentry/socket/unix_host.h"

#include "abi/ioctl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/io/hostfile.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task.h"
#include "sentry/vfs/inode.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define WATCHED  (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDHUP)
#define RECV_MAX ((size_t)UNIX_BUF_MAX) /* of one message: the host's sockets take no longer ones */

struct unix_host {
    struct unix_sock
        *sock; /* the end outside, counted; of a bound socket: who its datagrams are from */
    struct unix_sock *bound; /* the socket inside that has the name; NULL: this is one connection */
    struct hostfile *file;   /* counted; NULL: ended */
    struct hostwatch watch;
    struct waiter waiter; /* on sock->wait: something was sent to it, or there is room again */
    bool busy;            /* in pump(): what it changes itself is no news */
    bool refused;         /* the host has not taken what was sent last */
    bool write_closed;    /* the host has been told that no more comes */
    bool read_closed;     /* no more comes from the host */
};

static int fd_of(const struct unix_host *h) { return hostfile_fd(h->file); }

/* What of the host's errors an application may see; the rest is a connection that broke. */
static int host_err(int err)
{
    switch (-err) {
    case EAGAIN:
    case EPIPE:
    case ECONNREFUSED:
    case EMSGSIZE:
    case ENOBUFS:
    case ENOMEM: return err;
    default: return -ECONNRESET;
    }
}

/* Memory is short, here or there, and there is no other news to come: the watch reports once more what holds already. */
static void look_again(struct unix_host *h, int err)
{
    if (err != -ENOMEM && err != -ENOBUFS)
        return;
    hostwatch_set(&h->watch, 0);
    hostwatch_set(&h->watch, WATCHED);
}

/* ---- towards the host ---- */

static ssize_t send_one(const struct unix_host *h, const struct unix_msg *m)
{
    struct iovec iov = {m->data + m->off, unix_msg_left(m)};
    struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
    return host_sendmsg(fd_of(h), &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void queue_clear(struct unix_sock *p)
{
    struct unix_msg *m;
    while ((m = unix_queue_first(p))) {
        unix_dequeue(p, m);
        unix_msg_free(m);
    }
}

/* The host takes no more. The application learns of it with its next call, as of a peer that is gone. */
static void write_broken(struct unix_host *h, int err)
{
    struct unix_sock *p = h->sock, *u = p->peer;
    queue_clear(p);
    h->refused = true;
    if (u && unix_is_dgram(u)) {
        u->err = -err;
    } else if (u) {
        p->shutdown |= UNIX_RCV_SHUTDOWN;
        u->shutdown |= UNIX_SEND_SHUTDOWN;
        if (err == -ECONNRESET)
            u->err = ECONNRESET;
    }
    if (u)
        unix_wake(u, WAKE_ALL);
}

static void pump_out(struct unix_host *h)
{
    struct unix_sock *p = h->sock;
    struct unix_msg *m;
    while ((m = unix_queue_first(p))) {
        ssize_t n = send_one(h, m);
        if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM) {
            look_again(h, (int)n);
            return; /* the watch tells */
        }
        if (n < 0) {
            write_broken(h, host_err((int)n));
            break;
        }
        if (socket_is_stream(&p->s) && (uint32_t)n < unix_msg_left(m)) {
            m->off += (uint32_t)n;
            p->queued_bytes -= (uint32_t)n;
            continue;
        }
        unix_dequeue(p, m);
        unix_msg_free(m);
    }
    if ((p->shutdown & UNIX_RCV_SHUTDOWN) && !h->write_closed && !unix_is_dgram(p)) {
        h->write_closed = true;
        (void)!host_shutdown(fd_of(h), SHUT_WR);
    }
}

/* ---- from the host ---- */

static bool ready(const struct unix_host *h, uint32_t events)
{
    struct pollfd f = {.fd = fd_of(h), .events = (short)WATCHED};
    struct timespec now = {0};
    return host_ppoll(&f, 1, &now, NULL, sizeof(uint64_t)) > 0 && ((uint16_t)f.revents & events);
}

/* How long the next one is: what there is of a stream, one whole message else. May be 0. -EAGAIN */
static ssize_t recv_size(const struct unix_host *h)
{
    int there = 0;
    if (socket_is_stream(&h->sock->s))
        return host_ioctl(fd_of(h), LINUX_FIONREAD, &there) < 0 || there < 0
                   ? 0
                   : MIN((ssize_t)there, (ssize_t)UNIX_CHUNK);
    uint8_t byte;
    struct iovec iov = {&byte, 1};
    struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
    return host_recvmsg(fd_of(h), &hdr, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
}

/* One message for `to`. Descriptors in it are dropped by the host: there is no room for them. 1: queued; 0: the end. -ENOMEM: nothing
 * has been taken. */
static int recv_one(struct unix_host *h, struct unix_sock *to)
{
    struct unix_sock *p = h->sock;
    ssize_t size = recv_size(h);
    if (size < 0)
        return (int)size;
    size_t room = MAX(MIN((size_t)size, RECV_MAX), (size_t)1);
    struct unix_msg *m = unix_msg_new((uint32_t)room);
    if (!m)
        return -ENOMEM;
    struct iovec iov = {m->data, room};
    struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n = host_recvmsg(fd_of(h), &hdr, MSG_DONTWAIT);
    /* A packet of no bytes looks like the end: it is the end when the host says so. */
    bool end = n == 0 && !unix_is_dgram(p) &&
               (socket_is_stream(&p->s) || ready(h, LINUX_POLLHUP | LINUX_POLLRDHUP));
    if (n < 0 || end) {
        unix_msg_free(m);
        return n < 0 ? (int)n : 0;
    }
    m->len = (uint32_t)n;
    m->charge = unix_msg_charge(m->len, socket_is_stream(&p->s));
    m->from = unix_ref(p);
    p->wmem += m->charge;
    unix_enqueue(to, m);
    return 1;
}

/* No more comes from the host; or it is gone altogether. */
static void read_ended(struct unix_host *h, int err)
{
    struct unix_sock *p = h->sock, *u = p->peer;
    bool gone = err < 0 || ready(h, LINUX_POLLHUP);
    h->read_closed = true;
    p->shutdown |= gone ? UNIX_SHUTDOWN_BOTH : UNIX_SEND_SHUTDOWN;
    if (!u)
        return;
    u->shutdown |= gone ? UNIX_SHUTDOWN_BOTH : UNIX_RCV_SHUTDOWN;
    if (err == -ECONNRESET)
        u->err = ECONNRESET;
    unix_wake(u, WAKE_ALL);
}

/* Nobody inside is at the other end, or not any more. */
static bool deserted(const struct unix_sock *p)
{
    return !p->peer || p->peer->dead || p->peer->peer != p;
}

static void pump_in(struct unix_host *h)
{
    struct unix_sock *p = h->sock, *u = p->peer;
    while (!deserted(p) && !h->read_closed && (int64_t)p->wmem < p->sndbuf) {
        int r = recv_one(h, u);
        look_again(h, r);
        if (r == -EAGAIN || r == -ENOMEM)
            return;
        if (r < 0 && unix_is_dgram(p)) {
            u->err = -host_err(r);
            unix_wake(u, WAKE_ALL);
            return;
        }
        if (r <= 0)
            read_ended(h, r < 0 ? host_err(r) : 0);
    }
}

/* ---- one connection ---- */

static void host_end(struct unix_host *h)
{
    struct unix_sock *p = h->sock;
    if (!h->file)
        return;
    hostwatch_remove(&h->watch);
    waiter_remove(&h->waiter);
    if (!unix_is_dgram(p)) /* the end is now, also if the gofer has not closed its copy yet */
        (void)!host_shutdown(fd_of(h), SHUT_RDWR);
    h->file = hostfile_unref(h->file);
    queue_clear(p);
    unix_unref(TAKE(p->peer));
    unix_unref(p); /* may be the last: h goes with it */
}

static void pump(struct unix_host *h)
{
    if (h->busy || !h->file)
        return;
    struct unix_sock *p = unix_ref(h->sock);
    h->busy = true;
    pump_out(h);
    pump_in(h);
    h->busy = false;
    /* One that was just for a message (no end inside), or whose other end is closed, lives until all is sent. */
    if (deserted(p) && list_empty(&p->queue))
        host_end(h);
    unix_unref(p);
}

static void host_news(struct hostwatch *w, uint32_t events)
{
    pump(container_of(w, struct unix_host, watch));
}

static void sock_news(struct waiter *w, uint32_t events)
{
    pump(container_of(w, struct unix_host, waiter));
}

/* ---- a socket with a name on the host ---- */

static int host_new(struct ns *net, uint32_t type, struct hostfile *file, struct unix_sock *bound,
                    struct unix_host **ret);

/* A connection that the host's client made: queued as one from inside would be. */
static int accept_one(struct unix_host *h)
{
    struct unix_sock *u = h->bound;
    int fd = host_accept4(fd_of(h), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct hostfile *file;
    struct unix_host *n;
    if (fd < 0)
        return fd;
    int err = hostfile_adopt(fd, &file);
    if (err)
        return err;
    struct unix_sock *e = unix_new(u->net, u->s.type);
    struct unix_msg *m = unix_msg_new(0);
    if (!e || !m) {
        hostfile_unref(file);
        unix_unref(e);
        unix_msg_free(m);
        return -ENOMEM;
    }
    unix_peer_id_copy(&e->peer_id, &u->peer_id);
    err = host_new(u->net, u->s.type, file, NULL, &n);
    if (err) {
        unix_unref(e);
        unix_msg_free(m);
        return err;
    }
    e->state = UNIX_ESTABLISHED;
    e->name = u->name;
    e->peer = unix_ref(n->sock);
    n->sock->peer = unix_ref(e);
    m->embryo = e;
    unix_enqueue(u, m);
    pump(n);
    return 0;
}

static void pump_bound(struct unix_host *h)
{
    struct unix_sock *u = h->bound, *p = h->sock;
    if (h->busy || !h->file)
        return;
    h->busy = true;
    unix_ref(u);
    int r = 0;
    bool dgram = unix_is_dgram(u);
    while (r >= 0 && !u->dead && (dgram || u->state == UNIX_LISTEN)) {
        if (unix_queue_full(u)) {
            unix_wait_for_room(p, u);
            break;
        }
        if (dgram && (int64_t)p->wmem >= p->sndbuf)
            break;
        r = dgram ? recv_one(h, u) : accept_one(h);
    }
    look_again(h, r);
    h->busy = false;
    unix_unref(u);
}

static void bound_host_news(struct hostwatch *w, uint32_t events)
{
    pump_bound(container_of(w, struct unix_host, watch));
}

static void bound_sock_news(struct waiter *w, uint32_t events)
{
    pump_bound(container_of(w, struct unix_host, waiter));
}

static int host_new(struct ns *net, uint32_t type, struct hostfile *file, struct unix_sock *bound,
                    struct unix_host **ret)
{
    struct unix_host *h = SLAB_NEW(UNIX_HOST, struct unix_host);
    struct unix_sock *p = h ? unix_new(net, type) : NULL;
    if (!p) {
        hostfile_unref(file);
        if (h)
            SLAB_FREE(UNIX_HOST, h);
        return -ENOMEM;
    }
    h->sock = p;
    h->file = file;
    h->bound = bound;
    p->state = UNIX_ESTABLISHED;
    p->outside = true;
    p->host = h;
    waiter_init_fn(&h->waiter, bound ? bound_sock_news : sock_news, WAKE_ALL);
    int err = hostwatch_add(&h->watch, file, WATCHED, /* edge= */ true,
                            bound ? bound_host_news : host_news);
    if (err) {
        host_end(h);
        return err;
    }
    waitq_add(&p->wait, &h->waiter);
    *ret = h;
    return 0;
}

bool unix_host_refused(struct unix_sock *p)
{
    bool refused = p->host->refused;
    p->host->refused = false;
    return refused;
}

void unix_host_free(struct unix_sock *u) { SLAB_FREE(UNIX_HOST, TAKE(u->host)); }

int unix_host_connect(struct task *t, struct ns *net, struct inode *i, const struct unix_name *n,
                      uint32_t type, struct unix_sock **ret)
{
    struct hostfile *file;
    struct unix_host *h;
    if (!i->ops->sock_connect)
        return -ECONNREFUSED;
    int err = i->ops->sock_connect(i, type, t->cred, &file);
    if (!err)
        err = host_new(net, type, file, NULL, &h);
    if (err)
        return err;
    h->sock->name = *n;
    *ret = unix_ref(h->sock);
    return 0;
}

void unix_host_peer_id(const struct unix_sock *p, struct task *t, struct unix_peer_id *id)
{
    struct ucred uc;
    socklen_t len = sizeof(uc);
    unix_peer_id_drop(id);
    if (host_getsockopt(fd_of(p->host), SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
        return;
    struct cred *c = cred_dup(t->cred);
    if (!c)
        return;
    c->uid = c->euid = c->suid = c->fsuid = uc.uid;
    c->gid = c->egid = c->sgid = c->fsgid = uc.gid;
    c->cap_eff = c->cap_perm = c->cap_inh = c->cap_amb = 0;
    c->ngroups = 0;
    id->cred = c;
}

int unix_host_bound(struct unix_sock *u, struct hostfile *file)
{
    return host_new(u->net, u->s.type, file, u, &u->host);
}

int unix_host_listen(struct unix_sock *u, int backlog)
{
    return host_listen(fd_of(u->host), backlog) < 0 ? -EINVAL : 0; /* the watch tells of the rest */
}

void unix_host_unbind(struct unix_sock *u)
{
    if (u->host && !u->outside)
        host_end(TAKE(u->host));
}
