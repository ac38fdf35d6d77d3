#include "sentry/ipc/timerfd.h"

#include "abi/fcntl.h"
#include "abi/poll.h"
#include "base/checked.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/slab.h"
#include "sentry/task/task.h"
#include "sentry/time/step.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

struct timerfd {
    struct timer timer;
    int32_t clockid;
    uint32_t settime_flags;
    int64_t interval_ns; /* 0: once */
    uint64_t ticks;      /* not read yet */
    bool expired;        /* fired, and not started again */
    bool canceled;       /* the clock was set, and nobody was told */
    int64_t due_ns;      /* TFD_TIMER_ABSTIME: on its own clock */
    struct clock_step step;
    struct waitq wait;
};

static int64_t timerfd_clock(const struct timerfd *tf)
{
    switch (tf->clockid) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_REALTIME_ALARM: return clock_realtime_ns();
    case LINUX_CLOCK_BOOTTIME:
    case LINUX_CLOCK_BOOTTIME_ALARM: return clock_boottime_ns();
    default: return clock_monotonic_ns();
    }
}

static void timerfd_fire(struct timer *tm)
{
    struct timerfd *tf = container_of(tm, struct timerfd, timer);
    tf->expired = true;
    tf->ticks++;
    waitq_wake(&tf->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}

/* A periodic timer that has fired: counts the periods since, and starts again. */
static void timerfd_catch_up(struct timerfd *tf)
{
    if (!tf->expired || !tf->interval_ns)
        return;
    int64_t late = MAX(clock_monotonic_ns() - tf->timer.deadline_ns, INT64_C(0));
    int64_t periods = late / tf->interval_ns;
    tf->ticks += (uint64_t)periods;
    tf->expired = false;
    timer_set(&tf->timer,
              saturating_add_i64(tf->timer.deadline_ns, (periods + 1) * tf->interval_ns));
}

/* An absolute time on the wall clock is another time now. */
static void timerfd_clock_set(struct clock_step *s)
{
    struct timerfd *tf = container_of(s, struct timerfd, step);
    if (timer_armed(&tf->timer))
        timer_set(&tf->timer,
                  saturating_add_i64(clock_monotonic_ns(), tf->due_ns - timerfd_clock(tf)));
    if (!(tf->settime_flags & LINUX_TFD_TIMER_CANCEL_ON_SET))
        return;
    tf->canceled = true;
    waitq_wake(&tf->wait, LINUX_POLLIN | LINUX_POLLRDNORM);
}

static ssize_t timerfd_read(struct file *f, struct uio *u, int64_t *pos)
{
    struct timerfd *tf = f->priv;
    if (u->resid < sizeof(uint64_t))
        return -EINVAL;
    if (tf->canceled) {
        tf->canceled = false;
        tf->ticks = 0;
        return -ECANCELED;
    }
    if (tf->ticks == 0)
        return -EAGAIN;
    timerfd_catch_up(tf);
    uint64_t v = tf->ticks;
    if (uio_put(u, &v, sizeof(v)) != sizeof(v))
        return -EFAULT;
    tf->ticks = 0;
    tf->expired = false;
    return sizeof(v);
}

static uint32_t timerfd_poll(struct file *f, struct waitq **ret_q)
{
    struct timerfd *tf = f->priv;
    *ret_q = &tf->wait;
    return tf->ticks || tf->canceled ? LINUX_POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *tf = f->priv;
    if (!tf)
        return;
    timer_cancel(&tf->timer);
    clock_step_leave(&tf->step);
    waitq_wake(&tf->wait, WAKE_ALL);
    SLAB_FREE(TIMERFD, tf);
}

static struct linux_timespec to_timespec(int64_t ns)
{
    return (struct linux_timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
}

static void timerfd_value(struct timerfd *tf, struct linux_itimerspec *ret)
{
    timerfd_catch_up(tf);
    int64_t left =
        timer_armed(&tf->timer) ? MAX(tf->timer.deadline_ns - clock_monotonic_ns(), INT64_C(1)) : 0;
    ret->it_value = to_timespec(left);
    ret->it_interval = to_timespec(tf->interval_ns);
}

static void timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
    struct timerfd *tf = f->priv;
    struct linux_itimerspec its;
    struct strbuf sb;
    timerfd_value(tf, &its);
    strbuf_init(&sb, buf, size);
    strbuf_printf(&sb, "clockid: %d\nticks: %llu\nsettime flags: 0%o\n", tf->clockid,
                  (unsigned long long)tf->ticks, tf->settime_flags);
    strbuf_printf(&sb, "it_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n",
                  (long long)its.it_value.tv_sec, (long long)its.it_value.tv_nsec,
                  (long long)its.it_interval.tv_sec, (long long)its.it_interval.tv_nsec);
}

static const struct file_ops timerfd_ops = {
    .name = "timerfd",
    .read = timerfd_read,
    .poll = timerfd_poll,
    .release = timerfd_release,
    .fdinfo = timerfd_fdinfo,
    .stream = true,
};

int timerfd_open(struct task *t, int32_t clockid, uint32_t flags, struct file **ret)
{
    struct timerfd *tf = SLAB_NEW(TIMERFD, struct timerfd);
    if (!tf)
        return -ENOMEM;
    tf->clockid = clockid;
    timer_init(&tf->timer, timerfd_fire);
    tf->step.fn = timerfd_clock_set;
    waitq_init(&tf->wait);
    int err =
        file_new_anon("anon_inode:[timerfd]", 0, &timerfd_ops, tf,
                      LINUX_O_RDWR | (flags & LINUX_TFD_NONBLOCK ? LINUX_O_NONBLOCK : 0), t, ret);
    if (err)
        SLAB_FREE(TIMERFD, tf);
    return err;
}

int timerfd_set(struct file *f, uint32_t flags, const struct linux_itimerspec *value,
                struct linux_itimerspec *ret_old)
{
    if (f->ops != &timerfd_ops)
        return -EINVAL;
    struct timerfd *tf = f->priv;
    if (ret_old)
        timerfd_value(tf, ret_old);
    timer_cancel(&tf->timer);
    clock_step_leave(&tf->step);
    tf->canceled = false;
    tf->settime_flags = flags;
    tf->ticks = 0;
    tf->expired = false;
    tf->interval_ns = saturating_ns(value->it_interval.tv_sec, value->it_interval.tv_nsec);
    int64_t at = saturating_ns(value->it_value.tv_sec, value->it_value.tv_nsec);
    bool wall = (flags & LINUX_TFD_TIMER_ABSTIME) &&
                (tf->clockid == LINUX_CLOCK_REALTIME || tf->clockid == LINUX_CLOCK_REALTIME_ALARM);
    if (wall && (at || (flags & LINUX_TFD_TIMER_CANCEL_ON_SET)))
        clock_step_join(&tf->step);
    tf->due_ns = at;
    if (at == 0)
        return 0;
    int64_t rel = flags & LINUX_TFD_TIMER_ABSTIME ? at - timerfd_clock(tf) : at;
    timer_set(&tf->timer, saturating_add_i64(clock_monotonic_ns(), rel));
    return 0;
}

int timerfd_get(struct file *f, struct linux_itimerspec *ret)
{
    if (f->ops != &timerfd_ops)
        return -EINVAL;
    timerfd_value(f->priv, ret);
    return 0;
}
