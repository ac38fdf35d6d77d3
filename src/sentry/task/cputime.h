/* sentry/task/cputime.h - CPU time that a thread asks its host for, about itself and others of its process.
 *
 * What     All are called again after -EBLOCKED, from the same handler; t in STOP_CONTEXT.
 * Trust    the numbers have gone through the thread's own memory: a program can only lie about itself, to itself.
 * Locks    the kernel lock.
 */
#pragma once
#include <stdint.h>

#include "abi/resource.h"
#include "base/compiler.h"

struct task;

/* getrusage(2) of the host for t's thread or t's process. 0, -EBLOCKED, -ENOMEM. */
NODISCARD int64_t task_ask_rusage(struct task *t, int who, struct linux_rusage *ret);
/* The CPU time of `of`, a thread of the same space. 0, -EBLOCKED, -ENOMEM. */
NODISCARD int64_t task_ask_clock(struct task *t, struct task *of, int64_t *ret_ns);
