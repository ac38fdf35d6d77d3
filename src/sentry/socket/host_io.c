/* Sending and receiving on host sockets, through a buffer of ours. */
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
        if (!to_host && (type == LINUX_IP_RECVERR || type == LINUX_IP_ORIGDSTADDR))
            return true;
        return type == LINUX_IP_PKTINFO || type == LINUX_IP_TTL || type == LINUX_IP_TOS;
    case LINUX_SOL_IPV6:
        if (!to_host && (type == LINUX_IPV6_RECVERR || type == LINUX_IPV6_ORIGDSTADDR))
            return true;
        return type == LINUX_IPV6_PKTINFO || type == LINUX_IPV6_HOPLIMIT ||
               type == LINUX_IPV6_TCLASS;
    case LINUX_SOL_SOCKET: return !to_host && type == LINUX_SO_TIMESTAMP;
    default: return false;
    }
}

static int control_check(const struct sock_msg *m)
{
    struct linux_cmsghdr h;
    const uint8_t *data;
    size_t off = 0, len;
    int err = 0;
    while (cmsg_next(m->control, m->control_len, &off, &h, &data, &len, &err))
        if (!cmsg_allowed(h.cmsg_level, h.cmsg_type, true))
            return -EINVAL;
    return err;
}

static ssize_t send_buf(struct host_sock *h, struct sock_msg *m, uint8_t *buf, size_t n)
{
    if (n && uio_get(m->u, buf, n) != (ssize_t)n)
        return -EFAULT;
    struct iovec iov = {buf, n};
    union {
        const uint8_t *in;
        void *out;
    } control = {.in = m->control}; /* only read */
    struct msghdr hdr = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.out,
                         .msg_controllen = m->control_len};
    if (m->addr.len) {
        hdr.msg_name = m->addr.bytes;
        hdr.msg_namelen = m->addr.len;
    }
    uint32_t flags = m->flags & (LINUX_MSG_OOB | LINUX_MSG_DONTROUTE | LINUX_MSG_EOR |
                                 LINUX_MSG_MORE | LINUX_MSG_CONFIRM);
    return host_sendmsg(hostfile_fd(h->host), &hdr,
                        (int)(flags | LINUX_MSG_DONTWAIT | LINUX_MSG_NOSIGNAL));
}

static ssize_t with_buf(struct host_sock *h, struct sock_msg *m, size_t n,
                        ssize_t (*fn)(struct host_sock *h, struct sock_msg *m, uint8_t *buf,
                                      size_t n))
{
    uint8_t fast[BUF_FAST];
    if (n <= sizeof(fast))
        return fn(h, m, fast, n);
    uint8_t *buf = arena_alloc(n);
    if (!buf)
        return -ENOMEM;
    ssize_t r = fn(h, m, buf, n);
    arena_free(buf, n);
    return r;
}

ssize_t host_sock_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    int err = control_check(m);
    if (err)
        return err;
    if (m->addr.len && m->addr.family != LINUX_AF_INET && m->addr.family != LINUX_AF_INET6 &&
        m->addr.family != LINUX_AF_UNSPEC)
        return -EAFNOSUPPORT;
    struct uio before = *m->u;
    /* No datagram is as long as this: the host says so, also in the socket's error queue. */
    size_t n = (size_t)MIN(m->u->resid, (uint64_t)BUF_MAX + !socket_is_stream(s));
    ssize_t r = with_buf(to_host(s), m, n, send_buf);
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
    uint32_t flags = m->flags & (LINUX_MSG_PEEK | LINUX_MSG_OOB | LINUX_MSG_ERRQUEUE);
    if (!stream)
        flags |= m->flags & LINUX_MSG_TRUNC;
    ssize_t r = host_recvmsg(hostfile_fd(h->host), &hdr, (int)(flags | LINUX_MSG_DONTWAIT));
    if (r < 0)
        return r;
    size_t here = MIN((size_t)r, n);
    if (here && uio_put(m->u, buf, here) != (ssize_t)here)
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
    ssize_t r = with_buf(to_host(s), m, n, recv_buf);
    return r < 0 && r != -EFAULT ? host_sock_err((int)r) : r;
}
