/* What belongs to one thread: robust lists, clear_child_tid, arch_prctl, futexes that the host does not do. */
#include "abi/futex.h"
#include "abi/membarrier.h"
#include "abi/prctl.h"
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/rseq.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"

/* The host clears the word and wakes its futex when the thread ends, so the host is told. */
int64_t sys_set_tid_address(struct task *t, const struct sys_args *a)
{
    t->clear_child_tid = a->arg[0];
    if (platform_stop(t->thread) == STOP_CONTEXT)
        (void)!task_native_call(t, LINUX_SYS_set_tid_address, a->arg);
    return t->vtid;
}

int64_t sys_set_robust_list(struct task *t, const struct sys_args *a)
{
    if (a->arg[1] != sizeof(struct linux_robust_list_head))
        return -EINVAL;
    t->robust_list = a->arg[0];
    return 0;
}

int64_t sys_get_robust_list(struct task *t, const struct sys_args *a)
{
    const struct task *o = arg_int(a, 0) ? task_named(t, arg_int(a, 0)) : t;
    if (!o)
        return -ESRCH;
    if (!task_may_access(t, o))
        return -EPERM;
    if (copy_out_u64(t, arg_uaddr(a, 2), sizeof(struct linux_robust_list_head)))
        return -EFAULT;
    return copy_out_u64(t, arg_uaddr(a, 1), o->robust_list);
}

int64_t sys_arch_prctl(struct task *t, const struct sys_args *a)
{
    switch (arg_uint(a, 0)) {
    case LINUX_ARCH_SET_FS:
    case LINUX_ARCH_GET_FS:
    case LINUX_ARCH_SET_GS:
    case LINUX_ARCH_GET_GS:
        return platform_stop(t->thread) == STOP_CONTEXT
                   ? task_native_call(t, LINUX_SYS_arch_prctl, a->arg)
                   : -EINVAL;
    case LINUX_ARCH_GET_CPUID: return 1;
    case LINUX_ARCH_SET_CPUID: return -ENODEV;
    default: return -EINVAL;
    }
}

int64_t sys_rseq(struct task *t, const struct sys_args *a)
{
    return rseq_call(t, a->arg[0], arg_uint(a, 1), arg_uint(a, 2), arg_uint(a, 3));
}

/* The barriers themselves do not come here: the host does them in the thread's own process (stub/gen_filter.py). */
int64_t sys_membarrier(struct task *t, const struct sys_args *a)
{
    const uint32_t registers = LINUX_MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
                               LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
                               LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
                               LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
    uint32_t cmd = arg_uint(a, 0);
    if (t->restart.again)
        return task_sync_result(t);
    if (arg_uint(a, 1) || !(cmd & registers) || (cmd & (cmd - 1)))
        return -EINVAL;
    if (platform_stop(t->thread) != STOP_CONTEXT)
        return -EINVAL;
    int err = task_native_call(t, LINUX_SYS_membarrier, a->arg);
    if (err)
        return err;
    t->tg->membarrier |= cmd;
    return task_sync(t);
}
