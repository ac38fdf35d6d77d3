/* sentry/task/run.h - the run loop: from a stop of an application thread to its resumption.
 *
 * Context  a worker with the kernel lock (platform events, run_queue).
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
