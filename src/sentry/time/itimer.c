/* setitimer(2) and RLIMIT_CPU. CPU time is known only by asking: while a CPU timer runs it is looked at every few milliseconds, and
 * never sooner than the CPU time that is missing can have been used up. */
#include "abi/resource.h"
#include "abi/wait.h"
#include "sentry/arena/arena.h"
#include "sentry/kernel.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers_priv.h"
#include "sentry/time/timer.h"

#define CPU_POLL_MIN_NS (5 * NSEC_PER_MSEC)
#define CPU_POLL_MAX_NS (1 * NSEC_PER_SEC)

struct cpu_itimer {
    int64_t due_ns; /* CPU time; 0: off */
    int64_t interval_ns;
};
struct cpu_timers {
    struct timer poll;
    struct tgroup *tg;
    struct cpu_itimer it[2]; /* VIRTUAL, PROF */
    int64_t limit_due_ns;    /* of the next SIGXCPU */
};

static void real_fired(struct timer *tm)
{
    struct tgroup *tg = container_of(tm, struct tgroup, itimer_real);
    if (tg->itimer_real_interval_ns)
        timer_set(tm, timer_next_period(tm->deadline_ns, tg->itimer_real_interval_ns,
                                        clock_monotonic_ns(), NULL));
    (void)!signal_send_group(tg, LINUX_SIGALRM, NULL);
}

static int64_t earliest(int64_t a, int64_t b) { return b && b < a ? b : a; }

static void poll_again(struct cpu_timers *c, int64_t now_cpu)
{
    int64_t due =
        earliest(earliest(earliest(INT64_MAX, c->it[0].due_ns), c->it[1].due_ns), c->limit_due_ns);
    if (due == INT64_MAX) {
        timer_cancel(&c->poll);
        return;
    }
    uint32_t n = MAX(kern()->ncpus, 1u);
    int64_t wait = (due - now_cpu) / n;
    wait = MIN(MAX(wait, (int64_t)CPU_POLL_MIN_NS), (int64_t)CPU_POLL_MAX_NS);
    timer_set(&c->poll, clock_monotonic_ns() + wait);
}

static void cpu_poll(struct timer *tm)
{
    static const int signals[2] = {LINUX_SIGVTALRM, LINUX_SIGPROF};
    struct cpu_timers *c = container_of(tm, struct cpu_timers, poll);
    struct tgroup *tg = c->tg;
    int64_t now = tgroup_cpu_total_ns(tg);
    for (int i = 0; i < 2; i++) {
        struct cpu_itimer *it = &c->it[i];
        if (!it->due_ns || now < it->due_ns)
            continue;
        it->due_ns =
            it->interval_ns ? timer_next_period(it->due_ns, it->interval_ns, now, NULL) : 0;
        (void)!signal_send_group(tg, signals[i], NULL);
    }
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

void itimer_set(struct tgroup *tg, int which, int64_t value_ns, int64_t interval_ns)
{
    if (which == LINUX_ITIMER_REAL) {
        tg->itimer_real.fn = real_fired;
        tg->itimer_real_interval_ns = value_ns ? interval_ns : 0;
        if (value_ns)
            timer_set(&tg->itimer_real, saturating_add_i64(clock_monotonic_ns(), value_ns));
        else
            timer_cancel(&tg->itimer_real);
        return;
    }
    struct cpu_timers *c = cpu_timers_of(tg);
    if (!c)
        return;
    int64_t now = tgroup_cpu_total_ns(tg);
    c->it[which - 1] = (struct cpu_itimer){value_ns ? saturating_add_i64(now, value_ns) : 0,
                                           value_ns ? interval_ns : 0};
    poll_again(c, now);
}

void itimer_get(struct tgroup *tg, int which, int64_t *ret_value_ns, int64_t *ret_interval_ns)
{
    int64_t due = 0, now = 0;
    *ret_interval_ns = 0;
    if (which == LINUX_ITIMER_REAL) {
        *ret_interval_ns = tg->itimer_real_interval_ns;
        due = tg->itimer_real.armed ? tg->itimer_real.deadline_ns : 0;
        now = clock_monotonic_ns();
    } else if (tg->cpu_timers) {
        *ret_interval_ns = tg->cpu_timers->it[which - 1].interval_ns;
        due = tg->cpu_timers->it[which - 1].due_ns;
        now = tgroup_cpu_total_ns(tg);
    }
    *ret_value_ns = due ? MAX(due - now, (int64_t)1) : 0;
}
