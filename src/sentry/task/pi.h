/* sentry/task/pi.h - priority-inheriting futexes: who owns one is the thread named by its word, who waits is known here.
 *
 * What     Programs take and give a free lock by themselves: 0 <-> tid, in one instruction. Once the WAITERS bit is set that fails
 *          for all, and the word is changed here only, under the kernel lock, with plain reads and writes. The bit itself is set by
 *          the calling thread, with the host's FUTEX_WAKE_OP, which is atomic: the first run of a call asks for it, the next
 *          one looks again.
 * Owner    a waiter belongs to its task's call (restart.obj); a lock exists here while it has waiters.
 * Locks    the kernel lock; callers of pi_lock and pi_cmp_requeue are in STOP_CONTEXT.
 * Spec     futex(2), "Priority-inheritance futexes". Waiters get the lock by real-time priority, then in order of arrival; the
 *          owner's own priority is not raised, since the host schedules. A FUTEX_WAKE does not see FUTEX_WAIT_REQUEUE_PI.
 *
 * I1  pi_lock.owner is the thread in the word while there are waiters; other words are refused with -EINVAL.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/types.h"

struct task;

struct pi_wait {
    bool has_deadline;
    int32_t clock; /* of until_ns: LINUX_CLOCK_REALTIME, LINUX_CLOCK_MONOTONIC */
    int64_t until_ns;
};

/* All: -EFAULT, -EINVAL (alignment, inconsistent state), -EBLOCKED. */
/* 0: t owns it. -EDEADLK, -ESRCH no such owner, -EAGAIN only with try_only, -ETIMEDOUT, -ERESTARTNOINTR. */
int64_t pi_lock(struct task *t, struct uaddr at, bool private, bool try_only,
                const struct pi_wait *w);
/* -EPERM not the owner. */
int64_t pi_unlock(struct task *t, struct uaddr at, bool private);
/* Sleeps on from; pi_cmp_requeue() moves it to to. 0: t owns `to`. -EAGAIN other value, or a signal after the move. -ETIMEDOUT. */
int64_t pi_wait_requeue(struct task *t, struct uaddr from, uint32_t value, struct uaddr to,
                        bool private, const struct pi_wait *w);
/* The first waiter gets `to` if it is free, up to max others wait for it. Their number. -EAGAIN other value. */
int64_t pi_cmp_requeue(struct task *t, struct uaddr from, uint32_t value, struct uaddr to,
                       bool private, int32_t max);
/* t ends, or its memory goes: what it owns goes to the next with OWNER_DIED. */
void pi_exit(struct task *t);
