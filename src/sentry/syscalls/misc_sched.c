/* Scheduling: policies and CPU sets are kept and shown; the host schedules. */
#include "abi/capability.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/time/timespec.h"

#include <string.h>

#define CPUS_MAX 256u

static struct task *target(struct task *t, int32_t pid) { return pid ? task_find(pid) : t; }

static bool is_rt(uint32_t policy)
{
    return policy == LINUX_SCHED_FIFO || policy == LINUX_SCHED_RR;
}

static bool may_change(const struct task *t, const struct task *o)
{
    return t->cred->euid == o->cred->euid || t->cred->euid == o->cred->uid ||
           task_capable(t, LINUX_CAP_SYS_NICE);
}

static int policy_set(struct task *t, struct task *o, uint32_t policy, uint32_t prio, bool reset)
{
    if (policy != LINUX_SCHED_NORMAL && policy != LINUX_SCHED_BATCH && policy != LINUX_SCHED_IDLE &&
        !is_rt(policy))
        return -EINVAL;
    if (is_rt(policy) ? prio < 1 || prio >= LINUX_MAX_RT_PRIO : prio != 0)
        return -EINVAL;
    if (!may_change(t, o))
        return -EPERM;
    if (is_rt(policy) && !task_capable(t, LINUX_CAP_SYS_NICE) &&
        prio > tgroup_rlimit(o->tg, LINUX_RLIMIT_RTPRIO))
        return -EPERM;
    o->sched_policy = policy;
    o->sched_priority = prio;
    o->sched_reset_on_fork = reset;
    return 0;
}

int64_t sys_sched_yield(struct task *t, const struct sys_args *a) { return 0; }

int64_t sys_sched_getscheduler(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    return o->sched_policy | (o->sched_reset_on_fork ? LINUX_SCHED_RESET_ON_FORK : 0);
}

int64_t sys_sched_setscheduler(struct task *t, const struct sys_args *a)
{
    struct linux_sched_param p;
    uint32_t policy = arg_uint(a, 1);
    if (arg_int(a, 1) < 0 || arg_int(a, 0) < 0 || !a->arg[2])
        return -EINVAL;
    if (copy_in(t, &p, arg_uaddr(a, 2), sizeof(p)))
        return -EFAULT;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    return policy_set(t, o, policy & ~LINUX_SCHED_RESET_ON_FORK, (uint32_t)p.sched_priority,
                      (policy & LINUX_SCHED_RESET_ON_FORK) != 0);
}

int64_t sys_sched_setparam(struct task *t, const struct sys_args *a)
{
    struct linux_sched_param p;
    if (arg_int(a, 0) < 0 || !a->arg[1])
        return -EINVAL;
    if (copy_in(t, &p, arg_uaddr(a, 1), sizeof(p)))
        return -EFAULT;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    return policy_set(t, o, o->sched_policy, (uint32_t)p.sched_priority, o->sched_reset_on_fork);
}

int64_t sys_sched_getparam(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 0) < 0 || !a->arg[1])
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    return copy_out_u32(t, arg_uaddr(a, 1), o->sched_priority);
}

int64_t sys_sched_get_priority_max(struct task *t, const struct sys_args *a)
{
    switch (arg_int(a, 0)) {
    case LINUX_SCHED_FIFO:
    case LINUX_SCHED_RR: return LINUX_MAX_RT_PRIO - 1;
    case LINUX_SCHED_NORMAL:
    case LINUX_SCHED_BATCH:
    case LINUX_SCHED_IDLE:
    case LINUX_SCHED_DEADLINE: return 0;
    default: return -EINVAL;
    }
}

int64_t sys_sched_get_priority_min(struct task *t, const struct sys_args *a)
{
    int64_t r = sys_sched_get_priority_max(t, a);
    return r > 0 ? 1 : r;
}

int64_t sys_sched_rr_get_interval(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 0) < 0)
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    struct linux_timespec ts =
        timespec_of(o->sched_policy == LINUX_SCHED_RR     ? 100 * NSEC_PER_MSEC
                    : o->sched_policy == LINUX_SCHED_FIFO ? 0
                                                          : 4 * NSEC_PER_MSEC);
    return copy_out(t, arg_uaddr(a, 1), &ts, sizeof(ts));
}

int64_t sys_sched_getattr(struct task *t, const struct sys_args *a)
{
    uint32_t size = arg_uint(a, 2);
    if (!a->arg[1] || arg_int(a, 0) < 0 || size > GUEST_PAGE_SIZE ||
        size < LINUX_SCHED_ATTR_SIZE_VER0 || arg_uint(a, 3))
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    struct linux_sched_attr at = {
        .size = MIN(size, (uint32_t)sizeof(at)),
        .sched_policy = o->sched_policy,
        .sched_flags = o->sched_reset_on_fork ? LINUX_SCHED_FLAG_RESET_ON_FORK : 0,
        .sched_nice = is_rt(o->sched_policy) ? 0 : o->nice,
        .sched_priority = o->sched_priority,
    };
    return copy_out(t, arg_uaddr(a, 1), &at, at.size);
}

int64_t sys_sched_setattr(struct task *t, const struct sys_args *a)
{
    struct linux_sched_attr at = {0};
    uint32_t size;
    if (!a->arg[1] || arg_int(a, 0) < 0 || arg_uint(a, 2))
        return -EINVAL;
    if (copy_in_u32(t, &size, arg_uaddr(a, 1)))
        return -EFAULT;
    if (size == 0)
        size = LINUX_SCHED_ATTR_SIZE_VER0;
    if (size < LINUX_SCHED_ATTR_SIZE_VER0 || size > sizeof(at)) /* newer fields than ours */
        return copy_out_u32(t, arg_uaddr(a, 1), sizeof(at)) ? -EFAULT : -E2BIG;
    if (copy_in(t, &at, arg_uaddr(a, 1), size))
        return -EFAULT;
    if (at.sched_policy > INT32_MAX || (at.sched_flags & ~(uint64_t)LINUX_SCHED_FLAG_RESET_ON_FORK))
        return -EINVAL;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    int nice = MIN(MAX(at.sched_nice, -20), 19);
    if (!is_rt(at.sched_policy) && nice < o->nice && !task_capable(t, LINUX_CAP_SYS_NICE) &&
        (uint64_t)(20 - nice) > tgroup_rlimit(o->tg, LINUX_RLIMIT_NICE))
        return -EPERM;
    int err = policy_set(t, o, at.sched_policy, at.sched_priority,
                         (at.sched_flags & LINUX_SCHED_FLAG_RESET_ON_FORK) != 0);
    if (!err && !is_rt(at.sched_policy))
        o->nice = nice;
    return err;
}

static void online(uint64_t mask[4])
{
    memset(mask, 0, 4 * sizeof(mask[0]));
    for (uint32_t i = 0; i < kern()->ncpus && i < CPUS_MAX; i++)
        mask[i / 64] |= 1ULL << (i % 64);
}

int64_t sys_sched_getaffinity(struct task *t, const struct sys_args *a)
{
    uint32_t len = arg_uint(a, 1);
    uint64_t have[4], words = DIV_ROUND_UP(MIN(kern()->ncpus, CPUS_MAX), 64u);
    if (len * 8ULL < kern()->ncpus || (len & 7))
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    online(have);
    for (int i = 0; i < 4; i++)
        have[i] &= o->affinity[i];
    uint32_t n = MIN(len, (uint32_t)(words * 8));
    int err = copy_out(t, arg_uaddr(a, 2), have, n);
    return err ? err : (int64_t)n;
}

int64_t sys_sched_setaffinity(struct task *t, const struct sys_args *a)
{
    uint64_t want[4] = {0}, have[4], any = 0;
    uint32_t len = MIN(arg_uint(a, 1), (uint32_t)sizeof(want));
    if (copy_in(t, want, arg_uaddr(a, 2), len))
        return -EFAULT;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    if (!may_change(t, o))
        return -EPERM;
    online(have);
    for (int i = 0; i < 4; i++)
        any |= want[i] &= have[i];
    if (!any)
        return -EINVAL;
    memcpy(o->affinity, want, sizeof(want));
    return 0;
}

int64_t sys_getcpu(struct task *t, const struct sys_args *a)
{
    uint32_t cpu = 0;
    for (uint32_t i = 0; i < CPUS_MAX; i++) {
        if (t->affinity[i / 64] & (1ULL << (i % 64))) {
            cpu = i;
            break;
        }
    }
    if (a->arg[0] && copy_out_u32(t, arg_uaddr(a, 0), cpu))
        return -EFAULT;
    if (a->arg[1] && copy_out_u32(t, arg_uaddr(a, 1), 0))
        return -EFAULT;
    return 0;
}
