/* sentry/task/run.h - the run loop: from a stop of an application thread to its resumption.
 *
 * What     A call's handler runs; its result is given at once unless a signal handler must run first. In STOP_CALL only
 *          number and arguments are there, so the call is answered with "return and stop" and the handler's frame is made at the
 *          interrupted() that follows. A call that was interrupted for a signal without a handler (or for job control) is simply
 *          run again in place, with its restart state; the application never sees that.
 * Context  a worker with the kernel lock (platform events, run_queue).
 *
 * I1  only run.c resumes or answers a thread; t->thread is read again after every handler (exec changes it).
 * I2  while t->in_handler is set, others only set flags of t: the end of the handler looks at them.
 * I3  tasks end in task_exit(), which run.c calls: for others they are queued with t->exiting set.
 */
#pragma once
#include "base/compiler.h"
#include "sentry/platform/platform.h"

struct task;

/* The upcalls given to platform_init. */
extern const struct platform_events task_platform_events;

/* Runs queued tasks (their handlers, from the top) until the queue is empty. Called by workers and the I/O thread before
 * they drop the kernel lock. */
void run_queue(void);

/* A parked or running task must look at its signals, stop, or exit: wakes or interrupts it. */
void task_kick(struct task *t);

/* True if a deliverable signal, stop or exit is waiting: handlers that would park return -ERESTARTSYS instead. */
bool task_interrupted(const struct task *t);

/* The start of the first process: runs exec on a task that is in STOP_CONTEXT or has no thread yet; when fn (exec_start and the
 * like) has returned 0 the task goes to the application. Other results are returned and change nothing. */
void task_start(struct task *t);

/* STOP_CONTEXT: t's thread makes this host call before it goes on; a failure becomes the result of t's call (or of task_sync_result).
 * Forgets what an earlier memory operation would have undone. -ENOMEM */
NODISCARD int task_native_call(struct task *t, uint64_t nr, const uint64_t args[6]);

/* restart_syscall(2): the call that was left with -ERESTART_RESTARTBLOCK, with its deadline; a new run of its handler. */
int64_t task_call_again(struct task *t);
