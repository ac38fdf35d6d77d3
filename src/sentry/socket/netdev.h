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
