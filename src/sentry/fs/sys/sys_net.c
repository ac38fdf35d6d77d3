/* /sys/class/net: the interfaces (socket/netdev.h), all below devices/virtual/net. */
#include "base/err.h"
#include "base/str.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/fs/sys/sys_net.h"
#include "sentry/socket/netdev.h"

#include <stdio.h>
#include <string.h>

/* Not of dev->flags, but made from the state of the link. */
#define IFF_VOLATILE 0x30040u

enum what {
    ADDR_LEN,
    CARRIER,
    FLAGS,
    GROUP,
    IFINDEX,
    LINK_MODE,
    MTU,
    TXQLEN,
    TYPE,
    ZERO,
};

static int show_number(struct proc_text *x, const struct proc_ctx *c)
{
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    if (err)
        return err;
    switch ((enum what)c->e->value) {
    case ADDR_LEN: proc_printf(x, "%u\n", d.addr_len); break;
    case CARRIER:
        if (!(d.flags & LINUX_IFF_UP))
            return -EINVAL;
        proc_printf(x, "%u\n", d.carrier);
        break;
    case FLAGS: proc_printf(x, "0x%x\n", d.flags & ~IFF_VOLATILE); break;
    case GROUP: proc_printf(x, "%u\n", d.group); break;
    case IFINDEX: proc_printf(x, "%d\n", d.index); break;
    case LINK_MODE: proc_printf(x, "%u\n", d.link_mode); break;
    case MTU: proc_printf(x, "%u\n", d.mtu); break;
    case TXQLEN: proc_printf(x, "%u\n", d.txqlen); break;
    case TYPE: proc_printf(x, "%u\n", d.type); break;
    case ZERO: proc_printf(x, "0\n"); break;
    }
    return 0;
}

static int put_address(struct proc_text *x, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        proc_printf(x, "%02x%s", p[i], i + 1 < n ? ":" : "");
    proc_printf(x, "\n");
    return 0;
}

static int show_address(struct proc_text *x, const struct proc_ctx *c)
{
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    return err ? err : put_address(x, d.addr, d.addr_len);
}

static int show_broadcast(struct proc_text *x, const struct proc_ctx *c)
{
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    return err ? err : put_address(x, d.broadcast, d.addr_len);
}

static int show_operstate(struct proc_text *x, const struct proc_ctx *c)
{
    static const char *const names[] = {"unknown", "notpresent", "down", "lowerlayerdown",
                                        "testing", "dormant",    "up"};
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    if (!err)
        proc_printf(x, "%s\n", names[d.operstate < ARRAY_SIZE(names) ? d.operstate : 0]);
    return err;
}

static int show_uevent(struct proc_text *x, const struct proc_ctx *c)
{
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    if (!err)
        proc_printf(x, "INTERFACE=%s\nIFINDEX=%d\n", d.name, d.index);
    return err;
}

/* Speed and duplex: nobody here knows. */
static int show_invalid(struct proc_text *x, const struct proc_ctx *c) { return -EINVAL; }

static int show_stat(struct proc_text *x, const struct proc_ctx *c)
{
    struct netdev_info d;
    uint64_t v;
    int err = netdev_find(c->fd, &d);
    if (err)
        return err;
    memcpy(&v, (const uint8_t *)&d.stats + c->e->value, sizeof(v));
    proc_printf(x, "%llu\n", (unsigned long long)v);
    return 0;
}

#define STAT(n)                                                                                    \
    {.name = #n,                                                                                   \
     .kind = PROC_TEXT,                                                                            \
     .mode = 0444,                                                                                 \
     .show = show_stat,                                                                            \
     .value = offsetof(struct linux_rtnl_link_stats64, n)}
#define NUMBER(n, m, what)                                                                         \
    {.name = n, .kind = PROC_TEXT, .mode = m, .show = show_number, .value = what}

static const struct proc_entry statistics_entries[] = {
    STAT(collisions),
    STAT(multicast),
    STAT(rx_bytes),
    STAT(rx_compressed),
    STAT(rx_crc_errors),
    STAT(rx_dropped),
    STAT(rx_errors),
    STAT(rx_fifo_errors),
    STAT(rx_frame_errors),
    STAT(rx_length_errors),
    STAT(rx_missed_errors),
    STAT(rx_nohandler),
    STAT(rx_over_errors),
    STAT(rx_packets),
    STAT(tx_aborted_errors),
    STAT(tx_bytes),
    STAT(tx_carrier_errors),
    STAT(tx_compressed),
    STAT(tx_dropped),
    STAT(tx_errors),
    STAT(tx_fifo_errors),
    STAT(tx_heartbeat_errors),
    STAT(tx_packets),
    STAT(tx_window_errors),
    {0},
};
static ssize_t link_class(const struct proc_ctx *c, char *buf, size_t size)
{
    int n = snprintf(buf, size, "../../../../class/net");
    return MIN(n, (int)size);
}

static const struct proc_entry device_entries[] = {
    NUMBER("addr_len", 0444, ADDR_LEN),
    PROC_T("address", 0444, show_address),
    PROC_T("broadcast", 0444, show_broadcast),
    NUMBER("carrier", 0444, CARRIER),
    NUMBER("dormant", 0444, ZERO),
    PROC_T("duplex", 0444, show_invalid),
    NUMBER("flags", 0444, FLAGS),
    NUMBER("ifindex", 0444, IFINDEX),
    NUMBER("iflink", 0444, IFINDEX),
    NUMBER("link_mode", 0444, LINK_MODE),
    NUMBER("mtu", 0444, MTU),
    NUMBER("netdev_group", 0444, GROUP),
    PROC_T("operstate", 0444, show_operstate),
    PROC_T("speed", 0444, show_invalid),
    PROC_D("statistics", statistics_entries),
    {.name = "subsystem", .kind = PROC_LINK, .mode = 0777, .link = link_class},
    NUMBER("testing", 0444, ZERO),
    NUMBER("tx_queue_len", 0444, TXQLEN),
    NUMBER("type", 0444, TYPE),
    PROC_T("uevent", 0444, show_uevent),
    {0},
};

/* ---- the list ---- */

static ssize_t link_device(const struct proc_ctx *c, char *buf, size_t size)
{
    struct netdev_info d;
    int err = netdev_find(c->fd, &d);
    if (err)
        return err;
    int n = snprintf(buf, size, "../../devices/virtual/net/%s", d.name);
    return MIN(n, (int)size);
}

struct search {
    const char *name;
    size_t len;
    int32_t after, best;
    char *ret_name;
};

static void match_name(const struct netdev_info *d, void *arg)
{
    struct search *s = arg;
    if (str_eq_n(d->name, s->name, s->len))
        s->best = d->index;
}

static int32_t net_find(const char *name, size_t len)
{
    struct search s = {.name = name, .len = len, .best = -1};
    return netdev_each(match_name, &s) ? -1 : s.best;
}

static void match_next(const struct netdev_info *d, void *arg)
{
    struct search *s = arg;
    if (d->index <= s->after || (s->best >= 0 && d->index > s->best))
        return;
    s->best = d->index;
    memcpy(s->ret_name, d->name, sizeof(d->name));
}

static int32_t net_next(int32_t after, char name[PROC_NAMED_MAX])
{
    struct search s = {.after = after, .best = -1, .ret_name = name};
    return netdev_each(match_next, &s) ? -1 : s.best;
}

static const struct proc_entry link_entry = {
    .name = "", .kind = PROC_LINK, .mode = 0777, .link = link_device};
static const struct proc_entry device_entry = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .children = device_entries};
const struct proc_named sys_net_links = {&link_entry, net_find, net_next};
const struct proc_named sys_net_devices = {&device_entry, net_find, net_next};
