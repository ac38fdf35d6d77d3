/* sentry/time/posix_timers.h - timer_create(2) timers and the CPU interval timers of a process.
 *
 * Owner    the thread group; gone with exec and with its end.
 * Locks    the kernel lock.
 * Spec     timer_create(2), setitimer(2). A timer has at most one signal pending; further expirations count as overruns.
 */
#pragma once
#include <stdint.h>

#include "abi/time.h"
#include "base/compiler.h"

struct linux_siginfo;
struct task;
struct tgroup;

/* Ends all timers of the group (exec, exit). */
void posix_timers_free(struct tgroup *tg);
/* A timer's signal is being taken: fills overruns, arms the next period. */
void posix_timer_delivered(struct tgroup *tg, struct linux_siginfo *info);
/* Interval timers: REAL is a timer on the monotonic clock; the CPU ones poll. Values in ns; 0: off. */
void itimer_set(struct tgroup *tg, int which, int64_t value_ns, int64_t interval_ns);
void itimer_get(struct tgroup *tg, int which, int64_t *ret_value_ns, int64_t *ret_interval_ns);
/* The soft RLIMIT_CPU was changed, or the group was made. */
void cpu_limit_changed(struct tgroup *tg);
/* Now on a clock that programs name: fixed ones, and CPU clocks of processes and threads. -EINVAL no such clock. */
NODISCARD int clock_read(struct task *t, int32_t clock, int64_t *ret_ns);
NODISCARD int clock_valid(struct task *t, int32_t clock); /* for clock_getres: 0 or -EINVAL */
