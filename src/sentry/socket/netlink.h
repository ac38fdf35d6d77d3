/* sentry/socket/netlink.h - AF_NETLINK sockets: for asking about interfaces, addresses and routes.
 *
 * What     NETLINK_KOBJECT_UEVENT: no device comes or goes, so nothing is ever received.
 *          NETLINK_ROUTE with --network=none: answered here, about lo. --network=host: the host's socket; requests that would change something are
 *          refused here (host_netlink.c), as the host would refuse them.
 * Owner    a socket's file; it holds its queue of answers. kern()->netlink has the lists of sockets (port numbers; /proc/net).
 * Locks    the kernel lock.
 * Limits   answers waiting: SO_RCVBUF bytes (-ENOBUFS, answers are lost).
 * Spec     netlink(7), rtnetlink(7). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/net.h"
#include "base/compiler.h"
#include "base/list.h"
#include "sentry/socket/socket.h"
#include "sentry/task/wait.h"

#define NL_RCVBUF 212992

struct nl_sock {
    struct socket s;
    struct list_node all_node; /* netlink_root.socks */
    uint32_t port;             /* 0: not bound */
    uint32_t groups;
    struct list_node queue; /* nl_answer.node */
    uint32_t queued_bytes;
    int32_t err; /* SO_ERROR, positive */
    int32_t sndbuf, rcvbuf;
    uint32_t opts; /* SOL_NETLINK booleans, by number */
    bool passcred;
    struct waitq wait;
};

struct netlink_root {
    struct list_node socks;
    struct list_node host_socks; /* host_sock.all_node, for /proc/net */
};
struct netlink_root *netlink_root(void); /* NULL: no memory */

/* One datagram to a socket; grown by nl_begin and its like. Arena memory. */
struct nl_answer {
    struct list_node node;
    uint32_t len, cap;
    uint32_t msg;  /* where the last message begins */
    bool failed;   /* no memory: it will not be sent */
    uint8_t *data; /* arena, cap bytes */
};

/* netlink_untrusted.c: walks what the application sent; false at the end, which is also anything malformed. */
bool nl_next(const uint8_t *buf, size_t len, size_t *off, struct linux_nlmsghdr *ret_hdr,
             const uint8_t **ret_body, size_t *ret_len);
/* The attribute of a type in a list of them; false: there is none. */
bool nl_attr_find(const uint8_t *attrs, size_t len, uint16_t type, const uint8_t **ret_data,
                  size_t *ret_len);
/* May an unprivileged program be told this? A request that reads: RTM_GET*; or that is none. */
bool nl_request_reads(const struct linux_nlmsghdr *h);

/* netlink_msg.c: writing answers. */
NODISCARD struct nl_answer *nl_answer_new(void); /* NULL: no memory */
void nl_answer_free(struct nl_answer *a);
void nl_begin(struct nl_answer *a, const struct linux_nlmsghdr *request, uint16_t type,
              uint16_t flags, const void *body, size_t len);
void nl_attr(struct nl_answer *a, uint16_t type, const void *data, size_t len);
void nl_attr_u32(struct nl_answer *a, uint16_t type, uint32_t v);
void nl_attr_u8(struct nl_answer *a, uint16_t type, uint8_t v);
void nl_attr_str(struct nl_answer *a, uint16_t type, const char *v);
/* Takes a. */
void nl_post(struct nl_sock *n, struct nl_answer *a);

/* netlink_route.c: one request. 0 or -errno, for the acknowledgement; *ret_dump: it was a dump, which ends with NLMSG_DONE. */
NODISCARD int route_request(struct nl_sock *n, struct task *t, const struct linux_nlmsghdr *h,
                            const uint8_t *body, size_t len, bool *ret_dump);

NODISCARD int route_dump(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family);

/* host_netlink.c */
NODISCARD int host_netlink_dump(const struct linux_nlmsghdr *h, uint8_t family,
                                void (*fn)(const uint8_t *body, size_t len, void *arg), void *arg);
NODISCARD int host_netlink_create(struct task *t, uint32_t type, int protocol, struct socket **ret);
