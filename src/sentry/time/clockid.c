/* Clocks as programs name them. */
#include "abi/time.h"
#include "base/err.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers.h"
#include "sentry/time/timer.h"

/* A dynamic id: ~pid << 3 | kind, pid 0: the caller. */
static int cpu_clock(struct task *t, int32_t clock, bool read, int64_t *ret_ns)
{
    int32_t pid = ~(clock >> 3), which = clock & LINUX_CPUCLOCK_CLOCK_MASK;
    if (which >= LINUX_CLOCKFD)
        return -EINVAL;
    if (clock & LINUX_CPUCLOCK_PERTHREAD_MASK) {
        struct task *o = pid ? task_named(t, pid) : t;
        if (!o || o->tg != t->tg)
            return -EINVAL;
        if (read)
            *ret_ns = task_cpu_ns(o);
        return 0;
    }
    struct tgroup *tg = pid ? tgroup_named(t, pid) : t->tg;
    if (!tg || tg->zombie)
        return -EINVAL;
    if (read && which == LINUX_CPUCLOCK_VIRT) {
        int64_t sys;
        tgroup_cpu_ns(tg, ret_ns, &sys);
    } else if (read) {
        *ret_ns = tgroup_cpu_total_ns(tg);
    }
    return 0;
}

static int read_clock(struct task *t, int32_t clock, bool read, int64_t *ret_ns)
{
    if (clock < 0)
        return cpu_clock(t, clock, read, ret_ns);
    switch (clock) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_REALTIME_COARSE:
    case LINUX_CLOCK_REALTIME_ALARM:
    case LINUX_CLOCK_TAI:
        if (read)
            *ret_ns = clock_realtime_ns();
        return 0;
    case LINUX_CLOCK_MONOTONIC:
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_MONOTONIC_COARSE:
        if (read)
            *ret_ns = clock_monotonic_ns();
        return 0;
    case LINUX_CLOCK_BOOTTIME:
    case LINUX_CLOCK_BOOTTIME_ALARM:
        if (read)
            *ret_ns = clock_boottime_ns();
        return 0;
    case LINUX_CLOCK_PROCESS_CPUTIME_ID:
        if (read)
            *ret_ns = tgroup_cpu_total_ns(t->tg);
        return 0;
    case LINUX_CLOCK_THREAD_CPUTIME_ID:
        if (read)
            *ret_ns = task_cpu_ns(t);
        return 0;
    default: return -EINVAL;
    }
}

int clock_read(struct task *t, int32_t clock, int64_t *ret_ns)
{
    return read_clock(t, clock, true, ret_ns);
}

int clock_valid(struct task *t, int32_t clock) { return read_clock(t, clock, false, NULL); }

/* The thread of t's process whose time this clock is; NULL: another kind of clock. */
struct task *clock_thread(struct task *t, int32_t clock)
{
    if (clock == LINUX_CLOCK_THREAD_CPUTIME_ID)
        return t;
    if (clock >= 0 || !(clock & LINUX_CPUCLOCK_PERTHREAD_MASK) || clock_valid(t, clock))
        return NULL;
    int32_t tid = ~(clock >> 3);
    return tid ? task_named(t, tid) : t;
}
