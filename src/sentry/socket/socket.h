/* sentry/socket/socket.h - sockets as files, and what a family implements.
 *
 * Owner    a socket's file holds it (file->priv); the family embeds struct socket first in its own struct and frees it in release.
 * Locks    the kernel lock.
 * Context  hooks never park: -EAGAIN, and the calls in syscalls/sock_*.c wait on the queue that poll names (sock_wait).
 * Spec     socket(2), socket(7), unix(7), recv(2), send(2). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/socket.h"
#include "base/compiler.h"
#include "base/types.h"

struct cmsg_out;
struct file;
struct socket;
struct task;
struct uio;
struct waitq;

struct sock_addr {
    uint32_t len; /* 0: none */
    union {
        uint16_t family;
        uint8_t bytes[sizeof(struct linux_sockaddr_storage)];
        struct linux_sockaddr_un un;
        struct linux_sockaddr_in in;
        struct linux_sockaddr_in6 in6;
    };
};

/* One send or receive. */
struct sock_msg {
    struct uio *u;
    uint32_t flags;         /* LINUX_MSG_* as given */
    struct sock_addr addr;  /* send: where to; receive: where from */
    const uint8_t *control; /* send: copied control data */
    size_t control_len;
    struct cmsg_out
        *out;           /* receive: NULL: control data is not wanted (dropped without MSG_CTRUNC) */
    uint32_t out_flags; /* receive: MSG_TRUNC, MSG_EOR.. */
    bool stop;          /* receive: MSG_WAITALL does not go on behind this */
    bool before;        /* receive: a part of this call's bytes has been received already */
};

struct socket_ops {
    int (*bind)(struct socket *s, struct task *t, const struct sock_addr *a);
    /* -EAGAIN: the peer's backlog is full; -EINPROGRESS: poll tells (then called again: -EALREADY.., or 0). */
    int (*connect)(struct socket *s, struct task *t, const struct sock_addr *a);
    int (*listen)(struct socket *s, struct task *t, int backlog);
    int (*accept)(struct socket *s, struct task *t, uint32_t flags, struct file **ret,
                  struct sock_addr *ret_addr); /* -EAGAIN */
    int (*getname)(struct socket *s, bool peer, struct sock_addr *ret);
    ssize_t (*send)(struct socket *s, struct task *t, struct sock_msg *m);
    ssize_t (*recv)(struct socket *s, struct task *t, struct sock_msg *m);
    int (*shutdown)(struct socket *s, int how);
    uint32_t (*poll)(struct socket *s, struct waitq **ret_q);
    int64_t (*ioctl)(struct socket *s, struct task *t, uint32_t cmd, uint64_t arg);
    /* v: copied value of len bytes. -ENOPROTOOPT. */
    int (*setsockopt)(struct socket *s, struct task *t, int level, int name, const void *v,
                      uint32_t len);
    /* *len: room in v at entry, the value's length at exit (more than the room: it was cut). */
    int (*getsockopt)(struct socket *s, struct task *t, int level, int name, void *v,
                      uint32_t *len);
    void (*fdinfo)(struct socket *s, char *buf,
                   size_t size); /* lines of /proc/pid/fdinfo; may be NULL */
    void (*release)(struct socket *s);
};

struct socket {
    const struct socket_ops *ops;
    struct file *file; /* not counted; NULL: none yet, or closed */
    uint16_t family;
    uint16_t protocol;
    uint32_t type;                    /* LINUX_SOCK_STREAM.. */
    int64_t rcvtimeo_ns, sndtimeo_ns; /* < 0: none */
    int32_t rcvlowat;                 /* bytes that a blocking receive on a stream waits for */
};

/* The family's side: makes a socket (and a connected pair of them). Flags are not its business. */
struct socket_family {
    int family;
    int (*create)(struct task *t, uint32_t type, int protocol, struct socket **ret);
    int (*pair)(struct task *t, uint32_t type, int protocol,
                struct socket *ret[2]); /* NULL: -EOPNOTSUPP */
};
/* NULL: -EAFNOSUPPORT (also when the sandbox has no such network). */
const struct socket_family *socket_family_find(const struct task *t,
                                               int family); /* as t's network namespace has it */

void socket_init(struct socket *s, const struct socket_ops *ops, int family, uint32_t type,
                 int protocol);
/* A file for s, which it takes also on failure. flags: LINUX_SOCK_NONBLOCK. -ENFILE, -ENOMEM. */
NODISCARD int socket_file_new(struct task *t, struct socket *s, uint32_t flags, struct file **ret);
/* The socket behind f, or NULL: -ENOTSOCK. */
struct socket *file_socket(const struct file *f);
static inline bool socket_is_stream(const struct socket *s) { return s->type == LINUX_SOCK_STREAM; }

/* Options that mean the same for all families whose sockets are ours. -ENOPROTOOPT: not one of these. */
NODISCARD int socket_setsockopt_timeo(struct socket *s, int name, const void *v, uint32_t len);
void socket_getsockopt_timeo(const struct socket *s, int name, void *v, uint32_t *len);
/* Puts an int as getsockopt does: cut to the room. */
void sockopt_put_int(void *v, uint32_t *len, int value);
void sockopt_put(void *v, uint32_t *len, const void *value, uint32_t value_len);
NODISCARD int sockopt_get_int(const void *v, uint32_t len, int *ret); /* -EINVAL */

extern const struct socket_family unix_family;
extern const struct socket_family inet_family, inet6_family;           /* --network=host */
extern const struct socket_family inet_none_family, inet6_none_family; /* without a network */
extern const struct socket_family netlink_family;
