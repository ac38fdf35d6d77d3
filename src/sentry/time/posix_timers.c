/* timer_create(2) and the rest: one struct a timer, in a table of the group. */
#include "sentry/time/posix_timers.h"

#include "abi/capability.h"
#include "abi/signal.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/arena/slab.h"
#include "sentry/kernel.h"
#include "sentry/mm/usermem.h"
#include "sentry/signal/signal_priv.h"
#include "sentry/task/cputime.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/posix_timers_priv.h"
#include "sentry/time/timer.h"
#include "sentry/time/timespec.h"

#define POSIX_TIMERS_MAX 8192
#define CPU_POLL_NS      (5 * NSEC_PER_MSEC)

struct posix_timer {
    struct timer tm;
    struct tgroup *tg;
    int32_t id, clock;
    int32_t notify, signo, tid;
    union linux_sigval value;
    int64_t due_ns; /* on the timer's own clock; 0: disarmed */
    int64_t interval_ns;
    bool cpu; /* a CPU clock: polled */
    int32_t overrun, last_overrun;
};
struct posix_timers {
    struct posix_timer **v;
    uint32_t size, next;
};

static struct posix_timer *find(const struct tgroup *tg, int32_t id)
{
    const struct posix_timers *p = tg->posix_timers;
    return p && id >= 0 && (uint32_t)id < p->size ? p->v[id] : NULL;
}

static int64_t now_of(const struct posix_timer *pt)
{
    struct task *any = pt->tg->leader;
    int64_t ns = 0;
    if (pt->clock == LINUX_CLOCK_THREAD_CPUTIME_ID && pt->tid)
        any = task_find(pt->tid);
    if (any)
        (void)!clock_read(any, pt->clock, &ns);
    return ns;
}

/* The thread whose time it counts; NULL: a process's. */
static struct task *thread_of(const struct posix_timer *pt)
{
    struct task *any = pt->tg->leader;
    if (pt->clock == LINUX_CLOCK_THREAD_CPUTIME_ID)
        return task_find(pt->tid);
    return any ? clock_thread(any, pt->clock) : NULL;
}

static void arm(struct posix_timer *pt)
{
    if (!pt->due_ns) {
        timer_cancel(&pt->tm);
        return;
    }
    int64_t wait = MAX(pt->due_ns - now_of(pt), (int64_t)0);
    struct task *of = pt->cpu && pt->clock != LINUX_CLOCK_PROCESS_CPUTIME_ID ? thread_of(pt) : NULL;
    if (of) {
        int64_t most = task_cpu_most_ns(of);
        if (most >= pt->due_ns)
            task_cpu_refresh(of);
        wait = MAX(pt->due_ns - most, (int64_t)0);
    }
    if (pt->cpu)
        wait = MAX(wait / MAX(kern()->ncpus, 1u), (int64_t)CPU_POLL_NS);
    else if (pt->clock == LINUX_CLOCK_REALTIME) /* somebody may set the host's clock */
        wait = MIN(wait, 10 * NSEC_PER_SEC);
    timer_set(&pt->tm, saturating_add_i64(clock_monotonic_ns(), wait));
}

static void notify(struct posix_timer *pt)
{
    struct linux_siginfo info = {.si_signo = pt->signo, .si_code = LINUX_SI_TIMER};
    info.timer.timerid = pt->id;
    info.timer.value = pt->value;
    struct task *to = NULL;
    if (pt->notify & LINUX_SIGEV_THREAD_ID) {
        to = task_find(pt->tid);
        if (!to || to->tg != pt->tg)
            return;
    }
    if (pending_has_timer(to ? &to->pending : &pt->tg->pending, pt->signo, pt->id)) {
        if (pt->overrun < INT32_MAX)
            pt->overrun++;
        return;
    }
    if (to)
        (void)signal_send_task(to, pt->signo, &info);
    else
        (void)signal_send_group(pt->tg, pt->signo, &info);
}

static void fired(struct timer *tm)
{
    struct posix_timer *pt = container_of(tm, struct posix_timer, tm);
    int64_t now = now_of(pt);
    if (now < pt->due_ns) {
        arm(pt);
        return;
    }
    uint64_t missed = 0;
    pt->due_ns = pt->interval_ns ? timer_next_period(pt->due_ns, pt->interval_ns, now, &missed) : 0;
    if ((pt->notify & ~LINUX_SIGEV_THREAD_ID) != LINUX_SIGEV_NONE) {
        notify(pt);
        if (missed > 1)
            pt->overrun = (int32_t)MIN((uint64_t)pt->overrun + missed - 1, (uint64_t)INT32_MAX);
    }
    arm(pt);
}

void posix_timer_delivered(struct tgroup *tg, struct linux_siginfo *info)
{
    struct posix_timer *pt = find(tg, info->timer.timerid);
    if (!pt || pt->signo != info->si_signo)
        return;
    pt->last_overrun = pt->overrun;
    pt->overrun = 0;
    info->timer.overrun = pt->last_overrun;
}

static void timer_free(struct posix_timer *pt)
{
    timer_cancel(&pt->tm);
    pt->tg->posix_timers->v[pt->id] = NULL;
    SLAB_FREE(TIMER, pt);
}

void posix_timers_free(struct tgroup *tg)
{
    struct posix_timers *p = tg->posix_timers;
    cpu_timers_free(tg);
    if (!p)
        return;
    for (uint32_t i = 0; i < p->size; i++)
        if (p->v[i])
            timer_free(p->v[i]);
    if (p->v)
        arena_free(p->v, p->size * sizeof(*p->v));
    arena_free(p, sizeof(*p));
    tg->posix_timers = NULL;
}

/* A free place in the table. */
static int place(struct tgroup *tg, uint32_t *ret)
{
    if (!tg->posix_timers) {
        tg->posix_timers = arena_alloc(sizeof(struct posix_timers));
        if (!tg->posix_timers)
            return -EAGAIN;
    }
    struct posix_timers *p = tg->posix_timers;
    for (uint32_t i = 0; i < p->size; i++) {
        if (!p->v[i]) {
            *ret = i;
            return 0;
        }
    }
    uint32_t size = p->size ? p->size * 2 : 8;
    if (size > POSIX_TIMERS_MAX)
        return -EAGAIN;
    struct posix_timer **v = p->v ? arena_realloc(p->v, p->size * sizeof(*v), size * sizeof(*v))
                                  : arena_alloc(size * sizeof(*v));
    if (!v)
        return -EAGAIN;
    *ret = p->size;
    p->v = v;
    p->size = size;
    return 0;
}

static int check_event(struct task *t, const struct linux_sigevent *ev)
{
    int notify = ev->sigev_notify;
    if (notify == LINUX_SIGEV_NONE)
        return 0;
    if (notify & LINUX_SIGEV_THREAD_ID) {
        struct task *o = task_named(t, ev->tid);
        if (!o || o->tg != t->tg || (notify & ~(LINUX_SIGEV_THREAD_ID | LINUX_SIGEV_THREAD)))
            return -EINVAL;
    } else if (notify != LINUX_SIGEV_SIGNAL && notify != LINUX_SIGEV_THREAD) {
        return -EINVAL;
    }
    return ev->sigev_signo < 1 || ev->sigev_signo > LINUX_NSIG ? -EINVAL : 0;
}

static int check_clock(struct task *t, int32_t clock, bool *ret_cpu)
{
    *ret_cpu = clock < 0 || clock == LINUX_CLOCK_PROCESS_CPUTIME_ID ||
               clock == LINUX_CLOCK_THREAD_CPUTIME_ID;
    switch (clock) {
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_REALTIME_COARSE:
    case LINUX_CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
    case LINUX_CLOCK_REALTIME_ALARM:
    case LINUX_CLOCK_BOOTTIME_ALARM: return task_capable(t, LINUX_CAP_WAKE_ALARM) ? 0 : -EPERM;
    default: return clock_valid(t, clock);
    }
}

int64_t sys_timer_create(struct task *t, const struct sys_args *a)
{
    int32_t clock = arg_int(a, 0);
    struct linux_sigevent ev = {.sigev_notify = LINUX_SIGEV_SIGNAL, .sigev_signo = LINUX_SIGALRM};
    bool given = a->arg[1] != 0, cpu;
    if (given && copy_in(t, &ev, arg_uaddr(a, 1), sizeof(ev)))
        return -EFAULT;
    int err = check_clock(t, clock, &cpu);
    if (err)
        return err;
    uint32_t id;
    err = place(t->tg, &id);
    if (err)
        return err;
    err = check_event(t, &ev);
    if (err)
        return err;
    if (!given)
        ev.sigev_value.sival_int = (int32_t)id;
    if (copy_out_u32(t, arg_uaddr(a, 2), id))
        return -EFAULT;
    struct posix_timer *pt = SLAB_NEW(TIMER, struct posix_timer);
    if (!pt)
        return -EAGAIN;
    timer_init(&pt->tm, fired);
    pt->tg = t->tg;
    pt->id = (int32_t)id;
    pt->clock = clock;
    pt->cpu = cpu;
    pt->notify = ev.sigev_notify;
    pt->signo = ev.sigev_signo;
    pt->tid = ev.sigev_notify & LINUX_SIGEV_THREAD_ID
                  ? pid_named(t, ev.tid)
                  : (clock == LINUX_CLOCK_THREAD_CPUTIME_ID ? t->tid : 0);
    pt->value = ev.sigev_value;
    t->tg->posix_timers->v[id] = pt;
    return 0;
}

/* The clock of a thread is read before it is reckoned with: by t, in its own process. 0, -EBLOCKED, -ENOMEM. */
static int64_t refresh(struct task *t, const struct posix_timer *pt)
{
    int64_t ns;
    struct task *of = pt->cpu && pt->clock != LINUX_CLOCK_PROCESS_CPUTIME_ID ? thread_of(pt) : NULL;
    if (!of || !of->thread || t->tg->ntasks == 1 || platform_stop(t->thread) != STOP_CONTEXT ||
        platform_space(of->thread) != platform_space(t->thread))
        return 0;
    return task_ask_clock(t, of, &ns);
}

static void current_setting(const struct posix_timer *pt, struct linux_itimerspec *ret)
{
    int64_t left = pt->due_ns ? MAX(pt->due_ns - now_of(pt), (int64_t)1) : 0;
    ret->it_value = timespec_of(left);
    ret->it_interval = timespec_of(pt->interval_ns);
}

int64_t sys_timer_settime(struct task *t, const struct sys_args *a)
{
    struct linux_itimerspec spec, old;
    if (a->arg[2] == 0)
        return -EINVAL;
    if (copy_in(t, &spec, arg_uaddr(a, 2), sizeof(spec)))
        return -EFAULT;
    if (!timespec_valid(&spec.it_value) || !timespec_valid(&spec.it_interval))
        return -EINVAL;
    struct posix_timer *pt = find(t->tg, arg_int(a, 0));
    if (!pt)
        return -EINVAL;
    int64_t err = refresh(t, pt);
    if (err)
        return err;
    current_setting(pt, &old);
    int64_t value = timespec_ns(&spec.it_value);
    pt->interval_ns = timespec_ns(&spec.it_interval);
    pt->overrun = pt->last_overrun = 0;
    pt->due_ns = 0;
    if (value)
        pt->due_ns =
            arg_uint(a, 1) & LINUX_TIMER_ABSTIME ? value : saturating_add_i64(now_of(pt), value);
    arm(pt);
    if (a->arg[3] && copy_out(t, arg_uaddr(a, 3), &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

int64_t sys_timer_gettime(struct task *t, const struct sys_args *a)
{
    struct linux_itimerspec cur;
    struct posix_timer *pt = find(t->tg, arg_int(a, 0));
    if (!pt)
        return -EINVAL;
    int64_t err = refresh(t, pt);
    if (err)
        return err;
    current_setting(pt, &cur);
    return copy_out(t, arg_uaddr(a, 1), &cur, sizeof(cur));
}

int64_t sys_timer_getoverrun(struct task *t, const struct sys_args *a)
{
    struct posix_timer *pt = find(t->tg, arg_int(a, 0));
    return pt ? pt->last_overrun : -EINVAL;
}

int64_t sys_timer_delete(struct task *t, const struct sys_args *a)
{
    struct posix_timer *pt = find(t->tg, arg_int(a, 0));
    if (!pt)
        return -EINVAL;
    timer_free(pt);
    return 0;
}
