/* clone, clone3, fork, vfork. */
#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/mm/mm.h"
#include "sentry/ns/pid_ns.h"
#include "sentry/platform/space_limits.h"
#include "sentry/signal/signal.h"
#include "sentry/task/clone.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

#include <string.h>

int64_t sys_fork(struct task *t, const struct sys_args *a)
{
    struct clone_request q = {.exit_signal = LINUX_SIGCHLD};
    return task_clone(t, &q);
}

int64_t sys_vfork(struct task *t, const struct sys_args *a)
{
    struct clone_request q = {.flags = LINUX_CLONE_VFORK | LINUX_CLONE_VM,
                              .exit_signal = LINUX_SIGCHLD};
    return task_clone(t, &q);
}

/* clone(flags, stack, parent_tid, child_tid, tls) */
int64_t sys_clone(struct task *t, const struct sys_args *a)
{
    uint64_t f = a->arg[0] & 0xffffffffu;
    struct clone_request q = {
        .flags = f & ~(uint64_t)LINUX_CSIGNAL,
        .exit_signal = f & LINUX_CSIGNAL,
        .stack = a->arg[1],
        .tls = a->arg[4],
        .parent_tid = arg_uaddr(a, 2),
        .child_tid = arg_uaddr(a, 3),
        .pidfd = arg_uaddr(a, 2),
    };
    if ((f & LINUX_CLONE_PIDFD) && (f & LINUX_CLONE_PARENT_SETTID))
        return -EINVAL;
    return task_clone(t, &q);
}

/* The structure may be older (shorter) or newer (longer, but then zero) than ours. */
static int copy_clone_args(struct task *t, struct uaddr src, uint64_t size,
                           struct linux_clone_args *ret)
{
    uint8_t buf[LINUX_PAGE_SIZE];
    if (size > LINUX_PAGE_SIZE)
        return -E2BIG;
    if (size < LINUX_CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    memset(buf, 0, sizeof(*ret));
    if (copy_in(t, buf, src, size))
        return -EFAULT;
    for (uint64_t i = sizeof(*ret); i < size; i++)
        if (buf[i])
            return -E2BIG;
    memcpy(ret, buf, sizeof(*ret));
    return 0;
}

static int check_clone_args(const struct linux_clone_args *c, uint64_t size)
{
    if ((c->set_tid && !c->set_tid_size) || (!c->set_tid && c->set_tid_size) ||
        c->set_tid_size > PID_LEVELS)
        return -EINVAL;
    if ((c->exit_signal & ~(uint64_t)LINUX_CSIGNAL) || c->exit_signal > LINUX_NSIG)
        return -EINVAL;
    if (c->flags & ~(0xffffffffULL | LINUX_CLONE_CLEAR_SIGHAND | LINUX_CLONE_INTO_CGROUP))
        return -EINVAL;
    if (c->flags & (LINUX_CLONE_DETACHED | (LINUX_CSIGNAL & ~(uint64_t)LINUX_CLONE_NEWTIME)))
        return -EINVAL;
    if ((c->flags & LINUX_CLONE_SIGHAND) && (c->flags & LINUX_CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((c->flags & (LINUX_CLONE_THREAD | LINUX_CLONE_PARENT)) && c->exit_signal)
        return -EINVAL;
    if (!c->stack != !c->stack_size)
        return -EINVAL;
    if ((c->flags & LINUX_CLONE_INTO_CGROUP) &&
        (c->cgroup > INT32_MAX || size < LINUX_CLONE_ARGS_SIZE_VER2))
        return -EINVAL;
    if (c->stack && (c->stack > SPACE_END || c->stack_size > SPACE_END - c->stack))
        return -EINVAL;
    return 0;
}

static int copy_set_tid(struct task *t, const struct linux_clone_args *c,
                        int32_t ret[PID_LEVELS + 1])
{
    uint32_t n = (uint32_t)c->set_tid_size;
    return n && copy_in(t, ret, UADDR(c->set_tid), n * sizeof(ret[0])) ? -EFAULT : 0;
}

int64_t sys_clone3(struct task *t, const struct sys_args *a)
{
    struct linux_clone_args c;
    int err = copy_clone_args(t, arg_uaddr(a, 0), a->arg[1], &c);
    if (!err)
        err = check_clone_args(&c, a->arg[1]);
    if (err)
        return err;
    int32_t set_tid[PID_LEVELS + 1] = {0};
    if (!t->restart.obj)
        err = copy_set_tid(t, &c, set_tid);
    if (err)
        return err;
    struct clone_request q = {
        .flags = c.flags,
        .set_tid = set_tid,
        .nset_tid = (uint32_t)c.set_tid_size,
        .exit_signal = (uint32_t)c.exit_signal,
        .stack = c.stack ? c.stack + c.stack_size : 0,
        .tls = c.tls,
        .parent_tid = UADDR(c.parent_tid),
        .child_tid = UADDR(c.child_tid),
        .pidfd = UADDR(c.pidfd),
    };
    return task_clone(t, &q);
}
