/* sentry/socket/host_net.h - the host's interfaces, for --network=host.
 *
 * Locks    the kernel lock; the host calls do not block.
 * Trust    the ioctls of abi/ioctl.h that read, and rtnetlink requests that read (host/calls.def has the same lists).
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct linux_ifconf;
struct linux_ifreq;
struct task;

/* One request about an interface: r goes to the host and comes back. -ENODEV, -EADDRNOTAVAIL.. */
NODISCARD int host_net_ifreq(uint32_t cmd, struct linux_ifreq *r);
/* SIOCGIFCONF: the list, and its length to arg. -EFAULT, -ENOMEM */
NODISCARD int64_t host_net_ifconf(struct task *t, struct uaddr arg, const struct linux_ifconf *c);
