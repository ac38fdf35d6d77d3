/* Questions to rtnetlink, and what of the answers the configuration keeps. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "host/host.h"
#include "runsc/network/network.h"

#define ANSWER_MAX 65536 /* the host's own limit for a part of a dump is 32 KiB */
#define TRIES      8     /* a dump that changes while it is read is read again */

struct dump {
    struct net_config *to;
    const char *what;
    void (*take)(struct dump *d, const struct nlmsghdr *h);
    bool full, changed;
};

/* The attributes behind a header of head bytes, by type. */
#define ATTRS_MAX 64
static void attrs_find(const struct nlmsghdr *h, size_t head, const struct rtattr *ret[ATTRS_MAX])
{
    memset(ret, 0, ATTRS_MAX * sizeof(*ret));
    if (h->nlmsg_len < NLMSG_LENGTH(head))
        return;
    const struct rtattr *a =
        (const struct rtattr *)((const char *)NLMSG_DATA(h) + NLMSG_ALIGN(head));
    size_t left = h->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(head));
    while (left >= sizeof(*a) && a->rta_len >= sizeof(*a) && a->rta_len <= left) {
        size_t step = RTA_ALIGN((size_t)a->rta_len);
        if (a->rta_type < ATTRS_MAX)
            ret[a->rta_type] = a;
        if (step > left)
            break;
        left -= step;
        a = (const struct rtattr *)((const char *)a + step);
    }
}

static size_t attr_len(const struct rtattr *a) { return a ? a->rta_len - RTA_LENGTH(0) : 0; }

static uint32_t attr_u32(const struct rtattr *a, uint32_t otherwise)
{
    uint32_t v = otherwise;
    if (attr_len(a) >= sizeof(v))
        memcpy(&v, RTA_DATA(a), sizeof(v));
    return v;
}

/* False: there is none of the family's length. */
static bool attr_ip(const struct rtattr *a, uint8_t family, struct net_ip *ret)
{
    size_t n = family == AF_INET ? 4 : 16;
    if (attr_len(a) != n)
        return false;
    ret->family = family;
    memcpy(ret->b, RTA_DATA(a), n);
    return true;
}

static uint8_t attr_hardware(const struct rtattr *a, uint8_t *ret)
{
    size_t n = attr_len(a);
    if (n > NET_HARDWARE_MAX) /* of a tunnel, or InfiniBand: no link that a stack takes */
        return 0;
    if (n)
        memcpy(ret, RTA_DATA(a), n);
    return (uint8_t)n;
}

static bool ip_family(uint8_t family) { return family == AF_INET || family == AF_INET6; }

static void *room(struct dump *d, void *array, size_t each, uint32_t *count, uint32_t max)
{
    if (*count == max) {
        d->full = true;
        return NULL;
    }
    return (char *)array + each * (*count)++;
}
#define ROOM(d, name, names, max)                                                                  \
    room(d, (d)->to->names, sizeof((d)->to->names[0]), &(d)->to->name##_count, max)

static void take_link(struct dump *d, const struct nlmsghdr *h)
{
    const struct ifinfomsg *i = NLMSG_DATA(h);
    const struct rtattr *a[ATTRS_MAX];
    attrs_find(h, sizeof(*i), a);
    size_t n = attr_len(a[IFLA_IFNAME]);
    if (i->ifi_index <= 0 || n < 2 || n > NET_NAME_MAX)
        return;
    struct net_link *l = ROOM(d, link, links, NET_LINKS_MAX);
    if (!l)
        return;
    *l = (struct net_link){.index = (uint32_t)i->ifi_index,
                           .type = i->ifi_type,
                           .flags = i->ifi_flags,
                           .mtu = attr_u32(a[IFLA_MTU], 0)};
    memcpy(l->name, RTA_DATA(a[IFLA_IFNAME]), n - 1);
    l->hardware_len = attr_hardware(a[IFLA_ADDRESS], l->hardware);
}

static void take_address(struct dump *d, const struct nlmsghdr *h)
{
    const struct ifaddrmsg *i = NLMSG_DATA(h);
    const struct rtattr *a[ATTRS_MAX];
    struct net_ip ip = {0};
    attrs_find(h, sizeof(*i), a);
    if (!ip_family(i->ifa_family) ||
        !attr_ip(a[a[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], i->ifa_family, &ip))
        return;
    struct net_address *to = ROOM(d, address, addresses, NET_ADDRESSES_MAX);
    if (to)
        *to = (struct net_address){.link = i->ifa_index,
                                   .ip = ip,
                                   .prefix = i->ifa_prefixlen,
                                   .scope = i->ifa_scope,
                                   .flags = attr_u32(a[IFA_FLAGS], i->ifa_flags)};
}

static void take_route(struct dump *d, const struct nlmsghdr *h)
{
    const struct rtmsg *m = NLMSG_DATA(h);
    const struct rtattr *a[ATTRS_MAX];
    attrs_find(h, sizeof(*m), a);
    if (!ip_family(m->rtm_family) || (m->rtm_flags & RTM_F_CLONED))
        return;
    struct net_route *r = ROOM(d, route, routes, NET_ROUTES_MAX);
    if (!r)
        return;
    *r = (struct net_route){.to = {.family = m->rtm_family},
                            .prefix = m->rtm_dst_len,
                            .link = attr_u32(a[RTA_OIF], 0),
                            .priority = attr_u32(a[RTA_PRIORITY], 0),
                            .table = attr_u32(a[RTA_TABLE], m->rtm_table),
                            .type = m->rtm_type,
                            .scope = m->rtm_scope,
                            .protocol = m->rtm_protocol};
    (void)attr_ip(a[RTA_DST], m->rtm_family, &r->to);
    r->has_gateway = attr_ip(a[RTA_GATEWAY], m->rtm_family, &r->gateway);
    r->has_source = attr_ip(a[RTA_PREFSRC], m->rtm_family, &r->source);
}

static void take_neighbour(struct dump *d, const struct nlmsghdr *h)
{
    const struct ndmsg *m = NLMSG_DATA(h);
    const struct rtattr *a[ATTRS_MAX];
    struct net_ip ip = {0};
    attrs_find(h, sizeof(*m), a);
    if (!ip_family(m->ndm_family) || m->ndm_ifindex <= 0 ||
        !attr_ip(a[NDA_DST], m->ndm_family, &ip))
        return;
    struct net_neighbour *n = ROOM(d, neighbour, neighbours, NET_NEIGHBOURS_MAX);
    if (!n)
        return;
    *n = (struct net_neighbour){
        .link = (uint32_t)m->ndm_ifindex, .ip = ip, .state = m->ndm_state, .flags = m->ndm_flags};
    n->hardware_len = attr_hardware(a[NDA_LLADDR], n->hardware);
}

static int ask(int fd, uint16_t type, uint32_t seq)
{
    struct {
        struct nlmsghdr h;
        struct rtgenmsg g;
    } q = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
                 .nlmsg_type = type,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = seq}};
    ssize_t n = host_sendto(fd, &q, q.h.nlmsg_len, 0, NULL, 0);
    return n < 0 ? (int)n : 0;
}

/* A part of the answer. 1: it was the last. */
static int part(struct dump *d, uint32_t seq, const struct nlmsghdr *h, size_t left)
{
    for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_seq != seq)
            continue; /* of a dump that was given up */
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
            d->changed = true;
        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *e = NLMSG_DATA(h);
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) || e->error >= 0 ? -EBADMSG : e->error;
        }
        d->take(d, h);
    }
    return 0;
}

static int dump(int fd, uint16_t type, uint32_t seq, struct dump *d)
{
    static uint8_t buf[ANSWER_MAX] __attribute__((aligned(8)));
    int r = ask(fd, type, seq);
    while (r == 0) {
        ssize_t n = host_recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL);
        if (n == -EINTR)
            continue;
        r = n <= 0 ? (n ? (int)n : -EBADMSG)
                   : part(d, seq, (const struct nlmsghdr *)(void *)buf, (size_t)n);
    }
    return r < 0 ? r : 0;
}

static int read_once(int fd, struct net_config *ret, uint32_t seq, bool *ret_changed,
                     const char **ret_what)
{
    static const struct {
        uint16_t type;
        void (*take)(struct dump *d, const struct nlmsghdr *h);
        const char *what;
    } all[] = {
        {RTM_GETLINK, take_link, "links"},
        {RTM_GETADDR, take_address, "addresses"},
        {RTM_GETROUTE, take_route, "routes"},
        {RTM_GETNEIGH, take_neighbour, "neighbours"},
    };
    memset(ret, 0, sizeof(*ret));
    *ret_changed = false;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct dump d = {.to = ret, .take = all[i].take};
        *ret_what = all[i].what;
        int r = dump(fd, all[i].type, seq + (uint32_t)i, &d);
        if (r < 0)
            return r;
        if (d.full)
            return -E2BIG;
        *ret_changed |= d.changed;
    }
    return 0;
}

int network_read(struct net_config *ret, const char **ret_what)
{
    *ret_what = "the socket";
    int fd = host_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int r = fd;
    bool changed = fd >= 0;
    for (uint32_t i = 1; i <= TRIES && changed; i++)
        if ((r = read_once(fd, ret, i * 16, &changed, ret_what)) < 0)
            break;
    if (fd >= 0)
        (void)!host_close(fd);
    return r < 0 ? r : changed ? -EBUSY : 0;
}
