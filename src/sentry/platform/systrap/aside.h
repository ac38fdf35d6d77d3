/* sentry/platform/systrap/aside.h - keeps one thread off the CPU of the worker that spins for it, which the host seldom does by
 * itself: it wakes a thread where it slept, and that is where the worker is.
 *
 * How      by the thread's CPU affinity; the set of the sandbox comes back at the end. A thread whose set is the application's
 *          (th->bound) is left alone, and nobody is cloned by a thread that is kept off.
 * Owner    the worker that spins (attach.c); one thread at a time.
 * Locks    the kernel lock, but for init.
 * Spec     sched_setaffinity(2).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct thread;

/* How many CPUs the sandbox has; 1 if the host does not say. */
uint32_t aside_init(void);
/* th, which is stopped, will go on elsewhere than here. False: it has no other CPU. */
bool aside_take(struct thread *th);
/* Whoever is kept off may run anywhere again. */
void aside_end(void);
