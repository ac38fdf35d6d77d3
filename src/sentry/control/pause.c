/* sentry/control/pause.c - all stop, all go on. */
#include <errno.h>

#include "base/err.h"
#include "sentry/control/control_priv.h"
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"

#define LOOK_NS     (1 * NSEC_PER_MSEC)
#define PATIENCE_NS (5 * NSEC_PER_SEC)

/* Threads of the application stop on their own CPUs: it is looked after until they have. */
static void look(struct timer *tm)
{
    struct control_root *r = container_of(tm, struct control_root, pause_timer);
    bool done = tasks_are_frozen(), late = clock_monotonic_ns() > r->pause_deadline_ns;
    if (!done && !late) {
        timer_set(tm, clock_monotonic_ns() + LOOK_NS);
        return;
    }
    if (!done)
        tasks_freeze(false);
    r->container->paused = done;
    r->pausing = false;
    struct conn *k, *next;
    LIST_FOREACH_SAFE (k, next, &r->conns, node)
        if (k->pausing)
            pause_answer(k, done ? 0 : -ETIMEDOUT);
}

void pause_init(struct control_root *r) { timer_init(&r->pause_timer, look); }

void call_pause(struct call *c)
{
    struct control_root *r = kern()->control;
    struct container *k = c->container;
    if (k->further) {
        (void)call_fail(c, -EOPNOTSUPP, "one container of several cannot be paused yet");
        return;
    }
    if (!k->started || k->paused || r->pausing) {
        (void)call_fail(c, -EINVAL, "the container is %s", k->started ? "paused" : "not running");
        return;
    }
    tasks_freeze(true);
    c->conn->pausing = c->later = r->pausing = true;
    r->pause_deadline_ns = clock_monotonic_ns() + PATIENCE_NS;
    timer_set(&r->pause_timer, clock_monotonic_ns() + LOOK_NS / 10);
}

void call_resume(struct call *c)
{
    if (!c->container->paused) {
        (void)call_fail(c, -EINVAL, "the container is not paused");
        return;
    }
    c->container->paused = false;
    tasks_freeze(false);
}
