/* setitimer(2) and RLIMIT_CPU. For the limit CPU time is looked at, never sooner than what is missing can have been used up. */
#include "abi/resource.h"
#include "abi/syscall_nr.h"
#include "abi/wait.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/signal/signal.h"
#include "sentry/task/run.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers_priv.h"
#include "sentry/time/timer.h"

#include <string.h>

#define CPU_POLL_MIN_NS (5 * NSEC_PER_MSEC)
#define CPU_POLL_MAX_NS (1 * NSEC_PER_SEC)

struct cpu_timers {
    struct timer poll;
    struct tgroup *tg;
    int64_t limit_due_ns; /* of the next SIGXCPU */
};

static void real_fired(struct timer *tm)
{
    struct tgroup *tg = container_of(tm, struct tgroup, itimer_real);
    if (tg->itimer_real_interval_ns)
        timer_set(tm, timer_next_period(tm->deadline_ns, tg->itimer_real_interval_ns,
                                        clock_monotonic_ns(), NULL));
    (void)!signal_send_group(tg, LINUX_SIGALRM, NULL);
}

static void poll_again(struct cpu_timers *c, int64_t now_cpu)
{
    if (!c->limit_due_ns) {
        timer_cancel(&c->poll);
        return;
    }
    uint32_t n = MAX(kern()->ncpus, 1u);
    int64_t wait = (c->limit_due_ns - now_cpu) / n;
    wait = MIN(MAX(wait, (int64_t)CPU_POLL_MIN_NS), (int64_t)CPU_POLL_MAX_NS);
    timer_set(&c->poll, clock_monotonic_ns() + wait);
}

static void cpu_poll(struct timer *tm)
{
    struct cpu_timers *c = container_of(tm, struct cpu_timers, poll);
    struct tgroup *tg = c->tg;
    int64_t now = tgroup_cpu_total_ns(tg);
    if (c->limit_due_ns && now >= c->limit_due_ns) {
        uint64_t hard = tg->rlim[LINUX_RLIMIT_CPU].rlim_max;
        if (hard != LINUX_RLIM_INFINITY &&
            now / NSEC_PER_SEC >= (int64_t)MIN(hard, (uint64_t)INT64_MAX)) {
            tgroup_exit(tg, LINUX_SIGKILL);
            return;
        }
        (void)!signal_send_group(tg, LINUX_SIGXCPU, NULL);
        c->limit_due_ns = now + NSEC_PER_SEC;
    }
    poll_again(c, now);
}

static struct cpu_timers *cpu_timers_of(struct tgroup *tg)
{
    if (!tg->cpu_timers) {
        tg->cpu_timers = arena_alloc(sizeof(struct cpu_timers));
        if (!tg->cpu_timers)
            return NULL;
        tg->cpu_timers->tg = tg;
        timer_init(&tg->cpu_timers->poll, cpu_poll);
    }
    return tg->cpu_timers;
}

void cpu_timers_free(struct tgroup *tg)
{
    struct cpu_timers *c = tg->cpu_timers;
    if (!c)
        return;
    timer_cancel(&c->poll);
    tg->cpu_timers = NULL;
    arena_free(c, sizeof(*c));
}

void cpu_limit_changed(struct tgroup *tg)
{
    uint64_t soft = tgroup_rlimit(tg, LINUX_RLIMIT_CPU);
    if (soft == LINUX_RLIM_INFINITY && !tg->cpu_timers)
        return;
    struct cpu_timers *c = cpu_timers_of(tg);
    if (!c)
        return;
    soft = MAX(soft, (uint64_t)1);
    c->limit_due_ns =
        soft > (uint64_t)(INT64_MAX / NSEC_PER_SEC) ? 0 : (int64_t)soft * NSEC_PER_SEC;
    poll_again(c, tgroup_cpu_total_ns(tg));
}

void itimer_set(struct tgroup *tg, int64_t value_ns, int64_t interval_ns)
{
    tg->itimer_real.fn = real_fired;
    tg->itimer_real_interval_ns = value_ns ? interval_ns : 0;
    if (value_ns)
        timer_set(&tg->itimer_real, saturating_add_i64(clock_monotonic_ns(), value_ns));
    else
        timer_cancel(&tg->itimer_real);
}

void itimer_get(struct tgroup *tg, int64_t *ret_value_ns, int64_t *ret_interval_ns)
{
    int64_t due = timer_armed(&tg->itimer_real) ? tg->itimer_real.deadline_ns : 0;
    *ret_interval_ns = tg->itimer_real_interval_ns;
    *ret_value_ns = due ? MAX(due - clock_monotonic_ns(), (int64_t)1) : 0;
}

/* ---- those of CPU time are the host's, of the process that runs the program ---- */

static int set_in_host(struct task *t, int which, const struct linux_itimerval *v, void **ret_old)
{
    void *here;
    uint64_t there = platform_scratch(t->thread, &here), off = (uint64_t)which * 2 * sizeof(*v);
    const uint64_t args[6] = {(uint64_t)which, there + off, there + off + sizeof(*v)};
    memcpy((uint8_t *)here + off, v, sizeof(*v));
    *ret_old = (uint8_t *)here + off + sizeof(*v);
    return task_native_call(t, LINUX_SYS_setitimer, args);
}

int64_t cpu_itimer_set(struct task *t, int which, const struct linux_itimerval *v,
                       struct linux_itimerval *ret_old)
{
    void *here;
    if (!t->restart.again) {
        int err = set_in_host(t, which, v, &here);
        return err ? err : task_sync(t);
    }
    (void)platform_scratch(t->thread, &here);
    memcpy(ret_old, (uint8_t *)here + (size_t)(which * 2 + 1) * sizeof(*v), sizeof(*ret_old));
    if (!task_sync_result(t))
        t->tg->cpu_itimer[which - 1] = *v;
    return task_sync_result(t);
}

int64_t cpu_itimer_get(struct task *t, int which, struct linux_itimerval *ret)
{
    void *here;
    uint64_t there = platform_scratch(t->thread, &here);
    if (!t->restart.again) {
        const uint64_t args[6] = {(uint64_t)which, there};
        int err = task_native_call(t, LINUX_SYS_getitimer, args);
        return err ? err : task_sync(t);
    }
    memcpy(ret, here, sizeof(*ret));
    return task_sync_result(t);
}

void cpu_itimer_fired(struct tgroup *tg, int signo)
{
    struct linux_itimerval *v = &tg->cpu_itimer[signo == LINUX_SIGPROF];
    v->it_value = v->it_interval;
}

/* How much of the period has passed is not known any more: it begins again. */
void cpu_itimers_carry(struct task *t)
{
    for (int i = 0; i < 2; i++) {
        const struct linux_itimerval *v = &t->tg->cpu_itimer[i];
        void *old;
        if (v->it_value.tv_sec || v->it_value.tv_usec)
            (void)!set_in_host(t, i + 1, v, &old);
    }
}
