/* sentry/ns/limits.h - numbers that a namespace has for itself: sysctls of ipc and network namespaces that have an effect.
 *
 * Owner    part of struct ipc_ns and struct net_ns.
 * Locks    the kernel lock.
 * Spec     proc_sys_kernel(5), listen(2), unix(7). Defaults and ranges of Linux 6.12.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"

struct task;

enum ns_limit {
    NS_LIMIT_SHMMAX, /* bytes of a segment */
    NS_LIMIT_SHMALL, /* pages of all */
    NS_LIMIT_SHMMNI, /* segments */
    NS_LIMIT_SHM_RMID_FORCED,
    NS_LIMIT_SOMAXCONN,
    NS_LIMIT_MAX_DGRAM_QLEN, /* of unix sockets made from now on */
    NS_LIMITS,
};

struct ns_limits {
    uint64_t v[NS_LIMITS];
};

void ns_limits_init(struct ns_limits *l);
uint64_t ns_limit(const struct task *t, enum ns_limit which); /* of t's namespace */
/* -EINVAL: out of its range. */
NODISCARD int ns_limit_set(struct task *t, enum ns_limit which, uint64_t v);
