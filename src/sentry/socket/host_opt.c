/* Options of host sockets: the table is the allow list, row by row what host/calls.def lets the filter pass. */
#include "base/err.h"
#include "host/host.h"
#include "sentry/socket/host_sock.h"

enum { GET = 1, SET = 2, BOTH = 3 };

static const struct {
    int level, name;
    uint32_t access;
} options[] = {
    {LINUX_SOL_SOCKET, LINUX_SO_TYPE, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_DOMAIN, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_ERROR, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_ACCEPTCONN, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_PROTOCOL, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_INCOMING_CPU, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_BROADCAST, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_KEEPALIVE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_LINGER, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_OOBINLINE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_RCVBUF, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_SNDBUF, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_RCVLOWAT, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEADDR, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEPORT, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_TIMESTAMP, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_DONTROUTE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_PRIORITY, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_NO_CHECK, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_NODELAY, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_MAXSEG, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_CORK, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPIDLE, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPINTVL, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_KEEPCNT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_SYNCNT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_LINGER2, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_DEFER_ACCEPT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_WINDOW_CLAMP, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_INFO, GET},
    {LINUX_SOL_TCP, LINUX_TCP_QUICKACK, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_CONGESTION, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_USER_TIMEOUT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_FASTOPEN, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_NOTSENT_LOWAT, BOTH},
    {LINUX_SOL_IP, LINUX_IP_TOS, BOTH},
    {LINUX_SOL_IP, LINUX_IP_TTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVTOS, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVTTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_PKTINFO, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVERR, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MTU_DISCOVER, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MTU, GET},
    {LINUX_SOL_IP, LINUX_IP_FREEBIND, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_TTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_LOOP, BOTH},
    {LINUX_SOL_IP, LINUX_IP_BIND_ADDRESS_NO_PORT, BOTH},
    {LINUX_SOL_IP, LINUX_IP_ORIGDSTADDR, BOTH},
    {LINUX_SOL_IP, LINUX_IP_ADD_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_IP_DROP_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_IF, SET},
    {LINUX_SOL_IPV6, LINUX_IPV6_V6ONLY, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_TCLASS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_UNICAST_HOPS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVPKTINFO, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVTCLASS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVHOPLIMIT, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_HOPS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_LOOP, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MTU_DISCOVER, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MTU, GET},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVERR, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_ORIGDSTADDR, BOTH},
};

static bool allowed(int level, int name, uint32_t access)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (options[i].level == level && options[i].name == name)
            return options[i].access & access;
    return false;
}

static bool is_timeo(int level, int name)
{
    return level == LINUX_SOL_SOCKET && (name == LINUX_SO_RCVTIMEO || name == LINUX_SO_SNDTIMEO);
}

int host_sock_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                         uint32_t len)
{
    if (is_timeo(level, name))
        return socket_setsockopt_timeo(s, name, v, len); /* waiting is ours */
    if (level == LINUX_SOL_SOCKET && name == LINUX_SO_PASSCRED) {
        int value;
        int bad = sockopt_get_int(v, len, &value);
        if (!bad)
            to_host(s)->passcred = value;
        return bad;
    }
    if (!allowed(level, name, SET))
        return -ENOPROTOOPT;
    return host_sock_err(host_setsockopt(hostfile_fd(to_host(s)->host), level, name, v, len));
}

int host_sock_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                         uint32_t *len)
{
    if (is_timeo(level, name)) {
        socket_getsockopt_timeo(s, name, v, len);
        return 0;
    }
    if (level == LINUX_SOL_SOCKET && name == LINUX_SO_PASSCRED) {
        sockopt_put_int(v, len, to_host(s)->passcred);
        return 0;
    }
    if (!allowed(level, name, GET))
        return -ENOPROTOOPT;
    socklen_t n = *len;
    int err = host_sock_err(host_getsockopt(hostfile_fd(to_host(s)->host), level, name, v, &n));
    *len = MIN(n, *len);
    return err;
}
