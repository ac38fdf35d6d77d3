/* Options of host sockets: the table is the allow list, row by row what host/calls.def lets the filter pass. */
#include "abi/net.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/socket/host_sock.h"

#include <string.h>

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
    {LINUX_SOL_SOCKET, LINUX_SO_SNDLOWAT, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_COOKIE, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_MEMINFO, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_INCOMING_NAPI_ID, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_BPF_EXTENSIONS, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_PEERNAME, GET},
    {LINUX_SOL_SOCKET, LINUX_SO_INCOMING_CPU, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BROADCAST, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_KEEPALIVE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_OOBINLINE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_RCVBUF, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_SNDBUF, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_RCVLOWAT, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEADDR, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_REUSEPORT, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_TIMESTAMP, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_TIMESTAMPNS, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_TIMESTAMPING, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_DONTROUTE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_PRIORITY, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_NO_CHECK, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_RXQ_OVFL, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_PEEK_OFF, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_SELECT_ERR_QUEUE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BUSY_POLL, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_MAX_PACING_RATE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BINDTODEVICE, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BINDTOIFINDEX, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BUF_LOCK, BOTH},
    {LINUX_SOL_SOCKET, LINUX_SO_BSDCOMPAT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_INFO, GET},
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
    {LINUX_SOL_TCP, LINUX_TCP_QUICKACK, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_CONGESTION, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_THIN_LINEAR_TIMEOUTS, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_THIN_DUPACK, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_USER_TIMEOUT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_FASTOPEN, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_TIMESTAMP, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_NOTSENT_LOWAT, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_INQ, BOTH},
    {LINUX_SOL_TCP, LINUX_TCP_TX_DELAY, BOTH},
    {LINUX_IPPROTO_UDPLITE, LINUX_UDPLITE_SEND_CSCOV, BOTH},
    {LINUX_IPPROTO_UDPLITE, LINUX_UDPLITE_RECV_CSCOV, BOTH},
    {LINUX_SOL_UDP, LINUX_UDP_CORK, BOTH},
    {LINUX_SOL_UDP, LINUX_UDP_SEGMENT, BOTH},
    {LINUX_SOL_UDP, LINUX_UDP_GRO, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MTU, GET},
    {LINUX_SOL_IP, LINUX_IP_TOS, BOTH},
    {LINUX_SOL_IP, LINUX_IP_TTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVTOS, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVTTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_PKTINFO, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVERR, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MTU_DISCOVER, BOTH},
    {LINUX_SOL_IP, LINUX_IP_FREEBIND, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MINTTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_TTL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_LOOP, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_ALL, BOTH},
    {LINUX_SOL_IP, LINUX_IP_MULTICAST_IF, BOTH},
    {LINUX_SOL_IP, LINUX_IP_UNICAST_IF, BOTH},
    {LINUX_SOL_IP, LINUX_IP_BIND_ADDRESS_NO_PORT, BOTH},
    {LINUX_SOL_IP, LINUX_IP_RECVFRAGSIZE, BOTH},
    {LINUX_SOL_IP, LINUX_IP_ORIGDSTADDR, BOTH},
    {LINUX_SOL_IP, LINUX_IP_LOCAL_PORT_RANGE, BOTH},
    {LINUX_SOL_IP, LINUX_IP_ADD_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_IP_DROP_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_IP_ADD_SOURCE_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_IP_DROP_SOURCE_MEMBERSHIP, SET},
    {LINUX_SOL_IP, LINUX_MCAST_JOIN_GROUP, SET},
    {LINUX_SOL_IP, LINUX_MCAST_LEAVE_GROUP, SET},
    {LINUX_SOL_IP, LINUX_MCAST_JOIN_SOURCE_GROUP, SET},
    {LINUX_SOL_IP, LINUX_MCAST_LEAVE_SOURCE_GROUP, SET},
    {LINUX_SOL_IPV6, LINUX_IPV6_MTU, GET},
    {LINUX_SOL_IPV6, LINUX_IPV6_V6ONLY, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_TCLASS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_UNICAST_HOPS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVPKTINFO, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVTCLASS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVHOPLIMIT, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_FLOWINFO, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_IF, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_HOPS, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_LOOP, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MULTICAST_ALL, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_UNICAST_IF, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MTU_DISCOVER, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVERR, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_DONTFRAG, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_RECVPATHMTU, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_AUTOFLOWLABEL, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_ADDR_PREFERENCES, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_MINHOPCOUNT, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_FREEBIND, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_ORIGDSTADDR, BOTH},
    {LINUX_SOL_IPV6, LINUX_IPV6_ADD_MEMBERSHIP, SET},
    {LINUX_SOL_IPV6, LINUX_IPV6_DROP_MEMBERSHIP, SET},
    {LINUX_SOL_IPV6, LINUX_MCAST_JOIN_GROUP, SET},
    {LINUX_SOL_IPV6, LINUX_MCAST_LEAVE_GROUP, SET},
    {LINUX_SOL_IPV6, LINUX_MCAST_JOIN_SOURCE_GROUP, SET},
    {LINUX_SOL_IPV6, LINUX_MCAST_LEAVE_SOURCE_GROUP, SET},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_PKTINFO, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_BROADCAST_ERROR, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_NO_ENOBUFS, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_CAP_ACK, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_EXT_ACK, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_GET_STRICT_CHK, BOTH},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_LIST_MEMBERSHIPS, GET},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_ADD_MEMBERSHIP, SET},
    {LINUX_SOL_NETLINK, LINUX_NETLINK_DROP_MEMBERSHIP, SET},
};

static bool allowed(int level, int name, uint32_t access)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (options[i].level == level && options[i].name == name)
            return options[i].access & access;
    return false;
}

/* The host would wait in close(2), and with it everybody here: only the reset of a time of 0 is passed on. */
static int set_linger(struct host_sock *h, const void *v, uint32_t len)
{
    struct linux_linger l, there;
    if (len < sizeof(l))
        return -EINVAL;
    memcpy(&l, v, sizeof(l));
    l.l_onoff = l.l_onoff != 0;
    there = (struct linux_linger){.l_onoff = l.l_onoff && l.l_linger == 0};
    int err = host_setsockopt(hostfile_fd(h->host), SOL_SOCKET, SO_LINGER, &there, sizeof(there));
    if (!err)
        h->linger = l;
    return host_sock_err(err);
}

/* Options that are kept here. 1: it is none of these. */
static int set_own(struct host_sock *h, int name, const void *v, uint32_t len)
{
    int value;
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: return socket_setsockopt_timeo(&h->s, name, v, len);
    case LINUX_SO_LINGER: return set_linger(h, v, len);
    case LINUX_SO_PASSCRED: {
        int err = sockopt_get_int(v, len, &value);
        if (!err)
            h->passcred = value;
        return err;
    }
    default: return 1;
    }
}

static int get_own(struct host_sock *h, int name, void *v, uint32_t *len)
{
    switch (name) {
    case LINUX_SO_RCVTIMEO:
    case LINUX_SO_SNDTIMEO: socket_getsockopt_timeo(&h->s, name, v, len); return 0;
    case LINUX_SO_LINGER: sockopt_put(v, len, &h->linger, sizeof(h->linger)); return 0;
    case LINUX_SO_PASSCRED: sockopt_put_int(v, len, h->passcred); return 0;
    default: return 1;
    }
}

int host_sock_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                         uint32_t len)
{
    int r = level == LINUX_SOL_SOCKET ? set_own(to_host(s), name, v, len) : 1;
    if (r <= 0)
        return r;
    if (!allowed(level, name, SET))
        return -ENOPROTOOPT;
    int err = host_sock_err(host_setsockopt(hostfile_fd(to_host(s)->host), level, name, v, len));
    if (!err && level == LINUX_SOL_SOCKET && name == LINUX_SO_RCVLOWAT) {
        int value;
        if (!sockopt_get_int(v, len, &value))
            s->rcvlowat = value < 0 ? INT32_MAX : MAX(value, 1);
    }
    return err;
}

int host_sock_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                         uint32_t *len)
{
    int r = level == LINUX_SOL_SOCKET ? get_own(to_host(s), name, v, len) : 1;
    if (r <= 0)
        return r;
    if (!allowed(level, name, GET))
        return -ENOPROTOOPT;
    socklen_t n = *len;
    int err = host_sock_err(host_getsockopt(hostfile_fd(to_host(s)->host), level, name, v, &n));
    *len = n; /* the host says how much there would be; no more than the room was written */
    return err;
}
