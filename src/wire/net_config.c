#include "wire/net_config.h"

#include <errno.h>
#include <string.h>

#include "wire/bytes.h"

#define NET_MAGIC 0x6e657431u
#define INET      2
#define INET6     10

/* ---- writing ---- */

static void ip_write(struct bytes_writer *w, const struct net_ip *ip)
{
    bytes_put_u32(w, ip->family);
    bytes_put(w, ip->b, sizeof(ip->b));
}

static void hardware_write(struct bytes_writer *w, const uint8_t *addr, uint8_t len)
{
    bytes_put_u32(w, len);
    bytes_put(w, addr, NET_HARDWARE_MAX);
}

static void link_write(struct bytes_writer *w, const struct net_link *l)
{
    bytes_put_u32(w, l->index);
    bytes_put_str(w, l->name);
    bytes_put_u32(w, l->type);
    bytes_put_u32(w, l->flags);
    bytes_put_u32(w, l->mtu);
    hardware_write(w, l->hardware, l->hardware_len);
    bytes_put_u32(w, l->socket);
}

static void route_write(struct bytes_writer *w, const struct net_route *r)
{
    ip_write(w, &r->to);
    bytes_put_u32(w, r->prefix);
    bytes_put_u32(w, r->has_gateway);
    ip_write(w, &r->gateway);
    bytes_put_u32(w, r->has_source);
    ip_write(w, &r->source);
    bytes_put_u32(w, r->link);
    bytes_put_u32(w, r->priority);
    bytes_put_u32(w, r->table);
    bytes_put_u32(w, r->type);
    bytes_put_u32(w, r->scope);
    bytes_put_u32(w, r->protocol);
}

size_t net_config_write(const struct net_config *c, void *buf, size_t cap)
{
    struct bytes_writer w = {.buf = buf, .cap = cap};
    bytes_put_u32(&w, NET_MAGIC);
    bytes_put_u32(&w, c->link_count);
    for (uint32_t i = 0; i < c->link_count; i++)
        link_write(&w, &c->links[i]);
    bytes_put_u32(&w, c->address_count);
    for (uint32_t i = 0; i < c->address_count; i++) {
        const struct net_address *a = &c->addresses[i];
        bytes_put_u32(&w, a->link);
        ip_write(&w, &a->ip);
        bytes_put_u32(&w, a->prefix);
        bytes_put_u32(&w, a->scope);
        bytes_put_u32(&w, a->flags);
    }
    bytes_put_u32(&w, c->route_count);
    for (uint32_t i = 0; i < c->route_count; i++)
        route_write(&w, &c->routes[i]);
    bytes_put_u32(&w, c->neighbour_count);
    for (uint32_t i = 0; i < c->neighbour_count; i++) {
        const struct net_neighbour *n = &c->neighbours[i];
        bytes_put_u32(&w, n->link);
        ip_write(&w, &n->ip);
        hardware_write(&w, n->hardware, n->hardware_len);
        bytes_put_u32(&w, n->state);
        bytes_put_u32(&w, n->flags);
    }
    return w.len;
}

/* ---- reading ---- */

/* A number of at most max. */
static uint32_t get_max(struct bytes_reader *r, uint32_t max)
{
    uint32_t v = bytes_get_u32(r);
    if (v > max)
        r->failed = true;
    return r->failed ? 0 : v;
}

static void ip_read(struct bytes_reader *r, struct net_ip *ret, bool required)
{
    uint32_t family = get_max(r, INET6);
    const uint8_t *b = bytes_get(r, sizeof(ret->b));
    if (family != INET && family != INET6 && (required || family != 0))
        r->failed = true;
    if (!b || r->failed)
        return;
    ret->family = (uint8_t)family;
    memcpy(ret->b, b, sizeof(ret->b));
}

static uint8_t prefix_read(struct bytes_reader *r, const struct net_ip *ip)
{
    return (uint8_t)get_max(r, ip->family == INET ? 32 : 128);
}

static uint8_t hardware_read(struct bytes_reader *r, uint8_t *ret)
{
    uint8_t len = (uint8_t)get_max(r, NET_HARDWARE_MAX);
    const uint8_t *b = bytes_get(r, NET_HARDWARE_MAX);
    if (b)
        memcpy(ret, b, NET_HARDWARE_MAX);
    return len;
}

static void link_read(struct bytes_reader *r, struct net_link *ret)
{
    ret->index = get_max(r, INT32_MAX);
    const char *name = bytes_get_str(r, NET_NAME_MAX - 1);
    (void)strcpy(ret->name, name);
    ret->type = (uint16_t)get_max(r, UINT16_MAX);
    ret->flags = bytes_get_u32(r);
    ret->mtu = bytes_get_u32(r);
    ret->hardware_len = hardware_read(r, ret->hardware);
    ret->socket = get_max(r, 1);
    if (!ret->index || !name[0])
        r->failed = true;
}

/* The index of one of the links. */
static uint32_t link_of(struct bytes_reader *r, const struct net_config *c, bool required)
{
    uint32_t index = bytes_get_u32(r);
    for (uint32_t i = 0; i < c->link_count; i++)
        if (c->links[i].index == index)
            return index;
    if (index || required)
        r->failed = true;
    return 0;
}

static void address_read(struct bytes_reader *r, const struct net_config *c,
                         struct net_address *ret)
{
    ret->link = link_of(r, c, true);
    ip_read(r, &ret->ip, true);
    ret->prefix = prefix_read(r, &ret->ip);
    ret->scope = (uint8_t)get_max(r, UINT8_MAX);
    ret->flags = bytes_get_u32(r);
}

static void route_read(struct bytes_reader *r, const struct net_config *c, struct net_route *ret)
{
    ip_read(r, &ret->to, true);
    ret->prefix = prefix_read(r, &ret->to);
    ret->has_gateway = get_max(r, 1);
    ip_read(r, &ret->gateway, ret->has_gateway);
    ret->has_source = get_max(r, 1);
    ip_read(r, &ret->source, ret->has_source);
    ret->link = link_of(r, c, false);
    ret->priority = bytes_get_u32(r);
    ret->table = bytes_get_u32(r);
    ret->type = (uint8_t)get_max(r, UINT8_MAX);
    ret->scope = (uint8_t)get_max(r, UINT8_MAX);
    ret->protocol = (uint8_t)get_max(r, UINT8_MAX);
}

static void neighbour_read(struct bytes_reader *r, const struct net_config *c,
                           struct net_neighbour *ret)
{
    ret->link = link_of(r, c, true);
    ip_read(r, &ret->ip, true);
    ret->hardware_len = hardware_read(r, ret->hardware);
    ret->state = (uint16_t)get_max(r, UINT16_MAX);
    ret->flags = (uint8_t)get_max(r, UINT8_MAX);
}

int net_config_read(const void *buf, size_t len, struct net_config *ret)
{
    struct bytes_reader r = {.p = buf, .left = len};
    memset(ret, 0, sizeof(*ret));
    if (bytes_get_u32(&r) != NET_MAGIC)
        return -EINVAL;
    ret->link_count = get_max(&r, NET_LINKS_MAX);
    for (uint32_t i = 0; i < ret->link_count && !r.failed; i++)
        link_read(&r, &ret->links[i]);
    ret->address_count = get_max(&r, NET_ADDRESSES_MAX);
    for (uint32_t i = 0; i < ret->address_count && !r.failed; i++)
        address_read(&r, ret, &ret->addresses[i]);
    ret->route_count = get_max(&r, NET_ROUTES_MAX);
    for (uint32_t i = 0; i < ret->route_count && !r.failed; i++)
        route_read(&r, ret, &ret->routes[i]);
    ret->neighbour_count = get_max(&r, NET_NEIGHBOURS_MAX);
    for (uint32_t i = 0; i < ret->neighbour_count && !r.failed; i++)
        neighbour_read(&r, ret, &ret->neighbours[i]);
    return r.failed || r.left ? -EINVAL : 0;
}
