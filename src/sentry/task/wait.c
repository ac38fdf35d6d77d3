#include "sentry/task/wait.h"

#include "base/checked.h"
#include "base/err.h"
#include "sentry/kernel.h"
#include "sentry/task/task_priv.h"

void waitq_init(struct waitq *q) { list_init(&q->waiters); }

void waitq_add(struct waitq *q, struct waiter *w)
{
    /* A queue in zeroed memory that nobody has initialised yet is empty. */
    if (!q->waiters.next)
        list_init(&q->waiters);
    if (w->exclusive)
        list_add_tail(&w->node, &q->waiters);
    else
        list_add_head(&w->node, &q->waiters);
}

void waiter_init_task(struct waiter *w, struct task *t, uint32_t events)
{
    *w = (struct waiter){.events = events, .task = t};
}

void waiter_init_fn(struct waiter *w, waiter_fn fn, uint32_t events)
{
    *w = (struct waiter){.events = events, .calls = true, .fn = fn};
}

void waiter_remove(struct waiter *w)
{
    if (list_is_linked(&w->node))
        list_del_init(&w->node);
}

/* A callback may remove its own waiter and add others; it may not remove a neighbour. So the queue is walked with a marker. */
void waitq_wake(struct waitq *q, uint32_t events)
{
    if (!q->waiters.next || list_empty(&q->waiters))
        return;
    struct waiter mark_memory = {.events = 0}, *mark = &mark_memory;
    __asm__("" : "+r"(mark)); /* it has left the queue before it dies, which gcc does not see */
    list_add_head(&mark->node, &q->waiters);
    while (mark->node.next != &q->waiters) {
        struct waiter *w = list_entry(mark->node.next, struct waiter, node);
        list_del(&mark->node);
        list_add_after(&mark->node, &w->node);
        if (!(w->events & events))
            continue;
        bool exclusive = w->exclusive;
        if (w->calls)
            w->fn(w, events);
        else
            task_wake(w->task);
        if (exclusive)
            break;
    }
    list_del(&mark->node);
}

static void wait_timeout(struct timer *tm)
{
    struct task *t = container_of(tm, struct task, wait_timer);
    if (t->state != TASK_PARKED)
        return;
    t->restart.timed_out = true;
    task_wake(t);
}

/* The end of a park for whatever reason (I2). */
static void park_end(struct task *t)
{
    waiter_remove(&t->wait);
    timer_cancel(&t->wait_timer);
}

void task_queue(struct task *t, enum task_next next)
{
    park_end(t);
    t->next = next;
    t->state = TASK_QUEUED;
    if (list_is_linked(&t->run_node))
        return;
    list_add_tail(&t->run_node, &kern()->tasks->run_queue);
}

void task_unpark(struct task *t)
{
    park_end(t);
    if (list_is_linked(&t->run_node))
        list_del_init(&t->run_node);
    t->state = TASK_RUNNING;
}

void task_wake(struct task *t)
{
    if (t->state == TASK_PARKED && !t->syncing)
        task_queue(t, TASK_NEXT_CALL);
}

static int park(struct task *t, int64_t deadline_ns, bool interrupted)
{
    if (t->restart.timed_out)
        return -ETIMEDOUT;
    if (deadline_ns != TIME_NONE && clock_monotonic_ns() >= deadline_ns) {
        t->restart.timed_out = true;
        return -ETIMEDOUT;
    }
    if (interrupted)
        return -ERESTARTSYS;
    t->restart.again = true;
    t->state = TASK_PARKED;
    t->nvcsw++;
    if (deadline_ns != TIME_NONE) {
        t->wait_timer.fn = wait_timeout;
        timer_set(&t->wait_timer, deadline_ns);
    }
    return -EBLOCKED;
}

int task_park(struct task *t, int64_t deadline_ns)
{
    t->killable_only = false;
    return park(t, deadline_ns, task_interrupted(t));
}

static int wait_on(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns,
                   bool interrupted)
{
    int r = park(t, deadline_ns, interrupted);
    if (r == -EBLOCKED) {
        waiter_init_task(&t->wait, t, events);
        waitq_add(q, &t->wait);
    }
    return r;
}

int task_wait(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns)
{
    t->killable_only = false;
    return wait_on(t, q, events, deadline_ns, task_interrupted(t));
}

int task_wait_killable(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns)
{
    t->killable_only = true;
    return wait_on(t, q, events, deadline_ns, t->exiting);
}

int64_t task_deadline_after(struct task *t, int64_t rel_ns)
{
    struct restart *r = &t->restart;
    if (!r->has_deadline) {
        r->has_deadline = true;
        r->deadline_ns = rel_ns < 0 ? TIME_NONE : saturating_add_i64(clock_monotonic_ns(), rel_ns);
    }
    return r->deadline_ns;
}

int task_sync(struct task *t)
{
    t->restart.again = true;
    t->state = TASK_PARKED;
    t->syncing = true;
    t->sync_error = 0;
    if (platform_stop(t->thread) == STOP_CALL)
        platform_return_and_stop(t->thread, 0);
    else
        platform_sync(t->thread);
    return -EBLOCKED;
}

int task_sync_result(struct task *t) { return t->sync_error; }
