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
/* ITIMER_REAL, on the monotonic clock. Values in ns; 0: off. */
void itimer_set(struct tgroup *tg, int64_t value_ns, int64_t interval_ns);
void itimer_get(struct tgroup *tg, int64_t *ret_value_ns, int64_t *ret_interval_ns);
/* ITIMER_VIRTUAL, ITIMER_PROF: the host's own timers of the process, which signal the thread that runs. t: STOP_CONTEXT. 0,
 * -EBLOCKED (call again with the same arguments), -ENOMEM. */
NODISCARD int64_t cpu_itimer_set(struct task *t, int which, const struct linux_itimerval *v,
                                 struct linux_itimerval *ret_old);
NODISCARD int64_t cpu_itimer_get(struct task *t, int which, struct linux_itimerval *ret);
void cpu_itimer_fired(struct tgroup *tg, int signo);
void cpu_itimers_carry(struct task *t); /* t has a new space (exec): queues them there */
/* The soft RLIMIT_CPU was changed, or the group was made. */
void cpu_limit_changed(struct tgroup *tg);
/* Now on a clock that programs name: fixed ones, and CPU clocks of processes and threads. -EINVAL no such clock. */
NODISCARD int clock_read(struct task *t, int32_t clock, int64_t *ret_ns);
struct task *clock_thread(struct task *t, int32_t clock);
NODISCARD int clock_valid(struct task *t, int32_t clock); /* for clock_getres: 0 or -EINVAL */
