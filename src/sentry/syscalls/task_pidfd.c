/* pidfd_open, pidfd_getfd, process_mrelease. */
#include "abi/capability.h"
#include "abi/fcntl.h"
#include "abi/sched.h"
#include "base/err.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

int64_t sys_pidfd_open(struct task *t, const struct sys_args *a)
{
    int32_t pid = arg_int(a, 0);
    uint32_t flags = arg_uint(a, 1);
    if ((flags & ~(LINUX_O_NONBLOCK | LINUX_PIDFD_THREAD)) || pid <= 0)
        return -EINVAL;
    struct tgroup *tg = tgroup_named(t, pid);
    struct task *o = task_named(t, pid);
    int fd, err;
    if (flags & LINUX_PIDFD_THREAD)
        err = o ? pidfd_open_task(t, o, flags, &fd) : -ESRCH;
    else if (!tg)
        return o ? -ENOENT : -ESRCH;
    else
        err = pidfd_open_group(t, tg, flags, &fd);
    return err ? err : fd;
}

int64_t sys_pidfd_getfd(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg;
    if (arg_uint(a, 2))
        return -EINVAL;
    int err = pidfd_get(t, arg_int(a, 0), &tg);
    if (err)
        return err;
    struct task *o = tg->leader;
    struct file *f = NULL;
    if (!o || !o->files)
        err = -ESRCH;
    else if (!task_may_access(t, o))
        err = -EPERM;
    else if (!(f = fd_get(o, arg_int(a, 1))))
        err = -EBADF;
    tgroup_put(tg);
    return err ? err : fd_install(t, f, true);
}

/* Memory of a process that dies goes at once, with its host process: there is nothing left to do for a caller who may ask. */
int64_t sys_process_mrelease(struct task *t, const struct sys_args *a)
{
    struct tgroup *tg;
    if (arg_uint(a, 1))
        return -EINVAL;
    int err = pidfd_get(t, arg_int(a, 0), &tg);
    if (err)
        return err;
    if (!tg->leader || tg->zombie)
        err = -ESRCH;
    else if (!tg->group_exit)
        err = -EINVAL;
    tgroup_put(tg);
    return err;
}
