/* The futex calls that the host does not do: those that know owners. The others never come here (stub/gen_filter.py). */
#include "abi/futex.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/pi.h"
#include "sentry/task/task.h"
#include "sentry/time/timespec.h"

static int wait_of(struct task *t, const struct sys_args *a, int32_t clock, struct pi_wait *ret)
{
    *ret = (struct pi_wait){.clock = clock};
    if (!a->arg[3])
        return 0;
    struct linux_timespec ts;
    if (copy_in(t, &ts, arg_uaddr(a, 3), sizeof(ts)))
        return -EFAULT;
    if (!timespec_valid(&ts))
        return -EINVAL;
    ret->has_deadline = true;
    ret->until_ns = timespec_ns(&ts);
    return 0;
}

/* futex(word, op, value, timeout or count, word2, value3) */
int64_t sys_futex(struct task *t, const struct sys_args *a)
{
    uint32_t op = arg_uint(a, 1), cmd = op & (uint32_t)LINUX_FUTEX_CMD_MASK;
    struct uaddr at = arg_uaddr(a, 0), at2 = arg_uaddr(a, 4);
    bool private = op & LINUX_FUTEX_PRIVATE_FLAG, realtime = op & LINUX_FUTEX_CLOCK_REALTIME;
    struct pi_wait w;
    int err = 0;
    if (cmd == LINUX_FUTEX_LOCK_PI || cmd == LINUX_FUTEX_LOCK_PI2 ||
        cmd == LINUX_FUTEX_WAIT_REQUEUE_PI)
        err = wait_of(t, a,
                      realtime || cmd == LINUX_FUTEX_LOCK_PI ? LINUX_CLOCK_REALTIME
                                                             : LINUX_CLOCK_MONOTONIC,
                      &w);
    if (err)
        return err;
    if (realtime && cmd != LINUX_FUTEX_WAIT_REQUEUE_PI && cmd != LINUX_FUTEX_LOCK_PI2)
        return -ENOSYS;
    switch (cmd) {
    case LINUX_FUTEX_LOCK_PI:
    case LINUX_FUTEX_LOCK_PI2: return pi_lock(t, at, private, false, &w);
    case LINUX_FUTEX_TRYLOCK_PI: return pi_lock(t, at, private, true, NULL);
    case LINUX_FUTEX_UNLOCK_PI: return pi_unlock(t, at, private);
    case LINUX_FUTEX_WAIT_REQUEUE_PI:
        return arg_uint(a, 5) ? pi_wait_requeue(t, at, arg_uint(a, 2), at2, private, &w) : -EINVAL;
    case LINUX_FUTEX_CMP_REQUEUE_PI:
        if (arg_int(a, 2) != 1 || arg_int(a, 3) < 0)
            return -EINVAL;
        return pi_cmp_requeue(t, at, arg_uint(a, 5), at2, private, arg_int(a, 3));
    default: return -ENOSYS;
    }
}
