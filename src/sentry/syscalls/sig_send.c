/* kill and its relatives. */
#include "abi/sched.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/task/pidfd.h"
#include "sentry/vfs/file.h"
#include "sentry/task/task_priv.h"

static int send_checked(struct task *t, struct tgroup *tg, int sig,
                        const struct linux_siginfo *info)
{
    if (!tg->leader)
        return -ESRCH;
    int err = signal_permitted(t, tg->leader, sig);
    if (err || sig == 0)
        return err;
    if (!signal_reaches(t, tg, sig))
        return 0;
    struct linux_siginfo theirs = signal_info_for(t, tg, info);
    return signal_send_group(tg, sig, &theirs);
}

static int kill_pgrp(struct task *t, struct pgrp *pg, int sig, const struct linux_siginfo *info)
{
    int err = -ESRCH;
    bool sent = false;
    struct tgroup *tg, *next;
    if (!pg)
        return -ESRCH;
    LIST_FOREACH_SAFE (tg, next, &pg->members, pgrp_node) {
        err = send_checked(t, tg, sig, info);
        sent |= err == 0;
    }
    return sent ? 0 : err;
}

static int kill_all(struct task *t, int sig, const struct linux_siginfo *info)
{
    int ret = -ESRCH;
    const struct pid_ns *ns = task_pid_ns(t);
    for (struct tgroup *tg = pid_ns_next(ns, 1), *next; tg; tg = next) {
        next = pid_ns_next(ns, pid_ns_seen(ns, tg->pid));
        if (tg == t->tg)
            continue;
        int err = send_checked(t, tg, sig, info);
        if (err != -EPERM)
            ret = err;
    }
    return ret;
}

int64_t sys_kill(struct task *t, const struct sys_args *a)
{
    int32_t pid = arg_int(a, 0);
    int sig = arg_int(a, 1);
    if (sig < 0 || sig > LINUX_NSIG)
        return -EINVAL;
    struct linux_siginfo info = signal_info_user(t, sig, LINUX_SI_USER);
    if (pid > 0) {
        struct tgroup *tg = tgroup_named(t, pid);
        if (!tg) { /* the number of any thread of it will do */
            struct task *o = task_named(t, pid);
            tg = o ? o->tg : NULL;
        }
        return tg ? send_checked(t, tg, sig, &info) : -ESRCH;
    }
    if (pid == -1)
        return kill_all(t, sig, &info);
    if (pid == INT32_MIN)
        return -ESRCH;
    return kill_pgrp(t, pid ? pgrp_named(t, -pid) : t->tg->pgrp, sig, &info);
}

static int to_task(struct task *t, struct task *o, int sig, const struct linux_siginfo *info)
{
    int err = signal_permitted(t, o, sig);
    if (err || sig == 0 || !signal_reaches(t, o->tg, sig))
        return err;
    struct linux_siginfo theirs = signal_info_for(t, o->tg, info);
    return signal_send_task(o, sig, &theirs);
}

static int64_t to_thread(struct task *t, int32_t tgid, int32_t tid, int sig,
                         const struct linux_siginfo *info)
{
    struct task *o = task_named(t, tid);
    if (!o || (tgid > 0 && pid_seen(t, o->tg->pid) != tgid))
        return -ESRCH;
    if (sig < 0 || sig > LINUX_NSIG)
        return -EINVAL;
    return to_task(t, o, sig, info);
}

int64_t sys_tkill(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 0) <= 0)
        return -EINVAL;
    struct linux_siginfo info = signal_info_user(t, arg_int(a, 1), LINUX_SI_TKILL);
    return to_thread(t, 0, arg_int(a, 0), arg_int(a, 1), &info);
}

int64_t sys_tgkill(struct task *t, const struct sys_args *a)
{
    if (arg_int(a, 0) <= 0 || arg_int(a, 1) <= 0)
        return -EINVAL;
    struct linux_siginfo info = signal_info_user(t, arg_int(a, 2), LINUX_SI_TKILL);
    return to_thread(t, arg_int(a, 0), arg_int(a, 1), arg_int(a, 2), &info);
}

/* A siginfo of the application's own making: only codes that the kernel does not use, unless it is for itself. */
static int copy_info(struct task *t, struct uaddr src, int sig, const struct tgroup *to,
                     struct linux_siginfo *ret)
{
    if (copy_in(t, ret, src, sizeof(*ret)))
        return -EFAULT;
    ret->si_signo = sig;
    if ((ret->si_code >= 0 || ret->si_code == LINUX_SI_TKILL) && to != t->tg)
        return -EPERM;
    return 0;
}

int64_t sys_rt_sigqueueinfo(struct task *t, const struct sys_args *a)
{
    struct linux_siginfo info;
    int sig = arg_int(a, 1);
    struct tgroup *tg = tgroup_named(t, arg_int(a, 0));
    int err = copy_info(t, arg_uaddr(a, 2), sig, tg, &info);
    if (err)
        return err;
    if (!tg)
        return -ESRCH;
    if (sig < 0 || sig > LINUX_NSIG)
        return -EINVAL;
    return send_checked(t, tg, sig, &info);
}

int64_t sys_rt_tgsigqueueinfo(struct task *t, const struct sys_args *a)
{
    struct linux_siginfo info;
    int sig = arg_int(a, 2);
    if (arg_int(a, 0) <= 0 || arg_int(a, 1) <= 0)
        return -EINVAL;
    struct task *o = task_named(t, arg_int(a, 1));
    int err = copy_info(t, arg_uaddr(a, 3), sig, o ? o->tg : NULL, &info);
    return err ? err : to_thread(t, arg_int(a, 0), arg_int(a, 1), sig, &info);
}

/* pidfd_send_signal also takes a directory /proc/PID. */
static int process_by_fd(struct task *t, int fd, struct tgroup **ret, struct task **ret_task)
{
    int err = pidfd_get_any(t, fd, ret, ret_task, NULL);
    if (err != -EBADF)
        return err;
    struct file *f = fd_get_io(t, fd);
    struct task *about = f ? proc_file_task(f) : NULL;
    file_unref(f);
    if (!about)
        return -EBADF;
    *ret = about->tg;
    *ret_task = NULL;
    tgroup_get(about->tg);
    return 0;
}

/* Whom the flags, or the kind of descriptor, mean. */
static int send_to_scope(struct task *t, uint32_t flags, struct tgroup *tg, struct task *o, int sig,
                         const struct linux_siginfo *info)
{
    if (flags == LINUX_PIDFD_SIGNAL_PROCESS_GROUP)
        return kill_pgrp(t, pgrp_find(tg->pid), sig, info);
    if (flags == LINUX_PIDFD_SIGNAL_THREAD_GROUP || (!flags && !o))
        return send_checked(t, tg, sig, info);
    struct task *to = o ? o : tg->leader;
    if (!to || to->state == TASK_DEAD)
        return -ESRCH;
    return to_task(t, to, sig, info);
}

int64_t sys_pidfd_send_signal(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg;
    struct task *o;
    int sig = arg_int(a, 1);
    uint32_t flags = arg_uint(a, 3);
    if ((flags & ~LINUX_PIDFD_SIGNAL_ALL) || (flags & (flags - 1)))
        return -EINVAL;
    int err = process_by_fd(t, arg_int(a, 0), &tg, &o);
    if (err)
        return err;
    bool thread = flags == LINUX_PIDFD_SIGNAL_THREAD || (!flags && o);
    struct linux_siginfo info = signal_info_user(t, sig, thread ? LINUX_SI_TKILL : LINUX_SI_USER);
    if (sig < 0 || sig > LINUX_NSIG)
        err = -EINVAL;
    if (!err && a->arg[2]) {
        err = copy_in(t, &info, arg_uaddr(a, 2), sizeof(info));
        if (!err && info.si_signo != sig)
            err = -EINVAL;
        if (!err && (tg != t->tg || flags == LINUX_PIDFD_SIGNAL_PROCESS_GROUP) &&
            (info.si_code >= 0 || info.si_code == LINUX_SI_TKILL))
            err = -EPERM;
    }
    if (!err)
        err = send_to_scope(t, flags, tg, o, sig, &info);
    task_unref(o);
    tgroup_put(tg);
    return err;
}
