#include "sentry/socket/host_sock.h"

#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/user_ns.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/netlink.h"
#include "sentry/task/task.h"
#include "sentry/vfs/async.h"
#include "sentry/vfs/file.h"

#define WATCHED (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLPRI | LINUX_POLLRDHUP)

static const struct socket_ops host_sock_ops;

int host_sock_err(int err)
{
    switch (-err) {
    case 0:
    case EAGAIN:
    case EINVAL:
    case ENOTCONN:
    case ENOENT:
    case ENOTTY:
    case ENXIO:
    case EISCONN:
    case EALREADY:
    case EINPROGRESS:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EDESTADDRREQ:
    case EMSGSIZE:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EACCES:
    case EPERM:
    case EPROTO:
    case ENOBUFS:
    case ENOMEM:
    case EDOM:
    case ENODEV:
    case ENONET:
    case EPROTOTYPE: return err;
    case EMFILE:
    case ENFILE: return -ENFILE;
    default: return -EIO;
    }
}

static bool task_sleeps(const struct waitq *q)
{
    const struct waiter *w;
    LIST_FOREACH (w, &q->waiters, node)
        if (!w->calls)
            return true;
    return false;
}

static void host_sock_changed(struct hostwatch *w, uint32_t events)
{
    struct host_sock *h = container_of(w, struct host_sock, watch);
    bool urgent = events & LINUX_POLLPRI && socket_is_stream(&h->s);
    if (urgent && !h->urgent && h->s.file)
        file_signal_urgent(h->s.file);
    h->urgent = urgent;
    /* The watch's first report is of what was ready already: no edge for an epoll that has seen it. A task that sleeps may have looked
     * just before it was so, and is woken. */
    bool old_news = h->first && !(events & ~h->known) && !task_sleeps(&h->wait);
    h->first = false;
    if (old_news)
        return;
    if (events & LINUX_POLLIN)
        events |= LINUX_POLLRDNORM;
    if (events & LINUX_POLLOUT)
        events |= LINUX_POLLWRNORM;
    waitq_wake(&h->wait, events & (LINUX_POLLERR | LINUX_POLLHUP) ? WAKE_ALL : events);
}

int host_sock_adopt(int fd, const struct socket_ops *ops, int family, uint32_t type, int protocol,
                    struct socket **ret)
{
    struct hostfile *hf;
    int err = hostfile_adopt(fd, &hf);
    if (err)
        return err;
    struct netlink_root *root = netlink_root();
    struct host_sock *h = root ? SLAB_NEW(HOST_SOCK, struct host_sock) : NULL;
    if (!h) {
        hostfile_unref(hf);
        return -ENOMEM;
    }
    socket_init(&h->s, ops, family, type, protocol);
    h->host = hf;
    h->first = true;
    waitq_init(&h->wait);
    list_add_tail(&h->all_node, &root->host_socks);
    err = hostwatch_add(&h->watch, hf, WATCHED, /* edge= */ true, host_sock_changed);
    if (err) {
        list_del(&h->all_node);
        hostfile_unref(hf);
        SLAB_FREE(HOST_SOCK, h);
        return err;
    }
    *ret = &h->s;
    return 0;
}

void host_sock_release(struct socket *s)
{
    struct host_sock *h = to_host(s);
    hostwatch_remove(&h->watch);
    list_del(&h->all_node);
    hostfile_unref(h->host);
    waitq_wake(&h->wait, WAKE_ALL);
    SLAB_FREE(HOST_SOCK, h);
}

/* The protocol that a socket of this type has, or one that can be asked for. -EPROTONOSUPPORT.. */
static int protocol_of(int family, uint32_t type, int protocol)
{
    int ping = family == LINUX_AF_INET ? LINUX_IPPROTO_ICMP : LINUX_IPPROTO_ICMPV6;
    int natural = type == LINUX_SOCK_STREAM ? LINUX_IPPROTO_TCP : LINUX_IPPROTO_UDP;
    if (type == LINUX_SOCK_RAW)
        return protocol ? -EPERM : -EPROTONOSUPPORT;
    if (type != LINUX_SOCK_STREAM && type != LINUX_SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (!protocol || protocol == natural)
        return natural;
    bool other = protocol == ping || protocol == LINUX_IPPROTO_UDPLITE;
    return type == LINUX_SOCK_DGRAM && other ? protocol : -EPROTONOSUPPORT;
}

static int host_create(struct task *t, int family, uint32_t type, int protocol, struct socket **ret)
{
    int proto = protocol_of(family, type, protocol);
    if (proto < 0)
        return proto;
    int fd = host_socket(family, (int)type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
    if (fd < 0)
        return host_sock_err(fd);
    int err = host_sock_adopt(fd, &host_sock_ops, family, type, proto, ret);
    if (!err)
        to_host(*ret)->uid = t->cred->euid;
    return err;
}

static int inet_create(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    return host_create(t, LINUX_AF_INET, type, protocol, ret);
}

static int inet6_create(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    return host_create(t, LINUX_AF_INET6, type, protocol, ret);
}

const struct socket_family inet_family = {.family = LINUX_AF_INET, .create = inet_create};
const struct socket_family inet6_family = {.family = LINUX_AF_INET6, .create = inet6_create};

/* The families that these sockets know; lengths and the rest are the host's to check. */
static int addr_check(const struct sock_addr *a)
{
    if (a->len < sizeof(a->family))
        return -EINVAL;
    return a->family == LINUX_AF_INET || a->family == LINUX_AF_INET6 || a->family == LINUX_AF_UNSPEC
               ? 0
               : -EAFNOSUPPORT;
}

static int host_sock_bind(struct socket *s, struct task *t, const struct sock_addr *a)
{
    int err = addr_check(a);
    if (err)
        return err;
    /* The port is at the same place in both families. */
    uint16_t port = (uint16_t)(a->bytes[2] << 8 | a->bytes[3]);
    bool whole = a->len >= sizeof(a->in) && a->family != LINUX_AF_UNSPEC;
    if (whole && port && port < 1024 &&
        !task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_BIND_SERVICE))
        return -EACCES;
    return host_sock_err(host_bind(hostfile_fd(to_host(s)->host), a->bytes, a->len));
}

static uint32_t ready(struct host_sock *h)
{
    struct pollfd p = {.fd = hostfile_fd(h->host),
                       .events = (short)(WATCHED | LINUX_POLLRDNORM | LINUX_POLLWRNORM)};
    struct timespec now = {0};
    int n = host_ppoll(&p, 1, &now, NULL, sizeof(uint64_t));
    h->known = n > 0 ? (uint16_t)p.revents : 0;
    return h->known;
}

static int pending_error(const struct host_sock *h)
{
    int value = 0;
    socklen_t len = sizeof(value);
    int err = host_getsockopt(hostfile_fd(h->host), SOL_SOCKET, SO_ERROR, &value, &len);
    return host_sock_err(err ? err : -value);
}

/* restart.u[0]: this call has begun the connection and waits for it. */
static int host_sock_connect(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct host_sock *h = to_host(s);
    if (t->restart.u[0]) {
        int err = pending_error(h);
        if (err)
            return err;
        return ready(h) & (LINUX_POLLOUT | LINUX_POLLHUP | LINUX_POLLERR) ? 0 : -EINPROGRESS;
    }
    int err = addr_check(a);
    if (err)
        return err;
    h->known = 0;
    err = host_sock_err(host_connect(hostfile_fd(h->host), a->bytes, a->len));
    /* One that blocks waits for a connection that was begun before, too. */
    if (err == -EALREADY && !(s->file->flags & LINUX_O_NONBLOCK))
        err = -EINPROGRESS;
    if (err == -EINPROGRESS)
        t->restart.u[0] = 1;
    return err;
}

int host_sock_listen(struct socket *s, struct task *t, int backlog)
{
    to_host(s)->known = 0;
    return host_sock_err(host_listen(hostfile_fd(to_host(s)->host), backlog));
}

int host_sock_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                     struct sock_addr *ret_addr)
{
    struct host_sock *h = to_host(s);
    struct socket *n;
    h->known = 0;
    socklen_t len = sizeof(ret_addr->bytes);
    int fd =
        host_accept4(hostfile_fd(h->host), ret_addr->bytes, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return host_sock_err(fd);
    ret_addr->len = MIN((uint32_t)len, (uint32_t)sizeof(ret_addr->bytes));
    int err = host_sock_adopt(fd, s->ops, s->family, s->type, s->protocol, &n);
    if (!err)
        to_host(n)->uid = h->uid;
    return err ? err : socket_file_new(t, n, flags, ret);
}

int host_sock_getname(struct socket *s, bool peer, struct sock_addr *ret)
{
    int fd = hostfile_fd(to_host(s)->host);
    socklen_t len = sizeof(ret->bytes);
    int err =
        peer ? host_getpeername(fd, ret->bytes, &len) : host_getsockname(fd, ret->bytes, &len);
    ret->len = MIN((uint32_t)len, (uint32_t)sizeof(ret->bytes));
    return host_sock_err(err);
}

int host_sock_shutdown(struct socket *s, int how)
{
    to_host(s)->known = 0;
    return host_sock_err(host_shutdown(hostfile_fd(to_host(s)->host), how));
}

uint32_t host_sock_poll(struct socket *s, struct waitq **ret_q)
{
    struct host_sock *h = to_host(s);
    *ret_q = &h->wait;
    return ready(h);
}

static int64_t host_sock_ioctl(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg)
{
    int fd = hostfile_fd(to_host(s)->host), n = 0, err;
    int64_t stamp[2];
    switch (cmd) {
    case LINUX_SIOCINQ:
    case LINUX_SIOCOUTQ:
    case LINUX_SIOCOUTQNSD:
    case LINUX_SIOCATMARK:
        err = host_sock_err(host_ioctl(fd, cmd, &n));
        return err ? err : copy_out_u32(t, UADDR(arg), (uint32_t)n);
    case LINUX_SIOCGSTAMP:
    case LINUX_SIOCGSTAMPNS:
        err = host_sock_err(host_ioctl(fd, cmd, stamp));
        return err ? err : copy_out(t, UADDR(arg), stamp, sizeof(stamp));
    default:
        return s->family == LINUX_AF_INET ? netdev_ioctl_inet(t, cmd, UADDR(arg))
                                          : netdev_ioctl(t, cmd, UADDR(arg));
    }
}

bool host_sock_state(struct host_sock *h, struct host_sock_state *ret)
{
    int fd = hostfile_fd(h->host), n;
    uint8_t info[8]; /* struct tcp_info begins with the state */
    socklen_t len = sizeof(info);
    *ret = (struct host_sock_state){.state = LINUX_TCP_CLOSE};
    if (host_sock_getname(&h->s, false, &ret->local))
        return false;
    if (host_sock_getname(&h->s, true, &ret->remote))
        ret->remote.len = 0;
    if (!socket_is_stream(&h->s))
        ret->state = ret->remote.len ? LINUX_TCP_ESTABLISHED : LINUX_TCP_CLOSE;
    else if (host_getsockopt(fd, LINUX_SOL_TCP, LINUX_TCP_INFO, info, &len) == 0 && len > 0)
        ret->state = info[0];
    if (host_ioctl(fd, LINUX_SIOCINQ, &n) == 0)
        ret->inq = (uint32_t)n;
    if (host_ioctl(fd, LINUX_SIOCOUTQ, &n) == 0)
        ret->outq = (uint32_t)n;
    bool bound = ret->local.in.sin_port != 0;
    return bound && (!socket_is_stream(&h->s) || ret->state != LINUX_TCP_CLOSE);
}

static const struct socket_ops host_sock_ops = {
    .bind = host_sock_bind,
    .connect = host_sock_connect,
    .listen = host_sock_listen,
    .accept = host_sock_accept,
    .getname = host_sock_getname,
    .send = host_sock_send,
    .recv = host_sock_recv,
    .shutdown = host_sock_shutdown,
    .poll = host_sock_poll,
    .ioctl = host_sock_ioctl,
    .setsockopt = host_sock_setsockopt,
    .getsockopt = host_sock_getsockopt,
    .release = host_sock_release,
};
