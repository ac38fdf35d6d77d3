#include "sentry/socket/netdev.h"

#include "abi/capability.h"
#include "abi/net.h"
#include "abi/socket.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/ns.h"
#include "sentry/socket/host_net.h"
#include "sentry/task/task.h"

#include <string.h>

/* ---- lo ---- */

static bool is_lo(const char name[LINUX_IFNAMSIZ])
{
    return strncmp(name, "lo", LINUX_IFNAMSIZ) == 0;
}

static void put_inet(struct linux_ifreq *r, uint32_t addr)
{
    struct linux_sockaddr_in in = {.sin_family = LINUX_AF_INET,
                                   .sin_addr = __builtin_bswap32(addr)};
    memcpy(r->addr, &in, sizeof(in));
}

static int lo_conf(struct task *t, struct uaddr arg, const struct linux_ifconf *c)
{
    struct linux_ifreq r = {.ifr_name = "lo"};
    int32_t len = 0;
    put_inet(&r, NETDEV_LO_ADDR);
    if (!c->ifc_buf)
        len = sizeof(r);
    else if (c->ifc_len >= (int32_t)sizeof(r)) {
        if (copy_out(t, UADDR(c->ifc_buf), &r, sizeof(r)))
            return -EFAULT;
        len = sizeof(r);
    }
    return copy_out_u32(t, arg, (uint32_t)len);
}

static bool is_about_addresses(uint32_t cmd)
{
    return cmd == LINUX_SIOCGIFADDR || cmd == LINUX_SIOCGIFDSTADDR || cmd == LINUX_SIOCGIFBRDADDR ||
           cmd == LINUX_SIOCGIFNETMASK;
}

/* What a request about lo, or for SIOCGIFNAME about an index, is answered. */
static int lo_answer(uint32_t cmd, struct linux_ifreq *r)
{
    if (cmd == LINUX_SIOCGIFNAME) {
        if (r->ivalue != NETDEV_LO_INDEX)
            return -ENODEV;
        memset(r->ifr_name, 0, sizeof(r->ifr_name));
        memcpy(r->ifr_name, "lo", sizeof("lo"));
        return 0;
    }
    if (is_about_addresses(cmd) && strncmp(r->ifr_name, "lo:", 3) == 0)
        return -EADDRNOTAVAIL; /* a label that no address has */
    if (!is_lo(r->ifr_name))
        return -ENODEV;
    switch (cmd) {
    case LINUX_SIOCGIFFLAGS: r->flags = NETDEV_LO_FLAGS; return 0;
    case LINUX_SIOCGIFMETRIC: r->ivalue = 0; return 0;
    case LINUX_SIOCGIFMTU: r->ivalue = NETDEV_LO_MTU; return 0;
    case LINUX_SIOCGIFINDEX: r->ivalue = NETDEV_LO_INDEX; return 0;
    case LINUX_SIOCGIFTXQLEN: r->ivalue = NETDEV_LO_TXQLEN; return 0;
    case LINUX_SIOCGIFMAP: memset(r->bytes, 0, sizeof(r->bytes)); return 0;
    case LINUX_SIOCGIFHWADDR:
        memset(r->addr, 0, sizeof(r->addr));
        r->addr[0] = LINUX_ARPHRD_LOOPBACK & 0xff;
        r->addr[1] = LINUX_ARPHRD_LOOPBACK >> 8;
        return 0;
    case LINUX_SIOCGIFADDR:
    case LINUX_SIOCGIFDSTADDR: put_inet(r, NETDEV_LO_ADDR); return 0;
    case LINUX_SIOCGIFBRDADDR: put_inet(r, 0); return 0;
    case LINUX_SIOCGIFNETMASK: put_inet(r, ~0u << (32 - NETDEV_LO_PREFIX)); return 0;
    case LINUX_SIOCSIFFLAGS: return r->flags & (int16_t)LINUX_IFF_UP ? 0 : -EPERM;
    default: return -ENOTTY;
    }
}

static bool reads(uint32_t cmd)
{
    switch (cmd) {
    case LINUX_SIOCGIFNAME:
    case LINUX_SIOCGIFFLAGS:
    case LINUX_SIOCGIFMETRIC:
    case LINUX_SIOCGIFMTU:
    case LINUX_SIOCGIFINDEX:
    case LINUX_SIOCGIFTXQLEN:
    case LINUX_SIOCGIFMAP:
    case LINUX_SIOCGIFHWADDR: return true;
    default: return is_about_addresses(cmd);
    }
}

static bool writes(uint32_t cmd)
{
    return cmd == LINUX_SIOCSIFFLAGS || cmd == LINUX_SIOCSIFADDR || cmd == LINUX_SIOCSIFNETMASK ||
           cmd == LINUX_SIOCSIFMTU;
}

static int64_t do_request(struct task *t, uint32_t cmd, struct uaddr arg)
{
    struct linux_ifreq r;
    int err = copy_in(t, &r, arg, sizeof(r));
    if (err)
        return err;
    r.ifr_name[LINUX_IFNAMSIZ - 1] = 0;
    if (writes(cmd) && !task_ns_capable(t, task_ns(t, NS_NET), LINUX_CAP_NET_ADMIN))
        return -EPERM;
    if (task_has_host_network(t))
        err = writes(cmd) ? -EPERM : host_net_ifreq(cmd, &r);
    else
        err = lo_answer(cmd, &r);
    if (err || writes(cmd))
        return err;
    return copy_out(t, arg, &r, sizeof(r));
}

static int64_t do_conf(struct task *t, struct uaddr arg)
{
    struct linux_ifconf c;
    int err = copy_in(t, &c, arg, sizeof(c));
    if (err)
        return err;
    return task_has_host_network(t) ? host_net_ifconf(t, arg, &c) : lo_conf(t, arg, &c);
}

int64_t netdev_ioctl(struct task *t, uint32_t cmd, struct uaddr arg)
{
    if (cmd == LINUX_SIOCGIFCONF)
        return do_conf(t, arg);
    if (is_about_addresses(cmd) || cmd == LINUX_SIOCSIFADDR || cmd == LINUX_SIOCSIFNETMASK)
        return -ENOTTY;
    return reads(cmd) || writes(cmd) ? do_request(t, cmd, arg) : -ENOTTY;
}

int64_t netdev_ioctl_inet(struct task *t, uint32_t cmd, struct uaddr arg)
{
    if (is_about_addresses(cmd) || cmd == LINUX_SIOCSIFADDR || cmd == LINUX_SIOCSIFNETMASK)
        return do_request(t, cmd, arg);
    return netdev_ioctl(t, cmd, arg);
}

int netdev_bind_check(struct task *t, const void *name, uint32_t len)
{
    struct linux_ifreq r = {0};
    memcpy(r.ifr_name, name, MIN(len, (uint32_t)LINUX_IFNAMSIZ - 1));
    if (!r.ifr_name[0])
        return 0;
    if (task_has_host_network(t))
        return host_net_ifreq(LINUX_SIOCGIFINDEX, &r);
    return is_lo(r.ifr_name) ? 0 : -ENODEV;
}
