/* sentry/socket/netdev.h - network interfaces as programs see them.
 *
 * What     --network=none: one interface, lo, up, with the loopback addresses. There is no IP transport behind it (inet_none.c).
 *          --network=host: those of the host, which is asked each time.
 * Locks    the kernel lock.
 * Spec     netdevice(7), the ioctls that read. Those that write: -EPERM, but for setting lo up, which it is.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/ioctl.h"
#include "abi/net.h"
#include "base/compiler.h"
#include "base/types.h"

struct task;

#define NETDEV_LO_INDEX  1
#define NETDEV_LO_MTU    65536
#define NETDEV_LO_TXQLEN 1000
#define NETDEV_LO_ADDR   0x7f000001u /* host byte order */
#define NETDEV_LO_PREFIX 8
#define NETDEV_LO_FLAGS  (LINUX_IFF_UP | LINUX_IFF_LOOPBACK | LINUX_IFF_RUNNING)

/* ioctls that every socket has. -ENOTTY: not one of these. -EFAULT, -ENODEV, -EPERM */
int64_t netdev_ioctl(struct task *t, uint32_t cmd, struct uaddr arg);
/* Those of AF_INET sockets: addresses; and then the others. */
int64_t netdev_ioctl_inet(struct task *t, uint32_t cmd, struct uaddr arg);
/* SO_BINDTODEVICE with a name of an interface, for sockets that send through none. -EPERM, -ENODEV */
NODISCARD int netdev_bind_check(struct task *t, const void *name, uint32_t len);

/* One interface, as RTM_GETLINK tells. */
struct netdev_info {
    int32_t index;
    char name[LINUX_IFNAMSIZ];
    uint16_t type; /* ARPHRD_* */
    uint32_t flags, mtu, txqlen, group;
    uint8_t operstate, link_mode, carrier;
    uint8_t addr[32], broadcast[32];
    uint32_t addr_len;
    struct linux_rtnl_link_stats64 stats;
};

/* A dump of rtnetlink: fn sees each message's body (of len bytes). -ENOMEM, errors of the host. */
typedef void (*netdev_dump_fn)(const uint8_t *body, size_t len, void *arg);
NODISCARD int netdev_dump(uint16_t request, uint8_t family, netdev_dump_fn fn, void *arg);
/* Each interface, by index. */
NODISCARD int netdev_each(void (*fn)(const struct netdev_info *d, void *arg), void *arg);
/* -ENODEV */
NODISCARD int netdev_find(int32_t index, struct netdev_info *ret);
