/* NETLINK_ROUTE without a network: what there is to tell about lo. */
#include "abi/capability.h"
#include "base/err.h"
#include "sentry/ns/user_ns.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/netlink.h"
#include "sentry/task/task.h"

#include <string.h>

#define IFF_LOWER_UP 0x10000u

static const uint8_t addr4[4] = {127, 0, 0, 1};
static const uint8_t addr6[16] = {[15] = 1};

static uint16_t multi(const struct linux_nlmsghdr *h)
{
    return h->nlmsg_flags & LINUX_NLM_F_DUMP ? LINUX_NLM_F_MULTI : 0;
}

/* ---- links ---- */

static void put_link(struct nl_answer *a, const struct linux_nlmsghdr *h)
{
    static const uint8_t no_addr[6] = {0};
    const struct linux_rtnl_link_stats64 stats = {0};
    struct linux_ifinfomsg i = {.ifi_type = LINUX_ARPHRD_LOOPBACK,
                                .ifi_index = NETDEV_LO_INDEX,
                                .ifi_flags = NETDEV_LO_FLAGS | IFF_LOWER_UP};
    nl_begin(a, h, LINUX_RTM_NEWLINK, multi(h), &i, sizeof(i));
    nl_attr_str(a, LINUX_IFLA_IFNAME, "lo");
    nl_attr_u32(a, LINUX_IFLA_TXQLEN, NETDEV_LO_TXQLEN);
    nl_attr_u8(a, LINUX_IFLA_OPERSTATE, LINUX_IF_OPER_UNKNOWN);
    nl_attr_u8(a, LINUX_IFLA_LINKMODE, 0);
    nl_attr_u32(a, LINUX_IFLA_MTU, NETDEV_LO_MTU);
    nl_attr_u32(a, LINUX_IFLA_GROUP, 0);
    nl_attr_u32(a, LINUX_IFLA_PROMISCUITY, 0);
    nl_attr_u32(a, LINUX_IFLA_NUM_TX_QUEUES, 1);
    nl_attr_u32(a, LINUX_IFLA_NUM_RX_QUEUES, 1);
    nl_attr_u8(a, LINUX_IFLA_CARRIER, 1);
    nl_attr_str(a, LINUX_IFLA_QDISC, "noqueue");
    nl_attr(a, LINUX_IFLA_ADDRESS, no_addr, sizeof(no_addr));
    nl_attr(a, LINUX_IFLA_BROADCAST, no_addr, sizeof(no_addr));
    nl_attr(a, LINUX_IFLA_STATS64, &stats, sizeof(stats));
}

/* 0 if the request is about lo. */
static int link_named(const uint8_t *body, size_t len)
{
    struct linux_ifinfomsg i;
    const uint8_t *name;
    size_t name_len;
    if (len < sizeof(i))
        return -EINVAL;
    memcpy(&i, body, sizeof(i));
    if (i.ifi_index > 0)
        return i.ifi_index == NETDEV_LO_INDEX ? 0 : -ENODEV;
    if (!nl_attr_find(body + sizeof(i), len - sizeof(i), LINUX_IFLA_IFNAME, &name, &name_len))
        return -EINVAL;
    return name_len >= 2 && memcmp(name, "lo", 2) == 0 && (name_len == 2 || !name[2]) ? 0 : -ENODEV;
}

/* Setting lo up, which it is, is the only change that is made. */
static int change_link(const uint8_t *body, size_t len)
{
    struct linux_ifinfomsg i;
    int err = link_named(body, len);
    if (err)
        return err;
    memcpy(&i, body, sizeof(i));
    return (i.ifi_flags & LINUX_IFF_UP) && (i.ifi_change & ~LINUX_IFF_UP) == 0 ? 0 : -EOPNOTSUPP;
}

/* ---- addresses ---- */

static void put_addr(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family)
{
    const struct linux_ifa_cacheinfo forever = {.ifa_prefered = UINT32_MAX,
                                                .ifa_valid = UINT32_MAX};
    struct linux_ifaddrmsg i = {.ifa_family = family,
                                .ifa_prefixlen = family == LINUX_AF_INET ? NETDEV_LO_PREFIX : 128,
                                .ifa_flags = LINUX_IFA_F_PERMANENT,
                                .ifa_scope = LINUX_RT_SCOPE_HOST,
                                .ifa_index = NETDEV_LO_INDEX};
    nl_begin(a, h, LINUX_RTM_NEWADDR, multi(h), &i, sizeof(i));
    if (family == LINUX_AF_INET) {
        nl_attr(a, LINUX_IFA_ADDRESS, addr4, sizeof(addr4));
        nl_attr(a, LINUX_IFA_LOCAL, addr4, sizeof(addr4));
        nl_attr_str(a, LINUX_IFA_LABEL, "lo");
    } else {
        nl_attr(a, LINUX_IFA_ADDRESS, addr6, sizeof(addr6));
    }
    nl_attr(a, LINUX_IFA_CACHEINFO, &forever, sizeof(forever));
    nl_attr_u32(a, LINUX_IFA_FLAGS, LINUX_IFA_F_PERMANENT);
}

/* ---- routes ---- */

#define RTM_F_CLONED       0x200u
#define RTM_F_LOOKUP_TABLE 0x1000u
#define RTCF_LOCAL         0x80000000u

static void put_route(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t type,
                      const uint8_t *dst, uint8_t bits)
{
    bool v4 = dst != addr6;
    struct linux_rtmsg r = {.rtm_family = v4 ? LINUX_AF_INET : LINUX_AF_INET6,
                            .rtm_dst_len = bits,
                            .rtm_table = LINUX_RT_TABLE_LOCAL,
                            .rtm_protocol = LINUX_RTPROT_KERNEL,
                            .rtm_scope = !v4                           ? LINUX_RT_SCOPE_UNIVERSE
                                         : type == LINUX_RTN_BROADCAST ? LINUX_RT_SCOPE_LINK
                                                                       : LINUX_RT_SCOPE_HOST,
                            .rtm_type = type};
    nl_begin(a, h, LINUX_RTM_NEWROUTE, multi(h), &r, sizeof(r));
    nl_attr_u32(a, LINUX_RTA_TABLE, LINUX_RT_TABLE_LOCAL);
    nl_attr(a, LINUX_RTA_DST, dst, v4 ? sizeof(addr4) : sizeof(addr6));
    if (v4)
        nl_attr(a, LINUX_RTA_PREFSRC, addr4, sizeof(addr4));
    nl_attr_u32(a, LINUX_RTA_OIF, NETDEV_LO_INDEX);
}

static void put_routes(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family)
{
    static const uint8_t net[4] = {127, 0, 0, 0}, last[4] = {127, 255, 255, 255};
    if (family != LINUX_AF_INET6) {
        put_route(a, h, LINUX_RTN_LOCAL, net, NETDEV_LO_PREFIX);
        put_route(a, h, LINUX_RTN_LOCAL, addr4, 32);
        put_route(a, h, LINUX_RTN_BROADCAST, last, 32);
    }
    if (family != LINUX_AF_INET)
        put_route(a, h, LINUX_RTN_LOCAL, addr6, 128);
}

/* The route to one address. */
static int one_route(struct nl_answer *a, const struct linux_nlmsghdr *h, const uint8_t *body,
                     size_t len)
{
    struct linux_rtmsg r;
    const uint8_t *dst;
    size_t n;
    if (len < sizeof(r))
        return -EINVAL;
    memcpy(&r, body, sizeof(r));
    if (!nl_attr_find(body + sizeof(r), len - sizeof(r), LINUX_RTA_DST, &dst, &n))
        return r.rtm_family == LINUX_AF_INET || r.rtm_family == LINUX_AF_INET6 ? -ENETUNREACH
                                                                               : -EOPNOTSUPP;
    bool v4 = r.rtm_family == LINUX_AF_INET && n == sizeof(addr4) && dst[0] == addr4[0];
    bool v6 = r.rtm_family == LINUX_AF_INET6 && n == sizeof(addr6) && !memcmp(dst, addr6, n);
    if (!v4 && !v6)
        return -ENETUNREACH;
    uint8_t table = r.rtm_flags & RTM_F_LOOKUP_TABLE ? LINUX_RT_TABLE_LOCAL : LINUX_RT_TABLE_MAIN;
    struct linux_rtmsg m = {.rtm_family = r.rtm_family,
                            .rtm_dst_len = (uint8_t)(n * 8),
                            .rtm_table = table,
                            .rtm_type = LINUX_RTN_LOCAL,
                            .rtm_flags = v4 ? RTCF_LOCAL | RTM_F_CLONED : 0};
    nl_begin(a, h, LINUX_RTM_NEWROUTE, 0, &m, sizeof(m));
    nl_attr_u32(a, LINUX_RTA_TABLE, table);
    nl_attr(a, LINUX_RTA_DST, dst, n);
    nl_attr_u32(a, LINUX_RTA_OIF, NETDEV_LO_INDEX);
    nl_attr(a, LINUX_RTA_PREFSRC, v4 ? addr4 : addr6, n);
    return 0;
}

/* ---- rules: those that are always there ---- */

static void put_rule(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family,
                     uint32_t priority, uint8_t table)
{
    /* struct fib_rule_hdr: as struct rtmsg, with the action (FR_ACT_TO_TBL) for the type. */
    struct linux_rtmsg r = {.rtm_family = family, .rtm_table = table, .rtm_type = 1};
    nl_begin(a, h, LINUX_RTM_NEWRULE, multi(h), &r, sizeof(r));
    nl_attr_u32(a, LINUX_RTA_TABLE, table);
    if (priority)
        nl_attr_u32(a, LINUX_RTA_PRIORITY, priority);
}

static void put_rules(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family)
{
    for (uint8_t f = LINUX_AF_INET; f <= LINUX_AF_INET6; f += LINUX_AF_INET6 - LINUX_AF_INET) {
        if (family && family != f)
            continue;
        put_rule(a, h, f, 0, LINUX_RT_TABLE_LOCAL);
        put_rule(a, h, f, 32766, LINUX_RT_TABLE_MAIN);
        if (f == LINUX_AF_INET)
            put_rule(a, h, f, 32767, 253);
    }
}

/* ---- requests ---- */

int route_dump(struct nl_answer *a, const struct linux_nlmsghdr *h, uint8_t family)
{
    bool ip = family == 0 || family == LINUX_AF_INET || family == LINUX_AF_INET6;
    switch (h->nlmsg_type) {
    case LINUX_RTM_GETLINK: put_link(a, h); return 0;
    case LINUX_RTM_GETADDR:
        if (family == 0 || family == LINUX_AF_INET)
            put_addr(a, h, LINUX_AF_INET);
        if (family == 0 || family == LINUX_AF_INET6)
            put_addr(a, h, LINUX_AF_INET6);
        return 0;
    case LINUX_RTM_GETROUTE:
        if (ip)
            put_routes(a, h, family);
        return 0;
    case LINUX_RTM_GETRULE:
        if (ip)
            put_rules(a, h, family);
        return 0;
    case LINUX_RTM_GETNEIGH: return 0; /* none */
    default: return -EOPNOTSUPP;
    }
}

static int get_one(struct nl_answer *a, const struct linux_nlmsghdr *h, const uint8_t *body,
                   size_t len)
{
    int err;
    switch (h->nlmsg_type) {
    case LINUX_RTM_GETLINK:
        err = link_named(body, len);
        if (!err)
            put_link(a, h);
        return err;
    case LINUX_RTM_GETROUTE: return one_route(a, h, body, len);
    default: return -EOPNOTSUPP;
    }
}

int route_request(struct nl_sock *n, struct task *t, const struct linux_nlmsghdr *h,
                  const uint8_t *body, size_t len, bool *ret_dump)
{
    *ret_dump = false;
    if (h->nlmsg_type > LINUX_RTM_MAX)
        return -EOPNOTSUPP;
    if (len < 1)
        return 0;
    if (!nl_request_reads(h)) {
        if (!task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN))
            return -EPERM;
        if (h->nlmsg_type == LINUX_RTM_NEWLINK + 1) { /* RTM_DELLINK: lo stays */
            int err = link_named(body, len);
            return err ? err : -EOPNOTSUPP;
        }
        return h->nlmsg_type == LINUX_RTM_NEWLINK || h->nlmsg_type == LINUX_RTM_NEWLINK + 3
                   ? change_link(body, len)
                   : -EOPNOTSUPP;
    }
    struct nl_answer *a = nl_answer_new();
    if (!a)
        return -ENOMEM;
    bool all = h->nlmsg_flags & LINUX_NLM_F_DUMP;
    int err = all ? route_dump(a, h, body[0]) : get_one(a, h, body, len);
    if (err || !a->len) {
        nl_answer_free(a);
    } else {
        nl_post(n, a);
    }
    *ret_dump = all && !err;
    return err;
}
