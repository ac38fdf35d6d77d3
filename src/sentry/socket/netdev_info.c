/* Interfaces, addresses and routes for /proc/net and /sys/class/net: read as programs read them, by rtnetlink. */
#include "abi/ioctl.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/netlink.h"

#include <string.h>

int netdev_dump(uint16_t request, uint8_t family, netdev_dump_fn fn, void *arg)
{
    struct linux_nlmsghdr h = {.nlmsg_type = request,
                               .nlmsg_flags = LINUX_NLM_F_REQUEST | LINUX_NLM_F_DUMP,
                               .nlmsg_seq = 1};
    if (kern()->network_host)
        return host_netlink_dump(&h, family, fn, arg);
    struct nl_answer *a = nl_answer_new();
    if (!a)
        return -ENOMEM;
    int err = route_dump(a, &h, family);
    if (!err && a->failed)
        err = -ENOMEM;
    const uint8_t *body;
    size_t off = 0, len;
    while (!err && a->data && nl_next(a->data, a->len, &off, &h, &body, &len))
        fn(body, len, arg);
    nl_answer_free(a);
    return err;
}

/* The attribute's first bytes, up to the room; 0: there is none. */
static uint32_t attr(const uint8_t *attrs, size_t len, uint16_t type, void *ret, size_t room)
{
    const uint8_t *p;
    size_t n;
    if (!nl_attr_find(attrs, len, type, &p, &n))
        return 0;
    n = MIN(n, room);
    memcpy(ret, p, n);
    return (uint32_t)n;
}

struct each {
    void (*fn)(const struct netdev_info *d, void *arg);
    void *arg;
};

static void parse_link(const uint8_t *body, size_t len, void *arg)
{
    const struct each *e = arg;
    struct linux_ifinfomsg i;
    struct netdev_info d = {0};
    if (len < sizeof(i))
        return;
    memcpy(&i, body, sizeof(i));
    body += sizeof(i);
    len -= sizeof(i);
    d.index = i.ifi_index;
    d.type = i.ifi_type;
    d.flags = i.ifi_flags;
    (void)attr(body, len, LINUX_IFLA_IFNAME, d.name, sizeof(d.name) - 1);
    (void)attr(body, len, LINUX_IFLA_MTU, &d.mtu, sizeof(d.mtu));
    (void)attr(body, len, LINUX_IFLA_TXQLEN, &d.txqlen, sizeof(d.txqlen));
    (void)attr(body, len, LINUX_IFLA_GROUP, &d.group, sizeof(d.group));
    (void)attr(body, len, LINUX_IFLA_OPERSTATE, &d.operstate, 1);
    (void)attr(body, len, LINUX_IFLA_LINKMODE, &d.link_mode, 1);
    (void)attr(body, len, LINUX_IFLA_CARRIER, &d.carrier, 1);
    (void)attr(body, len, LINUX_IFLA_STATS64, &d.stats, sizeof(d.stats));
    (void)attr(body, len, LINUX_IFLA_BROADCAST, d.broadcast, sizeof(d.broadcast));
    d.addr_len = attr(body, len, LINUX_IFLA_ADDRESS, d.addr, sizeof(d.addr));
    e->fn(&d, e->arg);
}

int netdev_each(void (*fn)(const struct netdev_info *d, void *arg), void *arg)
{
    struct each e = {fn, arg};
    return netdev_dump(LINUX_RTM_GETLINK, 0, parse_link, &e);
}

static void take_if(const struct netdev_info *d, void *arg)
{
    struct netdev_info *want = arg;
    if (d->index == want->index)
        *want = *d;
}

int netdev_find(int32_t index, struct netdev_info *ret)
{
    *ret = (struct netdev_info){.index = index};
    int err = netdev_each(take_if, ret);
    return err ? err : ret->name[0] ? 0 : -ENODEV;
}
