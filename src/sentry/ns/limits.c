#include "sentry/ns/limits.h"

#include <errno.h>

#include "abi/socket.h"
#include "sentry/ipc/shm.h"
#include "sentry/ns/ns.h"

#define SHM_MOST (UINT64_MAX - (1u << 24))

static const struct {
    enum ns_kind kind;
    uint64_t max, initial;
} limits[NS_LIMITS] = {
    [NS_LIMIT_SHMMAX] = {NS_IPC, UINT64_MAX, SHM_MOST},
    [NS_LIMIT_SHMALL] = {NS_IPC, UINT64_MAX, SHM_MOST},
    [NS_LIMIT_SHMMNI] = {NS_IPC, SHM_SLOTS, 4096},
    [NS_LIMIT_SHM_RMID_FORCED] = {NS_IPC, 1, 0},
    [NS_LIMIT_SOMAXCONN] = {NS_NET, INT32_MAX, LINUX_SOMAXCONN},
    [NS_LIMIT_MAX_DGRAM_QLEN] = {NS_NET, INT32_MAX, 10},
};

static struct ns_limits *limits_of(const struct task *t, enum ns_limit which)
{
    struct ns *ns = task_ns(t, limits[which].kind);
    return ns->kind == NS_IPC ? &((struct ipc_ns *)ns)->limits : &((struct net_ns *)ns)->limits;
}

void ns_limits_init(struct ns_limits *l)
{
    for (int i = 0; i < NS_LIMITS; i++)
        l->v[i] = limits[i].initial;
}

uint64_t ns_limit(const struct task *t, enum ns_limit which)
{
    return limits_of(t, which)->v[which];
}

int ns_limit_set(struct task *t, enum ns_limit which, uint64_t v)
{
    if (v > limits[which].max)
        return -EINVAL;
    limits_of(t, which)->v[which] = v;
    if (which == NS_LIMIT_SHM_RMID_FORCED && v)
        shm_orphans_end(t);
    return 0;
}
