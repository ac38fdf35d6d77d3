/* pidfd_open, pidfd_getfd. */
#include "abi/capability.h"
#include "abi/fcntl.h"
#include "base/err.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/ptrace_access.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/file.h"

int64_t sys_pidfd_open(struct task *t, const struct sys_args *a)
{
    int32_t pid = arg_int(a, 0);
    uint32_t flags = arg_uint(a, 1);
    if ((flags & ~LINUX_O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    struct tgroup *tg = tgroup_find(pid);
    if (!tg)
        return task_find(pid) ? -ENOENT : -ESRCH;
    int fd;
    int err = pidfd_open_group(t, tg, flags, &fd);
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
