/* rt_sigtimedwait. */
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task.h"
#include "sentry/time/timespec.h"

int64_t sys_rt_sigtimedwait(struct task *t, const struct sys_args *a)
{
    uint64_t set;
    int64_t timeout_ns = -1;
    struct linux_siginfo info;
    if (a->arg[3] != LINUX_SIGSET_SIZE)
        return -EINVAL;
    if (copy_in_u64(t, &set, arg_uaddr(a, 0)))
        return -EFAULT;
    set &= ~UNBLOCKABLE;
    if (a->arg[2]) {
        struct linux_timespec ts;
        if (copy_in(t, &ts, arg_uaddr(a, 2), sizeof(ts)))
            return -EFAULT;
        if (!timespec_valid(&ts))
            return -EINVAL;
        timeout_ns = timespec_ns(&ts);
    }
    int sig = signal_dequeue(t, set, &info);
    if (!sig) {
        int64_t deadline = task_deadline_after(t, timeout_ns);
        int r =
            timeout_ns == 0 ? -ETIMEDOUT : task_wait(t, &t->tg->signal_wait, WAKE_ALL, deadline);
        return r == -ETIMEDOUT ? -EAGAIN : r == -ERESTARTSYS ? -EINTR : r;
    }
    if (a->arg[1] && copy_out(t, arg_uaddr(a, 1), &info, sizeof(info)))
        return -EFAULT;
    return sig;
}
