/* AF_INET and AF_INET6 sockets of a sandbox without a network (--network=none).
 *
 * They exist so that programs can ask about interfaces and set options. There is no transport: nothing can be bound, connected or
 * sent, and each such call says so as Linux does where there is no route (ENETUNREACH), no such address (EADDRNOTAVAIL), no free
 * port (EADDRINUSE) or, for TCP to the loopback address, nobody who listens (ECONNREFUSED).
 */
#include "abi/capability.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/arena/slab.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/user_ns.h"
#include "sentry/signal/signal.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/socket.h"
#include "sentry/task/task.h"

#include <string.h>

enum { FOR_ALL, FOR_TCP, FOR_V6 };
enum { A_BOOL, A_INT, A_BUF };

/* Options that are kept, with what they are at first. */
static const struct option {
    int level, name;
    uint8_t sort, kind;
    int32_t first;
} options[] = {
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEADDR, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEPORT, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_KEEPALIVE, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_BROADCAST, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_DONTROUTE, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_OOBINLINE, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_NO_CHECK, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_TIMESTAMP, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_PASSCRED, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_RXQ_OVFL, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_SOCKET, LINUX_SO_SNDBUF, FOR_ALL, A_BUF, 212992},
    {LINUX_SOL_SOCKET, LINUX_SO_RCVBUF, FOR_ALL, A_BUF, 212992},
    {LINUX_SOL_IP, LINUX_IP_TOS, FOR_ALL, A_INT, 0},
    {LINUX_SOL_IP, LINUX_IP_TTL, FOR_ALL, A_INT, 64},
    {LINUX_SOL_IP, LINUX_IP_PKTINFO, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_IP, LINUX_IP_RECVTTL, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_IP, LINUX_IP_RECVTOS, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_IP, LINUX_IP_RECVERR, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_IP, LINUX_IP_FREEBIND, FOR_ALL, A_BOOL, 0},
    {LINUX_SOL_IP, LINUX_IP_MTU_DISCOVER, FOR_ALL, A_INT, LINUX_IP_PMTUDISC_WANT},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_TTL, FOR_ALL, A_INT, 1},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_LOOP, FOR_ALL, A_BOOL, 1},
    {LINUX_SOL_IPV6, LINUX_IPV6_V6ONLY, FOR_V6, A_BOOL, 0},
    {LINUX_SOL_IPV6, LINUX_IPV6_UNICAST_HOPS, FOR_V6, A_INT, 64},
    {LINUX_SOL_IPV6, LINUX_IPV6_TCLASS, FOR_V6, A_INT, 0},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVPKTINFO, FOR_V6, A_BOOL, 0},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVHOPLIMIT, FOR_V6, A_BOOL, 0},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVERR, FOR_V6, A_BOOL, 0},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_HOPS, FOR_V6, A_INT, 1},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_LOOP, FOR_V6, A_BOOL, 1},
    {LINUX_SOL_TCP, LINUX_TCP_NODELAY, FOR_TCP, A_BOOL, 0},
    {LINUX_SOL_TCP, LINUX_TCP_CORK, FOR_TCP, A_BOOL, 0},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPIDLE, FOR_TCP, A_INT, 7200},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPINTVL, FOR_TCP, A_INT, 75},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPCNT, FOR_TCP, A_INT, 9},
    {LINUX_SOL_TCP, LINUX_TCP_SYNCNT, FOR_TCP, A_INT, 6},
    {LINUX_SOL_TCP, LINUX_TCP_USER_TIMEOUT, FOR_TCP, A_INT, 0},
};

struct inet_none {
    struct socket s;
    struct waitq wait; /* nothing ever happens */
    struct linux_linger linger;
    int32_t opts[ARRAY_SIZE(options)];
};

static struct inet_none *to_none(struct socket *s) { return container_of(s, struct inet_none, s); }
static bool is_tcp(const struct socket *s) { return s->type == LINUX_SOCK_STREAM; }

/* -EINVAL, -EAFNOSUPPORT; *ret_loopback: the address is this machine's own. */
static int addr_check(const struct socket *s, const struct sock_addr *a, bool *ret_loopback)
{
    static const uint8_t one[16] = {[15] = 1}, any[16] = {0};
    if (a->len < sizeof(a->family))
        return -EINVAL;
    if (a->family == LINUX_AF_INET) {
        uint32_t addr = __builtin_bswap32(a->in.sin_addr);
        *ret_loopback = addr == 0 || addr >> 24 == NETDEV_LO_ADDR >> 24;
        return a->len < sizeof(a->in) ? -EINVAL : 0;
    }
    if (a->family != LINUX_AF_INET6 || s->family != LINUX_AF_INET6)
        return -EAFNOSUPPORT;
    *ret_loopback = !memcmp(a->in6.sin6_addr, one, 16) || !memcmp(a->in6.sin6_addr, any, 16);
    return a->len < LINUX_SIN6_LEN_RFC2133 ? -EINVAL : 0;
}

static int none_bind(struct socket *s, struct task *t, const struct sock_addr *a)
{
    bool loopback;
    int err = addr_check(s, a, &loopback);
    if (err)
        return err;
    uint16_t port = __builtin_bswap16(a->in.sin_port);
    if (port && port < 1024 && !task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_BIND_SERVICE))
        return -EACCES;
    return -EADDRNOTAVAIL;
}

static int none_connect(struct socket *s, struct task *t, const struct sock_addr *a)
{
    bool loopback;
    if (a->len >= sizeof(a->family) && a->family == LINUX_AF_UNSPEC)
        return 0; /* it is connected to nobody */
    int err = addr_check(s, a, &loopback);
    if (err)
        return err;
    return is_tcp(s) && loopback ? -ECONNREFUSED : -ENETUNREACH;
}

static int none_listen(struct socket *s, struct task *t, int backlog)
{
    return is_tcp(s) ? -EADDRINUSE : -EOPNOTSUPP;
}

static int none_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                       struct sock_addr *ret_addr)
{
    return is_tcp(s) ? -EINVAL : -EOPNOTSUPP;
}

static int none_getname(struct socket *s, bool peer, struct sock_addr *ret)
{
    if (peer)
        return -ENOTCONN;
    *ret =
        (struct sock_addr){.len = s->family == LINUX_AF_INET ? sizeof(ret->in) : sizeof(ret->in6)};
    ret->family = s->family;
    return 0;
}

static ssize_t none_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    bool loopback;
    if (is_tcp(s)) {
        if (!(m->flags & LINUX_MSG_NOSIGNAL)) {
            struct linux_siginfo info = signal_info_user(t, LINUX_SIGPIPE, LINUX_SI_USER);
            (void)signal_send_task(t, LINUX_SIGPIPE, &info);
        }
        return -EPIPE;
    }
    if (m->u->resid > 65507)
        return -EMSGSIZE;
    if (!m->addr.len)
        return -EDESTADDRREQ;
    int err = addr_check(s, &m->addr, &loopback);
    return err ? err : -ENETUNREACH;
}

static ssize_t none_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    return is_tcp(s) ? -ENOTCONN : -EAGAIN;
}

static int none_shutdown(struct socket *s, int how) { return -ENOTCONN; }

static uint32_t none_poll(struct socket *s, struct waitq **ret_q)
{
    *ret_q = &to_none(s)->wait;
    return is_tcp(s) ? LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLHUP
                     : LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
}

static int64_t none_ioctl(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg)
{
    if (cmd == LINUX_SIOCINQ || cmd == LINUX_SIOCOUTQ)
        return copy_out_u32(t, UADDR(arg), 0);
    return s->family == LINUX_AF_INET ? netdev_ioctl_inet(t, cmd, UADDR(arg))
                                      : netdev_ioctl(t, cmd, UADDR(arg));
}

static int option_index(const struct socket *s, int level, int name)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        const struct option *o = &options[i];
        if (o->level == level && o->name == name)
            return (o->sort == FOR_TCP && !is_tcp(s)) ||
                           (o->sort == FOR_V6 && s->family != LINUX_AF_INET6)
                       ? -1
                       : (int)i;
    }
    return -1;
}

static int none_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                           uint32_t len)
{
    struct inet_none *n = to_none(s);
    int value, i = option_index(s, level, name);
    if (level == LINUX_SOL_SOCKET && name == LINUX_SO_BINDTODEVICE)
        return netdev_bind_check(t, v, len);
    int err = sockopt_get_int(v, len, &value);
    if (err)
        return err;
    if (level == LINUX_SOL_SOCKET && (name == LINUX_SO_RCVTIMEO || name == LINUX_SO_SNDTIMEO))
        return socket_setsockopt_timeo(s, name, v, len);
    if (level == LINUX_SOL_SOCKET && name == LINUX_SO_LINGER) {
        if (len < sizeof(n->linger))
            return -EINVAL;
        memcpy(&n->linger, v, sizeof(n->linger));
        n->linger.l_onoff = n->linger.l_onoff != 0;
        return 0;
    }
    if (i < 0)
        return -ENOPROTOOPT;
    if (options[i].kind == A_BOOL)
        value = value != 0;
    if (options[i].kind == A_BUF)
        value = MAX(MIN(value < 0 ? INT32_MAX : value, 212992) * 2,
                    name == LINUX_SO_SNDBUF ? 4608 : 2304);
    n->opts[i] = value;
    return 0;
}

static int none_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                           uint32_t *len)
{
    struct inet_none *n = to_none(s);
    int value, i = option_index(s, level, name);
    if (i >= 0) {
        sockopt_put_int(v, len, n->opts[i]);
        return 0;
    }
    if (level != LINUX_SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: socket_getsockopt_timeo(s, name, v, len); return 0;
    case LINUX_SO_LINGER: sockopt_put(v, len, &n->linger, sizeof(n->linger)); return 0;
    case LINUX_SO_TYPE: value = (int)s->type; break;
    case LINUX_SO_DOMAIN: value = s->family; break;
    case LINUX_SO_PROTOCOL: value = s->protocol; break;
    case LINUX_SO_ERROR:
    case LINUX_SO_ACCEPTCONN: value = 0; break;
    case LINUX_SO_RCVLOWAT:
    case LINUX_SO_SNDLOWAT: value = 1; break;
    default: return -ENOPROTOOPT;
    }
    sockopt_put_int(v, len, value);
    return 0;
}

static void none_release(struct socket *s)
{
    waitq_wake(&to_none(s)->wait, WAKE_ALL);
    SLAB_FREE(SOCKET, to_none(s));
}

static const struct socket_ops none_ops = {
    .bind = none_bind,
    .connect = none_connect,
    .listen = none_listen,
    .accept = none_accept,
    .getname = none_getname,
    .send = none_send,
    .recv = none_recv,
    .shutdown = none_shutdown,
    .poll = none_poll,
    .ioctl = none_ioctl,
    .setsockopt = none_setsockopt,
    .getsockopt = none_getsockopt,
    .release = none_release,
};

static int none_create(struct task *t, int family, uint32_t type, int protocol, struct socket **ret)
{
    int natural = type == LINUX_SOCK_STREAM ? LINUX_IPPROTO_TCP : LINUX_IPPROTO_UDP;
    if (type == LINUX_SOCK_RAW)
        return protocol ? -EPERM : -EPROTONOSUPPORT;
    if (type != LINUX_SOCK_STREAM && type != LINUX_SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (type == LINUX_SOCK_DGRAM &&
        protocol == (family == LINUX_AF_INET ? LINUX_IPPROTO_ICMP : LINUX_IPPROTO_ICMPV6))
        return -EACCES; /* nobody is in net.ipv4.ping_group_range */
    if (protocol && protocol != natural)
        return -EPROTONOSUPPORT;
    struct inet_none *n = SLAB_NEW(SOCKET, struct inet_none);
    if (!n)
        return -ENOMEM;
    socket_init(&n->s, &none_ops, family, type, natural);
    waitq_init(&n->wait);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        n->opts[i] = options[i].first;
    *ret = &n->s;
    return 0;
}

static int none_create4(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    return none_create(t, LINUX_AF_INET, type, protocol, ret);
}

static int none_create6(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    return none_create(t, LINUX_AF_INET6, type, protocol, ret);
}

const struct socket_family inet_none_family = {.family = LINUX_AF_INET, .create = none_create4};
const struct socket_family inet6_none_family = {.family = LINUX_AF_INET6, .create = none_create6};
