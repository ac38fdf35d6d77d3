/* Limits, usage, priorities. */
#include "abi/capability.h"
#include "abi/ioprio.h"
#include "abi/limits.h"
#include "abi/resource.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/user_ns.h"
#include "sentry/task/cputime.h"
#include "sentry/task/reap.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/time/timespec.h"

static int limit_change(struct task *t, struct tgroup *tg, uint32_t which,
                        const struct linux_rlimit64 *n)
{
    struct linux_rlimit64 *l = &tg->rlim[which];
    if (n->rlim_cur > n->rlim_max)
        return -EINVAL;
    if (which == LINUX_RLIMIT_NOFILE && n->rlim_max > LINUX_NR_OPEN)
        return -EPERM;
    if (n->rlim_max > l->rlim_max && !task_capable(t, LINUX_CAP_SYS_RESOURCE))
        return -EPERM;
    *l = *n;
    if (which == LINUX_RLIMIT_CPU)
        cpu_limit_changed(tg);
    return 0;
}

int64_t sys_getrlimit(struct task *t, const struct sys_args *a)
{
    uint32_t which = arg_uint(a, 0);
    if (which >= LINUX_RLIM_NLIMITS)
        return -EINVAL;
    return copy_out(t, arg_uaddr(a, 1), &t->tg->rlim[which], sizeof(t->tg->rlim[which]));
}

int64_t sys_setrlimit(struct task *t, const struct sys_args *a)
{
    struct linux_rlimit64 n;
    if (copy_in(t, &n, arg_uaddr(a, 1), sizeof(n)))
        return -EFAULT;
    if (arg_uint(a, 0) >= LINUX_RLIM_NLIMITS)
        return -EINVAL;
    return limit_change(t, t->tg, arg_uint(a, 0), &n);
}

static bool may_prlimit(const struct task *t, const struct task *o)
{
    const struct cred *c = t->cred, *d = o->cred;
    if (t->tg == o->tg || cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_RESOURCE))
        return true;
    return c->uid == d->euid && c->uid == d->suid && c->uid == d->uid && c->gid == d->egid &&
           c->gid == d->sgid && c->gid == d->gid;
}

int64_t sys_prlimit64(struct task *t, const struct sys_args *a)
{
    uint32_t which = arg_uint(a, 1);
    struct linux_rlimit64 n, old;
    if (which >= LINUX_RLIM_NLIMITS)
        return -EINVAL;
    if (a->arg[2] && copy_in(t, &n, arg_uaddr(a, 2), sizeof(n)))
        return -EFAULT;
    struct task *o = arg_int(a, 0) ? task_named(t, arg_int(a, 0)) : t;
    if (!o)
        return -ESRCH;
    if (!may_prlimit(t, o))
        return -EPERM;
    old = o->tg->rlim[which];
    int err = a->arg[2] ? limit_change(t, o->tg, which, &n) : 0;
    if (!err && a->arg[3])
        err = copy_out(t, arg_uaddr(a, 3), &old, sizeof(old));
    return err;
}

int64_t sys_getrusage(struct task *t, const struct sys_args *a)
{
    struct linux_rusage r, host = {0};
    int who = arg_int(a, 0);
    if (who != LINUX_RUSAGE_SELF && who != LINUX_RUSAGE_CHILDREN && who != LINUX_RUSAGE_THREAD)
        return -EINVAL;
    if (who != LINUX_RUSAGE_CHILDREN) {
        int64_t err = task_ask_rusage(t, who, &host);
        if (err)
            return err;
    }
    rusage_fill(t, who, &host, &r);
    return copy_out(t, arg_uaddr(a, 1), &r, sizeof(r));
}

int64_t sys_times(struct task *t, const struct sys_args *a)
{
    const int64_t tick = NSEC_PER_SEC / LINUX_USER_HZ;
    int64_t user, sys;
    tgroup_cpu_ns(t->tg, &user, &sys);
    struct linux_tms tms = {user / tick, sys / tick, t->tg->child_utime_ns / tick,
                            t->tg->child_stime_ns / tick};
    if (a->arg[0] && copy_out(t, arg_uaddr(a, 0), &tms, sizeof(tms)))
        return -EFAULT;
    return clock_boottime_ns() / tick;
}

/* Calls fn for each task that which/who names; -ESRCH nobody. */
static int each_target(struct task *t, int which, int32_t who,
                       int (*fn)(struct task *t, struct task *o, int64_t arg), int64_t arg,
                       int *ret)
{
    bool any = false;
    uint32_t uid = who ? uid_named(t, (uint32_t)who) : t->cred->uid;
    if (which == LINUX_PRIO_PROCESS) {
        struct task *o = who ? task_named(t, who) : t;
        if (!o)
            return -ESRCH;
        *ret = fn(t, o, arg);
        return 0;
    }
    int32_t pgid = who ? pid_named(t, who) : t->tg->pgrp->id;
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid)) {
        struct task *o;
        LIST_FOREACH (o, &tg->tasks, tg_node) {
            if (which == LINUX_PRIO_PGRP ? (!tg->pgrp || tg->pgrp->id != pgid)
                                         : o->cred->uid != uid)
                continue;
            int r = fn(t, o, arg);
            *ret = any ? MAX(*ret, r) : r;
            any = true;
        }
    }
    return any ? 0 : -ESRCH;
}

static int nice_get(struct task *t, struct task *o, int64_t arg) { return 20 - o->nice; }

static int nice_set(struct task *t, struct task *o, int64_t nice)
{
    if (t->cred->euid != o->cred->euid && t->cred->euid != o->cred->uid &&
        !cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_NICE))
        return EPERM;
    if (nice < o->nice && !cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_NICE) &&
        (uint64_t)(20 - nice) > tgroup_rlimit(o->tg, LINUX_RLIMIT_NICE))
        return EACCES;
    o->nice = (int8_t)nice;
    return 0;
}

int64_t sys_getpriority(struct task *t, const struct sys_args *a)
{
    int r = 0;
    if (arg_uint(a, 0) > LINUX_PRIO_USER)
        return -EINVAL;
    int err = each_target(t, arg_int(a, 0), arg_int(a, 1), nice_get, 0, &r);
    return err ? err : r;
}

/* The value is kept and shown; how much CPU time threads get is the host's affair. */
int64_t sys_setpriority(struct task *t, const struct sys_args *a)
{
    int r = 0, nice = arg_int(a, 2);
    if (arg_uint(a, 0) > LINUX_PRIO_USER)
        return -EINVAL;
    nice = MIN(MAX(nice, -20), 19);
    int err = each_target(t, arg_int(a, 0), arg_int(a, 1), nice_set, nice, &r);
    return err ? err : -r;
}

static int ioprio_read(struct task *t, struct task *o, int64_t arg) { return o->ioprio; }

static int ioprio_write(struct task *t, struct task *o, int64_t v)
{
    if (t->cred->euid != o->cred->uid && t->cred->uid != o->cred->uid &&
        !cred_ns_capable(t->cred, cred_user_ns(o->cred), LINUX_CAP_SYS_NICE))
        return EPERM;
    o->ioprio = (uint16_t)v; /* as wide as on Linux */
    return 0;
}

int64_t sys_ioprio_get(struct task *t, const struct sys_args *a)
{
    int r = 0;
    if (arg_int(a, 0) < LINUX_IOPRIO_WHO_PROCESS || arg_int(a, 0) > LINUX_IOPRIO_WHO_USER)
        return -EINVAL;
    int err =
        each_target(t, arg_int(a, 0) - LINUX_IOPRIO_WHO_PROCESS, arg_int(a, 1), ioprio_read, 0, &r);
    return err ? err : r;
}

int64_t sys_ioprio_set(struct task *t, const struct sys_args *a)
{
    int r = 0, prio = arg_int(a, 2);
    switch (LINUX_IOPRIO_PRIO_CLASS(prio)) {
    case LINUX_IOPRIO_CLASS_RT:
        if (!task_capable(t, LINUX_CAP_SYS_ADMIN) && !task_capable(t, LINUX_CAP_SYS_NICE))
            return -EPERM;
        FALLTHROUGH;
    case LINUX_IOPRIO_CLASS_BE:
        if ((LINUX_IOPRIO_PRIO_DATA(prio) & 7) != LINUX_IOPRIO_PRIO_DATA(prio))
            return -EINVAL;
        break;
    case LINUX_IOPRIO_CLASS_IDLE: break;
    case LINUX_IOPRIO_CLASS_NONE:
        if (LINUX_IOPRIO_PRIO_DATA(prio))
            return -EINVAL;
        break;
    default: return -EINVAL;
    }
    if (arg_int(a, 0) < LINUX_IOPRIO_WHO_PROCESS || arg_int(a, 0) > LINUX_IOPRIO_WHO_USER)
        return -EINVAL;
    int err = each_target(t, arg_int(a, 0) - LINUX_IOPRIO_WHO_PROCESS, arg_int(a, 1), ioprio_write,
                          prio, &r);
    return err ? err : -r;
}
