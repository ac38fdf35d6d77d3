/* Sending and receiving on host sockets, through a buffer of ours. */
#include "abi/net.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/uio.h"
#include "sentry/signal/signal.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/host_sock.h"
#include "sentry/task/task.h"

#include <string.h>

#define BUF_FAST    2048u
#define BUF_MAX     65536u
#define CONTROL_MAX 512u

/* Control messages that pass: which ones to the host, which ones back. */
static bool cmsg_allowed(int level, int type, bool to_host)
{
    switch (level) {
    case LINUX_SOL_IP:
        if (!to_host && (type == LINUX_IP_RECVERR || type == LINUX_IP_ORIGDSTADDR ||
                         type == LINUX_IP_RECVFRAGSIZE))
            return true;
        return type == LINUX_IP_PKTINFO || type == LINUX_IP_TTL || type == LINUX_IP_TOS;
    case LINUX_SOL_IPV6:
        if (!to_host && (type == LINUX_IPV6_RECVERR || type == LINUX_IPV6_ORIGDSTADDR ||
                         type == LINUX_IPV6_FLOWINFO))
            return true;
        return type == LINUX_IPV6_PKTINFO || type == LINUX_IPV6_HOPLIMIT ||
               type == LINUX_IPV6_TCLASS || (to_host && type == LINUX_IPV6_DONTFRAG);
    case LINUX_SOL_UDP: return type == (to_host ? LINUX_UDP_SEGMENT : LINUX_UDP_GRO);
    case LINUX_SOL_TCP: return !to_host && type == LINUX_TCP_CM_INQ;
    case LINUX_SOL_NETLINK: return !to_host && type == LINUX_NETLINK_PKTINFO;
    case LINUX_SOL_SOCKET:
        return !to_host && (type == LINUX_SO_TIMESTAMP || type == LINUX_SO_TIMESTAMPNS ||
                            type == LINUX_SO_TIMESTAMPING || type == LINUX_SO_RXQ_OVFL);
    default: return false;
    }
}

/* What of the application's control data goes to the host: into out, of m->control_len bytes. Descriptors and credentials never
 * do; Linux overlooks them on these sockets, as it does levels that are not the protocol's. */
static int control_filter(const struct sock_msg *m, uint8_t *out, size_t *ret_len)
{
    struct linux_cmsghdr h;
    const uint8_t *data;
    size_t off = 0, len, used = 0;
    int err = 0;
    while (cmsg_next(m->control, m->control_len, &off, &h, &data, &len, &err)) {
        bool own = h.cmsg_level == LINUX_SOL_SOCKET || h.cmsg_level == LINUX_SOL_IP ||
                   h.cmsg_level == LINUX_SOL_IPV6;
        bool overlooked = h.cmsg_level == LINUX_SOL_SOCKET &&
                          (h.cmsg_type == LINUX_SCM_RIGHTS || h.cmsg_type == LINUX_SCM_CREDENTIALS);
        if (cmsg_allowed(h.cmsg_level, h.cmsg_type, true)) {
            memcpy(out + used, &h, sizeof(h));
            memcpy(out + used + sizeof(h), data, len);
            used = MIN(used + (size_t)LINUX_CMSG_ALIGN(h.cmsg_len), m->control_len);
        } else if (own && !overlooked) {
            return -EINVAL;
        }
    }
    *ret_len = used;
    return err;
}

static ssize_t send_buf(struct host_sock *h, struct sock_msg *m, uint8_t *buf, size_t n)
{
    uint8_t fast[CONTROL_MAX] ALIGNED(8), *control = NULL;
    size_t control_len = 0;
    if (n && uio_get(m->u, buf, n) != (ssize_t)n)
        return -EFAULT;
    if (m->control_len) {
        control = m->control_len <= sizeof(fast) ? fast : arena_alloc(m->control_len);
        if (!control)
            return -ENOBUFS;
    }
    ssize_t r = control ? control_filter(m, control, &control_len) : 0;
    struct iovec iov = {buf, n};
    struct msghdr hdr = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control_len ? control : NULL,
                         .msg_controllen = control_len};
    if (m->addr.len) {
        hdr.msg_name = m->addr.bytes;
        hdr.msg_namelen = m->addr.len;
    }
    uint32_t flags = m->flags & (LINUX_MSG_OOB | LINUX_MSG_DONTROUTE | LINUX_MSG_EOR |
                                 LINUX_MSG_MORE | LINUX_MSG_CONFIRM);
    if (!r)
        r = host_sendmsg(hostfile_fd(h->host), &hdr,
                         (int)(flags | LINUX_MSG_DONTWAIT | LINUX_MSG_NOSIGNAL));
    if (control && control != fast)
        arena_free(control, m->control_len);
    return r;
}

static ssize_t with_buf(struct host_sock *h, struct sock_msg *m, size_t n,
                        ssize_t (*fn)(struct host_sock *h, struct sock_msg *m, uint8_t *buf,
                                      size_t n))
{
    uint8_t fast[BUF_FAST];
    if (n <= sizeof(fast))
        return fn(h, m, fast, n);
    uint8_t *buf = arena_scratch(n);
    if (!buf)
        return -ENOMEM;
    ssize_t r = fn(h, m, buf, n);
    arena_free(buf, n);
    return r;
}

ssize_t host_sock_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    if (m->flags & LINUX_MSG_FASTOPEN)
        return -EOPNOTSUPP; /* as with net.ipv4.tcp_fastopen 0 */
    if (m->addr.len && m->addr.family != LINUX_AF_INET && m->addr.family != LINUX_AF_INET6 &&
        m->addr.family != LINUX_AF_UNSPEC)
        return -EAFNOSUPPORT;
    struct uio before = *m->u;
    /* No datagram is as long as this: the host says so, also in the socket's error queue. */
    size_t n = (size_t)MIN(m->u->resid, (uint64_t)BUF_MAX + !socket_is_stream(s));
    ssize_t r = with_buf(to_host(s), m, n, send_buf);
    if (r < (ssize_t)n)
        to_host(s)->known &= ~LINUX_POLLOUT; /* the host tells when there is room again */
    /* The cursor stands behind what the host took, not behind what was offered. */
    *m->u = before;
    if (r > 0)
        uio_skip(m->u, (size_t)r);
    if (r == -EPIPE && socket_is_stream(s) && !(m->flags & LINUX_MSG_NOSIGNAL) &&
        !t->restart.done) {
        struct linux_siginfo info = signal_info_user(t, LINUX_SIGPIPE, LINUX_SI_USER);
        (void)signal_send_task(t, LINUX_SIGPIPE, &info);
    }
    return r < 0 && r != -EFAULT ? host_sock_err((int)r) : r;
}

static void control_out(struct sock_msg *m, const uint8_t *control, size_t n)
{
    struct linux_cmsghdr h;
    const uint8_t *data;
    size_t off = 0, len;
    int err;
    while (cmsg_next(control, n, &off, &h, &data, &len, &err))
        if (m->out && cmsg_allowed(h.cmsg_level, h.cmsg_type, false))
            cmsg_put(m->out, h.cmsg_level, h.cmsg_type, data, len);
}

static ssize_t recv_buf(struct host_sock *h, struct sock_msg *m, uint8_t *buf, size_t n)
{
    uint8_t control[CONTROL_MAX] ALIGNED(8);
    struct iovec iov = {buf, n};
    struct msghdr hdr = {.msg_name = m->addr.bytes,
                         .msg_namelen = sizeof(m->addr.bytes),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    bool stream = socket_is_stream(&h->s);
    uint32_t flags =
        m->flags & (LINUX_MSG_PEEK | LINUX_MSG_OOB | LINUX_MSG_ERRQUEUE | LINUX_MSG_TRUNC);
    ssize_t r = host_recvmsg(hostfile_fd(h->host), &hdr, (int)(flags | LINUX_MSG_DONTWAIT));
    if (r < 0)
        return r;
    size_t here = MIN((size_t)r, n);
    /* TCP counts what MSG_TRUNC throws away; the buffer is not written. */
    bool thrown = stream && (flags & LINUX_MSG_TRUNC);
    if (thrown)
        uio_skip(m->u, here);
    else if (here && uio_put(m->u, buf, here) != (ssize_t)here)
        return -EFAULT;
    m->addr.len = stream ? 0 : MIN((uint32_t)hdr.msg_namelen, (uint32_t)sizeof(m->addr.bytes));
    m->out_flags |= (uint32_t)hdr.msg_flags &
                    (LINUX_MSG_TRUNC | LINUX_MSG_OOB | LINUX_MSG_EOR | LINUX_MSG_ERRQUEUE);
    control_out(m, control, MIN((size_t)hdr.msg_controllen, sizeof(control)));
    return r;
}

ssize_t host_sock_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    size_t n = (size_t)MIN(m->u->resid, (uint64_t)BUF_MAX);
    to_host(s)->known &= ~(LINUX_POLLIN | LINUX_POLLPRI | LINUX_POLLERR);
    ssize_t r = with_buf(to_host(s), m, n, recv_buf);
    return r < 0 && r != -EFAULT ? host_sock_err((int)r) : r;
}
