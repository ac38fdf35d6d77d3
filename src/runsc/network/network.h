/* runsc/network/network.h - a network namespace as --network=sandbox takes it over: its configuration, and a packet socket for each
 * link, opened while runsc still may.
 *
 * Owner    the caller closes the sockets (network_done).
 * Trust    what netlink says is the host kernel's; names in it are whoever's made the links, and are only shown.
 * Context  runsc, single-threaded: for the moment of the call it is in the other namespace.
 * Spec     rtnetlink(7), packet(7), setns(2).
 */
#pragma once
#include <stdbool.h>

#include "base/compiler.h"
#include "wire/boot_config.h"
#include "wire/net_config.h"

#define NETWORK_ERROR_MAX 512

struct state;

struct network {
    struct net_config config;
    int sockets[NET_LINKS_MAX]; /* socket_count: of links with .socket, in their order */
    uint32_t socket_count;
};

/* netns: descriptor of a network namespace. The sockets receive nothing until they are bound to a protocol. -errno with err
 * (NETWORK_ERROR_MAX) filled: what failed and how to mend it; nothing is left open. */
NODISCARD int network_take(int netns, struct network *ret, char *err);
void network_done(struct network *n);
/* To the sandbox of s, which has not started its program. -errno with err (NETWORK_ERROR_MAX). */
NODISCARD int network_send(const struct network *n, const struct state *s, char *err);

bool network_sysctl_is(const char *key); /* net.* */
/* Writes those of net.* in a network namespace that is not runsc's own. -errno with err (NETWORK_ERROR_MAX). */
NODISCARD int network_sysctls(int netns, const struct boot_sysctl *v, uint32_t count, char *err);

/* netlink.c: fills ret from the namespace that the caller is in. -errno: of the socket; -EBADMSG: the host's answer makes no sense;
 * -E2BIG: more links, addresses, routes or neighbours than there is room for (*ret_what names them). */
NODISCARD int network_read(struct net_config *ret, const char **ret_what);
