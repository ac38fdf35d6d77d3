/* Job control: a group stops as a whole, at once; its threads are found parked or interrupted and stay so. */
#include "base/list.h"
#include "sentry/kernel.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"

static void kick_all(struct tgroup *tg)
{
    struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        task_kick(t);
}

void tgroup_stop(struct tgroup *tg, int sig)
{
    if (tg->group_exit || tg->stopped)
        return;
    tg->stopped = true;
    tg->stop_signal = sig;
    tg->stop_reported = false;
    tg->continued_pending = false;
    tgroup_notify_parent(tg, LINUX_CLD_STOPPED, sig);
    kick_all(tg);
}

void tgroup_continue(struct tgroup *tg)
{
    if (!tg->stopped)
        return;
    tg->stopped = false;
    tg->continued_pending = true;
    tgroup_notify_parent(tg, LINUX_CLD_CONTINUED, LINUX_SIGCONT);
    kick_all(tg);
}

bool tgroup_held(const struct tgroup *tg)
{
    return tg->stopped || tg->frozen || kern()->tasks->frozen;
}

void tasks_freeze(bool frozen)
{
    kern()->tasks->frozen = frozen;
    for (struct tgroup *tg = tgroup_next(0), *next; tg; tg = next) {
        next = tgroup_next(tg->pid);
        kick_all(tg);
    }
}

void tgroup_freeze(struct tgroup *tg, bool frozen)
{
    tg->frozen = frozen;
    kick_all(tg);
}

bool tgroup_is_frozen(const struct tgroup *tg)
{
    struct task *t;
    LIST_FOREACH (t, &tg->tasks, tg_node)
        if (t->state == TASK_RUNNING && t->thread && platform_stop(t->thread) == STOP_RUNNING)
            return false;
    return true;
}

bool tasks_are_frozen(void)
{
    for (struct tgroup *tg = tgroup_next(0); tg; tg = tgroup_next(tg->pid))
        if (!tgroup_is_frozen(tg))
            return false;
    return true;
}
