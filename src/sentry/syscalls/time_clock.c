/* Clocks: reading them, sleeping by them. */
#include "abi/capability.h"
#include "base/err.h"
#include "host/host.h"
#include "sentry/mm/usermem.h"
#include "sentry/task/cputime.h"
#include "sentry/task/run.h"
#include "sentry/task/task.h"
#include "sentry/time/posix_timers.h"
#include "sentry/time/timespec.h"

#include <time.h>

int64_t sys_clock_gettime(struct task *t, const struct sys_args *a)
{
    int64_t ns;
    struct task *of = clock_thread(t, arg_int(a, 0));
    bool ask = of && of->thread && t->thread && platform_stop(t->thread) == STOP_CONTEXT &&
               platform_space(of->thread) == platform_space(t->thread);
    int64_t err = ask ? task_ask_clock(t, of, &ns) : clock_read(t, arg_int(a, 0), &ns);
    if (err)
        return err;
    struct linux_timespec ts = timespec_of(ns);
    return copy_out(t, arg_uaddr(a, 1), &ts, sizeof(ts));
}

int64_t sys_clock_getres(struct task *t, const struct sys_args *a)
{
    int32_t clock = arg_int(a, 0);
    struct linux_timespec ts = {.tv_nsec = 1};
    int err = clock_valid(t, clock);
    if (err)
        return err;
    if (clock == LINUX_CLOCK_REALTIME_COARSE || clock == LINUX_CLOCK_MONOTONIC_COARSE) {
        struct timespec host = {
            .tv_nsec = 4000000}; /* the host's tick, which programs see in the vDSO as well */
        (void)!host_clock_getres(CLOCK_MONOTONIC_COARSE, &host);
        ts.tv_nsec = host.tv_nsec;
    }
    return a->arg[1] ? copy_out(t, arg_uaddr(a, 1), &ts, sizeof(ts)) : 0;
}

/* The clock is the host's. */
int64_t sys_clock_settime(struct task *t, const struct sys_args *a)
{
    struct linux_timespec ts;
    if (arg_int(a, 0) != LINUX_CLOCK_REALTIME)
        return -EINVAL;
    if (copy_in(t, &ts, arg_uaddr(a, 1), sizeof(ts)))
        return -EFAULT;
    return timespec_valid(&ts) ? -EPERM : -EINVAL;
}

int64_t sys_settimeofday(struct task *t, const struct sys_args *a)
{
    struct linux_timeval tv;
    if (a->arg[0]) {
        if (copy_in(t, &tv, arg_uaddr(a, 0), sizeof(tv)))
            return -EFAULT;
        if (!timeval_valid(&tv))
            return -EINVAL;
    }
    if (!a->arg[0] && !a->arg[1] && task_capable(t, LINUX_CAP_SYS_TIME))
        return 0;
    return -EPERM;
}

/* Reading only: the clock is the host's. */
static int64_t adjust(struct task *t, struct uaddr at)
{
    struct linux_timex tx, host = {0};
    if (copy_in(t, &tx, at, sizeof(tx)))
        return -EFAULT;
    if (tx.modes & LINUX_ADJ_ADJTIME) {
        if ((tx.modes & LINUX_ADJ_OFFSET_SINGLESHOT) != LINUX_ADJ_OFFSET_SINGLESHOT)
            return -EINVAL;
        if (!(tx.modes & LINUX_ADJ_OFFSET_READONLY))
            return -EPERM;
        host.modes = LINUX_ADJ_OFFSET_SS_READ;
    } else if (tx.modes) {
        return -EPERM;
    }
    int state = host_adjtimex(&host);
    if (state < 0)
        return -EPERM;
    host.modes = tx.modes;
    return copy_out(t, at, &host, sizeof(host)) ? -EFAULT : state;
}

int64_t sys_adjtimex(struct task *t, const struct sys_args *a)
{
    return adjust(t, arg_uaddr(a, 0));
}

int64_t sys_clock_adjtime(struct task *t, const struct sys_args *a)
{
    int32_t clock = arg_int(a, 0);
    if (clock_valid(t, clock))
        return -EINVAL;
    return clock == LINUX_CLOCK_REALTIME ? adjust(t, arg_uaddr(a, 1)) : -EOPNOTSUPP;
}

int64_t sys_gettimeofday(struct task *t, const struct sys_args *a)
{
    struct linux_timeval tv = timeval_of(clock_realtime_ns());
    struct linux_timezone tz = {0};
    if (a->arg[0] && copy_out(t, arg_uaddr(a, 0), &tv, sizeof(tv)))
        return -EFAULT;
    if (a->arg[1] && copy_out(t, arg_uaddr(a, 1), &tz, sizeof(tz)))
        return -EFAULT;
    return 0;
}

int64_t sys_time(struct task *t, const struct sys_args *a)
{
    int64_t s = clock_realtime_ns() / NSEC_PER_SEC;
    if (a->arg[0] && copy_out_u64(t, arg_uaddr(a, 0), (uint64_t)s))
        return -EFAULT;
    return s;
}

static int read_timespec(struct task *t, struct uaddr at, int64_t *ret_ns)
{
    struct linux_timespec ts;
    if (copy_in(t, &ts, at, sizeof(ts)))
        return -EFAULT;
    if (!timespec_valid(&ts))
        return -EINVAL;
    *ret_ns = timespec_ns(&ts);
    return 0;
}

/* Relative sleeps are on the monotonic clock whatever clock is named; an interrupted one tells what was left. */
static int64_t sleep_relative(struct task *t, int64_t ns, struct uaddr rem)
{
    int r = task_park(t, task_deadline_after(t, ns));
    if (r == -ETIMEDOUT)
        return 0;
    if (r != -ERESTARTSYS)
        return r;
    if (!uaddr_is_null(rem)) {
        int64_t left = MAX(t->restart.deadline_ns - clock_monotonic_ns(), (int64_t)0);
        struct linux_timespec ts = timespec_of(left);
        if (copy_out(t, rem, &ts, sizeof(ts)))
            return -EFAULT;
    }
    return -ERESTART_RESTARTBLOCK;
}

int64_t sys_nanosleep(struct task *t, const struct sys_args *a)
{
    int64_t ns;
    int err = read_timespec(t, arg_uaddr(a, 0), &ns);
    return err ? err : sleep_relative(t, ns, arg_uaddr(a, 1));
}

/* Absolute on any clock: sleeps until the kernel's clock says that it should be there, and looks again. */
static int64_t sleep_until(struct task *t, int32_t clock, int64_t until_ns)
{
    int64_t now;
    int err = clock_read(t, clock, &now);
    if (err)
        return err;
    if (now >= until_ns)
        return 0;
    int64_t wait = until_ns - now;
    bool cpu = clock < 0 || clock == LINUX_CLOCK_PROCESS_CPUTIME_ID;
    if (cpu)
        wait = MIN(MAX(wait, 5 * NSEC_PER_MSEC), 50 * NSEC_PER_MSEC);
    else if (clock == LINUX_CLOCK_REALTIME || clock == LINUX_CLOCK_TAI) /* it can be set */
        wait = MIN(wait, 10 * NSEC_PER_SEC);
    t->restart.timed_out = false;
    int r = task_park(t, saturating_add_i64(clock_monotonic_ns(), wait));
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r == -ETIMEDOUT ? 0 : r;
}

int64_t sys_clock_nanosleep(struct task *t, const struct sys_args *a)
{
    int32_t clock = arg_int(a, 0);
    int64_t ns;
    switch (clock) {
    case LINUX_CLOCK_REALTIME_COARSE:
    case LINUX_CLOCK_MONOTONIC_COARSE:
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_THREAD_CPUTIME_ID: return -EOPNOTSUPP;
    case LINUX_CLOCK_REALTIME_ALARM:
    case LINUX_CLOCK_BOOTTIME_ALARM:
        if (!task_capable(t, LINUX_CAP_WAKE_ALARM))
            return -EPERM;
        break;
    default: break;
    }
    int err = clock_valid(t, clock);
    if (!err)
        err = read_timespec(t, arg_uaddr(a, 2), &ns);
    if (err)
        return err;
    if (arg_uint(a, 1) & LINUX_TIMER_ABSTIME)
        return sleep_until(t, clock, ns);
    if (clock < 0 || clock == LINUX_CLOCK_PROCESS_CPUTIME_ID) {
        if (!t->restart.has_deadline) { /* here the end on the CPU clock */
            int64_t now;
            err = clock_read(t, clock, &now);
            if (err)
                return err;
            t->restart.has_deadline = true;
            t->restart.deadline_ns = saturating_add_i64(now, ns);
        }
        return sleep_until(t, clock, t->restart.deadline_ns);
    }
    return sleep_relative(t, ns, arg_uaddr(a, 3));
}

int64_t sys_restart_syscall(struct task *t, const struct sys_args *a) { return task_call_again(t); }
