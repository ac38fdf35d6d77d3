/* AF_NETLINK with --network=host: the host's rtnetlink, for requests that read. */
#include "base/err.h"
#include "host/host.h"
#include "sentry/arena/arena.h"
#include "sentry/mm/uio.h"
#include "sentry/mm/usermem.h"
#include "sentry/socket/cmsg.h"
#include "sentry/socket/host_sock.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/netlink.h"

#include <string.h>

#define REQUEST_MAX 65536u

static int addr_check(const struct sock_addr *a)
{
    return a->len < sizeof(struct linux_sockaddr_nl) || a->family != LINUX_AF_NETLINK ? -EINVAL : 0;
}

static int hnl_bind(struct socket *s, struct task *t, const struct sock_addr *a)
{
    int err = addr_check(a);
    return err ? err : host_sock_err(host_bind(hostfile_fd(to_host(s)->host), a->bytes, a->len));
}

/* To the kernel only. */
static int hnl_connect(struct socket *s, struct task *t, const struct sock_addr *a)
{
    struct linux_sockaddr_nl nl;
    if (a->len < sizeof(a->family))
        return -EINVAL;
    if (a->family == LINUX_AF_UNSPEC)
        return 0;
    int err = addr_check(a);
    if (err)
        return err;
    memcpy(&nl, a->bytes, sizeof(nl));
    return nl.nl_pid || nl.nl_groups ? -EPERM : 0;
}

static ssize_t send_checked(struct host_sock *h, struct sock_msg *m, const uint8_t *buf, size_t len)
{
    struct linux_nlmsghdr nh;
    const uint8_t *body;
    size_t off = 0, n;
    while (nl_next(buf, len, &off, &nh, &body, &n))
        if (!nl_request_reads(&nh))
            return -EPERM;
    struct linux_sockaddr_nl kernel = {.nl_family = LINUX_AF_NETLINK};
    union {
        const uint8_t *in;
        void *out;
    } data = {.in = buf}; /* only read */
    struct iovec iov = {data.out, len};
    struct msghdr hdr = {
        .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};
    return host_sendmsg(hostfile_fd(h->host), &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t hnl_send(struct socket *s, struct task *t, struct sock_msg *m)
{
    size_t len = (size_t)m->u->resid;
    if (m->flags & LINUX_MSG_OOB)
        return -EOPNOTSUPP;
    if (len == 0)
        return -ENODATA;
    if (len > REQUEST_MAX)
        return -EMSGSIZE;
    int err = m->addr.len ? hnl_connect(s, t, &m->addr) : 0;
    if (err)
        return err;
    uint8_t *buf = arena_alloc(len);
    if (!buf)
        return -ENOBUFS;
    ssize_t r =
        uio_get(m->u, buf, len) == (ssize_t)len ? send_checked(to_host(s), m, buf, len) : -EFAULT;
    arena_free(buf, len);
    return r < 0 && r != -EFAULT ? host_sock_err((int)r) : r;
}

/* SO_PASSCRED is kept here: all that comes is the kernel's. */
static ssize_t hnl_recv(struct socket *s, struct task *t, struct sock_msg *m)
{
    struct linux_ucred kernel = {0};
    ssize_t r = host_sock_recv(s, t, m);
    if (r >= 0 && m->out && to_host(s)->passcred)
        cmsg_put(m->out, LINUX_SOL_SOCKET, LINUX_SCM_CREDENTIALS, &kernel, sizeof(kernel));
    return r;
}

static int64_t hnl_ioctl(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg)
{
    return netdev_ioctl(t, cmd, UADDR(arg));
}

static const struct socket_ops hnl_ops = {
    .bind = hnl_bind,
    .connect = hnl_connect,
    .listen = host_sock_listen,
    .accept = host_sock_accept,
    .getname = host_sock_getname,
    .send = hnl_send,
    .recv = hnl_recv,
    .shutdown = host_sock_shutdown,
    .poll = host_sock_poll,
    .ioctl = hnl_ioctl,
    .setsockopt = host_sock_setsockopt,
    .getsockopt = host_sock_getsockopt,
    .release = host_sock_release,
};

#define DUMP_BUF 32768u
#define DUMP_WAITS                                                                                 \
    64 /* answers that are not there at once: the host's kernel makes them while we ask */

static int dump_read(int fd, uint8_t *buf, uint16_t answer,
                     void (*fn)(const uint8_t *body, size_t len, void *arg), void *arg)
{
    for (int tries = 0; tries < DUMP_WAITS;) {
        struct iovec iov = {buf, DUMP_BUF};
        struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t r = host_recvmsg(fd, &hdr, MSG_DONTWAIT);
        if (r == -EAGAIN) {
            tries++;
            continue;
        }
        if (r <= 0)
            return r < 0 ? host_sock_err((int)r) : -EIO;
        struct linux_nlmsghdr h;
        const uint8_t *body;
        size_t off = 0, n;
        while (nl_next(buf, (size_t)r, &off, &h, &body, &n)) {
            if (h.nlmsg_type == LINUX_NLMSG_DONE)
                return 0;
            if (h.nlmsg_type == LINUX_NLMSG_ERROR)
                return -EIO;
            if (h.nlmsg_type == answer)
                fn(body, n, arg);
        }
    }
    return -EIO;
}

int host_netlink_dump(const struct linux_nlmsghdr *h, uint8_t family,
                      void (*fn)(const uint8_t *body, size_t len, void *arg), void *arg)
{
    struct {
        struct linux_nlmsghdr h;
        uint8_t body[16]; /* struct ifinfomsg, the longest of them */
    } request = {.h = *h, .body = {family}};
    request.h.nlmsg_len = sizeof(request);
    int fd = host_socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return host_sock_err(fd);
    struct linux_sockaddr_nl kernel = {.nl_family = LINUX_AF_NETLINK};
    struct iovec iov = {&request, sizeof(request)};
    struct msghdr hdr = {
        .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};
    ssize_t r = host_sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
    int err = r < 0 ? host_sock_err((int)r) : 0;
    uint8_t *buf = err ? NULL : arena_alloc(DUMP_BUF);
    if (!err)
        err = buf ? dump_read(fd, buf, (uint16_t)(h->nlmsg_type - 2), fn, arg) : -ENOMEM;
    if (buf)
        arena_free(buf, DUMP_BUF);
    (void)!host_close(fd);
    return err;
}

int host_netlink_create(struct task *t, uint32_t type, int protocol, struct socket **ret)
{
    int fd = host_socket(AF_NETLINK, (int)type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return host_sock_err(fd);
    return host_sock_adopt(fd, &hnl_ops, LINUX_AF_NETLINK, type, protocol, ret);
}
