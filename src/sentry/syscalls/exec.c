/* execve, execveat: arguments to loader/. */
#include "sentry/loader/loader.h"

#include "abi/fcntl.h"
#include "sentry/syscalls/syscall.h"

int64_t sys_execve(struct task *t, const struct sys_args *a)
{
    return exec_call(t, LINUX_AT_FDCWD, arg_uaddr(a, 0), arg_uaddr(a, 1), arg_uaddr(a, 2), 0);
}

int64_t sys_execveat(struct task *t, const struct sys_args *a)
{
    return exec_call(t, arg_int(a, 0), arg_uaddr(a, 1), arg_uaddr(a, 2), arg_uaddr(a, 3),
                     arg_uint(a, 4));
}
