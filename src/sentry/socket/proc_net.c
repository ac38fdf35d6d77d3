/* /proc/net: the sandbox's own sockets, with the host's network also the others there, and the interfaces, addresses and routes that it sees. */
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/kernel.h"
#include "sentry/ns/ns.h"
#include "sentry/platform/platform.h"
#include "sentry/socket/host_sock.h"
#include "sentry/socket/netdev.h"
#include "sentry/socket/netlink.h"
#include "sentry/socket/unix.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <stdio.h>
#include <string.h>

#define HOST_TEXT_MAX ((size_t)1 << 20)

typedef unsigned long long ull;

static uint64_t ino_of(const struct socket *s) { return s->file ? s->file->inode->ino : 0; }

/* A line that Linux fills up with blanks. */
static void put_padded(struct proc_text *x, const char *line, int width)
{
    proc_printf(x, "%-*s\n", width, line);
}

/* ---- interfaces ---- */

static void put_dev(const struct netdev_info *d, void *arg)
{
    const struct linux_rtnl_link_stats64 *s = &d->stats;
    proc_printf(
        arg,
        "%6s: %7llu %7llu %4llu %4llu %4llu %5llu %10llu %9llu %8llu %7llu %4llu %4llu %4llu "
        "%5llu %7llu %10llu\n",
        d->name, (ull)s->rx_bytes, (ull)s->rx_packets, (ull)s->rx_errors,
        (ull)s->rx_dropped + s->rx_missed_errors, (ull)s->rx_fifo_errors,
        (ull)s->rx_length_errors + s->rx_over_errors + s->rx_crc_errors + s->rx_frame_errors,
        (ull)s->rx_compressed, (ull)s->multicast, (ull)s->tx_bytes, (ull)s->tx_packets,
        (ull)s->tx_errors, (ull)s->tx_dropped, (ull)s->tx_fifo_errors, (ull)s->collisions,
        (ull)s->tx_carrier_errors + s->tx_aborted_errors + s->tx_window_errors +
            s->tx_heartbeat_errors,
        (ull)s->tx_compressed);
}

static int show_dev(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "Inter-|   Receive                                                |  Transmit\n"
                   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                   "packets errs drop fifo colls carrier compressed\n");
    return netdev_each(put_dev, x);
}

static void put_hex(struct proc_text *x, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        proc_printf(x, "%02x", p[i]);
}

static void put_addr6(const uint8_t *body, size_t len, void *arg)
{
    struct linux_ifaddrmsg i;
    struct netdev_info d;
    const uint8_t *addr;
    size_t n;
    if (len < sizeof(i))
        return;
    memcpy(&i, body, sizeof(i));
    if (!nl_attr_find(body + sizeof(i), len - sizeof(i), LINUX_IFA_ADDRESS, &addr, &n) || n != 16 ||
        netdev_find((int32_t)i.ifa_index, &d))
        return;
    unsigned scope = i.ifa_scope == LINUX_RT_SCOPE_HOST   ? 0x10
                     : i.ifa_scope == LINUX_RT_SCOPE_LINK ? 0x20
                                                          : 0;
    put_hex(arg, addr, n);
    proc_printf(arg, " %02x %02x %02x %02x %8s\n", i.ifa_index, i.ifa_prefixlen, scope, i.ifa_flags,
                d.name);
}

static int show_if_inet6(struct proc_text *x, const struct proc_ctx *c)
{
    return netdev_dump(LINUX_RTM_GETADDR, LINUX_AF_INET6, put_addr6, x);
}

/* ---- routes ---- */

static uint32_t attr_u32(const uint8_t *attrs, size_t len, uint16_t type)
{
    const uint8_t *p;
    size_t n;
    uint32_t v = 0;
    if (nl_attr_find(attrs, len, type, &p, &n) && n == sizeof(v))
        memcpy(&v, p, sizeof(v));
    return v;
}

static void put_route4(const uint8_t *body, size_t len, void *arg)
{
    struct linux_rtmsg r;
    struct netdev_info d;
    char line[160];
    if (len < sizeof(r))
        return;
    memcpy(&r, body, sizeof(r));
    body += sizeof(r);
    len -= sizeof(r);
    if (r.rtm_table != LINUX_RT_TABLE_MAIN ||
        netdev_find((int32_t)attr_u32(body, len, LINUX_RTA_OIF), &d))
        return;
    uint32_t gateway = attr_u32(body, len, LINUX_RTA_GATEWAY);
    uint32_t mask =
        r.rtm_dst_len ? __builtin_bswap32(~0u << (32 - MIN((int)r.rtm_dst_len, 32))) : 0;
    unsigned flags = 1u | (gateway ? 2u : 0) | (mask == UINT32_MAX ? 4u : 0);
    (void)snprintf(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t%d\t%u\t%u\t%08X\t%d\t%u\t%u", d.name,
                   attr_u32(body, len, LINUX_RTA_DST), gateway, flags, 0, 0u,
                   attr_u32(body, len, LINUX_RTA_PRIORITY), mask, 0, 0u, 0u);
    put_padded(arg, line, 127);
}

static int show_route(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(
        x, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
        127);
    return netdev_dump(LINUX_RTM_GETROUTE, LINUX_AF_INET, put_route4, x);
}

static void put_route6(const uint8_t *body, size_t len, void *arg)
{
    static const uint8_t zero[16] = {0};
    struct linux_rtmsg r;
    struct netdev_info d;
    const uint8_t *dst = zero, *gateway = zero;
    size_t n = 16, gn = 16;
    if (len < sizeof(r))
        return;
    memcpy(&r, body, sizeof(r));
    body += sizeof(r);
    len -= sizeof(r);
    (void)nl_attr_find(body, len, LINUX_RTA_DST, &dst, &n);
    bool via = nl_attr_find(body, len, LINUX_RTA_GATEWAY, &gateway, &gn);
    if (n != 16 || gn != 16 || netdev_find((int32_t)attr_u32(body, len, LINUX_RTA_OIF), &d))
        return;
    /* RTF_UP, RTF_GATEWAY, RTF_NONEXTHOP, RTF_LOCAL */
    unsigned flags = 1u | (via ? 2u : 0) | (r.rtm_type == LINUX_RTN_LOCAL ? 0x80200000u : 0);
    put_hex(arg, dst, 16);
    proc_printf(arg, " %02x ", r.rtm_dst_len);
    put_hex(arg, zero, 16);
    proc_printf(arg, " 00 ");
    put_hex(arg, gateway, 16);
    proc_printf(arg, " %08x %08x %08x %08x %8s\n", attr_u32(body, len, LINUX_RTA_PRIORITY), 1u, 0u,
                flags, d.name);
}

static int show_route6(struct proc_text *x, const struct proc_ctx *c)
{
    return netdev_dump(LINUX_RTM_GETROUTE, LINUX_AF_INET6, put_route6, x);
}

static void put_neighbour(const uint8_t *body, size_t len, void *arg)
{
    struct {
        uint8_t family, pad[3];
        int32_t index;
        uint16_t state;
        uint8_t flags, type;
    } m;
    struct netdev_info d;
    const uint8_t *ip, *mac;
    size_t n, mac_len;
    char text[16];
    if (len < sizeof(m))
        return;
    memcpy(&m, body, sizeof(m));
    body += sizeof(m);
    len -= sizeof(m);
    /* NDA_DST, NDA_LLADDR; not NUD_NOARP */
    if (m.state == 0x40 || !nl_attr_find(body, len, 1, &ip, &n) || n != 4 ||
        netdev_find(m.index, &d))
        return;
    bool known = nl_attr_find(body, len, 2, &mac, &mac_len) && mac_len == 6;
    (void)snprintf(text, sizeof(text), "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    proc_printf(arg, "%-16s 0x%-10x0x%-10x", text, d.type, known ? (m.state & 0x80 ? 6u : 2u) : 0u);
    for (size_t i = 0; i < 6; i++)
        proc_printf(arg, "%02x%s", known ? mac[i] : 0, i < 5 ? ":" : "");
    proc_printf(arg, "     *        %s\n", d.name);
}

static int show_arp(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x,
                "IP address       HW type     Flags       HW address            Mask     Device\n");
    return netdev_dump(LINUX_RTM_GETNEIGH, LINUX_AF_INET, put_neighbour, x);
}

/* ---- sockets ---- */

static void put_unix_name(struct proc_text *x, const struct unix_name *n)
{
    const size_t head = offsetof(struct linux_sockaddr_un, sun_path);
    const char *path = n->un.sun_path;
    if (n->len <= head)
        return;
    size_t len = n->len - head;
    proc_add(x, " ", 1);
    if (path[0]) {
        proc_add(x, path, strnlen(path, len));
        return;
    }
    for (size_t i = 0; i < len; i++)
        proc_add(x, path[i] ? &path[i] : "@", 1);
}

static int show_unix(struct proc_text *x, const struct proc_ctx *c)
{
    struct unix_sock *u;
    proc_printf(x, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    if (!kern()->unix_ns)
        return 0;
    LIST_FOREACH (u, &kern()->unix_ns->socks, all_node) {
        if (u->net != task_ns(c->t, NS_NET) || u->outside)
            continue;
        bool listening = u->state == UNIX_LISTEN;
        /* States of struct socket: SS_UNCONNECTED, SS_CONNECTING (accepted by nobody yet), SS_CONNECTED. */
        unsigned state = u->state == UNIX_ESTABLISHED ? (u->s.file ? 3 : 2) : 1;
        proc_printf(x, "0000000000000000: %08X 00000000 %08X %04X %02X %5llu", ref_count(&u->ref),
                    listening ? 0x10000u : 0, u->s.type, state, (ull)ino_of(&u->s));
        put_unix_name(x, &u->name);
        proc_add(x, "\n", 1);
    }
    return 0;
}

static int show_netlink(struct proc_text *x, const struct proc_ctx *c)
{
    struct nl_sock *n;
    proc_printf(
        x, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    "
           "Inode\n");
    if (!kern()->netlink)
        return 0;
    LIST_FOREACH (n, &kern()->netlink->socks, all_node)
        proc_printf(x, "%016x %-3d %-10u %08x %-8u %-8d %-5d %-8d %-8u %-8llu\n", 0, n->s.protocol,
                    n->port, (unsigned)n->groups, n->queued_bytes, 0, 0, 2, 0u, (ull)ino_of(&n->s));
    return 0;
}

static void put_end(char *out, size_t size, const struct sock_addr *a, int family)
{
    uint32_t w[4] = {0};
    uint16_t port = a->len ? __builtin_bswap16(a->in.sin_port) : 0; /* at the same place in both */
    if (family == LINUX_AF_INET) {
        (void)snprintf(out, size, "%08X:%04X", a->len ? a->in.sin_addr : 0, port);
        return;
    }
    if (a->len)
        memcpy(w, a->in6.sin6_addr, sizeof(w));
    (void)snprintf(out, size, "%08X%08X%08X%08X:%04X", w[0], w[1], w[2], w[3], port);
}

/* How many. */
static int put_socks(struct proc_text *x, int family, uint32_t type)
{
    struct host_sock *h;
    int slot = 0;
    if (!kern()->netlink)
        return 0;
    LIST_FOREACH (h, &kern()->netlink->host_socks, all_node) {
        struct host_sock_state st;
        char local[48], remote[48], line[256];
        if (h->s.family != family || h->s.type != type || !host_sock_state(h, &st))
            continue;
        put_end(local, sizeof(local), &st.local, family);
        put_end(remote, sizeof(remote), &st.remote, family);
        (void)snprintf(line, sizeof(line),
                       "%*d: %s %s %02X %08X:%08X %02X:%08lX %08X %5u %8d %llu %d %016x",
                       type == LINUX_SOCK_STREAM ? 4 : 5, slot++, local, remote, st.state, st.outq,
                       st.inq, 0u, 0ul, 0u, h->uid, 0, (ull)ino_of(&h->s), 2, 0);
        if (type == LINUX_SOCK_STREAM)
            (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), " 20 0 0 10 -1");
        else
            (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), " 0");
        put_padded(x, line, family == LINUX_AF_INET6 ? 1 : type == LINUX_SOCK_STREAM ? 149 : 127);
    }
    return slot;
}

#define HEAD4                                                                                      \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode"
#define HEAD6                                                                                      \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

/* "slot: LOCAL REMOTE ..." */
static const char *ends_of(const char *line, size_t len, size_t *ret_len)
{
    const char *colon = memchr(line, ':', len), *end = line + len;
    if (!colon || end - colon < 3)
        return NULL;
    const char *p = colon + 2, *space = memchr(p, ' ', (size_t)(end - p));
    space = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    *ret_len = space ? (size_t)(space - p) : 0;
    return space ? p : NULL;
}

/* The others in the host's network namespace, which is the container's: what the host says, without our own, which were listed. */
static void put_others(struct proc_text *x, const struct proc_ctx *c, const char *file, int slot)
{
    char *text = c->t && task_has_host_network(c->t) ? arena_alloc(HOST_TEXT_MAX) : NULL;
    size_t own = x->len, n;
    int width = str_starts(file, "net/tcp") ? 4 : 5;
    if (!text)
        return;
    ssize_t len = platform_own_text(file, text, HOST_TEXT_MAX);
    const char *line = len > 0 ? memchr(text, '\n', (size_t)len) : NULL; /* behind the head */
    for (const char *end; line && (end = strchr(++line, '\n')); line = end) {
        const char *ends = ends_of(line, (size_t)(end - line), &n);
        if (!ends || (x->p && memmem(x->p, own, ends, n)))
            continue;
        proc_printf(x, "%*d", width, slot++);
        proc_add(x, ends - 2, (size_t)(end - ends) + 3);
    }
    arena_free(text, HOST_TEXT_MAX);
}

static int show_tcp(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD4, 149);
    put_others(x, c, "net/tcp", put_socks(x, LINUX_AF_INET, LINUX_SOCK_STREAM));
    return 0;
}

static int show_tcp6(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD6, 1);
    put_others(x, c, "net/tcp6", put_socks(x, LINUX_AF_INET6, LINUX_SOCK_STREAM));
    return 0;
}

static int show_udp(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD4 " ref pointer drops", 127);
    put_others(x, c, "net/udp", put_socks(x, LINUX_AF_INET, LINUX_SOCK_DGRAM));
    return 0;
}

static int show_udp6(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD6 " ref pointer drops", 1);
    put_others(x, c, "net/udp6", put_socks(x, LINUX_AF_INET6, LINUX_SOCK_DGRAM));
    return 0;
}

/* There are no such sockets. */
static int show_raw(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD4 " ref pointer drops", 127);
    return 0;
}

static int show_raw6(struct proc_text *x, const struct proc_ctx *c)
{
    put_padded(x, HEAD6 " ref pointer drops", 1);
    return 0;
}

static int show_packet(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
    return 0;
}

static int show_psched(struct proc_text *x, const struct proc_ctx *c)
{
    proc_printf(x, "000003e8 00000040 000f4240 3b9aca00\n");
    return 0;
}

const struct proc_entry proc_net_entries[] = {
    PROC_T("arp", 0444, show_arp),           PROC_T("dev", 0444, show_dev),
    PROC_T("if_inet6", 0444, show_if_inet6), PROC_T("ipv6_route", 0444, show_route6),
    PROC_T("netlink", 0444, show_netlink),   PROC_T("packet", 0440, show_packet),
    PROC_T("psched", 0444, show_psched),     PROC_T("raw", 0444, show_raw),
    PROC_T("raw6", 0444, show_raw6),         PROC_T("route", 0444, show_route),
    PROC_T("tcp", 0444, show_tcp),           PROC_T("tcp6", 0444, show_tcp6),
    PROC_T("udp", 0444, show_udp),           PROC_T("udp6", 0444, show_udp6),
    PROC_T("unix", 0444, show_unix),         {0},
};
