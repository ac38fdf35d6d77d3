/* sentry/task/cputime.h - CPU time that a thread asks its host for, about itself and others of its process.
 *
 * What     All are called again after -EBLOCKED, from the same handler; t in STOP_CONTEXT.
 * Trust    the numbers have gone through the thread's own memory: a program can only lie about itself, to itself.
 * Locks    the kernel lock.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/resource.h"
#include "base/compiler.h"

struct task;

/* A thread of several: what is known (task_cpu_ns) may be old. The most that it can be by now, by what its process has used. */
int64_t task_cpu_most_ns(const struct task *t);
/* Interrupts t so that it asks; later its time is known. Nothing for one that is alone or not running. */
void task_cpu_refresh(struct task *t);
/* As known; asks when that is old: for those who look again and again (/proc). */
int64_t task_cpu_told_ns(struct task *t);
/* For run.c: t has been interrupted; true if it goes on by way of task_sync(). Then, before it goes on. */
bool task_cpu_read_begin(struct task *t);
void task_cpu_read_end(struct task *t);
/* getrusage(2) of the host for t's thread or t's process. 0, -EBLOCKED, -ENOMEM. */
NODISCARD int64_t task_ask_rusage(struct task *t, int who, struct linux_rusage *ret);
/* The CPU time of `of`, a thread of the same space. 0, -EBLOCKED, -ENOMEM. */
NODISCARD int64_t task_ask_clock(struct task *t, struct task *of, int64_t *ret_ns);
