/* Scheduling: policies are kept and shown, CPU sets hold; the host schedules. */
#include "abi/capability.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/task.h"
#include "sentry/time/timespec.h"

#include <string.h>

#define CPUS_MAX PLATFORM_CPUS_MAX

static struct task *target(struct task *t, int32_t pid) { return pid ? task_named(t, pid) : t; }

static bool is_rt(uint32_t policy)
{
    return policy == LINUX_SCHED_FIFO || policy == LINUX_SCHED_RR;
}

static bool may_change(const struct task *t, const struct task *o)
{
    return t->cred->euid == o->cred->euid || t->cred->euid == o->cred->uid ||
           cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_NICE);
}

static bool is_fair(uint32_t policy)
{
    return policy == LINUX_SCHED_NORMAL || policy == LINUX_SCHED_BATCH ||
           policy == LINUX_SCHED_IDLE;
}

struct policy {
    uint32_t policy, priority;
    int32_t nice;
    bool reset_on_fork;
};

/* Setting nice to this value would need RLIMIT_NICE. */
static bool nice_allowed(const struct task *o, int32_t nice)
{
    return (uint64_t)(20 - nice) <= tgroup_rlimit(o->tg, LINUX_RLIMIT_NICE);
}

/* What Linux asks CAP_SYS_NICE for. */
static bool needs_privilege(const struct task *t, const struct task *o, const struct policy *n)
{
    uint64_t rtprio = tgroup_rlimit(o->tg, LINUX_RLIMIT_RTPRIO);
    if (is_fair(n->policy) && n->nice < o->nice && !nice_allowed(o, n->nice))
        return true;
    if (is_rt(n->policy) && ((n->policy != o->sched_policy && !rtprio) ||
                             (n->priority > o->sched_priority && n->priority > rtprio)))
        return true;
    if (n->policy == LINUX_SCHED_DEADLINE)
        return true;
    if (o->sched_policy == LINUX_SCHED_IDLE && n->policy != LINUX_SCHED_IDLE &&
        !nice_allowed(o, o->nice))
        return true;
    if (t->cred->euid != o->cred->euid && t->cred->euid != o->cred->uid)
        return true;
    return o->sched_reset_on_fork && !n->reset_on_fork;
}

static int policy_set(struct task *t, struct task *o, const struct policy *n)
{
    if (!is_fair(n->policy) && !is_rt(n->policy) && n->policy != LINUX_SCHED_DEADLINE)
        return -EINVAL;
    if (n->priority >= LINUX_MAX_RT_PRIO || is_rt(n->policy) != (n->priority != 0))
        return -EINVAL;
    if (needs_privilege(t, o, n) &&
        !cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_NICE))
        return -EPERM;
    if (n->policy == LINUX_SCHED_DEADLINE)
        return -EBUSY; /* as if no bandwidth were left: it cannot be promised */
    o->sched_policy = (uint8_t)n->policy;
    o->sched_priority = (uint8_t)n->priority;
    o->sched_reset_on_fork = n->reset_on_fork;
    if (is_fair(n->policy))
        o->nice = (int8_t)n->nice;
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
    const struct policy n = {policy & ~LINUX_SCHED_RESET_ON_FORK, (uint32_t)p.sched_priority,
                             o->nice, (policy & LINUX_SCHED_RESET_ON_FORK) != 0};
    return n.policy == LINUX_SCHED_DEADLINE ? -EINVAL : policy_set(t, o, &n);
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
    const struct policy n = {o->sched_policy, (uint32_t)p.sched_priority, o->nice,
                             o->sched_reset_on_fork};
    return policy_set(t, o, &n);
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

static int copy_attr(struct task *t, struct uaddr at, struct linux_sched_attr *ret)
{
    uint8_t buf[GUEST_PAGE_SIZE] = {0};
    uint32_t size;
    if (copy_in_u32(t, &size, at))
        return -EFAULT;
    if (size == 0)
        size = LINUX_SCHED_ATTR_SIZE_VER0;
    bool fits = size >= LINUX_SCHED_ATTR_SIZE_VER0 && size <= sizeof(buf);
    if (fits && copy_in(t, buf, at, size))
        return -EFAULT;
    for (uint32_t i = sizeof(*ret); fits && i < size; i++) /* newer fields than ours */
        fits = !buf[i];
    if (!fits)
        return copy_out_u32(t, at, sizeof(*ret)) ? -EFAULT : -E2BIG;
    memcpy(ret, buf, sizeof(*ret));
    ret->size = size;
    return 0;
}

int64_t sys_sched_setattr(struct task *t, const struct sys_args *a)
{
    struct linux_sched_attr at;
    const uint64_t clamps = LINUX_SCHED_FLAG_UTIL_CLAMP_MIN | LINUX_SCHED_FLAG_UTIL_CLAMP_MAX;
    if (!a->arg[1] || arg_int(a, 0) < 0 || arg_uint(a, 2))
        return -EINVAL;
    int err = copy_attr(t, arg_uaddr(a, 1), &at);
    if (err)
        return err;
    if ((at.sched_flags & clamps) && at.size < sizeof(at))
        return -EINVAL;
    if (at.sched_policy > INT32_MAX)
        return -EINVAL;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    if (at.sched_flags & ~(uint64_t)LINUX_SCHED_FLAG_ALL)
        return -EINVAL;
    if (at.sched_flags & clamps)
        return -EOPNOTSUPP;
    struct policy n = {at.sched_policy, at.sched_priority, MIN(MAX(at.sched_nice, -20), 19),
                       (at.sched_flags & LINUX_SCHED_FLAG_RESET_ON_FORK) != 0};
    if (at.sched_flags & LINUX_SCHED_FLAG_KEEP_POLICY)
        n.policy = o->sched_policy;
    if (at.sched_flags & LINUX_SCHED_FLAG_KEEP_PARAMS) {
        n.priority = o->sched_priority;
        n.nice = o->nice;
    }
    if (n.policy == LINUX_SCHED_DEADLINE &&
        (at.sched_runtime < 1024 || at.sched_deadline < at.sched_runtime ||
         (at.sched_period && at.sched_period < at.sched_deadline)))
        return -EINVAL;
    return policy_set(t, o, &n);
}

/* One more than the highest CPU, as the size of a mask. */
static uint32_t cpus_top(const uint64_t *cpus)
{
    for (uint32_t i = CPUS_MAX; i-- > 0;)
        if (cpus[i / 64] & (1ULL << (i % 64)))
            return i + 1;
    return 1;
}

int64_t sys_sched_getaffinity(struct task *t, const struct sys_args *a)
{
    uint32_t len = arg_uint(a, 1), top = cpus_top(task_cpus());
    if (len * 8ULL < top || (len & 7))
        return -EINVAL;
    const struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    uint32_t n = MIN(len, DIV_ROUND_UP(top, 64u) * 8);
    int err = copy_out(t, arg_uaddr(a, 2), task_affinity(o), n);
    return err ? err : (int64_t)n;
}

int64_t sys_sched_setaffinity(struct task *t, const struct sys_args *a)
{
    uint64_t want[CPUS_MAX / 64] = {0}, any = 0;
    uint32_t len = MIN(arg_uint(a, 1), (uint32_t)sizeof(want));
    if (copy_in(t, want, arg_uaddr(a, 2), len))
        return -EFAULT;
    struct task *o = target(t, arg_int(a, 0));
    if (!o)
        return -ESRCH;
    if (!may_change(t, o))
        return -EPERM;
    for (uint32_t i = 0; i < CPUS_MAX / 64; i++)
        any |= want[i] &= task_cpus()[i];
    if (!any)
        return -EINVAL;
    return task_set_affinity(o, want);
}
