/* sentry/control/pause.c - all of a container stop, all go on; with the first one the whole sandbox. */
#include <errno.h>

#include "base/err.h"
#include "sentry/control/control_priv.h"
#include "sentry/kernel.h"
#include "sentry/ns/container.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"

#define LOOK_NS     (1 * NSEC_PER_MSEC)
#define PATIENCE_NS (5 * NSEC_PER_SEC)

static struct tgroup *member_next(const struct container *k, int32_t after)
{
    return k->set ? container_next(k->set, after) : NULL;
}

static void freeze(const struct container *k, bool frozen)
{
    if (!k->further) {
        tasks_freeze(frozen);
        return;
    }
    for (struct tgroup *tg = member_next(k, 0), *next; tg; tg = next) {
        next = member_next(k, tg->pid);
        tgroup_freeze(tg, frozen);
    }
}

static bool is_frozen(const struct container *k)
{
    if (!k->further)
        return tasks_are_frozen();
    for (struct tgroup *tg = member_next(k, 0); tg; tg = member_next(k, tg->pid))
        if (!tgroup_is_frozen(tg))
            return false;
    return true;
}

/* Threads of the application stop on their own CPUs: it is looked after until they have. */
static void look(struct timer *tm)
{
    struct control_root *r = container_of(tm, struct control_root, pause_timer);
    struct container *of = r->pausing;
    bool done = is_frozen(of), late = clock_monotonic_ns() > r->pause_deadline_ns;
    if (!done && !late) {
        timer_set(tm, clock_monotonic_ns() + LOOK_NS);
        return;
    }
    if (!done)
        freeze(of, false);
    of->paused = done && !of->ended;
    r->pausing = NULL;
    struct conn *k, *next;
    LIST_FOREACH_SAFE (k, next, &r->conns, node)
        if (k->pausing)
            pause_answer(k, done ? 0 : -ETIMEDOUT);
    container_put(of);
}

void pause_init(struct control_root *r) { timer_init(&r->pause_timer, look); }

void call_pause(struct call *c)
{
    struct control_root *r = kern()->control;
    struct container *k = c->container;
    if (r->pausing) {
        (void)call_fail(c, -EBUSY, "a container of the sandbox is being paused");
        return;
    }
    if (!k->started || k->paused) {
        (void)call_fail(c, -EINVAL, "the container is %s", k->started ? "paused" : "not running");
        return;
    }
    k->users++;
    r->pausing = k;
    freeze(k, true);
    c->conn->pausing = c->later = true;
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
    freeze(c->container, false);
}
