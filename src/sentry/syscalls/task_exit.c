/* exit, exit_group, wait4, waitid. */
#include "abi/wait.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/reap.h"
#include "sentry/task/task_priv.h"

int64_t sys_exit(struct task *t, const struct sys_args *a)
{
    if (!t->tg->group_exit && t == t->tg->leader)
        t->tg->wait_status = linux_wstatus_exited(arg_uint(a, 0));
    t->exiting = true;
    return 0;
}

int64_t sys_exit_group(struct task *t, const struct sys_args *a)
{
    tgroup_exit(t->tg, linux_wstatus_exited(arg_uint(a, 0)));
    t->exiting = true;
    return 0;
}

/* The kernel's number for one that the caller named; one that nothing has if there is none. */
static int32_t wanted(const struct task *t, int32_t nr)
{
    int32_t id = nr > 0 ? pid_named(t, nr) : nr;
    return nr > 0 && !id ? INT32_MAX : id;
}

int64_t sys_wait4(struct task *t, const struct sys_args *a)
{
    int32_t pid = arg_int(a, 0);
    uint32_t options = arg_uint(a, 2);
    if (options & ~(LINUX_WNOHANG | LINUX_WUNTRACED | LINUX_WCONTINUED | LINUX___WNOTHREAD |
                    LINUX___WCLONE | LINUX___WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    struct wait_request q = {
        .idtype = pid == -1 ? LINUX_P_ALL
                  : pid > 0 ? LINUX_P_PID
                            : LINUX_P_PGID,
        .id = pid > 0 ? wanted(t, pid)
              : pid   ? wanted(t, -pid)
                      : t->tg->pgrp->id,
        .options = options | LINUX_WEXITED,
        .nohang = (options & LINUX_WNOHANG) != 0,
    };
    struct wait_result r;
    int err = child_wait(t, &q, &r);
    if (err || !r.pid)
        return err;
    if (a->arg[1] && copy_out_u32(t, arg_uaddr(a, 1), (uint32_t)r.status))
        return -EFAULT;
    if (a->arg[3] && copy_out(t, arg_uaddr(a, 3), &r.rusage, sizeof(r.rusage)))
        return -EFAULT;
    return r.pid;
}

static int waitid_target(struct task *t, int idtype, int32_t id, struct wait_request *q)
{
    q->idtype = idtype;
    q->id = wanted(t, id);
    switch (idtype) {
    case LINUX_P_ALL: return 0;
    case LINUX_P_PID: return id <= 0 ? -EINVAL : 0;
    case LINUX_P_PGID:
        if (id == 0)
            q->id = t->tg->pgrp->id;
        return id < 0 ? -EINVAL : 0;
    case LINUX_P_PIDFD: {
        struct tgroup *tg;
        struct task *o;
        int err = id < 0 ? -EINVAL : pidfd_get_any(t, id, &tg, &o, &q->again);
        if (err)
            return err;
        q->idtype = LINUX_P_PID;
        q->id = tg->leader ? tg->pid : -1; /* reaped: nobody's child */
        if (o && o != tg->leader)
            q->id = -1;
        q->nohang |= q->again;
        task_unref(o);
        tgroup_put(tg);
        return 0;
    }
    default: return -EINVAL;
    }
}

int64_t sys_waitid(struct task *t, const struct sys_args *a)
{
    uint32_t options = arg_uint(a, 3);
    if (options & ~(LINUX_WNOHANG | LINUX_WNOWAIT | LINUX_WEXITED | LINUX_WSTOPPED |
                    LINUX_WCONTINUED | LINUX___WNOTHREAD | LINUX___WCLONE | LINUX___WALL))
        return -EINVAL;
    if (!(options & (LINUX_WEXITED | LINUX_WSTOPPED | LINUX_WCONTINUED)))
        return -EINVAL;
    struct wait_request q = {.options = options, .nohang = (options & LINUX_WNOHANG) != 0};
    int err = waitid_target(t, arg_int(a, 0), arg_int(a, 1), &q);
    if (err)
        return err;
    struct wait_result r;
    err = child_wait(t, &q, &r);
    if (!err && !r.pid && q.again && !(options & LINUX_WNOHANG))
        err = -EAGAIN;
    if (err)
        return err;
    if (r.pid && a->arg[4] && copy_out(t, arg_uaddr(a, 4), &r.rusage, sizeof(r.rusage)))
        return -EFAULT;
    if (!a->arg[2])
        return 0;
    struct linux_siginfo info = {0};
    if (r.pid) {
        info.si_signo = LINUX_SIGCHLD;
        info.si_code = r.code;
        info.chld.pid = r.pid;
        info.chld.uid = r.uid;
        info.chld.status = r.code == LINUX_CLD_EXITED      ? LINUX_WEXITSTATUS(r.status)
                           : r.code == LINUX_CLD_KILLED    ? LINUX_WTERMSIG(r.status)
                           : r.code == LINUX_CLD_DUMPED    ? LINUX_WTERMSIG(r.status)
                           : r.code == LINUX_CLD_CONTINUED ? LINUX_SIGCONT
                                                           : LINUX_WSTOPSIG(r.status);
    }
    /* Linux writes these six words only. */
    return copy_out(t, arg_uaddr(a, 2), &info, offsetof(struct linux_siginfo, chld.pad1));
}
