/* sentry/platform/systrap/aside.h - keeps threads off the CPU of the worker that spins for them, which the host seldom does by
 * itself: it wakes a thread where it slept, and that is where the worker is.
 *
 * How      by the thread's CPU affinity; the set of the sandbox comes back at the end. A thread whose set is the application's
 *          (th->bound) is left alone, and nobody is cloned by a thread that is kept off.
 * Owner    the worker that spins (attach.c).
 * Locks    the kernel lock, but for init and here.
 * Spec     sched_setaffinity(2).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct thread;

#define ASIDE_MAX 32u

/* How many CPUs the sandbox has; 1 if the host does not say. */
uint32_t aside_init(void);
/* From now on the calling worker's CPU is the one to be kept free; nobody is kept off yet. False: there is no other one. */
bool aside_begin(void);
/* th, which is stopped, will go on elsewhere than there. False: it cannot, or there are ASIDE_MAX. */
bool aside_take(struct thread *th);
/* It may run anywhere again. */
void aside_give(struct thread *th);
/* All of them may. */
void aside_end(void);
/* The caller is on the CPU that is kept free. */
bool aside_here(void);
