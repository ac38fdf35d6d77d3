/* wire/net_config.h - what a network stack needs to know of a network namespace that it takes over: links, addresses, routes,
 * neighbours; and its byte form in a sealed memfd.
 *
 * Owner    the arrays are the caller's.
 * Trust    it comes from runsc (trusted), which has it from the host. The reader still checks every bound.
 * Context  pure. Addresses are in network byte order, numbers in the host's.
 * Spec     rtnetlink(7).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define NET_LINKS_MAX      32
#define NET_ADDRESSES_MAX  256
#define NET_ROUTES_MAX     1024
#define NET_NEIGHBOURS_MAX 1024
#define NET_NAME_MAX       16 /* with its NUL */
#define NET_HARDWARE_MAX   8
#define NET_BLOB_MAX       ((size_t)256 * 1024)

struct net_ip {
    uint8_t family; /* LINUX_AF_INET, LINUX_AF_INET6 */
    uint8_t b[16];  /* 4 or 16 of them */
};

struct net_link {
    uint32_t index; /* in its namespace; > 0 */
    char name[NET_NAME_MAX];
    uint16_t type;  /* ARPHRD_* */
    uint32_t flags; /* IFF_* */
    uint32_t mtu;   /* bytes */
    uint8_t hardware[NET_HARDWARE_MAX], hardware_len;
    bool socket; /* a packet socket for it comes along, in the order of the links */
};

struct net_address {
    uint32_t link; /* index */
    struct net_ip ip;
    uint8_t prefix; /* bits */
    uint8_t scope;
    uint32_t flags; /* IFA_F_* */
};

struct net_route {
    struct net_ip to; /* family always */
    uint8_t prefix;   /* bits; 0: the default */
    bool has_gateway;
    struct net_ip gateway;
    bool has_source;
    struct net_ip source; /* preferred */
    uint32_t link;        /* index; 0: none */
    uint32_t priority;    /* metric */
    uint32_t table;
    uint8_t type, scope, protocol;
};

struct net_neighbour {
    uint32_t link; /* index */
    struct net_ip ip;
    uint8_t hardware[NET_HARDWARE_MAX], hardware_len;
    uint16_t state; /* NUD_* */
    uint8_t flags;  /* NTF_* */
};

struct net_config {
    struct net_link links[NET_LINKS_MAX];
    struct net_address addresses[NET_ADDRESSES_MAX];
    struct net_route routes[NET_ROUTES_MAX];
    struct net_neighbour neighbours[NET_NEIGHBOURS_MAX];
    uint32_t link_count, address_count, route_count, neighbour_count;
};

/* Writes what fits into cap bytes; the length needed, at most NET_BLOB_MAX. */
size_t net_config_write(const struct net_config *c, void *buf, size_t cap);
/* -EINVAL: not such bytes: bounds, families, prefixes, names, references to links that are not there. */
NODISCARD int net_config_read(const void *buf, size_t len, struct net_config *ret);
