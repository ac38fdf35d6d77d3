/* sentry/signal/signal.h - sending, queueing, delivering signals.
 *
 * Owner    struct sighand is shared by the tasks of a group (and by CLONE_SIGHAND).
 * Locks    the kernel lock.
 * Spec     signal(7), sigaction(2), rt_sigqueueinfo(2), kill(2). Behaviour of Linux 6.12.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "abi/signal.h"
#include "base/compiler.h"
#include "base/ref.h"

struct task;
struct tgroup;
struct pgrp;
struct cred;

struct sighand {
    struct ref ref;
    struct linux_sigaction action[64];
};

#define SIGBIT(n) (1ULL << ((n)-1))

/* Sends to a thread / a process / a group. info NULL: SI_KERNEL with the signal number. No permission check.
 * -EAGAIN the queue's limit (only for real-time signals sent with sigqueue). */
int signal_send_task(struct task *t, int sig, const struct linux_siginfo *info);
int signal_send_group(struct tgroup *tg, int sig, const struct linux_siginfo *info);
int signal_send_pgrp(struct pgrp *pg, int sig, const struct linux_siginfo *info); /* -ESRCH nobody */
/* A fault of t itself: cannot be blocked or ignored; then the default action. */
void signal_force(struct task *t, const struct linux_siginfo *info);
/* kill(2)'s permission rule. 0 or -EPERM. */
NODISCARD int signal_permitted(const struct task *from, const struct task *to, int sig);

/* Is an unblocked, not ignored signal pending for t? */
bool signal_pending(const struct task *t);
/* Takes one pending signal out of `set` (t's own, then the group's). 0 if none; *ret filled otherwise. For sigtimedwait, signalfd. */
int signal_dequeue(struct task *t, uint64_t set, struct linux_siginfo *ret);
/* Before t goes back to the application in STOP_CONTEXT: delivers all that is due (frames on its stack), stops or kills it.
 * in_call: the context is the exit of system call nr with result (maybe a restart code): restarts are decided here.
 * Returns true if t may be resumed, false if it stopped or died. */
NODISCARD bool signal_deliver(struct task *t, bool in_call, uint64_t nr, int64_t result);

void sigpending_init(struct task *t);
