/* mlock and its relatives. */
#include "sentry/syscalls/syscall.h"

#include "abi/mman.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/task/task.h"

int64_t sys_mlock(struct task *t, const struct sys_args *a)
{
    return mm_lock(t, a->arg[0], a->arg[1], false);
}

int64_t sys_mlock2(struct task *t, const struct sys_args *a)
{
    uint32_t flags = arg_uint(a, 2);
    if (flags & ~LINUX_MLOCK_ONFAULT)
        return -EINVAL;
    return mm_lock(t, a->arg[0], a->arg[1], flags & LINUX_MLOCK_ONFAULT);
}

int64_t sys_munlock(struct task *t, const struct sys_args *a)
{
    return mm_unlock(t, a->arg[0], a->arg[1]);
}
int64_t sys_mlockall(struct task *t, const struct sys_args *a)
{
    return mm_lock_all(t, arg_uint(a, 0));
}
int64_t sys_munlockall(struct task *t, const struct sys_args *a) { return mm_unlock_all(t); }
