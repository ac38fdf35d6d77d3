/* CPU time. The host counts it: of a process at any time, of one thread only when a thread of its process asks. */
#include "abi/syscall_nr.h"
#include "base/err.h"
#include "sentry/task/cputime.h"
#include "sentry/task/run.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timespec.h"

#include <string.h>

int64_t task_cpu_ns(const struct task *t)
{
    if (!t->thread || t->tg->ntasks > 1)
        return t->cpu_past_ns + t->cpu_known_ns;
    return t->cpu_past_ns + platform_thread_cpu_ns(t->thread);
}

int64_t task_cpu_most_ns(const struct task *t)
{
    int64_t now = task_cpu_ns(t);
    if (!t->thread || t->tg->ntasks == 1)
        return now;
    return now + MAX(tgroup_cpu_total_ns(t->tg) - t->cpu_known_at_ns, (int64_t)0);
}

/* The number has gone through the program's hands: it is no more than its process's. */
static void learn(struct task *t, int64_t ns)
{
    t->cpu_known_at_ns = tgroup_cpu_total_ns(t->tg);
    t->cpu_known_ns = MIN(ns, t->cpu_known_at_ns);
}

void task_cpu_refresh(struct task *t)
{
    if (!t->thread || t->tg->ntasks == 1 || t->exiting || t->state != TASK_RUNNING ||
        platform_stop(t->thread) != STOP_RUNNING)
        return;
    t->want_cpu = true;
    platform_interrupt(t->thread);
}

int64_t task_cpu_told_ns(struct task *t)
{
    if (task_cpu_most_ns(t) - task_cpu_ns(t) > 10 * NSEC_PER_MSEC)
        task_cpu_refresh(t);
    return task_cpu_ns(t);
}

bool task_cpu_read_begin(struct task *t)
{
    void *here;
    if (!t->want_cpu)
        return false;
    t->want_cpu = false;
    const uint64_t args[6] = {LINUX_CLOCK_THREAD_CPUTIME_ID, platform_scratch(t->thread, &here)};
    if (task_native_call(t, LINUX_SYS_clock_gettime, args))
        return false;
    t->reading_cpu = true;
    t->next = TASK_NEXT_USER;
    (void)!task_sync(t);
    return true;
}

void task_cpu_read_end(struct task *t)
{
    struct linux_timespec ts;
    void *here;
    if (!t->reading_cpu)
        return;
    t->reading_cpu = false;
    (void)platform_scratch(t->thread, &here);
    memcpy(&ts, here, sizeof(ts));
    if (!task_sync_result(t) && timespec_valid(&ts))
        learn(t, timespec_ns(&ts));
}

/* What the living spaces of tg have used: total, and as the host's ticks divide it. */
static int64_t living(const struct tgroup *tg, int64_t *ret_user, int64_t *ret_sys)
{
    int64_t total = 0, user, sys;
    const struct task *t;
    *ret_user = *ret_sys = 0;
    LIST_FOREACH (t, &tg->tasks, tg_node) {
        if (!t->thread)
            continue;
        total += platform_thread_cpu_ns(t->thread);
        platform_thread_cpu_split(t->thread, &user, &sys);
        *ret_user += user;
        *ret_sys += sys;
    }
    return total;
}

int64_t tgroup_cpu_total_ns(const struct tgroup *tg)
{
    int64_t sum = tg->dead_utime_ns + tg->dead_stime_ns;
    const struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        if (t->thread)
            sum += platform_thread_cpu_ns(t->thread);
    return sum;
}

/* The part of total that user : sys gives to sys. */
static int64_t share(int64_t total, int64_t user, int64_t sys)
{
    if (user + sys <= 0)
        return 0;
    return (int64_t)((__extension__(__int128) total) * sys / (user + sys));
}

void tgroup_cpu_ns(struct tgroup *tg, int64_t *ret_user, int64_t *ret_sys)
{
    int64_t u, s, total = living(tg, &u, &s), sys = share(total, u, s);
    /* Neither part goes back when the proportion changes. */
    tg->seen_stime_ns = MAX(tg->seen_stime_ns, tg->dead_stime_ns + sys);
    tg->seen_utime_ns =
        MAX(tg->seen_utime_ns, tg->dead_utime_ns + tg->dead_stime_ns + total - tg->seen_stime_ns);
    *ret_user = tg->seen_utime_ns;
    *ret_sys = tg->seen_stime_ns;
}

void task_cpu_keep(struct task *t)
{
    int64_t user, sys, total = platform_thread_cpu_ns(t->thread);
    platform_thread_cpu_split(t->thread, &user, &sys);
    sys = share(total, user, sys);
    t->tg->dead_utime_ns += total - sys;
    t->tg->dead_stime_ns += sys;
    t->cpu_past_ns = task_cpu_ns(t);
    t->cpu_known_ns = 0;
    t->cpu_known_at_ns = tgroup_cpu_total_ns(t->tg);
}

int64_t task_ask_rusage(struct task *t, int who, struct linux_rusage *ret)
{
    void *here;
    uint64_t there = platform_scratch(t->thread, &here);
    if (!t->restart.again) {
        const uint64_t args[6] = {(uint64_t)who, there};
        int err = task_native_call(t, LINUX_SYS_getrusage, args);
        return err ? err : task_sync(t);
    }
    if (task_sync_result(t))
        return task_sync_result(t);
    memcpy(ret, here, sizeof(*ret));
    return 0;
}

int64_t task_ask_clock(struct task *t, struct task *of, int64_t *ret_ns)
{
    struct linux_timespec ts;
    void *here;
    uint64_t there = platform_scratch(t->thread, &here);
    if (!t->restart.again) {
        const uint64_t args[6] = {platform_thread_cpu_clock(of->thread), there};
        if (!args[0]) { /* not started: the number would be another clock's */
            *ret_ns = of->cpu_past_ns;
            return 0;
        }
        int err = task_native_call(t, LINUX_SYS_clock_gettime, args);
        return err ? err : task_sync(t);
    }
    if (!task_sync_result(t)) {
        memcpy(&ts, here, sizeof(ts));
        if (timespec_valid(&ts))
            learn(of, timespec_ns(&ts));
    }
    *ret_ns = of->cpu_past_ns + of->cpu_known_ns;
    return 0;
}
