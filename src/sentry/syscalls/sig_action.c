/* Handlers, masks, the alternate stack, the way back. */
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/frame.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/task.h"

int64_t sys_rt_sigaction(struct task *t, const struct sys_args *a)
{
    int sig = arg_int(a, 0);
    struct linux_sigaction act, old;
    if (a->arg[3] != LINUX_SIGSET_SIZE)
        return -EINVAL;
    if (a->arg[1] && copy_in(t, &act, arg_uaddr(a, 1), sizeof(act)))
        return -EFAULT;
    if (sig < 1 || sig > LINUX_NSIG || (a->arg[1] && (SIGBIT(sig) & UNBLOCKABLE)))
        return -EINVAL;
    old = t->tg->sighand->action[sig - 1];
    if (a->arg[1]) {
        act.mask &= ~UNBLOCKABLE;
        act.flags &= LINUX_SA_KNOWN;
        t->tg->sighand->action[sig - 1] = act;
        if (signal_ignored(t->tg, sig))
            signal_discard(t->tg, SIGBIT(sig));
    }
    if (a->arg[2] && copy_out(t, arg_uaddr(a, 2), &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigprocmask(struct task *t, const struct sys_args *a)
{
    uint64_t set, old = t->sigmask;
    if (a->arg[3] != LINUX_SIGSET_SIZE)
        return -EINVAL;
    if (a->arg[1]) {
        if (copy_in_u64(t, &set, arg_uaddr(a, 1)))
            return -EFAULT;
        set &= ~UNBLOCKABLE;
        switch (arg_int(a, 0)) {
        case LINUX_SIG_BLOCK: signal_set_mask(t, old | set); break;
        case LINUX_SIG_UNBLOCK: signal_set_mask(t, old & ~set); break;
        case LINUX_SIG_SETMASK: signal_set_mask(t, set); break;
        default: return -EINVAL;
        }
    }
    if (a->arg[2] && copy_out_u64(t, arg_uaddr(a, 2), old))
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigpending(struct task *t, const struct sys_args *a)
{
    uint64_t set = (t->pending.mask | t->tg->pending.mask) & t->sigmask;
    if (a->arg[1] > LINUX_SIGSET_SIZE)
        return -EINVAL;
    return copy_out(t, arg_uaddr(a, 0), &set, a->arg[1]);
}

int64_t sys_rt_sigsuspend(struct task *t, const struct sys_args *a)
{
    uint64_t set;
    if (a->arg[1] != LINUX_SIGSET_SIZE)
        return -EINVAL;
    if (copy_in_u64(t, &set, arg_uaddr(a, 0)))
        return -EFAULT;
    signal_set_temp_mask(t, set);
    int r = task_park(t, TIME_NONE);
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

int64_t sys_pause(struct task *t, const struct sys_args *a)
{
    int r = task_park(t, TIME_NONE);
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

int64_t sys_rt_sigreturn(struct task *t, const struct sys_args *a)
{
    if (frame_restore(t)) {
        struct linux_siginfo info = {.si_signo = LINUX_SIGSEGV, .si_code = LINUX_SI_KERNEL};
        signal_force(t, &info);
        return 0;
    }
    t->keep_regs = true;
    return (int64_t)platform_regs(t->thread)->rax;
}

int64_t sys_sigaltstack(struct task *t, const struct sys_args *a)
{
    struct linux_stack st, old;
    if (a->arg[0] && copy_in(t, &st, arg_uaddr(a, 0), sizeof(st)))
        return -EFAULT;
    /* Only in STOP_CONTEXT is the stack pointer known; the call is trapped for that. */
    uint64_t sp = platform_stop(t->thread) == STOP_CONTEXT ? platform_regs(t->thread)->rsp : 0;
    altstack_get(t, sp, &old);
    if (a->arg[0]) {
        int err = altstack_set(t, sp, &st, LINUX_MINSIGSTKSZ);
        if (err)
            return err;
    }
    if (a->arg[1] && copy_out(t, arg_uaddr(a, 1), &old, sizeof(old)))
        return -EFAULT;
    return 0;
}
