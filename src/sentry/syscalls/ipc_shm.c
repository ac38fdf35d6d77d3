/* System V shared memory: arguments to ipc/shm. */
#include "sentry/ipc/shm.h"
#include "sentry/syscalls/syscall.h"

int64_t sys_shmget(struct task *t, const struct sys_args *a)
{
    return shm_get(t, arg_int(a, 0), a->arg[1], arg_uint(a, 2));
}

int64_t sys_shmat(struct task *t, const struct sys_args *a)
{
    return shm_attach(t, arg_int(a, 0), a->arg[1], arg_uint(a, 2));
}

int64_t sys_shmdt(struct task *t, const struct sys_args *a) { return shm_detach(t, a->arg[0]); }

int64_t sys_shmctl(struct task *t, const struct sys_args *a)
{
    return shm_control(t, arg_int(a, 0), arg_int(a, 1), arg_uaddr(a, 2));
}
