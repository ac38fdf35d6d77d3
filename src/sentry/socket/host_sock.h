/* sentry/socket/host_sock.h - AF_INET and AF_INET6 sockets that are the host's: --network=host only.
 *
 * Owner    the socket holds its hostfile; the watch tells it of every change (edge), poll asks the host.
 * Locks    the kernel lock; all host calls here are non-blocking.
 * Trust    what the host is given: TCP, UDP and ping sockets, the options of the table in host_opt.c (the same list as the filter's,
 *          host/calls.def), the control messages of the one in host_io.c. Anything else is refused here, as Linux refuses what it
 *          does not know. Ports below 1024 need a capability here, and whatever the host asks of the sandbox's user there.
 * Deviates close(2) with SO_LINGER does not wait (a time of 0 resets the connection as it should); MSG_FASTOPEN: -EOPNOTSUPP;
 *          MSG_ZEROCOPY copies.
 */
#pragma once
#include "sentry/io/hostfile.h"
#include "sentry/socket/socket.h"
#include "sentry/task/wait.h"

struct host_sock {
    struct socket s;
    struct hostfile *host; /* counted */
    struct hostwatch watch;
    struct waitq wait;
    uint32_t known; /* what the last poll found; a transfer takes back what it may have changed */
    bool first;     /* the watch has not reported yet: it begins with what is ready already */
    struct list_node all_node; /* netlink_root.host_socks */
    uint32_t uid;              /* of who made it */
    struct linux_linger linger;
    bool urgent;   /* out-of-band data is there, and has been signalled */
    bool passcred; /* remembered, of no effect, as in Linux */
};

static inline struct host_sock *to_host(struct socket *s)
{
    return container_of(s, struct host_sock, s);
}
/* A socket of the host's: takes fd, also on failure. */
NODISCARD int host_sock_adopt(int fd, const struct socket_ops *ops, int family, uint32_t type,
                              int protocol, struct socket **ret);
/* Operations that need no check of ours. */
int host_sock_getname(struct socket *s, bool peer, struct sock_addr *ret);
uint32_t host_sock_poll(struct socket *s, struct waitq **ret_q);
int host_sock_accept(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                     struct sock_addr *ret_addr);
int host_sock_listen(struct socket *s, struct task *t, int backlog);
int host_sock_shutdown(struct socket *s, int how);
void host_sock_release(struct socket *s);
/* For /proc/net: false if it is not bound. */
struct host_sock_state {
    struct sock_addr local, remote; /* remote.len 0: not connected */
    uint32_t inq, outq;
    uint8_t state; /* LINUX_TCP_* */
};
bool host_sock_state(struct host_sock *h, struct host_sock_state *ret);
/* What the application may see of an error of the host. */
int host_sock_err(int err);

/* host_opt.c */
int host_sock_setsockopt(struct socket *s, struct task *t, int level, int name, const void *v,
                         uint32_t len);
int host_sock_getsockopt(struct socket *s, struct task *t, int level, int name, void *v,
                         uint32_t *len);

/* host_io.c */
ssize_t host_sock_send(struct socket *s, struct task *t, struct sock_msg *m);
ssize_t host_sock_recv(struct socket *s, struct task *t, struct sock_msg *m);
