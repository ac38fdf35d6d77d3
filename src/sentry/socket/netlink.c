#include "sentry/socket/netlink.h"

#include "abi/capability.h"
#include "abi/poll.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/netdev.h"
#include "sentry/task/task.h"

#include <string.h>

static struct nl_sock *to_nl(struct socket *s) { return container_of(s, struct nl_sock, s); }

struct netlink_root *netlink_root(void)
{
    struct kernel *k = kern();
    if (!k->netlink) {
        k->netlink = arena_alloc(sizeof(*k->netlink));
        if (k->netlink) {
            list_init(&k->netlink->socks);
            list_init(&k->netlink->host_socks);
        }
    }
    return k->netlink;
}

static bool port_used(uint32_t port)
{
    struct nl_sock *n;
    LIST_FOREACH (n, &netlink_root()->socks, all_node)
        if (n->port == port)
            return true;
    return false;
}

/* The process's number, or one that no process has. */
static void autobind(struct nl_sock *n, struct task *t)
{
    uint32_t port = (uint32_t)t->tg->vpid;
    if (n->port)
        return;
    for (uint32_t i = UINT32_MAX - 4096; port_used(port); i--)
        port = i;
    n->port = port;
}

static int addr_check(const struct sock_addr *a, struct linux_sockaddr_nl *ret)
{
    if (a->len < sizeof(*ret) || a->family != LINUX_AF_NETLINK)
        return -EINVAL;
    memcpy(ret, a->bytes, sizeof(*ret));
    return 0;
}

static int nl_bind(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct nl_sock *n = to_nl(s);
    struct linux_sockaddr_nl nl;
    int err = addr_check(a, &nl);
    if (err)
        return err;
    if (n->port && nl.nl_pid != n->port)
        return -EINVAL;
    if (!n->port && nl.nl_pid) {
        if (port_used(nl.nl_pid))
            return -EADDRINUSE;
        n->port = nl.nl_pid;
    }
    autobind(n, t);
    n->groups = nl.nl_groups; /* there is nothing to be told of: lo does not change */
    return 0;
}

static int nl_connect(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct nl_sock *n = to_nl(s);
    if (a->len < sizeof(a->family))
        return -EINVAL;
    if (a->family == LINUX_AF_UNSPEC)
        return 0;
    struct linux_sockaddr_nl nl;
    int err = addr_check(a, &nl);
    if (err)
        return err;
    if (nl.nl_pid || nl.nl_groups)
        return task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN) ? -ECONNREFUSED : -EPERM;
    autobind(n, t);
    return 0;
}

static int nl_listen(struct socket *s, struct task *t, int backlog) { return -EOPNOTSUPP; }

static int nl_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                     struct sock_addr *ret_addr)
{
    return -EOPNOTSUPP;
}

static int nl_getname(struct socket *s, bool peer, struct sock_addr *ret)
{
    const struct nl_sock *n = to_nl(s);
    struct linux_sockaddr_nl nl = {.nl_family = LINUX_AF_NETLINK};
    if (!peer) {
        nl.nl_pid = n->port;
        nl.nl_groups = n->groups;
    }
    *ret = (struct sock_addr){.len = sizeof(nl)};
    memcpy(ret->bytes, &nl, sizeof(nl));
    return 0;
}

/* NLMSG_ERROR: with the request, but for one that went well. */
static void acknowledge(struct nl_sock *n, const struct linux_nlmsghdr *h, const uint8_t *body,
                        size_t len, int err)
{
    struct nl_answer *a = nl_answer_new();
    struct linux_nlmsgerr e = {.error = err, .msg = *h};
    bool capped = !err || (n->opts & 1u << LINUX_NETLINK_CAP_ACK);
    if (!a) {
        n->err = ENOBUFS;
        return;
    }
    if (capped) {
        nl_begin(a, h, LINUX_NLMSG_ERROR, LINUX_NLM_F_CAPPED, &e, sizeof(e));
    } else {
        uint8_t *p = arena_alloc(sizeof(e) + len);
        if (p) {
            memcpy(p, &e, sizeof(e));
            memcpy(p + sizeof(e), body, len);
            nl_begin(a, h, LINUX_NLMSG_ERROR, 0, p, sizeof(e) + len);
            arena_free(p, sizeof(e) + len);
        } else {
            a->failed = true;
        }
    }
    nl_post(n, a);
}

static void end_dump(struct nl_sock *n, const struct linux_nlmsghdr *h)
{
    struct nl_answer *a = nl_answer_new();
    int32_t zero = 0;
    if (!a) {
        n->err = ENOBUFS;
        return;
    }
    nl_begin(a, h, LINUX_NLMSG_DONE, LINUX_NLM_F_MULTI, &zero, sizeof(zero));
    nl_post(n, a);
}

static void requests(struct nl_sock *n, struct task *t, const uint8_t *buf, size_t len)
{
    struct linux_nlmsghdr h;
    const uint8_t *body;
    size_t off = 0, body_len;
    while (nl_next(buf, len, &off, &h, &body, &body_len)) {
        int err = 0;
        bool dumped = false;
        h.nlmsg_pid = n->port; /* whom the answers are for */
        if ((h.nlmsg_flags & LINUX_NLM_F_REQUEST) && h.nlmsg_type >= LINUX_NLMSG_MIN_TYPE)
            err = route_request(n, t, &h, body, body_len, &dumped);
        if (dumped)
            end_dump(n, &h);
        else if (err || (h.nlmsg_flags & LINUX_NLM_F_ACK))
            acknowledge(n, &h, body, body_len, err);
    }
}

static ssize_t nl_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct nl_sock *n = to_nl(s);
    size_t len = (size_t)m->u->resid;
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    if (len == 0)
        return -ENODATA;
    if (m->addr.len) {
        struct linux_sockaddr_nl nl;
        int err = addr_check(&m->addr, &nl);
        if (err)
            return err;
        if (nl.nl_pid || nl.nl_groups) /* nobody but the kernel listens */
            return task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN) ? -ECONNREFUSED
                                                                               : -EPERM;
    }
    autobind(n, t);
    if (len > (size_t)(n->sndbuf - 32))
        return -EMSGSIZE;
    uint8_t *buf = arena_alloc(len);
    if (!buf)
        return -ENOBUFS;
    ssize_t r = uio_get(m->u, buf, len) == (ssize_t)len ? (ssize_t)len : -EFAULT;
    if (r > 0 && s->protocol == LINUX_NETLINK_ROUTE) /* the other one overlooks what is no event */
        requests(n, t, buf, len);
    arena_free(buf, len);
    return r;
}

static int take_error(struct nl_sock *n)
{
    int err = n->err;
    n->err = 0;
    return -err;
}

static ssize_t nl_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct nl_sock *n = to_nl(s);
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    int err = take_error(n);
    if (err)
        return err;
    if (list_empty(&n->queue))
        return -EAGAIN;
    struct nl_answer *a = list_first_entry(&n->queue, struct nl_answer, node);
    uint32_t here = (uint32_t)MIN(m->u->resid, (uint64_t)a->len);
    ssize_t r = (ssize_t)(m->flags & LINUX_MSG_TRUNC ? a->len : here);
    if (here < a->len)
        m->out_flags |= LINUX_MSG_TRUNC;
    if (here && uio_put(m->u, a->data, here) != (ssize_t)here)
        r = -EFAULT;
    struct linux_sockaddr_nl nl = {.nl_family = LINUX_AF_NETLINK}; /* from the kernel */
    m->addr.len = sizeof(nl);
    memcpy(m->addr.bytes, &nl, sizeof(nl));
    if (m->out && n->passcred) {
        struct linux_ucred kernel = {0};
        cmsg_put(m->out, LINUX_SOL_SOCKET, LINUX_SCM_CREDENTIALS, &kernel, sizeof(kernel));
    }
    if (m->out && (n->opts & 1u << LINUX_NETLINK_PKTINFO)) {
        uint32_t group = 0;
        cmsg_put(m->out, LINUX_SOL_NETLINK, LINUX_NETLINK_PKTINFO, &group, sizeof(group));
    }
    if (!(m->flags & LINUX_MSG_PEEK)) {
        list_del(&a->node);
        n->queued_bytes -= a->len;
        nl_answer_free(a);
    }
    return r;
}

static int nl_shutdown(struct socket *s, int how) { return -EOPNOTSUPP; }

static uint32_t nl_poll(struct socket *s, struct waitq **ret_q)
{
    struct nl_sock *n = to_nl(s);
    *ret_q = &n->wait;
    return LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND |
           (list_empty(&n->queue) ? 0 : LINUX_POLLIN | LINUX_POLLRDNORM) |
           (n->err ? LINUX_POLLERR : 0);
}

static int64_t nl_ioctl(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg)
{
    return netdev_ioctl(t, cmd, UADDR(arg));
}

#define NL_BOOLEANS                                                                                \
    (1u << LINUX_NETLINK_PKTINFO | 1u << LINUX_NETLINK_BROADCAST_ERROR |                           \
     1u << LINUX_NETLINK_NO_ENOBUFS | 1u << LINUX_NETLINK_CAP_ACK | 1u << LINUX_NETLINK_EXT_ACK |  \
     1u << LINUX_NETLINK_GET_STRICT_CHK)

static int nl_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                         uint32_t len)
{
    struct nl_sock *n = to_nl(s);
    int value;
    if (level != LINUX_SOL_SOCKET && level != LINUX_SOL_NETLINK)
        return -ENOPROTOOPT;
    int err = sockopt_get_int(v, len, &value);
    if (err)
        return err;
    if (level == LINUX_SOL_NETLINK) {
        if (name == LINUX_NETLINK_ADD_MEMBERSHIP || name == LINUX_NETLINK_DROP_MEMBERSHIP) {
            if (value <= 0 || value > 32)
                return -EINVAL;
            uint32_t bit = 1u << (value - 1);
            n->groups = name == LINUX_NETLINK_ADD_MEMBERSHIP ? n->groups | bit : n->groups & ~bit;
            return 0;
        }
        if (name < 0 || name > 31 || !(NL_BOOLEANS & 1u << name))
            return -ENOPROTOOPT;
        n->opts = value ? n->opts | 1u << name : n->opts & ~(1u << name);
        return 0;
    }
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: return socket_setsockopt_timeo(s, name, v, len);
    case LINUX_SO_PASSCRED: n->passcred = value; return 0;
    case LINUX_SO_RCVBUFFORCE:
    case LINUX_SO_SNDBUFFORCE:
        if (!task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN))
            return -EPERM;
        FALLTHROUGH;
    case LINUX_SO_RCVBUF:
    case LINUX_SO_SNDBUF:
        value = MIN((uint32_t)value, (uint32_t)NL_RCVBUF) * 2;
        if (name == LINUX_SO_RCVBUF || name == LINUX_SO_RCVBUFFORCE)
            n->rcvbuf = MAX(value, 2304);
        else
            n->sndbuf = MAX(value, 4608);
        return 0;
    default: return -ENOPROTOOPT;
    }
}

static int nl_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                         uint32_t *len)
{
    struct nl_sock *n = to_nl(s);
    int value;
    if (level == LINUX_SOL_NETLINK) {
        if (name == LINUX_NETLINK_LIST_MEMBERSHIPS) {
            uint64_t groups =
                n->groups; /* room for all groups of NETLINK_ROUTE; the length is theirs */
            memcpy(v, &groups, MIN(*len & ~3u, (uint32_t)sizeof(groups)));
            *len = sizeof(groups);
            return 0;
        }
        if (name < 0 || name > 31 || !(NL_BOOLEANS & 1u << name))
            return -ENOPROTOOPT;
        if (*len < sizeof(int))
            return -EINVAL;
        sockopt_put_int(v, len, (n->opts >> name) & 1);
        return 0;
    }
    if (level != LINUX_SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: socket_getsockopt_timeo(s, name, v, len); return 0;
    case LINUX_SO_TYPE: value = (int)s->type; break;
    case LINUX_SO_DOMAIN: value = s->family; break;
    case LINUX_SO_PROTOCOL: value = s->protocol; break;
    case LINUX_SO_ERROR: value = -take_error(n); break;
    case LINUX_SO_ACCEPTCONN: value = 0; break;
    case LINUX_SO_PASSCRED: value = n->passcred; break;
    case LINUX_SO_SNDBUF: value = n->sndbuf; break;
    case LINUX_SO_RCVBUF: value = n->rcvbuf; break;
    default: return -ENOPROTOOPT;
    }
    sockopt_put_int(v, len, value);
    return 0;
}

static void nl_release(struct socket *s)
{
    struct nl_sock *n = to_nl(s);
    list_del(&n->all_node);
    while (!list_empty(&n->queue)) {
        struct nl_answer *a = list_first_entry(&n->queue, struct nl_answer, node);
        list_del(&a->node);
        nl_answer_free(a);
    }
    waitq_wake(&n->wait, WAKE_ALL);
    SLAB_FREE(NL_SOCK, n);
}

static const struct socket_ops nl_ops = {
    .bind = nl_bind,
    .connect = nl_connect,
    .listen = nl_listen,
    .accept = nl_accept,
    .getname = nl_getname,
    .send = nl_send,
    .recv = nl_recv,
    .shutdown = nl_shutdown,
    .poll = nl_poll,
    .ioctl = nl_ioctl,
    .setsockopt = nl_setsockopt,
    .getsockopt = nl_getsockopt,
    .release = nl_release,
};

static int nl_create(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    if (type != LINUX_SOCK_RAW && type != LINUX_SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != LINUX_NETLINK_ROUTE && protocol != LINUX_NETLINK_KOBJECT_UEVENT)
        return -EPROTONOSUPPORT;
    if (task_has_host_network(t) && protocol == LINUX_NETLINK_ROUTE)
        return host_netlink_create(t, type, protocol, ret);
    struct nl_sock *n = netlink_root() ? SLAB_NEW(NL_SOCK, struct nl_sock) : NULL;
    if (!n)
        return -ENOMEM;
    socket_init(&n->s, &nl_ops, LINUX_AF_NETLINK, type, protocol);
    list_init(&n->queue);
    waitq_init(&n->wait);
    n->sndbuf = n->rcvbuf = NL_RCVBUF;
    list_add_tail(&n->all_node, &netlink_root()->socks);
    *ret = &n->s;
    return 0;
}

const struct socket_family netlink_family = {.family = LINUX_AF_NETLINK, .create = nl_create};
