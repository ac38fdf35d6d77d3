/* sentry/task/wait.h - waiting without stacks: wait queues, parked tasks, restarts (DESIGN.md 4).
 *
 * What     A handler that cannot go on returns what task_wait() returned: -EBLOCKED parks the task; waking it puts it on
 *          the run queue, and the handler runs again from its top with the same arguments and task->restart kept.
 *          File operations never park: they return -EAGAIN, and the generic call (vfs/file_block.h) waits on the file's queue.
 * Locks    the kernel lock.
 *
 * I1  a waiter is added under the same kernel-lock hold in which the condition was found false: no wake-up is lost.
 * I2  before a handler runs again all its waiters have been removed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/types.h"

struct task;
struct waiter;

/* A queue of who wants to know. Embedded, list_init by waitq_init. */
struct waitq {
    struct list_node waiters;
};
typedef void (*waiter_fn)(struct waiter *w, uint32_t events);
/* events: LINUX_POLL* bits. fn is called with the waiter still queued; it may remove it. */
struct waiter {
    struct list_node node;
    uint32_t events;
    bool exclusive; /* waitq_wake stops after the first exclusive waiter that it woke */
    bool calls;     /* fn, else task is woken */
    union {
        struct task *task;
        waiter_fn fn;
    };
};

void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct waiter *w);
void waiter_init_task(struct waiter *w, struct task *t, uint32_t events);
void waiter_init_fn(struct waiter *w, waiter_fn fn, uint32_t events);
void waiter_remove(struct waiter *w); /* not queued: nothing */
/* Wakes all whose events intersect (exclusive ones: the first). WAKE_ALL for queues without poll meaning. */
#define WAKE_ALL 0xffffffffu
void waitq_wake(struct waitq *q, uint32_t events);

/* What a handler remembers over -EBLOCKED. Zeroed when a call begins. */
struct restart {
    bool again;     /* this is not the first run */
    bool timed_out; /* the deadline passed */
    bool has_deadline;
    bool filled;         /* mm_fill() has done its work */
    int64_t deadline_ns; /* CLOCK_MONOTONIC of the kernel, TIME_NONE: none */
    uint64_t done;       /* bytes or items finished so far */
    uint64_t u[4];       /* the handler's own */
    void *obj;           /* the handler's own */
    void (*cleanup)(
        struct task *
            t); /* run when the call ends for good (also by exit); a handler that has cleaned up sets NULL */
};

/* Parks on q until events, a signal or the deadline (absolute kernel monotonic ns, TIME_NONE).
 * -EBLOCKED parked: return it. -ERESTARTSYS a signal is pending: return it, or what the call says. -ETIMEDOUT. */
NODISCARD int task_wait(struct task *t, struct waitq *q, uint32_t events, int64_t deadline_ns);
/* The same for several queues: add waiters of your own (allocated; restart.obj owns them), then park. Returns as task_wait;
 * when it is not -EBLOCKED the caller removes its waiters.. */
NODISCARD int task_park(struct task *t, int64_t deadline_ns);
/* Absolute deadline of a relative timeout, fixed at the first run of the call. rel_ns < 0: TIME_NONE. */
int64_t task_deadline_after(struct task *t, int64_t rel_ns);
/* Makes a parked task run its handler again (any waker). Harmless on others. */
void task_wake(struct task *t);
/* Does the queued memory operations now (platform_sync) and runs the handler again when they are done. In STOP_CALL nothing can
 * be queued: the handler is run again in STOP_CONTEXT.
 * Returns -EBLOCKED; at the next run task_sync_result() is 0 or the error of the host. */
NODISCARD int task_sync(struct task *t);
int task_sync_result(struct task *t);
/* As task_wait, but only the end of the task ends the wait. */
NODISCARD int task_wait_killable(struct task *t, struct waitq *q, uint32_t events,
                                 int64_t deadline_ns);
