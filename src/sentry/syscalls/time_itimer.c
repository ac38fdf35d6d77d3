/* alarm, setitimer, getitimer. */
#include "abi/time.h"
#include "base/err.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/task.h"
#include "sentry/time/posix_timers.h"
#include "sentry/time/timespec.h"

int64_t sys_alarm(struct task *t, const struct sys_args *a)
{
    int64_t value, interval;
    itimer_get(t->tg, &value, &interval);
    itimer_set(t->tg, (int64_t)arg_uint(a, 0) * NSEC_PER_SEC, 0);
    /* Rounded to the nearest second, but an alarm that is set is never 0. */
    int64_t s = (value + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
    return value && !s ? 1 : s;
}

static void fill_real(struct task *t, struct linux_itimerval *ret)
{
    int64_t value, interval;
    itimer_get(t->tg, &value, &interval);
    if (value && value < NSEC_PER_USEC)
        value = NSEC_PER_USEC;
    *ret = (struct linux_itimerval){.it_interval = timeval_of(interval),
                                    .it_value = timeval_of(value)};
}

int64_t sys_getitimer(struct task *t, const struct sys_args *a)
{
    struct linux_itimerval v;
    if (arg_uint(a, 0) > LINUX_ITIMER_PROF)
        return -EINVAL;
    if (arg_uint(a, 0) == LINUX_ITIMER_REAL) {
        fill_real(t, &v);
    } else {
        int64_t r = cpu_itimer_get(t, arg_int(a, 0), &v);
        if (r)
            return r;
    }
    return copy_out(t, arg_uaddr(a, 1), &v, sizeof(v));
}

int64_t sys_setitimer(struct task *t, const struct sys_args *a)
{
    struct linux_itimerval v = {0}, old;
    if (a->arg[1] && copy_in(t, &v, arg_uaddr(a, 1), sizeof(v)))
        return -EFAULT;
    if (!timeval_valid(&v.it_value) || !timeval_valid(&v.it_interval) ||
        arg_uint(a, 0) > LINUX_ITIMER_PROF)
        return -EINVAL;
    if (arg_uint(a, 0) == LINUX_ITIMER_REAL) {
        fill_real(t, &old);
        itimer_set(t->tg, timeval_ns(&v.it_value), timeval_ns(&v.it_interval));
    } else {
        int64_t r = cpu_itimer_set(t, arg_int(a, 0), &v, &old);
        if (r)
            return r;
    }
    if (a->arg[2] && copy_out(t, arg_uaddr(a, 2), &old, sizeof(old)))
        return -EFAULT;
    return 0;
}
